/* source: see source.h. Timeouts are of CLOCK_MONOTONIC. */
#include "daemon/source.h"

#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "daemon/cards.h"
#include "daemon/history.h"
#include "daemon/listening.h"
#include "daemon/log.h"
#include "daemon/record.h"
#include "daemon/serve.h"
#include "daemon/shadowing.h"
#include "os/random.h"

#define NS_PER_S	     INT64_C(1000000000)
#define BURST_SPACING_NS     (2 * NS_PER_S)
#define BURST_REQUESTS	     4
#define PRESEND_AHEAD_NS     (2 * NS_PER_S)
#define PARK_NS		     INT64_C(2000000) /* how long an answer waits for the request's drivestamp */
#define ANSWER_WAIT_NS	     (4 * NS_PER_S) /* beyond maxdelay: give up */
#define POLL_RATE_CAP_LOG2   10		    /* KoD RATE never makes us poll less often than this */
#define LISTENING_UNANSWERED 4		    /* requests of a round; the others are not sent */
#define PTP_UNANSWERED	     2		    /* requests before the other form of PTP is tried */
#define SILENT_AFTER	     8		    /* requests without answer that are worth a line */

void ds_source_init(struct ds_source *s, const struct ds_conf_source *conf,
		    const struct ds_conf *global, const union ds_address *address)
{
	memset(s, 0, sizeof *s);
	s->conf = conf;
	s->address = *address;
	s->socket.fd = -1;
	s->min_poll_log2 = conf->minpoll;
	s->poll_log2 = conf->minpoll;
	s->due_ns = INT64_MAX;
	s->give_up_ns = INT64_MAX;
	s->deadline_ns = INT64_MAX;
	s->by_ptp = ds_conf_by_ptp(global, conf);
	s->tx_id = ds_random32();
	ds_estimate_init(&s->estimate, conf->min_samples ? conf->min_samples : global->min_samples,
			 conf->max_samples ? conf->max_samples : global->max_samples);
}

void ds_source_start(struct ds_source *s, const struct ds_conf_source *conf,
		     const struct ds_conf *global, const union ds_address *address, int64_t due_ns)
{
	ds_source_init(s, conf, global, address);
	s->burst_left = conf->iburst ? BURST_REQUESTS : 0;
	s->due_ns = due_ns;
	ds_client_init(&s->client, conf->version, conf->xleave, conf->key != 0);
}

static bool is_peer(const struct ds_source *s)
{
	return s->conf->kind == DS_SOURCE_PEER || s->conf->kind == DS_SOURCE_EPHEMERAL;
}

static void close_socket(struct ds_source *s, struct ds_counters *counters)
{
	s->give_up_ns = INT64_MAX;
	if (s->socket.fd < 0)
		return;
	for (int r = 0; r < DS_REASON_COUNT; r++)
		counters->by_reason[r] += s->socket.stamping.counters.by_reason[r];
	ds_socket_close(&s->socket);
}

void ds_source_stop(struct ds_source *s, struct ds_counters *counters)
{
	close_socket(s, counters);
	if (s->conf != NULL && !is_peer(s))
		ds_client_disarm(&s->client);
	s->due_ns = INT64_MAX;
	s->deadline_ns = INT64_MAX;
}

void ds_source_go_offline(struct ds_source *s, struct ds_counters *counters)
{
	ds_source_stop(s, counters);
	s->offline = true;
	s->reach = 0;
	s->burst_left = s->burst_good = 0;
	s->warm = s->warmed = false;
}

void ds_source_go_online(struct ds_source *s, int64_t due_ns)
{
	s->offline = false;
	s->failures = 0;
	s->said_silent = s->said_refused = false;
	s->burst_left = s->conf->iburst && !is_peer(s) ? BURST_REQUESTS : 0;
	s->burst_good = 0;
	s->due_ns = due_ns;
}

void ds_source_order_burst(struct ds_source *s, uint8_t good, uint8_t most, int64_t due_ns)
{
	s->burst_left = most;
	s->burst_good = good;
	s->warm = s->warmed = false;
	s->due_ns = due_ns;
}

int64_t ds_source_next_ns(const struct ds_source *s)
{
	int64_t next = s->due_ns;

	if (s->give_up_ns < next)
		next = s->give_up_ns;
	if (s->deadline_ns < next)
		next = s->deadline_ns;
	return next;
}

int64_t ds_source_interval_ns(int8_t poll_log2)
{
	return (int64_t)(ldexp(1.0, poll_log2) * (double)NS_PER_S);
}

int64_t ds_source_spread_ns(int64_t interval)
{
	int64_t span = interval / 32;

	if (span == 0)
		return interval;
	return interval + (int64_t)(ds_random64() % (uint64_t)span);
}

