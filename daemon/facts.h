/*
 * facts: what the daemon knows of itself at one moment, as plain numbers with units.
 * It must never change what it reads, and never know who asks: answers.c makes JSON of these,
 * candm.c what chronyc understands.
 *
 * Signs. An offset is the reference's time minus ours (RFC 5905 section 8): positive where our
 * clock is slow. A frequency is the oscillator's: positive where it is fast, as in tracking.log.
 * Moments are nanoseconds since 1970 on the clock that is kept; 0: never. What is not known is said
 * by the flag beside it. Texts are static or inside the structure.
 */
#ifndef DS_DAEMON_FACTS_H
#define DS_DAEMON_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/select.h"
#include "core/exchange/exchange.h"
#include "core/exchange/reason.h"
#include "core/exchange/stamp.h"
#include "daemon/conf.h"
#include "daemon/history.h"
#include "os/address.h"

struct ds_daemon;

/* The clock: `status`, `bound`; chronyc's tracking. */
struct ds_facts_clock {
	const char *clock; /* "system", "virtual", or the device of a card's */
	bool steered;	   /* false under -x */
	bool shadow;
	bool synchronised; /* to a source; false: all up to `local` is of the last update, or 0 */
	bool local;	   /* `local` stands in: others are told that we have time */
	uint8_t leap;	   /* enum ds_leap; 3: not synchronised */
	uint8_t stratum;   /* 0: not synchronised; what is told to others */
	uint32_t ref_id;   /* 0: none; 0x7f7f0101: local */
	const struct ds_conf_source *source; /* the selected one; NULL: none */
	union ds_address address;	     /* its; family 0: none, or a reference clock */
	int64_t now_ns;
	int64_t started_ns;
	int64_t updated_ns;	  /* of the last update */
	int64_t remaining_ns;	  /* offset that is still to be slewed off */
	int64_t last_offset_ns;	  /* of the last update */
	int64_t rms_offset_ns;	  /* of updates, fading */
	double freq_ppm;	  /* of the oscillator */
	double residual_freq_ppm; /* by the best source, of the clock as it is corrected */
	double skew_ppm;
	int64_t root_delay_ns;
	int64_t root_dispersion_ns; /* now */
	double update_interval_s;   /* between the last two updates; 0: fewer */
	uint64_t updates;	    /* since the start */
	bool bound_known;	    /* the next two */
	int64_t bound_ns;	    /* see core/clock/bound.h */
	int64_t hard_bound_ns;
	uint64_t disrupted; /* DRIVESTAMP_BOUND_STEPPED and the like (include/drivestamp/bound.h) */
	int32_t tai_minus_utc_s; /* 0: not known */
	bool smearing;		 /* `smoothtime` is at work: next two */
	int64_t served_minus_clock_ns;
	double served_freq_ppm;
	/* sources: configured places with an address or a clock, those that answer, and those that
	 * agree: selected or combined */
	uint32_t sources, answering, agreeing;
	uint32_t online, offline, burst_online, burst_offline, unresolved; /* chronyc's activity */
};
void ds_facts_clock(const struct ds_daemon *daemon, struct ds_facts_clock *facts);

/* A source: `sources`, `sourcestats`, `select`. */
struct ds_facts_source {
	uint32_t place;			   /* in the table: its number for history and orders */
	const struct ds_conf_source *conf; /* name as configured, kind, options */
	union ds_address address, local;   /* family 0: none */
	char text[DS_ADDRESS_TEXT];	   /* the address, or the reference ID of a clock */
	bool online;			   /* it is asked */
	enum ds_selection selection;
	bool selectable; /* the selection is of this source's measurements: it has some */
	struct ds_conf_select options;	  /* in force (authselectmode) */
	struct ds_conf_select configured; /* as its line says */
	uint8_t reach, stratum, leap;
	uint32_t ref_id;
	int8_t poll_log2;
	bool authenticated; /* it has a key */
	bool by_ptp;	    /* it speaks by `ptpport` */
	bool follows_us;
	/* the newest sample; valid where has_sample */
	bool has_sample;
	int64_t sample_age_ns;
	int64_t sample_offset_ns; /* as measured */
	int64_t offset_ns;	  /* the same, of the clock as it is now */
	int64_t error_ns;	  /* its distance: half of the delay to the root, and dispersion */
	bool interleaved;	  /* T3 of the last exchange was a drivestamp */
	enum ds_stamp_source t1_source, t4_source; /* ... who took ours */
	int64_t delay_ns;
	int64_t root_delay_ns, root_dispersion_ns; /* as it states them */
	/* the estimate; valid where samples > 0 */
	uint8_t samples, used;
	int64_t span_ns;
	bool freq_known;
	double freq_ppm;      /* of our clock as it is corrected, by this source */
	double freq_skew_ppm; /* one standard deviation */
	int64_t estimate_ns;  /* offset as estimated, now */
	int64_t estimate_sd_ns;
	int64_t jitter_ns;	 /* one standard deviation of a sample */
	int64_t low_ns, high_ns; /* the interval that takes part in the vote */
	double score;		 /* 1: the best */
	/* since the source began */
	uint64_t requests, answers, basic_answers, interleaved_answers, stamps_lost;
	struct ds_history_counts heard; /* what its history counts */
};
/* Of the place-th of the table; false where none is there, or it has no address yet (then only
 * place and conf are filled; conf NULL: there is none at all). */
