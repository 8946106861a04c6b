/*
 * select: who is believed, and why the others are not.
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

static const struct ds_select_config defaults = DS_SELECT_DEFAULTS;

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
	assert_int_equal(ds_selection_data_letter(DS_S_NOT_PREFERRED), 'P');
	assert_int_equal(ds_selection_data_letter((enum ds_selection)99), '?');
	assert_string_equal(ds_selection_words(DS_S_NOSELECT), "measured only (noselect)");
	assert_string_equal(ds_selection_words((enum ds_selection)99), "unknown");
}

static void each_is_told_why(void **state)
{
	struct ds_candidate c[9];
	struct ds_selected selected;

	(void)state;
	for (int i = 0; i < 9; i++)
		c[i] = candidate(0, 10 * MS);
	c[0].has_prediction = false;
	c[1].reachable = false;
	c[2].noselect = true;
	c[3].prediction.distance_ns = 3001 * MS;
	c[5].prediction.distance_ns = 50 * MS;
	c[6].jitter_ns = 1.1e9;
	c[7].loop = true;
	c[8].loop = true;
	c[8].has_prediction = false;
	assert_true(ds_select(c, 9, -1, &defaults, &selected));
	assert_int_equal(c[0].selection, DS_S_NONE);
	assert_int_equal(c[1].selection, DS_S_UNREACHABLE);
	assert_int_equal(c[2].selection, DS_S_NOSELECT);
	assert_int_equal(c[3].selection, DS_S_DISTANT);
	assert_int_equal(c[4].selection, DS_S_SELECTED);
	assert_int_equal(c[5].selection, DS_S_NOT_COMBINED);
	assert_int_equal(c[6].selection, DS_S_JITTERY);
	assert_int_equal(c[7].selection, DS_S_LOOP);
	assert_int_equal(c[8].selection, DS_S_LOOP);
	assert_int_equal(selected.best, 4);
	assert_int_equal(selected.good, 2);
	assert_int_equal(selected.low_minus_raw_ns, BASE - 10 * MS);
	assert_int_equal(selected.high_minus_raw_ns, BASE + 10 * MS);
}

static void nothing_gives_no_time(void **state)
{
	struct ds_candidate c = candidate(0, MS);
	struct ds_selected selected;

	(void)state;
	assert_false(ds_select(NULL, 0, -1, &defaults, &selected));
	c.reachable = false;
	assert_false(ds_select(&c, 1, 0, &defaults, &selected));
}

static void two_of_five_are_outvoted(void **state)
{
	struct ds_candidate c[5];
	struct ds_selected selected;

	(void)state;
	for (int i = 0; i < 3; i++)
		c[i] = candidate(i * MS, 5 * MS);
	c[3] = candidate(500 * MS, MS);
	c[4] = candidate(501 * MS, MS);
	assert_true(ds_select(c, 5, 3, &defaults, &selected));
	assert_int_equal(c[3].selection, DS_S_FALSETICKER);
	assert_int_equal(c[4].selection, DS_S_FALSETICKER);
	assert_int_equal(selected.good, 3);
	assert_int_equal(selected.low_minus_raw_ns, BASE - 3 * MS);
	assert_int_equal(selected.high_minus_raw_ns, BASE + 5 * MS);
}

/* A agrees with B and with C, which do not agree. */
static void an_ambiguous_majority(void **state)
{
	struct ds_candidate c[3] = {candidate(0, 10 * MS), candidate(-8 * MS, MS),
				    candidate(8 * MS, MS)};
	struct ds_selected selected;

	(void)state;
	assert_true(ds_select(c, 3, -1, &defaults, &selected));
	assert_int_equal(c[0].selection, DS_S_SELECTED);
	assert_int_equal(c[1].selection, DS_S_FALSETICKER);
	assert_int_equal(c[2].selection, DS_S_FALSETICKER);
	/* The one that was followed goes on being followed. */
	assert_true(ds_select(c, 3, 2, &defaults, &selected));
	assert_int_equal(c[0].selection, DS_S_NOT_COMBINED);
	assert_int_equal(c[1].selection, DS_S_FALSETICKER);
	assert_int_equal(c[2].selection, DS_S_SELECTED);
	assert_int_equal(selected.low_minus_raw_ns, BASE + 7 * MS);
	assert_int_equal(selected.high_minus_raw_ns, BASE + 9 * MS);
}

