/*
 * departure: medians over a ring of what was observed.
 * It must never claim more than DS_DEPARTURE_MAX_NS.
 */
#include "core/exchange/departure.h"

#include <stddef.h>
#include <string.h>

#define OBSERVATION_MAX_NS INT64_C(1000000000)

static int32_t median_ns(const int32_t *values, size_t count)
{
	int32_t sorted[DS_DEPARTURE_WINDOW];

	for (size_t i = 0; i < count; i++) {
		size_t at = i;

		for (; at > 0 && sorted[at - 1] > values[i]; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = values[i];
	}
	/* The lower one of two: to claim too little is the smaller fault. */
	return sorted[(count - 1) / 2];
}

static void add(int32_t ring[DS_DEPARTURE_WINDOW], uint32_t *seen, int32_t *median,
		int32_t value_ns)
{
	ring[*seen % DS_DEPARTURE_WINDOW] = value_ns;
	/* Past the first turn only the place in the ring matters. */
	if (++*seen == 2 * DS_DEPARTURE_WINDOW)
		*seen = DS_DEPARTURE_WINDOW;
	*median = median_ns(ring, *seen < DS_DEPARTURE_WINDOW ? *seen : DS_DEPARTURE_WINDOW);
}

void ds_departure_init(struct ds_departure *d)
{
	memset(d, 0, sizeof(*d));
	d->asked_raw_ns = INT64_MIN;
}

bool ds_departure_learn(struct ds_departure *d, uint32_t position, int64_t delay_ns)
{
	int64_t step_ns;

	if (delay_ns < 0 || delay_ns > OBSERVATION_MAX_NS)
		return false;
	if (position == 0) {
		add(d->first_ns, &d->first_seen, &d->first_median_ns, (int32_t)delay_ns);
		return true;
	}
	if (d->first_seen < DS_DEPARTURE_LEAST)
		return false;
	step_ns = (delay_ns - d->first_median_ns) / (int64_t)position;
	add(d->step_ns, &d->step_seen, &d->step_median_ns, step_ns < 0 ? 0 : (int32_t)step_ns);
	return true;
}

int32_t ds_departure_expected_ns(const struct ds_departure *d, uint32_t position)
{
	int64_t expected_ns = d->first_median_ns;

	if (d->first_seen < DS_DEPARTURE_LEAST)
		return 0;
	if (d->step_seen >= DS_DEPARTURE_LEAST)
		expected_ns += (int64_t)position * d->step_median_ns;
	return expected_ns > DS_DEPARTURE_MAX_NS ? DS_DEPARTURE_MAX_NS : (int32_t)expected_ns;
}

bool ds_departure_wants(struct ds_departure *d, int64_t raw_ns)
{
	bool never = d->asked_raw_ns == INT64_MIN;

	if (!never && raw_ns < d->asked_raw_ns + DS_DEPARTURE_INTERVAL_NS)
		return false;
	d->asked_raw_ns = raw_ns;
	return true;
}
