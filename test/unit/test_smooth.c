/*
 * test_smooth: what is served goes on where it was, keeps its bounds, and arrives.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/clock/scale.h"
#include "core/clock/smooth.h"

#define S   INT64_C(1000000000)
#define T_0 (INT64_C(1435708799) * S)
/* The end of NTP's first era: 2036-02-07 06:28:16. */
#define ERA (INT64_C(2085978496) * S)

/* Walk along the way: bounds of rate and wander, no jump, and the end. Returns its length in s. */
static double walk(const struct ds_smooth *s, int64_t from_ns, int64_t step_ns)
{
	int64_t end_ns = ds_smooth_end_ns(s);
	double step_s = (double)step_ns * 1e-9;
	double before = (double)ds_smooth_offset_ns(s, from_ns);
	double rate = ds_smooth_freq_ppb(s, from_ns);

	for (int64_t at = from_ns + step_ns; at <= end_ns + 3 * step_ns; at += step_ns) {
		double x = (double)ds_smooth_offset_ns(s, at);
		double v = ds_smooth_freq_ppb(s, at);

		assert_true(fabs(v) <= fmax(s->max_freq_ppb, fabs(s->freq_ppb)) * (1.0 + 1e-9));
		assert_true(fabs(v - rate) <= s->max_wander_ppb_s * step_s * (1.0 + 1e-9) + 1e-9);
		/* The offset is the integral of the rate. */
		assert_true(fabs(x - before - (v + rate) / 2.0 * step_s) <=
			    s->max_wander_ppb_s * step_s * step_s + 1.5);
		before = x;
		rate = v;
	}
	assert_int_equal(ds_smooth_offset_ns(s, end_ns + 1), 0);
	assert_true(fabs((double)ds_smooth_offset_ns(s, end_ns - 1)) <=
		    1.0 + s->max_freq_ppb * 2e-9);
	assert_true(fabs(ds_smooth_freq_ppb(s, end_ns + 1)) <= 0.0);
	return (double)(end_ns - from_ns) * 1e-9;
}

/* The example of chrony.conf(5): 62500 s, 32 ppm half-way. */
static void a_leap_second_takes_as_long_as_is_documented(void **state)
{
	(void)state;
	for (int sign = -1; sign <= 1; sign += 2) {
		struct ds_smooth s;

		ds_smooth_init(&s, 400e3, 1.024);
		ds_smooth_add(&s, T_0, sign * 1e9, 0.0);
		assert_int_equal(ds_smooth_offset_ns(&s, T_0), sign * S);
		assert_int_equal(ds_smooth_offset_ns(&s, T_0 - 5 * S), sign * S);
		assert_true(fabs(walk(&s, T_0, 10 * S) - 62500.0) < 1e-3);
		assert_true(fabs(ds_smooth_freq_ppb(&s, T_0 + 31250 * S) + sign * 32e3) < 1e-3);
		assert_true(llabs(ds_smooth_offset_ns(&s, T_0 + 31250 * S) - sign * S / 2) <= 1);
	}
}

/* With the rate bounded a stretch of constant rate lies between. */
static void the_greatest_rate_is_kept(void **state)
{
	struct ds_smooth s;
	double length;

	(void)state;
	ds_smooth_init(&s, 20e6, 10e6); /* 20000 ppm, 10000 ppm a second */
	ds_smooth_add(&s, T_0, 1e9, 0.0);
	length = walk(&s, T_0, S / 64);
	/* 2 s up, 2 s down, each 20 ms; 0.96 s at 0.02 between */
	assert_true(fabs(length - (4.0 + 48.0)) < 1e-6);
	assert_true(fabs(ds_smooth_freq_ppb(&s, T_0 + 20 * S) + 20e6) < 1e-6);
}

static void the_era_ends_on_the_way(void **state)
{
	struct ds_smooth s;
	struct ds_smooth other;

	(void)state;
	ds_smooth_init(&s, 400e3, 1.024);
	other = s;
	ds_smooth_add(&s, ERA - 31250 * S, 1e9, 0.0);
	ds_smooth_add(&other, T_0, 1e9, 0.0);
	for (int64_t t = 0; t < 63000; t += 7)
		assert_int_equal(ds_smooth_offset_ns(&s, ERA + (t - 31250) * S + 123456789),
				 ds_smooth_offset_ns(&other, T_0 + t * S + 123456789));
	walk(&s, ERA - 31250 * S, 50 * S);
}

