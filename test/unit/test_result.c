/* result: cells, counts and findings are kept apart and none is lost without a word. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/result.h"

static const struct ds_lab_plan plan = {
	.hosts = 4,
	.host = {{.name = "old1"},
		 {.name = "old2"},
		 {.name = "new1", .is_new = true},
		 {.name = "new2", .is_new = true}},
	.modes = 1U << DS_LAB_BASIC | 1U << DS_LAB_XLEAVE,
};

static void twelve_pairs_in_each_mode(void **state)
{
	struct ds_lab_result result;
	(void)state;

	assert_true(ds_result_init(&result, &plan));
	assert_int_equal(result.cell_count, 24);
	assert_true(isnan(result.before_send_ns));
	assert_true(isnan(result.busy_idle));
	assert_null(ds_result_cell(&result, 0, 0, DS_LAB_BASIC));
	assert_null(ds_result_cell(&result, 0, 1, DS_LAB_PTP));
	for (int asks = 0; asks < 4; asks++) {
		for (int answers = 0; answers < 4; answers++) {
			struct ds_lab_cell *cell =
				ds_result_cell(&result, asks, answers, DS_LAB_XLEAVE);
			assert_true((cell != NULL) == (asks != answers));
			if (cell)
				assert_true(cell->asks == asks && cell->answers == answers);
		}
	}
	ds_result_free(&result);
	ds_result_free(&result);
}

static void no_hosts_or_too_many(void **state)
{
	struct ds_lab_result result;
	struct ds_lab_plan bad = plan;
	(void)state;

	bad.hosts = 1;
	assert_false(ds_result_init(&result, &bad));
	ds_result_free(&result);
	bad.hosts = DS_LAB_HOSTS + 1;
	assert_false(ds_result_init(&result, &bad));
	ds_result_free(&result);
}

static void counts_add_up_and_the_rest_goes_to_the_last(void **state)
{
	struct ds_lab_cell cell = {.known = true};
	char name[2 * DS_LAB_NAME];
	(void)state;

	ds_cell_count(&cell, "requests", 3);
	ds_cell_count(&cell, "requests", 4);
	ds_cell_count(&cell, "requests-odd", 1);
	ds_cell_count(&cell, "requests", (double)NAN);
	assert_int_equal(ds_cell_counted(&cell, "requests"), 7);
	assert_int_equal(ds_cell_counted(&cell, "requests-odd"), 1);
	assert_int_equal(ds_cell_counted(&cell, "answers"), 0);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ds_cell_count(&cell, name, 1);
	ds_cell_count(&cell, name, 1);
	assert_int_equal(ds_cell_counted(&cell, name), 2);
	assert_int_equal(cell.count_count, 3);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "reason-%d", i);
		ds_cell_count(&cell, name, 1);
	}
	assert_int_equal(cell.count_count, DS_LAB_COUNTS);
	assert_int_equal(ds_cell_counted(&cell, "reason-19"), 1);
	assert_int_equal(ds_cell_counted(&cell, "reason-20"), 0);
	assert_int_equal(ds_cell_counted(&cell, DS_LAB_REST), 10);
}

static void samples_that_are_no_figures_are_counted(void **state)
{
	struct ds_lab_cell cell = {.known = true};
	struct ds_lab_sample sample = {.offset_ns = 1, .delay_ns = 2};
	(void)state;

	for (int i = 0; i < 1000; i++) {
		sample.offset_ns = i;
		assert_true(ds_cell_add(&cell, &sample));
	}
	sample.offset_ns = (double)INFINITY;
	assert_true(ds_cell_add(&cell, &sample));
	sample.offset_ns = 0;
	sample.delay_ns = (double)NAN;
	assert_true(ds_cell_add(&cell, &sample));
	assert_int_equal(cell.sample_count, 1000);
	assert_int_equal(cell.samples[999].offset_ns, 999);
	assert_int_equal(ds_cell_counted(&cell, DS_LAB_NOT_FINITE), 2);
	free(cell.samples);
}

static void findings_are_cut_not_lost(void **state)
{
	struct ds_lab_result result;
	char text[2000];
	(void)state;

	assert_true(ds_result_init(&result, &plan));
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 100; i++)
		assert_true(ds_result_find(&result, DS_LAB_BAD, i % 4, "code", "%d %s", i, text));
	assert_int_equal(result.finding_count, 100);
	assert_string_equal(result.findings[99].code, "code");
	assert_int_equal(result.findings[99].host, 3);
	assert_memory_equal(result.findings[99].text, "99 aaa", 6);
	assert_int_equal(strlen(result.findings[99].text), 2 * DS_LAB_WHY - 1);
	ds_result_free(&result);
}

static void groups_are_known_pairs_of_two_sides(void **state)
{
	const struct ds_lab_cell *cells[DS_LAB_GROUP];
	struct ds_lab_result result;
	(void)state;

	assert_true(ds_result_init(&result, &plan));
	for (size_t i = 0; i < result.cell_count; i++)
		result.cells[i].known = true;
	ds_result_cell(&result, 2, 0, DS_LAB_XLEAVE)->known = false;
	assert_int_equal(ds_result_group(&result, DS_LAB_XLEAVE, false, false, cells), 2);
	assert_int_equal(ds_result_group(&result, DS_LAB_XLEAVE, false, true, cells), 4);
	assert_int_equal(ds_result_group(&result, DS_LAB_XLEAVE, true, false, cells), 3);
	assert_int_equal(ds_result_group(&result, DS_LAB_PTP, true, true, cells), 0);
	assert_int_equal(ds_result_group(&result, DS_LAB_BASIC, true, true, cells), 2);
	assert_int_equal(cells[0]->asks, 2);
	assert_int_equal(cells[0]->answers, 3);
	ds_result_free(&result);
}

static void add(struct ds_lab_cell *cell, double offset, bool interleaved, char source)
{
	const struct ds_lab_sample sample = {.offset_ns = offset,
					     .interleaved = interleaved,
					     .source = {source, '?', '?', source}};

	assert_true(ds_cell_add(cell, &sample));
}

static void outliers_are_listed_the_farthest_first(void **state)
{
	struct ds_lab_outlier list[3];
	struct ds_lab_result result;
	struct ds_lab_cell *cell;
	(void)state;

	assert_true(ds_result_init(&result, &plan));
	cell = ds_result_cell(&result, 1, 2, DS_LAB_XLEAVE);
	add(ds_result_cell(&result, 1, 2, DS_LAB_BASIC), 90000, true, 'K');
	add(cell, 80000, false, 'K');
	add(cell, 70000, true, 'D');
	add(cell, 9999, true, 'K');
	assert_int_equal(ds_result_outliers(&result, list, 3), 0);
	add(cell, -20000, true, 'K');
	assert_int_equal(ds_result_outliers(&result, list, 3), 1);
	assert_ptr_equal(list[0].cell, cell);
	add(cell, 11000, true, 'K');
	add(cell, 50000, true, 'H');
	add(cell, 40000, true, 'K');
	add(cell, -12000, true, '?');
	assert_int_equal(ds_result_outliers(&result, list, 3), 5);
	assert_float_equal(list[0].sample->offset_ns, 50000, 0);
	assert_float_equal(list[1].sample->offset_ns, 40000, 0);
	assert_float_equal(list[2].sample->offset_ns, -20000, 0);
	assert_int_equal(ds_result_outliers(&result, list, 0), 5);
	assert_false(ds_result_loaded(&result));
	cell->samples[0].condition = DS_LAB_LOADED;
	assert_true(ds_result_loaded(&result));
	ds_result_free(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(twelve_pairs_in_each_mode),
		cmocka_unit_test(no_hosts_or_too_many),
		cmocka_unit_test(counts_add_up_and_the_rest_goes_to_the_last),
		cmocka_unit_test(samples_that_are_no_figures_are_counted),
		cmocka_unit_test(findings_are_cut_not_lost),
		cmocka_unit_test(groups_are_known_pairs_of_two_sides),
		cmocka_unit_test(outliers_are_listed_the_farthest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
