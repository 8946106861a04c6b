/* query: ask a server a few times, without a daemon and without rights. It must never steer a
 * clock, nor ask a stranger's server more often than once a second.
 *
 * To compare a server's guess of when an answer left with the drivestamp, both must be had of the
 * same answer: it must come basic, and the next one interleaved, about it. So with --interleaved
 * the requests take turns: one names the receive stamp of the last answer, and is answered
 * interleaved; the next names one that is spent, so that the server must answer basic and
 * save the stamps of that answer (RFC 9769 section 2: a receive stamp is not used again). */
#include "tool/query.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/exchange/client.h"
#include "core/exchange/wire.h"
#include "os/clock.h"
#include "os/random.h"
#include "os/socket.h"
#include "tool/options.h"
#include "tool/target.h"

#define ORIGIN_OFFSET 24		/* RFC 5905 section 7.3, figure 8 */
#define STAMP_WAIT_NS INT64_C(50000000) /* for the drivestamp of an answered request */
#define NS	      INT64_C(1000000000)

struct asker {
	struct ds_query *q;
	struct ds_clock clock;
	struct ds_batch *batch;
	struct ds_socket socket;
	struct ds_client client;
	/* the request under way */
	struct ds_query_row *row;
	uint32_t token;
	ds_ntp64 origin;
	ds_ntp64 cookie_rx;
	int64_t parked_ns; /* since when its answer waits for the drivestamp; 0: it does not */
	bool done;
	/* the server's earlier answers */
	ds_ntp64 spent;	   /* a receive stamp that was answered to interleaved; 0: none */
	ds_ntp64 basic_rx; /* the last accepted answer, if it was basic; else 0 */
	ds_ntp64 basic_tx;
	bool was_interleaved; /* it was interleaved */
};

static void lose(struct asker *a, const char *text)
{
	snprintf(a->row->loss, sizeof(a->row->loss), "%s", text);
}

static int64_t ntp64_difference_ns(ds_ntp64 later, ds_ntp64 earlier)
{
	return (int64_t)llround(ldexp((double)(int64_t)(later - earlier), -32) * 1e9);
}

/* An answer was accepted: what its fields say, beyond the exchange. */
static void note_answer(struct asker *a, const uint8_t *data)
{
	ds_ntp64 origin = ds_wire_read_ntp64(data + ORIGIN_OFFSET);
	ds_ntp64 receive = ds_wire_read_ntp64(data + ORIGIN_OFFSET + 8);
	ds_ntp64 transmit = ds_wire_read_ntp64(data + DS_WIRE_TRANSMIT_OFFSET);
	struct ds_query_row *row = a->row;

	row->answered = true;
	row->interleaved = a->cookie_rx != 0 && origin == a->cookie_rx;
	if (row->interleaved) {
		row->has_difference = a->basic_rx != 0 && a->origin == a->basic_rx;
		if (row->has_difference)
			row->difference_ns = ntp64_difference_ns(transmit, a->basic_tx);
		a->spent = a->origin;
	}
	a->was_interleaved = row->interleaved;
	a->basic_rx = row->interleaved ? 0 : receive;
	a->basic_tx = transmit;
}

static void close_row(struct asker *a, enum ds_reason reason,
		      const struct ds_client_outcome *outcome)
{
	a->parked_ns = 0;
	a->done = true;
	a->row->kiss_code = outcome->kiss_code;
	a->row->has_exchange = outcome->has_exchange;
	if (outcome->has_exchange) {
		a->row->exchange = outcome->exchange;
		a->row->loss[0] = '\0';
	} else {
		lose(a, ds_reason_sentence(reason));
	}
}

static void take_answer(struct asker *a, const struct ds_datagram *datagram)
{
	struct ds_client_outcome outcome;
	struct ds_rx_stamp t4 =
		datagram->source == DS_STAMP_NONE
			? ds_clock_rx_now(&a->clock)
			: ds_clock_rx_stamp(&a->clock, datagram->realtime_ns, datagram->source);
	enum ds_reason reason =
		ds_client_receive(&a->client, datagram->data, datagram->length, &t4, DS_AUTH_ABSENT,
				  ds_clock_rate_ppb(&a->clock), &outcome);

	if (reason == DS_R_PARKED) {
		note_answer(a, datagram->data);
		a->parked_ns = ds_monotonic_ns();
	} else if (outcome.answered) {
		note_answer(a, datagram->data);
		close_row(a, reason, &outcome);
	} else {
		/* Dropped, and nothing has changed; but if no other comes, this is why. */
		snprintf(a->row->loss, sizeof(a->row->loss), "packet dropped: %s",
			 ds_reason_sentence(reason));
		a->row->kiss_code = outcome.kiss_code;
	}
}

