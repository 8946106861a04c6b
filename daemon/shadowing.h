/*
 * shadowing: `--shadow`: what is left of a configuration where nothing may be touched, and a log of
 * two clocks side by side: the one that we keep inside, and CLOCK_REALTIME, which somebody else
 * keeps, both against the same packets.
 * It must never write outside of its own folder, and never compare the two by different stamps.
 *
 * Kernel stamps are of CLOCK_REALTIME and are carried to our clock (os/clock.h); what
 * CLOCK_REALTIME showed when an answer came is kept here until its exchange is complete, which in
 * interleaved mode is a poll later.
 *
 * Three files. All lines begin with date and time by CLOCK_REALTIME (nanoseconds),
 * CLOCK_MONOTONIC_RAW in seconds, and a letter; other numbers are in seconds or ppm. Lines that
 * begin with a blank are headers. Runs are appended; each begins with a line S in every file.
 *   shadow_exchanges.log  X address mode(4I, 4B, ..) T1-source T4-source stratum offset-of-ours
 *                         offset-of-the-system delay root-distance poll. Offsets: the source's
 * clock minus this one at T4, positive where this one is slow, `offset` of the source's line added.
 * One line an exchange that is used. shadow_clocks.log     C ours-minus-system bound hard frequency
 * remaining system-rate flags. bound, hard: of ours (bound.h), '-' where nothing is known.
 * frequency: what our oscillator is corrected by; remaining: still to be slewed; system-rate: as
 * set in the kernel. flags: S or - for ours, S or - for what the kernel says: synchronised.
 *   shadow_events.log     E word values: see the man page
 */
#ifndef DS_DAEMON_SHADOWING_H
#define DS_DAEMON_SHADOWING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/exchange/exchange.h"
#include "daemon/conf.h"
#include "daemon/timekeeper.h"
#include "os/address.h"
#include "os/clock.h"
#include "os/keeper.h"

#define DS_SHADOWING_DIRECTORY "drivestamp-shadow" /* below where the daemon is started */
#define DS_SHADOWING_STAMPS    256 /* arrivals whose exchange may still come; the oldest give way */
#define DS_SHADOWING_KEEPERS   256

struct ds_shadowing {
	FILE *exchanges, *clocks,
		*events; /* NULL: not shadowing, or cannot be written (any more) */
	struct ds_clock *clock;
	const struct ds_timekeeper *timekeeper;
	bool on;
	struct ds_shadowing_stamp {
		int64_t raw_ns, realtime_ns;
	} stamps[DS_SHADOWING_STAMPS]; /* a ring */
	uint32_t stamps_next;
	/* the watch over CLOCK_REALTIME */
	int64_t due_ns, clocks_due_ns, keepers_due_ns, rate_due_ns; /* CLOCK_MONOTONIC */
	int64_t interval_ns;					    /* of lines C */
	int64_t seen_raw_ns, seen_realtime_ns, suspended_ns;
	struct ds_keeper_kernel kernel;
	double told_rate_ppb;  /* in the last event */
	uint32_t rate_changes; /* since then */
	char keepers[DS_SHADOWING_KEEPERS];
};

/* Take out of *conf what would touch anything or be in another daemon's way, with a line for each
 * directive; logs, and a drift file of our own, go to `directory`. Before ds_conf_check(). file:
 * for messages about the whole. False: the folder's name is too long (said). */
bool ds_shadowing_conf(struct ds_conf *conf, const char *directory, const char *file,
		       ds_conf_say *say, void *context);

/* Make the folder while there are rights; if it is new it is conf->user's. 0 or a negative errno
 * with a sentence. */
int ds_shadowing_make_directory(const struct ds_conf *conf, char why[DS_WHY]);

/* Open the files, appending. A file that cannot be opened is warned of. The pointers are kept. */
void ds_shadowing_open(struct ds_shadowing *shadowing, const struct ds_conf *conf,
		       struct ds_clock *clock, const struct ds_timekeeper *timekeeper);
void ds_shadowing_close(struct ds_shadowing *shadowing);

/* Something arrived at raw_ns; CLOCK_REALTIME showed realtime_ns. */
void ds_shadowing_stamp(struct ds_shadowing *shadowing, int64_t raw_ns, int64_t realtime_ns);

struct ds_shadowing_exchange {
	const union ds_address *remote;
	const struct ds_exchange *exchange;
	uint8_t mode; /* of the packet: 4 an answer; 0 a reference clock */
	int8_t poll_log2;
};
/* An exchange that is going to be used. */
void ds_shadowing_exchange(struct ds_shadowing *shadowing, const struct ds_shadowing_exchange *e);

/* Our clock was corrected: a line C. */
void ds_shadowing_update(struct ds_shadowing *shadowing);

/* CLOCK_MONOTONIC of the next ds_shadowing_run(); INT64_MAX where nothing is shadowed. */
int64_t ds_shadowing_next_ns(const struct ds_shadowing *shadowing);
void ds_shadowing_run(struct ds_shadowing *shadowing, int64_t now_ns);

#endif
