/*
 * stamping: which packet a stamp belongs to, with hand-made ids and frames.
 * It must never depend on what this machine's kernel can do: that is test_socket's.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#include "os/stamping.h"

static struct ds_stamping s;
static int fd;

/* An NTP packet with this cookie; nothing else of it matters. */
static const uint8_t *packet(uint64_t cookie)
{
	static uint8_t bytes[DS_WIRE_HEADER_SIZE];

	for (int i = 0; i < 8; i++)
		bytes[DS_WIRE_TRANSMIT_OFFSET + i] = (uint8_t)(cookie >> (56 - 8 * i));
	return bytes;
}

static void begin(enum ds_join join, bool per_packet, struct ds_pending_stamp *ring, uint32_t size)
{
	const struct ds_stamping_wish wish = {true, per_packet, join, ring, size};

	ds_stamping_open(&s, fd, &wish);
	/* what a kernel would have granted */
	s.transmit = true;
	s.per_packet = per_packet;
	s.join = join;
	s.next_id = join == DS_JOIN_CHOSEN_ID ? DS_STAMPING_FIRST_ID : 0;
}

static uint32_t expect(uint32_t token)
{
	uint32_t id = 0;

	assert_true(ds_stamping_expect(&s, packet(token), 48, true, false, token, &id));
	return id;
}

static enum ds_reason join(uint32_t id, uint32_t *token)
{
	return ds_stamping_join(&s, fd, id, DS_STAMP_KERNEL, NULL, 0, token);
}

static uint64_t counted(enum ds_reason reason)
{
	return s.counters.by_reason[reason];
}

static int open_socket(void **state)
{
	(void)state;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd < 0;
}

static int close_socket(void **state)
{
	(void)state;
	return close(fd);
}

static void ids_find_their_packets(void **state)
{
	uint32_t id[4], token;

	(void)state;
	begin(DS_JOIN_CHOSEN_ID, true, NULL, 0);
	for (uint32_t i = 0; i < 4; i++)
		id[i] = expect(100 + i);
	/* stamps may come in any order */
	for (uint32_t i = 4; i-- > 0;) {
		assert_int_equal(join(id[i], &token), DS_R_OK);
		assert_int_equal(token, 100 + i);
		assert_int_equal(ds_stamping_awaited(&s), i);
	}
	assert_int_equal(s.live, 0);
	assert_int_equal(s.sent, 4);
}

static void doubled_and_unknown(void **state)
{
	uint32_t id, token = 77;

	(void)state;
	begin(DS_JOIN_CHOSEN_ID, true, NULL, 0);
	id = expect(1);
	assert_int_equal(join(id, &token), DS_R_OK);
	token = 77;
	assert_int_equal(join(id, &token), DS_R_STAMP_DOUBLE);
	assert_int_equal(join(id + 1, &token), DS_R_STAMP_WRONG_ID);
	assert_int_equal(join(id + DS_STAMPING_OWN, &token), DS_R_STAMP_WRONG_ID);
	assert_int_equal(token, 77);
	assert_int_equal(counted(DS_R_STAMP_DOUBLE), 1);
	assert_int_equal(counted(DS_R_STAMP_WRONG_ID), 2);
}

static enum ds_reason join_card(uint32_t id, uint32_t *token)
{
	return ds_stamping_join(&s, fd, id, DS_STAMP_HARDWARE, NULL, 0, token);
}

/* Two messages of one packet, in any order, are one each of the two; a third is one too many. */
static void kernel_and_card_report_one_packet(void **state)
{
	uint32_t id, token = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(DS_JOIN_COUNTER, false, NULL, 0);
		s.hardware = s.both = true;
		id = expect(5);
		assert_int_equal((i ? join : join_card)(id, &token), DS_R_OK);
		assert_int_equal(token, 5);
		assert_int_equal(ds_stamping_awaited(&s), 0);
		assert_int_equal(s.live, 1); /* doubt would wait for the other */
		assert_int_equal((i ? join_card : join)(id, &token), DS_R_OK);
		assert_int_equal(s.live, 0);
		assert_int_equal(join(id, &token), DS_R_STAMP_DOUBLE);
		assert_int_equal(join_card(id, &token), DS_R_STAMP_DOUBLE);
		assert_int_equal(counted(DS_R_STAMP_DOUBLE), 2);
	}
	/* an old kernel is silent where the card speaks */
	begin(DS_JOIN_COUNTER, false, NULL, 0);
	s.hardware = true;
	id = expect(6);
	assert_int_equal(join_card(id, &token), DS_R_OK);
	assert_int_equal(s.live, 0);
	assert_int_equal(join(id, &token), DS_R_STAMP_DOUBLE);
}

