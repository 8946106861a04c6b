/* import_all: one file from the beginning to the end: whose it is, its reader, and the daemon's
 * reader on the whole of what was written. It must never call that accepted which was not read. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/keys.h"
#include "tool/import.h"

/* ---- whose is it? ---- */

static const char *const tells[DS_IMPORT_FAMILIES][32] = {
	[DS_IMPORT_CHRONY] = {"makestep",     "rtcsync",       "allow",		  "deny",
			      "keyfile",      "maxupdateskew", "leapsectz",	  "leapsecmode",
			      "sourcedir",    "confdir",       "logdir",	  "log",
			      "local",	      "cmdallow",      "cmdport",	  "bindcmdaddress",
			      "bindaddress",  "hwtimestamp",   "ntsdumpdir",	  "dumpdir",
			      "initstepslew", "smoothtime",    "clientloglimit",  "minsources",
			      "logchange",    "ratelimit",     "acquisitionport", "leapseclist",
			      "maxdistance",  "ntsservercert", "rtconutc"},
	[DS_IMPORT_NTP] =
		{"restrict",   "fudge",	     "tos",	    "tinker",	      "statsdir",
		 "filegen",    "statistics", "disable",	    "enable",	      "leapfile",
		 "trustedkey", "keys",	     "includefile", "interface",      "nic",
		 "requestkey", "controlkey", "crypto",	    "discard",	      "mru",
		 "nts",	       "logconfig",  "logfile",	    "manycastclient", "multicastclient"},
	[DS_IMPORT_NTPD_RS] = {"[[source]]", "[[server]]", "[observability]", "[synchronization]",
			       "[source-defaults]", "[keyset]", "[[nts-ke-server]]",
			       "[synchronization.algorithm]"},
	[DS_IMPORT_OPENNTPD] = {"servers", "listen", "constraint", "constraints", "sensor",
				"query"},
	[DS_IMPORT_TIMESYNCD] = {"[Time]"},
};

static const struct {
	const char *name;
	enum ds_import_family family;
} names[] = {{"chrony", DS_IMPORT_CHRONY},	{"timesyncd", DS_IMPORT_TIMESYNCD},
	     {".toml", DS_IMPORT_NTPD_RS},	{"openntpd", DS_IMPORT_OPENNTPD},
	     {"ntpd.conf", DS_IMPORT_OPENNTPD}, {"ntp.conf", DS_IMPORT_NTP},
	     {"ntpsec", DS_IMPORT_NTP},		{"ntp", DS_IMPORT_NTP}};

/* The family of which the line's first word is typical; -1: of none. */
static int family_of(const char *first)
{
	for (int family = 0; family < DS_IMPORT_FAMILIES; family++)
		for (int i = 0; i < 32 && tells[family][i] != NULL; i++)
			if (strcasecmp(tells[family][i], first) == 0)
				return family;
	return -1;
}

static enum ds_import_family by_name(const char *name, char told_by[160])
{
	const char *base = strrchr(name, '/');

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(base != NULL ? base : name, names[i].name) != NULL ||
		    strstr(name, names[i].name) != NULL) {
			snprintf(told_by, 160, "none of its words is typical; its name has '%s'",
				 names[i].name);
			return names[i].family;
		}
	snprintf(told_by, 160,
		 "neither its words nor its name say whose it is; say --from if this "
		 "is wrong");
	return DS_IMPORT_CHRONY;
}

/* Copy the first word of the line, without what follows a '='. Returns the line's length. */
static size_t first_word(const char *text, size_t length, char word[64])
{
	const char *end = memchr(text, '\n', length);
	size_t line = end != NULL ? (size_t)(end - text) + 1 : length, at = 0, filled = 0;

	while (at < line && strchr(" \t\r", text[at]) != NULL)
		at++;
	while (at < line && filled < 63 && text[at] != '\0' &&
	       strchr(" \t\r\n=#", text[at]) == NULL)
		word[filled++] = text[at++];
	word[filled] = '\0';
	return line;
}

