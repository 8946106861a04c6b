/*
 * leap: a table, a calendar of two days, and one step at a time.
 * It must never compute with UTC in anything but 64-bit integers.
 */
#include "core/clock/leap.h"

#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define DAY_S	 INT64_C(86400)
#define DAY_NS	 (DAY_S * NS_PER_S)
#define TAI_MOST 999

/* Days from 1 March of year 0 (proleptic Gregorian) to 1 January 1970: a year that begins in
 * March has its odd day last. */
#define MARCH_DAYS 719468
#define CYCLE_DAYS 146097 /* of 400 years */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* ---- the table ---- */

bool ds_leap_table_add(struct ds_leap_table *table, int64_t at_s, int tai_minus_utc_s)
{
	const struct ds_leap_entry *last;

	if (table->count >= DS_LEAP_ENTRIES || at_s % DAY_S != 0 || tai_minus_utc_s < 1 ||
	    tai_minus_utc_s > TAI_MOST)
		return false;
	if (table->count > 0) {
		last = &table->entries[table->count - 1];
		if (at_s <= last->at_s || (tai_minus_utc_s != last->tai_minus_utc_s + 1 &&
					   tai_minus_utc_s != last->tai_minus_utc_s - 1))
			return false;
	}
	table->entries[table->count++] = (struct ds_leap_entry){at_s, (int16_t)tai_minus_utc_s};
	return true;
}

int ds_leap_table_tai_s(const struct ds_leap_table *table, int64_t utc_ns)
{
	int64_t utc_s = floor_div(utc_ns, NS_PER_S);
	int tai_s = 0;

	for (uint8_t i = 0; i < table->count && table->entries[i].at_s <= utc_s; i++)
		tai_s = table->entries[i].tai_minus_utc_s;
	return tai_s;
}

int8_t ds_leap_table_day(const struct ds_leap_table *table, int64_t utc_ns)
{
	int64_t end_s = (floor_div(utc_ns, DAY_NS) + 1) * DAY_S;

	for (uint8_t i = 1; i < table->count; i++)
		if (table->entries[i].at_s == end_s)
			return (int8_t)(table->entries[i].tai_minus_utc_s -
					table->entries[i - 1].tai_minus_utc_s);
	return 0;
}

bool ds_leap_table_holds(const struct ds_leap_table *table, int64_t utc_ns)
{
	return table->count > 0 && floor_div(utc_ns, NS_PER_S) < table->expires_s;
}

/* ---- the calendar ---- */

int64_t ds_leap_midnight_ns(int64_t utc_ns)
{
	int64_t midnight_ns;

	if (__builtin_mul_overflow(floor_div(utc_ns, DAY_NS) + 1, DAY_NS, &midnight_ns))
		return 0;
	return midnight_ns;
}

/* Months are counted from March, so that their lengths are those of a straight line: month m
 * begins on day (153 m + 2) / 5. */
bool ds_leap_usual_day(int64_t utc_ns)
{
	int64_t days = floor_div(utc_ns, DAY_NS) + 1 + MARCH_DAYS;
	int64_t of_cycle = days - floor_div(days, CYCLE_DAYS) * CYCLE_DAYS;
	int64_t year = (of_cycle - of_cycle / 1460 + of_cycle / 36524 - of_cycle / 146096) / 365;
	int64_t of_year = of_cycle - (365 * year + year / 4 - year / 100);

	/* Does the next day begin July (month 4 from March) or January (10)? */
	return of_year == (153 * 4 + 2) / 5 || of_year == (153 * 10 + 2) / 5;
}

/* ---- what is due ---- */

void ds_leaps_init(struct ds_leaps *leaps)
{
	memset(leaps, 0, sizeof(*leaps));
	leaps->done_ns = INT64_MIN;
}

/* Differences of times that come from outside wrap rather than be undefined. */
static int64_t minus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

int64_t ds_leaps_due_ns(const struct ds_leaps *leaps)
{
	if (leaps->pending_s == 0)
		return INT64_MAX;
	return leaps->pending_s > 0 ? leaps->midnight_ns : leaps->midnight_ns - NS_PER_S;
}

