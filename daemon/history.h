/*
 * history: the last exchanges of each source, accepted or not, as `drivestamp exchanges` shows
 * them. It must never decide anything, and never be read by what keeps time.
 *
 * A ring for each place in the table of sources; the oldest gives way. A place that gets another
 * source begins anew.
 */
#ifndef DS_DAEMON_HISTORY_H
#define DS_DAEMON_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/select.h"
#include "core/exchange/exchange.h"
#include "core/exchange/reason.h"
#include "core/exchange/stamp.h"
#include "os/address.h"

#define DS_HISTORY_RECORDS 32 /* of each source; a power of two */

/* One packet that came for a source, or what a reference clock showed. */
struct ds_history_record {
	int64_t clock_ns;		    /* when it came: nanoseconds since 1970, our clock */
	int64_t t1_ns, t2_ns, t3_ns, t4_ns; /* T1, T4: our clock then; T2, T3: the source's */
	int64_t offset_ns;		    /* source minus our clock; positive: ours was slow */
	int64_t delay_ns;		    /* round trip less the source's part */
	int64_t root_delay_ns, root_dispersion_ns; /* as the source states them */
	uint32_t ref_id;			   /* likewise */
	uint8_t reason;		      /* enum ds_reason: DS_R_OK accepted, else why not */
	uint8_t kind;		      /* enum ds_exchange_kind */
	uint8_t mode;		      /* of the packet: 4, 5, 1, 2; 0: a reference clock */
	uint8_t t1_source, t4_source; /* enum ds_stamp_source; who took T2 and T3 is not told */
	uint8_t leap, stratum;	      /* as the source states them */
	int8_t poll_log2;	      /* ours */
	int8_t precision_log2;	      /* the source's */
	bool has_exchange;	      /* false: no four stamps; then T1..delay are 0 */
	bool interleaved;	      /* T3 is a drivestamp */
	bool authenticated;	      /* by a key */
};

/* Since the source has the place. */
struct ds_history_counts {
	uint64_t accepted, refused;
	/* of accepted exchanges with packets, by enum ds_stamp_source */
	uint64_t t1_by[4], t4_by[4];
};

struct ds_history {
	struct ds_history_ring {
		union ds_address address; /* whose records these are */
		struct ds_history_record records[DS_HISTORY_RECORDS];
		uint64_t taken; /* ever: the next record's number */
		struct ds_history_counts counts;
	} rings[DS_SOURCES_MAX];
	/* of all sources that ever had a place, as above */
	uint64_t t1_by[4], t4_by[4];
};

/* place: of the source in the table; one out of range is ignored. address: its; where it is not
 * that of the records before, they are forgotten. *record is copied. */
void ds_history_add(struct ds_history *history, uint32_t place, const union ds_address *address,
		    const struct ds_history_record *record);
/* The `back`-th newest, 0 the newest; NULL where there is none of this source. Good until the next
 * add. */
const struct ds_history_record *ds_history_get(const struct ds_history *history, uint32_t place,
					       const union ds_address *address, uint32_t back);
/* Another source is to have this place, or none, or the same that begins anew. */
void ds_history_forget(struct ds_history *history, uint32_t place);
/* All 0 where this source has not the place. */
void ds_history_count(const struct ds_history *history, uint32_t place,
		      const union ds_address *address, struct ds_history_counts *counts);

#endif
