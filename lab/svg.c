/* svg: see the header. Coordinates go out by place(), texts by ds_svg_escape(): nothing else
 * writes what came from outside. */
#include "lab/svg.h"

#include <math.h>
#include <string.h>

/* The length of the UTF-8 sequence at s, or 0 where there is none: overlong forms, surrogates and
 * what lies beyond U+10FFFF are none (RFC 3629 section 4). */
static int utf8_length(const unsigned char *s)
{
	int more = 0;
	unsigned least = 0x80;
	unsigned most = 0xbf;

	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		more = 1;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		more = 2;
		least = s[0] == 0xe0 ? 0xa0 : 0x80;
		most = s[0] == 0xed ? 0x9f : 0xbf;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		more = 3;
		least = s[0] == 0xf0 ? 0x90 : 0x80;
		most = s[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (s[1] < least || s[1] > most)
		return 0;
	for (int i = 2; i <= more; i++) {
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	}
	/* U+0080 to U+009F are control characters, too. */
	return s[0] == 0xc2 && s[1] < 0xa0 ? 0 : more + 1;
}

void ds_svg_escape(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)(text ? text : "");

	while (*s != '\0') {
		int length = 1;

		if (*s == '&')
			fputs("&amp;", out);
		else if (*s == '<')
			fputs("&lt;", out);
		else if (*s == '>')
			fputs("&gt;", out);
		else if (*s == '"')
			fputs("&quot;", out);
		else if (*s == '\'')
			fputs("&#39;", out);
		else if (*s == '\t' || *s == '\n' || *s == '\r')
			putc(' ', out);
		else if (*s >= 0x20 && *s < 0x7f)
			putc(*s, out);
		else if ((length = utf8_length(s)) > 0)
			fwrite(s, 1, (size_t)length, out);
		else {
			length = 1;
			fputs("\xef\xbf\xbd", out);
		}
		s += length;
	}
}

struct ds_svg_scale ds_svg_scale(enum ds_svg_scale_kind kind, double low, double high, double from,
				 double to, double knee)
{
	struct ds_svg_scale s = {kind, low, high, from, to, knee};

	if (!isfinite(s.knee) || s.knee <= 0)
		s.knee = 1;
	if (!isfinite(s.low))
		s.low = kind == DS_SVG_LOG ? 1 : 0;
	if (kind == DS_SVG_LOG && s.low <= 0)
		s.low = isfinite(high) && high > 0 ? high / 1000 : 1;
	/* Narrower than what is left of a double's digits is empty. */
	if (!isfinite(s.high) || s.high - s.low <= fabs(s.low) * 1e-9)
		s.high = kind == DS_SVG_LOG ? s.low * 10 : s.low + fmax(1, fabs(s.low) * 1e-3);
	return s;
}

/* A figure on the inner, straight scale. */
static double bent(const struct ds_svg_scale *scale, double v)
{
	if (scale->kind == DS_SVG_LOG)
		return log(v);
	if (scale->kind == DS_SVG_SYMLOG) {
		double size = fabs(v) / scale->knee;

		return copysign(size <= 1 ? size : 1 + log(size), v);
	}
	return v;
}

static double straight(const struct ds_svg_scale *scale, double b)
{
	if (scale->kind == DS_SVG_LOG)
		return exp(b);
	if (scale->kind == DS_SVG_SYMLOG) {
		double size = fabs(b);

		return copysign(scale->knee * (size <= 1 ? size : exp(size - 1)), b);
	}
	return b;
}

double ds_svg_at(const struct ds_svg_scale *scale, double value)
{
	double low = bent(scale, scale->low);
	double high = bent(scale, scale->high);

	if (isnan(value))
		return value;
	value = bent(scale, fmin(fmax(value, scale->low), scale->high));
	return scale->from + (scale->to - scale->from) * (value - low) / (high - low);
}

double ds_svg_value(const struct ds_svg_scale *scale, double place)
{
	double low = bent(scale, scale->low);
	double high = bent(scale, scale->high);

	return straight(scale,
			low + (high - low) * (place - scale->from) / (scale->to - scale->from));
}

