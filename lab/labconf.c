/* labconf: see the header. It must never let a word of the file become an option of ssh. */
#include "lab/labconf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lab/nearest.h"
#include "os/address.h"

#define WORDS 32 /* in a line */
#define BLANK " \t\r\n"

struct reader {
	struct ds_lab_plan *plan;
	const char *path;
	int line;
	char *why;
};

/* The options of ssh, until the line is whole. */
struct ssh {
	const char *destination, *port, *identity, *config;
};

__attribute__((format(printf, 2, 3))) static int fail(const struct reader *r, const char *format,
						      ...)
{
	char text[DS_LAB_WHY];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (r->line > 0)
		snprintf(r->why, DS_LAB_WHY, "%.100s:%d: %.140s", r->path, r->line, text);
	else
		snprintf(r->why, DS_LAB_WHY, "%.100s: %.140s", r->path, text);
	return -EINVAL;
}

static int unknown(const struct reader *r, const char *word, const char *const *words, int count)
{
	const char *nearest = ds_lab_nearest(word, words, count);

	if (nearest)
		return fail(r, "unknown word '%.32s'; the nearest is '%s'", word, nearest);
	return fail(r, "unknown word '%.32s'", word);
}

/* Copy a value into a field of the plan. */
static int set(const struct reader *r, char *field, size_t size, const char *word,
	       const char *value)
{
	if (field[0] != '\0')
		return fail(r, "%s is given twice", word);
	if (strlen(value) >= size)
		return fail(r, "%s: more than %zu characters", word, size - 1);
	snprintf(field, size, "%s", value);
	return 0;
}

static int set_once(const struct reader *r, const char **field, const char *word, const char *value)
{
	if (*field)
		return fail(r, "%s is given twice", word);
	if (value[0] == '-')
		return fail(r, "%s cannot begin with '-'", word);
	*field = value;
	return 0;
}

static int set_load(const struct reader *r, struct ds_lab_host *host, const char *value)
{
	static const char *const loads[] = {"cpu", "net", "both"};

	for (unsigned i = 0; i < 3; i++) {
		if (strcasecmp(value, loads[i]) == 0) {
			host->load = i + 1; /* enum ds_lab_load */
			return 0;
		}
	}
	return unknown(r, value, loads, 3);
}

static int set_name(const struct reader *r, struct ds_lab_host *host, const char *name)
{
	if (name[0] == '.' || name[0] == '-' ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] != '\0')
		return fail(r, "'%.32s' cannot be the name of a host", name);
	for (int i = 0; i < r->plan->hosts; i++) {
		if (strcmp(r->plan->host[i].name, name) == 0)
			return fail(r, "there is a host '%.32s' already", name);
	}
	return set(r, host->name, sizeof(host->name), "the name", name);
}

static int set_address(const struct reader *r, struct ds_lab_host *host, const char *value)
{
	union ds_address address;

	if (!ds_address_parse(value, 0, &address))
		return fail(r, "'%.64s' is no numeric address", value);
	return set(r, host->address, sizeof(host->address), "address", value);
}

static int set_word(const struct reader *r, struct ds_lab_host *host, struct ssh *ssh,
		    const char *word, const char *value)
{
	enum { SSH, ADDRESS, INTERFACE, KIND, PPS, PORT, IDENTITY, CONFIG, LOAD, COUNT };
	static const char *const words[COUNT] = {"ssh",	 "address",  "interface", "kind", "pps",
						 "port", "identity", "sshconfig", "load"};
	int which = 0;

	while (which < COUNT && strcasecmp(word, words[which]) != 0)
		which++;
	if (which == COUNT)
		return unknown(r, word, words, COUNT);
	if (!value)
		return fail(r, "%s: its value is missing", words[which]);
	switch (which) {
	case SSH:
		return set_once(r, &ssh->destination, words[which], value);
	case PORT:
		if (strspn(value, "0123456789") != strlen(value) || strlen(value) > 5 ||
		    atoi(value) < 1 || atoi(value) > 65535)
			return fail(r, "'%.32s' is no port", value);
		return set_once(r, &ssh->port, words[which], value);
	case IDENTITY:
		return set_once(r, &ssh->identity, words[which], value);
	case CONFIG:
		return set_once(r, &ssh->config, words[which], value);
	case ADDRESS:
		return set_address(r, host, value);
	case INTERFACE:
		return set(r, host->interface, sizeof(host->interface), words[which], value);
	case KIND:
		return set(r, host->kind, sizeof(host->kind), words[which], value);
	case PPS:
		if (value[0] != '/')
			return fail(r, "pps: '%.64s' is no absolute path", value);
		return set(r, host->pps, sizeof(host->pps), words[which], value);
	default:
		return set_load(r, host, value);
	}
}

