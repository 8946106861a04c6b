/* PTP around NTP: packets of real chronyd, every byte of the prefix that matters, the extension
 * field, and corrections that can be right and cannot. */
#include <stdlib.h>

#include "core/exchange/ptp.h"
#include "test/unit/exchange_world.h"

/* Captured on a loopback: requests of chronyd 4.3, 4.8 (extfield F324) and of what became 4.9
 * (extfield 10A), and an answer of the last. */
#define CHRONY_4_3                                                                                 \
	"010200607b0004000000000000000000000000000000000000000000000000000000000000000000"         \
	"000000002023003023023000"                                                                 \
	"20000000000000000000000000000000000000000000000000000000000000000000000093b4d7c2de8d62f1"
#define CHRONY_4_8                                                                                 \
	"0102007c7b0004000000000000000000000000000000000000000000000000020000000000000000"         \
	"000000002023004c2300fe20"                                                                 \
	"0000000000000000000000000000000000000000eeb296201f0d4953b4f072fb0485bd98d63efb05190266ea" \
	"f324001c07ac2ceb0000000000000000000000000000000000000000"
#define CHRONY_4_9                                                                                 \
	"010200847b0004000000000000000000000000000000000000000000000000010000000000000000"         \
	"000000000003005400005e00000100002300fe20"                                                 \
	"0000000000000000000000000000000000000000eeb296214ba285152f9708a0b64dcfac1db090ec3cbfff59" \
	"010a001c000000000000000000000000000000000000000000000000"
#define CHRONY_4_9_ANSWER                                                                          \
	"010200847b0004000000000000000000000000000000000000000000000000020000000000000000"         \
	"000000000003005400005e00000100002401fee3"                                                 \
	"00000000000000007f7f0101eeb2961f7a0d1a11955dadc0bf47c334eeb29621cd25362beeb296218be1010c" \
	"010a001c000000000000000000000000000000000000000000000000"

#define ROOM 256

static const struct {
	const char *hex;
	enum ds_ptp_form form;
	uint8_t mode;
	bool field;
	uint16_t sequence;
} golden[] = {
	{CHRONY_4_3, DS_PTP_EXPERIMENTAL, DS_MODE_CLIENT, false, 0},
	{CHRONY_4_8, DS_PTP_EXPERIMENTAL, DS_MODE_CLIENT, true, 2},
	{CHRONY_4_9, DS_PTP_STANDARD, DS_MODE_CLIENT, true, 1},
	{CHRONY_4_9_ANSWER, DS_PTP_STANDARD, DS_MODE_SERVER, true, 2},
};

static void test_packets_of_chronyd_are_read_and_written_byte_for_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		uint8_t bytes[ROOM], prefix[DS_PTP_PREFIX_MOST], field[DS_PTP_FIELD_SIZE];
		size_t length = world_hex(golden[i].hex, bytes);
		struct ds_ptp_message m;
		struct ds_frame frame;
		int64_t ns = 42;

		assert_int_equal(ds_ptp_unwrap(bytes, length, DS_PTP_DOMAIN, &m), DS_R_OK);
		assert_int_equal(m.form, golden[i].form);
		assert_int_equal(m.correction_ns, 0);
		assert_int_equal(ds_wire_read(m.ntp, m.length, &frame), DS_R_OK);
		assert_int_equal(frame.packet.mode, golden[i].mode);
		assert_int_equal(ds_ptp_field_read(m.form, m.ntp, &frame, &ns), golden[i].field);
		assert_int_equal(
			ds_ptp_wrap(m.form, DS_PTP_DOMAIN, golden[i].sequence, m.length, prefix),
			length - m.length);
		assert_memory_equal(prefix, bytes, length - m.length);
		if (!golden[i].field)
			continue;
		assert_int_equal(ns, 0);
		ds_ptp_field_write(m.form, 0, field);
		assert_memory_equal(field, m.ntp + DS_WIRE_HEADER_SIZE, sizeof(field));
	}
}

/* The packet of 4.9 with one byte set. */
static enum ds_reason with(size_t at, uint8_t value)
{
	uint8_t bytes[ROOM];
	size_t length = world_hex(CHRONY_4_9, bytes);
	struct ds_ptp_message m;
	struct ds_ptp_message before;
	enum ds_reason reason;

	memset(&m, 0xa5, sizeof(m));
	before = m;
	bytes[at] = value;
	reason = ds_ptp_unwrap(bytes, length, DS_PTP_DOMAIN, &m);
	if (reason != DS_R_OK)
		assert_memory_equal(&m, &before, sizeof(m));
	return reason;
}

