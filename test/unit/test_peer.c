/* Two peers, a path between them, and a truth that is known. */
#include <stdlib.h>

#include "core/exchange/peer.h"
#include "test/unit/exchange_world.h"

#define S	INT64_C(1000000000)
#define US	INT64_C(1000)
#define START	(INT64_C(1795420800) * S)
#define GUESS	(15 * US) /* from the reading of the clock to the wire */
#define THERE	(100 * US)
#define APART	(50 * 1000 * US) /* how far B's clock is ahead of A's */
#define PACKETS 12

struct side {
	struct ds_peer peer;
	int64_t clock_minus_true_ns;
	int64_t raw_minus_true_ns;
	uint32_t id;
	unsigned int exchanges, interleaved;
	int64_t worst_ns; /* of offsets and delays of interleaved exchanges, against the truth */
	int64_t worst_basic_ns; /* and of basic ones, but for the guess that T3 is there */
};

static const struct ds_server_state state_of_all = {
	.stratum = 2, .precision_log2 = -25, .ref_id = 0x0a000001, .root_dispersion_ns = 1000};

static void side_init(struct side *s, bool interleaved, int64_t clock_minus_true_ns)
{
	memset(s, 0, sizeof(*s));
	ds_peer_init(&s->peer, 4, interleaved, false, false);
	s->clock_minus_true_ns = clock_minus_true_ns;
	s->raw_minus_true_ns = -START + clock_minus_true_ns / 7;
}

static struct ds_tx_stamp tx_at(const struct side *s, int64_t true_ns, enum ds_stamp_source source)
{
	return (struct ds_tx_stamp){.clock_ns = true_ns + s->clock_minus_true_ns,
				    .raw_ns = true_ns + s->raw_minus_true_ns,
				    .source = source};
}

/* The side sends at that moment; its drivestamp is reported at once. */
static void side_send(struct side *s, int64_t true_ns, uint8_t out[DS_WIRE_HEADER_SIZE])
{
	struct ds_tx_stamp left = tx_at(s, true_ns + GUESS, DS_STAMP_KERNEL);
	struct ds_peer_sending sending = {
		.now = tx_at(s, true_ns, DS_STAMP_DAEMON), .tx_id = ++s->id, .poll_log2 = 0};

	ds_peer_send(&s->peer, &sending, &state_of_all, out);
	assert_int_equal(ds_peer_tx_stamp(&s->peer, s->id, &left), DS_R_OK);
}

static void note(int64_t *worst_ns, int64_t error_ns)
{
	if (llabs(error_ns) > *worst_ns)
		*worst_ns = llabs(error_ns);
}

static enum ds_reason side_receive(struct side *s, const struct side *other,
				   const uint8_t bytes[DS_WIRE_HEADER_SIZE], int64_t true_ns)
{
	struct ds_rx_stamp t4 = {.clock_ns = true_ns + s->clock_minus_true_ns,
				 .raw_ns = true_ns + s->raw_minus_true_ns,
				 .source = DS_STAMP_KERNEL};
	struct ds_peer_outcome o;
	enum ds_reason reason =
		ds_peer_receive(&s->peer, bytes, DS_WIRE_HEADER_SIZE, &t4, DS_AUTH_ABSENT, 0, &o);
	int64_t error_ns;

	if (!o.has_exchange)
		return reason;
	error_ns = o.exchange.offset_ns - (other->clock_minus_true_ns - s->clock_minus_true_ns);
	s->exchanges++;
	s->interleaved += o.interleaved;
	if (o.interleaved) {
		note(&s->worst_ns, error_ns);
		note(&s->worst_ns, o.exchange.delay_ns - 2 * THERE);
	} else {
		note(&s->worst_basic_ns, error_ns + GUESS / 2);
		note(&s->worst_basic_ns, o.exchange.delay_ns - 2 * THERE - GUESS);
	}
	return reason;
}

/* A sends each second, B half a second later. */
static void test_two_peers_interleave_and_are_exact(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct side a;
	struct side b;

	(void)state;
	side_init(&a, true, 0);
	side_init(&b, true, APART);
	for (int i = 0; i < PACKETS; i++) {
		int64_t t = START + i * S;

		side_send(&a, t, bytes);
		side_receive(&b, &a, bytes, t + GUESS + THERE);
		side_send(&b, t + S / 2, bytes);
		side_receive(&a, &b, bytes, t + S / 2 + GUESS + THERE);
	}
	assert_int_equal(a.exchanges, PACKETS);
	/* B's first is the pair that it begins with; the second tells when that left, which gives
	 * no exchange with a pair. */
	assert_int_equal(b.exchanges, DS_INTERLEAVE_BUILT ? PACKETS - 2 : PACKETS - 1);
	assert_int_equal(a.interleaved, DS_INTERLEAVE_BUILT ? PACKETS - 1 : 0);
	assert_int_equal(b.interleaved, DS_INTERLEAVE_BUILT ? PACKETS - 2 : 0);
	assert_in_range(a.worst_ns, 0, 2);
	assert_in_range(a.worst_basic_ns, 0, 2);
	assert_in_range(b.worst_ns, 0, 2);
	assert_in_range(b.worst_basic_ns, 0, 2);
}

