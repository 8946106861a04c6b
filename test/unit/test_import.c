/* test_import: lines of other daemons' configurations and what becomes of each; whose a file is.
 * It must never read another file than what it was handed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tool/import.h"

static struct ds_import *import;

static void read_text(enum ds_import_family family, const char *text)
{
	if (import != NULL)
		ds_import_free(import);
	import = ds_import_new();
	ds_import_text(import, "old", text, strlen(text), family);
}

static int leave(void **state)
{
	(void)state;
	if (import != NULL)
		ds_import_free(import);
	import = NULL;
	return 0;
}

/* The first line of the text: its fate, what is written for it, a part of the reason. */
static void becomes(enum ds_import_family family, const char *text, enum ds_import_fate fate,
		    const char *written, const char *why)
{
	const struct ds_import_entry *e;

	read_text(family, text);
	if (import->failed || import->entry_count == 0)
		fail_msg("not read: %s", text);
	e = &import->entries[0];
	if (e->fate != fate || strcmp(e->written, written) != 0 || strstr(e->why, why) == NULL)
		fail_msg("'%s': %s, '%s', '%s'", text, ds_import_fates[e->fate], e->written,
			 e->why);
}

#define KEPT	DS_IMPORT_KEPT
#define CHANGED DS_IMPORT_CHANGED
#define DROPPED DS_IMPORT_DROPPED

static void chrony(void **state)
{
	const enum ds_import_family c = DS_IMPORT_CHRONY;

	(void)state;
	becomes(c, "server a.example iburst  minpoll 4", KEPT,
		"server a.example iburst minpoll 4\n", "");
	becomes(c, "server a.example maxdelayratio 2 iburst", CHANGED, "server a.example iburst\n",
		"'maxdelayratio'");
	becomes(c, "server a.example minpoll 99 iburst", CHANGED, "server a.example iburst\n",
		"'minpoll' left out");
	becomes(c, "server a.example nts", DROPPED, "", "authentication");
	becomes(c, "server a.example key 3", DROPPED, "", "names no file with keys");
	becomes(c, "server a.example key 3\nkeyfile /x", KEPT, "server a.example key 3\n", "");
	becomes(c, "server a.example port 99999", DROPPED, "", "'port'");
	becomes(c, "initstepslew 30 a.example", CHANGED, "makestep 30 1\n", "makestep");
	becomes(c, "tempcomp /x 1 2 3", DROPPED, "", "'tempcomp'");
	becomes(c, "dumponexit", CHANGED, "", "nothing in chronyd either");
	becomes(c, "ntsdumpdir /x", CHANGED, "", "no line asks for");
	becomes(c, "ntsdumpdir /x\nserver a.example nts", DROPPED, "", "'ntsdumpdir'");
	becomes(c, "deny host.example", DROPPED, "", "who was refused is served");
	becomes(c, "makestap 1 3", DROPPED, "", "the nearest known one is 'makestep'");
	becomes(c, "makestep 1", DROPPED, "", "refuses it");
	becomes(c, "driftfile /var/lib/chrony/drift", CHANGED,
		"driftfile /var/lib/drivestamp/drift\n", "other daemon's");
	becomes(c, "log", DROPPED, "", "says nothing");
	becomes(c, "log tracking tempcomp", CHANGED, "log tracking\n", "'tempcomp'");
	becomes(c, "sourcedir /run/chrony-dhcp /etc/chrony/sources.d", CHANGED,
		"sourcedir /run/drivestamp-dhcp\nsourcedir /etc/drivestamp/sources.d\n", "");
}

