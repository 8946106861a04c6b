// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* phc: see bedclk.h. */
#include "bedclk.h"

#include <linux/math64.h>
#include <linux/timekeeping.h>

static long phc_offset;	      /* wrong by so much at the start */
static long phc_ppb;	      /* frequency error of its oscillator; can be written while it runs */
static long phc_wander;	      /* random walk of that: rms of its step each second */
static long phc_read;	      /* how long a reading over the bus takes; the caller waits */
static int phc_read_at = 500; /* in which thousandth of that it is really read; 500: symmetric */
static bool phc_plain;	      /* a driver without PTP_SYS_OFFSET_EXTENDED */
static bool phc_cross;	      /* PTP_SYS_OFFSET_PRECISE; switched off while running, it fails */
static bool phc_fail;	      /* reading fails with EIO, as of a card that fell off the bus */
static long extts_jitter;     /* of external time stamps, rms */
module_param(phc_offset, long, 0444);
module_param(phc_wander, long, 0644);
module_param(phc_read, long, 0644);
module_param(phc_read_at, int, 0644);
module_param(phc_plain, bool, 0444);
module_param(phc_cross, bool, 0644);
module_param(phc_fail, bool, 0644);
module_param(extts_jitter, long, 0644);

/*
 * The clock shows phc_base at the true time phc_since, and runs from there at
 * 1 + phc_ppb * 1e-9 + phc_adj (in 2^-16 ppm, as adjfine gives it).
 */
static DEFINE_SPINLOCK(phc_lock);
static s64 phc_base, phc_since;
static long phc_adj;
static bool extts_on;
static struct ptp_clock *phc;

/* with phc_lock held */
static s64 phc_at_locked(s64 t_ns)
{
	s64 dt = t_ns - phc_since;

	return phc_base + dt + bed_scale_ppb(dt, phc_ppb) + div_s64((dt >> 16) * phc_adj, 1000000);
}

/* Move the base to now, so that a change of rate acts from now on. Locked. */
static void phc_rebase_locked(void)
{
	s64 t = bed_true_ns();

	phc_base = phc_at_locked(t);
	phc_since = t;
}

s64 bed_phc_at(s64 t_ns)
{
	unsigned long flags;
	s64 ns;

	spin_lock_irqsave(&phc_lock, flags);
	ns = phc_at_locked(t_ns);
	spin_unlock_irqrestore(&phc_lock, flags);
	return ns;
}

void bed_phc_each_second(void)
{
	unsigned long flags;

	spin_lock_irqsave(&phc_lock, flags);
	phc_rebase_locked();
	phc_ppb += bed_noise(phc_wander);
	spin_unlock_irqrestore(&phc_lock, flags);
}

static int phc_ppb_set(const char *text, const struct kernel_param *kp)
{
	unsigned long flags;
	long ppb;
	int error = kstrtol(text, 0, &ppb);

	if (error)
		return error;
	spin_lock_irqsave(&phc_lock, flags);
	if (phc_since)
		phc_rebase_locked();
	phc_ppb = ppb;
	spin_unlock_irqrestore(&phc_lock, flags);
	return 0;
}

static const struct kernel_param_ops phc_ppb_ops = {.set = phc_ppb_set, .get = param_get_long};
module_param_cb(phc_ppb, &phc_ppb_ops, &phc_ppb, 0644);

static int phc_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	unsigned long flags;

	spin_lock_irqsave(&phc_lock, flags);
	phc_rebase_locked();
	phc_adj = scaled_ppm;
	spin_unlock_irqrestore(&phc_lock, flags);
	return 0;
}

static int phc_adjtime(struct ptp_clock_info *info, s64 delta_ns)
{
	unsigned long flags;

	spin_lock_irqsave(&phc_lock, flags);
	phc_rebase_locked();
	phc_base += delta_ns;
	spin_unlock_irqrestore(&phc_lock, flags);
	return 0;
}

static int phc_settime(struct ptp_clock_info *info, const struct timespec64 *ts)
{
	unsigned long flags;

	spin_lock_irqsave(&phc_lock, flags);
	phc_rebase_locked();
	phc_base = timespec64_to_ns(ts);
	spin_unlock_irqrestore(&phc_lock, flags);
	return 0;
}

