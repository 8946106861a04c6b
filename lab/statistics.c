/* statistics: see the header. Sums are taken of figures scaled by the largest, so that squares
 * neither overflow nor vanish; it never sorts in place but in ds_sort(). */
#include "lab/statistics.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ds_series_add(struct ds_series *series, double value)
{
	if (!isfinite(value))
		return false;
	if (series->count == series->room) {
		size_t room = series->room > 0 ? 2 * series->room : 256;
		double *values = room > SIZE_MAX / sizeof(*values)
					 ? NULL
					 : realloc(series->values, room * sizeof(*values));
		if (!values)
			return false;
		series->values = values;
		series->room = room;
	}
	series->values[series->count++] = value;
	return true;
}

void ds_series_free(struct ds_series *series)
{
	free(series->values);
	*series = (struct ds_series){0};
}

static double largest(const double *values, size_t count)
{
	double most = 0;

	for (size_t i = 0; i < count; i++)
		most = fmax(most, fabs(values[i]));
	return most;
}

double ds_rms(const double *values, size_t count)
{
	if (count == 0)
		return (double)NAN;

	double scale = largest(values, count);
	if (scale <= 0)
		return 0;

	double sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (values[i] / scale) * (values[i] / scale);
	return scale * sqrt(sum / (double)count);
}

double ds_mean(const double *values, size_t count)
{
	if (count == 0)
		return (double)NAN;

	double mean = 0;
	for (size_t i = 0; i < count; i++)
		mean += (values[i] - mean) / (double)(i + 1);
	return mean;
}

double ds_quantile(const double *sorted, size_t count, double q)
{
	if (count == 0)
		return (double)NAN;

	double place = fmin(fmax(q, 0), 1) * (double)(count - 1);
	size_t below = (size_t)place;
	double part = place - (double)below;
	if (below >= count - 1)
		return sorted[count - 1];
	return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

static int by_size(const void *left, const void *right)
{
	const double *a = left;
	const double *b = right;

	return (*a > *b) - (*a < *b);
}

void ds_sort(double *values, size_t count)
{
	if (count > 1)
		qsort(values, count, sizeof(*values), by_size);
}

struct ds_summary ds_summarise(const double *values, size_t count)
{
	const double none = (double)NAN;
	struct ds_summary summary = {0, none, none, none, none, none};
	double *sizes = count > 0 ? malloc(count * sizeof(*sizes)) : NULL;

	if (!sizes)
		return summary;
	for (size_t i = 0; i < count; i++)
		sizes[i] = fabs(values[i]);
	ds_sort(sizes, count);
	summary.count = count;
	summary.mean = ds_mean(values, count);
	summary.rms = ds_rms(values, count);
	summary.median_abs = ds_quantile(sizes, count, 0.5);
	summary.p99_abs = ds_quantile(sizes, count, 0.99);
	summary.max_abs = sizes[count - 1];
	free(sizes);
	return summary;
}

const char *ds_figure_ns(double ns, bool sign, char buffer[DS_FIGURE_TEXT])
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	size_t unit = 0;

	if (!isfinite(ns)) {
		snprintf(buffer, DS_FIGURE_TEXT, "-");
		return buffer;
	}
	/* 999.5 would be written "1000". */
	while (unit < 3 && fabs(ns) >= 999.5) {
		ns /= 1000;
		unit++;
	}

	double size = fabs(ns);
	int digits = size >= 99.95 || unit == 0 ? 0 : size >= 9.995 ? 1 : 2;
	if (size >= 1e9)
		snprintf(buffer, DS_FIGURE_TEXT, sign ? "%+.3g s" : "%.3g s", ns);
	else
		snprintf(buffer, DS_FIGURE_TEXT, sign ? "%+.*f %s" : "%.*f %s", digits, ns,
			 units[unit]);
	return buffer;
}
