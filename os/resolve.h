/*
 * resolve: names to addresses without blocking the loop.
 * It must never run in the daemon's process: a child asks, and writes what it got into a pipe.
 */
#ifndef DS_OS_RESOLVE_H
#define DS_OS_RESOLVE_H

#include <stdbool.h>
#include <sys/types.h>

#include "os/address.h"

#define DS_RESOLVE_MAX 16 /* addresses of one name that are taken */

struct ds_resolution {
	pid_t child; /* 0: idle (zeroed memory is idle) */
	int fd;	     /* poll for POLLIN only while child != 0 */
};

/* Start to look `name` up (family AF_UNSPEC, AF_INET or AF_INET6). Returns 0 or a negative
 * errno; -EBUSY while one is under way. Numeric addresses must be tried with ds_address_parse()
 * first. The child dies with this process, and holds none of its descriptors open but the standard
 * ones. */
int ds_resolve_start(struct ds_resolution *r, const char *name, sa_family_t family);
/* The pipe is readable: take the result. Returns the number of addresses (ports 0), -EAGAIN (not
 * finished: everything stays as it is), or -ENOENT (no such name) / -EIO with gai's sentence in
 * why. Ends the child in every case but -EAGAIN. When you have waited long enough (a resolver may
 * take a minute), call ds_resolve_cancel(). */
int ds_resolve_finish(struct ds_resolution *r, union ds_address out[DS_RESOLVE_MAX], char why[128]);
/* End what is under way; nothing if idle. */
void ds_resolve_cancel(struct ds_resolution *r);

#endif
