/*
 * route: what the kernel says of routes in a network namespace of this test's own.
 * It must never look at the routes of the machine, nor change them: without a namespace the tests
 * that need one are skipped.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <unistd.h>

#include "os/route.h"

static bool alone; /* in a namespace with two links, one and two */
static struct ds_route route;

static bool make_links(void)
{
	static const char *const commands[] = {
		"link set lo up",
		"link add one type veth peer name oneend",
		"link add two type veth peer name twoend",
		"link set one up",
		"link set oneend up",
		"link set two up",
		"link set twoend up",
		"addr add 10.1.0.1/24 dev one",
		"addr add 10.2.0.1/24 dev two",
		"addr add fd00:1::1/64 dev one nodad",
		"addr add fd00:2::1/64 dev two nodad",
		"route add 192.0.2.0/24 via 10.2.0.9",
		"route add 198.51.100.0/24 nexthop via 10.1.0.9 nexthop via 10.2.0.9",
		"route add blackhole 203.0.113.0/24",
		"route add 2001:db8::/32 via fd00:2::9",
		"route add 192.0.2.128/25 via 10.1.0.9 table 100",
		"rule add from 10.1.0.1 table 100",
		"route add 192.0.2.64/26 via 10.1.0.9 table 101",
		"rule add ipproto udp dport 1123 table 101",
		"route add 192.0.2.32/27 via 10.1.0.9 table 102",
		"rule add ipproto udp sport 2123 table 102",
	};
	char line[128];

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		snprintf(line, sizeof(line), "ip %s >/dev/null 2>&1", commands[i]);
		if (system(line) != 0) {
			print_message("# ip %s: failed\n", commands[i]);
			return false;
		}
	}
	/* The kernel gives IPv6 addresses their own routes a moment after, from a work queue. */
	return system("for i in $(seq 50); do"
		      "  [ $(ip -6 route show table local | grep -c 'local fd00:[12]::1 ') = 2 ] && exit;"
		      "  sleep 0.1;"
		      "done; exit 1") == 0;
}

/* The interface towards a host, from an address ("" for none) and port. */
static int towards(const char *remote, uint16_t port, const char *local, uint16_t local_port)
{
	union ds_address to, from;

	assert_true(ds_address_parse(remote, port, &to));
	if (!ds_address_parse(local, local_port, &from))
		memset(&from, 0, sizeof(from));
	return ds_route_interface(&route, &to, &from);
}

static void needs_links(void)
{
	if (!alone)
		skip();
}

static void test_the_interface_of_a_route(void **state)
{
	const int one = (int)if_nametoindex("one"), two = (int)if_nametoindex("two");

	(void)state;
	needs_links();
	assert_true(one > 0 && two > 0 && one != two);
	assert_int_equal(towards("10.1.0.7", 123, "10.1.0.1", 40000), one);
	assert_int_equal(towards("10.2.0.7", 123, "10.2.0.1", 40000), two);
	assert_int_equal(towards("10.2.0.7", 123, "", 0), two);
	assert_int_equal(towards("10.2.0.7", 0, "0.0.0.0", 0), two);
	assert_int_equal(towards("192.0.2.7", 123, "10.2.0.1", 40000), two);
	assert_int_equal(towards("fd00:1::7", 123, "fd00:1::1", 40000), one);
	assert_int_equal(towards("fd00:2::7", 123, "::", 0), two);
	assert_int_equal(towards("2001:db8::1", 123, "fd00:2::1", 40000), two);
}

static void test_rules_are_obeyed(void **state)
{
	const int one = (int)if_nametoindex("one"), two = (int)if_nametoindex("two");

	(void)state;
	needs_links();
	assert_int_equal(towards("192.0.2.130", 123, "10.2.0.1", 40000), two);
	assert_int_equal(towards("192.0.2.130", 123, "10.1.0.1", 40000), one);
	assert_int_equal(towards("192.0.2.66", 123, "", 0), two);
	assert_int_equal(towards("192.0.2.66", 1123, "", 0), one);
	assert_int_equal(towards("192.0.2.34", 123, "10.2.0.1", 40000), two);
	assert_int_equal(towards("192.0.2.34", 123, "10.2.0.1", 2123), one);
}

