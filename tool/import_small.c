/* import_small: the two families with a handful of words, OpenNTPD's ntpd.conf and systemd's
 * timesyncd.conf. It must never serve where they did not. Words: ntpd.conf(5), timesyncd.conf(5),
 * systemd.time(7) for spans. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/import.h"

static bool same(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

static const char *word(const struct ds_import_line *l, int at)
{
	return at < l->words ? l->word[at] : "";
}

static enum ds_import_fate written(bool done)
{
	return done ? DS_IMPORT_CHANGED : DS_IMPORT_DROPPED;
}

/* ---- OpenNTPD ---- */

static enum ds_import_fate listen_on(struct ds_import *import, const struct ds_import_line *l)
{
	const char *address = word(l, 2);
	union ds_address parsed;

	if (!same(word(l, 1), "on") || address[0] == '\0') {
		ds_import_why(import, "'listen' takes 'on' and an address");
		return DS_IMPORT_DROPPED;
	}
	for (int at = 3; at < l->words; at++)
		ds_import_why(import, "'%.40s' left out: routing tables are the system's",
			      l->word[at]);
	if (!same(address, "*")) {
		if (!ds_address_parse(address, 0, &parsed)) {
			ds_import_why(import, "'%.60s' is a name: 'bindaddress' takes an address",
				      address);
			return DS_IMPORT_DROPPED;
		}
		if (import->conf->bind[parsed.family == AF_INET6].family != 0) {
			ds_import_why(import, "'bindaddress' takes one address of each family, and "
					      "there is one already");
			return DS_IMPORT_DROPPED;
		}
		ds_import_write(import, "bindaddress %.100s", address);
	}
	ds_import_why(import, "OpenNTPD serves whoever asks there; nobody is served here without "
			      "'allow'");
	return written(ds_import_write(import, "allow"));
}

static enum ds_import_fate query_from(struct ds_import *import, const struct ds_import_line *l)
{
	ds_import_why(import, "for all sources, not only for those behind this line");
	return written(ds_import_write(import, "bindacqaddress %.100s", word(l, 2)));
}

static enum ds_import_fate openntpd_source(struct ds_import *import, const struct ds_import_line *l,
					   bool all)
{
	struct ds_import_source s;

	ds_import_source_begin(&s, all ? "pool" : "server", word(l, 1));
	if (all)
		ds_import_why(import, "'servers' is 'pool' here: four of its addresses");
	s.changed = all;
	for (int at = 2; at < l->words; at++) {
		s.changed = true;
		ds_import_why(import, "'%.40s' left out: %s", l->word[at],
			      same(l->word[at], "trusted")
				      ? "no source is held against constraints here"
				      : "sources count by what their measurements are worth");
		if (same(l->word[at], "weight"))
			at++;
	}
	return ds_import_source_end(import, &s);
}

static enum ds_import_fate openntpd_line(struct ds_import *import, const struct ds_import_line *l)
{
	const char *first = l->word[0];

	if (l->too_many) {
		ds_import_why(import, "'%.64s': the line is too long", first);
		return DS_IMPORT_DROPPED;
	}
	if (l->words < 2) {
		ds_import_why(import, "'%.64s' needs a value", first);
		return DS_IMPORT_DROPPED;
	}
	if (same(first, "listen"))
		return listen_on(import, l);
	if (same(first, "query"))
		return query_from(import, l);
	if (same(first, "server") || same(first, "servers"))
		return openntpd_source(import, l, same(first, "servers"));
	if (same(first, "constraint") || same(first, "constraints"))
		ds_import_why(import,
			      "'%s': the date of a web server is not asked for; name "
			      "several sources, which have to agree, or keys",
			      first);
	else if (same(first, "sensor")) {
		import->sources_dropped++;
		ds_import_why(import,
			      "'sensor': a clock at this host is a 'refclock' here, through "
			      "gpsd, /dev/pps0 or /dev/ptp0; see drivestampd.conf(5)");
	} else
		ds_import_why(import, "unknown word '%.64s'", first);
	return DS_IMPORT_DROPPED;
}

static void step_added(struct ds_import *import, const char *why)
{
	ds_import_add(import, "makestep 1 3", "%s", why);
	ds_import_add(import, "rtcsync",
		      "the kernel keeps the real-time clock right, too, as with "
		      "the old daemon");
}

