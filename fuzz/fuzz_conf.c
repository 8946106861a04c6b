/*
 * fuzz_conf: lines of a configuration, one after the other.
 * Whatever they hold, messages are printable and bounded, and what was accepted prints as
 * directives that read back to the same print. Directives that read files are left out.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void say(void *context, bool error, const char *file, int line, const char *text)
{
	size_t length = strlen(text);

	(void)error, (void)line;
	++*(unsigned *)context;
	if (length == 0 || length > 767 || file == NULL)
		abort();
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			abort();
}

static bool reads_files(const char *line)
{
	line += strspn(line, " \t\r\v\f");
	return strncasecmp(line, "include", 7) == 0 || strncasecmp(line, "confdir", 7) == 0 ||
	       strncasecmp(line, "sourcedir", 9) == 0;
}

/* Read each line of text, which is cut up. */
static void read_lines(struct ds_conf *conf, char *text, bool must_pass)
{
	unsigned messages = 0;
	char *rest;
	int number = 0;

	ds_conf_defaults(conf);
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (reads_files(line))
			continue;
		unsigned before = messages;
		bool passed = ds_conf_read_line(conf, line, ++number, say, &messages);
		if (must_pass && !passed)
			abort();
		if (!passed && messages == before)
			abort(); /* an error without a word */
	}
	ds_conf_check(conf, "fuzz", say, &messages);
}

static void print(const struct ds_conf *conf, char *text, size_t size)
{
	FILE *out = fmemopen(text, size, "w");

	if (out == NULL)
		exit(1);
	ds_conf_print(conf, out);
	fclose(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ds_conf conf, again;
	static char first[1 << 17], copy[1 << 17], second[1 << 17];
	char *text;

	if (size > 1 << 16 || (text = malloc(size + 1)) == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	read_lines(&conf, text, false);
	free(text);
	print(&conf, first, sizeof(first));
	memcpy(copy, first, sizeof(copy));
	read_lines(&again, copy, true);
	print(&again, second, sizeof(second));
	if (strcmp(first, second) != 0)
		abort();
	return 0;
}
