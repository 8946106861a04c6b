/* sock_clock: see sock_clock.h. */
#include "os/sock_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NS_PER_S     INT64_C(1000000000)
#define LEAP_UNKNOWN 3

static int fail(struct ds_sock_clock *sock, const char *what, char why[DS_WHY])
{
	int error = errno ? errno : EINVAL;

	snprintf(why, DS_WHY, "%s %s: %s", what, sock->path, strerror(error));
	if (sock->fd >= 0)
		close(sock->fd);
	sock->fd = -1;
	return -error;
}

/* Something is there already: a socket that nobody listens at makes place, nothing else does. */
static bool make_place(const struct sockaddr_un *address)
{
	struct stat status;
	int probe;
	bool in_use;

	if (lstat(address->sun_path, &status) < 0)
		return errno == ENOENT;
	if (!S_ISSOCK(status.st_mode)) {
		errno = EEXIST;
		return false;
	}
	probe = socket(AF_UNIX, SOCK_DGRAM, 0);
	in_use = probe >= 0 &&
		 connect(probe, (const struct sockaddr *)address, sizeof *address) == 0;
	if (probe >= 0)
		close(probe);
	if (in_use) {
		errno = EADDRINUSE;
		return false;
	}
	return unlink(address->sun_path) == 0;
}

/* Bound with no right for anybody but us, and only then opened to others. */
static bool bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t before = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)address, sizeof *address);

	umask(before);
	return rc == 0;
}

int ds_sock_clock_open(struct ds_sock_clock *sock, const char *path,
		       const struct ds_sock_owner *owner, char why[DS_WHY])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;

	sock->fd = -1;
	snprintf(sock->path, sizeof sock->path, "%s", path);
	errno = ENAMETOOLONG;
	if (strlen(path) >= sizeof address.sun_path)
		return fail(sock, "cannot make socket", why);
	memcpy(address.sun_path, path, strlen(path) + 1);
	sock->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (sock->fd < 0 || fcntl(sock->fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(sock->fd, F_SETFL, O_NONBLOCK) < 0)
		return fail(sock, "cannot make socket", why);
	if (!make_place(&address))
		return fail(sock, "cannot take the place of", why);
	if (!bind_private(sock->fd, &address))
		return fail(sock, "cannot make socket", why);
	if (lstat(path, &status) < 0 ||
	    ((owner->uid != (uid_t)-1 || owner->gid != (gid_t)-1) &&
	     lchown(path, owner->uid, owner->gid) < 0) ||
	    chmod(path, owner->perm) < 0) {
		int rc = fail(sock, "cannot give others the right to", why);

		unlink(path);
		return rc;
	}
	sock->device = status.st_dev;
	sock->inode = status.st_ino;
	return 0;
}

bool ds_sock_clock_is_gone(const struct ds_sock_clock *sock)
{
	struct stat status;

	if (lstat(sock->path, &status) < 0)
		return errno == ENOENT;
	return status.st_dev != sock->device || status.st_ino != sock->inode;
}

void ds_sock_clock_close(struct ds_sock_clock *sock)
{
	struct stat status;

	if (sock->fd < 0)
		return;
	close(sock->fd);
	sock->fd = -1;
	if (lstat(sock->path, &status) == 0 && status.st_dev == sock->device &&
	    status.st_ino == sock->inode)
		unlink(sock->path);
}

enum ds_refresult ds_sock_clock_decode(const void *data, size_t length, struct ds_refsample *sample)
{
	struct ds_refsample s = {.local_ns = 0};
	struct ds_sock_message m;
	double offset_ns;

	if (length != sizeof m)
		return DS_REF_BAD;
	memcpy(&m, data, sizeof m);
	if (m.magic != DS_SOCK_CLOCK_MAGIC || m.tv.tv_sec < 0 ||
	    m.tv.tv_sec > DS_REFSAMPLE_SECONDS_MAX || m.tv.tv_usec < 0 || m.tv.tv_usec >= 1000000 ||
	    m.leap < 0 || m.leap > LEAP_UNKNOWN)
		return DS_REF_BAD;
	offset_ns = m.offset_s * 1e9;
	/* also false for what is no number */
	if (!(fabs(offset_ns) < (double)(DS_REFSAMPLE_SECONDS_MAX * NS_PER_S)))
		return DS_REF_BAD;
	if (m.leap == LEAP_UNKNOWN)
		return DS_REF_UNSYNCHRONISED;
	s.local_ns = (int64_t)m.tv.tv_sec * NS_PER_S + (int64_t)m.tv.tv_usec * 1000;
	s.reference_ns = s.local_ns + llrint(offset_ns);
	s.pulse = m.pulse != 0;
	s.leap = (uint8_t)m.leap;
	if (s.reference_ns < 0 || s.reference_ns > DS_REFSAMPLE_SECONDS_MAX * NS_PER_S)
		return DS_REF_BAD;
	*sample = s;
	return DS_REF_SAMPLE;
}

enum ds_refresult ds_sock_clock_read(struct ds_sock_clock *sock, struct ds_refsample *sample)
{
	uint8_t bytes[sizeof(struct ds_sock_message) + 1]; /* one more: too long shows */
	ssize_t n = recv(sock->fd, bytes, sizeof bytes, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? DS_REF_NOTHING : DS_REF_FAILED;
	return ds_sock_clock_decode(bytes, (size_t)n, sample);
}
