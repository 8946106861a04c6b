/* page_tables: what was counted, the outliers, the conditions of the run, and every pair with all
 * its figures; see page.h. */
#include "lab/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Counts */

#define NAMES 64

static void add_names(const struct ds_lab_cell *cell, const char *names[NAMES], int *count)
{
	for (int i = 0; i < cell->count_count; i++) {
		int k = 0;

		while (k < *count && strcmp(names[k], cell->counts[i].what) != 0)
			k++;
		if (k == *count && k < NAMES)
			names[(*count)++] = cell->counts[i].what;
	}
}

/* Requests and answers first, then lost stamps, then the reasons by name. */
static int rank(const char *name)
{
	static const char *const first[] = {"requests", "answers", "stamps-lost"};

	for (int i = 0; i < 3; i++) {
		if (strcmp(name, first[i]) == 0)
			return i;
	}
	return strcmp(name, DS_LAB_REST) == 0 ? 4 : 3;
}

static int by_rank(const void *left, const void *right)
{
	const char *a = *(const char *const *)left;
	const char *b = *(const char *const *)right;

	return rank(a) != rank(b) ? rank(a) - rank(b) : strcmp(a, b);
}

static int names_of(const struct ds_lab_result *result, int host, const char *names[NAMES])
{
	int count = 0;

	for (size_t c = 0; c < result->cell_count; c++) {
		if (result->cells[c].asks == host)
			add_names(&result->cells[c], names, &count);
	}
	for (int m = 0; m < DS_LAB_MODES; m++)
		add_names(&result->host[host].all[m], names, &count);
	qsort(names, (size_t)count, sizeof(names[0]), by_rank);
	return count;
}

/* By a host in a mode: of all whom it asks, and what it counts for all of them together. */
static double counted(const struct ds_lab_result *result, int host, enum ds_lab_mode mode,
		      const char *name)
{
	double sum = ds_cell_counted(&result->host[host].all[mode], name);

	for (size_t c = 0; c < result->cell_count; c++) {
		if (result->cells[c].asks == host && result->cells[c].mode == mode &&
		    result->cells[c].known)
			sum += ds_cell_counted(&result->cells[c], name);
	}
	return sum;
}

static void count_row(struct ds_page *page, int host, const char *name)
{
	const char *who = page->result->plan.host[host].name;
	double sums[DS_LAB_MODES];
	bool any = false;

	for (int m = 0; m < DS_LAB_MODES; m++) {
		sums[m] = counted(page->result, host, (enum ds_lab_mode)m, name);
		any = any || sums[m] > 0;
	}
	if (!any)
		return;
	ds_page_put(page, "<tr><th scope=\"row\">");
	ds_page_text(page, name);
	ds_page_put(page, "</th>");
	for (int m = 0; m < DS_LAB_MODES; m++) {
		const char *mode = ds_lab_mode_name((enum ds_lab_mode)m);

		if (!ds_page_mode_known(page, (enum ds_lab_mode)m))
			continue;
		/* A sum has the keys of what was added. */
		ds_page_put(page, sums[m] > 0 ? "<td>" : "<td class=\"zero\">");
		ds_page_number(page, sums[m], "cells/%s/*/%s/counts/%s+hosts/%s/all/%s/counts/%s",
			       who, mode, name, who, mode, name);
		ds_page_put(page, "</td>");
	}
	ds_page_put(page, "</tr>\n");
}

static void count_rows(struct ds_page *page, int host, int columns)
{
	const char *names[NAMES];
	int count = names_of(page->result, host, names);

	if (count == 0)
		return;
	fprintf(page->out, "<tbody>\n<tr class=\"over\"><th colspan=\"%d\" scope=\"rowgroup\">",
		columns);
	ds_page_text(page, page->result->plan.host[host].name);
	ds_page_put(page, "</th></tr>\n");
	for (int i = 0; i < count; i++)
		count_row(page, host, names[i]);
	ds_page_put(page, "</tbody>\n");
}

