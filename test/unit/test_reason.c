/* Every reason has a name and a sentence of its own, and every reason that core/exchange can
 * give is met here by packets and stamps that bring it about. */
#include "core/exchange/broadcast.h"
#include "core/exchange/peer.h"
#include "core/exchange/ptp.h"
#include "test/unit/exchange_world.h"

static struct ds_counters met;

static enum ds_reason meet(enum ds_reason reason)
{
	ds_count(&met, reason);
	return reason;
}

/* Counted by os/ and daemon/, which alone can know. */
static bool is_of_the_host(enum ds_reason reason)
{
	switch (reason) {
	case DS_R_DELAY_MAX:
	case DS_R_LEAP:
	case DS_R_REQUEST_DENIED:
	case DS_R_SEND_FAILED:
	case DS_R_BROADCAST_FOREIGN:
	case DS_R_BROADCAST_FULL:
	case DS_R_WRONG_ADDRESS:
	case DS_R_WRONG_INTERFACE:
	case DS_R_RX_STAMP_DAEMON:
	case DS_R_ERROR_QUEUE_OTHER:
	case DS_R_CONTROL_TRUNCATED:
	case DS_R_CARD_TX_LOST:
	case DS_R_CARD_TX_LATE:
	case DS_R_CARD_TX_SKIPPED:
	case DS_R_CARD_RX_NONE:
	case DS_R_CARD_FOREIGN:
	case DS_R_CARD_CLOCK:
	case DS_R_CARD_IMPLAUSIBLE:
		return true;
	default:
		return false;
	}
}

static void test_names_and_sentences(void **state)
{
	(void)state;
	for (int i = 0; i < DS_REASON_COUNT; i++) {
		const char *name = ds_reason_name((enum ds_reason)i);

		assert_true(strlen(name) > 1 && strlen(ds_reason_sentence((enum ds_reason)i)) > 5);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		for (int k = 0; k < i; k++) {
			assert_string_not_equal(name, ds_reason_name((enum ds_reason)k));
			assert_string_not_equal(ds_reason_sentence((enum ds_reason)i),
						ds_reason_sentence((enum ds_reason)k));
		}
	}
	assert_string_equal(ds_reason_name(DS_R_SLOT_QUOTA), "slot-quota");
	assert_string_equal(ds_reason_name(DS_REASON_COUNT), "unknown");
	assert_string_equal(ds_reason_sentence((enum ds_reason) - 1), "unknown");
}

static void meet_those_of_the_bytes(void)
{
	uint8_t bytes[DS_WIRE_MAX_SIZE + 1] = {4 << 3 | DS_MODE_CLIENT};
	struct ds_frame frame;

	meet(ds_wire_read(bytes, 1, &frame));
	meet(ds_wire_read(bytes, sizeof(bytes), &frame));
	meet(ds_wire_read(bytes, 48 + 28, &frame));
	meet(ds_wire_read(bytes, 48 + 3, &frame));
	bytes[0] = 0;
	meet(ds_wire_read(bytes, 48, &frame));
}

static void meet_those_of_ptp(void)
{
	struct ds_exchange x = {.delay_ns = 1000};
	uint8_t bytes[DS_PTP_PREFIX_MOST + DS_WIRE_HEADER_SIZE] = {0};
	struct ds_ptp_message m;

	meet(ds_ptp_unwrap(bytes, sizeof(bytes), DS_PTP_DOMAIN, &m));
	ds_ptp_wrap(DS_PTP_STANDARD, 0, 0, DS_WIRE_HEADER_SIZE, bytes);
	meet(ds_ptp_unwrap(bytes, sizeof(bytes), DS_PTP_DOMAIN, &m));
	meet(ds_ptp_correct(&x, (struct ds_ptp_corrections){900, 900}));
	meet(ds_ptp_correct(&x, (struct ds_ptp_corrections){100, 0}));
}

/* An answer to a fresh request, with one byte of it set, delivered with this verdict. */
static void meet_answer(size_t at, const char *hex, enum ds_auth auth)
{
	struct ds_client_outcome o;
	struct ds_rx_stamp t4;
	struct world w;

	world_init(&w, true);
	world_send(&w);
	meet(world_client_stamp(&w, &o));
	meet(world_answer(&w));
	world_hex(hex, w.response.bytes + at);
	t4 = world_client_rx(&w, w.answered_ns + w.back_ns);
	meet(ds_client_receive(&w.client, w.response.bytes, sizeof(w.response.bytes), &t4, auth, 0,
			       &o));
}

