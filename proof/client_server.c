/*
 * client_server: a client, a server, a network that forgets nothing, and somebody hostile.
 * It must never look into the client or the server: it gives them packets, stamps and time.
 *
 * The network: every packet ever sent may arrive at any time, any number of times, in any order,
 * or never. So may the report of every drivestamp. Time: one second a poll; the server answers
 * in its first milliseconds, answers arrive in its last ones. The last three digits of a stamp
 * say what it is and of which exchange.
 */
#include "proof/client_server.h"

#include <stdio.h>
#include <string.h>

#include "proof/client_server_worlds.h"
#include "proof/worlds.h"

#define START	 INT64_C(1795420800000000000)
#define S	 INT64_C(1000000000)
#define MS	 INT64_C(1000000)
#define US	 INT64_C(1000)
#define BEHIND	 (-50 * MS) /* the client's clock minus the true one */
#define BACK	 (-40 * S)  /* by which the server's clock steps */
#define JUNK	 UINT64_C(0x1122334455667789)
#define MAC_SIZE 20 /* key identifier and digest; its bytes do not matter, the verdict does */

_Static_assert(sizeof(struct cs_state) % 8 == 0, "states are hashed by words");

const struct cs_bounds *cs_bounds;
static struct ds_server server;
static struct ds_slot server_slots[CS_SLOTS];
static uint64_t salt = 1;
static uint64_t public_digest;

/* What was met, over all steps of an exploration. */
static struct {
	uint64_t kinds[DS_EXCHANGE_SET2 + 1];
	uint64_t interleaved_answers;
	bool reasons[DS_REASON_COUNT];
} met;

static const struct ds_server_state system_state = {.stratum = 1,
						    .precision_log2 = -25,
						    .ref_id = 0x47505300,
						    .root_dispersion_ns = 1000000,
						    .reference_ns = START - 16 * S};

/* Everything that leaves a host goes through here, secrets masked by the caller. */
static void publish(uint64_t word)
{
	public_digest = (public_digest ^ word) * UINT64_C(0x100000001b3);
	public_digest ^= public_digest >> 29;
}

static void publish_packet(const struct ds_packet *p)
{
	publish((uint64_t)p->leap << 40 | (uint64_t)p->version << 32 | (uint64_t)p->mode << 24 |
		(uint64_t)p->stratum << 16 | (uint64_t)(uint8_t)p->poll_log2 << 8 |
		(uint8_t)p->precision_log2);
	publish((uint64_t)p->root_delay << 32 | p->root_dispersion);
	publish((uint64_t)p->ref_id << 32);
	publish(p->reference);
	publish(p->origin);
	publish(p->receive);
	publish(p->transmit);
}

/* ---- the shipped server, in and out of a state ---- */

static void load(const struct cs_state *s)
{
	memcpy(server_slots, s->slots, sizeof(server_slots));
	memcpy(server.interleave.by_prefix, s->by_class, sizeof(s->by_class));
	server.interleave.live = s->live;
}

static void store(struct cs_state *s)
{
	memcpy(s->slots, server_slots, sizeof(server_slots));
	memcpy(s->by_class, server.interleave.by_prefix, sizeof(s->by_class));
	s->live = server.interleave.live;
}

/* ---- stamps ---- */

static int64_t at_poll(const struct cs_state *s)
{
	return START + s->polls * S;
}

static ds_ntp64 cookie(unsigned int which, unsigned int request)
{
	uint64_t z = (which * 64 + request + salt * 4096) * UINT64_C(0x9e3779b97f4a7c15);

	return (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9) | 2;
}

static struct ds_tx_stamp t1_stamp(int64_t true_ns, enum ds_stamp_source source)
{
	return (struct ds_tx_stamp){
		.clock_ns = true_ns + BEHIND, .raw_ns = true_ns - START, .source = source};
}

static struct ds_tx_stamp t1_in_manner(unsigned int request, unsigned int manner)
{
	int64_t t1 = START + request * S;
	int64_t drive = t1 + 20 * US + CS_TAG_T1_DRIVE + request;

	switch (manner) {
	case CS_EARLY:
		return t1_stamp(t1 - 5 * US, DS_STAMP_KERNEL);
	case CS_LATE:
		return t1_stamp(drive + 2 * S, DS_STAMP_KERNEL);
	case CS_BEYOND: /* within a second, but after the answer came */
		return t1_stamp(drive + 990 * MS, DS_STAMP_KERNEL);
	case CS_NO_DRIVESTAMP:
		return t1_stamp(drive, DS_STAMP_DAEMON);
	case CS_WRONG_ID:
		return t1_stamp(drive + 3 * US, DS_STAMP_KERNEL);
	case CS_CARD: /* before the kernel's, as converted */
		return t1_stamp(t1 + 10 * US + CS_TAG_T1_CARD + request, DS_STAMP_HARDWARE);
	case CS_CARD_EARLY:
		return t1_stamp(t1 - 5 * US + CS_TAG_T1_CARD + request, DS_STAMP_HARDWARE);
	case CS_CARD_LATE:
		return t1_stamp(drive + 2 * S, DS_STAMP_HARDWARE);
	default:
		return t1_stamp(drive, DS_STAMP_KERNEL);
	}
}

