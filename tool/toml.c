/* toml: see the header. One cursor goes through the text; every function leaves it behind what it
 * took. It must never go on after the first error. */
#include "tool/toml.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MOST 128
#define KEY_PARTS   DS_TOML_DEPTH

struct reader {
	const char *at, *end;
	int line, depth, nodes;
	bool failed;
	struct ds_toml_error *error;
};

static bool fail(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct reader *r, const char *format, ...)
{
	va_list arguments;

	if (r->failed)
		return false;
	r->failed = true;
	r->error->line = r->line;
	va_start(arguments, format);
	vsnprintf(r->error->why, sizeof(r->error->why), format, arguments);
	va_end(arguments);
	return false;
}

static void *need(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static int peek(const struct reader *r, size_t ahead)
{
	return (size_t)(r->end - r->at) > ahead ? (unsigned char)r->at[ahead] : -1;
}

static bool next_is(const struct reader *r, const char *text)
{
	size_t length = strlen(text);

	return (size_t)(r->end - r->at) >= length && memcmp(r->at, text, length) == 0;
}

static void skip_blanks(struct reader *r)
{
	while (peek(r, 0) == ' ' || peek(r, 0) == '\t')
		r->at++;
}

/* A comment, and the end of the line. */
static bool end_line(struct reader *r)
{
	skip_blanks(r);
	if (peek(r, 0) == '#')
		while (r->at < r->end && *r->at != '\n')
			r->at++;
	if (peek(r, 0) == '\r')
		r->at++;
	if (r->at == r->end)
		return true;
	if (*r->at != '\n')
		return fail(r, "something stands behind the value");
	r->at++;
	r->line++;
	return true;
}

/* Blanks, comments and ends of lines, within arrays. */
static void skip_all(struct reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (peek(r, 0) != '#' && peek(r, 0) != '\n' && peek(r, 0) != '\r')
			return;
		if (!end_line(r) || r->at == r->end)
			return;
	}
}

/* ---- nodes ---- */

static struct ds_toml *new_node(struct reader *r, enum ds_toml_kind kind)
{
	struct ds_toml *node = need(calloc(1, sizeof(*node)));

	node->kind = kind;
	node->line = node->last_line = r->line;
	if (++r->nodes > DS_TOML_NODES)
		fail(r, "more than %d values", DS_TOML_NODES);
	return node;
}

void ds_toml_free(struct ds_toml *node)
{
	while (node != NULL) {
		struct ds_toml *next = node->next;

		ds_toml_free(node->first);
		free(node->key);
		free(node->text);
		free(node);
		node = next;
	}
}

static void add(struct ds_toml *parent, struct ds_toml *node)
{
	if (parent->first == NULL)
		parent->first = node;
	else
		parent->last->next = node;
	parent->last = node;
}

static struct ds_toml *find(struct ds_toml *table, const char *key)
{
	struct ds_toml *node = table->kind == DS_TOML_TABLE ? table->first : NULL;

	while (node != NULL && strcmp(node->key, key) != 0)
		node = node->next;
	return node;
}

const struct ds_toml *ds_toml_find(const struct ds_toml *table, const char *key)
{
	const struct ds_toml *node = NULL;

	if (table != NULL && table->kind == DS_TOML_TABLE)
		node = table->first;
	while (node != NULL && strcmp(node->key, key) != 0)
		node = node->next;
	return node;
}

/* ---- strings ---- */

struct text {
	char *bytes;
	size_t length, room;
};

static void put(struct text *t, char c)
{
	if (t->length + 1 >= t->room) {
		t->room = t->room == 0 ? 64 : t->room * 2;
		t->bytes = need(realloc(t->bytes, t->room));
	}
	t->bytes[t->length++] = c;
	t->bytes[t->length] = '\0';
}

static bool put_code(struct reader *r, struct text *t, int digits)
{
	unsigned code = 0;

	for (int i = 0; i < digits; i++, r->at++) {
		int c = peek(r, 0);
		const char *hex = c > 0 ? strchr("0123456789abcdef", c | 0x20) : NULL;

		if (c >= '0' && c <= '9')
			code = code * 16 + (unsigned)(c - '0');
		else if (hex != NULL && (c | 0x20) >= 'a')
			code = code * 16 + (unsigned)((c | 0x20) - 'a') + 10;
		else
			return fail(r, "\\u takes %d hexadecimal digits", digits);
	}
	if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return fail(r, "no character has this number");
	if (code < 0x80) {
		put(t, (char)code);
		return true;
	}
	if (code >= 0x10000) {
		put(t, (char)(0xf0 | code >> 18));
		put(t, (char)(0x80 | (code >> 12 & 0x3f)));
	} else if (code >= 0x800) {
		put(t, (char)(0xe0 | code >> 12));
	}
	if (code >= 0x800)
		put(t, (char)(0x80 | (code >> 6 & 0x3f)));
	else
		put(t, (char)(0xc0 | code >> 6));
	put(t, (char)(0x80 | (code & 0x3f)));
	return true;
}

