/* report: figures as text, JSON that is JSON whatever the names are, a table of 100 columns, and
 * files that are whole or not there. */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/report.h"

/* ---- a strict reader of JSON (RFC 8259): NULL where it is none, else what follows ---- */

static const char *value(const char *c, int depth);

static const char *space(const char *c)
{
	return c + strspn(c, " \t\r\n");
}

static const char *string(const char *c)
{
	if (*c++ != '"')
		return NULL;
	while (*c != '"') {
		if ((unsigned char)*c < 0x20)
			return NULL;
		if (*c++ != '\\')
			continue;
		if (*c == 'u') {
			for (int i = 1; i <= 4; i++) {
				if (!isxdigit((unsigned char)c[i]))
					return NULL;
			}
			c += 4;
		} else if (!strchr("\"\\/bfnrt", *c)) {
			return NULL;
		}
		c++;
	}
	return c + 1;
}

static const char *digits(const char *c)
{
	return isdigit((unsigned char)*c) ? c + strspn(c, "0123456789") : NULL;
}

static const char *number(const char *c)
{
	c += *c == '-';
	c = *c == '0' ? c + 1 : digits(c);
	if (c && *c == '.')
		c = digits(c + 1);
	return c;
}

static const char *members(const char *c, int depth, bool named, char end)
{
	c = space(c + 1);
	if (*c == end)
		return c + 1;
	for (;;) {
		if (named) {
			c = string(space(c));
			if (!c || *(c = space(c)) != ':')
				return NULL;
			c++;
		}
		c = value(c, depth + 1);
		if (!c)
			return NULL;
		c = space(c);
		if (*c == end)
			return c + 1;
		if (*c++ != ',')
			return NULL;
	}
}

static const char *value(const char *c, int depth)
{
	c = space(c);
	if (depth > 20)
		return NULL;
	if (*c == '{')
		return members(c, depth, true, '}');
	if (*c == '[')
		return members(c, depth, false, ']');
	if (*c == '"')
		return string(c);
	if (strncmp(c, "true", 4) == 0 || strncmp(c, "null", 4) == 0)
		return c + 4;
	return strncmp(c, "false", 5) == 0 ? c + 5 : number(c);
}

static bool is_json(const char *text)
{
	const char *end = value(text, 0);

	return end && *space(end) == '\0';
}

static void the_reader_of_json_is_strict(void **state)
{
	(void)state;
	assert_true(is_json("{\"a\": [1, -0.5, null, true], \"\\u00e4\": {}}\n"));
	assert_false(is_json("{\"a\": 1,}"));
	assert_false(is_json("{\"a\": nan}"));
	assert_false(is_json("{\"a\": 01}"));
	assert_false(is_json("[1 2]"));
	assert_false(is_json("\"\\x\""));
	assert_false(is_json("{} {}"));
	assert_false(is_json("[1"));
}

/* ---- results ---- */

static const struct ds_lab_plan plan = {
	.hosts = 4,
	.host = {{.name = "old1", .kind = "chrony"},
		 {.name = "old2", .kind = "chrony"},
		 {.name = "new1", .kind = "drivestamp", .is_new = true},
		 {.name = "new2", .kind = "drivestamp", .is_new = true}},
	.modes = 1U << DS_LAB_BASIC | 1U << DS_LAB_XLEAVE | 1U << DS_LAB_PTP,
	.repeats = 2,
};

