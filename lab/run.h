/*
 * run: the experiment itself: makes the rig, starts an instance of its daemon on every host for
 * every mode, lets them exchange packets, alternates load, reads their logs into the result. It
 * must never lose what was measured because something else failed: what there is is reported,
 * marked as partial.
 */
#ifndef DS_LAB_RUN_H
#define DS_LAB_RUN_H

#include <stdbool.h>

#include "lab/kind.h"
#include "lab/result.h"

struct ds_run_progress { /* NULL functions: not wanted */
	void *context;
	/* Some times a second. done 0..1; left_s: an estimate of the time left. */
	void (*show)(void *context, double done, double left_s, const char *what);
	void (*say)(void *context, const char *line); /* something to be known at once */
};

/* kinds[i] is host i's; ptp is the yardstick's, run on every host beside it in mode ptp (NULL: that
 * mode stays empty). Fills result (ds_result_init() done by the caller). 0; 1 where it is
 * partial (why_partial says why); or a negative errno with a sentence where nothing could be
 * measured. Ended early by SIGINT, SIGTERM, SIGHUP: partial. */
int ds_run(const struct ds_lab_plan *plan, const struct ds_kind *kinds, const struct ds_kind *ptp,
	   const struct ds_run_progress *progress, struct ds_lab_result *result,
	   char why[DS_LAB_WHY]);

#endif
