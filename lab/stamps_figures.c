/* stamps_figures: see the header. All figures of one gap come from one sorted copy; it must never
 * take the spread of one block for that of another. */
#include "lab/stamps_figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/statistics.h"

const double ds_stamps_percent[DS_STAMPS_PERCENTILES] = {1, 5, 25, 50, 75, 95, 99, 99.9};

const char *ds_stamps_gap_name(enum ds_stamps_gap gap)
{
	static const char *const names[DS_GAPS] = {
		"before_to_kernel_tx", "kernel_tx_to_after", "before_to_card",	"kernel_tx_to_card",
		"kernel_tx_to_rx",     "kernel_rx_to_user",  "before_to_truth", "truth_to_after",
	};

	return (unsigned)gap < DS_GAPS ? names[gap] : NULL;
}

const char *ds_stamps_gap_words(enum ds_stamps_gap gap)
{
	static const char *const words[DS_GAPS] = {
		"clock before send -> kernel tx", "kernel tx -> clock after send",
		"clock before send -> card",	  "kernel tx -> card",
		"kernel tx -> kernel rx",	  "kernel rx -> clock after recvmsg",
		"clock before send -> truth",	  "truth -> clock after send",
	};

	return (unsigned)gap < DS_GAPS ? words[gap] : NULL;
}

int64_t ds_stamps_truth(const struct ds_stamps_row *row)
{
	if (row->card_ns != 0)
		return row->card_ns;
	if (row->kernel_tx_ns != 0 && row->kernel_rx_ns != 0 &&
	    row->kernel_rx_ns < row->kernel_tx_ns)
		return row->kernel_rx_ns;
	return row->kernel_tx_ns;
}

bool ds_stamps_gap(const struct ds_stamps_row *row, enum ds_stamps_gap gap, int64_t *ns)
{
	int64_t truth_ns = ds_stamps_truth(row);
	const int64_t ends[DS_GAPS][2] = {
		{row->before_ns, row->kernel_tx_ns},
		{row->kernel_tx_ns, row->after_ns},
		{row->before_ns, row->card_ns},
		{row->kernel_tx_ns, row->card_ns},
		{row->kernel_tx_ns, row->kernel_rx_ns},
		{row->kernel_rx_ns, row->user_rx_ns},
		{row->before_ns, truth_ns},
		{truth_ns, row->after_ns},
	};

	if (row->refused || (unsigned)gap >= DS_GAPS || ends[gap][0] == 0 || ends[gap][1] == 0)
		return false;
	*ns = ends[gap][1] - ends[gap][0];
	return true;
}

/* The median of |value - centre| of sorted values; scratch has room for as many. */
static double spread(const double *sorted, size_t count, double centre, double *scratch)
{
	for (size_t i = 0; i < count; i++)
		scratch[i] = fabs(sorted[i] - centre);
	ds_sort(scratch, count);
	return ds_quantile(scratch, count, 0.5);
}

void ds_stamps_distribute(double *values, size_t count, struct ds_stamps_distribution *out)
{
	double *scratch = count > 0 ? malloc(count * sizeof(*scratch)) : NULL;
	double square = 0;

	*out = (struct ds_stamps_distribution){.count = count,
					       .mad_ns = (double)NAN,
					       .sd_ns = (double)NAN,
					       .least_ns = (double)NAN,
					       .most_ns = (double)NAN};
	ds_sort(values, count);
	for (int i = 0; i < DS_STAMPS_PERCENTILES; i++)
		out->percentile_ns[i] = ds_quantile(values, count, ds_stamps_percent[i] / 100);
	out->mean_ns = ds_mean(values, count);
	if (count == 0)
		return;
	out->least_ns = values[0];
	out->most_ns = values[count - 1];
	while (out->negative < count && values[out->negative] < 0)
		out->negative++;
	for (size_t i = 0; i < count; i++)
		square += (values[i] - out->mean_ns) * (values[i] - out->mean_ns);
	if (count > 1)
		out->sd_ns = sqrt(square / (double)(count - 1));
	if (scratch)
		out->mad_ns = spread(values, count, out->percentile_ns[DS_STAMPS_P50], scratch);
	free(scratch);
}

/* ---- which clock is nearer ---- */

const char *ds_stamps_nearness_name(enum ds_stamps_nearness nearness)
{
	static const char *const names[] = {"unknown", "before", "after", "undecided"};

	return (unsigned)nearness <= DS_STAMPS_UNDECIDED ? names[nearness] : NULL;
}

const char *ds_stamps_measure_name(enum ds_stamps_measure measure)
{
	static const char *const names[DS_STAMPS_MEASURES] = {"median", "mad", "p99"};

	return (unsigned)measure < DS_STAMPS_MEASURES ? names[measure] : NULL;
}

/* The three measures of a series of differences from the truth. */
static void measure(double *values, size_t count, double out[DS_STAMPS_MEASURES])
{
	struct ds_stamps_distribution d;

	ds_stamps_distribute(values, count, &d);
	out[DS_STAMPS_MEDIAN] = fabs(d.percentile_ns[DS_STAMPS_P50]);
	out[DS_STAMPS_MAD] = d.mad_ns;
	for (size_t i = 0; i < count; i++)
		values[i] = fabs(values[i]);
	ds_sort(values, count);
	out[DS_STAMPS_TAIL] = ds_quantile(values, count, 0.99);
}

static bool usable(const struct ds_stamps_row *row, enum ds_lab_condition condition, int block)
{
	return row->condition == condition && (block < 0 || row->block == block);
}

