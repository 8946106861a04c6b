/*
 * belief: beliefs and envelopes against sums done the long way.
 * It must never check a formula against itself.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock/belief.h"
#include "core/clock/envelope.h"

#define STEPS 400000

static bool close_to(double a, double b, double relative)
{
	return fabs(a - b) <= relative * fmax(fabs(a), fabs(b));
}

/* Density of bound = x + e + g at distance u = bound - x, by the closed form of an exponential
 * and a Gaussian. */
static double density(double u, double mean, double grain)
{
	return 0.5 / mean * exp(0.5 * grain * grain / mean / mean - u / mean) *
	       erfc((grain / mean - u / grain) * sqrt(0.5));
}

/* Moments of belief times likelihood by a sum over x. */
static void check(double m, double v, double bound, struct ds_lateness late)
{
	double from = m - 12.0 * sqrt(v);
	double step = 24.0 * sqrt(v) / STEPS;
	double grain = sqrt(late.grain_var_ns2);
	struct ds_envelope seen;
	double mass = 0.0;
	double mean = 0.0;
	double square = 0.0;

	for (int i = 0; i < STEPS; i++) {
		double x = from + (i + 0.5) * step;
		double u = bound - x;
		double p = exp(-0.5 * (x - m) * (x - m) / v) *
			   ((1.0 - late.tail) * density(u, late.usual_ns, grain) +
			    late.tail * density(u, late.usual_ns * DS_ENVELOPE_TAIL, grain));

		mass += p;
		mean += p * (x - m);
		square += p * (x - m) * (x - m);
	}
	mean /= mass;
	ds_envelope_look(m, v, bound, &late, &seen);
	assert_true(fabs(seen.mean_ns - m - mean) < 1e-4 * sqrt(v));
	assert_true(close_to(seen.var_ns2, square / mass - mean * mean, 1e-3));
	assert_true(fabs(seen.log_density - log(mass * step / sqrt(6.283185307179586 * v))) < 1e-4);
	assert_true(seen.tail >= 0.0 && seen.tail <= 1.0);
}

static void a_look_is_the_sum_over_all(void **state)
{
	(void)state;
	check(0.0, 1e4, 50.0, (struct ds_lateness){100.0, 0.02, 400.0});
	check(0.0, 1e4, -150.0, (struct ds_lateness){100.0, 0.02, 400.0});
	check(0.0, 1e4, 200.0, (struct ds_lateness){100.0, 0.05, 2500.0});
	check(70.0, 25.0, 100.0, (struct ds_lateness){20.0, 0.01, 100.0});
	check(0.0, 1e6, 300.0, (struct ds_lateness){50.0, 0.05, 900.0});
}

static void a_look_stays_finite(void **state)
{
	static const double wild[] = {-1e30, -1e18, -1e3, 0.0, 1.0, 1e6, 1e18, 1e30};
	static const double vars[] = {1e-6, 1.0, 1e20, 1e60};
	struct ds_lateness late = {1e3, 0.02, 100.0};
	struct ds_envelope seen;

	(void)state;
	for (int i = 0; i < 8; i++) {
		for (int j = 0; j < 4; j++) {
			ds_envelope_look(0.0, vars[j], wild[i], &late, &seen);
			assert_true(isfinite(seen.mean_ns) && isfinite(seen.log_density));
			assert_true(seen.var_ns2 > 0.0 && seen.var_ns2 <= vars[j] * (1.0 + 1e-12));
			assert_true(isfinite(seen.late_ns) && isfinite(seen.usual_ns));
		}
	}
}

/* Prompt packets are believed, late ones hardly. */
static void the_late_say_little(void **state)
{
	struct ds_lateness late = {1e3, 0.02, 100.0};
	struct ds_envelope prompt;
	struct ds_envelope slow;

	(void)state;
	ds_envelope_look(0.0, 1e6, -2000.0, &late, &prompt);
	ds_envelope_look(0.0, 1e6, 20000.0, &late, &slow);
	assert_true(prompt.mean_ns < -2000.0 && prompt.mean_ns > -3500.0);
	assert_true(prompt.var_ns2 < 3e5);
	assert_true(slow.tail > 0.9 && fabs(slow.mean_ns) < 150.0 && slow.var_ns2 > 9e5);
}

static const struct ds_walk walk = {.freq_var_ppb2 = 3.0, .offset_var_ns2 = 2.0};

static struct ds_belief begin(void)
{
	struct ds_belief b = {.mean = {100.0, 5.0, 1000.0},
			      .cov = {{1e4, 10.0, 20.0}, {10.0, 25.0, 1.0}, {20.0, 1.0, 400.0}}};

