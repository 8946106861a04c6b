/*
 * clock: a clock that can be read, carried stamps to, and kept right; three makers, one face.
 * It must never decide a correction, and never touch the machine's clock unless it was opened
 * to steer it.
 *
 *   system   CLOCK_REALTIME, steered by adjtimex(); raw scale CLOCK_MONOTONIC_RAW.
 *            Opened without `steer` (-x) it is only read.
 *   virtual  held in this process: an oscillator modelled on CLOCK_MONOTONIC_RAW (raw scale =
 *            MONOTONIC_RAW running freq_ppm fast), and on it a clock that begins at
 *            CLOCK_REALTIME plus an offset. Touches nothing.
 *   PHC      of a network card, steered by its driver or only read: see os/clock_phc.
 *
 * Kernel stamps are of CLOCK_REALTIME. ds_clock_carry() takes them to both scales by an
 * *anchor*: one moment known on CLOCK_REALTIME and CLOCK_MONOTONIC_RAW, and the rate between them
 * that the kernel says it has set. A reading is a reading of CLOCK_REALTIME carried in the same
 * way. The anchor is replaced only when a fresh paired reading contradicts it by more than that
 * reading's own width (somebody stepped or slewed CLOCK_REALTIME), or when it is 1000 s old. So
 * stamps that are compared with each other are carried by the same anchor, and its error cancels.
 * A stamp that is older than the anchor (a packet was under way when a correction began) is carried
 * by the one before: what we did to the clock since is known, and does not touch it.
 */
#ifndef DS_OS_CLOCK_H
#define DS_OS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/reading.h"
#include "core/exchange/stamp.h"

/* A straight line from one scale to another: the moment from_ns there is to_ns (and frac_q62 / 2^62
 * of a nanosecond) here, and this scale runs rate_q62 / 2^62 faster. Exact to the nanosecond over
 * any time: the rate is held to 2^-62, and what is cut off at a change of the rate is kept. */
struct ds_line {
	int64_t from_ns;
	int64_t to_ns;
	uint64_t frac_q62;
	int64_t rate_q62;
};

/* |rate_ppb| < 1e9. */
struct ds_line ds_line_make(int64_t from_ns, int64_t to_ns, double rate_ppb);
int64_t ds_line_at(const struct ds_line *line, int64_t from_ns);
/* The same line up to from_ns; from there on another rate. */
void ds_line_bend(struct ds_line *line, int64_t from_ns, double rate_ppb);
double ds_line_rate_ppb(const struct ds_line *line);

enum ds_clock_kind { DS_CLOCK_SYSTEM, DS_CLOCK_VIRTUAL, DS_CLOCK_PHC };

struct ds_clock_phc;

/* Private to clock.c and clock_phc.c, placed by the caller; precision_ns, anchors and max_rate_ppb
 * may be read. */
struct ds_clock {
	enum ds_clock_kind kind;
	bool steer;
	struct ds_line real;		/* the anchor: MONOTONIC_RAW to CLOCK_REALTIME ... */
	struct ds_line mono_raw;	/* ... and back */
	struct ds_line mono_raw_before; /* the anchor before this one, for older stamps */
	struct ds_line raw;		/* MONOTONIC_RAW to the raw scale */
	struct ds_line clock;		/* not of the system: the raw scale to the clock */
	struct ds_line clock_before;	/* PHC: ... before it was last bent or moved */
	struct ds_clock_phc *phc;	/* PHC: what else there is to it; else NULL */
	double real_rate_ppb;	 /* CLOCK_REALTIME against MONOTONIC_RAW as set in the kernel */
	double max_rate_ppb;	 /* see ds_clock_set_rate() */
	int64_t anchor_width_ns; /* of the pair of readings that the anchor is */
	int64_t anchored_raw_ns; /* MONOTONIC_RAW at which the anchor was read */
	uint64_t anchors;	 /* how often the anchor was replaced */
	int64_t precision_ns;	 /* least step seen between readings, 1 .. 1e9 */
	int64_t jump_ns;	 /* see ds_clock_take_jump() */
	int64_t step_ns;	 /* see ds_clock_take_step() */
};

/* steer: corrections will be applied, and everything else in the kernel that adjusts the clock
 * (PLL, adjtime) is ended; the frequency stays as it is. Returns 0, or -EPERM and the like where
 * the right to steer is missing (asked by setting the frequency that is set already); then *clock
 * is open for reading, as without steer. */
int ds_clock_open_system(struct ds_clock *clock, bool steer);
/* offset_s: added to CLOCK_REALTIME at the start, +-1e9; freq_ppm: how fast its oscillator runs,
 * +-1e5. -EINVAL beyond. */
int ds_clock_open_virtual(struct ds_clock *clock, double offset_s, double freq_ppm);

/* Both scales now. Refreshes the anchor if it is contradicted. Three readings of the kernel's
 * clocks: well under 100 ns where they need no system call. */
void ds_clock_read(struct ds_clock *clock, struct ds_reading *reading);

