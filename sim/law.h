/*
 * law: how much longer than the shortest time a packet takes, one way.
 * It must never return less than zero, whatever its numbers are.
 *
 *   exp MEAN                   a queue at light load
 *   gamma SHAPE MEAN           several queues in a row
 *   pareto SCALE SHAPE         heavy tail (Lomax): SCALE (u^(-1/SHAPE) - 1); for SHAPE up to 1
 *                              it has no mean
 *   uniform RANGE              evenly from 0 to RANGE
 *   gauss SD                   the absolute value of a Gaussian number
 *   twolevel SHARE HIGH DWELL  HIGH more for that share of the time; stays there for about DWELL
 *                              (0: each packet anew)
 *   selfsimilar MEAN SPREAD    an exponential whose mean moves as exp(SPREAD g), g being 1/f noise
 *                              from a second to a day and a half: load without a scale
 *   recorded FILE              values of a file in ns, one a line, played in a circle
 */
#ifndef DS_SIM_LAW_H
#define DS_SIM_LAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/random.h"

#define SIM_LAW_STAGES 17

enum sim_law_kind {
	SIM_LAW_NONE,
	SIM_LAW_EXP,
	SIM_LAW_GAMMA,
	SIM_LAW_PARETO,
	SIM_LAW_UNIFORM,
	SIM_LAW_GAUSS,
	SIM_LAW_TWOLEVEL,
	SIM_LAW_SELFSIMILAR,
	SIM_LAW_RECORDED,
};

/* The numbers in the order in which they are written above; times in ns. */
struct sim_law {
	enum sim_law_kind kind;
	double a, b, c;
	const double *recorded_ns; /* recorded: not owned; at least one */
	size_t recorded_count;
};

/* What a law remembers from packet to packet. Zero at the start. */
struct sim_law_state {
	double last_s;
	bool begun, high;
	double stage[SIM_LAW_STAGES];
	size_t next;
};

/* A draw, ns. now_s: true time; must not go back. */
double sim_law_draw(const struct sim_law *law, struct sim_law_state *state, struct sim_random *r,
		    double now_s);

/* Log of the probability density at excess_ns (per ns), for whoever knows the law but not its
 * state; noise_ns: Gaussian noise of that standard deviation is on top, above 0. */
double sim_law_log_density(const struct sim_law *law, double excess_ns, double noise_ns);

/* The mean, ns; INFINITY where there is none. */
double sim_law_mean(const struct sim_law *law);

#endif
