/*
 * test_leaping: who smears and is left out, and that what is served neither jumps nor bends.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/leaping.h"

#define S   INT64_C(1000000000)
#define MAX 8

static struct ds_conf conf;
static struct ds_clock the_clock;
static struct ds_discipline discipline;
static struct ds_reference reference;
static struct ds_leaping leaping;
static struct ds_candidate candidates[MAX];
static union ds_address address;
static const union ds_address *addresses[MAX];
static bool smeared[MAX];

static int set_up(void **state)
{
	struct ds_discipline_config config = {.max_slew_ppb = 0.0};

	(void)state;
	ds_conf_defaults(&conf);
	memset(&reference, 0, sizeof(reference));
	memset(candidates, 0, sizeof(candidates));
	memset(smeared, 0, sizeof(smeared));
	assert_int_equal(ds_clock_open_virtual(&the_clock, 0.0, 0.0), 0);
	ds_discipline_init(&discipline, &config, 0.0, 100.0);
	assert_true(ds_address_parse("192.0.2.1", 123, &address));
	for (int i = 0; i < MAX; i++)
		addresses[i] = &address;
	ds_leaping_init(&leaping, &conf, &the_clock, &discipline, &reference, true);
	return 0;
}

/* Source i is off by so much, and runs off by so much; known to 10 us and 0.1 ppm. */
static void source(int i, int64_t off_ns, double freq_ppb)
{
	candidates[i] = (struct ds_candidate){
		.has_prediction = true,
		.reachable = true,
		.prediction = {.server_minus_raw_ns = 1000 * S + off_ns,
			       .sd_ns = 1e4,
			       .freq_ppb = freq_ppb,
			       .freq_sd_ppb = 100.0,
			       .distance_ns = 20000000},
	};
}

/* Sort `count` of them; a digit each: 1 is left out. */
static void sorts_to(uint32_t count, const char *expected)
{
	struct ds_reading now = {.raw_ns = 100000 * S};

	for (uint32_t i = 0; i < count; i++)
		candidates[i].noselect = false;
	ds_leaping_sort_out(&leaping, &now, candidates, count, addresses, smeared);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(candidates[i].noselect, expected[i] == '1');
}

static void the_fewer_are_left_out(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		source(i, 0, 0.0);
	sorts_to(4, "0000");
	smeared[1] = true;
	sorts_to(4, "0100");
	assert_int_equal(leaping.labelled, 2);
	assert_int_equal(leaping.left_out, 2);
	smeared[0] = true; /* as many of each: those who say that they are wrong */
	sorts_to(4, "1100");
	smeared[2] = true;
	sorts_to(4, "0001");
	smeared[3] = true;
	sorts_to(4, "0000");
	assert_int_equal(leaping.left_out, 0);
	/* Whoever does not answer has no company to choose. */
	smeared[3] = false;
	candidates[3].reachable = false;
	sorts_to(4, "0000");
	candidates[3].reachable = true;
	candidates[3].has_prediction = false;
	sorts_to(4, "0000");
}

static void smears_are_seen_near_a_leap_second(void **state)
{
	(void)state;
	/* 24 hours from noon on: a second inserted, four hours after noon */
	source(0, 0, 0.0);
	source(1, -167000000, -11574.0);
	source(2, 300000, 20.0);
	sorts_to(3, "000"); /* none is near */
	leaping.leaps.pending_s = 1;
	sorts_to(3, "010");
	source(1, -2000000, -11574.0); /* at its beginning: the rate alone tells */
	sorts_to(3, "010");
	source(1, -2000000, 0.0); /* or it is only an uneven path */
	sorts_to(3, "000");
	source(1, 167000000, 11574.0); /* the other side: no smear; selection will judge */
	sorts_to(3, "000");
	source(1, -1500000000, 0.0); /* nor is that */
	sorts_to(3, "000");
	/* Of two it is the one on the side of a smear. */
	source(1, -100000000, -11574.0);
	sorts_to(2, "01");
	source(0, -100000000, -11574.0);
	source(1, 0, 0.0);
	sorts_to(2, "10");
	sorts_to(1, "0");
	/* To be deleted: the other side. */
	leaping.leaps.pending_s = -1;
	source(0, 0, 0.0);
	source(1, 100000000, 11574.0);
	sorts_to(3, "010");
}

