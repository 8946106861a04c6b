/*
 * interleave: everything that exists because of interleaved mode (RFC 9769), for client, server,
 * peer and broadcast.
 * It must never be needed: in a build without it (-Dinterleaved=disabled) interleave.c is not
 * compiled, the functions below are empty, and the rest is a complete NTP daemon.
 *
 * There is no mode. A request is interleaved because an answer was accepted before; an answer
 * is interleaved because it repeats the receive cookie.
 */
#ifndef DS_CORE_EXCHANGE_INTERLEAVE_H
#define DS_CORE_EXCHANGE_INTERLEAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/exchange/exchange.h"
#include "core/exchange/reason.h"
#include "core/exchange/stamp.h"
#include "core/exchange/wire.h"

/* Interleaved requests in a row without any answer before the next one is basic
 * (RFC 9769 section 2: SHOULD limit). */
#define DS_INTERLEAVE_UNANSWERED_MAX 4

/* A saved stamp of the server: 16 bytes. */
struct ds_slot {
	ds_ntp64 receive; /* the key: receive field of the answer */
	int32_t delta_ns; /* drivestamp of that answer minus its receive stamp; its complement (so
			   * that it is below 0) where the card took it */
	uint32_t prefix : 24;	 /* of the client */
	uint32_t generation : 6; /* of the slot: how often it was given, modulo 64 */
	uint32_t state : 2;
};

#define DS_SLOT_WAYS	 8    /* a key may stand in any of 8 places */
#define DS_SLOT_PREFIXES 1024 /* classes of prefixes that are counted */
#define DS_SLOT_SHARE                                                                              \
	4			/* a class holds at most 1/4 of all slots; of a full set it        \
				 * takes no more than 1/4 from others */
#define DS_SLOT_NONE UINT32_MAX /* no slot */

/* For those who must say which build this is; nothing else may depend on it. */
enum { DS_INTERLEAVE_BUILT = DS_INTERLEAVED };

#if DS_INTERLEAVED

/* The part of an association with a server (RFC 9769 section 2) or a peer (section 3). Private to
 * interleave.c. */
struct ds_interleave {
	bool wanted;
	bool asked;    /* peer: the last valid packet was interleaved (rule 1) */
	uint8_t count; /* client: interleaved requests since the last accepted answer */
	uint8_t sent;  /* peer: packets of ours to the valid one that we answered last (rule 3) */
	ds_ntp64 cookie_rx; /* client: receive field of the request under way; 0: it is basic */
	/* What the last accepted packet left: an exchange whose T3 is still to be told. */
	ds_ntp64 receive;      /* its receive field (T2); 0: nothing was left */
	struct ds_tx_stamp t1; /* of ours that it answered; source NONE: unknown */
	struct ds_rx_stamp t4; /* its own */
};

void ds_interleave_init(struct ds_interleave *il, bool wanted);

/* Sets origin and receive of *request if it may be interleaved, else leaves them alone.
 * request->transmit is set already; random: a word nobody can guess (0, or one that equals the
 * transmit field, is replaced). */
void ds_interleave_request(struct ds_interleave *il, uint64_t random, struct ds_packet *request);

/* Does this origin repeat the receive cookie of the request under way? */
bool ds_interleave_owns(const struct ds_interleave *il, ds_ntp64 origin);

/* An interleaved packet was accepted: make the exchange it completes, of set 1 or set 2
 * (RFC 9769 section 2), whichever has the shorter interval between T2 and T3; set 1 if equal.
 * t1: of ours that it answers. Returns and writes as ds_exchange_make_held(). */
enum ds_reason ds_interleave_exchange(const struct ds_interleave *il,
				      const struct ds_packet *packet, const struct ds_tx_stamp *t1,
				      const struct ds_remote *remote, double freq_ppb,
				      int64_t hold_max_ns, struct ds_exchange *exchange);

/* Any packet was accepted: keep what the next one completes. */
void ds_interleave_accepted(struct ds_interleave *il, const struct ds_packet *packet,
			    const struct ds_tx_stamp *t1, const struct ds_rx_stamp *t4);

/* The next packet of ours is basic. */
void ds_interleave_forget(struct ds_interleave *il);

/* ... and it was a peer's; sent: packets of ours since the valid one before. */
void ds_interleave_peer_accepted(struct ds_interleave *il, bool interleaved, uint8_t sent);

/* We sent the peer nothing since its last valid packet (rule 2), which named our latest, and that
 * has a drivestamp. May our next be interleaved? Then sets its origin. */
bool ds_interleave_peer_sends(const struct ds_interleave *il, struct ds_packet *packet);

