/*
 * orders: see orders.h. Reading takes memory for as long as it lasts: half a configuration is never
 * in force.
 */
#include "daemon/orders.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/record.h"

#define BURST_APART_NS                                                                             \
	(INT64_C(200) * 1000000)    /* the first requests of bursts of several sources */
#define ORDERED_BY "control socket" /* the file of lines that were added */

static void say(char why[DS_ORDER_WHY], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(char why[DS_ORDER_WHY], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, DS_ORDER_WHY, format, arguments);
	va_end(arguments);
}

/* ---- which sources ---- */

struct chosen {
	const char *text; /* "": all */
	bool numeric;	  /* an address, or those of a net */
	uint8_t bits;
	union ds_address net;
};

/* How many bits a mask has; false where it has a hole. */
static bool mask_bits(const char *text, uint8_t *bits)
{
	uint8_t bytes[16];
	union ds_address a;
	size_t size;

	if (!ds_address_parse(text, 0, &a))
		return false;
	size = a.family == AF_INET ? 4 : 16;
	if (a.family == AF_INET)
		memcpy(bytes, &a.in.sin_addr, size);
	else
		memcpy(bytes, &a.in6.sin6_addr, size);
	*bits = 0;
	for (size_t i = 0; i < 8 * size; i++) {
		bool set = (bytes[i / 8] >> (7 - i % 8) & 1) != 0;

		if (set && *bits < i)
			return false;
		*bits = (uint8_t)(*bits + set);
	}
	return true;
}

static bool parse_bits(const char *text, uint8_t most, uint8_t *bits)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || value > most)
		return false;
	*bits = (uint8_t)value;
	return true;
}

/* ADDRESS/BITS, ADDRESS/MASK, and MASK/ADDRESS as older chronyc has it. */
static bool parse_net(const char *text, struct chosen *c)
{
	char first[DS_ADDRESS_TEXT];
	const char *slash = strchr(text, '/');
	size_t length = (size_t)(slash - text);

	if (length >= sizeof first)
		return false;
	memcpy(first, text, length);
	first[length] = '\0';
	if (!ds_address_parse(first, 0, &c->net))
		return false;
	if (parse_bits(slash + 1, c->net.family == AF_INET ? 32 : 128, &c->bits))
		return true;
	if (mask_bits(slash + 1, &c->bits))
		return true;
	return mask_bits(first, &c->bits) && ds_address_parse(slash + 1, 0, &c->net);
}

static bool choose(const char *which, struct chosen *c, char why[DS_ORDER_WHY])
{
	memset(c, 0, sizeof *c);
	c->text = which != NULL ? which : "";
	why[0] = '\0';
	if (strchr(c->text, '/') == NULL) {
		c->numeric = ds_address_parse(c->text, 0, &c->net);
		c->bits = c->net.family == AF_INET ? 32 : 128;
		return true;
	}
	c->numeric = parse_net(c->text, c);
	if (!c->numeric)
		say(why, "'%.64s' is neither ADDRESS/BITS nor ADDRESS/MASK", c->text);
	return c->numeric;
}

static bool is_all(const struct chosen *c)
{
	return c->text[0] == '\0';
}

static bool is_named(const struct chosen *c, const struct ds_conf_source *conf)
{
	return is_all(c) || strcasecmp(c->text, conf->name) == 0;
}

static bool has_address(const struct chosen *c, const union ds_address *address)
{
	return c->numeric && ds_access_within(&c->net, c->bits, address);
}

/* Is that place's source one of them? */
static bool is_meant(const struct chosen *c, const struct ds_source *s)
{
	return s->address.family != 0 && (is_named(c, s->conf) || has_address(c, &s->address));
}

