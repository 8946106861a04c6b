/*
 * clock: the lines to the nanosecond, the virtual clock against the machine's, and that nothing
 * here can set the machine's clock.
 * It must never open a clock to steer it in a process that has the right to.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/clock.h"
#include "os/privilege.h"

#define S    INT64_C(1000000000)
#define WEEK (7 * 86400 * S)

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

/* A rate of 2^-20 is exact in every representation: a week gains WEEK / 2^20, rounded down. */
static void line_is_exact_over_a_week(void **state)
{
	const int64_t from = 1234567890123456789, to = 1790000000 * S + 17;
	const struct ds_line fast = ds_line_make(from, to, ldexp(1e9, -20));
	const struct ds_line slow = ds_line_make(from, to, -ldexp(1e9, -20));

	(void)state;
	for (int64_t t = 0; t <= WEEK; t += WEEK / 1000 + 1) {
		assert_near(ds_line_at(&fast, from + t), to + t + (t >> 20), 1);
		assert_near(ds_line_at(&slow, from + t), to + t - (t >> 20), 1);
	}
	assert_int_equal(ds_line_at(&fast, from), to);
	assert_near(ds_line_at(&fast, from - WEEK), to - WEEK - (WEEK >> 20), 1);
}

/* A change of rate every second, never at a whole nanosecond of the other scale: what is cut off
 * would add up to 0.3 ms a week. */
static void bends_lose_nothing(void **state)
{
	struct ds_line line = ds_line_make(0, 0, 0.0);
	/* in 2^-14 ns, so that the sum is exact */
	int64_t at = 0, gained_q14 = 0;

	(void)state;
	for (int i = 0; i < 7 * 86400; i++) {
		const int sign = i % 3 == 0 ? -1 : 1;
		const int64_t step = S + 1 + i % 7;

		ds_line_bend(&line, at, sign * ldexp(1e9, -14));
		at += step;
		gained_q14 += sign * step;
	}
	assert_near(ds_line_at(&line, at), at + (gained_q14 >> 14), 1);
}

static void bend_is_continuous(void **state)
{
	struct ds_line line = ds_line_make(100, 200, 5e7), before;

	(void)state;
	for (int64_t t = 100; t < 100 + 1000 * S; t += 7 * S + 3) {
		before = line;
		ds_line_bend(&line, t, t % 2 ? 1e8 : -1e8);
		assert_int_equal(ds_line_at(&line, t), ds_line_at(&before, t));
	}
	assert_true(fabs(ds_line_rate_ppb(&line)) == 1e8 ||
		    fabs(fabs(ds_line_rate_ppb(&line)) - 1e8) < 1e-6);
}

static void virtual_begins_at_its_offset(void **state)
{
	struct ds_clock c;

	(void)state;
	assert_int_equal(ds_clock_open_virtual(&c, 0.05, 0.0), 0);
	assert_near(ds_clock_minus_realtime_ns(&c), S / 20, 2000);
	assert_int_equal(ds_clock_open_virtual(&c, -3e8, 0.0), 0);
	assert_near(ds_clock_minus_realtime_ns(&c), -300000000 * S, 2000);
	assert_in_range(c.precision_ns, 1, S);
}

static int64_t mono_raw_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * S + t.tv_nsec;
}

/* 10000 ppm over some 20 ms, against this process's own readings of the oscillator around it.
 * False where the scheduler came between two readings that belong together. */
static bool try_rate(void)
{
	struct ds_clock c;
	struct ds_reading a, b;
	int64_t at[4], offset[2], elapsed;

	assert_int_equal(ds_clock_open_virtual(&c, 0.0, 1e4), 0);
	at[0] = mono_raw_ns();
	ds_clock_read(&c, &a);
	offset[0] = ds_clock_minus_realtime_ns(&c);
	at[1] = mono_raw_ns();
	sleep_ms(20);
	at[2] = mono_raw_ns();
	ds_clock_read(&c, &b);
	offset[1] = ds_clock_minus_realtime_ns(&c);
	at[3] = mono_raw_ns();
	if (at[1] - at[0] > 20000 || at[3] - at[2] > 20000)
		return false;
	elapsed = at[2] - at[0];
	assert_near(b.raw_ns - a.raw_ns, elapsed + elapsed / 100, 50000);
	assert_near(offset[1] - offset[0], elapsed / 100, 2000);
	/* no correction: clock and raw scale run alike */
	assert_near(b.clock_ns - a.clock_ns, b.raw_ns - a.raw_ns, 1);
	return true;
}

static void virtual_runs_at_its_rate(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		if (try_rate())
			return;
	}
	fail_msg("this machine never ran 20 us undisturbed");
}

