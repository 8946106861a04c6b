/*
 * Reading what a shadow run logged, and the figures made of it: on lines whose truth is known, and
 * how often the intervals hold.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/shadow.h"

static uint64_t state = 1;

static double uniform(void)
{
	state = state * 6364136223846793005U + 1442695040888963407U;
	return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2.0 * log(uniform())) * cos(2.0 * 3.14159265358979 * uniform());
}

static bool near(double a, double b, double tolerance)
{
	if (fabs(a - b) <= tolerance)
		return true;
	print_message("%.9g is not %.9g within %g\n", a, b, tolerance);
	return false;
}

static void read_text(struct ds_shadow *s, const char *text)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(in);
	assert_true(ds_shadow_read(s, in, "file"));
	fclose(in);
}

#define AT "2026-11-26 07:02:51.419717255 "

static const char good[] =
	"   Date (UTC) Time                  Raw   Address\n"
	"2026-11-26 07:02:50.419717255 99.500000000 S drivestampd 0.1.0 11\n"
	"2026-11-26 07:02:50.419717255 99.600000000 X 192.0.2.9 4B KK  1 0.5 0.5 0.1 0.1 3\n"
	"2026-11-26 07:02:51.419717255 100.500000000 S drivestampd 0.1.0 4711\n"
	"2026-11-26 07:02:51.5 101.000000000 X 192.0.2.1 4I KH  2  0.000001000 -0.000002000  "
	"0.000030000 0.000100000 -2\n"
	"2026-11-26 07:02:51.5 101.500000000 X fd00::1 4B DK  3  0.1 0.2 0.3 0.4 6\n"
	"2026-11-26 07:02:51.5 101.500000000 C  0.000003000            -  0.000016000  10.5 0.0 9.5 "
	"S-\n"
	"2026-11-26 07:02:51.5 102.000000000 E system-step +0.250000000\n"
	"2026-11-26 07:02:51.5 102.000000000 E system-rate +10.0 -5.0 2\n"
	"2026-11-26 07:02:51.5 102.000000000 E keepers chronyd[12] phc2sys[5]\n"
	"2026-11-26 07:02:51.5 102.000000000 E system-status synchronised pll\n"
	"2026-11-26 07:02:51.5 103.00000";

static void test_reading(void **unused)
{
	struct ds_shadow s = {0};

	(void)unused;
	read_text(&s, good);
	assert_int_equal(s.bad_lines, 0);
	assert_int_equal(s.exchange_count, 2);
	assert_int_equal(s.clock_count, 1);
	assert_int_equal(s.event_count, 4);
	assert_int_equal(s.runs_before, 1);
	assert_string_equal(s.program, "drivestampd 0.1.0 4711");
	assert_string_equal(s.begun, "2026-11-26 07:02:51");
	assert_string_equal(s.source[s.exchanges[0].source].address, "192.0.2.1");
	assert_string_equal(s.source[s.exchanges[1].source].address, "fd00::1");
	/* an offset is the source's clock minus ours, an error the other way round */
	assert_true(near(s.exchanges[0].own_ns, -1000, 1e-6));
	assert_true(near(s.exchanges[0].system_ns, 2000, 1e-6));
	assert_true(near(s.exchanges[0].delay_ns, 30000, 1e-6));
	assert_true(s.exchanges[0].interleaved);
	assert_false(s.exchanges[1].interleaved);
	assert_int_equal(s.exchanges[0].tx, 'K');
	assert_int_equal(s.exchanges[0].rx, 'H');
	assert_true(near(s.clocks[0].own_minus_system_ns, 3000, 1e-6));
	assert_true(isnan(s.clocks[0].bound_ns));
	assert_true(near(s.clocks[0].hard_ns, 16000, 1e-6));
	assert_true(s.clocks[0].own_synchronised);
	assert_false(s.clocks[0].system_synchronised);
	assert_true(near(s.events[0].value[0], 0.25e9, 1e-3));
	assert_true(near(s.events[1].value[2], 2, 0));
	assert_string_equal(s.events[2].text, "chronyd[12] phc2sys[5]");
	assert_string_equal(s.events[3].text, "synchronised pll");
	ds_shadow_free(&s);
}

