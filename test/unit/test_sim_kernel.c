/* sim/kernel: the modelled clocks do what clock_gettime(2) and adjtimex(2) say. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/kernel.h"

#define SECOND INT64_C(1000000000)
#define BEGIN  (INT64_C(1795420800) * SECOND)

static const struct sim_oscillator_model perfect;
static struct sim_kernel k;

static void begin(int64_t real_ns)
{
	sim_kernel_init(&k, &perfect, 1000 * SECOND, real_ns, 1, "clock");
}

static int adjust(unsigned modes, long freq, long tick)
{
	struct timex t = {.modes = modes, .freq = freq, .tick = tick};

	return sim_kernel_adjust(&k, &t);
}

static void near_to(int64_t value, int64_t wanted)
{
	if (llabs(value - wanted) > 1)
		fail_msg("%lld, wanted %lld", (long long)value, (long long)wanted);
}

static void rates(void **state)
{
	(void)state;
	begin(BEGIN);
	/* 100 ppm by freq, 1000 ppm by a tick of 10010 us */
	assert_int_equal(adjust(ADJ_FREQUENCY | ADJ_TICK, 100 << 16, 10010), TIME_ERROR);
	sim_kernel_advance(&k, 10 * SECOND);
	near_to(k.raw.ns, 1010 * SECOND);
	near_to(k.real.ns, BEGIN + 10 * SECOND + 11000000);
	near_to(k.mono.ns, 1010 * SECOND + 11000000);
	/* more than 500 ppm is cut off; a tick beyond 10 % is refused */
	adjust(ADJ_FREQUENCY | ADJ_TICK, 600 << 16, 10000);
	assert_int_equal(k.freq, 500 << 16);
	assert_int_equal(adjust(ADJ_TICK, 0, 11001), -1);
	assert_int_equal(errno, EINVAL);
}

static void steps(void **state)
{
	struct timex t = {.modes = ADJ_SETOFFSET | ADJ_NANO, .time = {-2, 500000000}};

	(void)state;
	begin(BEGIN);
	sim_kernel_adjust(&k, &t);
	assert_int_equal(k.real.ns, BEGIN - 1500000000);
	assert_int_equal(k.mono.ns, 1000 * SECOND);
	t.time.tv_usec = -1;
	assert_int_equal(sim_kernel_adjust(&k, &t), -1);
}

static void status(void **state)
{
	struct timex t = {.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR | ADJ_TAI,
			  .status = 0,
			  .maxerror = 5,
			  .esterror = 3,
			  .constant = 37};

	(void)state;
	begin(BEGIN);
	assert_int_equal(sim_kernel_adjust(&k, &t), TIME_OK);
	t = (struct timex){.modes = 0};
	sim_kernel_adjust(&k, &t);
	assert_int_equal(t.maxerror, 5);
	assert_int_equal(t.esterror, 3);
	assert_int_equal(t.tai, 37);
	assert_int_equal(t.tick, 10000);
}

/* A second is counted twice, or left out; and the flag is obeyed once. */
static void leaps(void **state)
{
	const int64_t midnight = INT64_C(86400) * 20781 * SECOND;
	struct timex t = {.modes = ADJ_STATUS, .status = STA_INS};

	(void)state;
	begin(midnight - SECOND / 2);
	sim_kernel_adjust(&k, &t);
	sim_kernel_advance(&k, SECOND / 4);
	near_to(k.real.ns, midnight - SECOND / 4);
	sim_kernel_advance(&k, SECOND);
	near_to(k.real.ns, midnight - SECOND / 2);
	/* once */
	sim_kernel_advance(&k, 5 * SECOND);
	near_to(k.real.ns, midnight + SECOND * 7 / 2);

	begin(midnight - SECOND * 3 / 2);
	t.status = STA_DEL;
	sim_kernel_adjust(&k, &t);
	sim_kernel_advance(&k, SECOND / 4);
	near_to(k.real.ns, midnight - SECOND * 5 / 4);
	sim_kernel_advance(&k, SECOND);
	near_to(k.real.ns, midnight + SECOND / 2);
	sim_kernel_advance(&k, 5 * SECOND);
	near_to(k.real.ns, midnight + SECOND * 9 / 2);
}

static void sleeps(void **state)
{
	(void)state;
	begin(BEGIN);
	sim_kernel_suspend(&k, 10 * SECOND);
	sim_kernel_resume(&k, 70 * SECOND, 1000);
	sim_kernel_advance(&k, 80 * SECOND);
	near_to(k.raw.ns, 1020 * SECOND);
	near_to(k.mono.ns, 1020 * SECOND);
	near_to(k.real.ns, BEGIN + 80 * SECOND + 1000);
	assert_int_equal(k.slept_ns, 60 * SECOND);
}

/* Timers are by MONOTONIC, whatever its rate. */
static void when(void **state)
{
	int64_t at;

	(void)state;
	begin(BEGIN);
	adjust(ADJ_TICK, 0, 9000);
	at = sim_kernel_when(&k, SECOND);
	sim_kernel_advance(&k, at);
	assert_true(k.mono.ns >= 1001 * SECOND);
	assert_true(k.mono.ns < 1001 * SECOND + 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates), cmocka_unit_test(steps),  cmocka_unit_test(status),
		cmocka_unit_test(leaps), cmocka_unit_test(sleeps), cmocka_unit_test(when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
