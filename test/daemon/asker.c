/*
 * asker: sends NTP requests of any shape and says what came back.
 * It must never judge: the scripts that run it do.
 *
 * usage: asker one FROM TO PORT VERSION MODE LENGTH
 *            "answer LENGTH VERSION MODE ADDRESS US" or "silence" (after 300 ms); FROM "any": any.
 *            The trailer of a longer request looks like a MAC's.
 *        asker many TO PORT SOCKETS     "answered N" (after at most 1 s)
 *        asker flood TO PORT REQUESTS [STOP]
 *            interleaved requests, as fast as they can be sent, each with the receive stamp of
 *            an answer that came before; at a third of them process STOP is stopped for 100 ms.
 *            "sent N answers N interleaved N basic N bogus N"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define HEADER	    48
#define SOCKETS_MAX 256

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int look_up(const char *address, const char *port, struct sockaddr_storage *at,
		   socklen_t *length)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				       .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found;

	if (getaddrinfo(address, port, &hints, &found) != 0)
		return -1;
	memcpy(at, found->ai_addr, found->ai_addrlen);
	*length = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static void write_request(uint8_t *bytes, unsigned int version, unsigned int mode, uint64_t number)
{
	bytes[0] = (uint8_t)(version << 3 | mode);
	bytes[3] = 0x20;
	memcpy(bytes + 40, &number, sizeof number);
}

/* Waits for at most `ms`; whether there is something to read. */
static int readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static int one(char **argv)
{
	struct sockaddr_storage from, to;
	socklen_t from_length, to_length;
	uint8_t request[2048] = {0}, answer[2048];
	size_t length = (size_t)atoi(argv[6]);
	char host[64];
	int64_t sent_us;
	ssize_t n;
	int fd;

	if (look_up(argv[2], argv[3], &to, &to_length) != 0 || length > sizeof request)
		return 2;
	fd = socket(to.ss_family, SOCK_DGRAM, 0);
	if (strcmp(argv[1], "any") != 0 && (look_up(argv[1], "0", &from, &from_length) != 0 ||
					    bind(fd, (struct sockaddr *)&from, from_length) != 0))
		return 2;
	request[HEADER + 3] = 1; /* a key's number */
	write_request(request, (unsigned int)atoi(argv[4]), (unsigned int)atoi(argv[5]), 12345);
	sent_us = now_us();
	if (sendto(fd, request, length, 0, (struct sockaddr *)&to, to_length) < 0)
		return 2;
	if (!readable(fd, 300)) {
		puts("silence");
		return 0;
	}
	from_length = sizeof from;
	n = recvfrom(fd, answer, sizeof answer, 0, (struct sockaddr *)&from, &from_length);
	if (n < 1)
		return 2;
	getnameinfo((struct sockaddr *)&from, from_length, host, sizeof host, NULL, 0,
		    NI_NUMERICHOST);
	printf("answer %zd %d %d %s %lld\n", n, answer[0] >> 3 & 7, answer[0] & 7, host,
	       (long long)(now_us() - sent_us));
	return 0;
}

static int many(char **argv)
{
	struct pollfd fds[SOCKETS_MAX];
	struct sockaddr_storage to;
	socklen_t length;
	int count = atoi(argv[3]), answered = 0;
	int64_t end_us;

	if (look_up(argv[1], argv[2], &to, &length) != 0 || count < 1 || count > SOCKETS_MAX)
		return 2;
	for (int i = 0; i < count; i++) {
		fds[i] = (struct pollfd){.fd = socket(to.ss_family, SOCK_DGRAM, 0),
					 .events = POLLIN};
		if (connect(fds[i].fd, (struct sockaddr *)&to, length) != 0)
			return 2;
	}
	for (int i = 0; i < count; i++) {
		uint8_t request[HEADER] = {0};

		write_request(request, 4, 3, (uint64_t)i + 1);
		if (send(fds[i].fd, request, sizeof request, 0) < 0)
			return 2;
	}
	for (end_us = now_us() + 1000000; answered < count && now_us() < end_us;) {
		poll(fds, (nfds_t)count, 50);
		for (int i = 0; i < count; i++) {
			uint8_t answer[HEADER];
			uint64_t number = (uint64_t)i + 1;

			if (!(fds[i].revents & POLLIN) ||
			    recv(fds[i].fd, answer, sizeof answer, 0) != HEADER)
				continue;
			/* his own answer, not somebody else's */
			answered += memcmp(answer + 24, &number, sizeof number) == 0;
			fds[i].fd = -1;
		}
	}
	printf("answered %d\n", answered);
	return 0;
}

struct flood {
	int fd;
	uint64_t sent, answers, interleaved, basic, bogus;
	uint8_t saved[4096][8]; /* receive stamps of answers that were not given back yet */
	unsigned int first, last;
};

static void take_answers(struct flood *f)
{
	uint8_t answer[128];

	while (recv(f->fd, answer, sizeof answer, MSG_DONTWAIT) == HEADER) {
		uint64_t origin;

		memcpy(&origin, answer + 24, sizeof origin);
		f->answers++;
		/* Bit 63 tells our receive cookies from our transmit cookies. */
		if (origin == 0 || (origin & ~(UINT64_C(1) << 63)) > f->sent)
			f->bogus++;
		else if (origin >> 63)
			f->interleaved++;
		else
			f->basic++;
		if (f->last - f->first < 4096)
			memcpy(f->saved[f->last++ % 4096], answer + 32, 8);
	}
}

static void ask(struct flood *f)
{
	uint8_t request[HEADER] = {0};
	uint64_t receive = ++f->sent | UINT64_C(1) << 63;

	write_request(request, 4, 3, f->sent);
	memcpy(request + 32, &receive, sizeof receive);
	if (f->first != f->last)
		memcpy(request + 24, f->saved[f->first++ % 4096], 8);
	while (send(f->fd, request, sizeof request, 0) < 0 && errno == ENOBUFS)
		usleep(1000);
}

static int flood(char **argv, pid_t stop)
{
	static struct flood f;
	struct sockaddr_storage to;
	socklen_t length;
	uint64_t count = (uint64_t)atoi(argv[3]);

	if (look_up(argv[1], argv[2], &to, &length) != 0)
		return 2;
	f.fd = socket(to.ss_family, SOCK_DGRAM, 0);
	if (connect(f.fd, (struct sockaddr *)&to, length) != 0)
		return 2;
	while (f.sent < count) {
		if (stop > 0 && f.sent == count / 3)
			kill(stop, SIGSTOP);
		ask(&f);
		if (stop > 0 && f.sent == count / 3 + 1000) {
			usleep(100000);
			kill(stop, SIGCONT);
		}
		take_answers(&f);
	}
	while (readable(f.fd, 300))
		take_answers(&f);
	printf("sent %llu answers %llu interleaved %llu basic %llu bogus %llu\n",
	       (unsigned long long)f.sent, (unsigned long long)f.answers,
	       (unsigned long long)f.interleaved, (unsigned long long)f.basic,
	       (unsigned long long)f.bogus);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 8 && strcmp(argv[1], "one") == 0)
		return one(argv + 1);
	if (argc == 5 && strcmp(argv[1], "many") == 0)
		return many(argv + 1);
	if ((argc == 5 || argc == 6) && strcmp(argv[1], "flood") == 0)
		return flood(argv + 1, argc == 6 ? (pid_t)atoi(argv[5]) : 0);
	fputs("usage: see asker.c\n", stderr);
	return 2;
}