static void and_after_it(void **state)
{
	(void)state;
	leaping.leaps.last_s = 1;
	leaping.leaps.last_raw_ns = 100000 * S - 4 * 3600 * S;
	source(0, 0, 0.0);
	source(1, 333000000, -11574.0);
	source(2, 0, 0.0);
	sorts_to(3, "010");
	source(1, -333000000, -11574.0);
	sorts_to(3, "000");
	source(1, 990000000, -400.0); /* chrony's example begins slowly */
	sorts_to(3, "010");
	leaping.leaps.last_raw_ns = 100000 * S - 86401 * S;
	sorts_to(3, "000");
}

static int64_t served(int64_t raw_ns)
{
	struct ds_reading at = {.clock_ns = raw_ns + 5 * S, .raw_ns = raw_ns};

	return at.clock_ns + ds_leaping_served_minus_clock_ns(&leaping, &at);
}

/* An update by which the line is 1 ms further, and faster by 1 ppm. */
static void update(int64_t raw_ns, int64_t line_ns, double freq_ppb)
{
	struct ds_reading now = {.clock_ns = raw_ns + 5 * S, .raw_ns = raw_ns};
	struct ds_combined combined = {.server_minus_raw_ns = line_ns,
				       .sd_ns = 10.0,
				       .freq_ppb = freq_ppb,
				       .freq_sd_ppb = 0.1};
	struct ds_correction correction;
	int64_t remaining_ns = ds_discipline_remaining_ns(&discipline, &now);
	double freq_before_ppb = discipline.freq_ppb;
	bool first = !reference.synchronised;

	reference.synchronised = true;
	reference.skew_ppb = 0.1;
	ds_discipline_update(&discipline, &now, &combined, 64 * S, &correction);
	ds_leaping_update(&leaping, &now, candidates, 1, remaining_ns, freq_before_ppb, first);
}

static void corrections_are_smoothed(void **state)
{
	int64_t at = 1000 * S;
	int64_t before;
	double rate_before;

	(void)state;
	conf.smooth_freq_ppm = 50.0;
	conf.smooth_wander_ppm = 0.1;
	ds_leaping_init(&leaping, &conf, &the_clock, &discipline, &reference, true);
	assert_int_equal(served(at), at + 5 * S);
	update(at, 5 * S, 0.0);
	assert_false(leaping.smoothing); /* the first says where the line is */
	update(at, 5 * S, 0.0);
	assert_true(leaping.smoothing);
	at += 64 * S;
	before = served(at);
	rate_before = (double)(served(at) - served(at - S));
	update(at, 5 * S + 1000000, 1000.0);
	assert_true(llabs(served(at) - before) <= 1);
	assert_true(fabs((double)(served(at + S / 10) - served(at)) - rate_before / 10.0) < 100.0);
	/* On the line once the way is over, and at most 50 ppm off on it. */
	for (int64_t t = at; t < at + 600 * S; t += S)
		assert_true(llabs(served(t + S) - served(t) - S) <= 51000);
	at += 600 * S;
	assert_true(llabs(served(at) - at - 5 * S - 1000000 - 600000) <= 2);
	/* A step is not smoothed. */
	ds_leaping_break(&leaping, &(struct ds_reading){.clock_ns = at, .raw_ns = at});
	assert_int_equal(ds_smooth_offset_ns(&leaping.smooth, at + 5 * S), 0);
}

/* A server that is started in the middle serves what the others do; and so after a step. */
static void a_smear_goes_on_over_a_restart(void **state)
{
	const int64_t midnight = INT64_C(1483228800) * S;
	struct ds_reading now = {.clock_ns = midnight - 10 * S, .raw_ns = 0};
	struct ds_correction correction;
	static struct ds_leaping other;
	int64_t expected;

	(void)state;
	conf.local = conf.smooth_leap_only = true;
	conf.smooth_freq_ppm = 400.0;
	conf.smooth_wander_ppm = 0.001024;
	conf.leap_mode = DS_LEAP_BY_SLEW;
	for (int deleted = 0; deleted < 2; deleted++) {
		now = (struct ds_reading){.clock_ns = midnight - 10 * S, .raw_ns = 0};
		ds_leaping_init(&leaping, &conf, &the_clock, &discipline, &reference, true);
		assert_true(ds_leap_table_add(&leaping.table, midnight / S - 86400, 37));
		assert_true(ds_leap_table_add(&leaping.table, midnight / S, deleted ? 36 : 38));
		leaping.table.expires_s = INT64_MAX;
		leaping.has_table = true;
		ds_leaping_init(&other, &conf, &the_clock, &discipline, &reference, true);
		other.table = leaping.table;
		other.has_table = true;
		assert_false(ds_leaping_run(&leaping, &now, &correction));
		assert_int_equal(ds_leaping_served_minus_clock_ns(&leaping, &now), 0);
		now.raw_ns += 10 * S;
		now.clock_ns += 10 * S;
		assert_true(ds_leaping_run(&leaping, &now, &correction));
		assert_true(correction.step);
		now.clock_ns += correction.step_ns;
		for (int i = 0; i < 70; i++) {
			now.raw_ns += 1000 * S;
			now.clock_ns += 1000 * S;
			expected = ds_leaping_served_minus_clock_ns(&leaping, &now);
			if (i == 20 || i == 65)
				assert_false(ds_leaping_run(&other, &now, &correction));
			if (i >= 20)
				assert_int_equal(ds_leaping_served_minus_clock_ns(&other, &now),
						 expected);
			if (i != 40)
				continue;
			ds_leaping_break(&leaping, &now);
			assert_int_equal(ds_leaping_served_minus_clock_ns(&leaping, &now), 0);
			assert_false(ds_leaping_run(&leaping, &now, &correction));
			assert_int_equal(ds_leaping_served_minus_clock_ns(&leaping, &now),
					 expected);
		}
		assert_int_equal(expected, 0);
	}
}

