/* facts: see facts.h. Counters that open sockets still hold are added up here, and stay theirs. */
#include "daemon/facts.h"

#include <math.h>
#include <net/if.h>
#include <string.h>

#include "core/clock/discipline.h"
#include "core/exchange/wire.h"
#include "daemon/daemon.h"

#define NS_PER_S	INT64_C(1000000000)
#define SLOTS_LOOKED_AT UINT32_C(65536)	     /* 1 MiB: so much is read in no time */
#define LOCAL_REF_ID	UINT32_C(0x7f7f0101) /* 127.127.1.1, as ntpd had it and chronyd has */

/* ---- the clock ---- */

static const char *clock_name(const struct ds_daemon *d)
{
	switch (d->clock.kind) {
	case DS_CLOCK_SYSTEM:
		return "system";
	case DS_CLOCK_PHC:
		return d->conf.clock.path;
	default:
		return "virtual";
	}
}

static bool agrees(const struct ds_daemon *d, uint32_t place)
{
	uint8_t is = d->timekeeper.selecting.selections[place];

	return is == DS_S_SELECTED || is == DS_S_COMBINED;
}

static bool is_online(const struct ds_source *s)
{
	if (s->offline)
		return false;
	return s->due_ns != INT64_MAX || s->socket.fd >= 0 ||
	       s->address.family == DS_ADDRESS_REFCLOCK || s->listening != NULL ||
	       s->conf->kind == DS_SOURCE_EPHEMERAL;
}

static void count_sources(const struct ds_daemon *d, struct ds_facts_clock *f)
{
	for (uint32_t i = 0; i < d->sources.count; i++) {
		const struct ds_source *s = &d->sources.table[i];

		if (s->address.family == 0)
			continue;
		f->sources++;
		f->answering += s->reach != 0;
		f->agreeing += agrees(d, i);
		if (!is_online(s)) {
			f->offline++;
			f->burst_offline += s->burst_left > 0;
		} else {
			f->online++;
			f->burst_online +=
				s->burst_left > 0 && s->address.family != DS_ADDRESS_REFCLOCK;
		}
	}
	for (uint32_t i = 0; i < d->sources.group_count; i++)
		f->unresolved += d->sources.groups[i].wanted;
}

/* The selected source, and what its estimate says of the rate in force. */
static void name_source(const struct ds_daemon *d, struct ds_facts_clock *f)
{
	const struct ds_timekeeper *tk = &d->timekeeper;
	const struct ds_source *s;

	if (tk->selecting.selected < 0 || (uint32_t)tk->selecting.selected >= d->sources.count)
		return;
	s = &d->sources.table[tk->selecting.selected];
	if (s->address.family == 0)
		return;
	f->source = s->conf;
	if (s->address.family != DS_ADDRESS_REFCLOCK)
		f->address = s->address;
	if (isfinite(s->estimate.freq_sd_ppb) && s->estimate.count > 0)
		f->residual_freq_ppm = (ds_timekeeper_freq_ppb(tk) - s->estimate.freq_ppb) * 1e-3;
}

static void tell_served(const struct ds_daemon *d, const struct ds_reading *now,
			struct ds_facts_clock *f)
{
	const struct ds_leaping *l = &d->timekeeper.leaping;

	f->smearing = ds_leaping_smooths(l);
	if (!f->smearing)
		return;
	f->served_minus_clock_ns = ds_leaping_served_minus_clock_ns(l, now);
	f->served_freq_ppm =
		ds_smooth_freq_ppb(&l->smooth, now->clock_ns + f->served_minus_clock_ns) * 1e-3;
}

