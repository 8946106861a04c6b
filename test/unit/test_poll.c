/*
 * poll: intervals that follow what a packet gains; the predictions are written by hand.
 * It must never need an estimate: how good one is is asked in test_clockloop.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock/poll.h"

/* Known to 1 us now; 1000 s later it is worse by `wander` alone. */
static struct ds_prediction wandering(double wander_ppb)
{
	return (struct ds_prediction){.sd_ns = 1000.0, .wander_ppb = wander_ppb};
}

static void what_a_packet_gains(void **state)
{
	struct ds_prediction p = wandering(1.0);

	(void)state;
	assert_true(ds_poll_gain(&p, 0.0, 0.0) == 1.0);
	/* variance 300^3 / 3 = 9e6 to 1e6 */
	assert_true(fabs(ds_poll_gain(&p, 0.0, 300.0) - 10.0) < 1e-9);
	p.wander_ppb = 0.0;
	p.freq_sd_ppb = 20.0;
	assert_true(fabs(ds_poll_gain(&p, 0.0, 100.0) - 5.0) < 1e-9);
	p.cov_ns_ppb = 5000.0;
	assert_true(fabs(ds_poll_gain(&p, 0.0, 100.0) - 6.0) < 1e-9);
	/* Offset and frequency err against each other: it becomes better, for a while. */
	p.cov_ns_ppb = -20000.0;
	assert_true(ds_poll_gain(&p, 0.0, 50.0) == 1.0);
	p.freq_sd_ppb = INFINITY;
	assert_true(isinf(ds_poll_gain(&p, 0.0, 50.0)));
	/* Below the floor nothing is gained. */
	p = wandering(1.0);
	assert_true(fabs(ds_poll_gain(&p, sqrt(8e6), 300.0) - 2.0) < 1e-9);
	p.sd_ns = 0.0;
	assert_true(isinf(ds_poll_gain(&p, 0.0, 50.0)));
}

static int8_t next(struct ds_poll *poll, const struct ds_prediction *p, bool doubt,
		   int8_t poll_log2, int8_t min_log2, int8_t max_log2)
{
	struct ds_poll_news news = {.prediction = p, .doubt = doubt};

	return ds_poll_next(poll, &news, poll_log2, min_log2, max_log2);
}

static int8_t after(struct ds_poll *poll, const struct ds_prediction *p, unsigned packets,
		    int8_t poll_log2)
{
	for (unsigned i = 0; i < packets; i++)
		poll_log2 = next(poll, p, false, poll_log2, 6, 10);
	return poll_log2;
}

static void the_beginning_is_quick(void **state)
{
	struct ds_prediction p = wandering(0.0);
	struct ds_poll poll = {0};

	(void)state;
	assert_int_equal(after(&poll, &p, DS_POLL_FIRST - 1, 6), 6);
	assert_int_equal(after(&poll, &p, 1, 6), 7);
	assert_int_equal(after(&poll, &p, DS_POLL_STAY - 1, 7), 7);
	assert_int_equal(after(&poll, &p, 1, 7), 8);
	assert_int_equal(after(&poll, &p, DS_POLL_STAY, 8), 9);
	assert_int_equal(after(&poll, &p, 100, 9), 10);
}

/* Where wander T^1.5 is so much that T loses DS_POLL_RAISE: that T, whence it came. */
static void settles(void **state)
{
	const double most = sqrt(3.0 * (DS_POLL_LOWER - 1.0));
	const double least = sqrt(3.0 * (DS_POLL_RAISE - 1.0)) / pow(2.0, 1.5);

	(void)state;
	for (double wander = 0.05; wander < 2.0; wander *= 1.3) {
		struct ds_prediction p = wandering(wander);
		struct ds_poll up = {0};
		struct ds_poll down = {0};
		int8_t from_6 = after(&up, &p, 60, 6);
		int8_t from_10 = after(&down, &p, 60, 10);

		for (int i = 0; i < 2; i++) {
			int8_t settled = i == 0 ? from_6 : from_10;
			double grown = wander * 1e-3 * pow(ldexp(1.0, settled), 1.5);

			if (settled > 6)
				assert_true(grown <= most);
			if (settled < 10)
				assert_true(grown >= least);
		}
		assert_true(from_6 == from_10 || from_6 + 1 == from_10);
	}
}

