/* broadcasting: see broadcasting.h. */
#include "daemon/broadcasting.h"

#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <string.h>

#include "daemon/cards.h"
#include "daemon/log.h"
#include "os/random.h"
#include "os/route.h"

#define NS_PER_S INT64_C(1000000000)
#define FIRST_NS NS_PER_S /* the first broadcast, or sooner where the interval is shorter */

_Static_assert(DS_CONF_BROADCASTS <= 1 << (30 - DS_BROADCASTING_INDEX), "an index needs its bits");

static int64_t interval_ns(const struct ds_conf_broadcast *conf)
{
	return (int64_t)(conf->interval_s * (double)NS_PER_S);
}

void ds_broadcasting_init(struct ds_broadcasting *b, const struct ds_conf *conf,
			  struct ds_serve *serve, const struct ds_keys *keys)
{
	int64_t now_ns = ds_monotonic_ns();

	memset(b, 0, sizeof *b);
	b->serve = serve;
	b->clock = serve->clock;
	b->timekeeper = serve->timekeeper;
	b->counters = serve->counters;
	b->keys = keys;
	b->count = conf->broadcast_count;
	for (uint32_t i = 0; i < b->count; i++) {
		struct ds_broadcasting_one *one = &b->table[i];
		const struct ds_conf_broadcast *c = &conf->broadcasts[i];

		one->conf = c;
		ds_broadcaster_init(&one->broadcaster, c->version, c->xleave);
		ds_departure_init(&one->departure);
		one->token = DS_BROADCASTING_TOKENS | i << DS_BROADCASTING_INDEX;
		one->due_ns = now_ns + (interval_ns(c) < FIRST_NS ? interval_ns(c) : FIRST_NS);
	}
}

int64_t ds_broadcasting_next_ns(const struct ds_broadcasting *b)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < b->count; i++)
		if (b->table[i].due_ns < next)
			next = b->table[i].due_ns;
	return next;
}

static void schedule(struct ds_broadcasting_one *one, int64_t now_ns)
{
	one->due_ns += interval_ns(one->conf);
	if (one->due_ns <= now_ns)
		one->due_ns = now_ns + interval_ns(one->conf);
}

static void say_failed(struct ds_broadcasting_one *one, const char *why)
{
	char text[DS_ADDRESS_TEXT];

	if (!one->said_failed)
		ds_log(DS_LOG_WARNING, "%s:%d: cannot broadcast to %s: %s; trying again",
		       one->conf->file, one->conf->line,
		       ds_address_text(&one->conf->address, true, text), why);
	one->said_failed = true;
}

/* With `smoothtime` the time that is served; and the rate that carries the packet before back to
 * what was served at its own moment. */
static void smooth(const struct ds_broadcasting *b, const struct ds_broadcasting_one *one,
		   struct ds_broadcast_sending *sending)
{
	const struct ds_leaping *leaping = &b->timekeeper->leaping;
	const struct ds_tx_stamp *before = &one->broadcaster.sent;
	const struct ds_reading now = {sending->now.clock_ns, sending->now.raw_ns};
	const struct ds_reading then = {before->clock_ns, before->raw_ns};

	if (!ds_leaping_smooths(leaping))
		return;
	sending->now.clock_ns += ds_leaping_served_minus_clock_ns(leaping, &now);
	if (before->source != DS_STAMP_NONE)
		sending->freq_ppb = ds_leaping_served_rate_ppb(leaping, &then, &now);
}

/* Write the packet from a fresh reading of the clock. Returns its length; 0: the key failed. */
static size_t write_packet(struct ds_broadcasting *b, struct ds_broadcasting_one *one,
			   const struct ds_server_state *state, uint8_t bytes[DS_KEYS_PACKET])
{
	const struct ds_conf_broadcast *conf = one->conf;
	struct ds_broadcast_sending sending = {
		.departs_ns = ds_departure_expected_ns(&one->departure, 0),
		.tx_id = one->token,
		.poll_log2 = (int8_t)lround(log2(conf->interval_s)),
		.freq_ppb = ds_timekeeper_freq_ppb(b->timekeeper),
		.random = ds_random32(),
	};

	sending.now = one->held = ds_clock_tx_now(b->clock);
	one->read_raw_ns = sending.now.raw_ns;
	smooth(b, one, &sending);
	ds_broadcaster_send(&one->broadcaster, &sending, state, bytes);
	if (conf->key == 0)
		return DS_WIRE_HEADER_SIZE;
	return ds_keys_sign(b->keys, conf->key, bytes, DS_WIRE_HEADER_SIZE,
			    one->broadcaster.version);
}

