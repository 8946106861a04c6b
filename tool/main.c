/* main: the `drivestamp` command: finds the verb and hands it the rest. It must never do a verb's
 * work itself, and never guess a verb. */
#include <stdio.h>
#include <string.h>

#include "lab/nearest.h"
#include "tool/options.h"

/* In the order of the help; a group begins where `head` stands. */
static const struct {
	const char *head;
	const struct ds_verb *verb;
} verbs[] = {
	{"Ask the daemon of this machine:", &ds_verb_status},
	{NULL, &ds_verb_watch},
	{NULL, &ds_verb_sources},
	{NULL, &ds_verb_sourcestats},
	{NULL, &ds_verb_select},
	{NULL, &ds_verb_exchanges},
	{NULL, &ds_verb_stamps},
	{NULL, &ds_verb_bound},
	{NULL, &ds_verb_server},
	{NULL, &ds_verb_clients},
	{NULL, &ds_verb_waitsync},
	{NULL, &ds_verb_exporter},
	{"Change what it does (root, or its own user):", &ds_verb_online},
	{NULL, &ds_verb_offline},
	{NULL, &ds_verb_onoffline},
	{NULL, &ds_verb_burst},
	{NULL, &ds_verb_makestep},
	{NULL, &ds_verb_add},
	{NULL, &ds_verb_delete},
	{NULL, &ds_verb_reload},
	{NULL, &ds_verb_cyclelogs},
	{"Measure and prove:", &ds_verb_query},
	{NULL, &ds_verb_conform},
	{NULL, &ds_verb_doctor},
	{NULL, &ds_verb_demo},
	{NULL, &ds_verb_lab},
	{"Move in:", &ds_verb_import},
	{NULL, &ds_verb_switch},
};

#define VERBS ((int)(sizeof(verbs) / sizeof(verbs[0])))

static void usage(FILE *out)
{
	fputs("drivestamp VERB ...\n", out);
	for (int i = 0; i < VERBS; i++) {
		if (verbs[i].head != NULL)
			fprintf(out, "\n%s\n", verbs[i].head);
		fprintf(out, "  %-11s %s\n", verbs[i].verb->name, verbs[i].verb->help);
	}
	fputs("\n  help        This text; help VERB: the options of a verb.\n"
	      "  version     The version.\n",
	      out);
}

static const struct ds_verb *find(const char *name)
{
	for (int i = 0; i < VERBS; i++) {
		if (strcmp(name, verbs[i].verb->name) == 0)
			return verbs[i].verb;
	}
	return NULL;
}

static int unknown(const char *word)
{
	const char *words[VERBS + 2];
	const char *nearest;

	for (int i = 0; i < VERBS; i++)
		words[i] = verbs[i].verb->name;
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
