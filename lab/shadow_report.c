/* shadow_report: a shadow run as a table with sentences, and as JSON; see shadow.h. It must never
 * compute: figures come from shadow_figures.c. */
#include "lab/shadow.h"

#include <math.h>
#include <string.h>

#include "lab/demo_report.h"
#include "lab/statistics.h"

#define JSON_SCHEMA  1
#define LISTED_STEPS 10

/* ---- words ---- */

static const char *duration(double seconds, char buffer[32])
{
	if (seconds < 120)
		snprintf(buffer, 32, "%.0f s", seconds);
	else if (seconds < 7200)
		snprintf(buffer, 32, "%.1f min", seconds / 60);
	else if (seconds < 172800)
		snprintf(buffer, 32, "%.1f h", seconds / 3600);
	else
		snprintf(buffer, 32, "%.1f days", seconds / 86400);
	return buffer;
}

static void print_figure(FILE *out, const char *name, const struct ds_figure *f, bool sign)
{
	char value[DS_FIGURE_TEXT], low[DS_FIGURE_TEXT], high[DS_FIGURE_TEXT];

	fprintf(out, "  %s %s", name, ds_figure_ns(f->value, sign, value));
	if (isfinite(f->low))
		fprintf(out, " (%s to %s)", ds_figure_ns(f->low, sign, low),
			ds_figure_ns(f->high, sign, high));
}

/* Who keeps the machine's clock: never more than what was seen. */
static void print_keepers(const struct ds_shadow_figures *f, FILE *out)
{
	const bool seen = strcmp(f->keepers, "-") != 0;
	const bool steered = f->rate_changes + f->system_steps > 0;

	fputs("Who keeps the machine's clock: ", out);
	if (seen)
		fprintf(out, "%s may", f->keepers);
	else if (steered || f->system_synchronised)
		fputs("somebody that cannot be seen from where the daemon ran", out);
	else
		fputs("nobody, as far as can be seen", out);
	fprintf(out, ".\n  The kernel calls it %ssynchronised%s; its rate was changed %llu time%s",
		f->system_synchronised ? "" : "un",
		f->system_pll ? " and slews by a PLL of its own" : "",
		(unsigned long long)f->rate_changes, f->rate_changes == 1 ? "" : "s");
	if (f->system_steps == 0)
		fputs(", it was not stepped.\n", out);
	else
		fprintf(out, ", it was stepped %zu time%s.\n", f->system_steps,
			f->system_steps == 1 ? "" : "s");
}

static void print_steps(const struct ds_shadow *s, const struct ds_shadow_figures *f, FILE *out)
{
	char text[DS_FIGURE_TEXT];
	size_t listed = 0;

	for (size_t i = 0; i < s->event_count && listed < LISTED_STEPS; i++) {
		const struct ds_shadow_event *e = &s->events[i];
		const bool own = e->what == DS_SHADOW_OWN_STEP;

		if (e->at_s < f->from_s || !(own || e->what == DS_SHADOW_SYSTEM_STEP))
			continue;
		fprintf(out, "  %s  the %s clock was stepped by %s\n", e->when,
			own ? "shadow" : "system", ds_figure_ns(e->value[0], true, text));
		listed++;
	}
	if (f->system_steps + f->own_steps > listed)
		fprintf(out, "  and %zu more\n", f->system_steps + f->own_steps - listed);
}

static const char *ppm(double value, char buffer[DS_FIGURE_TEXT])
{
	if (isfinite(value))
		snprintf(buffer, DS_FIGURE_TEXT, "%+.4f", value);
	else
		snprintf(buffer, DS_FIGURE_TEXT, "-");
	return buffer;
}

static void print_difference(const struct ds_shadow_figures *f, FILE *out)
{
	char a[DS_FIGURE_TEXT], b[DS_FIGURE_TEXT], c[DS_FIGURE_TEXT], d[DS_FIGURE_TEXT];

	fputs("Shadow clock minus system clock, over time\n ", out);
	print_figure(out, "mean", &f->difference_mean_ns, true);
	fprintf(out, "   RMS %s   largest %s   drift %s ppm%s\n",
		ds_figure_ns(f->difference_rms_ns, false, a),
		ds_figure_ns(f->difference_max_ns, false, b), ppm(f->difference_drift_ppm, c),
		f->system_steps + f->own_steps > 0 ? " (steps in it)" : "");
	fprintf(out, "   frequency of the shadow clock %s ppm, set in the kernel %s ppm\n",
		ppm(f->frequency_ppm, c), ppm(f->system_rate_ppm, d));
}

