/*
 * clock_phc: a PHC as the clock to keep, against one that is made here, of which the truth is
 * known. It must never open a device: what os/phc and os/phc_steer say is said below in their
 * place.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "os/clock_phc.h"

#define S     INT64_C(1000000000)
#define MS    INT64_C(1000000)
#define INDEX 7

/* ---- the PHC: an oscillator over CLOCK_MONOTONIC_RAW, and what was done to it ---- */

static struct {
	int64_t start_ns;     /* CLOCK_MONOTONIC_RAW */
	double osc_ppb;	      /* of its crystal */
	struct ds_line shown; /* the crystal's count to what it shows */
	double rate_ppb;      /* dialed */
	double max_ppb;
	int64_t half_width_ns; /* of a reading */
	int64_t lost_ns;       /* by each step */
	int set_error, read_error, open_error;
	int vclocks;
	unsigned sets, steps;
	bool written;
} device;

static int64_t read_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * S + t.tv_nsec;
}

/* What its crystal has counted: the raw scale as it should be, but for a constant. */
static int64_t crystal_ns(int64_t mono_raw_ns)
{
	const struct ds_line line = ds_line_make(device.start_ns, 0, device.osc_ppb);

	return ds_line_at(&line, mono_raw_ns);
}

static int64_t shown_ns(int64_t mono_raw_ns)
{
	return ds_line_at(&device.shown, crystal_ns(mono_raw_ns));
}

static void make_device(int64_t shows_ns, double osc_ppb)
{
	memset(&device, 0, sizeof device);
	device.start_ns = read_ns(CLOCK_MONOTONIC_RAW);
	device.osc_ppb = osc_ppb;
	device.shown = ds_line_make(0, shows_ns, 0.0);
	device.max_ppb = 6e7;
	device.half_width_ns = 300;
}

static void turn(double rate_ppb)
{
	ds_line_bend(&device.shown, crystal_ns(read_ns(CLOCK_MONOTONIC_RAW)), rate_ppb);
	device.rate_ppb = rate_ppb;
}

/* ---- in place of os/phc and os/phc_steer ---- */

int ds_phc_open(struct ds_phc *phc, const struct ds_phc_config *config, char why[DS_WHY])
{
	*phc = (struct ds_phc){.fd = 99};
	device.written = config->write;
	if (device.open_error)
		snprintf(why, DS_WHY, "%s: cannot open", config->path);
	return device.open_error;
}

void ds_phc_close(struct ds_phc *phc)
{
	phc->fd = -1;
}

/* The closest of a few readings of CLOCK_REALTIME beside CLOCK_MONOTONIC_RAW: what the test adds of
 * its own is under the half width. */
enum ds_refresult ds_phc_read(struct ds_phc *phc, struct ds_refsample *sample)
{
	int64_t least_ns = INT64_MAX;

	(void)phc;
	if (device.read_error) {
		errno = device.read_error;
		return DS_REF_FAILED;
	}
	for (int i = 0; i < 20; i++) {
		int64_t before_ns = read_ns(CLOCK_MONOTONIC_RAW);
		int64_t real_ns = read_ns(CLOCK_REALTIME);
		int64_t width_ns = read_ns(CLOCK_MONOTONIC_RAW) - before_ns;

		if (width_ns >= least_ns)
			continue;
		least_ns = width_ns;
		*sample = (struct ds_refsample){
			.local_ns = real_ns,
			.reference_ns = shown_ns(before_ns + width_ns / 2),
			.dispersion_ns = device.half_width_ns + width_ns / 2,
		};
	}
	return DS_REF_SAMPLE;
}

int ds_phc_limits(int fd, struct ds_phc_limits *limits)
{
	(void)fd;
	*limits = (struct ds_phc_limits){
		.index = INDEX, .max_rate_ppb = device.max_ppb, .vclocks = device.vclocks};
	return 0;
}

int ds_phc_rate(int fd, double *rate_ppb)
{
	(void)fd;
	*rate_ppb = device.rate_ppb;
	return 0;
}

int ds_phc_set_rate(int fd, double rate_ppb, double *set_ppb)
{
	(void)fd;
	if (device.set_error)
		return device.set_error;
	assert_true(fabs(rate_ppb) <= device.max_ppb);
	*set_ppb = rint(rate_ppb * 65.536) / 65.536;
	turn(*set_ppb);
	device.sets++;
	return 0;
}

