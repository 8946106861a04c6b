/*
 * Any sequence of requests, drivestamps and steps at a server with the least of tables. Only
 * requests are answered, never with more bytes than they had (exchange.md S7); an interleaved
 * answer carries the drivestamp of the very answer that its origin names, once, and only for the
 * prefix that saved it (S8).
 */
#include "core/exchange/server.h"

#include "fuzz/input.h"

#define SLOTS	16
#define HISTORY 128
#define BASE_NS INT64_C(2085978490000000000) /* seconds before an era */

struct past {
	ds_ntp64 receive;
	int64_t rx_ns;
	int64_t left_ns;	     /* by its drivestamp; 0: none was taken in */
	enum ds_stamp_source source; /* whose left_ns is */
	uint32_t prefix;
	uint32_t slot;
	bool taken;
	bool forgotten;
};

struct model {
	struct ds_server server;
	struct ds_slot slots[SLOTS];
	struct past past[HISTORY];
	size_t count;
	int64_t now_ns;
};

static struct past *newest_with(struct model *m, ds_ntp64 receive)
{
	for (size_t i = m->count; i-- > 0;) {
		if (m->past[i].receive == receive && m->past[i].slot != DS_SLOT_NONE)
			return &m->past[i];
	}
	return NULL;
}

static void check_interleaved(struct model *m, const struct ds_packet *asked,
			      const struct ds_packet *answer, uint32_t prefix)
{
	struct past *p = newest_with(m, asked->origin);

	MUST(asked->version == 4 && asked->receive != asked->transmit);
	MUST(answer->origin == asked->receive);
	MUST(p != NULL && !p->taken && !p->forgotten && p->left_ns != 0);
	MUST((p->prefix & 0xffffff) == (prefix & 0xffffff));
	p->taken = true;
	/* To the nanosecond, but for a receive field that was moved on: by at most 15 times 2^-31
	 * s. */
	MUST(llabs(ds_ns_from_ntp64(answer->transmit, p->left_ns) - p->left_ns) <= 8);
}

static void check_answer(struct model *m, const struct ds_request *r,
			 const struct ds_response *response)
{
	struct ds_frame asked;
	struct ds_frame answer;

	MUST(r->length >= sizeof(response->bytes));
	MUST(ds_wire_read(r->data, r->length, &asked) == DS_R_OK);
	MUST(ds_wire_read(response->bytes, sizeof(response->bytes), &answer) == DS_R_OK);
	MUST(asked.packet.mode == DS_MODE_CLIENT || asked.packet.mode == DS_MODE_ACTIVE ||
	     (asked.packet.mode == DS_MODE_RESERVED && asked.packet.version == 1));
	MUST(asked.mac_length == 0 ? r->auth != DS_AUTH_BAD
				   : asked.mac_length != 4 && r->auth == DS_AUTH_GOOD);
	MUST(answer.packet.mode ==
	     (asked.packet.mode == DS_MODE_ACTIVE ? DS_MODE_PASSIVE : DS_MODE_SERVER));
	MUST(answer.packet.version == asked.packet.version);
	MUST((answer.packet.receive & 1) == 1 && (answer.packet.transmit & 1) == 0);
	MUST(answer.packet.transmit != 0);
	MUST(response->wants_drivestamp == (response->slot != DS_SLOT_NONE));
	if (response->interleaved)
		check_interleaved(m, &asked.packet, &answer.packet, r->prefix);
	else
		MUST(answer.packet.origin == asked.packet.transmit);
	if (response->slot != DS_SLOT_NONE)
		MUST((asked.packet.origin & 1) == 1);
	m->past[m->count++] = (struct past){.receive = answer.packet.receive,
					    .rx_ns = r->rx.raw_ns,
					    .prefix = r->prefix,
					    .slot = response->slot};
}

