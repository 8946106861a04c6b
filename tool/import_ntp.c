/* import_ntp: ntp.conf of ntpd and of ntpsec. It must never serve a client that was refused, nor
 * follow a source without the key it had. Words: ntp.conf(5) of both. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lab/nearest.h"
#include "tool/import.h"
#include "tool/import_ntp.h"

#define TRUSTED_MOST 256

/* What the file says as a whole, before any of its lines is decided. */
struct ntp {
	struct ds_import *import;
	unsigned long trusted[TRUSTED_MOST];
	int trusted_count;
	bool multicast; /* multicastclient */
	bool no_auth;	/* disable auth */
	bool any_default, step;
};

typedef enum ds_import_fate decide(struct ntp *ntp, const struct ds_import_line *l);

static bool same(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

/* Word `at`, or "". */
static const char *word(const struct ds_import_line *l, int at)
{
	return at < l->words ? l->word[at] : "";
}

static enum ds_import_fate written(bool done)
{
	return done ? DS_IMPORT_CHANGED : DS_IMPORT_DROPPED;
}

/* ---- sources ---- */

struct option {
	const char *theirs, *ours; /* ours NULL: left out, `why` */
	int values;
	const char *why;
};
static const struct option options[] = {
	{"burst", "burst", 0, NULL},
	{"iburst", "iburst", 0, NULL},
	{"key", "key", 1, NULL},
	{"minpoll", "minpoll", 1, NULL},
	{"maxpoll", "maxpoll", 1, NULL},
	{"noselect", "noselect", 0, NULL},
	{"prefer", "prefer", 0, NULL},
	{"true", "trust", 0, NULL},
	{"version", "version", 1, NULL},
	{"xleave", "xleave", 0, NULL},
	{"bias", "offset", 1, NULL},
	{"xmtnonce", NULL, 0, "requests have a random nonce in any case"},
	{"preempt", NULL, 0, "sources are not thrown out for better ones"},
	{"mode", NULL, 1, "only of use to reference clocks"},
	{"ttl", NULL, 1, "only of use to broadcasts"},
	{"subtype", NULL, 1, "only of use to reference clocks"},
};

/* Authentication by certificates, which we do not have. */
static bool by_certificate(const char *text)
{
	return same(text, "nts") || same(text, "autokey");
}

static const struct option *find_option(const char *text)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (same(options[i].theirs, text))
			return &options[i];
	return NULL;
}

static void source_options(struct ds_import *import, struct ds_import_source *s,
			   const struct ds_import_line *l, int at)
{
	while (at < l->words) {
		const struct option *option = find_option(l->word[at]);
		const char *value = NULL;

		if (option == NULL) {
			ds_import_why(import, "unknown option '%.60s' left out", l->word[at++]);
			s->changed = true;
			continue;
		}
		at++;
		if (option->values > 0)
			value = word(l, at++);
		if (option->ours != NULL)
			ds_import_source_option(import, s, option->ours, value);
		else
			ds_import_why(import, "'%s' left out: %s", option->theirs, option->why);
		s->changed |= option->ours == NULL || !same(option->ours, option->theirs);
	}
}

static enum ds_import_fate source(struct ntp *ntp, const struct ds_import_line *l)
{
	struct ds_import *import = ntp->import;
	const char *family = NULL;
	struct ds_import_source s;
	int at = 1;

	if (same(word(l, at), "-4") || same(word(l, at), "-6"))
		family = l->word[at++][1] == '4' ? "ipv4" : "ipv6";
	if (at >= l->words) {
		ds_import_why(import, "'%.60s' names nobody", l->word[0]);
		return DS_IMPORT_DROPPED;
	}
	if (strncmp(l->word[at], "127.127.", 8) == 0)
		return ds_import_ntp_clock(import, l);
	for (int i = at + 1; i < l->words; i++) {
		if (!by_certificate(l->word[i]))
			continue;
		import->certified_dropped++;
		import->sources_dropped++;
		ds_import_why(import,
			      "'%.20s' is not supported: without it the source would be "
			      "followed unauthenticated, which would weaken this host",
			      l->word[i]);
		return DS_IMPORT_DROPPED;
	}
	ds_import_source_begin(&s, l->word[0], l->word[at]);
	if (family != NULL) {
		ds_import_source_option(import, &s, family, NULL);
		s.changed = true;
		ds_import_why(import, "'-%c' is '%s' here", family[3], family);
	}
	source_options(import, &s, l, at + 1);
	return ds_import_source_end(import, &s);
}

