/*
 * envelope: what one packet says of a quantity that it can only exceed.
 * It must never take more from a bound than a packet that may be late can give: a late packet says
 * little, a prompt one much, and neither moves a belief away from the bound without a reason.
 *
 * Model. The stamps of a packet give z = x + e + g: x is what is asked for, e >= 0 the time that
 * the packet lost in queues, g the Gaussian grain of the stamps. e is drawn from one of two
 * exponential densities: the usual one, or, with a small probability, one DS_ENVELOPE_TAIL times
 * as wide, for packets that met something else (a heavy tail, a second path, an interrupt).
 *
 * A Gaussian belief N(m, V) of x times that likelihood has mean and variance in closed form: for y
 * = x + g, N(y; m, W) exp(r y), y <= z, with W = V + var(g) and r the rate, is a Gaussian with mean
 * m + r W, cut off at z; the mixture of two such is a weighted sum; and x follows y linearly.
 * Taking the Gaussian with the same mean and variance is assumed-density filtering; doing it anew
 * for each packet as the others' say becomes known is expectation propagation (T. Minka,
 * "Expectation propagation for approximate Bayesian inference", UAI 2001). That a packet bounds
 * the offset from one side is how Moon, Skelly and Towsley (INFOCOM 1999) and Zhang, Liu and Xia
 * (INFOCOM 2002) take skew from one-way delays.
 */
#ifndef DS_CORE_CLOCK_ENVELOPE_H
#define DS_CORE_CLOCK_ENVELOPE_H

/* Sixteen times: between the two densities no delay up to e^5 of the usual is a surprise. Found by
 * the bench of the estimate: 6 and 16 are alike but for two-level delays, where 16 is better. */
#define DS_ENVELOPE_TAIL 16.0

struct ds_lateness {
	double usual_ns;      /* mean of the usual density; > 0 */
	double tail;	      /* probability of the wide one; 0 < tail < 1 */
	double grain_var_ns2; /* > 0 */
};

struct ds_envelope {
	double mean_ns, var_ns2; /* of x, after the packet */
	double log_density;	 /* of z, before it: the evidence (natural log, per ns) */
	double late_ns;		 /* what e is expected to have been */
	double usual_ns;	 /* the same in units of the usual density: wide ones are divided */
	double tail;		 /* probability that the wide one it was */
};

/* mean_ns, var_ns2: the belief before (var_ns2 > 0); bound_ns: z. All finite; the result is finite
 * for magnitudes up to 1e60, and 0 < result->var_ns2 <= var_ns2: a look never adds doubt. */
void ds_envelope_look(double mean_ns, double var_ns2, double bound_ns,
		      const struct ds_lateness *lateness, struct ds_envelope *result);

#endif
