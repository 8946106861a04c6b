/*
 * commanding: the datagram sockets at which chronyc and those like it ask: a UNIX socket, and UDP
 * on loopback where `cmdport` is written. It must never answer a host, take an order by UDP, or
 * read more than one packet of a socket a turn.
 *
 * What is said is candm.h. By UDP only what chronyd tells everybody on the host is told. By the
 * UNIX socket those who may open it read everything; root and the daemon's own user
 * (SCM_CREDENTIALS, unix(7)) may give orders. The one who asks has to have a socket of its own that
 * the daemon can write to.
 */
#ifndef DS_DAEMON_COMMANDING_H
#define DS_DAEMON_COMMANDING_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/conf.h"

struct ds_daemon;

#define DS_COMMANDING_SOCKETS 3 /* UNIX, IPv4, IPv6 */

/* Private to commanding.c, but for the counters. */
struct ds_commanding {
	int fds[DS_COMMANDING_SOCKETS]; /* -1: none */
	char path[DS_CONF_PATH];
	uint64_t received, dropped; /* packets; those that got no answer */
};

void ds_commanding_none(struct ds_commanding *commanding);
/* To be called while there are rights. What cannot be had is said in the log and is no failure; the
 * default path without its folder is not said. */
void ds_commanding_open(struct ds_commanding *commanding, const struct ds_conf *conf);
void ds_commanding_close(struct ds_commanding *commanding);

uint32_t ds_commanding_watch(const struct ds_commanding *commanding, struct pollfd *fds,
			     uint32_t *who, uint32_t room);
void ds_commanding_handle(struct ds_commanding *commanding, struct ds_daemon *daemon, uint32_t who);

#endif