static enum ds_import_fate broadcast(struct ntp *ntp, const struct ds_import_line *l)
{
	struct ds_import *import = ntp->import;
	int at = 1 + (word(l, 1)[0] == '-'), poll = 6;
	char rest[256] = "";
	const char *address = word(l, at);

	for (at++; at < l->words; at++) {
		size_t length = strlen(rest);

		if (same(l->word[at], "minpoll"))
			poll = atoi(word(l, ++at));
		else if (same(l->word[at], "key") || same(l->word[at], "ttl") ||
			 same(l->word[at], "version")) {
			snprintf(rest + length, sizeof(rest) - length, " %s %.20s", l->word[at],
				 word(l, at + 1));
			at++;
		} else if (same(l->word[at], "xleave"))
			snprintf(rest + length, sizeof(rest) - length, " xleave");
		else if (by_certificate(l->word[at])) {
			ds_import_why(import,
				      "'%.20s' is not supported: clients could not check "
				      "what is sent",
				      l->word[at]);
			return DS_IMPORT_DROPPED;
		} else
			ds_import_why(import, "'%.60s' left out", l->word[at]);
	}
	if (strstr(rest, " key ") != NULL && !import->has_keys) {
		ds_import_why(import, "it needs a key, and the old file names no file with keys");
		return DS_IMPORT_DROPPED;
	}
	if (poll < 0 || poll > 17)
		poll = 6;
	ds_import_why(import, "the interval is written in seconds");
	return written(ds_import_write(import, "broadcast %d %.200s%s", 1 << poll, address, rest));
}

static enum ds_import_fate listener(struct ntp *ntp, const struct ds_import_line *l)
{
	bool many = same(l->word[0], "multicastclient");
	const char *group = many && l->words > 1 ? l->word[1] : "224.0.1.1";
	char line[256];

	snprintf(line, sizeof(line), "%s%s%.100s", many ? "multicastclient" : "broadcastclient",
		 many ? " " : "", many ? group : "");
	if (ntp->trusted_count == 1) {
		ds_import_why(ntp->import, "the key is named here");
		return written(ds_import_write(ntp->import, "%s key %lu", line, ntp->trusted[0]));
	}
	if (ntp->no_auth) {
		ds_import_why(ntp->import, "'disable auth' is said here in plain words");
		return written(ds_import_write(ntp->import, "%s unauthenticated", line));
	}
	ntp->import->sources_dropped++;
	ds_import_why(ntp->import,
		      "'%s' needs one key by which broadcasts are believed: write "
		      "'%s key ID', one line a key",
		      l->word[0], line);
	return DS_IMPORT_DROPPED;
}

/* ---- who is served ---- */

/* Bits of a mask; -1: it has holes, or is none. */
static int mask_bits(const char *text)
{
	union ds_address mask;
	const uint8_t *bytes;
	int most, count = 0;

	if (!ds_address_parse(text, 0, &mask))
		return -1;
	most = mask.family == AF_INET6 ? 128 : 32;
	bytes = mask.family == AF_INET6 ? mask.in6.sin6_addr.s6_addr
					: (const uint8_t *)&mask.in.sin_addr;
	while (count < most && (bytes[count / 8] & (0x80 >> count % 8)) != 0)
		count++;
	for (int i = count; i < most; i++)
		if ((bytes[i / 8] & (0x80 >> i % 8)) != 0)
			return -1;
	return count;
}

struct restriction {
	char net[128]; /* "": everybody */
	bool is_default, is_source, refused, bad;
};