static void print_bound(const char *name, double median_ns, double within, double beyond_ns,
			FILE *out)
{
	char text[DS_FIGURE_TEXT];

	fprintf(out, "   the %s (median %s): ", name, ds_figure_ns(median_ns, false, text));
	if (!isfinite(within)) {
		fputs("never known\n", out);
		return;
	}
	fprintf(out, "%.2f %% of the time", 100 * within);
	if (beyond_ns > 0)
		fprintf(out, ", beyond it by up to %s", ds_figure_ns(beyond_ns, false, text));
	fputc('\n', out);
}

static void print_error(const char *name, const struct ds_shadow_error *e, FILE *out)
{
	char text[DS_FIGURE_TEXT];

	fprintf(out, "    %-7s", name);
	print_figure(out, "median", &e->median_abs_ns, false);
	print_figure(out, "RMS", &e->rms_ns, false);
	print_figure(out, "p99", &e->p99_abs_ns, false);
	print_figure(out, "bias", &e->bias_ns, true);
	fprintf(out, "  largest %s\n", ds_figure_ns(e->max_abs_ns, false, text));
}

static void print_compared(const char *what, const struct ds_shadow_compared *c, FILE *out)
{
	fprintf(out, "  %s: %zu packets\n", what, c->count);
	if (c->count == 0)
		return;
	print_error("shadow", &c->own, out);
	print_error("system", &c->system, out);
	if (!isfinite(c->rms_ratio.value))
		return;
	fprintf(out, "    RMS of the shadow clock over that of the system clock: %.3g",
		c->rms_ratio.value);
	if (isfinite(c->rms_ratio.low))
		fprintf(out, " (%.3g to %.3g)", c->rms_ratio.low, c->rms_ratio.high);
	fputc('\n', out);
}

static void print_source(const struct ds_shadow_source *source,
			 const struct ds_shadow_source_figures *f, bool best, FILE *out)
{
	char median[DS_FIGURE_TEXT], quarter[DS_FIGURE_TEXT];

	if (f->count == 0)
		return;
	fprintf(out,
		"\nAgainst %s (stratum %d%s), both clocks on the same packets\n"
		"  %.0f %% interleaved, %.0f %% with both stamps by kernel or card; delay: median %s, a "
		"quarter at most %s\n",
		source->address, source->stratum, best ? ", the nearest source" : "",
		100 * f->interleaved_share, 100 * f->kernel_share,
		ds_figure_ns(f->delay_median_ns, false, median),
		ds_figure_ns(f->delay_quarter_ns, false, quarter));
	print_compared("all", &f->all, out);
	print_compared("the quarter with the least delay", &f->quarter, out);
}

static void print_deviation(double value, FILE *out)
{
	if (isfinite(value))
		fprintf(out, " %12.3e", value);
	else
		fprintf(out, " %12s", "-");
}

static void print_allan(const struct ds_shadow *s, const struct ds_shadow_figures *f, FILE *out)
{
	if (f->allan_count == 0)
		return;
	fprintf(out,
		"\nAllan deviation; against %s the noise of its packets is in it\n"
		"     tau s       shadow       system   difference\n",
		f->best >= 0 ? s->source[f->best].address : "no source");
	for (int i = 0; i < f->allan_count; i++) {
		fprintf(out, "  %8.5g", f->allan[i].tau_s);
		print_deviation(f->allan[i].own, out);
		print_deviation(f->allan[i].system, out);
		print_deviation(f->allan[i].difference, out);
		fputc('\n', out);
	}
}

/* ---- what it comes to ---- */

