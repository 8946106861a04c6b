/*
 * watch: what the live view shows, drawn into cells.
 * It must never read a clock, a socket or the terminal: the same state gives the same screen.
 */
#ifndef DS_TOOL_WATCH_H
#define DS_TOOL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "tool/screen.h"

#define DS_WATCH_POINTS 1024 /* of the plot; the oldest give way */

struct ds_watch_point {
	int64_t clock_ns;
	int64_t offset_ns; /* of the last update; positive: the clock was slow */
	int64_t bound_ns;  /* 0: not known */
};

struct ds_watch {
	/* answers of the daemon; NULL: none yet, or it is away. Owned. */
	json_t *status, *sources, *stamps, *exchanges;
	struct ds_watch_point points[DS_WATCH_POINTS];
	int count, next;
	int chosen; /* row of the table of sources */
	bool paused, help, utf8;
	const char *trouble; /* why there is nothing new; NULL: there is */
};

/* A point of the plot, where the answer has an update that is newer than the last. */
void ds_watch_take(struct ds_watch *watch);
/* The source that is chosen, in words that the daemon knows; NULL: there is none. */
const char *ds_watch_chosen(const struct ds_watch *watch);
void ds_watch_draw(const struct ds_watch *watch, struct ds_screen *screen);

#endif
