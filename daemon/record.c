/* record: see record.h. A file is opened once and written a line at a time. */
#include "daemon/record.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/exchange/wire.h"
#include "daemon/log.h"

struct record_file {
	FILE *stream;
	int lines; /* since the last banner */
	const char *name;
	const char *banner;
	char buffer[1024]; /* of the stream, which else takes one from the heap at its first line */
};

static struct record_file measurements = {
	.name = "measurements.log",
	.banner =
		"   Date (UTC) Time     IP Address   L St 123 567 ABCD  LP RP Score    Offset  Peer "
		"del. Peer disp.  Root del. Root disp. Refid     MTxRx",
};
static struct record_file statistics = {
	.name = "statistics.log",
	.banner =
		"   Date (UTC) Time     IP Address    Std dev'n Est offset  Offset sd  Diff freq   Est "
		"skew  Stress  Ns  Bs  Nr  Asym",
};
static struct record_file selection = {
	.name = "selection.log",
	.banner = "   Date (UTC) Time     IP Address   S EOpts Reach Score Last sample   Low end   "
		  "High end",
};
static struct record_file tracking = {
	.name = "tracking.log",
	.banner =
		"   Date (UTC) Time     IP Address   St   Freq ppm   Skew ppm     Offset L Co  Offset "
		"sd Rem. corr. Root delay Root disp. Max. error",
};
static struct record_file refclocks = {
	.name = "refclocks.log",
	.banner = "   Date (UTC) Time         Refid  DP L P  Raw offset   Cooked offset      Disp.",
};
static struct record_file rtc = {
	.name = "rtc.log",
	.banner = "   Date (UTC) Time   RTC fast (s) Val   Est fast (s)   Slope (ppm)  Ns  Nr Meas",
};
static struct record_file stamps = {
	.name = "stamps.log",
	.banner =
		"   Date (UTC) Time            IP Address   Md        Offset s         Delay s         "
		"         T1 s                   T2 s                   T3 s                   T4 s "
		"By",
};
static struct record_file shadow = {
	.name = "shadow.log",
	.banner = "   Date (UTC) Time         Clock-system s    Rate ppm  Remaining s",
};
static struct record_file bound = {
	.name = "bound.log",
	.banner =
		"   Date (UTC) Time            Bound   Early ppm    Late ppm       Hard   Early ppm    "
		"Late ppm       Knee       Void Remaining Scale  Gen. Fl",
};
static bool raw_measurements;
static int banner_every;

static int failed; /* to be opened */

static void open_file(struct record_file *file, const char *directory, bool wanted)
{
	char path[DS_CONF_PATH + 32];

	if (!wanted)
		return;
	snprintf(path, sizeof path, "%s/%s", directory, file->name);
	file->stream = fopen(path, "ae");
	if (file->stream == NULL) {
		ds_log(DS_LOG_WARNING, "cannot write %s: %s", path, strerror(errno));
		failed++;
		return;
	}
	setvbuf(file->stream, file->buffer, _IOLBF, sizeof file->buffer);
	file->lines = 0;
}

void ds_record_open(const struct ds_conf *conf)
{
	const char *directory = conf->log_dir[0] != '\0' ? conf->log_dir : ".";

	raw_measurements = conf->log_raw_measurements;
	banner_every = conf->log_banner;
	open_file(&measurements, directory, conf->log_measurements || conf->log_raw_measurements);
	open_file(&statistics, directory, conf->log_statistics);
	open_file(&selection, directory, conf->log_selection);
	open_file(&tracking, directory, conf->log_tracking);
	open_file(&refclocks, directory, conf->log_refclocks);
	open_file(&rtc, directory, conf->log_rtc);
	open_file(&shadow, directory, conf->log_shadow);
	open_file(&stamps, directory, conf->log_stamps);
	open_file(&bound, directory, conf->log_bound);
}

static void close_file(struct record_file *file)
{
	if (file->stream != NULL)
		fclose(file->stream);
	file->stream = NULL;
}

