/* answers: see answers.h. */
#include "daemon/answers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/answers_read.h"
#include "daemon/daemon.h"
#include "daemon/orders.h"

#define WORDS_MOST 12 /* of a request whose words are looked at one by one */
#define BURST_MOST 255

/* A request, cut into words; and what became of it. */
struct request {
	char text[DS_ANSWERS_LINE];
	char *words[WORDS_MOST];
	int count;	    /* the verb included */
	const char *verb;   /* its name, once it is known */
	const char *rest;   /* all behind the verb, uncut */
	const char *reason; /* NULL: it is good so far */
	char error[DS_ORDER_WHY + 64];
};

struct verb {
	const char *name;
	bool writes;
	int least, most; /* words behind it; most -1: a line */
	void (*run)(struct ds_daemon *daemon, struct request *request, struct ds_json *json);
};

__attribute__((format(printf, 3, 4))) static void refuse(struct request *r, const char *reason,
							 const char *format, ...)
{
	va_list args;

	r->reason = reason;
	va_start(args, format);
	vsnprintf(r->error, sizeof r->error, format, args);
	va_end(args);
}

static bool number(const char *text, long least, long most, long *value)
{
	char *end;

	*value = strtol(text, &end, 10);
	return end != text && *end == '\0' && *value >= least && *value <= most;
}

/* "from N", or nothing. */
static uint32_t from(struct request *r)
{
	long value = 0;

	if (r->count == 1)
		return 0;
	if (r->count != 3 || strcasecmp(r->words[1], "from") != 0 ||
	    !number(r->words[2], 0, INT32_MAX, &value))
		refuse(r, "bad-arguments", "%s takes nothing, or: from NUMBER", r->words[0]);
	return (uint32_t)value;
}

/* ---- those that show ---- */

static void run_status(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	(void)r;
	ds_show_status(d, j);
}

static void run_sources(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	ds_show_sources(d, from(r), j);
}

static void run_sourcestats(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	ds_show_sourcestats(d, from(r), j);
}

static void run_select(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	ds_show_select(d, from(r), j);
}

static void run_exchanges(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	long count = DS_HISTORY_RECORDS;

	if (r->count > 2 && !number(r->words[2], 1, DS_HISTORY_RECORDS, &count))
		refuse(r, "bad-arguments", "'%s' is no number from 1 to %d", r->words[2],
		       DS_HISTORY_RECORDS);
	else if (!ds_show_exchanges(d, r->words[1], (uint32_t)count, j))
		refuse(r, "no-such-source", "there is no source '%s'", r->words[1]);
}

static void run_server(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	(void)r;
	ds_show_server(d, j);
}

static void run_clients(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	ds_show_clients(d, from(r), j);
}

static void run_stamps(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	(void)r;
	ds_show_stamps(d, j);
}

static void run_bound(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	(void)r;
	ds_show_bound(d, j);
}

static void run_counters(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	(void)r;
	ds_show_counters(d, j);
}

static void run_metrics(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	(void)r;
	ds_show_metrics(d, j);
}

static void run_version(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	const char *name;
	bool writes;

	(void)d;
	(void)r;
	ds_json_text(j, "version", DS_VERSION);
	ds_json_bool(j, "interleaved", DS_INTERLEAVE_BUILT);
	ds_json_open(j, "verbs", '[');
	for (size_t i = 0; (name = ds_answers_verb(i, &writes)) != NULL; i++)
		ds_json_text(j, NULL, name);
	ds_json_close(j, ']');
}

/* ---- those that change ---- */

static void conclude(struct request *r, enum ds_order_result result, const char *why)
{
	static const char *const reasons[] = {NULL, "bad-arguments", "no-such-source", "full",
					      "refused"};

	if (result != DS_ORDER_DONE)
		refuse(r, reasons[result], "%s", why);
}

static void tell_changed(struct ds_json *j, uint32_t count, const char *why)
{
	ds_json_count(j, "changed", count);
	ds_json_text(j, "words", why);
}

static void state(struct ds_daemon *d, struct request *r, enum ds_order_state to, struct ds_json *j)
{
	char why[DS_ORDER_WHY];
	uint32_t count;

	conclude(r, ds_orders_online(d, to, r->count > 1 ? r->words[1] : NULL, &count, why), why);
	tell_changed(j, count, why);
}

