/* orders: see orders.h. */
#include "daemon/orders.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/record.h"
#include "daemon/start.h"
#include "os/socket.h"

/* Lines that are read before it is known whether they are good; too large for a stack. */
static struct ds_conf scratch;

__attribute__((format(printf, 3, 4))) static enum ds_order_result
give_up(enum ds_order_result result, char why[DS_ORDER_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, DS_ORDER_WHY, format, args);
	va_end(args);
	return result;
}

/* ---- which ---- */

enum how { ALL, BY_NAME, BY_NET };

struct which {
	enum how how;
	const char *name;
	union ds_address net;
	uint8_t bits;
};

/* "255.255.255.0" in bits; false for what is no mask. */
static bool mask_bits(const char *text, uint8_t *bits)
{
	union ds_address mask;
	uint32_t value;

	if (!ds_address_parse(text, 0, &mask) || mask.family != AF_INET)
		return false;
	value = ntohl(mask.in.sin_addr.s_addr);
	for (*bits = 0; *bits < 32 && (value & UINT32_C(0x80000000)) != 0; (*bits)++)
		value <<= 1;
	return value == 0;
}

static bool parse_which(const char *text, struct which *w)
{
	char address[DS_ADDRESS_TEXT];
	const char *slash = text != NULL ? strchr(text, '/') : NULL;
	char *end;
	long bits;

	*w = (struct which){.how = ALL, .name = text};
	if (text == NULL || text[0] == '\0')
		return true;
	w->how = BY_NAME;
	if (slash == NULL)
		return true;
	w->how = BY_NET;
	if ((size_t)(slash - text) >= sizeof address)
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!ds_address_parse(address, 0, &w->net))
		return false;
	if (mask_bits(slash + 1, &w->bits))
		return w->net.family == AF_INET;
	bits = strtol(slash + 1, &end, 10);
	if (end == slash + 1 || *end != '\0' || bits < 0 ||
	    bits > (w->net.family == AF_INET ? 32 : 128))
		return false;
	w->bits = (uint8_t)bits;
	return true;
}

static bool is_meant(const struct which *w, const struct ds_source *s)
{
	char text[DS_ADDRESS_TEXT];

	if (s->address.family == 0)
		return false;
	if (w->how == ALL)
		return true;
	if (w->how == BY_NET)
		return s->address.family != DS_ADDRESS_REFCLOCK &&
		       ds_access_within(&w->net, w->bits, &s->address);
	return strcmp(ds_address_text(&s->address, false, text), w->name) == 0 ||
	       strcasecmp(s->conf->name, w->name) == 0;
}

static bool is_asked(const struct ds_source *s)
{
	return s->conf->kind == DS_SOURCE_CLIENT || s->conf->kind == DS_SOURCE_PEER;
}

/* ---- online, offline, burst ---- */

static bool has_route(const struct ds_source *s)
{
	union ds_address local;

	return ds_socket_local_for(&s->address, &local);
}

/* Names that are not resolved yet have places without an address: they are meant by their name, and
 * by "all". */
static bool is_meant_unresolved(const struct which *w, const struct ds_source_group *g)
{
	return g->conf != NULL && g->conf->kind == DS_SOURCE_CLIENT &&
	       (w->how == ALL || (w->how == BY_NAME && strcasecmp(g->conf->name, w->name) == 0));
}

static void set_unresolved(struct ds_daemon *d, const struct which *w, bool online)
{
	for (uint32_t i = 0; i < d->sources.group_count; i++) {
		const struct ds_source_group *g = &d->sources.groups[i];

		if (!is_meant_unresolved(w, g))
			continue;
		for (uint32_t k = g->first; k < (uint32_t)g->first + g->count; k++)
			if (d->sources.table[k].address.family == 0)
				ds_sources_set_online(&d->sources, k, online);
	}
}

static bool any_unresolved(const struct ds_daemon *d, const struct which *w)
{
	bool any = false;

	for (uint32_t i = 0; i < d->sources.group_count; i++)
		any |= is_meant_unresolved(w, &d->sources.groups[i]);
	return any;
}

