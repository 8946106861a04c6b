/* page_pictures: distributions of the error, and the wedge of delay and offset; see page.h. All
 * panels are drawn 400 wide and stand two in a row, or one on narrow screens, so that their text is
 * of the same size everywhere. */
#include "lab/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/statistics.h"

#define WIDTH 400.0
#define KNEE_NS                                                                                    \
	100.0 /* errors below it are on a straight scale: near zero there is no logarithm          \
	       */

/* The q-quantile of |offset| (or of the delay) of all samples, idle and loaded, of these modes. */
static double quantile_of(struct ds_page *page, unsigned modes, bool of_delay, double q)
{
	double *values = malloc((page->samples + 1) * sizeof(*values));
	size_t count = 0;
	double found;

	if (!values) {
		page->failed = true;
		return NAN;
	}
	for (size_t c = 0; c < page->result->cell_count; c++) {
		const struct ds_lab_cell *cell = &page->result->cells[c];

		for (size_t i = 0; modes >> cell->mode & 1 && i < cell->sample_count; i++) {
			if (cell->samples[i].condition == DS_LAB_BETWEEN)
				continue;
			values[count++] = of_delay ? cell->samples[i].delay_ns
						   : fabs(cell->samples[i].offset_ns);
		}
	}
	ds_sort(values, count);
	found = ds_quantile(values, count, q);
	free(values);
	return found;
}

/* Distributions */

#define BINS	    160
#define SOURCES	    4 /* combinations of stamps' makers told apart in a mode and group */
#define ROW	    47.0
#define RIDGE	    24.0
#define TOP	    26.0
#define SHARE_SHOWN 0.02

struct ridge {
	char source[5]; /* who took T1 to T4; "" for all the others */
	size_t count;
	uint32_t bins[BINS];
	double *offset; /* of `count`, sorted; owned by the panel */
};

/* The combinations of stamps in a group, the commonest first, those that are rare as one. */
static int sources_of(const struct ds_page_cells *cells, struct ridge ridges[SOURCES],
		      size_t *total)
{
	int count = 0;

	*total = 0;
	for (size_t c = 0; c < cells->count; c++) {
		for (size_t i = 0; i < cells->cell[c]->sample_count; i++) {
			const struct ds_lab_sample *s = &cells->cell[c]->samples[i];
			int k = 0;

			if (s->condition != DS_LAB_IDLE)
				continue;
			++*total;
			while (k < count && memcmp(ridges[k].source, s->source, 4) != 0)
				k++;
			if (k == SOURCES - 1)
				continue; /* the last is for all others */
			if (k == count) {
				ridges[count] = (struct ridge){0};
				memcpy(ridges[count++].source, s->source, 4);
			}
			ridges[k].count++;
		}
	}
	for (int k = 0; k < count;) {
		if ((double)ridges[k].count >= SHARE_SHOWN * (double)*total)
			k++;
		else
			ridges[k] = ridges[--count];
	}
	for (int k = 1; k < count; k++) {
		for (int i = k; i > 0 && ridges[i].count > ridges[i - 1].count; i--) {
			struct ridge held = ridges[i];

			ridges[i] = ridges[i - 1];
			ridges[i - 1] = held;
		}
	}
	ridges[count] = (struct ridge){0};
	return count + 1;
}

static void fill_ridges(const struct ds_page_cells *cells, const struct ds_svg_scale *x,
			struct ridge *ridges, int ridge_count, double *offsets)
{
	struct ridge *rest = &ridges[ridge_count - 1];
	size_t counted = 0;

	for (int k = 0; k < ridge_count; k++) {
		ridges[k].offset = offsets + counted;
		counted += ridges[k].count;
		ridges[k].count = 0;
	}
	for (size_t c = 0; c < cells->count; c++) {
		for (size_t i = 0; i < cells->cell[c]->sample_count; i++) {
			const struct ds_lab_sample *s = &cells->cell[c]->samples[i];
			struct ridge *r = ridges;
			int bin;

			if (s->condition != DS_LAB_IDLE)
				continue;
			while (r < rest && memcmp(r->source, s->source, 4) != 0)
				r++;
			bin = (int)((ds_svg_at(x, s->offset_ns) - x->from) / (x->to - x->from) *
				    BINS);
			r->bins[bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin]++;
			r->offset[r->count++] = s->offset_ns;
		}
	}
	for (int k = 0; k < ridge_count; k++)
		ds_sort(ridges[k].offset, ridges[k].count);
}

