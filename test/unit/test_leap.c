/*
 * test_leap: which leap second is due, and what happens within its second.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "core/clock/leap.h"

#define S	 INT64_C(1000000000)
#define DAY	 (86400 * S)
#define JUL_2015 (INT64_C(1435708800) * S) /* 2015-07-01, a second was inserted before it */
#define JAN_2017 (INT64_C(1483228800) * S)
#define JUL_2036 (INT64_C(2098483200) * S) /* behind the end of NTP's first era in February */
#define RAW_0	 (INT64_C(77777) * S)

static struct ds_leap_table table(int64_t expires_s)
{
	struct ds_leap_table t = {.expires_s = expires_s};

	assert_true(ds_leap_table_add(&t, INT64_C(1341100800), 35));
	assert_true(ds_leap_table_add(&t, JUL_2015 / S, 36));
	assert_true(ds_leap_table_add(&t, JAN_2017 / S, 37));
	assert_true(ds_leap_table_add(&t, JUL_2036 / S, 36)); /* the first ever deleted */
	return t;
}

static void table_is_read_at_any_time(void **state)
{
	struct ds_leap_table t = table(INT64_MAX);

	(void)state;
	assert_int_equal(ds_leap_table_tai_s(&t, 0), 0);
	assert_int_equal(ds_leap_table_tai_s(&t, JUL_2015 - 1), 35);
	assert_int_equal(ds_leap_table_tai_s(&t, JUL_2015), 36);
	assert_int_equal(ds_leap_table_tai_s(&t, JUL_2036), 36);
	assert_int_equal(ds_leap_table_tai_s(&t, INT64_MAX), 36);
	assert_int_equal(ds_leap_table_tai_s(&t, INT64_MIN), 0);
	assert_int_equal(ds_leap_table_day(&t, JUL_2015 - DAY - 1), 0);
	assert_int_equal(ds_leap_table_day(&t, JUL_2015 - DAY), 1);
	assert_int_equal(ds_leap_table_day(&t, JUL_2015 - 1), 1);
	assert_int_equal(ds_leap_table_day(&t, JUL_2015), 0);
	assert_int_equal(ds_leap_table_day(&t, JUL_2036 - 1), -1);
	assert_int_equal(ds_leap_table_day(&t, INT64_MAX), 0);
	assert_int_equal(ds_leap_table_day(&t, INT64_MIN), 0);
	/* Its first entry is where it begins, no leap second. */
	assert_int_equal(ds_leap_table_day(&t, INT64_C(1341100800) * S - 1), 0);
}

static void table_takes_no_nonsense(void **state)
{
	struct ds_leap_table t = table(INT64_MAX);
	int64_t at_s = JUL_2036 / S;

	(void)state;
	assert_false(ds_leap_table_add(&t, at_s, 37));	       /* not later */
	assert_false(ds_leap_table_add(&t, at_s + 86399, 37)); /* no midnight */
	assert_false(ds_leap_table_add(&t, at_s + 86400, 38)); /* two at once */
	assert_false(ds_leap_table_add(&t, at_s + 86400, 36)); /* none */
	assert_false(ds_leap_table_add(&t, at_s + 86400, 0));
	assert_false(ds_leap_table_add(&t, at_s + 86400, 100000));
	assert_int_equal(t.count, 4);
	while (t.count < DS_LEAP_ENTRIES)
		assert_true(ds_leap_table_add(&t, t.entries[t.count - 1].at_s + 86400,
					      t.count % 2 ? 36 : 37));
	assert_false(ds_leap_table_add(&t, t.entries[t.count - 1].at_s + 86400, 36));
}

static void table_expires(void **state)
{
	struct ds_leap_table t = table(JAN_2017 / S + 100);
	struct ds_leap_table none = {.expires_s = INT64_MAX};

	(void)state;
	assert_true(ds_leap_table_holds(&t, JAN_2017));
	assert_false(ds_leap_table_holds(&t, JAN_2017 + 100 * S));
	assert_false(ds_leap_table_holds(&none, JAN_2017));
}

/* Against the C library's calendar, 1950 to 2250. */
static void days_are_those_of_the_calendar(void **state)
{
	(void)state;
	for (int64_t day = -7300; day < 102300; day++) {
		int64_t utc_ns = day * DAY + (day * 7919 % 86400 + 86400) % 86400 * S;
		time_t at = (time_t)(day * 86400);
		struct tm tm;
		bool usual;

		assert_non_null(gmtime_r(&at, &tm));
		usual = (tm.tm_mon == 5 && tm.tm_mday == 30) ||
			(tm.tm_mon == 11 && tm.tm_mday == 31);
		assert_int_equal(ds_leap_usual_day(utc_ns), usual);
		assert_int_equal(ds_leap_midnight_ns(utc_ns), (day + 1) * DAY);
	}
	assert_int_equal(ds_leap_midnight_ns(INT64_MAX), 0);
	(void)ds_leap_usual_day(INT64_MAX);
	(void)ds_leap_usual_day(INT64_MIN);
}

