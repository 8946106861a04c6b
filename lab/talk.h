/*
 * talk: a program in a host that is run to its end: what it is told, what it says, how it ends.
 * It must never wait longer than it was told to, nor leave the program running.
 */
#ifndef DS_LAB_TALK_H
#define DS_LAB_TALK_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/rig.h"

struct ds_talk {
	const char *const *argv;
	const char *directory; /* where it runs; NULL: where we are */
	const void *input;     /* its standard input; NULL: none */
	size_t input_size;
	size_t limit;	/* of its output, bytes; what is more is read and thrown away */
	int timeout_ms; /* then it is ended, by force if need be */
	bool deaf;	/* go on though a signal asked us to end (for cleaning up) */

	/* What came of it. */
	char *output; /* the caller's to free(), also after an error; a 0 stands behind it */
	size_t output_size;
	char said[DS_RIG_WHY]; /* the first line of its standard error, cut */
};

/* Returns its exit status, 128 + N after signal N; or a negative errno with a sentence: -ETIMEDOUT,
 * -EINTR (see ds_rig_signal()), -ENOMEM, or that it could not be started. */
int ds_talk(struct ds_rig *rig, int host, struct ds_talk *talk, char why[DS_RIG_WHY]);

#endif
