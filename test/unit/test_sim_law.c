/* sim/law: means, tails, and that a law's density is that of its draws. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/law.h"

static const int N = 200000;

static const double recorded[] = {100.0, 200.0, 300.0};
static const struct sim_law laws[] = {
	{.kind = SIM_LAW_NONE},
	{.kind = SIM_LAW_EXP, .a = 1000.0},
	{.kind = SIM_LAW_GAMMA, .a = 3.0, .b = 1000.0},
	{.kind = SIM_LAW_GAMMA, .a = 0.5, .b = 1000.0},
	{.kind = SIM_LAW_PARETO, .a = 1000.0, .b = 4.0},
	{.kind = SIM_LAW_UNIFORM, .a = 1000.0},
	{.kind = SIM_LAW_GAUSS, .a = 1000.0},
	{.kind = SIM_LAW_TWOLEVEL, .a = 0.3, .b = 1000.0},
	{.kind = SIM_LAW_SELFSIMILAR, .a = 1000.0, .b = 0.5},
	{.kind = SIM_LAW_RECORDED, .recorded_ns = recorded, .recorded_count = 3},
};

#define LAWS (sizeof laws / sizeof laws[0])

static void means(void **state)
{
	(void)state;
	for (size_t i = 0; i < LAWS; i++) {
		struct sim_law_state st = {0};
		struct sim_random r;
		double sum = 0.0;

		sim_random_init(&r, i, "mean");
		for (int k = 0; k < N; k++) {
			/* far apart: no draw knows the one before */
			double x = sim_law_draw(&laws[i], &st, &r, 1e7 * k);

			assert_true(x >= 0.0);
			sum += x / N;
		}
		assert_true(fabs(sum - sim_law_mean(&laws[i])) <= 0.02 * sim_law_mean(&laws[i]));
	}
}

/* The share of draws below a value is the integral of the density up to it. */
static void densities(void **state)
{
	(void)state;
	for (size_t i = 1; i < LAWS - 1; i++) {
		struct sim_law_state st = {0};
		struct sim_random r;
		double integral = 0.0;
		int below = 0;

		if (laws[i].kind == SIM_LAW_GAMMA && laws[i].a < 1.0)
			continue; /* no bound at 0: the density is cut off there */
		sim_random_init(&r, i, "density");
		for (int k = 0; k < N; k++)
			below += sim_law_draw(&laws[i], &st, &r, 1e7 * k) + 5.0 * sim_gaussian(&r) <
				 600.0;
		for (double x = -49.5; x < 600.0; x += 1.0)
			integral += exp(sim_law_log_density(&laws[i], x, 5.0));
		if (!(fabs(integral - (double)below / N) < 0.015))
			fail_msg("law %zu: %g, drawn %g", i, integral, (double)below / N);
	}
}

static void tails(void **state)
{
	struct sim_law pareto = {.kind = SIM_LAW_PARETO, .a = 1000.0, .b = 1.5};
	struct sim_law_state st = {0};
	struct sim_random r;
	int beyond = 0;

	(void)state;
	sim_random_init(&r, 1, "tail");
	for (int k = 0; k < N; k++)
		beyond += sim_law_draw(&pareto, &st, &r, k) > 99000.0;
	/* (1 + 99)^-1.5 is one in a thousand */
	assert_in_range(beyond, N / 1000 * 0.8, N / 1000 * 1.2);
	pareto.b = 1.0;
	assert_true(isinf(sim_law_mean(&pareto)));
}

/* On the high level it stays for about its dwell. */
static void levels_last(void **state)
{
	struct sim_law law = {.kind = SIM_LAW_TWOLEVEL, .a = 0.2, .b = 1.0, .c = 100e9};
	struct sim_law_state st = {0};
	struct sim_random r;
	int changes = 0, high = 0;
	double before = 0.0;

	(void)state;
	sim_random_init(&r, 1, "level");
	for (int k = 0; k < N; k++) {
		double level = sim_law_draw(&law, &st, &r, k);

		changes += level > before;
		high += level > 0.0;
		before = level;
	}
	assert_true(fabs((double)high / changes - 100.0) < 10.0);
	assert_true(fabs((double)high / N - 0.2) < 0.03);
}

/* Averaging a thousand draws of a load without a scale hardly calms it. */
static void load_is_self_similar(void **state)
{
	struct sim_law law = {.kind = SIM_LAW_SELFSIMILAR, .a = 1000.0, .b = 0.7};
	struct sim_law_state st = {0};
	struct sim_random r;
	double mean = 0.0, square = 0.0;

	(void)state;
	sim_random_init(&r, 1, "load");
	for (int block = 0; block < 200; block++) {
		double sum = 0.0;

		for (int k = 0; k < 1000; k++)
			sum += sim_law_draw(&law, &st, &r, block * 1000 + k) / 1000.0;
		mean += sum / 200.0;
		square += sum * sum / 200.0;
	}
	/* independent exponentials would give 0.03 */
	assert_true(sqrt(square - mean * mean) / mean > 0.2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(means),
		cmocka_unit_test(densities),
		cmocka_unit_test(tails),
		cmocka_unit_test(levels_last),
		cmocka_unit_test(load_is_self_similar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
