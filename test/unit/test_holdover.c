/*
 * holdover: what is learnt of oscillators whose laws are known here.
 * It must never compare with more than the law itself: each limit says what it stands for.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock/holdover.h"

#define SECOND INT64_C(1000000000)
#define DAY_S  86400

static uint64_t seed = 1;

/* The sum of twelve even numbers is near enough to Gaussian. */
static double gaussian(void)
{
	double sum = -6.0;

	for (int i = 0; i < 12; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		sum += (double)(seed >> 11) / 9007199254740992.0;
	}
	return sum;
}

static double random_walk(double freq_ppb, double wander_ppb, double interval_s)
{
	return freq_ppb + wander_ppb * sqrt(interval_s) * gaussian();
}

static void nothing_known(void **state)
{
	struct ds_holdover h;
	double exact = DS_HOLDOVER_WANDER_PPB * pow(1000.0, 1.5) / sqrt(3.0);
	double sd;

	(void)state;
	ds_holdover_init(&h);
	assert_true(ds_holdover_spread_ppb(&h, 0.0) == 0.0);
	assert_true(ds_holdover_spread_ppb(&h, -1.0) == 0.0);
	assert_true(fabs(ds_holdover_spread_ppb(&h, 64.0) - 8.0 * DS_HOLDOVER_WANDER_PPB) < 1e-9);
	sd = ds_holdover_offset_sd_ns(&h, 0.0, 0.0, 0.0, 1000.0);
	assert_true(sd > exact && sd < 1.2 * exact);
}

static void what_was_not_known_is_added(void **state)
{
	struct ds_holdover h;
	double alone;

	(void)state;
	ds_holdover_init(&h);
	alone = ds_holdover_offset_sd_ns(&h, 0.0, 0.0, 0.0, 100.0);
	assert_true(ds_holdover_offset_sd_ns(&h, 30.0, 0.0, 0.0, 0.0) == 30.0);
	assert_true(fabs(ds_holdover_offset_sd_ns(&h, 300.0, 4.0, 0.0, 100.0) -
			 sqrt(alone * alone + 500.0 * 500.0)) < 1e-6);
	/* Offset and frequency err together: 300 ns and 400 ns add up, or cancel. */
	assert_true(fabs(ds_holdover_offset_sd_ns(&h, 300.0, 4.0, 1200.0, 100.0) -
			 sqrt(alone * alone + 700.0 * 700.0)) < 1e-6);
	assert_true(fabs(ds_holdover_offset_sd_ns(&h, 300.0, 3.0, -900.0, 100.0) - alone) < 1e-6);
	/* A covariance that cannot be is no negative variance. */
	assert_true(ds_holdover_offset_sd_ns(&h, 3.0, 3.0, -9e9, 100.0) == alone);
	assert_true(fabs(ds_holdover_freq_sd_ppb(&h, 4.0, 1.0) - 5.0) < 1e-9);
}

/* 1 ppb a root second, as the estimate has it (exact = 1) or ten times what it has it for. */
static void learns_a_random_walk(void **state)
{
	(void)state;
	for (int told = 0; told < 2; told++) {
		struct ds_holdover h;
		double freq = 0.0;
		double ratio;

		ds_holdover_init(&h);
		for (int64_t s = 0; s < 10 * DAY_S; s += 64) {
			freq = random_walk(freq, 1.0, 64.0);
			ds_holdover_learn(&h, s * SECOND, freq, 1.0, told ? 1.0 : 0.1);
		}
		for (double lag = 1024.0; lag < 20000.0; lag *= 2.0) {
			ratio = ds_holdover_spread_ppb(&h, lag) / sqrt(lag);
			assert_true(ratio > 0.6 && ratio < 1.7);
		}
	}
}

/* 1000 ppb up and down a day: it is never more than 2000 ppb from where it was, however long it
 * takes; the random walk that it looks like at short lags would make 30 000 of it in a week. */
static void takes_no_cycle_for_drift(void **state)
{
	struct ds_holdover h;
	double spread;

	(void)state;
	ds_holdover_init(&h);
	for (int64_t s = 0; s < 10 * DAY_S; s += 256)
		ds_holdover_learn(&h, s * SECOND, 1000.0 * sin((double)s * 2.0 * M_PI / DAY_S),
				  10.0, 1.0);
	spread = ds_holdover_spread_ppb(&h, DAY_S / 2.0);
	assert_true(spread > 1000.0 && spread < 2000.0);
	spread = ds_holdover_spread_ppb(&h, DAY_S);
	assert_true(spread < 2000.0);
	/* And an hour of it is more than its noise: 260 ppb of a sine, from anywhere in it. */
	spread = ds_holdover_spread_ppb(&h, 3600.0);
	assert_true(spread > 100.0 && spread < 400.0);
	assert_true(ds_holdover_spread_ppb(&h, 30 * DAY_S) < 12000.0);
}

static void grows_with_age(void **state)
{
	struct ds_holdover h;
	double last = 0.0;
	double last_spread = 0.0;

	(void)state;
	ds_holdover_init(&h);
	for (int64_t s = 0; s < DAY_S; s += 64)
		ds_holdover_learn(&h, s * SECOND, (s / 64) % 2 ? 100.0 : 0.0, 1.0, 0.5);
	for (double age = 0.5; age < 1e8; age *= 1.1) {
		double sd = ds_holdover_offset_sd_ns(&h, 100.0, 1.0, 0.0, age);
		double spread = ds_holdover_spread_ppb(&h, age);

		assert_true(sd > last && spread >= last_spread);
		assert_true(sd < fmax(2.0 * last, 1000.0)); /* without jumps */
		last = sd;
		last_spread = spread;
	}
}

static void any_input(void **state)
{
	static const double numbers[] = {0.0,	  -1.0, 1e-300,	  1e9,	     1e300, -1e300,
					 DBL_MAX, NAN,	INFINITY, -INFINITY, 3.0};
	const unsigned count = sizeof(numbers) / sizeof(numbers[0]);
	struct ds_holdover h;

	(void)state;
	ds_holdover_init(&h);
	for (unsigned i = 0; i < count * count * count; i++) {
		double freq = numbers[i % count];
		double sd = numbers[i / count % count];
		double wander = numbers[i / count / count];
		double grown;

		ds_holdover_learn(&h,
				  i % 7 == 0   ? INT64_MIN
				  : i % 5 == 0 ? INT64_MAX
					       : i * SECOND * 65,
				  freq, sd, wander);
		grown = ds_holdover_offset_sd_ns(&h, 1.0, 1.0, 0.0, 1e5);
		assert_true(isfinite(grown) && grown > 0.0);
	}
	assert_true(isinf(ds_holdover_spread_ppb(&h, NAN)));
	assert_true(isinf(ds_holdover_offset_sd_ns(&h, 1.0, 1.0, 0.0, NAN)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_known),
		cmocka_unit_test(what_was_not_known_is_added),
		cmocka_unit_test(learns_a_random_walk),
		cmocka_unit_test(takes_no_cycle_for_drift),
		cmocka_unit_test(grows_with_age),
		cmocka_unit_test(any_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
