/* peering: see peering.h. Timeouts are of CLOCK_MONOTONIC. */
#include "daemon/peering.h"

#include <errno.h>
#include <string.h>

#include "daemon/cards.h"
#include "daemon/log.h"
#include "daemon/serve.h"
#include "os/random.h"

#define NS_PER_S     INT64_C(1000000000)
#define POLL_LEAST   (-6) /* what other sides say is believed between these */
#define POLL_MOST    17	  /* RFC 5905: MAXPOLL */
#define POLL_UNHEARD INT8_MAX

void ds_peering_start(struct ds_source *s, const struct ds_conf_source *conf,
		      const struct ds_conf *global, const union ds_address *address, int64_t due_ns,
		      bool passive, uint8_t place)
{
	ds_source_init(s, conf, global, address);
	s->place = place;
	s->peering.their_mode = DS_MODE_ACTIVE;
	s->peering.their_poll_log2 = s->peering.their_interval_log2 = POLL_UNHEARD;
	s->due_ns = due_ns;
	ds_peer_init(&s->peering.core, conf->version, conf->xleave, conf->key != 0, passive);
}

/* ---- when ---- */

/* RFC 5905 section 9.1: at the shorter of the two sides' intervals, within our limits. */
static int8_t poll_in_force(const struct ds_source *s)
{
	int8_t poll = s->poll_log2;

	if (s->peering.their_poll_log2 < poll)
		poll = s->peering.their_poll_log2;
	return poll < s->min_poll_log2 ? s->min_poll_log2 : poll;
}

int64_t ds_peering_due_ns(const struct ds_peering_times *t)
{
	int64_t step = t->theirs_ns < t->ours_ns ? t->theirs_ns : t->ours_ns;
	int64_t due = t->sent_ns + t->ours_ns;
	int64_t middle = t->heard_ns + step / 2;
	int64_t off = (due - middle) % step; /* how far we are behind a middle */

	if (off > step / 2)
		off -= step;
	else if (off < -step / 2)
		off += step;
	/* Not much sooner: a side that answers at once would have us send ever sooner. */
	if (off > step / 16)
		off = step / 16;
	else if (off < -step / 4)
		off = -step / 4;
	return due - off;
}

int64_t ds_peering_wait_ns(const struct ds_peering_times *t, int64_t due_ns)
{
	int64_t expected = t->heard_ns + t->theirs_ns;
	int64_t span = t->theirs_ns / 4;

	/* It sends less often: two of ours in a row are the rule. */
	if (t->theirs_ns > t->ours_ns || t->heard_ns > t->sent_ns)
		return due_ns;
	return expected > due_ns - span && expected < due_ns + span ? expected + span : due_ns;
}

static struct ds_peering_times times_of(const struct ds_source *s)
{
	const struct ds_peering *p = &s->peering;

	return (struct ds_peering_times){
		.sent_ns = p->sent_ns,
		.heard_ns = p->heard_ns,
		.ours_ns = ds_source_interval_ns(poll_in_force(s)),
		.theirs_ns = ds_source_interval_ns(p->their_interval_log2),
	};
}

/* Something valid was heard. */
static void reschedule(struct ds_source *s, int64_t now_ns)
{
	struct ds_peering_times times = times_of(s);
	int64_t due;

	/* A passive side answers when we send: it has no middle. */
	if (s->due_ns == INT64_MAX || s->peering.sent_ns == 0 ||
	    s->peering.their_mode == DS_MODE_PASSIVE)
		return;
	/* Two that send at the same moment must not go on doing so. */
	due = ds_peering_due_ns(&times) + ds_source_spread_ns(times.ours_ns) - times.ours_ns;
	s->due_ns = due > now_ns ? due : now_ns;
}

/* Does the other side owe us a packet since reach was last counted on? It may send less often. */
static void count_on(struct ds_source *s, int64_t now_ns)
{
	struct ds_peering *p = &s->peering;
	int64_t interval = ds_source_interval_ns(poll_in_force(s));

	if (p->heard_ns != 0 && ds_source_interval_ns(p->their_interval_log2) > interval)
		interval = ds_source_interval_ns(p->their_interval_log2);
	if (p->counted_ns != 0 && now_ns - p->counted_ns < interval / 4 * 3)
		return;
	p->counted_ns = now_ns;
	ds_source_count_unanswered(s);
}

/* ---- out ---- */

/* The address that we send from is what the other side knows us by. Where it changes all that was
 * agreed on is void. */