/* Two wide claims hold together with each of two others; one is where they have their offsets. */
static void most_offsets_count(void **state)
{
	struct ds_candidate c[4] = {candidate(0, 25 * MS), candidate(-MS, 26 * MS),
				    candidate(MS, 20 * MS), candidate(49 * MS, 25 * MS)};
	struct ds_selected selected;

	(void)state;
	for (int32_t previous = -1; previous < 4; previous++) {
		assert_true(ds_select(c, 4, previous, &defaults, &selected));
		assert_int_equal(selected.good, 3);
		assert_int_equal(c[3].selection, DS_S_FALSETICKER);
		assert_int_equal(selected.low_minus_raw_ns, BASE - 19 * MS);
	}
}

/* Its requests are held up for a second: half of it is in the offset, and all in the claim. */
static void a_second_of_asymmetry(void **state)
{
	struct ds_candidate c[3] = {candidate(0, 10 * MS), candidate(MS, 10 * MS),
				    candidate(-500 * MS, 510 * MS)};
	struct ds_selected selected;

	(void)state;
	assert_true(ds_select(c, 3, 2, &defaults, &selected));
	assert_int_equal(selected.best, 0);
	assert_int_equal(c[1].selection, DS_S_COMBINED);
	assert_int_equal(c[2].selection, DS_S_NOT_COMBINED);
	/* Two of three so do not win against a claim that is right. */
	c[1] = candidate(-499 * MS, 510 * MS);
	assert_true(ds_select(c, 3, 2, &defaults, &selected));
	assert_int_equal(selected.best, 0);
	assert_int_equal(c[1].selection, DS_S_NOT_COMBINED);
}

static void no_majority_no_time(void **state)
{
	struct ds_candidate c[4];
	struct ds_selected selected;

	(void)state;
	c[0] = candidate(0, MS);
	c[1] = candidate(MS, MS);
	c[2] = candidate(500 * MS, MS);
	c[3] = candidate(501 * MS, MS);
	assert_false(ds_select(c, 4, 0, &defaults, &selected));
	for (int i = 0; i < 4; i++)
		assert_int_equal(c[i].selection, DS_S_FALSETICKER);
	assert_false(ds_select(c + 1, 2, 0, &defaults, &selected));
	assert_int_equal(c[1].selection, DS_S_FALSETICKER);
	/* A noselect source has no vote to break the tie with. */
	c[0].noselect = true;
	assert_true(ds_select(c, 4, 0, &defaults, &selected));
	assert_int_equal(c[0].selection, DS_S_NOSELECT);
	assert_int_equal(c[1].selection, DS_S_FALSETICKER);
}

static void too_few_wait(void **state)
{
	struct ds_select_config config = {.min_sources = 3};
	struct ds_candidate c[3] = {candidate(0, MS), candidate(0, MS), candidate(90 * MS, MS)};
	struct ds_selected selected;

	(void)state;
	assert_false(ds_select(c, 3, -1, &config, &selected));
	assert_int_equal(c[0].selection, DS_S_WAITING);
	assert_int_equal(c[1].selection, DS_S_WAITING);
	assert_int_equal(c[2].selection, DS_S_FALSETICKER);
	config.min_sources = 2;
	assert_true(ds_select(c, 3, -1, &config, &selected));
}

static void preferred_comes_first(void **state)
{
	struct ds_candidate c[3] = {candidate(0, MS), candidate(MS / 2, 2 * MS), candidate(0, MS)};
	struct ds_selected selected;

	(void)state;
	c[1].prefer = true;
	assert_true(ds_select(c, 3, 0, &defaults, &selected));
	assert_int_equal(selected.best, 1);
	assert_int_equal(c[0].selection, DS_S_NOT_PREFERRED);
	/* ... unless it lies. */
	c[1].prediction.server_minus_raw_ns += 100 * MS;
	assert_true(ds_select(c, 3, 1, &defaults, &selected));
	assert_int_equal(c[1].selection, DS_S_FALSETICKER);
	assert_int_equal(selected.best, 0);
	assert_int_equal(c[2].selection, DS_S_COMBINED);
}

