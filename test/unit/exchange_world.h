/*
 * exchange_world: one client and one server of core/exchange with a path between them whose
 * true delays, and two clocks whose true difference, are known. It must never know how either
 * of them works: packets and stamps go between them, nothing else.
 */
#ifndef DS_TEST_UNIT_EXCHANGE_WORLD_H
#define DS_TEST_UNIT_EXCHANGE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/exchange/client.h"
#include "core/exchange/server.h"

#define WORLD_SLOTS  64
#define WORLD_PREFIX 0xabcdef
#define WORLD_START  INT64_C(1795420800000000000) /* 2026-11-23 08:00:00 UTC */
#define WORLD_S	     INT64_C(1000000000)
/* The client's raw scale begins somewhere of its own. */
#define WORLD_RAW_BASE INT64_C(1795420000000000000)

struct world {
	struct ds_client client;
	struct ds_server server;
	struct ds_slot slots[WORLD_SLOTS];
	struct ds_server_state state;
	int64_t now_ns;	    /* true time: the server's clock and raw scale */
	int64_t ahead_ns;   /* the client's clock minus true time */
	int64_t out_ns;	    /* request on its way */
	int64_t hold_ns;    /* server: arrival to departure */
	int64_t back_ns;    /* response on its way */
	int64_t read_ns;    /* the client reads its clock so long before the request leaves */
	int64_t guess_ns;   /* so much too early is the server's guess in basic answers */
	bool client_stamps; /* the client is told drivestamps */
	bool server_stamps;
	uint32_t prefix;
	uint64_t seed;
	uint32_t id;
	/* the packets of the round trip under way */
	uint8_t request[DS_WIRE_HEADER_SIZE];
	struct ds_response response;
	int64_t left_ns;     /* when the request left */
	int64_t answered_ns; /* when the answer left */
};

