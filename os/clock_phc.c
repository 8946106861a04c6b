/* clock_phc: see clock_phc.h. */
#include "os/clock_phc.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S      INT64_C(1000000000)
#define FIRST_READS   8
#define FIRST_WAIT_NS INT64_C(4000000)
#define LEAST_WAIT_NS INT64_C(10000000)
#define MOST_WAIT_NS  NS_PER_S
#define TOLERANCE_NS  INT64_C(100) /* grain of a card's register, and of the anchor */
#define SURE_SD	      5.0
#define CONFIRMATIONS 3
#define RATE_GRAIN    0.01 /* ppb: under the kernel's steps */
#define INVERT_ROUNDS 3

/* ---- lines ---- */

/* Where, on the scale that a line comes from, does it show to_ns? To the nanosecond. */
static int64_t invert(const struct ds_line *line, int64_t to_ns)
{
	double slope = 1.0 + ds_line_rate_ppb(line) * 1e-9;
	int64_t from_ns = line->from_ns + llrint((double)(to_ns - line->to_ns) / slope);

	/* a double holds no year to the nanosecond: what is left over is small */
	for (int i = 0; i < INVERT_ROUNDS; i++)
		from_ns += llrint((double)(to_ns - ds_line_at(line, from_ns)) / slope);
	return from_ns;
}

/* The line that held at that moment of the clock: of the present one, and the one before. */
static const struct ds_line *line_of(const struct ds_clock *c, int64_t clock_ns)
{
	return clock_ns < c->clock.to_ns ? &c->clock_before : &c->clock;
}

bool ds_clock_is_phc(const struct ds_clock *clock, int phc_index)
{
	return clock->kind == DS_CLOCK_PHC && phc_index >= 0 && clock->phc->index == phc_index;
}

bool ds_clock_carry_device(const struct ds_clock *clock, int phc_index, int64_t device_ns,
			   struct ds_reading *reading, double *error_ns)
{
	if (!ds_clock_is_phc(clock, phc_index))
		return false;
	reading->clock_ns = device_ns - clock->phc->tai_ns;
	reading->raw_ns = invert(line_of(clock, reading->clock_ns), reading->clock_ns);
	*error_ns = clock->phc->steer ? 0.0 : clock->phc->error_ns;
	return true;
}

/* ---- readings ---- */

struct sample {
	int64_t mono_raw_ns;
	int64_t clock_ns;
	int64_t half_width_ns;
};

static bool sample_now(struct ds_clock *c, struct sample *s)
{
	struct ds_clock_phc *p = c->phc;
	enum ds_refresult result;
	struct ds_refsample both;
	struct ds_reading fresh;

	/* whoever steers CLOCK_REALTIME: the anchor holds for what is read between */
	ds_clock_read(c, &fresh);
	result = ds_phc_read(&p->phc, &both);
	if (result == DS_REF_TORN || result == DS_REF_NOTHING)
		return false; /* a clock was set meanwhile: the next reading tells */
	if (result != DS_REF_SAMPLE) {
		p->failed++;
		p->error = result == DS_REF_FAILED && errno != 0 ? -errno : -EIO;
		return false;
	}
	ds_clock_read(c, &fresh);
	s->mono_raw_ns = ds_clock_mono_raw_ns(c, both.local_ns);
	s->clock_ns = both.reference_ns - p->tai_ns;
	s->half_width_ns = both.dispersion_ns;
	return true;
}

/* How far the clock is from where the line has it, and what that may be wrong by. */
static int64_t deviation(const struct ds_clock *c, const struct sample *s, int64_t *allowed_ns)
{
	const struct ds_clock_phc *p = c->phc;
	int64_t raw_ns = ds_line_at(&c->raw, s->mono_raw_ns);
	double age_s = fabs((double)(s->mono_raw_ns - p->newest_ns)) * 1e-9;
	/* the wander of two oscillators, and a rate that is known from a short time */
	double drift_ns = age_s * (DS_CARDCLOCK_WANDER_PPB * sqrt(age_s) +
				   p->error_ns * 2e9 / (double)(p->newest_ns - p->first_ns + 1));

	*allowed_ns = s->half_width_ns + p->width_ns + c->anchor_width_ns + TOLERANCE_NS +
		      llrint(SURE_SD * fmin(p->error_ns + drift_ns, 1e15));
	return s->clock_ns - ds_line_at(&c->clock, raw_ns);
}

/* The lines through what is known now. */
static void draw(struct ds_clock *c, const struct sample *s)
{
	struct ds_clock_phc *p = c->phc;
	struct ds_line *line = p->steer ? &c->raw : &c->clock;
	double rate_ppb = ds_cardclock_rate_ppb(&p->line);
	double error_ns;
	int64_t to_ns;

	if (ds_cardclock_device(&p->line, s->mono_raw_ns, &to_ns, &error_ns)) {
		p->error_ns = error_ns;
	} else {
		to_ns = p->steer ? invert(&c->clock, s->clock_ns) : s->clock_ns;
		p->error_ns = (double)s->half_width_ns;
	}
	if (isnan(rate_ppb))
		rate_ppb = ds_line_rate_ppb(line);
	if (!p->steer)
		c->clock_before = c->clock;
	*line = ds_line_make(s->mono_raw_ns, to_ns, rate_ppb);
}

