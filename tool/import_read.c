/* import_read: files, lines and words, and what they include. It must never read more than the
 * limits of the header, nor a file of which only a device could know the end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/import.h"

#define BLANKS	     " \t\r\v\f"
#define DIRECTORIES  10
#define FOUND_MOST   256
#define LOGICAL_MOST 8192 /* bytes of a line */

const struct ds_import_cut ds_import_cut_chrony = {.comments = "#%;!"};
const struct ds_import_cut ds_import_cut_ntp = {
	.comments = "#", .comment_behind = true, .quotes = true};
const struct ds_import_cut ds_import_cut_openntpd = {
	.comments = "#", .comment_behind = true, .quotes = true, .continued = true};
const struct ds_import_cut ds_import_cut_timesyncd = {.comments = "#;", .continued = true};

const char *ds_import_name(struct ds_import *import, const char *path)
{
	for (int i = 0; i < import->name_count; i++)
		if (strcmp(import->names[i], path) == 0)
			return import->names[i];
	if (import->name_count == DS_IMPORT_FILES)
		return NULL;
	import->names[import->name_count] = ds_import_plain(path, strlen(path));
	return import->names[import->name_count++];
}

size_t ds_import_utf8(const char *text, size_t length)
{
	unsigned char c = (unsigned char)text[0];
	size_t size = c < 0x80		      ? 1
		      : c >= 0xc2 && c < 0xe0 ? 2
		      : c >= 0xe0 && c < 0xf0 ? 3
		      : c >= 0xf0 && c < 0xf5 ? 4
					      : 0;

	if (size == 0 || size > length)
		return 0;
	for (size_t i = 1; i < size; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
	return size;
}

char *ds_import_plain(const char *text, size_t length)
{
	size_t most = length < DS_IMPORT_ORIGINAL ? length : DS_IMPORT_ORIGINAL;
	size_t at = 0;
	char *plain = calloc(1, most + 4);

	if (plain == NULL)
		abort();
	while (at < most) {
		size_t size = ds_import_utf8(text + at, most - at);
		bool control = (unsigned char)text[at] < 0x20 || text[at] == 0x7f;

		memcpy(plain + at, text + at, size);
		if (text[at] == '\t')
			plain[at] = ' ';
		else if (size == 0 || control)
			plain[at] = '?';
		at += size > 0 ? size : 1;
	}
	if (most < length)
		memcpy(plain + most, "...", 4);
	return plain;
}

static char *read_all(int file, size_t *length)
{
	char *text = malloc(DS_IMPORT_FILE_MOST + 1);
	ssize_t got = 1;

	*length = 0;
	while (text != NULL && got > 0 && *length <= DS_IMPORT_FILE_MOST) {
		got = read(file, text + *length, DS_IMPORT_FILE_MOST + 1 - *length);
		if (got > 0)
			*length += (size_t)got;
	}
	if (got < 0 && text != NULL) {
		int kept = errno;
		free(text);
		errno = kept;
		return NULL;
	}
	return text;
}

char *ds_import_slurp(const char *path, size_t *length, char why[256])
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat is;
	char *text = NULL;

	why[0] = '\0';
	if (file >= 0 && fstat(file, &is) == 0 && !S_ISREG(is.st_mode))
		snprintf(why, 256, "%.150s: not a file", path);
	else if (file < 0 || (text = read_all(file, length)) == NULL)
		snprintf(why, 256, "%.150s: %s", path, strerror(errno));
	if (text != NULL && *length > DS_IMPORT_FILE_MOST) {
		snprintf(why, 256, "%.150s: more than %d bytes", path, DS_IMPORT_FILE_MOST);
		free(text);
		text = NULL;
	}
	if (file >= 0)
		close(file);
	return text;
}

static struct ds_import_line *new_line(struct ds_import *import)
{
	if (import->line_count == DS_IMPORT_LINES) {
		if (!import->failed)
			snprintf(import->failure, sizeof(import->failure), "more than %d lines",
				 DS_IMPORT_LINES);
		import->failed = true;
		return NULL;
	}
	if (import->line_count == import->line_room) {
		int room = import->line_room == 0 ? 64 : import->line_room * 2;
		void *more = realloc(import->lines, (size_t)room * sizeof(void *));
		if (more == NULL)
			abort();
		import->lines = more;
		import->line_room = room;
	}
	struct ds_import_line *line = calloc(1, sizeof(*line));
	if (line == NULL)
		abort();
	import->lines[import->line_count++] = line;
	return line;
}