/* A sends twice as often as B: B answers two packets with one, and its answer is the only one to
 * either; A's are two to one packet, and stay basic (RFC 9769 section 3, rule 3). */
static void test_who_sends_less_often_interleaves(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct side a;
	struct side b;

	(void)state;
	side_init(&a, true, 0);
	side_init(&b, true, APART);
	for (int i = 0; i < PACKETS; i++) {
		int64_t t = START + 2 * i * S;

		side_send(&a, t, bytes);
		side_receive(&b, &a, bytes, t + GUESS + THERE);
		side_send(&a, t + S, bytes);
		side_receive(&b, &a, bytes, t + S + GUESS + THERE);
		side_send(&b, t + S * 3 / 2, bytes);
		side_receive(&a, &b, bytes, t + S * 3 / 2 + GUESS + THERE);
	}
	assert_int_equal(a.exchanges, PACKETS);
	assert_int_equal(a.interleaved, DS_INTERLEAVE_BUILT ? PACKETS - 1 : 0);
	assert_in_range(b.exchanges, PACKETS - 1, PACKETS);
	assert_int_equal(b.interleaved, 0);
	assert_in_range(a.worst_ns, 0, 2);
	assert_in_range(a.worst_basic_ns, 0, 2);
}

/* ---- one side, and packets made by hand ---- */

/* What the side sent, as fields. */
static struct ds_packet sent_at(struct side *s, int64_t true_ns)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];

	side_send(s, true_ns, bytes);
	return world_packet(bytes);
}

/* A packet of the other side that names this origin, received at this moment there. */
static struct ds_packet naming(ds_ntp64 origin, int64_t received_ns, int64_t left_ns)
{
	return (struct ds_packet){.version = 4,
				  .mode = DS_MODE_ACTIVE,
				  .stratum = 2,
				  .precision_log2 = -25,
				  .origin = origin,
				  .receive = ds_ntp64_from_ns(received_ns, 0),
				  .transmit = ds_ntp64_from_ns(left_ns, 0)};
}

static enum ds_reason give_as(struct side *s, const struct ds_packet *p, int64_t true_ns,
			      size_t length, enum ds_auth auth, struct ds_peer_outcome *o)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE + 20] = {0};
	struct ds_rx_stamp t4 = {.clock_ns = true_ns + s->clock_minus_true_ns,
				 .raw_ns = true_ns + s->raw_minus_true_ns,
				 .source = DS_STAMP_KERNEL};
	struct ds_peer before;
	enum ds_reason reason;

	ds_wire_write(p, bytes);
	memcpy(&before, &s->peer, sizeof(before));
	reason = ds_peer_receive(&s->peer, bytes, length, &t4, auth, 0, o);
	assert_int_equal(o->has_exchange, reason == DS_R_OK);
	assert_int_equal(o->restart, reason == DS_R_ORIGIN);
	if (!o->valid && !o->restart)
		assert_memory_equal(&before, &s->peer, sizeof(before));
	if (o->restart) {
		before.restart_transmit = s->peer.restart_transmit;
		before.restart_raw_ns = s->peer.restart_raw_ns;
		assert_memory_equal(&before, &s->peer, sizeof(before));
	}
	return reason;
}

static enum ds_reason give(struct side *s, const struct ds_packet *p, int64_t true_ns)
{
	struct ds_peer_outcome o;

	return give_as(s, p, true_ns, DS_WIRE_HEADER_SIZE, DS_AUTH_ABSENT, &o);
}

/* The side is heard once: it sent at START, and was answered. */
static struct ds_packet meet(struct side *s)
{
	struct ds_packet ours = sent_at(s, START);
	struct ds_packet theirs = naming(ours.transmit, START + THERE, START + S / 2);

	assert_int_equal(give(s, &theirs, START + S / 2 + THERE), DS_R_OK);
	return theirs;
}

static void test_golden_packets(void **state)
{
	struct ds_packet theirs;
	struct ds_packet p;
	struct side s;

	(void)state;
	side_init(&s, true, 0);
	p = sent_at(&s, START);
	assert_int_equal(p.version << 3 | p.mode, 4 << 3 | 1);
	assert_true(p.origin == 0 && p.receive == 0 && p.stratum == 2);
	assert_int_equal(ds_ns_from_ntp64(p.transmit, START), START);
	side_init(&s, false, 0);
	theirs = meet(&s);
	p = sent_at(&s, START + S);
	assert_true(p.origin == theirs.transmit);
	assert_int_equal(ds_ns_from_ntp64(p.receive, START), START + S / 2 + THERE);
	assert_int_equal(ds_ns_from_ntp64(p.transmit, START), START + S);
	if (!DS_INTERLEAVE_BUILT)
		return;
	side_init(&s, true, 0);
	theirs = meet(&s);
	p = sent_at(&s, START + S);
	assert_true(p.origin == theirs.receive);
	assert_int_equal(ds_ns_from_ntp64(p.receive, START), START + S / 2 + THERE);
	assert_int_equal(ds_ns_from_ntp64(p.transmit, START), START + GUESS);
}

