/* sources: see sources.h. */
#include "daemon/sources.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/peering.h"
#include "daemon/serve.h"

#define BEND_SAMPLES	       8 /* newest ones that are asked whether the line has bent */
#define BEND_SDS	       3.0 /* what is not known of the line at a sample: no reason for doubt */
#define NS_PER_S	       INT64_C(1000000000)
#define NTP32_UNIT_NS	       15259 /* 2^-16 s, rounded up */
#define FIRST_REQUEST_NS       (NS_PER_S / 5)
#define APART_NS	       (NS_PER_S / 5) /* requests to different servers, where polls allow it */
#define FIRST_ANSWER_NS	       (2 * NS_PER_S)  /* to a peer that nobody knew, at most */
#define SPACING_NS	       (NS_PER_S / 20) /* between the first requests of two sources */
#define RESOLVE_TIMEOUT_NS     (60 * NS_PER_S)
#define RESOLVE_BACKOFF_NS     (7 * NS_PER_S) /* doubled at each failure ... */
#define RESOLVE_BACKOFF_MAX_NS (512 * NS_PER_S)
#define STARTING_NS	       (10 * NS_PER_S) /* at most so long do the first answers wait for others */
#define NAMES_NS	       (3 * NS_PER_S) /* ... and so long for names */
#define REPLACE_AFTER	       8 /* unanswered requests before the name is asked again */
#define REPLACE_EVERY_NS       (64 * NS_PER_S)

static bool is_peer(const struct ds_conf_source *conf)
{
	return conf->kind == DS_SOURCE_PEER || conf->kind == DS_SOURCE_EPHEMERAL;
}

/* Those of a group, or of `taken`, from the lowest on. */
static bool next_place(uint64_t *places, uint32_t *place)
{
	if (*places == 0)
		return false;
	*place = (uint32_t)__builtin_ctzll(*places);
	*places &= *places - 1;
	return true;
}

static uint64_t place_bit(uint32_t place)
{
	return UINT64_C(1) << place;
}

static int64_t first_due_ns(uint32_t place)
{
	return ds_monotonic_ns() + FIRST_REQUEST_NS + SPACING_NS * (int64_t)place;
}

static void start_source(struct ds_sources *s, uint32_t index, const struct ds_conf_source *conf,
			 const union ds_address *address, bool offline)
{
	int64_t due = first_due_ns(index);
	union ds_address with_port = *address;

	ds_address_set_port(&with_port, conf->port);
	if (conf->kind == DS_SOURCE_PEER)
		ds_peering_start(&s->table[index], conf, s->context.conf, &with_port, due, false,
				 (uint8_t)index);
	else
		ds_source_start(&s->table[index], conf, s->context.conf, &with_port, due);
	s->table[index].place = (uint8_t)index;
	s->table[index].offline = offline;
	s->table[index].due_ns = offline ? INT64_MAX : due;
}

static bool family_fits(const struct ds_sources *s, const struct ds_conf_source *conf,
			sa_family_t family)
{
	if (conf->family != AF_UNSPEC && conf->family != family)
		return false;
	return family == AF_INET ? s->context.conf->ipv4 : s->context.conf->ipv6;
}

static void empty_place(struct ds_source *source)
{
	memset(source, 0, sizeof *source);
	source->socket.fd = -1;
	source->due_ns = source->give_up_ns = source->deadline_ns = INT64_MAX;
}

uint32_t ds_sources_free(const struct ds_sources *s)
{
	return (uint32_t)(DS_SOURCES_MAX - __builtin_popcountll(s->taken));
}

/* So many free places, the lowest; there are as many. */
static uint64_t take_places(struct ds_sources *s, uint32_t wanted)
{
	uint64_t left = ~s->taken;
	uint64_t places = 0;
	uint32_t i;

	while (wanted > 0 && next_place(&left, &i)) {
		empty_place(&s->table[i]);
		places |= place_bit(i);
		if (s->count <= i)
			s->count = i + 1;
		wanted--;
	}
	s->taken |= places;
	return places;
}

uint32_t ds_sources_wanted(const struct ds_conf_source *conf)
{
	return conf->pool			   ? conf->max_sources
	       : conf->kind == DS_SOURCE_EPHEMERAL ? conf->max_peers
						   : 1;
}

/* As many as are wanted and free; says so where these are fewer. */
static uint32_t places_granted(struct ds_sources *s, const struct ds_conf_source *conf,
			       uint32_t wanted)
{
	uint32_t free = ds_sources_free(s);

	if (wanted <= free)
		return wanted;
	s->full += wanted - free;
	ds_log(DS_LOG_WARNING, "%s:%d: no place for all sources of %s (at most %d in all)",
	       conf->file, conf->line, conf->name, DS_SOURCES_MAX);
	return free;
}

