/* candm: see candm.h. */
#include "daemon/candm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/facts.h"
#include "daemon/orders.h"

#define VERSION	      6
#define REQUEST	      1
#define REPLY	      2
#define REQUEST_HEAD  20
#define REPLY_HEAD    28
#define NEVER	      UINT32_C(0xffffffff) /* seconds since something that never was */
#define ADDRESS_BYTES ((size_t)20)
#define NAME_BYTES    256
#define CLIENTS	      8	  /* of a reply */
#define NO_INTERVAL   127 /* of a client that asked once */

enum status {
	SUCCESS = 0,
	FAILED = 1,
	UNAUTHORISED = 2,
	INVALID = 3,
	NO_SUCH_SOURCE = 4,
	NOT_ENABLED = 6,
	TOO_MANY_SOURCES = 12,
	NO_RTC = 13,
	BAD_VERSION = 18,
	BAD_LENGTH = 19,
};

enum family { UNSPECIFIED = 0, INET4 = 1, INET6 = 2 };

uint32_t ds_candm_float(double value)
{
	const double least = ldexp(1.0, -64 - 25), limit = ldexp(1.0, 24);
	double c;
	int e;

	if (isnan(value) || fabs(value) < least / 2.0)
		return 0;
	if (fabs(value) >= ldexp(1.0, 62))
		return UINT32_C(63) << 25 |
		       (value > 0.0 ? UINT32_C(0xffffff) : UINT32_C(0x1000000));
	c = frexp(value, &e) * limit; /* value = c * 2^(e - 24) */
	e++;
	if (e < -64) {
		c = ldexp(c, e + 64);
		e = -64;
	}
	c = rint(c);
	if (c >= limit || c < -limit) {
		c /= 2.0;
		e++;
	}
	return ((uint32_t)e & 0x7f) << 25 | ((uint32_t)(int32_t)c & UINT32_C(0x1ffffff));
}

/* ---- writing ---- */

struct writer {
	uint8_t *at;
};

static void put8(struct writer *w, unsigned value)
{
	*w->at++ = (uint8_t)value;
}

static void put16(struct writer *w, unsigned value)
{
	put8(w, value >> 8);
	put8(w, value);
}

static void put32(struct writer *w, uint32_t value)
{
	put16(w, value >> 16);
	put16(w, value & 0xffff);
}

/* Counters of 32 bits stay at their limit. */
static void put_count(struct writer *w, uint64_t value)
{
	put32(w, value < UINT32_MAX ? (uint32_t)value : UINT32_MAX);
}

static void put64(struct writer *w, uint64_t value)
{
	put32(w, (uint32_t)(value >> 32));
	put32(w, (uint32_t)value);
}

static void put_float(struct writer *w, double value)
{
	put32(w, ds_candm_float(value));
}

static void put_ns(struct writer *w, int64_t ns)
{
	put_float(w, (double)ns * 1e-9);
}

static void put_address(struct writer *w, const union ds_address *a)
{
	uint8_t *begin = w->at;

	memset(begin, 0, ADDRESS_BYTES);
	if (a->family == AF_INET6)
		memcpy(begin, &a->in6.sin6_addr, 16);
	else if (a->family == AF_INET || a->family == DS_ADDRESS_REFCLOCK)
		memcpy(begin, &a->in.sin_addr, 4);
	w->at += 16;
	put16(w, a->family == AF_INET6 ? INET6 : a->family != 0 ? INET4 : UNSPECIFIED);
	put16(w, 0);
}

static void put_time(struct writer *w, int64_t ns)
{
	int64_t second = ns / 1000000000;

	put64(w, (uint64_t)second);
	put32(w, (uint32_t)(ns % 1000000000));
}

/* ---- reading ---- */

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* As orders take it: "" for the unspecified one, which means all. False: none that exists. */
static bool get_address(const uint8_t *at, char text[DS_ADDRESS_TEXT], union ds_address *address)
{
	memset(address, 0, sizeof *address);
	text[0] = '\0';
	switch (get16(at + 16)) {
	case UNSPECIFIED:
		return true;
	case INET4:
		address->in.sin_family = AF_INET;
		memcpy(&address->in.sin_addr, at, 4);
		break;
	case INET6:
		address->in6.sin6_family = AF_INET6;
		memcpy(&address->in6.sin6_addr, at, 16);
		break;
	default:
		return false;
	}
	ds_address_text(address, false, text);
	return true;
}

