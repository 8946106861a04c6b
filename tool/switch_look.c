/* switch_look: see switch.h. It must never run a program, nor follow a root out of itself in words
 * that become commands: paths that are told are those of the machine that is looked at. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/doctor.h"
#include "tool/import.h"
#include "tool/switch.h"

/* Where each has what; the first that exists counts. NULL ends a list. */
static const struct {
	const char *process; /* as tool/doctor.h names it */
	const char *packages[4], *units[4], *configs[4], *drifts[4], *scripts[3];
} known[DS_SWITCH_KINDS] = {
	[DS_SWITCH_CHRONY] = {"chronyd",
			      {"chrony"},
			      {"chrony.service", "chronyd.service"},
			      {"/etc/chrony/chrony.conf", "/etc/chrony.conf"},
			      {"/var/lib/chrony/chrony.drift", "/var/lib/chrony/drift"},
			      {"/etc/init.d/chrony", "/etc/init.d/chronyd"}},
	[DS_SWITCH_NTPSEC] = {"ntpd",
			      {"ntpsec", "ntp"},
			      {"ntpsec.service", "ntp.service", "ntpd.service"},
			      {"/etc/ntpsec/ntp.conf", "/etc/ntp.conf"},
			      {"/var/lib/ntpsec/ntp.drift", "/var/lib/ntp/ntp.drift",
			       "/var/lib/ntp/drift"},
			      {"/etc/init.d/ntpsec", "/etc/init.d/ntp"}},
	[DS_SWITCH_OPENNTPD] = {"openntpd",
				{"openntpd"},
				{"openntpd.service"},
				{"/etc/openntpd/ntpd.conf", "/etc/ntpd.conf"},
				{"/var/lib/openntpd/db/ntpd.drift"},
				{"/etc/init.d/openntpd"}},
	[DS_SWITCH_TIMESYNCD] = {"systemd-timesyncd",
				 {"systemd-timesyncd"},
				 {"systemd-timesyncd.service"},
				 {"/etc/systemd/timesyncd.conf", "/usr/lib/systemd/timesyncd.conf"},
				 {NULL},
				 {NULL}},
	[DS_SWITCH_NTPD_RS] = {"ntpd-rs",
			       {"ntpd-rs"},
			       {"ntpd-rs.service"},
			       {"/etc/ntpd-rs/ntp.toml", "/etc/ntp.toml"},
			       {NULL},
			       {"/etc/init.d/ntpd-rs"}},
};

static const char *const unit_folders[] = {"/etc/systemd/system", "/usr/lib/systemd/system",
					   "/lib/systemd/system", NULL};

static bool exists(const struct ds_switch_facts *facts, const char *path)
{
	char below[DS_SWITCH_PATH * 2 + 64];
	struct stat is;

	snprintf(below, sizeof(below), "%s%s", facts->root, path);
	return lstat(below, &is) == 0;
}

static void first_that_exists(const struct ds_switch_facts *facts, const char *const *list,
			      int most, char found[DS_SWITCH_PATH])
{
	for (int i = 0; i < most && list[i] != NULL && found[0] == '\0'; i++)
		if (exists(facts, list[i]))
			snprintf(found, DS_SWITCH_PATH, "%s", list[i]);
}

/* ---- dpkg ---- */

/* Its database is a file of paragraphs (deb-control(5)); `found` is called for each package that is
 * installed. */
static void read_dpkg(struct ds_switch_facts *facts,
		      void (*found)(struct ds_switch_facts *facts, const char *package))
{
	char path[DS_SWITCH_PATH + 32], package[64] = "", *line = NULL;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/var/lib/dpkg/status", facts->root);
	file = fopen(path, "re");
	facts->dpkg = file != NULL;
	while (file != NULL && getline(&line, &room, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "Package: ", 9) == 0)
			snprintf(package, sizeof(package), "%.63s", line + 9);
		else if (strcmp(line, "Status: install ok installed") == 0 ||
			 strcmp(line, "Status: hold ok installed") == 0)
			found(facts, package);
	}
	free(line);
	if (file != NULL)
		fclose(file);
}

static void note_package(struct ds_switch_facts *facts, const char *package)
{
	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++)
		for (int i = 0; i < 4 && known[kind].packages[i] != NULL; i++)
			if (strcmp(known[kind].packages[i], package) == 0) {
				facts->daemons[kind].installed = true;
				snprintf(facts->daemons[kind].package,
					 sizeof(facts->daemons[kind].package), "%.31s", package);
			}
	facts->ours.tools |= strcmp(package, "drivestamp-tools") == 0;
	facts->ours.package |= strcmp(package, "drivestamp") == 0;
}

/* ---- systemd ---- */

static bool has_unit(const struct ds_switch_facts *facts, const char *unit)
{
	char path[256];

	for (int i = 0; unit_folders[i] != NULL; i++) {
		snprintf(path, sizeof(path), "%s/%s", unit_folders[i], unit);
		if (exists(facts, path))
			return true;
	}
	return false;
}

