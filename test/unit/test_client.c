/* One association: what it sends, the only answers it accepts, and that nothing else moves it.
 * All of this holds with and without interleaving. */
#include "test/unit/exchange_world.h"

/* ---- golden packets ---- */

static void test_golden_basic_request(void **state)
{
	/* draft-ietf-ntp-data-minimization section 4: everything zero but these. */
	static const char golden[] = "23"			  /* leap 0, version 4, mode 3 */
				     "00"			  /* stratum */
				     "00"			  /* poll */
				     "20"			  /* precision 32 */
				     "00000000 00000000 00000000" /* delay, dispersion, ref id */
				     "0000000000000000"		  /* reference */
				     "0000000000000000"		  /* origin */
				     "0000000000000000"		  /* receive */
				     "0123456789abcdef";	  /* transmit: the random word */
	const uint64_t random[2] = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)};
	struct ds_tx_stamp t1 = {.clock_ns = 1, .raw_ns = 1, .source = DS_STAMP_DAEMON};
	uint8_t expected[DS_WIRE_HEADER_SIZE];
	uint8_t sent[DS_WIRE_HEADER_SIZE];
	struct ds_client client;

	(void)state;
	world_hex(golden, expected);
	/* The first request is basic, whatever was asked for (RFC 9769 section 2). */
	for (int xleave = 0; xleave <= 1; xleave++) {
		ds_client_init(&client, 4, xleave != 0, false);
		ds_client_request(&client, &t1, 1, false, random, sent);
		assert_memory_equal(sent, expected, sizeof(sent));
		assert_true(ds_client_cookie(&client) == random[0]);
	}
}

static void test_versions(void **state)
{
	const uint64_t random[2] = {1, 2};
	struct ds_tx_stamp t1 = {.source = DS_STAMP_DAEMON};
	const uint8_t asked[] = {0, 1, 2, 3, 4, 5, 255};
	const uint8_t sent_as[] = {4, 1, 2, 3, 4, 4, 4};

	(void)state;
	for (size_t i = 0; i < sizeof(asked); i++) {
		uint8_t sent[DS_WIRE_HEADER_SIZE];
		struct ds_client client;

		ds_client_init(&client, asked[i], false, false);
		ds_client_request(&client, &t1, 1, false, random, sent);
		assert_int_equal(sent[0], sent_as[i] << 3 | DS_MODE_CLIENT);
	}
}

static void test_a_random_word_of_zero_is_no_cookie(void **state)
{
	const uint64_t random[2] = {0, 0};
	struct ds_tx_stamp t1 = {.source = DS_STAMP_DAEMON};
	uint8_t sent[DS_WIRE_HEADER_SIZE];
	struct ds_client client;

	(void)state;
	ds_client_init(&client, 4, false, false);
	ds_client_request(&client, &t1, 1, false, random, sent);
	assert_true(world_packet(sent).transmit == 1);
	assert_true(ds_client_cookie(&client) == 1);
}

/* ---- good answers ---- */

static void test_basic_exchanges_are_exact(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	world_init(&w, false);
	for (int i = 0; i < 20; i++) {
		int64_t sent_ns = w.now_ns;

		w.ahead_ns += 1000000 * i; /* steps between polls do no harm */
		assert_int_equal(world_round(&w, 64 * WORLD_S, &o), DS_R_OK);
		assert_true(o.answered && o.has_exchange);
		assert_false(o.slow_down || o.refused);
		assert_int_equal(o.exchange.kind, DS_EXCHANGE_BASIC);
		/* All that a basic exchange has wrong is the server's guess of its departure. */
		assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns + w.guess_ns);
		assert_true(o.exchange.offset_ns ==
			    -w.ahead_ns + (w.out_ns - w.back_ns - w.guess_ns) / 2);
		assert_true(o.exchange.t2_ns == sent_ns + w.out_ns);
		assert_true(o.exchange.t3_ns == o.exchange.t2_ns + w.hold_ns - w.guess_ns);
		assert_int_equal(o.exchange.t1.source, DS_STAMP_KERNEL);
		assert_int_equal(o.exchange.remote.stratum, 1);
		assert_int_equal(o.exchange.remote.leap, DS_LEAP_NONE);
		assert_int_equal(o.exchange.remote.precision_log2, -25);
		assert_int_equal(o.exchange.remote.ref_id, 0x47505300);
		assert_true(o.exchange.remote.root_delay_ns == 0);
		assert_true(o.exchange.remote.root_dispersion_ns >= 1000000 &&
			    o.exchange.remote.root_dispersion_ns < 1016000);
		assert_true(o.exchange.remote.reference_ns == WORLD_START - 16 * WORLD_S);
		assert_true(ds_client_cookie(&w.client) == 0);
	}
}

