/* answers_read: see answers_read.h. */
#include "daemon/answers_read.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "daemon/daemon.h"
#include "daemon/facts.h"
#include "include/drivestamp/bound.h"

/* So much room must be left for one more of a list: a name of 255 bytes may take six each. */
#define ROOM_FOR_ONE 4096

static const char *const leap_words[] = {"none", "insert", "delete", "unsynchronised"};
static const char *const kind_words[] = {"client", "peer", "ephemeral", "listener", "refclock"};
static const char *const exchange_words[] = {
	"basic", "interleaved", "interleaved-2", "broadcast", "broadcast-interleaved", "refclock",
};

static bool has_room(const struct ds_json *j)
{
	return j->size - j->used > ROOM_FOR_ONE;
}

/* ---- the clock ---- */

static void show_disrupted(uint64_t flags, struct ds_json *j)
{
	ds_json_bool(j, "stepped", (flags & DRIVESTAMP_BOUND_STEPPED) != 0);
	ds_json_bool(j, "slept", (flags & DRIVESTAMP_BOUND_SLEPT) != 0);
	ds_json_bool(j, "sources_lost", (flags & DRIVESTAMP_BOUND_SOURCES_LOST) != 0);
}

static void show_source_of_clock(const struct ds_facts_clock *f, struct ds_json *j)
{
	char text[DS_ADDRESS_TEXT];

	ds_json_text(j, "source", f->source != NULL ? f->source->name : NULL);
	ds_json_text(j, "address",
		     f->address.family != 0 ? ds_address_text(&f->address, false, text) : NULL);
}

void ds_show_status(const struct ds_daemon *d, struct ds_json *j)
{
	struct ds_facts_clock f;

	ds_facts_clock(d, &f);
	ds_json_text(j, "clock", f.clock);
	ds_json_bool(j, "steered", f.steered);
	ds_json_bool(j, "shadow", f.shadow);
	ds_json_bool(j, "synchronised", f.synchronised);
	ds_json_bool(j, "local", f.local);
	ds_json_text(j, "leap", leap_words[f.leap & 3]);
	ds_json_int(j, "stratum", f.stratum);
	ds_json_hex(j, "ref_id", f.ref_id);
	show_source_of_clock(&f, j);
	ds_json_moment(j, "updated_ns", f.updated_ns);
	ds_json_int(j, "remaining_ns", f.remaining_ns);
	ds_json_int(j, "last_offset_ns", f.last_offset_ns);
	ds_json_int(j, "rms_offset_ns", f.rms_offset_ns);
	ds_json_number(j, "freq_ppm", f.freq_ppm, 6);
	ds_json_number(j, "residual_freq_ppm", f.residual_freq_ppm, 6);
	ds_json_number(j, "skew_ppm", f.skew_ppm, 6);
	ds_json_int(j, "root_delay_ns", f.root_delay_ns);
	ds_json_int(j, "root_dispersion_ns", f.root_dispersion_ns);
	ds_json_number(j, "update_interval_s", f.update_interval_s, 3);
	ds_json_count(j, "updates", f.updates);
	ds_json_known(j, "bound_ns", f.bound_known, f.bound_ns);
	ds_json_known(j, "hard_bound_ns", f.bound_known, f.hard_bound_ns);
	show_disrupted(f.disrupted, j);
	ds_json_known(j, "tai_minus_utc_s", f.tai_minus_utc_s != 0, f.tai_minus_utc_s);
	ds_json_known(j, "served_minus_clock_ns", f.smearing, f.served_minus_clock_ns);
	if (f.smearing)
		ds_json_number(j, "served_freq_ppm", f.served_freq_ppm, 6);
	else
		ds_json_null(j, "served_freq_ppm");
	ds_json_count(j, "sources", f.sources);
	ds_json_count(j, "answering", f.answering);
	ds_json_count(j, "agreeing", f.agreeing);
	ds_json_count(j, "online", f.online);
	ds_json_count(j, "offline", f.offline);
	ds_json_count(j, "unresolved", f.unresolved);
	ds_json_text(j, "version", DS_VERSION);
	ds_json_moment(j, "started_ns", f.started_ns);
}

