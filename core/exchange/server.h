/*
 * server: a request in, an answer out.
 * It must never answer a response, never send more bytes than it received, and keep no memory
 * of a client that has not asked for interleaved answers.
 *
 * Source: RFC 5905 section 9.2 and appendix A.5.3, RFC 9769 section 2. Used by one thread;
 * each server worker has its own.
 */
#ifndef DS_CORE_EXCHANGE_SERVER_H
#define DS_CORE_EXCHANGE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/exchange/auth.h"
#include "core/exchange/header.h"
#include "core/exchange/interleave.h"
#include "core/exchange/reason.h"
#include "core/exchange/stamp.h"
#include "core/exchange/wire.h"

struct ds_server {
	struct ds_interleave_server interleave;
};

struct ds_request {
	const uint8_t *data;
	size_t length;
	struct ds_rx_stamp rx; /* any source but none */
	uint32_t prefix;       /* 24 bits of a keyed hash of the client's address prefix */
	uint16_t port;	       /* the client's, host order (version 1 requests carry no mode) */
	uint32_t random;       /* for the bits below a nanosecond */
	enum ds_auth auth;     /* of its MAC; ABSENT where there is none, or nobody can check it */
};

struct ds_response {
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	bool interleaved;      /* transmit field is final: the drivestamp of the answer before */
	bool wants_drivestamp; /* ask for a transmit stamp of this packet and report it with `slot`
				*/
	uint32_t slot;	       /* for ds_server_drivestamp(); DS_SLOT_NONE without */
	int64_t rx_raw_ns;     /* give it back there */
	enum ds_reason
		fallback; /* DS_R_OK, or why an answer that was asked to be interleaved is basic */
	enum ds_reason saving; /* DS_R_OK, DS_R_SLOT_EVICTED or DS_R_SLOT_QUOTA */
};

void ds_server_init(struct ds_server *server, struct ds_slot *slots, uint32_t slot_count);

/* Judge a request and write its answer, all but the transmit field of a basic one.
 * Returns DS_R_OK; or DS_R_PACKET_*, DS_R_REQUEST_MODE, DS_R_REQUEST_AUTH (a MAC is
 * there that was not found good; no crypto-NAK is ever made), DS_R_REQUEST_NO_STAMP, and writes
 * nothing. Where the request had a MAC, the caller puts one behind the bytes, by the same key, when
 * the transmit field has been written.
 * The answer has the request's version and poll, mode 4 (also for version 1 mode 0 from a port
 * other than 123) or, to mode 1, mode 2; its transmit field as origin, and its own receive stamp
 * with the lowest bit set; transmit fields have it clear, so that no transmit field ever equals a
 * key. */
enum ds_reason ds_server_answer(struct ds_server *server, const struct ds_request *request,
				const struct ds_server_state *state, struct ds_response *response);

/* This request will be answered soon: fetch the memory that ds_server_answer() will look at. A
 * hint, worth it where several are at hand; changes nothing, and no request is too short for it. */
void ds_server_prefetch(const struct ds_server *server, const struct ds_request *request);

/* Write the transmit field of a basic answer: when it will leave, by the clock. Nothing happens
 * to an interleaved one. Never writes a time before the receive stamp. */
void ds_server_departs(struct ds_response *response, int64_t clock_ns, uint32_t random);

/* A drivestamp of an answer was reported; slot and rx_raw_ns as the response had them. A card's
 * may come behind the kernel's, and takes its place while no answer has told that. DS_R_OK
 * or why nothing changed: DS_R_STAMP_WRONG_ID, _DOUBLE, _IMPLAUSIBLE (also what is no
 * drivestamp). */
enum ds_reason ds_server_drivestamp(struct ds_server *server, uint32_t slot, int64_t rx_raw_ns,
				    const struct ds_tx_stamp *tx);

/* The clock was stepped: saved stamps are of another time. */
void ds_server_forget(struct ds_server *server);

#endif
