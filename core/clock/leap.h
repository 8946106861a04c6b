/*
 * leap: leap seconds: which one is due, when, and how far UTC has gone back or forward by them.
 * It must never believe an announcement for a day on which there is none, nor carry one out twice.
 *
 * Scales. UTC as POSIX and NTP count it gives every day 86400 s; a leap second is a step of it.
 * *Inserted* (23:59:60): when the count reaches midnight it goes back by 1 s, and 23:59:59 is
 * counted a second time. *Deleted*: when it reaches 23:59:59 it goes on to midnight at once. So the
 * step comes at midnight, or a second before it, on the count before the step. The raw scale
 * knows nothing of it: UTC minus raw changes by 1 s between two nanoseconds.
 *
 * Who knows. A list (IERS, tzdata's leap-seconds.list) that has not expired decides alone, for any
 * day. Without one the sources do, if they agree (the caller counts them): theirs is one bit that
 * stands for a whole month or a day, depending on the server, and is wrong more often than there
 * are leap seconds; so it counts on the last day of June and of December alone, where all were so
 * far (ITU-R TF.460-6, annex 1, 2.1: first preference; March and September are the second).
 *
 * All times are in nanoseconds or seconds since 1970, in 64 bits. Nothing here wraps in 2036.
 */
#ifndef DS_CORE_CLOCK_LEAP_H
#define DS_CORE_CLOCK_LEAP_H

#include <stdbool.h>
#include <stdint.h>

#define DS_LEAP_ENTRIES 96 /* there were 28 in 54 years */

/* Around a step the count is ambiguous for a second, and two clocks do not step at one moment. */
#define DS_LEAP_GUARD_NS INT64_C(1000000000)
/* UTC set by as much since a leap second was expected: it is a guess of another clock, and void. */
#define DS_LEAP_MOVED_NS INT64_C(500000000)

struct ds_leap_entry {
	int64_t at_s; /* a midnight of UTC: from here on ... */
	int16_t tai_minus_utc_s;
};

struct ds_leap_table {
	struct ds_leap_entry entries[DS_LEAP_ENTRIES]; /* rising */
	uint8_t count;
	int64_t updated_s; /* 0: does not say */
	int64_t expires_s; /* what comes later it does not know; INT64_MAX: does not say */
};

/* One more, behind the others. False, and nothing is added: the table is full, at_s is no midnight
 * or not later than the last, or its TAI - UTC is out of 1..999 or not 1 s from the last one's. */
bool ds_leap_table_add(struct ds_leap_table *table, int64_t at_s, int tai_minus_utc_s);
/* TAI - UTC at that moment in seconds; 0 where the table does not know (before its first). */
int ds_leap_table_tai_s(const struct ds_leap_table *table, int64_t utc_ns);
/* The leap second at the end of that day: 1 inserted, -1 deleted, 0 none. */
int8_t ds_leap_table_day(const struct ds_leap_table *table, int64_t utc_ns);
/* Does it still know? Not if it is empty. */
bool ds_leap_table_holds(const struct ds_leap_table *table, int64_t utc_ns);

/* The midnight that ends the day of utc_ns; 0 where 64 bits do not hold it. */
int64_t ds_leap_midnight_ns(int64_t utc_ns);
/* Is it the last day of June or of December? */
bool ds_leap_usual_day(int64_t utc_ns);

/* Read it; only the functions below write it. */
struct ds_leaps {
	int8_t pending_s;	  /* at the end of this day: 1 inserted, -1 deleted, 0 none */
	int64_t midnight_ns;	  /* ... which is here */
	int64_t utc_minus_raw_ns; /* as of the last ds_leaps_expect() */
	int64_t done_ns;     /* the midnight of the last one carried out; INT64_MIN: none yet */
	int8_t last_s;	     /* what it was */
	int64_t last_raw_ns; /* when: on the raw scale */
	int64_t total_ns;    /* what all since the start have added to UTC minus raw (each -+1e9) */
};

void ds_leaps_init(struct ds_leaps *leaps);

/* What is known now: utc_ns the best knowledge of UTC, raw_ns the same moment; announced_s what the
 * sources agree on (1, -1, 0), table NULL or what a list says. Decides what is pending. Returns
 * whether that changed. */
bool ds_leaps_expect(struct ds_leaps *leaps, int64_t utc_ns, int64_t raw_ns, int8_t announced_s,
		     const struct ds_leap_table *table);

/* When the pending one steps UTC, on the count before the step; INT64_MAX: none is pending. */
int64_t ds_leaps_due_ns(const struct ds_leaps *leaps);

/* Has it come? Then it is carried out: returns what it adds to UTC minus raw (-1e9 inserted, 1e9
 * deleted), else 0. utc_ns: on the count before the step. If UTC was set (DS_LEAP_MOVED_NS)
 * since it was expected it is no longer pending instead. */
int64_t ds_leaps_pass(struct ds_leaps *leaps, int64_t utc_ns, int64_t raw_ns);

/* The host slept or the clock is lost: what is over by utc_ns has happened without us. */
void ds_leaps_miss(struct ds_leaps *leaps, int64_t utc_ns);

/* total_ns as it was at raw_ns (right for the last one; earlier ones are over for long). Samples
 * of "server minus raw", less this, lie on one line across the step. */
int64_t ds_leaps_total_at_ns(const struct ds_leaps *leaps, int64_t raw_ns);

/* Does the step, pending or past, lie between two raw moments in any order, or within
 * DS_LEAP_GUARD_NS of them? */
bool ds_leaps_between(const struct ds_leaps *leaps, int64_t raw_ns, int64_t other_raw_ns);

#endif
