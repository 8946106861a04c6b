/* rtc: see rtc.h. */
#include "os/rtc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/rtc.h>

#define NS_PER_S     INT64_C(1000000000)
#define INTERRUPT_NS INT64_C(10000000) /* how late we may be told, on a busy machine */

static int fail(struct ds_rtc *rtc, const char *path, const char *what, char why[DS_WHY])
{
	int error = errno ? errno : EINVAL;

	snprintf(why, DS_WHY, "%s: %s: %s", path, what, strerror(error));
	ds_rtc_close(rtc);
	return -error;
}

/* Seconds since 1970; -1 on failure, -2 for what is no time. */
static int64_t read_seconds(const struct ds_rtc *rtc)
{
	struct rtc_time r;
	struct tm t;
	time_t at;

	memset(&r, 0, sizeof r);
	if (ioctl(rtc->fd, RTC_RD_TIME, &r) < 0)
		return -1;
	t = (struct tm){.tm_sec = r.tm_sec,
			.tm_min = r.tm_min,
			.tm_hour = r.tm_hour,
			.tm_mday = r.tm_mday,
			.tm_mon = r.tm_mon,
			.tm_year = r.tm_year,
			.tm_isdst = -1};
	at = rtc->utc ? timegm(&t) : mktime(&t);
	return at >= 0 && at < DS_REFSAMPLE_SECONDS_MAX ? at : -2;
}

int ds_rtc_open(struct ds_rtc *rtc, const char *path, bool utc, char why[DS_WHY])
{
	*rtc = (struct ds_rtc){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), .utc = utc};
	if (rtc->fd < 0)
		return fail(rtc, path, "cannot open", why);
	/* also: what mktime() wants to know of the time zone is read now */
	if (read_seconds(rtc) == -1)
		return fail(rtc, path, "cannot read the time", why);
	rtc->interrupts = ioctl(rtc->fd, RTC_UIE_ON, 0) == 0;
	return 0;
}

void ds_rtc_close(struct ds_rtc *rtc)
{
	if (rtc->fd < 0)
		return;
	if (rtc->interrupts)
		ioctl(rtc->fd, RTC_UIE_OFF, 0);
	close(rtc->fd);
	rtc->fd = -1;
}

bool ds_rtc_interrupts(struct ds_rtc *rtc, bool on)
{
	unsigned long ticks;
	bool can = ioctl(rtc->fd, on ? RTC_UIE_ON : RTC_UIE_OFF, 0) == 0;

	/* what was reported before is over */
	while (can && read(rtc->fd, &ticks, sizeof ticks) > 0)
		;
	return can;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Without interrupts: how long ago the second that was read began, give or take *dispersion_ns; -1
 * where it is the second of the reading before. */
static int64_t begun_ago_ns(struct ds_rtc *rtc, int64_t seconds, int64_t *dispersion_ns)
{
	int64_t raw_ns = now_ns(CLOCK_MONOTONIC_RAW), gap_ns = raw_ns - rtc->last_raw_ns;
	int64_t ago_ns = NS_PER_S / 2;

	if (rtc->last_s != 0 && gap_ns < NS_PER_S) {
		if (seconds == rtc->last_s)
			ago_ns = -1;
		else if (seconds == rtc->last_s + 1)
			ago_ns = gap_ns / 2;
	}
	rtc->last_s = seconds;
	rtc->last_raw_ns = raw_ns;
	*dispersion_ns = ago_ns;
	return ago_ns;
}

enum ds_refresult ds_rtc_read(struct ds_rtc *rtc, struct ds_refsample *sample)
{
	int64_t seconds, local_ns, ago_ns = 0, dispersion_ns = INTERRUPT_NS;
	unsigned long ticks;

	if (rtc->interrupts && read(rtc->fd, &ticks, sizeof ticks) < 0)
		return errno == EAGAIN || errno == EINTR ? DS_REF_NOTHING : DS_REF_FAILED;
	local_ns = now_ns(CLOCK_REALTIME);
	seconds = read_seconds(rtc);
	if (seconds < 0)
		return seconds == -1 ? DS_REF_FAILED : DS_REF_BAD;
	if (!rtc->interrupts)
		ago_ns = begun_ago_ns(rtc, seconds, &dispersion_ns);
	if (ago_ns < 0)
		return DS_REF_NOTHING;
	*sample = (struct ds_refsample){
		.local_ns = local_ns,
		.reference_ns = seconds * NS_PER_S + ago_ns,
		.dispersion_ns = dispersion_ns,
	};
	return DS_REF_SAMPLE;
}
