/* law: see law.h. */
#include "sim/law.h"

#include <math.h>

/* Marsaglia and Tsang 2000; below 1 by Stuart's theorem. */
static double draw_gamma(struct sim_random *r, double shape)
{
	double d, c, x, v, u;

	if (shape < 1.0)
		return draw_gamma(r, shape + 1.0) * pow(sim_uniform(r), 1.0 / shape);
	d = shape - 1.0 / 3.0;
	c = 1.0 / sqrt(9.0 * d);
	for (;;) {
		do {
			x = sim_gaussian(r);
			v = 1.0 + c * x;
		} while (v <= 0.0);
		v = v * v * v;
		u = sim_uniform(r);
		if (log(u) < 0.5 * x * x + d * (1.0 - v + log(v)))
			return d * v;
	}
}

/* A Markov process of two states, seen at irregular times. */
static bool draw_level(const struct sim_law *law, struct sim_law_state *st, struct sim_random *r,
		       double now_s)
{
	double share = law->a;
	double dwell_s = law->c * 1e-9;
	double keep = 0.0;

	if (st->begun && dwell_s > 0.0 && share < 1.0)
		keep = exp(-(now_s - st->last_s) / (dwell_s * (1.0 - share)));
	if (!st->begun || !sim_chance(r, keep))
		st->high = sim_chance(r, share);
	st->begun = true;
	st->last_s = now_s;
	return st->high;
}

/* Processes of correlation times from 1 s on, an octave apart, of equal variance. */
static double draw_load(const struct sim_law *law, struct sim_law_state *st, struct sim_random *r,
			double now_s)
{
	double tau_s = 1.0;
	double sum = 0.0;

	for (int i = 0; i < SIM_LAW_STAGES; i++) {
		double keep = st->begun ? exp(-(now_s - st->last_s) / tau_s) : 0.0;

		st->stage[i] = keep * st->stage[i] + sqrt(1.0 - keep * keep) * sim_gaussian(r);
		sum += st->stage[i];
		tau_s *= 2.0;
	}
	st->begun = true;
	st->last_s = now_s;
	return exp(law->b * sum / sqrt(SIM_LAW_STAGES));
}

double sim_law_draw(const struct sim_law *law, struct sim_law_state *st, struct sim_random *r,
		    double now_s)
{
	switch (law->kind) {
	case SIM_LAW_EXP:
		return law->a * sim_exponential(r);
	case SIM_LAW_GAMMA:
		return law->b / law->a * draw_gamma(r, law->a);
	case SIM_LAW_PARETO:
		return law->a * (pow(sim_uniform(r), -1.0 / law->b) - 1.0);
	case SIM_LAW_UNIFORM:
		return law->a * sim_uniform(r);
	case SIM_LAW_GAUSS:
		return fabs(law->a * sim_gaussian(r));
	case SIM_LAW_TWOLEVEL:
		return draw_level(law, st, r, now_s) ? law->b : 0.0;
	case SIM_LAW_SELFSIMILAR:
		return law->a * draw_load(law, st, r, now_s) * sim_exponential(r);
	case SIM_LAW_RECORDED:
		/* each way begins somewhere else */
		if (!st->begun)
			st->next = (size_t)(sim_uniform(r) * (double)law->recorded_count);
		st->begun = true;
		st->next %= law->recorded_count;
		return fmax(law->recorded_ns[st->next++], 0.0);
	case SIM_LAW_NONE:
		break;
	}
	return 0.0;
}

double sim_law_mean(const struct sim_law *law)
{
	double sum = 0.0;

	switch (law->kind) {
	case SIM_LAW_EXP:
		return law->a;
	case SIM_LAW_GAMMA:
		return law->b;
	case SIM_LAW_PARETO:
		return law->b > 1.0 ? law->a / (law->b - 1.0) : INFINITY;
	case SIM_LAW_UNIFORM:
		return law->a / 2.0;
	case SIM_LAW_GAUSS:
		return law->a * sqrt(2.0 / M_PI);
	case SIM_LAW_TWOLEVEL:
		return law->a * law->b;
	case SIM_LAW_SELFSIMILAR:
		return law->a * exp(law->b * law->b / 2.0);
	case SIM_LAW_RECORDED:
		for (size_t i = 0; i < law->recorded_count; i++)
			sum += law->recorded_ns[i];
		return sum / (double)law->recorded_count;
	case SIM_LAW_NONE:
		break;
	}
	return 0.0;
}

/* log of the standard Gaussian distribution function; far out by its asymptote */
static double log_phi(double x)
{
	if (x > -8.0)
		return log(0.5 * erfc(-x * M_SQRT1_2));
	return -0.5 * x * x - log(-x) - 0.91893853320467274;
}

static double log_gauss(double x, double sd)
{
	return -0.5 * x * x / (sd * sd) - log(sd) - 0.91893853320467274;
}

/* Exponential and Gaussian added. */
static double log_exp(double x, double mean, double noise)
{
	double ratio = noise / mean;

	return -log(mean) + 0.5 * ratio * ratio - x / mean + log_phi(x / noise - ratio);
}

static double log_add(double a, double b)
{
	return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

/* An exponential whose mean is log-normal: Gauss and Hermite's 7 points. */
static double log_load(const struct sim_law *law, double x, double noise)
{
	static const double at[4] = {0.0, 1.154405394739968, 2.366759410734541, 3.750439717725742};
	static const double weight[4] = {0.457142857142857, 0.240123178605013, 0.030757123967586,
					 0.000548268855972};
	double sum = log(weight[0]) + log_exp(x, law->a, noise);

	for (int i = 1; i < 4; i++)
		for (int sign = -1; sign <= 1; sign += 2)
			sum = log_add(sum, log(weight[i]) +
						   log_exp(x, law->a * exp(sign * at[i] * law->b),
							   noise));
	return sum;
}

/* Others are smooth beside the noise: their density at the excess, falling off below 0. */
static double log_smooth(double log_density, double x, double noise)
{
	return log_density + log_phi(x / noise);
}

double sim_law_log_density(const struct sim_law *law, double excess_ns, double noise_ns)
{
	const double x = excess_ns;
	const double noise = noise_ns;
	double at = fmax(x, 0.1 * noise);

	switch (law->kind) {
	case SIM_LAW_EXP:
		return log_exp(x, law->a, noise);
	case SIM_LAW_GAMMA:
		at *= law->a / law->b;
		return log_smooth((law->a - 1.0) * log(at) - at - lgamma(law->a) +
					  log(law->a / law->b),
				  x, noise);
	case SIM_LAW_PARETO:
		return log_smooth(log(law->b / law->a) - (law->b + 1.0) * log1p(at / law->a), x,
				  noise);
	case SIM_LAW_UNIFORM:
		return -log(law->a) + log_phi(x / noise) + log_phi((law->a - x) / noise);
	case SIM_LAW_GAUSS:
		return log_smooth(log_gauss(at, law->a) + M_LN2, x, noise);
	case SIM_LAW_TWOLEVEL:
		return log_add(log1p(-law->a) + log_gauss(x, noise),
			       log(law->a) + log_gauss(x - law->b, noise));
	case SIM_LAW_SELFSIMILAR:
		return log_load(law, x, noise);
	case SIM_LAW_RECORDED:
		return log_exp(x, sim_law_mean(law), noise);
	case SIM_LAW_NONE:
		break;
	}
	return log_gauss(x, noise);
}
