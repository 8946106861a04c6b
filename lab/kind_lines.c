/* kind_lines: see the header. */
#include "lab/kind_lines.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 12 /* of a line; the longest has 11 */

struct line {
	const char *adapter, *verb;
	char copy[80];
	char *words[WORDS];
	int count;
	int number;
	char *why;
};

static int complain(const struct line *line, const char *text)
{
	snprintf(line->why, DS_LAB_WHY, "%.90s %s: line %d, '%.60s': %.60s", line->adapter,
		 line->verb, line->number, line->copy, text);
	return -EPROTO;
}

/* The next line, split at spaces, or false at the end. The last word is the rest where there are
 * more than fit. */
static bool next_line(struct line *line, char **text)
{
	char *at = *text;

	if (*at == '\0')
		return false;
	size_t length = strcspn(at, "\n");
	*text = at + length + (at[length] == '\n');
	at[length] = '\0';
	line->number++;
	snprintf(line->copy, sizeof(line->copy), "%s", at);
	line->count = 0;
	for (at += strspn(at, " "); *at != '\0'; at += strspn(at, " ")) {
		if (line->count == WORDS)
			return true;
		line->words[line->count++] = at;
		at += strcspn(at, " ");
		if (*at != '\0')
			*at++ = '\0';
	}
	return true;
}

static bool number(const char *word, double *value)
{
	char *end;

	*value = strtod(word, &end);
	return end != word && *end == '\0' && isfinite(*value);
}

static bool nanoseconds(const char *word, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(word, &end, 10);
	return end != word && *end == '\0' && errno == 0;
}

/* ---- about ---- */

static int take_modes(const struct line *line, unsigned *modes)
{
	for (int i = 1; i < line->count; i++) {
		enum ds_lab_mode mode = ds_lab_mode_find(line->words[i]);
		if (mode == DS_LAB_MODES)
			return complain(line, "no such mode");
		*modes |= 1U << mode;
	}
	return 0;
}

static int take_files(const struct line *line, struct ds_kind *kind)
{
	for (int i = 1; i < line->count; i++) {
		const char *name = line->words[i];
		if (kind->file_count == DS_KIND_FILES)
			return complain(line, "more than four files");
		if (strchr(name, '/') || name[0] == '.' || strlen(name) >= DS_LAB_NAME)
			return complain(line, "no name of a file in its folder");
		snprintf(kind->files[kind->file_count++], DS_LAB_NAME, "%s", name);
	}
	return 0;
}

static int take_flag(const struct line *line, bool *flag)
{
	if (line->count != 2)
		return complain(line, "takes yes or no");
	*flag = strcmp(line->words[1], "yes") == 0;
	return *flag || strcmp(line->words[1], "no") == 0 ? 0 : complain(line, "takes yes or no");
}

static int take_poll(const struct line *line, struct ds_kind *kind)
{
	double value;

	if (line->count != 2 || !number(line->words[1], &value) || value != floor(value) ||
	    value < DS_LAB_POLL_LEAST || value > 17)
		return complain(line, "takes log2 seconds, -6 to 17");
	kind->poll_least = (int)value;
	return 0;
}

/* The words are pieces of the line: put it together again. */
static int take_version(const struct line *line, struct ds_kind *kind)
{
	size_t used = 0;

	for (int i = 1; i < line->count && used < sizeof(kind->version); i++)
		used += (size_t)snprintf(kind->version + used, sizeof(kind->version) - used, "%s%s",
					 i > 1 ? " " : "", line->words[i]);
	return used > 0 ? 0 : complain(line, "says no version");
}

static const char *const about_words[] = {"version",	"asks",	      "answers",
					  "poll-least", "fixed-port", "alone",
					  "separate",	"calibrated", "files"};
#define ABOUT_WORDS ((int)(sizeof(about_words) / sizeof(about_words[0])))

static int take_about(const struct line *line, int word, struct ds_kind *kind)
{
	switch (word) {
	case 0:
		return take_version(line, kind);
	case 1:
		return take_modes(line, &kind->asks);
	case 2:
		return take_modes(line, &kind->answers);
	case 3:
		return take_poll(line, kind);
	case 4:
		return take_flag(line, &kind->fixed_port);
	case 5:
		return take_flag(line, &kind->alone);
	case 6:
		return take_flag(line, &kind->separate);
	case 7:
		return take_flag(line, &kind->guesses_calibrated);
	default:
		return take_files(line, kind);
	}
}

