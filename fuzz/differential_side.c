/*
 * The events of the differential fuzzer: a client, a server, two peers and a broadcast with basic
 * traffic. No packet here is interleaved: no origin repeats a receive field.
 */
#include "fuzz/differential.h"

#include "core/exchange/broadcast.h"
#include "core/exchange/client.h"
#include "core/exchange/peer.h"
#include "core/exchange/server.h"
#include "fuzz/input.h"

#define SLOTS 16
#define BASE  INT64_C(2085978490000000000) /* seconds before an era */

struct side {
	struct ds_peer peer;
	uint32_t id;
	ds_ntp64 sent[DS_PEER_RECENT]; /* receive fields of late */
	uint32_t count;
};

struct world {
	struct transcript *out;
	struct ds_client client;
	struct ds_packet request; /* of the client; its receive field is not for use */
	uint32_t client_id;
	bool client_wants;
	struct ds_server server;
	struct ds_slot slots[SLOTS];
	struct side side[2];
	uint8_t on_the_way[DS_WIRE_HEADER_SIZE]; /* the peers' last packet */
	struct ds_broadcaster sender;
	bool tells;
	struct ds_listener listener;
	uint8_t broadcast[DS_WIRE_HEADER_SIZE];
	int64_t now_ns;
};

/* ---- the transcript ---- */

static void put(struct world *w, const void *data, size_t size)
{
	MUST(size <= sizeof(w->out->bytes) - w->out->length);
	memcpy(w->out->bytes + w->out->length, data, size);
	w->out->length += size;
}

static void put_number(struct world *w, int64_t value)
{
	put(w, &value, sizeof(value));
}

static void put_exchange(struct world *w, const struct ds_exchange *e)
{
	const int64_t values[] = {(int64_t)e->kind,
				  e->t1.raw_ns,
				  e->t1.clock_ns,
				  (int64_t)e->t1.source,
				  e->t2_ns,
				  e->t3_ns,
				  e->t4.raw_ns,
				  e->t4.clock_ns,
				  (int64_t)e->t4.source,
				  e->offset_ns,
				  e->delay_ns,
				  e->raw_ns,
				  e->server_minus_raw_ns,
				  e->remote.leap,
				  e->remote.stratum,
				  e->remote.poll_log2,
				  e->remote.root_delay_ns,
				  e->remote.root_dispersion_ns,
				  e->remote.reference_ns,
				  e->remote.ref_id};

	put(w, values, sizeof(values));
}

/* ---- what events are made of ---- */

static struct ds_tx_stamp take_tx(struct world *w, struct input *in)
{
	int64_t at_ns = sum(w->now_ns, take_ns(in));
	uint8_t source = take8(in) % 4;

	return (struct ds_tx_stamp){
		.clock_ns = at_ns, .raw_ns = at_ns, .source = (enum ds_stamp_source)source};
}

static struct ds_rx_stamp take_rx(struct world *w, struct input *in)
{
	w->now_ns = sum(w->now_ns, (int64_t)take32(in));
	return (struct ds_rx_stamp){
		.clock_ns = w->now_ns, .raw_ns = w->now_ns, .source = DS_STAMP_KERNEL};
}

static struct ds_server_state take_state(struct input *in)
{
	return (struct ds_server_state){.leap = take8(in) % 4,
					.stratum = take8(in) % 18,
					.precision_log2 = (int8_t)take8(in),
					.ref_id = take32(in),
					.root_delay_ns = take_ns(in),
					.root_dispersion_ns = take_ns(in),
					.reference_ns = take_ns(in)};
}