static void fill(struct ds_lab_result *result, bool loaded)
{
	assert_true(ds_result_init(result, &plan));
	for (size_t c = 0; c < result->cell_count; c++) {
		struct ds_lab_cell *cell = &result->cells[c];
		cell->known = cell->mode != DS_LAB_PTP && (cell->asks != 0 || cell->answers != 3);
		ds_cell_count(cell, "requests", 12);
		for (int i = 0; cell->known && i < 40; i++) {
			const struct ds_lab_sample sample = {
				.at_s = 1e9 + i,
				.offset_ns = (i == 7 ? -123456 : 100 + i) * (double)(c + 1),
				.delay_ns = 2000 + i,
				.interleaved = cell->mode == DS_LAB_XLEAVE,
				.source = {'K', '?', '?', 'K'},
				.repeat = (uint8_t)(i / 20),
				.condition = loaded && i % 2 ? DS_LAB_LOADED : DS_LAB_IDLE,
				.has_stamps = c % 2 != 0,
				.t_ns = {1700000000123456789, 1700000000123457000,
					 1700000000123500000, 1700000000123600000},
			};
			assert_true(ds_cell_add(cell, &sample));
		}
	}
	snprintf(result->machine, sizeof(result->machine), "Linux 6.1, 2 processors, tsc");
	snprintf(result->host[1].version, sizeof(result->host[1].version), "chronyd 4.3");
	assert_true(ds_result_find(result, DS_LAB_GOOD, -1, "works", "It works."));
	assert_true(ds_result_find(result, DS_LAB_BAD, 2, "rx-late", "new1 takes them late."));
}

static char *report(const struct ds_lab_result *result, bool json)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_true(json ? ds_report_json(result, out) : ds_report_table(result, out, false));
	assert_int_equal(fclose(out), 0);
	return text;
}

static void numbers_are_one_digit_or_null(void **state)
{
	char buffer[DS_REPORT_NUMBER];
	(void)state;

	assert_string_equal(ds_report_number(1234.56, buffer), "1234.6");
	assert_string_equal(ds_report_number(-0.04, buffer), "0.0");
	assert_string_equal(ds_report_number((double)NAN, buffer), "null");
	assert_string_equal(ds_report_number((double)INFINITY, buffer), "null");
	assert_string_equal(ds_report_number(1e300, buffer), "null");
	assert_string_equal(ds_report_number(-1e26, buffer), "-100000000000000004764729344.0");
	assert_string_equal(ds_report_share(0.98765, buffer), "0.9877");
	assert_string_equal(ds_report_share((double)NAN, buffer), "null");
}

static void json_has_what_was_found(void **state)
{
	struct ds_lab_result result;
	struct ds_lab_figures figures;
	char expected[256], number_text[DS_REPORT_NUMBER];
	(void)state;

	for (int loaded = 0; loaded < 2; loaded++) {
		fill(&result, loaded);
		char *text = report(&result, true);
		assert_true(is_json(text));
		ds_cell_figures(ds_result_cell(&result, 3, 1, DS_LAB_BASIC), DS_LAB_IDLE, &figures);
		snprintf(expected, sizeof(expected), "\"median_abs_ns\": {\"value\": %s",
			 ds_report_number(figures.median_abs_ns.value, number_text));
		assert_non_null(strstr(text, expected));
		assert_non_null(strstr(text, "\"code\": \"rx-late\""));
		assert_non_null(strstr(text, "\"known\": false}"));
		assert_non_null(strstr(text, "1700000000123456789"));
		assert_true((strstr(text, "\"loaded\": {\"samples\": 20") != NULL) == loaded);
		free(text);
		ds_result_free(&result);
	}
}

static void an_empty_result_is_reported(void **state)
{
	struct ds_lab_result result;
	(void)state;

	assert_true(ds_result_init(&result, &plan));
	result.partial = true;
	snprintf(result.why_partial, sizeof(result.why_partial), "old1 has gone");
	char *text = report(&result, true);
	assert_true(is_json(text));
	assert_non_null(strstr(text, "\"partial\": true"));
	free(text);
	text = report(&result, false);
	assert_non_null(strstr(text, "PARTIAL  old1 has gone"));
	free(text);
	ds_result_free(&result);
}

