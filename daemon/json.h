/*
 * json: writes JSON into a buffer of fixed size.
 * It must never write a byte behind the end, and never pass for whole what was cut off.
 *
 * Source: RFC 8259. Only printable ASCII leaves: every other byte of a text becomes \u00XX, so that
 * bytes of any encoding, or none, make a valid text. What does not fit sets `full`; everything
 * after that is left out.
 */
#ifndef DS_DAEMON_JSON_H
#define DS_DAEMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds_json {
	char *bytes;
	size_t size, used;
	bool full;  /* something did not fit */
	bool begun; /* the object or list that is open has a member */
};

/* buffer: the caller's, kept until the last call. */
void ds_json_begin(struct ds_json *json, char *buffer, size_t size);

/* In all of these name is the member's, or NULL in a list; it is written as it is (plain ASCII). */
void ds_json_open(struct ds_json *json, const char *name, char bracket);      /* '{' or '[' */
void ds_json_close(struct ds_json *json, char bracket);			      /* '}' or ']' */
void ds_json_text(struct ds_json *json, const char *name, const char *value); /* NULL: null */
void ds_json_bool(struct ds_json *json, const char *name, bool value);
void ds_json_int(struct ds_json *json, const char *name, int64_t value);
void ds_json_count(struct ds_json *json, const char *name, uint64_t value);
/* digits behind the point; what is no number is null. */
void ds_json_number(struct ds_json *json, const char *name, double value, int digits);
void ds_json_null(struct ds_json *json, const char *name);
/* null where it is not known. */
void ds_json_known(struct ds_json *json, const char *name, bool is_known, int64_t value);
/* More than 53 bits: a text. 0: null, it never was. */
void ds_json_moment(struct ds_json *json, const char *name, int64_t ns);
/* A reference ID or the like: eight hexadecimal digits. */
void ds_json_hex(struct ds_json *json, const char *name, uint32_t value);
/* Behind the last bracket. */
void ds_json_newline(struct ds_json *json);

#endif