/* ---- sources ---- */

/* The n-th that has an address: chronyc counts those alone. */
static bool nth_source(const struct ds_daemon *d, uint32_t n, struct ds_facts_source *f)
{
	for (uint32_t place = 0; place < ds_facts_places(d); place++)
		if (ds_facts_source(d, place, f) && n-- == 0)
			return true;
	return false;
}

static uint32_t count_sources(const struct ds_daemon *d)
{
	struct ds_facts_source f;
	uint32_t n = 0;

	for (uint32_t place = 0; place < ds_facts_places(d); place++)
		n += ds_facts_source(d, place, &f);
	return n;
}

/* Reference clocks have their ID where others have an address. */
static bool by_address(const struct ds_daemon *d, const uint8_t *at, struct ds_facts_source *f)
{
	char text[DS_ADDRESS_TEXT];
	union ds_address wanted;

	if (!get_address(at, text, &wanted) || wanted.family == 0)
		return false;
	for (uint32_t place = 0; place < ds_facts_places(d); place++) {
		if (!ds_facts_source(d, place, f))
			continue;
		if (f->address.family == DS_ADDRESS_REFCLOCK
			    ? wanted.family == AF_INET &&
				      memcmp(&f->address.in.sin_addr, &wanted.in.sin_addr, 4) == 0
			    : ds_address_same_host(&f->address, &wanted))
			return true;
	}
	return false;
}

static unsigned option_bits(const struct ds_conf_select *o)
{
	return (o->noselect ? 1U : 0U) | (o->prefer ? 2U : 0U) | (o->trust ? 4U : 0U) |
	       (o->require ? 8U : 0U);
}

static unsigned state_number(enum ds_selection selection)
{
	switch (ds_selection_letter(selection)) {
	case '*':
		return 0;
	case 'x':
		return 2;
	case '~':
		return 3;
	case '+':
		return 4;
	case '-':
		return 5;
	default:
		return 1;
	}
}

static unsigned mode_number(const struct ds_facts_source *f)
{
	switch (f->conf->kind) {
	case DS_SOURCE_REFCLOCK:
		return 2;
	case DS_SOURCE_PEER:
	case DS_SOURCE_EPHEMERAL:
		return 1;
	default:
		return 0;
	}
}

static uint32_t seconds_ago(const struct ds_facts_source *f)
{
	return f->has_sample ? (uint32_t)(f->sample_age_ns / 1000000000) : NEVER;
}

static uint32_t ref_id_of(const struct ds_facts_source *f)
{
	return ds_address_ref_id(&f->address);
}

/* ---- a request and its reply ---- */

struct call {
	struct ds_daemon *daemon;
	const uint8_t *data; /* of the request, behind its head */
	size_t length;	     /* of the whole request */
	struct writer out;
	unsigned reply; /* where it differs from the table */
};

static enum status nothing(struct call *c)
{
	(void)c;
	return SUCCESS;
}

static enum status tracking(struct call *c)
{
	struct ds_facts_clock f;
	struct writer *w = &c->out;

	ds_facts_clock(c->daemon, &f);
	put32(w, f.ref_id);
	put_address(w, &f.address);
	put16(w, f.stratum);
	put16(w, f.leap);
	put_time(w, f.updated_ns);
	put_ns(w, f.remaining_ns);
	put_ns(w, -f.last_offset_ns);
	put_ns(w, f.rms_offset_ns);
	put_float(w, f.freq_ppm);
	put_float(w, f.residual_freq_ppm);
	put_float(w, f.skew_ppm);
	put_ns(w, f.root_delay_ns);
	put_ns(w, f.root_dispersion_ns);
	put_float(w, f.update_interval_s);
	return SUCCESS;
}

static enum status n_sources(struct call *c)
{
	put32(&c->out, count_sources(c->daemon));
	return SUCCESS;
}

static enum status source_data(struct call *c)
{
	struct ds_facts_source f;
	struct writer *w = &c->out;

