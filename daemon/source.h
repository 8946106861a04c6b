/*
 * source: one server that we ask: when, through which socket, and what becomes of the answers.
 * It must never judge a packet (core/exchange does) or steer the clock (timekeeper does).
 *
 * A request has a socket of its own (RFC 9109) that is closed when it is answered or given up.
 *
 * Sources of other kinds (enum ds_source_kind) are looked after by rooms of their own, and held in
 * the same structure: what measures, and what selection sees, is the same.
 */
#ifndef DS_DAEMON_SOURCE_H
#define DS_DAEMON_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/estimate.h"
#include "core/clock/leap.h"
#include "core/clock/poll.h"
#include "core/exchange/client.h"
#include "core/exchange/peer.h"
#include "core/exchange/ptp.h"
#include "core/exchange/reason.h"
#include "daemon/conf.h"
#include "daemon/keys.h"
#include "os/address.h"
#include "os/clock.h"
#include "os/route.h"
#include "os/socket.h"

struct ds_cards;
struct ds_history;
struct ds_listening;
struct ds_shadowing;
struct ds_serve;

/* A peer, besides what is common. Private to peering.c. */
struct ds_peering {
	struct ds_peer core;
	int64_t sent_ns;	/* our last packet; 0: none yet */
	int64_t heard_ns;	/* its last valid one; 0: none yet */
	int64_t counted_ns;	/* reach was last counted on */
	int64_t read_raw_ns;	/* the reading that the departure of our last packet counts from */
	int interface;		/* by which it is heard; 0: not yet */
	bool card;		/* the card's stamp of our last packet was asked for */
	int8_t their_poll_log2; /* as its packets say, within bounds */
	int8_t their_interval_log2; /* as its packets come */
	uint8_t their_mode;	    /* active or passive */
	bool waited;		    /* once already, for its packet before ours */
};

/* So many samples in a row are asked whether the path has changed. */
#define DS_SOURCE_RECENT 6

struct ds_source {
	const struct ds_conf_source *conf;
	union ds_address address;	   /* family 0: the name has not been resolved yet */
	union ds_address local;		   /* ours, as of the last request; family 0: none yet */
	union {				   /* by conf->kind */
		struct ds_client client;   /* DS_SOURCE_CLIENT */
		struct ds_peering peering; /* DS_SOURCE_PEER, DS_SOURCE_EPHEMERAL */
	};
	struct ds_listening *listening; /* DS_SOURCE_LISTENER; else NULL */
	struct ds_estimate estimate;
	struct ds_socket socket; /* fd -1: nothing is under way */
	int interface;	  /* by which the request under way left; 0: not known, or not asked for */
	int leaves_by;	  /* the same, asked for or not */
	bool awaits_card; /* its card's transmit stamp is awaited; meanwhile ... */
	struct ds_tx_stamp kernel_tx; /* ... the kernel's is held back (source NONE: none yet) */
	uint32_t tx_id;
	uint8_t place; /* in the table of sources: in tokens of what leaves by `ptpport` */
	bool by_ptp;   /* what goes to it and comes from it goes by `ptpport` */
	struct ds_source_way {
		uint8_t form; /* enum ds_ptp_form; NONE: nothing was heard yet */
		struct ds_ptp_corrections corrections;
	} came, held; /* of an answer that is parked or judged; of the last one accepted */
	int8_t poll_log2;
	struct ds_poll poll;
	bool follows_us; /* as of the last update of the clock: what it says is what we told it */
	int8_t min_poll_log2; /* conf->minpoll, raised by KoD RATE */
	uint8_t reach;	      /* a bit for each of the last 8 requests, newest lowest */
	uint8_t burst_left;   /* requests still to be sent at burst spacing */
	uint8_t burst_good;   /* an ordered burst ends after so many more samples; 0: none was */
	bool offline;	      /* it is not asked, but for a burst that was ordered */
	uint8_t failures;     /* requests without an answer in a row, saturating */
	bool warm;	      /* the request under way is a presend: its sample is not used */
	bool warmed;	      /* the presend was done: the next one counts */
	bool said_silent;     /* its silence is in the log */
	bool said_refused;
	bool said_interface;	   /* an answer came by another interface */
	bool said_rate, said_deny; /* never again, or who asks at every packet fills the log */
	int64_t due_ns;		   /* CLOCK_MONOTONIC of the next request; INT64_MAX: none */
	int64_t give_up_ns;	   /* close the socket then */
	int64_t deadline_ns;	   /* of a parked answer, and of the wait for the card's stamp */
	struct ds_remote remote;   /* of the last exchange */
	bool has_remote;
	struct ds_source_claim {
		int64_t raw_ns;
		int64_t server_minus_raw_ns;
		int64_t delay_ns;
		int64_t distance_ns;
		bool one_way; /* a broadcast: the delay is one that was measured before */
	} newest, before; /* samples, suspects or not: the truth lies within its distance of each */
	int64_t recent_delay_ns[DS_SOURCE_RECENT]; /* of the newest samples, newest first */
	uint8_t recent;				   /* how many were taken; saturating */
	uint8_t interleaved_run; /* so many exchanges without one whose T3 was a guess, nor a
				    broadcast, whose way was measured by such; saturating */
	uint64_t requests, answers, basic, interleaved; /* since start */
	uint64_t corrected;   /* exchanges from which corrections were taken out */
	int64_t corrected_ns; /* ... what was, of the delay of the last */
	int64_t unproved_ns;  /* of the newest sample; see ds_ptp_correct() */
	uint64_t stamps_lost; /* answers whose T1 had no drivestamp */
};

