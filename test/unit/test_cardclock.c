/*
 * Tests of core/clock/cardclock: lines that are exact, readings with one-sided delays, a clock that
 * wanders, steps by others, the ends of the scale; and whether the errors stated are true.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/clock/cardclock.h"

#define S	  INT64_C(1000000000)
#define DEVICE_NS (INT64_C(1700000000) * S)

static uint64_t seed = 1;

static double uniform(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return ((double)(seed >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2.0 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* What the card's clock shows at raw_ns: off by offset, fast by ppm. */
static int64_t shown(int64_t raw_ns, int64_t offset_ns, double ppm)
{
	return raw_ns + offset_ns + llrint((double)raw_ns * ppm * 1e-6);
}

static struct ds_cardclock made(uint8_t least)
{
	struct ds_cardclock c;
	const struct ds_cardclock_config config = {.precision_ns = 20, .min_samples = least};

	ds_cardclock_init(&c, &config);
	return c;
}

static enum ds_cardclock_news add(struct ds_cardclock *c, int64_t raw_ns, int64_t device_ns,
				  int64_t half_width_ns)
{
	return ds_cardclock_add(c,
				&(struct ds_cardclock_reading){raw_ns, device_ns, half_width_ns});
}

static void test_configuration_is_cut_off_at_its_bounds(void **state)
{
	struct ds_cardclock c;

	(void)state;
	ds_cardclock_init(&c, &(struct ds_cardclock_config){0});
	assert_int_equal(c.config.precision_ns, 100);
	assert_int_equal(c.config.min_samples, 2);
	assert_int_equal(c.config.max_samples, 16);
	ds_cardclock_init(&c, &(struct ds_cardclock_config){-1, 0, 255, 255});
	assert_int_equal(c.config.precision_ns, 100);
	assert_int_equal(c.config.min_samples, DS_CARDCLOCK_SAMPLES);
	assert_int_equal(c.config.max_samples, DS_CARDCLOCK_SAMPLES);
	ds_cardclock_init(&c, &(struct ds_cardclock_config){5, 0, 9, 4});
	assert_int_equal(c.config.min_samples, 4);
}

static void test_nothing_is_known_before_the_least_samples(void **state)
{
	struct ds_cardclock c = made(3);
	int64_t raw = 77;
	double error = 7.0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_false(ds_cardclock_raw(&c, DEVICE_NS, &raw, &error));
		assert_false(ds_cardclock_device(&c, 0, &raw, &error));
		assert_true(isnan(ds_cardclock_rate_ppb(&c)));
		assert_int_equal(add(&c, i * S, shown(i * S, DEVICE_NS, 0.0), 300),
				 DS_CARDCLOCK_TAKEN);
	}
	assert_int_equal(raw, 77);
	assert_true(error == 7.0);
	assert_true(ds_cardclock_raw(&c, DEVICE_NS, &raw, &error));
	assert_int_equal(raw, 0);
	ds_cardclock_forget(&c);
	assert_false(ds_cardclock_raw(&c, DEVICE_NS, &raw, &error));
}

static void test_a_line_is_followed_to_the_nanosecond(void **state)
{
	const double ppm[] = {0.0, 37.5, -80.0, 500.0};

	(void)state;
	for (size_t p = 0; p < sizeof ppm / sizeof ppm[0]; p++) {
		struct ds_cardclock c = made(0);

		for (int64_t i = 0; i < 30; i++)
			add(&c, i * S, shown(i * S, DEVICE_NS, ppm[p]), 300);
		assert_true(fabs(ds_cardclock_rate_ppb(&c) - ppm[p] * 1e3) < 0.5);
		for (int64_t at = 28 * S; at < 31 * S; at += S / 7) {
			int64_t raw, device;
			double error;

			assert_true(
				ds_cardclock_raw(&c, shown(at, DEVICE_NS, ppm[p]), &raw, &error));
			assert_true(llabs(raw - at) <= 2);
			/* half of 300 may be shared by all of them */
			assert_true(error > 170.0 && error < 200.0);
			assert_true(ds_cardclock_device(&c, at, &device, &error));
			assert_true(llabs(device - shown(at, DEVICE_NS, ppm[p])) <= 2);
		}
	}
}

static void test_what_is_far_away_is_not_converted(void **state)
{
	struct ds_cardclock c = made(0);
	int64_t raw;
	double near, far;

	(void)state;
	for (int64_t i = 0; i < 8; i++)
		add(&c, i * S, DEVICE_NS + i * S, 100);
	assert_true(ds_cardclock_raw(&c, DEVICE_NS + 8 * S, &raw, &near));
	assert_true(ds_cardclock_raw(&c, DEVICE_NS + 60 * S, &raw, &far));
	assert_true(far > 2.0 * near);
	assert_false(ds_cardclock_raw(&c, DEVICE_NS + 68 * S, &raw, &far));
	assert_false(ds_cardclock_raw(&c, DEVICE_NS - 68 * S, &raw, &far));
	assert_false(ds_cardclock_raw(&c, INT64_MIN, &raw, &far));
	assert_false(ds_cardclock_raw(&c, INT64_MAX, &raw, &far));
	assert_false(ds_cardclock_device(&c, INT64_MIN, &raw, &far));
}

