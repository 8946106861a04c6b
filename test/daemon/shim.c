/*
 * shim: preloaded into a daemon, it makes rare things happen at will.
 * It must never change anything unless the environment names it:
 *
 * SHIM_HIDE_STAMPS=1   transmit stamps are taken from the error queue and thrown away
 * SHIM_HASTE=N         CLOCK_MONOTONIC runs N times as fast, and poll() waits for it accordingly
 * SHIM_BUFFER=BYTES    receive buffers of sockets that are bound
 * SHIM_DELAY=US        a pause before each sendmmsg()
 * SHIM_NO_NETLINK=1    no netlink socket is granted
 * SHIM_CONNECT=US      a pause before each connect() of a socket that is bound
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static long setting(const char *name)
{
	const char *text = getenv(name);

	return text != NULL ? strtol(text, NULL, 10) : 0;
}

static int hidden(ssize_t received)
{
	if (received >= 0)
		errno = EAGAIN;
	return -1;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t n = syscall(SYS_recvmsg, fd, message, flags);

	return flags & MSG_ERRQUEUE && setting("SHIM_HIDE_STAMPS") ? hidden(n) : n;
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
	     struct timespec *timeout)
{
	long n = syscall(SYS_recvmmsg, fd, messages, count, flags, timeout);

	return flags & MSG_ERRQUEUE && setting("SHIM_HIDE_STAMPS") ? hidden(n) : (int)n;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	long us = setting("SHIM_DELAY");

	if (us > 0)
		usleep((useconds_t)us);
	return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	static int64_t base_ns;
	long haste = setting("SHIM_HASTE");
	long rc = syscall(SYS_clock_gettime, clock, time);
	int64_t ns;

	if (rc != 0 || haste < 1 || clock != CLOCK_MONOTONIC)
		return (int)rc;
	ns = time->tv_sec * NS_PER_S + time->tv_nsec;
	if (base_ns == 0)
		base_ns = ns;
	ns = base_ns + (ns - base_ns) * haste;
	time->tv_sec = ns / NS_PER_S;
	time->tv_nsec = ns % NS_PER_S;
	return 0;
}

int poll(struct pollfd *fds, nfds_t count, int ms)
{
	long haste = setting("SHIM_HASTE");
	struct timespec wait;

	if (haste > 1 && ms > 0)
		ms = (int)((ms + haste - 1) / haste);
	wait.tv_sec = ms / 1000;
	wait.tv_nsec = ms % 1000 * 1000000L;
	return (int)syscall(SYS_ppoll, fds, count, ms < 0 ? NULL : &wait, NULL, 0);
}

int socket(int family, int type, int protocol)
{
	if (family == AF_NETLINK && setting("SHIM_NO_NETLINK")) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return (int)syscall(SYS_socket, family, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	long us = setting("SHIM_CONNECT");
	struct sockaddr_in local = {.sin_port = 0};
	socklen_t room = sizeof local;

	if (us > 0 && getsockname(fd, (struct sockaddr *)&local, &room) == 0 &&
	    local.sin_family == AF_INET && local.sin_port != 0)
		usleep((useconds_t)us);
	return (int)syscall(SYS_connect, fd, address, length);
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	int bytes = (int)setting("SHIM_BUFFER");

	if (bytes > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	return (int)syscall(SYS_bind, fd, address, length);
}