static void test_without_a_drivestamp_the_reading_counts(void **state)
{
	struct ds_client_outcome o;
	struct ds_tx_stamp nearer;
	struct world w;

	(void)state;
	world_init(&w, false);
	w.client_stamps = false;
	assert_int_equal(world_round(&w, WORLD_S, &o), DS_R_OK);
	assert_int_equal(o.exchange.t1.source, DS_STAMP_DAEMON);
	assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns + w.guess_ns + w.read_ns);

	/* Read again just before the send: nearer by 3 us, but still the daemon's. */
	world_send(&w);
	nearer = world_client_tx(&w, w.left_ns - 1000, DS_STAMP_HARDWARE);
	ds_client_departs(&w.client, &nearer);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_deliver(&w, &o), DS_R_OK);
	assert_int_equal(o.exchange.t1.source, DS_STAMP_DAEMON);
	assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns + w.guess_ns + 1000);
}

static void test_a_reading_replaces_no_drivestamp(void **state)
{
	struct ds_client_outcome o;
	struct ds_tx_stamp reading;
	struct world w;

	(void)state;
	world_init(&w, false);
	world_send(&w);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	reading = world_client_tx(&w, w.left_ns - 1000, DS_STAMP_DAEMON);
	ds_client_departs(&w.client, &reading);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_deliver(&w, &o), DS_R_OK);
	assert_int_equal(o.exchange.t1.source, DS_STAMP_KERNEL);
	/* Nor does one that comes when nothing is under way. */
	reading.raw_ns += 77;
	ds_client_departs(&w.client, &reading);
	assert_true(w.client.t1.raw_ns != reading.raw_ns);
}

/* ---- parked ---- */

static void test_parked_until_the_stamp_comes(void **state)
{
	struct ds_client_outcome o;
	struct world w;
	ds_ntp64 cookie;

	(void)state;
	world_init(&w, false);
	world_send(&w);
	cookie = ds_client_cookie(&w.client);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_deliver(&w, &o), DS_R_PARKED);
	assert_false(o.answered || o.has_exchange);
	/* Its looped-back frame must still be recognised. */
	assert_true(ds_client_cookie(&w.client) == cookie && cookie != 0);
	assert_int_equal(world_deliver(&w, &o), DS_R_NOT_ARMED); /* at most one answer */
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	assert_true(o.answered && o.has_exchange);
	assert_int_equal(o.exchange.t1.source, DS_STAMP_KERNEL);
	assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns + w.guess_ns);
	assert_int_equal(ds_client_deadline(&w.client, 0, &o), DS_R_NOT_ARMED);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_STAMP_DOUBLE);
	assert_int_equal(world_deliver(&w, &o), DS_R_NOT_ARMED);
}

static void test_parked_until_the_deadline(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	world_init(&w, false);
	assert_int_equal(ds_client_deadline(&w.client, 0, &o), DS_R_NOT_ARMED);
	world_send(&w);
	assert_int_equal(ds_client_deadline(&w.client, 0, &o), DS_R_NOT_ARMED);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_deliver(&w, &o), DS_R_PARKED);
	assert_int_equal(ds_client_deadline(&w.client, 0, &o), DS_R_OK);
	assert_true(o.answered && o.has_exchange);
	assert_int_equal(o.exchange.t1.source, DS_STAMP_DAEMON);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_STAMP_LATE);
	assert_false(o.answered || o.has_exchange);
}