int ds_phc_step(int fd, int64_t step_ns)
{
	(void)fd;
	if (device.set_error)
		return device.set_error;
	device.shown.to_ns += step_ns - device.lost_ns;
	device.steps++;
	return 0;
}

int64_t ds_phc_now_ns(int fd)
{
	(void)fd;
	return shown_ns(read_ns(CLOCK_MONOTONIC_RAW));
}

/* ---- what the tests ask ---- */

static struct ds_clock the_clock;
static struct ds_clock_phc the_phc;

static void assert_near(int64_t a, int64_t b, int64_t tolerance)
{
	if (a - b > tolerance || b - a > tolerance)
		fail_msg("%lld and %lld differ by %lld, more than %lld", (long long)a, (long long)b,
			 (long long)(a - b), (long long)tolerance);
}

static void sleep_ms(long ms)
{
	const struct timespec t = {0, ms * 1000000};

	nanosleep(&t, NULL);
}

static void open_clock(bool steer)
{
	const struct ds_clock_phc_config config = {.path = "/dev/ptp7", .steer = steer};
	char why[DS_WHY];

	assert_int_equal(ds_clock_open_phc(&the_clock, &the_phc, &config, why), 0);
	assert_int_equal(the_clock.kind, DS_CLOCK_PHC);
}

static void tend(void)
{
	the_phc.due_ns = 0;
	ds_clock_phc_tend(&the_clock);
}

/* How far the clock's reading is from what the device shows, and the raw scale from the crystal's
 * count, taken where nobody came between. */
static void errors(int64_t *clock_ns, int64_t *raw_ns)
{
	struct ds_reading r;
	int64_t before_ns, after_ns, middle_ns;

	do {
		before_ns = read_ns(CLOCK_MONOTONIC_RAW);
		ds_clock_read(&the_clock, &r);
		after_ns = read_ns(CLOCK_MONOTONIC_RAW);
	} while (after_ns - before_ns > 2000);
	middle_ns = before_ns + (after_ns - before_ns) / 2;
	*clock_ns = r.clock_ns - shown_ns(middle_ns);
	*raw_ns = r.raw_ns - device.start_ns - crystal_ns(middle_ns);
}

/* The raw scale began with the clock, the crystal's count with the device. */
static int64_t raw_error_ns(void)
{
	int64_t clock_ns, raw_ns;

	errors(&clock_ns, &raw_ns);
	return raw_ns;
}

static int64_t clock_error_ns(void)
{
	int64_t clock_ns, raw_ns;

	errors(&clock_ns, &raw_ns);
	return clock_ns;
}

#define NEAR_NS INT64_C(2500) /* a reading here, on a busy machine */

static void is_read_by_its_line(void **state)
{
	(void)state;
	make_device(1700000000 * S, 30000);
	open_clock(true);
	assert_true(device.written);
	assert_near(clock_error_ns(), 0, NEAR_NS);
	for (int i = 0; i < 5; i++) {
		sleep_ms(20);
		tend();
		assert_near(clock_error_ns(), 0, NEAR_NS);
	}
	assert_true(fabs(ds_line_rate_ppb(&the_clock.raw) - 30000) < 20000);
	assert_int_equal(ds_clock_take_jump(&the_clock), 0);
	assert_true(ds_clock_phc_error_ns(&the_clock) > 0.0);
	assert_true(fabs(the_clock.max_rate_ppb - 6e7) < 1);
	assert_near(ds_clock_minus_realtime_ns(&the_clock),
		    shown_ns(read_ns(CLOCK_MONOTONIC_RAW)) - read_ns(CLOCK_REALTIME), 100000);
}

/* Rates of 5 % for 20 ms each: 1 ms, of which the raw scale is to know nothing. */
static void its_raw_scale_is_undisturbed(void **state)
{
	int64_t began_ns;

	(void)state;
	make_device(1700000000 * S, -20000);
	open_clock(true);
	began_ns = raw_error_ns();
	for (int i = 0; i < 6; i++) {
		assert_int_equal(ds_clock_set_rate(&the_clock, i % 2 ? 5e7 : -5e7), 0);
		assert_near(llrint(ds_clock_rate_ppb(&the_clock)), i % 2 ? 50000000 : -50000000, 1);
		sleep_ms(20);
		tend();
		assert_near(clock_error_ns(), 0, NEAR_NS);
	}
	assert_near(raw_error_ns(), began_ns, NEAR_NS);
	assert_int_equal(ds_clock_take_jump(&the_clock), 0);
	assert_int_equal(the_phc.meddled, 0);
}

