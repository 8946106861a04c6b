/*
 * bound: growth, what selections and surprises say of it, and values nobody should give.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock/bound.h"

#define SECOND INT64_C(1000000000)
#define START  (12345 * SECOND)

static const struct ds_bound_update good = {
	.raw_ns = START,
	.sd_ns = 1000,
	.freq_sd_ppb = 10,
	.cov_ns_ppb = 5000,
	.wander_ppb = 1,
	.hard_ns = 100000,
	.root_delay_ns = 200000,
};

static struct ds_bound begin_few(double max_asymmetry, const struct ds_bound_update *update)
{
	const struct ds_bound_config config = {1000, max_asymmetry};
	struct ds_bound b;

	ds_bound_init(&b, &config, NULL);
	if (update != NULL)
		ds_bound_update(&b, update);
	return b;
}

/* After so many updates that no more is added for their being few. */
static struct ds_bound begin(double max_asymmetry, const struct ds_bound_update *update)
{
	struct ds_bound b = begin_few(max_asymmetry, update);

	if (update == NULL)
		return b;
	b.intervals = INFINITY;
	ds_bound_update(&b, update);
	return b;
}

static struct ds_bound_value at(const struct ds_bound *b, double s, int64_t remaining_ns)
{
	struct ds_bound_value value;

	ds_bound_at(b, START + (int64_t)(s * 1e9), remaining_ns, &value);
	return value;
}

static void nothing_is_known_at_first(void **state)
{
	struct ds_bound b = begin(0, NULL);
	struct ds_bound_lines lines;

	(void)state;
	assert_int_equal(at(&b, 0, 0).bound_ns, DS_BOUND_UNKNOWN_NS);
	assert_int_equal(at(&b, 0, -5).hard_ns, DS_BOUND_UNKNOWN_NS);
	assert_false(ds_bound_ahead(&b, START, 0, SECOND, 2 * SECOND, &lines));
	assert_true(lines.bound.ns >= (double)DS_BOUND_UNKNOWN_NS);
	ds_bound_update(&b, &good);
	assert_true(at(&b, 0, 0).bound_ns < 30000);
	ds_bound_lose(&b);
	assert_int_equal(at(&b, 0, 0).bound_ns, DS_BOUND_UNKNOWN_NS);
}

/* Five standard deviations, and by hand: at 100 s the variance is 1e6 + 2 * 5000 * 100 +
 * 100 * 1e4 + 1e6 / 3. */
static void grows_as_a_line_does(void **state)
{
	struct ds_bound b = begin(0, &good);
	double sd = sqrt(1e6 + 1e6 + 1e6 + 1e6 / 3);

	(void)state;
	assert_int_equal(at(&b, 0, 0).bound_ns, 5000);
	assert_int_equal(at(&b, 0, 0).hard_ns, 100000);
	assert_int_equal(at(&b, 100, 0).bound_ns, (int64_t)ceil(5 * sd));
	assert_int_equal(at(&b, 100, 0).hard_ns, (int64_t)ceil(1e5 + 1e5 + 5 * (sd - 1000)));
	/* Before the update: as of it. */
	assert_int_equal(at(&b, -50, 0).bound_ns, 5000);
	/* What is still to be slewed, whichever way. */
	assert_int_equal(at(&b, 0, 300).bound_ns, 5300);
	assert_int_equal(at(&b, 0, -300).bound_ns, 5300);
	assert_int_equal(at(&b, 0, -300).hard_ns, 100300);
}

static void never_shrinks_by_itself(void **state)
{
	struct ds_bound_update update = good;
	struct ds_bound b;
	struct ds_bound_value last = {0, 0};

	(void)state;
	for (int which = 0; which < 4; which++) {
		/* Even where the covariance given would have it shrink, or is impossible. */
		update.cov_ns_ppb = (const double[]){-9e3, 0, 1e12, NAN}[which];
		b = begin(0.5, &update);
		last = (struct ds_bound_value){0, 0};
		for (double s = 0; s < 4e9; s = s * 1.5 + 0.001) {
			struct ds_bound_value now = at(&b, s, 0);

			assert_true(now.bound_ns >= last.bound_ns && now.hard_ns >= last.hard_ns);
			assert_true(now.bound_ns <= now.hard_ns);
			last = now;
		}
		assert_true(last.bound_ns <= DS_BOUND_UNKNOWN_NS);
	}
}