void ds_show_bound(const struct ds_daemon *d, struct ds_json *j)
{
	struct ds_facts_clock f;

	ds_facts_clock(d, &f);
	ds_json_text(j, "clock", f.clock);
	ds_json_bool(j, "synchronised", f.synchronised);
	ds_json_bool(j, "steered", f.steered);
	ds_json_known(j, "bound_ns", f.bound_known, f.bound_ns);
	ds_json_known(j, "hard_bound_ns", f.bound_known, f.hard_bound_ns);
	ds_json_moment(j, "earliest_ns", f.bound_known ? f.now_ns - f.bound_ns : 0);
	ds_json_moment(j, "latest_ns", f.bound_known ? f.now_ns + f.bound_ns : 0);
	ds_json_int(j, "remaining_ns", f.remaining_ns);
	show_disrupted(f.disrupted, j);
}

/* ---- sources ---- */

/* "NOT_COMBINED" as "not-combined". */
static const char *state_word(enum ds_selection selection, char buffer[32])
{
	static const char *const names[] = {
#define X(symbol, letter, data_letter, words) #symbol,
		DS_SELECTIONS(X)
#undef X
	};
	size_t i = 0;

	if ((size_t)selection >= sizeof names / sizeof names[0])
		return "unknown";
	for (const char *c = names[selection]; *c != '\0' && i < 31; c++)
		buffer[i++] = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
	buffer[i] = '\0';
	return buffer;
}

static void show_letter(char letter, struct ds_json *j)
{
	const char text[2] = {letter, '\0'};

	ds_json_text(j, "letter", text);
}

static void show_who(const struct ds_facts_source *f, struct ds_json *j)
{
	ds_json_int(j, "place", f->place);
	ds_json_text(j, "name", f->conf->name[0] != '\0' ? f->conf->name : f->text);
	ds_json_text(j, "address", f->address.family != DS_ADDRESS_REFCLOCK ? f->text : NULL);
	ds_json_text(j, "kind",
		     f->conf->kind < sizeof kind_words / sizeof kind_words[0]
			     ? kind_words[f->conf->kind]
			     : kind_words[0]);
}

static void show_options(const char *name, const struct ds_conf_select *o, struct ds_json *j)
{
	ds_json_open(j, name, '[');
	if (o->noselect)
		ds_json_text(j, NULL, "noselect");
	if (o->prefer)
		ds_json_text(j, NULL, "prefer");
	if (o->trust)
		ds_json_text(j, NULL, "trust");
	if (o->require)
		ds_json_text(j, NULL, "require");
	ds_json_close(j, ']');
}

static void show_state(const struct ds_facts_source *f, char letter, struct ds_json *j)
{
	char buffer[32];

	ds_json_text(j, "state", state_word(f->selection, buffer));
	show_letter(letter, j);
	ds_json_text(j, "words",
		     f->selection == DS_S_UNREACHABLE && !f->online
			     ? "is not asked"
			     : ds_selection_words(f->selection));
}