/* A card that was not asked owes nothing, and what it says all the same belongs to nobody. */
static void cards_are_asked_packet_by_packet(void **state)
{
	uint8_t control[DS_STAMPING_CONTROL_MAX];
	uint32_t id[2], token, flags[2];

	(void)state;
	begin(DS_JOIN_COUNTER, true, NULL, 0);
	s.hardware = s.both = true;
	for (int i = 0; i < 2; i++) {
		assert_true(ds_stamping_expect(&s, packet(1), 48, true, i, 1, &id[i]));
		assert_int_equal(ds_stamping_control(&s, id[i], control),
				 CMSG_SPACE(sizeof(uint32_t)));
		memcpy(&flags[i], control + CMSG_LEN(0), sizeof(uint32_t));
	}
	assert_int_equal(flags[0], SOF_TIMESTAMPING_TX_SOFTWARE);
	assert_int_equal(flags[1], SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_HARDWARE);
	assert_int_equal(join(id[0], &token), DS_R_OK);
	assert_int_equal(join_card(id[0], &token), DS_R_STAMP_DOUBLE);
	assert_int_equal(s.live, 1);
	s.hardware = false; /* the kernel grants none: then none is asked for */
	assert_true(ds_stamping_expect(&s, packet(1), 48, true, true, 1, &id[0]));
	ds_stamping_control(&s, id[0], control);
	memcpy(&flags[0], control + CMSG_LEN(0), sizeof(uint32_t));
	assert_int_equal(flags[0], SOF_TIMESTAMPING_TX_SOFTWARE);
}

/* Put one ancillary message together and take it in. */
static void take(int type, const void *data, size_t length, struct ds_ancillary *a)
{
	_Alignas(struct cmsghdr) uint8_t bytes[128] = {0};
	struct cmsghdr *cmsg = (struct cmsghdr *)(void *)bytes;

	cmsg->cmsg_len = CMSG_LEN(length);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = type;
	memcpy(CMSG_DATA(cmsg), data, length);
	ds_stamping_take(&s, cmsg, a);
}

static void kernel_and_card_of_a_received_packet(void **state)
{
	const struct scm_timestamping times = {.ts = {{5, 6}, {0, 0}, {70, 8}}};
	const struct scm_ts_pktinfo frame_of = {.if_index = 3, .pkt_length = 90};
	struct ds_ancillary a = {0};

	(void)state;
	begin(DS_JOIN_COUNTER, false, NULL, 0);
	take(SCM_TIMESTAMPING, &times, sizeof(times), &a);
	assert_int_equal(a.realtime_ns, 5000000006);
	assert_int_equal(a.card_ns, 0); /* nobody asked for it */
	s.hardware = true;
	take(SCM_TIMESTAMPING, &times, sizeof(times), &a);
	take(SCM_TIMESTAMPING_PKTINFO, &frame_of, sizeof(frame_of), &a);
	assert_int_equal(a.realtime_ns, 5000000006);
	assert_int_equal(a.card_ns, 70000000008);
	assert_int_equal(a.interface, 3);
	assert_int_equal(a.length, 90);
	/* cut off: left alone */
	a = (struct ds_ancillary){0};
	take(SCM_TIMESTAMPING, &times, sizeof(times) - 1, &a);
	take(SCM_TIMESTAMPING_PKTINFO, &frame_of, sizeof(frame_of) - 1, &a);
	assert_int_equal(a.realtime_ns | a.card_ns | a.interface | (int64_t)a.length, 0);
}

static void oldest_gives_way(void **state)
{
	struct ds_pending_stamp ring[8];
	uint32_t first, token;

	(void)state;
	memset(ring, 0, sizeof(ring));
	begin(DS_JOIN_COUNTER, true, ring, 8);
	first = expect(1);
	for (uint32_t i = 0; i < 7; i++)
		expect(2 + i);
	assert_int_equal(counted(DS_R_STAMP_MISSING), 0);
	expect(9);
	assert_int_equal(counted(DS_R_STAMP_MISSING), 1);
	assert_int_equal(s.live, 8);
	assert_int_equal(ds_stamping_awaited(&s), 8);
	assert_int_equal(join(first, &token), DS_R_STAMP_WRONG_ID);
	assert_int_equal(join(first + 8, &token), DS_R_OK);
	assert_int_equal(token, 9);
}

