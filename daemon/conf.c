/*
 * conf: files, lines and words; what a word means is in conf_words and conf_fields.
 * One struct reader a file goes down by pointer; nothing is kept between two calls.
 */
#include "daemon/conf.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/exchange/ptp.h"
#include "daemon/conf_broadcast.h"
#include "daemon/conf_card.h"
#include "daemon/conf_clock.h"
#include "daemon/conf_fields.h"
#include "daemon/conf_leap.h"
#include "daemon/conf_local.h"
#include "daemon/conf_refclock.h"
#include "daemon/conf_words.h"
#include "include/drivestamp/bound.h"

#define LINE_MAX_LENGTH 2047
#define DEPTH_MAX	10
#define TOTAL_MAX	1024 /* files; a directory that includes itself has no end */
#define WORDS_MAX	128
#define DIRECTORIES_MAX 10
#define FILES_MAX	256 /* of one confdir or sourcedir directive */
#define BLANKS		" \t\r\n\v\f"
#define PRESEND_NEVER	100

struct reader {
	struct ds_conf *conf;
	ds_conf_say *say;
	void *context;
	const char *file;
	int line;
	int depth;
	unsigned *files;   /* read so far, all in all */
	bool sources_only; /* a file of a sourcedir */
	bool failed;
};

struct words {
	char *word[WORDS_MAX];
	unsigned count;
};

/* Word `at` of the line, or "" behind its end. */
static const char *word_at(const struct words *words, unsigned at)
{
	return at < words->count ? words->word[at] : "";
}

static void complain(struct reader *r, bool error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void complain(struct reader *r, bool error, const char *format, ...)
{
	char text[768];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	r->failed |= error;
	r->say(r->context, error, r->file, r->line, text);
}

static void complain_unknown(struct reader *r, const struct ds_words *words, const char *text)
{
	unsigned edits;
	const struct ds_word *nearest = ds_words_nearest(words, text, &edits);

	if ((size_t)edits * 3 <= strlen(text) + 2)
		complain(r, true, "unknown %s '%.64s': did you mean '%s'?", words->what, text,
			 nearest->word);
	else
		complain(r, true, "unknown %s '%.64s': the nearest known word is '%s'", words->what,
			 text, nearest->word);
}

/* True if the word is to be obeyed; else what was to be said about it has been said. */
static bool judge(struct reader *r, const struct ds_word *word, const char *value)
{
	switch (word->attitude) {
	case DS_WORD_NOTED:
		complain(r, false, "'%s' is noted, no more: %s", word->word, word->reason);
		return true;
	case DS_WORD_WARNED:
		complain(r, false, "'%s' is not supported and left out: %s", word->word,
			 word->reason);
		return false;
	case DS_WORD_REFUSED:
		if (word->harmless == NULL || value == NULL ||
		    strcasecmp(value, word->harmless) != 0)
			complain(r, !r->conf->shadow, "'%s' is not supported%s: %s", word->word,
				 r->conf->shadow ? ", and left out in shadow" : "", word->reason);
		return false;
	default:
		return true;
	}
}

static void set_field(struct reader *r, const struct ds_field *field, void *base, const char *value)
{
	char why[DS_FIELD_WHY];

	if (!ds_field_set(field, base, value, why))
		complain(r, true, "%s", why);
}

void ds_conf_defaults(struct ds_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	ds_conf_local_defaults(conf);
	conf->port = 123;
	conf->ptp_domain = DS_PTP_DOMAIN;
	conf->ipv4 = conf->ipv6 = true;
	conf->client_log_limit = 524288;
	strcpy(conf->rtc_device, "/dev/rtc");
	strcpy(conf->pid_file, "/run/drivestamp/drivestampd.pid");
	strcpy(conf->bound_file, DRIVESTAMP_BOUND_PATH);
	strcpy(conf->cmd_socket, DS_CONF_CMD_SOCKET);
	strcpy(conf->control_socket, DS_CONF_CONTROL_SOCKET);
	conf->log_banner = 32;
	conf->max_distance_s = 3;
	conf->max_jitter_s = 1;
	conf->combine_limit = 3;
	conf->reselect_dist_s = 1e-4;
	conf->stratum_weight_s = 1e-3;
	conf->max_slew_ppm = 83333.333;
	conf->log_change_s = 1;
	conf->max_drift_ppm = 500000;
	conf->max_clock_error_ppm = 1;
	conf->max_update_skew_ppm = 1000;
	conf->min_samples = 6;
	conf->min_sources = 1;
	conf->hwts_timeout_s = 0.01;
}

static void source_defaults(struct ds_conf_source *s, enum ds_source_kind kind, bool pool)
{
	memset(s, 0, sizeof(*s));
	s->kind = (uint8_t)kind;
	s->pool = pool;
	s->port = 123;
	s->minpoll = 6;
	s->maxpoll = 10;
	s->version = 4;
	s->max_delay_s = 3;
	s->presend = PRESEND_NEVER;
	s->max_sources = 4;
	s->max_peers = 1;
	s->family = AF_UNSPEC;
}

static bool is_name(const char *text)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%";

	return text[0] != '-' && text[strspn(text, allowed)] == '\0';
}

struct source_marks {
	bool minpoll, maxpoll, ipv4, ipv6;
};

static bool is_one_of(const struct ds_word *word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(word->word, *list) == 0)
			return true;
	return false;
}

/* Does the option make sense for such a source? Symmetric mode has no requests that could be sent
 * in a burst, or ahead; an ephemeral peer is named by nothing but its key. */
static bool fits_kind(struct reader *r, const struct ds_conf_source *s, const struct ds_word *word)
{
	static const char *const useless[] = {"burst", "extfield", "iburst", "trustcorrections",
					      NULL};
	static const char *const names[] = {"ipv4", "ipv6", "offline", "port", NULL};
	bool peer = s->kind == DS_SOURCE_PEER || s->kind == DS_SOURCE_EPHEMERAL;

	if (!s->pool && strcmp(word->word, "maxsources") == 0)
		complain(r, true, "'maxsources' is an option of 'pool' alone");
	else if (s->kind != DS_SOURCE_EPHEMERAL && strcmp(word->word, "maxpeers") == 0)
		complain(r, true, "'maxpeers' is an option of 'ephemeral' alone");
	else if (peer && strcmp(word->word, "presend") == 0)
		complain(r, true, "'presend' does not work with peers: no answer is asked for");
	else if (peer && is_one_of(word, useless))
		complain(r, false, "'%s' does not work with peers and is left out", word->word);
	else if (s->kind == DS_SOURCE_EPHEMERAL && is_one_of(word, names))
		complain(r, true, "'%s' is no option of 'ephemeral'", word->word);
	else
		return true;
	return false;
}

