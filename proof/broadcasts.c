/*
 * broadcasts: a sender, a listener, a network that forgets nothing, and somebody hostile.
 * It must never look into the sender or the listener: it gives them packets, stamps, exchanges.
 *
 * The network: every broadcast ever sent may arrive at any time, any number of times, in any
 * order, or never; so may the report of every drivestamp. Time: 16 seconds a broadcast; within
 * the first half second after one everything else happens. Exchanges in client/server mode
 * succeed at any time, or never. The last three digits of a stamp say what it is and of which
 * broadcast.
 */
#include "proof/broadcasts.h"

#include <stdio.h>
#include <string.h>

#include "core/exchange/server.h"
#include "proof/worlds.h"

#define START  INT64_C(1795420800000000000)
#define S      INT64_C(1000000000)
#define MS     INT64_C(1000000)
#define US     INT64_C(1000)
#define BEHIND (-50 * MS) /* the listener's clock minus the true one, at first */
#define NIGHT  (200000 * S)
#define JUNK   UINT64_C(0x1122334455667789)
#define MAC    20

_Static_assert(sizeof(struct bc_state) % 8 == 0, "states are hashed by words");

const struct bc_bounds *bc_bounds;

/* What was met, over all steps of an exploration. */
static struct {
	uint64_t kinds[DS_EXCHANGE_BROADCAST_DRIVESTAMP + 1];
	uint64_t accepted;
	bool reasons[DS_REASON_COUNT];
} met;

static const struct ds_server_state system_state = {.stratum = 1,
						    .precision_log2 = -25,
						    .ref_id = 0x47505300,
						    .root_dispersion_ns = 1000000,
						    .reference_ns = START - 16 * S};

/* ---- stamps ---- */

unsigned int bc_tag(int64_t ns)
{
	return ns < 0 ? 0 : (unsigned int)(ns % 1000);
}

unsigned int bc_tag_of_field(ds_ntp64 field)
{
	return bc_tag(ds_ns_from_ntp64(field, START));
}

static ds_ntp64 sender_says(const struct bc_state *s, int64_t at_ns)
{
	return ds_ntp64_from_ns(START + at_ns + s->sender_error_ns, 0);
}

static struct ds_rx_stamp arrival(const struct bc_state *s, int64_t at_ns)
{
	return (struct ds_rx_stamp){.clock_ns = START + at_ns + BEHIND + s->own_error_ns,
				    .raw_ns = at_ns,
				    .source = DS_STAMP_KERNEL};
}

static struct ds_tx_stamp drivestamp(const struct bc_state *s, unsigned int i, int64_t at_ns,
				     enum bc_manner manner)
{
	int64_t raw_ns = at_ns + 20 * US + BC_TAG_DRIVE + i;
	enum ds_stamp_source source = DS_STAMP_KERNEL;

	if (manner == BC_TARDY)
		raw_ns += 900 * MS + BC_TAG_DRIVE_TARDY - BC_TAG_DRIVE;
	if (manner == BC_EARLY)
		raw_ns -= 25 * US;
	if (manner == BC_LATE)
		raw_ns += 2 * S;
	if (manner == BC_NO_DRIVESTAMP)
		source = DS_STAMP_DAEMON;
	return (struct ds_tx_stamp){.clock_ns = START + raw_ns + s->sender_error_ns,
				    .raw_ns = raw_ns,
				    .source = source};
}

/* ---- the sender ---- */

static void write_broadcast(struct bc_state *s, unsigned int i, uint8_t bytes[DS_WIRE_HEADER_SIZE])
{
	int64_t at_ns = s->now_ns + BC_TAG_SENT + i;
	struct ds_broadcast_sending sending = {
		.now = {.clock_ns = START + at_ns + s->sender_error_ns,
			.raw_ns = at_ns,
			.source = DS_STAMP_DAEMON},
		.departs_ns = 30 * US,
		.tx_id = i,
		.poll_log2 = BC_POLL_LOG2};

	ds_broadcaster_send(&s->sender, &sending, &system_state, bytes);
}