/* Few samples: what they say of their scatter is no more than that the delay was short. */
static void hard_limits_the_other(void **state)
{
	struct ds_bound_update update = good;
	struct ds_bound b;

	(void)state;
	update.sd_ns = 1e6;
	b = begin(0, &update);
	assert_int_equal(at(&b, 0, 0).bound_ns, 100000);
	update.sd_ns = INFINITY;
	b = begin(0, &update);
	assert_int_equal(at(&b, 0, 0).bound_ns, 100000);
	assert_true(at(&b, 10, 0).hard_ns >= 110000);
	assert_true(at(&b, 10, 0).hard_ns < 120000);
}

static void asymmetry_counts_by_its_share(void **state)
{
	struct ds_bound none = begin(0, &good);
	struct ds_bound some = begin(0.1, &good);
	struct ds_bound all = begin(7, &good);
	struct ds_bound negative = begin(-1, &good);

	(void)state;
	assert_int_equal(at(&none, 0, 0).bound_ns, 5000);
	assert_int_equal(at(&some, 0, 0).bound_ns, 5000 + 10000);
	assert_int_equal(at(&all, 0, 0).bound_ns, 100000); /* as if 1, and then hard is less */
	assert_int_equal(at(&negative, 0, 0).bound_ns, 5000);
}

static void sources_own_error_counts(void **state)
{
	struct ds_bound_update update = good;
	struct ds_bound b;

	(void)state;
	update.source_dispersion_ns = 700;
	update.disagreement_ns = 40;
	b = begin(0, &update);
	assert_int_equal(at(&b, 0, 0).bound_ns, 5740);
	update.source_dispersion_ns = -700; /* nobody should */
	update.disagreement_ns = -40;
	update.root_delay_ns = -5;
	b = begin(1, &update);
	assert_int_equal(at(&b, 0, 0).bound_ns, 5000);
}

/* The line turns out to have been off by 12 standard deviations: all count four times as much
 * (12 / 3), and less again with each update that is as it should be. */
static void learns_from_surprise(void **state)
{
	struct ds_bound_update update = good;
	struct ds_bound b = begin(0, &update);
	double surprise;

	(void)state;
	update.line_minus_raw_ns += 2900;
	ds_bound_update(&b, &update);
	assert_true(b.scale == 1.0);
	update.line_minus_raw_ns -= 12000;
	ds_bound_update(&b, &update);
	assert_true(fabs(b.scale - 4) < 1e-9);
	assert_int_equal(at(&b, 0, 0).bound_ns, 20000);
	for (int i = 0; i < 32; i++)
		ds_bound_update(&b, &update);
	surprise = b.surprise;
	assert_true(b.scale == surprise && surprise > 2.0 && surprise < 2.2);
	/* It is not forgotten because the host slept; and never more than the most. */
	ds_bound_lose(&b);
	ds_bound_update(&b, &update);
	assert_true(b.surprise == surprise);
	update.line_minus_raw_ns = INT64_MIN;
	ds_bound_update(&b, &update);
	assert_true(b.surprise == DS_BOUND_SCALE_MAX);
	/* What the frequency explains is no surprise. */
	update = good;
	update.freq_ppb = 1e5;
	b = begin(0, &update);
	update.raw_ns += 100 * SECOND;
	update.line_minus_raw_ns += 10000000;
	ds_bound_update(&b, &update);
	assert_true(b.scale == 1.0);
}

/* Updates a second apart that each move little, so that none is a surprise; but looking back 50 s,
 * where the line is known to 500 ns, each was off by three of the 1000 ns it claimed. */