void ds_facts_clock(const struct ds_daemon *d, struct ds_facts_clock *f)
{
	const struct ds_timekeeper *tk = &d->timekeeper;
	struct ds_server_state state;
	struct ds_bound_value bound;
	struct ds_reading now;

	memset(f, 0, sizeof *f);
	ds_clock_read(tk->clock, &now);
	ds_timekeeper_server_state(tk, &now, &state);
	f->clock = clock_name(d);
	f->steered = d->steer;
	f->shadow = d->conf.shadow;
	f->synchronised = tk->reference.synchronised;
	f->leap = state.leap;
	f->stratum = state.leap == DS_LEAP_UNSYNCHRONISED ? 0 : state.stratum;
	f->ref_id = state.leap == DS_LEAP_UNSYNCHRONISED ? 0 : state.ref_id;
	f->local = f->ref_id == LOCAL_REF_ID;
	f->root_delay_ns = state.root_delay_ns;
	f->root_dispersion_ns = state.root_dispersion_ns;
	f->now_ns = now.clock_ns;
	f->started_ns = now.clock_ns - (ds_monotonic_ns() - d->started_ns);
	f->updated_ns = tk->reference.updated_clock_ns;
	f->remaining_ns = d->steer ? ds_discipline_remaining_ns(&tk->discipline, &now) : 0;
	f->last_offset_ns = tk->last_offset_ns;
	f->rms_offset_ns = (int64_t)sqrt(tk->mean_square_ns2);
	f->freq_ppm = -tk->discipline.freq_ppb * 1e-3;
	f->skew_ppm = tk->reference.skew_ppb * 1e-3;
	f->update_interval_s = (double)tk->update_interval_ns * 1e-9;
	f->updates = tk->updates;
	f->bound_known = tk->bounds.bound.known;
	if (f->bound_known) {
		ds_bounds_at(&tk->bounds, &now, &bound);
		f->bound_ns = bound.bound_ns;
		f->hard_bound_ns = bound.hard_ns;
	}
	f->disrupted = tk->bounds.disrupted;
	f->tai_minus_utc_s = tk->bounds.tai_s;
	name_source(d, f);
	tell_served(d, &now, f);
	count_sources(d, f);
}

/* ---- sources ---- */

uint32_t ds_facts_places(const struct ds_daemon *d)
{
	return d->sources.count;
}

static const struct ds_conf_source *conf_of_place(const struct ds_daemon *d, uint32_t place)
{
	for (uint32_t i = 0; i < d->sources.group_count; i++) {
		const struct ds_source_group *g = &d->sources.groups[i];

		if (g->conf != NULL && place < DS_SOURCES_MAX && (g->places >> place & 1) != 0)
			return g->conf;
	}
	return NULL;
}

static void tell_last(const struct ds_daemon *d, const struct ds_source *s,
		      struct ds_facts_source *f)
{
	const struct ds_history_record *r = NULL;

	for (uint32_t back = 0; back < DS_HISTORY_RECORDS; back++) {
		r = ds_history_get(&d->history, f->place, &s->address, back);
		if (r == NULL || (r->reason == DS_R_OK && r->has_exchange))
			break;
	}
	ds_history_count(&d->history, f->place, &s->address, &f->heard);
	if (r == NULL)
		return;
	f->interleaved = r->interleaved;
	f->t1_source = (enum ds_stamp_source)r->t1_source;
	f->t4_source = (enum ds_stamp_source)r->t4_source;
	f->delay_ns = r->delay_ns;
	f->sample_offset_ns = r->offset_ns;
}

/* What its estimate says now. */
static void tell_estimate(const struct ds_daemon *d, const struct ds_source *s,
			  const struct ds_reading *now, struct ds_facts_source *f)
{
	double growth_ppb = d->conf.max_clock_error_ppm * 1e3;
	const struct ds_estimate *e = &s->estimate;
	struct ds_prediction p;

	f->samples = e->count;
	f->used = e->used;
	if (e->count == 0 || !ds_estimate_at(e, now->raw_ns, growth_ppb, &p))
		return;
	if (d->sources.context.leaps != NULL)
		p.server_minus_raw_ns += d->sources.context.leaps->total_ns;
	f->selectable = true;
	f->span_ns = e->span_ns;
	f->freq_known = isfinite(e->freq_sd_ppb);
	if (f->freq_known) {
		f->freq_ppm = (ds_timekeeper_freq_ppb(&d->timekeeper) - e->freq_ppb) * 1e-3;
		f->freq_skew_ppm = e->freq_sd_ppb * 1e-3;
	}
	f->estimate_ns = p.server_minus_raw_ns - (now->clock_ns - now->raw_ns);
	f->estimate_sd_ns = (int64_t)p.sd_ns;
	f->jitter_ns = (int64_t)e->sample_sd_ns;
	f->low_ns = f->estimate_ns - p.distance_ns;
	f->high_ns = f->estimate_ns + p.distance_ns;
	f->error_ns = p.distance_ns;
	f->score = d->timekeeper.selecting.scores[f->place];
	const struct ds_estimate_sample *newest = &e->samples[e->count - 1];
	f->has_sample = true;
	f->sample_age_ns = now->raw_ns - newest->raw_ns;
	f->offset_ns = newest->server_minus_raw_ns - (now->clock_ns - now->raw_ns);
	if (d->sources.context.leaps != NULL)
		f->offset_ns += d->sources.context.leaps->total_ns;
	/* Carried to now by the rate that it has by the same estimate. */
	if (f->freq_known)
		f->offset_ns +=
			(int64_t)(e->freq_ppb * 1e-9 * (double)(now->raw_ns - newest->raw_ns));
}

