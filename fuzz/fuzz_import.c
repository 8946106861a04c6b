/*
 * fuzz_import: another daemon's configuration, of any family or of none, as ours.
 * Whatever it holds, each line of it that says something is in the report once, in order, with a
 * reason where it is dropped; what is written has no line that is too long; both reports can be
 * printed. No file but the text is read.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entries(const struct ds_import *import)
{
	for (int i = 0; i < import->entry_count; i++) {
		const struct ds_import_entry *e = &import->entries[i];

		if (e->line < 1 || e->span < 1 || e->fate > DS_IMPORT_HEADING)
			abort();
		if (e->fate == DS_IMPORT_DROPPED && e->why[0] == '\0')
			abort();
		if (strlen(e->original) > DS_IMPORT_ORIGINAL + 4)
			abort();
		if (i > 0 && import->family != DS_IMPORT_NTPD_RS && e->line <= e[-1].line)
			abort();
	}
}

static void check_text(const struct ds_import *import)
{
	for (const char *line = import->text; *line != '\0';) {
		size_t length = strcspn(line, "\n");

		if (length > 2047 || line[length] != '\n')
			abort();
		line += length + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ds_import *import;
	FILE *out;

	if (size < 1 || size > 1 << 16)
		return 0;
	import = ds_import_new();
	out = fopen("/dev/null", "w");
	if (import == NULL || out == NULL)
		exit(1);
	if (ds_import_text(import, "fuzz", (const char *)data + 1, size - 1,
			   (enum ds_import_family)(data[0] % (DS_IMPORT_FAMILIES + 1)))) {
		check_entries(import);
		check_text(import);
		ds_import_report(import, NULL, out);
		ds_import_report_json(import, NULL, out);
	} else if (import->failure[0] == '\0') {
		abort();
	}
	fclose(out);
	ds_import_free(import);
	return 0;
}