/* A stamp of the card is exact on the clock's scale, and on the raw one as often as it is asked. */
static void its_own_stamps_are_exact(void **state)
{
	struct ds_reading early, late, kernel;
	int64_t stamp_ns, real_ns;
	double error_ns = -1.0;

	(void)state;
	make_device(1700000000 * S, 10000);
	open_clock(true);
	assert_int_equal(ds_clock_set_rate(&the_clock, 50000), 0);
	sleep_ms(5);
	real_ns = read_ns(CLOCK_REALTIME);
	stamp_ns = ds_phc_now_ns(0);
	assert_true(ds_clock_carry_device(&the_clock, INDEX, stamp_ns, &early, &error_ns));
	assert_int_equal(early.clock_ns, stamp_ns);
	assert_true(fpclassify(error_ns) == FP_ZERO);
	assert_in_range(ds_clock_rx_stamp(&the_clock, real_ns, DS_STAMP_KERNEL).error_ns, 1,
			100000);
	ds_clock_carry(&the_clock, real_ns, &kernel);
	assert_near(kernel.raw_ns, early.raw_ns, 100000);
	/* the stamp comes late, when we have begun to slew */
	sleep_ms(5);
	assert_int_equal(ds_clock_set_rate(&the_clock, 5e7), 0);
	assert_true(ds_clock_carry_device(&the_clock, INDEX, stamp_ns, &late, &error_ns));
	assert_int_equal(late.clock_ns, stamp_ns);
	assert_near(late.raw_ns, early.raw_ns, 1);
	/* and the kernel's of that moment knows nothing of it, either */
	ds_clock_carry(&the_clock, real_ns, &kernel);
	assert_near(kernel.clock_ns, stamp_ns, 100000);
	/* ... or have stepped, to and fro */
	assert_int_equal(ds_clock_step(&the_clock, 3 * S), 0);
	assert_true(ds_clock_carry_device(&the_clock, INDEX, ds_phc_now_ns(0), &early, &error_ns));
	ds_clock_read(&the_clock, &late);
	assert_near(early.raw_ns, late.raw_ns, 1000000);
	assert_false(ds_clock_carry_device(&the_clock, INDEX + 1, stamp_ns, &late, &error_ns));
}

static void other_clocks_have_no_device(void **state)
{
	struct ds_clock c;
	struct ds_reading r;
	double error_ns;

	(void)state;
	assert_int_equal(ds_clock_open_virtual(&c, 0.0, 0.0), 0);
	assert_false(ds_clock_carry_device(&c, INDEX, S, &r, &error_ns));
	assert_false(ds_clock_keeps_tai(&c));
	assert_false(ds_clock_phc_leap(&c, S));
	assert_true(fpclassify(ds_clock_phc_error_ns(&c)) == FP_ZERO);
	ds_clock_phc_tend(&c);
	ds_clock_phc_slept(&c);
	ds_clock_phc_close(&c);
}

/* A driver that reads, adds and writes: what that takes is found, and is no jump. */
static void steps_are_followed(void **state)
{
	int64_t began_ns;

	(void)state;
	make_device(1000 * S, 0);
	open_clock(true);
	began_ns = raw_error_ns();
	device.lost_ns = 40000;
	assert_int_equal(ds_clock_step(&the_clock, -5 * S + 17), 0);
	assert_int_equal(device.steps, 1);
	assert_near(clock_error_ns(), 0, NEAR_NS);
	assert_near(raw_error_ns(), began_ns, NEAR_NS);
	assert_int_equal(ds_clock_take_jump(&the_clock), 0);
	assert_int_equal(the_phc.steps, 0);
	device.set_error = -EPERM;
	assert_int_equal(ds_clock_step(&the_clock, S), -EPERM);
	assert_int_equal(ds_clock_set_rate(&the_clock, 10), -EPERM);
	assert_near(clock_error_ns(), 0, NEAR_NS);
}