/* The machine's clock is set by others: which jump is the leap second? */
static void jumps_are_explained(void **state)
{
	const int64_t midnight = INT64_C(1483228800) * S;
	struct ds_correction correction;
	struct ds_reading now;

	(void)state;
	conf.local = true;
	the_clock.kind = DS_CLOCK_SYSTEM;
	for (int steer = 0; steer < 2; steer++) {
		ds_leaping_init(&leaping, &conf, &the_clock, &discipline, &reference, steer != 0);
		assert_true(ds_leap_table_add(&leaping.table, midnight / S - 86400, 37));
		assert_true(ds_leap_table_add(&leaping.table, midnight / S, 38));
		leaping.table.expires_s = INT64_MAX;
		leaping.has_table = true;
		now = (struct ds_reading){.clock_ns = midnight - 60 * S, .raw_ns = 100 * S};
		assert_false(ds_leaping_run(&leaping, &now, &correction));
		assert_int_equal(leaping.leaps.pending_s, 1);
		assert_int_equal(ds_leaping_for_kernel(&leaping),
				 steer ? DS_LEAP_INSERT : DS_LEAP_NONE);
		/* A minute early; then the wrong way; then by too much. */
		assert_false(ds_leaping_explains(&leaping, &now, -S, &correction));
		now.raw_ns = 160 * S;
		now.clock_ns = midnight + S;
		assert_false(ds_leaping_explains(&leaping, &now, S, &correction));
		now.clock_ns = midnight - 2 * S;
		assert_false(ds_leaping_explains(&leaping, &now, -2 * S, &correction));
		/* 20 ms after midnight, and 10 ms late: what the kernel does */
		now.raw_ns = 160 * S + S / 50;
		now.clock_ns = midnight - S + S / 50;
		assert_true(ds_leaping_explains(&leaping, &now, -S, &correction));
		assert_false(correction.step);
		assert_int_equal(leaping.leaps.total_ns, -S);
		assert_int_equal(leaping.leaps.last_raw_ns, 160 * S);
		assert_int_equal(leaping.owed_ns, 0);
		/* It is no excuse for another. */
		assert_false(ds_leaping_explains(&leaping, &now, -S, &correction));
	}
}

/* Nobody does it; a second later UTC has stepped all the same, and a clock that is not ours owes
 * it, until somebody sets it: whether we follow somebody, and know how wrong it is, or not. */
static void a_clock_that_is_not_ours_owes_it(void **state)
{
	const int64_t midnight = INT64_C(1483228800) * S;
	struct ds_correction correction;
	struct ds_reading now;

	(void)state;
	conf.local = true;
	the_clock.kind = DS_CLOCK_SYSTEM;
	for (int follows = 0; follows < 2; follows++) {
		discipline.synchronised = follows != 0;
		discipline.target_minus_raw_ns = midnight - S;
		ds_leaping_init(&leaping, &conf, &the_clock, &discipline, &reference, false);
		assert_true(ds_leap_table_add(&leaping.table, midnight / S - 86400, 37));
		assert_true(ds_leap_table_add(&leaping.table, midnight / S, 38));
		leaping.table.expires_s = INT64_MAX;
		leaping.has_table = true;
		now = (struct ds_reading){.clock_ns = midnight - S, .raw_ns = 0};
		assert_false(ds_leaping_run(&leaping, &now, &correction));
		now = (struct ds_reading){.clock_ns = midnight + S / 2, .raw_ns = S + S / 2};
		assert_false(ds_leaping_run(&leaping, &now, &correction));
		now = (struct ds_reading){.clock_ns = midnight + S, .raw_ns = 2 * S};
		assert_true(ds_leaping_run(&leaping, &now, &correction));
		assert_false(correction.step);
		assert_int_equal(leaping.leaps.last_raw_ns, S);
		assert_int_equal(leaping.owed_ns, -S);
		now = (struct ds_reading){.clock_ns = midnight + 8 * S, .raw_ns = 10 * S};
		assert_true(ds_leaping_explains(&leaping, &now, -S, &correction));
		assert_int_equal(leaping.owed_ns, 0);
	}
}

