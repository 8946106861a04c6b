/*
 * poll: see poll.h.
 * It must never keep anything between two calls: the estimate is all it goes by.
 */
#include "core/clock/poll.h"

#include <math.h>

static int wish(const struct ds_estimate *e, int8_t poll_log2)
{
	double intervals = (double)e->span_ns * 1e-9 / ldexp(1.0, poll_log2);

	if (e->suspects > 0)
		return poll_log2 - DS_POLL_DOUBT;
	if (intervals >= DS_POLL_RAISE)
		return poll_log2 + 1;
	if (e->cut && intervals < DS_POLL_LOWER)
		return poll_log2 - 1;
	return poll_log2;
}

int8_t ds_poll_next(const struct ds_estimate *e, int8_t poll_log2, int8_t min_log2, int8_t max_log2)
{
	int next = wish(e, poll_log2);

	if (next > max_log2)
		next = max_log2;
	if (next < min_log2)
		next = min_log2;
	return (int8_t)next;
}