/* Its hill, each as high as the others, and below it a box: 5 to 95 % thin, 25 to 75 % thick, a
 * stroke at the median. */
static void draw_ridge(struct ds_page *page, const struct ridge *r, enum ds_lab_mode mode,
		       const struct ds_svg_scale *x, double y)
{
	const char *class = ds_page_mode_class(mode);
	double places[BINS];
	double low[BINS];
	double high[BINS];
	double heights[BINS];
	double most = 1e-9;
	char name[DS_LAB_NAME * 2];
	static const double q[] = {0.05, 0.25, 0.5, 0.75, 0.95};
	double at[5];

	for (int i = 0; i < BINS; i++) {
		double before = i > 0 ? r->bins[i - 1] : 0;
		double after = i + 1 < BINS ? r->bins[i + 1] : 0;

		heights[i] = (before + 2.0 * r->bins[i] + after) / 4;
		most = fmax(most, heights[i]);
	}
	for (int i = 0; i < BINS; i++) {
		bool near = heights[i] > 0 || (i > 0 && heights[i - 1] > 0) ||
			    (i + 1 < BINS && heights[i + 1] > 0);

		places[i] = near ? x->from + (x->to - x->from) * (i + 0.5) / BINS : NAN;
		low[i] = y;
		high[i] = y - RIDGE * heights[i] / most;
	}
	snprintf(name, sizeof(name), "hill %s", class);
	ds_svg_band(page->out, name, places, low, high, BINS);
	for (int i = 0; i < 5; i++)
		at[i] = ds_svg_at(x, ds_quantile(r->offset, r->count, q[i]));
	snprintf(name, sizeof(name), "thin %s", class);
	ds_svg_line(page->out, name, at[0], y + 4, at[4], y + 4);
	snprintf(name, sizeof(name), "thick %s", class);
	ds_svg_line(page->out, name, at[1], y + 4, at[3], y + 4);
	ds_svg_line(page->out, "median", at[2], y, at[2], y + 8);
}

static void ridge_label(struct ds_page *page, const struct ridge *r, enum ds_lab_mode mode,
			double y)
{
	char text[DS_LAB_NAME * 2];

	if (r->source[0] != '\0')
		snprintf(text, sizeof(text), "%s \xc2\xb7 %c%c%c%c", ds_page_mode_words(mode),
			 r->source[0], r->source[1], r->source[2], r->source[3]);
	else
		snprintf(text, sizeof(text), "%s \xc2\xb7 other stamps", ds_page_mode_words(mode));
	ds_svg_text(page->out, "label", 4, y, DS_SVG_START, text);
}

/* The rows of one mode in one group from y on; returns where the next begin. With `dry`, nothing is
 * drawn. */
static double distribution_rows(struct ds_page *page, enum ds_lab_mode mode,
				enum ds_page_group group, const struct ds_svg_scale *x, double y,
				bool dry)
{
	struct ridge ridges[SOURCES + 1];
	const struct ds_page_cells *cells = &page->groups[mode][group];
	size_t total;
	int count = sources_of(cells, ridges, &total);
	double *offsets;

	if (total == 0)
		return y;
	for (int k = 0; k < count - 1; k++)
		ridges[count - 1].count += ridges[k].count;
	ridges[count - 1].count = total - ridges[count - 1].count;
	if (ridges[count - 1].count == 0)
		count--;
	if (dry)
		return y + count * ROW;
	offsets = malloc(total * sizeof(*offsets));
	if (!offsets) {
		page->failed = true;
		return y;
	}
	fill_ridges(cells, x, ridges, count, offsets);
	for (int k = 0; k < count; k++) {
		ridge_label(page, &ridges[k], mode, y + 9);
		draw_ridge(page, &ridges[k], mode, x, y + ROW - 10);
		y += ROW;
	}
	free(offsets);
	return y;
}

