/*
 * discipline: corrections for a clock that is a few lines of arithmetic here.
 * It must never need a source: what a selection would say is written by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock/discipline.h"

#define SECOND INT64_C(1000000000)
#define BASE   INT64_C(1795000000000000000)

/* A clock on a perfect oscillator: raw time is true time since BASE. */
struct clock {
	struct ds_reading now;
	double rate_ppb;
	int64_t until_raw_ns;
	unsigned steps;
};

static void elapse(struct clock *c, int64_t ns)
{
	c->now.raw_ns += ns;
	c->now.clock_ns += ns + (int64_t)rint((double)ns * 1e-9 * c->rate_ppb);
}

static void obey(struct clock *c, const struct ds_correction *correction)
{
	if (!correction->changed)
		return;
	if (correction->step) {
		c->now.clock_ns += correction->step_ns;
		c->steps++;
	}
	c->rate_ppb = correction->rate_ppb;
	c->until_raw_ns = correction->until_raw_ns;
}

static int64_t error_ns(const struct clock *c)
{
	return c->now.clock_ns - BASE - c->now.raw_ns;
}

static struct clock clock_off_by(int64_t ns)
{
	return (struct clock){.now = {.clock_ns = BASE + ns, .raw_ns = 0},
			      .until_raw_ns = INT64_MAX};
}

static struct ds_combined truth(double freq_sd_ppb)
{
	return (struct ds_combined){.server_minus_raw_ns = BASE,
				    .sd_ns = 1000.0,
				    .freq_ppb = 0.0,
				    .freq_sd_ppb = freq_sd_ppb,
				    .sources = 1};
}

static void begin(struct ds_discipline *d, int64_t threshold_ns, int32_t updates)
{
	struct ds_discipline_config config = {.step_threshold_ns = threshold_ns,
					      .step_updates = updates};

	ds_discipline_init(d, &config, 0.0, 1e5);
}

/* Follow the timers, each late_ns late, until the slew is over; returns how long it took. The
 * error must keep its sign, but for what a slew of 100 ppm does in the time a timer is late. */
static int64_t follow(struct ds_discipline *d, struct clock *c, int64_t late_ns)
{
	int64_t began = c->now.raw_ns;
	int64_t past = late_ns / 10000 + 1;
	int64_t sign = error_ns(c) > 0 ? 1 : -1;

	for (int i = 0; i < 100 && c->until_raw_ns != INT64_MAX; i++) {
		struct ds_correction correction;

		elapse(c, c->until_raw_ns - c->now.raw_ns + late_ns);
		assert_true(sign * error_ns(c) >= -past);
		ds_discipline_timer(d, &c->now, &correction);
		obey(c, &correction);
	}
	assert_int_equal(c->until_raw_ns, INT64_MAX);
	return c->now.raw_ns - began;
}

static void nothing_before_the_first_update(void **state)
{
	struct ds_discipline d;
	struct ds_correction correction;
	struct clock c = clock_off_by(5 * SECOND);

	(void)state;
	begin(&d, SECOND, -1);
	assert_false(d.synchronised);
	assert_int_equal(ds_discipline_remaining_ns(&d, &c.now), 0);
	ds_discipline_timer(&d, &c.now, &correction);
	assert_false(correction.changed);
	ds_discipline_disturbed(&d, &c.now, &correction);
	assert_false(correction.changed);
}

static void defaults_and_limits(void **state)
{
	struct ds_discipline_config config = {.max_freq_ppb = 5e5};
	struct ds_discipline d;
	struct ds_combined wild = truth(1.0);
	struct ds_correction correction;
	struct clock c = clock_off_by(0);

	(void)state;
	ds_discipline_init(&d, &config, -7e6, -1.0);
	assert_true(d.freq_ppb == -5e5);
	assert_true(d.freq_sd_ppb == DS_ESTIMATE_UNKNOWN_FREQ_PPB);
	assert_true(d.config.max_slew_ppb == DS_DISCIPLINE_MAX_SLEW_PPB);
	wild.freq_ppb = 1e12;
	wild.server_minus_raw_ns = -BASE;
	ds_discipline_update(&d, &c.now, &wild, 0, &correction);
	assert_true(d.freq_ppb == 5e5);
	assert_true(fabs(correction.rate_ppb) <= 1e8);
	assert_true(fabs(d.slew_ppb) <= DS_DISCIPLINE_MAX_SLEW_PPB);
}

