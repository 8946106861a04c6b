/* Requests and answers byte for byte; what is never answered. All of this holds with and
 * without interleaving. */
#include "test/unit/exchange_world.h"

/* 2026-11-23 08:00:00.500000000 UTC is NTP second 0xeeae7100 and fraction 0x80000000. */
#define RX_NS (WORLD_START + 500000000)

static const struct ds_server_state good = {
	.leap = DS_LEAP_INSERT,
	.stratum = 2,
	.precision_log2 = -24,
	.ref_id = 0xc0000201,	       /* 192.0.2.1 */
	.root_delay_ns = 500000,       /* 32.768 of 2^-16 s: up to 0x21 */
	.root_dispersion_ns = 2000000, /* 131.072: up to 0x84 */
	.reference_ns = WORLD_START + 250000000,
};

/* An answer to these bytes, from a server without slots. */
static enum ds_reason answer(const uint8_t *data, size_t length, uint16_t port,
			     const struct ds_server_state *of, struct ds_response *response)
{
	struct ds_request request = {
		.data = data,
		.length = length,
		.rx = {.clock_ns = RX_NS, .raw_ns = 77, .source = DS_STAMP_KERNEL},
		.port = port};
	static struct ds_server server;

	ds_server_init(&server, NULL, 0);
	return ds_server_answer(&server, &request, of, response);
}

static const char request_hex[] = "23" /* leap 0, version 4, mode 3 */
				  "00"
				  "06"
				  "20" /* stratum, poll 6, precision 32 */
				  "00000000 00000000 00000000"
				  "0000000000000000"  /* reference */
				  "0000000000000000"  /* origin */
				  "0000000000000000"  /* receive */
				  "0123456789abcdef"; /* transmit */

static void test_golden_basic_answer(void **state)
{
	static const char golden[] = "64"		  /* leap 1, version 4, mode 4 */
				     "02"		  /* stratum 2 */
				     "06"		  /* the request's poll */
				     "e8"		  /* precision -24 */
				     "00000021"		  /* root delay 500 us, rounded up */
				     "00000084"		  /* root dispersion 2 ms, rounded up */
				     "c0000201"		  /* reference identifier */
				     "eeae7100 40000000"  /* reference: .25 s */
				     "0123456789abcdef"	  /* origin: the request's transmit */
				     "eeae7100 80000001"  /* receive: .5 s, lowest bit set */
				     "eeae7100 80014f8c"; /* transmit: .50002 s, bit clear */
	uint8_t expected[DS_WIRE_HEADER_SIZE];
	uint8_t request[DS_WIRE_HEADER_SIZE];
	struct ds_response response;

	(void)state;
	world_hex(golden, expected);
	world_hex(request_hex, request);
	assert_int_equal(answer(request, sizeof(request), 40000, &good, &response), DS_R_OK);
	/* The transmit field is written last. */
	assert_memory_equal(response.bytes, expected, DS_WIRE_TRANSMIT_OFFSET);
	ds_server_departs(&response, RX_NS + 20000, 0);
	assert_memory_equal(response.bytes, expected, sizeof(expected));
	assert_false(response.interleaved || response.wants_drivestamp);
	assert_int_equal(response.slot, DS_SLOT_NONE);
	assert_int_equal(response.fallback, DS_R_OK);
	assert_int_equal(response.saving, DS_R_OK);
	assert_true(response.rx_raw_ns == 77);
}

static void test_marks_stay_within_the_nanosecond(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];

	(void)state;
	world_hex(request_hex, bytes);
	for (uint32_t i = 0; i < 4000; i++) {
		struct ds_server server;
		struct ds_response response;
		struct ds_packet p;
		struct ds_request request = {
			.data = bytes,
			.length = sizeof(bytes),
			.rx = {.clock_ns = RX_NS + i, .source = DS_STAMP_DAEMON},
			.port = 123,
			.random = i * 2654435761u};

		ds_server_init(&server, NULL, 0);
		assert_int_equal(ds_server_answer(&server, &request, &good, &response), DS_R_OK);
		ds_server_departs(&response, RX_NS + i, i * 40503u);
		p = world_packet(response.bytes);
		assert_int_equal(p.receive & 1, 1);
		assert_int_equal(p.transmit & 1, 0);
		assert_true(ds_ns_from_ntp64(p.receive, RX_NS) == RX_NS + i);
		/* Never before the receive stamp, so at most a step into the next. */
		assert_true((int64_t)(p.transmit - p.receive) > 0);
		assert_true(ds_ns_from_ntp64(p.transmit, RX_NS) - (RX_NS + i) <= 1);
	}
}

