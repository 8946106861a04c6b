/*
 * log: see log.h. Times are UTC of CLOCK_REALTIME, which is not the clock that is kept when that is
 * a virtual one.
 */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>

#define LINE_MAX_TEXT 4096

static bool to_syslog;
static enum ds_log_level least = DS_LOG_INFO;

void ds_log_open(bool syslog, enum ds_log_level level)
{
	to_syslog = syslog;
	least = level;
	if (syslog)
		openlog("drivestampd", LOG_PID, LOG_DAEMON);
}

static void write_line(enum ds_log_level level, const char *prefix, const char *text)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO};
	struct timespec now;
	struct tm utc;

	if (level > least)
		return;
	if (to_syslog) {
		syslog(priorities[level], "%s%s", prefix, text);
		return;
	}
	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || gmtime_r(&now.tv_sec, &utc) == NULL)
		return;
	fprintf(stderr, "%04d-%02d-%02dT%02d:%02d:%02dZ %s%s\n", utc.tm_year + 1900, utc.tm_mon + 1,
		utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, prefix, text);
}

void ds_log(enum ds_log_level level, const char *format, ...)
{
	char text[LINE_MAX_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	write_line(level, level == DS_LOG_WARNING ? "Warning: " : "", text);
}

void ds_log_fatal(const char *format, ...)
{
	char text[LINE_MAX_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	write_line(DS_LOG_ERROR, "Fatal: ", text);
}