static void test_a_new_request_gives_up_the_old_one(void **state)
{
	struct ds_client_outcome o;
	struct ds_response old;
	struct world w;

	(void)state;
	world_init(&w, false);
	world_send(&w);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_deliver(&w, &o), DS_R_PARKED);
	old = w.response;
	w.now_ns += WORLD_S;
	world_send(&w);
	assert_int_equal(ds_client_deadline(&w.client, 0, &o), DS_R_NOT_ARMED);
	assert_int_equal(world_deliver_bytes(&w, old.bytes, sizeof(old.bytes), &o), DS_R_ORIGIN);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_deliver(&w, &o), DS_R_OK);
}

/* ---- 4.2 scenario 10: transmit stamps that are late, doubled, wrong ---- */

static void test_scenario_10_stamps_of_the_client(void **state)
{
	struct ds_client_outcome o;
	struct ds_tx_stamp tx;
	struct ds_client before;
	struct world w;

	(void)state;
	world_init(&w, false);
	tx = world_client_tx(&w, w.now_ns, DS_STAMP_KERNEL);
	assert_int_equal(ds_client_tx_stamp(&w.client, 0, &tx, 0, &o), DS_R_STAMP_WRONG_ID);
	world_send(&w);
	before = w.client;
	assert_int_equal(ds_client_tx_stamp(&w.client, w.id + 1, &tx, 0, &o), DS_R_STAMP_WRONG_ID);
	tx = world_client_tx(&w, w.left_ns + 2 * WORLD_S, DS_STAMP_KERNEL); /* 2 s late */
	assert_int_equal(ds_client_tx_stamp(&w.client, w.id, &tx, 0, &o), DS_R_STAMP_IMPLAUSIBLE);
	tx = world_client_tx(&w, w.left_ns - w.read_ns - 1,
			     DS_STAMP_KERNEL); /* before its packet */
	assert_int_equal(ds_client_tx_stamp(&w.client, w.id, &tx, 0, &o), DS_R_STAMP_IMPLAUSIBLE);
	tx = world_client_tx(&w, w.left_ns, DS_STAMP_DAEMON); /* none at all */
	assert_int_equal(ds_client_tx_stamp(&w.client, w.id, &tx, 0, &o), DS_R_STAMP_IMPLAUSIBLE);
	assert_memory_equal(&w.client, &before, sizeof(before));

	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	before = w.client;
	assert_int_equal(world_client_stamp(&w, &o), DS_R_STAMP_DOUBLE);
	assert_memory_equal(&w.client, &before, sizeof(before));
	/* The card's is better than the kernel's. */
	tx = world_client_tx(&w, w.left_ns + 300, DS_STAMP_HARDWARE);
	assert_int_equal(ds_client_tx_stamp(&w.client, w.id, &tx, 0, &o), DS_R_OK);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_STAMP_DOUBLE);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_deliver(&w, &o), DS_R_OK);
	assert_int_equal(o.exchange.t1.source, DS_STAMP_HARDWARE);
	assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns + w.guess_ns - 300);
}

static void test_scenario_10_stamp_of_the_request_before(void **state)
{
	struct ds_client_outcome o;
	struct ds_tx_stamp tx;
	struct world w;

	(void)state;
	world_init(&w, false);
	world_send(&w);
	tx = world_client_tx(&w, w.left_ns, DS_STAMP_KERNEL);
	w.now_ns += WORLD_S / 2;
	world_send(&w); /* its own reading lies half a second on */
	assert_int_equal(ds_client_tx_stamp(&w.client, w.id - 1, &tx, 0, &o), DS_R_STAMP_WRONG_ID);
	assert_int_equal(w.client.t1.source, DS_STAMP_DAEMON);
}

static void test_scenario_10_stamp_after_the_answer_arrived(void **state)
{
	struct ds_client_outcome o;
	struct ds_client before;
	struct ds_tx_stamp tx;
	struct world w;

	(void)state;
	world_init(&w, false);
	world_send(&w);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_deliver(&w, &o), DS_R_PARKED);
	before = w.client;
	/* A stamp that says the request left after its answer was here. */
	tx = world_client_tx(&w, w.answered_ns + w.back_ns + 1, DS_STAMP_KERNEL);
	assert_int_equal(ds_client_tx_stamp(&w.client, w.id, &tx, 0, &o), DS_R_STAMP_IMPLAUSIBLE);
	assert_memory_equal(&w.client, &before, sizeof(before));
	assert_int_equal(ds_client_deadline(&w.client, 0, &o), DS_R_OK);
}

