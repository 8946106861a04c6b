/*
 * discipline: the line, the frequency in force, and slews that end on the line.
 * It must never assume that a correction was applied: what remains is measured each time.
 */
#include "core/clock/discipline.h"

#include <math.h>
#include <string.h>

#include "core/clock/holdover.h"
#include "core/clock/scale.h"

#define INTERVAL_LEAST_NS INT64_C(1000000)
#define INTERVAL_PART	  0.015625 /* of it is slewed */
#define FAST_PPB	  1e5	   /* slews above 100 ppm are ended early and measured */
/* ... by so much of them, at least what a timer may be late, but never by most of them */
#define EARLY_PART	0.02
#define EARLY_NS	2e7
#define EARLY_PART_MOST 0.1
#define AGAIN_NS	2.5e8 /* what is left goes in this */
/* What is not worth a slew of its own: a nanosecond is the grain of the scales, a tenth of a
 * standard deviation adds half a per cent to the error. */
#define NEAR_ENOUGH_NS	1.0
#define NEAR_ENOUGH_SDS 0.1
/* Less than this is slewed away until about the next update, which takes the slew's place: nobody
 * is woken for its end, unless the update is so much of an interval late. Half of the remainder's
 * way is then still ahead on average, which adds a hundredth to the error; not while the first
 * updates bring news, nor at long polls, where the oscillator's own way is part of what is known
 * and a wake in minutes costs nobody anything. */
#define LAZY_SDS     0.5
#define LAZY_UPDATES 16
#define LAZY_MOST_NS INT64_C(64000000000)
#define LAZY_LATE    0.5
/* An estimate that knows the frequency three times less than what is in force would move it by a
 * tenth of their difference: there is news in it for nobody but itself. */
#define MUCH_LESS_SDS	3.0
#define CONTRADICTS_SDS 3.0

void ds_discipline_init(struct ds_discipline *d, const struct ds_discipline_config *config,
			double freq_ppb, double freq_sd_ppb)
{
	memset(d, 0, sizeof(*d));
	d->config = *config;
	if (!(d->config.max_slew_ppb > 0.0))
		d->config.max_slew_ppb = DS_DISCIPLINE_MAX_SLEW_PPB;
	if (!(d->config.max_freq_ppb > 0.0))
		d->config.max_freq_ppb = DS_DISCIPLINE_MAX_FREQ_PPB;
	d->freq_ppb = fmax(fmin(freq_ppb, d->config.max_freq_ppb), -d->config.max_freq_ppb);
	d->freq_sd_ppb = freq_sd_ppb > 0.0 ? freq_sd_ppb : DS_ESTIMATE_UNKNOWN_FREQ_PPB;
	d->until_raw_ns = d->wake_raw_ns = INT64_MAX;
}

int64_t ds_discipline_remaining_ns(const struct ds_discipline *d, const struct ds_reading *now)
{
	double since = (double)(now->raw_ns - d->ref_raw_ns);
	int64_t line;
	int64_t remaining;

	if (!d->synchronised)
		return 0;
	line = ds_ns_plus(d->target_minus_raw_ns, since * 1e-9 * d->freq_ppb);
	if (__builtin_sub_overflow(line, now->clock_ns - now->raw_ns, &remaining))
		return line > 0 ? DS_NS_LIMIT : -DS_NS_LIMIT;
	return ds_ns_plus(remaining, 0.0);
}

/* How well the frequency in force is known now. */
static double held_variance(const struct ds_discipline *d, const struct ds_combined *combined,
			    double elapsed_s)
{
	double wander = combined->wander_ppb > 0.0 ? combined->wander_ppb : DS_HOLDOVER_WANDER_PPB;

	return d->freq_sd_ppb * d->freq_sd_ppb + wander * wander * elapsed_s;
}

