/*
 * Tests of daemon/orders: sources that go offline, come and go while the daemon runs, places that
 * are used again, folders that are read again. The daemon is whole but for its loop: nobody answers
 * it, and its clock is virtual.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/daemon.h"
#include "daemon/orders.h"
#include "daemon/start.h"

static struct ds_daemon d;
static char why[DS_ORDER_WHY];
static char folder[64];

static void quiet(void *context, bool error, const char *file, int line, const char *text)
{
	(void)context;
	(void)error;
	(void)file;
	(void)line;
	(void)text;
}

/* A daemon with these lines, and with the folder as its sourcedir. */
static void begin(const char *const *lines, bool steer)
{
	char text[128];

	memset(&d, 0, sizeof d);
	ds_conf_defaults(&d.conf);
	snprintf(text, sizeof text, "sourcedir %s", folder);
	assert_true(ds_conf_read_line(&d.conf, "port 0", 1, quiet, NULL));
	d.conf.bound_file[0] = d.conf.control_socket[0] = d.conf.cmd_socket[0] = 0;
	assert_true(ds_conf_read_line(&d.conf, text, 1, quiet, NULL));
	for (; *lines != NULL; lines++)
		assert_true(ds_conf_read_line(&d.conf, *lines, 1, quiet, NULL));
	assert_int_equal(ds_clock_open_virtual(&d.clock, 0.0, 0.0), 0);
	d.steer = steer;
	assert_true(ds_start_keys(&d));
	assert_true(ds_start_open(&d));
	ds_start_work(&d);
}

static void end(void)
{
	ds_start_close(&d);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
}

/* The place of an address; -1: it has none. */
static int place_of(const char *text)
{
	union ds_address address;

	assert_true(ds_address_parse(text, 0, &address));
	for (uint32_t i = 0; i < d.sources.count; i++)
		if (ds_address_same_host(&d.sources.table[i].address, &address))
			return (int)i;
	return -1;
}

static struct ds_source *source(const char *text)
{
	int place = place_of(text);

	assert_in_range(place, 0, DS_SOURCES_MAX - 1);
	return &d.sources.table[place];
}

/* Every source belongs to the line that names it, wherever the lines have moved to. */
static void check_lines(void)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < d.sources.group_count; i++) {
		const struct ds_source_group *g = &d.sources.groups[i];

		if (g->conf == NULL) {
			assert_int_equal(g->places, 0);
			continue;
		}
		assert_true(g->conf >= d.conf.sources &&
			    g->conf < d.conf.sources + d.conf.source_count);
		assert_true((seen & g->places) == 0);
		seen |= g->places;
		for (uint32_t k = 0; k < DS_SOURCES_MAX; k++)
			if ((g->places >> k & 1) != 0 && d.sources.table[k].address.family != 0)
				assert_ptr_equal(d.sources.table[k].conf, g->conf);
	}
	assert_true(seen == d.sources.taken);
	for (size_t i = 0; i < d.conf.source_count; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(strcmp(d.conf.sources[i].name, d.conf.sources[k].name) != 0);
}