static void find_local(struct ds_source *s, const struct ds_source_context *c)
{
	union ds_address local = c->conf->bind[s->address.family == AF_INET6];

	if (local.family == 0 && !ds_socket_local_for(&s->address, &local))
		return;
	if (s->local.family != 0 && !ds_address_same_host(&s->local, &local)) {
		ds_peer_forget(&s->peering.core);
		s->peering.heard_ns = 0;
		s->peering.their_poll_log2 = s->peering.their_interval_log2 = POLL_UNHEARD;
	}
	s->local = local;
	s->interface = 0;
	if (!s->conf->any_interface)
		s->interface = ds_route_interface(c->route, &s->address, &s->local);
	if (s->interface != 0)
		s->peering.interface = s->interface;
}

static void write_packet(struct ds_source *s, const struct ds_source_context *c,
			 uint8_t bytes[DS_WIRE_HEADER_SIZE])
{
	struct ds_departure *departure =
		ds_serve_departure(c->serve, s->peering.interface, s->address.family);
	struct ds_server_state state;
	struct ds_peering *p = &s->peering;
	struct ds_peer_sending sending = {
		.departs_ns = ds_departure_expected_ns(departure, 0) +
			      ds_keys_cost_ns(c->keys, s->conf->key),
		.tx_id = ++s->tx_id & DS_SOURCE_TOKEN_MASK,
		.poll_log2 = s->poll_log2,
		.freq_ppb = c->freq_ppb,
		.random = ds_random32(),
	};
	struct ds_reading now;

	sending.now = ds_clock_tx_now(c->clock);
	now = (struct ds_reading){.clock_ns = sending.now.clock_ns, .raw_ns = sending.now.raw_ns};
	ds_timekeeper_server_state(c->serve->timekeeper, &now, &state);
	ds_peer_send(&p->core, &sending, &state, bytes);
	p->read_raw_ns = sending.now.raw_ns;
}

/* Returns the length of the packet, 0 where it could not be signed. */
static size_t sign_packet(struct ds_source *s, const struct ds_source_context *c, uint8_t *bytes)
{
	size_t length = DS_WIRE_HEADER_SIZE;
	struct ds_reading now;

	if (s->conf->key == 0)
		return length;
	length = ds_keys_sign(c->keys, s->conf->key, bytes, length, s->conf->version);
	/* What is learnt of the departure is the way from here on. */
	ds_clock_read(c->clock, &now);
	s->peering.read_raw_ns = now.raw_ns;
	return length;
}

static void send_packet(struct ds_source *s, const struct ds_source_context *c, int64_t now_ns)
{
	uint8_t bytes[DS_KEYS_PACKET];
	struct ds_outgoing out = {.data = bytes, .remote = &s->address};
	enum ds_ptp_form form;

	count_on(s, now_ns);
	s->requests++;
	form = ds_source_form(s);
	s->peering.sent_ns = now_ns;
	s->due_ns = now_ns + ds_source_spread_ns(ds_source_interval_ns(poll_in_force(s)));
	if (s->conf->kind == DS_SOURCE_PEER)
		find_local(s, c);
	write_packet(s, c, bytes);
	out.length = sign_packet(s, c, bytes);
	if (out.length == 0) {
		ds_count(c->counters, DS_R_SEND_FAILED);
		ds_source_say_once(s, &s->said_refused, "its packets cannot be signed");
		return;
	}
	out.local = s->local.family != 0 ? &s->local : NULL;
	out.stamp = ds_serve_socket(c->serve, s->address.family, form)->stamping.transmit;
	out.token = (uint32_t)s->place << DS_SOURCE_TOKEN_BITS | (s->tx_id & DS_SOURCE_TOKEN_MASK);
	s->peering.card = out.card =
		out.stamp && ds_cards_ask(c->cards, s->peering.interface, DS_CARDS_OWN);
	if (!ds_serve_send(c->serve, &out, form))
		ds_source_say_once(s, &s->said_refused, strerror(errno));
}

bool ds_peering_run(struct ds_source *s, const struct ds_source_context *c, int64_t now_ns)
{
	bool reached = s->reach != 0;

	if (now_ns < s->due_ns)
		return false;
	if (ds_serve_socket(c->serve, s->address.family, ds_source_form(s))->fd < 0) {
		ds_source_say_once(s, &s->said_refused, "the port that peers use is not open");
		s->due_ns = INT64_MAX;
		return false;
	}
	if (s->peering.heard_ns != 0 && !s->peering.waited) {
		struct ds_peering_times times = times_of(s);
		int64_t until = ds_peering_wait_ns(&times, s->due_ns);

		s->peering.waited = until > now_ns;
		if (s->peering.waited) {
			s->due_ns = until;
			return false;
		}
	}
	s->peering.waited = false;
	send_packet(s, c, now_ns);
	return reached && s->reach == 0;
}