static void hundred_ms_go_in_seconds(void **state)
{
	struct ds_discipline d;
	struct ds_combined combined = truth(INFINITY);
	struct ds_correction correction;
	struct clock c = clock_off_by(-100000000);

	(void)state;
	begin(&d, 0, 0);
	ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
	assert_int_equal(ds_discipline_remaining_ns(&d, &c.now), 100000000);
	obey(&c, &correction);
	assert_true(c.rate_ppb <= DS_DISCIPLINE_MAX_SLEW_PPB);
	/* Timers 5 ms late: at the last 100 ppm that is half a microsecond. */
	assert_true(follow(&d, &c, 5000000) < 8 * SECOND);
	assert_true(llabs(error_ns(&c)) <= 500);
	assert_int_equal(c.steps, 0);
	assert_true(c.rate_ppb == 0.0);
}

static void ten_s_do_not_overshoot(void **state)
{
	static const int64_t offsets[] = {10 * SECOND, -10 * SECOND, 100 * SECOND};

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		struct ds_discipline d;
		struct ds_combined combined = truth(10.0);
		struct ds_correction correction;
		struct clock c = clock_off_by(offsets[i]);
		double least = (double)llabs(offsets[i]) / 0.083333;

		begin(&d, 0, 0);
		ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
		obey(&c, &correction);
		assert_true(follow(&d, &c, 10000000) < (int64_t)least + 15 * SECOND);
		assert_true(llabs(error_ns(&c)) <= 500);
	}
}

static void small_offsets_go_gently(void **state)
{
	struct ds_discipline d;
	struct ds_combined combined = truth(10.0);
	struct ds_correction correction;
	struct clock c = clock_off_by(30000);

	(void)state;
	begin(&d, 0, 0);
	ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
	assert_true(correction.rate_ppb < 0.0 && correction.rate_ppb > -31000.0);
	assert_int_equal(correction.until_raw_ns, DS_DISCIPLINE_LONGEST_NS);
	obey(&c, &correction);
	/* Too early: nothing happens. */
	elapse(&c, SECOND / 2);
	ds_discipline_timer(&d, &c.now, &correction);
	assert_false(correction.changed);
	assert_int_equal(correction.until_raw_ns, DS_DISCIPLINE_LONGEST_NS);
	follow(&d, &c, 0);
	assert_true(llabs(error_ns(&c)) <= 500);
	/* At fast polls in a tenth of a second. */
	c = clock_off_by(3000);
	ds_discipline_update(&d, &c.now, &combined, SECOND / 16, &correction);
	assert_int_equal(correction.until_raw_ns, DS_DISCIPLINE_SHORTEST_NS);
}

/* Nobody is woken for the end of a slew that is less than what is known anyway. */
static void what_is_not_known_is_slewed_until_the_next_update(void **state)
{
	struct ds_discipline d;
	struct ds_combined combined = truth(10.0);
	struct ds_correction correction;
	struct clock c = clock_off_by(0);

	(void)state;
	begin(&d, 0, 0);
	for (int i = 0; i < 17; i++) {
		c.now.clock_ns = BASE + c.now.raw_ns + 400; /* of 1000 */
		ds_discipline_update(&d, &c.now, &combined, 16 * SECOND, &correction);
		if (i < 16) /* the first ones bring news */
			assert_int_equal(correction.until_raw_ns - c.now.raw_ns, SECOND / 4);
		obey(&c, &correction);
		elapse(&c, 16 * SECOND);
	}
	assert_true(llabs(error_ns(&c)) <= 2);
	/* The update is late: the slew goes on, and is ended after half an interval more. */
	assert_int_equal(c.until_raw_ns - c.now.raw_ns, 8 * SECOND);
	ds_discipline_timer(&d, &c.now, &correction);
	assert_true(correction.changed && correction.until_raw_ns == INT64_MAX);
	/* What is known to be wrong goes at once, however long the interval. */
	c.now.clock_ns += 600;
	ds_discipline_update(&d, &c.now, &combined, 16 * SECOND, &correction);
	assert_int_equal(correction.until_raw_ns - c.now.raw_ns, SECOND / 4);
	c.now.clock_ns = BASE + c.now.raw_ns + 400;
	ds_discipline_update(&d, &c.now, &combined, 128 * SECOND, &correction);
	assert_int_equal(correction.until_raw_ns - c.now.raw_ns, SECOND);
}

