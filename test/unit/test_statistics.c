/* statistics and logs: figures by hand, lines as daemons write them. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/logs.h"
#include "lab/statistics.h"

static void assert_close(double a, double b)
{
	assert_true(fabs(a - b) < 1e-12 * (1 + fabs(b)));
}

static void quantiles_are_linear_between_neighbours(void **state)
{
	const double four[] = {1, 2, 4, 8};
	(void)state;

	assert_close(ds_quantile(four, 4, 0.5), 3);
	assert_close(ds_quantile(four, 4, 0), 1);
	assert_close(ds_quantile(four, 4, 1), 8);
	assert_close(ds_quantile(four, 4, 0.25), 1.75);
	assert_close(ds_quantile(four, 4, 0.99), 8 - 4 * 0.03);
	assert_close(ds_quantile(four, 3, 0.5), 2);
	assert_close(ds_quantile(four, 1, 0.99), 1);
	assert_close(ds_quantile(four, 4, -3), 1);
	assert_close(ds_quantile(four, 4, 7), 8);
	assert_true(isnan(ds_quantile(four, 0, 0.5)));
}

static void rms_and_mean(void **state)
{
	const double v[] = {3, -4, 0, 0};
	const double huge[] = {1e200, -1e200};
	const double tiny[] = {1e-200, 1e-200};
	const double zero[] = {0, 0};
	(void)state;

	assert_close(ds_rms(v, 4), 2.5);
	assert_close(ds_mean(v, 4), -0.25);
	assert_close(ds_rms(huge, 2) / 1e200, 1);
	assert_close(ds_rms(tiny, 2) / 1e-200, 1);
	assert_true(ds_rms(zero, 2) <= 0);
	assert_true(isnan(ds_rms(v, 0)));
	assert_true(isnan(ds_mean(v, 0)));
}

static void summary_is_of_sizes_and_leaves_the_figures_alone(void **state)
{
	double v[] = {5, -1, -3, 2, 4};
	const double before[] = {5, -1, -3, 2, 4};
	struct ds_summary s = ds_summarise(v, 5);
	(void)state;

	assert_memory_equal(v, before, sizeof(v));
	assert_int_equal(s.count, 5);
	assert_close(s.median_abs, 3);
	assert_close(s.mean, 1.4);
	assert_close(s.max_abs, 5);
	assert_close(s.p99_abs, 4.96);
	assert_close(s.rms, sqrt(11.0));
	s = ds_summarise(v, 0);
	assert_int_equal(s.count, 0);
	assert_true(isnan(s.median_abs) && isnan(s.rms) && isnan(s.p99_abs));
}

static void a_series_grows_and_refuses_what_is_no_number(void **state)
{
	struct ds_series series = {0};
	(void)state;

	for (int i = 0; i < 1000; i++)
		assert_true(ds_series_add(&series, i));
	assert_false(ds_series_add(&series, (double)NAN));
	assert_false(ds_series_add(&series, (double)INFINITY));
	assert_int_equal(series.count, 1000);
	assert_close(series.values[999], 999);
	ds_series_free(&series);
	assert_int_equal(series.count, 0);
	assert_null(series.values);
}

static void figures_in_words(void **state)
{
	char text[DS_FIGURE_TEXT];
	(void)state;

	assert_string_equal(ds_figure_ns(412.3, false, text), "412 ns");
	assert_string_equal(ds_figure_ns(412, true, text), "+412 ns");
	assert_string_equal(ds_figure_ns(0, true, text), "+0 ns");
	assert_string_equal(ds_figure_ns(-12345, true, text), "-12.3 us");
	assert_string_equal(ds_figure_ns(9996, false, text), "10.0 us");
	assert_string_equal(ds_figure_ns(1234, false, text), "1.23 us");
	assert_string_equal(ds_figure_ns(999.6, false, text), "1.00 us");
	assert_string_equal(ds_figure_ns(50e6, false, text), "50.0 ms");
	assert_string_equal(ds_figure_ns(1.25e9, false, text), "1.25 s");
	assert_string_equal(ds_figure_ns(4e12, false, text), "4000 s");
	assert_string_equal(ds_figure_ns((double)NAN, true, text), "-");
	assert_true(strlen(ds_figure_ns(-DBL_MAX, true, text)) < DS_FIGURE_TEXT - 1);
}

#define LINE                                                                                       \
	"2026-11-23 08:00:00 10.117.0.1      N  1 111 111 1111 -4 -4 0.00 -4.995e-02  1.250e-05  " \
	"1.2e-06  0.000e+00  1.000e-06 7F7F0101 "

static void measurement_lines(void **state)
{
	struct ds_measured m;
	(void)state;

	assert_true(ds_logs_measurement(LINE "4I K K", &m));
	assert_true(m.interleaved);
	assert_int_equal(m.tx_source, 'K');
	assert_int_equal(m.rx_source, 'K');
	assert_int_equal(m.stratum, 1);
	assert_close(m.offset_s, -4.995e-02);
	assert_close(m.delay_s, 1.250e-05);
	assert_true(ds_logs_measurement(LINE "4B D H", &m));
	assert_false(m.interleaved);
	assert_int_equal(m.tx_source, 'D');
	assert_int_equal(m.rx_source, 'H');
}

static void other_lines_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"=======================================================",
		"   Date (UTC) Time     IP Address   L St 123 567 ABCD  LP RP Score    Offset",
		LINE "4I K",
		LINE "4I K K K",
		LINE "4X K K",
		LINE "4I Q K",
		"2026-11-23 08:00:00 10.117.0.1      N  1 111 111",
		"2026-11-23 10.117.0.1 N 1 111 111 1111 -4 -4 0 0 0 0 0 0 7F7F0101 4I K K",
	};
	struct ds_measured m;
	struct ds_shadow_line s;
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(ds_logs_measurement(bad[i], &m));
		assert_false(ds_logs_shadow(bad[i], &s));
	}
	assert_false(ds_logs_shadow("2026-11-23 08:00:00.125  nan 0.0 0.0", &s));
}

static void shadow_lines(void **state)
{
	struct ds_shadow_line s;
	(void)state;

	assert_true(
		ds_logs_shadow("2026-11-23 08:00:00.125   0.049998123   -30.012  0.000000001", &s));
	assert_close(s.clock_minus_system_s, 0.049998123);
	assert_close(s.rate_ppm, -30.012);
	assert_close(s.remaining_s, 1e-9);
}

static void counters_of_a_daemon(void **state)
{
	const char *line = "2026-11-23T08:00:00Z counters: ok=900 stamp-missing=7 origin=12";
	uint64_t value = 99;
	(void)state;

	assert_true(ds_logs_counter(line, "stamp-missing", &value));
	assert_int_equal(value, 7);
	assert_true(ds_logs_counter(line, "origin", &value));
	assert_int_equal(value, 12);
	assert_true(ds_logs_counter(line, "missing", &value)); /* no tail of another name */
	assert_int_equal(value, 0);
	assert_false(
		ds_logs_counter("2026-11-23T08:00:00Z stamp-missing=7", "stamp-missing", &value));
}