/* Both directions, of any size: found at the first reading, and forgotten what was before. */
static void test_a_step_by_others_is_found(void **state)
{
	const int64_t steps[] = {20000, -20000, S, -S, 86400 * 365 * S, -DEVICE_NS};

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		struct ds_cardclock c = made(0);
		int64_t raw;
		double error;

		for (int64_t t = 0; t < 10; t++)
			assert_int_equal(add(&c, t * S, shown(t * S, DEVICE_NS, 5.0), 400),
					 DS_CARDCLOCK_TAKEN);
		assert_int_equal(add(&c, 10 * S, shown(10 * S, DEVICE_NS + steps[i], 5.0), 400),
				 DS_CARDCLOCK_STEPPED);
		assert_int_equal(c.steps, 1);
		assert_false(ds_cardclock_raw(&c, DEVICE_NS, &raw, &error));
		add(&c, 11 * S, shown(11 * S, DEVICE_NS + steps[i], 5.0), 400);
		assert_true(ds_cardclock_raw(&c, shown(12 * S, DEVICE_NS + steps[i], 5.0), &raw,
					     &error));
		assert_true(llabs(raw - 12 * S) <= 2);
	}
}

/* Where reading our own clock takes long, what is off by less is noise, and the errors tell of it.
 */
static void test_noise_of_our_readings_is_no_step(void **state)
{
	for (int i = 0; i < 4; i++) {
		const int64_t off[] = {5000, -5000, 20000, -20000};
		struct ds_cardclock c = made(0);
		int64_t raw;
		double quiet, noisy;

		(void)state;
		c.config.slack_ns = 8000;
		for (int64_t t = 0; t < 10; t++)
			add(&c, t * S, shown(t * S, DEVICE_NS, 5.0), 400);
		assert_true(ds_cardclock_raw(&c, shown(9 * S, DEVICE_NS, 5.0), &raw, &quiet));
		assert_int_equal(add(&c, 10 * S, shown(10 * S, DEVICE_NS + off[i], 5.0), 400),
				 i < 2 ? DS_CARDCLOCK_TAKEN : DS_CARDCLOCK_STEPPED);
		if (i >= 2)
			continue;
		assert_true(ds_cardclock_raw(&c, shown(10 * S, DEVICE_NS, 5.0), &raw, &noisy));
		assert_true(noisy > 2 * quiet);
	}
}

static void test_what_cannot_be_is_ignored(void **state)
{
	struct ds_cardclock c = made(0);
	const int64_t huge = INT64_C(1) << 61;

	(void)state;
	for (int64_t t = 0; t < 4; t++)
		add(&c, t * S, DEVICE_NS + t * S, 400);
	assert_int_equal(add(&c, 3 * S, DEVICE_NS + 3 * S, 400), DS_CARDCLOCK_IGNORED);
	assert_int_equal(add(&c, 2 * S, DEVICE_NS + 2 * S, 400), DS_CARDCLOCK_IGNORED);
	assert_int_equal(add(&c, 4 * S, DEVICE_NS + 4 * S, -1), DS_CARDCLOCK_IGNORED);
	assert_int_equal(add(&c, huge, DEVICE_NS, 1), DS_CARDCLOCK_IGNORED);
	assert_int_equal(add(&c, 4 * S, INT64_MIN, 1), DS_CARDCLOCK_IGNORED);
	/* 40 us wide, and in its middle by chance: it says nothing new */
	assert_int_equal(add(&c, 4 * S, DEVICE_NS + 4 * S, 40000), DS_CARDCLOCK_IGNORED);
	assert_int_equal(c.taken, 4);
	/* but not for ever */
	assert_int_equal(add(&c, 40 * S, DEVICE_NS + 40 * S, 40000), DS_CARDCLOCK_TAKEN);
	/* at the end of the scale */
	c = made(0);
	for (int64_t t = 1; t < 20; t++)
		add(&c, huge - 20 * S + t * S, -huge + t * S, 400);
	assert_int_equal(c.taken, 19);
	assert_true(fabs(ds_cardclock_rate_ppb(&c)) < 1.0);
}

/* Readings whose way there and back takes 400 ns and more, of which nobody knows how much is the
 * way there; a frequency that wanders as the header says. */