/* ---- what is not accepted changes nothing ---- */

struct forgery {
	const char *what;
	enum ds_reason reason;
	void (*change)(const struct world *w, struct ds_packet *p);
};

static void mode_0(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->mode = DS_MODE_RESERVED;
}
static void mode_1(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->mode = DS_MODE_ACTIVE;
}
static void mode_2(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->mode = DS_MODE_PASSIVE;
}
static void mode_3(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->mode = DS_MODE_CLIENT;
}
static void mode_5(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->mode = DS_MODE_BROADCAST;
}
static void version_0(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->version = 0;
}
static void version_5(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->version = 5;
}
static void origin_zero(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->origin = 0;
}
static void origin_near(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->origin ^= 1;
}
static void origin_leaked(const struct world *w, struct ds_packet *p)
{
	/* CVE-2016-1548: what anybody could learn of the last exchange. */
	p->origin = ds_ntp64_from_ns(w->client.t1.clock_ns, 0);
}
static void origin_own_receive(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->origin = p->receive;
}
static void receive_zero(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->receive = 0;
}
static void transmit_zero(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->transmit = 0;
}
static void kiss_deny(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->stratum = 0;
	p->ref_id = 0x44454e59;
}
static void kiss_rstr(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->stratum = 0;
	p->ref_id = 0x52535452;
	p->receive = 0;
	p->transmit = 0;
}
static void kiss_rate_bogus(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->stratum = 0;
	p->ref_id = 0x52415445;
	p->origin ^= 4;
}
static void kiss_deny_bogus(const struct world *w, struct ds_packet *p)
{
	kiss_deny(w, p);
	p->origin = 0;
}
static void stratum_0_zero_stamps(const struct world *w, struct ds_packet *p)
{
	(void)w;
	p->stratum = 0;
	p->ref_id = 0x52415407; /* no kiss code: not printable */
	p->receive = 0;
}

static const struct forgery forgeries[] = {
	{"mode 0", DS_R_MODE, mode_0},
	{"mode 1", DS_R_MODE, mode_1},
	{"mode 2", DS_R_MODE, mode_2},
	{"mode 3: our own request reflected", DS_R_MODE, mode_3},
	{"mode 5", DS_R_MODE, mode_5},
	{"version 0", DS_R_PACKET_VERSION, version_0},
	{"version 5", DS_R_PACKET_VERSION, version_5},
	{"origin zero (scenario 3)", DS_R_ORIGIN, origin_zero},
	{"origin one bit off", DS_R_ORIGIN, origin_near},
	{"origin of a leaked stamp", DS_R_ORIGIN, origin_leaked},
	{"origin equal to receive", DS_R_ORIGIN, origin_own_receive},
	{"receive zero", DS_R_ZERO_STAMP, receive_zero},
	{"transmit zero", DS_R_ZERO_STAMP, transmit_zero},
	{"DENY", DS_R_KOD_DENY, kiss_deny},
	{"RSTR with zero stamps", DS_R_KOD_DENY, kiss_rstr},
	{"RATE, wrong origin (CVE-2015-7704)", DS_R_ORIGIN, kiss_rate_bogus},
	{"DENY, zero origin", DS_R_ORIGIN, kiss_deny_bogus},
	{"stratum 0, no kiss, zero receive", DS_R_ZERO_STAMP, stratum_0_zero_stamps},
};

static void test_what_is_not_accepted_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++) {
		struct ds_client_outcome o;
		struct ds_client before;
		struct ds_packet p;
		uint8_t bytes[DS_WIRE_HEADER_SIZE];
		enum ds_reason reason;
		struct world w;

		world_init(&w, true);
		assert_int_equal(world_round(&w, WORLD_S, &o), DS_R_OK);
		world_send(&w);
		assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
		assert_int_equal(world_answer(&w), DS_R_OK);
		p = world_packet(w.response.bytes);
		forgeries[i].change(&w, &p);
		ds_wire_write(&p, bytes);
		before = w.client;
		reason = world_deliver_bytes(&w, bytes, sizeof(bytes), &o);
		if (reason != forgeries[i].reason)
			print_error("%s: %s\n", forgeries[i].what, ds_reason_name(reason));
		assert_int_equal(reason, forgeries[i].reason);
		assert_memory_equal(&w.client, &before, sizeof(before));
		assert_false(o.answered || o.has_exchange || o.slow_down);
		assert_int_equal(o.refused, reason == DS_R_KOD_DENY);
		/* And the true answer is accepted after it. */
		assert_int_equal(world_deliver(&w, &o), DS_R_OK);
	}
}