static void test_versions_and_sides(void **state)
{
	struct ds_packet p;
	struct side s;

	(void)state;
	side_init(&s, true, 0);
	ds_peer_init(&s.peer, 0, true, false, true);
	p = sent_at(&s, START);
	assert_int_equal(p.version << 3 | p.mode, 4 << 3 | 2);
	ds_peer_init(&s.peer, 5, true, false, false);
	assert_int_equal(sent_at(&s, START).version, 4);
	/* version 3 never interleaves, even if it was asked to */
	ds_peer_init(&s.peer, 3, true, false, false);
	for (int i = 0; i < 4; i++) {
		struct ds_packet ours = sent_at(&s, START + i * S);
		struct ds_packet theirs = naming(i == 0 ? ours.transmit : ours.receive,
						 START + i * S + THERE, START + i * S + S / 2);

		assert_int_equal(ours.version, 3);
		if (i > 0)
			assert_int_equal(ds_ns_from_ntp64(ours.transmit, START), START + i * S);
		(void)give(&s, &theirs, START + i * S + S / 2 + THERE);
	}
}

/* Numbered as in doc/exchange.md: what is not valid changes nothing (give_as compares). */
static void test_what_is_not_valid(void **state)
{
	struct ds_peer_outcome o;
	struct ds_packet good;
	struct ds_packet p;
	struct ds_packet ours;
	struct side s;

	(void)state;
	side_init(&s, false, 0);
	ours = sent_at(&s, START);
	good = naming(ours.transmit, START + THERE, START + S / 2);
	assert_int_equal(give_as(&s, &good, START + S, 47, DS_AUTH_ABSENT, &o), DS_R_PACKET_SHORT);
	for (uint8_t mode = 0; mode < 8; mode++) {
		p = good;
		p.mode = mode;
		if (mode != DS_MODE_ACTIVE && mode != DS_MODE_PASSIVE)
			assert_int_equal(give(&s, &p, START + S), DS_R_MODE);
	}
	assert_int_equal(give_as(&s, &good, START + S, 48, DS_AUTH_BAD, &o), DS_R_AUTH);
	assert_int_equal(give_as(&s, &good, START + S, 68, DS_AUTH_ABSENT, &o), DS_R_AUTH);
	p = good;
	p.transmit = 0;
	assert_int_equal(give(&s, &p, START + S), DS_R_ZERO_STAMP);
	p = good;
	p.receive = 0;
	assert_int_equal(give(&s, &p, START + S), DS_R_ZERO_STAMP);
	/* one of ours, sent back */
	p = ours;
	assert_int_equal(give(&s, &p, START + S), DS_R_PEER_STALE);
	/* scenario 3: zero, junk (CVE-2015-8138, 2018-7185): the restart pair, no more */
	p = good;
	p.origin = 0;
	assert_int_equal(give(&s, &p, START + S), DS_R_ORIGIN);
	p.origin = ours.transmit + 1;
	assert_int_equal(give(&s, &p, START + S), DS_R_ORIGIN);
	assert_int_equal(give(&s, &good, START + S), DS_R_OK);
	assert_int_equal(give(&s, &good, START + S), DS_R_PEER_STALE);
	good.transmit++;
	assert_int_equal(give(&s, &good, START + S), DS_R_PEER_AGAIN);
}

static void test_a_passive_side_hears_active_ones(void **state)
{
	struct ds_packet ours;
	struct ds_packet p;
	struct side s;

	(void)state;
	side_init(&s, false, 0);
	ds_peer_init(&s.peer, 4, false, false, true);
	ours = sent_at(&s, START);
	p = naming(ours.transmit, START + THERE, START + S / 2);
	p.mode = DS_MODE_PASSIVE;
	assert_int_equal(give(&s, &p, START + S), DS_R_MODE);
	p.mode = DS_MODE_ACTIVE;
	assert_int_equal(give(&s, &p, START + S), DS_R_OK);
	side_init(&s, false, 0);
	ours = sent_at(&s, START);
	p = naming(ours.transmit, START + THERE, START + S / 2);
	p.mode = DS_MODE_PASSIVE;
	assert_int_equal(give(&s, &p, START + S), DS_R_OK);
}

/* Scenario 4; CVE-2015-1799, 2016-4955: bad MAC, crypto-NAK, no MAC with the right origin; then the
 * true one.
 */