static void restriction_flag(struct ds_import *import, const struct ds_import_line *l, int *at,
			     struct restriction *r)
{
	static const char *const quiet[] = {"kod",	 "nomodify",	"noquery",     "nopeer",
					    "noepeer",	 "notrap",	"limited",     "version",
					    "ntpport",	 "lowpriotrap", "ippeerlimit", "epeer",
					    "nomrulist", "noserverinfo"};
	const char *flag = l->word[*at];

	if (same(flag, "ippeerlimit"))
		++*at;
	if (same(flag, "ignore") || same(flag, "noserve")) {
		r->refused = true;
		return;
	}
	if (same(flag, "notrust") || same(flag, "flake") || same(flag, "mssntp")) {
		r->refused |= same(flag, "notrust");
		ds_import_why(import, "'%.20s' is not supported%s", flag,
			      same(flag, "notrust") ? ": nobody there is served, since no key is "
						      "asked for"
						    : "");
		return;
	}
	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++)
		if (same(flag, quiet[i])) {
			if (same(flag, "limited"))
				ds_import_why(import, "'limited': every request is answered, by "
						      "one packet no longer than it");
			return;
		}
	ds_import_why(import, "unknown word '%.60s'", flag);
}

static void restriction_net(struct ds_import *import, const struct ds_import_line *l, int *at,
			    struct restriction *r)
{
	const char *family = NULL, *net;
	union ds_address address;
	char base[128];
	size_t length;
	int bits;

	if (same(word(l, *at), "-4") || same(word(l, *at), "-6"))
		family = l->word[(*at)++];
	net = word(l, (*at)++);
	r->is_default = same(net, "default") || same(net, "0.0.0.0") || same(net, "::");
	r->is_source = same(net, "source");
	length = strcspn(net, "/");
	snprintf(base, sizeof(base), "%.*s", (int)(length < 100 ? length : 100), net);
	if (r->is_default && (family != NULL || !same(net, "default")))
		snprintf(r->net, sizeof(r->net), "%s",
			 net[0] == ':' || (family != NULL && family[1] == '6') ? "::/0" : "0/0");
	else if (!r->is_default)
		snprintf(r->net, sizeof(r->net), "%.100s", net);
	r->bad = !r->is_default && !r->is_source && !ds_address_parse(base, 0, &address);
	if (r->bad)
		ds_import_why(import, "'%.60s' is a name: 'allow' and 'deny' take addresses", net);
	if (!same(word(l, *at), "mask"))
		return;
	bits = mask_bits(word(l, *at + 1));
	if (bits < 0 && !r->is_default) {
		r->bad = true;
		ds_import_why(import, "the mask '%.60s' is no prefix", word(l, *at + 1));
	} else if (bits >= 0 && !r->is_default) {
		snprintf(r->net, sizeof(r->net), "%.100s/%d", base, bits);
	}
	*at += 2;
}

/* restrict ADDRESS [mask MASK] [FLAG]...: the most specific one counts, there as here. */
static enum ds_import_fate restriction(struct ntp *ntp, const struct ds_import_line *l)
{
	struct ds_import *import = ntp->import;
	struct restriction r = {.net = ""};
	int at = 1;

	restriction_net(import, l, &at, &r);
	for (; at < l->words; at++)
		restriction_flag(import, l, &at, &r);
	if (r.is_source) {
		ds_import_why(import, "a source may answer our requests and no more, whatever else "
				      "is allowed");
		return DS_IMPORT_CHANGED;
	}
	if (r.bad) {
		if (r.refused)
			ds_import_why(import, "who was refused is served where another line allows "
					      "it: write a 'deny' with the address");
		return DS_IMPORT_DROPPED;
	}
	if (r.is_default && !r.refused)
		ds_import_why(import, "ntpd serves whoever asks, and so does this line; leave it "
				      "out where this host is to serve nobody");
	else
		ds_import_why(import, "%s %s; nothing can be changed from outside in any case",
			      r.net[0] != '\0' ? r.net : "everybody",
			      r.refused ? "is refused" : "is served");
	return written(ds_import_write(import, "%s%s%s", r.refused ? "deny" : "allow",
				       r.net[0] != '\0' ? " " : "", r.net));
}