/* Behind a backslash. In strings of several lines one at the end of a line joins the next. */
static bool escape(struct reader *r, struct text *t, bool lines)
{
	static const char codes[] = "btnfre\"\\", means[] = "\b\t\n\f\r\033\"\\";
	int c = peek(r, 0);
	const char *code = c > 0 ? strchr(codes, c) : NULL;

	if (code != NULL) {
		put(t, means[code - codes]);
		r->at++;
		return true;
	}
	if (c == 'u' || c == 'U') {
		r->at++;
		return put_code(r, t, c == 'u' ? 4 : 8);
	}
	if (lines && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
		for (; (c = peek(r, 0)) == ' ' || c == '\t' || c == '\n' || c == '\r'; r->at++)
			r->line += c == '\n';
		return true;
	}
	return fail(r, "a backslash before something that needs none");
}

/* The four kinds. The result is the caller's; NULL after an error. */
static char *read_string(struct reader *r)
{
	char quote = *r->at;
	char three[] = {quote, quote, quote, '\0'};
	bool lines = next_is(r, three);
	struct text t = {.bytes = need(calloc(1, 1))};

	r->at += lines ? 3 : 1;
	if (lines && next_is(r, "\r\n"))
		r->at++;
	if (lines && peek(r, 0) == '\n') {
		r->at++;
		r->line++;
	}
	for (;;) {
		int c = peek(r, 0);

		if (c < 0 || (c == '\n' && !lines)) {
			fail(r, "a string has no end");
			break;
		}
		if (lines ? next_is(r, three) : c == quote) {
			/* up to two quotes may stand before the three that end it */
			while (lines && peek(r, 3) == quote)
				put(&t, *r->at++);
			r->at += lines ? 3 : 1;
			return t.bytes;
		}
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
			fail(r, "a control character in a string");
			break;
		}
		r->at++;
		r->line += c == '\n';
		if (c == '\\' && quote == '"') {
			if (!escape(r, &t, lines))
				break;
		} else {
			put(&t, (char)c);
		}
	}
	free(t.bytes);
	return NULL;
}

/* ---- keys ---- */

static bool is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static char *read_key_part(struct reader *r)
{
	const char *from;

	skip_blanks(r);
	if (peek(r, 0) == '"' || peek(r, 0) == '\'') {
		if (next_is(r, "\"\"\"") || next_is(r, "'''")) {
			fail(r, "a key in a string of several lines");
			return NULL;
		}
		return read_string(r);
	}
	from = r->at;
	while (is_bare(peek(r, 0)))
		r->at++;
	if (r->at == from) {
		fail(r, "a key was expected");
		return NULL;
	}
	return need(strndup(from, (size_t)(r->at - from)));
}

struct key {
	char *part[KEY_PARTS];
	int count;
};

static void free_key(struct key *key)
{
	for (int i = 0; i < key->count; i++)
		free(key->part[i]);
	key->count = 0;
}

static bool read_key(struct reader *r, struct key *key)
{
	key->count = 0;
	for (;;) {
		if (key->count == KEY_PARTS)
			return fail(r, "a key of more than %d parts", KEY_PARTS);
		key->part[key->count] = read_key_part(r);
		if (key->part[key->count] == NULL)
			return false;
		key->count++;
		skip_blanks(r);
		if (peek(r, 0) != '.')
			return true;
		r->at++;
	}
}

/* ---- values ---- */

static struct ds_toml *read_value(struct reader *r);

static struct ds_toml *read_array(struct reader *r)
{
	struct ds_toml *array = new_node(r, DS_TOML_ARRAY);

	array->closed = true;
	r->at++;
	for (;;) {
		struct ds_toml *item;

		skip_all(r);
		if (peek(r, 0) == ']')
			break;
		item = r->failed ? NULL : read_value(r);
		if (item == NULL) {
			fail(r, "an array has no end");
			ds_toml_free(array);
			return NULL;
		}
		add(array, item);
		skip_all(r);
		if (peek(r, 0) == ',')
			r->at++;
		else if (peek(r, 0) != ']')
			fail(r, "',' or ']' was expected");
	}
	r->at++;
	array->last_line = r->line;
	return array;
}

static bool read_pair(struct reader *r, struct ds_toml *table);

