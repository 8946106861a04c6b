/* kind: adapters that do as they should, and adapters that do not. Toys, written here. */
#include <errno.h>
#include <ftw.h>
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

#include "lab/adapter.h"
#include "lab/kind.h"

static char folder[64];
static char why[DS_LAB_WHY];
static const char *const directories[] = {folder, NULL};

/* A toy: what its verbs do, each a piece of shell. NULL: as a good one. */
static void toy(const char *name, const char *find, const char *about, const char *rest)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "case $1 in\nfind) %s ;;\nabout) %s ;;\n%s\nesac\n",
		find ? find : "echo /bin/sh",
		about ? about
		      : "echo version toy 1; echo asks basic ptp; echo answers xleave; "
			"echo files a.log out",
		rest ? rest : "*) ;;");
	fclose(out);
}

static int find(struct ds_kind *kind, const char *asked)
{
	why[0] = '\0';
	return ds_kind_find(kind, asked, directories, why);
}

static void assert_says(const char *part)
{
	if (!strstr(why, part))
		fail_msg("'%s' is not in '%s'", part, why);
}

/* What `about` says leads to this. */
static void about_is(const char *about, int error, const char *said)
{
	struct ds_kind kind;

	toy("toy", NULL, about, NULL);
	assert_int_equal(find(&kind, "toy"), error);
	assert_says(said);
}

static void a_good_one_is_found(void **state)
{
	struct ds_kind kind;
	(void)state;

	toy("toy", NULL,
	    "echo \"version toyd $2 7\"; echo asks basic symmetric-xleave; echo; echo answers ptp; "
	    "echo poll-least -3; echo fixed-port yes; echo alone yes; echo separate yes; echo calibrated no; "
	    "echo files a b.log c out",
	    NULL);
	assert_int_equal(find(&kind, "toy"), 0);
	assert_string_equal(kind.name, "toy");
	assert_string_equal(kind.program, "/bin/sh");
	assert_string_equal(kind.version, "toyd /bin/sh 7");
	assert_int_equal(kind.asks, 1 << DS_LAB_BASIC | 1 << DS_LAB_SYMMETRIC_XLEAVE);
	assert_int_equal(kind.answers, 1 << DS_LAB_PTP);
	assert_int_equal(kind.poll_least, -3);
	assert_true(kind.fixed_port && kind.alone && kind.separate && !kind.guesses_calibrated);
	assert_int_equal(kind.file_count, 4);
	assert_string_equal(kind.files[1], "b.log");
	assert_string_equal(kind.files[3], "out");

	toy("toy", NULL, NULL, NULL);
	assert_int_equal(find(&kind, "toy"), 0);
	assert_int_equal(kind.poll_least, 6);
	assert_false(kind.fixed_port || kind.alone || kind.separate || kind.guesses_calibrated);
	assert_int_equal(kind.file_count, 2);
}

static void paths_and_revisions_go_to_the_adapter(void **state)
{
	struct ds_kind kind;
	char asked[128];
	(void)state;

	toy("toy", "case $# in 1) echo /bin/true ;; *) echo \"not $2\" >&2; exit 1 ;; esac", NULL,
	    NULL);
	assert_int_equal(find(&kind, "toy"), 0);
	assert_string_equal(kind.program, "/bin/true");
	assert_int_equal(find(&kind, "toy@v0.1"), -ECHILD);
	assert_string_equal(why, "not @v0.1");
	assert_int_equal(find(&kind, "toy=/"), -ECHILD);
	assert_string_equal(why, "not /");
	assert_int_equal(find(&kind, "toy=/nowhere/at/all"), -ENOENT);
	assert_says("/nowhere/at/all");
	assert_int_equal(find(&kind, "toy="), -EINVAL);
	assert_int_equal(find(&kind, "toy@"), -EINVAL);
	assert_int_equal(find(&kind, ""), -EINVAL);
	assert_int_equal(find(&kind, "=x"), -EINVAL);
	/* A name with a slash is an adapter's path. */
	snprintf(asked, sizeof(asked), "%s/toy", folder);
	assert_int_equal(ds_kind_find(&kind, asked, NULL, why), 0);
	assert_string_equal(kind.name, "toy");
	snprintf(asked, sizeof(asked), "%s/none", folder);
	assert_int_equal(ds_kind_find(&kind, asked, NULL, why), -ENOENT);
	assert_says("/none");
}

