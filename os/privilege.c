/*
 * privilege: setresuid() with the capabilities that stay kept by PR_SET_KEEPCAPS, then a look at
 * what is really in force. The system calls by name, without libcap; a simulator that only
 * pretends to change the user (and says that user is 0) is left in peace.
 */
#include "os/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <linux/capability.h>

/* glibc and musl have them; only libcap declares them. */
extern int capget(cap_user_header_t header, cap_user_data_t data);
extern int capset(cap_user_header_t header, cap_user_data_t data);

static int fail(char why[DS_WHY], const char *what, const char *which)
{
	int error = errno ? errno : EPERM;

	snprintf(why, DS_WHY, "%s %s: %s", what, which, strerror(error));
	return -error;
}

static bool holds(const struct __user_cap_data_struct data[2], int capability)
{
	return (data[capability / 32].effective & 1U << capability % 32) != 0;
}

static int get_caps(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	memset(data, 0, 2 * sizeof(data[0]));
	return capget(&header, data);
}

bool ds_privilege_may_set_clock(void)
{
	struct __user_cap_data_struct data[2];

	return get_caps(data) == 0 && holds(data, CAP_SYS_TIME);
}

/* What we hold now and may keep. */
static uint32_t wanted_caps(bool steer, bool bind_low_ports)
{
	struct __user_cap_data_struct now[2];
	uint32_t wanted = 0;

	if (get_caps(now) < 0)
		return 0;
	if (steer)
		wanted |= now[0].permitted & 1U << CAP_SYS_TIME;
	if (bind_low_ports)
		wanted |= now[0].permitted & 1U << CAP_NET_BIND_SERVICE;
	return wanted;
}

static int set_caps(uint32_t wanted)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{wanted, wanted, 0}, {0, 0, 0}};

	return capset(&header, data);
}

static int become(const struct passwd *pw)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -1;
	if (initgroups(pw->pw_name, pw->pw_gid) < 0)
		return -1;
	if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0)
		return -1;
	return setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid);
}

/* The proof: all three ids, and no capability besides those wanted. */
static bool is_done(const struct passwd *pw, uint32_t wanted)
{
	struct __user_cap_data_struct now[2];
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0 || get_caps(now) < 0)
		return false;
	if (r != pw->pw_uid || e != r || s != r || rg != pw->pw_gid || eg != rg || sg != rg)
		return false;
	return now[0].permitted == wanted && now[0].effective == wanted && now[1].permitted == 0 &&
	       now[1].effective == 0;
}

static int give_up(const struct passwd *pw, bool steer, bool bind_low_ports, char why[DS_WHY])
{
	const uint32_t wanted = wanted_caps(steer, bind_low_ports);

	if (pw->pw_uid != geteuid() && become(pw) < 0)
		return fail(why, "cannot become user", pw->pw_name);
	if (set_caps(wanted) < 0)
		return fail(why, "cannot set the capabilities of", pw->pw_name);
	errno = EPERM;
	if (!is_done(pw, wanted))
		return fail(why, "rights are left over after becoming", pw->pw_name);
	return 0;
}

/* No user to become: the capabilities alone. */
static int keep_wanted(bool steer, bool bind_low_ports, char why[DS_WHY])
{
	if (set_caps(wanted_caps(steer, bind_low_ports)) < 0)
		return fail(why, "cannot give up", "capabilities");
	return 0;
}

static bool nothing_to_give_up(void)
{
	struct __user_cap_data_struct now[2];

	return geteuid() != 0 && get_caps(now) == 0 && !now[0].permitted && !now[1].permitted;
}

int ds_privilege_drop(const char *user, bool steer, bool bind_low_ports, char why[DS_WHY])
{
	const struct passwd *pw;
	int error = 0;

	why[0] = '\0';
	if (user && *user && strcmp(user, "root") != 0) {
		errno = 0;
		pw = getpwnam(user);
		if (!pw) {
			errno = errno ? errno : ENOENT;
			return fail(why, "no such user:", user);
		}
		if (pw->pw_uid != 0 && !nothing_to_give_up())
			error = give_up(pw, steer, bind_low_ports, why);
	} else if (geteuid() != 0 && !nothing_to_give_up()) /* a service manager gave us some */
		error = keep_wanted(steer, bind_low_ports, why);
	if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		error = fail(why, "cannot set", "no_new_privs");
	return error;
}

int ds_privilege_forgo_clock(char why[DS_WHY])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	const uint32_t bit = 1U << CAP_SYS_TIME;

	why[0] = '\0';
	/* Without CAP_SETPCAP nothing leaves the bounding set; no_new_privs keeps it from us then.
	 */
	prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(why, "cannot set", "no_new_privs");
	if (get_caps(data) < 0)
		return fail(why, "cannot read", "the capabilities");
	if (!((data[0].permitted | data[0].effective | data[0].inheritable) & bit))
		return 0;
	data[0].permitted &= ~bit;
	data[0].effective &= ~bit;
	data[0].inheritable &= ~bit;
	if (capset(&header, data) < 0)
		return fail(why, "cannot give up", "CAP_SYS_TIME");
	errno = EPERM;
	return ds_privilege_may_set_clock() ? fail(why, "cannot give up", "CAP_SYS_TIME") : 0;
}
