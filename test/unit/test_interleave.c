/* Interleaved mode: golden packets, exact exchanges over many polls, the published attacks, the
 * table of slots under every pressure. Left out of a build without it. */
#include "test/unit/exchange_world.h"

#define POLL (64 * WORLD_S)

/* ---- golden packets ---- */

static void test_golden_interleaved_request(void **state)
{
	static const char golden[] =
		"23" /* leap 0, version 4, mode 3 */
		"00" /* stratum */
		"00" /* poll */
		"20" /* precision 32 */
		"00000000 00000000 00000000"
		"0000000000000000"  /* reference */
		"eeae7100 80000001" /* origin: RECEIVE field of the last answer */
		"fedcba9876543210"  /* receive: the second random word */
		"0123456789abcdef"; /* transmit: the first */
	const uint64_t random[2] = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)};
	const uint64_t other[2] = {3, 4};
	struct ds_client_outcome o;
	struct ds_tx_stamp t1 = {.source = DS_STAMP_DAEMON};
	struct ds_rx_stamp t4 = {
		.clock_ns = WORLD_START, .raw_ns = 1000000, .source = DS_STAMP_KERNEL};
	struct ds_packet answer = {.version = 4,
				   .mode = DS_MODE_SERVER,
				   .stratum = 1,
				   .origin = 3,
				   .receive = UINT64_C(0xeeae710080000001),
				   .transmit = UINT64_C(0xeeae710080000002)};
	uint8_t expected[DS_WIRE_HEADER_SIZE];
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_client client;

	(void)state;
	world_hex(golden, expected);
	ds_client_init(&client, 4, true, false);
	ds_client_request(&client, &t1, 1, false, other, bytes);
	ds_wire_write(&answer, bytes);
	assert_int_equal(
		ds_client_receive(&client, bytes, sizeof(bytes), &t4, DS_AUTH_ABSENT, 0, &o),
		DS_R_OK);
	ds_client_request(&client, &t1, 2, false, random, bytes);
	assert_memory_equal(bytes, expected, sizeof(bytes));
}

static void test_golden_interleaved_answer(void **state)
{
	static const char asked[] = "23 00 06 20"
				    "00000000 00000000 00000000"
				    "0000000000000000"	/* reference */
				    "eeae7100 80000001" /* origin: the first answer's receive */
				    "fedcba9876543210"	/* receive cookie */
				    "0123456789abcdef"; /* transmit cookie */
	static const char golden[] = "24"		/* leap 0, version 4, mode 4 */
				     "01 06 e7"
				     "00000000 00000042 47505300"
				     "eeae70f0 00000000"  /* reference */
				     "fedcba9876543210"	  /* origin: the RECEIVE cookie */
				     "eeae7140 80000001"  /* receive: of this request */
				     "eeae7100 80014f8c"; /* transmit: of the answer BEFORE */
	uint8_t request[DS_WIRE_HEADER_SIZE];
	uint8_t expected[DS_WIRE_HEADER_SIZE];
	ds_ntp64 receive = UINT64_C(0xeeae710080000001);
	struct ds_response response;
	struct ds_request r = {.data = request,
			       .length = sizeof(request),
			       .rx = {.clock_ns = WORLD_START + 64 * WORLD_S + 500000000,
				      .source = DS_STAMP_KERNEL},
			       .prefix = 5};
	struct ds_tx_stamp left = {.raw_ns = 20000, .source = DS_STAMP_KERNEL};
	struct world w;
	uint32_t slot;

	(void)state;
	world_init(&w, true);
	world_hex(asked, request);
	world_hex(golden, expected);
	/* The answer before had .5 s in its receive field and left 20 us later. */
	assert_int_equal(ds_interleave_save(&w.server.interleave, &receive, 5, &slot), DS_R_OK);
	assert_int_equal(ds_server_drivestamp(&w.server, slot, 0, &left), DS_R_OK);
	assert_int_equal(ds_server_answer(&w.server, &r, &w.state, &response), DS_R_OK);
	assert_true(response.interleaved && response.wants_drivestamp);
	assert_memory_equal(response.bytes, expected, sizeof(expected));
	/* Its transmit field is final. */
	ds_server_departs(&response, WORLD_START, 3);
	assert_memory_equal(response.bytes, expected, sizeof(expected));
}

/* ---- exact exchanges ---- */

/* Delays that differ in every round trip, so that stamps of two can never be mixed unseen. */
static void vary(struct world *w, int i)
{
	w->out_ns = 30000 + 1000 * i;
	w->back_ns = 20000 + 14000 * (i % 5);
	w->hold_ns = 12000 + 600 * (i % 7);
	w->ahead_ns += 20000 * i;
}

static void test_exchanges_of_set_1_are_exact(void **state)
{
	struct ds_client_outcome o;
	int64_t raw_before = 0;
	int64_t delay_before = 0;
	int64_t offset_before = 0;
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 40; i++) {
		vary(&w, i);
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
		assert_true(o.has_exchange);
		/* Basic at first; asked for, saved; from the third on interleaved. */
		assert_int_equal(w.response.interleaved, i >= 2);
		assert_int_equal(o.exchange.kind, i >= 2 ? DS_EXCHANGE_SET1 : DS_EXCHANGE_BASIC);
		if (i < 2) {
			assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns + w.guess_ns);
		} else {
			assert_true(o.exchange.delay_ns == delay_before);
			assert_true(o.exchange.offset_ns == offset_before);
		}
		if (i == 2) /* measures the round trip of the second once more */
			assert_true(o.exchange.raw_ns == raw_before);
		else
			assert_true(o.exchange.raw_ns > raw_before);
		raw_before = o.exchange.raw_ns;
		/* What the next one will measure, from the truth. */
		delay_before = w.out_ns + w.back_ns;
		offset_before = -w.ahead_ns + (w.out_ns - w.back_ns) / 2;
		assert_int_equal(o.exchange.t1.source, DS_STAMP_KERNEL);
	}
}

static void test_exchanges_of_set_2_are_exact(void **state)
{
	struct ds_client_outcome o;
	struct world w;
	int64_t back_before = 0;
	unsigned int set2 = 0;

	(void)state;
	world_init(&w, true);
	w.hold_ns = 900000000; /* the server sits on its answers ... */
	for (int i = 0; i < 20; i++) {
		w.out_ns = 30000 + 1000 * i;
		w.back_ns = 20000 + 14000 * (i % 5);
		/* ... and the next request comes half a second after. */
		assert_int_equal(world_round(&w, w.hold_ns + WORLD_S / 2, &o), DS_R_OK);
		if (i >= 2) {
			assert_int_equal(o.exchange.kind, DS_EXCHANGE_SET2);
			assert_true(o.exchange.delay_ns == w.out_ns + back_before);
			assert_true(o.exchange.offset_ns ==
				    -w.ahead_ns + (w.out_ns - back_before) / 2);
			assert_true(o.exchange.t1.raw_ns > o.exchange.t4.raw_ns);
			set2++;
		}
		back_before = w.back_ns;
	}
	assert_int_equal(set2, 18);
}

