/*
 * devices: preloaded into a daemon, it makes devices that this machine does not have.
 * It must never touch a device that there is: only the paths below are played, and only the calls
 * that os/pps, os/phc and os/rtc make of them. The truth is CLOCK_REALTIME.
 *
 * /dev/pps77  pulses of 0.1 s, both edges stamped
 * /dev/ptp77  a clock in TAI (37 s ahead) with an input for pulses; each reading takes 2 us and now
 *             and then 30 us; reading and stamps are as its ways allow
 * /dev/rtc77  a real-time clock in UTC, with update interrupts
 * /dev/rtc78  one without
 * DEVICES_RTC=S          how far they are ahead
 * DEVICES_RATE=N        pulses a second (1)
 * DEVICES_NOISE=NS      of stamps, even (0)
 * DEVICES_WAYS=LETTERS  how /dev/ptp77 may be read: p precise, e extended, o plain (eo)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <linux/pps.h>
#include <linux/ptp_clock.h>
#include <linux/rtc.h>

#define NS_PER_S INT64_C(1000000000)
#define TAI_NS	 (37 * NS_PER_S)
#define FDS	 1024

enum kind { NONE, PPS, PTP, RTC, RTC_BARE };
static unsigned char kinds[FDS];

static int64_t now_ns(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static long setting(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

static int64_t noise_ns(void)
{
	long most = setting("DEVICES_NOISE", 0);

	return most > 0 ? random() % (2 * most + 1) - most : 0;
}

/* The number and the moment of the last pulse whose edge is shift_ns behind it. */
static int64_t last_pulse(int64_t shift_ns, int64_t *at_ns)
{
	int64_t interval = NS_PER_S / setting("DEVICES_RATE", 1);
	int64_t number = (now_ns() - shift_ns) / interval;

	*at_ns = number * interval + shift_ns + noise_ns();
	return number;
}

/* ---- pulses ---- */

static struct pps_ktime pps_time(int64_t ns)
{
	return (struct pps_ktime){.sec = ns / NS_PER_S, .nsec = (int)(ns % NS_PER_S)};
}

static int pps_call(unsigned long request, void *argument)
{
	static struct pps_kparams parameters = {.api_version = PPS_API_VERS};
	struct pps_fdata *data = argument;
	int64_t at;

	switch (request) {
	case PPS_GETCAP:
		*(int *)argument = PPS_CAPTUREBOTH | PPS_TSFMT_TSPEC;
		return 0;
	case PPS_GETPARAMS:
		memcpy(argument, &parameters, sizeof parameters);
		return 0;
	case PPS_SETPARAMS:
		memcpy(&parameters, argument, sizeof parameters);
		return 0;
	case PPS_FETCH:
		if (!(parameters.mode & PPS_CAPTUREBOTH) && data->timeout.sec != 0)
			break;
		data->info.assert_sequence = (unsigned)last_pulse(0, &at);
		data->info.assert_tu = pps_time(at);
		data->info.clear_sequence = (unsigned)last_pulse(NS_PER_S / 10, &at);
		data->info.clear_tu = pps_time(at);
		return 0;
	default:
		break;
	}
	errno = ENOTTY;
	return -1;
}

/* ---- a card's clock ---- */

static struct ptp_clock_time ptp_time(int64_t ns)
{
	return (struct ptp_clock_time){.sec = ns / NS_PER_S, .nsec = (unsigned)(ns % NS_PER_S)};
}

static int may(char way)
{
	const char *ways = getenv("DEVICES_WAYS");

	return strchr(ways != NULL ? ways : "eo", way) != NULL;
}

/* The register is read in the middle, or, in one of four, late behind a long wait. */
static void reading(struct ptp_clock_time *before, struct ptp_clock_time *device,
		    struct ptp_clock_time *after, int i)
{
	int64_t now = now_ns() + i * 100000;
	int64_t width = i % 4 == 3 ? 30000 : 2000;

	*before = ptp_time(now);
	*device = ptp_time(now + width - 1000 + TAI_NS + noise_ns());
	*after = ptp_time(now + width);
}

