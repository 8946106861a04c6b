/*
 * answers: a line of words in, one JSON object on one line out: what the control socket speaks.
 * It must never read or write a socket, never write more than it was given room for, and never do
 * what the asker has no right to.
 *
 * The verbs, the members of each answer and their units: doc/control.md, doc/control.schema.json.
 */
#ifndef DS_DAEMON_ANSWERS_H
#define DS_DAEMON_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

struct ds_daemon;

#define DS_ANSWERS_SCHEMA 1	 /* `version` of the schema; goes into each answer */
#define DS_ANSWERS_LINE	  1024	 /* bytes of a request, its newline included */
#define DS_ANSWERS_MOST	  131072 /* bytes of an answer, its newline included */
#define DS_ANSWERS_LEAST  1024	 /* room that a refusal always has */

/* line: without its newline. may_write: verbs that change something are done, too. Returns the
 * length of the answer, newline included; size: at least DS_ANSWERS_LEAST. Words that make no
 * sense, or a byte that is no printable ASCII, are answered by a refusal that says why; nothing was
 * done then. */
size_t ds_answer(struct ds_daemon *daemon, const char *line, bool may_write, char *buffer,
		 size_t size);

/* The refusal of a line that was too long or not text. */
size_t ds_answer_bad_request(const struct ds_daemon *daemon, const char *why, char *buffer,
			     size_t size);

/* The verbs, in the order of doc/control.md; NULL behind the last. Static. */
const char *ds_answers_verb(size_t i, bool *writes);

#endif
