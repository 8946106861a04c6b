/*
 * report: what the daemon has done so far, as lines of the log: at SIGUSR1 and at the end.
 * It must never change what it reports.
 */
#ifndef DS_DAEMON_REPORT_H
#define DS_DAEMON_REPORT_H

#include "daemon/daemon.h"

/* A line for each source; where anything was served, one for that and one for each calibrated
 * interface and address family; and `counters:` with every reason that is not zero. */
void ds_report(const struct ds_daemon *daemon);

#endif
