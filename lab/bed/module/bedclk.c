// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * bedclk: the clock hardware of a virtual test bed, for Linux 6.1 to 6.12 as a
 * User-mode Linux or x86 guest; a module, or built in.
 *
 * "True time" is the TSC on a fixed scale, given by tsc0 (ticks), utc0 (ns) and
 * tsc_hz. All hosts of one bed get the same three numbers. With tsc_hz=0 true
 * time is the raw monotonic clock, counted from utc0 (or from the system clock
 * when the module loads), with the frequency error osc_ppb.
 *
 *  - /dev/pps0 "bedpps": an edge at every whole second of true time, moved by
 *    pps_offset and pps_jitter (rms), back-dated so that the latency of the
 *    virtual timer does not show. pps_on=0 stops it, as a lost receiver would.
 *
 *  - /dev/ptp0 "bedphc": an adjustable clock with the frequency error phc_ppb.
 *    Its external time stamp channel 0 sees the same pulse as pps0.
 *
 *  - hw0: a network device stacked on a real one, with hardware receive stamps
 *    (all packets) and transmit stamps in the time of bedphc, with the noise
 *    hw_jitter (rms). Made by
 *	echo vec0 > /sys/module/bedclk/parameters/lower
 *
 *    wire_delay >= 0 models the cable: the sender appends a trailer with the
 *    true time of transmission, the receiver takes it off and sets its hardware
 *    stamp to that time + wire_delay (+ wire_jitter rms), so that the latency of
 *    the virtual packet path does not show. With wire_delay < 0 the stamp is
 *    the time at which the packet was handed up.
 *
 * Times are in nanoseconds, frequency errors in parts per thousand million.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/net_tstamp.h>
#include <linux/netdevice.h>
#include <linux/pps_kernel.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/random.h>
#include <linux/rtnetlink.h>
#include <linux/uaccess.h>
#include <linux/version.h>

static unsigned long tsc0, utc0, tsc_hz;
static long osc_ppb; /* for time travel: the oscillator error of a host without a TSC scale */
static long pps_offset, pps_jitter;
static bool pps_on = true;
static long phc_ppb, phc_offset;
static long hw_jitter;
static long wire_delay = -1, wire_jitter;

/*
 * From the software stamp to the wire, as in a real card: chrony drops a
 * hardware transmit stamp that is before the software one.
 */
static long tx_latency = 3000;

module_param(tsc0, ulong, 0644);
module_param(utc0, ulong, 0644);
module_param(tsc_hz, ulong, 0644);
module_param(osc_ppb, long, 0444);
module_param(pps_offset, long, 0644);
module_param(pps_jitter, long, 0644);
module_param(pps_on, bool, 0644);
module_param(phc_ppb, long, 0444);
module_param(phc_offset, long, 0444);
module_param(hw_jitter, long, 0644);
module_param(wire_delay, long, 0644);
module_param(wire_jitter, long, 0644);
module_param(tx_latency, long, 0644);

/* ---- true time ---- */

static u64 read_tsc(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return ((u64)hi << 32) | lo;
}

/* dt * ppb / 1e9, where 976563 is 1e9 / 1024, rounded */
static s64 scale_ppb(s64 dt, long ppb)
{
	return div_s64(dt / 1024 * ppb, 976563);
}

static s64 true_ns(void)
{
	u64 seconds, ticks;
	s64 raw;

	if (tsc_hz) {
		seconds = div64_u64_rem(read_tsc() - tsc0, tsc_hz, &ticks);
		return (s64)utc0 + (s64)(seconds * NSEC_PER_SEC) +
		       (s64)div64_u64(ticks * NSEC_PER_SEC, tsc_hz);
	}

	raw = ktime_get_raw_ns();
	return (s64)utc0 + raw + scale_ppb(raw, osc_ppb);
}

/* the first whole second after t */
static s64 next_second(s64 t)
{
	return (div_s64(t, NSEC_PER_SEC) + 1) * NSEC_PER_SEC;
}

/* The sum of four uniform numbers is close to a normal distribution. */
static long noise(long rms)
{
	long sum = 0;
	int i;

	if (!rms)
		return 0;
	for (i = 0; i < 4; i++)
		sum += (long)(get_random_u32() % 2001) - 1000;
	return sum * rms / 1155; /* the sd of four numbers from +-1000 */
}

/* ---- /dev/ptp0: the clock of the network card ---- */

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
static s64 phc_at_locked(s64 t)
{
	s64 dt = t - phc_since;

	return phc_base + dt + scale_ppb(dt, phc_ppb) + div_s64((dt >> 16) * phc_adj, 1000000);
}

/* Move the base to now, so that a change of rate acts from now on. Locked. */
static void phc_rebase_locked(void)
{
	s64 t = true_ns();

	phc_base = phc_at_locked(t);
	phc_since = t;
}

