/* stamps_picture: both clocks of every device against the truth, as one SVG file that stands by
 * itself (see stamps_report.h). It must never draw what the JSON does not say: percentiles, nothing
 * smoothed. */
#include <math.h>

#include "lab/stamps_report.h"
#include "lab/svg.h"

#define WIDTH	   720.0
#define LEFT	   132.0 /* where the scale begins */
#define RIGHT	   700.0
#define TOP	   52.0
#define ROW	   34.0
#define BETWEEN	   10.0 /* the two clocks of a row */
#define FAR_NS	   100000.0
#define KNEE_NS	   300.0
#define TICKS	   13
#define UNDERNEATH 44.0

static const char style[] =
	"<style>svg{--ink:#1b1f24;--soft:#59636e;--faint:#d9dee3;--before:#0a62c4;--after:#b3470a;"
	"background:#fff;font-family:system-ui,sans-serif}\n"
	"@media(prefers-color-scheme:dark){svg{--ink:#e8ecf0;--soft:#a5afba;--faint:#39424c;"
	"--before:#6db3ff;--after:#ff9f5a;background:#14181d}}\n"
	"text{fill:var(--ink);font-size:12px}.tick,.note{fill:var(--soft);font-size:11px}"
	".axis{stroke:var(--soft)}.grid{stroke:var(--faint)}.truth{stroke:var(--ink);"
	"stroke-width:1.5}.before{stroke:var(--before);fill:var(--before)}.after{stroke:"
	"var(--after);fill:var(--after)}.thin{stroke-width:1.4}.thick{stroke-width:6}\n"
	".name{stroke:none}</style>\n";

/* From p1 to p99 thin, from p25 to p75 thick, the median a dot. sign: -1 turns early into left. */
static void strip(FILE *out, const struct ds_svg_scale *scale, const char *clock,
		  const struct ds_stamps_distribution *d, double sign, double y)
{
	char class[32];
	const double *p = d->percentile_ns;

	snprintf(class, sizeof(class), "%s thin", clock);
	ds_svg_line(out, class, ds_svg_at(scale, sign * p[0]), y,
		    ds_svg_at(scale, sign * p[DS_STAMPS_P99]), y);
	snprintf(class, sizeof(class), "%s thick", clock);
	ds_svg_line(out, class, ds_svg_at(scale, sign * p[2]), y, ds_svg_at(scale, sign * p[4]), y);
	ds_svg_dot(out, clock, ds_svg_at(scale, sign * p[DS_STAMPS_P50]), y, 4.5);
}

static void row(FILE *out, const struct ds_svg_scale *scale, const struct ds_stamps_case *measured,
		bool loaded, double y)
{
	const struct ds_stamps_figures *f = loaded ? &measured->loaded : &measured->idle;
	char text[64];

	snprintf(text, sizeof(text), "%s, %s", measured->device, loaded ? "loaded" : "idle");
	ds_svg_text(out, "label", LEFT - 12, y + 4, DS_SVG_FINISH, text);
	strip(out, scale, "before", &f->gap[DS_GAP_EARLY], -1, y - BETWEEN / 2);
	strip(out, scale, "after", &f->gap[DS_GAP_LATE], 1, y + BETWEEN / 2);
}

bool ds_stamps_print_picture(const struct ds_stamps_report *report, FILE *out)
{
	struct ds_svg_scale scale =
		ds_svg_scale(DS_SVG_SYMLOG, -FAR_NS, FAR_NS, LEFT, RIGHT, KNEE_NS);
	int rows = 0;
	double bottom, y = TOP + ROW / 2;

	for (int i = 0; i < report->count; i++)
		rows += 1 + (report->cases[i].load[0] != '\0');
	bottom = TOP + ROW * rows;
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
		"aria-labelledby=\"t d\">\n<title id=\"t\">The clock read before a send and the clock read "
		"after it, against when the packet left</title>\n<desc id=\"d\">A row a device, idle and "
		"loaded: p1 to p99, p25 to p75 and the median of either clock. ",
		WIDTH, bottom + UNDERNEATH);
	ds_svg_escape(out, report->machine);
	fprintf(out, "</desc>\n%s", style);
	ds_svg_text(out, "before name", LEFT, 22, DS_SVG_START, "clock before the send");
	ds_svg_text(out, "after name", LEFT + 160, 22, DS_SVG_START, "clock after it");
	ds_svg_text(out, "note", RIGHT, 22, DS_SVG_FINISH,
		    "thin p1 to p99, thick p25 to p75, dot p50");
	ds_svg_text(out, "note", ds_svg_at(&scale, 0) - 8, TOP - 8, DS_SVG_FINISH, "early");
	ds_svg_text(out, "note", ds_svg_at(&scale, 0) + 8, TOP - 8, DS_SVG_START, "late");
	ds_svg_axis_x(out, &scale, TICKS, bottom, TOP, ds_svg_tick_ns);
	ds_svg_line(out, "truth", ds_svg_at(&scale, 0), TOP, ds_svg_at(&scale, 0), bottom);
	for (int i = 0; i < report->count; i++) {
		for (int loaded = 0; loaded <= (report->cases[i].load[0] != '\0'); loaded++) {
			row(out, &scale, &report->cases[i], loaded != 0, y);
			y += ROW;
		}
	}
	ds_svg_text(out, "note", (LEFT + RIGHT) / 2, bottom + 36, DS_SVG_MIDDLE,
		    "clock minus the moment the packet left");
	ds_svg_end(out);
	return fflush(out) == 0 && !ferror(out);
}
