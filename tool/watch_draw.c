/* watch_draw: see watch.h. From above: what matters most, the plot, sources, stamps; where there is
 * room, the exchanges of the chosen source. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tool/ask.h"
#include "tool/show.h"
#include "tool/watch.h"

#define AXIS	   9 /* columns left of the plot */
#define PLOT_LEAST 5 /* rows */
#define DOTS_X	   2 /* of a character in braille */
#define DOTS_Y	   4

void ds_watch_take(struct ds_watch *w)
{
	int64_t updated_ns = ds_ask_moment(w->status, "updated_ns");
	const struct ds_watch_point *last =
		w->count > 0 ? &w->points[(w->next + DS_WATCH_POINTS - 1) % DS_WATCH_POINTS] : NULL;

	if (updated_ns == 0 || (last != NULL && updated_ns <= last->clock_ns))
		return;
	w->points[w->next] =
		(struct ds_watch_point){updated_ns, ds_ask_integer(w->status, "last_offset_ns", 0),
					ds_ask_integer(w->status, "bound_ns", 0)};
	w->next = (w->next + 1) % DS_WATCH_POINTS;
	if (w->count < DS_WATCH_POINTS)
		w->count++;
}

static const json_t *sources_of(const struct ds_watch *w)
{
	return json_object_get(w->sources, "sources");
}

const char *ds_watch_chosen(const struct ds_watch *w)
{
	const json_t *s = json_array_get(sources_of(w), (size_t)w->chosen);

	if (s == NULL)
		return NULL;
	return ds_ask_text(s, "address", ds_ask_text(s, "name", NULL));
}

/* ---- what show.h prints, as one line of the screen ---- */

static void headline(const struct ds_watch *w, struct ds_screen *s)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out;

	if (w->trouble != NULL || w->status == NULL) {
		ds_screen_put(s, 0, 0, DS_BAD, w->trouble != NULL ? w->trouble : "No answer yet");
		return;
	}
	ds_text_colour_mode("never");
	out = open_memstream(&text, &length);
	if (out == NULL)
		return;
	ds_show_headline(w->status, out);
	fclose(out);
	text[strcspn(text, "\n")] = '\0';
	ds_screen_put(s, 0, 0, ds_show_is_right(w->status) ? DS_GOOD : DS_BAD, text);
	free(text);
}

static void second_line(const struct ds_watch *w, struct ds_screen *s)
{
	char text[DS_TEXT];

	if (w->status == NULL)
		return;
	ds_screen_print(s, 1, 0, DS_PLAIN, "stratum %" PRId64 "  %s  %+.3f ppm  to be slewed %s%s",
			ds_ask_integer(w->status, "stratum", 0),
			ds_ask_text(w->status, "source", "nobody"),
			ds_ask_number(w->status, "freq_ppm", 0.0),
			ds_text_duration(ds_ask_integer(w->status, "remaining_ns", 0), true, text),
			ds_ask_true(w->status, "steered") ? "" : "  (not steered)");
}

/* ---- the plot ---- */

struct plot {
	int top, rows, cols; /* of characters, right of the axis */
	int64_t from_ns, to_ns;
	double most_ns; /* half of its height */
	bool utf8;
	unsigned char *dots; /* bits of braille, rows * cols */
	unsigned char *line; /* 1: of the bound alone */
};

/* The bits of Unicode's braille patterns, by column and row (U+2800 block). */
static const unsigned char bits[DOTS_X][DOTS_Y] = {{0x01, 0x02, 0x04, 0x40},
						   {0x08, 0x10, 0x20, 0x80}};

static void dot(struct plot *p, double x, double y_ns, bool bound)
{
	int dx = (int)(x * (p->cols * DOTS_X - 1));
	int dy = (int)lrint((0.5 - y_ns / (2.0 * p->most_ns)) * (p->rows * DOTS_Y - 1));
	int at;

	if (dx < 0 || dx >= p->cols * DOTS_X || dy < 0 || dy >= p->rows * DOTS_Y)
		return;
	at = dy / DOTS_Y * p->cols + dx / DOTS_X;
	p->dots[at] |= bits[dx % DOTS_X][dy % DOTS_Y];
	if (!bound)
		p->line[at] = 0;
}