static struct ds_rx_stamp t4_stamp(const struct cs_state *s, unsigned int answer)
{
	int64_t true_ns = at_poll(s) + 950 * MS + answer * MS;

	true_ns += answer != 0 ? CS_TAG_T4 + answer : CS_TAG_FORGED;
	return (struct ds_rx_stamp){
		.clock_ns = true_ns + BEHIND, .raw_ns = true_ns - START, .source = DS_STAMP_KERNEL};
}

static int64_t t3_delay(unsigned int answer, unsigned int manner)
{
	int64_t tags = (int64_t)CS_TAG_T3_PROMPT - CS_TAG_T2;

	(void)answer;
	switch (manner) {
	case CS_TARDY:
		return 900 * MS + CS_TAG_T3_TARDY - CS_TAG_T2;
	case CS_CARD:
		return 90 * US + CS_TAG_T3_CARD - CS_TAG_T2;
	case CS_EARLY:
	case CS_CARD_EARLY:
		return -5 * US;
	case CS_LATE:
	case CS_CARD_LATE:
		return 2 * S;
	default:
		return 100 * US + tags;
	}
}

/* ---- what the server does ---- */

static void ask_server_as(struct cs_step *step, const uint8_t *bytes, size_t length,
			  int64_t true_ns, bool stepped, uint32_t prefix, uint16_t port,
			  enum ds_auth auth)
{
	struct ds_request request = {.data = bytes,
				     .length = length,
				     .rx = {.clock_ns = true_ns + (stepped ? BACK : 0),
					    .raw_ns = true_ns,
					    .source = DS_STAMP_KERNEL},
				     .prefix = prefix,
				     .port = port,
				     .auth = auth};
	struct ds_frame frame;

	step->to_server = true;
	step->asked_auth = auth;
	step->length = length;
	step->prefix = prefix;
	if (ds_wire_read(bytes, length, &frame) == DS_R_OK)
		step->asked = frame.packet;
	memset(&step->response, 0, sizeof(step->response));
	step->reason = ds_server_answer(&server, &request, &system_state, &step->response);
	step->replied = step->reason == DS_R_OK;
	publish(step->reason);
	if (!step->replied)
		return;
	ds_server_departs(&step->response, request.rx.clock_ns + 50 * US + CS_TAG_T3 - CS_TAG_T2,
			  0);
	if (ds_wire_read(step->response.bytes, DS_WIRE_HEADER_SIZE, &frame) == DS_R_OK)
		step->reply = frame.packet;
	frame.packet.origin = 0;
	publish_packet(&frame.packet);
}

static void ask_server(struct cs_step *step, const uint8_t *bytes, size_t length, int64_t true_ns,
		       bool stepped, uint32_t prefix, uint16_t port)
{
	ask_server_as(step, bytes, length, true_ns, stepped, prefix, port, DS_AUTH_ABSENT);
}

/* The client's own, with a MAC where it has a key. `bytes` has room for it. */
static void ask_server_with_key(struct cs_step *step, const uint8_t *bytes, int64_t true_ns,
				bool stepped)
{
	bool keyed = cs_bounds->keyed;

	ask_server_as(step, bytes, DS_WIRE_HEADER_SIZE + (keyed ? MAC_SIZE : 0), true_ns, stepped,
		      CS_CLIENT, 40000, keyed ? DS_AUTH_GOOD : DS_AUTH_ABSENT);
}

static void serve(struct cs_state *s, struct cs_step *step)
{
	const struct cs_request *r = &s->request[step->event.a - 1];
	struct ds_packet packet = {.version = 4,
				   .mode = DS_MODE_CLIENT,
				   .precision_log2 = 0x20,
				   .origin = r->origin,
				   .receive = r->receive,
				   .transmit = r->transmit};
	struct cs_answer *answer = &s->answer[s->answers++];
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC_SIZE] = {0};

	ds_wire_write(&packet, bytes);
	ask_server_with_key(step, bytes, at_poll(s) + s->answers * MS + CS_TAG_T2 + s->answers,
			    s->stepped);
	memcpy(answer->bytes, step->response.bytes, sizeof(answer->bytes));
	answer->rx_raw_ns = step->response.rx_raw_ns;
	answer->slot = step->response.slot;
	answer->of = step->event.a;
	for (unsigned int i = 0; step->response.interleaved && i + 1 < s->answers; i++) {
		if (ds_wire_read_ntp64(s->answer[i].bytes + 32) == packet.origin)
			s->answer[i].taken = true;
	}
}

/* Somebody else asks: under its own name with junk or with a receive field of the client's, or
 * in the client's name. The answer goes astray: junk repeated as origin is in FORGE. */
static void stranger_asks(struct cs_state *s, struct cs_step *step)
{
	struct ds_packet packet = {
		.version = 4, .mode = DS_MODE_CLIENT, .origin = JUNK, .transmit = JUNK + 2};
	uint8_t bytes[DS_WIRE_HEADER_SIZE];

	s->strangers++;
	if (step->event.b != 0)
		packet.origin = ds_wire_read_ntp64(s->answer[step->event.b - 1].bytes + 32);
	ds_wire_write(&packet, bytes);
	ask_server(step, bytes, sizeof(bytes), at_poll(s) + 500 * MS + s->strangers * US,
		   s->stepped, step->event.a, 40001);
	if (step->response.interleaved && step->event.b != 0)
		s->answer[step->event.b - 1].taken = true;
}

