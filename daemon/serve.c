/*
 * serve: see serve.h. The transmit field of a basic answer is written last, from one reading of
 * the clock for the whole batch and what was learnt of the time from there to departure.
 */
#include "daemon/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/exchange/interleave.h"
#include "daemon/access.h"
#include "daemon/cards.h"
#include "daemon/clients.h"
#include "daemon/log.h"
#include "os/random.h"

#define BYTES_PER_SLOT                                                                             \
	128 /* clientloglimit counts chrony's bytes of a client: 4096 slots at 512 KiB */
#define SLOT_ALIGNMENT (DS_SLOT_WAYS * sizeof(struct ds_slot))
#define SLOTS_MAX      (UINT32_C(1) << 24)

static uint32_t slots_wanted(const struct ds_conf *conf)
{
	uint64_t count = conf->client_log_limit / BYTES_PER_SLOT;

	if (!DS_INTERLEAVE_BUILT || conf->no_client_log)
		return 0;
	return count > SLOTS_MAX ? SLOTS_MAX : (uint32_t)count;
}

static size_t round_up(size_t bytes)
{
	return (bytes + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
}

static bool open_family(struct ds_serve *s, sa_family_t family, bool ptp)
{
	struct ds_socket *socket = &s->sockets[(ptp ? DS_SERVE_PTP : 0) + (family == AF_INET6)];
	union ds_address local = s->conf->bind[family == AF_INET6];
	char why[DS_WHY];
	int rc;

	if (local.family == 0) {
		memset(&local, 0, sizeof local);
		local.family = family;
	}
	ds_address_set_port(&local, ptp ? s->conf->ptp_port : s->conf->port);
	rc = ds_socket_open_server(
		socket, &local, s->conf->bind_device[0] != '\0' ? s->conf->bind_device : NULL, why);
	if (rc == 0)
		return true;
	socket->fd = -1;
	/* A host without one of the families is no failure. */
	if (rc == -EAFNOSUPPORT || rc == -EINVAL) {
		ds_log(DS_LOG_NOTICE, "%s", why);
		return true;
	}
	ds_log_fatal("cannot serve: %s%s", why,
		     rc == -EACCES
			     ? " (a port below 1024 takes CAP_NET_BIND_SERVICE; under systemd the "
			       "drop-in serve.conf gives it)"
			     : "");
	return false;
}

/* A socket that is bound to an address hears no broadcasts: who listens to them besides has
 * another, bound to the broadcast address of that subnet. Nothing is sent by it. */
static bool open_broadcasts(struct ds_serve *s)
{
	union ds_address local = s->conf->bind[0];
	struct ds_socket *socket = &s->sockets[DS_SERVE_BROADCASTS];
	char text[DS_ADDRESS_TEXT];
	char why[DS_WHY];
	int rc;

	if (local.family == 0 || !ds_conf_hears_broadcasts(s->conf))
		return true;
	rc = ds_socket_broadcast_of(&s->conf->bind[0], &local);
	if (rc != 0) {
		ds_log_fatal("cannot hear broadcasts: no interface that has any has the address %s",
			     ds_address_text(&s->conf->bind[0], false, text));
		return false;
	}
	ds_address_set_port(&local, s->conf->port);
	rc = ds_socket_open_server(
		socket, &local, s->conf->bind_device[0] != '\0' ? s->conf->bind_device : NULL, why);
	if (rc == 0)
		return true;
	socket->fd = -1;
	ds_log_fatal("cannot hear broadcasts: %s", why);
	return false;
}

/* One port, in each family that is wanted. */
static bool open_port(struct ds_serve *s, bool ptp)
{
	const struct ds_conf *conf = s->conf;
	const struct ds_socket *sockets = &s->sockets[ptp ? DS_SERVE_PTP : 0];

	if (conf->ipv4 && (conf->bind[0].family != 0 || conf->bind[1].family == 0) &&
	    !open_family(s, AF_INET, ptp))
		return false;
	if (conf->ipv6 && (conf->bind[1].family != 0 || conf->bind[0].family == 0) &&
	    !open_family(s, AF_INET6, ptp))
		return false;
	if (sockets[0].fd >= 0 || sockets[1].fd >= 0)
		return ptp || open_broadcasts(s);
	ds_log_fatal("cannot serve: neither IPv4 nor IPv6 can be used");
	return false;
}

bool ds_serve_open(struct ds_serve *s, const struct ds_conf *conf, const struct ds_keys *keys,
		   struct ds_clock *clock, const struct ds_timekeeper *timekeeper,
		   struct ds_batch *batch, struct ds_counters *counters)
{
	uint32_t count = slots_wanted(conf);
	struct ds_slot *slots = NULL;
	bool served = ds_access_any(&conf->access);
	bool open = conf->port != 0 && (served || ds_conf_shares_port(conf));

	memset(s, 0, sizeof *s);
	s->conf = conf;
	s->keys = keys;
	s->clock = clock;
	s->timekeeper = timekeeper;
	s->batch = batch;
	s->counters = counters;
	for (int i = 0; i < DS_SERVE_SOCKETS; i++)
		s->sockets[i].fd = -1;
	s->prefix_key = ds_random64();
	s->next_token = 1;
	if (conf->ptp_port != 0 && !open_port(s, true))
		return false;
	if (!open && !(served && conf->ptp_port != 0))
		return true;
	/* The places of a key share two cache lines: the table must not begin in the middle of one.
	 */
	if (count > 0)
		slots = aligned_alloc(SLOT_ALIGNMENT, round_up(count * sizeof *slots));
	if (count > 0 && slots == NULL) {
		ds_log_fatal("no memory for %" PRIu32 " saved stamps (clientloglimit)", count);
		return false;
	}
	s->slots = slots;
	ds_server_init(&s->server, slots, count);
	if (DS_INTERLEAVE_BUILT && conf->no_client_log)
		ds_log(DS_LOG_NOTICE, "noclientlog: nothing is kept of clients, answers are basic");
	return !open || open_port(s, false);
}

void ds_serve_close(struct ds_serve *s)
{
	for (int i = 0; i < DS_SERVE_SOCKETS; i++) {
		if (s->sockets[i].fd < 0)
			continue;
		for (int r = 0; r < DS_REASON_COUNT; r++)
			s->counters->by_reason[r] += s->sockets[i].stamping.counters.by_reason[r];
		ds_socket_close(&s->sockets[i]);
	}
	free(s->slots);
	s->slots = NULL;
}

uint32_t ds_serve_watch(const struct ds_serve *s, struct pollfd *fds, uint32_t *who, uint32_t room)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < DS_SERVE_SOCKETS && n < room; i++) {
		if (s->sockets[i].fd < 0)
			continue;
		fds[n] = (struct pollfd){.fd = s->sockets[i].fd, .events = POLLIN | POLLPRI};
		who[n++] = i;
	}
	return n;
}