static void trusted_ones_vote_alone(void **state)
{
	struct ds_candidate c[5];
	struct ds_selected selected;

	(void)state;
	for (int i = 0; i < 5; i++)
		c[i] = candidate(100 * MS, MS);
	c[0] = candidate(0, 4 * MS);
	c[0].trust = true;
	c[1] = candidate(3 * MS, 2 * MS);
	c[2] = candidate(5 * MS, 2 * MS);
	assert_true(ds_select(c, 5, 3, &defaults, &selected));
	assert_int_equal(selected.good, 2);
	assert_int_equal(selected.best, 1);
	assert_int_equal(c[0].selection, DS_S_COMBINED);
	assert_int_equal(c[2].selection, DS_S_UNTRUSTED);
	assert_int_equal(c[3].selection, DS_S_FALSETICKER);
	/* What others claim does not narrow what is agreed on. */
	assert_int_equal(selected.low_minus_raw_ns, BASE - 4 * MS);
	assert_int_equal(selected.high_minus_raw_ns, BASE + 4 * MS);
	/* Two that contradict each other: nobody is left to decide. */
	c[4].trust = true;
	assert_false(ds_select(c, 5, 0, &defaults, &selected));
	for (int i = 0; i < 5; i++)
		assert_int_equal(c[i].selection, DS_S_FALSETICKER);
}

static void required_ones_must_be_good(void **state)
{
	struct ds_candidate c[3] = {candidate(0, MS), candidate(0, MS), candidate(0, MS)};
	struct ds_selected selected;

	(void)state;
	c[2].require = true;
	assert_true(ds_select(c, 3, -1, &defaults, &selected));
	assert_int_equal(selected.good, 3);
	c[2].reachable = false;
	assert_false(ds_select(c, 3, 0, &defaults, &selected));
	assert_int_equal(c[0].selection, DS_S_WAITING_REQUIRED);
	assert_int_equal(c[1].selection, DS_S_WAITING_REQUIRED);
	assert_int_equal(c[2].selection, DS_S_UNREACHABLE);
	c[2].reachable = true;
	c[2].prediction.server_minus_raw_ns += 500 * MS;
	assert_false(ds_select(c, 3, 0, &defaults, &selected));
	/* One that is measured only is no requirement. */
	c[2].noselect = true;
	assert_true(ds_select(c, 3, 0, &defaults, &selected));
}

/* 50 ms off is possible where delays are of 40 ms and more, but not likely. */
static void outliers_are_set_aside(void **state)
{
	struct ds_candidate c[4];
	struct ds_selected selected;

	(void)state;
	for (int i = 0; i < 4; i++) {
		c[i] = candidate(i == 3 ? 50 * MS : i * MS / 10, 30 * MS);
		c[i].systematic_ns = 20e6;
	}
	c[3].prediction.distance_ns = 25 * MS;
	assert_true(ds_select(c, 4, 3, &defaults, &selected));
	assert_int_equal(c[3].selection, DS_S_OUTLIER);
	assert_int_equal(selected.good, 4);
	assert_int_not_equal(selected.best, 3);
	c[3].prefer = true;
	assert_true(ds_select(c, 4, 0, &defaults, &selected));
	assert_int_equal(selected.best, 3);
	/* Of two and two, or of two, nobody can tell. */
	c[3].prefer = false;
	c[2].prediction.server_minus_raw_ns += 50 * MS;
	assert_true(ds_select(c, 4, 3, &defaults, &selected));
	assert_int_equal(c[3].selection, DS_S_SELECTED);
	assert_true(ds_select(c + 1, 2, 0, &defaults, &selected));
	assert_int_not_equal(c[1].selection, DS_S_OUTLIER);
	assert_int_not_equal(c[2].selection, DS_S_OUTLIER);
}

