/* exporter_metrics: see exporter.h. One table names every metric; samples are written under it. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tool/ask.h"
#include "tool/exporter.h"

#define NS  1e-9
#define PPM 1e-6

enum kind { GAUGE, COUNTER, INFO };

/* X(symbol, name without drivestamp_ and _total, kind, unit, labels, help) */
#define METRICS(X)                                                                                      \
	X(UP, "up", GAUGE, "", "", "1 where the daemon answers.")                                       \
	X(BUILD, "build", INFO, "", "version", "Version of the daemon.")                                \
	X(START, "start_time_seconds", GAUGE, "seconds", "",                                            \
	  "When the daemon started, since 1970.")                                                       \
	X(SYNCED, "synchronised", GAUGE, "", "", "1 where a source tells the time.")                    \
	X(STEERED, "steered", GAUGE, "", "", "1 where the clock is corrected.")                         \
	X(LEAP, "leap", GAUGE, "", "",                                                                  \
	  "0 none, 1 a second is to be inserted, 2 deleted, 3 unknown.")                                \
	X(STRATUM, "stratum", GAUGE, "", "", "What is told to others; 0: not synchronised.")            \
	X(OFFSET, "offset_seconds", GAUGE, "seconds", "",                                               \
	  "Time less clock, as known now: still to be slewed. Positive: the clock is slow.")            \
	X(LAST, "last_offset_seconds", GAUGE, "seconds", "", "The same as measured last.")              \
	X(RMS, "rms_offset_seconds", GAUGE, "seconds", "", "Root mean square of the last ones.")        \
	X(BOUND, "bound_seconds", GAUGE, "seconds", "",                                                 \
	  "The clock is right within this, where ways there and back are equal.")                       \
	X(HARD, "hard_bound_seconds", GAUGE, "seconds", "", "... whatever the ways are.")               \
	X(MAXERROR, "max_error_seconds", GAUGE, "seconds", "",                                          \
	  "|offset| + root dispersion + root delay / 2: what many alert on.")                           \
	X(ROOTDELAY, "root_delay_seconds", GAUGE, "seconds", "",                                        \
	  "Round trip to the primary source.")                                                          \
	X(ROOTDISP, "root_dispersion_seconds", GAUGE, "seconds", "",                                    \
	  "RFC 5905's root dispersion.")                                                                \
	X(FREQ, "frequency_ratio", GAUGE, "ratio", "",                                                  \
	  "By how much the oscillator is fast; 1e-6 is 1 ppm.")                                         \
	X(SKEW, "frequency_skew_ratio", GAUGE, "ratio", "", "How well that is known.")                  \
	X(RESIDUAL, "frequency_residual_ratio", GAUGE, "ratio", "",                                     \
	  "What the best source says is left of it.")                                                   \
	X(UPDATED, "update_age_seconds", GAUGE, "seconds", "",                                          \
	  "Since the clock was last updated.")                                                          \
	X(INTERVAL, "update_interval_seconds", GAUGE, "seconds", "",                                    \
	  "Between the last two updates.")                                                              \
	X(UPDATES, "updates", COUNTER, "", "", "Updates of the clock.")                                 \
	X(DISRUPTED, "disrupted", GAUGE, "", "what",                                                    \
	  "1 where the clock was stepped, the host slept, or sources were lost since the last update.") \
	X(TAI, "tai_offset_seconds", GAUGE, "seconds", "", "TAI less UTC.")                             \
	X(SERVED, "served_offset_seconds", GAUGE, "seconds", "",                                        \
	  "Time served less clock (smoothtime).")                                                       \
	X(SOURCES, "sources", GAUGE, "", "which",                                                       \
	  "Sources: all, answering, agreeing, offline, unresolved.")                                    \
	X(SRC_INFO, "source", INFO, "", "source, address, kind, state, mode, t1_by, t4_by",             \
	  "What each source is, and how it was measured last.")                                         \
	X(SRC_USED, "source_used", GAUGE, "", "source, address, kind",                                  \
	  "1 where it is the best source, or combined with it.")                                        \
	X(SRC_REACH, "source_reach_ratio", GAUGE, "ratio", "source, address, kind",                     \
	  "Share of the last 8 requests that were answered.")                                           \
	X(SRC_STRATUM, "source_stratum", GAUGE, "", "source, address, kind", "Its stratum.")            \
	X(SRC_OFFSET, "source_offset_seconds", GAUGE, "seconds", "source, address, kind",               \
	  "Its time less our clock now, by its last sample.")                                           \
	X(SRC_SAMPLE, "source_sample_offset_seconds", GAUGE, "seconds", "source, address, kind",        \
	  "The same as it was measured.")                                                               \
	X(SRC_ERROR, "source_error_seconds", GAUGE, "seconds", "source, address, kind",                 \
	  "How wrong it may be at most (root distance).")                                               \
	X(SRC_DELAY, "source_delay_seconds", GAUGE, "seconds", "source, address, kind",                 \
	  "Round trip of the last exchange.")                                                           \
	X(SRC_JITTER, "source_jitter_seconds", GAUGE, "seconds", "source, address, kind",               \
	  "Standard deviation of its samples.")                                                         \
	X(SRC_AGE, "source_sample_age_seconds", GAUGE, "seconds", "source, address, kind",              \
	  "Since its last sample.")                                                                     \
	X(SRC_POLL, "source_poll_seconds", GAUGE, "seconds", "source, address, kind",                   \
	  "Interval between requests.")                                                                 \
	X(SRC_REQ, "source_requests", COUNTER, "", "source, address, kind", "Requests sent.")           \
	X(SRC_ANS, "source_answers", COUNTER, "", "source, address, kind, mode",                        \
	  "Exchanges by mode: basic, or interleaved (the true transmit stamp).")                        \
	X(SRC_LOST, "source_stamps_lost", COUNTER, "", "source, address, kind",                         \
	  "Exchanges without a drivestamp of our request.")                                             \
	X(STAMPS, "stamps", COUNTER, "", "stamp, by",                                                   \
	  "Who took our stamps of accepted exchanges: T1 (sent), T4 (received).")                       \
	X(SRV_RX, "server_requests", COUNTER, "", "", "Requests received.")                             \
	X(SRV_TX, "server_answers", COUNTER, "", "mode", "Answers sent, by mode.")                      \
	X(SRV_DENIED, "server_denied", COUNTER, "", "", "Requests of who is not allowed.")              \
	X(SRV_DROPPED, "server_dropped", COUNTER, "", "", "Requests dropped for another reason.")       \
	X(SRV_AUTH, "server_authenticated", COUNTER, "", "", "Answers with a MAC.")                     \
	X(SRV_STAMPS, "server_stamps", COUNTER, "", "direction, by",                                    \
	  "Who took the stamps of requests, and the drivestamps of answers.")                           \
	X(SRV_HELD, "server_stamps_held", GAUGE, "", "", "Stamps kept for interleaved answers.")        \
	X(SRV_PLACES, "server_stamps_places", GAUGE, "", "", "Places for them.")                        \
	X(SRV_CLIENTS, "server_client_records_dropped", COUNTER, "", "",                                \
	  "Records of clients that gave way to others.")                                                \
	X(CARD, "card_stamps", COUNTER, "", "interface, what",                                          \
	  "Stamps of a network card: received, sent, lost, skipped.")                                   \
	X(REF, "refclock_samples", COUNTER, "", "refclock, what",                                       \
	  "Samples of a reference clock: read, used.")                                                  \
	X(REFDROP, "refclock_drops", COUNTER, "", "refclock, reason",                                   \
	  "Its samples that were not used.")                                                            \
	X(EVENTS, "events", COUNTER, "", "reason",                                                      \
	  "Everything that was counted: packets and stamps by what became of them.")

