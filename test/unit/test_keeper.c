/*
 * Who keeps the clock: a process that only has the name, with the right and without.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/keeper.h"
#include "os/privilege.h"

/* A child of this name; forgo: without the right to set a clock. It waits for its end. */
static pid_t start(const char *name, bool forgo)
{
	char why[DS_WHY], ready = 0;
	int ends[2];
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		if (forgo && ds_privilege_forgo_clock(why) != 0)
			_exit(1);
		if (write(ends[1], "k", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &ready, 1), 1);
	close(ends[0]);
	return child;
}

static void end(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static bool named(const char *name, pid_t pid)
{
	char text[4096], wanted[64];

	snprintf(wanted, sizeof(wanted), "%s[%d]", name, (int)pid);
	ds_keeper_processes(text, sizeof(text));
	return strstr(text, wanted) != NULL;
}

static void test_named(void **state)
{
	pid_t with = start("chronyd", false), without = start("chronyd", true);
	pid_t cut = start("systemd-timesyncd", false), other = start("chronyda", false);

	(void)state;
	/* who has no right himself cannot give it to a child */
	assert_int_equal(named("chronyd", with), ds_privilege_may_set_clock());
	assert_int_equal(named("systemd-timesyncd", cut), ds_privilege_may_set_clock());
	assert_false(named("chronyd", without));
	assert_false(named("chronyd", other));
	assert_false(named("chronyda", other));
	end(with);
	end(without);
	end(cut);
	end(other);
}

static void test_little_room(void **state)
{
	pid_t child = start("chronyd", false);
	char text[8] = "1234567";
	unsigned count = ds_keeper_processes(text, 4);

	(void)state;
	assert_string_equal(text, "");
	assert_int_equal(text[4], '5'); /* nothing behind the room given */
	assert_true(count >= (ds_privilege_may_set_clock() ? 1U : 0U));
	end(child);
}

static void test_kernel(void **state)
{
	struct ds_keeper_kernel kernel;

	(void)state;
	ds_keeper_kernel(&kernel);
	assert_true(kernel.told);
	assert_true(kernel.rate_ppb > -1.1e8 && kernel.rate_ppb < 1.1e8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_little_room),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