static void test_where_there_is_no_single_answer(void **state)
{
	(void)state;
	needs_links();
	assert_int_equal(towards("127.0.0.1", 123, "127.0.0.1", 40000), 0); /* this host */
	assert_int_equal(towards("10.1.0.1", 123, "10.1.0.1", 40000), 0);
	assert_int_equal(towards("::1", 123, "::1", 40000), 0);
	assert_int_equal(towards("fd00:1::1", 123, "", 0), 0);
	assert_int_equal(towards("198.51.100.1", 123, "", 0), 0); /* two next hops */
	assert_int_equal(towards("203.0.113.1", 123, "", 0), 0);  /* a black hole */
	assert_int_equal(towards("8.8.8.8", 123, "", 0), 0);	  /* no route */
	assert_int_equal(towards("2001:db9::1", 123, "", 0), 0);
}

/* An answer to a question that was given up lies there. */
static void test_answers_to_other_questions(void **state)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
	} dump = {.header = {.nlmsg_len = sizeof(dump),
			     .nlmsg_type = RTM_GETROUTE,
			     .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			     .nlmsg_seq = 12345},
		  .route = {.rtm_family = AF_INET}};

	(void)state;
	needs_links();
	assert_int_equal(send(route.fd, &dump, sizeof(dump), 0), sizeof(dump));
	(void)towards("10.2.0.7", 123, "", 0);
	assert_int_equal(towards("10.1.0.7", 123, "", 0), (int)if_nametoindex("one"));
	assert_int_equal(towards("10.2.0.7", 123, "", 0), (int)if_nametoindex("two"));
}

static void test_a_socket(void **state)
{
	union ds_address remote, local;
	struct ds_socket s;
	char why[DS_WHY];

	(void)state;
	needs_links();
	assert_true(ds_address_parse("192.0.2.7", 123, &remote));
	assert_int_equal(ds_socket_open_client(&s, &remote, NULL, NULL, why), 0);
	assert_true(ds_socket_local(&s, &local));
	assert_int_equal(ds_route_of_socket(&route, &s, &remote, &local),
			 (int)if_nametoindex("two"));
	ds_socket_close(&s);
	/* bound: the kernel looks after it */
	assert_int_equal(ds_socket_open_client(&s, &remote, NULL, "two", why), 0);
	assert_int_equal(ds_route_of_socket(&route, &s, &remote, &local), 0);
	ds_socket_close(&s);
}

static void test_closed_and_other_families(void **state)
{
	struct ds_route closed = {.fd = -1};
	union ds_address to, none = {.family = AF_UNSPEC};

	(void)state;
	assert_true(ds_address_parse("192.0.2.1", 123, &to));
	assert_int_equal(ds_route_interface(&closed, &to, &none), 0);
	assert_int_equal(ds_route_interface(&route, &none, &to), 0);
	ds_route_close(&closed);
	assert_int_equal(closed.fd, -1);
}

static void test_our_addresses(void **state)
{
	union ds_address list[8], expected;
	int found = 0;
	int n;

	(void)state;
	if (!alone)
		skip();
	n = ds_route_addresses(&route, list, 8);
	assert_in_range(n, 4, 8);
	for (int i = 0; i < n; i++) {
		assert_false(ds_address_is_loopback(&list[i]));
		assert_true(ds_address_parse("10.2.0.1", 0, &expected));
		found += ds_address_equal(&list[i], &expected);
		assert_true(ds_address_parse("fd00:1::1", 0, &expected));
		found += ds_address_equal(&list[i], &expected);
	}
	assert_int_equal(found, 2);
	assert_int_equal(ds_route_addresses(&route, list, 1), 1);
	assert_int_equal(ds_route_addresses(&(struct ds_route){.fd = -1}, list, 8), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_interface_of_a_route),
		cmocka_unit_test(test_rules_are_obeyed),
		cmocka_unit_test(test_where_there_is_no_single_answer),
		cmocka_unit_test(test_answers_to_other_questions),
		cmocka_unit_test(test_a_socket),
		cmocka_unit_test(test_closed_and_other_families),
		cmocka_unit_test(test_our_addresses),
	};
	int failed;

	alone = (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
		make_links();
	if (ds_route_open(&route) != 0)
		print_message("# no netlink: %s\n", strerror(errno));
	failed = cmocka_run_group_tests_name("route", tests, NULL, NULL);
	ds_route_close(&route);
	return failed;
}
