/*
 * cards: the network cards that stamp for us (`hwtimestamp`): which there are, which of our packets
 * they are asked for, and whose stamp of a packet is taken.
 * It must never call a stamp hardware's that it cannot convert, hold an answer up longer than
 * `hwtstimeout`, or set a card's clock.
 *
 * A packet may come with the card's stamp, the kernel's, both or none (struct ds_datagram). The
 * card's is taken if the card is one of ours and the stamp can be carried over (card_time.h). Else
 * the kernel's stays, and the reason is counted (DS_R_CARD_*). What the conversion may be wrong by
 * goes into the stamp's error_ns.
 *
 * How a card is set, and put back: card_setup.h. Requests for transmit stamps are budgeted, and a
 * driver that gives none of what it promises is found out: card_rules.h.
 */
#ifndef DS_DAEMON_CARDS_H
#define DS_DAEMON_CARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/exchange/reason.h"
#include "core/exchange/stamp.h"
#include "daemon/card_rules.h"
#include "daemon/card_setup.h"
#include "daemon/card_time.h"
#include "daemon/conf.h"
#include "os/card.h"
#include "os/clock.h"
#include "os/socket.h"

#define DS_CARDS_MAX	 16 /* cards; more are left out, with a line in the log */
#define DS_CARDS_WAYS	 64 /* interfaces that are looked at; packets by others have no card */
#define DS_CARDS_LOOK_NS INT64_C(10000000000)

enum ds_cards_who {
	DS_CARDS_OWN,	 /* a packet of ours: request, peer's, broadcast */
	DS_CARDS_SERVED, /* an answer to a client */
};

/* One card. Private to cards.c, but for tests and the report. */
struct ds_cards_one {
	struct ds_card_setup setup;
	struct ds_card_time time;
	struct ds_card_trial tx, rx;
	struct ds_card_budget budget;
	uint64_t tx_asked, tx_skipped, tx_lost;
	uint64_t tx_used, rx_used; /* stamps that took the kernel's place */
};

struct ds_cards {
	const struct ds_conf *conf; /* NULL: there are none */
	struct ds_clock *clock;
	struct ds_counters *counters;
	struct ds_cards_one table[DS_CARDS_MAX];
	int count;
	struct ds_cards_way {
		int interface;
		uint8_t card; /* that stamps what goes by it */
	} ways[DS_CARDS_WAYS];
	int way_count;
	struct ds_card seen[DS_CARDS_WAYS]; /* room for a look around */
	int64_t look_ns;		    /* CLOCK_MONOTONIC of the next one; INT64_MAX: never */
	int64_t own_due_ns;		    /* see ds_cards_own_due() */
	bool said[DS_CONF_CARDS];	    /* what is wrong with this line is in the log */
	bool said_full;
};

/* Set the cards that the configuration names, and from now on ask for their stamps. To be called
 * before any socket is opened, and while there are rights. What cannot be had is said in the log
 * and is no failure. Nothing is done in shadow. */
void ds_cards_open(struct ds_cards *cards, const struct ds_conf *conf, struct ds_clock *clock,
		   struct ds_counters *counters);
/* Put the cards back as they were, as far as there are rights. */
void ds_cards_close(struct ds_cards *cards);

/* CLOCK_MONOTONIC at which ds_cards_run() has something to do; INT64_MAX: never. */
int64_t ds_cards_next_ns(const struct ds_cards *cards);
/* Read clocks, look for interfaces that came and for settings that somebody changed. */
void ds_cards_run(struct ds_cards *cards, int64_t now_ns);

/* The next packet of our own leaves then, CLOCK_MONOTONIC; told before each wait. */
static inline void ds_cards_own_due(struct ds_cards *cards, int64_t due_ns)
{
	cards->own_due_ns = due_ns;
}

/* The functions below take cards NULL: then there are none. */

/* May a packet that is about to leave by this interface (0: not known) ask the card for its stamp,
 * and is one to be expected? It is booked, if so. */
bool ds_cards_ask(struct ds_cards *cards, int interface, enum ds_cards_who who);
/* Does the card of this interface give transmit stamps, asked or not at this moment? */
bool ds_cards_sends(const struct ds_cards *cards, int interface);
/* How long is a card's stamp waited for: `hwtstimeout`. */
int64_t ds_cards_timeout_ns(const struct ds_cards *cards);

/* *rx is the kernel's stamp of this datagram, or the daemon's. Where the card's is better it takes
 * its place. */
void ds_cards_rx(struct ds_cards *cards, const struct ds_datagram *datagram, enum ds_cards_who who,
		 struct ds_rx_stamp *rx);
/* How long this frame took to come in, by which ds_cards_rx() moved the card's stamp to its end; 0
 * where the card did not stamp it. */
int64_t ds_cards_rx_duration_ns(const struct ds_cards *cards, const struct ds_datagram *datagram);
/* The card's transmit stamp of a packet that left by `interface` has come. held: what is known of
 * that packet so far, of the kernel or the daemon. True with *tx; or counted, and there is none. */
bool ds_cards_tx(struct ds_cards *cards, const struct ds_datagram *datagram, int interface,
		 enum ds_cards_who who, const struct ds_tx_stamp *held, struct ds_tx_stamp *tx);

/* A line in the log for each card. */
void ds_cards_report(const struct ds_cards *cards);

#endif
