/* What is remembered of each source: in its order, bounded, and never another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

#include "daemon/history.h"

static struct ds_history history;

static union ds_address host(const char *text)
{
	union ds_address a;

	assert_true(ds_address_parse(text, 123, &a));
	return a;
}

static void add(uint32_t place, const char *who, int64_t clock_ns, enum ds_reason reason)
{
	const struct ds_history_record r = {
		.clock_ns = clock_ns,
		.reason = (uint8_t)reason,
		.has_exchange = true,
		.t1_source = DS_STAMP_KERNEL,
		.t4_source = DS_STAMP_HARDWARE,
	};
	union ds_address a = host(who);

	ds_history_add(&history, place, &a, &r);
}

static int begin(void **state)
{
	(void)state;
	history = (struct ds_history){0};
	return 0;
}

static void newest_first_and_bounded(void **state)
{
	union ds_address a = host("192.0.2.1");
	struct ds_history_counts n;

	(void)state;
	assert_null(ds_history_get(&history, 3, &a, 0));
	for (int i = 0; i < DS_HISTORY_RECORDS + 5; i++)
		add(3, "192.0.2.1", i, i % 2 ? DS_R_OK : DS_R_ORIGIN);
	for (uint32_t i = 0; i < DS_HISTORY_RECORDS; i++)
		assert_int_equal(ds_history_get(&history, 3, &a, i)->clock_ns,
				 DS_HISTORY_RECORDS + 4 - (int64_t)i);
	assert_null(ds_history_get(&history, 3, &a, DS_HISTORY_RECORDS));
	assert_null(ds_history_get(&history, 3, &a, UINT32_MAX));
	ds_history_count(&history, 3, &a, &n);
	assert_int_equal(n.accepted, (DS_HISTORY_RECORDS + 5) / 2);
	assert_int_equal(n.refused, (DS_HISTORY_RECORDS + 6) / 2);
	/* Those that were not accepted say nothing of stamps. */
	assert_int_equal(history.t1_by[DS_STAMP_KERNEL], n.accepted);
	assert_int_equal(history.t4_by[DS_STAMP_HARDWARE], n.accepted);
	assert_int_equal(n.t1_by[DS_STAMP_KERNEL], n.accepted);
	assert_int_equal(n.t4_by[DS_STAMP_HARDWARE], n.accepted);
	assert_int_equal(n.t1_by[DS_STAMP_DAEMON] + n.t1_by[DS_STAMP_HARDWARE], 0);
}

static void a_place_with_another_source_begins_anew(void **state)
{
	union ds_address a = host("192.0.2.1");
	union ds_address b = host("192.0.2.2");

	(void)state;
	add(0, "192.0.2.1", 1, DS_R_OK);
	assert_null(ds_history_get(&history, 0, &b, 0));
	add(0, "192.0.2.2", 2, DS_R_OK);
	assert_null(ds_history_get(&history, 0, &a, 0));
	assert_int_equal(ds_history_get(&history, 0, &b, 0)->clock_ns, 2);
	assert_null(ds_history_get(&history, 0, &b, 1));
}

/* The same source, deleted and added again, has the same address. */
static void what_is_forgotten_begins_anew(void **state)
{
	union ds_address a = host("192.0.2.1");
	struct ds_history_counts n;

	(void)state;
	add(3, "192.0.2.1", 1, DS_R_OK);
	add(4, "192.0.2.2", 1, DS_R_OK);
	ds_history_forget(&history, 3);
	ds_history_forget(&history, DS_SOURCES_MAX);
	assert_null(ds_history_get(&history, 3, &a, 0));
	ds_history_count(&history, 3, &a, &n);
	assert_int_equal(n.accepted + n.refused, 0);
	a = host("192.0.2.2");
	assert_non_null(ds_history_get(&history, 4, &a, 0));
}

static void what_is_nowhere_is_nothing(void **state)
{
	union ds_address none = {0};
	struct ds_history_counts n = {.accepted = 1, .refused = 1};
	struct ds_history_record r = {0};

	(void)state;
	add(DS_SOURCES_MAX, "192.0.2.1", 1, DS_R_OK);
	ds_history_add(&history, 0, &none, &r);
	assert_null(ds_history_get(&history, 0, &none, 0));
	assert_null(ds_history_get(&history, DS_SOURCES_MAX, &none, 0));
	ds_history_count(&history, 0, &none, &n);
	assert_int_equal(n.accepted + n.refused, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(newest_first_and_bounded, begin),
		cmocka_unit_test_setup(a_place_with_another_source_begins_anew, begin),
		cmocka_unit_test_setup(what_is_forgotten_begins_anew, begin),
		cmocka_unit_test_setup(what_is_nowhere_is_nothing, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