static void test_offline_and_online(void **state)
{
	static const char *const lines[] = {"server 127.0.0.1 offline", "server 127.0.0.2 iburst",
					    "server 127.0.1.3", "server time.invalid offline",
					    NULL};
	uint32_t count;

	(void)state;
	begin(lines, false);
	assert_true(source("127.0.0.1")->offline);
	assert_true(source("127.0.0.1")->due_ns == INT64_MAX);
	/* A name is not looked for while nobody is to be asked. */
	assert_true(d.sources.groups[3].wanted);
	ds_sources_run(&d.sources, ds_monotonic_ns());
	assert_false(d.sources.groups[3].looking);

	source("127.0.0.2")->reach = 255;
	assert_int_equal(ds_orders_online(&d, DS_ORDER_OFFLINE, "127.0.0.2", &count, why),
			 DS_ORDER_DONE);
	assert_int_equal(count, 1);
	assert_true(source("127.0.0.2")->offline);
	assert_int_equal(source("127.0.0.2")->reach, 0);
	assert_false(source("127.0.1.3")->offline);
	assert_int_equal(ds_orders_online(&d, DS_ORDER_ONLINE, "127.0.0.0/24", &count, why),
			 DS_ORDER_DONE);
	assert_int_equal(count, 2);
	assert_false(source("127.0.0.1")->offline);
	assert_true(source("127.0.0.1")->due_ns != INT64_MAX);
	assert_int_equal(source("127.0.0.2")->burst_left, 4);
	assert_int_equal(ds_orders_online(&d, DS_ORDER_OFFLINE, NULL, &count, why), DS_ORDER_DONE);
	assert_int_equal(count, 4);
	assert_true(ds_sources_next_ns(&d.sources) == INT64_MAX);
	assert_int_equal(ds_orders_online(&d, DS_ORDER_ONOFFLINE, "127.0.1.3", &count, why),
			 DS_ORDER_DONE);
	assert_false(source("127.0.1.3")->offline);
	/* Who refused to serve is asked again where that is ordered in so many words. */
	source("127.0.1.3")->due_ns = INT64_MAX;
	assert_int_equal(ds_orders_burst(&d, 1, 1, "127.0.1.3", &count, why), DS_ORDER_REFUSED);
	ds_orders_online(&d, DS_ORDER_ONOFFLINE, NULL, &count, why);
	assert_true(source("127.0.1.3")->due_ns == INT64_MAX);
	ds_orders_online(&d, DS_ORDER_ONLINE, "127.0.1.3", &count, why);
	assert_true(source("127.0.1.3")->due_ns != INT64_MAX);
	assert_int_equal(ds_orders_online(&d, DS_ORDER_OFFLINE, "time.invalid", &count, why),
			 DS_ORDER_DONE);
	assert_true(d.sources.groups[3].offline);
	assert_int_equal(ds_orders_online(&d, DS_ORDER_ONLINE, "time.invalid", &count, why),
			 DS_ORDER_DONE);
	assert_int_equal(count, 1);
	assert_false(d.sources.groups[3].offline);
	end();
}

static void test_nets(void **state)
{
	static const char *const lines[] = {"server 127.0.0.1", "server 127.0.1.1", "server ::1",
					    NULL};
	static const struct {
		const char *which;
		uint32_t count;
	} cases[] = {
		{"127.0.0.0/24", 1},
		{"127.0.0.0/16", 2},
		{"127.0.0.0/255.255.0.0", 2},
		{"255.255.255.0/127.0.1.0", 1},
		{"::/0", 1},
		{"0.0.0.0/0", 2},
	};
	static const char *const bad[] = {"127.0.0.0/33", "127.0.0.0/255.0.255.0", "a/8", "/8",
					  "1.2.3.4/",	  "127.0.0.0/-1"};
	uint32_t count;

	(void)state;
	begin(lines, false);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(ds_orders_online(&d, DS_ORDER_ONLINE, cases[i].which, &count, why),
				 DS_ORDER_DONE);
		assert_int_equal(count, cases[i].count);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(ds_orders_online(&d, DS_ORDER_ONLINE, bad[i], &count, why),
				 DS_ORDER_BAD);
		assert_true(strlen(why) > 0);
	}
	assert_int_equal(ds_orders_online(&d, DS_ORDER_ONLINE, "192.0.2.0/24", &count, why),
			 DS_ORDER_NO_SUCH);
	assert_int_equal(ds_orders_online(&d, DS_ORDER_ONLINE, "nobody", &count, why),
			 DS_ORDER_NO_SUCH);
	end();
}

static void test_burst(void **state)
{
	static const char *const lines[] = {"server 127.0.0.1 offline", "server 127.0.0.2", NULL};
	uint32_t count;
	struct ds_source *s;

	(void)state;
	begin(lines, false);
	assert_int_equal(ds_orders_burst(&d, 3, 2, NULL, &count, why), DS_ORDER_BAD);
	assert_int_equal(ds_orders_burst(&d, 0, 2, NULL, &count, why), DS_ORDER_BAD);
	assert_int_equal(ds_orders_burst(&d, 1, 256, NULL, &count, why), DS_ORDER_BAD);
	assert_int_equal(ds_orders_burst(&d, 2, 3, "127.0.0.1", &count, why), DS_ORDER_DONE);
	assert_int_equal(count, 1);
	s = source("127.0.0.1");
	assert_int_equal(s->burst_left, 3);
	for (int i = 0; i < 3; i++) {
		assert_true(s->due_ns != INT64_MAX);
		ds_source_run(s, &d.sources.context, s->due_ns);
	}
	/* The burst is over, and nobody asks it any more. */
	assert_int_equal(s->requests, 3);
	assert_true(s->due_ns == INT64_MAX);
	assert_true(s->offline);
	end();
}

