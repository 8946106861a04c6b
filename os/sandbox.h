/*
 * sandbox: what this process can still do, should somebody get into it: seccomp(2) for system
 * calls, landlock(7) for files. It must never take away what the configuration needs, and never be
 * taken for in force when it is not.
 *
 * Both hold for this process and its children (that look names up) for ever. Refused calls fail:
 * what is dangerous (execve, ptrace, mount and the like) with EPERM, what is not known with ENOSYS,
 * at which the C library takes another way. Nothing is killed: a clock without its daemon helps
 * nobody.
 */
#ifndef DS_OS_SANDBOX_H
#define DS_OS_SANDBOX_H

#include <stdbool.h>

#include "os/socket.h"

#define DS_SANDBOX_PATHS 64

struct ds_sandbox {
	/* Files and folders, with all below them. Those that do not exist are left out. */
	const char *read[DS_SANDBOX_PATHS]; /* may be read */
	int read_count;
	const char *write[DS_SANDBOX_PATHS]; /* may be read and written; in folders files may be
						made, renamed and removed */
	int write_count;
	const char *devices[DS_SANDBOX_PATHS]; /* may be read, written, and asked by ioctl() */
	int device_count;
	bool resolves;	 /* names are looked up: children, and what they read */
	bool sets_clock; /* clock_settime() */
	bool abstract;	 /* a socket of the abstract space is spoken to (NOTIFY_SOCKET) */
};

/* Add a path: false (and nothing is added) where there is no room, or it is "". Kept, not copied.
 */
bool ds_sandbox_read(struct ds_sandbox *sandbox, const char *path);
bool ds_sandbox_write(struct ds_sandbox *sandbox, const char *path);
bool ds_sandbox_device(struct ds_sandbox *sandbox, const char *path);

/* Put it in force; needs no_new_privs (privilege.h) or CAP_SYS_ADMIN. 0, or a negative errno with a
 * sentence, and then it is not: -ENOSYS (this kernel, or this build, has none). Landlock first: the
 * filter of system calls refuses it. Anything that libraries load lazily must be loaded before. */
int ds_sandbox_landlock(const struct ds_sandbox *sandbox, char why[DS_WHY]);
int ds_sandbox_seccomp(const struct ds_sandbox *sandbox, char why[DS_WHY]);

#endif