/* The frequency of the line, and what that makes of its offset: returns the latter's change. */
static double take_frequency(struct ds_discipline *d, const struct ds_combined *combined,
			     double elapsed_s)
{
	double held = held_variance(d, combined, elapsed_s);
	double offered = combined->freq_sd_ppb * combined->freq_sd_ppb;
	double innovation = d->freq_ppb - combined->freq_ppb;
	double limit = d->config.max_freq_ppb;
	double shift = 0.0;

	if (!isfinite(offered)) {
		d->freq_sd_ppb = sqrt(held);
		return combined->blind_ns * 1e-9 * d->freq_ppb;
	}
	d->freq_ppb = combined->freq_ppb;
	d->freq_sd_ppb = combined->freq_sd_ppb;
	if (offered > MUCH_LESS_SDS * MUCH_LESS_SDS * held &&
	    innovation * innovation < CONTRADICTS_SDS * CONTRADICTS_SDS * (offered + held)) {
		d->freq_ppb += offered / (offered + held) * innovation;
		d->freq_sd_ppb = sqrt(offered * held / (offered + held));
		shift = combined->cov_ns_ppb / (offered + held) * innovation;
	}
	d->freq_ppb = fmax(fmin(d->freq_ppb, limit), -limit);
	return shift + combined->blind_ns * 1e-9 * d->freq_ppb;
}

static bool may_step(const struct ds_discipline *d, int64_t remaining_ns)
{
	if (d->config.step_threshold_ns <= 0)
		return false;
	if (d->config.step_updates >= 0 && d->updates > (uint32_t)d->config.step_updates)
		return false;
	return remaining_ns > d->config.step_threshold_ns ||
	       remaining_ns < -d->config.step_threshold_ns;
}

/* A rate that takes `remaining` away in at least duration_ns, and when to look again. */
static void slew(struct ds_discipline *d, int64_t raw_ns, double remaining, double duration_ns)
{
	duration_ns = fmax(duration_ns, fabs(remaining) / d->config.max_slew_ppb * 1e9);
	d->slew_ppb = copysign(fmin(fabs(remaining) / duration_ns * 1e9, d->config.max_slew_ppb),
			       remaining);
	if (fabs(d->slew_ppb) > FAST_PPB)
		duration_ns -= fmax(EARLY_PART * duration_ns,
				    fmin(EARLY_NS, EARLY_PART_MOST * duration_ns));
	d->until_raw_ns = ds_ns_plus(raw_ns, ceil(duration_ns));
	d->wake_raw_ns = d->until_raw_ns;
}

static void stop_slew(struct ds_discipline *d)
{
	d->slew_ppb = 0.0;
	d->until_raw_ns = d->wake_raw_ns = INT64_MAX;
}

static void tell(const struct ds_discipline *d, struct ds_correction *correction)
{
	double rate = d->freq_ppb + d->slew_ppb;

	/* What is cut off here is found remaining at until_raw_ns. */
	rate = fmax(fmin(rate, DS_DISCIPLINE_MAX_FREQ_PPB), -DS_DISCIPLINE_MAX_FREQ_PPB);
	correction->rate_ppb = rate;
	correction->until_raw_ns = d->wake_raw_ns;
	correction->changed = true;
}

static double slew_duration(int64_t interval_ns)
{
	double duration =
		fmin(INTERVAL_PART * (double)interval_ns, (double)DS_DISCIPLINE_LONGEST_NS);

	return fmax(duration, (double)DS_DISCIPLINE_SHORTEST_NS);
}

static bool is_lazy(const struct ds_discipline *d, int64_t remaining_ns, int64_t interval_ns)
{
	return d->updates > LAZY_UPDATES && interval_ns <= LAZY_MOST_NS &&
	       (double)interval_ns > slew_duration(interval_ns) &&
	       fabs((double)remaining_ns) <= LAZY_SDS * d->offset_sd_ns;
}

static void approach(struct ds_discipline *d, const struct ds_reading *now, int64_t interval_ns,
		     struct ds_correction *correction)
{
	int64_t remaining = ds_discipline_remaining_ns(d, now);