/* ---- in ---- */

bool ds_peering_is_lost(const struct ds_source *s)
{
	return s->failures >= DS_PEERING_LOST;
}

bool ds_peering_is_from(const struct ds_source *s, const struct ds_datagram *d)
{
	if (!ds_address_equal(&s->address, &d->remote))
		return false;
	if (s->interface != 0 && d->interface != 0 && s->interface != d->interface)
		return false;
	return s->local.family == 0 || d->local.family == 0 ||
	       ds_address_same_host(&s->local, &d->local);
}

/* Its poll field says how long it would wait at most; how long it does, its packets tell. */
static void note_polls(struct ds_source *s, int8_t poll_log2, int64_t now_ns)
{
	struct ds_peering *p = &s->peering;
	int64_t since_ns = now_ns - p->heard_ns;
	int8_t came;

	if (poll_log2 < POLL_LEAST)
		poll_log2 = POLL_LEAST;
	p->their_poll_log2 = poll_log2 > POLL_MOST ? POLL_MOST : poll_log2;
	came = p->their_poll_log2;
	/* To the nearest power of two; a lost packet cannot make it longer than what it says. */
	while (p->heard_ns != 0 && came > POLL_LEAST &&
	       since_ns < ds_source_interval_ns(came) / 10 * 7)
		came--;
	p->their_interval_log2 = came;
	p->heard_ns = now_ns;
}

bool ds_peering_packet(struct ds_source *s, const struct ds_source_context *c,
		       const struct ds_datagram *d, int64_t now_ns)
{
	struct ds_rx_stamp t4 = ds_source_rx_stamp(c, d);
	struct ds_peer_outcome outcome;
	struct ds_exchange *x;
	enum ds_reason reason;
	bool sample = false;

	reason = ds_peer_receive(&s->peering.core, d->data, d->length, &t4, ds_source_auth(s, c, d),
				 c->freq_ppb, &outcome);
	x = outcome.has_exchange ? &outcome.exchange : NULL;
	if (x != NULL)
		reason = ds_source_check_leap(c, ds_source_check_delay(s, reason, x), x);
	ds_count(c->counters, reason);
	if (outcome.valid)
		s->peering.their_mode = d->data[0] & 7;
	ds_source_record(s, c, reason, x, &t4);
	if (!outcome.valid)
		return false;
	s->peering.interface = d->interface;
	s->peering.waited = false;
	s->held.form = d->ptp_form;
	note_polls(s, outcome.poll_log2, now_ns);
	ds_source_note_answer(s, reason == DS_R_OK ? x : NULL);
	if (reason == DS_R_OK && x != NULL)
		sample = ds_source_take_exchange(s, c, x);
	reschedule(s, now_ns);
	return sample;
}

uint8_t ds_peering_place(uint32_t token)
{
	return (uint8_t)(token >> DS_SOURCE_TOKEN_BITS);
}

void ds_peering_stamp(struct ds_source *s, const struct ds_source_context *c,
		      const struct ds_datagram *d)
{
	struct ds_tx_stamp tx;
	enum ds_reason reason;

	/* What a late stamp says is held against its own packet only, or the card would be blamed.
	 */
	if ((d->token & DS_SOURCE_TOKEN_MASK) != s->peering.core.tx_id) {
		ds_count(c->counters, DS_R_STAMP_WRONG_ID);
		return;
	}
	if (d->card_ns == 0)
		tx = ds_clock_tx_stamp(c->clock, d->realtime_ns, d->source);
	else if (!ds_cards_tx(c->cards, d, s->peering.interface, DS_CARDS_OWN, &s->peering.core.t1,
			      &tx))
		return;
	reason = ds_peer_tx_stamp(&s->peering.core, d->token & DS_SOURCE_TOKEN_MASK, &tx);
	if (reason != DS_R_OK) {
		ds_count(c->counters, reason);
		return;
	}
	/* What the next packet is told to leave at is when the better of the two is taken. */
	if (d->card_ns == 0 && s->peering.card)
		return;
	ds_departure_learn(ds_serve_departure(c->serve, s->peering.interface, s->address.family), 0,
			   tx.raw_ns - s->peering.read_raw_ns);
}