static void unknown_names_have_a_nearest(void **state)
{
	struct ds_kind kind;
	(void)state;

	toy("chrony", NULL, NULL, NULL);
	toy("toy", NULL, NULL, NULL);
	toy("peers.inc", NULL, NULL, NULL); /* no adapter */
	assert_int_equal(find(&kind, "chony"), -ENOENT);
	assert_string_equal(why, "no kind of daemon is called 'chony'; the nearest is 'chrony'");
	assert_int_equal(find(&kind, "telegraph"), -ENOENT);
	assert_string_equal(why, "no kind of daemon is called 'telegraph'; known are chrony, toy");
	assert_int_equal(find(&kind, "peers.inc"), -ENOENT);
	assert_int_equal(find(&kind, "a-name-that-is-longer-than-any-name-may-be"), -ENOENT);
	assert_int_equal(ds_kind_find(&kind, "toy", (const char *const[]){"/nowhere", NULL}, why),
			 -ENOENT);
	assert_says("/nowhere");
}

static void programs_must_be_there(void **state)
{
	struct ds_kind kind;
	(void)state;

	toy("toy", "echo bin/sh", NULL, NULL);
	assert_int_equal(find(&kind, "toy"), -EPROTO);
	assert_says("'bin/sh' is no absolute path");
	toy("toy", "echo /nowhere/toyd", NULL, NULL);
	assert_int_equal(find(&kind, "toy"), -ENOENT);
	toy("toy", ":", NULL, NULL);
	assert_int_equal(find(&kind, "toy"), -EPROTO);
	toy("toy", "echo one >&2; echo Debian has it in toys >&2; exit 1", NULL, NULL);
	assert_int_equal(find(&kind, "toy"), -ECHILD);
	assert_string_equal(why, "Debian has it in toys");
	toy("toy", "exit 3", NULL, NULL);
	assert_int_equal(find(&kind, "toy"), -ECHILD);
	assert_says("toy find: ended with status 3 and said nothing");
	toy("toy", "kill -9 $$", NULL, NULL);
	assert_int_equal(find(&kind, "toy"), -EINTR);
	assert_says("signal 9");
	toy("toy", "while :; do echo /bin/shhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh; done",
	    NULL, NULL);
	assert_int_equal(find(&kind, "toy"), -EMSGSIZE);
	toy("toy", "printf '/bin/sh\\000'", NULL, NULL);
	assert_int_equal(find(&kind, "toy"), -EPROTO);
	/* More on standard error than a pipe holds must not stop it. */
	toy("toy",
	    "i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); echo 'a line of forty letters, all in "
	    "vain, alas'; done >&2; exit 1",
	    NULL, NULL);
	assert_int_equal(find(&kind, "toy"), -ECHILD);
}

static void what_about_says_is_read_strictly(void **state)
{
	(void)state;

	about_is("echo version 1; echo asks telepathy", -EPROTO,
		 "line 2, 'asks telepathy': no such mode");
	about_is("echo version 1; echo asks basic; echo colour red", -EPROTO,
		 "line 3, 'colour red'");
	about_is("echo version 1; echo asks basic; echo asks xleave", -EPROTO, "was said already");
	about_is("echo asks basic", -EPROTO, "no version");
	about_is("echo version 1", -EPROTO, "neither asks nor answers");
	about_is("echo version; echo asks basic", -EPROTO, "says no version");
	about_is("echo version 1; echo asks basic; echo poll-least soon", -EPROTO, "log2 seconds");
	about_is("echo version 1; echo asks basic; echo poll-least 2.5", -EPROTO, "log2 seconds");
	about_is("echo version 1; echo asks basic; echo poll-least", -EPROTO, "log2 seconds");
	about_is("echo version 1; echo asks basic; echo poll-least 99", -EPROTO, "log2 seconds");
	about_is("echo version 1; echo asks basic; echo separate perhaps", -EPROTO, "yes or no");
	about_is("echo version 1; echo asks basic; echo files a b c d e", -EPROTO,
		 "more than four");
	about_is("echo version 1; echo asks basic; echo files ../../etc/passwd", -EPROTO,
		 "no name of a");
	about_is("echo sorry >&2; exit 2", -ECHILD, "sorry");
	/* Too long a version is cut, not refused. */
	about_is(
		"echo version 12345678901234567890123456789012345678901234567890123456789012345678; "
		"echo asks basic",
		0, "");
}

/* ---- instances ---- */

static struct ds_kind toy_kind;
static const struct ds_kind_other others[] = {
	{"new1", {"10.119.1.3", "10.119.1.255", "eth0", 123, true}},
	{"new2", {"10.119.1.4", "", "eth0", 11123, true}},
};
static struct ds_kind_instance instance = {
	.kind = &toy_kind,
	.mode = DS_LAB_XLEAVE,
	.number = 2,
	.asks = true,
	.poll_log2 = -4,
	.program = "/opt/a path/toyd",
	.directory = "/tmp/lab dir",
	.self = {"10.119.1.1", "10.119.1.255", "eth0", 123, true},
	.others = others,
	.other_count = 2,
};

/* With these verbs. */
static void make_instance(const char *verbs)
{
	toy("toy", NULL, NULL, verbs);
	assert_int_equal(find(&toy_kind, "toy"), 0);
	why[0] = '\0';
}

