/*
 * claim: where each source says the truth lies, compared at one moment.
 * It must never make a claim wider than the source's own, or judge one.
 *
 * A source claims that the truth lies within its distance of its offset (RFC 5905 section 11.2). In
 * the distance stand some standard deviations of the prediction (DS_ESTIMATE_CLAIM_SDS), and much
 * of that may be our oscillator's: how fast it runs is not known well from few samples, and so not
 * where a source is some time after its last one. But it is one oscillator: who knows its frequency
 * knows it for the others. Given the frequency f, the offset of source i is offset(i) + c (f -
 * freq(i)), with c the covariance of offset and frequency over the variance of the frequency, and
 * its variance is less by c^2 times that of the frequency. For f we take the median of what the
 * sources say, weighted by their variances, as uncertain as that source has it, besides what two
 * clocks may differ by without anybody's fault. A source is shifted by no more than as many
 * standard deviations of its own frequency, and where it knows better it stays as it is.
 *
 * Without this, at the start, claims are so wide between polls that falsetickers fit in.
 */
#ifndef DS_CORE_CLOCK_CLAIM_H
#define DS_CORE_CLOCK_CLAIM_H

#include <stdint.h>

#include "core/clock/estimate.h"

/* Paths are asymmetric (Pathak et al., PAM 2008), but rarely by more than a fifth of what the delay
 * allows: two standard deviations. */
#define DS_CLAIM_USUAL 0.1

struct ds_claim {
	int64_t offset_ns, low_ns, high_ns; /* server minus raw */
	double sd_ns;			    /* of the offset, without what is systematic */
};

/* predictions: n of them, for one raw time; systematic_ns: of each, what stays of its claim in any
 * case; max_clock_error_ppb: as for ds_estimate_at(). */
void ds_claims(const struct ds_prediction *const *predictions, const double *systematic_ns,
	       uint32_t n, double max_clock_error_ppb, struct ds_claim *claims);

#endif