static void frequencies_must_be_close(void **state)
{
	struct ds_candidate c[3] = {candidate(0, MS), candidate(0, MS), candidate(0, MS)};
	struct ds_selected selected;

	(void)state;
	c[1].prediction.freq_ppb += 500e3; /* it is being slewed */
	c[2].prediction.freq_ppb += 1e3;
	assert_true(ds_select(c, 3, 0, &defaults, &selected));
	assert_int_equal(c[1].selection, DS_S_NOT_COMBINED);
	assert_int_equal(c[2].selection, DS_S_COMBINED);
	c[1].prediction.freq_sd_ppb = INFINITY;
	assert_true(ds_select(c, 3, 0, &defaults, &selected));
	assert_int_equal(c[1].selection, DS_S_COMBINED);
}

static void who_was_left_out_comes_back_late(void **state)
{
	struct ds_candidate c[2] = {candidate(0, MS), candidate(0, 27 * MS / 10)};
	struct ds_select_config alone = DS_SELECT_DEFAULTS;
	struct ds_selected selected;

	(void)state;
	assert_true(ds_select(c, 2, 0, &defaults, &selected));
	assert_int_equal(c[1].selection, DS_S_NOT_COMBINED);
	c[1].combined_before = true;
	assert_true(ds_select(c, 2, 0, &defaults, &selected));
	assert_int_equal(c[1].selection, DS_S_COMBINED);
	c[1].prediction.distance_ns = 31 * MS / 10;
	assert_true(ds_select(c, 2, 0, &defaults, &selected));
	assert_int_equal(c[1].selection, DS_S_NOT_COMBINED);
	alone.combine_limit = 0.0;
	c[1] = candidate(0, MS);
	assert_true(ds_select(c, 2, 0, &alone, &selected));
	assert_int_equal(c[1].selection, DS_S_NOT_COMBINED);
}

/* Of three that follow each other, one has a true source. */
static void a_ring_is_not_closed(void **state)
{
	struct ds_candidate c[3] = {candidate(0, MS), candidate(0, 5 * MS), candidate(0, 6 * MS)};
	struct ds_select_config config = DS_SELECT_DEFAULTS;
	struct ds_selected selected;

	(void)state;
	config.own_stratum = 3;
	config.own_distance_ns = 2 * MS;
	config.combine_limit = 9.0;
	c[1].stratum = c[2].stratum = 4;
	assert_true(ds_select(c, 3, 0, &config, &selected));
	assert_int_equal(selected.good, 3);
	assert_int_equal(c[0].selection, DS_S_SELECTED);
	assert_int_equal(c[1].selection, DS_S_MAYBE_OURS);
	/* It may vote a falseticker out, ... */
	c[2].stratum = 2;
	c[0].prediction.server_minus_raw_ns += 90 * MS;
	assert_true(ds_select(c, 3, 0, &config, &selected));
	assert_int_equal(c[0].selection, DS_S_FALSETICKER);
	assert_int_equal(c[1].selection, DS_S_MAYBE_OURS);
	assert_int_equal(c[2].selection, DS_S_SELECTED);
	/* ... but not take the majority away, */
	c[2].noselect = true;
	assert_true(ds_select(c, 3, 0, &config, &selected));
	assert_int_equal(c[0].selection, DS_S_SELECTED);
	assert_int_equal(c[1].selection, DS_S_MAYBE_OURS);
	/* and when the true one is lost it does not take its place, */
	c[0].reachable = false;
	assert_false(ds_select(c, 3, 0, &config, &selected));
	assert_int_equal(c[1].selection, DS_S_MAYBE_OURS);
	c[1].stratum = 3;
	assert_false(ds_select(c, 3, -1, &config, &selected));
	assert_int_equal(c[1].selection, DS_S_MAYBE_OURS);
	/* (but who is followed already may be followed on, should its stratum rise,) */
	assert_true(ds_select(c, 3, 1, &config, &selected));
	c[0].reachable = true;
	c[0].prediction.server_minus_raw_ns = BASE;
	assert_true(ds_select(c, 3, -1, &config, &selected));
	assert_int_equal(selected.best, 0);
	assert_int_equal(c[1].selection, DS_S_COMBINED);
	c[0].reachable = false;
	c[1].stratum = 4;
	/* unless it knows better than we, or we have no time, or it is trusted. */
	config.own_distance_ns = 6 * MS;
	assert_true(ds_select(c, 3, 0, &config, &selected));
	config.own_distance_ns = 2 * MS;
	c[1].trust = true;
	assert_true(ds_select(c, 3, 0, &config, &selected));
	c[1].trust = false;
	config.own_stratum = 0;
	assert_true(ds_select(c, 3, 0, &config, &selected));
	assert_int_equal(selected.best, 1);
}

