/*
 * stamps_link: a device between two hosts on this machine for the measurement of stamps, and load
 * beside it. It must never change a device that it has not made, nor leave one, or a process,
 * behind.
 *
 *   lo    the loopback of a namespace, or, without the right to make one, this machine's
 *   veth  a pair between two namespaces: the send itself delivers the packet to the other end
 *   tun   a device in each of two namespaces, and a process that carries packets from one to the
 *         other. It looks for them every 50 us: the send puts the packet into a queue and wakes
 *         nobody, as with a network card
 *   tun-wait  the same, but that process waits for packets: the send wakes it
 *
 * Not for threads; one bench a process, as of rigs.
 */
#ifndef DS_LAB_STAMPS_LINK_H
#define DS_LAB_STAMPS_LINK_H

#include <stdbool.h>
#include <sys/types.h>

#include "lab/rig.h"
#include "lab/stamps.h"

enum ds_stamps_device {
	DS_STAMPS_VETH,
	DS_STAMPS_LO,
	DS_STAMPS_TUN,
	DS_STAMPS_TUN_WAIT,
	DS_STAMPS_DEVICES
};

/* "veth", "lo", "tun", "tun-wait"; NULL beyond. */
const char *ds_stamps_device_name(enum ds_stamps_device device);
/* DS_STAMPS_DEVICES for what is none. */
enum ds_stamps_device ds_stamps_device_find(const char *name);

#define DS_STAMPS_LOAD_MAX 64	 /* processes */
#define DS_STAMPS_NET_PORT 40007 /* where its packets go */

struct ds_stamps_bench {
	struct ds_rig rig;
	int veth;      /* the link's number; -1: not made yet */
	pid_t carrier; /* between the tun devices; 0: not made yet */
	bool carrier_waits;
	int carrier_cpu;    /* where it runs; -1: anywhere */
	unsigned load;	    /* enum ds_lab_load: what ds_stamps_load() puts on */
	unsigned processes; /* busy ones of DS_LAB_LOAD_CPU */
	pid_t loaders[DS_STAMPS_LOAD_MAX];
	int loader_count;
	int send_netns, receive_netns; /* of the device in use */
	union ds_address net_to;       /* where the network load goes */
};

/* Two hosts where they can be made; else (or with `loopback`) this machine alone, and *why says why
 * only lo can be measured. 0, or a negative errno with a sentence. */
int ds_stamps_bench_open(struct ds_stamps_bench *bench, bool loopback, char why[DS_WHY]);
/* Any number of times, also on a zeroed one. */
void ds_stamps_bench_close(struct ds_stamps_bench *bench);

/* Make the device if it is not there yet, and write who sends to whom into the plan: interface,
 * namespaces, addresses, receive. 0, or a negative errno with a sentence: -ENOTSUP where this
 * machine has none. */
int ds_stamps_bench_use(struct ds_stamps_bench *bench, enum ds_stamps_device device,
			sa_family_t family, struct ds_stamps_plan *plan, char why[DS_WHY]);

/* Put the load of a bench (context) on the device in use, or take it away: ds_stamps_plan.load.
 * `cpu`: two busy processes for each processor; `net`: some 20,000 packets a second by the same
 * device. */
int ds_stamps_load(void *context, bool on, char why[DS_WHY]);

#endif