static bool presends(const struct ds_source *s)
{
	return s->poll_log2 >= s->conf->presend && !s->warmed && s->burst_left == 0;
}

/* `burst`: short spacing while no good measurement came, as long as the mean interval stays at or
 * above minpoll. */
static void begin_burst(struct ds_source *s)
{
	int doublings = s->poll_log2 - s->min_poll_log2;

	if (!s->conf->burst || s->burst_left > 0 || doublings < 1)
		return;
	s->burst_left = doublings >= 2 ? BURST_REQUESTS : 2;
	s->burst_good = 0;
}

static void schedule(struct ds_source *s, int64_t now_ns)
{
	int64_t interval = ds_source_interval_ns(s->poll_log2);

	if (s->warm) {
		s->due_ns = now_ns + (interval < PRESEND_AHEAD_NS ? interval : PRESEND_AHEAD_NS);
		return;
	}
	if (s->burst_left > 0)
		s->burst_left--;
	else
		s->burst_good = 0;
	/* Whom broadcasts seem to come from may never have sent one. */
	if (s->listening != NULL && s->failures > LISTENING_UNANSWERED)
		s->burst_left = 0;
	if (s->burst_left > 0) {
		s->due_ns = now_ns + (interval < BURST_SPACING_NS ? interval : BURST_SPACING_NS);
		return;
	}
	/* daemon/hearing begins the next round */
	s->due_ns = s->listening != NULL || s->offline ? INT64_MAX
						       : now_ns + ds_source_spread_ns(interval);
}

/* An ordered burst has one good measurement more: the rest of it is not needed after the last. */
static void count_good(struct ds_source *s)
{
	if (s->burst_good == 0 || --s->burst_good > 0 || s->burst_left == 0)
		return;
	s->burst_left = 0;
	schedule(s, ds_monotonic_ns());
}

void ds_source_say_once(struct ds_source *s, bool *said, const char *what)
{
	char text[DS_ADDRESS_TEXT];

	if (*said)
		return;
	*said = true;
	ds_log(DS_LOG_WARNING, "source %s (%s): %s", ds_address_text(&s->address, true, text),
	       s->conf->name, what);
}

/* By `ptpport` requests leave by the server's socket, or they would have another port. */
static bool open_ptp(struct ds_source *s, const struct ds_source_context *c)
{
	if (ds_serve_socket(c->serve, s->address.family, ds_source_form(s))->fd >= 0)
		return true;
	ds_count(c->counters, DS_R_SEND_FAILED);
	ds_source_say_once(s, &s->said_refused, "'ptpport' is not open");
	return false;
}

static bool open_socket(struct ds_source *s, const struct ds_source_context *c)
{
	const char *device = c->conf->bind_acq_device;
	union ds_address local;
	char why[DS_WHY];
	int rc;

	if (s->by_ptp)
		return open_ptp(s, c);
	local = c->conf->bind_acq[s->address.family == AF_INET6];
	if (local.family == 0 && c->conf->acquisition_port != 0) {
		memset(&local, 0, sizeof local);
		local.family = s->address.family;
	}
	if (local.family != 0)
		ds_address_set_port(&local, c->conf->acquisition_port);
	rc = ds_socket_open_client(&s->socket, &s->address, local.family != 0 ? &local : NULL,
				   device[0] != '\0' ? device : NULL, why);
	if (rc == 0)
		return true;
	s->socket.fd = -1;
	ds_count(c->counters, DS_R_SEND_FAILED);
	ds_source_say_once(s, &s->said_refused, why);
	return false;
}

static bool ptp_local(const struct ds_source *s, const struct ds_source_context *c,
		      union ds_address *local)
{
	*local = c->conf->bind[s->address.family == AF_INET6];
	return local->family != 0 || ds_socket_local_for(&s->address, local);
}

/* Whose card stamps the request. A socket bound to an interface has no route to be asked for. */
static int leaves_by(const struct ds_source *s, const struct ds_source_context *c,
		     const union ds_address *local)
{
	const char *device = s->by_ptp ? c->conf->bind_device : c->conf->bind_acq_device;

	if (s->interface != 0)
		return s->interface;
	if (device[0] != '\0')
		return (int)if_nametoindex(device);
	return s->by_ptp ? ds_route_interface(c->route, &s->address, local)
			 : ds_route_of_socket(c->route, &s->socket, &s->address, local);
}

/* An origin field links our requests: it may not follow us to another network (RFC 9769
 * section 6). */
static void note_local_address(struct ds_source *s, const struct ds_source_context *c)
{
	union ds_address local;

	s->interface = s->leaves_by = 0;
	if (!(s->by_ptp ? ptp_local(s, c, &local) : ds_socket_local(&s->socket, &local)))
		return;
	if (s->local.family != 0 && !ds_address_same_host(&s->local, &local))
		ds_client_forget(&s->client);
	s->local = local;
	if (!s->conf->any_interface && s->by_ptp)
		s->interface = ds_route_interface(c->route, &s->address, &local);
	else if (!s->conf->any_interface)
		s->interface = ds_route_of_socket(c->route, &s->socket, &s->address, &local);
	if (c->cards != NULL)
		s->leaves_by = leaves_by(s, c, &local);
}