static void test_malformed_bytes_change_nothing(void **state)
{
	uint8_t bytes[1100] = {0};
	struct ds_client_outcome o;
	struct ds_client before;
	struct world w;

	(void)state;
	world_init(&w, false);
	world_send(&w);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	assert_int_equal(world_answer(&w), DS_R_OK);
	memcpy(bytes, w.response.bytes, sizeof(w.response.bytes));
	before = w.client;
	for (size_t length = 0; length < sizeof(bytes); length++) {
		/* Zeros after the header: a MAC of key 0 where the length is one's. */
		enum ds_reason reason = world_deliver_bytes(&w, bytes, length, &o);

		if (length == sizeof(w.response.bytes))
			w.client = before;
		else
			assert_true(reason == DS_R_PACKET_SHORT || reason == DS_R_PACKET_LONG ||
				    reason == DS_R_PACKET_EXTENSION ||
				    reason == DS_R_PACKET_TRAILER || reason == DS_R_AUTH);
		assert_memory_equal(&w.client, &before, sizeof(before));
	}
}

/* Scenario 3: a zero origin when nothing is outstanding (CVE-2015-8138), in every state. */
static void test_scenario_3_zero_origin(void **state)
{
	struct ds_client_outcome o;
	struct ds_client before;
	struct ds_packet p;
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct world w;

	(void)state;
	world_init(&w, true);
	world_send(&w);
	assert_int_equal(world_answer(&w), DS_R_OK);
	p = world_packet(w.response.bytes);
	p.origin = 0;
	ds_wire_write(&p, bytes);

	ds_client_init(&w.client, 4, true, false); /* never sent */
	for (int i = 0; i < 4; i++) {
		before = w.client;
		assert_int_equal(world_deliver_bytes(&w, bytes, sizeof(bytes), &o),
				 i == 1 ? DS_R_ORIGIN : DS_R_NOT_ARMED);
		assert_memory_equal(&w.client, &before, sizeof(before));
		if (i == 0)
			world_send(&w); /* armed */
		if (i == 1)		/* answered */
			assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
		if (i == 1)
			assert_int_equal(world_answer(&w), DS_R_OK);
		if (i == 1)
			assert_int_equal(world_deliver(&w, &o), DS_R_OK);
		if (i == 2)
			ds_client_forget(&w.client); /* forgotten */
	}
}

static void test_replays_are_not_accepted(void **state)
{
	struct ds_client_outcome o;
	struct ds_client before;
	struct world w;

	(void)state;
	world_init(&w, false);
	assert_int_equal(world_round(&w, WORLD_S, &o), DS_R_OK);
	before = w.client;
	assert_int_equal(world_deliver(&w, &o), DS_R_NOT_ARMED);
	assert_memory_equal(&w.client, &before, sizeof(before));
	for (int i = 0; i < 10; i++) {
		struct ds_response recorded = w.response;

		world_send(&w);
		before = w.client;
		assert_int_equal(
			world_deliver_bytes(&w, recorded.bytes, sizeof(recorded.bytes), &o),
			DS_R_ORIGIN);
		assert_memory_equal(&w.client, &before, sizeof(before));
		assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
		assert_int_equal(world_answer(&w), DS_R_OK);
		assert_int_equal(world_deliver(&w, &o), DS_R_OK);
	}
}

/* ---- scenario 4: authentication ---- */

static enum ds_reason deliver_with_trailer(struct world *w, const char *trailer, enum ds_auth auth,
					   struct ds_client_outcome *o)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE + 128];
	size_t length = sizeof(w->response.bytes);
	struct ds_rx_stamp t4 = world_client_rx(w, w->answered_ns + w->back_ns);

	memcpy(bytes, w->response.bytes, length);
	length += world_hex(trailer, bytes + length);
	return ds_client_receive(&w->client, bytes, length, &t4, auth, 0, o);
}

