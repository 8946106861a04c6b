/* rtckeeper: see rtckeeper.h. */
#include "daemon/rtckeeper.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/record.h"
#include "os/file.h"

#define NS_PER_S	  INT64_C(1000000000)
#define FIRST_NS	  NS_PER_S
#define SAVE_NS		  (3600 * NS_PER_S)
#define INTERVAL_LOG2_MAX 10
#define SLOPE_SAMPLES	  8
#define RATE_MOST_PPM	  1e4
#define AHEAD_MOST_S	  1e9
#define SET_WAIT_MS	  1100
#define TEXT_SIZE	  128

/* ---- the line ---- */

static double middle(const struct ds_rtckeeper *k, bool of_time)
{
	double sum = 0.0;

	for (uint32_t i = 0; i < k->count; i++)
		sum += of_time ? k->samples[i].at_s : k->samples[i].ahead_s;
	return sum / k->count;
}

bool ds_rtckeeper_line(const struct ds_rtckeeper *k, struct ds_rtcline *line)
{
	double at, ahead, spread = 0.0, cross = 0.0, last, slope = 0.0;

	if (k->count == 0)
		return false;
	at = middle(k, true);
	ahead = middle(k, false);
	last = k->samples[(k->next + DS_RTCKEEPER_SAMPLES - 1) % DS_RTCKEEPER_SAMPLES].at_s;
	for (uint32_t i = 0; i < k->count; i++) {
		double x = k->samples[i].at_s - at;

		spread += x * x;
		cross += x * (k->samples[i].ahead_s - ahead);
	}
	if (k->count >= SLOPE_SAMPLES && spread > 0.0)
		slope = cross / spread;
	*line = (struct ds_rtcline){.at_s = last,
				    .ahead_s = ahead + slope * (last - at),
				    .fast_ppm = slope * 1e6,
				    .samples = k->count};
	return true;
}

bool ds_rtckeeper_parse(const char *text, struct ds_rtcline *line)
{
	double value[4];
	char *rest;

	for (int i = 0; i < 4; i++) {
		value[i] = strtod(text, &rest);
		if (rest == text || !isfinite(value[i]))
			return false;
		text = rest;
	}
	if (!(value[0] > 0.5) || value[1] < 0.0 || fabs(value[2]) > AHEAD_MOST_S ||
	    fabs(value[3]) > RATE_MOST_PPM)
		return false;
	*line = (struct ds_rtcline){
		.at_s = value[1], .ahead_s = value[2], .fast_ppm = value[3], .samples = 0};
	return true;
}

/* ---- opening, setting ---- */

/* The third line of hwclock's file says UTC or LOCAL. */
static bool keeps_utc(const struct ds_conf *conf)
{
	char text[1024];
	const char *at = text;

	if (conf->hwclock_file[0] == '\0')
		return conf->rtc_utc;
	if (ds_file_read(conf->hwclock_file, text, sizeof text) <= 0) {
		ds_log(DS_LOG_WARNING, "cannot read %s: %s", conf->hwclock_file, strerror(errno));
		return conf->rtc_utc;
	}
	for (int line = 1; line < 3 && at != NULL; line++) {
		at = strchr(at, '\n');
		at += at != NULL;
	}
	if (at != NULL && strncmp(at, "UTC", 3) == 0)
		return true;
	if (at != NULL && strncmp(at, "LOCAL", 5) == 0)
		return false;
	ds_log(DS_LOG_WARNING, "%s:3: neither UTC nor LOCAL", conf->hwclock_file);
	return conf->rtc_utc;
}

void ds_rtckeeper_open(struct ds_rtckeeper *k, const struct ds_conf *conf)
{
	char why[DS_WHY];

	memset(k, 0, sizeof *k);
	k->conf = conf;
	k->rtc.fd = -1;
	k->due_ns = k->save_ns = INT64_MAX;
	if (conf->rtc_file[0] == '\0')
		return;
	if (ds_rtc_open(&k->rtc, conf->rtc_device, keeps_utc(conf), why) != 0) {
		ds_log(DS_LOG_WARNING, "the real-time clock is not tracked: %s", why);
		return;
	}
	if (k->rtc.interrupts)
		return;
	ds_log(DS_LOG_WARNING, "the real-time clock is not tracked: %s has no interrupts",
	       conf->rtc_device);
	ds_rtc_close(&k->rtc);
}

/* The next second of the real-time clock, waited for. */
static bool wait_for_second(struct ds_rtckeeper *k, struct ds_refsample *sample)
{
	struct pollfd fd = {.fd = k->rtc.fd, .events = POLLIN};

	/* the first report may be of a second that began a while ago */
	for (int i = 0; i < 2; i++)
		if (poll(&fd, 1, SET_WAIT_MS) != 1 || ds_rtc_read(&k->rtc, sample) != DS_REF_SAMPLE)
			return false;
	return true;
}

