/*
 * privilege: what is left of root's rights in a child that gave them up.
 * It must never give up the rights of the test itself: each case runs in a child.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/capability.h>

#include "os/privilege.h"

extern int capget(cap_user_header_t header, cap_user_data_t data);

static uint64_t capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	memset(data, 0, sizeof(data));
	capget(&header, data);
	return (uint64_t)(data[1].permitted | data[1].effective) << 32 | data[0].permitted |
	       data[0].effective;
}

/* Run what in a child; its exit status. */
static int in_child(int (*what)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(what());
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static char why[DS_WHY];

/* Nobody, with these rights or fewer (where root lacks them itself): 0, else what is wrong. */
static int as_nobody(bool steer, bool bind, uint64_t allowed)
{
	const uint64_t before = capabilities();

	if (ds_privilege_drop("nobody", steer, bind, why) != 0)
		return 1;
	if (capabilities() != (before & allowed))
		return 2;
	if (getuid() == 0 || geteuid() == 0 || getgid() == 0)
		return 3;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 4;
	if (setuid(0) == 0)
		return 5;
	if (ds_privilege_may_set_clock() != ((before & allowed & 1U << CAP_SYS_TIME) != 0))
		return 6;
	/* again: it is done already */
	return ds_privilege_drop("nobody", steer, bind, why) == 0 ? 0 : 7;
}

static int keep_nothing(void)
{
	return as_nobody(false, false, 0);
}

static int keep_clock(void)
{
	return as_nobody(true, false, 1U << CAP_SYS_TIME);
}

static int keep_both(void)
{
	return as_nobody(true, true, 1U << CAP_SYS_TIME | 1U << CAP_NET_BIND_SERVICE);
}

static int stay(void)
{
	const uid_t uid = getuid();
	const uint64_t before = capabilities();

	if (ds_privilege_drop(NULL, false, false, why) ||
	    ds_privilege_drop("root", true, true, why))
		return 1;
	return getuid() == uid && capabilities() == before ? 0 : 2;
}

static int no_such_user(void)
{
	if (ds_privilege_drop("no-such-user-here", false, false, why) != -ENOENT)
		return 1;
	return strcmp(why, "no such user: no-such-user-here: No such file or directory") == 0 ? 0
											      : 2;
}

static void needs_root(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(keep_nothing), 0);
	assert_int_equal(in_child(keep_clock), 0);
	assert_int_equal(in_child(keep_both), 0);
}

static void needs_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(stay), 0);
	assert_int_equal(in_child(no_such_user), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs_root),
		cmocka_unit_test(needs_nothing),
	};

	return cmocka_run_group_tests_name("privilege", tests, NULL, NULL);
}
