/* timeline: see the header. The list of spans is short; of a clock there are some readings a
 * second. */
#include "lab/timeline.h"

#include <stdint.h>
#include <stdlib.h>

#define GUARD_S 1.0 /* what one load did may last: queues, caches, the frequency of a core */
#define GRAIN_S 1.0 /* of the coarsest log's times */

void ds_timeline_free(struct ds_timeline *timeline)
{
	free(timeline->spans);
	for (int i = 0; i < DS_LAB_HOSTS; i++) {
		free(timeline->clocks[i].at_s);
		free(timeline->clocks[i].error_ns);
	}
	*timeline = (struct ds_timeline){0};
}

bool ds_timeline_span(struct ds_timeline *timeline, double begin_s, double end_s,
		      enum ds_lab_condition condition)
{
	if (timeline->span_count == timeline->span_room) {
		size_t room = timeline->span_room > 0 ? 2 * timeline->span_room : 16;
		struct ds_timeline_span *spans =
			realloc(timeline->spans, room * sizeof(*timeline->spans));
		if (!spans)
			return false;
		timeline->spans = spans;
		timeline->span_room = room;
	}
	timeline->spans[timeline->span_count++] =
		(struct ds_timeline_span){begin_s, end_s, condition};
	return true;
}

void ds_timeline_cut(struct ds_timeline *timeline, double now_s)
{
	if (timeline->span_count == 0)
		return;

	struct ds_timeline_span *last = &timeline->spans[timeline->span_count - 1];
	if (last->end_s > now_s)
		last->end_s = now_s;
}

enum ds_lab_condition ds_timeline_condition(const struct ds_timeline *timeline, double at_s)
{
	for (size_t i = 0; i < timeline->span_count; i++) {
		const struct ds_timeline_span *span = &timeline->spans[i];
		bool follows = i > 0 && timeline->spans[i - 1].condition != span->condition;
		double begin_s = span->begin_s + (follows ? GUARD_S : 0);
		if (at_s >= begin_s && at_s + GRAIN_S <= span->end_s)
			return span->condition;
	}
	return DS_LAB_BETWEEN;
}

static bool make_room(struct ds_timeline_clock *clock)
{
	size_t room = clock->room > 0 ? 2 * clock->room : 64;
	double *at_s = realloc(clock->at_s, room * sizeof(*at_s));

	if (!at_s)
		return false;
	clock->at_s = at_s;
	double *error_ns = realloc(clock->error_ns, room * sizeof(*error_ns));
	if (!error_ns)
		return false;
	clock->error_ns = error_ns;
	clock->room = room;
	return true;
}

bool ds_timeline_clock(struct ds_timeline *timeline, int host, double at_s, double error_ns)
{
	struct ds_timeline_clock *clock = &timeline->clocks[host];

	if (clock->count == clock->room && !make_room(clock))
		return false;
	clock->at_s[clock->count] = at_s;
	clock->error_ns[clock->count] = error_ns;
	clock->count++;
	return true;
}

double ds_timeline_error(const struct ds_timeline *timeline, int host, double at_s)
{
	const struct ds_timeline_clock *clock = &timeline->clocks[host];
	size_t low = 0, high = clock->count;

	if (clock->count == 0)
		return 0;
	while (low < high) { /* the first that is later */
		size_t middle = low + (high - low) / 2;
		if (clock->at_s[middle] > at_s)
			high = middle;
		else
			low = middle + 1;
	}
	if (low == 0)
		return clock->error_ns[0];
	if (low == clock->count)
		return clock->error_ns[low - 1];
	double share = (at_s - clock->at_s[low - 1]) / (clock->at_s[low] - clock->at_s[low - 1]);
	return clock->error_ns[low - 1] + share * (clock->error_ns[low] - clock->error_ns[low - 1]);
}
