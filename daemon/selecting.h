/*
 * selecting: asks which sources tell the time, as it is configured, and says what has changed.
 * It must never write a line into the log twice for the same state of things.
 *
 * Messages that people and tools look for are chrony's, word for word.
 */
#ifndef DS_DAEMON_SELECTING_H
#define DS_DAEMON_SELECTING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/combine.h"
#include "core/clock/reading.h"
#include "core/clock/select.h"
#include "daemon/conf.h"
#include "os/address.h"

/* Why there is nothing to follow. */
enum ds_selecting_lack {
	DS_LACK_NONE, /* there is */
	DS_LACK_SOURCES,
	DS_LACK_MAJORITY,
	DS_LACK_REQUIRED,
	DS_LACK_NUMBER,
};

struct ds_selecting {
	const struct ds_conf *conf;
	int32_t selected;		    /* index of the selected source, -1 */
	uint8_t selections[DS_SOURCES_MAX]; /* enum ds_selection of each, as of the last time */
	uint8_t said;			    /* enum ds_selecting_lack that the log was told of */
	double scores[DS_SOURCES_MAX]; /* how good each is, that of the best being 1; 0: none */
	bool said_false[DS_SOURCES_MAX];
	bool said_loop[DS_SOURCES_MAX];
	struct ds_combiner combiner;
};

void ds_selecting_init(struct ds_selecting *s, const struct ds_conf *conf);

/* candidates, count: as for ds_select(), `combined_before` is filled here; addresses: what to call
 * each in the log. now: the moment of the predictions; interval_ns: as for ds_combine();
 * own: what would be told of us to others. Returns
 * whether there is a time to keep; *combined is written only then. */
struct ds_own {
	uint8_t stratum; /* 0: we have no time */
	int64_t distance_ns;
};
bool ds_selecting_run(struct ds_selecting *s, struct ds_candidate *candidates, uint32_t count,
		      const union ds_address *const *addresses, const struct ds_reading *now,
		      int64_t interval_ns, const struct ds_own *own, struct ds_combined *combined);

/* Another source is to have this place, or none: nothing said of the old one is true of it. What
 * was combined of the old one is found gone by the next run, which has to come before the new one
 * has a sample. */
void ds_selecting_forget(struct ds_selecting *s, uint32_t place);

/* All sources begin anew: what the old weights said is of another time. */
void ds_selecting_restart(struct ds_selecting *s);

#endif
