/* confine: see confine.h. */
#include "daemon/confine.h"

#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/log.h"
#include "os/notify.h"
#include "os/sandbox.h"

/* Folders of files that are replaced, removed, or looked for again. */
struct folders {
	char path[DS_SANDBOX_PATHS][DS_CONF_PATH];
	int count;
};

static const char *folder_of(struct folders *f, const char *path)
{
	char *at = f->path[f->count];
	char *slash;

	if (path[0] == '\0' || f->count >= DS_SANDBOX_PATHS)
		return "";
	f->count++;
	snprintf(at, DS_CONF_PATH, "%s", path);
	slash = strrchr(at, '/');
	if (slash == NULL)
		return ".";
	slash[slash == at ? 1 : 0] = '\0';
	return at;
}

static void written_folders(const struct ds_conf *conf, struct folders *f, struct ds_sandbox *s)
{
	ds_sandbox_write(s, folder_of(f, conf->drift_file));
	ds_sandbox_write(s, folder_of(f, conf->pid_file));
	ds_sandbox_write(s, folder_of(f, conf->bound_file));
	ds_sandbox_write(s, folder_of(f, conf->rtc_file));
	ds_sandbox_write(s, folder_of(f, conf->control_socket));
	ds_sandbox_write(s, folder_of(f, conf->cmd_socket));
	ds_sandbox_write(s, conf->log_dir[0] != '\0' ? conf->log_dir : ".");
}

static void read_folders(const struct ds_conf *conf, struct folders *f, struct ds_sandbox *s)
{
	for (int i = 0; i < conf->source_dir_count; i++)
		ds_sandbox_read(s, conf->source_dirs[i]);
	ds_sandbox_read(s, folder_of(f, conf->leap_list));
	ds_sandbox_read(s, folder_of(f, conf->hwclock_file));
	if (conf->card_count > 0 || conf->clock.path[0] != '\0' || conf->refclock_count > 0)
		ds_sandbox_read(s, "/sys");
}

/* A device that was unplugged comes back as another file of its folder; sockets are made anew. */
static void devices(const struct ds_conf *conf, struct folders *f, struct ds_sandbox *s)
{
	for (int i = 0; i < conf->refclock_count; i++) {
		const struct ds_conf_refclock *r = &conf->refclocks[i];

		if (r->driver == DS_REFCLOCK_SOCK)
			ds_sandbox_write(s, folder_of(f, r->path));
		else if (r->driver != DS_REFCLOCK_SHM)
			ds_sandbox_device(s, r->path[0] == '/' ? folder_of(f, r->path) : "/dev");
	}
	if (conf->card_count > 0 || conf->clock.path[0] != '\0')
		ds_sandbox_device(s, "/dev");
	if (conf->rtc_file[0] != '\0')
		ds_sandbox_device(s, "/dev");
}

/* Names may also come later, by an order or a folder of sources: where there is a socket by which
 * to order, or such a folder. */
static bool may_resolve(const struct ds_daemon *d)
{
	if (d->control.fd >= 0 || d->commanding.fds[0] >= 0 || d->conf.source_dir_count > 0)
		return true;
	for (uint32_t i = 0; i < d->sources.group_count; i++)
		if (!d->sources.groups[i].numeric)
			return true;
	return false;
}

void ds_confine(const struct ds_daemon *d, const char *log_file)
{
	static struct folders folders;
	struct ds_sandbox sandbox = {.resolves = may_resolve(d),
				     .sets_clock = d->steer && d->clock.kind != DS_CLOCK_VIRTUAL,
				     .abstract = ds_notify_is_abstract()};
	bool files = d->conf.sandbox == DS_SANDBOX_ALL || d->conf.sandbox == DS_SANDBOX_LANDLOCK;
	bool calls = d->conf.sandbox == DS_SANDBOX_ALL || d->conf.sandbox == DS_SANDBOX_SECCOMP;
	char why[DS_WHY];

	written_folders(&d->conf, &folders, &sandbox);
	if (log_file != NULL) /* opened anew when it was rotated */
		ds_sandbox_write(&sandbox, folder_of(&folders, log_file));
	read_folders(&d->conf, &folders, &sandbox);
	devices(&d->conf, &folders, &sandbox);
	if (files && ds_sandbox_landlock(&sandbox, why) != 0) {
		ds_log(DS_LOG_NOTICE, "sandbox: %s; files are not confined", why);
		files = false;
	}
	if (calls && ds_sandbox_seccomp(&sandbox, why) != 0) {
		ds_log(DS_LOG_NOTICE, "sandbox: %s; system calls are not confined", why);
		calls = false;
	}
	if (files || calls)
		ds_log(DS_LOG_INFO, "sandbox: %s%s%s confined", files ? "files" : "",
		       files && calls ? " and " : "", calls ? "system calls" : "");
}
