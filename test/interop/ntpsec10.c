/*
 * ntpsec10: a client that asks as NTPsec 1.0 did, and counts what it gets.
 * It must never send an origin that the server did not give it: the shape is the point.
 *
 * That client put the receive field of the last answer it took into the origin of its next
 * request, and readings of its own clock beside it (receive != transmit). To a server of RFC 9769
 * this asks for interleaved answers (section 5); the client took basic ones only. Usage:
 * ntpsec10 ADDRESS COUNT [PORT]. Exit 0: every request was answered, no two answers in a row
 * were interleaved, at least half are basic.
 */
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define ORIGIN	 24
#define RECEIVE	 32
#define TRANSMIT 40
#define SIZE	 48

struct tally {
	int asked, basic, interleaved, other, lost, in_a_row, longest;
};

static void put_clock(uint8_t *field)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint32_t seconds = (uint32_t)(now.tv_sec + INT64_C(2208988800));
	uint32_t fraction = (uint32_t)(((uint64_t)now.tv_nsec << 32) / 1000000000);
	for (int i = 0; i < 4; i++) {
		field[i] = (uint8_t)(seconds >> (24 - 8 * i));
		field[4 + i] = (uint8_t)(fraction >> (24 - 8 * i));
	}
}

/* Header fields as a synchronised client of stratum 2 filled them in: nothing is minimised. */
static void make_request(uint8_t request[SIZE], const uint8_t last[SIZE])
{
	memset(request, 0, SIZE);
	request[0] = 0 << 6 | 4 << 3 | 3;
	request[1] = 2;
	request[2] = 6;
	request[3] = (uint8_t)-20;
	put_clock(request + 16);
	memcpy(request + ORIGIN, last + RECEIVE, 8);
	put_clock(request + RECEIVE);
	struct timespec pause = {.tv_nsec = 1000};
	nanosleep(&pause, NULL);
	put_clock(request + TRANSMIT);
}

/* True if that client took the answer: a basic one. */
static bool judge(struct tally *tally, const uint8_t request[SIZE], const uint8_t answer[SIZE])
{
	bool basic = memcmp(answer + ORIGIN, request + TRANSMIT, 8) == 0;
	bool interleaved = !basic && memcmp(answer + ORIGIN, request + RECEIVE, 8) == 0;
	tally->basic += basic;
	tally->interleaved += interleaved;
	tally->other += !basic && !interleaved;
	tally->in_a_row = basic ? 0 : tally->in_a_row + 1;
	if (tally->in_a_row > tally->longest)
		tally->longest = tally->in_a_row;
	return basic;
}

static int open_to(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *found;
	if (getaddrinfo(host, port, &hints, &found) != 0)
		return -1;
	int fd = socket(found->ai_family, SOCK_DGRAM, 0);
	struct timeval patience = {.tv_usec = 200000};
	if (fd >= 0 && (connect(fd, found->ai_addr, found->ai_addrlen) != 0 ||
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s ADDRESS COUNT [PORT]\n", argv[0]);
		return 2;
	}
	int fd = open_to(argv[1], argc > 3 ? argv[3] : "123");
	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	struct tally tally = {.asked = atoi(argv[2])};
	uint8_t request[SIZE], answer[SIZE], taken[SIZE] = {0};
	for (int i = 0; i < tally.asked; i++) {
		make_request(request, taken);
		if (send(fd, request, SIZE, 0) != SIZE || recv(fd, answer, SIZE, 0) != SIZE) {
			tally.lost++;
			continue;
		}
		if (judge(&tally, request, answer))
			memcpy(taken, answer, SIZE);
		struct timespec pause = {.tv_nsec = 10000000};
		nanosleep(&pause, NULL);
	}
	close(fd);
	printf("%d asked: %d basic, %d interleaved, %d other, %d lost, longest run without basic %d\n",
	       tally.asked, tally.basic, tally.interleaved, tally.other, tally.lost, tally.longest);
	return tally.lost + tally.other == 0 && tally.longest <= 1 && 2 * tally.basic >= tally.asked
		       ? 0
		       : 1;
}
