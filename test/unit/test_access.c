/*
 * Tests of daemon/access: the rules' text, their precedence, the limit, and a comparison with a
 * model that keeps all rules in order and looks at each of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "daemon/access.h"

static union ds_address host(const char *text)
{
	union ds_address a;

	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1)
		a.in.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1)
		a.in6.sin6_family = AF_INET6;
	else
		fail_msg("%s is no address", text);
	return a;
}

static bool allowed(const struct ds_access *access, const char *text)
{
	union ds_address a = host(text);

	return ds_access_allowed(access, &a);
}

/* "allow all 192.0.2" and the like */
static void rule(struct ds_access *access, const char *text)
{
	union ds_address net = {.family = AF_UNSPEC};
	uint8_t bits = 0;
	bool allow = strncmp(text, "allow", 5) == 0, all;

	text += allow ? 5 : 4;
	all = strncmp(text, " all", 4) == 0;
	text += all ? 4 : 0;
	if (*text != '\0')
		assert_true(ds_access_parse(text + 1, &net, &bits));
	assert_true(ds_access_add(access, &net, bits, allow, all));
}

static void test_parse_good(void **state)
{
	static const struct {
		const char *text, *as;
	} good[] = {
		{"192.0.2.1", "192.0.2.1/32"},
		{"192.0.2", "192.0.2.0/24"},
		{"192.0", "192.0.0.0/16"},
		{"10", "10.0.0.0/8"},
		{"192.0.2.77/24", "192.0.2.0/24"},
		{"192.0.2.77/25", "192.0.2.0/25"},
		{"192.0.2.129/25", "192.0.2.128/25"},
		{"0/0", "0.0.0.0/0"},
		{"10/9", "10.0.0.0/9"},
		{"::/0", "::/0"},
		{"2001:db8::/32", "2001:db8::/32"},
		{"2001:db8:ffff::1/33", "2001:db8:8000::/33"},
		{"2001:db8::1", "2001:db8::1/128"},
		{"::ffff:192.0.2.77/120", "192.0.2.0/24"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct ds_access access = {.count = 0};
		union ds_address net;
		uint8_t bits;
		char text[DS_ACCESS_TEXT];
		assert_true(ds_access_parse(good[i].text, &net, &bits));
		assert_true(ds_access_add(&access, &net, bits, true, false));
		assert_int_equal(access.count, 1);
		assert_string_equal(ds_access_rule_text(&access.rules[0], text), good[i].as);
	}
}

static void test_parse_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"/8",
		"1.2.3.4.5",
		"256",
		"1.2.3.256",
		"1..2",
		"1.2.",
		".1",
		"1.2.3.4/33",
		"1.2.3.4/",
		"1.2.3.4/-1",
		"1.2.3.4/8x",
		"1.2.3.4/0008",
		"::/129",
		"::1::",
		"host",
		"all/8",
		"fe80::1%eth0",
		"1.2.3.4 ",
		"0001.2",
		"+1.2.3.4",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/1"};
	union ds_address net;
	uint8_t bits;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&net, 1, sizeof(net));
		bits = 1;
		assert_false(ds_access_parse(bad[i], &net, &bits));
		assert_int_equal(net.family, AF_UNSPEC);
		assert_int_equal(bits, 0);
	}
	assert_true(ds_access_parse("ALL", &net, &bits));
	assert_int_equal(net.family, AF_UNSPEC);
}

static void test_default_refuses(void **state)
{
	struct ds_access access = {.count = 0};
	union ds_address none = {.family = AF_UNSPEC}, local = {.family = AF_UNIX};

	(void)state;
	assert_false(allowed(&access, "127.0.0.1"));
	assert_false(allowed(&access, "::1"));
	assert_false(ds_access_any(&access));
	rule(&access, "deny");
	assert_false(ds_access_any(&access));
	rule(&access, "allow 10");
	assert_true(ds_access_any(&access));
	rule(&access, "allow");
	assert_false(ds_access_allowed(&access, &none));
	assert_false(ds_access_allowed(&access, &local));
}

