/* conform: test what a server does against the standards, over the network and without rights.
 * It must never send a stranger's server more than a packet a second, nor anyone more than 64. */
#include "tool/conform.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "os/clock.h"
#include "os/random.h"
#include "os/socket.h"
#include "tool/options.h"
#include "tool/target.h"

#define NS	     INT64_C(1000000000)
#define EXIT_NOTHING 3

struct asker {
	const union ds_address *server;
	struct ds_batch *batch;
	union ds_address same_port; /* to send from; family 0: not yet chosen */
	int64_t interval_ns;
	int64_t timeout_ns;
	int64_t next_ns; /* nothing is sent before */
	char problem[DS_WHY];
};

static void sleep_until(int64_t monotonic_ns)
{
	const struct timespec until = {monotonic_ns / NS, monotonic_ns % NS};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
		;
}

static void read_queue(struct asker *a, struct ds_socket *s, bool error_queue, struct ds_shot *shot)
{
	struct ds_datagram datagrams[DS_BATCH];
	int got = ds_socket_receive(s, a->batch, error_queue, datagrams);
	int64_t now_ns = ds_monotonic_ns();

	if (got < 0 && got != -EAGAIN && got != -EINTR)
		snprintf(a->problem, sizeof(a->problem), "%s",
			 got == -ECONNREFUSED ? "nobody listens on that port" : strerror(-got));
	for (int i = 0; i < got; i++)
		if (!datagrams[i].is_stamp)
			ds_conform_heard(shot, datagrams[i].data, datagrams[i].length, now_ns);
}

/* Until the next packet may be sent, which gives second answers the time to come; longer, but not
 * for ever, while there is no answer. */
static void await(struct asker *a, struct ds_socket *s, struct ds_shot *shot)
{
	struct pollfd pollfd = {.fd = s->fd, .events = POLLIN | POLLPRI};
	int64_t patience_ns = shot->sent_ns + a->timeout_ns;

	for (;;) {
		int64_t until_ns = a->next_ns;
		if (shot->answers == 0 && patience_ns > until_ns)
			until_ns = patience_ns;
		int64_t left_ns = until_ns - ds_monotonic_ns();
		if (left_ns <= 0)
			return;
		const struct timespec left = {left_ns / NS, left_ns % NS};
		if (ppoll(&pollfd, 1, &left, NULL) <= 0)
			continue;
		if (pollfd.revents & (POLLPRI | POLLERR))
			read_queue(a, s, true, shot);
		if (pollfd.revents & (POLLIN | POLLERR))
			read_queue(a, s, false, shot);
	}
}

static void exchange(void *context, struct ds_shot *shot, bool same_port)
{
	struct asker *a = context;
	struct ds_socket s;
	const union ds_address *from = same_port && a->same_port.family != 0 ? &a->same_port : NULL;

	sleep_until(a->next_ns);
	shot->sent_ns = ds_monotonic_ns();
	a->next_ns = shot->sent_ns + a->interval_ns;
	shot->unsent = ds_socket_open_client(&s, a->server, from, NULL, a->problem) != 0;
	if (shot->unsent)
		return;
	if (same_port && !ds_socket_local(&s, &a->same_port))
		a->same_port.family = 0;
	const struct ds_outgoing out = {.data = shot->request, .length = shot->length};
	shot->sent_ns = ds_monotonic_ns();
	a->next_ns = shot->sent_ns + a->interval_ns;
	shot->unsent = ds_socket_send(&s, a->batch, &out, 1) != 1;
	if (!shot->unsent)
		await(a, &s, shot);
	else
		snprintf(a->problem, sizeof(a->problem), "could not be sent: %s", strerror(errno));
	ds_socket_close(&s);
}

static uint64_t random_word(void *context)
{
	(void)context;
	return ds_random64();
}

static int run(struct asker *a, const struct ds_conform_target *target, bool json)
{
	static struct ds_conform c; /* large */
	const struct ds_conform_io io = {a, exchange, random_word};
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];

	a->batch = ds_batch_new();
	if (!a->batch) {
		fputs("drivestamp conform: no memory\n", stderr);
		return EXIT_NOTHING;
	}
	a->next_ns = ds_monotonic_ns();
	ds_conform_ask(&c, &io);
	ds_batch_free(a->batch);
	int count = ds_conform_judge(&c, findings);
	int status = ds_conform_status(&c, findings, count);
	if (status == EXIT_NOTHING)
		fprintf(stderr, "drivestamp conform: %s: nothing to judge: %s\n", target->host,
			c.kiss_code != 0	? "the server refused"
			: a->problem[0] != '\0' ? a->problem
						: "no answer");
	if (json)
		ds_conform_print_json(&c, target, findings, count, stdout);
	else if (status != EXIT_NOTHING)
		ds_conform_print(&c, target, findings, count, stdout);
	return fflush(stdout) == 0 && !ferror(stdout) ? status : EXIT_NOTHING;
}

static int run_conform(int argc, char **argv)
{
	struct ds_conform_target target = {0};
	double interval_s = 1, timeout_s = 1;
	bool json = false, ipv4 = false, ipv6 = false;
	const struct ds_option options[] = {
		{"interval", 'i', DS_OPTION_NUMBER, &interval_s, 0.02, 60, "S",
		 "seconds between packets (1; at least 1 to hosts that are not local)"},
		{"timeout", 0, DS_OPTION_NUMBER, &timeout_s, 0.05, 60, "S",
		 "wait so long for an answer (1)"},
		{"json", 0, DS_OPTION_FLAG, &json, 0, 0, NULL, "one JSON object instead of text"},
		{"ipv4", '4', DS_OPTION_FLAG, &ipv4, 0, 0, NULL, "only IPv4"},
		{"ipv6", '6', DS_OPTION_FLAG, &ipv6, 0, 0, NULL, "only IPv6"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};
	int rest = ds_options_read(&ds_verb_conform, options, argc, argv, &target.host, 1);

	if (rest < 0)
		return rest == -2 ? 0 : DS_EXIT_USAGE;
	if (rest == 0 || (ipv4 && ipv6)) {
		fprintf(stderr, "drivestamp conform: %s\n",
			rest == 0 ? "which host? (drivestamp help conform)"
				  : "-4 and -6 exclude each other");
		return DS_EXIT_USAGE;
	}
	int error = ds_target_find("conform", target.host,
				   ipv4	  ? AF_INET
				   : ipv6 ? AF_INET6
					  : AF_UNSPEC,
				   &target.address);
	if (error != 0)
		return error == DS_EXIT_USAGE ? error : EXIT_NOTHING;
	if (interval_s < 1 && !ds_target_is_nearby(&target.address)) {
		fputs("drivestamp conform: --interval: at least 1 towards hosts that are not "
		      "local\n",
		      stderr);
		return DS_EXIT_USAGE;
	}
	struct asker a = {.server = &target.address,
			  .interval_ns = (int64_t)(interval_s * 1e9),
			  .timeout_ns = (int64_t)(timeout_s * 1e9)};
	return run(&a, &target, json);
}

const struct ds_verb ds_verb_conform = {
	"conform", "HOST[:PORT]", "Test a server against RFC 5905 and RFC 9769; no rights needed.",
	run_conform};
