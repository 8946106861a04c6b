/*
 * rude: packets that no client of chrony's protocol sends, and what comes back: of each command
 * that there may be, at each length from nothing to past the largest, with random data, other
 * versions, other types, random bytes. It must never send to anybody but the socket that is named,
 * nor count an answer twice.
 *
 * usage: rude PORT SEED [FROM]   by UDP to 127.0.0.1, from that address, not 127.0.0.1
 *        rude PATH SEED          by the UNIX socket
 * Prints: sent=N answered=N bytes-sent=N bytes-answered=N longer=N unasked=N
 * (longer: than the question; unasked: to a packet that deserves no answer, or two to one).
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST	 2000
#define COMMANDS 80
#define WAIT_MS	 100 /* for an answer that may come; none is waited for otherwise */

static uint64_t state;
static bool stranger; /* none of our packets deserves an answer */
static struct {
	unsigned sent, answered, longer, unasked;
	unsigned long bytes_sent, bytes_answered;
} count;

/* Splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t number(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static int open_unix(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX}, own = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(own.sun_path, sizeof own.sun_path, "%s.rude", path);
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	unlink(own.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) != 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		return -1;
	return fd;
}

static int open_udp(uint16_t port, const char *from)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in own = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	if (fd < 0 || inet_pton(AF_INET, from, &own.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&own, sizeof own) != 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		return -1;
	return fd;
}

/* Send it, and take what comes. deserves: may an answer come? One that comes late to a packet that
 * deserves none is counted with the next. */
static void say(int fd, const uint8_t *packet, size_t length, bool deserves)
{
	static uint8_t answer[65536];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	unsigned came = 0;

	deserves = deserves && !stranger;
	if (send(fd, packet, length, 0) != (ssize_t)length)
		return;
	count.sent++;
	count.bytes_sent += length;
	while (poll(&p, 1, came == 0 && deserves ? WAIT_MS : 0) == 1) {
		ssize_t got = recv(fd, answer, sizeof answer, MSG_DONTWAIT);

		if (got < 0)
			break;
		came++;
		count.answered++;
		count.bytes_answered += (size_t)got;
		count.longer += (size_t)got > length;
	}
	count.unasked += deserves ? came > 1 : came;
}

static void fill(uint8_t *packet)
{
	for (size_t i = 0; i < MOST; i++)
		packet[i] = (uint8_t)number();
}

/* A request's head in front of random data; 6 and 1: as it should be. */
static void head(uint8_t *packet, unsigned version, unsigned type, unsigned command)
{
	const uint8_t bytes[] = {(uint8_t)version,
				 (uint8_t)type,
				 0,
				 0,
				 (uint8_t)(command >> 8),
				 (uint8_t)command,
				 (uint8_t)0 /* attempt */,
				 0};

	memcpy(packet, bytes, sizeof bytes);
}

int main(int argc, char **argv)
{
	static uint8_t packet[MOST];
	static const size_t lengths[] = {0,  1,	 4,  8,	  19,  20,  27,	 28,   29,   40,   60,
					 72, 76, 96, 104, 152, 392, 500, 1024, 1025, 1500, MOST};
	const size_t length_count = sizeof lengths / sizeof lengths[0];
	int fd;

	if (argc < 3)
		return 2;
	stranger = argc > 3;
	state = strtoull(argv[2], NULL, 10);
	fd = argv[1][0] == '/'
		     ? open_unix(argv[1])
		     : open_udp((uint16_t)atoi(argv[1]), argc > 3 ? argv[3] : "127.0.0.1");
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	for (unsigned command = 0; command < COMMANDS; command++)
		for (size_t i = 0; i < length_count; i++) {
			fill(packet);
			head(packet, 6, 1, command);
			say(fd, packet, lengths[i], lengths[i] >= 28 && lengths[i] <= 1024);
		}
	for (unsigned i = 0; i < 3000; i++) {
		size_t length = (size_t)(number() % (MOST + 1));
		bool reply = i % 3 == 0;

		fill(packet);
		if (reply)
			head(packet, 6, 2, (unsigned)(number() % COMMANDS));
		else if (i % 3 == 1)
			head(packet, (unsigned)(number() % 256), 1, (unsigned)(number() % 65536));
		say(fd, packet, length, i % 3 == 1 && length >= 28 && length <= 1024);
	}
	usleep(100000);
	fill(packet);
	say(fd, packet, 1, false);
	printf("sent=%u answered=%u bytes-sent=%lu bytes-answered=%lu longer=%u unasked=%u\n",
	       count.sent, count.answered, count.bytes_sent, count.bytes_answered, count.longer,
	       count.unasked);
	return 0;
}