static int ptp_call(unsigned long request, void *argument)
{
	struct ptp_sys_offset_precise *precise = argument;
	struct ptp_sys_offset_extended *extended = argument;
	struct ptp_sys_offset *plain = argument;
	struct ptp_clock_caps *caps = argument;
	int64_t now = now_ns();

	errno = EOPNOTSUPP;
	switch (request) {
	case PTP_SYS_OFFSET_PRECISE:
		if (!may('p'))
			return -1;
		precise->sys_realtime = ptp_time(now);
		precise->device = ptp_time(now + TAI_NS + noise_ns());
		return 0;
	case PTP_SYS_OFFSET_EXTENDED:
		for (unsigned i = 0; i < extended->n_samples; i++)
			reading(&extended->ts[i][0], &extended->ts[i][1], &extended->ts[i][2],
				(int)i);
		return may('e') ? 0 : -1;
	case PTP_SYS_OFFSET:
		for (unsigned i = 0; i < plain->n_samples; i++)
			reading(&plain->ts[2 * i], &plain->ts[2 * i + 1], &plain->ts[2 * i + 2], 0);
		return may('o') ? 0 : -1;
	case PTP_CLOCK_GETCAPS:
		memset(caps, 0, sizeof *caps);
		caps->n_pins = 2;
		return 0;
	case PTP_PIN_SETFUNC:
		return ((struct ptp_pin_desc *)argument)->index == 1 ? 0 : -1;
	case PTP_EXTTS_REQUEST:
		return ((struct ptp_extts_request *)argument)->index == 1 ? 0 : -1;
	default:
		return -1;
	}
}

/* ---- a real-time clock ---- */

static int rtc_call(enum kind kind, unsigned long request, void *argument)
{
	time_t now = now_ns() / NS_PER_S + setting("DEVICES_RTC", 0);
	struct rtc_time *out = argument;
	struct tm t;

	errno = EINVAL;
	if (request == RTC_UIE_ON || request == RTC_UIE_OFF)
		return kind == RTC ? 0 : -1;
	if (request != RTC_RD_TIME)
		return -1;
	gmtime_r(&now, &t);
	*out = (struct rtc_time){.tm_sec = t.tm_sec,
				 .tm_min = t.tm_min,
				 .tm_hour = t.tm_hour,
				 .tm_mday = t.tm_mday,
				 .tm_mon = t.tm_mon,
				 .tm_year = t.tm_year};
	return 0;
}

/* ---- the calls ---- */

static int play(const char *path, int flags)
{
	struct itimerspec ticks = {.it_value = {1, 0}};
	static const char *const paths[] = {
		[PPS] = "/dev/pps77",
		[PTP] = "/dev/ptp77",
		[RTC] = "/dev/rtc77",
		[RTC_BARE] = "/dev/rtc78",
	};
	enum kind kind = RTC_BARE;
	int fd;

	while (kind != NONE && strcmp(path, paths[kind]) != 0)
		kind--;
	if (kind == NONE)
		return -1;
	fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | (flags & O_CLOEXEC ? TFD_CLOEXEC : 0));
	if (fd < 0 || fd >= FDS)
		return -1;
	ticks.it_interval.tv_nsec = NS_PER_S / setting("DEVICES_RATE", 1) % NS_PER_S;
	ticks.it_interval.tv_sec = setting("DEVICES_RATE", 1) == 1;
	if (kind == PTP || kind == RTC)
		timerfd_settime(fd, TFD_TIMER_ABSTIME, &ticks, NULL);
	kinds[fd] = (unsigned char)kind;
	return fd;
}

/* All the names that a compiler makes of open(). */
static int open_any(const char *path, int flags, mode_t mode)
{
	int fd = play(path, flags);

	return fd >= 0 ? fd : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open_plain(const char *path, int flags, mode_t mode) __asm__("open");
int open_plain64(const char *path, int flags, mode_t mode) __asm__("open64");
int open_checked(const char *path, int flags) __asm__("__open_2");
int open_checked64(const char *path, int flags) __asm__("__open64_2");

int open_plain(const char *path, int flags, mode_t mode)
{
	return open_any(path, flags, mode);
}

int open_plain64(const char *path, int flags, mode_t mode)
{
	return open_any(path, flags, mode);
}

int open_checked(const char *path, int flags)
{
	return open_any(path, flags, 0);
}

int open_checked64(const char *path, int flags)
{
	return open_any(path, flags, 0);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (fd >= 0 && fd < FDS && kinds[fd] == PPS)
		return pps_call(request, argument);
	if (fd >= 0 && fd < FDS && kinds[fd] == PTP)
		return ptp_call(request, argument);
	if (fd >= 0 && fd < FDS && kinds[fd] >= RTC)
		return rtc_call((enum kind)kinds[fd], request, argument);
	return (int)syscall(SYS_ioctl, fd, request, argument);
}

ssize_t read(int fd, void *buffer, size_t size)
{
	struct ptp_extts_event event = {.index = 1};
	uint64_t ticks;
	int64_t at;

	if (fd < 0 || fd >= FDS || kinds[fd] != PTP || size < sizeof event)
		return syscall(SYS_read, fd, buffer, size);
	if (syscall(SYS_read, fd, &ticks, sizeof ticks) < 0)
		return -1;
	last_pulse(0, &at);
	event.t = ptp_time(at + TAI_NS);
	memcpy(buffer, &event, sizeof event);
	return sizeof event;
}

int close(int fd)
{
	if (fd >= 0 && fd < FDS)
		kinds[fd] = NONE;
	return (int)syscall(SYS_close, fd);
}