void ds_source_count_unanswered(struct ds_source *s)
{
	s->reach = (uint8_t)(s->reach << 1);
	if (s->failures < UINT8_MAX)
		s->failures++;
	if (s->failures == SILENT_AFTER + 1)
		ds_source_say_once(s, &s->said_silent, "does not answer");
}

enum ds_ptp_form ds_source_form(const struct ds_source *s)
{
	enum ds_ptp_form heard =
		s->held.form != 0 ? (enum ds_ptp_form)s->held.form : DS_PTP_STANDARD;

	if (!s->by_ptp)
		return DS_PTP_NONE;
	if (s->failures <= PTP_UNANSWERED || (s->requests / PTP_UNANSWERED) % 2 == 0)
		return heard;
	return heard == DS_PTP_STANDARD ? DS_PTP_EXPERIMENTAL : DS_PTP_STANDARD;
}

bool ds_source_is_by_its_port(const struct ds_source *s, const struct ds_datagram *d)
{
	return s->by_ptp == (d->ptp_form != DS_PTP_NONE);
}

/* Asks what transparent clocks added to the request. Returns the length of the packet. */
static size_t add_field(const struct ds_source *s, enum ds_ptp_form form, uint8_t *bytes)
{
	if (form == DS_PTP_NONE || !s->conf->corrections || s->conf->version != 4)
		return DS_WIRE_HEADER_SIZE;
	ds_ptp_field_write(form, 0, bytes + DS_WIRE_HEADER_SIZE);
	return DS_WIRE_HEADER_SIZE + DS_PTP_FIELD_SIZE;
}

/* Sign if there is a key, and send. The MAC takes a while: the clock is read once more behind it.
 */
static bool send_signed(struct ds_source *s, const struct ds_source_context *c,
			struct ds_outgoing *out, uint8_t *bytes)
{
	enum ds_ptp_form form = ds_source_form(s);
	struct ds_tx_stamp t1;

	out->length = add_field(s, form, bytes);
	if (s->conf->key != 0) {
		out->length =
			ds_keys_sign(c->keys, s->conf->key, bytes, out->length, s->conf->version);
		if (out->length == 0) {
			errno = ENOKEY;
			return false;
		}
		t1 = ds_clock_tx_now(c->clock);
		ds_client_departs(&s->client, &t1);
	}
	if (form == DS_PTP_NONE)
		return ds_socket_send(&s->socket, c->batch, out, 1) == 1;
	out->remote = &s->address;
	out->local = s->local.family != 0 ? &s->local : NULL;
	out->token |= (uint32_t)s->place << DS_SOURCE_TOKEN_BITS;
	return ds_serve_send(c->serve, out, form);
}

/* Will the request that is about to leave get a drivestamp? */
static bool stamps(const struct ds_source *s, const struct ds_source_context *c)
{
	const struct ds_socket *socket =
		s->by_ptp ? ds_serve_socket(c->serve, s->address.family, ds_source_form(s))
			  : &s->socket;

	return socket->stamping.transmit;
}

static void send_request(struct ds_source *s, const struct ds_source_context *c, int64_t now_ns)
{
	uint8_t bytes[DS_KEYS_PACKET + DS_PTP_FIELD_SIZE];
	const uint64_t random[2] = {ds_random64(), ds_random64()};
	struct ds_outgoing out = {.data = bytes, .length = DS_WIRE_HEADER_SIZE};
	struct ds_tx_stamp t1;

	close_socket(s, c->counters);
	s->deadline_ns = INT64_MAX;
	begin_burst(s);
	s->warm = presends(s);
	s->warmed = s->warm;
	ds_source_count_unanswered(s);
	s->requests++;
	schedule(s, now_ns);
	if (!open_socket(s, c)) {
		ds_client_disarm(&s->client);
		return;
	}
	note_local_address(s, c);
	s->tx_id++;
	if (s->by_ptp)
		s->tx_id &= DS_SOURCE_TOKEN_MASK;
	out.token = s->tx_id;
	out.stamp = stamps(s, c);
	s->kernel_tx.source = DS_STAMP_NONE;
	s->awaits_card = out.card = out.stamp && ds_cards_ask(c->cards, s->leaves_by, DS_CARDS_OWN);
	t1 = ds_clock_tx_now(c->clock);
	ds_client_request(&s->client, &t1, s->tx_id, out.stamp, random, bytes);
	if (!send_signed(s, c, &out, bytes)) {
		ds_source_say_once(s, &s->said_refused, strerror(errno));
		ds_count(c->counters, DS_R_SEND_FAILED);
		close_socket(s, c->counters);
		ds_client_disarm(&s->client);
		return;
	}
	s->give_up_ns = now_ns + (int64_t)(s->conf->max_delay_s * 1e9) + ANSWER_WAIT_NS;
}

