/* import_write: what becomes of a line, and our configuration as it grows; every line of it is put
 * before the daemon's reader first. It must never keep a line that the reader refuses. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/conf_words.h"
#include "tool/import.h"

const char *const ds_import_families[DS_IMPORT_FAMILIES] = {"chrony", "ntp", "ntpd-rs", "openntpd",
							    "timesyncd"};
const char *const ds_import_fates[4] = {"kept", "changed", "dropped", "heading"};

static void *need(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

struct ds_import *ds_import_new(void)
{
	struct ds_import *import = need(calloc(1, sizeof(*import)));

	import->conf = need(calloc(1, sizeof(*import->conf)));
	import->scratch = need(calloc(1, sizeof(*import->scratch)));
	import->said = need(calloc(1, 1024));
	ds_conf_defaults(import->conf);
	import->out = need(open_memstream(&import->text, &import->text_length));
	import->written = need(open_memstream(&import->written_text, &import->written_length));
	import->why = need(open_memstream(&import->why_text, &import->why_length));
	import->messages_out = need(open_memstream(&import->messages, &import->messages_length));
	return import;
}

static void free_entries(struct ds_import *import)
{
	for (int i = 0; i < import->entry_count; i++) {
		free(import->entries[i].original);
		free(import->entries[i].written);
		free(import->entries[i].why);
	}
	free(import->entries);
	for (int i = 0; i < import->added_count; i++) {
		free(import->added[i].written);
		free(import->added[i].why);
	}
	for (int i = 0; i < import->advice_count; i++)
		free(import->advice[i]);
}

void ds_import_free(struct ds_import *import)
{
	FILE *files[] = {import->out, import->written, import->why, import->messages_out};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i] != NULL)
			fclose(files[i]);
	for (int i = 0; i < import->line_count; i++) {
		free(import->lines[i]->text);
		free(import->lines[i]->copy);
		free(import->lines[i]->comment);
		free(import->lines[i]->trouble);
		free(import->lines[i]);
	}
	free(import->lines);
	for (int i = 0; i < import->name_count; i++)
		free(import->names[i]);
	free_entries(import);
	free(import->text);
	if (import->keys != NULL)
		explicit_bzero(import->keys, import->keys_length);
	free(import->keys);
	free(import->written_text);
	free(import->why_text);
	free(import->messages);
	free(import->conf);
	free(import->scratch);
	free(import->said);
	free(import);
}

/* ---- the daemon's opinion ---- */

static void hear(void *context, bool error, const char *file, int line, const char *text)
{
	struct ds_import *import = context;
	size_t length = strlen(import->said);

	(void)error, (void)file, (void)line;
	snprintf(import->said + length, 1024 - length, "%s%.300s", length > 0 ? "; " : "", text);
}

bool ds_import_accepts(struct ds_import *import, const char *line)
{
	ds_conf_defaults(import->scratch);
	import->said[0] = '\0';
	return ds_conf_read_line(import->scratch, line, 1, hear, import) && import->said[0] == '\0';
}

/* ---- one line ---- */

/* Begin the stream anew: one that is rewound keeps what stood behind. */
static void empty(FILE **stream, char **text, size_t *length)
{
	fclose(*stream);
	free(*text);
	*stream = need(open_memstream(text, length));
}

void ds_import_begin(struct ds_import *import, const struct ds_import_line *line)
{
	import->refused = false;
	import->at_file = line->file;
	import->at_line = line->number;
	empty(&import->written, &import->written_text, &import->written_length);
	empty(&import->why, &import->why_text, &import->why_length);
	if (line->comment != NULL)
		ds_import_comment(import, line->comment);
}

void ds_import_why(struct ds_import *import, const char *format, ...)
{
	va_list arguments;

	fflush(import->why);
	if (import->why_length > 0)
		fputs("; ", import->why);
	va_start(arguments, format);
	vfprintf(import->why, format, arguments);
	va_end(arguments);
}

