/*
 * bare: the least that a server of UDP packets can do, as the measure for those that do more.
 * It must never be taken for an NTP server: it judges nothing, remembers nothing, and answers
 * whatever is 48 bytes long.
 *
 * bare -a ADDRESS -p PORT [-b BATCH] [-T]: recvmmsg, kernel receive stamps, answers filled in,
 * one reading of the clock a batch, sendmmsg. -T: a kernel transmit stamp of every answer as
 * well, read back after each batch.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX 256
#define SIZE	  48
#define CONTROL	  256

struct batch {
	struct mmsghdr message[BATCH_MAX];
	struct iovec iov[BATCH_MAX];
	struct sockaddr_in peer[BATCH_MAX];
	uint8_t bytes[BATCH_MAX][128];
	union {
		struct cmsghdr align;
		char bytes[CONTROL];
	} control[BATCH_MAX];
};

static uint64_t stamps_read; /* kept so that nothing is optimised away; told at the end */

static void put_time(uint8_t *field, const struct timespec *t)
{
	uint32_t seconds = htonl((uint32_t)(t->tv_sec + INT64_C(2208988800)));
	uint32_t fraction = htonl((uint32_t)(((uint64_t)t->tv_nsec << 32) / 1000000000));
	memcpy(field, &seconds, 4);
	memcpy(field + 4, &fraction, 4);
}

static bool find_stamp(struct msghdr *message, struct timespec *stamp)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
			memcpy(stamp, CMSG_DATA(c), sizeof *stamp);
			return true;
		}
	}
	return false;
}

static void reset(struct batch *b, int count)
{
	for (int i = 0; i < count; i++) {
		b->iov[i] = (struct iovec){b->bytes[i], sizeof b->bytes[i]};
		b->message[i].msg_hdr = (struct msghdr){
			.msg_name = &b->peer[i],
			.msg_namelen = sizeof b->peer[i],
			.msg_iov = &b->iov[i],
			.msg_iovlen = 1,
			.msg_control = &b->control[i],
			.msg_controllen = CONTROL,
		};
	}
}

static void answer(uint8_t *bytes, const struct timespec *rx, const struct timespec *now)
{
	memcpy(bytes + 24, bytes + 40, 8);
	bytes[0] = (uint8_t)((bytes[0] & 0x38) | 4);
	bytes[1] = 1;
	bytes[3] = (uint8_t)-25;
	memset(bytes + 4, 0, 8);
	memcpy(bytes + 12, "BARE", 4);
	put_time(bytes + 16, now);
	put_time(bytes + 32, rx);
	put_time(bytes + 40, now);
}

static void serve(int fd, struct batch *b, int count)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int out = 0;
	for (int i = 0; i < count; i++) {
		struct timespec rx = now;
		if (b->message[i].msg_len != SIZE || !find_stamp(&b->message[i].msg_hdr, &rx))
			continue;
		answer(b->bytes[i], &rx, &now);
		b->iov[i].iov_len = SIZE;
		b->message[out].msg_hdr = b->message[i].msg_hdr;
		b->message[out].msg_hdr.msg_control = NULL;
		b->message[out].msg_hdr.msg_controllen = 0;
		out++;
	}
	for (int sent = 0; sent < out;) {
		int n = sendmmsg(fd, b->message + sent, (unsigned)(out - sent), 0);
		if (n <= 0)
			return;
		sent += n;
	}
}

static void read_stamps(int fd, struct batch *b, int most)
{
	for (;;) {
		reset(b, most);
		int n = recvmmsg(fd, b->message, (unsigned)most, MSG_ERRQUEUE | MSG_DONTWAIT, NULL);
		struct timespec tx;
		for (int i = 0; i < n; i++)
			stamps_read += find_stamp(&b->message[i].msg_hdr, &tx);
		if (n < most)
			return;
	}
}

static int open_socket(const char *address, uint16_t port, bool transmit)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int space = 8 << 20;
	int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	if (transmit)
		flags |= SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
			 SOF_TIMESTAMPING_OPT_TSONLY;
	if (inet_pton(AF_INET, address, &here.sin_addr) != 1)
		errno = EINVAL;
	else if (fd >= 0 &&
		 (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &space, sizeof space) == 0 ||
		  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &space, sizeof space) == 0) &&
		 setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0 &&
		 bind(fd, (struct sockaddr *)&here, sizeof here) == 0)
		return fd;
	fprintf(stderr, "bare: %s port %u: %s\n", address, port, strerror(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	static struct batch in, stamps;
	const char *address = "127.0.0.1";
	uint16_t port = 11123;
	int most = 64;
	bool transmit = false;
	for (int c; (c = getopt(argc, argv, "a:p:b:T")) != -1;) {
		switch (c) {
		case 'a':
			address = optarg;
			break;
		case 'p':
			port = (uint16_t)atoi(optarg);
			break;
		case 'b':
			most = atoi(optarg);
			break;
		case 'T':
			transmit = true;
			break;
		default:
			return 2;
		}
	}
	if (most < 1 || most > BATCH_MAX) {
		fprintf(stderr, "bare: a batch has 1 to %d packets\n", BATCH_MAX);
		return 2;
	}
	int fd = open_socket(address, port, transmit);
	for (;;) {
		reset(&in, most);
		int count = recvmmsg(fd, in.message, (unsigned)most, MSG_WAITFORONE, NULL);
		if (count > 0)
			serve(fd, &in, count);
		if (transmit)
			read_stamps(fd, &stamps, most);
	}
}
