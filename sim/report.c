/* report: see report.h. */
#include "sim/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/measure.h"
#include "sim/oracle.h"
#include "sim/plot.h"

#define CELL 16

/* Three significant digits and a unit. */
static const char *time_text(double ns, char out[CELL])
{
	static const struct {
		double factor;
		const char *unit;
	} units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1.0, "ns"}};
	int i = 0;

	if (isnan(ns))
		snprintf(out, CELL, "-");
	else if (isinf(ns))
		snprintf(out, CELL, "never");
	else {
		double size;

		while (i < 3 && fabs(ns) < units[i].factor)
			i++;
		size = fabs(ns) / units[i].factor;
		snprintf(out, CELL, "%.*f %s",
			 size < 10.0	? 2
			 : size < 100.0 ? 1
					: 0,
			 ns / units[i].factor, units[i].unit);
	}
	return out;
}

static const char *number_text(double value, const char *format, char out[CELL])
{
	if (!isfinite(value))
		snprintf(out, CELL, "-");
	else
		snprintf(out, CELL, strcmp(format, "%") == 0 ? "%.3f %%" : "%.2f",
			 strcmp(format, "%") == 0 ? 100.0 * value : value);
	return out;
}

void sim_report_heading(void)
{
	printf("%-12s %-9s %4s %-9s %9s %9s %9s %9s %7s %9s %7s %7s\n", "scenario", "variant",
	       "seed", "host", "RMS", "max", "sync", "recovery", "packets", "inside", "B/RMS",
	       "oracle");
}

static void print_row(const struct sim_world *w, const struct sim_host *h,
		      const struct sim_figures *f)
{
	char cell[8][CELL];

	printf("%-12s %-9s %4" PRIu64 " %-9s %9s %9s %9s %9s %7.0f %9s %7s %7s\n",
	       w->scenario->name, w->variant->name, w->seed, h->spec->name,
	       time_text(f->rms_ns, cell[0]), time_text(f->max_ns, cell[1]),
	       time_text(f->sync_ns, cell[2]), time_text(f->recovery_ns, cell[3]), f->packets,
	       number_text(f->inside, "%", cell[4]), number_text(f->bound_ratio, "2", cell[5]),
	       number_text(f->oracle_ratio, "2", cell[6]));
}

static void print_json_number(const char *name, double value)
{
	if (isfinite(value))
		printf(",\"%s\":%.9g", name, value);
	else
		printf(",\"%s\":null", name);
}

static void print_json(const struct sim_world *w, const struct sim_host *h,
		       const struct sim_figures *f)
{
	printf("{\"scenario\":\"%s\",\"variant\":\"%s\",\"seed\":%" PRIu64 ",\"host\":\"%s\"",
	       w->scenario->name, w->variant->name, w->seed, h->spec->name);
	print_json_number("rms_ns", f->rms_ns);
	print_json_number("max_ns", f->max_ns);
	print_json_number("median_ns", f->median_ns);
	print_json_number("sync_ns", f->sync_ns);
	print_json_number("recovery_ns", f->recovery_ns);
	print_json_number("overshoot_ns", f->overshoot_ns);
	print_json_number("packets", f->packets);
	print_json_number("inside", f->inside);
	print_json_number("inside_hard", f->inside_hard);
	print_json_number("claimed", f->claimed);
	print_json_number("bound_ns", f->bound_ns);
	print_json_number("bound_ratio", f->bound_ratio);
	print_json_number("oracle_rms_ns", f->oracle_rms_ns);
	puts("}");
}

/* What sim/record is made of: exact enough for any change to show. */
static void append_figures(const char *path, const struct sim_world *w, const struct sim_host *h,
			   const struct sim_figures *f)
{
	FILE *out = fopen(path, "ae");

	if (out == NULL) {
		perror(path);
		return;
	}
	fprintf(out, "%s %s %" PRIu64 " %s %.9g %.9g %.9g %.9g %.0f %.6f %.6g %.9g %.6f\n",
		w->scenario->name, w->variant->name, w->seed, h->spec->name, f->rms_ns, f->max_ns,
		f->sync_ns, f->recovery_ns, f->packets, f->inside, f->bound_ns, f->oracle_rms_ns,
		f->inside_hard);
	fclose(out);
}

static bool limit_holds(const struct sim_limit *l, double value)
{
	/* what is not a number holds nothing */
	return l->below ? value < l->value : value > l->value;
}

static const char *figure_text(enum sim_metric metric, double value, char out[CELL])
{
	if (sim_metric_is_time(metric))
		return time_text(value, out);
	snprintf(out, CELL, "%.6g", value);
	return out;
}

static void verdict(const struct sim_world *w, const struct sim_report_options *o, bool holds,
		    int line, const char *text)
{
	if (o->check)
		printf("%s - %s %s seed %" PRIu64 ": %s\n", holds ? "ok" : "not ok",
		       w->scenario->name, w->variant->name, w->seed, text);
	else if (!holds)
		fprintf(stderr, "%s:%d: %s seed %" PRIu64 ": broken: %s\n", w->scenario->file, line,
			w->variant->name, w->seed, text);
}

static int check_limits(const struct sim_world *w, const struct sim_report_options *o, int host,
			const struct sim_figures *f)
{
	int broken = 0;

	for (int i = 0; i < w->scenario->limit_count; i++) {
		const struct sim_limit *l = &w->scenario->limits[i];
		double value = sim_figure(f, l->metric);
		bool holds = limit_holds(l, value);
		char is[CELL], must[CELL], text[SIM_TEXT];

		if (l->host != host ||
		    (l->variant >= 0 && &w->scenario->variants[l->variant] != w->variant) ||
		    (l->metric == SIM_ORACLE && !o->oracle))
			continue;
		snprintf(text, sizeof text, "%s: %s %s (must be %s %s)", w->hosts[host].spec->name,
			 sim_metric_name(l->metric), figure_text(l->metric, value, is),
			 l->below ? "<" : ">", figure_text(l->metric, l->value, must));
		verdict(w, o, holds, l->line, text);
		broken += !holds;
	}
	return broken;
}

static int check_expects(const struct sim_world *w, const struct sim_report_options *o)
{
	int broken = 0;

	for (int i = 0; i < w->scenario->expect_count; i++) {
		const struct sim_expect *e = &w->scenario->expects[i];
		const struct sim_host *h = &w->hosts[e->host];
		char text[2 * SIM_TEXT];
		int count = 0;
		bool holds;

		for (int k = 0; k < h->log_count; k++)
			count += strstr(h->log[k].text, e->text) != NULL;
		holds = e->or_more ? count >= e->count : count == e->count;
		snprintf(text, sizeof text, "%s: log \"%s\" %d times (must be %d%s)", h->spec->name,
			 e->text, count, e->count, e->or_more ? " or more" : "");
		verdict(w, o, holds, e->line, text);
		broken += !holds;
	}
	return broken;
}

int sim_report(const struct sim_world *w, const struct sim_report_options *o)
{
	int broken = 0;

	for (int i = 0; i < w->host_count; i++) {
		const struct sim_host *h = &w->hosts[i];
		struct sim_figures f;

		if (h->samples == NULL)
			continue;
		sim_measure(h, &f);
		if (o->oracle)
			sim_oracle(h, &f);
		if (o->json)
			print_json(w, h, &f);
		else if (!o->check)
			print_row(w, h, &f);
		if (o->figures != NULL)
			append_figures(o->figures, w, h, &f);
		broken += check_limits(w, o, i, &f);
		if (o->plot != NULL)
			sim_plot(h, o->plot);
	}
	fflush(stdout);
	return broken + check_expects(w, o);
}
