/*
 * detour: an NTP server that answers by another interface than it is asked by.
 * It must never be used but in network namespaces made for a test.
 *
 * usage: detour ADDRESS INTERFACE lie|only
 *   lie       two answers a request, both with the right origin from the right address and port:
 *             one by INTERFACE, 100 s wrong, and 2 ms later the true one, as the routes have it
 *   only      the true one alone, by INTERFACE
 * A line on stdout for each request: "asked N".
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER	    48
#define UNIX_IN_NTP UINT64_C(2208988800)
#define LIE	    (UINT64_C(100) << 32)
#define APART_US    2000

static void put(uint8_t *at, uint64_t value)
{
	for (unsigned int i = 8; i > 0; value >>= 8)
		at[--i] = (uint8_t)value;
}

static uint64_t now_ntp(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return ((uint64_t)t.tv_sec + UNIX_IN_NTP) << 32 | ((uint64_t)t.tv_nsec << 32) / 1000000000;
}

/* Two sockets on one address and port; the one of an interface hears that interface only. */
static int open_socket(const char *address, const char *interface)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found;
	const int on = 1;
	int fd;

	if (getaddrinfo(address, "123", &hints, &found) != 0)
		return -1;
	fd = socket(found->ai_family, SOCK_DGRAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if ((interface != NULL && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
					     (socklen_t)strlen(interface)) != 0) ||
	    bind(fd, found->ai_addr, found->ai_addrlen) != 0)
		fd = -1;
	freeaddrinfo(found);
	return fd;
}

static void answer(int fd, const uint8_t *request, uint64_t wrong,
		   const struct sockaddr_storage *to, socklen_t length)
{
	uint8_t a[HEADER] = {4 << 3 | 4, 1, 0, 0xe8};
	uint64_t now = now_ntp() + wrong;

	memcpy(a + 12, "TEST", 4);
	put(a + 16, now & ~UINT64_C(0xffffffff));
	memcpy(a + 24, request + 40, 8);
	put(a + 32, now);
	put(a + 40, now);
	if (sendto(fd, a, sizeof a, 0, (const struct sockaddr *)to, length) < 0)
		perror("sendto");
}

int main(int argc, char **argv)
{
	int straight, detour;
	unsigned int asked = 0;

	if (argc != 4)
		return 2;
	straight = open_socket(argv[1], NULL);
	detour = open_socket(argv[1], argv[2]);
	if (straight < 0 || detour < 0) {
		perror("detour");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	for (;;) {
		uint8_t request[HEADER];
		struct sockaddr_storage from;
		socklen_t length = sizeof from;

		if (recvfrom(straight, request, sizeof request, 0, (struct sockaddr *)&from,
			     &length) != HEADER)
			continue;
		printf("asked %u\n", ++asked);
		if (argv[3][0] == 'l') {
			answer(detour, request, LIE, &from, length);
			usleep(APART_US);
		}
		answer(argv[3][0] == 'o' ? detour : straight, request, 0, &from, length);
	}
}
