/* timekeeper: see timekeeper.h. */
#include "daemon/timekeeper.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/driftfile.h"
#include "daemon/log.h"
#include "daemon/record.h"
#include "os/clock_phc.h"

#define NS_PER_S	    INT64_C(1000000000)
#define DRIFT_INTERVAL_NS   (INT64_C(3600) * NS_PER_S)
#define UNKNOWN_FREQ_SD_PPB 100e3   /* a crystal nobody has measured: 100 ppm */
#define DRIFT_AGE_S	    86400.0 /* a drift file is good for a start within a day */
#define HOLDOVER_INTERVALS  8.0
#define HOLDOVER_SURPRISE   1.5
#define SLEEP_LEAST_NS	    (INT64_C(100) * 1000000) /* what counts as a suspended host */
#define OFFSETS_MEMORY	    16			     /* updates, of the mean of their offsets */
#define PUT_BACK_SAY_NS	    (60 * NS_PER_S)
#define SANE_RATE_PPB	    500e3 /* a rate beyond this in the kernel is a slew that was left there */

/* In shadow the system's clock is another one, and is not touched. */
const char *ds_timekeeper_clock_name(const struct ds_timekeeper *tk)
{
	if (tk->clock->kind == DS_CLOCK_PHC)
		return "PHC";
	return tk->conf->shadow ? "Shadow" : "System";
}

static void correct(struct ds_timekeeper *tk, const struct ds_correction *c)
{
	tk->due_monotonic_ns = INT64_MAX;
	if (!tk->steer)
		return;
	if (c->step) {
		int rc = ds_clock_step(tk->clock, c->step_ns);

		if (rc != 0)
			ds_log(DS_LOG_WARNING, "could not step the clock: %s", strerror(-rc));
		else
			ds_log(DS_LOG_NOTICE, "%s clock was stepped by %.6f seconds",
			       ds_timekeeper_clock_name(tk), (double)c->step_ns * 1e-9);
		tk->stepped = rc == 0;
	}
	if (c->changed) {
		int rc = ds_clock_set_rate(tk->clock, c->rate_ppb);

		if (rc != 0)
			ds_log(DS_LOG_WARNING, "could not set the clock's rate: %s", strerror(-rc));
	}
	if (c->until_raw_ns != INT64_MAX) {
		struct ds_reading now;

		ds_clock_read(tk->clock, &now);
		double left = (double)(c->until_raw_ns - now.raw_ns);
		/* CLOCK_MONOTONIC is slewed with the system clock. */
		if (tk->clock->kind == DS_CLOCK_SYSTEM)
			left *= 1.0 + c->rate_ppb * 1e-9;
		tk->due_monotonic_ns = ds_monotonic_ns() + (left > 0.0 ? (int64_t)left : 0);
	}
}

static void tell_bounds(struct ds_timekeeper *tk)
{
	struct ds_reading now;

	ds_clock_read(tk->clock, &now);
	ds_bounds_leap(&tk->bounds, ds_leaping_pending(&tk->leaping),
		       ds_leaping_for_kernel(&tk->leaping), ds_leaping_tai_s(&tk->leaping, &now));
	ds_bounds_tell(&tk->bounds);
}

static void apply(struct ds_timekeeper *tk, const struct ds_correction *c)
{
	correct(tk, c);
	tell_bounds(tk);
}

/* Half of what a clock can be made to run by is left for slews, if that is less than anybody asks
 * for. */
static double most_freq(const struct ds_conf *conf, const struct ds_clock *clock)
{
	double most_ppb = fmin(conf->max_drift_ppm * 1e3, DS_DISCIPLINE_MAX_FREQ_PPB);

	return clock->kind == DS_CLOCK_PHC ? fmin(most_ppb, clock->max_rate_ppb / 2.0) : most_ppb;
}

static double most_slew(const struct ds_conf *conf, const struct ds_clock *clock,
			double most_freq_ppb)
{
	double most_ppb = conf->max_slew_ppm * 1e3;

	return clock->kind == DS_CLOCK_PHC ? fmin(most_ppb, clock->max_rate_ppb - most_freq_ppb)
					   : most_ppb;
}