/* A broadcast that comes to a server: nothing may come back. */
static void reflect(struct bc_step *step, const uint8_t *bytes)
{
	static struct ds_server server;
	static struct ds_slot slots[8];
	struct ds_request request = {.data = bytes,
				     .length = DS_WIRE_HEADER_SIZE,
				     .rx = {START, START, .source = DS_STAMP_KERNEL},
				     .port = DS_WIRE_PORT};
	struct ds_response response;

	ds_server_init(&server, slots, 8);
	step->replied = ds_server_answer(&server, &request, &system_state, &response) == DS_R_OK;
}

static void send(struct bc_state *s, struct bc_step *step, int64_t after_ns)
{
	struct bc_broadcast *b = &s->sent[s->count++];
	struct ds_frame frame;

	s->now_ns += after_ns;
	write_broadcast(s, s->count, b->bytes);
	b->at_ns = s->now_ns;
	b->run = s->run;
	step->sent = true;
	if (ds_wire_read(b->bytes, DS_WIRE_HEADER_SIZE, &frame) == DS_R_OK)
		step->broadcast = frame.packet;
	reflect(step, b->bytes);
}

static void report(struct bc_state *s, struct bc_step *step)
{
	unsigned int i = step->event.a;
	struct bc_broadcast *b = &s->sent[i - 1];
	struct ds_tx_stamp tx = drivestamp(s, i, b->at_ns, step->event.b);

	step->usable = (step->event.b == BC_STAMPED || step->event.b == BC_TARDY) &&
		       i == s->count && b->stamp == BC_UNSTAMPED;
	step->reason = ds_broadcaster_tx_stamp(&s->sender,
					       i + (step->event.b == BC_WRONG_ID ? 100 : 0), &tx);
	if (step->reason == DS_R_OK)
		b->stamp = step->event.b;
}

static void restart_sender(struct bc_state *s)
{
	ds_broadcaster_init(&s->sender, 4, true);
	s->run++;
}

static void step_sender(struct bc_state *s, int64_t by_ns)
{
	s->sender_error_ns += by_ns;
	s->repeats |= by_ns < 0;
	s->uncertain = true;
}

/* ---- the listener ---- */

bool bc_within(const struct bc_state *s, int64_t raw_ns, ds_ntp64 said)
{
	int64_t expected_ns = s->server_minus_raw_ns + raw_ns - s->delay_ns / 2;
	ds_ntp64 expected = ds_ntp64_from_ns(expected_ns, 0);
	ds_ntp64 apart = (int64_t)(said - expected) < 0 ? expected - said : said - expected;
	int64_t age_ns = raw_ns < s->raw_ns ? s->raw_ns - raw_ns : raw_ns - s->raw_ns;
	double bound_ns = (double)DS_BROADCAST_AGREE_NS + (double)s->delay_ns +
			  (double)age_ns * DS_BROADCAST_DRIFT_PPM * 1e-6;

	return (double)apart / 4294967296.0 * 1e9 <= bound_ns;
}

int64_t bc_untruth_ns(const struct bc_state *s, const struct ds_exchange *e)
{
	return e->server_minus_raw_ns - START - s->sender_error_ns;
}

/* The rule of acceptance, from what was on the wire and not from the listener's memory. */
static void account(const struct bc_state *s, struct bc_step *step, size_t length,
		    enum ds_auth auth)
{
	const struct ds_packet *p = &step->packet;
	bool plain = length == DS_WIRE_HEADER_SIZE;

	step->authentic = auth == DS_AUTH_GOOD && length == DS_WIRE_HEADER_SIZE + MAC;
	step->sane = p->leap != 3 && p->stratum == 1;
	step->acceptable =
		p->mode == DS_MODE_BROADCAST &&
		(bc_bounds->keyed ? step->authentic : plain && auth != DS_AUTH_BAD) &&
		p->transmit != 0 && s->calibrated &&
		(s->heard_transmit == 0 || (int64_t)(p->transmit - s->heard_transmit) > 0) &&
		bc_within(s, step->t4.raw_ns, p->transmit);
}