static void distribution_panel(struct ds_page *page, enum ds_page_group group, double far)
{
	struct ds_svg_scale x = ds_svg_scale(DS_SVG_SYMLOG, -far, far, 24, WIDTH - 24, KNEE_NS);
	double bottom = TOP;
	double y = TOP;
	char id[DS_LAB_NAME];
	char title[DS_LAB_WHY];

	for (int m = 0; m < DS_LAB_MODES; m++)
		bottom = distribution_rows(page, (enum ds_lab_mode)m, group, &x, bottom, true);
	if (bottom <= TOP)
		return;
	snprintf(id, sizeof(id), "spread-%s", ds_page_group_name(group));
	snprintf(title, sizeof(title), "Distribution of the error where %s",
		 ds_page_group_words(group));
	ds_svg_begin(page->out, id, WIDTH, bottom + 26, title,
		     "One hill for each mode and each combination of who took the four stamps, all "
		     "on one scale of the error. The table of old and new has the figures.");
	ds_svg_text(page->out, "title", 4, 13, DS_SVG_START, ds_page_group_words(group));
	ds_svg_axis_x(page->out, &x, 7, bottom + 2, TOP, ds_svg_tick_ns);
	for (int m = 0; m < DS_LAB_MODES; m++)
		y = distribution_rows(page, (enum ds_lab_mode)m, group, &x, y, false);
	ds_svg_end(page->out);
}

void ds_page_distributions(struct ds_page *page)
{
	double far = quantile_of(page, ~0U, false, 0.998);

	ds_page_section(page, "distributions", "How the error is distributed");
	ds_page_put(page, "<figure>\n<div class=\"couple\">\n");
	for (int g = 0; isfinite(far) && g < DS_PAGE_GROUPS; g++)
		distribution_panel(page, (enum ds_page_group)g, fmax(far, 10 * KNEE_NS));
	ds_page_put(page, "</div>\n");
	ds_page_picture_caption(
		page,
		isfinite(far)
			? "Error by mode and by who took the stamps T1 to T4: D the daemon, K the "
			  "kernel, H the card, ? not said. Hills are equally high. Below each: 5 to "
			  "95 % thin, 25 to 75 % thick, the median a stroke. The scale is straight "
			  "between \xe2\x88\x92"
			  "100 and 100 ns and logarithmic beyond; what lies "
			  "outside is drawn at its ends. Machines idle."
			: "No samples.");
	ds_page_put(page, "</figure>\n");
	ds_page_section_end(page);
}

/* The wedge */

#define GRID_COLUMNS 64
#define GRID_ROWS    40
#define GRID_SIZE    5 /* pixels of a square */
#define LEVELS	     5
#define LEFT	     64.0
#define GRID_WIDTH   (GRID_COLUMNS * GRID_SIZE)
#define GRID_HEIGHT  (GRID_ROWS * GRID_SIZE)

struct wedge {
	struct ds_svg_scale x, y; /* delay, offset */
	double least_ns;	  /* what the way there and back takes at least */
};

/* A delay d can be wrong by (d - least) / 2 if all that is beyond the least lies on one leg. */
static void wedge_lines(struct ds_page *page, const struct wedge *w)
{
	double far = fmin(w->x.high, w->least_ns + 2 * w->y.high);
	double size = (far - w->least_ns) / 2;

	for (int sign = -1; sign <= 1; sign += 2)
		ds_svg_line(page->out, "wedge", ds_svg_at(&w->x, w->least_ns), ds_svg_at(&w->y, 0),
			    ds_svg_at(&w->x, far), ds_svg_at(&w->y, sign * size));
}

static void wedge_panel(struct ds_page *page, const struct wedge *w, enum ds_lab_mode mode,
			enum ds_page_group group)
{
	uint32_t counts[GRID_ROWS * GRID_COLUMNS] = {0};
	const struct ds_page_cells *cells = &page->groups[mode][group];
	struct ds_svg_grid grid = {LEFT,	 TOP,	    GRID_WIDTH, GRID_HEIGHT,
				   GRID_COLUMNS, GRID_ROWS, counts};
	bool any = false;
	char text[DS_LAB_WHY];
	char id[DS_LAB_NAME * 2];
	char prefix[DS_LAB_NAME];