static void adjust_poll(struct ds_source *s, const struct ds_source_context *c, int64_t raw_ns)
{
	struct ds_prediction p;
	struct ds_reading now;
	struct ds_poll_news news = {.delay_ns = hypot((double)s->estimate.min_delay_ns,
						      0.5 * (double)s->remote.root_delay_ns),
				    .doubt = s->estimate.suspects > 0};

	/* It may ask us as often as it needs; we gain nothing. */
	if (s->follows_us) {
		if (s->poll_log2 < s->conf->maxpoll)
			s->poll_log2++;
		return;
	}
	if (ds_estimate_at(&s->estimate, raw_ns, 0.0, &p))
		news.prediction = &p;
	ds_clock_read(c->clock, &now);
	news.age_s = (double)(now.raw_ns - raw_ns) * 1e-9;
	s->poll_log2 =
		ds_poll_next(&s->poll, &news, s->poll_log2, s->min_poll_log2, s->conf->maxpoll);
}

static void slow_down(struct ds_source *s)
{
	int8_t cap = s->conf->minpoll > POLL_RATE_CAP_LOG2 ? s->conf->minpoll : POLL_RATE_CAP_LOG2;

	if (s->min_poll_log2 < cap)
		s->min_poll_log2++;
	if (s->poll_log2 < s->min_poll_log2)
		s->poll_log2 = s->min_poll_log2;
	s->burst_left = 0;
}

static void record_statistics(const struct ds_source *s, const struct ds_source_context *c,
			      const struct ds_rx_stamp *t4)
{
	struct ds_reading at;

	ds_clock_read(c->clock, &at);
	if (c->leaps != NULL)
		at.clock_ns -= c->leaps->total_ns;
	ds_record_statistics(t4->clock_ns, &s->address, &s->estimate, at.clock_ns - at.raw_ns,
			     c->freq_ppb);
}

static bool is_broadcast(const struct ds_exchange *x)
{
	return x != NULL &&
	       (x->kind == DS_EXCHANGE_BROADCAST || x->kind == DS_EXCHANGE_BROADCAST_DRIVESTAMP);
}

/* What a sample allows, for those who look at the estimate (sources.c). */
static void note_claim(struct ds_source *s, const struct ds_exchange *x, int64_t precision_ns)
{
	if (x->raw_ns != s->newest.raw_ns) {
		s->before = s->newest;
		s->recent =
			(uint8_t)(s->recent < DS_SOURCE_RECENT ? s->recent + 1 : DS_SOURCE_RECENT);
		memmove(&s->recent_delay_ns[1], &s->recent_delay_ns[0],
			sizeof s->recent_delay_ns - sizeof s->recent_delay_ns[0]);
	}
	s->recent_delay_ns[0] = x->delay_ns;
	if (is_broadcast(x))
		s->recent = 0;
	s->unproved_ns = x->unproved_ns;
	s->newest = (struct ds_source_claim){
		.raw_ns = x->raw_ns,
		.one_way = is_broadcast(x),
		.server_minus_raw_ns = x->server_minus_raw_ns,
		.delay_ns = x->delay_ns,
		.distance_ns = (x->delay_ns + x->remote.root_delay_ns) / 2 + x->unproved_ns +
			       x->remote.root_dispersion_ns + precision_ns +
			       ((int64_t)x->t1.error_ns + x->t4.error_ns) / 2,
	};
	if (!ds_exchange_is_interleaved(x->kind) || is_broadcast(x))
		s->interleaved_run = 0;
	else if (s->interleaved_run < UINT8_MAX)
		s->interleaved_run++;
}

static uint8_t their_mode(const struct ds_source *s, const struct ds_exchange *x)
{
	if (is_peer(s))
		return s->peering.their_mode;
	return is_broadcast(x) ? DS_MODE_BROADCAST : DS_MODE_SERVER;
}

static void shadow(const struct ds_source *s, const struct ds_source_context *c,
		   const struct ds_exchange *x)
{
	const struct ds_shadowing_exchange e = {
		.remote = &s->address,
		.exchange = x,
		.mode = their_mode(s, x),
		.poll_log2 = s->poll_log2,
	};

	if (c->shadowing != NULL)
		ds_shadowing_exchange(c->shadowing, &e);
}

bool ds_source_take_exchange(struct ds_source *s, const struct ds_source_context *c,
			     struct ds_exchange *x)
{
	int64_t correction_ns = (int64_t)(s->conf->offset_s * 1e9);

