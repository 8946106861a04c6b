/*
 * belief: a Gaussian belief of offset, frequency and path, how time blurs it, and what evidence
 * does to it.
 * It must never know where the evidence comes from.
 *
 * State: the server's clock minus the raw scale (ns), the rate of that (ppb, which is ns a second),
 * and the least delay of one way (ns), which both directions are taken to share: of their
 * difference nothing can be known from packets.
 * Time: the rate walks at random with `wander` ppb per root second (Q of a Wiener process and its
 * integral: dt^3/3, dt^2/2, dt), and the offset may walk as well (a server that is itself being
 * corrected; white noise of frequency). Besides, an offset, a rate or a path may have jumped.
 * Evidence: a factor exp(-tau (h.x - z)^2 / 2 + nu (h.x - z)) along one of two directions: a
 * request sees offset + path, an answer path - offset (Kalman 1960, one scalar at a time). For
 * looking back, what later evidence says of an earlier moment is carried as a precision matrix and
 * vector (Fraser and Potter, "The optimum linear smoother as a combination of two optimum linear
 * filters", IEEE TAC 1969).
 */
#ifndef DS_CORE_CLOCK_BELIEF_H
#define DS_CORE_CLOCK_BELIEF_H

#include <stdbool.h>

#define DS_BELIEF_SIZE 3

enum ds_way { DS_WAY_THERE, DS_WAY_BACK }; /* a request's, an answer's */

struct ds_belief {
	double mean[DS_BELIEF_SIZE];
	double cov[DS_BELIEF_SIZE][DS_BELIEF_SIZE];
};

/* What happens between two samples. All variances are 0 where nothing did. */
struct ds_interval {
	double dt_s; /* > 0 */
	double offset_var_ns2, freq_var_ppb2, path_var_ns2;
	/* After that the path is known to be this, with this precision (ns^-2; 0: it is not). */
	double path_ns, path_precision;
};

/* How both walk, a second. */
struct ds_walk {
	double freq_var_ppb2;  /* the frequency: `wander` squared */
	double offset_var_ns2; /* besides, the offset itself */
};

struct ds_factor {
	double tau; /* ns^-2, >= 0 */
	double nu;  /* ns^-1, at the bound it belongs to */
};

struct ds_hindsight {
	double precision[DS_BELIEF_SIZE][DS_BELIEF_SIZE];
	double vector[DS_BELIEF_SIZE];
};

void ds_belief_pass(struct ds_belief *b, const struct ds_interval *interval,
		    const struct ds_walk *walk);

/* Mean and variance of what a packet of that way sees. */
void ds_belief_see(const struct ds_belief *b, enum ds_way way, double *mean_ns, double *var_ns2);

/* Multiply by the factor of a packet with that bound. A change of factor (tau below 0) is
 * allowed where the belief holds the factor that is taken back. */
void ds_belief_add(struct ds_belief *b, enum ds_way way, double bound_ns,
		   const struct ds_factor *factor);

void ds_hindsight_add(struct ds_hindsight *h, enum ds_way way, double bound_ns,
		      const struct ds_factor *factor);

/* To the beginning of the interval. */
void ds_hindsight_pass(struct ds_hindsight *h, const struct ds_interval *interval,
		       const struct ds_walk *walk);

/* *b times the hindsight of the same moment. False, and *b as it was, where rounding left
 * nothing to divide by. */
bool ds_belief_join(struct ds_belief *b, const struct ds_hindsight *h);

#endif
