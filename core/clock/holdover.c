/*
 * holdover: see holdover.h.
 * It must never divide by what it has not seen: each lag leans on the one before it.
 */
#include "core/clock/holdover.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define NS_PER_S       1e9
#define PRIOR_WEIGHT   2.0  /* differences that the lag before is worth */
#define WEIGHT_MAX     16.0 /* older differences are forgotten beyond it */
#define LAG_TOO_LONG   3.0  /* a difference over so many times the lag is not of the lag */
#define SPREAD_MAX_PPB 1e9
#define WANDER_MAX_PPB 1e6

static double square(double x)
{
	return x * x;
}

static double lag_of(int i)
{
	return ldexp(DS_HOLDOVER_SHORTEST_S, i);
}

void ds_holdover_init(struct ds_holdover *h)
{
	memset(h, 0, sizeof *h);
	h->wander_ppb = DS_HOLDOVER_WANDER_PPB;
}

/* D at a lag: what was measured, and what the lag before lets expect. */
static double settled(const struct ds_holdover_lag *lag, double expected)
{
	return (PRIOR_WEIGHT * expected + lag->weight * lag->mean_square) /
	       (PRIOR_WEIGHT + lag->weight);
}

static double first_expected(const struct ds_holdover *h)
{
	return square(h->wander_ppb) * DS_HOLDOVER_SHORTEST_S;
}

/* A difference counts for less the less it tells: `variance` is that of its two ends. */
static void take_difference(struct ds_holdover_lag *lag, double d_square, double variance,
			    double expected)
{
	double weight = square(expected / (expected + variance));
	double keep = lag->weight;

	if (keep + weight > WEIGHT_MAX)
		keep = WEIGHT_MAX - weight;
	if (!(keep + weight > 0.0))
		return;
	lag->mean_square = (keep * lag->mean_square + weight * d_square) / (keep + weight);
	lag->weight = keep + weight;
}

void ds_holdover_learn(struct ds_holdover *h, int64_t raw_ns, double freq_ppb, double freq_sd_ppb,
		       double wander_ppb)
{
	double variance = square(freq_sd_ppb);
	double expected;

	if (!(freq_sd_ppb >= 0.0) || !(fabs(freq_ppb) <= SPREAD_MAX_PPB) || !isfinite(variance))
		return;
	if (wander_ppb > 0.0 && isfinite(wander_ppb))
		h->wander_ppb = fmin(wander_ppb, WANDER_MAX_PPB);
	expected = first_expected(h);
	for (int i = 0; i < DS_HOLDOVER_LAGS; i++) {
		struct ds_holdover_lag *lag = &h->lags[i];
		double lag_s = lag_of(i);
		double since_s = ((double)raw_ns - (double)lag->ref_raw_ns) / NS_PER_S;
		bool fresh = h->learnt == 0 || since_s < 0.0;

		if (!fresh && since_s < lag_s) {
			expected = 2.0 * settled(lag, expected);
			continue;
		}
		if (!fresh && since_s <= LAG_TOO_LONG * lag_s)
			take_difference(lag, square(freq_ppb - lag->ref_freq_ppb) * lag_s / since_s,
					variance + lag->ref_variance, expected);
		lag->ref_raw_ns = raw_ns;
		lag->ref_freq_ppb = freq_ppb;
		lag->ref_variance = variance;
		expected = 2.0 * settled(lag, expected);
	}
	h->learnt++;
}

/* The spread at age_s, and its integral from 0 on: between two lags the spread is a straight line,
 * before the first and after the last a random walk. */
static double spread(const struct ds_holdover *h, double age_s, double *integral)
{
	double lag_s = lag_of(0);
	double expected = first_expected(h);
	double at = sqrt(settled(&h->lags[0], expected));
	double sum = 2.0 / 3.0 * at * lag_s;

	if (age_s <= lag_s) {
		*integral = 2.0 / 3.0 * at * age_s * sqrt(age_s / lag_s);
		return at * sqrt(age_s / lag_s);
	}
	for (int i = 1; i < DS_HOLDOVER_LAGS; i++) {
		double next;

		lag_s = lag_of(i - 1);
		expected = 2.0 * square(at);
		next = sqrt(settled(&h->lags[i], expected));
		if (next < at)
			next = at;
		if (age_s <= 2.0 * lag_s) {
			double part = (age_s - lag_s) / lag_s;
			double here = at + part * (next - at);

			*integral = sum + 0.5 * (at + here) * (age_s - lag_s);
			return here;
		}
		sum += 0.5 * (at + next) * lag_s;
		at = next;
	}
	lag_s = lag_of(DS_HOLDOVER_LAGS - 1);
	*integral = sum + 2.0 / 3.0 * at * (age_s * sqrt(age_s / lag_s) - lag_s);
	return at * sqrt(age_s / lag_s);
}

double ds_holdover_spread_ppb(const struct ds_holdover *h, double age_s)
{
	double integral;

	if (isnan(age_s))
		return INFINITY;
	return age_s > 0.0 ? spread(h, age_s, &integral) : 0.0;
}

double ds_holdover_freq_sd_ppb(const struct ds_holdover *h, double freq_sd_ppb, double age_s)
{
	return hypot(freq_sd_ppb, ds_holdover_spread_ppb(h, age_s));
}

double ds_holdover_offset_sd_ns(const struct ds_holdover *h, double offset_sd_ns,
				double freq_sd_ppb, double cov_ns_ppb, double age_s)
{
	double strayed = 0.0;
	double variance;

	if (isnan(age_s))
		return INFINITY;
	if (age_s <= 0.0)
		return offset_sd_ns;
	(void)spread(h, age_s, &strayed);
	variance = square(offset_sd_ns) + 2.0 * cov_ns_ppb * age_s + square(freq_sd_ppb * age_s);
	return sqrt(fmax(variance, 0.0) + square(strayed));
}