static void steps_as_makestep_allows(void **state)
{
	struct ds_discipline d;
	struct ds_combined combined = truth(INFINITY);
	struct ds_correction correction;
	struct clock c = clock_off_by(2 * SECOND);

	(void)state;
	begin(&d, SECOND, 2);
	for (int i = 0; i < 3; i++) {
		c.now.clock_ns = BASE + c.now.raw_ns + 2 * SECOND;
		ds_discipline_update(&d, &c.now, &combined, SECOND, &correction);
		obey(&c, &correction);
		assert_true(correction.step == (i < 2));
		assert_int_equal(error_ns(&c), i < 2 ? 0 : 2 * SECOND);
	}
	begin(&d, SECOND, -1);
	c = clock_off_by(SECOND);
	ds_discipline_update(&d, &c.now, &combined, SECOND, &correction);
	assert_false(correction.step); /* not over the threshold */
	begin(&d, 0, -1);
	c = clock_off_by(1000 * SECOND);
	ds_discipline_update(&d, &c.now, &combined, SECOND, &correction);
	assert_false(correction.step); /* 0: never */
}

static void frequency_is_weighed(void **state)
{
	struct ds_discipline_config config = {0};
	struct ds_discipline d;
	struct ds_combined combined = truth(INFINITY);
	struct ds_correction correction;
	struct clock c = clock_off_by(0);

	(void)state;
	/* From the drift file, known to 100 ppb. */
	ds_discipline_init(&d, &config, 5000.0, 100.0);
	combined.freq_ppb = 0.0;
	combined.blind_ns = 10e9;
	ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
	assert_true(d.freq_ppb == 5000.0);
	/* The offset is 10 s old: at 5 ppm it has gone 50 us since. */
	assert_int_equal(d.target_minus_raw_ns, BASE + 50000);
	combined.blind_ns = 0.0;
	/* A burst knows less: 10 ppm for the next 64 s would be far over the offset's noise. */
	combined.freq_ppb = 15000.0;
	combined.freq_sd_ppb = 10000.0;
	ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
	assert_true(fabs(d.freq_ppb - 5001.0) < 0.01);
	assert_true(d.freq_sd_ppb < 100.0);
	/* What the frequency was wrong by has gone into the offset: 10 s of it. */
	combined.cov_ns_ppb = 10.0 * 10000.0 * 10000.0;
	ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
	assert_true(llabs(d.target_minus_raw_ns - (BASE - 100000)) < 100);
	combined.cov_ns_ppb = 0.0;
	/* But one that contradicts what is in force knows better: the oscillator has changed. */
	combined.freq_ppb = 45000.0;
	ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
	assert_true(d.freq_ppb == 45000.0);
	assert_true(d.freq_sd_ppb == 10000.0);
	/* And one better than what is in force is taken. */
	combined.freq_ppb = 4000.0;
	combined.freq_sd_ppb = 50.0;
	ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
	assert_true(d.freq_ppb == 4000.0);
	assert_true(d.freq_sd_ppb == 50.0);
	elapse(&c, 1000 * SECOND);
	assert_int_equal(ds_discipline_remaining_ns(&d, &c.now), 4000000);
}

static void set_by_others(void **state)
{
	struct ds_discipline d;
	struct ds_combined combined = truth(10.0);
	struct ds_correction correction;
	struct clock c = clock_off_by(0);

	(void)state;
	begin(&d, SECOND / 10, 1);
	ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
	obey(&c, &correction);
	follow(&d, &c, 0);
	c.now.clock_ns += 50000000;
	ds_discipline_disturbed(&d, &c.now, &correction);
	obey(&c, &correction);
	assert_int_equal(c.steps, 0);
	assert_true(follow(&d, &c, 1000000) < 8 * SECOND);
	assert_true(llabs(error_ns(&c)) <= 500);
}