static void steps_by_others_are_found(void **state)
{
	static const int64_t steps[] = {5 * S, -5 * S, 100000, -100000};
	int64_t began_ns;

	(void)state;
	make_device(1700000000 * S, 5000);
	open_clock(true);
	began_ns = raw_error_ns();
	for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		sleep_ms(10);
		tend();
		device.shown.to_ns += steps[i];
		assert_near(clock_error_ns(), -steps[i], NEAR_NS);
		tend();
		assert_near(clock_error_ns(), 0, NEAR_NS);
		assert_near(raw_error_ns(), began_ns, 3 * NEAR_NS);
		assert_near(ds_clock_take_jump(&the_clock), steps[i], NEAR_NS);
		assert_int_equal(ds_clock_take_jump(&the_clock), 0);
		assert_int_equal(the_phc.steps, i + 1);
	}
}

static void rates_of_others_are_undone(void **state)
{
	int64_t began_ns;

	(void)state;
	make_device(1700000000 * S, 0);
	open_clock(true);
	assert_int_equal(ds_clock_set_rate(&the_clock, 1234), 0);
	sleep_ms(20);
	tend();
	began_ns = raw_error_ns();
	turn(-4e6);
	sleep_ms(20);
	tend(); /* 80 us behind, and going on */
	assert_int_equal(the_phc.meddled, 1);
	assert_true(fabs(the_phc.meddled_ppb + 4e6) < 1);
	assert_true(fabs(device.rate_ppb - 1234) < 0.1);
	assert_near(clock_error_ns(), 0, NEAR_NS);
	assert_near(raw_error_ns(), began_ns, 2 * NEAR_NS);
	assert_true(ds_clock_take_jump(&the_clock) < -60000);
	sleep_ms(20);
	tend();
	assert_int_equal(the_phc.meddled, 1);
	assert_near(clock_error_ns(), 0, NEAR_NS);
	/* also where we set another one before the next reading */
	turn(7e6);
	sleep_ms(20);
	assert_int_equal(ds_clock_set_rate(&the_clock, 0), 0);
	assert_int_equal(the_phc.meddled, 2);
	assert_true(the_phc.due_ns <= ds_monotonic_ns());
	tend();
	assert_near(clock_error_ns(), 0, NEAR_NS);
	assert_true(ds_clock_take_jump(&the_clock) > 100000);
}

static void rates_are_cut_off(void **state)
{
	(void)state;
	make_device(0, 0);
	device.max_ppb = 1000000;
	open_clock(true);
	assert_int_equal(ds_clock_set_rate(&the_clock, 8e7), 0);
	assert_near(llrint(ds_clock_rate_ppb(&the_clock)), 1000000, 1);
	assert_int_equal(ds_clock_set_rate(&the_clock, -8e7), 0);
	assert_near(llrint(ds_clock_rate_ppb(&the_clock)), -1000000, 1);
	assert_int_equal(ds_clock_set_rate(&the_clock, (double)NAN), -EINVAL);
}

/* The host slept for 100 s, in which CLOCK_MONOTONIC_RAW stood still, and the PHC did not. */
static void a_sleep_is_no_jump(void **state)
{
	int64_t began_ns;

	(void)state;
	make_device(1700000000 * S, 5000);
	open_clock(true);
	began_ns = raw_error_ns();
	for (int i = 0; i < 3; i++) {
		sleep_ms(10);
		tend();
	}
	device.shown.to_ns += 100 * S;
	ds_clock_phc_slept(&the_clock);
	assert_near(clock_error_ns(), 0, NEAR_NS);
	assert_near(raw_error_ns(), began_ns, 2 * NEAR_NS);
	for (int i = 0; i < 3; i++) {
		sleep_ms(10);
		tend();
		assert_near(clock_error_ns(), 0, NEAR_NS);
	}
	assert_int_equal(ds_clock_take_jump(&the_clock), 0);
	assert_int_equal(the_phc.steps, 0);
}

/* -x: nothing is written; the raw scale is CLOCK_MONOTONIC_RAW, whatever others do. */
static void is_only_read(void **state)
{
	struct ds_reading r;
	int64_t before_ns;

	(void)state;
	make_device(1700000000 * S, 0);
	turn(40000);
	open_clock(false);
	assert_false(device.written);
	for (int i = 0; i < 4; i++) {
		sleep_ms(20);
		tend();
	}
	assert_near(clock_error_ns(), 0, NEAR_NS);
	before_ns = read_ns(CLOCK_MONOTONIC_RAW);
	ds_clock_read(&the_clock, &r);
	assert_near(r.raw_ns, before_ns, 100000);
	assert_true(fabs(ds_clock_rate_ppb(&the_clock) - 40000) < 20000);
	assert_int_equal(ds_clock_set_rate(&the_clock, 5e5), 0);
	assert_int_equal(ds_clock_step(&the_clock, S), 0);
	device.shown.to_ns -= 2 * S;
	tend();
	assert_near(clock_error_ns(), 0, NEAR_NS);
	assert_near(ds_clock_take_jump(&the_clock), -2 * S, NEAR_NS);
	assert_int_equal(device.sets + device.steps, 0);
}