	if (!nth_source(c->daemon, get32(c->data), &f))
		return NO_SUCH_SOURCE;
	put_address(w, &f.address);
	put16(w, (unsigned)(int)f.poll_log2 & 0xffff);
	put16(w, f.stratum);
	put16(w, state_number(f.selection));
	put16(w, mode_number(&f));
	put16(w, option_bits(&f.options));
	put16(w, f.reach);
	put32(w, seconds_ago(&f));
	put_ns(w, -f.sample_offset_ns);
	put_ns(w, -f.offset_ns);
	put_ns(w, f.error_ns);
	return SUCCESS;
}

static enum status source_stats(struct call *c)
{
	struct ds_facts_source f;
	struct writer *w = &c->out;

	if (!nth_source(c->daemon, get32(c->data), &f))
		return NO_SUCH_SOURCE;
	put32(w, ref_id_of(&f));
	put_address(w, &f.address);
	put32(w, f.samples);
	put32(w, 0); /* runs of residuals of one sign: this estimate does not count them */
	put32(w, (uint32_t)(f.span_ns / 1000000000));
	put_ns(w, f.jitter_ns);
	put_float(w, f.freq_known ? f.freq_ppm : 0.0);
	put_float(w, f.freq_known ? f.freq_skew_ppm : 1e6);
	put_ns(w, -f.estimate_ns);
	put_ns(w, f.estimate_sd_ns);
	return SUCCESS;
}

static enum status source_name(struct call *c)
{
	struct ds_facts_source f;

	if (!by_address(c->daemon, c->data, &f))
		return NO_SUCH_SOURCE;
	memset(c->out.at, 0, NAME_BYTES);
	snprintf((char *)c->out.at, NAME_BYTES, "%s",
		 f.conf->name[0] != '\0' ? f.conf->name : f.text);
	c->out.at += NAME_BYTES;
	return SUCCESS;
}

static enum status activity(struct call *c)
{
	struct ds_facts_clock f;

	ds_facts_clock(c->daemon, &f);
	put32(&c->out, f.online - f.burst_online);
	put32(&c->out, f.offline - f.burst_offline);
	put32(&c->out, f.burst_online);
	put32(&c->out, f.burst_offline);
	put32(&c->out, f.unresolved);
	return SUCCESS;
}

/* RFC 5905's tests, those that chrony numbers: 1 to 3, 5 to 7, and A to D; a bit is a test passed.
 */
static unsigned test_bits(enum ds_reason reason)
{
	const unsigned all = 0x3ff;

	switch (reason) {
	case DS_R_NOT_ARMED:
		return all & ~1U;
	case DS_R_ORIGIN:
	case DS_R_WRONG_ADDRESS:
	case DS_R_WRONG_INTERFACE:
		return all & ~2U;
	case DS_R_ZERO_STAMP:
		return all & ~4U;
	case DS_R_AUTH:
		return all & ~8U;
	case DS_R_UNSYNCHRONISED:
		return all & ~16U;
	case DS_R_HEADER:
		return all & ~32U;
	case DS_R_DELAY_MAX:
	case DS_R_DELAY_NEGATIVE:
	case DS_R_PROCESSING_MAX:
		return all & ~64U;
	default:
		return all;
	}
}

