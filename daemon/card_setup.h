/*
 * card_setup: one card told to stamp, and put back as it was.
 * It must never take back what another program has set meanwhile, nor quarrel with one.
 */
#ifndef DS_DAEMON_CARD_SETUP_H
#define DS_DAEMON_CARD_SETUP_H

#include <stdbool.h>

#include "daemon/conf.h"
#include "os/card.h"

/* Private to card_setup.c, but for `card` and `filter`. */
struct ds_card_setup {
	const struct ds_conf_card *conf;
	struct ds_card card;
	bool ptp;	 /* packets in PTP messages are expected */
	bool has_before; /* `before` is how it was set when we came */
	struct ds_card_setting before, ours;
	enum ds_card_filter filter; /* in force */
	bool said_foreign;
};

/* Set the card as this line of the configuration (kept, it must outlive it) has it. False with a
 * sentence: it is as it was. */
bool ds_card_setup_begin(struct ds_card_setup *setup, const struct ds_conf_card *conf,
			 const struct ds_card *card, bool ptp, char why[DS_WHY]);
/* Has somebody else set it? That is said once, and what it gives now is used; one that was switched
 * off (a driver begun anew, a daemon that ended) is set again. A few system calls. */
void ds_card_setup_check(struct ds_card_setup *setup);
/* Put it back, as far as there are rights, and unless somebody else has set it. */
void ds_card_setup_end(const struct ds_card_setup *setup);

/* There is no such interface any more. */
bool ds_card_setup_is_gone(const struct ds_card_setup *setup);

#endif