/* The calibration of an interface and family; the last one is shared when the table is full. */
static uint8_t find_departure(struct ds_serve *s, int interface, sa_family_t family, bool lone)
{
	for (uint8_t i = 0; i < s->departure_count; i++)
		if (s->departures[i].interface == interface && s->departures[i].family == family &&
		    s->departures[i].lone == lone)
			return i;
	if (s->departure_count == DS_SERVE_DEPARTURES)
		return DS_SERVE_DEPARTURES - 1;
	s->departures[s->departure_count].interface = interface;
	s->departures[s->departure_count].family = family;
	s->departures[s->departure_count].lone = lone;
	ds_departure_init(&s->departures[s->departure_count].learnt);
	return s->departure_count++;
}

/* The time that is served, at a moment that was stamped or read. */
static int64_t served_ns(const struct ds_serve *s, int64_t clock_ns, int64_t raw_ns)
{
	const struct ds_reading at = {.clock_ns = clock_ns, .raw_ns = raw_ns};

	return clock_ns + ds_timekeeper_served_minus_clock_ns(s->timekeeper, &at);
}

/* The stamp of an answer, the kernel's or the card's. False: none, and it was counted. */
static bool stamp_of(struct ds_serve *s, const struct ds_datagram *d, struct ds_sent *sent,
		     struct ds_tx_stamp *tx)
{
	bool *awaited = d->card_ns != 0 ? &sent->card : &sent->waiting;