static void ntp(void **state)
{
	const enum ds_import_family n = DS_IMPORT_NTP;

	(void)state;
	becomes(n, "server -4 a.example prefer", CHANGED, "server a.example ipv4 prefer\n", "");
	becomes(n, "server a.example true", CHANGED, "server a.example trust\n", "");
	becomes(n, "server a.example autokey", DROPPED, "", "'autokey'");
	becomes(n, "server a.example wobble", CHANGED, "server a.example\n", "'wobble'");
	becomes(n, "restrict default nomodify", CHANGED, "allow\n", "whoever asks");
	becomes(n, "restrict -6 default ignore", CHANGED, "deny ::/0\n", "");
	becomes(n, "restrict 10.0.0.0 mask 255.0.0.0", CHANGED, "allow 10.0.0.0/8\n", "");
	becomes(n, "restrict 10.0.0.0 mask 255.0.255.0", DROPPED, "", "no prefix");
	becomes(n, "restrict a.example noserve", DROPPED, "", "is a name");
	becomes(n, "restrict 10.0.0.1 notrust", CHANGED, "deny 10.0.0.1\n", "'notrust'");
	becomes(n, "restrict source nomodify", CHANGED, "", "a source may answer");
	becomes(n, "server 127.127.1.0\nfudge 127.127.1.0 stratum 12", CHANGED,
		"local stratum 12\n", "");
	becomes(n, "server 127.127.28.0\nfudge 127.127.28.0 time1 0.5 refid GPS", CHANGED,
		"refclock SHM 0 refid GPS offset 0.5\n", "");
	becomes(n, "server 127.127.22.1 prefer", CHANGED, "refclock PPS /dev/pps1 prefer\n", "");
	becomes(n, "server 127.127.20.0 prefer\nfudge 127.127.20.0 flag1 1 time2 0.4", CHANGED,
		"refclock SHM 0 refid NMEA offset 0.4\nrefclock SHM 1 refid PPS prefer\n", "gpsd");
	becomes(n, "server 127.127.8.0", DROPPED, "", "type 8");
	becomes(n, "tos minsane 3 maxclock 9", CHANGED, "minsources 3\n", "'maxclock'");
	becomes(n, "tos orphan 7", CHANGED, "local stratum 7 orphan\n", "");
	becomes(n, "tinker panic 500 step 0.2", CHANGED, "maxchange 500 1 0\nmakestep 0.2 -1\n",
		"");
	becomes(n, "tinker huffpuff 900", DROPPED, "", "'huffpuff'");
	becomes(n, "statistics loopstats sysstats", CHANGED, "log tracking\n", "'sysstats'");
	becomes(n, "broadcastclient", DROPPED, "", "one key");
	becomes(n, "broadcastclient\ntrustedkey 4\nkeys /x", CHANGED, "broadcastclient key 4\n",
		"");
	becomes(n, "driftfile \"/a b\" # why", CHANGED, "driftfile /var/lib/drivestamp/drift\n",
		"");
	becomes(n, "keys", DROPPED, "", "needs a value");
}

static void others(void **state)
{
	(void)state;
	becomes(DS_IMPORT_OPENNTPD, "servers a.example", CHANGED, "pool a.example\n", "");
	becomes(DS_IMPORT_OPENNTPD, "listen on ::1", CHANGED, "bindaddress ::1\nallow\n", "");
	becomes(DS_IMPORT_OPENNTPD, "constraints from \"https://a.example\"", DROPPED, "",
		"'constraints'");
	becomes(DS_IMPORT_TIMESYNCD, "NTP=a b\nPollIntervalMinSec=1min 4s", CHANGED,
		"server a iburst minpoll 6\nserver b iburst minpoll 6\n", "");
	becomes(DS_IMPORT_TIMESYNCD, "RootDistanceMaxSec=1500ms", CHANGED, "maxdistance 1.5\n", "");
	becomes(DS_IMPORT_TIMESYNCD, "RootDistanceMaxSec=soon", DROPPED, "", "refuses");
	becomes(DS_IMPORT_NTPD_RS, "source = [{mode='server', address='[::1]:12'}]", CHANGED,
		"server ::1 port 12 iburst\n", "");
	becomes(DS_IMPORT_NTPD_RS, "source = [{mode='nts', address='a'}]", DROPPED, "",
		"unauthenticated");
	becomes(DS_IMPORT_NTPD_RS,
		"server = [{listen='0.0.0.0:123', denylist={filter=['10.0.0.0/8']}}]", CHANGED,
		"allow\ndeny all 10.0.0.0/8\n", "");
	becomes(DS_IMPORT_NTPD_RS,
		"server = [{listen='0.0.0.0:123', allowlist={filter=['10.0.0.0/8']}}, "
		"{listen='[::]:123'}]",
		CHANGED, "allow 10.0.0.0/8\nallow ::/0\n", "");
	becomes(DS_IMPORT_NTPD_RS, "server = [{listen='0.0.0.0:123', require-nts=true}]", DROPPED,
		"", "require-nts");
}

static void is_whose(const char *name, const char *text, enum ds_import_family family)
{
	char told_by[160];

	assert_int_equal(ds_import_guess(name, text, strlen(text), told_by), family);
	assert_true(told_by[0] != '\0');
}

static void whose(void **state)
{
	(void)state;
	is_whose("x", "server a iburst\nmakestep 1 3\n", DS_IMPORT_CHRONY);
	is_whose("chrony.conf", "server a\nrestrict default\nrestrict ::1\n", DS_IMPORT_NTP);
	is_whose("x", "[[source]]\nmode = 'nts'\n", DS_IMPORT_NTPD_RS);
	is_whose("x", "servers a\nlisten on *\n", DS_IMPORT_OPENNTPD);
	is_whose("x", "# c\n[Time]\nNTP=a\n", DS_IMPORT_TIMESYNCD);
	is_whose("/etc/openntpd/ntpd.conf", "server a\n", DS_IMPORT_OPENNTPD);
	is_whose("/etc/ntp.conf", "server a\n", DS_IMPORT_NTP);
	is_whose("/etc/x", "server a\n", DS_IMPORT_CHRONY);
}