/* A source of another kind that was named: why it cannot be ordered about. */
static enum ds_order_result nobody(const struct ds_daemon *d, const struct chosen *c,
				   char why[DS_ORDER_WHY])
{
	for (uint32_t i = 0; i < d->sources.count && !is_all(c); i++) {
		const struct ds_source *s = &d->sources.table[i];

		if (!is_meant(c, s))
			continue;
		say(why, "'%.64s' is %s: that is not possible with it", c->text,
		    s->conf->kind == DS_SOURCE_REFCLOCK	   ? "a reference clock"
		    : s->conf->kind == DS_SOURCE_LISTENER  ? "heard by broadcasts"
		    : s->conf->kind == DS_SOURCE_PEER	   ? "a peer"
		    : s->conf->kind == DS_SOURCE_EPHEMERAL ? "an ephemeral peer"
							   : "refusing to serve");
		return DS_ORDER_REFUSED;
	}
	if (is_all(c))
		return DS_ORDER_DONE;
	say(why, "no source has the name or address '%.64s'", c->text);
	return DS_ORDER_NO_SUCH;
}

/* ---- online, offline, burst ---- */

static bool to_be_offline(enum ds_order_state state, const struct ds_source *s)
{
	union ds_address local;

	if (state == DS_ORDER_ONOFFLINE)
		return !ds_socket_local_for(&s->address, &local);
	return state == DS_ORDER_OFFLINE;
}

/* A hook that looks for routes at each change of the network is no reason to ask again who refused
 * to serve us (KoD); `online` is. */
static void set_place(struct ds_daemon *d, uint32_t i, enum ds_order_state state)
{
	const struct ds_source *s = &d->sources.table[i];
	bool offline = to_be_offline(state, s);

	if (state != DS_ORDER_ONOFFLINE || offline != s->offline)
		ds_sources_set_place_offline(&d->sources, i, offline);
}

/* Where an address has to be found first nobody knows whether there is a route to it: it is looked
 * for. */
static uint32_t set_group(struct ds_daemon *d, struct ds_source_group *g, enum ds_order_state state)
{
	struct ds_sources *s = &d->sources;
	uint32_t count = 0;

	if (state != DS_ORDER_ONOFFLINE) {
		ds_sources_set_offline(s, g, state == DS_ORDER_OFFLINE);
	} else {
		for (uint32_t i = 0; i < s->count; i++)
			if (ds_sources_group_of(s, i) == g && s->table[i].address.family != 0)
				set_place(d, i, state);
		g->offline = false;
	}
	for (uint32_t i = 0; i < s->count; i++)
		count += ds_sources_group_of(s, i) == g && s->table[i].address.family != 0;
	return count > 0 || !g->wanted ? count : 1;
}

enum ds_order_result ds_orders_online(struct ds_daemon *d, enum ds_order_state state,
				      const char *which, uint32_t *count, char why[DS_ORDER_WHY])
{
	struct ds_sources *s = &d->sources;
	struct chosen c;

	*count = 0;
	if (!choose(which, &c, why))
		return DS_ORDER_BAD;
	for (uint32_t i = 0; i < s->group_count; i++)
		if (s->groups[i].conf != NULL && is_named(&c, s->groups[i].conf))
			*count += set_group(d, &s->groups[i], state);
	for (uint32_t i = 0; i < s->count && c.numeric; i++) {
		struct ds_source *source = &s->table[i];
		struct ds_source_group *g = ds_sources_group_of(s, i);

		if (g == NULL || is_named(&c, g->conf) || source->address.family == 0 ||
		    !has_address(&c, &source->address))
			continue;
		set_place(d, i, state);
		++*count;
	}
	if (*count == 0)
		return nobody(d, &c, why);
	say(why, "%" PRIu32 " source%s %s", *count, *count == 1 ? "" : "s",
	    state == DS_ORDER_ONLINE	? "online"
	    : state == DS_ORDER_OFFLINE ? "offline"
					: "online where there is a route");
	ds_log(DS_LOG_NOTICE, "ordered: %s%s%s", why, is_all(&c) ? "" : ": ", c.text);
	return DS_ORDER_DONE;
}

/* Peers answer when they want to, and who refuses to serve is not asked. */
static bool can_burst(const struct ds_source *s)
{
	return s->conf->kind == DS_SOURCE_CLIENT && (s->offline || s->due_ns != INT64_MAX);
}