static void keeps_tai(void **state)
{
	const struct ds_clock_phc_config config = {.path = "x", .steer = true, .tai_s = 37};
	struct ds_reading r, before;
	int64_t shown;
	double error_ns;
	char why[DS_WHY];

	(void)state;
	make_device(1700000037 * S, 0);
	assert_int_equal(ds_clock_open_phc(&the_clock, &the_phc, &config, why), 0);
	assert_true(ds_clock_keeps_tai(&the_clock));
	assert_near(clock_error_ns(), -37 * S, NEAR_NS);
	ds_clock_read(&the_clock, &before);
	assert_true(ds_clock_phc_leap(&the_clock, -S));
	ds_clock_read(&the_clock, &r);
	assert_near(r.clock_ns - before.clock_ns, -S, 100000);
	assert_near(r.raw_ns - before.raw_ns, 0, 100000);
	assert_near(clock_error_ns(), -38 * S, NEAR_NS);
	tend();
	assert_int_equal(ds_clock_take_jump(&the_clock), 0);
	assert_int_equal(device.steps, 0);
	shown = ds_phc_now_ns(0);
	assert_true(ds_clock_carry_device(&the_clock, INDEX, shown, &r, &error_ns));
	assert_int_equal(r.clock_ns, shown - 38 * S);
}

static void failures_are_named(void **state)
{
	const struct ds_clock_phc_config config = {.path = "eth9", .steer = true};
	char why[DS_WHY];

	(void)state;
	make_device(0, 0);
	device.open_error = -ENODEV;
	assert_int_equal(ds_clock_open_phc(&the_clock, &the_phc, &config, why), -ENODEV);
	make_device(0, 0);
	device.max_ppb = 0;
	assert_int_equal(ds_clock_open_phc(&the_clock, &the_phc, &config, why), -EOPNOTSUPP);
	assert_non_null(strstr(why, "eth9"));
	assert_non_null(strstr(why, "max_adj"));
	make_device(0, 0);
	device.set_error = -EBUSY;
	device.vclocks = 2;
	assert_int_equal(ds_clock_open_phc(&the_clock, &the_phc, &config, why), -EBUSY);
	assert_non_null(strstr(why, "virtual clocks"));
	device.set_error = -EACCES;
	assert_int_equal(ds_clock_open_phc(&the_clock, &the_phc, &config, why), -EACCES);
	make_device(0, 0);
	device.read_error = EIO;
	assert_int_equal(ds_clock_open_phc(&the_clock, &the_phc, &config, why), -EIO);
}

/* A card that is gone: the clock goes on by what was known, and it is counted. */
static void goes_on_without_readings(void **state)
{
	(void)state;
	make_device(1700000000 * S, 1000);
	open_clock(true);
	for (int i = 0; i < 4; i++) {
		sleep_ms(10);
		tend();
	}
	device.read_error = ENODEV;
	sleep_ms(10);
	tend();
	assert_int_equal(the_phc.failed, 1);
	assert_int_equal(the_phc.error, -ENODEV);
	assert_true(the_phc.due_ns > ds_monotonic_ns() + S / 2);
	assert_near(clock_error_ns(), 0, 2 * NEAR_NS);
	ds_clock_phc_close(&the_clock);
	assert_int_equal(the_phc.phc.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_read_by_its_line),
		cmocka_unit_test(its_raw_scale_is_undisturbed),
		cmocka_unit_test(its_own_stamps_are_exact),
		cmocka_unit_test(other_clocks_have_no_device),
		cmocka_unit_test(steps_are_followed),
		cmocka_unit_test(steps_by_others_are_found),
		cmocka_unit_test(rates_of_others_are_undone),
		cmocka_unit_test(rates_are_cut_off),
		cmocka_unit_test(a_sleep_is_no_jump),
		cmocka_unit_test(is_only_read),
		cmocka_unit_test(keeps_tai),
		cmocka_unit_test(failures_are_named),
		cmocka_unit_test(goes_on_without_readings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
