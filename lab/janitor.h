/*
 * janitor: a process that outlives ours by a moment, should SIGKILL end us: it ends the programs
 * that we started, what else runs in our namespaces, and removes our directory.
 * It must never touch a process that is not ours, nor do anything while we live.
 *
 * It waits for the end of a pipe whose other end only we hold, and learns from it what there is to
 * be cleaned up. A process that was told of is known by its group: it is the group's leader, and
 * was not yet waited for, or the kernel does not give its number away while the group has members.
 */
#ifndef DS_LAB_JANITOR_H
#define DS_LAB_JANITOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DS_JANITOR_GROUPS     1024 /* more are left to PR_SET_PDEATHSIG alone */
#define DS_JANITOR_NAMESPACES 16

struct ds_janitor {
	pid_t pid; /* 0: there is none */
	int fd;	   /* closed: it works. A child of ours that is no other program must close it */
};

/* Start it; `directory` is copied. 0 or a negative errno. */
int ds_janitor_start(struct ds_janitor *janitor, const char *directory);
/* A group of processes lives, or is no more. */
void ds_janitor_group(const struct ds_janitor *janitor, pid_t group, bool lives);
/* A network namespace is ours alone: the inode of /proc/PID/ns/net. */
void ds_janitor_namespace(const struct ds_janitor *janitor, uint64_t inode);
/* All is cleaned up: let it end, and wait for it. */
void ds_janitor_end(struct ds_janitor *janitor);

/* SIGKILL to all processes in these network namespaces but this one. */
void ds_janitor_sweep(const uint64_t *inodes, int count);
/* Remove a directory and what is in it, on this file system. */
void ds_janitor_remove(const char *directory);

#endif