static void test_each_field_of_the_prefix_is_checked(void **state)
{
	(void)state;
	assert_int_equal(with(0, 0x00), DS_R_OK);	   /* Sync */
	assert_int_equal(with(0, 0x02), DS_R_PTP_MESSAGE); /* Pdelay_Req */
	assert_int_equal(with(0, 0x09), DS_R_PTP_MESSAGE); /* Delay_Resp */
	assert_int_equal(with(0, 0x11), DS_R_PTP_MESSAGE); /* majorSdoId 1: 802.1AS */
	assert_int_equal(with(1, 0x01), DS_R_PTP_MESSAGE); /* PTP 1 */
	assert_int_equal(with(1, 0x12), DS_R_OK);	   /* PTP 2.1 */
	assert_int_equal(with(1, 0x22), DS_R_PTP_MESSAGE);
	assert_int_equal(with(3, 0x83), DS_R_PTP_MESSAGE); /* length */
	assert_int_equal(with(3, 0x85), DS_R_PTP_MESSAGE);
	assert_int_equal(with(4, 0), DS_R_PTP_DOMAIN);
	assert_int_equal(with(5, 1), DS_R_OK);		   /* means nothing in PTP 2.0 */
	assert_int_equal(with(6, 0x00), DS_R_PTP_MESSAGE); /* not unicast */
	assert_int_equal(with(6, 0x06), DS_R_PTP_MESSAGE); /* two steps */
	assert_int_equal(with(7, 0x08), DS_R_PTP_MESSAGE);
	assert_int_equal(with(20, 0xff), DS_R_OK); /* port identity, sequence, control: not ours */
	assert_int_equal(with(30, 0xff), DS_R_OK);
	assert_int_equal(with(32, 0x01), DS_R_OK);
	assert_int_equal(with(34, 0xff), DS_R_OK); /* origin stamp */
	assert_int_equal(with(44, 0x80), DS_R_PTP_MESSAGE);
	assert_int_equal(with(45, 0x04), DS_R_PTP_MESSAGE);
	assert_int_equal(with(47, 0x53), DS_R_PTP_MESSAGE); /* the TLV's length */
	assert_int_equal(with(47, 0x55), DS_R_PTP_MESSAGE);
	assert_int_equal(with(50, 0x5f), DS_R_PTP_MESSAGE); /* whose TLV */
	assert_int_equal(with(53, 0x02), DS_R_PTP_MESSAGE);
	assert_int_equal(with(54, 0xff), DS_R_OK); /* padding */
}

static void test_sub_versions_of_2_1(void **state)
{
	uint8_t bytes[ROOM];
	size_t length = world_hex(CHRONY_4_9, bytes);
	struct ds_ptp_message m;

	(void)state;
	bytes[1] = 0x12;
	bytes[44] = 0x80; /* ORGANIZATION_EXTENSION_DO_NOT_PROPAGATE */
	bytes[45] = 0x00;
	assert_int_equal(ds_ptp_unwrap(bytes, length, DS_PTP_DOMAIN, &m), DS_R_OK);
	assert_int_equal(m.form, DS_PTP_STANDARD);
	bytes[5] = 1; /* minorSdoId */
	assert_int_equal(ds_ptp_unwrap(bytes, length, DS_PTP_DOMAIN, &m), DS_R_PTP_MESSAGE);
}

static void test_every_length_short_of_the_whole_is_refused(void **state)
{
	static const char *const packets[] = {CHRONY_4_3, CHRONY_4_9};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t bytes[ROOM];
		size_t length = world_hex(packets[i], bytes);
		struct ds_ptp_message m;

		for (size_t n = 0; n < length; n++) {
			uint8_t *exact = malloc(n > 0 ? n : 1); /* so that a read behind it shows */
			enum ds_reason reason;

			assert_non_null(exact);
			memcpy(exact, bytes, n);
			if (n >= 4) {
				exact[2] = 0;
				exact[3] = (uint8_t)n;
			}
			if (n >= 48)
				exact[47] = (uint8_t)(n - 48);
			reason = ds_ptp_unwrap(exact, n, DS_PTP_DOMAIN, &m);
			/* What is whole as PTP may still be too short for NTP: not said here. */
			if (reason == DS_R_OK)
				assert_true(m.length == n - ds_ptp_prefix(m.form) && m.length > 0);
			else
				assert_int_equal(reason, DS_R_PTP_MESSAGE);
			free(exact);
		}
		bytes[length] = 0;
		assert_int_equal(ds_ptp_unwrap(bytes, length + 1, DS_PTP_DOMAIN, &m),
				 DS_R_PTP_MESSAGE);
	}
}

