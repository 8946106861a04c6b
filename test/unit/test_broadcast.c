/* One that broadcasts, one that listens, a path between them, and a truth that is known. */
#include "core/exchange/broadcast.h"
#include "test/unit/exchange_world.h"

#define S     INT64_C(1000000000)
#define US    INT64_C(1000)
#define START WORLD_START
#define GUESS (15 * US)	 /* from the reading of the clock to the wire */
#define WAY   (100 * US) /* there, and as long back */

static const struct ds_server_state state_of_all = {
	.stratum = 1, .precision_log2 = -25, .ref_id = 0x47505300, .root_dispersion_ns = 1000};

struct air {
	struct ds_broadcaster sender;
	struct ds_listener listener;
	int64_t sender_minus_true_ns; /* its clock; its raw scale is true time */
	int64_t clock_minus_true_ns;  /* the listener's */
	uint32_t id;
	int8_t poll_log2;
	uint8_t bytes[DS_WIRE_HEADER_SIZE + 20]; /* the last broadcast */
	struct ds_listener_outcome o;
};

static void air_init(struct air *a, bool interleaved, bool keyed)
{
	memset(a, 0, sizeof(*a));
	ds_broadcaster_init(&a->sender, 4, interleaved);
	ds_listener_init(&a->listener, 4, keyed);
	a->clock_minus_true_ns = -50 * 1000 * US;
	a->poll_log2 = 0;
}

static struct ds_rx_stamp rx_at(const struct air *a, int64_t true_ns)
{
	return (struct ds_rx_stamp){.clock_ns = true_ns + a->clock_minus_true_ns,
				    .raw_ns = true_ns - START,
				    .source = DS_STAMP_KERNEL};
}

/* A round trip with the sender, answered at that moment, that took so long more than it must. */
static void air_calibrate_late(struct air *a, int64_t true_ns, int64_t late_ns)
{
	struct ds_rx_stamp t4 = rx_at(a, true_ns + WAY + late_ns);
	struct ds_rx_stamp left = rx_at(a, true_ns - WAY);
	struct ds_tx_stamp t1 = {left.clock_ns, left.raw_ns, DS_STAMP_KERNEL, 0};
	const struct ds_remote remote = {.stratum = 1, .precision_log2 = -25};
	struct ds_exchange e;

	assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1,
					  true_ns + a->sender_minus_true_ns,
					  true_ns + a->sender_minus_true_ns, &t4, &remote, 0),
			 DS_R_OK);
	ds_listener_calibrate(&a->listener, &e, 2 * WAY, 0);
}

static void air_calibrate(struct air *a, int64_t true_ns)
{
	air_calibrate_late(a, true_ns, 0);
}

/* A broadcast leaves; its drivestamp is reported. */
static void air_send(struct air *a, int64_t true_ns)
{
	struct ds_tx_stamp left = {.clock_ns = true_ns + GUESS + a->sender_minus_true_ns,
				   .raw_ns = true_ns + GUESS,
				   .source = DS_STAMP_KERNEL};
	struct ds_broadcast_sending sending = {
		.now = {.clock_ns = true_ns + a->sender_minus_true_ns,
			.raw_ns = true_ns,
			.source = DS_STAMP_DAEMON},
		.tx_id = ++a->id,
		.poll_log2 = a->poll_log2,
	};

	ds_broadcaster_send(&a->sender, &sending, &state_of_all, a->bytes);
	assert_int_equal(ds_broadcaster_tx_stamp(&a->sender, a->id, &left), DS_R_OK);
}

static enum ds_reason air_hear_as(struct air *a, int64_t true_ns, size_t length, enum ds_auth auth)
{
	struct ds_rx_stamp t4 = rx_at(a, true_ns);
	struct ds_listener before;
	enum ds_reason reason;

	memcpy(&before, &a->listener, sizeof(before));
	reason = ds_listener_receive(&a->listener, a->bytes, length, &t4, auth, 0, &a->o);
	if (!a->o.accepted)
		assert_memory_equal(&before, &a->listener, sizeof(before));
	assert_int_equal(a->o.has_exchange, reason == DS_R_OK);
	return reason;
}