static void nobody_wanted_it(void **state)
{
	uint32_t id, token;

	(void)state;
	/* per packet: not asked for at all */
	begin(DS_JOIN_COUNTER, true, NULL, 0);
	assert_false(ds_stamping_expect(&s, packet(1), 48, false, false, 1, &id));
	/* for all: the kernel counts it, so must we */
	begin(DS_JOIN_COUNTER, false, NULL, 0);
	assert_true(ds_stamping_expect(&s, packet(1), 48, false, false, 1, &id));
	assert_int_equal(expect(2), id + 1);
	assert_int_equal(join(id, &token), DS_R_STAMP_LATE);
	assert_int_equal(join(id + 1, &token), DS_R_OK);
	assert_int_equal(token, 2);
	assert_int_equal(s.sent, 1);
}

static void failed_send_with_chosen_id(void **state)
{
	uint32_t a, b, token;

	(void)state;
	begin(DS_JOIN_CHOSEN_ID, true, NULL, 0);
	a = expect(1);
	b = expect(2);
	ds_stamping_unsent(&s, fd, a);
	assert_false(s.doubt);
	assert_int_equal(join(b, &token), DS_R_OK);
	assert_int_equal(token, 2);
	assert_int_equal(join(a, &token), DS_R_STAMP_WRONG_ID);
	assert_int_equal(s.sent, 1);
}

static void doubt(void **state)
{
	uint32_t a, b, id, token;

	(void)state;
	begin(DS_JOIN_COUNTER, true, NULL, 0);
	a = expect(1);
	b = expect(2);
	ds_stamping_unsent(&s, fd, b);
	assert_true(s.doubt);
	/* one stamp is still under way, so no other may be asked for */
	ds_stamping_before_send(&s, fd);
	assert_true(s.doubt);
	assert_false(ds_stamping_expect(&s, packet(3), 48, true, false, 3, &id));
	assert_int_equal(counted(DS_R_STAMP_MISSING), 1);
	assert_int_equal(join(a, &token), DS_R_OK);
	assert_int_equal(token, 1);
	ds_stamping_before_send(&s, fd);
	assert_false(s.doubt);
	assert_int_equal(expect(4), 0);
	assert_int_equal(join(0, &token), DS_R_OK);
	assert_int_equal(token, 4);
}

static void doubt_does_not_last(void **state)
{
	uint32_t token;

	(void)state;
	begin(DS_JOIN_COUNTER, true, NULL, 0);
	expect(1);
	ds_stamping_unsent(&s, fd, expect(2));
	s.doubt_since_ns -= DS_STAMPING_DOUBT_NS;
	ds_stamping_before_send(&s, fd);
	assert_false(s.doubt);
	assert_int_equal(s.live, 0);
	assert_int_equal(counted(DS_R_STAMP_MISSING), 1);
	/* what was sent before the doubt is forgotten */
	assert_int_equal(join(0, &token), DS_R_STAMP_WRONG_ID);
}

/* Ethernet or none, VLAN tags, IP header; then UDP, then NTP with the cookie. */
static size_t frame(uint8_t out[160], bool ethernet, unsigned vlans, int family, uint64_t cookie)
{
	size_t n = 0;

	memset(out, 0xee, 160);
	if (ethernet) {
		n = 12;
		for (unsigned i = 0; i < vlans; i++, n += 4)
			memcpy(out + n, i ? "\x81\x00\x00\x05" : "\x88\xa8\x00\x07", 4);
		memcpy(out + n, family == 4 ? "\x08\x00" : "\x86\xdd", 2);
		n += 2;
	}
	if (family == 4) {
		out[n] = 0x46; /* 24 bytes: an option */
		out[n + 9] = IPPROTO_UDP;
		n += 24;
	} else {
		out[n] = 0x60;
		out[n + 6] = IPPROTO_UDP;
		n += 40;
	}
	n += 8;
	memcpy(out + n, packet(cookie), DS_WIRE_HEADER_SIZE);
	return n + DS_WIRE_HEADER_SIZE;
}

static void frames_name_their_packets(void **state)
{
	uint8_t bytes[160];
	uint32_t token;
	size_t length;

	(void)state;
	for (int i = 0; i < 8; i++) {
		const bool ethernet = i & 4;

		begin(i & 1 ? DS_JOIN_COUNTER : DS_JOIN_CHOSEN_ID, true, NULL, 0);
		expect(11);
		expect(22);
		length = frame(bytes, ethernet, ethernet ? (unsigned)i & 2 : 0, i & 2 ? 4 : 6, 22);
		assert_int_equal(ds_stamping_payload_offset(bytes, length),
				 length - DS_WIRE_HEADER_SIZE);
		/* constant ids of 0, as a simulator's */
		assert_int_equal(
			ds_stamping_join(&s, fd, 0, DS_STAMP_KERNEL, bytes, length, &token),
			DS_R_OK);
		assert_int_equal(token, 22);
		assert_int_equal(
			ds_stamping_join(&s, fd, 0, DS_STAMP_KERNEL, bytes, length, &token),
			DS_R_STAMP_DOUBLE);
		length = frame(bytes, ethernet, 0, 4, 33);
		assert_int_equal(
			ds_stamping_join(&s, fd, 0, DS_STAMP_KERNEL, bytes, length, &token),
			DS_R_STAMP_WRONG_ID);
	}
}