static void test_never_a_departure_before_the_arrival(void **state)
{
	uint8_t request[DS_WIRE_HEADER_SIZE];
	struct ds_response response;
	struct ds_packet p;

	(void)state;
	world_hex(request_hex, request);
	assert_int_equal(answer(request, sizeof(request), 40000, &good, &response), DS_R_OK);
	ds_server_departs(&response, RX_NS - 1000000, 3);
	p = world_packet(response.bytes);
	assert_true(p.transmit == p.receive + 1);
}

static void test_an_era_begins_between_arrival_and_departure(void **state)
{
	const int64_t era_ns = INT64_C(2085978496) * WORLD_S; /* 2036-02-07 06:28:16 UTC */
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_server server;
	struct ds_response response;
	struct ds_packet p;
	struct ds_request request = {.data = bytes,
				     .length = sizeof(bytes),
				     .rx = {.clock_ns = era_ns - 1, .source = DS_STAMP_KERNEL},
				     .random = 2};

	(void)state;
	world_hex(request_hex, bytes);
	ds_server_init(&server, NULL, 0);
	assert_int_equal(ds_server_answer(&server, &request, &good, &response), DS_R_OK);
	/* Exactly at its beginning the field would be zero, which says "unknown". */
	ds_server_departs(&response, era_ns, 0);
	p = world_packet(response.bytes);
	assert_true(p.transmit == 2);
	assert_true(p.receive > UINT64_C(0xfffffffffffffff0));
	ds_server_departs(&response, era_ns + 1000, 0);
	p = world_packet(response.bytes);
	assert_true(ds_ns_from_ntp64(p.transmit, era_ns) == era_ns + 1000);
	assert_true(ds_ns_from_ntp64(p.receive, era_ns) == era_ns - 1);
	/* And where the least step after the receive field would be zero. */
	memset(response.bytes + 32, 0xff, 8);
	ds_server_departs(&response, era_ns - 1000, 0);
	assert_true(world_packet(response.bytes).transmit == 2);
}

static void test_what_is_not_synchronised_says_so(void **state)
{
	static const struct {
		uint8_t leap, stratum;
		bool usable;
	} states[] = {{0, 1, true},  {2, 15, true},  {3, 1, false},
		      {0, 0, false}, {0, 16, false}, {0, 255, false}};
	uint8_t request[DS_WIRE_HEADER_SIZE];

	(void)state;
	world_hex(request_hex, request);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct ds_server_state of = good;
		struct ds_response response;
		struct ds_packet p;

		of.leap = states[i].leap;
		of.stratum = states[i].stratum;
		of.ref_id = 0x52415445; /* "RATE": must never go out with stratum 0 */
		of.reference_ns = 0;
		assert_int_equal(answer(request, sizeof(request), 1, &of, &response), DS_R_OK);
		p = world_packet(response.bytes);
		assert_int_equal(p.leap, states[i].usable ? states[i].leap : 3);
		assert_int_equal(p.stratum, states[i].usable ? states[i].stratum : 0);
		assert_int_equal(p.ref_id, states[i].usable ? 0x52415445 : 0);
		assert_true(p.reference == 0);
		assert_true(p.receive != 0);
	}
}

/* Scenario 12 and S7: of all modes and versions, requests alone are answered, with mode 4, and
 * symmetric active hosts, with mode 2. */