static void show_source(const struct ds_facts_source *f, struct ds_json *j)
{
	bool last = f->heard.accepted > 0;

	show_who(f, j);
	ds_json_bool(j, "online", f->online);
	show_state(f, ds_selection_letter(f->selection), j);
	show_options("options", &f->options, j);
	ds_json_int(j, "stratum", f->stratum);
	ds_json_text(j, "leap", leap_words[f->leap & 3]);
	ds_json_hex(j, "ref_id", f->ref_id);
	ds_json_int(j, "reach", f->reach);
	ds_json_int(j, "poll_log2", f->poll_log2);
	ds_json_bool(j, "authenticated", f->authenticated);
	ds_json_bool(j, "follows_us", f->follows_us);
	ds_json_bool(j, "by_ptp", f->by_ptp);
	if (last)
		ds_json_bool(j, "interleaved", f->interleaved);
	else
		ds_json_null(j, "interleaved");
	ds_json_text(j, "t1_by", last ? ds_stamp_word(f->t1_source) : NULL);
	ds_json_text(j, "t4_by", last ? ds_stamp_word(f->t4_source) : NULL);
	ds_json_known(j, "sample_age_ns", f->has_sample, f->sample_age_ns);
	ds_json_known(j, "sample_offset_ns", last, f->sample_offset_ns);
	ds_json_known(j, "offset_ns", f->has_sample, f->offset_ns);
	ds_json_known(j, "error_ns", f->has_sample, f->error_ns);
	ds_json_known(j, "delay_ns", last, f->delay_ns);
	ds_json_known(j, "jitter_ns", f->has_sample, f->jitter_ns);
	ds_json_known(j, "root_delay_ns", last, f->root_delay_ns);
	ds_json_known(j, "root_dispersion_ns", last, f->root_dispersion_ns);
	ds_json_count(j, "requests", f->requests);
	ds_json_count(j, "answers", f->answers);
	ds_json_count(j, "basic_answers", f->basic_answers);
	ds_json_count(j, "interleaved_answers", f->interleaved_answers);
	ds_json_count(j, "stamps_lost", f->stamps_lost);
}

static void show_stats(const struct ds_facts_source *f, struct ds_json *j)
{
	bool known = f->has_sample;

	show_who(f, j);
	ds_json_int(j, "samples", f->samples);
	ds_json_int(j, "used", f->used);
	ds_json_int(j, "span_ns", f->span_ns);
	if (f->freq_known) {
		ds_json_number(j, "freq_ppm", f->freq_ppm, 6);
		ds_json_number(j, "freq_skew_ppm", f->freq_skew_ppm, 6);
	} else {
		ds_json_null(j, "freq_ppm");
		ds_json_null(j, "freq_skew_ppm");
	}
	ds_json_known(j, "offset_ns", known, f->estimate_ns);
	ds_json_known(j, "offset_sd_ns", known, f->estimate_sd_ns);
	ds_json_known(j, "jitter_ns", known, f->jitter_ns);
}

static void show_selection(const struct ds_facts_source *f, struct ds_json *j)
{
	show_who(f, j);
	show_state(f, ds_selection_data_letter(f->selection), j);
	ds_json_bool(j, "authenticated", f->authenticated);
	show_options("configured", &f->configured, j);
	show_options("options", &f->options, j);
	ds_json_int(j, "reach", f->reach);
	if (f->score > 0.0)
		ds_json_number(j, "score", f->score, 3);
	else
		ds_json_null(j, "score");
	ds_json_known(j, "sample_age_ns", f->has_sample, f->sample_age_ns);
	ds_json_known(j, "low_ns", f->selectable, f->low_ns);
	ds_json_known(j, "high_ns", f->selectable, f->high_ns);
	ds_json_text(j, "leap", leap_words[f->leap & 3]);
}

/* Those that have an address, from a place on. next: write that member. */
static void show_list(const struct ds_daemon *d, uint32_t from, bool next, struct ds_json *j,
		      void (*show)(const struct ds_facts_source *, struct ds_json *))
{
	uint32_t most = ds_facts_places(d);
	struct ds_facts_source f;
	uint32_t place;

	ds_json_open(j, "sources", '[');
	for (place = from; place < most && has_room(j); place++) {
		if (!ds_facts_source(d, place, &f))
			continue;
		ds_json_open(j, NULL, '{');
		show(&f, j);
		ds_json_close(j, '}');
	}
	ds_json_close(j, ']');
	if (next)
		ds_json_known(j, "next", place < most, place);
}

void ds_show_sources(const struct ds_daemon *d, uint32_t from, struct ds_json *j)
{
	show_list(d, from, true, j, show_source);
}

