/* cardclock: see cardclock.h. Everything is a difference from the newest reading, in doubles. */
#include "core/clock/cardclock.h"

#include <math.h>
#include <string.h>

#include "core/clock/scale.h"

#define PRECISION_DEFAULT_NS 100
#define SAMPLES_DEFAULT	     16
#define SAMPLES_LEAST	     2
#define NS_LIMIT	     (INT64_C(1) << 61)
/* Two crystals differ by less; beyond, a clock was set. */
#define RATE_MOST 1e-3
/* One that somebody steers wanders more: how much is found in steps of this factor. */
#define WANDER_STEP 3.0
#define WANDER_MOST 1e5 /* ppb a root second */
/* Residuals whose neighbours are as alike as that (von Neumann's ratio; 2 of white noise) are of a
 * line that is none. */
#define RATIO_LEAST 1.0
#define RATIO_COUNT 5	/* readings that it can be said of */
#define LIGHT_SHARE 0.2 /* of the newest one's weight: what is lighter says nothing */
#define LARGE_SHARE 0.5 /* of what the sum of squares of residuals should be */
/* What is assumed of the noise before there are residuals counts as so many of them. */
#define PRIOR_COUNT 2.0
/* A reading further off than so many of its deviations is no noise. */
#define STEP_DEVIATIONS 8.0
/* So much wider than the narrowest, a reading only tells of the bus. */
#define WIDE_SHARE 8.0

void ds_cardclock_init(struct ds_cardclock *c, const struct ds_cardclock_config *config)
{
	memset(c, 0, sizeof *c);
	c->config = *config;
	if (c->config.precision_ns <= 0)
		c->config.precision_ns = PRECISION_DEFAULT_NS;
	if (c->config.max_samples == 0)
		c->config.max_samples = SAMPLES_DEFAULT;
	if (c->config.max_samples > DS_CARDCLOCK_SAMPLES)
		c->config.max_samples = DS_CARDCLOCK_SAMPLES;
	if (c->config.max_samples < SAMPLES_LEAST)
		c->config.max_samples = SAMPLES_LEAST;
	if (c->config.min_samples < SAMPLES_LEAST)
		c->config.min_samples = SAMPLES_LEAST;
	if (c->config.min_samples > c->config.max_samples)
		c->config.min_samples = c->config.max_samples;
	c->wander_ppb = DS_CARDCLOCK_WANDER_PPB;
}

void ds_cardclock_forget(struct ds_cardclock *c)
{
	c->count = 0;
}

static const struct ds_cardclock_reading *newest(const struct ds_cardclock *c)
{
	return &c->readings[c->count - 1];
}

static double narrowest_ns(const struct ds_cardclock *c)
{
	int64_t least = c->readings[0].half_width_ns;

	for (uint8_t i = 1; i < c->count; i++)
		if (c->readings[i].half_width_ns < least)
			least = c->readings[i].half_width_ns;
	return (double)least;
}

/* The phase that a random walk of the frequency has gained after so long. */
static double wander_variance(const struct ds_cardclock *c, double ns)
{
	double s = fabs(ns) * 1e-9;

	return c->wander_ppb * c->wander_ppb * s * s * s / 3.0;
}

/* Where a reading lies: both from the newest one, and what it is worth. */
struct point {
	double x; /* raw */
	double y; /* what the card's clock has gained on that */
	double w; /* 1 over its variance: of how much wider it is than the narrowest, of the stamps
		   * of the card, and of what came since */
};

static struct point point_of(const struct ds_cardclock *c, uint8_t i, double least_ns)
{
	const struct ds_cardclock_reading *r = &c->readings[i];
	const double precision = (double)c->config.precision_ns;
	const double excess = (double)r->half_width_ns - least_ns;
	const double x = ds_ns_between(r->raw_ns, c->raw_ref_ns);

	return (struct point){
		.x = x,
		.y = ds_ns_between(r->device_ns, c->device_ref_ns) - x,
		.w = 1.0 / (excess * excess + precision * precision + wander_variance(c, x)),
	};
}

/* The residuals of the line: their sum of squares by their weights, von Neumann's ratio, and how
 * many of them have weight enough to say something. */