/* What a source needs of the daemon around it. */
struct ds_source_context {
	const struct ds_conf *conf;
	struct ds_clock *clock;
	struct ds_batch *batch;
	struct ds_counters *counters;
	struct ds_serve *serve; /* whose port other kinds share */
	struct ds_route *route; /* open, or not (fd -1): then no interface is compared */
	struct ds_cards *cards; /* NULL: there are none */
	const struct ds_keys *keys;
	const struct ds_leaps *leaps;	/* NULL: there are none */
	double freq_ppb;		/* the clock's present frequency correction */
	struct ds_shadowing *shadowing; /* NULL: nothing is shadowed */
	struct ds_history *history;	/* NULL: nothing is remembered */
	const struct ds_source *table;	/* set by ds_sources_init(): places count from here */
};

/* Begin (or begin anew, after a change of address) to ask `address`; first at due_ns. */
void ds_source_start(struct ds_source *source, const struct ds_conf_source *conf,
		     const struct ds_conf *global, const union ds_address *address, int64_t due_ns);
/* Close what is open; the source is silent until started again. */
void ds_source_stop(struct ds_source *source, struct ds_counters *counters);
/* Ask it no more: what is under way is closed, and it is not followed, since it is not reached.
 * What was measured stays. */
void ds_source_go_offline(struct ds_source *source, struct ds_counters *counters);
/* Ask it (again), first at due_ns, with the burst of `iburst`. Also one that refused (KoD). */
void ds_source_go_online(struct ds_source *source, int64_t due_ns);
/* A client alone: at most `most` requests close together, first at due_ns, until there are `good`
 * samples. One that is offline is so again afterwards. */
void ds_source_order_burst(struct ds_source *source, uint8_t good, uint8_t most, int64_t due_ns);

/* The earliest moment at which ds_source_run() has something to do; CLOCK_MONOTONIC. */
int64_t ds_source_next_ns(const struct ds_source *source);

/* Timers: send what is due, give up what is too old. Returns whether selection has something new to
 * see: a sample (a parked answer whose time was over), or that nobody answers. */
bool ds_source_run(struct ds_source *source, const struct ds_source_context *context,
		   int64_t now_ns);

/* poll() reported the socket. Returns whether there is a new sample. */
bool ds_source_handle(struct ds_source *source, const struct ds_source_context *context,
		      short revents);

/* A packet, or a transmit stamp, of a client that asks by `ptpport`: its requests leave by the
 * server's socket. Returns whether there is a new sample. */
bool ds_source_packet(struct ds_source *source, const struct ds_source_context *context,
		      const struct ds_datagram *datagram);