/* Collect a gap of the rows of a block (-1: of all); scratch has room for all rows. */
static size_t collect(const struct ds_stamps_seen *seen, enum ds_lab_condition condition, int block,
		      enum ds_stamps_gap gap, double *scratch)
{
	size_t count = 0;
	int64_t ns;

	for (size_t i = 0; i < seen->count; i++) {
		if (usable(&seen->rows[i], condition, block) &&
		    ds_stamps_gap(&seen->rows[i], gap, &ns))
			scratch[count++] = (double)ns;
	}
	return count;
}

static void compare_block(const struct ds_stamps_seen *seen, enum ds_lab_condition condition,
			  int block, double *scratch, struct ds_stamps_figures *figures)
{
	double before[DS_STAMPS_MEASURES], after[DS_STAMPS_MEASURES];
	size_t count = collect(seen, condition, block, DS_GAP_EARLY, scratch);

	if (count < (block < 0 ? 1 : DS_STAMPS_BLOCK_LEAST))
		return;
	measure(scratch, count, before);
	count = collect(seen, condition, block, DS_GAP_LATE, scratch);
	measure(scratch, count, after);
	for (int i = 0; i < DS_STAMPS_MEASURES; i++) {
		struct ds_stamps_comparison *c = &figures->comparison[i];

		if (block < 0) {
			c->before_ns = before[i];
			c->after_ns = after[i];
		} else {
			c->blocks++;
			c->after_nearer += after[i] < before[i];
		}
	}
}

static void decide(struct ds_stamps_comparison *c)
{
	if (c->blocks == 0)
		c->nearness = DS_STAMPS_UNKNOWN;
	else if (c->after_nearer == c->blocks)
		c->nearness = DS_STAMPS_AFTER;
	else
		c->nearness = c->after_nearer == 0 ? DS_STAMPS_BEFORE : DS_STAMPS_UNDECIDED;
}

bool ds_stamps_figure(const struct ds_stamps_seen *seen, enum ds_lab_condition condition,
		      struct ds_stamps_figures *figures)
{
	double *scratch = malloc((seen->count > 0 ? seen->count : 1) * sizeof(*scratch));

	*figures = (struct ds_stamps_figures){0};
	if (!scratch)
		return false;
	for (size_t i = 0; i < seen->count; i++) {
		if (!usable(&seen->rows[i], condition, -1))
			continue;
		figures->packets++;
		figures->at_once += seen->rows[i].at_once;
	}
	for (int gap = 0; gap < DS_GAPS; gap++)
		ds_stamps_distribute(scratch,
				     collect(seen, condition, -1, (enum ds_stamps_gap)gap, scratch),
				     &figures->gap[gap]);
	for (int i = 0; i < DS_STAMPS_MEASURES; i++)
		figures->comparison[i].before_ns = figures->comparison[i].after_ns = (double)NAN;
	for (int block = -1; block < DS_STAMPS_BLOCKS_MAX; block++)
		compare_block(seen, condition, block, scratch, figures);
	for (int i = 0; i < DS_STAMPS_MEASURES; i++)
		decide(&figures->comparison[i]);
	free(scratch);
	return true;
}

/* ---- words ---- */

static const char *direction(double gap_ns, const char *plus, const char *minus)
{
	return gap_ns < 0 ? minus : plus;
}

static const char *verdict(enum ds_stamps_nearness nearness)
{
	if (nearness == DS_STAMPS_AFTER)
		return "nearer to the truth than";
	if (nearness == DS_STAMPS_BEFORE)
		return "farther from the truth than";
	return "neither nearer to the truth nor farther from it than";
}

const char *ds_stamps_sentence(const struct ds_stamps_figures *figures,
			       char buffer[DS_STAMPS_SENTENCE])
{
	const struct ds_stamps_comparison *c = figures->comparison;
	double early_ns = figures->gap[DS_GAP_EARLY].percentile_ns[DS_STAMPS_P50];
	double late_ns = figures->gap[DS_GAP_LATE].percentile_ns[DS_STAMPS_P50];
	char text[6][DS_FIGURE_TEXT];

	if (c[DS_STAMPS_MEDIAN].nearness == DS_STAMPS_UNKNOWN) {
		snprintf(buffer, DS_STAMPS_SENTENCE,
			 "nothing can be said: too few packets have all their stamps");
		return buffer;
	}
	snprintf(buffer, DS_STAMPS_SENTENCE,
		 "the clock after send() is %s the clock before it: median %s %s against %s %s "
		 "(nearer in %d of %d blocks), spread (MAD) %s against %s (%d of %d), p99 %s "
		 "against %s (%d of %d)",
		 verdict(c[DS_STAMPS_MEDIAN].nearness), ds_figure_ns(fabs(late_ns), false, text[0]),
		 direction(late_ns, "late", "early"), ds_figure_ns(fabs(early_ns), false, text[1]),
		 direction(early_ns, "early", "late"), c[DS_STAMPS_MEDIAN].after_nearer,
		 c[DS_STAMPS_MEDIAN].blocks,
		 ds_figure_ns(c[DS_STAMPS_MAD].after_ns, false, text[2]),
		 ds_figure_ns(c[DS_STAMPS_MAD].before_ns, false, text[3]),
		 c[DS_STAMPS_MAD].after_nearer, c[DS_STAMPS_MAD].blocks,
		 ds_figure_ns(c[DS_STAMPS_TAIL].after_ns, false, text[4]),
		 ds_figure_ns(c[DS_STAMPS_TAIL].before_ns, false, text[5]),
		 c[DS_STAMPS_TAIL].after_nearer, c[DS_STAMPS_TAIL].blocks);
	return buffer;
}