static void test_the_shorter_interval_wins_and_a_tie_is_set_1(void **state)
{
	static const struct {
		uint64_t t2_before, t3, t2;
		enum ds_exchange_kind kind;
	} cases[] = {
		{1000, 2000, 3000, DS_EXCHANGE_SET1},
		{1000, 2000, 3001, DS_EXCHANGE_SET1},
		{1000, 2000, 2999, DS_EXCHANGE_SET2},
		{UINT64_MAX - 9, 40, 89, DS_EXCHANGE_SET2}, /* over the beginning of an era */
		{UINT64_MAX - 9, 40, 91, DS_EXCHANGE_SET1},
		{2000000, 1000000, 3000002, DS_EXCHANGE_SET1}, /* lengths, not signs */
	};
	const struct ds_remote remote = {.stratum = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ds_packet answer = {.receive = cases[i].t2 << 4,
					   .transmit = cases[i].t3 << 4};
		struct ds_packet before = {.receive = cases[i].t2_before << 4};
		struct ds_tx_stamp t1 = {.source = DS_STAMP_KERNEL};
		struct ds_tx_stamp later = {.raw_ns = 450000, .source = DS_STAMP_KERNEL};
		struct ds_rx_stamp t4 = {.raw_ns = 400000, .source = DS_STAMP_KERNEL};
		struct ds_interleave il;
		struct ds_exchange e;

		if (cases[i].t2_before > UINT64_MAX / 2) {
			answer.receive = cases[i].t2;
			answer.transmit = cases[i].t3;
			before.receive = cases[i].t2_before;
		}
		ds_interleave_init(&il, true);
		ds_interleave_accepted(&il, &before, &t1, &t4);
		e.kind = DS_EXCHANGE_BASIC;
		if (i == 5) {
			/* Out of order: refused as set 1, so set 1 it was. */
			assert_int_equal(ds_interleave_exchange(&il, &answer, &later, &remote, 0,
								DS_PROCESSING_MAX_NS, &e),
					 DS_R_DELAY_NEGATIVE);
			continue;
		}
		assert_int_equal(ds_interleave_exchange(&il, &answer, &later, &remote, 0,
							DS_PROCESSING_MAX_NS, &e),
				 DS_R_OK);
		assert_int_equal(e.kind, cases[i].kind);
	}
}

/* The mistake that inflates a delay by one poll: an interleaved answer with the receive stamp of
 * the request before. What set 1 would make of it is refused; the client sees that set 2 has the
 * shorter interval, which does not need that stamp, and is exact. */
static void test_a_wrong_receive_stamp_is_found_out(void **state)
{
	struct ds_client_outcome o;
	struct ds_packet answer;
	struct ds_exchange e;
	ds_ntp64 before;
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 4; i++)
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	before = world_packet(w.response.bytes).receive;
	world_send(&w);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	assert_int_equal(world_answer(&w), DS_R_OK);
	answer = world_packet(w.response.bytes);
	answer.receive = before; /* the mistake */
	ds_wire_write(&answer, w.response.bytes);
	assert_int_equal(world_deliver(&w, &o), DS_R_OK);
	assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns);
	w.now_ns += POLL;

	/* Such a server would answer the next request so. */
	world_send(&w);
	assert_true(world_packet(w.request).origin == before);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	answer.origin = world_packet(w.request).receive;
	answer.transmit = ds_ntp64_from_ns(w.answered_ns, 0);
	assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_SET1, &w.client.interleave.t1,
					  ds_ns_from_ntp64(before, w.now_ns), w.answered_ns,
					  &w.client.interleave.t4, &o.exchange.remote, 0),
			 DS_R_PROCESSING_MAX);
	assert_int_equal(world_answer(&w), DS_R_OK);
	answer.receive = world_packet(w.response.bytes).receive;
	ds_wire_write(&answer, w.response.bytes);
	assert_int_equal(world_deliver(&w, &o), DS_R_OK);
	assert_int_equal(o.exchange.kind, DS_EXCHANGE_SET2);
	assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns);
	assert_true(o.exchange.offset_ns == -w.ahead_ns + (w.out_ns - w.back_ns) / 2);
}

/* The same with polls so short that no limit of one packet's stay is met. */
static void test_a_wrong_receive_stamp_inflates_no_delay(void **state)
{
	const int64_t polls[] = {WORLD_S / 8, WORLD_S, 4 * WORLD_S, POLL, 1024 * WORLD_S};

	(void)state;
	for (size_t p = 0; p < sizeof(polls) / sizeof(polls[0]); p++) {
		struct ds_tx_stamp t1 = {.raw_ns = 0, .source = DS_STAMP_KERNEL};
		struct ds_rx_stamp t4 = {.raw_ns = 62000, .source = DS_STAMP_KERNEL};
		const struct ds_remote remote = {.stratum = 1};
		struct ds_exchange e;
		/* T2 a poll too early, T3 right: the server seems to have held it so long. */
		enum ds_reason reason = ds_exchange_make(&e, DS_EXCHANGE_SET1, &t1,
							 30000 - polls[p], 42000, &t4, &remote, 0);

		assert_int_equal(reason, polls[p] + 12000 > DS_PROCESSING_MAX_NS
						 ? DS_R_PROCESSING_MAX
						 : DS_R_DELAY_NEGATIVE);
	}
}

/* ---- which request goes out ---- */

static bool is_interleaved_request(const struct world *w)
{
	return world_packet(w->request).origin != 0;
}

static void test_at_most_four_unanswered(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 6; i++) { /* none before the first answer */
		world_send(&w);
		assert_false(is_interleaved_request(&w));
		w.now_ns += POLL;
	}
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	for (int i = 0; i < 4; i++) {
		world_send(&w);
		assert_true(is_interleaved_request(&w));
		w.now_ns += POLL;
	}
	for (int i = 0; i < 300; i++) { /* more than a byte counts */
		world_send(&w);
		assert_false(is_interleaved_request(&w));
		assert_true(world_packet(w.request).receive == 0);
		w.now_ns += POLL;
	}
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	world_send(&w);
	assert_true(is_interleaved_request(&w));
}

static void test_who_never_asks(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	for (unsigned int version = 1; version <= 4; version++) {
		world_init(&w, false);
		ds_client_init(&w.client, (uint8_t)version, version < 4, false);
		for (int i = 0; i < 5; i++) {
			assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
			assert_false(is_interleaved_request(&w));
			assert_int_equal(o.exchange.kind, DS_EXCHANGE_BASIC);
		}
	}
}

static void test_forget_makes_the_next_request_basic(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 4; i++)
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	ds_client_forget(&w.client);
	world_send(&w);
	assert_false(is_interleaved_request(&w));
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_deliver(&w, &o), DS_R_OK);
	world_send(&w); /* still wanted */
	assert_true(is_interleaved_request(&w));
}

