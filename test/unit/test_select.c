/*
 * select: who is believed, and what they say together.
 * It must never need an estimate: predictions are written by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock/select.h"

#define BASE INT64_C(1795000000000000000)
#define MS   INT64_C(1000000)

static const struct ds_select_config defaults = {.max_distance_ns = 3000 * MS, .min_sources = 1};

static struct ds_candidate candidate(int64_t offset_ns, int64_t distance_ns)
{
	return (struct ds_candidate){
		.has_prediction = true,
		.reachable = true,
		.stratum = 2,
		.prediction = {.server_minus_raw_ns = BASE + offset_ns,
			       .sd_ns = 1000.0,
			       .freq_ppb = 10.0,
			       .freq_sd_ppb = 1.0,
			       .distance_ns = distance_ns},
		.selection = DS_S_NONE,
	};
}

static void letters_and_words(void **state)
{
	(void)state;
	assert_int_equal(ds_selection_letter(DS_S_SELECTED), '*');
	assert_int_equal(ds_selection_letter(DS_S_FALSETICKER), 'x');
	assert_int_equal(ds_selection_letter((enum ds_selection)99), '?');
	assert_string_equal(ds_selection_words(DS_S_NOSELECT), "measured only (noselect)");
	assert_string_equal(ds_selection_words((enum ds_selection)99), "unknown");
}

static void each_is_told_why(void **state)
{
	struct ds_candidate c[6];
	struct ds_combined combined;

	(void)state;
	for (int i = 0; i < 6; i++)
		c[i] = candidate(0, 10 * MS);
	c[0].has_prediction = false;
	c[1].reachable = false;
	c[2].noselect = true;
	c[3].prediction.distance_ns = 3001 * MS;
	c[5].prediction.distance_ns = 50 * MS;
	assert_true(ds_select(c, 6, -1, &defaults, &combined));
	assert_int_equal(c[0].selection, DS_S_NONE);
	assert_int_equal(c[1].selection, DS_S_UNREACHABLE);
	assert_int_equal(c[2].selection, DS_S_NOSELECT);
	assert_int_equal(c[3].selection, DS_S_DISTANT);
	assert_int_equal(c[4].selection, DS_S_SELECTED);
	assert_int_equal(c[5].selection, DS_S_NOT_COMBINED);
	assert_int_equal(combined.best, 4);
	assert_int_equal(combined.sources, 1);
	assert_int_equal(combined.server_minus_raw_ns, BASE);
}

static void nothing_gives_no_time(void **state)
{
	struct ds_candidate c = candidate(0, MS);
	struct ds_combined combined;

	(void)state;
	assert_false(ds_select(NULL, 0, -1, &defaults, &combined));
	c.reachable = false;
	assert_false(ds_select(&c, 1, 0, &defaults, &combined));
}

static void two_of_five_are_outvoted(void **state)
{
	struct ds_candidate c[5];
	struct ds_combined combined;

	(void)state;
	for (int i = 0; i < 3; i++)
		c[i] = candidate(i * MS, 5 * MS);
	c[3] = candidate(500 * MS, MS);
	c[4] = candidate(501 * MS, MS);
	assert_true(ds_select(c, 5, 3, &defaults, &combined));
	assert_int_equal(c[3].selection, DS_S_FALSETICKER);
	assert_int_equal(c[4].selection, DS_S_FALSETICKER);
	assert_int_equal(combined.sources, 3);
	assert_int_equal(combined.server_minus_raw_ns, BASE + MS);
}

static void no_majority_no_time(void **state)
{
	struct ds_candidate c[4];
	struct ds_combined combined;

	(void)state;
	c[0] = candidate(0, MS);
	c[1] = candidate(MS, MS);
	c[2] = candidate(500 * MS, MS);
	c[3] = candidate(501 * MS, MS);
	assert_false(ds_select(c, 4, 0, &defaults, &combined));
	for (int i = 0; i < 4; i++)
		assert_int_equal(c[i].selection, DS_S_FALSETICKER);
	assert_false(ds_select(c + 1, 2, 0, &defaults, &combined));
	assert_int_equal(c[1].selection, DS_S_FALSETICKER);
	/* A noselect source has no vote to break the tie with. */
	c[0].noselect = true;
	assert_true(ds_select(c, 4, 0, &defaults, &combined));
	assert_int_equal(c[0].selection, DS_S_NOSELECT);
	assert_int_equal(c[1].selection, DS_S_FALSETICKER);
}

static void too_few_wait(void **state)
{
	struct ds_select_config config = {.max_distance_ns = 0, .min_sources = 3};
	struct ds_candidate c[3] = {candidate(0, MS), candidate(0, MS), candidate(90 * MS, MS)};
	struct ds_combined combined;

	(void)state;
	assert_false(ds_select(c, 3, -1, &config, &combined));
	assert_int_equal(c[0].selection, DS_S_WAITING);
	assert_int_equal(c[1].selection, DS_S_WAITING);
	assert_int_equal(c[2].selection, DS_S_FALSETICKER);
	config.min_sources = 2;
	assert_true(ds_select(c, 3, -1, &config, &combined));
}

