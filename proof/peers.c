/*
 * peers: two peers, or a peer and a server, a network that forgets nothing, and somebody hostile.
 * It must never look into the machines: it gives them packets, stamps and time.
 *
 * The network: every packet ever sent may arrive at any time, any number of times, in any order,
 * or never. So may the report of every drivestamp. Time: each packet of either side begins a
 * period of one second, in whose second half packets arrive. So polls may be of any ratio. The
 * last four digits of a stamp say what it is and of which packet. The raw scales of the two sides
 * differ, and so do their clocks.
 */
#include "proof/peers.h"

#include <stdio.h>
#include <string.h>

#include "proof/peers_worlds.h"
#include "proof/worlds.h"

#define START INT64_C(1795420800000000000)
#define S     INT64_C(1000000000)
#define MS    INT64_C(1000000)
#define US    INT64_C(1000)
#define BACK  (-40 * S) /* by which a clock steps */
#define JUNK  UINT64_C(0x1122334455667789)
#define MAC   20

_Static_assert(sizeof(struct pe_state) % 8 == 0, "states are hashed by words");

const struct pe_bounds *pe_bounds;
static struct ds_server server;
static struct ds_slot server_slots[PE_SLOTS];

/* What was met, over all steps of an exploration. */
static struct {
	uint64_t kinds[DS_EXCHANGE_SET2 + 1];
	uint64_t interleaved;
	bool reasons[DS_REASON_COUNT];
} met;

static const struct ds_server_state system_state = {.stratum = 1,
						    .precision_log2 = -25,
						    .ref_id = 0x47505300,
						    .root_dispersion_ns = 1000000,
						    .reference_ns = START - 16 * S};

/* ---- the shipped server, in and out of a state ---- */

static void load(const struct pe_state *s)
{
	if (!pe_bounds->server)
		return;
	memcpy(server_slots, s->slots, sizeof(server_slots));
	memcpy(server.interleave.by_prefix, s->by_class, sizeof(s->by_class));
	server.interleave.live = (uint32_t)s->live;
}

static void store(struct pe_state *s)
{
	if (!pe_bounds->server)
		return;
	memcpy(s->slots, server_slots, sizeof(server_slots));
	memcpy(s->by_class, server.interleave.by_prefix, sizeof(s->by_class));
	s->live = server.interleave.live;
}

/* ---- stamps ---- */

static int64_t digits(unsigned int kind, unsigned int number)
{
	return (int64_t)kind * 1000 + (int64_t)number * 10;
}

unsigned int pe_kind_of(int64_t ns)
{
	return (unsigned int)(ns % 10000 / 1000);
}

unsigned int pe_number_of(int64_t ns)
{
	return (unsigned int)(ns % 1000 / 10);
}

unsigned int pe_kind_of_field(ds_ntp64 field)
{
	return pe_kind_of(ds_ns_from_ntp64(field, START));
}

unsigned int pe_number_of_field(ds_ntp64 field)
{
	return pe_number_of(ds_ns_from_ntp64(field, START));
}

static int64_t clock_of(const struct pe_side *side, bool is_b, int64_t true_ns)
{
	return true_ns + (is_b ? 50 * MS : 0) + side->steps * BACK;
}

static int64_t raw_of(bool is_b, int64_t true_ns)
{
	return true_ns - START + (is_b ? 7 * S : 0);
}

static struct ds_tx_stamp tx_stamp(const struct pe_state *s, unsigned int side, int64_t true_ns,
				   enum ds_stamp_source source)
{
	return (struct ds_tx_stamp){.clock_ns = clock_of(&s->side[side], side == PE_B, true_ns),
				    .raw_ns = raw_of(side == PE_B, true_ns),
				    .source = source};
}

static int64_t arrival_ns(unsigned int period, unsigned int number)
{
	if (number == 0)
		return START + period * S + 400 * MS + digits(PE_IS_FORGED, 0);
	return START + period * S + 500 * MS + number * MS + digits(PE_IS_ARRIVAL, number);
}

static struct ds_rx_stamp rx_stamp(const struct pe_state *s, unsigned int side, int64_t true_ns)
{
	return (struct ds_rx_stamp){.clock_ns = clock_of(&s->side[side], side == PE_B, true_ns),
				    .raw_ns = raw_of(side == PE_B, true_ns),
				    .source = DS_STAMP_KERNEL};
}

static int64_t left_ns(unsigned int number, unsigned int manner)
{
	int64_t sent_ns = START + number * S;

	switch (manner) {
	case PE_TARDY:
		return sent_ns + 900 * MS + digits(PE_IS_TARDY, number);
	case PE_EARLY:
		return sent_ns - 50 * US + digits(PE_IS_DRIVE, number);
	case PE_LATE:
		return sent_ns + 2 * S + digits(PE_IS_DRIVE, number);
	default:
		return sent_ns + 20 * US + digits(PE_IS_DRIVE, number);
	}
}

