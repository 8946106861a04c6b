/*
 * poll: how long to wait before the next request to a source.
 * It must never leave the limits of its configuration, and never hear of a packet that was not
 * accepted.
 *
 * A line through n samples of one noise at equal intervals T grows uncertain in the next T by
 * sqrt(12/n) / n of that noise. Where the window holds many intervals that is little, and a
 * packet gains little: wait longer. Where wander has cut it to a few the growth is what limits
 * us: wait less. So the span of the window in intervals decides.
 */
#ifndef DS_CORE_CLOCK_POLL_H
#define DS_CORE_CLOCK_POLL_H

#include <stdint.h>

#include "core/clock/estimate.h"

/* From 32 to 12 intervals growth goes from 2 to 8 % of the noise. Found by test_clockloop: 16 and 6
 * give half as much error again where frequency wanders by 1e-9 a root second. */
#define DS_POLL_RAISE 32 /* intervals in the window: wait twice as long */
#define DS_POLL_LOWER 12 /* ... half as long, where a trend has cut the window */
#define DS_POLL_DOUBT 3	 /* a sample was set aside: an eighth of the wait, to have it settled */

/* Call after each accepted exchange with the exponent in force (log2 of seconds). Returns the
 * next: at most one more, DS_POLL_DOUBT less, and within min_log2..max_log2 (min wins where they
 * cross). */
int8_t ds_poll_next(const struct ds_estimate *e, int8_t poll_log2, int8_t min_log2,
		    int8_t max_log2);

#endif