bool ds_source_stamp(struct ds_source *source, const struct ds_source_context *context,
		     const struct ds_datagram *datagram);

/* What sources of all kinds share. */

/* Tokens of those whose packets leave by the server's sockets: the source's place above the number
 * of the packet. */
#define DS_SOURCE_TOKEN_BITS 24
#define DS_SOURCE_TOKEN_MASK ((UINT32_C(1) << DS_SOURCE_TOKEN_BITS) - 1)

/* The form of PTP in which the next packet leaves; NONE: in none. One that is not answered tries
 * the other form by turns. */
enum ds_ptp_form ds_source_form(const struct ds_source *source);
/* Did this come by the port that the source uses? */
bool ds_source_is_by_its_port(const struct ds_source *source, const struct ds_datagram *datagram);

/* Everything but the kind's own part, which is zero; the timers are at INT64_MAX. */
void ds_source_init(struct ds_source *source, const struct ds_conf_source *conf,
		    const struct ds_conf *global, const union ds_address *address);
int64_t ds_source_interval_ns(int8_t poll_log2);
/* The interval with up to 1/32 of it added, so that hosts do not march in step, and none asks more
 * often than it says. */
int64_t ds_source_spread_ns(int64_t interval_ns);
/* A line in the log, unless *said; it is then. */
void ds_source_say_once(struct ds_source *source, bool *said, const char *what);
/* We sent, and nothing came since the time before. */
void ds_source_count_unanswered(struct ds_source *source);
/* A packet was accepted; exchange: NULL if it completed none. */
void ds_source_note_answer(struct ds_source *source, const struct ds_exchange *exchange);
/* The receive stamp of a datagram, or of now where nobody stamped it. */
struct ds_rx_stamp ds_source_rx_stamp(const struct ds_source_context *context,
				      const struct ds_datagram *datagram);
/* Did it come from whom we asked (address and port), to where we asked from, by the interface we
 * asked by? DS_R_OK, or DS_R_WRONG_ADDRESS, DS_R_WRONG_INTERFACE (of which the log is told once),
 * and it is to be dropped. The kernel delivers to a connected socket only what its peer sent; but
 * what came between bind() and connect() is read as well (to the port of acquisitionport, that is:
 * from anybody), and it lets any interface deliver. Where it says nothing, or source->interface
 * is 0, nothing is compared. */
enum ds_reason ds_source_check_way(struct ds_source *source, const struct ds_datagram *datagram);
/* An exchange longer than `maxdelay` is none: DS_R_DELAY_MAX, else what `reason` says. */
enum ds_reason ds_source_check_delay(const struct ds_source *source, enum ds_reason reason,
				     const struct ds_exchange *exchange);
/* One across a leap second measures nothing (its stamps are of two counts): DS_R_LEAP, else what
 * `reason` says. Likewise near one, where two clocks need not step at one moment. */
enum ds_reason ds_source_check_leap(const struct ds_source_context *context, enum ds_reason reason,
				    const struct ds_exchange *exchange);
/* A line of measurements.log, and one of its history; exchange: NULL without an exchange. */
void ds_source_record(const struct ds_source *source, const struct ds_source_context *context,
		      enum ds_reason reason, const struct ds_exchange *exchange,
		      const struct ds_rx_stamp *t4);
/* Of its history alone: what a reference clock showed. mode 0. */
void ds_source_remember(const struct ds_source *source, const struct ds_source_context *context,
			enum ds_reason reason, uint8_t mode, const struct ds_exchange *exchange,
			int64_t clock_ns);
/* An exchange that is to be used (*exchange gets the configured offset; its estimate is kept on a
 * scale without leap seconds, see ds_leaps_total_at_ns()): estimate, statistics.log,
 * poll interval. Returns whether it became a sample. */
bool ds_source_take_exchange(struct ds_source *source, const struct ds_source_context *context,
			     struct ds_exchange *exchange);

/* The verdict on a packet that came for this source: by its own key alone. ABSENT where the source
 * has no key: then nothing is checked. */
enum ds_auth ds_source_auth(const struct ds_source *source, const struct ds_source_context *context,
			    const struct ds_datagram *datagram);

#endif