static size_t take_request(const struct model *m, struct input *in, uint8_t out[256])
{
	uint8_t shape = take8(in);
	size_t trailer = shape & 0x80 ? take8(in) % 100 : 0;
	struct ds_packet p = {.version = 4, .mode = DS_MODE_CLIENT};

	if (shape & 0x40) {
		size_t length = take8(in);

		take_bytes(in, out, length);
		return length;
	}
	p.origin = m->count > 0 && shape & 1 ? m->past[take8(in) % m->count].receive : take64(in);
	p.receive = shape & 2 ? 7 : take64(in);
	p.transmit = shape & 4 ? 9 : take64(in);
	if (shape & 8) {
		p.mode = take8(in);
		p.version = take8(in);
	}
	ds_wire_write(&p, out);
	take_bytes(in, out + DS_WIRE_HEADER_SIZE, trailer);
	return DS_WIRE_HEADER_SIZE + trailer;
}

static void request(struct model *m, struct input *in)
{
	const struct ds_server_state state = {
		.leap = take8(in) % 4, .stratum = take8(in), .ref_id = 0x52415445};
	struct ds_response response;
	struct ds_response before;
	uint8_t bytes[256];
	struct ds_request r = {.data = bytes};
	enum ds_reason reason;
	uint8_t who;

	r.length = take_request(m, in, bytes);
	m->now_ns += (int64_t)(take32(in) >> (take8(in) % 32));
	r.rx.clock_ns = m->now_ns;
	r.rx.raw_ns = m->now_ns;
	r.rx.source = DS_STAMP_KERNEL;
	who = take8(in);
	r.prefix = who % 4;
	r.auth = (enum ds_auth)(who / 4 % 3);
	r.port = take8(in);
	r.random = take8(in);
	memset(&response, 0xa5, sizeof(response));
	memcpy(&before, &response, sizeof(before));
	reason = ds_server_answer(&m->server, &r, &state, &response);
	if (reason != DS_R_OK) {
		MUST(memcmp(&response, &before, sizeof(before)) == 0);
		return;
	}
	ds_server_departs(&response, m->now_ns + (int8_t)take8(in), take8(in));
	check_answer(m, &r, &response);
}

static void drivestamp(struct model *m, struct input *in)
{
	struct past *p;
	struct ds_tx_stamp tx = {.source = (enum ds_stamp_source)(take8(in) % 4)};
	enum ds_reason reason;

	if (m->count == 0)
		return;
	p = &m->past[take8(in) % m->count];
	tx.raw_ns = p->rx_ns + (int64_t)(take32(in) >> (take8(in) % 32));
	reason = ds_server_drivestamp(&m->server, p->slot, p->rx_ns, &tx);
	if (reason != DS_R_OK)
		return;
	MUST(tx.source >= DS_STAMP_KERNEL && tx.raw_ns - p->rx_ns <= DS_DRIVESTAMP_MAX_NS);
	/* the first, or the card's behind the kernel's (S9) */
	MUST(p->left_ns == 0 || (p->source == DS_STAMP_KERNEL && tx.source == DS_STAMP_HARDWARE));
	MUST(!p->taken && !p->forgotten);
	p->left_ns = tx.raw_ns;
	p->source = tx.source;
}

static void step(struct model *m, struct input *in)
{
	m->now_ns -= (int64_t)take32(in);
	if ((take8(in) & 1) == 0) /* untold */
		return;
	ds_server_forget(&m->server);
	for (size_t i = 0; i < m->count; i++)
		m->past[i].forgotten = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	static struct model m;

	memset(&m, 0, sizeof(m));
	m.now_ns = BASE_NS;
	ds_server_init(&m.server, m.slots, take8(&in) & 1 ? SLOTS : SLOTS / 2);
	while (in.left > 0 && m.count < HISTORY) {
		switch (take8(&in) % 4) {
		case 0:
			step(&m, &in);
			break;
		case 1:
			drivestamp(&m, &in);
			break;
		default:
			request(&m, &in);
		}
	}
	return 0;
}
