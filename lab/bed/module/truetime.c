// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* truetime: see bedclk.h. */
#include "bedclk.h"

#include <linux/math64.h>
#include <linux/random.h>
#include <linux/timekeeping.h>

/*
 * True time is utc0 when the TSC shows tsc0, and runs at tsc_hz ticks a second. With tsc_hz=0 it is
 * the raw monotonic clock, counted from utc0 (or from the system clock when the module loads), with
 * the frequency error osc_ppb: for a guest that travels through time.
 */
static unsigned long tsc0, utc0, tsc_hz;
static long osc_ppb;
module_param(tsc0, ulong, 0444);
module_param(utc0, ulong, 0444);
module_param(tsc_hz, ulong, 0444);
module_param(osc_ppb, long, 0444);

static u64 read_tsc(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return ((u64)hi << 32) | lo;
}

/* dt * ppb / 1e9, where 976563 is 1e9 / 1024, rounded */
s64 bed_scale_ppb(s64 dt_ns, long ppb)
{
	return div_s64(dt_ns / 1024 * ppb, 976563);
}

s64 bed_true_ns(void)
{
	u64 seconds, ticks;
	s64 raw;

	if (tsc_hz) {
		seconds = div64_u64_rem(read_tsc() - tsc0, tsc_hz, &ticks);
		return (s64)utc0 + (s64)(seconds * NSEC_PER_SEC) +
		       (s64)div64_u64(ticks * NSEC_PER_SEC, tsc_hz);
	}
	raw = ktime_get_raw_ns();
	return (s64)utc0 + raw + bed_scale_ppb(raw, osc_ppb);
}

/*
 * The parameters probe and probe_phc, read: "TSC CLOCK_NS BRACKET_TICKS" of the system clock, or of
 * the card's, as tscprobe has it in user space, but without the system call between: the bracket is
 * tens of nanoseconds wide where that one is 6 us wide and not symmetric.
 */
static int probe_get(char *buf, const struct kernel_param *kp)
{
	u64 before, after, best_tsc = 0, best = U64_MAX;
	s64 ns, best_ns = 0;
	unsigned long flags;
	int i;

	for (i = 0; i < 5; i++) {
		local_irq_save(flags);
		before = read_tsc();
		ns = kp->arg ? bed_phc_at(bed_true_ns()) : ktime_get_real_ns();
		after = read_tsc();
		local_irq_restore(flags);
		if (after - before >= best)
			continue;
		best = after - before;
		best_tsc = before + best / 2;
		best_ns = ns;
	}
	return sprintf(buf, "%llu %lld %llu\n", best_tsc, best_ns, best);
}

static bool of_card = true;
static const struct kernel_param_ops probe_ops = {.get = probe_get};
module_param_cb(probe, &probe_ops, NULL, 0444);
module_param_cb(probe_phc, &probe_ops, &of_card, 0444);

int bed_truetime_start(void)
{
	if (!tsc_hz && !utc0)
		utc0 = ktime_get_real_ns() - ktime_get_raw_ns();
	pr_info("bedclk: true time %lld tsc_hz %lu\n", bed_true_ns(), tsc_hz);
	return 0;
}

/* The first whole second after t. */
s64 bed_next_second(s64 t_ns)
{
	return (div_s64(t_ns, NSEC_PER_SEC) + 1) * NSEC_PER_SEC;
}

/* The sum of four uniform numbers is close to a normal distribution. */
long bed_noise(long rms)
{
	long sum = 0;
	int i;

	if (!rms)
		return 0;
	for (i = 0; i < 4; i++)
		sum += (long)(get_random_u32() % 2001) - 1000;
	return sum * rms / 1155; /* the sd of four numbers from +-1000 */
}

/* True as often as so many in a thousand. */
bool bed_one_of(int thousandths)
{
	return thousandths > 0 && (int)(get_random_u32() % 1000) < thousandths;
}

s64 bed_between(s64 least, s64 most)
{
	if (most <= least)
		return least;
	return least + (s64)(get_random_u32() % (u32)min_t(s64, most - least + 1, U32_MAX));
}
