/*
 * svg: a small writer of pictures that stand inside an HTML page: scales, axes with their units,
 * marks and text. It must never write a text that has not been escaped, a coordinate that is no
 * number, or anything that a page would have to load.
 *
 * Coordinates are SVG's: pixels of the picture's own size, x to the right, y down, written with a
 * tenth of a pixel. Looks (colours, strokes, fonts) stand in the page's style sheet; marks name
 * their class only, so that one picture serves light, dark and paper. Nothing is kept: all goes to
 * the stream at once, and errors are the stream's.
 */
#ifndef DS_LAB_SVG_H
#define DS_LAB_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A text as HTML, XML and their attributes in double quotes have it: & < > " ' escaped; what is no
 * UTF-8 (RFC 3629), and control characters, become U+FFFD; tabs and newlines a space. NULL: "". */
void ds_svg_escape(FILE *out, const char *text);

/* How figures become places. Log: low > 0. Symlog: linear between -knee and knee, logarithmic
 * beyond, with the same slope at the knee, so that errors of both signs and of all sizes have
 * room. */
enum ds_svg_scale_kind { DS_SVG_LINEAR, DS_SVG_LOG, DS_SVG_SYMLOG };
struct ds_svg_scale {
	enum ds_svg_scale_kind kind;
	double low, high; /* figures, low < high */
	double from, to;  /* their places; to < from where figures rise upwards */
	double knee;	  /* symlog only, > 0 */
};

/* A scale that can be used: what is not finite, empty or not positive where it must be is widened
 * to something that is. */
struct ds_svg_scale ds_svg_scale(enum ds_svg_scale_kind kind, double low, double high, double from,
				 double to, double knee);
/* Place of a figure, held to the scale's ends; NAN for NAN. */
double ds_svg_at(const struct ds_svg_scale *scale, double value);
/* Figure of a place: the inverse. */
double ds_svg_value(const struct ds_svg_scale *scale, double place);

/* Round figures within the scale, rising, at most `most` (2..DS_SVG_TICKS) of them; returns how
 * many. Linear: steps of 1, 2 or 5 times a power of ten. Log and symlog: powers of ten, fewer
 * where they are too many, with 3 (or 2 and 5) between where there is room. */
#define DS_SVG_TICKS 16
int ds_svg_ticks(const struct ds_svg_scale *scale, int most, double ticks[DS_SVG_TICKS]);

/* Nanoseconds as the page has them: "412 ns", "12.3 us" with the Greek letter, "-3.1 us" with a
 * true minus sign, spaces that do not break; three digits. NAN: a dash. sign: "+" before positive
 * ones. UTF-8. Returns buffer. */
#define DS_SVG_FIGURE 40
const char *ds_svg_figure_ns(double ns, bool sign, char buffer[DS_SVG_FIGURE]);
/* The same for a tick: no digits that say nothing ("10 us", "0"). */
const char *ds_svg_tick_ns(double ns, char buffer[DS_SVG_FIGURE]);
/* A plain number with a true minus sign, as few digits as it needs ("%.6g"). */
const char *ds_svg_tick_plain(double value, char buffer[DS_SVG_FIGURE]);

/* A picture that says what it shows: role="img", title and description for those who do not see
 * it. `id` is a word, unique in the page; title and description are escaped. */
void ds_svg_begin(FILE *out, const char *id, double width, double height, const char *title,
		  const char *description);
void ds_svg_end(FILE *out);

/* Marks. One with a coordinate that is not finite is left out. class: one or more words. */
void ds_svg_line(FILE *out, const char *class, double x1, double y1, double x2, double y2);
void ds_svg_rect(FILE *out, const char *class, double x, double y, double width, double height);
void ds_svg_dot(FILE *out, const char *class, double x, double y, double radius);
/* A line through points, broken where one is not finite. */
void ds_svg_trace(FILE *out, const char *class, const double *x, const double *y, size_t count);
/* The area between low[] and high[] over x[]; several where points are not finite. */
void ds_svg_band(FILE *out, const char *class, const double *x, const double *low,
		 const double *high, size_t count);

enum ds_svg_anchor { DS_SVG_START, DS_SVG_MIDDLE, DS_SVG_FINISH };
/* Text whose baseline is at y. Escaped. */
void ds_svg_text(FILE *out, const char *class, double x, double y, enum ds_svg_anchor anchor,
		 const char *text);

/* Squares of a grid, one shade for each level of density: counts[row * columns + column] (row 0 on
 * top) go into `levels` paths of the classes "PREFIX1", "PREFIX2", ..., by the logarithm of the
 * count to that of the largest. Empty squares are not drawn. */
struct ds_svg_grid {
	double x, y, width, height; /* of the whole */
	int columns, rows;
	const uint32_t *counts;
};
void ds_svg_density(FILE *out, const char *prefix, int levels, const struct ds_svg_grid *grid);

/* Axes: a line, ticks, faint lines across the picture to `across` (NAN: none), and texts of the
 * ticks by text(), where there is room for them. Classes: "axis", "grid", "tick". */
typedef const char *ds_svg_tick_text(double value, char buffer[DS_SVG_FIGURE]);
void ds_svg_axis_x(FILE *out, const struct ds_svg_scale *scale, int most, double y, double across,
		   ds_svg_tick_text *text);
void ds_svg_axis_y(FILE *out, const struct ds_svg_scale *scale, int most, double x, double across,
		   ds_svg_tick_text *text);

#endif