/* A packet of that mode with a likely header, its origin and stamps near now. */
static struct ds_packet take_packet(struct world *w, struct input *in, uint8_t mode,
				    ds_ntp64 origin)
{
	uint8_t shape = take8(in);
	struct ds_packet p = {.version = 4, .mode = mode, .stratum = 1, .origin = origin};

	p.receive = shape & 1 ? take64(in) : ds_ntp64_from_ns(sum(w->now_ns, take_ns(in)), 0);
	p.transmit = shape & 2 ? take64(in) : p.receive + take32(in);
	if (shape & 4) {
		p.leap = take8(in);
		p.stratum = take8(in);
		p.version = take8(in);
		p.mode = take8(in);
		p.poll_log2 = (int8_t)take8(in);
		p.ref_id = take32(in);
		p.root_delay = take32(in);
		p.root_dispersion = take32(in);
		p.reference = take64(in);
	}
	if (shape & 8)
		p.origin = take64(in) & ~UINT64_C(1);
	return p;
}

/* With 0 to 80 bytes of anything behind it. */
static size_t write_packet(const struct ds_packet *p, struct input *in, uint8_t out[128])
{
	uint8_t length = take8(in);
	size_t trailer = length & 0x80 ? length % 81 : 0;

	ds_wire_write(p, out);
	take_bytes(in, out + DS_WIRE_HEADER_SIZE, trailer);
	return DS_WIRE_HEADER_SIZE + trailer;
}

/* ---- client ---- */

/* Its cookies: transmit even, receive odd, so that an even origin is never the latter. */
static void client_sends(struct world *w, struct input *in)
{
	struct ds_tx_stamp t1 = take_tx(w, in);
	uint64_t random[2] = {(take64(in) & ~UINT64_C(1)) | 2, take64(in) | 1};
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_frame frame;

	ds_client_request(&w->client, &t1, ++w->client_id, take8(in) & 1, random, bytes);
	MUST(ds_wire_read(bytes, sizeof(bytes), &frame) == DS_R_OK);
	w->request = frame.packet;
	if (w->client_wants) /* they differ in these fields alone */
		memset(bytes + 24, 0, 16);
	put(w, bytes, sizeof(bytes));
}

static void put_client(struct world *w, enum ds_reason reason, const struct ds_client_outcome *o)
{
	put_number(w, reason);
	put_number(w, o->answered + 2 * o->has_exchange + 4 * o->slow_down + 8 * o->refused);
	put_number(w, o->kiss_code);
	put_exchange(w, &o->exchange);
	put_number(w, (int64_t)ds_client_cookie(&w->client));
}

static void client_hears(struct world *w, struct input *in)
{
	struct ds_client_outcome o;
	struct ds_rx_stamp t4 = take_rx(w, in);
	struct ds_packet p = take_packet(w, in, DS_MODE_SERVER, w->request.transmit);
	uint8_t bytes[128];
	size_t length = write_packet(&p, in, bytes);
	enum ds_auth auth = (enum ds_auth)(take8(in) % 3);
	enum ds_reason reason =
		ds_client_receive(&w->client, bytes, length, &t4, auth, take8(in) * 1e6, &o);

	put_client(w, reason, &o);
}

static void client_other(struct world *w, struct input *in)
{
	struct ds_client_outcome o;
	struct ds_tx_stamp tx = take_tx(w, in);
	uint8_t what = take8(in);
	enum ds_reason reason = DS_R_OK;

	memset(&o, 0, sizeof(o));
	switch (what % 8) {
	case 0:
		ds_client_forget(&w->client);
		break;
	case 1:
		ds_client_disarm(&w->client);
		break;
	case 2:
		ds_client_departs(&w->client, &tx);
		break;
	case 3:
		reason = ds_client_deadline(&w->client, what * 1e6, &o);
		break;
	default:
		reason = ds_client_tx_stamp(&w->client, w->client_id - what / 8 % 2, &tx, 0, &o);
	}
	put_client(w, reason, &o);
}

/* ---- server ---- */