int ds_kind_lines_about(struct ds_kind *kind, char *text, char why[DS_LAB_WHY])
{
	struct line line = {.adapter = kind->adapter, .verb = "about"};
	unsigned seen = 0;
	int error = 0;

	line.why = why;
	kind->poll_least = 6;
	while (error == 0 && next_line(&line, &text)) {
		int word = 0;
		if (line.count == 0)
			continue;
		while (word < ABOUT_WORDS && strcmp(about_words[word], line.words[0]) != 0)
			word++;
		if (word == ABOUT_WORDS)
			return complain(&line, "no such word");
		if (seen & 1U << word)
			return complain(&line, "was said already");
		seen |= 1U << word;
		error = take_about(&line, word, kind);
	}
	if (error == 0 && !(seen & 1))
		return complain(&line, "no version was said");
	if (error == 0 && kind->asks == 0 && kind->answers == 0)
		return complain(&line, "it neither asks nor answers in any mode");
	return error;
}

/* ---- read ---- */

/* Index of the other; -1 for "-", -2 for somebody else. */
static int find_other(const struct ds_kind_instance *instance, const char *address)
{
	if (strcmp(address, "-") == 0)
		return -1;
	for (int i = 0; i < instance->other_count; i++) {
		if (strcmp(instance->others[i].endpoint.address, address) == 0)
			return i;
	}
	return -2;
}

static int parse_sample(const struct line *line, struct ds_lab_sample *sample)
{
	char *const *w = line->words;

	if (line->count != 7 && line->count != 11)
		return complain(line, "a sample has 7 words or 11");
	if (!number(w[2], &sample->at_s) || !number(w[3], &sample->offset_ns) ||
	    !number(w[4], &sample->delay_ns))
		return complain(line, "AT, OFFSET or DELAY is no number");
	if (strlen(w[5]) != 1 || !strchr("IB-", w[5][0]))
		return complain(line, "MODE is not I, B or -");
	if (strlen(w[6]) != 4 || strspn(w[6], "DKH?") != 4)
		return complain(line, "SOURCES are not four of D, K, H and ?");
	sample->interleaved = w[5][0] == 'I';
	memcpy(sample->source, w[6], sizeof(sample->source));
	sample->has_stamps = line->count == 11;
	for (int i = 7; i < line->count; i++) {
		if (!nanoseconds(w[i], &sample->t_ns[i - 7]))
			return complain(line, "a stamp is no whole number of ns");
	}
	return 0;
}

static int parse_count(const struct line *line, double *value)
{
	if (line->count != 4)
		return complain(line, "a count has 4 words");
	if (strlen(line->words[2]) >= DS_LAB_NAME)
		return complain(line, "WHAT is too long");
	if (!number(line->words[3], value))
		return complain(line, "VALUE is no number");
	return 0;
}

static int take_line(const struct ds_kind_instance *instance, const struct line *line,
		     struct ds_kind_reader *reader, bool really)
{
	struct ds_lab_sample sample = {0};
	double value = 0;
	const char *first = line->words[0];
	int error, other = line->count > 1 ? find_other(instance, line->words[1]) : -2;

	if (strcmp(first, "sample") == 0) {
		error = parse_sample(line, &sample);
		if (error != 0 || !really)
			return error;
		if (other >= 0)
			reader->take(reader->context, other, &sample);
		else
			reader->odd_lines++;
		return 0;
	}
	if (strcmp(first, "count") == 0) {
		error = parse_count(line, &value);
		if (error != 0 || !really)
			return error;
		if (other >= -1)
			reader->count(reader->context, other, line->words[2], value);
		else
			reader->odd_lines++;
		return 0;
	}
	if (strcmp(first, "odd") != 0)
		return complain(line, "neither sample, count nor odd");
	if (line->count != 2 || !number(line->words[1], &value) || value < 0)
		return complain(line, "odd takes a number");
	if (really)
		reader->odd_lines += (uint64_t)value;
	return 0;
}

static int read_pass(const struct ds_kind_instance *instance, char *text,
		     struct ds_kind_reader *reader, bool really, char why[DS_LAB_WHY])
{
	struct line line = {.adapter = instance->kind->adapter, .verb = "read"};

	line.why = why;
	while (next_line(&line, &text)) {
		int error = line.count > 0 ? take_line(instance, &line, reader, really) : 0;
		if (error != 0)
			return error;
	}
	return 0;
}

/* Twice, so that nothing is taken of what is not good to its end. */
int ds_kind_lines_read(const struct ds_kind_instance *instance, char *text,
		       struct ds_kind_reader *reader, char why[DS_LAB_WHY])
{
	char *copy = strdup(text);
	int error;

	if (!copy) {
		snprintf(why, DS_LAB_WHY, "no memory for what %s measured", instance->kind->name);
		return -ENOMEM;
	}
	error = read_pass(instance, copy, reader, false, why);
	free(copy);
	return error == 0 ? read_pass(instance, text, reader, true, why) : error;
}
