/*
 * drivestamp-sim: runs scenarios and says what they came to.
 * It must never read a clock into a result: the same seed gives the same output.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/report.h"
#include "sim/world.h"

struct options {
	uint64_t seed;
	int seeds;
	const char *variant;
	const char *plot;
	const char *figures;
	bool json, check, verbose, oracle;
};

static void usage(FILE *out)
{
	fputs("Usage: drivestamp-sim [OPTION]... FILE.scn...\n"
	      "  --seed N       the first seed (1)\n"
	      "  --seeds N      so many seeds, one after the other (1)\n"
	      "  --variant V    that variant of each scenario alone\n"
	      "  --json         one JSON object a run, a line each\n"
	      "  --plot DIR     pictures as SVG, by gnuplot\n"
	      "  --oracle       also ask who knows the model of the noise\n"
	      "  --check        only what the scenarios mark for ./check, with their limits\n"
	      "  --figures FILE append one exact line a host and run, for sim/record\n"
	      "  --verbose      what the daemons say, to stderr\n",
	      out);
}

/* Returns how many limits were broken, or 1 where it could not be run. */
static int run_one(const struct sim_scenario *s, int variant, uint64_t seed,
		   const struct options *o)
{
	char why[SIM_WHY];
	struct sim_world *w = sim_world_new(s, variant, seed, o->verbose, why);
	int broken;

	if (w == NULL) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	if (!sim_world_run(w)) {
		fprintf(stderr, "%s: %s\n", s->file, w->why);
		sim_world_free(w);
		return 1;
	}
	broken = sim_report(w, &(struct sim_report_options){.json = o->json,
							    .figures = o->figures,
							    .check = o->check,
							    .oracle = o->oracle,
							    .plot = o->plot});
	sim_world_free(w);
	return broken;
}

static int run_scenario(const char *path, const struct options *o)
{
	static struct sim_scenario s;
	char why[SIM_WHY];
	int broken = 0;
	bool any = false;

	if (!sim_scenario_read(&s, path, why)) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	for (int v = 0; v < s.variant_count; v++) {
		int seeds = o->check ? s.variants[v].check_seeds : o->seeds;

		if (o->variant != NULL && strcmp(o->variant, s.variants[v].name) != 0)
			continue;
		any = true;
		for (int i = 0; i < seeds; i++)
			broken += run_one(&s, v, o->seed + (uint64_t)i, o);
	}
	if (!any)
		fprintf(stderr, "%s: no variant %s\n", path, o->variant);
	return any ? broken : 1;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option long_options[] = {
		{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'n'},
		{"variant", required_argument, NULL, 'V'},
		{"json", no_argument, NULL, 'j'},
		{"plot", required_argument, NULL, 'p'},
		{"oracle", no_argument, NULL, 'o'},
		{"check", no_argument, NULL, 'c'},
		{"figures", required_argument, NULL, 'f'},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 's':
			o->seed = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			o->seeds = atoi(optarg);
			break;
		case 'V':
			o->variant = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'p':
			o->plot = optarg;
			break;
		case 'o':
			o->oracle = true;
			break;
		case 'c':
			o->check = true;
			break;
		case 'f':
			o->figures = optarg;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc && o->seeds > 0)
		return -1;
	usage(stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct options o = {.seed = 1, .seeds = 1};
	int status = parse(argc, argv, &o);
	int broken = 0;

	if (status >= 0)
		return status;
	if (!o.json && !o.check)
		sim_report_heading();
	for (int i = optind; i < argc; i++)
		broken += run_scenario(argv[i], &o);
	return broken > 0;
}
