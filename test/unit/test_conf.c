/*
 * Tests of daemon/conf, conf_fields and conf_words: values and bounds of every directive and
 * option, messages as text, files and directories, and printing that reads back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/conf.h"
#include "daemon/conf_card.h"
#include "daemon/conf_clock.h"
#include "daemon/conf_fields.h"
#include "daemon/conf_words.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static struct ds_conf conf;
static char said[65536];
static char folder[64]; /* of the test that runs */

static void say(void *context, bool error, const char *file, int line, const char *text)
{
	size_t length = strlen(said), folder_length = strlen(folder);

	(void)context;
	if (folder_length > 0 && strncmp(file, folder, folder_length) == 0)
		file += folder_length + 1;
	snprintf(said + length, sizeof(said) - length, "%s %s:%d: %s\n",
		 error ? "error" : "warning", file, line, text);
}

/* `pattern` with `word` in the place of its "%s". */
static void fill(char *text, size_t size, const char *pattern, const char *word)
{
	const char *gap = strstr(pattern, "%s");

	assert_non_null(gap);
	snprintf(text, size, "%.*s%s%s", (int)(gap - pattern), pattern, word, gap + 2);
}

static bool line(const char *text)
{
	said[0] = '\0';
	return ds_conf_read_line(&conf, text, 1, say, NULL);
}

static bool fresh_line(const char *text)
{
	ds_conf_defaults(&conf);
	return line(text);
}

static void good(const char *text)
{
	if (!line(text) || said[0] != '\0')
		fail_msg("%s: %s", text, said);
}

static void message(const char *text, const char *expected)
{
	char whole[1024];

	ds_conf_defaults(&conf);
	line(text);
	snprintf(whole, sizeof(whole), "%s\n", expected);
	assert_string_equal(said, whole);
}

/* ---- values ---- */

static void test_defaults(void **state)
{
	(void)state;
	ds_conf_defaults(&conf);
	assert_int_equal(conf.source_count, 0);
	assert_false(conf.local);
	assert_int_equal(conf.local_stratum, 10);
	assert_int_equal(conf.port, 123);
	assert_int_equal(conf.acquisition_port, 0);
	assert_true(conf.ipv4 && conf.ipv6);
	assert_int_equal(conf.client_log_limit, 524288);
	assert_string_equal(conf.pid_file, "/run/drivestamp/drivestampd.pid");
	assert_string_equal(conf.drift_file, "");
	assert_int_equal(conf.log_banner, 32);
	assert_true(conf.makestep_threshold_s == 0 && conf.max_distance_s == 3);
	assert_true(conf.max_slew_ppm == 83333.333 && conf.max_clock_error_ppm == 1);
	assert_true(conf.max_update_skew_ppm == 1000 && conf.clock_precision_s == 0);
	assert_int_equal(conf.min_samples, 6);
	assert_int_equal(conf.max_samples, 0);
	assert_int_equal(conf.min_sources, 1);
	assert_int_equal(conf.cmd_port, 0);
	assert_false(ds_access_any(&conf.access));
}

static void test_every_directive(void **state)
{
	(void)state;
	ds_conf_defaults(&conf);
	good("acquisitionport 1123");
	good("port 11123");
	good("clientloglimit 1048576");
	good("noclientlog");
	good("driftfile /d/drift");
	good("keyfile /d/keys");
	good("pidfile /d/pid");
	good("user ntp");
	good("logdir /d/log");
	good("LogBanner 0");
	good("log measurements STATISTICS");
	good("log");
	good("makestep 0.1 -1");
	good("maxchange 1000 1 -2");
	good("logchange 0.25");
	good("maxdrift 200");
	good("maxdistance 2.5");
	good("maxslewrate 500");
	good("maxclockerror 0.5");
	good("maxupdateskew 100.0");
	good("minsamples 7");
	good("maxsamples 33");
	good("minsources 2");
	good("clockprecision 8e-9");
	good("rtcsync");
	good("local distance 2");
	good("local stratum 3");
	good("maxjitter 0.5");
	good("combinelimit 0");
	good("reselectdist 1e-3");
	good("stratumweight 0");
	good("bindaddress 192.0.2.1");
	good("bindaddress 2001:db8::1");
	good("bindacqaddress 192.0.2.2");
	good("allow 192.0.2.0/24");
	good("deny 192.0.2.1");
	assert_int_equal(conf.acquisition_port, 1123);
	assert_int_equal(conf.port, 11123);
	assert_int_equal(conf.client_log_limit, 1048576);
	assert_true(conf.no_client_log && conf.rtc_sync && conf.local);
	assert_string_equal(conf.drift_file, "/d/drift");
	assert_string_equal(conf.key_file, "/d/keys");
	assert_string_equal(conf.pid_file, "/d/pid");
	assert_string_equal(conf.user, "ntp");
	assert_string_equal(conf.log_dir, "/d/log");
	assert_int_equal(conf.log_banner, 0);
	assert_true(conf.log_measurements && conf.log_statistics);
	assert_false(conf.log_raw_measurements || conf.log_tracking || conf.log_shadow);
	assert_true(conf.makestep_threshold_s == 0.1 && conf.makestep_limit == -1);
	assert_true(conf.max_change_s == 1000 && conf.log_change_s == 0.25);
	assert_true(conf.max_change_start == 1 && conf.max_change_ignore == -2);
	assert_true(conf.max_drift_ppm == 200);
	assert_true(conf.max_distance_s == 2.5 && conf.max_slew_ppm == 500);
	assert_true(conf.max_clock_error_ppm == 0.5 && conf.max_update_skew_ppm == 100);
	assert_true(conf.clock_precision_s == 8e-9);
	assert_int_equal(conf.min_samples, 7);
	assert_int_equal(conf.max_samples, 33);
	assert_int_equal(conf.min_sources, 2);
	assert_int_equal(conf.local_stratum, 3);
	assert_true(conf.local_distance_s == 1);
	assert_true(conf.max_jitter_s == 0.5 && conf.combine_limit == 0);
	assert_true(conf.reselect_dist_s == 1e-3 && conf.stratum_weight_s == 0);
	assert_int_equal(conf.bind[0].family, AF_INET);
	assert_int_equal(conf.bind[1].family, AF_INET6);
	assert_int_equal(conf.bind_acq[0].family, AF_INET);
	assert_int_equal(conf.bind_acq[1].family, AF_UNSPEC);
	assert_int_equal(conf.access.count, 2);
	good("bindacqdevice eth0");
	good("binddevice an-interface-12");
	assert_string_equal(conf.bind_acq_device, "eth0");
	assert_string_equal(conf.bind_device, "an-interface-12");
	assert_false(line("binddevice an-interface-123"));
	good("log tracking rawmeasurements shadow");
	assert_true(conf.log_raw_measurements && conf.log_tracking && conf.log_shadow);
	assert_false(conf.log_stamps);
	good("log stamps");
	assert_true(conf.log_stamps);
	good("local");
	assert_int_equal(conf.local_stratum, 10);
	good("pidfile none");
	assert_string_equal(conf.pid_file, "");
	assert_true(line("cmdport 1323"));
	assert_int_equal(conf.cmd_port, 1323);
}

static void test_every_source_option(void **state)
{
	const struct ds_conf_source *s = &conf.sources[0];

	(void)state;
	ds_conf_defaults(&conf);
	good("server ntp1.example.net");
	assert_string_equal(s->name, "ntp1.example.net");
	assert_false(s->pool || s->from_sourcedir || s->iburst || s->burst || s->xleave);
	assert_false(s->noselect || s->prefer || s->offline_);
	assert_int_equal(s->port, 123);
	assert_int_equal(s->minpoll, 6);
	assert_int_equal(s->maxpoll, 10);
	assert_int_equal(s->version, 4);
	assert_int_equal(s->presend, 100);
	assert_int_equal(s->max_sources, 4);
	assert_int_equal(s->min_samples + s->max_samples, 0);
	assert_true(s->offset_s == 0 && s->max_delay_s == 3 && s->family == AF_UNSPEC);
	assert_string_equal(s->file, "command line");
	assert_int_equal(s->line, 1);
	good("POOL 2001:db8::1 IBURST burst xleave noselect prefer minpoll -6 maxpoll 24 port 124 "
	     "offset -0.00005 maxdelay 0.3 presend 9 minsamples 5 maxsamples 20 maxsources 16 ipv6 "
	     "key 4294967295");
	s = &conf.sources[1];
	assert_string_equal(s->name, "2001:db8::1");
	assert_true(s->pool && s->iburst && s->burst && s->xleave && s->noselect && s->prefer);
	assert_int_equal(s->minpoll, -6);
	assert_int_equal(s->maxpoll, 24);
	assert_int_equal(s->port, 124);
	assert_true(s->offset_s == -0.00005 && s->max_delay_s == 0.3);
	assert_int_equal(s->presend, 9);
	assert_int_equal(s->min_samples, 5);
	assert_int_equal(s->max_samples, 20);
	assert_int_equal(s->max_sources, 16);
	assert_true(s->key == UINT32_MAX);
	assert_int_equal(s->family, AF_INET6);
	good("server 192.0.2.1 version 3 ipv4");
	assert_int_equal(conf.sources[2].version, 3);
	assert_int_equal(conf.sources[2].family, AF_INET);
	good("server 192.0.2.2 anyinterface");
	assert_true(conf.sources[3].any_interface && !conf.sources[2].any_interface);
	conf.source_count--;
	assert_true(line("server a offline"));
	assert_true(conf.sources[3].offline_);
	assert_int_equal(conf.source_count, 4);
}