/* A clock that counts UTC: raw runs on, utc steps when the room says so. */
struct world {
	struct ds_leaps leaps;
	int64_t raw_ns, utc_minus_raw_ns;
};

static struct world begin(int64_t utc_ns)
{
	struct world w = {.raw_ns = RAW_0, .utc_minus_raw_ns = utc_ns - RAW_0};

	ds_leaps_init(&w.leaps);
	return w;
}

static int64_t utc(const struct world *w)
{
	return w->raw_ns + w->utc_minus_raw_ns;
}

static bool expect(struct world *w, int8_t announced_s, const struct ds_leap_table *t)
{
	return ds_leaps_expect(&w->leaps, utc(w), w->raw_ns, announced_s, t);
}

static int64_t pass(struct world *w)
{
	int64_t step_ns = ds_leaps_pass(&w->leaps, utc(w), w->raw_ns);

	w->utc_minus_raw_ns += step_ns;
	return step_ns;
}

static void one_is_inserted(void **state)
{
	struct world w = begin(JUL_2015 - 2 * S);
	int64_t begun_ns = w.raw_ns;

	(void)state;
	assert_true(expect(&w, 1, NULL));
	assert_int_equal(w.leaps.pending_s, 1);
	assert_int_equal(ds_leaps_due_ns(&w.leaps), JUL_2015);
	w.raw_ns += 2 * S - 1;
	assert_int_equal(pass(&w), 0);
	w.raw_ns += 1;
	assert_int_equal(pass(&w), -S);
	assert_int_equal(utc(&w), JUL_2015 - S); /* 23:59:59 once more */
	assert_int_equal(w.leaps.last_raw_ns, begun_ns + 2 * S);
	assert_int_equal(ds_leaps_due_ns(&w.leaps), INT64_MAX);
	/* It is announced for a while yet: by sources that were asked before. */
	for (int i = 0; i < 30; i++) {
		w.raw_ns += S / 10;
		expect(&w, 1, NULL);
		assert_int_equal(w.leaps.pending_s, 0);
		assert_int_equal(pass(&w), 0);
	}
	assert_int_equal(utc(&w), JUL_2015 + 2 * S);
	assert_int_equal(w.leaps.total_ns, -S);
}

static void one_is_deleted(void **state)
{
	struct world w = begin(JAN_2017 - 3 * S);

	(void)state;
	assert_true(expect(&w, -1, NULL));
	assert_int_equal(ds_leaps_due_ns(&w.leaps), JAN_2017 - S);
	w.raw_ns += 2 * S - 1;
	assert_int_equal(pass(&w), 0);
	w.raw_ns += 1;
	assert_int_equal(pass(&w), S);
	assert_int_equal(utc(&w), JAN_2017);
	expect(&w, -1, NULL);
	assert_int_equal(w.leaps.pending_s, 0);
	assert_int_equal(w.leaps.total_ns, S);
	/* Who comes within the second that is left out is too late. */
	w = begin(JAN_2017 - S / 2);
	expect(&w, -1, NULL);
	assert_int_equal(w.leaps.pending_s, 0);
}

/* Late by 0.3 s: it is told when it was, and what was measured meanwhile can be sorted. */
static void a_late_call_knows_when_it_was(void **state)
{
	struct world w = begin(JUL_2015 - 10 * S);

	(void)state;
	expect(&w, 1, NULL);
	w.raw_ns += 10 * S + 300000000;
	/* An update that comes first does not lose it. */
	assert_false(expect(&w, 1, NULL));
	assert_int_equal(pass(&w), -S);
	assert_int_equal(w.leaps.last_raw_ns, RAW_0 + 10 * S);
	assert_int_equal(utc(&w), JUL_2015 - S + 300000000);
	assert_int_equal(ds_leaps_total_at_ns(&w.leaps, RAW_0 + 10 * S - 1), 0);
	assert_int_equal(ds_leaps_total_at_ns(&w.leaps, RAW_0 + 10 * S), -S);
}

static void sources_are_believed_on_two_days_a_year(void **state)
{
	struct world w = begin(JUL_2015 - DAY - S);

	(void)state;
	assert_false(expect(&w, 1, NULL));
	assert_int_equal(w.leaps.pending_s, 0);
	w.raw_ns += S;
	assert_true(expect(&w, 1, NULL));
	assert_true(expect(&w, 0, NULL)); /* withdrawn */
	assert_int_equal(w.leaps.pending_s, 0);
	assert_false(expect(&w, 3, NULL));  /* unsynchronised is no announcement */
	w = begin(JUL_2015 + 31 * DAY - S); /* the end of July */
	assert_false(expect(&w, 1, NULL));
}

static void a_list_that_holds_decides_alone(void **state)
{
	struct ds_leap_table t = table(JUL_2036 / S + 86400);
	struct ds_leap_table old = table(JAN_2017 / S - 86400);
	struct world w = begin(JUL_2015 - 100 * S);

	(void)state;
	assert_true(expect(&w, 0, &t));
	assert_int_equal(w.leaps.pending_s, 1);
	w = begin(JUL_2015 + 184 * DAY - S); /* the end of 2015: nothing, whatever is announced */
	assert_false(expect(&w, 1, &t));
	w = begin(JAN_2017 - S);
	assert_false(expect(&w, 0, &old));
	assert_true(expect(&w, 1, &old));
}

