// SPDX-License-Identifier: BSD-2-Clause
/*
 * tstamp: UDP ping-pong with SO_TIMESTAMPING; says which stamps arrive and how far they lie apart.
 * It must never wait longer than a second for one.
 *
 *   tstamp server PORT [IFNAME [FILTER]]
 *   tstamp client ADDRESS PORT COUNT [IFNAME [FILTER [PAUSE_MS [BURST]]]]
 *   tstamp filter IFNAME FILTER
 *
 * With IFNAME, hardware stamps are switched on there first: FILTER is all, ptp or none, or any (the
 * widest that is accepted, the default). The server ends when a client says so, or after a minute
 * of silence. BURST packets are sent back to back before any is waited for. Last lines hold
 * the counts. "way" is from the client's hardware transmit stamp to the server's hardware receive
 * stamp, by both cards' clocks.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S       INT64_C(1000000000)
#define PAYLOAD	       48
#define SERVER_IDLE_MS 60000
#define STAMP_WAIT_MS  60
#define ANSWER_WAIT_MS 300
#define BURST_MOST     64

/* The places of the stamps in struct scm_timestamping. */
#define SOFTWARE 0
#define HARDWARE 2

struct counts {
	int packets, rx_software, rx_hardware, tx_software, tx_hardware, trips;
	int64_t corrected_ns; /* bytes 8 to 15 of requests, as a PTP correction field */
	int64_t trip_ns, trip_min_ns, tx_late_ns;
};

struct stamps {
	int64_t software_ns, hardware_ns;
	int64_t seen_ns; /* by the monotonic clock: when the hardware stamp came */
};

static int64_t ns_of(struct timespec ts)
{
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static int64_t now_ns(void)
{
	struct timespec ts = {0, 0};

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ns_of(ts);
}

/* Drivers know different receive filters. */
static int filter_of(const char *name, int turn)
{
	static const int any[] = {HWTSTAMP_FILTER_ALL, HWTSTAMP_FILTER_PTP_V2_EVENT,
				  HWTSTAMP_FILTER_NONE};

	if (!strcmp(name, "any"))
		return turn < 3 ? any[turn] : -1;
	if (turn)
		return -1;
	if (!strcmp(name, "all"))
		return HWTSTAMP_FILTER_ALL;
	return strcmp(name, "ptp") ? HWTSTAMP_FILTER_NONE : HWTSTAMP_FILTER_PTP_V2_L4_EVENT;
}

static int enable_hardware_stamps(int fd, const char *interface, const char *filter)
{
	struct hwtstamp_config config = {0, 0, 0};
	struct ifreq request;
	int error = -1, wanted;

	memset(&request, 0, sizeof request);
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
	request.ifr_data = (void *)&config;
	for (int i = 0; error && (wanted = filter_of(filter, i)) >= 0; i++) {
		config.tx_type = HWTSTAMP_TX_ON;
		config.rx_filter = wanted;
		error = ioctl(fd, SIOCSHWTSTAMP, &request);
	}
	printf("SIOCSHWTSTAMP %d %s tx %d rx %d\n", error, error ? strerror(errno) : "",
	       config.tx_type, config.rx_filter);
	return error;
}

static int open_socket(const char *interface, const char *filter)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE |
		    SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_HARDWARE |
		    SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE |
		    SOF_TIMESTAMPING_OPT_TSONLY | SOF_TIMESTAMPING_OPT_TX_SWHW |
		    SOF_TIMESTAMPING_OPT_ID;

	if (interface)
		enable_hardware_stamps(fd, interface, filter);
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags))
		perror("SO_TIMESTAMPING");
	return fd;
}

/* One message, of the socket or (MSG_ERRQUEUE) of its error queue; *id is the packet's number. */
static ssize_t receive(int fd, int flags, void *data, size_t size, struct sockaddr_in *from,
		       struct scm_timestamping *stamps, uint32_t *id)
{
	char control[512];
	struct iovec iov = {data, size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof control,
			     .msg_name = from,
			     .msg_namelen = from ? sizeof *from : 0};
	ssize_t length = recvmsg(fd, &msg, flags | MSG_DONTWAIT);
	struct sock_extended_err error;