static void flood(const struct cs_state *s, struct cs_step *step)
{
	struct ds_packet packet = {
		.version = 4, .mode = DS_MODE_CLIENT, .origin = JUNK, .transmit = JUNK + 2};
	uint8_t bytes[DS_WIRE_HEADER_SIZE];

	ds_wire_write(&packet, bytes);
	for (unsigned int i = 0; i < CS_SLOTS; i++)
		ask_server(step, bytes, sizeof(bytes),
			   at_poll(s) + 600 * MS + (s->incidents * CS_SLOTS + i) * US, s->stepped,
			   CS_CROWD + i / 2, 40002);
}

/* Who takes a stamp in that manner; CS_UNSTAMPED: nobody. */
static enum ds_stamp_source source_of(unsigned int manner)
{
	if (manner == CS_UNSTAMPED)
		return DS_STAMP_NONE;
	if (manner == CS_NO_DRIVESTAMP)
		return DS_STAMP_DAEMON;
	return manner >= CS_CARD ? DS_STAMP_HARDWARE : DS_STAMP_KERNEL;
}

static void server_stamp(struct cs_state *s, struct cs_step *step)
{
	struct cs_answer *answer = &s->answer[step->event.a - 1];
	unsigned int manner = step->event.b;
	int64_t true_ns = answer->rx_raw_ns + t3_delay(step->event.a, manner);
	struct ds_tx_stamp tx = {
		.clock_ns = true_ns, .raw_ns = true_ns, .source = source_of(manner)};
	uint32_t slot = answer->slot;

	if (manner == CS_WRONG_ID) /* the name that the place had one use before */
		slot = (slot - (UINT32_C(1) << 24)) & UINT32_C(0x3fffffff);
	step->usable = (manner == CS_PROMPT || manner == CS_TARDY || manner == CS_CARD) &&
		       !answer->lost && answer->slot != DS_SLOT_NONE && !answer->taken &&
		       source_of(answer->stamp) < tx.source;
	step->reason = ds_server_drivestamp(&server, slot, answer->rx_raw_ns, &tx);
	publish(step->reason);
	if (step->reason == DS_R_OK)
		answer->stamp = step->event.b;
}

/* b: 1, version 1; 2, a MAC that nobody checked; 3, no origin; 4, another's MAC; 5, crypto-NAK */
static void forge_to_server(const struct cs_state *s, struct cs_step *step)
{
	static const enum ds_auth verdicts[] = {[4] = DS_AUTH_BAD, [5] = DS_AUTH_GOOD};
	struct ds_packet packet = {.version = step->event.b == 1 ? 1 : 4,
				   .mode = step->event.a,
				   .origin = step->event.b == 3 ? 0 : JUNK,
				   .receive = JUNK + 4,
				   .transmit = JUNK + 2};
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC_SIZE] = {0};

	ds_wire_write(&packet, bytes);
	size_t mac = step->event.b == 2 || step->event.b == 4 ? MAC_SIZE
		     : step->event.b == 5		      ? 4
							      : 0;

	ask_server_as(step, bytes, DS_WIRE_HEADER_SIZE + mac, at_poll(s) + 700 * MS, s->stepped,
		      CS_CLIENT, DS_WIRE_PORT, verdicts[step->event.b]);
}

static void server_lost_all(struct cs_state *s, bool by_step)
{
	if (by_step)
		ds_server_forget(&server);
	else
		ds_server_init(&server, server_slots, CS_SLOTS);
	for (unsigned int i = 0; i < s->answers; i++) {
		s->answer[i].lost = true;
		if (!by_step) /* a new socket: its stamps are of new packets only */
			s->answer[i].slot = DS_SLOT_NONE;
	}
}

/* ---- what the client does ---- */

static void poll(struct cs_state *s, struct cs_step *step)
{
	unsigned int i = ++s->polls;
	uint64_t random[2] = {cookie(1, i), cookie(2, i)};
	struct ds_tx_stamp t1 = t1_stamp(START + i * S + CS_TAG_T1 + i, DS_STAMP_DAEMON);
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_frame frame;

	ds_client_request(&s->client, &t1, i, cs_bounds->expect, random, bytes);
	if (ds_wire_read(bytes, sizeof(bytes), &frame) != DS_R_OK)
		return;
	step->sent = true;
	step->request = frame.packet;
	s->request[i - 1] = (struct cs_request){frame.packet.origin, frame.packet.receive,
						frame.packet.transmit};
	s->waiting = (uint8_t)i;
	s->parking = 0;
	s->mistold = 0;
	s->told = DS_STAMP_DAEMON;
	s->unanswered = (uint8_t)(s->unanswered + (frame.packet.origin != 0));
	frame.packet.receive = frame.packet.receive != 0;
	frame.packet.transmit = 0;
	publish_packet(&frame.packet);
}

/* The account of an accepted answer that is complete now. */
static void completed(struct cs_state *s, const struct cs_step *step, unsigned int request,
		      ds_ntp64 receive)
{
	s->remembered = s->mistold == request ? 0 : receive;
	s->unanswered = 0;
	s->parking = 0;
	s->mistold = 0;
	if (step->outcome.has_exchange)
		s->sampled |= (uint8_t)(1U << request);
}