static struct ds_source_group *free_group(struct ds_sources *s)
{
	for (uint32_t i = 0; i < s->group_count; i++)
		if (s->groups[i].conf == NULL)
			return &s->groups[i];
	return s->group_count < DS_CONF_SOURCES ? &s->groups[s->group_count++] : NULL;
}

static void add_group(struct ds_sources *s, const struct ds_conf_source *conf)
{
	uint32_t wanted = places_granted(s, conf, ds_sources_wanted(conf));
	struct ds_source_group *g = wanted > 0 ? free_group(s) : NULL;
	union ds_address address;

	if (g == NULL)
		return;
	memset(g, 0, sizeof *g);
	g->conf = conf;
	g->offline = conf->offline_;
	g->places = take_places(s, wanted);
	g->backoff_ns = RESOLVE_BACKOFF_NS;
	g->numeric = true;
	if (conf->kind == DS_SOURCE_EPHEMERAL)
		return;
	g->numeric = ds_address_parse(conf->name, conf->port, &address);
	g->wanted = !g->numeric;
	if (!g->numeric)
		return;
	if (family_fits(s, conf, address.family))
		start_source(s, (uint32_t)__builtin_ctzll(g->places), conf, &address, g->offline);
	else
		ds_log(DS_LOG_WARNING, "%s:%d: %s is of an address family that is switched off",
		       conf->file, conf->line, conf->name);
}

/* names */

static void resolve_failed(struct ds_source_group *g, const char *why)
{
	if (!g->said_failed)
		ds_log(DS_LOG_WARNING, "%s:%d: cannot resolve %s: %s; trying again", g->conf->file,
		       g->conf->line, g->conf->name, why);
	g->said_failed = true;
	g->retry_ns = ds_monotonic_ns() + g->backoff_ns;
	g->backoff_ns *= 2;
	if (g->backoff_ns > RESOLVE_BACKOFF_MAX_NS)
		g->backoff_ns = RESOLVE_BACKOFF_MAX_NS;
}

static bool in_use(const struct ds_sources *s, const union ds_address *address)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->table[i].address.family != 0 &&
		    ds_address_same_host(&s->table[i].address, address))
			return true;
	return false;
}

static bool is_lost(const struct ds_source *source)
{
	return source->address.family != 0 && source->reach == 0 && !source->offline &&
	       source->failures >= REPLACE_AFTER;
}

/* Give an address that nobody uses yet to an empty place of the group, or to a lost source. */
static void place_address(struct ds_sources *s, const struct ds_source_group *g,
			  const union ds_address *address)
{
	char old[DS_ADDRESS_TEXT];
	char text[DS_ADDRESS_TEXT];
	uint64_t left = g->places;
	uint32_t i;

	while (next_place(&left, &i)) {
		struct ds_source *source = &s->table[i];

		if (source->address.family != 0 && !is_lost(source))
			continue;
		ds_address_text(address, false, text);
		if (source->address.family == 0)
			ds_log(DS_LOG_INFO, "source %s (%s)", text, g->conf->name);
		else
			ds_log(DS_LOG_NOTICE, "source %s (%s) replaced by %s",
			       ds_address_text(&source->address, false, old), g->conf->name, text);
		ds_source_stop(source, s->context.counters);
		start_source(s, i, g->conf, address, g->offline);
		return;
	}
}

static void resolved(struct ds_sources *s, struct ds_source_group *g,
		     const union ds_address *addresses, int n)
{
	int fitting = 0;

	g->wanted = false;
	g->said_failed = false;
	g->backoff_ns = RESOLVE_BACKOFF_NS;
	g->retry_ns = ds_monotonic_ns() + REPLACE_EVERY_NS;
	for (int i = 0; i < n; i++) {
		fitting += family_fits(s, g->conf, addresses[i].family);
		if (family_fits(s, g->conf, addresses[i].family) && !in_use(s, &addresses[i]))
			place_address(s, g, &addresses[i]);
	}
	if (fitting == 0)
		ds_log(DS_LOG_WARNING, "%s:%d: %s has no address of a family that is used here",
		       g->conf->file, g->conf->line, g->conf->name);
}

static void finish_lookup(struct ds_sources *s, struct ds_lookup *lookup)
{
	union ds_address addresses[DS_RESOLVE_MAX];
	struct ds_source_group *g = &s->groups[lookup->group];
	char why[128];
	int n = ds_resolve_finish(&lookup->resolution, addresses, why);

	if (n == -EAGAIN)
		return;
	g->looking = false;
	if (n > 0)
		resolved(s, g, addresses, n);
	else
		resolve_failed(g, n == 0 ? "no address" : why);
}

static struct ds_lookup *free_lookup(struct ds_sources *s)
{
	for (int i = 0; i < DS_LOOKUPS; i++)
		if (s->lookups[i].resolution.child == 0)
			return &s->lookups[i];
	return NULL;
}

static bool wants_lookup(const struct ds_source_group *g)
{
	return g->wanted && !g->looking && !g->offline;
}