static void test_cookies_differ_whatever_the_random_words(void **state)
{
	static const uint64_t words[][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 0},
					    {2, 0}, {7, 7}, {0, 1}, {UINT64_MAX, UINT64_MAX}};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct ds_tx_stamp t1 = {.source = DS_STAMP_DAEMON};
		struct ds_client_outcome o;
		struct ds_packet sent;
		struct world w;

		world_init(&w, true);
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
		ds_client_request(&w.client, &t1, 9, false, words[i], w.request);
		sent = world_packet(w.request);
		assert_true(sent.origin != 0 && sent.receive != 0 && sent.transmit != 0);
		assert_true(sent.receive != sent.transmit);
	}
}

static void test_rate_keeps_what_was_learnt(void **state)
{
	struct ds_client_outcome o;
	struct ds_interleave before;
	struct ds_packet p;
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	world_send(&w);
	before = w.client.interleave;
	p = (struct ds_packet){.version = 4, .mode = 4, .ref_id = 0x52415445};
	/* A kiss never repeats the receive cookie. */
	p.origin = world_packet(w.request).receive;
	ds_wire_write(&p, bytes);
	assert_int_equal(world_deliver_bytes(&w, bytes, sizeof(bytes), &o), DS_R_ORIGIN);
	p.origin = world_packet(w.request).transmit;
	ds_wire_write(&p, bytes);
	assert_int_equal(world_deliver_bytes(&w, bytes, sizeof(bytes), &o), DS_R_KOD_RATE);
	assert_memory_equal(&w.client.interleave, &before, sizeof(before));
	w.now_ns += POLL;
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	assert_int_equal(o.exchange.kind, DS_EXCHANGE_SET1);
}

/* An accepted answer that gives no exchange is what the next one completes all the same. */
static void test_an_answer_of_no_use_is_remembered(void **state)
{
	struct ds_client_outcome o;
	struct ds_packet p;
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	world_send(&w);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_int_equal(world_server_stamp(&w), DS_R_OK);
	p = world_packet(w.response.bytes);
	p.leap = DS_LEAP_UNSYNCHRONISED;
	ds_wire_write(&p, w.response.bytes);
	assert_int_equal(world_deliver(&w, &o), DS_R_UNSYNCHRONISED);
	w.now_ns += POLL;
	world_send(&w);
	assert_true(world_packet(w.request).origin == p.receive);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_true(w.response.interleaved);
	assert_int_equal(world_deliver(&w, &o), DS_R_OK);
	assert_int_equal(o.exchange.kind, DS_EXCHANGE_SET1);
	assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns);
}

static void test_parked_interleaved(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	for (int i = 0; i < 3; i++) {
		world_send(&w);
		assert_int_equal(world_answer(&w), DS_R_OK);
		assert_int_equal(world_server_stamp(&w), DS_R_OK);
		assert_int_equal(world_deliver(&w, &o), DS_R_PARKED);
		if (i == 1)
			assert_int_equal(ds_client_deadline(&w.client, 0, &o), DS_R_OK);
		else
			assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
		assert_int_equal(o.exchange.kind, DS_EXCHANGE_SET1);
		/* The stamp that the deadline did without is missed one exchange later. */
		assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns + (i == 2 ? w.read_ns : 0));
		assert_int_equal(o.exchange.t1.source, i == 2 ? DS_STAMP_DAEMON : DS_STAMP_KERNEL);
		w.now_ns += POLL;
	}
}

static void test_a_step_of_our_clock_does_no_harm(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	w.ahead_ns += 3600 * WORLD_S; /* nothing is told to the association */
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	assert_int_equal(o.exchange.kind, DS_EXCHANGE_SET1);
	assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns);
	assert_true(o.exchange.server_minus_raw_ns == WORLD_RAW_BASE + (w.out_ns - w.back_ns) / 2);
}

/* L3: with one exchange in five delivered there is a sample for each. */
static void test_loss_leaves_a_sample_in_each_delivered_exchange(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	for (unsigned int pattern = 1; pattern < 1024; pattern++) {
		unsigned int samples = 0;
		unsigned int delivered = 0;

		world_init(&w, true);
		for (unsigned int i = 0; i < 20; i++) {
			bool arrives = (pattern >> i % 10 & 1) != 0;

			vary(&w, (int)i);
			world_send(&w);
			assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
			if (arrives || i % 3 == 0) { /* lost on the way back, or already out */
				assert_int_equal(world_answer(&w), DS_R_OK);
				if (w.response.wants_drivestamp)
					assert_int_equal(world_server_stamp(&w), DS_R_OK);
			}
			if (arrives) {
				assert_int_equal(world_deliver(&w, &o), DS_R_OK);
				samples += o.has_exchange;
				delivered++;
			}
			w.now_ns += POLL;
		}
		assert_int_equal(samples, delivered);
	}
}

/* ---- scenario 1: CVE-2016-1548 in three packets ---- */