/* The order does not matter where subnets differ. */
static void test_most_specific(void **state)
{
	static const char *const rules[] = {"allow 1.2.3.4", "deny 1.2.3.0/24", "allow 1.2.0.0/16"};
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					 {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct ds_access access = {.count = 0};
		for (size_t j = 0; j < 3; j++)
			rule(&access, rules[orders[i][j]]);
		assert_true(allowed(&access, "1.2.3.4"));
		assert_false(allowed(&access, "1.2.3.3"));
		assert_false(allowed(&access, "1.2.3.5"));
		assert_true(allowed(&access, "1.2.4.4"));
		assert_true(allowed(&access, "1.2.2.255"));
		assert_false(allowed(&access, "1.3.0.0"));
		assert_false(allowed(&access, "1.1.255.255"));
	}
}

static void test_all_erases(void **state)
{
	struct ds_access access = {.count = 0};

	(void)state;
	rule(&access, "allow 1.2.3.4");
	rule(&access, "deny 1.2.3.0/24");
	rule(&access, "deny 1.3.0.0/16");
	rule(&access, "allow 2001:db8::/32");
	rule(&access, "allow all 1.2.0.0/16");
	assert_true(allowed(&access, "1.2.3.5"));
	assert_false(allowed(&access, "1.3.0.1"));
	assert_int_equal(access.count, 3);
	rule(&access, "deny all");
	assert_int_equal(access.count, 2);
	assert_false(allowed(&access, "1.2.3.4"));
	assert_false(allowed(&access, "2001:db8::1"));
	assert_false(ds_access_any(&access));
}

static void test_last_of_equals(void **state)
{
	struct ds_access access = {.count = 0};

	(void)state;
	rule(&access, "allow 192.0.2.0/24");
	rule(&access, "deny 192.0.2.99/24");
	assert_int_equal(access.count, 1);
	assert_false(allowed(&access, "192.0.2.1"));
	rule(&access, "allow 192.0.2");
	assert_true(allowed(&access, "192.0.2.1"));
}

static void test_families(void **state)
{
	struct ds_access access = {.count = 0};

	(void)state;
	rule(&access, "allow 0/0");
	assert_true(allowed(&access, "203.0.113.9"));
	assert_true(allowed(&access, "::ffff:203.0.113.9"));
	assert_false(allowed(&access, "::1"));
	rule(&access, "allow 2001:db8:0:8000::/49");
	assert_true(allowed(&access, "2001:db8:0:ffff::1"));
	assert_false(allowed(&access, "2001:db8:0:7fff::1"));
	rule(&access, "deny 2001:db8:0:ffff::1");
	assert_false(allowed(&access, "2001:db8:0:ffff::1"));
	assert_true(allowed(&access, "2001:db8:0:ffff::2"));
}

static void test_wrong_bits(void **state)
{
	struct ds_access access = {.count = 0};
	union ds_address v4 = host("192.0.2.1"), v6 = host("::1"), none = {.family = AF_UNSPEC};

	(void)state;
	assert_false(ds_access_add(&access, &v4, 33, true, false));
	assert_false(ds_access_add(&access, &v6, 129, true, false));
	assert_false(ds_access_add(&access, &none, 1, true, false));
	assert_int_equal(access.count, 0);
}