/* Steps of 1, 2, 5 times a power of ten: the finest of which no more than `most` fit. */
static int ticks_linear(const struct ds_svg_scale *scale, int most, double *ticks)
{
	static const double steps[] = {1, 2, 5};
	double decade = floor(log10((scale->high - scale->low) / most)) - 1;
	double slack = (scale->high - scale->low) * 1e-9;

	for (int i = 0; i < 12; i++) {
		int decades = i / 3;
		double step = steps[i % 3] * pow(10, decade + decades);
		double first = ceil((scale->low - slack) / step);
		double last = floor((scale->high + slack) / step);
		int count = 0;

		if (last - first + 1 > most)
			continue;
		for (; count < last - first + 1; count++)
			ticks[count] = (first + count) * step + 0.0; /* + 0.0: no -0 */
		return count;
	}
	return 0;
}

/* Positive figures in [low, high] that are m * 10^k, m of the first `parts` of these, every
 * `stride`th decade. More than `room`: as many as there would be, none written. */
static int ticks_decades(double low, double high, int parts, int stride, int room, double *ticks)
{
	static const double sets[4][3] = {{1}, {1}, {1, 3}, {1, 2, 5}};
	int count = 0;
	int first = (int)floor(log10(low) + 1e-9);
	int last = (int)floor(log10(high) + 1e-9);

	/* Whole multiples of the stride, so that the same figures return on other scales. */
	while (first % stride != 0)
		first--;
	for (int k = first; k <= last; k += stride) {
		for (int i = 0; i < parts; i++) {
			double tick = sets[parts][i] * pow(10, k);

			if (tick < low * (1 - 1e-9) || tick > high * (1 + 1e-9))
				continue;
			if (count < room)
				ticks[count] = tick;
			count++;
		}
	}
	return count;
}

/* The finest set of decades and their parts of which no more than `most` fit. */
static int ticks_positive(double low, double high, int most, double *ticks)
{
	for (int parts = 3; parts >= 1; parts--) {
		int count = ticks_decades(low, high, parts, 1, most, ticks);

		if (count <= most)
			return count;
	}
	for (int stride = 2; stride <= 64; stride++) {
		int count = ticks_decades(low, high, 1, stride, most, ticks);

		if (count <= most)
			return count;
	}
	return 0;
}

static int ticks_symlog(const struct ds_svg_scale *scale, int most, double *ticks)
{
	double sides[DS_SVG_TICKS];
	double far = fmax(fabs(scale->low), fabs(scale->high));
	double near = scale->knee;
	int count = 0;
	int n = 0;

	if (far > near)
		n = ticks_positive(near, far, most / 2 > 0 ? most / 2 : 1, sides);
	if (n == 0)
		return ticks_linear(scale, most, ticks);
	for (int i = n - 1; i >= 0; i--) {
		if (-sides[i] >= scale->low * (1 + 1e-9) && -sides[i] <= scale->high)
			ticks[count++] = -sides[i];
	}
	if (scale->low <= 0 && scale->high >= 0)
		ticks[count++] = 0;
	for (int i = 0; i < n; i++) {
		if (sides[i] >= scale->low && sides[i] <= scale->high * (1 + 1e-9))
			ticks[count++] = sides[i];
	}
	return count;
}

int ds_svg_ticks(const struct ds_svg_scale *scale, int most, double ticks[DS_SVG_TICKS])
{
	/* One is kept for the zero between the sides of symlog. */
	most = most < 2 ? 2 : most > DS_SVG_TICKS - 1 ? DS_SVG_TICKS - 1 : most;
	if (scale->kind == DS_SVG_LOG)
		return ticks_positive(scale->low, scale->high, most, ticks);
	if (scale->kind == DS_SVG_SYMLOG)
		return ticks_symlog(scale, most, ticks);
	return ticks_linear(scale, most, ticks);
}

#define MINUS	 "\xe2\x88\x92" /* U+2212 */
#define NO_BREAK "\xc2\xa0"	/* U+00A0 */
#define MICRO	 "\xc2\xb5"	/* U+00B5 */