static void test_bad_lines(void **unused)
{
	static const char *const bad[] = {
		"nonsense\n",
		"2026-11-26 07:02:51.5\n",
		"2026-11-26 07:02:51.5 nan C 0 - - 0 0 0 SS\n",
		"2026-11-26 07:02:51.5 100.0 Q what\n",
		"2026-11-26 07:02:51.5 100.0 S\n",
		"2026-11-26 07:02:51.5 100.0 X 192.0.2.1 4I KK 2 1 2 3 4\n",
		"2026-11-26 07:02:51.5 100.0 X 192.0.2.1 4I KK 2 1 2 3 4 5 6\n",
		"2026-11-26 07:02:51.5 100.0 X 192.0.2.1 4Z KK 2 1 2 3 4 5\n",
		"2026-11-26 07:02:51.5 100.0 X 192.0.2.1 4I QK 2 1 2 3 4 5\n",
		"2026-11-26 07:02:51.5 100.0 X 192.0.2.1 4I KK 2 1 inf 3 4 5\n",
		"2026-11-26 07:02:51.5 100.0 X 192.0.2.1 4I KK 2 1 2 -3 4 5\n",
		"2026-11-26 07:02:51.5 100.0 C 0 -1 - 0 0 0 SS\n",
		"2026-11-26 07:02:51.5 100.0 C 0 1x - 0 0 0 SS\n",
		"2026-11-26 07:02:51.5 100.0 C 0 - - 0 0 0 QS\n",
		"2026-11-26 07:02:51.5 100.0 C 0 - - nan 0 0 SS\n",
		"2026-11-26 07:02:51.5 100.0 E\n",
		"2026-11-26 07:02:51.5 100.0 E danced 1\n",
		"2026-11-26 07:02:51.5 100.0 E system-step\n",
		"2026-11-26 07:02:51.5 100.0 E system-step inf\n",
		"2026-11-26 07:02:51.5 100.0 E system-rate 1 2\n",
		"2026-11-26 07:02:51.5 100.0 E system-rate 1 2 -3\n",
		"2026-11-26 07:02:51.5 100.0 C 1e300 - - 0 0 0 SS\n",
		"2026-11-26 07:02:51.5 1e300 C 0 - - 0 0 0 SS\n",
	};
	char longer[3 * DS_SHADOW_LINE];

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ds_shadow s = {0};

		read_text(&s, bad[i]);
		if (s.bad_lines != 1 || s.exchange_count + s.clock_count + s.event_count > 0 ||
		    strncmp(s.bad, "file:1: ", 8) != 0)
			fail_msg("taken for good: %s (%s)", bad[i], s.bad);
		ds_shadow_free(&s);
	}
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 2] = '\n';
	longer[sizeof(longer) - 1] = '\0';
	struct ds_shadow s = {0};
	read_text(&s, longer);
	read_text(&s, AT "100.0 C 0 - - 0 0 0 SS\n");
	assert_int_equal(s.bad_lines, 1);
	assert_int_equal(s.clock_count, 1);
	ds_shadow_free(&s);
}

static void test_files_of_two_runs(void **unused)
{
	struct ds_shadow s = {0};

	(void)unused;
	read_text(&s, AT "100.0 S drivestampd 0.1.0 1\n" AT "100.0 C 0 - - 0 0 0 SS\n");
	read_text(&s, AT "100.0 S drivestampd 0.1.0 1\n" AT "100.0 C 0 - - 0 0 0 SS\n");
	assert_false(s.mixed);
	read_text(&s, AT "100.0 S drivestampd 0.1.0 2\n" AT "100.0 C 0 - - 0 0 0 SS\n");
	assert_true(s.mixed);
	/* a run ends what stood before it in its own file alone */
	assert_int_equal(s.clock_count, 3);
	ds_shadow_free(&s);
}

