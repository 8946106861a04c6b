/*
 * combine: weights, what is shared, and what a change of sources may move.
 * It must never need an estimate but for the day of five sources, which has them all.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock/combine.h"

#define BASE   INT64_C(1795000000000000000)
#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

#define near(value, wanted, by)                                                                    \
	do {                                                                                       \
		double is_ = (value);                                                              \
		if (!(fabs(is_ - (wanted)) <= (by)))                                               \
			print_error("%s is %.9g\n", #value, is_);                                  \
		assert_true(fabs(is_ - (wanted)) <= (by));                                         \
	} while (0)

static const struct ds_select_config defaults = DS_SELECT_DEFAULTS;

static struct ds_candidate candidate(uint32_t id, double offset_ns, double sd_ns)
{
	return (struct ds_candidate){
		.has_prediction = true,
		.reachable = true,
		.stratum = 1,
		.ref_id = id,
		.prediction = {.server_minus_raw_ns = BASE + (int64_t)offset_ns,
			       .sd_ns = sd_ns,
			       .freq_ppb = 10.0,
			       .freq_sd_ppb = 1.0,
			       .distance_ns = MS},
		.combined_before = true,
	};
}

static struct ds_combined combine(struct ds_combiner *k, struct ds_candidate *c, uint32_t count,
				  int64_t raw_ns)
{
	struct ds_selected selected;
	struct ds_combined combined;

	assert_true(ds_select(c, count, 0, &defaults, &selected));
	ds_combine(k, c, count, &selected, raw_ns, SECOND, &combined);
	return combined;
}

static double offset(const struct ds_combined *combined)
{
	return (double)(combined->server_minus_raw_ns - BASE);
}

static void one_source_is_as_it_is(void **state)
{
	struct ds_combiner k = {0};
	struct ds_candidate c = candidate(1, 77.0, 1000.0);
	struct ds_combined combined;

	(void)state;
	c.prediction.cov_ns_ppb = 600.0;
	c.prediction.wander_ppb = 0.5;
	c.prediction.age_ns = 16e9;
	c.systematic_ns = 5000.0;
	c.leap = 2;
	combined = combine(&k, &c, 1, 0);
	assert_int_equal(combined.server_minus_raw_ns, BASE + 77);
	near(combined.sd_ns, 1000.0, 1e-6);
	near(combined.freq_ppb, 10.0, 1e-9);
	near(combined.freq_sd_ppb, 1.0, 1e-9);
	near(combined.cov_ns_ppb, 600.0, 1e-6);
	near(combined.wander_ppb, 0.5, 0.0);
	near(combined.systematic_sd_ns, 500.0, 1e-6);
	assert_int_equal(combined.sources, 1);
	assert_int_equal(combined.leap, 2);
	assert_int_equal(combined.low_minus_raw_ns, BASE + 77 - MS);
	assert_int_equal(combined.high_minus_raw_ns, BASE + 77 + MS);
}

static void weights_are_inverse_variances(void **state)
{
	struct ds_combiner k = {0};
	struct ds_candidate c[2] = {candidate(1, 0, 1000.0), candidate(2, 1000.0, 2000.0)};
	struct ds_combined combined;

	(void)state;
	c[1].prediction.freq_ppb = 12.0;
	c[1].prediction.freq_sd_ppb = 2.0;
	combined = combine(&k, c, 2, 0);
	near(offset(&combined), 200.0, 0.5);
	near(combined.sd_ns, 894.4, 0.1);
	near(combined.freq_ppb, 10.4, 1e-9);
	near(combined.freq_sd_ppb, 0.8944, 1e-3);
	near(combined.systematic_sd_ns, 0.0, 0.0);
}

/* The one whose line ends higher is steeper, and knows so: the frequency of the other, which is
 * well known, says by how much it is too high. */