static void start_lookups(struct ds_sources *s, int64_t now_ns)
{
	for (uint32_t i = 0; i < s->group_count; i++) {
		struct ds_source_group *g = &s->groups[i];
		struct ds_lookup *lookup;
		int rc;

		if (!wants_lookup(g) || g->retry_ns > now_ns)
			continue;
		lookup = free_lookup(s);
		if (lookup == NULL)
			return;
		rc = ds_resolve_start(&lookup->resolution, g->conf->name, g->conf->family);
		if (rc != 0) {
			resolve_failed(g, strerror(-rc));
			continue;
		}
		lookup->group = i;
		lookup->give_up_ns = now_ns + RESOLVE_TIMEOUT_NS;
		g->looking = true;
	}
}

static void give_lookups_up(struct ds_sources *s, int64_t now_ns)
{
	for (int i = 0; i < DS_LOOKUPS; i++) {
		struct ds_lookup *lookup = &s->lookups[i];

		if (lookup->resolution.child == 0 || now_ns < lookup->give_up_ns)
			continue;
		ds_resolve_cancel(&lookup->resolution);
		s->groups[lookup->group].looking = false;
		resolve_failed(&s->groups[lookup->group], "no answer in time");
	}
}

/* A source behind a name that has long been silent: its address may have changed. */
static void look_for_lost(struct ds_sources *s, int64_t now_ns)
{
	for (uint32_t i = 0; i < s->group_count; i++) {
		struct ds_source_group *g = &s->groups[i];
		uint64_t left = g->places;
		uint32_t k;

		if (g->conf == NULL || g->numeric || g->wanted || g->retry_ns > now_ns)
			continue;
		while (next_place(&left, &k))
			g->wanted |= is_lost(&s->table[k]);
	}
}

/* what comes by the server's port */

/* A peer that is in no line, and proves itself by a key that has a place for it. The association
 * is with the address that it sent to. */
static struct ds_source *welcome(struct ds_sources *s, const struct ds_conf_source *conf,
				 uint32_t index, const struct ds_datagram *d, int64_t now_ns)
{
	struct ds_source *source = &s->table[index];
	int64_t wait_ns = ds_source_interval_ns(conf->minpoll) / 2;
	char text[DS_ADDRESS_TEXT];

	if (wait_ns > FIRST_ANSWER_NS)
		wait_ns = FIRST_ANSWER_NS;
	ds_peering_start(source, conf, s->context.conf, &d->remote, now_ns + wait_ns, true,
			 (uint8_t)index);
	source->local = d->local;
	source->by_ptp = d->ptp_form != DS_PTP_NONE;
	source->held.form = d->ptp_form;
	ds_log(DS_LOG_NOTICE, "peer %s: has key %" PRIu32 ", an association begins (%s:%d)",
	       ds_address_text(&d->remote, true, text), conf->key, conf->file, conf->line);
	return source;
}

/* Which line would have this packet begin an association, and where? NULL: none, or no place. */
static struct ds_source *find_place(struct ds_sources *s, const struct ds_datagram *d,
				    int64_t now_ns)
{
	struct ds_frame frame;

	if ((d->data[0] & 7) != DS_MODE_ACTIVE || in_use(s, &d->remote) ||
	    ds_wire_read(d->data, d->length, &frame) != DS_R_OK || frame.mac_length == 0)
		return NULL;
	for (uint32_t i = 0; i < s->group_count; i++) {
		const struct ds_source_group *g = &s->groups[i];
		uint64_t left = g->places;
		uint32_t k;

		if (g->conf == NULL || g->offline || g->conf->kind != DS_SOURCE_EPHEMERAL ||
		    frame.key_id != g->conf->key ||
		    ds_keys_check(s->context.keys, d->data, &frame, g->conf->key) != DS_AUTH_GOOD)
			continue;
		while (next_place(&left, &k))
			if (s->table[k].address.family == 0)
				return welcome(s, g->conf, k, d, now_ns);
		s->full++;
	}
	return NULL;
}

/* An ephemeral association that nobody answers any more ends. */
static void end_if_lost(struct ds_sources *s, struct ds_source *source)
{
	char text[DS_ADDRESS_TEXT];

	if (source->conf->kind != DS_SOURCE_EPHEMERAL || !ds_peering_is_lost(source))
		return;
	ds_log(DS_LOG_NOTICE, "peer %s: silent, the association ends",
	       ds_address_text(&source->address, true, text));
	ds_source_stop(source, s->context.counters);
	source->address.family = 0;
}

/* Of a server that is asked by `ptpport`: answers come by the server's socket, too. */
static bool take_answer(struct ds_sources *s, struct ds_source *source, const struct ds_datagram *d)
{
	if (source->conf->kind != DS_SOURCE_CLIENT ||
	    !ds_address_equal(&source->address, &d->remote))
		return false;
	s->news |= ds_source_packet(source, &s->context, d);
	return true;
}

