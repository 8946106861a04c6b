/* import_chrony: chrony.conf, whose grammar is ours: nearly every line stays. It must never turn a
 * source that was authenticated into one that is not. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/conf_words.h"
#include "tool/import.h"

#define COMMAND_SOCKET "/run/chrony/chronyd.sock"

static bool is(const struct ds_import_line *l, const char *word)
{
	return strcasecmp(l->word[0], word) == 0;
}

/* A long line is told in part only; it is put together again. */
static const char *whole(const struct ds_import_line *l, char text[2048])
{
	size_t length = 0;

	if (strlen(l->text) < DS_IMPORT_ORIGINAL)
		return l->text;
	for (int i = 0; i < l->words && length < 2047; i++)
		length += (size_t)snprintf(text + length, 2048 - length, "%s%s", i > 0 ? " " : "",
					   l->word[i]);
	return length < 2047 ? text : "";
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static enum ds_import_fate source(struct ds_import *import, const struct ds_import_line *l)
{
	struct ds_import_source s;

	ds_import_source_begin(&s, l->word[0], l->word[1]);
	for (int at = 2; at < l->words; at++) {
		const struct ds_word *word = ds_words_find(&ds_words_source_options, l->word[at]);
		const char *value = NULL;

		if (word != NULL && word->min_args > 0 && at + 1 < l->words)
			value = l->word[at + 1];
		ds_import_source_option(import, &s, l->word[at], value);
		if (value != NULL)
			at++;
	}
	return ds_import_source_end(import, &s);
}

static enum ds_import_fate refclock(struct ds_import *import, const struct ds_import_line *l)
{
	enum ds_import_fate fate = DS_IMPORT_KEPT;
	char text[2048];
	size_t length = (size_t)snprintf(text, sizeof(text), "refclock %.60s %.300s", l->word[1],
					 l->words > 2 ? l->word[2] : "");

	for (int at = 3; at < l->words; at++) {
		const struct ds_word *word = ds_words_find(&ds_words_refclock_options, l->word[at]);
		int values = word != NULL && at + 1 < l->words ? word->min_args : 0;

		if (word != NULL && word->attitude == DS_WORD_WARNED) {
			ds_import_why(import, "'%s' left out: %s", word->word, word->reason);
			fate = DS_IMPORT_CHANGED;
		} else if (length < 1800) {
			for (int i = 0; i <= values; i++)
				length += (size_t)snprintf(text + length, sizeof(text) - length,
							   " %.60s", l->word[at + i]);
		}
		at += values;
	}
	if (ds_import_write(import, "%s", text))
		return fate;
	import->sources_dropped++;
	return DS_IMPORT_DROPPED;
}

static enum ds_import_fate logs(struct ds_import *import, const struct ds_import_line *l)
{
	enum ds_import_fate fate = DS_IMPORT_KEPT;
	char text[1024] = "log", trial[128];
	size_t length = 3;

	for (int at = 1; at < l->words && length < 900; at++) {
		snprintf(trial, sizeof(trial), "log %.60s", l->word[at]);
		if (ds_import_accepts(import, trial)) {
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s",
						   trial + 3);
			continue;
		}
		fate = DS_IMPORT_CHANGED;
		const struct ds_word *word = ds_words_find(&ds_words_log_options, l->word[at]);
		ds_import_why(import, "'%.60s' left out: %s", l->word[at],
			      word != NULL && word->reason != NULL ? word->reason : import->said);
	}
	if (length == 3)
		return DS_IMPORT_DROPPED;
	return ds_import_write(import, "%s", text) ? fate : DS_IMPORT_DROPPED;
}

/* Files and folders of chrony's own have counterparts; all others stay where they are. */
static enum ds_import_fate path(struct ds_import *import, const struct ds_import_line *l)
{
	const char *given = l->words > 1 ? l->word[1] : "";
	const char *ours = NULL;
	char text[2048];