void ds_record_close(void)
{
	close_file(&measurements);
	close_file(&statistics);
	close_file(&selection);
	close_file(&tracking);
	close_file(&refclocks);
	close_file(&rtc);
	close_file(&shadow);
	close_file(&stamps);
	close_file(&bound);
}

int ds_record_cycle(const struct ds_conf *conf)
{
	failed = 0;
	ds_record_close();
	ds_record_open(conf);
	return failed;
}

/* The banner where it is due. */
static FILE *begin_line(struct record_file *file)
{
	if (banner_every > 0 && file->lines % banner_every == 0) {
		size_t width = strlen(file->banner);

		for (size_t i = 0; i < width; i++)
			fputc('=', file->stream);
		fprintf(file->stream, "\n%s\n", file->banner);
		for (size_t i = 0; i < width; i++)
			fputc('=', file->stream);
		fputc('\n', file->stream);
		file->lines = 0;
	}
	file->lines++;
	return file->stream;
}

static void end_line(struct record_file *file)
{
	fputc('\n', file->stream);
	if (ferror(file->stream)) {
		ds_log(DS_LOG_WARNING, "cannot write %s any more: %s", file->name, strerror(errno));
		close_file(file);
	}
}

static const char *utc_text(int64_t clock_ns, char buffer[32])
{
	time_t seconds = (time_t)(clock_ns / 1000000000);
	struct tm utc;

	if (gmtime_r(&seconds, &utc) == NULL)
		memset(&utc, 0, sizeof utc);
	strftime(buffer, 32, "%Y-%m-%d %H:%M:%S", &utc);
	return buffer;
}

static char leap_letter(uint8_t leap)
{
	static const char letters[] = {'N', '+', '-', '?'};

	return letters[leap & 3];
}

static double seconds(int64_t ns)
{
	return (double)ns * 1e-9;
}

/* RFC 5905's numbered tests as chrony shows them: 1 to 3 (duplicate, bogus, missing), 5 to 7
 * (authentication, synchronised, header), A to D (delay and the like). */
static const char *test_digits(enum ds_reason reason)
{
	switch (reason) {
	case DS_R_NOT_ARMED:
		return "011 111 1111";
	case DS_R_ORIGIN:
	case DS_R_WRONG_ADDRESS:
	case DS_R_WRONG_INTERFACE:
		return "101 111 1111";
	case DS_R_ZERO_STAMP:
		return "110 111 1111";
	case DS_R_AUTH:
		return "111 011 1111";
	case DS_R_UNSYNCHRONISED:
		return "111 101 1111";
	case DS_R_HEADER:
		return "111 110 1111";
	case DS_R_DELAY_MAX:
	case DS_R_DELAY_NEGATIVE:
	case DS_R_PROCESSING_MAX:
		return "111 111 0111";
	default:
		return "111 111 1111";
	}
}

static char *stamp_text(int64_t ns, char buffer[32])
{
	int64_t second = ns / 1000000000;
	int64_t rest = ns % 1000000000;

	if (rest < 0) {
		second--;
		rest += 1000000000;
	}
	snprintf(buffer, 32, "%lld.%09lld", (long long)second, (long long)rest);
	return buffer;
}

/* T2 and T3 are what the other host told: who took them it does not say. */
static void record_stamps(const struct ds_record_measurement *m)
{
	const struct ds_exchange *x = m->exchange;
	char when[32];
	char address[DS_ADDRESS_TEXT];
	char texts[4][32];
	FILE *out;

	if (stamps.stream == NULL || x == NULL || m->reason != DS_R_OK)
		return;
	out = begin_line(&stamps);
	fprintf(out, "%s.%09d %-15s %u%c %15.9f %15.9f %s %s %s %s %c%c?%c",
		utc_text(m->clock_ns, when), (int)(m->clock_ns % 1000000000),
		ds_address_text(m->remote, false, address), m->mode, m->interleaved ? 'I' : 'B',
		seconds(x->offset_ns), seconds(x->delay_ns), stamp_text(x->t1.clock_ns, texts[0]),
		stamp_text(x->t2_ns, texts[1]), stamp_text(x->t3_ns, texts[2]),
		stamp_text(x->t4.clock_ns, texts[3]), ds_stamp_letter(x->t1.source),
		x->t1.source == DS_STAMP_NONE ? '-' : '?', ds_stamp_letter(x->t4.source));
	end_line(&stamps);
}