struct gathered {
	int lines;
	char last[64];
};

static void gather(void *context, const char *line)
{
	struct gathered *g = context;

	g->lines++;
	snprintf(g->last, sizeof(g->last), "%.60s", line);
}

static void append(const char *path, const char *text)
{
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void a_growing_file_is_read_in_whole_lines(void **state)
{
	char path[] = "/tmp/drivestamp-test.XXXXXX";
	int fd = mkstemp(path);
	struct ds_tail tail = {.path = path};
	struct gathered g = {0};
	char long_line[6000];
	(void)state;

	assert_true(fd >= 0);
	close(fd);
	ds_tail_read(&tail, false, gather, &g);
	assert_int_equal(g.lines, 0);
	append(path, "one\ntw");
	ds_tail_read(&tail, false, gather, &g);
	assert_int_equal(g.lines, 1);
	assert_string_equal(g.last, "one");
	append(path, "o\nthree");
	ds_tail_read(&tail, false, gather, &g);
	assert_int_equal(g.lines, 2);
	assert_string_equal(g.last, "two");
	ds_tail_read(&tail, true, gather, &g);
	assert_int_equal(g.lines, 3);
	assert_string_equal(g.last, "three");
	memset(long_line, 'x', sizeof(long_line) - 1);
	long_line[sizeof(long_line) - 1] = '\0';
	append(path, long_line);
	append(path, "\nend\n");
	ds_tail_read(&tail, false, gather, &g);
	assert_string_equal(g.last, "end");
	unlink(path);
	g.lines = 0;
	ds_tail_read(&tail, true, gather, &g); /* a file that went away has no lines */
	assert_int_equal(g.lines, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_linear_between_neighbours),
		cmocka_unit_test(rms_and_mean),
		cmocka_unit_test(summary_is_of_sizes_and_leaves_the_figures_alone),
		cmocka_unit_test(a_series_grows_and_refuses_what_is_no_number),
		cmocka_unit_test(figures_in_words),
		cmocka_unit_test(measurement_lines),
		cmocka_unit_test(other_lines_are_refused),
		cmocka_unit_test(shadow_lines),
		cmocka_unit_test(counters_of_a_daemon),
		cmocka_unit_test(a_growing_file_is_read_in_whole_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