static void test_add_and_delete(void **state)
{
	static const char *const lines[] = {"server 127.0.0.1", "server 127.0.0.2 prefer", NULL};
	uint32_t count;
	int place;

	(void)state;
	begin(lines, false);
	assert_int_equal(ds_orders_add(&d, "server 127.0.0.3 iburst minpoll 4", why),
			 DS_ORDER_DONE);
	assert_int_equal(d.conf.source_count, 3);
	assert_int_equal(source("127.0.0.3")->conf->minpoll, 4);
	assert_false(source("127.0.0.3")->conf->from_sourcedir);
	assert_int_equal(ds_orders_add(&d, "pool pool.invalid maxsources 3", why), DS_ORDER_DONE);
	check_lines();
	assert_int_equal(__builtin_popcountll(d.sources.taken), 6);

	/* the first goes: lines move, places stay */
	place = place_of("127.0.0.2");
	assert_int_equal(ds_orders_delete(&d, "127.0.0.1", &count, why), DS_ORDER_DONE);
	assert_int_equal(count, 1);
	assert_int_equal(place_of("127.0.0.1"), -1);
	assert_int_equal(place_of("127.0.0.2"), place);
	assert_true(source("127.0.0.2")->conf->prefer);
	assert_false(source("127.0.0.3")->conf->prefer);
	check_lines();

	/* its place is used again, and nothing of the old one is there */
	d.timekeeper.selecting.said_false[0] = true;
	d.timekeeper.selecting.selections[0] = DS_S_FALSETICKER;
	assert_int_equal(ds_orders_add(&d, "server 127.0.0.4", why), DS_ORDER_DONE);
	assert_int_equal(place_of("127.0.0.4"), 0);
	assert_int_equal(source("127.0.0.4")->estimate.count, 0);
	check_lines();
	assert_int_equal(ds_orders_delete(&d, "pool.invalid", &count, why), DS_ORDER_DONE);
	assert_int_equal(ds_orders_delete(&d, "127.0.0.4", &count, why), DS_ORDER_DONE);
	assert_false(d.timekeeper.selecting.said_false[0]);
	assert_int_equal(d.timekeeper.selecting.selections[0], DS_S_NONE);
	assert_int_equal(ds_orders_delete(&d, "127.0.0.4", &count, why), DS_ORDER_NO_SUCH);
	assert_int_equal(ds_orders_delete(&d, "", &count, why), DS_ORDER_BAD);
	assert_int_equal(ds_orders_delete(&d, "127.0.0.0/8", &count, why), DS_ORDER_BAD);
	check_lines();
	assert_int_equal(d.conf.source_count, 2);
	end();
}

static void test_add_says_no(void **state)
{
	static const char *const lines[] = {"server 127.0.0.1", NULL};
	static const struct {
		const char *line;
		enum ds_order_result result;
	} cases[] = {
		{"server 127.0.0.1", DS_ORDER_REFUSED},
		{"", DS_ORDER_BAD},
		{"# nothing", DS_ORDER_BAD},
		{"server", DS_ORDER_BAD},
		{"server 127.0.0.9 minpol 4", DS_ORDER_BAD},
		{"allow all", DS_ORDER_BAD},
		{"include /etc/passwd", DS_ORDER_BAD},
		{"server 127.0.0.9 key 7", DS_ORDER_REFUSED},
		{"peer 127.0.0.9", DS_ORDER_REFUSED},
	};
	struct ds_conf before;

	(void)state;
	begin(lines, false);
	memcpy(&before, &d.conf, sizeof before);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(ds_orders_add(&d, cases[i].line, why), cases[i].result);
		assert_true(strlen(why) > 0);
		assert_memory_equal(&before, &d.conf, sizeof before);
	}
	check_lines();
	end();
}