void ds_show_sourcestats(const struct ds_daemon *d, uint32_t from, struct ds_json *j)
{
	show_list(d, from, true, j, show_stats);
}

void ds_show_select(const struct ds_daemon *d, uint32_t from, struct ds_json *j)
{
	show_list(d, from, true, j, show_selection);
}

/* ---- exchanges ---- */

static void show_exchange(const struct ds_history_record *r, struct ds_json *j)
{
	bool known = r->has_exchange;
	bool packets = known && r->kind != DS_EXCHANGE_REFCLOCK;

	ds_json_moment(j, "when_ns", r->clock_ns);
	ds_json_bool(j, "accepted", r->reason == DS_R_OK);
	ds_json_text(j, "reason", ds_reason_name((enum ds_reason)r->reason));
	ds_json_text(j, "words", ds_reason_sentence((enum ds_reason)r->reason));
	ds_json_int(j, "mode", r->mode);
	ds_json_text(j, "kind",
		     known && r->kind < sizeof exchange_words / sizeof exchange_words[0]
			     ? exchange_words[r->kind]
			     : NULL);
	ds_json_moment(j, "t1_ns", packets ? r->t1_ns : 0);
	ds_json_moment(j, "t2_ns", packets ? r->t2_ns : 0);
	ds_json_moment(j, "t3_ns", known ? r->t3_ns : 0);
	ds_json_moment(j, "t4_ns", known ? r->t4_ns : 0);
	ds_json_text(j, "t1_by",
		     packets ? ds_stamp_word((enum ds_stamp_source)r->t1_source) : NULL);
	ds_json_text(j, "t4_by", known ? ds_stamp_word((enum ds_stamp_source)r->t4_source) : NULL);
	ds_json_bool(j, "t3_drivestamp", known && r->interleaved);
	ds_json_known(j, "offset_ns", known, r->offset_ns);
	ds_json_known(j, "delay_ns", packets, r->delay_ns);
	ds_json_int(j, "poll_log2", r->poll_log2);
	ds_json_int(j, "stratum", r->stratum);
	ds_json_text(j, "leap", leap_words[r->leap & 3]);
	ds_json_hex(j, "ref_id", r->ref_id);
	ds_json_int(j, "precision_log2", r->precision_log2);
	ds_json_int(j, "root_delay_ns", r->root_delay_ns);
	ds_json_int(j, "root_dispersion_ns", r->root_dispersion_ns);
	ds_json_bool(j, "authenticated", r->authenticated);
}

/* By its address, its reference ID, or the first that has this name. */
static bool find(const struct ds_daemon *d, const char *which, struct ds_facts_source *f)
{
	for (uint32_t place = 0; place < ds_facts_places(d); place++)
		if (ds_facts_source(d, place, f) &&
		    (strcmp(f->text, which) == 0 || strcasecmp(f->conf->name, which) == 0))
			return true;
	return false;
}

bool ds_show_exchanges(const struct ds_daemon *d, const char *which, uint32_t count,
		       struct ds_json *j)
{
	const struct ds_history_record *r;
	struct ds_facts_source f;

	if (!find(d, which, &f))
		return false;
	show_who(&f, j);
	ds_json_open(j, "exchanges", '[');
	for (uint32_t back = 0; back < count && has_room(j); back++) {
		r = ds_history_get(&d->history, f.place, &f.address, back);
		if (r == NULL)
			break;
		ds_json_open(j, NULL, '{');
		show_exchange(r, j);
		ds_json_close(j, '}');
	}
	ds_json_close(j, ']');
	return true;
}

/* ---- counters ---- */

static void show_count(const char *name, const char *sentence, uint64_t count, struct ds_json *j)
{
	ds_json_open(j, NULL, '{');
	ds_json_text(j, "name", name);
	ds_json_text(j, "sentence", sentence);
	ds_json_count(j, "count", count);
	ds_json_close(j, '}');
}

