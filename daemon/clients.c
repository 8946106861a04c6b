/* clients: see clients.h. What is looked at for each request stands in one line of the cache, and
 * the record in another. */
#include "daemon/clients.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S     INT64_C(1000000000)
#define TICKS_PER_S  4 /* of `last`: 34 years fit */
#define CACHE_LINE   64
#define MEMORY	     4	 /* an interval counts a quarter */
#define LOG2_UNIT    256 /* of `interval` */
#define LOG2_LEAST   1	 /* of `interval`: below a tick, counted as half of one */
#define LOG2_OF_TICK 2	 /* `interval` of one tick: 0 is left for "not known" */

struct record {
	uint64_t host[2];  /* network order; IPv4 as mapped into IPv6 */
	uint32_t count[4]; /* by enum ds_client_what */
};

struct ds_clients_set {
	uint32_t last[DS_CLIENTS_WAYS];	    /* ticks since the start */
	uint16_t tags[DS_CLIENTS_WAYS];	    /* of the hash, odd; 0: free */
	uint16_t interval[DS_CLIENTS_WAYS]; /* log2 of ticks in 256ths, and 512; 0: not known */
	struct record records[DS_CLIENTS_WAYS];
};

_Static_assert(offsetof(struct ds_clients_set, records) == CACHE_LINE, "a line tells");
_Static_assert(CACHE_LINE % sizeof(struct record) == 0, "no record stands in two lines");
_Static_assert(sizeof(struct ds_clients_set) % CACHE_LINE == 0, "nor does what tells");

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014) over key and address. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

bool ds_clients_open(struct ds_clients *c, uint32_t records, uint64_t key, int64_t raw_ns)
{
	uint32_t sets = 1;
	size_t off;

	memset(c, 0, sizeof *c);
	if (records > DS_CLIENTS_MOST)
		records = DS_CLIENTS_MOST;
	if (records < DS_CLIENTS_WAYS)
		return true;
	while (sets * 2 * DS_CLIENTS_WAYS <= records)
		sets *= 2;
	/* calloc(): pages that nobody asks from stay untouched. */
	c->memory = calloc(1, sets * sizeof *c->sets + CACHE_LINE);
	if (c->memory == NULL)
		return false;
	off = (CACHE_LINE - (uintptr_t)c->memory % CACHE_LINE) % CACHE_LINE;
	c->sets = (struct ds_clients_set *)(void *)((char *)c->memory + off);
	c->mask = sets - 1;
	c->key = mix(key);
	c->started_raw_ns = raw_ns;
	return true;
}

void ds_clients_close(struct ds_clients *c)
{
	free(c->memory);
	c->memory = NULL;
	c->sets = NULL;
}

/* False: no family that is kept. */
static bool host_of(const union ds_address *a, uint64_t host[2])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	uint8_t bytes[16];

	if (a->family == AF_INET6) {
		memcpy(host, &a->in6.sin6_addr, 16);
		return true;
	}
	memcpy(bytes, mapped, sizeof mapped);
	memcpy(bytes + sizeof mapped, &a->in.sin_addr, 4);
	memcpy(host, bytes, 16);
	return a->family == AF_INET;
}

/* All zero: nobody to be noted. */
struct ds_clients_who ds_clients_find(const struct ds_clients *c, const union ds_address *address)
{
	struct ds_clients_who who = {{0, 0}, 0};

	if (c->sets == NULL || !host_of(address, who.host))
		return (struct ds_clients_who){{0, 0}, 0};
	who.hash = mix(mix(c->key + who.host[0]) + who.host[1]) | UINT64_C(1) << 63;
	__builtin_prefetch(&c->sets[(uint32_t)who.hash & c->mask], 1);
	return who;
}

/* Which place is this host's, or gives way to it. */
static unsigned place_for(struct ds_clients *c, struct ds_clients_set *set,
			  const struct ds_clients_who *who, uint32_t tick)
{
	uint16_t tag = (uint16_t)(who->hash >> 48 | 1);
	unsigned oldest = 0;

	for (unsigned i = 0; i < DS_CLIENTS_WAYS; i++)
		if (set->tags[i] == tag && set->records[i].host[0] == who->host[0] &&
		    set->records[i].host[1] == who->host[1])
			return i;
	for (unsigned i = 0; i < DS_CLIENTS_WAYS && set->tags[oldest] != 0; i++)
		if (set->tags[i] == 0 || set->last[i] < set->last[oldest])
			oldest = i;
	c->replaced += set->tags[oldest] != 0;
	set->tags[oldest] = tag;
	set->last[oldest] = tick;
	set->interval[oldest] = 0;
	set->records[oldest] = (struct record){.host = {who->host[0], who->host[1]}};
	return oldest;
}

