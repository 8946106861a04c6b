/*
 * serve: the server's sockets: requests in, answers out, drivestamps back to their answers.
 * It must never answer whom the configuration does not allow, and never let a burst of requests
 * hold up time keeping: one batch a wake-up.
 */
#ifndef DS_DAEMON_SERVE_H
#define DS_DAEMON_SERVE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/exchange/departure.h"
#include "core/exchange/reason.h"
#include "core/exchange/server.h"
#include "daemon/conf.h"
#include "daemon/timekeeper.h"
#include "os/clock.h"
#include "os/socket.h"

#define DS_SERVE_SOCKETS    2
#define DS_SERVE_SENT	    1024 /* answers whose drivestamp may still come; a power of two */
#define DS_SERVE_DEPARTURES 16	 /* interfaces and families that are calibrated */

/* An answer that a drivestamp was asked for. */
struct ds_sent {
	uint32_t token;
	uint32_t slot;	     /* DS_SLOT_NONE: only to learn */
	int64_t rx_raw_ns;   /* of its request */
	int64_t read_raw_ns; /* of the reading that its departure counts from */
	uint8_t position;    /* in its batch */
	uint8_t departure;   /* which calibration */
	bool learns;	     /* its departure is an observation for that calibration */
	bool waiting;
};

struct ds_serve_departure {
	int interface;
	sa_family_t family;
	struct ds_departure learnt;
};

struct ds_serve {
	const struct ds_conf *conf;
	struct ds_clock *clock;
	const struct ds_timekeeper *timekeeper;
	struct ds_batch *batch;
	struct ds_counters *counters;
	struct ds_server server;
	struct ds_socket sockets[DS_SERVE_SOCKETS];
	struct ds_serve_departure departures[DS_SERVE_DEPARTURES];
	uint8_t departure_count;
	struct ds_sent sent[DS_SERVE_SENT];
	uint32_t next_token;
	uint64_t prefix_key;
	uint64_t received, answered, interleaved, stamps_asked, stamps_got;
};

/* Open the sockets that the configuration asks for (none where nobody is allowed or the port is
 * 0) and set the table of slots up. Returns false, with the reason in the log, where a socket
 * cannot be opened at all. */
bool ds_serve_open(struct ds_serve *serve, const struct ds_conf *conf, struct ds_clock *clock,
		   const struct ds_timekeeper *timekeeper, struct ds_batch *batch,
		   struct ds_counters *counters);
void ds_serve_close(struct ds_serve *serve);

uint32_t ds_serve_watch(const struct ds_serve *serve, struct pollfd *fds, uint32_t *who,
			uint32_t room);
void ds_serve_handle(struct ds_serve *serve, uint32_t who, short revents);

/* The clock was stepped: what was saved is of another time. */
void ds_serve_clock_stepped(struct ds_serve *serve);

#endif
