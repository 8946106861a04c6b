/*
 * rig: hosts on one machine: network namespaces, links between them, and the programs in them.
 * It must never leave anything behind: no namespace, no process, no file, whatever ends us; nor
 * give a program the right to set the machine's clock.
 *
 * Namespaces have no names: they live by our descriptors and by the processes in them, and the
 * kernel takes them, with their links, when those are gone, also after SIGKILL. (To look into one
 * while it lives: nsenter --net=/proc/PID/ns/net with the pid of a program in it.) Programs get
 * PR_SET_PDEATHSIG and a process group of their own, so that Ctrl-C reaches only us and they are
 * ended in order. The kernel forgets PR_SET_PDEATHSIG when a program changes its user, and its
 * children never had it: a janitor, a process that outlives us by a moment, ends what is left of
 * the groups, and whatever runs in the namespaces. Without the right to make namespaces (root, or
 * user namespaces) there is the loopback rig: every host is this one, and ports tell them apart.
 *
 * One rig a process may be open. Not for threads.
 */
#ifndef DS_LAB_RIG_H
#define DS_LAB_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "lab/janitor.h"

#define DS_RIG_HOSTS	9   /* eight, and one that holds the bridge between them */
#define DS_RIG_LINKS	28  /* a full mesh of eight */
#define DS_RIG_PROGRAMS 512 /* at a time */
#define DS_RIG_PATH	128
#define DS_RIG_WHY	256
#define DS_RIG_ADDRESS	48

enum ds_rig_kind { DS_RIG_CLOSED = 0, DS_RIG_NAMESPACES, DS_RIG_LOOPBACK };

struct ds_rig_program {
	pid_t pid;  /* 0: free place */
	int status; /* as from waitpid(), once it ended */
	bool ended;
};

struct ds_rig {
	enum ds_rig_kind kind;
	bool in_user_namespace;
	int hosts;
	int links;
	struct ds_janitor janitor; /* cleans up if we cannot */
	int host_fd[DS_RIG_HOSTS]; /* their namespaces */
	uint64_t host_inode[DS_RIG_HOSTS];
	struct ds_rig_program programs[DS_RIG_PROGRAMS];
	char directory[DS_RIG_PATH]; /* ours, mode 0700; removed with all that is in it */
};

/* Make `hosts` (1..DS_RIG_HOSTS) hosts with a loopback each and no links, and the directory (below
 * TMPDIR or /tmp). 0, or a negative errno with a sentence in why and nothing left open. Catches
 * SIGINT, SIGTERM and SIGHUP (see ds_rig_signal()), ignores SIGPIPE, and closes the rig in atexit()
 * if nobody else did. `loopback`: do not try namespaces. */
int ds_rig_open(struct ds_rig *rig, int hosts, bool loopback, char why[DS_RIG_WHY]);

/* Join two hosts by a veth pair, both ends up, addresses set. Returns the number of the link (0,
 * 1, ...) or a negative errno with a sentence. In the loopback rig nothing is made. */
int ds_rig_join(struct ds_rig *rig, int a, int b, char why[DS_RIG_WHY]);

/* The address of host a (end 0) or b (end 1) on a link: 10.117.L.1, .2; fd00:117:L::1, ::2; in
 * the loopback rig 127.0.0.1 and ::1. Returns buffer. */
const char *ds_rig_address(const struct ds_rig *rig, int link, int end, sa_family_t family,
			   char buffer[DS_RIG_ADDRESS]);

/* Run ip(8) or bridge(8) with these words (argv[0] is its name) in a host to its end. If other_host
 * is none of -1, its namespace is /proc/self/fd/N for it, N its host_fd. 0, or -EIO with the first
 * line of what it said. */
int ds_rig_ip(struct ds_rig *rig, int host, int other_host, const char *const argv[],
	      char why[DS_RIG_WHY]);

/* A program to be started. What is 0 or NULL is not given. */
struct ds_rig_job {
	const char *const *argv;   /* argv[0] is looked for in PATH if it has no slash; or: */
	int (*run)(void *context); /* runs in the child, which ends with what it returns. SIGINT,
				      SIGTERM and SIGHUP end it; it must take no signal of ours. */
	void *context;
	const char *directory; /* where it runs; NULL: where we are */
	const char *output;    /* path of a file: standard output and error are appended */
	int input_fd, output_fd, error_fd; /* its descriptors; they stay the caller's. Without any
					      it is /dev/null, and error goes where output goes */
};

/* Start it in a host. Returns its number, or a negative errno with a sentence. A program that
 * cannot be executed ends with status 127 and a line in its output; a folder that is not there:
 * 126.
 */
int ds_rig_start_job(struct ds_rig *rig, int host, const struct ds_rig_job *job,
		     char why[DS_RIG_WHY]);

/* The same for words and an output alone. */
int ds_rig_start(struct ds_rig *rig, int host, const char *const argv[], const char *output,
		 char why[DS_RIG_WHY]);

/* Has it ended? Then its wait status stands in programs[]. */
bool ds_rig_ended(struct ds_rig *rig, int program);

/* Ask it to end (SIGTERM), wait at most grace_ms, then SIGKILL, also for what it left in its
 * process group. Returns whether it ended by itself or by being asked, not by force. */
bool ds_rig_stop(struct ds_rig *rig, int program, int grace_ms);

/* Ask it to end, and do not wait. */
void ds_rig_ask_to_end(struct ds_rig *rig, int program);

/* Its number is free from here on. It must have ended. */
void ds_rig_forget(struct ds_rig *rig, int program);

/* In words: "ended with status 1", "was ended by signal 9 (Killed)". Returns buffer. */
const char *ds_rig_ending(const struct ds_rig *rig, int program, char buffer[64]);

/* Wait at most ms milliseconds, less if a signal comes. Returns ds_rig_signal(). */
int ds_rig_wait(int ms);

/* The signal (SIGINT, SIGTERM, SIGHUP) that asked us to end, or 0. */
int ds_rig_signal(void);

/* End all programs, remove namespaces, links and the directory. Any number of times. */
void ds_rig_close(struct ds_rig *rig);

#endif