#define NAK "00000000"
#define MAC "00000001 00112233 44556677 8899aabb ccddeeff"

static void test_scenario_4_without_a_key(void **state)
{
	struct ds_client_outcome o;
	struct ds_client before;
	struct world w;

	(void)state;
	world_init(&w, false);
	world_send(&w);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	assert_int_equal(world_answer(&w), DS_R_OK);
	before = w.client;
	assert_int_equal(deliver_with_trailer(&w, NAK, DS_AUTH_BAD, &o), DS_R_AUTH);
	assert_int_equal(deliver_with_trailer(&w, NAK, DS_AUTH_ABSENT, &o), DS_R_AUTH);
	assert_int_equal(deliver_with_trailer(&w, MAC, DS_AUTH_BAD, &o), DS_R_AUTH);
	assert_int_equal(deliver_with_trailer(&w, MAC, DS_AUTH_ABSENT, &o), DS_R_AUTH);
	assert_int_equal(deliver_with_trailer(&w, MAC, DS_AUTH_GOOD, &o), DS_R_AUTH);
	assert_int_equal(deliver_with_trailer(&w, "", DS_AUTH_BAD, &o), DS_R_AUTH);
	assert_memory_equal(&w.client, &before, sizeof(before));
	assert_int_equal(deliver_with_trailer(&w, "", DS_AUTH_ABSENT, &o), DS_R_OK);
}

static void test_scenario_4_with_a_key(void **state)
{
	struct ds_client_outcome o;
	struct ds_client before;
	struct world w;

	(void)state;
	world_init(&w, false);
	ds_client_init(&w.client, 4, false, true);
	world_send(&w);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	assert_int_equal(world_answer(&w), DS_R_OK);
	before = w.client;
	assert_int_equal(deliver_with_trailer(&w, NAK, DS_AUTH_BAD, &o), DS_R_AUTH);
	assert_int_equal(deliver_with_trailer(&w, NAK, DS_AUTH_GOOD, &o), DS_R_AUTH);
	assert_int_equal(deliver_with_trailer(&w, MAC, DS_AUTH_BAD, &o), DS_R_AUTH);
	assert_int_equal(deliver_with_trailer(&w, MAC, DS_AUTH_ABSENT, &o), DS_R_AUTH);
	assert_int_equal(deliver_with_trailer(&w, "", DS_AUTH_ABSENT, &o), DS_R_AUTH);
	assert_memory_equal(&w.client, &before, sizeof(before));
	assert_int_equal(deliver_with_trailer(&w, MAC, DS_AUTH_GOOD, &o), DS_R_OK);
}

/* ---- kiss-o'-death ---- */

static enum ds_reason deliver_kiss(struct world *w, uint32_t code, struct ds_client_outcome *o)
{
	struct ds_packet p = world_packet(w->response.bytes);
	uint8_t bytes[DS_WIRE_HEADER_SIZE];

	p.leap = DS_LEAP_UNSYNCHRONISED;
	p.stratum = 0;
	p.ref_id = code;
	p.receive = 0;
	p.transmit = 0;
	ds_wire_write(&p, bytes);
	return world_deliver_bytes(w, bytes, sizeof(bytes), o);
}

static void test_rate_slows_down_and_closes(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	world_init(&w, false);
	world_send(&w);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(deliver_kiss(&w, 0x52415445, &o), DS_R_KOD_RATE);
	assert_true(o.slow_down && o.answered);
	assert_false(o.has_exchange || o.refused);
	assert_int_equal(o.kiss_code, 0x52415445);
	/* Once a request. */
	assert_int_equal(deliver_kiss(&w, 0x52415445, &o), DS_R_NOT_ARMED);
	assert_false(o.slow_down);
}

static void test_other_kisses_only_close(void **state)
{
	const uint32_t codes[] = {0x494e4954, 0x53544550, 0x20202020, 0x7e7e7e7e, 0x58415858};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct ds_client_outcome o;
		struct world w;

		world_init(&w, false);
		world_send(&w);
		assert_int_equal(world_answer(&w), DS_R_OK);
		assert_int_equal(deliver_kiss(&w, codes[i], &o), DS_R_KOD_OTHER);
		assert_true(o.answered);
		assert_false(o.has_exchange || o.slow_down || o.refused);
		assert_int_equal(o.kiss_code, codes[i]);
	}
}

