/* plot: see plot.h. Data go into files beside the pictures, so that others can draw them too. */
#include "sim/plot.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sim/measure.h"

#define STEM   512
#define LEVELS 400
#define POINTS 4000 /* of the error over time: the largest of each stretch is kept */

extern char **environ;

static FILE *open_data(const char *stem, const char *what)
{
	char path[STEM + 32];
	FILE *out;

	snprintf(path, sizeof path, "%s-%s.dat", stem, what);
	out = fopen(path, "we");
	if (out == NULL)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return out;
}

static void write_error(const struct sim_host *h, const char *stem)
{
	FILE *out = open_data(stem, "error");
	int stretch = h->sample_count / POINTS + 1;

	if (out == NULL)
		return;
	for (int i = 0; i < h->sample_count; i += stretch) {
		int worst = i;

		for (int k = i; k < i + stretch && k < h->sample_count; k++)
			if (fabs(h->samples[k].error_ns) > fabs(h->samples[worst].error_ns))
				worst = k;
		fprintf(out, "%.3f %.9g %.9g %.9g\n",
			(double)(worst + 1) * (double)h->world->scenario->sample_ns * 1e-9,
			h->samples[worst].error_ns * 1e-9,
			isfinite(h->samples[worst].bound_ns) ? h->samples[worst].bound_ns * 1e-9
							     : NAN,
			isfinite(h->samples[worst].hard_ns) ? h->samples[worst].hard_ns * 1e-9
							    : NAN);
	}
	fclose(out);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void write_distribution(const struct sim_host *h, const char *stem)
{
	FILE *out = open_data(stem, "distribution");
	double *sizes = calloc((size_t)h->sample_count + 1, sizeof *sizes);
	int n = 0;

	for (int i = 0; sizes != NULL && i < h->sample_count; i++)
		if ((i + 1) * h->world->scenario->sample_ns >= h->world->scenario->figures_ns &&
		    !isnan(h->samples[i].error_ns))
			sizes[n++] = fabs(h->samples[i].error_ns) * 1e-9;
	if (n > 0)
		qsort(sizes, (size_t)n, sizeof *sizes, by_size);
	for (int k = 1; out != NULL && n > 0 && k <= LEVELS; k++)
		fprintf(out, "%.9g %.6f\n", sizes[(int64_t)k * n / LEVELS - 1], (double)k / LEVELS);
	if (out != NULL)
		fclose(out);
	free(sizes);
}

static void write_allan(const struct sim_host *h, const char *stem)
{
	FILE *out = open_data(stem, "allan");
	double sample_s = (double)h->world->scenario->sample_ns * 1e-9;
	int from = (int)(h->world->scenario->figures_ns / h->world->scenario->sample_ns);

	if (out == NULL)
		return;
	for (int n = 1; from + 3 * n < h->sample_count; n = n * 5 / 4 + 1)
		fprintf(out, "%.6g %.9g\n", n * sample_s, sim_allan(h, from, n));
	fclose(out);
}

static void write_wedge(const struct sim_host *h, const char *stem)
{
	FILE *out = open_data(stem, "wedge");

	if (out == NULL)
		return;
	for (int i = 0; i < h->exchange_count; i++) {
		const struct sim_exchange *x = &h->exchanges[i];
		int at = (int)(x->at_ns / h->world->scenario->sample_ns) - 1;

		/* what the exchange says against the truth: its offset, and our clock's error */
		if (at >= 0 && at < h->sample_count && x->at_ns >= h->world->scenario->figures_ns)
			fprintf(out, "%.9g %.9g\n", (double)x->delay_ns * 1e-9,
				((double)x->offset_ns + h->samples[at].error_ns) * 1e-9);
	}
	fclose(out);
}

static void write_script(FILE *out, const char *stem, const char *title)
{
	fprintf(out,
		"set terminal svg size 900,500 dynamic background rgb 'white' font 'sans,12'\n"
		"set grid lc rgb '#dddddd'\nset key right top opaque\nset format y '%%.1s %%cs'\n"
		"set output '%s-error.svg'\nset title '%s: error over time' noenhanced\n"
		"set xlabel 'true time, s'\nset ylabel 'clock less UTC'\n"
		"stats '%s-error.dat' using (abs($2)) every ::(%d) nooutput\n",
		stem, title, stem, POINTS / 16);
	fprintf(out,
		"set yrange [-4*STATS_max-1e-12:4*STATS_max+1e-12]\n"
		"plot '%s-error.dat' using 1:3:(-$3) with filledcurves lc rgb '#dce9f7' title "
		"'bound', '' using 1:2 with lines lc rgb '#1f5fa8' title 'error'\n",
		stem);
	fprintf(out,
		"set yrange [0:1]\nset format y '%%g'\nset logscale x\nset format x '%%.0s %%cs'\n"
		"set output '%s-distribution.svg'\nset title '%s: size of the error' noenhanced\n"
		"set xlabel 'error'\nset ylabel 'share of the time'\n"
		"plot '%s-distribution.dat' using 1:2 with lines lw 2 lc rgb '#1f5fa8' notitle\n",
		stem, title, stem);
	fprintf(out,
		"set autoscale\nset logscale xy\nset format x '%%g'\nset format y '%%.0e'\n"
		"set output '%s-allan.svg'\nset title '%s: Allan deviation of the clock' "
		"noenhanced\nset xlabel 'interval, s'\nset ylabel 'Allan deviation'\n"
		"plot '%s-allan.dat' using 1:2 with linespoints pt 7 ps 0.4 lc rgb '#1f5fa8' "
		"notitle\n",
		stem, title, stem);
	fprintf(out,
		"unset logscale\nset format x '%%.1s %%cs'\nset format y '%%.1s %%cs'\n"
		"set xtics font ',9'\n"
		"set output '%s-wedge.svg'\nset title '%s: what each exchange says' noenhanced\n"
		"set xlabel 'delay'\nset ylabel 'its error'\n"
		"plot '%s-wedge.dat' using 1:2 with points pt 7 ps 0.4 lc rgb '#1f5fa8' notitle\n",
		stem, title, stem);
}

static void run_gnuplot(const char *script)
{
	static bool said;
	char name[] = "gnuplot";
	char path[STEM + 32];
	char *argv[] = {name, path, NULL};
	pid_t child;
	int status = 0;

	snprintf(path, sizeof path, "%s", script);
	if (posix_spawnp(&child, name, NULL, NULL, argv, environ) != 0 ||
	    waitpid(child, &status, 0) < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
		if (!said)
			fprintf(stderr, "no gnuplot (Debian: gnuplot-nox): data are written, "
					"pictures are not\n");
		said = true;
	} else if (status != 0) {
		fprintf(stderr, "%s: gnuplot fails\n", path);
	}
}

void sim_plot(const struct sim_host *h, const char *directory)
{
	const struct sim_world *w = h->world;
	const char *variant = strcmp(w->variant->name, "-") == 0 ? "" : w->variant->name;
	char stem[STEM], path[STEM + 32], title[3 * SIM_NAME + 64];
	FILE *out;

	if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
		fprintf(stderr, "%s: %s\n", directory, strerror(errno));
		return;
	}
	snprintf(stem, sizeof stem, "%.300s/%s%s%s-%" PRIu64 "-%s", directory, w->scenario->name,
		 variant[0] != '\0' ? "-" : "", variant, w->seed, h->spec->name);
	snprintf(title, sizeof title, "%s %s seed %" PRIu64 ", %s", w->scenario->name, variant,
		 w->seed, h->spec->name);
	write_error(h, stem);
	write_distribution(h, stem);
	write_allan(h, stem);
	write_wedge(h, stem);
	snprintf(path, sizeof path, "%s.gnuplot", stem);
	out = fopen(path, "we");
	if (out == NULL)
		return;
	write_script(out, stem, title);
	fclose(out);
	run_gnuplot(path);
}
