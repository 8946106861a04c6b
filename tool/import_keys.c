/* import_keys: key files of chrony (chrony.conf(5)) and of ntpd and ntpsec (ntp.keys(5)), written
 * again as ours. It must never show a byte of a key, nor take one that was not trusted. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/keys.h"
#include "tool/import.h"

/* What ntpd takes for ASCII, longer ones for hexadecimal digits: ntp.keys(5). */
#define ASCII_MOST 20

/* The names that ntpd and ntpsec know by OpenSSL, and ours. */
static const struct {
	const char *theirs, *ours;
} types[] = {
	{"M", "MD5"},
	{"MD5", "MD5"},
	{"SHA", "SHA1"},
	{"SHA1", "SHA1"},
	{"SHA-1", "SHA1"},
	{"SHA256", "SHA256"},
	{"SHA-256", "SHA256"},
	{"SHA2-256", "SHA256"},
	{"SHA384", "SHA384"},
	{"SHA-384", "SHA384"},
	{"SHA512", "SHA512"},
	{"SHA-512", "SHA512"},
	{"SHA3-224", "SHA3-224"},
	{"SHA3-256", "SHA3-256"},
	{"SHA3-384", "SHA3-384"},
	{"SHA3-512", "SHA3-512"},
	{"AES", "AES128"},
	{"AES128", "AES128"},
	{"AES-128", "AES128"},
	{"AES128CMAC", "AES128"},
	{"AES-128-CMAC", "AES128"},
	{"AES256", "AES256"},
	{"AES-256", "AES256"},
	{"AES256CMAC", "AES256"},
	{"AES-256-CMAC", "AES256"},
};

static const char *our_type(const char *theirs)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(types[i].theirs, theirs) == 0)
			return types[i].ours;
	return NULL;
}

static bool is_hex(const char *text)
{
	size_t length = strlen(text);

	return length % 2 == 0 && strspn(text, "0123456789abcdefABCDEF") == length;
}

/* Does the daemon take this line for a key? What it says is kept: it names no key. */
static void hear(void *context, bool error, const char *file, int line, const char *text)
{
	char *said = context;

	(void)file, (void)line;
	if (error)
		snprintf(said, 256, "%.250s", text);
}

static bool is_good(const char *line, char said[256])
{
	struct ds_keys *keys = calloc(1, sizeof(*keys));
	char *copy = strdup(line);
	bool good;

	if (keys == NULL || copy == NULL)
		abort();
	said[0] = '\0';
	good = ds_keys_parse(keys, copy, strlen(copy), "key", hear, said);
	ds_keys_free(keys);
	free(copy);
	free(keys);
	return good;
}

static bool is_trusted(unsigned long id, const unsigned long *trusted, int count)
{
	bool found = trusted == NULL;

	for (int i = 0; i < count && trusted != NULL; i++)
		found |= trusted[i] == id;
	return found;
}

/* Compose our line of theirs. False with the reason said. */
static bool convert(struct ds_import *import, const struct ds_import_line *l, char line[1200])
{
	bool chrony = import->family == DS_IMPORT_CHRONY;
	const char *type = l->words > 2 ? l->word[1] : "MD5";
	const char *key = l->word[l->words > 2 ? 2 : l->words - 1];

	if (chrony && l->words >= 2) {
		snprintf(line, 1200, "%.20s %s%s%.1100s\n", l->word[0], l->words > 2 ? type : "",
			 l->words > 2 ? " " : "", key);
		return true;
	}
	if (l->words < 3 || our_type(type) == NULL) {
		ds_import_why(import, "'%.40s' is no type of key here",
			      l->words < 3 ? "(none)" : type);
		return false;
	}
	if (strlen(key) > ASCII_MOST && !is_hex(key)) {
		ds_import_why(import, "a key of more than %d characters has to be hexadecimal",
			      ASCII_MOST);
		return false;
	}
	snprintf(line, 1200, "%.20s %s %s:%.1100s\n", l->word[0], our_type(type),
		 strlen(key) > ASCII_MOST ? "HEX" : "ASCII", key);
	return true;
}

