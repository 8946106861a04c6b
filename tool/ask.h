/*
 * ask: one line to the daemon's control socket, and its answer.
 * It must never wait longer than DS_ASK_SECONDS, nor take half an answer for a whole one.
 */
#ifndef DS_TOOL_ASK_H
#define DS_TOOL_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define DS_ASK_SOCKET  "/run/drivestamp/control.sock"
#define DS_ASK_SECONDS 5
#define DS_ASK_MOST    262144 /* bytes of an answer; a longer one is an error */
#define DS_ASK_SCHEMA  1      /* what this program understands; newer answers are said once */

#define DS_EXIT_NOT_RIGHT 1 /* there is a daemon, and it is not as it should be, or it refused */
#define DS_EXIT_NO_DAEMON 2

/* A connection; fd -1: none. */
struct ds_ask {
	const char *program; /* "drivestamp sources", for messages */
	const char *path;
	int fd;
	char *text; /* the last answer as it came, its newline included; owned */
	size_t length;
};

/* Connect. 0; or an exit status after a message on stderr, unless `quiet`. */
int ds_ask_open(struct ds_ask *ask, const char *program, const char *path, bool quiet);
void ds_ask_close(struct ds_ask *ask);

/* Send a line (without newline) and take its answer. *answer: owned by the caller, json_decref().
 * 0; or an exit status after a message, *answer is NULL then: no answer in time, one that is no
 * JSON, or a refusal, whose sentence is the message. quiet: nothing is said. */
int ds_ask(struct ds_ask *ask, const char *line, json_t **answer, bool quiet);

/* Members of an answer. What is null, or not there, gives what is said. */
int64_t ds_ask_integer(const json_t *object, const char *name, int64_t otherwise);
double ds_ask_number(const json_t *object, const char *name, double otherwise);
bool ds_ask_true(const json_t *object, const char *name);
bool ds_ask_known(const json_t *object, const char *name);
/* The text is the object's. */
const char *ds_ask_text(const json_t *object, const char *name, const char *otherwise);
/* A moment: nanoseconds in a text; 0 where there is none. */
int64_t ds_ask_moment(const json_t *object, const char *name);

#endif