static void to_listener(struct bc_state *s, struct bc_step *step, const uint8_t *bytes,
			size_t length, int64_t at_ns, enum ds_auth auth)
{
	struct ds_frame frame;

	step->to_listener = true;
	step->forged = step->event.kind == BC_FORGE;
	step->t4 = arrival(s, at_ns);
	if (ds_wire_read(bytes, length, &frame) == DS_R_OK) {
		step->packet = frame.packet;
		account(s, step, length, auth);
	}
	step->reason = ds_listener_receive(&s->listener, bytes, length, &step->t4, auth, 0,
					   &step->outcome);
	if (!step->outcome.accepted)
		return;
	s->heard_transmit = step->packet.transmit;
	s->heard.clock_ns = step->t4.clock_ns;
	s->heard.raw_ns = step->t4.raw_ns;
	s->heard.source = step->t4.source;
	s->heard_forged = step->forged;
}

/* Broadcasts carry a MAC where there is a key. Its bytes do not matter, the verdict does. */
static void deliver(struct bc_state *s, struct bc_step *step)
{
	static const int64_t took_ns[] = {MS, 6 * MS, 300 * MS, MS};
	unsigned int i = step->event.a;
	bool with_key = bc_bounds->keyed && step->event.b != BC_STRIPPED;
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC] = {0};

	memcpy(bytes, s->sent[i - 1].bytes, DS_WIRE_HEADER_SIZE);
	to_listener(s, step, bytes, DS_WIRE_HEADER_SIZE + (with_key ? MAC : 0),
		    s->now_ns + took_ns[step->event.b] + BC_TAG_T4 + i,
		    with_key ? DS_AUTH_GOOD : DS_AUTH_ABSENT);
}

/* An exchange of true stamps; its answer may have been held up on the way. */
static void calibrate(struct bc_state *s, enum bc_path path)
{
	static const int64_t back_ns[] = {MS, 5 * MS, 599 * MS};
	int64_t t1 = s->now_ns + 400 * MS;
	int64_t t2 = t1 + MS;
	int64_t t4 = t2 + back_ns[path];
	struct ds_tx_stamp left = {START + t1 + BEHIND + s->own_error_ns, t1, DS_STAMP_KERNEL, 0};
	struct ds_rx_stamp came = arrival(s, t4);
	struct ds_remote remote = {.stratum = 1, .precision_log2 = -25};
	struct ds_exchange e;

	if (ds_exchange_make(&e, DS_EXCHANGE_BASIC, &left, START + t2 + s->sender_error_ns,
			     START + t2 + s->sender_error_ns, &came, &remote, 0) != DS_R_OK)
		return;
	if (s->least_ns == 0 || e.delay_ns < s->least_ns)
		s->least_ns = e.delay_ns;
	ds_listener_calibrate(&s->listener, &e, s->least_ns, 0);
	if (e.delay_ns - s->least_ns > DS_BROADCAST_AGREE_NS) /* says too little */
		return;
	s->calibrated = true;
	s->raw_ns = e.raw_ns;
	s->server_minus_raw_ns = e.server_minus_raw_ns;
	s->delay_ns = s->least_ns;
	s->uncertain = false;
	/* What was heard, and is not so by what is known now, bars nothing. */
	if (s->heard_transmit == 0 || bc_within(s, s->heard.raw_ns, s->heard_transmit))
		return;
	s->heard_transmit = 0;
	s->heard_forged = false;
	memset(&s->heard, 0, sizeof(s->heard));
}

static void restart_listener(struct bc_state *s)
{
	ds_listener_init(&s->listener, 4, bc_bounds->keyed);
	s->calibrated = false;
	s->raw_ns = 0;
	s->server_minus_raw_ns = 0;
	s->delay_ns = 0;
	s->least_ns = 0;
	s->heard_transmit = 0;
	s->heard_forged = false;
	memset(&s->heard, 0, sizeof(s->heard));
}

/* ---- forgeries ---- */

static const char *const transmit_words[] = {"0",
					     "junk",
					     "the time",
					     "8 ms ahead",
					     "30 s ahead",
					     "5 s ago",
					     "half an era ahead",
					     "our raw clock",
					     "a bit past the last broadcast's"};