static void learns_from_hindsight(void **state)
{
	struct ds_bound_update update = good;
	struct ds_bound b;

	(void)state;
	update.freq_sd_ppb = 17.4;
	update.cov_ns_ppb = 0.87 * 17.4 * 1000;
	update.wander_ppb = 0;
	b = begin(0, &update);
	for (int i = 1; i < 150; i++) {
		update.raw_ns += SECOND;
		update.line_minus_raw_ns += 60; /* it is sloped as it says it is not */
		ds_bound_update(&b, &update);
		assert_true(b.surprise == 1.0);
	}
	assert_true(b.scale > 2.5 && b.scale < 3.1);
	/* An estimate that is right is left alone: the same, and its frequency says so. */
	update.freq_ppb = 60;
	b = begin(0, &update);
	for (int i = 1; i < 150; i++) {
		update.raw_ns += SECOND;
		update.line_minus_raw_ns += 60;
		ds_bound_update(&b, &update);
	}
	assert_true(b.scale == 1.0);
}

/* What was seen of the oscillator counts where it is more than the random walk. */
static void asks_holdover(void **state)
{
	const struct ds_bound_config config = {1000, 0};
	struct ds_bound_update update = good;
	struct ds_holdover holdover;
	struct ds_bound b;
	double sd;

	(void)state;
	ds_holdover_init(&holdover);
	ds_bound_init(&b, &config, &holdover);
	update.wander_ppb = 0;
	ds_bound_update(&b, &update);
	b.intervals = INFINITY;
	ds_bound_update(&b, &update);
	sd = ds_holdover_offset_sd_ns(&holdover, 1000, 10, 5000, 100);
	assert_true(sd > 2000);
	assert_in_range(at(&b, 100, 0).bound_ns, (int64_t)(5 * sd), (int64_t)(5 * sd) + 1);
	update.wander_ppb = 300;
	ds_bound_update(&b, &update);
	assert_true((double)at(&b, 100, 0).hard_ns > 5 * 300 * 1000 / sqrt(3));
}

/* Chords lie above: at no moment does a reader of the lines see less than what holds. */
static void lines_lie_above(void **state)
{
	struct ds_bound_update update = good;
	struct ds_bound_lines lines;

	(void)state;
	for (int which = 0; which < 12; which++) {
		struct ds_bound b;
		double from_s = which % 3 * 70.0;
		int64_t raw_ns = START + (int64_t)(from_s * 1e9);

		update.wander_ppb = (const double[]){0, 1, 30, 1000}[which / 3];
		update.hard_ns = which % 2 ? 4000 : 100000;
		b = begin(0.01, &update);
		assert_true(ds_bound_ahead(&b, raw_ns, -77, 64 * SECOND, 1000 * SECOND, &lines));
		for (double s = 0; s <= 1000; s += 0.5) {
			struct ds_bound_value value = at(&b, from_s + s, 77);
			double early = fmin(s, 64), late = s - early;
			double tight = lines.bound.ns + early * lines.bound.early_ppb +
				       late * lines.bound.late_ppb;
			double hard = lines.hard.ns + early * lines.hard.early_ppb +
				      late * lines.hard.late_ppb;

			/* what was computed is rounded up to a nanosecond */
			assert_true(fmin(tight, hard) > (double)value.bound_ns - 1.001);
			assert_true(hard > (double)value.hard_ns - 1.001);
		}
		assert_true(lines.hard.ns <= (double)at(&b, from_s, 77).hard_ns);
	}
	ds_bound_ahead(&(struct ds_bound){.known = true}, START, 0, -5, -9, &lines);
	assert_true(lines.knee_ns > 0 && lines.end_ns > lines.knee_ns);
}