	for (size_t c = 0; c < cells->count; c++) {
		for (size_t i = 0; i < cells->cell[c]->sample_count; i++) {
			const struct ds_lab_sample *s = &cells->cell[c]->samples[i];
			int column = (int)floor((ds_svg_at(&w->x, s->delay_ns) - LEFT) / GRID_SIZE);
			int row = (int)floor((ds_svg_at(&w->y, s->offset_ns) - TOP) / GRID_SIZE);

			if (s->condition != DS_LAB_IDLE)
				continue;
			any = true;
			if (s->delay_ns <= w->x.high && fabs(s->offset_ns) <= w->y.high &&
			    s->delay_ns >= w->x.low && column < GRID_COLUMNS && row < GRID_ROWS)
				counts[row * GRID_COLUMNS + column]++;
		}
	}
	if (!any)
		return;
	snprintf(id, sizeof(id), "wedge-%s-%s", ds_lab_mode_name(mode), ds_page_group_name(group));
	snprintf(prefix, sizeof(prefix), "%s d", ds_page_mode_class(mode));
	snprintf(text, sizeof(text), "Offset against delay, %s, %s", ds_page_mode_words(mode),
		 ds_page_group_words(group));
	if (ds_lab_mode_tells_departure(mode))
		ds_page_put(page, "<div class=\"second\">\n");
	ds_svg_begin(
		page->out, id, WIDTH, TOP + GRID_HEIGHT + 38, text,
		"Density of the samples: delay to the right, offset upwards. Two lines from the "
		"least delay bound what a delay on one leg alone can do.");
	snprintf(text, sizeof(text), "%s, %s", ds_page_mode_words(mode),
		 ds_page_group_words(group));
	ds_svg_text(page->out, "title", 4, 13, DS_SVG_START, text);
	ds_svg_axis_x(page->out, &w->x, 6, TOP + GRID_HEIGHT, TOP, ds_svg_tick_ns);
	ds_svg_axis_y(page->out, &w->y, 6, LEFT, LEFT + GRID_WIDTH, ds_svg_tick_ns);
	ds_svg_density(page->out, prefix, LEVELS, &grid);
	wedge_lines(page, w);
	ds_svg_text(page->out, "tick", LEFT + GRID_WIDTH, TOP + GRID_HEIGHT + 32, DS_SVG_FINISH,
		    "delay");
	ds_svg_end(page->out);
	if (ds_lab_mode_tells_departure(mode))
		ds_page_put(page, "</div>\n");
}

void ds_page_wedge(struct ds_page *page)
{
	int pair = ds_page_couple(page);
	unsigned modes = pair < 0 ? 0 : 3U << pair;
	unsigned second = pair < 0 ? 0 : 2U << pair;
	double delay = quantile_of(page, modes, true, 0.99);
	double low = quantile_of(page, modes, true, 0.0005);
	double offset = quantile_of(page, modes, false, 0.99);
	double least = quantile_of(page, second, true, 0.005);
	struct wedge w = {
		ds_svg_scale(DS_SVG_LINEAR, fmin(0, low), delay * 1.1, LEFT, LEFT + GRID_WIDTH, 0),
		ds_svg_scale(DS_SVG_LINEAR, -offset * 1.2, offset * 1.2, TOP + GRID_HEIGHT, TOP, 0),
		isfinite(least) ? least : quantile_of(page, modes, true, 0.005),
	};

	ds_page_section(page, "wedge", "Delay and offset");
	ds_page_put(page, "<figure>\n<div class=\"couple\">\n");
	for (int g = 0; pair >= 0 && g < DS_PAGE_GROUPS; g++) {
		wedge_panel(page, &w, (enum ds_lab_mode)pair, (enum ds_page_group)g);
		wedge_panel(page, &w, (enum ds_lab_mode)(pair + 1), (enum ds_page_group)g);
	}
	ds_page_put(page, "</div>\n");
	ds_page_picture_caption(
		page,
		pair >= 0
			? "Offset against delay, all on the same axes: the deeper, the more samples "
			  "(by their logarithm). A delay on one leg alone moves a sample along the "
			  "lines that go out from the least delay, by half of it, and so does one "
			  "stamp that is early or late. About 1 % of the samples lie outside. "
			  "Machines idle."
			: "No samples.");
	ds_page_put(page, "</figure>\n");
	ds_page_section_end(page);
}