/* A packet of before is told as it was served at its own moment, whatever the smear did since. */
static void what_was_served_before_is_told_again(void **state)
{
	int64_t at = 1000 * S;

	(void)state;
	conf.smooth_freq_ppm = 1e5;
	conf.smooth_wander_ppm = 1e4;
	ds_leaping_init(&leaping, &conf, &the_clock, &discipline, &reference, true);
	update(at, 5 * S, 0.0);
	ds_smooth_add(&leaping.smooth, at + 5 * S, 1e9, 0.0);
	for (int64_t t = at; t < at + 24 * S; t += S / 3)
		for (int64_t age = 1; age < 5 * S; age = age * 3 + 7) {
			struct ds_reading now = {.clock_ns = t + 5 * S, .raw_ns = t};
			struct ds_reading then = {.clock_ns = now.clock_ns - age,
						  .raw_ns = t - age};
			double rate_ppb = ds_leaping_served_rate_ppb(&leaping, &then, &now);

			assert_true(llabs(served(t) - served(t - age) - age -
					  ds_gained_ns(age, rate_ppb)) <= 1);
		}
	assert_true(ds_leaping_served_rate_ppb(&leaping, &(struct ds_reading){.raw_ns = 1},
					       &(struct ds_reading){.raw_ns = 1}) == 0.0);
}

static void leap_only_leaves_corrections_alone(void **state)
{
	int64_t at = 1000 * S;

	(void)state;
	conf.smooth_freq_ppm = 50.0;
	conf.smooth_wander_ppm = 0.1;
	conf.smooth_leap_only = true;
	conf.leap_mode = DS_LEAP_BY_SLEW;
	ds_leaping_init(&leaping, &conf, &the_clock, &discipline, &reference, true);
	update(at, 5 * S, 0.0);
	update(at, 5 * S + 1000000, 0.0);
	assert_int_equal(served(at), at + 5 * S + 1000000);
}

/* Leap bits: what is pending, unless it is smeared; never of a host that has no time. */
static void bits_are_those_of_what_is_pending(void **state)
{
	struct ds_server_state s = {.leap = DS_LEAP_UNSYNCHRONISED};
	struct ds_reading now = {0};

	(void)state;
	leaping.leaps.pending_s = 1;
	ds_leaping_describe(&leaping, &now, &s);
	assert_int_equal(s.leap, DS_LEAP_UNSYNCHRONISED);
	s.leap = DS_LEAP_DELETE; /* as a single source would have it */
	ds_leaping_describe(&leaping, &now, &s);
	assert_int_equal(s.leap, DS_LEAP_INSERT);
	leaping.leaps.pending_s = -1;
	ds_leaping_describe(&leaping, &now, &s);
	assert_int_equal(s.leap, DS_LEAP_DELETE);
	leaping.leaps.pending_s = 0;
	ds_leaping_describe(&leaping, &now, &s);
	assert_int_equal(s.leap, DS_LEAP_NONE);
	leaping.leaps.pending_s = 1;
	conf.leap_mode = DS_LEAP_BY_SLEW;
	ds_leaping_describe(&leaping, &now, &s);
	assert_int_equal(s.leap, DS_LEAP_INSERT);
	conf.smooth_freq_ppm = 400;
	ds_leaping_describe(&leaping, &now, &s);
	assert_int_equal(s.leap, DS_LEAP_NONE);
	assert_int_equal(s.ref_id, 0); /* nothing is smeared yet */
}

#define FRESH(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(the_fewer_are_left_out),
		FRESH(smears_are_seen_near_a_leap_second),
		FRESH(and_after_it),
		FRESH(corrections_are_smoothed),
		FRESH(a_smear_goes_on_over_a_restart),
		FRESH(jumps_are_explained),
		FRESH(a_clock_that_is_not_ours_owes_it),
		FRESH(what_was_served_before_is_told_again),
		FRESH(leap_only_leaves_corrections_alone),
		FRESH(bits_are_those_of_what_is_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