static void say_source(const struct ds_shadow_source *source,
		       const struct ds_shadow_source_figures *f, FILE *out)
{
	const bool few = f->quarter.count < DS_SHADOW_PACKETS_LEAST;
	const struct ds_shadow_compared *c = few ? &f->all : &f->quarter;
	char own[DS_FIGURE_TEXT], system[DS_FIGURE_TEXT];

	if (c->count == 0)
		return;
	ds_figure_ns(c->own.rms_ns.value, false, own);
	ds_figure_ns(c->system.rms_ns.value, false, system);
	fprintf(out,
		"  On %s%zu packets of %s%s the shadow clock was off by %s, the system clock "
		"by %s (RMS): ",
		few ? "all " : "the ", c->count, source->address,
		few ? "" : " with the least delay", own, system);
	switch (c->nearer) {
	case DS_SHADOW_OWN:
		fputs("the shadow clock was nearer to this source.\n", out);
		break;
	case DS_SHADOW_SYSTEM:
		fputs("the system clock was nearer to this source.\n", out);
		break;
	default:
		fputs("which was nearer cannot be told.\n", out);
		if (c->blocks < DS_SHADOW_BLOCKS_LEAST)
			fprintf(out,
				"  (They are worth only %.0f independent ones: a longer run tells "
				"more.)\n",
				fmax(floor(c->blocks), 1));
	}
}

static void say_bound(const struct ds_shadow_figures *f, FILE *out)
{
	char text[DS_FIGURE_TEXT];

	if (!isfinite(f->within_hard))
		return;
	if (f->beyond_hard_ns > 0)
		fprintf(out,
			"  The system clock was wrong by %s or more at some moment, if the sources are right: "
			"that is how far it lay outside of what they allow.\n",
			ds_figure_ns(f->beyond_hard_ns, false, text));
	else if (f->beyond_bound_ns > 0)
		fprintf(out,
			"  The system clock was wrong by %s or more at some moment, if the shadow clock's "
			"bound holds (the shortest ways there and back are alike); the sources alone do "
			"not show it.\n",
			ds_figure_ns(f->beyond_bound_ns, false, text));
	else
		fputs("  Nothing shows that the system clock was ever wrong: it lay within the shadow "
		      "clock's bound.\n",
		      out);
}

static void print_verdict(const struct ds_shadow *s, const struct ds_shadow_figures *f, FILE *out)
{
	fputs("\nWhat can be said\n", out);
	for (int i = 0; i < s->source_count; i++)
		say_source(&s->source[i], &f->source[i], out);
	say_bound(f, out);
	fputs("  What all packets of a source share moves both clocks alike and is not in these "
	      "figures: the asymmetry\n  of its route, its own error. The shadow clock is steered "
	      "by these very packets, the system clock by others\n  perhaps. Intervals: 95 %, of "
	      "this run.\n",
	      out);
}

static size_t used_packets(const struct ds_shadow *s, const struct ds_shadow_figures *f)
{
	size_t used = 0;

	for (int i = 0; i < s->source_count; i++)
		used += f->source[i].count;
	return used;
}

void ds_shadow_print(const struct ds_shadow *s, const struct ds_shadow_figures *f, FILE *out)
{
	char used[32], left_out[32];

	fprintf(out, "In shadow: %s, begun %s UTC: %s, %zu packets of %d source%s\n", s->program,
		s->begun, duration(f->seconds, used), used_packets(s, f), s->source_count,
		s->source_count == 1 ? "" : "s");
	fprintf(out,
		"  left out: the first %s, until the shadow clock was synchronised or as told\n",
		duration(f->left_out_s, left_out));
	if (s->runs_before > 0)
		fprintf(out, "  %u earlier run%s in the files: not used\n", s->runs_before,
			s->runs_before == 1 ? "" : "s");
	if (s->mixed)
		fputs("  THE FILES ARE OF DIFFERENT RUNS\n", out);
	if (s->bad_lines > 0)
		fprintf(out, "  %llu of %llu lines are none of ours; the first: %s\n",
			(unsigned long long)s->bad_lines, (unsigned long long)s->lines, s->bad);
	fputc('\n', out);
	print_keepers(f, out);
	print_steps(s, f, out);
	fputc('\n', out);
	print_difference(f, out);
	fputs("The system clock lay within the shadow clock's\n", out);
	print_bound("bound", f->bound_median_ns, f->within_bound, f->beyond_bound_ns, out);
	print_bound("hard bound, which assumes nothing of the way", f->hard_median_ns,
		    f->within_hard, f->beyond_hard_ns, out);
	for (int i = 0; i < s->source_count; i++)
		print_source(&s->source[i], &f->source[i], i == f->best, out);
	print_allan(s, f, out);
	print_verdict(s, f, out);
}