static void test_with_a_key_only_what_is_authentic(void **state)
{
	struct ds_peer_outcome o;
	struct ds_packet p;
	struct side s;

	(void)state;
	side_init(&s, false, 0);
	ds_peer_init(&s.peer, 4, false, true, false);
	p = naming(sent_at(&s, START).transmit, START + THERE, START + S / 2);
	assert_int_equal(give_as(&s, &p, START + S, 48, DS_AUTH_ABSENT, &o), DS_R_AUTH);
	assert_int_equal(give_as(&s, &p, START + S, 68, DS_AUTH_BAD, &o), DS_R_AUTH);
	assert_int_equal(give_as(&s, &p, START + S, 52, DS_AUTH_GOOD, &o), DS_R_AUTH);
	p.origin++; /* not even the restart pair */
	assert_int_equal(give_as(&s, &p, START + S, 68, DS_AUTH_BAD, &o), DS_R_AUTH);
	p.origin--;
	assert_int_equal(give_as(&s, &p, START + S, 68, DS_AUTH_GOOD, &o), DS_R_OK);
}

/* Valid, but of no use: what it leaves counts all the same. */
static void test_a_peer_without_time(void **state)
{
	struct ds_packet p;
	struct side s;

	(void)state;
	side_init(&s, false, 0);
	p = naming(sent_at(&s, START).transmit, START + THERE, START + S / 2);
	p.leap = DS_LEAP_UNSYNCHRONISED;
	assert_int_equal(give(&s, &p, START + S / 2 + THERE), DS_R_UNSYNCHRONISED);
	assert_true(sent_at(&s, START + S).origin == p.transmit);
	p = naming(s.peer.sent[1].transmit, START + S + THERE, START + S + S / 2);
	p.stratum = 0; /* a kiss code does nothing in symmetric mode */
	p.ref_id = 0x44454e59;
	assert_int_equal(give(&s, &p, START + S + S / 2 + THERE), DS_R_UNSYNCHRONISED);
	assert_true(sent_at(&s, START + 2 * S).origin == p.transmit);
}

/* All of our last four may be named, each only by what is newer than before; none older. */
static void test_which_of_ours_may_be_named(void **state)
{
	struct ds_packet ours[6];
	struct ds_packet p;
	struct side s;

	(void)state;
	side_init(&s, false, 0);
	for (int i = 0; i < 6; i++)
		ours[i] = sent_at(&s, START + i * S);
	p = naming(ours[1].transmit, START + S, START + 6 * S);
	assert_int_equal(give(&s, &p, START + 6 * S + THERE), DS_R_ORIGIN);
	p = naming(ours[3].transmit, START + 3 * S, START + 6 * S);
	assert_int_equal(give(&s, &p, START + 6 * S + THERE), DS_R_PEER_AGAIN);
	p = naming(ours[2].transmit, START + 2 * S, START + 7 * S);
	assert_int_equal(give(&s, &p, START + 7 * S + THERE), DS_R_PEER_STALE);
	p = naming(ours[5].transmit, START + 5 * S, START + 6 * S - 1);
	assert_int_equal(give(&s, &p, START + 7 * S + THERE), DS_R_PEER_AGAIN);
	/* a hundred without an answer; the count of them stays where it is */
	for (int i = 0; i < 300; i++)
		ours[0] = sent_at(&s, START + (10 + i) * S);
	p = naming(ours[0].transmit, START + 309 * S + THERE, START + 309 * S + S / 2);
	assert_int_equal(give(&s, &p, START + 309 * S + S / 2 + THERE), DS_R_OK);
}

/* Fields of ours differ whatever the clock does. */
static void test_fields_differ(void **state)
{
	int64_t era = INT64_C(2085978496) * S; /* whose field is 0 */
	struct ds_packet p[8];
	struct side s;

	(void)state;
	side_init(&s, true, 0);
	(void)meet(&s);
	for (int i = 0; i < 8; i++) {
		struct ds_peer_sending sending = {
			.now = {.clock_ns = i < 4 ? START : era,
				.raw_ns = s.peer.heard_raw_ns, /* receive = transmit */
				.source = DS_STAMP_DAEMON},
			.tx_id = ++s.id,
		};
		uint8_t bytes[DS_WIRE_HEADER_SIZE];

		ds_peer_send(&s.peer, &sending, &state_of_all, bytes);
		p[i] = world_packet(bytes);
		assert_true(p[i].transmit != 0 && p[i].receive != 0);
		for (int k = i < DS_PEER_RECENT ? 0 : i - DS_PEER_RECENT + 1; k < i; k++)
			assert_true(p[i].receive != p[k].receive &&
				    p[i].transmit != p[k].transmit &&
				    p[i].receive != p[k].transmit && p[i].transmit != p[k].receive);
		assert_true(p[i].receive != p[i].transmit);
	}
}

