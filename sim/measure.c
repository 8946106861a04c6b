/* measure: see measure.h. */
#include "sim/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OVERSHOOT_S 1000.0

static int64_t time_of(const struct sim_world *w, int sample)
{
	return (sample + 1) * w->scenario->sample_ns;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, int count)
{
	double *sorted = malloc((size_t)(count > 0 ? count : 1) * sizeof *sorted);
	double result;

	if (sorted == NULL || count == 0) {
		free(sorted);
		return NAN;
	}
	memcpy(sorted, values, (size_t)count * sizeof *sorted);
	qsort(sorted, (size_t)count, sizeof *sorted, by_size);
	result = sorted[count / 2];
	free(sorted);
	return result;
}

static void measure_error(const struct sim_host *h, struct sim_figures *f)
{
	const struct sim_world *w = h->world;
	double *sizes = malloc((size_t)(h->sample_count + 1) * sizeof *sizes);
	double sum = 0.0, bound = 0.0;
	int n = 0, bounded = 0;

	if (sizes == NULL)
		return;
	for (int i = 0; i < h->sample_count; i++) {
		double error = fabs(h->samples[i].error_ns);

		if (time_of(w, i) < w->scenario->figures_ns || isnan(error))
			continue;
		sizes[n++] = error;
		sum += error * error;
		if (error > f->max_ns)
			f->max_ns = error;
		if (isfinite(h->samples[i].bound_ns)) {
			bound += h->samples[i].bound_ns;
			bounded++;
		}
	}
	f->rms_ns = n > 0 ? sqrt(sum / n) : NAN;
	f->median_ns = median(sizes, n);
	f->bound_ns = bounded > 0 ? bound / bounded : INFINITY;
	f->bound_ratio = f->bound_ns / f->rms_ns;
	free(sizes);
}

static void measure_bound(const struct sim_host *h, struct sim_figures *f)
{
	int64_t all = 0, inside = 0, hard = 0, claimed = 0;

	for (int i = 0; i < h->sample_count; i++) {
		const struct sim_sample *s = &h->samples[i];

		if (time_of(h->world, i) < h->synchronised_ns || isnan(s->error_ns))
			continue;
		all++;
		claimed += isfinite(s->bound_ns);
		inside += fabs(s->error_ns) <= s->bound_ns;
		hard += fabs(s->error_ns) <= s->hard_ns;
	}
	f->inside = all > 0 ? (double)inside / (double)all : NAN;
	f->inside_hard = all > 0 ? (double)hard / (double)all : NAN;
	f->claimed = all > 0 ? (double)claimed / (double)all : NAN;
}

/* From when on, in samples `from` to `to`, the error stays below the limit; INFINITY: never. */
static double settled_ns(const struct sim_host *h, int from, int to)
{
	int last = from - 1;

	for (int i = from; i < to; i++)
		if (!(fabs(h->samples[i].error_ns) < h->world->scenario->sync_ns))
			last = i;
	return last + 1 < to ? (double)(time_of(h->world, last + 1)) : INFINITY;
}

/* How far beyond zero it went, on the other side than it began. */
static double overshoot_ns(const struct sim_host *h, int from, double settled)
{
	double begun = from < h->sample_count ? h->samples[from].error_ns : 0.0;
	double furthest = 0.0;

	for (int i = from; i < h->sample_count; i++) {
		double beyond = begun > 0.0 ? -h->samples[i].error_ns : h->samples[i].error_ns;

		if ((double)time_of(h->world, i) > settled + OVERSHOOT_S * 1e9)
			break;
		if (beyond > furthest)
			furthest = beyond;
	}
	return furthest;
}

static void measure_sync(const struct sim_host *h, struct sim_figures *f)
{
	const struct sim_world *w = h->world;
	int64_t first_ns = INT64_MAX;
	int disturbed = -1;
	int to = h->sample_count;

	for (int i = 0; i < w->scenario->event_count; i++) {
		const struct sim_event_spec *e = &w->scenario->events[i];

		if (e->kind != SIM_EVENT_LINK && e->host == h->index && e->at_ns < first_ns)
			first_ns = e->at_ns;
	}
	/* the sample at that moment comes after it */
	if ((first_ns - 1) / w->scenario->sample_ns < to)
		to = (int)((first_ns - 1) / w->scenario->sample_ns);
	f->sync_ns = settled_ns(h, 0, to);
	f->recovery_ns = NAN;
	if (w->disturbed_ns >= 0 && first_ns != INT64_MAX)
		disturbed = (int)(w->disturbed_ns / w->scenario->sample_ns);
	if (disturbed >= 0) {
		double settled = settled_ns(h, disturbed, h->sample_count);

		f->recovery_ns = settled - (double)w->disturbed_ns;
		f->overshoot_ns = overshoot_ns(h, disturbed, settled);
	} else {
		f->overshoot_ns = overshoot_ns(h, 0, f->sync_ns);
	}
}

void sim_measure(const struct sim_host *h, struct sim_figures *f)
{
	memset(f, 0, sizeof *f);
	f->oracle_rms_ns = f->oracle_ratio = NAN;
	f->packets = (double)h->packets_sent;
	measure_error(h, f);
	measure_bound(h, f);
	measure_sync(h, f);
}

double sim_figure(const struct sim_figures *f, enum sim_metric metric)
{
	switch (metric) {
	case SIM_RMS:
		return f->rms_ns;
	case SIM_MAX:
		return f->max_ns;
	case SIM_SYNC:
		return f->sync_ns;
	case SIM_RECOVERY:
		return f->recovery_ns;
	case SIM_PACKETS:
		return f->packets;
	case SIM_OVERSHOOT:
		return f->overshoot_ns;
	case SIM_INSIDE:
		return f->inside;
	case SIM_HARD:
		return f->inside_hard;
	case SIM_BOUND:
		return f->bound_ratio;
	case SIM_ORACLE:
		return f->oracle_ratio;
	case SIM_METRICS:
		break;
	}
	return NAN;
}

double sim_allan(const struct sim_host *h, int from, int n)
{
	double tau = (double)h->world->scenario->sample_ns * n;
	double sum = 0.0;
	int count = 0;

	for (int i = from; i + 2 * n < h->sample_count; i++) {
		double d = h->samples[i + 2 * n].error_ns - 2.0 * h->samples[i + n].error_ns +
			   h->samples[i].error_ns;

		if (isnan(d))
			return NAN;
		sum += d * d;
		count++;
	}
	return count > 0 ? sqrt(sum / (2.0 * count)) / tau : NAN;
}