/* Of the server's answer: its stamps are counted from the arrival of the request. */
static int64_t answer_left_ns(const struct pe_packet *p, unsigned int number, unsigned int manner)
{
	int64_t came_ns = arrival_ns(p->at, p->heard);

	switch (manner) {
	case PE_TARDY:
		return came_ns - came_ns % 10000 + 900 * MS + digits(PE_IS_TARDY, number);
	case PE_EARLY:
		return came_ns - 50 * US;
	case PE_LATE:
		return came_ns + 2 * S;
	default:
		return left_ns(number, manner);
	}
}

/* ---- packets out ---- */

unsigned int pe_named(const struct pe_state *s, unsigned int side, ds_ntp64 origin,
		      unsigned int within, bool *interleaved)
{
	*interleaved = false;
	for (unsigned int i = s->packets; i >= 1 && within > 0; i--) {
		const struct pe_packet *p = &s->packet[i - 1];

		if (p->from != side || p->gone)
			continue;
		within--;
		*interleaved = p->receive != 0 && origin == p->receive;
		if (*interleaved || origin == p->transmit)
			return i;
	}
	return 0;
}

static void send_with(const struct pe_state *s, struct ds_peer *peer, unsigned int side,
		      unsigned int number, struct ds_packet *packet, uint8_t *bytes)
{
	int64_t now_ns = START + number * S + digits(PE_IS_T1, number);
	struct ds_peer_sending sending = {.now = tx_stamp(s, side, now_ns, DS_STAMP_DAEMON),
					  .departs_ns = 10 * US + digits(PE_IS_GUESS, 0) -
							digits(PE_IS_T1, 0),
					  .tx_id = number,
					  .poll_log2 = 6};
	struct ds_frame frame = {0};

	ds_peer_send(peer, &sending, &system_state, bytes);
	(void)ds_wire_read(bytes, DS_WIRE_HEADER_SIZE, &frame);
	*packet = frame.packet;
}

static struct pe_packet *note_packet(struct pe_state *s, unsigned int side,
				     const struct ds_packet *packet)
{
	struct pe_packet *p = &s->packet[s->packets++];

	s->sends[side]++;
	p->origin = packet->origin;
	p->receive = packet->receive;
	p->transmit = packet->transmit;
	p->from = (uint8_t)side;
	p->names = (uint8_t)pe_named(s, 1 - side, p->origin, PE_PACKETS, &p->interleaved);
	return p;
}

static void sends(struct pe_state *s, struct pe_step *step)
{
	unsigned int side = step->event.a;
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct pe_packet *p;

	send_with(s, &s->side[side].peer, side, s->packets + 1U, &step->packet, bytes);
	/* A stamp of an older packet has no more meaning for anybody. */
	for (unsigned int i = 0; i < s->packets; i++) {
		if (s->packet[i].from == side)
			s->packet[i].told = PE_UNTOLD;
	}
	p = note_packet(s, side, &step->packet);
	p->heard = s->side[side].heard;
	s->side[side].mistold = false;
}

void pe_next(const struct pe_state *state, unsigned int side, struct ds_packet *packet)
{
	struct ds_peer peer = state->side[side].peer;
	uint8_t bytes[DS_WIRE_HEADER_SIZE];

	send_with(state, &peer, side, PE_PACKETS + 1, packet, bytes);
}

/* ---- packets in ---- */

/* The rule of core/exchange/peer.h, from what was on the wire and not from the peer's memory. */
static void account(const struct pe_state *s, struct pe_step *step, const struct ds_frame *frame,
		    enum ds_auth auth, unsigned int *named, bool *interleaved)
{
	const struct pe_side *side = &s->side[step->to];
	const struct ds_packet *p = &frame->packet;
	bool mode = p->mode == DS_MODE_ACTIVE ||
		    (p->mode == DS_MODE_PASSIVE && !(pe_bounds->passive && step->to == PE_B));
	bool authentic = pe_bounds->keyed ? auth == DS_AUTH_GOOD && frame->mac_length == MAC
					  : auth != DS_AUTH_BAD && frame->mac_length == 0;
	bool newer;
	bool own;

	*named = pe_named(s, step->to, p->origin, DS_PEER_RECENT, interleaved);
	newer = side->heard == 0 || *named > side->named ||
		(*named == side->named && (int64_t)(p->transmit - side->heard_transmit) > 0);
	if (!mode || !authentic || p->transmit == 0 ||
	    pe_named(s, step->to, p->transmit, DS_PEER_RECENT, &own) != 0)
		return;
	step->restarts = *named == 0;
	step->acceptable = *named != 0 && p->receive != 0 && newer;
}