void ds_timekeeper_init(struct ds_timekeeper *tk, const struct ds_conf *conf,
			struct ds_clock *clock, bool steer, struct ds_bound_page *page)
{
	double most_freq_ppb = most_freq(conf, clock);
	struct ds_discipline_config config = {
		.max_slew_ppb = most_slew(conf, clock, most_freq_ppb),
		.step_threshold_ns = (int64_t)(conf->makestep_threshold_s * 1e9),
		.step_updates = conf->makestep_limit,
		.max_freq_ppb = most_freq_ppb,
	};
	double freq_ppb = ds_clock_rate_ppb(clock);
	double sd_ppb = UNKNOWN_FREQ_SD_PPB;
	bool known;
	struct ds_correction start = {.until_raw_ns = INT64_MAX, .changed = true};
	struct ds_reading now;

	memset(tk, 0, sizeof *tk);
	tk->conf = conf;
	tk->clock = clock;
	tk->steer = steer;
	ds_selecting_init(&tk->selecting, conf);
	ds_clock_read(clock, &now);
	ds_reference_init(&tk->reference, conf, clock, &now);
	tk->drift_due_monotonic_ns = ds_monotonic_ns() + DRIFT_INTERVAL_NS;
	tk->suspended_ns = ds_suspended_ns();
	known = ds_driftfile_read(conf->drift_file, &freq_ppb, &sd_ppb);
	if (!known && fabs(freq_ppb) > SANE_RATE_PPB)
		freq_ppb = 0.0;
	ds_holdover_init(&tk->holdover);
	ds_discipline_init(&tk->discipline, &config, freq_ppb, sd_ppb);
	ds_bounds_init(&tk->bounds, conf, clock, &tk->discipline, &tk->holdover, &tk->reference,
		       page, steer);
	ds_leaping_init(&tk->leaping, conf, clock, &tk->discipline, &tk->reference, steer);
	start.rate_ppb = freq_ppb;
	apply(tk, &start);
}

double ds_timekeeper_freq_ppb(const struct ds_timekeeper *tk)
{
	return tk->steer ? tk->discipline.freq_ppb : ds_clock_rate_ppb(tk->clock);
}

static void lose_sources(struct ds_timekeeper *tk)
{
	ds_bounds_disrupt(&tk->bounds, DRIVESTAMP_BOUND_SOURCES_LOST);
	ds_bounds_tell(&tk->bounds);
}

static void record_update(const struct ds_timekeeper *tk, const struct ds_timekeeper_input *input,
			  const struct ds_combined *combined, const struct ds_reading *now,
			  int64_t remaining_before_ns, int64_t max_error_ns)
{
	struct ds_record_tracking t = {
		.clock_ns = now->clock_ns,
		.remote = input->addresses[combined->best],
		.leap = tk->reference.leap,
		.stratum = tk->reference.stratum,
		.freq_ppm = -tk->discipline.freq_ppb * 1e-3,
		.skew_ppm = tk->reference.skew_ppb * 1e-3,
		.offset_s = -(double)tk->last_offset_ns * 1e-9,
		.combined = combined->sources,
		.offset_sd_s = combined->sd_ns * 1e-9,
		.remaining_s = (double)remaining_before_ns * 1e-9,
		.root_delay_s = (double)tk->reference.root_delay_ns * 1e-9,
		.root_dispersion_s = (double)tk->reference.root_dispersion_ns * 1e-9,
		.max_error_s = (double)max_error_ns * 1e-9,
	};

	ds_record_tracking(&t);
}

/* maxchange: is the clock off by more than it may ever be put right by? Says so. */
static bool refuses(struct ds_timekeeper *tk, int64_t offset_ns)
{
	const struct ds_conf *conf = tk->conf;
	double offset_s = (double)offset_ns * 1e-9;

	if (!(conf->max_change_s > 0.0) || fabs(offset_s) <= conf->max_change_s ||
	    (int64_t)tk->discipline.updates < conf->max_change_start)
		return false;
	if (conf->max_change_ignore >= 0 && tk->changes_refused >= conf->max_change_ignore)
		tk->give_up = true;
	else if (tk->changes_refused < INT32_MAX)
		tk->changes_refused++;
	ds_log(tk->give_up ? DS_LOG_ERROR : DS_LOG_WARNING,
	       "Adjustment of %.3f seconds exceeds the allowed maximum of %.3f seconds (%s)",
	       offset_s, conf->max_change_s, tk->give_up ? "exiting" : "ignored");
	return true;
}