static s64 phc_at(s64 t)
{
	unsigned long flags;
	s64 ns;

	spin_lock_irqsave(&phc_lock, flags);
	ns = phc_at_locked(t);
	spin_unlock_irqrestore(&phc_lock, flags);
	return ns;
}

static s64 phc_now(void)
{
	unsigned long flags;
	s64 ns;

	spin_lock_irqsave(&phc_lock, flags);
	if (true_ns() - phc_since > NSEC_PER_SEC)
		phc_rebase_locked();
	ns = phc_at_locked(true_ns());
	spin_unlock_irqrestore(&phc_lock, flags);
	return ns;
}

static int phc_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	unsigned long flags;

	spin_lock_irqsave(&phc_lock, flags);
	phc_rebase_locked();
	phc_adj = scaled_ppm;
	spin_unlock_irqrestore(&phc_lock, flags);
	return 0;
}

static int phc_adjtime(struct ptp_clock_info *info, s64 delta)
{
	unsigned long flags;

	spin_lock_irqsave(&phc_lock, flags);
	phc_rebase_locked();
	phc_base += delta;
	spin_unlock_irqrestore(&phc_lock, flags);
	return 0;
}

static int phc_gettimex(struct ptp_clock_info *info, struct timespec64 *ts,
			struct ptp_system_timestamp *sts)
{
	s64 ns;

	ptp_read_system_prets(sts);
	ns = phc_now();
	ptp_read_system_postts(sts);
	*ts = ns_to_timespec64(ns);
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

static int phc_enable(struct ptp_clock_info *info, struct ptp_clock_request *req, int on)
{
	if (req->type != PTP_CLK_REQ_EXTTS || req->extts.index != 0)
		return -EOPNOTSUPP;
	extts_on = on;
	return 0;
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
	.gettimex64 = phc_gettimex,
	.settime64 = phc_settime,
	.enable = phc_enable,
	.verify = phc_verify,
};

/* ---- /dev/pps0: the pulse ---- */

static struct pps_device *pps;
static struct hrtimer pps_timer;
static s64 pps_edge; /* true time of the next edge */

static void shift_ns(struct timespec64 *ts, s64 ns)
{
	*ts = ns_to_timespec64(timespec64_to_ns(ts) + ns);
}

static void extts_event(void)
{
	struct ptp_clock_event event = {.type = PTP_CLOCK_EXTTS, .index = 0};

	event.timestamp = phc_at(pps_edge + pps_offset) + noise(pps_jitter);
	ptp_clock_event(phc, &event);
}

static enum hrtimer_restart pps_tick(struct hrtimer *timer)
{
	struct pps_event_time ts;
	s64 late, shift, t = true_ns();

	/* The timer runs on the host's own oscillator, and may be early. */
	if (t < pps_edge) {
		hrtimer_forward_now(timer, ns_to_ktime(pps_edge - t));
		return HRTIMER_RESTART;
	}

	/* The system clock was read between t and now; the edge was before. */
	pps_get_ts(&ts);
	late = (t + true_ns()) / 2 - pps_edge;
	shift = noise(pps_jitter) + pps_offset - late;
	shift_ns(&ts.ts_real, shift);
#ifdef CONFIG_NTP_PPS
	shift_ns(&ts.ts_raw, shift);
#endif
	if (pps_on) {
		pps_event(pps, &ts, PPS_CAPTUREASSERT, NULL);
		if (extts_on)
			extts_event();
	}

	t = true_ns();
	pps_edge = next_second(t);
	hrtimer_forward_now(timer, ns_to_ktime(pps_edge - t));
	return HRTIMER_RESTART;
}

static struct pps_source_info pps_info = {
	.name = "bedpps",
	.path = "",
	.mode = PPS_CAPTUREASSERT | PPS_OFFSETASSERT | PPS_CANWAIT | PPS_TSFMT_TSPEC,
	.owner = THIS_MODULE,
};

/* ---- hw0: a network device with hardware stamps, stacked on a real one ---- */

struct hw {
	struct net_device *lower;
	struct napi_struct napi;
	struct hwtstamp_config config;
	bool stamp_tx, stamp_rx;
};

static struct net_device *hw_dev;

#define TRAILER_MAGIC 0x6b6c636465622121ULL

struct trailer {
	u64 magic;
	s64 sent; /* true time of transmission */
} __packed;

/* Make room for the trailer, in a buffer that is ours alone. */
static int hw_make_room(struct sk_buff *skb)
{
	if (skb_linearize(skb))
		return -ENOMEM;
	if (skb_tailroom(skb) >= sizeof(struct trailer) && !skb_cloned(skb))
		return 0;
	return pskb_expand_head(skb, 0, 2 * sizeof(struct trailer), GFP_ATOMIC);
}

static netdev_tx_t hw_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct hw *hw = netdev_priv(dev);
	struct skb_shared_hwtstamps stamp = {};
	/* a checksum that the lower device fills in must not cover the trailer */
	bool wire = wire_delay >= 0 && skb->ip_summed != CHECKSUM_PARTIAL;
	s64 sent;