enum ds_order_result ds_orders_online(struct ds_daemon *d, enum ds_order_state state,
				      const char *text, uint32_t *count, char why[DS_ORDER_WHY])
{
	uint32_t online = 0, meant = 0;
	struct which w;

	*count = 0;
	why[0] = '\0';
	if (!parse_which(text, &w))
		return give_up(DS_ORDER_BAD, why, "'%.100s' is no ADDRESS/BITS", text);
	for (uint32_t i = 0; i < d->sources.count; i++) {
		struct ds_source *s = &d->sources.table[i];
		bool to = state == DS_ORDER_ONLINE;

		if (!is_meant(&w, s) || !is_asked(s))
			continue;
		if (state == DS_ORDER_ONOFFLINE)
			to = has_route(s);
		meant++;
		*count += s->offline == to;
		online += to;
		ds_sources_set_online(&d->sources, i, to);
	}
	if (state != DS_ORDER_ONOFFLINE)
		set_unresolved(d, &w, state == DS_ORDER_ONLINE);
	if (meant == 0 && w.how != ALL && !any_unresolved(d, &w))
		return give_up(DS_ORDER_NO_SUCH, why, "there is no source '%.100s' that is asked",
			       text);
	snprintf(why, DS_ORDER_WHY, "%u online, %u offline", online, meant - online);
	ds_log(DS_LOG_NOTICE, "sources ordered: %s (%u changed)", why, *count);
	return DS_ORDER_DONE;
}

enum ds_order_result ds_orders_burst(struct ds_daemon *d, int good, int most, const char *text,
				     uint32_t *count, char why[DS_ORDER_WHY])
{
	struct which w;

	*count = 0;
	why[0] = '\0';
	if (good < 1 || most < good || most > 255)
		return give_up(DS_ORDER_BAD, why, "1 to 255 measurements, good ones at most all");
	if (!parse_which(text, &w))
		return give_up(DS_ORDER_BAD, why, "'%.100s' is no ADDRESS/BITS", text);
	for (uint32_t i = 0; i < d->sources.count; i++)
		if (is_meant(&w, &d->sources.table[i]))
			*count += ds_sources_burst(&d->sources, i, (uint8_t)good, (uint8_t)most);
	if (*count == 0)
		return give_up(DS_ORDER_NO_SUCH, why, "there is no such server to be asked");
	return DS_ORDER_DONE;
}

/* ---- the clock ---- */

enum ds_order_result ds_orders_makestep(struct ds_daemon *d, int64_t *offset_ns,
					char why[DS_ORDER_WHY])
{
	why[0] = '\0';
	*offset_ns = 0;
	if (!d->steer)
		return give_up(DS_ORDER_REFUSED, why, "the clock is not steered (-x)");
	if (!ds_timekeeper_makestep(&d->timekeeper, offset_ns))
		return give_up(DS_ORDER_REFUSED, why, "no source has told the time yet");
	if (d->timekeeper.stepped) {
		ds_serve_clock_stepped(&d->serve);
		ds_refclocks_clock_stepped(&d->refclocks);
	}
	return DS_ORDER_DONE;
}

/* ---- sources come and go ---- */

/* The first error, for `why`; all of them go into the log. */
struct first_error {
	char *why;
	bool any;
};

static void say(void *context, bool error, const char *file, int line, const char *text)
{
	struct first_error *first = context;

	ds_start_say(NULL, error, file, line, text);
	if (!error || first->any)
		return;
	first->any = true;
	if (line > 0)
		snprintf(first->why, DS_ORDER_WHY, "%.80s:%d: %.160s", file, line, text);
	else
		snprintf(first->why, DS_ORDER_WHY, "%.80s: %.160s", file, text);
}

static void forget_place(struct ds_daemon *d, uint32_t place)
{
	ds_selecting_forget(&d->timekeeper.selecting, place);
}

static void remove_group(struct ds_daemon *d, uint32_t i)
{
	const struct ds_source_group *g = &d->sources.groups[i];

	for (uint32_t k = g->first; k < (uint32_t)g->first + g->count; k++)
		forget_place(d, k);
	ds_sources_remove(&d->sources, i);
}