static void offset_and_frequency_go_together(void **state)
{
	struct ds_combiner k = {0};
	struct ds_candidate c[2] = {candidate(1, 0, 1000.0), candidate(2, 900.0, 1000.0)};
	struct ds_combined combined;

	(void)state;
	c[1].prediction.freq_ppb = 11.0;
	c[1].prediction.cov_ns_ppb = 900.0;
	c[0].prediction.freq_sd_ppb = 0.001;
	combined = combine(&k, c, 2, 0);
	/* Of the second, at a frequency of 10 exactly: offset 0, deviation 436. */
	near(offset(&combined), 0.0, 1.0);
	near(combined.sd_ns, 1.0 / sqrt(1e-6 + 1.0 / (0.19 * 1e6)), 1.0);
	near(combined.freq_ppb, 10.0, 1e-4);
}

static void unknown_frequencies(void **state)
{
	struct ds_combiner k = {0};
	struct ds_candidate c[2] = {candidate(1, 0, 1000.0), candidate(2, 1000.0, 2000.0)};
	struct ds_combined combined;

	(void)state;
	c[0].prediction.freq_sd_ppb = INFINITY;
	c[0].prediction.freq_ppb = 0.0;
	c[0].prediction.age_ns = 1e9;
	c[1].prediction.age_ns = 7e9;
	combined = combine(&k, c, 2, 0);
	near(offset(&combined), 200.0, 0.5);
	near(combined.freq_ppb, 10.0, 1e-9);
	near(combined.freq_sd_ppb, 1.0, 1e-9);
	near(combined.blind_ns, 0.8e9, 1.0);
	c[1].prediction.freq_sd_ppb = INFINITY;
	combined = combine(&k, c, 2, 0);
	assert_true(isinf(combined.freq_sd_ppb));
	assert_true(combined.freq_ppb == 0.0 && combined.cov_ns_ppb == 0.0);
	near(combined.blind_ns, 0.8e9 + 0.2 * 7e9, 1.0);
}

static void nonsense_gives_numbers(void **state)
{
	static const double values[] = {0.0, -1.0, 1e-30, 1.0, 1e30, INFINITY, NAN};
	const size_t n = sizeof(values) / sizeof(values[0]);

	(void)state;
	for (size_t i = 0; i < n * n * n * n; i++) {
		struct ds_combiner k = {0};
		struct ds_candidate c[2] = {candidate(1, 0, values[i % n]),
					    candidate(2, 10.0, values[i / n % n])};
		struct ds_combined combined;

		c[0].prediction.cov_ns_ppb = values[i / (n * n) % n];
		c[1].prediction.wander_ppb = c[0].prediction.wander_ppb = values[i / (n * n * n)];
		c[0].prediction.freq_sd_ppb = values[i / n % n];
		c[0].prediction.age_ns = values[i / (n * n) % n];
		c[1].systematic_ns = values[i / (n * n * n)];
		combine(&k, c, 2, 0);
		combined = combine(&k, c, 1, SECOND);
		assert_false(isnan(combined.sd_ns) || isnan(combined.freq_ppb) ||
			     isnan(combined.freq_sd_ppb) || isnan(combined.cov_ns_ppb) ||
			     isnan(combined.systematic_sd_ns) || isnan(combined.carry_ns));
		assert_true(combined.sd_ns > 0.0);
		assert_in_range(combined.server_minus_raw_ns, BASE - 11, BASE + 11);
	}
}

/* One that is wrong by 290 years was believed, and is lost. */
static void times_out_of_range(void **state)
{
	struct ds_combiner k = {0};
	struct ds_candidate c[2] = {candidate(1, 0, 10.0), candidate(2, 0, 10.0)};
	struct ds_combined combined;

	(void)state;
	combine(&k, c, 2, INT64_MIN);
	c[0].prediction.server_minus_raw_ns = INT64_C(1) << 62;
	c[1].prediction.server_minus_raw_ns = -(INT64_C(1) << 62);
	c[1].reachable = false;
	combined = combine(&k, c, 2, INT64_MAX);
	assert_int_equal(combined.server_minus_raw_ns, INT64_C(1) << 62);
	assert_true(isfinite(combined.sd_ns) && isfinite(combined.carry_ns));
}