/* The last broadcast arrives, that long after it was sent. */
static enum ds_reason air_hear(struct air *a, int64_t true_ns)
{
	return air_hear_as(a, true_ns, DS_WIRE_HEADER_SIZE, DS_AUTH_ABSENT);
}

static int64_t error_ns(const struct air *a)
{
	return a->o.exchange.offset_ns - (a->sender_minus_true_ns - a->clock_minus_true_ns);
}

/* Sent and heard in time. */
static enum ds_reason air_round(struct air *a, int64_t true_ns)
{
	air_send(a, true_ns);
	return air_hear(a, true_ns + GUESS + WAY);
}

static void put(struct air *a, size_t at, const char *hex)
{
	world_hex(hex, a->bytes + at);
}

static void test_basic_is_wrong_by_the_guess(void **state)
{
	struct air a;

	(void)state;
	air_init(&a, false, false);
	air_calibrate(&a, START);
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(air_round(&a, START + i * S), DS_R_OK);
		assert_int_equal(a.o.exchange.kind, DS_EXCHANGE_BROADCAST);
		assert_int_equal(a.o.exchange.t1.source, DS_STAMP_NONE);
		assert_int_equal(a.o.exchange.delay_ns, 2 * WAY);
		assert_int_equal(error_ns(&a), -GUESS);
	}
}

static void test_interleaved_is_exact(void **state)
{
	struct air a;

	(void)state;
	air_init(&a, true, false);
	air_calibrate(&a, START);
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(air_round(&a, START + i * S), DS_R_OK);
		if (i == 1 || !DS_INTERLEAVE_BUILT) {
			assert_int_equal(a.o.exchange.kind, DS_EXCHANGE_BROADCAST);
			continue;
		}
		assert_int_equal(a.o.exchange.kind, DS_EXCHANGE_BROADCAST_DRIVESTAMP);
		assert_in_range(error_ns(&a) + 1, 0, 2);
	}
}

/* RFC 9769 section 4, to the byte: origin is the drivestamp of the packet before. */
static void test_golden_broadcasts(void **state)
{
	struct ds_packet p;
	ds_ntp64 first;
	struct air a;

	(void)state;
	air_init(&a, true, false);
	air_send(&a, START);
	p = world_packet(a.bytes);
	assert_int_equal(a.bytes[0], 4 << 3 | 5);
	assert_int_equal(p.stratum, 1);
	assert_int_equal(p.ref_id, 0x47505300);
	assert_true(p.origin == 0 && p.receive == 0);
	assert_int_equal(ds_ns_from_ntp64(p.transmit, START), START);
	first = ds_ntp64_from_ns(START + GUESS, 0);
	air_send(&a, START + S);
	p = world_packet(a.bytes);
	assert_int_equal(ds_ns_from_ntp64(p.origin, START), DS_INTERLEAVE_BUILT
								    ? ds_ns_from_ntp64(first, START)
								    : ds_ns_from_ntp64(0, START));
	assert_int_equal(ds_ns_from_ntp64(p.transmit, START), START + S);
}

/* Versions below 4 know of no interleaving; others than 1 to 4 become 4. */
static void test_versions(void **state)
{
	struct air a;

	(void)state;
	air_init(&a, true, false);
	ds_broadcaster_init(&a.sender, 3, true);
	air_send(&a, START);
	air_send(&a, START + S);
	assert_int_equal(a.bytes[0], 3 << 3 | 5);
	assert_true(world_packet(a.bytes).origin == 0);
	ds_broadcaster_init(&a.sender, 0, true);
	air_send(&a, START);
	assert_int_equal(a.bytes[0], 4 << 3 | 5);
	ds_broadcaster_init(&a.sender, 5, false);
	air_send(&a, START);
	assert_int_equal(a.bytes[0], 4 << 3 | 5);
	assert_true(world_packet(a.bytes).origin == 0);
}

