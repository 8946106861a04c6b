/*
 * leaping: what the daemon does about leap seconds: knows them, has the clock corrected for
 * them, announces them, or keeps them from those it serves.
 * It must never let a leap second be taken for a fault of the clock, or mix the time of servers
 * that smear it with that of servers that do not.
 *
 * UTC steps at one moment; four things have to step with it, and all do by one call
 * (ds_leaps_pass()): the line that the clock follows, the clock itself (by the kernel, by us at
 * once or slowly, or not: `leapsecmode`), the samples (kept on a scale without leap seconds, see
 * ds_leaps_total_at_ns()), and what is served (which with `smoothtime` does not step).
 *
 * What is served is the clock as it is. With `smoothtime` it is the line that the clock
 * follows plus the smoothing offset, so that slews of the clock are not seen either.
 */
#ifndef DS_DAEMON_LEAPING_H
#define DS_DAEMON_LEAPING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/discipline.h"
#include "core/clock/leap.h"
#include "core/clock/reading.h"
#include "core/clock/select.h"
#include "core/clock/smooth.h"
#include "core/exchange/header.h"
#include "daemon/conf.h"
#include "daemon/reference.h"
#include "os/clock.h"

/* What a server's reference identifier says while it serves another time than it has:
 * 127.127.1.255, as chrony's do. */
#define DS_SMOOTH_REF_ID UINT32_C(0x7F7F01FF)

#define DS_LEAPING_SOON_NS                                                                         \
	(INT64_C(28) * 86400 * 1000000000) /* a list expires: time for a word                      \
					    */

/* Read it; only the functions below write it. */
struct ds_leaping {
	const struct ds_conf *conf;
	struct ds_clock *clock;
	struct ds_discipline *discipline;
	const struct ds_reference *reference;
	bool steer;
	bool has_table;
	struct ds_leap_table table;
	struct ds_leaps leaps;
	struct ds_smooth smooth;
	bool smoothing;	   /* updates are smoothed, too: the frequency is known well enough */
	bool resumed;	   /* a smear that was under way is, too, if there was one */
	bool announced;	   /* what is pending was in the log */
	int8_t agreed_s;   /* what the sources announce, as of the last update */
	int8_t expiry;	   /* of the list, as it was in the log: 0 not near, 1 near, 2 over */
	int64_t owed_ns;   /* UTC minus our clock by leap seconds that nobody carried out */
	uint64_t labelled; /* sources that say they smear, a bit each */
	uint64_t left_out; /* ... that were left out for how they behave, or for company */
	int64_t due_monotonic_ns;    /* next ds_leaping_run() */
	int64_t reload_monotonic_ns; /* the list is read again */
};

/* Can the files of the configuration be used? False with a fatal word in the log where one is
 * damaged; one that cannot be read is a warning. Before ds_leaping_init(), which reads them. */
bool ds_leaping_check(const struct ds_conf *conf);

/* All are kept, and must outlive it. steer: the clock is ours to correct. */
void ds_leaping_init(struct ds_leaping *l, const struct ds_conf *conf, struct ds_clock *clock,
		     struct ds_discipline *discipline, const struct ds_reference *reference,
		     bool steer);

/* Another source is to have this place, or none. */
void ds_leaping_forget(struct ds_leaping *l, uint32_t place);

/* Before a selection: sources that smear and sources that do not are told apart, and the fewer are
 * left out (as with `noselect`). smeared: whose reference identifier is DS_SMOOTH_REF_ID. At most
 * DS_SOURCES_MAX. */
void ds_leaping_sort_out(struct ds_leaping *l, const struct ds_reading *now,
			 struct ds_candidate *candidates, uint32_t count,
			 const union ds_address *const *addresses, const bool *smeared);

/* After an update: how far the clock was from its line, and at what frequency, before it, for the
 * same reading; was it stepped; and who announces what. */
void ds_leaping_update(struct ds_leaping *l, const struct ds_reading *now,
		       const struct ds_candidate *candidates, uint32_t count,
		       int64_t remaining_before_ns, double freq_before_ppb, bool stepped);

/* The timer. Returns whether a leap second came; then *correction is to be applied (and has `step`
 * where the clock is to be stepped). */
bool ds_leaping_run(struct ds_leaping *l, const struct ds_reading *now,
		    struct ds_correction *correction);

/* The clock was set by others: is it a leap second that is due, or was owed? As ds_leaping_run().
 */
bool ds_leaping_explains(struct ds_leaping *l, const struct ds_reading *now, int64_t jump_ns,
			 struct ds_correction *correction);

/* The host slept, or the clock was stepped by an update: nothing is smoothed over that. */
void ds_leaping_break(struct ds_leaping *l, const struct ds_reading *now);

/* enum ds_leap: what is pending; and what the kernel is to carry out. */
uint8_t ds_leaping_pending(const struct ds_leaping *l);
uint8_t ds_leaping_for_kernel(const struct ds_leaping *l);
/* TAI minus UTC in seconds; 0: not known. */
int ds_leaping_tai_s(const struct ds_leaping *l, const struct ds_reading *now);

/* Is what is served another time than our clock's, at times? */
bool ds_leaping_smooths(const struct ds_leaping *l);
/* What is served at a moment, minus our clock then. Both scales of `at` are of that moment. */
int64_t ds_leaping_served_minus_clock_ns(const struct ds_leaping *l, const struct ds_reading *at);
/* How much faster than the raw scale it ran from `then` to `now`, on the mean; 0 where that is no
 * time. What was served then, on this line. */
double ds_leaping_served_rate_ppb(const struct ds_leaping *l, const struct ds_reading *then,
				  const struct ds_reading *now);

/* Leap bits and reference identifier as clients are to see them. */
void ds_leaping_describe(const struct ds_leaping *l, const struct ds_reading *now,
			 struct ds_server_state *state);

#endif
