/*
 * estimate: what the exchanges with one source say of its clock against our oscillator.
 * It must never know which packets they came from, or that our clock was corrected: it works
 * on the raw scale, where nothing is ever stepped or slewed.
 *
 * First version: a weighted straight line through at most DS_ESTIMATE_SAMPLES samples of
 * "server minus raw". The estimate issue replaces what is inside; these functions stay.
 *
 * Model. A packet can only be late. Where a round trip took e longer than the fastest one of the
 * window, the two directions share e in some unknown way, and the offset is wrong by something
 * within +-e/2, evenly spread for exponential queues: variance e^2/12. To it comes a variance
 * common to all samples: the grain of the clock, the unknown excess of the fastest sample itself,
 * and what the residuals of the faster half show beyond that. A sample far slower than usual is
 * weighed down further. The oldest samples are dropped for as long as the signs of the residuals
 * come in too few runs (Wald and Wolfowitz 1940), or the newest few lie off the line together:
 * then the line is bent, and the oscillator has wandered. A sample that the line cannot explain
 * is set aside; when the next ones say the same, the clock there or the oscillator here has jumped
 * and the line begins anew with them. How well the line is known follows from the scatter,
 * taken larger where samples are few (they agree by chance) and for a bend not seen yet.
 */
#ifndef DS_CORE_CLOCK_ESTIMATE_H
#define DS_CORE_CLOCK_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/exchange/exchange.h"

#define DS_ESTIMATE_SAMPLES 64

/* While a frequency is not known yet it is taken to be within this of right, one standard
 * deviation: twice what crystals are sold with. */
#define DS_ESTIMATE_UNKNOWN_FREQ_PPB 1e5

struct ds_estimate_sample {
	int64_t raw_ns;
	int64_t server_minus_raw_ns;
	int64_t delay_ns;
	int64_t distance_ns; /* half of delay and root delay, and root dispersion, when taken */
	int8_t suspect;	     /* 0: in the line; else it cannot explain it: +1 above, -1 below */
};

/* Read the results; all else is private to estimate.c. */
struct ds_estimate {
	struct ds_estimate_sample samples[DS_ESTIMATE_SAMPLES]; /* a ring */
	uint8_t head;						/* where the next one goes */
	uint8_t count;	  /* samples in the ring, at most max_samples; suspects included */
	uint8_t used;	  /* samples in the line */
	uint8_t suspects; /* the newest so many were set aside, and wait for company */
	uint8_t min_samples;
	uint8_t max_samples;
	bool cut; /* the oldest samples were dropped for a trend since the last restart */
	/* the line, as of the last ds_estimate_add() */
	int64_t ref_raw_ns; /* the newest sample in the line */
	int64_t ref_server_minus_raw_ns;
	double offset_sd_ns; /* of the line at ref_raw_ns */
	double freq_ppb; /* rate of the server's clock against the raw scale; 0 below 3 samples */
	double freq_sd_ppb;	/* INFINITY below 3 samples */
	double sample_sd_ns;	/* of the residuals, weighted; of a single sample below 3 */
	double centre_ns;	/* how long before ref_raw_ns the line is best known; >= 0 */
	double common_sd_ns;	/* of the error that samples have whatever their delay */
	double usual_excess_ns; /* median of the delays above the least */
	int64_t span_ns;	/* from the oldest to the newest sample in the line */
	int64_t min_delay_ns;
	uint64_t total; /* round trips ever taken in */
};

/* min_samples 1..64: a trend never cuts the window below it (nor below 5). max_samples 1..64
 * (0 and above: 64). min_samples above max_samples counts as max_samples. */
void ds_estimate_init(struct ds_estimate *e, uint8_t min_samples, uint8_t max_samples);

/* Take in an exchange. precision_ns: the grain of our clock (1 to 1e9; clamped). An exchange of
 * the same round trip as the last one (same raw_ns) replaces it: the better measurement of the
 * same two packets. One that lies before the last is refused, as is one whose times are out of
 * all range (DS_NS_LIMIT, scale.h). Returns whether it was taken. About 2 us;
 * 0.1 ms where a whole window is cut. */
bool ds_estimate_add(struct ds_estimate *e, const struct ds_exchange *exchange,
		     int64_t precision_ns);

/* Start anew (the source changed its address, its clock stepped, the oscillator did). Keeps
 * min_samples, max_samples and total. */
void ds_estimate_restart(struct ds_estimate *e);

struct ds_prediction {
	int64_t server_minus_raw_ns;
	double sd_ns;	 /* one standard deviation of that */
	double freq_ppb; /* 0 where freq_sd_ppb is INFINITY */
	double freq_sd_ppb;
	double cov_ns_ppb;   /* covariance of offset and frequency at that moment; 0 where
				freq_sd_ppb is INFINITY */
	double wander_ppb;   /* standard deviation of the frequency's random walk, ppb per root
				second, as learnt; 0: not known */
	double age_ns;	     /* since the newest sample in the line */
	int64_t distance_ns; /* root distance: how wrong the source may be at most, now (RFC
				5905 11.2) */
};

/* What the source's clock shows at raw_ns (both within +-DS_NS_LIMIT). False without samples;
 * *prediction is not written then. max_clock_error_ppb: how wrong the oscillator's frequency may
 * be, as a rate at which distance grows (maxclockerror: 1 ppm is 1000). The distance is the least
 * over the samples in the line of what it was when taken plus this growth since, and
 * three times sd_ns. */
bool ds_estimate_at(const struct ds_estimate *e, int64_t raw_ns, double max_clock_error_ppb,
		    struct ds_prediction *prediction);

#endif
