/*
 * broadcast: one packet for everybody who listens: written here for the sender, judged here for
 * the listener.
 * It must never use a packet that was not accepted, nor believe a broadcast further than an
 * exchange with the same host allows.
 *
 * Source: RFC 5905 sections 8 and 9.2, RFC 9769 section 4; doc/exchange.md. What belongs to
 * interleaving stands behind "core/exchange/interleave.h".
 *
 * A broadcast has no request, so nobody can tell from it alone that it is fresh, or how long it
 * took. Both come from exchanges in client/server mode with the host that sends it (its
 * *calibration*): their delay is the broadcast's, halved; and what they say of its clock bounds
 * what a broadcast may say. So neither a replay, nor a delay made on the way, nor a packet that
 * was recorded while that clock was wrong gets further than that bound.
 */
#ifndef DS_CORE_EXCHANGE_BROADCAST_H
#define DS_CORE_EXCHANGE_BROADCAST_H

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

/* ---- the sender ---- */

/* One for each broadcast address. */
struct ds_broadcaster {
	struct ds_tx_stamp sent; /* of the packet before; source NONE: there was none */
	uint32_t tx_id;		 /* names it to the joiner of transmit stamps */
	uint8_t version;	 /* 1..4 */
	bool tells;		 /* its drivestamp */
};

/* version 1..4 (others become 4). interleaved: tell the drivestamp of the packet before
 * (`xleave`); ignored below version 4 and in a build without it. */
void ds_broadcaster_init(struct ds_broadcaster *broadcaster, uint8_t version, bool interleaved);

/* What goes with a packet that is about to be sent. */
struct ds_broadcast_sending {
	struct ds_tx_stamp now; /* the clock as read */
	int64_t departs_ns;	/* from then until it is expected to leave; 0 to 1 s */
	uint32_t tx_id;		/* as its drivestamp will be named */
	int8_t poll_log2;	/* the interval between broadcasts */
	double freq_ppb;	/* see ds_exchange_make() */
	uint32_t random;	/* for the bits below a nanosecond */
};

/* It is time: write the next packet, of mode 5. Origin is the drivestamp of the packet before,
 * carried over what was done to the clock since; 0 where there is none (RFC 9769 section 4).
 * Receive is 0. */
void ds_broadcaster_send(struct ds_broadcaster *broadcaster,
			 const struct ds_broadcast_sending *sending,
			 const struct ds_server_state *state, uint8_t out[DS_WIRE_HEADER_SIZE]);

/* A transmit stamp was reported: DS_R_OK, or DS_R_STAMP_WRONG_ID (not of the latest packet),
 * _DOUBLE, _IMPLAUSIBLE, and nothing changed. */
enum ds_reason ds_broadcaster_tx_stamp(struct ds_broadcaster *broadcaster, uint32_t tx_id,
				       const struct ds_tx_stamp *tx);

/* ---- the listener ---- */

/* How far the offset of a broadcast may be from what the calibration says: its delay (half of it
 * may be wrong in the calibration, half in the broadcast), this much for what delays vary, */
#define DS_BROADCAST_AGREE_NS INT64_C(10000000)
/* and this much, beyond the known frequency, for what the two clocks may have drifted apart. */
#define DS_BROADCAST_DRIFT_PPM 200

/* All fields are private to broadcast.c; the struct is here so that its owner can place it. */
struct ds_listener {
	ds_ntp64 heard_transmit;  /* of the last accepted broadcast; 0: none */
	struct ds_rx_stamp heard; /* its own; source NONE: none */
	bool keyed;		  /* a broadcast must be DS_AUTH_GOOD */
	uint8_t version;
	bool calibrated;
	/* Of the last exchange with the sender. */
	int64_t raw_ns;
	int64_t server_minus_raw_ns;
	int64_t delay_ns; /* of the best of late */
};

struct ds_listener_outcome {
	bool accepted;	   /* the sender is reachable */
	bool has_exchange; /* `exchange` is complete */
	struct ds_exchange exchange;
};

/* keyed: only authentic broadcasts are accepted. Otherwise one with a MAC is refused (nobody can
 * check it); whether to listen without a key at all is the caller's to allow. */
void ds_listener_init(struct ds_listener *listener, uint8_t version, bool keyed);

/* An exchange with the sender in client/server mode, in order of time. delay_ns: what broadcasts
 * are taken to have taken there and back: the least of several exchanges of late, as the caller
 * has them; below 0, or above the exchange's own: that. An exchange that took longer than this by
 * more than DS_BROADCAST_AGREE_NS changes nothing: half of the difference may be in its offset, and
 * a broadcast held up as long would seem to confirm it. What was heard is forgotten where it is
 * not so by what is known now: the sender's clock was set, or it was never the sender's. freq_ppb:
 * see ds_exchange_make(). */
void ds_listener_calibrate(struct ds_listener *listener, const struct ds_exchange *exchange,
			   int64_t delay_ns, double freq_ppb);

/* A datagram of mode 5 came from the sender's address and port. t4: any source but none. *outcome
 * is always written.
 *   DS_R_OK              accepted, with an exchange
 *   DS_R_BROADCAST_FIRST accepted, no exchange: it tells of a packet that was not heard (RFC 9769
 *                        section 4: a difference over 1 s, or over half the interval if shorter),
 *                        or of which the drivestamp is not what the calibration says
 *   DS_R_HEADER, _UNSYNCHRONISED, _DELAY_NEGATIVE  accepted, no exchange
 *   else                 not one byte of *listener has changed: DS_R_PACKET_*, _MODE, _AUTH,
 *                        _ZERO_STAMP, DS_R_BROADCAST_EARLY (no calibration yet),
 *                        DS_R_BROADCAST_STALE (not later than the last accepted),
 *                        DS_R_BROADCAST_DISAGREES (with the calibration) */
enum ds_reason ds_listener_receive(struct ds_listener *listener, const uint8_t *data, size_t length,
				   const struct ds_rx_stamp *t4, enum ds_auth auth, double freq_ppb,
				   struct ds_listener_outcome *outcome);

/* The host slept, or our address changed: begin anew, as after ds_listener_init(). A step or slew
 * of our clock needs nothing. */
void ds_listener_forget(struct ds_listener *listener);

#endif