static void run_online(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	state(d, r, DS_ORDER_ONLINE, j);
}

static void run_offline(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	state(d, r, DS_ORDER_OFFLINE, j);
}

static void run_onoffline(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	state(d, r, DS_ORDER_ONOFFLINE, j);
}

static void run_burst(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	char why[DS_ORDER_WHY];
	char *slash = strchr(r->words[1], '/');
	long good, most;
	uint32_t count;

	if (slash != NULL)
		*slash = '\0';
	if (slash == NULL || !number(r->words[1], 1, BURST_MOST, &good) ||
	    !number(slash + 1, good, BURST_MOST, &most)) {
		refuse(r, "bad-arguments", "burst takes GOOD/MOST, 1 to %d, GOOD at most MOST",
		       BURST_MOST);
		return;
	}
	conclude(r,
		 ds_orders_burst(d, (int)good, (int)most, r->count > 2 ? r->words[2] : NULL, &count,
				 why),
		 why);
	tell_changed(j, count, why);
}

static void run_makestep(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	char why[DS_ORDER_WHY];
	int64_t offset_ns = 0;

	conclude(r, ds_orders_makestep(d, &offset_ns, why), why);
	ds_json_int(j, "offset_ns", offset_ns);
	ds_json_text(j, "words", why);
}

static void run_reload(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	char why[DS_ORDER_WHY];
	uint32_t count;

	if (r->count > 1 && strcasecmp(r->words[1], "sources") != 0) {
		refuse(r, "bad-arguments", "reload takes nothing, or: sources");
		return;
	}
	conclude(r, ds_orders_reload(d, &count, why), why);
	tell_changed(j, count, why);
}

static void run_add(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	char why[DS_ORDER_WHY];

	conclude(r, ds_orders_add(d, r->rest, why), why);
	ds_json_text(j, "words", why);
}

static void run_delete(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	char why[DS_ORDER_WHY];
	uint32_t count;

	conclude(r, ds_orders_delete(d, r->words[1], &count, why), why);
	tell_changed(j, count, why);
}

static void run_cyclelogs(struct ds_daemon *d, struct request *r, struct ds_json *j)
{
	char why[DS_ORDER_WHY];

	conclude(r, ds_orders_cyclelogs(d, why), why);
	ds_json_text(j, "words", why);
}

/* ---- the table ---- */

static const struct verb verbs[] = {
	{"status", false, 0, 0, run_status},
	{"sources", false, 0, 2, run_sources},
	{"sourcestats", false, 0, 2, run_sourcestats},
	{"select", false, 0, 2, run_select},
	{"exchanges", false, 1, 2, run_exchanges},
	{"server", false, 0, 0, run_server},
	{"clients", false, 0, 2, run_clients},
	{"stamps", false, 0, 0, run_stamps},
	{"bound", false, 0, 0, run_bound},
	{"counters", false, 0, 0, run_counters},
	{"version", false, 0, 0, run_version},
	{"metrics", false, 0, 0, run_metrics},
	{"online", true, 0, 1, run_online},
	{"offline", true, 0, 1, run_offline},
	{"onoffline", true, 0, 0, run_onoffline},
	{"burst", true, 1, 2, run_burst},
	{"makestep", true, 0, 0, run_makestep},
	{"reload", true, 0, 1, run_reload},
	{"add", true, 1, -1, run_add},
	{"delete", true, 1, 1, run_delete},
	{"cyclelogs", true, 0, 0, run_cyclelogs},
};

#define VERBS (sizeof verbs / sizeof verbs[0])

const char *ds_answers_verb(size_t i, bool *writes)
{
	if (i >= VERBS)
		return NULL;
	*writes = verbs[i].writes;
	return verbs[i].name;
}

