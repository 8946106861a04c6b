/* report_html: the page: its head, the verdict in words, and the parts in their order; see
 * report.h. What the parts are made of stands in page.h. */
#include "lab/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/page.h"

static const struct {
	const char *id, *name;
} contents[] = {
	{"verdict", "Verdict"},	    {"pairs", "Pairs"},
	{"groups", "Old and new"},  {"distributions", "Distributions"},
	{"wedge", "Delay"},	    {"time", "Time"},
	{"load", "Load"},	    {"counts", "Lost"},
	{"outliers", "Far off"},    {"conditions", "Conditions"},
	{"figures", "All figures"}, {"reading", "How to read it"},
};

/* Cells of all modes, figures once for all parts. */
static bool prepare(struct ds_page *page)
{
	const struct ds_lab_result *result = page->result;

	page->loaded = ds_result_loaded(result);
	page->first_s = page->last_s = NAN;
	page->figures = calloc(result->cell_count * DS_PAGE_CONDITIONS + 1, sizeof(*page->figures));
	if (!page->figures)
		return false;
	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];

		for (size_t i = 0; i < cell->sample_count; i++) {
			if (cell->samples[i].condition == DS_LAB_BETWEEN)
				continue;
			/* fmin() and fmax() pass over NAN. */
			page->first_s = fmin(page->first_s, cell->samples[i].at_s);
			page->last_s = fmax(page->last_s, cell->samples[i].at_s);
			page->samples++;
		}
		for (int k = 0; k < DS_PAGE_CONDITIONS; k++)
			ds_cell_figures(cell, (enum ds_lab_condition)k,
					&page->figures[c * DS_PAGE_CONDITIONS + (size_t)k]);
	}
	for (int m = 0; m < DS_LAB_MODES; m++) {
		for (int g = 0; g < DS_PAGE_GROUPS; g++) {
			struct ds_page_cells *cells = &page->groups[m][g];

			cells->count =
				ds_result_group(result, (enum ds_lab_mode)m, g >= DS_PAGE_NEW_OLD,
						g % 2 == 1, cells->cell);
			for (int k = 0; k < DS_PAGE_CONDITIONS; k++)
				ds_cells_figures(cells->cell, cells->count,
						 (enum ds_lab_condition)k,
						 &page->group_figures[m][g][k]);
		}
	}
	return true;
}

/* The kinds of one side, each once: "chrony, openntpd". */
static void side(struct ds_page *page, bool is_new)
{
	const struct ds_lab_plan *plan = &page->result->plan;
	const char *between = "";

	for (int i = 0; i < plan->hosts; i++) {
		bool said = false;

		for (int k = 0; k < i; k++)
			said = said || (plan->host[k].is_new == is_new &&
					strcmp(plan->host[k].kind, plan->host[i].kind) == 0);
		if (plan->host[i].is_new != is_new || said)
			continue;
		ds_page_put(page, between);
		ds_page_text(page, plan->host[i].kind);
		between = ", ";
	}
	if (between[0] == '\0')
		ds_page_put(page, "none");
}

static void names(struct ds_page *page)
{
	side(page, false);
	ds_page_put(page, " beside ");
	side(page, true);
}