static void publish_outcome(const struct cs_step *step)
{
	publish((uint64_t)step->reason << 8 | (uint64_t)step->outcome.answered << 3 |
		(uint64_t)step->outcome.has_exchange << 2 | (uint64_t)step->outcome.slow_down << 1 |
		step->outcome.refused);
}

/* The rule of acceptance, from what was on the wire and not from the client's memory. */
static void account(const struct cs_state *s, struct cs_step *step, size_t length,
		    enum ds_auth auth)
{
	const struct cs_request *r = &s->request[s->waiting != 0 ? s->waiting - 1 : 0];
	const struct ds_packet *p = &step->packet;
	bool basic = p->origin == r->transmit;
	bool interleaved = r->receive != 0 && p->origin == r->receive;

	step->kiss = p->stratum == 0 && p->ref_id != 0;
	step->kiss_obeyed_only_with_key =
		step->kiss && (p->ref_id == 0x44454e59 || p->ref_id == 0x52535452);
	step->authentic = auth == DS_AUTH_GOOD && length == DS_WIRE_HEADER_SIZE + MAC_SIZE;
	step->acceptable =
		s->waiting != 0 &&
		(cs_bounds->keyed ? step->authentic
				  : length == DS_WIRE_HEADER_SIZE && auth != DS_AUTH_BAD) &&
		p->mode == DS_MODE_SERVER && (step->kiss ? basic : basic || interleaved) &&
		(step->kiss || (p->receive != 0 && p->transmit != 0)) &&
		(cs_bounds->keyed || !step->kiss_obeyed_only_with_key);
}

static void to_client(struct cs_state *s, struct cs_step *step, const uint8_t *bytes, size_t length,
		      enum ds_auth auth)
{
	unsigned int answer = step->event.kind == CS_DELIVER ? step->event.a : 0;
	struct ds_rx_stamp t4 = t4_stamp(s, answer);
	uint8_t request = s->waiting;
	struct ds_frame frame;

	step->to_client = true;
	step->forged = answer == 0;
	if (ds_wire_read(bytes, length, &frame) == DS_R_OK) {
		step->packet = frame.packet;
		account(s, step, length, auth);
	}
	step->reason = ds_client_receive(&s->client, bytes, length, &t4, auth, 0, &step->outcome);
	publish_outcome(step);
	if (step->reason != DS_R_PARKED && !step->outcome.answered)
		return;
	s->waiting = 0;
	s->accepted |= (uint8_t)(1U << request);
	s->touched |= step->forged;
	if (step->reason == DS_R_PARKED) {
		s->parking = request;
		s->parked_receive = step->packet.receive;
	} else if (!step->kiss) {
		completed(s, step, request, step->packet.receive);
	}
}

static void deliver(struct cs_state *s, struct cs_step *step)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC_SIZE] = {0};
	bool keyed = cs_bounds->keyed;

	memcpy(bytes, s->answer[step->event.a - 1].bytes, DS_WIRE_HEADER_SIZE);
	to_client(s, step, bytes, DS_WIRE_HEADER_SIZE + (keyed ? MAC_SIZE : 0),
		  keyed ? DS_AUTH_GOOD : DS_AUTH_ABSENT);
}

/* What an attacker puts into the origin field, from what he has. */
ds_ntp64 cs_forged_origin(const struct cs_state *s, unsigned int choice)
{
	const struct ds_rx_stamp t4 = t4_stamp(s, 1);

	switch (choice) {
	case 0:
		return 0;
	case 1:
		return JUNK;
	case 2: /* a receive stamp that leaked, as the reference time of old daemons did */
		return ds_ntp64_from_ns(t4.clock_ns, 0);
	case 3: /* the server's receive field, as seen by whoever sees answers */
		return s->answers != 0 ? ds_wire_read_ntp64(s->answer[s->answers - 1].bytes + 32)
				       : 1;
	default: /* on path: every cookie that was on the wire */
		choice -= 4;
		return choice % 2 == 0 ? s->request[choice / 2].transmit
				       : s->request[choice / 2].receive;
	}
}

enum shape {
	PLAIN,
	MODE_0,
	MODE_1,
	MODE_2,
	MODE_3,
	MODE_5,
	DENY,
	RSTR,
	RATE,
	MAC,
	VERDICT,
	ZERO_RECEIVE,
	ZERO_TRANSMIT,
	UNSYNCHRONISED,
	SHORT,
	/* where there is a key */
	OTHER_KEY,
	NAK,
	TRUE_DENY, /* the server's own */
	SHAPES
};
static const char *const shape_words[SHAPES] = {"mode 4",
						"mode 0",
						"mode 1",
						"mode 2",
						"mode 3",
						"mode 5",
						"KoD DENY",
						"KoD RSTR",
						"KoD RATE",
						"mode 4 with a MAC",
						"mode 4, bad verdict of its MAC",
						"mode 4, receive field 0",
						"mode 4, transmit field 0",
						"mode 4, unsynchronised",
						"mode 4, 47 bytes",
						"mode 4, another key's MAC",
						"crypto-NAK",
						"KoD DENY by the server"};

const char *cs_shape_word(unsigned int shape)
{
	return shape < SHAPES ? shape_words[shape] : "?";
}

