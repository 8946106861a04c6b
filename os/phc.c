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
#include <time.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/ptp_clock.h>
#include <linux/sockios.h>

#define NS_PER_S     INT64_C(1000000000)
#define OPEN_COUNT   3		     /* readings, to find out how long one takes */
#define BUDGET_NS    INT64_C(500000) /* of a call; of a slow bus fewer readings are taken */
#define TWO_CLOCKS   5e-4	     /* rates of two clocks that nobody sets differ by less */
#define GRAIN_NS     INT64_C(1000)   /* a card's clock may move in steps of that */
#define RATE_SPAN_NS (NS_PER_S / 2)  /* between two readings that give a rate */
#define RATE_MOST    1e-3	     /* beyond: one of the clocks was set */
#define PULSE_AGE_NS NS_PER_S

static int64_t ns_of(const struct ptp_clock_time *t)
{
	if (t->sec < 0 || t->sec > DS_REFSAMPLE_SECONDS_MAX - 1 || t->nsec >= NS_PER_S)
		return -1;
	return (int64_t)t->sec * NS_PER_S + t->nsec;
}

static bool in_order(const struct ds_phc_reading *r)
{
	return r->before_ns >= 0 && r->device_ns >= 0 && r->after_ns >= r->before_ns;
}

static int64_t width_ns(const struct ds_phc_reading *r)
{
	return r->after_ns - r->before_ns;
}

static int64_t middle_ns(const struct ds_phc_reading *r)
{
	return r->before_ns + width_ns(r) / 2;
}

/* The closest reading, and the two that say most: that the device is at least so far ahead of the
 * system clock, and at most. NULL where there is none. */
struct limits {
	const struct ds_phc_reading *closest, *least, *most;
};

static struct limits find_limits(const struct ds_phc_reading *readings, size_t count)
{
	struct limits l = {NULL, NULL, NULL};

	for (size_t i = 0; i < count; i++) {
		const struct ds_phc_reading *r = &readings[i];

		if (!in_order(r))
			continue;
		if (l.closest == NULL || width_ns(r) < width_ns(l.closest))
			l.closest = r;
		if (l.least == NULL ||
		    r->device_ns - r->after_ns > l.least->device_ns - l.least->after_ns)
			l.least = r;
		if (l.most == NULL ||
		    r->device_ns - r->before_ns < l.most->device_ns - l.most->before_ns)
			l.most = r;
	}
	return l;
}

enum ds_refresult ds_phc_combine(const struct ds_phc_reading *readings, size_t count,
				 struct ds_refsample *sample)
{
	struct limits l = find_limits(readings, count);
	int64_t least_ns, most_ns, apart_ns, drift_ns;

	if (l.closest == NULL)
		return DS_REF_BAD;
	least_ns = l.least->device_ns - l.least->after_ns;
	most_ns = l.most->device_ns - l.most->before_ns;
	apart_ns = llabs(middle_ns(l.most) - middle_ns(l.least));
	drift_ns = (int64_t)(TWO_CLOCKS * (double)(apart_ns < NS_PER_S ? apart_ns : NS_PER_S));
	if (least_ns - most_ns > GRAIN_NS + drift_ns)
		return DS_REF_TORN; /* one of the clocks was set meanwhile */
	*sample = (struct ds_refsample){
		.local_ns = middle_ns(l.closest),
		.reference_ns = l.closest->device_ns,
		.dispersion_ns = (width_ns(l.closest) + 1) / 2,
		.kernel = true,
	};
	/* two that are far apart may bound less than one that no other contradicts */
	if (least_ns <= most_ns && (most_ns - least_ns) / 2 + drift_ns / 2 >= sample->dispersion_ns)
		return DS_REF_SAMPLE;
	/* Below nothing they are by the steps of a clock, which bias both alike: the middle is as
	 * good. Midway between their two moments the drift between them cancels. */
	sample->local_ns = (middle_ns(l.least) + middle_ns(l.most)) / 2;
	sample->reference_ns = sample->local_ns + least_ns + (most_ns - least_ns) / 2;
	sample->dispersion_ns = llabs(most_ns - least_ns) / 2 + drift_ns / 2;
	/* so much better than one reading it is by luck alone */
	if (sample->dispersion_ns < width_ns(l.closest) / 4)
		sample->dispersion_ns = width_ns(l.closest) / 4;
	return DS_REF_SAMPLE;
}

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
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

