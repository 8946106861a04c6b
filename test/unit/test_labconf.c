/* labconf: what hosts a file names, and what is said of files that are wrong; nearest words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab/labconf.h"
#include "lab/nearest.h"

static char path[64];
static struct ds_lab_plan plan;
static char why[DS_LAB_WHY];

static int read_text(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	plan = (struct ds_lab_plan){0};
	why[0] = '\0';
	return ds_labconf_read(&plan, path, why);
}

/* A file that is wrong: the cause stands behind "FILE:LINE: ". */
static void assert_wrong(const char *text, int line, const char *cause)
{
	char expected[DS_LAB_WHY];

	assert_int_equal(read_text(text), -EINVAL);
	if (line > 0)
		snprintf(expected, sizeof(expected), "%s:%d: %s", path, line, cause);
	else
		snprintf(expected, sizeof(expected), "%s: %s", path, cause);
	assert_string_equal(why, expected);
}

static void hosts_are_read(void **state)
{
	(void)state;
	assert_int_equal(
		read_text(
			"# the lab\n\n"
			"host alba old ssh ntp@192.0.2.1 interface eth0 pps /sys/class/pps/pps0/assert\n"
			"  ! not this\n"
			"HOST bern NEW SSH lab@bern.example address 2001:db8::2 kind ntpd=/opt/ntpd\n"
			"host c.1_-x new load both port 2222 identity /k sshconfig /c ssh c address 192.0.2.3"),
		0);
	assert_int_equal(plan.rig, DS_LAB_RIG_REMOTE);
	assert_int_equal(plan.hosts, 3);
	assert_string_equal(plan.host[0].name, "alba");
	assert_false(plan.host[0].is_new);
	assert_string_equal(plan.host[0].ssh, "ntp@192.0.2.1");
	assert_string_equal(plan.host[0].address, "192.0.2.1");
	assert_string_equal(plan.host[0].interface, "eth0");
	assert_string_equal(plan.host[0].pps, "/sys/class/pps/pps0/assert");
	assert_string_equal(plan.host[0].kind, "");
	assert_int_equal(plan.host[0].load, 0);
	assert_true(plan.host[1].is_new);
	assert_string_equal(plan.host[1].address, "2001:db8::2");
	assert_string_equal(plan.host[1].kind, "ntpd=/opt/ntpd");
	assert_string_equal(plan.host[2].name, "c.1_-x");
	assert_string_equal(plan.host[2].ssh, "-F /c -p 2222 -i /k c");
	assert_int_equal(plan.host[2].load, DS_LAB_LOAD_CPU | DS_LAB_LOAD_NET);
}

#define GOOD "host a old ssh u@192.0.2.1\n"

static void what_is_wrong_is_named(void **state)
{
	char text[2048];

	(void)state;
	assert_wrong(GOOD "hosts b new ssh u@192.0.2.2", 2,
		     "unknown word 'hosts'; the nearest is 'host'");
	assert_wrong(GOOD "server b", 2, "unknown word 'server'");
	assert_wrong(GOOD "host b ne ssh u@192.0.2.2", 2,
		     "unknown word 'ne'; the nearest is 'new'");
	assert_wrong(GOOD "host b", 2,
		     "a host has a name and a side: host NAME old|new ssh USER@HOST");
	assert_wrong(GOOD "host a new ssh u@192.0.2.2", 2, "there is a host 'a' already");
	assert_wrong(GOOD "host ../b new ssh u@192.0.2.2", 2,
		     "'../b' cannot be the name of a host");
	assert_wrong(GOOD "host b new ssh u@192.0.2.2 adress 192.0.2.3", 2,
		     "unknown word 'adress'; the nearest is 'address'");
	assert_wrong(GOOD "host b new ssh u@192.0.2.2 interface", 2,
		     "interface: its value is missing");
	assert_wrong(GOOD "host b new ssh u@192.0.2.2 ssh u@192.0.2.3", 2, "ssh is given twice");
	assert_wrong(GOOD "host b new ssh u@b address 1.2.3.4 address 1.2.3.5", 2,
		     "address is given twice");
	assert_wrong(GOOD "host b new ssh u@b address b", 2, "'b' is no numeric address");
	assert_wrong(GOOD "host b new ssh u@b", 2, "host b: its address is missing");
	assert_wrong(GOOD "host b new address 192.0.2.2", 2,
		     "host b: where is it? (ssh USER@HOST)");
	assert_wrong(GOOD "host b new ssh -oProxyCommand=x address 192.0.2.2", 2,
		     "ssh cannot begin with '-'");
	assert_wrong(GOOD "host b new ssh u@192.0.2.2 port 65536", 2, "'65536' is no port");
	assert_wrong(GOOD "host b new ssh u@192.0.2.2 port x", 2, "'x' is no port");
	assert_wrong(GOOD "host b new ssh u@192.0.2.2 load cup", 2,
		     "unknown word 'cup'; the nearest is 'cpu'");
	assert_wrong(GOOD "host b new ssh u@192.0.2.2 pps pps0", 2,
		     "pps: 'pps0' is no absolute path");
	assert_wrong(GOOD "host b new ssh u@192.0.2.2 interface "
			  "a123456789012345678901234567890123456789",
		     2, "interface: more than 31 characters");
	assert_wrong(GOOD, 0, "one host alone: two are needed at least");
	assert_wrong("# nothing\n", 0, "no host: two are needed at least");

	snprintf(text, sizeof(text), GOOD "host b new ssh u@192.0.2.2 identity /%0250d", 0);
	assert_wrong(text, 2, "host b: its words for ssh are too long");
	text[0] = '\0';
	for (int i = 0; i < DS_LAB_HOSTS + 1; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "host h%d new ssh u@192.0.2.%d\n", i, i + 1);
	assert_wrong(text, DS_LAB_HOSTS + 1, "more than 8 hosts");
}

static void a_file_that_is_not_there(void **state)
{
	(void)state;
	assert_int_equal(ds_labconf_read(&plan, "/nowhere/lab.conf", why), -ENOENT);
	assert_string_equal(why, "/nowhere/lab.conf: No such file or directory");
	assert_int_equal(ds_labconf_read(&plan, "/", why), -EIO);
	assert_string_equal(why, "/: Is a directory");
}

static void nearest_words(void **state)
{
	static const char *const words[] = {"interface", "identity", "pps"};

	(void)state;
	assert_string_equal(ds_lab_nearest("interfaces", words, 3), "interface");
	assert_string_equal(ds_lab_nearest("identiti", words, 3), "identity");
	assert_string_equal(ds_lab_nearest("ps", words, 3), "pps");
	assert_null(ds_lab_nearest("xyz", words, 3));
	assert_null(ds_lab_nearest("", words, 3));
	assert_null(ds_lab_nearest("ps", words, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_read),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_file_that_is_not_there),
		cmocka_unit_test(nearest_words),
	};

	snprintf(path, sizeof(path), "/tmp/test-labconf-%d", (int)getpid());
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
