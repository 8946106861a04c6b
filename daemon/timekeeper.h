/*
 * timekeeper: carries what the sources say together to the clock, and to what others are told.
 * It must never look into a packet or a socket.
 */
#ifndef DS_DAEMON_TIMEKEEPER_H
#define DS_DAEMON_TIMEKEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/combine.h"
#include "core/clock/discipline.h"
#include "core/clock/holdover.h"
#include "core/clock/select.h"
#include "core/exchange/server.h"
#include "daemon/bounds.h"
#include "daemon/conf.h"
#include "daemon/leaping.h"
#include "daemon/reference.h"
#include "daemon/selecting.h"
#include "os/clock.h"

struct ds_timekeeper {
	const struct ds_conf *conf;
	struct ds_clock *clock;
	struct ds_discipline discipline;
	bool steer; /* false under -x: everything is worked out, nothing is applied */

	bool quiet; /* whoever owns this says how wrong the clock is (-q, -Q) */
	struct ds_selecting selecting;
	struct ds_reference reference;
	struct ds_bounds bounds;
	struct ds_holdover holdover;
	struct ds_leaping leaping;
	int64_t last_offset_ns;	    /* of the last update; positive: the clock was slow */
	double mean_square_ns2;	    /* of offsets of updates, fading */
	int64_t update_interval_ns; /* between the last two; 0: there were not two */
	uint64_t updates;
	bool stepped; /* the last update stepped the clock: saved stamps are of another time */

	int64_t due_monotonic_ns; /* next ds_timekeeper_timer(), INT64_MAX */
	int64_t drift_due_monotonic_ns;
	int64_t suspended_ns; /* ds_suspended_ns() as last seen */
	bool drift_changed;
	int64_t put_back_due_ns; /* CLOCK_MONOTONIC: that a PHC was set is not said before */
	int32_t changes_refused; /* offsets over maxchange that were ignored */
	bool give_up;		 /* maxchange: one too many; the daemon has to end */
};

/* clock is open; the drift file is read here. steer: corrections are applied to `clock`. page:
 * where the bound is told; open, or zero. */
void ds_timekeeper_init(struct ds_timekeeper *tk, const struct ds_conf *conf,
			struct ds_clock *clock, bool steer, struct ds_bound_page *page);

/* A source has a new sample. candidates as for ds_select(), predictions at reading->raw_ns.
 * interval_ns: about how long until the next. names: what to call each source in the log. */
struct ds_timekeeper_input {
	struct ds_candidate *candidates;
	uint32_t count;
	int64_t interval_ns;
	const union ds_address *addresses[DS_SOURCES_MAX];
	bool smeared[DS_SOURCES_MAX]; /* whose reference id is DS_SMOOTH_REF_ID */
};
/* Returns whether there was an update; the clock is corrected then. */
bool ds_timekeeper_update(struct ds_timekeeper *tk, struct ds_timekeeper_input *input);

/* Somebody orders that what is left of the offset is stepped, now. False where the clock is not
 * ours, has nothing to be stepped to, or cannot be stepped; `why` (DS_TIMEKEEPER_WHY bytes) says
 * which. *offset_ns: by how much it was; 0: there was nothing left, and it was not. */
#define DS_TIMEKEEPER_WHY 128
bool ds_timekeeper_step(struct ds_timekeeper *tk, int64_t *offset_ns, char *why);

/* Another source is to have this place of the table, or none. */
void ds_timekeeper_forget(struct ds_timekeeper *tk, uint32_t place);

/* The correction under way comes to an end. */
void ds_timekeeper_timer(struct ds_timekeeper *tk);

/* While the clock is steered ds_timekeeper_check() has to be called at least this often: a clock
 * that somebody else has set is wrong until then. */
#define DS_TIMEKEEPER_CHECK_NS INT64_C(8000000000)

/* The timer of leap seconds. Returns whether the clock was stepped: saved stamps are of another
 * time. Before candidates are filled in: samples and clock step together. */
bool ds_timekeeper_leap(struct ds_timekeeper *tk);

/* Was the clock set by others since the last call, or did the host sleep? Says so in the log, and
 * brings the clock back, or takes it as it stands after a sleep. Returns what happened; the
 * callers' saved stamps are of another time then, and after a sleep so are the samples. */
enum ds_disturbance { DS_UNDISTURBED, DS_CLOCK_WAS_SET, DS_HOST_SLEPT };
enum ds_disturbance ds_timekeeper_check(struct ds_timekeeper *tk);

/* At the end: no slew may outlive the daemon. Writes the drift file. */
void ds_timekeeper_close(struct ds_timekeeper *tk);

/* What answers say of us now. */
void ds_timekeeper_server_state(const struct ds_timekeeper *tk, const struct ds_reading *now,
				struct ds_server_state *state);

/* What is served at that moment, minus our clock: 0 without `smoothtime`. Both scales of `at` are
 * of the same moment, which may be past. */
int64_t ds_timekeeper_served_minus_clock_ns(const struct ds_timekeeper *tk,
					    const struct ds_reading *at);

/* The clock minus the raw scale and the frequency in force, for exchanges and logs. */
double ds_timekeeper_freq_ppb(const struct ds_timekeeper *tk);

/* What the clock is called in messages: "System", "PHC", "Shadow". Static. */
const char *ds_timekeeper_clock_name(const struct ds_timekeeper *tk);

/* Write the drift file if it is due. */
void ds_timekeeper_save_drift(struct ds_timekeeper *tk);

#endif