enum metric {
#define X(symbol, name, kind, unit, labels, help) M_##symbol,
	METRICS(X)
#undef X
		METRIC_COUNT
};

static const struct {
	const char *name;
	enum kind kind;
	const char *unit, *labels, *help;
} metrics[] = {
#define X(symbol, name, kind, unit, labels, help) {name, kind, unit, labels, help},
	METRICS(X)
#undef X
};

struct writer {
	FILE *out;
	bool open_metrics;
};

/* ---- lines ---- */

static const char *kind_word(enum kind kind, bool open_metrics)
{
	if (kind == INFO)
		return open_metrics ? "info" : "gauge";
	return kind == COUNTER ? "counter" : "gauge";
}

/* What a sample is called; in the older format its metric is called the same. */
static const char *suffix(enum kind kind)
{
	return kind == COUNTER ? "_total" : kind == INFO ? "_info" : "";
}

static void head(struct writer *w, enum metric m)
{
	const char *ending = w->open_metrics ? "" : suffix(metrics[m].kind);

	fprintf(w->out, "# HELP drivestamp_%s%s %s\n# TYPE drivestamp_%s%s %s\n", metrics[m].name,
		ending, metrics[m].help, metrics[m].name, ending,
		kind_word(metrics[m].kind, w->open_metrics));
	if (w->open_metrics && metrics[m].unit[0] != '\0')
		fprintf(w->out, "# UNIT drivestamp_%s %s\n", metrics[m].name, metrics[m].unit);
}