enum ds_order_result ds_orders_burst(struct ds_daemon *d, int good, int most, const char *which,
				     uint32_t *count, char why[DS_ORDER_WHY])
{
	int64_t due_ns = ds_monotonic_ns();
	struct chosen c;

	*count = 0;
	if (!choose(which, &c, why))
		return DS_ORDER_BAD;
	if (good < 1 || most < good || most > UINT8_MAX) {
		say(why, "a burst is GOOD/MOST with 1 <= GOOD <= MOST <= 255, not %d/%d", good,
		    most);
		return DS_ORDER_BAD;
	}
	for (uint32_t i = 0; i < d->sources.count; i++) {
		struct ds_source *s = &d->sources.table[i];

		if (!is_meant(&c, s) || !can_burst(s))
			continue;
		ds_source_order_burst(s, (uint8_t)good, (uint8_t)most, due_ns);
		due_ns += BURST_APART_NS;
		++*count;
	}
	if (*count == 0)
		return nobody(d, &c, why);
	say(why, "a burst of %d/%d of %" PRIu32 " source%s", good, most, *count,
	    *count == 1 ? "" : "s");
	ds_log(DS_LOG_NOTICE, "ordered: %s", why);
	return DS_ORDER_DONE;
}

/* ---- makestep ---- */

enum ds_order_result ds_orders_makestep(struct ds_daemon *d, int64_t *offset_ns,
					char why[DS_ORDER_WHY])
{
	char reason[DS_TIMEKEEPER_WHY];

	why[0] = '\0';
	if (!ds_timekeeper_step(&d->timekeeper, offset_ns, reason)) {
		say(why, "%s", reason);
		return DS_ORDER_REFUSED;
	}
	ds_log(DS_LOG_NOTICE, "ordered: makestep, %.9f s were left", (double)*offset_ns * 1e-9);
	if (*offset_ns == 0) {
		say(why, "nothing was left to be stepped");
		return DS_ORDER_DONE;
	}
	ds_shadowing_update(&d->shadowing);
	ds_serve_clock_stepped(&d->serve);
	ds_refclocks_clock_stepped(&d->refclocks);
	return DS_ORDER_DONE;
}

/* ---- sources that come and go ---- */

/* Everything that is kept by place and is not of the place's address. */
static void forget(struct ds_daemon *d, uint64_t places)
{
	for (uint32_t i = 0; i < DS_SOURCES_MAX; i++) {
		if ((places >> i & 1) == 0)
			continue;
		ds_timekeeper_forget(&d->timekeeper, i);
		ds_history_forget(&d->history, i);
	}
}

/* The line and all its sources. */
static void remove_line(struct ds_daemon *d, const struct ds_conf_source *line)
{
	struct ds_conf *conf = &d->conf;
	size_t at = (size_t)(line - conf->sources);

	forget(d, ds_sources_remove(&d->sources, line));
	ds_sources_lines_move(&d->sources, line);
	conf->source_count--;
	memmove(&conf->sources[at], &conf->sources[at + 1],
		(conf->source_count - at) * sizeof conf->sources[0]);
	memset(&conf->sources[conf->source_count], 0, sizeof conf->sources[0]);
}

/* What a reader says: the first error is for who ordered. */
struct listener {
	char *why; /* DS_ORDER_WHY bytes */
	bool logs;
};

static void hear(void *context, bool error, const char *file, int line, const char *text)
{
	const struct listener *l = context;

	if (l->logs)
		ds_log_say(NULL, error, file, line, text);
	if (!error || l->why[0] != '\0')
		return;
	if (line > 0)
		say(l->why, "%.100s:%d: %.140s", file, line, text);
	else
		say(l->why, "%.100s: %.140s", file, text);
}

/* What a line needs that the configuration does not show. */
static bool is_possible(const struct ds_daemon *d, const struct ds_conf_source *line,
			struct listener *l)
{
	enum ds_ptp_form form = ds_conf_by_ptp(&d->conf, line) ? DS_PTP_STANDARD : DS_PTP_NONE;

	if (line->key != 0 &&
	    !ds_keys_require(&d->keys, line->key, line->file, line->line, hear, l))
		return false;
	if (line->kind != DS_SOURCE_PEER || ds_serve_socket(&d->serve, AF_INET, form)->fd >= 0 ||
	    ds_serve_socket(&d->serve, AF_INET6, form)->fd >= 0)
		return true;
	hear(l, true, line->file, line->line,
	     "a peer needs the server's port, which was not opened at the start");
	return false;
}

