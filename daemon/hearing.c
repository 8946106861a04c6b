/* hearing: see hearing.h. */
#include "daemon/hearing.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "daemon/log.h"
#include "os/random.h"

#define NTP_PORT 123

/* ---- at the start ---- */

static void join(struct ds_socket *socket, const struct ds_conf_listen *conf, unsigned interface,
		 const char *name)
{
	char text[DS_ADDRESS_TEXT];
	int error = ds_socket_join(socket, &conf->group, interface);

	if (error != 0)
		ds_log(DS_LOG_WARNING, "%s:%d: cannot join %s on %s: %s", conf->source.file,
		       conf->source.line, ds_address_text(&conf->group, false, text), name,
		       strerror(-error));
}

/* On the interface that is named, or on each that there is at the start. */
static void join_group(struct ds_serve *serve, const struct ds_conf_listen *conf)
{
	struct ds_socket *socket = &serve->sockets[conf->group.family == AF_INET6];
	struct if_nameindex *list;

	if (conf->group.family == 0 || socket->fd < 0)
		return;
	if (conf->dev[0] != '\0') {
		unsigned interface = if_nametoindex(conf->dev);

		if (interface != 0)
			join(socket, conf, interface, conf->dev);
		else
			ds_log(DS_LOG_ERROR, "%s:%d: no interface is named %s", conf->source.file,
			       conf->source.line, conf->dev);
		return;
	}
	list = if_nameindex();
	for (int i = 0; list != NULL && list[i].if_index != 0; i++)
		join(socket, conf, list[i].if_index, list[i].if_name);
	if_freenameindex(list);
}

void ds_hearing_init(struct ds_hearing *h, const struct ds_conf *conf, struct ds_sources *sources,
		     struct ds_serve *serve, const struct ds_keys *keys)
{
	memset(h, 0, sizeof *h);
	h->sources = sources;
	h->counters = sources->context.counters;
	h->keys = keys;
	h->line_count = conf->listen_count;
	for (int i = 0; i < conf->listen_count; i++) {
		struct ds_hearing_line *line = &h->lines[i];

		line->conf = &conf->listens[i];
		line->first = sources->count;
		line->count = ds_sources_reserve(sources, &line->conf->source);
		join_group(serve, line->conf);
	}
}

/* ---- a broadcast ---- */

/* Is it for this line: sent to its group (or broadcast), by somebody within `from`? */
static bool takes(const struct ds_conf_listen *conf, const struct ds_datagram *d)
{
	bool found = conf->from_count == 0;

	if (conf->group.family != 0 ? !ds_address_same_host(&conf->group, &d->to)
				    : ds_address_is_multicast(&d->to))
		return false;
	for (int i = 0; i < conf->from_count; i++)
		found |= ds_access_within(&conf->from[i].net, conf->from[i].bits, &d->remote);
	return found;
}

/* What we send to a broadcast address comes back to us. */
static bool is_own(const struct ds_datagram *d)
{
	return d->local.family != 0 && ds_address_same_host(&d->local, &d->remote);
}

static void use_exchange(struct ds_hearing *h, struct ds_source *s, enum ds_reason reason,
			 struct ds_listener_outcome *outcome, const struct ds_rx_stamp *t4)
{
	struct ds_exchange *x = outcome->has_exchange ? &outcome->exchange : NULL;

	if (x != NULL)
		reason = ds_source_check_leap(&h->sources->context,
					      ds_source_check_delay(s, reason, x), x);
	ds_count(h->counters, reason);
	ds_source_record(s, &h->sources->context, reason, x, t4);
	/* Samples of broadcasts and of exchanges go into one estimate: the delay of a broadcast is
	 * that of the best exchanges, so the two kinds have no offset against each other beyond
	 * what the two ways differ by, which is the same for both. */
	if (x != NULL && reason == DS_R_OK)
		h->news |= ds_source_take_exchange(s, &h->sources->context, x);
}

static void hear(struct ds_hearing *h, uint32_t i, const struct ds_datagram *d,
		 const struct ds_frame *frame)
{
	const struct ds_source_context *c = &h->sources->context;
	struct ds_source *s = &h->sources->table[i];
	struct ds_rx_stamp t4 = ds_source_rx_stamp(c, d);
	struct ds_listener_outcome outcome;
	enum ds_reason reason;

	reason = ds_listening_hear(&h->table[i], d->data, d->length, &t4,
				   ds_keys_check(h->keys, d->data, frame, s->conf->key),
				   c->freq_ppb, s->estimate.freq_ppb, ds_monotonic_ns(), &outcome);
	if (!outcome.accepted) {
		ds_count(h->counters, reason);
		ds_source_record(s, c, reason, NULL, &t4);
		return;
	}
	s->reach = (uint8_t)(s->reach << 1 | 1);
	s->failures = 0;
	s->poll_log2 = h->table[i].interval_log2;
	use_exchange(h, s, reason, &outcome, &t4);
}

static void start_source(struct ds_hearing *h, const struct ds_hearing_line *line, uint32_t i,
			 const struct ds_datagram *d, int8_t interval_log2)
{
	const struct ds_conf_source *conf = &line->conf->source;
	struct ds_source *s = &h->sources->table[i];
	char text[DS_ADDRESS_TEXT];

	ds_log(DS_LOG_INFO, "source %s (%s) is heard", ds_address_text(&d->remote, false, text),
	       conf->name);
	ds_listening_start(&h->table[i], conf, &d->to, interval_log2, ds_monotonic_ns());
	ds_source_start(s, conf, h->sources->context.conf, &d->remote, INT64_MAX);
	s->listening = &h->table[i];
	s->poll_log2 = h->table[i].interval_log2;
}

