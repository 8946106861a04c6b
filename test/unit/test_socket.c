/*
 * socket: real packets over loopback, with the stamps that this kernel takes, joined in each of
 * the three ways; failed sends, full buffers, refusals.
 * It must never send anything off this machine, or need a right.
 *
 * What tells a wrong join: loopback delivers within the call that sends, so the kernel's stamps
 * of packets k and k+1 stand in the order transmit k, receive k, transmit k+1, receive k+1.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/socket.h"

#define COUNT 64

static struct ds_batch *batch;
static struct ds_socket server, client, keeper;
static union ds_address server_at;
static struct ds_datagram got[DS_BATCH];
static uint8_t packets[COUNT][DS_WIRE_HEADER_SIZE];
static int64_t tx[COUNT], rx[COUNT];

/* No message of this kernel's is as long as the room for ancillary data, so that a cut-off one is
 * made here: the C library's calls, with one flag more. */
static bool cut_off;

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
	     struct timespec *timeout)
{
	int n = (int)syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);

	for (int i = 0; cut_off && i < n; i++) {
		messages[i].msg_hdr.msg_flags |= MSG_CTRUNC;
		messages[i].msg_hdr.msg_controllen = 0;
	}
	return n;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t n = syscall(SYS_recvmsg, fd, message, flags);

	if (cut_off && n >= 0) {
		message->msg_flags |= MSG_CTRUNC;
		message->msg_controllen = 0;
	}
	return n;
}

static union ds_address address(const char *text, uint16_t port)
{
	union ds_address a;

	assert_true(ds_address_parse(text, port, &a));
	return a;
}

static uint16_t port_of(int fd)
{
	union ds_address a = {0};
	socklen_t length = sizeof(a);

	assert_int_equal(getsockname(fd, &a.sa, &length), 0);
	return ds_address_port(&a);
}

static bool wait_for(const struct ds_socket *s, short events)
{
	struct pollfd p = {.fd = s->fd, .events = events};

	return poll(&p, 1, 1000) == 1;
}

static void open_pair(const char *any, const char *loopback)
{
	const union ds_address local = address(any, 0);
	char why[DS_WHY];

	assert_int_equal(ds_socket_open_server(&server, &local, NULL, why), 0);
	server_at = address(loopback, port_of(server.fd));
	assert_int_equal(ds_socket_open_client(&client, &server_at, NULL, NULL, why), 0);
	memset(tx, 0, sizeof(tx));
	memset(rx, 0, sizeof(rx));
}

static int close_all(void **state)
{
	(void)state;
	ds_socket_close(&client);
	ds_socket_close(&server);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	client.fd = server.fd = -1;
	return 0;
}

