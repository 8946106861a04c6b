/*
 * interleave: what the last accepted packet left for the next one (client, peer, listener), and
 * the drivestamps that wait for theirs (server, broadcaster).
 * It must never decide by anything but cookies: no variable here says "interleaved".
 */
#include "core/exchange/interleave.h"

#include <stddef.h>
#include <string.h>

#define VERSION	 4
#define NS_PER_S INT64_C(1000000000)

enum state {
	FREE = 0,
	LIVE = 1,    /* saved; its answer has no drivestamp yet */
	STAMPED = 2, /* may be taken, once */
	USED = 3,    /* was taken; room like FREE, but still known */
};

/* What the fields of a slot hold. */
#define PREFIX_MASK	UINT32_C(0xffffff)
#define GENERATION_MASK UINT32_C(0x3f)

/* A reference to a slot: 24 bits of index, 6 of generation. */
#define INDEX_MASK	UINT32_C(0xffffff)
#define REFERENCE_SHIFT 24
#define COUNT_MOST	(UINT32_C(1) << 24)

/* A receive field moves at most so often to find a key that is not taken. */
#define KEY_TRIES 16
/* To the next receive field: their lowest bit is set, always. */
#define KEY_STEP 2

/* ---- an association's part ---- */

void ds_interleave_init(struct ds_interleave *il, bool wanted)
{
	memset(il, 0, sizeof(*il));
	il->wanted = wanted;
}

void ds_interleave_request(struct ds_interleave *il, uint64_t random, struct ds_packet *request)
{
	il->cookie_rx = 0;
	if (!il->wanted || il->receive == 0 || il->count >= DS_INTERLEAVE_UNANSWERED_MAX)
		return;
	il->count++;
	/* RFC 9769 section 2: receive differs from transmit; 0 means that there is no cookie. */
	if (random == 0 || random == request->transmit)
		random = request->transmit == 1 ? 2 : 1;
	il->cookie_rx = random;
	request->origin = il->receive;
	request->receive = random;
}

bool ds_interleave_owns(const struct ds_interleave *il, ds_ntp64 origin)
{
	return il->cookie_rx != 0 && origin == il->cookie_rx;
}

/* Length of the time between two stamps, whatever their order and era. */
static uint64_t distance(ds_ntp64 a, ds_ntp64 b)
{
	return (int64_t)(a - b) < 0 ? b - a : a - b;
}

enum ds_reason ds_interleave_exchange(const struct ds_interleave *il,
				      const struct ds_packet *packet, const struct ds_tx_stamp *t1,
				      const struct ds_remote *remote, double freq_ppb,
				      int64_t hold_max_ns, struct ds_exchange *exchange)
{
	bool set1 = il->t1.source != DS_STAMP_NONE &&
		    distance(packet->transmit, il->receive) <=
			    distance(packet->receive, packet->transmit);
	int64_t pivot_ns = il->t4.clock_ns;

	return ds_exchange_make_held(
		exchange, set1 ? DS_EXCHANGE_SET1 : DS_EXCHANGE_SET2, set1 ? &il->t1 : t1,
		ds_ns_from_ntp64(set1 ? il->receive : packet->receive, pivot_ns),
		ds_ns_from_ntp64(packet->transmit, pivot_ns), &il->t4, remote, freq_ppb,
		hold_max_ns);
}

void ds_interleave_accepted(struct ds_interleave *il, const struct ds_packet *packet,
			    const struct ds_tx_stamp *t1, const struct ds_rx_stamp *t4)
{
	il->count = 0;
	il->cookie_rx = 0;
	/* One of ours that left after its answer came: the stamp is wrong, and would spoil the next
	 * exchange as it did this one. */
	il->receive = t1->raw_ns <= t4->raw_ns ? packet->receive : 0;
	il->t1 = *t1;
	il->t4 = *t4;
}

void ds_interleave_forget(struct ds_interleave *il)
{
	ds_interleave_init(il, il->wanted);
}

void ds_interleave_peer_accepted(struct ds_interleave *il, bool interleaved, uint8_t sent)
{
	il->asked = interleaved;
	if (sent != 0) /* else another one came before we answered: the same of ours is the last */
		il->sent = sent;
}

bool ds_interleave_peer_sends(const struct ds_interleave *il, struct ds_packet *packet)
{
	/* RFC 9769 section 3: rules 1 and 3; the caller has seen to rule 2. */
	if ((!il->wanted && !il->asked) || il->sent != 1 || packet->version != VERSION)
		return false;
	packet->origin = il->receive;
	return true;
}

