/*
 * Tests of tool/lab_plan: defaults, hosts and their kinds, conditions of links, and sentences for
 * words that are wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tool/lab_plan.h"

static struct ds_lab_words words;
static struct ds_lab_plan plan;
static char why[DS_LAB_WHY];

static int begin(void **state)
{
	(void)state;
	ds_lab_words_init(&words);
	plan = (struct ds_lab_plan){0};
	why[0] = '\0';
	return 0;
}

static void add(struct ds_option_list *list, const char *text)
{
	list->text[list->count++] = text;
}

static bool make(void)
{
	return ds_lab_plan_make(&plan, &words, why);
}

static void refused(const char *part)
{
	assert_false(make());
	if (!strstr(why, part))
		fail_msg("'%s' is not in '%s'", part, why);
}

static void test_defaults(void **state)
{
	static const char *const names[] = {"old1", "old2", "new1", "new2"};

	(void)state;
	assert_true(make());
	assert_int_equal(plan.rig, DS_LAB_RIG_NETNS);
	assert_int_equal(plan.hosts, 4);
	for (int i = 0; i < 4; i++) {
		assert_string_equal(plan.host[i].name, names[i]);
		assert_string_equal(plan.host[i].kind, i < 2 ? "chrony" : "drivestamp");
		assert_int_equal(plan.host[i].is_new, i >= 2);
		assert_int_equal(plan.host[i].load, DS_LAB_LOAD_NONE);
	}
	assert_int_equal(plan.modes, (1 << (DS_LAB_PTP + 1)) - 1);
	assert_int_equal(plan.poll_log2, -4);
	/* at least 500 samples a pair, in less than three minutes */
	assert_true(plan.repeats * (plan.seconds - 1) * 16 >= 500);
	assert_true(plan.repeats * (plan.seconds + plan.warmup_seconds) < 150);
	assert_false(plan.keep);
}

static void test_hosts(void **state)
{
	(void)state;
	words.hosts = 3;
	words.new_kind = "drivestamp@v0.1";
	add(&words.host, "old2=ntpsec=/opt/ntpd");
	add(&words.host, "extra=drivestamp@v0.1");
	add(&words.host, "new1=drivestamp=/opt/drivestampd");
	assert_true(make());
	assert_true(plan.host[2].is_new); /* whatever it runs */
	assert_false(plan.host[1].is_new);
	assert_int_equal(plan.hosts, 4);
	assert_string_equal(plan.host[1].kind, "ntpsec=/opt/ntpd");
	assert_string_equal(plan.host[2].name, "new1");
	assert_string_equal(plan.host[3].name, "extra");
	assert_true(plan.host[3].is_new);
}

/* The same kind on both sides: sides are told by their names. */
static void test_same_kind(void **state)
{
	(void)state;
	words.old_kind = "drivestamp";
	assert_true(make());
	assert_false(plan.host[0].is_new);
	assert_true(plan.host[2].is_new);
}

static void test_wrong_hosts(void **state)
{
	(void)state;
	add(&words.host, "chrony");
	refused("'chrony' is not NAME=KIND");
	begin(state);
	add(&words.host, "../x=chrony");
	refused("not NAME=KIND");
	begin(state);
	add(&words.host, "old1=");
	refused("kind of daemon");
	begin(state);
	words.hosts = 8;
	add(&words.host, "more=chrony");
	refused("more than 8");
}

static void test_modes(void **state)
{
	(void)state;
	words.modes = "basic, xleave,ptp";
	assert_true(make());
	assert_int_equal(plan.modes, 1 << DS_LAB_BASIC | 1 << DS_LAB_XLEAVE | 1 << DS_LAB_PTP);
	begin(state);
	words.modes = "basic,xlaeve";
	refused("--modes: no mode is called 'xlaeve'; the nearest is 'xleave'");
	begin(state);
	words.modes = ",";
	refused("no mode");
}

static void test_load(void **state)
{
	(void)state;
	words.load = "both";
	assert_true(make());
	assert_int_equal(plan.host[0].load, DS_LAB_LOAD_CPU | DS_LAB_LOAD_NET);
	assert_int_equal(plan.host[1].load, DS_LAB_LOAD_NONE);
	assert_true(plan.alternation_seconds > 0);
	assert_true(plan.seconds >= 2 * plan.alternation_seconds);
	begin(state);
	words.load = "cpu";
	add(&words.load_on, "new2");
	assert_true(make());
	assert_int_equal(plan.host[0].load, DS_LAB_LOAD_NONE);
	assert_int_equal(plan.host[3].load, DS_LAB_LOAD_CPU);
	begin(state);
	words.load = "cup";
	refused("the nearest is 'cpu'");
	begin(state);
	words.load = "cpu";
	add(&words.load_on, "new3");
	refused("--load-on: no host is called 'new3'; the nearest is 'new");
	begin(state);
	add(&words.load_on, "new1");
	refused("no load");
	begin(state);
	words.load = "cpu";
	words.alternation = 3;
	refused("--alternation");
	begin(state);
	words.load = "cpu";
	words.seconds = 10;
	refused("--duration");
	begin(state);
	words.alternation = 10;
	refused("no load to alternate");
}