static bool take_packet(void *context, const struct ds_datagram *d, const struct ds_reading *now)
{
	struct ds_sources *s = context;
	int64_t now_ns = ds_monotonic_ns();
	struct ds_source *source;

	(void)now;
	for (uint32_t i = 0; i < s->count; i++) {
		source = &s->table[i];
		if (source->address.family == 0 || !ds_source_is_by_its_port(source, d))
			continue;
		if ((d->data[0] & 7) == DS_MODE_SERVER) {
			if (!take_answer(s, source, d))
				continue;
			return true;
		}
		if (!is_peer(source->conf) || !ds_peering_is_from(source, d))
			continue;
		if (source->offline) {
			ds_count(s->context.counters, DS_R_NOT_ARMED);
			return true;
		}
		s->news |= ds_peering_packet(source, &s->context, d, now_ns);
		return true;
	}
	source = find_place(s, d, now_ns);
	if (source != NULL)
		s->news |= ds_peering_packet(source, &s->context, d, now_ns);
	return source != NULL;
}

static void take_stamp(void *context, const struct ds_datagram *d)
{
	struct ds_sources *s = context;
	uint8_t place = ds_peering_place(d->token);

	if (place < s->count && s->table[place].address.family != 0 &&
	    is_peer(s->table[place].conf))
		ds_peering_stamp(&s->table[place], &s->context, d);
	else if (place < s->count && s->table[place].address.family != 0 && s->table[place].by_ptp)
		s->news |= ds_source_stamp(&s->table[place], &s->context, d);
	else
		ds_count(s->context.counters, DS_R_STAMP_WRONG_ID);
}

/* They make the kernel stamp what arrives, before a request of ours is under way. */
static void open_keepers(struct ds_sources *s)
{
	const struct ds_conf *conf = s->context.conf;

	if (conf->ipv4 && s->keeper[0].fd < 0 && ds_socket_open_keeper(&s->keeper[0], AF_INET) != 0)
		s->keeper[0].fd = -1;
	if (conf->ipv6 && s->keeper[1].fd < 0 &&
	    ds_socket_open_keeper(&s->keeper[1], AF_INET6) != 0)
		s->keeper[1].fd = -1;
}

void ds_sources_init(struct ds_sources *s, const struct ds_source_context *context)
{
	memset(s, 0, sizeof *s);
	s->context = *context;
	s->context.table = s->table;
	s->started_ns = ds_monotonic_ns();
	ds_identity_init(&s->identity, context->conf, context->route);
	for (size_t i = 0; i < context->conf->source_count; i++)
		add_group(s, &context->conf->sources[i]);
	ds_serve_join(context->serve, &(struct ds_serve_other){s, take_packet, take_stamp, 0});
	s->keeper[0].fd = s->keeper[1].fd = -1;
	if (s->count > 0)
		open_keepers(s);
}

uint32_t ds_sources_reserve(struct ds_sources *s, const struct ds_conf_source *conf)
{
	/* At the start nothing was freed: they follow each other. */
	uint32_t wanted = places_granted(s, conf, conf->max_sources);

	take_places(s, wanted);
	return wanted;
}

void ds_sources_close(struct ds_sources *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		ds_source_stop(&s->table[i], s->context.counters);
	for (int i = 0; i < 2; i++)
		if (s->keeper[i].fd >= 0)
			ds_socket_close(&s->keeper[i]);
	for (int i = 0; i < DS_LOOKUPS; i++)
		ds_resolve_cancel(&s->lookups[i].resolution);
}

/* while it runs */

void ds_sources_add(struct ds_sources *s, const struct ds_conf_source *conf)
{
	open_keepers(s);
	add_group(s, conf);
}

uint32_t ds_sources_held(const struct ds_sources *s, const struct ds_conf_source *conf)
{
	for (uint32_t i = 0; i < s->group_count; i++)
		if (s->groups[i].conf == conf)
			return (uint32_t)__builtin_popcountll(s->groups[i].places);
	return 0;
}

static void end_place(struct ds_sources *s, uint32_t i)
{
	ds_source_stop(&s->table[i], s->context.counters);
	empty_place(&s->table[i]);
	s->news = true;
}

static void cancel_lookup(struct ds_sources *s, const struct ds_source_group *g)
{
	for (int i = 0; i < DS_LOOKUPS; i++)
		if (s->lookups[i].resolution.child != 0 && &s->groups[s->lookups[i].group] == g)
			ds_resolve_cancel(&s->lookups[i].resolution);
}

uint64_t ds_sources_remove(struct ds_sources *s, const struct ds_conf_source *conf)
{
	for (uint32_t i = 0; i < s->group_count; i++) {
		struct ds_source_group *g = &s->groups[i];
		uint64_t places = g->places;
		uint64_t left = places;
		uint32_t k;

		if (g->conf != conf)
			continue;
		cancel_lookup(s, g);
		while (next_place(&left, &k))
			end_place(s, k);
		s->taken &= ~places;
		memset(g, 0, sizeof *g);
		return places;
	}
	return 0;
}