static void forge(struct cs_state *s, struct cs_step *step)
{
	static const uint8_t modes[] = {4, 0, 1, 2, 3, 5};
	static const enum ds_auth verdicts[SHAPES] = {[VERDICT] = DS_AUTH_BAD,
						      [OTHER_KEY] = DS_AUTH_BAD,
						      [NAK] = DS_AUTH_GOOD,
						      [TRUE_DENY] = DS_AUTH_GOOD};
	enum shape shape = step->event.b;
	int64_t now = at_poll(s) + 10 * MS + CS_TAG_FORGED;
	struct ds_packet p = {.version = 4,
			      .mode = shape <= MODE_5 ? modes[shape] : DS_MODE_SERVER,
			      .stratum = (shape >= DENY && shape <= RATE) || shape == TRUE_DENY ? 0
												: 1,
			      .origin = cs_forged_origin(s, step->event.a),
			      .receive = ds_ntp64_from_ns(now, 0) | 1,
			      .transmit = ds_ntp64_from_ns(now + US, 0)};
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC_SIZE] = {0};
	size_t length = DS_WIRE_HEADER_SIZE;

	if (shape == DENY || shape == TRUE_DENY)
		p.ref_id = 0x44454e59;
	if (shape == RSTR)
		p.ref_id = 0x52535452;
	if (shape == RATE)
		p.ref_id = 0x52415445;
	if (shape == ZERO_RECEIVE)
		p.receive = 0;
	if (shape == ZERO_TRANSMIT)
		p.transmit = 0;
	if (shape == UNSYNCHRONISED) {
		p.leap = 3;
		p.stratum = 0;
	}
	if (shape == MAC || shape == OTHER_KEY || shape == TRUE_DENY)
		length += MAC_SIZE;
	if (shape == NAK)
		length += 4;
	if (shape == SHORT)
		length--;
	ds_wire_write(&p, bytes);
	to_client(s, step, bytes, length, verdicts[shape]);
}

static void client_stamp(struct cs_state *s, struct cs_step *step)
{
	unsigned int request = step->event.a;
	unsigned int manner = step->event.b;
	struct ds_tx_stamp tx = t1_in_manner(request, manner);

	step->usable = (s->waiting == request || s->parking == request) && s->told < tx.source &&
		       (manner == CS_PROMPT || manner == CS_CARD ||
			(manner == CS_BEYOND && s->waiting == request) ||
			(manner == CS_CARD_EARLY && s->told == DS_STAMP_KERNEL));
	step->reason = ds_client_tx_stamp(&s->client, request + (manner == CS_WRONG_ID ? 100 : 0),
					  &tx, 0, &step->outcome);
	publish_outcome(step);
	if (step->reason == DS_R_OK) {
		s->mistold = manner == CS_BEYOND ? step->event.a : 0; /* the card mends it */
		s->told = (uint8_t)tx.source;
	}
	if (step->outcome.answered)
		completed(s, step, s->parking, s->parked_receive);
}

static void deadline(struct cs_state *s, struct cs_step *step)
{
	step->reason = ds_client_deadline(&s->client, 0, &step->outcome);
	publish_outcome(step);
	if (step->outcome.answered)
		completed(s, step, s->parking, s->parked_receive);
}

static void client_lost_all(struct cs_state *s, bool restart)
{
	if (restart)
		ds_client_init(&s->client, 4, true, cs_bounds->keyed);
	else
		ds_client_forget(&s->client);
	s->waiting = 0;
	s->parking = 0;
	s->unanswered = 0;
	s->remembered = 0;
}

/* ---- events ---- */

static void happen(struct cs_state *s, struct cs_step *step)
{
	const struct proof_event e = step->event;

	if (e.kind >= CS_CLIENT_FORGETS && e.kind <= CS_FLOOD)
		s->incidents++;
	switch (e.kind) {
	case CS_POLL:
		poll(s, step);
		break;
	case CS_SERVE:
		serve(s, step);
		break;
	case CS_DELIVER:
		deliver(s, step);
		break;
	case CS_STAMP_1:
		client_stamp(s, step);
		break;
	case CS_STAMP_3:
		server_stamp(s, step);
		break;
	case CS_DEADLINE:
		deadline(s, step);
		break;
	case CS_CLIENT_FORGETS:
	case CS_CLIENT_RESTARTS:
		client_lost_all(s, e.kind == CS_CLIENT_RESTARTS);
		break;
	case CS_CLOCK_STEPS:
		s->stepped = true;
		server_lost_all(s, true);
		break;
	case CS_SERVER_RESTARTS:
		server_lost_all(s, false);
		break;
	case CS_FLOOD:
		flood(s, step);
		break;
	case CS_STRANGER_ASKS:
		stranger_asks(s, step);
		break;
	case CS_REFLECT:
		ask_server(step, s->answer[e.a - 1].bytes, DS_WIRE_HEADER_SIZE,
			   at_poll(s) + 700 * MS, s->stepped, CS_STRANGER, DS_WIRE_PORT);
		break;
	case CS_FORGE:
		forge(s, step);
		break;
	case CS_FORGE_SERVER:
		forge_to_server(s, step);
		break;
	default:
		break;
	}
}

static void note(const struct cs_step *step)
{
	met.reasons[step->reason] = true;
	met.reasons[step->response.fallback] = true;
	met.reasons[step->response.saving] = true;
	met.interleaved_answers += step->response.interleaved;
	if (step->outcome.has_exchange)
		met.kinds[step->outcome.exchange.kind]++;
}