static void test_deny_acts_only_with_a_key(void **state)
{
	const uint32_t codes[] = {0x44454e59, 0x52535452};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ds_client_outcome o;
		struct ds_packet p;
		struct world w;

		world_init(&w, false);
		world_send(&w);
		assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
		assert_int_equal(world_answer(&w), DS_R_OK);
		assert_int_equal(deliver_kiss(&w, codes[i], &o), DS_R_KOD_DENY);
		assert_true(o.refused && !o.answered);
		assert_int_equal(o.kiss_code, codes[i]);
		assert_int_equal(world_deliver(&w, &o), DS_R_OK);

		world_init(&w, false);
		ds_client_init(&w.client, 4, false, true);
		world_send(&w);
		assert_int_equal(world_answer(&w), DS_R_OK);
		p = world_packet(w.response.bytes);
		p.stratum = 0;
		p.ref_id = codes[i];
		ds_wire_write(&p, w.response.bytes);
		assert_int_equal(deliver_with_trailer(&w, MAC, DS_AUTH_GOOD, &o), DS_R_KOD_DENY);
		assert_true(o.refused && o.answered);
		assert_true(ds_client_cookie(&w.client) == 0);
	}
}

/* ---- accepted, but of no use ---- */

static const struct {
	unsigned int leap, stratum, version;
	uint32_t ref_id, root_delay, root_dispersion;
	enum ds_reason reason;
} headers[] = {
	{0, 1, 4, 1, 0, 0, DS_R_OK},
	{1, 15, 4, 1, 0, 0, DS_R_OK},
	{2, 2, 4, 1, 0, 0, DS_R_OK},
	{3, 2, 4, 1, 0, 0, DS_R_UNSYNCHRONISED},
	{0, 0, 4, 0, 0, 0, DS_R_UNSYNCHRONISED},
	{3, 0, 4, 0, 0, 0, DS_R_UNSYNCHRONISED},
	{0, 0, 4, 0x5241541f, 0, 0, DS_R_UNSYNCHRONISED}, /* no kiss code */
	{0, 0, 4, 0x7f415445, 0, 0, DS_R_UNSYNCHRONISED},
	{0, 16, 4, 1, 0, 0, DS_R_UNSYNCHRONISED},
	{0, 17, 4, 1, 0, 0, DS_R_HEADER},
	{0, 255, 4, 1, 0, 0, DS_R_HEADER},
	{0, 1, 4, 1, 0, 16 << 16, DS_R_HEADER},
	{0, 1, 4, 1, 0, (16 << 16) - 1, DS_R_OK},
	{0, 1, 4, 1, 32 << 16, 0, DS_R_HEADER},
	{0, 1, 4, 1, 16 << 16, 8 << 16, DS_R_HEADER},
	{0, 1, 4, 1, 16 << 16, (8 << 16) - 1, DS_R_OK},
	{0, 1, 4, 1, UINT32_MAX, UINT32_MAX, DS_R_HEADER},
	{0, 1, 3, 1, 0, 0, DS_R_HEADER},
	{0, 1, 1, 1, 0, 0, DS_R_HEADER},
};

static void test_headers_of_servers_of_no_use(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct ds_client_outcome o;
		struct ds_packet p;
		uint8_t bytes[DS_WIRE_HEADER_SIZE];
		enum ds_reason reason;
		struct world w;

		world_init(&w, false);
		world_send(&w);
		assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
		assert_int_equal(world_answer(&w), DS_R_OK);
		p = world_packet(w.response.bytes);
		p.leap = (uint8_t)headers[i].leap;
		p.stratum = (uint8_t)headers[i].stratum;
		p.version = (uint8_t)headers[i].version;
		p.ref_id = headers[i].ref_id;
		p.root_delay = headers[i].root_delay;
		p.root_dispersion = headers[i].root_dispersion;
		p.reference = 0;
		ds_wire_write(&p, bytes);
		reason = world_deliver_bytes(&w, bytes, sizeof(bytes), &o);
		if (reason != headers[i].reason)
			print_error("header %zu: %s\n", i, ds_reason_name(reason));
		assert_int_equal(reason, headers[i].reason);
		assert_true(o.answered); /* each closes its request */
		assert_int_equal(o.has_exchange, reason == DS_R_OK);
		assert_true(ds_client_cookie(&w.client) == 0);
		if (o.has_exchange)
			assert_true(o.exchange.remote.reference_ns == 0);
	}
}