/* clock: of our readings, which is what a peer's dispersion begins with. */
static void put_packet(struct writer *w, const struct ds_daemon *d, const struct ds_facts_source *f,
		       const struct ds_history_record *r)
{
	static const struct ds_history_record none = {.leap = 3};
	const struct ds_history_record *x = r != NULL ? r : &none;
	/* Of an interleaved exchange T2 and T3 are of two packets. */
	int64_t response_ns = x->t3_ns > x->t2_ns ? x->t3_ns - x->t2_ns : 0;

	put_address(w, &f->address);
	put_address(w, &f->local);
	put16(w, ds_address_port(&f->address));
	put8(w, x->leap);
	put8(w, f->conf->version);
	put8(w, x->mode);
	put8(w, x->stratum);
	put8(w, (unsigned)(int)f->poll_log2 & 0xff);
	put8(w, (unsigned)(int)x->precision_log2 & 0xff);
	put_ns(w, x->root_delay_ns);
	put_ns(w, x->root_dispersion_ns);
	put32(w, x->ref_id);
	put_time(w, d->sources.table[f->place].has_remote
			    ? d->sources.table[f->place].remote.reference_ns
			    : 0);
	put_ns(w, x->offset_ns);
	put_ns(w, x->delay_ns);
	put_float(w, (double)d->clock.precision_ns * 1e-9 +
			     (x->precision_log2 < 0 ? ldexp(1.0, x->precision_log2) : 0.0));
	put_ns(w, response_ns);
	put_float(w, 0.0); /* asymmetry of jitter: not estimated */
	put16(w, test_bits((enum ds_reason)x->reason) | (x->interleaved ? 0x4000U : 0U) |
			 (x->authenticated ? 0x8000U : 0U));
	put8(w,
	     r != NULL ? (unsigned char)ds_stamp_letter((enum ds_stamp_source)x->t1_source) : '-');
	put8(w,
	     r != NULL ? (unsigned char)ds_stamp_letter((enum ds_stamp_source)x->t4_source) : '-');
}

#define NTP_DATA_SHORT (REPLY_HEAD + 96 + 7 * 4)
#define NTP_DATA_LONG  (REPLY_HEAD + 96 + 12 * 4)

/* Two forms of one answer: chronyc asks with as many bytes as the form has that it knows. Other
 * programs ask with more, whatever they know. */
#define ANY_FORM 416 /* bytes of the Go package's shortest question */

static bool knows(const struct call *c, size_t form)
{
	return c->length >= form && c->length < ANY_FORM;
}

static void put_unknown(struct writer *w, int count) /* fields that later versions may name */
{
	for (int i = 0; i < count; i++)
		put32(w, UINT32_MAX);
}

static enum status ntp_data(struct call *c)
{
	struct ds_facts_source f;
	struct writer *w = &c->out;
	bool is_long = knows(c, NTP_DATA_LONG);

	if (!by_address(c->daemon, c->data, &f) || f.address.family == DS_ADDRESS_REFCLOCK)
		return NO_SUCH_SOURCE;
	put_packet(w, c->daemon, &f, ds_history_get(&c->daemon->history, f.place, &f.address, 0));
	put_count(w, f.requests);
	put_count(w, f.heard.accepted + f.heard.refused);
	put_count(w, f.answers);
	put_count(w, f.heard.accepted);
	c->reply = is_long ? 26 : 16;
	for (int by = DS_STAMP_KERNEL; is_long && by <= DS_STAMP_HARDWARE; by++) {
		put_count(w, f.heard.t1_by[by]);
		put_count(w, f.heard.t4_by[by]);
	}
	put_unknown(w, is_long ? 4 : 3);
	return SUCCESS;
}

static enum status select_data(struct call *c)
{
	struct ds_facts_source f;
	struct writer *w = &c->out;

	if (!nth_source(c->daemon, get32(c->data), &f))
		return NO_SUCH_SOURCE;
	put32(w, ref_id_of(&f));
	put_address(w, &f.address);
	put8(w, (unsigned char)ds_selection_data_letter(f.selection));
	put8(w, f.authenticated);
	put8(w, f.leap);
	put8(w, 0);
	put16(w, option_bits(&f.configured));
	put16(w, option_bits(&f.options));
	put32(w, f.has_sample ? seconds_ago(&f) : 0);
	put_float(w, f.score > 0.0 ? f.score : 1.0);
	put_ns(w, -f.high_ns);
	put_ns(w, -f.low_ns);
	return SUCCESS;
}

/* The first eleven of both forms; nothing of NTS is served. */
static void served_numbers(const struct ds_facts_served *f, uint64_t n[11])
{
	const uint64_t numbers[11] = {
		f->received,
		0,
		f->control_received,
		f->denied + f->dropped,
		0,
		f->control_dropped,
		f->clients_dropped,
		f->authenticated,
		f->interleaved,
		f->saved,
		f->saved_span_ns > 0 ? (uint64_t)(f->saved_span_ns / 1000000000) : 0,
	};

	memcpy(n, numbers, sizeof numbers);
}