enum {
	XMT_ZERO,
	XMT_JUNK,
	XMT_NOW,
	XMT_SOON,
	XMT_AHEAD,
	XMT_PAST,
	XMT_HALF_ERA,
	XMT_RAW,
	XMT_NEXT,
	XMTS
};

static const char *const origin_words[] = {"0", "junk", "a guess", "the last broadcast's transmit",
					   "the last broadcast's origin"};
enum { ORG_ZERO, ORG_JUNK, ORG_GUESS, ORG_TRANSMIT, ORG_ORIGIN, ORGS };

static const char *const shape_words[] = {"",
					  " with another key's MAC",
					  " with a MAC that nobody checked",
					  " with a crypto-NAK",
					  " with a bad verdict",
					  " in mode 4",
					  " in mode 1",
					  " of 47 bytes",
					  " unsynchronised"};
enum { PLAIN, OTHER_KEY, UNCHECKED, NAK, VERDICT, MODE_4, MODE_1, SHORT, UNSYNCHRONISED, SHAPES };

const char *bc_shape_word(unsigned int shape)
{
	return shape < SHAPES ? shape_words[shape] : "?";
}

const char *bc_transmit_word(unsigned int choice)
{
	return choice < XMTS ? transmit_words[choice] : "?";
}

const char *bc_origin_word(unsigned int choice)
{
	return choice < ORGS ? origin_words[choice] : "?";
}

static ds_ntp64 forged_transmit(const struct bc_state *s, unsigned int choice, int64_t at_ns)
{
	switch (choice) {
	case XMT_ZERO:
		return 0;
	case XMT_NOW:
		return sender_says(s, at_ns - MS);
	case XMT_SOON:
		return sender_says(s, at_ns + 7 * MS);
	case XMT_AHEAD:
		return sender_says(s, at_ns + 30 * S);
	case XMT_PAST:
		return sender_says(s, at_ns - 5 * S);
	case XMT_HALF_ERA:
		return sender_says(s, at_ns) + (UINT64_C(1) << 63);
	case XMT_RAW: /* what a calibration that never was would say */
		return ds_ntp64_from_ns(at_ns, 0);
	case XMT_NEXT:
		return s->count == 0 ? 1 : ds_wire_read_ntp64(s->sent[s->count - 1].bytes + 40) + 1;
	default:
		return JUNK;
	}
}

static ds_ntp64 forged_origin(const struct bc_state *s, unsigned int choice, int64_t at_ns)
{
	switch (choice) {
	case ORG_ZERO:
		return 0;
	case ORG_GUESS: /* when the broadcast before left: by its interval */
		return sender_says(s, at_ns - BC_INTERVAL_NS);
	case ORG_TRANSMIT:
		return s->count == 0 ? 1 : ds_wire_read_ntp64(s->sent[s->count - 1].bytes + 40);
	case ORG_ORIGIN:
		return s->count == 0 ? 1 : ds_wire_read_ntp64(s->sent[s->count - 1].bytes + 24);
	default:
		return JUNK;
	}
}

/* It comes half a millisecond before the true one would. */
static void forge(struct bc_state *s, struct bc_step *step)
{
	static const enum ds_auth verdicts[SHAPES] = {
		[OTHER_KEY] = DS_AUTH_BAD, [NAK] = DS_AUTH_GOOD, [VERDICT] = DS_AUTH_BAD};
	unsigned int shape = step->event.c;
	int64_t at_ns = s->now_ns + 500 * US + BC_TAG_FORGED;
	struct ds_packet p = {.version = 4,
			      .mode = DS_MODE_BROADCAST,
			      .poll_log2 = BC_POLL_LOG2,
			      .stratum = 1,
			      .origin = forged_origin(s, step->event.b, at_ns),
			      .transmit = forged_transmit(s, step->event.a, at_ns)};
	uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC] = {0};
	size_t length = DS_WIRE_HEADER_SIZE;

	if (shape == MODE_4 || shape == MODE_1)
		p.mode = shape == MODE_4 ? DS_MODE_SERVER : DS_MODE_ACTIVE;
	if (shape == UNSYNCHRONISED) {
		p.leap = 3;
		p.stratum = 0;
	}
	if (shape == OTHER_KEY || shape == UNCHECKED)
		length += MAC;
	if (shape == NAK)
		length += 4;
	if (shape == SHORT)
		length--;
	ds_wire_write(&p, bytes);
	to_listener(s, step, bytes, length, at_ns, verdicts[shape]);
}

