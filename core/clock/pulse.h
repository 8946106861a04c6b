/*
 * pulse: which second a pulse was of, by another clock that need not be good.
 * It must never guess: where the other clock's error could name a neighbour, there is no answer.
 *
 * Pulses come `rate_hz` times a second, one of them on the second. The nearest to what the other
 * clock says is taken, if it is nearer than a quarter of the interval: the neighbour is then three
 * times as far. Where a device gives both edges of pulses of width w (`width` in chrony.conf(5)),
 * the other edge is w away, or the rest of the interval: half of the lesser bounds it then.
 *
 * Pulses may come twice (a line that bounces, a card that counts both edges), and a kernel keeps
 * the last edge alone. It counts them: where more came than the time since the last one allows, an
 * edge is only taken where a pulse was due by the last good one.
 */
#ifndef DS_CORE_CLOCK_PULSE_H
#define DS_CORE_CLOCK_PULSE_H

#include <stdbool.h>
#include <stdint.h>

/* How wrong the other clock may be for pulses of this rate (a whole number of Hz, or below 1: then
 * one a second is as good, whichever seconds it keeps silent in) and width (0: one edge alone). */
int64_t ds_pulse_reach_ns(double rate_hz, int64_t width_ns);

/* The pulse would be at phase_ns (ns since 1970, of which what exceeds whole intervals does not
 * count: correction included); the other clock showed about_ns when it came. Both within
 * +-DS_NS_LIMIT (scale.h). False where nothing is within reach; *at_ns is not written then. */
bool ds_pulse_complete(int64_t phase_ns, int64_t about_ns, double rate_hz, int64_t width_ns,
		       int64_t *at_ns);

/* All zero at the start. Private to pulse.c. */
struct ds_pulse_watch {
	bool has_last, has_good;
	int64_t last_ns, good_ns;
};

/* Is this edge a pulse of that rate, and no other edge? raw_ns: its stamp on the raw scale, later
 * than the one before; edges: so many came since then, this one included (0 counts as 1). The first
 * edge of all is none: nobody knows what came before. */
bool ds_pulse_is_due(struct ds_pulse_watch *watch, int64_t raw_ns, uint32_t edges, double rate_hz);

#endif
