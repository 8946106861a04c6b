/* doctor_devices: clocks of cards, pulses and the real-time clock, as they are. It must never write
 * to a device, nor set what others have set: pulses are read from sysfs, for opening a PPS device
 * as a driver does sets its edges.
 *
 * Source: the kernel's Documentation/ABI/testing/sysfs-ptp and sysfs-pps. */
#include "tool/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/file.h"

#define NS	 INT64_C(1000000000)
#define READINGS 21		   /* of a clock, for a median */
#define WATCH_NS (11 * NS / 5)	   /* two pulses, and what is between them */
#define LOOK_NS	 INT64_C(50000000) /* between looks at pulses: far below a second */
#define NUMBERS	 64		   /* devices are numbered from 0; more are not looked for */

static bool read_attribute(const char *path, char *text, size_t size)
{
	ssize_t got = ds_file_read(path, text, size);

	text[strcspn(text, "\n")] = '\0';
	return got > 0;
}

static int number_of(const char *folder, const char *name)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return read_attribute(path, text, sizeof(text)) ? atoi(text) : 0;
}

/* A device's node: whether it is there and may be opened, and the group that it is for. */
static void look_node(const char *path, int wanted, bool *there, bool *may, char group[32])
{
	const struct group *entry;
	struct stat node;

	*there = stat(path, &node) == 0 && S_ISCHR(node.st_mode);
	*may = *there && access(path, wanted) == 0;
	group[0] = '\0';
	if (!*there || (node.st_mode & S_IRGRP) == 0 || node.st_gid == 0)
		return;
	entry = getgrgid(node.st_gid);
	if (entry)
		snprintf(group, 32, "%.31s", entry->gr_name);
}

/* ---- clocks of cards ---- */

static int rising(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The reading with the least width, of some; false where none is any good. */
static bool read_clock(struct ds_phc *phc, struct ds_doctor_clock *clock, struct ds_refsample *best)
{
	int64_t width_ns[READINGS];
	struct ds_refsample sample;
	size_t count = 0;

	for (int i = 0; i < READINGS; i++) {
		if (ds_phc_read(phc, &sample) != DS_REF_SAMPLE)
			continue;
		if (count == 0 || sample.dispersion_ns < best->dispersion_ns)
			*best = sample;
		width_ns[count++] = sample.dispersion_ns;
	}
	if (count == 0)
		return false;
	qsort(width_ns, count, sizeof(width_ns[0]), rising);
	clock->least_ns = width_ns[0];
	clock->median_ns = width_ns[count / 2];
	clock->offset_ns = best->reference_ns - best->local_ns;
	return true;
}

static void describe_clock(struct ds_doctor_clock *clock, const char *folder)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/clock_name", folder);
	read_attribute(path, clock->name, sizeof(clock->name));
	clock->vclocks = number_of(folder, "n_vclocks");
	clock->max_vclocks = number_of(folder, "max_vclocks");
	clock->pins = number_of(folder, "n_programmable_pins");
	clock->inputs = number_of(folder, "n_external_timestamps");
	clock->outputs = number_of(folder, "n_periodic_outputs");
	clock->max_adjustment_ppb = number_of(folder, "max_adjustment");
	clock->has_pps = number_of(folder, "pps_available") != 0;
}

static bool find_clock(struct ds_doctor_clock *clock, int number)
{
	char folder[64], node[32];
	bool in_sysfs;

	*clock = (struct ds_doctor_clock){.number = number};
	snprintf(folder, sizeof(folder), "/sys/class/ptp/ptp%d", number);
	snprintf(node, sizeof(node), "/dev/ptp%d", number);
	look_node(node, R_OK, &clock->has_node, &clock->allowed, clock->group);
	in_sysfs = access(folder, F_OK) == 0;
	if (in_sysfs)
		describe_clock(clock, folder);
	return in_sysfs || clock->has_node;
}

struct watched_clock {
	struct ds_phc phc;
	struct ds_refsample first;
};

static void begin_clock(struct ds_doctor_clock *clock, struct watched_clock *watched)
{
	struct ds_phc_config config = {0};
	char node[32];
	int error;

	snprintf(node, sizeof(node), "/dev/ptp%d", clock->number);
	config.path = node;
	watched->phc.fd = -1;
	if (!clock->has_node) {
		snprintf(clock->why, sizeof(clock->why), "%s is not there", node);
		return;
	}
	error = ds_phc_open(&watched->phc, &config, clock->why);
	clock->allowed = error != -EPERM && error != -EACCES;
	if (error != 0)
		return;
	clock->why[0] = '\0';
	clock->way = watched->phc.way;
	clock->readable = read_clock(&watched->phc, clock, &watched->first);
	if (!clock->readable)
		snprintf(clock->why, sizeof(clock->why), "no reading of it makes sense");
}

static void end_clock(struct ds_doctor_clock *clock, struct watched_clock *watched)
{
	struct ds_refsample last;
	int64_t span_ns;

	if (watched->phc.fd >= 0 && clock->readable && read_clock(&watched->phc, clock, &last)) {
		span_ns = last.local_ns - watched->first.local_ns;
		clock->has_rate = span_ns > WATCH_NS / 2;
		if (clock->has_rate)
			clock->rate_ppb = (double)(last.reference_ns - watched->first.reference_ns -
						   span_ns) /
					  (double)span_ns * 1e9;
	}
	ds_phc_close(&watched->phc);
}