static void test_links(void **state)
{
	(void)state;
	add(&words.delay, "100");
	add(&words.delay, "new1=250");
	add(&words.asymmetry, "new2=40");
	add(&words.jitter, "5.5");
	add(&words.loss, "old1=1.5");
	assert_true(make());
	assert_float_equal(plan.link[0].out_delay_us, 100, 0);
	assert_float_equal(plan.link[0].in_delay_us, 100, 0);
	assert_float_equal(plan.link[2].out_delay_us, 250, 0);
	assert_float_equal(plan.link[3].out_delay_us, 140, 0);
	assert_float_equal(plan.link[3].in_delay_us, 100, 0);
	assert_float_equal(plan.link[1].jitter_us, 5.5, 0);
	assert_float_equal(plan.link[0].loss_percent, 1.5, 0);
	assert_float_equal(plan.link[1].loss_percent, 0, 0);
}

static void test_wrong_links(void **state)
{
	(void)state;
	add(&words.delay, "old1=fast");
	refused("--delay: 'fast' is not a number");
	begin(state);
	add(&words.loss, "91");
	refused("--loss: '91' is not a number from 0 to 90");
	begin(state);
	add(&words.jitter, "nwe1=3");
	refused("--jitter: no host is called 'nwe1'; the nearest is 'new1'");
	begin(state);
	add(&words.asymmetry, "40");
	refused("--asymmetry: of which host?");
	begin(state);
	add(&words.delay, "nan");
	refused("is not a number");
}

static void test_stamps(void **state)
{
	const unsigned cards = 1U << DS_LAB_BASIC_HARDWARE | 1U << DS_LAB_XLEAVE_HARDWARE;
	const unsigned kernels = 1U << DS_LAB_BASIC | 1U << DS_LAB_XLEAVE;

	(void)state;
	words.rig = "uml";
	assert_true(make());
	assert_int_equal(plan.rig, DS_LAB_RIG_UML);
	assert_int_equal(plan.modes, kernels | cards);
	assert_int_equal(plan.poll_log2, -2);
	begin(state);
	words.rig = "uml";
	words.stamps = "hardware";
	assert_true(make());
	assert_int_equal(plan.modes, cards);
	begin(state);
	words.rig = "uml";
	words.modes = "xleave,symmetric";
	words.stamps = "kernel, hardware";
	assert_true(make());
	assert_int_equal(plan.modes, 1U << DS_LAB_XLEAVE | 1U << DS_LAB_XLEAVE_HARDWARE |
					     1U << DS_LAB_SYMMETRIC);
	begin(state);
	words.rig = "uml";
	words.stamps = "hardwear";
	refused("--stamps: no stamps is called 'hardwear'; the nearest is 'hardware'");
	begin(state);
	words.rig = "uml";
	words.modes = "symmetric,ptp";
	words.stamps = "kernel,hardware";
	refused("--stamps: hardware: in the modes basic and xleave only");
	begin(state);
	words.rig = "uml";
	words.stamps = ", ";
	refused("--stamps: whose?");
	begin(state);
	words.rig = "uml";
	add(&words.delay, "10");
	refused("--delay: only with --rig netns");
	begin(state);
	words.stamps = "hardware";
	refused("stamps of a card: only with --rig uml or --rig remote");
	begin(state);
	words.modes = "xleave-hardware";
	refused("stamps of a card");
}

static void test_rigs(void **state)
{
	(void)state;
	words.loopback = true;
	assert_true(make());
	assert_int_equal(plan.rig, DS_LAB_RIG_LOOPBACK);
	begin(state);
	words.rig = "netsn";
	refused("the nearest is 'netns'");
	begin(state);
	words.rig = "remote";
	refused("lab.conf");
	begin(state);
	words.loopback = true;
	words.rig = "netns";
	refused("--loopback");
}

/* As lab.conf says; the command line fills in the kinds. */
static void test_remote(void **state)
{
	(void)state;
	words.rig = "remote";
	plan.rig = DS_LAB_RIG_REMOTE;
	plan.hosts = 2;
	strcpy(plan.host[0].name, "a");
	strcpy(plan.host[0].kind, "ntpsec");
	strcpy(plan.host[1].name, "b");
	plan.host[1].is_new = true;
	words.load = "cpu";
	assert_true(make());
	assert_string_equal(plan.host[0].kind, "ntpsec");
	assert_string_equal(plan.host[1].kind, "drivestamp");
	assert_true(plan.host[1].is_new);
	assert_int_equal(plan.host[1].load, DS_LAB_LOAD_CPU);
	add(&words.host, "c=chrony");
	plan.host[0].load = plan.host[1].load = 0;
	refused("no host is called 'c'");
}

static void test_times(void **state)
{
	(void)state;
	words.poll_log2 = 4;
	refused("--poll");
	begin(state);
	words.poll_log2 = 2;
	words.seconds = 60;
	words.repeats = 2;
	words.keep = "/some/where";
	assert_true(make());
	assert_int_equal(plan.seconds, 60);
	assert_true(plan.keep);
	assert_string_equal(plan.directory, "/some/where");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_defaults, begin),
		cmocka_unit_test_setup(test_hosts, begin),
		cmocka_unit_test_setup(test_same_kind, begin),
		cmocka_unit_test_setup(test_wrong_hosts, begin),
		cmocka_unit_test_setup(test_modes, begin),
		cmocka_unit_test_setup(test_load, begin),
		cmocka_unit_test_setup(test_links, begin),
		cmocka_unit_test_setup(test_wrong_links, begin),
		cmocka_unit_test_setup(test_stamps, begin),
		cmocka_unit_test_setup(test_rigs, begin),
		cmocka_unit_test_setup(test_remote, begin),
		cmocka_unit_test_setup(test_times, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
