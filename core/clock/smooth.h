/*
 * smooth: a time for others that follows ours in curves where ours has corners.
 * It must never decide what is corrected, nor change faster than it was told to.
 *
 * What is served is our time plus an offset. Where our time jumps (a leap second, a correction) the
 * offset jumps the other way, so that what is served goes on where it was; then the offset goes to
 * zero. On the way its rate is at most max_freq, and the rate changes by at most max_wander a
 * second, so that a client whose loop is slow can follow.
 *
 * The way is the shortest there is under these bounds: a double integrator with bounded velocity
 * and acceleration, brought to rest in minimum time (Pontryagin's bang-bang control, e.g. Bryson
 * and Ho 1975, 3.9): full acceleration, perhaps a stretch at the greatest velocity, full braking.
 * Three parabolas: a quadratic spline. A leap second alone, with max_freq not reached, takes sqrt(4
 * / max_wander): 62500 s at 0.001024 ppm a second.
 *
 * Times are of our time (UTC as we know it), nanoseconds since 1970; only differences of them
 * become doubles. Since the way depends on nothing but where it begins, servers that know UTC
 * equally well and smooth nothing but leap seconds serve the same.
 */
#ifndef DS_CORE_CLOCK_SMOOTH_H
#define DS_CORE_CLOCK_SMOOTH_H

#include <stdbool.h>
#include <stdint.h>

#define DS_SMOOTH_STAGES 3

struct ds_smooth_stage {
	double length_s;
	double wander_ppb_s; /* of the offset's rate */
};

/* Read it; only the functions below write it. */
struct ds_smooth {
	double max_freq_ppb; /* 0: nothing is smoothed, the offset is 0 for ever */
	double max_wander_ppb_s;
	int64_t start_ns; /* the way begins */
	double offset_ns; /* then: what is served minus our time */
	double freq_ppb;  /* then: the rate of that */
	struct ds_smooth_stage stages[DS_SMOOTH_STAGES];
};

/* max_freq_ppb, max_wander_ppb_s: above 0 (else nothing is ever smoothed), at most 1e9. */
void ds_smooth_init(struct ds_smooth *smooth, double max_freq_ppb, double max_wander_ppb_s);

/* What is served is our time, from now on. */
void ds_smooth_reset(struct ds_smooth *smooth);

/* At at_ns, on our time after it, our time jumped by -offset_ns and its rate by -freq_ppb: what is
 * served does neither. at_ns not before the last one's: else it counts from there. What is not
 * finite is left out. */
void ds_smooth_add(struct ds_smooth *smooth, int64_t at_ns, double offset_ns, double freq_ppb);

/* What is served at at_ns of our time, minus that, rounded to the nanosecond; before the way begins
 * as at its beginning. Its rate in ppb; and when it is over: offset and rate are 0 then
 * (the beginning where there is nothing to smooth; at most DS_NS_LIMIT). */
int64_t ds_smooth_offset_ns(const struct ds_smooth *smooth, int64_t at_ns);
double ds_smooth_freq_ppb(const struct ds_smooth *smooth, int64_t at_ns);
int64_t ds_smooth_end_ns(const struct ds_smooth *smooth);

#endif