/* There is room: see ds_sources_free(). */
static void add_line(struct ds_daemon *d, const struct ds_conf_source *line)
{
	struct ds_conf_source *place = &d->conf.sources[d->conf.source_count++];

	*place = *line;
	ds_sources_add(&d->sources, place);
}

/* A line of the same name, or of an address that is asked already. */
static bool is_there(const struct ds_daemon *d, const struct ds_conf_source *line)
{
	union ds_address address;
	bool numeric = ds_address_parse(line->name, line->port, &address);
	bool found = false;

	for (size_t i = 0; i < d->conf.source_count; i++)
		found |= strcasecmp(d->conf.sources[i].name, line->name) == 0;
	for (uint32_t i = 0; i < d->sources.count && numeric; i++)
		found |= ds_address_same_host(&d->sources.table[i].address, &address);
	return found;
}

static enum ds_order_result check_line(const struct ds_daemon *d, const struct ds_conf_source *line,
				       struct ds_conf *scratch, struct listener *l)
{
	if (is_there(d, line)) {
		say(l->why, "%.64s is a source already", line->name);
		return DS_ORDER_REFUSED;
	}
	if (d->conf.source_count == DS_CONF_SOURCES ||
	    ds_sources_wanted(line) > ds_sources_free(&d->sources)) {
		say(l->why, "no place for %.64s: at most %d lines and %d sources in all",
		    line->name, DS_CONF_SOURCES, DS_SOURCES_MAX);
		return DS_ORDER_FULL;
	}
	/* As the configuration is checked as a whole, with this line besides. */
	memcpy(scratch, &d->conf, sizeof *scratch);
	scratch->sources[scratch->source_count++] = *line;
	return ds_conf_check(scratch, line->file, hear, l) && is_possible(d, line, l)
		       ? DS_ORDER_DONE
		       : DS_ORDER_REFUSED;
}

static enum ds_order_result add_text(struct ds_daemon *d, const char *text, struct ds_conf *scratch,
				     char why[DS_ORDER_WHY])
{
	static int added; /* which order it was, for messages */
	struct listener l = {.why = why};
	struct ds_conf_source line;
	enum ds_order_result result;

	ds_conf_defaults(scratch);
	scratch->shadow = d->conf.shadow;
	if (!ds_conf_read_source(scratch, text, ORDERED_BY, added + 1, hear, &l))
		return DS_ORDER_BAD;
	if (scratch->source_count == 0) {
		say(why, "a line of a source is 'server', 'pool' or 'peer', a name, and options");
		return DS_ORDER_BAD;
	}
	line = scratch->sources[0];
	line.from_sourcedir = false;
	result = check_line(d, &line, scratch, &l);
	if (result != DS_ORDER_DONE)
		return result;
	add_line(d, &line);
	added++;
	ds_log(DS_LOG_NOTICE, "ordered: add %s (%s:%d)", line.name, line.file, line.line);
	return DS_ORDER_DONE;
}

/* What the folders say now, against what is in force. */
struct reload {
	struct ds_conf read;	    /* of the folders alone */
	struct ds_conf combined;    /* what would be in force */
	bool kept[DS_CONF_SOURCES]; /* lines of `read` that are in force already, ... */
	const struct ds_conf_source *as[DS_CONF_SOURCES]; /* ... here */
	bool stays[DS_CONF_SOURCES];			  /* lines in force */
};
/* Of one order at a time. Untouched, and so no memory, until the first that reads lines. */
static struct reload scratch;

enum ds_order_result ds_orders_add(struct ds_daemon *d, const char *line, char why[DS_ORDER_WHY])
{
	why[0] = '\0';
	return add_text(d, line, &scratch.combined, why);
}