static void bad_values_claim_nothing(void **state)
{
	const double bad[] = {NAN, -1, INFINITY, -INFINITY, 1e308};
	struct ds_bound_lines lines;

	(void)state;
	for (int which = 0; which < 3 * 5; which++) {
		struct ds_bound_update update = good;
		struct ds_bound b;

		(which / 5 == 0	  ? &update.sd_ns
		 : which / 5 == 1 ? &update.freq_sd_ppb
				  : &update.wander_ppb)[0] = bad[which % 5];
		b = begin(0, &update);
		for (double s = 0; s < 1e6; s = s * 3 + 1) {
			struct ds_bound_value v = at(&b, s, INT64_MIN);

			assert_int_equal(v.bound_ns, DS_BOUND_UNKNOWN_NS);
			v = at(&b, s, 0);
			assert_true(v.bound_ns >= 100000 || (s == 0 && v.bound_ns >= 5000));
			assert_true(v.bound_ns <= v.hard_ns && v.hard_ns <= DS_BOUND_UNKNOWN_NS);
		}
		ds_bound_ahead(&b, START, 0, SECOND, 2 * SECOND, &lines);
		assert_true(isfinite(lines.bound.ns) && isfinite(lines.bound.early_ppb));
		assert_true(isfinite(lines.hard.ns) && isfinite(lines.hard.late_ppb));
	}
	{
		struct ds_bound_update update = good;
		struct ds_bound b = begin(NAN, &good);
		struct ds_bound_value v;

		update.raw_ns = INT64_MIN;
		ds_bound_update(&b, &update); /* before the last: nothing goes back */
		assert_int_equal(b.raw_ns, START);
		ds_bound_at(&b, INT64_MAX, 0, &v);
		assert_int_equal(v.bound_ns <= v.hard_ns, 1);
		b = begin(0, &update);
		ds_bound_at(&b, INT64_MAX, 0, &v);
		assert_true(v.bound_ns > 0 && v.hard_ns >= v.bound_ns);
	}
}

static struct ds_candidate candidate(enum ds_selection selection, int64_t offset_ns, double sd_ns,
				     int64_t distance_ns)
{
	return (struct ds_candidate){
		.selection = selection,
		.has_prediction = true,
		.prediction = {.server_minus_raw_ns = offset_ns,
			       .sd_ns = sd_ns,
			       .distance_ns = distance_ns,
			       .certain_ns = distance_ns},
		.root_delay_ns = distance_ns,
		.stated_dispersion_ns = distance_ns / 10,
	};
}

static void claims_meet(void **state)
{
	struct ds_candidate c[] = {
		candidate(DS_S_SELECTED, 0, 10, 1000),
		candidate(DS_S_COMBINED, 600, 10, 1000),
		candidate(DS_S_NOT_COMBINED, 500, 1, 5000),
		candidate(DS_S_FALSETICKER, 90000, 1, 1),
		candidate(DS_S_NOSELECT, 300, 1, 2),
	};
	struct ds_combined combined = {.server_minus_raw_ns = 300};
	struct ds_bound_update update;

	(void)state;
	/* Three of four voters hold in [-400, 1000]: 700 on each side of 300. The offsets that were
	 * used differ from it by 300, of which 50 is noise. */
	ds_bound_judge(c, 5, &combined, &update);
	assert_int_equal(update.hard_ns, 700);
	assert_int_equal(update.disagreement_ns, 250);
	assert_int_equal(update.root_delay_ns, 1000);
	assert_int_equal(update.source_dispersion_ns, 100);
	assert_false(update.contradicted);
	/* Outside of where they meet: up to its far end. */
	combined.server_minus_raw_ns = -900;
	ds_bound_judge(c, 5, &combined, &update);
	assert_int_equal(update.hard_ns, 1900);
	/* Of three any two may be the true ones: in [-4500, 1600] at least two hold somewhere. */
	combined.server_minus_raw_ns = 300;
	ds_bound_judge(c, 3, &combined, &update);
	assert_int_equal(update.hard_ns, 1300);
	/* One alone. */
	combined.server_minus_raw_ns = 0;
	ds_bound_judge(c, 1, &combined, &update);
	assert_int_equal(update.hard_ns, 1000);
	assert_int_equal(update.disagreement_ns, 0);
	c[0].contradiction_ns = 5000;
	ds_bound_judge(c, 1, &combined, &update);
	assert_true(update.contradicted);
	assert_int_equal(update.hard_ns, 5000);
	/* Nothing that anybody knows; nobody. */
	c[0].prediction.sd_ns = NAN;
	c[0].prediction.certain_ns = INT64_MAX;
	combined.server_minus_raw_ns = DS_NS_LIMIT;
	ds_bound_judge(c, 1, &combined, &update);
	assert_int_equal(update.hard_ns, DS_NS_LIMIT);
	assert_int_equal(update.disagreement_ns, 0);
	ds_bound_judge(c, 0, &combined, &update);
	assert_int_equal(update.hard_ns, DS_NS_LIMIT);
}

