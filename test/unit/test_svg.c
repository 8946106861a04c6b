/* svg: escaping, scales and their inverse, ticks, figures in words, and that no picture holds a
 * coordinate that is no number. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/svg.h"

/* What a writer writes; freed by the next call. */
static char *written;
static size_t written_size;
static FILE *begin(void)
{
	FILE *out;

	free(written);
	written = NULL;
	out = open_memstream(&written, &written_size);
	assert_non_null(out);
	return out;
}

static const char *end(FILE *out)
{
	assert_int_equal(fclose(out), 0);
	return written;
}

static const char *escaped(const char *text)
{
	FILE *out = begin();

	ds_svg_escape(out, text);
	return end(out);
}

static void texts_are_escaped(void **state)
{
	(void)state;

	assert_string_equal(escaped("<a href=\"x\" o='&amp;'>"),
			    "&lt;a href=&quot;x&quot; o=&#39;&amp;amp;&#39;&gt;");
	assert_string_equal(escaped(NULL), "");
	assert_string_equal(escaped("a\tb\nc\rd"), "a b c d");
	assert_string_equal(escaped("\x01\x1f\x7f"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	/* Whole UTF-8 stays. */
	assert_string_equal(escaped("\xc3\xa9\xe2\x88\x92\xf0\x9f\x95\x92"),
			    "\xc3\xa9\xe2\x88\x92\xf0\x9f\x95\x92");
	/* Halves, overlong forms, surrogates, beyond the last, controls of two bytes. */
	assert_string_equal(escaped("\xc3"), "\xef\xbf\xbd");
	assert_string_equal(escaped("\xe2\x88"), "\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(escaped("\xc0\xbc"), "\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(escaped("\xe0\x80\xbc"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(escaped("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(escaped("\xf4\x90\x80\x80"),
			    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(escaped("\xc2\x85"), "\xef\xbf\xbd\xef\xbf\xbd");
}

static void assert_close(double a, double b)
{
	assert_true(fabs(a - b) <= 1e-9 * (1 + fabs(b)));
}

static void scales_and_their_inverse(void **state)
{
	static const double figures[] = {-9e5, -2000, -100, -7, 0, 3, 100, 5e4, 1e6};
	struct ds_svg_scale linear = ds_svg_scale(DS_SVG_LINEAR, -10, 30, 100, 200, 0);
	struct ds_svg_scale log = ds_svg_scale(DS_SVG_LOG, 10, 1000, 50, 0, 0);
	struct ds_svg_scale symlog = ds_svg_scale(DS_SVG_SYMLOG, -1e6, 1e6, 0, 400, 100);
	(void)state;

	assert_close(ds_svg_at(&linear, -10), 100);
	assert_close(ds_svg_at(&linear, 0), 125);
	assert_close(ds_svg_at(&linear, 99), 200);
	assert_close(ds_svg_at(&linear, -INFINITY), 100);
	assert_true(isnan(ds_svg_at(&linear, NAN)));
	assert_close(ds_svg_at(&log, 100), 25);
	assert_close(ds_svg_at(&log, -5), 50);
	assert_close(ds_svg_at(&symlog, 0), 200);
	assert_close(ds_svg_at(&symlog, 1e6) - 200, 200 - ds_svg_at(&symlog, -1e6));
	/* Linear within the knee, a logarithm beyond, of the same slope there. */
	assert_close(ds_svg_at(&symlog, 100) - 200, 10 * (ds_svg_at(&symlog, 10) - 200));
	assert_close(ds_svg_at(&symlog, 1e4) - ds_svg_at(&symlog, 1e3),
		     ds_svg_at(&symlog, 1e5) - ds_svg_at(&symlog, 1e4));
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		assert_close(ds_svg_value(&symlog, ds_svg_at(&symlog, figures[i])), figures[i]);
	assert_close(ds_svg_value(&log, ds_svg_at(&log, 77)), 77);
	assert_close(ds_svg_value(&linear, ds_svg_at(&linear, 7)), 7);
}

static void scales_of_nothing_can_be_used(void **state)
{
	static const double ends[] = {NAN, INFINITY, -INFINITY, 0, -3, 5, 1e300, 1e-300};
	const size_t n = sizeof(ends) / sizeof(ends[0]);
	(void)state;

	for (size_t i = 0; i < 3 * n * n; i++) {
		struct ds_svg_scale s = ds_svg_scale((enum ds_svg_scale_kind)(i / n / n),
						     ends[i / n % n], ends[i % n], 0, 100, NAN);
		double ticks[DS_SVG_TICKS];

		assert_true(isfinite(s.low) && isfinite(s.high) && s.low < s.high);
		assert_true(isfinite(ds_svg_at(&s, 1)));
		assert_in_range(ds_svg_ticks(&s, 6, ticks), 0, DS_SVG_TICKS);
	}
}

static void assert_ticks(struct ds_svg_scale scale, int most, size_t count, const double *wanted)
{
	double ticks[DS_SVG_TICKS];

	assert_int_equal(ds_svg_ticks(&scale, most, ticks), count);
	for (size_t i = 0; i < count; i++)
		assert_close(ticks[i], wanted[i]);
}

static void ticks_are_round(void **state)
{
	const double linear[] = {0, 5, 10, 15};
	const double log[] = {100, 200, 500, 1000, 2000};
	const double far[] = {1e2, 1e4, 1e6, 1e8};
	const double symlog[] = {-1e4, -1e3, -100, 0, 100, 1e3, 1e4};
	const double half[] = {0, 100, 300, 1e3, 3e3};
	(void)state;

	assert_ticks(ds_svg_scale(DS_SVG_LINEAR, 0, 17.3, 0, 1, 0), 5, 4, linear);
	assert_ticks(ds_svg_scale(DS_SVG_LOG, 80, 3000, 0, 1, 0), 6, 5, log);
	assert_ticks(ds_svg_scale(DS_SVG_LOG, 80, 3e8, 0, 1, 0), 5, 4, far);
	assert_ticks(ds_svg_scale(DS_SVG_SYMLOG, -2e4, 2e4, 0, 1, 100), 8, 7, symlog);
	assert_ticks(ds_svg_scale(DS_SVG_SYMLOG, -50, 5e3, 0, 1, 100), 8, 5, half);
}

/* Whatever the scale, ticks rise, lie in it, and are no more than asked for (symlog: and zero). */
static void ticks_rise_within_the_scale(void **state)
{
	unsigned seed = 1;
	(void)state;

	for (int i = 0; i < 20000; i++) {
		double low =
			(rand_r(&seed) / (double)RAND_MAX - 0.5) * pow(10, rand_r(&seed) % 12 - 3);
		double width =
			(rand_r(&seed) / (double)RAND_MAX + 1e-3) * pow(10, rand_r(&seed) % 12 - 3);
		int most = 2 + rand_r(&seed) % 9;
		struct ds_svg_scale s =
			ds_svg_scale((enum ds_svg_scale_kind)(i % 3), low, low + width, 0, 100,
				     pow(10, rand_r(&seed) % 6));
		double ticks[DS_SVG_TICKS];
		int count = ds_svg_ticks(&s, most, ticks);

		assert_in_range(count, 0, most + 1);
		for (int k = 0; k < count; k++) {
			double slack = 1e-8 * (fabs(s.low) + fabs(s.high));

			assert_true(ticks[k] >= s.low - slack && ticks[k] <= s.high + slack);
			assert_true(k == 0 || ticks[k] > ticks[k - 1]);
		}
	}
}

static void figures_in_words(void **state)
{
	char b[DS_SVG_FIGURE];
	(void)state;

	assert_string_equal(ds_svg_figure_ns(412, false, b), "412\xc2\xa0ns");
	assert_string_equal(ds_svg_figure_ns(9.44, true, b), "+9.4\xc2\xa0ns");
	assert_string_equal(ds_svg_figure_ns(12345, false, b), "12.3\xc2\xa0\xc2\xb5s");
	assert_string_equal(ds_svg_figure_ns(-3284, true, b), "\xe2\x88\x92"
							      "3.28\xc2\xa0\xc2\xb5s");
	assert_string_equal(ds_svg_figure_ns(999.6, false, b), "1.00\xc2\xa0\xc2\xb5s");
	assert_string_equal(ds_svg_figure_ns(1.25e9, false, b), "1.25\xc2\xa0s");
	assert_string_equal(ds_svg_figure_ns(0, true, b), "0.0\xc2\xa0ns");
	assert_string_equal(ds_svg_figure_ns(NAN, true, b), "\xe2\x80\x93");
	assert_string_equal(ds_svg_tick_ns(10000, b), "10\xc2\xa0\xc2\xb5s");
	assert_string_equal(ds_svg_tick_ns(-300, b), "\xe2\x88\x92"
						     "300\xc2\xa0ns");
	assert_string_equal(ds_svg_tick_ns(0, b), "0");
	assert_string_equal(ds_svg_tick_plain(2.5, b), "2.5");
}

/* Marks at places that are none, and a name that would end its attribute. */
static void pictures_hold_numbers_only(void **state)
{
	const double x[] = {0, 1, NAN, 3, 4};
	const double y[] = {1, 2, 3, INFINITY, 5};
	const uint32_t counts[] = {0, 1, 1, 9, 0, 9};
	struct ds_svg_grid grid = {0, 0, 30, 20, 3, 2, counts};
	struct ds_svg_scale scale = ds_svg_scale(DS_SVG_SYMLOG, -1e5, 1e5, 0, 300, 100);
	FILE *out = begin();
	const char *text;
	(void)state;

	ds_svg_begin(out, "f1", 400, 240, "a < b", "\"both\"");
	ds_svg_line(out, "l", 0, NAN, 1, 1);
	ds_svg_rect(out, "r", 0, 0, INFINITY, 1);
	ds_svg_rect(out, "r", 1, 2, -3, 4);
	ds_svg_dot(out, "d", NAN, 1, 1);
	ds_svg_dot(out, "\"><script>", 1e12, -0.01, 1);
	ds_svg_text(out, "t", NAN, 1, DS_SVG_START, "lost");
	ds_svg_text(out, "t", 1, 1, DS_SVG_FINISH, "</svg>");
	ds_svg_trace(out, "t", x, y, 5);
	ds_svg_band(out, "b", x, y, y, 5);
	ds_svg_density(out, "q", 5, &grid);
	ds_svg_axis_x(out, &scale, 8, 200, 10, ds_svg_tick_ns);
	ds_svg_axis_y(out, &scale, 8, 50, 390, ds_svg_tick_ns);
	ds_svg_end(out);
	text = end(out);
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	assert_null(strstr(text, "-0\""));
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "lost"));
	assert_non_null(strstr(text, "<title id=\"f1-t\">a &lt; b</title>"));
	assert_non_null(strstr(text, "<desc id=\"f1-d\">&quot;both&quot;</desc>"));
	assert_non_null(strstr(text, "text-anchor=\"end\">&lt;/svg&gt;</text>"));
	/* The trace is in two pieces, the second a dot. */
	assert_non_null(strstr(text, "d=\"M0 1L1 2M4 5h0\""));
	assert_non_null(strstr(text, "d=\"M0 1L1 2L1 2L0 1zM4 5L4 5z\""));
	/* Two neighbours of one sample each are one oblong; the nines are of the highest level. */
	assert_non_null(strstr(text, "<path class=\"q1\" d=\"M10 0h20v10h-20z\"/>"));
	assert_non_null(
		strstr(text, "<path class=\"q5\" d=\"M0 10h10v10h-10zM20 10h10v10h-10z\"/>"));
	assert_non_null(strstr(text, ">\xe2\x88\x92"
				     "10\xc2\xa0\xc2\xb5s</text>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_escaped),
		cmocka_unit_test(scales_and_their_inverse),
		cmocka_unit_test(scales_of_nothing_can_be_used),
		cmocka_unit_test(ticks_are_round),
		cmocka_unit_test(ticks_rise_within_the_scale),
		cmocka_unit_test(figures_in_words),
		cmocka_unit_test(pictures_hold_numbers_only),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(written);
	return failed;
}