static void note_valid(struct pe_state *s, const struct pe_step *step, unsigned int named)
{
	struct pe_side *side = &s->side[step->to];
	unsigned int latest = 0;

	for (unsigned int i = 1; i <= s->packets; i++) {
		if (s->packet[i - 1].from == step->to && !s->packet[i - 1].gone)
			latest = i;
	}
	side->heard = (uint8_t)step->number;
	if (step->number == 0) {
		side->heard = (uint8_t)(PE_FORGED + s->forgeries++);
		side->touched = true;
	} else {
		side->valid |= (uint16_t)(1U << step->number);
	}
	if (step->outcome.has_exchange)
		side->used |= (uint16_t)(1U << named);
	side->heard_transmit = step->packet.transmit;
	side->heard_receive = step->packet.receive;
	side->named = (uint8_t)named;
	side->heard_at = s->packets;
	side->asked = step->outcome.interleaved;
	side->restart = 0;
	/* No answer comes before its packet has left. */
	side->mistold = named == latest && s->packet[latest - 1].told == PE_TARDY &&
			left_ns(latest, PE_TARDY) > arrival_ns(s->packets, step->number);
}

static void to_peer(struct pe_state *s, struct pe_step *step, const uint8_t *bytes, size_t length,
		    enum ds_auth auth)
{
	struct ds_rx_stamp t4;
	struct ds_frame frame;
	unsigned int named = 0;
	unsigned int period = s->packets;
	bool interleaved;

	step->to_peer = true;
	if (ds_wire_read(bytes, length, &frame) == DS_R_OK) {
		step->packet = frame.packet;
		account(s, step, &frame, auth, &named, &interleaved);
	}
	/* When a forgery came that is but a restart pair matters to nobody. */
	if (step->number == 0 && step->restarts)
		period = 0;
	t4 = rx_stamp(s, step->to, arrival_ns(period, step->number));
	step->reason = ds_peer_receive(&s->side[step->to].peer, bytes, length, &t4, auth, 0,
				       &step->outcome);
	if (step->outcome.restart)
		s->side[step->to].restart = step->packet.transmit;
	if (step->outcome.valid)
		note_valid(s, step, named);
}

/* The bytes of a packet under way. */
static size_t write_packet(const struct pe_packet *p, uint8_t *bytes)
{
	struct ds_packet packet = {.version = 4,
				   .mode = DS_MODE_ACTIVE,
				   .stratum = 1,
				   .poll_log2 = 6,
				   .precision_log2 = -25,
				   .origin = p->origin,
				   .receive = p->receive,
				   .transmit = p->transmit};

	if (p->from == PE_B && (pe_bounds->passive || pe_bounds->server))
		packet.mode = DS_MODE_PASSIVE;
	memset(bytes, 1, DS_WIRE_HEADER_SIZE + MAC);
	ds_wire_write(&packet, bytes);
	return DS_WIRE_HEADER_SIZE + (pe_bounds->keyed ? MAC : 0);
}

static void deliver(struct pe_state *s, struct pe_step *step, unsigned int to)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC];
	size_t length = write_packet(&s->packet[step->event.a - 1], bytes);

	step->to = to;
	step->number = step->event.a;
	to_peer(s, step, bytes, length, pe_bounds->keyed ? DS_AUTH_GOOD : DS_AUTH_ABSENT);
}

/* ---- the server ---- */

static void ask_server(struct pe_step *step, const uint8_t *bytes, size_t length, int64_t true_ns,
		       uint16_t port)
{
	struct ds_request request = {
		.data = bytes,
		.length = length,
		.rx = {.clock_ns = true_ns + 50 * MS, .raw_ns = true_ns, .source = DS_STAMP_KERNEL},
		.prefix = PE_PREFIX,
		.port = port,
		.auth = length != DS_WIRE_HEADER_SIZE ? DS_AUTH_GOOD : DS_AUTH_ABSENT};
	struct ds_frame frame;

	step->to_server = true;
	if (ds_wire_read(bytes, length, &frame) == DS_R_OK)
		step->asked = frame.packet;
	step->reason = ds_server_answer(&server, &request, &system_state, &step->response);
	step->replied = step->reason == DS_R_OK;
}

static void departs(struct pe_step *step, unsigned int number)
{
	struct ds_frame frame;

	ds_server_departs(&step->response,
			  START + number * S + 50 * MS + digits(PE_IS_GUESS, number), 0);
	if (ds_wire_read(step->response.bytes, DS_WIRE_HEADER_SIZE, &frame) == DS_R_OK)
		step->reply = frame.packet;
}