/* ---- pulses ---- */

struct watched_pulse {
	int64_t sequence; /* of the last one seen; -1: the device tells nothing */
	int64_t last_ns;
};

/* "1700000000.000012345#17": the newest rising edge, or else the falling one. */
static bool newest(int number, int64_t *at_ns, int64_t *sequence)
{
	static const char *const edges[] = {"assert", "clear"};
	long long s, ns;
	char path[64], text[64];
	bool told = false;

	*sequence = -1;
	for (int i = 0; i < 2; i++) {
		long long count;

		snprintf(path, sizeof(path), "/sys/class/pps/pps%d/%s", number, edges[i]);
		if (!read_attribute(path, text, sizeof(text)) ||
		    sscanf(text, "%lld.%lld#%lld", &s, &ns, &count) != 3)
			continue;
		told = true;
		*sequence = count;
		*at_ns = s * NS + ns;
		if (count > 0)
			break; /* this edge is stamped */
	}
	return told;
}

static bool find_pulse(struct ds_doctor_pulse *pulse, int number)
{
	char path[64], node[32];
	bool in_sysfs;

	*pulse = (struct ds_doctor_pulse){.number = number};
	snprintf(path, sizeof(path), "/sys/class/pps/pps%d/name", number);
	snprintf(node, sizeof(node), "/dev/pps%d", number);
	in_sysfs = read_attribute(path, pulse->name, sizeof(pulse->name));
	/* the daemon has the edge stamped, for which it opens it for writing */
	look_node(node, R_OK | W_OK, &pulse->has_node, &pulse->readable, pulse->group);
	return in_sysfs || pulse->has_node;
}

static void begin_pulse(struct ds_doctor_pulse *pulse, struct watched_pulse *watched)
{
	if (!newest(pulse->number, &watched->last_ns, &watched->sequence))
		snprintf(pulse->why, sizeof(pulse->why), "/sys/class/pps/pps%d tells of no pulse",
			 pulse->number);
}

static void look_at_pulse(struct ds_doctor_pulse *pulse, struct watched_pulse *watched)
{
	int64_t at_ns, sequence;

	if (watched->sequence < 0 || !newest(pulse->number, &at_ns, &sequence) ||
	    sequence == watched->sequence)
		return;
	/* counts wrap at 2^32, and a look may miss some */
	pulse->seen += (int)(uint32_t)(sequence - watched->sequence);
	if (pulse->seen > 1 && sequence == watched->sequence + 1)
		pulse->interval_ns = at_ns - watched->last_ns;
	pulse->offset_ns = (at_ns + NS / 2) % NS - NS / 2;
	watched->sequence = sequence;
	watched->last_ns = at_ns;
}

/* ---- the real-time clock ---- */

static void look_rtc(struct ds_doctor_rtc *rtc)
{
	static const char folder[] = "/sys/class/rtc/rtc0";
	char path[64], text[64];
	struct timespec now;
	long long seconds;

	rtc->there = access(folder, F_OK) == 0 || access("/dev/rtc0", F_OK) == 0;
	snprintf(path, sizeof(path), "%s/name", folder);
	read_attribute(path, rtc->name, sizeof(rtc->name));
	snprintf(path, sizeof(path), "%s/since_epoch", folder);
	if (!read_attribute(path, text, sizeof(text)) || sscanf(text, "%lld", &seconds) != 1)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	rtc->told = true;
	rtc->minus_system_s = seconds - now.tv_sec;
}

/* ---- all of them ---- */

static void watch(struct ds_doctor_facts *facts, struct watched_pulse *pulses)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	int64_t begin_ns = ds_monotonic_ns();

	while (ds_monotonic_ns() - begin_ns < WATCH_NS) {
		nanosleep(&pause, NULL);
		for (int i = 0; i < facts->pulse_count; i++)
			look_at_pulse(&facts->pulses[i], &pulses[i]);
	}
	for (int i = 0; i < facts->pulse_count; i++)
		facts->pulses[i].watched_s = (double)(ds_monotonic_ns() - begin_ns) / 1e9;
}

void ds_doctor_look_devices(struct ds_doctor_facts *facts)
{
	static struct watched_clock clocks[DS_DOCTOR_CLOCKS];
	static struct watched_pulse pulses[DS_DOCTOR_PULSES];
	bool any = false;

	for (int i = 0; i < NUMBERS; i++) {
		if (facts->clock_count < DS_DOCTOR_CLOCKS &&
		    find_clock(&facts->clocks[facts->clock_count], i))
			facts->clock_count++;
		if (facts->pulse_count < DS_DOCTOR_PULSES &&
		    find_pulse(&facts->pulses[facts->pulse_count], i))
			facts->pulse_count++;
	}
	look_rtc(&facts->rtc);
	for (int i = 0; i < facts->clock_count; i++) {
		begin_clock(&facts->clocks[i], &clocks[i]);
		any |= facts->clocks[i].readable;
	}
	for (int i = 0; i < facts->pulse_count; i++) {
		begin_pulse(&facts->pulses[i], &pulses[i]);
		any |= pulses[i].sequence >= 0;
	}
	if (any)
		watch(facts, pulses);
	for (int i = 0; i < facts->clock_count; i++)
		end_clock(&facts->clocks[i], &clocks[i]);
}
