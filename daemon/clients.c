/* clients: see clients.h. */
#include "daemon/clients.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S     INT64_C(1000000000)
#define TICKS_PER_S  4	  /* of last and interval: 34 years fit */
#define MEMORY_LOG2  2	  /* an interval counts a quarter */
#define UNKNOWN_LOG2 (-3) /* intervals below a tick */

struct record {
	uint8_t host[16];  /* IPv4 in the first four, the others 0 */
	uint32_t count[4]; /* by enum ds_client_what */
	uint32_t last;	   /* ticks since the start */
	uint32_t interval; /* 16 times ticks, fading mean */
	uint8_t family;	   /* 4, 6; 0: free */
	bool twice;
};

struct ds_clients_set {
	uint32_t tags[DS_CLIENTS_WAYS]; /* of the hash: one line of the cache tells */
	struct record records[DS_CLIENTS_WAYS];
};

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014) over key and address. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t hash(uint64_t key, const uint8_t host[16])
{
	uint64_t half[2];

	memcpy(half, host, sizeof half);
	return mix(mix(mix(key) + half[0]) + half[1]);
}

bool ds_clients_open(struct ds_clients *c, uint32_t records, uint64_t key, int64_t raw_ns)
{
	uint32_t sets = 1;

	memset(c, 0, sizeof *c);
	if (records > DS_CLIENTS_MOST)
		records = DS_CLIENTS_MOST;
	if (records < DS_CLIENTS_WAYS)
		return true;
	while (sets * 2 * DS_CLIENTS_WAYS <= records)
		sets *= 2;
	/* calloc(): pages that nobody asks from stay untouched. */
	c->sets = calloc(sets, sizeof *c->sets);
	if (c->sets == NULL)
		return false;
	c->mask = sets - 1;
	c->key = key;
	c->started_raw_ns = raw_ns;
	return true;
}

void ds_clients_close(struct ds_clients *c)
{
	free(c->sets);
	c->sets = NULL;
}

/* 0: no family that is kept. */
static uint8_t host_of(const union ds_address *a, uint8_t host[16])
{
	memset(host, 0, 16);
	if (a->family == AF_INET) {
		memcpy(host, &a->in.sin_addr, 4);
		return 4;
	}
	if (a->family != AF_INET6)
		return 0;
	memcpy(host, &a->in6.sin6_addr, 16);
	return 6;
}

/* The record of this host, or the one that gives way to it. */
static struct record *place_for(struct ds_clients *c, struct ds_clients_set *set, uint32_t tag,
				const uint8_t host[16], uint8_t family, uint32_t tick)
{
	struct record *oldest = &set->records[0];
	struct record *r;

	for (int i = 0; i < DS_CLIENTS_WAYS; i++) {
		r = &set->records[i];
		if (set->tags[i] == tag && r->family == family && memcmp(r->host, host, 16) == 0)
			return r;
	}
	for (int i = 0; i < DS_CLIENTS_WAYS; i++) {
		r = &set->records[i];
		if (r->family == 0) {
			oldest = r;
			break;
		}
		if (r->last < oldest->last)
			oldest = r;
	}
	c->replaced += oldest->family != 0;
	memset(oldest, 0, sizeof *oldest);
	memcpy(oldest->host, host, 16);
	oldest->family = family;
	oldest->last = tick;
	set->tags[oldest - set->records] = tag;
	return oldest;
}

static void note_interval(struct record *r, uint32_t tick)
{
	uint32_t since = tick - r->last;
	int64_t change;

	if (since > UINT32_MAX / 16)
		since = UINT32_MAX / 16;
	change = (int64_t)since * 16 - (int64_t)r->interval;
	r->interval = r->twice ? (uint32_t)((int64_t)r->interval + change / (1 << MEMORY_LOG2))
			       : since * 16;
	r->twice = true;
}

void ds_clients_note(struct ds_clients *c, const union ds_address *address,
		     enum ds_client_what what, int64_t raw_ns)
{
	struct ds_clients_set *set;
	uint8_t host[16], family;
	struct record *r;
	uint32_t tick;
	uint64_t h;
	bool known;

	if (c->sets == NULL)
		return;
	family = host_of(address, host);
	if (family == 0)
		return;
	h = hash(c->key, host);
	set = &c->sets[(uint32_t)h & c->mask];
	tick = (uint32_t)((raw_ns - c->started_raw_ns) / (NS_PER_S / TICKS_PER_S));
	r = place_for(c, set, (uint32_t)(h >> 32), host, family, tick);
	known = r->count[0] + r->count[1] + r->count[2] + r->count[3] > 0;
	if (known)
		note_interval(r, tick);
	r->last = tick;
	if (r->count[what] < UINT32_MAX)
		r->count[what]++;
}

uint32_t ds_clients_places(const struct ds_clients *c)
{
	return c->sets != NULL ? (c->mask + 1) * DS_CLIENTS_WAYS : 0;
}

static const struct record *at(const struct ds_clients *c, uint32_t place)
{
	return &c->sets[place / DS_CLIENTS_WAYS].records[place % DS_CLIENTS_WAYS];
}

uint32_t ds_clients_kept(const struct ds_clients *c)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < ds_clients_places(c); i++)
		kept += at(c, i)->family != 0;
	return kept;
}

bool ds_clients_get(const struct ds_clients *c, uint32_t place, int64_t raw_ns,
		    struct ds_client_seen *seen)
{
	const struct record *r;
	double interval_s;

	memset(seen, 0, sizeof *seen);
	if (place >= ds_clients_places(c))
		return false;
	r = at(c, place);
	if (r->family == 0)
		return false;
	if (r->family == 4) {
		seen->address.in.sin_family = AF_INET;
		memcpy(&seen->address.in.sin_addr, r->host, 4);
	} else {
		seen->address.in6.sin6_family = AF_INET6;
		memcpy(&seen->address.in6.sin6_addr, r->host, 16);
	}
	seen->basic = r->count[DS_CLIENT_BASIC];
	seen->interleaved = r->count[DS_CLIENT_INTERLEAVED];
	seen->denied = r->count[DS_CLIENT_DENIED];
	seen->dropped = r->count[DS_CLIENT_DROPPED];
	seen->last_ago_s = (raw_ns - c->started_raw_ns) / NS_PER_S - r->last / TICKS_PER_S;
	seen->interval_known = r->twice;
	interval_s = (double)r->interval / (16.0 * TICKS_PER_S);
	seen->interval_log2 =
		interval_s > 0.125 ? (int8_t)lrint(log2(interval_s)) : (int8_t)UNKNOWN_LOG2;
	return true;
}