bool ds_facts_source(const struct ds_daemon *d, uint32_t place, struct ds_facts_source *f)
{
	const struct ds_source *s;
	struct ds_reading now;

	memset(f, 0, sizeof *f);
	f->place = place;
	if (place >= d->sources.count)
		return false;
	s = &d->sources.table[place];
	if (s->address.family == 0) {
		f->conf = conf_of_place(d, place);
		return false;
	}
	ds_clock_read(d->timekeeper.clock, &now);
	f->conf = s->conf;
	f->address = s->address;
	f->local = s->local;
	ds_address_text(&s->address, false, f->text);
	f->online = is_online(s);
	f->selection = (enum ds_selection)d->timekeeper.selecting.selections[place];
	f->options = ds_conf_select(&d->conf, s->conf);
	f->configured = (struct ds_conf_select){s->conf->noselect, s->conf->prefer, s->conf->trust,
						s->conf->require};
	f->reach = s->reach;
	f->poll_log2 = s->poll_log2;
	f->authenticated = s->conf->key != 0;
	f->by_ptp = s->by_ptp;
	f->follows_us = s->follows_us;
	f->leap = DS_LEAP_UNSYNCHRONISED;
	if (s->has_remote) {
		f->leap = s->remote.leap;
		f->stratum = s->remote.stratum;
		f->ref_id = s->remote.ref_id;
		f->root_delay_ns = s->remote.root_delay_ns;
		f->root_dispersion_ns = s->remote.root_dispersion_ns;
	}
	tell_last(d, s, f);
	tell_estimate(d, s, &now, f);
	f->requests = s->requests;
	f->answers = s->answers;
	f->basic_answers = s->basic;
	f->interleaved_answers = s->interleaved;
	f->stamps_lost = s->stamps_lost;
	return true;
}

/* ---- what was served ---- */

/* Which set a stamp stands in is by chance: those of a part are as old as all. */
static int64_t saved_span_ns(const struct ds_daemon *d, uint32_t slots)
{
	struct ds_reading now;
	ds_ntp64 served;
	ds_ntp64 oldest = 0;

	if (d->serve.slots == NULL)
		return 0;
	ds_clock_read(d->timekeeper.clock, &now);
	served = ds_ntp64_from_ns(
		now.clock_ns + ds_timekeeper_served_minus_clock_ns(&d->timekeeper, &now), 0);
	for (uint32_t i = 0; i < slots && i < SLOTS_LOOKED_AT; i++) {
		const struct ds_slot *slot = &d->serve.slots[i];
		ds_ntp64 age = served - slot->receive;

		if (ds_interleave_is_live(slot) && (int64_t)age > (int64_t)oldest)
			oldest = age;
	}
	return (int64_t)(oldest >> 32) * NS_PER_S +
	       (int64_t)((oldest & UINT32_MAX) * (uint64_t)NS_PER_S >> 32);
}