static const struct ds_watch_point *point(const struct ds_watch *w, int i)
{
	return &w->points[(w->next - w->count + i + DS_WATCH_POINTS) % DS_WATCH_POINTS];
}

/* So that offsets fill it, and the bound is in it where it is not much more than they are. */
static double scale_of(const struct ds_watch *w)
{
	double offset = 1.0, bound = 0.0;

	for (int i = 0; i < w->count; i++) {
		const struct ds_watch_point *x = point(w, i);

		/* The first one is what the clock was wrong by before. */
		if (i > 0 || w->count == 1)
			offset = fmax(offset, fabs((double)x->offset_ns));
		bound = fmax(bound, (double)x->bound_ns);
	}
	if (w->count > 0)
		bound = (double)point(w, w->count - 1)->bound_ns;
	return 1.1 * fmax(offset, bound);
}

static double place_of(const struct plot *p, int64_t clock_ns)
{
	double span = (double)(p->to_ns - p->from_ns);

	return span > 0.0 ? (double)(clock_ns - p->from_ns) / span : 1.0;
}

/* A line from one update to the next, a dot a column. */
static void join(struct plot *p, double x1, double y1_ns, double x2, double y2_ns, bool bound)
{
	int steps = (int)((x2 - x1) * p->cols * DOTS_X) + 1;

	for (int i = 0; i <= steps; i++) {
		double part = (double)i / steps;

		dot(p, x1 + part * (x2 - x1), y1_ns + part * (y2_ns - y1_ns), bound);
	}
}

static void plot_points(const struct ds_watch *w, struct plot *p)
{
	for (int i = 0; i < w->count; i++) {
		const struct ds_watch_point *x = point(w, i), *last = point(w, i > 0 ? i - 1 : 0);
		double at = place_of(p, x->clock_ns), from = place_of(p, last->clock_ns);

		if (x->bound_ns > 0 && last->bound_ns > 0) {
			join(p, from, (double)last->bound_ns, at, (double)x->bound_ns, true);
			join(p, from, -(double)last->bound_ns, at, -(double)x->bound_ns, true);
		}
	}
	/* The first one says what the clock was wrong by before. */
	for (int i = w->count > 1 ? 1 : 0; i < w->count; i++) {
		const struct ds_watch_point *x = point(w, i), *last = point(w, i > 1 ? i - 1 : i);

		join(p, place_of(p, last->clock_ns), (double)last->offset_ns,
		     place_of(p, x->clock_ns), (double)x->offset_ns, false);
	}
}

static void put_plot(const struct plot *p, struct ds_screen *s)
{
	for (int row = 0; row < p->rows; row++) {
		for (int col = 0; col < p->cols; col++) {
			int at = row * p->cols + col;
			unsigned code = 0x2800U | p->dots[at];
			const char braille[4] = {(char)(0xe0 | code >> 12),
						 (char)(0x80 | (code >> 6 & 0x3f)),
						 (char)(0x80 | (code & 0x3f)), '\0'};

			if (p->dots[at] == 0)
				continue;
			ds_screen_put(s, p->top + row, AXIS + col, p->line[at] ? DS_FAINT : DS_GOOD,
				      p->utf8	    ? braille
				      : p->line[at] ? "."
						    : "*");
		}
	}
}

static void put_axis(const struct plot *p, struct ds_screen *s)
{
	char text[DS_TEXT], ago[DS_TEXT];
	int middle = p->top + p->rows / 2;

	ds_screen_print(s, p->top, 0, DS_FAINT, "%8s",
			ds_text_duration((int64_t)p->most_ns, true, text));
	ds_screen_print(s, middle, 0, DS_FAINT, "%8s", "0");
	ds_screen_print(s, p->top + p->rows - 1, 0, DS_FAINT, "%8s",
			ds_text_duration(-(int64_t)p->most_ns, true, text));
	for (int col = 0; col < p->cols; col += 4)
		ds_screen_put(s, middle, AXIS + col, DS_FAINT, p->utf8 ? "\u00b7" : ".");
	ds_screen_print(s, p->top + p->rows, AXIS, DS_FAINT, "%s ago",
			ds_text_in_words(p->to_ns - p->from_ns, ago));
	ds_screen_put(s, p->top + p->rows, AXIS + 14, DS_FAINT,
		      "offset at each update, between the bounds");
	ds_screen_put(s, p->top + p->rows, AXIS + p->cols - 3, DS_FAINT, "now");
}