static void preferred_comes_first(void **state)
{
	struct ds_candidate c[3] = {candidate(0, MS), candidate(MS / 2, 2 * MS), candidate(0, MS)};
	struct ds_combined combined;

	(void)state;
	c[1].prefer = true;
	assert_true(ds_select(c, 3, 0, &defaults, &combined));
	assert_int_equal(combined.best, 1);
	assert_int_equal(combined.sources, 1);
	assert_int_equal(c[0].selection, DS_S_NOT_COMBINED);
	/* ... unless it lies. */
	c[1].prediction.server_minus_raw_ns += 100 * MS;
	assert_true(ds_select(c, 3, 1, &defaults, &combined));
	assert_int_equal(c[1].selection, DS_S_FALSETICKER);
	assert_int_equal(combined.best, 0);
	assert_int_equal(combined.sources, 2);
}

static void weights_are_inverse_variances(void **state)
{
	struct ds_candidate c[2] = {candidate(0, MS), candidate(5000, MS)};
	struct ds_combined combined;

	(void)state;
	c[0].prediction.sd_ns = 1000.0;
	c[1].prediction.sd_ns = 2000.0;
	c[0].prediction.freq_sd_ppb = INFINITY;
	c[0].prediction.freq_ppb = 0.0;
	c[0].prediction.age_ns = 1e9;
	c[1].prediction.age_ns = 7e9;
	assert_true(ds_select(c, 2, -1, &defaults, &combined));
	assert_int_equal(combined.server_minus_raw_ns, BASE + 1000);
	/* They differ by more than they claim to know: scatter of the mean, 2000 / sqrt(2). */
	assert_true(fabs(combined.sd_ns - 1414.2) < 1.0);
	assert_true(combined.freq_ppb == 10.0);
	assert_true(fabs(combined.freq_sd_ppb - 1.0) < 1e-9);
	assert_true(fabs(combined.blind_ns - 0.8e9) < 1.0);
	c[1].prediction.server_minus_raw_ns = BASE;
	assert_true(ds_select(c, 2, -1, &defaults, &combined));
	assert_true(fabs(combined.sd_ns - 894.4) < 1.0);
	c[1].prediction.freq_sd_ppb = INFINITY;
	assert_true(ds_select(c, 2, -1, &defaults, &combined));
	assert_true(isinf(combined.freq_sd_ppb));
	assert_true(combined.freq_ppb == 0.0);
	/* A deviation of nothing is no reason to divide by it. */
	c[0].prediction.sd_ns = c[1].prediction.sd_ns = 0.0;
	assert_true(ds_select(c, 2, -1, &defaults, &combined));
	assert_true(isfinite(combined.sd_ns) && combined.server_minus_raw_ns == BASE);
}

static void no_hopping_for_noise(void **state)
{
	struct ds_candidate c[2] = {candidate(0, 10 * MS), candidate(0, 11 * MS)};
	struct ds_combined combined;

	(void)state;
	assert_true(ds_select(c, 2, -1, &defaults, &combined));
	assert_int_equal(combined.best, 0);
	assert_true(ds_select(c, 2, 1, &defaults, &combined));
	assert_int_equal(combined.best, 1);
	assert_true(ds_select(c, 2, 7, &defaults, &combined));
	assert_int_equal(combined.best, 0);
	c[1].prediction.distance_ns = 30 * MS;
	assert_true(ds_select(c, 2, 1, &defaults, &combined));
	assert_int_equal(combined.best, 0);
	/* A stratum counts for a millisecond. */
	c[0] = candidate(0, MS);
	c[1] = candidate(0, MS);
	c[0].stratum = 4;
	assert_true(ds_select(c, 2, -1, &defaults, &combined));
	assert_int_equal(combined.best, 1);
}

static void leap_is_of_the_majority(void **state)
{
	struct ds_candidate c[3] = {candidate(0, MS), candidate(0, MS), candidate(0, MS)};
	struct ds_combined combined;

	(void)state;
	c[1].leap = c[2].leap = 1;
	assert_true(ds_select(c, 3, 0, &defaults, &combined));
	assert_int_equal(combined.leap, 1);
	c[2].leap = 2;
	assert_true(ds_select(c, 3, 0, &defaults, &combined));
	assert_int_equal(combined.leap, 0);
	assert_true(ds_select(c, 3, 1, &defaults, &combined));
	assert_int_equal(combined.leap, 1);
}

static void more_than_fit_are_left_out(void **state)
{
	struct ds_candidate c[DS_SOURCES_MAX + 2];
	struct ds_combined combined;

	(void)state;
	for (int i = 0; i < DS_SOURCES_MAX + 2; i++) {
		c[i] = candidate(i, MS);
		c[i].selection = DS_S_SELECTED;
	}
	assert_true(ds_select(c, DS_SOURCES_MAX + 2, -1, &defaults, &combined));
	assert_int_equal(combined.sources, DS_SOURCES_MAX);
	assert_int_equal(c[DS_SOURCES_MAX].selection, DS_S_NONE);
	assert_int_equal(c[DS_SOURCES_MAX + 1].selection, DS_S_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_and_words),
		cmocka_unit_test(each_is_told_why),
		cmocka_unit_test(nothing_gives_no_time),
		cmocka_unit_test(two_of_five_are_outvoted),
		cmocka_unit_test(no_majority_no_time),
		cmocka_unit_test(too_few_wait),
		cmocka_unit_test(preferred_comes_first),
		cmocka_unit_test(weights_are_inverse_variances),
		cmocka_unit_test(no_hopping_for_noise),
		cmocka_unit_test(leap_is_of_the_majority),
		cmocka_unit_test(more_than_fit_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