bool ds_interleave_peer_owns(ds_ntp64 receive, ds_ntp64 origin)
{
	return receive != 0 && origin == receive;
}

/* ---- broadcast ---- */

const struct ds_tx_stamp *ds_interleave_told(bool wanted, const struct ds_tx_stamp *before)
{
	return wanted && ds_is_drivestamp(before) ? before : NULL;
}

bool ds_interleave_tells(const struct ds_packet *packet, ds_ntp64 before, ds_ntp64 *t3, bool *heard)
{
	int half = 31 + (packet->poll_log2 < 1 ? packet->poll_log2 : 1); /* log2 of 2^-32 s */

	if (packet->origin == 0)
		return false;
	*t3 = packet->origin;
	*heard = distance(packet->origin, before) <= UINT64_C(1) << (half > 0 ? half : 0);
	return true;
}

/* ---- the server's part ---- */

bool ds_interleave_is_live(const struct ds_slot *slot)
{
	return slot->state == LIVE || slot->state == STAMPED;
}

static uint32_t class_of(uint32_t prefix)
{
	return prefix % DS_SLOT_PREFIXES;
}

void ds_interleave_server_init(struct ds_interleave_server *table, struct ds_slot *slots,
			       uint32_t count)
{
	uint32_t power = DS_SLOT_WAYS;

	memset(table, 0, sizeof(*table));
	if (slots == NULL || count < DS_SLOT_WAYS)
		return;
	while (power <= count / 2 && power < COUNT_MOST)
		power *= 2;
	table->slots = slots;
	table->count = power;
	memset(slots, 0, power * sizeof(*slots));
}

void ds_interleave_server_forget(struct ds_interleave_server *table)
{
	for (uint32_t i = 0; i < table->count; i++) {
		/* The generation stays: a stamp still under way must not fit the next answer. */
		table->slots[i].state = FREE;
		table->slots[i].receive = 0;
	}
	table->live = 0;
	memset(table->by_prefix, 0, sizeof(table->by_prefix));
}

bool ds_interleave_asked(const struct ds_interleave_server *table, const struct ds_packet *request)
{
	if (table->count == 0 || request->version != VERSION)
		return false;
	/* Origins that we gave have the lowest bit set; 0 has not. */
	return (request->origin & 1) != 0 && request->receive != request->transmit;
}

/* The first of the DS_SLOT_WAYS places where this key may stand (multiplicative hash, by the
 * golden ratio; nobody chooses our receive stamps, so it needs no secret). */
static struct ds_slot *set_of(const struct ds_interleave_server *table, ds_ntp64 key)
{
	uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15) >> 40;

	return table->slots + (hash & (table->count / DS_SLOT_WAYS - 1)) * DS_SLOT_WAYS;
}

static struct ds_slot *find(const struct ds_interleave_server *table, ds_ntp64 key)
{
	struct ds_slot *set = set_of(table, key);

	for (unsigned int i = 0; i < DS_SLOT_WAYS; i++) {
		if (set[i].receive == key && set[i].state != FREE)
			return &set[i];
	}
	return NULL;
}

void ds_interleave_prefetch(const struct ds_interleave_server *table, ds_ntp64 key)
{
	const struct ds_slot *set;

	if (table->count == 0)
		return;
	set = set_of(table, key);
	__builtin_prefetch(set, 1);
	__builtin_prefetch(set + DS_SLOT_WAYS / 2, 1);
}

static void release(struct ds_interleave_server *table, const struct ds_slot *slot)
{
	table->live--;
	table->by_prefix[class_of(slot->prefix)]--;
}

/* delta_ns after a receive field, in its era or the next, as a transmit field. */
static ds_ntp64 later(ds_ntp64 receive, int32_t delta_ns)
{
	int64_t ns = (int64_t)((receive & UINT32_MAX) * (uint64_t)NS_PER_S >> 32) + delta_ns;
	uint64_t seconds = (receive >> 32) + (uint64_t)(ns / NS_PER_S);
	uint64_t rest = (uint64_t)(ns % NS_PER_S) << 32;
	uint64_t stamp = (seconds << 32) + (rest + (uint64_t)NS_PER_S - 1) / (uint64_t)NS_PER_S;

	stamp += stamp & 1;
	return stamp != 0 ? stamp : 2; /* 0 would say "unknown" */
}