/* White noise of frequency of 1e-9 at 1 s has an Allan deviation of 1e-9 / sqrt(tau); of a line it
 * is 0; of a parabola with frequency drift D it is D tau / sqrt(2). */
static void test_adev(void **unused)
{
	enum { COUNT = 20000 };
	double *at = calloc(COUNT, sizeof(*at)), *x = calloc(COUNT, sizeof(*x)), phase = 0.0;

	(void)unused;
	assert_non_null(at);
	assert_non_null(x);
	for (int i = 0; i < COUNT; i++) {
		at[i] = 1000.0 + i;
		x[i] = phase;
		phase += 1e-9 * normal();
	}
	for (int tau = 1; tau <= 64; tau *= 4)
		assert_true(near(ds_shadow_adev(at, x, COUNT, tau) * sqrt(tau), 1e-9, 0.08e-9));
	assert_true(isnan(ds_shadow_adev(at, x, COUNT, COUNT)));
	assert_true(isnan(ds_shadow_adev(at, x, 2, 1)));
	for (int i = 0; i < COUNT; i++) { /* irregular, with a gap */
		at[i] = 1000.0 + 2 * i + 0.1 * uniform() + (i > COUNT / 2 ? 700.0 : 0.0);
		x[i] = 3e-6 * (at[i] - 1000.0);
	}
	assert_true(near(ds_shadow_adev(at, x, COUNT, 32), 0, 1e-14));
	assert_true(isnan(ds_shadow_adev(at, x, COUNT, 0.5)));
	for (int i = 0; i < COUNT; i++)
		x[i] = 0.5 * 1e-12 * at[i] * at[i];
	assert_true(near(ds_shadow_adev(at, x, COUNT, 64) / (64e-12 / sqrt(2.0)), 1, 0.02));
	free(at);
	free(x);
}

/* An autoregressive wander and noise; the ratio of the two RMS is known. */
static void make_pair(double *own, double *system, size_t count, double own_size, double memory)
{
	double a = normal(), b = normal();

	for (size_t i = 0; i < count; i++) {
		const double noise = 0.3 * normal();

		a = memory * a + sqrt(1 - memory * memory) * normal();
		b = memory * b + sqrt(1 - memory * memory) * normal();
		own[i] = 1000 * (own_size * a + noise);
		system[i] = 1000 * (b + noise);
	}
}

static void test_intervals_hold(void **unused)
{
	enum { ROUNDS = 200, COUNT = 400 };
	double own[COUNT], system[COUNT];
	int held = 0, rms_held = 0, told_wrong = 0, told = 0;
	const double truth = sqrt((0.7 * 0.7 + 0.09) / 1.09);

	(void)unused;
	for (int r = 0; r < ROUNDS; r++) {
		struct ds_shadow_compared c;

		make_pair(own, system, COUNT, 0.7, 0.8);
		assert_true(ds_shadow_compare(own, system, COUNT, &c));
		held += c.rms_ratio.low <= truth && truth <= c.rms_ratio.high;
		rms_held += c.system.rms_ns.low <= 1000 * sqrt(1.09) &&
			    1000 * sqrt(1.09) <= c.system.rms_ns.high;
		told += c.nearer == DS_SHADOW_OWN;
		told_wrong += c.nearer == DS_SHADOW_SYSTEM;
	}
	print_message("of %d: ratio held %d, RMS held %d, told %d, told wrongly %d\n", ROUNDS, held,
		      rms_held, told, told_wrong);
	/* 95 % are wanted; samples that hang together give a little less */
	assert_true(held >= ROUNDS * 85 / 100);
	assert_true(rms_held >= ROUNDS * 82 / 100);
	assert_true(told >= ROUNDS / 2);
	assert_int_equal(told_wrong, 0);
}

/* Two clocks that are as good: to say of one that it is nearer would be wrong, and is said about as
 * seldom as the intervals promise. */
