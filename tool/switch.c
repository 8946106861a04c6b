/* switch: `drivestamp switch`, see switch.h. It must never change anything. */
#include "tool/switch.h"

#include <string.h>

#include "lab/nearest.h"
#include "tool/options.h"

static bool find_kind(const char *word, enum ds_switch_kind *kind)
{
	const char *nearest;

	*kind = DS_SWITCH_KINDS;
	if (word == NULL)
		return true;
	for (int i = 0; i < DS_SWITCH_KINDS; i++)
		if (strcmp(word, ds_switch_names[i]) == 0) {
			*kind = (enum ds_switch_kind)i;
			return true;
		}
	if (strcmp(word, "ntp") == 0 || strcmp(word, "ntpd") == 0) {
		*kind = DS_SWITCH_NTPSEC;
		return true;
	}
	nearest = ds_lab_nearest(word, ds_switch_names, DS_SWITCH_KINDS);
	fprintf(stderr,
		"drivestamp switch: --from takes chrony, ntpsec, openntpd, timesyncd or ntpd-rs, "
		"not '%s'%s%s%s\n",
		word, nearest != NULL ? "; the nearest is '" : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "'" : "");
	return false;
}

static int run(int argc, char **argv)
{
	const char *from = NULL, *root = "";
	bool json = false;
	const struct ds_option options[] = {
		{"from", 'f', DS_OPTION_TEXT, &from, 0, 0, "WHO",
		 "chrony, ntpsec, openntpd, timesyncd, ntpd-rs; else the one that keeps the time"},
		{"root", 0, DS_OPTION_TEXT, &root, 0, 0, "DIR",
		 "look at the files below this folder: an image, not this machine"},
		{"json", 0, DS_OPTION_FLAG, &json, 0, 0, NULL, "facts and steps as JSON"},
		{0},
	};
	const char *rest[1];
	static struct ds_switch_facts facts;
	static struct ds_switch_plan plan;
	enum ds_switch_kind kind;
	int count = ds_options_read(&ds_verb_switch, options, argc, argv, rest, 0);

	if (count == -2)
		return 0;
	if (count < 0 || !find_kind(from, &kind))
		return DS_EXIT_USAGE;
	if (strlen(root) > 200) {
		fprintf(stderr, "drivestamp switch: --root is longer than 200 characters\n");
		return DS_EXIT_USAGE;
	}
	ds_switch_look(&facts, root);
	ds_switch_plan(&facts, kind, &plan);
	if (json)
		ds_switch_print_json(&facts, &plan, stdout);
	else
		ds_switch_print(&facts, &plan, stdout);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : DS_EXIT_USAGE;
}

const struct ds_verb ds_verb_switch = {
	.name = "switch",
	.arguments = "",
	.help = "The steps from this machine's time daemon to drivestampd; does none of them.",
	.run = run,
};