/* The kernel begins to stamp received packets some time after the keeper asked for it. */
static bool wait_until_stamped(void)
{
	const struct ds_outgoing out = {.data = packets[1], .length = 48};

	open_pair("127.0.0.1", "127.0.0.1");
	for (int i = 0; i < 2000; i++) {
		if (ds_socket_send(&client, batch, &out, 1) == 1 && wait_for(&server, POLLIN) &&
		    ds_socket_receive(&server, batch, false, got) == 1 &&
		    got[0].source == DS_STAMP_KERNEL)
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

static int setup(void **state)
{
	bool stamped;

	begin(state);
	batch = ds_batch_new();
	if (!batch || ds_socket_open_keeper(&keeper, AF_INET) != 0)
		return 1;
	for (unsigned i = 0; i < COUNT; i++) {
		memset(packets[i], (int)i, sizeof(packets[i]));
		packets[i][DS_WIRE_TRANSMIT_OFFSET] = 0xaa;
	}
	stamped = wait_until_stamped();
	close_all(state);
	return !stamped;
}

static int teardown(void **state)
{
	(void)state;
	ds_socket_close(&keeper);
	ds_batch_free(batch);
	return 0;
}

/* One packet there and back, each stamped at both ends. */
static void round_trip(const char *loopback)
{
	const union ds_address host = address(loopback, 0);
	struct ds_outgoing out = {.data = packets[1], .length = 48, .stamp = true, .token = 7};
	union ds_address from;
	int64_t stamp[4];

	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	assert_true(wait_for(&server, POLLIN));
	assert_int_equal(ds_socket_receive(&server, batch, false, got), 1);
	assert_false(got[0].is_stamp);
	assert_int_equal(got[0].length, 48);
	assert_memory_equal(got[0].data, packets[1], 48);
	assert_int_equal(got[0].source, DS_STAMP_KERNEL);
	assert_true(ds_address_same_host(&got[0].local, &host));
	assert_true(ds_address_same_host(&got[0].remote, &host));
	assert_true(got[0].interface > 0);
	stamp[1] = got[0].realtime_ns;
	from = got[0].remote;

	out = (struct ds_outgoing){.data = packets[2],
				   .length = 48,
				   .remote = &from,
				   .local = &host,
				   .stamp = true,
				   .token = 9};
	assert_int_equal(ds_socket_send(&server, batch, &out, 1), 1);
	assert_true(wait_for(&server, 0));
	assert_int_equal(ds_socket_receive(&server, batch, true, got), 1);
	assert_true(got[0].is_stamp);
	assert_int_equal(got[0].token, 9);
	assert_int_equal(got[0].source, DS_STAMP_KERNEL);
	stamp[2] = got[0].realtime_ns;

	assert_true(wait_for(&client, POLLIN));
	assert_int_equal(ds_socket_receive(&client, batch, true, got), 1);
	assert_true(got[0].is_stamp);
	assert_int_equal(got[0].token, 7);
	stamp[0] = got[0].realtime_ns;
	assert_int_equal(ds_socket_receive(&client, batch, false, got), 1);
	assert_true(ds_address_equal(&got[0].remote, &server_at));
	stamp[3] = got[0].realtime_ns;
	for (int i = 0; i < 3; i++)
		assert_true(stamp[i] > 0 && stamp[i] <= stamp[i + 1]);
	/* both queues are empty, which is no error */
	assert_int_equal(ds_socket_receive(&client, batch, true, got), 0);
	assert_int_equal(ds_socket_receive(&client, batch, false, got), 0);
}

static void ipv4(void **state)
{
	(void)state;
	open_pair("0.0.0.0", "127.0.0.1");
	assert_true(server.stamping.transmit && server.stamping.receive);
	round_trip("127.0.0.1");
	round_trip("127.0.0.1");
}

static void ipv6(void **state)
{
	const union ds_address local = address("::1", 0);
	char why[DS_WHY];

	(void)state;
	if (ds_socket_open_server(&server, &local, NULL, why) < 0)
		skip(); /* no IPv6 here */
	ds_socket_close(&server);
	open_pair("::", "::1");
	round_trip("::1");
	round_trip("::1");
}

static void one_address(void **state)
{
	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	assert_false(server.wildcard);
	round_trip("127.0.0.1");
}

/* The answer leaves from the address that was asked, not from the first of the interface. */
static void answers_from_the_address_asked(void **state)
{
	(void)state;
	open_pair("0.0.0.0", "127.0.0.77");
	const struct ds_outgoing out = {.data = packets[1], .length = 48};
	union ds_address from, local;

	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	assert_true(wait_for(&server, POLLIN));
	assert_int_equal(ds_socket_receive(&server, batch, false, got), 1);
	from = got[0].remote;
	local = got[0].local;
	/* the client sees only what comes from 127.0.0.77 */
	const struct ds_outgoing back = {
		.data = packets[2], .length = 48, .remote = &from, .local = &local};

	assert_int_equal(ds_socket_send(&server, batch, &back, 1), 1);
	assert_true(wait_for(&client, POLLIN));
	assert_int_equal(ds_socket_receive(&client, batch, false, got), 1);
}

static void take_stamps(struct ds_socket *s)
{
	int n;

	while ((n = ds_socket_receive(s, batch, true, got)) > 0) {
		for (int i = 0; i < n; i++) {
			assert_true(got[i].is_stamp);
			assert_in_range(got[i].token, 0, COUNT - 1);
			assert_int_equal(tx[got[i].token], 0);
			tx[got[i].token] = got[i].realtime_ns;
		}
	}
	assert_int_equal(n, 0);
}

static int take_packets(struct ds_socket *s)
{
	int n, all = 0;

	while ((n = ds_socket_receive(s, batch, false, got)) > 0) {
		for (int i = 0; i < n; i++)
			rx[got[i].data[0]] = got[i].realtime_ns;
		all += n;
	}
	assert_int_equal(n, 0);
	return all;
}

/* The stamps of loopback are in order, and those present are each in its place. */
static unsigned assert_order(void)
{
	int64_t last = 0;
	unsigned stamped = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		if (tx[i]) {
			assert_true(tx[i] >= last);
			last = tx[i];
			stamped++;
		}
		if (rx[i]) {
			assert_true(rx[i] >= last);
			last = rx[i];
		}
	}
	return stamped;
}

static struct ds_outgoing outgoing[COUNT];
static union ds_address client_at;

/* COUNT packets from the server to the client, every second one stamped. */
static void prepare_batch(void)
{
	client_at = address(server_at.family == AF_INET ? "127.0.0.1" : "::1", port_of(client.fd));
	for (uint32_t i = 0; i < COUNT; i++)
		outgoing[i] = (struct ds_outgoing){.data = packets[i],
						   .length = 48,
						   .remote = &client_at,
						   .stamp = i % 2 == 1,
						   .token = i};
	memset(tx, 0, sizeof(tx));
	memset(rx, 0, sizeof(rx));
}

static void every_second_is_stamped(void)
{
	prepare_batch();
	assert_int_equal(ds_socket_send(&server, batch, outgoing, COUNT), COUNT);
	assert_int_equal(errno, 0);
	take_stamps(&server);
	assert_int_equal(take_packets(&client), COUNT);
	assert_int_equal(assert_order(), COUNT / 2);
	for (unsigned i = 0; i < COUNT; i += 2)
		assert_int_equal(tx[i], 0);
}

static struct ds_pending_stamp ring[DS_STAMPING_PENDING];

static void join_server_by(enum ds_join join, bool per_packet)
{
	const struct ds_stamping_wish wish = {true, per_packet, join, ring, DS_STAMPING_PENDING};

	free(server.stamping.ring);
	memset(ring, 0, sizeof(ring));
	ds_stamping_open(&server.stamping, server.fd, &wish);
}

/* `ring` is not ds_socket_close()'s to free. */
static int close_joined(void **state)
{
	server.stamping.ring = NULL;
	return close_all(state);
}

static void batch_by_best(void **state)
{
	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	for (int i = 0; i < 20; i++)
		every_second_is_stamped();
}

static void batch_by_counter(void **state)
{
	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	join_server_by(DS_JOIN_COUNTER, true);
	for (int i = 0; i < 20; i++)
		every_second_is_stamped();
}

static void batch_by_counter_all_stamped(void **state)
{
	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	join_server_by(DS_JOIN_COUNTER, false);
	for (int i = 0; i < 20; i++)
		every_second_is_stamped();
}

static void batch_by_frame(void **state)
{
	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	join_server_by(DS_JOIN_NONE, true);
	every_second_is_stamped();
}

/* Packets 9 (no such port) and 31 (longer than IP allows) cannot be sent. */
static void two_fail(void)
{
	static const uint8_t huge[70000];
	static union ds_address nowhere;

	prepare_batch();
	nowhere = client_at;
	ds_address_set_port(&nowhere, 0);
	outgoing[9].remote = &nowhere;
	outgoing[31].data = huge;
	outgoing[31].length = sizeof(huge);
	assert_int_equal(ds_socket_send(&server, batch, outgoing, COUNT), COUNT - 2);
	assert_int_equal(errno, EINVAL);
	take_stamps(&server);
	assert_int_equal(take_packets(&client), COUNT - 2);
	assert_int_equal(tx[9], 0);
	assert_int_equal(tx[31], 0);
}

static void failures_cost_nobody_else(void **state)
{
	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	if (server.stamping.join != DS_JOIN_CHOSEN_ID)
		skip(); /* an older kernel */
	for (int i = 0; i < 5; i++) {
		two_fail();
		assert_int_equal(assert_order(), COUNT / 2 - 2);
		assert_int_equal(server.stamping.join, DS_JOIN_CHOSEN_ID);
		every_second_is_stamped();
	}
	assert_int_equal(server.stamping.counters.by_reason[DS_R_STAMP_MISSING], 0);
	assert_int_equal(server.stamping.counters.by_reason[DS_R_STAMP_WRONG_ID], 0);
}

static void counter_resynchronises(bool per_packet)
{
	open_pair("127.0.0.1", "127.0.0.1");
	join_server_by(DS_JOIN_COUNTER, per_packet);
	for (int i = 0; i < 5; i++) {
		two_fail();
		/* 1, 3, 5, 7 before the first failure; then none, and never a wrong one */
		assert_int_equal(assert_order(), 4);
		every_second_is_stamped();
	}
	assert_int_equal(server.stamping.counters.by_reason[DS_R_STAMP_WRONG_ID], 0);
	assert_true(server.stamping.counters.by_reason[DS_R_STAMP_MISSING] > 0);
}

static void counter_after_failures(void **state)
{
	(void)state;
	counter_resynchronises(true);
}

static void counter_after_failures_all_stamped(void **state)
{
	(void)state;
	counter_resynchronises(false);
}

/* The receive queue is full, and the error queue shares its room: stamps vanish. None may be
 * joined wrongly, each is accounted for, and afterwards all is as before. */
static void flood(void **state)
{
	const int size = 4096;
	struct ds_outgoing out = {.data = packets[0], .length = 48};
	const struct ds_counters *c = &server.stamping.counters;
	uint64_t reported = 0;

	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	assert_int_equal(setsockopt(server.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	for (int i = 0; i < 16; i++) {
		prepare_batch();
		assert_int_equal(ds_socket_send(&server, batch, outgoing, COUNT), COUNT);
		take_stamps(&server);
		take_packets(&client);
		reported += assert_order();
	}
	assert_true(reported < 16 * COUNT / 2);
	assert_true(c->by_reason[DS_R_STAMP_MISSING] > 0);
	assert_int_equal(c->by_reason[DS_R_STAMP_WRONG_ID], 0);
	assert_int_equal(c->by_reason[DS_R_STAMP_DOUBLE], 0);
	assert_int_equal(server.stamping.sent,
			 reported + c->by_reason[DS_R_STAMP_MISSING] + server.stamping.live);
	assert_true(take_packets(&server) > 0);
	for (uint32_t i = 0; i < 4; i++) {
		const struct ds_outgoing one = {.data = packets[i],
						.length = 48,
						.remote = &client_at,
						.stamp = true,
						.token = i};

		tx[i] = 0;
		assert_int_equal(ds_socket_send(&server, batch, &one, 1), 1);
		take_stamps(&server);
		assert_true(tx[i] > 0);
	}
}

/* With the keeper open a fresh socket's first packet has its receive stamp. */
static void fresh_sockets_are_stamped(void **state)
{
	const struct ds_outgoing out = {.data = packets[3], .length = 48};
	struct ds_outgoing back;
	union ds_address from;
	char why[DS_WHY];

	(void)state;
	open_pair("0.0.0.0", "127.0.0.1");
	for (int i = 0; i < 50; i++) {
		ds_socket_close(&client);
		assert_int_equal(ds_socket_open_client(&client, &server_at, NULL, NULL, why), 0);
		assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
		assert_int_equal(ds_socket_receive(&server, batch, false, got), 1);
		from = got[0].remote;
		back = (struct ds_outgoing){.data = packets[4], .length = 48, .remote = &from};
		assert_int_equal(ds_socket_send(&server, batch, &back, 1), 1);
		assert_int_equal(ds_socket_receive(&client, batch, false, got), 1);
		assert_int_equal(got[0].source, DS_STAMP_KERNEL);
		/* not asked for, but all of a client's packets are stamped: nobody is told */
		assert_int_equal(ds_socket_receive(&client, batch, true, got), 0);
		assert_int_equal(client.stamping.counters.by_reason[DS_R_STAMP_WRONG_ID], 0);
	}
}

static void strangers_are_not_heard(void **state)
{
	const struct ds_outgoing out = {.data = packets[3], .length = 48, .remote = &client_at};
	struct ds_socket stranger;
	const union ds_address local = address("127.0.0.1", 0);
	char why[DS_WHY];

	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	client_at = address("127.0.0.1", port_of(client.fd));
	assert_int_equal(ds_socket_open_server(&stranger, &local, NULL, why), 0);
	ds_socket_send(&stranger, batch, &out, 1);
	ds_socket_close(&stranger);
	assert_int_equal(ds_socket_receive(&client, batch, false, got), 0);
}

static void refusal_is_an_error(void **state)
{
	const struct ds_outgoing out = {.data = packets[3], .length = 48};
	uint16_t port;
	char why[DS_WHY];

	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	port = ds_address_port(&server_at);
	ds_socket_close(&server);
	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	assert_int_equal(ds_socket_receive(&client, batch, false, got), -ECONNREFUSED);
	/* a refusal that was not read yet does not cost the next packet */
	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	server_at = address("127.0.0.1", port);
	assert_int_equal(ds_socket_open_server(&server, &server_at, NULL, why), 0);
	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	assert_int_equal(ds_socket_receive(&server, batch, false, got), 1);
}

static void long_datagram_is_marked(void **state)
{
	static const uint8_t bytes[DS_DATAGRAM_SIZE + 1];
	struct ds_outgoing out = {.data = bytes, .length = sizeof(bytes)};

	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	assert_int_equal(ds_socket_receive(&server, batch, false, got), 1);
	assert_true(got[0].truncated);
	assert_int_equal(got[0].length, DS_DATAGRAM_SIZE);
	out.length--;
	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	assert_int_equal(ds_socket_receive(&server, batch, false, got), 1);
	assert_false(got[0].truncated);
	out.length = 0;
	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	assert_int_equal(ds_socket_receive(&server, batch, false, got), 1);
	assert_int_equal(got[0].length, 0);
}

static void cut_off_control_is_counted(void **state)
{
	const struct ds_outgoing out = {.data = packets[3], .length = 48};

	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	assert_true(wait_for(&server, POLLIN));
	cut_off = true;
	assert_int_equal(ds_socket_receive(&server, batch, false, got), 1);
	cut_off = false;
	assert_int_equal(server.stamping.counters.by_reason[DS_R_CONTROL_TRUNCATED], 1);
	/* the packet is as good as any; only nobody stamped it */
	assert_int_equal(got[0].length, 48);
	assert_int_equal(got[0].source, DS_STAMP_NONE);
	assert_int_equal(got[0].local.family, AF_UNSPEC);
	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	assert_int_equal(ds_socket_receive(&server, batch, false, got), 1);
	assert_int_equal(server.stamping.counters.by_reason[DS_R_CONTROL_TRUNCATED], 1);
}

/* An ICMP message in the error queue (nobody here asks for them) is no stamp. */
static void other_errors_are_counted(void **state)
{
	const struct ds_outgoing out = {.data = packets[3], .length = 48};
	const int on = 1;

	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	assert_int_equal(setsockopt(client.fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
	ds_socket_close(&server);
	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	for (int i = 0; i < 3 && wait_for(&client, POLLPRI); i++)
		assert_true(ds_socket_receive(&client, batch, true, got) <= 0);
	assert_int_equal(client.stamping.counters.by_reason[DS_R_ERROR_QUEUE_OTHER], 1);
	assert_int_equal(client.stamping.counters.by_reason[DS_R_STAMP_WRONG_ID], 0);
}

static void clear_words(void **state)
{
	struct ds_socket other;
	char why[DS_WHY], expected[DS_WHY];
	const union ds_address foreign = address("192.0.2.1", 4123);
	union ds_address taken;
	socklen_t length = sizeof(taken.in);
	int fd;

	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	assert_int_equal(ds_socket_open_server(&other, &server_at, NULL, why), -EADDRINUSE);
	snprintf(expected, sizeof(expected), "cannot bind to 127.0.0.1:%u: Address already in use",
		 ds_address_port(&server_at));
	assert_string_equal(why, expected);
	assert_int_equal(other.fd, -1);
	assert_int_equal(ds_socket_open_server(&other, &foreign, NULL, why), -EADDRNOTAVAIL);
	assert_string_equal(why, "cannot bind to 192.0.2.1:4123: Cannot assign requested address");
	/* a server lets clients share its port; others do not */
	assert_int_equal(ds_socket_open_client(&other, &server_at, &server_at, NULL, why), 0);
	ds_socket_close(&other);
	taken = address("127.0.0.1", 0);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, &taken.sa, length), 0);
	assert_int_equal(getsockname(fd, &taken.sa, &length), 0);
	assert_int_equal(ds_socket_open_client(&other, &server_at, &taken, NULL, why), -EADDRINUSE);
	close(fd);
	assert_int_equal(ds_socket_open_client(&other, &server_at, NULL, "nosuchif0", why),
			 -ENODEV);
	assert_string_equal(why, "cannot bind to interface nosuchif0: No such device");
	ds_socket_close(&other);
}

static void client_sends_from_the_port_asked(void **state)
{
	const struct ds_outgoing out = {.data = packets[3], .length = 48};
	union ds_address local;
	char why[DS_WHY];

	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	local = address("127.0.0.2", port_of(client.fd));
	ds_socket_close(&client);
	assert_int_equal(ds_socket_open_client(&client, &server_at, &local, NULL, why), 0);
	assert_int_equal(ds_socket_send(&client, batch, &out, 1), 1);
	assert_int_equal(ds_socket_receive(&server, batch, false, got), 1);
	assert_true(ds_address_equal(&got[0].remote, &local));
}

/* The kernel refuses a chosen id where the socket has no OPT_ID, as older kernels always do. All
 * packets leave, and stamps are counted from then on. Last: it is remembered for the process. */
static void refused_ids_cost_no_packet(void **state)
{
	int flags;

	(void)state;
	open_pair("127.0.0.1", "127.0.0.1");
	if (server.stamping.join != DS_JOIN_CHOSEN_ID)
		skip(); /* an older kernel */
	flags = (int)(server.stamping.flags & ~(uint32_t)SOF_TIMESTAMPING_OPT_ID);
	assert_int_equal(setsockopt(server.fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)),
			 0);
	prepare_batch();
	assert_int_equal(ds_socket_send(&server, batch, outgoing, COUNT), COUNT);
	take_stamps(&server);
	assert_int_equal(take_packets(&client), COUNT);
	assert_int_equal(assert_order(), 0);
	assert_int_equal(server.stamping.join, DS_JOIN_COUNTER);
	assert_int_equal(server.stamping.counters.by_reason[DS_R_STAMP_MISSING], COUNT / 2);
	every_second_is_stamped();
	every_second_is_stamped();
	ds_socket_close(&client);
	ds_socket_close(&server);
	open_pair("0.0.0.0", "127.0.0.1");
	assert_int_equal(server.stamping.join, DS_JOIN_COUNTER);
	round_trip("127.0.0.1");
}

#define PLAIN(f)  cmocka_unit_test_setup_teardown(f, begin, close_all)
#define JOINED(f) cmocka_unit_test_setup_teardown(f, begin, close_joined)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(ipv4),
		PLAIN(ipv6),
		PLAIN(one_address),
		PLAIN(answers_from_the_address_asked),
		PLAIN(batch_by_best),
		JOINED(batch_by_counter),
		JOINED(batch_by_counter_all_stamped),
		JOINED(batch_by_frame),
		PLAIN(failures_cost_nobody_else),
		JOINED(counter_after_failures),
		JOINED(counter_after_failures_all_stamped),
		PLAIN(flood),
		PLAIN(fresh_sockets_are_stamped),
		PLAIN(strangers_are_not_heard),
		PLAIN(refusal_is_an_error),
		PLAIN(long_datagram_is_marked),
		PLAIN(cut_off_control_is_counted),
		PLAIN(other_errors_are_counted),
		PLAIN(clear_words),
		PLAIN(client_sends_from_the_port_asked),
		PLAIN(refused_ids_cost_no_packet),
	};

	return cmocka_run_group_tests_name("socket", tests, setup, teardown);
}