	if (may_step(d, remaining)) {
		correction->step = true;
		correction->step_ns = remaining;
		stop_slew(d);
	} else if (is_lazy(d, remaining, interval_ns)) {
		slew(d, now->raw_ns, (double)remaining, (double)interval_ns);
		d->wake_raw_ns = ds_ns_plus(d->until_raw_ns, LAZY_LATE * (double)interval_ns);
	} else {
		slew(d, now->raw_ns, (double)remaining, slew_duration(interval_ns));
	}
	tell(d, correction);
}

void ds_discipline_update(struct ds_discipline *d, const struct ds_reading *now,
			  const struct ds_combined *combined, int64_t update_interval_ns,
			  struct ds_correction *correction)
{
	double elapsed = d->synchronised ? (double)(now->raw_ns - d->ref_raw_ns) * 1e-9 : 0.0;

	memset(correction, 0, sizeof(*correction));
	if (update_interval_ns < INTERVAL_LEAST_NS)
		update_interval_ns = INTERVAL_LEAST_NS;
	d->target_minus_raw_ns = ds_ns_plus(combined->server_minus_raw_ns,
					    take_frequency(d, combined, fmax(elapsed, 0.0)));
	d->ref_raw_ns = now->raw_ns;
	d->offset_sd_ns = combined->sd_ns;
	d->synchronised = true;
	if (d->updates < UINT32_MAX)
		d->updates++;
	approach(d, now, update_interval_ns, correction);
}

void ds_discipline_timer(struct ds_discipline *d, const struct ds_reading *now,
			 struct ds_correction *correction)
{
	double remaining;

	memset(correction, 0, sizeof(*correction));
	correction->rate_ppb = d->freq_ppb + d->slew_ppb;
	correction->until_raw_ns = d->wake_raw_ns;
	if (!d->synchronised || now->raw_ns < d->until_raw_ns)
		return;
	remaining = (double)ds_discipline_remaining_ns(d, now);
	if (fabs(remaining) <= fmax(NEAR_ENOUGH_SDS * d->offset_sd_ns, NEAR_ENOUGH_NS))
		stop_slew(d);
	else
		slew(d, now->raw_ns, remaining, AGAIN_NS);
	tell(d, correction);
}

void ds_discipline_slept(struct ds_discipline *d, const struct ds_reading *now,
			 struct ds_correction *correction)
{
	memset(correction, 0, sizeof(*correction));
	d->ref_raw_ns = now->raw_ns;
	d->target_minus_raw_ns = now->clock_ns - now->raw_ns;
	stop_slew(d);
	tell(d, correction);
}

void ds_discipline_disturbed(struct ds_discipline *d, const struct ds_reading *now,
			     struct ds_correction *correction)
{
	memset(correction, 0, sizeof(*correction));
	if (!d->synchronised) {
		correction->rate_ppb = d->freq_ppb;
		correction->until_raw_ns = INT64_MAX;
		return;
	}
	approach(d, now, INT64_MAX, correction);
}

bool ds_discipline_step(struct ds_discipline *d, const struct ds_reading *now,
			struct ds_correction *correction)
{
	if (!d->synchronised)
		return false;
	memset(correction, 0, sizeof(*correction));
	correction->step_ns = ds_discipline_remaining_ns(d, now);
	correction->step = correction->step_ns != 0;
	stop_slew(d);
	tell(d, correction);
	return true;
}

void ds_discipline_leap(struct ds_discipline *d, const struct ds_reading *now, int64_t step_ns,
			enum ds_discipline_leap action, struct ds_correction *correction)
{
	double remaining;

	memset(correction, 0, sizeof(*correction));
	if (d->synchronised)
		d->target_minus_raw_ns = ds_ns_plus(d->target_minus_raw_ns, (double)step_ns);
	if (action == DS_DISCIPLINE_LEAP_STEP) {
		correction->step = true;
		correction->step_ns = step_ns;
	}
	if (action == DS_DISCIPLINE_LEAP_SLEW && d->synchronised) {
		remaining = (double)ds_discipline_remaining_ns(d, now);
		slew(d, now->raw_ns, remaining, slew_duration(INT64_MAX));
	}
	tell(d, correction);
}
