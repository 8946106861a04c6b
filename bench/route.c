/*
 * route: what it costs a request to ask the kernel which interface it leaves by, beside what the
 * request's socket costs anyhow.
 * It must never send anything: connect() of UDP sends nothing.
 *
 * usage: route ADDRESS...    (addresses that have a route; needs no right)
 * Median, over 51 batches of 400 calls, of CLOCK_MONOTONIC nanoseconds a call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "os/route.h"

#define BATCHES 51
#define CALLS	400

static struct ds_route route;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int interface;

static void ask(struct ds_socket *s, const union ds_address *remote, const union ds_address *local)
{
	interface = ds_route_of_socket(&route, s, remote, local);
}

static void open_another(struct ds_socket *s, const union ds_address *remote,
			 const union ds_address *local)
{
	struct ds_socket another;
	char why[DS_WHY];

	(void)s;
	(void)local;
	if (ds_socket_open_client(&another, remote, NULL, NULL, why) == 0)
		ds_socket_close(&another);
}

static int64_t
median_ns(void (*call)(struct ds_socket *, const union ds_address *, const union ds_address *),
	  struct ds_socket *s, const union ds_address *remote, const union ds_address *local)
{
	int64_t batches[BATCHES];

	for (int i = 0; i < BATCHES; i++) {
		int64_t began = now_ns();

		for (int k = 0; k < CALLS; k++)
			call(s, remote, local);
		batches[i] = (now_ns() - began) / CALLS;
	}
	qsort(batches, BATCHES, sizeof(batches[0]), compare);
	return batches[BATCHES / 2];
}

int main(int argc, char **argv)
{
	union ds_address remote, local;
	struct ds_socket s;
	char why[DS_WHY];

	if (argc < 2 || ds_route_open(&route) != 0)
		return 2;
	for (int i = 1; i < argc; i++) {
		if (!ds_address_parse(argv[i], 123, &remote) ||
		    ds_socket_open_client(&s, &remote, NULL, NULL, why) != 0 ||
		    !ds_socket_local(&s, &local)) {
			fprintf(stderr, "route: %s cannot be reached\n", argv[i]);
			return 1;
		}
		int64_t socket_ns = median_ns(open_another, &s, &remote, &local);
		int64_t route_ns = median_ns(ask, &s, &remote, &local);

		printf("%s: route %lld ns (interface %d), the socket itself %lld ns\n", argv[i],
		       (long long)route_ns, interface, (long long)socket_ns);
		ds_socket_close(&s);
	}
	ds_route_close(&route);
	return 0;
}
