/*
 * clock: everything is a reading of CLOCK_REALTIME taken along straight lines: back to
 * MONOTONIC_RAW, on to the raw scale, and for a virtual clock on to the clock. The raw line is
 * never touched after the clock was opened.
 */
#include "os/clock.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "core/exchange/wire.h"
#include "os/clock_phc.h"

#define NS_PER_S	    INT64_C(1000000000)
#define ANCHOR_MAX_AGE_NS   (1000 * NS_PER_S)
#define JUMP_LEAST_NS	    INT64_C(1000000)
#define ANCHOR_TOLERANCE_NS 30 /* the kernel dithers the rate to keep its average */
#define ANCHOR_NARROW_NS    2000
#define ANCHOR_SLOW_PAIRS   10
#define ANCHOR_SHARE	    4.0	  /* a pair is mostly right to so much of its width */
#define TICK_MOST_NS	    1e7	  /* at 100 Hz */
#define TICK_NOMINAL	    10000 /* microseconds a tick, at any HZ: USER_HZ is 100 */
#define TICK_UNIT_PPB	    1e5
#define TICK_MAX	    1000 /* units; the kernel allows 10 % */
#define FREQ_MAX_PPB	    500000
#define FREQ_UNITS_PER_PPB  65.536 /* timex.freq: 2^-16 ppm */
#define RATE_MAX_PPB	    1e8
#define PRECISION_READINGS  100

__extension__ typedef __int128 wide;

/* ---- lines ---- */

#define Q62 62

static wide deviation(const struct ds_line *line, int64_t from_ns)
{
	return (wide)(from_ns - line->from_ns) * line->rate_q62 + (wide)line->frac_q62;
}

struct ds_line ds_line_make(int64_t from_ns, int64_t to_ns, double rate_ppb)
{
	return (struct ds_line){
		.from_ns = from_ns,
		.to_ns = to_ns,
		.rate_q62 = llrint(ldexp(rate_ppb * 1e-9, Q62)),
	};
}

int64_t ds_line_at(const struct ds_line *line, int64_t from_ns)
{
	/* the shift of a negative number rounds down, with gcc and clang */
	return line->to_ns + (from_ns - line->from_ns) + (int64_t)(deviation(line, from_ns) >> Q62);
}

void ds_line_bend(struct ds_line *line, int64_t from_ns, double rate_ppb)
{
	const struct ds_line old = *line;
	const wide mask = ((wide)1 << Q62) - 1;

	*line = ds_line_make(from_ns, ds_line_at(&old, from_ns), rate_ppb);
	line->frac_q62 = (uint64_t)(deviation(&old, from_ns) & mask);
}

double ds_line_rate_ppb(const struct ds_line *line)
{
	return ldexp((double)line->rate_q62, -Q62) * 1e9;
}

/* ---- readings of the kernel's clocks ---- */

