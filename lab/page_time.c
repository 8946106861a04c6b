/* page_time: the error as the run went on, and idle beside loaded; see page.h. Time is cut into
 * bins of which the least, the greatest and the median error are drawn: a day is as small as a
 * minute. */
#include "lab/page.h"

#include <math.h>
#include <stdlib.h>

#include "lab/statistics.h"

#define WIDTH	400.0
#define HEIGHT	190.0
#define LEFT	64.0
#define RIGHT	(WIDTH - 8)
#define TOP	26.0
#define KNEE_NS 100.0
#define BINS	110
#define SLICES	330 /* of time, in which a sample taken under load says that there was load */

/* All of this picture share one axis of time and one of the error. */
struct course {
	struct ds_svg_scale x, y;
	double unit_s; /* of the axis of time */
	bool loaded[SLICES];
	double repeat_s[256]; /* when each repeat began, NAN: not; after the first sample */
};

struct placed {
	int bin;
	double offset_ns;
};

static int by_bin(const void *left, const void *right)
{
	const struct placed *a = left;
	const struct placed *b = right;

	if (a->bin != b->bin)
		return a->bin - b->bin;
	return (a->offset_ns > b->offset_ns) - (a->offset_ns < b->offset_ns);
}

/* The samples of a group by bin, sorted; NULL without memory, or for none. */
static struct placed *placed_samples(struct ds_page *page, const struct ds_page_cells *cells,
				     size_t *count)
{
	double span = fmax(page->last_s - page->first_s, 1e-3);
	struct placed *placed;
	size_t room = 0;

	*count = 0;
	for (size_t c = 0; c < cells->count; c++)
		room += cells->cell[c]->sample_count;
	placed = room > 0 ? malloc(room * sizeof(*placed)) : NULL;
	if (!placed) {
		page->failed = page->failed || room > 0;
		return NULL;
	}
	for (size_t c = 0; c < cells->count; c++) {
		for (size_t i = 0; i < cells->cell[c]->sample_count; i++) {
			const struct ds_lab_sample *s = &cells->cell[c]->samples[i];
			int bin = (int)((s->at_s - page->first_s) / span * BINS);

			if (s->condition == DS_LAB_BETWEEN)
				continue;
			placed[*count].bin = bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
			placed[(*count)++].offset_ns = s->offset_ns;
		}
	}
	qsort(placed, *count, sizeof(*placed), by_bin);
	return placed;
}

static void draw_course(struct ds_page *page, const struct course *course, enum ds_lab_mode mode,
			enum ds_page_group group)
{
	double x[BINS];
	double low[BINS];
	double high[BINS];
	double middle[BINS];
	char class[DS_LAB_NAME];
	size_t count;
	struct placed *p = placed_samples(page, &page->groups[mode][group], &count);

	for (int bin = 0; bin < BINS; bin++)
		x[bin] = low[bin] = high[bin] = middle[bin] = NAN;
	for (size_t begin = 0, end; begin < count; begin = end) {
		int bin = p[begin].bin;

		for (end = begin; end < count && p[end].bin == bin;)
			end++;
		x[bin] = course->x.from + (course->x.to - course->x.from) * (bin + 0.5) / BINS;
		low[bin] = ds_svg_at(&course->y, p[begin].offset_ns);
		high[bin] = ds_svg_at(&course->y, p[end - 1].offset_ns);
		middle[bin] = ds_svg_at(&course->y, p[begin + (end - begin) / 2].offset_ns);
	}
	free(p);
	if (count == 0)
		return;
	snprintf(class, sizeof(class), "band %s", ds_page_mode_class(mode));
	ds_svg_band(page->out, class, x, low, high, BINS);
	snprintf(class, sizeof(class), "trace %s", ds_page_mode_class(mode));
	ds_svg_trace(page->out, class, x, middle, BINS);
}

static void draw_ground(struct ds_page *page, const struct course *course)
{
	double width = (course->x.to - course->x.from) / SLICES;

	for (int i = 0; i < SLICES; i++) {
		int from = i;

		while (i < SLICES && course->loaded[i])
			i++;
		if (i > from)
			ds_svg_rect(page->out, "load", course->x.from + from * width, TOP,
				    (i - from) * width, HEIGHT);
	}
	for (int i = 0; i < 256; i++) {
		double x = ds_svg_at(&course->x, course->repeat_s[i] / course->unit_s);

		if (course->repeat_s[i] > 0) /* false for NAN */
			ds_svg_line(page->out, "repeat", x, TOP, x, TOP + HEIGHT);
	}
}

