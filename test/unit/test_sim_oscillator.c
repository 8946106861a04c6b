/* sim/oscillator: the Allan deviation of each kind of noise is what the model says. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim/oscillator.h"

#define SECOND INT64_C(1000000000)
#define SEEDS  8

/* Overlapping Allan deviation at `n` seconds, over `length` seconds, mean of variances of SEEDS. */
static double allan(const struct sim_oscillator_model *model, int n, int length)
{
	double *phase = malloc((size_t)(length + 1) * sizeof *phase);
	double sum = 0.0;
	int64_t count = 0;

	assert_non_null(phase);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim_oscillator o;

		sim_oscillator_init(&o, model, 0, seed, "clock");
		for (int i = 0; i <= length; i++) {
			sim_oscillator_advance(&o, i * SECOND);
			phase[i] = (double)(o.raw_ns - i * SECOND) + o.raw_part;
		}
		for (int i = 0; i + 2 * n <= length; i++) {
			double d = phase[i + 2 * n] - 2.0 * phase[i + n] + phase[i];

			sum += d * d;
			count++;
		}
	}
	free(phase);
	return sqrt(sum / (2.0 * (double)count)) / (1e9 * n);
}

static void near_to(double value, double wanted, double part)
{
	if (!(fabs(value / wanted - 1.0) < part))
		fail_msg("%g, wanted %g within %g", value, wanted, part);
}

static void white(void **state)
{
	struct sim_oscillator_model m = {.white = 1e-8};

	(void)state;
	near_to(allan(&m, 1, 20000), 1e-8, 0.03);
	near_to(allan(&m, 100, 20000), 1e-9, 0.10);
}

static void flicker(void **state)
{
	struct sim_oscillator_model m = {.flicker = 1e-9};

	(void)state;
	near_to(allan(&m, 8, 20000), 1e-9, 0.10);
	near_to(allan(&m, 64, 20000), 1e-9, 0.10);
	near_to(allan(&m, 512, 40000), 1e-9, 0.15);
}

static void wander(void **state)
{
	struct sim_oscillator_model m = {.wander = 1e-9};

	(void)state;
	near_to(allan(&m, 100, 40000), 1e-9 * sqrt(100.0 / 3.0), 0.10);
	near_to(allan(&m, 1000, 40000), 1e-9 * sqrt(1000.0 / 3.0), 0.25);
}

static void cycles(void **state)
{
	struct sim_oscillator_model m = {.freq = 1e-5,
					 .cycles = {{.amplitude = 1e-6, .period_s = 3600.0}},
					 .cycle_count = 1};
	struct sim_oscillator o;

	(void)state;
	sim_oscillator_init(&o, &m, 5, 1, "clock");
	sim_oscillator_advance(&o, 900 * SECOND);
	/* a quarter: 900 s * 10 ppm, and amplitude * period / 2 pi */
	near_to((double)(o.raw_ns - 5 - 900 * SECOND), 9e6 + 1e3 * 3600.0 / 6.283185, 1e-4);
	sim_oscillator_advance(&o, 3600 * SECOND);
	near_to((double)(o.raw_ns - 5 - 3600 * SECOND), 36e6, 1e-4);
}

static void steps_and_repeats(void **state)
{
	struct sim_oscillator_model m = {.wander = 1e-8, .flicker = 1e-9, .white = 1e-9};
	struct sim_oscillator a, b;

	(void)state;
	sim_oscillator_init(&a, &m, 0, 9, "clock");
	sim_oscillator_init(&b, &m, 0, 9, "clock");
	/* however often it is looked at */
	for (int64_t t = 0; t <= 100 * SECOND; t += SECOND / 8)
		sim_oscillator_advance(&a, t);
	sim_oscillator_advance(&b, 100 * SECOND);
	assert_true(llabs(a.raw_ns - b.raw_ns) <= 1);
	sim_oscillator_step(&b, 1e-4);
	sim_oscillator_advance(&a, 110 * SECOND);
	sim_oscillator_advance(&b, 110 * SECOND);
	near_to((double)(b.raw_ns - a.raw_ns), 1e6, 1e-5);
	/* back in time: nothing */
	sim_oscillator_advance(&b, 0);
	assert_int_equal(b.now_ns, 110 * SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(white),
		cmocka_unit_test(flicker),
		cmocka_unit_test(wander),
		cmocka_unit_test(cycles),
		cmocka_unit_test(steps_and_repeats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
