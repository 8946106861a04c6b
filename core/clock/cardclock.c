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
static double wander_variance(double ns)
{
	double s = fabs(ns) * 1e-9;

	return DS_CARDCLOCK_WANDER_PPB * DS_CARDCLOCK_WANDER_PPB * s * s * s / 3.0;
}

/* Sums of a weighted line through what the card's clock has gained on the raw scale, against the
 * raw time: both from the newest reading. */
struct sums {
	double w, x, y, xx, xy;
};

static struct sums sum_up(const struct ds_cardclock *c)
{
	const double least = narrowest_ns(c), precision = (double)c->config.precision_ns;
	struct sums s = {0};

	for (uint8_t i = 0; i < c->count; i++) {
		const struct ds_cardclock_reading *r = &c->readings[i];
		const double x = ds_ns_between(r->raw_ns, c->raw_ref_ns);
		const double y = ds_ns_between(r->device_ns, c->device_ref_ns) - x;
		const double excess = (double)r->half_width_ns - least;
		const double w =
			1.0 / (excess * excess + precision * precision + wander_variance(x));

		s.w += w;
		s.x += w * x;
		s.y += w * y;
		s.xx += w * x * x;
		s.xy += w * x * y;
	}
	return s;
}

/* How much larger the residuals are than was assumed, as a variance; at least 1. */
static double too_large(const struct ds_cardclock *c)
{
	const double least = narrowest_ns(c), precision = (double)c->config.precision_ns;
	double chi2 = 0.0;

	if (c->count <= SAMPLES_LEAST)
		return 1.0;
	for (uint8_t i = 0; i < c->count; i++) {
		const struct ds_cardclock_reading *r = &c->readings[i];
		const double x = ds_ns_between(r->raw_ns, c->raw_ref_ns);
		const double y = ds_ns_between(r->device_ns, c->device_ref_ns) - x;
		const double excess = (double)r->half_width_ns - least;
		const double off = y - c->offset_ns - c->rate * x;

		chi2 += off * off / (excess * excess + precision * precision + wander_variance(x));
	}
	return fmax(1.0, chi2 / (c->count - SAMPLES_LEAST));
}

static void fit(struct ds_cardclock *c)
{
	struct sums s;
	double determinant, larger;

	c->raw_ref_ns = newest(c)->raw_ns;
	c->device_ref_ns = newest(c)->device_ns;
	c->shared_ns = narrowest_ns(c);
	c->offset_ns = c->rate = 0.0;
	if (c->count < SAMPLES_LEAST)
		return;
	s = sum_up(c);
	determinant = s.w * s.xx - s.x * s.x;
	c->rate = (s.w * s.xy - s.x * s.y) / determinant;
	c->offset_ns = (s.xx * s.y - s.x * s.xy) / determinant;
	larger = too_large(c);
	c->offset_variance = larger * s.xx / determinant;
	c->rate_variance = larger * s.w / determinant;
	c->covariance = -larger * s.x / determinant;
}

/* What the line may be wrong by, x ns behind the newest reading; a variance. */
static double line_variance(const struct ds_cardclock *c, double x)
{
	return c->offset_variance + 2.0 * x * c->covariance + x * x * c->rate_variance +
	       wander_variance(x);
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
	fit(c);
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