static void test_poll_defaults_follow(void **state)
{
	(void)state;
	ds_conf_defaults(&conf);
	good("server a minpoll 12");
	good("server a maxpoll 4");
	good("server a maxpoll 4 minpoll 4");
	assert_int_equal(conf.sources[0].maxpoll, 12);
	assert_int_equal(conf.sources[1].minpoll, 4);
	assert_int_equal(conf.sources[2].maxpoll, 4);
	message("server a minpoll 5 maxpoll 4",
		"error command line:1: 'minpoll' 5 is above 'maxpoll' 4");
	assert_int_equal(conf.source_count, 0);
}

static void test_bounds(void **state)
{
	static const struct {
		const char *pattern, *least, *most, *below, *above;
	} bounds[] = {
		{"acquisitionport %s", "0", "65535", "-1", "65536"},
		{"clientloglimit %s", "2048", "2147483648", "2047", "2147483649"},
		{"clockprecision %s", "1e-9", "1", "0.99e-9", "1.01"},
		{"logbanner %s", "0", "1000000000", "-1", "1000000001"},
		{"makestep %s 3", "0", "1e9", "-1", "1.1e9"},
		{"makestep 1 %s", "-1000000000", "1000000000", "-1000000001", "1000000001"},
		{"logchange %s", "0", "1e9", "-1e-9", "1.1e9"},
		{"maxchange %s 1 2", "1e-9", "1e9", "0", "1.1e9"},
		{"maxchange 1 %s 2", "0", "1000000000", "-1", "1000000001"},
		{"maxchange 1 2 %s", "-1000000000", "1000000000", "-1000000001", "1000000001"},
		{"maxdrift %s", "0.001", "500000", "0", "500001"},
		{"maxclockerror %s", "0", "1e5", "-1e-9", "100001"},
		{"maxdistance %s", "1e-6", "1e6", "0", "1000001"},
		{"maxsamples %s", "0", "64", "-1", "65"},
		{"maxslewrate %s", "0.001", "100000", "0", "100000.1"},
		{"maxupdateskew %s", "1e-6", "1e6", "0", "1000001"},
		{"minsamples %s", "1", "64", "0", "65"},
		{"minsources %s", "1", "64", "0", "65"},
		{"port %s", "0", "65535", "-1", "65536"},
		{"combinelimit %s", "0", "1e6", "-0.1", "1000001"},
		{"maxjitter %s", "1e-6", "1e6", "0", "1000001"},
		{"reselectdist %s", "0", "1e6", "-1e-9", "1000001"},
		{"stratumweight %s", "0", "1e6", "-1e-9", "1000001"},
		{"local stratum %s", "1", "15", "0", "16"},
		{"local distance %s", "0", "1e6", "-1", "1000001"},
		{"local activate %s", "0", "1e6", "-1", "1000001"},
		{"local waitsynced %s", "0", "1e6", "-1", "1000001"},
		{"local waitunsynced %s", "0", "1e6", "-1", "1000001"},
		{"server a minstratum %s", "0", "15", "-1", "16"},
		{"server a minpoll %s", "-6", "24", "-7", "25"},
		{"server a maxpoll %s", "-6", "24", "-7", "25"},
		{"server a port %s", "1", "65535", "0", "65536"},
		{"server a key %s", "1", "4294967295", "0", "4294967296"},
		{"server a version %s", "1", "4", "0", "5"},
		{"server a offset %s", "-1e6", "1e6", "-1000001", "1000001"},
		{"server a maxdelay %s", "1e-9", "1000", "0", "1000.1"},
		{"server a presend %s", "-6", "24", "-7", "25"},
		{"server a minsamples %s", "1", "64", "0", "65"},
		{"server a maxsamples %s", "1", "64", "0", "65"},
		{"pool a maxsources %s", "1", "16", "0", "17"},
	};
	static const char *const never[] = {"x",
					    "1x",
					    "nan",
					    "inf",
					    "1e999",
					    "--1",
					    "0x",
					    "99999999999999999999",
					    "-99999999999999999999"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < COUNT(bounds); i++) {
		const char *accepted[] = {bounds[i].least, bounds[i].most};
		const char *refused[COUNT(never) + 2] = {bounds[i].below, bounds[i].above};
		memcpy(refused + 2, never, sizeof(never));
		for (size_t j = 0; j < COUNT(accepted); j++) {
			fill(text, sizeof(text), bounds[i].pattern, accepted[j]);
			if (!fresh_line(text))
				fail_msg("%s: %s", text, said);
		}
		for (size_t j = 0; j < COUNT(refused); j++) {
			fill(text, sizeof(text), bounds[i].pattern, refused[j]);
			if (fresh_line(text))
				fail_msg("accepted: %s", text);
			assert_non_null(strstr(said, refused[j]));
		}
	}
}

static void test_text_limits(void **state)
{
	static const struct {
		const char *word;
		size_t most;
	} limits[] = {{"driftfile", 255}, {"keyfile", 255}, {"pidfile", 255}, {"boundfile", 255},
		      {"logdir", 255},	  {"user", 63},	    {"server", 255},  {"pool", 255}};
	char text[400];

	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++) {
		int length = snprintf(text, sizeof(text), "%s ", limits[i].word);
		memset(text + length, 'n', limits[i].most + 1);
		text[(size_t)length + limits[i].most] = '\0';
		assert_true(fresh_line(text));
		text[(size_t)length + limits[i].most] = 'n';
		text[(size_t)length + limits[i].most + 1] = '\0';
		assert_false(fresh_line(text));
		assert_non_null(strstr(said, limits[i].most == 63 ? "63" : "255"));
	}
}

/* ---- messages ---- */

static void test_messages(void **state)
{
	(void)state;
	message("sever ntp.example.net",
		"error command line:1: unknown directive 'sever': did you mean 'server'?");
	message("xyzzyxyzzy",
		"error command line:1: unknown directive 'xyzzyxyzzy': the nearest known "
		"word is 'linux_hz'");
	message("server a ibrust minpoll",
		"error command line:1: unknown option of a source 'ibrust': did you mean 'iburst'?\n"
		"error command line:1: 'minpoll' needs a value");
	message("server a minpol 3 maxpoll 99",
		"error command line:1: unknown option of a source 'minpol': did you mean 'minpoll'?\n"
		"error command line:1: 'maxpoll' takes a whole number from -6 to 24, not '99'");
	message("server a maxsources 3",
		"error command line:1: 'maxsources' is an option of 'pool' alone");
	message("server a maxdelay 0",
		"error command line:1: 'maxdelay' takes a number from 1e-09 to "
		"1000, not '0'");
	message("server", "error command line:1: 'server' takes at least 1 value, not 0");
	message("server a/b", "error command line:1: 'a/b' is neither a host name nor an address");
	message("server a ipv4 ipv6", "error command line:1: 'ipv4' and 'ipv6' exclude each other");
	message("server a minsamples 9 maxsamples 8",
		"error command line:1: 'minsamples' 9 is above 'maxsamples' 8");
	message("server a xleave version 3",
		"warning command line:1: 'xleave' needs version 4: this "
		"source stays in basic mode");
	message("makestep 1", "error command line:1: 'makestep' takes 2 values, not 1");
	message("makestep 1 3 x",
		"error command line:1: 'makestep' takes 2 values: 'x' is one too many");
	message("rtcsync # why",
		"error command line:1: 'rtcsync' takes 0 values: '#' is one too many (a "
		"comment needs a line of its own)");
	message("allow 1.2.3.4/33",
		"error command line:1: '1.2.3.4/33' is neither an address nor a subnet");
	message("deny 10 all", "error command line:1: 'all' is one too many");
	message("bindaddress eth0",
		"error command line:1: 'bindaddress' takes a numeric address, not 'eth0'");
	message("local startum 3",
		"error command line:1: unknown option of 'local' 'startum': did you mean 'stratum'?");
	message("local stratum", "error command line:1: 'stratum' needs a value");
	message("local orphan distance -1",
		"error command line:1: 'distance' takes a number from 0 to 1000000, not '-1'");
	message("log tracing",
		"error command line:1: unknown option of 'log' 'tracing': did you mean "
		"'tracking'?");
	message("server a key 0", "error command line:1: 'key' takes a whole number from 1 to "
				  "4294967295, not '0'");
	message("server a nts", "error command line:1: 'nts' is not supported: the source would be "
				"followed without authentication");
	message("authselectmode sometimes", "error command line:1: 'authselectmode' takes require, "
					    "prefer, mix or ignore, not 'sometimes'");
	message("cmdport -1",
		"error command line:1: 'cmdport' takes a whole number from 0 to 65535, not '-1'");
	message("bindcmdaddress 192.0.2.1",
		"warning command line:1: 'bindcmdaddress 192.0.2.1' is left out: chronyc is answered on "
		"loopback alone");
	message("bindcmdaddress here", "error command line:1: 'bindcmdaddress' takes a path or a "
				       "loopback address, not 'here'");
	message("cmdallow 1.2.3.4.5",
		"warning command line:1: 'cmdallow' is noted, no more: chronyc is answered on loopback "
		"and by a UNIX socket alone\nerror command line:1: '1.2.3.4.5' is neither an address nor a "
		"subnet");
	message("include /nowhere/at/all",
		"error command line:1: cannot open '/nowhere/at/all': No such file or directory");
	message("include /nowhere/*.conf",
		"warning command line:1: no file is named like '/nowhere/*.conf'");
	message("port \x1b[2J",
		"error command line:1: 'port' takes a whole number from 0 to 65535, not "
		"'?[2J'");
}

static void test_quiet_lines(void **state)
{
	static const char *const quiet[] = {"",
					    "   ",
					    "\t\r",
					    "# sever",
					    "  ! x",
					    "%",
					    ";port 0",
					    "\v#",
					    "authselectmode ignore",
					    "leapsecmode SYSTEM",
					    "ptpport 0",
					    "  port\t124\r",
					    "confdir /nowhere",
					    "sourcedir /nowhere /at/all"};

	(void)state;
	ds_conf_defaults(&conf);
	for (size_t i = 0; i < COUNT(quiet); i++)
		good(quiet[i]);
	assert_int_equal(conf.port, 124);
}

