/* phc_steer: see phc_steer.h. */
#include "os/phc_steer.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <time.h>

#include <linux/ptp_clock.h>

#include "os/file.h"

#define NS_PER_S	   INT64_C(1000000000)
#define FREQ_UNITS_PER_PPB 65.536 /* timex.freq: 2^-16 ppm */
#define FREQ_MAX_PPB	   1e9

/* The kernel's FD_TO_CLOCKID(): bits 0..2 are 3, the rest is the complement of the descriptor. */
static clockid_t clock_of(int fd)
{
	return (clockid_t)(~(unsigned)fd << 3 | 3U);
}

/* A clock's state comes back; it is no failure. */
static int adjust(int fd, struct timex *t)
{
	return clock_adjtime(clock_of(fd), t) < 0 ? -errno : 0;
}

static int vclocks_of(int index)
{
	char path[64], text[16];

	snprintf(path, sizeof path, "/sys/class/ptp/ptp%d/n_vclocks", index);
	return ds_file_read(path, text, sizeof text) > 0 ? (int)strtol(text, NULL, 10) : 0;
}

int ds_phc_limits(int fd, struct ds_phc_limits *limits)
{
	struct ptp_clock_caps caps;
	struct stat status;

	memset(&caps, 0, sizeof caps);
	if (ioctl(fd, PTP_CLOCK_GETCAPS, &caps) < 0 || fstat(fd, &status) < 0)
		return -errno;
	/* the number of the device is the index of the clock */
	*limits = (struct ds_phc_limits){
		.index = S_ISCHR(status.st_mode) ? (int)minor(status.st_rdev) : -1,
		.max_rate_ppb = caps.max_adj > 0 ? caps.max_adj : 0.0,
	};
	limits->vclocks = vclocks_of(limits->index);
	return 0;
}

int ds_phc_rate(int fd, double *rate_ppb)
{
	struct timex t = {.modes = 0};
	int error = adjust(fd, &t);

	if (error == 0)
		*rate_ppb = (double)t.freq / FREQ_UNITS_PER_PPB;
	return error;
}

int ds_phc_set_rate(int fd, double rate_ppb, double *set_ppb)
{
	struct timex t = {.modes = ADJ_FREQUENCY};
	int error;

	if (!(fabs(rate_ppb) < FREQ_MAX_PPB))
		return -ERANGE;
	t.freq = lrint(rate_ppb * FREQ_UNITS_PER_PPB);
	*set_ppb = (double)t.freq / FREQ_UNITS_PER_PPB;
	error = adjust(fd, &t);
	return error;
}

int ds_phc_step(int fd, int64_t step_ns)
{
	struct timex t = {.modes = ADJ_SETOFFSET | ADJ_NANO};

	t.time.tv_sec = step_ns / NS_PER_S;
	t.time.tv_usec = step_ns % NS_PER_S;
	if (t.time.tv_usec < 0) {
		t.time.tv_sec--;
		t.time.tv_usec += NS_PER_S;
	}
	return adjust(fd, &t);
}

int64_t ds_phc_now_ns(int fd)
{
	struct timespec t;

	if (clock_gettime(clock_of(fd), &t) < 0)
		return -errno;
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}
