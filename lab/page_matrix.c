/* page_matrix: the matrices of pairs and the table of groups; see page.h. */
#include "lab/page.h"

#include <math.h>

#define STEPS 7
#define FEW   4 /* hosts whose matrices stand two in a row, and fit a narrow screen */

/* Steps of colour, the same for all matrices: half decades (1, 3, 10, ...) of ns, or whole ones
 * where half ones would not do. */
struct steps {
	int first; /* the step 0 ends at bound(first + stride) */
	int stride;
	int used; /* how many are there, at most STEPS */
};

static double bound(int half_decades)
{
	int decades = (int)floor(half_decades / 2.0);

	return (half_decades % 2 != 0 ? 3 : 1) * pow(10, decades);
}

static int half_decade(double ns)
{
	int k = (int)floor(2 * log10(fmax(ns, 1))) - 1;

	while (bound(k + 1) <= ns)
		k++;
	return k;
}

static struct steps steps_of(const struct ds_page *page)
{
	double low = INFINITY;
	double high = 0;
	struct steps steps = {4, 1, STEPS};

	for (size_t i = 0; i < page->result->cell_count; i++) {
		double ns = page->figures[i * DS_PAGE_CONDITIONS].median_abs_ns.value;

		if (!isfinite(ns))
			continue;
		low = fmin(low, ns);
		high = fmax(high, ns);
	}
	if (high <= 0)
		return steps;
	steps.first = half_decade(low);
	if (half_decade(high) - steps.first >= STEPS) {
		steps.stride = 2;
		steps.first -= steps.first % 2;
	}
	steps.used = (half_decade(high) - steps.first) / steps.stride + 1;
	steps.used = steps.used > STEPS ? STEPS : steps.used;
	return steps;
}

static int step_of(const struct steps *steps, double ns)
{
	int step = (half_decade(ns) - steps->first) / steps->stride;

	return step < 0 ? 0 : step >= STEPS ? STEPS - 1 : step;
}

static void legend(struct ds_page *page, const struct steps *steps)
{
	char text[DS_SVG_FIGURE];

	ds_page_put(page, "<div class=\"key\"><p>Median size of the error</p>\n<ul>\n");
	for (int i = 0; i < steps->used; i++) {
		fprintf(page->out, "<li class=\"q%d\">", i);
		if (i + 1 < steps->used || steps->used == 1) {
			ds_page_put(page, "under ");
			ds_page_text(page,
				     ds_svg_tick_ns(bound(steps->first + (i + 1) * steps->stride),
						    text));
		} else {
			ds_page_text(page,
				     ds_svg_tick_ns(bound(steps->first + i * steps->stride), text));
			ds_page_put(page, " and more");
		}
		ds_page_put(page, "</li>\n");
	}
	ds_page_put(page, "</ul>\n</div>\n");
}

static void square(struct ds_page *page, const struct steps *steps, int asks, int answers,
		   enum ds_lab_mode mode)
{
	const struct ds_lab_cell *cell = ds_result_cell(page->result, asks, answers, mode);
	const struct ds_lab_figures *f;
	const struct ds_lab_host *host = page->result->plan.host;

	if (asks == answers) {
		ds_page_put(page, "<td class=\"self\"></td>");
		return;
	}
	if (!cell || !cell->known) {
		ds_page_put(page, "<td class=\"unknown\">\xe2\x80\x93</td>");
		return;
	}
	f = ds_page_cell_figures(page, cell, DS_LAB_IDLE);
	if (f->samples == 0) {
		ds_page_put(page, "<td class=\"failed\">none</td>");
		return;
	}
	fprintf(page->out, "<td class=\"q%d\">", step_of(steps, f->median_abs_ns.value));
	ds_page_figure(page, false, &f->median_abs_ns, "cells/%s/%s/%s/idle/median_abs_ns",
		       host[asks].name, host[answers].name, ds_lab_mode_name(mode));
	ds_page_put(page, "</td>");
}

static void matrix(struct ds_page *page, const struct steps *steps, enum ds_lab_mode mode)
{
	const struct ds_lab_plan *plan = &page->result->plan;

	/* Two columns: what does not interleave to the left, what does to the right. */
	fprintf(page->out, "<div class=\"matrix%s\">\n",
		mode != DS_LAB_PTP && ds_lab_mode_tells_departure(mode) ? " second" : "");
	if (plan->hosts > FEW)
		ds_page_box(page, ds_page_mode_words(mode));
	ds_page_put(page, "<table>\n<caption>");
	ds_page_text(page, ds_page_mode_words(mode));
	ds_page_put(page, "</caption>\n<thead><tr><td class=\"corner\"></td>");
	for (int j = 0; j < plan->hosts; j++) {
		ds_page_put(page, "<th scope=\"col\">");
		ds_page_text(page, plan->host[j].name);
		ds_page_put(page, "</th>");
	}
	ds_page_put(page, "</tr></thead>\n<tbody>\n");
	for (int i = 0; i < plan->hosts; i++) {
		ds_page_put(page, "<tr><th scope=\"row\">");
		ds_page_text(page, plan->host[i].name);
		ds_page_put(page, "</th>");
		for (int j = 0; j < plan->hosts; j++)
			square(page, steps, i, j, mode);
		ds_page_put(page, "</tr>\n");
	}
	ds_page_put(page, "</tbody>\n</table>\n");
	if (plan->hosts > FEW)
		ds_page_box_end(page);
	ds_page_put(page, "</div>\n");
}