/* ---- events ---- */

static void incident(struct bc_state *s, struct bc_step *step)
{
	s->incidents++;
	switch (step->event.kind) {
	case BC_SENDER_RESTARTS:
		restart_sender(s);
		break;
	case BC_SENDER_HURRIES:
		restart_sender(s);
		send(s, step, 500 * MS);
		break;
	case BC_LISTENER_RESTARTS:
		restart_listener(s);
		break;
	case BC_LISTENER_STEPS:
		s->own_error_ns += 40 * S;
		break;
	case BC_STEP_SMALL:
		step_sender(s, 300 * MS);
		break;
	case BC_STEP_LARGE:
		step_sender(s, 40 * S);
		break;
	case BC_STEP_BACK:
		step_sender(s, -2 * BC_INTERVAL_NS);
		break;
	case BC_NIGHT:
		s->now_ns += NIGHT;
		break;
	default:
		break;
	}
}

static void happen(struct bc_state *s, struct bc_step *step)
{
	switch (step->event.kind) {
	case BC_SEND:
		send(s, step, BC_INTERVAL_NS);
		break;
	case BC_DELIVER:
		deliver(s, step);
		break;
	case BC_STAMP:
		report(s, step);
		break;
	case BC_CALIBRATE:
		calibrate(s, step->event.a);
		break;
	case BC_FORGE:
		forge(s, step);
		break;
	default:
		incident(s, step);
		break;
	}
}

/* The bytes between members, which no code reads, are whatever the compiler leaves there. */
static void clear_gaps(struct bc_state *s)
{
	const size_t tx = offsetof(struct ds_tx_stamp, source) + sizeof(s->sender.sent.source);
	const size_t rx = offsetof(struct ds_rx_stamp, source) + sizeof(s->heard.source);

	memset((uint8_t *)&s->sender.sent + tx, 0, sizeof(s->sender.sent) - tx);
	memset((uint8_t *)&s->listener.heard + rx, 0, sizeof(s->heard) - rx);
	memset((uint8_t *)&s->heard + rx, 0, sizeof(s->heard) - rx);
}

static void note(const struct bc_step *step)
{
	met.reasons[step->reason] = true;
	met.accepted += step->outcome.accepted;
	if (step->outcome.has_exchange)
		met.kinds[step->outcome.exchange.kind]++;
}

static void bc_met(char *text, size_t size)
{
	unsigned int reasons = 0;

	for (unsigned int i = 0; i < DS_REASON_COUNT; i++)
		reasons += met.reasons[i];
	(void)snprintf(text, size, "%llu\t%llu\t0\t%llu\t%u",
		       (unsigned long long)met.kinds[DS_EXCHANGE_BROADCAST],
		       (unsigned long long)met.kinds[DS_EXCHANGE_BROADCAST_DRIVESTAMP],
		       (unsigned long long)met.accepted, reasons);
	memset(&met, 0, sizeof(met));
}

static const char *bc_step(void *state, struct proof_event event)
{
	struct bc_state *after = state;
	struct bc_state before = *after;
	struct bc_step step = {.event = event, .before = &before, .after = after};

	happen(after, &step);
	clear_gaps(after);
	/* Bytes on purpose: the gaps are clear. NOLINTBEGIN(*-memory-comparison,cert-*) */
	step.listener_changed =
		memcmp(&before.listener, &after->listener, sizeof(before.listener)) != 0;
	step.sender_changed = memcmp(&before.sender, &after->sender, sizeof(before.sender)) != 0;
	/* NOLINTEND(*-memory-comparison,cert-*) */
	note(&step);
	return bc_broken(&step);
}

void bc_happen(struct bc_state *s, struct proof_event event)
{
	struct bc_step step = {.event = event, .before = s, .after = s};

	happen(s, &step);
}