static struct ds_toml *read_inline_table(struct reader *r)
{
	struct ds_toml *table = new_node(r, DS_TOML_TABLE);

	r->at++;
	skip_blanks(r);
	while (peek(r, 0) != '}') {
		if (!read_pair(r, table))
			break;
		skip_blanks(r);
		if (peek(r, 0) == '}')
			break;
		if (peek(r, 0) != ',') {
			fail(r, "',' or '}' was expected");
			break;
		}
		r->at++;
		skip_blanks(r);
		if (peek(r, 0) == '}')
			fail(r, "a key was expected");
	}
	if (r->failed) {
		ds_toml_free(table);
		return NULL;
	}
	r->at++;
	table->closed = true;
	table->last_line = r->line;
	return table;
}

/* Digits with single underscores between them, copied without those. */
static bool copy_number(const char *from, size_t length, char text[NUMBER_MOST])
{
	size_t filled = 0;

	if (length == 0 || length >= NUMBER_MOST)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (from[i] != '_') {
			text[filled++] = from[i];
			continue;
		}
		if (i == 0 || i + 1 == length || from[i - 1] == '_' || !is_bare(from[i + 1]) ||
		    !is_bare(from[i - 1]))
			return false;
	}
	text[filled] = '\0';
	return true;
}

static bool is_date(const char *text)
{
	/* 1979-05-27..., 07:32:00 */
	size_t digits = strspn(text, "0123456789");

	return (digits == 4 && text[4] == '-') || (digits == 2 && text[2] == ':');
}

static bool set_integer(struct ds_toml *node, const char *text, int base)
{
	char *end;

	errno = 0;
	node->integer = strtoll(text, &end, base);
	if (*end != '\0' || end == text || errno != 0)
		return false;
	node->kind = DS_TOML_INTEGER;
	node->number = (double)node->integer;
	return true;
}

/* As TOML has numbers: no leading zeros, digits on both sides of the point. */
static bool set_number(struct ds_toml *node, const char *text)
{
	const char *bare = text + (text[0] == '+' || text[0] == '-');
	size_t whole = strspn(bare, "0123456789");
	char *end;

	if (strcmp(bare, "inf") == 0 || strcmp(bare, "nan") == 0) {
		node->number = bare[0] == 'n' ? NAN : text[0] == '-' ? -INFINITY : INFINITY;
		node->kind = DS_TOML_FLOAT;
		return true;
	}
	if (text == bare && bare[0] == '0' && strchr("xob", bare[1]) != NULL && bare[1] != '\0')
		return strchr("+-", bare[2]) == NULL && set_integer(node, bare + 2,
								    bare[1] == 'x'   ? 16
								    : bare[1] == 'o' ? 8
										     : 2);
	if (whole == 0 || (whole > 1 && bare[0] == '0'))
		return false;
	if (bare[whole] == '\0')
		return set_integer(node, text, 10);
	if (bare[whole] == '.' && strspn(bare + whole + 1, "0123456789") == 0)
		return false;
	if (bare[strspn(bare, "0123456789.eE+-")] != '\0')
		return false;
	node->number = strtod(text, &end);
	node->kind = DS_TOML_FLOAT;
	return *end == '\0' && isfinite(node->number);
}

static struct ds_toml *read_word(struct reader *r)
{
	const char *from = r->at;
	char text[NUMBER_MOST] = "";
	struct ds_toml *node;

	while (r->at < r->end && strchr(" \t\r\n,]}#", *r->at) == NULL)
		r->at++;
	/* a date and its time may have a blank between them */
	if (r->at - from == 10 && is_date(from) && peek(r, 0) == ' ' && peek(r, 1) >= '0' &&
	    peek(r, 1) <= '9')
		for (r->at++; r->at < r->end && strchr(" \t\r\n,]}#", *r->at) == NULL;)
			r->at++;
	node = new_node(r, DS_TOML_BOOLEAN);
	if (r->at - from == 4 && memcmp(from, "true", 4) == 0) {
		node->truth = true;
		return node;
	}
	if (r->at - from == 5 && memcmp(from, "false", 5) == 0)
		return node;
	if (copy_number(from, (size_t)(r->at - from), text)) {
		if (is_date(text)) {
			node->kind = DS_TOML_DATE;
			node->text = need(strdup(text));
			return node;
		}
		if (set_number(node, text))
			return node;
	}
	ds_toml_free(node);
	fail(r, "this is no value: is it a string without quotes?");
	return NULL;
}

static struct ds_toml *read_value(struct reader *r)
{
	struct ds_toml *node = NULL;

