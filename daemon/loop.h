/*
 * loop: waits, and hands what happened to the room it belongs to.
 * It must never wait in anything but poll(), and never work on one event twice.
 */
#ifndef DS_DAEMON_LOOP_H
#define DS_DAEMON_LOOP_H

#include "daemon/daemon.h"

#define DS_LOOP_WATCHED                                                                            \
	(DS_SERVE_SOCKETS + DS_CONF_REFCLOCKS + 2 + DS_CONTROL_WATCHED + DS_COMMANDING_SOCKETS +   \
	 DS_SOURCES_WATCHED)

/* What is carried from one turn to the next. Private to loop.c but for `fds` and `count`. */
struct ds_loop {
	struct pollfd fds[DS_LOOP_WATCHED]; /* what is waited for; revents for the turn */
	uint32_t who[DS_LOOP_WATCHED];
	uint32_t count;	     /* of fds */
	uint32_t served;     /* those before it are the server's */
	uint32_t refclocks;  /* and those from there up to it the reference clocks' */
	uint32_t rtc;	     /* ... the real-time clock's */
	uint32_t set;	     /* ... the clock that is set */
	uint32_t control;    /* ... the control socket's */
	uint32_t commanding; /* ... those of chrony's protocol */
	int64_t shadow_ns;
	int status; /* of the process, once a turn has returned false */
};

/* The parts of ds_loop_run(), for a world that has no poll() (sim/). ds_loop_watch() fills `fds`
 * and returns how long poll() may wait, in ms; whoever waits sets revents (and count to 0 where
 * none is), and calls ds_loop_turn(), which hands out what was reported, runs the timers and
 * returns whether to go on. It waits for nothing. */
void ds_loop_begin(struct ds_loop *loop, const struct ds_daemon *daemon);
int ds_loop_watch(struct ds_loop *loop, const struct ds_daemon *daemon);
bool ds_loop_turn(struct ds_loop *loop, struct ds_daemon *daemon);

/* Run until SIGTERM or SIGINT (0), the end of -q or -Q (0, or 1 where nothing could be measured),
 * or end_ns (0; 1 for -q and -Q). Returns the process's exit status. */
int ds_loop_run(struct ds_daemon *daemon);

#endif