/* The moment whose field is 0 is not sent as 0. */
static void test_the_beginning_of_an_era(void **state)
{
	struct air a;

	(void)state;
	air_init(&a, true, false);
	air_send(&a, INT64_C(2085978496) * S);
	assert_true(world_packet(a.bytes).transmit == 1);
	/* and an exchange over it is as exact as any */
	air_init(&a, true, false);
	air_calibrate(&a, INT64_C(2085978494) * S);
	for (int i = 0; i < 4; i++)
		assert_int_equal(air_round(&a, INT64_C(2085978495) * S + i * S), DS_R_OK);
	if (DS_INTERLEAVE_BUILT)
		assert_in_range(error_ns(&a) + 1, 0, 2);
}

static void test_stamps_of_the_sender(void **state)
{
	struct ds_tx_stamp tx = {.clock_ns = START + GUESS, .raw_ns = START + GUESS};
	struct ds_broadcaster before;
	struct air a;

	(void)state;
	air_init(&a, true, false);
	tx.source = DS_STAMP_KERNEL;
	assert_int_equal(ds_broadcaster_tx_stamp(&a.sender, 0, &tx), DS_R_STAMP_WRONG_ID);
	air_send(&a, START);
	before = a.sender;
	assert_int_equal(ds_broadcaster_tx_stamp(&a.sender, a.id + 1, &tx), DS_R_STAMP_WRONG_ID);
	assert_int_equal(ds_broadcaster_tx_stamp(&a.sender, a.id, &tx), DS_R_STAMP_DOUBLE);
	assert_memory_equal(&before, &a.sender, sizeof(before));
	/* No drivestamp of the last: the next is basic. */
	air_send(&a, START + S);
	a.sender.sent.source = DS_STAMP_DAEMON;
	tx.raw_ns = START - S;
	assert_int_equal(ds_broadcaster_tx_stamp(&a.sender, a.id, &tx), DS_R_STAMP_IMPLAUSIBLE);
	air_send(&a, START + 2 * S);
	assert_true(world_packet(a.bytes).origin == 0);
}

/* What is wrong with a packet, and that it changes nothing (air_hear_as compares). */
static void test_what_is_not_accepted(void **state)
{
	struct air a;

	(void)state;
	air_init(&a, true, false);
	air_send(&a, START + S);
	assert_int_equal(air_hear(&a, START + S + WAY), DS_R_BROADCAST_EARLY);
	air_calibrate(&a, START);
	assert_int_equal(air_hear_as(&a, START + S + WAY, 47, DS_AUTH_ABSENT), DS_R_PACKET_SHORT);
	assert_int_equal(air_hear_as(&a, START + S + WAY, 48, DS_AUTH_BAD), DS_R_AUTH);
	assert_int_equal(air_hear_as(&a, START + S + WAY, 68, DS_AUTH_ABSENT), DS_R_AUTH);
	for (uint8_t mode = 0; mode < 8; mode++) {
		if (mode == DS_MODE_BROADCAST)
			continue;
		a.bytes[0] = (uint8_t)(4 << 3 | mode);
		assert_int_equal(air_hear(&a, START + S + WAY), DS_R_MODE);
	}
	a.bytes[0] = 4 << 3 | DS_MODE_BROADCAST;
	put(&a, 40, "0000000000000000");
	assert_int_equal(air_hear(&a, START + S + WAY), DS_R_ZERO_STAMP);
	/* accepted, and no exchange */
	air_send(&a, START + S);
	a.bytes[0] |= 3 << 6;
	assert_int_equal(air_hear(&a, START + S + WAY), DS_R_UNSYNCHRONISED);
	assert_true(a.o.accepted);
	air_send(&a, START + 2 * S);
	a.bytes[1] = 17;
	assert_int_equal(air_hear(&a, START + 2 * S + WAY), DS_R_HEADER);
	assert_true(a.o.accepted);
}

static void test_with_a_key_only_what_is_authentic(void **state)
{
	static const enum ds_auth bad[] = {DS_AUTH_ABSENT, DS_AUTH_BAD};
	struct air a;

	(void)state;
	air_init(&a, true, true);
	air_calibrate(&a, START);
	air_send(&a, START + S);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(air_hear_as(&a, START + S + WAY, 48, bad[i]), DS_R_AUTH);
		assert_int_equal(air_hear_as(&a, START + S + WAY, 68, bad[i]), DS_R_AUTH);
	}
	/* a crypto-NAK, whatever the verdict */
	assert_int_equal(air_hear_as(&a, START + S + WAY, 52, DS_AUTH_GOOD), DS_R_AUTH);
	assert_int_equal(air_hear_as(&a, START + S + WAY, 68, DS_AUTH_GOOD), DS_R_OK);
}