/* Four agree only because each claims so much; one of them is false, and has pulled the mean by a
 * quarter of its error. All four claims meet in [20, 30], where the truth, 0, is not; any three in
 * [-30, 30]. */
static void a_believed_falseticker(void **state)
{
	struct ds_candidate c[] = {
		candidate(DS_S_SELECTED, 0, 1, 30),
		candidate(DS_S_COMBINED, 0, 1, 30),
		candidate(DS_S_COMBINED, 0, 1, 30),
		candidate(DS_S_COMBINED, 50, 1, 30),
	};
	struct ds_combined combined = {.server_minus_raw_ns = 12};
	struct ds_bound_update update;

	(void)state;
	ds_bound_judge(c, 4, &combined, &update);
	assert_int_equal(update.hard_ns, 42);
	assert_true(update.disagreement_ns >= 12);
}

/* Where the newest sample does not allow the line, nothing but the hard bound is claimed. */
static void contradicted_claims_no_more(void **state)
{
	struct ds_bound_update update = good;
	struct ds_bound b;

	(void)state;
	update.contradicted = true;
	b = begin(0, &update);
	assert_int_equal(at(&b, 0, 0).bound_ns, 100000);
	assert_int_equal(at(&b, 50, 0).bound_ns, at(&b, 50, 0).hard_ns);
	update.contradicted = false;
	ds_bound_update(&b, &update);
	assert_true(at(&b, 0, 0).bound_ns < 100000);
}

/* The newest sample has the line further away than it may have been late: as far as that reaches,
 * and as fast as the two newest have it. */
static void doubt_counts(void **state)
{
	struct ds_bound_update update = good;
	struct ds_candidate c[] = {candidate(DS_S_SELECTED, 0, 10, 1000),
				   candidate(DS_S_COMBINED, 0, 10, 1000),
				   candidate(DS_S_NOT_COMBINED, 0, 10, 1000)};
	struct ds_combined combined = {.server_minus_raw_ns = 0};
	struct ds_bound b;

	(void)state;
	c[1].doubt_ns = 9000;
	c[0].freq_doubt_ppb = 200;
	c[2].doubt_ns = 77000; /* was not used */
	c[2].freq_doubt_ppb = 7000;
	ds_bound_judge(c, 3, &combined, &update);
	assert_int_equal(update.doubt_ns, 9000);
	assert_true(update.freq_doubt_ppb == 200);
	update = good;
	update.doubt_ns = 9000;
	b = begin(0, &update);
	assert_int_equal(at(&b, 0, 0).bound_ns, 9000);
	assert_int_equal(at(&b, 0, 0).hard_ns, 100000);
	update.freq_doubt_ppb = 200;
	ds_bound_update(&b, &update);
	assert_in_range(at(&b, 100, 0).bound_ns, 9000 + 20000, 9000 + 20000 + 5 * 2000);
	assert_true(at(&b, 100, 0).hard_ns >= 100000 + 100000 + 20000);
	update.doubt_ns = 100; /* less than what is not known anyway */
	update.freq_doubt_ppb = NAN;
	ds_bound_update(&b, &update);
	assert_int_equal(at(&b, 0, 0).bound_ns, 5000);
	assert_true(at(&b, 100, 0).bound_ns < 20000);
}

