/*
 * estimate: the straight line and its window, as estimate.h says.
 * It must never compute with absolute times in doubles: all are differences from the newest sample.
 */
#include "core/clock/estimate.h"

#include <math.h>
#include <string.h>

#include "core/clock/scale.h"

#define LINE_SAMPLES	 3 /* fewer give no frequency */
#define TREND_SAMPLES	 5 /* fewer show no trend */
#define SUSPECT_SAMPLES	 4 /* a line of fewer is no ground to doubt the next */
#define CONFIRM_SAMPLES	 3 /* suspects in a row, on one side, that prove a jump */
#define CONFIRM_ANY	 8 /* ... on any side: the line is useless */
#define SUSPECT_SDS	 6.0
#define SUSPECT_FREQ_PPB 1e3  /* oscillators bend by less than this: no reason for doubt */
#define TREND_SDS	 1.0  /* one straight line in six is taken for bent: that costs less */
#define TAIL_SAMPLES	 8    /* up to so many of the newest are looked at together */
#define TAIL_SDS	 2.5  /* standard deviations of their mean that are no chance */
#define TAIL_SCALE_LEAST 0.25 /* a very good fit is no reason to be strict */
#define UNSEEN_BEND	 1.5  /* a bend that the signs do not show yet: that much more error */
#define CLAIM_SDS	 3.0  /* standard deviations that go into the distance */
#define RANGE_NS	 DS_NS_LIMIT
#define PRECISION_MAX_NS INT64_C(1000000000)

struct point {
	double x; /* ns since the newest sample in the line: <= 0 */
	double y; /* ns above it */
	double excess;
	double weight;
	double residual;
};

struct line {
	double weight; /* sum of the weights */
	double x, y;   /* weighted centre */
	double spread; /* sum of weight * (x - centre)^2 */
	double slope;
	double chi2; /* sum of weight * residual^2 */
};

struct noise {
	double usual;  /* median excess */
	double least;  /* variance common to all samples, at least */
	double common; /* and as the residuals show it */
};

void ds_estimate_init(struct ds_estimate *e, uint8_t min_samples, uint8_t max_samples)
{
	memset(e, 0, sizeof(*e));
	if (max_samples == 0 || max_samples > DS_ESTIMATE_SAMPLES)
		max_samples = DS_ESTIMATE_SAMPLES;
	e->max_samples = max_samples;
	e->min_samples = min_samples < max_samples ? min_samples : max_samples;
	e->freq_sd_ppb = INFINITY;
}

void ds_estimate_restart(struct ds_estimate *e)
{
	uint64_t total = e->total;

	ds_estimate_init(e, e->min_samples, e->max_samples);
	e->total = total;
}

/* i = 0 is the oldest. */
static unsigned place(const struct ds_estimate *e, unsigned i)
{
	unsigned oldest = (unsigned)e->head + DS_ESTIMATE_SAMPLES - e->count;

	return (oldest + i) % DS_ESTIMATE_SAMPLES;
}

static struct ds_estimate_sample *sample_at(struct ds_estimate *e, unsigned i)
{
	return &e->samples[place(e, i)];
}

static void push(struct ds_estimate *e, const struct ds_estimate_sample *sample)
{
	e->samples[e->head] = *sample;
	e->head = (uint8_t)((e->head + 1) % DS_ESTIMATE_SAMPLES);
	if (e->count < e->max_samples)
		e->count++;
}

static void pop(struct ds_estimate *e)
{
	e->head = (uint8_t)((e->head + DS_ESTIMATE_SAMPLES - 1) % DS_ESTIMATE_SAMPLES);
	e->count--;
}

/* Collect what is in the line, oldest first. */
static unsigned load(struct ds_estimate *e, struct point points[DS_ESTIMATE_SAMPLES])
{
	const struct ds_estimate_sample *newest = NULL;
	int64_t least = INT64_MAX;
	unsigned n = 0;

	for (unsigned i = 0; i < e->count; i++) {
		const struct ds_estimate_sample *s = sample_at(e, i);

		if (s->suspect != 0)
			continue;
		newest = s;
		if (s->delay_ns < least)
			least = s->delay_ns;
	}
	if (newest == NULL)
		return 0;
	for (unsigned i = 0; i < e->count; i++) {
		const struct ds_estimate_sample *s = sample_at(e, i);

		if (s->suspect != 0)
			continue;
		points[n].x = (double)(s->raw_ns - newest->raw_ns);
		points[n].y = (double)(s->server_minus_raw_ns - newest->server_minus_raw_ns);
		points[n].excess = (double)(s->delay_ns - least);
		n++;
	}
	e->min_delay_ns = least;
	e->ref_raw_ns = newest->raw_ns;
	e->ref_server_minus_raw_ns = newest->server_minus_raw_ns;
	return n;
}