static void wait_until(s64 t_ns)
{
	while (bed_true_ns() < t_ns)
		cpu_relax();
}

/* The bus: so long until the clock is read, so long until that is known. */
static int phc_gettimex(struct ptp_clock_info *info, struct timespec64 *ts,
			struct ptp_system_timestamp *sts)
{
	s64 begun, ns;

	if (phc_fail)
		return -EIO;
	ptp_read_system_prets(sts);
	begun = bed_true_ns();
	wait_until(begun + phc_read * phc_read_at / 1000);
	ns = bed_phc_at(bed_true_ns());
	wait_until(begun + phc_read);
	ptp_read_system_postts(sts);
	*ts = ns_to_timespec64(ns);
	return 0;
}

static int phc_gettime(struct ptp_clock_info *info, struct timespec64 *ts)
{
	return phc_gettimex(info, ts, NULL);
}

/*
 * Both clocks at one moment, as hardware latches them. The machine may take the processor away in
 * the midst, which hardware does not know: the closest of a few.
 */
static int phc_getcross(struct ptp_clock_info *info, struct system_device_crosststamp *cross)
{
	struct system_time_snapshot now;
	unsigned long flags;
	s64 before, after, best = S64_MAX;
	int i;

	if (phc_fail)
		return -EIO;
	if (!phc_cross)
		return -EOPNOTSUPP;
	for (i = 0; i < 5; i++) {
		local_irq_save(flags);
		before = bed_true_ns();
		ktime_get_snapshot(&now);
		after = bed_true_ns();
		local_irq_restore(flags);
		if (after - before >= best)
			continue;
		best = after - before;
		cross->device = ns_to_ktime(bed_phc_at(before + best / 2));
		cross->sys_realtime = now.real;
		cross->sys_monoraw = now.raw;
	}
	return 0;
}

static int phc_enable(struct ptp_clock_info *info, struct ptp_clock_request *req, int on)
{
	if (req->type != PTP_CLK_REQ_EXTTS || req->extts.index != 0)
		return -EOPNOTSUPP;
	extts_on = on;
	return 0;
}

void bed_phc_pulse(s64 t_ns)
{
	struct ptp_clock_event event = {.type = PTP_CLOCK_EXTTS, .index = 0};

	if (!extts_on)
		return;
	event.timestamp = bed_phc_at(t_ns) + bed_noise(extts_jitter);
	ptp_clock_event(phc, &event);
}

/* The one pin is always an input: only "physical sync" is refused. */
static int phc_verify(struct ptp_clock_info *info, unsigned int pin, enum ptp_pin_function func,
		      unsigned int chan)
{
	return func == PTP_PF_PHYSYNC;
}

static struct ptp_pin_desc phc_pins[] = {
	{.name = "bed0", .func = PTP_PF_EXTTS},
};

static struct ptp_clock_info phc_info = {
	.owner = THIS_MODULE,
	.name = "bedphc",
	.max_adj = 500000000,
	.n_ext_ts = 1,
	.n_pins = ARRAY_SIZE(phc_pins),
	.pin_config = phc_pins,
	.adjfine = phc_adjfine,
	.adjtime = phc_adjtime,
	.settime64 = phc_settime,
	.enable = phc_enable,
	.verify = phc_verify,
};

int bed_phc_start(void)
{
	phc_since = bed_true_ns();
	phc_base = phc_since + phc_offset;
	if (phc_plain)
		phc_info.gettime64 = phc_gettime;
	else
		phc_info.gettimex64 = phc_gettimex;
	if (phc_cross)
		phc_info.getcrosststamp = phc_getcross;
	phc = ptp_clock_register(&phc_info, NULL);
	return IS_ERR_OR_NULL(phc) ? -ENODEV : 0;
}

void bed_phc_stop(void)
{
	ptp_clock_unregister(phc);
}

int bed_phc_index(void)
{
	return ptp_clock_index(phc);
}
