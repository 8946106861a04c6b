/* The live view, drawn into cells: whole lines of it, in both sizes, with and without a daemon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs those above */
#include <cmocka.h>

#include "tool/watch.h"

#define STATUS                                                                                     \
	"{\"synchronised\":true,\"steered\":true,\"stratum\":2,\"source\":\"ntp1.example.net\","   \
	"\"freq_ppm\":1.5,\"remaining_ns\":-120,\"last_offset_ns\":%d,\"bound_ns\":43100,"         \
	"\"agreeing\":3,\"sources\":4,\"updated_ns\":\"%d\"}"
#define SOURCES                                                                                    \
	"{\"sources\":[{\"name\":\"ntp1.example.net\",\"address\":\"192.0.2.1\",\"letter\":\"*\"," \
	"\"words\":\"the best source\",\"stratum\":1,\"poll_log2\":6,\"reach\":255,"               \
	"\"sample_age_ns\":12000000000,\"offset_ns\":-2500,\"error_ns\":40000,"                    \
	"\"delay_ns\":80000,\"jitter_ns\":900,\"interleaved\":true,\"t1_by\":\"kernel\","          \
	"\"t4_by\":\"hardware\"},{\"name\":\"GPS\",\"address\":null,\"letter\":\"x\","             \
	"\"words\":\"contradicts the majority (falseticker)\",\"stratum\":0,\"poll_log2\":4,"      \
	"\"reach\":1,\"sample_age_ns\":null,\"offset_ns\":null,\"error_ns\":null,"                 \
	"\"delay_ns\":null,\"jitter_ns\":null,\"interleaved\":null,\"t1_by\":null,"                \
	"\"t4_by\":null}]}"

static struct ds_watch watch;
static struct ds_screen screen;
static char *text;
static size_t length;

static json_t *json(const char *string)
{
	json_t *value = json_loads(string, 0, NULL);

	assert_non_null(value);
	return value;
}

static void update(int offset_ns, int at_ns)
{
	char status[512];

	snprintf(status, sizeof status, STATUS, offset_ns, at_ns);
	json_decref(watch.status);
	watch.status = json(status);
	ds_watch_take(&watch);
}

static void draw(int rows, int cols)
{
	FILE *out;

	free(text);
	assert_true(ds_screen_size(&screen, rows, cols));
	ds_watch_draw(&watch, &screen);
	out = open_memstream(&text, &length);
	ds_screen_dump(&screen, out);
	fclose(out);
}

/* The n-th line, without its newline. */
static const char *line(int n)
{
	static char one[DS_SCREEN_COLS * 4 + 1];
	const char *at = text;

	while (n-- > 0) {
		at = strchr(at, '\n');
		assert_non_null(at);
		at++;
	}
	snprintf(one, sizeof one, "%.*s", (int)strcspn(at, "\n"), at);
	return one;
}

static int begin(void **state)
{
	(void)state;
	json_decref(watch.status);
	json_decref(watch.sources);
	json_decref(watch.stamps);
	json_decref(watch.exchanges);
	watch = (struct ds_watch){.sources = json(SOURCES)};
	return 0;
}

static void a_small_terminal(void **state)
{
	(void)state;
	update(50000, 1000);
	update(-20000, 2000);
	update(20000, 3000);
	draw(24, 80);
	assert_string_equal(line(0), "Right within 43.1 us of UTC, by 3 of 4 sources");
	assert_string_equal(line(1),
			    "stratum 2  ntp1.example.net  +1.500 ppm  to be slewed -120ns");
	/* The bounds above and below, the offset between them: the first one is left out. */
	assert_true(strncmp(line(2), "   +47us ", 9) == 0 && strchr(line(2), '.') != NULL);
	assert_null(strchr(line(2), '*'));
	assert_non_null(strchr(line(4), '*'));
	assert_non_null(strchr(line(7), '*'));
	assert_true(strncmp(line(9), "   -47us ", 9) == 0);
	assert_string_equal(
		line(11),
		" S Name                      St Poll Rch   Rx   Offset   Error   Delay By");
	assert_string_equal(
		line(12),
		">* 192.0.2.1                  1    6 377   12  +2500ns    40us    80us IKH");
	assert_string_equal(
		line(13),
		" x GPS                        0    4   1    -        -       -       - ---");
	assert_string_equal(line(23), "q end  p pause  j/k source  ? help");
}

static void a_large_one_says_more(void **state)
{
	(void)state;
	update(1000, 1000);
	watch.chosen = 1;
	draw(50, 200);
	assert_non_null(strstr(text, ">x GPS"));
	assert_non_null(strstr(text, "contradicts the majority (falseticker)"));
	assert_string_equal(ds_watch_chosen(&watch), "GPS");
}

static void nothing_falls_over(void **state)
{
	(void)state;
	for (int rows = 1; rows < 60; rows += 7)
		for (int cols = 1; cols < 240; cols += 13)
			draw(rows, cols);
	json_decref(watch.sources);
	watch.sources = NULL;
	draw(24, 80);
	assert_string_equal(line(0), "No answer yet");
	assert_null(ds_watch_chosen(&watch));
	watch.trouble = "The daemon does not answer; waiting for it";
	draw(24, 80);
	assert_string_equal(line(0), "The daemon does not answer; waiting for it");
	watch.help = true;
	draw(24, 80);
	assert_non_null(strstr(text, "drivestamp select"));
	for (int i = 0; i < 3 * DS_WATCH_POINTS; i++)
		update(i, i + 1);
	assert_int_equal(watch.count, DS_WATCH_POINTS);
	watch.help = false;
	draw(24, 80);
	assert_string_equal(line(0), "The daemon does not answer; waiting for it");
}

static void characters(void **state)
{
	(void)state;
	assert_true(ds_screen_size(&screen, 2, 10));
	assert_int_equal(ds_screen_put(&screen, 0, 0, DS_PLAIN, "a\u00b7\u28ff\x1b["), 5);
	assert_int_equal(ds_screen_put(&screen, 1, 8, DS_PLAIN, "abcdef"), 14);
	assert_int_equal(ds_screen_put(&screen, 7, -3, DS_PLAIN, "abcdef"), 3);
	free(text);
	FILE *out = open_memstream(&text, &length);
	ds_screen_dump(&screen, out);
	fclose(out);
	assert_string_equal(text, "a\u00b7\u28ff?[\n        ab\n");
	/* C1: of U+009B a terminal may make what it makes of ESC [. */
	ds_screen_clear(&screen);
	assert_int_equal(ds_screen_put(&screen, 0, 0, DS_PLAIN, "\xc2\x9b\xc2\x80\xc2\xa0z"), 4);
	free(text);
	out = open_memstream(&text, &length);
	ds_screen_dump(&screen, out);
	fclose(out);
	assert_string_equal(text, "??\u00a0z\n\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_small_terminal, begin),
		cmocka_unit_test_setup(a_large_one_says_more, begin),
		cmocka_unit_test_setup(nothing_falls_over, begin),
		cmocka_unit_test(characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
