// SPDX-License-Identifier: BSD-2-Clause
/*
 * truth: how far a host's clock was from true time, out of the lines that tscprobe wrote. It must
 * never take a sample for good whose line is not whole.
 *
 *   truth [OPTION]... "TSC0 UTC0_NS TSC_HZ" LOG[=LIMIT_US]...
 *
 *     --from S, --to S  only samples so many seconds after the log's first (default: its last half)
 *     --device          the lines C, of the device, in place of P, of the system clock
 *     --fit             fit a straight line: the error of a clock that nobody steers
 *     --json            an array with an object a log
 *     --columns         NAME SAMPLES MEAN_NS SD_NS RMS_NS MAX_NS FREQUENCY_PPM RESIDUAL_NS, a line
 * a log
 *     --samples         SECONDS ERROR_NS BRACKET_NS, a line a sample, of all of the log
 *
 * Exit status 1 where a mean is beyond its limit, or a log has less than four samples.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_LEAST 4

enum style { WORDS, FIT, JSON, COLUMNS, SAMPLES };

struct scale {
	uint64_t tsc0;
	int64_t utc0_ns;
	double tsc_hz;
};

struct sample {
	double true_ns; /* since the scale's zero */
	double error_ns;
	double bracket_ns;
};

struct samples {
	struct sample *of;
	size_t count, room;
};

struct wanted {
	struct scale scale;
	double from_s, to_s; /* from_s below zero: the last half */
	char kind;
	enum style style;
};

struct figures {
	size_t count;
	double mean_ns, sd_ns, rms_ns, max_ns, frequency_ppm, residual_ns, bracket_ns;
};

static void add(struct samples *samples, struct sample sample)
{
	if (samples->count == samples->room) {
		samples->room = samples->room ? 2 * samples->room : 1024;
		samples->of = realloc(samples->of, samples->room * sizeof *samples->of);
		if (!samples->of) {
			perror("truth");
			exit(2);
		}
	}
	samples->of[samples->count++] = sample;
}

static bool read_samples(const char *path, const struct wanted *wanted, struct samples *samples)
{
	const struct scale *scale = &wanted->scale;
	FILE *file = fopen(path, "r");
	char line[512], kind, rest[2];
	uint64_t tsc, bracket;
	int64_t clock_ns;

	if (!file) {
		fprintf(stderr, "truth: %s: %s\n", path, strerror(errno));
		return false;
	}
	while (fgets(line, sizeof line, file)) {
		if (sscanf(line, "%c %" SCNu64 " %" SCNd64 " %" SCNu64 " %1s", &kind, &tsc,
			   &clock_ns, &bracket, rest) != 4 ||
		    kind != wanted->kind || !strchr(line, '\n'))
			continue;
		double true_ns = (double)(int64_t)(tsc - scale->tsc0) * 1e9 / scale->tsc_hz;

		add(samples, (struct sample){true_ns, (double)(clock_ns - scale->utc0_ns) - true_ns,
					     (double)bracket * 1e9 / scale->tsc_hz});
	}
	fclose(file);
	return true;
}

/* The part that was asked for: first in *begin, how many returned. */
static size_t window(const struct wanted *wanted, const struct samples *all, size_t *begin)
{
	size_t end;

	if (wanted->from_s < 0) {
		*begin = wanted->style == FIT ? 0 : all->count / 2;
		return all->count - *begin;
	}
	for (*begin = 0; *begin < all->count; ++*begin)
		if (all->of[*begin].true_ns >= all->of[0].true_ns + wanted->from_s * 1e9)
			break;
	for (end = *begin; end < all->count; end++)
		if (all->of[end].true_ns > all->of[0].true_ns + wanted->to_s * 1e9)
			break;
	return end - *begin;
}

static struct figures figures_of(const struct sample *s, size_t count)
{
	struct figures f = {.count = count};
	double t_mean = 0, squares = 0, tt = 0, te = 0;
	double n = (double)count;

	for (size_t i = 0; i < count; i++) {
		f.mean_ns += s[i].error_ns / n;
		t_mean += s[i].true_ns / n;
		f.bracket_ns += s[i].bracket_ns / n;
		f.max_ns = fmax(f.max_ns, fabs(s[i].error_ns));
	}
	for (size_t i = 0; i < count; i++) {
		double e = s[i].error_ns - f.mean_ns, t = s[i].true_ns - t_mean;

		squares += e * e;
		tt += t * t;
		te += t * e;
	}
	f.sd_ns = sqrt(squares / n);
	f.rms_ns = hypot(f.sd_ns, f.mean_ns);
	f.frequency_ppm = tt > 0 ? te / tt * 1e6 : 0;
	f.residual_ns = tt > 0 ? sqrt(fmax(0, squares - te * te / tt) / n) : 0;
	return f;
}

static void print_words(const char *name, const struct figures *f, double first_ns, double limit_us)
{
	printf("%s: first %+.1f us; %zu samples: mean %+.3f us sd %.3f us rms %.3f us max %.3f us",
	       name, first_ns / 1e3, f->count, f->mean_ns / 1e3, f->sd_ns / 1e3, f->rms_ns / 1e3,
	       f->max_ns / 1e3);
	if (limit_us > 0)
		printf(", limit for the mean %g us: %s", limit_us,
		       fabs(f->mean_ns) <= limit_us * 1e3 ? "ok" : "TOO FAR");
	putchar('\n');
}