static void two_packets_with_one_cookie(void **state)
{
	uint8_t bytes[160];
	uint32_t id, token;
	size_t length = frame(bytes, true, 0, 4, 5);

	(void)state;
	begin(DS_JOIN_NONE, true, NULL, 0);
	assert_true(ds_stamping_expect(&s, packet(5), 48, true, false, 1, &id));
	assert_true(ds_stamping_expect(&s, packet(5), 48, true, false, 2, &id));
	assert_int_equal(ds_stamping_join(&s, fd, 0, DS_STAMP_KERNEL, bytes, length, &token),
			 DS_R_STAMP_WRONG_ID);
	assert_int_equal(s.live, 2);
}

static void broken_frames(void **state)
{
	uint8_t bytes[160];
	uint32_t token;
	size_t length;

	(void)state;
	begin(DS_JOIN_COUNTER, true, NULL, 0);
	expect(5);
	for (int i = 0; i < 4; i++) {
		length = frame(bytes, i & 1, 0, i & 2 ? 4 : 6, 5);
		for (size_t cut = 1; cut < length; cut++)
			assert_int_equal(
				ds_stamping_join(&s, fd, 0, DS_STAMP_KERNEL, bytes, cut, &token),
				DS_R_STAMP_WRONG_ID);
	}
	/* not UDP; an impossible header length; an unknown protocol */
	length = frame(bytes, true, 0, 4, 5);
	bytes[14 + 9] = IPPROTO_TCP;
	assert_int_equal(ds_stamping_payload_offset(bytes, length), 0);
	bytes[14 + 9] = IPPROTO_UDP;
	bytes[14] = 0x44;
	assert_int_equal(ds_stamping_payload_offset(bytes, length), 0);
	bytes[14] = 0x50;
	assert_int_equal(ds_stamping_payload_offset(bytes, length), 0);
	memcpy(bytes + 12, "\x08\x06", 2);
	assert_int_equal(ds_stamping_payload_offset(bytes, length), 0);
	assert_int_equal(s.live, 1);
}

/* Last: it is remembered for the process. */
static void ignored_ids_are_found_out(void **state)
{
	const struct ds_stamping_wish wish = {true, true, DS_JOIN_CHOSEN_ID, NULL, 0};
	uint32_t token, id = 0;

	(void)state;
	begin(DS_JOIN_CHOSEN_ID, true, NULL, 0);
	expect(1);
	assert_int_equal(join(0, &token), DS_R_STAMP_WRONG_ID);
	assert_int_equal(s.join, DS_JOIN_COUNTER);
	assert_false(ds_stamping_expect(&s, packet(2), 48, true, false, 2, &id));
	s.doubt_since_ns -= DS_STAMPING_DOUBT_NS;
	ds_stamping_before_send(&s, fd);
	assert_int_equal(expect(3), 0);
	assert_int_equal(join(0, &token), DS_R_OK);
	assert_int_equal(token, 3);
	ds_stamping_open(&s, fd, &wish);
	assert_int_not_equal(s.join, DS_JOIN_CHOSEN_ID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_find_their_packets),
		cmocka_unit_test(doubled_and_unknown),
		cmocka_unit_test(kernel_and_card_report_one_packet),
		cmocka_unit_test(cards_are_asked_packet_by_packet),
		cmocka_unit_test(kernel_and_card_of_a_received_packet),
		cmocka_unit_test(oldest_gives_way),
		cmocka_unit_test(nobody_wanted_it),
		cmocka_unit_test(failed_send_with_chosen_id),
		cmocka_unit_test(doubt),
		cmocka_unit_test(doubt_does_not_last),
		cmocka_unit_test(frames_name_their_packets),
		cmocka_unit_test(two_packets_with_one_cookie),
		cmocka_unit_test(broken_frames),
		cmocka_unit_test(ignored_ids_are_found_out),
	};

	return cmocka_run_group_tests_name("stamping", tests, open_socket, close_socket);
}