/* The restart pair: at once where nobody was heard; by turns after four of ours without answer. */
static void test_the_restart_pair(void **state)
{
	struct ds_packet theirs;
	struct ds_packet forged = naming(42, START, START + S + 12345);
	unsigned int used = 0;
	struct side s;

	(void)state;
	side_init(&s, false, 0);
	(void)sent_at(&s, START);
	assert_int_equal(give(&s, &forged, START + S), DS_R_ORIGIN);
	assert_true(sent_at(&s, START + S).origin == forged.transmit);
	/* Between two that know each other it counts for nothing ... */
	side_init(&s, false, 0);
	theirs = meet(&s);
	for (int i = 1; i <= DS_PEER_LONG; i++) {
		assert_int_equal(give(&s, &forged, START + i * S), DS_R_ORIGIN);
		assert_true(sent_at(&s, START + i * S).origin == theirs.transmit);
	}
	/* ... for long; then every other packet still names what was valid. */
	for (int i = 5; i < 15; i++) {
		struct ds_packet p;

		assert_int_equal(give(&s, &forged, START + i * S), DS_R_ORIGIN);
		p = sent_at(&s, START + i * S);
		used += p.origin == forged.transmit;
		assert_true(p.origin == forged.transmit || p.origin == theirs.transmit);
	}
	assert_int_equal(used, 5);
	/* A valid packet ends it. */
	theirs = naming(s.peer.sent[(s.peer.number - 1) % DS_PEER_RECENT].transmit, START + 14 * S,
			START + 15 * S);
	assert_int_equal(give(&s, &theirs, START + 15 * S), DS_R_OK);
	assert_true(s.peer.restart_transmit == 0);
}

/* What answers a packet that began anew tells when the pair's own packet left, which was no valid
 * one: with the arrival of the last valid one it would make an exchange of two packets. */
static void test_no_exchange_with_the_restart_pair(void **state)
{
	struct ds_packet forged = naming(42, START, START + 900000000);
	struct ds_packet p = {0};
	struct side s;

	(void)state;
	side_init(&s, true, 0);
	(void)meet(&s);
	for (int i = 1; p.origin != forged.transmit; i++) {
		assert_in_range(i, 1, 2 * DS_PEER_LONG);
		assert_int_equal(give(&s, &forged, START + i * S), DS_R_ORIGIN);
		p = sent_at(&s, START + i * S);
	}
	p = naming(p.receive, START + 7 * S, START + S / 2 + US);
	assert_int_equal(give(&s, &p, START + 8 * S),
			 DS_INTERLEAVE_BUILT ? DS_R_PEER_AGAIN : DS_R_ORIGIN);
}

static void test_stamps(void **state)
{
	struct ds_tx_stamp tx;
	struct ds_packet ours;
	struct ds_packet p;
	struct ds_peer before;
	struct side s;

	(void)state;
	side_init(&s, true, 0);
	tx = tx_at(&s, START, DS_STAMP_KERNEL);
	assert_int_equal(ds_peer_tx_stamp(&s.peer, 0, &tx), DS_R_STAMP_WRONG_ID);
	ours = sent_at(&s, START);
	before = s.peer;
	assert_int_equal(ds_peer_tx_stamp(&s.peer, s.id + 1, &tx), DS_R_STAMP_WRONG_ID);
	assert_int_equal(ds_peer_tx_stamp(&s.peer, s.id, &tx), DS_R_STAMP_DOUBLE);
	tx = tx_at(&s, START + 3 * S, DS_STAMP_HARDWARE);
	assert_int_equal(ds_peer_tx_stamp(&s.peer, s.id, &tx), DS_R_STAMP_IMPLAUSIBLE);
	assert_memory_equal(&before, &s.peer, sizeof(before));
	tx = tx_at(&s, START + GUESS + 10, DS_STAMP_HARDWARE);
	assert_int_equal(ds_peer_tx_stamp(&s.peer, s.id, &tx), DS_R_OK);
	/* After the answer: only what lies before it. */
	side_init(&s, true, 0);
	ours = sent_at(&s, START);
	p = naming(ours.transmit, START + THERE, START + 200 * US);
	assert_int_equal(give(&s, &p, START + 300 * US), DS_R_OK);
	tx = tx_at(&s, START + 301 * US, DS_STAMP_HARDWARE);
	assert_int_equal(ds_peer_tx_stamp(&s.peer, s.id, &tx), DS_R_STAMP_IMPLAUSIBLE);
	tx = tx_at(&s, START + 20 * US, DS_STAMP_HARDWARE);
	assert_int_equal(ds_peer_tx_stamp(&s.peer, s.id, &tx), DS_R_OK);
}

/* A kernel that says our packet left after its answer came: no exchange, and no interleaving. */
static void test_a_packet_that_left_after_its_answer(void **state)
{
	struct ds_packet ours;
	struct ds_packet p;
	struct side s;

	(void)state;
	side_init(&s, true, 0);
	ours = sent_at(&s, START);
	p = naming(ours.transmit, START + US, START + 2 * US);
	assert_int_equal(give(&s, &p, START + GUESS - 1), DS_R_DELAY_NEGATIVE);
	assert_int_equal(s.peer.t1.source, DS_STAMP_NONE);
	p = sent_at(&s, START + S);
	assert_int_equal(ds_ns_from_ntp64(p.transmit, START), START + S);
}