static void cs_met(char *text, size_t size)
{
	unsigned int reasons = 0;

	for (unsigned int i = 0; i < DS_REASON_COUNT; i++)
		reasons += met.reasons[i];
	(void)snprintf(text, size, "%llu\t%llu\t%llu\t%llu\t%u",
		       (unsigned long long)met.kinds[DS_EXCHANGE_BASIC],
		       (unsigned long long)met.kinds[DS_EXCHANGE_SET1],
		       (unsigned long long)met.kinds[DS_EXCHANGE_SET2],
		       (unsigned long long)met.interleaved_answers, reasons);
	memset(&met, 0, sizeof(met));
}

/* The bytes between members, which no code reads, are whatever the compiler leaves there. */
static void clear_gaps(struct ds_client *c)
{
	const size_t tx = offsetof(struct ds_tx_stamp, source) + sizeof(c->t1.source);
	const size_t rx = offsetof(struct ds_rx_stamp, source) + sizeof(c->parked_t4.source);
	const size_t low = offsetof(struct ds_packet, precision_log2) + 1;
	const size_t high = offsetof(struct ds_packet, ref_id) + sizeof(c->parked_packet.ref_id);
	uint8_t *packet = (uint8_t *)&c->parked_packet;

	memset((uint8_t *)&c->t1 + tx, 0, sizeof(c->t1) - tx);
	memset((uint8_t *)&c->interleave.t1 + tx, 0, sizeof(c->t1) - tx);
	memset((uint8_t *)&c->interleave.t4 + rx, 0, sizeof(c->parked_t4) - rx);
	memset((uint8_t *)&c->parked_t4 + rx, 0, sizeof(c->parked_t4) - rx);
	memset(packet + low, 0, offsetof(struct ds_packet, root_delay) - low);
	memset(packet + high, 0, offsetof(struct ds_packet, reference) - high);
}

static const char *cs_step(void *state, struct proof_event event)
{
	struct cs_state *after = state;
	struct cs_state before = *after;
	struct cs_step step = {.event = event, .before = &before, .after = after};

	load(after);
	happen(after, &step);
	store(after);
	clear_gaps(&after->client);
	/* Bytes on purpose: its gaps are clear. NOLINTNEXTLINE(*-memory-comparison,cert-*) */
	step.client_changed = memcmp(&before.client, &after->client, sizeof(before.client)) != 0;
	step.server_changed =
		memcmp(before.slots, after->slots, sizeof(before.slots)) != 0 ||
		memcmp(before.by_class, after->by_class, sizeof(before.by_class)) != 0 ||
		before.live != after->live;
	note(&step);
	return cs_broken(&step);
}

void cs_happen(struct cs_state *s, struct proof_event event)
{
	struct cs_step step = {.event = event, .before = s, .after = s};
	uint64_t digest = public_digest;

	load(s);
	happen(s, &step);
	store(s);
	public_digest = digest;
}

static const char *cs_look(const void *state)
{
	return cs_broken_at(state);
}

#define ADD(kind, a, b)                                                                            \
	(out[n++] = (struct proof_event){(uint8_t)(kind), (uint8_t)(a), (uint8_t)(b), 0})

/* Reports of stamps: the right ones at any time, wrong ones where the world has them. */
static unsigned int stamp_events(const struct cs_state *s, struct proof_event *out)
{
	unsigned int n = 0;

	for (unsigned int i = 1; i <= s->polls; i++) {
		ADD(CS_STAMP_1, i, CS_PROMPT);
		if (cs_bounds->cards)
			ADD(CS_STAMP_1, i, CS_CARD);
	}
	for (unsigned int i = 1; i <= s->answers; i++) {
		if (s->answer[i - 1].slot == DS_SLOT_NONE)
			continue;
		ADD(CS_STAMP_3, i, CS_PROMPT);
		for (unsigned int b = CS_CARD; cs_bounds->cards && b < CS_MANNERS; b++)
			ADD(CS_STAMP_3, i, b);
		for (unsigned int b = CS_TARDY; cs_bounds->stamps && b <= CS_WRONG_ID; b++) {
			if (b != CS_BEYOND)
				ADD(CS_STAMP_3, i, b);
		}
	}
	if (s->polls == 0)
		return n;
	for (unsigned int b = CS_CARD_EARLY; cs_bounds->cards && b < CS_MANNERS; b++)
		ADD(CS_STAMP_1, s->polls, b);
	for (unsigned int b = CS_EARLY; cs_bounds->stamps && b <= CS_WRONG_ID; b++)
		ADD(CS_STAMP_1, s->polls, b);
	return n;
}

static unsigned int forgeries(const struct cs_state *s, struct proof_event *out)
{
	unsigned int origins = cs_bounds->on_path ? 4 + 2 * (unsigned int)s->polls : 4;
	unsigned int n = 0;

	for (unsigned int a = 0; a < origins; a++)
		for (unsigned int b = 0; b < (cs_bounds->keyed ? SHAPES : OTHER_KEY); b++)
			ADD(CS_FORGE, a, b);
	for (unsigned int mode = 0; mode < 8; mode++) {
		if (mode != DS_MODE_CLIENT && mode != DS_MODE_ACTIVE)
			ADD(CS_FORGE_SERVER, mode, 0);
	}
	ADD(CS_FORGE_SERVER, 0, 1);
	ADD(CS_FORGE_SERVER, DS_MODE_CLIENT, 2);
	ADD(CS_FORGE_SERVER, DS_MODE_ACTIVE, 3);
	ADD(CS_FORGE_SERVER, DS_MODE_CLIENT, 4);
	ADD(CS_FORGE_SERVER, DS_MODE_CLIENT, 5);
	return n;
}