	if (sent->token != d->token || !*awaited) {
		ds_count(s->counters, DS_R_STAMP_WRONG_ID);
		return false;
	}
	*awaited = false;
	if (d->card_ns != 0)
		return ds_cards_tx(s->cards, d, sent->interface, DS_CARDS_SERVED, &sent->held, tx);
	*tx = ds_clock_tx_stamp(s->clock, d->realtime_ns, d->source);
	sent->held = *tx;
	s->stamps_got++;
	return true;
}

static void take_stamp(struct ds_serve *s, const struct ds_datagram *d)
{
	struct ds_sent *sent = &s->sent[d->token % DS_SERVE_SENT];
	struct ds_tx_stamp tx;

	if (!stamp_of(s, d, sent, &tx))
		return;
	s->tx_by[tx.source & 3]++;
	/* What an answer is told to leave at is when the better of the two will be taken. */
	if (sent->learns && (d->card_ns != 0 || !sent->by_card))
		ds_departure_learn(&s->departures[sent->departure].learnt, sent->position,
				   tx.raw_ns - sent->read_raw_ns);
	if (sent->slot == DS_SLOT_NONE)
		return;
	/* What is kept is how long after the receive field it left, on the time that is served:
	 * both are smeared by what the offset was at their own moments. */
	int64_t since_ns = served_ns(s, tx.clock_ns, tx.raw_ns) - sent->rx_served_ns;
	enum ds_reason reason =
		ds_server_drivestamp(&s->server, sent->slot, tx.raw_ns - since_ns, &tx);
	if (reason != DS_R_OK)
		ds_count(s->counters, reason);
}

/* The most that may be around a header. */
#define BUILT_MOST (DS_PTP_PREFIX_MOST + DS_KEYS_PACKET + DS_PTP_FIELD_SIZE)

/* What is being answered in one wake-up. */
struct answers {
	struct ds_response responses[DS_BATCH];
	struct ds_outgoing out[DS_BATCH];
	uint32_t randoms[DS_BATCH];	/* for the bits below a nanosecond of the transmit field */
	int64_t rx_served_ns[DS_BATCH]; /* the receive stamps, as they were served */
	uint8_t departures[DS_BATCH];
	uint32_t keys[DS_BATCH];       /* of those that are to be signed */
	uint8_t mac_lengths[DS_BATCH]; /* 0: not to be signed */
	uint8_t forms[DS_BATCH];       /* enum ds_ptp_form: what is to be around them */
	bool fields[DS_BATCH];	       /* they tell the correction of their request */
	int64_t corrections_ns[DS_BATCH];
	uint8_t built[DS_BATCH][BUILT_MOST]; /* of more than a header */
	bool any_mac;
	bool any_built;
	int64_t mac_cost_ns; /* of all of them: none leaves before the last is signed */
	int count;
};

/* What transparent clocks added to a packet that the kernel or a card stamped; 0 where that is not
 * known. They stamp the beginnings of frames: where our stamp is of the end, what lies between goes
 * with it, and the client takes its own part out (the draft's way with links of different speeds).
 */
static int64_t told_correction_ns(struct ds_serve *s, const struct ds_datagram *d,
				  const struct ds_rx_stamp *rx)
{
	if (rx->source < DS_STAMP_KERNEL || d->ptp_correction_ns == 0)
		return 0;
	if (d->ptp_correction_ns > 0 && d->ptp_correction_ns <= DS_PTP_RESIDENCE_NS)
		return d->ptp_correction_ns +
		       (rx->source == DS_STAMP_HARDWARE ? ds_cards_rx_duration_ns(s->cards, d) : 0);
	ds_count(s->counters, DS_R_CORRECTION);
	return 0;
}

/* The verdict on a request, how its answer is to be signed, and whether it is to tell what
 * transparent clocks added to the request. What is no longer than a header, nearly all there is,
 * has nothing to check. */
