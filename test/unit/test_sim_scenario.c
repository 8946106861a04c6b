/* sim/scenario: what is read, and what is refused with file, line and cause. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/scenario.h"

static struct sim_scenario s;
static char why[SIM_WHY];

static bool parse(const char *text)
{
	why[0] = '\0';
	return sim_scenario_parse(&s, "dir/name.scn", text, why);
}

static void reads_all(void **state)
{
	(void)state;
	assert_true(parse("# comment\n"
			  "title Two words\n"
			  "duration 2h\nfigures from 10min\nsample 500ms\nsync 3us\n"
			  "begin 2036-02-07T06:00:00\n"
			  "leap insert 2036-02-07\n"
			  "variant a minpoll 6\nvariant b\ncheck a 2\n"
			  "host one\n"
			  "  clock perfect offset -50ms\n"
			  "  silent\n"
			  "  conf local stratum 1\n"
			  "host two\n"
			  "  clock offset 1s freq 5% wander 1e-9 white 2ppb flicker 1e-10 "
			  "aging 1ppb cycle 1ppm 1h 25% step 10ms\n"
			  "  stamps daemon noise 1us lost 50% late 3ms\n"
			  "  latency wake 20us send 5us\n"
			  "  rtc error 10ms\n"
			  "  conf server one $variant\n"
			  "link one two delay 1ms exp 10us pareto 1us 1.5 loss 10%\n"
			  "link one > two delay 2ms\n"
			  "at 5s every 10s link one two down\n"
			  "at 7s two step -1s\n"
			  "limit two rms:a < 10us\n"
			  "limit two inside > 99.9%\n"
			  "expect two log 1+ Selected source\n"));
	assert_string_equal(s.name, "name");
	assert_string_equal(s.title, "Two words");
	assert_int_equal(s.duration_ns, INT64_C(7200000000000));
	assert_int_equal(s.begin_ns, INT64_C(2085976800) * 1000000000);
	assert_int_equal(s.leap_at_ns, INT64_C(18 * 3600) * 1000000000);
	assert_int_equal(s.host_count, 2);
	assert_true(s.hosts[0].perfect && s.hosts[0].silent);
	assert_true(fabs(s.hosts[1].oscillator.freq - 0.05) < 1e-15);
	assert_true(fabs(s.hosts[1].oscillator.cycles[0].phase - 0.25) < 1e-15);
	assert_string_equal(s.hosts[1].conf[0], "server one $variant");
	assert_int_equal(s.hosts[1].conf_line[0], 21);
	assert_int_equal(s.way_count, 2);
	assert_true(s.ways[0].delay_ns == 2e6 && s.ways[1].delay_ns == 1e6);
	assert_int_equal(s.ways[0].law_count, 2);
	assert_int_equal(s.events[0].every_ns, INT64_C(10000000000));
	assert_int_equal(s.variants[0].check_seeds, 2);
	assert_string_equal(s.variants[0].text, "minpoll 6");
	assert_int_equal(s.limits[0].variant, 0);
	assert_true(fabs(s.limits[1].value - 0.999) < 1e-12);
	assert_string_equal(s.expects[0].text, "Selected source");
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"frobnicate\n", "name.scn:1: frobnicate: no such directive"},
		{"\nclock freq 1\n", "name.scn:2: clock: no host yet"},
		{"host a\nhost A\n", "name.scn:2: A: there is one already"},
		{"host a\nclock freq 1 m\n", "name.scn:2: a frequency 1: out of range"},
		{"host a\nclock offset 1x\n", "name.scn:2: 1x: not a time"},
		{"host a\nclock offset\n", "name.scn:2: a time is missing"},
		{"host a\nsilent much\n", "name.scn:2: much: too much"},
		{"host a\nlink a b\n", "name.scn:2: b: no such host"},
		{"host a\nlink a a\n", "name.scn:2: a link of a host to itself"},
		{"host a\nhost b\nat 1s link a b up\n", "name.scn:3: there is no such link yet"},
		{"host a\nhost b\nlink a b delay 1s\nat 1s link a b away\n",
		 "name.scn:4: away: no such word of a link"},
		{"host a\nlimit a rms = 1s\n", "name.scn:2: expected < or >"},
		{"host a\nlimit a rms:x < 1s\n", "name.scn:2: x: no such variant"},
		{"host a\nlimit a speed < 1s\n", "name.scn:2: speed: no such metric"},
		{"host a\nhost b\nlink a b recorded nowhere.txt\n",
		 "name.scn:3: dir/nowhere.txt: No such file or directory"},
		{"title x\n", "no host"},
		{"host a\nbegin yesterday\n", "name.scn:2: yesterday: not a date"},
		{"duration 10s\nfigures from 11s\nhost a\n", "figures from a time that"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (parse(bad[i].text))
			fail_msg("taken: %s", bad[i].text);
		if (strstr(why, bad[i].why) == NULL)
			fail_msg("%s: says %s", bad[i].why, why);
	}
}

static void ways_change(void **state)
{
	struct sim_way way = {0};

	(void)state;
	assert_true(sim_way_change(&way, "delay 1ms exp 5us exp 6us loss 5%", why));
	assert_int_equal(way.law_count, 2);
	assert_true(sim_way_change(&way, "down", why));
	assert_true(way.down && way.law_count == 2 && way.delay_ns == 1e6);
	assert_true(sim_way_change(&way, "up exp 1us", why));
	assert_true(!way.down && way.law_count == 1 && way.laws[0].a == 1e3);
	assert_true(sim_way_change(&way, "smooth", why));
	assert_int_equal(way.law_count, 0);
	assert_false(sim_way_change(&way, "exp 1us exp 1us exp 1us exp 1us", why));
	assert_string_equal(why, "more than 3 laws");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all),
		cmocka_unit_test(refuses),
		cmocka_unit_test(ways_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