static double median_excess(const struct point *points, unsigned n)
{
	double sorted[DS_ESTIMATE_SAMPLES];

	for (unsigned i = 0; i < n; i++) {
		unsigned j = i;

		for (; j > 0 && sorted[j - 1] > points[i].excess; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = points[i].excess;
	}
	return sorted[n / 2];
}

/* Variance of a sample for its delay alone. Beyond three times the usual excess the packet was
 * not just queued like others, and counts for less than e^2/12 would say. */
static double excess_variance(double excess, double usual, double floor)
{
	double far = excess / (3.0 * fmax(usual, floor));

	return excess * excess / 12.0 * (1.0 + far * far);
}

static void weigh(struct point *points, unsigned n, const struct noise *noise)
{
	double floor = sqrt(noise->least);

	for (unsigned i = 0; i < n; i++)
		points[i].weight = 1.0 / (noise->common +
					  excess_variance(points[i].excess, noise->usual, floor));
}

static void fit(struct point *points, unsigned n, struct line *line)
{
	double cross = 0.0;

	memset(line, 0, sizeof(*line));
	for (unsigned i = 0; i < n; i++) {
		line->weight += points[i].weight;
		line->x += points[i].weight * points[i].x;
		line->y += points[i].weight * points[i].y;
	}
	line->x /= line->weight;
	line->y /= line->weight;
	for (unsigned i = 0; i < n; i++) {
		double dx = points[i].x - line->x;

		line->spread += points[i].weight * dx * dx;
		cross += points[i].weight * dx * (points[i].y - line->y);
	}
	line->slope = line->spread > 0.0 ? cross / line->spread : 0.0;
	for (unsigned i = 0; i < n; i++) {
		points[i].residual = points[i].y - line->y - line->slope * (points[i].x - line->x);
		line->chi2 += points[i].weight * points[i].residual * points[i].residual;
	}
}

/* What the faster half of the samples scatters beyond what its delays explain. */
static double common_variance(const struct point *points, unsigned n, const struct noise *noise)
{
	double sum = 0.0;
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct point *p = &points[i];

		if (p->excess > noise->usual)
			continue;
		sum += p->residual * p->residual - p->excess * p->excess / 12.0;
		k++;
	}
	sum *= (double)n / ((double)(n - 2) * (double)k);
	return fmax(sum, noise->least);
}

static void weighted_line(struct point *points, unsigned n, double grain, struct noise *noise,
			  struct line *line)
{
	/* The fastest of n samples is itself late, by about sqrt(2/n) of the usual queue. */
	double lateness;

	noise->usual = median_excess(points, n);
	lateness = 0.25 * noise->usual / sqrt((double)n);
	noise->least = grain * grain + lateness * lateness;
	noise->common = noise->least;
	weigh(points, n, noise);
	fit(points, n, line);
	for (int round = 0; round < 2; round++) {
		noise->common = common_variance(points, n, noise);
		weigh(points, n, noise);
		fit(points, n, line);
	}
}

/* Too few runs of equal signs among the residuals: the line is bent. */
static bool has_trend(const struct point *points, unsigned n)
{
	unsigned positive = 0;
	unsigned runs = 1;
	double expected;
	double variance;

	for (unsigned i = 0; i < n; i++) {
		positive += points[i].residual > 0.0;
		if (i > 0 && (points[i].residual > 0.0) != (points[i - 1].residual > 0.0))
			runs++;
	}
	if (positive == 0 || positive == n)
		return false;
	expected = 2.0 * (double)positive * (double)(n - positive) / (double)n;
	variance = expected * (expected - 1.0) / (double)(n - 1);
	return (double)runs < expected + 1.0 - TREND_SDS * sqrt(fmax(variance, 0.0));
}

/* The newest few together lie off the line by more than chance: after the poll was raised they
 * span much of the time, but are too few to make the runs fewer. */
static bool tail_is_off(const struct point *points, unsigned n, const struct line *line)
{
	double scale = fmax(line->chi2 / (double)(n - 2), TAIL_SCALE_LEAST);
	double weights = 0.0;
	double sum = 0.0;

	for (unsigned k = 1; k <= TAIL_SAMPLES && 2 * k <= n; k++) {
		weights += points[n - k].weight;
		sum += points[n - k].weight * points[n - k].residual;
		if (k > 1 && sum * sum > TAIL_SDS * TAIL_SDS * scale * weights)
			return true;
	}
	return false;
}