/* A stamp of CLOCK_REALTIME (kernel) on both scales, by the present anchor. */
void ds_clock_carry(const struct ds_clock *clock, int64_t realtime_ns, struct ds_reading *reading);
struct ds_rx_stamp ds_clock_rx_stamp(const struct ds_clock *clock, int64_t realtime_ns,
				     enum ds_stamp_source source);
struct ds_tx_stamp ds_clock_tx_stamp(const struct ds_clock *clock, int64_t realtime_ns,
				     enum ds_stamp_source source);
/* The same moment on CLOCK_MONOTONIC_RAW. */
int64_t ds_clock_mono_raw_ns(const struct ds_clock *clock, int64_t realtime_ns);
/* Is /dev/ptpN the clock that is kept? */
bool ds_clock_is_phc(const struct ds_clock *clock, int phc_index);
/* Then: a stamp that it took on both scales, exact where we steer it, whatever was done to it since
 * (but for what is older than the last but one correction). *error_ns: what the raw scale may be
 * wrong by where it is only read; else 0. False, and nothing written: it is another clock. */
bool ds_clock_carry_device(const struct ds_clock *clock, int phc_index, int64_t device_ns,
			   struct ds_reading *reading, double *error_ns);
/* Stamps of the clock as read now: DS_STAMP_DAEMON. */
struct ds_tx_stamp ds_clock_tx_now(struct ds_clock *clock);
struct ds_rx_stamp ds_clock_rx_now(struct ds_clock *clock);

/* The clock minus CLOCK_REALTIME now: what a virtual clock differs by; 0 for the system clock. */
int64_t ds_clock_minus_realtime_ns(struct ds_clock *clock);
/* A reading, and what CLOCK_REALTIME shows at the same moment: returned. */
int64_t ds_clock_read_beside(struct ds_clock *clock, struct ds_reading *reading);

/* The clock runs rate_ppb faster than its raw scale from now on (|rate_ppb| <= 1e8, else -EINVAL;
 * the system clock takes ADJ_TICK for what is beyond 500 ppm; of a PHC it is cut off at
 * max_rate_ppb, what its driver can do). ds_clock_rate_ppb(): what is in force, as exact as the
 * kernel can hold it; of a system clock without `steer`, what others have set. Return 0 or a
 * negative errno; without `steer` the system clock is left alone and 0 returned. TIME_ERROR is no
 * failure. */
int ds_clock_set_rate(struct ds_clock *clock, double rate_ppb);
double ds_clock_rate_ppb(const struct ds_clock *clock);
/* Add step_ns to the clock. The raw scale does not notice. */
int ds_clock_step(struct ds_clock *clock, int64_t step_ns);

/* Of any but the system clock: a moment on CLOCK_MONOTONIC_RAW, what the clock shows then, and how
 * much faster than that it runs. */
void ds_clock_virtual_line(const struct ds_clock *clock, int64_t *mono_raw_ns, int64_t *clock_ns,
			   double *rate_ppb);

/* What adjtimex(2) shows to others: timedatectl, exporters, databases. */
struct ds_kernel_view {
	bool synchronised; /* clears STA_UNSYNC. Only where the configuration says rtcsync: it also
			    * starts the kernel's writing to the RTC */
	uint8_t leap;	   /* enum ds_leap */
	int32_t tai_s;	   /* TAI minus UTC; 0: not known, the kernel's is left alone */
	int64_t max_error_ns, est_error_ns; /* cut off at 0 and LONG_MAX us */
};

/* Tell the kernel (system clock with `steer` only; else nothing is done). It counts max_error_ns up
 * by 500 ppm by itself and sets STA_UNSYNC at 16 s, 8.9 hours later at most: tell it again long
 * before. Frequency and tick are true by themselves: they are how the clock is steered, a slew
 * included. `offset` cannot be told: the kernel has one only while its own PLL is on (STA_PLL, else
 * ADJ_OFFSET does nothing), which would slew the clock once more; it shows 0, as with every daemon
 * that steers by frequency. 0 or a negative errno; TIME_ERROR is no failure. */
int ds_clock_tell_kernel(struct ds_clock *clock, const struct ds_kernel_view *view);

/* How far others have set CLOCK_REALTIME (or the PHC that is kept) since the last call, as readings
 * found it; 0 where nobody did. Differences of CLOCK_REALTIME under 1 ms are of rates and do not
 * count. A host that was suspended shows the time it slept: the raw scale stood still. */
int64_t ds_clock_take_jump(struct ds_clock *clock);

/* How far ds_clock_step() has moved a virtual clock since the last call. */
int64_t ds_clock_take_step(struct ds_clock *clock);

/* By how much CLOCK_REALTIME runs faster than CLOCK_MONOTONIC_RAW as set in the kernel, frequency
 * and tick; 0 where the kernel does not tell. Not in it: what adjtime() or the kernel's PLL slews
 * besides. */
double ds_kernel_rate_ppb(void);

/* CLOCK_MONOTONIC in nanoseconds, for timeouts. */
int64_t ds_monotonic_ns(void);
/* How long the host has been suspended since it was booted, to the microsecond or so; 0 where the
 * kernel does not tell. */
int64_t ds_suspended_ns(void);

#endif
