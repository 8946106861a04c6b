/*
 * discipline: what to tell the clock, from what the sources say together.
 * It must never read or set a clock: readings come in, corrections go out.
 *
 * The target is a line on the raw scale:
 *	utc(raw) = raw + target_minus_raw + freq * (raw - ref).
 * The clock runs at `freq` so as to stay parallel to it, and for a while faster or slower to come
 * onto it (at most max_slew), or is stepped where makestep allows. Whoever applies a correction
 * calls again at `until_raw_ns`; what was really slewed by then is measured, not assumed.
 *
 * The estimate is the best there is, so it is followed at once and exactly, offset and frequency
 * together: the clock is on the new line within a 64th of the update interval, at most
 * DS_DISCIPLINE_LONGEST_NS, or as long as max_slew makes it. A slower approach would be a second
 * filter behind the first one, and keep errors that are known; for whoever follows us it also
 * looks as if our oscillator wandered. A faster one gains nothing that could be measured. What is
 * less than the estimate's own standard deviation is not worth waking for: such a slew lasts until
 * the next update. A fast
 * slew is ended early, measured, and followed by a slower one, so that a timer that fires late
 * cannot carry the clock past the line.
 *
 * The frequency in force is worth something to an estimate that begins anew (at the start with a
 * drift file, a burst, a server that was stepped): where the estimate knows the frequency much less
 * than what is in force, and does not contradict it, the two are one measurement each of the same
 * thing. What is known of the frequency then says something of the offset, by their covariance
 * (Kalman 1960, the measurement being the frequency in force).
 */
#ifndef DS_CORE_CLOCK_DISCIPLINE_H
#define DS_CORE_CLOCK_DISCIPLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/combine.h"
#include "core/clock/reading.h"

#define DS_DISCIPLINE_MAX_SLEW_PPB 83333333.0 /* 83333.333 ppm, chrony's maxslewrate */
#define DS_DISCIPLINE_MAX_FREQ_PPB 1e8	      /* 10 %, what ADJ_TICK and ADJ_FREQUENCY reach */
#define DS_DISCIPLINE_SHORTEST_NS  INT64_C(100000000)
#define DS_DISCIPLINE_LONGEST_NS   INT64_C(1000000000)

struct ds_discipline_config {
	double max_slew_ppb;	   /* of a slew alone; 0 or less: DS_DISCIPLINE_MAX_SLEW_PPB */
	int64_t step_threshold_ns; /* makestep's first value; 0: never step */
	int32_t step_updates;	   /* its second: only in so many first updates; negative: in all */
	double max_freq_ppb; /* of the correction itself; 0 or less: DS_DISCIPLINE_MAX_FREQ_PPB */
};

/* Read it; only the functions below write it. */
struct ds_discipline {
	struct ds_discipline_config config;
	bool synchronised; /* at least one update since start */
	uint32_t updates;
	int64_t ref_raw_ns;
	int64_t target_minus_raw_ns; /* at ref_raw_ns */
	double freq_ppb;    /* in force without the slew: the oscillator's error, sign changed */
	double freq_sd_ppb; /* its uncertainty when it was last updated */
	double offset_sd_ns;
	double slew_ppb;      /* in force on top of it; 0 when the clock is on the line */
	int64_t until_raw_ns; /* INT64_MAX when no slew is under way */
	int64_t wake_raw_ns;  /* ds_discipline_timer() has to be called then; not before
				 until_raw_ns,  after which the slew goes on by as much */
};

struct ds_correction {
	bool step; /* add step_ns to the clock, once, before the rate is set */
	int64_t step_ns;
	double rate_ppb;      /* the clock runs this much faster than its raw scale from now on */
	int64_t until_raw_ns; /* call ds_discipline_timer() then; INT64_MAX: no need */
	bool changed;	      /* there is something to apply */
};

/* freq_ppb: from the drift file, or the clock's present rate; cut off at max_freq. freq_sd_ppb:
 * its uncertainty, 1e5 (100 ppm) or more if unknown; 0 or less counts as unknown. */
void ds_discipline_init(struct ds_discipline *d, const struct ds_discipline_config *config,
			double freq_ppb, double freq_sd_ppb);

/* A selection gave `combined`, its predictions being for now->raw_ns. update_interval_ns: about
 * how long until the next update (sets how fast an offset is slewed away); at least 1 ms is taken.
 * *correction is always written. */
void ds_discipline_update(struct ds_discipline *d, const struct ds_reading *now,
			  const struct ds_combined *combined, int64_t update_interval_ns,
			  struct ds_correction *correction);

/* until_raw_ns has come, or about so; called before it nothing changes. */
void ds_discipline_timer(struct ds_discipline *d, const struct ds_reading *now,
			 struct ds_correction *correction);

/* The host slept: the raw scale stood still, and the clock was set on waking by whoever kept time
 * meanwhile. The line begins anew where the clock stands; nothing is slewed until an update. */
void ds_discipline_slept(struct ds_discipline *d, const struct ds_reading *now,
			 struct ds_correction *correction);

/* The clock was set by somebody else (the raw scale was not): bring it back at once, without
 * waiting for the next update. Steps only if makestep would. */
void ds_discipline_disturbed(struct ds_discipline *d, const struct ds_reading *now,
			     struct ds_correction *correction);

/* Somebody wants no slew: the clock is stepped onto the line, whatever makestep says. False before
 * the first update, when there is no line: then *correction is not written. */
bool ds_discipline_step(struct ds_discipline *d, const struct ds_reading *now,
			struct ds_correction *correction);

/* UTC stepped by step_ns (a leap second): so does the line. Its clock is stepped with it, slewed
 * onto it at once whatever makestep says, left for the next update, or somebody else has stepped it
 * already. Before the first update there is no line, and a slew is none. */
enum ds_discipline_leap {
	DS_DISCIPLINE_LEAP_LEAVE,
	DS_DISCIPLINE_LEAP_STEP,
	DS_DISCIPLINE_LEAP_SLEW,
	DS_DISCIPLINE_LEAP_DONE,
};
void ds_discipline_leap(struct ds_discipline *d, const struct ds_reading *now, int64_t step_ns,
			enum ds_discipline_leap action, struct ds_correction *correction);

/* How far the clock is from the line now (line minus clock, what is still to be slewed). 0 before
 * the first update. */
int64_t ds_discipline_remaining_ns(const struct ds_discipline *d, const struct ds_reading *now);

#endif
