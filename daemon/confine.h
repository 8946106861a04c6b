/*
 * confine: what this configuration needs of files and system calls, and the sandbox around it.
 * It must never be the reason why the daemon does not start.
 */
#ifndef DS_DAEMON_CONFINE_H
#define DS_DAEMON_CONFINE_H

struct ds_daemon;

/* log_file: of messages; NULL: none. When everything is open, and rights are given up:
 * conf->sandbox says which of the two are wanted. One line in the log says what is in force; one
 * more for each that cannot be had. */
void ds_confine(const struct ds_daemon *daemon, const char *log_file);

#endif