static void test_scenario_12_a_response_is_never_answered(void **state)
{
	uint8_t request[DS_WIRE_HEADER_SIZE];

	(void)state;
	world_hex(request_hex, request);
	for (unsigned int first = 0; first < 256; first++) {
		unsigned int version = first >> 3 & 7;
		unsigned int mode = first & 7;

		for (unsigned int port = 122; port <= 124; port++) {
			struct ds_response response;
			struct ds_response before;
			enum ds_reason expected = DS_R_REQUEST_MODE;
			enum ds_reason reason;

			if (version < 1 || version > 4)
				expected = DS_R_PACKET_VERSION;
			else if (mode == 1 || mode == 3 ||
				 (version == 1 && mode == 0 && port != 123))
				expected = DS_R_OK;
			request[0] = (uint8_t)first;
			memset(&response, 0xa5, sizeof(response));
			before = response;
			reason = answer(request, sizeof(request), (uint16_t)port, &good, &response);
			assert_int_equal(reason, expected);
			if (reason != DS_R_OK) {
				assert_memory_equal(&response, &before, sizeof(before));
				continue;
			}
			assert_int_equal(response.bytes[0],
					 1 << 6 | version << 3 | (mode == 1 ? 2 : 4));
		}
	}
}

/* L6: two servers and a forged packet between them. */
static void test_scenario_12_two_servers_do_not_talk(void **state)
{
	uint8_t forged[DS_WIRE_HEADER_SIZE];
	struct ds_response first;
	struct ds_response second;

	(void)state;
	world_hex(request_hex, forged);
	assert_int_equal(answer(forged, sizeof(forged), 123, &good, &first), DS_R_OK);
	ds_server_departs(&first, RX_NS, 0);
	assert_int_equal(answer(first.bytes, sizeof(first.bytes), 123, &good, &second),
			 DS_R_REQUEST_MODE);
	forged[0] = 4 << 3 | DS_MODE_SERVER;
	assert_int_equal(answer(forged, sizeof(forged), 123, &good, &first), DS_R_REQUEST_MODE);
	forged[0] = 4 << 3 | DS_MODE_PASSIVE;
	assert_int_equal(answer(forged, sizeof(forged), 123, &good, &first), DS_R_REQUEST_MODE);
}

static void test_what_follows_the_header(void **state)
{
	uint8_t request[DS_WIRE_MAX_SIZE + 1] = {0};
	struct ds_response response;

	(void)state;
	world_hex(request_hex, request);
	assert_int_equal(answer(request, 47, 1, &good, &response), DS_R_PACKET_SHORT);
	assert_int_equal(answer(request, sizeof(request), 1, &good, &response), DS_R_PACKET_LONG);
	assert_int_equal(answer(request, 49, 1, &good, &response), DS_R_PACKET_TRAILER);
	assert_int_equal(answer(request, 48 + 28, 1, &good, &response), DS_R_PACKET_EXTENSION);
	assert_int_equal(answer(request, 48 + 4, 1, &good, &response), DS_R_REQUEST_AUTH);
	assert_int_equal(answer(request, 48 + 20, 1, &good, &response), DS_R_REQUEST_AUTH);
	/* An extension field that we do not know is passed over (RFC 7822): a bare answer. */
	world_hex("f3040020", request + 48);
	assert_int_equal(answer(request, 48 + 32, 1, &good, &response), DS_R_OK);
}

static void test_a_mac_must_be_good(void **state)
{
	static const struct {
		size_t trailer;
		enum ds_auth auth;
		enum ds_reason reason;
	} cases[] = {
		{0, DS_AUTH_ABSENT, DS_R_OK},
		{0, DS_AUTH_GOOD, DS_R_OK},
		{0, DS_AUTH_BAD, DS_R_REQUEST_AUTH},
		{4, DS_AUTH_ABSENT, DS_R_REQUEST_AUTH},
		{4, DS_AUTH_GOOD, DS_R_REQUEST_AUTH},
		{4, DS_AUTH_BAD, DS_R_REQUEST_AUTH},
		{20, DS_AUTH_ABSENT, DS_R_REQUEST_AUTH},
		{20, DS_AUTH_GOOD, DS_R_OK},
		{20, DS_AUTH_BAD, DS_R_REQUEST_AUTH},
		{24, DS_AUTH_GOOD, DS_R_OK},
	};
	uint8_t bytes[DS_WIRE_HEADER_SIZE + 24] = {0};
	struct ds_server server;
	struct ds_response response;

	(void)state;
	world_hex(request_hex, bytes);
	ds_server_init(&server, NULL, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ds_request request = {.data = bytes,
					     .length = DS_WIRE_HEADER_SIZE + cases[i].trailer,
					     .rx = {.clock_ns = RX_NS, .source = DS_STAMP_KERNEL},
					     .auth = cases[i].auth};

		assert_int_equal(ds_server_answer(&server, &request, &good, &response),
				 cases[i].reason);
	}
}

