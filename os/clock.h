/*
 * clock: a clock that can be read, carried stamps to, and kept right; three makers, one face.
 * It must never decide a correction, and never touch the machine's clock unless it was opened
 * to steer it.
 *
 *   system   CLOCK_REALTIME, steered by clock_adjtime(); raw scale CLOCK_MONOTONIC_RAW.
 *            Opened without `steer` (-x) it is only read.
 *   virtual  held in this process: an oscillator modelled on CLOCK_MONOTONIC_RAW (raw scale =
 *            MONOTONIC_RAW running freq_ppm fast), and on it a clock that begins at
 *            CLOCK_REALTIME plus an offset. Touches nothing.
 *   (PHC: a later issue)
 *
 * Kernel stamps are of CLOCK_REALTIME. ds_clock_carry() takes them to both scales by an
 * *anchor*: one moment known on CLOCK_REALTIME, CLOCK_MONOTONIC_RAW and the clock. The anchor is
 * replaced only when a fresh paired reading contradicts it by more than that reading's own width:
 * then somebody stepped or slewed CLOCK_REALTIME. So stamps that are compared with each other are
 * carried by the same anchor, and its error cancels.
 */
#ifndef DS_OS_CLOCK_H
#define DS_OS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/reading.h"
#include "core/exchange/stamp.h"

enum ds_clock_kind { DS_CLOCK_SYSTEM, DS_CLOCK_VIRTUAL };

/* Private to clock.c, placed by the caller. */
struct ds_clock {
	enum ds_clock_kind kind;
	bool steer;
	/* the anchor */
	int64_t anchor_real_ns;
	int64_t anchor_mono_raw_ns;
	double real_rate_ppb; /* of CLOCK_REALTIME against MONOTONIC_RAW, as the kernel says it is set */
	uint64_t anchors;     /* how often it was replaced */
	/* virtual only */
	double model_freq_ppb;
	int64_t base_mono_raw_ns; /* a moment ... */
	int64_t base_raw_ns;      /* ... on the modelled raw scale */
	int64_t base_clock_ns;    /* ... and on the virtual clock */
	double rate_ppb;          /* correction in force */
	int64_t tick_ppb;         /* system: what ADJ_TICK adds */
	int64_t precision_ns;     /* least step seen between readings, 1 .. 1e9 */
};

/* steer: corrections will be applied. Returns 0, or -EPERM and the like where the right to steer is
 * missing (checked by an adjtimex that changes nothing... see clock.c); then *clock is open for
 * reading. */
int ds_clock_open_system(struct ds_clock *clock, bool steer);
/* offset_s: added to CLOCK_REALTIME at the start; freq_ppm: how fast its oscillator runs, +-1e5. */
int ds_clock_open_virtual(struct ds_clock *clock, double offset_s, double freq_ppm);

/* Both scales now. Refreshes the anchor if it is contradicted. A few dozen nanoseconds. */
void ds_clock_read(struct ds_clock *clock, struct ds_reading *reading);

/* A stamp of CLOCK_REALTIME (kernel) on both scales, by the present anchor. */
void ds_clock_carry(const struct ds_clock *clock, int64_t realtime_ns, struct ds_reading *reading);
struct ds_rx_stamp ds_clock_rx_stamp(const struct ds_clock *clock, int64_t realtime_ns,
				     enum ds_stamp_source source);
struct ds_tx_stamp ds_clock_tx_stamp(const struct ds_clock *clock, int64_t realtime_ns,
				     enum ds_stamp_source source);
/* Stamps of the clock as read now: DS_STAMP_DAEMON. */
struct ds_tx_stamp ds_clock_tx_now(struct ds_clock *clock);
struct ds_rx_stamp ds_clock_rx_now(struct ds_clock *clock);

/* The clock minus CLOCK_REALTIME now: what a virtual clock differs by; 0 for the system clock. */
int64_t ds_clock_minus_realtime_ns(struct ds_clock *clock);

/* The clock runs rate_ppb faster than its raw scale from now on (|rate_ppb| <= 1e8; the system
 * clock takes ADJ_TICK for what is beyond 500 ppm). ds_clock_rate_ppb(): what is in force, as
 * exact as the kernel can hold it. Return 0 or a negative errno; without `steer` they do nothing
 * and return 0. TIME_ERROR is no failure. */
int ds_clock_set_rate(struct ds_clock *clock, double rate_ppb);
double ds_clock_rate_ppb(const struct ds_clock *clock);
int ds_clock_step(struct ds_clock *clock, int64_t step_ns);

/* Tell the kernel what is known (system clock with `steer` only): synchronised clears STA_UNSYNC
 * (only where the configuration says rtcsync: that starts the kernel's writing to the RTC), leap as enum ds_leap,
 * errors in nanoseconds. */
int ds_clock_tell_kernel(struct ds_clock *clock, bool synchronised, uint8_t leap,
			 int64_t max_error_ns, int64_t est_error_ns);

/* CLOCK_MONOTONIC in nanoseconds, for timeouts. */
int64_t ds_monotonic_ns(void);

#endif