static void hostile_names_stay_text(void **state)
{
	static const char hostile[] = "<\"\\\x01\x1b[31m\xff\xc3(\xc3\xa4&'>\n";
	struct ds_lab_result result;
	(void)state;

	fill(&result, false);
	snprintf(result.plan.host[0].name, sizeof(result.plan.host[0].name), "%s", hostile);
	snprintf(result.host[0].version, sizeof(result.host[0].version), "%s", hostile);
	snprintf(result.command, sizeof(result.command), "%s", hostile);
	snprintf(result.host[2].ending, sizeof(result.host[2].ending), "%s", hostile);
	ds_cell_count(&result.cells[0], hostile, (double)1e300);
	ds_result_find(&result, DS_LAB_NOTE, 99, hostile, "%s", hostile);
	char *text = report(&result, true);
	assert_true(is_json(text));
	assert_non_null(strstr(text, "<\\\"\\\\\\u0001\\u001b[31m\\ufffd\\ufffd(\xc3\xa4&'>"));
	free(text);
	text = report(&result, false);
	assert_null(strchr(text, '\x1b'));
	assert_null(strchr(text, '\x01'));
	free(text);
	ds_result_free(&result);
}

static void the_table_has_a_hundred_columns(void **state)
{
	struct ds_lab_result result;
	(void)state;

	for (int loaded = 0; loaded < 2; loaded++) {
		fill(&result, loaded);
		for (size_t i = 0; i < result.cells[0].sample_count; i++)
			result.cells[0].samples[i].offset_ns *= 1e12;
		for (int i = 0; i < 30; i++)
			ds_result_find(&result, DS_LAB_NOTE, -1, "long",
				       "words and words and words and words and words and words "
				       "and words and words and words %d",
				       i);
		char *text = report(&result, false), *rest = NULL;
		if (getenv("DS_SHOW"))
			puts(text);
		assert_non_null(strstr(text, "old1"));
		for (char *line = strtok_r(text, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest)) {
			if (strlen(line) > 100)
				fail_msg("%zu columns: %s", strlen(line), line);
		}
		free(text);
		ds_result_free(&result);
	}
}

static bool fails(const struct ds_lab_result *result, FILE *out)
{
	(void)result;
	fputs("half", out);
	return false;
}

static void a_report_is_whole_or_not_there(void **state)
{
	struct ds_lab_result result;
	char why[DS_LAB_WHY], folder[] = "/tmp/test-report-XXXXXX", path[64];
	struct stat status;
	(void)state;

	fill(&result, false);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/report", folder);
	assert_true(ds_report_write(&result, path, fails, why) < 0);
	assert_non_null(strstr(why, path));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(ds_report_write(&result, path, ds_report_json, why), 0);
	assert_int_equal(stat(path, &status), 0);
	off_t size = status.st_size;
	assert_true(size > 1000);
	assert_true(ds_report_write(&result, path, fails, why) < 0);
	assert_int_equal(stat(path, &status), 0);
	assert_true(status.st_size == size);
	assert_int_equal(unlink(path), 0);
	assert_true(ds_report_write(&result, "/nowhere/report", ds_report_json, why) < 0);
	assert_non_null(strstr(why, "/nowhere/report"));
	if (access("/dev/full", W_OK) == 0) {
		assert_true(ds_report_write(&result, "/dev/full", ds_report_json, why) < 0);
		assert_non_null(strstr(why, "No space left"));
		assert_int_equal(stat("/dev/full", &status), 0);
		assert_true(S_ISCHR(status.st_mode));
	}
	assert_int_equal(rmdir(folder), 0); /* nothing was left in it */
	ds_result_free(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reader_of_json_is_strict),
		cmocka_unit_test(numbers_are_one_digit_or_null),
		cmocka_unit_test(json_has_what_was_found),
		cmocka_unit_test(an_empty_result_is_reported),
		cmocka_unit_test(hostile_names_stay_text),
		cmocka_unit_test(the_table_has_a_hundred_columns),
		cmocka_unit_test(a_report_is_whole_or_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
