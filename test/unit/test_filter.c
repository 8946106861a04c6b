/*
 * Tests of core/clock/filter and core/clock/pulse: what is kept, what it comes to, what is refused;
 * the figures that filter.h gives for normal noise; every pulse within reach and none beyond.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/clock/filter.h"
#include "core/clock/pulse.h"
#include "core/clock/scale.h"

#define S	INT64_C(1000000000)
#define BASE_NS (INT64_C(1700000000) * S)

static struct ds_filter filter;
static struct ds_filter_result result;

static bool add(int64_t raw_ns, int64_t value_ns)
{
	return ds_filter_add(&filter, &(struct ds_filter_sample){raw_ns, value_ns, 0});
}

static double uniform(void)
{
	return (double)(random() + 1) / ((double)RAND_MAX + 2.0);
}

static double normal(void)
{
	return sqrt(-2.0 * log(uniform())) * cos(2.0 * M_PI * uniform());
}

static void test_how_many(void **state)
{
	static const struct {
		unsigned length, samples, used; /* used 0: too few */
	} table[] = {
		{1, 0, 0},  {1, 1, 1},	  {1, 3, 1},	{2, 1, 0},	 {2, 2, 2}, {3, 2, 0},
		{3, 3, 3},  {4, 3, 0},	  {4, 4, 4},	{5, 3, 0},	 {5, 4, 4}, {5, 5, 5},
		{10, 9, 9}, {64, 64, 64}, {64, 70, 64}, {256, 256, 256}, {0, 1, 1}, {999, 300, 256},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		ds_filter_init(&filter, (uint16_t)table[i].length);
		for (unsigned k = 0; k < table[i].samples; k++)
			assert_true(add(k * S, BASE_NS));
		assert_int_equal(ds_filter_take(&filter, 0, false, &result), table[i].used > 0);
		if (table[i].used == 0) {
			assert_int_equal(filter.count, table[i].samples); /* kept */
			continue;
		}
		assert_int_equal(result.used, table[i].used);
		assert_int_equal(result.reference_minus_raw_ns, BASE_NS);
		assert_int_equal(filter.count, 0); /* taken */
	}
}

static void test_one_is_itself(void **state)
{
	(void)state;
	ds_filter_init(&filter, 1);
	assert_true(ds_filter_add(&filter, &(struct ds_filter_sample){7 * S + 3, BASE_NS + 11, 5}));
	assert_true(ds_filter_take(&filter, NAN, false, &result));
	assert_int_equal(result.raw_ns, 7 * S + 3);
	assert_int_equal(result.reference_minus_raw_ns, BASE_NS + 11);
	assert_int_equal(result.dispersion_ns, 5);
	assert_true(result.sd_ns == 0.0 && result.sample_sd_ns == 0.0);
}

static void test_what_is_refused(void **state)
{
	(void)state;
	ds_filter_init(&filter, 4);
	assert_true(add(S, 0));
	assert_false(add(S, 0));
	assert_false(add(S - 1, 0));
	assert_false(add(DS_NS_LIMIT + 1, 0));
	assert_false(add(2 * S, DS_NS_LIMIT + 1));
	assert_false(add(2 * S, -DS_NS_LIMIT - 1));
	assert_false(add(INT64_MAX, INT64_MIN));
	assert_false(ds_filter_add(&filter, &(struct ds_filter_sample){2 * S, 0, -1}));
	assert_int_equal(filter.count, 1);
	ds_filter_drop(&filter);
	assert_true(add(-S, -DS_NS_LIMIT)); /* before the last: it holds nothing any more */
	assert_true(add(DS_NS_LIMIT, DS_NS_LIMIT));
	assert_true(ds_filter_add(&filter, &(struct ds_filter_sample){DS_NS_LIMIT - 1, 0, 0}) ==
		    false);
}

/* The oldest gives way. */
static void test_full(void **state)
{
	(void)state;
	ds_filter_init(&filter, 4);
	for (int i = 0; i < 9; i++)
		assert_true(add(i * S, i < 5 ? 1000000 : 100));
	assert_true(ds_filter_take(&filter, 0, false, &result));
	assert_int_equal(result.held, 4);
	assert_int_equal(result.reference_minus_raw_ns, 100);
}

/* A third of wild samples, all on one side, moves nothing. */
static void test_wild_samples(void **state)
{
	(void)state;
	for (int wild = 0; wild < 3; wild++) {
		ds_filter_init(&filter, 64);
		for (int i = 0; i < 48; i++)
			assert_true(
				add(i * S, BASE_NS + (i % 3 < wild && i % 2 ? 300000000 : i % 7)));
		assert_true(ds_filter_take(&filter, 0, false, &result));
		assert_in_range(result.reference_minus_raw_ns, BASE_NS, BASE_NS + 6);
		assert_true(result.sample_sd_ns < 20);
	}
}

/* 100 ppm within a poll of 16 s is 1.6 ms; what is known of it or not, the result lies on the line
 * and the scatter is that of the noise. */