static void test_ptp(void **state)
{
	(void)state;
	ds_conf_defaults(&conf);
	assert_int_equal(conf.ptp_port, 0);
	assert_int_equal(conf.ptp_domain, 123);
	good("ptpport 319");
	good("ptpdomain 0");
	good("server a port 319 extfield 10a");
	good("server b extfield F324 trustcorrections key 3");
	assert_int_equal(conf.ptp_port, 319);
	assert_int_equal(conf.ptp_domain, 0);
	assert_true(conf.sources[0].corrections && !conf.sources[0].trust_corrections);
	assert_true(conf.sources[1].corrections && conf.sources[1].trust_corrections);
	assert_true(ds_conf_by_ptp(&conf, &conf.sources[0]));
	assert_false(ds_conf_by_ptp(&conf, &conf.sources[1]));
	conf.ptp_port = 0;
	assert_false(ds_conf_by_ptp(&conf, &conf.sources[0]));
}

/* What check() says of these lines, all but the first of which may be NULL. */
static const char *ptp_check(bool usable, const char *a, const char *b, const char *c)
{
	ds_conf_defaults(&conf);
	good(a);
	if (b != NULL)
		good(b);
	if (c != NULL)
		good(c);
	said[0] = '\0';
	assert_int_equal(ds_conf_check(&conf, "conf", say, NULL), usable);
	return said;
}

static void test_ptp_messages(void **state)
{
	(void)state;
	assert_non_null(strstr(ptp_check(false, "server a", "ptpport 123", NULL),
			       "'ptpport' and 'port' are both 123"));
	assert_non_null(strstr(ptp_check(true, "server a", "ptpport 320", NULL),
			       "cards and switches know no other than 319"));
	assert_non_null(strstr(ptp_check(true, "server a port 319", NULL, NULL),
			       "without 'ptpport 319' plain NTP is sent there"));
	assert_non_null(strstr(ptp_check(true, "server a extfield 10A", "ptpport 319", NULL),
			       "'extfield' is without effect"));
	assert_non_null(strstr(
		ptp_check(true, "server a port 319 extfield 10A version 3", "ptpport 319", NULL),
		"'extfield' needs version 4"));
	assert_non_null(strstr(ptp_check(true, "server a port 319 extfield 10A key 1",
					 "ptpport 319", "keyfile /k"),
			       "no key covers what switches write"));
	assert_string_equal(ptp_check(true, "server a port 319 extfield 10A key 1 trustcorrections",
				      "ptpport 319", "keyfile /k"),
			    "");
	/* Where it is the only port, peers can use it. */
	assert_string_equal(ptp_check(true, "peer a port 319 key 1", "ptpport 319", "keyfile /k"),
			    "");
	good("port 0");
	assert_true(ds_conf_check(&conf, "conf", say, NULL));
	ds_conf_defaults(&conf);
	assert_false(line("server a extfield 10B"));
	assert_non_null(strstr(said, "'extfield' takes 10A"));
	assert_true(line("server a extfield F323"));
	assert_non_null(strstr(said, "is not supported and left out"));
	assert_true(line("peer a key 1 extfield 10A"));
	assert_non_null(strstr(said, "'extfield' does not work with peers"));
	assert_false(line("ptpport 65536"));
	assert_false(line("ptpdomain 256"));
}

/* A source with an error is not kept; the next line is read all the same. */
static void test_bad_source_left_out(void **state)
{
	(void)state;
	assert_false(fresh_line("server a minpoll 99"));
	assert_int_equal(conf.source_count, 0);
	good("server b");
	assert_int_equal(conf.source_count, 1);
}

static void test_too_many_sources(void **state)
{
	(void)state;
	ds_conf_defaults(&conf);
	for (int i = 0; i < DS_CONF_SOURCES; i++)
		good("server a");
	assert_false(line("server b"));
	assert_string_equal(said, "error command line:1: more than 64 sources\n");
	assert_int_equal(conf.source_count, DS_CONF_SOURCES);
}

static void test_too_many_subnets(void **state)
{
	char text[64];

	(void)state;
	ds_conf_defaults(&conf);
	for (int i = 0; i < DS_ACCESS_RULES; i++) {
		snprintf(text, sizeof(text), "allow 10.0.%d.1", i);
		good(text);
	}
	assert_false(line("allow 10.1.0.0/16"));
	assert_string_equal(said, "error command line:1: more than 256 subnets\n");
}

static void test_too_long(void **state)
{
	static char text[2050];

	(void)state;
	ds_conf_defaults(&conf);
	memset(text, ' ', sizeof(text) - 1);
	memcpy(text, "port 124", 8);
	text[2047] = '\0';
	good(text);
	text[2047] = ' ';
	assert_false(line(text));
	assert_string_equal(said,
			    "error command line:1: the line is longer than 2047 characters\n");
	for (size_t i = 0; i < 2046; i++)
		text[i] = i % 2 ? ' ' : 'a';
	text[2046] = '\0';
	assert_false(line(text));
	assert_string_equal(said, "error command line:1: more than 128 words in a line\n");
}

static bool followed(size_t i)
{
	return !ds_conf_select(&conf, &conf.sources[i]).noselect;
}

/* Which of a source with a key and one without may be followed, and what is said of it. */
static void test_auth_select(void **state)
{
	static const struct {
		const char *mode;
		bool alone, with, without, trusted;
		const char *said;
	} cases[] = {
		{"mix", true, true, true, true, ""},
		{"ignore", true, true, true, false,
		 "warning f:0: sources with a key and without count the same; "
		 "'authselectmode mix' believes those with a key\n"},
		{"Prefer", true, true, false, false, ""},
		{"require", false, true, false, false, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[64];

		ds_conf_defaults(&conf);
		snprintf(text, sizeof(text), "authselectmode %s", cases[i].mode);
		good(text);
		good("keyfile /d/keys");
		good("server a");
		assert_true(followed(0) == cases[i].alone);
		said[0] = '\0';
		assert_true(ds_conf_check(&conf, "f", say, NULL));
		assert_string_equal(
			said, cases[i].alone
				      ? ""
				      : "warning f:0: 'authselectmode "
					"require', and no source has a key: none is followed\n");
		good("server b key 1");
		assert_true(followed(0) == cases[i].without);
		assert_true(followed(1) == cases[i].with);
		struct ds_conf_select select = ds_conf_select(&conf, &conf.sources[1]);

		assert_true(select.trust == cases[i].trusted);
		assert_true(select.require == cases[i].trusted);
		said[0] = '\0';
		assert_true(ds_conf_check(&conf, "f", say, NULL));
		assert_string_equal(said, cases[i].said);
	}
}

static void test_check(void **state)
{
	(void)state;
	ds_conf_defaults(&conf);
	said[0] = '\0';
	assert_true(ds_conf_check(&conf, "f", say, NULL));
	assert_string_equal(said,
			    "warning f:0: neither a source nor 'local': there is no time to follow "
			    "or serve\n");
	good("local");
	good("log shadow");
	good("maxsamples 4");
	assert_true(ds_conf_check(&conf, "f", say, NULL));
	assert_string_equal(said,
			    "warning f:0: 'minsamples' 6 is above 'maxsamples' 4, which counts\n"
			    "warning f:0: 'log' without 'logdir': no log file is written\n");
	good("logdir /d");
	good("maxsamples 0");
	assert_true(ds_conf_check(&conf, "f", say, NULL));
	assert_string_equal(said, "");
	good("server a key 7 version 2");
	assert_false(ds_conf_check(&conf, "f", say, NULL));
	assert_string_equal(said, "error command line:1: 'key 7' without 'keyfile'\n"
				  "error command line:1: 'key' needs version 3 or 4\n");
	conf.sources[0].version = 3;
	good("keyfile /d/keys");
	assert_true(ds_conf_check(&conf, "f", say, NULL));
	assert_string_equal(said, "");
}

/* ---- words ---- */

static const struct ds_words *const all_words[] = {
	&ds_words_directives,	    &ds_words_source_options, &ds_words_listen_options,
	&ds_words_refclock_options, &ds_words_local_options,  &ds_words_log_options};

static void test_words_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(all_words); i++)
		for (size_t j = 0; j < all_words[i]->count; j++) {
			const struct ds_word *word = &all_words[i]->list[j];
			if (j > 0)
				assert_true(strcmp(word[-1].word, word->word) < 0);
			assert_int_equal(word->reason == NULL, word->attitude == DS_WORD_SUPPORTED);
			assert_true(word->min_args <= word->max_args);
		}
}

/* Each word with values that may pass: what is said begins as its attitude asks for. */
static void test_attitudes(void **state)
{
	static const char *const begin[] = {
		[DS_WORD_NOTED] = "warning command line:1: '%s' is noted",
		[DS_WORD_WARNED] = "warning command line:1: '%s' is not",
		[DS_WORD_REFUSED] = "error command line:1: '%s' is not"};
	static const char *const before[] = {
		"", "server a ", "broadcastclient ", "refclock SHM 0 ", "local ", "log "};
	char text[256], expected[256];

	(void)state;
	for (size_t i = 0; i < COUNT(all_words); i++)
		for (size_t j = 0; j < all_words[i]->count; j++) {
			const struct ds_word *word = &all_words[i]->list[j];
			if (word->attitude == DS_WORD_SUPPORTED)
				continue;
			int length = snprintf(text, sizeof(text), "%s%s", before[i], word->word);
			for (unsigned k = 0; k < word->min_args; k++)
				length += snprintf(text + length, sizeof(text) - (size_t)length,
						   " 1");
			bool passed = fresh_line(text);
			fill(expected, sizeof(expected), begin[word->attitude], word->word);
			assert_int_equal(passed, word->attitude != DS_WORD_REFUSED);
			if (strncmp(said, expected, strlen(expected)) != 0)
				fail_msg("%s: %s", text, said);
		}
}

