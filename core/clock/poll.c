/*
 * poll: see poll.h.
 * It must never learn from an interval that is no longer in force.
 */
#include "core/clock/poll.h"

#include <math.h>
#include <stddef.h>

double ds_poll_gain(const struct ds_prediction *p, double floor_ns, double interval_s)
{
	double variance = p->sd_ns * p->sd_ns + floor_ns * floor_ns;
	double freq = p->freq_sd_ppb * interval_s;
	double wander = p->wander_ppb * p->wander_ppb;
	double growth = 2.0 * p->cov_ns_ppb * interval_s + freq * freq +
			wander * interval_s * interval_s * interval_s / 3.0;

	if (!isfinite(growth) || !(variance > 0.0))
		return INFINITY;
	return 1.0 + fmax(growth, 0.0) / variance;
}

static void average(struct ds_poll *poll, const struct ds_poll_news *news, double interval_s)
{
	double floor_ns = DS_POLL_FLOOR * news->delay_ns;
	/* how old what is known then is when the next sample comes */
	double horizon_s = interval_s + DS_POLL_AGE * fmax(fmin(news->age_s, interval_s), 0.0);
	double gain = log(ds_poll_gain(news->prediction, floor_ns, horizon_s));
	double twice = log(ds_poll_gain(news->prediction, floor_ns, 2.0 * horizon_s));
	double weight;

	if (!isfinite(gain) || !isfinite(twice)) {
		poll->averaged = 0;
		return;
	}
	if (poll->averaged < UINT8_MAX)
		poll->averaged++;
	weight = 1.0 / fmin(poll->averaged, DS_POLL_MEMORY);
	poll->gain += weight * (gain - poll->gain);
	poll->gain_twice += weight * (twice - poll->gain_twice);
}

/* Is the estimate much less certain than it used to be? It takes half a memory to get used to. */
static bool is_worse(struct ds_poll *poll, const struct ds_prediction *p)
{
	double variance = log(p->sd_ns * p->sd_ns);
	bool worse;

	if (!isfinite(variance))
		return false;
	worse = poll->known >= DS_POLL_FIRST && variance - poll->usual > log(DS_POLL_WORSE);
	if (poll->known < UINT8_MAX)
		poll->known++;
	poll->usual += (variance - poll->usual) / fmin(poll->known, 2.0 * DS_POLL_MEMORY);
	return worse;
}

static int wish(const struct ds_poll *poll, bool doubt, bool worse, int8_t poll_log2)
{
	if (doubt)
		return poll_log2 - DS_POLL_DOUBT;
	if (worse)
		return poll_log2 - 1;
	if (poll->averaged < DS_POLL_STAY)
		return poll_log2;
	if (poll->gain > log(DS_POLL_LOWER))
		return poll_log2 - 1;
	if (poll->taken >= DS_POLL_FIRST && poll->gain_twice < log(DS_POLL_RAISE))
		return poll_log2 + 1;
	return poll_log2;
}

int8_t ds_poll_next(struct ds_poll *poll, const struct ds_poll_news *news, int8_t poll_log2,
		    int8_t min_log2, int8_t max_log2)
{
	bool worse = false;
	int next;

	if (poll->taken < UINT8_MAX)
		poll->taken++;
	if (news->prediction != NULL) {
		worse = is_worse(poll, news->prediction);
		average(poll, news, ldexp(1.0, poll_log2));
	} else {
		poll->averaged = 0;
	}
	next = wish(poll, news->doubt, worse, poll_log2);
	if (next > max_log2)
		next = max_log2;
	if (next < min_log2)
		next = min_log2;
	if (next != poll_log2)
		poll->averaged = 0;
	return (int8_t)next;
}
