/*
 * conf_words: the tables, in alphabetical order.
 * A word that is not here is a mistake of its writer.
 */
#include "daemon/conf_words.h"

#include <string.h>
#include <strings.h>

#define ANY DS_WORD_ANY
#define TABLE(what_, list_)                                                                        \
	{                                                                                          \
		.what = (what_), .list = (list_), .count = sizeof(list_) / sizeof((list_)[0])      \
	}

#define CONTROL	  "chronyc is answered on loopback and by a UNIX socket alone"
#define OBSOLETE  "obsolete, without effect"
#define NTS_AIDS  "only used with NTS, which is refused where it is asked for"
#define NO_NTS	  "clients would find no key exchange"
#define RTC	  "the real-time clock is never set by us; 'rtcsync' has the kernel do it"
#define NO_TIME	  "a source of time would be missing"
#define NO_SERVED "clients would get another time, or none"

/* clang-format off */
static const struct ds_word directives[] = {
	{"acquisitionport", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"allow", DS_WORD_SUPPORTED, 0, 2, NULL, NULL},
	{"authselectmode", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"bindacqaddress", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"bindacqdevice", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"bindaddress", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"bindcmdaddress", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"bindcmddevice", DS_WORD_NOTED, 1, 1, NULL, CONTROL},
	{"binddevice", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"boundfile", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"broadcast", DS_WORD_SUPPORTED, 2, ANY, NULL, NULL},
	{"broadcastclient", DS_WORD_SUPPORTED, 0, ANY, NULL, NULL},
	{"clientloglimit", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"clock", DS_WORD_SUPPORTED, 1, 3, NULL, NULL},
	{"clockprecision", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"cmdallow", DS_WORD_NOTED, 0, 2, NULL, CONTROL},
	{"cmddeny", DS_WORD_NOTED, 0, 2, NULL, CONTROL},
	{"cmdport", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"cmdratelimit", DS_WORD_NOTED, 0, ANY, NULL, CONTROL},
	{"combinelimit", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"commandkey", DS_WORD_NOTED, 0, ANY, NULL, OBSOLETE},
	{"confdir", DS_WORD_SUPPORTED, 1, 10, NULL, NULL},
	{"controlgroup", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"controlsocket", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"corrtimeratio", DS_WORD_WARNED, 1, 1, NULL, "the time of a correction is chosen by itself"},
	{"deny", DS_WORD_SUPPORTED, 0, 2, NULL, NULL},
	{"driftfile", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"dscp", DS_WORD_WARNED, 1, 1, NULL, "packets are sent with the default class"},
	{"dumpdir", DS_WORD_WARNED, 1, 1, NULL, "measurements are not kept over a restart"},
	{"dumponexit", DS_WORD_NOTED, 0, ANY, NULL, OBSOLETE},
	{"ephemeral", DS_WORD_SUPPORTED, 2, ANY, NULL, NULL},
	{"fallbackdrift", DS_WORD_WARNED, 2, 2, NULL, "without sources the last frequency is held"},
	{"generatecommandkey", DS_WORD_NOTED, 0, ANY, NULL, OBSOLETE},
	{"hwclockfile", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"hwtimestamp", DS_WORD_SUPPORTED, 1, ANY, NULL, NULL},
	{"hwtstimeout", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"include", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"initstepslew", DS_WORD_REFUSED, 1, ANY, NULL,
	 "the clock would not be set at the start; use 'makestep' and 'iburst'"},
	{"keyfile", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"leapseclist", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"leapsecmode", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"leapsectz", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"linux_freq_scale", DS_WORD_NOTED, 0, ANY, NULL, OBSOLETE},
	{"linux_hz", DS_WORD_NOTED, 0, ANY, NULL, OBSOLETE},
	{"local", DS_WORD_SUPPORTED, 0, ANY, NULL, NULL},
	{"lock_all", DS_WORD_WARNED, 0, 0, NULL, "memory is not locked"},
	{"log", DS_WORD_SUPPORTED, 0, ANY, NULL, NULL},
	{"logbanner", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"logchange", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"logdir", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"mailonchange", DS_WORD_WARNED, 2, 2, NULL, "no mail is sent"},
	{"makestep", DS_WORD_SUPPORTED, 2, 2, NULL, NULL},
	{"manual", DS_WORD_WARNED, 0, 0, NULL, "time cannot be entered by hand"},
	{"maxasymmetry", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxchange", DS_WORD_SUPPORTED, 3, 3, NULL, NULL},
	{"maxclockerror", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxdistance", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxdrift", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxjitter", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxntsconnections", DS_WORD_WARNED, 1, 1, NULL, NTS_AIDS},
	{"maxsamples", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxslewrate", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxupdateskew", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"minsamples", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"minsources", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"multicastclient", DS_WORD_SUPPORTED, 1, ANY, NULL, NULL},
	{"nocerttimecheck", DS_WORD_WARNED, 1, 1, NULL, NTS_AIDS},
	{"noclientlog", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"nosystemcert", DS_WORD_WARNED, 0, 0, NULL, NTS_AIDS},
	{"ntpsigndsocket", DS_WORD_REFUSED, 1, 1, NULL, "clients would get no signed answers"},
	{"ntsaeads", DS_WORD_WARNED, 0, ANY, NULL, NTS_AIDS},
	{"ntsdumpdir", DS_WORD_WARNED, 1, 1, NULL, NTS_AIDS},
	{"ntsntpserver", DS_WORD_WARNED, 1, 1, NULL, NTS_AIDS},
	{"ntsport", DS_WORD_WARNED, 1, 1, NULL, NTS_AIDS},
	{"ntsprocesses", DS_WORD_WARNED, 1, 1, NULL, NTS_AIDS},
	{"ntsratelimit", DS_WORD_WARNED, 0, ANY, NULL, NTS_AIDS},
	{"ntsrefresh", DS_WORD_WARNED, 1, 1, NULL, NTS_AIDS},
	{"ntsrotate", DS_WORD_WARNED, 1, 1, NULL, NTS_AIDS},
	{"ntsservercert", DS_WORD_REFUSED, 1, 1, NULL, NO_NTS},
	{"ntsserverkey", DS_WORD_REFUSED, 1, 1, NULL, NO_NTS},
	{"ntstrustedcerts", DS_WORD_WARNED, 1, 2, NULL, NTS_AIDS},
	{"opencommands", DS_WORD_NOTED, 0, ANY, NULL, CONTROL},
	{"peer", DS_WORD_SUPPORTED, 1, ANY, NULL, NULL},
	{"pidfile", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"pool", DS_WORD_SUPPORTED, 1, ANY, NULL, NULL},
	{"port", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"ptpdomain", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"ptpport", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"ratelimit", DS_WORD_WARNED, 0, ANY, NULL, "every allowed request is answered"},
	{"refclock", DS_WORD_SUPPORTED, 2, ANY, NULL, NULL},
	{"refresh", DS_WORD_WARNED, 1, 1, NULL, "names are looked up again when a source fails"},
	{"reselectdist", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"rtcautotrim", DS_WORD_WARNED, 1, 1, NULL, RTC},
	{"rtcdevice", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"rtcfile", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"rtconutc", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"rtcsync", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"sandbox", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"sched_priority", DS_WORD_WARNED, 1, 1, NULL, "the scheduler is left as it is"},
	{"server", DS_WORD_SUPPORTED, 1, ANY, NULL, NULL},
	{"smoothtime", DS_WORD_SUPPORTED, 2, 3, NULL, NULL},
	{"sourcedir", DS_WORD_SUPPORTED, 1, 10, NULL, NULL},
	{"stratumweight", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"tempcomp", DS_WORD_REFUSED, 3, 6, NULL, "the frequency would not be compensated"},
	{"user", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
};

static const struct ds_word source_options[] = {
	{"anyinterface", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"asymmetry", DS_WORD_WARNED, 1, 1, NULL, "jitter is not taken to be one-sided"},
	{"auto_offline", DS_WORD_WARNED, 0, 0, NULL, "the source is asked all the time"},
	{"burst", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"certset", DS_WORD_WARNED, 1, 1, NULL, NTS_AIDS},
	{"copy", DS_WORD_WARNED, 0, 0, NULL, "the stratum is one more than the server's"},
	{"extfield", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"filter", DS_WORD_WARNED, 1, 1, NULL, "every sample is used by its weight"},
	{"iburst", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"ipv4", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"ipv6", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"key", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxdelay", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxdelaydevratio", DS_WORD_WARNED, 1, 1, NULL, "long delays are weighted down instead"},
	{"maxdelayquant", DS_WORD_WARNED, 1, 1, NULL, "long delays are weighted down instead"},
	{"maxdelayratio", DS_WORD_WARNED, 1, 1, NULL, "long delays are weighted down instead"},
	{"maxpeers", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxpoll", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxsamples", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxsources", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxunreach", DS_WORD_WARNED, 1, 1, NULL, "a source that is silent for 8 polls is not followed"},
	{"mindelay", DS_WORD_WARNED, 1, 1, NULL, "the least delay is taken from the measurements"},
	{"minpoll", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"minsamples", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"minstratum", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"noselect", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"nts", DS_WORD_REFUSED, 0, 0, NULL, "the source would be followed without authentication"},
	{"ntsport", DS_WORD_WARNED, 1, 1, NULL, NTS_AIDS},
	{"offline", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"offset", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"polltarget", DS_WORD_WARNED, 1, 1, NULL, "the poll interval follows the noise measured"},
	{"port", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"prefer", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"presend", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"require", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"trust", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"trustcorrections", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"version", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"xleave", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
};

static const struct ds_word listen_options[] = {
	{"dev", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"from", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"key", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxdelay", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxsamples", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxsources", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"minsamples", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"minstratum", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"noselect", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"offset", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"prefer", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"require", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"trust", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"unauthenticated", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"version", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
};

static const struct ds_word clock_options[] = {
	{"nocrossts", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"tai", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
};
static const struct ds_word refclock_options[] = {
	{"delay", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"dpoll", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"filter", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"local", DS_WORD_REFUSED, 0, 0, NULL, "a clock that only runs evenly would be taken for the time"},
	{"lock", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxdispersion", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxlockage", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxsamples", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"maxunreach", DS_WORD_WARNED, 1, 1, NULL, "a source counts for as long as its distance allows"},
	{"minsamples", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"noselect", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"offset", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"poll", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"pps", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"precision", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"prefer", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"rate", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"refid", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"require", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"stratum", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"tai", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"trust", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"width", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
};

static const struct ds_word local_options[] = {
	{"activate", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"distance", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"orphan", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"stratum", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"waitsynced", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"waitunsynced", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
};

static const struct ds_word log_options[] = {
	{"bound", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"measurements", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"rawmeasurements", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"refclocks", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"rtc", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"selection", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"shadow", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"stamps", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"statistics", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
	{"tempcomp", DS_WORD_WARNED, 0, 0, NULL, "no such log is written"},
	{"tracking", DS_WORD_SUPPORTED, 0, 0, NULL, NULL},
};
/* clang-format on */

const struct ds_words ds_words_directives = TABLE("directive", directives);
const struct ds_words ds_words_source_options = TABLE("option of a source", source_options);
const struct ds_words ds_words_listen_options =
	TABLE("option of a listener to broadcasts", listen_options);
const struct ds_words ds_words_clock_options = TABLE("option of the clock", clock_options);
const struct ds_words ds_words_refclock_options =
	TABLE("option of a reference clock", refclock_options);
const struct ds_words ds_words_local_options = TABLE("option of 'local'", local_options);
const struct ds_words ds_words_log_options = TABLE("option of 'log'", log_options);

#define CUT 64

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Optimal string alignment: Levenshtein's distance with swaps of neighbours. */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][CUT + 1];
	size_t a_length = strnlen(a, CUT), b_length = strnlen(b, CUT);
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];

	memset(rows, 0, sizeof(rows));
	for (unsigned j = 0; j <= b_length; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a_length; i++) {
		unsigned *free_row = before;
		before = last;
		last = row;
		row = free_row;
		row[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			char x = lower(a[i - 1]), y = lower(b[j - 1]);
			row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && y == lower(a[i - 2]) &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
	}
	return row[b_length];
}

const struct ds_word *ds_words_find(const struct ds_words *words, const char *text)
{
	for (size_t i = 0; i < words->count; i++)
		if (strcasecmp(words->list[i].word, text) == 0)
			return &words->list[i];
	return NULL;
}

const struct ds_word *ds_words_nearest(const struct ds_words *words, const char *text,
				       unsigned *edits)
{
	const struct ds_word *nearest = &words->list[0];

	*edits = distance(text, nearest->word);
	for (size_t i = 1; i < words->count; i++) {
		unsigned d = distance(text, words->list[i].word);
		if (d < *edits) {
			*edits = d;
			nearest = &words->list[i];
		}
	}
	return nearest;
}
