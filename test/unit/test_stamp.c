/* Which stamp may replace which, at every edge of the rule; the letters and words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/exchange/stamp.h"

static bool improves(enum ds_stamp_source held, int64_t held_ns, enum ds_stamp_source better,
		     int64_t better_ns)
{
	struct ds_tx_stamp h = {.clock_ns = held_ns, .raw_ns = held_ns, .source = held};
	struct ds_tx_stamp b = {.clock_ns = better_ns, .raw_ns = better_ns, .source = better};

	return ds_tx_stamp_improves(&h, &b);
}

static void test_only_a_higher_source_improves(void **state)
{
	(void)state;
	for (int held = DS_STAMP_NONE; held <= DS_STAMP_HARDWARE; held++) {
		for (int better = DS_STAMP_NONE; better <= DS_STAMP_HARDWARE; better++) {
			bool expected =
				held != DS_STAMP_NONE && better >= DS_STAMP_KERNEL && better > held;

			assert_int_equal(improves((enum ds_stamp_source)held, 100,
						  (enum ds_stamp_source)better, 200),
					 expected);
		}
	}
}

static void test_a_drivestamp_lies_within_a_second_after_the_reading(void **state)
{
	(void)state;
	assert_true(improves(DS_STAMP_DAEMON, 500, DS_STAMP_KERNEL, 500));
	assert_false(improves(DS_STAMP_DAEMON, 500, DS_STAMP_KERNEL, 499));
	assert_true(improves(DS_STAMP_DAEMON, 500, DS_STAMP_KERNEL, 500 + DS_DRIVESTAMP_MAX_NS));
	assert_false(improves(DS_STAMP_DAEMON, 500, DS_STAMP_KERNEL, 501 + DS_DRIVESTAMP_MAX_NS));
}

static void test_a_cards_stamp_may_lie_before_the_kernels(void **state)
{
	const int64_t s = DS_DRIVESTAMP_MAX_NS;

	(void)state;
	assert_true(improves(DS_STAMP_KERNEL, s, DS_STAMP_HARDWARE, 0));
	assert_false(improves(DS_STAMP_KERNEL, s, DS_STAMP_HARDWARE, -1));
	assert_true(improves(DS_STAMP_KERNEL, s, DS_STAMP_HARDWARE, 2 * s));
	assert_false(improves(DS_STAMP_KERNEL, s, DS_STAMP_HARDWARE, 2 * s + 1));
}

static void test_no_distance_overflows(void **state)
{
	(void)state;
	assert_false(improves(DS_STAMP_DAEMON, INT64_MIN, DS_STAMP_KERNEL, INT64_MAX));
	assert_false(improves(DS_STAMP_KERNEL, INT64_MAX, DS_STAMP_HARDWARE, INT64_MIN));
}

static void test_letters_and_words(void **state)
{
	(void)state;
	assert_int_equal(ds_stamp_letter(DS_STAMP_NONE), '-');
	assert_int_equal(ds_stamp_letter(DS_STAMP_DAEMON), 'D');
	assert_int_equal(ds_stamp_letter(DS_STAMP_KERNEL), 'K');
	assert_int_equal(ds_stamp_letter(DS_STAMP_HARDWARE), 'H');
	assert_int_equal(ds_stamp_letter((enum ds_stamp_source)9), '-');
	assert_string_equal(ds_stamp_word(DS_STAMP_NONE), "none");
	assert_string_equal(ds_stamp_word(DS_STAMP_DAEMON), "daemon");
	assert_string_equal(ds_stamp_word(DS_STAMP_KERNEL), "kernel");
	assert_string_equal(ds_stamp_word(DS_STAMP_HARDWARE), "hardware");
	assert_string_equal(ds_stamp_word((enum ds_stamp_source)9), "none");
}

/* A reported stamp takes the place of what is held, or says why not and changes nothing. */
static void take(void **state)
{
	struct ds_tx_stamp held = {.raw_ns = 1000, .source = DS_STAMP_NONE};
	struct ds_tx_stamp kernel = {.raw_ns = 2000, .source = DS_STAMP_KERNEL};
	struct ds_tx_stamp card = {.raw_ns = 1900, .source = DS_STAMP_HARDWARE};
	struct ds_tx_stamp early = {.raw_ns = 900, .source = DS_STAMP_KERNEL};

	(void)state;
	assert_int_equal(ds_tx_stamp_take(&held, 7, 7, &kernel), DS_R_STAMP_WRONG_ID);
	held.source = DS_STAMP_DAEMON;
	assert_int_equal(ds_tx_stamp_take(&held, 7, 8, &kernel), DS_R_STAMP_WRONG_ID);
	assert_int_equal(ds_tx_stamp_take(&held, 7, 7, &early), DS_R_STAMP_IMPLAUSIBLE);
	assert_int_equal(held.raw_ns, 1000);
	assert_int_equal(ds_tx_stamp_take(&held, 7, 7, &kernel), DS_R_OK);
	assert_int_equal(held.raw_ns, 2000);
	assert_int_equal(ds_tx_stamp_take(&held, 7, 7, &kernel), DS_R_STAMP_DOUBLE);
	assert_int_equal(ds_tx_stamp_take(&held, 7, 7, &card), DS_R_OK);
	assert_int_equal(held.source, DS_STAMP_HARDWARE);
	assert_int_equal(ds_tx_stamp_take(&held, 7, 7, &kernel), DS_R_STAMP_DOUBLE);
	assert_int_equal(held.raw_ns, 1900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_a_higher_source_improves),
		cmocka_unit_test(test_a_drivestamp_lies_within_a_second_after_the_reading),
		cmocka_unit_test(test_a_cards_stamp_may_lie_before_the_kernels),
		cmocka_unit_test(test_no_distance_overflows),
		cmocka_unit_test(test_letters_and_words),
		cmocka_unit_test(take),
	};

	return cmocka_run_group_tests_name("stamp", tests, NULL, NULL);
}
