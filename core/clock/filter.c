/* filter: see filter.h. Sorting is by insertion: at most 256 values, most of them in order. */
#include "core/clock/filter.h"

#include <math.h>
#include <string.h>

#include "core/clock/scale.h"

#define FREQ_MOST_PPB 2e8
/* Of normal noise whose outer 40 per cent were left out: by how much the scatter of the rest is too
 * small (1 - 2 z f(z) / 0.6 at z = 0.8416 is 0.463 squared). */
#define TRIMMED_SD    0.463
#define QUICK_RESULTS 8
#define GAP_SHARE     0.9 /* of the whole range: rare in noise of one kind */

struct point {
	double x, y; /* ns after, and above, the newest sample */
	double residual;
	double dispersion;
};

void ds_filter_init(struct ds_filter *f, uint16_t length)
{
	memset(f, 0, sizeof(*f));
	if (length == 0)
		length = 1;
	f->length = length > DS_FILTER_SAMPLES ? DS_FILTER_SAMPLES : length;
}

void ds_filter_drop(struct ds_filter *f)
{
	f->head = f->count = 0;
}

/* i = 0 is the oldest. */
static const struct ds_filter_sample *at(const struct ds_filter *f, unsigned i)
{
	return &f->samples[(f->head + (unsigned)f->length - f->count + i) % f->length];
}

static bool in_range(int64_t ns)
{
	return ns >= -DS_NS_LIMIT && ns <= DS_NS_LIMIT;
}

bool ds_filter_add(struct ds_filter *f, const struct ds_filter_sample *sample)
{
	if (!in_range(sample->raw_ns) || !in_range(sample->reference_minus_raw_ns) ||
	    sample->dispersion_ns < 0)
		return false;
	if (f->count > 0 && sample->raw_ns <= at(f, f->count - 1U)->raw_ns)
		return false;
	f->samples[f->head] = *sample;
	f->head = (uint16_t)((f->head + 1U) % f->length);
	if (f->count < f->length)
		f->count++;
	return true;
}

static void insert(double *sorted, unsigned n, double value)
{
	for (; n > 0 && sorted[n - 1] > value; n--)
		sorted[n] = sorted[n - 1];
	sorted[n] = value;
}

static double middle(const double *sorted, unsigned n)
{
	return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
}

static unsigned load(const struct ds_filter *f, double freq_ppb, struct point *points)
{
	const struct ds_filter_sample *newest = at(f, f->count - 1U);

	for (unsigned i = 0; i < f->count; i++) {
		const struct ds_filter_sample *s = at(f, i);

		points[i].x = (double)(s->raw_ns - newest->raw_ns);
		points[i].y = (double)(s->reference_minus_raw_ns - newest->reference_minus_raw_ns);
		points[i].residual = points[i].y - points[i].x * freq_ppb * 1e-9;
		points[i].dispersion = (double)s->dispersion_ns;
	}
	return f->count;
}

/* Take off what the frequency was wrong by. */
static void straighten(struct point *points, unsigned n)
{
	double slopes[DS_FILTER_SAMPLES] = {0.0};
	unsigned half = n / 2;
	double slope;

	if (n < DS_FILTER_LINE || n > DS_FILTER_SAMPLES)
		return;
	for (unsigned i = 0; i < half; i++) {
		const struct point *early = &points[i];
		const struct point *late = &points[i + n - half];

		insert(slopes, i, (late->residual - early->residual) / (late->x - early->x));
	}
	slope = middle(slopes, half);
	for (unsigned i = 0; i < n; i++)
		points[i].residual -= slope * points[i].x;
}

/* Sort by residual. */
static void sort(struct point *points, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		struct point moved = points[i];
		unsigned j = i;

		for (; j > 0 && points[j - 1].residual > moved.residual; j--)
			points[j] = points[j - 1];
		points[j] = moved;
	}
}

/* Some of the points, which are sorted, that stand together. */
struct range {
	unsigned from, count;
};

/* The 60 per cent nearest to the median. */
static struct range nearest(const struct point *points, unsigned n)
{
	double median = (points[(n - 1) / 2].residual + points[n / 2].residual) / 2.0;
	struct range r = {.from = 0, .count = n - n * DS_FILTER_LEFT_OUT_PERCENT / 100};

	while (r.from + r.count < n &&
	       points[r.from + r.count].residual - median < median - points[r.from].residual)
		r.from++;
	return r;
}