	memset(stamps, 0, sizeof *stamps);
	if (length < 0)
		return length;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING)
			memcpy(stamps, CMSG_DATA(c), sizeof *stamps);
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR && id) {
			memcpy(&error, CMSG_DATA(c), sizeof error);
			*id = error.ee_data;
		}
	}
	return length;
}

/* Software and hardware transmit stamps come as two messages. */
static void drain_error_queue(int fd, struct stamps *tx, uint32_t first, struct counts *counts)
{
	struct scm_timestamping stamps;
	char data[256];
	uint32_t id = 0;

	while (receive(fd, MSG_ERRQUEUE, data, sizeof data, NULL, &stamps, &id) >= 0) {
		struct stamps *of = id - first < BURST_MOST ? &tx[id - first] : NULL;

		if (ns_of(stamps.ts[SOFTWARE])) {
			counts->tx_software++;
			if (of)
				of->software_ns = ns_of(stamps.ts[SOFTWARE]);
		}
		if (ns_of(stamps.ts[HARDWARE])) {
			counts->tx_hardware++;
			if (of) {
				of->hardware_ns = ns_of(stamps.ts[HARDWARE]);
				of->seen_ns = now_ns();
			}
		}
	}
}

static void print_counts(const char *role, const struct counts *c)
{
	printf("%s: got %d, rx sw %d hw %d, tx sw %d hw %d", role, c->packets, c->rx_software,
	       c->rx_hardware, c->tx_software, c->tx_hardware);
}

/* Big-endian, in 2^-16 ns, as a transparent clock adds to it. */
static int64_t correction_ns(const char *data)
{
	uint64_t field = 0;

	for (int i = 8; i < 16; i++)
		field = field << 8 | (uint8_t)data[i];
	return (int64_t)(field >> 16);
}

/* What the server tells: its stamps of the request before, so that the client can work out trips.
 */
struct told {
	char kind;
	uint8_t number; /* in its burst */
	char pad[2];
	uint16_t round;
	char more_pad[2];
	int64_t rx_ns;
};

/* One request answered, and the stamps that wait read; false: the client has ended. */
static bool answer_one(int fd, struct counts *counts)
{
	struct sockaddr_in from;
	struct scm_timestamping rx;
	struct stamps none[BURST_MOST];
	struct told told;
	char data[256];
	ssize_t length = receive(fd, 0, data, sizeof data, &from, &rx, NULL);

	drain_error_queue(fd, none, 0, counts);
	if (length < (ssize_t)sizeof told)
		return true;
	counts->packets++;
	counts->rx_software += ns_of(rx.ts[SOFTWARE]) != 0;
	counts->rx_hardware += ns_of(rx.ts[HARDWARE]) != 0;
	counts->corrected_ns += correction_ns(data);
	memcpy(&told, data, sizeof told);
	told.rx_ns = ns_of(rx.ts[HARDWARE]);
	memcpy(data, &told, sizeof told);
	sendto(fd, data, (size_t)length, 0, (struct sockaddr *)&from, sizeof from);
	return told.kind != 'Q';
}

static int serve(uint16_t port, const char *interface, const char *filter)
{
	int fd = open_socket(interface, filter);
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct counts counts = {0};
	struct pollfd p = {fd, POLLIN, 0};

	if (bind(fd, (struct sockaddr *)&here, sizeof here)) {
		perror("bind");
		return 1;
	}
	while (poll(&p, 1, SERVER_IDLE_MS) > 0 && answer_one(fd, &counts))
		;
	print_counts("server", &counts);
	printf(", corrected by %lld ns in the mean\n",
	       (long long)(counts.packets ? counts.corrected_ns / counts.packets : 0));
	return 0;
}

