/*
 * Tests of os/card: in a network namespace of this test's own, of what every kernel has there;
 * what a card really does when it is set is tested on the bed (test/bed/card.sh).
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
#include <unistd.h>

#include <cmocka.h>

#include "os/card.h"

static bool alone;	 /* in a namespace with p, q, bridge, and on q whatever this kernel has: */
static bool has_macvlan; /* over */

static void needs_links(void)
{
	if (!alone)
		skip();
}

static void test_no_such_interface(void **state)
{
	struct ds_card card;
	char why[DS_WHY];

	(void)state;
	assert_int_equal(ds_card_look("nowhere", &card, why), -ENODEV);
	assert_string_equal(why, "nowhere: no such interface");
	assert_int_equal(ds_card_look("a-name-far-too-long-for-one", &card, why), -ENODEV);
	assert_int_equal(ds_card_look("", &card, why), -ENODEV);
}

static void test_a_link_without_a_card(void **state)
{
	struct ds_card card;
	struct ds_card_setting setting;
	enum ds_card_filter got;
	char why[DS_WHY];

	(void)state;
	needs_links();
	assert_int_equal(ds_card_look("p", &card, why), 0);
	assert_string_equal(card.interface, "p");
	assert_string_equal(card.stamper, "p");
	assert_int_equal(card.stamper_index, card.index);
	assert_string_equal(card.driver, "veth");
	assert_int_equal(card.kind, DS_CARD_PLAIN);
	assert_true(card.rx_software);
	assert_false(card.tx_hardware || card.rx_hardware);
	assert_int_equal(card.phc_index, -1);
	assert_int_equal(card.vclocks, 0);
	assert_int_equal(card.speed_mbps, 10000);
	assert_string_equal(card.note, "");
	assert_int_equal(ds_card_best_filter(&card, true), DS_CARD_FILTER_NONE);
	assert_int_equal(ds_card_setting(&card, &setting), -EOPNOTSUPP);
	assert_int_equal(ds_card_configure(&card, DS_CARD_FILTER_ALL, &got, why), -EOPNOTSUPP);
	assert_string_equal(why, "p (veth) refuses to stamp (transmit off, receive filter all): "
				 "Operation not supported");
}

/* Another interface with its name is not the card. */
static void test_one_that_is_renamed(void **state)
{
	struct ds_card_setting setting;
	struct ds_card card;
	char why[DS_WHY];

	(void)state;
	needs_links();
	assert_int_equal(system("ip link add here type dummy 2>/dev/null ||"
				" ip link add here type veth peer name away"),
			 0);
	assert_int_equal(ds_card_look("here", &card, why), 0);
	assert_int_equal(system("ip link set here name there"), 0);
	assert_int_equal(ds_card_setting(&card, &setting), -EOPNOTSUPP);
	assert_int_equal(system("ip link del there"), 0);
	assert_int_equal(ds_card_setting(&card, &setting), -ENODEV);
}

static void test_a_bridge_without_one(void **state)
{
	struct ds_card card;
	char why[DS_WHY];

	(void)state;
	needs_links();
	assert_int_equal(ds_card_look("bridge", &card, why), 0);
	assert_int_equal(card.kind, DS_CARD_BRIDGE);
	assert_string_equal(card.stamper, "bridge");
	assert_string_equal(card.note, "bridge has no port that stamps");
}

static void test_what_stands_on_another(void **state)
{
	struct ds_card card;
	char why[DS_WHY];

	(void)state;
	needs_links();
	if (!has_macvlan) {
		print_message("# this kernel has no macvlan\n");
		skip();
	}
	assert_int_equal(ds_card_look("over", &card, why), 0);
	assert_int_equal(card.kind, DS_CARD_VLAN);
	assert_string_equal(card.interface, "over");
	assert_string_equal(card.stamper, "q");
	assert_true(card.stamper_index > 0 && card.stamper_index != card.index);
	assert_string_equal(card.driver, "veth");
}

static void test_all_of_them(void **state)
{
	struct ds_card cards[8];
	int n, found = 0;

	(void)state;
	needs_links();
	n = ds_card_list(cards, 8);
	assert_in_range(n, 4, 8);
	for (int i = 0; i < n; i++) {
		assert_true(i == 0 || cards[i].index > cards[i - 1].index);
		found += strcmp(cards[i].interface, "p") == 0;
		found += strcmp(cards[i].interface, "bridge") == 0;
		if (strcmp(cards[i].interface, "lo") == 0)
			assert_int_equal(cards[i].kind, DS_CARD_LOOPBACK);
	}
	assert_int_equal(found, 2);
	assert_int_equal(ds_card_list(cards, 1), 1);
	assert_int_equal(ds_card_list(cards, 0), 0);
}

static void test_nothing_is_left_open(void **state)
{
	struct ds_card card;
	char why[DS_WHY];
	int before = dup(0), after;

	(void)state;
	close(before);
	needs_links();
	for (int i = 0; i < 10; i++)
		assert_int_equal(ds_card_look("p", &card, why), 0);
	after = dup(0);
	close(after);
	assert_int_equal(after, before);
}

static void test_the_best_filter(void **state)
{
	struct ds_card card = {.filters = {true, true, true, true}};

	(void)state;
	assert_int_equal(ds_card_best_filter(&card, false), DS_CARD_FILTER_NTP);
	card.filters[DS_CARD_FILTER_NTP] = false;
	assert_int_equal(ds_card_best_filter(&card, true), DS_CARD_FILTER_ALL);
	card.filters[DS_CARD_FILTER_ALL] = false;
	assert_int_equal(ds_card_best_filter(&card, true), DS_CARD_FILTER_PTP);
	assert_int_equal(ds_card_best_filter(&card, false), DS_CARD_FILTER_NONE);
	assert_string_equal(ds_card_filter_word(DS_CARD_FILTER_NTP), "ntp");
	assert_string_equal(ds_card_filter_word(DS_CARD_FILTER_NONE), "none");
}

static void test_the_trailer(void **state)
{
	(void)state;
	/* 90 bytes and 4 of check sequence: 752 bits */
	assert_int_equal(ds_card_trailer_ns(90, 1000), 752);
	assert_int_equal(ds_card_trailer_ns(90, 10), 75200);
	assert_int_equal(ds_card_trailer_ns(90, 100000), 7);
	assert_int_equal(ds_card_trailer_ns(0, 1000), 0);
	assert_int_equal(ds_card_trailer_ns(90, 0), 0);
	assert_true(ds_card_trailer_ns(UINT32_MAX, 1) > 0);
}

static bool make_links(void)
{
	if (system("ip link add p type veth peer name q && ip link add bridge type bridge &&"
		   " ip link set p master bridge up && ip link set q up") != 0)
		return false;
	has_macvlan = system("ip link add over link q type macvlan 2>/dev/null") == 0;
	return true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_such_interface),
		cmocka_unit_test(test_a_link_without_a_card),
		cmocka_unit_test(test_one_that_is_renamed),
		cmocka_unit_test(test_a_bridge_without_one),
		cmocka_unit_test(test_what_stands_on_another),
		cmocka_unit_test(test_all_of_them),
		cmocka_unit_test(test_nothing_is_left_open),
		cmocka_unit_test(test_the_best_filter),
		cmocka_unit_test(test_the_trailer),
	};

	alone = (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
		make_links();
	return cmocka_run_group_tests_name("card", tests, NULL, NULL);
}
