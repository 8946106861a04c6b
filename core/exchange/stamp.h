/*
 * stamp: one moment at which a packet passed a point of this host, and who saw it.
 * It must never claim a better source than the one that took it, and never let a
 * receive stamp be stored where a transmit stamp belongs: the two are different types.
 *
 * Every moment stands on two scales.
 *   clock_ns  nanoseconds since 1970-01-01 00:00 UTC (no leap seconds counted) on the
 *             clock that the daemon keeps; this is what may go onto the wire.
 *   raw_ns    nanoseconds on the undisturbed scale of the same oscillator
 *             (CLOCK_MONOTONIC_RAW; a modelled oscillator for a virtual clock). It is
 *             never stepped or slewed, so that stamps may be held across corrections of
 *             the clock without being touched: what exchange.md 4.1 calls "slew" is no
 *             event here.
 *
 * A card stamps by a clock of its own; carried over to these scales the stamp may be wrong by what
 * is not known of that clock: error_ns, one standard deviation. What else a stamp is off by (how
 * long before the wire the kernel took it) nobody can tell, and it is not in there.
 *
 * Both fit 64 bits until the year 2262. No function here reads a clock.
 */
#ifndef DS_CORE_EXCHANGE_STAMP_H
#define DS_CORE_EXCHANGE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/exchange/reason.h"

/* Who took a stamp, in rising order of nearness to the wire. The order is used: a stamp is
 * only ever replaced by one of a higher source. */
enum ds_stamp_source {
	DS_STAMP_NONE = 0,     /* no stamp */
	DS_STAMP_DAEMON = 1,   /* the clock read in this process */
	DS_STAMP_KERNEL = 2,   /* SOF_TIMESTAMPING_{RX,TX}_SOFTWARE */
	DS_STAMP_HARDWARE = 3, /* SOF_TIMESTAMPING_RAW_HARDWARE */
};

struct ds_rx_stamp {
	int64_t clock_ns;
	int64_t raw_ns;
	enum ds_stamp_source source;
	uint32_t error_ns; /* 0: of CLOCK_REALTIME itself */
};

struct ds_tx_stamp {
	int64_t clock_ns;
	int64_t raw_ns;
	enum ds_stamp_source source;
	uint32_t error_ns;
};

/* A drivestamp is a transmit stamp that the kernel or the card took. */
static inline bool ds_is_drivestamp(const struct ds_tx_stamp *tx)
{
	return tx->source >= DS_STAMP_KERNEL;
}

/* A drivestamp later than this after the clock read before send() is not believed
 * (exchange.md S9). */
#define DS_DRIVESTAMP_MAX_NS INT64_C(1000000000)

/* May drivestamp better replace stamp held of the same packet? True only where its source is
 * higher and 0 <= better - held <= DS_DRIVESTAMP_MAX_NS on the raw scale; where both are
 * drivestamps the order in time does not matter (a card's stamp converted from its own clock
 * may lie before the kernel's), only the distance. */
bool ds_tx_stamp_improves(const struct ds_tx_stamp *held, const struct ds_tx_stamp *better);

/* A transmit stamp was reported for packet tx_id; *held is of packet held_id. Takes its place and
 * returns DS_R_OK; or DS_R_STAMP_WRONG_ID (another packet's, or none was sent), _DOUBLE (there is
 * a drivestamp of that source already), _IMPLAUSIBLE (see above), and *held is as before. */
enum ds_reason ds_tx_stamp_take(struct ds_tx_stamp *held, uint32_t held_id, uint32_t tx_id,
				const struct ds_tx_stamp *tx);

/* chrony's letter: 'D', 'K', 'H', or '-' for none; and the word ("daemon", "kernel",
 * "hardware", "none"). An impossible value gives '-' and "none". */
char ds_stamp_letter(enum ds_stamp_source source);
const char *ds_stamp_word(enum ds_stamp_source source);

#endif