/* Rule 1: without `xleave` the other side's interleaved packets are answered in kind. */
static void test_interleaved_if_asked(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct side a;
	struct side b;

	(void)state;
	side_init(&a, true, 0);
	side_init(&b, false, APART);
	for (int i = 0; i < PACKETS; i++) {
		side_send(&a, START + i * S, bytes);
		side_receive(&b, &a, bytes, START + i * S + GUESS + THERE);
		side_send(&b, START + i * S + S / 2, bytes);
		side_receive(&a, &b, bytes, START + i * S + S / 2 + GUESS + THERE);
	}
	assert_int_equal(a.interleaved, DS_INTERLEAVE_BUILT ? PACKETS - 1 : 0);
	assert_int_equal(b.interleaved, DS_INTERLEAVE_BUILT ? PACKETS - 2 : 0);
	assert_in_range(a.worst_ns, 0, 2);
	assert_in_range(a.worst_basic_ns, 0, 2);
	assert_in_range(b.worst_ns, 0, 2);
	assert_in_range(b.worst_basic_ns, 0, 2);
}

/* RFC 9769 section 3: B answers twice, and the first answer is lost. What A then sends names the
 * second, and B's stamp of which packet is told is never A's of another. Scenario 6. */
static void test_scenario_6_b_answers_twice(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct side a;
	struct side b;

	(void)state;
	side_init(&a, true, 0);
	side_init(&b, true, APART);
	for (int i = 0; i < PACKETS; i++) {
		int64_t t = START + i * S;

		side_send(&a, t, bytes);
		side_receive(&b, &a, bytes, t + GUESS + THERE);
		side_send(&b, t + S / 4, bytes); /* lost */
		side_send(&b, t + S / 2, bytes);
		side_receive(&a, &b, bytes, t + S / 2 + GUESS + THERE);
	}
	assert_int_equal(a.exchanges, PACKETS);
	assert_int_equal(a.interleaved, 0); /* rule 3 */
	assert_in_range(a.worst_basic_ns, 0, 2);
	assert_int_equal(b.interleaved, DS_INTERLEAVE_BUILT ? PACKETS - 2 : 0);
	assert_in_range(b.worst_ns, 0, 2);
	assert_in_range(b.worst_basic_ns, 0, 2);
}

/* The trace by which two rules of RFC 9769 section 3 were found: one round trip, A sends, B answers
 * twice, the first is lost. Were the second to tell when the first left, A would take that for when
 * the one left that it heard before. */
static void test_scenario_6_the_trace(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_packet first;
	struct ds_packet second;
	struct side a;
	struct side b;

	(void)state;
	side_init(&a, true, 0);
	side_init(&b, true, APART);
	for (int i = 0; i < 2; i++) { /* both have begun, and a round trip more */
		side_send(&a, START + i * S, bytes);
		side_receive(&b, &a, bytes, START + i * S + GUESS + THERE);
		side_send(&b, START + i * S + S / 2, bytes);
		side_receive(&a, &b, bytes, START + i * S + S / 2 + GUESS + THERE);
	}
	side_send(&a, START + 2 * S, bytes);
	side_receive(&b, &a, bytes, START + 2 * S + GUESS + THERE);
	first = sent_at(&b, START + 2 * S + S / 4);
	side_send(&b, START + 2 * S + S / 2, bytes);
	second = world_packet(bytes);
	/* Of one answer each, the first tells when the one before left; the second is basic. */
	assert_int_equal(ds_ns_from_ntp64(first.transmit, START) - APART,
			 DS_INTERLEAVE_BUILT ? START + S + S / 2 + GUESS : START + 2 * S + S / 4);
	assert_int_equal(ds_ns_from_ntp64(second.transmit, START) - APART, START + 2 * S + S / 2);
	assert_int_equal(side_receive(&a, &b, bytes, START + 2 * S + S / 2 + GUESS + THERE),
			 DS_R_OK);
	assert_in_range(a.worst_basic_ns, 0, 2);
	/* Rule 3: nor does the next, after one that was not alone. */
	side_send(&a, START + 3 * S, bytes);
	side_receive(&b, &a, bytes, START + 3 * S + GUESS + THERE);
	second = sent_at(&b, START + 3 * S + S / 2);
	assert_int_equal(ds_ns_from_ntp64(second.transmit, START) - APART, START + 3 * S + S / 2);
}

/* Three of ten lost each way at equal polls: whatever makes an exchange is of one, and about half
 * of all rounds do, on both sides. */