void ds_sources_remove_place(struct ds_sources *s, uint32_t place)
{
	struct ds_source_group *g = ds_sources_group_of(s, place);

	if (g == NULL)
		return;
	end_place(s, place);
	g->places &= ~place_bit(place);
	s->taken &= ~place_bit(place);
}

void ds_sources_lines_move(struct ds_sources *s, const struct ds_conf_source *gone)
{
	for (uint32_t i = 0; i < s->group_count; i++) {
		struct ds_source_group *g = &s->groups[i];
		uint64_t left = g->places;
		uint32_t k;

		if (g->conf == NULL || g->conf <= gone)
			continue;
		g->conf--;
		while (next_place(&left, &k))
			if (s->table[k].conf != NULL)
				s->table[k].conf--;
	}
}

struct ds_source_group *ds_sources_group_of(struct ds_sources *s, uint32_t place)
{
	for (uint32_t i = 0; i < s->group_count && place < DS_SOURCES_MAX; i++)
		if (s->groups[i].conf != NULL && (s->groups[i].places & place_bit(place)) != 0)
			return &s->groups[i];
	return NULL;
}

void ds_sources_set_place_offline(struct ds_sources *s, uint32_t place, bool offline)
{
	struct ds_source *source = &s->table[place];

	if (source->address.family == 0)
		return;
	if (offline && !source->offline) {
		ds_source_go_offline(source, s->context.counters);
		s->news = true;
	}
	/* Also one that is to be asked no more because it said so. */
	if (!offline && (source->offline || source->due_ns == INT64_MAX))
		ds_source_go_online(source, first_due_ns(place));
}

void ds_sources_set_offline(struct ds_sources *s, struct ds_source_group *g, bool offline)
{
	uint64_t left = g->places;
	uint32_t i;

	while (next_place(&left, &i))
		ds_sources_set_place_offline(s, i, offline);
	if (g->offline && !offline && !g->numeric) {
		g->retry_ns = 0;
		g->backoff_ns = RESOLVE_BACKOFF_NS;
		g->said_failed = false;
	}
	g->offline = offline;
	if (!offline || !g->looking)
		return;
	cancel_lookup(s, g);
	g->looking = false;
}

/* events */

uint32_t ds_sources_watch(const struct ds_sources *s, struct pollfd *fds, uint32_t *who,
			  uint32_t room)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->count && n < room; i++) {
		if (s->table[i].socket.fd < 0)
			continue;
		fds[n] = (struct pollfd){.fd = s->table[i].socket.fd, .events = POLLIN | POLLPRI};
		who[n++] = i;
	}
	for (uint32_t i = 0; i < DS_LOOKUPS && n < room; i++) {
		if (s->lookups[i].resolution.child == 0)
			continue;
		fds[n] = (struct pollfd){.fd = s->lookups[i].resolution.fd, .events = POLLIN};
		who[n++] = DS_SOURCES_LOOKUP + i;
	}
	return n;
}

bool ds_sources_handle(struct ds_sources *s, uint32_t who, short revents)
{
	if (who >= DS_SOURCES_LOOKUP) {
		if (s->lookups[who - DS_SOURCES_LOOKUP].resolution.child != 0)
			finish_lookup(s, &s->lookups[who - DS_SOURCES_LOOKUP]);
		return false;
	}
	if (s->table[who].socket.fd < 0)
		return false;
	return ds_source_handle(&s->table[who], &s->context, revents);
}

static bool lookups_free(const struct ds_sources *s)
{
	for (int i = 0; i < DS_LOOKUPS; i++)
		if (s->lookups[i].resolution.child == 0)
			return true;
	return false;
}

int64_t ds_sources_next_ns(const struct ds_sources *s)
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < s->count; i++) {
		int64_t due = ds_source_next_ns(&s->table[i]);

		if (due < next)
			next = due;
	}
	for (int i = 0; i < DS_LOOKUPS; i++)
		if (s->lookups[i].resolution.child != 0 && s->lookups[i].give_up_ns < next)
			next = s->lookups[i].give_up_ns;
	for (uint32_t i = 0; i < s->group_count; i++) {
		const struct ds_source_group *g = &s->groups[i];

		/* With no lookup free, the end of one wakes us. */
		if (wants_lookup(g) && lookups_free(s) && g->retry_ns < next)
			next = g->retry_ns;
	}
	return next;
}

/* A request that is due too soon after another source's waits; answers of many servers at one
 * moment would get into each other's way. */
static void keep_apart(struct ds_sources *s, struct ds_source *source, int64_t now_ns)
{
	double interval_ns = ldexp((double)NS_PER_S, source->poll_log2);
	int64_t apart_ns = (int64_t)fmin((double)APART_NS, interval_ns / (2.0 * s->count));

	if (source->due_ns > now_ns)
		return;
	if (now_ns < s->not_before_ns)
		source->due_ns = s->not_before_ns;
	else
		s->not_before_ns = now_ns + apart_ns;
}