/* A's packet reaches the server, which answers at once. */
static void serve(struct pe_state *s, struct pe_step *step)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC];
	size_t length = write_packet(&s->packet[step->event.a - 1], bytes);
	struct pe_packet *answer;
	uint8_t at = s->packets;

	ask_server(step, bytes, length, arrival_ns(at, step->event.a), DS_WIRE_PORT);
	if (!step->replied)
		return;
	departs(step, s->packets + 1U);
	answer = note_packet(s, PE_B, &step->reply);
	answer->heard = step->event.a;
	answer->at = at;
	answer->slot = step->response.slot;
	for (unsigned int i = 0; step->response.interleaved && i + 1 < s->packets; i++) {
		if (s->packet[i].from == PE_B && s->packet[i].receive == step->asked.origin)
			s->packet[i].spent = true;
	}
}

bool pe_server_answers(const struct ds_packet *packet, uint16_t port)
{
	struct pe_step step = {.event = {.kind = PE_REFLECT}};
	uint8_t bytes[DS_WIRE_HEADER_SIZE];

	ds_wire_write(packet, bytes);
	ask_server(&step, bytes, sizeof(bytes), START, port);
	return step.replied;
}

/* ---- stamps, restarts, steps ---- */

static void stamp(struct pe_state *s, struct pe_step *step)
{
	unsigned int number = step->event.a;
	unsigned int manner = step->event.b;
	struct pe_packet *p = &s->packet[number - 1];
	struct pe_side *side = &s->side[p->from];
	struct ds_tx_stamp tx =
		tx_stamp(s, p->from, left_ns(number, manner),
			 manner == PE_BY_DAEMON ? DS_STAMP_DAEMON : DS_STAMP_KERNEL);
	bool latest = true;

	for (unsigned int i = number + 1; i <= s->packets; i++)
		latest = latest && s->packet[i - 1].from != p->from;
	step->usable =
		(manner == PE_PROMPT || manner == PE_TARDY) && p->told == PE_UNTOLD && !p->gone;
	if (pe_bounds->server && p->from == PE_B) {
		int64_t rx_ns = arrival_ns(p->at, p->heard);

		tx.raw_ns = answer_left_ns(p, number, manner);
		step->usable = step->usable && !p->spent && p->slot != DS_SLOT_NONE;
		step->reason = ds_server_drivestamp(&server, p->slot, rx_ns, &tx);
	} else {
		bool after = side->named == number && side->heard != 0 &&
			     left_ns(number, manner) >
				     arrival_ns(side->heard_at,
						side->heard < PE_FORGED ? side->heard : 0);

		step->usable = step->usable && latest && !after;
		step->reason = ds_peer_tx_stamp(&side->peer, number, &tx);
	}
	if (step->reason == DS_R_OK)
		p->told = (uint8_t)manner;
}

static void forget(struct pe_state *s, unsigned int side, bool restart)
{
	struct pe_side *at = &s->side[side];

	s->incidents++;
	if (restart)
		ds_peer_init(&at->peer, 4, pe_bounds->xleave[side], pe_bounds->keyed,
			     side == PE_B && pe_bounds->passive);
	else
		ds_peer_forget(&at->peer);
	for (unsigned int i = 0; i < s->packets; i++)
		s->packet[i].gone |= s->packet[i].from == side;
	at->heard_transmit = at->heard_receive = at->restart = 0;
	at->heard = at->named = at->heard_at = 0;
	at->asked = at->mistold = at->touched = false;
}

/* ---- forgeries ---- */

enum shape {
	PLAIN,
	MODE_2,
	MODE_3,
	MODE_4,
	MODE_5,
	MODE_0,
	DENY,
	RATE,
	OTHER_KEY,
	VERDICT,
	NAK,
	NAK_GOOD,
	ZERO_RECEIVE,
	ZERO_TRANSMIT,
	UNSYNCHRONISED,
	SHORT,
	FUTURE, /* last: only where it names something */
	SHAPES
};
static const char *const shape_words[SHAPES] = {"mode 1",
						"mode 2",
						"mode 3",
						"mode 4",
						"mode 5",
						"mode 0",
						"kiss code DENY",
						"kiss code RATE",
						"with a MAC of another key",
						"bad verdict, no MAC",
						"crypto-NAK",
						"crypto-NAK with a good verdict",
						"receive field 0",
						"transmit field 0",
						"unsynchronised",
						"47 bytes",
						"from 30 years hence"};

const char *pe_shape_word(unsigned int shape)
{
	return shape < SHAPES ? shape_words[shape] : "?";
}

#define FORGED_TRANSMIT (ds_ntp64_from_ns(START + digits(PE_IS_FORGED, 0) + 500 * S, 0))

