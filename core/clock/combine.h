/*
 * combine: what the selected sources say together.
 * It must never count an error that sources share as if each had its own, and never move the time
 * for nothing but a change of who is asked.
 *
 * Model. What source i says of offset and frequency is wrong by three things.
 *
 * Its measurements: e, the 2x2 covariance of its prediction. Independent of the others'.
 *
 * What is systematic: s, the asymmetry of its path and what its server is wrong by. It does not
 * average out. All of `systematic_ns` is possible, little of it is usual: one standard deviation is
 * DS_CLAIM_USUAL (claim.h) of it. Sources that have something in common (the same host, the same
 * upstream server, one following the other, the same network) may have the same s, or not: nobody
 * can tell.
 *
 * Our oscillator: o, what it wandered since the newest sample of any of them. The same for all.
 *
 * The sources are weighed by their covariance matrices, offset and frequency together. Within a
 * group of n with something in common s is taken n times as uncertain: split covariance
 * intersection with equal shares (Julier and Uhlmann 1997 and 2001). That is right whatever the
 * unknown correlation is, gives no negative weight, and n servers behind one upstream count for no
 * more than one. The part o is taken out before and added again after.
 *
 * Where the sources differ by more than all this explains, it is not their scatter that is
 * wrong: what is claimed grows by the Birge ratio (Birge 1932), the square root of chi square over
 * its degrees of freedom.
 *
 * No jumps. When weights change (a source comes, goes, or is measured anew) the weighted mean
 * moves, though no clock did. What the old weights would have said now is known, and so
 * is the difference. The part of it that is due to systematic errors (by their share in its
 * variance) is kept as a carry, and taken away in the next DS_COMBINE_POLLS polls; the rest
 * was noise in what the old weights stood on, and is taken at once. A source that alone lies
 * elsewhere than it did (a new route, its clock was set) counts as one that went and another
 * that came. A falseticker, or who turns out to be an outlier, takes what it had contributed with
 * it, at once. What all measure is never carried.
 */
#ifndef DS_CORE_CLOCK_COMBINE_H
#define DS_CORE_CLOCK_COMBINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/select.h"

/* A carry falls to 1/e in so many polls: as long as reachability remembers. */
#define DS_COMBINE_POLLS 8.0

/* So many standard deviations off where it was expected a source is another one. */
#define DS_COMBINE_MOVED 2.0

/* What is remembered from one combination to the next; 0 is right at the start. Private. */
struct ds_combiner {
	double weight[DS_SOURCES_MAX];	     /* of the offset; their sum is 1, or all are 0 */
	double freq_weight[DS_SOURCES_MAX];  /* of the frequency in the offset; seconds, sum 0 */
	double deviation_ns[DS_SOURCES_MAX]; /* of the source from the mean, with both */
	double sd_ns[DS_SOURCES_MAX];
	uint32_t ref_id[DS_SOURCES_MAX];
	int64_t mean_minus_raw_ns; /* at raw_ns, without the carry */
	double freq_ppb;
	double carry_ns;
	int64_t raw_ns;
};

struct ds_combined {
	int64_t server_minus_raw_ns; /* at the raw time of the predictions, the carry included */
	/* covariance of the errors that go away with time */
	double sd_ns;
	double freq_ppb;
	double freq_sd_ppb; /* INFINITY: no source knows it yet, and freq_ppb is 0 */
	double cov_ns_ppb;
	double systematic_sd_ns; /* of those that do not; and of the carry */
	double wander_ppb;	 /* of our oscillator: median of the combined; 0: not known */
	double blind_ns; /* how old the offset is for which no frequency was known: that is still to
			  * be added, at the frequency in force (weighted mean over the sources) */
	int64_t low_minus_raw_ns, high_minus_raw_ns; /* struct ds_selected */
	double carry_ns;			     /* in server_minus_raw_ns */
	uint32_t best;				     /* index of the SELECTED candidate */
	uint32_t sources;			     /* how many were combined */
	uint8_t leap; /* of more than half of the combined, else that of the best */
};

/* candidates, count and selected: as ds_select() left them, which was true. raw_ns: the moment of
 * the predictions; interval_ns: about how long until the next samples (at least 1 ms is taken).
 * Standard deviations below 1 ns and 1e-6 ppb are taken for these, those of the offset
 * that are infinite or undefined for 2^62 ns; a frequency of 1e9 ppb and above is not known.
 * *combined is always written. */
void ds_combine(struct ds_combiner *combiner, const struct ds_candidate *candidates, uint32_t count,
		const struct ds_selected *selected, int64_t raw_ns, int64_t interval_ns,
		struct ds_combined *combined);

#endif