static enum ds_import_fate interface(struct ntp *ntp, const struct ds_import_line *l)
{
	struct ds_import *import = ntp->import;
	const char *action = word(l, 1), *what = word(l, 2);
	union ds_address address;

	if (same(action, "ignore") || same(action, "drop")) {
		if (same(what, "wildcard") || same(what, "all")) {
			ds_import_why(import, "only what is named by 'listen' is heard");
			return DS_IMPORT_CHANGED;
		}
		ds_import_why(import,
			      "'%.20s %.60s': interfaces cannot be taken out; name the one "
			      "to serve by 'binddevice', or use 'deny'",
			      action, what);
		return DS_IMPORT_DROPPED;
	}
	if (!same(action, "listen") || what[0] == '\0') {
		ds_import_why(import, "'%.60s' is no action of '%.20s'", action, l->word[0]);
		return DS_IMPORT_DROPPED;
	}
	if (same(what, "all") || same(what, "wildcard") || same(what, "ipv4") ||
	    same(what, "ipv6")) {
		ds_import_why(import, "all addresses are listened at by default");
		return DS_IMPORT_CHANGED;
	}
	if (ntp->multicast) {
		ds_import_why(import,
			      "a socket that is bound hears no multicast: all addresses are "
			      "listened at");
		return DS_IMPORT_DROPPED;
	}
	if (!ds_address_parse(what, 0, &address))
		return written(ds_import_write(import, "binddevice %.60s", what));
	if (import->conf->bind[address.family == AF_INET6].family != 0) {
		ds_import_why(import, "'bindaddress' takes one address of each family, and there "
				      "is one already");
		return DS_IMPORT_DROPPED;
	}
	return written(ds_import_write(import, "bindaddress %.100s", what));
}

/* ---- files and logs ---- */

static enum ds_import_fate driftfile(struct ntp *ntp, const struct ds_import_line *l)
{
	ds_import_why(ntp->import, "ours has another form: it holds how sure the value is, too");
	ds_import_advise(ntp->import,
			 "The frequency that was learnt: its sign is the other way round in our "
			 "drift file. Before the first start: awk '{ print -$1, 1 }' %.200s "
			 "> " DS_IMPORT_DRIFT,
			 word(l, 1));
	return written(ds_import_write(ntp->import, "driftfile " DS_IMPORT_DRIFT));
}

static enum ds_import_fate leapfile(struct ntp *ntp, const struct ds_import_line *l)
{
	ds_import_why(ntp->import, "'leapfile' is 'leapseclist' here");
	return written(ds_import_write(ntp->import, "leapseclist %.250s", word(l, 1)));
}

static enum ds_import_fate statsdir(struct ntp *ntp, const struct ds_import_line *l)
{
	(void)l;
	ds_import_why(ntp->import,
		      "our logs have other columns (chrony's), and a folder of their own");
	return written(ds_import_write(ntp->import, "logdir " DS_IMPORT_LOGS));
}

/* Which log of ours says what that one said? */
static const char *our_log(const char *theirs)
{
	static const char *const pairs[][2] = {{"loopstats", "tracking"},
					       {"peerstats", "statistics"},
					       {"rawstats", "rawmeasurements"},
					       {"clockstats", "refclocks"}};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (same(pairs[i][0], theirs))
			return pairs[i][1];
	return NULL;
}

static enum ds_import_fate statistics(struct ntp *ntp, const struct ds_import_line *l)
{
	char line[256] = "log";

	for (int at = 1; at < l->words; at++) {
		const char *ours = our_log(l->word[at]);
		size_t length = strlen(line);

		if (ours != NULL)
			snprintf(line + length, sizeof(line) - length, " %s", ours);
		ds_import_why(ntp->import, "'%.20s' %s%s", l->word[at],
			      ours != NULL ? "is " : "has no counterpart",
			      ours != NULL ? ours : "");
	}
	if (line[3] == '\0')
		return DS_IMPORT_DROPPED;
	return written(ds_import_write(ntp->import, "%s", line));
}

