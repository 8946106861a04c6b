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
	int64_t worst_ns; /* of offsets of interleaved exchanges, against the truth */
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
	if (o.interleaved && llabs(error_ns) > s->worst_ns)
		s->worst_ns = llabs(error_ns);
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
	assert_in_range(b.worst_ns, 0, 2);
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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_peers_interleave_and_are_exact),
		cmocka_unit_test(test_who_sends_less_often_interleaves),
	};

	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