enum ds_import_family ds_import_guess(const char *name, const char *text, size_t length,
				      char told_by[160])
{
	int score[DS_IMPORT_FAMILIES] = {0}, line[DS_IMPORT_FAMILIES] = {0}, best = 0;
	char words[DS_IMPORT_FAMILIES][64], word[64];
	size_t at = 0;

	for (int number = 1; at < length; number++) {
		int family;

		at += first_word(text + at, length - at, word);
		family = family_of(word);
		if (family < 0)
			continue;
		if (score[family]++ == 0) {
			line[family] = number;
			memcpy(words[family], word, sizeof(word));
		}
	}
	for (int family = 1; family < DS_IMPORT_FAMILIES; family++)
		if (score[family] > score[best])
			best = family;
	if (score[best] == 0)
		return by_name(name, told_by);
	snprintf(told_by, 160, "'%s' in line %d is its word", words[best], line[best]);
	return (enum ds_import_family)best;
}

/* ---- the daemon on the whole ---- */

static void hear(void *context, bool error, const char *file, int line, const char *text)
{
	struct ds_import *import = context;

	(void)file;
	fprintf(import->messages_out, "%s%.500s", error ? "error: " : "note: ", text);
	if (line > 0)
		fprintf(import->messages_out, " (line %d)", line);
	fputc('\n', import->messages_out);
}

/* All lines but those that make the reader read files, which fuzzing must not do. */
static bool read_lines(struct ds_import *import, struct ds_conf *conf)
{
	char *copy = strdup(import->text), *rest = copy, *line;
	bool good = copy != NULL;

	for (int number = 1; good && (line = strsep(&rest, "\n")) != NULL; number++)
		if (line[0] != '\0' && strncasecmp(line, "confdir", 7) != 0 &&
		    strncasecmp(line, "sourcedir", 9) != 0)
			good &= ds_conf_read_line(conf, line, number, hear, import);
	free(copy);
	return good;
}

static bool read_whole(struct ds_import *import, struct ds_conf *conf)
{
	int file = memfd_create("drivestamp.conf", MFD_CLOEXEC);
	char path[64];
	bool good;

	if (file < 0)
		return read_lines(import, conf);
	good = write(file, import->text, import->text_length) == (ssize_t)import->text_length;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	good = good && ds_conf_read_file(conf, path, hear, import);
	close(file);
	return good;
}

/* Every key that a line names has to be in the key file, or the daemon does not start. */
static bool check_keys(struct ds_import *import, const struct ds_conf *conf)
{
	struct ds_keys *keys;
	struct ds_conf_key key;
	char *copy;
	bool good;

	if (import->keys == NULL)
		return true;
	keys = calloc(1, sizeof(*keys));
	copy = strdup(import->keys);
	if (keys == NULL || copy == NULL)
		abort();
	good = ds_keys_parse(keys, copy, strlen(copy), "keys", hear, import);
	for (size_t i = 0; ds_conf_key(conf, i, &key); i++)
		good &= ds_keys_require(keys, key.id, key.file, key.line, hear, import);
	ds_keys_free(keys);
	free(keys);
	free(copy);
	return good;
}

/* Where there are sources with and without, those without had to agree with the others. */
static void advise_on_certificates(struct ds_import *import)
{
	int unkeyed = 0;

	for (size_t i = 0; i < import->conf->source_count; i++)
		unkeyed += import->conf->sources[i].key == 0;
	if (import->certified_dropped == 0 || unkeyed == 0 ||
	    import->conf->auth_select == DS_AUTH_SELECT_REQUIRE)
		return;
	ds_import_advise(
		import,
		"Decide: %d source%s authenticated by certificates, and %d that %s no key "
		"remain%s: nobody vouches for the time they tell. 'authselectmode require' has "
		"only sources with a key followed",
		import->certified_dropped, import->certified_dropped == 1 ? " was" : "s were",
		unkeyed, unkeyed == 1 ? "has" : "have", unkeyed == 1 ? "s" : "");
}

