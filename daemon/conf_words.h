/*
 * conf_words: every word of chrony's configuration grammar, and what becomes of it here.
 * It must never leave a word of that grammar without a stated attitude and a reason.
 *
 * The man page lists the same words; a test compares the two.
 */
#ifndef DS_DAEMON_CONF_WORDS_H
#define DS_DAEMON_CONF_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ds_attitude {
	DS_WORD_SUPPORTED,
	DS_WORD_NOTED,	 /* accepted; has, or had in chrony, no influence on time or safety */
	DS_WORD_WARNED,	 /* left out with a warning: harmless */
	DS_WORD_REFUSED, /* an error: leaving it out would weaken security or change the time */
};

#define DS_WORD_ANY 255 /* any number of values */

struct ds_word {
	const char *word; /* lower case */
	uint8_t attitude; /* enum ds_attitude */
	uint8_t min_args; /* values that follow; of an option: how many to pass over */
	uint8_t max_args;
	const char *harmless; /* a first value with which a refused word changes nothing, or NULL */
	const char *reason;   /* what leaving it out means; NULL where supported */
};

struct ds_words {
	const char *what; /* "directive", "option of server": for messages */
	const struct ds_word *list;
	size_t count;
};

extern const struct ds_words ds_words_directives;
extern const struct ds_words ds_words_source_options; /* server, pool, peer */
extern const struct ds_words ds_words_listen_options; /* broadcastclient, multicastclient */
extern const struct ds_words ds_words_refclock_options;
extern const struct ds_words ds_words_local_options;
extern const struct ds_words ds_words_clock_options;
extern const struct ds_words ds_words_log_options;

/* Without regard to case. NULL: not in the list. */
const struct ds_word *ds_words_find(const struct ds_words *words, const char *text);
/* The word of the list that is fewest edits (insert, delete, replace, swap neighbours) away; of
 * equals the first. Never NULL. *edits: how many. Texts beyond 64 characters are cut. */
const struct ds_word *ds_words_nearest(const struct ds_words *words, const char *text,
				       unsigned *edits);

#endif