void ds_page_counts(struct ds_page *page)
{
	int columns = 1;
	bool any = false;

	for (int h = 0; h < page->result->plan.hosts; h++) {
		const char *names[NAMES];

		any = any || names_of(page->result, h, names) > 0;
	}
	ds_page_section(page, "counts", "Lost, refused, dropped");
	if (!any) {
		ds_page_put(page, "<p>No daemon counted anything.</p>\n");
		ds_page_section_end(page);
		return;
	}
	ds_page_box(page, "Table of counts");
	ds_page_put(page, "<table class=\"figures\">\n");
	ds_page_caption(page,
			"What each daemon counted, by mode: its requests and their answers, stamps "
			"that never came, and what it dropped, by its own reason. What a daemon "
			"does not count is missing. Pairs stand in the JSON.");
	ds_page_put(page, "<thead><tr><th scope=\"col\">Count</th>");
	for (int m = 0; m < DS_LAB_MODES; m++) {
		if (!ds_page_mode_known(page, (enum ds_lab_mode)m))
			continue;
		columns++;
		ds_page_put(page, "<th scope=\"col\">");
		ds_page_text(page, ds_page_mode_words((enum ds_lab_mode)m));
		ds_page_put(page, "</th>");
	}
	ds_page_put(page, "</tr></thead>\n");
	for (int h = 0; h < page->result->plan.hosts; h++)
		count_rows(page, h, columns);
	ds_page_put(page, "</table>\n");
	ds_page_box_end(page);
	ds_page_section_end(page);
}

/* Outliers */

/* A moment of ns since the Epoch as UTC of the day, to the nanosecond. */
static const char *moment(int64_t ns, char buffer[DS_SVG_FIGURE])
{
	time_t second = (time_t)(ns / 1000000000 - (ns % 1000000000 < 0));
	long rest = (long)(ns - (int64_t)second * 1000000000);
	struct tm day = {0};

	gmtime_r(&second, &day);
	snprintf(buffer, DS_SVG_FIGURE, "%02d:%02d:%02d.%09ld", day.tm_hour, day.tm_min, day.tm_sec,
		 rest);
	return buffer;
}

/* T1 as a time of the day; the others by how much later they are, which their digits would hide. */
static void stamps(struct ds_page *page, const struct ds_lab_sample *s, size_t number)
{
	char shown[DS_SVG_FIGURE];
	char whole[DS_SVG_FIGURE];

	if (!s->has_stamps) {
		snprintf(shown, sizeof(shown), "%.10s",
			 moment(fabs(s->at_s) < 9e9 ? (int64_t)(s->at_s * 1e9) : 0, whole));
		ds_page_put(page, "<td class=\"word\">");
		ds_page_text(page, shown);
		ds_page_put(page, "</td><td colspan=\"3\" class=\"word unknown\">there ");
		ds_page_text(page, ds_svg_figure_ns(s->delay_ns / 2 + s->offset_ns, true, shown));
		ds_page_put(page, ", back ");
		ds_page_text(page, ds_svg_figure_ns(s->delay_ns / 2 - s->offset_ns, true, shown));
		ds_page_put(page, "</td>");
		return;
	}
	for (int t = 0; t < 4; t++) {
		double later;

		fprintf(page->out,
			"<td%s><span data-key=\"outliers/%zu/stamps_ns/%d\" data-value=\"%lld\">",
			t == 0 ? " class=\"word\"" : "", number, t, (long long)s->t_ns[t]);
		/* Unsigned: what a broken log says must not overflow. */
		later = (double)(int64_t)((uint64_t)s->t_ns[t] - (uint64_t)s->t_ns[0]);
		ds_page_text(page, t == 0 ? moment(s->t_ns[0], shown)
					  : ds_svg_figure_ns(later, true, shown));
		ds_page_put(page, "</span></td>");
	}
}

