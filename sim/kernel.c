/* kernel: see kernel.h. */
#include "sim/kernel.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define NS_PER_S	       INT64_C(1000000000)
#define NS_PER_DAY	       (INT64_C(86400) * NS_PER_S)
#define TICK_NOMINAL	       10000
#define TICK_MOST	       1000	    /* the kernel allows 10 % */
#define FREQ_MOST	       (500L << 16) /* 500 ppm in 2^-16 ppm */
#define FREQ_UNIT	       (1e-6 / 65536.0)
#define MODE_OFFSET_SINGLESHOT 0x8001

static void add(struct sim_time *t, int64_t ns, double part)
{
	double sum = t->part + part;
	double whole = floor(sum);

	t->ns += ns + (int64_t)whole;
	t->part = sum - whole;
}

void sim_kernel_init(struct sim_kernel *k, const struct sim_oscillator_model *model, int64_t raw_ns,
		     int64_t real_ns, uint64_t seed, const char *name)
{
	memset(k, 0, sizeof *k);
	sim_oscillator_init(&k->oscillator, model, raw_ns, seed, name);
	k->raw.ns = k->mono.ns = k->counted_ns = raw_ns;
	k->real.ns = real_ns;
	k->tick = TICK_NOMINAL;
	k->status = STA_UNSYNC;
	k->leap_state = TIME_OK;
	k->max_error = k->est_error = 16000000;
}

static int64_t day_of(int64_t ns)
{
	return ns / NS_PER_DAY;
}

/* The end of the UTC day has passed. */
static void leap(struct sim_kernel *k)
{
	if (k->status & STA_INS) {
		add(&k->real, -NS_PER_S, 0.0);
		k->leap_state = TIME_OOP;
		k->tai++;
	} else if (k->status & STA_DEL) {
		add(&k->real, NS_PER_S, 0.0);
		k->leap_state = TIME_WAIT;
		k->tai--;
	}
	/* The kernel waits for the flag to be taken back; it is not obeyed twice. */
	k->status &= ~(STA_INS | STA_DEL);
}

void sim_kernel_advance(struct sim_kernel *k, int64_t now_ns)
{
	struct sim_oscillator *o = &k->oscillator;
	int64_t before = k->real.ns;
	int64_t whole;
	double part;
	/* STA_DEL leaves out the last second. */
	int64_t ahead = k->status & STA_DEL ? NS_PER_S : 0;

	sim_oscillator_advance(o, now_ns);
	whole = o->raw_ns - k->counted_ns;
	part = o->raw_part - k->counted_part;
	k->counted_ns = o->raw_ns;
	k->counted_part = o->raw_part;
	add(&k->raw, whole, part);
	part += ((double)whole + part) * k->rate;
	add(&k->mono, whole, part);
	add(&k->real, whole, part);
	if (k->status & (STA_INS | STA_DEL) && day_of(k->real.ns + ahead) > day_of(before + ahead))
		leap(k);
}

static int check(const struct timex *t)
{
	if (t->modes & ADJ_TICK &&
	    (t->tick < TICK_NOMINAL - TICK_MOST || t->tick > TICK_NOMINAL + TICK_MOST))
		return EINVAL;
	if (t->modes & ADJ_SETOFFSET && t->modes & ADJ_NANO &&
	    (t->time.tv_usec < 0 || t->time.tv_usec >= NS_PER_S))
		return EINVAL;
	return 0;
}

static void set_rate(struct sim_kernel *k, const struct timex *t)
{
	if (t->modes & ADJ_TICK)
		k->tick = t->tick;
	if (t->modes & ADJ_FREQUENCY)
		k->freq = t->freq > FREQ_MOST	 ? FREQ_MOST
			  : t->freq < -FREQ_MOST ? -FREQ_MOST
						 : t->freq;
	k->rate = (double)(k->tick - TICK_NOMINAL) * 1e-4 + (double)k->freq * FREQ_UNIT;
	k->set++;
}

static void set_offset(struct sim_kernel *k, const struct timex *t)
{
	int64_t below = t->time.tv_usec * (t->modes & ADJ_NANO ? 1 : 1000);

	sim_kernel_step(k, t->time.tv_sec * NS_PER_S + below);
}

int sim_kernel_adjust(struct sim_kernel *k, struct timex *t)
{
	int error = check(t);

	if (error != 0) {
		errno = error;
		return -1;
	}
	if (t->modes != MODE_OFFSET_SINGLESHOT) {
		if (t->modes & ADJ_SETOFFSET)
			set_offset(k, t);
		if (t->modes & (ADJ_TICK | ADJ_FREQUENCY))
			set_rate(k, t);
		if (t->modes & ADJ_STATUS)
			k->status = t->status;
		if (t->modes & ADJ_MAXERROR)
			k->max_error = t->maxerror;
		if (t->modes & ADJ_ESTERROR)
			k->est_error = t->esterror;
		if (t->modes & ADJ_TAI)
			k->tai = (int)t->constant;
	}
	t->offset = 0;
	t->freq = k->freq;
	t->tick = k->tick;
	t->status = k->status;
	t->maxerror = k->max_error;
	t->esterror = k->est_error;
	t->tai = k->tai;
	t->precision = 1;
	t->tolerance = FREQ_MOST;
	t->time.tv_sec = k->real.ns / NS_PER_S;
	t->time.tv_usec = k->real.ns % NS_PER_S / (k->status & STA_NANO ? 1 : 1000);
	return k->status & STA_UNSYNC ? TIME_ERROR : k->leap_state;
}

void sim_kernel_step(struct sim_kernel *k, int64_t step_ns)
{
	k->real.ns += step_ns;
	k->stepped++;
}

void sim_kernel_suspend(struct sim_kernel *k, int64_t now_ns)
{
	sim_kernel_advance(k, now_ns);
	k->fell_asleep_ns = now_ns;
}

void sim_kernel_resume(struct sim_kernel *k, int64_t now_ns, int64_t rtc_error_ns)
{
	int64_t slept_ns = now_ns - k->fell_asleep_ns;

	/* What the oscillator counted meanwhile nobody saw. */
	sim_oscillator_advance(&k->oscillator, now_ns);
	k->counted_ns = k->oscillator.raw_ns;
	k->counted_part = k->oscillator.raw_part;
	k->slept_ns += slept_ns;
	k->real.ns += slept_ns + rtc_error_ns;
}

int64_t sim_kernel_when(const struct sim_kernel *k, int64_t ns)
{
	double rate = (1.0 + k->oscillator.force) * (1.0 + k->rate);

	/* and a little more: a timer never fires early */
	return k->oscillator.now_ns + (int64_t)ceil((double)ns / rate) + 1000;
}