/* Extension fields of requests, by their type in hexadecimal digits. */
static void read_extfield(struct reader *r, struct ds_conf_source *s, const char *value)
{
	/* F324 is what chrony 4.5 to 4.8 call it: which of the two goes out, the form of PTP says.
	 */
	if (strcasecmp(value, "10A") == 0 || strcasecmp(value, "F324") == 0)
		s->corrections = true;
	else if (strcasecmp(value, "F323") == 0)
		complain(r, false,
			 "'extfield F323' is not supported and left out: requests carry "
			 "no such field");
	else
		complain(r, true, "'extfield' takes 10A, or F324 for the same, not '%.64s'", value);
}

/* Take the option that words[*at] begins, and move *at behind it. False: the rest of the line
 * cannot be understood. */
static bool source_option(struct reader *r, const struct words *words, unsigned *at,
			  struct ds_conf_source *s, struct source_marks *marks)
{
	const char *text = word_at(words, (*at)++);
	const struct ds_word *word = ds_words_find(&ds_words_source_options, text);

	if (word == NULL) {
		complain_unknown(r, &ds_words_source_options, text);
		while (*at < words->count &&
		       ds_words_find(&ds_words_source_options, word_at(words, *at)) == NULL)
			(*at)++; /* its values, presumably */
		return true;
	}
	if (words->count - *at < word->min_args) {
		complain(r, true, "'%s' needs a value", word->word);
		return false;
	}
	const char *value = word->min_args > 0 ? word_at(words, *at) : NULL;
	*at += word->min_args;
	if (!judge(r, word, value))
		return true;
	marks->minpoll |= strcmp(word->word, "minpoll") == 0;
	marks->maxpoll |= strcmp(word->word, "maxpoll") == 0;
	marks->ipv4 |= strcmp(word->word, "ipv4") == 0;
	marks->ipv6 |= strcmp(word->word, "ipv6") == 0;
	if (!fits_kind(r, s, word))
		return true;
	if (value != NULL && strcmp(word->word, "extfield") == 0)
		read_extfield(r, s, value);
	const struct ds_field *field = ds_fields_find(&ds_fields_source, word->word);
	if (field != NULL)
		set_field(r, field, s, value);
	return true;
}

static void finish_source(struct reader *r, struct ds_conf_source *s, struct source_marks marks)
{
	if (marks.ipv4 && marks.ipv6)
		complain(r, true, "'ipv4' and 'ipv6' exclude each other");
	s->family = marks.ipv4 ? AF_INET : marks.ipv6 ? AF_INET6 : AF_UNSPEC;
	/* The word that was written moves the default of the other. */
	if (s->minpoll > s->maxpoll && marks.minpoll && marks.maxpoll)
		complain(r, true, "'minpoll' %d is above 'maxpoll' %d", s->minpoll, s->maxpoll);
	else if (s->minpoll > s->maxpoll && marks.minpoll)
		s->maxpoll = s->minpoll;
	else if (s->minpoll > s->maxpoll)
		s->minpoll = s->maxpoll;
	if (s->min_samples > s->max_samples && s->max_samples > 0)
		complain(r, true, "'minsamples' %u is above 'maxsamples' %u", s->min_samples,
			 s->max_samples);
	if (s->xleave && s->version != 4)
		complain(r, false, "'xleave' needs version 4: this source stays in basic mode");
	if (s->kind == DS_SOURCE_PEER && s->key == 0)
		complain(
			r, false,
			"'peer' without 'key': whoever guesses when it sends can forge its packets");
	if (s->kind == DS_SOURCE_EPHEMERAL && s->key == 0)
		complain(r, true, "'ephemeral' needs 'key': who are its peers?");
}

static void read_source(struct reader *r, const struct words *words, enum ds_source_kind kind,
			bool pool)
{
	struct ds_conf_source source, *s = &source;
	struct source_marks marks = {false, false, false, false};
	const char *name = word_at(words, 1);
	bool failed_before = r->failed;
	unsigned at = 2;

	r->failed = false;
	source_defaults(s, kind, pool);
	if (kind == DS_SOURCE_EPHEMERAL)
		at = 1;
	else if (strlen(name) >= sizeof(s->name))
		complain(r, true, "the name is longer than %zu characters", sizeof(s->name) - 1);
	else if (!is_name(name))
		complain(r, true, "'%.64s' is neither a host name nor an address", name);
	else
		memcpy(s->name, name, strlen(name));
	while (at < words->count && source_option(r, words, &at, s, &marks))
		;
	finish_source(r, s, marks);
	snprintf(s->file, sizeof(s->file), "%s", r->file);
	s->line = r->line;
	s->from_sourcedir = r->sources_only;
	if (r->conf->source_count >= DS_CONF_SOURCES)
		complain(r, true, "more than %d sources", DS_CONF_SOURCES);
	if (!r->failed)
		r->conf->sources[r->conf->source_count++] = *s;
	r->failed |= failed_before;
}

static void read_broadcast(struct reader *r, const struct words *words)
{
	struct ds_conf_broadcast *b = &r->conf->broadcasts[r->conf->broadcast_count];
	char why[DS_FIELD_WHY];

	if (r->conf->broadcast_count == DS_CONF_BROADCASTS) {
		complain(r, true, "more than %d broadcasts", DS_CONF_BROADCASTS);
		return;
	}
	if (!ds_conf_broadcast_parse(b, words->word, words->count, why)) {
		complain(r, true, "%s", why);
		return;
	}
	snprintf(b->file, sizeof(b->file), "%s", r->file);
	b->line = r->line;
	r->conf->broadcast_count++;
	if (b->xleave && b->version != 4)
		complain(r, false, "'xleave' needs version 4: these broadcasts stay basic");
}

static void read_card(struct reader *r, const struct words *words)
{
	struct ds_conf_card *c = &r->conf->cards[r->conf->card_count];
	char why[DS_FIELD_WHY];

	if (r->conf->card_count == DS_CONF_CARDS) {
		complain(r, true, "more than %d lines 'hwtimestamp'", DS_CONF_CARDS);
		return;
	}
	if (!ds_conf_card_parse(c, words->word, words->count, why)) {
		complain(r, true, "%s", why);
		return;
	}
	for (int i = 0; i < r->conf->card_count; i++) {
		if (strcmp(r->conf->cards[i].interface, c->interface) != 0)
			continue;
		complain(r, true, "'hwtimestamp %s' stands in line %d already", c->interface,
			 r->conf->cards[i].line);
		return;
	}
	snprintf(c->file, sizeof(c->file), "%s", r->file);
	c->line = r->line;
	r->conf->card_count++;
}