static void test_full(void **state)
{
	static struct ds_access access, before;
	union ds_address net = host("10.0.0.0"), other = host("192.0.2.1"),
			 none = {.family = AF_UNSPEC};

	(void)state;
	memset(&access, 0, sizeof(access));
	for (uint32_t i = 0; i < DS_ACCESS_RULES - 1; i++) {
		net.in.sin_addr.s_addr = htonl(0x0a000000U + 256U * i);
		assert_true(ds_access_add(&access, &net, 24, true, false));
	}
	before = access;
	assert_false(ds_access_add(&access, &none, 0, true, false)); /* two rules, one place */
	assert_memory_equal(&access, &before, sizeof(access));
	assert_true(ds_access_add(&access, &other, 32, true, false));
	before = access;
	other = host("192.0.2.2");
	assert_false(ds_access_add(&access, &other, 32, true, false));
	assert_memory_equal(&access, &before, sizeof(access));
	assert_true(ds_access_add(&access, &net, 24, false, false)); /* replaces */
	assert_true(ds_access_add(&access, &none, 0, true, true));   /* erases */
	assert_int_equal(access.count, 2);
}

/* The model: rules as given, in order; each lookup looks at all of them. */
struct model_rule {
	union ds_address net;
	uint8_t bits;
	bool allow, live;
};

static uint32_t random_state = 1;

static uint32_t draw(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % limit;
}

static bool bit(const union ds_address *a, unsigned i)
{
	const uint8_t *bytes = a->family == AF_INET ? (const uint8_t *)&a->in.sin_addr
						    : (const uint8_t *)&a->in6.sin6_addr;
	return bytes[i / 8] >> (7 - i % 8) & 1;
}

static bool inside(const union ds_address *net, unsigned bits, const union ds_address *who)
{
	if (net->family != who->family)
		return false;
	for (unsigned i = 0; i < bits; i++)
		if (bit(net, i) != bit(who, i))
			return false;
	return true;
}

static bool model_allowed(const struct model_rule *rules, size_t count, const union ds_address *who)
{
	int best = -1;
	bool allow = false;

	for (size_t i = 0; i < count; i++)
		if (rules[i].live && inside(&rules[i].net, rules[i].bits, who) &&
		    rules[i].bits >= best) {
			best = rules[i].bits;
			allow = rules[i].allow;
		}
	return allow;
}

/* Addresses whose bits are mostly alike, so that rules nest and meet. */
static union ds_address random_address(void)
{
	union ds_address a;
	uint8_t *bytes;
	size_t length = draw(2) ? 4 : 16;

	memset(&a, 0, sizeof(a));
	a.family = length == 4 ? AF_INET : AF_INET6;
	bytes = length == 4 ? (uint8_t *)&a.in.sin_addr : (uint8_t *)&a.in6.sin6_addr;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(draw(3) ? 0xa5 : 0xa5U ^ 1U << draw(8));
	return a;
}

static void test_against_model(void **state)
{
	static struct model_rule rules[60];
	unsigned yes = 0, no = 0;

	(void)state;
	for (unsigned round = 0; round < 400; round++) {
		struct ds_access access = {.count = 0};
		size_t count = 1 + draw(60);
		for (size_t i = 0; i < count; i++) {
			struct model_rule *r = &rules[i];
			r->net = random_address();
			r->bits = (uint8_t)draw(r->net.family == AF_INET ? 33 : 129);
			r->allow = draw(2);
			r->live = true;
			bool all = draw(12) == 0;
			for (size_t j = 0; all && j < i; j++)
				if (rules[j].bits >= r->bits &&
				    inside(&r->net, r->bits, &rules[j].net))
					rules[j].live = false;
			assert_true(ds_access_add(&access, &r->net, r->bits, r->allow, all));
		}
		for (unsigned i = 0; i < 300; i++) {
			union ds_address who =
				draw(4) ? random_address() : rules[draw((uint32_t)count)].net;
			bool expected = model_allowed(rules, count, &who);
			assert_int_equal(ds_access_allowed(&access, &who), expected);
			yes += expected;
			no += !expected;
		}
	}
	assert_true(yes > 10000 && no > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_good),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_default_refuses),
		cmocka_unit_test(test_most_specific),
		cmocka_unit_test(test_all_erases),
		cmocka_unit_test(test_last_of_equals),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_wrong_bits),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_against_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
