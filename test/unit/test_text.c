/* Numbers as people read them; the daemon's answers in 80 columns, however long what is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs those above */
#include <cmocka.h>

#include "tool/show.h"
#include "tool/text.h"

static void test_duration(void **state)
{
	static const struct {
		int64_t ns;
		bool plus;
		const char *wanted;
	} cases[] = {
		{0, false, "0ns"},
		{0, true, "+0ns"},
		{193, true, "+193ns"},
		{-193, true, "-193ns"},
		{9999, false, "9999ns"},
		{10000, false, "10us"},
		{-43100, false, "-43us"},
		{9999499, false, "9999us"},
		{9999500, false, "10ms"},
		{INT64_C(9999600000), false, "10s"},
		{INT64_C(86400000000000), true, "+86400s"},
		{INT64_MIN, false, "-9223372037s"},
	};
	char text[DS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(ds_text_duration(cases[i].ns, cases[i].plus, text),
				    cases[i].wanted);
}

static void test_in_words(void **state)
{
	static const struct {
		int64_t ns;
		const char *wanted;
	} cases[] = {
		{0, "0 ns"},
		{999, "999 ns"},
		{1000, "1.00 us"},
		{9994, "9.99 us"},
		{9996, "10.0 us"},
		{43117, "43.1 us"},
		{99949, "99.9 us"},
		{99951, "100 us"},
		{999400, "999 us"},
		{999600, "1.00 ms"},
		{-1200000, "-1.20 ms"},
		{INT64_C(12000000000), "12.0 s"},
		{INT64_MAX, "9223372037 s"},
	};
	char text[DS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(ds_text_in_words(cases[i].ns, text), cases[i].wanted);
}

static void test_ago(void **state)
{
	static const struct {
		int64_t s;
		const char *wanted;
	} cases[] = {
		{-1, "-"},	 {0, "0"},	   {999, "999"},	 {1000, "16m"},
		{5999, "99m"},	 {6000, "1h"},	   {359999, "99h"},	 {360000, "4d"},
		{8640000, "0y"}, {31557600, "1y"}, {3155760000, "100y"},
	};
	char text[DS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(ds_text_ago(cases[i].s, text), cases[i].wanted);
}

static void test_moment(void **state)
{
	char text[DS_TEXT];

	(void)state;
	assert_string_equal(ds_text_moment(0, text), "never");
	assert_string_equal(ds_text_moment(INT64_C(1795731570563051585), text),
			    "2026-11-26 22:19:30.563051585 UTC");
	assert_string_equal(ds_text_moment(-1, text), "1969-12-31 23:59:59.999999999 UTC");
}

static void test_colours(void **state)
{
	(void)state;
	assert_false(ds_text_colour_mode("mauve"));
	assert_true(ds_text_colour_mode("always"));
	assert_string_equal(ds_text_colour(stdout, DS_GOOD), "\033[32m");
	assert_true(ds_text_colour_mode("never"));
	assert_string_equal(ds_text_colour(stdout, DS_GOOD), "");
}

/* What `show` writes of that JSON; no line is longer than 80. Owned by the caller. */
static char *shown(const char *json, void (*show)(const json_t *answer, FILE *out))
{
	json_t *answer = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(answer);
	assert_non_null(out);
	show(answer, out);
	fclose(out);
	json_decref(answer);
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > 80)
			fail_msg("wider than 80 columns: %.*s", (int)strcspn(line, "\n"), line);
	return text;
}

static void show_select(const json_t *answer, FILE *out)
{
	ds_show_select(answer, true, out);
}

static void show_clients(const json_t *answer, FILE *out)
{
	ds_show_clients(answer, true, out);
}

static void test_select_is_wrapped(void **state)
{
	char *text = shown("{\"sources\":[{\"letter\":\"*\",\"name\":\"a\",\"address\":"
			   "\"2001:db8:1111:2222:3333:4444:5555:6666\",\"score\":1.0,"
			   "\"low_ns\":-9999,\"high_ns\":9999000000,"
			   "\"words\":\"good, but another one is preferred\","
			   "\"options\":[\"noselect\",\"prefer\",\"require\",\"trust\"]}]}",
			   show_select);

	(void)state;
	assert_string_equal(
		strchr(text, '*'),
		"* 2001:db8:1..:5555:6666  1.00 -9999ms +9999ns good, but another one is\n"
		"                                               preferred; noselect, prefer,\n"
		"                                               require, trust\n");
	free(text);
}

static void test_clients_of_long_addresses(void **state)
{
	char *text = shown("{\"clients\":[{\"address\":\"2001:db8:1111:2222:3333:4444:5555:6666\","
			   "\"basic\":7,\"interleaved\":123456,\"denied\":0,\"dropped\":0,"
			   "\"interval_log2\":6,\"last_ago_s\":12}]}",
			   show_clients);

	(void)state;
	assert_non_null(strstr(text, "\n2001:db8:1111:2222:3333:4444:5555:6666\n     "));
	assert_non_null(strstr(text, " 7      123456 "));
	free(text);
}

/* What an older or newer daemon does not say is no reason to fall. */
static void test_empty_answers(void **state)
{
	static void (*const all[])(const json_t *, FILE *) = {
		ds_show_status, ds_show_exchanges, ds_show_server, ds_show_stamps,
		ds_show_bound,	show_select,	   show_clients,
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		free(shown("{}", all[i]));
		free(shown("{\"sources\":[{}],\"clients\":[{}],\"exchanges\":[{}],\"serves\":true,"
			   "\"reasons\":[{}],\"departures\":[{}],\"cards\":[{}],\"refclocks\":[{}],"
			   "\"synchronised\":true,\"updated_ns\":\"x\"}",
			   all[i]));
		free(shown("{\"sources\":7,\"clients\":null,\"exchanges\":\"\",\"bound_ns\":\"\"}",
			   all[i]));
	}
}

static void test_long_reference(void **state)
{
	char json[700];
	char name[254];
	char *text;

	(void)state;
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	memcpy(name + 40, ".example", 8);
	snprintf(json, sizeof json,
		 "{\"ref_id\":\"C0000201\",\"address\":\"192.0.2.1\",\"stratum\":2,"
		 "\"source\":\"%.48s.a.long.zone\"}",
		 name);
	text = shown(json, ds_show_status);
	assert_non_null(strstr(text, "192.0.2.1), stratum 2\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_in_words),
		cmocka_unit_test(test_ago),
		cmocka_unit_test(test_moment),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_select_is_wrapped),
		cmocka_unit_test(test_clients_of_long_addresses),
		cmocka_unit_test(test_empty_answers),
		cmocka_unit_test(test_long_reference),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
