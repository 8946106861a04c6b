/*
 * sources: the table of all sources, and the names behind them.
 * It must never hold more than DS_SOURCES_MAX, block for a name, or give two entries of a pool
 * the same address.
 *
 * Sources come and go while the daemon runs. A place that is freed is used again; whoever keeps
 * something by place has to forget it first (forget() in orders.c).
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

/* A `server` or `pool` line: places in the table, filled as the name is resolved. */
struct ds_source_group {
	const struct ds_conf_source *conf; /* NULL: no group */
	uint64_t places;		   /* which are its own, a bit each */
	bool numeric;
	bool offline; /* sources that find a place are not asked */
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
	uint32_t count; /* places up to the last that was ever taken */
	uint64_t taken; /* which are, a bit each: by a group, or reserved */
	struct ds_source_group groups[DS_CONF_SOURCES];
	uint32_t group_count; /* up to the last that was ever there */
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

/* Places that are free; that a line wants; and that it has. */
uint32_t ds_sources_free(const struct ds_sources *sources);
uint32_t ds_sources_wanted(const struct ds_conf_source *conf);
uint32_t ds_sources_held(const struct ds_sources *sources, const struct ds_conf_source *conf);
/* While it runs: a line more, which must stay where it is. Where there are fewer places than it
 * wants it gets these, as at the start, and that is said. Lines on the same name or address are not
 * looked for. */
void ds_sources_add(struct ds_sources *sources, const struct ds_conf_source *conf);
/* The line's sources end, as does what is under way for them. Returns the places that are free now,
 * a bit each. *conf may go or move then. */
uint64_t ds_sources_remove(struct ds_sources *sources, const struct ds_conf_source *conf);
/* One place of a line of several: the line has one less. */
void ds_sources_remove_place(struct ds_sources *sources, uint32_t place);
/* All lines behind `gone` are to move down by one: *gone is no longer used. */
void ds_sources_lines_move(struct ds_sources *sources, const struct ds_conf_source *gone);
/* Which group a place belongs to; NULL: none, or another room's. */
struct ds_source_group *ds_sources_group_of(struct ds_sources *sources, uint32_t place);
/* All of a group, those that it has and those that it will have; or one place alone. */
void ds_sources_set_offline(struct ds_sources *sources, struct ds_source_group *group,
			    bool offline);
void ds_sources_set_place_offline(struct ds_sources *sources, uint32_t place, bool offline);

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
/* The raw scale moved, by too little to be told: what was measured on it goes, and all else goes
 * on. */
void ds_sources_forget_samples(struct ds_sources *sources);

/* Every source has finished its burst, or cannot (for -q and -Q). */
bool ds_sources_settled(const struct ds_sources *sources);

#endif
