/* phc: see phc.h. */
#include "os/phc.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/ptp_clock.h>
#include <linux/sockios.h>

#define NS_PER_S     INT64_C(1000000000)
#define READINGS_MAX PTP_MAX_SAMPLES
#define NEAR_SHARE   1.5	    /* of the closest pair of stamps: others count as well */
#define RATE_SPAN_NS (NS_PER_S / 2) /* between two readings that give a rate */
#define RATE_MOST    1e-3	    /* beyond: one of the clocks was set */
#define PULSE_AGE_NS NS_PER_S

static int64_t ns_of(const struct ptp_clock_time *t)
{
	if (t->sec < 0 || t->sec > DS_REFSAMPLE_SECONDS_MAX - 1 || t->nsec >= NS_PER_S)
		return -1;
	return (int64_t)t->sec * NS_PER_S + t->nsec;
}

enum ds_refresult ds_phc_combine(const struct ds_phc_reading *readings, size_t count,
				 struct ds_refsample *sample)
{
	int64_t least_ns = INT64_MAX;
	const struct ds_phc_reading *first = NULL;
	double local = 0.0, offset = 0.0, half_width = 0.0;
	int used = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t width_ns = readings[i].after_ns - readings[i].before_ns;

		if (readings[i].before_ns >= 0 && readings[i].device_ns >= 0 && width_ns >= 0 &&
		    width_ns < least_ns) {
			least_ns = width_ns;
			first = &readings[i];
		}
	}
	if (first == NULL)
		return DS_REF_BAD;
	for (size_t i = 0; i < count; i++) {
		const struct ds_phc_reading *r = &readings[i];
		double width = (double)(r->after_ns - r->before_ns);

		if (r->before_ns < 0 || r->device_ns < 0 || width < 0 ||
		    width > NEAR_SHARE * (double)least_ns)
			continue;
		/* all as differences from the closest */
		local += (double)(r->before_ns - first->before_ns) + width / 2.0;
		offset += (double)((r->device_ns - r->before_ns) -
				   (first->device_ns - first->before_ns)) -
			  width / 2.0;
		half_width += width / 2.0;
		used++;
	}
	*sample = (struct ds_refsample){
		.local_ns = first->before_ns + llrint(local / used),
		.dispersion_ns = llrint(half_width / used),
		.kernel = true,
	};
	sample->reference_ns =
		sample->local_ns + (first->device_ns - first->before_ns) + llrint(offset / used);
	return DS_REF_SAMPLE;
}

/* ---- three ways to read ---- */

static enum ds_refresult read_precise(int fd, struct ds_refsample *sample)
{
	struct ptp_sys_offset_precise p;

	memset(&p, 0, sizeof p);
	if (ioctl(fd, PTP_SYS_OFFSET_PRECISE, &p) < 0)
		return DS_REF_FAILED;
	*sample = (struct ds_refsample){.local_ns = ns_of(&p.sys_realtime),
					.reference_ns = ns_of(&p.device),
					.kernel = true};
	return sample->local_ns < 0 || sample->reference_ns < 0 ? DS_REF_BAD : DS_REF_SAMPLE;
}

static enum ds_refresult read_extended(int fd, struct ds_refsample *sample)
{
	struct ds_phc_reading readings[DS_PHC_READINGS];
	struct ptp_sys_offset_extended e;

	memset(&e, 0, sizeof e);
	e.n_samples = DS_PHC_READINGS;
	if (ioctl(fd, PTP_SYS_OFFSET_EXTENDED, &e) < 0)
		return DS_REF_FAILED;
	for (size_t i = 0; i < DS_PHC_READINGS; i++)
		readings[i] = (struct ds_phc_reading){ns_of(&e.ts[i][0]), ns_of(&e.ts[i][1]),
						      ns_of(&e.ts[i][2])};
	return ds_phc_combine(readings, DS_PHC_READINGS, sample);
}

static enum ds_refresult read_plain(int fd, struct ds_refsample *sample)
{
	struct ds_phc_reading readings[DS_PHC_READINGS];
	struct ptp_sys_offset o;

	memset(&o, 0, sizeof o);
	o.n_samples = DS_PHC_READINGS;
	if (ioctl(fd, PTP_SYS_OFFSET, &o) < 0)
		return DS_REF_FAILED;
	for (size_t i = 0; i < DS_PHC_READINGS; i++)
		readings[i] = (struct ds_phc_reading){ns_of(&o.ts[2 * i]), ns_of(&o.ts[2 * i + 1]),
						      ns_of(&o.ts[2 * i + 2])};
	return ds_phc_combine(readings, DS_PHC_READINGS, sample);
}

static enum ds_refresult read_both(const struct ds_phc *phc, struct ds_refsample *sample)
{
	switch (phc->way) {
	case DS_PHC_PRECISE:
		return read_precise(phc->fd, sample);
	case DS_PHC_EXTENDED:
		return read_extended(phc->fd, sample);
	default:
		return read_plain(phc->fd, sample);
	}
}

/* ---- opening ---- */

static int fail(struct ds_phc *phc, const char *path, const char *what, char why[DS_WHY])
{
	int error = errno ? errno : EINVAL;

	snprintf(why, DS_WHY, "%s: %s: %s", path, what, strerror(error));
	ds_phc_close(phc);
	return -error;
}

