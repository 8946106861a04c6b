/*
 * address: texts there and back, what is no address, hashes of prefixes.
 * It must never need a name server or a network.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "os/address.h"

static void texts_come_back(void **state)
{
	static const struct {
		const char *in, *plain, *with_port;
	} table[] = {
		{"192.0.2.1", "192.0.2.1", "192.0.2.1:123"},
		{"0.0.0.0", "0.0.0.0", "0.0.0.0:123"},
		{"255.255.255.255", "255.255.255.255", "255.255.255.255:123"},
		{"2001:db8::1", "2001:db8::1", "[2001:db8::1]:123"},
		{"::", "::", "[::]:123"},
		{"fe80::1%lo", "fe80::1%lo", "[fe80::1%lo]:123"},
		{"fe80::1%4000000000", "fe80::1%4000000000", "[fe80::1%4000000000]:123"},
	};
	char text[DS_ADDRESS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		union ds_address a;

		assert_true(ds_address_parse(table[i].in, 123, &a));
		assert_string_equal(ds_address_text(&a, false, text), table[i].plain);
		assert_string_equal(ds_address_text(&a, true, text), table[i].with_port);
		assert_int_equal(ds_address_port(&a), 123);
	}
}

static void longest_text_fits(void **state)
{
	union ds_address a = {.in6 = {.sin6_family = AF_INET6, .sin6_scope_id = UINT32_MAX}};
	char text[DS_ADDRESS_TEXT];

	(void)state;
	memset(&a.in6.sin6_addr, 0xfe, sizeof(a.in6.sin6_addr));
	ds_address_set_port(&a, 65535);
	assert_string_equal(ds_address_text(&a, true, text),
			    "[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe%4294967295]:65535");
}

static void reference_clocks_have_a_name(void **state)
{
	static const struct {
		uint32_t ref_id;
		const char *text;
	} table[] = {
		{0x47505300, "GPS"}, {0x53484d30, "SHM0"}, {0x50000000, "P"}, {0, ""},
		{0x41004200, "A?B"}, {0x41207fff, "A???"},
	};
	union ds_address a, b, of_ipv4;
	char text[DS_ADDRESS_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ds_address_set_refclock(&a, table[i].ref_id);
		assert_string_equal(ds_address_text(&a, true, text), table[i].text);
		assert_int_equal(ds_address_ref_id(&a), table[i].ref_id);
		assert_int_equal(ds_address_length(&a), 0);
		assert_int_equal(ds_address_port(&a), 0);
		ds_address_set_port(&a, 123);
		ds_address_set_refclock(&b, table[i].ref_id);
		assert_true(ds_address_equal(&a, &b));
		ds_address_set_refclock(&b, 1);
		assert_false(ds_address_same_host(&a, &b));
		assert_true(ds_address_parse("71.80.83.0", 0, &of_ipv4));
		assert_false(ds_address_same_host(&a, &of_ipv4));
		assert_false(ds_address_is_multicast(&a));
	}
}

static void others_are_refused(void **state)
{
	static const char *const table[] = {
		"",
		"a",
		"192.0.2",
		"192.0.2.256",
		"192.0.2.1 ",
		"192.0.2.1:123",
		"[::1]",
		"2001:db8::g",
		"fe80::1%",
		"fe80::1%nosuchif0",
		"fe80::1%99999999999",
		"fe80::1%1x",
		"192.0.2.1%lo",
		"0123:4567:89ab:cdef:0123:4567:89ab:cdef:0123:4567:89ab:cdef%lo",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		union ds_address a;

		memset(&a, 0x55, sizeof(a));
		assert_false(ds_address_parse(table[i], 123, &a));
		assert_int_equal(a.family, AF_UNSPEC);
		assert_int_equal(ds_address_length(&a), 0);
		assert_int_equal(ds_address_port(&a), 0);
	}
}

static union ds_address parse(const char *text, uint16_t port)
{
	union ds_address a;

	assert_true(ds_address_parse(text, port, &a));
	return a;
}

static void hosts_are_compared(void **state)
{
	union ds_address a = parse("192.0.2.1", 1), b = parse("192.0.2.1", 2);
	union ds_address c = parse("192.0.2.2", 1), d = parse("2001:db8::1", 1);
	union ds_address e = parse("2001:db8::1", 1), f = parse("2001:db8::1%7", 1);

	(void)state;
	assert_true(ds_address_same_host(&a, &b));
	assert_false(ds_address_equal(&a, &b));
	ds_address_set_port(&b, 1);
	assert_true(ds_address_equal(&a, &b));
	assert_false(ds_address_same_host(&a, &c));
	assert_false(ds_address_same_host(&a, &d));
	assert_true(ds_address_equal(&d, &e));
	assert_false(ds_address_same_host(&d, &f));
	assert_int_equal(ds_address_length(&a), sizeof(struct sockaddr_in));
	assert_int_equal(ds_address_length(&d), sizeof(struct sockaddr_in6));
}

static void reference_ids(void **state)
{
	union ds_address a = parse("192.0.2.1", 1), d = parse("2001:db8::1", 1);
	union ds_address e = parse("2001:db8::2", 1), none = {0};

	(void)state;
	assert_int_equal(ds_address_ref_id(&a), 0xc0000201);
	/* What chronyd and ntpd say of this address: the beginning of its MD5 digest. */
	assert_int_equal(ds_address_ref_id(&d), 0x39ab9b37);
	assert_int_not_equal(ds_address_ref_id(&d), ds_address_ref_id(&e));
	assert_int_equal(ds_address_ref_id(&none), 0);
}

static void prefixes_share_a_hash(void **state)
{
	const uint64_t key = UINT64_C(0x0123456789abcdef);
	union ds_address a = parse("192.0.2.1", 1), b = parse("192.0.2.254", 9);
	union ds_address c = parse("192.0.3.1", 1), d = parse("2001:db8:1::1", 1);
	union ds_address e = parse("2001:db8:1:ffff::1", 1), f = parse("2001:db8:2::1", 1);

	(void)state;
	assert_int_equal(ds_address_prefix_hash(&a, key), ds_address_prefix_hash(&b, key));
	assert_int_not_equal(ds_address_prefix_hash(&a, key), ds_address_prefix_hash(&c, key));
	assert_int_not_equal(ds_address_prefix_hash(&a, key), ds_address_prefix_hash(&a, key + 1));
	assert_int_equal(ds_address_prefix_hash(&d, key), ds_address_prefix_hash(&e, key));
	assert_int_not_equal(ds_address_prefix_hash(&d, key), ds_address_prefix_hash(&f, key));
	assert_true(ds_address_prefix_hash(&a, key) < 1U << 24);
}

/* Neighbouring prefixes spread over 256 classes: none takes a multiple of its share. */
static void prefixes_spread(void **state)
{
	unsigned count[256] = {0};
	union ds_address a = parse("10.0.0.1", 1);

	(void)state;
	for (uint32_t i = 0; i < 65536; i++) {
		a.in.sin_addr.s_addr = htonl(UINT32_C(0x0a000001) + (i << 8));
		count[ds_address_prefix_hash(&a, 42) >> 16]++;
	}
	for (size_t i = 0; i < 256; i++)
		assert_in_range(count[i], 128, 384);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_come_back),
		cmocka_unit_test(longest_text_fits),
		cmocka_unit_test(reference_clocks_have_a_name),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(hosts_are_compared),
		cmocka_unit_test(reference_ids),
		cmocka_unit_test(prefixes_share_a_hash),
		cmocka_unit_test(prefixes_spread),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