#define STATS_SHORT (REPLY_HEAD + 11 * 4)
#define STATS_LONG  (REPLY_HEAD + 17 * 8) /* as described; chronyc 4.6 wants four more behind it */
#define STATS_SPARE (STATS_LONG + 4 * 8)

static enum status server_stats(struct call *c)
{
	struct ds_facts_served f;
	bool is_long = knows(c, STATS_LONG);
	uint64_t n[11];

	ds_facts_served(c->daemon, &f);
	served_numbers(&f, n);
	c->reply = is_long ? 25 : 24;
	for (int i = 0; i < 11; i++) {
		if (is_long)
			put64(&c->out, n[i]);
		else
			put_count(&c->out, n[i]);
	}
	for (int by = DS_STAMP_DAEMON; is_long && by <= DS_STAMP_HARDWARE; by++) {
		put64(&c->out, f.rx_by[by]);
		put64(&c->out, f.tx_by[by]);
	}
	if (knows(c, STATS_SPARE))
		put_unknown(&c->out, 4 * 2);
	return SUCCESS;
}

static enum status smoothing(struct call *c)
{
	struct ds_facts_clock f;
	struct writer *w = &c->out;

	ds_facts_clock(c->daemon, &f);
	if (!f.smearing)
		return NOT_ENABLED;
	put32(w, 1U | (c->daemon->conf.smooth_leap_only ? 2U : 0U));
	put_ns(w, f.served_minus_clock_ns);
	put_float(w, f.served_freq_ppm);
	put_float(w, 0.0); /* wander at this moment: not kept */
	put_float(w, f.updated_ns != 0 ? (double)(f.now_ns - f.updated_ns) * 1e-9 : 0.0);
	put_float(w, 0.0);
	return SUCCESS;
}

/* The real-time clock is no source here unless it is one by name; `rtcfile` does not tell this. */
static enum status rtc_report(struct call *c)
{
	(void)c;
	return NO_RTC;
}

#define MANUAL_BYTES (416 - REPLY_HEAD)

/* Time is never entered by hand: a list without entries. */
static enum status manual_list(struct call *c)
{
	memset(c->out.at, 0, MANUAL_BYTES);
	c->out.at += MANUAL_BYTES;
	return SUCCESS;
}

static enum status auth_data(struct call *c)
{
	struct ds_facts_source f;
	struct writer *w = &c->out;

	if (!by_address(c->daemon, c->data, &f) || f.address.family == DS_ADDRESS_REFCLOCK)
		return NO_SUCH_SOURCE;
	put16(w, f.authenticated ? 1 : 0);
	put16(w, 0); /* kind and length of the key: not told */
	put32(w, f.conf->key);
	put16(w, 0);
	put16(w, 0);
	put32(w, NEVER);
	put32(w, 0);
	put32(w, 0);
	return SUCCESS;
}

static void put_client(struct writer *w, const struct ds_client_seen *s)
{
	put_address(w, &s->address);
	put_count(w, (uint64_t)s->basic + s->interleaved);
	put32(w, 0);
	put32(w, 0);
	put_count(w, (uint64_t)s->denied + s->dropped);
	put32(w, 0);
	put32(w, 0);
	put8(w, s->interval_known ? (unsigned)(int)s->interval_log2 & 0xff : NO_INTERVAL);
	put8(w, NO_INTERVAL);
	put8(w, NO_INTERVAL);
	put8(w, NO_INTERVAL);
	put32(w, (uint32_t)s->last_ago_s);
	put32(w, NEVER);
	put32(w, NEVER);
}

static enum status clients(struct call *c)
{
	const struct ds_clients *all = &c->daemon->clients;
	uint32_t i = get32(c->data), most = ds_clients_places(all), told = 0;
	uint32_t wanted = get32(c->data + 4), least = get32(c->data + 8);
	struct ds_client_seen seen;
	struct writer *w = &c->out, head;
	struct ds_reading now;

	if (most == 0)
		return NOT_ENABLED;
	ds_clock_read(c->daemon->timekeeper.clock, &now);
	if (wanted > CLIENTS)
		wanted = CLIENTS;
	head = *w;
	memset(w->at, 0, 12 + CLIENTS * 60);
	w->at += 12;
	for (; i < most && told < wanted; i++) {
		if (!ds_clients_get(all, i, now.raw_ns, &seen) ||
		    seen.basic + seen.interleaved + seen.denied + seen.dropped < least)
			continue;
		put_client(w, &seen);
		told++;
	}
	put32(&head, most);
	put32(&head, i);
	put32(&head, told);
	w->at = head.at + (size_t)CLIENTS * 60;
	return SUCCESS;
}

