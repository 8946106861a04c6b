/*
 * card_time: the clock of one card that stamps: read now and then, and its stamps carried over to
 * our clock. It must never set the card's clock, nor hand on a stamp that the packet cannot have.
 *
 * The clock is read just behind a transmit stamp of a packet of ours, before that is carried over,
 * and where a stamp lies unusually: whoever set the card's clock before is then known to have done
 * so. Where it is the clock that we keep (`clock eth0`), what it shows is known and nothing is
 * read.
 *
 * A stamp is taken if the card's clock is known well enough (core/clock/cardclock), and, carried
 * over, it lies where the packet can have been: beside what else is known of that packet
 * (card_rules.h).
 */
#ifndef DS_DAEMON_CARD_TIME_H
#define DS_DAEMON_CARD_TIME_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/clock/cardclock.h"
#include "core/exchange/reason.h"
#include "daemon/card_rules.h"
#include "daemon/conf.h"
#include "os/card.h"
#include "os/clock.h"
#include "os/phc.h"

/* Private to card_time.c, but for due_ns. */
struct ds_card_time {
	const struct ds_conf_card *conf;
	struct ds_clock *clock; /* ours */
	char name[IF_NAMESIZE];
	int phc_index;
	struct ds_phc phc;
	struct ds_cardclock line;
	uint8_t fresh;		 /* readings since the line was begun: at first, behind a step */
	int64_t read_ns, due_ns; /* CLOCK_MONOTONIC: the last reading, the next at the latest */
	struct ds_card_usual usual[2];	/* of sent packets, of received ones */
	double error_ns, error_most_ns; /* of the last stamp that was carried over; of all */
	bool said_step;
};

/* Open the clock of this card and read it once. conf, clock: kept, they must outlive it. False with
 * a sentence: it has none, or none that can be read. */
bool ds_card_time_open(struct ds_card_time *time, const struct ds_conf_card *conf,
		       const struct ds_card *card, struct ds_clock *clock, char why[DS_WHY]);
void ds_card_time_close(struct ds_card_time *time);

/* How it is read, for the log. */
const char *ds_card_time_way(const struct ds_card_time *time);

/* What was read of it, and what its stamps were worth, for the log; returns text. */
#define DS_CARD_TIME_TEXT 160
const char *ds_card_time_report(const struct ds_card_time *time, char text[DS_CARD_TIME_TEXT]);

/* Read it, whatever it says; due_ns is set anew. */
void ds_card_time_read(struct ds_card_time *time, int64_t now_ns);
/* A packet of ours has been stamped: read it, if minpoll allows. */
void ds_card_time_refresh(struct ds_card_time *time);

/* What is known of a packet by others: the kernel, or else the daemon. */
struct ds_card_seen {
	int64_t clock_ns, raw_ns;
	bool by_kernel;
};

/* A card's stamp on both scales of ours. */
struct ds_card_carried {
	int64_t clock_ns, raw_ns;
	uint32_t error_ns; /* what raw_ns may be wrong by, one standard deviation */
};

/* received: the packet came to the card before it was seen, else after. DS_R_OK with *out;
 * DS_R_CARD_CLOCK: the card's clock is not known well enough; DS_R_CARD_IMPLAUSIBLE: the packet
 * cannot have been there. Nothing is counted here. */
enum ds_reason ds_card_time_carry(struct ds_card_time *time, int64_t card_ns, bool received,
				  const struct ds_card_seen *seen, struct ds_card_carried *out);

#endif
