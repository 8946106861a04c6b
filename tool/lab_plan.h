/*
 * lab_plan: the words of the command line of `drivestamp lab` made into a plan. It must never
 * start anything, and never take a word for one that it only resembles.
 */
#ifndef DS_TOOL_LAB_PLAN_H
#define DS_TOOL_LAB_PLAN_H

#include "lab/experiment.h"
#include "tool/options.h"

#define DS_LAB_UNSET (-1000) /* an integer that was not given */

struct ds_lab_words { /* NULL, DS_LAB_UNSET or empty: not given */
	const char *old_kind, *new_kind, *rig, *conf, *modes, *stamps, *load, *keep;
	struct ds_option_list host;			      /* NAME=KIND */
	struct ds_option_list load_on;			      /* NAME */
	struct ds_option_list delay, asymmetry, jitter, loss; /* [NAME=]VALUE */
	int hosts, poll_log2, seconds, warmup, repeats, alternation;
	bool loopback;
};

/* All not given. */
void ds_lab_words_init(struct ds_lab_words *words);

/* The plan, with defaults for what was not given. False: why has a sentence that names the option,
 * its value, and the nearest word that would do. For the rig remote, plan's hosts must have been
 * read from lab.conf before (rig set too); in others plan is zero. */
bool ds_lab_plan_make(struct ds_lab_plan *plan, const struct ds_lab_words *words,
		      char why[DS_LAB_WHY]);

#endif
