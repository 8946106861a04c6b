/*
 * card_rules: what is decided about a network card's stamps: is it worth waiting for them, may it
 * be asked for one more, can this one be true. It must never look at a clock, a card or a packet:
 * all is told to it.
 *
 * All times are of CLOCK_MONOTONIC in nanoseconds, given by the caller, never falling.
 */
#ifndef DS_DAEMON_CARD_RULES_H
#define DS_DAEMON_CARD_RULES_H

#include <stdbool.h>
#include <stdint.h>

/* ---- found out: a driver that promises stamps and gives none ---- */

#define DS_CARD_TRIAL	 10 /* packets in a row of which none was stamped */
#define DS_CARD_RETRY_NS INT64_C(600000000000)

/* Of one direction of one card; begins as zeroes. */
struct ds_card_trial {
	uint8_t missed; /* in a row */
	bool given_up;
	int64_t retry_ns; /* then it is tried again */
	uint64_t came, missed_ever;
};

void ds_card_trial_came(struct ds_card_trial *trial);
/* True: with this one it is given up (once until it is tried again). */
bool ds_card_trial_missed(struct ds_card_trial *trial, int64_t now_ns);
/* Is a stamp to be expected? Begins a new trial when its time has come. */
bool ds_card_trial_expects(struct ds_card_trial *trial, int64_t now_ns);

/* ---- budget: many cards hold one transmit stamp at a time (exchange.md 5.3) ---- */

#define DS_CARD_AWAITED_MAX 32 /* stamps awaited of one card; more are not asked for */
#define DS_CARD_RAISE_AFTER 64 /* stamps that came without a loss: one more at a time is tried */

/* Begins as zeroes. A card is first asked for one at a time. As long as all come, one more is
 * tried; after a loss one less, and then it stays at that for DS_CARD_RETRY_NS. Who asks for a
 * packet of our own is never refused, but counts. */
struct ds_card_budget {
	int64_t asked_ns[DS_CARD_AWAITED_MAX]; /* a ring, oldest first */
	uint8_t first, count;
	uint8_t most; /* at a time, less one */
	uint8_t run;  /* that came since the last change, saturating */
	bool settled; /* a loss was seen: not more until raise_ns */
	int64_t raise_ns;
	int64_t slowest_ns; /* to come, of late: fades by 1/64 a stamp */
};

/* Forget those that should have come (`timeout_ns` after they were asked for); returns how many
 * were lost. Call it before the two below. */
unsigned ds_card_budget_expire(struct ds_card_budget *budget, int64_t now_ns, int64_t timeout_ns);
/* May the card be asked for a stamp of somebody else's packet, when a packet of ours is due at
 * own_due_ns? Not while it has enough to do, nor when what is asked now might come only after ours
 * needs it. */
bool ds_card_budget_allows(const struct ds_card_budget *budget, int64_t now_ns, int64_t own_due_ns);
/* It was asked. */
void ds_card_budget_asked(struct ds_card_budget *budget, int64_t now_ns);
/* A stamp came: the oldest that was asked for is taken to be its. */
void ds_card_budget_came(struct ds_card_budget *budget, int64_t now_ns);

/* ---- can it be true? ---- */

/* A packet is under way inside this host for less than that: from the kernel's stamp to the card's,
 * or back. More is a card's clock that was set since it was read. */
#define DS_CARD_APART_NS INT64_C(100000000)
/* Without a stamp of the kernel: from or to the moment at which this process saw it. */
#define DS_CARD_APART_DAEMON_NS INT64_C(1000000000)
/* What a stamp may be wrong by and still be better than the kernel's. */
#define DS_CARD_ERROR_MAX_NS 20000.0

/* inward_ns: of a received packet from the card's stamp to the kernel's (or the daemon's), of a
 * sent one from the kernel's to the card's: how long it was under way between the two. error_ns:
 * one standard deviation of that, of what the card's clock is known to. */
bool ds_card_stamp_fits(int64_t inward_ns, double error_ns, bool by_kernel);

/* ---- is it as usual? ---- */

/* How long packets are under way between the card's stamp and the kernel's, of late: each counts
 * for a sixteenth. Begins as zeroes. */
struct ds_card_usual {
	double mean_ns, deviation_ns;
	bool known;
};

/* One that is not: further off than four deviations and what the card's clock is known to. Reason
 * to ask, not to doubt. Of the first false. */
bool ds_card_usual_differs(const struct ds_card_usual *usual, int64_t inward_ns, double error_ns);
void ds_card_usual_note(struct ds_card_usual *usual, int64_t inward_ns);

#endif