void ds_record_measurement(const struct ds_record_measurement *m)
{
	static const struct ds_exchange nothing;
	const struct ds_exchange *x = m->exchange != NULL ? m->exchange : &nothing;
	char when[32];
	char address[DS_ADDRESS_TEXT];
	FILE *out;

	record_stamps(m);
	if (measurements.stream == NULL || (m->reason != DS_R_OK && !raw_measurements))
		return;
	out = begin_line(&measurements);
	fprintf(out,
		"%s %-15s %c %2d %s  %2d %2d %4.2f %10.3e %10.3e %10.3e %10.3e %10.3e %08X %u%c %c %c",
		utc_text(m->clock_ns, when), ds_address_text(m->remote, false, address),
		leap_letter(m->leap), m->stratum, test_digits(m->reason), m->poll_log2,
		x->remote.poll_log2, 0.0, seconds(x->offset_ns), seconds(x->delay_ns),
		ldexp(1.0, x->remote.precision_log2 < 0 ? x->remote.precision_log2 : -20),
		seconds(x->remote.root_delay_ns), seconds(x->remote.root_dispersion_ns),
		x->remote.ref_id, m->mode, m->interleaved ? 'I' : 'B',
		ds_stamp_letter(m->tx_source), ds_stamp_letter(m->rx_source));
	end_line(&measurements);
}

void ds_record_statistics(int64_t clock_ns, const union ds_address *remote,
			  const struct ds_estimate *e, int64_t clock_minus_raw_ns, double rate_ppb)
{
	char when[32];
	char address[DS_ADDRESS_TEXT];
	FILE *out;

	if (statistics.stream == NULL)
		return;
	out = begin_line(&statistics);
	fprintf(out, "%s %-15s %10.3e %10.3e %10.3e %10.3e %10.3e %7.1e %3d %3d %3d %5.2f",
		utc_text(clock_ns, when), ds_address_text(remote, false, address),
		e->sample_sd_ns * 1e-9, seconds(clock_minus_raw_ns - e->ref_server_minus_raw_ns),
		e->offset_sd_ns * 1e-9, (rate_ppb - e->freq_ppb) * 1e-9,
		isfinite(e->freq_sd_ppb) ? e->freq_sd_ppb * 1e-9 : 1.0, 0.0, e->count, 0, 0, 0.0);
	end_line(&statistics);
}

void ds_record_tracking(const struct ds_record_tracking *t)
{
	char when[32];
	char address[DS_ADDRESS_TEXT];
	FILE *out;

	if (tracking.stream == NULL)
		return;
	out = begin_line(&tracking);
	fprintf(out, "%s %-15s %2d %10.3f %10.3f %10.3e %c %2u %10.3e %10.3e %10.3e %10.3e %10.3e",
		utc_text(t->clock_ns, when), ds_address_text(t->remote, false, address), t->stratum,
		t->freq_ppm, t->skew_ppm, t->offset_s, leap_letter(t->leap), t->combined,
		t->offset_sd_s, t->remaining_s, t->root_delay_s, t->root_dispersion_s,
		t->max_error_s);
	end_line(&tracking);
}