/* One that is named by its address: of several of one line it alone goes. */
static bool delete_place(struct ds_daemon *d, uint32_t place)
{
	struct ds_source_group *g = ds_sources_group_of(&d->sources, place);
	struct ds_source *s = &d->sources.table[place];

	if (g == NULL)
		return false;
	if (g->conf->kind == DS_SOURCE_EPHEMERAL) { /* the line may have another there */
		ds_source_stop(s, d->sources.context.counters);
		s->address.family = 0;
		d->sources.news = true;
	} else if (g->numeric || (g->places & (g->places - 1)) == 0) {
		remove_line(d, g->conf);
		return true;
	} else {
		ds_sources_remove_place(&d->sources, place);
	}
	forget(d, UINT64_C(1) << place);
	return true;
}

static uint32_t delete_named(struct ds_daemon *d, const struct chosen *c)
{
	uint32_t count = 0;

	for (size_t i = d->conf.source_count; i-- > 0;) {
		const struct ds_conf_source *line = &d->conf.sources[i];

		if (line->kind == DS_SOURCE_EPHEMERAL || !is_named(c, line))
			continue;
		remove_line(d, line);
		count++;
	}
	return count;
}

enum ds_order_result ds_orders_delete(struct ds_daemon *d, const char *which, uint32_t *count,
				      char why[DS_ORDER_WHY])
{
	struct chosen c;

	*count = 0;
	if (!choose(which, &c, why))
		return DS_ORDER_BAD;
	if (is_all(&c) || strchr(c.text, '/') != NULL) {
		say(why, "name the source that is to be deleted, by its name or address");
		return DS_ORDER_BAD;
	}
	*count = delete_named(d, &c);
	for (uint32_t i = 0; i < d->sources.count && c.numeric; i++)
		if (d->sources.table[i].address.family != 0 &&
		    has_address(&c, &d->sources.table[i].address))
			*count += delete_place(d, i);
	if (*count == 0)
		return nobody(d, &c, why);
	ds_log(DS_LOG_NOTICE, "ordered: delete %s", c.text);
	return DS_ORDER_DONE;
}

/* ---- reload ---- */

/* Do the two lines say the same, wherever they stand? Both began as zeroes, gaps included; where
 * they did not, a source begins anew for nothing. */
static bool say_the_same(const struct ds_conf_source *a, const struct ds_conf_source *b)
{
	union bytes {
		struct ds_conf_source line;
		unsigned char bytes[sizeof(struct ds_conf_source)];
	} copies[2];

	memcpy(copies[0].bytes, a, sizeof *a);
	memcpy(copies[1].bytes, b, sizeof *b);
	for (int i = 0; i < 2; i++) {
		memset(copies[i].line.file, 0, sizeof copies[i].line.file);
		copies[i].line.line = 0;
	}
	return memcmp(copies[0].bytes, copies[1].bytes, sizeof copies[0].bytes) == 0;
}

static void compare(const struct ds_daemon *d, struct reload *r)
{
	for (size_t i = 0; i < d->conf.source_count; i++) {
		const struct ds_conf_source *line = &d->conf.sources[i];

		r->stays[i] = !line->from_sourcedir;
		for (size_t k = 0; k < r->read.source_count && !r->stays[i]; k++) {
			if (r->kept[k] || !say_the_same(line, &r->read.sources[k]))
				continue;
			r->stays[i] = r->kept[k] = true;
			r->as[k] = line;
		}
	}
}

/* Is the whole of it a good configuration, with a place for every source? */
static enum ds_order_result check_reload(const struct ds_daemon *d, struct reload *r,
					 struct listener *l)
{
	uint32_t free = ds_sources_free(&d->sources);
	uint32_t wanted = 0;

	memcpy(&r->combined, &d->conf, sizeof r->combined);
	r->combined.source_count = 0;
	for (size_t i = 0; i < d->conf.source_count; i++) {
		if (r->stays[i])
			r->combined.sources[r->combined.source_count++] = d->conf.sources[i];
		else
			free += ds_sources_held(&d->sources, &d->conf.sources[i]);
	}
	for (size_t k = 0; k < r->read.source_count; k++) {
		if (r->kept[k])
			continue;
		wanted += ds_sources_wanted(&r->read.sources[k]);
		if (r->combined.source_count == DS_CONF_SOURCES || wanted > free) {
			hear(l, true, r->read.sources[k].file, r->read.sources[k].line,
			     "no place is left for this source");
			return DS_ORDER_FULL;
		}
		r->combined.sources[r->combined.source_count++] = r->read.sources[k];
	}
	if (!ds_conf_check(&r->combined, "reload", hear, l))
		return DS_ORDER_REFUSED;
	for (size_t k = 0; k < r->read.source_count; k++)
		if (!r->kept[k] && !is_possible(d, &r->read.sources[k], l))
			return DS_ORDER_REFUSED;
	return DS_ORDER_DONE;
}