static void learn(struct ds_clock *c, const struct sample *s)
{
	struct ds_clock_phc *p = c->phc;
	const struct ds_cardclock_reading reading = {
		.raw_ns = s->mono_raw_ns,
		.device_ns = p->steer ? invert(&c->clock, s->clock_ns) : s->clock_ns,
		.half_width_ns = s->half_width_ns,
	};

	if (p->readings == 0)
		p->first_ns = s->mono_raw_ns;
	p->readings++;
	p->newest_ns = s->mono_raw_ns;
	p->width_ns = s->half_width_ns;
	ds_cardclock_add(&p->line, &reading);
	draw(c, s);
}

/* The clock was set, by that much, about now: its line moves, the raw scale does not. */
static void move(struct ds_clock *c, int64_t by_ns)
{
	struct ds_reading now;

	ds_clock_read(c, &now);
	c->clock_before = c->clock;
	ds_line_bend(&c->clock, now.raw_ns, ds_line_rate_ppb(&c->clock));
	c->clock.to_ns += by_ns;
	if (!c->phc->steer)
		ds_cardclock_forget(&c->phc->line);
}

/* Is it so, or did something come between? The closest of a few readings tells. */
static bool confirm(struct ds_clock *c, struct sample *s)
{
	struct sample again;

	for (int i = 0; i < CONFIRMATIONS; i++)
		if (sample_now(c, &again) && again.half_width_ns <= s->half_width_ns)
			*s = again;
	int64_t allowed_ns;
	return llabs(deviation(c, s, &allowed_ns)) > allowed_ns;
}

/* Has somebody set another rate? Counted. */
static bool find_rate(struct ds_clock_phc *p)
{
	double found_ppb;

	if (!p->steer || ds_phc_rate(p->phc.fd, &found_ppb) != 0 ||
	    fabs(found_ppb - p->dialed_ppb) < RATE_GRAIN)
		return false;
	p->meddled++;
	p->meddled_ppb = found_ppb;
	return true;
}

/* Then ours is set again; how far the clock went meanwhile is as if it had been set. */
static bool undo_rate(struct ds_clock_phc *p)
{
	double set_ppb;

	if (!find_rate(p))
		return false;
	p->error = ds_phc_set_rate(p->phc.fd, p->dialed_ppb, &set_ppb);
	return true;
}

/* A reading; what does not fit is what others did, unless `own`: then a driver took its time over
 * a step of ours. */
static void take(struct ds_clock *c, bool own)
{
	struct ds_clock_phc *p = c->phc;
	bool meddled = undo_rate(p);
	int64_t off_ns, allowed_ns;
	struct sample s;

	if (!sample_now(c, &s))
		return;
	off_ns = p->readings == 0 ? 0 : deviation(c, &s, &allowed_ns);
	if (p->readings > 0 && llabs(off_ns) > allowed_ns && confirm(c, &s)) {
		off_ns = deviation(c, &s, &allowed_ns);
		move(c, off_ns);
		p->steps += !own;
		c->jump_ns += own ? 0 : off_ns;
	} else if (meddled) {
		move(c, off_ns); /* too little to be told from noise: the next update finds it */
	}
	learn(c, &s);
}

static void schedule(struct ds_clock_phc *p)
{
	int64_t wait_ns = (p->newest_ns - p->first_ns) / 2;

	if (wait_ns < LEAST_WAIT_NS)
		wait_ns = LEAST_WAIT_NS;
	if (wait_ns > MOST_WAIT_NS || p->failed > 0)
		wait_ns = MOST_WAIT_NS;
	p->due_ns = ds_monotonic_ns() + wait_ns;
}

void ds_clock_phc_tend(struct ds_clock *c)
{
	if (c->kind != DS_CLOCK_PHC || ds_monotonic_ns() < c->phc->due_ns)
		return;
	take(c, false);
	schedule(c->phc);
}

void ds_clock_phc_slept(struct ds_clock *c)
{
	if (c->kind != DS_CLOCK_PHC)
		return;
	ds_cardclock_forget(&c->phc->line);
	take(c, true);
	schedule(c->phc);
}

/* ---- opening ---- */

static int fail(struct ds_clock_phc *p, const char *path, int error, const char *what,
		char why[DS_WHY])
{
	ds_phc_close(&p->phc);
	snprintf(why, DS_WHY, "%s: %s: %s", path, what, strerror(-error));
	return error;
}