static void draw_plot(const struct ds_watch *w, struct ds_screen *s, int top, int rows)
{
	size_t size;
	struct plot p = {.top = top, .rows = rows, .cols = s->cols - AXIS, .utf8 = w->utf8};

	if (p.cols < 16 || w->count == 0) {
		ds_screen_put(s, top + rows / 2, AXIS, DS_FAINT, "no update of the clock yet");
		return;
	}
	size = (size_t)p.rows * (size_t)p.cols;
	p.from_ns = point(w, 0)->clock_ns;
	p.to_ns = point(w, w->count - 1)->clock_ns;
	p.most_ns = scale_of(w);
	p.dots = calloc(size, 2);
	if (p.dots == NULL)
		return;
	p.line = p.dots + size;
	memset(p.line, 1, size);
	plot_points(w, &p);
	put_axis(&p, s);
	put_plot(&p, s);
	free(p.dots);
}

/* ---- tables ---- */

static const char *duration_of(const json_t *o, const char *name, bool plus, int64_t sign,
			       char buffer[DS_TEXT])
{
	if (!ds_ask_known(o, name))
		return "-";
	return ds_text_duration(sign * ds_ask_integer(o, name, 0), plus, buffer);
}

static void draw_source(const json_t *o, struct ds_screen *s, int row, bool chosen)
{
	char age[DS_TEXT], offset[DS_TEXT], error[DS_TEXT], delay[DS_TEXT], jitter[DS_TEXT];
	const char *name = ds_ask_text(o, "address", ds_ask_text(o, "name", "?"));
	int col = ds_screen_print(
		s, row, 0, ds_show_colour(o),
		"%c%s %-25.25s %2" PRId64 " %4" PRId64 " %3" PRIo64 " %4s %8s %7s %7s",
		chosen ? '>' : ' ', ds_ask_text(o, "letter", "?"), name,
		ds_ask_integer(o, "stratum", 0), ds_ask_integer(o, "poll_log2", 0),
		(uint64_t)ds_ask_integer(o, "reach", 0) & 0377,
		ds_text_ago(ds_ask_known(o, "sample_age_ns")
				    ? ds_ask_integer(o, "sample_age_ns", 0) / 1000000000
				    : -1,
			    age),
		duration_of(o, "offset_ns", true, -1, offset),
		duration_of(o, "error_ns", false, 1, error),
		duration_of(o, "delay_ns", false, 1, delay));

	col = ds_screen_print(s, row, col, ds_show_colour(o), " %c%c%c",
			      !ds_ask_known(o, "interleaved") ? '-'
			      : ds_ask_true(o, "interleaved") ? 'I'
							      : 'B',
			      ds_show_stamper(o, "t1_by"), ds_show_stamper(o, "t4_by"));
	if (s->cols >= 120)
		ds_screen_print(s, row, col + 1, ds_show_colour(o), "%8s %s",
				duration_of(o, "jitter_ns", false, 1, jitter),
				ds_ask_text(o, "words", ""));
}

/* Returns the row behind the table. */
static int draw_sources(const struct ds_watch *w, struct ds_screen *s, int row, int most)
{
	const json_t *list = sources_of(w), *o;
	int count = (int)json_array_size(list);
	int first = w->chosen >= most ? w->chosen - most + 1 : 0;

	ds_screen_print(s, row++, 0, DS_STRONG, " S %-25s %2s %4s %3s %4s %8s %7s %7s %s", "Name",
			"St", "Poll", "Rch", "Rx", "Offset", "Error", "Delay",
			s->cols >= 120 ? "By    Jitter Why" : "By");
	for (int i = first; i < count && i < first + most; i++) {
		o = json_array_get(list, (size_t)i);
		draw_source(o, s, row++, i == w->chosen);
	}
	if (count > first + most)
		ds_screen_print(s, row - 1, s->cols - 8, DS_FAINT, "+%d more",
				count - first - most);
	return row;
}