	if (wire && hw_make_room(skb)) {
		kfree_skb(skb);
		return NETDEV_TX_OK;
	}

	sent = true_ns() + tx_latency;
	if (hw->stamp_tx && (skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP)) {
		skb_shinfo(skb)->tx_flags |= SKBTX_IN_PROGRESS;
		skb_tx_timestamp(skb);
		sent = true_ns() + tx_latency;
		stamp.hwtstamp = ns_to_ktime(phc_at(sent) + noise(hw_jitter));
		skb_tstamp_tx(skb, &stamp);
		/* the lower device must stamp nothing more */
		skb_shinfo(skb)->tx_flags = 0;
	} else {
		skb_tx_timestamp(skb);
		skb_shinfo(skb)->tx_flags &= ~(SKBTX_SW_TSTAMP | SKBTX_HW_TSTAMP);
	}

	if (wire) {
		struct trailer tr = {TRAILER_MAGIC, sent};

		skb_put_data(skb, &tr, sizeof(tr));
	}

	dev->stats.tx_packets++;
	dev->stats.tx_bytes += skb->len;
	skb->dev = hw->lower;
	dev_queue_xmit(skb);
	return NETDEV_TX_OK;
}

/* Take the trailer off and stamp with the time that it carries. */
static void hw_rx_wire(struct sk_buff *skb, struct hw *hw)
{
	struct trailer tr;
	unsigned int len = skb->len - sizeof(tr);
	s64 received;

	if (skb_copy_bits(skb, len, &tr, sizeof(tr)) || tr.magic != TRAILER_MAGIC ||
	    pskb_trim_rcsum(skb, len) || !hw->stamp_rx)
		return;
	received = tr.sent + wire_delay + noise(wire_jitter);
	skb_hwtstamps(skb)->hwtstamp = ns_to_ktime(phc_at(received) + noise(hw_jitter));
}

static rx_handler_result_t hw_rx(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct net_device *dev = rcu_dereference(skb->dev->rx_handler_data);
	struct hw *hw = netdev_priv(dev);

	if (!(dev->flags & IFF_UP))
		return RX_HANDLER_PASS;
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		return RX_HANDLER_CONSUMED;
	*pskb = skb;

	if (wire_delay >= 0 && skb->len > 2 * sizeof(struct trailer))
		hw_rx_wire(skb, hw);
	else if (hw->stamp_rx)
		skb_hwtstamps(skb)->hwtstamp = ns_to_ktime(phc_now() + noise(hw_jitter));

	dev->stats.rx_packets++;
	dev->stats.rx_bytes += skb->len;
	skb->dev = dev;
#ifdef CONFIG_NET_RX_BUSY_POLL
	skb->napi_id = hw->napi.napi_id;
#endif
	return RX_HANDLER_ANOTHER;
}

/*
 * A NAPI of our own, which never runs: SCM_TIMESTAMPING_PKTINFO finds the
 * interface through skb->napi_id.
 */
static int hw_poll(struct napi_struct *napi, int budget)
{
	napi_complete(napi);
	return 0;
}

static int hw_ioctl(struct net_device *dev, struct ifreq *ifr, int cmd)
{
	struct hw *hw = netdev_priv(dev);
	struct hwtstamp_config config;

	if (cmd == SIOCGHWTSTAMP)
		return copy_to_user(ifr->ifr_data, &hw->config, sizeof(config)) ? -EFAULT : 0;
	if (cmd != SIOCSHWTSTAMP)
		return -EOPNOTSUPP;

	if (copy_from_user(&config, ifr->ifr_data, sizeof(config)))
		return -EFAULT;
	if (config.tx_type != HWTSTAMP_TX_OFF && config.tx_type != HWTSTAMP_TX_ON)
		return -ERANGE;
	hw->stamp_tx = config.tx_type == HWTSTAMP_TX_ON;
	hw->stamp_rx = config.rx_filter != HWTSTAMP_FILTER_NONE;
	if (hw->stamp_rx)
		config.rx_filter = HWTSTAMP_FILTER_ALL;
	hw->config = config;
	return copy_to_user(ifr->ifr_data, &config, sizeof(config)) ? -EFAULT : 0;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define kernel_ethtool_ts_info ethtool_ts_info
#endif

static int hw_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info)
{
	info->so_timestamping = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
				SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_TX_HARDWARE |
				SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
	info->phc_index = ptp_clock_index(phc);
	info->tx_types = BIT(HWTSTAMP_TX_OFF) | BIT(HWTSTAMP_TX_ON);
	info->rx_filters = BIT(HWTSTAMP_FILTER_NONE) | BIT(HWTSTAMP_FILTER_ALL);
	return 0;
}

