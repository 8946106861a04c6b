/*
 * phc: a clock of a network card (or another PTP clock), read beside CLOCK_REALTIME; and pulses
 * that it stamps.
 * It must never set that clock, and never claim to have read it more exactly than its reading took.
 *
 * Source: linux/ptp_clock.h. Three ways to read both clocks, best first:
 *   PTP_SYS_OFFSET_PRECISE   the hardware stamps one moment on both
 *   PTP_SYS_OFFSET_EXTENDED  the system clock just before and behind the register is read
 *   PTP_SYS_OFFSET           ... before and behind the whole call of the driver
 * Of the readings of one call those are used whose pair of system stamps is nearly as close as the
 * closest; the moment is taken to be in the middle, and half of what lies between them is what it
 * may be wrong by.
 *
 * A path that begins with '/' is a device; else it is the name of an interface, whose card is
 * asked for its clock (ETHTOOL_GET_TS_INFO).
 *
 * A pulse at a pin is stamped by the card's clock, whatever that shows. It is carried to
 * CLOCK_REALTIME by a reading just behind it, and stands for the nearest whole second there.
 */
#ifndef DS_OS_PHC_H
#define DS_OS_PHC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/refsample.h"
#include "os/socket.h"

#define DS_PHC_READINGS 10 /* a call; the kernel takes up to 25 */

enum ds_phc_way { DS_PHC_PRECISE, DS_PHC_EXTENDED, DS_PHC_PLAIN };

/* What is wanted of the device. */
struct ds_phc_config {
	const char *path;
	bool nocrossts;	    /* not DS_PHC_PRECISE */
	bool write;	    /* it will be steered (os/phc_steer): opened for writing */
	bool extpps, clear; /* pulses at a pin; their falling edge */
	uint8_t pin, channel;
};

struct ds_phc {
	int fd; /* -1: closed */
	enum ds_phc_way way;
	bool extpps;
	uint8_t channel;
	/* With extpps: the device's clock against CLOCK_REALTIME at the last reading. */
	int64_t real_ns, device_ns;
	double rate; /* of the device's clock against CLOCK_REALTIME, less 1 */
	bool has_rate;
};

/* 0 or a negative errno with a sentence. */
int ds_phc_open(struct ds_phc *phc, const struct ds_phc_config *config, char why[DS_WHY]);
void ds_phc_close(struct ds_phc *phc);

/* Read the clock now; with extpps the next pulse, if there is one. */
enum ds_refresult ds_phc_read(struct ds_phc *phc, struct ds_refsample *sample);

/* One reading: the system clock before and after, and the device's clock between. */
struct ds_phc_reading {
	int64_t before_ns, device_ns, after_ns;
};
/* What `count` (1..25) readings of one call say together. DS_REF_BAD where none has its stamps in
 * order, or is out of range. */
enum ds_refresult ds_phc_combine(const struct ds_phc_reading *readings, size_t count,
				 struct ds_refsample *sample);

#endif