static void test_no_answer_without_a_receive_stamp(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_request request = {.data = bytes, .length = sizeof(bytes)};
	struct ds_server server;
	struct ds_response response;

	(void)state;
	world_hex(request_hex, bytes);
	ds_server_init(&server, NULL, 0);
	assert_int_equal(ds_server_answer(&server, &request, &good, &response),
			 DS_R_REQUEST_NO_STAMP);
}

static void test_no_memory_for_who_has_not_asked(void **state)
{
	struct ds_client_outcome o;
	struct world w;
	struct ds_slot empty[WORLD_SLOTS];

	(void)state;
	world_init(&w, false);
	memcpy(empty, w.slots, sizeof(empty));
	for (int i = 0; i < 100; i++) {
		assert_int_equal(world_round(&w, WORLD_S, &o), DS_R_OK);
		assert_false(w.response.wants_drivestamp);
		assert_int_equal(w.response.slot, DS_SLOT_NONE);
	}
	assert_memory_equal(w.slots, empty, sizeof(empty));
}

static void test_stamps_of_no_slot(void **state)
{
	struct ds_tx_stamp tx = {.source = DS_STAMP_KERNEL};
	struct ds_server server;

	(void)state;
	ds_server_init(&server, NULL, 0);
	ds_server_forget(&server);
	assert_int_equal(ds_server_drivestamp(&server, 0, 0, &tx), DS_R_STAMP_WRONG_ID);
	assert_int_equal(ds_server_drivestamp(&server, DS_SLOT_NONE, 0, &tx), DS_R_STAMP_WRONG_ID);
	tx.source = DS_STAMP_DAEMON; /* idea 4: a reading never poses as a drivestamp */
	assert_int_equal(ds_server_drivestamp(&server, 0, 0, &tx), DS_R_STAMP_IMPLAUSIBLE);
	tx.source = DS_STAMP_KERNEL;
	tx.raw_ns = INT64_MIN;
	assert_int_equal(ds_server_drivestamp(&server, 0, INT64_MAX, &tx), DS_R_STAMP_IMPLAUSIBLE);
}

/* With and without a table, for every length and both kinds of origin. */
static void test_a_prefetch_changes_nothing(void **state)
{
	struct ds_slot slots[WORLD_SLOTS], slots_before[WORLD_SLOTS];
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_server server;
	struct ds_server before;

	(void)state;
	memset(&server, 0, sizeof(server));
	world_hex(request_hex, bytes);
	for (int table = 0; table < 2; table++) {
		ds_server_init(&server, slots, table ? WORLD_SLOTS : 0);
		memcpy(&before, &server, sizeof(before));
		memset(slots, 0x5a, sizeof(slots));
		memset(slots_before, 0x5a, sizeof(slots));
		for (uint8_t mark = 0; mark < 2; mark++) {
			bytes[31] = mark; /* the lowest bit of the origin */
			for (size_t length = 0; length <= sizeof(bytes); length++) {
				struct ds_request request = {
					.data = bytes, .length = length, .rx = {.clock_ns = RX_NS}};

				ds_server_prefetch(&server, &request);
			}
		}
		assert_memory_equal(&server, &before, sizeof(server));
		assert_memory_equal(slots, slots_before, sizeof(slots));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_basic_answer),
		cmocka_unit_test(test_marks_stay_within_the_nanosecond),
		cmocka_unit_test(test_never_a_departure_before_the_arrival),
		cmocka_unit_test(test_an_era_begins_between_arrival_and_departure),
		cmocka_unit_test(test_what_is_not_synchronised_says_so),
		cmocka_unit_test(test_scenario_12_a_response_is_never_answered),
		cmocka_unit_test(test_scenario_12_two_servers_do_not_talk),
		cmocka_unit_test(test_what_follows_the_header),
		cmocka_unit_test(test_a_mac_must_be_good),
		cmocka_unit_test(test_no_answer_without_a_receive_stamp),
		cmocka_unit_test(test_no_memory_for_who_has_not_asked),
		cmocka_unit_test(test_stamps_of_no_slot),
		cmocka_unit_test(test_a_prefetch_changes_nothing),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