static const char *bc_look(const void *state)
{
	return bc_broken_at(state);
}

#define ADD(kind, a, b, c)                                                                         \
	(out[n++] = (struct proof_event){(uint8_t)(kind), (uint8_t)(a), (uint8_t)(b), (uint8_t)(c)})

/* Every transmit with every origin, plain and by the holder of another key; the other shapes
 * with what would pass otherwise. */
static unsigned int forgeries(struct proof_event *out)
{
	unsigned int xmts = bc_bounds->on_path ? XMTS : XMT_NEXT;
	unsigned int orgs = bc_bounds->on_path ? ORGS : ORG_TRANSMIT;
	unsigned int n = 0;

	for (unsigned int a = 0; a < xmts; a++) {
		for (unsigned int b = 0; b < orgs; b++) {
			ADD(BC_FORGE, a, b, PLAIN);
			ADD(BC_FORGE, a, b, OTHER_KEY);
		}
	}
	for (unsigned int c = UNCHECKED; c < SHAPES; c++) {
		ADD(BC_FORGE, XMT_NOW, ORG_ZERO, c);
		ADD(BC_FORGE, XMT_SOON, ORG_GUESS, c);
	}
	return n;
}

static unsigned int arrivals(const struct bc_state *s, struct proof_event *out)
{
	unsigned int n = 0;

	for (unsigned int i = 1; i <= s->count; i++) {
		ADD(BC_DELIVER, i, BC_PROMPT, 0);
		ADD(BC_DELIVER, i, BC_OVERDUE, 0);
		if (bc_bounds->keyed)
			ADD(BC_DELIVER, i, BC_STRIPPED, 0);
	}
	if (s->count > 0)
		ADD(BC_DELIVER, s->count, BC_SLOW, 0);
	return n;
}

static unsigned int bc_events(const void *state, struct proof_event *out)
{
	const struct bc_state *s = state;
	unsigned int n = 0;

	if (s->count < bc_bounds->broadcasts)
		ADD(BC_SEND, 0, 0, 0);
	n += arrivals(s, out + n);
	for (unsigned int i = 1; i <= s->count; i++) {
		if (s->sent[i - 1].run != s->run) /* a new socket: of new packets only */
			continue;
		ADD(BC_STAMP, i, BC_STAMPED, 0);
		for (unsigned int b = BC_TARDY; bc_bounds->stamps && b < BC_MANNERS; b++)
			ADD(BC_STAMP, i, b, 0);
	}
	for (unsigned int path = 0; path < BC_PATHS; path++)
		ADD(BC_CALIBRATE, path, 0, 0);
	for (unsigned int kind = BC_SENDER_RESTARTS;
	     kind < BC_KINDS && s->incidents < bc_bounds->incidents; kind++) {
		if (kind != BC_SENDER_HURRIES || s->count < bc_bounds->broadcasts)
			ADD(kind, 0, 0, 0);
	}
	if (bc_bounds->off_path || bc_bounds->on_path)
		n += forgeries(out + n);
	return n;
}

static void bc_initial(const struct proof_world *world, void *state)
{
	struct bc_state *s = state;

	bc_bounds = world->of;
	memset(s, 0, sizeof(*s));
	ds_broadcaster_init(&s->sender, 4, true);
	restart_listener(s);
}

#define WORLD(symbol, title, people, limits, at_level, ...)                                        \
	const struct proof_world symbol = {.name = title,                                          \
					   .words = people,                                        \
					   .bound = limits,                                        \
					   .level = at_level,                                      \
					   .size = sizeof(struct bc_state),                        \
					   .initial = bc_initial,                                  \
					   .events = bc_events,                                    \
					   .step = bc_step,                                        \
					   .look = bc_look,                                        \
					   .tell = bc_tell,                                        \
					   .met = bc_met,                                          \
					   .of = &(const struct bc_bounds){__VA_ARGS__}}

#define BOTH	   "broadcaster, listener; loss, duplicates, reordering, delay, stamps late or missing"
#define BAD_STAMPS "; stamps doubled, wrong"
#define INCIDENTS  "; restarts, steps, two days of silence"