/* CVE-2015-7973: what was heard, and what is older, is not heard again. */
static void test_replays(void **state)
{
	uint8_t old[5][DS_WIRE_HEADER_SIZE];
	struct air a;

	(void)state;
	air_init(&a, true, false);
	air_calibrate(&a, START);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(air_round(&a, START + i * S), DS_R_OK);
		memcpy(old[i], a.bytes, sizeof(old[i]));
	}
	for (int i = 0; i < 5; i++) {
		memcpy(a.bytes, old[i], sizeof(old[i]));
		assert_int_equal(air_hear(&a, START + 4 * S + 2 * WAY), DS_R_BROADCAST_STALE);
	}
	/* After a restart, when nothing is known of what was heard, the bound holds them off. */
	ds_listener_forget(&a.listener);
	air_calibrate(&a, START + 5 * S);
	for (int i = 0; i < 5; i++) {
		memcpy(a.bytes, old[i], sizeof(old[i]));
		assert_int_equal(air_hear(&a, START + 6 * S), DS_R_BROADCAST_DISAGREES);
	}
	(void)air_round(&a, START + 7 * S); /* tells of one that was not heard */
	assert_int_equal(air_round(&a, START + 8 * S), DS_R_OK);
}

/* The bound to the nanosecond, on both sides: 10 ms, a delay, and 200 ppm of the time since. */
static void test_how_far_a_broadcast_is_believed(void **state)
{
	struct air a;

	(void)state;
	for (int side = -1; side <= 1; side += 2) {
		for (int64_t age_s = 0; age_s <= 1000; age_s += 500) {
			int64_t bound_ns = DS_BROADCAST_AGREE_NS + 2 * WAY +
					   age_s * DS_BROADCAST_DRIFT_PPM * US;
			int64_t at = START + WAY / 2 + age_s * S; /* of the exchange's midpoint */

			/* What is too late seems to come from a slower clock. */
			air_init(&a, false, false);
			a.sender_minus_true_ns = 0;
			air_calibrate(&a, START + WAY / 2);
			air_send(&a, at - WAY);
			for (int64_t beyond = 1; beyond >= 0; beyond--) {
				struct ds_packet p = world_packet(a.bytes);

				p.transmit =
					ds_ntp64_from_ns(at - WAY + side * (bound_ns + beyond), 0);
				ds_wire_write(&p, a.bytes);
				assert_int_equal(air_hear(&a, at),
						 beyond ? DS_R_BROADCAST_DISAGREES : DS_R_OK);
			}
		}
	}
}

/* A lost packet: what the next one tells is of one that was not heard. */
static void test_loss(void **state)
{
	static const int8_t polls[] = {-6, -4, 0, 1, 6};
	struct air a;

	(void)state;
	for (size_t k = 0; k < sizeof(polls) / sizeof(polls[0]); k++) {
		int64_t interval = polls[k] >= 0 ? S << polls[k] : S >> -polls[k];

		air_init(&a, true, false);
		a.poll_log2 = polls[k];
		air_calibrate(&a, START);
		for (int i = 0; i < 12; i++) {
			bool lost = i % 4 == 2;
			bool first = i == 0 || i % 4 == 3;

			air_send(&a, START + i * interval);
			if (lost)
				continue;
			assert_int_equal(air_hear(&a, START + i * interval + GUESS + WAY),
					 first && i != 0 && DS_INTERLEAVE_BUILT
						 ? DS_R_BROADCAST_FIRST
						 : DS_R_OK);
			assert_true(a.o.accepted);
			if (!first && DS_INTERLEAVE_BUILT)
				assert_in_range(error_ns(&a) + 1, 0, 2);
		}
	}
}

