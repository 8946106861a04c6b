/*
 * Tests of lab/timeline: which condition a sample has at the edges of its spans, and which reading
 * of a clock belongs to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab/timeline.h"

static void test_one_span(void **state)
{
	struct ds_timeline timeline = {0};

	(void)state;
	assert_int_equal(ds_timeline_condition(&timeline, 5), DS_LAB_BETWEEN);
	assert_true(ds_timeline_span(&timeline, 10.5, 20.5, DS_LAB_IDLE));
	assert_int_equal(ds_timeline_condition(&timeline, 10.4), DS_LAB_BETWEEN);
	assert_int_equal(ds_timeline_condition(&timeline, 10.5), DS_LAB_IDLE);
	/* "19" may be 19.999 */
	assert_int_equal(ds_timeline_condition(&timeline, 19), DS_LAB_IDLE);
	assert_int_equal(ds_timeline_condition(&timeline, 20), DS_LAB_BETWEEN);
	ds_timeline_cut(&timeline, 15);
	assert_int_equal(ds_timeline_condition(&timeline, 14), DS_LAB_IDLE);
	assert_int_equal(ds_timeline_condition(&timeline, 14.1), DS_LAB_BETWEEN);
	ds_timeline_cut(&timeline, 19); /* had ended before */
	assert_int_equal(ds_timeline_condition(&timeline, 16), DS_LAB_BETWEEN);
	ds_timeline_free(&timeline);
	assert_int_equal(ds_timeline_condition(&timeline, 12), DS_LAB_BETWEEN);
}

static void test_turns(void **state)
{
	struct ds_timeline timeline = {0};

	(void)state;
	for (int i = 0; i < 40; i++)
		assert_true(ds_timeline_span(&timeline, 10 * i, 10 * i + 10,
					     i % 2 == 0 ? DS_LAB_IDLE : DS_LAB_LOADED));
	assert_int_equal(ds_timeline_condition(&timeline, 0), DS_LAB_IDLE);
	for (int i = 1; i < 40; i++) {
		enum ds_lab_condition condition = i % 2 == 0 ? DS_LAB_IDLE : DS_LAB_LOADED;
		assert_int_equal(ds_timeline_condition(&timeline, 10 * i - 0.5), DS_LAB_BETWEEN);
		assert_int_equal(ds_timeline_condition(&timeline, 10 * i + 0.9), DS_LAB_BETWEEN);
		assert_int_equal(ds_timeline_condition(&timeline, 10 * i + 1), condition);
		assert_int_equal(ds_timeline_condition(&timeline, 10 * i + 9), condition);
	}
	ds_timeline_free(&timeline);
}

/* The next repeat begins with the condition that the last one ended with. */
static void test_same_condition(void **state)
{
	struct ds_timeline timeline = {0};

	(void)state;
	assert_true(ds_timeline_span(&timeline, 0, 10, DS_LAB_IDLE));
	assert_true(ds_timeline_span(&timeline, 20, 30, DS_LAB_IDLE));
	assert_int_equal(ds_timeline_condition(&timeline, 15), DS_LAB_BETWEEN);
	assert_int_equal(ds_timeline_condition(&timeline, 20), DS_LAB_IDLE);
	ds_timeline_free(&timeline);
}

static void test_clocks(void **state)
{
	struct ds_timeline timeline = {0};

	(void)state;
	assert_float_equal(ds_timeline_error(&timeline, 2, 100), 0, 0);
	for (int i = 0; i < 200; i++)
		assert_true(ds_timeline_clock(&timeline, 2, i, 1000.0 * i));
	assert_float_equal(ds_timeline_error(&timeline, 2, 100.4), 100400, 1e-6);
	assert_float_equal(ds_timeline_error(&timeline, 2, 100.6), 100600, 1e-6);
	assert_float_equal(ds_timeline_error(&timeline, 2, -5), 0, 0);
	assert_float_equal(ds_timeline_error(&timeline, 2, 1e6), 199000, 0);
	assert_float_equal(ds_timeline_error(&timeline, 1, 100), 0, 0);
	ds_timeline_free(&timeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_span),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_same_condition),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