bool ds_sources_run(struct ds_sources *s, int64_t now_ns)
{
	bool sample = s->news;

	s->news = false;
	for (uint32_t i = 0; i < s->count; i++) {
		struct ds_source *source = &s->table[i];

		if (ds_source_next_ns(source) > now_ns)
			continue;
		keep_apart(s, source, now_ns);
		if (is_peer(source->conf)) {
			sample |= ds_peering_run(source, &s->context, now_ns);
			end_if_lost(s, source);
		} else {
			sample |= ds_source_run(source, &s->context, now_ns);
		}
	}
	give_lookups_up(s, now_ns);
	look_for_lost(s, now_ns);
	start_lookups(s, now_ns);
	return sample;
}

/* what selection sees */

/* Two that follow each other know nothing (RFC 5905 appendix A.5.5.2: a loop). Between hosts that
 * share their addresses, as those on one machine that ask by loopback, only peers tell us that they
 * mean us. */
static bool follows_us(struct ds_sources *s, const struct ds_source *source, int64_t now_ns)
{
	const union ds_address *local = &source->local;

	if (!source->has_remote || source->remote.stratum <= 1)
		return false;
	if (local->family != 0 && source->remote.ref_id == ds_address_ref_id(local) &&
	    (is_peer(source->conf) || !ds_address_is_loopback(local)))
		return true;
	return ds_identity_is_ours(&s->identity, source->remote.ref_id, now_ns);
}

/* Whom a source follows. A reference id that names no host but the source itself (a clock of its
 * own, an address of its loopback interface) says nothing to others. */
static uint32_t upstream_of(const struct ds_remote *remote)
{
	return remote->stratum > 1 && remote->ref_id >> 24 != IN_LOOPBACKNET ? remote->ref_id : 0;
}

/* What the source says of its own error. The field counts units of 15 us, and is rounded up: one
 * unit is the least that a server can say of a clock that it reads to a nanosecond. It covers what
 * the guess in a basic answer may claim too much; where T3 is a drivestamp for as long as the
 * estimate remembers, it is taken for the precision that the server also states. */
static int64_t stated_dispersion_ns(const struct ds_source *source)
{
	const struct ds_remote *remote = &source->remote;
	int64_t precision_ns = (int64_t)ceil(ldexp((double)NS_PER_S, remote->precision_log2));

	if (remote->root_dispersion_ns > NTP32_UNIT_NS ||
	    source->interleaved_run < DS_ESTIMATE_SAMPLES ||
	    precision_ns > remote->root_dispersion_ns)
		return remote->root_dispersion_ns;
	return precision_ns;
}

static double apart_ns(int64_t a, int64_t b)
{
	return fabs((double)a - (double)b);
}

/* How wrong the slope of the estimate may be by what the two newest samples say; 0 where they allow
 * it. late: what each may be late by at most. */
static double freq_doubt_ppb(const struct ds_source *source, double freq_ppb, double late)
{
	double s = (double)(source->newest.raw_ns - source->before.raw_ns) * 1e-9;
	double gained =
		(double)(source->newest.server_minus_raw_ns - source->before.server_minus_raw_ns);
	double off;

	if (source->before.raw_ns == 0 || !(s > 0.0))
		return 0.0;
	off = fabs(gained - s * freq_ppb);
	return off > late ? (off + late) / s : 0.0;
}

/* The last few round trips were all longer than the estimate's path, by more than they differ from
 * each other: that is no queue. Has one way grown, or both? By half of it the estimate may be
 * wrong. Of six delays by an exponential law that is so by chance in one case of 462 (5! 6! / 11!).
 */
static double path_doubt_ns(const struct ds_source *source, double least)
{
	double shortest = INFINITY;
	double longest = 0.0;

	if (source->recent < DS_SOURCE_RECENT)
		return 0.0;
	for (int i = 0; i < DS_SOURCE_RECENT; i++) {
		shortest = fmin(shortest, (double)source->recent_delay_ns[i]);
		longest = fmax(longest, (double)source->recent_delay_ns[i]);
	}
	return shortest - least > longest - shortest ? (shortest - least) / 2.0 : 0.0;
}

/* A line that one of the newest samples contradicts, by more than it is uncertain there, has bent
 * since, or the server was set; and it may do so for as long as the sample is remembered, whatever
 * the next ones say, for they may have been late. Then nothing holds but what each sample allows,
 * less what the oscillator may have done since: returns the least of them, or 0. */