static enum ds_auth check_trailer(struct ds_serve *s, const struct ds_datagram *d,
				  const struct ds_request *request, struct answers *a)
{
	enum ds_ptp_form form = (enum ds_ptp_form)d->ptp_form;
	struct ds_frame frame;
	enum ds_auth auth;
	int64_t theirs_ns;

	a->forms[a->count] = d->ptp_form;
	a->fields[a->count] = false;
	a->mac_lengths[a->count] = 0;
	if (request->length <= DS_WIRE_HEADER_SIZE ||
	    (s->keys->count == 0 && form == DS_PTP_NONE) ||
	    ds_wire_read(request->data, request->length, &frame) != DS_R_OK)
		return DS_AUTH_ABSENT;
	a->fields[a->count] = ds_ptp_field_read(form, request->data, &frame, &theirs_ns);
	if (a->fields[a->count])
		a->corrections_ns[a->count] = told_correction_ns(s, d, &request->rx);
	auth = ds_keys_check(s->keys, request->data, &frame, 0);
	if (auth == DS_AUTH_GOOD) {
		a->keys[a->count] = frame.key_id;
		a->mac_lengths[a->count] = (uint8_t)frame.mac_length;
	}
	return auth;
}

/* A request that may be answered: all that is known of it before it is judged. Returns false
 * for one that is not from a client we serve. */
static bool take_request(struct ds_serve *s, const struct ds_datagram *d,
			 const struct ds_reading *now, struct ds_request *request,
			 struct ds_clients_who *who)
{
	s->received++;
	if (s->clients != NULL)
		*who = ds_clients_find(s->clients, &d->remote);
	if (!ds_access_allowed(&s->conf->access, &d->remote)) {
		ds_count(s->counters, DS_R_REQUEST_DENIED);
		if (s->clients != NULL)
			ds_clients_note(s->clients, who, DS_CLIENT_DENIED, now->raw_ns);
		return false;
	}
	request->data = d->data;
	request->length = d->length;
	if (d->source >= DS_STAMP_KERNEL) {
		request->rx = ds_clock_rx_stamp(s->clock, d->realtime_ns, d->source);
	} else {
		request->rx = (struct ds_rx_stamp){now->clock_ns, now->raw_ns, DS_STAMP_DAEMON, 0};
		ds_count(s->counters, DS_R_RX_STAMP_DAEMON);
	}
	if (s->cards != NULL)
		ds_cards_rx(s->cards, d, DS_CARDS_SERVED, &request->rx);
	request->rx.clock_ns = served_ns(s, request->rx.clock_ns, request->rx.raw_ns);
	request->prefix = ds_address_prefix_hash(&d->remote, s->prefix_key);
	request->port = ds_address_port(&d->remote);
	request->random = ds_random32();
	return true;
}

static enum ds_client_what outcome_of(enum ds_reason reason, const struct ds_response *response)
{
	if (reason != DS_R_OK)
		return DS_CLIENT_DROPPED;
	return response->interleaved ? DS_CLIENT_INTERLEAVED : DS_CLIENT_BASIC;
}

static void answer(struct ds_serve *s, const struct ds_datagram *d, struct ds_request *request,
		   const struct ds_clients_who *who, const struct ds_server_state *state,
		   struct answers *a)
{
	struct ds_response *response = &a->responses[a->count];
	enum ds_reason reason;

	request->auth = check_trailer(s, d, request, a);
	reason = ds_server_answer(&s->server, request, state, response);
	ds_count(s->counters, reason);
	if (s->clients != NULL)
		ds_clients_note(s->clients, who, outcome_of(reason, response), request->rx.raw_ns);
	if (reason != DS_R_OK)
		return;
	s->rx_by[request->rx.source & 3]++;
	s->authenticated += a->mac_lengths[a->count] != 0;
	a->any_built |= a->mac_lengths[a->count] != 0 || a->forms[a->count] != DS_PTP_NONE;
	if (a->mac_lengths[a->count] != 0) {
		a->any_mac = true;
		a->mac_cost_ns += ds_keys_cost_ns(s->keys, a->keys[a->count]);
	}
	if (response->fallback != DS_R_OK)
		ds_count(s->counters, response->fallback);
	if (response->saving != DS_R_OK)
		ds_count(s->counters, response->saving);
	s->interleaved += response->interleaved;
	a->randoms[a->count] = request->random >> 16;
	a->rx_served_ns[a->count] = request->rx.clock_ns;
	a->departures[a->count] = find_departure(s, d->interface, d->remote.family, false);
	a->out[a->count] = (struct ds_outgoing){
		.data = response->bytes,
		.length = sizeof response->bytes,
		.remote = &d->remote,
		.local = d->local.family != 0 ? &d->local : NULL,
		.interface = d->interface,
	};
	a->count++;
}