static void test_frequency_is_no_noise(void **state)
{
	static const double known_ppb[] = {0, 1e5, 1e5 - 300, -1e5, NAN, INFINITY};

	(void)state;
	for (size_t f = 0; f < sizeof known_ppb / sizeof known_ppb[0]; f++) {
		double error;

		ds_filter_init(&filter, 64);
		for (int i = 0; i < 16; i++)
			assert_true(add(i * S, BASE_NS + i * 100000 + (i * 5) % 11));
		assert_true(ds_filter_take(&filter, known_ppb[f], false, &result));
		error = (double)(result.reference_minus_raw_ns - BASE_NS) -
			(double)result.raw_ns * 1e-4 - 5.0;
		assert_true(fabs(error) < 4.0);
		assert_true(result.sample_sd_ns < 12.0);
	}
}

/* Of normal noise: the mean's scatter, and what is said of it. */
static void test_normal_noise(void **state)
{
	const int runs = 4000, n = 16;
	double sum = 0.0, said = 0.0, single = 0.0;

	(void)state;
	srandom(1);
	for (int run = 0; run < runs; run++) {
		double e;

		ds_filter_init(&filter, 64);
		for (int i = 0; i < n; i++)
			assert_true(add(i * S, llrint(1000.0 * normal())));
		assert_true(ds_filter_take(&filter, 0, false, &result));
		e = (double)result.reference_minus_raw_ns;
		sum += e * e / runs;
		said += result.sd_ns * result.sd_ns / runs;
		single += result.sample_sd_ns * result.sample_sd_ns / runs;
	}
	/* 1000 / sqrt(16) is 250; what is far by chance costs a little. */
	print_message("scatter of the result %.0f ns, said %.0f; of a sample %.0f\n", sqrt(sum),
		      sqrt(said), sqrt(single));
	assert_in_range(sqrt(sum), 240, 275);
	assert_in_range(sqrt(said), 215, 275);
	assert_in_range(sqrt(single), 850, 1050);
}