/* Those of the reasons between two, both included, that were met. */
static void show_reasons(const struct ds_counters *sum, int first, int last, bool all,
			 struct ds_json *j)
{
	for (int r = first; r <= last; r++)
		if (all || sum->by_reason[r] > 0)
			show_count(ds_reason_name((enum ds_reason)r),
				   ds_reason_sentence((enum ds_reason)r), sum->by_reason[r], j);
}

void ds_show_counters(const struct ds_daemon *d, struct ds_json *j)
{
	struct ds_counters sum;

	ds_facts_counters(d, &sum);
	ds_json_open(j, "counters", '[');
	show_reasons(&sum, 0, DS_REASON_COUNT - 1, true, j);
	ds_json_close(j, ']');
}

static void show_by(const char *name, const uint64_t by[4], struct ds_json *j)
{
	ds_json_open(j, name, '{');
	for (int i = 0; i < 4; i++)
		ds_json_count(j, ds_stamp_word((enum ds_stamp_source)i), by[i]);
	ds_json_close(j, '}');
}

/* ---- what was served ---- */

void ds_show_server(const struct ds_daemon *d, struct ds_json *j)
{
	struct ds_facts_served f;
	struct ds_counters sum;

	ds_facts_served(d, &f);
	ds_facts_counters(d, &sum);
	ds_json_bool(j, "serves", f.serves);
	ds_json_count(j, "received", f.received);
	ds_json_count(j, "answered", f.answered);
	ds_json_count(j, "basic", f.basic);
	ds_json_count(j, "interleaved", f.interleaved);
	ds_json_count(j, "denied", f.denied);
	ds_json_count(j, "dropped", f.dropped);
	ds_json_count(j, "authenticated", f.authenticated);
	show_by("rx_by", f.rx_by, j);
	show_by("tx_by", f.tx_by, j);
	ds_json_int(j, "saved", f.saved);
	ds_json_int(j, "saved_most", f.saved_most);
	ds_json_known(j, "saved_span_ns", f.saved_span_ns > 0, f.saved_span_ns);
	ds_json_count(j, "clients_dropped", f.clients_dropped);
	ds_json_open(j, "reasons", '[');
	show_reasons(&sum, DS_R_PACKET_SHORT, DS_R_PTP_DOMAIN, false, j);
	show_reasons(&sum, DS_R_REQUEST_MODE, DS_R_SLOT_QUOTA, false, j);
	ds_json_close(j, ']');
}

void ds_show_clients(const struct ds_daemon *d, uint32_t from, struct ds_json *j)
{
	char text[DS_ADDRESS_TEXT];
	struct ds_client_seen seen;
	struct ds_reading now;
	uint32_t i, most = ds_clients_places(&d->clients);

	ds_clock_read(d->timekeeper.clock, &now);
	ds_json_open(j, "clients", '[');
	for (i = from; i < most && has_room(j); i++) {
		if (!ds_clients_get(&d->clients, i, now.raw_ns, &seen))
			continue;
		ds_json_open(j, NULL, '{');
		ds_json_text(j, "address", ds_address_text(&seen.address, false, text));
		ds_json_count(j, "basic", seen.basic);
		ds_json_count(j, "interleaved", seen.interleaved);
		ds_json_count(j, "denied", seen.denied);
		ds_json_count(j, "dropped", seen.dropped);
		ds_json_int(j, "last_ago_s", seen.last_ago_s);
		ds_json_known(j, "interval_log2", seen.interval_known, seen.interval_log2);
		ds_json_close(j, '}');
	}
	ds_json_close(j, ']');
	ds_json_count(j, "kept", ds_clients_kept(&d->clients));
	ds_json_count(j, "dropped", d->clients.replaced);
	ds_json_known(j, "next", i < most, i);
}

/* ---- stamps ---- */

