/* demo: the command line of the demo, which itself is in lab/. It must never start anything for a
 * command line that is not wholly understood. */
#include "lab/demo.h"

#include "tool/options.h"

static int run_demo(int argc, char **argv)
{
	struct ds_demo_config config = {.seconds = 60, .poll_log2 = -4};
	const struct ds_option options[] = {
		{"seconds", 0, DS_OPTION_INTEGER, &config.seconds, 4, 86400, "N",
		 "how long packets are exchanged (60)"},
		{"json", 0, DS_OPTION_TEXT, &config.json_path, 0, 0, "FILE",
		 "the summary for machines too; '-': standard output"},
		{"basic", 0, DS_OPTION_FLAG, &config.basic, 0, 0, NULL,
		 "do not ask for interleaved answers"},
		{"poll", 0, DS_OPTION_INTEGER, &config.poll_log2, -6, 4, "P",
		 "poll every 2^P seconds (-4)"},
		{"loopback", 0, DS_OPTION_FLAG, &config.loopback, 0, 0, NULL,
		 "both hosts on loopback, no namespaces"},
		{"daemon", 0, DS_OPTION_TEXT, &config.daemon, 0, 0, "PATH",
		 "the drivestampd to use"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};
	int rest = ds_options_read(&ds_verb_demo, options, argc, argv, NULL, 0);

	if (rest < 0)
		return rest == -2 ? 0 : DS_EXIT_USAGE;
	return ds_demo_run(&config);
}

const struct ds_verb ds_verb_demo = {
	"demo", "", "A server and a client on this machine, and the client's true error.",
	run_demo};