/* The unit in which so many ns have one to three digits before the point, as shown by "%.3g". */
static const char *unit_of(double ns, double *size)
{
	static const struct {
		double below, size;
		const char *name;
	} units[] = {
		{999.5, 1, "ns"}, {999.5e3, 1e3, MICRO "s"}, {999.5e6, 1e6, "ms"}, {0, 1e9, "s"}};
	int i = 0;

	while (i < 3 && fabs(ns) >= units[i].below)
		i++;
	*size = units[i].size;
	return units[i].name;
}

const char *ds_svg_figure_ns(double ns, bool sign, char buffer[DS_SVG_FIGURE])
{
	double size;
	const char *unit = unit_of(ns, &size);
	double value = fabs(ns) / size;
	/* Three digits; below a nanosecond no more than a tenth, which no clock here shows. */
	int digits = value >= 99.95 ? 0 : value >= 9.995 || ns == 0 || size <= 1 ? 1 : 2;

	if (!isfinite(ns))
		return memcpy(buffer, "\xe2\x80\x93", 4); /* an en dash */
	snprintf(buffer, DS_SVG_FIGURE, "%s%.*f" NO_BREAK "%s",
		 ns < 0		  ? MINUS
		 : sign && ns > 0 ? "+"
				  : "",
		 digits, value, unit);
	return buffer;
}

const char *ds_svg_tick_plain(double value, char buffer[DS_SVG_FIGURE])
{
	snprintf(buffer, DS_SVG_FIGURE, "%s%.6g", value < 0 ? MINUS : "", fabs(value));
	return buffer;
}

const char *ds_svg_tick_ns(double ns, char buffer[DS_SVG_FIGURE])
{
	double size;
	const char *unit = unit_of(ns, &size);

	if (ns == 0)
		return memcpy(buffer, "0", 2);
	snprintf(buffer, DS_SVG_FIGURE, "%s%.4g" NO_BREAK "%s", ns < 0 ? MINUS : "",
		 fabs(ns) / size, unit);
	return buffer;
}

/* A coordinate, with no more characters than it needs: pictures are most of the page. */
static void place(FILE *out, double v)
{
	char text[DS_SVG_FIGURE];
	size_t length;

	v = isfinite(v) ? fmin(fmax(v, -99999), 99999) : 0;
	v = nearbyint(v * 10) / 10;
	length = (size_t)snprintf(text, sizeof(text), "%.1f", v + 0.0); /* + 0.0: no -0 */
	if (length > 2 && text[length - 1] == '0')
		text[length - 2] = '\0';
	fputs(text, out);
}

static void attribute(FILE *out, const char *name, double v)
{
	fprintf(out, " %s=\"", name);
	place(out, v);
	putc('"', out);
}

static void open_mark(FILE *out, const char *element, const char *class)
{
	fprintf(out, "<%s class=\"", element);
	ds_svg_escape(out, class);
	putc('"', out);
}

void ds_svg_begin(FILE *out, const char *id, double width, double height, const char *title,
		  const char *description)
{
	fputs("<svg role=\"img\" viewBox=\"0 0 ", out);
	place(out, width);
	putc(' ', out);
	place(out, height);
	fprintf(out, "\" aria-labelledby=\"%s-t %s-d\">\n<title id=\"%s-t\">", id, id, id);
	ds_svg_escape(out, title);
	fprintf(out, "</title>\n<desc id=\"%s-d\">", id);
	ds_svg_escape(out, description);
	fputs("</desc>\n", out);
}

void ds_svg_end(FILE *out)
{
	fputs("</svg>\n", out);
}

void ds_svg_line(FILE *out, const char *class, double x1, double y1, double x2, double y2)
{
	if (!isfinite(x1) || !isfinite(y1) || !isfinite(x2) || !isfinite(y2))
		return;
	open_mark(out, "line", class);
	attribute(out, "x1", x1);
	attribute(out, "y1", y1);
	attribute(out, "x2", x2);
	attribute(out, "y2", y2);
	fputs("/>\n", out);
}