bool ds_facts_source(const struct ds_daemon *daemon, uint32_t place,
		     struct ds_facts_source *source);
/* Places to ask for: 0 up to this. */
uint32_t ds_facts_places(const struct ds_daemon *daemon);

/* What was served: `server`; chronyc's serverstats. Since the start. */
struct ds_facts_served {
	bool serves; /* a socket is open */
	uint64_t received, answered, basic, interleaved;
	uint64_t denied, dropped; /* not allowed; all other reasons together */
	uint64_t rx_by[4];	  /* of requests that were answered, by enum ds_stamp_source */
	uint64_t tx_by[4];	  /* drivestamps of answers; of the daemon: answers without one */
	uint64_t authenticated;
	uint64_t clients_dropped; /* records of clients that gave way */
	uint32_t saved;		  /* stamps that are held for interleaved answers, now */
	uint32_t saved_most;	  /* places for them */
	int64_t saved_span_ns;	  /* age of the oldest of them (of a table of more than 65536, of
				   * those in that many places); 0: there is none */
	uint64_t control_received, control_dropped; /* requests of chronyc's protocol by UDP */
};
void ds_facts_served(const struct ds_daemon *daemon, struct ds_facts_served *facts);

/* Every counter (enum ds_reason): those of sockets that are open are added. */
void ds_facts_counters(const struct ds_daemon *daemon, struct ds_counters *sum);

/* Stamps: `stamps`. Of our own requests (exchanges that were accepted), since the start. */
struct ds_facts_stamps {
	bool kernel_receive, kernel_transmit; /* the kernel stamps */
	uint64_t t1_by[4], t4_by[4];	      /* by enum ds_stamp_source */
	uint64_t lost;			      /* requests whose drivestamp never came */
};
void ds_facts_stamps(const struct ds_daemon *daemon, struct ds_facts_stamps *facts);
/* How the transmit field of basic answers is calibrated, by interface and family. False behind the
 * last. */
struct ds_facts_departure {
	char interface[DS_CONF_DEVICE];
	sa_family_t family;
	bool lone;
	int32_t first_ns, further_ns;
	uint32_t observations;
};
bool ds_facts_departure(const struct ds_daemon *daemon, uint32_t i,
			struct ds_facts_departure *departure);
/* A network card that stamps. False behind the last. */
struct ds_facts_card {
	char interface[DS_CONF_DEVICE];
	char clock[DS_CONF_PATH]; /* its device; "": not known */
	bool receives, sends;	  /* its stamps are in use */
	uint64_t tx_asked, tx_skipped, tx_lost, tx_used, rx_used;
};
bool ds_facts_card(const struct ds_daemon *daemon, uint32_t i, struct ds_facts_card *card);

/* A reference clock: what its driver gave, and what became of it. False behind the last. */
struct ds_facts_refclock {
	const struct ds_conf_refclock *conf;
	uint32_t place; /* of its source; UINT32_MAX: none */
	uint64_t samples, used;
	const uint64_t *drops; /* by enum ds_refdrop */
};
bool ds_facts_refclock(const struct ds_daemon *daemon, uint32_t i,
		       struct ds_facts_refclock *refclock);

#endif