void ds_record_bound(const struct ds_record_bound *b)
{
	const struct ds_bound_line *tight = &b->lines->bound;
	const struct ds_bound_line *hard = &b->lines->hard;
	char when[32];
	FILE *out;

	if (bound.stream == NULL)
		return;
	out = begin_line(&bound);
	fprintf(out,
		"%s.%06d %10.4e %11.6f %11.6f %10.4e %11.6f %11.6f %10.4e %10.4e %9.2e %5.3f %5llu "
		"%02x",
		utc_text(b->clock_ns, when), (int)(b->clock_ns / 1000 % 1000000), tight->ns * 1e-9,
		tight->early_ppb * 1e-3, tight->late_ppb * 1e-3, hard->ns * 1e-9,
		hard->early_ppb * 1e-3, hard->late_ppb * 1e-3, seconds(b->lines->knee_ns),
		seconds(b->lines->end_ns), seconds(b->remaining_ns), b->scale,
		(unsigned long long)b->generation, b->flags);
	end_line(&bound);
}

bool ds_record_wants_selection(void)
{
	return selection.stream != NULL;
}

void ds_record_selection(const struct ds_reading *now, const union ds_address *remote,
			 const struct ds_candidate *c, double score)
{
	const struct ds_prediction *p = &c->prediction;
	/* how far our clock is ahead */
	double ahead = seconds(now->clock_ns - now->raw_ns - p->server_minus_raw_ns);
	double distance = seconds(p->distance_ns);
	char when[32];
	char address[DS_ADDRESS_TEXT];
	FILE *out;

	if (selection.stream == NULL || !c->has_prediction)
		return;
	out = begin_line(&selection);
	fprintf(out, "%s %-15s %c %c%c%c%c- %4o %5.2f %10.3e %10.3e %10.3e",
		utc_text(now->clock_ns, when), ds_address_text(remote, false, address),
		ds_selection_data_letter(c->selection), c->noselect ? 'N' : '-',
		c->prefer ? 'P' : '-', c->trust ? 'T' : '-', c->require ? 'R' : '-',
		(unsigned)c->reach, score, p->age_ns * 1e-9, ahead - distance, ahead + distance);
	end_line(&selection);
}

void ds_record_refclock(const struct ds_record_refclock *r)
{
	char when[32];
	FILE *out;

	if (refclocks.stream == NULL)
		return;
	out = begin_line(&refclocks);
	fprintf(out, "%s.%06d %-4s ", utc_text(r->clock_ns, when),
		(int)(r->clock_ns / 1000 % 1000000), r->name);
	if (r->filtered)
		fprintf(out, "   - %c -       -      ", leap_letter(r->leap));
	else
		fprintf(out, "%4u %c %d %13.6e", r->sequence, leap_letter(r->leap), r->pulse,
			seconds(r->raw_offset_ns));
	fprintf(out, " %13.6e %10.3e", seconds(r->offset_ns), seconds(r->dispersion_ns));
	end_line(&refclocks);
}

void ds_record_rtc(const struct ds_record_rtc *r)
{
	char when[32];
	FILE *out;

	if (rtc.stream == NULL)
		return;
	out = begin_line(&rtc);
	fprintf(out, "%s %14.6f %1d %14.6f %12.3f %3u %3d %4.0f", utc_text(r->clock_ns, when),
		r->ahead_s, r->valid, r->line_ahead_s, r->fast_ppm, r->samples, 0, r->interval_s);
	end_line(&rtc);
}

bool ds_record_wants_shadow(void)
{
	return shadow.stream != NULL;
}

void ds_record_shadow(int64_t realtime_ns, int64_t clock_minus_realtime_ns, double rate_ppb,
		      int64_t remaining_ns)
{
	char when[32];
	FILE *out;

	if (shadow.stream == NULL)
		return;
	out = begin_line(&shadow);
	fprintf(out, "%s.%03d %15.9f %11.6f %12.3e", utc_text(realtime_ns, when),
		(int)(realtime_ns / 1000000 % 1000), seconds(clock_minus_realtime_ns),
		rate_ppb * 1e-3, seconds(remaining_ns));
	end_line(&shadow);
}