/* The field table and the word table agree. */
static void test_fields_are_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ds_fields_conf.count; i++)
		assert_non_null(ds_words_find(&ds_words_directives, ds_fields_conf.list[i].word));
	for (size_t i = 0; i < ds_fields_source.count; i++)
		assert_non_null(
			ds_words_find(&ds_words_source_options, ds_fields_source.list[i].word));
	assert_null(ds_fields_find(&ds_fields_conf, "server"));
}

/* chrony 4.3's directives, and those that later or earlier releases know. */
static void test_grammar_is_whole(void **state)
{
	static const char *const words[] = {"acquisitionport",
					    "allow",
					    "authselectmode",
					    "bindacqaddress",
					    "bindacqdevice",
					    "bindaddress",
					    "bindcmdaddress",
					    "bindcmddevice",
					    "binddevice",
					    "broadcast",
					    "broadcastclient",
					    "clientloglimit",
					    "clockprecision",
					    "cmdallow",
					    "cmddeny",
					    "cmdport",
					    "cmdratelimit",
					    "combinelimit",
					    "commandkey",
					    "confdir",
					    "corrtimeratio",
					    "deny",
					    "driftfile",
					    "dscp",
					    "dumpdir",
					    "dumponexit",
					    "fallbackdrift",
					    "generatecommandkey",
					    "hwclockfile",
					    "hwtimestamp",
					    "hwtstimeout",
					    "include",
					    "initstepslew",
					    "keyfile",
					    "leapseclist",
					    "leapsecmode",
					    "leapsectz",
					    "linux_freq_scale",
					    "linux_hz",
					    "local",
					    "lock_all",
					    "log",
					    "logbanner",
					    "logchange",
					    "logdir",
					    "mailonchange",
					    "makestep",
					    "manual",
					    "maxchange",
					    "maxclockerror",
					    "maxdistance",
					    "maxdrift",
					    "maxjitter",
					    "maxntsconnections",
					    "maxsamples",
					    "maxslewrate",
					    "maxupdateskew",
					    "minsamples",
					    "minsources",
					    "multicastclient",
					    "nocerttimecheck",
					    "noclientlog",
					    "nosystemcert",
					    "ntpsigndsocket",
					    "ntsaeads",
					    "ntsdumpdir",
					    "ntsntpserver",
					    "ntsport",
					    "ntsprocesses",
					    "ntsratelimit",
					    "ntsrefresh",
					    "ntsrotate",
					    "ntsservercert",
					    "ntsserverkey",
					    "ntstrustedcerts",
					    "opencommands",
					    "peer",
					    "pidfile",
					    "pool",
					    "port",
					    "ptpdomain",
					    "ptpport",
					    "ratelimit",
					    "refclock",
					    "refresh",
					    "reselectdist",
					    "rtcautotrim",
					    "rtcdevice",
					    "rtcfile",
					    "rtconutc",
					    "rtcsync",
					    "sched_priority",
					    "server",
					    "smoothtime",
					    "sourcedir",
					    "stratumweight",
					    "tempcomp",
					    "user"};
	/* not chrony's */
	static const char *const ours[] = {"boundfile",	    "clock",	 "controlgroup",
					   "controlsocket", "ephemeral", "maxasymmetry",
					   "sandbox"};

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++)
		if (ds_words_find(&ds_words_directives, words[i]) == NULL)
			fail_msg("%s is missing", words[i]);
	for (size_t i = 0; i < COUNT(ours); i++)
		assert_non_null(ds_words_find(&ds_words_directives, ours[i]));
	assert_int_equal(ds_words_directives.count, COUNT(words) + COUNT(ours));
}

static void test_nearest(void **state)
{
	static const struct {
		const char *text, *nearest;
		unsigned edits;
	} near[] = {{"sever", "server", 1},  {"SERVER", "server", 0},
		    {"sevrer", "server", 1}, {"serverr", "server", 1},
		    {"alow", "allow", 1},    {"makestpe", "makestep", 1},
		    {"polo", "pool", 1},     {"drift-file", "driftfile", 1},
		    {"", "log", 3},	     {"bindadress", "bindaddress", 1}};
	char longest[300];
	unsigned edits;

	(void)state;
	for (size_t i = 0; i < COUNT(near); i++) {
		const struct ds_word *word =
			ds_words_nearest(&ds_words_directives, near[i].text, &edits);
		assert_string_equal(word->word, near[i].nearest);
		assert_int_equal(edits, near[i].edits);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_non_null(ds_words_nearest(&ds_words_directives, longest, &edits));
	assert_in_range(edits, 55, 64);
}

/* ---- files ---- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/drivestamp-conf-XXXXXX");
	ds_conf_defaults(&conf);
	said[0] = '\0';
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	(void)state;
	int status = nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	folder[0] = '\0';
	return status;
}

static const char *in_folder(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_bytes(const char *name, const char *text, size_t length)
{
	FILE *out = fopen(in_folder(name), "we");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, length, out), length);
	assert_int_equal(fclose(out), 0);
}

/* "@" in text stands for the folder. */
static void write_text(const char *name, const char *text)
{
	char whole[4096] = "";
	size_t length = 0;

	for (; *text != '\0'; text++)
		if (*text == '@')
			length += (size_t)snprintf(whole + length, sizeof(whole) - length, "%s",
						   folder);
		else
			whole[length++] = *text;
	assert_true(length < sizeof(whole));
	write_bytes(name, whole, length);
}

static bool read_conf(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return ds_conf_read_file(&conf, path, say, NULL);
}

static void test_file(void **state)
{
	(void)state;
	write_text("a.conf", "# comment\n\nserver a\r\nsever b\nport x\nport 124\nserver c");
	assert_false(read_conf("a.conf"));
	assert_string_equal(
		said, "error a.conf:4: unknown directive 'sever': did you mean 'server'?\n"
		      "error a.conf:5: 'port' takes a whole number from 0 to 65535, not 'x'\n");
	assert_int_equal(conf.port, 124);
	assert_int_equal(conf.source_count, 2);
	assert_int_equal(conf.sources[1].line, 7);
	assert_string_equal(conf.sources[1].file, in_folder("a.conf"));
}

static void test_missing_file(void **state)
{
	char expected[256];

	(void)state;
	assert_false(read_conf("none.conf"));
	snprintf(expected, sizeof(expected),
		 "error none.conf:0: cannot open '%s/none.conf': No such file or directory\n",
		 folder);
	assert_string_equal(said, expected);
	said[0] = '\0';
	assert_int_equal(mkdir(in_folder("d.conf"), 0700), 0);
	assert_false(read_conf("d.conf"));
	assert_string_equal(said, "error d.conf:0: cannot read: Is a directory\n");
}

static void test_bad_bytes(void **state)
{
	static const char nul[] = "port 1\0 24\nport 125\n\0";
	char longest[2 * 2048 + 10];

	(void)state;
	write_bytes("nul.conf", nul, sizeof(nul) - 1);
	assert_false(read_conf("nul.conf"));
	assert_string_equal(said, "error nul.conf:1: the line holds a NUL byte\n"
				  "error nul.conf:3: the line holds a NUL byte\n");
	assert_int_equal(conf.port, 125);
	said[0] = '\0';
	memset(longest, '#', sizeof(longest));
	longest[2047] = '\n'; /* just fits */
	longest[2048 + 2048] = '\n';
	write_bytes("long.conf", longest, sizeof(longest));
	assert_false(read_conf("long.conf"));
	assert_string_equal(said, "error long.conf:2: the line is longer than 2047 characters\n");
}

static void test_confdir(void **state)
{
	(void)state;
	assert_int_equal(mkdir(in_folder("one"), 0700) + mkdir(in_folder("two"), 0700), 0);
	write_text("one/20.conf", "server one-20\n");
	write_text("one/10.conf", "server one-10\n");
	write_text("one/.00.conf", "server hidden\n");
	write_text("one/30.txt", "server text\n");
	write_text("one/.conf", "server bare\n");
	write_text("two/15.conf", "server two-15\n");
	write_text("two/20.conf", "server two-20\n");
	write_text("two/90.conf", "prot 1\n");
	write_text("main.conf", "server first\nconfdir @/none @/one @/two\nserver last\n");
	assert_false(read_conf("main.conf"));
	assert_string_equal(
		said, "error two/90.conf:1: unknown directive 'prot': did you mean 'port'?\n");
	assert_int_equal(conf.source_count, 5);
	assert_string_equal(conf.sources[0].name, "first");
	assert_string_equal(conf.sources[1].name, "one-10");
	assert_string_equal(conf.sources[2].name, "two-15");
	assert_string_equal(conf.sources[3].name, "one-20");
	assert_string_equal(conf.sources[4].name, "last");
	assert_false(conf.sources[1].from_sourcedir);
}

static void test_sourcedir(void **state)
{
	(void)state;
	assert_int_equal(mkdir(in_folder("s"), 0700), 0);
	write_text("s/a.sources", "# dhcp\nserver a iburst\npool b\nserver half");
	write_text("s/b.sources", "port 0\npeer c\n");
	write_text("s/c.conf", "server c\n");
	write_text("main.conf", "sourcedir @/s\n");
	assert_false(read_conf("main.conf"));
	assert_string_equal(
		said, "warning s/a.sources:4: left out: the line is not ended by a newline\n"
		      "error s/b.sources:1: 'port' does not belong in a file of sources: "
		      "'server', 'pool' and 'peer' do\n"
		      "warning s/b.sources:2: 'peer' without 'key': whoever guesses when it sends "
		      "can forge its packets\n");
	assert_int_equal(conf.source_count, 3);
	assert_true(conf.sources[0].from_sourcedir && conf.sources[1].from_sourcedir);
	assert_true(conf.sources[0].iburst && conf.sources[1].pool);
	assert_int_equal(conf.port, 123);
}

static void test_peers(void **state)
{
	(void)state;
	ds_conf_defaults(&conf);
	good("peer a key 5 xleave minpoll 4 maxpoll 5 prefer noselect port 124 offset 1e-3");
	good("ephemeral key 7 maxpeers 3 xleave minpoll 4 noselect");
	assert_int_equal(conf.sources[0].kind, DS_SOURCE_PEER);
	assert_string_equal(conf.sources[0].name, "a");
	assert_true(conf.sources[0].key == 5 && conf.sources[0].xleave && conf.sources[0].noselect);
	assert_int_equal(conf.sources[0].port, 124);
	assert_int_equal(conf.sources[1].kind, DS_SOURCE_EPHEMERAL);
	assert_string_equal(conf.sources[1].name, "");
	assert_true(conf.sources[1].key == 7 && conf.sources[1].max_peers == 3);
	assert_true(ds_conf_shares_port(&conf));
	message("peer a", "warning command line:1: 'peer' without 'key': whoever guesses when it "
			  "sends can forge its packets");
	message("peer a key 1 iburst",
		"warning command line:1: 'iburst' does not work with peers and is left out");
	message("peer a key 1 presend 6",
		"error command line:1: 'presend' does not work with peers: no answer is asked for");
	message("peer a key 1 maxpeers 2",
		"error command line:1: 'maxpeers' is an option of 'ephemeral' alone");
	message("ephemeral maxpeers 2",
		"error command line:1: 'ephemeral' needs 'key': who are its peers?");
	message("ephemeral key 1 maxpeers 17",
		"error command line:1: 'maxpeers' takes a whole number from 1 to 16, not '17'");
	message("ephemeral key 1 port 124",
		"error command line:1: 'port' is no option of 'ephemeral'");
	ds_conf_defaults(&conf);
	good("peer a key 5");
	good("keyfile /k");
	good("port 0");
	assert_false(ds_conf_check(&conf, "f", say, NULL));
	assert_non_null(strstr(said, "needs the port that 'port 0' closes"));
}

static void test_directories_bad(void **state)
{
	char text[600], expected[400];

	(void)state;
	write_text("file", "");
	snprintf(text, sizeof(text), "confdir %s/file", folder);
	assert_false(line(text));
	snprintf(expected, sizeof(expected),
		 "error command line:1: cannot open '%s/file': Not a directory\n", folder);
	assert_string_equal(said, expected);
	memset(text, 'd', sizeof(text));
	memcpy(text, "sourcedir ", 10);
	text[10 + 256] = '\0';
	assert_false(line(text));
	assert_string_equal(said, "error command line:1: the path is longer than 255 characters\n");
	memcpy(text, "include   ", 10);
	assert_false(line(text));
	assert_string_equal(said, "error command line:1: the path is longer than 255 characters\n");
}

static void test_too_many_files(void **state)
{
	char name[64], text[128];

	(void)state;
	for (int i = 0; i <= 256; i++) {
		snprintf(name, sizeof(name), "%03d.conf", i);
		write_text(name, "\n");
	}
	snprintf(text, sizeof(text), "confdir %s", folder);
	assert_false(line(text));
	assert_string_equal(said, "error command line:1: more than 256 files\n");
	remove(in_folder("256.conf"));
	assert_true(line(text));
}

static void test_include(void **state)
{
	(void)state;
	write_text("main.conf", "include @/i-*.conf\ninclude @/j.conf\nport 5\n");
	write_text("i-1.conf", "port 1\nserver i1\n");
	write_text("i-2.conf", "port 2\nserver i2\nprot\n");
	write_text("j.conf", "port 3\n\nserver j\n");
	assert_false(read_conf("main.conf"));
	assert_string_equal(said,
			    "error i-2.conf:3: unknown directive 'prot': did you mean 'port'?\n");
	assert_int_equal(conf.port, 5);
	assert_string_equal(conf.sources[0].name, "i1");
	assert_string_equal(conf.sources[2].name, "j");
	assert_int_equal(conf.sources[2].line, 3);
}

static void test_include_depth(void **state)
{
	char name[32], text[64];

	(void)state;
	for (int i = 0; i < 11; i++) {
		snprintf(name, sizeof(name), "%d.conf", i);
		snprintf(text, sizeof(text), "include @/%d.conf\n", i + 1);
		write_text(name, text);
	}
	write_text("10.conf", "port 77\n");
	assert_true(read_conf("0.conf"));
	assert_int_equal(conf.port, 77);
	write_text("self.conf", "include @/self.conf\n");
	assert_false(read_conf("self.conf"));
	assert_string_equal(said,
			    "error self.conf:1: files include each other more than 10 deep\n");
}

static void count_totals(void *context, bool error, const char *file, int number, const char *text)
{
	(void)file, (void)number;
	*(int *)context += error && strcmp(text, "more than 1024 files in all") == 0;
}

static void test_files_without_end(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "%d.conf", i);
		write_text(name, "confdir @\nconfdir @\n");
	}
	int told = 0;
	assert_false(ds_conf_read_file(&conf, in_folder("0.conf"), count_totals, &told));
	assert_int_equal(told, 1);
}