/* ---- JSON ---- */

static void key(FILE *out, const char *indent, const char *name)
{
	fprintf(out, "%s\"%s\": ", indent, name);
}

static void json_value(FILE *out, const char *indent, const char *name, double value, int digits,
		       bool last)
{
	key(out, indent, name);
	ds_json_number(out, value, digits);
	fputs(last ? "\n" : ",\n", out);
}

static void json_text(FILE *out, const char *name, const char *text)
{
	key(out, "  ", name);
	ds_json_string(out, text);
	fputs(",\n", out);
}

static void json_flag(FILE *out, const char *name, bool value)
{
	fprintf(out, "  \"%s\": %s,\n", name, value ? "true" : "false");
}

static void json_figure(FILE *out, const char *indent, const char *name, const struct ds_figure *f,
			int digits)
{
	key(out, indent, name);
	fputs("{\"value\": ", out);
	ds_json_number(out, f->value, digits);
	fputs(", \"low\": ", out);
	ds_json_number(out, f->low, digits);
	fputs(", \"high\": ", out);
	ds_json_number(out, f->high, digits);
	fputs("},\n", out);
}

static void json_error(FILE *out, const char *name, const struct ds_shadow_error *e)
{
	fprintf(out, "        \"%s\": {\n", name);
	json_figure(out, "          ", "median_abs_ns", &e->median_abs_ns, 1);
	json_figure(out, "          ", "rms_ns", &e->rms_ns, 1);
	json_figure(out, "          ", "p99_abs_ns", &e->p99_abs_ns, 1);
	json_figure(out, "          ", "bias_ns", &e->bias_ns, 1);
	json_value(out, "          ", "max_abs_ns", e->max_abs_ns, 1, true);
	fputs("        },\n", out);
}

static void json_compared(FILE *out, const char *name, const struct ds_shadow_compared *c,
			  bool last)
{
	static const char *const words[] = {
		[DS_SHADOW_CANNOT_TELL] = "cannot tell",
		[DS_SHADOW_OWN] = "shadow",
		[DS_SHADOW_SYSTEM] = "system",
	};

	fprintf(out, "      \"%s\": {\n        \"count\": %zu,\n", name, c->count);
	json_value(out, "        ", "independent", c->blocks, 1, false);
	json_error(out, "shadow", &c->own);
	json_error(out, "system", &c->system);
	json_figure(out, "        ", "rms_ratio", &c->rms_ratio, 4);
	json_figure(out, "        ", "median_ratio", &c->median_ratio, 4);
	fprintf(out, "        \"nearer\": \"%s\"\n      }%s\n", words[c->nearer], last ? "" : ",");
}

static void json_sources(const struct ds_shadow *s, const struct ds_shadow_figures *f, FILE *out)
{
	fputs("  \"sources\": [", out);
	for (int i = 0; i < s->source_count; i++) {
		const struct ds_shadow_source_figures *here = &f->source[i];

		fprintf(out, "%s\n    {\n      \"address\": ", i > 0 ? "," : "");
		ds_json_string(out, s->source[i].address);
		fprintf(out, ",\n      \"stratum\": %d,\n      \"count\": %zu,\n",
			s->source[i].stratum, here->count);
		json_value(out, "      ", "interleaved_share", here->interleaved_share, 4, false);
		json_value(out, "      ", "kernel_share", here->kernel_share, 4, false);
		json_value(out, "      ", "delay_median_ns", here->delay_median_ns, 1, false);
		json_value(out, "      ", "delay_quarter_ns", here->delay_quarter_ns, 1, false);
		json_compared(out, "all", &here->all, false);
		json_compared(out, "quarter", &here->quarter, true);
		fputs("    }", out);
	}
	fputs("\n  ],\n  \"best\": ", out);
	if (f->best < 0)
		fputs("null", out);
	else
		ds_json_string(out, s->source[f->best].address);
	fputs(",\n", out);
}