/* Does this origin repeat the receive field of a packet of ours? */
bool ds_interleave_peer_owns(ds_ntp64 receive, ds_ntp64 origin);

/* Broadcast (RFC 9769 section 4). The stamp of the packet before, if it may be told: a
 * drivestamp; else NULL. */
const struct ds_tx_stamp *ds_interleave_told(bool wanted, const struct ds_tx_stamp *before);

/* Is this broadcast interleaved? Then *t3 is of the one before it, whose transmit field is given.
 * *heard: that is the one whose drivestamp it tells; not where the two are more than a second
 * apart, or half the interval if that is shorter. */
bool ds_interleave_tells(const struct ds_packet *packet, ds_ntp64 before, ds_ntp64 *t3,
			 bool *heard);

/* The server's part: a table of slots in memory that the caller gives. A key may stand in the
 * DS_SLOT_WAYS places of one set. For a new key gives way, in this order: of a class that holds
 * its share, its own oldest slot in the set (without one nothing is saved: DS_R_SLOT_QUOTA);
 * a place that holds no live slot; of a class that holds its share of the set, its own oldest;
 * the oldest. Age is a difference of receive fields and does not mind a new era. */
struct ds_interleave_server {
	struct ds_slot *slots;
	uint32_t count; /* a power of two, at least DS_SLOT_WAYS; 0: none, every answer is basic */
	uint32_t live;	/* slots that may still be taken, with or without their drivestamp */
	uint32_t by_prefix[DS_SLOT_PREFIXES]; /* of them, each class's */
};

/* slots: `count` of them, count rounded down to a power of two, at most 2^24; owned by the
 * caller and kept for the life of the table. NULL, or a count below DS_SLOT_WAYS: no table. */
void ds_interleave_server_init(struct ds_interleave_server *table, struct ds_slot *slots,
			       uint32_t count);

/* Forget all (the clock was stepped). Stamps still under way will find no slot. */
void ds_interleave_server_forget(struct ds_interleave_server *table);

/* How many stamps are held now, and how many can be. For those who look. */
static inline uint32_t ds_interleave_held(const struct ds_interleave_server *table, uint32_t *most)
{
	*most = table->count;
	return table->live;
}

/* May the stamp that this slot holds still be told? For those who look, too. */
bool ds_interleave_is_live(const struct ds_slot *slot);

/* Does this request ask for an interleaved answer? (RFC 9769 section 2: version 4, receive
 * field differs from transmit field, origin carries the mark of one of our receive fields.) */
bool ds_interleave_asked(const struct ds_interleave_server *table, const struct ds_packet *request);

/* A slot under this key will be looked for or saved soon: fetch its places. */
void ds_interleave_prefetch(const struct ds_interleave_server *table, ds_ntp64 key);
/* Take the stamp saved under origin for a client of this prefix (24 bits of a keyed hash):
 * DS_R_OK with *transmit, the drivestamp of the earlier answer, lowest bit clear; the slot is
 * spent. Else DS_R_SLOT_UNKNOWN, _USED, _FOREIGN or _NO_DRIVESTAMP, and nothing changed. */
enum ds_reason ds_interleave_take(struct ds_interleave_server *table, ds_ntp64 origin,
				  uint32_t prefix, ds_ntp64 *transmit);

/* Save a slot under the receive field of the answer that is about to leave; *receive has its
 * lowest bit set, and is moved on by the least step (2^-31 s) while a slot has this key.
 * Returns DS_R_OK or DS_R_SLOT_EVICTED (a live one gave way), *reference names it;
 * DS_R_SLOT_QUOTA with *reference = DS_SLOT_NONE (also where 16 keys in a row are taken). */
enum ds_reason ds_interleave_save(struct ds_interleave_server *table, ds_ntp64 *receive,
				  uint32_t prefix, uint32_t *reference);

/* The drivestamp of the answer of that slot: delta_ns after its receive stamp, by `source`. A
 * card's takes the place of a kernel's, as long as that was not told (S9). DS_R_OK, or
 * DS_R_STAMP_WRONG_ID, _DOUBLE (there is one of that source or a better), _IMPLAUSIBLE (below 0,
 * over DS_DRIVESTAMP_MAX_NS), and nothing changed. A reference is told from an older one to the
 * same place for 64 reuses of it. */
enum ds_reason ds_interleave_drivestamp(struct ds_interleave_server *table, uint32_t reference,
					int64_t delta_ns, enum ds_stamp_source source);

#else /* a complete daemon without it */

/* Inlined even where nothing is optimised, so that no symbol is left. */
#define DS_EMPTY static inline __attribute__((always_inline, unused))