/* Remember an answer whose drivestamp is asked for. */
static void expect_stamp(struct ds_serve *s, struct answers *a, int i,
			 const struct ds_reading *read, bool learns)
{
	int interface = s->departures[a->departures[i]].interface;
	bool card = s->cards != NULL && ds_cards_ask(s->cards, interface, DS_CARDS_SERVED);
	uint32_t token = s->next_token++ % DS_SERVE_TOKENS;
	struct ds_sent *sent = &s->sent[token % DS_SERVE_SENT];

	/* What waited here has missed its stamp; os/stamping counted it. */
	*sent = (struct ds_sent){
		.token = token,
		.slot = a->responses[i].wants_drivestamp ? a->responses[i].slot : DS_SLOT_NONE,
		.rx_served_ns = a->rx_served_ns[i],
		.read_raw_ns = read->raw_ns,
		.held = {read->clock_ns, read->raw_ns, DS_STAMP_DAEMON, 0},
		.interface = interface,
		.position = (uint8_t)i,
		.departure = a->departures[i],
		.learns = learns && (card || !ds_cards_sends(s->cards, interface)),
		.waiting = true,
		.card = card,
		.by_card = card,
	};
	a->out[i].stamp = true;
	a->out[i].card = card;
	a->out[i].token = token;
	s->stamps_asked++;
}

/* Which answer of a batch is to be learnt from, if it is time to: by turns the first and the
 * last, since what comes behind others in a batch leaves later. -1: none. */
static int choose_to_learn(struct ds_serve *s, const struct answers *a, int64_t raw_ns)
{
	int i = s->next_token % 2 == 0 ? 0 : a->count - 1;

	return ds_departure_wants(&s->departures[a->departures[i]].learnt, raw_ns) ? i : -1;
}

/* Put around an answer that is complete what its request had around it: the PTP message, the
 * correction, the MAC. False where it could not be signed. */
static bool build_answer(struct ds_serve *s, struct answers *a, int i)
{
	enum ds_ptp_form form = (enum ds_ptp_form)a->forms[i];
	size_t prefix = ds_ptp_prefix(form);
	uint8_t *packet = a->built[i] + prefix;
	size_t length = DS_WIRE_HEADER_SIZE;

	memcpy(packet, a->responses[i].bytes, length);
	if (a->fields[i]) {
		ds_ptp_field_write(form, a->corrections_ns[i], packet + length);
		length += DS_PTP_FIELD_SIZE;
	}
	if (a->mac_lengths[i] != 0)
		length =
			ds_keys_sign_answer(s->keys, a->keys[i], packet, length, a->mac_lengths[i]);
	if (length == 0)
		return false;
	ds_ptp_wrap(form, s->conf->ptp_domain, s->ptp_sequence++, length, a->built[i]);
	a->out[i].data = a->built[i];
	a->out[i].length = prefix + length;
	return true;
}

/* Returns how many of the batch can be sent: up to the first that could not be signed. */
static int build_answers(struct ds_serve *s, struct answers *a)
{
	for (int i = 0; i < a->count; i++)
		if ((a->mac_lengths[i] != 0 || a->forms[i] != DS_PTP_NONE) &&
		    !build_answer(s, a, i))
			return i;
	return a->count;
}

