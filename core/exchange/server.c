/*
 * server: judges a request, copies what it must, and asks interleave for the rest.
 * It must never write a byte of an answer to what it does not answer.
 */
#include "core/exchange/server.h"

#include <string.h>

#define ORIGIN_OFFSET  24
#define RECEIVE_OFFSET 32

/* A time whose lowest bit is `mark`: set in receive fields, clear in transmit fields. The fill
 * of 0 or 2 leaves room for the mark inside the nanosecond. */
static ds_ntp64 marked(int64_t clock_ns, uint32_t random, uint64_t mark)
{
	ds_ntp64 stamp = ds_ntp64_from_ns(clock_ns, random & 2);

	if ((stamp & 1) != mark)
		stamp++;
	return stamp != 0 ? stamp : 2; /* 0 would say "unknown" */
}

static ds_ntp64 marked_after(ds_ntp64 receive)
{
	ds_ntp64 stamp = (receive | 1) + 1;

	return stamp != 0 ? stamp : 2;
}

/* RFC 5905 table 1: the mode in which a server answers; 0: it does not. A symmetric active host
 * whom we do not know is answered like a client, and nothing is kept of it (RFC 9769 section 3).
 * Version 1 has no modes; a client is told by its port (RFC 1059 appendix B; RFC 5905 appendix
 * A.5.1). */
static uint8_t answers_in(const struct ds_packet *packet, uint16_t port)
{
	if (packet->mode == DS_MODE_CLIENT)
		return DS_MODE_SERVER;
	if (packet->mode == DS_MODE_ACTIVE)
		return DS_MODE_PASSIVE;
	if (packet->version == 1 && packet->mode == DS_MODE_RESERVED && port != DS_WIRE_PORT)
		return DS_MODE_SERVER;
	return 0;
}

void ds_server_init(struct ds_server *server, struct ds_slot *slots, uint32_t slot_count)
{
	ds_interleave_server_init(&server->interleave, slots, slot_count);
}

/* The client asked for it: answer with the drivestamp of the answer before if it is there, and
 * save a slot for this one. Memory is spent here and nowhere else. */
static void improve(struct ds_server *server, uint32_t prefix, const struct ds_packet *asked,
		    struct ds_packet *answer, struct ds_response *response)
{
	response->fallback =
		ds_interleave_take(&server->interleave, asked->origin, prefix, &answer->transmit);
	if (response->fallback == DS_R_OK) {
		response->interleaved = true;
		answer->origin = asked->receive;
	}
	response->saving =
		ds_interleave_save(&server->interleave, &answer->receive, prefix, &response->slot);
	response->wants_drivestamp = response->slot != DS_SLOT_NONE;
}

enum ds_reason ds_server_answer(struct ds_server *server, const struct ds_request *request,
				const struct ds_server_state *state, struct ds_response *response)
{
	struct ds_response made = {.slot = DS_SLOT_NONE, .rx_raw_ns = request->rx.raw_ns};
	struct ds_packet answer = {0};
	struct ds_frame frame;
	enum ds_reason reason = ds_wire_read(request->data, request->length, &frame);

	if (reason != DS_R_OK)
		return reason;
	answer.mode = answers_in(&frame.packet, request->port);
	if (answer.mode == 0)
		return DS_R_REQUEST_MODE;
	if (!ds_auth_answers(&frame, request->auth))
		return DS_R_REQUEST_AUTH;
	if (request->rx.source == DS_STAMP_NONE)
		return DS_R_REQUEST_NO_STAMP;

	ds_header_describe_us(state, &answer);
	answer.version = frame.packet.version;
	answer.poll_log2 = frame.packet.poll_log2;
	answer.origin = frame.packet.transmit;
	answer.receive = marked(request->rx.clock_ns, request->random, 1);
	if (ds_interleave_asked(&server->interleave, &frame.packet))
		improve(server, request->prefix, &frame.packet, &answer, &made);
	ds_wire_write(&answer, made.bytes);
	*response = made;
	return DS_R_OK;
}

void ds_server_prefetch(const struct ds_server *server, const struct ds_request *request)
{
	ds_ntp64 origin;

	if (request->length < DS_WIRE_HEADER_SIZE)
		return;
	origin = ds_wire_read_ntp64(request->data + ORIGIN_OFFSET);
	if ((origin & 1) == 0) /* no receive field of ours */
		return;
	ds_interleave_prefetch(&server->interleave, origin);
	ds_interleave_prefetch(&server->interleave,
			       marked(request->rx.clock_ns, request->random, 1));
}

void ds_server_departs(struct ds_response *response, int64_t clock_ns, uint32_t random)
{
	ds_ntp64 receive = ds_wire_read_ntp64(response->bytes + RECEIVE_OFFSET);
	ds_ntp64 transmit = marked(clock_ns, random, 0);

	if (response->interleaved)
		return;
	/* As a difference, so that an era may begin between the two. */
	if ((int64_t)(transmit - receive) < 0)
		transmit = marked_after(receive);
	for (unsigned int i = 0; i < 8; i++)
		response->bytes[DS_WIRE_TRANSMIT_OFFSET + i] = (uint8_t)(transmit >> (56 - 8 * i));
}

enum ds_reason ds_server_drivestamp(struct ds_server *server, uint32_t slot, int64_t rx_raw_ns,
				    const struct ds_tx_stamp *tx)
{
	int64_t delta_ns;

	if (!ds_is_drivestamp(tx) || __builtin_sub_overflow(tx->raw_ns, rx_raw_ns, &delta_ns))
		return DS_R_STAMP_IMPLAUSIBLE;
	return ds_interleave_drivestamp(&server->interleave, slot, delta_ns, tx->source);
}

void ds_server_forget(struct ds_server *server)
{
	ds_interleave_server_forget(&server->interleave);
}
