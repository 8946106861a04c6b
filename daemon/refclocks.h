/*
 * refclocks: the clocks at this host: when they are read, and what becomes of their samples.
 * It must never wait for a clock, steer ours, or make up the second of a pulse.
 *
 * The way of a sample. A driver gives a moment on CLOCK_REALTIME and on the reference clock. It is
 * carried to the raw scale (os/clock), completed if it is a pulse (core/clock/pulse: by the clock
 * it is locked to, else by our own once that is right), corrected by `offset` and `tai`, and put
 * into the filter (core/clock/filter), which knows no leap seconds (ds_leaps_total_at_ns()). At
 * each poll the filter makes one sample of them, which is an
 * exchange like any other from there on: of its source in the table of sources, of stratum 0, named
 * by its reference ID.
 *
 * A reference clock may jump soon after the start (a receiver learns of leap seconds, the first
 * samples were wild), when an estimate has little else to go by. Results that agree with each other
 * and that it does not follow make it begin anew.
 *
 * What a driver reads may vanish: a receiver is unplugged, a segment or socket removed. It is
 * looked for when three polls brought nothing, and opened anew, once a poll for as long as it
 * takes; the rights are those of then.
 *
 * No packet is saved by waiting here, so a source gives its first sample as soon as the filter has
 * enough, and goes on so in intervals that double from four times `dpoll` on until they are a
 * quarter of `poll`. Four samples are what it takes to drop a wild one; longer the estimate would
 * only work with older ones (at poll 4, noise of 1 us and wander of 1e-9 a quarter of the error).
 */
#ifndef DS_DAEMON_REFCLOCKS_H
#define DS_DAEMON_REFCLOCKS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/clock/filter.h"
#include "core/clock/pulse.h"
#include "daemon/refdriver.h"
#include "daemon/sources.h"
#include "daemon/timekeeper.h"

/* Why a sample was not used. X(symbol, name, sentence) */
#define DS_REFDROPS(X)                                                                             \
	X(BAD, "bad", "a sample makes no sense (size, mark, range)")                               \
	X(TORN, "torn", "a sample was being written while it was read")                            \
	X(UNSYNCHRONISED, "unsynchronised", "says that it has no time itself")                     \
	X(FAILED, "failed", "the device cannot be read")                                           \
	X(STALE, "stale",                                                                          \
	  "a sample is too old or of the future: is it stamped by CLOCK_REALTIME?")                \
	X(ORDER, "order", "a sample is not later than the last")                                   \
	X(ALONE, "alone", "pulses come, but nothing tells of which seconds they are yet")          \
	X(AMBIGUOUS, "ambiguous",                                                                  \
	  "pulses are too far from the second that the other clock tells (offset? width?)")        \
	X(DOUBLE, "double",                                                                        \
	  "edges come between the pulses: does the line bounce, is `rate` right?")                 \
	X(LEAP, "leap", "a sample is of the time around a leap second")                            \
	X(NO_TAI, "no-tai", "keeps TAI, and no list of leap seconds says what that is in UTC")     \
	X(DISPERSION, "dispersion", "samples scatter by more than maxdispersion")

enum ds_refdrop {
#define X(symbol, name, sentence) DS_REFDROP_##symbol,
	DS_REFDROPS(X)
#undef X
		DS_REFDROP_COUNT
};

struct ds_refclock {
	const struct ds_conf_refclock *conf;
	struct ds_refdriver driver;
	struct ds_filter filter;
	struct ds_pulse_watch watch;
	struct ds_source *source; /* in the table; NULL: there was no place */
	const struct ds_refclock *lock;
	uint32_t ref_id;
	int8_t poll_log2; /* in force */
	uint8_t leap;	  /* of the last sample */
	bool kernel;	  /* who stamped it, likewise */
	bool failing;	  /* the last reading failed */
	bool lost;	  /* it was opened anew, or that failed, and nothing has come since */
	bool lost_why;	  /* ... and the log says why */
	uint8_t sequence; /* reads of the driver within this poll, for the log */
	uint8_t strays;	  /* results in a row that agree, and that the estimate does not follow */
	uint8_t silent;	  /* polls in a row in which nothing came; saturating */
	uint64_t heard;	  /* `samples` at the end of the last poll */
	double stray_ns;  /* how far the last was from it */
	bool has_last;
	bool hurried;			  /* the next reading was moved to behind a moment */
	struct ds_filter_sample last;	  /* that went into the filter: others are locked to it */
	int64_t read_due_ns, part_due_ns; /* CLOCK_MONOTONIC; INT64_MAX: never */
	int64_t age_ns;			  /* of the sample that was read last, then */
	int64_t lag_ns;			  /* so long behind their moments samples are looked for */
	int64_t poll_end_ns;		  /* so long samples are waited for */
	uint64_t samples, used;		  /* that drivers gave; that went into the filter */
	uint64_t edges; /* that were no pulses that were due, the first of all included */
	uint64_t drops[DS_REFDROP_COUNT];
	bool said[DS_REFDROP_COUNT]; /* in the log */
};

struct ds_refclocks {
	struct ds_refclock table[DS_CONF_REFCLOCKS];
	uint8_t count;
	struct ds_sources *sources;
	const struct ds_timekeeper *timekeeper;
	int64_t not_before_raw_ns; /* samples from before are of another CLOCK_REALTIME */
	bool news;
};

const char *ds_refdrop_name(enum ds_refdrop drop);     /* static; "unknown" for an impossible one */
const char *ds_refdrop_sentence(enum ds_refdrop drop); /* likewise */

/* At start-up, while there are rights: devices, segments, sockets. False, with a line in the log,
 * where one cannot be had: a source of time would be missing. */
bool ds_refclocks_open(struct ds_refclocks *all, const struct ds_conf *conf);
/* Take places in the table of sources, and begin. Both are kept. */
void ds_refclocks_start(struct ds_refclocks *all, struct ds_sources *sources,
			const struct ds_timekeeper *timekeeper);
void ds_refclocks_close(struct ds_refclocks *all);

/* What poll() is to watch, at most `room` entries; `who` names each for ds_refclocks_handle(). */
uint32_t ds_refclocks_watch(const struct ds_refclocks *all, struct pollfd *fds, uint32_t *who,
			    uint32_t room);
void ds_refclocks_handle(struct ds_refclocks *all, uint32_t who);

/* Timers. Returns whether selection has something new to see. */
int64_t ds_refclocks_next_ns(const struct ds_refclocks *all);
bool ds_refclocks_run(struct ds_refclocks *all, int64_t now_ns);

/* The clock was stepped, by us or others: what a driver stamped before is of another scale. */
void ds_refclocks_clock_stepped(struct ds_refclocks *all);
/* The host slept: nothing that was measured before counts. */
void ds_refclocks_restart(struct ds_refclocks *all);

/* Has each given a sample, or been waited for long enough (for -q and -Q)? */
bool ds_refclocks_settled(const struct ds_refclocks *all);

#endif