/* The shape of the file that Debian ships: it must start the daemon, with warnings at most. */
static void test_debian(void **state)
{
	(void)state;
	write_text("chrony.conf", "confdir @/conf.d\npool 2.debian.pool.ntp.org iburst\n"
				  "sourcedir @/dhcp\nsourcedir @/sources.d\nkeyfile @/chrony.keys\n"
				  "driftfile @/chrony.drift\nntsdumpdir @/lib\n#log tracking\n"
				  "logdir @/log\nmaxupdateskew 100.0\nrtcsync\nmakestep 1 3\n"
				  "leapsectz right/UTC\n");
	assert_true(read_conf("chrony.conf"));
	assert_string_equal(
		said,
		"warning chrony.conf:7: 'ntsdumpdir' is not supported and left out: only used with NTS, "
		"which is refused where it is asked for\n");
	assert_string_equal(conf.leap_zone, "right/UTC");
	assert_int_equal(conf.source_count, 1);
	assert_true(conf.sources[0].pool && conf.sources[0].iburst && conf.rtc_sync);
	assert_true(conf.makestep_threshold_s == 1 && conf.makestep_limit == 3);
	assert_true(conf.max_update_skew_ppm == 100);
}

/* ---- printing ---- */

static uint64_t random_state = 88172645463325252ULL;

static uint64_t draw(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % limit;
}

static double draw_between(double least, double most)
{
	switch (draw(4)) {
	case 0:
		return least;
	case 1:
		return most;
	default:
		return least + (most - least) * ((double)draw(1ULL << 53) / 9007199254740992.0);
	}
}

/* Print the configuration, read that, and give back what was read. */
static void reread(const struct ds_conf *from, struct ds_conf *to)
{
	static char text[262144];
	FILE *out = fmemopen(text, sizeof(text), "w");
	char *rest, *next;

	assert_non_null(out);
	ds_conf_print(from, out);
	assert_int_equal(fclose(out), 0);
	ds_conf_defaults(to);
	said[0] = '\0';
	for (next = strtok_r(text, "\n", &rest); next != NULL; next = strtok_r(NULL, "\n", &rest))
		if (!ds_conf_read_line(to, next, 1, say, NULL))
			fail_msg("%s: %s", next, said);
}

static void random_fields(const struct ds_fields *fields, void *base)
{
	char text[64], why[DS_FIELD_WHY];

	for (size_t i = 0; i < fields->count; i++) {
		const struct ds_field *f = &fields->list[i];
		if (draw(3) != 0)
			continue;
		if (f->type == DS_FIELD_TEXT)
			snprintf(text, sizeof(text), draw(6) ? "/p%llu" : "none",
				 (unsigned long long)draw(99));
		else
			snprintf(text, sizeof(text), f->type == DS_FIELD_DOUBLE ? "%.17g" : "%.0f",
				 draw_between(f->min, f->max));
		assert_true(ds_field_set(f, base, text, why));
	}
}

static void random_source(struct ds_conf_source *s)
{
	random_fields(&ds_fields_source, s);
	if (s->minpoll > s->maxpoll)
		s->maxpoll = s->minpoll;
	if (s->max_samples > 0 && s->min_samples > s->max_samples)
		s->max_samples = s->min_samples;
	if (!s->pool)
		s->max_sources = 4;
	if (s->kind != DS_SOURCE_EPHEMERAL)
		s->max_peers = 1;
	if (s->kind == DS_SOURCE_EPHEMERAL && s->key == 0)
		s->key = 7;
	s->corrections = s->kind == DS_SOURCE_CLIENT && draw(2);
	if (s->kind != DS_SOURCE_CLIENT) {
		s->iburst = s->burst = s->trust_corrections = false;
		s->presend = 100;
	}
	if (s->kind == DS_SOURCE_EPHEMERAL) {
		s->offline_ = false;
		s->port = 123;
		return;
	}
	s->family = (const sa_family_t[]){AF_UNSPEC, AF_INET, AF_INET6}[draw(3)];
}

