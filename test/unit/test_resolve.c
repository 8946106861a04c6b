/*
 * resolve: names that need no name server, names that cannot be, and no child left behind.
 * It must never send a packet: what it asks for is in /etc/hosts or refused by getaddrinfo().
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "os/resolve.h"

static int finish(struct ds_resolution *r, union ds_address out[DS_RESOLVE_MAX], char why[128])
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 20000), 1);
	return ds_resolve_finish(r, out, why);
}

static void no_child_is_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* A minimal system has no /etc/hosts, and its name servers need not know the name. */
static bool has_localhost(void)
{
	const struct addrinfo hints = {.ai_family = AF_INET};
	struct addrinfo *list = NULL;

	if (getaddrinfo("localhost", NULL, &hints, &list) != 0)
		return false;
	freeaddrinfo(list);
	return true;
}

static void localhost(void **state)
{
	struct ds_resolution r = {0};
	union ds_address out[DS_RESOLVE_MAX], loopback;
	char why[128];

	(void)state;
	if (!has_localhost())
		skip();
	assert_true(ds_address_parse("127.0.0.1", 0, &loopback));
	assert_int_equal(ds_resolve_start(&r, "localhost", AF_INET), 0);
	assert_int_equal(ds_resolve_start(&r, "localhost", AF_INET), -EBUSY);
	assert_in_range(finish(&r, out, why), 1, DS_RESOLVE_MAX);
	assert_true(ds_address_equal(&out[0], &loopback));
	assert_int_equal(r.child, 0);
	no_child_is_left();
}

static void no_such_name(void **state)
{
	struct ds_resolution r = {0};
	union ds_address out[DS_RESOLVE_MAX];
	char why[128];

	(void)state;
	/* an IPv6 address as an IPv4 host: getaddrinfo() refuses it by itself */
	assert_int_equal(ds_resolve_start(&r, "::1", AF_INET), 0);
	assert_int_equal(finish(&r, out, why), -ENOENT);
	assert_true(strlen(why) > 0);
	no_child_is_left();
}

static void idle(void **state)
{
	struct ds_resolution r = {0};
	union ds_address out[DS_RESOLVE_MAX];
	char why[128];

	(void)state;
	assert_int_equal(ds_resolve_finish(&r, out, why), -EIO);
	assert_true(strlen(why) > 0);
	ds_resolve_cancel(&r);
	assert_int_equal(r.child, 0);
}

static void cancelled(void **state)
{
	struct ds_resolution r = {0};
	union ds_address out[DS_RESOLVE_MAX];
	char why[128];

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(ds_resolve_start(&r, "localhost", AF_UNSPEC), 0);
		ds_resolve_cancel(&r);
		no_child_is_left();
	}
	assert_int_equal(ds_resolve_start(&r, "127.0.0.1", AF_UNSPEC), 0);
	assert_int_equal(finish(&r, out, why), 1);
	no_child_is_left();
}

static void child_that_dies(void **state)
{
	struct ds_resolution r = {0};
	union ds_address out[DS_RESOLVE_MAX];
	char why[128];
	int got;

	(void)state;
	assert_int_equal(ds_resolve_start(&r, "localhost", AF_INET), 0);
	kill(r.child, SIGKILL);
	got = finish(&r, out, why);
	/* it may have answered before the signal came */
	if (got < 0) {
		assert_int_equal(got, -EIO);
		assert_string_equal(why, "The resolver ended without an answer");
	}
	no_child_is_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(localhost),
		cmocka_unit_test(no_such_name),
		cmocka_unit_test(idle),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(child_that_dies),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
