/* The header byte for byte, the trailers of RFC 7822, and time across eras. */
#include "test/unit/exchange_world.h"

static const char every_field[] = "e3"			 /* leap 3, version 4, mode 3 */
				  "02"			 /* stratum */
				  "fa"			 /* poll -6 */
				  "e7"			 /* precision -25 */
				  "00010203"		 /* root delay */
				  "04050607"		 /* root dispersion */
				  "47505300"		 /* reference identifier "GPS" */
				  "0809 0a0b 0c0d 0e0f"	 /* reference */
				  "1011 1213 1415 1617"	 /* origin */
				  "1819 1a1b 1c1d 1e1f"	 /* receive */
				  "2021 2223 2425 2627"; /* transmit */

static void test_every_field_stands_at_its_place(void **state)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	uint8_t written[DS_WIRE_HEADER_SIZE];
	struct ds_packet p;

	(void)state;
	assert_int_equal(world_hex(every_field, bytes), DS_WIRE_HEADER_SIZE);
	p = world_packet(bytes);
	assert_int_equal(p.leap, 3);
	assert_int_equal(p.version, 4);
	assert_int_equal(p.mode, 3);
	assert_int_equal(p.stratum, 2);
	assert_int_equal(p.poll_log2, -6);
	assert_int_equal(p.precision_log2, -25);
	assert_int_equal(p.root_delay, 0x00010203);
	assert_int_equal(p.root_dispersion, 0x04050607);
	assert_int_equal(p.ref_id, 0x47505300);
	assert_true(p.reference == UINT64_C(0x08090a0b0c0d0e0f));
	assert_true(p.origin == UINT64_C(0x1011121314151617));
	assert_true(p.receive == UINT64_C(0x18191a1b1c1d1e1f));
	assert_true(p.transmit == UINT64_C(0x2021222324252627));
	assert_true(ds_wire_read_ntp64(bytes + DS_WIRE_TRANSMIT_OFFSET) == p.transmit);
	ds_wire_write(&p, written);
	assert_memory_equal(written, bytes, sizeof(bytes));
}

static void test_fields_wider_than_their_bits_are_cut(void **state)
{
	struct ds_packet p = {.leap = 0xff, .version = 0x0c, .mode = 0x0b};
	uint8_t bytes[DS_WIRE_HEADER_SIZE];

	(void)state;
	ds_wire_write(&p, bytes);
	assert_int_equal(bytes[0], 0xc0 | 4 << 3 | 3);
}

/* A packet of this version and trailer; *frame is filled with 0xa5 before. */
static enum ds_reason read_with(unsigned int version, const char *trailer, struct ds_frame *frame)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE + 512] = {0};
	size_t length = DS_WIRE_HEADER_SIZE + world_hex(trailer, bytes + DS_WIRE_HEADER_SIZE);

	bytes[0] = (uint8_t)(version << 3 | DS_MODE_CLIENT);
	memset(frame, 0xa5, sizeof(*frame));
	return ds_wire_read(bytes, length, frame);
}

#define B4  "01020304"
#define B8  B4 B4
#define B16 B8 B8
#define B20 B16 B4
#define B32 B16 B16
#define B64 B32 B32
#define KEY "0000002a" /* key identifier 42 */

