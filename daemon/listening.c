/* listening: see listening.h. */
#include "daemon/listening.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_S	  INT64_C(1000000000)
#define ROUND_BROADCASTS  16
#define ROUND_NS	  (NS_PER_S << 10)
#define SPACING_NS	  (2 * NS_PER_S)
#define SILENT_INTERVALS  3
#define DOUBLINGS	  8 /* of the time between rounds in silence */
#define LOST_INTERVALS	  8
#define LOST_NS		  (16 * NS_PER_S)
#define GONE_INTERVALS	  64
#define GONE_NS		  (1024 * NS_PER_S)
#define INTERVAL_LOG2_MIN (-6)
#define INTERVAL_LOG2_MAX 17
#define GIVE_UP_BASIC	  4 /* basic exchanges in a row: it does not interleave any more */
#define WAYS_LEAST	  4 /* differences before anything is taken off */
#define WAY_GAP_NS	  (8 * NS_PER_S)  /* from the broadcast to the exchange, at most */
#define MEASURED_NS	  INT64_C(100000) /* what stamps of an exchange may be wrong by besides */
#define POLL_AT		  2		  /* where the poll field stands in a packet */

static void set_interval(struct ds_listening *l, int8_t interval_log2)
{
	if (interval_log2 < INTERVAL_LOG2_MIN)
		interval_log2 = INTERVAL_LOG2_MIN;
	if (interval_log2 > INTERVAL_LOG2_MAX)
		interval_log2 = INTERVAL_LOG2_MAX;
	l->interval_log2 = interval_log2;
}

void ds_listening_start(struct ds_listening *l, const struct ds_conf_source *conf,
			const union ds_address *to, int8_t interval_log2, int64_t now_ns)
{
	memset(l, 0, sizeof *l);
	ds_listener_init(&l->listener, conf->version, conf->key != 0);
	l->to = *to;
	set_interval(l, interval_log2);
	l->heard_ns = now_ns;
	l->round_ns = INT64_MIN;
}

int64_t ds_listening_interval_ns(const struct ds_listening *l)
{
	return l->interval_log2 >= 0 ? NS_PER_S << l->interval_log2 : NS_PER_S >> -l->interval_log2;
}

int64_t ds_listening_spacing_ns(const struct ds_listening *l)
{
	int64_t interval_ns = ds_listening_interval_ns(l);

	return interval_ns < SPACING_NS ? interval_ns : SPACING_NS;
}

int64_t ds_listening_delay_ns(const struct ds_listening *l)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < l->measured_count; i++)
		if (l->measured[i].delay_ns < least)
			least = l->measured[i].delay_ns;
	return least;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t ds_listening_way_ns(const struct ds_listening *l)
{
	int64_t sorted[DS_LISTENING_WAYS];

	if (l->way_count < WAYS_LEAST)
		return 0;
	memcpy(sorted, l->ways_ns, l->way_count * sizeof sorted[0]);
	qsort(sorted, l->way_count, sizeof sorted[0], by_size);
	return sorted[l->way_count / 2];
}

static void take_way(struct ds_listening *l, int64_t way_ns)
{
	l->ways_ns[l->way_next] = way_ns;
	l->way_next = (uint8_t)((l->way_next + 1) % DS_LISTENING_WAYS);
	if (l->way_count < DS_LISTENING_WAYS)
		l->way_count++;
}

static int64_t size_of(int64_t ns)
{
	return ns < 0 ? -ns : ns;
}

/* What is left of so many nanoseconds when rates are known to DS_BROADCAST_DRIFT_PPM. */
static int64_t drift_ns(int64_t gap_ns)
{
	return gap_ns / (1000000 / DS_BROADCAST_DRIFT_PPM);
}

/* The exchange that says best what the sender's clock was at raw_ns, NULL if none says it well. One
 * that was held up is wrong by half of what it took longer, and all broadcasts near it would be put
 * wrong by that: what took twice as long as the best does not count. */
static const struct ds_listening_measured *to_compare(const struct ds_listening *l, int64_t raw_ns)
{
	const struct ds_listening_measured *found = NULL;
	const int64_t best_ns = ds_listening_delay_ns(l);
	int64_t least_ns = INT64_MAX;

	for (int i = 0; i < l->measured_count && l->interleaves; i++) {
		const struct ds_listening_measured *m = &l->measured[i];
		const int64_t gap_ns = size_of(raw_ns - m->raw_ns);
		const int64_t longer_ns = m->delay_ns - best_ns;
		const int64_t wrong_ns = longer_ns / 2 + drift_ns(gap_ns);

		if (m->outdated || gap_ns > WAY_GAP_NS || longer_ns > best_ns ||
		    wrong_ns > least_ns)
			continue;
		least_ns = wrong_ns;
		found = m;
	}
	return found;
}

/* A broadcast of known departure came: compare it with an exchange, if a good one is near. Then
 * take the usual difference off. */
static void correct_way(struct ds_listening *l, struct ds_exchange *x, double rate_ppb)
{
	const struct ds_listening_measured *m = to_compare(l, x->raw_ns);
	int64_t way_ns;

	if (m != NULL) {
		way_ns = m->server_minus_raw_ns + ds_gained_ns(x->raw_ns - m->raw_ns, rate_ppb) -
			 x->server_minus_raw_ns;
		/* nor is more ever taken off than what a broadcast may be off by */
		if (size_of(way_ns) <= DS_BROADCAST_AGREE_NS + ds_listening_delay_ns(l))
			take_way(l, way_ns);
	}
	way_ns = ds_listening_way_ns(l);
	x->offset_ns += way_ns;
	x->server_minus_raw_ns += way_ns;
}