/* A correction while one is being smoothed: offset and rate go on, only the way is another. */
static void corrections_add_up(void **state)
{
	uint64_t seed = 88172645463325252u;
	struct ds_smooth s;
	int64_t at = T_0;

	(void)state;
	ds_smooth_init(&s, 50e6, 10e3);
	for (int i = 0; i < 2000; i++) {
		double jump;
		double bend;
		double x;
		double v;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		jump = ((double)(seed % 2001) - 1000.0) * 1e6 * (i % 7 == 0 ? 1.0 : 1e-3);
		bend = ((double)(seed >> 20 & 2047) - 1024.0) * (i % 5 == 0 ? 100.0 : 0.1);
		x = (double)ds_smooth_offset_ns(&s, at);
		v = ds_smooth_freq_ppb(&s, at);
		ds_smooth_add(&s, at, jump, bend);
		assert_true(fabs((double)ds_smooth_offset_ns(&s, at) - x - jump) <= 1.0);
		assert_true(fabs(ds_smooth_freq_ppb(&s, at) - v - bend) <= 1e-6);
		if (i % 50 == 0)
			walk(&s, at, S);
		at += (int64_t)(seed >> 40) % 300 * S + 1;
	}
}

/* No way is longer than one with another peak: minimum time, seen from its neighbours. */
static void the_way_is_short(void **state)
{
	struct ds_smooth s;

	(void)state;
	ds_smooth_init(&s, 1e6, 1e3);
	ds_smooth_add(&s, T_0, 1e6, 0.0);
	/* Rest to rest without the bound: 2 sqrt(x / w) */
	assert_true(fabs((double)(ds_smooth_end_ns(&s) - T_0) * 1e-9 - 2.0 * sqrt(1e6 / 1e3)) <
		    1e-6);
	ds_smooth_reset(&s);
	/* Right on the braking parabola: brake, no more. */
	ds_smooth_add(&s, T_0, -5e5, sqrt(2.0 * 1e3 * 5e5));
	assert_true(fabs((double)(ds_smooth_end_ns(&s) - T_0) * 1e-9 - sqrt(2.0 * 5e5 / 1e3)) <
		    1e-5);
}

static void nothing_is_done_unasked(void **state)
{
	struct ds_smooth s;

	(void)state;
	for (int i = 0; i < 3; i++) {
		ds_smooth_init(&s, i == 1 ? 400e3 : 0.0, i == 1 ? NAN : 1.0);
		ds_smooth_add(&s, T_0, 1e9, 0.0);
		assert_int_equal(ds_smooth_offset_ns(&s, T_0), 0);
		assert_int_equal(ds_smooth_offset_ns(&s, T_0 + S), 0);
	}
	ds_smooth_init(&s, 400e3, 1.0);
	ds_smooth_add(&s, T_0, NAN, 0.0);
	ds_smooth_add(&s, T_0, 0.0, INFINITY);
	assert_int_equal(ds_smooth_offset_ns(&s, T_0 + S), 0);
	ds_smooth_add(&s, T_0, 1e9, 0.0);
	ds_smooth_reset(&s);
	assert_int_equal(ds_smooth_offset_ns(&s, T_0 + S), 0);
	assert_int_equal(ds_smooth_offset_ns(&s, INT64_MIN), 0);
	/* The clock went back: the next way begins where it is. */
	ds_smooth_add(&s, T_0 - 3600 * S, 1e6, 0.0);
	assert_int_equal(s.start_ns, T_0 - 3600 * S);
}

static void extremes_are_harmless(void **state)
{
	static const double extremes[] = {0.0,	1e-300, 1.0,   -1.0,  1e9,
					  -1e9, 1e18,	-1e18, 1e300, -1e300};
	const size_t n = sizeof(extremes) / sizeof(extremes[0]);

	(void)state;
	for (size_t i = 0; i < n * n * n; i++) {
		struct ds_smooth s;

		ds_smooth_init(&s, fabs(extremes[i % n]), fabs(extremes[i / n % n]));
		ds_smooth_add(&s, T_0, extremes[i / n / n], extremes[(i + 3) % n]);
		ds_smooth_add(&s, INT64_MAX, extremes[i % n], extremes[i / n % n]);
		(void)ds_smooth_offset_ns(&s, INT64_MAX);
		(void)ds_smooth_offset_ns(&s, INT64_MIN);
		assert_true(isfinite(ds_smooth_freq_ppb(&s, T_0 + S)));
		assert_true(ds_smooth_end_ns(&s) <= DS_NS_LIMIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leap_second_takes_as_long_as_is_documented),
		cmocka_unit_test(the_greatest_rate_is_kept),
		cmocka_unit_test(the_era_ends_on_the_way),
		cmocka_unit_test(corrections_add_up),
		cmocka_unit_test(the_way_is_short),
		cmocka_unit_test(nothing_is_done_unasked),
		cmocka_unit_test(extremes_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