static void time_panel(struct ds_page *page, const struct course *course, int couple,
		       enum ds_page_group group)
{
	char id[DS_LAB_NAME];
	char title[DS_LAB_WHY];
	const char *unit = course->unit_s >= 3600 ? "hours"
			   : course->unit_s >= 60 ? "minutes"
						  : "seconds";

	if (page->groups[couple][group].count + page->groups[couple + 1][group].count == 0)
		return;
	snprintf(id, sizeof(id), "time-%s", ds_page_group_name(group));
	snprintf(title, sizeof(title), "Error over time where %s", ds_page_group_words(group));
	ds_svg_begin(page->out, id, WIDTH, TOP + HEIGHT + 38, title,
		     "Median of the error as a line, within a band from the least to the greatest, "
		     "without and with interleaving.");
	draw_ground(page, course);
	ds_svg_text(page->out, "title", 4, 13, DS_SVG_START, ds_page_group_words(group));
	ds_svg_axis_x(page->out, &course->x, 7, TOP + HEIGHT, TOP, ds_svg_tick_plain);
	ds_svg_axis_y(page->out, &course->y, 9, LEFT, RIGHT, ds_svg_tick_ns);
	draw_course(page, course, (enum ds_lab_mode)couple, group);
	draw_course(page, course, (enum ds_lab_mode)(couple + 1), group);
	ds_svg_text(page->out, "tick", RIGHT, TOP + HEIGHT + 32, DS_SVG_FINISH, unit);
	ds_svg_end(page->out);
}

/* When there was load, and when each repeat began; and the largest error. */
static double look(const struct ds_page *page, int couple, struct course *course)
{
	double span = fmax(page->last_s - page->first_s, 1e-3);
	double far = 0;

	for (int i = 0; i < 256; i++)
		course->repeat_s[i] = NAN;
	for (size_t c = 0; c < page->result->cell_count; c++) {
		const struct ds_lab_cell *cell = &page->result->cells[c];

		for (size_t i = 0; i < cell->sample_count; i++) {
			const struct ds_lab_sample *s = &cell->samples[i];
			double *repeat = &course->repeat_s[s->repeat];
			int slice = (int)((s->at_s - page->first_s) / span * SLICES);

			if (s->condition == DS_LAB_BETWEEN)
				continue;
			*repeat =
				fmin(s->at_s - page->first_s, isnan(*repeat) ? INFINITY : *repeat);
			if (s->condition == DS_LAB_LOADED)
				course->loaded[slice < 0	 ? 0
					       : slice >= SLICES ? SLICES - 1
								 : slice] = true;
			if ((int)cell->mode == couple || (int)cell->mode == couple + 1)
				far = fmax(far, fabs(s->offset_ns));
		}
	}
	/* A slice without samples between two loaded ones was loaded. */
	for (int i = 1; i + 1 < SLICES; i++)
		course->loaded[i] =
			course->loaded[i] || (course->loaded[i - 1] && course->loaded[i + 1]);
	return far;
}

static void key_of_time(struct ds_page *page, int couple)
{
	ds_page_put(page, "<p class=\"dyes\">");
	for (int m = couple; m <= couple + 1; m++) {
		fprintf(page->out, "<span class=\"dye %s\"></span>",
			ds_page_mode_class((enum ds_lab_mode)m));
		ds_page_text(page, ds_page_mode_words((enum ds_lab_mode)m));
		ds_page_put(page, " ");
	}
	if (page->loaded)
		ds_page_put(page, "<span class=\"dye load\"></span>under load ");
	ds_page_put(page, "</p>\n");
}

