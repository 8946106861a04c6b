/*
 * sock_clock: a socket in the file system to which gpsd and others send measurements.
 * It must never remove a file that is no socket, or a socket that another process listens at; and
 * never take a datagram of another size or mark.
 *
 * Source: chrony.conf(5), `refclock SOCK`, and the message that gpsd and ntp-refclock send: a
 * struct of 40 bytes where time_t has 64 bits (see struct ds_sock_message). Whoever may write
 * to the socket can set the clock; so its rights are narrow, and are set before it has its name.
 */
#ifndef DS_OS_SOCK_CLOCK_H
#define DS_OS_SOCK_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/types.h>

#include "os/refsample.h"
#include "os/socket.h"

#define DS_SOCK_CLOCK_MAGIC 0x534f434b /* "SOCK" */
#define DS_SOCK_CLOCK_PATH  108	       /* of sun_path, the end included */

struct ds_sock_message {
	struct timeval tv; /* CLOCK_REALTIME when it was measured */
	double offset_s;   /* the true time minus that */
	int pulse;	   /* not 0: of a pulse; the whole second is not known */
	int leap;
	int pad;
	int magic;
};

struct ds_sock_clock {
	int fd; /* -1: closed */
	char path[DS_SOCK_CLOCK_PATH];
	dev_t device; /* of the socket's file: only that is removed at the end */
	ino_t inode;
};

/* Whose the socket is to be. */
struct ds_sock_owner {
	mode_t perm; /* 0600 is what chrony has; 0660 lets a group in */
	uid_t uid;   /* (uid_t)-1: stays ours */
	gid_t gid;   /* (gid_t)-1: likewise */
};

/* Make the socket; a stale one in its place is removed. 0 or a negative errno with a sentence. */
int ds_sock_clock_open(struct ds_sock_clock *sock, const char *path,
		       const struct ds_sock_owner *owner, char why[DS_WHY]);
/* Removes it, as far as we may. */
void ds_sock_clock_close(struct ds_sock_clock *sock);

/* Is its name away, or another file's? Nobody finds it any more then. */
bool ds_sock_clock_is_gone(const struct ds_sock_clock *sock);

/* Take the next message; call it until DS_REF_NOTHING. */
enum ds_refresult ds_sock_clock_read(struct ds_sock_clock *sock, struct ds_refsample *sample);

/* What `length` bytes say: DS_REF_SAMPLE, _BAD or _UNSYNCHRONISED. data need not be aligned. */
enum ds_refresult ds_sock_clock_decode(const void *data, size_t length,
				       struct ds_refsample *sample);

#endif
