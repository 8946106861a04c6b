/*
 * departure: how long packets take from the reading of the clock to the wire.
 * It must never be used to make a stamp: what it gives goes into the transmit field of basic
 * answers, which is a guess by its nature, and makes the guess good.
 *
 * One for each interface and address family. Learns from drivestamps of answers already sent;
 * gives the median of the last DS_DEPARTURE_WINDOW observations, and for the n-th packet of a
 * batch n times the median extra time a packet.
 */
#ifndef DS_CORE_EXCHANGE_DEPARTURE_H
#define DS_CORE_EXCHANGE_DEPARTURE_H

#include <stdbool.h>
#include <stdint.h>

#define DS_DEPARTURE_WINDOW 16
#define DS_DEPARTURE_LEAST  4		    /* observations before anything is claimed */
#define DS_DEPARTURE_MAX_NS INT32_C(100000) /* never correct by more than 100 us */
#define DS_DEPARTURE_INTERVAL_NS                                                                   \
	INT64_C(10000000) /* ask for a drivestamp this often for learning */

struct ds_departure {
	int32_t first_ns[DS_DEPARTURE_WINDOW];
	int32_t step_ns[DS_DEPARTURE_WINDOW];
	uint32_t first_seen; /* observations of packets first in their batch; wraps at 32 to 16 */
	uint32_t step_seen;
	int32_t first_median_ns; /* kept current by _learn */
	int32_t step_median_ns;
	int64_t asked_raw_ns; /* when a drivestamp was last asked for only to learn */
};

void ds_departure_init(struct ds_departure *d);

/* A packet that was `position`-th of its batch (0 first) left delay_ns after the reading.
 * Negative delays and those over a second are not observations: returns false; nor are later
 * packets of a batch before DS_DEPARTURE_LEAST first ones were seen. */
bool ds_departure_learn(struct ds_departure *d, uint32_t position, int64_t delay_ns);

/* Expected time from the reading to departure; 0 while too little is known; at most
 * DS_DEPARTURE_MAX_NS. */
int32_t ds_departure_expected_ns(const struct ds_departure *d, uint32_t position);

/* Is it time to ask for a drivestamp just to learn? True at most once every
 * DS_DEPARTURE_INTERVAL_NS; remembers. */
bool ds_departure_wants(struct ds_departure *d, int64_t raw_ns);

#endif
