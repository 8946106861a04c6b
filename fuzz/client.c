/*
 * Any sequence of events at an association. Non-interference (exchange.md S1, S2): what is not
 * accepted leaves every byte of it alone; at most one answer a request (S4); an exchange only of
 * an answer that repeats one of its cookies.
 */
#include "core/exchange/client.h"

#include "fuzz/input.h"

struct model {
	struct ds_client client;
	bool keyed;
	struct ds_packet request; /* as it went out */
	bool sent;
	unsigned int accepted; /* answers to that request */
	uint32_t id;
};

static struct ds_tx_stamp take_tx(struct input *in)
{
	struct ds_tx_stamp tx = {.clock_ns = take_ns(in), .raw_ns = take_ns(in)};

	tx.source = (enum ds_stamp_source)(take8(in) % 4);
	return tx;
}

static void check_outcome(const struct ds_client_outcome *o, enum ds_reason reason)
{
	MUST(o->has_exchange == (o->exchange.t1.source != DS_STAMP_NONE));
	MUST(!o->has_exchange || o->answered);
	MUST(!o->has_exchange || o->exchange.delay_ns >= 0);
	MUST(!o->has_exchange || o->exchange.remote.stratum - 1U < 15);
	MUST(!o->has_exchange || o->exchange.remote.leap < 3);
	MUST(!o->slow_down || reason == DS_R_KOD_RATE);
	MUST(!o->refused || reason == DS_R_KOD_DENY);
}

static void request(struct model *m, struct input *in)
{
	struct ds_tx_stamp t1 = take_tx(in);
	uint64_t random[2] = {take64(in), take64(in)};
	uint8_t out[DS_WIRE_HEADER_SIZE];
	struct ds_frame frame;

	t1.source = DS_STAMP_DAEMON;
	ds_client_request(&m->client, &t1, ++m->id, (take8(in) & 1) != 0, random, out);
	MUST(ds_wire_read(out, sizeof(out), &frame) == DS_R_OK);
	m->request = frame.packet;
	m->sent = true;
	m->accepted = 0;
	MUST(frame.packet.mode == DS_MODE_CLIENT && frame.packet.transmit != 0);
	MUST(frame.packet.transmit == ds_client_cookie(&m->client));
	MUST((frame.packet.origin == 0) == (frame.packet.receive == 0));
	MUST(frame.packet.receive != frame.packet.transmit);
	MUST(frame.packet.stratum == 0 && frame.packet.ref_id == 0);
	MUST(frame.packet.reference == 0 && frame.packet.root_delay == 0);
}

static void stamp(struct model *m, struct input *in)
{
	struct ds_client before;
	struct ds_client_outcome o;
	uint32_t id = m->id - take8(in) % 3;
	struct ds_tx_stamp tx = take_tx(in);
	enum ds_reason reason;

	memcpy(&before, &m->client, sizeof(before));
	reason = ds_client_tx_stamp(&m->client, id, &tx, 0, &o);
	if (reason != DS_R_OK)
		MUST(memcmp(&before, &m->client, sizeof(before)) == 0 && !o.answered);
	else
		MUST(id == m->id && tx.source >= DS_STAMP_KERNEL);
	if (o.has_exchange && o.exchange.kind == DS_EXCHANGE_BASIC)
		MUST(o.exchange.t1.raw_ns == tx.raw_ns);
	check_outcome(&o, DS_R_OK);
}

/* The bytes of an answer, near enough to a good one that they come far. */
static size_t take_answer(const struct model *m, struct input *in, uint8_t out[256])
{
	uint8_t shape = take8(in);
	size_t trailer = shape & 0x80 ? take8(in) % 100 : 0;
	struct ds_packet p = {.version = 4, .mode = DS_MODE_SERVER, .stratum = 1};

	if (shape & 0x40) {
		size_t length = take8(in);

		take_bytes(in, out, length);
		return length;
	}
	p.origin = shape & 1 ? m->request.transmit : shape & 2 ? m->request.receive : take64(in);
	p.receive = take64(in);
	p.transmit = shape & 4 ? p.receive + take32(in) : take64(in);
	if (shape & 8) {
		p.stratum = take8(in);
		p.leap = take8(in);
		p.ref_id = shape & 16 ? 0x52415445 : take32(in);
		p.root_delay = take32(in);
		p.root_dispersion = take32(in);
		p.reference = take64(in);
	}
	if (shape & 32) {
		p.mode = take8(in);
		p.version = take8(in);
	}
	ds_wire_write(&p, out);
	take_bytes(in, out + DS_WIRE_HEADER_SIZE, trailer);
	return DS_WIRE_HEADER_SIZE + trailer;
}