/* UTC steps: the clock with it, or by a slew that no makestep turns into a step; or it waits. */
static void leap_second(void **state)
{
	static const enum ds_discipline_leap actions[] = {
		DS_DISCIPLINE_LEAP_STEP, DS_DISCIPLINE_LEAP_SLEW, DS_DISCIPLINE_LEAP_LEAVE,
		DS_DISCIPLINE_LEAP_DONE};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct ds_discipline d;
		struct ds_combined combined = truth(10.0);
		struct ds_correction correction;
		struct clock c = clock_off_by(0);

		begin(&d, 1000, -1);
		/* Without a line nothing is slewed. */
		ds_discipline_leap(&d, &c.now, -SECOND, actions[i], &correction);
		assert_int_equal(correction.step, i == 0);
		assert_int_equal(correction.until_raw_ns, INT64_MAX);
		ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
		obey(&c, &correction);
		follow(&d, &c, 0);
		ds_discipline_leap(&d, &c.now, -SECOND, actions[i], &correction);
		assert_int_equal(correction.step, i == 0);
		obey(&c, &correction);
		assert_true(llabs(ds_discipline_remaining_ns(&d, &c.now) + (i == 0 ? 0 : SECOND)) <
			    500);
		follow(&d, &c, 0);
		assert_int_equal(c.steps, i == 0);
		assert_true(llabs(error_ns(&c) + (i < 2 ? SECOND : 0)) < 500);
	}
}

/* What the kernel set on waking is kept until somebody measures: the line knows nothing of the
 * time in which the raw scale stood still. */
static void stepped_by_order(void **state)
{
	struct ds_discipline d;
	struct ds_combined combined = truth(10.0);
	struct ds_correction correction;
	struct clock c = clock_off_by(-700);

	(void)state;
	begin(&d, 0, 0); /* makestep allows none */
	assert_false(ds_discipline_step(&d, &c.now, &correction));
	ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
	obey(&c, &correction);
	assert_true(d.slew_ppb != 0.0);
	assert_true(ds_discipline_step(&d, &c.now, &correction));
	assert_int_equal(correction.step_ns, 700);
	obey(&c, &correction);
	assert_int_equal(c.steps, 1);
	assert_int_equal(error_ns(&c), 0);
	assert_true(c.rate_ppb == d.freq_ppb);
	assert_int_equal(c.until_raw_ns, INT64_MAX);
	/* Nothing is left: no step, though there is one to be told of. */
	assert_true(ds_discipline_step(&d, &c.now, &correction));
	assert_false(correction.step);
}

static void slept(void **state)
{
	struct ds_discipline d;
	struct ds_combined combined = truth(10.0);
	struct ds_correction correction;
	struct clock c = clock_off_by(1000000);

	(void)state;
	begin(&d, 0, 0);
	ds_discipline_slept(&d, &c.now, &correction);
	assert_int_equal(correction.until_raw_ns, INT64_MAX);
	ds_discipline_update(&d, &c.now, &combined, 64 * SECOND, &correction);
	obey(&c, &correction);
	assert_true(d.slew_ppb != 0.0);
	c.now.clock_ns += 3600 * SECOND;
	ds_discipline_slept(&d, &c.now, &correction);
	assert_false(correction.step);
	assert_true(correction.changed);
	assert_true(correction.rate_ppb == d.freq_ppb);
	assert_int_equal(correction.until_raw_ns, INT64_MAX);
	assert_int_equal(ds_discipline_remaining_ns(&d, &c.now), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_before_the_first_update),
		cmocka_unit_test(defaults_and_limits),
		cmocka_unit_test(hundred_ms_go_in_seconds),
		cmocka_unit_test(ten_s_do_not_overshoot),
		cmocka_unit_test(small_offsets_go_gently),
		cmocka_unit_test(what_is_not_known_is_slewed_until_the_next_update),
		cmocka_unit_test(steps_as_makestep_allows),
		cmocka_unit_test(frequency_is_weighed),
		cmocka_unit_test(set_by_others),
		cmocka_unit_test(leap_second),
		cmocka_unit_test(stepped_by_order),
		cmocka_unit_test(slept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