static const struct {
	unsigned int version;
	const char *trailer;
	enum ds_reason reason;
	unsigned int extension;
	unsigned int mac;
} trailers[] = {
	{4, "", DS_R_OK, 0, 0},
	{4, KEY, DS_R_OK, 0, 4},		/* crypto-NAK */
	{4, KEY B16, DS_R_OK, 0, 20},		/* MD5, AES-CMAC */
	{4, KEY B20, DS_R_OK, 0, 24},		/* SHA1 */
	{4, KEY B32, DS_R_OK, 0, 36},		/* SHA256 */
	{4, KEY B32 B16, DS_R_OK, 0, 52},	/* SHA384 */
	{4, KEY B64, DS_R_OK, 0, 68},		/* SHA512 */
	{4, "00000010" B32, DS_R_OK, 0, 36},	/* key 16 looks like a length */
	{4, "0104001c" B8 B16, DS_R_OK, 28, 0}, /* least last field without MAC */
	{4, "01040018" B4 B16, DS_R_OK, 0, 24}, /* 24 bytes are a MAC, whatever is in them */
	{4, "01040010" B8 B4 KEY B16, DS_R_OK, 16, 20}, /* least field before a MAC */
	{4, "01040010" B8 B4 "0204001c" B8 B16, DS_R_OK, 44, 0},
	{4, "01040010" B8 B4 KEY B32, DS_R_OK, 16, 36},
	{4, "01040010" B8 B4 KEY, DS_R_OK, 0, 20},		 /* 20 as well */
	{4, "0104000c" B8 KEY B16, DS_R_PACKET_EXTENSION, 0, 0}, /* field under 16 */
	{4, "01040012" B8 B16, DS_R_PACKET_EXTENSION, 0, 0},	 /* not a multiple of four */
	{4, "01040020" B8 B16, DS_R_PACKET_EXTENSION, 0, 0},	 /* past the end */
	{4, "0104ffff" B8 B16, DS_R_PACKET_EXTENSION, 0, 0},
	{4, "01040010" B8 B4 B8, DS_R_OK, 0, 24},
	{4, "01040010" B8 B4 B8 B4, DS_R_PACKET_TRAILER, 0, 0}, /* 12 left */
	{4, "0104001c" B8 B16 "01", DS_R_PACKET_TRAILER, 0, 0},
	{4, "01", DS_R_PACKET_TRAILER, 0, 0},
	{4, B8, DS_R_PACKET_TRAILER, 0, 0},
	{3, "", DS_R_OK, 0, 0},
	{3, KEY B16, DS_R_OK, 0, 20},
	{3, KEY B16 B8 B4, DS_R_OK, 0, 32}, /* SHA3-224 */
	{3, KEY B64, DS_R_OK, 0, 68},
	{4, KEY B16 B8 B4, DS_R_PACKET_EXTENSION, 0, 0}, /* is cut to 20 there */
	{3, "0104001c" B8 B16, DS_R_PACKET_TRAILER, 0, 0},
	{2, KEY B20, DS_R_OK, 0, 24},
	{1, "", DS_R_OK, 0, 0},
	{1, B8, DS_R_PACKET_TRAILER, 0, 0},
	{0, "", DS_R_PACKET_VERSION, 0, 0},
	{5, "", DS_R_PACKET_VERSION, 0, 0},
	{6, "", DS_R_PACKET_VERSION, 0, 0},
	{7, "", DS_R_PACKET_VERSION, 0, 0},
};

static void test_trailers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(trailers) / sizeof(trailers[0]); i++) {
		struct ds_frame frame;
		struct ds_frame before;
		enum ds_reason reason = read_with(trailers[i].version, trailers[i].trailer, &frame);

		memset(&before, 0xa5, sizeof(before));
		if (reason != trailers[i].reason)
			print_error("trailer %zu: %s\n", i, ds_reason_name(reason));
		assert_int_equal(reason, trailers[i].reason);
		if (reason != DS_R_OK) {
			assert_memory_equal(&frame, &before, sizeof(frame));
			continue;
		}
		assert_int_equal(frame.extension_length, trailers[i].extension);
		assert_int_equal(frame.extension_offset, trailers[i].extension != 0 ? 48 : 0);
		assert_int_equal(frame.mac_length, trailers[i].mac);
		assert_int_equal(frame.mac_offset,
				 trailers[i].mac != 0 ? 48 + trailers[i].extension : 0);
		assert_int_equal(frame.length, 48 + trailers[i].extension + trailers[i].mac);
		if (trailers[i].mac == 0)
			assert_int_equal(frame.key_id, 0);
	}
}

static void test_key_identifier(void **state)
{
	struct ds_frame frame;

	(void)state;
	assert_int_equal(read_with(4, "01040010" B8 B4 "deadbeef" B16, &frame), DS_R_OK);
	assert_int_equal(frame.key_id, 0xdeadbeef);
}