/* For those who look. The first offset is what the clock was wrong by before, and says nothing of
 * how it is kept. */
static void note_update(struct ds_timekeeper *tk, const struct ds_reading *now)
{
	double square = (double)tk->last_offset_ns * (double)tk->last_offset_ns;
	double weight = tk->updates < OFFSETS_MEMORY ? 1.0 / (double)(tk->updates + 1)
						     : 1.0 / OFFSETS_MEMORY;

	if (tk->updates > 0)
		tk->update_interval_ns = now->raw_ns - tk->reference.updated_raw_ns;
	if (tk->updates != 1)
		tk->mean_square_ns2 += (square - tk->mean_square_ns2) * weight;
	else
		tk->mean_square_ns2 = square;
	tk->updates++;
}

bool ds_timekeeper_update(struct ds_timekeeper *tk, struct ds_timekeeper_input *input)
{
	struct ds_combined combined;
	struct ds_correction correction;
	struct ds_bound_value before;
	struct ds_own own = {0, 0};
	bool had = tk->selecting.selected >= 0;
	struct ds_reading now;

	tk->stepped = false;
	ds_clock_read(tk->clock, &now);
	ds_leaping_sort_out(&tk->leaping, &now, input->candidates, input->count, input->addresses,
			    input->smeared);
	if (tk->reference.synchronised)
		own = (struct ds_own){tk->reference.stratum,
				      ds_reference_least_distance_ns(&tk->reference, &now)};
	if (!ds_selecting_run(&tk->selecting, input->candidates, input->count, input->addresses,
			      &now, input->interval_ns, &own, &combined)) {
		if (had)
			lose_sources(tk);
		return false;
	}

	bool first = !tk->reference.synchronised;
	int64_t remaining_before = first ? 0 : ds_discipline_remaining_ns(&tk->discipline, &now);
	int64_t change =
		combined.server_minus_raw_ns - (now.clock_ns - now.raw_ns) - remaining_before;
	if (refuses(tk, change))
		return false;
	ds_bounds_at(&tk->bounds, &now, &before);

	tk->last_offset_ns = change + remaining_before;
	note_update(tk, &now);
	ds_reference_take(&tk->reference, &input->candidates[combined.best], &combined, &now);
	if (!tk->quiet && (first || fabs((double)change * 1e-9) > tk->conf->log_change_s))
		ds_log(DS_LOG_NOTICE, "%s clock wrong by %.6f seconds",
		       ds_timekeeper_clock_name(tk), (double)tk->last_offset_ns * 1e-9);
	double freq_before_ppb = tk->discipline.freq_ppb;
	ds_discipline_update(&tk->discipline, &now, &combined, input->interval_ns, &correction);
	/* While sources settle, the frequency in force says more of them than of the oscillator. */
	if (tk->bounds.bound.intervals >= HOLDOVER_INTERVALS &&
	    tk->bounds.bound.surprise < HOLDOVER_SURPRISE)
		ds_holdover_learn(&tk->holdover, now.raw_ns, tk->discipline.freq_ppb,
				  combined.freq_sd_ppb, combined.wander_ppb);
	ds_leaping_update(&tk->leaping, &now, input->candidates, input->count, remaining_before,
			  freq_before_ppb, first || correction.step);
	ds_bounds_update(&tk->bounds, &now, input->candidates, input->count, &combined,
			 input->interval_ns);
	if (correction.step)
		ds_bounds_disrupt(&tk->bounds, DRIVESTAMP_BOUND_STEPPED);
	apply(tk, &correction);
	tk->drift_changed = true;
	record_update(tk, input, &combined, &now, remaining_before, first ? 0 : before.hard_ns);
	return true;
}