static void take_stamp(struct asker *a, const struct ds_datagram *datagram)
{
	struct ds_client_outcome outcome = {0};
	struct ds_tx_stamp stamp =
		ds_clock_tx_stamp(&a->clock, datagram->realtime_ns, datagram->source);
	bool was_parked = a->parked_ns != 0;
	enum ds_reason reason = ds_client_tx_stamp(&a->client, datagram->token, &stamp,
						   ds_clock_rate_ppb(&a->clock), &outcome);

	if (was_parked && outcome.answered)
		close_row(a, reason, &outcome);
}

/* One reading of a queue of the socket; false if the row is closed by an error. */
static bool read_queue(struct asker *a, bool error_queue)
{
	struct ds_datagram datagrams[DS_BATCH];
	int got = ds_socket_receive(&a->socket, a->batch, error_queue, datagrams);

	if (got == -EAGAIN || got == -EINTR)
		return true;
	if (got < 0) {
		lose(a, got == -ECONNREFUSED ? "refused: nobody listens on that port"
					     : strerror(-got));
		return false;
	}
	for (int i = 0; i < got && !a->done; i++) {
		if (datagrams[i].is_stamp)
			take_stamp(a, &datagrams[i]);
		else if (a->parked_ns == 0)
			take_answer(a, &datagrams[i]);
	}
	return true;
}

static void complete_parked(struct asker *a)
{
	struct ds_client_outcome outcome;
	enum ds_reason reason =
		ds_client_deadline(&a->client, ds_clock_rate_ppb(&a->clock), &outcome);

	close_row(a, reason, &outcome);
}

/* Until the row is closed or the time is over. */
static void await(struct asker *a, int64_t deadline_ns)
{
	struct pollfd pollfd = {.fd = a->socket.fd, .events = POLLIN | POLLPRI};

	while (!a->done) {
		int64_t until_ns = a->parked_ns != 0 ? a->parked_ns + STAMP_WAIT_NS : deadline_ns;
		int64_t left_ns = until_ns - ds_monotonic_ns();
		if (left_ns <= 0)
			break;
		struct timespec left = {left_ns / NS, left_ns % NS};
		if (ppoll(&pollfd, 1, &left, NULL) <= 0)
			continue;
		if ((pollfd.revents & (POLLPRI | POLLERR)) && !read_queue(a, true))
			return;
		if (!a->done && (pollfd.revents & (POLLIN | POLLERR)) && !read_queue(a, false))
			return;
	}
	if (a->parked_ns != 0)
		complete_parked(a);
	if (a->done || a->row->loss[0] != '\0')
		return;
	snprintf(a->row->loss, sizeof(a->row->loss), "no answer within %g s", a->q->timeout_s);
}

static void write_request(struct asker *a, uint8_t request[DS_WIRE_HEADER_SIZE])
{
	const uint64_t random[2] = {ds_random64(), ds_random64()};
	struct ds_tx_stamp t1 = ds_clock_tx_now(&a->clock);

	ds_client_request(&a->client, &t1, a->token, a->socket.stamping.transmit, random, request);
	a->origin = ds_wire_read_ntp64(request + ORIGIN_OFFSET);
	a->cookie_rx = ds_wire_read_ntp64(request + ORIGIN_OFFSET + 8);
	if (a->origin == 0 || !a->was_interleaved || a->spent == 0)
		return;
	for (int i = 0; i < 8; i++)
		request[ORIGIN_OFFSET + i] = (uint8_t)(a->spent >> (56 - 8 * i));
	a->origin = a->spent;
}

static void ask(struct asker *a)
{
	uint8_t request[DS_WIRE_HEADER_SIZE];
	char why[DS_WHY];
	int64_t now_ns = ds_monotonic_ns();

	a->row = &a->q->rows[a->q->count++];
	a->token = (uint32_t)a->q->count;
	a->done = false;
	a->parked_ns = 0;
	if (ds_socket_open_client(&a->socket, &a->q->server, NULL, NULL, why) != 0) {
		lose(a, why);
		return;
	}
	write_request(a, request);
	a->row->asked_interleaved = a->origin != 0;

	struct ds_outgoing out = {.data = request,
				  .length = sizeof(request),
				  .stamp = a->socket.stamping.transmit,
				  .token = a->token};
	struct ds_tx_stamp t1 = ds_clock_tx_now(&a->clock);
	ds_client_departs(&a->client, &t1);
	if (ds_socket_send(&a->socket, a->batch, &out, 1) != 1)
		snprintf(a->row->loss, sizeof(a->row->loss), "could not be sent: %s",
			 strerror(errno));
	else
		await(a, now_ns + (int64_t)(a->q->timeout_s * 1e9));
	ds_client_disarm(&a->client);
	ds_socket_close(&a->socket);
}