/* A host that is not known broadcasts: does a line take it, and is there a place? */
static void make_source(struct ds_hearing *h, const struct ds_datagram *d,
			const struct ds_frame *frame)
{
	enum ds_reason reason = DS_R_BROADCAST_FOREIGN;

	for (int i = 0; i < h->line_count; i++) {
		const struct ds_hearing_line *line = &h->lines[i];
		const struct ds_conf_source *conf = &line->conf->source;

		if (!takes(line->conf, d))
			continue;
		reason = DS_R_AUTH;
		if (!ds_auth_accepts(conf->key != 0, frame,
				     ds_keys_check(h->keys, d->data, frame, conf->key)))
			continue;
		/* Who has no time (chronyd says so by broadcasts, too) is not worth asking. */
		reason = DS_R_UNSYNCHRONISED;
		if (frame->packet.leap == DS_LEAP_UNSYNCHRONISED)
			continue;
		reason = DS_R_BROADCAST_FULL;
		for (uint32_t k = line->first; k < line->first + line->count; k++) {
			if (h->sources->table[k].address.family != 0)
				continue;
			start_source(h, line, k, d, frame->packet.poll_log2);
			return;
		}
	}
	ds_count(h->counters, reason);
	h->full += reason == DS_R_BROADCAST_FULL;
}

void ds_hearing_receive(struct ds_hearing *h, const struct ds_datagram *d)
{
	struct ds_frame frame;
	enum ds_reason reason;

	if (is_own(d))
		return;
	reason = ds_wire_read(d->data, d->length, &frame);
	if (reason == DS_R_OK && (!d->to_many || ds_address_port(&d->remote) != NTP_PORT))
		reason = DS_R_BROADCAST_FOREIGN;
	if (reason != DS_R_OK) {
		ds_count(h->counters, reason);
		return;
	}
	for (uint32_t i = 0; i < h->sources->count; i++) {
		const struct ds_source *s = &h->sources->table[i];

		if (s->address.family == 0 || !ds_address_same_host(&s->address, &d->remote))
			continue;
		/* No host is two sources; and of two series of broadcasts, each would seem to tell
		 * of the packets of the other. */
		if (s->listening != NULL && ds_address_same_host(&s->listening->to, &d->to))
			hear(h, i, d, &frame);
		else
			ds_count(h->counters, DS_R_BROADCAST_FOREIGN);
		return;
	}
	make_source(h, d, &frame);
}

/* ---- timers ---- */

static bool is_idle(const struct ds_source *s)
{
	return s->burst_left == 0 && s->due_ns == INT64_MAX;
}

static bool is_used(const struct ds_hearing *h, uint32_t i)
{
	return h->sources->table[i].address.family != 0;
}

int64_t ds_hearing_next_ns(const struct ds_hearing *h)
{
	int64_t next = h->news ? 0 : INT64_MAX;

	for (int n = 0; n < h->line_count; n++)
		for (uint32_t i = h->lines[n].first; i < h->lines[n].first + h->lines[n].count;
		     i++) {
			if (!is_used(h, i) || !is_idle(&h->sources->table[i]))
				continue;
			int64_t due = ds_listening_next_ns(&h->table[i]);
			next = due < next ? due : next;
		}
	return next;
}

/* All listeners hear a broadcast at one moment: they should not ask at one moment. */
static void begin_round(struct ds_hearing *h, uint32_t i, int64_t now_ns)
{
	struct ds_source *s = &h->sources->table[i];
	uint64_t spacing_ns = (uint64_t)ds_listening_spacing_ns(&h->table[i]);

	s->burst_left = ds_listening_begin_round(&h->table[i], now_ns);
	s->due_ns = now_ns + (int64_t)(ds_random64() % spacing_ns);
}

static void free_place(struct ds_hearing *h, uint32_t i)
{
	struct ds_source *s = &h->sources->table[i];
	char text[DS_ADDRESS_TEXT];

	ds_log(DS_LOG_INFO, "source %s (%s) is not heard any more",
	       ds_address_text(&s->address, false, text), s->conf->name);
	ds_source_stop(s, h->counters);
	s->address.family = 0;
	s->reach = 0;
	h->news = true;
}

static void run_one(struct ds_hearing *h, uint32_t i, int64_t now_ns)
{
	if (!is_used(h, i) || !is_idle(&h->sources->table[i]))
		return;
	if (ds_listening_lost(&h->table[i], now_ns))
		free_place(h, i);
	else if (now_ns >= ds_listening_next_ns(&h->table[i]))
		begin_round(h, i, now_ns);
}

/* UTC stepped: what was measured of those who are heard is of another count. */
static void measure_anew(struct ds_hearing *h, int64_t now_ns)
{
	const struct ds_leaps *leaps;

	if (h->line_count == 0) /* nor was anything else set up */
		return;
	leaps = h->sources->context.leaps;
	if (leaps == NULL || leaps->total_ns == h->leapt_ns)
		return;
	h->leapt_ns = leaps->total_ns;
	for (int n = 0; n < h->line_count; n++)
		for (uint32_t i = h->lines[n].first; i < h->lines[n].first + h->lines[n].count;
		     i++) {
			union ds_address to = h->table[i].to;

			if (is_used(h, i))
				ds_listening_start(&h->table[i], &h->lines[n].conf->source, &to,
						   h->table[i].interval_log2, now_ns);
		}
}

bool ds_hearing_run(struct ds_hearing *h, int64_t now_ns)
{
	bool news;

	measure_anew(h, now_ns);
	for (int n = 0; n < h->line_count; n++)
		for (uint32_t i = h->lines[n].first; i < h->lines[n].first + h->lines[n].count; i++)
			run_one(h, i, now_ns);
	news = h->news;
	h->news = false;
	return news;
}
