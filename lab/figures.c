/* figures: figures of samples with intervals; see result.h. All is done on a copy of the samples
 * in which each run of a daemon (a cell in a repeat) is a stretch of its own, in order of time:
 * blocks are never taken across its ends. */
#include "lab/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/statistics.h"

#define REPEATS	      256 /* what a sample can name */
#define DRAWS_MOST    600 /* bootstrap samples */
#define DRAWS_LEAST   200
#define DRAWN_MOST    20000000 /* samples drawn in all, so that long runs are reported too */
#define CONFIDENCE    0.95
#define REPEATS_FOR_T ((size_t)3)
#define WHOLE_REPEAT  0.25 /* of the longest: shorter ones were cut off and are no unit */
#define NORMAL_975    1.959964
/* Their length makes the error of the variance least, of which part is that it comes out too small:
 * an interval wants blocks that are longer (test_figures.c counts how often it holds). */
#define BLOCK_LONGER   2
#define BANDWIDTH_LAGS 5 /* Politis and White's K_N at the sizes we have */

enum { MEDIAN, RMS, P99, BIAS, DELAY, FIGURES };
static const bool is_size[FIGURES] = {[MEDIAN] = true, [RMS] = true, [P99] = true};

struct stretch { /* samples of one cell and repeat */
	size_t from, count, block;
	int repeat;
};

struct set {
	size_t count;
	double *offset, *delay;
	uint32_t *size_rank, *delay_rank;   /* place among the sorted ones */
	double *sorted_size, *sorted_delay; /* rising */
	uint32_t *drawn_size, *drawn_delay; /* how often each place was drawn */
	struct stretch *stretch;
	size_t stretches;
	void *memory;
};

struct placed {
	double value;
	size_t at;
};

static int by_value(const void *left, const void *right)
{
	const struct placed *a = left;
	const struct placed *b = right;

	return a->value != b->value ? (a->value > b->value) - (a->value < b->value)
				    : (a->at > b->at) - (a->at < b->at);
}

static bool rank(const double *values, bool size, size_t count, double *sorted, uint32_t *ranks)
{
	struct placed *placed = malloc(count * sizeof(*placed));

	if (!placed)
		return false;
	for (size_t i = 0; i < count; i++)
		placed[i] = (struct placed){size ? fabs(values[i]) : values[i], i};
	qsort(placed, count, sizeof(*placed), by_value);
	for (size_t i = 0; i < count; i++) {
		sorted[i] = placed[i].value;
		ranks[placed[i].at] = (uint32_t)i;
	}
	free(placed);
	return true;
}

static size_t count_samples(const struct ds_lab_cell *const *cells, size_t count,
			    enum ds_lab_condition condition)
{
	size_t n = 0;

	for (size_t c = 0; c < count; c++) {
		for (size_t i = 0; i < cells[c]->sample_count; i++)
			n += cells[c]->samples[i].condition == condition;
	}
	return n;
}

static void set_free(struct set *set)
{
	free(set->memory);
	free(set->stretch);
	*set = (struct set){0};
}

static bool set_room(struct set *set, size_t count)
{
	size_t each = 4 * sizeof(double) + 4 * sizeof(uint32_t);

	if (count > UINT32_MAX || count > SIZE_MAX / each)
		return false;
	double *memory = calloc(count, each);
	set->memory = memory;
	if (!memory)
		return false;
	set->offset = memory;
	set->delay = memory + count;
	set->sorted_size = memory + 2 * count;
	set->sorted_delay = memory + 3 * count;
	set->size_rank = (uint32_t *)(memory + 4 * count);
	set->delay_rank = set->size_rank + count;
	set->drawn_size = set->size_rank + 2 * count;
	set->drawn_delay = set->size_rank + 3 * count;
	return true;
}

/* Takes the samples of one cell and repeat; a stretch of its own if there are any. */
static void take_stretch(struct set *set, const struct ds_lab_cell *cell,
			 enum ds_lab_condition condition, int repeat)
{
	size_t from = set->count;