void ds_facts_served(const struct ds_daemon *d, struct ds_facts_served *f)
{
	const struct ds_serve *s = &d->serve;
	struct ds_counters sum;
	uint64_t stamped;

	memset(f, 0, sizeof *f);
	ds_facts_counters(d, &sum);
	for (int i = 0; i < DS_SERVE_SOCKETS; i++)
		f->serves |= s->sockets[i].fd >= 0;
	f->received = s->received;
	f->answered = s->answered;
	f->interleaved = s->interleaved;
	f->authenticated = s->authenticated;
	memcpy(f->rx_by, s->rx_by, sizeof f->rx_by);
	memcpy(f->tx_by, s->tx_by, sizeof f->tx_by);
	/* Those of which no drivestamp came, or was asked for. */
	stamped = s->tx_by[DS_STAMP_KERNEL] + s->tx_by[DS_STAMP_HARDWARE];
	f->tx_by[DS_STAMP_DAEMON] = s->answered > stamped ? s->answered - stamped : 0;
	f->clients_dropped = d->clients.replaced;
	f->control_received = d->commanding.received;
	f->control_dropped = d->commanding.dropped;
	f->basic = s->answered - s->interleaved;
	f->denied = sum.by_reason[DS_R_REQUEST_DENIED];
	f->dropped = f->received - f->answered - f->denied;
	f->saved = ds_interleave_held(&s->server.interleave, &f->saved_most);
	f->saved_span_ns = saved_span_ns(d, f->saved_most);
}

static void add_socket(struct ds_counters *sum, const struct ds_socket *socket)
{
	if (socket->fd < 0)
		return;
	for (int r = 0; r < DS_REASON_COUNT; r++)
		sum->by_reason[r] += socket->stamping.counters.by_reason[r];
}

void ds_facts_counters(const struct ds_daemon *d, struct ds_counters *sum)
{
	*sum = d->counters;
	for (int i = 0; i < DS_SERVE_SOCKETS; i++)
		add_socket(sum, &d->serve.sockets[i]);
	for (uint32_t i = 0; i < d->sources.count; i++)
		add_socket(sum, &d->sources.table[i].socket);
}

/* ---- stamps ---- */

void ds_facts_stamps(const struct ds_daemon *d, struct ds_facts_stamps *f)
{
	memset(f, 0, sizeof *f);
	f->kernel_receive = d->kernel_receive;
	f->kernel_transmit = d->kernel_transmit;
	memcpy(f->t1_by, d->history.t1_by, sizeof f->t1_by);
	memcpy(f->t4_by, d->history.t4_by, sizeof f->t4_by);
	f->lost = f->t1_by[DS_STAMP_DAEMON];
}

bool ds_facts_departure(const struct ds_daemon *d, uint32_t i, struct ds_facts_departure *f)
{
	const struct ds_serve_departure *from;
	char name[IF_NAMESIZE];

	memset(f, 0, sizeof *f);
	if (i >= d->serve.departure_count)
		return false;
	from = &d->serve.departures[i];
	if (if_indextoname((unsigned int)from->interface, name) == NULL)
		memcpy(name, "?", 2);
	memcpy(f->interface, name, strnlen(name, sizeof name - 1));
	f->family = from->family;
	f->lone = from->lone;
	f->first_ns = ds_departure_expected_ns(&from->learnt, 0);
	f->further_ns = from->learnt.step_median_ns;
	f->observations = from->learnt.first_seen;
	return true;
}

bool ds_facts_card(const struct ds_daemon *d, uint32_t i, struct ds_facts_card *f)
{
	const struct ds_cards_one *one;

	memset(f, 0, sizeof *f);
	if (d->cards.conf == NULL || i >= (uint32_t)d->cards.count)
		return false;
	one = &d->cards.table[i];
	memcpy(f->interface, one->setup.card.interface,
	       strnlen(one->setup.card.interface, sizeof f->interface - 1));
	f->receives = one->rx_used > 0;
	f->sends = one->tx_used > 0;
	f->tx_asked = one->tx_asked;
	f->tx_skipped = one->tx_skipped;
	f->tx_lost = one->tx_lost;
	f->tx_used = one->tx_used;
	f->rx_used = one->rx_used;
	return true;
}

bool ds_facts_refclock(const struct ds_daemon *d, uint32_t i, struct ds_facts_refclock *f)
{
	const struct ds_refclock *r;

	memset(f, 0, sizeof *f);
	if (i >= d->refclocks.count)
		return false;
	r = &d->refclocks.table[i];
	f->conf = r->conf;
	f->place = r->source != NULL ? (uint32_t)(r->source - d->sources.table) : UINT32_MAX;
	f->samples = r->samples;
	f->used = r->used;
	f->drops = r->drops;
	return true;
}