static unsigned int cs_events(const void *state, struct proof_event *out)
{
	const struct cs_state *s = state;
	unsigned int n = 0;

	if (s->polls < cs_bounds->polls)
		ADD(CS_POLL, 0, 0);
	for (unsigned int i = 1; i <= s->polls && s->answers < cs_bounds->answers; i++)
		ADD(CS_SERVE, i, 0);
	for (unsigned int i = 1; i <= s->answers; i++) {
		ADD(CS_DELIVER, i, 0);
		ADD(CS_REFLECT, i, 0);
	}
	n += stamp_events(s, out + n);
	ADD(CS_DEADLINE, 0, 0);
	for (unsigned int kind = CS_CLIENT_FORGETS;
	     kind <= CS_FLOOD && s->incidents < cs_bounds->incidents; kind++)
		ADD(kind, 0, 0);
	for (unsigned int b = 0; b <= s->answers && s->strangers < cs_bounds->strangers; b++) {
		ADD(CS_STRANGER_ASKS, CS_STRANGER, b);
		ADD(CS_STRANGER_ASKS, CS_CLIENT, b);
	}
	if (cs_bounds->off_path || cs_bounds->on_path)
		n += forgeries(s, out + n);
	return n;
}

static void cs_initial(const struct proof_world *world, void *state)
{
	struct cs_state *s = state;

	cs_bounds = world->of;
	memset(s, 0, sizeof(*s));
	ds_client_init(&s->client, 4, true, cs_bounds->keyed);
	ds_server_init(&server, server_slots, CS_SLOTS);
	store(s);
}

static uint64_t cs_published(uint64_t new_salt)
{
	uint64_t digest = public_digest;

	salt = new_salt;
	public_digest = 0;
	return digest;
}

#define WORLD(symbol, title, people, limits, at_level, publishes, ...)                             \
	const struct proof_world symbol = {.name = title,                                          \
					   .words = people,                                        \
					   .bound = limits,                                        \
					   .level = at_level,                                      \
					   .size = sizeof(struct cs_state),                        \
					   .initial = cs_initial,                                  \
					   .events = cs_events,                                    \
					   .step = cs_step,                                        \
					   .look = cs_look,                                        \
					   .tell = cs_tell,                                        \
					   .met = cs_met,                                          \
					   .published = publishes,                                 \
					   .of = &(const struct cs_bounds){__VA_ARGS__}}

#define BOTH	   "client, server; loss, duplicates, reordering, stamps late or missing"
#define CARDS	   "; a card that stamps, too"
#define BAD_STAMPS "; stamps doubled, wrong"
#define INCIDENTS  "; restart, step, eviction"

WORLD(proof_cs_small, "small-faults", BOTH BAD_STAMPS "; other clients",
      "3 requests, 3 answers, 1 stranger", PROOF_SMALL, NULL, .polls = 3, .answers = 3,
      .strangers = 1, .expect = false, .stamps = true);
WORLD(proof_cs_small_on_path, "small-on-path",
      BOTH BAD_STAMPS INCIDENTS "; an attacker who sees every packet",
      "2 requests, 2 answers, 1 incident", PROOF_SMALL, NULL, .polls = 2, .answers = 2,

      .incidents = 1, .expect = true, .stamps = true, .on_path = true);
WORLD(proof_cs_small_cards, "small-cards", BOTH CARDS BAD_STAMPS, "3 requests, 3 answers",
      PROOF_SMALL, NULL, .polls = 3, .answers = 3, .stamps = true, .cards = true);
WORLD(proof_cs_cards, "cards", BOTH CARDS, "4 requests, 3 answers", PROOF_DEFAULT, NULL, .polls = 4,
      .answers = 3, .expect = true, .cards = true);
WORLD(proof_cs_deep_cards, "deep-cards", BOTH CARDS BAD_STAMPS INCIDENTS "; other clients",
      "3 requests, 3 answers, 1 incident, 1 stranger", PROOF_DEEP, NULL, .polls = 3, .answers = 3,
      .incidents = 1, .strangers = 1, .expect = true, .stamps = true, .cards = true);
WORLD(proof_cs_loss, "loss", BOTH, "5 requests, 5 answers", PROOF_DEFAULT, NULL, .polls = 5,
      .answers = 5);
WORLD(proof_cs_faults, "faults", BOTH BAD_STAMPS INCIDENTS "; other clients",
      "3 requests, 3 answers, 1 incident, 1 stranger", PROOF_DEFAULT, NULL, .polls = 3,
      .answers = 3, .incidents = 1, .strangers = 1, .expect = true, .stamps = true);
WORLD(proof_cs_off_path, "off-path", BOTH INCIDENTS "; an attacker who sees nothing",
      "3 requests, 4 answers, 1 incident", PROOF_DEFAULT, NULL, .polls = 3, .answers = 4,
      .incidents = 1, .expect = true, .off_path = true);
