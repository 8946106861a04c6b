/*
 * log: sentences for people, to stderr or syslog.
 * It must never be called from core/ or os/, and never say the same thing at every packet.
 */
#ifndef DS_DAEMON_LOG_H
#define DS_DAEMON_LOG_H

#include <stdbool.h>

enum ds_log_level { DS_LOG_ERROR, DS_LOG_WARNING, DS_LOG_NOTICE, DS_LOG_INFO };

/* Until called, messages go to stderr. syslog: to the system's log from now on, as `drivestampd`.
 * level: the least important that is still written. */
void ds_log_open(bool syslog, enum ds_log_level level);
/* The least important that is still written, alone. */
void ds_log_level(enum ds_log_level level);
/* To this file from now on, appending; it is opened anew by ds_log_reopen(). 0, or a negative
 * errno, and nothing has changed. */
int ds_log_to_file(const char *path);
void ds_log_reopen(void);
/* Are messages on stderr read by the journal? Then each line begins with its priority
 * (sd-daemon(3)) and has no time: the journal has its own. */
void ds_log_look_at_stderr(void);

/* One line, without a newline in it; control characters that came from outside must have been
 * taken out. On stderr: "2026-11-23T08:00:00Z text". */
__attribute__((format(printf, 2, 3))) void ds_log(enum ds_log_level level, const char *format, ...);

/* "Fatal: ..." at DS_LOG_ERROR. The caller ends the process with status 1. */
__attribute__((format(printf, 1, 2))) void ds_log_fatal(const char *format, ...);

/* A ds_conf_say (conf.h): what is said of a configuration. line 0: of the whole file. */
void ds_log_say(void *context, bool error, const char *path, int line, const char *text);

#endif