static enum ds_refresult read_extended(int fd, unsigned count, struct ds_refsample *sample)
{
	struct ds_phc_reading readings[DS_PHC_READINGS];
	struct ptp_sys_offset_extended e;

	memset(&e, 0, sizeof e);
	e.n_samples = count;
	if (ioctl(fd, PTP_SYS_OFFSET_EXTENDED, &e) < 0)
		return DS_REF_FAILED;
	for (size_t i = 0; i < count; i++)
		readings[i] = (struct ds_phc_reading){ns_of(&e.ts[i][0]), ns_of(&e.ts[i][1]),
						      ns_of(&e.ts[i][2])};
	return ds_phc_combine(readings, count, sample);
}

static enum ds_refresult read_plain(int fd, unsigned count, struct ds_refsample *sample)
{
	struct ds_phc_reading readings[DS_PHC_READINGS];
	struct ptp_sys_offset o;

	memset(&o, 0, sizeof o);
	o.n_samples = count;
	if (ioctl(fd, PTP_SYS_OFFSET, &o) < 0)
		return DS_REF_FAILED;
	for (size_t i = 0; i < count; i++)
		readings[i] = (struct ds_phc_reading){ns_of(&o.ts[2 * i]), ns_of(&o.ts[2 * i + 1]),
						      ns_of(&o.ts[2 * i + 2])};
	return ds_phc_combine(readings, count, sample);
}

static enum ds_refresult read_by(const struct ds_phc *phc, enum ds_phc_way way,
				 struct ds_refsample *sample)
{
	switch (way) {
	case DS_PHC_PRECISE:
		return read_precise(phc->fd, sample);
	case DS_PHC_EXTENDED:
		return read_extended(phc->fd, phc->count, sample);
	default:
		return read_plain(phc->fd, phc->count, sample);
	}
}

/* Cross-stamps of some cards fail now and then (PTM that times out): that reading is then taken in
 * the next best way. */
static enum ds_refresult read_both(const struct ds_phc *phc, struct ds_refsample *sample)
{
	enum ds_refresult result = DS_REF_FAILED;

	for (int way = (int)phc->way; way <= DS_PHC_PLAIN && result == DS_REF_FAILED; way++)
		result = read_by(phc, (enum ds_phc_way)way, sample);
	return result;
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

/* The best way from `first` on that works, and how many readings of it are no long wait. */
static bool find_way(struct ds_phc *phc, enum ds_phc_way first)
{
	struct ds_refsample sample;

	phc->count = OPEN_COUNT;
	for (int way = (int)first; way <= DS_PHC_PLAIN; way++) {
		int64_t each_ns, began_ns = monotonic_ns();

		if (read_by(phc, (enum ds_phc_way)way, &sample) == DS_REF_FAILED)
			continue;
		each_ns = (monotonic_ns() - began_ns) / OPEN_COUNT;
		phc->way = (enum ds_phc_way)way;
		if (way != DS_PHC_PRECISE && each_ns * DS_PHC_READINGS <= BUDGET_NS)
			phc->count = DS_PHC_READINGS;
		else if (way != DS_PHC_PRECISE && each_ns * OPEN_COUNT < BUDGET_NS)
			phc->count = (unsigned)(BUDGET_NS / each_ns);
		return true;
	}
	return false;
}

int ds_phc_open(struct ds_phc *phc, const struct ds_phc_config *config, char why[DS_WHY])
{
	const char *path = config->path;
	char device[32];

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
	if (!find_way(phc, config->nocrossts ? DS_PHC_EXTENDED : DS_PHC_PRECISE))
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
		.edges = 1,
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
