/* clock_watch: see clock_watch.h. */
#include "os/clock_watch.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NEVER_S INT64_C(0x7fffffff) /* 2038 for a time_t of 32 bits; ended and set anew then */

/* Where a simulator stands between the C library and the kernel, the kernel's timers are of another
 * clock than the one that is read here. */
static bool is_simulated(void)
{
	const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	struct timespec read, kernel;

	for (int i = 0; i < 2; i++) {
		if (clock_gettime(clocks[i], &read) != 0 ||
		    syscall(SYS_clock_gettime, clocks[i], &kernel) != 0)
			return true;
		if (kernel.tv_sec - read.tv_sec > 1 || read.tv_sec - kernel.tv_sec > 1)
			return true;
	}
	return false;
}

static bool arm(int fd)
{
	struct timespec now;
	struct itimerspec never = {{0, 0}, {NEVER_S, 0}};

	if (clock_gettime(CLOCK_REALTIME, &now) == 0 && sizeof(time_t) > 4)
		never.it_value.tv_sec = now.tv_sec + (time_t)NEVER_S;
	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) == 0;
}

int ds_clock_watch_open(void)
{
	int fd;

	if (is_simulated())
		return -ENOTSUP;
	fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (!arm(fd)) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

bool ds_clock_watch_again(int fd)
{
	uint64_t expirations;

	/* ECANCELED is what a clock that was set gives. */
	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno != ECANCELED &&
	    errno != EAGAIN && errno != EINTR)
		return false;
	return arm(fd);
}