static void test_three_of_ten_lost(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct world random = {.seed = 42};
	struct side a;
	struct side b;

	(void)state;
	side_init(&a, true, 0);
	side_init(&b, true, APART);
	for (int i = 0; i < 20000; i++) {
		int64_t t = START + i * S;

		side_send(&a, t, bytes);
		if (world_random(&random) % 10 >= 3)
			side_receive(&b, &a, bytes, t + GUESS + THERE);
		side_send(&b, t + S / 2, bytes);
		if (world_random(&random) % 10 >= 3)
			side_receive(&a, &b, bytes, t + S / 2 + GUESS + THERE);
	}
	print_message("# of 20000: A %u exchanges, %u interleaved; B %u, %u\n", a.exchanges,
		      a.interleaved, b.exchanges, b.interleaved);
	assert_in_range(a.exchanges, 8000, 10500);
	assert_in_range(b.exchanges, 8000, 10500);
	assert_in_range(a.worst_ns, 0, 2);
	assert_in_range(b.worst_ns, 0, 2);
	assert_in_range(a.worst_basic_ns, 0, 2);
	assert_in_range(b.worst_basic_ns, 0, 2);
}

/* Nothing comes for ten polls: the first packet of each that comes again makes an exchange, or the
 * answer to it does, and the second of either is interleaved again. */
static void test_an_outage_of_ten_polls(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct side a;
	struct side b;

	(void)state;
	side_init(&a, true, 0);
	side_init(&b, true, APART);
	for (int i = 0; i < 17; i++) {
		bool cut = i >= 4 && i < 14;
		int64_t t = START + i * S;

		if (i == 14)
			a.exchanges = b.exchanges = a.interleaved = b.interleaved = 0;
		side_send(&a, t, bytes);
		if (!cut)
			side_receive(&b, &a, bytes, t + GUESS + THERE);
		side_send(&b, t + S / 2, bytes);
		if (!cut)
			side_receive(&a, &b, bytes, t + S / 2 + GUESS + THERE);
	}
	print_message("# after it: A %u of %u interleaved, B %u of %u\n", a.interleaved,
		      a.exchanges, b.interleaved, b.exchanges);
	assert_in_range(a.exchanges, 3, 3);
	assert_in_range(b.exchanges, 2, 3);
	if (DS_INTERLEAVE_BUILT)
		assert_true(a.interleaved >= 1 && b.interleaved >= 1);
	assert_in_range(a.worst_ns, 0, 2);
	assert_in_range(b.worst_ns, 0, 2);
	assert_in_range(a.worst_basic_ns, 0, 2);
	assert_in_range(b.worst_basic_ns, 0, 2);
}

/* A third of all packets lost, and each side at times begins anew or is cut off for long: no
 * exchange ever mixes stamps, and both go on. */
static void test_loss_outage_and_restart(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	uint64_t seed = 1;
	struct side a;
	struct side b;

	(void)state;
	side_init(&a, true, 0);
	side_init(&b, true, APART);
	for (int i = 0; i < 3000; i++) {
		bool cut = i % 500 >= 480;
		int64_t t = START + i * S;

		if (i % 500 == 250)
			ds_peer_forget(&a.peer);
		if (i % 500 == 400)
			ds_peer_forget(&b.peer);
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		side_send(&a, t, bytes);
		if (!cut && seed >> 60 > 4)
			side_receive(&b, &a, bytes, t + GUESS + THERE);
		side_send(&b, t + S / 2, bytes);
		if (!cut && (seed >> 56 & 15) > 4)
			side_receive(&a, &b, bytes, t + S / 2 + GUESS + THERE);
	}
	assert_in_range(a.exchanges, 1000, 2100);
	assert_in_range(b.exchanges, 1000, 2100);
	assert_in_range(a.worst_ns, 0, 2);
	/* A receive field moves on by 2^-32 s for each packet that named the same, here over 20. */
	assert_in_range(a.worst_basic_ns, 0, 8);
	assert_in_range(b.worst_ns, 0, 2);
	assert_in_range(b.worst_basic_ns, 0, 8);
	if (DS_INTERLEAVE_BUILT)
		assert_true(a.interleaved > 300 && b.interleaved > 300);
}

/* Scenario 11: the clock of a side is stepped between receiving and sending: the other side's
 * exchange has the interval of one clock all the same. Scenario 13: and so over an era. */
static void test_scenarios_11_and_13_steps_and_eras(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct side a;
	struct side b;

	(void)state;
	side_init(&a, true, 0);
	side_init(&b, true, APART);
	for (int i = 0; i < PACKETS; i++) {
		int64_t t = INT64_C(2085978490) * S + i * S;

		side_send(&a, t, bytes);
		side_receive(&b, &a, bytes, t + GUESS + THERE);
		b.clock_minus_true_ns -= 7 * S;
		side_send(&b, t + S / 2, bytes);
		side_receive(&a, &b, bytes, t + S / 2 + GUESS + THERE);
	}
	assert_int_equal(a.exchanges, PACKETS);
	assert_in_range(a.worst_ns, 0, 3);
}