/* filegen NAME [file F] [type T] [enable|disable] [link|nolink] */
static enum ds_import_fate filegen(struct ntp *ntp, const struct ds_import_line *l)
{
	const char *ours = our_log(word(l, 1));

	for (int at = 2; at < l->words; at++)
		if (same(l->word[at], "disable"))
			ours = NULL;
	if (ours == NULL) {
		ds_import_why(ntp->import, "'%.20s' is not written", word(l, 1));
		return DS_IMPORT_DROPPED;
	}
	ds_import_why(ntp->import, "'%.20s' is %s; logrotate begins new files", word(l, 1), ours);
	return written(ds_import_write(ntp->import, "log %s", ours));
}

static enum ds_import_fate keys(struct ntp *ntp, const struct ds_import_line *l)
{
	struct ds_import *import = ntp->import;
	const char *to = import->keys_to != NULL ? import->keys_to : DS_IMPORT_KEYS;

	ds_import_keys(import, word(l, 1), ntp->trusted, ntp->trusted_count);
	ds_import_why(import, "ours has another form");
	if (import->keys_to == NULL)
		ds_import_advise(import,
				 "The key file has to be converted: drivestamp import "
				 "--output-keys " DS_IMPORT_KEYS " ... writes it (mode 0600; "
				 "nothing of a key is shown).");
	return written(ds_import_write(import, "keyfile %.250s", to));
}

static enum ds_import_fate trusted(struct ntp *ntp, const struct ds_import_line *l)
{
	(void)l;
	ds_import_why(ntp->import, "the key file that is written holds these alone");
	return DS_IMPORT_CHANGED;
}

/* ---- the clock and the choice ---- */

static enum ds_import_fate orphan(struct ds_import *import, const char *value)
{
	if (atoi(value) >= 16 || atoi(value) < 1) {
		ds_import_why(import, "'orphan %.20s' switches it off", value);
		return DS_IMPORT_CHANGED;
	}
	return written(ds_import_write(import, "local stratum %.20s orphan", value));
}

static enum ds_import_fate tos(struct ntp *ntp, const struct ds_import_line *l)
{
	struct ds_import *import = ntp->import;
	enum ds_import_fate fate = DS_IMPORT_DROPPED, one;

	for (int at = 1; at + 1 < l->words; at += 2) {
		const char *value = l->word[at + 1];

		if (same(l->word[at], "minsane"))
			one = written(ds_import_write(import, "minsources %.20s", value));
		else if (same(l->word[at], "maxdist"))
			one = written(ds_import_write(import, "maxdistance %.20s", value));
		else if (same(l->word[at], "orphan"))
			one = orphan(import, value);
		else {
			ds_import_why(import,
				      "'%.20s' left out: sources are chosen and combined "
				      "in another way",
				      l->word[at]);
			continue;
		}
		if (one == DS_IMPORT_CHANGED)
			fate = one;
	}
	if (l->words % 2 == 0)
		ds_import_why(import, "'%.20s' has no value", l->word[l->words - 1]);
	if (fate == DS_IMPORT_CHANGED && (l->words - 1) / 2 == 1)
		ds_import_why(import, "in our words");
	return fate;
}

static enum ds_import_fate step(struct ds_import *import, double threshold)
{
	if (threshold > 0)
		return written(ds_import_write(import, "makestep %g -1", threshold));
	ds_import_why(import, "the clock is never stepped, as here by default");
	return DS_IMPORT_CHANGED;
}

static enum ds_import_fate panic(struct ds_import *import, double threshold)
{
	if (threshold > 0)
		return written(ds_import_write(import, "maxchange %g 1 0", threshold));
	ds_import_why(import, "no change is too large, as here by default");
	return DS_IMPORT_CHANGED;
}

static enum ds_import_fate tinker(struct ntp *ntp, const struct ds_import_line *l)
{
	struct ds_import *import = ntp->import;
	enum ds_import_fate fate = DS_IMPORT_DROPPED, one;