static void listen_options(struct reader *r, struct ds_conf_listen *l, const struct words *words,
			   unsigned at)
{
	struct source_marks marks = {false, false, false, false};
	char why[DS_FIELD_WHY];
	bool taken;

	while (at < words->count) {
		if (ds_words_find(&ds_words_listen_options, word_at(words, at)) == NULL) {
			complain_unknown(r, &ds_words_listen_options, word_at(words, at));
			return;
		}
		if (!ds_conf_listen_option(l, words->word, words->count, &at, &taken, why)) {
			complain(r, true, "%s", why);
			return;
		}
		if (!taken && !source_option(r, words, &at, &l->source, &marks))
			return;
	}
	finish_source(r, &l->source, marks);
	if (!r->failed && !ds_conf_listen_finish(l, why))
		complain(r, true, "%s", why);
}

static void read_listen(struct reader *r, const struct words *words, bool multicast)
{
	struct ds_conf_listen *l = &r->conf->listens[r->conf->listen_count];
	bool failed_before = r->failed;
	char why[DS_FIELD_WHY];

	if (r->conf->listen_count == DS_CONF_LISTENS) {
		complain(r, true, "more than %d listeners to broadcasts", DS_CONF_LISTENS);
		return;
	}
	r->failed = false;
	if (!ds_conf_listen_begin(l, multicast ? word_at(words, 1) : NULL, why)) {
		complain(r, true, "%s", why);
		return;
	}
	source_defaults(&l->source, DS_SOURCE_LISTENER,
			true);	 /* as a pool: several sources from one line */
	l->source.xleave = true; /* what a broadcast takes is best known from interleaved answers */
	snprintf(l->source.name, sizeof(l->source.name), "%s", word_at(words, 0));
	snprintf(l->source.file, sizeof(l->source.file), "%s", r->file);
	l->source.line = r->line;
	listen_options(r, l, words, multicast ? 2 : 1);
	if (!r->failed)
		r->conf->listen_count++;
	r->failed |= failed_before;
}

/* Take the option that words[*at] begins, and move *at behind it. */
static bool refclock_option(struct reader *r, const struct words *words, unsigned *at,
			    struct ds_conf_refclock *c)
{
	const char *text = word_at(words, (*at)++);
	const struct ds_word *word = ds_words_find(&ds_words_refclock_options, text);
	const char *value = NULL;
	char why[DS_FIELD_WHY];

	if (word == NULL) {
		complain_unknown(r, &ds_words_refclock_options, text);
		return false;
	}
	if (words->count - *at < word->min_args) {
		complain(r, true, "'%s' needs a value", word->word);
		return false;
	}
	if (word->min_args > 0)
		value = word_at(words, (*at)++);
	if (judge(r, word, value) && !ds_conf_refclock_option(c, word->word, value, why))
		complain(r, true, "%s", why);
	return true;
}

static void read_refclock(struct reader *r, const struct words *words)
{
	struct ds_conf_refclock *c = &r->conf->refclocks[r->conf->refclock_count];
	bool failed_before = r->failed, known;
	char why[DS_FIELD_WHY];
	unsigned at = 3;

	if (r->conf->refclock_count == DS_CONF_REFCLOCKS) {
		complain(r, true, "more than %d reference clocks", DS_CONF_REFCLOCKS);
		return;
	}
	r->failed = false;
	source_defaults(&c->source, DS_SOURCE_REFCLOCK, false);
	c->source.max_sources = 1;
	snprintf(c->source.file, sizeof(c->source.file), "%s", r->file);
	c->source.line = r->line;
	if (!ds_conf_refclock_begin(c, word_at(words, 1), word_at(words, 2),
				    r->conf->refclock_count, &known, why)) {
		if (known)
			complain(r, true, "%s", why);
		else
			complain_unknown(r, &ds_words_refclock_drivers, word_at(words, 1));
	} else {
		while (at < words->count && refclock_option(r, words, &at, c))
			;
		if (!r->failed && !ds_conf_refclock_finish(c, why))
			complain(r, true, "%s", why);
	}
	if (!r->failed)
		r->conf->refclock_count++;
	r->failed |= failed_before;
}

static void read_access(struct reader *r, const struct words *words, struct ds_access *access,
			bool allow)
{
	union ds_address net = {.family = AF_UNSPEC};
	uint8_t bits = 0;
	unsigned at = 1;
	bool all = at < words->count && strcasecmp(word_at(words, at), "all") == 0;

	at += all;
	if (at < words->count && !ds_access_parse(word_at(words, at), &net, &bits)) {
		complain(r, true, "'%.64s' is neither an address nor a subnet", word_at(words, at));
		return;
	}
	if (at + 1 < words->count)
		complain(r, true, "'%.64s' is one too many", word_at(words, at + 1));
	else if (!ds_access_add(access, &net, bits, allow, all))
		complain(r, true, "more than %d subnets", DS_ACCESS_RULES);
}

static void read_bind(struct reader *r, const struct words *words,
		      union ds_address binds[DS_CONF_BINDS])
{
	union ds_address address;

	if (!ds_address_parse(word_at(words, 1), 0, &address)) {
		complain(r, true, "'%s' takes a numeric address, not '%.64s'", word_at(words, 0),
			 word_at(words, 1));
		return;
	}
	binds[address.family == AF_INET6] = address;
}

/* Chrony's protocol is spoken on this host alone. */
static void read_cmd_bind(struct reader *r, const struct words *words)
{
	const char *text = word_at(words, 1);
	union ds_address address;

	if (text[0] == '/') {
		if (strlen(text) >= sizeof(r->conf->cmd_socket))
			complain(r, true, "the path is longer than %d characters",
				 DS_CONF_PATH - 1);
		else
			snprintf(r->conf->cmd_socket, sizeof(r->conf->cmd_socket), "%s",
				 text[1] != '\0' ? text : "");
		return;
	}
	if (!ds_address_parse(text, 0, &address))
		complain(r, true,
			 "'bindcmdaddress' takes a path or a loopback address, not '%.64s'", text);
	else if (!ds_address_is_loopback(&address))
		complain(r, false,
			 "'bindcmdaddress %.64s' is left out: chronyc is answered on loopback "
			 "alone",
			 text);
	else
		r->conf->cmd_bind[address.family == AF_INET6] = address;
}

static void read_local(struct reader *r, const struct words *words)
{
	char why[DS_FIELD_WHY];

	if (!ds_conf_local_parse(r->conf, words->word, words->count, why))
		complain(r, true, "%s", why);
}

static void read_clock(struct reader *r, const struct words *words)
{
	struct ds_conf_clock unused, *clock = r->conf->shadow ? &unused : &r->conf->clock;
	char why[DS_FIELD_WHY];

	if (!ds_conf_clock_parse(clock, words->word, words->count, r->file, r->line, why))
		complain(r, true, "%s", why);
	else if (r->conf->shadow && clock->path[0] != '\0')
		complain(r, false, "'clock' is left out in shadow, whose clock is its own");
}

