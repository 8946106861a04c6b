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
#define WAY_GAP_NS	  (8 * NS_PER_S) /* from the broadcast to the exchange, at most */
#define POLL_AT		  2		 /* where the poll field stands in a packet */

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

/* A broadcast of known departure came: compare it with the exchange that is nearest, if one is
 * near. Then take the usual difference off. */
static void correct_way(struct ds_listening *l, struct ds_exchange *x, double rate_ppb)
{
	const struct ds_listening_measured *nearest = NULL;
	int64_t least_gap_ns = WAY_GAP_NS;
	int64_t way_ns;

	for (int i = 0; i < l->measured_count && l->interleaves; i++) {
		int64_t gap_ns = x->raw_ns - l->measured[i].raw_ns;

		gap_ns = gap_ns < 0 ? -gap_ns : gap_ns;
		if (gap_ns > least_gap_ns)
			continue;
		least_gap_ns = gap_ns;
		nearest = &l->measured[i];
	}
	if (nearest != NULL) {
		int64_t gap_ns = x->raw_ns - nearest->raw_ns;

		way_ns = nearest->server_minus_raw_ns + ds_gained_ns(gap_ns, rate_ppb) -
			 x->server_minus_raw_ns;
		l->ways_ns[l->way_next] = way_ns;
		l->way_next = (uint8_t)((l->way_next + 1) % DS_LISTENING_WAYS);
		if (l->way_count < DS_LISTENING_WAYS)
			l->way_count++;
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

void ds_listening_calibrate(struct ds_listening *l, const struct ds_exchange *exchange,
			    double freq_ppb)
{
	l->unmeasured = 0;
	if (!is_of_better_kind(l, exchange))
		return;
	l->measured[l->measured_next] = (struct ds_listening_measured){
		exchange->raw_ns, exchange->server_minus_raw_ns, exchange->delay_ns};
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