static void virtual_is_corrected(void **state)
{
	struct ds_clock c;
	struct ds_reading a, b;

	(void)state;
	assert_int_equal(ds_clock_open_virtual(&c, 0.0, 0.0), 0);
	ds_clock_read(&c, &a);
	assert_int_equal(ds_clock_step(&c, -3 * S - 7), 0);
	ds_clock_read(&c, &b);
	assert_near((b.clock_ns - a.clock_ns) - (b.raw_ns - a.raw_ns), -3 * S - 7, 1);
	assert_int_equal(ds_clock_set_rate(&c, -1e8), 0);
	assert_true(fabs(ds_clock_rate_ppb(&c) + 1e8) < 1e-6);
	ds_clock_read(&c, &a);
	sleep_ms(20);
	ds_clock_read(&c, &b);
	assert_near((b.clock_ns - a.clock_ns) * 10, (b.raw_ns - a.raw_ns) * 9, 20);
}

static void bad_values_are_refused(void **state)
{
	struct ds_clock c;

	(void)state;
	assert_int_equal(ds_clock_open_virtual(&c, 1.1e9, 0.0), -EINVAL);
	assert_int_equal(ds_clock_open_virtual(&c, 0.0, 1.1e5), -EINVAL);
	assert_int_equal(ds_clock_open_virtual(&c, (double)NAN, 0.0), -EINVAL);
	assert_int_equal(ds_clock_open_virtual(&c, 0.0, (double)NAN), -EINVAL);
	assert_int_equal(ds_clock_open_virtual(&c, 0.0, 0.0), 0);
	assert_int_equal(ds_clock_set_rate(&c, 1.01e8), -EINVAL);
	assert_int_equal(ds_clock_set_rate(&c, (double)NAN), -EINVAL);
	assert_true(fpclassify(ds_clock_rate_ppb(&c)) == FP_ZERO);
}

/* A stamp of the kernel between two readings comes out between them, on both scales, also after
 * the rate was changed meanwhile. */
static void stamps_are_carried(void **state)
{
	struct ds_clock c;
	struct ds_reading a, b, carried;
	struct timespec t;
	int64_t real;

	(void)state;
	assert_int_equal(ds_clock_open_virtual(&c, 0.05, 30.0), 0);
	ds_clock_read(&c, &a);
	clock_gettime(CLOCK_REALTIME, &t);
	real = t.tv_sec * S + t.tv_nsec;
	ds_clock_read(&c, &b);
	ds_clock_carry(&c, real, &carried);
	/* 200 ns: the anchor may have been replaced */
	assert_true(a.raw_ns <= carried.raw_ns + 200 && carried.raw_ns <= b.raw_ns + 200);
	assert_true(a.clock_ns <= carried.clock_ns + 200 && carried.clock_ns <= b.clock_ns + 200);

	struct ds_rx_stamp rx = ds_clock_rx_stamp(&c, real, DS_STAMP_KERNEL);
	struct ds_tx_stamp tx = ds_clock_tx_stamp(&c, real, DS_STAMP_HARDWARE);

	assert_int_equal(rx.clock_ns, carried.clock_ns);
	assert_int_equal(rx.raw_ns, carried.raw_ns);
	assert_int_equal(rx.source, DS_STAMP_KERNEL);
	assert_int_equal(tx.clock_ns, carried.clock_ns);
	assert_int_equal(tx.raw_ns, carried.raw_ns);
	assert_int_equal(tx.source, DS_STAMP_HARDWARE);
	assert_int_equal(ds_clock_tx_now(&c).source, DS_STAMP_DAEMON);
	assert_int_equal(ds_clock_rx_now(&c).source, DS_STAMP_DAEMON);
}

/* A packet was under way when we began to slew by 10 %: its stamp knows nothing of that. */
static void older_stamps_keep_their_anchor(void **state)
{
	struct ds_clock c;
	struct ds_reading carried;
	int64_t from;

	(void)state;
	assert_int_equal(ds_clock_open_virtual(&c, 0.0, 0.0), 0);
	from = c.mono_raw.from_ns;
	c.mono_raw = ds_line_make(from, c.mono_raw.to_ns, -9.1e7);
	ds_clock_carry(&c, from - 1000000, &carried);
	assert_near(carried.raw_ns, ds_line_at(&c.raw, c.mono_raw.to_ns) - 1000000, 1);
	ds_clock_carry(&c, from + 1000000, &carried);
	assert_near(carried.raw_ns, ds_line_at(&c.raw, c.mono_raw.to_ns) + 909000, 1);
	/* We stepped forward: what is between the two did not happen. */
	c.mono_raw.from_ns += 5 * S;
	ds_clock_carry(&c, from - 1000000, &carried);
	assert_near(carried.raw_ns, ds_line_at(&c.raw, c.mono_raw.to_ns) - 1000000, 1);
}

