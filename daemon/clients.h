/*
 * clients: who asked us, how often, and when last.
 * It must never grow, nor be looked at to decide whether anybody is answered.
 *
 * Records stand in sets of DS_CLIENTS_WAYS, the set being chosen by a keyed hash of the address, so
 * that nobody can choose whose record gives way. The one that was heard longest ago does, and that
 * is counted. An address may lose its record so, never have two. Addresses are kept without the
 * port: who asks from many is one client. A record takes 40 bytes.
 */
#ifndef DS_DAEMON_CLIENTS_H
#define DS_DAEMON_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "os/address.h"

#define DS_CLIENTS_WAYS 8
#define DS_CLIENTS_MOST 16384 /* records; more are not kept, whatever the limit is */

struct ds_clients_set;

/* All zero: nothing is kept. Private to clients.c, but for `replaced`. */
struct ds_clients {
	struct ds_clients_set *sets; /* NULL: none */
	void *memory;		     /* they stand in it, where a line of the cache begins */
	uint32_t mask;		     /* number of sets, a power of two, less 1 */
	uint64_t key;
	int64_t started_raw_ns;
	uint64_t replaced; /* records that gave way to others */
};

enum ds_client_what {
	DS_CLIENT_BASIC,       /* got a basic answer */
	DS_CLIENT_INTERLEAVED, /* got an interleaved one */
	DS_CLIENT_DENIED,      /* is not allowed */
	DS_CLIENT_DROPPED,     /* any other reason */
};

/* At start-up: room for `records` (rounded down to a power of two, at most DS_CLIENTS_MOST; below
 * DS_CLIENTS_WAYS: none). False where there is no memory. */
bool ds_clients_open(struct ds_clients *clients, uint32_t records, uint64_t key, int64_t raw_ns);
void ds_clients_close(struct ds_clients *clients);

/* Who asks; the memory that ds_clients_note() will look at is fetched meanwhile. Good for as long
 * as the table is. Of a family that is not kept, and where nobody is, it is nobody. */
struct ds_clients_who {
	uint64_t host[2];
	uint64_t hash; /* 0: nobody */
};
struct ds_clients_who ds_clients_find(const struct ds_clients *clients,
				      const union ds_address *address);
/* raw_ns: of the request. Counters stay at their limit of 2^32 - 1. */
void ds_clients_note(struct ds_clients *clients, const struct ds_clients_who *who,
		     enum ds_client_what what, int64_t raw_ns);

struct ds_client_seen {
	union ds_address address;
	uint32_t basic, interleaved, denied, dropped;
	int64_t last_ago_s;
	bool interval_known;  /* it asked twice at least */
	int8_t interval_log2; /* of s between requests: mean of the logarithms of the last few */
};
/* Places, used or not; ds_clients_get() is false for those that are not. */
uint32_t ds_clients_places(const struct ds_clients *clients);
uint32_t ds_clients_kept(const struct ds_clients *clients);
bool ds_clients_get(const struct ds_clients *clients, uint32_t place, int64_t raw_ns,
		    struct ds_client_seen *seen);

#endif
