/*
 * listening: one host whose broadcasts are heard: when it is measured by exchanges, and what these
 * say of its broadcasts.
 * It must never send anything (its source does, when told to), nor let a broadcast that was not
 * accepted move a timer.
 *
 * An association of this kind is a source that is asked in *rounds* of a few requests, and heard
 * in between. A round is wanted
 *   at the start (8 requests: nothing is believed before it),
 *   every 16 broadcasts or 2^10 s, whichever comes first (3 requests). What a broadcast may be
 *	 wrong by grows with the age of the calibration, so it should not be old; 3 requests for 16
 *	 broadcasts are less than a fifth of what asking as often would take;
 *   when nothing was accepted for 3 intervals (its clock may have been set, or it may have gone),
 *	 then after 6, 12, 24, ...
 * Times are of CLOCK_MONOTONIC.
 *
 * What is sent to many takes another way than what is sent to one: a bridge copies it for one
 * listener after the other, a radio sends it when others sleep. Half the delay of an exchange does
 * not know of that. But where the drivestamp of a broadcast and an interleaved exchange nearby are
 * both there, what they differ by *is* the difference of the ways: its median is taken off. An
 * exchange that was held up is not compared, for it is wrong by half of that, nor one from before
 * the sender's clock was set. Basic broadcasts keep the difference: theirs holds the error of the
 * sender's guess, which is not of the way. What is taken off is never more than what a broadcast
 * may be off by at all: its delay and DS_BROADCAST_AGREE_NS.
 */
#ifndef DS_DAEMON_LISTENING_H
#define DS_DAEMON_LISTENING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/exchange/broadcast.h"
#include "core/exchange/exchange.h"
#include "daemon/conf.h"
#include "os/address.h"

#define DS_LISTENING_FIRST_ROUND 8
#define DS_LISTENING_ROUND	 3  /* the first may complete an exchange of the round before */
#define DS_LISTENING_DELAYS	 8  /* the least of so many is what a broadcast takes */
#define DS_LISTENING_WAYS	 15 /* the median of so many is how its way differs */

struct ds_listening {
	struct ds_listener listener;
	struct ds_listening_measured {
		int64_t raw_ns, server_minus_raw_ns, delay_ns;
		bool outdated; /* the sender's clock was set since: only its delay holds */
	} measured[DS_LISTENING_DELAYS];    /* exchanges, a ring */
	int64_t ways_ns[DS_LISTENING_WAYS]; /* a ring */
	uint8_t measured_count, measured_next;
	uint8_t way_count, way_next;
	bool interleaves;	/* measured[] are interleaved exchanges */
	uint8_t basic_in_a_row; /* exchanges since the last interleaved one, saturating */
	int8_t interval_log2;	/* between broadcasts, as the last accepted said; -6..17 */
	uint8_t since_round;	/* broadcasts accepted since the last round, saturating */
	uint8_t rounds_in_vain; /* since a broadcast was accepted, saturating */
	union ds_address to; /* whom its broadcasts are sent to: what else it sends is not these */
	uint8_t unmeasured;  /* rounds without an exchange in a row, saturating */
	int64_t heard_ns;    /* the last accepted broadcast, or the start */
	int64_t round_ns;    /* the last round began; INT64_MIN before the first */
	uint64_t heard, basic, interleaved; /* broadcasts accepted; exchanges from them */
};

/* to, interval_log2: as the first broadcast said. */
void ds_listening_start(struct ds_listening *l, const struct ds_conf_source *conf,
			const union ds_address *to, int8_t interval_log2, int64_t now_ns);

/* An exchange in client/server mode with the host. */
void ds_listening_calibrate(struct ds_listening *l, const struct ds_exchange *exchange,
			    double freq_ppb);

/* A broadcast from its address: as ds_listener_receive(). rate_ppb: of the sender's clock against
 * the raw scale, as far as it is known; else 0. */
enum ds_reason ds_listening_hear(struct ds_listening *l, const uint8_t *data, size_t length,
				 const struct ds_rx_stamp *t4, enum ds_auth auth, double freq_ppb,
				 double rate_ppb, int64_t now_ns,
				 struct ds_listener_outcome *outcome);

/* When the next round is wanted. */
int64_t ds_listening_next_ns(const struct ds_listening *l);
/* It begins: how many requests it takes. */
uint8_t ds_listening_begin_round(struct ds_listening *l, int64_t now_ns);

/* Nothing comes of it: it is silent for 8 intervals and 16 s, and does not answer either; or it
 * has not been heard for 64 intervals and 1024 s, answers or not. */
bool ds_listening_lost(const struct ds_listening *l, int64_t now_ns);

/* What a broadcast is taken to take, there and back: the least of late. INT64_MAX: not measured. */
int64_t ds_listening_delay_ns(const struct ds_listening *l);

/* By how much broadcasts take longer than that, one way; 0 where it is not known. */
int64_t ds_listening_way_ns(const struct ds_listening *l);

/* Between broadcasts; and between the requests of a round: that, at most 2 s. */
int64_t ds_listening_interval_ns(const struct ds_listening *l);
int64_t ds_listening_spacing_ns(const struct ds_listening *l);

#endif