static inline uint64_t world_random(struct world *w)
{
	/* splitmix64 */
	uint64_t z = w->seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline void world_init(struct world *w, bool interleaved)
{
	memset(w, 0, sizeof(*w));
	w->state = (struct ds_server_state){.stratum = 1,
					    .precision_log2 = -25,
					    .ref_id = 0x47505300,
					    .root_dispersion_ns = 1000000,
					    .reference_ns = WORLD_START - 16 * WORLD_S};
	w->now_ns = WORLD_START;
	w->ahead_ns = -50000000;
	w->out_ns = 30000;
	w->hold_ns = 12000;
	w->back_ns = 20000;
	w->read_ns = 4000;
	w->guess_ns = 2000;
	w->client_stamps = true;
	w->server_stamps = true;
	w->prefix = WORLD_PREFIX;
	ds_client_init(&w->client, 4, interleaved, false);
	ds_server_init(&w->server, w->slots, WORLD_SLOTS);
}

static inline struct ds_tx_stamp world_client_tx(const struct world *w, int64_t true_ns,
						 enum ds_stamp_source source)
{
	return (struct ds_tx_stamp){.clock_ns = true_ns + w->ahead_ns,
				    .raw_ns = true_ns - WORLD_RAW_BASE,
				    .source = source};
}

static inline struct ds_rx_stamp world_client_rx(const struct world *w, int64_t true_ns)
{
	return (struct ds_rx_stamp){.clock_ns = true_ns + w->ahead_ns,
				    .raw_ns = true_ns - WORLD_RAW_BASE,
				    .source = DS_STAMP_KERNEL};
}

/* The poll timer: a request leaves. */
static inline void world_send(struct world *w)
{
	uint64_t random[2] = {world_random(w), world_random(w)};
	struct ds_tx_stamp t1 = world_client_tx(w, w->now_ns - w->read_ns, DS_STAMP_DAEMON);

	w->left_ns = w->now_ns;
	ds_client_request(&w->client, &t1, ++w->id, w->client_stamps, random, w->request);
}

/* The client's kernel reports when that request left. */
static inline enum ds_reason world_client_stamp(struct world *w, struct ds_client_outcome *outcome)
{
	struct ds_tx_stamp tx = world_client_tx(w, w->left_ns, DS_STAMP_KERNEL);

	return ds_client_tx_stamp(&w->client, w->id, &tx, 0, outcome);
}

/* The request reaches the server, which answers. */
static inline enum ds_reason world_answer(struct world *w)
{
	int64_t arrived_ns = w->left_ns + w->out_ns;
	struct ds_request request = {
		.data = w->request,
		.length = sizeof(w->request),
		.rx = {.clock_ns = arrived_ns, .raw_ns = arrived_ns, .source = DS_STAMP_KERNEL},
		.prefix = w->prefix,
		.port = 40000,
		.random = (uint32_t)world_random(w)};
	enum ds_reason reason = ds_server_answer(&w->server, &request, &w->state, &w->response);

	w->answered_ns = arrived_ns + w->hold_ns;
	if (reason == DS_R_OK)
		ds_server_departs(&w->response, w->answered_ns - w->guess_ns,
				  (uint32_t)world_random(w));
	return reason;
}

static inline enum ds_reason world_server_stamp_at(struct world *w, uint32_t slot,
						   int64_t rx_raw_ns, int64_t left_ns)
{
	struct ds_tx_stamp tx = {.clock_ns = left_ns, .raw_ns = left_ns, .source = DS_STAMP_KERNEL};

	return ds_server_drivestamp(&w->server, slot, rx_raw_ns, &tx);
}

/* The server's kernel reports when that answer left. */
static inline enum ds_reason world_server_stamp(struct world *w)
{
	return world_server_stamp_at(w, w->response.slot, w->response.rx_raw_ns, w->answered_ns);
}

/* Any bytes reach the client when that answer would. */
static inline enum ds_reason world_deliver_bytes(struct world *w, const uint8_t *bytes,
						 size_t length, struct ds_client_outcome *outcome)
{
	struct ds_rx_stamp t4 = world_client_rx(w, w->answered_ns + w->back_ns);

	return ds_client_receive(&w->client, bytes, length, &t4, DS_AUTH_ABSENT, 0, outcome);
}

static inline enum ds_reason world_deliver(struct world *w, struct ds_client_outcome *outcome)
{
	return world_deliver_bytes(w, w->response.bytes, sizeof(w->response.bytes), outcome);
}

/* A whole round trip in which nothing is lost, then `poll_ns` of rest. */
static inline enum ds_reason world_round(struct world *w, int64_t poll_ns,
					 struct ds_client_outcome *outcome)
{
	enum ds_reason reason;

	world_send(w);
	if (w->client_stamps)
		assert_int_equal(world_client_stamp(w, outcome), DS_R_OK);
	assert_int_equal(world_answer(w), DS_R_OK);
	if (w->server_stamps && w->response.wants_drivestamp)
		assert_int_equal(world_server_stamp(w), DS_R_OK);
	reason = world_deliver(w, outcome);
	w->now_ns += poll_ns;
	return reason;
}

static inline struct ds_packet world_packet(const uint8_t bytes[DS_WIRE_HEADER_SIZE])
{
	struct ds_frame frame;

	assert_int_equal(ds_wire_read(bytes, DS_WIRE_HEADER_SIZE, &frame), DS_R_OK);
	return frame.packet;
}

/* "23 00 00 20" and the like to bytes; returns how many. */
static inline size_t world_hex(const char *text, uint8_t *out)
{
	size_t digits = 0;

	for (; *text != '\0'; text++) {
		const char *alphabet = "0123456789abcdef";
		const char *digit = strchr(alphabet, *text);

		if (digit == NULL)
			continue;
		if (digits % 2 == 0)
			out[digits / 2] = 0;
		out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | (digit - alphabet));
		digits++;
	}
	return digits / 2;
}

#endif
