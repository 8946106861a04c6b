/*
 * conf_card: the line `hwtimestamp`, word by word.
 * It must never look at an interface: that a name is none, or has no card, is found at the start.
 *
 * INTERFACE|* [OPTION [VALUE]]..., as chrony.conf(5) has it. Where a function returns false it has
 * written a sentence into why.
 */
#ifndef DS_DAEMON_CONF_CARD_H
#define DS_DAEMON_CONF_CARD_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/conf.h"
#include "daemon/conf_fields.h"

/* words[0] is the directive; at least two. */
bool ds_conf_card_parse(struct ds_conf_card *card, char *const *words, unsigned count,
			char why[DS_FIELD_WHY]);
/* As a line that reads back. */
void ds_conf_card_print(const struct ds_conf_card *card, FILE *out);

/* The line for an interface of that name: its own, or that of `*`; NULL: none. */
const struct ds_conf_card *ds_conf_card_of(const struct ds_conf *conf, const char *interface);

#endif