	for (int at = 1; at < l->words; at += 2) {
		double value = strtod(word(l, at + 1), NULL);

		if (!isfinite(value) || fabs(value) > 1e9)
			value = 0;
		if (same(l->word[at], "step"))
			one = step(import, value);
		else if (same(l->word[at], "panic"))
			one = panic(import, value);
		else {
			ds_import_why(import,
				      "'%.20s' left out: the clock is steered in another way",
				      l->word[at]);
			continue;
		}
		if (one == DS_IMPORT_CHANGED)
			fate = one;
	}
	return fate;
}

static enum ds_import_fate flag(struct ds_import *import, const char *what, bool enable)
{
	static const struct {
		const char *word;
		int is; /* how it is here: 1, 0; -1: cannot be had */
		const char *why;
	} flags[] = {
		{"auth", -2, ""},
		{"bclient", -2, ""},
		{"calibrate", 0, "reference clocks are compared by 'offset' alone"},
		{"kernel", 1, "the clock is steered through the kernel"},
		{"mode7", 0, "nothing of the kind is answered"},
		{"monitor", 0, "no list of clients can be asked for from outside"},
		{"ntp", 1, "the clock is steered; start with -x where it is not to be"},
		{"pps", 1, "see 'refclock PPS'"},
		{"stats", 1, "see 'log'"},
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!same(flags[i].word, what))
			continue;
		if (flags[i].is == -2) {
			ds_import_why(import, "'%s': see the lines that it concerns", what);
			return DS_IMPORT_CHANGED;
		}
		ds_import_why(import, "'%s': %s", what, flags[i].why);
		return flags[i].is == (int)enable ? DS_IMPORT_CHANGED : DS_IMPORT_DROPPED;
	}
	ds_import_why(import, "unknown word '%.60s'", what);
	return DS_IMPORT_DROPPED;
}

static enum ds_import_fate flags(struct ntp *ntp, const struct ds_import_line *l)
{
	bool enable = same(l->word[0], "enable");
	enum ds_import_fate fate = DS_IMPORT_DROPPED;

	for (int at = 1; at < l->words; at++) {
		if (flag(ntp->import, l->word[at], enable) == DS_IMPORT_CHANGED)
			fate = DS_IMPORT_CHANGED;
		if (enable && same(l->word[at], "bclient"))
			return listener(ntp, l);
	}
	return fate;
}

static enum ds_import_fate mru(struct ntp *ntp, const struct ds_import_line *l)
{
	for (int at = 1; at + 1 < l->words; at += 2)
		if (same(l->word[at], "maxmem")) {
			double bytes = strtod(l->word[at + 1], NULL) * 1024;

			if (!(bytes >= 2048 && bytes <= 2147483648.0))
				continue;
			ds_import_why(ntp->import, "memory for what is known of clients");
			return written(ds_import_write(ntp->import, "clientloglimit %.0f", bytes));
		}
	ds_import_why(ntp->import, "'mru': the list of clients has a fixed size");
	return DS_IMPORT_DROPPED;
}

static enum ds_import_fate pidfile(struct ntp *ntp, const struct ds_import_line *l)
{
	(void)l;
	ds_import_why(ntp->import, "ours has a place of its own");
	return written(ds_import_write(ntp->import, "pidfile /run/drivestamp/drivestampd.pid"));
}

static enum ds_import_fate include(struct ntp *ntp, const struct ds_import_line *l)
{
	if (l->trouble != NULL) {
		ds_import_why(ntp->import, "what it includes was not read: %s", l->trouble);
		return DS_IMPORT_DROPPED;
	}
	ds_import_why(ntp->import, "what it includes stands here");
	return DS_IMPORT_CHANGED;
}

static enum ds_import_fate measured(struct ntp *ntp, const struct ds_import_line *l)
{
	(void)l;
	ds_import_why(ntp->import, "what a broadcast takes is measured");
	return DS_IMPORT_CHANGED;
}

static enum ds_import_fate clock(struct ntp *ntp, const struct ds_import_line *l)
{
	return ds_import_ntp_clock(ntp->import, l);
}

static enum ds_import_fate fudge(struct ntp *ntp, const struct ds_import_line *l)
{
	return ds_import_ntp_fudge(ntp->import, l);
}