static void test_scenario_1_cve_2016_1548(void **state)
{
	struct ds_client_outcome o;
	struct ds_client before;
	struct ds_packet forged;
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	ds_ntp64 leaked;
	struct world w;

	(void)state;
	for (int xleave = 0; xleave <= 1; xleave++) {
		world_init(&w, xleave != 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
		/* The victim serves, too, and its reference time told anybody when its last answer
		 * came in. 1: a packet with that as origin, to turn it to interleaved mode. */
		leaked = ds_ntp64_from_ns(o.exchange.t4.clock_ns, 0);
		forged = (struct ds_packet){.version = 4,
					    .mode = DS_MODE_SERVER,
					    .stratum = 1,
					    .origin = leaked,
					    .receive = leaked + (UINT64_C(1) << 31),
					    .transmit = leaked + (UINT64_C(1) << 31) + 2};
		ds_wire_write(&forged, bytes);
		before = w.client;
		assert_int_equal(world_deliver_bytes(&w, bytes, sizeof(bytes), &o), DS_R_NOT_ARMED);
		assert_memory_equal(&w.client, &before, sizeof(before));
		/* The same with a request under way, and with every stamp of it that is a time. */
		world_send(&w);
		before = w.client;
		assert_int_equal(world_deliver_bytes(&w, bytes, sizeof(bytes), &o), DS_R_ORIGIN);
		forged.origin = ds_ntp64_from_ns(w.client.t1.clock_ns, 0);
		ds_wire_write(&forged, bytes);
		assert_int_equal(world_deliver_bytes(&w, bytes, sizeof(bytes), &o), DS_R_ORIGIN);
		forged.origin = world_packet(w.request).origin;
		ds_wire_write(&forged, bytes);
		assert_int_equal(world_deliver_bytes(&w, bytes, sizeof(bytes), &o), DS_R_ORIGIN);
		assert_memory_equal(&w.client, &before, sizeof(before));
		/* 2: the genuine answer is accepted, as what it would have been. */
		assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
		assert_int_equal(world_answer(&w), DS_R_OK);
		assert_int_equal(world_deliver(&w, &o), DS_R_OK);
		assert_int_equal(o.exchange.kind, xleave ? DS_EXCHANGE_SET1 : DS_EXCHANGE_BASIC);
		/* 3: the packet that was to move the clock. */
		forged.origin = leaked;
		ds_wire_write(&forged, bytes);
		before = w.client;
		assert_int_equal(world_deliver_bytes(&w, bytes, sizeof(bytes), &o), DS_R_NOT_ARMED);
		assert_memory_equal(&w.client, &before, sizeof(before));
	}
}

/* ---- scenario 5: a client that is interleaved by accident (NTPsec 0.9.5 to 1.0.0) ---- */

static void test_scenario_5_ntpsec_1_0(void **state)
{
	ds_ntp64 last_receive = 0;
	unsigned int basic = 0;
	unsigned int dropped_in_a_row = 0;
	struct world w;

	(void)state;
	world_init(&w, false);
	for (unsigned int i = 0; i < 40; i++) {
		/* Not minimised: origin the server's receive field, receive its own clock's time of
		 * arrival, transmit the time of sending. */
		struct ds_packet p = {
			.version = 4,
			.mode = DS_MODE_CLIENT,
			.stratum = 2,
			.poll_log2 = 6,
			.precision_log2 = -20,
			.origin = last_receive,
			.receive = i == 0 ? 0 : ds_ntp64_from_ns(w.now_ns - POLL + 60000, 0),
			.transmit = ds_ntp64_from_ns(w.now_ns, 0)};
		struct ds_packet answer;

		ds_wire_write(&p, w.request);
		w.left_ns = w.now_ns;
		assert_int_equal(world_answer(&w), DS_R_OK);
		if (w.response.wants_drivestamp)
			assert_int_equal(world_server_stamp(&w), DS_R_OK);
		answer = world_packet(w.response.bytes);
		if (answer.origin == p.transmit) { /* all that it accepts */
			last_receive = answer.receive;
			basic++;
			dropped_in_a_row = 0;
		} else {
			dropped_in_a_row++;
		}
		assert_true(dropped_in_a_row <= 1);
		w.now_ns += POLL;
	}
	assert_true(basic >= 20);
}

/* ---- scenario 7: a request that the network doubled ---- */

static void test_scenario_7_duplicated_request(void **state)
{
	struct ds_client_outcome o;
	struct ds_response first;
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 5; i++)
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	world_send(&w);
	assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_true(w.response.interleaved);
	assert_int_equal(world_server_stamp(&w), DS_R_OK);
	first = w.response;
	w.left_ns += 7000;
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_false(w.response.interleaved);
	assert_int_equal(w.response.fallback, DS_R_SLOT_USED);
	assert_true(world_packet(w.response.bytes).origin == world_packet(w.request).transmit);
	assert_int_equal(world_server_stamp(&w), DS_R_OK);
	/* Whichever arrives first is taken, and only that. */
	assert_int_equal(world_deliver(&w, &o), DS_R_OK);
	assert_int_equal(world_deliver_bytes(&w, first.bytes, sizeof(first.bytes), &o),
			 DS_R_NOT_ARMED);
}

/* ---- scenario 8: two clients behind one address ---- */

static void test_scenario_8_two_clients_behind_one_nat(void **state)
{
	static struct world one;
	static struct world two;
	struct ds_client_outcome o;
	unsigned int interleaved = 0;

	(void)state;
	world_init(&one, true);
	world_init(&two, true);
	two.seed = 99;
	for (int i = 0; i < 40; i++) {
		/* One server, one prefix. */
		if (i > 0)
			one.server = two.server;
		assert_int_equal(world_round(&one, POLL, &o), DS_R_OK);
		interleaved += o.exchange.kind == DS_EXCHANGE_SET1;
		if (i >= 2)
			assert_true(o.exchange.delay_ns == one.out_ns + one.back_ns);
		two.server = one.server; /* its slots are one's all the time */
		two.now_ns = one.now_ns - POLL / 2;
		two.out_ns = 77000;
		assert_int_equal(world_round(&two, 0, &o), DS_R_OK);
		interleaved += o.exchange.kind == DS_EXCHANGE_SET1;
		if (i >= 2)
			assert_true(o.exchange.delay_ns == two.out_ns + two.back_ns);
	}
	assert_int_equal(interleaved, 2 * 38);
}

static void test_a_slot_belongs_to_its_prefix(void **state)
{
	struct ds_client_outcome o;
	struct ds_slot slots[WORLD_SLOTS];
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	/* A thief repeats the origin from elsewhere. */
	memcpy(slots, w.slots, sizeof(slots));
	world_send(&w);
	w.prefix = 0x123456;
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_false(w.response.interleaved);
	assert_int_equal(w.response.fallback, DS_R_SLOT_FOREIGN);
	/* Only 24 bits of a prefix count, and the owner still gets his. */
	w.prefix = WORLD_PREFIX | 0xff000000;
	assert_int_equal(world_answer(&w), DS_R_OK);
	assert_true(w.response.interleaved);
}

/* ---- scenario 9: the table is flushed ten times over ---- */

static void test_scenario_9_slot_flush(void **state)
{
	struct ds_client_outcome o;
	struct world w;
	uint64_t seed = 5;
	unsigned int samples = 0;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 30; i++) {
		world_send(&w);
		assert_int_equal(world_client_stamp(&w, &o), DS_R_OK);
		assert_int_equal(world_answer(&w), DS_R_OK);
		if (w.response.wants_drivestamp)
			assert_int_equal(world_server_stamp(&w), DS_R_OK);
		assert_int_equal(world_deliver(&w, &o), DS_R_OK);
		samples += o.has_exchange;
		w.now_ns += POLL / 2;
		for (unsigned int k = 0; k < 10 * WORLD_SLOTS; k++) {
			/* Spoofed: odd origins, everybody's prefix. */
			struct ds_packet p = {.version = 4,
					      .mode = DS_MODE_CLIENT,
					      .origin = seed | 1,
					      .receive = 8,
					      .transmit = 9};

			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			ds_wire_write(&p, w.request);
			w.left_ns = w.now_ns + 1000 * k;
			w.prefix = (uint32_t)(seed >> 32);
			assert_int_equal(world_answer(&w), DS_R_OK);
			assert_false(w.response.interleaved);
			assert_int_equal(w.response.fallback, DS_R_SLOT_UNKNOWN);
			assert_true(w.server.interleave.live <= WORLD_SLOTS);
		}
		w.prefix = WORLD_PREFIX;
		w.now_ns += POLL / 2;
	}
	/* L4: interleaving is gone, the basic samples are all there. */
	assert_int_equal(samples, 30);
	assert_int_equal(o.exchange.kind, DS_EXCHANGE_BASIC);
}

/* ---- scenario 10: the server's drivestamps ---- */

