/* place_files: see place_rig.h. The hosts' folders where they are folders of this machine. It must
 * never write outside of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/place_rig.h"

static int refuse(char why[DS_LAB_WHY], int error, const char *what)
{
	snprintf(why, DS_LAB_WHY, "%.200s: %s", what, strerror(error));
	return -error;
}

int ds_place_files_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int error = mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
		*slash = '/';
		if (error != 0)
			return error;
	}
	return 0;
}

int ds_place_files_make(struct ds_place *place, char why[DS_LAB_WHY])
{
	const struct ds_lab_plan *plan = &place->plan;
	const char *base =
		plan->keep && plan->directory[0] != '\0' ? plan->directory : place->rig.directory;

	for (int i = 0; i < plan->hosts; i++) {
		char path[DS_PLACE_PATH];
		int length = snprintf(path, sizeof(path), "%s/%s/", base, plan->host[i].name);
		if (length >= DS_LAB_PATH)
			return refuse(why, ENAMETOOLONG, path);
		int error = ds_place_files_folders(path);
		if (error != 0)
			return refuse(why, -error, path);
		path[length - 1] = '\0';
		char *whole = realpath(path, NULL);
		if (!whole || strlen(whole) >= DS_LAB_PATH) {
			free(whole);
			return refuse(why, whole ? ENAMETOOLONG : errno, path);
		}
		snprintf(place->directory[i], sizeof(place->directory[i]), "%s", whole);
		free(whole);
	}
	return 0;
}

static int write_whole(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t length = write(fd, text, size);
		if (length < 0 && errno != EINTR)
			return -errno;
		text += length > 0 ? length : 0;
		size -= length > 0 ? (size_t)length : 0;
	}
	return 0;
}

void ds_place_files_path(const struct ds_place *place, int host, const char *name,
			 char path[DS_PLACE_PATH])
{
	snprintf(path, DS_PLACE_PATH, "%s/%s", place->directory[host], name);
}

int ds_place_files_put(struct ds_place *place, int host, const char *name, const char *text,
		       size_t size, bool executable, char why[DS_LAB_WHY])
{
	char path[DS_PLACE_PATH];
	int error, fd;

	ds_place_files_path(place, host, name, path);
	error = ds_place_files_folders(path);
	if (error != 0)
		return refuse(why, -error, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, executable ? 0700 : 0600);
	if (fd < 0)
		return refuse(why, errno, path);
	error = write_whole(fd, text, size);
	if (close(fd) != 0 && error == 0)
		error = -errno;
	return error != 0 ? refuse(why, -error, path) : 0;
}

int ds_place_files_get(struct ds_place *place, int host, const char *name, char **text,
		       size_t *size, char why[DS_LAB_WHY])
{
	char path[DS_PLACE_PATH];
	int error, fd;

	ds_place_files_path(place, host, name, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return refuse(why, errno, path);
	error = ds_place_read(fd, text, size);
	close(fd);
	return error != 0 ? refuse(why, -error, path) : 0;
}
