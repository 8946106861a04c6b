/*
 * rtc: the machine's real-time clock, read and never set.
 * It must never wait for the second to change, nor claim more than whole seconds without having
 * seen that.
 *
 * Source: rtc(4). Where the device has update interrupts (RTC_UIE_ON), poll() reports each second
 * as it begins, and the clock is read then. Where it has none, two readings less than a second
 * apart that differ by one say between which moments a second began: that is a sample, with half of
 * what lies between as its dispersion, and readings of the same second are none. (Each taken for
 * itself would fall behind by a second a second and then jump, which looks like a frequency.) Read
 * more seldom than that, each lies somewhere within its second: the middle, with half a second of
 * dispersion.
 */
#ifndef DS_OS_RTC_H
#define DS_OS_RTC_H

#include <stdbool.h>

#include "os/refsample.h"
#include "os/socket.h"

struct ds_rtc {
	int fd;		 /* -1: closed */
	bool utc;	 /* else it keeps the machine's local time */
	bool interrupts; /* `fd` is to be watched; else it is read at any time */
	/* where it has none, the reading before: its second (0: none yet) and when, on the raw
	 * scale */
	int64_t last_s, last_raw_ns;
};

/* 0 or a negative errno with a sentence. */
int ds_rtc_open(struct ds_rtc *rtc, const char *path, bool utc, char why[DS_WHY]);
void ds_rtc_close(struct ds_rtc *rtc);
/* Have seconds reported, or not: opening it does. False where it cannot. */
bool ds_rtc_interrupts(struct ds_rtc *rtc, bool on);
/* DS_REF_NOTHING: no second has begun since the last call. */
enum ds_refresult ds_rtc_read(struct ds_rtc *rtc, struct ds_refsample *sample);

#endif
