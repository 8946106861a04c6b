/* lab_experiment: the command line of the experiment, made into a plan. It must never start
 * anything for a command line that is not wholly understood. */
#include "tool/lab.h"

#include <stdio.h>

#include "tool/options.h"

int ds_lab_experiment(int argc, char **argv)
{
	const struct ds_option options[] = {
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};
	int rest = ds_options_read(&ds_verb_lab, options, argc, argv, NULL, 0);

	if (rest < 0)
		return rest == -2 ? 0 : DS_EXIT_USAGE;
	fputs("drivestamp lab: the experiment is not there yet\n", stderr);
	return DS_LAB_EXIT_PARTIAL;
}
