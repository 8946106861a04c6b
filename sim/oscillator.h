/*
 * oscillator: the crystal of a virtual host: what its raw scale shows at a true time.
 * It must never go back, nor know of any clock that is built on it.
 *
 * Frequency error, a fraction (positive: fast), constant within a step of `step_s`:
 *   freq        the constant part
 *   aging       grows by so much a day
 *   white       white noise of frequency: Allan deviation at 1 s; falls as tau^-1/2
 *   flicker     1/f noise of frequency: the floor of the Allan deviation, about flat from the step
 *               to SIM_FLICKER_LONGEST_S: a sum of first-order processes an octave apart (Barnes
 *               and Jarvis, NBS Technical Note 604, 1971)
 *   wander      random walk of frequency: it moves by this much in a second (standard deviation),
 *               as the square root of time; Allan deviation wander * sqrt(tau / 3)
 *   cycles      amplitude * sin(2 pi (t / period + phase)): temperature
 */
#ifndef DS_SIM_OSCILLATOR_H
#define DS_SIM_OSCILLATOR_H

#include <stdint.h>

#include "sim/random.h"

#define SIM_CYCLES	      4
#define SIM_FLICKER_STAGES    18
#define SIM_FLICKER_LONGEST_S 131072.0

struct sim_cycle {
	double amplitude; /* fraction */
	double period_s;  /* above 0 */
	double phase;	  /* of a period, 0..1 */
};

struct sim_oscillator_model {
	double freq, aging_per_day, white, flicker, wander;
	struct sim_cycle cycles[SIM_CYCLES];
	int cycle_count;
	double step_s; /* 0: 1 s */
};

/* Read raw_ns and raw_part; the rest is private. */
struct sim_oscillator {
	struct sim_oscillator_model model;
	struct sim_random random;
	int64_t now_ns;	 /* true time since the start of the world */
	int64_t raw_ns;	 /* what the oscillator has counted by now_ns ... */
	double raw_part; /* ... and the part of a nanosecond, 0 to 1 */
	int64_t step_ns, next_ns;
	double walk;		  /* random walk so far */
	double stepped;		  /* what sim_oscillator_step() added */
	double force;		  /* frequency error of this step */
	double white_sd, walk_sd; /* of a step */
	double stage[SIM_FLICKER_STAGES], keep[SIM_FLICKER_STAGES], drive[SIM_FLICKER_STAGES];
	int stages;
};

/* Begins at true time 0 and raw_ns. */
void sim_oscillator_init(struct sim_oscillator *o, const struct sim_oscillator_model *model,
			 int64_t raw_ns, uint64_t seed, const char *name);
/* Go on to that true time; one that is past changes nothing. */
void sim_oscillator_advance(struct sim_oscillator *o, int64_t now_ns);
/* From now on the frequency differs by this fraction more. */
void sim_oscillator_step(struct sim_oscillator *o, double freq);

#endif