static bool *log_switch(struct ds_conf *conf, const char *word)
{
	switch (word[0]) {
	case 'b':
		return &conf->log_bound;
	case 'm':
		return &conf->log_measurements;
	case 'r':
		return word[1] == 'e'	? &conf->log_refclocks
		       : word[1] == 't' ? &conf->log_rtc
					: &conf->log_raw_measurements;
	case 't':
		return &conf->log_tracking;
	default:
		return word[1] == 't'	? word[3] == 'm' ? &conf->log_stamps : &conf->log_statistics
		       : word[1] == 'e' ? &conf->log_selection
					: &conf->log_shadow;
	}
}

static const char *const auth_selects[] = {
	[DS_AUTH_SELECT_MIX] = "mix",
	[DS_AUTH_SELECT_IGNORE] = "ignore",
	[DS_AUTH_SELECT_PREFER] = "prefer",
	[DS_AUTH_SELECT_REQUIRE] = "require",
};

static void read_auth_select(struct reader *r, const char *value)
{
	for (size_t i = 0; i < sizeof(auth_selects) / sizeof(auth_selects[0]); i++)
		if (strcasecmp(value, auth_selects[i]) == 0) {
			r->conf->auth_select = (uint8_t)i;
			return;
		}
	complain(r, true, "'authselectmode' takes require, prefer, mix or ignore, not '%.64s'",
		 value);
}

static const char *const sandboxes[] = {"all", "seccomp", "landlock", "off"}; /* by the enum */

static void read_sandbox(struct reader *r, const char *value)
{
	for (size_t i = 0; i < sizeof(sandboxes) / sizeof(sandboxes[0]); i++)
		if (strcasecmp(value, sandboxes[i]) == 0) {
			r->conf->sandbox = (uint8_t)i;
			return;
		}
	complain(r, true, "'sandbox' takes all, seccomp, landlock or off, not '%.64s'", value);
}

static void read_log(struct reader *r, const struct words *words)
{
	for (unsigned at = 1; at < words->count; at++) {
		const struct ds_word *word =
			ds_words_find(&ds_words_log_options, word_at(words, at));
		if (word == NULL)
			complain_unknown(r, &ds_words_log_options, word_at(words, at));
		else if (judge(r, word, NULL))
			*log_switch(r->conf, word->word) = true;
	}
}

static void read_makestep(struct reader *r, const struct words *words)
{
	static const struct ds_field threshold = {"makestep", DS_FIELD_DOUBLE,
						  offsetof(struct ds_conf, makestep_threshold_s), 0,
						  1e9};
	static const struct ds_field limit = {"makestep", DS_FIELD_INT,
					      offsetof(struct ds_conf, makestep_limit), -1e9, 1e9};

	set_field(r, &threshold, r->conf, word_at(words, 1));
	set_field(r, &limit, r->conf, word_at(words, 2));
	/* 0 is not "never" but "whatever the error is"; the clock's own grain stands for it. */
	if (r->conf->makestep_threshold_s == 0)
		r->conf->makestep_threshold_s = 1e-9;
}

static void read_maxchange(struct reader *r, const struct words *words)
{
	static const struct ds_field fields[] = {
		{"maxchange", DS_FIELD_DOUBLE, offsetof(struct ds_conf, max_change_s), 1e-9, 1e9},
		{"maxchange", DS_FIELD_INT, offsetof(struct ds_conf, max_change_start), 0, 1e9},
		{"maxchange", DS_FIELD_INT, offsetof(struct ds_conf, max_change_ignore), -1e9, 1e9},
	};

	for (unsigned i = 0; i < 3; i++)
		set_field(r, &fields[i], r->conf, word_at(words, i + 1));
}

static void read_leap(struct reader *r, const struct words *words, bool smooth)
{
	char why[DS_FIELD_WHY];

	if (smooth ? !ds_conf_smooth_parse(r->conf, words->word, words->count, why)
		   : !ds_conf_leap_mode_parse(r->conf, word_at(words, 1), why))
		complain(r, true, "%s", why);
}

static void read_file(struct reader *from, const char *path, bool sources_only);

static void read_include(struct reader *r, const char *pattern)
{
	glob_t found = {.gl_pathc = 0};

	if (strpbrk(pattern, "*?[") == NULL) {
		read_file(r, pattern, r->sources_only);
		return;
	}
	int status = glob(pattern, GLOB_ERR, NULL, &found);
	if (status == GLOB_NOMATCH || (status == GLOB_ABORTED && errno == ENOENT))
		complain(r, false, "no file is named like '%.255s'", pattern);
	else if (status != 0)
		complain(r, true, "cannot look for '%.255s': %s", pattern, strerror(errno));
	else
		for (size_t i = 0; i < found.gl_pathc; i++)
			read_file(r, found.gl_pathv[i], r->sources_only);
	globfree(&found);
}

struct found_file {
	char name[NAME_MAX + 1];
	unsigned directory;
};

struct found_files {
	struct found_file file[FILES_MAX];
	unsigned count;
};

static int compare_found(const void *a, const void *b)
{
	const struct found_file *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : (int)x->directory - (int)y->directory;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), tail = strlen(suffix);

	return name[0] != '.' && length > tail && strcmp(name + length - tail, suffix) == 0;
}

/* A directory that does not exist is as good as an empty one. */
static void find_files(struct reader *r, const char *path, unsigned directory, const char *suffix,
		       struct found_files *found)
{
	DIR *stream = opendir(path);
	struct dirent *entry;

	if (stream == NULL) {
		if (errno != ENOENT)
			complain(r, true, "cannot open '%.255s': %s", path, strerror(errno));
		return;
	}
	while ((entry = readdir(stream)) != NULL) {
		if (!has_suffix(entry->d_name, suffix))
			continue;
		if (found->count == FILES_MAX) {
			complain(r, true, "more than %d files", FILES_MAX);
			break;
		}
		struct found_file *file = &found->file[found->count++];
		snprintf(file->name, sizeof(file->name), "%s", entry->d_name);
		file->directory = directory;
	}
	closedir(stream);
}

/* For `reload sources`. first: of its directive. */
static bool keep_source_dir(struct ds_conf *conf, const char *path, bool first)
{
	uint8_t i = conf->source_dir_count;

	if (i >= DS_CONF_SOURCE_DIRS)
		return false;
	memcpy(conf->source_dirs[i], path, strlen(path) + 1);
	conf->source_dir_of[i] = (uint8_t)(i == 0 ? 0 : conf->source_dir_of[i - 1] + first);
	conf->source_dir_count++;
	return true;
}