/* The device of an interface's clock; false with errno. */
static bool find_device(const char *interface, char path[32])
{
	struct ethtool_ts_info info = {.cmd = ETHTOOL_GET_TS_INFO};
	struct ifreq request;
	bool found = false;
	int fd;

	memset(&request, 0, sizeof request);
	errno = ENODEV;
	if (strlen(interface) >= sizeof request.ifr_name)
		return false;
	memcpy(request.ifr_name, interface, strlen(interface) + 1);
	request.ifr_data = (char *)&info;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (ioctl(fd, SIOCETHTOOL, &request) == 0) {
		found = info.phc_index >= 0;
		errno = EOPNOTSUPP; /* a card without a clock */
	}
	snprintf(path, 32, "/dev/ptp%d", info.phc_index);
	close(fd);
	return found;
}

static bool request_pulses(const struct ds_phc *phc, const struct ds_phc_config *config)
{
	struct ptp_extts_request request = {.index = config->channel};
	struct ptp_pin_desc pin = {
		.index = config->pin, .func = PTP_PF_EXTTS, .chan = config->channel};
	struct ptp_clock_caps caps;

	memset(&caps, 0, sizeof caps);
	if (ioctl(phc->fd, PTP_CLOCK_GETCAPS, &caps) < 0)
		return false;
	/* a card without programmable pins has its inputs where they are */
	if (caps.n_pins > 0 && ioctl(phc->fd, PTP_PIN_SETFUNC, &pin) < 0)
		return false;
	request.flags = PTP_ENABLE_FEATURE;
	request.flags |= config->clear ? PTP_FALLING_EDGE : PTP_RISING_EDGE;
	return ioctl(phc->fd, PTP_EXTTS_REQUEST, &request) == 0;
}

int ds_phc_open(struct ds_phc *phc, const struct ds_phc_config *config, char why[DS_WHY])
{
	struct ds_refsample sample;
	const char *path = config->path;
	char device[32];
	int way;

	*phc = (struct ds_phc){.fd = -1, .extpps = config->extpps, .channel = config->channel};
	if (path[0] != '/') {
		if (!find_device(path, device))
			return fail(phc, path, "cannot find its PTP clock", why);
		path = device;
	}
	/* O_RDWR: newer kernels ask it of who wants pulses */
	phc->fd = open(path, (config->extpps || config->write ? O_RDWR : O_RDONLY) | O_CLOEXEC |
				     O_NONBLOCK);
	if (phc->fd < 0)
		return fail(phc, path, "cannot open", why);
	for (way = config->nocrossts ? DS_PHC_EXTENDED : DS_PHC_PRECISE; way <= DS_PHC_PLAIN;
	     way++) {
		phc->way = (enum ds_phc_way)way;
		if (read_both(phc, &sample) != DS_REF_FAILED)
			break;
	}
	if (way > DS_PHC_PLAIN)
		return fail(phc, path, "cannot read the clock", why);
	if (config->extpps && !request_pulses(phc, config))
		return fail(phc, path, "cannot have pulses stamped", why);
	return 0;
}

void ds_phc_close(struct ds_phc *phc)
{
	struct ptp_extts_request off = {.index = phc->channel};

	if (phc->fd < 0)
		return;
	if (phc->extpps)
		ioctl(phc->fd, PTP_EXTTS_REQUEST, &off);
	close(phc->fd);
	phc->fd = -1;
}

/* ---- reading ---- */

/* How fast the device's clock runs against CLOCK_REALTIME, from one pulse to the next. */
static void follow_rate(struct ds_phc *phc, const struct ds_refsample *now)
{
	double real = (double)(now->local_ns - phc->real_ns);
	double rate =
		(double)((now->reference_ns - phc->device_ns) - (now->local_ns - phc->real_ns)) /
		real;

	if (phc->real_ns != 0 && real < (double)RATE_SPAN_NS && real > 0)
		return;
	phc->has_rate = phc->real_ns != 0 && fabs(rate) < RATE_MOST;
	phc->rate = phc->has_rate ? rate : 0.0;
	phc->real_ns = now->local_ns;
	phc->device_ns = now->reference_ns;
}

static enum ds_refresult read_pulse(struct ds_phc *phc, struct ds_refsample *sample)
{
	struct ptp_extts_event event;
	struct ds_refsample now;
	enum ds_refresult result;
	int64_t at_ns, ago_ns;
	ssize_t n = read(phc->fd, &event, sizeof event);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? DS_REF_NOTHING : DS_REF_FAILED;
	if (n != (ssize_t)sizeof event)
		return DS_REF_BAD;
	if (event.index != phc->channel)
		return DS_REF_NOTHING;
	result = read_both(phc, &now);
	if (result != DS_REF_SAMPLE)
		return result;
	follow_rate(phc, &now);
	at_ns = ns_of(&event.t);
	ago_ns = now.reference_ns - at_ns;
	if (at_ns < 0 || ago_ns < 0 || ago_ns > PULSE_AGE_NS)
		return DS_REF_BAD;
	*sample = (struct ds_refsample){
		.local_ns = now.local_ns - llrint((double)ago_ns / (1.0 + phc->rate)),
		.dispersion_ns = now.dispersion_ns,
		.pulse = true,
		.kernel = true,
	};
	sample->reference_ns = (sample->local_ns + NS_PER_S / 2) / NS_PER_S * NS_PER_S;
	return DS_REF_SAMPLE;
}

enum ds_refresult ds_phc_read(struct ds_phc *phc, struct ds_refsample *sample)
{
	enum ds_refresult result = phc->extpps ? read_pulse(phc, sample) : read_both(phc, sample);

	return result == DS_REF_FAILED && errno == EINTR ? DS_REF_NOTHING : result;
}