/* Only the better kind counts: delays of basic exchanges hold the guess of a departure, and its
 * error would be in every broadcast. Where interleaved ones have stopped coming, basic ones must
 * do. */
static bool is_of_better_kind(struct ds_listening *l, const struct ds_exchange *x)
{
	bool interleaved = x->kind != DS_EXCHANGE_BASIC;

	if (interleaved)
		l->basic_in_a_row = 0;
	else if (l->basic_in_a_row < UINT8_MAX)
		l->basic_in_a_row++;
	if (interleaved == l->interleaves)
		return true;
	if (!interleaved && l->basic_in_a_row < GIVE_UP_BASIC)
		return false;
	l->interleaves = interleaved;
	l->measured_count = l->measured_next = 0;
	return true;
}

/* The sender's clock was set if this exchange cannot be true of it together with the last one: what
 * was measured before is then of another clock. (How long packets took, it still tells.) */
static void note_set_clock(struct ds_listening *l, const struct ds_exchange *x, double freq_ppb)
{
	const int last = (l->measured_next + DS_LISTENING_DELAYS - 1) % DS_LISTENING_DELAYS;
	const struct ds_listening_measured *m = &l->measured[last];
	int64_t age_ns, apart_ns;

	if (l->measured_count == 0)
		return;
	age_ns = x->raw_ns - m->raw_ns;
	apart_ns = x->server_minus_raw_ns - m->server_minus_raw_ns - ds_gained_ns(age_ns, freq_ppb);
	if (size_of(apart_ns) <=
	    m->delay_ns / 2 + x->delay_ns / 2 + drift_ns(size_of(age_ns)) + MEASURED_NS)
		return;
	for (int i = 0; i < l->measured_count; i++)
		l->measured[i].outdated = true;
}

void ds_listening_calibrate(struct ds_listening *l, const struct ds_exchange *exchange,
			    double freq_ppb)
{
	l->unmeasured = 0;
	if (!is_of_better_kind(l, exchange))
		return;
	note_set_clock(l, exchange, freq_ppb);
	l->measured[l->measured_next] = (struct ds_listening_measured){
		exchange->raw_ns, exchange->server_minus_raw_ns, exchange->delay_ns, false};
	l->measured_next = (uint8_t)((l->measured_next + 1) % DS_LISTENING_DELAYS);
	if (l->measured_count < DS_LISTENING_DELAYS)
		l->measured_count++;
	ds_listener_calibrate(&l->listener, exchange, ds_listening_delay_ns(l), freq_ppb);
}

enum ds_reason ds_listening_hear(struct ds_listening *l, const uint8_t *data, size_t length,
				 const struct ds_rx_stamp *t4, enum ds_auth auth, double freq_ppb,
				 double rate_ppb, int64_t now_ns,
				 struct ds_listener_outcome *outcome)
{
	enum ds_reason reason =
		ds_listener_receive(&l->listener, data, length, t4, auth, freq_ppb, outcome);

	if (!outcome->accepted)
		return reason;
	set_interval(l, (int8_t)data[POLL_AT]);
	l->heard_ns = now_ns;
	l->rounds_in_vain = 0;
	l->heard++;
	if (l->since_round < UINT8_MAX)
		l->since_round++;
	if (outcome->has_exchange && outcome->exchange.kind == DS_EXCHANGE_BROADCAST)
		l->basic++;
	else if (outcome->has_exchange)
		l->interleaved++;
	if (outcome->has_exchange && ds_exchange_is_interleaved(outcome->exchange.kind))
		correct_way(l, &outcome->exchange, rate_ppb);
	return reason;
}

int64_t ds_listening_next_ns(const struct ds_listening *l)
{
	int64_t silence_ns = SILENT_INTERVALS * ds_listening_interval_ns(l) << l->rounds_in_vain;
	int64_t regular_ns;

	if (l->round_ns == INT64_MIN)
		return l->heard_ns;
	regular_ns = l->round_ns + ROUND_NS;
	/* with the broadcast that is the 16th, which has just come */
	if (l->since_round >= ROUND_BROADCASTS)
		regular_ns = l->heard_ns;
	return l->heard_ns + silence_ns < regular_ns ? l->heard_ns + silence_ns : regular_ns;
}

uint8_t ds_listening_begin_round(struct ds_listening *l, int64_t now_ns)
{
	bool first = l->round_ns == INT64_MIN;

	l->round_ns = now_ns;
	l->since_round = 0;
	if (now_ns - l->heard_ns >= SILENT_INTERVALS * ds_listening_interval_ns(l) &&
	    l->rounds_in_vain < DOUBLINGS)
		l->rounds_in_vain++;
	if (l->unmeasured < UINT8_MAX)
		l->unmeasured++;
	return first ? DS_LISTENING_FIRST_ROUND : DS_LISTENING_ROUND;
}

bool ds_listening_lost(const struct ds_listening *l, int64_t now_ns)
{
	int64_t silent_ns = now_ns - l->heard_ns;
	int64_t interval_ns = ds_listening_interval_ns(l);

	if (silent_ns < LOST_NS || silent_ns < LOST_INTERVALS * interval_ns)
		return false;
	return l->unmeasured > 1 ||
	       (silent_ns >= GONE_NS && silent_ns >= GONE_INTERVALS * interval_ns);
}