static void test_table_is_full(void **state)
{
	static const char *const lines[] = {NULL};
	char line[64], name[64];
	uint32_t count;

	(void)state;
	begin(lines, false);
	for (int i = 0; i < 15; i++) {
		snprintf(line, sizeof line, "pool p%d.invalid maxsources 4", i);
		assert_int_equal(ds_orders_add(&d, line, why), DS_ORDER_DONE);
	}
	for (int i = 0; i < 3; i++) {
		snprintf(line, sizeof line, "server 127.0.1.%d", i);
		assert_int_equal(ds_orders_add(&d, line, why), DS_ORDER_DONE);
	}
	assert_int_equal(ds_orders_add(&d, "pool p.invalid maxsources 2", why), DS_ORDER_FULL);
	assert_int_equal(d.conf.source_count, 18);
	check_lines();
	/* Places that are not beside each other do as well. */
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "127.0.1.%d", i);
		assert_int_equal(ds_orders_delete(&d, name, &count, why), DS_ORDER_DONE);
	}
	assert_int_equal(ds_orders_delete(&d, "p3.invalid", &count, why), DS_ORDER_DONE);
	assert_int_equal(ds_orders_add(&d, "pool q.invalid maxsources 8", why), DS_ORDER_DONE);
	assert_true(d.sources.taken == UINT64_MAX);
	assert_int_equal(ds_orders_add(&d, "server 127.0.0.1", why), DS_ORDER_FULL);
	check_lines();
	end();
}

static void test_one_of_a_pool(void **state)
{
	static const char *const lines[] = {"pool pool.invalid maxsources 2", NULL};
	union ds_address address;
	uint32_t count;

	(void)state;
	begin(lines, false);
	for (uint32_t i = 0; i < 2; i++) { /* as if the name had been found */
		assert_true(ds_address_parse(i == 0 ? "127.0.0.1" : "127.0.0.2", 123, &address));
		ds_source_start(&d.sources.table[i], &d.conf.sources[0], &d.conf, &address, 0);
	}
	assert_int_equal(ds_orders_online(&d, DS_ORDER_OFFLINE, "127.0.0.2", &count, why),
			 DS_ORDER_DONE);
	assert_false(source("127.0.0.1")->offline);
	assert_int_equal(ds_orders_delete(&d, "127.0.0.1", &count, why), DS_ORDER_DONE);
	assert_int_equal(d.conf.source_count, 1);
	check_lines();
	assert_int_equal(ds_orders_delete(&d, "127.0.0.2", &count, why), DS_ORDER_DONE);
	assert_int_equal(d.conf.source_count, 0);
	assert_true(d.sources.taken == 0);
	check_lines();
	end();
}

static void test_reload(void **state)
{
	static const char *const lines[] = {"server 127.0.0.1", NULL};
	uint32_t count;

	(void)state;
	write_file("a.sources", "server 127.0.0.2\nserver 127.0.0.3 iburst\n");
	write_file("b.sources", "server 127.0.0.4\n");
	begin(lines, false);
	assert_int_equal(d.conf.source_count, 4);
	source("127.0.0.2")->requests = 17;
	source("127.0.0.4")->requests = 4;

	assert_int_equal(ds_orders_reload(&d, &count, why), DS_ORDER_DONE);
	assert_int_equal(count, 0);
	assert_string_equal(why, "");

	/* One stays, though on another line; one changes; one goes; one comes. */
	write_file("a.sources", "\nserver 127.0.0.3\nserver 127.0.0.2\nserver 127.0.0.5\n");
	remove_file("b.sources");
	assert_int_equal(ds_orders_reload(&d, &count, why), DS_ORDER_DONE);
	assert_int_equal(count, 4);
	assert_int_equal(source("127.0.0.2")->requests, 17);
	assert_int_equal(source("127.0.0.2")->conf->line, 3);
	assert_false(source("127.0.0.3")->conf->iburst);
	assert_int_equal(place_of("127.0.0.4"), -1);
	assert_true(place_of("127.0.0.5") >= 0);
	assert_true(place_of("127.0.0.1") >= 0);
	check_lines();

	/* A file with an error: nothing changes, of the other file either. */
	write_file("a.sources", "server 127.0.0.2\nsever 127.0.0.3\n");
	write_file("b.sources", "server 127.0.0.6\n");
	assert_int_equal(ds_orders_reload(&d, &count, why), DS_ORDER_REFUSED);
	assert_int_equal(count, 0);
	assert_non_null(strstr(why, "a.sources:2: "));
	assert_true(place_of("127.0.0.5") >= 0);
	assert_int_equal(place_of("127.0.0.6"), -1);
	/* Nor where a line is good, and asks for what is not there. */
	write_file("a.sources", "server 127.0.0.2\n");
	write_file("b.sources", "server 127.0.0.6 key 1\n");
	assert_int_equal(ds_orders_reload(&d, &count, why), DS_ORDER_REFUSED);
	assert_non_null(strstr(why, "b.sources:1: "));
	assert_true(place_of("127.0.0.5") >= 0);
	check_lines();

	/* What was added otherwise is none of a folder's business. */
	assert_int_equal(ds_orders_add(&d, "server 127.0.0.7", why), DS_ORDER_DONE);
	remove_file("a.sources");
	remove_file("b.sources");
	assert_int_equal(ds_orders_reload(&d, &count, why), DS_ORDER_DONE);
	assert_int_equal(d.conf.source_count, 2);
	assert_true(place_of("127.0.0.7") >= 0);
	check_lines();
	end();
}