/* Backslash, quote and newline are escaped; what is no printable ASCII becomes '?': the daemon's
 * texts are plain. */
static void label_value(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '\\' || c == '"')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else
			fputc(c < 0x20 || c > 0x7e ? '?' : c, out);
	}
}

/* labels: pairs of name and value, the last name NULL. */
static void begin_sample(struct writer *w, enum metric m, const char *const *labels)
{
	fprintf(w->out, "drivestamp_%s%s", metrics[m].name, suffix(metrics[m].kind));
	if (labels == NULL || labels[0] == NULL) {
		fputc(' ', w->out);
		return;
	}
	for (int i = 0; labels[i] != NULL; i += 2) {
		fprintf(w->out, "%c%s=\"", i == 0 ? '{' : ',', labels[i]);
		label_value(w->out, labels[i + 1]);
		fputc('"', w->out);
	}
	fputs("} ", w->out);
}

static void sample(struct writer *w, enum metric m, const char *const *labels, double value)
{
	begin_sample(w, m, labels);
	fprintf(w->out, "%.12g\n", value);
}

static void count(struct writer *w, enum metric m, const char *const *labels, int64_t value)
{
	begin_sample(w, m, labels);
	fprintf(w->out, "%" PRId64 "\n", value);
}

/* One without labels, of a member; nothing where it is not known. */
static void member(struct writer *w, enum metric m, const json_t *object, const char *name,
		   double scale)
{
	const json_t *value = json_object_get(object, name);

	if (value == NULL || json_is_null(value))
		return;
	head(w, m);
	if (metrics[m].kind == COUNTER)
		count(w, m, NULL, ds_ask_integer(object, name, 0));
	else if (json_is_boolean(value))
		sample(w, m, NULL, json_is_true(value) ? 1.0 : 0.0);
	else
		sample(w, m, NULL, ds_ask_number(object, name, 0.0) * scale);
}

#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- the clock ---- */

static void write_leap(struct writer *w, const json_t *s)
{
	static const char *const words[] = {"none", "insert", "delete"};
	const char *leap = ds_ask_text(s, "leap", "");
	int number = 0;

	while (number < 3 && strcmp(leap, words[number]) != 0)
		number++;
	head(w, M_LEAP);
	count(w, M_LEAP, NULL, number);
}

static void write_ages(struct writer *w, const json_t *answer, const json_t *s)
{
	int64_t now_ns = ds_ask_moment(answer, "now_ns");
	int64_t updated_ns = ds_ask_moment(s, "updated_ns");

	head(w, M_START);
	sample(w, M_START, NULL, (double)ds_ask_moment(s, "started_ns") * NS);
	if (updated_ns == 0)
		return;
	head(w, M_UPDATED);
	sample(w, M_UPDATED, NULL, (double)(now_ns - updated_ns) * NS);
}

static void write_errors(struct writer *w, const json_t *s)
{
	member(w, M_OFFSET, s, "remaining_ns", NS);
	member(w, M_LAST, s, "last_offset_ns", NS);
	member(w, M_RMS, s, "rms_offset_ns", NS);
	member(w, M_BOUND, s, "bound_ns", NS);
	member(w, M_HARD, s, "hard_bound_ns", NS);
	if (ds_ask_true(s, "synchronised")) {
		head(w, M_MAXERROR);
		sample(w, M_MAXERROR, NULL,
		       (fabs(ds_ask_number(s, "remaining_ns", 0.0)) +
			ds_ask_number(s, "root_dispersion_ns", 0.0) +
			ds_ask_number(s, "root_delay_ns", 0.0) / 2.0) *
			       NS);
	}
	member(w, M_ROOTDELAY, s, "root_delay_ns", NS);
	member(w, M_ROOTDISP, s, "root_dispersion_ns", NS);
}