static void show_departures(const struct ds_daemon *d, struct ds_json *j)
{
	struct ds_facts_departure f;

	ds_json_open(j, "departures", '[');
	for (uint32_t i = 0; ds_facts_departure(d, i, &f); i++) {
		ds_json_open(j, NULL, '{');
		ds_json_text(j, "interface", f.interface);
		ds_json_text(j, "family", f.family == AF_INET ? "IPv4" : "IPv6");
		ds_json_bool(j, "alone", f.lone);
		ds_json_int(j, "after_reading_ns", f.first_ns);
		ds_json_int(j, "each_further_ns", f.further_ns);
		ds_json_count(j, "observations", f.observations);
		ds_json_close(j, '}');
	}
	ds_json_close(j, ']');
}

static void show_cards(const struct ds_daemon *d, struct ds_json *j)
{
	struct ds_facts_card f;

	ds_json_open(j, "cards", '[');
	for (uint32_t i = 0; ds_facts_card(d, i, &f); i++) {
		ds_json_open(j, NULL, '{');
		ds_json_text(j, "interface", f.interface);
		ds_json_text(j, "clock", f.clock);
		ds_json_bool(j, "receives", f.receives);
		ds_json_bool(j, "sends", f.sends);
		ds_json_count(j, "tx_asked", f.tx_asked);
		ds_json_count(j, "tx_skipped", f.tx_skipped);
		ds_json_count(j, "tx_lost", f.tx_lost);
		ds_json_count(j, "tx_used", f.tx_used);
		ds_json_count(j, "rx_used", f.rx_used);
		ds_json_close(j, '}');
	}
	ds_json_close(j, ']');
}

static void show_refclocks(const struct ds_daemon *d, struct ds_json *j)
{
	struct ds_facts_refclock f;

	ds_json_open(j, "refclocks", '[');
	for (uint32_t i = 0; ds_facts_refclock(d, i, &f); i++) {
		ds_json_open(j, NULL, '{');
		ds_json_text(j, "name", f.conf->ref_id);
		ds_json_known(j, "place", f.place != UINT32_MAX, f.place);
		ds_json_count(j, "samples", f.samples);
		ds_json_count(j, "used", f.used);
		ds_json_open(j, "drops", '[');
		for (int drop = 0; drop < DS_REFDROP_COUNT; drop++)
			if (f.drops[drop] > 0)
				show_count(ds_refdrop_name((enum ds_refdrop)drop),
					   ds_refdrop_sentence((enum ds_refdrop)drop),
					   f.drops[drop], j);
		ds_json_close(j, ']');
		ds_json_close(j, '}');
	}
	ds_json_close(j, ']');
}

void ds_show_stamps(const struct ds_daemon *d, struct ds_json *j)
{
	struct ds_facts_stamps f;
	struct ds_counters sum;

	ds_facts_stamps(d, &f);
	ds_facts_counters(d, &sum);
	ds_json_bool(j, "kernel_receive", f.kernel_receive);
	ds_json_bool(j, "kernel_transmit", f.kernel_transmit);
	show_by("t1_by", f.t1_by, j);
	show_by("t4_by", f.t4_by, j);
	ds_json_count(j, "lost", f.lost);
	ds_json_open(j, "reasons", '[');
	show_reasons(&sum, DS_R_STAMP_WRONG_ID, DS_R_STAMP_MISSING, false, j);
	show_reasons(&sum, DS_R_RX_STAMP_DAEMON, DS_R_CARD_IMPLAUSIBLE, false, j);
	ds_json_close(j, ']');
	show_departures(d, j);
	show_cards(d, j);
	show_refclocks(d, j);
}

void ds_show_metrics(const struct ds_daemon *d, struct ds_json *j)
{
	ds_json_open(j, "status", '{');
	ds_show_status(d, j);
	ds_json_close(j, '}');
	show_list(d, 0, false, j, show_source);
	ds_json_open(j, "server", '{');
	ds_show_server(d, j);
	ds_json_close(j, '}');
	ds_json_open(j, "stamps", '{');
	ds_show_stamps(d, j);
	ds_json_close(j, '}');
	ds_show_counters(d, j);
}
