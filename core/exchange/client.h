/*
 * client: one association with one server: requests out, answers in, exchanges made.
 * It must never change anything for a packet that it does not accept, and never keep a
 * variable that says which mode it is in.
 *
 * Source: RFC 5905 section 9.1 with RFC 9109 (a port per request is the caller's part) and
 * draft-ietf-ntp-data-minimization; transition table in doc/exchange.md. Events go in, an
 * outcome comes out; time, stamps and randomness are arguments. What belongs to interleaving
 * stands behind "core/exchange/interleave.h".
 *
 * Life of a request: ds_client_request() arms the association. ds_client_tx_stamp() may better
 * its T1. ds_client_receive() accepts at most one answer and disarms. Where the answer came
 * before the drivestamp, it is parked: the next ds_client_tx_stamp() of the right id, or
 * ds_client_deadline(), completes it.
 */
#ifndef DS_CORE_EXCHANGE_CLIENT_H
#define DS_CORE_EXCHANGE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/exchange/auth.h"
#include "core/exchange/exchange.h"
#include "core/exchange/interleave.h"
#include "core/exchange/reason.h"
#include "core/exchange/stamp.h"
#include "core/exchange/wire.h"

/* All fields are private to client.c; the struct is here so that its owner can place it. */
struct ds_client {
	ds_ntp64 cookie_tx; /* transmit field of the request under way; 0 if none is */
	struct ds_tx_stamp t1;
	uint32_t tx_id;		 /* names that request to the joiner of transmit stamps */
	uint8_t version;	 /* 1..4 */
	bool keyed;		 /* an answer must be DS_AUTH_GOOD */
	bool armed;		 /* a request waits for its answer */
	bool awaits_stamp;	 /* a drivestamp of the request is still expected */
	bool parked;		 /* an accepted answer waits for it */
	bool parked_interleaved; /* which cookie that answer repeated */
	struct ds_packet parked_packet;
	struct ds_rx_stamp parked_t4;
	struct ds_interleave interleave;
};

struct ds_client_outcome {
	bool answered;	   /* the request is closed: its socket may be closed too */
	bool has_exchange; /* `exchange` is complete */
	bool slow_down;	   /* KoD RATE: poll less often, by one step of the poll exponent */
	bool refused;	   /* KoD DENY or RSTR; authentic, and to be obeyed, only if `answered` */
	uint32_t kiss_code;
	struct ds_exchange exchange;
};

/* version 1..4 (others become 4). interleaved: ask for interleaved answers (`xleave`); ignored
 * in a build without them, and for versions below 4 (RFC 9769 is of NTPv4). */
void ds_client_init(struct ds_client *client, uint8_t version, bool interleaved, bool keyed);

/* The poll timer fired: write the next request and arm. An unanswered request under way is
 * given up (a parked answer too).
 * t1: the clock as read now, DS_STAMP_DAEMON. tx_id: how the drivestamp of this packet will be
 * named, unique among the last requests. expect_drivestamp: one was asked for. random: two
 * words nobody can guess; a word of 0 is replaced by 1, equal words are told apart.
 * Everything but version, mode, the cookies and (interleaved) the origin is zero; precision is
 * 0x20 (draft-ietf-ntp-data-minimization section 4). */
void ds_client_request(struct ds_client *client, const struct ds_tx_stamp *t1, uint32_t tx_id,
		       bool expect_drivestamp, const uint64_t random[2],
		       uint8_t out[DS_WIRE_HEADER_SIZE]);

/* The caller read the clock again, nearer to the send: replaces T1 as DS_STAMP_DAEMON if no
 * better stamp is there. */
void ds_client_departs(struct ds_client *client, const struct ds_tx_stamp *t1);

/* A drivestamp was reported. Returns DS_R_OK, or the reason why it changed nothing:
 * DS_R_STAMP_WRONG_ID, _DOUBLE, _LATE, _IMPLAUSIBLE. May complete a parked answer: then
 * *outcome is as for ds_client_receive(). freq_ppb: see ds_exchange_make(). */
enum ds_reason ds_client_tx_stamp(struct ds_client *client, uint32_t tx_id,
				  const struct ds_tx_stamp *tx, double freq_ppb,
				  struct ds_client_outcome *outcome);

/* A datagram came in on the socket of the request under way, from the server's address.
 * t4: any source but none.
 * *outcome is always written. Returns DS_R_OK with an exchange; DS_R_PARKED; a reason named
 * "accepted, but ..." in reason.h, or DS_R_KOD_RATE, _OTHER (the request is closed, no
 * exchange); or a reason to drop it, and then not one byte of *client has changed. KoD DENY and
 * RSTR are dropped so, too, unless the association has a key. After DS_R_PARKED the socket is
 * still needed: the stamp comes by it. */
enum ds_reason ds_client_receive(struct ds_client *client, const uint8_t *data, size_t length,
				 const struct ds_rx_stamp *t4, enum ds_auth auth, double freq_ppb,
				 struct ds_client_outcome *outcome);

/* The drivestamp did not come in time: complete the parked answer with the stamp that is
 * there. Without a parked answer nothing happens and DS_R_NOT_ARMED is returned. */
enum ds_reason ds_client_deadline(struct ds_client *client, double freq_ppb,
				  struct ds_client_outcome *outcome);

/* Nobody waits for an answer any more (timeout, offline); what was learnt is kept. */
void ds_client_disarm(struct ds_client *client);

/* Our address or the server's changed, or the host slept: forget what would link or mix
 * (RFC 9769 section 6). The next request is basic. */
void ds_client_forget(struct ds_client *client);

/* The transmit cookie of the request under way, to recognise its looped-back frame; 0 if
 * none. It may go nowhere else. */
ds_ntp64 ds_client_cookie(const struct ds_client *client);

#endif