static void write_clock(struct writer *w, const json_t *answer, const json_t *s)
{
	static const char *const flags[] = {"stepped", "slept", "sources_lost"};
	static const char *const which[][2] = {{"all", "sources"},
					       {"answering", "answering"},
					       {"agreeing", "agreeing"},
					       {"offline", "offline"},
					       {"unresolved", "unresolved"}};

	head(w, M_BUILD);
	count(w, M_BUILD, LABELS("version", ds_ask_text(s, "version", "")), 1);
	write_ages(w, answer, s);
	member(w, M_SYNCED, s, "synchronised", 1.0);
	member(w, M_STEERED, s, "steered", 1.0);
	write_leap(w, s);
	member(w, M_STRATUM, s, "stratum", 1.0);
	write_errors(w, s);
	member(w, M_FREQ, s, "freq_ppm", PPM);
	member(w, M_SKEW, s, "skew_ppm", PPM);
	member(w, M_RESIDUAL, s, "residual_freq_ppm", PPM);
	member(w, M_INTERVAL, s, "update_interval_s", 1.0);
	member(w, M_UPDATES, s, "updates", 1.0);
	head(w, M_DISRUPTED);
	for (int i = 0; i < 3; i++)
		count(w, M_DISRUPTED, LABELS("what", flags[i]), ds_ask_true(s, flags[i]));
	member(w, M_TAI, s, "tai_minus_utc_s", 1.0);
	member(w, M_SERVED, s, "served_minus_clock_ns", NS);
	head(w, M_SOURCES);
	for (int i = 0; i < 5; i++)
		count(w, M_SOURCES, LABELS("which", which[i][0]),
		      ds_ask_integer(s, which[i][1], 0));
}

/* ---- sources ---- */

/* The same three in all of them, which do not change while the source lives. */
struct source {
	const json_t *object;
	const char *name, *address, *kind;
};

#define SOURCE_LABELS(s) "source", (s)->name, "address", (s)->address, "kind", (s)->kind

static const char *mode_word(const json_t *s)
{
	if (!ds_ask_known(s, "interleaved"))
		return "none";
	return ds_ask_true(s, "interleaved") ? "interleaved" : "basic";
}

static void source_samples(struct writer *w, enum metric m, const struct source *s)
{
	static const struct {
		enum metric metric;
		const char *member;
		double scale;
	} plain[] = {
		{M_SRC_STRATUM, "stratum", 1.0},	{M_SRC_OFFSET, "offset_ns", NS},
		{M_SRC_SAMPLE, "sample_offset_ns", NS}, {M_SRC_ERROR, "error_ns", NS},
		{M_SRC_DELAY, "delay_ns", NS},		{M_SRC_JITTER, "jitter_ns", NS},
		{M_SRC_AGE, "sample_age_ns", NS},	{M_SRC_REQ, "requests", 1.0},
		{M_SRC_LOST, "stamps_lost", 1.0},
	};
	const json_t *o = s->object;
	const char *state = ds_ask_text(o, "state", "");

	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
		if (plain[i].metric == m && ds_ask_known(o, plain[i].member))
			sample(w, m, LABELS(SOURCE_LABELS(s)),
			       ds_ask_number(o, plain[i].member, 0.0) * plain[i].scale);
	if (m == M_SRC_INFO)
		count(w, m,
		      LABELS(SOURCE_LABELS(s), "state", state, "mode", mode_word(o), "t1_by",
			     ds_ask_text(o, "t1_by", "none"), "t4_by",
			     ds_ask_text(o, "t4_by", "none")),
		      1);
	if (m == M_SRC_USED)
		count(w, m, LABELS(SOURCE_LABELS(s)),
		      strcmp(state, "selected") == 0 || strcmp(state, "combined") == 0);
	if (m == M_SRC_REACH)
		sample(w, m, LABELS(SOURCE_LABELS(s)),
		       __builtin_popcountll((unsigned long long)ds_ask_integer(o, "reach", 0)) /
			       8.0);
	if (m == M_SRC_POLL)
		sample(w, m, LABELS(SOURCE_LABELS(s)),
		       ldexp(1.0, (int)ds_ask_integer(o, "poll_log2", 0)));
	if (m == M_SRC_ANS) {
		count(w, m, LABELS(SOURCE_LABELS(s), "mode", "basic"),
		      ds_ask_integer(o, "basic_answers", 0));
		count(w, m, LABELS(SOURCE_LABELS(s), "mode", "interleaved"),
		      ds_ask_integer(o, "interleaved_answers", 0));
	}
}

static void write_sources(struct writer *w, const json_t *sources)
{
	const json_t *o;
	size_t i;

	if (json_array_size(sources) == 0)
		return;
	for (enum metric m = M_SRC_INFO; m <= M_SRC_LOST; m++) {
		head(w, m);
		json_array_foreach(sources, i, o)
		{
			const struct source s = {o, ds_ask_text(o, "name", ""),
						 ds_ask_text(o, "address", ""),
						 ds_ask_text(o, "kind", "")};

			source_samples(w, m, &s);
		}
	}
}

/* ---- stamps and serving ---- */

static const char *const takers[] = {"daemon", "kernel", "hardware"};

static void by_taker(struct writer *w, enum metric m, const char *label, const char *value,
		     const json_t *by)
{
	for (int i = 0; i < 3; i++)
		count(w, m, LABELS(label, value, "by", takers[i]),
		      ds_ask_integer(by, takers[i], 0));
}

