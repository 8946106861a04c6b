/*
 * claim: what the oscillator has in common is taken out of what sources claim.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock/claim.h"
#include "core/clock/scale.h"

#define BASE INT64_C(1795000000000000000)
#define MS   1e6

static const double bases[3] = {0.0, 0.0, 0.0};

/* A line whose last sample is `age_s` old and that ends in its centre: 20 us there. */
static struct ds_prediction line(double offset_ns, double age_s, double freq_ppb,
				 double freq_sd_ppb)
{
	double end = age_s * freq_sd_ppb;
	struct ds_prediction p = {
		.server_minus_raw_ns = BASE + (int64_t)offset_ns,
		.sd_ns = hypot(2e4, end),
		.freq_ppb = freq_ppb,
		.freq_sd_ppb = freq_sd_ppb,
		.cov_ns_ppb = end * freq_sd_ppb,
		.age_ns = age_s * 1e9,
	};

	p.distance_ns = (int64_t)(10 * MS + DS_ESTIMATE_CLAIM_SDS * p.sd_ns);
	return p;
}

static double half_ns(const struct ds_claim *c)
{
	return (double)(c->high_ns - c->low_ns) / 2.0;
}

/* One has measured a minute longer than the others, which knew it to 300 ppm. */
static void one_knows_it_for_all(void **state)
{
	struct ds_prediction p[3] = {line(0, 0, 1e4, 1e3), line(64 * 90e3, 64, 1e5, 3e5),
				     line(-64 * 40e3, 64, -3e4, 3e5)};
	const struct ds_prediction *list[3] = {&p[0], &p[1], &p[2]};
	struct ds_claim c[3];

	(void)state;
	ds_claims(list, bases, 3, 0.0, c);
	assert_int_equal(c[0].offset_ns, BASE);
	assert_int_equal(c[0].low_ns, BASE - p[0].distance_ns);
	assert_int_equal(c[0].high_ns, BASE + p[0].distance_ns);
	/* 90 ppm and 40 ppm off in 64 s: that was the frequency's. */
	assert_in_range(c[1].offset_ns, BASE - 1000, BASE + 1000);
	assert_in_range(c[2].offset_ns, BASE - 1000, BASE + 1000);
	/* 20 us of their own, and 64 s of 1 ppm. */
	assert_true(fabs(c[1].sd_ns - hypot(2e4, 64e3)) < 600.0);
	assert_true(fabs(half_ns(&c[1]) - 10 * MS - DS_ESTIMATE_CLAIM_SDS * c[1].sd_ns) < 10.0);
	/* Clocks may differ by 100 ppm: so much is not known of one from the other. */
	ds_claims(list, bases, 3, 1e5, c);
	assert_true(fabs(c[1].sd_ns - 64 * hypot(1e3, 1e5)) < 1e4);
}

static void a_frequency_not_known_is_none(void **state)
{
	struct ds_prediction p[2] = {line(0, 0, 5e4, 1e3), line(-64 * 50e3, 64, 0, 1e5)};
	const struct ds_prediction *list[2] = {&p[0], &p[1]};
	struct ds_claim c[2];

	(void)state;
	p[1].freq_sd_ppb = INFINITY;
	p[1].cov_ns_ppb = 0.0;
	ds_claims(list, bases, 2, 0.0, c);
	assert_in_range(c[1].offset_ns, BASE - 1000, BASE + 1000);
	assert_true(half_ns(&c[1]) < 10.4 * MS);
	/* Nobody knows it: all stays as it is. */
	p[0].freq_sd_ppb = INFINITY;
	ds_claims(list, bases, 2, 0.0, c);
	assert_int_equal(c[1].offset_ns, p[1].server_minus_raw_ns);
	assert_true(fabs(half_ns(&c[1]) - (double)p[1].distance_ns) < 1.0);
}

/* What is systematic is no oscillator's, though the distance says no more than that. */
static void what_is_systematic_stays(void **state)
{
	static const double systematic_ns[2] = {10 * MS, 10 * MS};
	struct ds_prediction p[2] = {line(0, 0, 0, 1e3), line(0, 64, 0, 3e5)};
	const struct ds_prediction *list[2] = {&p[0], &p[1]};
	struct ds_claim c[2];

	(void)state;
	p[1].distance_ns = (int64_t)(20 * MS);
	ds_claims(list, systematic_ns, 2, 0.0, c);
	assert_true(half_ns(&c[1]) > 10 * MS && half_ns(&c[1]) < 10.5 * MS);
	p[1].distance_ns = (int64_t)(5 * MS);
	ds_claims(list, systematic_ns, 2, 0.0, c);
	assert_true(half_ns(&c[1]) < 5 * MS + 1.0);
}

/* Whoever says that it knows more than it does moves others by no more than they allow. */
static void a_liar_moves_nobody_far(void **state)
{
	struct ds_prediction p[3] = {line(0, 64, 0, 1e3), line(0, 64, 0, 1e3),
				     line(0, 0, 1e8, 1e-3)};
	const struct ds_prediction *list[3] = {&p[0], &p[1], &p[2]};
	struct ds_claim c[3];

	(void)state;
	ds_claims(list, bases, 3, 0.0, c);
	for (int i = 0; i < 2; i++) {
		assert_true(ds_ns_between(c[i].offset_ns, BASE) <=
			    DS_ESTIMATE_CLAIM_SDS * 64.0 * 1e3 + 1.0);
		assert_true(c[i].low_ns < BASE && c[i].high_ns > BASE);
	}
}

static void nonsense_widens_nothing(void **state)
{
	static const double values[] = {0.0, -1.0, 1e-30, 1.0, 1e30, INFINITY, NAN};
	const size_t n = sizeof(values) / sizeof(values[0]);

	(void)state;
	for (size_t i = 0; i < n * n * n * n; i++) {
		struct ds_prediction p[2] = {line(0, 1, 0, 1e3), line(5, 1, 3, 1e3)};
		const struct ds_prediction *list[2] = {&p[0], &p[1]};
		struct ds_claim c[2];

		p[0].sd_ns = values[i % n];
		p[0].freq_sd_ppb = values[i / n % n];
		p[0].cov_ns_ppb = values[i / (n * n) % n];
		p[0].freq_ppb = values[i / (n * n * n)];
		ds_claims(list, bases, 2, 1.0, c);
		for (int k = 0; k < 2; k++) {
			assert_true(c[k].low_ns <= c[k].offset_ns);
			assert_true(c[k].offset_ns <= c[k].high_ns);
			assert_true(half_ns(&c[k]) <= (double)p[k].distance_ns + 1.0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_knows_it_for_all),
		cmocka_unit_test(a_frequency_not_known_is_none),
		cmocka_unit_test(what_is_systematic_stays),
		cmocka_unit_test(a_liar_moves_nobody_far),
		cmocka_unit_test(nonsense_widens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