/* What is added is said, and only what the old daemon did by itself. */
static void added(void **state)
{
	(void)state;
	read_text(DS_IMPORT_CHRONY, "server a.example\ncmdport 0\n");
	assert_int_equal(import->added_count, 1);
	assert_string_equal(import->added[0].written, "bindcmdaddress /run/chrony/chronyd.sock");
	read_text(DS_IMPORT_NTP, "server a.example\n");
	assert_non_null(strstr(import->text, "\nallow\n"));
	read_text(DS_IMPORT_NTP, "server a.example\nrestrict default ignore\ntinker step 0\n");
	assert_null(strstr(import->text, "\nallow\n"));
	assert_null(strstr(import->text, "\nmakestep"));
	read_text(DS_IMPORT_OPENNTPD, "server a.example\n");
	assert_null(strstr(import->text, "\nallow"));
	read_text(DS_IMPORT_TIMESYNCD, "[Time]\n#FallbackNTP=a.example b.example\n");
	assert_non_null(strstr(import->text, "\nserver b.example iburst\n"));
	assert_true(import->accepted);
}

/* The rights that the unit does not give by itself, and only those that are used. */
static void rights(void **state)
{
	static const struct {
		const char *text;
		unsigned drop_ins;
	} cases[] = {
		{"server a.example\ncmdport 0\n", 0},
		{"server a.example\n", 1U << DS_IMPORT_SERVE}, /* cmdport 323 is added */
		{"server a.example\ncmdport 3230\nallow\n", 1U << DS_IMPORT_SERVE},
		{"server a.example\ncmdport 3230\nallow\nport 1123\n", 0},
		{"server a.example\ncmdport 3230\nallow\nport 0\n", 0},
		{"peer a.example\ncmdport 3230\n", 1U << DS_IMPORT_SERVE},
		{"server a.example\ncmdport 3230\nacquisitionport 123\n", 1U << DS_IMPORT_SERVE},
		{"refclock SHM 0\nrefclock SOCK /run/s\ncmdport 0\n", 0},
		{"refclock PPS /dev/pps0\ncmdport 0\n", 1U << DS_IMPORT_REFCLOCKS},
		{"server a.example\nhwtimestamp eth0\ncmdport 0\n", 1U << DS_IMPORT_HWTIMESTAMP},
	};
	char paths[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_text(DS_IMPORT_CHRONY, cases[i].text);
		assert_int_equal(import->drop_ins, cases[i].drop_ins);
		assert_int_equal(import->advice_count > 0 &&
					 strstr(import->advice[import->advice_count - 1],
						DS_IMPORT_UNIT_FOLDER) != NULL,
				 cases[i].drop_ins != 0);
	}
	assert_string_equal(ds_import_drop_in_paths(5, "/a", paths),
			    "/a/serve.conf /a/hwtimestamp.conf");
	assert_string_equal(ds_import_drop_in_paths(0, "/a", paths), "");
}

static void nothing_left(void **state)
{
	(void)state;
	read_text(DS_IMPORT_CHRONY, "server a.example nts\n");
	assert_false(ds_import_has_time(import));
	assert_int_equal(import->sources_dropped, 1);
	assert_true(import->accepted);
}

/* A line that is too long is named and dropped; the file goes on. */
static void long_lines(void **state)
{
	char *text = malloc(20000);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 20000);
	memcpy(text, "server ", 7);
	strcpy(text + 19000, "\nserver b.example\n");
	for (int family = 0; family < DS_IMPORT_FAMILIES; family++) {
		if (family == DS_IMPORT_NTPD_RS || family == DS_IMPORT_TIMESYNCD)
			continue;
		becomes((enum ds_import_family)family, text, DROPPED, "", "too long");
		assert_non_null(strstr(import->text, "\nserver b.example\n"));
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(chrony, leave),
		cmocka_unit_test_teardown(ntp, leave),
		cmocka_unit_test_teardown(others, leave),
		cmocka_unit_test_teardown(whose, leave),
		cmocka_unit_test_teardown(added, leave),
		cmocka_unit_test_teardown(rights, leave),
		cmocka_unit_test_teardown(nothing_left, leave),
		cmocka_unit_test_teardown(long_lines, leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