/* Answers to a burst of requests, and their transmit stamps: until all are there or late. */
static void collect(int fd, int burst, uint32_t first, uint16_t round, struct counts *counts)
{
	struct stamps tx[BURST_MOST] = {{0, 0, 0}};
	struct scm_timestamping rx;
	struct told told;
	char data[256];
	int64_t begun = now_ns(), until = begun + ANSWER_WAIT_MS * INT64_C(1000000);
	int answers = 0, stamps_before = counts->tx_hardware;

	while (now_ns() < until) {
		struct pollfd p = {fd, POLLIN, 0};

		poll(&p, 1, 5);
		drain_error_queue(fd, tx, first, counts);
		if (receive(fd, 0, data, sizeof data, NULL, &rx, NULL) >= (ssize_t)sizeof told) {
			counts->packets++;
			counts->rx_software += ns_of(rx.ts[SOFTWARE]) != 0;
			counts->rx_hardware += ns_of(rx.ts[HARDWARE]) != 0;
			memcpy(&told, data, sizeof told);
			if (told.round != round) /* too late: its stamps are no more known */
				continue;
			answers++;
			/* the way there, by both cards' clocks: these tell true time in the bed */
			if (told.number < burst && told.rx_ns && tx[told.number].hardware_ns) {
				int64_t trip = told.rx_ns - tx[told.number].hardware_ns;

				counts->trips++;
				counts->trip_ns += trip;
				if (counts->trips == 1 || trip < counts->trip_min_ns)
					counts->trip_min_ns = trip;
			}
			if (answers == burst)
				until = now_ns() + STAMP_WAIT_MS * INT64_C(1000000);
		}
		if (answers == burst && counts->tx_hardware - stamps_before == burst)
			break;
	}
	for (int i = 0; i < burst; i++)
		if (tx[i].seen_ns && tx[i].seen_ns - begun > counts->tx_late_ns)
			counts->tx_late_ns = tx[i].seen_ns - begun;
}

static int ask(struct sockaddr_in peer, int count, const char *interface, const char *filter,
	       unsigned int pause_ms, int burst)
{
	int fd = open_socket(interface, filter);
	struct counts counts = {0};
	char data[PAYLOAD] = {0};
	uint32_t id = 0;

	for (int i = 0; i < count; i++) {
		for (int k = 0; k < burst; k++) {
			const struct told question = {.number = (uint8_t)k, .round = (uint16_t)i};

			memcpy(data, &question, sizeof question);
			if (sendto(fd, data, sizeof data, 0, (struct sockaddr *)&peer,
				   sizeof peer) < 0)
				perror("sendto");
		}
		collect(fd, burst, id, (uint16_t)i, &counts);
		id += (uint32_t)burst;
		usleep(pause_ms * 1000);
	}
	data[0] = 'Q';
	sendto(fd, data, sizeof data, 0, (struct sockaddr *)&peer, sizeof peer);
	print_counts("client", &counts);
	if (counts.trips)
		printf(", way mean %lld min %lld ns", (long long)(counts.trip_ns / counts.trips),
		       (long long)counts.trip_min_ns);
	if (counts.tx_late_ns)
		printf(", last tx stamp after %.1f ms at most", (double)counts.tx_late_ns / 1e6);
	putchar('\n');
	return 0;
}

static int client(int argc, char **argv)
{
	struct sockaddr_in peer = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)strtol(argv[3], NULL, 10))};
	const char *filter = argc > 6 ? argv[6] : "any";
	int count = (int)strtol(argv[4], NULL, 10);
	unsigned int pause_ms = argc > 7 ? (unsigned int)strtol(argv[7], NULL, 10) : 20;
	int burst = argc > 8 ? (int)strtol(argv[8], NULL, 10) : 1;

	if (inet_pton(AF_INET, argv[2], &peer.sin_addr) != 1 || burst < 1 || burst > BURST_MOST) {
		fprintf(stderr, "tstamp: an IPv4 address and a burst of 1 to %d wanted\n",
			BURST_MOST);
		return 2;
	}
	return ask(peer, count, argc > 5 ? argv[5] : NULL, filter, pause_ms, burst);
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "server"))
		return serve((uint16_t)strtol(argv[2], NULL, 10), argc > 3 ? argv[3] : NULL,
			     argc > 4 ? argv[4] : "any");
	if (argc >= 5 && !strcmp(argv[1], "client"))
		return client(argc, argv);
	if (argc == 4 && !strcmp(argv[1], "filter"))
		return enable_hardware_stamps(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
					      argv[2], argv[3]) != 0;
	fputs("usage: tstamp server PORT [IFNAME [FILTER]]\n"
	      "       tstamp client ADDRESS PORT COUNT [IFNAME [FILTER [PAUSE_MS [BURST]]]]\n"
	      "       tstamp filter IFNAME FILTER\n",
	      stderr);
	return 2;
}