static enum ds_import_fate one_key(struct ds_import *import, const struct ds_import_line *l,
				   const unsigned long *trusted, int count, FILE *out)
{
	char line[1200] = "", said[256];
	unsigned long id = strtoul(l->word[0], NULL, 10);
	enum ds_import_fate fate = DS_IMPORT_DROPPED;

	if (!is_trusted(id, trusted, count))
		ds_import_why(import, "key %lu is in no 'trustedkey': nobody is believed by it",
			      id);
	else if (convert(import, l, line) && !is_good(line, said))
		ds_import_why(import, "drivestampd refuses the key: %s", said);
	else if (line[0] != '\0') {
		fputs(line, out);
		import->key_count++;
		fate = import->family == DS_IMPORT_CHRONY ? DS_IMPORT_KEPT : DS_IMPORT_CHANGED;
		if (fate == DS_IMPORT_CHANGED)
			ds_import_why(import, "written in our form");
	}
	explicit_bzero(line, sizeof(line));
	return fate;
}

/* An entry for the report alone: what the line says is a secret. */
static void report_key(struct ds_import *import, struct ds_import_line *l,
		       const unsigned long *trusted, int count, FILE *out)
{
	FILE *ours = import->out, *why = import->why, *written = import->written;
	char *nothing = NULL, *why_text = import->why_text, *written_text = import->written_text;
	size_t length, why_length = import->why_length, written_length = import->written_length;
	enum ds_import_fate fate;
	bool refused = import->refused;

	explicit_bzero(l->text, strlen(l->text));
	snprintf(l->text, DS_IMPORT_ORIGINAL, "%.20s ...",
		 isdigit((unsigned char)l->word[0][0]) ? l->word[0] : "(a key)");
	import->out = open_memstream(&nothing, &length);
	import->why = open_memstream(&import->why_text, &import->why_length);
	import->written = open_memstream(&import->written_text, &import->written_length);
	if (import->out == NULL || import->why == NULL || import->written == NULL)
		abort();
	ds_import_begin(import, l);
	fate = one_key(import, l, trusted, count, out);
	ds_import_end(import, l, fate);
	fclose(import->out);
	fclose(import->why);
	fclose(import->written);
	free(nothing);
	free(import->why_text);
	free(import->written_text);
	import->out = ours;
	import->why = why;
	import->written = written;
	import->why_text = why_text;
	import->written_text = written_text;
	import->why_length = why_length;
	import->written_length = written_length;
	import->refused = refused;
}

/* Key lines are forgotten again: they are nobody's directives. */
static void take_keys(struct ds_import *import, int first, const unsigned long *trusted, int count)
{
	const char *file = import->at_file;
	int line = import->at_line;
	FILE *out;

	free(import->keys);
	import->keys = NULL;
	out = open_memstream(&import->keys, &import->keys_length);
	if (out == NULL)
		abort();
	import->key_count = 0;
	for (int i = first; i < import->line_count; i++)
		if (import->lines[i]->words > 0)
			report_key(import, import->lines[i], trusted, count, out);
	fclose(out);
	for (int i = first; i < import->line_count; i++) {
		struct ds_import_line *l = import->lines[i];

		for (int word = 0; word < l->words; word++)
			explicit_bzero(l->word[word], strlen(l->word[word]));
		free(l->text);
		free(l->copy);
		free(l->comment);
		free(l);
	}
	import->line_count = first;
	import->at_file = file;
	import->at_line = line;
}

bool ds_import_keys(struct ds_import *import, const char *path, const unsigned long *trusted,
		    int count)
{
	static const struct ds_import_cut cut_keys = {.comments = "#%;!"};
	static const struct ds_import_cut cut_ntp_keys = {.comments = "#"};
	const struct ds_import_cut *cut =
		import->family == DS_IMPORT_CHRONY ? &cut_keys : &cut_ntp_keys;
	int first = import->line_count;
	size_t length;
	char why[256], *text;

	if (import->no_files)
		return false;
	text = ds_import_slurp(path, &length, why);
	if (text == NULL) {
		ds_import_why(import, "the keys were not read: %s", why);
		return false;
	}
	ds_import_lines(import, path, text, length, cut, false);
	explicit_bzero(text, length);
	free(text);
	take_keys(import, first, trusted, count);
	return true;
}