	x->offset_ns += correction_ns;
	x->server_minus_raw_ns += correction_ns;
	shadow(s, c, x);
	if (c->leaps != NULL)
		x->server_minus_raw_ns -= ds_leaps_total_at_ns(c->leaps, x->raw_ns);
	if (x->t1.source == DS_STAMP_DAEMON)
		s->stamps_lost++;
	struct ds_remote stated = x->remote;

	/* An exchange that this packet completes is of the packet before: so is what the server was
	 * wrong by then. */
	if (ds_exchange_is_interleaved(x->kind) && s->has_remote &&
	    s->remote.root_dispersion_ns > x->remote.root_dispersion_ns)
		x->remote.root_dispersion_ns = s->remote.root_dispersion_ns;
	if (!ds_estimate_add(&s->estimate, x, c->clock->precision_ns))
		return false;
	s->remote = stated;
	s->has_remote = true;
	note_claim(s, x, c->clock->precision_ns);
	record_statistics(s, c, &x->t4);
	if (s->listening == NULL)
		adjust_poll(s, c, x->raw_ns);
	return true;
}

void ds_source_remember(const struct ds_source *s, const struct ds_source_context *c,
			enum ds_reason reason, uint8_t mode, const struct ds_exchange *exchange,
			int64_t clock_ns)
{
	struct ds_history_record r = {
		.clock_ns = clock_ns,
		.reason = (uint8_t)reason,
		.mode = mode,
		.poll_log2 = s->poll_log2,
		.leap = DS_LEAP_UNSYNCHRONISED,
		.authenticated = s->conf->key != 0 && reason != DS_R_AUTH,
	};

	if (c->history == NULL)
		return;
	if (exchange != NULL) {
		r.has_exchange = true;
		r.t1_ns = exchange->t1.clock_ns;
		r.t2_ns = exchange->t2_ns;
		r.t3_ns = exchange->t3_ns;
		r.t4_ns = exchange->t4.clock_ns;
		r.offset_ns = exchange->offset_ns;
		r.delay_ns = exchange->delay_ns;
		r.root_delay_ns = exchange->remote.root_delay_ns;
		r.root_dispersion_ns = exchange->remote.root_dispersion_ns;
		r.ref_id = exchange->remote.ref_id;
		r.kind = (uint8_t)exchange->kind;
		r.t1_source = (uint8_t)exchange->t1.source;
		r.t4_source = (uint8_t)exchange->t4.source;
		r.leap = exchange->remote.leap;
		r.stratum = exchange->remote.stratum;
		r.precision_log2 = exchange->remote.precision_log2;
		r.interleaved = ds_exchange_is_interleaved(exchange->kind);
	}
	ds_history_add(c->history, (uint32_t)(s - c->table), &s->address, &r);
}

void ds_source_record(const struct ds_source *s, const struct ds_source_context *c,
		      enum ds_reason reason, const struct ds_exchange *exchange,
		      const struct ds_rx_stamp *t4)
{
	struct ds_record_measurement m = {
		.clock_ns = t4->clock_ns,
		.remote = &s->address,
		.reason = reason,
		.mode = their_mode(s, exchange),
		.interleaved = exchange != NULL && ds_exchange_is_interleaved(exchange->kind),
		.poll_log2 = s->poll_log2,
		.exchange = exchange,
		.leap = exchange != NULL ? exchange->remote.leap : DS_LEAP_UNSYNCHRONISED,
		.stratum = exchange != NULL ? exchange->remote.stratum : 0,
		.tx_source = exchange != NULL ? exchange->t1.source : DS_STAMP_NONE,
		.rx_source = exchange != NULL ? exchange->t4.source : t4->source,
	};

	ds_record_measurement(&m);
	ds_source_remember(s, c, reason, m.mode, exchange, t4->clock_ns);
}

void ds_source_note_answer(struct ds_source *s, const struct ds_exchange *exchange)
{
	s->answers++;
	s->reach |= 1;
	s->failures = 0;
	s->said_silent = false;
	s->said_refused = false;
	if (exchange == NULL || exchange->kind == DS_EXCHANGE_REFCLOCK)
		return;
	if (exchange->kind == DS_EXCHANGE_BASIC)
		s->basic++;
	else
		s->interleaved++;
}

enum ds_reason ds_source_check_delay(const struct ds_source *s, enum ds_reason reason,
				     const struct ds_exchange *exchange)
{
	return exchange->delay_ns > (int64_t)(s->conf->max_delay_s * 1e9) ? DS_R_DELAY_MAX : reason;
}

enum ds_reason ds_source_check_leap(const struct ds_source_context *c, enum ds_reason reason,
				    const struct ds_exchange *exchange)
{
	if (c->leaps == NULL ||
	    !ds_leaps_between(c->leaps, exchange->t1.raw_ns, exchange->t4.raw_ns))
		return reason;
	return DS_R_LEAP;
}

