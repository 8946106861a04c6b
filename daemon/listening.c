/* listening: see listening.h. */
#include "daemon/listening.h"

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
#define POLL_AT		  2 /* where the poll field stands in a packet */

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

void ds_listening_forget(struct ds_listening *l, int64_t now_ns)
{
	ds_listener_forget(&l->listener);
	l->delay_count = l->delay_next = 0;
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

	for (int i = 0; i < l->delay_count; i++)
		if (l->delays_ns[i] < least)
			least = l->delays_ns[i];
	return least;
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
	l->delay_count = l->delay_next = 0;
	return true;
}

void ds_listening_calibrate(struct ds_listening *l, const struct ds_exchange *x, double freq_ppb)
{
	l->unmeasured = 0;
	if (!is_of_better_kind(l, x))
		return;
	l->delays_ns[l->delay_next] = x->delay_ns;
	l->delay_next = (uint8_t)((l->delay_next + 1) % DS_LISTENING_DELAYS);
	if (l->delay_count < DS_LISTENING_DELAYS)
		l->delay_count++;
	ds_listener_calibrate(&l->listener, x, ds_listening_delay_ns(l), freq_ppb);
}

enum ds_reason ds_listening_hear(struct ds_listening *l, const uint8_t *data, size_t length,
				 const struct ds_rx_stamp *t4, enum ds_auth auth, double freq_ppb,
				 int64_t now_ns, struct ds_listener_outcome *outcome)
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