static double bend_doubt_ns(const struct ds_estimate *e, double least, double noise,
			    double growth_ppb)
{
	unsigned count = e->window.count;
	unsigned first = count > BEND_SAMPLES ? count - BEND_SAMPLES : 0;
	double reach = INFINITY;
	bool bent = false;

	for (unsigned i = first; i < count; i++) {
		const struct ds_estimate_sample *s = &e->samples[i];
		double dt = (double)(s->raw_ns - e->ref_raw_ns) * 1e-9;
		double off = (double)(s->server_minus_raw_ns - e->ref_server_minus_raw_ns) -
			     dt * e->freq_ppb;
		double late = fmax((double)s->delay_ns - least, 0.0) / 2.0;
		double walked = e->wander_ppb * e->wander_ppb * fabs(dt) / 3.0;
		double variance = e->offset_sd_ns * e->offset_sd_ns + 2.0 * e->cov_ns_ppb * dt +
				  (e->freq_sd_ppb * e->freq_sd_ppb + walked) * dt * dt +
				  e->offset_walk_ns * e->offset_walk_ns * fabs(dt);
		double unsure = BEND_SDS * sqrt(fmax(variance, 0.0)) + BEND_SDS * e->common_sd_ns;

		if (e->window.look[i].one_way && off < 0.0)
			continue;
		bent |= fabs(off) > late + unsure;
		reach = fmin(reach, fabs(off) + late + noise - dt * growth_ppb);
	}
	return bent && !e->noise.even ? fmin(reach, DS_NS_LIMIT) : 0.0;
}

/* The estimate rests on packets that are as fast as the path; by this it may be wrong if there are
 * none. At the end of a line over T the slope is known to sqrt(3) / T of what the offset is. */
static void doubt_edge(const struct ds_estimate *e, struct ds_candidate *c)
{
	double doubt = DS_BOUND_SDS * e->edgeless_sd_ns;
	double span = (double)(e->ref_raw_ns - e->samples[0].raw_ns) * 1e-9;

	if (!(doubt > 0.0) || !(span > 0.0))
		return;
	c->doubt_ns = (int64_t)fmax((double)c->doubt_ns, doubt);
	c->freq_doubt_ppb = fmax(c->freq_doubt_ppb, sqrt(3.0) * doubt / span);
}

/* What the newest samples say of the estimate. A packet can only be late: the truth lies within
 * half of what a round trip took beyond the least (as the estimate knows it) of the sample. A line
 * further away than that, and the noise of stamps, is in doubt. One further away than half the
 * round trip and what the source claims is wrong; its distance, by which it is chosen, stays: to
 * choose none would leave the clock as wrong as it is. */
static void ask_newest(const struct ds_source *source, double growth_ppb, struct ds_candidate *c)
{
	const struct ds_estimate *e = &source->estimate;
	const struct ds_source_claim *newest = &source->newest, *before = &source->before;
	double least = 2.0 * fmax(e->path_ns - DS_BOUND_SURPRISE_SDS * e->path_sd_ns, 0.0);
	double late = fmax((double)newest->delay_ns - least, 0.0) / 2.0;
	double late_before = fmax((double)before->delay_ns - least, 0.0) / 2.0;
	double noise = DS_BOUND_SDS * e->common_sd_ns + (double)c->stated_dispersion_ns;
	double distance = (double)newest->distance_ns;
	double path = path_doubt_ns(source, least);
	struct ds_prediction then;
	double off, bend;

	if (!ds_estimate_at(e, newest->raw_ns, 0.0, &then))
		return;
	off = apart_ns(then.server_minus_raw_ns, newest->server_minus_raw_ns);
	/* Of a broadcast nobody knows how late it was. */
	if (newest->one_way && newest->server_minus_raw_ns < then.server_minus_raw_ns)
		off = 0.0;
	if (off > late + noise || e->suspects > 0)
		c->doubt_ns = (int64_t)(off + late + noise);
	if (path > noise)
		c->doubt_ns = (int64_t)fmax((double)c->doubt_ns, off + path + noise);
	bend = bend_doubt_ns(e, least, noise, growth_ppb);
	c->doubt_ns = (int64_t)fmax((double)c->doubt_ns, bend);
	if (c->doubt_ns > 0)
		c->freq_doubt_ppb =
			freq_doubt_ppb(source, then.freq_ppb, late + late_before + 2.0 * noise);
	if (bend > 0.0)
		c->freq_doubt_ppb = fmax(c->freq_doubt_ppb, growth_ppb);
	doubt_edge(e, c);
	if (off > distance + noise)
		c->contradiction_ns = (int64_t)(off + distance);
}

static void fill_candidate(struct ds_sources *s, const struct ds_source *source, int64_t raw_ns,
			   struct ds_candidate *c)
{
	double growth_ppb = s->context.conf->max_clock_error_ppm * 1e3;
	const struct ds_prediction *p = &c->prediction;
	struct ds_conf_select select;