/* Below three samples: the newest, and one before it for what it is worth after so long. */
static void settle_few(struct ds_estimate *e, const struct point *points, unsigned n, double grain)
{
	double variance = grain * grain + (double)e->min_delay_ns * (double)e->min_delay_ns / 12.0;
	double weight = 1.0 / (variance + points[n - 1].excess * points[n - 1].excess / 12.0);
	double shift = 0.0;

	if (n == 2) {
		double drift = points[0].x * 1e-9 * DS_ESTIMATE_UNKNOWN_FREQ_PPB;
		double excess = points[0].excess * points[0].excess / 12.0;
		double other = 1.0 / (variance + excess + drift * drift);

		shift = other * points[0].y / (weight + other);
		weight += other;
	}
	e->ref_server_minus_raw_ns = ds_ns_plus(e->ref_server_minus_raw_ns, shift);
	e->offset_sd_ns = 1.0 / sqrt(weight);
	e->sample_sd_ns = sqrt(variance);
	e->common_sd_ns = e->sample_sd_ns;
	e->usual_excess_ns = points[0].excess;
	e->freq_ppb = 0.0;
	e->freq_sd_ppb = INFINITY;
	e->centre_ns = 0.0;
}

static void settle_line(struct ds_estimate *e, unsigned n, const struct noise *noise,
			const struct line *line)
{
	/* The scale of the weights is a model's: shrink what the residuals say of it towards the
	 * model's as if two more of them had said so. A few samples can agree by chance: before
	 * there were any, all that was known is that the offset lies within half the delay; that
	 * counts half as much with each sample (in standard deviations). */
	double delay = (double)e->min_delay_ns * exp2(2.0 - (double)n);
	double before = 1.0 + delay * delay / 12.0 / noise->common;
	double scale = UNSEEN_BEND * UNSEEN_BEND * (line->chi2 + 2.0 * before) / (double)n;
	double freq_variance = scale / line->spread;

	e->ref_server_minus_raw_ns =
		ds_ns_plus(e->ref_server_minus_raw_ns, line->y - line->slope * line->x);
	e->freq_ppb = line->slope * 1e9;
	e->freq_sd_ppb = sqrt(freq_variance) * 1e9;
	e->centre_ns = -line->x;
	e->offset_sd_ns = sqrt(scale / line->weight + freq_variance * line->x * line->x);
	e->sample_sd_ns = sqrt(line->chi2 / line->weight * (double)n / (double)(n - 2));
	e->common_sd_ns = sqrt(noise->common);
	e->usual_excess_ns = noise->usual;
}

static void drop_oldest(struct ds_estimate *e)
{
	do
		e->count--;
	while (e->count > 0 && sample_at(e, 0)->suspect != 0);
}

static void refit(struct ds_estimate *e, double grain)
{
	struct point points[DS_ESTIMATE_SAMPLES];
	struct noise noise;
	struct line line;
	unsigned least = e->min_samples > TREND_SAMPLES ? e->min_samples : TREND_SAMPLES;
	unsigned n = load(e, points);

	while (n >= LINE_SAMPLES) {
		weighted_line(points, n, grain, &noise, &line);
		if (n <= least || !(has_trend(points, n) || tail_is_off(points, n, &line)))
			break;
		drop_oldest(e);
		e->cut = true;
		n = load(e, points);
	}
	e->used = (uint8_t)n;
	e->span_ns = n > 0 ? (int64_t)-points[0].x : 0;
	if (n >= LINE_SAMPLES)
		settle_line(e, n, &noise, &line);
	else if (n > 0)
		settle_few(e, points, n, grain);
}

/* Which side of the line does a sample lie on that the line cannot explain? 0: it can, or the
 * sample is further from the line's end than the line is long. */
static int8_t doubt(const struct ds_estimate *e, const struct ds_estimate_sample *s)
{
	struct ds_prediction p;
	double deviation;
	double excess;
	double sd;

	if (e->used < SUSPECT_SAMPLES || s->raw_ns - e->ref_raw_ns > e->span_ns ||
	    !ds_estimate_at(e, s->raw_ns, 0.0, &p))
		return 0;
	deviation = (double)(s->server_minus_raw_ns - p.server_minus_raw_ns);
	excess = fmax((double)(s->delay_ns - e->min_delay_ns), 0.0);
	sd = sqrt(p.sd_ns * p.sd_ns + e->common_sd_ns * e->common_sd_ns +
		  e->usual_excess_ns * e->usual_excess_ns / 12.0);
	if (fabs(deviation) <=
	    SUSPECT_SDS * sd + excess / 2.0 +
		    SUSPECT_FREQ_PPB * 1e-9 * (double)(s->raw_ns - e->ref_raw_ns))
		return 0;
	return deviation > 0.0 ? 1 : -1;
}