static void configurations_know_what_the_process_is_to_do(void **state)
{
	char *text;
	(void)state;

	make_instance("configure) echo \"$LAB_MODE|$LAB_NUMBER|$LAB_ANSWERS|$LAB_ASKS|$LAB_POLL|"
		      "$LAB_PROGRAM|$LAB_DIR|$LAB_ADDRESS|$LAB_PORT|$LAB_BROADCAST|$LAB_INTERFACE|"
		      "$LAB_OTHERS|\" ;;");
	assert_int_equal(ds_kind_configure(&instance, &text, why), 0);
	assert_string_equal(text, "xleave|2|0|1|-4|/opt/a path/toyd|/tmp/lab dir|10.119.1.1|123|"
				  "10.119.1.255|eth0|new1 10.119.1.3 123 10.119.1.255\n"
				  "new2 10.119.1.4 11123 -|\n");
	free(text);
	instance.other_count = 0;
	make_instance("configure) echo \"others:$LAB_OTHERS\" ;;");
	assert_int_equal(ds_kind_configure(&instance, &text, why), 0);
	assert_string_equal(text, "others:\n");
	free(text);
	instance.other_count = 2;
	make_instance("configure) echo no broadcast address >&2; exit 1 ;;");
	assert_int_equal(ds_kind_configure(&instance, &text, why), -ECHILD);
	assert_string_equal(why, "no broadcast address");
	assert_null(text);
}

static void commands_are_one_line(void **state)
{
	char line[40];
	(void)state;

	make_instance("command) echo \"exec '$LAB_PROGRAM' -d\" ;;");
	assert_int_equal(ds_kind_command(&instance, line, sizeof(line), why), 0);
	assert_string_equal(line, "exec '/opt/a path/toyd' -d");
	assert_int_equal(ds_kind_command(&instance, line, 26, why), -EMSGSIZE);
	assert_int_equal(ds_kind_command(&instance, line, 27, why), 0);
	make_instance("command) echo toyd -d ;;");
	assert_int_equal(ds_kind_command(&instance, line, sizeof(line), why), -EPROTO);
	make_instance("command) echo exec toyd; echo rm -rf . ;;");
	assert_int_equal(ds_kind_command(&instance, line, sizeof(line), why), -EPROTO);
	make_instance("*) ;;");
	assert_int_equal(ds_kind_command(&instance, line, sizeof(line), why), -EPROTO);
}

/* ---- read ---- */

static struct {
	int samples, counts;
	int other;
	struct ds_lab_sample sample;
	char what[DS_LAB_NAME];
	double value;
} took;

static void take(void *context, int other, const struct ds_lab_sample *sample)
{
	assert_ptr_equal(context, &took);
	took.samples++;
	took.other = other;
	took.sample = *sample;
}

static void count(void *context, int other, const char *what, double value)
{
	assert_ptr_equal(context, &took);
	took.counts++;
	took.other = other;
	took.value = value;
	snprintf(took.what, sizeof(took.what), "%s", what);
}

static uint64_t odd_lines;

static int reads(const char *const *text)
{
	struct ds_kind_reader reader = {.context = &took, .take = take, .count = count};
	int error;

	memset(&took, 0, sizeof(took));
	error = ds_kind_read(&instance, text, &reader, why);
	odd_lines = reader.odd_lines;
	return error;
}

/* An adapter that says its first log. */
static int says(const char *log)
{
	const char *const text[] = {log, NULL};

	return reads(text);
}

static void logs_come_to_the_adapter_as_files(void **state)
{
	const char *const text[] = {"one\ntwo", NULL};
	(void)state;

	make_instance("read) [ $# = 3 ] && [ ! -s \"$3\" ] && read first <\"$2\" && "
		      "echo \"count - $first $(wc -c <\"$2\")\" ;;");
	assert_int_equal(reads(text), 0);
	assert_int_equal(took.counts, 1);
	assert_int_equal(took.other, -1);
	assert_string_equal(took.what, "one");
	assert_true(took.value == 7);

	/* Longer than a pipe holds, and read by a child of the script. */
	size_t size = 1 << 20;
	char *large = malloc(size + 1);
	const char *const texts[] = {"", large};
	assert_non_null(large);
	memset(large, 'x', size);
	large[size] = '\0';
	make_instance("read) (cat \"$3\" | wc -c | sed 's/^ */count - bytes /') ;;");
	assert_int_equal(reads(texts), 0);
	assert_true(took.value == (double)size);
	free(large);
}