static void sleep_until(int64_t monotonic_ns)
{
	const struct timespec until = {monotonic_ns / NS, monotonic_ns % NS};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* The whole run. print: a line for each as it comes. 0, or -1 after a message. */
static int run(struct ds_query *q, int count, bool print)
{
	struct ds_socket keeper;
	struct asker a = {.q = q, .socket = {.fd = -1}};
	int64_t next_ns;

	ds_clock_open_system(&a.clock, false);
	ds_client_init(&a.client, 4, q->interleaved, false);
	a.batch = ds_batch_new();
	if (!a.batch) {
		fputs("drivestamp query: no memory\n", stderr);
		return -1;
	}
	bool has_keeper = ds_socket_open_keeper(&keeper, q->server.family) == 0;
	if (print)
		ds_query_print_head(q, stdout);
	next_ns = ds_monotonic_ns();
	for (int i = 0; i < count; i++) {
		sleep_until(next_ns);
		next_ns = ds_monotonic_ns() + (int64_t)(q->interval_s * 1e9);
		ask(&a);
		if (print)
			ds_query_print_row(q, i + 1, stdout);
	}
	if (has_keeper)
		ds_socket_close(&keeper);
	ds_batch_free(a.batch);
	return 0;
}

static int run_query(int argc, char **argv)
{
	static struct ds_query q; /* large */
	struct ds_query_result result;
	int count = 0;
	bool json = false, ipv4 = false, ipv6 = false;
	const struct ds_option options[] = {
		{"count", 'n', DS_OPTION_INTEGER, &count, 1, DS_QUERY_COUNT_MAX, "N",
		 "requests (4; with --interleaved 9)"},
		{"interval", 'i', DS_OPTION_NUMBER, &q.interval_s, 0.01, 86400, "S",
		 "seconds between them (2; at least 1 to hosts that are not local)"},
		{"interleaved", 0, DS_OPTION_FLAG, &q.interleaved, 0, 0, NULL,
		 "ask for interleaved answers, compare the transmit stamps"},
		{"timeout", 0, DS_OPTION_NUMBER, &q.timeout_s, 0.01, 60, "S",
		 "wait so long for an answer (1)"},
		{"json", 0, DS_OPTION_FLAG, &json, 0, 0, NULL, "one JSON object instead of text"},
		{"ipv4", '4', DS_OPTION_FLAG, &ipv4, 0, 0, NULL, "only IPv4"},
		{"ipv6", '6', DS_OPTION_FLAG, &ipv6, 0, 0, NULL, "only IPv6"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};

	q = (struct ds_query){.interval_s = 2, .timeout_s = 1};
	int rest = ds_options_read(&ds_verb_query, options, argc, argv, &q.host, 1);
	if (rest < 0)
		return rest == -2 ? 0 : DS_EXIT_USAGE;
	if (rest == 0 || (ipv4 && ipv6)) {
		fprintf(stderr, "drivestamp query: %s\n",
			rest == 0 ? "which host? (drivestamp help query)"
				  : "-4 and -6 exclude each other");
		return DS_EXIT_USAGE;
	}
	int error = ds_target_find("query", q.host,
				   ipv4	  ? AF_INET
				   : ipv6 ? AF_INET6
					  : AF_UNSPEC,
				   &q.server);
	if (error != 0)
		return error;
	if (q.interval_s < 1 && !ds_target_is_nearby(&q.server)) {
		fputs("drivestamp query: --interval: at least 1 towards hosts that are not local\n",
		      stderr);
		return DS_EXIT_USAGE;
	}
	if (run(&q, count > 0 ? count : q.interleaved ? 9 : 4, !json) != 0)
		return 1;
	ds_query_judge(&q, &result);
	if (json)
		ds_query_print_json(&q, &result, stdout);
	else
		ds_query_print_result(&q, &result, stdout);
	return result.answered > 0 && !ferror(stdout) ? 0 : 1;
}

const struct ds_verb ds_verb_query = {"query", "HOST[:PORT]",
				      "Ask an NTP server a few times; no daemon, no rights needed.",
				      run_query};