static void outlier_row(struct ds_page *page, const struct ds_lab_outlier *outlier, size_t number)
{
	const struct ds_lab_sample *s = outlier->sample;
	const struct ds_lab_host *host = page->result->plan.host;
	char text[DS_LAB_NAME];

	ds_page_put(page, "<tr><th scope=\"row\">");
	ds_page_text(page, host[outlier->cell->asks].name);
	ds_page_put(page, " \xe2\x86\x92 ");
	ds_page_text(page, host[outlier->cell->answers].name);
	ds_page_put(page, "</th><td class=\"word mode\">");
	ds_page_text(page, ds_page_mode_words(outlier->cell->mode));
	ds_page_put(page, "</td><td class=\"word\">");
	ds_page_put(page, ds_page_condition_name((enum ds_lab_condition)s->condition));
	ds_page_put(page, "</td><td>");
	ds_page_ns(page, true, s->offset_ns, "outliers/%zu/offset_ns", number);
	ds_page_put(page, "</td><td>");
	ds_page_ns(page, false, s->delay_ns, "outliers/%zu/delay_ns", number);
	ds_page_put(page, "</td><td class=\"word\">");
	snprintf(text, sizeof(text), "%c%c%c%c", s->source[0] ? s->source[0] : '?',
		 s->source[1] ? s->source[1] : '?', s->source[2] ? s->source[2] : '?',
		 s->source[3] ? s->source[3] : '?');
	ds_page_text(page, text);
	ds_page_put(page, "</td>");
	stamps(page, s, number);
	ds_page_put(page, "</tr>\n");
}

void ds_page_outliers(struct ds_page *page)
{
	struct ds_lab_outlier list[DS_LAB_OUTLIERS];
	size_t count = ds_result_outliers(page->result, list, DS_LAB_OUTLIERS);

	ds_page_section(page, "outliers", "Samples far off");
	ds_page_put(
		page,
		"<p>Interleaved samples with stamps of the kernel or a card that are off by more "
		"than 10\xc2\xa0\xc2\xb5s: ");
	ds_page_number(page, (double)count, "outlier_count");
	ds_page_put(page, count > DS_LAB_OUTLIERS ? ", of which the farthest are listed.</p>\n"
						  : ".</p>\n");
	if (count == 0) {
		ds_page_section_end(page);
		return;
	}
	ds_page_box(page, "Table of outliers");
	ds_page_put(page, "<table class=\"figures\">\n");
	ds_page_caption(
		page,
		"The farthest first, each with its four stamps: T1 as UTC, the others as what "
		"has passed since. Where they are not logged: the two legs, by the offset and the "
		"delay.");
	ds_page_put(
		page,
		"<thead><tr><th scope=\"col\">Pair</th><th scope=\"col\" class=\"word\">Mode</th>"
		"<th scope=\"col\" class=\"word\">Load</th><th scope=\"col\">Offset</th>"
		"<th scope=\"col\">Delay</th><th scope=\"col\" class=\"word\">By</th><th scope=\"col\" class=\"word\">T1</th>"
		"<th scope=\"col\">T2</th><th scope=\"col\">T3</th><th scope=\"col\">T4</th>"
		"</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < count && i < DS_LAB_OUTLIERS; i++)
		outlier_row(page, &list[i], i);
	ds_page_put(page, "</tbody>\n</table>\n");
	ds_page_box_end(page);
	ds_page_section_end(page);
}

/* Every pair */

/* Beyond so many rows the page would be too large: the JSON has what is left out. */
#define ROWS_WITH_INTERVALS 250
#define ROWS_AT_ALL	    500

static void pair_figures(struct ds_page *page, const struct ds_lab_cell *cell,
			 enum ds_lab_condition condition, bool intervals)
{
	const struct ds_lab_figures *f = ds_page_cell_figures(page, cell, condition);
	const struct ds_lab_host *host = page->result->plan.host;
	const struct {
		const char *name;
		const struct ds_figure *figure;
		bool sign;
	} columns[] = {
		{"median_abs_ns", &f->median_abs_ns, false}, {"rms_ns", &f->rms_ns, false},
		{"p99_abs_ns", &f->p99_abs_ns, false},	     {"bias_ns", &f->bias_ns, true},
		{"delay_ns", &f->delay_ns, false},
	};
	char stem[DS_PAGE_KEY];

	snprintf(stem, sizeof(stem), "cells/%s/%s/%s/%s", host[cell->asks].name,
		 host[cell->answers].name, ds_lab_mode_name(cell->mode),
		 ds_page_condition_name(condition));
	ds_page_put(page, "<td>");
	ds_page_number(page, (double)f->samples, "%s/samples", stem);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		struct ds_figure figure = *columns[i].figure;

		if (!intervals)
			figure.low = NAN;
		ds_page_put(page, "</td><td>");
		ds_page_figure(page, columns[i].sign, &figure, "%s/%s", stem, columns[i].name);
	}
	ds_page_put(page, "</td><td>");
	ds_page_ns(page, false, f->delay_sd_ns, "%s/delay_sd_ns", stem);
	ds_page_put(page, "</td><td>");
	ds_page_ns(page, false, f->max_abs_ns, "%s/max_abs_ns", stem);
	ds_page_put(page, "</td><td>");
	ds_page_number(page, (double)f->outliers, "%s/outliers", stem);
	ds_page_put(page, "</td><td>");
	ds_page_share(page, f->interleaved_share, "%s/interleaved_share", stem);
	ds_page_put(page, "</td><td class=\"word\">");
	for (int t = 0; f->samples > 0 && t < 4; t++) {
		int most = 0;

		for (int s = 1; s < 4; s++)
			most = f->sources[t][s] > f->sources[t][most] ? s : most;
		putc("DKH?"[most], page -> out);
	}
	ds_page_put(page, "</td></tr>\n");
}