static void test_scenario_10_stamp_after_the_next_request(void **state)
{
	struct ds_client_outcome o;
	uint32_t slot;
	int64_t rx_raw_ns;
	int64_t left_ns;
	struct world w;

	(void)state;
	world_init(&w, true);
	w.server_stamps = false;
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	slot = w.response.slot;
	rx_raw_ns = w.response.rx_raw_ns;
	left_ns = w.answered_ns;
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	/* Idea 4: no drivestamp, no interleaving. */
	assert_int_equal(w.response.fallback, DS_R_SLOT_NO_DRIVESTAMP);
	assert_false(w.response.interleaved);
	assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns + w.guess_ns);
	/* Now it comes: kept for a client that repeats itself, of no harm to this one. */
	assert_int_equal(world_server_stamp_at(&w, slot, rx_raw_ns, left_ns), DS_R_OK);
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	assert_int_equal(w.response.fallback, DS_R_SLOT_NO_DRIVESTAMP);
	w.server_stamps = true;
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	assert_int_equal(o.exchange.kind, DS_EXCHANGE_SET1);
	assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns);
}

static void test_scenario_10_stamp_never(void **state)
{
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	world_init(&w, true);
	w.server_stamps = false;
	for (int i = 0; i < 200; i++) {
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
		assert_int_equal(o.exchange.kind, DS_EXCHANGE_BASIC);
		assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns + w.guess_ns);
		assert_true(w.server.interleave.live <= WORLD_SLOTS / DS_SLOT_SHARE);
	}
}

static void test_scenario_10_twice_wrong_and_implausible(void **state)
{
	struct ds_client_outcome o;
	struct ds_slot before[WORLD_SLOTS];
	uint32_t slot;
	struct world w;

	(void)state;
	world_init(&w, true);
	w.server_stamps = false;
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	slot = w.response.slot;
	memcpy(before, w.slots, sizeof(before));
	assert_int_equal(world_server_stamp_at(&w, slot ^ 1, w.response.rx_raw_ns, w.answered_ns),
			 DS_R_STAMP_WRONG_ID);
	assert_int_equal(
		world_server_stamp_at(&w, slot + (1 << 24), w.response.rx_raw_ns, w.answered_ns),
		DS_R_STAMP_WRONG_ID);
	assert_int_equal(
		world_server_stamp_at(&w, slot + WORLD_SLOTS, w.response.rx_raw_ns, w.answered_ns),
		DS_R_STAMP_WRONG_ID);
	assert_int_equal(world_server_stamp_at(&w, slot | UINT32_C(1) << 31, w.response.rx_raw_ns,
					       w.answered_ns),
			 DS_R_STAMP_WRONG_ID);
	assert_int_equal(world_server_stamp_at(&w, DS_SLOT_NONE, 0, 0), DS_R_STAMP_WRONG_ID);
	assert_int_equal(world_server_stamp_at(&w, slot, w.response.rx_raw_ns,
					       w.response.rx_raw_ns + 2 * WORLD_S),
			 DS_R_STAMP_IMPLAUSIBLE);
	assert_int_equal(world_server_stamp_at(&w, slot, w.response.rx_raw_ns,
					       w.response.rx_raw_ns + WORLD_S + 1),
			 DS_R_STAMP_IMPLAUSIBLE);
	assert_int_equal(
		world_server_stamp_at(&w, slot, w.response.rx_raw_ns, w.response.rx_raw_ns - 1),
		DS_R_STAMP_IMPLAUSIBLE);
	assert_memory_equal(w.slots, before, sizeof(before));
	assert_int_equal(world_server_stamp(&w), DS_R_OK);
	memcpy(before, w.slots, sizeof(before));
	assert_int_equal(world_server_stamp_at(&w, slot, w.response.rx_raw_ns, w.answered_ns + 500),
			 DS_R_STAMP_DOUBLE);
	assert_memory_equal(w.slots, before, sizeof(before));
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	assert_int_equal(o.exchange.kind, DS_EXCHANGE_SET1);
	/* Spent: whatever comes for it now is of no packet. */
	assert_int_equal(world_server_stamp_at(&w, slot, 0, 0), DS_R_STAMP_WRONG_ID);
}

static void test_a_stamp_of_an_earlier_life_of_the_slot(void **state)
{
	struct ds_interleave_server table;
	struct ds_slot slots[DS_SLOT_WAYS];
	uint32_t references[256];

	(void)state;
	ds_interleave_server_init(&table, slots, DS_SLOT_WAYS);
	/* Stamps are awaited for at most 256 packets of a socket: each is told from all others. */
	for (uint32_t i = 0; i < 256; i++) {
		ds_ntp64 receive = (uint64_t)i * 1000 + 1;
		ds_ntp64 transmit;

		assert_true(ds_interleave_save(&table, &receive, i, &references[i]) !=
			    DS_R_SLOT_QUOTA);
		for (uint32_t k = 0; k < i; k++) {
			assert_true(references[k] != references[i]);
			assert_true(ds_interleave_drivestamp(&table, references[k], 5,
							     DS_STAMP_KERNEL) != DS_R_OK);
		}
		assert_int_equal(
			ds_interleave_drivestamp(&table, references[i], 5, DS_STAMP_KERNEL),
			DS_R_OK);
		if (i % 2 == 0)
			assert_int_equal(ds_interleave_take(&table, receive, i, &transmit),
					 DS_R_OK);
	}
}

/* ---- scenario 11: the clock goes back ---- */

static void test_scenario_11_same_receive_stamps_again(void **state)
{
	struct ds_client_outcome o;
	struct world w;
	ds_ntp64 seen[60];
	int64_t start_ns;

	(void)state;
	world_init(&w, true);
	assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	start_ns = w.now_ns;
	for (size_t i = 0; i < 60; i++) {
		struct ds_packet p;

		if (i % 6 == 0)
			w.now_ns = start_ns; /* back, untold, over live slots */
		w.seed = 7; /* and even the bits below the nanosecond are the same */
		world_send(&w);
		assert_int_equal(world_answer(&w), DS_R_OK);
		p = world_packet(w.response.bytes);
		seen[i] = p.receive;
		assert_int_equal(p.receive & 1, 1);
		for (size_t k = 0; k < i && w.response.slot != DS_SLOT_NONE; k++)
			assert_true(seen[k] != p.receive);
		w.now_ns += WORLD_S;
	}
}

static void test_scenario_11_forget_after_a_step(void **state)
{
	struct ds_client_outcome o;
	uint32_t slot;
	int64_t rx_raw_ns;
	struct world w;

	(void)state;
	world_init(&w, true);
	for (int i = 0; i < 4; i++)
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
	world_send(&w);
	assert_int_equal(world_answer(&w), DS_R_OK);
	slot = w.response.slot;
	rx_raw_ns = w.response.rx_raw_ns;
	ds_server_forget(&w.server);
	assert_int_equal(w.server.interleave.live, 0);
	/* The stamp still under way finds nothing, even when the place is taken again. */
	assert_int_equal(world_server_stamp_at(&w, slot, rx_raw_ns, rx_raw_ns + 5),
			 DS_R_STAMP_WRONG_ID);
	w.now_ns -= 1800 * WORLD_S;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
		assert_int_equal(o.exchange.kind, i < 1 ? DS_EXCHANGE_BASIC : DS_EXCHANGE_SET1);
		assert_int_equal(world_server_stamp_at(&w, slot, rx_raw_ns, rx_raw_ns + 5),
				 DS_R_STAMP_WRONG_ID);
	}
}

