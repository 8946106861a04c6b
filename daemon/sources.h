/*
 * sources: the table of all sources, and the names behind them.
 * It must never hold more than DS_SOURCES_MAX, block for a name, or give two entries of a pool
 * the same address.
 */
#ifndef DS_DAEMON_SOURCES_H
#define DS_DAEMON_SOURCES_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/identity.h"
#include "daemon/source.h"
#include "daemon/timekeeper.h"
#include "os/resolve.h"

/* A `server` or `pool` line: a range of places in the table, filled as the name is resolved. */
struct ds_source_group {
	const struct ds_conf_source *conf; /* NULL: the group was removed */
	uint8_t first, count;
	bool numeric;
	bool looking; /* a lookup is under way */
	bool wanted;  /* the name is to be looked up */
	bool said_failed;
	int64_t retry_ns; /* not before */
	int64_t backoff_ns;
};

/* A name that is being looked up. */
struct ds_lookup {
	struct ds_resolution resolution; /* child 0: free */
	uint32_t group;
	int64_t give_up_ns;
};
#define DS_LOOKUPS 8 /* at once; the other names wait */

struct ds_sources {
	struct ds_source_context context;
	struct ds_source table[DS_SOURCES_MAX];
	uint32_t count;
	bool offline[DS_SOURCES_MAX];	 /* places that are not asked */
	bool given_back[DS_SOURCES_MAX]; /* below count, and nobody's */
	struct ds_source_group groups[DS_CONF_SOURCES];
	uint32_t group_count;
	struct ds_lookup lookups[DS_LOOKUPS];
	struct ds_identity identity;
	struct ds_socket keeper[2]; /* keep the kernel stamping what arrives; IPv4, IPv6 */
	int64_t started_ns;
	int64_t not_before_ns; /* of the next request: those to different servers keep a distance */
	uint64_t full;	       /* addresses that found no place */
	bool news;	       /* a peer's packet at the server's port made a sample */
};

/* At start-up. A numeric address is asked at once, a name is looked up first. */
void ds_sources_init(struct ds_sources *sources, const struct ds_source_context *context);
/* Empty places for sources that others start (`conf->max_sources`, or as many as there are);
 * returns how many, from what `count` was on. At start-up. */
uint32_t ds_sources_reserve(struct ds_sources *sources, const struct ds_conf_source *conf);
void ds_sources_close(struct ds_sources *sources);

/* At run time. conf is kept, and must stay as it is until the group is gone: see
 * ds_sources_conf_is_used(). False: there is no place for any of it. */
bool ds_sources_add(struct ds_sources *sources, const struct ds_conf_source *conf);
/* Group i, and all that was measured; its places are given to others. The caller tells selection.
 */
void ds_sources_remove(struct ds_sources *sources, uint32_t i);
/* One address of a pool alone; a name that is looked up again may bring it back. */
void ds_sources_drop(struct ds_sources *sources, uint32_t place);
bool ds_sources_conf_is_used(const struct ds_sources *sources, const struct ds_conf_source *conf);
/* Ask this place, or not any more. */
void ds_sources_set_online(struct ds_sources *sources, uint32_t place, bool online);
/* good of at most `most` measurements, soon. False: this kind is not asked. */
bool ds_sources_burst(struct ds_sources *sources, uint32_t place, uint8_t good, uint8_t most);

/* What poll() is to watch: fills at most `room` entries and returns how many; `who` names each
 * for ds_sources_handle(). */
#define DS_SOURCES_LOOKUP  UINT32_C(0x10000) /* and the index of a lookup; below it, of a source */
#define DS_SOURCES_WATCHED (DS_SOURCES_MAX + DS_LOOKUPS) /* entries at most */
uint32_t ds_sources_watch(const struct ds_sources *sources, struct pollfd *fds, uint32_t *who,
			  uint32_t room);
/* Returns whether there is a new sample. */
bool ds_sources_handle(struct ds_sources *sources, uint32_t who, short revents);

int64_t ds_sources_next_ns(const struct ds_sources *sources);
bool ds_sources_run(struct ds_sources *sources, int64_t now_ns);

/* Candidates for selection, with predictions for this moment. `candidates`: DS_SOURCES_MAX. */
void ds_sources_candidates(struct ds_sources *sources, const struct ds_reading *now,
			   struct ds_candidate *candidates, struct ds_timekeeper_input *input);

/* Soon after the start, and some source has had no chance to answer yet: whoever follows the first
 * that does may follow a falseticker. */
bool ds_sources_starting(const struct ds_sources *sources, int64_t now_ns);

/* The host slept: every source begins anew, soon. */
void ds_sources_restart(struct ds_sources *sources);

/* Every source has finished its burst, or cannot (for -q and -Q). */
bool ds_sources_settled(const struct ds_sources *sources);

#endif
