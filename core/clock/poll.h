/*
 * poll: how long to wait before the next request to a source.
 * It must never leave the limits of its configuration, and never hear of a packet that was not
 * accepted.
 *
 * What a packet is worth. Between two packets the variance of the estimate grows from V to
 *	V(T) = V + 2 cov T + (freq_sd T)^2 + wander^2 T^3 / 3
 * (offset and frequency known with that covariance, frequency a random walk), and the next packet
 * brings it down again. The ratio r = V(T) / V is what a packet gains. With r near 1 a packet
 * tells next to nothing that was not known: wait longer. With a large r the clock is wrong for
 * most of the interval by far more than it is known behind a packet: wait less.
 * In the steady state of a Kalman filter r is a function of wander T^1.5 / noise alone: 1.5 where
 *that is 0.1, 4 where it is 1; and the mean error grows like T^0.4 below that, like T^1.5 far
 *above. One packet is luckier than another, and V with it: r is averaged (geometric mean) over the
 *last DS_POLL_MEMORY packets.
 */
#ifndef DS_CORE_CLOCK_POLL_H
#define DS_CORE_CLOCK_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/estimate.h"

/* Found by simulation (test/simulated.sh --polls default): with these no more packets are sent than
 * by chronyd in any of its scenarios, at about half of its error. */
#define DS_POLL_RAISE  4.85 /* a packet would gain less than this at twice the interval: take it */
#define DS_POLL_LOWER  7.2  /* it gains more than this: half of it */
#define DS_POLL_FLOOR  0.02 /* of the delay to the root; asymmetry is usually twice that */
#define DS_POLL_AGE    0.6  /* of a sample's age is added to the interval */
#define DS_POLL_FIRST  10 /* the beginning is worth its packets: so many before the first raise, */
#define DS_POLL_STAY   4  /* ... and so many at each step on the way up */
#define DS_POLL_MEMORY 8.0
#define DS_POLL_WORSE  7.0 /* V is so much over its usual value: half the interval */
#define DS_POLL_DOUBT  3   /* a sample was set aside: an eighth of the wait, to have it settled */

/* 0 is right at the start. Private to poll.c. */
struct ds_poll {
	double gain;	   /* mean of ln r of the interval in force */
	double gain_twice; /* ... and of twice that */
	double usual;	   /* mean of ln V, over all intervals */
	uint8_t averaged;  /* packets in the first two, at most 255 */
	uint8_t known;	   /* packets in the third, at most 255 */
	uint8_t taken;	   /* packets ever, at most 255 */
};

/* What is known behind an accepted exchange. */
struct ds_poll_news {
	const struct ds_prediction *prediction; /* of the source, for the exchange's moment; NULL:
						   nothing is known */
	double delay_ns; /* to the root: the path, and in squares half of what lies behind the
			    server */
	double age_s; /* how long ago that moment is: about a poll in interleaved mode, and the next
		       * one will be as old */
	bool doubt;   /* the sample was set aside */
};

/* Call after each accepted exchange with the exponent in force (log2 of seconds). Returns the next
 * exponent: at most one more or one less, or DS_POLL_DOUBT less, and within min_log2..max_log2
 * (min wins where they cross). */
int8_t ds_poll_next(struct ds_poll *poll, const struct ds_poll_news *news, int8_t poll_log2,
		    int8_t min_log2, int8_t max_log2);

/* r for a prediction after an interval, with a floor: at least 1; INFINITY where the frequency is
 * not known, or there is no variance to compare with. */
double ds_poll_gain(const struct ds_prediction *p, double floor_ns, double interval_s);

#endif