static void test_sizes_at_the_edges(void **state)
{
	static uint8_t bytes[DS_WIRE_MAX_SIZE + 4];
	struct ds_frame frame;

	(void)state;
	bytes[0] = 4 << 3 | DS_MODE_CLIENT;
	assert_int_equal(ds_wire_read(bytes, 0, &frame), DS_R_PACKET_SHORT);
	assert_int_equal(ds_wire_read(bytes, 47, &frame), DS_R_PACKET_SHORT);
	assert_int_equal(ds_wire_read(bytes, 48, &frame), DS_R_OK);
	/* One extension field up to the end. */
	bytes[48] = 1;
	bytes[50] = (DS_WIRE_MAX_SIZE - 48) >> 8;
	bytes[51] = (DS_WIRE_MAX_SIZE - 48) & 0xff;
	assert_int_equal(ds_wire_read(bytes, DS_WIRE_MAX_SIZE, &frame), DS_R_OK);
	assert_int_equal(ds_wire_read(bytes, DS_WIRE_MAX_SIZE + 1, &frame), DS_R_PACKET_LONG);
	assert_int_equal(ds_wire_read(bytes, SIZE_MAX, &frame), DS_R_PACKET_LONG);
}

#define S      INT64_C(1000000000)
#define ERA_1  INT64_C(2085978496)	     /* 2036-02-07 06:28:16 UTC, NTP second 2^32 */
#define ERA_2  (ERA_1 + INT64_C(4294967296)) /* 2172-03-15 */
#define Y2106  INT64_C(4294967296)	     /* 2106-02-07 06:28:16: 2^32 seconds of Unix */
#define HALF_S INT64_C(2147483648)

static void test_known_moments(void **state)
{
	(void)state;
	/* RFC 5905 figure 4: 1970-01-01 is second 2208988800, 1900 is 0, 2000 is 3155673600. */
	assert_true(ds_ntp64_from_ns(0, 0) == UINT64_C(2208988800) << 32);
	assert_true(ds_ntp64_from_ns(-2208988800 * S, 0) == 0);
	assert_true(ds_ntp64_from_ns(946684800 * S, 0) == UINT64_C(3155673600) << 32);
	assert_true(ds_ntp64_from_ns(ERA_1 * S, 0) == 0);
	assert_true(ds_ntp64_from_ns(ERA_1 * S - S, 0) == UINT64_C(0xffffffff00000000));
	assert_true(ds_ntp64_from_ns(500000000, 0) == (UINT64_C(2208988800) << 32 | 0x80000000));
	assert_true(ds_ntp64_from_ns(-500000000, 0) == (UINT64_C(2208988799) << 32 | 0x80000000));
}

static void test_there_and_back_for_every_fill(void **state)
{
	static const int64_t moments[] = {0,
					  1,
					  999999999,
					  -1,
					  1795420800 * S + 123456789,
					  ERA_1 * S - 1,
					  ERA_1 * S,
					  ERA_1 * S + 1,
					  Y2106 * S - 1,
					  Y2106 * S,
					  ERA_2 * S - 1,
					  ERA_2 * S,
					  ERA_2 * S + 7,
					  9000000000 * S};

	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		for (uint32_t fill = 0; fill < 8; fill++) {
			ds_ntp64 wire = ds_ntp64_from_ns(moments[i], fill);

			assert_true(ds_ns_from_ntp64(wire, moments[i]) == moments[i]);
			assert_true(ds_ns_from_ntp64(wire, moments[i] + 60 * S) == moments[i]);
			assert_true(ds_ns_from_ntp64(wire, moments[i] - 60 * S) == moments[i]);
		}
	}
	/* Each nanosecond of a stretch, so that no rounding is met by luck only. */
	for (int64_t ns = 999990000; ns < 1000010000; ns++)
		assert_true(ds_ns_from_ntp64(ds_ntp64_from_ns(ns, 3), 0) == ns);
}

static void test_fill_makes_stamps_of_one_nanosecond_differ(void **state)
{
	ds_ntp64 first = ds_ntp64_from_ns(12345, 0);

	(void)state;
	for (uint32_t fill = 0; fill < 4; fill++)
		assert_true(ds_ntp64_from_ns(12345, fill) == first + fill);
	assert_true(ds_ntp64_from_ns(12345, 4) == first); /* two bits, no more */
	assert_true(ds_ntp64_from_ns(12346, 0) > first + 3);
}