/* Scenario 2, CVE-2016-4956: after one interleaved packet, basic ones are basic. */
static void test_nothing_sticks(void **state)
{
	struct air a;

	(void)state;
	air_init(&a, true, false);
	air_calibrate(&a, START);
	assert_int_equal(air_round(&a, START), DS_R_OK);
	assert_int_equal(air_round(&a, START + S), DS_R_OK);
	ds_broadcaster_init(&a.sender, 4, true); /* it begins anew */
	assert_int_equal(air_round(&a, START + 2 * S), DS_R_OK);
	assert_int_equal(a.o.exchange.kind, DS_EXCHANGE_BROADCAST);
	assert_int_equal(air_round(&a, START + 3 * S), DS_R_OK);
	assert_int_equal(ds_exchange_is_interleaved(a.o.exchange.kind), DS_INTERLEAVE_BUILT);
	/* A forged origin, with a transmit field that is believed: no exchange, and no harm. */
	air_send(&a, START + 4 * S);
	put(&a, 24, "eeae70f8 00000001");
	if (DS_INTERLEAVE_BUILT)
		assert_int_equal(air_hear(&a, START + 4 * S + GUESS + WAY), DS_R_BROADCAST_FIRST);
	assert_int_equal(air_round(&a, START + 5 * S), DS_R_OK);
}

/* An origin within a second of the transmit field before, but not within the bound. */
static void test_a_drivestamp_that_disagrees(void **state)
{
	struct ds_packet p;
	struct air a;

	(void)state;
	air_init(&a, true, false);
	air_calibrate(&a, START);
	assert_int_equal(air_round(&a, START), DS_R_OK);
	air_send(&a, START + S);
	p = world_packet(a.bytes);
	p.origin = ds_ntp64_from_ns(START + S / 10, 0);
	ds_wire_write(&p, a.bytes);
	assert_int_equal(air_hear(&a, START + S + GUESS + WAY),
			 DS_INTERLEAVE_BUILT ? DS_R_BROADCAST_FIRST : DS_R_OK);
	assert_true(a.o.accepted);
	assert_int_equal(air_round(&a, START + 2 * S), DS_R_OK);
}

/* The sender's clock is set: refused until the next exchange, then at once. */
static void test_a_step_of_the_sender(void **state)
{
	static const int64_t steps[] = {-3600 * S, -S / 2, S / 2, 3600 * S};
	struct air a;

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		air_init(&a, true, false);
		air_calibrate(&a, START);
		assert_int_equal(air_round(&a, START), DS_R_OK);
		assert_int_equal(air_round(&a, START + S), DS_R_OK);
		a.sender_minus_true_ns = steps[k];
		assert_int_equal(air_round(&a, START + 2 * S),
				 steps[k] < -S ? DS_R_BROADCAST_STALE : DS_R_BROADCAST_DISAGREES);
		air_calibrate(&a, START + 2 * S + S / 2);
		for (int i = 3; i < 6; i++) {
			enum ds_reason reason = air_round(&a, START + i * S);

			assert_true(a.o.accepted);
			if (i == 3)
				continue;
			assert_int_equal(reason, DS_R_OK);
			assert_in_range(error_ns(&a) + GUESS + 1, 0, GUESS + 2);
		}
	}
}

/* A step of ours is no event: stamps are held on the raw scale. */
static void test_a_step_of_the_listener(void **state)
{
	struct air a;

	(void)state;
	air_init(&a, true, false);
	air_calibrate(&a, START);
	assert_int_equal(air_round(&a, START), DS_R_OK);
	a.clock_minus_true_ns += 5 * S;
	assert_int_equal(air_round(&a, START + S), DS_R_OK);
	assert_int_equal(air_round(&a, START + 2 * S), DS_R_OK);
	assert_in_range(error_ns(&a) + GUESS + 1, 0, GUESS + 2);
}

