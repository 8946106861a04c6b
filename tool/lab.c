/* lab: see the header. The first word that is no option names the sub-verb. */
#include "tool/lab.h"

#include <stdio.h>
#include <string.h>

#include "lab/nearest.h"
#include "tool/options.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{"run", ds_lab_experiment},
	{"shadow", ds_lab_shadow},
	{"stamps", ds_lab_stamps},
	{"flood", ds_lab_flood},
};

#define VERBS ((int)(sizeof(verbs) / sizeof(verbs[0])))

static int unknown(const char *word)
{
	const char *words[VERBS];
	const char *nearest;

	for (int i = 0; i < VERBS; i++)
		words[i] = verbs[i].name;
	nearest = ds_lab_nearest(word, words, VERBS);
	if (nearest)
		fprintf(stderr, "drivestamp lab: unknown verb '%s'; the nearest is '%s'\n", word,
			nearest);
	else
		fprintf(stderr, "drivestamp lab: unknown verb '%s' (drivestamp help lab)\n", word);
	return DS_EXIT_USAGE;
}

static int run_lab(int argc, char **argv)
{
	if (argc < 2 || argv[1][0] == '-')
		return ds_lab_experiment(argc, argv);
	for (int i = 0; i < VERBS; i++) {
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	}
	return unknown(argv[1]);
}

const struct ds_verb ds_verb_lab = {
	"lab", "", "Four hosts, twelve pairs, every mode: does it work, and how well?", run_lab};
