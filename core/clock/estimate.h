/*
 * estimate: what the exchanges with one source say of its clock against our oscillator.
 * It must never know which packets they came from, or that our clock was corrected: it works
 * on the raw scale, where nothing is ever stepped or slewed.
 *
 * First version: a weighted straight line through at most DS_ESTIMATE_SAMPLES samples of
 * "server minus raw", each weighted by how far its delay stands above the least delay in the
 * window, with the window cut where its residuals show a trend. The estimate issue replaces what is
 * inside; these functions stay.
 */
#ifndef DS_CORE_CLOCK_ESTIMATE_H
#define DS_CORE_CLOCK_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/exchange/exchange.h"

#define DS_ESTIMATE_SAMPLES 64

struct ds_estimate_sample {
	int64_t raw_ns;
	int64_t server_minus_raw_ns;
	int64_t delay_ns;
	int64_t distance_ns; /* half of delay and root delay, and root dispersion, when taken */
};

struct ds_estimate {
	struct ds_estimate_sample samples[DS_ESTIMATE_SAMPLES]; /* a ring */
	uint8_t head;  /* where the next one goes */
	uint8_t count; /* samples in use, at most max_samples */
	uint8_t min_samples;
	uint8_t max_samples;
	/* the line, as of the last ds_estimate_add() */
	int64_t ref_raw_ns;
	int64_t ref_server_minus_raw_ns;
	double offset_sd_ns; /* of the line at ref_raw_ns */
	double freq_ppb;     /* rate of the server's clock against the raw scale */
	double freq_sd_ppb;  /* INFINITY below 3 samples */
	double sample_sd_ns; /* of the residuals */
	int64_t min_delay_ns;
	uint64_t total; /* samples ever */
};

/* min_samples 1..64 and max_samples 1..64 (0: 64; min above max: min wins down to max). */
void ds_estimate_init(struct ds_estimate *e, uint8_t min_samples, uint8_t max_samples);

/* Take in an exchange. precision_ns: the grain of our clock (1 to 1e9). An exchange of the same
 * round trip as the last one (same raw_ns) replaces it: the better measurement of the same two packets.
 * One that lies before the last is refused. Returns whether it was taken. */
bool ds_estimate_add(struct ds_estimate *e, const struct ds_exchange *exchange, int64_t precision_ns);

/* Start anew (the source changed its address, its clock stepped, the oscillator did). */
void ds_estimate_restart(struct ds_estimate *e);

struct ds_prediction {
	int64_t server_minus_raw_ns;
	double sd_ns;        /* one standard deviation of that */
	double freq_ppb;
	double freq_sd_ppb;
	int64_t distance_ns; /* root distance: how wrong the source may be at most, now (RFC 5905 11.2) */
};

/* What the source's clock shows at raw_ns. False without samples. wander_ppb: how fast the
 * error of the frequency may grow, in ppb per second (maxclockerror: 1 ppm -> 1000 ppb as a rate of dispersion). */
bool ds_estimate_at(const struct ds_estimate *e, int64_t raw_ns, double max_clock_error_ppb,
		    struct ds_prediction *prediction);

#endif
