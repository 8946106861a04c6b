/* options: see the header. Written out rather than getopt_long(), which takes abbreviations: a
 * script that uses one would break with the next option. */
#include "tool/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/nearest.h"

#define WORD_MAX 32

static void complain(const struct ds_verb *verb, const char *option, const char *text)
{
	fprintf(stderr, "drivestamp %s: %s: %s\n", verb->name, option, text);
}

static int unknown(const struct ds_verb *verb, const struct ds_option *options, const char *word)
{
	const char *names[64];
	char bare[WORD_MAX + 1];
	int count = 0;

	for (; options[count].name && count < 64; count++)
		names[count] = options[count].name;
	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(word, "="), word);

	const char *nearest = ds_lab_nearest(bare + strspn(bare, "-"), names, count);
	if (nearest)
		fprintf(stderr, "drivestamp %s: unknown option '%s'; the nearest is '--%s'\n",
			verb->name, word, nearest);
	else
		fprintf(stderr, "drivestamp %s: unknown option '%s' (drivestamp help %s)\n",
			verb->name, word, verb->name);
	return -1;
}

static bool take_number(const struct ds_verb *verb, const struct ds_option *option,
			const char *text)
{
	char *end;
	double number = strtod(text, &end);
	char words[160];

	if (end == text || *end != '\0' || !(number >= option->least && number <= option->most) ||
	    (option->kind == DS_OPTION_INTEGER && floor(number) < number)) {
		snprintf(words, sizeof(words), "'%.60s' is not %s from %g to %g", text,
			 option->kind == DS_OPTION_INTEGER ? "a whole number" : "a number",
			 option->least, option->most);
		char name[WORD_MAX + 3];
		snprintf(name, sizeof(name), "--%s", option->name);
		complain(verb, name, words);
		return false;
	}
	if (option->kind == DS_OPTION_INTEGER)
		*(int *)option->value = (int)number;
	else
		*(double *)option->value = number;
	return true;
}

/* The option that a word names, and the value that stands in it after '='. */
static const struct ds_option *find(const struct ds_option *options, const char *word,
				    const char **value)
{
	size_t length = strcspn(word, "=");

	*value = word[length] == '=' ? word + length + 1 : NULL;
	for (const struct ds_option *o = options; o->name; o++) {
		if (word[1] == '-' && strlen(o->name) == length - 2 &&
		    strncmp(o->name, word + 2, length - 2) == 0)
			return o;
		if (word[1] == o->letter && o->letter != '\0' && word[2] == '\0')
			return o;
	}
	return NULL;
}

static void print_help(const struct ds_verb *verb, const struct ds_option *options)
{
	printf("drivestamp %s [OPTION...] %s\n%s\n\n", verb->name, verb->arguments, verb->help);
	for (const struct ds_option *o = options; o->name; o++) {
		char left[48];
		char letter[5] = "";
		if (o->letter != '\0')
			snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		snprintf(left, sizeof(left), "%s--%s %s", letter, o->name,
			 o->argument ? o->argument : "");
		printf("  %-20s %s\n", left, o->help);
	}
}

static int add_to_list(const struct ds_verb *verb, const char *word, struct ds_option_list *list,
		       const char *text)
{
	if (list->count == DS_OPTION_LIST_MAX) {
		complain(verb, word, "given too often");
		return -1;
	}
	list->text[list->count++] = text;
	return 0;
}

/* One option; *i moves over its value. 0, or -1 after a message. */
static int take_option(const struct ds_verb *verb, const struct ds_option *options, int argc,
		       char **argv, int *i)
{
	const char *word = argv[*i];
	const char *value;
	const struct ds_option *option = find(options, word, &value);

	if (!option)
		return unknown(verb, options, word);
	if (option->kind == DS_OPTION_FLAG) {
		if (value) {
			complain(verb, word, "this option has no value");
			return -1;
		}
		*(bool *)option->value = true;
		return 0;
	}
	if (!value && *i + 1 < argc)
		value = argv[++*i];
	if (!value) {
		complain(verb, word, "a value is missing");
		return -1;
	}
	if (option->kind == DS_OPTION_TEXT) {
		*(const char **)option->value = value;
		return 0;
	}
	if (option->kind == DS_OPTION_LIST)
		return add_to_list(verb, word, option->value, value);
	return take_number(verb, option, value) ? 0 : -1;
}

int ds_options_read(const struct ds_verb *verb, const struct ds_option *options, int argc,
		    char **argv, const char **rest, int most_rest)
{
	bool no_more = false;
	int count = 0;

	for (int i = 1; i < argc; i++) {
		if (!no_more && strcmp(argv[i], "--") == 0) {
			no_more = true;
		} else if (!no_more &&
			   (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
			print_help(verb, options);
			return -2;
		} else if (!no_more && argv[i][0] == '-' && argv[i][1] != '\0') {
			if (take_option(verb, options, argc, argv, &i) != 0)
				return -1;
		} else if (count == most_rest) {
			complain(verb, argv[i], "one argument too many");
			return -1;
		} else {
			rest[count++] = argv[i];
		}
	}
	return count;
}