/* A packet may have come before the table was there. */
static uint32_t tick_of(const struct ds_clients *c, int64_t raw_ns)
{
	int64_t since_ns = raw_ns - c->started_raw_ns;

	return since_ns > 0 ? (uint32_t)(since_ns / (NS_PER_S / TICKS_PER_S)) : 0;
}

/* As `interval` has it; between powers of two on a straight line (at most 0.09 off). */
static uint16_t log2_of(uint32_t ticks)
{
	unsigned power;

	if (ticks == 0)
		return LOG2_LEAST * LOG2_UNIT;
	power = 31U - (unsigned)__builtin_clz(ticks);
	return (uint16_t)((power + LOG2_OF_TICK) * LOG2_UNIT + (ticks << (31 - power) << 1 >> 24));
}

/* Packets are not told of in the order of their stamps: those of a batch, of two sockets. */
static void note_interval(struct ds_clients_set *set, unsigned i, uint32_t tick)
{
	int is = log2_of(tick > set->last[i] ? tick - set->last[i] : 0);
	int was = set->interval[i];

	set->interval[i] = (uint16_t)(was == 0 ? is : was + (is - was) / MEMORY);
}

void ds_clients_note(struct ds_clients *c, const struct ds_clients_who *who,
		     enum ds_client_what what, int64_t raw_ns)
{
	struct ds_clients_set *set;
	const uint32_t *count;
	uint32_t tick;
	unsigned i;

	if (who->hash == 0)
		return;
	set = &c->sets[(uint32_t)who->hash & c->mask];
	tick = tick_of(c, raw_ns);
	i = place_for(c, set, who, tick);
	count = set->records[i].count;
	if ((count[0] | count[1] | count[2] | count[3]) != 0)
		note_interval(set, i, tick);
	if (tick > set->last[i])
		set->last[i] = tick;
	if (count[what] < UINT32_MAX)
		set->records[i].count[what]++;
}

uint32_t ds_clients_places(const struct ds_clients *c)
{
	return c->sets != NULL ? (c->mask + 1) * DS_CLIENTS_WAYS : 0;
}

static bool is_used(const struct ds_clients *c, uint32_t place)
{
	return c->sets[place / DS_CLIENTS_WAYS].tags[place % DS_CLIENTS_WAYS] != 0;
}

uint32_t ds_clients_kept(const struct ds_clients *c)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < ds_clients_places(c); i++)
		kept += is_used(c, i);
	return kept;
}

static void tell_address(const uint64_t host[2], union ds_address *address)
{
	struct in6_addr six;

	memcpy(&six, host, sizeof six);
	if (IN6_IS_ADDR_V4MAPPED(&six)) {
		address->in.sin_family = AF_INET;
		memcpy(&address->in.sin_addr, &six.s6_addr[12], 4);
		return;
	}
	address->in6.sin6_family = AF_INET6;
	address->in6.sin6_addr = six;
}

bool ds_clients_get(const struct ds_clients *c, uint32_t place, int64_t raw_ns,
		    struct ds_client_seen *seen)
{
	const struct ds_clients_set *set;
	const struct record *r;
	unsigned i = place % DS_CLIENTS_WAYS;
	int of_second;
	uint32_t tick;

	memset(seen, 0, sizeof *seen);
	if (place >= ds_clients_places(c) || !is_used(c, place))
		return false;
	set = &c->sets[place / DS_CLIENTS_WAYS];
	r = &set->records[i];
	tell_address(r->host, &seen->address);
	seen->basic = r->count[DS_CLIENT_BASIC];
	seen->interleaved = r->count[DS_CLIENT_INTERLEAVED];
	seen->denied = r->count[DS_CLIENT_DENIED];
	seen->dropped = r->count[DS_CLIENT_DROPPED];
	tick = tick_of(c, raw_ns);
	seen->last_ago_s = tick > set->last[i] ? (tick - set->last[i]) / TICKS_PER_S : 0;
	seen->interval_known = set->interval[i] != 0;
	/* to the nearest; a tick is 2^-2 s */
	of_second = set->interval[i] - (LOG2_OF_TICK + 2) * LOG2_UNIT + LOG2_UNIT / 2;
	seen->interval_log2 = (int8_t)(of_second >= 0 ? of_second / LOG2_UNIT
						      : -((LOG2_UNIT - 1 - of_second) / LOG2_UNIT));
	return true;
}
