/*
 * phc_steer: what a PHC can be made to do, and the calls that set its rate and its time.
 * It must never be called for a clock that the configuration does not say is ours to keep.
 *
 * Source: linux/ptp_clock.h; clock_adjtime(2) on a dynamic clock id (the kernel's FD_TO_CLOCKID).
 * The right to do it is that the device could be opened for writing; no capability is asked for.
 */
#ifndef DS_OS_PHC_STEER_H
#define DS_OS_PHC_STEER_H

#include <stdint.h>

#include "os/socket.h"

struct ds_phc_limits {
	int index;	     /* the N of /dev/ptpN; -1: the descriptor is of something else */
	double max_rate_ppb; /* it can be made to run this much faster or slower; 0: it cannot */
	int vclocks;	     /* in use on it (sysfs); it cannot be steered then. 0 if not told */
};

/* 0 or a negative errno. */
int ds_phc_limits(int fd, struct ds_phc_limits *limits);

/* The rate that somebody has set last, as the kernel remembers it; 0 after it was loaded. */
int ds_phc_rate(int fd, double *rate_ppb);
/* *set_ppb: what is in force, in the kernel's steps of 2^-16 ppm; the card may round once more.
 * -ERANGE beyond its limit, -EBUSY while virtual clocks are in use on it. */
int ds_phc_set_rate(int fd, double rate_ppb, double *set_ppb);
/* Add step_ns. Some drivers read, add and write: the time that takes is then lost. */
int ds_phc_step(int fd, int64_t step_ns);
/* What it shows; a negative errno where it cannot be read (no PHC is kept before 1970). */
int64_t ds_phc_now_ns(int fd);

#endif