void ds_rtckeeper_set_clock(struct ds_rtckeeper *k, struct ds_clock *clock)
{
	struct ds_rtcline line = {.at_s = 0.0};
	struct ds_refsample sample;
	struct ds_reading at, now;
	char text[TEXT_SIZE];
	double rtc_s, ahead_s;
	int64_t step_ns;
	int rc;

	if (k->rtc.fd < 0 || !wait_for_second(k, &sample)) {
		ds_log(DS_LOG_WARNING, "-s: no real-time clock to set the clock by (rtcfile)");
		return;
	}
	if (ds_file_read(k->conf->rtc_file, text, sizeof text) > 0 &&
	    !ds_rtckeeper_parse(text, &line))
		ds_log(DS_LOG_WARNING, "%s:1: not what is known of a real-time clock; ignored",
		       k->conf->rtc_file);
	ds_clock_read(clock, &now);
	ds_clock_carry(clock, sample.local_ns, &at);
	rtc_s = (double)sample.reference_ns * 1e-9;
	ahead_s = line.ahead_s + (rtc_s - line.at_s) * line.fast_ppm * 1e-6;
	step_ns = sample.reference_ns - llrint(ahead_s * 1e9) - at.clock_ns;
	rc = ds_clock_step(clock, step_ns);
	if (rc != 0)
		ds_log(DS_LOG_WARNING, "could not step the clock: %s", strerror(-rc));
	else
		ds_log(DS_LOG_NOTICE, "%s clock set from the real-time clock, by %.6f seconds",
		       clock->kind == DS_CLOCK_PHC ? "PHC" : "System", (double)step_ns * 1e-9);
}

void ds_rtckeeper_start(struct ds_rtckeeper *k, const struct ds_timekeeper *timekeeper)
{
	k->timekeeper = timekeeper;
	if (k->rtc.fd < 0)
		return;
	ds_rtc_interrupts(&k->rtc, false);
	k->due_ns = ds_monotonic_ns() + FIRST_NS;
	k->save_ns = ds_monotonic_ns() + SAVE_NS;
}

static void save(struct ds_rtckeeper *k)
{
	struct ds_rtcline line;
	char text[TEXT_SIZE];
	int rc;

	if (!k->changed || !ds_rtckeeper_line(k, &line))
		return;
	k->changed = false;
	snprintf(text, sizeof text, "1 %.0f %.6f %.3f\n", line.at_s,
		 line.ahead_s + (rint(line.at_s) - line.at_s) * line.fast_ppm * 1e-6,
		 line.fast_ppm);
	rc = ds_file_replace(k->conf->rtc_file, text, 0644);
	if (rc != 0)
		ds_log(DS_LOG_WARNING, "cannot write %s: %s", k->conf->rtc_file, strerror(-rc));
}

void ds_rtckeeper_close(struct ds_rtckeeper *k)
{
	save(k);
	ds_rtc_close(&k->rtc);
}

/* ---- measuring ---- */

uint32_t ds_rtckeeper_watch(const struct ds_rtckeeper *k, struct pollfd *fd)
{
	if (k->rtc.fd < 0 || !k->waiting)
		return 0;
	*fd = (struct pollfd){.fd = k->rtc.fd, .events = POLLIN};
	return 1;
}

static void add(struct ds_rtckeeper *k, double at_s, double ahead_s)
{
	k->samples[k->next] = (struct ds_rtckeeper_sample){at_s, ahead_s};
	k->next = (k->next + 1) % DS_RTCKEEPER_SAMPLES;
	if (k->count < DS_RTCKEEPER_SAMPLES)
		k->count++;
	k->total++;
	k->changed = true;
}

static void record(const struct ds_rtckeeper *k, const struct ds_reading *at, double ahead_s)
{
	struct ds_record_rtc line = {
		.clock_ns = at->clock_ns, .ahead_s = ahead_s, .interval_s = k->interval_s};
	struct ds_rtcline fit;

	if (!ds_rtckeeper_line(k, &fit))
		return;
	line.valid = fit.samples >= SLOPE_SAMPLES;
	line.line_ahead_s = fit.ahead_s;
	line.fast_ppm = fit.fast_ppm;
	line.samples = fit.samples;
	ds_record_rtc(&line);
}

void ds_rtckeeper_handle(struct ds_rtckeeper *k)
{
	struct ds_clock *clock = k->timekeeper->clock;
	uint64_t doublings = 1 + k->total / 4;
	struct ds_refsample sample;
	struct ds_reading at, now;
	int64_t true_ns;

	if (ds_rtc_read(&k->rtc, &sample) != DS_REF_SAMPLE)
		return;
	k->waiting = false;
	ds_rtc_interrupts(&k->rtc, false);
	ds_clock_read(clock, &now);
	ds_clock_carry(clock, sample.local_ns, &at);
	if (doublings > INTERVAL_LOG2_MAX)
		doublings = INTERVAL_LOG2_MAX;
	k->due_ns = ds_monotonic_ns() + (NS_PER_S << doublings);
	if (!k->timekeeper->reference.synchronised)
		return;
	true_ns = at.clock_ns + ds_discipline_remaining_ns(&k->timekeeper->discipline, &at);
	add(k, (double)true_ns * 1e-9, (double)(sample.reference_ns - true_ns) * 1e-9);
	record(k, &at, (double)(sample.reference_ns - true_ns) * 1e-9);
	k->interval_s = (double)(1 << doublings);
}

int64_t ds_rtckeeper_next_ns(const struct ds_rtckeeper *k)
{
	return k->due_ns < k->save_ns ? k->due_ns : k->save_ns;
}

void ds_rtckeeper_run(struct ds_rtckeeper *k, int64_t now_ns)
{
	if (now_ns >= k->due_ns) {
		/* Should no second be reported, try again later. */
		k->due_ns = now_ns + (NS_PER_S << INTERVAL_LOG2_MAX);
		k->waiting = ds_rtc_interrupts(&k->rtc, true);
	}
	if (now_ns >= k->save_ns) {
		k->save_ns = now_ns + SAVE_NS;
		save(k);
	}
}