static bool is_drop(enum ds_reason reason, bool keyed)
{
	switch (reason) {
	case DS_R_PACKET_SHORT:
	case DS_R_PACKET_LONG:
	case DS_R_PACKET_VERSION:
	case DS_R_PACKET_EXTENSION:
	case DS_R_PACKET_TRAILER:
	case DS_R_NOT_ARMED:
	case DS_R_MODE:
	case DS_R_ORIGIN:
	case DS_R_ZERO_STAMP:
	case DS_R_AUTH:
		return true;
	case DS_R_KOD_DENY:
		return !keyed;
	default:
		return false;
	}
}

static void check_accepted(struct model *m, const uint8_t *bytes, enum ds_auth auth,
			   const struct ds_client_outcome *o)
{
	ds_ntp64 origin = ds_wire_read_ntp64(bytes + 24);

	MUST(++m->accepted == 1 && m->sent);
	MUST((bytes[0] & 7) == DS_MODE_SERVER);
	MUST(origin == m->request.transmit ||
	     (m->request.receive != 0 && origin == m->request.receive));
	MUST(auth == DS_AUTH_GOOD || (!m->keyed && auth == DS_AUTH_ABSENT));
	if (o->has_exchange)
		MUST((o->exchange.kind == DS_EXCHANGE_BASIC) == (origin == m->request.transmit));
}

static void receive(struct model *m, struct input *in)
{
	struct ds_client before;
	struct ds_client_outcome o;
	uint8_t bytes[256];
	size_t length = take_answer(m, in, bytes);
	enum ds_auth auth = (enum ds_auth)(take8(in) % 3);
	struct ds_rx_stamp t4 = {.clock_ns = take_ns(in), .raw_ns = take_ns(in)};
	enum ds_reason reason;

	t4.source = (enum ds_stamp_source)(1 + take8(in) % 3);
	memcpy(&before, &m->client, sizeof(before));
	reason = ds_client_receive(&m->client, bytes, length, &t4, auth, take8(in) * 1e6, &o);
	if (is_drop(reason, m->keyed)) {
		MUST(memcmp(&before, &m->client, sizeof(before)) == 0);
		MUST(!o.answered && !o.has_exchange && !o.slow_down);
	} else {
		check_accepted(m, bytes, auth, &o);
		MUST(o.answered == (reason != DS_R_PARKED));
	}
	check_outcome(&o, reason);
}

static void one_event(struct model *m, struct input *in)
{
	struct ds_client_outcome o;
	struct ds_tx_stamp t1;

	switch (take8(in) % 8) {
	case 0:
		request(m, in);
		break;
	case 1:
		stamp(m, in);
		break;
	case 2:
		(void)ds_client_deadline(&m->client, 0, &o);
		check_outcome(&o, DS_R_OK);
		break;
	case 3:
		t1 = take_tx(in);
		ds_client_departs(&m->client, &t1);
		break;
	case 4:
		if (take8(in) & 1)
			ds_client_forget(&m->client);
		else
			ds_client_disarm(&m->client);
		MUST(ds_client_cookie(&m->client) == 0);
		break;
	default:
		receive(m, in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t how = take8(&in);
	struct model m;

	memset(&m, 0, sizeof(m));
	m.keyed = (how & 1) != 0;
	ds_client_init(&m.client, how & 4 ? 4 : take8(&in), (how & 2) != 0, m.keyed);
	while (in.left > 0)
		one_event(&m, &in);
	return 0;
}
