/*
 * unix_socket: a UNIX socket with a name in the file system, made for those who may use it alone.
 * It must never take a name away from somebody who listens there, nor stand in a folder in which
 * others can put another one in its place.
 */
#ifndef DS_OS_UNIX_SOCKET_H
#define DS_OS_UNIX_SOCKET_H

#include "os/socket.h"

struct ds_unix_socket {
	const char *path;  /* absolute, at most 107 bytes (unix(7)) */
	int type;	   /* SOCK_STREAM: listens; SOCK_DGRAM */
	unsigned mode;	   /* of the file */
	const char *user;  /* whose it becomes, as far as there are rights; "": ours */
	const char *group; /* "": that user's own */
};

/* Returns a descriptor that does not block, or a negative errno with a sentence: -ENOENT, -EACCES,
 * -EROFS (no such folder, or no right to it), -EADDRINUSE (somebody listens, or what is there is no
 * socket), -ESRCH (no such user), -EPERM (see ds_directory_check(), or no such group), or what the
 * kernel said. A socket file that nobody listens at is removed first. */
int ds_unix_socket_open(const struct ds_unix_socket *wanted, char why[DS_WHY]);
/* path: its file is removed as well; NULL: it stays. */
void ds_unix_socket_close(int fd, const char *path);

#endif
