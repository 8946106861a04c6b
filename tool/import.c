/* import: `drivestamp import`, see import.h: options, files, exit status. It must never write over
 * a file without --force, nor leave a key readable by others. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lab/nearest.h"
#include "os/file.h"
#include "tool/import.h"
#include "tool/options.h"

struct import_options {
	const char *from, *output, *report, *keys;
	bool json, force;
};

static bool find_family(const char *word, enum ds_import_family *family)
{
	const char *nearest;

	*family = DS_IMPORT_FAMILIES;
	if (word == NULL)
		return true;
	for (int i = 0; i < DS_IMPORT_FAMILIES; i++)
		if (strcmp(word, ds_import_families[i]) == 0) {
			*family = (enum ds_import_family)i;
			return true;
		}
	if (strcmp(word, "ntpsec") == 0 || strcmp(word, "ntpd") == 0) {
		*family = DS_IMPORT_NTP;
		return true;
	}
	nearest = ds_lab_nearest(word, ds_import_families, DS_IMPORT_FAMILIES);
	fprintf(stderr,
		"drivestamp import: --from takes chrony, ntp, ntpd-rs, openntpd or timesyncd, "
		"not '%s'%s%s%s\n",
		word, nearest != NULL ? "; the nearest is '" : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "'" : "");
	return false;
}

static bool may_write(const char *path, bool force)
{
	struct stat is;

	if (path == NULL || strcmp(path, "-") == 0 || lstat(path, &is) != 0)
		return true;
	/* What is written takes the place of a link: /dev/stdout is one. */
	if (!S_ISREG(is.st_mode))
		fprintf(stderr, "drivestamp import: %s is no file\n", path);
	else if (!force)
		fprintf(stderr, "drivestamp import: %s exists; --force writes over it\n", path);
	return S_ISREG(is.st_mode) && force;
}

static bool put(const char *path, const char *text, mode_t mode)
{
	int error = ds_file_replace(path, text, mode);

	if (error < 0)
		fprintf(stderr, "drivestamp import: %s: %s\n", path, strerror(-error));
	return error >= 0;
}

static bool write_report(const struct ds_import *import, const struct import_options *o)
{
	bool to_file = o->report != NULL && strcmp(o->report, "-") != 0;
	FILE *out = o->report == NULL ? stderr : stdout;
	char *text = NULL;
	size_t length;

	if (to_file)
		out = open_memstream(&text, &length);
	if (out == NULL)
		return false;
	if (o->json)
		ds_import_report_json(import, o->output, out);
	else
		ds_import_report(import, o->output, out);
	if (!to_file)
		return fflush(out) == 0 && !ferror(out);
	fclose(out);
	to_file = put(o->report, text, 0644);
	free(text);
	return to_file;
}

/* The configuration goes to stdout where no --output is given, unless the report goes there. */
static bool write_all(const struct ds_import *import, const struct import_options *o)
{
	bool good = true;

	if (o->output != NULL)
		good = put(o->output, import->text, 0644);
	else if (o->report == NULL || strcmp(o->report, "-") != 0)
		good = fputs(import->text, stdout) >= 0 && fflush(stdout) == 0;
	if (!good && o->output == NULL)
		fprintf(stderr, "drivestamp import: cannot write the configuration\n");
	if (good && o->keys != NULL && import->keys != NULL)
		good = put(o->keys, import->keys, 0600);
	return write_report(import, o) && good;
}

static int run(int argc, char **argv)
{
	struct import_options o = {.from = NULL};
	const struct ds_option options[] = {
		{"from", 'f', DS_OPTION_TEXT, &o.from, 0, 0, "WHO",
		 "chrony, ntp (ntpd, ntpsec), ntpd-rs, openntpd, timesyncd; else found out"},
		{"output", 'o', DS_OPTION_TEXT, &o.output, 0, 0, "FILE",
		 "write our configuration there, not to stdout"},
		{"output-keys", 0, DS_OPTION_TEXT, &o.keys, 0, 0, "FILE",
		 "write the key file in our form there, mode 0600"},
		{"report", 'r', DS_OPTION_TEXT, &o.report, 0, 0, "FILE",
		 "write the report there (-: stdout), not to stderr"},
		{"json", 0, DS_OPTION_FLAG, &o.json, 0, 0, NULL, "the report as JSON"},
		{"force", 0, DS_OPTION_FLAG, &o.force, 0, 0, NULL, "write over files that exist"},
		{0},
	};
	const char *rest[1];
	enum ds_import_family family;
	struct ds_import *import;
	int status, count = ds_options_read(&ds_verb_import, options, argc, argv, rest, 1);

	if (count == -2)
		return 0;
	if (count == 0)
		fprintf(stderr, "drivestamp import: which file?\n");
	if (count < 1 || !find_family(o.from, &family) || !may_write(o.output, o.force) ||
	    !may_write(o.keys, o.force) || !may_write(o.report, o.force))
		return DS_EXIT_USAGE;
	import = ds_import_new();
	import->keys_to = o.keys;
	if (!ds_import_file(import, rest[0], family)) {
		fprintf(stderr, "drivestamp import: %s\n", import->failure);
		status = DS_EXIT_USAGE;
	} else {
		status = !write_all(import, &o)				  ? DS_EXIT_USAGE
			 : import->accepted && ds_import_has_time(import) ? 0
									  : 1;
	}
	ds_import_free(import);
	return status;
}

const struct ds_verb ds_verb_import = {
	.name = "import",
	.arguments = "FILE",
	.help = "Another daemon's configuration as ours, and what became of each line.",
	.run = run,
};
