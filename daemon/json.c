/* json: see json.h. */
#include "daemon/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_TEXT 352 /* the longest double, with nine digits behind the point */

void ds_json_begin(struct ds_json *j, char *buffer, size_t size)
{
	memset(j, 0, sizeof *j);
	j->bytes = buffer;
	j->size = size;
}

static void put(struct ds_json *j, const char *text, size_t length)
{
	if (j->full || length > j->size - j->used) {
		j->full = true;
		return;
	}
	memcpy(j->bytes + j->used, text, length);
	j->used += length;
}

static void quoted(struct ds_json *j, const char *text)
{
	char escape[8];

	put(j, "\"", 1);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\') {
			snprintf(escape, sizeof escape, "\\%c", c);
			put(j, escape, 2);
		} else if (c < 0x20 || c > 0x7e) {
			snprintf(escape, sizeof escape, "\\u%04x", c);
			put(j, escape, 6);
		} else {
			put(j, text, 1);
		}
	}
	put(j, "\"", 1);
}

static void name_it(struct ds_json *j, const char *name)
{
	if (j->begun)
		put(j, ",", 1);
	j->begun = true;
	if (name == NULL)
		return;
	quoted(j, name);
	put(j, ":", 1);
}

static void plain(struct ds_json *j, const char *name, const char *value)
{
	name_it(j, name);
	put(j, value, strlen(value));
}

void ds_json_open(struct ds_json *j, const char *name, char bracket)
{
	name_it(j, name);
	put(j, &bracket, 1);
	j->begun = false;
}

void ds_json_close(struct ds_json *j, char bracket)
{
	put(j, &bracket, 1);
	j->begun = true;
}

void ds_json_text(struct ds_json *j, const char *name, const char *value)
{
	if (value == NULL) {
		ds_json_null(j, name);
		return;
	}
	name_it(j, name);
	quoted(j, value);
}

void ds_json_bool(struct ds_json *j, const char *name, bool value)
{
	plain(j, name, value ? "true" : "false");
}

void ds_json_int(struct ds_json *j, const char *name, int64_t value)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRId64, value);
	plain(j, name, text);
}

void ds_json_count(struct ds_json *j, const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof text, "%" PRIu64, value);
	plain(j, name, text);
}

void ds_json_number(struct ds_json *j, const char *name, double value, int digits)
{
	char text[NUMBER_TEXT];

	if (!isfinite(value)) {
		ds_json_null(j, name);
		return;
	}
	snprintf(text, sizeof text, "%.*f", digits, value);
	plain(j, name, text);
}

void ds_json_null(struct ds_json *j, const char *name)
{
	plain(j, name, "null");
}

void ds_json_known(struct ds_json *j, const char *name, bool is_known, int64_t value)
{
	if (is_known)
		ds_json_int(j, name, value);
	else
		ds_json_null(j, name);
}

void ds_json_moment(struct ds_json *j, const char *name, int64_t ns)
{
	char text[32];

	if (ns == 0) {
		ds_json_null(j, name);
		return;
	}
	snprintf(text, sizeof text, "%" PRId64, ns);
	ds_json_text(j, name, text);
}

void ds_json_hex(struct ds_json *j, const char *name, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof text, "%08" PRIX32, value);
	ds_json_text(j, name, text);
}

void ds_json_newline(struct ds_json *j)
{
	put(j, "\n", 1);
}
