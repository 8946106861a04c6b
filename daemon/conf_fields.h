/*
 * conf_fields: the directives and options that set one value, as a table of word, place, bounds.
 * It must never store a value outside the bounds the table states.
 *
 * The same table reads and prints, so that what is printed reads back.
 */
#ifndef DS_DAEMON_CONF_FIELDS_H
#define DS_DAEMON_CONF_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum ds_field_type {
	DS_FIELD_FLAG, /* bool; takes no value */
	DS_FIELD_INT8,
	DS_FIELD_UINT8,
	DS_FIELD_UINT16,
	DS_FIELD_UINT32,
	DS_FIELD_INT,
	DS_FIELD_UINT64,
	DS_FIELD_DOUBLE,
	DS_FIELD_TEXT, /* char[max + 1]; the value `none` empties it */
};

struct ds_field {
	const char *word; /* as in conf_words */
	enum ds_field_type type;
	size_t offset;
	double min, max;
};

struct ds_fields {
	const struct ds_field *list;
	size_t count;
};

extern const struct ds_fields ds_fields_conf;	/* in struct ds_conf */
extern const struct ds_fields ds_fields_source; /* in struct ds_conf_source */

#define DS_FIELD_WHY 256

/* NULL: no such word. Compares exactly: give the word as the table of words has it. */
const struct ds_field *ds_fields_find(const struct ds_fields *fields, const char *word);
/* Set the field in the structure at `base` from text (ignored for flags). False with a sentence in
 * why if the text is no such value or out of bounds; then nothing has changed. */
bool ds_field_set(const struct ds_field *field, void *base, const char *text,
		  char why[DS_FIELD_WHY]);
/* Print each field that differs between base and defaults: before, word, blank, value, after. */
void ds_fields_print(const struct ds_fields *fields, const void *base, const void *defaults,
		     const char *before, const char *after, FILE *out);
/* The shortest digits that read back to the same number. */
void ds_print_number(double value, FILE *out);

#endif
