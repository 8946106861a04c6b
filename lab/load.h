/*
 * load: what keeps a host busy while the loaded half of an alternation lasts: as lines of shell for
 * ds_place_start(), ended by ds_place_stop(). It must never outlive what it was started for, nor
 * flood anything but another host of the rig.
 *
 * cpu: a busy loop for each processor. Hosts on one machine share its processors: there, the loops
 * of the first host that is to be loaded load them all.
 * net: datagrams of DS_LOAD_BYTES to port 9 (discard) of the next host, DS_LOAD_RATE a second; on
 * remote hosts what ping may do there (-f as root, else as fast as it lets others).
 */
#ifndef DS_LAB_LOAD_H
#define DS_LAB_LOAD_H

#include "lab/experiment.h"
#include "lab/place.h"

#define DS_LOAD_LINES 2
#define DS_LOAD_LINE  512
#define DS_LOAD_RATE  20000 /* packets a second */
#define DS_LOAD_BYTES 512   /* of payload */
#define DS_LOAD_MOST  1000000

/* The lines for what plan->host[host].load asks for: how many of them, 0..DS_LOAD_LINES. */
int ds_load_lines(const struct ds_lab_plan *plan, const struct ds_place *place, int host,
		  char lines[DS_LOAD_LINES][DS_LOAD_LINE]);

/* Send datagrams to an IPv4 address (text), 1..DS_LOAD_MOST a second, until a signal ends the
 * process. Returns 1, with a line on standard error, where it cannot. What of it is done:
 * `drivestamp lab flood`. */
int ds_load_flood(const char *address, unsigned rate);

#endif
