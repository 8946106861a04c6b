/*
 * reference: what may be told to others about our time: whether we have it, from whom, how good.
 * It must never steer a clock or choose a source; and never claim more than the last update
 * gave, less what has been lost since.
 */
#ifndef DS_DAEMON_REFERENCE_H
#define DS_DAEMON_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/combine.h"
#include "core/exchange/server.h"
#include "daemon/conf.h"
#include "os/clock.h"

/* Read it; only the functions below write it. */
struct ds_reference {
	const struct ds_conf *conf;
	const struct ds_clock *clock;
	bool synchronised;
	bool was_near;		       /* the root distance was below `local activate` once */
	int64_t unsynchronised_raw_ns; /* since when it is not, where it is not */
	uint8_t leap, stratum;
	uint32_t ref_id;
	int64_t root_delay_ns;
	int64_t root_dispersion_ns; /* at updated_raw_ns */
	int64_t updated_raw_ns;
	int64_t updated_clock_ns;
	double skew_ppb; /* how well the frequency in force is known; DS_UNKNOWN_SKEW_PPB at first
			  */
};

#define DS_UNKNOWN_SKEW_PPB 1e6 /* shown until the frequency is known */

/* Both are kept, and must outlive it. */
void ds_reference_init(struct ds_reference *ref, const struct ds_conf *conf,
		       const struct ds_clock *clock, const struct ds_reading *now);

/* The system's variables after a selection (RFC 5905 section 11.2.3). best: the selected source.
 */
void ds_reference_take(struct ds_reference *ref, const struct ds_candidate *best,
		       const struct ds_combined *combined, const struct ds_reading *now);

/* The time is no longer known (the host slept). */
void ds_reference_lose(struct ds_reference *ref, const struct ds_reading *now);

/* The least root distance that others were told of a time that they have from us, or would be told
 * now: what the last update gave, and what clocks and the frequency in force may have lost since.
 */
int64_t ds_reference_least_distance_ns(const struct ds_reference *ref,
				       const struct ds_reading *now);

/* What answers say of us now: what was last taken, if its root distance is below 16 s and `local`
 * does not stand in for it (chrony.conf(5): `distance`, `waitsynced`, `waitunsynced`, `activate`);
 * else that we have no time. lost_ns: by how much further than at the last update the clock may be
 * from the truth now: what is not known of it any more, and what is still to be slewed off; 0 or
 * more. */
void ds_reference_server_state(const struct ds_reference *ref, const struct ds_reading *now,
			       int64_t lost_ns, struct ds_server_state *state);

#endif