/* ---- what changes something ---- */

static enum status status_of(enum ds_order_result result)
{
	switch (result) {
	case DS_ORDER_DONE:
		return SUCCESS;
	case DS_ORDER_BAD:
		return INVALID;
	case DS_ORDER_NO_SUCH:
		return NO_SUCH_SOURCE;
	case DS_ORDER_FULL:
		return TOO_MANY_SOURCES;
	case DS_ORDER_REFUSED:
		break;
	}
	return FAILED;
}

/* A mask and an address: "ADDRESS/MASK", "ADDRESS" where all bits are set, "" for none. */
static bool get_which(const uint8_t *at, char which[2 * DS_ADDRESS_TEXT])
{
	char mask[DS_ADDRESS_TEXT], address[DS_ADDRESS_TEXT];
	union ds_address m, a;
	unsigned bits = 0;
	size_t bytes;

	if (!get_address(at, mask, &m) || !get_address(at + ADDRESS_BYTES, address, &a))
		return false;
	which[0] = '\0';
	if (a.family == 0)
		return true;
	bytes = a.family == AF_INET ? 4 : 16;
	for (size_t i = 0; i < bytes * 8; i++)
		bits += (at[i / 8] >> (7 - i % 8)) & 1;
	snprintf(which, (size_t)2 * DS_ADDRESS_TEXT, "%s/%u", address, bits);
	return true;
}

static enum status set_online(struct call *c, enum ds_order_state state)
{
	char which[2 * DS_ADDRESS_TEXT], why[DS_ORDER_WHY];
	uint32_t count;

	if (!get_which(c->data, which))
		return INVALID;
	return status_of(ds_orders_online(c->daemon, state, which, &count, why));
}

static enum status online(struct call *c)
{
	return set_online(c, DS_ORDER_ONLINE);
}

static enum status offline(struct call *c)
{
	return set_online(c, DS_ORDER_OFFLINE);
}

static enum status onoffline(struct call *c)
{
	char why[DS_ORDER_WHY];
	uint32_t count;

	return status_of(ds_orders_online(c->daemon, DS_ORDER_ONOFFLINE, NULL, &count, why));
}

static enum status burst(struct call *c)
{
	char which[2 * DS_ADDRESS_TEXT], why[DS_ORDER_WHY];
	uint32_t good = get32(c->data + 2 * ADDRESS_BYTES);
	uint32_t most = get32(c->data + 2 * ADDRESS_BYTES + 4), count;

	if (!get_which(c->data, which) || good > 255 || most > 255)
		return INVALID;
	return status_of(ds_orders_burst(c->daemon, (int)good, (int)most, which, &count, why));
}

static enum status makestep(struct call *c)
{
	char why[DS_ORDER_WHY];
	int64_t offset_ns;

	return status_of(ds_orders_makestep(c->daemon, &offset_ns, why));
}

static enum status delete_source(struct call *c)
{
	char text[DS_ADDRESS_TEXT], why[DS_ORDER_WHY];
	union ds_address address;
	uint32_t count;

	if (!get_address(c->data, text, &address) || address.family == 0)
		return INVALID;
	return status_of(ds_orders_delete(c->daemon, text, &count, why));
}

static enum status reload(struct call *c)
{
	char why[DS_ORDER_WHY];
	uint32_t count;

	return status_of(ds_orders_reload(c->daemon, &count, why));
}

static enum status cyclelogs(struct call *c)
{
	char why[DS_ORDER_WHY];

	return status_of(ds_orders_cyclelogs(c->daemon, why));
}

/* ---- the table ---- */

struct command {
	uint16_t code;
	uint16_t data;	/* bytes that its request has behind the head */
	uint16_t reply; /* its kind; 1: nothing but a status */
	uint16_t bytes; /* of the reply's data */
	uint8_t right;	/* enum ds_candm_right */
	enum status (*run)(struct call *call);
};