/* A deviation has no digits behind the point to speak of. */
static void json_deviation(FILE *out, const char *name, double value)
{
	fprintf(out, ", \"%s\": ", name);
	if (isfinite(value))
		fprintf(out, "%.4e", value);
	else
		fputs("null", out);
}

static void json_allan(const struct ds_shadow_figures *f, FILE *out)
{
	fputs("  \"allan\": [", out);
	for (int i = 0; i < f->allan_count; i++) {
		fprintf(out, "%s\n    {\"tau_s\": %.6g", i > 0 ? "," : "", f->allan[i].tau_s);
		json_deviation(out, "shadow", f->allan[i].own);
		json_deviation(out, "system", f->allan[i].system);
		json_deviation(out, "difference", f->allan[i].difference);
		fputc('}', out);
	}
	fputs("\n  ],\n", out);
}

static void json_steps(const struct ds_shadow *s, const struct ds_shadow_figures *f, FILE *out)
{
	bool first = true;

	fputs("  \"steps\": [", out);
	for (size_t i = 0; i < s->event_count; i++) {
		const struct ds_shadow_event *e = &s->events[i];
		const bool own = e->what == DS_SHADOW_OWN_STEP;

		if (e->at_s < f->from_s || !(own || e->what == DS_SHADOW_SYSTEM_STEP))
			continue;
		fprintf(out,
			"%s\n    {\"clock\": \"%s\", \"when\": \"%s\", \"ns\": ", first ? "" : ",",
			own ? "shadow" : "system", e->when);
		ds_json_number(out, e->value[0], 0);
		fputc('}', out);
		first = false;
	}
	fputs("\n  ]\n", out);
}

static void json_clocks(const struct ds_shadow_figures *f, FILE *out)
{
	fputs("  \"difference\": {\n", out);
	json_figure(out, "    ", "mean_ns", &f->difference_mean_ns, 1);
	json_value(out, "    ", "rms_ns", f->difference_rms_ns, 1, false);
	json_value(out, "    ", "max_abs_ns", f->difference_max_ns, 1, false);
	json_value(out, "    ", "drift_ppm", f->difference_drift_ppm, 6, true);
	fputs("  },\n", out);
	json_value(out, "  ", "frequency_ppm", f->frequency_ppm, 6, false);
	json_value(out, "  ", "system_rate_ppm", f->system_rate_ppm, 6, false);
	json_value(out, "  ", "bound_median_ns", f->bound_median_ns, 1, false);
	json_value(out, "  ", "within_bound", f->within_bound, 6, false);
	json_value(out, "  ", "beyond_bound_ns", f->beyond_bound_ns, 1, false);
	json_value(out, "  ", "hard_bound_median_ns", f->hard_median_ns, 1, false);
	json_value(out, "  ", "within_hard_bound", f->within_hard, 6, false);
	json_value(out, "  ", "beyond_hard_bound_ns", f->beyond_hard_ns, 1, false);
}

void ds_shadow_print_json(const struct ds_shadow *s, const struct ds_shadow_figures *f, FILE *out)
{
	fprintf(out, "{\n  \"schema\": %d,\n", JSON_SCHEMA);
	json_text(out, "program", "drivestamp");
	json_text(out, "version", DS_VERSION);
	json_text(out, "run", s->program);
	json_text(out, "begun", s->begun);
	json_value(out, "  ", "seconds", f->seconds, 3, false);
	json_value(out, "  ", "left_out_s", f->left_out_s, 3, false);
	fprintf(out, "  \"packets\": %zu,\n  \"bad_lines\": %llu,\n", used_packets(s, f),
		(unsigned long long)s->bad_lines);
	json_flag(out, "mixed_runs", s->mixed);
	json_text(out, "keepers", f->keepers);
	json_flag(out, "system_synchronised", f->system_synchronised);
	fprintf(out, "  \"rate_changes\": %llu,\n", (unsigned long long)f->rate_changes);
	json_clocks(f, out);
	json_sources(s, f, out);
	json_allan(f, out);
	json_steps(s, f, out);
	fputs("}\n", out);
}