static void random_conf(struct ds_conf *c)
{
	char text[64], number[16];

	ds_conf_defaults(c);
	random_fields(&ds_fields_conf, c);
	for (uint64_t i = draw(8); i > 0; i--) {
		static const char *const words[] = {"server h%s.example", "pool h%s.example",
						    "peer h%s.example", "ephemeral key %s"};
		const char *pattern = words[draw(4)];
		snprintf(number, sizeof(number), "%d", 1 + (int)draw(100));
		fill(text, sizeof(text), pattern, number);
		assert_true(ds_conf_read_line(c, text, 1, say, NULL));
		random_source(&c->sources[c->source_count - 1]);
	}
	for (uint64_t i = draw(12); i > 0; i--) {
		snprintf(text, sizeof(text), draw(2) ? "%s 10.%d.0.0/%d" : "%s 2001:db8:%d::/%d",
			 draw(2) ? "allow" : "deny", (int)draw(4), (int)draw(33));
		assert_true(ds_conf_read_line(c, text, 1, say, NULL));
	}
	for (int i = 0; i < DS_CONF_BINDS; i++) {
		ds_address_parse(i ? "fe80::7" : "192.0.2.7", 0,
				 draw(2) ? &c->bind[i] : &c->bind_acq[i]);
	}
	c->local = draw(2);
	if (c->local) {
		c->local_stratum = (uint8_t)(1 + draw(15));
		c->local_orphan = draw(2);
		c->local_distance_s = draw_between(1e-9, 1e6);
		c->local_activate_s = draw(2) ? 0 : draw_between(1e-9, 1e6);
		c->local_wait_synced_s = draw(2) ? 0 : draw_between(1e-9, 1e6);
		c->local_wait_unsynced_s = draw(2) ? DS_CONF_WAIT_BY_KIND : draw_between(1e-9, 1e6);
	}
	c->log_measurements = draw(2);
	c->log_raw_measurements = draw(2);
	c->log_statistics = draw(2);
	c->log_tracking = draw(2);
	c->log_shadow = draw(2);
	c->log_selection = draw(2);
	c->log_stamps = draw(2);
	if (draw(2)) {
		c->makestep_threshold_s = draw_between(1e-9, 1e9);
		c->makestep_limit = (int)draw(200) - 100;
	}
}

static void test_round_trip(void **state)
{
	static struct ds_conf from, to;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		random_conf(&from);
		reread(&from, &to);
		assert_int_equal(to.source_count, from.source_count);
		assert_int_equal(to.access.count, from.access.count);
		assert_memory_equal(&to, &from, sizeof(to));
	}
}

/* The options that selection reads, and those that `authselectmode mix` gives. */
static void test_select_options(void **state)
{
	struct ds_conf_select select;

	(void)state;
	ds_conf_defaults(&conf);
	good("server a prefer trust require minstratum 3");
	good("server b noselect key 2");
	good("server c noselect trust");
	good("local stratum 9 orphan distance 0.5 activate 0.1 waitsynced 20 waitunsynced 3");
	select = ds_conf_select(&conf, &conf.sources[0]);
	assert_true(select.prefer && select.trust && select.require && !select.noselect);
	assert_int_equal(conf.sources[0].min_stratum, 3);
	/* What is only measured is left as it is, and makes nobody the trusted one. */
	select = ds_conf_select(&conf, &conf.sources[1]);
	assert_true(select.noselect && !select.trust && !select.require);
	select = ds_conf_select(&conf, &conf.sources[2]);
	assert_true(select.noselect && select.trust && !select.require);
	assert_true(conf.local_orphan && conf.local_stratum == 9);
	assert_true(conf.local_distance_s == 0.5 && conf.local_activate_s == 0.1);
	assert_true(conf.local_wait_synced_s == 20 && conf.local_wait_unsynced_s == 3);
}

static void test_print(void **state)
{
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	ds_conf_defaults(&conf);
	good("makestep 0.1 -1");
	good("authselectmode require");
	good("pool p.example.net iburst maxsources 3 offset 1e-3");
	good("allow 192.0.2");
	good("maxdistance 16");
	good("log tracking measurements");
	ds_conf_print(&conf, out);
	fclose(out);
	assert_string_equal(text, "pool p.example.net iburst maxsources 3 offset 0.001\n"
				  "allow 192.0.2.0/24\nmaxdistance 16\nauthselectmode require\n"
				  "makestep 0.1 -1\n"
				  "log measurements tracking\n");
}

/* ---- leap seconds ---- */

static void test_leap_round_trip(void **state)
{
	static const char lines[] = "leapseclist /d/leap-seconds.list\nleapsectz right/UTC\n"
				    "leapsecmode slew\nsmoothtime 400 0.001024 leaponly\n";
	char again[1024] = "";
	char text[1024];
	FILE *out;

	(void)state;
	ds_conf_defaults(&conf);
	assert_int_equal(conf.leap_mode, DS_LEAP_BY_KERNEL);
	memcpy(text, lines, sizeof(lines));
	for (char *rest = text, *at; (at = strsep(&rest, "\n")) != NULL;)
		good(at);
	assert_int_equal(conf.leap_mode, DS_LEAP_BY_SLEW);
	assert_true(conf.smooth_freq_ppm == 400 && conf.smooth_wander_ppm == 0.001024);
	assert_true(conf.smooth_leap_only);
	out = fmemopen(again, sizeof(again), "w");
	ds_conf_print(&conf, out);
	fclose(out);
	assert_string_equal(again, lines);
	good("smoothtime 50000 0.01");
	assert_false(conf.smooth_leap_only);
	for (size_t i = 0; i < 4; i++) {
		static const char *const modes[] = {"leapsecmode System", "leapsecmode step",
						    "leapsecmode slew", "leapsecmode IGNORE"};

		good(modes[i]);
		assert_int_equal(conf.leap_mode, i);
	}
}