/* Enabled is: a target in /etc wants it (systemctl(1)). */
static bool is_enabled(const struct ds_switch_facts *facts, const char *unit)
{
	char pattern[DS_SWITCH_PATH + 128];
	glob_t found = {.gl_pathc = 0};
	bool any;

	snprintf(pattern, sizeof(pattern), "%s/etc/systemd/system/*.wants/%s", facts->root, unit);
	any = glob(pattern, GLOB_NOSORT, NULL, &found) == 0 && found.gl_pathc > 0;
	globfree(&found);
	return any;
}

/* ---- the daemons ---- */

static void look_daemon(struct ds_switch_facts *facts, int kind)
{
	struct ds_switch_daemon *d = &facts->daemons[kind];

	first_that_exists(facts, known[kind].configs, 4, d->config);
	first_that_exists(facts, known[kind].drifts, 4, d->drift);
	first_that_exists(facts, known[kind].scripts, 3, d->init_script);
	for (int i = 0; i < 4 && known[kind].units[i] != NULL; i++) {
		if (d->unit[0] == '\0' && has_unit(facts, known[kind].units[i]))
			snprintf(d->unit, sizeof(d->unit), "%s", known[kind].units[i]);
		d->enabled |= is_enabled(facts, known[kind].units[i]);
	}
}

/* Of processes and ports, by what `drivestamp doctor` sees. */
static void look_running(struct ds_switch_facts *facts)
{
	struct ds_doctor_facts *doctor = calloc(1, sizeof(*doctor));

	if (doctor == NULL)
		abort();
	ds_doctor_look_host(doctor);
	facts->port_open = doctor->ports[0].open;
	snprintf(facts->port_owner, sizeof(facts->port_owner), "%s", doctor->ports[0].owner);
	for (int i = 0; i < doctor->process_count; i++) {
		const struct ds_doctor_process *p = &doctor->processes[i];

		if (strcmp(p->name, "drivestampd") == 0)
			facts->ours.pid = p->pid;
		facts->gpsd |= strcmp(p->name, "gpsd") == 0;
		for (int kind = 0; kind < DS_SWITCH_KINDS; kind++) {
			size_t length = strlen(known[kind].process);

			if (strcmp(p->name, known[kind].process) != 0)
				continue;
			facts->daemons[kind].pid = p->pid;
			facts->daemons[kind].holds_port |=
				strncmp(facts->port_owner, p->name, length) == 0 &&
				facts->port_owner[length] == '[';
		}
	}
	free(doctor);
}

/* OpenNTPD's program is ntpd as well, where no package renamed it. */
static void tell_ntpd_apart(struct ds_switch_facts *facts)
{
	struct ds_switch_daemon *ntp = &facts->daemons[DS_SWITCH_NTPSEC];
	struct ds_switch_daemon *open = &facts->daemons[DS_SWITCH_OPENNTPD];

	if (ntp->pid != 0 && ntp->config[0] == '\0' && open->config[0] != '\0') {
		open->pid = ntp->pid;
		open->holds_port = ntp->holds_port;
		ntp->pid = 0;
		ntp->holds_port = false;
	}
}

/* ---- what stands beside it ---- */

static void look_hooks(struct ds_switch_facts *facts)
{
	static const char *const patterns[] = {"/etc/dhcp/dhclient-exit-hooks.d/%s",
					       "/etc/NetworkManager/dispatcher.d/*%s*",
					       "/usr/lib/NetworkManager/dispatcher.d/*%s*",
					       "/etc/network/if-up.d/%s",
					       "/etc/ppp/ip-up.d/%s",
					       "/etc/letsencrypt/renewal-hooks/deploy/%s"};
	static const char *const names[] = {"chrony", "ntpsec", "ntp", "openntpd", "timesyncd"};
	char pattern[DS_SWITCH_PATH * 2], below[DS_SWITCH_PATH];

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
			glob_t found = {.gl_pathc = 0};
			const char *star = strchr(patterns[i], '%');

			snprintf(below, sizeof(below), "%.*s%s%s", (int)(star - patterns[i]),
				 patterns[i], names[n], star + 2);
			snprintf(pattern, sizeof(pattern), "%s%s", facts->root, below);
			if (glob(pattern, 0, NULL, &found) == 0)
				for (size_t f = 0;
				     f < found.gl_pathc && facts->hook_count < DS_SWITCH_HOOKS; f++)
					snprintf(facts->hooks[facts->hook_count++], DS_SWITCH_PATH,
						 "%.255s", found.gl_pathv[f] + strlen(facts->root));
			globfree(&found);
		}
}

/* A line of the old configuration that begins with the word; its second word, or "". */
static bool config_says(const struct ds_switch_facts *facts, const char *config, const char *word)
{
	char path[DS_SWITCH_PATH * 2], *line = NULL;
	size_t room = 0, length = strlen(word);
	bool said = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", facts->root, config);
	file = config[0] != '\0' ? fopen(path, "re") : NULL;
	while (file != NULL && !said && getline(&line, &room, file) > 0) {
		const char *at = line + strspn(line, " \t");

		said = strncasecmp(at, word, length) == 0 &&
		       (at[length] == ' ' || at[length] == '\t');
	}
	free(line);
	if (file != NULL)
		fclose(file);
	return said;
}

