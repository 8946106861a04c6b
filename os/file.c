/*
 * file: a temporary file in the same directory, made with O_EXCL and O_NOFOLLOW under a name
 * that cannot be guessed, and then rename() or link(), which are whole or not at all.
 */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/random.h"

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

/* Write text to a new file beside path; its name is left in `name`. */
static int write_beside(const char *path, const char *text, mode_t mode, char name[PATH_MAX])
{
	int fd, error;

	if (snprintf(name, PATH_MAX, "%s.%016" PRIx64, path, ds_random64()) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	error = write_all(fd, text, strlen(text));
	/* the umask may have taken bits that were asked for */
	if (!error && fchmod(fd, mode) < 0)
		error = -errno;
	if (!error && fsync(fd) < 0 && errno != EINVAL && errno != ENOSYS)
		error = -errno;
	if (close(fd) < 0 && !error)
		error = -errno;
	if (error)
		unlink(name);
	return error;
}

int ds_file_replace(const char *path, const char *text, mode_t mode)
{
	char name[PATH_MAX];
	int error = write_beside(path, text, mode, name);

	if (error)
		return error;
	if (rename(name, path) < 0) {
		error = -errno;
		unlink(name);
	}
	return error;
}

ssize_t ds_file_read(const char *path, char *buffer, size_t size)
{
	size_t used = 0;
	int fd;

	if (size == 0)
		return -EINVAL;
	buffer[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	while (used < size - 1) {
		ssize_t n = read(fd, buffer + used, size - 1 - used);
		int error = errno;

		if (n < 0 && error == EINTR)
			continue;
		if (n < 0) {
			buffer[0] = '\0';
			close(fd);
			return -error;
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	close(fd);
	buffer[used] = '\0';
	return (ssize_t)used;
}

/* The process a pid file names; 0 if it names none. */
static pid_t pid_in(const char *path)
{
	char text[32], *end;
	long pid;

	if (ds_file_read(path, text, sizeof(text)) <= 0)
		return 0;
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || end == text || (*end && *end != '\n') || pid <= 0 || pid > INT_MAX)
		return 0;
	return (pid_t)pid;
}

static bool alive(pid_t pid)
{
	return kill(pid, 0) == 0 || errno == EPERM;
}

int ds_pidfile_create(const char *path, char why[DS_WHY])
{
	char name[PATH_MAX], text[32];
	int error;
	pid_t other = pid_in(path);

	if (other && other != getpid() && alive(other)) {
		snprintf(why, DS_WHY, "another process (%ld) owns %s", (long)other, path);
		return -EEXIST;
	}
	snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (unlink(path) < 0 && errno != ENOENT) {
		error = -errno;
		snprintf(why, DS_WHY, "cannot remove the old %s: %s", path, strerror(-error));
		return error;
	}
	error = write_beside(path, text, 0644, name);
	/* link() fails where somebody else was faster; rename() would not */
	if (!error && link(name, path) < 0)
		error = -errno;
	if (error)
		snprintf(why, DS_WHY, "cannot write %s: %s", path, strerror(-error));
	unlink(name);
	return error;
}

void ds_pidfile_remove(const char *path)
{
	if (pid_in(path) == getpid())
		unlink(path);
}

void ds_file_mark(const char *path, struct ds_file_mark *mark)
{
	struct stat st;

	*mark = (struct ds_file_mark){0};
	if (stat(path, &st) != 0)
		return;
	mark->device = (uint64_t)st.st_dev;
	mark->inode = (uint64_t)st.st_ino;
	mark->size = (int64_t)st.st_size;
	mark->modified_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

static bool is_known(const struct ds_file_mark *mark)
{
	return mark->device != 0 || mark->inode != 0 || mark->modified_ns != 0;
}

bool ds_file_is_changed(const char *path, const struct ds_file_mark *mark)
{
	struct ds_file_mark now;

	ds_file_mark(path, &now);
	return is_known(mark) && is_known(&now) &&
	       (now.device != mark->device || now.inode != mark->inode || now.size != mark->size ||
		now.modified_ns != mark->modified_ns);
}

int ds_directory_check(const char *path, uid_t uid, char why[DS_WHY])
{
	struct stat st;

	why[0] = '\0';
	if (stat(path, &st) != 0) {
		int error = errno;

		snprintf(why, DS_WHY, "%s: %s", path, strerror(error));
		return -error;
	}
	if (!S_ISDIR(st.st_mode)) {
		snprintf(why, DS_WHY, "%s: is no folder", path);
		return -ENOTDIR;
	}
	if (st.st_uid != 0 && st.st_uid != uid) {
		snprintf(why, DS_WHY, "%s: belongs to user %u, not to root or user %u", path,
			 (unsigned)st.st_uid, (unsigned)uid);
		return -EPERM;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0) {
		snprintf(why, DS_WHY, "%s: others can write there (mode %03o)", path,
			 (unsigned)(st.st_mode & 0777));
		return -EPERM;
	}
	return 0;
}
