/*
 * nostamps: preloaded into a daemon, it makes the kernel one that gives no stamps.
 * It must never change anything else: all other socket options go through.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The options' names differ by the width of time_t; these are all of them (asm-generic/socket.h).
 */
#define TIMESTAMP_OLD	 29
#define TIMESTAMPNS_OLD	 35
#define TIMESTAMPING_OLD 37
#define TIMESTAMP_NEW	 63
#define TIMESTAMPNS_NEW	 64
#define TIMESTAMPING_NEW 65

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	if (level == SOL_SOCKET) {
		switch (name) {
		case TIMESTAMP_OLD:
		case TIMESTAMPNS_OLD:
		case TIMESTAMPING_OLD:
		case TIMESTAMP_NEW:
		case TIMESTAMPNS_NEW:
		case TIMESTAMPING_NEW:
			errno = ENOPROTOOPT;
			return -1;
		default:
			break;
		}
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, length);
}