	if (is(l, "driftfile") && (begins(given, "/var/lib/") || begins(given, "/etc/"))) {
		ours = DS_IMPORT_DRIFT;
		ds_import_advise(
			import,
			"The frequency that was learnt is read from our drift file, if you "
			"copy it before the first start: cp %.200s " DS_IMPORT_DRIFT,
			given);
	} else if (is(l, "logdir") && begins(given, "/var/log/chrony")) {
		ours = DS_IMPORT_LOGS;
	} else if (is(l, "pidfile")) {
		ours = "/run/drivestamp/drivestampd.pid";
	} else if (is(l, "user") &&
		   (strcmp(given, "_chrony") == 0 || strcmp(given, "chrony") == 0)) {
		ours = "_drivestamp";
	} else if (is(l, "keyfile")) {
		ds_import_keys(import, given, NULL, 0);
		ours = import->keys_to != NULL	      ? import->keys_to
		       : begins(given, "/etc/chrony") ? DS_IMPORT_KEYS
						      : NULL;
		if (ours != NULL && import->keys_to == NULL)
			ds_import_advise(
				import,
				"Keys: the file is read as it is; put it where ours "
				"stand: install -m 0640 -g _drivestamp %.200s " DS_IMPORT_KEYS,
				given);
	}
	if (ours == NULL || strcmp(ours, given) == 0)
		return ds_import_write(import, "%s", whole(l, text)) ? DS_IMPORT_KEPT
								     : DS_IMPORT_DROPPED;
	ds_import_why(import, "%.200s is the other daemon's", given);
	return ds_import_write(import, "%s %s", l->word[0], ours) ? DS_IMPORT_CHANGED
								  : DS_IMPORT_DROPPED;
}

static const char *own_folder(const char *folder)
{
	if (begins(folder, "/run/chrony") || begins(folder, "/var/run/chrony"))
		return "/run/drivestamp-dhcp";
	if (begins(folder, "/etc/chrony"))
		return "/etc/drivestamp/sources.d";
	return NULL;
}

/* Is there this line already? It may be of the same entry. */
static bool stands(struct ds_import *import, const char *word, const char *value)
{
	char line[512];

	snprintf(line, sizeof(line), "%.60s %.300s\n", word, value);
	fflush(import->out);
	fflush(import->written);
	return strstr(import->text, line) != NULL || strstr(import->written_text, line) != NULL;
}

/* The files that are included stand behind this line already. */
static enum ds_import_fate include(struct ds_import *import, const struct ds_import_line *l)
{
	bool sources = is(l, "sourcedir");

	if (l->trouble != NULL) {
		ds_import_why(import, "what it includes was not read: %s", l->trouble);
		if (is(l, "include"))
			return DS_IMPORT_DROPPED;
	}
	if (is(l, "include")) {
		ds_import_why(import, "what it includes stands here");
		return DS_IMPORT_CHANGED;
	}
	for (int i = 1; i < l->words; i++) {
		const char *ours = sources ? own_folder(l->word[i]) : "/etc/drivestamp/conf.d";

		if (ours == NULL && begins(l->word[i], "/run/"))
			ours = l->word[i];
		if (ours != NULL && !stands(import, l->word[0], ours))
			ds_import_write_unseen(import, "%s %.300s", l->word[0], ours);
	}
	fflush(import->written);
	ds_import_why(import, "its files stand here%s",
		      import->written_length > 0 ? "; later ones go to our own folder" : "");
	return DS_IMPORT_CHANGED;
}

/* What can be had in other words. */
static enum ds_import_fate refused(struct ds_import *import, const struct ds_import_line *l,
				   const struct ds_word *word)
{
	if (is(l, "initstepslew") && l->words > 1 &&
	    ds_import_write(import, "makestep %.30s 1", l->word[1])) {
		ds_import_why(import, "'initstepslew' is 'makestep' at the first update here; the "
				      "servers that it names are asked only where they have lines "
				      "of their own");
		return DS_IMPORT_CHANGED;
	}
	ds_import_why(import, "'%s' is not supported: %s", word->word, word->reason);
	return DS_IMPORT_DROPPED;
}

static void unknown(struct ds_import *import, const struct ds_import_line *l)
{
	unsigned edits;
	const struct ds_word *nearest = ds_words_nearest(&ds_words_directives, l->word[0], &edits);

	ds_import_why(import, "unknown word '%.64s'; the nearest known one is '%s'", l->word[0],
		      nearest->word);
}

/* What chrony does nothing about either is no loss. */
static enum ds_import_fate left_out(struct ds_import *import, const struct ds_word *word)
{
	bool obsolete = word->reason != NULL && strncmp(word->reason, "obsolete", 8) == 0;