/* What an attacker puts into the origin field, from what he has. */
ds_ntp64 pe_forged_origin(const struct pe_state *s, unsigned int choice)
{
	switch (choice) {
	case 0:
		return 0;
	case 1:
		return JUNK;
	case 2: /* what he planted himself */
		return FORGED_TRANSMIT;
	default: /* on path: every field that was on the wire */
		choice -= 3;
		return choice % 2 == 0 ? s->packet[choice / 2].transmit
				       : s->packet[choice / 2].receive;
	}
}

static struct ds_packet forged_packet(enum shape shape, ds_ntp64 origin)
{
	static const uint8_t modes[] = {1, 2, 3, 4, 5, 0};
	struct ds_packet p = {.version = 4,
			      .mode = shape <= MODE_0 ? modes[shape] : DS_MODE_ACTIVE,
			      .stratum = shape == DENY || shape == RATE ? 0 : 1,
			      .poll_log2 = 17,
			      .origin = origin,
			      .receive = FORGED_TRANSMIT - 1,
			      .transmit = FORGED_TRANSMIT};

	if (shape == DENY)
		p.ref_id = 0x44454e59;
	if (shape == RATE)
		p.ref_id = 0x52415445;
	if (shape == ZERO_RECEIVE)
		p.receive = 0;
	if (shape == ZERO_TRANSMIT)
		p.transmit = 0;
	if (shape == FUTURE)
		p.transmit += UINT64_C(1000000000) << 32;
	if (shape == UNSYNCHRONISED) {
		p.leap = 3;
		p.stratum = 0;
	}
	return p;
}

static void forge(struct pe_state *s, struct pe_step *step)
{
	enum shape shape = step->event.b;
	struct ds_packet p = forged_packet(shape, pe_forged_origin(s, step->event.a));
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC];
	size_t length = DS_WIRE_HEADER_SIZE;
	enum ds_auth auth = DS_AUTH_ABSENT;

	memset(bytes, 1, sizeof(bytes));
	ds_wire_write(&p, bytes);
	if (shape == OTHER_KEY)
		length += MAC;
	if (shape == NAK || shape == NAK_GOOD)
		length += 4;
	if (shape == SHORT)
		length--;
	if (shape == VERDICT || shape == NAK || shape == OTHER_KEY)
		auth = DS_AUTH_BAD;
	if (shape == NAK_GOOD)
		auth = DS_AUTH_GOOD;
	step->to = step->event.c;
	if (pe_bounds->server && step->to == PE_B) {
		ask_server(step, bytes, length, arrival_ns(s->packets, 0), DS_WIRE_PORT);
		departs(step, s->packets + 1U);
		return;
	}
	to_peer(s, step, bytes, length, auth);
}

static void happen(struct pe_state *s, struct pe_step *step)
{
	struct proof_event e = step->event;
	unsigned int from = e.a != 0 && e.a <= PE_PACKETS ? s->packet[e.a - 1].from : 0;

	switch (e.kind) {
	case PE_SENDS:
		sends(s, step);
		break;
	case PE_DELIVER:
	case PE_REFLECT:
		if (e.kind == PE_REFLECT)
			from = 1 - from;
		if (!pe_bounds->server || from == PE_B)
			deliver(s, step, 1 - from);
		else if (e.kind == PE_DELIVER)
			serve(s, step);
		break;
	case PE_STAMP:
		stamp(s, step);
		break;
	case PE_RESTARTS:
	case PE_FORGETS:
		forget(s, e.a, e.kind == PE_RESTARTS);
		break;
	case PE_STEPS:
		s->incidents++;
		s->side[e.a].steps++;
		break;
	case PE_FORGE:
		forge(s, step);
		break;
	default:
		break;
	}
}

static void note(const struct pe_step *step)
{
	met.reasons[step->reason] = true;
	met.interleaved += step->event.kind == PE_SENDS &&
			   step->after->packet[step->after->packets - 1].interleaved;
	if (step->outcome.has_exchange)
		met.kinds[step->outcome.exchange.kind]++;
}

static void pe_met(char *text, size_t size)
{
	unsigned int reasons = 0;

	for (unsigned int i = 0; i < DS_REASON_COUNT; i++)
		reasons += met.reasons[i];
	(void)snprintf(text, size, "%llu\t%llu\t%llu\t%llu\t%u",
		       (unsigned long long)met.kinds[DS_EXCHANGE_BASIC],
		       (unsigned long long)met.kinds[DS_EXCHANGE_SET1],
		       (unsigned long long)met.kinds[DS_EXCHANGE_SET2],
		       (unsigned long long)met.interleaved, reasons);
	memset(&met, 0, sizeof(met));
}