void ds_page_time(struct ds_page *page)
{
	int couple = ds_page_couple(page);
	double span = fmax(page->last_s - page->first_s, 1e-3);
	struct course course = {.unit_s = span >= 3 * 3600 ? 3600 : span >= 600 ? 60 : 1};
	double far;

	ds_page_section(page, "time", "The error as time went on");
	ds_page_put(page, "<figure>\n");
	if (couple >= 0) {
		far = fmax(look(page, couple, &course), 10 * KNEE_NS);
		course.x = ds_svg_scale(DS_SVG_LINEAR, 0, span / course.unit_s, LEFT, RIGHT, 0);
		course.y = ds_svg_scale(DS_SVG_SYMLOG, -far, far, TOP + HEIGHT, TOP, KNEE_NS);
		key_of_time(page, couple);
	}
	ds_page_put(page, "<div class=\"couple\">\n");
	for (int g = 0; couple >= 0 && g < DS_PAGE_GROUPS; g++)
		time_panel(page, &course, couple, (enum ds_page_group)g);
	ds_page_put(page, "</div>\n");
	ds_page_picture_caption(
		page, couple >= 0
			      ? "Error as time went on: the median as a line, within a band from "
				"the least to the greatest of each moment. Dotted: the daemons "
				"were started anew. The scale of the error is straight between "
				"\xe2\x88\x92"
				"100 and 100 ns and logarithmic beyond."
			      : "No samples.");
	ds_page_put(page, "</figure>\n");
	ds_page_section_end(page);
}

/* Idle beside loaded */

#define LINE	   17.0
#define LABEL_ROOM 112.0

static void dot(struct ds_page *page, const struct ds_svg_scale *x, const struct ds_figure *figure,
		const char *class, double y)
{
	char name[DS_LAB_NAME];

	snprintf(name, sizeof(name), "thin %s", class);
	ds_svg_line(page->out, name, ds_svg_at(x, figure->low), y, ds_svg_at(x, figure->high), y);
	ds_svg_dot(page->out, class, ds_svg_at(x, figure->value), y, 4);
}

static double load_rows(struct ds_page *page, enum ds_lab_mode mode, const struct ds_svg_scale *x,
			double y, bool dry)
{
	char class[DS_LAB_NAME];

	if (!ds_page_mode_known(page, mode))
		return y;
	if (!dry)
		ds_svg_text(page->out, "label strong", 4, y + 12, DS_SVG_START,
			    ds_page_mode_words(mode));
	y += LINE;
	for (int g = 0; g < DS_PAGE_GROUPS; g++) {
		const struct ds_lab_figures *f = page->group_figures[mode][g];

		if (page->groups[mode][g].count == 0)
			continue;
		if (!dry) {
			ds_svg_text(page->out, "label", 4, y + 12, DS_SVG_START,
				    ds_page_group_words((enum ds_page_group)g));
			snprintf(class, sizeof(class), "hollow %s", ds_page_mode_class(mode));
			dot(page, x, &f[0].rms_ns, class, y + 6);
			snprintf(class, sizeof(class), "full %s", ds_page_mode_class(mode));
			dot(page, x, &f[1].rms_ns, class, y + 10);
		}
		y += LINE;
	}
	return y + 4;
}

/* side 0: modes that do not interleave; 1: those that do, and the yardstick. */
static void load_panel(struct ds_page *page, int side, double low, double high)
{
	struct ds_svg_scale x = ds_svg_scale(DS_SVG_LOG, low, high, LABEL_ROOM, RIGHT - 6, 0);
	double bottom = 4;
	double y = 4;

	for (int m = 0; m < DS_LAB_MODES; m++) {
		if (ds_lab_mode_tells_departure((enum ds_lab_mode)m) == side)
			bottom = load_rows(page, (enum ds_lab_mode)m, &x, bottom, true);
	}
	if (bottom <= 4)
		return;
	ds_svg_begin(page->out, side ? "load-xleave" : "load-basic", WIDTH, bottom + 24,
		     side ? "RMS of the error idle and under load, with interleaving"
			  : "RMS of the error idle and under load, without interleaving",
		     "A hollow dot for idle, a full one for loaded, with 95 % intervals, for each "
		     "group in each mode. The table that follows has the figures.");
	ds_svg_axis_x(page->out, &x, 8, bottom, 4, ds_svg_tick_ns);
	for (int m = 0; m < DS_LAB_MODES; m++) {
		if (ds_lab_mode_tells_departure((enum ds_lab_mode)m) == side)
			y = load_rows(page, (enum ds_lab_mode)m, &x, y, false);
	}
	ds_svg_end(page->out);
}