bool ds_timekeeper_step(struct ds_timekeeper *tk, int64_t *offset_ns, char *why)
{
	struct ds_correction correction = {.step = false};
	struct ds_reading now;

	*offset_ns = 0;
	why[0] = '\0';
	ds_clock_read(tk->clock, &now);
	if (!tk->steer)
		snprintf(why, DS_TIMEKEEPER_WHY, "the clock is not ours to set (-x)");
	else if (!tk->reference.synchronised ||
		 !ds_discipline_step(&tk->discipline, &now, &correction))
		snprintf(why, DS_TIMEKEEPER_WHY, "no source has told the time yet");
	if (why[0] != '\0')
		return false;
	*offset_ns = correction.step_ns;
	tk->stepped = false;
	if (correction.step) {
		ds_leaping_break(&tk->leaping, &now);
		ds_bounds_disrupt(&tk->bounds, DRIVESTAMP_BOUND_STEPPED);
	}
	apply(tk, &correction);
	if (!correction.step || tk->stepped)
		return true;
	*offset_ns = 0;
	snprintf(why, DS_TIMEKEEPER_WHY, "the clock could not be stepped; the log says why");
	return false;
}

void ds_timekeeper_forget(struct ds_timekeeper *tk, uint32_t place)
{
	ds_selecting_forget(&tk->selecting, place);
	ds_leaping_forget(&tk->leaping, place);
}

void ds_timekeeper_timer(struct ds_timekeeper *tk)
{
	struct ds_correction correction;
	struct ds_reading now;

	ds_clock_read(tk->clock, &now);
	ds_discipline_timer(&tk->discipline, &now, &correction);
	apply(tk, &correction);
}

void ds_timekeeper_server_state(const struct ds_timekeeper *tk, const struct ds_reading *now,
				struct ds_server_state *state)
{
	int64_t distance_ns = tk->reference.root_delay_ns / 2 + tk->reference.root_dispersion_ns;
	int64_t lost_ns = ds_bounds_lost_ns(&tk->bounds, now);
	struct ds_bound_value value;

	/* Where sources contradict each other, the one that was taken says too little. */
	ds_bounds_at(&tk->bounds, now, &value);
	if (tk->bounds.bound.known && value.bound_ns - distance_ns > lost_ns)
		lost_ns = value.bound_ns - distance_ns;
	ds_reference_server_state(&tk->reference, now, lost_ns, state);
	ds_leaping_describe(&tk->leaping, now, state);
}

int64_t ds_timekeeper_served_minus_clock_ns(const struct ds_timekeeper *tk,
					    const struct ds_reading *at)
{
	return ds_leaping_served_minus_clock_ns(&tk->leaping, at);
}

bool ds_timekeeper_leap(struct ds_timekeeper *tk)
{
	struct ds_correction correction;
	struct ds_reading now;

	tk->stepped = false;
	ds_clock_read(tk->clock, &now);
	if (!ds_leaping_run(&tk->leaping, &now, &correction)) {
		tell_bounds(tk);
		return false;
	}
	if (correction.step)
		ds_bounds_disrupt(&tk->bounds, DRIVESTAMP_BOUND_STEPPED);
	if (correction.step && ds_clock_phc_leap(tk->clock, correction.step_ns)) {
		correction.step = false; /* TAI knows no leap seconds */
		tk->stepped = true;
	}
	apply(tk, &correction);
	return tk->stepped;
}

/* Temperature has its cycles: whenever we start again, the frequency may be anywhere in them. */
static void write_drift(struct ds_timekeeper *tk)
{
	double skew_ppb = tk->reference.skew_ppb;

	if (!tk->drift_changed || !tk->steer || skew_ppb >= DS_UNKNOWN_SKEW_PPB ||
	    skew_ppb > tk->conf->max_update_skew_ppm * 1e3)
		return;
	ds_driftfile_write(tk->conf->drift_file, tk->discipline.freq_ppb,
			   ds_holdover_freq_sd_ppb(&tk->holdover, skew_ppb, DRIFT_AGE_S));
	tk->drift_changed = false;
}

