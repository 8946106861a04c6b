/*
 * bounds: how wrong the clock may be, told to whoever asks: shared memory, the kernel, bound.log.
 * It must never steer the clock or choose a source; it hears of a correction when it is in force.
 */
#ifndef DS_DAEMON_BOUNDS_H
#define DS_DAEMON_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/bound.h"
#include "core/clock/discipline.h"
#include "core/clock/select.h"
#include "daemon/conf.h"
#include "daemon/reference.h"
#include "os/bound_page.h"
#include "os/clock.h"

/* Read it; only the functions below write it. */
struct ds_bounds {
	const struct ds_conf *conf;
	struct ds_clock *clock;
	const struct ds_discipline *discipline;
	const struct ds_reference *reference;
	struct ds_bound_page *page;
	bool steer;
	struct ds_bound bound;
	uint8_t leap, kernel_leap; /* as ds_bounds_leap() was told */
	int32_t tai_s;
	uint64_t disrupted;	  /* DRIVESTAMP_BOUND_STEPPED and the like, since the last update */
	int64_t interval_ns;	  /* about how long until the next update */
	int64_t due_monotonic_ns; /* of ds_bounds_run() */
};

/* All pointers are kept, and must outlive it. page: open, or zero. */
void ds_bounds_init(struct ds_bounds *bounds, const struct ds_conf *conf, struct ds_clock *clock,
		    const struct ds_discipline *discipline, const struct ds_holdover *holdover,
		    const struct ds_reference *reference, struct ds_bound_page *page, bool steer);

/* The discipline took an update at now->raw_ns. candidates: as ds_select() left them. */
void ds_bounds_update(struct ds_bounds *bounds, const struct ds_reading *now,
		      const struct ds_candidate *candidates, uint32_t count,
		      const struct ds_combined *combined, int64_t interval_ns);

/* The clock was set, the host slept (then nothing is known until the next update), or no source is
 * left. what: one of DRIVESTAMP_BOUND_STEPPED, _SLEPT, _SOURCES_LOST. */
void ds_bounds_disrupt(struct ds_bounds *bounds, uint64_t what);

/* What is known of leap seconds (enum ds_leap): which one is to come, which one the kernel is to
 * carry out, and TAI minus UTC (0: not known). In force with the next ds_bounds_tell(). */
void ds_bounds_leap(struct ds_bounds *bounds, uint8_t leap, uint8_t kernel_leap, int32_t tai_s);

/* What is in force has changed: write the page, tell the kernel, and log it. */
void ds_bounds_tell(struct ds_bounds *bounds);

/* Writes the page anew before it grows coarse, and tells the kernel, which lets its own figure grow
 * by 500 ppm, long before that is wrong. */
void ds_bounds_run(struct ds_bounds *bounds, int64_t now_ns);

/* By how much further than at the last update the clock may be from the truth: what the hard bound
 * has grown since, and what is still to be slewed off. */
int64_t ds_bounds_lost_ns(const struct ds_bounds *bounds, const struct ds_reading *now);

/* At a moment; `now` need not be a reading: its clock_ns may be one that somebody set. */
void ds_bounds_at(const struct ds_bounds *bounds, const struct ds_reading *now,
		  struct ds_bound_value *value);

#endif
