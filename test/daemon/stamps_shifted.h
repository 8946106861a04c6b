/*
 * stamps_shifted: recvmsg() and recvmmsg() for a preloaded clock: the kernel's stamps of packets
 * are of that clock, too. It must never be included by more than one file of a library: it defines
 * those two functions.
 *
 * Who includes it defines shifted() before: what the clock shows when the machine's shows at_ns.
 */
#ifndef DS_TEST_DAEMON_STAMPS_SHIFTED_H
#define DS_TEST_DAEMON_STAMPS_SHIFTED_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static void begin(void); /* called first */
static int64_t shifted(int64_t at_ns);

static void shift(struct timespec *time)
{
	const int64_t ns = shifted((int64_t)time->tv_sec * NS_PER_S + time->tv_nsec);

	time->tv_sec = ns / NS_PER_S;
	time->tv_nsec = ns % NS_PER_S;
}

static void shift_stamps(struct msghdr *message)
{
	begin();
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		struct timespec times[3];

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING ||
		    c->cmsg_len < CMSG_LEN(sizeof times))
			continue;
		memcpy(times, CMSG_DATA(c), sizeof times);
		if (times[0].tv_sec == 0)
			continue;
		shift(&times[0]);
		memcpy(CMSG_DATA(c), times, sizeof times);
	}
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	const ssize_t n = syscall(SYS_recvmsg, fd, message, flags);

	if (n >= 0)
		shift_stamps(message);
	return n;
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
	     struct timespec *timeout)
{
	const long n = syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);

	for (long i = 0; i < n; i++)
		shift_stamps(&messages[i].msg_hdr);
	return (int)n;
}

#endif
