/*
 * estimate: what the exchanges with one source say of its clock against our oscillator.
 * It must never know which packets they came from, or that our clock was corrected: it works
 * on the raw scale, where nothing is ever stepped or slewed.
 *
 * Model. The server's clock minus the raw scale is a line whose slope, the oscillator's frequency,
 * walks at random (belief.h). A packet can only be late: with D the round trip less the server's
 * part, s the offset at its midpoint and d the least delay of one way,
 *	request:  s + D/2 = offset + d + lateness there	 + grain
 *	answer:	 -s + D/2 = -offset + d + lateness back + grain
 * so each packet bounds the offset from one side (envelope.h), the two envelopes close in like
 * 1/n, and a packet that was prompt on one way says much though it was late on the other. Beliefs
 * are Gaussians, packets are looked at again as later ones come, and how much the oscillator
 * wanders is judged by how well each opinion foretells the next sample (bank.h).
 *
 * How late packets usually are, and how coarse the stamps, is learnt besides (learning.h). Where
 * all round trips are equal there are no queues (a reference clock): then noise falls to both
 * sides.
 *
 * What no walk explains. A path that grew shorter is seen at once (a round trip below what was
 * least), one that grew longer when a few in a row (3 to 8) are late on both ways, and their round
 * trips longer than chance makes them: the path may then have jumped, offset and frequency go on;
 * where it comes back to what it was before the last change, its length is known. A sample that
 * contradicts the line is set aside; when CONFIRM_SAMPLES in a row contradict it on the same side,
 * the clock there or the oscillator here has jumped, and as much is allowed for at the first of
 * them. Where samples can only be reconciled by a path of less than nothing, or packets late for
 * longer than their round trip, the older ones are left.
 *
 * Which of two ways is the longer cannot be known from packets: that error is in no standard
 * deviation here, but in the distance.
 */
#ifndef DS_CORE_CLOCK_ESTIMATE_H
#define DS_CORE_CLOCK_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/bank.h"
#include "core/clock/learning.h"
#include "core/exchange/exchange.h"

#define DS_ESTIMATE_SAMPLES DS_BANK_WINDOW

/* While a frequency is not known yet it is taken to be within this of right, one standard
 * deviation: twice what crystals are sold with. */
#define DS_ESTIMATE_UNKNOWN_FREQ_PPB 1e5

struct ds_estimate_sample {
	int64_t raw_ns;
	int64_t server_minus_raw_ns;
	int64_t delay_ns;
	int64_t distance_ns;   /* half of delay and root delay, and root dispersion, when taken */
	int64_t dispersion_ns; /* of it: what the source said of its own error */
	int8_t suspect;	       /* 0: in use; else it contradicts the line: +1 above, -1 below */
};

/* Read the results; all else is private to estimate.c. */
struct ds_estimate {
	/* the window, oldest first; window.count of them; suspects included */
	struct ds_estimate_sample samples[DS_ESTIMATE_SAMPLES];
	struct ds_window window;
	struct ds_bank bank;
	struct ds_noise noise;
	int64_t base_ns; /* bounds and beliefs count offsets from here */
	struct ds_learning learning;
	struct ds_estimate_shape {
		double count, mean_ns, var_ns2; /* fading; of round trips on the path of now */
	} shape;
	struct ds_estimate_route {
		double path_ns, precision; /* ns^-2; 0: none */
		double usual_ns;	   /* lateness of both ways together then */
	} shorter, longer;		   /* as they were when the path last changed */
	int64_t first_raw_ns;		   /* since the last restart */
	uint64_t taken;			   /* likewise: samples, suspects included */
	uint8_t equal; /* so many round trips in a row were as long as the oldest and the one
			  before; saturating */
	uint8_t fine; /* so many in a row now that are of drivestamps, ours by a card; saturating */
	bool refined; /* those before the first of these were forgotten */