/* A packet from the future that was believed does not bar what comes after the next exchange. */
static void test_a_broadcast_from_the_future_is_forgotten(void **state)
{
	struct ds_packet p;
	struct air a;

	(void)state;
	air_init(&a, false, false);
	a.poll_log2 = -6;
	air_calibrate(&a, START);
	air_send(&a, START + S);
	p = world_packet(a.bytes);
	p.transmit = ds_ntp64_from_ns(START + S + 10100 * US, 0); /* within the bound, just */
	ds_wire_write(&p, a.bytes);
	assert_int_equal(air_hear(&a, START + S + WAY), DS_R_OK);
	assert_int_equal(air_round(&a, START + S + 5000 * US), DS_R_BROADCAST_STALE);
	assert_int_equal(air_round(&a, START + S + 10200 * US), DS_R_OK); /* it bars no longer */
	air_send(&a, START + 2 * S);
	p = world_packet(a.bytes);
	p.transmit = ds_ntp64_from_ns(START + 2 * S + 10300 * US, 0);
	ds_wire_write(&p, a.bytes);
	assert_int_equal(air_hear(&a, START + 2 * S + WAY), DS_R_OK);
	air_calibrate(&a, START + 2 * S + 1000 * US);
	assert_int_equal(air_round(&a, START + 2 * S + 2000 * US), DS_R_OK);
}

/* An exchange that was held up says little of the clock. */
static void test_a_slow_exchange_calibrates_nothing(void **state)
{
	struct ds_listener before;
	struct air a;

	(void)state;
	air_init(&a, false, false);
	air_calibrate_late(&a, START, DS_BROADCAST_AGREE_NS + 1);
	assert_false(a.listener.calibrated);
	air_calibrate(&a, START);
	memcpy(&before, &a.listener, sizeof(before));
	air_calibrate_late(&a, START + S, DS_BROADCAST_AGREE_NS + 1);
	assert_memory_equal(&before, &a.listener, sizeof(before));
	air_calibrate_late(&a, START + S, DS_BROADCAST_AGREE_NS);
	assert_int_equal(a.listener.raw_ns, S + DS_BROADCAST_AGREE_NS / 2);
}

/* delay_ns: the exchange's own where it is none. */
static void test_which_delay_counts(void **state)
{
	static const struct {
		int64_t given, taken;
	} cases[] = {{-1, 1000}, {0, 0}, {999, 999}, {1000, 1000}, {1001, 1000}};
	struct ds_exchange e = {.delay_ns = 1000};
	struct ds_listener l;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ds_listener_init(&l, 4, false);
		ds_listener_calibrate(&l, &e, cases[i].given, 0);
		assert_true(l.calibrated);
		assert_int_equal(l.delay_ns, cases[i].taken);
	}
}

/* Delays that no exchange of a broadcast has: accepted, no exchange. */
static void test_a_delay_out_of_range(void **state)
{
	struct ds_exchange e = {.delay_ns = 20 * S, .server_minus_raw_ns = START};
	struct air a;

	(void)state;
	air_init(&a, false, false);
	ds_listener_calibrate(&a.listener, &e, 20 * S, 0);
	air_send(&a, START);
	assert_int_equal(air_hear(&a, START + WAY), DS_R_DELAY_NEGATIVE);
	assert_true(a.o.accepted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic_is_wrong_by_the_guess),
		cmocka_unit_test(test_interleaved_is_exact),
		cmocka_unit_test(test_golden_broadcasts),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_the_beginning_of_an_era),
		cmocka_unit_test(test_stamps_of_the_sender),
		cmocka_unit_test(test_what_is_not_accepted),
		cmocka_unit_test(test_with_a_key_only_what_is_authentic),
		cmocka_unit_test(test_replays),
		cmocka_unit_test(test_how_far_a_broadcast_is_believed),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_nothing_sticks),
		cmocka_unit_test(test_a_drivestamp_that_disagrees),
		cmocka_unit_test(test_a_step_of_the_sender),
		cmocka_unit_test(test_a_step_of_the_listener),
		cmocka_unit_test(test_a_broadcast_from_the_future_is_forgotten),
		cmocka_unit_test(test_a_slow_exchange_calibrates_nothing),
		cmocka_unit_test(test_which_delay_counts),
		cmocka_unit_test(test_a_delay_out_of_range),
	};

	return cmocka_run_group_tests_name("broadcast", tests, NULL, NULL);
}
