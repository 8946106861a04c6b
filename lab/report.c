/* report: what the three reports share; see the header. */
#include "lab/report.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *ds_report_number(double value, char buffer[DS_REPORT_NUMBER])
{
	/* No figure of ours is near that; longer ones would not fit. */
	if (!isfinite(value) || fabs(value) >= 1e27)
		snprintf(buffer, DS_REPORT_NUMBER, "null");
	else
		snprintf(buffer, DS_REPORT_NUMBER, "%.1f", value);
	return strcmp(buffer, "-0.0") == 0 ? buffer + 1 : buffer;
}

const char *ds_report_share(double share, char buffer[DS_REPORT_NUMBER])
{
	if (!isfinite(share) || fabs(share) >= 1e20)
		snprintf(buffer, DS_REPORT_NUMBER, "null");
	else
		snprintf(buffer, DS_REPORT_NUMBER, "%.4f", share);
	return strcmp(buffer, "-0.0000") == 0 ? buffer + 1 : buffer;
}

static int failed(char why[DS_LAB_WHY], int error, const char *path)
{
	snprintf(why, DS_LAB_WHY, "cannot write the report %.150s: %s", path, strerror(error));
	return -error;
}

/* Written and flushed; the stream stays open. */
static int fill(const struct ds_lab_result *result, FILE *out,
		bool (*report)(const struct ds_lab_result *result, FILE *out))
{
	errno = 0;
	if (!report(result, out) || fflush(out) != 0)
		return errno != 0 ? errno : EIO;
	return 0;
}

static int fill_descriptor(const struct ds_lab_result *result, int fd,
			   bool (*report)(const struct ds_lab_result *result, FILE *out))
{
	FILE *out = fdopen(fd, "w");

	if (!out) {
		int error = errno;
		close(fd);
		return error;
	}
	int error = fill(result, out, report);
	if (fclose(out) != 0 && error == 0)
		error = errno;
	return error;
}

/* A pipe or a device cannot be replaced by a file. */
static bool is_special(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

int ds_report_write(const struct ds_lab_result *result, const char *path,
		    bool (*report)(const struct ds_lab_result *result, FILE *out),
		    char why[DS_LAB_WHY])
{
	char beside[DS_LAB_PATH * 4];
	bool special = is_special(path);
	int error, fd;

	if (strcmp(path, "-") == 0) {
		error = fill(result, stdout, report);
		return error == 0 ? 0 : failed(why, error, "to standard output");
	}
	int length = snprintf(beside, sizeof(beside), special ? "%s" : "%s.%ld.part", path,
			      (long)getpid());
	if (length < 0 || (size_t)length >= sizeof(beside))
		return failed(why, ENAMETOOLONG, path);
	fd = open(beside, O_WRONLY | O_CLOEXEC | (special ? 0 : O_CREAT | O_EXCL), 0666);
	if (fd < 0)
		return failed(why, errno, path);
	error = fill_descriptor(result, fd, report);
	if (error == 0 && !special && rename(beside, path) != 0)
		error = errno;
	if (error != 0 && !special)
		unlink(beside);
	return error == 0 ? 0 : failed(why, error, path);
}
