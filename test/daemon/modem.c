/*
 * modem: preloaded into gpsd, it gives a pseudo terminal what a serial line has besides: pulses at
 * the carrier detect line, and the device number of a serial line.
 * It must never touch anything but terminals, nor stamp a pulse: gpsd does that.
 *
 * gpsd sends no time of a pseudo terminal to anybody (it takes it for its own test harness), so its
 * major device number is told as that of ttyS. The line rises at each whole second of
 * CLOCK_REALTIME, for a tenth of it, as a receiver's pulse does.
 * MODEM_LATE=NS    how late the edges are (0)
 * MODEM_SILENT=1   there are no pulses
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S   INT64_C(1000000000)
#define PULSE_NS   (NS_PER_S / 10)
#define PTS_FIRST  136 /* major numbers of the other sides of pseudo terminals */
#define PTS_LAST   143
#define TTYS_MAJOR 4
#define TTYS_MINOR 64

static int64_t late_ns(void)
{
	const char *text = getenv("MODEM_LATE");

	return text != NULL ? strtol(text, NULL, 10) : 0;
}

/* How far into its second is the receiver? */
static int64_t phase_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ((int64_t)t.tv_nsec - late_ns() + NS_PER_S) % NS_PER_S;
}

/* Until the next edge. */
static int await_edge(void)
{
	int64_t phase = phase_ns();
	int64_t left = phase < PULSE_NS ? PULSE_NS - phase : NS_PER_S - phase;
	struct timespec until;

	if (getenv("MODEM_SILENT") != NULL)
		left = 3600 * NS_PER_S;
	clock_gettime(CLOCK_REALTIME, &until);
	left += until.tv_nsec;
	until.tv_sec += left / NS_PER_S;
	until.tv_nsec = left % NS_PER_S;
	/* a signal does not end it, as it does not end the driver's wait */
	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (request == TIOCMIWAIT)
		return await_edge();
	if (request == TIOCMGET) {
		*(int *)argument = phase_ns() < PULSE_NS ? TIOCM_CD : 0;
		return 0;
	}
	return (int)syscall(SYS_ioctl, fd, request, argument);
}

static int disguise(int rc, struct stat *status)
{
	unsigned major_number = rc == 0 && S_ISCHR(status->st_mode) ? major(status->st_rdev) : 0;

	if (major_number >= PTS_FIRST && major_number <= PTS_LAST)
		status->st_rdev = makedev(TTYS_MAJOR, TTYS_MINOR);
	return rc;
}

/* Both names that a compiler may make of stat(). */
int stat_plain(const char *path, struct stat *status) __asm__("stat");
int stat_plain64(const char *path, struct stat *status) __asm__("stat64");

int stat_plain(const char *path, struct stat *status)
{
	return disguise(fstatat(AT_FDCWD, path, status, 0), status);
}

int stat_plain64(const char *path, struct stat *status)
{
	return disguise(fstatat(AT_FDCWD, path, status, 0), status);
}