/* The bytes between members, which no code reads, are whatever the compiler leaves there. */
#define CLEAR(p, type, last, next)                                                                 \
	memset((uint8_t *)(p) + offsetof(type, last) + sizeof((p)->last), 0,                       \
	       (next) - (offsetof(type, last) + sizeof((p)->last)))

static void clear_gaps(struct ds_peer *p)
{
	struct ds_interleave *il = &p->interleave;

	CLEAR(&p->t1, struct ds_tx_stamp, source, sizeof(p->t1));
	CLEAR(&il->t1, struct ds_tx_stamp, source, sizeof(il->t1));
	CLEAR(&il->t4, struct ds_rx_stamp, source, sizeof(il->t4));
	CLEAR(il, struct ds_interleave, sent, offsetof(struct ds_interleave, cookie_rx));
	CLEAR(p, struct ds_peer, anew, offsetof(struct ds_peer, restart_transmit));
	CLEAR(p, struct ds_peer, passive, offsetof(struct ds_peer, interleave));
}

/* Do two associations differ, and in more than the restart pair? */
static void compare(const struct ds_peer *a, const struct ds_peer *b, bool *changed, bool *measured)
{
	struct ds_peer c = *b;

	/* Bytes on purpose: their gaps are clear. NOLINTNEXTLINE(*-memory-comparison,cert-*) */
	*changed = memcmp(a, b, sizeof(*a)) != 0;
	c.restart_transmit = a->restart_transmit;
	c.restart_raw_ns = a->restart_raw_ns;
	clear_gaps(&c);
	/* NOLINTNEXTLINE(*-memory-comparison,cert-*) */
	*measured = memcmp(a, &c, sizeof(*a)) != 0;
}

static const char *pe_step_(void *state, struct proof_event event)
{
	struct pe_state *after = state;
	struct pe_state before = *after;
	struct pe_step step = {.event = event, .before = &before, .after = after};

	load(after);
	happen(after, &step);
	store(after);
	for (unsigned int i = 0; i < 2; i++) {
		clear_gaps(&after->side[i].peer);
		compare(&before.side[i].peer, &after->side[i].peer, &step.changed[i],
			&step.measured[i]);
	}
	step.server_changed = memcmp(before.slots, after->slots, sizeof(before.slots)) != 0 ||
			      before.live != after->live;
	note(&step);
	return pe_broken(&step);
}

void pe_happen(struct pe_state *s, struct proof_event event)
{
	struct pe_step step = {.event = event, .before = s, .after = s};

	load(s);
	happen(s, &step);
	store(s);
}

static const char *pe_look(const void *state)
{
	load(state);
	return pe_broken_at(state);
}

/* ---- events ---- */

#define ADD(kind, a, b, c)                                                                         \
	(out[n++] = (struct proof_event){(uint8_t)(kind), (uint8_t)(a), (uint8_t)(b), (uint8_t)(c)})

static unsigned int stamp_events(const struct pe_state *s, struct proof_event *out)
{
	unsigned int n = 0;

	for (unsigned int i = 1; i <= s->packets; i++) {
		const struct pe_packet *p = &s->packet[i - 1];

		if (pe_bounds->server && p->from == PE_B && p->slot == DS_SLOT_NONE)
			continue;
		ADD(PE_STAMP, i, PE_PROMPT, 0);
		for (unsigned int b = PE_TARDY; pe_bounds->stamps && b < PE_MANNERS; b++)
			ADD(PE_STAMP, i, b, 0);
	}
	return n;
}

static unsigned int forgeries(const struct pe_state *s, struct proof_event *out)
{
	unsigned int origins = pe_bounds->on_path ? 3 + 2 * (unsigned int)s->packets : 3;
	unsigned int n = 0;

	for (unsigned int a = 0; a < origins; a++) {
		for (unsigned int b = 0; b < (a < 3 ? FUTURE : SHAPES); b++) {
			ADD(PE_FORGE, a, b, PE_A);
			ADD(PE_FORGE, a, b, PE_B);
		}
	}
	return n;
}

static unsigned int pe_events(const void *state, struct proof_event *out)
{
	const struct pe_state *s = state;
	unsigned int n = 0;

	for (unsigned int i = 0; i < 2; i++) {
		if (s->sends[i] < pe_bounds->sends[i] && !(i == PE_B && pe_bounds->server))
			ADD(PE_SENDS, i, 0, 0);
	}
	for (unsigned int i = 1; i <= s->packets; i++) {
		if (!pe_bounds->server || s->packet[i - 1].from == PE_B ||
		    s->sends[PE_B] < pe_bounds->sends[PE_B])
			ADD(PE_DELIVER, i, 0, 0);
		if (pe_bounds->on_path)
			ADD(PE_REFLECT, i, 0, 0);
	}
	n += stamp_events(s, out + n);
	for (unsigned int i = 0; i < 2 && s->incidents < pe_bounds->incidents; i++) {
		if (i == PE_B && pe_bounds->server)
			continue;
		ADD(PE_RESTARTS, i, 0, 0);
		ADD(PE_FORGETS, i, 0, 0);
		ADD(PE_STEPS, i, 0, 0);
	}
	/* Where none may be valid, forging never ends. */
	if ((pe_bounds->off_path || pe_bounds->on_path) &&
	    (pe_bounds->forgeries == 0 || s->forgeries < pe_bounds->forgeries))
		n += forgeries(s, out + n);
	return n;
}