static int hw_link_settings(struct net_device *dev, struct ethtool_link_ksettings *cmd)
{
	cmd->base.speed = SPEED_1000;
	cmd->base.duplex = DUPLEX_FULL;
	cmd->base.port = PORT_TP;
	return 0;
}

static void hw_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "bedclk", sizeof(info->driver));
}

static const struct ethtool_ops hw_ethtool_ops = {
	.get_ts_info = hw_ts_info,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = hw_link_settings,
	.get_drvinfo = hw_drvinfo,
};

static const struct net_device_ops hw_netdev_ops = {
	.ndo_start_xmit = hw_xmit,
	.ndo_eth_ioctl = hw_ioctl,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

/* with the rtnl lock held */
static int hw_stack(struct net_device *dev, const char *lower_name)
{
	struct net_device *lower = __dev_get_by_name(&init_net, lower_name);
	struct hw *hw = netdev_priv(dev);
	int err;

	if (!lower)
		return -ENODEV;
	hw->lower = lower;
	dev->netdev_ops = &hw_netdev_ops;
	dev->ethtool_ops = &hw_ethtool_ops;
	dev->mtu = lower->mtu;
	dev->needed_headroom = lower->needed_headroom;
	eth_hw_addr_set(dev, lower->dev_addr);
	netif_napi_add(dev, &hw->napi, hw_poll);

	err = register_netdevice(dev);
	if (err)
		return err;
	err = netdev_rx_handler_register(lower, hw_rx, dev);
	if (err) {
		unregister_netdevice(dev);
		return err;
	}
	dev_set_promiscuity(lower, 1);
	dev_open(lower, NULL);
	return 0;
}

/* A write to the parameter "lower" makes hw0 on the device of that name, once. */
static int lower_set(const char *val, const struct kernel_param *kp)
{
	char name[IFNAMSIZ];
	struct net_device *dev;
	int err;

	if (hw_dev)
		return -EBUSY;
	strscpy(name, val, sizeof(name));
	strim(name);

	dev = alloc_netdev(sizeof(struct hw), "hw0", NET_NAME_ENUM, ether_setup);
	if (!dev)
		return -ENOMEM;
	rtnl_lock();
	err = hw_stack(dev, name);
	rtnl_unlock();
	if (err) {
		free_netdev(dev);
		return err;
	}
	hw_dev = dev;
	return 0;
}

static int lower_get(char *buf, const struct kernel_param *kp)
{
	struct hw *hw = hw_dev ? netdev_priv(hw_dev) : NULL;

	return sprintf(buf, "%s\n", hw ? hw->lower->name : "");
}

static const struct kernel_param_ops lower_ops = {.set = lower_set, .get = lower_get};
module_param_cb(lower, &lower_ops, NULL, 0644);

/* ---- start and end ---- */

static int __init bedclk_init(void)
{
	s64 now;

	if (!tsc_hz && !utc0)
		utc0 = ktime_get_real_ns() - ktime_get_raw_ns();
	now = true_ns();
	phc_base = now + phc_offset;
	phc_since = now;

	phc = ptp_clock_register(&phc_info, NULL);
	if (IS_ERR_OR_NULL(phc))
		return -ENODEV;
	pps = pps_register_source(&pps_info, PPS_CAPTUREASSERT | PPS_OFFSETASSERT);
	if (IS_ERR(pps)) {
		ptp_clock_unregister(phc);
		return PTR_ERR(pps);
	}

	pps_edge = next_second(now);
	hrtimer_init(&pps_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	pps_timer.function = pps_tick;
	hrtimer_start(&pps_timer, ns_to_ktime(pps_edge - now), HRTIMER_MODE_REL);
	pr_info("bedclk: true time %lld tsc_hz %lu\n", now, tsc_hz);
	return 0;
}

static void __exit bedclk_exit(void)
{
	hrtimer_cancel(&pps_timer);
	if (hw_dev) {
		struct hw *hw = netdev_priv(hw_dev);

		rtnl_lock();
		netdev_rx_handler_unregister(hw->lower);
		dev_set_promiscuity(hw->lower, -1);
		rtnl_unlock();
		netif_napi_del(&hw->napi);
		unregister_netdev(hw_dev);
		free_netdev(hw_dev);
	}
	pps_unregister_source(pps);
	ptp_clock_unregister(phc);
}

/* late, for the case that it is built in: after the PTP and PPS classes */
late_initcall(bedclk_init);
module_exit(bedclk_exit);
MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("clock test bed: PPS, PHC and hardware-stamping network device");
