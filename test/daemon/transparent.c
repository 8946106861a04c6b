/*
 * transparent: a switch between a client and a server that speak NTP by PTP's port: it holds
 * packets up as a queue does, and writes how long into them, or lies about it. It must never be
 * heard beyond the machine: it binds to loopback addresses only.
 *
 * usage: transparent HERE SERVER PORT [request=LEAST-MOST] [answer=LEAST-MOST] [WORD...]
 * Relays for one client. LEAST-MOST: microseconds that each packet that way is held, drawn evenly.
 *   lie-request=NS, lie-answer=NS    is added to what is written
 *   mute-request, mute-answer        nothing is written that way
 * SIGTERM ends it: "requests=N answers=N" on stdout.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PACKET_MAX	  1024
#define CORRECTION_OFFSET 8
#define CORRECTION_END	  16
#define NS_PER_S	  INT64_C(1000000000)

struct way {
	int64_t least_ns, most_ns, lie_ns;
	bool mute;
	unsigned long count;
};

struct packet {
	uint8_t bytes[PACKET_MAX];
	size_t length;
	int64_t came_ns; /* when the kernel had it */
	struct sockaddr_in from;
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	ended = number;
}

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * NS_PER_S + t->tv_nsec;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ns_of(&now);
}

static bool take(int fd, struct packet *p)
{
	union {
		char room[CMSG_SPACE(sizeof(struct timespec))];
		struct cmsghdr aligned;
	} control;
	struct iovec vector = {p->bytes, PACKET_MAX};
	struct msghdr m = {.msg_name = &p->from,
			   .msg_namelen = sizeof(p->from),
			   .msg_iov = &vector,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(fd, &m, 0);
	struct cmsghdr *c;
	struct timespec stamp;

	p->came_ns = now_ns();
	if (length < 0)
		return false;
	p->length = (size_t)length;
	c = CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
		memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
		p->came_ns = ns_of(&stamp);
	}
	return true;
}

/* Adds nanoseconds to a correction field, which counts 2^-16 of them. */
static void add(uint8_t *field, int64_t ns)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | field[i];
	value += (uint64_t)ns << 16;
	for (int i = 7; i >= 0; i--) {
		field[i] = (uint8_t)value;
		value >>= 8;
	}
}

static void hold_and_send(int fd, struct way *way, struct packet *p, const struct sockaddr_in *to)
{
	int64_t span_ns = way->most_ns - way->least_ns + 1;
	int64_t until_ns = p->came_ns + way->least_ns + (int64_t)random() % span_ns;

	while (now_ns() < until_ns)
		;
	if (!way->mute && p->length >= CORRECTION_END)
		add(p->bytes + CORRECTION_OFFSET, now_ns() - p->came_ns + way->lie_ns);
	if (sendto(fd, p->bytes, p->length, 0, (const struct sockaddr *)to, sizeof(*to)) >= 0)
		way->count++;
}

static bool set_way(struct way *request, struct way *answer, const char *word)
{
	long long least, most, lie;

	if (sscanf(word, "request=%lld-%lld", &least, &most) == 2) {
		request->least_ns = least * 1000;
		request->most_ns = most * 1000;
	} else if (sscanf(word, "answer=%lld-%lld", &least, &most) == 2) {
		answer->least_ns = least * 1000;
		answer->most_ns = most * 1000;
	} else if (sscanf(word, "lie-request=%lld", &lie) == 1) {
		request->lie_ns = lie;
	} else if (sscanf(word, "lie-answer=%lld", &lie) == 1) {
		answer->lie_ns = lie;
	} else if (strcmp(word, "mute-request") == 0) {
		request->mute = true;
	} else if (strcmp(word, "mute-answer") == 0) {
		answer->mute = true;
	} else {
		return false;
	}
	return request->least_ns <= request->most_ns && answer->least_ns <= answer->most_ns;
}

static int open_here(const struct sockaddr_in *here)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0 ||
	    bind(fd, (const struct sockaddr *)here, sizeof(*here)) != 0) {
		fprintf(stderr, "transparent: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

static void relay(int fd, const struct sockaddr_in *server, struct way *request, struct way *answer)
{
	struct sockaddr_in client = {0};
	struct packet p;

	while (!ended) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};

		if (poll(&wait, 1, 1000) <= 0 || !take(fd, &p))
			continue;
		if (p.from.sin_addr.s_addr == server->sin_addr.s_addr &&
		    p.from.sin_port == server->sin_port) {
			hold_and_send(fd, answer, &p, &client);
			continue;
		}
		client = p.from;
		hold_and_send(fd, request, &p, server);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = {.sin_family = AF_INET}, server = {.sin_family = AF_INET};
	struct sigaction action = {.sa_handler = on_signal};
	struct way request = {0}, answer = {0};
	bool good = argc >= 4 && inet_pton(AF_INET, argv[1], &here.sin_addr) == 1 &&
		    inet_pton(AF_INET, argv[2], &server.sin_addr) == 1 &&
		    (ntohl(here.sin_addr.s_addr) >> 24) == 127 &&
		    (ntohl(server.sin_addr.s_addr) >> 24) == 127;

	for (int i = 4; i < argc && good; i++)
		good = set_way(&request, &answer, argv[i]);
	if (!good) {
		fprintf(stderr, "usage: transparent HERE SERVER PORT [request=LEAST-MOST] "
				"[answer=LEAST-MOST] [WORD...]\n");
		return 2;
	}
	here.sin_port = server.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	relay(open_here(&here), &server, &request, &answer);
	printf("requests=%lu answers=%lu\n", request.count, answer.count);
	return 0;
}