/* The unit gives what everybody needs; the rest is given by whoever wants it. */
static void advise_on_rights(struct ds_import *import)
{
	char paths[256];

	if (import->drop_ins != 0)
		ds_import_advise(
			import,
			"as drivestamp.service it needs rights that the unit does not give by "
			"itself: install -D -m 0644 -t " DS_IMPORT_UNIT_FOLDER " %s && "
			"systemctl daemon-reload",
			ds_import_drop_in_paths(import->drop_ins, DS_IMPORT_DROP_IN_FOLDER, paths));
}

static void finish(struct ds_import *import)
{
	struct ds_conf *conf = import->scratch;

	advise_on_certificates(import);
	fflush(import->out);
	ds_conf_defaults(conf);
	import->accepted = import->no_files ? read_lines(import, conf) : read_whole(import, conf);
	import->accepted &= ds_conf_check(conf, "the whole", hear, import);
	import->accepted &= check_keys(import, conf);
	fflush(import->messages_out);
	import->drop_ins = ds_import_drop_ins(conf);
	advise_on_rights(import);
}

/* ---- one file ---- */

static const struct ds_import_cut *const cuts[DS_IMPORT_FAMILIES] = {
	[DS_IMPORT_CHRONY] = &ds_import_cut_chrony,
	[DS_IMPORT_NTP] = &ds_import_cut_ntp,
	[DS_IMPORT_OPENNTPD] = &ds_import_cut_openntpd,
	[DS_IMPORT_TIMESYNCD] = &ds_import_cut_timesyncd,
};

/* timesyncd.conf(5): FILE.d, in the order of names, behind the file. */
static void drop_ins(struct ds_import *import, const char *name)
{
	char folder[1100];

	if (import->no_files || strlen(name) > 1000)
		return;
	snprintf(folder, sizeof(folder), "%s.d", name);
	ds_import_folder(import, &ds_import_cut_timesyncd, folder, ".conf");
}

static bool read_text(struct ds_import *import, const char *name, const char *text, size_t length,
		      enum ds_import_family family)
{
	if (family == DS_IMPORT_FAMILIES)
		family = ds_import_guess(name, text, length, import->told_by);
	else
		snprintf(import->told_by, sizeof(import->told_by), "so it was said");
	import->family = family;
	fprintf(import->out, "# %.200s (%s), imported by drivestamp " DS_VERSION "\n", name,
		ds_import_families[family]);
	if (family == DS_IMPORT_NTPD_RS) {
		ds_import_ntpd_rs(import, name, text, length);
	} else {
		ds_import_lines(import, name, text, length, cuts[family], false);
		if (family == DS_IMPORT_TIMESYNCD)
			drop_ins(import, name);
		switch (family) {
		case DS_IMPORT_CHRONY:
			ds_import_chrony(import);
			break;
		case DS_IMPORT_NTP:
			ds_import_ntp(import);
			break;
		case DS_IMPORT_OPENNTPD:
			ds_import_openntpd(import);
			break;
		default:
			ds_import_timesyncd(import);
		}
	}
	if (!import->failed)
		finish(import);
	return !import->failed;
}

bool ds_import_text(struct ds_import *import, const char *name, const char *text, size_t length,
		    enum ds_import_family family)
{
	import->no_files = true;
	return read_text(import, name, text, length, family);
}

bool ds_import_file(struct ds_import *import, const char *path, enum ds_import_family family)
{
	size_t length;
	char why[256], *text = ds_import_slurp(path, &length, why);
	bool good;

	if (text == NULL) {
		import->failed = true;
		snprintf(import->failure, sizeof(import->failure), "%s", why);
		return false;
	}
	good = read_text(import, path, text, length, family);
	free(text);
	return good;
}
