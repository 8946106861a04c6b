/*
 * claim: see claim.h.
 * It must never trust a matrix: covariances come in as somebody else computed them.
 */
#include "core/clock/claim.h"

#include <math.h>
#include <stdbool.h>

#include "core/clock/scale.h"

#define LEAST_FREQ_SD_PPB 1e-6
#define MOST_FREQ_SD_PPB  1e9  /* who knows it no better knows nothing */
#define LEAST_PART	  1e-8 /* of a variance must be left: else what is taken off it was noise */

/* What is known of the oscillator's frequency. */
struct frequency {
	double ppb, sd_ppb;
};

static bool knows_freq(const struct ds_prediction *p)
{
	return p->freq_sd_ppb < MOST_FREQ_SD_PPB;
}

static struct frequency own_frequency(const struct ds_prediction *p)
{
	if (!knows_freq(p))
		return (struct frequency){0.0, DS_ESTIMATE_UNKNOWN_FREQ_PPB};
	return (struct frequency){p->freq_ppb, fmax(p->freq_sd_ppb, LEAST_FREQ_SD_PPB)};
}

static double weight_of(const struct ds_prediction *p)
{
	double sd = own_frequency(p).sd_ppb;

	return 1.0 / (sd * sd);
}

/* The weighted median: the one that has no more than half of the weight on either side. */
static struct frequency median(const struct ds_prediction *const *predictions, uint32_t n)
{
	double total = 0.0;

	for (uint32_t i = 0; i < n; i++)
		total += weight_of(predictions[i]);
	for (uint32_t i = 0; i < n; i++) {
		double ppb = own_frequency(predictions[i]).ppb;
		double below = 0.0, above = 0.0;

		for (uint32_t j = 0; j < n; j++) {
			double other = own_frequency(predictions[j]).ppb;

			below += other < ppb ? weight_of(predictions[j]) : 0.0;
			above += other > ppb ? weight_of(predictions[j]) : 0.0;
		}
		if (2.0 * below <= total && 2.0 * above <= total)
			return own_frequency(predictions[i]);
	}
	return (struct frequency){0.0, DS_ESTIMATE_UNKNOWN_FREQ_PPB};
}

/* Seconds by which an error of the frequency is multiplied in the offset. Where the frequency is
 * not known it is counted as 0 since the newest sample. */
static double lever(const struct ds_prediction *p, const struct frequency *own)
{
	if (knows_freq(p))
		return p->cov_ns_ppb / (own->sd_ppb * own->sd_ppb);
	return p->age_ns * 1e-9;
}

static struct ds_claim claim_of(int64_t offset_ns, double distance_ns, double sd_ns)
{
	return (struct ds_claim){
		.offset_ns = offset_ns,
		.low_ns = ds_ns_plus(offset_ns, -distance_ns),
		.high_ns = ds_ns_plus(offset_ns, distance_ns),
		.sd_ns = sd_ns,
	};
}

static struct ds_claim claim_given(const struct ds_prediction *p, double systematic_ns,
				   const struct frequency *known, double max_clock_error_ppb)
{
	struct frequency own = own_frequency(p);
	double c = lever(p, &own);
	double variance = p->sd_ns * p->sd_ns;
	double left = variance - c * c * own.sd_ppb * own.sd_ppb;
	double borrowed = hypot(known->sd_ppb, max_clock_error_ppb);
	double most = DS_ESTIMATE_CLAIM_SDS * own.sd_ppb;
	double by = fmax(fmin(known->ppb - own.ppb, most), -most);
	double sd = sqrt(fmax(left, LEAST_PART * variance) + c * c * borrowed * borrowed);
	double rest = fmax((double)p->distance_ns - DS_ESTIMATE_CLAIM_SDS * p->sd_ns,
			   fmax(systematic_ns, 0.0));
	double distance = rest + DS_ESTIMATE_CLAIM_SDS * sd;

	if (!(sd < p->sd_ns) || !isfinite(c * by) || !(distance < (double)p->distance_ns))
		return claim_of(p->server_minus_raw_ns, (double)p->distance_ns, p->sd_ns);
	return claim_of(ds_ns_plus(p->server_minus_raw_ns, c * by), distance, sd);
}

void ds_claims(const struct ds_prediction *const *predictions, const double *systematic_ns,
	       uint32_t n, double max_clock_error_ppb, struct ds_claim *claims)
{
	struct frequency known = median(predictions, n);

	for (uint32_t i = 0; i < n; i++)
		claims[i] =
			claim_given(predictions[i], systematic_ns[i], &known, max_clock_error_ppb);
}
