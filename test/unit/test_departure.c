/* What is learnt of departures: medians, batches, limits, and how often to ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/exchange/departure.h"

static void test_nothing_is_claimed_before_enough_was_seen(void **state)
{
	struct ds_departure d;

	(void)state;
	ds_departure_init(&d);
	for (int i = 0; i < DS_DEPARTURE_LEAST; i++) {
		assert_int_equal(ds_departure_expected_ns(&d, 0), 0);
		assert_int_equal(ds_departure_expected_ns(&d, 3), 0);
		assert_true(ds_departure_learn(&d, 0, 3000));
	}
	assert_int_equal(ds_departure_expected_ns(&d, 0), 3000);
	assert_int_equal(ds_departure_expected_ns(&d, 3), 3000);
}

static void test_the_median_ignores_outliers(void **state)
{
	struct ds_departure d;
	const int64_t seen[] = {3000, 900000000, 3100, 2900, 0, 3050, 80000, 2950, 3000};

	(void)state;
	ds_departure_init(&d);
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		assert_true(ds_departure_learn(&d, 0, seen[i]));
	assert_int_equal(ds_departure_expected_ns(&d, 0), 3000);
}

static void test_the_last_window_counts(void **state)
{
	struct ds_departure d;

	(void)state;
	ds_departure_init(&d);
	for (int i = 0; i < 10 * DS_DEPARTURE_WINDOW + 3; i++)
		assert_true(ds_departure_learn(&d, 0, 9000));
	assert_int_equal(ds_departure_expected_ns(&d, 0), 9000);
	for (int i = 0; i < DS_DEPARTURE_WINDOW / 2; i++)
		assert_true(ds_departure_learn(&d, 0, 1000));
	/* Half and half: the lower one. */
	assert_int_equal(ds_departure_expected_ns(&d, 0), 1000);
	for (int i = 0; i < DS_DEPARTURE_WINDOW; i++)
		assert_true(ds_departure_learn(&d, 0, 5000));
	assert_int_equal(ds_departure_expected_ns(&d, 0), 5000);
}

static void test_batches(void **state)
{
	struct ds_departure d;

	(void)state;
	ds_departure_init(&d);
	assert_false(ds_departure_learn(&d, 1, 5000)); /* from what, is not known yet */
	for (int i = 0; i < DS_DEPARTURE_LEAST; i++)
		assert_true(ds_departure_learn(&d, 0, 3000));
	for (uint32_t i = 1; i <= DS_DEPARTURE_LEAST; i++) {
		assert_int_equal(ds_departure_expected_ns(&d, 10), 3000);
		assert_true(ds_departure_learn(&d, i, 3000 + 700 * (int64_t)i));
	}
	assert_int_equal(ds_departure_expected_ns(&d, 0), 3000);
	assert_int_equal(ds_departure_expected_ns(&d, 10), 10000);
	/* One that left before the first of other batches takes no time, not less. */
	for (int i = 0; i < DS_DEPARTURE_WINDOW; i++)
		assert_true(ds_departure_learn(&d, 1, 100));
	assert_int_equal(ds_departure_expected_ns(&d, 10), 3000);
}

static void test_limits(void **state)
{
	struct ds_departure d;

	(void)state;
	ds_departure_init(&d);
	assert_false(ds_departure_learn(&d, 0, -1));
	assert_false(ds_departure_learn(&d, 0, 1000000001));
	assert_false(ds_departure_learn(&d, 0, INT64_MAX));
	assert_false(ds_departure_learn(&d, 0, INT64_MIN));
	for (int i = 0; i < DS_DEPARTURE_LEAST; i++)
		assert_true(ds_departure_learn(&d, 0, 1000000000));
	assert_int_equal(ds_departure_expected_ns(&d, 0), DS_DEPARTURE_MAX_NS);
	for (int i = 0; i < DS_DEPARTURE_WINDOW; i++)
		assert_true(ds_departure_learn(&d, 0, 0));
	for (int i = 0; i < DS_DEPARTURE_WINDOW; i++)
		assert_true(ds_departure_learn(&d, 1, 1000000000));
	assert_int_equal(ds_departure_expected_ns(&d, 0), 0);
	assert_int_equal(ds_departure_expected_ns(&d, UINT32_MAX), DS_DEPARTURE_MAX_NS);
}

static void test_asks_at_its_interval(void **state)
{
	struct ds_departure d;

	(void)state;
	ds_departure_init(&d);
	assert_true(ds_departure_wants(&d, 0));
	assert_false(ds_departure_wants(&d, 0));
	assert_false(ds_departure_wants(&d, DS_DEPARTURE_INTERVAL_NS - 1));
	assert_true(ds_departure_wants(&d, DS_DEPARTURE_INTERVAL_NS));
	assert_false(ds_departure_wants(&d, DS_DEPARTURE_INTERVAL_NS + 1));
	assert_true(ds_departure_wants(&d, 100 * DS_DEPARTURE_INTERVAL_NS));
	assert_false(ds_departure_wants(&d, 101 * DS_DEPARTURE_INTERVAL_NS - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_claimed_before_enough_was_seen),
		cmocka_unit_test(test_the_median_ignores_outliers),
		cmocka_unit_test(test_the_last_window_counts),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_asks_at_its_interval),
	};

	return cmocka_run_group_tests_name("departure", tests, NULL, NULL);
}