static void read_directories(struct reader *r, const struct words *words, bool sources)
{
	struct found_files *found = calloc(1, sizeof(*found));
	char path[DS_CONF_PATH + NAME_MAX + 2];

	if (found == NULL) {
		complain(r, true, "no memory");
		return;
	}
	for (unsigned at = 1; at < words->count; at++) {
		if (strlen(word_at(words, at)) >= DS_CONF_PATH)
			complain(r, true, "the path is longer than %d characters",
				 DS_CONF_PATH - 1);
		else if (sources && !keep_source_dir(r->conf, word_at(words, at), at == 1))
			complain(r, true, "more than %d folders of sources", DS_CONF_SOURCE_DIRS);
		else
			find_files(r, word_at(words, at), at, sources ? ".sources" : ".conf",
				   found);
	}
	qsort(found->file, found->count, sizeof(found->file[0]), compare_found);
	for (unsigned i = 0; i < found->count; i++) {
		const struct found_file *file = &found->file[i];
		if (i > 0 && strcmp(file->name, found->file[i - 1].name) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", word_at(words, file->directory), file->name);
		read_file(r, path, sources);
	}
	free(found);
}

static bool right_count(struct reader *r, const struct ds_word *word, const struct words *words)
{
	unsigned given = words->count - 1;
	const char *extra;

	if (given < word->min_args) {
		complain(r, true, "'%s' takes %s%u value%s, not %u", word->word,
			 word->max_args > word->min_args ? "at least " : "", word->min_args,
			 word->min_args == 1 ? "" : "s", given);
		return false;
	}
	if (word->max_args == DS_WORD_ANY || given <= word->max_args)
		return true;
	extra = word_at(words, 1 + word->max_args);
	complain(r, true, "'%s' takes %s%u value%s: '%.64s' is one too many%s", word->word,
		 word->max_args > word->min_args ? "at most " : "", word->max_args,
		 word->max_args == 1 ? "" : "s", extra,
		 strchr("#%;!", extra[0]) != NULL ? " (a comment needs a line of its own)" : "");
	return false;
}

static bool is(const struct ds_word *word, const char *text)
{
	return strcmp(word->word, text) == 0;
}

static void obey(struct reader *r, const struct ds_word *word, const struct words *words)
{
	const struct ds_field *field = ds_fields_find(&ds_fields_conf, word->word);
	struct ds_access unused = {.count = 0};

	if (field != NULL)
		set_field(r, field, r->conf, word_at(words, 1));
	else if (is(word, "server") || is(word, "pool"))
		read_source(r, words, DS_SOURCE_CLIENT, is(word, "pool"));
	else if (is(word, "peer") || is(word, "ephemeral"))
		read_source(r, words, is(word, "peer") ? DS_SOURCE_PEER : DS_SOURCE_EPHEMERAL,
			    false);
	else if (is(word, "broadcast"))
		read_broadcast(r, words);
	else if (is(word, "broadcastclient") || is(word, "multicastclient"))
		read_listen(r, words, is(word, "multicastclient"));
	else if (is(word, "refclock"))
		read_refclock(r, words);
	else if (is(word, "hwtimestamp"))
		read_card(r, words);
	else if (is(word, "allow") || is(word, "deny"))
		read_access(r, words, &r->conf->access, is(word, "allow"));
	else if (is(word, "cmdallow") || is(word, "cmddeny"))
		read_access(r, words, &unused, true);
	else if (is(word, "bindaddress"))
		read_bind(r, words, r->conf->bind);
	else if (is(word, "bindcmdaddress"))
		read_cmd_bind(r, words);
	else if (is(word, "bindacqaddress"))
		read_bind(r, words, r->conf->bind_acq);
	else if (is(word, "clock"))
		read_clock(r, words);
	else if (is(word, "local"))
		read_local(r, words);
	else if (is(word, "log"))
		read_log(r, words);
	else if (is(word, "authselectmode"))
		read_auth_select(r, word_at(words, 1));
	else if (is(word, "sandbox"))
		read_sandbox(r, word_at(words, 1));
	else if (is(word, "makestep"))
		read_makestep(r, words);
	else if (is(word, "maxchange"))
		read_maxchange(r, words);
	else if (is(word, "leapsecmode") || is(word, "smoothtime"))
		read_leap(r, words, is(word, "smoothtime"));
	else if (is(word, "include"))
		read_include(r, word_at(words, 1));
	else if (is(word, "confdir") || is(word, "sourcedir"))
		read_directories(r, words, is(word, "sourcedir"));
}

static bool is_source(const struct ds_word *word)
{
	return is(word, "server") || is(word, "pool") || is(word, "peer");
}

/* text: at most LINE_MAX_LENGTH characters, cut into words in place */
static void read_line(struct reader *r, char *text)
{
	struct words words = {.count = 0};
	char *rest, *next;

	text += strspn(text, BLANKS);
	if (*text == '\0' || strchr("#%;!", *text) != NULL)
		return;
	for (next = strtok_r(text, BLANKS, &rest); next != NULL;
	     next = strtok_r(NULL, BLANKS, &rest)) {
		if (words.count == WORDS_MAX) {
			complain(r, true, "more than %d words in a line", WORDS_MAX);
			return;
		}
		words.word[words.count++] = next;
	}
	const struct ds_word *word = ds_words_find(&ds_words_directives, word_at(&words, 0));
	if (word == NULL)
		complain_unknown(r, &ds_words_directives, word_at(&words, 0));
	else if (r->sources_only && !is_source(word))
		complain(
			r, true,
			"'%s' does not belong in a file of sources: 'server', 'pool' and 'peer' do",
			word->word);
	else if (right_count(r, word, &words) &&
		 judge(r, word, words.count > 1 ? words.word[1] : NULL))
		obey(r, word, &words);
}

struct raw_line {
	char text[LINE_MAX_LENGTH + 1];
	bool too_long, has_nul, ended; /* by a newline */
};

static bool get_line(FILE *in, struct raw_line *line)
{
	size_t length = 0;
	int c;

	line->too_long = line->has_nul = line->ended = false;
	while ((c = getc_unlocked(in)) != EOF && c != '\n') {
		line->has_nul |= c == '\0';
		if (length < LINE_MAX_LENGTH)
			line->text[length++] = (char)c;
		else
			line->too_long = true;
	}
	line->text[length] = '\0';
	line->ended = c == '\n';
	return line->ended || length > 0;
}

static void read_lines(struct reader *r, FILE *in)
{
	struct raw_line line;

	while (get_line(in, &line)) {
		r->line++;
		if (line.too_long)
			complain(r, true, "the line is longer than %d characters", LINE_MAX_LENGTH);
		else if (line.has_nul)
			complain(r, true, "the line holds a NUL byte");
		else if (r->sources_only && !line.ended)
			complain(r, false, "left out: the line is not ended by a newline");
		else
			read_line(r, line.text);
	}
	if (ferror(in)) {
		r->line = 0;
		complain(r, true, "cannot read: %s", strerror(errno));
	}
}

static void read_file(struct reader *from, const char *path, bool sources_only)
{
	struct reader r = *from;
	FILE *in;

	if (strlen(path) >= DS_CONF_PATH) {
		complain(from, true, "the path is longer than %d characters", DS_CONF_PATH - 1);
		return;
	}
	if (from->depth >= DEPTH_MAX) {
		complain(from, true, "files include each other more than %d deep", DEPTH_MAX);
		return;
	}
	if (*from->files >= TOTAL_MAX) {
		if (*from->files == TOTAL_MAX)
			complain(from, true, "more than %d files in all", TOTAL_MAX);
		*from->files = TOTAL_MAX + 1;
		return;
	}
	(*from->files)++;
	in = fopen(path, "re");
	if (in == NULL) {
		complain(from, true, "cannot open '%s': %s", path, strerror(errno));
		return;
	}
	r.file = path;
	r.line = 0;
	r.depth++;
	r.sources_only = sources_only;
	read_lines(&r, in);
	fclose(in);
	from->failed |= r.failed;
}

bool ds_conf_read_file(struct ds_conf *conf, const char *path, ds_conf_say *say, void *context)
{
	unsigned files = 0;
	struct reader r = {.conf = conf,
			   .say = say,
			   .context = context,
			   .files = &files,
			   .file = path,
			   .depth = -1};

	read_file(&r, path, false);
	return !r.failed;
}

bool ds_conf_read_source_dirs(const struct ds_conf *conf, struct ds_conf *out, ds_conf_say *say,
			      void *context)
{
	static char directive[] = "sourcedir";
	unsigned files = 0;
	struct reader r = {
		.conf = out, .say = say, .context = context, .files = &files, .file = "sourcedir"};
	char paths[DS_CONF_SOURCE_DIRS][DS_CONF_PATH];
	struct words words = {.word = {directive}, .count = 1};

	memcpy(paths, conf->source_dirs, sizeof(paths));
	for (int i = 0; i < conf->source_dir_count; i++) {
		words.word[words.count++] = paths[i];
		if (i + 1 < conf->source_dir_count &&
		    conf->source_dir_of[i + 1] == conf->source_dir_of[i])
			continue;
		read_directories(&r, &words, true);
		words.count = 1;
	}
	return !r.failed;
}

/* One line, wherever it came from. */
static bool read_text(struct reader *r, const char *text)
{
	char copy[LINE_MAX_LENGTH + 1];

	if (strlen(text) > LINE_MAX_LENGTH) {
		complain(r, true, "the line is longer than %d characters", LINE_MAX_LENGTH);
		return false;
	}
	memcpy(copy, text, strlen(text) + 1);
	read_line(r, copy);
	return !r->failed;
}

bool ds_conf_read_line(struct ds_conf *conf, const char *text, int line, ds_conf_say *say,
		       void *context)
{
	unsigned files = 0;
	struct reader r = {.conf = conf,
			   .say = say,
			   .context = context,
			   .files = &files,
			   .file = "command line",
			   .line = line};

	return read_text(&r, text);
}

bool ds_conf_read_source(struct ds_conf *conf, const char *text, const char *file, int line,
			 ds_conf_say *say, void *context)
{
	unsigned files = 0;
	struct reader r = {.conf = conf,
			   .say = say,
			   .context = context,
			   .files = &files,
			   .file = file,
			   .line = line,
			   .sources_only = true};

	return read_text(&r, text);
}

static const char *source_word(const struct ds_conf_source *s)
{
	switch (s->kind) {
	case DS_SOURCE_PEER:
		return "peer";
	case DS_SOURCE_EPHEMERAL:
		return "ephemeral";
	default:
		return s->pool ? "pool" : "server";
	}
}

static bool any_log(const struct ds_conf *conf)
{
	return conf->log_measurements || conf->log_raw_measurements || conf->log_statistics ||
	       conf->log_tracking || conf->log_shadow || conf->log_bound || conf->log_refclocks ||
	       conf->log_rtc || conf->log_selection || conf->log_stamps;
}

static struct ds_conf_key key_of(const struct ds_conf_source *s)
{
	return (struct ds_conf_key){s->key, s->version, s->file, s->line};
}

bool ds_conf_key(const struct ds_conf *conf, size_t i, struct ds_conf_key *key)
{
	const struct ds_conf_broadcast *b;

	if (i < conf->source_count) {
		*key = key_of(&conf->sources[i]);
		return true;
	}
	i -= conf->source_count;
	if (i < conf->listen_count) {
		*key = key_of(&conf->listens[i].source);
		return true;
	}
	i -= conf->listen_count;
	if (i >= conf->broadcast_count)
		return false;
	b = &conf->broadcasts[i];
	*key = (struct ds_conf_key){b->key, b->version, b->file, b->line};
	return true;
}

static void check_keys(struct reader *r, const struct ds_conf *conf)
{
	struct ds_conf_key key;

	for (size_t i = 0; ds_conf_key(conf, i, &key); i++) {
		struct reader there = *r;

		there.file = key.file;
		there.line = key.line;
		if (key.id != 0 && conf->key_file[0] == '\0')
			complain(&there, true, "'key %u' without 'keyfile'", (unsigned)key.id);
		if (key.id != 0 && key.version < 3)
			complain(&there, true, "'key' needs version 3 or 4");
		r->failed |= there.failed;
	}
}

/* Can what is sent to many reach our sockets? */
static void check_listen(struct reader *r, const struct ds_conf *conf,
			 const struct ds_conf_listen *l)
{
	bool six = l->group.family == AF_INET6;
	struct reader there = *r;

	there.file = l->source.file;
	there.line = l->source.line;
	if (conf->port == 0)
		complain(&there, true, "'%s' needs a port, and 'port 0' says none is open",
			 l->source.name);
	else if (l->group.family != 0 && conf->bind[six].family != 0)
		complain(&there, true,
			 "'%s' and 'bindaddress' exclude each other: a socket that is bound to an "
			 "address hears nothing that is sent to a group",
			 l->source.name);
	r->failed |= there.failed;
}

/* How many of those that can be followed have a key; all of them in *all. */
static size_t count_keyed(const struct ds_conf *conf, size_t *all)
{
	size_t keyed = 0;

	*all = 0;
	for (size_t i = 0; i < conf->source_count; i++) {
		*all += !conf->sources[i].noselect;
		keyed += !conf->sources[i].noselect && conf->sources[i].key != 0;
	}
	for (int i = 0; i < conf->listen_count; i++) {
		*all += !conf->listens[i].source.noselect;
		keyed += !conf->listens[i].source.noselect && conf->listens[i].source.key != 0;
	}
	return keyed;
}

/* Nobody forges the packets of a reference clock: it is as good as a source with a key. */
static size_t count_refclocks(const struct ds_conf *conf)
{
	size_t count = 0;

	for (int i = 0; i < conf->refclock_count; i++)
		count += !conf->refclocks[i].source.noselect;
	return count;
}

struct ds_conf_select ds_conf_select(const struct ds_conf *conf,
				     const struct ds_conf_source *source)
{
	struct ds_conf_select select = {source->noselect, source->prefer, source->trust,
					source->require};
	size_t all;
	size_t keyed = count_keyed(conf, &all), refclocks = count_refclocks(conf);
	bool authentic = source->key != 0 || source->kind == DS_SOURCE_REFCLOCK;

	if (source->noselect)
		return select;
	if (!authentic && (conf->auth_select == DS_AUTH_SELECT_REQUIRE ||
			   (conf->auth_select == DS_AUTH_SELECT_PREFER && keyed + refclocks > 0)))
		select.noselect = true;
	if (authentic && conf->auth_select == DS_AUTH_SELECT_MIX && keyed < all)
		select.trust = select.require = true;
	return select;
}

static void check_auth_select(struct reader *r, const struct ds_conf *conf)
{
	size_t all;
	size_t keyed = count_keyed(conf, &all);

	if (conf->auth_select == DS_AUTH_SELECT_REQUIRE && keyed + count_refclocks(conf) == 0 &&
	    all > 0)
		complain(r, false,
			 "'authselectmode require', and no source has a key: none is followed");
	if (conf->auth_select == DS_AUTH_SELECT_IGNORE && keyed > 0 && keyed < all)
		complain(r, false,
			 "sources with a key and without count the same; 'authselectmode "
			 "mix' believes those with a key");
}

/* A pulse is of no use without the second, and that is not told by another pulse. */
static void check_refclock(struct reader *r, const struct ds_conf *conf,
			   const struct ds_conf_refclock *c)
{
	int lock = ds_conf_refclock_lock(conf, c);
	struct reader there = *r;
	int tell = conf->source_count + conf->listen_count > 0;

	there.file = c->source.file;
	there.line = c->source.line;
	if (c->tai && conf->leap_list[0] == '\0' && conf->leap_zone[0] == '\0')
		complain(&there, true,
			 "'tai' needs 'leapseclist' or 'leapsectz': what is TAI in UTC?");
	for (const struct ds_conf_refclock *other = conf->refclocks; other < c; other++)
		if (strcmp(other->ref_id, c->ref_id) == 0)
			complain(&there, false, "two reference clocks have the 'refid' %s",
				 c->ref_id);
	for (int i = 0; i < conf->refclock_count; i++)
		tell += !ds_conf_refclock_pulses(&conf->refclocks[i]);
	if (c->lock[0] != '\0' && lock < 0)
		complain(&there, true, "'lock %s': no other reference clock has this 'refid'",
			 c->lock);
	else if (lock >= 0 && ds_conf_refclock_pulses(&conf->refclocks[lock]))
		complain(&there, true, "'lock %s': that one gives pulses, and no second", c->lock);
	else if (ds_conf_refclock_pulses(c) && tell == 0)
		complain(&there, false,
			 "%s gives pulses, and no other source tells of which seconds they are",
			 c->ref_id);
	r->failed |= there.failed;
}

static void check_leap(struct reader *r, const struct ds_conf *conf)
{
	if (conf->leap_list[0] != '\0' && conf->leap_zone[0] != '\0')
		complain(r, false, "'leapseclist' and 'leapsectz': the list counts");
	/* A step of the clock is no way to keep what is served from jumping. */
	if (conf->smooth_freq_ppm > 0 && conf->leap_mode != DS_LEAP_BY_SLEW)
		complain(r, conf->smooth_leap_only,
			 "'smoothtime' does not smooth leap seconds without 'leapsecmode slew'%s",
			 conf->smooth_leap_only ? ", and is told to smooth nothing else" : "");
}

static void check_ptp_source(struct reader *r, const struct ds_conf *conf,
			     const struct ds_conf_source *s)
{
	struct reader there = *r;

	there.file = s->file;
	there.line = s->line;
	if (s->port == DS_PTP_EVENT_PORT && conf->ptp_port != s->port)
		complain(&there, false,
			 "port 319 is PTP's; without 'ptpport 319' plain NTP is sent there");
	if (s->corrections && !ds_conf_by_ptp(conf, s))
		complain(&there, false,
			 "'extfield' is without effect: this source does not use 'ptpport'");
	else if (s->corrections && s->version != 4)
		complain(&there, false, "'extfield' needs version 4: nothing is corrected");
	else if (s->corrections && s->key != 0 && !s->trust_corrections)
		complain(&there, false,
			 "'extfield': no key covers what switches write, so it is not used; "
			 "'trustcorrections' has it used");
}

static void check_ptp(struct reader *r, const struct ds_conf *conf)
{
	if (conf->ptp_port != 0 && conf->ptp_port == conf->port)
		complain(r, true, "'ptpport' and 'port' are both %u", conf->port);
	if (conf->ptp_port != 0 && conf->ptp_port != DS_PTP_EVENT_PORT)
		complain(r, false, "'ptpport' %u: cards and switches know no other than 319",
			 conf->ptp_port);
	for (size_t i = 0; i < conf->source_count; i++)
		check_ptp_source(r, conf, &conf->sources[i]);
}

static void check_clock(struct reader *r, const struct ds_conf *conf)
{
	struct reader there = *r;
	char why[DS_FIELD_WHY];
	bool error;

	if (!ds_conf_clock_conflict(conf, &error, why))
		return;
	there.file = conf->clock.file;
	there.line = conf->clock.line;
	complain(&there, error, "%s", why);
	r->failed |= there.failed;
}

bool ds_conf_check(const struct ds_conf *conf, const char *file, ds_conf_say *say, void *context)
{
	struct reader r = {.say = say, .context = context, .file = file};

	check_keys(&r, conf);
	for (int i = 0; i < conf->listen_count; i++)
		check_listen(&r, conf, &conf->listens[i]);
	check_auth_select(&r, conf);
	check_leap(&r, conf);
	check_clock(&r, conf);
	if (conf->max_samples > 0 && conf->min_samples > conf->max_samples)
		complain(&r, false, "'minsamples' %u is above 'maxsamples' %u, which counts",
			 conf->min_samples, conf->max_samples);
	check_ptp(&r, conf);
	for (size_t i = 0; i < conf->source_count && conf->port == 0; i++) {
		const struct ds_conf_source *s = &conf->sources[i];

		if (s->kind != DS_SOURCE_CLIENT && !ds_conf_by_ptp(conf, s))
			complain(&r, true, "'%s' (%s:%d) needs the port that 'port 0' closes",
				 source_word(s), s->file, s->line);
	}
	if (any_log(conf) && conf->log_dir[0] == '\0')
		complain(&r, false, "'log' without 'logdir': no log file is written");
	if (conf->rtc_sync && conf->rtc_file[0] != '\0')
		complain(&r, false,
			 "'rtcsync' has the kernel set the real-time clock: 'rtcfile' cannot learn "
			 "how it runs");
	for (int i = 0; i < conf->refclock_count; i++)
		check_refclock(&r, conf, &conf->refclocks[i]);
	if (conf->source_count + conf->listen_count + conf->refclock_count == 0 && !conf->local)
		complain(&r, false,
			 "neither a source nor 'local': there is no time to follow or serve");
	return !r.failed;
}

bool ds_conf_shares_port(const struct ds_conf *conf)
{
	for (size_t i = 0; i < conf->source_count; i++)
		if (conf->sources[i].kind != DS_SOURCE_CLIENT)
			return true;
	return conf->broadcast_count > 0 || conf->listen_count > 0;
}

bool ds_conf_by_ptp(const struct ds_conf *conf, const struct ds_conf_source *source)
{
	return conf->ptp_port != 0 && source->port == conf->ptp_port;
}

bool ds_conf_hears_broadcasts(const struct ds_conf *conf)
{
	for (int i = 0; i < conf->listen_count; i++)
		if (conf->listens[i].group.family == 0)
			return true;
	return false;
}

static void print_source(const struct ds_conf_source *s, FILE *out)
{
	struct ds_conf_source defaults;

	source_defaults(&defaults, (enum ds_source_kind)s->kind, s->pool);
	fprintf(out, "%s%s%s", source_word(s), s->name[0] != '\0' ? " " : "", s->name);
	ds_fields_print(&ds_fields_source, s, &defaults, " ", "", out);
	if (s->corrections)
		fputs(" extfield 10A", out);
	if (s->family != AF_UNSPEC)
		fputs(s->family == AF_INET ? " ipv4" : " ipv6", out);
	fputc('\n', out);
}

/* The options of the associations that a listener makes. */
static void print_listen_source(const struct ds_conf_source *s, FILE *out)
{
	struct ds_conf_source defaults;

	source_defaults(&defaults, DS_SOURCE_LISTENER, true);
	defaults.xleave = true;
	ds_fields_print(&ds_fields_source, s, &defaults, " ", "", out);
}

static void print_refclock_source(const struct ds_conf_source *s, FILE *out)
{
	struct ds_conf_source defaults;

	source_defaults(&defaults, DS_SOURCE_REFCLOCK, false);
	defaults.max_sources = 1;
	defaults.minpoll = s->minpoll;
	defaults.maxpoll = s->maxpoll;
	ds_fields_print(&ds_fields_source, s, &defaults, " ", "", out);
}

static void print_binds(const char *word, const union ds_address binds[DS_CONF_BINDS], FILE *out)
{
	char text[DS_ADDRESS_TEXT];

	for (int i = 0; i < DS_CONF_BINDS; i++)
		if (binds[i].family != AF_UNSPEC)
			fprintf(out, "%s %s\n", word, ds_address_text(&binds[i], false, text));
}

static void print_logs(const struct ds_conf *conf, FILE *out)
{
	if (!any_log(conf))
		return;
	fprintf(out, "log%s%s%s%s%s%s%s%s%s%s\n", conf->log_measurements ? " measurements" : "",
		conf->log_raw_measurements ? " rawmeasurements" : "",
		conf->log_statistics ? " statistics" : "", conf->log_tracking ? " tracking" : "",
		conf->log_shadow ? " shadow" : "", conf->log_bound ? " bound" : "",
		conf->log_refclocks ? " refclocks" : "", conf->log_rtc ? " rtc" : "",
		conf->log_selection ? " selection" : "", conf->log_stamps ? " stamps" : "");
}

static void print_makestep(const struct ds_conf *conf, FILE *out)
{
	if (!(conf->makestep_threshold_s > 0))
		return;
	fputs("makestep ", out);
	ds_print_number(conf->makestep_threshold_s, out);
	fprintf(out, " %d\n", conf->makestep_limit);
}

static void print_maxchange(const struct ds_conf *conf, FILE *out)
{
	if (!(conf->max_change_s > 0))
		return;
	fputs("maxchange ", out);
	ds_print_number(conf->max_change_s, out);
	fprintf(out, " %d %d\n", conf->max_change_start, conf->max_change_ignore);
}

void ds_conf_print(const struct ds_conf *conf, FILE *out)
{
	struct ds_conf *defaults = malloc(sizeof(*defaults));
	char text[DS_ACCESS_TEXT];

	if (defaults == NULL)
		return;
	ds_conf_defaults(defaults);
	for (size_t i = 0; i < conf->source_count; i++)
		print_source(&conf->sources[i], out);
	for (int i = 0; i < conf->listen_count; i++)
		ds_conf_listen_print(&conf->listens[i], print_listen_source, out);
	for (int i = 0; i < conf->refclock_count; i++)
		ds_conf_refclock_print(&conf->refclocks[i], print_refclock_source, out);
	for (int i = 0; i < conf->broadcast_count; i++)
		ds_conf_broadcast_print(&conf->broadcasts[i], out);
	for (int i = 0; i < conf->card_count; i++)
		ds_conf_card_print(&conf->cards[i], out);
	if (conf->local)
		ds_conf_local_print(conf, out);
	for (uint16_t i = 0; i < conf->access.count; i++)
		fprintf(out, "%s %s\n", conf->access.rules[i].allow ? "allow" : "deny",
			ds_access_rule_text(&conf->access.rules[i], text));
	print_binds("bindaddress", conf->bind, out);
	print_binds("bindacqaddress", conf->bind_acq, out);
	print_binds("bindcmdaddress", conf->cmd_bind, out);
	if (strcmp(conf->cmd_socket, DS_CONF_CMD_SOCKET) != 0)
		fprintf(out, "bindcmdaddress %s\n",
			conf->cmd_socket[0] != '\0' ? conf->cmd_socket : "/");
	ds_fields_print(&ds_fields_conf, conf, defaults, "", "\n", out);
	if (conf->sandbox != DS_SANDBOX_ALL)
		fprintf(out, "sandbox %s\n", sandboxes[conf->sandbox]);
	if (conf->auth_select != DS_AUTH_SELECT_MIX)
		fprintf(out, "authselectmode %s\n", auth_selects[conf->auth_select]);
	print_makestep(conf, out);
	print_maxchange(conf, out);
	ds_conf_leap_print(conf, out);
	ds_conf_clock_print(&conf->clock, out);
	print_logs(conf, out);
	free(defaults);
}
