/*
 * peer: one association in symmetric mode: packets out, packets in, exchanges made. Each packet
 * answers the other side's last one and asks for the next.
 * It must never change anything for a packet that it does not accept, but the restart pair; and
 * never keep a variable that says which mode it is in.
 *
 * Source: RFC 5905 section 9.2, RFC 9769 section 3; doc/exchange.md. Events go in, an outcome
 * comes out; time, stamps and randomness are arguments. What belongs to interleaving stands
 * behind "core/exchange/interleave.h".
 *
 * The peer's packet names, by its origin, the packet of ours that it received last. We know the
 * last DS_PEER_RECENT of ours by their fields (all different), so that a lost packet, or polls of
 * different lengths, cost samples but never the association. A packet is *valid* if
 *   - it is of mode 1 or 2 (mode 1 alone for a passive side) and authentic,
 *   - it is not one of ours that was sent back to us: its transmit field is none of theirs,
 *   - its origin repeats the transmit field (basic) or the receive field (interleaved) of one of
 *     those, and
 *   - that one is newer than what its last valid packet named; or the same, and it was sent
 *     later. So no packet is valid twice.
 * The first valid packet after we sent, if it names our latest, makes an exchange.
 *
 * Whoever answers at all must name something that the other side sent, even where everything
 * was forgotten. That is the *restart pair*: the newest authentic packet whose origin names
 * nothing of ours. It is used where no valid packet ever came, and by turns where none came for
 * long (DS_PEER_LONG packets of ours), so that whoever forges such pairs cannot silence two sides
 * that know each other.
 */
#ifndef DS_CORE_EXCHANGE_PEER_H
#define DS_CORE_EXCHANGE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/exchange/auth.h"
#include "core/exchange/exchange.h"
#include "core/exchange/header.h"
#include "core/exchange/interleave.h"
#include "core/exchange/reason.h"
#include "core/exchange/stamp.h"
#include "core/exchange/wire.h"

#define DS_PEER_RECENT 4 /* packets of ours that may still be answered */
#define DS_PEER_LONG   4 /* packets of ours without a valid one, before the restart pair counts */

/* Fields of a packet of ours, as they were sent. 0: none. */
struct ds_peer_sent {
	ds_ntp64 transmit;
	ds_ntp64 receive;
};

/* All fields are private to peer.c; the struct is here so that its owner can place it. */
struct ds_peer {
	struct ds_peer_sent sent[DS_PEER_RECENT]; /* by number modulo DS_PEER_RECENT */
	struct ds_tx_stamp t1;			  /* of the latest */
	uint32_t tx_id;				  /* names it to the joiner of transmit stamps */
	uint32_t number;			  /* of packets sent; the latest is number - 1 */
	/* The last valid packet. */
	ds_ntp64 heard_transmit; /* 0: none ever */
	int64_t heard_raw_ns;	 /* when it came */
	uint32_t heard_named;	 /* number of the packet of ours that it named */
	uint8_t since;		 /* packets sent since it came, saturating */
	bool armed;		 /* none came since the latest was sent */
	bool anew;		 /* the latest names the restart pair */
	/* The restart pair. */
	ds_ntp64 restart_transmit; /* 0: none */
	int64_t restart_raw_ns;
	uint8_t version; /* 1..4 */
	bool keyed;	 /* a packet must be DS_AUTH_GOOD */
	bool passive;	 /* we are of mode 2: an ephemeral association */
	struct ds_interleave interleave;
};

struct ds_peer_outcome {
	bool valid;	   /* a valid packet: the peer is reachable */
	bool interleaved;  /* it named a receive field of ours; for logs */
	bool has_exchange; /* `exchange` is complete */
	bool restart;	   /* it became the restart pair, and changed nothing else */
	int8_t poll_log2;  /* the peer's, if valid: RFC 5905 section 9.1 polls at the shorter one */
	struct ds_exchange exchange;
};

/* version 1..4 (others become 4). interleaved: may send interleaved packets (`xleave`), ignored
 * below version 4 and in a build without. Without it the peer's own are answered in kind (RFC
 * 9769 section 3) where the build can. passive: we send mode 2. */
void ds_peer_init(struct ds_peer *peer, uint8_t version, bool interleaved, bool keyed,
		  bool passive);

/* What goes with a packet that is about to be sent. */
struct ds_peer_sending {
	struct ds_tx_stamp now; /* the clock as read; becomes T1 as DS_STAMP_DAEMON */
	int64_t departs_ns;	/* from then until it is expected to leave; 0 to 1 s */
	uint32_t tx_id;		/* as its drivestamp will be named */
	int8_t poll_log2;	/* ours, for the other side */
	double freq_ppb;	/* see ds_exchange_make() */
	uint32_t random;	/* for the bits below a nanosecond */
};

/* The poll timer fired: write the next packet. Origin names the last valid packet; receive is
 * its receive stamp, moved on by 2^-32 s for each that named the same (up to 255);
 * transmit is when it is expected to leave, or (interleaved) when the packet before it left,
 * which needs a drivestamp. */
void ds_peer_send(struct ds_peer *peer, const struct ds_peer_sending *sending,
		  const struct ds_server_state *state, uint8_t out[DS_WIRE_HEADER_SIZE]);

/* A transmit stamp was reported. DS_R_OK; or DS_R_STAMP_WRONG_ID (not of the latest packet),
 * _DOUBLE or _IMPLAUSIBLE (also where it lies after the arrival of an answer to that packet), and
 * nothing changed. */
enum ds_reason ds_peer_tx_stamp(struct ds_peer *peer, uint32_t tx_id, const struct ds_tx_stamp *tx);

/* A datagram came from the peer's address and port. t4: any source but none. *outcome is always
 * written.
 *   DS_R_OK         valid, with an exchange
 *   DS_R_PEER_AGAIN valid, but an exchange was made of our latest packet already, or it names an
 *                   older one
 *   DS_R_HEADER, _UNSYNCHRONISED, _DELAY_NEGATIVE, _PROCESSING_MAX, _STAMP_MISSING
 *                   valid, but no exchange
 *   DS_R_ORIGIN     names nothing of ours; outcome->restart: it became the restart pair, and
 *                   nothing else has changed
 *   else            not one byte of *peer has changed: DS_R_PACKET_*, _MODE, _AUTH, _ZERO_STAMP,
 *                   DS_R_PEER_STALE (not newer than the last valid packet: a replay; or one of
 * ours, sent back) */
enum ds_reason ds_peer_receive(struct ds_peer *peer, const uint8_t *data, size_t length,
			       const struct ds_rx_stamp *t4, enum ds_auth auth, double freq_ppb,
			       struct ds_peer_outcome *outcome);

/* Our address or the peer's changed, or the host slept: begin anew, as after ds_peer_init(). A
 * step or slew of the clock needs nothing: stamps are held on the raw scale. */
void ds_peer_forget(struct ds_peer *peer);

#endif