struct ds_interleave {
	char none;
};

struct ds_interleave_server {
	char none;
};

DS_EMPTY void ds_interleave_init(struct ds_interleave *il, bool wanted)
{
	(void)il;
	(void)wanted;
}

DS_EMPTY void ds_interleave_request(struct ds_interleave *il, uint64_t random,
				    struct ds_packet *request)
{
	(void)il;
	(void)random;
	(void)request;
}

DS_EMPTY bool ds_interleave_owns(const struct ds_interleave *il, ds_ntp64 origin)
{
	(void)il;
	(void)origin;
	return false;
}

DS_EMPTY void ds_interleave_accepted(struct ds_interleave *il, const struct ds_packet *answer,
				     const struct ds_tx_stamp *t1, const struct ds_rx_stamp *t4)
{
	(void)il;
	(void)answer;
	(void)t1;
	(void)t4;
}

DS_EMPTY void ds_interleave_forget(struct ds_interleave *il)
{
	(void)il;
}

DS_EMPTY void ds_interleave_server_init(struct ds_interleave_server *table, struct ds_slot *slots,
					uint32_t count)
{
	(void)slots;
	(void)count;
	table->none = 0;
}

DS_EMPTY void ds_interleave_server_forget(struct ds_interleave_server *table)
{
	(void)table;
}

DS_EMPTY uint32_t ds_interleave_held(const struct ds_interleave_server *table, uint32_t *most)
{
	(void)table;
	*most = 0;
	return 0;
}

DS_EMPTY bool ds_interleave_is_live(const struct ds_slot *slot)
{
	(void)slot;
	return false;
}

DS_EMPTY bool ds_interleave_asked(const struct ds_interleave_server *table,
				  const struct ds_packet *request)
{
	(void)table;
	(void)request;
	return false;
}

DS_EMPTY void ds_interleave_prefetch(const struct ds_interleave_server *table, ds_ntp64 key)
{
	(void)table;
	(void)key;
}

DS_EMPTY enum ds_reason ds_interleave_take(struct ds_interleave_server *table, ds_ntp64 origin,
					   uint32_t prefix, ds_ntp64 *transmit)
{
	(void)table;
	(void)origin;
	(void)prefix;
	(void)transmit;
	return DS_R_SLOT_UNKNOWN;
}

DS_EMPTY enum ds_reason ds_interleave_save(struct ds_interleave_server *table, ds_ntp64 *receive,
					   uint32_t prefix, uint32_t *reference)
{
	(void)table;
	(void)receive;
	(void)prefix;
	*reference = DS_SLOT_NONE;
	return DS_R_SLOT_QUOTA;
}

DS_EMPTY enum ds_reason ds_interleave_drivestamp(struct ds_interleave_server *table,
						 uint32_t reference, int64_t delta_ns,
						 enum ds_stamp_source source)
{
	(void)table;
	(void)reference;
	(void)delta_ns;
	(void)source;
	return DS_R_STAMP_WRONG_ID;
}

/* Not reached: no packet is interleaved where no origin is owned. */
DS_EMPTY enum ds_reason ds_interleave_exchange(const struct ds_interleave *il,
					       const struct ds_packet *packet,
					       const struct ds_tx_stamp *t1,
					       const struct ds_remote *remote, double freq_ppb,
					       int64_t hold_max_ns, struct ds_exchange *exchange)
{
	(void)il;
	(void)packet;
	(void)t1;
	(void)remote;
	(void)freq_ppb;
	(void)hold_max_ns;
	(void)exchange;
	return DS_R_ORIGIN;
}

DS_EMPTY void ds_interleave_peer_accepted(struct ds_interleave *il, bool interleaved, uint8_t sent)
{
	(void)il;
	(void)interleaved;
	(void)sent;
}

DS_EMPTY bool ds_interleave_peer_sends(const struct ds_interleave *il, struct ds_packet *packet)
{
	(void)il;
	(void)packet;
	return false;
}

DS_EMPTY bool ds_interleave_peer_owns(ds_ntp64 receive, ds_ntp64 origin)
{
	(void)receive;
	(void)origin;
	return false;
}

DS_EMPTY const struct ds_tx_stamp *ds_interleave_told(bool wanted, const struct ds_tx_stamp *before)
{
	(void)wanted;
	(void)before;
	return NULL;
}

DS_EMPTY bool ds_interleave_tells(const struct ds_packet *packet, ds_ntp64 before, ds_ntp64 *t3,
				  bool *heard)
{
	(void)packet;
	(void)before;
	(void)t3;
	(void)heard;
	return false;
}

#endif
#endif
