/* kind: see the header. Adapters are searched, asked and taken at their word here, if it is one:
 * everything they say is read strictly, and an error names the adapter and the line. */
#include "lab/kind.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/adapter.h"
#include "lab/kind_lines.h"
#include "lab/nearest.h"

#define SHORT_ANSWER 16384
#define CONF_MAX     (1 << 20)
#define READ_MAX     ((size_t)1 << 30)
#define NAMES_MAX    32

static int refuse(char why[DS_LAB_WHY], int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(char why[DS_LAB_WHY], int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, DS_LAB_WHY, format, arguments);
	va_end(arguments);
	return -error;
}

/* ---- where adapters are ---- */

const char *const *ds_kind_directories(void)
{
	static const char *list[4];
	const char *wanted = getenv("DS_LAB_KINDS");
	int count = 0;

	if (wanted && *wanted != '\0')
		list[count++] = wanted;
	list[count++] = DS_LAB_KINDS_SOURCE;
	list[count++] = DS_LAB_KINDS_INSTALLED;
	list[count] = NULL;
	return list;
}

/* Names of adapters are words; what has a suffix is no adapter. */
static bool is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-";

	return *name != '\0' && *name != '-' && name[strspn(name, letters)] == '\0' &&
	       strlen(name) < DS_LAB_NAME;
}

