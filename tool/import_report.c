/* import_report: what became of each line, in words and as JSON. It must never count a heading as
 * a directive, nor a line twice. */
#include <stdlib.h>
#include <string.h>

#include "lab/demo_report.h"
#include "tool/import.h"

void ds_import_count(const struct ds_import *import, int counts[4])
{
	memset(counts, 0, 4 * sizeof(counts[0]));
	for (int i = 0; i < import->entry_count; i++)
		counts[import->entries[i].fate]++;
}

bool ds_import_has_time(const struct ds_import *import)
{
	const struct ds_conf *conf = import->conf;

	return conf->source_count + conf->listen_count + conf->refclock_count > 0 || conf->local;
}

static void print_entry(const struct ds_import_entry *entry, FILE *out)
{
	char lines[32];

	if (entry->fate == DS_IMPORT_HEADING)
		return;
	snprintf(lines, sizeof(lines), entry->span > 1 ? "%d-%d" : "%d", entry->line,
		 entry->line + entry->span - 1);
	fprintf(out, "%-8s %s:%s: %s\n", ds_import_fates[entry->fate], entry->file, lines,
		entry->original);
	if (entry->why[0] != '\0')
		fprintf(out, "         %s\n", entry->why);
	if (entry->fate == DS_IMPORT_CHANGED)
		for (const char *line = entry->written; *line != '\0';) {
			size_t length = strcspn(line, "\n");

			fprintf(out, "      -> %.*s\n", (int)length, line);
			line += length + (line[length] == '\n');
		}
}

static void print_first(const struct ds_import *import, FILE *out)
{
	if (!ds_import_has_time(import))
		fprintf(out,
			"NOTHING IS LEFT TO FOLLOW: %d source%s left out, and no other is named. "
			"The reasons are below.\n",
			import->sources_dropped, import->sources_dropped == 1 ? " was" : "s were");
	else if (import->sources_dropped > 0)
		fprintf(out, "%d line%s with a source %s left out; the reasons are below.\n",
			import->sources_dropped, import->sources_dropped == 1 ? "" : "s",
			import->sources_dropped == 1 ? "was" : "were");
}

static void print_messages(const struct ds_import *import, FILE *out)
{
	const char *line = import->messages;

	while (line != NULL && *line != '\0') {
		size_t length = strcspn(line, "\n");

		fprintf(out, "drivestampd: %.*s\n", (int)length, line);
		line += length + (line[length] == '\n');
	}
}

void ds_import_report(const struct ds_import *import, const char *output, FILE *out)
{
	int counts[4], all;

	ds_import_count(import, counts);
	all = counts[0] + counts[1] + counts[2];
	print_first(import, out);
	fprintf(out, "Read as %s's: %s.\n", ds_import_families[import->family], import->told_by);
	for (int i = 0; i < import->entry_count; i++)
		print_entry(&import->entries[i], out);
	for (int i = 0; i < import->added_count; i++)
		fprintf(out, "added    %s\n         %s\n", import->added[i].written,
			import->added[i].why);
	fprintf(out, "%d lines: %d kept, %d changed, %d dropped; %d added.\n", all, counts[0],
		counts[1], counts[2], import->added_count);
	for (int i = 0; i < import->advice_count; i++)
		fprintf(out, "to do: %s\n", import->advice[i]);
	print_messages(import, out);
	fprintf(out, "%s: %s.\n", output != NULL ? output : "The configuration",
		import->accepted ? "drivestampd accepts it"
				 : "drivestampd does NOT accept it: see above");
}

/* ---- JSON ---- */

/* Bytes that are no UTF-8, which a path may have, become '?'. */
static void text(FILE *out, const char *name, const char *value, const char *end)
{
	char *copy = value != NULL ? strdup(value) : NULL;
	size_t length = copy != NULL ? strlen(copy) : 0;

	fprintf(out, "\"%s\": ", name);
	for (size_t i = 0, size; i < length; i += size) {
		size = ds_import_utf8(copy + i, length - i);
		if (size == 0) {
			copy[i] = '?';
			size = 1;
		}
	}
	if (copy == NULL)
		fputs("null", out);
	else
		ds_json_string(out, copy);
	fputs(end, out);
	free(copy);
}

static void json_entry(const struct ds_import_entry *entry, FILE *out)
{
	fputs("{", out);
	text(out, "file", entry->file, ", ");
	fprintf(out, "\"line\": %d, \"lines\": %d, ", entry->line, entry->span);
	text(out, "fate", ds_import_fates[entry->fate], ", ");
	text(out, "original", entry->original, ", ");
	text(out, "written", entry->written, ", ");
	text(out, "why", entry->why, "}");
}

static void json_lists(const struct ds_import *import, FILE *out)
{
	fputs(" \"entries\": [", out);
	for (int i = 0; i < import->entry_count; i++) {
		fputs(i > 0 ? ",\n  " : "\n  ", out);
		json_entry(&import->entries[i], out);
	}
	fputs("],\n \"added\": [", out);
	for (int i = 0; i < import->added_count; i++) {
		fputs(i > 0 ? ",\n  {" : "\n  {", out);
		text(out, "written", import->added[i].written, ", ");
		text(out, "why", import->added[i].why, "}");
	}
	fputs("],\n \"to_do\": [", out);
	for (int i = 0; i < import->advice_count; i++) {
		fputs(i > 0 ? ", " : "", out);
		ds_json_string(out, import->advice[i]);
	}
	fputs("],\n \"files\": [", out);
	for (int i = 0; i < import->name_count; i++) {
		fputs(i > 0 ? ", " : "", out);
		ds_json_string(out, import->names[i]);
	}
}

void ds_import_report_json(const struct ds_import *import, const char *output, FILE *out)
{
	int counts[4];

	ds_import_count(import, counts);
	fprintf(out, "{\"schema\": %d, \"verb\": \"import\", \"ok\": %s,\n ", DS_IMPORT_JSON_SCHEMA,
		import->accepted && ds_import_has_time(import) ? "true" : "false");
	text(out, "from", ds_import_families[import->family], ", ");
	text(out, "told_by", import->told_by, ", ");
	text(out, "output", output, ",\n");
	fprintf(out,
		" \"kept\": %d, \"changed\": %d, \"dropped\": %d, \"sources_dropped\": %d, "
		"\"keys\": %d,\n \"has_time\": %s, \"accepted\": %s, ",
		counts[0], counts[1], counts[2], import->sources_dropped, import->key_count,
		ds_import_has_time(import) ? "true" : "false", import->accepted ? "true" : "false");
	text(out, "messages", import->messages, ",\n");
	json_lists(import, out);
	fputs("]}\n", out);
}
