/*
 * clock_phc: the maker of a clock (os/clock) whose time is that of a PHC: read now and then beside
 * the machine's clocks, steered by its own driver, and watched for others who steer it, too.
 * It must never touch the system clock, nor take what others did to the PHC for time that passed.
 *
 * Raw scale (decision 10). Kept right (`steer`), it is the PHC's own count without what we did to
 * it: the clock is a line over it (struct ds_clock's `clock`) that is bent when we set its rate and
 * moved when we step it. So a stamp that the card took with this clock is exact on both scales. All
 * else (the kernel's stamps, readings) is of CLOCK_REALTIME and carried over CLOCK_MONOTONIC_RAW,
 * by a line (`raw`) through the newest readings of both clocks (core/clock/cardclock).
 * Only read (-x), nobody can undo what others do to it: then the raw scale is CLOCK_MONOTONIC_RAW
 * itself, and the line is the clock's.
 *
 * A reading of the PHC takes an ioctl of some 20 us. It is done once a second, and after the start
 * at intervals that grow with the time over which the rate is known; ds_clock_read() goes by the
 * line and costs none. Setting the rate takes two readings more: the change falls between them, and
 * the raw scale may be off by the change of the rate times half of what lies between them (100 ppm,
 * 5 us: 0.25 ns).
 *
 * Others. A rate that is not the one we set is found by asking the kernel at each reading, and set
 * anew; a step by a reading that cannot lie on the line. Either moves the clock's line, not the raw
 * scale, and is reported as a jump (ds_clock_take_jump()). Steps smaller than what a reading may be
 * wrong by are not seen.
 */
#ifndef DS_OS_CLOCK_PHC_H
#define DS_OS_CLOCK_PHC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/cardclock.h"
#include "os/clock.h"
#include "os/phc.h"
#include "os/phc_steer.h"

struct ds_clock_phc_config {
	const char *path; /* of a device, or the name of an interface */
	bool steer;	  /* else it is only read */
	bool nocrossts;	  /* as ds_phc_config */
	int32_t tai_s;	  /* it keeps TAI, which is so much ahead of UTC; 0: it keeps UTC */
};

/* Placed by the caller, beside a struct ds_clock that points here. Counters may be read. */
struct ds_clock_phc {
	struct ds_phc phc;
	struct ds_cardclock line;
	int index; /* /dev/ptpN; -1: unknown */
	bool steer;
	double dialed_ppb; /* the rate that we set last */
	int64_t tai_ns;	   /* what it is ahead of the clock by */
	int64_t first_ns;  /* CLOCK_MONOTONIC_RAW of the first reading ... */
	int64_t newest_ns; /* ... and of the newest */
	int64_t due_ns;	   /* CLOCK_MONOTONIC of the next */
	double error_ns;   /* what the line may be wrong by now, one standard deviation */
	int64_t width_ns;  /* half of what the newest reading took */
	uint64_t readings;
	uint64_t failed;    /* readings that the driver did not give */
	uint64_t steps;	    /* by others */
	uint64_t meddled;   /* rates of others that were found */
	double meddled_ppb; /* the last of them */
	int error;	    /* of the last failure, a negative errno */
};

/* Blocks for some 30 ms, in which the rate of the PHC beside the machine's oscillator is measured.
 * `phc` must outlive the clock. 0; or a negative errno with a sentence: no such clock, no right to
 * write to the device, it cannot be steered (max_adj 0), virtual clocks are in use on it. */
int ds_clock_open_phc(struct ds_clock *clock, struct ds_clock_phc *phc,
		      const struct ds_clock_phc_config *config, char why[DS_WHY]);
void ds_clock_phc_close(struct ds_clock *clock);

/* Read the PHC if it is time to (due_ns). For other clocks: nothing. */
void ds_clock_phc_tend(struct ds_clock *clock);

/* The host slept: the PHC went on or not, CLOCK_MONOTONIC_RAW stood still. The clock is read and
 * taken as it stands, which is no jump. */
void ds_clock_phc_slept(struct ds_clock *clock);

/* A leap second: UTC steps by step_ns, and TAI, which this one keeps, does not. Nothing is done to
 * the PHC. False where it keeps UTC or is no PHC: ds_clock_step() is what is needed. */
bool ds_clock_phc_leap(struct ds_clock *clock, int64_t step_ns);
bool ds_clock_keeps_tai(const struct ds_clock *clock);

/* What ds_clock_read() may be wrong by against the PHC itself, one standard deviation; 0 for other
 * clocks. */
double ds_clock_phc_error_ns(const struct ds_clock *clock);

/* Of os/clock.c: set the rate, step. Both as ds_clock_set_rate(), ds_clock_step(). */
int ds_clock_phc_set_rate(struct ds_clock *clock, double rate_ppb);
int ds_clock_phc_step(struct ds_clock *clock, int64_t step_ns);

#endif