/* ---- scenario 13: an era begins with live slots ---- */

static void test_scenario_13_era_with_live_slots(void **state)
{
	const int64_t era_ns = INT64_C(2085978496) * WORLD_S; /* 2036-02-07 06:28:16 UTC */
	struct ds_client_outcome o;
	struct world w;

	(void)state;
	world_init(&w, true);
	w.now_ns = era_ns - 5 * POLL - w.out_ns - 4000;
	w.hold_ns = 12000; /* one answer arrives before and leaves after it */
	for (int i = 0; i < 12; i++) {
		assert_int_equal(world_round(&w, POLL, &o), DS_R_OK);
		if (i < 2)
			continue;
		assert_int_equal(o.exchange.kind, DS_EXCHANGE_SET1);
		assert_true(o.exchange.delay_ns == w.out_ns + w.back_ns);
		assert_true(o.exchange.offset_ns == -w.ahead_ns + (w.out_ns - w.back_ns) / 2);
	}
	assert_true(w.now_ns > era_ns);
}

static void test_the_oldest_gives_way_over_an_era(void **state)
{
	struct ds_interleave_server table;
	struct ds_slot slots[DS_SLOT_WAYS];
	ds_ntp64 start = UINT64_MAX - 7;
	uint32_t reference;
	ds_ntp64 transmit;

	(void)state;
	ds_interleave_server_init(&table, slots, DS_SLOT_WAYS);
	for (uint32_t i = 0; i < 9; i++) {
		ds_ntp64 receive = start + 2 * i; /* four before the era, five in it */

		assert_int_equal(ds_interleave_save(&table, &receive, i, &reference),
				 i < DS_SLOT_WAYS ? DS_R_OK : DS_R_SLOT_EVICTED);
		assert_int_equal(ds_interleave_drivestamp(&table, reference, 0, DS_STAMP_KERNEL),
				 DS_R_OK);
	}
	assert_int_equal(ds_interleave_take(&table, start, 0, &transmit), DS_R_SLOT_UNKNOWN);
	for (uint32_t i = 1; i < 9; i++) {
		assert_int_equal(ds_interleave_take(&table, start + 2 * i, i, &transmit), DS_R_OK);
		assert_int_equal(transmit & 1, 0);
		assert_true(transmit != 0);
	}
}

/* ---- the table ---- */

static void test_sizes_of_the_table(void **state)
{
	static const struct {
		uint32_t given, used;
	} sizes[] = {{0, 0}, {7, 0}, {8, 8}, {15, 8}, {16, 16}, {63, 32}, {64, 64}};
	struct ds_slot slots[64];
	struct ds_interleave_server table;
	struct ds_packet asks = {.version = 4, .mode = 3, .origin = 1, .receive = 1};

	(void)state;
	assert_int_equal(sizeof(struct ds_slot), 16);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ds_interleave_server_init(&table, slots, sizes[i].given);
		assert_int_equal(table.count, sizes[i].used);
		assert_int_equal(ds_interleave_asked(&table, &asks), sizes[i].used != 0);
	}
	ds_interleave_server_init(&table, NULL, 64);
	assert_int_equal(table.count, 0);
}

static void test_who_asks(void **state)
{
	static const struct {
		uint8_t version, mode;
		ds_ntp64 origin, receive, transmit;
		bool asks;
	} cases[] = {
		{4, 3, 1, 1, 2, true},	{4, 3, 0, 1, 2, false}, {4, 3, 2, 1, 2, false},
		{4, 3, 1, 2, 2, false}, {3, 3, 1, 1, 2, false}, {4, 1, 1, 1, 2, true},
		{4, 3, 1, 0, 2, true},
	};
	struct ds_slot slots[8];
	struct ds_interleave_server table;

	(void)state;
	ds_interleave_server_init(&table, slots, 8);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ds_packet p = {.version = cases[i].version,
				      .mode = cases[i].mode,
				      .origin = cases[i].origin,
				      .receive = cases[i].receive,
				      .transmit = cases[i].transmit};

		assert_int_equal(ds_interleave_asked(&table, &p), cases[i].asks);
	}
}

#define BIG 4096

static void test_one_busy_client_does_not_evict_the_others(void **state)
{
	static struct ds_slot slots[BIG];
	static struct ds_interleave_server table;
	ds_ntp64 keys[400];
	uint32_t reference;
	ds_ntp64 transmit;
	unsigned int kept = 0;
	unsigned int quota = 0;
	ds_ntp64 at = UINT64_C(0xeeae710000000001);

	(void)state;
	ds_interleave_server_init(&table, slots, BIG);
	for (uint32_t i = 0; i < 400; i++) { /* one slot each, by prefixes of other classes */
		keys[i] = at += UINT64_C(0x123456789a);
		keys[i] |= 1;
		assert_int_equal(ds_interleave_save(&table, &keys[i], i + 1, &reference), DS_R_OK);
		assert_int_equal(ds_interleave_drivestamp(&table, reference, 100, DS_STAMP_KERNEL),
				 DS_R_OK);
	}
	for (uint32_t i = 0; i < 100 * BIG; i++) { /* prefix 1000: never takes what it saves */
		ds_ntp64 key = (at += UINT64_C(0x3456789a)) | 1;
		enum ds_reason reason = ds_interleave_save(&table, &key, 1000, &reference);

		quota += reason == DS_R_SLOT_QUOTA;
		assert_int_equal(reason == DS_R_SLOT_QUOTA, reference == DS_SLOT_NONE);
		assert_true(table.by_prefix[1000] <= BIG / DS_SLOT_SHARE);
		assert_true(table.live <= BIG / DS_SLOT_SHARE + 400);
	}
	assert_true(quota > 0);
	for (uint32_t i = 0; i < 400; i++)
		kept += ds_interleave_take(&table, keys[i], i + 1, &transmit) == DS_R_OK;
	assert_true(kept >= 398);
	/* Counted right to the end. */
	assert_int_equal(table.live, table.by_prefix[1000] + 400 - kept);
}

static void test_a_class_below_its_share_takes_no_more_than_its_part_of_a_set(void **state)
{
	struct ds_interleave_server table;
	struct ds_slot slots[DS_SLOT_WAYS];
	uint32_t reference;
	ds_ntp64 transmit;
	ds_ntp64 at = 1;

	(void)state;
	ds_interleave_server_init(&table, slots, DS_SLOT_WAYS);
	for (uint32_t i = 0; i < DS_SLOT_WAYS; i++, at += 2)
		assert_int_equal(ds_interleave_save(&table, &at, i, &reference), DS_R_OK);
	for (int i = 0; i < 100; i++, at += 2)
		assert_int_equal(ds_interleave_save(&table, &at, 500, &reference),
				 DS_R_SLOT_EVICTED);
	/* Two others gave way, the oldest; then its own. */
	for (uint32_t i = 0; i < DS_SLOT_WAYS; i++)
		assert_int_equal(ds_interleave_take(&table, 1 + 2 * i, i, &transmit),
				 i < 2 ? DS_R_SLOT_UNKNOWN : DS_R_SLOT_NO_DRIVESTAMP);
	assert_int_equal(table.by_prefix[500], 2);
}