/* A line of the configuration that is nobody's. */
static struct ds_conf_source *free_line(struct ds_daemon *d)
{
	for (size_t i = 0; i < d->conf.source_count; i++)
		if (!ds_sources_conf_is_used(&d->sources, &d->conf.sources[i]))
			return &d->conf.sources[i];
	if (d->conf.source_count < DS_CONF_SOURCES)
		return &d->conf.sources[d->conf.source_count++];
	return NULL;
}

/* May it be added to a daemon that runs? */
static bool is_possible(struct ds_daemon *d, const struct ds_conf_source *s,
			struct first_error *first)
{
	if (s->kind == DS_SOURCE_EPHEMERAL || s->kind == DS_SOURCE_LISTENER ||
	    s->kind == DS_SOURCE_REFCLOCK) {
		say(first, true, s->file, s->line, "only server, pool and peer can be added");
		return false;
	}
	if (s->kind == DS_SOURCE_PEER && ds_serve_socket(&d->serve, AF_INET, DS_PTP_NONE)->fd < 0 &&
	    ds_serve_socket(&d->serve, AF_INET6, DS_PTP_NONE)->fd < 0) {
		say(first, true, s->file, s->line,
		    "a peer needs the server's port, which was not opened at the start");
		return false;
	}
	return ds_keys_require(&d->keys, s->key, s->file, s->line, say, first);
}

static bool take_line(struct ds_daemon *d, const struct ds_conf_source *s)
{
	struct ds_conf_source *line = free_line(d);

	if (line == NULL)
		return false;
	*line = *s;
	return ds_sources_add(&d->sources, line);
}

enum ds_order_result ds_orders_add(struct ds_daemon *d, const char *line, char why[DS_ORDER_WHY])
{
	struct first_error first = {why, false};

	why[0] = '\0';
	ds_conf_defaults(&scratch);
	scratch.ipv4 = d->conf.ipv4;
	scratch.ipv6 = d->conf.ipv6;
	if (!ds_conf_read_line(&scratch, line, 1, say, &first) ||
	    !ds_conf_check(&scratch, "ordered", say, &first))
		return DS_ORDER_BAD;
	if (scratch.source_count != 1)
		return give_up(DS_ORDER_BAD, why, "a line of server, pool or peer is wanted");
	snprintf(scratch.sources[0].file, sizeof scratch.sources[0].file, "ordered");
	for (uint32_t i = 0; i < d->sources.group_count; i++)
		if (d->sources.groups[i].conf != NULL &&
		    strcasecmp(d->sources.groups[i].conf->name, scratch.sources[0].name) == 0 &&
		    d->sources.groups[i].conf->port == scratch.sources[0].port)
			return give_up(DS_ORDER_REFUSED, why, "'%.100s' is a source already",
				       scratch.sources[0].name);
	if (!is_possible(d, &scratch.sources[0], &first))
		return DS_ORDER_REFUSED;
	if (!take_line(d, &scratch.sources[0]))
		return give_up(DS_ORDER_FULL, why, "no place is left: at most %d lines, %d sources",
			       DS_CONF_SOURCES, DS_SOURCES_MAX);
	ds_log(DS_LOG_NOTICE, "source %s was added", scratch.sources[0].name);
	return DS_ORDER_DONE;
}

static uint32_t delete_name(struct ds_daemon *d, const char *name)
{
	uint32_t deleted = 0;

	for (uint32_t i = 0; i < d->sources.group_count; i++) {
		const struct ds_source_group *g = &d->sources.groups[i];

		if (g->conf == NULL || g->conf->name[0] == '\0' ||
		    strcasecmp(g->conf->name, name) != 0)
			continue;
		remove_group(d, i);
		deleted++;
	}
	return deleted;
}

static int32_t group_of(const struct ds_daemon *d, uint32_t place)
{
	for (uint32_t i = 0; i < d->sources.group_count; i++) {
		const struct ds_source_group *g = &d->sources.groups[i];

		if (g->conf != NULL && place >= g->first && place < (uint32_t)g->first + g->count)
			return (int32_t)i;
	}
	return -1;
}

