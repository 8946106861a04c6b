/*
 * fuzz_http: what somebody may send to `drivestamp exporter`, and names that a daemon may have. A
 * head is judged, and every label is one that can be read back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/exporter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In label values no quote is bare, and no line is broken. */
static void check_text(const char *text)
{
	for (const char *line = text; *line != '\0';) {
		size_t length = strcspn(line, "\n");
		bool quoted = false;

		for (size_t i = 0; i < length; i++) {
			if (quoted && line[i] == '\\')
				i++;
			else if (line[i] == '"')
				quoted = !quoted;
		}
		if (quoted ||
		    (length > 0 && line[0] != '#' && strncmp(line, "drivestamp_", 11) != 0))
			abort();
		line += length + (line[length] == '\n');
	}
}

static void write_names(const char *name)
{
	json_t *source = json_pack("{s:s?, s:s?, s:s, s:i}", "name", name, "address", name, "kind",
				   "client", "reach", 255);
	json_t *answer = json_pack("{s:{}, s:[o?]}", "status", "sources", source);
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (out == NULL)
		abort();
	ds_exporter_write(answer, true, out);
	fclose(out);
	check_text(text);
	free(text);
	json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ds_exporter_request request;
	char name[256];

	ds_exporter_parse((const char *)data, size, &request);
	if (request.status < 200 || request.status > 505)
		abort();
	if (size >= sizeof name)
		size = sizeof name - 1;
	memcpy(name, data, size);
	name[size] = '\0';
	write_names(name);
	return 0;
}
