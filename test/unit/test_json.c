/* What leaves as JSON is whole, plain ASCII, and never longer than its buffer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs those above */
#include <cmocka.h>

#include "daemon/json.h"

static char buffer[512];

static const char *text(const struct ds_json *j)
{
	assert_false(j->full);
	assert_true(j->used < sizeof buffer);
	buffer[j->used] = '\0';
	return buffer;
}

static void members_and_lists(void **state)
{
	struct ds_json j;

	(void)state;
	ds_json_begin(&j, buffer, sizeof buffer);
	ds_json_open(&j, NULL, '{');
	ds_json_text(&j, "a", "x\"\\\n\x7f\xe4");
	ds_json_text(&j, "b", NULL);
	ds_json_open(&j, "c", '[');
	ds_json_int(&j, NULL, INT64_MIN);
	ds_json_count(&j, NULL, UINT64_MAX);
	ds_json_open(&j, NULL, '{');
	ds_json_close(&j, '}');
	ds_json_close(&j, ']');
	ds_json_number(&j, "d", -0.5, 3);
	ds_json_number(&j, "e", NAN, 3);
	ds_json_number(&j, "f", INFINITY, 3);
	ds_json_bool(&j, "g", true);
	ds_json_known(&j, "h", false, 7);
	ds_json_known(&j, "i", true, 7);
	ds_json_moment(&j, "j", 0);
	ds_json_moment(&j, "k", 1795727646973287562);
	ds_json_hex(&j, "l", 0x7f000001);
	ds_json_close(&j, '}');
	ds_json_newline(&j);
	assert_string_equal(text(&j),
			    "{\"a\":\"x\\\"\\\\\\u000a\\u007f\\u00e4\",\"b\":null,"
			    "\"c\":[-9223372036854775808,18446744073709551615,{}],\"d\":-0.500,"
			    "\"e\":null,\"f\":null,\"g\":true,\"h\":null,\"i\":7,\"j\":null,"
			    "\"k\":\"1795727646973287562\",\"l\":\"7F000001\"}\n");
}

static void nothing_behind_the_end(void **state)
{
	struct ds_json j;

	(void)state;
	for (size_t size = 0; size < 40; size++) {
		memset(buffer, 'z', sizeof buffer);
		ds_json_begin(&j, buffer, size);
		ds_json_open(&j, NULL, '{');
		ds_json_text(&j, "name", "a text of some length \xff");
		ds_json_number(&j, "n", 1e300, 9);
		ds_json_close(&j, '}');
		assert_true(j.full);
		assert_true(j.used <= size);
		for (size_t i = size; i < sizeof buffer; i++)
			assert_int_equal(buffer[i], 'z');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_and_lists),
		cmocka_unit_test(nothing_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