static void load_pictures(struct ds_page *page)
{
	double low = INFINITY;
	double high = 0;

	for (int m = 0; m < DS_LAB_MODES; m++) {
		for (int g = 0; g < DS_PAGE_GROUPS; g++) {
			for (int c = 0; c < DS_PAGE_CONDITIONS; c++) {
				const struct ds_figure *f = &page->group_figures[m][g][c].rms_ns;

				low = fmin(low, fmin(f->low, f->value));
				high = fmax(high, fmax(f->high, f->value));
			}
		}
	}
	ds_page_put(page, "<figure>\n<div class=\"couple\">\n");
	load_panel(page, 0, low / 1.2, high * 1.2);
	load_panel(page, 1, low / 1.2, high * 1.2);
	ds_page_put(page, "</div>\n");
	ds_page_picture_caption(page,
				"RMS of the error, idle (hollow) and under load (full), with 95 % "
				"intervals, by turns in the same run.");
	ds_page_put(page, "</figure>\n");
}

static void load_cells(struct ds_page *page, enum ds_lab_mode mode, enum ds_page_group group)
{
	const struct ds_lab_figures *f = page->group_figures[mode][group];
	const char *m = ds_lab_mode_name(mode);
	const char *g = ds_page_group_name(group);

	ds_page_put(page, "<tr><th scope=\"row\">");
	ds_page_text(page, ds_page_group_words(group));
	ds_page_put(page, "</th>");
	for (int c = 0; c < DS_PAGE_CONDITIONS; c++) {
		const char *condition = ds_page_condition_name((enum ds_lab_condition)c);

		ds_page_put(page, "<td>");
		ds_page_number(page, (double)f[c].samples, "groups/%s/%s/%s/samples", m, g,
			       condition);
		ds_page_put(page, "</td><td>");
		ds_page_figure(page, false, &f[c].rms_ns, "groups/%s/%s/%s/rms_ns", m, g,
			       condition);
		ds_page_put(page, "</td><td>");
		ds_page_figure(page, false, &f[c].p99_abs_ns, "groups/%s/%s/%s/p99_abs_ns", m, g,
			       condition);
		ds_page_put(page, "</td><td>");
		ds_page_number(page, (double)f[c].outliers, "groups/%s/%s/%s/outliers", m, g,
			       condition);
		ds_page_put(page, "</td>");
	}
	ds_page_put(page, "</tr>\n");
}

static void load_table(struct ds_page *page)
{
	ds_page_box(page, "Table of idle and loaded");
	ds_page_put(page, "<table class=\"figures\">\n");
	ds_page_caption(page,
			"Idle and under load. The last column of each half counts samples that "
			"are off by more than 10 \xc2\xb5s.");
	ds_page_put(page, "<thead><tr><th scope=\"col\" rowspan=\"2\">Who asks whom</th>"
			  "<th scope=\"colgroup\" colspan=\"4\">Idle</th>"
			  "<th scope=\"colgroup\" colspan=\"4\">Loaded</th></tr>\n<tr>");
	for (int c = 0; c < DS_PAGE_CONDITIONS; c++)
		ds_page_put(page, "<th scope=\"col\">Samples</th><th scope=\"col\">RMS</th>"
				  "<th scope=\"col\">99 %</th><th scope=\"col\">Far off</th>");
	ds_page_put(page, "</tr></thead>\n");
	for (int m = 0; m < DS_LAB_MODES; m++) {
		if (!ds_page_mode_known(page, (enum ds_lab_mode)m))
			continue;
		ds_page_mode_begin(page, (enum ds_lab_mode)m, 9);
		for (int g = 0; g < DS_PAGE_GROUPS; g++) {
			if (page->groups[m][g].count > 0)
				load_cells(page, (enum ds_lab_mode)m, (enum ds_page_group)g);
		}
		ds_page_put(page, "</tbody>\n");
	}
	ds_page_put(page, "</table>\n");
	ds_page_box_end(page);
}

void ds_page_load(struct ds_page *page)
{
	ds_page_section(page, "load", "Idle and loaded");
	if (page->loaded) {
		load_pictures(page);
		load_table(page);
	} else {
		ds_page_put(page,
			    "<p>Nothing was measured under load: the run was not asked for any "
			    "(<code>--load</code>).</p>\n");
	}
	ds_page_section_end(page);
}