static void test_errors_stated_are_true(void **state)
{
	int within = 0, far = 0, all = 0;
	double squares = 0.0;

	(void)state;
	for (int world = 0; world < 400; world++) {
		struct ds_cardclock c = made(0);
		double phase = 0.0, ppb = 20000.0 * normal();
		const double least = 400.0 * uniform();

		for (int64_t t = 1; t <= 60; t++) {
			const double there = least - 150.0 * log(uniform());
			const double back = 400.0 - least - 150.0 * log(uniform());
			const int64_t middle = t * S;
			int64_t raw;
			double error, off;

			phase += ppb;
			ppb += DS_CARDCLOCK_WANDER_PPB * normal();
			/* the clock is read `there` behind the first stamp of the system */
			add(&c, middle, DEVICE_NS + middle + llrint(phase + (there - back) / 2.0),
			    llrint((there + back) / 2.0));
			if (t < 20 || t % 4 != 0)
				continue;
			assert_true(ds_cardclock_raw(
				&c, DEVICE_NS + middle + S / 2 + llrint(phase + ppb / 2.0), &raw,
				&error));
			off = fabs((double)(raw - middle - S / 2));
			squares += off * off / (error * error);
			within += off <= error;
			far += off > 3.0 * error;
			all++;
		}
	}
	/* no smaller than they are, and no idle claim either; of a uniform law 58 % lie within a
	 * deviation */
	assert_true(within >= all * 55 / 100);
	assert_true(far <= all / 100);
	assert_true(squares / all > 0.5 && squares / all < 1.0);
}

/* What a card is off by half a second behind each of many readings: one-sided delays of `noise_ns`
 * each way, `steer_ppb` a root second of wander, in 300 worlds of `count` readings. */
struct coverage {
	double squares; /* mean, in units of what was stated */
	double far;	/* share beyond three deviations */
	double rms_ns;
};

static struct coverage cover(int count, double noise_ns, double steer_ppb)
{
	struct coverage sum = {0};
	int all = 0;

	for (int world = 0; world < 300; world++) {
		struct ds_cardclock c;
		double phase = 0.0, ppb = 20000.0 * normal(), error, off;
		const double least = 400.0 * uniform();
		int64_t raw;

		ds_cardclock_init(&c, &(struct ds_cardclock_config){0});
		for (int64_t t = 1; t <= count; t++) {
			const double there = least - noise_ns * log(uniform());
			const double back = 400.0 - least - noise_ns * log(uniform());

			add(&c, t * S, DEVICE_NS + t * S + llrint(phase + (there - back) / 2.0),
			    llrint((there + back) / 2.0));
			if (t == count)
				break;
			phase += ppb;
			ppb += steer_ppb * normal();
		}
		if (!ds_cardclock_raw(&c, DEVICE_NS + count * S + S / 2 + llrint(phase + ppb / 2.0),
				      &raw, &error))
			continue; /* taken for a step */
		off = (double)(raw - count * S - S / 2);
		sum.squares += off * off / (error * error);
		sum.far += fabs(off) > 3.0 * error;
		sum.rms_ns += off * off;
		all++;
	}
	assert_true(all >= 295);
	return (struct coverage){sum.squares / all, sum.far / all, sqrt(sum.rms_ns / all)};
}

/* Nothing but noise, of which the intervals are full, and not many of them. */
static void test_few_readings_state_no_less_than_they_are_off(void **state)
{
	(void)state;
	for (int count = 2; count <= 8; count++) {
		const struct coverage quiet = cover(count, 150.0, 1.0);
		const struct coverage noisy = cover(count, 2000.0, 1.0);

		assert_true(quiet.squares < 1.0 && quiet.far <= 0.01);
		assert_true(noisy.squares < 1.0 && noisy.far <= 0.01);
	}
}

/* A card that ptp4l keeps right: the line is as long as it is straight, and no worse than two
 * readings' would be. */
static void test_a_clock_that_somebody_steers(void **state)
{
	struct coverage c;

	(void)state;
	c = cover(30, 150.0, 50.0);
	assert_true(c.squares < 1.5 && c.far <= 0.03);
	assert_true(c.rms_ns < 260.0);
	c = cover(30, 150.0, 10.0);
	assert_true(c.squares < 1.2 && c.far <= 0.02);
	/* and a quiet one is not taken for such */
	c = cover(30, 150.0, 1.0);
	assert_true(c.rms_ns < 150.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configuration_is_cut_off_at_its_bounds),
		cmocka_unit_test(test_nothing_is_known_before_the_least_samples),
		cmocka_unit_test(test_a_line_is_followed_to_the_nanosecond),
		cmocka_unit_test(test_what_is_far_away_is_not_converted),
		cmocka_unit_test(test_a_step_by_others_is_found),
		cmocka_unit_test(test_noise_of_our_readings_is_no_step),
		cmocka_unit_test(test_what_cannot_be_is_ignored),
		cmocka_unit_test(test_errors_stated_are_true),
		cmocka_unit_test(test_few_readings_state_no_less_than_they_are_off),
		cmocka_unit_test(test_a_clock_that_somebody_steers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
