/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bedclk: the clock hardware of a virtual test bed, for Linux 6.1 to 6.12 as a User-mode Linux or
 * x86 guest. It must never take the guest's system clock for true time.
 *
 * "True time" is the TSC on a fixed scale; all hosts of one bed get the same. Around it:
 *
 *  truetime.c  true time, and noise
 *  phc.c       /dev/ptp0 "bedphc": the card's clock, adjustable, on an oscillator of its own
 *  pulse.c     /dev/pps0 "bedpps": a pulse each second; the card's external time stamp sees it too
 *  nic.c       hw0: a network device stacked on a real one, what it offers and how it is set
 *  transmit.c  its transmit path and stamps
 *  receive.c   its receive path and stamps, the cable, and the queue of a switch on the way
 *  main.c      start and end
 *
 * Parameters are described where they are declared. Times are in nanoseconds unless the name says
 * otherwise, frequency errors in parts per thousand million, shares in thousandths. Those of mode
 * 0644 can be changed in a running guest, below /sys/module/bedclk/parameters.
 */
#ifndef BEDCLK_H
#define BEDCLK_H

#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/net_tstamp.h>
#include <linux/netdevice.h>
#include <linux/ptp_clock_kernel.h>

/* truetime.c */
int bed_truetime_start(void);
s64 bed_true_ns(void);
s64 bed_scale_ppb(s64 dt_ns, long ppb);
s64 bed_next_second(s64 t_ns);
long bed_noise(long rms);
bool bed_one_of(int thousandths);
s64 bed_between(s64 least, s64 most);

/* phc.c: the card's clock at a moment of true time, and now */
int bed_phc_start(void);
void bed_phc_stop(void);
int bed_phc_index(void);
s64 bed_phc_at(s64 t_ns);
void bed_phc_each_second(void);
void bed_phc_pulse(s64 t_ns); /* an edge at the card's pin */

/* pulse.c */
int bed_pulse_start(void);
void bed_pulse_stop(void);

/* nic.c */
struct bed_nic {
	struct net_device *lower;
	struct napi_struct napi;
	struct hwtstamp_config config;
	/* what befell stamps; ethtool -S shows them in this order */
	u64 tx_stamped, tx_skipped, tx_lost, tx_late, rx_stamped, rx_lost, rx_held, rx_corrected;
};

#define BED_NIC_COUNTERS 8

void bed_nic_stop(void);
extern long bed_hw_jitter;
extern bool bed_no_stamps;

/* transmit.c, receive.c */
netdev_tx_t bed_transmit(struct sk_buff *skb, struct net_device *dev);
void bed_transmit_start(void);
void bed_transmit_stop(void);
rx_handler_result_t bed_receive(struct sk_buff **pskb);
void bed_receive_start(void);
void bed_receive_stop(void);

/* The cable: the sender appends the true time of transmission, the receiver takes it off. */
#define BED_TRAILER_MAGIC 0x6b6c636465622121ULL
struct bed_trailer {
	u64 magic;
	s64 sent_ns;
} __packed;

extern long bed_wire_delay;

#endif