static uint32_t carry_out(struct ds_daemon *d, struct reload *r)
{
	uint32_t changed = 0;

	for (size_t k = 0; k < r->read.source_count; k++) {
		if (!r->kept[k])
			continue;
		struct ds_conf_source *line = &d->conf.sources[r->as[k] - d->conf.sources];
		memcpy(line->file, r->read.sources[k].file, sizeof line->file);
		line->line = r->read.sources[k].line;
	}
	for (size_t i = d->conf.source_count; i-- > 0;) {
		const struct ds_conf_source *line = &d->conf.sources[i];

		if (r->stays[i])
			continue;
		ds_log(DS_LOG_NOTICE, "reload: %s (%s:%d) is gone", line->name, line->file,
		       line->line);
		remove_line(d, line);
		changed++;
	}
	for (size_t k = 0; k < r->read.source_count; k++) {
		const struct ds_conf_source *line = &r->read.sources[k];

		if (r->kept[k])
			continue;
		ds_log(DS_LOG_NOTICE, "reload: %s (%s:%d) is new", line->name, line->file,
		       line->line);
		add_line(d, line);
		changed++;
	}
	return changed;
}

static enum ds_order_result reload(struct ds_daemon *d, struct reload *r, struct listener *l,
				   uint32_t *count)
{
	enum ds_order_result result = DS_ORDER_REFUSED;

	ds_conf_defaults(&r->read);
	r->read.shadow = d->conf.shadow;
	if (ds_conf_read_source_dirs(&d->conf, &r->read, hear, l)) {
		compare(d, r);
		result = check_reload(d, r, l);
	}
	if (result == DS_ORDER_DONE)
		*count = carry_out(d, r);
	else
		ds_log(DS_LOG_ERROR, "reload: nothing was changed");
	return result;
}

static enum ds_order_result reload_folders(struct ds_daemon *d, uint32_t *count,
					   char why[DS_ORDER_WHY])
{
	struct listener l = {.why = why, .logs = true};
	enum ds_order_result result;

	if (d->conf.source_dir_count == 0) {
		say(why, "no 'sourcedir' is configured: there is nothing to be read again");
		return DS_ORDER_DONE;
	}
	memset(&scratch, 0, sizeof scratch);
	result = reload(d, &scratch, &l, count);
	if (result == DS_ORDER_DONE)
		ds_log(DS_LOG_NOTICE, "sources were read again: %" PRIu32 " changed", *count);
	return result;
}

enum ds_order_result ds_orders_reload(struct ds_daemon *d, uint32_t *count, char why[DS_ORDER_WHY])
{
	enum ds_order_result result;

	*count = 0;
	why[0] = '\0';
	result = reload_folders(d, count, why);
	/* Who edits it and orders a reload believes that it is in force. */
	if (result == DS_ORDER_DONE && d->conf_file != NULL &&
	    ds_file_is_changed(d->conf_file, &d->conf_mark)) {
		ds_log(DS_LOG_WARNING,
		       "reload: %s was changed since the start: a restart reads it again",
		       d->conf_file);
		say(why,
		    "%" PRIu32 " changed; and %.128s was since the start: a restart reads it again",
		    *count, d->conf_file);
	}
	return result;
}

/* ---- logs ---- */

enum ds_order_result ds_orders_cyclelogs(struct ds_daemon *d, char why[DS_ORDER_WHY])
{
	int lacking = ds_record_cycle(&d->conf);

	why[0] = '\0';
	if (lacking > 0) {
		say(why, "%d of the logs cannot be opened; the log says why", lacking);
		return DS_ORDER_REFUSED;
	}
	ds_log(DS_LOG_INFO, "ordered: measurement logs are opened anew");
	return DS_ORDER_DONE;
}
