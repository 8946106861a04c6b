/* refdriver: see refdriver.h. */
#include "daemon/refdriver.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int no_such(const char *what, const char *name, char why[DS_WHY])
{
	snprintf(why, DS_WHY, "no such %s: %s", what, name);
	return -ENOENT;
}

static int find_owner(const struct ds_conf_refclock *conf, struct ds_sock_owner *owner,
		      char why[DS_WHY])
{
	*owner = (struct ds_sock_owner){.perm = conf->perm, .uid = (uid_t)-1, .gid = (gid_t)-1};

	if (conf->owner[0] != '\0') {
		const struct passwd *user = getpwnam(conf->owner);

		if (user == NULL)
			return no_such("user", conf->owner, why);
		owner->uid = user->pw_uid;
	}
	if (conf->group[0] != '\0') {
		const struct group *group = getgrnam(conf->group);

		if (group == NULL)
			return no_such("group", conf->group, why);
		owner->gid = group->gr_gid;
	}
	return 0;
}

static int open_phc(struct ds_refdriver *d, char why[DS_WHY])
{
	const struct ds_phc_config config = {
		.path = d->conf->path,
		.nocrossts = d->conf->nocrossts,
		.extpps = d->conf->extpps,
		.clear = d->conf->clear,
		.pin = d->conf->pin,
		.channel = d->conf->channel,
	};

	return ds_phc_open(&d->phc, &config, why);
}

int ds_refdriver_open(struct ds_refdriver *d, const struct ds_conf_refclock *conf, char why[DS_WHY])
{
	int rc = find_owner(conf, &d->owner, why);

	d->conf = conf;
	d->open = false;
	return rc != 0 ? rc : ds_refdriver_reopen(d, why);
}

int ds_refdriver_reopen(struct ds_refdriver *d, char why[DS_WHY])
{
	const struct ds_conf_refclock *conf = d->conf;
	int rc = -ENOSYS;

	ds_refdriver_close(d);
	why[0] = '\0';
	switch (conf->driver) {
	case DS_REFCLOCK_SHM:
		rc = ds_shm_clock_open(&d->shm, conf->unit, conf->perm, why);
		break;
	case DS_REFCLOCK_SOCK:
		rc = ds_sock_clock_open(&d->sock, conf->path, &d->owner, why);
		break;
	case DS_REFCLOCK_PHC:
		rc = open_phc(d, why);
		break;
	case DS_REFCLOCK_PPS:
		rc = ds_pps_open(&d->pps, conf->path, conf->clear, why);
		break;
	case DS_REFCLOCK_RTC:
		rc = ds_rtc_open(&d->rtc, conf->path, conf->utc, why);
		break;
	default:
		break;
	}
	d->open = rc == 0;
	return rc;
}

void ds_refdriver_close(struct ds_refdriver *d)
{
	if (!d->open)
		return;
	d->open = false;
	switch (d->conf->driver) {
	case DS_REFCLOCK_SHM:
		ds_shm_clock_close(&d->shm);
		break;
	case DS_REFCLOCK_SOCK:
		ds_sock_clock_close(&d->sock);
		break;
	case DS_REFCLOCK_PHC:
		ds_phc_close(&d->phc);
		break;
	case DS_REFCLOCK_PPS:
		ds_pps_close(&d->pps);
		break;
	case DS_REFCLOCK_RTC:
		ds_rtc_close(&d->rtc);
		break;
	default:
		break;
	}
}

/* Does the path name what is open, and nothing else? An interface (no '/') is asked when it is
 * opened. */
static bool is_renamed(const char *path, int fd)
{
	struct stat named, opened;

	if (path[0] != '/' || fstat(fd, &opened) < 0)
		return false;
	if (stat(path, &named) < 0)
		return errno == ENOENT;
	return named.st_dev != opened.st_dev || named.st_ino != opened.st_ino ||
	       named.st_rdev != opened.st_rdev;
}

bool ds_refdriver_is_gone(const struct ds_refdriver *d)
{
	if (!d->open)
		return true;
	switch (d->conf->driver) {
	case DS_REFCLOCK_SHM:
		return ds_shm_clock_is_gone(&d->shm);
	case DS_REFCLOCK_SOCK:
		return ds_sock_clock_is_gone(&d->sock);
	case DS_REFCLOCK_PHC:
		return is_renamed(d->conf->path, d->phc.fd);
	case DS_REFCLOCK_PPS:
		return is_renamed(d->conf->path, d->pps.fd);
	case DS_REFCLOCK_RTC:
		return is_renamed(d->conf->path, d->rtc.fd);
	default:
		return false;
	}
}

int ds_refdriver_fd(const struct ds_refdriver *d)
{
	if (!d->open)
		return -1;
	switch (d->conf->driver) {
	case DS_REFCLOCK_SOCK:
		return d->sock.fd;
	case DS_REFCLOCK_RTC:
		return d->rtc.interrupts ? d->rtc.fd : -1;
	case DS_REFCLOCK_PHC:
		return d->phc.extpps ? d->phc.fd : -1;
	default:
		return -1;
	}
}

enum ds_refresult ds_refdriver_read(struct ds_refdriver *d, struct ds_refsample *sample)
{
	if (!d->open)
		return DS_REF_NOTHING;
	switch (d->conf->driver) {
	case DS_REFCLOCK_SHM:
		return ds_shm_clock_read(&d->shm, sample);
	case DS_REFCLOCK_SOCK:
		return ds_sock_clock_read(&d->sock, sample);
	case DS_REFCLOCK_PHC:
		return ds_phc_read(&d->phc, sample);
	case DS_REFCLOCK_PPS:
		return ds_pps_read(&d->pps, sample);
	case DS_REFCLOCK_RTC:
		return ds_rtc_read(&d->rtc, sample);
	default:
		return DS_REF_NOTHING;
	}
}

static const char *shm_silence(const struct ds_shm_clock *shm)
{
	switch (ds_shm_clock_others(shm)) {
	case 0:
		return "nobody else has this unit of shared memory: gpsd takes 0 and 1 as root; as "
		       "another user 2 and 3, which it cannot have unless it made them or the "
		       "line says perm=0666 (ipcs -m)";
	case -1:
		return "nobody writes this unit of shared memory (ntpshmmon, ipcs -m)";
	default:
		return "who has this unit of shared memory writes nothing: has the receiver a fix? "
		       "(ntpshmmon)";
	}
}

const char *ds_refdriver_silence(const struct ds_refdriver *d)
{
	switch (d->conf->driver) {
	case DS_REFCLOCK_SHM:
		return shm_silence(&d->shm);
	case DS_REFCLOCK_SOCK:
		return "nobody sends to this socket: gpsd looks for it only when it opens its "
		       "receiver; restart gpsd if it was started before drivestampd";
	case DS_REFCLOCK_PPS:
		return "no pulse comes (ppstest shows them)";
	case DS_REFCLOCK_PHC:
		if (d->conf->extpps)
			return "no pulse comes at this pin and channel of the card";
		return "the clock cannot be read";
	default:
		return "the clock cannot be read";
	}
}
