/*
 * instances: the processes of one repeat: which there must be for the hosts and modes of a plan;
 * they are configured, started, watched, ended, and their logs read. It must never judge a sample,
 * and never give up the others because one process failed.
 *
 * A host has a process for every mode. Kinds that are `separate` have one to answer and one for
 * each host that is asked.
 */
#ifndef DS_LAB_INSTANCES_H
#define DS_LAB_INSTANCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/kind.h"
#include "lab/place.h"

#define DS_INSTANCE_FOLDER 64
#define DS_INSTANCE_LINE   1024

struct ds_instance {
	int host;
	struct ds_kind_instance what; /* .others stands below */
	int other_host[DS_LAB_HOSTS]; /* whose index others[] are */
	struct ds_kind_other others[DS_LAB_HOSTS];
	char folder[DS_INSTANCE_FOLDER]; /* below the host's */
	char directory[DS_LAB_PATH + DS_INSTANCE_FOLDER];
	char line[DS_INSTANCE_LINE]; /* of shell, that starts it */
	int program;		     /* of the place; -1: not started */
	bool over;		     /* it died, or could not be started, or its host is gone */
};

struct ds_instances {
	struct ds_instance *list; /* owned */
	int count, room;
	const struct ds_lab_plan *plan;
	struct ds_place *place;
	/* Told when something is wrong: with instance, in words. host_gone: of all on that host. */
	void (*trouble)(void *context, const struct ds_instance *instance, bool host_gone,
			const char *words);
	void *context;
	bool host_gone[DS_LAB_HOSTS];
	bool disk_full; /* it was said */
};

/* What every host runs: its kind, and where the program stands there. */
struct ds_instances_host {
	const struct ds_kind *kind, *ptp; /* ptp NULL: none */
	char program[DS_LAB_PATH], ptp_program[DS_LAB_PATH];
};

/* Who does what on a host in a mode: the host's kind, or the yardstick's in mode ptp; NULL: none.
 */
const struct ds_kind *ds_instances_kind(const struct ds_instances_host *host,
					enum ds_lab_mode mode);

/* Does a ask b in this mode, as far as their kinds know it and the place allows it? */
bool ds_instances_known(const struct ds_lab_plan *plan, const struct ds_place *place,
			const struct ds_instances_host *hosts, int asks, int answers,
			enum ds_lab_mode mode);

/* Would this kind's daemons of several modes meet at port 123 of the host? */
bool ds_instances_meet(const struct ds_lab_plan *plan, const struct ds_place *place,
		       const struct ds_kind *kind, int host);

/* Those of `modes`, for a repeat with this number: none is started yet. `hosts` must stay.
 * False without memory. */
bool ds_instances_make(struct ds_instances *all, const struct ds_instances_host *hosts,
		       unsigned modes, int repeat);
/* The i-th: its configuration is written. False: trouble() was told, and it will not be started. */
bool ds_instances_prepare(struct ds_instances *all, int i);
/* Its process is started: all of them one soon after the other, so that none asks whom there is not
 * yet. False: trouble() was told. */
bool ds_instances_start(struct ds_instances *all, int i);
/* Who has died since? Returns how many run. */
int ds_instances_watch(struct ds_instances *all);
/* All are asked to end; and the i-th has ended. */
void ds_instances_ask_to_end(struct ds_instances *all);
void ds_instances_stop(struct ds_instances *all, int i);
/* The logs of the i-th, also of one that died. `keep`: also copied there, below HOST/FOLDER; NULL:
 * not. False: trouble() was told. */
bool ds_instances_read(struct ds_instances *all, int i, const char *keep,
		       struct ds_kind_reader *reader);
/* All are stopped, and forgotten. */
void ds_instances_free(struct ds_instances *all);

#endif
