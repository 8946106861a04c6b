/*
 * start: opens what a configuration asks for, sets the rooms of the daemon up in their order, and
 * closes them again.
 * It must never read the command line, give up rights or wait: main() does, and sim/ has none.
 */
#ifndef DS_DAEMON_START_H
#define DS_DAEMON_START_H

#include <stdbool.h>

#include "daemon/daemon.h"

/* The order of calls: conf is read and checked, once is set, all else is zero; ds_start_keys(); the
 * clock is opened, and steer set; ds_start_open(); rights are given up; ds_start_work(). The first
 * three return false after saying why, and the process should end. */
bool ds_start_keys(struct ds_daemon *daemon);
/* Memory, and the sockets that need rights. Changes conf for -q and -Q. */
bool ds_start_open(struct ds_daemon *daemon);
/* From here on the clock is corrected and packets go out. Cannot fail. */
void ds_start_work(struct ds_daemon *daemon);

/* After the last turn of the loop: no slew is left in the clock, the report is in the log,
 * everything is closed. */
void ds_start_close(struct ds_daemon *daemon);

#endif
