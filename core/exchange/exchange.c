/*
 * exchange: the arithmetic of four stamps, on the raw scale.
 * It must never write an exchange that did not pass every test below.
 */
#include "core/exchange/exchange.h"

#include <math.h>
#include <stdbool.h>

#define FREQ_MOST_PPB  2e8
#define GRAIN_LEAST_NS 1e3

int64_t ds_gained_ns(int64_t raw_interval_ns, double freq_ppb)
{
	/* Nobody has such a clock; a NaN must not become an integer. */
	if (!(fabs(freq_ppb) < FREQ_MOST_PPB))
		return 0;
	return llround((double)raw_interval_ns * freq_ppb * 1e-9);
}

/* How far the server's two stamps may seem to be out of order: servers fill the bits below the
 * precision they state with noise. */
static int64_t grain_ns(const struct ds_remote *remote)
{
	double grain = ldexp(1e9, remote->precision_log2);

	return (int64_t)fmin(fmax(grain, GRAIN_LEAST_NS), (double)DS_DELAY_GRAIN_NS);
}

/* exchange.md S6: in basic and set 1 both hosts see the request first; in set 2 the request is
 * of the next round trip, so both see it last. */
static bool in_order(const struct ds_exchange *e, int64_t local_ns, int64_t remote_ns)
{
	int64_t grain = grain_ns(&e->remote);

	if (e->kind == DS_EXCHANGE_SET2)
		return local_ns <= 0 && remote_ns <= grain;
	return local_ns >= 0 && remote_ns >= -grain;
}

/* Sets what follows from the four stamps; false if it cannot be told in 64 bits, which only a
 * forged stamp brings about. */
static bool derive(struct ds_exchange *e, int64_t local_ns, double freq_ppb)
{
	int64_t at_request_ns;
	int64_t at_response_ns;
	int64_t spread_ns;
	int64_t clock_minus_raw_ns;
	int64_t half_ns = local_ns / 2;

	if (__builtin_sub_overflow(e->t2_ns, e->t1.raw_ns, &at_request_ns) ||
	    __builtin_sub_overflow(e->t3_ns, e->t4.raw_ns, &at_response_ns) ||
	    __builtin_sub_overflow(at_response_ns, at_request_ns, &spread_ns) ||
	    __builtin_sub_overflow(e->t4.clock_ns, e->t4.raw_ns, &clock_minus_raw_ns))
		return false;
	e->raw_ns = e->t1.raw_ns + half_ns;
	e->server_minus_raw_ns = at_request_ns + spread_ns / 2;
	/* From the midpoint to T4 the server's clock gains on the raw scale. */
	return !__builtin_sub_overflow(e->server_minus_raw_ns +
					       ds_gained_ns(local_ns - half_ns, freq_ppb),
				       clock_minus_raw_ns, &e->offset_ns);
}

enum ds_reason ds_exchange_make_held(struct ds_exchange *exchange, enum ds_exchange_kind kind,
				     const struct ds_tx_stamp *t1, int64_t t2_ns, int64_t t3_ns,
				     const struct ds_rx_stamp *t4, const struct ds_remote *remote,
				     double freq_ppb, int64_t hold_max_ns)
{
	struct ds_exchange e = {.kind = kind,
				.t1 = *t1,
				.t2_ns = t2_ns,
				.t3_ns = t3_ns,
				.t4 = *t4,
				.remote = *remote};
	int64_t local_ns;
	int64_t remote_ns;

	if (t1->source == DS_STAMP_NONE || t4->source == DS_STAMP_NONE)
		return DS_R_STAMP_MISSING;
	if (__builtin_sub_overflow(t4->raw_ns, t1->raw_ns, &local_ns) ||
	    __builtin_sub_overflow(t3_ns, t2_ns, &remote_ns) || !in_order(&e, local_ns, remote_ns))
		return DS_R_DELAY_NEGATIVE;
	if (kind != DS_EXCHANGE_SET2 && remote_ns > hold_max_ns)
		return DS_R_PROCESSING_MAX;
	if (__builtin_add_overflow(local_ns, ds_gained_ns(local_ns, freq_ppb), &e.delay_ns) ||
	    __builtin_sub_overflow(e.delay_ns, remote_ns, &e.delay_ns) ||
	    e.delay_ns < -DS_DELAY_GRAIN_NS || !derive(&e, local_ns, freq_ppb))
		return DS_R_DELAY_NEGATIVE;
	if (e.delay_ns < 0)
		e.delay_ns = 0;
	*exchange = e;
	return DS_R_OK;
}

enum ds_reason ds_exchange_make(struct ds_exchange *exchange, enum ds_exchange_kind kind,
				const struct ds_tx_stamp *t1, int64_t t2_ns, int64_t t3_ns,
				const struct ds_rx_stamp *t4, const struct ds_remote *remote,
				double freq_ppb)
{
	return ds_exchange_make_held(exchange, kind, t1, t2_ns, t3_ns, t4, remote, freq_ppb,
				     DS_PROCESSING_MAX_NS);
}

enum ds_reason ds_exchange_make_broadcast(struct ds_exchange *exchange, enum ds_exchange_kind kind,
					  int64_t t3_ns, const struct ds_rx_stamp *t4,
					  int64_t delay_ns, const struct ds_remote *remote,
					  double freq_ppb)
{
	struct ds_exchange e = {.kind = kind,
				.t2_ns = t3_ns,
				.t3_ns = t3_ns,
				.t4 = *t4,
				.remote = *remote,
				.delay_ns = delay_ns};

	if (delay_ns < 0 || delay_ns > DS_DELAY_ONE_WAY_MAX_NS ||
	    __builtin_sub_overflow(t4->raw_ns, delay_ns, &e.t1.raw_ns) ||
	    __builtin_sub_overflow(t4->clock_ns, delay_ns, &e.t1.clock_ns) ||
	    !derive(&e, delay_ns, freq_ppb))
		return DS_R_DELAY_NEGATIVE;
	*exchange = e;
	return DS_R_OK;
}

enum ds_reason ds_exchange_make_refclock(struct ds_exchange *exchange, int64_t reference_ns,
					 const struct ds_rx_stamp *local, int64_t delay_ns,
					 const struct ds_remote *remote)
{
	struct ds_exchange e = {.kind = DS_EXCHANGE_REFCLOCK,
				.t1 = {.clock_ns = local->clock_ns, .raw_ns = local->raw_ns},
				.t2_ns = reference_ns,
				.t3_ns = reference_ns,
				.t4 = *local,
				.remote = *remote,
				.delay_ns = delay_ns};

	if (local->source == DS_STAMP_NONE)
		return DS_R_STAMP_MISSING;
	if (delay_ns < 0 || delay_ns > DS_DELAY_ONE_WAY_MAX_NS || !derive(&e, 0, 0.0))
		return DS_R_DELAY_NEGATIVE;
	*exchange = e;
	return DS_R_OK;
}
