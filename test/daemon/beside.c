/*
 * beside: how far CLOCK_REALTIME is from a PTP clock that shows true time (a host of the test bed),
 * and what drivestampd says at the same moment of how wrong it may be.
 * It must never set a clock.
 *
 *   beside DEVICE SECONDS MS [BOUNDFILE]
 * A line each MS: UPTIME_S ERROR_NS HALF_WIDTH_NS BOUND_NS HARD_BOUND_NS. ERROR: CLOCK_REALTIME
 * minus DEVICE, by PTP_SYS_OFFSET_EXTENDED, of 25 readings the one whose two stamps are closest:
 * both clocks are read within the kernel, so that what a system call takes is not in it. Bounds: -1
 * without BOUNDFILE, or where nothing is claimed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/ptp_clock.h>

#include "include/drivestamp/bound.h"

#define NS_PER_S INT64_C(1000000000)

static int64_t ns_of(const struct ptp_clock_time *t)
{
	return (int64_t)t->sec * NS_PER_S + t->nsec;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Twice the error, for what lies in the middle of two readings. False: the device cannot be read.
 */
static int compare(int fd, int64_t *error_ns, int64_t *width_ns)
{
	struct ptp_sys_offset_extended e;

	memset(&e, 0, sizeof e);
	e.n_samples = PTP_MAX_SAMPLES;
	if (ioctl(fd, PTP_SYS_OFFSET_EXTENDED, &e) < 0)
		return 0;
	*width_ns = INT64_MAX;
	for (unsigned i = 0; i < e.n_samples; i++) {
		int64_t before = ns_of(&e.ts[i][0]), width = ns_of(&e.ts[i][2]) - before;

		if (width < 0 || width >= *width_ns)
			continue;
		*width_ns = width;
		*error_ns = before - ns_of(&e.ts[i][1]) + width / 2;
	}
	return 1;
}

int main(int argc, char **argv)
{
	const struct drivestamp_bound_page *page = NULL;
	int64_t start = now_ns(), error = 0, width = 0;
	struct drivestamp_bound bound;
	int fd, interval_ms;

	if (argc < 4 || (interval_ms = atoi(argv[3])) <= 0)
		return 2;
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || !compare(fd, &error, &width)) {
		perror(argv[1]);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (now_ns() - start < atoi(argv[2]) * NS_PER_S) {
		int good = 0;

		usleep((useconds_t)interval_ms * 1000);
		if (page == NULL && argc > 4)
			page = drivestamp_bound_open(argv[4]);
		/* the bound grows: read before, it is the stricter one */
		if (page != NULL)
			good = drivestamp_bound_now(page, &bound) == DRIVESTAMP_BOUND_GOOD;
		if (!compare(fd, &error, &width))
			return 1;
		printf("%.3f %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
		       (double)now_ns() * 1e-9, error, width / 2, good ? bound.bound_ns : -1,
		       good ? bound.hard_bound_ns : -1);
	}
	return 0;
}