/* In interleaved mode the newest sample is a poll old, and so will the next one be. */
static void old_samples_are_worth_less(void **state)
{
	struct ds_prediction p = wandering(0.5);
	struct ds_poll_news fresh = {.prediction = &p};
	struct ds_poll poll[2];
	int8_t exponent[2] = {6, 6};

	(void)state;
	memset(poll, 0, sizeof(poll));
	for (int i = 0; i < 60; i++) {
		for (int old = 0; old < 2; old++) {
			struct ds_poll_news news = fresh;

			news.age_s = old ? ldexp(1.0, exponent[old]) : 0.0;
			exponent[old] = ds_poll_next(&poll[old], &news, exponent[old], 6, 10);
		}
	}
	assert_int_equal(exponent[1], exponent[0] - 1);
}

static void luck_is_averaged(void **state)
{
	struct ds_prediction usual = wandering(0.5); /* 256 s: r = 2.4; 512 s: 12 */
	struct ds_prediction lucky = usual;
	struct ds_poll poll = {0};
	int8_t poll_log2;

	(void)state;
	lucky.sd_ns = 30.0;
	poll_log2 = after(&poll, &usual, 40, 6);
	assert_int_equal(poll_log2, 8);
	assert_true(ds_poll_gain(&lucky, 0.0, 256.0) > 100.0 * DS_POLL_LOWER);
	assert_int_equal(after(&poll, &lucky, 1, poll_log2), poll_log2);
	assert_true(after(&poll, &lucky, 8, poll_log2) < poll_log2);
}

static void doubt_is_settled_soon(void **state)
{
	struct ds_prediction p = wandering(0.0);
	struct ds_poll poll = {0};

	(void)state;
	assert_int_equal(after(&poll, &p, 60, 6), 10);
	assert_int_equal(next(&poll, &p, true, 10, 6, 10), 10 - DS_POLL_DOUBT);
	assert_int_equal(next(&poll, &p, true, 7, 6, 10), 6);
	assert_int_equal(after(&poll, &p, DS_POLL_STAY - 1, 6), 6);
	assert_int_equal(after(&poll, &p, 60, 6), 10);
}

/* The network was down, or all packets are late now: what r was before says nothing. */
static void worse_than_usual_is_quick(void **state)
{
	struct ds_prediction p = wandering(0.0);
	struct ds_prediction worse = p;
	struct ds_poll poll = {0};

	(void)state;
	worse.sd_ns *= 10.0;
	assert_int_equal(after(&poll, &p, 60, 6), 10);
	assert_int_equal(after(&poll, &worse, 1, 10), 9);
	assert_int_equal(after(&poll, &worse, 3, 9), 6);
	/* If it stays so, it becomes usual. */
	assert_int_equal(after(&poll, &worse, 100, 6), 10);
	/* Twice is within what samples do. */
	worse.sd_ns *= 2.0;
	assert_int_equal(after(&poll, &worse, 1, 10), 10);
}

static void limits_and_any_input(void **state)
{
	static const double numbers[] = {0.0, 1.0, -1.0, 1e300, -1e300, INFINITY, NAN};
	struct ds_poll poll = {0};
	struct ds_prediction p = wandering(0.0);

	(void)state;
	assert_int_equal(next(&poll, NULL, false, 6, 6, 10), 6);
	assert_int_equal(next(&poll, &p, false, 3, 6, 10), 6);
	assert_int_equal(next(&poll, &p, false, 12, 6, 10), 10);
	assert_int_equal(next(&poll, &p, true, -6, -6, 10), -6);
	assert_int_equal(next(&poll, &p, false, 7, 8, 5), 8);
	for (unsigned i = 0; i < 7 * 7 * 7 * 7; i++) {
		int8_t exponent;

		p.sd_ns = numbers[i % 7];
		p.freq_sd_ppb = numbers[i / 7 % 7];
		p.cov_ns_ppb = numbers[i / 49 % 7];
		p.wander_ppb = numbers[i / 343];
		exponent = next(&poll, &p, i % 11 == 0, 8, 6, 10);
		assert_in_range(exponent, 6, 9);
		assert_false(isnan(poll.gain) || isnan(poll.gain_twice));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_packet_gains),
		cmocka_unit_test(the_beginning_is_quick),
		cmocka_unit_test(settles),
		cmocka_unit_test(luck_is_averaged),
		cmocka_unit_test(old_samples_are_worth_less),
		cmocka_unit_test(worse_than_usual_is_quick),
		cmocka_unit_test(doubt_is_settled_soon),
		cmocka_unit_test(limits_and_any_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