static void test_a_full_set_of_a_big_table(void **state)
{
	static struct ds_slot slots[BIG];
	static struct ds_interleave_server table;
	uint32_t reference;
	unsigned int evicted = 0;
	ds_ntp64 at = 1;

	(void)state;
	ds_interleave_server_init(&table, slots, BIG);
	/* Three classes, all below their share, fill sets: own slots and others' give way. */
	for (uint32_t i = 0; i < 3000; i++) {
		at = (at * UINT64_C(6364136223846793005) + 1442695040888963407u) | 1;
		evicted += ds_interleave_save(&table, &at, i % 3, &reference) == DS_R_SLOT_EVICTED;
		assert_int_equal(table.live, i + 1 - evicted);
		assert_int_equal(table.live,
				 table.by_prefix[0] + table.by_prefix[1] + table.by_prefix[2]);
	}
	assert_true(evicted > 0);
}

static void test_keys_that_are_taken(void **state)
{
	static struct ds_slot slots[BIG];
	static struct ds_interleave_server table;
	uint32_t reference;

	(void)state;
	ds_interleave_server_init(&table, slots, BIG);
	for (uint32_t i = 0; i < 16; i++) {
		ds_ntp64 key = 101;

		assert_int_equal(ds_interleave_save(&table, &key, i, &reference), DS_R_OK);
		assert_true(key == 101 + 2 * i);
	}
	for (uint32_t i = 0; i < 3; i++) {
		ds_ntp64 key = 101;

		assert_int_equal(ds_interleave_save(&table, &key, 99, &reference), DS_R_SLOT_QUOTA);
		assert_true(key == 101);
		assert_int_equal(reference, DS_SLOT_NONE);
	}
}

static void test_drivestamps_are_kept_to_the_nanosecond(void **state)
{
	static const int32_t deltas[] = {0, 1, 999, 20000, 499999999, 999999999, 1000000000};
	struct ds_interleave_server table;
	struct ds_slot slots[DS_SLOT_WAYS];
	uint32_t reference;
	ds_ntp64 transmit;

	(void)state;
	ds_interleave_server_init(&table, slots, DS_SLOT_WAYS);
	for (int64_t ns = 0; ns < 4000; ns++) {
		int64_t at = WORLD_START + ns * 777777;
		int32_t delta = deltas[ns % 7];
		ds_ntp64 receive = ds_ntp64_from_ns(at, (uint32_t)ns & 2);

		receive |= 1;
		assert_true(ds_interleave_save(&table, &receive, 1, &reference) == DS_R_OK);
		assert_int_equal(
			ds_interleave_drivestamp(&table, reference, delta, DS_STAMP_KERNEL),
			DS_R_OK);
		assert_int_equal(ds_interleave_take(&table, receive, 1, &transmit), DS_R_OK);
		assert_true(ds_ns_from_ntp64(transmit, at) == at + delta);
		assert_int_equal(transmit & 1, 0);
	}
	/* Exactly at the beginning of an era the field would be zero. */
	{
		ds_ntp64 receive = ds_ntp64_from_ns(INT64_C(2085978496) * WORLD_S - 1, 0) | 1;

		assert_int_equal(ds_interleave_save(&table, &receive, 1, &reference), DS_R_OK);
		assert_int_equal(ds_interleave_drivestamp(&table, reference, 1, DS_STAMP_KERNEL),
				 DS_R_OK);
		assert_int_equal(ds_interleave_take(&table, receive, 1, &transmit), DS_R_OK);
		assert_true(transmit == 2);
	}
}

/* Provenance rises from kernel to card, never back, and not once it was told (S9). */
static void test_a_cards_stamp_takes_the_kernels_place(void **state)
{
	static const int32_t deltas[] = {0, 1, 20000, 1000000000};
	struct ds_interleave_server table;
	struct ds_slot slots[DS_SLOT_WAYS];
	ds_ntp64 receive = ds_ntp64_from_ns(WORLD_START, 0) | 1;
	uint32_t reference;
	ds_ntp64 transmit;

	(void)state;
	ds_interleave_server_init(&table, slots, DS_SLOT_WAYS);
	for (int i = 0; i < 8; i++) {
		int32_t delta = deltas[i % 4];

		receive += 2;
		assert_int_equal(ds_interleave_save(&table, &receive, 1, &reference), DS_R_OK);
		if (i < 4)
			assert_int_equal(
				ds_interleave_drivestamp(&table, reference, 500, DS_STAMP_KERNEL),
				DS_R_OK);
		assert_int_equal(ds_interleave_drivestamp(&table, reference,
							  DS_DRIVESTAMP_MAX_NS + 1,
							  DS_STAMP_HARDWARE),
				 DS_R_STAMP_IMPLAUSIBLE);
		assert_int_equal(
			ds_interleave_drivestamp(&table, reference, delta, DS_STAMP_HARDWARE),
			DS_R_OK);
		assert_int_equal(ds_interleave_drivestamp(&table, reference, 7, DS_STAMP_HARDWARE),
				 DS_R_STAMP_DOUBLE);
		assert_int_equal(ds_interleave_drivestamp(&table, reference, 7, DS_STAMP_KERNEL),
				 DS_R_STAMP_DOUBLE);
		assert_int_equal(ds_interleave_take(&table, receive, 1, &transmit), DS_R_OK);
		assert_int_equal(ds_ns_from_ntp64(transmit, WORLD_START) -
					 ds_ns_from_ntp64(receive, WORLD_START),
				 delta);
		assert_int_equal(ds_interleave_drivestamp(&table, reference, 7, DS_STAMP_HARDWARE),
				 DS_R_STAMP_WRONG_ID);
	}
}

/* A kernel that tells T1 to lie after the answer's arrival: nothing of that round trip is built
 * upon, the next request is basic. */
static void test_a_request_that_left_after_its_answer_is_forgotten(void **state)
{
	const struct ds_packet answer = {.receive = 17};
	const struct ds_rx_stamp t4 = {.raw_ns = 1000, .source = DS_STAMP_KERNEL};
	struct ds_tx_stamp t1 = {.raw_ns = 1000, .source = DS_STAMP_KERNEL};
	struct ds_packet request = {.transmit = 1};
	struct ds_interleave il;

	(void)state;
	ds_interleave_init(&il, true);
	ds_interleave_accepted(&il, &answer, &t1, &t4);
	ds_interleave_request(&il, 5, &request);
	assert_true(request.origin == 17 && request.receive == 5);
	t1.raw_ns = 1001;
	ds_interleave_accepted(&il, &answer, &t1, &t4);
	request.origin = request.receive = 0;
	ds_interleave_request(&il, 5, &request);
	assert_true(request.origin == 0 && request.receive == 0);
}

/* ---- what peers and broadcasts need of it ---- */

/* RFC 9769 section 3, each rule alone: the option or being asked; one packet of ours to the valid
 * one before; version 4. */