void ds_import_openntpd(struct ds_import *import)
{
	for (int i = 0; i < import->line_count; i++) {
		struct ds_import_line *l = import->lines[i];

		if (l->words == 0) {
			ds_import_comment(import, l->text);
			continue;
		}
		ds_import_begin(import, l);
		ds_import_end(import, l, openntpd_line(import, l));
	}
	step_added(import, "OpenNTPD sets the clock at the start (-s, or where it is far off) and "
			   "slews it later");
}

/* ---- systemd-timesyncd ---- */

/* "34min 8s", "2048": seconds; negative: no span. */
static double span_s(const char *text)
{
	static const struct {
		const char *unit;
		double s;
	} units[] = {{"usec", 1e-6},  {"us", 1e-6},   {"msec", 1e-3}, {"ms", 1e-3},
		     {"seconds", 1},  {"second", 1},  {"sec", 1},     {"s", 1},
		     {"minutes", 60}, {"minute", 60}, {"min", 60},    {"m", 60},
		     {"hours", 3600}, {"hour", 3600}, {"hr", 3600},   {"h", 3600},
		     {"days", 86400}, {"day", 86400}, {"d", 86400}};
	double all = 0;
	char *end;

	for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
		double value = strtod(text, &end), unit = 1;

		if (end == text || !(value >= 0))
			return -1;
		text = end + strspn(end, " ");
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			size_t length = strlen(units[i].unit);
			if (strncmp(text, units[i].unit, length) == 0) {
				unit = units[i].s;
				text += length;
				break;
			}
		}
		all += value * unit;
		if (text == end + strspn(end, " ") && *text != '\0')
			return -1;
	}
	return all;
}

struct sync {
	struct ds_import *import;
	bool any_ntp, any_fallback; /* not empty, in any file */
	int minpoll, maxpoll;	    /* -100: not written */
	const char *fallback;	    /* in a comment: what is compiled in */
};

/* The value behind "KEY="; NULL: another key. */
static const char *value_of(const char *text, const char *key)
{
	size_t length = strlen(key);
	const char *at = text + strspn(text, " ");

	if (strncmp(at, key, length) != 0)
		return NULL;
	at += length;
	at += strspn(at, " ");
	return *at == '=' ? at + 1 + strspn(at + 1, " ") : NULL;
}

static int poll_log2(const char *value)
{
	double seconds = span_s(value);

	return seconds >= 1 && seconds < 1e7 ? (int)lround(log2(seconds)) : -100;
}

static void sync_look(struct sync *sync)
{
	for (int i = 0; i < sync->import->line_count; i++) {
		const struct ds_import_line *l = sync->import->lines[i];
		const char *value;

		if (l->words == 0) {
			value = value_of(l->text + strspn(l->text, "#; "), "FallbackNTP");
			if (value != NULL && value[0] != '\0' && l->text[0] == '#')
				sync->fallback = value;
			continue;
		}
		value = value_of(l->text, "NTP");
		if (value != NULL)
			sync->any_ntp = value[0] != '\0';
		value = value_of(l->text, "FallbackNTP");
		if (value != NULL)
			sync->any_fallback = value[0] != '\0';
		value = value_of(l->text, "PollIntervalMinSec");
		if (value != NULL)
			sync->minpoll = poll_log2(value);
		value = value_of(l->text, "PollIntervalMaxSec");
		if (value != NULL)
			sync->maxpoll = poll_log2(value);
	}
}

static enum ds_import_fate sync_servers(struct sync *sync, const char *list)
{
	struct ds_import *import = sync->import;
	enum ds_import_fate fate = DS_IMPORT_DROPPED;
	char copy[8200], value[16], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", list);
	while ((name = strsep(&rest, " \t")) != NULL) {
		struct ds_import_source s;

		if (name[0] == '\0')
			continue;
		ds_import_source_begin(&s, "server", name);
		ds_import_source_option(import, &s, "iburst", NULL);
		snprintf(value, sizeof(value), "%d", sync->minpoll);
		if (sync->minpoll > -100)
			ds_import_source_option(import, &s, "minpoll", value);
		snprintf(value, sizeof(value), "%d", sync->maxpoll);
		if (sync->maxpoll > -100)
			ds_import_source_option(import, &s, "maxpoll", value);
		if (ds_import_source_end(import, &s) != DS_IMPORT_DROPPED)
			fate = DS_IMPORT_CHANGED;
	}
	if (fate == DS_IMPORT_CHANGED)
		ds_import_why(import,
			      "timesyncd follows one of them at a time; here all are asked, "
			      "and have to agree");
	return fate;
}