static void test_equals_are_not_told_apart(void **unused)
{
	enum { ROUNDS = 200, COUNT = 400 };
	double own[COUNT], system[COUNT];
	int told = 0, told_short = 0;

	(void)unused;
	for (int r = 0; r < ROUNDS; r++) {
		struct ds_shadow_compared c;

		make_pair(own, system, COUNT, 1.0, 0.8);
		assert_true(ds_shadow_compare(own, system, COUNT, &c));
		told += c.nearer != DS_SHADOW_CANNOT_TELL;
		make_pair(own, system, COUNT, 1.0, 0.99); /* 2 independent stretches */
		assert_true(ds_shadow_compare(own, system, COUNT, &c));
		told_short += c.nearer != DS_SHADOW_CANNOT_TELL;
	}
	print_message("of %d: told apart %d, where few are independent %d\n", ROUNDS, told,
		      told_short);
	assert_true(told <= ROUNDS * 15 / 100);
	assert_true(told_short <= ROUNDS * 15 / 100);
}

static void test_few_and_none(void **unused)
{
	const double one[] = {5.0, -5.0, 5.0};
	struct ds_shadow_compared c;

	(void)unused;
	assert_true(ds_shadow_compare(one, one, 0, &c));
	assert_int_equal(c.count, 0);
	assert_int_equal(c.nearer, DS_SHADOW_CANNOT_TELL);
	assert_true(ds_shadow_compare(one, one, 3, &c));
	assert_true(near(c.own.rms_ns.value, 5, 1e-9));
	assert_true(isnan(c.own.rms_ns.low));
	assert_int_equal(c.nearer, DS_SHADOW_CANNOT_TELL);
}

/* A run of which all is known. The system's clock is 1 ms ahead and gains 1 ppm more; ours is right
 * to 10 us. */
static char *make_run(void)
{
	size_t size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fputs(AT "1000.0 S drivestampd 0.1.0 1\n", out);
	for (int i = 0; i < 1000; i++) {
		const double t = i * 16.0, ahead_s = 1e-3 + 1e-6 * t;
		const double noise = 1e-6 * normal(), own = 1e-5 * normal();
		const double late = i % 4 == 3 ? 0.0 : 1e-3 * uniform();

		fprintf(out, AT "%.9f C %.9f %.9f %.9f 5.0 0.0 6.0 SS\n", 1000 + t, own - ahead_s,
			i < 500 ? 5e-3 : 20e-3, 30e-3);
		fprintf(out, AT "%.9f X 192.0.2.1 4I KK 1 %.9f %.9f %.9f 0.001 4\n", 1000 + t,
			-own + noise + late / 2, -ahead_s + noise + late / 2, 1e-4 + late);
		/* a source that is farther away, by other packets */
		fprintf(out, AT "%.9f X 192.0.2.2 4B DK 2 %.9f %.9f %.9f 0.001 4\n", 1001 + t,
			5e-3 * normal(), 5e-3 * normal(), 0.02);
	}
	fputs(AT "2000.0 E system-rate 5.0 6.0 3\n" AT "2000.0 E system-step 0.5\n", out);
	fclose(out);
	return text;
}