static bool is_file(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

struct names {
	char list[NAMES_MAX][DS_LAB_NAME];
	int count;
};

static void add_name(struct names *names, const char *name)
{
	for (int i = 0; i < names->count; i++) {
		if (strcmp(names->list[i], name) == 0)
			return;
	}
	if (names->count < NAMES_MAX)
		snprintf(names->list[names->count++], DS_LAB_NAME, "%.*s", DS_LAB_NAME - 1, name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void known_names(const char *const *directories, struct names *names)
{
	for (int i = 0; directories[i]; i++) {
		DIR *dir = opendir(directories[i]);
		struct dirent *entry;
		while (dir && (entry = readdir(dir))) {
			if (is_name(entry->d_name))
				add_name(names, entry->d_name);
		}
		if (dir)
			closedir(dir);
	}
	qsort(names->list, (size_t)names->count, sizeof(names->list[0]), by_name);
}

static int unknown_name(const char *name, const char *const *directories, char why[DS_LAB_WHY])
{
	struct names names = {.count = 0};
	const char *list[NAMES_MAX];
	const char *nearest;
	char all[DS_LAB_WHY / 2] = "";

	known_names(directories, &names);
	for (int i = 0; i < names.count; i++) {
		size_t used = strlen(all);
		list[i] = names.list[i];
		snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "", list[i]);
	}
	nearest = ds_lab_nearest(name, list, names.count);
	if (nearest)
		return refuse(why, ENOENT,
			      "no kind of daemon is called '%.32s'; the nearest is '%s'", name,
			      nearest);
	if (names.count == 0)
		return refuse(why, ENOENT,
			      "no kind of daemon is known: there is no adapter in %.100s",
			      directories[0] ? directories[0] : "no folder");
	return refuse(why, ENOENT, "no kind of daemon is called '%.32s'; known are %s", name, all);
}

/* Split NAME[=PATH | @REV]. *rest points to what follows the name, sign included; "" for nothing.
 */
static int split(struct ds_kind *kind, const char *asked, const char *const *directories,
		 const char **rest, char why[DS_LAB_WHY])
{
	size_t length = strcspn(asked, "=@");
	const char *slash;
	int wrote = 0;

	*rest = asked + length;
	if (length == 0 || length >= sizeof(kind->adapter))
		return refuse(why, EINVAL, "'%.100s' is no kind of daemon", asked);
	snprintf(kind->adapter, sizeof(kind->adapter), "%.*s", (int)length, asked);
	slash = strrchr(kind->adapter, '/');
	snprintf(kind->name, sizeof(kind->name), "%.*s", DS_LAB_NAME - 1,
		 slash ? slash + 1 : kind->adapter);
	if (slash) {
		if (!is_file(kind->adapter))
			return refuse(why, ENOENT, "no adapter: %.200s", kind->adapter);
		return 0;
	}
	if (!is_name(kind->adapter)) /* which may be longer than a name */
		return unknown_name(kind->adapter, directories, why);
	for (int i = 0; directories[i]; i++) {
		wrote = snprintf(kind->adapter, sizeof(kind->adapter), "%s/%s", directories[i],
				 kind->name);
		if (wrote < (int)sizeof(kind->adapter) && is_file(kind->adapter))
			return 0;
	}
	return unknown_name(kind->name, directories, why);
}

/* ---- asking an adapter ---- */

/* The environment, one assignment after the other in a block. */
struct environment {
	char *block; /* owned */
	const char *list[20];
	size_t size;
};

/* Where adapters look besides: the folder of this program; and that of what they share, for a
 * script that a user copied stands elsewhere. */
static void write_folders(FILE *out)
{
	const char *const *directories = ds_kind_directories();
	char path[2 * DS_LAB_PATH];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	char *slash = strrchr(path, '/');
	fprintf(out, "LAB_SELF=%.*s%c", slash ? (int)(slash - path) : 0, path, 0);
	for (int i = 0; directories[i]; i++) {
		int wrote = snprintf(path, sizeof(path), "%s/peers.inc", directories[i]);
		if (wrote < (int)sizeof(path) && is_file(path)) {
			fprintf(out, "LAB_SHARE=%s%c", directories[i], 0);
			return;
		}
	}
}

static const char *or_dash(const char *text)
{
	return *text != '\0' ? text : "-";
}

static void write_instance(const struct ds_kind_instance *i, FILE *out)
{
	fprintf(out, "LAB_MODE=%s%c", ds_lab_mode_name(ds_lab_mode_plain(i->mode)), 0);
	fprintf(out, "LAB_STAMPS=%s%c", ds_lab_mode_hardware(i->mode) ? "hardware" : "kernel", 0);
	fprintf(out, "LAB_NUMBER=%d%c", i->number, 0);
	fprintf(out, "LAB_ANSWERS=%d%c", i->answers, 0);
	fprintf(out, "LAB_ASKS=%d%c", i->asks, 0);
	fprintf(out, "LAB_POLL=%d%c", i->poll_log2, 0);
	fprintf(out, "LAB_PROGRAM=%s%c", i->program, 0);
	fprintf(out, "LAB_DIR=%s%c", i->directory, 0);
	fprintf(out, "LAB_ADDRESS=%s%c", i->self.address, 0);
	fprintf(out, "LAB_PORT=%u%c", i->self.port, 0);
	fprintf(out, "LAB_BROADCAST=%s%c", i->self.broadcast, 0);
	fprintf(out, "LAB_INTERFACE=%s%c", i->self.interface, 0);
	fputs("LAB_OTHERS=", out);
	for (int k = 0; k < i->other_count; k++) {
		const struct ds_place_endpoint *e = &i->others[k].endpoint;
		fprintf(out, "%s%s %s %u %s", k > 0 ? "\n" : "", or_dash(i->others[k].name),
			or_dash(e->address), e->port, or_dash(e->broadcast));
	}
	fputc(0, out);
}

static bool make_environment(const struct ds_kind_instance *instance, struct environment *e)
{
	size_t at = 0;
	int count = 0;
	FILE *out = open_memstream(&e->block, &e->size);

	if (!out)
		return false;
	write_folders(out);
	if (instance)
		write_instance(instance, out);
	if (fclose(out) != 0)
		return false;
	for (; at < e->size; at += strlen(e->block + at) + 1)
		e->list[count++] = e->block + at;
	e->list[count] = NULL;
	return true;
}

/* Run a verb, for an instance or (NULL) for none. */
static int ask(const struct ds_kind *kind, const struct ds_kind_instance *instance,
	       struct ds_adapter_call *call, char **output, char why[DS_LAB_WHY])
{
	struct environment environment = {.block = NULL};
	int error = 0;

	*output = NULL;
	if (!make_environment(instance, &environment))
		error = refuse(why, ENOMEM, "no memory for what %s is asked", kind->name);
	call->script = kind->adapter;
	call->apart = instance != NULL; /* the logs of a run that was ended are read as well */
	call->environment = environment.list;
	if (error == 0)
		error = ds_adapter_run(call, output, why);
	call->environment = NULL;
	free(environment.block);
	return error;
}

/* ---- find and about ---- */

static int take_program(struct ds_kind *kind, char *output, char why[DS_LAB_WHY])
{
	output[strcspn(output, "\n")] = '\0';
	if (output[0] != '/' || strlen(output) >= sizeof(kind->program))
		return refuse(why, EPROTO, "%.100s find: '%.60s' is no absolute path",
			      kind->adapter, output);
	if (access(output, X_OK) != 0)
		return refuse(why, errno, "%.60s: %.150s: %s", kind->name, output, strerror(errno));
	snprintf(kind->program, sizeof(kind->program), "%s", output);
	return 0;
}

/* rest: "", "=PATH" or "@REV" */
static int find_program(struct ds_kind *kind, const char *rest, char why[DS_LAB_WHY])
{
	struct ds_adapter_call call = {.words = {"find"}, .limit = SHORT_ANSWER};
	char *output, *path = NULL;
	int error;

	if (*rest != '\0' && rest[1] == '\0')
		return refuse(why, EINVAL, "'%s%s': nothing follows the '%c'", kind->name, rest,
			      *rest);
	if (*rest == '=') {
		path = realpath(rest + 1, NULL);
		if (!path)
			return refuse(why, errno, "%.60s: %.150s: %s", kind->name, rest + 1,
				      strerror(errno));
		call.words[1] = path;
	} else if (*rest == '@') {
		call.words[1] = rest;
	}
	error = ask(kind, NULL, &call, &output, why);
	if (error == 0)
		error = take_program(kind, output, why);
	free(output);
	free(path);
	return error;
}

static int ask_about(struct ds_kind *kind, char why[DS_LAB_WHY])
{
	struct ds_adapter_call call = {.words = {"about", kind->program}, .limit = SHORT_ANSWER};
	char *output;
	int error = ask(kind, NULL, &call, &output, why);

	if (error == 0)
		error = ds_kind_lines_about(kind, output, why);
	free(output);
	return error;
}

int ds_kind_find(struct ds_kind *kind, const char *asked, const char *const *directories,
		 char why[DS_LAB_WHY])
{
	const char *rest;
	int error;

	if (!directories)
		directories = ds_kind_directories();
	memset(kind, 0, sizeof(*kind));
	error = split(kind, asked, directories, &rest, why);
	if (error == 0)
		error = find_program(kind, rest, why);
	return error == 0 ? ask_about(kind, why) : error;
}

/* ---- what a process is to do ---- */

int ds_kind_configure(const struct ds_kind_instance *instance, char **text, char why[DS_LAB_WHY])
{
	struct ds_adapter_call call = {.words = {"configure"}, .limit = CONF_MAX};

	return ask(instance->kind, instance, &call, text, why);
}

int ds_kind_command(const struct ds_kind_instance *instance, char *line, size_t size,
		    char why[DS_LAB_WHY])
{
	struct ds_adapter_call call = {.words = {"command"}, .limit = SHORT_ANSWER};
	char *output;
	int error = ask(instance->kind, instance, &call, &output, why);

	if (error != 0)
		return error;
	size_t length = strcspn(output, "\n");
	if (strncmp(output, "exec ", 5) != 0 ||
	    (output[length] != '\0' && output[length + 1] != '\0'))
		error = refuse(why, EPROTO,
			       "%.120s command: '%.60s' is not one line that begins with exec",
			       instance->kind->adapter, output);
	else if (length >= size)
		error = refuse(why, EMSGSIZE, "%.120s command: the line has over %zu characters",
			       instance->kind->adapter, size - 1);
	else
		snprintf(line, size, "%.*s", (int)length, output);
	free(output);
	return error;
}

int ds_kind_read(const struct ds_kind_instance *instance, const char *const *text,
		 struct ds_kind_reader *reader, char why[DS_LAB_WHY])
{
	const char *texts[DS_KIND_FILES] = {"", "", "", ""};
	struct ds_adapter_call call = {.words = {"read"},
				       .texts = texts,
				       .text_count = instance->kind->file_count,
				       .limit = READ_MAX};
	char *output;

	for (int i = 0; i < instance->kind->file_count; i++) {
		if (text[i])
			texts[i] = text[i];
	}
	int error = ask(instance->kind, instance, &call, &output, why);
	if (error != 0)
		return error;
	error = ds_kind_lines_read(instance, output, reader, why);
	free(output);
	return error;
}