static enum ds_import_fate sync_list(struct sync *sync, const char *list, bool fallback)
{
	if (list[0] == '\0') {
		ds_import_why(sync->import, "an empty list: none");
		return DS_IMPORT_CHANGED;
	}
	if (fallback && sync->any_ntp) {
		ds_import_why(sync->import, "only asked where no 'NTP=' names anybody: not here");
		return DS_IMPORT_CHANGED;
	}
	return sync_servers(sync, list);
}

static enum ds_import_fate sync_line(struct sync *sync, const char *text)
{
	struct ds_import *import = sync->import;
	const char *value;

	if (text[strspn(text, " ")] == '[')
		return DS_IMPORT_HEADING;
	if ((value = value_of(text, "NTP")) != NULL)
		return sync_list(sync, value, false);
	if ((value = value_of(text, "FallbackNTP")) != NULL)
		return sync_list(sync, value, true);
	if ((value = value_of(text, "RootDistanceMaxSec")) != NULL) {
		ds_import_why(import, "'RootDistanceMaxSec' is 'maxdistance' here");
		return written(ds_import_write(import, "maxdistance %g", span_s(value)));
	}
	if (value_of(text, "PollIntervalMinSec") != NULL ||
	    value_of(text, "PollIntervalMaxSec") != NULL) {
		ds_import_why(import, "'minpoll' and 'maxpoll' of each server, as powers of two");
		return DS_IMPORT_CHANGED;
	}
	if (value_of(text, "ConnectionRetrySec") != NULL)
		ds_import_why(import,
			      "'ConnectionRetrySec': names are looked up again by a rule of "
			      "our own");
	else if (value_of(text, "SaveIntervalSec") != NULL)
		ds_import_why(import, "'SaveIntervalSec': the time is not saved on disk; the "
				      "real-time clock keeps it");
	else
		ds_import_why(import, "unknown word '%.*s'",
			      (int)strcspn(text, "= ") < 64 ? (int)strcspn(text, "= ") : 64, text);
	return DS_IMPORT_DROPPED;
}

/* The words of a long line are told in part; a list of servers has to be whole. */
static char *whole(const struct ds_import_line *l)
{
	char *text = calloc(1, 8400);
	size_t length = 0;

	if (text == NULL)
		abort();
	for (int i = 0; i < l->words && length < 8300; i++)
		length += (size_t)snprintf(text + length, 8400 - length, "%s%.*s", i > 0 ? " " : "",
					   (int)(8300 - length), l->word[i]);
	return text;
}

static void add_fallback(struct sync *sync)
{
	char copy[DS_IMPORT_ORIGINAL + 4], line[512], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", sync->fallback);
	while ((name = strsep(&rest, " \t")) != NULL) {
		if (name[0] == '\0')
			continue;
		snprintf(line, sizeof(line), "server %.300s iburst", name);
		ds_import_add(sync->import, line,
			      "no server is named: these are compiled into timesyncd, as a comment "
			      "of its file says");
	}
}

void ds_import_timesyncd(struct ds_import *import)
{
	struct sync sync = {.import = import, .minpoll = -100, .maxpoll = -100};

	sync_look(&sync);
	for (int i = 0; i < import->line_count; i++) {
		struct ds_import_line *l = import->lines[i];
		char *text;

		if (l->words == 0) {
			ds_import_comment(import, l->text);
			continue;
		}
		text = whole(l);
		ds_import_begin(import, l);
		if (l->too_many)
			ds_import_why(import, "'%.64s': the line is too long", l->word[0]);
		ds_import_end(import, l, l->too_many ? DS_IMPORT_DROPPED : sync_line(&sync, text));
		free(text);
	}
	if (!sync.any_ntp && !sync.any_fallback && sync.fallback != NULL)
		add_fallback(&sync);
	step_added(import, "timesyncd steps the clock whenever it is off by 0.4 s; this sets it at "
			   "the start, and later it is slewed");
}