static void print_figures(const struct wanted *wanted, const char *name, const struct figures *f,
			  double first_ns, double limit_us)
{
	if (wanted->style == WORDS)
		print_words(name, f, first_ns, limit_us);
	else if (wanted->style == FIT)
		printf("%s: %zu samples: frequency %+.4f ppm, residual %.0f ns rms, bracket %.0f ns\n",
		       name, f->count, f->frequency_ppm, f->residual_ns, f->bracket_ns);
	else if (wanted->style == COLUMNS)
		printf("%s %zu %.0f %.0f %.0f %.0f %.4f %.0f\n", name, f->count, f->mean_ns,
		       f->sd_ns, f->rms_ns, f->max_ns, f->frequency_ppm, f->residual_ns);
	else if (wanted->style == JSON)
		printf("{\"log\": \"%s\", \"samples\": %zu, \"mean_ns\": %.1f, \"sd_ns\": %.1f, "
		       "\"rms_ns\": %.1f, \"max_ns\": %.1f, \"frequency_ppm\": %.6f, "
		       "\"residual_ns\": %.1f}",
		       name, f->count, f->mean_ns, f->sd_ns, f->rms_ns, f->max_ns, f->frequency_ppm,
		       f->residual_ns);
}

/* One log of the command line; false: its verdict is bad. */
static bool judge(const struct wanted *wanted, char *argument)
{
	struct samples all = {NULL, 0, 0};
	struct figures f = {0};
	char *limit = strrchr(argument, '='), *slash, *name;
	double limit_us = 0;
	size_t begin = 0, count = 0;

	if (limit && strchr(limit, '/'))
		limit = NULL;
	if (limit) {
		*limit++ = '\0';
		limit_us = strtod(limit, NULL);
	}
	slash = strrchr(argument, '/');
	name = slash ? slash + 1 : argument;
	if (read_samples(argument, wanted, &all))
		count = window(wanted, &all, &begin);
	if (wanted->style == SAMPLES)
		for (size_t i = 0; i < all.count; i++)
			printf("%.6f %.0f %.0f\n", (all.of[i].true_ns - all.of[0].true_ns) * 1e-9,
			       all.of[i].error_ns, all.of[i].bracket_ns);
	else if (count >= SAMPLES_LEAST && all.of) {
		f = figures_of(all.of + begin, count);
		print_figures(wanted, name, &f, all.of[0].error_ns, limit_us);
	} else if (wanted->style == JSON)
		printf("{\"log\": \"%s\", \"samples\": %zu}", name, count);
	else
		printf("%s: only %zu samples\n", name, count);
	free(all.of);
	return count >= SAMPLES_LEAST && !(limit_us > 0 && fabs(f.mean_ns) > limit_us * 1e3);
}

static bool read_scale(const char *text, struct scale *scale)
{
	char rest[2];

	return sscanf(text, "%" SCNu64 " %" SCNd64 " %lf %1s", &scale->tsc0, &scale->utc0_ns,
		      &scale->tsc_hz, rest) == 3 &&
	       scale->tsc_hz > 0;
}

/* Reads the options; the index of the first other word, or -1. */
static int read_options(int argc, char **argv, struct wanted *wanted)
{
	int i;

	for (i = 1; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--from") && i + 1 < argc)
			wanted->from_s = fmax(0, strtod(argv[++i], NULL));
		else if (!strcmp(argv[i], "--to") && i + 1 < argc)
			wanted->to_s = strtod(argv[++i], NULL);
		else if (!strcmp(argv[i], "--device"))
			wanted->kind = 'C';
		else if (!strcmp(argv[i], "--fit"))
			wanted->style = FIT;
		else if (!strcmp(argv[i], "--json"))
			wanted->style = JSON;
		else if (!strcmp(argv[i], "--columns"))
			wanted->style = COLUMNS;
		else if (!strcmp(argv[i], "--samples"))
			wanted->style = SAMPLES;
		else
			return -1;
	}
	if (wanted->from_s < 0 && wanted->to_s < INFINITY)
		wanted->from_s = 0;
	return i;
}

int main(int argc, char **argv)
{
	struct wanted wanted = {.from_s = -1, .to_s = INFINITY, .kind = 'P', .style = WORDS};
	int first = read_options(argc, argv, &wanted);
	bool good = true;

	if (first < 0 || first + 2 > argc || !read_scale(argv[first], &wanted.scale)) {
		fputs("usage: truth [--from S] [--to S] [--device] [--fit|--json|--columns|--samples] "
		      "\"TSC0 UTC0_NS TSC_HZ\" LOG[=LIMIT_US]...\n",
		      stderr);
		return 2;
	}
	if (wanted.style == JSON)
		putchar('[');
	for (int i = first + 1; i < argc; i++) {
		if (wanted.style == JSON && i > first + 1)
			fputs(",\n", stdout);
		good = judge(&wanted, argv[i]) && good;
	}
	if (wanted.style == JSON)
		puts("]");
	return good ? 0 : 1;
}
