/*
 * echo: how long does a packet take there and back, and how many get lost? For tests of the relay.
 * It must never wait for an answer longer than a quarter of a second.
 *
 * usage: echo answer ADDRESS PORT             until a signal ends it
 *        echo ask ADDRESS PORT COUNT EVERY_US prints "sent=N answered=N order=N median_us=X
 * least_us=X" (order: answers that overtook another;
 *                                             a quarter were as fast as that)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define COUNT_MAX 100000

static double rtt_us[COUNT_MAX];
static unsigned answered, overtook;
static uint32_t last;

struct packet {
	int64_t sent_ns;
	uint32_t number;
	uint32_t more[8];
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int answer(int fd, const struct sockaddr_in *at)
{
	struct sockaddr_in from;
	char packet[2048];

	if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) != 0) {
		perror("bind");
		return 1;
	}
	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t length =
			recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size);
		if (length > 0)
			(void)!sendto(fd, packet, (size_t)length, 0, (struct sockaddr *)&from,
				      size);
	}
}

/* Read answers until that moment. */
static void hear(int fd, int64_t until_ns)
{
	struct pollfd in = {.fd = fd, .events = POLLIN};
	struct packet packet;
	int64_t left;

	while ((left = until_ns - now_ns()) > 0) {
		struct timespec time = {left / 1000000000, left % 1000000000};
		if (ppoll(&in, 1, &time, NULL) <= 0 ||
		    recv(fd, &packet, sizeof(packet), 0) != (ssize_t)sizeof(packet))
			continue;
		if (answered < COUNT_MAX)
			rtt_us[answered++] = (double)(now_ns() - packet.sent_ns) / 1e3;
		overtook += packet.number < last;
		last = packet.number;
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int ask(int fd, const struct sockaddr_in *to, unsigned count, int64_t every_us)
{
	struct packet packet;
	int64_t next_ns = now_ns();

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0) {
		perror("connect");
		return 1;
	}
	memset(&packet, 0, sizeof(packet));
	for (unsigned i = 0; i < count; i++) {
		packet.sent_ns = now_ns();
		packet.number = i;
		(void)!send(fd, &packet, sizeof(packet), 0);
		next_ns += every_us * 1000;
		hear(fd, next_ns);
	}
	hear(fd, now_ns() + 250000000);
	qsort(rtt_us, answered, sizeof(rtt_us[0]), compare);
	printf("sent=%u answered=%u order=%u median_us=%.1f quarter_us=%.1f least_us=%.1f\n", count,
	       answered, overtook, answered > 0 ? rtt_us[answered / 2] : -1.0,
	       answered > 0 ? rtt_us[answered / 4] : -1.0, answered > 0 ? rtt_us[0] : -1.0);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || argc < 4 || inet_pton(AF_INET, argv[2], &at.sin_addr) != 1)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[3]));
	if (strcmp(argv[1], "answer") == 0)
		return answer(fd, &at);
	return argc == 6 ? ask(fd, &at, (unsigned)atoi(argv[4]), atoll(argv[5])) : 2;
}