/* Cut the copy into words; what follows a '#' is a comment where the family has such. */
static void cut_words(struct ds_import_line *line, const struct ds_import_cut *cut)
{
	char *c = line->copy;

	c += strspn(c, BLANKS);
	if (*c == '\0' || strchr(cut->comments, *c) != NULL)
		return;
	while (*c != '\0') {
		char *end;

		if (cut->comment_behind && *c == '#') {
			line->comment = strdup(c);
			return;
		}
		if (line->words == DS_IMPORT_WORDS) {
			line->too_many = true;
			return;
		}
		if (cut->quotes && *c == '"' && strchr(c + 1, '"') != NULL) {
			line->word[line->words++] = ++c;
			end = strchr(c, '"');
		} else {
			line->word[line->words++] = c;
			end = c + strcspn(c, BLANKS);
			if (cut->comment_behind && end != c && memchr(c, '#', (size_t)(end - c)))
				end = strchr(c, '#');
		}
		c = end;
		if (*c == '#' && cut->comment_behind) {
			line->comment = strdup(c); /* its first character ends the word */
			*c = '\0';
			return;
		}
		if (*c != '\0')
			*c++ = '\0';
		c += strspn(c, BLANKS);
	}
}

static void add_line(struct ds_import *import, const char *file, int number, int span,
		     const char *text, size_t length, const struct ds_import_cut *cut, bool sources)
{
	struct ds_import_line *line = new_line(import);

	if (line == NULL)
		return;
	while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
		length--;
	line->file = file;
	line->number = number;
	line->span = span;
	line->sources = sources;
	line->text = ds_import_plain(text, length);
	line->copy = strndup(text, length < LOGICAL_MOST ? length : LOGICAL_MOST);
	if (line->copy == NULL)
		abort();
	line->too_many = length > LOGICAL_MOST;
	cut_words(line, cut);
	if (line->words > 0)
		ds_import_includes(import, cut, import->line_count - 1);
}

/* One line of the file, or several that a backslash joins; returns how many bytes it takes. */
static size_t take_line(const char *text, size_t length, bool continued, int *span, char **joined)
{
	size_t at = 0, filled = 0;

	*span = 0;
	*joined = calloc(1, length + 2);
	if (*joined == NULL)
		abort();
	for (;;) {
		const char *end = memchr(text + at, '\n', length - at);
		size_t here = end != NULL ? (size_t)(end - text) - at : length - at;

		for (size_t i = 0; i < here; i++)
			(*joined)[filled + i] = text[at + i] != '\0' ? text[at + i] : '?';
		filled += here;
		at += here + (end != NULL);
		++*span;
		if (!continued || filled == 0 || (*joined)[filled - 1] != '\\' || at >= length)
			break;
		(*joined)[filled - 1] = ' ';
	}
	(*joined)[filled] = '\0';
	return at;
}

void ds_import_lines(struct ds_import *import, const char *file, const char *text, size_t length,
		     const struct ds_import_cut *cut, bool sources)
{
	const char *name = ds_import_name(import, file);
	size_t at = 0;
	int number = 1, span;
	char *line;

	if (name == NULL)
		return;
	while (at < length && !import->failed) {
		at += take_line(text + at, length - at, cut->continued, &span, &line);
		add_line(import, name, number, span, line, strlen(line), cut, sources);
		number += span;
		free(line);
	}
}

bool ds_import_follow(struct ds_import *import, const struct ds_import_cut *cut, const char *path,
		      bool sources, char why[256])
{
	size_t length;
	char *text;

	if (import->depth == DS_IMPORT_DEPTH) {
		snprintf(why, 256, "%.150s: files include each other more than %d deep", path,
			 DS_IMPORT_DEPTH);
		return false;
	}
	if (import->name_count == DS_IMPORT_FILES) {
		snprintf(why, 256, "%.150s: more than %d files", path, DS_IMPORT_FILES);
		return false;
	}
	text = ds_import_slurp(path, &length, why);
	if (text == NULL)
		return false;
	import->depth++;
	ds_import_lines(import, path, text, length, cut, sources);
	import->depth--;
	free(text);
	return true;
}

/* ---- what includes ---- */

struct found {
	char name[NAME_MAX + 1];
	int directory;
};

static int by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : x->directory - y->directory;
}

static int look_into(const char *path, int directory, const char *suffix, struct found *found,
		     int count)
{
	DIR *stream = opendir(path);
	const struct dirent *entry;
	size_t tail = strlen(suffix);

	while (stream != NULL && count < FOUND_MOST && (entry = readdir(stream)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || length <= tail ||
		    strcmp(entry->d_name + length - tail, suffix) != 0)
			continue;
		snprintf(found[count].name, sizeof(found[count].name), "%s", entry->d_name);
		found[count++].directory = directory;
	}
	if (stream != NULL)
		closedir(stream);
	return count;
}