/* KoD DENY or RSTR. RFC 5905 section 7.4: who is refused stops asking; that is done where the key
 * shows that it comes from the server. A name is then asked for another address. */
static void refuse(struct ds_source *s, bool authentic)
{
	if (!authentic) {
		ds_source_say_once(s, &s->said_deny, "refuses to serve (KoD, not authenticated)");
		return;
	}
	ds_source_say_once(s, &s->said_deny, "refuses to serve (KoD): it is asked no more");
	s->due_ns = INT64_MAX;
	s->reach = 0;
	s->failures = UINT8_MAX;
}

/* Take out what transparent clocks held the packets of an exchange for: those that its T2 and T4
 * are of (RFC 9769 section 2). */
static void correct(struct ds_source *s, const struct ds_source_context *c, struct ds_exchange *x)
{
	struct ds_ptp_corrections corrections = s->came.corrections;
	enum ds_reason reason;
	int64_t delay_ns;

	if (!s->by_ptp || !s->conf->corrections ||
	    (s->conf->key != 0 && !s->conf->trust_corrections))
		return;
	if (x->kind == DS_EXCHANGE_SET1)
		corrections = s->held.corrections;
	else if (x->kind == DS_EXCHANGE_SET2)
		corrections.answer_ns = s->held.corrections.answer_ns;
	delay_ns = x->delay_ns;
	reason = ds_ptp_correct(x, corrections);
	if (reason != DS_R_OK)
		ds_count(c->counters, reason);
	s->corrected_ns = delay_ns - x->delay_ns;
	s->corrected += s->corrected_ns != 0;
}

/* An answer waits for its request's transmit stamp; from when the kernel's was there it is the
 * card's that is waited for. */
static void park(struct ds_source *s, const struct ds_source_context *c)
{
	int64_t wait_ns = PARK_NS;

	if (s->deadline_ns != INT64_MAX)
		return;
	if (s->awaits_card && ds_cards_timeout_ns(c->cards) > wait_ns)
		wait_ns = ds_cards_timeout_ns(c->cards);
	s->deadline_ns = ds_monotonic_ns() + wait_ns;
}

/* What an event at the client came to. Returns whether there is a new sample. */
static bool conclude(struct ds_source *s, const struct ds_source_context *c, enum ds_reason reason,
		     struct ds_client_outcome *outcome, const struct ds_rx_stamp *t4)
{
	struct ds_exchange *x = outcome->has_exchange ? &outcome->exchange : NULL;
	bool sample = false;

	if (x != NULL) {
		correct(s, c, x);
		reason = ds_source_check_leap(c, ds_source_check_delay(s, reason, x), x);
	}
	if (outcome->answered && outcome->kiss_code == 0)
		s->held = s->came;
	ds_count(c->counters, reason);
	if (outcome->slow_down) {
		slow_down(s);
		ds_source_say_once(s, &s->said_rate, "asks for fewer packets (KoD RATE)");
	}
	if (outcome->refused)
		refuse(s, outcome->answered);
	if (reason == DS_R_PARKED)
		park(s, c);
	if (!outcome->answered) {
		if (reason != DS_R_OK && reason != DS_R_PARKED)
			ds_source_record(s, c, reason, x, t4);
		return false;
	}
	s->deadline_ns = INT64_MAX;
	if (reason == DS_R_OK || reason == DS_R_LEAP)
		ds_source_note_answer(s, reason == DS_R_OK ? x : NULL);
	ds_source_record(s, c, reason, x, t4);
	if (reason == DS_R_OK && x != NULL && s->listening != NULL)
		ds_listening_calibrate(s->listening, x, c->freq_ppb);
	if (reason == DS_R_OK && x != NULL && !s->warm)
		sample = ds_source_take_exchange(s, c, x);
	if (sample && s->burst_good > 0)
		count_good(s);
	else if (sample && s->conf->burst && !s->conf->iburst)
		s->burst_left = 0;
	close_socket(s, c->counters);
	return sample;
}

/* What a transmit stamp of the request under way came to. */
static bool give_stamp(struct ds_source *s, const struct ds_source_context *c, uint32_t token,
		       const struct ds_tx_stamp *tx)
{
	struct ds_rx_stamp t4 = s->client.parked_t4;
	struct ds_client_outcome outcome;
	bool parked = s->client.parked;
	enum ds_reason reason = ds_client_tx_stamp(&s->client, token, tx, c->freq_ppb, &outcome);

	if (parked && outcome.answered)
		return conclude(s, c, reason, &outcome, &t4);
	if (reason != DS_R_OK)
		ds_count(c->counters, reason);
	return false;
}