/* ---- the table ---- */

static const struct {
	const char *word;
	decide *decide; /* NULL: dropped, `why` */
	const char *why;
} directives[] = {
	{"server", source, NULL},
	{"pool", source, NULL},
	{"peer", source, NULL},
	{"broadcast", broadcast, NULL},
	{"broadcastclient", listener, NULL},
	{"multicastclient", listener, NULL},
	{"refclock", clock, NULL},
	{"fudge", fudge, NULL},
	{"restrict", restriction, NULL},
	{"interface", interface, NULL},
	{"nic", interface, NULL},
	{"driftfile", driftfile, NULL},
	{"leapfile", leapfile, NULL},
	{"statsdir", statsdir, NULL},
	{"statistics", statistics, NULL},
	{"filegen", filegen, NULL},
	{"keys", keys, NULL},
	{"trustedkey", trusted, NULL},
	{"tos", tos, NULL},
	{"tinker", tinker, NULL},
	{"enable", flags, NULL},
	{"disable", flags, NULL},
	{"mru", mru, NULL},
	{"pidfile", pidfile, NULL},
	{"includefile", include, NULL},
	{"include", include, NULL},
	{"automax", NULL, "there is no Autokey"},
	{"broadcastdelay", measured, NULL},
	{"calldelay", NULL, "there are no modems"},
	{"controlkey", NULL,
	 "ntpq's protocol is not answered: nothing can be changed from outside"},
	{"requestkey", NULL,
	 "ntpdc's protocol is not answered: nothing can be changed from outside"},
	{"crypto", NULL, "there is no Autokey: sources that use it are left out"},
	{"discard", NULL, "every allowed request is answered"},
	{"dscp", NULL, "packets are sent with the default class"},
	{"ident", NULL, "there is no Autokey"},
	{"keysdir", NULL, "there is no Autokey"},
	{"leapsmearinterval", NULL,
	 "clients get UTC; for a smear see 'smoothtime' with 'leapsecmode slew'"},
	{"logconfig", NULL, "what is worth a message is logged, with its priority"},
	{"logfile", NULL, "messages go to the system's log"},
	{"manycastclient", NULL, "servers are not looked for: name them"},
	{"manycastserver", NULL, "requests to a group are not answered"},
	{"mdnstries", NULL, "nothing is announced by mDNS"},
	{"nonvolatile", NULL, "the drift file is written when it is worth it"},
	{"nts", NULL,
	 "there is no NTS: clients find no key exchange, and sources that use it are "
	 "left out"},
	{"ntpsigndsocket", NULL, "clients get no signed answers (MS-SNTP)"},
	{"phone", NULL, "there are no modems"},
	{"poolport", NULL, "pools are asked at port 123"},
	{"qos", NULL, "packets are sent with the default class"},
	{"reset", NULL, "a command for a running ntpd"},
	{"revoke", NULL, "there is no Autokey"},
	{"rlimit", NULL, "memory is bounded by itself"},
	{"saveconfigdir", NULL, "a configuration cannot be saved from outside"},
	{"setvar", NULL, "ntpq's protocol is not answered"},
	{"simulate", NULL, "see drivestamp-sim"},
	{"tick", NULL, "the tick is the kernel's"},
	{"trap", NULL, "nobody is sent traps"},
	{"ttl", NULL, "servers are not looked for: name them"},
	{"unpeer", NULL, "leave the source out"},
	{"unrestrict", NULL, "leave the 'restrict' out"},
};

#define DIRECTIVES ((int)(sizeof(directives) / sizeof(directives[0])))

static enum ds_import_fate unknown(struct ds_import *import, const struct ds_import_line *l)
{
	const char *words[DIRECTIVES], *nearest;

	for (int i = 0; i < DIRECTIVES; i++)
		words[i] = directives[i].word;
	nearest = ds_lab_nearest(l->word[0], words, DIRECTIVES);
	ds_import_why(import, "unknown word '%.64s'%s%s%s", l->word[0],
		      nearest != NULL ? "; the nearest known one is '" : "",
		      nearest != NULL ? nearest : "", nearest != NULL ? "'" : "");
	return DS_IMPORT_DROPPED;
}

