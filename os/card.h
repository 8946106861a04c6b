/*
 * card: what the network card behind an interface can stamp, and how it is told to.
 * It must never change a setting it was not asked to change, nor leave one changed that it can put
 * back.
 *
 * Source: the kernel's Documentation/networking/timestamping.rst (3.1, 3.2); linux/net_tstamp.h,
 * linux/ethtool.h, linux/ethtool_netlink.h. Abilities by ETHTOOL_MSG_TSINFO_GET where the kernel
 * has it, else ETHTOOL_GET_TS_INFO; settings by ETHTOOL_MSG_TSCONFIG_SET (Linux 6.14), else
 * SIOCSHWTSTAMP. Both are always told to the card itself, never to what stands on it.
 *
 * An interface need not be what stamps: a VLAN (macvlan, ipvlan) stands on another one, a bond on
 * its active member, a bridge on a port for each neighbour. `stamper` is found by following them
 * down (at most DS_CARD_DEPTH; where that ends nowhere, or on a bridge with more than one card that
 * stamps, it is the interface itself, with a word in `note`).
 *
 * Killed, a daemon leaves a card as it set it. Nothing is lost by that: stamps that nobody asks for
 * cost next to nothing, the next start finds the setting and leaves it, and what it puts back at
 * its own end is what it found. A program that sets another filter meanwhile is not known of here.
 *
 * Virtual clocks (Linux 5.14) are for several programs that want to steer one card's clock: while
 * there are any, the clock beneath runs freely and nobody can steer it (but with the few cards that
 * have a second, free-running counter for the virtual ones). Stamps that come without
 * SOF_TIMESTAMPING_BIND_PHC are of the clock beneath: of the one that runs freely, which is what
 * the daemon wants. So BIND_PHC is not used: it would give stamps of a clock that somebody steers,
 * and only to sockets that are bound to one interface. Where ptp4l steers the card's clock itself,
 * the cure is to make a virtual one for ptp4l.
 */
#ifndef DS_OS_CARD_H
#define DS_OS_CARD_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/socket.h"

#define DS_CARD_DEPTH	4
#define DS_CARD_VCLOCKS 8

/* Which received packets are stamped; the order is that of preference for NTP. */
enum ds_card_filter {
	DS_CARD_FILTER_NONE, /* HWTSTAMP_FILTER_NONE: transmit stamps only */
	DS_CARD_FILTER_PTP,  /* HWTSTAMP_FILTER_PTP_V2_*, any layer-4 event filter */
	DS_CARD_FILTER_ALL,  /* HWTSTAMP_FILTER_ALL */
	DS_CARD_FILTER_NTP,  /* HWTSTAMP_FILTER_NTP_ALL */
};

enum ds_card_kind { DS_CARD_PLAIN, DS_CARD_VLAN, DS_CARD_BOND, DS_CARD_BRIDGE, DS_CARD_LOOPBACK };

/* What was found. Text is "" and numbers are 0 where the kernel does not tell. */
struct ds_card {
	char interface[IF_NAMESIZE]; /* as asked for */
	int index;
	enum ds_card_kind kind;
	char stamper[IF_NAMESIZE]; /* the interface whose card stamps; often the same */
	int stamper_index;
	char driver[32];		   /* of the stamper */
	bool tx_software, rx_software;	   /* the driver says so; only a trial shows it */
	bool tx_hardware, rx_hardware;	   /* HWTSTAMP_TX_ON; any filter but NONE */
	bool filters[4];		   /* by enum ds_card_filter: can be set */
	int phc_index;			   /* /dev/ptpN; -1: none */
	int vclocks;			   /* virtual clocks on that one; 0: none */
	int vclock_index[DS_CARD_VCLOCKS]; /* of the first of them: /dev/ptpN; -1: unknown */
	uint32_t speed_mbps;		   /* of the link; 0: unknown */
	bool is_up;
	/* What the driver counts since it was loaded (Linux 6.10; few do). */
	bool has_counts;
	uint64_t tx_stamped, tx_lost;
	char note[128]; /* why less was found than one might expect; "" */
};

/* Look at an interface. Changes nothing. 0, or a negative errno with a sentence: no such interface.
 * A kernel or driver that tells nothing is no failure: then nothing is claimed. */
int ds_card_look(const char *interface, struct ds_card *card, char why[DS_WHY]);

/* All interfaces of this network namespace, in the order of their indices; returns how many were
 * written (at most room), or a negative errno. */
int ds_card_list(struct ds_card *cards, int room);

/* What a card is set to do. */
struct ds_card_setting {
	int tx_type, rx_filter, flags; /* of struct hwtstamp_config */
};

/* How `card` is set now. -EOPNOTSUPP where the driver does not tell; then it cannot be put back
 * exactly, and `off` is what it is taken for. */
int ds_card_setting(const struct ds_card *card, struct ds_card_setting *setting);

/* Have the stamper stamp transmissions (where it can) and, of what it receives, what `filter` says.
 * *got: the filter that is in force, which may be wider than asked for. A setting that does it
 * already is left as it is. 0, or a negative errno with a sentence that names interface, driver and
 * what it refused (-EPERM: needs CAP_NET_ADMIN; -EBUSY ... others use it). */
int ds_card_configure(const struct ds_card *card, enum ds_card_filter filter,
		      enum ds_card_filter *got, char why[DS_WHY]);
/* Put it back. */
int ds_card_restore(const struct ds_card *card, const struct ds_card_setting *setting);

/* The best filter for NTP that the card has; for NTP over PTP's ports (`ptp`) that may be
 * DS_CARD_FILTER_PTP, else that counts as NONE: it would stamp nothing of ours. */
enum ds_card_filter ds_card_best_filter(const struct ds_card *card, bool ptp);

/* Receive stamps of cards are of the first bit behind the preamble; NTP counts from the last bit of
 * the packet (as a kernel stamp does): how much later that was. frame_length: of layer 2 without
 * frame check sequence (which is added here); 0 where either is unknown. */
int64_t ds_card_trailer_ns(uint32_t frame_length, uint32_t speed_mbps);

/* "ntp", "all", "ptp", "none". */
const char *ds_card_filter_word(enum ds_card_filter filter);

#endif
