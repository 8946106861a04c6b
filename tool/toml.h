/*
 * toml: a reader of TOML (toml.io, version 1.0), for configurations of other programs.
 * It must never read beyond the text, nor go deeper than its limit, whatever the text holds.
 *
 * All that is not TOML is an error with its line and a sentence. Dates are kept as they are
 * written. Numbers beyond 64 bits are an error.
 */
#ifndef DS_TOOL_TOML_H
#define DS_TOOL_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DS_TOML_DEPTH 32
#define DS_TOML_TEXT  (1 << 20) /* bytes of a document; more are an error */
#define DS_TOML_NODES 20000	/* values, tables and arrays */

enum ds_toml_kind {
	DS_TOML_TABLE,
	DS_TOML_ARRAY, /* of values, or of tables by [[name]] */
	DS_TOML_STRING,
	DS_TOML_INTEGER,
	DS_TOML_FLOAT,
	DS_TOML_BOOLEAN,
	DS_TOML_DATE,
};

/* Tables and arrays hold their members in the order in which they stand. */
struct ds_toml {
	enum ds_toml_kind kind;
	int line, last_line; /* of the key, or of the heading; of the value's end */
	char *key;	     /* NULL: an item of an array */
	char *text;	     /* STRING (UTF-8, may not hold NUL), DATE */
	int64_t integer;
	double number; /* FLOAT; INTEGER as well */
	bool truth;
	bool heading; /* a table or array that a line of its own began: [a], [[a]] */
	bool closed;  /* inline: nothing can be added */
	struct ds_toml *first, *last, *next;
};

struct ds_toml_error {
	int line;
	char why[160];
};

/* NULL and *error, or the root, to be freed by ds_toml_free(). */
struct ds_toml *ds_toml_read(const char *text, size_t length, struct ds_toml_error *error);
void ds_toml_free(struct ds_toml *node);
/* The member of a table; NULL: none, or no table. */
const struct ds_toml *ds_toml_find(const struct ds_toml *table, const char *key);

#endif