enum ds_order_result ds_orders_delete(struct ds_daemon *d, const char *text, uint32_t *count,
				      char why[DS_ORDER_WHY])
{
	struct which w = {.how = BY_NAME, .name = text};

	why[0] = '\0';
	*count = delete_name(d, text);
	for (uint32_t i = 0; *count == 0 && i < d->sources.count; i++) {
		int32_t group;

		if (!is_meant(&w, &d->sources.table[i]))
			continue;
		group = group_of(d, i);
		if (group < 0 || !is_asked(&d->sources.table[i]))
			return give_up(DS_ORDER_REFUSED, why,
				       "'%.100s' is no server or peer: it cannot be deleted", text);
		if (d->sources.groups[group].count == 1) {
			remove_group(d, (uint32_t)group);
		} else {
			forget_place(d, i);
			ds_sources_drop(&d->sources, i);
		}
		(*count)++;
	}
	if (*count == 0)
		return give_up(DS_ORDER_NO_SUCH, why, "there is no source '%.100s'", text);
	ds_log(DS_LOG_NOTICE, "source %s was deleted", text);
	return DS_ORDER_DONE;
}

/* ---- sourcedir ---- */

/* The same, wherever it stands. */
static bool is_same(const struct ds_conf_source *a, const struct ds_conf_source *b)
{
	static struct ds_conf_source left, right; /* not on the stack: 1 KiB */

	left = *a;
	right = *b;
	memset(left.file, 0, sizeof left.file);
	memset(right.file, 0, sizeof right.file);
	left.line = right.line = 0;
	return memcmp(&left, &right, sizeof left) == 0;
}

/* scratch has what the folders say now. */
static uint32_t remove_gone(struct ds_daemon *d, bool kept[DS_CONF_SOURCES])
{
	uint32_t removed = 0;

	for (uint32_t i = 0; i < d->sources.group_count; i++) {
		const struct ds_conf_source *conf = d->sources.groups[i].conf;
		bool found = false;

		if (conf == NULL || !conf->from_sourcedir)
			continue;
		for (size_t k = 0; k < scratch.source_count && !found; k++) {
			found = !kept[k] && is_same(conf, &scratch.sources[k]);
			kept[k] |= found;
		}
		if (found)
			continue;
		ds_log(DS_LOG_NOTICE, "source %s (%s:%d) is not there any more", conf->name,
		       conf->file, conf->line);
		remove_group(d, i);
		removed++;
	}
	return removed;
}

enum ds_order_result ds_orders_reload(struct ds_daemon *d, uint32_t *count, char why[DS_ORDER_WHY])
{
	struct first_error first = {why, false};
	bool kept[DS_CONF_SOURCES] = {false};
	uint32_t lacking = 0;

	*count = 0;
	why[0] = '\0';
	ds_conf_defaults(&scratch);
	scratch.ipv4 = d->conf.ipv4;
	scratch.ipv6 = d->conf.ipv6;
	scratch.shadow = d->conf.shadow;
	if (!ds_conf_read_source_dirs(&d->conf, &scratch, say, &first))
		return DS_ORDER_REFUSED;
	for (size_t k = 0; k < scratch.source_count; k++)
		if (!is_possible(d, &scratch.sources[k], &first))
			return DS_ORDER_REFUSED;
	*count = remove_gone(d, kept);
	for (size_t k = 0; k < scratch.source_count; k++) {
		if (kept[k])
			continue;
		if (take_line(d, &scratch.sources[k])) {
			(*count)++;
			ds_log(DS_LOG_NOTICE, "source %s (%s:%d) is new", scratch.sources[k].name,
			       scratch.sources[k].file, scratch.sources[k].line);
		} else {
			lacking++;
		}
	}
	if (lacking > 0)
		return give_up(DS_ORDER_FULL, why, "%u sources found no place", lacking);
	return DS_ORDER_DONE;
}

enum ds_order_result ds_orders_cyclelogs(struct ds_daemon *d, char why[DS_ORDER_WHY])
{
	int lacking = ds_record_cycle(&d->conf);

	why[0] = '\0';
	if (lacking > 0)
		return give_up(DS_ORDER_REFUSED, why, "%d logs cannot be opened: see the log",
			       lacking);
	ds_log(DS_LOG_INFO, "measurement logs were opened anew");
	return DS_ORDER_DONE;
}