static void write_server(struct writer *w, const json_t *s)
{
	member(w, M_SRV_RX, s, "received", 1.0);
	head(w, M_SRV_TX);
	count(w, M_SRV_TX, LABELS("mode", "basic"), ds_ask_integer(s, "basic", 0));
	count(w, M_SRV_TX, LABELS("mode", "interleaved"), ds_ask_integer(s, "interleaved", 0));
	member(w, M_SRV_DENIED, s, "denied", 1.0);
	member(w, M_SRV_DROPPED, s, "dropped", 1.0);
	member(w, M_SRV_AUTH, s, "authenticated", 1.0);
	head(w, M_SRV_STAMPS);
	by_taker(w, M_SRV_STAMPS, "direction", "receive", json_object_get(s, "rx_by"));
	by_taker(w, M_SRV_STAMPS, "direction", "transmit", json_object_get(s, "tx_by"));
	member(w, M_SRV_HELD, s, "saved", 1.0);
	member(w, M_SRV_PLACES, s, "saved_most", 1.0);
	member(w, M_SRV_CLIENTS, s, "clients_dropped", 1.0);
}

static void write_cards(struct writer *w, const json_t *cards)
{
	static const char *const what[][2] = {{"received", "rx_used"},
					      {"sent", "tx_used"},
					      {"lost", "tx_lost"},
					      {"skipped", "tx_skipped"}};
	const json_t *o;
	size_t i;

	if (json_array_size(cards) == 0)
		return;
	head(w, M_CARD);
	json_array_foreach(cards, i, o) for (int k = 0; k < 4; k++) count(
		w, M_CARD, LABELS("interface", ds_ask_text(o, "interface", ""), "what", what[k][0]),
		ds_ask_integer(o, what[k][1], 0));
}

static void write_refclocks(struct writer *w, const json_t *refclocks)
{
	const json_t *o, *drop;
	size_t i, k;

	if (json_array_size(refclocks) == 0)
		return;
	head(w, M_REF);
	json_array_foreach(refclocks, i, o)
	{
		const char *name = ds_ask_text(o, "name", "");

		count(w, M_REF, LABELS("refclock", name, "what", "read"),
		      ds_ask_integer(o, "samples", 0));
		count(w, M_REF, LABELS("refclock", name, "what", "used"),
		      ds_ask_integer(o, "used", 0));
	}
	head(w, M_REFDROP);
	json_array_foreach(refclocks, i, o) json_array_foreach(json_object_get(o, "drops"), k, drop)
		count(w, M_REFDROP,
		      LABELS("refclock", ds_ask_text(o, "name", ""), "reason",
			     ds_ask_text(drop, "name", "")),
		      ds_ask_integer(drop, "count", 0));
}

static void write_events(struct writer *w, const json_t *counters)
{
	const json_t *o;
	size_t i;

	head(w, M_EVENTS);
	json_array_foreach(counters, i, o)
		count(w, M_EVENTS, LABELS("reason", ds_ask_text(o, "name", "")),
		      ds_ask_integer(o, "count", 0));
}

void ds_exporter_write(const json_t *answer, bool open_metrics, FILE *out)
{
	struct writer w = {out, open_metrics};
	const json_t *stamps = json_object_get(answer, "stamps");

	head(&w, M_UP);
	count(&w, M_UP, NULL, answer != NULL);
	if (answer != NULL) {
		write_clock(&w, answer, json_object_get(answer, "status"));
		write_sources(&w, json_object_get(answer, "sources"));
		head(&w, M_STAMPS);
		by_taker(&w, M_STAMPS, "stamp", "t1", json_object_get(stamps, "t1_by"));
		by_taker(&w, M_STAMPS, "stamp", "t4", json_object_get(stamps, "t4_by"));
		write_server(&w, json_object_get(answer, "server"));
		write_cards(&w, json_object_get(stamps, "cards"));
		write_refclocks(&w, json_object_get(stamps, "refclocks"));
		write_events(&w, json_object_get(answer, "counters"));
	}
	if (open_metrics)
		fputs("# EOF\n", out);
}

void ds_exporter_describe(FILE *out)
{
	static const char *const kinds[] = {"gauge", "counter", "info"};

	fputs("| metric | kind | labels | |\n|---|---|---|---|\n", out);
	for (int m = 0; m < METRIC_COUNT; m++)
		fprintf(out, "| `drivestamp_%s%s` | %s | %s | %s |\n", metrics[m].name,
			suffix(metrics[m].kind), kinds[metrics[m].kind], metrics[m].labels,
			metrics[m].help);
}