static void send_answers(struct ds_serve *s, struct ds_socket *socket, struct answers *a)
{
	struct ds_reading now;
	int learn = -1;
	int ready = a->count;
	int sent;

	ds_clock_read(s->clock, &now);
	if (socket->stamping.transmit)
		learn = choose_to_learn(s, a, now.raw_ns);
	for (int i = 0; i < a->count; i++) {
		const struct ds_departure *d = &s->departures[a->departures[i]].learnt;

		ds_server_departs(&a->responses[i],
				  served_ns(s, now.clock_ns, now.raw_ns) + a->mac_cost_ns +
					  ds_departure_expected_ns(d, (uint32_t)i),
				  a->randoms[i]);
		if (i == learn || (socket->stamping.transmit && a->responses[i].wants_drivestamp))
			expect_stamp(s, a, i, &now, i == learn);
	}
	if (a->any_built)
		ready = build_answers(s, a);
	if (a->any_mac) {
		/* What is learnt is the way from here on. */
		ds_clock_read(s->clock, &now);
		if (learn >= 0)
			s->sent[a->out[learn].token % DS_SERVE_SENT].read_raw_ns = now.raw_ns;
	}
	sent = ds_socket_send(socket, s->batch, a->out, ready);
	s->answered += (uint64_t)sent;
	for (int i = sent; i < a->count; i++) {
		ds_count(s->counters, DS_R_SEND_FAILED);
		if (a->out[i].stamp)
			s->sent[a->out[i].token % DS_SERVE_SENT].waiting =
				s->sent[a->out[i].token % DS_SERVE_SENT].card = false;
	}
}

static void give_stamp(struct ds_serve *s, struct ds_datagram *d)
{
	if (d->token < DS_SERVE_TOKENS) {
		take_stamp(s, d);
		return;
	}
	d->token -= DS_SERVE_TOKENS;
	for (int i = s->other_count - 1; i >= 0; i--) {
		if (d->token < s->others[i].first_token)
			continue;
		s->others[i].stamp(s->others[i].context, d);
		return;
	}
}

/* Take the NTP message out of what came by `ptpport`. False: there is none, and that is counted. */
static bool unwrap(struct ds_serve *s, struct ds_datagram *d)
{
	struct ds_ptp_message message;
	enum ds_reason reason = ds_ptp_unwrap(d->data, d->length, s->conf->ptp_domain, &message);

	if (reason != DS_R_OK) {
		ds_count(s->counters, reason);
		return false;
	}
	d->data = message.ntp;
	d->length = message.length;
	d->ptp_form = (uint8_t)message.form;
	d->ptp_correction_ns = message.correction_ns;
	return true;
}

/* Requests of clients, nearly all there is, cost one comparison here. */
static bool is_others(struct ds_serve *s, const struct ds_datagram *d, const struct ds_reading *now)
{
	enum ds_mode mode;
	bool taken = false;

	if (d->length == 0 || (d->data[0] & 7) == DS_MODE_CLIENT)
		return false;
	mode = (enum ds_mode)(d->data[0] & 7);
	/* By PTP nothing is broadcast, and what we asked by it is answered by it. */
	if (mode != DS_MODE_ACTIVE && mode != DS_MODE_PASSIVE &&
	    mode != (d->ptp_form != DS_PTP_NONE ? DS_MODE_SERVER : DS_MODE_BROADCAST))
		return false;
	for (int i = 0; i < s->other_count && !taken; i++)
		taken = s->others[i].packet(s->others[i].context, d, now);
	return taken;
}

/* Stamps go to their answers, and requests are made ready, before any is answered: the memory
 * that answers look at is on its way meanwhile. Returns how many requests there are; which[i] is
 * the datagram of the i-th. */
static int sort_out(struct ds_serve *s, struct ds_datagram *datagrams, int n, bool ptp,
		    const struct ds_reading *now, struct ds_request requests[DS_BATCH],
		    struct ds_clients_who who[DS_BATCH], uint8_t which[DS_BATCH])
{
	int count = 0;

	for (int i = 0; i < n; i++) {
		if (datagrams[i].truncated) {
			ds_count(s->counters, DS_R_PACKET_LONG);
		} else if (datagrams[i].is_stamp) {
			give_stamp(s, &datagrams[i]);
		} else if ((ptp && !unwrap(s, &datagrams[i])) || is_others(s, &datagrams[i], now)) {
			continue;
		} else if (take_request(s, &datagrams[i], now, &requests[count], &who[count])) {
			ds_server_prefetch(&s->server, &requests[count]);
			which[count++] = (uint8_t)i;
		}
	}
	return count;
}