static void server_hears(struct world *w, struct input *in)
{
	struct ds_server_state state = take_state(in);
	struct ds_packet p = take_packet(w, in, DS_MODE_CLIENT, 0);
	struct ds_response response;
	struct ds_request request = {.prefix = take8(in), .port = take8(in), .random = take8(in)};
	uint8_t bytes[128];
	enum ds_reason reason;

	request.data = bytes;
	request.length = write_packet(&p, in, bytes);
	request.rx = take_rx(w, in);
	request.auth = (enum ds_auth)(take8(in) % 3);
	ds_server_prefetch(&w->server, &request);
	reason = ds_server_answer(&w->server, &request, &state, &response);
	put_number(w, reason);
	if (reason != DS_R_OK)
		return;
	ds_server_departs(&response, sum(w->now_ns, take_ns(in)), take8(in));
	put(w, response.bytes, sizeof(response.bytes));
	put_number(w, response.interleaved + 2 * response.wants_drivestamp);
	put_number(w, response.slot);
	put_number(w, response.fallback);
	put_number(w, response.saving);
}

/* ---- peers ---- */

static void peer_sends(struct world *w, struct side *s, struct input *in)
{
	struct ds_server_state state = take_state(in);
	struct ds_peer_sending sending = {.now = take_tx(w, in),
					  .departs_ns = take32(in) % 1000000000,
					  .tx_id = ++s->id,
					  .poll_log2 = (int8_t)take8(in),
					  .freq_ppb = take8(in) * 1e6,
					  .random = take8(in)};
	struct ds_frame frame;

	ds_peer_send(&s->peer, &sending, &state, w->on_the_way);
	MUST(ds_wire_read(w->on_the_way, DS_WIRE_HEADER_SIZE, &frame) == DS_R_OK);
	s->sent[s->count++ % DS_PEER_RECENT] = frame.packet.receive;
	put(w, w->on_the_way, DS_WIRE_HEADER_SIZE);
}

/* Would the build with interleaving take it for an interleaved one? */
static bool is_basic(const struct side *s, ds_ntp64 origin)
{
	for (unsigned int i = 0; i < DS_PEER_RECENT; i++) {
		if (s->sent[i] != 0 && origin == s->sent[i])
			return false;
	}
	return true;
}

static void peer_hears(struct world *w, struct side *s, struct input *in)
{
	struct ds_peer_outcome o;
	struct ds_rx_stamp t4 = take_rx(w, in);
	uint8_t bytes[128];
	size_t length = DS_WIRE_HEADER_SIZE;
	uint8_t how = take8(in);
	enum ds_reason reason;

	memcpy(bytes, w->on_the_way, DS_WIRE_HEADER_SIZE);
	if (how & 0x80)
		bytes[take8(in) % DS_WIRE_HEADER_SIZE] ^= take8(in);
	if (how & 0x40) {
		struct ds_packet p =
			take_packet(w, in, DS_MODE_ACTIVE, ds_wire_read_ntp64(w->on_the_way + 40));

		length = write_packet(&p, in, bytes);
	}
	if (!is_basic(s, ds_wire_read_ntp64(bytes + 24)))
		return;
	reason = ds_peer_receive(&s->peer, bytes, length, &t4, (enum ds_auth)(how % 3),
				 take8(in) * 1e6, &o);
	put_number(w, reason);
	put_number(w, o.valid + 2 * o.interleaved + 4 * o.has_exchange + 8 * o.restart);
	put_number(w, o.poll_log2);
	put_exchange(w, &o.exchange);
}

static void peer_other(struct world *w, struct side *s, struct input *in)
{
	struct ds_tx_stamp tx = take_tx(w, in);
	uint8_t what = take8(in);

	if (what == 0)
		ds_peer_forget(&s->peer);
	else
		put_number(w, ds_peer_tx_stamp(&s->peer, s->id - what / 8 % 2, &tx));
}

/* ---- broadcast ---- */

static void sender_sends(struct world *w, struct input *in)
{
	struct ds_server_state state = take_state(in);
	struct ds_broadcast_sending sending = {.now = take_tx(w, in),
					       .departs_ns = take32(in) % 1000000000,
					       .tx_id = ++w->client_id,
					       .poll_log2 = (int8_t)take8(in),
					       .freq_ppb = take8(in) * 1e6,
					       .random = take8(in)};
	struct ds_tx_stamp tx = take_tx(w, in);

	ds_broadcaster_send(&w->sender, &sending, &state, w->broadcast);
	memset(w->broadcast + 24, 0, 8); /* origin: they differ in this field alone */
	put(w, w->broadcast, DS_WIRE_HEADER_SIZE);
	put_number(w, ds_broadcaster_tx_stamp(&w->sender, w->client_id, &tx));
}

