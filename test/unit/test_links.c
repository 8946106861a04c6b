/*
 * Tests of os/links: messages as the kernel writes them, and as it never would; and what the real
 * one says of a network namespace of this test's own.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "os/links.h"

static bool alone;
static uint8_t message[1024];
static size_t length;

static void begin(int index, unsigned flags)
{
	const struct nlmsghdr header = {.nlmsg_type = RTM_NEWLINK};
	const struct ifinfomsg info = {.ifi_index = index, .ifi_flags = flags};

	memset(message, 0, sizeof message);
	memcpy(message, &header, sizeof header);
	memcpy(message + NLMSG_HDRLEN, &info, sizeof info);
	length = NLMSG_LENGTH(sizeof info);
}

static size_t put(unsigned short type, const void *data, size_t size)
{
	const struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(size),
					 .rta_type = type};
	const size_t at = length;

	memcpy(message + at, &attribute, sizeof attribute);
	if (size > 0)
		memcpy(message + at + sizeof attribute, data, size);
	length += (size_t)RTA_SPACE(size);
	return at;
}

static void put_number(unsigned short type, int number)
{
	put(type, &number, sizeof number);
}

static void end_nest(size_t at)
{
	const unsigned short size = (unsigned short)(length - at);

	memcpy(message + at, &size, sizeof size);
}

static bool take(struct ds_link *link)
{
	const uint32_t size = (uint32_t)length;

	memcpy(message, &size, sizeof size);
	return ds_links_read(message, length, link);
}

static void put_bond(const char *mode)
{
	size_t info, data;

	begin(9, IFF_UP);
	put(IFLA_IFNAME, "bond0", 6);
	put_number(IFLA_MASTER, 12);
	info = put(IFLA_LINKINFO | NLA_F_NESTED, NULL, 0);
	put(IFLA_INFO_KIND, "bond", 5);
	data = put(IFLA_INFO_DATA | NLA_F_NESTED, NULL, 0);
	put(IFLA_BOND_MODE, mode, 1);
	put_number(IFLA_BOND_ACTIVE_SLAVE, 4);
	end_nest(data);
	end_nest(info);
}

static void test_a_bond(void **state)
{
	struct ds_link link;

	(void)state;
	put_bond("\1");
	assert_true(take(&link));
	assert_int_equal(link.index, 9);
	assert_string_equal(link.name, "bond0");
	assert_string_equal(link.kind, "bond");
	assert_int_equal(link.active, 4);
	assert_int_equal(link.master, 12);
	assert_int_equal(link.lower, 0);
	assert_true(link.is_up);
	assert_false(link.is_loopback);
	assert_false(link.all_send);
	put_bond("\4"); /* 802.3ad */
	assert_true(take(&link));
	assert_true(link.all_send);
}

static void test_a_vlan_and_where_it_stands(void **state)
{
	struct ds_link link;
	size_t info;

	(void)state;
	for (int order = 0; order < 4; order++) {
		begin(5, 0);
		put(IFLA_IFNAME, "hw0.7", 6);
		if (order == 1)
			put_number(IFLA_LINK_NETNSID, 0);
		put_number(IFLA_LINK, order == 3 ? 5 : 2);
		if (order == 2)
			put_number(IFLA_LINK_NETNSID, 0);
		info = put(IFLA_LINKINFO, NULL, 0);
		put(IFLA_INFO_KIND, "vlan", 5);
		end_nest(info);
		assert_true(take(&link));
		/* not with a number of another namespace, nor on itself */
		assert_int_equal(link.lower, order == 0 ? 2 : 0);
		assert_string_equal(link.kind, "vlan");
		assert_false(link.is_up);
	}
}

static void test_what_no_kernel_writes(void **state)
{
	struct ds_link link;
	uint8_t whole[sizeof message];
	size_t whole_length;

	(void)state;
	put_bond("\1");
	assert_true(take(&link));
	whole_length = length;
	memcpy(whole, message, whole_length);
	/* cut off at every place: in memory of just that size, which the sanitizer watches */
	for (size_t cut = 0; cut < whole_length; cut++) {
		uint8_t *copy = malloc(cut > 0 ? cut : 1);

		assert_non_null(copy);
		memcpy(copy, whole, cut);
		assert_false(ds_links_read(copy, cut, &link));
		if (cut >= NLMSG_HDRLEN) {
			const uint32_t size = (uint32_t)cut;

			memcpy(copy, &size, sizeof size);
			(void)ds_links_read(copy, cut, &link);
		}
		free(copy);
	}
	/* any byte another: never beyond the end, and names end */
	for (size_t at = NLMSG_HDRLEN; at < whole_length; at++)
		for (int flip = 1; flip < 256; flip += 3) {
			memcpy(message, whole, whole_length);
			message[at] = (uint8_t)(message[at] ^ flip);
			if (!ds_links_read(message, whole_length, &link))
				continue;
			assert_in_range(strnlen(link.name, sizeof link.name), 1, 15);
			assert_in_range(strnlen(link.kind, sizeof link.kind), 0, 15);
			assert_true(link.index > 0 && link.lower >= 0 && link.active >= 0);
		}
	begin(0, 0);
	put(IFLA_IFNAME, "x", 2);
	assert_false(take(&link)); /* no index */
	begin(3, 0);
	assert_false(take(&link)); /* no name */
}

static void test_a_namespace(void **state)
{
	struct ds_link links[8];
	int p = -1, q = -1, bridge = -1, n;

	(void)state;
	if (!alone)
		skip();
	n = ds_links_list(links, 8);
	assert_in_range(n, 4, 8);
	for (int i = 0; i < n; i++) {
		assert_true(i == 0 || links[i].index > links[i - 1].index);
		if (strcmp(links[i].name, "p") == 0)
			p = i;
		else if (strcmp(links[i].name, "q") == 0)
			q = i;
		else if (strcmp(links[i].name, "bridge") == 0)
			bridge = i;
		else if (strcmp(links[i].name, "lo") == 0)
			assert_true(links[i].is_loopback);
	}
	assert_true(p >= 0 && q >= 0 && bridge >= 0);
	assert_string_equal(links[p].kind, "veth");
	assert_string_equal(links[bridge].kind, "bridge");
	assert_int_equal(links[p].master, links[bridge].index);
	assert_int_equal(links[q].master, 0);
	assert_true(links[p].is_up);
	assert_false(links[q].is_up);
	assert_int_equal(ds_links_list(links, 2), 2);
}

static bool make_links(void)
{
	return system("ip link add p type veth peer name q && ip link add bridge type bridge &&"
		      " ip link set p master bridge up") == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bond),
		cmocka_unit_test(test_a_vlan_and_where_it_stands),
		cmocka_unit_test(test_what_no_kernel_writes),
		cmocka_unit_test(test_a_namespace),
	};

	alone = (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
		make_links();
	return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