static void test_when_a_peer_may_interleave(void **state)
{
	static const struct {
		bool wanted, asked;
		uint8_t sent, version;
		bool may;
	} cases[] = {
		{true, false, 1, 4, true},   {false, true, 1, 4, true},	 {true, true, 1, 4, true},
		{false, false, 1, 4, false}, {true, false, 0, 4, false}, {true, false, 2, 4, false},
		{true, true, 255, 4, false}, {true, true, 1, 3, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ds_packet heard = {.receive = 77, .transmit = 88};
		const struct ds_tx_stamp t1 = {.raw_ns = 1, .source = DS_STAMP_KERNEL};
		const struct ds_rx_stamp t4 = {.raw_ns = 2, .source = DS_STAMP_KERNEL};
		struct ds_packet packet = {.version = cases[i].version, .origin = 88};
		struct ds_interleave il;

		ds_interleave_init(&il, cases[i].wanted);
		ds_interleave_accepted(&il, &heard, &t1, &t4);
		ds_interleave_peer_accepted(&il, cases[i].asked, cases[i].sent);
		assert_int_equal(ds_interleave_peer_sends(&il, &packet), cases[i].may);
		assert_int_equal(packet.origin, cases[i].may ? 77 : 88);
		/* Another one came before we answered: ours to the one before are as many. */
		packet.origin = 88;
		ds_interleave_peer_accepted(&il, cases[i].asked, 0);
		assert_int_equal(ds_interleave_peer_sends(&il, &packet), cases[i].may);
		/* It was the last thing that could be told. */
		ds_interleave_forget(&il);
		assert_false(ds_interleave_peer_sends(&il, &packet));
	}
}

/* RFC 9769 section 4: a second, or half the interval if that is shorter; to 2^-32 s, whichever of
 * the two is later, and over the beginning of an era. */
static void test_which_broadcast_is_told_of(void **state)
{
	static const struct {
		int8_t poll_log2;
		uint64_t most;
	} cases[] = {
		{127, UINT64_C(1) << 32},
		{6, UINT64_C(1) << 32},
		{1, UINT64_C(1) << 32},
		{0, UINT64_C(1) << 31},
		{-1, UINT64_C(1) << 30},
		{-7, UINT64_C(1) << 24},
		{-30, 2},
		{-31, 1},
		{-32, 1},
		{-128, 1},
	};
	static const ds_ntp64 befores[] = {UINT64_C(0xeeae710080000001), 5, UINT64_MAX - 4};

	(void)state;
	for (size_t i = 0; i < 2 * 3 * sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t most = cases[i / 6].most;
		ds_ntp64 before = befores[i % 3];
		struct ds_packet packet = {.poll_log2 = cases[i / 6].poll_log2};
		bool heard = false;
		ds_ntp64 t3 = 1;

		assert_false(ds_interleave_tells(&packet, before, &t3, &heard));
		assert_true(t3 == 1 && !heard);
		packet.origin = i % 6 < 3 ? before + most : before - most;
		assert_true(ds_interleave_tells(&packet, before, &t3, &heard));
		assert_true(heard && t3 == packet.origin);
		packet.origin = i % 6 < 3 ? before + most + 1 : before - most - 1;
		assert_true(ds_interleave_tells(&packet, before, &t3, &heard));
		assert_true(!heard && t3 == packet.origin);
	}
}

/* A drivestamp is told, where that is wanted; the daemon's own reading never is. */
static void test_what_a_broadcast_tells(void **state)
{
	(void)state;
	for (int source = DS_STAMP_NONE; source <= DS_STAMP_HARDWARE; source++) {
		const struct ds_tx_stamp before = {.source = (enum ds_stamp_source)source};

		assert_null(ds_interleave_told(false, &before));
		assert_ptr_equal(ds_interleave_told(true, &before),
				 source >= DS_STAMP_KERNEL ? &before : NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_that_left_after_its_answer_is_forgotten),
		cmocka_unit_test(test_golden_interleaved_request),
		cmocka_unit_test(test_golden_interleaved_answer),
		cmocka_unit_test(test_exchanges_of_set_1_are_exact),
		cmocka_unit_test(test_exchanges_of_set_2_are_exact),
		cmocka_unit_test(test_the_shorter_interval_wins_and_a_tie_is_set_1),
		cmocka_unit_test(test_a_wrong_receive_stamp_is_found_out),
		cmocka_unit_test(test_a_wrong_receive_stamp_inflates_no_delay),
		cmocka_unit_test(test_at_most_four_unanswered),
		cmocka_unit_test(test_who_never_asks),
		cmocka_unit_test(test_forget_makes_the_next_request_basic),
		cmocka_unit_test(test_cookies_differ_whatever_the_random_words),
		cmocka_unit_test(test_rate_keeps_what_was_learnt),
		cmocka_unit_test(test_an_answer_of_no_use_is_remembered),
		cmocka_unit_test(test_parked_interleaved),
		cmocka_unit_test(test_a_step_of_our_clock_does_no_harm),
		cmocka_unit_test(test_loss_leaves_a_sample_in_each_delivered_exchange),
		cmocka_unit_test(test_scenario_1_cve_2016_1548),
		cmocka_unit_test(test_scenario_5_ntpsec_1_0),
		cmocka_unit_test(test_scenario_7_duplicated_request),
		cmocka_unit_test(test_scenario_8_two_clients_behind_one_nat),
		cmocka_unit_test(test_a_slot_belongs_to_its_prefix),
		cmocka_unit_test(test_scenario_9_slot_flush),
		cmocka_unit_test(test_scenario_10_stamp_after_the_next_request),
		cmocka_unit_test(test_scenario_10_stamp_never),
		cmocka_unit_test(test_scenario_10_twice_wrong_and_implausible),
		cmocka_unit_test(test_a_stamp_of_an_earlier_life_of_the_slot),
		cmocka_unit_test(test_scenario_11_same_receive_stamps_again),
		cmocka_unit_test(test_scenario_11_forget_after_a_step),
		cmocka_unit_test(test_scenario_13_era_with_live_slots),
		cmocka_unit_test(test_the_oldest_gives_way_over_an_era),
		cmocka_unit_test(test_sizes_of_the_table),
		cmocka_unit_test(test_who_asks),
		cmocka_unit_test(test_one_busy_client_does_not_evict_the_others),
		cmocka_unit_test(test_a_class_below_its_share_takes_no_more_than_its_part_of_a_set),
		cmocka_unit_test(test_a_full_set_of_a_big_table),
		cmocka_unit_test(test_keys_that_are_taken),
		cmocka_unit_test(test_drivestamps_are_kept_to_the_nanosecond),
		cmocka_unit_test(test_a_cards_stamp_takes_the_kernels_place),
		cmocka_unit_test(test_when_a_peer_may_interleave),
		cmocka_unit_test(test_which_broadcast_is_told_of),
		cmocka_unit_test(test_what_a_broadcast_tells),
	};

	return cmocka_run_group_tests_name("interleave", tests, NULL, NULL);
}