static int receive(struct ds_serve *s, struct ds_socket *socket, bool error_queue)
{
	static struct answers answers; /* 25 KiB; the loop is one thread */
	struct ds_datagram datagrams[DS_BATCH];
	struct ds_request requests[DS_BATCH];
	struct ds_clients_who who[DS_BATCH];
	uint8_t which[DS_BATCH];
	struct ds_server_state state;
	struct ds_reading now;
	int count;
	int n;

	n = ds_socket_receive(socket, s->batch, error_queue, datagrams);
	if (n <= 0)
		return n;
	ds_clock_read(s->clock, &now);
	count = sort_out(s, datagrams, n, socket >= &s->sockets[DS_SERVE_PTP], &now, requests, who,
			 which);
	if (count == 0)
		return n;
	ds_timekeeper_server_state(s->timekeeper, &now, &state);
	answers.count = 0;
	answers.any_mac = answers.any_built = false;
	answers.mac_cost_ns = 0;
	for (int i = 0; i < count; i++)
		answer(s, &datagrams[which[i]], &requests[i], &who[i], &state, &answers);
	if (answers.count > 0)
		send_answers(s, socket, &answers);
	return n;
}

void ds_serve_handle(struct ds_serve *s, uint32_t who, short revents)
{
	struct ds_socket *socket = &s->sockets[who];
	int stamps = 0;

	/* Stamps first: the requests behind them ask for what they say. */
	if (revents & (POLLPRI | POLLERR))
		stamps = receive(s, socket, true);
	if ((revents & POLLIN) || ((revents & POLLERR) && stamps <= 0))
		receive(s, socket, false);
}

void ds_serve_join(struct ds_serve *s, const struct ds_serve_other *other)
{
	if (s->other_count < DS_SERVE_OTHERS)
		s->others[s->other_count++] = *other;
}

static struct ds_socket *socket_of(struct ds_serve *s, sa_family_t family, enum ds_ptp_form form)
{
	return &s->sockets[(form != DS_PTP_NONE ? DS_SERVE_PTP : 0) + (family == AF_INET6)];
}

const struct ds_socket *ds_serve_socket(const struct ds_serve *s, sa_family_t family,
					enum ds_ptp_form form)
{
	return &s->sockets[(form != DS_PTP_NONE ? DS_SERVE_PTP : 0) + (family == AF_INET6)];
}

bool ds_serve_send(struct ds_serve *s, const struct ds_outgoing *out, enum ds_ptp_form form)
{
	struct ds_socket *socket = socket_of(s, out->remote->family, form);
	uint8_t wrapped[BUILT_MOST];
	struct ds_outgoing one = *out;
	size_t prefix = ds_ptp_prefix(form);

	if (out->length > sizeof wrapped - prefix) {
		errno = EMSGSIZE;
		ds_count(s->counters, DS_R_SEND_FAILED);
		return false;
	}
	if (prefix != 0) {
		ds_ptp_wrap(form, s->conf->ptp_domain, s->ptp_sequence++, out->length, wrapped);
		memcpy(wrapped + prefix, out->data, out->length);
		one.data = wrapped;
		one.length += prefix;
	}
	one.token += DS_SERVE_TOKENS;
	one.stamp = out->stamp && socket->stamping.transmit;
	if (socket->fd < 0)
		errno = EAFNOSUPPORT;
	else if (ds_socket_send(socket, s->batch, &one, 1) == 1)
		return true;
	ds_count(s->counters, DS_R_SEND_FAILED);
	return false;
}

struct ds_departure *ds_serve_departure(struct ds_serve *s, int interface, sa_family_t family)
{
	return &s->departures[find_departure(s, interface, family, true)].learnt;
}

void ds_serve_clock_stepped(struct ds_serve *s)
{
	ds_server_forget(&s->server);
	for (int i = 0; i < DS_SERVE_SENT; i++)
		s->sent[i].waiting = s->sent[i].card = false;
}