static void samples_and_counts_are_taken(void **state)
{
	(void)state;

	make_instance("read) cat \"$2\" ;;");
	assert_int_equal(says("sample 10.119.1.4 1795676847.135112676 -999746.5 739 I KDH? "
			      "1795676847008226480 1795676847007227103 -5 1795676847008273159\n"),
			 0);
	assert_int_equal(took.samples, 1);
	assert_int_equal(took.other, 1);
	assert_true(took.sample.at_s > 1795676847.13 && took.sample.at_s < 1795676847.14);
	assert_true(took.sample.offset_ns == -999746.5 && took.sample.delay_ns == 739);
	assert_true(took.sample.interleaved && took.sample.has_stamps);
	assert_memory_equal(took.sample.source, "KDH?", 4);
	assert_int_equal(took.sample.t_ns[0], INT64_C(1795676847008226480));
	assert_int_equal(took.sample.t_ns[2], -5);
	assert_int_equal(took.sample.t_ns[3], INT64_C(1795676847008273159));
	assert_int_equal(took.sample.repeat, 0);

	assert_int_equal(
		says("\nsample 10.119.1.3 5 1e3 -1 - ????\n\nsample 10.119.1.3 6 2 0 B DDDD"), 0);
	assert_int_equal(took.samples, 2);
	assert_int_equal(took.other, 0);
	assert_false(took.sample.interleaved || took.sample.has_stamps);

	assert_int_equal(says("count 10.119.1.3 stamps-lost 3\ncount - origin 2\n"), 0);
	assert_int_equal(took.counts, 2);
	assert_int_equal(took.other, -1);
	assert_string_equal(took.what, "origin");
	assert_true(took.value == 2);
	assert_int_equal(odd_lines, 0);

	assert_int_equal(says(""), 0);
	assert_int_equal(took.samples + took.counts, 0);
}

static void strangers_are_odd(void **state)
{
	(void)state;

	make_instance("read) cat \"$2\" ;;");
	assert_int_equal(says("sample 10.119.1.9 5 1 1 B K??K\ncount 10.119.1.9 answers 4\n"
			      "sample - 5 1 1 B K??K\nodd 7\n"),
			 0);
	assert_int_equal(took.samples + took.counts, 0);
	assert_int_equal(odd_lines, 10);
}

static void bad_lines_are_errors(void **state)
{
	static const char good[] = "sample 10.119.1.3 5 1 1 B K??K\n";
	static const char *const bad[] = {
		"sample 10.119.1.3 5 1 1 B",
		"sample 10.119.1.3 5 1 1 B K??K 1 2 3",
		"sample 10.119.1.3 5 1 1 B K??K 1 2 3 4 5",
		"sample 10.119.1.3 5 1 1 B K??K 1 2 3 4 5 6 7 8",
		"sample 10.119.1.3 5 1 1 B K??K 1 2 3 x",
		"sample 10.119.1.3 5 1 1 B K??K 1 2 3 1.5",
		"sample 10.119.1.3 5 1 1 B K??K 1 2 3 99999999999999999999",
		"sample 10.119.1.3 5 1 1 IB K??K",
		"sample 10.119.1.3 5 1 1 X K??K",
		"sample 10.119.1.3 5 1 1 B K?K",
		"sample 10.119.1.3 5 1 1 B KK-K",
		"sample 10.119.1.3 5 nan 1 B K??K",
		"sample 10.119.1.3 5 1 inf B K??K",
		"sample 10.119.1.3 now 1 1 B K??K",
		"sample",
		"count 10.119.1.3 answers",
		"count 10.119.1.3 answers many",
		"count 10.119.1.3 answers 1 2",
		"count 10.119.1.3 a-name-that-is-longer-than-any-name-may-be 1",
		"odd",
		"odd many",
		"odd -1",
		"whatever",
		"#",
	};
	char text[256], wanted[64];
	(void)state;

	make_instance("read) cat \"$2\" ;;");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "%s%s\n%s", good, bad[i], good);
		assert_int_equal(says(text), -EPROTO);
		assert_says("toy read: line 2, '");
		snprintf(wanted, sizeof(wanted), "'%.50s", bad[i]);
		assert_says(wanted);
		assert_int_equal(took.samples, 0);
	}
	make_instance("read) cat \"$2\"; echo it broke >&2; exit 1 ;;");
	assert_int_equal(says(good), -ECHILD);
	assert_string_equal(why, "it broke");
	assert_int_equal(took.samples, 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test-kind.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_good_one_is_found, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(paths_and_revisions_go_to_the_adapter, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(unknown_names_have_a_nearest, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(programs_must_be_there, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(what_about_says_is_read_strictly, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(configurations_know_what_the_process_is_to_do,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(commands_are_one_line, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(logs_come_to_the_adapter_as_files, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(samples_and_counts_are_taken, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(strangers_are_odd, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(bad_lines_are_errors, make_folder, remove_folder),
	};

	return cmocka_run_group_tests_name("kind", tests, NULL, NULL);
}
