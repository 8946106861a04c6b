/*
 * envelope: see envelope.h.
 * It must never subtract two numbers that are nearly equal where a series is at hand.
 */
#include "core/clock/envelope.h"

#include <math.h>

#define SQRT_HALF	0.70710678118654752
#define SQRT_2_OVER_PI	0.79788456080286536
#define INV_SQRT_2PI	0.39894228040143268
#define INV_SQRT_PI	0.56418958354775629
#define ERFC_LAST	20.0  /* exp(x^2) erfc(x) by its factors up to here */
#define SERIES_FROM	30.0  /* Mills' ratio by its series from here on: the error is 1e-6 */
#define DOUBT_MOST	1.05  /* of a variance: see either() */
#define NEGLIGIBLE_NATS 7.0   /* a part of 1e-3 */
#define MOST_NATS	700.0 /* what exp() can take */
#define VARIANCE_LEAST	1e-9  /* of what it was: more is never believed at once */

struct cut {
	double mean, var, log_mass;
};

/* exp(x^2) erfc(x) for x >= 0 (Abramowitz and Stegun 7.1.23 beyond ERFC_LAST). */
static double scaled_erfc(double x)
{
	double i;

	if (x < ERFC_LAST)
		return exp(x * x) * erfc(x);
	i = 1.0 / (x * x);
	return INV_SQRT_PI / x * (1.0 - i * (0.5 - i * (0.75 - i * 1.875)));
}

/* A standard Gaussian cut off above `a`: minus its mean, its variance, and the logarithm of the
 * mass that is left (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 1,
 * 10.1); for a <= 0 without its term -a^2/2. */
static void cut_off(double a, double *below, double *var, double *log_mass)
{
	if (a > 0.0) {
		double lost = 0.5 * erfc(a * SQRT_HALF);

		*below = INV_SQRT_2PI * exp(-0.5 * a * a) / (1.0 - lost);
		*log_mass = log1p(-lost);
		*var = 1.0 - a * *below - *below * *below;
		return;
	}
	double tail = scaled_erfc(-a * SQRT_HALF);

	*below = SQRT_2_OVER_PI / tail;
	*log_mass = log(0.5 * tail);
	*var = 1.0 - a * *below - *below * *below;
	if (a < -SERIES_FROM) {
		double i = 1.0 / (a * a);

		*below = -a * (1.0 + i * (1.0 - 2.0 * i));
		*var = i * (1.0 - 6.0 * i);
	}
}

/* N(y; mean, var) with y <= bound, times the density rate exp(-rate (bound - y)). */
static struct cut one_density(double mean, double var, double bound, double rate)
{
	double sd = sqrt(var);
	double a = (bound - mean) / sd - rate * sd;
	double below;
	double left;
	struct cut c;

	cut_off(a, &below, &left, &c.log_mass);
	c.mean = fmin(mean + rate * var - sd * below, bound);
	/* The same by another way where the sum cancels: what is left lies just under the bound. */
	if (a < -SERIES_FROM)
		c.mean = bound + sd / a;
	c.var = var * fmax(left, VARIANCE_LEAST);
	/* Where a^2/2 was left out, all but the square of the distance cancels. */
	if (a > 0.0)
		c.log_mass += 0.5 * rate * rate * var - rate * (bound - mean);
	else
		c.log_mass -= 0.5 * (bound - mean) * (bound - mean) / var;
	c.log_mass += log(rate);
	return c;
}

static struct cut mix(const struct cut *usual, const struct cut *wide, double tail)
{
	double apart = wide->mean - usual->mean;

	return (struct cut){
		.mean = usual->mean + tail * apart,
		.var = (1.0 - tail) * usual->var + tail * wide->var +
		       tail * (1.0 - tail) * apart * apart,
	};
}

/* Of y = x + g. Where it is open which of the two densities it was, they lie so far apart that the
 * belief would be wider than before: then what the wide one says is enough. A little is just a
 * push. */
static struct cut either(const struct cut *usual, const struct cut *wide, double tail, double var)
{
	struct cut both = mix(usual, wide, tail);

	if (both.var > DOUBT_MOST * var)
		both = *wide;
	both.var = fmin(both.var, var);
	return both;
}

void ds_envelope_look(double mean_ns, double var_ns2, double bound_ns,
		      const struct ds_lateness *lateness, struct ds_envelope *result)
{
	double whole = var_ns2 + lateness->grain_var_ns2;
	double gain = var_ns2 / whole;
	double rate = 1.0 / lateness->usual_ns;
	struct cut usual = one_density(mean_ns, whole, bound_ns, rate);
	struct cut wide = usual;
	double u = usual.log_mass + log1p(-lateness->tail);
	double w = -INFINITY;
	double tail = 0.0;

	/* The wide density is nowhere higher than at its bound. */
	if (u - log(lateness->tail * rate / DS_ENVELOPE_TAIL) < NEGLIGIBLE_NATS) {
		wide = one_density(mean_ns, whole, bound_ns, rate / DS_ENVELOPE_TAIL);
		w = wide.log_mass + log(lateness->tail);
		tail = 1.0 / (1.0 + exp(fmin(u - w, MOST_NATS)));
	}
	struct cut both = either(&usual, &wide, tail, whole);

	result->mean_ns = mean_ns + gain * (both.mean - mean_ns);
	result->var_ns2 = var_ns2 * (1.0 - gain) + gain * gain * both.var;
	result->log_density = fmax(u, w) + log1p(exp(-fabs(u - w)));
	result->late_ns = bound_ns - both.mean;
	result->usual_ns = (1.0 - tail) * (bound_ns - usual.mean) +
			   tail * (bound_ns - wide.mean) / DS_ENVELOPE_TAIL;
	result->tail = tail;
}