static void orphans_follow_the_lowest(void **state)
{
	struct ds_candidate c[4];
	struct ds_select_config config = DS_SELECT_DEFAULTS;
	struct ds_selected selected;

	(void)state;
	config.orphan_stratum = 10;
	for (int i = 0; i < 4; i++) {
		c[i] = candidate(i * (50 * MS), MS);
		c[i].stratum = 10;
		c[i].ref_id = 40U - (uint32_t)i * 10U;
		c[i].local_ref_id = 25;
	}
	c[3].stratum = 11; /* it follows another: nobody follows it, though its id is the lowest */
	assert_true(ds_select(c, 4, -1, &config, &selected));
	assert_int_equal(selected.best, 2);
	assert_int_equal(c[2].ref_id, 20);
	assert_int_equal(c[0].selection, DS_S_ORPHAN);
	assert_int_equal(c[3].selection, DS_S_ORPHAN);
	assert_int_equal(selected.low_minus_raw_ns, BASE + 99 * MS);
	/* Ours is the lowest: the others follow us. */
	c[2].local_ref_id = 15;
	assert_false(ds_select(c, 4, -1, &config, &selected));
	c[2].local_ref_id = 0;
	assert_false(ds_select(c, 4, -1, &config, &selected));
	/* A real source comes first. */
	c[2].local_ref_id = 25;
	c[1].stratum = 9;
	assert_true(ds_select(c, 4, 2, &config, &selected));
	assert_int_equal(selected.best, 1);
	assert_int_equal(c[2].selection, DS_S_ORPHAN);
	/* Without orphan mode strata are strata. */
	assert_false(ds_select(c, 4, 2, &defaults, &selected));
}

static void no_hopping_for_noise(void **state)
{
	struct ds_candidate c[2] = {candidate(0, 10 * MS), candidate(0, 11 * MS)};
	struct ds_selected selected;

	(void)state;
	assert_true(ds_select(c, 2, -1, &defaults, &selected));
	assert_int_equal(selected.best, 0);
	assert_true(ds_select(c, 2, 1, &defaults, &selected));
	assert_int_equal(selected.best, 1);
	assert_true(ds_select(c, 2, 7, &defaults, &selected));
	assert_int_equal(selected.best, 0);
	c[1].prediction.distance_ns = 30 * MS;
	assert_true(ds_select(c, 2, 1, &defaults, &selected));
	assert_int_equal(selected.best, 0);
	/* A stratum counts for a millisecond. */
	c[0] = candidate(0, MS);
	c[1] = candidate(0, MS);
	c[0].stratum = 4;
	assert_true(ds_select(c, 2, -1, &defaults, &selected));
	assert_int_equal(selected.best, 1);
}

static uint64_t draw(uint64_t *random, uint64_t below)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (*random >> 11) % below;
}

static struct ds_candidate any_candidate(uint64_t *random)
{
	static const int64_t offsets[] = {0, MS, 3 * MS, -2 * MS, 20 * MS, INT64_C(1) << 62};
	static const int64_t distances[] = {0, 1, MS, 5 * MS, 50 * MS, INT64_C(1) << 62};
	static const double deviations[] = {0.0, 1.0, 1e4, 1e6, 1e18, INFINITY, NAN};
	struct ds_candidate c = candidate(offsets[draw(random, 5)], distances[draw(random, 6)]);