	for (size_t i = 0; i < cell->sample_count; i++) {
		const struct ds_lab_sample *sample = &cell->samples[i];
		if (sample->condition != condition || sample->repeat != repeat)
			continue;
		set->offset[set->count] = sample->offset_ns;
		set->delay[set->count++] = sample->delay_ns;
	}
	if (set->count > from)
		set->stretch[set->stretches++] =
			(struct stretch){from, set->count - from, 1, repeat};
}

static void repeats_of(const struct ds_lab_cell *cell, bool has[REPEATS])
{
	memset(has, 0, REPEATS * sizeof(*has));
	for (size_t i = 0; i < cell->sample_count; i++)
		has[cell->samples[i].repeat] = true;
}

/* False without memory. A set of no samples has no memory. */
static bool set_make(struct set *set, const struct ds_lab_cell *const *cells, size_t count,
		     enum ds_lab_condition condition)
{
	size_t n = count_samples(cells, count, condition);
	bool has[REPEATS];

	*set = (struct set){0};
	if (n == 0)
		return true;
	set->stretch = malloc(n * sizeof(*set->stretch)); /* each holds at least one */
	if (!set->stretch || !set_room(set, n)) {
		set_free(set);
		return false;
	}
	for (size_t c = 0; c < count; c++) {
		repeats_of(cells[c], has);
		for (int repeat = 0; repeat < REPEATS; repeat++) {
			if (has[repeat])
				take_stretch(set, cells[c], condition, repeat);
		}
	}
	if (!rank(set->offset, true, n, set->sorted_size, set->size_rank) ||
	    !rank(set->delay, false, n, set->sorted_delay, set->delay_rank)) {
		set_free(set);
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------ figures of what is drawn */

static double drawn_at(const double *sorted, const uint32_t *drawn, size_t place, size_t *at,
		       size_t *before)
{
	while (*before + drawn[*at] <= place) {
		*before += drawn[*at];
		(*at)++;
	}
	return sorted[*at];
}

/* As ds_quantile(), of sorted figures of which each counts as often as it was drawn. */
static double drawn_quantile(const double *sorted, const uint32_t *drawn, size_t total, double q)
{
	double place = q * (double)(total - 1);
	size_t below = (size_t)place, at = 0, before = 0;
	double low = drawn_at(sorted, drawn, below, &at, &before);
	double high = below + 1 < total ? drawn_at(sorted, drawn, below + 1, &at, &before) : low;

	return low + (place - (double)below) * (high - low);
}

struct sums {
	size_t count;
	double offset, square;
};

static void draw(struct set *set, struct sums *sums, size_t i)
{
	sums->count++;
	sums->offset += set->offset[i];
	sums->square += set->offset[i] * set->offset[i];
	set->drawn_size[set->size_rank[i]]++;
	set->drawn_delay[set->delay_rank[i]]++;
}

static void draw_none(struct set *set, struct sums *sums)
{
	*sums = (struct sums){0};
	memset(set->drawn_size, 0, set->count * sizeof(*set->drawn_size));
	memset(set->drawn_delay, 0, set->count * sizeof(*set->drawn_delay));
}

static void drawn_figures(const struct set *set, const struct sums *sums, double figures[FIGURES])
{
	double n = (double)sums->count;

	figures[MEDIAN] = drawn_quantile(set->sorted_size, set->drawn_size, sums->count, 0.5);
	figures[P99] = drawn_quantile(set->sorted_size, set->drawn_size, sums->count, 0.99);
	figures[DELAY] = drawn_quantile(set->sorted_delay, set->drawn_delay, sums->count, 0.5);
	figures[RMS] = sqrt(sums->square / n);
	figures[BIAS] = sums->offset / n;
}

/* Those of all samples, or (repeat >= 0) of one repeat. Returns of how many. */
static size_t figures_of(struct set *set, int repeat, double figures[FIGURES])
{
	struct sums sums;

	draw_none(set, &sums);
	for (size_t s = 0; s < set->stretches; s++) {
		const struct stretch *stretch = &set->stretch[s];
		for (size_t i = 0; i < stretch->count; i++) {
			if (repeat < 0 || stretch->repeat == repeat)
				draw(set, &sums, stretch->from + i);
		}
	}
	if (sums.count > 0)
		drawn_figures(set, &sums, figures);
	return sums.count;
}

/* ---------------------------------------------------------------------------- the intervals */

/* The quantile 0.975 of Student's t; Cornish-Fisher beyond the table, within 0.1 %. */
static double student_975(size_t freedom)
{
	static const double table[] = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706,
				       2.4469,	2.3646, 2.3060, 2.2622, 2.2281};

	if (freedom == 0)
		return (double)INFINITY;
	if (freedom <= sizeof(table) / sizeof(table[0]))
		return table[freedom - 1];
	double z = NORMAL_975, n = (double)freedom;
	return z + (pow(z, 3) + z) / (4 * n) +
	       (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * n * n);
}

static double autocovariance(const double *x, size_t count, double mean, size_t lag)
{
	double sum = 0;

	for (size_t i = lag; i < count; i++)
		sum += (x[i] - mean) * (x[i - lag] - mean);
	return sum / (double)count;
}

/* How long blocks must be so that what is alike in a stretch stays together: Politis and White,
 * "Automatic block-length selection for the dependent bootstrap", 2004, with the constant of the
 * correction of 2009 for blocks of one length. x: at least 2. */
static double block_length(const double *x, size_t count)
{
	double n = (double)count, mean = ds_mean(x, count), variance, limit, g = 0, spectrum;
	double most = ceil(fmin(3 * sqrt(n), n / 3));
	size_t lags = (size_t)ceil(sqrt(n)) + BANDWIDTH_LAGS, quiet = 0, lag = 1;

	variance = autocovariance(x, count, mean, 0);
	if (!(variance > 0))
		return 1;
	limit = 2 * sqrt(log10(n) / n) * variance;
	while (lag < lags && lag < count && quiet < BANDWIDTH_LAGS) {
		quiet = fabs(autocovariance(x, count, mean, lag)) < limit ? quiet + 1 : 0;
		lag++;
	}
	size_t window = 2 * (lag - 1 - quiet);
	if (window < 1)
		window = 1;
	spectrum = variance;
	for (lag = 1; lag <= window && lag < count; lag++) {
		double part = (double)lag / (double)window;
		double weight = part <= 0.5 ? 1 : 2 * (1 - part);
		double covariance = autocovariance(x, count, mean, lag);
		g += 2 * weight * (double)lag * covariance;
		spectrum += 2 * weight * covariance;
	}
	if (!(spectrum > 0))
		return most;
	double length = BLOCK_LONGER * cbrt(1.5 * (g / spectrum) * (g / spectrum) * n);
	return fmin(fmax(ceil(length), 1), fmax(most, 1));
}

/* Of the offsets, and of the places of their sizes, which a few far ones do not rule. */
static void choose_blocks(struct set *set, double *scratch)
{
	for (size_t s = 0; s < set->stretches; s++) {
		struct stretch *stretch = &set->stretch[s];
		double length = 1;
		for (size_t i = 0; i < stretch->count; i++)
			scratch[i] = set->size_rank[stretch->from + i];
		if (stretch->count >= DS_LAB_LEAST) {
			length = fmax(block_length(set->offset + stretch->from, stretch->count),
				      block_length(scratch, stretch->count));
		}
		stretch->block = (size_t)length;
	}
}

/* splitmix64 (Steele, Lea and Flood 2014). */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* One bootstrap sample: each stretch made anew of blocks of itself. */
static void draw_blocks(struct set *set, struct sums *sums, uint64_t *state)
{
	draw_none(set, sums);
	for (size_t s = 0; s < set->stretches; s++) {
		const struct stretch *stretch = &set->stretch[s];
		size_t starts = stretch->count - stretch->block + 1, done = 0;
		while (done < stretch->count) {
			size_t from = (size_t)(random_next(state) % starts);
			for (size_t i = 0; i < stretch->block && done < stretch->count; i++, done++)
				draw(set, sums, stretch->from + from + i);
		}
	}
}

/* Percentile intervals, widened as Student's t is wider than the normal law: few long blocks say
 * little about how much they differ. */
static bool bootstrap(struct set *set, struct ds_figure figures[FIGURES])
{
	size_t draws = DRAWN_MOST / set->count;
	size_t blocks = 0;
	uint64_t state = 2016;
	double drawn[FIGURES], *column;

	draws = draws > DRAWS_MOST ? DRAWS_MOST : draws < DRAWS_LEAST ? DRAWS_LEAST : draws;
	size_t room = FIGURES * draws > set->count ? FIGURES * draws : set->count;
	double *table = malloc(room * sizeof(*table));
	if (!table)
		return false;
	choose_blocks(set, table);
	for (size_t s = 0; s < set->stretches; s++)
		blocks += set->stretch[s].count / set->stretch[s].block;
	for (size_t d = 0; d < draws; d++) {
		struct sums sums;
		draw_blocks(set, &sums, &state);
		drawn_figures(set, &sums, drawn);
		for (size_t f = 0; f < FIGURES; f++)
			table[f * draws + d] = drawn[f];
	}
	double wider = student_975(blocks > 1 ? blocks - 1 : 1) / NORMAL_975;
	for (size_t f = 0; f < FIGURES; f++) {
		double value = figures[f].value;
		column = table + f * draws;
		ds_sort(column, draws);
		double low = fmin(ds_quantile(column, draws, (1 - CONFIDENCE) / 2), value);
		double high = fmax(ds_quantile(column, draws, (1 + CONFIDENCE) / 2), value);
		figures[f].low = value - wider * (value - low);
		figures[f].high = value + wider * (high - value);
		if (is_size[f])
			figures[f].low = fmax(figures[f].low, 0);
	}
	free(table);
	return true;
}

/* Repeats that follow each other are alike, for what else goes on in a machine outlasts one: where
 * there are enough, units are the means of two (batch means: Law and Kelton 1984). Returns how
 * many. An odd one is the third of the last unit. */
static size_t batch(double *values, size_t count)
{
	size_t units = count / 2;

	if (count < 2 * REPEATS_FOR_T)
		return count;
	for (size_t u = 0; u < units; u++)
		values[u] = ds_mean(values + 2 * u, u + 1 < units ? 2 : count - 2 * u);
	return units;
}

/* Student's t over the repeats' figures, about the figure of all: of sizes the logarithms, so that
 * no limit is below zero and twice is as far as half. */
static void widen_by_t(double values[REPEATS], size_t count, bool size, struct ds_figure *figure)
{
	double sum = 0, mean, low, high;

	for (size_t i = 0; size && i < count; i++)
		size = values[i] > 0 && figure->value > 0;
	for (size_t i = 0; i < count; i++)
		values[i] = size ? log(values[i]) : values[i];
	count = batch(values, count);
	mean = ds_mean(values, count);
	for (size_t i = 0; i < count; i++)
		sum += (values[i] - mean) * (values[i] - mean);
	double half = student_975(count - 1) * sqrt(sum / (double)(count - 1) / (double)count);
	low = size ? figure->value * exp(-half) : figure->value - half;
	high = size ? figure->value * exp(half) : figure->value + half;
	if (high - low > figure->high - figure->low) {
		figure->low = low;
		figure->high = high;
	}
}

static void over_repeats(struct set *set, struct ds_figure figures[FIGURES])
{
	double values[FIGURES][REPEATS], of_one[REPEATS][FIGURES];
	size_t counts[REPEATS], longest = 0, whole = 0;

	for (int repeat = 0; repeat < REPEATS; repeat++) {
		counts[repeat] = 0;
		for (size_t s = 0; s < set->stretches; s++)
			counts[repeat] +=
				set->stretch[s].repeat == repeat ? set->stretch[s].count : 0;
		longest = counts[repeat] > longest ? counts[repeat] : longest;
	}
	for (int repeat = 0; repeat < REPEATS; repeat++) {
		if (counts[repeat] > 0 && (double)counts[repeat] >= WHOLE_REPEAT * (double)longest)
			figures_of(set, repeat, of_one[whole++]);
	}
	if (whole < REPEATS_FOR_T)
		return;
	for (size_t f = 0; f < FIGURES; f++) {
		for (size_t i = 0; i < whole; i++)
			values[f][i] = of_one[i][f];
		widen_by_t(values[f], whole, is_size[f], &figures[f]);
	}
}

/* ------------------------------------------------------------------------------- to the user */

static size_t source_of(char letter)
{
	const char *known = "DKH";
	const char *found = letter ? strchr(known, letter) : NULL;

	return found ? (size_t)(found - known) : 3;
}

static void shares(const struct ds_lab_cell *const *cells, size_t count,
		   enum ds_lab_condition condition, struct ds_lab_figures *figures)
{
	double n = (double)figures->samples;