enum ds_reason ds_interleave_take(struct ds_interleave_server *table, ds_ntp64 origin,
				  uint32_t prefix, ds_ntp64 *transmit)
{
	struct ds_slot *slot = find(table, origin);

	if (slot == NULL)
		return DS_R_SLOT_UNKNOWN;
	if (slot->prefix != (prefix & PREFIX_MASK))
		return DS_R_SLOT_FOREIGN;
	if (slot->state == USED)
		return DS_R_SLOT_USED;
	if (slot->state == LIVE)
		return DS_R_SLOT_NO_DRIVESTAMP;
	*transmit = later(slot->receive, slot->delta_ns < 0 ? ~slot->delta_ns : slot->delta_ns);
	release(table, slot);
	slot->state = USED;
	return DS_R_OK;
}

/* Of two slots, the one that gives way first: older by receive time. A difference, so that an
 * era may begin between them; one from the future of `now` (the clock went back) is oldest. */
static bool is_older(const struct ds_slot *slot, const struct ds_slot *than, ds_ntp64 now)
{
	return than == NULL || now - slot->receive > now - than->receive;
}

struct victims {
	struct ds_slot *room;	/* not live */
	struct ds_slot *own;	/* live, of the class that wants one */
	struct ds_slot *oldest; /* live, of any */
	unsigned int owned;
};

static struct victims look_around(struct ds_slot *set, uint32_t class, ds_ntp64 now)
{
	struct victims v = {0};

	for (unsigned int i = 0; i < DS_SLOT_WAYS; i++) {
		struct ds_slot *slot = &set[i];

		if (!ds_interleave_is_live(slot)) {
			/* The one unused for longest, so that generations come round slowly. */
			if (is_older(slot, v.room, now))
				v.room = slot;
			continue;
		}
		if (is_older(slot, v.oldest, now))
			v.oldest = slot;
		if (class_of(slot->prefix) != class)
			continue;
		v.owned++;
		if (is_older(slot, v.own, now))
			v.own = slot;
	}
	return v;
}

/* Where a class may put one more slot; NULL: nowhere. A class at its share of the table, or of
 * a full set, makes room among its own. */
static struct ds_slot *choose(const struct ds_interleave_server *table, struct ds_slot *set,
			      uint32_t class, ds_ntp64 now)
{
	struct victims v = look_around(set, class, now);

	if (table->by_prefix[class] >= table->count / DS_SLOT_SHARE)
		return v.own;
	if (v.room != NULL)
		return v.room;
	return v.owned >= DS_SLOT_WAYS / DS_SLOT_SHARE ? v.own : v.oldest;
}

enum ds_reason ds_interleave_save(struct ds_interleave_server *table, ds_ntp64 *receive,
				  uint32_t prefix, uint32_t *reference)
{
	enum ds_reason reason = DS_R_OK;
	ds_ntp64 key = *receive;
	struct ds_slot *slot = NULL;
	unsigned int tries = 0;

	*reference = DS_SLOT_NONE;
	while (tries < KEY_TRIES && find(table, key) != NULL) {
		key += KEY_STEP;
		tries++;
	}
	if (tries < KEY_TRIES)
		slot = choose(table, set_of(table, key), class_of(prefix), key);
	if (slot == NULL)
		return DS_R_SLOT_QUOTA;
	if (ds_interleave_is_live(slot)) {
		release(table, slot);
		reason = DS_R_SLOT_EVICTED;
	}
	*receive = key;
	slot->receive = key;
	slot->delta_ns = 0;
	slot->prefix = prefix & PREFIX_MASK;
	slot->generation = (slot->generation + 1U) & GENERATION_MASK;
	slot->state = LIVE;
	table->live++;
	table->by_prefix[class_of(prefix)]++;
	*reference = (uint32_t)(slot - table->slots) | 1U * slot->generation << REFERENCE_SHIFT;
	return reason;
}

enum ds_reason ds_interleave_drivestamp(struct ds_interleave_server *table, uint32_t reference,
					int64_t delta_ns, enum ds_stamp_source source)
{
	uint32_t index = reference & INDEX_MASK;
	struct ds_slot *slot;

	if (index >= table->count)
		return DS_R_STAMP_WRONG_ID;
	slot = &table->slots[index];
	if (!ds_interleave_is_live(slot) || reference >> REFERENCE_SHIFT != slot->generation)
		return DS_R_STAMP_WRONG_ID;
	if (slot->state == STAMPED && (slot->delta_ns < 0 || source != DS_STAMP_HARDWARE))
		return DS_R_STAMP_DOUBLE;
	if (delta_ns < 0 || delta_ns > DS_DRIVESTAMP_MAX_NS)
		return DS_R_STAMP_IMPLAUSIBLE;
	slot->delta_ns = (int32_t)(source == DS_STAMP_HARDWARE ? ~delta_ns : delta_ns);
	slot->state = STAMPED;
	return DS_R_OK;
}