static void pe_initial(const struct proof_world *world, void *state)
{
	struct pe_state *s = state;

	pe_bounds = world->of;
	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < 2; i++)
		ds_peer_init(&s->side[i].peer, 4, pe_bounds->xleave[i], pe_bounds->keyed,
			     i == PE_B && pe_bounds->passive);
	ds_server_init(&server, server_slots, PE_SLOTS);
	store(s);
}

#define WORLD(symbol, title, people, limits, at_level, ...)                                        \
	const struct proof_world symbol = {.name = title,                                          \
					   .words = people,                                        \
					   .bound = limits,                                        \
					   .level = at_level,                                      \
					   .size = sizeof(struct pe_state),                        \
					   .initial = pe_initial,                                  \
					   .events = pe_events,                                    \
					   .step = pe_step_,                                       \
					   .look = pe_look,                                        \
					   .tell = pe_tell,                                        \
					   .met = pe_met,                                          \
					   .of = &(const struct pe_bounds){__VA_ARGS__}}

#define BOTH	 "two peers, both interleave; loss, duplicates, reordering, stamps late or missing"
#define STAMPS	 "; stamps doubled, wrong"
#define ON_PATH	 "; one on the path, who forges from all he sees, and reflects"
#define INCIDENT "; restart, change of address, step of either side"

WORLD(proof_pe_small, "peers-small", BOTH STAMPS, "2 packets each", PROOF_SMALL, .sends = {2, 2},
      .xleave = {true, true}, .stamps = true);
WORLD(proof_pe_small_polls, "peers-small-polls", BOTH, "A sends 4, B 1", PROOF_SMALL,
      .sends = {4, 1}, .xleave = {true, true});
WORLD(proof_pe_small_key, "peers-small-key",
      BOTH ON_PATH ", and holds another key; one basic side, the other passive", "2 packets each",
      PROOF_SMALL, .sends = {2, 2}, .xleave = {true, false}, .keyed = true, .passive = true,
      .on_path = true);
WORLD(proof_pe_small_on_path, "peers-small-on-path",
      "one that interleaves, a passive side" STAMPS ON_PATH,
      "1 packet each, 1 forgery that is believed", PROOF_SMALL, .sends = {1, 1},
      .xleave = {true, false}, .passive = true, .forgeries = 1, .stamps = true, .on_path = true);
WORLD(proof_pe_small_server, "peers-small-server", "a peer, and a server that answers it" STAMPS,
      "3 packets of A, 3 answers", PROOF_SMALL, .sends = {3, 3}, .xleave = {true, true},
      .server = true, .stamps = true);
WORLD(proof_pe_faults, "peers-faults", BOTH STAMPS, "3 packets of A, 2 of B", PROOF_DEFAULT,
      .sends = {3, 2}, .xleave = {true, true}, .stamps = true);
WORLD(proof_pe_incident, "peers-incident", BOTH INCIDENT, "2 packets each, 1 incident",
      PROOF_DEFAULT, .sends = {2, 2}, .incidents = 1, .xleave = {true, true});
WORLD(proof_pe_passive, "peers-passive",
      "one that interleaves, and a passive side that answers in kind", "3 packets of A, 2 of B",
      PROOF_SMALL, .sends = {3, 2}, .xleave = {true, false}, .passive = true);
WORLD(proof_pe_off_path, "peers-off-path", BOTH "; one who forges and sees nothing",
      "2 packets each", PROOF_DEFAULT, .sends = {2, 2}, .xleave = {true, true}, .off_path = true);
WORLD(proof_pe_on_path, "peers-on-path", BOTH ON_PATH,
      "2 packets of A, 1 of B, 1 forgery that is believed", PROOF_DEFAULT, .sends = {2, 1},
      .forgeries = 1, .xleave = {true, true}, .on_path = true);
WORLD(proof_pe_key, "peers-key", BOTH ON_PATH ", and holds another key", "3 packets of A, 2 of B",
      PROOF_DEFAULT, .sends = {3, 2}, .xleave = {true, true}, .keyed = true, .on_path = true);
