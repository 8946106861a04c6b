/* figures: figures by hand; and the intervals hold the truth as often as they say, on samples
 * that hang together and on repeats that differ. */
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

static uint64_t state_of_random = 7;

static double uniform(void)
{
	state_of_random = state_of_random * 6364136223846793005 + 1442695040888963407;
	return ((double)(state_of_random >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

static void add(struct ds_lab_cell *cell, int repeat, double offset, double delay)
{
	const struct ds_lab_sample sample = {
		.offset_ns = offset,
		.delay_ns = delay,
		.repeat = (uint8_t)repeat,
		.interleaved = offset > 0,
		.source = {'K', 'D', 'H', '?'},
	};

	assert_true(ds_cell_add(cell, &sample));
}

static void empty(struct ds_lab_cell *cell)
{
	free(cell->samples);
	*cell = (struct ds_lab_cell){.known = true};
}

/* `count` samples of variance 1 about `mean`, each `alike` the one before. */
static void stretch(struct ds_lab_cell *cell, int repeat, size_t count, double alike, double mean)
{
	double x = normal();

	for (size_t i = 0; i < count; i++) {
		add(cell, repeat, mean + x, 5 + x);
		x = alike * x + sqrt(1 - alike * alike) * normal();
	}
}

static void assert_close(double a, double b)
{
	assert_true(fabs(a - b) < 1e-9 * (1 + fabs(b)));
}

static void figures_by_hand(void **state)
{
	struct ds_lab_cell cell = {.known = true};
	struct ds_lab_figures figures;
	const double quantiles[] = {0, 0.5, 1};
	const struct ds_lab_cell *cells[] = {&cell};
	double offset[3], delay[3];
	(void)state;

	for (int i = 1; i <= 10; i++)
		add(&cell, 0, i % 2 ? i : -i, 10 * i);
	add(&cell, 0, -20000, 55);
	cell.samples[10].condition = DS_LAB_LOADED;
	ds_cell_figures(&cell, DS_LAB_IDLE, &figures);
	assert_int_equal(figures.samples, 10);
	assert_int_equal(figures.outliers, 0);
	assert_close(figures.median_abs_ns.value, 5.5);
	assert_close(figures.rms_ns.value, sqrt(38.5));
	assert_close(figures.p99_abs_ns.value, 9.91);
	assert_close(figures.bias_ns.value, -0.5);
	assert_close(figures.delay_ns.value, 55);
	assert_close(figures.max_abs_ns, 10);
	assert_close(figures.delay_sd_ns, 30.276503540974915);
	assert_close(figures.interleaved_share, 0.5);
	assert_close(figures.sources[0][1], 1);
	assert_close(figures.sources[1][0], 1);
	assert_close(figures.sources[2][2], 1);
	assert_close(figures.sources[3][3], 1);
	assert_true(figures.rms_ns.low <= figures.rms_ns.value);
	assert_true(figures.rms_ns.high >= figures.rms_ns.value);
	ds_cell_figures(&cell, DS_LAB_LOADED, &figures);
	assert_int_equal(figures.samples, 1);
	assert_int_equal(figures.outliers, 1);
	assert_close(figures.rms_ns.value, 20000);
	assert_true(isnan(figures.rms_ns.low) && isnan(figures.rms_ns.high));
	ds_cells_quantiles(cells, 1, DS_LAB_IDLE, quantiles, 3, offset, delay);
	assert_close(offset[0], -10);
	assert_close(offset[1], -0.5);
	assert_close(offset[2], 9);
	assert_close(delay[1], 55);
	empty(&cell);
}

static void none_of_none(void **state)
{
	struct ds_lab_cell cell = {.known = true};
	const struct ds_lab_cell *cells[] = {&cell};
	struct ds_lab_figures figures;
	const double half = 0.5;
	double offset = 0;
	(void)state;

	ds_cell_figures(&cell, DS_LAB_IDLE, &figures);
	assert_int_equal(figures.samples, 0);
	assert_true(isnan(figures.median_abs_ns.value) && isnan(figures.delay_ns.high));
	assert_true(isnan(figures.max_abs_ns));
	ds_cells_quantiles(cells, 1, DS_LAB_IDLE, &half, 1, &offset, NULL);
	assert_true(isnan(offset));
	ds_cells_figures(cells, 0, DS_LAB_IDLE, &figures);
	assert_int_equal(figures.samples, 0);
}

static void samples_that_are_all_one_have_an_interval_of_one_point(void **state)
{
	struct ds_lab_cell cell = {.known = true};
	struct ds_lab_figures figures;
	(void)state;

	for (int i = 0; i < 60; i++)
		add(&cell, i / 20, 3, 7);
	ds_cell_figures(&cell, DS_LAB_IDLE, &figures);
	assert_close(figures.rms_ns.low, 3);
	assert_close(figures.rms_ns.high, 3);
	assert_close(figures.delay_ns.low, 7);
	empty(&cell);
	for (int i = 0; i < 60; i++)
		add(&cell, i / 20, 0, 0);
	ds_cell_figures(&cell, DS_LAB_IDLE, &figures);
	assert_close(figures.rms_ns.high, 0);
	assert_close(figures.median_abs_ns.low, 0);
	empty(&cell);
}

static void the_same_samples_give_the_same_figures(void **state)
{
	struct ds_lab_cell cell = {.known = true};
	struct ds_lab_figures first, second;
	(void)state;

	stretch(&cell, 0, 300, 0.8, 0);
	ds_cell_figures(&cell, DS_LAB_IDLE, &first);
	ds_cell_figures(&cell, DS_LAB_IDLE, &second);
	assert_memory_equal(&first, &second, sizeof(first));
	empty(&cell);
}

struct held {
	int trials, bias, median, rms, p99, delay;
};

static bool holds(const struct ds_figure *figure, double truth)
{
	return figure->low <= truth && truth <= figure->high;
}

/* sd: of a single sample about the truth, whatever it is made of. */
static void count_held(struct held *held, const struct ds_lab_figures *figures, double sd)
{
	held->trials++;
	held->bias += holds(&figures->bias_ns, 0);
	held->median += holds(&figures->median_abs_ns, 0.6744898 * sd);
	held->rms += holds(&figures->rms_ns, sd);
	held->p99 += holds(&figures->p99_abs_ns, 2.5758293 * sd);
	held->delay += holds(&figures->delay_ns, 5);
}

/* Between 90 % and 99 % for what should be 95 %: of 400 trials one standard error is 1.1 %. */
static void assert_near_95(const char *what, int held, int trials)
{
	double percent = 100.0 * held / trials;

	printf("# %s: %.1f %% of %d intervals hold the truth\n", what, percent, trials);
	assert_true(percent >= 90 && percent <= 99);
}

static void intervals_hold_on_samples_that_hang_together(void **state)
{
	const double alike[] = {0, 0.5, 0.8};
	(void)state;

	for (size_t a = 0; a < 3; a++) {
		struct held held = {0};
		char what[64];
		for (int trial = 0; trial < 400; trial++) {
			struct ds_lab_cell cell = {.known = true};
			struct ds_lab_figures figures;
			stretch(&cell, 0, 500, alike[a], 0);
			ds_cell_figures(&cell, DS_LAB_IDLE, &figures);
			count_held(&held, &figures, 1);
			empty(&cell);
		}
		snprintf(what, sizeof(what), "alike %.1f, bias", alike[a]);
		assert_near_95(what, held.bias, held.trials);
		snprintf(what, sizeof(what), "alike %.1f, median", alike[a]);
		assert_near_95(what, held.median, held.trials);
		snprintf(what, sizeof(what), "alike %.1f, RMS", alike[a]);
		assert_near_95(what, held.rms, held.trials);
		snprintf(what, sizeof(what), "alike %.1f, delay", alike[a]);
		assert_near_95(what, held.delay, held.trials);
		printf("# alike %.1f, p99 (of 5 samples beyond it): %.1f %%\n", alike[a],
		       100.0 * held.p99 / held.trials);
		assert_true(held.p99 * 100 >= held.trials * 80);
	}
}

/* Each repeat has a bias of its own, which no number of its samples takes away; so much alike is it
 * to that of the one before. */
static void hold_on_repeats(const char *name, int repeats, double alike)
{
	struct held held = {0};
	char what[64];

	for (int trial = 0; trial < 400; trial++) {
		struct ds_lab_cell cell = {.known = true};
		struct ds_lab_figures figures;
		double bias = normal();
		for (int repeat = 0; repeat < repeats; repeat++) {
			if (repeat > 0)
				bias = alike * bias + sqrt(1 - alike * alike) * normal();
			stretch(&cell, repeat, 100, 0.5, 0.5 * bias);
		}
		ds_cell_figures(&cell, DS_LAB_IDLE, &figures);
		count_held(&held, &figures, sqrt(1.25));
		empty(&cell);
	}
	snprintf(what, sizeof(what), "%s, bias", name);
	assert_near_95(what, held.bias, held.trials);
	snprintf(what, sizeof(what), "%s, RMS", name);
	assert_near_95(what, held.rms, held.trials);
	snprintf(what, sizeof(what), "%s, median", name);
	assert_near_95(what, held.median, held.trials);
}

static void intervals_hold_on_repeats_that_differ(void **state)
{
	(void)state;
	hold_on_repeats("four repeats", 4, 0);
}

/* What else goes on in a machine changes slowly: a repeat is like the one before. */
static void intervals_hold_on_repeats_that_drift(void **state)
{
	(void)state;
	hold_on_repeats("six repeats that drift", 6, 0.4);
}

/* A repeat that was cut short does not count as one. */
static void a_piece_of_a_repeat_is_no_unit(void **state)
{
	struct ds_lab_cell cell = {.known = true};
	struct ds_lab_figures figures;
	(void)state;

	for (int repeat = 0; repeat < 3; repeat++)
		stretch(&cell, repeat, 200, 0, 0);
	for (int i = 0; i < 5; i++)
		add(&cell, 3, 100, 5);
	ds_cell_figures(&cell, DS_LAB_IDLE, &figures);
	assert_true(figures.bias_ns.high < 10);
	empty(&cell);
}

static void pooled_cells_are_of_the_same_repeats(void **state)
{
	struct ds_lab_cell cells[2] = {{.known = true}, {.known = true}};
	const struct ds_lab_cell *both[] = {&cells[0], &cells[1]};
	struct ds_lab_figures figures;
	(void)state;

	for (int repeat = 0; repeat < 3; repeat++) {
		double shift = repeat - 1;
		stretch(&cells[0], repeat, 200, 0, shift);
		stretch(&cells[1], repeat, 200, 0, shift);
	}
	ds_cells_figures(both, 2, DS_LAB_IDLE, &figures);
	assert_int_equal(figures.samples, 1200);
	/* of three repeats at -1, 0 and 1: 4.30 / sqrt(3) to each side, and not that of six */
	assert_true(figures.bias_ns.high - figures.bias_ns.value > 2.0);
	assert_true(figures.bias_ns.high - figures.bias_ns.value < 3.0);
	empty(&cells[0]);
	empty(&cells[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_by_hand),
		cmocka_unit_test(none_of_none),
		cmocka_unit_test(samples_that_are_all_one_have_an_interval_of_one_point),
		cmocka_unit_test(the_same_samples_give_the_same_figures),
		cmocka_unit_test(intervals_hold_on_samples_that_hang_together),
		cmocka_unit_test(intervals_hold_on_repeats_that_differ),
		cmocka_unit_test(intervals_hold_on_repeats_that_drift),
		cmocka_unit_test(a_piece_of_a_repeat_is_no_unit),
		cmocka_unit_test(pooled_cells_are_of_the_same_repeats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