static const struct verb *find(const char *word)
{
	for (size_t i = 0; i < VERBS; i++)
		if (strcasecmp(word, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

static void refuse_unknown(struct request *r)
{
	const char *nearest = NULL;
	size_t most = 0;

	/* By the longest beginning that is the same; verbs are short. */
	for (size_t i = 0; i < VERBS; i++) {
		size_t same = 0;

		while (r->words[0][same] != '\0' && r->words[0][same] == verbs[i].name[same])
			same++;
		if (same > most) {
			most = same;
			nearest = verbs[i].name;
		}
	}
	if (most >= 2)
		refuse(r, "unknown-verb", "there is no verb '%.40s'; the nearest is '%s'",
		       r->words[0], nearest);
	else
		refuse(r, "unknown-verb", "there is no verb '%.40s'; 'version' names them all",
		       r->words[0]);
}

/* ---- a request ---- */

/* Cut into words; those beyond WORDS_MOST stay in the last one, which no verb takes. */
static void cut(struct request *r, const char *line)
{
	char *at;

	snprintf(r->text, sizeof r->text, "%s", line);
	r->rest = line;
	r->rest += strspn(r->rest, " \t");
	r->rest += strcspn(r->rest, " \t");
	r->rest += strspn(r->rest, " \t");
	for (at = r->text; r->count < WORDS_MOST;) {
		at += strspn(at, " \t");
		if (*at == '\0')
			break;
		r->words[r->count++] = at;
		at += strcspn(at, " \t");
		if (*at == '\0')
			break;
		*at++ = '\0';
	}
}

static bool is_text(const char *line)
{
	for (; *line != '\0'; line++)
		if ((*line < 0x20 && *line != '\t') || *line > 0x7e)
			return false;
	return true;
}

static const struct verb *judge(struct request *r, const char *line, bool may_write)
{
	const struct verb *verb;

	if (strlen(line) >= DS_ANSWERS_LINE || !is_text(line)) {
		refuse(r, "bad-request",
		       "a request is one line of printable ASCII, at most %d bytes",
		       DS_ANSWERS_LINE - 1);
		return NULL;
	}
	cut(r, line);
	if (r->count == 0) {
		refuse(r, "bad-request", "an empty line");
		return NULL;
	}
	verb = find(r->words[0]);
	r->verb = verb != NULL ? verb->name : "";
	if (verb == NULL)
		refuse_unknown(r);
	else if (verb->writes && !may_write)
		refuse(r, "not-allowed", "'%s' is for root and the daemon's own user", verb->name);
	else if (r->count - 1 < verb->least)
		refuse(r, "bad-arguments", "'%s' lacks a word behind it", verb->name);
	else if (verb->most >= 0 && r->count - 1 > verb->most)
		refuse(r, "bad-arguments", "'%s' takes at most %d words", verb->name, verb->most);
	return r->reason == NULL ? verb : NULL;
}

static void open_answer(const struct ds_daemon *d, const char *verb, bool ok, struct ds_json *j)
{
	struct ds_reading now;

	ds_clock_read(d->timekeeper.clock, &now);
	ds_json_open(j, NULL, '{');
	ds_json_int(j, "schema", DS_ANSWERS_SCHEMA);
	ds_json_text(j, "verb", verb);
	ds_json_bool(j, "ok", ok);
	ds_json_moment(j, "now_ns", now.clock_ns);
}

static size_t close_answer(struct ds_json *j)
{
	ds_json_close(j, '}');
	ds_json_newline(j);
	return j->used;
}

static size_t refusal(const struct ds_daemon *d, const char *verb, const char *reason,
		      const char *error, char *buffer, size_t size)
{
	struct ds_json j;

	ds_json_begin(&j, buffer, size);
	open_answer(d, verb, false, &j);
	ds_json_text(&j, "reason", reason);
	ds_json_text(&j, "error", error);
	return close_answer(&j);
}

size_t ds_answer_bad_request(const struct ds_daemon *d, const char *why, char *buffer, size_t size)
{
	return refusal(d, "", "bad-request", why, buffer, size);
}

size_t ds_answer(struct ds_daemon *d, const char *line, bool may_write, char *buffer, size_t size)
{
	struct request r = {.verb = ""};
	const struct verb *verb = judge(&r, line, may_write);
	struct ds_json j;

	ds_json_begin(&j, buffer, size);
	if (verb != NULL) {
		open_answer(d, r.verb, true, &j);
		verb->run(d, &r, &j);
		close_answer(&j);
	}
	if (r.reason == NULL && j.full)
		refuse(&r, "too-long", "the answer would be longer than %zu bytes", size);
	if (r.reason == NULL)
		return j.used;
	return refusal(d, r.verb, r.reason, r.error, buffer, size);
}
