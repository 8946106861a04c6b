/*
 * phc: a clock of a network card (or another PTP clock), read beside CLOCK_REALTIME; and pulses
 * that it stamps.
 * It must never set that clock, and never claim to have read it more exactly than its reading took.
 *
 * Source: linux/ptp_clock.h. Three ways to read both clocks, best first:
 *   PTP_SYS_OFFSET_PRECISE   the hardware stamps one moment on both
 *   PTP_SYS_OFFSET_EXTENDED  the system clock just before and behind the register is read
 *   PTP_SYS_OFFSET           ... before and behind the whole call of the driver
 * Each pair of system stamps bounds how far the device is ahead; the readings of one call do so
 * together: the shortest way there and the shortest way back count, which need not be of one
 * reading. The middle is taken, and half of what lies between the bounds is what it may be wrong by
 * (never less than half of what one reading allows: what is closer than that are steps of the
 * clocks; and never more than one reading allows). Bounds that contradict each other: somebody set
 * one of the clocks meanwhile.
 *
 * Since Linux 6.12 EXTENDED can be asked for CLOCK_MONOTONIC_RAW in place of CLOCK_REALTIME. It is
 * not: stamps of the kernel are of CLOCK_REALTIME and come to the raw scale by the anchor of
 * os/clock; readings of a card that take the same way share the error of the anchor with them, and
 * with the clock that is set by it, so that it cancels. Otherwise it would be the clock's error. A
 * step in a reading is found as a contradiction, or by who compares the next reading with it.
 *
 * Virtual clocks of a card (/sys/class/ptp/ptpN/n_vclocks) are opened and read like others.
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

#define DS_PHC_READINGS 25 /* a call, as the kernel takes them; fewer where that takes > 0.5 ms */

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
	unsigned count; /* readings a call, 3 .. DS_PHC_READINGS */
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

/* Read the clock now; with extpps the next pulse, if there is one. DS_REF_TORN: one of the clocks
 * was set while it was read. A cross-stamp that fails once is replaced by the next best way. */
enum ds_refresult ds_phc_read(struct ds_phc *phc, struct ds_refsample *sample);

/* One reading: the system clock before and after, and the device's clock between. */
struct ds_phc_reading {
	int64_t before_ns, device_ns, after_ns;
};
/* What `count` (1..25) readings of one call say together. DS_REF_BAD where none has its stamps in
 * order, or is out of range; DS_REF_TORN where they contradict each other by more than the steps
 * of a clock (1 us) and the rates of two clocks explain. */
enum ds_refresult ds_phc_combine(const struct ds_phc_reading *readings, size_t count,
				 struct ds_refsample *sample);

#endif
