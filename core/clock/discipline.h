/*
 * discipline: what to tell the clock, from what the sources say together.
 * It must never read or set a clock: readings come in, corrections go out.
 *
 * The target is a line on the raw scale: utc(raw) = raw + target_minus_raw + freq * (raw - ref).
 * The clock runs at `freq` so as to stay parallel to it, and for a while faster or slower to come
 * onto it (at most max_slew), or is stepped where makestep allows. Whoever applies a correction
 * calls again at `until_raw_ns`; what was really slewed by then is measured, not assumed.
 */
#ifndef DS_CORE_CLOCK_DISCIPLINE_H
#define DS_CORE_CLOCK_DISCIPLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/reading.h"
#include "core/clock/select.h"

struct ds_discipline_config {
	double max_slew_ppb;        /* of a slew alone; default 83333.333 ppm as chrony's maxslewrate */
	int64_t step_threshold_ns;  /* makestep's first value; 0: never step */
	int32_t step_updates;       /* makestep's second: steps only in so many updates; negative: always */
	double max_freq_ppb;        /* of the frequency correction itself; default 500000 ppm/1000 */
};

struct ds_discipline {
	struct ds_discipline_config config;
	bool synchronised;     /* at least one update since start */
	uint32_t updates;
	int64_t ref_raw_ns;
	int64_t target_minus_raw_ns; /* at ref_raw_ns */
	double freq_ppb;       /* correction in force without the slew: the oscillator's error with sign changed */
	double freq_sd_ppb;
	double offset_sd_ns;
	double slew_ppb;       /* in force on top of it; 0 when the clock is on the line */
	int64_t until_raw_ns;
};

struct ds_correction {
	bool step;             /* add step_ns to the clock, once, before the rate is set */
	int64_t step_ns;
	double rate_ppb;       /* the clock runs this much faster than its raw scale from now on */
	int64_t until_raw_ns;  /* call ds_discipline_timer() then; INT64_MAX: no need */
	bool changed;          /* there is something to apply */
};

/* freq_ppb: from the drift file, or the clock's present rate; sd: its uncertainty (large if unknown). */
void ds_discipline_init(struct ds_discipline *d, const struct ds_discipline_config *config,
			double freq_ppb, double freq_sd_ppb);

/* A selection gave `combined` for the moment `now`; offset_weight... see discipline.c. update_interval_ns: about
 * how long until the next update (sets how fast an offset is slewed away). */
void ds_discipline_update(struct ds_discipline *d, const struct ds_reading *now,
			  const struct ds_combined *combined, int64_t update_interval_ns,
			  struct ds_correction *correction);

/* until_raw_ns has come (or about so). */
void ds_discipline_timer(struct ds_discipline *d, const struct ds_reading *now,
			 struct ds_correction *correction);

/* How far the clock is from the line now (line minus clock, what is still to be slewed). 0 before the first update. */
int64_t ds_discipline_remaining_ns(const struct ds_discipline *d, const struct ds_reading *now);

#endif