/* What a source said of its own error is in the estimate still. */
static void dispersion_is_remembered(void **state)
{
	struct ds_bound_update update = good;
	struct ds_bound b = begin(0, &update);
	int64_t without = at(&b, 0, 0).bound_ns;

	(void)state;
	update.source_dispersion_ns = 8000;
	ds_bound_update(&b, &update);
	assert_int_equal(at(&b, 0, 0).bound_ns, without + 8000);
	update.source_dispersion_ns = 0;
	update.interval_ns = 64 * SECOND;
	for (int i = 0; i < 2; i++)
		ds_bound_update(&b, &update);
	assert_in_range(at(&b, 0, 0).bound_ns, without + 4000, without + 4001);
}

/* ... and at first it may be in the slope, also of what the sources are behind. */
static void what_was_stated_may_be_in_the_slope(void **state)
{
	struct ds_bound_update update = good;
	struct ds_candidate c[] = {candidate(DS_S_SELECTED, 0, 10, 1000),
				   candidate(DS_S_COMBINED, 0, 10, 1000),
				   candidate(DS_S_NOT_COMBINED, 0, 10, 1000)};
	struct ds_combined combined = {.server_minus_raw_ns = 0};
	struct ds_bound b = begin_few(0, &update);
	int64_t tight = at(&b, 64, 0).bound_ns;
	int64_t hard = at(&b, 64, 0).hard_ns;

	(void)state;
	c[0].prediction.stated_freq_ppb = 100;
	c[1].prediction.stated_freq_ppb = 125;
	c[2].prediction.stated_freq_ppb = 900; /* was not used */
	ds_bound_judge(c, 3, &combined, &update);
	assert_true(update.stated_freq_ppb == 125);
	update = good;
	update.stated_freq_ppb = 125;
	b = begin_few(0, &update);
	assert_int_equal(at(&b, 64, 0).bound_ns, tight + 8000);
	assert_int_equal(at(&b, 64, 0).hard_ns, hard + 8000);
	b = begin(0, &update);
	assert_true(b.freq_doubt_ppb == 0.0);
}

/* The first updates know their own scatter poorly; a burst does not change that. */
static void few_updates_claim_less(void **state)
{
	struct ds_bound_update update = good;
	struct ds_bound b;

	(void)state;
	update.hard_ns = 10000000;
	update.interval_ns = 64 * SECOND;
	b = begin_few(0, &update);
	assert_int_equal(at(&b, 0, 0).bound_ns, 20000); /* at most four times as much */
	for (int i = 0; i < 4; i++) {
		update.raw_ns += 2 * SECOND;
		ds_bound_update(&b, &update);
	}
	assert_true(b.scale == 4.0);
	for (int i = 0; i < 10; i++) {
		update.raw_ns += 64 * SECOND;
		ds_bound_update(&b, &update);
	}
	assert_true(b.scale > 1.5 && b.scale < 1.6); /* exp(4.5 / 10.1) */
	for (int i = 0; i < 90; i++) {
		update.raw_ns += 64 * SECOND;
		ds_bound_update(&b, &update);
	}
	assert_true(b.scale > 1.0 && b.scale < 1.05);
	ds_bound_lose(&b);
	ds_bound_update(&b, &update);
	assert_true(b.scale == 4.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_at_first),
		cmocka_unit_test(grows_as_a_line_does),
		cmocka_unit_test(never_shrinks_by_itself),
		cmocka_unit_test(hard_limits_the_other),
		cmocka_unit_test(asymmetry_counts_by_its_share),
		cmocka_unit_test(sources_own_error_counts),
		cmocka_unit_test(learns_from_surprise),
		cmocka_unit_test(learns_from_hindsight),
		cmocka_unit_test(asks_holdover),
		cmocka_unit_test(lines_lie_above),
		cmocka_unit_test(bad_values_claim_nothing),
		cmocka_unit_test(claims_meet),
		cmocka_unit_test(a_believed_falseticker),
		cmocka_unit_test(contradicted_claims_no_more),
		cmocka_unit_test(doubt_counts),
		cmocka_unit_test(dispersion_is_remembered),
		cmocka_unit_test(what_was_stated_may_be_in_the_slope),
		cmocka_unit_test(few_updates_claim_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
