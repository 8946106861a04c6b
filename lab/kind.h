/*
 * kind: kinds of daemon, each an adapter script in lab/kinds/: how it is found, configured,
 * started, and how its logs are read. It must never know a daemon by name: what differs between
 * daemons stands in their adapters (lab/kinds/README.md says how to write one).
 *
 * Adapters run on the machine of the lab, with PATH as it is, as `sh ADAPTER VERB` with what they
 * need in the environment and their answer on standard output (adapter.h). They touch nothing: the
 * lab puts the files where they belong and starts the commands.
 */
#ifndef DS_LAB_KIND_H
#define DS_LAB_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/experiment.h"
#include "lab/place.h"
#include "lab/result.h"

#define DS_KIND_FILES 4

struct ds_kind {
	char name[DS_LAB_NAME];	       /* "chrony" */
	char adapter[DS_LAB_PATH];     /* path of the script */
	char program[DS_LAB_PATH];     /* what is run, absolute on the machine of the lab */
	char version[DS_LAB_NAME * 2]; /* "chronyd 4.3", "drivestampd 0.1.0 (3305dbe)" */
	unsigned asks;		       /* 1 << enum ds_lab_mode */
	unsigned answers;
	int poll_least;		 /* log2 s */
	bool fixed_port;	 /* answers at port 123 only */
	bool alone;		 /* holds its port on all addresses: one process a host */
	bool separate;		 /* one process to answer and one for each host asked (ptp4l) */
	bool guesses_calibrated; /* in basic mode T3 is not the clock before send(), but says when
				    the packet will leave */
	char files[DS_KIND_FILES][DS_LAB_NAME]; /* logs to fetch, in the instance's folder */
	int file_count;
};

/* Where adapters are looked for: $DS_LAB_KINDS if it is set, lab/kinds of the source tree that this
 * was built from, where it is installed; NULL-terminated. */
const char *const *ds_kind_directories(void);

/* Find the adapter and the program of what was asked for: NAME, NAME=PATH (this program), NAME@REV
 * (that revision of this project, built in the cache; only if the adapter can). `directories`: as
 * ds_kind_directories(), which NULL stands for; a NAME with a slash is an adapter's path itself. 0,
 * or a negative errno with a sentence in why: -ENOENT for an unknown name, with the nearest known
 * one; -ECHILD for what the adapter says: which package has the program; -EPROTO for what no
 * adapter may say. */
int ds_kind_find(struct ds_kind *kind, const char *asked, const char *const *directories,
		 char why[DS_LAB_WHY]);

struct ds_kind_other {
	const char *name; /* of the host */
	struct ds_place_endpoint endpoint;
};

/* One process of a daemon. */
struct ds_kind_instance {
	const struct ds_kind *kind;
	enum ds_lab_mode mode;
	int number;	    /* of the host: 0.. (a PTP domain, say) */
	bool answers, asks; /* `separate` kinds: one of them, and then one other at most */
	int poll_log2;
	const char *program;   /* on its host */
	const char *directory; /* on its host, the instance's own */
	struct ds_place_endpoint self;
	const struct ds_kind_other
		*others; /* whom it asks, or, answering in symmetric mode, its peers */
	int other_count;
};

/* The text of its configuration (free()) and the line that starts it. */
int ds_kind_configure(const struct ds_kind_instance *instance, char **text, char why[DS_LAB_WHY]);
int ds_kind_command(const struct ds_kind_instance *instance, char *line, size_t size,
		    char why[DS_LAB_WHY]);

/* Read its logs: text[i] is what files[i] holds (NULL: nothing). Every sample goes to take() with
 * the index of the other in others[]; every count (requests, answers, drops by reason, stamps lost)
 * to count(), other -1 where the daemon counts for all of them. Lines of the logs that are none are
 * passed over by the adapter and counted in odd_lines, as are samples of hosts that were not asked.
 * A line of the adapter that is none is an error (-EPROTO) that names it; nothing was taken then.
 */
struct ds_kind_reader {
	void *context;
	void (*take)(void *context, int other, const struct ds_lab_sample *sample);
	void (*count)(void *context, int other, const char *what, double value);
	uint64_t odd_lines;
};
int ds_kind_read(const struct ds_kind_instance *instance, const char *const *text,
		 struct ds_kind_reader *reader, char why[DS_LAB_WHY]);

#endif
