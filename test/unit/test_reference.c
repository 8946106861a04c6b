/*
 * Tests of daemon/reference: what others are told, and when `local` stands in.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/reference.h"

#define S  INT64_C(1000000000)
#define MS INT64_C(1000000)

static struct ds_conf conf;
static struct ds_clock clock_of_ours;
static struct ds_reference ref;

static struct ds_reading at(double s)
{
	int64_t ns = (int64_t)(s * 1e9);

	return (struct ds_reading){1795000000 * S + ns, 1000 * S + ns};
}

static void begin(void)
{
	struct ds_reading now = at(0);

	ds_conf_defaults(&conf);
	memset(&clock_of_ours, 0, sizeof(clock_of_ours));
	clock_of_ours.precision_ns = 50;
	ds_reference_init(&ref, &conf, &clock_of_ours, &now);
}

/* An update from a source of stratum 2 that gives this root distance. */
static void update(double s, int64_t distance_ns)
{
	struct ds_candidate best = {.stratum = 2,
				    .ref_id = 0x0A000001,
				    .root_delay_ns = 2 * MS,
				    .root_dispersion_ns = distance_ns - MS};
	struct ds_combined combined = {.freq_sd_ppb = 1000.0, .leap = 1};
	struct ds_reading now = at(s);

	ds_reference_take(&ref, &best, &combined, &now);
}

static struct ds_server_state told(double s)
{
	struct ds_server_state state;
	struct ds_reading now = at(s);

	/* 1 ppm that the frequency may be wrong by, and 1 that clocks may. */
	ds_reference_server_state(&ref, &now, (now.raw_ns - ref.updated_raw_ns) / 500000, &state);
	return state;
}

static void no_time(double s)
{
	assert_int_equal(told(s).leap, DS_LEAP_UNSYNCHRONISED);
	assert_int_equal(told(s).stratum, 0);
}

static void local_time(double s)
{
	struct ds_server_state state = told(s);

	assert_int_equal(state.leap, DS_LEAP_NONE);
	assert_int_equal(state.stratum, conf.local_stratum);
	assert_int_equal(state.ref_id, 0x7F7F0101);
	assert_int_equal(state.root_delay_ns, 0);
	assert_int_equal(state.root_dispersion_ns, 50);
}

static void test_what_was_taken(void **state)
{
	struct ds_server_state is;

	(void)state;
	begin();
	no_time(5);
	update(10, 3 * MS);
	is = told(20);
	assert_int_equal(is.leap, 1);
	assert_int_equal(is.stratum, 3);
	assert_int_equal(is.ref_id, 0x0A000001);
	assert_int_equal(is.root_delay_ns, 2 * MS);
	assert_int_equal(is.root_dispersion_ns, 2 * MS + 20000);
	assert_int_equal(is.reference_ns % S, 0);
	/* 16 s are reached after 8e6 s. */
	assert_int_equal(told(7e6).stratum, 3);
	no_time(9e6);
}

static void test_the_host_slept(void **state)
{
	struct ds_reading now = at(30);

	(void)state;
	begin();
	update(10, 3 * MS);
	ds_reference_lose(&ref, &now);
	no_time(30);
	conf.local = true;
	conf.local_wait_unsynced_s = 10;
	no_time(39);
	local_time(41);
}

static void test_local_stands_in_by_distance(void **state)
{
	(void)state;
	begin();
	conf.local = true;
	conf.local_stratum = 7;
	local_time(0);
	update(10, 3 * MS);
	/* A stratum is no reason. */
	assert_int_equal(told(20).stratum, 3);
	conf.local_stratum = 1;
	assert_int_equal(told(20).stratum, 3);
	conf.local_distance_s = 0.010;
	assert_int_equal(told(10 + 3400).stratum, 3);
	local_time(10 + 3600);
	conf.local_wait_synced_s = 5000;
	assert_int_equal(told(10 + 3600).stratum, 3);
	local_time(10 + 5001);
	update(6000, 3 * MS);
	assert_int_equal(told(6001).stratum, 3);
}

static void test_orphans_wait(void **state)
{
	(void)state;
	begin();
	conf.local = conf.local_orphan = true;
	no_time(299);
	local_time(301);
	conf.local_wait_unsynced_s = 0;
	local_time(0);
}

static void test_local_after_a_good_time_only(void **state)
{
	(void)state;
	begin();
	conf.local = true;
	conf.local_activate_s = 0.002;
	no_time(1000);
	update(1000, 3 * MS);
	update(1010, 15999 * MS);
	/* That was not near enough. */
	no_time(2000);
	update(2000, 2 * MS - 1000);
	update(2010, 15999 * MS);
	local_time(2020);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_taken),
		cmocka_unit_test(test_the_host_slept),
		cmocka_unit_test(test_local_stands_in_by_distance),
		cmocka_unit_test(test_orphans_wait),
		cmocka_unit_test(test_local_after_a_good_time_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
