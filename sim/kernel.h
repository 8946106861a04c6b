/*
 * kernel: the clocks that a virtual host's kernel keeps on its oscillator, and their adjustment.
 * It must never reach the kernel of this machine.
 *
 * Source: clock_gettime(2), adjtimex(2): REALTIME and MONOTONIC run at the rate that tick and freq
 * set against MONOTONIC_RAW; steps move REALTIME alone; a suspended host counts on in BOOTTIME, and
 * REALTIME is set on waking by what the RTC says. STA_INS and STA_DEL repeat or leave out a second
 * at the end of the UTC day. No PLL, no PPS: the daemon uses neither.
 */
#ifndef DS_SIM_KERNEL_H
#define DS_SIM_KERNEL_H

#include <stdint.h>
#include <sys/timex.h>

#include "sim/oscillator.h"

/* A time with the part of a nanosecond below it. */
struct sim_time {
	int64_t ns;
	double part; /* 0 to 1 */
};

struct sim_kernel {
	struct sim_oscillator oscillator;
	struct sim_time raw; /* CLOCK_MONOTONIC_RAW */
	struct sim_time real, mono;
	int64_t slept_ns;	   /* BOOTTIME less MONOTONIC */
	int64_t counted_ns;	   /* of the oscillator, when last looked at ... */
	double counted_part;	   /* ... and its part */
	double rate;		   /* of REALTIME and MONOTONIC against MONOTONIC_RAW, less 1 */
	long tick, freq;	   /* as adjtimex() has them */
	int status;		   /* STA_ */
	int leap_state;		   /* TIME_OK, TIME_INS ... */
	long max_error, est_error; /* us */
	int tai;
	uint64_t set; /* times that the rate was set */
	uint64_t stepped;
	int64_t fell_asleep_ns; /* true time; only while asleep */
};

/* REALTIME begins at real_ns. Any raw_ns above 0. */
void sim_kernel_init(struct sim_kernel *k, const struct sim_oscillator_model *model, int64_t raw_ns,
		     int64_t real_ns, uint64_t seed, const char *name);
/* Bring all clocks to that true time. */
void sim_kernel_advance(struct sim_kernel *k, int64_t now_ns);
/* As adjtimex(2), at the time the kernel was last advanced to: the state of the clock, or -1 with
 * errno. */
int sim_kernel_adjust(struct sim_kernel *k, struct timex *t);
/* Somebody sets REALTIME: add step_ns. */
void sim_kernel_step(struct sim_kernel *k, int64_t step_ns);
/* The host falls asleep, and wakes up; rtc_error_ns: how wrong the RTC sets REALTIME then. */
void sim_kernel_suspend(struct sim_kernel *k, int64_t now_ns);
void sim_kernel_resume(struct sim_kernel *k, int64_t now_ns, int64_t rtc_error_ns);
/* The true time at which MONOTONIC will have gone on by ns, as far as can be known now. */
int64_t sim_kernel_when(const struct sim_kernel *k, int64_t ns);

#endif
