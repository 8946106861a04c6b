/*
 * record: measurements.log, statistics.log, selection.log, tracking.log, refclocks.log with
 * chrony's columns, stamps.log, shadow.log and bound.log. It must never stop the daemon: a file
 * that cannot be written is said once and left.
 *
 * Columns as chrony.conf(5) describes them under `log`, so that converters and plots go on to
 * work. Signs: a measured offset is positive where our clock is slow (measurements.log); in
 * statistics.log and tracking.log positive means that ours is fast.
 */
#ifndef DS_DAEMON_RECORD_H
#define DS_DAEMON_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/bound.h"
#include "core/clock/estimate.h"
#include "core/clock/reading.h"
#include "core/clock/select.h"
#include "core/exchange/exchange.h"
#include "core/exchange/reason.h"
#include "daemon/conf.h"
#include "os/address.h"

/* Open what the configuration asks for, appending; at start-up, before rights are dropped is too
 * early: the files must belong to the user. Files that cannot be opened are warned of. */
void ds_record_open(const struct ds_conf *conf);
void ds_record_close(void);
/* Close the files and open them anew, under their names: they were rotated. Returns how many could
 * not be opened; of each the log says why. */
int ds_record_cycle(const struct ds_conf *conf);

struct ds_record_measurement {
	int64_t clock_ns; /* when the answer came */
	const union ds_address *remote;
	enum ds_reason reason; /* DS_R_OK: a valid measurement */
	uint8_t mode;	       /* of the packet: 4 an answer, 5 a broadcast, 1 or 2 a peer's */
	bool interleaved;
	int8_t poll_log2;		    /* ours */
	const struct ds_exchange *exchange; /* NULL where there is none */
	uint8_t leap, stratum;
	enum ds_stamp_source tx_source, rx_source;
};
/* measurements.log; without an exchange only where rawmeasurements is on; and stamps.log. */
void ds_record_measurement(const struct ds_record_measurement *m);

/* statistics.log: the estimate after a sample, at `raw_ns`. clock_minus_raw_ns: of our clock then;
 * rate_ppb: what our clock is corrected by. */
void ds_record_statistics(int64_t clock_ns, const union ds_address *remote,
			  const struct ds_estimate *estimate, int64_t clock_minus_raw_ns,
			  double rate_ppb);

/* selection.log: a source after a selection for now->raw_ns. score: how good it is, that of the
 * selected source being 1; 0 where it has none. */
bool ds_record_wants_selection(void);
void ds_record_selection(const struct ds_reading *now, const union ds_address *remote,
			 const struct ds_candidate *candidate, double score);

struct ds_record_tracking {
	int64_t clock_ns;
	const union ds_address *remote; /* of the selected source */
	uint8_t leap, stratum;
	double freq_ppm; /* positive: our oscillator is fast */
	double skew_ppm;
	double offset_s; /* positive: our clock was fast */
	uint32_t combined;
	double offset_sd_s;
	double remaining_s; /* correction left from the update before; positive: our clock is slow
			     */
	double root_delay_s, root_dispersion_s, max_error_s;
};
void ds_record_tracking(const struct ds_record_tracking *t);

/* bound.log: what is in force from now on, as the page in shared memory has it. */
struct ds_record_bound {
	int64_t clock_ns;
	const struct ds_bound_lines *lines;
	int64_t remaining_ns;
	double scale;
	uint64_t generation;
	unsigned flags;
};
void ds_record_bound(const struct ds_record_bound *b);

struct ds_record_refclock {
	int64_t clock_ns;
	const char *name; /* its reference ID */
	bool filtered;	  /* the sample that the filter made of a poll's; else one of these */
	uint8_t sequence; /* of this poll; raw samples only, as all up to raw_offset_ns */
	bool pulse;
	int64_t raw_offset_ns; /* as the driver has it; positive: our clock is slow */
	uint8_t leap;
	int64_t offset_ns; /* with all corrections */
	int64_t dispersion_ns;
};
/* refclocks.log. */
void ds_record_refclock(const struct ds_record_refclock *r);

struct ds_record_rtc {
	int64_t clock_ns;
	double ahead_s;		       /* the real-time clock minus the truth, as measured */
	bool valid;		       /* its rate is known */
	double line_ahead_s, fast_ppm; /* as all measurements together say */
	uint32_t samples;
	double interval_s; /* before this measurement */
};
/* rtc.log. */
void ds_record_rtc(const struct ds_record_rtc *r);

/* shadow.log: the kept clock beside CLOCK_REALTIME. */
bool ds_record_wants_shadow(void);
void ds_record_shadow(int64_t realtime_ns, int64_t clock_minus_realtime_ns, double rate_ppb,
		      int64_t remaining_ns);

#endif
