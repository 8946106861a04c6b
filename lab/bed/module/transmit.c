// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* transmit: see bedclk.h. */
#include "bedclk.h"

#include <linux/etherdevice.h>

/*
 * From the software stamp to the wire, as in a real card: a hardware transmit stamp before the
 * software one is taken for wrong by daemons.
 */
static long tx_latency = 3000;
static long tx_error; /* the stamp is too late by so much (what txcomp is there for) */
static long tx_ready; /* the stamp can be read so long after it was taken */
static bool tx_one;   /* room for one stamp: while it waits to be read, others are skipped */
static int tx_lost;   /* this share of the stamps never comes */
static int tx_late;   /* this share comes tx_late_ms later */
static int tx_late_ms = 50;
static bool tx_none; /* the card accepts all settings, and never delivers */
module_param(tx_latency, long, 0644);
module_param(tx_error, long, 0644);
module_param(tx_ready, long, 0644);
module_param(tx_one, bool, 0644);
module_param(tx_lost, int, 0644);
module_param(tx_late, int, 0644);
module_param(tx_late_ms, int, 0644);
module_param(tx_none, bool, 0644);

/* Stamps that wait to be delivered. The skb is a clone that holds its socket. */
struct waiting {
	struct hrtimer timer;
	struct sk_buff *skb;
	s64 stamp_ns;
};

static struct waiting slots[64];
static s64 busy_until; /* true time: tx_one */

static enum hrtimer_restart deliver(struct hrtimer *timer)
{
	struct waiting *w = container_of(timer, struct waiting, timer);
	struct skb_shared_hwtstamps stamp = {.hwtstamp = ns_to_ktime(w->stamp_ns)};
	struct sk_buff *skb = w->skb;

	skb_tstamp_tx(skb, &stamp);
	w->skb = NULL;
	dev_kfree_skb_any(skb);
	return HRTIMER_NORESTART;
}

void bed_transmit_start(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		hrtimer_init(&slots[i].timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
		slots[i].timer.function = deliver;
	}
}

void bed_transmit_stop(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		hrtimer_cancel(&slots[i].timer);
		kfree_skb(slots[i].skb);
		slots[i].skb = NULL;
	}
}

/* false: no room, no memory, or nobody's packet */
static bool deliver_later(struct sk_buff *skb, s64 stamp_ns, s64 after_ns)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		if (slots[i].skb || hrtimer_active(&slots[i].timer))
			continue;
		slots[i].skb = skb_clone_sk(skb);
		if (!slots[i].skb)
			return false;
		slots[i].stamp_ns = stamp_ns;
		hrtimer_start(&slots[i].timer, ns_to_ktime(after_ns), HRTIMER_MODE_REL_SOFT);
		return true;
	}
	return false;
}

/* The hardware stamp of a packet that wants one; the true time of transmission is returned. */
static s64 stamp(struct bed_nic *nic, struct sk_buff *skb)
{
	struct skb_shared_hwtstamps stamps = {};
	s64 sent = bed_true_ns() + tx_latency, stamp_ns, after = tx_ready;

	stamp_ns = bed_phc_at(sent) + tx_error + bed_noise(bed_hw_jitter);
	busy_until = sent + tx_ready;
	if (tx_none || bed_one_of(tx_lost)) {
		nic->tx_lost++;
		return sent;
	}
	if (bed_one_of(tx_late)) {
		nic->tx_late++;
		after += tx_late_ms * (s64)NSEC_PER_MSEC;
		busy_until = sent + after;
	}
	if (after > 0 && !deliver_later(skb, stamp_ns, after)) {
		nic->tx_lost++;
		return sent;
	}
	if (after <= 0) {
		stamps.hwtstamp = ns_to_ktime(stamp_ns);
		skb_tstamp_tx(skb, &stamps);
	}
	nic->tx_stamped++;
	return sent;
}

/*
 * Stamps of both kinds, as a driver makes them; true time of transmission. A skipped packet is not
 * marked as in progress, so that it has a software stamp for whoever wants only one, as with igb.
 */
static s64 stamp_both(struct bed_nic *nic, struct sk_buff *skb)
{
	bool wanted = nic->config.tx_type == HWTSTAMP_TX_ON && !bed_no_stamps &&
		      (skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP);
	s64 sent;

	if (wanted && tx_one && bed_true_ns() < busy_until) {
		nic->tx_skipped++;
		wanted = false;
	}
	if (wanted)
		skb_shinfo(skb)->tx_flags |= SKBTX_IN_PROGRESS;
	skb_tx_timestamp(skb);
	sent = wanted ? stamp(nic, skb) : bed_true_ns() + tx_latency;
	return sent;
}

/* Make room for the trailer, in a buffer that is ours alone. */
static int make_room(struct sk_buff *skb)
{
	if (skb_linearize(skb))
		return -ENOMEM;
	if (skb_tailroom(skb) >= sizeof(struct bed_trailer) && !skb_cloned(skb))
		return 0;
	return pskb_expand_head(skb, 0, 2 * sizeof(struct bed_trailer), GFP_ATOMIC);
}

netdev_tx_t bed_transmit(struct sk_buff *skb, struct net_device *dev)
{
	struct bed_nic *nic = netdev_priv(dev);
	/* a checksum that the lower device fills in must not cover the trailer */
	bool wire = bed_wire_delay >= 0 && skb->ip_summed != CHECKSUM_PARTIAL;
	s64 sent = stamp_both(nic, skb);

	/* after the stamps: a clone that waits for one shares the buffer */
	if (wire && make_room(skb)) {
		kfree_skb(skb);
		dev->stats.tx_dropped++;
		return NETDEV_TX_OK;
	}
	/* the lower device must stamp nothing more */
	skb_shinfo(skb)->tx_flags &= ~SKBTX_ANY_TSTAMP;
	if (wire) {
		struct bed_trailer trailer = {BED_TRAILER_MAGIC, sent};

		skb_put_data(skb, &trailer, sizeof(trailer));
	}
	dev->stats.tx_packets++;
	dev->stats.tx_bytes += skb->len;
	skb->dev = nic->lower;
	dev_queue_xmit(skb);
	return NETDEV_TX_OK;
}
