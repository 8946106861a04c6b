/* main: the `drivestamp` command: finds the verb and hands it the rest. It must never do a verb's
 * work itself, and never guess a verb. */
#include <stdio.h>
#include <string.h>

#include "lab/nearest.h"
#include "tool/options.h"

static const struct ds_verb *const verbs[] = {&ds_verb_query, &ds_verb_conform, &ds_verb_demo,
					      &ds_verb_bound, &ds_verb_lab,	&ds_verb_doctor,
					      &ds_verb_import};

#define VERBS ((int)(sizeof(verbs) / sizeof(verbs[0])))

static void usage(FILE *out)
{
	fputs("drivestamp VERB ...\n\n", out);
	for (int i = 0; i < VERBS; i++)
		fprintf(out, "  %-9s %s\n", verbs[i]->name, verbs[i]->help);
	fputs("  help      This text; help VERB: the options of a verb.\n"
	      "  version   The version.\n",
	      out);
}

static const struct ds_verb *find(const char *name)
{
	for (int i = 0; i < VERBS; i++) {
		if (strcmp(name, verbs[i]->name) == 0)
			return verbs[i];
	}
	return NULL;
}

static int unknown(const char *word)
{
	const char *words[VERBS + 2];
	const char *nearest;

	for (int i = 0; i < VERBS; i++)
		words[i] = verbs[i]->name;
	words[VERBS] = "help";
	words[VERBS + 1] = "version";
	nearest = ds_lab_nearest(word, words, VERBS + 2);
	if (nearest)
		fprintf(stderr, "drivestamp: unknown verb '%s'; the nearest is '%s'\n", word,
			nearest);
	else
		fprintf(stderr, "drivestamp: unknown verb '%s' (drivestamp help)\n", word);
	return DS_EXIT_USAGE;
}

static int help(const char *name)
{
	static char text[] = "--help";
	const struct ds_verb *verb = name ? find(name) : NULL;
	char *argv[] = {NULL, text, NULL};

	if (!name) {
		usage(stdout);
		return 0;
	}
	return verb ? verb->run(2, argv) : unknown(name);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct ds_verb *verb = word ? find(word) : NULL;

	if (verb)
		return verb->run(argc - 1, argv + 1);
	if (!word) {
		usage(stderr);
		return DS_EXIT_USAGE;
	}
	if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(word, "version") == 0 || strcmp(word, "--version") == 0) {
		puts("drivestamp " DS_VERSION);
		return 0;
	}
	return unknown(word);
}