static void test_leap_errors(void **state)
{
	(void)state;
	assert_false(fresh_line("leapsecmode smear"));
	assert_string_equal(said, "error command line:1: 'leapsecmode' takes system, step, slew or "
				  "ignore, not 'smear'\n");
	assert_false(fresh_line("smoothtime 400 0.001 always"));
	assert_string_equal(said,
			    "error command line:1: the third value of 'smoothtime' can only be "
			    "leaponly, not 'always'\n");
	assert_false(fresh_line("smoothtime 0 0.001"));
	assert_string_equal(said, "error command line:1: 'smoothtime' takes a number from 1e-06 to "
				  "100000, not '0'\n");
	assert_false(fresh_line("smoothtime 400 -1"));
	assert_true(conf.smooth_freq_ppm == 0);
	assert_false(fresh_line("smoothtime 400"));
	/* What does not go together. */
	assert_true(fresh_line("smoothtime 400 0.001 leaponly"));
	conf.local = true;
	assert_false(ds_conf_check(&conf, "f", say, NULL));
	assert_true(fresh_line("smoothtime 400 0.001"));
	conf.local = true;
	assert_true(ds_conf_check(&conf, "f", say, NULL));
	assert_string_equal(said, "warning f:0: 'smoothtime' does not smooth leap seconds without "
				  "'leapsecmode slew'\n");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

/* ---- cards ---- */

static void test_card_values(void **state)
{
	const struct ds_conf_card *c = &conf.cards[0];

	(void)state;
	ds_conf_defaults(&conf);
	assert_true(conf.hwts_timeout_s == 0.01);
	good("HWtimestamp eth0");
	assert_string_equal(c->interface, "eth0");
	assert_int_equal(c->minpoll, 0);
	assert_int_equal(c->maxpoll, 1);
	assert_int_equal(c->min_samples, 2);
	assert_int_equal(c->max_samples, 16);
	assert_int_equal(c->filter, DS_CONF_FILTER_BEST);
	assert_true(c->precision_s == 1e-7 && c->txcomp_s == 0 && c->rxcomp_s == 0);
	assert_false(c->nocrossts);
	assert_null(ds_conf_card_of(&conf, "eth1"));
	good("hwtimestamp * minpoll -3 rxfilter PTP NoCrossTS");
	assert_int_equal(conf.cards[1].maxpoll, -2);
	assert_int_equal(conf.cards[1].filter, DS_CONF_FILTER_PTP);
	assert_true(conf.cards[1].nocrossts);
	assert_ptr_equal(ds_conf_card_of(&conf, "eth1"), &conf.cards[1]);
	assert_ptr_equal(ds_conf_card_of(&conf, "eth0"), c);
	assert_int_equal(conf.cards[1].line, 1);
	for (int i = 2; i < DS_CONF_CARDS; i++) {
		char line[64];

		snprintf(line, sizeof(line), "hwtimestamp e%d", i);
		good(line);
	}
	assert_int_equal(conf.card_count, DS_CONF_CARDS);
	assert_false(line("hwtimestamp one-too-many"));
	assert_string_equal(said, "error command line:1: more than 16 lines 'hwtimestamp'\n");
}

static void test_card_round_trip(void **state)
{
	static const char lines[] =
		"hwtimestamp eth0 maxpoll 4 maxsamples 64 minpoll 2 minsamples 4 nocrossts "
		"precision 5e-08 rxcomp -1e-07 txcomp 2.5e-07 rxfilter all\n"
		"hwtimestamp * rxfilter none\n"
		"hwtstimeout 0.001\n";
	char again[1024] = "";
	char text[1024];
	FILE *out;

	(void)state;
	ds_conf_defaults(&conf);
	memcpy(text, lines, sizeof(lines));
	for (char *rest = text, *at; (at = strsep(&rest, "\n")) != NULL;)
		ds_conf_read_line(&conf, at, 1, say, NULL);
	out = fmemopen(again, sizeof(again), "w");
	ds_conf_print(&conf, out);
	fclose(out);
	assert_string_equal(again, lines);
}

static void test_card_messages(void **state)
{
	(void)state;
	ds_conf_defaults(&conf);
	message("hwtimestamp an-interface-too-long",
		"error command line:1: 'an-interface-too-long' is no name of an interface: it takes 1 "
		"to 15 characters");
	message("hwtimestamp eth0 minpoll 4 maxpoll 3",
		"error command line:1: 'maxpoll' 3 is below 'minpoll' 4");
	message("hwtimestamp eth0 minsamples 20",
		"error command line:1: 'minsamples' 20 is above 'maxsamples' 16");
	message("hwtimestamp eth0 maxsamples 65",
		"error command line:1: 'maxsamples' takes a whole number from 2 to 64, not '65'");
	message("hwtimestamp eth0 rxfilter ptpv2",
		"error command line:1: 'rxfilter' takes none, ntp, ptp or all, not 'ptpv2'");
	message("hwtimestamp eth0 precision", "error command line:1: 'precision' needs a value");
	message("hwtimestamp eth0 txcomp 2",
		"error command line:1: 'txcomp' takes a number from -1 to 1, not '2'");
	message("hwtimestamp eth0 hwtstimeout 1",
		"error command line:1: unknown option of 'hwtimestamp' 'hwtstimeout': there are "
		"minpoll, maxpoll, minsamples, maxsamples, precision, txcomp, rxcomp, nocrossts and "
		"rxfilter");
	message("hwtstimeout -1",
		"error command line:1: 'hwtstimeout' takes a number from 0 to 1, not '-1'");
	assert_int_equal(conf.card_count, 0);
	ds_conf_defaults(&conf);
	good("hwtimestamp eth0");
	assert_false(line("hwtimestamp eth0 minpoll 1"));
	assert_string_equal(said,
			    "error command line:1: 'hwtimestamp eth0' stands in line 1 already\n");
}

/* ---- broadcasts ---- */

static void test_broadcast_round_trip(void **state)
{
	static const char lines[] =
		"multicastclient 224.0.1.1 key 7 maxsources 2 prefer dev eth0\n"
		"broadcastclient noselect unauthenticated from 192.0.2.0/24 from 2001:db8::/32\n"
		"broadcast 0.25 192.0.2.255 1123 key 7 ttl 3 version 3 xleave\n"
		"broadcast 64 ff02::101 xleave dev eth0\n"
		"keyfile /d/keys\n";
	char again[1024] = "";
	char text[1024];
	FILE *out;

	(void)state;
	ds_conf_defaults(&conf);
	memcpy(text, lines, sizeof(lines));
	for (char *rest = text, *at; (at = strsep(&rest, "\n")) != NULL;)
		ds_conf_read_line(&conf, at, 1, say, NULL);
	assert_int_equal(conf.listen_count, 2);
	assert_int_equal(conf.broadcast_count, 2);
	assert_true(ds_conf_check(&conf, "f", say, NULL));
	out = fmemopen(again, sizeof(again), "w");
	ds_conf_print(&conf, out);
	fclose(out);
	assert_string_equal(again, lines);
}

static void test_broadcast_values(void **state)
{
	const struct ds_conf_listen *l = &conf.listens[0];
	const struct ds_conf_broadcast *b = &conf.broadcasts[0];

	(void)state;
	ds_conf_defaults(&conf);
	good("BroadcastClient KEY 9");
	good("broadcast 60 192.0.2.255");
	assert_int_equal(l->source.kind, DS_SOURCE_LISTENER);
	assert_int_equal(l->source.key, 9);
	assert_int_equal(l->source.max_sources, 4);
	assert_true(l->source.xleave && !l->unauthenticated);
	assert_true(b->interval_s == 60 && !b->xleave);
	assert_int_equal(ds_address_port(&b->address), 123);
	assert_int_equal(b->ttl, 1);
	assert_int_equal(b->version, 4);
	assert_true(ds_conf_shares_port(&conf));
	good("keyfile k");
	good("port 0");
	assert_false(ds_conf_check(&conf, "f", say, NULL));
	good("port 123");
	assert_true(ds_conf_hears_broadcasts(&conf));
	good("bindaddress 192.0.2.1");
	assert_true(ds_conf_check(&conf, "f", say, NULL));
	good("multicastclient 224.0.1.1 key 9");
	assert_false(ds_conf_check(&conf, "f", say, NULL));
	ds_conf_defaults(&conf);
	good("multicastclient 224.0.1.1 key 9");
	assert_false(ds_conf_hears_broadcasts(&conf));
}

static void test_broadcast_messages(void **state)
{
	(void)state;
	message("broadcastclient",
		"error command line:1: 'broadcastclient' without a key would follow whoever can "
		"send a packet here: give 'key ID', or the word 'unauthenticated'");
	message("multicastclient 224.0.1.1 key 1 unauthenticated",
		"error command line:1: 'multicastclient': 'key' and 'unauthenticated' exclude each "
		"other");
	message("multicastclient 192.0.2.1 key 1",
		"error command line:1: 'multicastclient' takes a multicast group, not '192.0.2.1'");
	message("multicastclient ff02::1%lo key 1",
		"error command line:1: 'ff02::1%lo': name the interface with 'dev'");
	message("broadcastclient key 1 dev eth0",
		"error command line:1: 'dev' of 'broadcastclient' has no meaning: broadcasts come "
		"by any");
	message("broadcastclient key 1 iburst",
		"error command line:1: unknown option of a listener to broadcasts 'iburst': the "
		"nearest known word is 'trust'");
	message("broadcastclient key 1 from", "error command line:1: 'from' needs a value");
	message("broadcastclient key 1 from all",
		"error command line:1: 'all' is neither an address nor a subnet");
	message("broadcastclient key 0",
		"error command line:1: 'key' takes a whole number from 1 to 4294967295, not '0'");
	message("broadcast 0 192.0.2.255",
		"error command line:1: 'broadcast' takes a number from 0.015625 to 131072, not '0'");
	message("broadcast 1 host",
		"error command line:1: 'broadcast' takes a numeric address, not 'host'");
	message("broadcast 1 192.0.2.255 0",
		"error command line:1: 'broadcast' takes a whole number from 1 to 65535, not '0'");
	message("broadcast 1 2001:db8::1",
		"error command line:1: '2001:db8::1' is no multicast group: IPv6 has no broadcast");
	message("broadcast 1 192.0.2.255 ttl 0",
		"error command line:1: 'ttl' takes a whole number from 1 to 255, not '0'");
	message("broadcast 1 192.0.2.255 dev an-interface-too-long",
		"error command line:1: 'an-interface-too-long' is no name of an interface: it is too "
		"long");
	message("broadcast 1 192.0.2.255 burst",
		"error command line:1: unknown option of 'broadcast' 'burst': there are key, xleave, "
		"ttl, version and dev");
	message("broadcast 1 192.0.2.255 key", "error command line:1: 'key' needs a value");
	message("broadcast 1 192.0.2.255 xleave version 3",
		"warning command line:1: 'xleave' needs version 4: these broadcasts stay basic");
}

/* ---- reference clocks ---- */

static void test_refclock_round_trip(void **state)
{
	static const char lines_[] =
		"refclock SHM 1 refid GPS delay 0.1 dpoll -2 filter 32 offset 0.5 poll 3 precision "
		"1e-07 noselect\n"
		"refclock SHM 255:perm=0660 refid SHM1\n"
		"refclock SOCK /run/gps.sock:perm=0620:owner=root:group=dialout refid PPS lock GPS "
		"maxdispersion 0.001 maxlockage 5 pps rate 5 stratum 2 width 0.1\n"
		"refclock PPS /dev/pps0:clear refid PPS3 poll -3 maxsamples 32 minsamples "
		"8 prefer\n"
		"refclock PHC eth0:nocrossts:extpps:clear:pin=1:channel=2 refid PHC4 tai trust\n"
		"refclock RTC /dev/rtc0:utc refid RTC5\n"
		"log refclocks\n";
	char text[2048], copy[2048];
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	ds_conf_defaults(&conf);
	snprintf(copy, sizeof(copy), "%s", lines_);
	for (char *rest = copy, *one; (one = strsep(&rest, "\n")) != NULL;)
		good(one);
	assert_int_equal(conf.refclock_count, 6);
	ds_conf_print(&conf, out);
	fclose(out);
	assert_string_equal(text, lines_);
}

static void test_refclock_values(void **state)
{
	const struct ds_conf_refclock *c = &conf.refclocks[0];

	(void)state;
	ds_conf_defaults(&conf);
	good("refclock shm 0");
	assert_int_equal(c->driver, DS_REFCLOCK_SHM);
	assert_int_equal(c->source.kind, DS_SOURCE_REFCLOCK);
	assert_int_equal(c->perm, 0600);
	assert_int_equal(c->poll_log2, 4);
	assert_int_equal(c->source.minpoll, 4);
	assert_int_equal(c->source.maxpoll, 4);
	assert_int_equal(c->dpoll_log2, 0);
	assert_int_equal(c->filter, 64);
	assert_int_equal(c->max_lock_age, 2);
	assert_true(c->delay_s > 0.9e-9 && c->delay_s < 1.1e-9);
	assert_true(c->precision_s == 0 && c->offset_s == 0 && c->rate_hz == 1 && c->width_s == 0);
	assert_string_equal(c->ref_id, "SHM0");
	assert_string_equal(c->source.name, "SHM0");
	good("refclock SOCK /a dpoll 6"); /* no longer than the poll */
	assert_int_equal(conf.refclocks[1].dpoll_log2, 4);
	assert_string_equal(conf.refclocks[1].ref_id, "SOC1");
	for (int i = 2; i < DS_CONF_REFCLOCKS; i++)
		good("refclock SHM 0");
	assert_false(line("refclock SHM 0"));
	assert_string_equal(said, "error command line:1: more than 16 reference clocks\n");
	/* a reference clock is as good as a source with a key */
	conf.auth_select = DS_AUTH_SELECT_REQUIRE;
	assert_false(ds_conf_select(&conf, &c->source).noselect);
	ds_conf_check(&conf, "conf", say, NULL);
	assert_null(strstr(said, "no source has a key"));
}

static void test_refclock_messages(void **state)
{
	(void)state;
#define REFCLOCK(line_, text)                                                                      \
	ds_conf_defaults(&conf);                                                                   \
	message("refclock " line_, "error command line:1: " text);                                 \
	assert_int_equal(conf.refclock_count, 0)
	REFCLOCK("SHN 0", "unknown driver of a reference clock 'SHN': did you mean 'SHM'?");
	REFCLOCK("SHM x", "'refclock SHM' takes a unit from 0 to 255, not 'x'");
	REFCLOCK("SHM 256", "'refclock SHM' takes a unit from 0 to 255, not '256'");
	REFCLOCK("SHM 0:prem=0600",
		 "unknown option of the driver SHM 'prem': the nearest is 'perm'");
	REFCLOCK("SHM 0:perm=8", "'perm' takes octal rights up to 0777, not '8'");
	REFCLOCK("SHM 0:perm=1777", "'perm' takes octal rights up to 0777, not '1777'");
	REFCLOCK("SHM 0:perm", "'perm' needs '=' and a value");
	REFCLOCK("SHM 0:", "unknown option of the driver SHM '': the nearest is 'perm'");
	REFCLOCK("PPS /dev/pps0:clear=1", "'clear' takes no value");
	REFCLOCK("PPS :clear", "'refclock PPS' takes a path of 1 to 255 characters");
	REFCLOCK("PHC eth0:pin=-1", "'pin' takes a whole number from 0 to 255, not '-1'");
	REFCLOCK("SOCK /a:owner=", "'owner' takes a name of 1 to 63 characters, not ''");
	REFCLOCK("SHM 0 pol 3", "unknown option of a reference clock 'pol': did you mean 'poll'?");
	REFCLOCK("SHM 0 poll", "'poll' needs a value");
	REFCLOCK("SHM 0 poll 25", "'poll' takes a whole number from -6 to 24, not '25'");
	REFCLOCK("SHM 0 filter 0", "'filter' takes a whole number from 1 to 256, not '0'");
	REFCLOCK("SHM 0 refid GPSGPS", "'refid' takes 1 to 4 printable characters, not 'GPSGPS'");
	REFCLOCK("SHM 0 lock SHM0", "'lock SHM0': a reference clock cannot be locked to itself");
	REFCLOCK("PPS /a rate 2.5", "'rate' takes a whole number above 1");
	REFCLOCK("PPS /a rate 10 width 0.1",
		 "'width' must be shorter than the interval of the pulses");
	REFCLOCK("SHM 0 minsamples 9 maxsamples 8", "'minsamples' 9 is above 'maxsamples' 8");
	REFCLOCK("SHM 0 local", "'local' is not supported: a clock that only runs evenly would be "
				"taken for the time");
	ds_conf_defaults(&conf);
	message("refclock SHM", "error command line:1: 'refclock' takes at least 2 values, not 1");
	message("refclock SHM 0 maxunreach 5",
		"warning command line:1: 'maxunreach' is not supported and left out: a source "
		"counts for as long as its distance allows");
}

static void check_refclocks(const char *const *lines_, const char *expected)
{
	ds_conf_defaults(&conf);
	for (; *lines_ != NULL; lines_++)
		good(*lines_);
	said[0] = '\0';
	ds_conf_check(&conf, "conf", say, NULL);
	assert_string_equal(said, expected);
}

static void test_refclock_check(void **state)
{
	(void)state;
	check_refclocks((const char *const[]){"refclock SHM 0", NULL}, "");
	check_refclocks(
		(const char *const[]){"refclock SHM 0 tai", NULL},
		"error command line:1: 'tai' needs 'leapseclist' or 'leapsectz': what is TAI "
		"in UTC?\n");
	check_refclocks((const char *const[]){"refclock SHM 0 tai", "leapseclist /a", NULL}, "");
	check_refclocks((const char *const[]){"refclock PPS /a lock GPS", NULL},
			"error command line:1: 'lock GPS': no other reference clock has this "
			"'refid'\n");
	check_refclocks(
		(const char *const[]){"refclock PPS /a lock GPS", "refclock SHM 0 refid GPS", NULL},
		"");
	check_refclocks((const char *const[]){"refclock PPS /a lock GPS",
					      "refclock SHM 0 refid GPS pps", "server a", NULL},
			"error command line:1: 'lock GPS': that one gives pulses, and no second\n");
	check_refclocks((const char *const[]){"refclock PPS /a", NULL},
			"warning command line:1: PPS0 gives pulses, and no other source tells of "
			"which seconds they are\n");
	check_refclocks((const char *const[]){"refclock PPS /a", "server a", NULL}, "");
	check_refclocks(
		(const char *const[]){"refclock SHM 0 refid A", "refclock SHM 1 refid A", NULL},
		"warning command line:1: two reference clocks have the 'refid' A\n");
}

static void test_clock(void **state)
{
	char *printed = NULL;
	size_t size;
	FILE *out;

	(void)state;
	ds_conf_defaults(&conf);
	assert_string_equal(conf.clock.path, "");
	good("clock /dev/ptp0 tai nocrossts");
	assert_string_equal(conf.clock.path, "/dev/ptp0");
	assert_true(conf.clock.tai && conf.clock.nocrossts);
	assert_int_equal(conf.clock.line, 1);
	out = open_memstream(&printed, &size);
	ds_conf_clock_print(&conf.clock, out);
	fclose(out);
	assert_string_equal(printed, "clock /dev/ptp0 tai nocrossts\n");
	free(printed);
	good("clock eth0");
	assert_string_equal(conf.clock.path, "eth0");
	assert_false(conf.clock.tai || conf.clock.nocrossts);
	good("clock SYSTEM");
	assert_string_equal(conf.clock.path, "");
	message("clock system tai", "error command line:1: 'tai' is no option of the system clock");
	message("clock /dev/ptp0 tia",
		"error command line:1: unknown option of the clock 'tia': the "
		"nearest known word is 'tai'");
	message("clock", "error command line:1: 'clock' takes at least 1 value, not 0");
	ds_conf_defaults(&conf);
	conf.shadow = true;
	line("clock eth0");
	assert_string_equal(conf.clock.path, "");
	assert_string_equal(said,
			    "warning command line:1: 'clock' is left out in shadow, whose clock "
			    "is its own\n");
}

static void test_clock_option(void **state)
{
	struct ds_conf_clock clock = {.path = "old"};
	char why[DS_FIELD_WHY], text[DS_CONF_PATH + 100];

	(void)state;
	assert_true(ds_conf_clock_option(&clock, "eth1,tai,nocrossts", why));
	assert_string_equal(clock.path, "eth1");
	assert_true(clock.tai && clock.nocrossts);
	assert_true(ds_conf_clock_option(&clock, "system", why));
	assert_string_equal(clock.path, "");
	assert_false(ds_conf_clock_option(&clock, "", why));
	assert_false(ds_conf_clock_option(&clock, ",", why));
	assert_false(ds_conf_clock_option(&clock, "eth1,tai,nocrossts,tai", why));
	assert_false(ds_conf_clock_option(&clock, "eth1,freq=3", why));
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	assert_false(ds_conf_clock_option(&clock, text, why));
	text[DS_CONF_PATH] = '\0';
	assert_false(ds_conf_clock_option(&clock, text, why));
	text[DS_CONF_PATH - 1] = '\0';
	assert_true(ds_conf_clock_option(&clock, text, why));
}

static void test_clock_check(void **state)
{
	(void)state;
	check_refclocks((const char *const[]){"clock /dev/ptp0", "refclock PHC /dev/ptp1", NULL},
			"");
	check_refclocks((const char *const[]){"clock /dev/ptp0", "refclock PHC /dev/ptp0", NULL},
			"error command line:1: 'clock /dev/ptp0' is a source of time as well: "
			"'PHC0' (command line:1)\n");
	check_refclocks((const char *const[]){"clock /dev/ptp0", "server a",
					      "refclock PHC /dev/ptp0:extpps", NULL},
			"");
	check_refclocks(
		(const char *const[]){"clock /dev/ptp0 tai", "server a", NULL},
		"error command line:1: 'clock ... tai' needs 'leapseclist' or 'leapsectz': how "
		"much TAI is ahead of UTC\n");
	check_refclocks((const char *const[]){"clock /dev/ptp0 tai", "server a",
					      "leapsectz right/UTC", NULL},
			"");
	check_refclocks(
		(const char *const[]){"clock /dev/ptp0", "server a", "rtcsync", NULL},
		"warning command line:1: 'rtcsync' is left out: the kernel knows nothing of "
		"the clock that is kept, /dev/ptp0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_directive),
		cmocka_unit_test(test_every_source_option),
		cmocka_unit_test(test_poll_defaults_follow),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_text_limits),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_quiet_lines),
		cmocka_unit_test(test_ptp),
		cmocka_unit_test(test_ptp_messages),
		cmocka_unit_test(test_bad_source_left_out),
		cmocka_unit_test(test_too_many_sources),
		cmocka_unit_test(test_too_many_subnets),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_auth_select),
		cmocka_unit_test(test_select_options),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_words_in_order),
		cmocka_unit_test(test_attitudes),
		cmocka_unit_test(test_fields_are_words),
		cmocka_unit_test(test_grammar_is_whole),
		cmocka_unit_test(test_nearest),
		IN_FOLDER(test_file),
		IN_FOLDER(test_missing_file),
		IN_FOLDER(test_bad_bytes),
		IN_FOLDER(test_confdir),
		IN_FOLDER(test_sourcedir),
		IN_FOLDER(test_directories_bad),
		IN_FOLDER(test_too_many_files),
		IN_FOLDER(test_include),
		IN_FOLDER(test_include_depth),
		IN_FOLDER(test_files_without_end),
		IN_FOLDER(test_debian),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_leap_round_trip),
		cmocka_unit_test(test_leap_errors),
		cmocka_unit_test(test_broadcast_round_trip),
		cmocka_unit_test(test_broadcast_values),
		cmocka_unit_test(test_broadcast_messages),
		cmocka_unit_test(test_card_values),
		cmocka_unit_test(test_card_round_trip),
		cmocka_unit_test(test_card_messages),
		cmocka_unit_test(test_refclock_round_trip),
		cmocka_unit_test(test_refclock_values),
		cmocka_unit_test(test_refclock_messages),
		cmocka_unit_test(test_refclock_check),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_clock_option),
		cmocka_unit_test(test_clock_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
