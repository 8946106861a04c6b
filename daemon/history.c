/* history: see history.h. */
#include "daemon/history.h"

#include <string.h>

_Static_assert((DS_HISTORY_RECORDS & (DS_HISTORY_RECORDS - 1)) == 0, "a power of two");

static bool is_same(const union ds_address *a, const union ds_address *b)
{
	return a->family != 0 && ds_address_equal(a, b);
}

void ds_history_add(struct ds_history *h, uint32_t place, const union ds_address *address,
		    const struct ds_history_record *record)
{
	struct ds_history_ring *ring;

	if (place >= DS_SOURCES_MAX || address->family == 0)
		return;
	ring = &h->rings[place];
	if (!is_same(&ring->address, address)) {
		memset(ring, 0, sizeof *ring);
		ring->address = *address;
	}
	ring->records[ring->taken++ % DS_HISTORY_RECORDS] = *record;
	if (record->reason != DS_R_OK) {
		ring->counts.refused++;
		return;
	}
	ring->counts.accepted++;
	if (!record->has_exchange || record->kind == DS_EXCHANGE_REFCLOCK)
		return;
	ring->counts.t1_by[record->t1_source & 3]++;
	ring->counts.t4_by[record->t4_source & 3]++;
	h->t1_by[record->t1_source & 3]++;
	h->t4_by[record->t4_source & 3]++;
}

const struct ds_history_record *ds_history_get(const struct ds_history *h, uint32_t place,
					       const union ds_address *address, uint32_t back)
{
	const struct ds_history_ring *ring;

	if (place >= DS_SOURCES_MAX || back >= DS_HISTORY_RECORDS)
		return NULL;
	ring = &h->rings[place];
	if (back >= ring->taken || !is_same(&ring->address, address))
		return NULL;
	return &ring->records[(ring->taken - 1 - back) % DS_HISTORY_RECORDS];
}

void ds_history_forget(struct ds_history *h, uint32_t place)
{
	/* What was never written is not to be touched. */
	if (place < DS_SOURCES_MAX && h->rings[place].taken > 0)
		memset(&h->rings[place], 0, sizeof h->rings[place]);
}

void ds_history_count(const struct ds_history *h, uint32_t place, const union ds_address *address,
		      struct ds_history_counts *counts)
{
	*counts = (struct ds_history_counts){0};
	if (place < DS_SOURCES_MAX && is_same(&h->rings[place].address, address))
		*counts = h->rings[place].counts;
}