void ds_page_matrices(struct ds_page *page)
{
	struct steps steps = steps_of(page);
	int drawn = 0;

	ds_page_section(page, "pairs", "Every pair, every mode");
	ds_page_put(page, "<figure>\n");
	ds_page_put(page, page->result->plan.hosts > FEW ? "<div class=\"couple many\">\n"
							 : "<div class=\"couple\">\n");
	for (int m = 0; m < DS_LAB_MODES; m++) {
		if (!ds_page_mode_known(page, (enum ds_lab_mode)m))
			continue;
		matrix(page, &steps, (enum ds_lab_mode)m);
		drawn++;
	}
	if (drawn > 0)
		legend(page, &steps);
	ds_page_put(page, "</div>\n");
	ds_page_picture_caption(
		page,
		drawn == 0
			? "No pair of hosts knows a common mode: there is nothing to show."
			: "Size of the error, |offset|, of each ordered pair: its median and, below, "
			  "the interval that holds it with 95 % confidence, in the same unit. Rows "
			  "ask, columns answer. A dash: not both know the mode. None: they do, and "
			  "no answer was accepted. Machines idle.");
	ds_page_put(page, "</figure>\n");
	ds_page_section_end(page);
}

static void group_row(struct ds_page *page, enum ds_lab_mode mode, enum ds_page_group group)
{
	const struct ds_lab_figures *f = &page->group_figures[mode][group][0];
	const struct {
		const char *name;
		const struct ds_figure *figure;
		bool sign;
	} columns[] = {
		{"median_abs_ns", &f->median_abs_ns, false}, {"rms_ns", &f->rms_ns, false},
		{"p99_abs_ns", &f->p99_abs_ns, false},	     {"bias_ns", &f->bias_ns, true},
		{"delay_ns", &f->delay_ns, false},
	};

	ds_page_put(page, "<tr><th scope=\"row\">");
	ds_page_text(page, ds_page_group_words(group));
	ds_page_put(page, "</th><td>");
	ds_page_number(page, (double)f->samples, "groups/%s/%s/idle/samples",
		       ds_lab_mode_name(mode), ds_page_group_name(group));
	ds_page_put(page, "</td>");
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		ds_page_put(page, "<td>");
		ds_page_figure(page, columns[i].sign, columns[i].figure, "groups/%s/%s/idle/%s",
			       ds_lab_mode_name(mode), ds_page_group_name(group), columns[i].name);
		ds_page_put(page, "</td>");
	}
	ds_page_put(page, "</tr>\n");
}

void ds_page_groups(struct ds_page *page)
{
	ds_page_section(page, "groups", "Old and new");
	ds_page_box(page, "Table of groups");
	ds_page_put(page, "<table class=\"figures\">\n");
	ds_page_caption(page,
			"All pairs of a kind together. Median, RMS and 99 % are of the size of "
			"the error; the bias is its mean, with its sign; the delay is the "
			"median of the measured way there and back. Below: 95 % intervals. "
			"Machines idle.");
	ds_page_put(page,
		    "<thead><tr><th scope=\"col\">Who asks whom</th><th scope=\"col\">Samples</th>"
		    "<th scope=\"col\">Median</th><th scope=\"col\">RMS</th><th "
		    "scope=\"col\">99 %</th><th scope=\"col\">Bias</th><th "
		    "scope=\"col\">Delay</th></tr></thead>\n");
	for (int m = 0; m < DS_LAB_MODES; m++) {
		if (!ds_page_mode_known(page, (enum ds_lab_mode)m))
			continue;
		ds_page_mode_begin(page, (enum ds_lab_mode)m, 7);
		for (int g = 0; g < DS_PAGE_GROUPS; g++) {
			if (page->groups[m][g].count > 0)
				group_row(page, (enum ds_lab_mode)m, (enum ds_page_group)g);
		}
		ds_page_put(page, "</tbody>\n");
	}
	ds_page_put(page, "</table>\n");
	ds_page_box_end(page);
	ds_page_section_end(page);
}
