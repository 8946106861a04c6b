/*
 * loop: waits, and hands what happened to the room it belongs to.
 * It must never wait in anything but poll(), and never work on one event twice.
 */
#ifndef DS_DAEMON_LOOP_H
#define DS_DAEMON_LOOP_H

#include "daemon/daemon.h"

/* Run until SIGTERM or SIGINT (0), the end of -q or -Q (0, or 1 where nothing could be measured),
 * or end_ns (0; 1 for -q and -Q). Returns the process's exit status. */
int ds_loop_run(struct ds_daemon *daemon);

#endif