static int64_t read_ns(clockid_t id)
{
	struct timespec t = {0};

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t ds_monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

int64_t ds_suspended_ns(void)
{
	struct timespec boot;

	/* Read second, so that the difference is never too small by a preemption. */
	const int64_t monotonic = ds_monotonic_ns();
	if (clock_gettime(CLOCK_BOOTTIME, &boot) != 0)
		return 0;
	return (int64_t)boot.tv_sec * NS_PER_S + boot.tv_nsec - monotonic;
}

/* CLOCK_REALTIME read between two readings of MONOTONIC_RAW. */
struct pair {
	int64_t mono_raw_ns; /* the middle */
	int64_t real_ns;
	int64_t width_ns;
};

static struct pair read_pair(void)
{
	const int64_t before = read_ns(CLOCK_MONOTONIC_RAW);
	const int64_t real = read_ns(CLOCK_REALTIME);
	const int64_t width = read_ns(CLOCK_MONOTONIC_RAW) - before;

	return (struct pair){before + width / 2, real, width};
}

/* ---- the anchor ---- */

static double rate_of(const struct timex *t)
{
	return (double)(t->tick - TICK_NOMINAL) * TICK_UNIT_PPB +
	       (double)t->freq / FREQ_UNITS_PER_PPB;
}

/* What the kernel says it has set; 0 where it does not tell. */
double ds_kernel_rate_ppb(void)
{
	struct timex t = {.modes = 0};

	return adjtimex(&t) < 0 ? 0.0 : rate_of(&t);
}

static int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Where a reading takes long, a pair may be held up on one side by most of its width, and with each
 * new anchor the raw scale would move by that. But CLOCK_REALTIME was read somewhere between two
 * readings of each pair, and that of ten pairs together leaves little room. */
static struct pair read_slow_pair(struct pair best)
{
	int64_t least = best.real_ns - best.mono_raw_ns - best.width_ns / 2;
	int64_t most = least + best.width_ns;

	for (int i = 1; i < ANCHOR_SLOW_PAIRS; i++) {
		const struct pair p = read_pair();
		const int64_t low = p.real_ns - p.mono_raw_ns - p.width_ns / 2;

		least = later_of(least, low);
		most = -later_of(-most, -(low + p.width_ns));
		if (p.width_ns < best.width_ns)
			best = p;
	}
	if (least > most) /* the clock was set meanwhile */
		return best;
	best.mono_raw_ns = best.real_ns - least - (most - least) / 2;
	best.width_ns = most - least;
	return best;
}

static struct pair read_best_pair(void)
{
	struct pair best = read_pair();

	if (best.width_ns > ANCHOR_NARROW_NS)
		return read_slow_pair(best);
	for (int i = 0; i < 2; i++) {
		struct pair other = read_pair();

		if (other.width_ns < best.width_ns)
			best = other;
	}
	return best;
}

static void drop_anchor(struct ds_clock *c, double rate_ppb)
{
	const double back = -rate_ppb / (1.0 + rate_ppb * 1e-9);
	const struct pair best = read_best_pair();

	c->real_rate_ppb = rate_ppb;
	c->anchor_width_ns = best.width_ns;
	c->anchored_raw_ns = best.mono_raw_ns;
	c->real = ds_line_make(best.mono_raw_ns, best.real_ns, rate_ppb);
	c->mono_raw = ds_line_make(best.real_ns, best.mono_raw_ns, back);
	c->mono_raw_before = c->mono_raw;
}

/* We have changed CLOCK_REALTIME: until now the old anchor was right. (Where others did, nobody
 * knows since when it was not.) Its rate changed from at_ns of MONOTONIC_RAW on, or, as kernels do
 * it, from their next tick: if that makes less of a difference than two readings are apart the
 * anchor is bent there, for a new one would move into the clock what its readings are wrong by. */
static void turn_anchor(struct ds_clock *c, int64_t at_ns, double rate_ppb)
{
	const struct ds_line before = c->mono_raw;
	const double unsure_ns = fabs(rate_ppb - c->real_rate_ppb) * 1e-9 * TICK_MOST_NS;

	if (unsure_ns * ANCHOR_SHARE > (double)c->anchor_width_ns) {
		drop_anchor(c, rate_ppb);
	} else {
		c->real_rate_ppb = rate_ppb;
		ds_line_bend(&c->real, at_ns, rate_ppb);
		c->mono_raw = ds_line_make(c->real.to_ns, c->real.from_ns,
					   -rate_ppb / (1.0 + rate_ppb * 1e-9));
	}
	c->mono_raw_before = before;
}

static bool contradicts(const struct ds_clock *c, const struct pair *p)
{
	const int64_t off = p->real_ns - ds_line_at(&c->real, p->mono_raw_ns);
	const int64_t allowed = p->width_ns / 2 + ANCHOR_TOLERANCE_NS;

	return off > allowed || off < -allowed ||
	       p->mono_raw_ns - c->anchored_raw_ns > ANCHOR_MAX_AGE_NS;
}

/* We have stepped CLOCK_REALTIME. The kernel adds to it what it is told to; a clock that was set is
 * as right as we were quick. (What stands in for a kernel may be as quick: then that shows.) */
static void step_anchor(struct ds_clock *c, int64_t step_ns, bool exact)
{
	const struct ds_line before = c->mono_raw;
	struct pair now = read_pair();

	ds_line_bend(&c->real, now.mono_raw_ns, c->real_rate_ppb);
	c->real.to_ns += step_ns;
	c->mono_raw = ds_line_make(c->real.to_ns, c->real.from_ns, ds_line_rate_ppb(&c->mono_raw));
	if (!exact || contradicts(c, &now))
		drop_anchor(c, c->real_rate_ppb);
	c->mono_raw_before = before;
}

/* CLOCK_REALTIME now, with an anchor that holds for it. */
static int64_t read_real(struct ds_clock *c)
{
	const struct pair p = read_pair();

	int64_t off;

	if (!contradicts(c, &p))
		return p.real_ns;
	off = p.real_ns - ds_line_at(&c->real, p.mono_raw_ns);
	if (c->kind != DS_CLOCK_PHC && llabs(off) - p.width_ns / 2 >= JUMP_LEAST_NS)
		c->jump_ns += off;
	drop_anchor(c, ds_kernel_rate_ppb());
	c->anchors++;
	return c->real.to_ns;
}

/* ---- readings and stamps ---- */

/* The anchor before, if we ended it, holds to the moment at which this one begins. (Had the clock
 * been stepped back, what is between the two could be of either: it is taken for new.) */
static const struct ds_line *anchor_of(const struct ds_clock *clock, int64_t realtime_ns)
{
	return realtime_ns < clock->mono_raw.from_ns ? &clock->mono_raw_before : &clock->mono_raw;
}

int64_t ds_clock_mono_raw_ns(const struct ds_clock *clock, int64_t realtime_ns)
{
	return ds_line_at(anchor_of(clock, realtime_ns), realtime_ns);
}

/* A PHC is really somewhere: what it showed before a correction is known. */
static int64_t clock_at(const struct ds_clock *clock, int64_t raw_ns)
{
	bool before = clock->kind == DS_CLOCK_PHC && raw_ns < clock->clock.from_ns;

	return ds_line_at(before ? &clock->clock_before : &clock->clock, raw_ns);
}

void ds_clock_carry(const struct ds_clock *clock, int64_t realtime_ns, struct ds_reading *reading)
{
	reading->raw_ns = ds_line_at(&clock->raw, ds_clock_mono_raw_ns(clock, realtime_ns));
	reading->clock_ns =
		clock->kind == DS_CLOCK_SYSTEM ? realtime_ns : clock_at(clock, reading->raw_ns);
}

void ds_clock_read(struct ds_clock *clock, struct ds_reading *reading)
{
	const int64_t real = read_real(clock);

	ds_clock_carry(clock, real, reading);
}

/* Of a PHC, the kernel's stamps and readings are by a line. */
static uint32_t carry_error_ns(const struct ds_clock *clock)
{
	return (uint32_t)ceil(fmin(ds_clock_phc_error_ns(clock), UINT32_MAX));
}

struct ds_rx_stamp ds_clock_rx_stamp(const struct ds_clock *clock, int64_t realtime_ns,
				     enum ds_stamp_source source)
{
	struct ds_reading r;

	ds_clock_carry(clock, realtime_ns, &r);
	return (struct ds_rx_stamp){r.clock_ns, r.raw_ns, source, carry_error_ns(clock)};
}

struct ds_tx_stamp ds_clock_tx_stamp(const struct ds_clock *clock, int64_t realtime_ns,
				     enum ds_stamp_source source)
{
	struct ds_reading r;

	ds_clock_carry(clock, realtime_ns, &r);
	return (struct ds_tx_stamp){r.clock_ns, r.raw_ns, source, carry_error_ns(clock)};
}

struct ds_tx_stamp ds_clock_tx_now(struct ds_clock *clock)
{
	struct ds_reading r;

	ds_clock_read(clock, &r);
	return (struct ds_tx_stamp){r.clock_ns, r.raw_ns, DS_STAMP_DAEMON, carry_error_ns(clock)};
}

struct ds_rx_stamp ds_clock_rx_now(struct ds_clock *clock)
{
	struct ds_reading r;

	ds_clock_read(clock, &r);
	return (struct ds_rx_stamp){r.clock_ns, r.raw_ns, DS_STAMP_DAEMON, carry_error_ns(clock)};
}

int64_t ds_clock_take_jump(struct ds_clock *clock)
{
	const int64_t jump = clock->jump_ns;

	clock->jump_ns = 0;
	return jump;
}

int64_t ds_clock_take_step(struct ds_clock *clock)
{
	const int64_t step = clock->step_ns;

	clock->step_ns = 0;
	return step;
}

int64_t ds_clock_read_beside(struct ds_clock *clock, struct ds_reading *reading)
{
	const int64_t real = read_real(clock);

	ds_clock_carry(clock, real, reading);
	return real;
}

int64_t ds_clock_minus_realtime_ns(struct ds_clock *clock)
{
	struct ds_reading r;
	const int64_t real = ds_clock_read_beside(clock, &r);

	return r.clock_ns - real;
}

/* ---- opening ---- */

/* A few hundred readings: the least step that is not zero. */
static int64_t measure_precision(void)
{
	int64_t least = NS_PER_S, last = read_ns(CLOCK_REALTIME);

	for (int i = 0; i < 2 * PRECISION_READINGS; i++) {
		int64_t now = read_ns(CLOCK_REALTIME);

		if (now > last && now - last < least)
			least = now - last;
		last = now;
	}
	/* a clock that did not move is not a bad one */
	return least < NS_PER_S ? least : 1;
}

static void open_common(struct ds_clock *c, enum ds_clock_kind kind)
{
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	c->precision_ns = measure_precision();
	c->max_rate_ppb = RATE_MAX_PPB;
	drop_anchor(c, ds_kernel_rate_ppb());
	c->raw = ds_line_make(c->real.from_ns, c->real.from_ns, 0.0);
}

/* adjtimex() returns the state of the clock; TIME_ERROR is one. */
static int adjust(struct timex *t)
{
	return adjtimex(t) < 0 ? -errno : 0;
}

/* May we, and let nobody else in the kernel adjust: no adjtime(), no PLL with an offset left. Only
 * the first can fail for want of a right; the others are unknown to some (gVisor, simulators). */
static int take_over(void)
{
	struct timex now = {.modes = 0}, t;
	int error = adjust(&now);

	if (error)
		return error;
	t = (struct timex){.modes = ADJ_FREQUENCY, .freq = now.freq};
	error = adjust(&t);
	if (error)
		return error;
	t = (struct timex){.modes = ADJ_OFFSET_SINGLESHOT, .offset = 0};
	adjust(&t);
	t = (struct timex){
		.modes = ADJ_OFFSET | ADJ_STATUS, .offset = 0, .status = STA_PLL | STA_UNSYNC};
	adjust(&t);
	/* the PLL with offset 0 leaves the frequency alone, but setting it again costs nothing */
	t = (struct timex){
		.modes = ADJ_STATUS | ADJ_FREQUENCY, .status = STA_UNSYNC, .freq = now.freq};
	return adjust(&t);
}

int ds_clock_open_system(struct ds_clock *clock, bool steer)
{
	int error;

	open_common(clock, DS_CLOCK_SYSTEM);
	if (!steer)
		return 0;
	error = take_over();
	if (error)
		return error;
	clock->steer = true;
	drop_anchor(clock, ds_kernel_rate_ppb());
	return 0;
}

int ds_clock_open_virtual(struct ds_clock *clock, double offset_s, double freq_ppm)
{
	int64_t raw_ns;

	if (!(fabs(offset_s) <= 1e9) || !(fabs(freq_ppm) <= 1e5))
		return -EINVAL;
	open_common(clock, DS_CLOCK_VIRTUAL);
	raw_ns = clock->real.from_ns;
	clock->raw = ds_line_make(raw_ns, raw_ns, freq_ppm * 1e3);
	clock->clock = ds_line_make(raw_ns, clock->real.to_ns + llrint(offset_s * 1e9), 0.0);
	return 0;
}

/* ---- corrections ---- */

static int set_system_rate(struct ds_clock *c, double rate_ppb)
{
	struct timex t = {.modes = ADJ_FREQUENCY | ADJ_TICK};
	int64_t ticks = 0, before_ns;
	int error;

	if (fabs(rate_ppb) > FREQ_MAX_PPB)
		ticks = llrint(rate_ppb / TICK_UNIT_PPB);
	if (ticks > TICK_MAX || ticks < -TICK_MAX)
		return -EINVAL;
	t.tick = (long)(TICK_NOMINAL + ticks);
	t.freq = lrint((rate_ppb - (double)ticks * TICK_UNIT_PPB) * FREQ_UNITS_PER_PPB);
	read_real(c); /* so that the anchor is right until now */
	before_ns = read_ns(CLOCK_MONOTONIC_RAW);
	error = adjust(&t);
	if (error)
		return error;
	turn_anchor(c, before_ns + (read_ns(CLOCK_MONOTONIC_RAW) - before_ns) / 2, rate_of(&t));
	return 0;
}

int ds_clock_set_rate(struct ds_clock *clock, double rate_ppb)
{
	struct ds_reading now;

	if (!(fabs(rate_ppb) <= RATE_MAX_PPB))
		return -EINVAL;
	if (clock->kind == DS_CLOCK_SYSTEM)
		return clock->steer ? set_system_rate(clock, rate_ppb) : 0;
	if (clock->kind == DS_CLOCK_PHC)
		return ds_clock_phc_set_rate(clock, rate_ppb);
	ds_clock_read(clock, &now);
	ds_line_bend(&clock->clock, now.raw_ns, rate_ppb);
	return 0;
}

double ds_clock_rate_ppb(const struct ds_clock *clock)
{
	return clock->kind == DS_CLOCK_SYSTEM ? clock->real_rate_ppb
					      : ds_line_rate_ppb(&clock->clock);
}

static int step_system(struct ds_clock *c, int64_t step_ns)
{
	struct timex t = {.modes = ADJ_SETOFFSET | ADJ_NANO};
	struct timespec now;
	int64_t to_ns;
	bool exact;
	int error;

	t.time.tv_sec = step_ns / NS_PER_S;
	t.time.tv_usec = step_ns % NS_PER_S;
	if (t.time.tv_usec < 0) {
		t.time.tv_sec--;
		t.time.tv_usec += NS_PER_S;
	}
	read_real(c);
	error = adjust(&t);
	exact = !error;
	if (error && error != -EPERM) {
		to_ns = read_ns(CLOCK_REALTIME) + step_ns;
		now = (struct timespec){to_ns / NS_PER_S, to_ns % NS_PER_S};
		error = clock_settime(CLOCK_REALTIME, &now) < 0 ? -errno : 0;
	}
	if (!error)
		step_anchor(c, step_ns, exact);
	return error;
}

int ds_clock_step(struct ds_clock *clock, int64_t step_ns)
{
	if (clock->kind == DS_CLOCK_SYSTEM)
		return clock->steer ? step_system(clock, step_ns) : 0;
	if (clock->kind == DS_CLOCK_PHC)
		return ds_clock_phc_step(clock, step_ns);
	clock->clock.to_ns += step_ns;
	clock->step_ns += step_ns;
	return 0;
}

void ds_clock_virtual_line(const struct ds_clock *clock, int64_t *mono_raw_ns, int64_t *clock_ns,
			   double *rate_ppb)
{
	const double oscillator = ds_line_rate_ppb(&clock->raw);
	const double kept = ds_line_rate_ppb(&clock->clock);

	*mono_raw_ns = read_ns(CLOCK_MONOTONIC_RAW);
	*clock_ns = ds_line_at(&clock->clock, ds_line_at(&clock->raw, *mono_raw_ns));
	*rate_ppb = oscillator + kept + oscillator * kept * 1e-9;
}

static long microseconds(int64_t ns)
{
	const int64_t us = ns <= 0 ? 0 : (ns - 1) / 1000 + 1;

	return us < LONG_MAX ? (long)us : LONG_MAX;
}

int ds_clock_tell_kernel(struct ds_clock *clock, const struct ds_kernel_view *view)
{
	struct timex t = {.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR};
	struct timex tai = {.modes = ADJ_TAI, .constant = view->tai_s};
	int error;

	if (clock->kind != DS_CLOCK_SYSTEM || !clock->steer)
		return 0;
	if (!view->synchronised || view->leap == DS_LEAP_UNSYNCHRONISED)
		t.status |= STA_UNSYNC;
	if (view->leap == DS_LEAP_INSERT)
		t.status |= STA_INS;
	else if (view->leap == DS_LEAP_DELETE)
		t.status |= STA_DEL;
	t.maxerror = microseconds(view->max_error_ns);
	t.esterror = microseconds(view->est_error_ns);
	error = adjust(&t);
	if (error || view->tai_s == 0 || t.tai == view->tai_s)
		return error;
	return adjust(&tai);
}