static void meet_those_of_answers(void)
{
	struct ds_client_outcome o;
	struct ds_exchange e;
	struct ds_tx_stamp t1 = {0};
	struct ds_rx_stamp t4 = {0};
	const struct ds_remote remote = {0};
	struct world w;

	meet_answer(0, "24", DS_AUTH_ABSENT);
	meet_answer(0, "24", DS_AUTH_BAD);
	meet_answer(0, "23", DS_AUTH_ABSENT);		     /* mode */
	meet_answer(0, "1c", DS_AUTH_ABSENT);		     /* version 3 */
	meet_answer(0, "e4", DS_AUTH_ABSENT);		     /* leap 3 */
	meet_answer(24, "0000000000000000", DS_AUTH_ABSENT); /* origin */
	meet_answer(32, "0000000000000000", DS_AUTH_ABSENT); /* receive */
	meet_answer(32, "eeae70f8", DS_AUTH_ABSENT);	     /* 8 s before */
	meet_answer(32, "eeae70ff", DS_AUTH_ABSENT);	     /* 1 s before */
	meet_answer(1, "00 00 00 00000000 00000000 52415445", DS_AUTH_ABSENT);
	meet_answer(1, "00 00 00 00000000 00000000 44454e59", DS_AUTH_ABSENT);
	meet_answer(1, "00 00 00 00000000 00000000 494e4954", DS_AUTH_ABSENT);
	meet(ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, 0, 0, &t4, &remote, 0));
	world_init(&w, false);
	world_send(&w);
	meet(world_answer(&w));
	meet(world_deliver(&w, &o));
	meet(world_deliver(&w, &o));
}

static void meet_those_of_stamps(void)
{
	struct ds_client_outcome o;
	struct ds_tx_stamp early;
	struct world w;

	world_init(&w, false);
	meet(world_client_stamp(&w, &o));
	world_send(&w);
	early = world_client_tx(&w, w.left_ns - WORLD_S, DS_STAMP_KERNEL);
	meet(ds_client_tx_stamp(&w.client, w.id, &early, 0, &o));
	meet(world_client_stamp(&w, &o));
	meet(world_client_stamp(&w, &o));
	world_send(&w);
	ds_client_disarm(&w.client);
	meet(world_client_stamp(&w, &o));
}

static void meet_those_of_requests(void)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE + 20] = {4 << 3 | DS_MODE_CLIENT};
	struct ds_request r = {.data = bytes, .length = DS_WIRE_HEADER_SIZE};
	struct ds_response response;
	struct world w;

	world_init(&w, false);
	meet(ds_server_answer(&w.server, &r, &w.state, &response));
	r.rx.source = DS_STAMP_KERNEL;
	meet(ds_server_answer(&w.server, &r, &w.state, &response));
	r.length = sizeof(bytes);
	meet(ds_server_answer(&w.server, &r, &w.state, &response));
	r.length = DS_WIRE_HEADER_SIZE;
	bytes[0] = 4 << 3 | DS_MODE_SERVER;
	meet(ds_server_answer(&w.server, &r, &w.state, &response));
}

/* One request of an interleaved client to a server of the least table. */
static void meet_request(struct ds_server *server, ds_ntp64 origin, int64_t at_ns, uint32_t prefix,
			 bool stamp, struct ds_packet *answer)
{
	struct ds_packet p = {.version = 4,
			      .mode = DS_MODE_CLIENT,
			      .origin = origin,
			      .receive = 5,
			      .transmit = 6};
	struct ds_server_state state = {.stratum = 1};
	struct ds_tx_stamp tx = {.raw_ns = at_ns + 9, .source = DS_STAMP_KERNEL};
	struct ds_response response;
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_request r = {
		.data = bytes,
		.length = sizeof(bytes),
		.rx = {.clock_ns = at_ns, .raw_ns = at_ns, .source = DS_STAMP_KERNEL},
		.prefix = prefix};

	ds_wire_write(&p, bytes);
	assert_int_equal(ds_server_answer(server, &r, &state, &response), DS_R_OK);
	meet(response.fallback);
	meet(response.saving);
	if (stamp)
		meet(ds_server_drivestamp(server, response.slot, at_ns, &tx));
	*answer = world_packet(response.bytes);
}

static void meet_those_of_slots(void)
{
	struct ds_slot slots[DS_SLOT_WAYS];
	struct ds_server server;
	struct ds_packet first;
	struct ds_packet answer;

	ds_server_init(&server, slots, DS_SLOT_WAYS);
	meet_request(&server, 1, 1000, 1, true, &first);		/* unknown */
	meet_request(&server, first.receive, 2000, 2, true, &answer);	/* foreign */
	meet_request(&server, first.receive, 3000, 1, false, &answer);	/* ok */
	meet_request(&server, answer.receive, 4000, 1, false, &answer); /* no drivestamp */
	meet_request(&server, first.receive, 5000, 1, false, &answer);	/* used; evicted */
	for (uint32_t i = 0; i < DS_SLOT_WAYS; i++)
		meet_request(&server, 1, 6000 + i, 10 + i, false, &answer);
}