/* Is it told as it stands in a command of a step? What a shell would take for more is not. */
static bool is_plain(const char *path)
{
	return path[strspn(
		       path,
		       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+@-")] ==
	       '\0';
}

/* `keyfile PATH`: the last that is there. */
static void look_keys(struct ds_switch_facts *facts)
{
	char path[DS_SWITCH_PATH * 2], *line = NULL, file[DS_SWITCH_PATH];
	const char *config = facts->daemons[DS_SWITCH_CHRONY].config;
	size_t room = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s%s", facts->root, config);
	in = config[0] != '\0' ? fopen(path, "re") : NULL;
	while (in != NULL && getline(&line, &room, in) > 0)
		if (sscanf(line, " keyfile %255s", file) == 1 && is_plain(file) &&
		    exists(facts, file))
			snprintf(facts->chrony_keys, sizeof(facts->chrony_keys), "%s", file);
	free(line);
	if (in != NULL)
		fclose(in);
}

/* `refclock SOCK PATH`: gpsd writes to it. */
static void look_sockets(struct ds_switch_facts *facts)
{
	char path[DS_SWITCH_PATH * 2], *line = NULL, socket[DS_SWITCH_PATH];
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", facts->root, facts->daemons[DS_SWITCH_CHRONY].config);
	file = facts->daemons[DS_SWITCH_CHRONY].config[0] != '\0' ? fopen(path, "re") : NULL;
	while (file != NULL && getline(&line, &room, file) > 0)
		if (sscanf(line, " refclock SOCK %255[^ :\n]", socket) == 1 &&
		    facts->socket_count < DS_SWITCH_SOCKETS)
			snprintf(facts->sockets[facts->socket_count++], DS_SWITCH_PATH, "%s",
				 socket);
	free(line);
	if (file != NULL)
		fclose(file);
}

static void look_ours(struct ds_switch_facts *facts)
{
	static const char *const programs[] = {"/usr/sbin/drivestampd",
					       "/usr/local/sbin/drivestampd",
					       "/usr/bin/drivestampd", NULL};

	first_that_exists(facts, programs, 4, facts->ours.program);
	facts->ours.unit = has_unit(facts, "drivestamp.service");
	facts->ours.config = exists(facts, "/etc/drivestamp/drivestamp.conf");
}

/* Imported, and nothing kept of it but this. Below a root, what it includes is not followed: those
 * are names of files of this machine. */
static void look_rights(struct ds_switch_facts *facts, int kind)
{
	static const enum ds_import_family families[DS_SWITCH_KINDS] = {
		DS_IMPORT_CHRONY, DS_IMPORT_NTP, DS_IMPORT_OPENNTPD, DS_IMPORT_TIMESYNCD,
		DS_IMPORT_NTPD_RS};
	const char *config = facts->daemons[kind].config;
	struct ds_import *import;
	char path[DS_SWITCH_PATH * 2], why[256], *text;
	size_t length;

	if (config[0] == '\0')
		return;
	snprintf(path, sizeof(path), "%s%s", facts->root, config);
	import = ds_import_new();
	if (facts->root[0] == '\0') {
		ds_import_file(import, path, families[kind]);
	} else {
		text = ds_import_slurp(path, &length, why);
		if (text != NULL)
			ds_import_text(import, config, text, length, families[kind]);
		free(text);
	}
	facts->drop_ins[kind] = import->drop_ins;
	ds_import_free(import);
}

void ds_switch_look(struct ds_switch_facts *facts, const char *root)
{
	memset(facts, 0, sizeof(*facts));
	if (root != NULL && strcmp(root, "/") != 0)
		snprintf(facts->root, sizeof(facts->root), "%.200s", root);
	facts->is_root = geteuid() == 0;
	facts->systemd = facts->root[0] == '\0' ? exists(facts, "/run/systemd/system")
						: exists(facts, "/usr/lib/systemd/systemd") ||
							  exists(facts, "/lib/systemd/systemd");
	facts->container = exists(facts, "/.dockerenv") || exists(facts, "/run/.containerenv") ||
			   exists(facts, "/run/systemd/container");
	read_dpkg(facts, note_package);
	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++)
		look_daemon(facts, kind);
	if (facts->root[0] == '\0') {
		look_running(facts);
		tell_ntpd_apart(facts);
	}
	look_hooks(facts);
	look_sockets(facts);
	look_keys(facts);
	look_ours(facts);
	for (int kind = 0; kind < DS_SWITCH_KINDS; kind++)
		look_rights(facts, kind);
	facts->has_keys = config_says(facts, facts->daemons[DS_SWITCH_NTPSEC].config, "keys");
}
