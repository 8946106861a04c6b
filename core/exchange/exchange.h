/*
 * exchange: four stamps of the same two packets, and what they say of two clocks.
 * It must never be made by hand: the makers below are the only ones, and they check. Nothing
 * downstream may ask whether the exchange came from one round trip or was completed by the
 * next packet, except to write it into a log.
 *
 * T1 request leaves us, T2 it arrives there, T3 the response leaves there, T4 it arrives here
 * (RFC 5905 section 8; RFC 9769 section 2 for the two interleaved sets).
 */
#ifndef DS_CORE_EXCHANGE_EXCHANGE_H
#define DS_CORE_EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/exchange/reason.h"
#include "core/exchange/stamp.h"

enum ds_exchange_kind {
	DS_EXCHANGE_BASIC = 0, /* T1..T4 of one round trip; T3 is the server's guess */
	DS_EXCHANGE_SET1 =
		1, /* interleaved: T1, T2, T4 of the previous round trip, T3 its drivestamp */
	DS_EXCHANGE_SET2 = 2, /* interleaved: T1, T2 of this round trip; T3, T4 of the previous */
	DS_EXCHANGE_BROADCAST = 3, /* T3 and T4 of a broadcast; T1, T2 as a known delay has them */
	DS_EXCHANGE_BROADCAST_DRIVESTAMP =
		4,		  /* the same of the broadcast before; T3 its drivestamp */
	DS_EXCHANGE_REFCLOCK = 5, /* no packets: what a reference clock showed at T4 */
};

/* Was T3 a drivestamp? For logs. */
static inline bool ds_exchange_is_interleaved(enum ds_exchange_kind kind)
{
	return kind != DS_EXCHANGE_BASIC && kind != DS_EXCHANGE_BROADCAST &&
	       kind != DS_EXCHANGE_REFCLOCK;
}

/* What the server said of itself in the packet that completed the exchange. */
struct ds_remote {
	uint8_t leap;	 /* enum ds_leap, never unsynchronised */
	uint8_t stratum; /* 1..15; of a reference clock 0..15 */
	int8_t poll_log2;
	int8_t precision_log2;
	uint32_t ref_id;
	int64_t root_delay_ns;
	int64_t root_dispersion_ns;
	int64_t reference_ns; /* 0 where the field was zero */
};

struct ds_exchange {
	enum ds_exchange_kind kind;
	struct ds_tx_stamp t1;
	int64_t t2_ns; /* the server's clock, nanoseconds since 1970 */
	int64_t t3_ns;
	struct ds_rx_stamp t4;
	struct ds_remote remote;

	/* What follows from them. */
	/* Server minus our clock at T4; positive: ours is slow. The server's clock is carried from
	 * the midpoint to T4 at freq_ppb. */
	int64_t offset_ns;
	int64_t delay_ns;	     /* round trip less the server's part; >= 0 */
	int64_t unproved_ns;	     /* by so much more may the offset be wrong: ds_ptp_correct() */
	int64_t raw_ns;		     /* midpoint of T1 and T4 on the raw scale */
	int64_t server_minus_raw_ns; /* server's clock minus the raw scale at that midpoint */
};

/* By how much the clock runs ahead of the raw scale in an interval of it. A frequency beyond
 * 2e8 ppb (nobody has such a clock) or NaN gives 0. */
int64_t ds_gained_ns(int64_t raw_interval_ns, double freq_ppb);

/* A server that holds a packet longer than this between T2 and T3 of one round trip is not
 * believed (exchange.md S6); not applied to set 2, whose interval is a poll. */
#define DS_PROCESSING_MAX_NS INT64_C(4000000000)
/* A peer answers at its own poll, up to 2^17 s after it received (RFC 5905 section 7.2: MAXPOLL).
 */
#define DS_HOLD_MAX_NS (INT64_C(1000000000) << 17)
/* A delay below minus this cannot be explained by the grain of two clocks. */
#define DS_DELAY_GRAIN_NS INT64_C(100000)

/* Make an exchange. freq_ppb is the clock's present frequency correction against the raw
 * scale, in parts per billion (|freq_ppb| < 2e8): it turns intervals on the raw scale into
 * intervals of the clock, which matters for set 2 alone, where they are a poll long.
 * Returns
 *   DS_R_OK              *exchange is complete; delays from -DS_DELAY_GRAIN_NS to 0 become 0
 *   DS_R_DELAY_NEGATIVE  T4 < T1 or T3 < T2 in basic and set 1 (for set 2 the reverse: T1 < T4 or
 *                        T2 < T3), or a delay below -DS_DELAY_GRAIN_NS. Of the server's two
 *                        stamps only what is more than the precision it states (at least 1 us,
 *                        at most DS_DELAY_GRAIN_NS): servers fill the bits below with noise
 *   DS_R_PROCESSING_MAX  see above
 *   DS_R_STAMP_MISSING   T1 or T4 is of no source
 * and writes *exchange only for DS_R_OK. */
enum ds_reason ds_exchange_make(struct ds_exchange *exchange, enum ds_exchange_kind kind,
				const struct ds_tx_stamp *t1, int64_t t2_ns, int64_t t3_ns,
				const struct ds_rx_stamp *t4, const struct ds_remote *remote,
				double freq_ppb);

/* The same for a host that may hold a packet longer than a server does. hold_max_ns takes the place
 * of DS_PROCESSING_MAX_NS. */
enum ds_reason ds_exchange_make_held(struct ds_exchange *exchange, enum ds_exchange_kind kind,
				     const struct ds_tx_stamp *t1, int64_t t2_ns, int64_t t3_ns,
				     const struct ds_rx_stamp *t4, const struct ds_remote *remote,
				     double freq_ppb, int64_t hold_max_ns);

/* A broadcast, whose way there and back is known to take delay_ns (0 to DS_DELAY_ONE_WAY_MAX_NS):
 * the exchange that would have been, had a request arrived as the broadcast left. Its T1 is
 * computed, and says so by its source: DS_STAMP_NONE. kind: one of the two of broadcasts.
 * DS_R_DELAY_NEGATIVE for a delay out of range, or stamps that 64 bits cannot compare. */
#define DS_DELAY_ONE_WAY_MAX_NS INT64_C(16000000000)
enum ds_reason ds_exchange_make_broadcast(struct ds_exchange *exchange, enum ds_exchange_kind kind,
					  int64_t t3_ns, const struct ds_rx_stamp *t4,
					  int64_t delay_ns, const struct ds_remote *remote,
					  double freq_ppb);

/* What a reference clock showed when this host's clock showed `local`: reference_ns, in nanoseconds
 * since 1970. No packet went anywhere, so that all four moments are one and noise has two sides;
 * delay_ns (0 to DS_DELAY_ONE_WAY_MAX_NS) is what the clock's owner allows for the way to it, and
 * moves nothing. What it may be wrong by besides is remote->root_dispersion_ns. T1 is of no source.
 * DS_R_STAMP_MISSING where `local` is of no source, DS_R_DELAY_NEGATIVE for a delay out of range,
 * or moments that 64 bits cannot compare. */
enum ds_reason ds_exchange_make_refclock(struct ds_exchange *exchange, int64_t reference_ns,
					 const struct ds_rx_stamp *local, int64_t delay_ns,
					 const struct ds_remote *remote);

#endif