static struct point mean(const struct point *points, struct range r)
{
	struct point m = {.x = 0.0};

	for (unsigned i = r.from; i < r.from + r.count; i++) {
		m.x += points[i].x / (double)r.count;
		m.y += points[i].y / (double)r.count;
		m.residual += points[i].residual / (double)r.count;
		m.dispersion += points[i].dispersion / (double)r.count;
	}
	return m;
}

/* Standard deviation about the middle. */
static double scatter(const struct point *points, struct range r, double middle_ns)
{
	double sum = 0.0;

	if (r.count < 2)
		return 0.0;
	for (unsigned i = r.from; i < r.from + r.count; i++)
		sum += (points[i].residual - middle_ns) * (points[i].residual - middle_ns);
	return sqrt(sum / (double)(r.count - 1));
}

/* Take in on both sides what is not far from the middle. */
static struct range widen(const struct point *points, unsigned n, struct range r)
{
	struct point m = mean(points, r);
	double sd = scatter(points, r, m.residual) / (r.count < n ? TRIMMED_SD : 1.0);
	double far = DS_FILTER_FAR * sd + m.dispersion;
	unsigned end = r.from + r.count;

	while (r.from > 0 && points[r.from - 1].residual >= m.residual - far)
		r.from--;
	while (end < n && points[end].residual <= m.residual + far)
		end++;
	r.count = end - r.from;
	return r;
}

/* Follow the median of the scatter: by halves and doubles at first, and where patience did not
 * help; else by a tenth. */
static void learn(struct ds_filter *f, double sd_ns, bool usual)
{
	double step = f->results < QUICK_RESULTS || !usual ? 2.0 : 1.1;

	if (f->results < UINT8_MAX)
		f->results++;
	if (!(f->usual_sd_ns > 0.0))
		f->usual_sd_ns = sd_ns;
	else if (sd_ns > f->usual_sd_ns)
		f->usual_sd_ns = fmin(f->usual_sd_ns * step, sd_ns);
	else
		f->usual_sd_ns = fmax(f->usual_sd_ns / step, sd_ns);
}

/* Two heaps with nothing between: either may be the wild one. */
static bool has_gap(const struct point *points, struct range r, double grain_ns)
{
	double whole = points[r.from + r.count - 1].residual - points[r.from].residual;

	for (unsigned i = r.from + 1; i < r.from + r.count; i++)
		if (points[i].residual - points[i - 1].residual > GAP_SHARE * whole + grain_ns)
			return true;
	return false;
}

static bool is_usual(const struct ds_filter *f, const struct point *points, struct range used,
		     double sd_ns, double grain_ns)
{
	if (f->usual_sd_ns > 0.0)
		return sd_ns <= DS_FILTER_UNUSUAL * f->usual_sd_ns + grain_ns;
	return !has_gap(points, used, grain_ns);
}

static bool is_ready(const struct ds_filter *f)
{
	return f->count >= (f->length < DS_FILTER_LEAST ? f->length : DS_FILTER_LEAST);
}

bool ds_filter_take(struct ds_filter *f, double freq_ppb, bool patient,
		    struct ds_filter_result *result)
{
	struct point points[DS_FILTER_SAMPLES];
	struct ds_filter_sample newest;
	struct range used;
	struct point m;
	bool usual;
	double sd;
	unsigned n;

	if (!is_ready(f))
		return false;
	newest = *at(f, f->count - 1U);
	n = load(f, fabs(freq_ppb) <= FREQ_MOST_PPB ? freq_ppb : 0.0, points);
	straighten(points, n);
	sort(points, n);
	used = widen(points, n, nearest(points, n));
	m = mean(points, used);
	sd = scatter(points, used, m.residual);
	usual = is_usual(f, points, used, sd, m.dispersion);
	if (patient && !usual)
		return false;
	learn(f, sd, usual);
	result->raw_ns = ds_ns_plus(newest.raw_ns, m.x);
	result->reference_minus_raw_ns = ds_ns_plus(newest.reference_minus_raw_ns, m.y);
	result->dispersion_ns = ds_ns_plus(0, m.dispersion);
	result->sample_sd_ns = sd;
	result->sd_ns = sd / sqrt((double)used.count);
	result->used = (uint16_t)used.count;
	result->held = (uint16_t)n;
	ds_filter_drop(f);
	return true;
}
