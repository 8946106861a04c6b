/*
 * timeline: what the conditions were at which time, and how wrong the hosts' clocks were then: it
 * says of a sample in which condition it was taken and what is to be taken off its offset.
 * It must never put a sample into a condition that did not hold for the whole of the second in
 * which it was taken.
 */
#ifndef DS_LAB_TIMELINE_H
#define DS_LAB_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/result.h"

struct ds_timeline_span {
	double begin_s, end_s; /* since the Epoch */
	enum ds_lab_condition condition;
};

struct ds_timeline_clock { /* of a host, asked at some moments */
	double *at_s;	   /* owned, rising */
	double *error_ns;  /* owned */
	size_t count, room;
};

/* Zero-initialised it is empty. */
struct ds_timeline {
	struct ds_timeline_span *spans; /* owned; in order */
	size_t span_count, span_room;
	struct ds_timeline_clock clocks[DS_LAB_HOSTS];
};

void ds_timeline_free(struct ds_timeline *timeline);

/* False without memory. end_s may lie ahead, and be set right by ds_timeline_cut(). */
bool ds_timeline_span(struct ds_timeline *timeline, double begin_s, double end_s,
		      enum ds_lab_condition condition);
/* The last span ended now, if it had not ended before. */
void ds_timeline_cut(struct ds_timeline *timeline, double now_s);

/* Of a sample taken between at_s and at_s + 1 (logs may have whole seconds only). Where load comes
 * and goes, a second after each change is nobody's. */
enum ds_lab_condition ds_timeline_condition(const struct ds_timeline *timeline, double at_s);

/* The clock of host was error_ns ahead of true time. False without memory. */
bool ds_timeline_clock(struct ds_timeline *timeline, int host, double at_s, double error_ns);
/* At a moment (true time): between two readings on the line between them, before the first and
 * after the last as there; 0 where nothing ever was. */
double ds_timeline_error(const struct ds_timeline *timeline, int host, double at_s);

#endif
