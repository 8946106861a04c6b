/* sim/random: the reference sequence, streams, moments. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/random.h"

/* xoshiro256** from the state 1, 2, 3, 4: the values of its authors' C program. */
static void is_xoshiro(void **state)
{
	static const uint64_t wanted[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240),
					  UINT64_C(1216172134540287360)};
	struct sim_random r = {.state = {1, 2, 3, 4}};

	(void)state;
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		assert_int_equal(sim_random64(&r), wanted[i]);
}

static void streams_differ(void **state)
{
	struct sim_random a, b, c, again;
	int same = 0;

	(void)state;
	sim_random_init(&a, 1, "a");
	sim_random_init(&b, 1, "b");
	sim_random_init(&c, 2, "a");
	sim_random_init(&again, 1, "a");
	for (int i = 0; i < 100; i++) {
		uint64_t x = sim_random64(&a);

		assert_int_equal(x, sim_random64(&again));
		same += x == sim_random64(&b);
		same += x == sim_random64(&c);
	}
	assert_int_equal(same, 0);
}

static void moments(void **state)
{
	static const int N = 1000000;
	double uniform = 0.0, gauss = 0.0, square = 0.0, fourth = 0.0, exponential = 0.0;
	struct sim_random r;

	(void)state;
	sim_random_init(&r, 7, "moments");
	for (int i = 0; i < N; i++) {
		double u = sim_uniform(&r);
		double g = sim_gaussian(&r);
		double e = sim_exponential(&r);

		assert_true(u > 0.0 && u < 1.0 && e > 0.0);
		uniform += u / N;
		gauss += g / N;
		square += g * g / N;
		fourth += g * g * g * g / N;
		exponential += e / N;
	}
	/* five standard deviations of each mean */
	assert_true(fabs(uniform - 0.5) < 5 * 0.289e-3);
	assert_true(fabs(gauss) < 5e-3);
	assert_true(fabs(square - 1.0) < 5 * 1.42e-3);
	assert_true(fabs(fourth - 3.0) < 5 * 9.8e-3);
	assert_true(fabs(exponential - 1.0) < 5e-3);
}

static void chances(void **state)
{
	struct sim_random r, before;
	int n = 0;

	(void)state;
	sim_random_init(&r, 3, "chance");
	before = r;
	assert_false(sim_chance(&r, 0.0));
	assert_int_equal(r.state[0], before.state[0]);
	for (int i = 0; i < 100000; i++)
		n += sim_chance(&r, 0.3);
	assert_in_range(n, 29000, 31000);
	assert_true(sim_chance(&r, 1.0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_xoshiro),
		cmocka_unit_test(streams_differ),
		cmocka_unit_test(moments),
		cmocka_unit_test(chances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