/* May we, and can it? */
static int take_over(struct ds_clock *c, const char *path, char why[DS_WHY])
{
	struct ds_clock_phc *p = c->phc;
	struct ds_phc_limits limits;
	double set_ppb;
	int error = ds_phc_limits(p->phc.fd, &limits);

	if (error)
		return fail(p, path, error, "is no PTP clock", why);
	p->index = limits.index;
	c->max_rate_ppb = fmin(limits.max_rate_ppb, c->max_rate_ppb);
	error = ds_phc_rate(p->phc.fd, &p->dialed_ppb);
	if (!p->steer)
		return 0; /* what others have set is in what is read */
	if (error)
		return fail(p, path, error, "does not tell its rate", why);
	if (!(limits.max_rate_ppb > 0.0))
		return fail(p, path, -EOPNOTSUPP, "can be read, but not steered (max_adj is 0)",
			    why);
	error = ds_phc_set_rate(p->phc.fd, p->dialed_ppb, &set_ppb);
	if (error == -EBUSY && limits.vclocks > 0)
		return fail(p, path, error,
			    "virtual clocks stand on it (n_vclocks), end them first", why);
	if (error)
		return fail(p, path, error, "cannot be steered", why);
	p->dialed_ppb = set_ppb;
	return 0;
}

static int begin(struct ds_clock *c, const char *path, char why[DS_WHY])
{
	const struct timespec wait = {0, FIRST_WAIT_NS};
	const struct ds_cardclock_config config = {.min_samples = 2, .max_samples = 32};
	struct ds_clock_phc *p = c->phc;
	struct sample s;

	ds_cardclock_init(&p->line, &config);
	if (!sample_now(c, &s))
		return fail(p, path, p->error, "cannot be read", why);
	/* both scales begin on the first reading */
	c->raw = ds_line_make(s.mono_raw_ns, s.mono_raw_ns, 0.0);
	c->clock = ds_line_make(s.mono_raw_ns, s.clock_ns, p->steer ? p->dialed_ppb : 0.0);
	c->clock_before = c->clock;
	learn(c, &s);
	for (int i = 1; i < FIRST_READS; i++) {
		nanosleep(&wait, NULL);
		if (sample_now(c, &s))
			learn(c, &s);
	}
	schedule(p);
	return 0;
}

int ds_clock_open_phc(struct ds_clock *clock, struct ds_clock_phc *phc,
		      const struct ds_clock_phc_config *config, char why[DS_WHY])
{
	const struct ds_phc_config device = {
		.path = config->path, .nocrossts = config->nocrossts, .write = config->steer};
	int error;

	memset(phc, 0, sizeof *phc);
	phc->index = -1;
	phc->steer = config->steer;
	phc->tai_ns = config->tai_s * NS_PER_S;
	error = ds_clock_open_virtual(clock, 0.0, 0.0);
	if (error == 0)
		error = ds_phc_open(&phc->phc, &device, why);
	if (error)
		return error;
	clock->kind = DS_CLOCK_PHC;
	clock->steer = config->steer;
	clock->phc = phc;
	error = take_over(clock, config->path, why);
	return error ? error : begin(clock, config->path, why);
}

void ds_clock_phc_close(struct ds_clock *clock)
{
	if (clock->kind == DS_CLOCK_PHC)
		ds_phc_close(&clock->phc->phc);
}

/* ---- corrections ---- */

int ds_clock_phc_set_rate(struct ds_clock *c, double rate_ppb)
{
	struct ds_clock_phc *p = c->phc;
	double set_ppb = 0.0;
	int64_t before_ns, after_ns, middle_ns;
	int error;

	if (!p->steer)
		return 0;
	/* Another one in its place: what the clock has gained by that is found by the next reading.
	 */
	if (find_rate(p))
		p->due_ns = ds_monotonic_ns();
	rate_ppb = fmax(fmin(rate_ppb, c->max_rate_ppb), -c->max_rate_ppb);
	before_ns = ds_phc_now_ns(p->phc.fd);
	error = ds_phc_set_rate(p->phc.fd, rate_ppb, &set_ppb);
	after_ns = ds_phc_now_ns(p->phc.fd);
	if (error)
		return error;
	if (before_ns >= 0 && after_ns >= before_ns) {
		middle_ns = before_ns + (after_ns - before_ns) / 2 - p->tai_ns;
	} else {
		struct ds_reading now;

		ds_clock_read(c, &now);
		middle_ns = now.clock_ns;
	}
	c->clock_before = c->clock;
	ds_line_bend(&c->clock, invert(&c->clock, middle_ns), set_ppb);
	p->dialed_ppb = set_ppb;
	return 0;
}

int ds_clock_phc_step(struct ds_clock *c, int64_t step_ns)
{
	int error;

	if (!c->phc->steer)
		return 0;
	take(c, false); /* so that the line is as good as it can be */
	error = ds_phc_step(c->phc->phc.fd, step_ns);
	if (error)
		return error;
	move(c, step_ns);
	take(c, true);
	return 0;
}

double ds_clock_phc_error_ns(const struct ds_clock *c)
{
	return c->kind == DS_CLOCK_PHC ? c->phc->error_ns : 0.0;
}

bool ds_clock_keeps_tai(const struct ds_clock *c)
{
	return c->kind == DS_CLOCK_PHC && c->phc->tai_ns != 0;
}

bool ds_clock_phc_leap(struct ds_clock *c, int64_t step_ns)
{
	if (!ds_clock_keeps_tai(c))
		return false;
	c->phc->tai_ns -= step_ns;
	move(c, step_ns);
	return true;
}