	uint8_t count;	  /* samples in the window, at most max_samples; suspects included */
	uint8_t used;	  /* of them without suspects */
	uint8_t suspects; /* the newest so many were set aside, and wait for company */
	uint8_t min_samples;
	uint8_t max_samples;
	bool cut; /* the oscillator's wander limits span_ns, not the source's youth */
	/* as of the last ds_estimate_add(), at ref_raw_ns */
	int64_t ref_raw_ns; /* the newest sample */
	int64_t ref_server_minus_raw_ns;
	int64_t used_raw_ns; /* the newest in use */
	double offset_sd_ns;
	double freq_ppb; /* rate of the server's clock against the raw scale; 0 below 2 samples */
	double freq_sd_ppb;	/* INFINITY below 2 samples */
	double cov_ns_ppb;	/* of offset and frequency */
	double wander_ppb;	/* of the frequency's random walk, ppb per root second */
	double offset_walk_ns;	/* of the offset besides, ns per root second */
	double sample_sd_ns;	/* of what one sample says of the offset, by its usual lateness */
	double common_sd_ns;	/* grain: what a sample is wrong by whatever its delay */
	double usual_excess_ns; /* usual lateness of both ways together */
	double path_ns, path_sd_ns; /* least delay of one way */
	double edgeless_sd_ns;	    /* of the offset, where no packet seems to be as fast as the
				       path; 0: some are. In no other figure */
	int64_t span_ns;      /* of as many samples as a straight line would need to know as much */
	int64_t min_delay_ns; /* in the window */
	uint64_t total;	      /* round trips ever taken in */
};

/* max_samples 1..DS_ESTIMATE_SAMPLES (0 and above: that): so many are looked at again; older ones
 * live on in what is believed. min_samples: at most max_samples; kept for the configuration's
 * sake, for no sample is ever dropped for a trend. */
void ds_estimate_init(struct ds_estimate *e, uint8_t min_samples, uint8_t max_samples);

/* Take in an exchange. precision_ns: the grain of our clock (1 to 1e9; clamped). An exchange of
 * the same round trip as the last one (same raw_ns) replaces it: the better measurement of the
 * same two packets. One that lies before the last is refused, as is one whose times are out of
 * all range (DS_NS_LIMIT, scale.h). Returns whether it was taken. */
bool ds_estimate_add(struct ds_estimate *e, const struct ds_exchange *exchange,
		     int64_t precision_ns);

/* Start anew (the source changed its address, its clock stepped, the oscillator did). Keeps
 * min_samples, max_samples and total. */
void ds_estimate_restart(struct ds_estimate *e);

#define DS_ESTIMATE_CLAIM_SDS 4.0 /* standard deviations that go into a distance */

struct ds_prediction {
	int64_t server_minus_raw_ns;
	double sd_ns;	 /* one standard deviation of that */
	double freq_ppb; /* 0 where freq_sd_ppb is INFINITY */
	double freq_sd_ppb;
	double cov_ns_ppb;	/* covariance of offset and frequency at that moment; 0 where
				   freq_sd_ppb is INFINITY */
	double wander_ppb;	/* standard deviation of the frequency's random walk, ppb per root
				   second, as learnt; 0: not known */
	double stated_freq_ppb; /* what the frequency may be wrong by because the source was as
				   wrong as it said; in no standard deviation */
	double age_ns;		/* since the newest sample in use */
	int64_t distance_ns;	/* root distance: how wrong the source may be at most, now (RFC
				   5905 11.2) */
	int64_t certain_ns;	/* ... also where it has been put right meanwhile; distance_ns or
				   more */
};

/* What the source's clock shows at raw_ns (both within +-DS_NS_LIMIT). False without samples;
 * *prediction is not written then. max_clock_error_ppb: how wrong the oscillator's frequency may
 * be, as a rate at which distance grows (maxclockerror: 1 ppm is 1000). The distance is the least
 * over the samples in use of what it was when taken plus this growth since, and
 * DS_ESTIMATE_CLAIM_SDS times sd_ns; or, where that is less, the least over the samples of how far
 * it lies from the line, its own distance, this growth, and so many deviations of what the
 * frequency may have led to since: so much is certain by causality alone. What is certain also
 * where the source was put right among the samples (it states half as much again of one as of
 * another) has in its growth what that may do to the slope over all of them. */
bool ds_estimate_at(const struct ds_estimate *e, int64_t raw_ns, double max_clock_error_ppb,
		    struct ds_prediction *prediction);

#endif
