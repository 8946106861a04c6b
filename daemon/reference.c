/* reference: see reference.h. */
#include "daemon/reference.h"

#include <math.h>
#include <string.h>

#include "core/clock/scale.h"

#define NS_PER_S      INT64_C(1000000000)
#define DISTANT_S     16.0		   /* nobody is told of a time that is wrong by so much */
#define ORPHAN_WAIT_S 300.0		   /* real sources have so long to be found */
#define LOCAL_REF_ID  UINT32_C(0x7F7F0101) /* 127.127.1.1 */

void ds_reference_init(struct ds_reference *ref, const struct ds_conf *conf,
		       const struct ds_clock *clock, const struct ds_reading *now)
{
	memset(ref, 0, sizeof *ref);
	ref->conf = conf;
	ref->clock = clock;
	ref->leap = DS_LEAP_UNSYNCHRONISED;
	ref->skew_ppb = DS_UNKNOWN_SKEW_PPB;
	ref->unsynchronised_raw_ns = now->raw_ns;
}

static double distance_s(int64_t root_delay_ns, int64_t root_dispersion_ns)
{
	return ((double)root_delay_ns / 2.0 + (double)root_dispersion_ns) * 1e-9;
}

void ds_reference_take(struct ds_reference *ref, const struct ds_candidate *best,
		       const struct ds_combined *combined, const struct ds_reading *now)
{
	ref->synchronised = true;
	ref->leap = combined->leap;
	ref->stratum = (uint8_t)(best->stratum + 1);
	ref->ref_id = best->ref_id;
	ref->root_delay_ns = best->root_delay_ns;
	ref->root_dispersion_ns = best->root_dispersion_ns +
				  (int64_t)hypot(combined->sd_ns, combined->systematic_sd_ns);
	ref->updated_raw_ns = now->raw_ns;
	ref->updated_clock_ns = now->clock_ns;
	if (isfinite(combined->freq_sd_ppb))
		ref->skew_ppb = combined->freq_sd_ppb;
	if (distance_s(ref->root_delay_ns, ref->root_dispersion_ns) < ref->conf->local_activate_s)
		ref->was_near = true;
}

void ds_reference_lose(struct ds_reference *ref, const struct ds_reading *now)
{
	ref->synchronised = false;
	ref->unsynchronised_raw_ns = now->raw_ns;
}

int64_t ds_reference_least_distance_ns(const struct ds_reference *ref, const struct ds_reading *now)
{
	double rate_ppb = ref->conf->max_clock_error_ppm * 1e3 + fmin(ref->skew_ppb, 500e3);
	double grown_ns = (double)(now->raw_ns - ref->updated_raw_ns) * rate_ppb * 1e-9;

	return ds_ns_plus(ref->root_delay_ns / 2 + ref->root_dispersion_ns, grown_ns);
}

/* What was taken last, as it stands now. False: it is too old to be told. */
static bool taken_state(const struct ds_reference *ref, int64_t lost_ns,
			struct ds_server_state *state)
{
	state->leap = ref->leap;
	state->stratum = ref->stratum;
	state->ref_id = ref->ref_id;
	state->root_delay_ns = ref->root_delay_ns;
	state->root_dispersion_ns = ds_ns_plus(ref->root_dispersion_ns, (double)lost_ns);
	/* Whole seconds: no receive stamp may be read from it (RFC 9769 section 6). */
	state->reference_ns = ref->updated_clock_ns - ref->updated_clock_ns % NS_PER_S;
	return ref->synchronised && ref->stratum < 16 &&
	       distance_s(state->root_delay_ns, state->root_dispersion_ns) <= DISTANT_S;
}

/* Does `local` stand in? state: what was taken last, if there is any. */
static bool is_local(const struct ds_reference *ref, const struct ds_reading *now,
		     const struct ds_server_state *taken)
{
	const struct ds_conf *conf = ref->conf;
	double wait_s = conf->local_wait_unsynced_s;

	if (!conf->local || (conf->local_activate_s > 0.0 && !ref->was_near))
		return false;
	if (wait_s < 0.0)
		wait_s = conf->local_orphan ? ORPHAN_WAIT_S : 0.0;
	if (taken == NULL)
		return (double)(now->raw_ns - ref->unsynchronised_raw_ns) * 1e-9 >= wait_s;
	return distance_s(taken->root_delay_ns, taken->root_dispersion_ns) >=
		       conf->local_distance_s &&
	       (double)(now->raw_ns - ref->updated_raw_ns) * 1e-9 >= conf->local_wait_synced_s;
}

void ds_reference_server_state(const struct ds_reference *ref, const struct ds_reading *now,
			       int64_t lost_ns, struct ds_server_state *state)
{
	int precision_log2 = (int)ceil(log2((double)ref->clock->precision_ns * 1e-9));
	struct ds_server_state taken = {0};
	bool has = taken_state(ref, lost_ns, &taken);

	memset(state, 0, sizeof *state);
	state->leap = DS_LEAP_UNSYNCHRONISED;
	if (is_local(ref, now, has ? &taken : NULL)) {
		state->leap = DS_LEAP_NONE;
		state->stratum = ref->conf->local_stratum;
		state->ref_id = LOCAL_REF_ID;
		/* No clock is read better than its grain (RFC 5905 section 11.1); on the wire that
		 * is a unit of 15 us, which also covers what the guess in the transmit field of a
		 * basic answer may claim too much. */
		state->root_dispersion_ns = ref->clock->precision_ns;
		state->reference_ns = now->clock_ns - now->clock_ns % NS_PER_S - NS_PER_S;
	} else if (has) {
		*state = taken;
	}
	state->precision_log2 = (int8_t)(precision_log2 < -30 ? -30 : precision_log2);
}
