/*
 * adapter: runs a script that stands for a kind of daemon, and collects what it says. It must never
 * wait for a script's standard output without reading its standard error, and never leave a
 * process or a file behind: what scripts are given to read is in memory (memfd_create(2)).
 */
#ifndef DS_LAB_ADAPTER_H
#define DS_LAB_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/experiment.h"

#define DS_ADAPTER_WORDS 8
#define DS_ADAPTER_TEXTS 4

struct ds_adapter_call {
	const char *script;
	const char *words[DS_ADAPTER_WORDS]; /* verb and arguments; the rest NULL */
	const char *const *environment;	     /* "NAME=value", NULL-terminated; NULL: none */
	const char *const *texts;	     /* given as files after the words */
	int text_count;			     /* at most DS_ADAPTER_TEXTS */
	size_t limit;			     /* bytes of output; more is an error */
	bool apart; /* it takes no time: in a process group of its own, Ctrl-C does not end it */
};

/* Run it as `sh SCRIPT WORD... FILE...` with nothing on standard input, and wait. *output (free())
 * is what it wrote, ended by 0. Lines on its standard error that begin with "# " are copied to ours
 * at once (it takes long, and says so), the others when it has ended well. 0, or a negative
 * errno with a sentence that names script and verb: -ECHILD where it ended otherwise than with
 * status 0 (the sentence is then the last line of its standard error), -EMSGSIZE beyond the
 * limit, -EPROTO for a 0 in the output, -EINTR where a signal ended it. *output is NULL then. */
int ds_adapter_run(const struct ds_adapter_call *call, char **output, char why[DS_LAB_WHY]);

#endif
