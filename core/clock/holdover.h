/*
 * holdover: how far an oscillator strays when nobody corrects it, as its own past shows.
 * It must never see an offset's sample or steer anything: frequencies that are in force come in,
 * uncertainties go out.
 *
 * What is learnt is the structure function of the frequency, D(s) = mean of (f(t + s) - f(t))^2, at
 * lags from DS_HOLDOVER_SHORTEST_S on, each twice the one before. A random walk of frequency has
 * D(s) = wander^2 s, and that is what a lag is taken to be that was not measured yet (twice the one
 * before it). A temperature cycle shows as a D that grows faster and then stops growing: it adds
 * to the uncertainty what it is wide, and is never extended to a drift.
 *
 * The offset strays by the integral of what the frequency strays. Whatever the process is
 * (Minkowski's inequality),
 *	sd of the integral of f(s) - f(0) over 0..t <= the integral over 0..t of sqrt(D(s)):
 * a random walk makes that 2/3 wander t^1.5, 15 % above the exact wander t^1.5 / sqrt(3). What the
 * last estimate did not know (offset, frequency, and their covariance) is independent of what
 * comes after it and is added in squares.
 */
#ifndef DS_CORE_CLOCK_HOLDOVER_H
#define DS_CORE_CLOCK_HOLDOVER_H

#include <stdint.h>

#define DS_HOLDOVER_LAGS       12   /* 64 s to 36 hours: a day's cycle shows */
#define DS_HOLDOVER_SHORTEST_S 64.0 /* the first lag */

/* While nothing is known of an oscillator: a poor crystal in a room, ppb per root second. */
#define DS_HOLDOVER_WANDER_PPB 3.0

/* Private to holdover.c, placed by the caller. */
struct ds_holdover_lag {
	int64_t ref_raw_ns; /* the frequency that the next one at this lag is compared with */
	double ref_freq_ppb;
	double ref_variance; /* of it */
	double mean_square;  /* of the differences, ppb^2 */
	double weight;	     /* how many differences that is worth */
};

struct ds_holdover {
	struct ds_holdover_lag lags[DS_HOLDOVER_LAGS];
	double wander_ppb; /* per root second, as last given */
	uint64_t learnt;   /* frequencies taken in */
};

void ds_holdover_init(struct ds_holdover *h);

/* The frequency in force from raw_ns on, and its standard deviation (not finite or negative: the
 * call changes nothing). wander_ppb: random walk of the frequency as the estimate has it, ppb per
 * root second; 0 or less, or not finite: unknown, the last one stays. A raw_ns before the last
 * begins anew from there; what was learnt stays. */
void ds_holdover_learn(struct ds_holdover *h, int64_t raw_ns, double freq_ppb, double freq_sd_ppb,
		       double wander_ppb);

/* The frequency strays from what it was age_s ago by this (standard deviation); 0 for an age of 0
 * or less, INFINITY for one that is not a number. */
double ds_holdover_spread_ppb(const struct ds_holdover *h, double age_s);

/* Standard deviation of a frequency age_s after it was known to freq_sd_ppb. */
double ds_holdover_freq_sd_ppb(const struct ds_holdover *h, double freq_sd_ppb, double age_s);

/* Standard deviation of an offset that goes on by a frequency, age_s after the two were known to
 * offset_sd_ns and freq_sd_ppb with that covariance. Grows with age, but for what a negative
 * covariance takes away at first. */
double ds_holdover_offset_sd_ns(const struct ds_holdover *h, double offset_sd_ns,
				double freq_sd_ppb, double cov_ns_ppb, double age_s);

#endif