/* Without control characters; ours are 2047 bytes at most, as the daemon's. */
static void compose(char text[2048], const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

static void compose(char text[2048], const char *format, va_list arguments)
{
	int length = vsnprintf(text, 2048, format, arguments);

	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	if (length >= 2048)
		text[0] = '\0';
}

bool ds_import_write(struct ds_import *import, const char *format, ...)
{
	char text[2048];
	va_list arguments;
	bool taken;

	va_start(arguments, format);
	compose(text, format, arguments);
	va_end(arguments);
	import->said[0] = '\0';
	taken = text[0] != '\0' &&
		ds_conf_read_line(import->conf, text, import->at_line, hear, import);
	if (taken)
		fprintf(import->written, "%s\n", text);
	import->refused |= !taken;
	if (text[0] == '\0')
		ds_import_why(import, "it would be a line of more than 2047 characters");
	else if (import->said[0] != '\0')
		ds_import_why(import, "%s%s",
			      taken ? "" : "drivestampd refuses it: ", import->said);
	return taken;
}

void ds_import_write_unseen(struct ds_import *import, const char *format, ...)
{
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	compose(text, format, arguments);
	va_end(arguments);
	if (text[0] != '\0')
		fprintf(import->written, "%s\n", text);
}

/* A comment line of ours, cut where the daemon would find it too long. */
static void remark(struct ds_import *import, const char *before, const char *text)
{
	fprintf(import->out, "# %s%.1500s\n", before, text);
}

static void tell(struct ds_import *import, const struct ds_import_entry *entry)
{
	const char *slash = strrchr(entry->file, '/');
	char before[160];

	if (entry->fate == DS_IMPORT_HEADING || (entry->fate == DS_IMPORT_KEPT && !entry->why[0])) {
		fputs(entry->written, import->out);
		return;
	}
	snprintf(before, sizeof(before), "%s (%.100s:%d): ",
		 entry->fate == DS_IMPORT_KEPT ? "note" : ds_import_fates[entry->fate],
		 slash != NULL ? slash + 1 : entry->file, entry->line);
	remark(import, before, entry->why);
	if (entry->fate != DS_IMPORT_KEPT)
		remark(import, "  was: ", entry->original);
	fputs(entry->written, import->out);
}

static struct ds_import_entry *new_entry(struct ds_import *import)
{
	if (import->entry_count == import->entry_room) {
		import->entry_room = import->entry_room == 0 ? 64 : import->entry_room * 2;
		import->entries = need(realloc(
			import->entries, (size_t)import->entry_room * sizeof(import->entries[0])));
	}
	return &import->entries[import->entry_count++];
}

enum ds_import_fate ds_import_end(struct ds_import *import, struct ds_import_line *line,
				  enum ds_import_fate fate)
{
	struct ds_import_entry *entry = new_entry(import);

	fflush(import->written);
	fflush(import->why);
	if (import->refused && fate != DS_IMPORT_DROPPED)
		fate = import->written_length > 0 ? DS_IMPORT_CHANGED : DS_IMPORT_DROPPED;
	if ((fate == DS_IMPORT_CHANGED || fate == DS_IMPORT_DROPPED) && import->why_length == 0) {
		ds_import_why(import, "%s",
			      fate == DS_IMPORT_CHANGED ? "in our words" : "it says nothing");
		fflush(import->why);
	}
	*entry = (struct ds_import_entry){
		.file = line->file,
		.line = line->number,
		.span = line->span,
		.fate = fate,
		.original = need(strdup(line->text)),
		.written = need(strdup(import->written_text)),
		.why = ds_import_plain(import->why_text, import->why_length)};
	line->fate = fate;
	tell(import, entry);
	return fate;
}

void ds_import_comment(struct ds_import *import, const char *text)
{
	char *plain = ds_import_plain(text, strlen(text));
	const char *from = plain + strspn(plain, " ");

	if (from[0] == '\0')
		fputc('\n', import->out);
	else
		fprintf(import->out, "%s%s\n", strchr("#%;!", from[0]) == NULL ? "# " : "", from);
	free(plain);
}

void ds_import_add(struct ds_import *import, const char *line, const char *format, ...)
{
	struct ds_import_added *added = &import->added[import->added_count];
	char why[512];
	va_list arguments;

	import->said[0] = '\0';
	if (import->added_count == (int)(sizeof(import->added) / sizeof(import->added[0])) ||
	    !ds_conf_read_line(import->conf, line, 0, hear, import))
		return;
	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	import->added_count++;
	added->written = need(strdup(line));
	added->why = need(strdup(why));
	if (import->added_count == 1 || strcmp(added[-1].why, why) != 0) {
		fputc('\n', import->out);
		remark(import, "added: ", why);
	}
	fprintf(import->out, "%s\n", line);
}

void ds_import_advise(struct ds_import *import, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	if (import->advice_count == (int)(sizeof(import->advice) / sizeof(import->advice[0])))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	import->advice[import->advice_count++] = ds_import_plain(text, strlen(text));
}

/* ---- a source ---- */

void ds_import_source_begin(struct ds_import_source *source, const char *word, const char *name)
{
	memset(source, 0, sizeof(*source));
	source->length =
		(size_t)snprintf(source->text, sizeof(source->text), "%s %.300s", word, name);
}

/* Without these a source would be less safe, or its time another. */
static bool cannot_be_left(const char *option)
{
	static const char *const words[] = {"key",  "nts",  "offset",  "port",
					    "ipv4", "ipv6", "noselect"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(words[i], option) == 0)
			return true;
	return false;
}

/* Why the daemon does not take it; ds_import_accepts() has just been asked. */
static const char *reason(const struct ds_import *import, const char *option)
{
	const struct ds_word *word = ds_words_find(&ds_words_source_options, option);

	if (word != NULL && word->attitude != DS_WORD_SUPPORTED && word->reason != NULL)
		return word->reason;
	return import->said[0] != '\0' ? import->said : "the line is too long";
}

void ds_import_source_option(struct ds_import *import, struct ds_import_source *source,
			     const char *option, const char *value)
{
	bool peer = strncasecmp(source->text, "peer ", 5) == 0;
	bool pool = strncasecmp(source->text, "pool ", 5) == 0;
	char trial[1024], both[512];

	snprintf(both, sizeof(both), " %.60s%s%.300s", option,
		 value != NULL && value[0] != '\0' ? " " : "", value != NULL ? value : "");
	/* A peer is warned about where it has no key; that is not this option's fault. */
	snprintf(trial, sizeof(trial), "%s x.invalid%s%s",
		 peer	? "peer"
		 : pool ? "pool"
			: "server",
		 both, peer && strcasecmp(option, "key") != 0 ? " key 1" : "");
	if (strcasecmp(option, "key") == 0 && !import->has_keys) {
		source->fatal = true;
		ds_import_why(import, "it needs a key, and the old file names no file with keys");
		return;
	}
	if (ds_import_accepts(import, trial) &&
	    source->length + strlen(both) < sizeof(source->text)) {
		source->length +=
			(size_t)snprintf(source->text + source->length,
					 sizeof(source->text) - source->length, "%s", both);
		return;
	}
	source->changed = true;
	source->fatal |= cannot_be_left(option);
	import->certified_dropped += strcasecmp(option, "nts") == 0;
	ds_import_why(import, "'%.60s' left out: %s", option, reason(import, option));
}

enum ds_import_fate ds_import_source_end(struct ds_import *import, struct ds_import_source *source)
{
	if (source->fatal)
		ds_import_why(import, "so the whole line is left out");
	else if (ds_import_write(import, "%s", source->text))
		return source->changed ? DS_IMPORT_CHANGED : DS_IMPORT_KEPT;
	import->sources_dropped++;
	return DS_IMPORT_DROPPED;
}
