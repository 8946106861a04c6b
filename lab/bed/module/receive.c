// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* receive: see bedclk.h. */
#include "bedclk.h"

#include <asm/unaligned.h>
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/checksum.h>

#define FRAGMENT_OFFSET	  0x1fff
#define NTP_PORT	  123
#define PTP_EVENT_PORT	  319
#define PTP_EVENT_TYPES	  4 /* message types 0 to 3 are events (IEEE 1588-2019, 13.3.2.3) */
#define PTP_CORRECTION	  8 /* offset of correctionField, in 2^-16 ns (13.3.1) */
#define PTP_HEADER_LENGTH 34

/*
 * wire_delay >= 0 models the cable: a frame's first bit arrives wire_delay (+ wire_jitter rms)
 * after the true time of transmission that the sender appended. The latency of the virtual packet
 * path does not show in hardware stamps; a frame that came faster than the cable is held until its
 * time. With wire_delay < 0 it arrives when it is handed up.
 */
long bed_wire_delay = -1;
static long wire_jitter;
static long rx_error; /* the stamp is too late by so much (what rxcomp is there for) */
static int rx_lost;   /* this share of the stamps never comes */
static bool rx_none;  /* the card accepts all filters, and never stamps */
module_param_named(wire_delay, bed_wire_delay, long, 0644);
module_param(wire_jitter, long, 0644);
module_param(rx_error, long, 0644);
module_param(rx_lost, int, 0644);
module_param(rx_none, bool, 0644);

/*
 * A switch on the way to this host: each frame waits in its queue for a uniform time between these.
 * With tc it is a transparent clock: it adds that (and tc_lie_ns, if it lies) to the correction
 * field of PTP event messages.
 */
static long tc_min_ns, tc_max_ns, tc_lie_ns;
static bool tc = true;
module_param(tc_min_ns, long, 0644);
module_param(tc_max_ns, long, 0644);
module_param(tc_lie_ns, long, 0644);
module_param(tc, bool, 0644);

/* Frames that are held. */
struct held {
	struct hrtimer timer;
	struct sk_buff *skb;
};

static struct held slots[256];

static void hand_up(struct sk_buff *skb)
{
	skb->dev->stats.rx_packets++;
	skb->dev->stats.rx_bytes += skb->len;
	netif_rx(skb);
}

static enum hrtimer_restart release(struct hrtimer *timer)
{
	struct held *h = container_of(timer, struct held, timer);
	struct sk_buff *skb = h->skb;

	h->skb = NULL;
	hand_up(skb);
	return HRTIMER_NORESTART;
}

void bed_receive_start(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		hrtimer_init(&slots[i].timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
		slots[i].timer.function = release;
	}
}

void bed_receive_stop(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		hrtimer_cancel(&slots[i].timer);
		kfree_skb(slots[i].skb);
		slots[i].skb = NULL;
	}
}

static bool hold(struct sk_buff *skb, s64 for_ns)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		if (slots[i].skb || hrtimer_active(&slots[i].timer))
			continue;
		slots[i].skb = skb;
		skb->tstamp = 0; /* the software stamp is of the release */
		hrtimer_start(&slots[i].timer, ns_to_ktime(for_ns), HRTIMER_MODE_REL_SOFT);
		return true;
	}
	return false;
}

/* The place of the UDP header behind skb->data; 0: it is no UDP over IPv4, or IPv6 without options.
 */
static int udp_header(const struct sk_buff *skb)
{
	struct ipv6hdr ip6;
	struct iphdr ip;

	if (skb->protocol == htons(ETH_P_IPV6))
		return skb_copy_bits(skb, 0, &ip6, sizeof(ip6)) || ip6.nexthdr != IPPROTO_UDP
			       ? 0
			       : (int)sizeof(ip6);
	if (skb->protocol != htons(ETH_P_IP) || skb_copy_bits(skb, 0, &ip, sizeof(ip)) ||
	    ip.protocol != IPPROTO_UDP || ip.frag_off & htons(FRAGMENT_OFFSET))
		return 0;
	return ip.ihl * 4;
}

/* The UDP payload's place behind skb->data, and the header; 0 where there is none. */
static int udp_payload(const struct sk_buff *skb, struct udphdr *udp)
{
	int header = udp_header(skb);

	if (!header || skb_copy_bits(skb, header, udp, sizeof(*udp)))
		return 0;
	return header + (int)sizeof(*udp);
}

