/*
 * relay: a cable in user space: frames that come by one device leave by the other, later, or not at
 * all. It must never change a frame, nor the order of those that go one way.
 *
 * A frame leaves at the moment of its arrival (the kernel's receive stamp) plus the delay of its
 * direction plus a jitter of exponential distribution, but never before the one ahead of it: as in
 * the queue of a switch. Waking up takes a moment: the relay wakes early and looks at the clock for
 * the rest, so that it is late by a few us where the machine is idle, and alike in both
 * directions. It asks for real-time priority; where it does not get it, a busy machine is a slow
 * cable. Frames longer than DS_RELAY_FRAME (what TCP hands over in one piece) are not carried.
 */
#ifndef DS_LAB_RELAY_H
#define DS_LAB_RELAY_H

#include <stdatomic.h>
#include <stdint.h>

#define DS_RELAY_FRAME 2048 /* bytes */
#define DS_RELAY_QUEUE 2048 /* frames in each direction; one more is counted as `full` and lost */

struct ds_relay_way { /* from device[i] to the other */
	double delay_us;
	double jitter_us;    /* mean; 0: none */
	double loss_percent; /* of the frames, by chance */
	/* Counted by the relay. */
	uint64_t carried;
	uint64_t lost;	 /* by chance, as asked for */
	uint64_t full;	 /* for want of room, here or in the device */
	uint64_t longer; /* than DS_RELAY_FRAME */
};

struct ds_relay {
	char device[2][16];
	struct ds_relay_way way[2];
	uint64_t seed;	  /* of chance */
	atomic_int ready; /* set by the relay: from here on it carries */
};

/* In memory shared with children, all zero; NULL without. */
struct ds_relay *ds_relay_new(void);
void ds_relay_free(struct ds_relay *relay);

/* Carry until a signal ends the process: run() of a ds_rig_job, with a struct ds_relay *. Needs
 * CAP_NET_RAW where the devices are. Returns 1, with a line on standard error, if it cannot. */
int ds_relay_run(void *context);

#endif