/* Nobody waits for the card any longer: the kernel's stamp, if it is there, is the best there will
 * be. */
static bool do_without_card(struct ds_source *s, const struct ds_source_context *c)
{
	const struct ds_tx_stamp tx = s->kernel_tx;

	s->awaits_card = false;
	s->kernel_tx.source = DS_STAMP_NONE;
	return tx.source != DS_STAMP_NONE && give_stamp(s, c, s->tx_id, &tx);
}

/* The wait for the card's stamp is over, or that for any stamp. */
static bool deadline(struct ds_source *s, const struct ds_source_context *c)
{
	struct ds_client_outcome outcome;
	struct ds_rx_stamp t4;
	enum ds_reason reason;
	bool news;

	s->deadline_ns = INT64_MAX;
	news = do_without_card(s, c);
	if (!s->client.parked)
		return news;
	t4 = s->client.parked_t4;
	reason = ds_client_deadline(&s->client, c->freq_ppb, &outcome);
	ds_count(c->counters, DS_R_STAMP_MISSING);
	return conclude(s, c, reason, &outcome, &t4) || news;
}

bool ds_source_run(struct ds_source *s, const struct ds_source_context *c, int64_t now_ns)
{
	bool news = false;

	if (now_ns >= s->deadline_ns)
		news = deadline(s, c);
	if (now_ns >= s->give_up_ns) {
		close_socket(s, c->counters);
		ds_client_disarm(&s->client);
		news |= s->answers == 0;
	}
	if (now_ns >= s->due_ns) {
		bool reached = s->reach != 0;

		send_request(s, c, now_ns);
		return news || (reached && s->reach == 0);
	}
	return news;
}

/* The card's stamp: what it is worth is seen beside the kernel's, which was held back for it. */
static bool handle_card_stamp(struct ds_source *s, const struct ds_source_context *c,
			      const struct ds_datagram *d)
{
	const struct ds_tx_stamp *held =
		s->kernel_tx.source != DS_STAMP_NONE ? &s->kernel_tx : &s->client.t1;
	bool awaited = s->awaits_card;
	struct ds_tx_stamp tx;

	if (d->token != s->tx_id) {
		ds_count(c->counters, DS_R_STAMP_WRONG_ID);
		return false;
	}
	if (!ds_cards_tx(c->cards, d, s->leaves_by, DS_CARDS_OWN, held, &tx))
		return do_without_card(s, c);
	s->awaits_card = false;
	s->kernel_tx.source = DS_STAMP_NONE;
	if (!s->client.parked)
		s->deadline_ns = INT64_MAX;
	if (!awaited && !s->client.armed && !s->client.parked) {
		ds_count(c->counters, DS_R_CARD_TX_LATE);
		return false;
	}
	return give_stamp(s, c, d->token, &tx);
}

static bool handle_stamp(struct ds_source *s, const struct ds_source_context *c,
			 const struct ds_datagram *d)
{
	struct ds_tx_stamp tx;

	if (d->card_ns != 0)
		return handle_card_stamp(s, c, d);
	tx = ds_clock_tx_stamp(c->clock, d->realtime_ns, d->source);
	if (!s->awaits_card || d->token != s->tx_id)
		return give_stamp(s, c, d->token, &tx);
	s->kernel_tx = tx;
	if (s->deadline_ns == INT64_MAX)
		s->deadline_ns = ds_monotonic_ns() + ds_cards_timeout_ns(c->cards);
	return false;
}

struct ds_rx_stamp ds_source_rx_stamp(const struct ds_source_context *c,
				      const struct ds_datagram *d)
{
	struct ds_reading now;
	struct ds_rx_stamp rx;
	int64_t realtime_ns = d->realtime_ns;

	if (d->source >= DS_STAMP_KERNEL) {
		rx = ds_clock_rx_stamp(c->clock, realtime_ns, d->source);
	} else {
		ds_count(c->counters, DS_R_RX_STAMP_DAEMON);
		realtime_ns = ds_clock_read_beside(c->clock, &now);
		rx = (struct ds_rx_stamp){now.clock_ns, now.raw_ns, DS_STAMP_DAEMON, 0};
	}
	if (c->shadowing != NULL)
		ds_shadowing_stamp(c->shadowing, rx.raw_ns, realtime_ns);
	ds_cards_rx(c->cards, d, DS_CARDS_OWN, &rx);
	return rx;
}

static void say_interface(struct ds_source *s, int came_by)
{
	char asked[IF_NAMESIZE] = "?", came[IF_NAMESIZE] = "?";
	char what[128];

	if_indextoname((unsigned int)s->interface, asked);
	if_indextoname((unsigned int)came_by, came);
	snprintf(what, sizeof what,
		 "asked by %s, an answer came by %s and is dropped; 'anyinterface' allows it",
		 asked, came);
	ds_source_say_once(s, &s->said_interface, what);
}