WORLD(proof_cs_on_path, "on-path", BOTH "; an attacker who sees every packet",
      "3 requests, 3 answers", PROOF_DEFAULT, NULL, .polls = 3, .answers = 3, .expect = true,
      .on_path = true);
WORLD(proof_cs_small_keyed, "small-keyed",
      BOTH "; a key; an attacker who sees every packet and has another", "2 requests, 2 answers",
      PROOF_SMALL, NULL, .polls = 2, .answers = 2, .expect = true, .on_path = true, .keyed = true);
WORLD(proof_cs_keyed, "keyed",
      BOTH INCIDENTS "; a key; an attacker who sees every packet and has another",
      "3 requests, 3 answers, 1 incident", PROOF_DEFAULT, NULL, .polls = 3, .answers = 3,
      .incidents = 1, .on_path = true, .keyed = true);
WORLD(proof_cs_taint, "taint", BOTH "; an attacker who sees nothing; twice, with other secrets",
      "3 requests, 3 answers", PROOF_SMALL, cs_published, .polls = 3, .answers = 3, .expect = true,
      .off_path = true);
WORLD(proof_cs_deep_loss, "deep-loss", BOTH, "6 requests, 5 answers", PROOF_DEEP, NULL, .polls = 6,
      .answers = 5);
WORLD(proof_cs_deep, "deep-faults", BOTH BAD_STAMPS INCIDENTS "; an attacker who sees nothing",
      "3 requests, 4 answers, 1 incident", PROOF_DEEP, NULL, .polls = 3, .answers = 4,
      .incidents = 1, .expect = true, .stamps = true, .off_path = true);

/* ---- liveness: going on from a state with a path that works ---- */

void cs_next_request(const struct cs_state *state, struct ds_packet *request)
{
	struct ds_client client = state->client;
	uint64_t random[2] = {JUNK, JUNK + 2};
	struct ds_tx_stamp t1 = t1_stamp(START, DS_STAMP_DAEMON);
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_frame frame;

	ds_client_request(&client, &t1, 99, false, random, bytes);
	memset(request, 0, sizeof(*request));
	if (ds_wire_read(bytes, sizeof(bytes), &frame) == DS_R_OK)
		*request = frame.packet;
}

/* One more request of `s`, which is answered or not. True if that gave an exchange. */
static bool go_on_once(struct cs_state *s, bool lost, struct cs_step *step)
{
	struct cs_step quiet = {.event = {.kind = CS_SERVE}};
	struct ds_tx_stamp t1;
	struct ds_tx_stamp tx;
	struct ds_client_outcome late;
	struct ds_rx_stamp t4;
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC_SIZE] = {0};
	uint64_t random[2];
	int64_t rx_ns;
	enum ds_reason reason;

	s->polls++;
	random[0] = cookie(1, s->polls);
	random[1] = cookie(2, s->polls);
	t1 = t1_stamp(at_poll(s), DS_STAMP_DAEMON);
	ds_client_request(&s->client, &t1, s->polls, true, random, bytes);
	step->request.origin = ds_wire_read_ntp64(bytes + 24);
	if (lost)
		return false;
	rx_ns = at_poll(s) + 9 * MS;
	ask_server_with_key(&quiet, bytes, rx_ns, s->stepped);
	if (!quiet.replied)
		return false;
	tx = (struct ds_tx_stamp){rx_ns, rx_ns + 100 * US, DS_STAMP_KERNEL, 0};
	(void)ds_server_drivestamp(&server, quiet.response.slot, quiet.response.rx_raw_ns, &tx);
	t4 = t4_stamp(s, CS_ANSWERS + 1);
	memcpy(bytes, quiet.response.bytes, DS_WIRE_HEADER_SIZE);
	reason = ds_client_receive(
		&s->client, bytes, DS_WIRE_HEADER_SIZE + (cs_bounds->keyed ? MAC_SIZE : 0), &t4,
		cs_bounds->keyed ? DS_AUTH_GOOD : DS_AUTH_ABSENT, 0, &step->outcome);
	tx = t1_in_manner(s->polls, CS_PROMPT);
	if (reason != DS_R_PARKED)
		(void)ds_client_tx_stamp(&s->client, s->polls, &tx, 0, &late);
	else
		(void)ds_client_tx_stamp(&s->client, s->polls, &tx, 0, &step->outcome);
	return step->outcome.has_exchange;
}

unsigned int cs_go_on(const struct cs_state *state, unsigned int lost, unsigned int rounds,
		      bool *interleaved, unsigned int *in_row)
{
	struct cs_state s = *state;
	struct cs_step step = {.event = {.kind = CS_POLL}};
	uint64_t digest = public_digest;
	unsigned int exchanges = 0;

	load(&s);
	*in_row = 0;
	for (unsigned int i = 0; i < lost; i++) {
		(void)go_on_once(&s, true, &step);
		*in_row += step.request.origin != 0;
	}
	for (unsigned int i = 0; i < rounds; i++)
		exchanges += go_on_once(&s, false, &step);
	*interleaved = step.outcome.has_exchange && step.outcome.exchange.kind != DS_EXCHANGE_BASIC;
	public_digest = digest;
	return exchanges;
}
