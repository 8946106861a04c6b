// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* pulse: see bedclk.h. */
#include "bedclk.h"

#include <linux/pps_kernel.h>

static bool pps_on = true; /* 0 stops it, as a lost receiver would */
static long pps_offset;	   /* the edge is so late */
static long pps_jitter;	   /* and moves so much, rms */
static int pps_missing;	   /* this share of the pulses is lost */
static int pps_gap;	   /* written: so many pulses from now on are lost */
static int pps_double;	   /* this share is followed by a second edge */
static long pps_double_ns = 3000000;
module_param(pps_on, bool, 0644);
module_param(pps_offset, long, 0644);
module_param(pps_jitter, long, 0644);
module_param(pps_missing, int, 0644);
module_param(pps_gap, int, 0644);
module_param(pps_double, int, 0644);
module_param(pps_double_ns, long, 0644);

static struct pps_device *pps;
static struct hrtimer pps_timer;
static s64 pps_edge;  /* true time of the next edge */
static bool pps_echo; /* it is a second edge */

static void shift_ns(struct timespec64 *ts, s64 ns)
{
	*ts = ns_to_timespec64(timespec64_to_ns(ts) + ns);
}

static bool is_lost(void)
{
	if (pps_echo)
		return false;
	if (pps_gap > 0) {
		pps_gap--;
		return true;
	}
	return !pps_on || bed_one_of(pps_missing);
}

/*
 * The system clock, and how late that was for the edge. It is read between two looks at true time,
 * with nothing else between (four random numbers take 1.6 us); the narrowest of a few, since the
 * machine may take the processor away.
 */
static s64 read_late(struct pps_event_time *ts)
{
	struct pps_event_time now;
	s64 before, after, best = S64_MAX, late = 0;
	int i;

	for (i = 0; i < 5; i++) {
		before = bed_true_ns();
		pps_get_ts(&now);
		after = bed_true_ns();
		if (after - before >= best)
			continue;
		best = after - before;
		late = before + best / 2 - pps_edge;
		*ts = now;
	}
	return late;
}

/* Back-dated, so that the latency of the virtual timer does not show. */
static void tell_edge(void)
{
	struct pps_event_time ts;
	long moved = bed_noise(pps_jitter) + pps_offset;
	s64 shift = moved - read_late(&ts);

	shift_ns(&ts.ts_real, shift);
#ifdef CONFIG_NTP_PPS
	shift_ns(&ts.ts_raw, shift);
#endif
	pps_event(pps, &ts, PPS_CAPTUREASSERT, NULL);
	bed_phc_pulse(pps_edge + moved);
}

static enum hrtimer_restart pps_tick(struct hrtimer *timer)
{
	s64 t = bed_true_ns();
	bool lost;

	/* The timer runs on the host's own oscillator, and may be early. */
	if (t < pps_edge) {
		hrtimer_forward_now(timer, ns_to_ktime(pps_edge - t));
		return HRTIMER_RESTART;
	}
	lost = is_lost();
	if (!lost)
		tell_edge();
	if (!pps_echo)
		bed_phc_each_second();
	pps_echo = !pps_echo && !lost && bed_one_of(pps_double);
	if (pps_echo)
		pps_edge += pps_double_ns;
	else
		pps_edge = bed_next_second(bed_true_ns());
	hrtimer_forward_now(timer, ns_to_ktime(max_t(s64, pps_edge - bed_true_ns(), 1000)));
	return HRTIMER_RESTART;
}

static struct pps_source_info pps_info = {
	.name = "bedpps",
	.path = "",
	.mode = PPS_CAPTUREASSERT | PPS_OFFSETASSERT | PPS_CANWAIT | PPS_TSFMT_TSPEC,
	.owner = THIS_MODULE,
};

int bed_pulse_start(void)
{
	s64 now = bed_true_ns();

	pps = pps_register_source(&pps_info, PPS_CAPTUREASSERT | PPS_OFFSETASSERT);
	if (IS_ERR(pps))
		return PTR_ERR(pps);
	pps_edge = bed_next_second(now);
	hrtimer_init(&pps_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	pps_timer.function = pps_tick;
	hrtimer_start(&pps_timer, ns_to_ktime(pps_edge - now), HRTIMER_MODE_REL);
	return 0;
}

void bed_pulse_stop(void)
{
	hrtimer_cancel(&pps_timer);
	pps_unregister_source(pps);
}