static void the_next_era_is_like_any(void **state)
{
	struct ds_leap_table t = table(INT64_MAX);
	struct world w = begin(JUL_2036 - 5 * S);

	(void)state;
	assert_true(expect(&w, 0, &t));
	w.raw_ns += 4 * S;
	assert_int_equal(pass(&w), S);
	assert_int_equal(utc(&w), JUL_2036);
}

static void utc_that_was_set_voids_it(void **state)
{
	struct world w = begin(JUL_2015 - 3600 * S);

	(void)state;
	expect(&w, 1, NULL);
	w.utc_minus_raw_ns += 3700 * S; /* it was an hour slow: the leap second is over */
	assert_int_equal(pass(&w), 0);
	assert_int_equal(w.leaps.pending_s, 0);
	assert_int_equal(w.leaps.total_ns, 0);
	expect(&w, 1, NULL);
	assert_int_equal(w.leaps.pending_s, 0);
	/* Set by an update before the timer came: the same. */
	w = begin(JUL_2015 - 3600 * S);
	expect(&w, 1, NULL);
	w.utc_minus_raw_ns += 3700 * S;
	assert_true(expect(&w, 1, NULL));
	assert_int_equal(w.leaps.pending_s, 0);
}

static void a_sleep_over_it_misses_it(void **state)
{
	struct world w = begin(JUL_2015 - 3600 * S);

	(void)state;
	expect(&w, 1, NULL);
	ds_leaps_miss(&w.leaps, utc(&w));
	assert_int_equal(w.leaps.pending_s, 1); /* woke before it */
	ds_leaps_miss(&w.leaps, JUL_2015 + 7 * S);
	assert_int_equal(w.leaps.pending_s, 0);
	assert_int_equal(w.leaps.total_ns, 0);
}

static void what_lies_across_it_is_found(void **state)
{
	struct world w = begin(JUL_2015 - 10 * S);
	int64_t step_ns = RAW_0 + 10 * S;

	(void)state;
	assert_false(ds_leaps_between(&w.leaps, RAW_0, step_ns + 20 * S));
	expect(&w, 1, NULL);
	for (int passed = 0; passed < 2; passed++) {
		assert_false(ds_leaps_between(&w.leaps, RAW_0, step_ns - DS_LEAP_GUARD_NS - 1));
		assert_true(ds_leaps_between(&w.leaps, RAW_0, step_ns - DS_LEAP_GUARD_NS));
		assert_true(ds_leaps_between(&w.leaps, step_ns + 1, step_ns - 1));
		assert_true(
			ds_leaps_between(&w.leaps, step_ns + DS_LEAP_GUARD_NS, step_ns + 9 * S));
		assert_false(ds_leaps_between(&w.leaps, step_ns + 9 * S,
					      step_ns + DS_LEAP_GUARD_NS + 1));
		w.raw_ns = step_ns + S / 7;
		pass(&w);
	}
	assert_int_equal(w.leaps.last_raw_ns, step_ns);
}

/* Nothing is undefined, whatever comes (the sanitizers see it). */
static void extremes_are_harmless(void **state)
{
	static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 1, -S,       -1, 0, 1,
					   S,	      INT64_MAX - 1, INT64_MAX};
	const size_t n = sizeof(extremes) / sizeof(extremes[0]);
	struct ds_leap_table t = table(INT64_MAX);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			struct ds_leaps l;

			ds_leaps_init(&l);
			ds_leaps_expect(&l, JUL_2015 - S, extremes[k], 1, NULL);
			ds_leaps_between(&l, extremes[i], extremes[k]);
			ds_leaps_pass(&l, extremes[i], extremes[k]);
			ds_leaps_expect(&l, extremes[i], extremes[k], 1, &t);
			ds_leaps_expect(&l, extremes[i], extremes[k], -1, NULL);
			ds_leaps_pass(&l, extremes[k], extremes[i]);
			ds_leaps_total_at_ns(&l, extremes[i]);
			ds_leaps_between(&l, extremes[i], extremes[k]);
			ds_leaps_miss(&l, extremes[i]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_read_at_any_time),
		cmocka_unit_test(table_takes_no_nonsense),
		cmocka_unit_test(table_expires),
		cmocka_unit_test(days_are_those_of_the_calendar),
		cmocka_unit_test(one_is_inserted),
		cmocka_unit_test(one_is_deleted),
		cmocka_unit_test(a_late_call_knows_when_it_was),
		cmocka_unit_test(sources_are_believed_on_two_days_a_year),
		cmocka_unit_test(a_list_that_holds_decides_alone),
		cmocka_unit_test(the_next_era_is_like_any),
		cmocka_unit_test(utc_that_was_set_voids_it),
		cmocka_unit_test(a_sleep_over_it_misses_it),
		cmocka_unit_test(what_lies_across_it_is_found),
		cmocka_unit_test(extremes_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
