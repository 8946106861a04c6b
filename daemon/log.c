/*
 * log: see log.h. Times are UTC of CLOCK_REALTIME, which is not the clock that is kept when that is
 * a virtual one.
 */
#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_TEXT 4096

static bool to_syslog, to_journal;
static FILE *file;
static char file_path[256];
static enum ds_log_level least = DS_LOG_INFO;

void ds_log_open(bool syslog, enum ds_log_level level)
{
	to_syslog = syslog;
	least = level;
	if (syslog)
		openlog("drivestampd", LOG_PID, LOG_DAEMON);
}

void ds_log_level(enum ds_log_level level)
{
	least = level;
}

int ds_log_to_file(const char *path)
{
	FILE *opened = strlen(path) < sizeof file_path ? fopen(path, "ae") : NULL;

	if (opened == NULL)
		return strlen(path) < sizeof file_path ? -errno : -ENAMETOOLONG;
	setvbuf(opened, NULL, _IOLBF, 1024);
	if (file != NULL)
		fclose(file);
	file = opened;
	if (path != file_path)
		snprintf(file_path, sizeof file_path, "%s", path);
	return 0;
}

void ds_log_reopen(void)
{
	if (file != NULL)
		(void)ds_log_to_file(file_path);
}

/* systemd.exec(5): JOURNAL_STREAM names the device and inode of what stderr was then. */
void ds_log_look_at_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	to_journal = stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
		     fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static void write_line(enum ds_log_level level, const char *prefix, const char *text)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO};
	struct timespec now;
	struct tm utc;

	if (level > least)
		return;
	if (to_syslog && file == NULL) {
		syslog(priorities[level], "%s%s", prefix, text);
		return;
	}
	if (to_journal && file == NULL) {
		fprintf(stderr, "<%d>%s%s\n", priorities[level], prefix, text);
		return;
	}
	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || gmtime_r(&now.tv_sec, &utc) == NULL)
		return;
	fprintf(file != NULL ? file : stderr, "%04d-%02d-%02dT%02d:%02d:%02dZ %s%s\n",
		utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
		utc.tm_sec, prefix, text);
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

void ds_log_say(void *context, bool error, const char *path, int line, const char *text)
{
	(void)context;
	if (line > 0)
		ds_log(error ? DS_LOG_ERROR : DS_LOG_WARNING, "%s:%d: %s", path, line, text);
	else
		ds_log(error ? DS_LOG_ERROR : DS_LOG_WARNING, "%s: %s", path, text);
}