/* Four servers of one upstream count for no more than one that stands alone. */
static void what_is_shared_counts_once(void **state)
{
	struct ds_candidate c[5];
	struct ds_combiner k = {0};
	struct ds_combined apart, together;

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		c[i] = candidate(i + 1, i == 0 ? 0.0 : 1000.0, 1.0);
		c[i].systematic_ns = 10000.0;
	}
	apart = combine(&k, c, 5, 0);
	near(offset(&apart), 800.0, 1.0);
	near(apart.systematic_sd_ns, 1000.0 / sqrt(5.0), 1.0);
	for (uint32_t i = 1; i < 5; i++)
		c[i].upstream_id = 77;
	memset(&k, 0, sizeof(k));
	together = combine(&k, c, 5, 0);
	near(offset(&together), 500.0, 1.0);
	near(together.systematic_sd_ns, 1000.0 / sqrt(2.0), 1.0);
	/* The same by way of the path, and by following one of them. */
	for (uint32_t i = 1; i < 5; i++) {
		c[i].upstream_id = i == 1 ? 0 : 2;
		c[i].path_id = i > 3 ? 9 : 0;
	}
	memset(&k, 0, sizeof(k));
	together = combine(&k, c, 5, 0);
	near(offset(&together), 500.0, 1.0);
}

static void the_oscillator_is_common(void **state)
{
	struct ds_combiner k = {0};
	struct ds_candidate c[2] = {candidate(1, 0, 0), candidate(2, 0, 0)};
	struct ds_combined combined;

	(void)state;
	/* All that is uncertain but 100 ns and 0.1 ppb each is what wandered in 100 s: of the
	 * offset sqrt(1e6 / 3) = 577 ns, of the frequency 10 ppb. */
	for (int i = 0; i < 2; i++) {
		c[i].prediction.wander_ppb = 1.0;
		c[i].prediction.age_ns = 100e9;
		c[i].prediction.sd_ns = sqrt(1e4 + 1e6 / 3.0);
		c[i].prediction.freq_sd_ppb = sqrt(0.01 + 100.0);
		c[i].prediction.cov_ns_ppb = 5000.0;
	}
	combined = combine(&k, c, 2, 0);
	/* Were it counted twice it would halve the variance. */
	near(combined.sd_ns, sqrt(1e4 + 1e6 / 3.0) / sqrt(2.0), 1.0);
	for (int i = 0; i < 2; i++) {
		c[i].prediction.sd_ns = sqrt(1e5 + 1e6 / 3.0);
		c[i].prediction.freq_sd_ppb = sqrt(20.0 + 100.0);
	}
	combined = combine(&k, c, 2, 0);
	near(combined.sd_ns, sqrt(1e5 / 2.0 + 1e6 / 3.0), 1.0);
	near(combined.freq_sd_ppb, sqrt(10.0 + 100.0), 0.01);
	near(combined.cov_ns_ppb, 5000.0, 1.0);
}

static void disagreement_widens(void **state)
{
	struct ds_combiner k = {0};
	struct ds_candidate c[2] = {candidate(1, 0, 100.0), candidate(2, 10000.0, 100.0)};
	struct ds_combined combined;

	(void)state;
	c[1].prediction.freq_ppb = 30.0;
	combined = combine(&k, c, 2, 0);
	near(combined.sd_ns, 70.7, 0.1);
	/* The deviation of the mean of two that lie 10 us apart. */
	near(combined.systematic_sd_ns, 5000.0, 10.0);
	near(combined.freq_sd_ppb, 10.0, 0.01);
}