static void share(const json_t *by, char buffer[DS_TEXT])
{
	int64_t daemon = ds_ask_integer(by, "daemon", 0), kernel = ds_ask_integer(by, "kernel", 0);
	int64_t hardware = ds_ask_integer(by, "hardware", 0), all = daemon + kernel + hardware;
	double part = all > 0 ? 100.0 / (double)all : 0.0;

	snprintf(buffer, DS_TEXT, "H %.0f%% K %.0f%% D %.0f%%", (double)hardware * part,
		 (double)kernel * part, (double)daemon * part);
}

static void draw_stamps(const struct ds_watch *w, struct ds_screen *s, int row)
{
	char sent[DS_TEXT], arrived[DS_TEXT];

	if (w->stamps == NULL)
		return;
	share(json_object_get(w->stamps, "t1_by"), sent);
	share(json_object_get(w->stamps, "t4_by"), arrived);
	ds_screen_print(s, row, 0, DS_PLAIN, "Stamps: sent %s, received %s, lost %" PRId64, sent,
			arrived, ds_ask_integer(w->stamps, "lost", 0));
}

static void draw_exchanges(const struct ds_watch *w, struct ds_screen *s, int row, int rows)
{
	const json_t *x;
	char offset[DS_TEXT], delay[DS_TEXT], when[DS_TEXT];
	size_t i;

	if (w->exchanges == NULL || rows < 3)
		return;
	ds_screen_print(s, row++, 0, DS_STRONG, "Exchanges with %s, newest first",
			ds_ask_text(w->exchanges, "name", "?"));
	json_array_foreach(json_object_get(w->exchanges, "exchanges"), i, x)
	{
		bool accepted = ds_ask_true(x, "accepted");

		if ((int)i >= rows - 1)
			return;
		ds_text_moment(ds_ask_moment(x, "when_ns"), when);
		ds_screen_print(s, row++, 0, accepted ? DS_PLAIN : DS_BAD,
				"%.15s %-13.13s offset %8s delay %8s by %c%c %s",
				strlen(when) > 26 ? when + 11 : when, ds_ask_text(x, "kind", "-"),
				duration_of(x, "offset_ns", true, -1, offset),
				duration_of(x, "delay_ns", false, 1, delay),
				ds_show_stamper(x, "t1_by"), ds_show_stamper(x, "t4_by"),
				accepted ? "accepted" : ds_ask_text(x, "words", ""));
	}
}

static void draw_help(struct ds_screen *s)
{
	static const char *const lines[] = {
		"First line: within what the clock is right, and by how many sources.",
		"Plot: by how much the clock was off at each update, between plus and minus",
		"  the bound. Positive: it was slow. The last in sight is now.",
		"S: * best, + combined, - good but not used, x falseticker, ~ too noisy,",
		"  ? not usable: 'drivestamp select' says why.",
		"Offset: our clock less the source's; positive: ours is fast. Error: its bound.",
		"By: I interleaved, B basic; who took T1 and T4: D daemon, K kernel, H card.",
		"",
		"j, k, arrows  choose a source    p  pause    q  end    ?  this",
	};

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		ds_screen_put(s, 3 + (int)i, 2, DS_PLAIN, lines[i]);
}

void ds_watch_draw(const struct ds_watch *w, struct ds_screen *s)
{
	int count = (int)json_array_size(sources_of(w));
	int last = s->rows - 1;
	int plot = s->rows / 3 > PLOT_LEAST ? s->rows / 3 : PLOT_LEAST;
	int room = s->rows - 2 - (plot + 2) - 1 - 2; /* rows for sources */
	int row;

	ds_screen_clear(s);
	headline(w, s);
	second_line(w, s);
	ds_screen_put(s, last, 0, DS_FAINT, "q end  p pause  j/k source  ? help");
	if (w->paused)
		ds_screen_put(s, last, s->cols - 8, DS_DOUBTFUL, "paused");
	if (w->help) {
		draw_help(s);
		return;
	}
	draw_plot(w, s, 2, plot);
	if (room < 1)
		room = 1;
	row = draw_sources(w, s, 2 + plot + 1, count < room ? count : room);
	draw_exchanges(w, s, row + 1, last - 1 - (row + 1));
	draw_stamps(w, s, last - 1);
}
