/*
 * place: the machines of a rig: a host is a name, its addresses, and a way to run a command there.
 * It must never leave anything behind on any of them: no process, no file, no interface, whatever
 * ends us; and never know which daemon it runs.
 *
 * All rigs share everything but how a command is run. A rig is a table of functions (struct
 * ds_place_rig): place_local.c (namespaces with a cable between each two, or loopback; through
 * rig.h), place_ssh.c, and place_uml.c with uml_*.c (virtual machines on this one).
 *
 * Addresses, so that modes never meet: in namespaces every mode has a subnet of its own,
 * 10.119.MODE.HOST+1/24 (broadcast 10.119.MODE.255), port 123; on loopback 127.119.MODE.HOST+1 and
 * a free port from 11123 on; virtual machines are as namespaces; remote hosts have one address each
 * and the ports 11230 + MODE (daemons that have no choice of port use 123, one mode at a time).
 *
 * Not for threads. Functions that can fail return 0 or a negative errno with a sentence in `why`
 * that names the host; -ENOTCONN: the host itself is gone.
 */
#ifndef DS_LAB_PLACE_H
#define DS_LAB_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/experiment.h"

struct ds_place; /* opaque, one a process */

struct ds_place_endpoint {
	char address[64];
	char broadcast[64]; /* of the mode's subnet; empty: none here */
	char interface[DS_LAB_NAME];
	uint16_t port; /* to answer at */
	bool any_port; /* false: port 123 is not to be had here, for daemons that have no choice */
};

/* Make the rig of the plan: hosts, links, relays, a working directory on each. -EPERM: no right to
 * make namespaces; the rig DS_LAB_RIG_LOOPBACK needs none. With `keep`, the folders of hosts on
 * this machine are plan->directory/NAME and stay; all others are temporary, and nothing has to be
 * made before. Programs have no right to set a clock, as far as it can be taken from them. Signals
 * are caught as ds_rig_open() says: wait with ds_rig_wait(), look at ds_rig_signal(). */
int ds_place_open(struct ds_place **place, const struct ds_lab_plan *plan, char why[DS_LAB_WHY]);
/* End everything that was started, remove everything that was made. NULL is nothing. Also run by
 * atexit() and after SIGINT, SIGTERM, SIGHUP. */
void ds_place_close(struct ds_place *place);

/* In words, for reports: "4 network namespaces on this machine, ..., one clock". */
const char *ds_place_describe(const struct ds_place *place);

void ds_place_endpoint(const struct ds_place *place, int host, enum ds_lab_mode mode,
		       struct ds_place_endpoint *endpoint);

/* The interface by which a host reaches another one (in namespaces each two have a cable of their
 * own); empty where nobody knows. */
void ds_place_link(const struct ds_place *place, int host, int other, char interface[DS_LAB_NAME]);

/* The folder on the host that is ours, absolute. */
const char *ds_place_directory(const struct ds_place *place, int host);

/* Write a file below it, mode 0600 (0700 if `executable`); folders on its way are made. */
int ds_place_put(struct ds_place *place, int host, const char *name, const char *text, size_t size,
		 bool executable, char why[DS_LAB_WHY]);
/* Copy a file of this machine there. */
int ds_place_copy(struct ds_place *place, int host, const char *name, const char *from,
		  bool executable, char why[DS_LAB_WHY]);
/* Fetch what stands in it, into memory of the caller's (free()); *size 0 and 0
 * returned for a file that is not there. */
int ds_place_get(struct ds_place *place, int host, const char *name, char **text, size_t *size,
		 char why[DS_LAB_WHY]);

/* Run a line of shell there and wait, at most timeout_ms; its standard output in `output` (cut,
 * always ended by 0), the first line of its standard error in `why`. Returns its exit status
 * (0..255; 128 + N after signal N), or a negative errno (-ETIMEDOUT, -EINTR: see ds_rig_signal()).
 */
int ds_place_ask(struct ds_place *place, int host, const char *line, int timeout_ms, char *output,
		 size_t size, char why[DS_LAB_WHY]);

/* Start a line of shell there (it should begin with `exec`), its output appended to `output` in
 * our folder. Returns a number for it (0, 1, ...), or a negative errno. */
int ds_place_start(struct ds_place *place, int host, const char *line, const char *output,
		   char why[DS_LAB_WHY]);
/* 0: runs; 1: has ended, how in `how` ("ended with status 1"); negative: host gone. */
int ds_place_look(struct ds_place *place, int program, char how[DS_LAB_WHY]);
/* SIGTERM, where that costs nothing; ds_place_stop() has to follow. So many end at the same time.
 */
void ds_place_ask_to_end(struct ds_place *place, int program);
/* SIGTERM, at most grace_ms, SIGKILL. */
void ds_place_stop(struct ds_place *place, int program, int grace_ms);

/* How wrong the host's clock is now, in ns (positive: ahead of true time), and to what (1 sigma or
 * half a quantum). False where nothing says so: all hosts of the rig share one clock (*error_ns is
 * 0 then and true returned), or the plan names no PPS (false). Costs a command in the rig remote.
 */
bool ds_place_clock_error(struct ds_place *place, int host, double *error_ns, double *within_ns);
/* All readings of the host's clock since the last call, for rigs that take some a second by
 * themselves: true time, and how far ahead of it the clock was. False, and none, where the rig has
 * only ds_place_clock_error(). */
typedef void ds_place_reading(void *context, int host, double at_s, double error_ns);
bool ds_place_clock_readings(struct ds_place *place, int host, ds_place_reading *take,
			     void *context);

/* What the relay on the host's own link did to packets so far: [0] those that left the host, [1]
 * those that came to it. False: there is no relay there. */
struct ds_place_way {
	uint64_t carried;
	uint64_t lost; /* as the plan has it */
	uint64_t full; /* for want of room: not in the plan, and to be told */
};
bool ds_place_ways(const struct ds_place *place, int host, struct ds_place_way ways[2]);

#endif