enum ds_reason ds_source_check_way(struct ds_source *s, const struct ds_datagram *d)
{
	if (d->remote.family != 0 && !ds_address_equal(&d->remote, &s->address))
		return DS_R_WRONG_ADDRESS;
	if (d->local.family != 0 && s->local.family != 0 &&
	    !ds_address_same_host(&d->local, &s->local))
		return DS_R_WRONG_ADDRESS;
	if (s->interface == 0 || d->interface == 0 || d->interface == s->interface)
		return DS_R_OK;
	say_interface(s, d->interface);
	return DS_R_WRONG_INTERFACE;
}

enum ds_auth ds_source_auth(const struct ds_source *s, const struct ds_source_context *c,
			    const struct ds_datagram *d)
{
	struct ds_frame frame;

	if (s->conf->key == 0 || ds_wire_read(d->data, d->length, &frame) != DS_R_OK)
		return DS_AUTH_ABSENT;
	return ds_keys_check(c->keys, d->data, &frame, s->conf->key);
}

/* What came around a packet, and the corrections with it. A server adds the time that its own frame
 * took; ours took as long, and stands in T4 (see serve.c). */
static struct ds_source_way way_of(const struct ds_source_context *c, const struct ds_datagram *d,
				   const struct ds_rx_stamp *t4)
{
	enum ds_ptp_form form = (enum ds_ptp_form)d->ptp_form;
	struct ds_source_way way = {.form = d->ptp_form,
				    .corrections.answer_ns = d->ptp_correction_ns};
	struct ds_frame frame;

	if (form != DS_PTP_NONE && ds_wire_read(d->data, d->length, &frame) == DS_R_OK)
		ds_ptp_field_read(form, d->data, &frame, &way.corrections.request_ns);
	if (t4->source == DS_STAMP_HARDWARE && way.corrections.request_ns != 0)
		way.corrections.request_ns -= ds_cards_rx_duration_ns(c->cards, d);
	return way;
}

static bool handle_answer(struct ds_source *s, const struct ds_source_context *c,
			  const struct ds_datagram *d)
{
	struct ds_rx_stamp t4 = ds_source_rx_stamp(c, d);
	struct ds_client_outcome outcome = {.answered = false};
	enum ds_reason reason = ds_source_check_way(s, d);

	if (reason == DS_R_OK)
		reason = ds_client_receive(&s->client, d->data, d->length, &t4,
					   ds_source_auth(s, c, d), c->freq_ppb, &outcome);
	if (s->by_ptp && (outcome.answered || reason == DS_R_PARKED))
		s->came = way_of(c, d, &t4);
	return conclude(s, c, reason, &outcome, &t4);
}

bool ds_source_packet(struct ds_source *s, const struct ds_source_context *c,
		      const struct ds_datagram *d)
{
	return handle_answer(s, c, d);
}

bool ds_source_stamp(struct ds_source *s, const struct ds_source_context *c,
		     const struct ds_datagram *d)
{
	struct ds_datagram of_the_request = *d;

	of_the_request.token &= DS_SOURCE_TOKEN_MASK;
	return handle_stamp(s, c, &of_the_request);
}

/* One read of the socket. *count: what came, or a negative errno. */
static bool receive(struct ds_source *s, const struct ds_source_context *c, bool error_queue,
		    int *count)
{
	struct ds_datagram datagrams[DS_BATCH];
	struct ds_reading now;
	bool sample = false;
	int n;

	n = ds_socket_receive(&s->socket, c->batch, error_queue, datagrams);
	*count = n;
	if (n < 0 && n != -EAGAIN && n != -EINTR)
		ds_source_say_once(s, &s->said_refused, strerror(-n));
	ds_clock_read(c->clock, &now); /* a fresh anchor before stamps are carried */
	for (int i = 0; i < n && s->socket.fd >= 0; i++) {
		if (datagrams[i].truncated)
			ds_count(c->counters, DS_R_PACKET_LONG);
		else if (datagrams[i].is_stamp)
			sample |= handle_stamp(s, c, &datagrams[i]);
		else
			sample |= handle_answer(s, c, &datagrams[i]);
	}
	return sample;
}

bool ds_source_handle(struct ds_source *s, const struct ds_source_context *c, short revents)
{
	bool sample = false;
	int stamps = 0;
	int datagrams;

	/* Transmit stamps first: the answer behind them needs them. */
	if (revents & (POLLPRI | POLLERR))
		sample = receive(s, c, true, &stamps);
	/* POLLERR with an empty error queue is a pending error of the socket (ICMP): reading takes
	 * it. */
	if (s->socket.fd >= 0 && ((revents & POLLIN) || ((revents & POLLERR) && stamps <= 0)))
		sample |= receive(s, c, false, &datagrams);
	return sample;
}
