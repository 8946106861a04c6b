/* unix_socket: see unix_socket.h. */
#include "os/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/file.h"

#define WAITING 16 /* connections that are not accepted yet */

static int fail(char why[DS_WHY], const char *path, int error, const char *what)
{
	snprintf(why, DS_WHY, "%s: %s", path, what != NULL ? what : strerror(error));
	return -error;
}

/* Does anybody answer at this name? */
static bool is_in_use(const struct sockaddr_un *name, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool used = true;

	if (fd < 0)
		return true;
	if (connect(fd, (const struct sockaddr *)name, sizeof *name) != 0)
		used = errno != ECONNREFUSED;
	close(fd);
	return used;
}

static int clear_name(const struct sockaddr_un *name, int type, char why[DS_WHY])
{
	struct stat st;

	if (lstat(name->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : fail(why, name->sun_path, errno, NULL);
	if (!S_ISSOCK(st.st_mode))
		return fail(why, name->sun_path, EADDRINUSE, "there is a file that is no socket");
	if (is_in_use(name, type))
		return fail(why, name->sun_path, EADDRINUSE, "somebody listens there already");
	if (unlink(name->sun_path) != 0 && errno != ENOENT)
		return fail(why, name->sun_path, errno, NULL);
	return 0;
}

/* -1: as we are. */
static int find_owner(const struct ds_unix_socket *w, uid_t *uid, gid_t *gid, char why[DS_WHY])
{
	const struct passwd *pw;
	const struct group *gr;

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	if (w->user[0] != '\0' && strcmp(w->user, "root") != 0) {
		pw = getpwnam(w->user);
		if (pw == NULL)
			return fail(why, w->user, ESRCH, "no such user");
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
	}
	if (w->group[0] == '\0')
		return 0;
	gr = getgrnam(w->group);
	if (gr == NULL)
		return fail(why, w->group, EPERM, "no such group");
	*gid = gr->gr_gid;
	return 0;
}

static int folder_check(const char *path, uid_t uid, char why[DS_WHY])
{
	char folder[sizeof((struct sockaddr_un *)0)->sun_path];
	char *slash;

	snprintf(folder, sizeof folder, "%s", path);
	slash = strrchr(folder, '/');
	if (slash == folder)
		slash[1] = '\0';
	else
		*slash = '\0';
	return ds_directory_check(folder, uid == (uid_t)-1 ? geteuid() : uid, why);
}

static int make(const struct ds_unix_socket *w, const struct sockaddr_un *name, uid_t uid,
		gid_t gid, char why[DS_WHY])
{
	int fd = socket(AF_UNIX, w->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before;
	int error = 0;

	if (fd < 0)
		return fail(why, w->path, errno, NULL);
	/* Nobody gets in before it is whose it is to be. */
	before = umask(0777);
	if (bind(fd, (const struct sockaddr *)name, sizeof *name) != 0)
		error = errno;
	umask(before);
	if (error != 0) {
		close(fd);
		return fail(why, w->path, error, NULL);
	}
	/* A group that cannot be given is worth an error; our own user needs none. */
	if ((uid != (uid_t)-1 && uid != geteuid() && lchown(w->path, uid, (gid_t)-1) != 0) ||
	    (gid != (gid_t)-1 && gid != getegid() && lchown(w->path, (uid_t)-1, gid) != 0) ||
	    chmod(w->path, (mode_t)w->mode) != 0 ||
	    (w->type == SOCK_STREAM && listen(fd, WAITING) != 0)) {
		error = errno;
		unlink(w->path);
		close(fd);
		return fail(why, w->path, error, NULL);
	}
	return fd;
}

int ds_unix_socket_open(const struct ds_unix_socket *w, char why[DS_WHY])
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	uid_t uid;
	gid_t gid;
	int rc;

	why[0] = '\0';
	if (w->path[0] != '/' || strlen(w->path) >= sizeof name.sun_path)
		return fail(why, w->path, EINVAL, "no absolute path of at most 107 bytes");
	memcpy(name.sun_path, w->path, strlen(w->path));
	/* A folder that is not there is said before a user that is not. */
	rc = folder_check(w->path, geteuid(), why);
	if (rc == 0 || rc == -EPERM)
		rc = find_owner(w, &uid, &gid, why);
	if (rc == 0)
		rc = folder_check(w->path, uid, why);
	if (rc == 0)
		rc = clear_name(&name, w->type, why);
	return rc == 0 ? make(w, &name, uid, gid, why) : rc;
}

void ds_unix_socket_close(int fd, const char *path)
{
	close(fd);
	if (path != NULL)
		unlink(path);
}