	for (size_t c = 0; c < count; c++) {
		for (size_t i = 0; i < cells[c]->sample_count; i++) {
			const struct ds_lab_sample *sample = &cells[c]->samples[i];
			if (sample->condition != condition)
				continue;
			figures->outliers += fabs(sample->offset_ns) > DS_LAB_OUTLIER_NS;
			figures->interleaved_share += sample->interleaved ? 1 / n : 0;
			for (size_t t = 0; t < 4; t++)
				figures->sources[t][source_of(sample->source[t])] += 1 / n;
		}
	}
	figures->interleaved_share = fmin(figures->interleaved_share, 1);
}

static double spread(const double *values, size_t count)
{
	double mean = ds_mean(values, count), sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (values[i] - mean) * (values[i] - mean);
	return count > 1 ? sqrt(sum / (double)(count - 1)) : (double)NAN;
}

void ds_cells_figures(const struct ds_lab_cell *const *cells, size_t count,
		      enum ds_lab_condition condition, struct ds_lab_figures *figures)
{
	const struct ds_figure none = {(double)NAN, (double)NAN, (double)NAN};
	struct ds_figure with[FIGURES] = {none, none, none, none, none};
	double values[FIGURES] = {0};
	struct set set;

	*figures = (struct ds_lab_figures){.max_abs_ns = (double)NAN, .delay_sd_ns = (double)NAN};
	figures->samples = count_samples(cells, count, condition);
	if (figures->samples > 0)
		shares(cells, count, condition, figures);
	if (set_make(&set, cells, count, condition) && set.count > 0) {
		figures_of(&set, -1, values);
		for (size_t f = 0; f < FIGURES; f++)
			with[f].value = values[f];
		if (set.count >= DS_LAB_LEAST && bootstrap(&set, with))
			over_repeats(&set, with);
		figures->max_abs_ns = set.sorted_size[set.count - 1];
		figures->delay_sd_ns = spread(set.delay, set.count);
	}
	figures->median_abs_ns = with[MEDIAN];
	figures->rms_ns = with[RMS];
	figures->p99_abs_ns = with[P99];
	figures->bias_ns = with[BIAS];
	figures->delay_ns = with[DELAY];
	set_free(&set);
}

void ds_cell_figures(const struct ds_lab_cell *cell, enum ds_lab_condition condition,
		     struct ds_lab_figures *figures)
{
	ds_cells_figures(&cell, 1, condition, figures);
}

void ds_cells_quantiles(const struct ds_lab_cell *const *cells, size_t count,
			enum ds_lab_condition condition, const double *quantiles,
			size_t quantile_count, double *offset_ns, double *delay_ns)
{
	struct set set;
	bool made = set_make(&set, cells, count, condition) && set.count > 0;

	if (made)
		ds_sort(set.offset, set.count);
	for (size_t q = 0; q < quantile_count; q++) {
		if (offset_ns)
			offset_ns[q] = ds_quantile(set.offset, set.count, quantiles[q]);
		if (delay_ns)
			delay_ns[q] = ds_quantile(set.sorted_delay, set.count, quantiles[q]);
	}
	set_free(&set);
}