/* False where there is no room. */
static bool append(char text[DS_LAB_PATH], const char *option, const char *value)
{
	size_t used = strlen(text);
	int length = 0;

	if (value)
		length = snprintf(text + used, DS_LAB_PATH - used, "%s%s%s", used > 0 ? " " : "",
				  option, value);
	return length >= 0 && (size_t)length < DS_LAB_PATH - used;
}

/* What is left out, where it follows from what is there; and the words for ssh. */
static int complete(const struct reader *r, struct ds_lab_host *host, const struct ssh *ssh)
{
	union ds_address address;
	const char *at;

	if (!ssh->destination)
		return fail(r, "host %s: where is it? (ssh USER@HOST)", host->name);
	at = strrchr(ssh->destination, '@');
	at = at ? at + 1 : ssh->destination;
	if (host->address[0] == '\0') {
		if (!ds_address_parse(at, 0, &address))
			return fail(r, "host %s: its address is missing", host->name);
		int error = set(r, host->address, sizeof(host->address), "address", at);
		if (error != 0)
			return error;
	}
	if (!append(host->ssh, "-F ", ssh->config) || !append(host->ssh, "-p ", ssh->port) ||
	    !append(host->ssh, "-i ", ssh->identity) || !append(host->ssh, "", ssh->destination))
		return fail(r, "host %s: its words for ssh are too long", host->name);
	return 0;
}

static int read_line(const struct reader *r, char *line)
{
	static const char *const directives[] = {"host"};
	static const char *const sides[] = {"old", "new"};
	char *words[WORDS + 1] = {NULL};
	struct ds_lab_host host = {0};
	struct ssh ssh = {0};
	char *rest;
	int count = 0;

	for (char *word = strtok_r(line, BLANK, &rest); word; word = strtok_r(NULL, BLANK, &rest)) {
		if (count == WORDS)
			return fail(r, "more than %d words", WORDS);
		words[count++] = word;
	}
	if (count == 0 || strchr("#%;!", words[0][0]))
		return 0;
	if (strcasecmp(words[0], "host") != 0)
		return unknown(r, words[0], directives, 1);
	if (r->plan->hosts == DS_LAB_HOSTS)
		return fail(r, "more than %d hosts", DS_LAB_HOSTS);
	if (count < 3)
		return fail(r, "a host has a name and a side: host NAME old|new ssh USER@HOST");
	host.is_new = strcasecmp(words[2], "new") == 0;
	if (!host.is_new && strcasecmp(words[2], "old") != 0)
		return unknown(r, words[2], sides, 2);
	int error = set_name(r, &host, words[1]);
	for (int i = 3; i < count && error == 0; i += 2)
		error = set_word(r, &host, &ssh, words[i], words[i + 1]);
	if (error == 0)
		error = complete(r, &host, &ssh);
	if (error == 0)
		r->plan->host[r->plan->hosts++] = host;
	return error;
}

int ds_labconf_read(struct ds_lab_plan *plan, const char *path, char why[DS_LAB_WHY])
{
	struct reader r = {.plan = plan, .path = path, .why = why};
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int error = 0;
	FILE *file = fopen(path, "re");

	why[0] = '\0';
	if (!file) {
		error = -errno;
		fail(&r, "%s", strerror(errno));
		return error;
	}
	plan->rig = DS_LAB_RIG_REMOTE;
	plan->hosts = 0;
	while (error == 0 && (length = getline(&line, &room, file)) >= 0) {
		r.line++;
		if (strlen(line) != (size_t)length)
			error = fail(&r, "a character that is none");
		else
			error = read_line(&r, line);
	}
	if (error == 0 && ferror(file)) {
		r.line = 0;
		fail(&r, "%s", strerror(errno));
		error = -EIO;
	}
	free(line);
	fclose(file);
	r.line = 0;
	if (error == 0 && plan->hosts < 2)
		error = fail(&r, "%s: two are needed at least",
			     plan->hosts == 0 ? "no host" : "one host alone");
	return error;
}