	if (++r->depth > DS_TOML_DEPTH) {
		fail(r, "nested more than %d deep", DS_TOML_DEPTH);
	} else if (peek(r, 0) == '"' || peek(r, 0) == '\'') {
		int line = r->line;
		char *text = read_string(r);

		if (text != NULL) {
			node = new_node(r, DS_TOML_STRING);
			node->line = line;
			node->text = text;
		}
	} else if (peek(r, 0) == '[') {
		node = read_array(r);
	} else if (peek(r, 0) == '{') {
		node = read_inline_table(r);
	} else if (r->at < r->end && *r->at != '\0') {
		node = read_word(r);
	} else {
		fail(r, "a value was expected");
	}
	r->depth--;
	return node;
}

/* The table that the key's parts but the last lead to; made where it is not there. */
static struct ds_toml *walk(struct reader *r, struct ds_toml *table, const struct key *key,
			    bool heading)
{
	for (int i = 0; i + 1 < key->count; i++) {
		struct ds_toml *next = find(table, key->part[i]);

		if (next == NULL) {
			next = new_node(r, DS_TOML_TABLE);
			next->key = need(strdup(key->part[i]));
			add(table, next);
		}
		if (heading && next->kind == DS_TOML_ARRAY && !next->closed)
			next = next->last;
		if (next->kind != DS_TOML_TABLE || next->closed) {
			fail(r, "'%.60s' is no table that can be added to", key->part[i]);
			return NULL;
		}
		table = next;
	}
	return table;
}

/* key = value */
static bool read_pair(struct reader *r, struct ds_toml *table)
{
	struct ds_toml *node = NULL, *home;
	struct key key;
	int line = r->line;

	if (!read_key(r, &key)) {
		free_key(&key);
		return false;
	}
	home = walk(r, table, &key, false);
	if (home != NULL && find(home, key.part[key.count - 1]) != NULL)
		fail(r, "'%.60s' stands here for the second time", key.part[key.count - 1]);
	else if (home != NULL && peek(r, 0) != '=')
		fail(r, "'=' was expected");
	if (!r->failed) {
		r->at++;
		skip_blanks(r);
		node = read_value(r);
	}
	if (node != NULL) {
		node->key = key.part[--key.count];
		node->line = line;
		node->last_line = r->line;
		add(home, node);
	}
	free_key(&key);
	return node != NULL;
}

/* The table that [a.b] or [[a.b]] begins. */
static struct ds_toml *begin_table(struct reader *r, struct ds_toml *root, const struct key *key,
				   bool array)
{
	struct ds_toml *home = walk(r, root, key, true), *node, *item;
	const char *name = key->part[key->count - 1];

	if (home == NULL)
		return NULL;
	node = find(home, name);
	if (node == NULL) {
		node = new_node(r, array ? DS_TOML_ARRAY : DS_TOML_TABLE);
		node->key = need(strdup(name));
		add(home, node);
	} else if (array ? node->kind != DS_TOML_ARRAY || node->closed
			 : node->kind != DS_TOML_TABLE || node->closed || node->heading) {
		fail(r, "'%.60s' stands here for the second time", name);
		return NULL;
	}
	if (!array) {
		node->heading = true;
		node->line = r->line;
		return node;
	}
	item = new_node(r, DS_TOML_TABLE);
	item->heading = true;
	add(node, item);
	return item;
}

static struct ds_toml *read_heading(struct reader *r, struct ds_toml *root)
{
	bool array = next_is(r, "[[");
	struct ds_toml *table = NULL;
	struct key key;

	r->at += array ? 2 : 1;
	if (read_key(r, &key)) {
		if (!next_is(r, array ? "]]" : "]")) {
			fail(r, "']' was expected");
		} else {
			r->at += array ? 2 : 1;
			table = begin_table(r, root, &key, array);
		}
	}
	free_key(&key);
	return table;
}

struct ds_toml *ds_toml_read(const char *text, size_t length, struct ds_toml_error *error)
{
	struct reader r = {.at = text, .end = text + length, .line = 1, .error = error};
	struct ds_toml *root = new_node(&r, DS_TOML_TABLE), *table = root;

	*error = (struct ds_toml_error){.line = 0};
	if (length > DS_TOML_TEXT)
		fail(&r, "more than %d bytes", DS_TOML_TEXT);
	if (next_is(&r, "\xef\xbb\xbf"))
		r.at += 3;
	while (!r.failed && r.at < r.end) {
		skip_all(&r);
		if (r.failed || r.at == r.end)
			break;
		if (*r.at == '[')
			table = read_heading(&r, root);
		else
			read_pair(&r, table);
		if (!r.failed)
			end_line(&r);
	}
	if (!r.failed)
		return root;
	ds_toml_free(root);
	return NULL;
}
