/* lab shadow: the command line of the report on a shadow run, which itself is in lab/shadow.h. It
 * must never change the files that it reads. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/shadow.h"
#include "tool/lab.h"
#include "tool/options.h"

#define DEFAULT_FOLDER "drivestamp-shadow" /* as drivestampd's */
#define FILES_MOST     16
#define PATH_SIZE      4096

static const struct ds_verb shadow_verb = {
	"lab shadow", "[FOLDER | FILE...]",
	"How a clock kept in shadow (drivestampd --shadow) and the machine's compare.", NULL};

static bool complain(const char *path, const char *why)
{
	fprintf(stderr, "drivestamp lab shadow: %s: %s\n", path, why);
	return false;
}

static bool read_file(struct ds_shadow *shadow, const char *path)
{
	FILE *in = fopen(path, "re");
	bool good;

	if (!in)
		return complain(path, strerror(errno));
	errno = ENOMEM;
	good = ds_shadow_read(shadow, in, path);
	if (!good)
		complain(path, strerror(errno));
	fclose(in);
	return good;
}

/* A file that is not there was not written (any more): what the others hold is reported. */
static bool read_folder(struct ds_shadow *shadow, const char *folder)
{
	static const char *const names[] = {"shadow_exchanges.log", "shadow_clocks.log",
					    "shadow_events.log"};
	char path[PATH_SIZE];
	int there = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folder, names[i]) >= (int)sizeof(path))
			return complain(folder, "the name is too long");
		if (access(path, F_OK) != 0 && errno == ENOENT) {
			complain(path, strerror(errno));
			continue;
		}
		there++;
		if (!read_file(shadow, path))
			return false;
	}
	return there > 0;
}

static bool read_all(struct ds_shadow *shadow, const char *const *paths, int count)
{
	struct stat status;

	for (int i = 0; i < count; i++) {
		if (stat(paths[i], &status) != 0)
			return complain(paths[i], strerror(errno));
		if (!(S_ISDIR(status.st_mode) ? read_folder(shadow, paths[i])
					      : read_file(shadow, paths[i])))
			return false;
	}
	return true;
}

/* Is there anything to report? Says what is wrong with the lines if not. */
static bool has_any(const struct ds_shadow *s)
{
	if (s->bad_lines > 0)
		complain(s->bad, s->bad_lines > 1
					 ? "a line that is none of a shadow log's, and more"
					 : "a line that is none of a shadow log's");
	if (s->exchange_count + s->clock_count > 0)
		return true;
	fputs("drivestamp lab shadow: no line of an exchange or of the clocks in these files\n",
	      stderr);
	return false;
}

static bool write_json(const struct ds_shadow *shadow, const struct ds_shadow_figures *figures,
		       const char *path)
{
	const bool here = strcmp(path, "-") == 0;
	FILE *out = here ? stdout : fopen(path, "we");
	bool good;

	if (!out)
		return complain(path, strerror(errno));
	ds_shadow_print_json(shadow, figures, out);
	good = fflush(out) == 0 && !ferror(out);
	if (!good)
		complain(path, strerror(errno));
	if (!here && fclose(out) != 0 && good)
		good = complain(path, strerror(errno));
	return good;
}

static int report(const struct ds_shadow *shadow, double skip_s, const char *json)
{
	static struct ds_shadow_figures figures; /* too large for a stack */

	if (!ds_shadow_figures(shadow, skip_s, &figures)) {
		fputs("drivestamp lab shadow: no memory\n", stderr);
		return 1;
	}
	if (!(figures.seconds > 0)) {
		fputs("drivestamp lab shadow: nothing is left: the shadow clock was not yet "
		      "synchronised, or --skip is longer than the run\n",
		      stderr);
		return 1;
	}
	if (json && !write_json(shadow, &figures, json))
		return 1;
	if (!json || strcmp(json, "-") != 0)
		ds_shadow_print(shadow, &figures, stdout);
	return fflush(stdout) == 0 ? 0 : 1;
}

int ds_lab_shadow(int argc, char **argv)
{
	const char *paths[FILES_MOST] = {DEFAULT_FOLDER}, *json = NULL;
	struct ds_shadow shadow = {0};
	double skip_s = 0;
	const struct ds_option options[] = {
		{"json", 0, DS_OPTION_TEXT, &json, 0, 0, "FILE",
		 "the figures for machines too; '-': these alone, to standard output"},
		{"skip", 0, DS_OPTION_NUMBER, &skip_s, 0, 1e9, "S",
		 "leave out the first S seconds of the run (0)"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};
	int count = ds_options_read(&shadow_verb, options, argc, argv, paths, FILES_MOST), status;

	if (count < 0)
		return count == -2 ? 0 : DS_EXIT_USAGE;
	status = read_all(&shadow, paths, count > 0 ? count : 1) && has_any(&shadow)
			 ? report(&shadow, skip_s, json)
			 : 1;
	ds_shadow_free(&shadow);
	return status;
}
