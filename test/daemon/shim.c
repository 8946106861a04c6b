/*
 * shim: preloaded into a daemon, it makes rare things happen at will.
 * It must never change anything unless the environment names it:
 *
 * SHIM_HIDE_STAMPS=1   transmit stamps are taken from the error queue and thrown away
 * SHIM_HASTE=N         CLOCK_MONOTONIC runs N times as fast, and poll() waits for it accordingly
 * SHIM_BUFFER=BYTES    receive buffers of sockets that are bound
 * SHIM_DELAY=US        a pause before each sendmmsg()
 * SHIM_NO_NETLINK=1    no netlink socket is granted
 * SHIM_ADJTIME=FILE    a kernel of our own behind adjtimex(): it keeps what it is told, and writes
 * a line of it to FILE; the machine's clock is not touched, nor can be
 *
 * SHIM_CONNECT=US      a pause before each connect() of a socket that is bound
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
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

/* What a kernel does with it, as far as is looked at here. */
static struct timex kept = {.tick = 10000, .status = STA_UNSYNC, .maxerror = 16000000};

/* At the start: later the daemon confines itself. */
static int told_fd = -1;

__attribute__((constructor)) static void open_told(void)
{
	const char *file = getenv("SHIM_ADJTIME");

	if (file != NULL)
		told_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void write_told(const struct timex *t)
{
	char line[256];
	int fd = told_fd;
	struct timespec now;
	int length;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	length = snprintf(line, sizeof line,
			  "%lld.%09ld modes=0x%04x offset=%ld freq=%ld maxerror=%ld esterror=%ld "
			  "status=0x%04x constant=%ld tick=%ld tai=%d\n",
			  (long long)now.tv_sec, now.tv_nsec, t->modes, kept.offset, kept.freq,
			  kept.maxerror, kept.esterror, (unsigned)kept.status, t->constant,
			  kept.tick, kept.tai);
	if (fd < 0 || write(fd, line, (size_t)length) != length)
		abort();
}

static int keep(struct timex *t)
{
	unsigned modes = t->modes;

	if ((modes & ADJ_OFFSET_SINGLESHOT) == ADJ_OFFSET_SINGLESHOT)
		modes = 0;
	if (modes & ADJ_FREQUENCY)
		kept.freq = t->freq;
	if (modes & ADJ_MAXERROR)
		kept.maxerror = t->maxerror;
	if (modes & ADJ_ESTERROR)
		kept.esterror = t->esterror;
	if (modes & ADJ_STATUS)
		kept.status = t->status;
	if (modes & ADJ_TICK)
		kept.tick = t->tick;
	if (modes & ADJ_TAI)
		kept.tai = (int)t->constant;
	if (t->modes != 0)
		write_told(t);
	modes = t->modes;
	*t = kept;
	t->modes = modes;
	return kept.status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

int adjtimex(struct timex *t)
{
	const char *file = getenv("SHIM_ADJTIME");

	return file != NULL ? keep(t) : (int)syscall(SYS_adjtimex, t);
}

int clock_adjtime(clockid_t clock, struct timex *t)
{
	const char *file = getenv("SHIM_ADJTIME");

	return file != NULL ? keep(t) : (int)syscall(SYS_clock_adjtime, clock, t);
}

int clock_settime(clockid_t clock, const struct timespec *time)
{
	if (getenv("SHIM_ADJTIME") == NULL)
		return (int)syscall(SYS_clock_settime, clock, time);
	errno = EPERM;
	return -1;
}