static void trouble(struct ds_import *import, int line, const char *why)
{
	if (line >= 0 && import->lines[line]->trouble == NULL)
		import->lines[line]->trouble = strdup(why);
}

/* Files of these folders in the order of their names; of equal names the first folder's, as
 * chrony.conf(5) has it. */
static void follow_folders(struct ds_import *import, const struct ds_import_cut *cut, int line,
			   char **words, int count, const char *suffix, bool sources)
{
	struct found *found = calloc(FOUND_MOST, sizeof(*found));
	char path[PATH_MAX + NAME_MAX + 2], why[256];
	int files = 0;

	if (found == NULL)
		abort();
	for (int i = 0; i < count; i++)
		files = look_into(words[i], i, suffix, found, files);
	qsort(found, (size_t)files, sizeof(*found), by_name);
	for (int i = 0; i < files; i++) {
		if (i > 0 && strcmp(found[i].name, found[i - 1].name) == 0)
			continue;
		snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX, words[found[i].directory],
			 found[i].name);
		if (!ds_import_follow(import, cut, path, sources, why))
			trouble(import, line, why);
	}
	free(found);
}

void ds_import_folder(struct ds_import *import, const struct ds_import_cut *cut, const char *folder,
		      const char *suffix)
{
	char copy[PATH_MAX];
	char *one = copy;

	snprintf(copy, sizeof(copy), "%s", folder);
	follow_folders(import, cut, import->line_count - 1, &one, 1, suffix, false);
}

static void follow_pattern(struct ds_import *import, const struct ds_import_cut *cut, int line,
			   const char *pattern, bool sources)
{
	glob_t found = {.gl_pathc = 0};
	char why[256];

	if (strpbrk(pattern, "*?[") == NULL) {
		if (!ds_import_follow(import, cut, pattern, sources, why))
			trouble(import, line, why);
		return;
	}
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (!ds_import_follow(import, cut, found.gl_pathv[i], sources, why))
				trouble(import, line, why);
	globfree(&found);
}

/* ntp.conf(5): a path that is not absolute counts from the folder of the file; ntpsec also reads
 * all *.conf of a folder. */
static void follow_ntp(struct ds_import *import, const struct ds_import_cut *cut, int line,
		       const char *file, const char *given)
{
	const char *slash = strrchr(file, '/');
	char path[PATH_MAX];
	struct stat is;
	char *one = path;

	if (given[0] != '/' && slash != NULL)
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - file), file, given);
	else
		snprintf(path, sizeof(path), "%s", given);
	if (stat(path, &is) == 0 && S_ISDIR(is.st_mode))
		follow_folders(import, cut, line, &one, 1, ".conf", false);
	else
		follow_pattern(import, cut, line, path, false);
}

/* Sources that other programs write while the machine runs are theirs: they are not copied. */
static bool is_fleeting(const char *folder)
{
	return strncmp(folder, "/run/", 5) == 0 || strncmp(folder, "/var/run/", 9) == 0;
}

static void follow_chrony(struct ds_import *import, const struct ds_import_cut *cut, int line,
			  char **word, int words, bool sources)
{
	int kept = 0;

	if (strcasecmp(word[0], "include") == 0 && words == 2) {
		follow_pattern(import, cut, line, word[1], sources);
	} else if (strcasecmp(word[0], "confdir") == 0) {
		follow_folders(import, cut, line, word + 1, words - 1, ".conf", sources);
	} else if (strcasecmp(word[0], "sourcedir") == 0) {
		for (int i = 1; i < words && i <= DIRECTORIES; i++)
			if (!is_fleeting(word[i]))
				word[1 + kept++] = word[i];
		follow_folders(import, cut, line, word + 1, kept, ".sources", true);
	}
}

void ds_import_includes(struct ds_import *import, const struct ds_import_cut *cut, int line)
{
	const struct ds_import_line *l = import->lines[line];
	char *words[DS_IMPORT_WORDS];
	const char *file = l->file;
	int count = l->words;

	if (import->no_files || count < 2)
		return;			       /* the lines say for themselves what they include */
	memcpy(words, l->word, sizeof(words)); /* they are shifted about */
	if (cut == &ds_import_cut_chrony)
		follow_chrony(import, cut, line, words, count, l->sources);
	else if (cut == &ds_import_cut_ntp &&
		 (strcasecmp(words[0], "includefile") == 0 || strcasecmp(words[0], "include") == 0))
		follow_ntp(import, cut, line, file, words[1]);
}