static void head(struct ds_page *page)
{
	char text[DS_LAB_WHY];
	int hosts = page->result->plan.hosts;

	ds_page_put(page,
		    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	names(page);
	ds_page_put(page, " \xe2\x80\x93 drivestamp lab</title>\n");
	ds_page_style(page);
	ds_page_put(page, "</head>\n<body>\n<header>\n<p class=\"over\">Drivestamp lab</p>\n<h1>");
	names(page);
	ds_page_put(page, "</h1>\n<p class=\"sub\">");
	snprintf(text, sizeof(text), "%d hosts, %d ordered pairs, all at the same time", hosts,
		 hosts * (hosts - 1));
	ds_page_text(page, text);
	if (page->result->rig[0] != '\0') {
		ds_page_put(page, "; ");
		ds_page_text(page, page->result->rig);
	}
	ds_page_put(page, ".</p>\n</header>\n<nav aria-label=\"Parts of this page\">\n<ul>\n");
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
		fprintf(page->out, "<li><a href=\"#%s\">%s</a></li>\n", contents[i].id,
			contents[i].name);
	ds_page_put(page, "</ul>\n</nav>\n<main>\n");
}

static void finding(struct ds_page *page, size_t i, const char *element, const char *class)
{
	static const char *const grades[] = {"good", "note", "bad"};
	const struct ds_lab_finding *f = &page->result->findings[i];
	const char *grade = grades[f->grade <= DS_LAB_BAD ? f->grade : DS_LAB_BAD];

	fprintf(page->out,
		"<%s class=\"%s%s\"><span class=\"grade\">%s</span><span "
		"data-text=\"findings/%zu/text\">",
		element, class, grade, grade, i);
	ds_page_prose(page, f->text);
	ds_page_put(page, "</span>");
	if (f->grade != DS_LAB_GOOD || class[0] == '\0') {
		ds_page_put(page, " <code>");
		ds_page_text(page, f->code);
		ds_page_put(page, "</code>");
	}
	fprintf(page->out, "</%s>\n", element);
}

static void verdict(struct ds_page *page)
{
	const struct ds_lab_result *result = page->result;

	ds_page_put(page, "<section class=\"verdict\" aria-labelledby=\"verdict\">\n"
			  "<h2 id=\"verdict\">Verdict</h2>\n");
	if (result->partial) {
		ds_page_put(page, "<p class=\"partial\"><strong>Partial.</strong> The run was not "
				  "completed: <span data-text=\"why_partial\">");
		ds_page_text(page, result->why_partial);
		ds_page_put(page, "</span></p>\n");
	}
	if (result->finding_count == 0)
		ds_page_put(page, "<p>No verdict: nothing was found, good or bad.</p>\n");
	else
		finding(page, 0, "p", "lead ");
	if (result->finding_count > 1) {
		ds_page_put(page, "<ul class=\"findings\">\n");
		for (size_t i = 1; i < result->finding_count; i++)
			finding(page, i, "li", "");
		ds_page_put(page, "</ul>\n");
	}
	ds_page_section_end(page);
}

static void reading(struct ds_page *page)
{
	ds_page_section(page, "reading", "How to read it");
	ds_page_put(
		page,
		"<p>A host asks, another answers. Four stamps come of it: T1 when the request leaves, T2 "
		"when it comes to the other, T3 when the answer leaves, T4 when it is back. The "
		"<em>offset</em> is ((T2\xc2\xa0\xe2\x88\x92\xc2\xa0T1) + (T3\xc2\xa0\xe2\x88\x92\xc2\xa0T4)) / 2, "
		"the <em>delay</em> (T4\xc2\xa0\xe2\x88\x92\xc2\xa0T1) \xe2\x88\x92 (T3\xc2\xa0\xe2\x88\x92\xc2\xa0T2). "
		"The clocks of the hosts are known to be right, so that the offset is an <em>error</em>.</p>\n"
		"<p>In <em>basic</em> mode T3 stands in the packet that it is of: it was written before the "
		"packet left. <em>Interleaved</em>, T3 is what the kernel or the card saw, sent in the next "
		"answer. An early T3 makes the error negative by half of what it is early.</p>\n"
		"<p><em>Median</em>, <em>RMS</em> and <em>99 %</em> are of the error\xe2\x80\x99s size. The "
		"median is what is usual, the RMS counts a few far ones most, 99 % is what one in a hundred "
		"exceeds. The <em>bias</em> is the mean with its sign: no averaging takes it away.</p>\n"
		"<p>Below a figure stands the interval that holds it with 95 % confidence, from how repeats "
		"of the same run differ. Where two intervals overlap, the page calls neither better.</p>\n"
		"<p>All figures are in the JSON as well, by the same names; each one here carries its place "
		"there (<code>data-key</code>).</p>\n");
	ds_page_section_end(page);
}

bool ds_report_html(const struct ds_lab_result *result, FILE *out)
{
	struct ds_page *page = calloc(1, sizeof(*page));
	bool good;

	if (!page)
		return false;
	page->out = out;
	page->result = result;
	good = prepare(page);
	if (good) {
		head(page);
		verdict(page);
		ds_page_matrices(page);
		ds_page_groups(page);
		ds_page_distributions(page);
		ds_page_wedge(page);
		ds_page_time(page);
		ds_page_load(page);
		ds_page_counts(page);
		ds_page_outliers(page);
		ds_page_conditions(page);
		ds_page_pairs(page);
		reading(page);
		ds_page_put(page,
			    "</main>\n<footer><p>Made by <code>drivestamp lab</code> " DS_VERSION
			    "; nothing on this page is loaded from elsewhere.</p></footer>\n"
			    "</body>\n</html>\n");
		good = !page->failed;
	}
	free(page->figures);
	free(page);
	return good && fflush(out) == 0 && !ferror(out);
}