static void test_eras_unfold_around_the_pivot(void **state)
{
	const int64_t pivots[] = {1795420800, ERA_1 - 1, ERA_1, ERA_1 + 1, Y2106, ERA_2 - 1, ERA_2};

	(void)state;
	for (size_t i = 0; i < sizeof(pivots) / sizeof(pivots[0]); i++) {
		int64_t pivot = pivots[i] * S + 500000000;
		int64_t least = pivot - HALF_S * S;
		int64_t most = pivot + HALF_S * S - 1;

		/* The edges of the window that the pivot stands for, exactly. */
		assert_true(ds_ns_from_ntp64(ds_ntp64_from_ns(least, 0), pivot) == least);
		assert_true(ds_ns_from_ntp64(ds_ntp64_from_ns(most, 3), pivot) == most);
		/* One further on either side belongs to the other end. */
		assert_true(ds_ns_from_ntp64(ds_ntp64_from_ns(most + 1, 0), pivot) == least);
		assert_true(ds_ns_from_ntp64(ds_ntp64_from_ns(least - 1, 0), pivot) == most);
	}
}

static void test_what_64_bits_cannot_hold_saturates(void **state)
{
	ds_ntp64 pivot = ds_ntp64_from_ns(INT64_MAX, 0);

	(void)state;
	assert_true(ds_ns_from_ntp64(pivot, INT64_MAX) == INT64_MAX);
	assert_true(ds_ns_from_ntp64(pivot + (UINT64_C(1000) << 32), INT64_MAX) == INT64_MAX);
	/* Its second fits, its fraction does not: 9223372036.9 s. */
	assert_true(ds_ns_from_ntp64((pivot & ~UINT64_C(0xffffffff)) | 0xf0000000, INT64_MAX) ==
		    INT64_MAX);
	for (int64_t ns = INT64_MIN; ns < INT64_MIN + 2000000000; ns += 99999999)
		assert_true(ds_ns_from_ntp64(ds_ntp64_from_ns(ns, 1), ns) == ns);
	for (int64_t ns = INT64_MAX; ns > INT64_MAX - 2000000000; ns -= 99999999)
		assert_true(ds_ns_from_ntp64(ds_ntp64_from_ns(ns, 1), ns) == ns);
	pivot = ds_ntp64_from_ns(INT64_MIN, 0);
	assert_true(ds_ns_from_ntp64(pivot - (UINT64_C(1000) << 32), INT64_MIN) == INT64_MIN);
}

static void test_short_format(void **state)
{
	(void)state;
	assert_int_equal(ds_ntp32_from_ns(0), 0);
	assert_int_equal(ds_ntp32_from_ns(-1), 0);
	assert_int_equal(ds_ntp32_from_ns(INT64_MIN), 0);
	assert_int_equal(ds_ntp32_from_ns(1), 1); /* rounds up */
	assert_int_equal(ds_ntp32_from_ns(15258), 1);
	assert_int_equal(ds_ntp32_from_ns(15259), 2);
	assert_int_equal(ds_ntp32_from_ns(S), 0x10000);
	assert_int_equal(ds_ntp32_from_ns(65535 * S), 0xffff0000);
	assert_int_equal(ds_ntp32_from_ns(65536 * S - 1), UINT32_MAX);
	assert_int_equal(ds_ntp32_from_ns(65536 * S), UINT32_MAX);
	assert_int_equal(ds_ntp32_from_ns(INT64_MAX), UINT32_MAX);
	assert_true(ds_ns_from_ntp32(0x10000) == S);
	assert_true(ds_ns_from_ntp32(UINT32_MAX) == 65536 * S - 15259);
	for (ds_ntp32 value = 0; value < 200000; value += 7)
		assert_int_equal(ds_ntp32_from_ns(ds_ns_from_ntp32(value)), value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_stands_at_its_place),
		cmocka_unit_test(test_fields_wider_than_their_bits_are_cut),
		cmocka_unit_test(test_trailers),
		cmocka_unit_test(test_key_identifier),
		cmocka_unit_test(test_sizes_at_the_edges),
		cmocka_unit_test(test_known_moments),
		cmocka_unit_test(test_there_and_back_for_every_fill),
		cmocka_unit_test(test_fill_makes_stamps_of_one_nanosecond_differ),
		cmocka_unit_test(test_eras_unfold_around_the_pivot),
		cmocka_unit_test(test_what_64_bits_cannot_hold_saturates),
		cmocka_unit_test(test_short_format),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