static void test_figures(void **unused)
{
	static struct ds_shadow_figures f;
	struct ds_shadow s = {0};
	char *text = make_run();

	(void)unused;
	read_text(&s, text);
	free(text);
	assert_int_equal(s.bad_lines, 0);
	assert_true(ds_shadow_figures(&s, 0, &f));
	assert_int_equal(f.best, 0);
	assert_int_equal(f.source[0].count, 1000);
	assert_int_equal(f.source[1].count, 1000);
	assert_true(near(f.seconds, 999 * 16.0 + 1, 1e-6));
	/* from -1 ms to -17 ms: mean -9 ms */
	assert_true(near(f.difference_mean_ns.value, -9e6, 0.05e6));
	assert_true(near(f.difference_drift_ppm, -1.0, 0.01));
	assert_true(near(f.difference_rms_ns, sqrt(81.0 + 16.0 * 16.0 / 12) * 1e6, 0.1e6));
	assert_true(near(f.difference_max_ns, 17e6, 0.1e6));
	assert_true(near(f.frequency_ppm, 5, 1e-9));
	assert_true(near(f.system_rate_ppm, 6, 1e-9));
	/* inside 5 ms for the first 4000 s, and inside 20 ms in the second half: 3/4 */
	assert_true(near(f.within_bound, 0.75, 0.01));
	assert_true(near(f.within_hard, 1, 1e-9));
	assert_true(near(f.beyond_bound_ns, 4e6, 0.1e6));
	assert_true(near(f.beyond_hard_ns, 0, 1e-9));
	assert_int_equal(f.system_steps, 1);
	assert_int_equal(f.rate_changes, 3);
	assert_int_equal(f.source[0].all.nearer, DS_SHADOW_OWN);
	assert_int_equal(f.source[0].quarter.nearer, DS_SHADOW_OWN);
	assert_int_equal(f.source[0].quarter.count, 250);
	assert_true(near(f.source[0].quarter.own.rms_ns.value, 1e4, 2e3));
	assert_true(near(f.source[0].quarter.system.rms_ns.value, 10.1e6, 0.3e6));
	assert_true(near(f.source[0].quarter.own.bias_ns.value, 0, 3e3));
	assert_true(near(f.source[0].delay_quarter_ns, 1e5, 1e3));
	/* what is later one way seems a clock that is slow: half of it, on both */
	assert_true(near(f.source[0].all.own.bias_ns.value, -0.25e6 * 0.75, 3e4));
	assert_true(near(f.source[0].interleaved_share, 1, 0));
	assert_true(near(f.source[1].interleaved_share, 0, 0));
	assert_true(near(f.source[1].kernel_share, 0, 0));
	assert_int_equal(f.source[1].all.nearer, DS_SHADOW_CANNOT_TELL);
	assert_true(f.allan_count > 5);
	/* a skip, and a skip of everything */
	assert_true(ds_shadow_figures(&s, 8000, &f));
	assert_int_equal(f.source[0].count, 500);
	assert_true(near(f.left_out_s, 8000, 1e-6));
	assert_true(near(f.difference_mean_ns.value, -13e6, 0.05e6));
	assert_int_equal(f.system_steps, 0);
	assert_true(ds_shadow_figures(&s, 1e6, &f));
	assert_int_equal(f.best, -1);
	assert_true(near(f.seconds, 0, 0));
	ds_shadow_free(&s);
}

static void test_reports_of_anything(void **unused)
{
	static struct ds_shadow_figures f;
	static const char *const texts[] = {
		"", AT "100.0 C 0 - - 0 0 0 S-\n",
		/* moments that stand still, and that go back */
		AT "100.0 C 0 - - 0 0 0 SS\n" AT "100.0 C 0 - - 0 0 0 SS\n" AT
		   "100.0 C 0 - - 0 0 0 SS\n" AT "100.0 X ::1 4I KK 2 1 2 3 4 5\n" AT
		   "100.0 X ::1 4I KK 2 1 2 3 4 5\n",
		AT "300.0 C 0 - - 0 0 0 SS\n" AT "200.0 C 0 - - 0 0 0 SS\n" AT
		   "100.0 C 0 - - 0 0 0 SS\n",
		AT "100.0 X 192.0.2.1 4I KK 2 1 2 3 4 5\n",
		AT "100.0 C 0 - - 0 0 0 --\n" AT "100.0 X 192.0.2.1 4I KK 2 1 2 3 4 5\n", good};

	(void)unused;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ds_shadow s = {0};
		char *text = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&text, &size);

		assert_non_null(out);
		if (texts[i][0] != '\0')
			read_text(&s, texts[i]);
		assert_true(ds_shadow_figures(&s, 0, &f));
		ds_shadow_print(&s, &f, out);
		ds_shadow_print_json(&s, &f, out);
		fclose(out);
		if (strstr(text, "nan"))
			fail_msg("of %zu: %s", i, text);
		free(text);
		ds_shadow_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_files_of_two_runs),
		cmocka_unit_test(test_adev),
		cmocka_unit_test(test_intervals_hold),
		cmocka_unit_test(test_equals_are_not_told_apart),
		cmocka_unit_test(test_few_and_none),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_reports_of_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