/* An anchor that claims what is not so is found out by the next reading. */
static void contradicted_anchor_is_replaced(void **state)
{
	struct ds_clock c;
	struct ds_reading before, after;
	uint64_t anchors;

	(void)state;
	assert_int_equal(ds_clock_open_virtual(&c, 0.0, 0.0), 0);
	ds_clock_read(&c, &before);
	anchors = c.anchors;
	c.real.to_ns += S;
	c.mono_raw.from_ns += S;
	/* a wide reading contradicts nothing under its width, a second is more than any */
	ds_clock_read(&c, &after);
	assert_true(c.anchors > anchors);
	assert_near(after.raw_ns - before.raw_ns, 0, S / 2);
}

/* The machine's clock is not set here: the anchor is moved, which looks the same. */
static void setting_by_others_is_noticed(void **state)
{
	struct ds_clock clock;
	struct ds_reading now;

	(void)state;
	assert_int_equal(ds_clock_open_system(&clock, false), 0);
	ds_clock_read(&clock, &now);
	assert_int_equal(ds_clock_take_jump(&clock), 0);
	clock.real.to_ns -= 500000; /* a rate that others changed may do that */
	ds_clock_read(&clock, &now);
	assert_int_equal(ds_clock_take_jump(&clock), 0);
	clock.real.to_ns -= 5 * S;
	ds_clock_read(&clock, &now);
	ds_clock_read(&clock, &now);
	clock.real.to_ns += 2 * S;
	ds_clock_read(&clock, &now);
	assert_near(ds_clock_take_jump(&clock), 3 * S, 1000000);
	assert_int_equal(ds_clock_take_jump(&clock), 0);
}

static void time_asleep_does_not_go_back(void **state)
{
	const int64_t before = ds_suspended_ns();

	(void)state;
	sleep_ms(20);
	assert_true(before >= 0);
	/* awake all the time: reading two clocks takes what it takes, 20 ms are not in it */
	assert_near(ds_suspended_ns(), before, 10000000);
}

static void anchor_that_holds_stays(void **state)
{
	struct ds_clock c;
	struct ds_reading r;
	struct timex t = {.modes = 0};

	(void)state;
	adjtimex(&t);
	if (t.status & STA_PLL || t.offset != 0)
		skip(); /* somebody slews this machine's clock */
	assert_int_equal(ds_clock_open_virtual(&c, 0.0, 0.0), 0);
	for (int i = 0; i < 20000; i++)
		ds_clock_read(&c, &r);
	assert_true(c.anchors < 100);
}

static void unsteered_system_is_left_alone(void **state)
{
	struct timex before = {.modes = 0}, after = {.modes = 0};
	struct ds_clock c;
	struct ds_reading r;

	(void)state;
	assert_int_equal(ds_clock_open_system(&c, false), 0);
	adjtimex(&before);
	assert_int_equal(ds_clock_set_rate(&c, 1e5), 0);
	assert_int_equal(ds_clock_step(&c, S), 0);
	assert_int_equal(ds_clock_tell_kernel(&c, &(struct ds_kernel_view){.synchronised = true}),
			 0);
	adjtimex(&after);
	assert_int_equal(before.freq, after.freq);
	assert_int_equal(before.tick, after.tick);
	assert_int_equal(before.status, after.status);
	assert_int_equal(ds_clock_minus_realtime_ns(&c), 0);
	ds_clock_read(&c, &r);
	assert_near(r.clock_ns, time(NULL) * S, 2 * S);
}

/* In a child without CAP_SYS_TIME: 0 if all is as it should be, else the number of what is not. */
static int try_without_right(void)
{
	struct ds_clock c;
	struct ds_reading r = {0};
	char why[DS_WHY];

	if (ds_privilege_drop("nobody", false, false, why) < 0)
		return 1;
	if (ds_privilege_may_set_clock())
		return 2;
	if (ds_clock_open_system(&c, true) != -EPERM)
		return 3;
	if (c.steer)
		return 4;
	ds_clock_read(&c, &r);
	return r.clock_ns > 0 ? 0 : 5;
}

static void steering_needs_the_right(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(try_without_right());
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_exact_over_a_week),
		cmocka_unit_test(bends_lose_nothing),
		cmocka_unit_test(bend_is_continuous),
		cmocka_unit_test(virtual_begins_at_its_offset),
		cmocka_unit_test(virtual_runs_at_its_rate),
		cmocka_unit_test(virtual_is_corrected),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(stamps_are_carried),
		cmocka_unit_test(older_stamps_keep_their_anchor),
		cmocka_unit_test(contradicted_anchor_is_replaced),
		cmocka_unit_test(setting_by_others_is_noticed),
		cmocka_unit_test(time_asleep_does_not_go_back),
		cmocka_unit_test(anchor_that_holds_stays),
		cmocka_unit_test(unsteered_system_is_left_alone),
		cmocka_unit_test(steering_needs_the_right),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