struct residuals {
	double chi2, ratio;
	int count;
};

static struct residuals look_back(const struct ds_cardclock *c)
{
	const double least = c->shared_ns;
	struct residuals r = {0.0, 2.0, 0};
	const double most = point_of(c, (uint8_t)(c->count - 1), least).w;
	double before = 0.0, steps = 0.0;

	for (uint8_t i = 0; i < c->count; i++) {
		const struct point p = point_of(c, i, least);
		const double off = (p.y - c->offset_ns - c->rate * p.x) * sqrt(p.w);

		r.count += p.w > LIGHT_SHARE * most;
		r.chi2 += off * off;
		if (i > 0)
			steps += (off - before) * (off - before);
		before = off;
	}
	if (r.count >= RATIO_COUNT && r.chi2 > 0.0)
		r.ratio = steps / r.chi2;
	return r;
}

/* How much larger the residuals are than was assumed, as a variance; at least 1. While there are
 * few, the noise may be anything that the intervals allow. */
static double too_large(const struct ds_cardclock *c, double chi2)
{
	const double precision = (double)c->config.precision_ns;
	const double prior = 1.0 + c->shared_ns * c->shared_ns / 3.0 / (precision * precision);

	return fmax(1.0, (chi2 + PRIOR_COUNT * prior) / (c->count - SAMPLES_LEAST + PRIOR_COUNT));
}

/* Least squares with the wander that is assumed. */
static struct residuals fit(struct ds_cardclock *c)
{
	double w = 0.0, wx = 0.0, wy = 0.0, wxx = 0.0, wxy = 0.0, determinant, larger;
	struct residuals residuals;

	for (uint8_t i = 0; i < c->count; i++) {
		const struct point p = point_of(c, i, c->shared_ns);

		w += p.w;
		wx += p.w * p.x;
		wy += p.w * p.y;
		wxx += p.w * p.x * p.x;
		wxy += p.w * p.x * p.y;
	}
	determinant = w * wxx - wx * wx;
	c->rate = (w * wxy - wx * wy) / determinant;
	c->offset_ns = (wxx * wy - wx * wxy) / determinant;
	residuals = look_back(c);
	larger = too_large(c, residuals.chi2);
	c->offset_variance = larger * wxx / determinant;
	c->rate_variance = larger * w / determinant;
	c->covariance = -larger * wx / determinant;
	return residuals;
}

/* Are the residuals no noise: alike from one to the next, or were so with less wander? What is
 * small beside what is stated does not matter. */
static bool wanders(const struct ds_cardclock *c, const struct residuals *r, bool did)
{
	return r->chi2 > LARGE_SHARE * (c->count - SAMPLES_LEAST) &&
	       (did || (r->count >= RATIO_COUNT && r->ratio < RATIO_LEAST));
}

/* The line through the readings there are, with as much wander as they need. Few of them cannot
 * tell: it is left as it was. */
static void draw(struct ds_cardclock *c)
{
	struct residuals residuals;

	c->raw_ref_ns = newest(c)->raw_ns;
	c->device_ref_ns = newest(c)->device_ns;
	c->shared_ns = narrowest_ns(c);
	c->offset_ns = c->rate = 0.0;
	if (c->count < SAMPLES_LEAST)
		return;
	if (c->count >= RATIO_COUNT)
		c->wander_ppb = DS_CARDCLOCK_WANDER_PPB;
	residuals = fit(c);
	for (bool did = false; c->wander_ppb < WANDER_MOST && wanders(c, &residuals, did);
	     did = true) {
		c->wander_ppb *= WANDER_STEP;
		residuals = fit(c);
	}
}

/* What the line may be wrong by, x ns behind the newest reading; a variance. */
static double line_variance(const struct ds_cardclock *c, double x)
{
	return c->offset_variance + 2.0 * x * c->covariance + x * x * c->rate_variance +
	       wander_variance(c, x);
}