static void pair_rows(struct ds_page *page, enum ds_lab_mode mode, bool intervals)
{
	const struct ds_lab_result *result = page->result;

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];

		if (cell->mode != mode || !cell->known)
			continue;
		for (int k = 0; k < (page->loaded ? 2 : 1); k++) {
			ds_page_put(page, "<tr><th scope=\"row\">");
			ds_page_text(page, result->plan.host[cell->asks].name);
			ds_page_put(page, " \xe2\x86\x92 ");
			ds_page_text(page, result->plan.host[cell->answers].name);
			ds_page_put(page, k > 0 ? ", loaded</th>" : "</th>");
			pair_figures(page, cell, (enum ds_lab_condition)k, intervals);
		}
	}
}

void ds_page_pairs(struct ds_page *page)
{
	size_t rows = 0;

	for (size_t c = 0; c < page->result->cell_count; c++)
		rows += page->result->cells[c].known ? (page->loaded ? 2 : 1) : 0;
	ds_page_section(page, "figures", "All figures of every pair");
	if (rows == 0 || rows > ROWS_AT_ALL) {
		ds_page_put(page,
			    rows == 0 ? "<p>None.</p>\n"
				      : "<p>Too many for one page: they stand in the JSON.</p>\n");
		ds_page_section_end(page);
		return;
	}
	ds_page_put(page, "<details>\n<summary>Show the table</summary>\n");
	ds_page_box(page, "Table of all pairs");
	ds_page_put(page, "<table class=\"figures\">\n");
	ds_page_caption(page,
			"Every pair in every mode, who asks \xe2\x86\x92 who answers. Spread: "
			"standard deviation of the delay. Far: samples off by more than "
			"10 \xc2\xb5s. By: who took most of T1 to T4.");
	ds_page_put(
		page,
		"<thead><tr><th scope=\"col\">Pair</th><th scope=\"col\">Samples</th>"
		"<th scope=\"col\">Median</th><th scope=\"col\">RMS</th>"
		"<th scope=\"col\">99 %</th><th scope=\"col\">Bias</th><th scope=\"col\">Delay</th>"
		"<th scope=\"col\">Spread</th><th scope=\"col\">Largest</th>"
		"<th scope=\"col\">Far</th><th scope=\"col\">Inter\xc2\xadleaved</th>"
		"<th scope=\"col\" class=\"word\">By</th></tr></thead>\n");
	for (int m = 0; m < DS_LAB_MODES; m++) {
		if (!ds_page_mode_known(page, (enum ds_lab_mode)m))
			continue;
		ds_page_mode_begin(page, (enum ds_lab_mode)m, 12);
		pair_rows(page, (enum ds_lab_mode)m, rows <= ROWS_WITH_INTERVALS);
		ds_page_put(page, "</tbody>\n");
	}
	ds_page_put(page, "</table>\n");
	ds_page_box_end(page);
	ds_page_put(page, "</details>\n");
	ds_page_section_end(page);
}