	return b;
}

static void assert_same(const struct ds_belief *a, const struct ds_belief *b, double relative)
{
	for (int i = 0; i < DS_BELIEF_SIZE; i++) {
		assert_true(fabs(a->mean[i] - b->mean[i]) < relative * sqrt(b->cov[i][i]));
		for (int j = 0; j < DS_BELIEF_SIZE; j++)
			assert_true(fabs(a->cov[i][j] - b->cov[i][j]) <
				    relative * sqrt(b->cov[i][i] * b->cov[j][j]));
	}
}

/* Two halves of an interval are the whole; and the random walk is the one of the textbooks. */
static void time_passes_evenly(void **state)
{
	struct ds_interval whole = {.dt_s = 8.0};
	struct ds_interval half = {.dt_s = 4.0};
	struct ds_belief a = begin();
	struct ds_belief b = begin();
	struct ds_belief none = {.mean = {0.0}};

	(void)state;
	ds_belief_pass(&a, &whole, &walk);
	ds_belief_pass(&b, &half, &walk);
	ds_belief_pass(&b, &half, &walk);
	assert_same(&a, &b, 1e-12);
	assert_true(a.mean[0] == 140.0);
	ds_belief_pass(&none, &whole, &walk);
	assert_true(close_to(none.cov[0][0], 528.0, 1e-12));
	assert_true(close_to(none.cov[0][1], 96.0, 1e-12));
	assert_true(close_to(none.cov[1][1], 24.0, 1e-12));
}

static void a_factor_can_be_taken_back(void **state)
{
	struct ds_factor f = {.tau = 0.01, .nu = 0.3};
	struct ds_factor back = {.tau = -0.01, .nu = -0.3};
	struct ds_belief a = begin();
	struct ds_belief b = begin();
	double mean;
	double var;

	(void)state;
	ds_belief_add(&b, DS_WAY_BACK, 850.0, &f);
	ds_belief_see(&b, DS_WAY_BACK, &mean, &var);
	assert_true(var < 1.0 / f.tau);
	ds_belief_add(&b, DS_WAY_BACK, 850.0, &back);
	assert_same(&a, &b, 1e-9);
}

/* What later samples say is the same whether it is carried back, or forward with the state. Here a
 * state is carried forward, and what is known of its beginning read off by hindsight. */
static void hindsight_is_what_a_smoother_says(void **state)
{
	struct ds_interval gap = {.dt_s = 8.0, .path_var_ns2 = 50.0, .offset_var_ns2 = 30.0};
	struct ds_factor f = {.tau = 0.02, .nu = 0.1};
	struct ds_belief first = begin();
	struct ds_belief joined = begin();
	struct ds_hindsight h;
	struct ds_belief after = begin();
	double c[DS_BELIEF_SIZE];
	double along[DS_BELIEF_SIZE] = {1.0, 0.0, 1.0};
	double mean;
	double var;

	(void)state;
	memset(&h, 0, sizeof(h));
	ds_hindsight_add(&h, DS_WAY_THERE, 1300.0, &f);
	ds_hindsight_pass(&h, &gap, &walk);
	assert_true(ds_belief_join(&joined, &h));
	/* By hand: the covariance of the first state with what the packet sees later. */
	ds_belief_pass(&after, &gap, &walk);
	ds_belief_see(&after, DS_WAY_THERE, &mean, &var);
	for (int i = 0; i < DS_BELIEF_SIZE; i++)
		c[i] = first.cov[i][0] + gap.dt_s * first.cov[i][1] + first.cov[i][2] * along[2];
	for (int i = 0; i < DS_BELIEF_SIZE; i++) {
		double shift = c[i] * (f.nu + f.tau * (1300.0 - mean)) / (1.0 + f.tau * var);

		assert_true(fabs(joined.mean[i] - first.mean[i] - shift) < 1e-9);
		for (int j = 0; j < DS_BELIEF_SIZE; j++)
			assert_true(fabs(joined.cov[i][j] - first.cov[i][j] +
					 c[i] * c[j] * f.tau / (1.0 + f.tau * var)) < 1e-8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_is_the_sum_over_all),
		cmocka_unit_test(a_look_stays_finite),
		cmocka_unit_test(the_late_say_little),
		cmocka_unit_test(time_passes_evenly),
		cmocka_unit_test(a_factor_can_be_taken_back),
		cmocka_unit_test(hindsight_is_what_a_smoother_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