static void leap_is_of_the_majority(void **state)
{
	struct ds_combiner k = {0};
	struct ds_candidate c[3] = {candidate(1, 0, 10), candidate(2, 0, 10), candidate(3, 0, 10)};

	(void)state;
	c[1].leap = c[2].leap = 1;
	assert_int_equal(combine(&k, c, 3, 0).leap, 1);
	c[2].leap = 2;
	assert_int_equal(combine(&k, c, 3, 0).leap, 0);
	c[0].leap = 2;
	c[2].leap = 0;
	assert_int_equal(combine(&k, c, 3, 0).leap, 2);
}

/* A source comes, and goes, 20 us off the other: the time follows in polls, not at once. */
static void a_change_of_sources_is_absorbed(void **state)
{
	struct ds_combiner k = {0};
	struct ds_candidate c[2] = {candidate(1, 0, 100.0), candidate(2, 20000.0, 100.0)};
	struct ds_combined combined;
	int64_t raw = 0;
	double before;

	(void)state;
	c[0].systematic_ns = c[1].systematic_ns = 200000.0;
	c[1].reachable = false;
	combined = combine(&k, c, 2, raw);
	near(offset(&combined), 0.0, 0.1);
	c[1].reachable = true;
	before = offset(&combined);
	for (int i = 0; i < 60; i++) {
		combined = combine(&k, c, 2, raw += SECOND);
		assert_true(fabs(offset(&combined) - before) < 10000.0 / DS_COMBINE_POLLS);
		before = offset(&combined);
	}
	near(before, 10000.0, 10.0);
	/* Gone without a trace: what it last said is remembered. */
	c[1].has_prediction = false;
	for (int i = 0; i < 60; i++) {
		combined = combine(&k, c, 2, raw += SECOND);
		assert_true(fabs(offset(&combined) - before) < 10000.0 / DS_COMBINE_POLLS);
		before = offset(&combined);
	}
	near(before, 0.0, 10.0);
	/* The clock of the only one is no change of sources. */
	c[0].prediction.server_minus_raw_ns += MS;
	combined = combine(&k, c, 2, raw + SECOND);
	near(offset(&combined), 1e6, 10.0);
}

static void noise_is_not_kept(void **state)
{
	struct ds_combiner k = {0};
	/* After the start: one that was hardly known, and a good one comes. */
	struct ds_candidate c[2] = {candidate(1, 5e4, 5e4), candidate(2, 0.0, 100.0)};
	struct ds_combined combined;

	(void)state;
	c[0].systematic_ns = c[1].systematic_ns = 10000.0;
	c[1].reachable = false;
	combined = combine(&k, c, 2, 0);
	near(offset(&combined), 5e4, 0.1);
	c[1].reachable = true;
	combined = combine(&k, c, 2, SECOND);
	near(offset(&combined), 0.0, 100.0);
	/* A falseticker takes its part with it. */
	memset(&k, 0, sizeof(k));
	for (int i = 0; i < 2; i++)
		c[i] = candidate((uint32_t)i + 1, i * 4e5, 100.0);
	c[0].systematic_ns = c[1].systematic_ns = 3e6;
	combined = combine(&k, c, 2, 0);
	near(offset(&combined), 2e5, 100.0);
	struct ds_candidate three[3] = {c[0], c[1], candidate(3, 0, 100.0)};

	three[1].prediction.server_minus_raw_ns += 3 * MS;
	combined = combine(&k, three, 3, SECOND);
	assert_int_equal(three[1].selection, DS_S_FALSETICKER);
	near(offset(&combined), 0.0, 100.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_source_is_as_it_is),
		cmocka_unit_test(weights_are_inverse_variances),
		cmocka_unit_test(offset_and_frequency_go_together),
		cmocka_unit_test(unknown_frequencies),
		cmocka_unit_test(nonsense_gives_numbers),
		cmocka_unit_test(times_out_of_range),
		cmocka_unit_test(what_is_shared_counts_once),
		cmocka_unit_test(the_oscillator_is_common),
		cmocka_unit_test(disagreement_widens),
		cmocka_unit_test(leap_is_of_the_majority),
		cmocka_unit_test(a_change_of_sources_is_absorbed),
		cmocka_unit_test(noise_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
