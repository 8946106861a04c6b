/*
 * file: whole or absent, no link followed, pid files.
 * It must never write outside a directory of its own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/file.h"

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/ds-file-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/x", folder);
	return 0;
}

/* Nothing may be left but `path` itself: a temporary file would make rmdir() fail. */
static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void assert_holds(const char *file, const char *text)
{
	char buffer[64];

	assert_int_equal(ds_file_read(file, buffer, sizeof(buffer)), strlen(text));
	assert_string_equal(buffer, text);
}

static void replaces(void **state)
{
	struct stat st;
	mode_t old = umask(077);

	(void)state;
	assert_int_equal(ds_file_replace(path, "one\n", 0644), 0);
	umask(old);
	assert_holds(path, "one\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(ds_file_replace(path, "two\n", 0600), 0);
	assert_holds(path, "two\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void tells_whether_it_changed(void **state)
{
	struct ds_file_mark mark, none;

	(void)state;
	ds_file_mark(path, &none);
	assert_int_equal(ds_file_replace(path, "one\n", 0644), 0);
	assert_false(ds_file_is_changed(path, &none)); /* it was not known */
	ds_file_mark(path, &mark);
	assert_false(ds_file_is_changed(path, &mark));
	assert_int_equal(ds_file_replace(path, "two\n", 0644), 0);
	assert_true(ds_file_is_changed(path, &mark));
	assert_int_equal(unlink(path), 0);
	assert_false(ds_file_is_changed(path, &mark));
}

static void follows_no_link(void **state)
{
	char victim[160];
	struct stat st;

	(void)state;
	snprintf(victim, sizeof(victim), "%s/victim", folder);
	assert_int_equal(ds_file_replace(victim, "keep\n", 0600), 0);
	assert_int_equal(symlink(victim, path), 0);
	assert_int_equal(ds_file_replace(path, "new\n", 0600), 0);
	assert_holds(victim, "keep\n");
	assert_holds(path, "new\n");
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(victim);
}

static void failure_leaves_the_old(void **state)
{
	char deep[160], folder_at[160];

	(void)state;
	snprintf(deep, sizeof(deep), "%s/no/such", folder);
	assert_int_equal(ds_file_replace(deep, "x", 0600), -ENOENT);
	/* rename() cannot replace a directory: the temporary file must go */
	snprintf(folder_at, sizeof(folder_at), "%s/d", folder);
	assert_int_equal(mkdir(folder_at, 0700), 0);
	assert_int_equal(ds_file_replace(folder_at, "x", 0600), -EISDIR);
	assert_int_equal(rmdir(folder_at), 0);
}

static void reads_within_bounds(void **state)
{
	char buffer[4];

	(void)state;
	assert_int_equal(ds_file_replace(path, "abcdef", 0600), 0);
	assert_int_equal(ds_file_read(path, buffer, sizeof(buffer)), 3);
	assert_string_equal(buffer, "abc");
	assert_int_equal(ds_file_read(path, buffer, 0), -EINVAL);
	unlink(path);
	strcpy(buffer, "zz");
	assert_int_equal(ds_file_read(path, buffer, sizeof(buffer)), -ENOENT);
	assert_string_equal(buffer, "");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(ds_file_read(path, buffer, sizeof(buffer)), 0);
}

static void pid_file_is_ours(void **state)
{
	char why[DS_WHY], text[32];

	(void)state;
	snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	assert_int_equal(ds_pidfile_create(path, why), 0);
	assert_holds(path, text);
	assert_int_equal(ds_pidfile_create(path, why), 0);
	ds_pidfile_remove(path);
	assert_int_equal(access(path, F_OK), -1);
}

static void pid_file_of_the_living(void **state)
{
	char why[DS_WHY], text[32], expected[DS_WHY];

	(void)state;
	snprintf(text, sizeof(text), "%ld\n", (long)getppid());
	assert_int_equal(ds_file_replace(path, text, 0644), 0);
	assert_int_equal(ds_pidfile_create(path, why), -EEXIST);
	snprintf(expected, sizeof(expected), "another process (%ld) owns %s", (long)getppid(),
		 path);
	assert_string_equal(why, expected);
	ds_pidfile_remove(path);
	assert_holds(path, text);
}

static void stale_pid_files(void **state)
{
	static const char *const junk[] = {"",	  "junk\n", "-1\n",
					   "0\n", "12 x\n", "99999999999999999999\n"};
	char why[DS_WHY], text[32];
	pid_t gone = fork();

	(void)state;
	if (gone == 0)
		_exit(0);
	assert_true(gone > 0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	snprintf(text, sizeof(text), "%ld\n", (long)gone);
	assert_int_equal(ds_file_replace(path, text, 0644), 0);
	assert_int_equal(ds_pidfile_create(path, why), 0);
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		assert_int_equal(ds_file_replace(path, junk[i], 0644), 0);
		assert_int_equal(ds_pidfile_create(path, why), 0);
		ds_pidfile_remove(path);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void pid_file_without_folder(void **state)
{
	char why[DS_WHY], deep[160], expected[DS_WHY];

	(void)state;
	snprintf(deep, sizeof(deep), "%s/no/such", folder);
	assert_int_equal(ds_pidfile_create(deep, why), -ENOENT);
	snprintf(expected, sizeof(expected), "cannot write %s: No such file or directory", deep);
	assert_string_equal(why, expected);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(replaces),
		IN_FOLDER(tells_whether_it_changed),
		IN_FOLDER(follows_no_link),
		IN_FOLDER(failure_leaves_the_old),
		IN_FOLDER(reads_within_bounds),
		IN_FOLDER(pid_file_is_ours),
		IN_FOLDER(pid_file_of_the_living),
		IN_FOLDER(stale_pid_files),
		IN_FOLDER(pid_file_without_folder),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