static bool is_step(const struct ds_cardclock *c, const struct ds_cardclock_reading *r)
{
	const double x = ds_ns_between(r->raw_ns, c->raw_ref_ns);
	const double gained = ds_ns_between(r->device_ns, c->device_ref_ns) - x;
	const double width = (double)r->half_width_ns + c->shared_ns +
			     (double)c->config.precision_ns + (double)c->config.slack_ns;

	if (c->count < SAMPLES_LEAST)
		return fabs(gained) > RATE_MOST * x + width;
	return fabs(gained - c->offset_ns - c->rate * x) >
	       STEP_DEVIATIONS * sqrt(line_variance(c, x)) + width;
}

/* Does it say less than the line knows? Not for ever: the line grows old. */
static bool is_wide(const struct ds_cardclock *c, const struct ds_cardclock_reading *r)
{
	const double x = ds_ns_between(r->raw_ns, c->raw_ref_ns);

	return c->count >= c->config.min_samples && x < (double)DS_CARDCLOCK_REACH_NS / 2.0 &&
	       (double)r->half_width_ns >
		       WIDE_SHARE * (c->shared_ns + (double)c->config.precision_ns);
}

static bool in_range(const struct ds_cardclock_reading *r)
{
	return r->raw_ns > -NS_LIMIT && r->raw_ns < NS_LIMIT && r->device_ns > -NS_LIMIT &&
	       r->device_ns < NS_LIMIT && r->half_width_ns >= 0 &&
	       r->half_width_ns < DS_CARDCLOCK_REACH_NS;
}

enum ds_cardclock_news ds_cardclock_add(struct ds_cardclock *c,
					const struct ds_cardclock_reading *reading)
{
	enum ds_cardclock_news news = DS_CARDCLOCK_TAKEN;

	if (!in_range(reading))
		return DS_CARDCLOCK_IGNORED;
	if (c->count > 0 && reading->raw_ns <= newest(c)->raw_ns)
		return DS_CARDCLOCK_IGNORED;
	if (c->count > 0 && is_step(c, reading)) {
		c->count = 0;
		c->steps++;
		news = DS_CARDCLOCK_STEPPED;
	} else if (c->count > 0 && is_wide(c, reading)) {
		return DS_CARDCLOCK_IGNORED;
	}
	if (c->count == c->config.max_samples) {
		memmove(&c->readings[0], &c->readings[1], (c->count - 1u) * sizeof c->readings[0]);
		c->count--;
	}
	c->readings[c->count++] = *reading;
	c->taken++;
	draw(c);
	return news;
}

static double error_ns_at(const struct ds_cardclock *c, double x)
{
	const double precision = (double)c->config.precision_ns;

	/* the truth is anywhere in the narrowest interval: a uniform law's deviation */
	return sqrt(line_variance(c, x) + precision * precision +
		    c->shared_ns * c->shared_ns / 3.0);
}

bool ds_cardclock_raw(const struct ds_cardclock *c, int64_t device_ns, int64_t *raw_ns,
		      double *error_ns)
{
	double y, x;

	if (c->count < c->config.min_samples)
		return false;
	y = ds_ns_between(device_ns, c->device_ref_ns) - c->offset_ns;
	if (fabs(y) > (double)DS_CARDCLOCK_REACH_NS)
		return false;
	x = y / (1.0 + c->rate);
	/* what is added to 64 bits is small where the stamp is near: nothing is lost */
	*raw_ns = ds_ns_plus(c->raw_ref_ns, x);
	*error_ns = error_ns_at(c, x);
	return true;
}

bool ds_cardclock_device(const struct ds_cardclock *c, int64_t raw_ns, int64_t *device_ns,
			 double *error_ns)
{
	double x;

	if (c->count < c->config.min_samples)
		return false;
	x = ds_ns_between(raw_ns, c->raw_ref_ns);
	if (fabs(x) > (double)DS_CARDCLOCK_REACH_NS)
		return false;
	*device_ns = ds_ns_plus(c->device_ref_ns, x + c->offset_ns + c->rate * x);
	*error_ns = error_ns_at(c, x);
	return true;
}

double ds_cardclock_rate_ppb(const struct ds_cardclock *c)
{
	return c->count < c->config.min_samples ? (double)NAN : c->rate * 1e9;
}