static void test_an_older_client_takes_its_own_version_and_4(void **state)
{
	for (unsigned int answer = 1; answer <= 4; answer++) {
		struct ds_client_outcome o;
		struct ds_packet p;
		uint8_t bytes[DS_WIRE_HEADER_SIZE];
		struct world w;

		(void)state;
		world_init(&w, false);
		ds_client_init(&w.client, 3, true, false);
		world_send(&w);
		assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
		assert_int_equal(world_answer(&w), DS_R_OK);
		p = world_packet(w.response.bytes);
		assert_int_equal(p.version, 3);
		p.version = (uint8_t)answer;
		ds_wire_write(&p, bytes);
		assert_int_equal(world_deliver_bytes(&w, bytes, sizeof(bytes), &o),
				 answer >= 3 ? DS_R_OK : DS_R_HEADER);
	}
}

static void test_stamps_that_cannot_be_of_one_exchange(void **state)
{
	struct ds_client_outcome o;
	struct ds_packet p;
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct world w;

	(void)state;
	world_init(&w, false);
	for (int i = 0; i < 2; i++) {
		world_send(&w);
		assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
		assert_int_equal(world_answer(&w), DS_R_OK);
		p = world_packet(w.response.bytes);
		/* The receive stamp of the poll before: an interval inflated by one poll. */
		p.receive -= (i == 0 ? UINT64_C(64) : UINT64_C(1)) << 32;
		ds_wire_write(&p, bytes);
		assert_int_equal(world_deliver_bytes(&w, bytes, sizeof(bytes), &o),
				 i == 0 ? DS_R_PROCESSING_MAX : DS_R_DELAY_NEGATIVE);
		assert_true(o.answered && !o.has_exchange);
		w.now_ns += 64 * WORLD_S;
	}
}

static void test_disarm_keeps_nothing_waiting(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	world_init(&w, false);
	world_send(&w);
	ds_client_disarm(&w.client);
	assert_true(ds_client_cookie(&w.client) == 0);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_deliver(&w, &o), DS_R_NOT_ARMED);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_STAMP_LATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_basic_request),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_a_random_word_of_zero_is_no_cookie),
		cmocka_unit_test(test_basic_exchanges_are_exact),
		cmocka_unit_test(test_without_a_drivestamp_the_reading_counts),
		cmocka_unit_test(test_a_reading_replaces_no_drivestamp),
		cmocka_unit_test(test_parked_until_the_stamp_comes),
		cmocka_unit_test(test_parked_until_the_deadline),
		cmocka_unit_test(test_a_new_request_gives_up_the_old_one),
		cmocka_unit_test(test_scenario_10_stamps_of_the_client),
		cmocka_unit_test(test_scenario_10_stamp_of_the_request_before),
		cmocka_unit_test(test_scenario_10_stamp_after_the_answer_arrived),
		cmocka_unit_test(test_what_is_not_accepted_changes_nothing),
		cmocka_unit_test(test_malformed_bytes_change_nothing),
		cmocka_unit_test(test_scenario_3_zero_origin),
		cmocka_unit_test(test_replays_are_not_accepted),
		cmocka_unit_test(test_scenario_4_without_a_key),
		cmocka_unit_test(test_scenario_4_with_a_key),
		cmocka_unit_test(test_rate_slows_down_and_closes),
		cmocka_unit_test(test_other_kisses_only_close),
		cmocka_unit_test(test_deny_acts_only_with_a_key),
		cmocka_unit_test(test_headers_of_servers_of_no_use),
		cmocka_unit_test(test_an_older_client_takes_its_own_version_and_4),
		cmocka_unit_test(test_stamps_that_cannot_be_of_one_exchange),
		cmocka_unit_test(test_disarm_keeps_nothing_waiting),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
