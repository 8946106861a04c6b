/*
 * broadcasting: the packets that we send to many, each when its time has come.
 * It must never send while there is no time to tell, nor anything that nobody configured.
 *
 * Packets leave from the server's port. A drivestamp is asked for of each: it tells the next packet
 * (with `xleave`) when this one left, and all of them how long they take from the reading of the
 * clock to the wire. Source of the intervals: the configuration; a packet that is late is not made
 * up for.
 */
#ifndef DS_DAEMON_BROADCASTING_H
#define DS_DAEMON_BROADCASTING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/exchange/broadcast.h"
#include "core/exchange/departure.h"
#include "daemon/conf.h"
#include "daemon/keys.h"
#include "daemon/serve.h"
#include "daemon/timekeeper.h"
#include "os/clock.h"

/* Tokens of broadcasts: this bit, the index, and a number that counts packets. */
#define DS_BROADCASTING_TOKENS (UINT32_C(1) << 30)
#define DS_BROADCASTING_INDEX  24

struct ds_broadcasting_one {
	const struct ds_conf_broadcast *conf;
	struct ds_broadcaster broadcaster;
	struct ds_departure departure;
	int64_t due_ns;	     /* CLOCK_MONOTONIC */
	int64_t read_raw_ns; /* the clock as read for the packet whose stamp is awaited */
	uint32_t token;
	struct ds_tx_stamp
		held;	    /* what is known of its departure: that reading, the kernel's stamp */
	int interface;	    /* by which it left; 0: not known */
	bool awaited, card; /* its stamp by the kernel, by the card; by_card: that was asked for */
	bool by_card;
	bool said_failed;
	uint64_t sent, stamps;
};

struct ds_broadcasting {
	struct ds_serve *serve;
	struct ds_clock *clock;
	const struct ds_timekeeper *timekeeper;
	const struct ds_keys *keys;
	struct ds_counters *counters;
	struct ds_broadcasting_one table[DS_CONF_BROADCASTS];
	uint8_t count;
};

/* At start-up; `serve` is open. */
void ds_broadcasting_init(struct ds_broadcasting *b, const struct ds_conf *conf,
			  struct ds_serve *serve, const struct ds_keys *keys);

int64_t ds_broadcasting_next_ns(const struct ds_broadcasting *b);
/* Send what is due. */
void ds_broadcasting_run(struct ds_broadcasting *b, int64_t now_ns);

/* A transmit stamp with a token of ours. */
void ds_broadcasting_stamp(struct ds_broadcasting *b, const struct ds_datagram *datagram);

#endif