/* Its length field could not say so. */
static void test_what_is_longer_than_a_datagram_is_refused(void **state)
{
	static uint8_t bytes[UINT16_MAX + 1 + 96];
	struct ds_ptp_message m;

	(void)state;
	world_hex(CHRONY_4_3, bytes);
	assert_int_equal(ds_ptp_unwrap(bytes, sizeof(bytes), DS_PTP_DOMAIN, &m), DS_R_PTP_MESSAGE);
}

static int64_t correction_of(const char *hex)
{
	uint8_t bytes[ROOM];
	size_t length = world_hex(CHRONY_4_3, bytes);
	struct ds_ptp_message m;

	world_hex(hex, bytes + 8);
	assert_int_equal(ds_ptp_unwrap(bytes, length, DS_PTP_DOMAIN, &m), DS_R_OK);
	return m.correction_ns;
}

static void test_the_correction_field_is_2_to_the_minus_16_ns(void **state)
{
	(void)state;
	assert_true(correction_of("0000000000010000") == 1);
	assert_true(correction_of("000000000001ffff") == 1);
	assert_true(correction_of("00000003e8000000") == 256000);
	assert_true(correction_of("ffffffffffff0000") == -1);
	assert_true(correction_of("ffffffffffffffff") == -1); /* down */
	assert_true(correction_of("7fffffffffffffff") == INT64_C(0x7fffffffffff));
}

static void test_no_ptp_is_no_prefix(void **state)
{
	uint8_t out[DS_PTP_PREFIX_MOST] = {0xa5};

	(void)state;
	assert_int_equal(ds_ptp_prefix(DS_PTP_NONE), 0);
	assert_int_equal(ds_ptp_wrap(DS_PTP_NONE, 0, 0, 48, out), 0);
	assert_int_equal(out[0], 0xa5);
	assert_int_equal(ds_ptp_prefix((enum ds_ptp_form)3), 0);
}

static bool field_of(enum ds_ptp_form form, const uint8_t *bytes, size_t length, int64_t *ns)
{
	struct ds_frame frame;

	assert_int_equal(ds_wire_read(bytes, length, &frame), DS_R_OK);
	return ds_ptp_field_read(form, bytes, &frame, ns);
}

static void test_the_field_reads_back_to_the_nanosecond(void **state)
{
	static const int64_t values[] = {0,	    1,	       2,	   999,
					 123456789, 999999999, 1000000000, DS_PTP_RESIDENCE_NS};
	uint8_t bytes[DS_WIRE_HEADER_SIZE + DS_PTP_FIELD_SIZE] = {4 << 3 | DS_MODE_SERVER};
	uint8_t *field = bytes + DS_WIRE_HEADER_SIZE;

	(void)state;
	for (enum ds_ptp_form form = DS_PTP_STANDARD; form <= DS_PTP_EXPERIMENTAL; form++) {
		int64_t ns = -7;

		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			ds_ptp_field_write(form, values[i], field);
			assert_true(field_of(form, bytes, sizeof(bytes), &ns));
			assert_true(ns == values[i]);
		}
		ds_ptp_field_write(form, -1, field);
		assert_true(field_of(form, bytes, sizeof(bytes), &ns) && ns == 0);
		ds_ptp_field_write(form, DS_PTP_RESIDENCE_NS + 1, field);
		assert_true(field_of(form, bytes, sizeof(bytes), &ns) && ns == 0);
		/* Not the other form's, nor that of a packet without PTP. */
		assert_false(
			field_of(form == DS_PTP_STANDARD ? DS_PTP_EXPERIMENTAL : DS_PTP_STANDARD,
				 bytes, sizeof(bytes), &ns));
		assert_false(field_of(DS_PTP_NONE, bytes, sizeof(bytes), &ns));
		memset(field + (form == DS_PTP_STANDARD ? 4 : 8), 0xff, 8);
		assert_true(field_of(form, bytes, sizeof(bytes), &ns));
		assert_true(ns > DS_PTP_RESIDENCE_NS); /* refused by ds_ptp_correct() */
	}
}