/* The quota of a class that has no slot in the set where it wants one. */
static void meet_the_quota(void)
{
	static struct ds_slot slots[64];
	struct ds_server server;
	struct ds_packet answer;

	ds_server_init(&server, slots, 64);
	for (int64_t i = 0; i < 400; i++)
		meet_request(&server, 1, 1000003 * i * i, 3, false, &answer);
}

/* A packet to a peer that has sent one and heard none. */
static enum ds_reason meet_peer(struct ds_peer *peer, ds_ntp64 origin, ds_ntp64 transmit)
{
	struct ds_packet p = {.version = 4,
			      .mode = DS_MODE_ACTIVE,
			      .stratum = 1,
			      .origin = origin,
			      .receive = UINT64_C(0xeeae710000000000),
			      .transmit = transmit};
	struct ds_rx_stamp t4 = {.clock_ns = 9, .raw_ns = 9, .source = DS_STAMP_KERNEL};
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_peer_outcome o;

	ds_wire_write(&p, bytes);
	return meet(ds_peer_receive(peer, bytes, sizeof(bytes), &t4, DS_AUTH_ABSENT, 0, &o));
}

static void meet_those_of_peers(void)
{
	struct ds_peer_sending sending = {.now = {.source = DS_STAMP_DAEMON}};
	const struct ds_server_state state = {.stratum = 1};
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_peer peer;
	ds_ntp64 ours;

	ds_peer_init(&peer, 4, false, false, false);
	ds_peer_send(&peer, &sending, &state, bytes);
	ours = ds_wire_read_ntp64(bytes + DS_WIRE_TRANSMIT_OFFSET);
	meet_peer(&peer, ours, UINT64_C(0xeeae710000000001));
	assert_int_equal(meet_peer(&peer, ours, UINT64_C(0xeeae710000000002)), DS_R_PEER_AGAIN);
	assert_int_equal(meet_peer(&peer, ours, UINT64_C(0xeeae710000000002)), DS_R_PEER_STALE);
}

static void meet_broadcast(struct ds_listener *l, ds_ntp64 origin, ds_ntp64 transmit)
{
	struct ds_packet p = {.version = 4,
			      .mode = DS_MODE_BROADCAST,
			      .stratum = 1,
			      .origin = origin,
			      .transmit = transmit};
	struct ds_rx_stamp t4 = {.source = DS_STAMP_KERNEL};
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	struct ds_listener_outcome o;

	ds_wire_write(&p, bytes);
	meet(ds_listener_receive(l, bytes, sizeof(bytes), &t4, DS_AUTH_ABSENT, 0, &o));
}

static void meet_those_of_broadcasts(void)
{
	ds_ntp64 now = ds_ntp64_from_ns(0, 0);
	struct ds_exchange exchange = {.delay_ns = 1000};
	struct ds_listener l;

	ds_listener_init(&l, 4, false);
	meet_broadcast(&l, 0, now);
	ds_listener_calibrate(&l, &exchange, 1000, 0);
	meet_broadcast(&l, 0, now + (UINT64_C(1) << 32));
	meet_broadcast(&l, 1, now); /* the first of all, interleaved */
	meet_broadcast(&l, 0, now);
}

static void test_every_reason_of_core_is_met(void **state)
{
	(void)state;
	memset(&met, 0, sizeof(met));
	meet_those_of_the_bytes();
	meet_those_of_ptp();
	meet_those_of_answers();
	meet_those_of_stamps();
	meet_those_of_requests();
	meet_those_of_peers();
	meet_those_of_broadcasts();
	if (DS_INTERLEAVE_BUILT) {
		meet_those_of_slots();
		meet_the_quota();
	}
	for (int i = 0; i < DS_REASON_COUNT; i++) {
		bool slots_only = (i >= DS_R_SLOT_UNKNOWN && i <= DS_R_SLOT_QUOTA) ||
				  i == DS_R_BROADCAST_FIRST;
		bool expected =
			!is_of_the_host((enum ds_reason)i) && (DS_INTERLEAVE_BUILT || !slots_only);

		if ((met.by_reason[i] != 0) != expected)
			print_error("%s\n", ds_reason_name((enum ds_reason)i));
		assert_int_equal(met.by_reason[i] != 0, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_sentences),
		cmocka_unit_test(test_every_reason_of_core_is_met),
	};

	return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
