/*
 * control: the UNIX stream socket at which operators and tools ask: lines in, lines out.
 * It must never wait, hold up time keeping (one line of one connection a turn of the loop, one
 * answer), or grow with what comes.
 *
 * What is said is answers.h; who may connect is said by owner, group and mode of the socket, and
 * who may change something by the user that the kernel names (SO_PEERCRED, unix(7)): root, and the
 * one that the daemon runs as. doc/control.md has the rules.
 */
#ifndef DS_DAEMON_CONTROL_H
#define DS_DAEMON_CONTROL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/answers.h"
#include "daemon/conf.h"

struct ds_daemon;

#define DS_CONTROL_CONNECTIONS 8 /* one more takes the place of the one that was idle longest */
#define DS_CONTROL_WATCHED     (DS_CONTROL_CONNECTIONS + 1)

/* Private to control.c. */
struct ds_control_connection {
	int fd; /* -1: free */
	bool may_write;
	bool waits; /* for room in the socket: nothing is read before the answer can go out */
	uint16_t used;
	char line[DS_ANSWERS_LINE];
	int64_t heard_ns; /* CLOCK_MONOTONIC */
};

/* ds_control_open(), or ds_control_none(), comes before all else. */
struct ds_control {
	int fd; /* -1: there is none */
	bool bound;
	char path[DS_CONF_PATH];
	struct ds_control_connection connections[DS_CONTROL_CONNECTIONS];
	uint64_t accepted, requests, refused_full;
};

void ds_control_none(struct ds_control *control);
/* Make the socket of conf->control_socket, for the user and group that the daemon will run as
 * (conf->user; conf->control_group). To be called while there are rights. A socket file without
 * anybody behind it is replaced; one at which somebody listens, and a folder that others can write,
 * are not used. What cannot be had is said in the log, and is no failure, unless it is the default
 * path and its folder is not there. */
void ds_control_open(struct ds_control *control, const struct ds_conf *conf);
/* Removes the socket's file as well, if it is ours. */
void ds_control_close(struct ds_control *control);

/* What poll() is to watch; `who` names each for ds_control_handle(). */
uint32_t ds_control_watch(const struct ds_control *control, struct pollfd *fds, uint32_t *who,
			  uint32_t room);
void ds_control_handle(struct ds_control *control, struct ds_daemon *daemon, uint32_t who,
		       short revents);

/* CLOCK_MONOTONIC at which ds_control_run() has something to do: a line that came with others. */
int64_t ds_control_next_ns(const struct ds_control *control);
void ds_control_run(struct ds_control *control, struct ds_daemon *daemon);

#endif