	if (obsolete) {
		ds_import_why(import, "'%s' does nothing in chronyd either", word->word);
		return DS_IMPORT_CHANGED;
	}
	if (!import->has_nts &&
	    (strncmp(word->word, "nts", 3) == 0 || strcmp(word->word, "nocerttimecheck") == 0)) {
		ds_import_why(import, "'%s' is of use to NTS alone, which no line asks for",
			      word->word);
		return DS_IMPORT_CHANGED;
	}
	ds_import_why(import, "'%s' has no effect here: %s", word->word, word->reason);
	return DS_IMPORT_DROPPED;
}

static enum ds_import_fate deny(struct ds_import *import, const struct ds_import_line *l)
{
	char text[2048];

	if (ds_import_write(import, "%s", whole(l, text)))
		return DS_IMPORT_KEPT;
	ds_import_why(import, "who was refused is served where another line allows it: write the "
			      "address");
	return DS_IMPORT_DROPPED;
}

static bool is_loopback(const char *text)
{
	union ds_address address;

	return ds_address_parse(text, 0, &address) && ds_address_is_loopback(&address);
}

static bool is_path(const struct ds_import_line *l)
{
	return is(l, "driftfile") || is(l, "logdir") || is(l, "pidfile") || is(l, "user") ||
	       is(l, "keyfile");
}

static enum ds_import_fate decide(struct ds_import *import, const struct ds_import_line *l)
{
	const struct ds_word *word = ds_words_find(&ds_words_directives, l->word[0]);
	char text[2048];

	if (l->too_many) {
		ds_import_why(import, "'%.64s': the line is too long", l->word[0]);
		return DS_IMPORT_DROPPED;
	}
	if (word == NULL) {
		unknown(import, l);
		return DS_IMPORT_DROPPED;
	}
	if (word->attitude == DS_WORD_REFUSED)
		return refused(import, l, word);
	if (is(l, "cmdallow") && l->words == 2 && is_loopback(l->word[1])) {
		ds_import_why(import, "loopback may ask in any case, where 'cmdport' is written");
		return DS_IMPORT_CHANGED;
	}
	if (word->attitude != DS_WORD_SUPPORTED)
		return left_out(import, word);
	if ((is(l, "server") || is(l, "pool") || is(l, "peer")) && l->words > 1)
		return source(import, l);
	if (is(l, "refclock") && l->words > 1)
		return refclock(import, l);
	if (is(l, "log"))
		return logs(import, l);
	if ((is(l, "include") || is(l, "confdir") || is(l, "sourcedir")) && l->words > 1)
		return include(import, l);
	if (is_path(l))
		return path(import, l);
	if (is(l, "deny"))
		return deny(import, l);
	return ds_import_write(import, "%s", whole(l, text)) ? DS_IMPORT_KEPT : DS_IMPORT_DROPPED;
}

/* chronyd answers chronyc on loopback and its socket without being told to; we do where told. */
static void add_commands(struct ds_import *import, bool port, bool socket)
{
	static const char why[] = "chronyd has this by itself; chronyc and what reads its protocol "
				  "go on to work";

	if (!port)
		ds_import_add(import, "cmdport 323", "%s", why);
	if (!socket)
		ds_import_add(import, "bindcmdaddress " COMMAND_SOCKET, "%s", why);
}

static void look_over(struct ds_import *import)
{
	for (int i = 0; i < import->line_count; i++) {
		const struct ds_import_line *l = import->lines[i];

		if (l->words == 0)
			continue;
		import->has_keys |= is(l, "keyfile");
		import->has_nts |= is(l, "ntsserverkey");
		for (int at = 2; at < l->words; at++)
			import->has_nts |= strcasecmp(l->word[at], "nts") == 0;
	}
}

void ds_import_chrony(struct ds_import *import)
{
	bool port = false, socket = false;
	const char *file = NULL;

	look_over(import);
	for (int i = 0; i < import->line_count; i++) {
		struct ds_import_line *l = import->lines[i];

		if (file != NULL && l->file != file)
			fprintf(import->out, "# from %s\n", l->file);
		file = l->file;
		if (l->words == 0) {
			ds_import_comment(import, l->text);
			continue;
		}
		port |= is(l, "cmdport");
		socket |= is(l, "bindcmdaddress") && l->words > 1 && l->word[1][0] == '/';
		ds_import_begin(import, l);
		ds_import_end(import, l, decide(import, l));
	}
	add_commands(import, port, socket);
}