static void listener_calibrates(struct world *w, struct input *in)
{
	static const struct ds_remote remote = {.stratum = 1};
	struct ds_tx_stamp t1 = take_tx(w, in);
	struct ds_rx_stamp t4 = take_rx(w, in);
	int64_t t2_ns = sum(w->now_ns, take_ns(in));
	struct ds_exchange e;
	enum ds_reason reason =
		ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, t2_ns, t2_ns, &t4, &remote, 0);

	put_number(w, reason);
	if (reason == DS_R_OK)
		ds_listener_calibrate(&w->listener, &e, take_ns(in), take8(in) * 1e6);
}

static void listener_hears(struct world *w, struct input *in)
{
	struct ds_listener_outcome o;
	struct ds_rx_stamp t4 = take_rx(w, in);
	uint8_t bytes[128];
	size_t length = DS_WIRE_HEADER_SIZE;
	uint8_t how = take8(in);
	enum ds_reason reason;

	memcpy(bytes, w->broadcast, DS_WIRE_HEADER_SIZE);
	if (how & 0x40) {
		struct ds_packet p = take_packet(w, in, DS_MODE_BROADCAST, 0);

		p.origin = 0;
		length = write_packet(&p, in, bytes);
	}
	reason = ds_listener_receive(&w->listener, bytes, length, &t4, (enum ds_auth)(how % 3),
				     take8(in) * 1e6, &o);
	put_number(w, reason);
	put_number(w, o.accepted + 2 * o.has_exchange);
	put_exchange(w, &o.exchange);
	if (how & 0x20)
		ds_listener_forget(&w->listener);
}

static void one_event(struct world *w, struct input *in)
{
	uint8_t what = take8(in);
	struct side *s = &w->side[what / 16 & 1];

	switch (what % 16) {
	case 0:
		client_sends(w, in);
		break;
	case 1:
		client_other(w, in);
		break;
	case 2:
	case 3:
		client_hears(w, in);
		break;
	case 4:
		server_hears(w, in);
		break;
	case 5:
		ds_server_forget(&w->server);
		break;
	case 6:
	case 7:
		peer_sends(w, s, in);
		break;
	case 8:
		peer_other(w, s, in);
		break;
	case 9:
	case 10:
	case 11:
		peer_hears(w, s, in);
		break;
	case 12:
	case 13:
		sender_sends(w, in);
		break;
	case 14:
		listener_calibrates(w, in);
		break;
	default:
		listener_hears(w, in);
	}
}

void ds_differential_run(const uint8_t *data, size_t size, struct transcript *out)
{
	struct input in = {data, size};
	static struct world w;
	uint8_t how = take8(&in);
	uint8_t version = how & 32 ? take8(&in) : 4;

	memset(&w, 0, sizeof(w));
	w.out = out;
	w.now_ns = how & 64 ? take_ns(&in) : BASE;
	w.client_wants = (how & 1) != 0;
	w.tells = (how & 2) != 0;
	out->interleaved = DS_INTERLEAVE_BUILT;
	out->length = 0;
	ds_client_init(&w.client, version, w.client_wants, (how & 4) != 0);
	ds_server_init(&w.server, w.slots, SLOTS);
	for (unsigned int i = 0; i < 2; i++)
		ds_peer_init(&w.side[i].peer, version, false, (how & 8) != 0,
			     i == 1 && (how & 16) != 0);
	ds_broadcaster_init(&w.sender, version, w.tells);
	ds_listener_init(&w.listener, version, (how & 8) != 0);
	while (in.left > 0 && out->length < sizeof(out->bytes) - 4096)
		one_event(&w, &in);
}