	if (draw(random, 20) == 0)
		c.prediction.server_minus_raw_ns = offsets[5];
	c.prediction.sd_ns = deviations[draw(random, 7)];
	c.prediction.freq_sd_ppb = deviations[draw(random, 7)];
	c.prediction.cov_ns_ppb = deviations[draw(random, 7)];
	c.prediction.age_ns = 1e9;
	c.systematic_ns = deviations[draw(random, 7)];
	c.has_prediction = draw(random, 10) > 0;
	c.reachable = draw(random, 10) > 0;
	c.loop = draw(random, 20) == 0;
	c.noselect = draw(random, 10) == 0;
	c.prefer = draw(random, 6) == 0;
	c.trust = draw(random, 6) == 0;
	c.require = draw(random, 6) == 0;
	c.combined_before = draw(random, 2);
	c.stratum = (uint8_t)(1 + draw(random, 6));
	c.ref_id = (uint32_t)draw(random, 9);
	c.local_ref_id = (uint32_t)draw(random, 9);
	return c;
}

/* Whatever comes: there is one that is selected, and it has a right to be, or none. */
static void whatever_comes(void **state)
{
	uint64_t random = 88172645463325252;
	uint32_t found = 0;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		struct ds_select_config config = DS_SELECT_DEFAULTS;
		uint32_t n = (uint32_t)draw(&random, 7);
		struct ds_selected selected;
		struct ds_candidate c[7];
		uint32_t best = 0;
		bool is;

		for (uint32_t i = 0; i < n; i++)
			c[i] = any_candidate(&random);
		config.min_sources = (uint8_t)draw(&random, 3);
		config.orphan_stratum = (uint8_t)(draw(&random, 2) * 4);
		config.own_stratum = (uint8_t)draw(&random, 5);
		config.own_distance_ns = (int64_t)draw(&random, 8) * MS;
		is = ds_select(c, n, (int32_t)draw(&random, 9) - 1, &config, &selected);
		for (uint32_t i = 0; i < n; i++) {
			best += c[i].selection == DS_S_SELECTED;
			assert_true(is || c[i].selection < DS_S_NOT_PREFERRED ||
				    c[i].selection == DS_S_OUTLIER);
			assert_true(!is || (c[i].selection != DS_S_WAITING &&
					    c[i].selection != DS_S_WAITING_REQUIRED));
		}
		assert_int_equal(best, is);
		if (!is)
			continue;
		found++;
		assert_true(selected.best < n && c[selected.best].selection == DS_S_SELECTED);
		assert_true(c[selected.best].reachable && !c[selected.best].noselect);
		assert_true(selected.low_minus_raw_ns <= selected.high_minus_raw_ns);
		assert_in_range(selected.good, 1, n);
	}
	assert_in_range(found, 50000, 150000);
}

static void more_than_fit_are_left_out(void **state)
{
	struct ds_candidate c[DS_SOURCES_MAX + 2];
	struct ds_selected selected;

	(void)state;
	for (int i = 0; i < DS_SOURCES_MAX + 2; i++) {
		c[i] = candidate(i, MS);
		c[i].selection = DS_S_SELECTED;
	}
	assert_true(ds_select(c, DS_SOURCES_MAX + 2, -1, &defaults, &selected));
	assert_int_equal(selected.good, DS_SOURCES_MAX);
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
		cmocka_unit_test(an_ambiguous_majority),
		cmocka_unit_test(most_offsets_count),
		cmocka_unit_test(a_second_of_asymmetry),
		cmocka_unit_test(no_majority_no_time),
		cmocka_unit_test(too_few_wait),
		cmocka_unit_test(preferred_comes_first),
		cmocka_unit_test(trusted_ones_vote_alone),
		cmocka_unit_test(required_ones_must_be_good),
		cmocka_unit_test(outliers_are_set_aside),
		cmocka_unit_test(frequencies_must_be_close),
		cmocka_unit_test(who_was_left_out_comes_back_late),
		cmocka_unit_test(a_ring_is_not_closed),
		cmocka_unit_test(orphans_follow_the_lowest),
		cmocka_unit_test(no_hopping_for_noise),
		cmocka_unit_test(whatever_comes),
		cmocka_unit_test(more_than_fit_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