/* Two heaps are waited with, one is not; three samples against one are no heaps. */
static void test_first_result(void **state)
{
	static const struct {
		int64_t values[6];
		unsigned count;
		bool taken;
	} table[] = {
		{{0, 300000000, 7, 300000011}, 4, false},
		{{0, 300000000, 7, 11}, 4, true},
		{{0, 10, 30, 20}, 4, true},
		{{5, 5, 5, 5}, 4, true},
		{{5, 300000005, 5, 300000005}, 4, false},
		{{0, 300000000, 7, 300000011, 5}, 5, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		ds_filter_init(&filter, 64);
		for (unsigned k = 0; k < table[i].count; k++)
			assert_true(add(k * S, table[i].values[k]));
		assert_int_equal(ds_filter_take(&filter, 0, true, &result), table[i].taken);
		if (!table[i].taken)
			assert_true(ds_filter_take(&filter, 0, false, &result));
		else
			assert_in_range(result.reference_minus_raw_ns, 0, 30);
	}
}

/* Two wild samples of four cannot be told from noise; that four scattered less before can. */
static void test_patience(void **state)
{
	(void)state;
	ds_filter_init(&filter, 64);
	for (int i = 0; i < 80; i++) {
		assert_true(add(i * S, i * 7 % 11));
		if (i % 4 == 3)
			assert_true(ds_filter_take(&filter, 0, true, &result));
	}
	for (int i = 80; i < 84; i++)
		assert_true(add(i * S, i % 2 == 0 ? 300000000 : 5));
	assert_false(ds_filter_take(&filter, 0, true, &result));
	assert_int_equal(filter.count, 4);
	/* two more good ones are a majority */
	assert_true(add(84 * S, 4));
	assert_true(add(85 * S, 6));
	assert_true(ds_filter_take(&filter, 0, true, &result));
	assert_int_equal(result.used, 4);
	assert_in_range(result.reference_minus_raw_ns, 4, 6);
	/* who cannot wait takes what there is; and noise that has grown is believed in the end */
	for (int i = 86; i < 90; i++)
		assert_true(add(i * S, i % 2 == 0 ? 300000000 : 5));
	assert_true(ds_filter_take(&filter, 0, false, &result));
	assert_true(result.sample_sd_ns > 1e8);
	unsigned waits = 0;
	for (int i = 90; i < 1000; i++) {
		assert_true(add(i * S, i * 7 % 11 * 1000));
		if (i % 4 == 1)
			waits += !ds_filter_take(&filter, 0, i % 16 != 1, &result);
	}
	assert_in_range(waits, 1, 200);
	assert_true(filter.usual_sd_ns > 1000);
}

/* ---- pulses ---- */

static void test_reach(void **state)
{
	(void)state;
	assert_int_equal(ds_pulse_reach_ns(1, 0), S / 4);
	assert_int_equal(ds_pulse_reach_ns(0.1, 0), S / 4); /* ten seconds apart, any of them */
	assert_int_equal(ds_pulse_reach_ns(5, 0), S / 20);
	assert_int_equal(ds_pulse_reach_ns(1, S / 10), S / 20);
	assert_int_equal(ds_pulse_reach_ns(1, S * 9 / 10), S / 20);
	assert_int_equal(ds_pulse_reach_ns(1, S / 2), S / 4);
	assert_int_equal(ds_pulse_reach_ns(1, S), S / 4); /* no width that there could be */
	assert_int_equal(ds_pulse_reach_ns(NAN, 0), S / 4);
	assert_int_equal(ds_pulse_reach_ns(1e99, 0), 250);
}

static void test_every_pulse_within_reach(void **state)
{
	static const double rates[] = {0.25, 1, 2, 3, 10, 7, 1000};
	int64_t at;

	(void)state;
	srandom(2);
	for (int i = 0; i < 200000; i++) {
		double rate = rates[random() % 7];
		double interval = 1e9 / fmax(rate, 1);
		int64_t reach = ds_pulse_reach_ns(rate, 0);
		int64_t second = (random() % 3000000000) * S, phase = random() % 1000 - 500;
		int64_t truth = second + phase + llrint((double)(random() % 50) * interval);
		int64_t error = random() % (2 * reach) - reach;

		if (llabs(error) >= reach - 1)
			continue;
		assert_true(ds_pulse_complete((random() % 100) * S + phase, truth + error, rate, 0,
					      &at));
		assert_true(llabs(at - truth) <= 1); /* a third of a second is no whole ns */
		assert_false(ds_pulse_complete(phase, truth + reach + 2, rate, 0, &at));
		assert_false(ds_pulse_complete(phase, truth - reach - 2, rate, 0, &at));
	}
}

/* Both edges of pulses of 0.1 s, the clock 40 ms off: one edge is taken, the other never. */
static void test_edges(void **state)
{
	int64_t at = 0;

	(void)state;
	for (int error_ms = -40; error_ms <= 40; error_ms += 10) {
		int64_t error = error_ms * INT64_C(1000000);

		assert_true(ds_pulse_complete(0, 50 * S + error, 1, S / 10, &at));
		assert_int_equal(at, 50 * S);
		assert_false(ds_pulse_complete(0, 50 * S + S / 10 + error, 1, S / 10, &at));
	}
	/* a pulse known to be half a second late, on a clock at the ends of time */
	assert_true(ds_pulse_complete(S / 2, DS_NS_LIMIT, 1, 0, &at) == false ||
		    llabs(at - DS_NS_LIMIT) <= S / 4);
	assert_true(ds_pulse_complete(-S / 2, -7 * S / 2 + 5, 1, 0, &at));
	assert_int_equal(at, -7 * S / 2);
}

/* What a kernel tells of a line on which some pulses come twice: the last edge, and how many. */
static void test_twice(void **state)
{
	struct ds_pulse_watch w = {.has_last = false};

	(void)state;
	assert_false(ds_pulse_is_due(&w, 5 * S, 1, 1.0)); /* what came before? */
	assert_true(ds_pulse_is_due(&w, 6 * S + 300, 1, 1.0));
	assert_false(ds_pulse_is_due(&w, 7 * S + 3000000, 2, 1.0)); /* 3 ms behind a pulse */
	assert_false(ds_pulse_is_due(&w, 8 * S + 3000000, 2, 1.0));
	for (int64_t i = 9; i < 40; i++) /* many in a row */
		assert_false(ds_pulse_is_due(&w, i * S + 3000000, 2, 1.0));
	w.last_ns = 8 * S;
	assert_true(ds_pulse_is_due(&w, 9 * S + 200, 1, 1.0));
	assert_true(ds_pulse_is_due(&w, 10 * S + 400, 2, 1.0)); /* the other edge was before it */
	assert_true(ds_pulse_is_due(&w, 14 * S, 4, 1.0));	/* read late */
	assert_true(ds_pulse_is_due(&w, 74 * S, 1, 1.0));	/* lost for a minute */
	assert_true(ds_pulse_is_due(&w, 75 * S + 500000, 1, 1.0)); /* moved: nothing else came */
	/* edges one by one, as a card gives them */
	assert_false(ds_pulse_is_due(&w, 75 * S + 3000000, 1, 1.0));
	assert_true(ds_pulse_is_due(&w, 76 * S + 500000, 1, 1.0));
	assert_false(ds_pulse_is_due(&w, 76 * S + 20500000, 1, 1.0));
	/* five a second, and nobody said so; then somebody does */
	assert_false(ds_pulse_is_due(&w, 77 * S + 70000000, 5, 1.0));
	assert_true(ds_pulse_is_due(&w, 78 * S + 70000000, 5, 5.0));
	/* always twice from the first on: none is known to be right */
	w = (struct ds_pulse_watch){.has_last = false};
	for (int i = 0; i < 5; i++)
		assert_false(ds_pulse_is_due(&w, i * S + 3000000, 2, 1.0));
	assert_false(ds_pulse_is_due(&w, 4 * S + 3000000, 1, 1.0)); /* the same moment again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_many),
		cmocka_unit_test(test_one_is_itself),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_wild_samples),
		cmocka_unit_test(test_frequency_is_no_noise),
		cmocka_unit_test(test_normal_noise),
		cmocka_unit_test(test_first_result),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_every_pulse_within_reach),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
