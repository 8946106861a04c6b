/* pps: see pps.h. */
#include "os/pps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/pps.h>

#define NS_PER_S INT64_C(1000000000)

static int fail(struct ds_pps *pps, const char *path, const char *what, char why[DS_WHY])
{
	int error = errno ? errno : EINVAL;

	snprintf(why, DS_WHY, "%s: %s: %s%s", path, what, strerror(error),
		 error == ENOTTY ? " (no PPS device)" : "");
	ds_pps_close(pps);
	return -error;
}

static int fetch(int fd, struct pps_fdata *data)
{
	memset(data, 0, sizeof *data); /* a timeout of 0: what is there now */
	return ioctl(fd, PPS_FETCH, data);
}

static uint32_t sequence(const struct ds_pps *pps, const struct pps_fdata *data)
{
	return pps->clear ? data->info.clear_sequence : data->info.assert_sequence;
}

int ds_pps_open(struct ds_pps *pps, const char *path, bool clear, char why[DS_WHY])
{
	const int edge = clear ? PPS_CAPTURECLEAR : PPS_CAPTUREASSERT;
	struct pps_kparams parameters;
	struct pps_fdata data;
	int mode = 0;

	*pps = (struct ds_pps){.fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK), .clear = clear};
	if (pps->fd < 0)
		return fail(pps, path, "cannot open", why);
	if (ioctl(pps->fd, PPS_GETCAP, &mode) < 0)
		return fail(pps, path, "cannot ask what it can do", why);
	if (!(mode & edge)) {
		errno = EOPNOTSUPP;
		return fail(pps, path, clear ? "falling edges" : "rising edges", why);
	}
	if (ioctl(pps->fd, PPS_GETPARAMS, &parameters) < 0)
		return fail(pps, path, "cannot read its parameters", why);
	/* Somebody else (gpsd) may want the other edge. */
	parameters.api_version = PPS_API_VERS;
	parameters.mode |= edge | PPS_TSFMT_TSPEC;
	parameters.mode &= ~(PPS_TSFMT_NTPFP | (clear ? PPS_OFFSETCLEAR : PPS_OFFSETASSERT));
	if (ioctl(pps->fd, PPS_SETPARAMS, &parameters) < 0)
		return fail(pps, path, "cannot have pulses stamped", why);
	if (fetch(pps->fd, &data) < 0)
		return fail(pps, path, "cannot fetch a pulse", why);
	pps->sequence = sequence(pps, &data);
	return 0;
}

void ds_pps_close(struct ds_pps *pps)
{
	if (pps->fd >= 0)
		close(pps->fd);
	pps->fd = -1;
}

enum ds_refresult ds_pps_read(struct ds_pps *pps, struct ds_refsample *sample)
{
	const struct pps_ktime *t;
	struct pps_fdata data;
	uint32_t edges;

	if (fetch(pps->fd, &data) < 0)
		return errno == EINTR || errno == ETIMEDOUT ? DS_REF_NOTHING : DS_REF_FAILED;
	if (sequence(pps, &data) == pps->sequence)
		return DS_REF_NOTHING;
	edges = sequence(pps, &data) - pps->sequence;
	pps->sequence += edges;
	t = pps->clear ? &data.info.clear_tu : &data.info.assert_tu;
	if (t->sec < 0 || t->sec > DS_REFSAMPLE_SECONDS_MAX - 1 || t->nsec < 0 ||
	    t->nsec >= NS_PER_S)
		return DS_REF_BAD;
	*sample = (struct ds_refsample){
		.local_ns = t->sec * NS_PER_S + t->nsec,
		.reference_ns = (t->sec + (t->nsec >= NS_PER_S / 2)) * NS_PER_S,
		.pulse = true,
		.edges = edges,
		.kernel = true,
	};
	return DS_REF_SAMPLE;
}