static enum ds_import_fate decide_line(struct ntp *ntp, const struct ds_import_line *l)
{
	if (l->too_many) {
		ds_import_why(ntp->import, "'%.64s': the line is too long", l->word[0]);
		return DS_IMPORT_DROPPED;
	}
	for (int i = 0; i < DIRECTIVES; i++) {
		if (!same(directives[i].word, l->word[0]))
			continue;
		if (directives[i].decide != NULL && l->words == 1 &&
		    !same(l->word[0], "broadcastclient") && !same(l->word[0], "multicastclient")) {
			ds_import_why(ntp->import, "'%.64s' needs a value", l->word[0]);
			return DS_IMPORT_DROPPED;
		}
		if (directives[i].decide != NULL)
			return directives[i].decide(ntp, l);
		ds_import_why(ntp->import, "'%s' has no counterpart: %s", directives[i].word,
			      directives[i].why);
		return DS_IMPORT_DROPPED;
	}
	return unknown(ntp->import, l);
}

static void trusted_range(struct ntp *ntp, const char *text)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10);

	if (end != text && first > 0 && ntp->trusted_count < TRUSTED_MOST)
		ntp->trusted[ntp->trusted_count++] = first;
}

/* trustedkey 1 2 (5 ... 9) */
static void find_trusted(struct ntp *ntp, const struct ds_import_line *l)
{
	for (int at = 1; at < l->words; at++) {
		const char *text = l->word[at] + (l->word[at][0] == '(');

		if (same(word(l, at + 1), "...")) {
			unsigned long last = strtoul(word(l, at + 2), NULL, 10);

			for (unsigned long id = strtoul(text, NULL, 10);
			     id > 0 && id <= last && ntp->trusted_count < TRUSTED_MOST; id++)
				ntp->trusted[ntp->trusted_count++] = id;
			at += 2;
		} else {
			trusted_range(ntp, text);
		}
	}
}

static void look_over(struct ntp *ntp)
{
	for (int i = 0; i < ntp->import->line_count; i++) {
		const struct ds_import_line *l = ntp->import->lines[i];

		if (l->words == 0)
			continue;
		ntp->import->has_keys |= same(l->word[0], "keys");
		ntp->multicast |= same(l->word[0], "multicastclient");
		if (same(l->word[0], "trustedkey"))
			find_trusted(ntp, l);
		for (int at = 1; at < l->words; at++) {
			ntp->no_auth |= same(l->word[0], "disable") && same(l->word[at], "auth");
			ntp->step |= same(l->word[0], "tinker") && same(l->word[at], "step");
			ntp->any_default |=
				same(l->word[0], "restrict") && same(l->word[at], "default");
		}
	}
}

void ds_import_ntp(struct ds_import *import)
{
	struct ntp *ntp = calloc(1, sizeof(*ntp));
	const char *file = NULL;

	if (ntp == NULL)
		abort();
	ntp->import = import;
	look_over(ntp);
	for (int i = 0; i < import->line_count; i++) {
		struct ds_import_line *l = import->lines[i];

		if (file != NULL && l->file != file)
			fprintf(import->out, "# from %s\n", l->file);
		file = l->file;
		if (l->words == 0) {
			ds_import_comment(import, l->text);
			continue;
		}
		if (same(l->word[0], "crypto"))
			snprintf(l->text, 7, "crypto"); /* a password may follow */
		ds_import_begin(import, l);
		ds_import_end(import, l, decide_line(ntp, l));
	}
	if (!ntp->any_default)
		ds_import_add(
			import, "allow",
			"ntpd serves whoever asks where no 'restrict default' says otherwise; "
			"leave this out where this host is to serve nobody");
	if (!ntp->step)
		ds_import_add(import, "makestep 1 3",
			      "ntpd steps the clock whenever it is off by 0.128 s; this sets it at "
			      "the start, and later it is slewed");
	ds_import_add(import, "rtcsync", "ntpd has the kernel keep the real-time clock right, too");
	free(ntp);
}