static void test_folder_cannot_be_read(void **state)
{
	static const char *const lines[] = {NULL};
	uint32_t count;
	char moved[80];

	(void)state;
	write_file("a.sources", "server 127.0.0.2\n");
	begin(lines, false);
	/* A file where the folder was. */
	snprintf(moved, sizeof moved, "%s.moved", folder);
	assert_int_equal(rename(folder, moved), 0);
	FILE *out = fopen(folder, "w");
	assert_non_null(out);
	fclose(out);
	assert_int_equal(ds_orders_reload(&d, &count, why), DS_ORDER_REFUSED);
	assert_true(strlen(why) > 0);
	assert_true(place_of("127.0.0.2") >= 0);
	unlink(folder);
	/* No folder is as good as an empty one. */
	assert_int_equal(ds_orders_reload(&d, &count, why), DS_ORDER_DONE);
	assert_int_equal(place_of("127.0.0.2"), -1);
	assert_int_equal(rename(moved, folder), 0);
	remove_file("a.sources");
	end();
}

static void test_makestep(void **state)
{
	static const char *const lines[] = {"server 127.0.0.1", NULL};
	struct ds_combined combined;
	struct ds_correction correction;
	struct ds_reading now;
	int64_t offset_ns;

	(void)state;
	begin(lines, false);
	assert_int_equal(ds_orders_makestep(&d, &offset_ns, why), DS_ORDER_REFUSED);
	end();
	begin(lines, true);
	assert_int_equal(ds_orders_makestep(&d, &offset_ns, why), DS_ORDER_REFUSED);
	assert_int_equal(offset_ns, 0);

	/* The clock is half a second slow, and is slewed. */
	ds_clock_read(&d.clock, &now);
	memset(&combined, 0, sizeof combined);
	combined.server_minus_raw_ns = now.clock_ns - now.raw_ns + 500000000;
	combined.sd_ns = combined.freq_sd_ppb = 1.0;
	ds_discipline_update(&d.timekeeper.discipline, &now, &combined, 64000000000, &correction);
	assert_false(correction.step);
	d.timekeeper.reference.synchronised = true;
	assert_int_equal(ds_orders_makestep(&d, &offset_ns, why), DS_ORDER_DONE);
	assert_in_range(offset_ns, 499000000, 501000000);
	ds_clock_read(&d.clock, &now);
	assert_in_range(ds_discipline_remaining_ns(&d.timekeeper.discipline, &now) + 1000000, 0,
			2000000);
	assert_true(d.timekeeper.due_monotonic_ns == INT64_MAX);
	end();
}

static void test_logs_are_opened_anew(void **state)
{
	static const char *const lines[] = {"server 127.0.0.1", NULL};
	char path[128], moved[128], directive[128];

	(void)state;
	begin(lines, false);
	end();
	snprintf(directive, sizeof directive, "logdir %s", folder);
	snprintf(path, sizeof path, "%s/tracking.log", folder);
	snprintf(moved, sizeof moved, "%s/tracking.log.1", folder);
	begin((const char *const[]){"server 127.0.0.1", directive, "log tracking", NULL}, false);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(ds_orders_cyclelogs(&d, why), DS_ORDER_DONE);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	unlink(moved);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(ds_orders_cyclelogs(&d, why), DS_ORDER_REFUSED);
	assert_true(strlen(why) > 0);
	rmdir(path);
	end();
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/drivestamp-orders-XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offline_and_online),
		cmocka_unit_test(test_nets),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_add_and_delete),
		cmocka_unit_test(test_add_says_no),
		cmocka_unit_test(test_table_is_full),
		cmocka_unit_test(test_one_of_a_pool),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_folder_cannot_be_read),
		cmocka_unit_test(test_makestep),
		cmocka_unit_test(test_logs_are_opened_anew),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