void ds_timekeeper_save_drift(struct ds_timekeeper *tk)
{
	int64_t now = ds_monotonic_ns();

	if (now < tk->drift_due_monotonic_ns)
		return;
	tk->drift_due_monotonic_ns = now + DRIFT_INTERVAL_NS;
	write_drift(tk);
}

/* A PHC is set by its own driver as well, when the link comes up anew: by how much is known to a
 * reading, and what was done is undone, whatever makestep allows; a slew of 50 years helps nobody.
 * Where somebody else does so again and again, once a minute is enough to say it. */
static void put_back(struct ds_timekeeper *tk, int64_t jump_ns)
{
	int64_t now_ns = ds_monotonic_ns();
	int rc = ds_clock_step(tk->clock, -jump_ns);

	if (rc == 0 && now_ns < tk->put_back_due_ns)
		return;
	tk->put_back_due_ns = now_ns + PUT_BACK_SAY_NS;
	ds_log(DS_LOG_WARNING, "the clock was set by somebody else, by %.6f s; %s",
	       (double)jump_ns * 1e-9, rc == 0 ? "set back" : strerror(-rc));
}

/* Somebody else has set the clock: bring it back, unless it is not ours to. */
static void answer_set(struct ds_timekeeper *tk, struct ds_reading *now, int64_t jump_ns)
{
	struct ds_correction correction;

	ds_bounds_disrupt(&tk->bounds, DRIVESTAMP_BOUND_STEPPED);
	if (tk->steer && tk->clock->kind == DS_CLOCK_PHC && tk->reference.synchronised) {
		put_back(tk, jump_ns);
		ds_clock_read(tk->clock, now);
	} else if (!tk->steer || refuses(tk, jump_ns)) {
		ds_bounds_tell(&tk->bounds);
		return;
	} else {
		ds_log(DS_LOG_WARNING, "the clock was set by somebody else, by %.6f s",
		       (double)jump_ns * 1e-9);
	}
	ds_discipline_disturbed(&tk->discipline, now, &correction);
	apply(tk, &correction);
}

enum ds_disturbance ds_timekeeper_check(struct ds_timekeeper *tk)
{
	int64_t suspended_ns = ds_suspended_ns();
	int64_t slept_ns = suspended_ns - tk->suspended_ns;
	struct ds_correction correction;
	struct ds_reading now;
	int64_t jump_ns;

	if (slept_ns >= SLEEP_LEAST_NS)
		ds_clock_phc_slept(tk->clock);
	ds_clock_read(tk->clock, &now); /* finds out */
	jump_ns = ds_clock_take_jump(tk->clock);
	tk->suspended_ns = suspended_ns;
	if (slept_ns < SLEEP_LEAST_NS && (jump_ns == 0 || tk->clock->kind == DS_CLOCK_VIRTUAL))
		return DS_UNDISTURBED;
	if (slept_ns < SLEEP_LEAST_NS &&
	    ds_leaping_explains(&tk->leaping, &now, jump_ns, &correction)) {
		ds_bounds_disrupt(&tk->bounds, DRIVESTAMP_BOUND_STEPPED);
		apply(tk, &correction);
		return DS_CLOCK_WAS_SET;
	}
	if (slept_ns >= SLEEP_LEAST_NS) {
		ds_log(DS_LOG_NOTICE, "the host slept for %.3f s", (double)slept_ns * 1e-9);
		ds_reference_lose(&tk->reference, &now);
		ds_selecting_restart(&tk->selecting);
		ds_discipline_slept(&tk->discipline, &now, &correction);
		ds_leaping_break(&tk->leaping, &now);
		ds_bounds_disrupt(&tk->bounds, DRIVESTAMP_BOUND_SLEPT);
		apply(tk, &correction);
		return DS_HOST_SLEPT;
	}
	answer_set(tk, &now, jump_ns);
	return DS_CLOCK_WAS_SET;
}

void ds_timekeeper_close(struct ds_timekeeper *tk)
{
	if (tk->steer)
		ds_clock_set_rate(tk->clock, tk->discipline.freq_ppb);
	write_drift(tk);
}