	memset(c, 0, sizeof *c);
	if (source->address.family == 0)
		return;
	c->reach = source->reach;
	c->reachable = source->reach != 0;
	select = ds_conf_select(s->context.conf, source->conf);
	c->noselect = select.noselect;
	c->prefer = select.prefer;
	c->trust = select.trust;
	c->require = select.require;
	c->ref_id = ds_address_ref_id(&source->address);
	if (source->address.family == AF_INET || source->address.family == AF_INET6)
		c->path_id = UINT32_C(1) << 24 | ds_address_prefix_hash(&source->address, 0);
	if (source->local.family != 0)
		c->local_ref_id = ds_address_ref_id(&source->local);
	if (!source->has_remote)
		return;
	c->loop = follows_us(s, source, ds_monotonic_ns());
	c->leap = source->remote.leap;
	c->stratum = source->remote.stratum;
	if (c->stratum < source->conf->min_stratum)
		c->stratum = source->conf->min_stratum;
	c->upstream_id = upstream_of(&source->remote);
	c->jitter_ns = source->estimate.sample_sd_ns;
	c->has_prediction = ds_estimate_at(&source->estimate, raw_ns, growth_ppb, &c->prediction);
	if (c->has_prediction && s->context.leaps != NULL)
		c->prediction.server_minus_raw_ns += s->context.leaps->total_ns;
	c->stated_dispersion_ns = stated_dispersion_ns(source);
	if (c->has_prediction)
		ask_newest(source, growth_ppb, c);
	/* What transparent clocks are said to have held is not proved by anything. */
	c->root_delay_ns = source->remote.root_delay_ns + source->estimate.min_delay_ns +
			   2 * source->unproved_ns;
	c->systematic_ns =
		(double)c->root_delay_ns / 2.0 + (double)source->remote.root_dispersion_ns;
	/* Distance is half the delay and all the dispersion: what is not the one is the other. */
	c->root_dispersion_ns = p->certain_ns - c->root_delay_ns / 2;
	if (c->root_dispersion_ns < source->remote.root_dispersion_ns)
		c->root_dispersion_ns = source->remote.root_dispersion_ns;
}

void ds_sources_candidates(struct ds_sources *s, const struct ds_reading *now,
			   struct ds_candidate *candidates, struct ds_timekeeper_input *input)
{
	int8_t shortest = INT8_MAX;

	input->candidates = candidates;
	input->count = s->count;
	for (uint32_t i = 0; i < s->count; i++) {
		struct ds_source *source = &s->table[i];

		fill_candidate(s, source, now->raw_ns, &candidates[i]);
		source->follows_us = candidates[i].loop;
		input->addresses[i] = &source->address;
		input->smeared[i] = source->address.family != 0 && source->has_remote &&
				    source->remote.ref_id == DS_SMOOTH_REF_ID;
		if (candidates[i].has_prediction && source->poll_log2 < shortest)
			shortest = source->poll_log2;
	}
	if (shortest == INT8_MAX)
		shortest = 6;
	input->interval_ns = shortest >= 0 ? NS_PER_S << shortest : NS_PER_S >> -shortest;
}

bool ds_sources_starting(const struct ds_sources *s, int64_t now_ns)
{
	if (now_ns > s->started_ns + STARTING_NS)
		return false;
	for (uint32_t i = 0; i < s->group_count && now_ns < s->started_ns + NAMES_NS; i++)
		if (s->groups[i].wanted && !s->groups[i].offline && !s->groups[i].said_failed)
			return true;
	for (uint32_t i = 0; i < s->count; i++) {
		const struct ds_source *source = &s->table[i];

		if (source->address.family == 0 || source->due_ns == INT64_MAX)
			continue;
		if (source->requests == 0)
			return true;
		if (source->requests == 1 && source->answers == 0 && source->socket.fd >= 0)
			return true;
	}
	return false;
}

void ds_sources_restart(struct ds_sources *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		union ds_address address = s->table[i].address;
		bool offline = s->table[i].offline;

		if (address.family == 0)
			continue;
		ds_source_stop(&s->table[i], s->context.counters);
		if (address.family == DS_ADDRESS_REFCLOCK) { /* read by daemon/refclocks */
			ds_source_init(&s->table[i], s->table[i].conf, s->context.conf, &address);
			continue;
		}
		/* The next packet of theirs finds the place empty, and begins anew. */
		if (s->table[i].conf->kind == DS_SOURCE_EPHEMERAL ||
		    s->table[i].conf->kind == DS_SOURCE_LISTENER)
			s->table[i].address.family = 0;
		else
			start_source(s, i, s->table[i].conf, &address, offline);
	}
	s->started_ns = ds_monotonic_ns();
}

void ds_sources_forget_samples(struct ds_sources *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->table[i].address.family != 0)
			ds_estimate_restart(&s->table[i].estimate);
}

bool ds_sources_settled(const struct ds_sources *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		const struct ds_source *source = &s->table[i];

		if (source->address.family == 0 || source->offline || is_peer(source->conf))
			continue;
		if (source->burst_left > 0 || source->socket.fd >= 0 || source->requests == 0)
			return false;
	}
	for (uint32_t i = 0; i < s->group_count; i++)
		if (s->groups[i].wanted && !s->groups[i].offline && !s->groups[i].said_failed)
			return false;
	return true;
}