/* The place of a PTP event message behind skb->data; 0: it is none. */
static int ptp_event(const struct sk_buff *skb)
{
	struct udphdr udp;
	int at = udp_payload(skb, &udp);
	u8 type;

	if (!at || udp.dest != htons(PTP_EVENT_PORT) ||
	    ntohs(udp.len) < sizeof(udp) + PTP_HEADER_LENGTH || skb_copy_bits(skb, at, &type, 1) ||
	    (type & 0xf) >= PTP_EVENT_TYPES)
		return 0;
	return at;
}

static bool ntp(const struct sk_buff *skb)
{
	struct udphdr udp;

	return udp_payload(skb, &udp) &&
	       (udp.dest == htons(NTP_PORT) || udp.source == htons(NTP_PORT));
}

static bool stamp_wanted(const struct bed_nic *nic, const struct sk_buff *skb)
{
	if (bed_no_stamps)
		return false;
	switch (nic->config.rx_filter) {
	case HWTSTAMP_FILTER_NONE:
		return false;
	case HWTSTAMP_FILTER_ALL:
		return true;
	case HWTSTAMP_FILTER_NTP_ALL:
		return ntp(skb);
	default:
		return ptp_event(skb) != 0;
	}
}

static void stamp(struct bed_nic *nic, struct sk_buff *skb, s64 arrived_ns)
{
	if (!stamp_wanted(nic, skb))
		return;
	if (rx_none || bed_one_of(rx_lost)) {
		nic->rx_lost++;
		return;
	}
	nic->rx_stamped++;
	skb_hwtstamps(skb)->hwtstamp =
		ns_to_ktime(bed_phc_at(arrived_ns) + rx_error + bed_noise(bed_hw_jitter));
}

/* Takes the trailer off; true and the time that it carries, where there is one. */
static bool take_trailer(struct sk_buff *skb, s64 *sent_ns)
{
	struct bed_trailer trailer;
	unsigned int length = skb->len - sizeof(trailer);

	if (skb->len <= 2 * sizeof(trailer) ||
	    skb_copy_bits(skb, length, &trailer, sizeof(trailer)) ||
	    trailer.magic != BED_TRAILER_MAGIC || pskb_trim_rcsum(skb, length))
		return false;
	*sent_ns = trailer.sent_ns;
	return true;
}

/* What a transparent clock writes: the field, and the checksum that goes with it. */
static void correct(struct bed_nic *nic, struct sk_buff *skb, s64 residence_ns)
{
	int at = ptp_event(skb);
	struct udphdr *udp;
	__be32 before[2], after[2];
	u8 *field;

	if (!at || skb_linearize(skb) || skb_unclone(skb, GFP_ATOMIC))
		return;
	udp = (struct udphdr *)(skb->data + at - sizeof(*udp));
	field = skb->data + at + PTP_CORRECTION;
	memcpy(before, field, sizeof(before));
	put_unaligned_be64(get_unaligned_be64(field) + ((u64)(residence_ns + tc_lie_ns) << 16),
			   field);
	memcpy(after, field, sizeof(after));
	if (udp->check) {
		csum_replace4(&udp->check, before[0], after[0]);
		csum_replace4(&udp->check, before[1], after[1]);
		if (!udp->check)
			udp->check = CSUM_MANGLED_0;
	}
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;
	nic->rx_corrected++;
}

rx_handler_result_t bed_receive(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct net_device *dev = rcu_dereference(skb->dev->rx_handler_data);
	struct bed_nic *nic = netdev_priv(dev);
	s64 sent, now = bed_true_ns(), arrived = now, queued;
	bool timed;

	if (!(dev->flags & IFF_UP))
		return RX_HANDLER_PASS;
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		return RX_HANDLER_CONSUMED;
	*pskb = skb;

	timed = take_trailer(skb, &sent);
	if (timed && bed_wire_delay >= 0)
		arrived = sent + bed_wire_delay + bed_noise(wire_jitter);
	queued = bed_between(tc_min_ns, tc_max_ns);
	arrived += queued;
	if (queued && tc)
		correct(nic, skb, queued);
	stamp(nic, skb, arrived);
	/* The kernel's stamp comes behind the card's, as behind a real one. */
	if (skb->tstamp)
		__net_timestamp(skb);

	skb->dev = dev;
#ifdef CONFIG_NET_RX_BUSY_POLL
	skb->napi_id = nic->napi.napi_id;
#endif
	if (arrived > now && hold(skb, arrived - now)) {
		nic->rx_held++;
		return RX_HANDLER_CONSUMED;
	}
	dev->stats.rx_packets++;
	dev->stats.rx_bytes += skb->len;
	return RX_HANDLER_ANOTHER;
}