static void test_the_field_is_found_behind_others_and_before_a_mac(void **state)
{
	uint8_t bytes[ROOM] = {4 << 3 | DS_MODE_CLIENT};
	uint8_t *at = bytes + DS_WIRE_HEADER_SIZE;
	int64_t ns = 0;

	(void)state;
	world_hex("0104 0010 00000000 00000000 00000000", at);
	ds_ptp_field_write(DS_PTP_STANDARD, 77, at + 16);
	world_hex("0000002a 00000000000000000000000000000000", at + 16 + DS_PTP_FIELD_SIZE);
	assert_true(field_of(DS_PTP_STANDARD, bytes, 48 + 16 + DS_PTP_FIELD_SIZE + 20, &ns));
	assert_true(ns == 77);
	at[16 + 3] = 0x20; /* another length: no such field */
	assert_false(field_of(DS_PTP_STANDARD, bytes, 48 + 16 + 32, &ns));
	ds_ptp_field_write(DS_PTP_EXPERIMENTAL, 77, at);
	at[7] ^= 1; /* the magic */
	assert_false(field_of(DS_PTP_EXPERIMENTAL, bytes, 48 + DS_PTP_FIELD_SIZE, &ns));
	at[7] ^= 1;
	at[4] ^= 1;
	assert_false(field_of(DS_PTP_EXPERIMENTAL, bytes, 48 + DS_PTP_FIELD_SIZE, &ns));
}

static enum ds_reason correct(struct ds_exchange *x, int64_t request_ns, int64_t answer_ns)
{
	*x = (struct ds_exchange){.delay_ns = 100000, .offset_ns = 5, .server_minus_raw_ns = 1005};
	return ds_ptp_correct(x, (struct ds_ptp_corrections){request_ns, answer_ns});
}

static void test_a_queue_of_one_way_is_taken_out(void **state)
{
	struct ds_exchange x;

	(void)state;
	/* 80 us in a queue there, 10 us back: seen as 35 us of offset. */
	assert_int_equal(correct(&x, 80000, 10000), DS_R_OK);
	assert_true(x.delay_ns == 10009 && x.unproved_ns == 80000);
	assert_true(x.offset_ns == 5 - 35000 && x.server_minus_raw_ns == 1005 - 35000);
	assert_int_equal(correct(&x, 50000, 50000), DS_R_OK); /* clocks that run fast */
	assert_true(x.delay_ns == 10 && x.offset_ns == 5);
	assert_int_equal(correct(&x, 50004, 50005), DS_R_OK);
	assert_true(x.delay_ns == 1);
}

static void test_what_cannot_be_changes_nothing(void **state)
{
	static const struct {
		int64_t request_ns, answer_ns;
		enum ds_reason reason;
	} cases[] = {
		{0, 0, DS_R_OK},
		{1, 0, DS_R_CORRECTION_HALF},
		{0, 1, DS_R_CORRECTION_HALF},
		{-1, 1, DS_R_CORRECTION},
		{1, -1, DS_R_CORRECTION},
		{50020, 50020, DS_R_CORRECTION},
		{1, 100020, DS_R_CORRECTION},
		{DS_PTP_RESIDENCE_NS + 1, 1, DS_R_CORRECTION},
		{1, DS_PTP_RESIDENCE_NS, DS_R_CORRECTION},
		{INT64_MAX, INT64_MAX, DS_R_CORRECTION},
		{INT64_MIN, INT64_MIN, DS_R_CORRECTION},
	};
	struct ds_exchange x;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(correct(&x, cases[i].request_ns, cases[i].answer_ns),
				 cases[i].reason);
		assert_true(x.delay_ns == 100000 && x.offset_ns == 5 && x.unproved_ns == 0 &&
			    x.server_minus_raw_ns == 1005);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_of_chronyd_are_read_and_written_byte_for_byte),
		cmocka_unit_test(test_each_field_of_the_prefix_is_checked),
		cmocka_unit_test(test_sub_versions_of_2_1),
		cmocka_unit_test(test_every_length_short_of_the_whole_is_refused),
		cmocka_unit_test(test_what_is_longer_than_a_datagram_is_refused),
		cmocka_unit_test(test_the_correction_field_is_2_to_the_minus_16_ns),
		cmocka_unit_test(test_no_ptp_is_no_prefix),
		cmocka_unit_test(test_the_field_reads_back_to_the_nanosecond),
		cmocka_unit_test(test_the_field_is_found_behind_others_and_before_a_mac),
		cmocka_unit_test(test_a_queue_of_one_way_is_taken_out),
		cmocka_unit_test(test_what_cannot_be_changes_nothing),
	};

	return cmocka_run_group_tests_name("ptp", tests, NULL, NULL);
}