static unsigned trailing_suspects(struct ds_estimate *e, bool *one_side)
{
	unsigned n = 0;

	*one_side = true;
	while (n < e->count && sample_at(e, e->count - 1U - n)->suspect != 0) {
		if (n < CONFIRM_SAMPLES && sample_at(e, e->count - 1U - n)->suspect !=
						   sample_at(e, e->count - 1U)->suspect)
			*one_side = false;
		n++;
	}
	return n;
}

/* After enough suspects they are the truth. */
static void confirm(struct ds_estimate *e)
{
	bool one_side;
	unsigned n = trailing_suspects(e, &one_side);

	e->suspects = (uint8_t)n;
	if (n < CONFIRM_SAMPLES || (!one_side && n < CONFIRM_ANY))
		return;
	e->count = CONFIRM_SAMPLES;
	for (unsigned i = 0; i < e->count; i++)
		sample_at(e, i)->suspect = 0;
	e->suspects = 0;
	e->cut = false;
}

static bool in_range(const struct ds_exchange *x)
{
	return x->raw_ns > -RANGE_NS && x->raw_ns < RANGE_NS &&
	       x->server_minus_raw_ns > -RANGE_NS && x->server_minus_raw_ns < RANGE_NS &&
	       x->delay_ns >= 0 && x->delay_ns < RANGE_NS;
}

bool ds_estimate_add(struct ds_estimate *e, const struct ds_exchange *exchange,
		     int64_t precision_ns)
{
	double grain = (double)(precision_ns < 1		  ? 1
				: precision_ns > PRECISION_MAX_NS ? PRECISION_MAX_NS
								  : precision_ns);
	struct ds_estimate_sample s = {
		.raw_ns = exchange->raw_ns,
		.server_minus_raw_ns = exchange->server_minus_raw_ns,
		.delay_ns = exchange->delay_ns,
		.distance_ns = exchange->delay_ns / 2 + exchange->remote.root_delay_ns / 2 +
			       exchange->remote.root_dispersion_ns,
	};

	if (!in_range(exchange))
		return false;
	if (e->count > 0 && s.raw_ns < sample_at(e, e->count - 1U)->raw_ns)
		return false;
	if (e->count > 0 && s.raw_ns == sample_at(e, e->count - 1U)->raw_ns) {
		pop(e);
		refit(e, grain);
	} else {
		e->total++;
	}
	s.suspect = doubt(e, &s);
	push(e, &s);
	confirm(e);
	refit(e, grain);
	return true;
}

static int64_t distance_at(const struct ds_estimate *e, int64_t raw_ns, double max_clock_error_ppb)
{
	double least = INFINITY;

	for (unsigned i = 0; i < e->count; i++) {
		const struct ds_estimate_sample *s = &e->samples[place(e, i)];
		double age = fabs((double)(raw_ns - s->raw_ns));

		if (s->suspect != 0)
			continue;
		least = fmin(least, (double)s->distance_ns + age * 1e-9 * max_clock_error_ppb);
	}
	return ds_ns_plus(0, least);
}

bool ds_estimate_at(const struct ds_estimate *e, int64_t raw_ns, double max_clock_error_ppb,
		    struct ds_prediction *prediction)
{
	double dt = (double)(raw_ns - e->ref_raw_ns);
	double freq_sd = isfinite(e->freq_sd_ppb) ? e->freq_sd_ppb : DS_ESTIMATE_UNKNOWN_FREQ_PPB;
	double from_centre = (dt + e->centre_ns) * 1e-9 * freq_sd;
	double at_ref = e->centre_ns * 1e-9 * freq_sd;
	double variance = e->offset_sd_ns * e->offset_sd_ns - at_ref * at_ref;

	if (e->used == 0)
		return false;
	prediction->server_minus_raw_ns =
		ds_ns_plus(e->ref_server_minus_raw_ns, dt * 1e-9 * e->freq_ppb);
	prediction->sd_ns = sqrt(fmax(variance, 0.0) + from_centre * from_centre);
	prediction->freq_ppb = e->freq_ppb;
	prediction->freq_sd_ppb = e->freq_sd_ppb;
	/* The line's end swings about its centre: an error of 1 ppb is 1 ns a second there. */
	prediction->cov_ns_ppb = isfinite(e->freq_sd_ppb) ? from_centre * freq_sd : 0.0;
	prediction->wander_ppb = 0.0;
	prediction->age_ns = dt;
	prediction->distance_ns = ds_ns_plus(distance_at(e, raw_ns, max_clock_error_ppb),
					     CLAIM_SDS * prediction->sd_ns);
	return true;
}
