/* test_toml: what is TOML and what is not, and what it says. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tool/toml.h"

static struct ds_toml *good(const char *text)
{
	struct ds_toml_error error;
	struct ds_toml *root = ds_toml_read(text, strlen(text), &error);

	if (root == NULL)
		fail_msg("line %d: %s: %s", error.line, error.why, text);
	return root;
}

static void bad(const char *text, int line, const char *why)
{
	struct ds_toml_error error;
	struct ds_toml *root = ds_toml_read(text, strlen(text), &error);

	if (root != NULL)
		fail_msg("taken: %s", text);
	assert_int_equal(error.line, line);
	if (strstr(error.why, why) == NULL)
		fail_msg("'%s' does not hold '%s'", error.why, why);
}

static const char *text_of(const char *document)
{
	static char kept[256];
	struct ds_toml *root = good(document);
	const struct ds_toml *value = ds_toml_find(root, "a");

	assert_non_null(value);
	assert_int_equal(value->kind, DS_TOML_STRING);
	strncpy(kept, value->text, sizeof(kept) - 1);
	ds_toml_free(root);
	return kept;
}

static void strings(void **state)
{
	(void)state;
	assert_string_equal(text_of("a = \"\""), "");
	assert_string_equal(text_of("a = \"x \\\"y\\\" \\u00e9 \\U0001f600\\n\""),
			    "x \"y\" \xc3\xa9 \xf0\x9f\x98\x80\n");
	assert_string_equal(text_of("a = 'C:\\x'"), "C:\\x");
	assert_string_equal(text_of("a = \"\"\"\none\ntwo \\\n   three\"\"\""), "one\ntwo three");
	assert_string_equal(text_of("a = '''\nit's'''"), "it's");
	assert_string_equal(text_of("a = \"\"\"\"quoted\"\"\"\""), "\"quoted\"");
	bad("a = \"open\nb = 1\n", 1, "no end");
	bad("a = 'open", 1, "no end");
	bad("\na = \"\"\"open\n\n", 4, "no end");
	bad("a = \"\\q\"", 1, "backslash");
	bad("a = \"\\ud800\"", 1, "no character");
	bad("a = \"\\u12\"", 1, "hexadecimal");
	bad("a = \"\x01\"", 1, "control character");
}

static double number_of(const char *document)
{
	struct ds_toml *root = good(document);
	double number = ds_toml_find(root, "a")->number;

	ds_toml_free(root);
	return number;
}

static void numbers(void **state)
{
	static const char *const wrong[] = {"a = 01",
					    "a = 1.",
					    "a = .5",
					    "a = 1__0",
					    "a = _1",
					    "a = 1_",
					    "a = 0x",
					    "a = 0xg",
					    "a = 1e",
					    "a = --1",
					    "a = 9223372036854775808",
					    "a = yes",
					    "a = 0x-1",
					    "a = 1.e3",
					    "a = 1e400"};

	(void)state;
	assert_true(number_of("a = 42") == 42);
	assert_true(number_of("a = -1_000") == -1000);
	assert_true(number_of("a = 0o666") == 438);
	assert_true(number_of("a = 0xdead_beef") == 3735928559.0);
	assert_true(number_of("a = 0b101") == 5);
	assert_true(number_of("a = 6.5e-3") == 0.0065);
	assert_true(number_of("a = 1e6") == 1e6);
	assert_true(isinf(number_of("a = -inf")));
	assert_true(isnan(number_of("a = nan")));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		bad(wrong[i], 1, "no value");
}

static void kinds(void **state)
{
	struct ds_toml *root = good("t = true\nf = false # said\nd = 1979-05-27T07:32:00Z\n"
				    "e = 1979-05-27 07:32:00\nl = 07:32:00\r\n");

	(void)state;
	assert_true(ds_toml_find(root, "t")->truth);
	assert_false(ds_toml_find(root, "f")->truth);
	assert_int_equal(ds_toml_find(root, "d")->kind, DS_TOML_DATE);
	assert_string_equal(ds_toml_find(root, "e")->text, "1979-05-27 07:32:00");
	assert_int_equal(ds_toml_find(root, "l")->kind, DS_TOML_DATE);
	assert_int_equal(ds_toml_find(root, "l")->line, 5);
	assert_null(ds_toml_find(root, "x"));
	assert_null(ds_toml_find(NULL, "x"));
	ds_toml_free(root);
}

static void tables(void **state)
{
	struct ds_toml *root = good("[a]\nx = 1\n[a.b]\n\"y z\" = 2\n[[s]]\nn = 1\n[[s]]\nn = 2\n"
				    "[s.t]\nm.k = 3\n");
	const struct ds_toml *s = ds_toml_find(root, "s");

	(void)state;
	assert_true(ds_toml_find(ds_toml_find(ds_toml_find(root, "a"), "b"), "y z")->integer == 2);
	assert_int_equal(s->kind, DS_TOML_ARRAY);
	assert_int_equal(s->first->line, 5);
	assert_int_equal(s->last->line, 7);
	assert_true(ds_toml_find(s->last, "n")->integer == 2);
	assert_true(ds_toml_find(ds_toml_find(ds_toml_find(s->last, "t"), "m"), "k")->integer == 3);
	ds_toml_free(root);
	bad("[a]\n[a]\n", 2, "second time");
	bad("a = 1\na = 2\n", 2, "second time");
	bad("a = 1\n[a]\n", 2, "second time");
	bad("a = 1\na.b = 2\n", 2, "no table");
	bad("a = {}\na.b = 2\n", 2, "no table");
	bad("a = []\n[[a]]\n", 2, "second time");
	bad("[a\n", 1, "']' was expected");
	bad("[[a]\n", 1, "']' was expected");
	bad("= 1\n", 1, "a key was expected");
	bad("a 1\n", 1, "'=' was expected");
	bad("a = 1 b = 2\n", 1, "behind the value");
	bad("a =\n", 1, "no value");
}

static void arrays(void **state)
{
	struct ds_toml *root =
		good("a = [ # one\n\t1, # two\n\t[2, 3],\n]\nb = {min = 4, max = 10}\n"
		     "c = []\nd = {}\n");
	const struct ds_toml *a = ds_toml_find(root, "a");

	(void)state;
	assert_int_equal(a->line, 1);
	assert_int_equal(a->last_line, 4);
	assert_true(a->first->integer == 1);
	assert_true(a->last->last->integer == 3);
	assert_true(ds_toml_find(ds_toml_find(root, "b"), "max")->integer == 10);
	assert_null(ds_toml_find(root, "c")->first);
	ds_toml_free(root);
	bad("a = [1, 2\n", 2, "',' or ']'");
	bad("a = [1 2]\n", 1, "',' or ']'");
	bad("a = {b = 1,}\n", 1, "a key was expected");
	bad("a = {b = 1\n}\n", 1, "',' or '}'");
	bad("a = {", 1, "a key was expected");
	bad("a = [", 1, "a value was expected");
}

/* Deep nesting ends in an error, not at the end of the stack. */
static void depth(void **state)
{
	char *text = calloc(1, 200001);
	struct ds_toml_error error;

	(void)state;
	assert_non_null(text);
	memcpy(text, "a = ", 4);
	memset(text + 4, '[', 199990);
	assert_null(ds_toml_read(text, 199994, &error));
	assert_non_null(strstr(error.why, "nested"));
	memset(text, 'a', 200000);
	for (int i = 1; i < 200000; i += 2)
		text[i] = '.';
	assert_null(ds_toml_read(text, 200000, &error));
	free(text);
}

/* Every beginning of a document is a document or an error, and nothing is read behind it. */
static void cut(void **state)
{
	static const char whole[] = "[a]\nb = \"x\\u00e9\" # c\n[[d.e]]\nf = [1, {g = 'h'}]\n"
				    "i = \"\"\"\nj\"\"\"\nk = 1979-05-27 07:32:00\n";
	struct ds_toml_error error;

	(void)state;
	for (size_t length = 0; length < sizeof(whole); length++) {
		char *copy = malloc(length + 1);

		assert_non_null(copy);
		memcpy(copy, whole, length);
		ds_toml_free(ds_toml_read(copy, length, &error));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings), cmocka_unit_test(numbers), cmocka_unit_test(kinds),
		cmocka_unit_test(tables),  cmocka_unit_test(arrays),  cmocka_unit_test(depth),
		cmocka_unit_test(cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