void ds_svg_rect(FILE *out, const char *class, double x, double y, double width, double height)
{
	if (!isfinite(x) || !isfinite(y) || !isfinite(width) || !isfinite(height))
		return;
	open_mark(out, "rect", class);
	attribute(out, "x", x);
	attribute(out, "y", y);
	attribute(out, "width", fmax(width, 0));
	attribute(out, "height", fmax(height, 0));
	fputs("/>\n", out);
}

void ds_svg_dot(FILE *out, const char *class, double x, double y, double radius)
{
	if (!isfinite(x) || !isfinite(y) || !isfinite(radius))
		return;
	open_mark(out, "circle", class);
	attribute(out, "cx", x);
	attribute(out, "cy", y);
	attribute(out, "r", fmax(radius, 0));
	fputs("/>\n", out);
}

static void point(FILE *out, char command, double x, double y)
{
	putc(command, out);
	place(out, x);
	putc(' ', out);
	place(out, y);
}

void ds_svg_trace(FILE *out, const char *class, const double *x, const double *y, size_t count)
{
	bool down = false; /* the pen */

	open_mark(out, "path", class);
	fputs(" d=\"", out);
	for (size_t i = 0; i < count; i++) {
		bool good = isfinite(x[i]) && isfinite(y[i]);

		if (good)
			point(out, down ? 'L' : 'M', x[i], y[i]);
		/* One alone is a dot: a line of no length, with round ends. */
		if (good && !down && (i + 1 == count || !isfinite(x[i + 1]) || !isfinite(y[i + 1])))
			fputs("h0", out);
		down = good;
	}
	fputs("\"/>\n", out);
}

/* One whole piece, [begin, end). */
static void band_piece(FILE *out, const double *x, const double *low, const double *high,
		       size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		point(out, i == begin ? 'M' : 'L', x[i], high[i]);
	for (size_t i = end; i > begin; i--)
		point(out, 'L', x[i - 1], low[i - 1]);
	putc('z', out);
}

void ds_svg_band(FILE *out, const char *class, const double *x, const double *low,
		 const double *high, size_t count)
{
	size_t begin = 0;

	open_mark(out, "path", class);
	fputs(" d=\"", out);
	for (size_t i = 0; i <= count; i++) {
		if (i < count && isfinite(x[i]) && isfinite(low[i]) && isfinite(high[i]))
			continue;
		if (i > begin)
			band_piece(out, x, low, high, begin, i);
		begin = i + 1;
	}
	fputs("\"/>\n", out);
}

void ds_svg_text(FILE *out, const char *class, double x, double y, enum ds_svg_anchor anchor,
		 const char *text)
{
	static const char *const anchors[] = {"start", "middle", "end"};

	if (!isfinite(x) || !isfinite(y))
		return;
	open_mark(out, "text", class);
	attribute(out, "x", x);
	attribute(out, "y", y);
	if (anchor != DS_SVG_START)
		fprintf(out, " text-anchor=\"%s\"", anchors[anchor]);
	putc('>', out);
	ds_svg_escape(out, text);
	fputs("</text>\n", out);
}

/* Level 1..levels of a count: by logarithm, so that single samples are seen beside thousands. */
static int level_of(uint32_t count, uint32_t most, int levels)
{
	double share;

	if (count == 0)
		return 0;
	share = most > 1 ? log(count) / log(most) : 1;
	return 1 + (int)fmin(floor(share * levels), levels - 1);
}

/* Neighbours of the same level in a row are one oblong. */
static void density_row(FILE *out, const struct ds_svg_grid *grid, int row, int level, int levels,
			uint32_t most)
{
	const uint32_t *counts = grid->counts + (ptrdiff_t)row * grid->columns;
	double dx = grid->width / grid->columns;
	double dy = grid->height / grid->rows;

	for (int c = 0; c < grid->columns; c++) {
		int from = c;

		while (c < grid->columns && level_of(counts[c], most, levels) == level)
			c++;
		if (c == from)
			continue;
		point(out, 'M', grid->x + dx * from, grid->y + dy * row);
		putc('h', out);
		place(out, dx * (c - from));
		putc('v', out);
		place(out, dy);
		putc('h', out);
		place(out, -dx * (c - from));
		putc('z', out);
	}
}

