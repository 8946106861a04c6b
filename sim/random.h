/*
 * random: numbers that look random and are the same in every run of a seed.
 * It must never be used outside sim/, nor draw from anything but its seed.
 *
 * Source: xoshiro256** 1.0 and SplitMix64, D. Blackman and S. Vigna 2018, which they dedicated to
 * the public domain (CC0). Each user has a stream of its own, named by a word, so that a draw more
 * in one does not shift the others.
 */
#ifndef DS_SIM_RANDOM_H
#define DS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
	uint64_t state[4];
	double spare; /* the second of a pair of Gaussian numbers */
	bool has_spare;
};

/* The stream of that name under that seed. Any seed will do, 0 too. */
void sim_random_init(struct sim_random *r, uint64_t seed, const char *stream);
uint64_t sim_random64(struct sim_random *r);
/* Above 0 and below 1. */
double sim_uniform(struct sim_random *r);
/* Mean 0, variance 1 (Marsaglia's polar method). */
double sim_gaussian(struct sim_random *r);
/* Mean 1. */
double sim_exponential(struct sim_random *r);
/* True with this probability; 0 and less: never, and nothing is drawn. */
bool sim_chance(struct sim_random *r, double probability);

#endif