static int leaves_by(const struct ds_broadcasting *b, const struct ds_conf_broadcast *conf)
{
	const union ds_address any = {.family = 0};

	if (b->serve->cards == NULL)
		return 0;
	if (conf->dev[0] != '\0')
		return (int)if_nametoindex(conf->dev);
	return b->serve->route != NULL ? ds_route_interface(b->serve->route, &conf->address, &any)
				       : 0;
}

static bool send_packet(struct ds_broadcasting *b, struct ds_broadcasting_one *one,
			const uint8_t *bytes, size_t length)
{
	static const union ds_address any[2] = {{.family = AF_INET}, {.family = AF_INET6}};
	const struct ds_conf_broadcast *conf = one->conf;
	bool six = conf->address.family == AF_INET6;
	struct ds_socket *socket = &b->serve->sockets[six];
	struct ds_outgoing out = {
		.data = bytes,
		.length = length,
		.remote = &conf->address,
		.stamp = true,
		.token = one->token,
	};
	bool sent;

	if (conf->dev[0] != '\0') {
		out.interface = (int)if_nametoindex(conf->dev);
		out.local = &any[six];
		if (out.interface == 0)
			return false;
	}
	one->interface = leaves_by(b, conf);
	one->by_card = one->card = out.card =
		ds_cards_ask(b->serve->cards, one->interface, DS_CARDS_OWN);
	if (socket->fd >= 0)
		ds_socket_to_many(socket, true, conf->ttl);
	sent = ds_serve_send(b->serve, &out, DS_PTP_NONE);
	if (socket->fd >= 0) {
		int error = errno;

		ds_socket_to_many(socket, false, conf->ttl);
		errno = error;
	}
	return sent;
}

static void broadcast(struct ds_broadcasting *b, struct ds_broadcasting_one *one,
		      const struct ds_server_state *state)
{
	const uint32_t number = (UINT32_C(1) << DS_BROADCASTING_INDEX) - 1;
	uint8_t bytes[DS_KEYS_PACKET];
	size_t length;

	one->token = (one->token & ~number) | ((one->token + 1) & number);
	length = write_packet(b, one, state, bytes);
	one->awaited = one->card = false;
	if (length == 0) {
		say_failed(one, "no MAC can be made with its key");
		return;
	}
	if (!send_packet(b, one, bytes, length)) {
		say_failed(one, strerror(errno));
		return;
	}
	one->awaited = true;
	one->said_failed = false;
	one->sent++;
}

void ds_broadcasting_run(struct ds_broadcasting *b, int64_t now_ns)
{
	struct ds_server_state state;
	struct ds_reading now;

	if (ds_broadcasting_next_ns(b) > now_ns)
		return;
	ds_clock_read(b->clock, &now);
	ds_timekeeper_server_state(b->timekeeper, &now, &state);
	for (int i = 0; i < b->count; i++) {
		struct ds_broadcasting_one *one = &b->table[i];

		if (one->due_ns > now_ns)
			continue;
		schedule(one, now_ns);
		/* Nobody could use a packet that says that we have no time. */
		if (state.leap != DS_LEAP_UNSYNCHRONISED)
			broadcast(b, one, &state);
	}
}

void ds_broadcasting_stamp(struct ds_broadcasting *b, const struct ds_datagram *d)
{
	uint32_t i = (d->token & ~DS_BROADCASTING_TOKENS) >> DS_BROADCASTING_INDEX;
	struct ds_broadcasting_one *one = &b->table[i < DS_CONF_BROADCASTS ? i : 0];
	struct ds_tx_stamp tx;
	bool *awaited = d->card_ns != 0 ? &one->card : &one->awaited;

	if (i >= b->count || one->token != d->token || !*awaited) {
		ds_count(b->counters, DS_R_STAMP_WRONG_ID);
		return;
	}
	*awaited = false;
	if (d->card_ns == 0) {
		one->stamps++;
		tx = one->held = ds_clock_tx_stamp(b->clock, d->realtime_ns, d->source);
	} else if (!ds_cards_tx(b->serve->cards, d, one->interface, DS_CARDS_OWN, &one->held,
				&tx)) {
		return;
	}
	/* The next is told to leave when the better of the two will be taken. */
	if (d->card_ns != 0 || !one->by_card)
		ds_departure_learn(&one->departure, 0, tx.raw_ns - one->read_raw_ns);
	enum ds_reason reason = ds_broadcaster_tx_stamp(&one->broadcaster, d->token, &tx);
	if (reason != DS_R_OK)
		ds_count(b->counters, reason);
}
