/*
 * statistics: what a set of figures says: median, RMS, percentiles; and figures in words.
 * It must never order or change the caller's figures behind his back, and never give a number
 * for an empty set: it gives NAN.
 */
#ifndef DS_LAB_STATISTICS_H
#define DS_LAB_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

/* Figures that grow as they come. Zero-initialised it is empty. */
struct ds_series {
	double *values; /* owned; in the order in which they came */
	size_t count;
	size_t room;
};

/* False without memory (the series is as before) or for a value that is not finite. */
bool ds_series_add(struct ds_series *series, double value);
void ds_series_free(struct ds_series *series);

/* Root of the mean square; arithmetic mean. NAN for none. */
double ds_rms(const double *values, size_t count);
double ds_mean(const double *values, size_t count);

/* The q-quantile (0 <= q <= 1, clamped) of `count` figures in rising order, linear between
 * neighbours (definition 7 of Hyndman and Fan 1996; q = 0.5 is the median). NAN for none. */
double ds_quantile(const double *sorted, size_t count, double q);

/* Put figures in rising order. */
void ds_sort(double *values, size_t count);

/* Of errors, whose sign is direction: size without sign, but for the mean. */
struct ds_summary {
	size_t count;
	double mean; /* with sign: the bias */
	double rms;
	double median_abs; /* of |value| */
	double p99_abs;
	double max_abs;
};

/* Of values[0..count), which stay as they are. All but count are NAN for none, or without
 * memory for a copy (count is then 0). */
struct ds_summary ds_summarise(const double *values, size_t count);

/* Nanoseconds as people write them: "412 ns", "12.3 us", "50.0 ms", "1.250 s"; three digits and
 * the unit that fits. sign: "+" before positive ones. NAN: "-". Returns buffer. */
#define DS_FIGURE_TEXT 24
const char *ds_figure_ns(double ns, bool sign, char buffer[DS_FIGURE_TEXT]);

#endif
