/* result: see the header. Cells stand mode by mode, in each by who asks, then by who answers. */
#include "lab/result.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A result in which nothing was measured. */
static struct ds_lab_result nothing(void)
{
	const double none = (double)NAN;
	struct ds_lab_result result = {
		.before_send_ns = none, .busy_idle = none, .busy_loaded = none};

	for (int host = 0; host < DS_LAB_HOSTS; host++) {
		for (int mode = 0; mode < DS_LAB_MODES; mode++) {
			struct ds_lab_cell *all = &result.host[host].all[mode];
			all->asks = host;
			all->answers = -1;
			all->mode = (enum ds_lab_mode)mode;
		}
	}
	return result;
}

static void make_cells(struct ds_lab_result *result)
{
	size_t n = 0;

	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		if (!(result->plan.modes & 1U << mode))
			continue;
		for (int asks = 0; asks < result->plan.hosts; asks++) {
			for (int answers = 0; answers < result->plan.hosts; answers++) {
				if (asks == answers)
					continue;
				result->cells[n].asks = asks;
				result->cells[n].answers = answers;
				result->cells[n].mode = (enum ds_lab_mode)mode;
				n++;
			}
		}
	}
	result->cell_count = n;
}

bool ds_result_init(struct ds_lab_result *result, const struct ds_lab_plan *plan)
{
	*result = nothing();
	result->plan = *plan;
	if (plan->hosts < 2 || plan->hosts > DS_LAB_HOSTS)
		return false;

	size_t hosts = (size_t)plan->hosts;
	result->cells = calloc(hosts * (hosts - 1) * DS_LAB_MODES, sizeof(*result->cells));
	if (!result->cells)
		return false;
	make_cells(result);
	return true;
}

void ds_result_free(struct ds_lab_result *result)
{
	for (size_t i = 0; i < result->cell_count; i++)
		free(result->cells[i].samples);
	free(result->cells);
	free(result->findings);
	*result = nothing();
}

struct ds_lab_cell *ds_result_cell(const struct ds_lab_result *result, int asks, int answers,
				   enum ds_lab_mode mode)
{
	for (size_t i = 0; i < result->cell_count; i++) {
		struct ds_lab_cell *cell = &result->cells[i];
		if (cell->asks == asks && cell->answers == answers && cell->mode == mode)
			return cell;
	}
	return NULL;
}

bool ds_cell_add(struct ds_lab_cell *cell, const struct ds_lab_sample *sample)
{
	if (!isfinite(sample->offset_ns) || !isfinite(sample->delay_ns)) {
		ds_cell_count(cell, DS_LAB_NOT_FINITE, 1);
		return true;
	}
	if (cell->sample_count == cell->sample_room) {
		size_t room = cell->sample_room > 0 ? 2 * cell->sample_room : 256;
		struct ds_lab_sample *samples =
			room > SIZE_MAX / sizeof(*samples)
				? NULL
				: realloc(cell->samples, room * sizeof(*samples));
		if (!samples)
			return false;
		cell->samples = samples;
		cell->sample_room = room;
	}
	cell->samples[cell->sample_count++] = *sample;
	return true;
}

static struct ds_lab_count *find_count(const struct ds_lab_cell *cell, const char *what)
{
	for (int i = 0; i < cell->count_count; i++) {
		/* A name that does not fit was cut when it came. */
		if (strncmp(cell->counts[i].what, what, sizeof(cell->counts[i].what) - 1) == 0)
			return (struct ds_lab_count *)&cell->counts[i];
	}
	return NULL;
}

void ds_cell_count(struct ds_lab_cell *cell, const char *what, double value)
{
	struct ds_lab_count *count = find_count(cell, what);

	if (!isfinite(value))
		return;
	if (!count && cell->count_count == DS_LAB_COUNTS - 1)
		what = DS_LAB_REST;
	if (!count && cell->count_count == DS_LAB_COUNTS)
		count = &cell->counts[DS_LAB_COUNTS - 1];
	if (!count) {
		count = &cell->counts[cell->count_count++];
		snprintf(count->what, sizeof(count->what), "%s", what);
		count->value = 0;
	}
	count->value += value;
}

double ds_cell_counted(const struct ds_lab_cell *cell, const char *what)
{
	const struct ds_lab_count *count = find_count(cell, what);

	return count ? count->value : 0;
}

bool ds_result_find(struct ds_lab_result *result, enum ds_lab_grade grade, int host,
		    const char *code, const char *format, ...)
{
	if (result->finding_count % 16 == 0) {
		size_t room = result->finding_count + 16;
		struct ds_lab_finding *findings =
			realloc(result->findings, room * sizeof(*findings));
		if (!findings)
			return false;
		result->findings = findings;
	}

	struct ds_lab_finding *finding = &result->findings[result->finding_count++];
	*finding = (struct ds_lab_finding){.grade = grade, .host = host};
	snprintf(finding->code, sizeof(finding->code), "%s", code);
	va_list list;
	va_start(list, format);
	vsnprintf(finding->text, sizeof(finding->text), format, list);
	va_end(list);
	return true;
}

size_t ds_result_group(const struct ds_lab_result *result, enum ds_lab_mode mode, bool new_asks,
		       bool new_answers, const struct ds_lab_cell *cells[DS_LAB_GROUP])
{
	size_t n = 0;

	for (size_t i = 0; i < result->cell_count; i++) {
		const struct ds_lab_cell *cell = &result->cells[i];
		if (cell->mode == mode && cell->known &&
		    result->plan.host[cell->asks].is_new == new_asks &&
		    result->plan.host[cell->answers].is_new == new_answers)
			cells[n++] = cell;
	}
	return n;
}

static bool is_outlier(const struct ds_lab_cell *cell, const struct ds_lab_sample *sample)
{
	return fabs(sample->offset_ns) > DS_LAB_OUTLIER_NS &&
	       ds_lab_mode_tells_departure(cell->mode) &&
	       (sample->interleaved || cell->mode == DS_LAB_PTP) &&
	       sample->condition != DS_LAB_BETWEEN && sample->source[0] != 'D' &&
	       sample->source[3] != 'D';
}

/* Into its place in a list in falling order; what does not fit falls off its end. */
static void insert(struct ds_lab_outlier *list, size_t count, size_t room,
		   struct ds_lab_outlier outlier)
{
	size_t at = count < room ? count : room;

	while (at > 0 && fabs(list[at - 1].sample->offset_ns) < fabs(outlier.sample->offset_ns)) {
		if (at < room)
			list[at] = list[at - 1];
		at--;
	}
	if (at < room)
		list[at] = outlier;
}

size_t ds_result_outliers(const struct ds_lab_result *result, struct ds_lab_outlier *list,
			  size_t room)
{
	size_t count = 0;

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		for (size_t i = 0; i < cell->sample_count; i++) {
			if (!is_outlier(cell, &cell->samples[i]))
				continue;
			insert(list, count, room, (struct ds_lab_outlier){cell, &cell->samples[i]});
			count++;
		}
	}
	return count;
}

bool ds_result_loaded(const struct ds_lab_result *result)
{
	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		for (size_t i = 0; i < cell->sample_count; i++) {
			if (cell->samples[i].condition == DS_LAB_LOADED)
				return true;
		}
	}
	return false;
}