/* Later over the beginning of an era is later; what was before it is a replay. */
static void test_a_replay_over_an_era(void **state)
{
	int64_t era = INT64_C(2085978496) * S;
	struct ds_packet ours;
	struct ds_packet p;
	struct side s;

	(void)state;
	side_init(&s, false, 0);
	ours = sent_at(&s, era - S);
	p = naming(ours.transmit, era - S + THERE, era - 1);
	assert_int_equal(give(&s, &p, era + THERE), DS_R_OK);
	p.transmit = ds_ntp64_from_ns(era + 1, 0);
	assert_int_equal(give(&s, &p, era + THERE), DS_R_PEER_AGAIN);
	p.transmit = ds_ntp64_from_ns(era - 1, 0);
	assert_int_equal(give(&s, &p, era + THERE), DS_R_PEER_STALE);
}

/* The number of packets sent begins again at 0: what is in flight then is lost, and no more. */
static void test_numbers_wrap(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct side a;
	struct side b;

	(void)state;
	side_init(&a, true, 0);
	side_init(&b, true, APART);
	a.peer.number = b.peer.number = UINT32_MAX - 3;
	for (int i = 0; i < 2 * PACKETS; i++) {
		int64_t t = START + i * S;

		side_send(&a, t, bytes);
		side_receive(&b, &a, bytes, t + GUESS + THERE);
		side_send(&b, t + S / 2, bytes);
		side_receive(&a, &b, bytes, t + S / 2 + GUESS + THERE);
	}
	assert_in_range(a.exchanges, 2 * PACKETS - 4, 2 * PACKETS);
	assert_in_range(b.exchanges, 2 * PACKETS - 6, 2 * PACKETS);
	assert_in_range(a.worst_ns, 0, 2);
	assert_in_range(b.worst_ns, 0, 2);
	assert_in_range(a.worst_basic_ns, 0, 2);
	assert_in_range(b.worst_basic_ns, 0, 2);
	print_message("# of %d: A %u, B %u\n", 2 * PACKETS, a.exchanges, b.exchanges);
}

/* An interleaved packet after one that named an older of ours: set 2, since T1 of set 1 is gone. */
static void test_interleaved_after_one_that_named_an_older(void **state)
{
	struct ds_peer_outcome o;
	struct ds_packet older;
	struct ds_packet ours;
	struct ds_packet p;
	struct side s;

	(void)state;
	if (!DS_INTERLEAVE_BUILT)
		return;
	side_init(&s, true, 0);
	older = sent_at(&s, START);
	(void)sent_at(&s, START + S);
	p = naming(older.transmit, START + THERE, START + S + S / 2);
	assert_int_equal(give(&s, &p, START + S + S / 2 + THERE), DS_R_PEER_AGAIN);
	/* so late that set 1 would be taken, had it a T1 */
	ours = sent_at(&s, START + 4 * S);
	assert_true(ours.origin == p.transmit); /* basic: it did not name our latest */
	p = naming(ours.receive, START + 4 * S + GUESS + THERE, START + S + S / 2);
	assert_int_equal(give_as(&s, &p, START + 4 * S + S / 2 + THERE, DS_WIRE_HEADER_SIZE,
				 DS_AUTH_ABSENT, &o),
			 DS_R_OK);
	assert_int_equal(o.exchange.kind, DS_EXCHANGE_SET2);
	assert_in_range(o.exchange.offset_ns + 1, 0, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_peers_interleave_and_are_exact),
		cmocka_unit_test(test_who_sends_less_often_interleaves),
		cmocka_unit_test(test_golden_packets),
		cmocka_unit_test(test_versions_and_sides),
		cmocka_unit_test(test_what_is_not_valid),
		cmocka_unit_test(test_a_passive_side_hears_active_ones),
		cmocka_unit_test(test_with_a_key_only_what_is_authentic),
		cmocka_unit_test(test_a_peer_without_time),
		cmocka_unit_test(test_which_of_ours_may_be_named),
		cmocka_unit_test(test_fields_differ),
		cmocka_unit_test(test_the_restart_pair),
		cmocka_unit_test(test_no_exchange_with_the_restart_pair),
		cmocka_unit_test(test_stamps),
		cmocka_unit_test(test_a_packet_that_left_after_its_answer),
		cmocka_unit_test(test_interleaved_if_asked),
		cmocka_unit_test(test_scenario_6_b_answers_twice),
		cmocka_unit_test(test_scenario_6_the_trace),
		cmocka_unit_test(test_three_of_ten_lost),
		cmocka_unit_test(test_an_outage_of_ten_polls),
		cmocka_unit_test(test_loss_outage_and_restart),
		cmocka_unit_test(test_scenarios_11_and_13_steps_and_eras),
		cmocka_unit_test(test_a_replay_over_an_era),
		cmocka_unit_test(test_numbers_wrap),
		cmocka_unit_test(test_interleaved_after_one_that_named_an_older),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
