/* import_ntp_clock: see import_ntp.h. It must never guess a receiver's language: what ntpd parsed
 * by itself, gpsd has to parse for us. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/import_ntp.h"

enum {
	LOCAL = 1,
	NMEA = 20,
	PPS = 22,
	SHM = 28,
	GPSD = 46,
};

/* What the line and its fudges say. */
struct clock {
	int type, unit;
	double offset_s, time2_s;
	bool has_offset, has_time2, has_stratum, prefer, noselect, trust;
	int stratum, poll, flags[5]; /* poll: -100 where it is not written */
	char refid[8], path[256];
};

static bool same(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

static const char *word(const struct ds_import_line *l, int at)
{
	return at < l->words ? l->word[at] : "";
}

static bool read_address(const char *text, int *type, int *unit)
{
	char end;

	return sscanf(text, "127.127.%d.%d%c", type, unit, &end) == 2 && *type >= 0 &&
	       *type < 256 && *unit >= 0 && *unit < 256;
}

static int type_by_name(const char *name)
{
	static const struct {
		const char *name;
		int type;
	} names[] = {{"local", LOCAL}, {"nmea", NMEA}, {"pps", PPS},
		     {"shm", SHM},     {"gpsd", GPSD}, {"gpsd_json", GPSD}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (same(names[i].name, name))
			return names[i].type;
	return -1;
}

/* One option of a `server`, `refclock` or `fudge` line; *at stands on it, and behind its value
 * afterwards. */
static void take_option(struct ds_import *import, struct clock *c, const struct ds_import_line *l,
			int *at)
{
	const char *option = l->word[*at], *value = word(l, *at + 1);

	if (same(option, "prefer") || same(option, "noselect") || same(option, "true")) {
		c->prefer |= same(option, "prefer");
		c->noselect |= same(option, "noselect");
		c->trust |= same(option, "true");
		return;
	}
	if (same(option, "iburst") || same(option, "burst"))
		return; /* asks for nothing of a clock */
	++*at;
	if (same(option, "time1")) {
		c->offset_s = strtod(value, NULL);
		c->has_offset = isfinite(c->offset_s) && fabs(c->offset_s) < 1e6;
	} else if (same(option, "time2")) {
		c->time2_s = strtod(value, NULL);
		c->has_time2 = isfinite(c->time2_s) && fabs(c->time2_s) < 1e6;
	} else if (same(option, "refid")) {
		snprintf(c->refid, sizeof(c->refid), "%.4s", value);
	} else if (same(option, "stratum")) {
		c->stratum = atoi(value);
		c->has_stratum = c->stratum >= 0 && c->stratum <= 15;
	} else if (same(option, "minpoll")) {
		c->poll = atoi(value);
	} else if (strncasecmp(option, "flag", 4) == 0 && option[4] >= '1' && option[4] <= '4') {
		c->flags[option[4] - '0'] = atoi(value);
	} else if (same(option, "path") || same(option, "ppspath")) {
		snprintf(c->path, sizeof(c->path), "%.250s", value);
	} else if (!same(option, "maxpoll") && !same(option, "unit") && !same(option, "mode") &&
		   !same(option, "baud")) {
		ds_import_why(import, "'%.40s' left out", option);
	}
}

/* The rest of a line, after its pads. */
static void append(char line[1024], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(char line[1024], const char *format, ...)
{
	size_t length = strlen(line);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line + length, 1024 - length, format, arguments);
	va_end(arguments);
}

static enum ds_import_fate write_clock(struct ds_import *import, const struct clock *c,
				       const char *driver)
{
	char line[1024] = "";

	append(line, "refclock %s", driver);
	if (c->refid[0] != '\0')
		append(line, " refid %s", c->refid);
	if (c->has_offset)
		append(line, " offset %.9g", c->offset_s);
	if (c->has_stratum)
		append(line, " stratum %d", c->stratum);
	if (c->poll >= -6 && c->poll <= 24)
		append(line, " poll %d", c->poll);
	append(line, "%s%s%s", c->prefer ? " prefer" : "", c->noselect ? " noselect" : "",
	       c->trust ? " trust" : "");
	if (ds_import_write(import, "%s", line))
		return DS_IMPORT_CHANGED;
	import->sources_dropped++;
	return DS_IMPORT_DROPPED;
}

/* ntpd makes segments 0 and 1 for itself, others for everybody to write. */
static enum ds_import_fate write_shm(struct ds_import *import, const struct clock *c, int unit)
{
	char driver[32];

	snprintf(driver, sizeof(driver), "SHM %d%s", unit, unit > 1 ? ":perm=0666" : "");
	return write_clock(import, c, driver);
}

static enum ds_import_fate write_pps(struct ds_import *import, const struct clock *c)
{
	char driver[300], path[280];

	if (c->path[0] != '\0')
		snprintf(path, sizeof(path), "%s", c->path);
	else
		snprintf(path, sizeof(path), "/dev/pps%d", c->unit);
	snprintf(driver, sizeof(driver), "PPS %.250s%s", path, c->flags[2] == 1 ? ":clear" : "");
	ds_import_why(import, "its seconds are told by the other sources, once they have set the "
			      "clock; 'lock ID' names one that tells them");
	return write_clock(import, c, driver);
}

static enum ds_import_fate no_driver(struct ds_import *import, const struct clock *c)
{
	import->sources_dropped++;
	ds_import_why(import,
		      "there is no driver for clocks of type %d; where gpsd or another "
		      "program reads it, 'refclock SHM' or 'refclock SOCK' takes it from "
		      "there",
		      c->type);
	return DS_IMPORT_DROPPED;
}

/* ntpd reads sentences and pulses of a receiver by one driver: time1 is of the pulses, time2 of the
 * sentences. */
static enum ds_import_fate nmea(struct ds_import *import, const struct clock *c)
{
	struct clock sentences = *c, pulses = *c;
	enum ds_import_fate fate;

	sentences.offset_s = c->time2_s;
	sentences.has_offset = c->has_time2;
	sentences.prefer = c->prefer && c->flags[1] != 1;
	if (c->refid[0] == '\0' || c->flags[1] == 1)
		strcpy(sentences.refid, "NMEA");
	ds_import_why(import, "receivers are read by gpsd here, which writes shared memory");
	ds_import_advise(import,
			 "The receiver has to be read by gpsd: gpsd -n /dev/gps%d; what it "
			 "says lags by 'offset', which may be another one than with ntpd",
			 c->unit);
	fate = write_shm(import, &sentences, c->unit * 2);
	if (c->flags[1] != 1)
		return fate;
	if (c->refid[0] == '\0')
		strcpy(pulses.refid, "PPS");
	return write_shm(import, &pulses, c->unit * 2 + 1);
}

static enum ds_import_fate decide(struct ds_import *import, struct clock *c)
{
	if (c->type == LOCAL) {
		int stratum = c->has_stratum && c->stratum > 0 ? c->stratum : 5;

		ds_import_why(import, "the undisciplined clock is 'local' here: it is served where "
				      "no source is, and followed never");
		return ds_import_write(import, "local stratum %d", stratum) ? DS_IMPORT_CHANGED
									    : DS_IMPORT_DROPPED;
	}
	if (c->type == SHM) {
		ds_import_why(import, "shared memory %d", c->unit);
		return write_shm(import, c, c->unit);
	}
	if (c->type == NMEA && c->unit < 64)
		return nmea(import, c);
	if (c->type == PPS)
		return write_pps(import, c);
	if (c->type == GPSD && c->unit < 64) {
		ds_import_why(import,
			      "gpsd's JSON is not read; of the same device it writes shared "
			      "memory %d, and %d for its pulses",
			      c->unit * 2, c->unit * 2 + 1);
		return write_shm(import, c, c->unit * 2);
	}
	return no_driver(import, c);
}

enum ds_import_fate ds_import_ntp_clock(struct ds_import *import, const struct ds_import_line *l)
{
	struct clock c = {.poll = -100};
	bool by_name = same(l->word[0], "refclock");
	int at = 2;

	if (by_name) {
		c.type = type_by_name(word(l, 1));
		for (int i = 2; i + 1 < l->words; i++)
			if (same(l->word[i], "unit"))
				c.unit = atoi(l->word[i + 1]);
	} else if (!read_address(word(l, 1), &c.type, &c.unit)) {
		ds_import_why(import, "'%.60s' is no reference clock", word(l, 1));
		return DS_IMPORT_DROPPED;
	}
	if (c.type < 0 || c.unit < 0 || c.unit > 255) {
		import->sources_dropped++;
		ds_import_why(import,
			      "there is no driver '%.40s', or not this unit; where gpsd or "
			      "another program reads the clock, 'refclock SHM' takes it from "
			      "there",
			      word(l, 1));
		return DS_IMPORT_DROPPED;
	}
	for (; at < l->words; at++)
		take_option(import, &c, l, &at);
	for (int i = 0; i < import->line_count && !by_name; i++) {
		const struct ds_import_line *f = import->lines[i];

		if (f->words < 2 || !same(f->word[0], "fudge") || !same(f->word[1], l->word[1]))
			continue;
		for (at = 2; at < f->words; at++)
			take_option(import, &c, f, &at);
	}
	return decide(import, &c);
}

enum ds_import_fate ds_import_ntp_fudge(struct ds_import *import, const struct ds_import_line *l)
{
	for (int i = 0; i < import->line_count; i++) {
		const struct ds_import_line *s = import->lines[i];

		if (s->words < 2 || !same(s->word[0], "server") || !same(s->word[1], word(l, 1)))
			continue;
		if (s->fate == DS_IMPORT_DROPPED) {
			ds_import_why(import, "its clock is left out (%s:%d)", s->file, s->number);
			return DS_IMPORT_DROPPED;
		}
		ds_import_why(import, "its words stand in the line of the clock (%s:%d)", s->file,
			      s->number);
		return DS_IMPORT_CHANGED;
	}
	ds_import_why(import, "there is no clock '%.60s'", word(l, 1));
	return DS_IMPORT_DROPPED;
}