WORLD(proof_pe_server, "peers-server", "a peer, and a server that answers it",
      "4 packets of A, 4 answers", PROOF_DEFAULT, .sends = {4, 4}, .xleave = {true, true},
      .server = true);
WORLD(proof_pe_deep, "peers-deep", BOTH, "3 packets each", PROOF_DEEP, .sends = {3, 3},
      .xleave = {true, true});
WORLD(proof_pe_deep_incident, "peers-deep-incident", BOTH INCIDENT,
      "3 packets of A, 2 of B, 1 incident", PROOF_DEEP, .sends = {3, 2}, .incidents = 1,
      .xleave = {true, true});

/* ---- liveness: going on from a state with a path that works ---- */

#define NEVER 255

struct going {
	struct pe_state s;
	struct pe_course *course;
	unsigned int number; /* of the next packet */
	unsigned int sent[2];
};

static void hears(struct going *g, unsigned int to, unsigned int number, const uint8_t *bytes,
		  size_t length, enum ds_auth auth)
{
	struct ds_rx_stamp t4 = rx_stamp(&g->s, to, arrival_ns(g->number, number));
	struct pe_course *c = g->course;
	struct ds_peer_outcome outcome;

	(void)ds_peer_receive(&g->s.side[to].peer, bytes, length, &t4, auth, 0, &outcome);
	if (outcome.valid && c->valid[to] == NEVER)
		c->valid[to] = g->sent[to];
	if (outcome.has_exchange && c->exchange[to] == NEVER)
		c->exchange[to] = g->sent[to];
	if (outcome.has_exchange && outcome.interleaved && c->interleaved[to] == NEVER)
		c->interleaved[to] = g->sent[to];
}

static void plant(struct going *g, unsigned int to)
{
	struct ds_packet p = forged_packet(PLAIN, JUNK);
	uint8_t bytes[DS_WIRE_HEADER_SIZE];

	ds_wire_write(&p, bytes);
	hears(g, to, 0, bytes, sizeof(bytes), DS_AUTH_ABSENT);
}

static void answered(struct going *g, const uint8_t *bytes, size_t length)
{
	struct pe_step quiet = {.event = {.kind = PE_DELIVER}};
	struct ds_tx_stamp tx;

	ask_server(&quiet, bytes, length, arrival_ns(g->number, g->number), DS_WIRE_PORT);
	if (!quiet.replied)
		return;
	departs(&quiet, ++g->number);
	tx = (struct ds_tx_stamp){0, left_ns(g->number, PE_PROMPT), DS_STAMP_KERNEL, 0};
	(void)ds_server_drivestamp(&server, quiet.response.slot, quiet.response.rx_raw_ns, &tx);
	hears(g, PE_A, g->number, quiet.response.bytes, DS_WIRE_HEADER_SIZE, DS_AUTH_ABSENT);
}

static void goes(struct going *g, unsigned int side, bool lost)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC];
	size_t length = DS_WIRE_HEADER_SIZE + (pe_bounds->keyed ? MAC : 0);
	struct ds_tx_stamp tx;
	struct ds_packet packet;

	memset(bytes, 1, sizeof(bytes));
	g->number++;
	g->sent[side] += !lost;
	send_with(&g->s, &g->s.side[side].peer, side, g->number, &packet, bytes);
	tx = tx_stamp(&g->s, side, left_ns(g->number, PE_PROMPT), DS_STAMP_KERNEL);
	(void)ds_peer_tx_stamp(&g->s.side[side].peer, g->number, &tx);
	if (lost)
		return;
	if (pe_bounds->server)
		answered(g, bytes, length);
	else
		hears(g, 1 - side, g->number, bytes, length,
		      pe_bounds->keyed ? DS_AUTH_GOOD : DS_AUTH_ABSENT);
}

void pe_go_on(const struct pe_state *state, const struct pe_plan *plan, struct pe_course *course)
{
	struct going g = {.s = *state, .course = course, .number = state->packets};

	memset(course, 0, sizeof(*course));
	for (unsigned int i = 0; i < 2; i++)
		course->valid[i] = course->exchange[i] = course->interleaved[i] = NEVER;
	load(&g.s);
	for (unsigned int i = 0; i < 2 * plan->lost; i++) {
		if (i % 2 == PE_A || !pe_bounds->server)
			goes(&g, i % 2, true);
	}
	for (unsigned int i = 0; i < 2 * plan->rounds; i++) {
		unsigned int side = i % 2 == 0 ? plan->first : 1 - plan->first;

		if (side == PE_B && pe_bounds->server)
			continue;
		for (unsigned int k = 0; plan->planted && k < 2; k++)
			plant(&g, k);
		goes(&g, side, false);
	}
}