WORLD(proof_bc_small, "small-broadcast", BOTH BAD_STAMPS INCIDENTS, "3 broadcasts, 1 incident",
      PROOF_SMALL, .broadcasts = 3, .incidents = 1, .stamps = true);
WORLD(proof_bc_small_off_path, "small-broadcast-off-path",
      BOTH INCIDENTS "; an attacker who sees nothing", "3 broadcasts, 1 incident", PROOF_SMALL,
      .broadcasts = 3, .incidents = 1, .off_path = true);
WORLD(proof_bc_small_keyed, "small-broadcast-keyed",
      BOTH INCIDENTS "; a key; an attacker who sees every packet and has another",
      "3 broadcasts, 1 incident", PROOF_SMALL, .broadcasts = 3, .incidents = 1, .keyed = true,
      .on_path = true);
WORLD(proof_bc, "broadcast", BOTH BAD_STAMPS INCIDENTS, "4 broadcasts, 1 incident", PROOF_DEFAULT,
      .broadcasts = 4, .incidents = 1, .stamps = true);
WORLD(proof_bc_incidents, "broadcast-incidents", BOTH INCIDENTS, "3 broadcasts, 2 incidents",
      PROOF_DEFAULT, .broadcasts = 3, .incidents = 2);
WORLD(proof_bc_on_path, "broadcast-on-path", BOTH INCIDENTS "; an attacker who sees every packet",
      "4 broadcasts, 1 incident", PROOF_DEFAULT, .broadcasts = 4, .incidents = 1, .on_path = true);
WORLD(proof_bc_keyed, "broadcast-keyed",
      BOTH INCIDENTS "; a key; an attacker who sees every packet and has another",
      "4 broadcasts, 1 incident", PROOF_DEFAULT, .broadcasts = 4, .incidents = 1, .keyed = true,
      .on_path = true);
WORLD(proof_bc_deep, "deep-broadcast", BOTH INCIDENTS, "4 broadcasts, 2 incidents", PROOF_DEEP,
      .broadcasts = 4, .incidents = 2);
WORLD(proof_bc_deep_keyed, "deep-broadcast-keyed",
      BOTH INCIDENTS "; a key; an attacker who sees every packet and has another",
      "4 broadcasts, 2 incidents", PROOF_DEEP, .broadcasts = 4, .incidents = 2, .keyed = true,
      .on_path = true);

/* ---- liveness: going on from a state with a path that works ---- */

bool bc_go_on(const struct bc_state *state, bool anew, unsigned int lost, unsigned int count,
	      enum ds_exchange_kind *kind, bool *paired)
{
	struct bc_state s = *state;
	struct ds_listener_outcome outcome = {0};
	bool good = true;

	if (anew)
		calibrate(&s, BC_EVEN);
	for (unsigned int i = 1; i <= lost + count; i++) {
		uint8_t bytes[DS_WIRE_HEADER_SIZE + MAC] = {0};
		unsigned int number = s.count + i;
		struct ds_rx_stamp t4;
		struct ds_tx_stamp tx;

		s.now_ns += BC_INTERVAL_NS;
		write_broadcast(&s, number, bytes);
		tx = drivestamp(&s, number, s.now_ns, BC_STAMPED);
		(void)ds_broadcaster_tx_stamp(&s.sender, number, &tx);
		if (i <= lost)
			continue;
		t4 = arrival(&s, s.now_ns + MS + BC_TAG_T4 + number);
		(void)ds_listener_receive(
			&s.listener, bytes, DS_WIRE_HEADER_SIZE + (bc_bounds->keyed ? MAC : 0), &t4,
			bc_bounds->keyed ? DS_AUTH_GOOD : DS_AUTH_ABSENT, 0, &outcome);
		good &= outcome.accepted;
	}
	*kind = outcome.has_exchange ? outcome.exchange.kind : DS_EXCHANGE_BASIC;
	*paired = bc_tag(outcome.exchange.t3_ns) - BC_TAG_DRIVE ==
		  bc_tag(outcome.exchange.t4.clock_ns) - BC_TAG_T4;
	return good;
}