void ds_svg_density(FILE *out, const char *prefix, int levels, const struct ds_svg_grid *grid)
{
	uint32_t most = 0;

	for (int i = 0; i < grid->rows * grid->columns; i++)
		most = grid->counts[i] > most ? grid->counts[i] : most;
	for (int level = 1; most > 0 && level <= levels; level++) {
		fprintf(out, "<path class=\"%s%d\" d=\"", prefix, level);
		for (int row = 0; row < grid->rows; row++)
			density_row(out, grid, row, level, levels, most);
		fputs("\"/>\n", out);
	}
}

/* Which ticks get a text: as many as have room. Zero first, then from the ends inwards, so that
 * where a scale is bent it is the crowded middle that goes without. */
static void choose(const double *ticks, const double *places, const double *sizes, int count,
		   bool *chosen)
{
	for (int i = 0; i < count; i++)
		chosen[i] = false;
	for (int turn = -1; turn < count; turn++) {
		/* 0, last, 1, last - 1, ... */
		int next = turn % 2 == 0 ? turn / 2 : count - 1 - turn / 2;
		bool room = true;

		if (turn < 0) {
			for (next = 0; next < count && ticks[next] != 0;)
				next++;
			if (next == count)
				continue;
		}
		for (int i = 0; i < count; i++) {
			if (chosen[i] &&
			    fabs(places[i] - places[next]) < (sizes[i] + sizes[next]) / 2)
				room = false;
		}
		chosen[next] = chosen[next] || room;
	}
}

#define CHARACTER 6.8 /* width of most, at the size of ticks */
#define SPACE	  5.0 /* between texts */
#define LINE	  15.0

/* Without the bytes that go on with a character (10xxxxxx). */
static double width_of(const char *text)
{
	double width = SPACE;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) == 0x80 ? 0 : CHARACTER;
	return width;
}

struct ticks {
	double at[DS_SVG_TICKS], place[DS_SVG_TICKS];
	char text[DS_SVG_TICKS][DS_SVG_FIGURE];
	bool chosen[DS_SVG_TICKS];
	int count;
};

static void make_ticks(struct ticks *ticks, const struct ds_svg_scale *scale, int most,
		       ds_svg_tick_text *text, bool lying)
{
	double sizes[DS_SVG_TICKS];

	ticks->count = ds_svg_ticks(scale, most, ticks->at);
	for (int i = 0; i < ticks->count; i++) {
		ticks->place[i] = ds_svg_at(scale, ticks->at[i]);
		text(ticks->at[i], ticks->text[i]);
		sizes[i] = lying ? width_of(ticks->text[i]) : LINE;
	}
	choose(ticks->at, ticks->place, sizes, ticks->count, ticks->chosen);
}

void ds_svg_axis_x(FILE *out, const struct ds_svg_scale *scale, int most, double y, double across,
		   ds_svg_tick_text *text)
{
	struct ticks ticks;

	make_ticks(&ticks, scale, most, text, true);
	for (int i = 0; i < ticks.count; i++) {
		double x = ticks.place[i];

		ds_svg_line(out, "grid", x, y, x, across);
		ds_svg_line(out, "axis", x, y, x, y + 4);
		if (ticks.chosen[i])
			ds_svg_text(out, "tick", x, y + 16, DS_SVG_MIDDLE, ticks.text[i]);
	}
	ds_svg_line(out, "axis", scale->from, y, scale->to, y);
}

void ds_svg_axis_y(FILE *out, const struct ds_svg_scale *scale, int most, double x, double across,
		   ds_svg_tick_text *text)
{
	struct ticks ticks;

	make_ticks(&ticks, scale, most, text, false);
	for (int i = 0; i < ticks.count; i++) {
		double y = ticks.place[i];

		ds_svg_line(out, "grid", x, y, across, y);
		ds_svg_line(out, "axis", x - 4, y, x, y);
		if (ticks.chosen[i])
			ds_svg_text(out, "tick", x - 7, y + 4, DS_SVG_FINISH, ticks.text[i]);
	}
	ds_svg_line(out, "axis", x, scale->from, x, scale->to);
}