static const struct command commands[] = {
	{0, 0, 1, 0, DS_CANDM_PUBLIC, nothing},
	{1, 40, 1, 0, DS_CANDM_WRITE, online},
	{2, 40, 1, 0, DS_CANDM_WRITE, offline},
	{3, 48, 1, 0, DS_CANDM_WRITE, burst},
	{14, 0, 2, 4, DS_CANDM_PUBLIC, n_sources},
	{15, 4, 3, 48, DS_CANDM_PUBLIC, source_data},
	{29, 20, 1, 0, DS_CANDM_WRITE, delete_source},
	{33, 0, 5, 76, DS_CANDM_PUBLIC, tracking},
	{34, 4, 6, 56, DS_CANDM_PUBLIC, source_stats},
	{35, 0, 7, 28, DS_CANDM_PUBLIC, rtc_report},
	{37, 0, 1, 0, DS_CANDM_WRITE, cyclelogs},
	{41, 0, 18, MANUAL_BYTES, DS_CANDM_PUBLIC, manual_list},
	{43, 0, 1, 0, DS_CANDM_WRITE, makestep},
	{44, 0, 12, 20, DS_CANDM_PUBLIC, activity},
	{51, 0, 13, 24, DS_CANDM_PUBLIC, smoothing},
	{54, 0, 24, STATS_SHORT - REPLY_HEAD, DS_CANDM_READ, server_stats},
	{57, 20, 16, NTP_DATA_SHORT - REPLY_HEAD, DS_CANDM_READ, ntp_data},
	{63, 0, 1, 0, DS_CANDM_WRITE, onoffline},
	{65, 20, 19, NAME_BYTES, DS_CANDM_PUBLIC, source_name},
	{67, 20, 20, 24, DS_CANDM_READ, auth_data},
	{68, 16, 21, 12 + CLIENTS * 60, DS_CANDM_READ, clients},
	{69, 4, 23, 48, DS_CANDM_READ, select_data},
	{70, 0, 1, 0, DS_CANDM_WRITE, reload},
};

static const struct command *find(unsigned code)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (commands[i].code == code)
			return &commands[i];
	return NULL;
}

static void put_head(uint8_t *reply, const uint8_t *request, unsigned kind, enum status status)
{
	struct writer w = {reply};

	memset(reply, 0, REPLY_HEAD);
	put8(&w, VERSION);
	put8(&w, REPLY);
	put16(&w, 0);
	put16(&w, get16(request + 4));
	put16(&w, kind);
	put16(&w, (unsigned)status);
	w.at += 6;
	memcpy(w.at, request + 8, 4); /* the sequence: it comes back as it is */
}

static enum status judge(const struct command *command, const uint8_t *request, size_t length,
			 enum ds_candm_right right)
{
	if (request[0] != VERSION)
		return BAD_VERSION;
	if (command == NULL)
		return INVALID;
	if (right < command->right)
		return UNAUTHORISED;
	if (length < (size_t)REQUEST_HEAD + command->data ||
	    length < (size_t)REPLY_HEAD + command->bytes)
		return BAD_LENGTH;
	return SUCCESS;
}

size_t ds_candm_answer(struct ds_daemon *d, const uint8_t *request, size_t length,
		       enum ds_candm_right right, uint8_t reply[DS_CANDM_MOST])
{
	const struct command *command;
	struct call call = {d, request + REQUEST_HEAD, length, {reply + REPLY_HEAD}, 0};
	enum status status;
	size_t written;

	/* A reply is never answered: two daemons would go on for ever. */
	if (length < REPLY_HEAD || length > DS_CANDM_MOST || request[1] != REQUEST ||
	    request[2] != 0 || request[3] != 0)
		return 0;
	command = find(get16(request + 4));
	status = judge(command, request, length, right);
	if (status == SUCCESS)
		status = command->run(&call);
	if (status != SUCCESS) {
		put_head(reply, request, 1, status);
		return REPLY_HEAD;
	}
	put_head(reply, request, call.reply != 0 ? call.reply : command->reply, SUCCESS);
	written = (size_t)(call.out.at - reply);
	return written <= length ? written : 0; /* should the table above be wrong */
}