static bool has_moved(const struct ds_leaps *leaps, int64_t utc_ns, int64_t raw_ns)
{
	int64_t moved_ns = minus(minus(utc_ns, raw_ns), leaps->utc_minus_raw_ns);

	return moved_ns > DS_LEAP_MOVED_NS || moved_ns < -DS_LEAP_MOVED_NS;
}

/* Just inserted: the second before midnight is counted again, and so is its announcement. Just to
 * be deleted: the second that is left out is over. */
static bool is_over(const struct ds_leaps *leaps, int64_t utc_ns, int64_t midnight_ns,
		    int8_t leap_s)
{
	return midnight_ns == leaps->done_ns || (leap_s < 0 && midnight_ns - utc_ns <= NS_PER_S);
}

bool ds_leaps_expect(struct ds_leaps *leaps, int64_t utc_ns, int64_t raw_ns, int8_t announced_s,
		     const struct ds_leap_table *table)
{
	int64_t midnight_ns = ds_leap_midnight_ns(utc_ns);
	int8_t before_s = leaps->pending_s;
	int8_t pending_s = 0;

	if (before_s != 0 && utc_ns >= ds_leaps_due_ns(leaps) && !has_moved(leaps, utc_ns, raw_ns))
		return false; /* it has come: that is for ds_leaps_pass() */
	if (table != NULL && ds_leap_table_holds(table, utc_ns))
		pending_s = ds_leap_table_day(table, utc_ns);
	else if (ds_leap_usual_day(utc_ns) && announced_s >= -1 && announced_s <= 1)
		pending_s = announced_s;
	if (is_over(leaps, utc_ns, midnight_ns, pending_s))
		pending_s = 0;
	leaps->pending_s = pending_s;
	leaps->midnight_ns = midnight_ns;
	leaps->utc_minus_raw_ns = minus(utc_ns, raw_ns);
	return pending_s != before_s;
}

int64_t ds_leaps_pass(struct ds_leaps *leaps, int64_t utc_ns, int64_t raw_ns)
{
	int64_t due_ns = ds_leaps_due_ns(leaps);
	int64_t step_ns = -leaps->pending_s * NS_PER_S;

	if (leaps->pending_s == 0)
		return 0;
	if (has_moved(leaps, utc_ns, raw_ns)) {
		leaps->pending_s = 0;
		return 0;
	}
	if (utc_ns < due_ns)
		return 0;
	leaps->done_ns = leaps->midnight_ns;
	leaps->last_s = leaps->pending_s;
	leaps->last_raw_ns = minus(raw_ns, utc_ns - due_ns);
	leaps->total_ns += step_ns;
	leaps->utc_minus_raw_ns += step_ns;
	leaps->pending_s = 0;
	return step_ns;
}

void ds_leaps_miss(struct ds_leaps *leaps, int64_t utc_ns)
{
	if (leaps->pending_s == 0 || utc_ns < ds_leaps_due_ns(leaps))
		return;
	leaps->done_ns = leaps->midnight_ns;
	leaps->pending_s = 0;
}

int64_t ds_leaps_total_at_ns(const struct ds_leaps *leaps, int64_t raw_ns)
{
	if (leaps->last_s != 0 && raw_ns < leaps->last_raw_ns)
		return leaps->total_ns + leaps->last_s * NS_PER_S;
	return leaps->total_ns;
}

static bool lies_near(int64_t step_raw_ns, int64_t first_ns, int64_t last_ns)
{
	return minus(step_raw_ns, first_ns) >= -DS_LEAP_GUARD_NS &&
	       minus(step_raw_ns, last_ns) <= DS_LEAP_GUARD_NS;
}

bool ds_leaps_between(const struct ds_leaps *leaps, int64_t raw_ns, int64_t other_raw_ns)
{
	int64_t first_ns = raw_ns < other_raw_ns ? raw_ns : other_raw_ns;
	int64_t last_ns = raw_ns < other_raw_ns ? other_raw_ns : raw_ns;

	if (leaps->last_s != 0 && lies_near(leaps->last_raw_ns, first_ns, last_ns))
		return true;
	return leaps->pending_s != 0 &&
	       lies_near(minus(ds_leaps_due_ns(leaps), leaps->utc_minus_raw_ns), first_ns, last_ns);
}
