/*
 * conf_clock: the directive `clock`, which clock is kept right.
 * It must never leave an option of an earlier `clock` line in force.
 *
 *	clock system
 *	clock DEVICE|INTERFACE [tai] [nocrossts]
 */
#ifndef DS_DAEMON_CONF_CLOCK_H
#define DS_DAEMON_CONF_CLOCK_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/conf.h"
#include "daemon/conf_fields.h"

/* words[0] is `clock`. False with a sentence in why, and *clock is as it was. `file` and `line` are
 * kept for what is found out later. */
bool ds_conf_clock_parse(struct ds_conf_clock *clock, char *const *words, unsigned count,
			 const char *file, int line, char why[DS_FIELD_WHY]);
/* The same from the words of --clock, which commas separate. */
bool ds_conf_clock_option(struct ds_conf_clock *clock, const char *text, char why[DS_FIELD_WHY]);
/* What does not go together with it; the first such is an error (true) or a warning. False: all
 * goes together. */
bool ds_conf_clock_conflict(const struct ds_conf *conf, bool *error, char why[DS_FIELD_WHY]);
/* As a line that reads back; nothing for the system clock. */
void ds_conf_clock_print(const struct ds_conf_clock *clock, FILE *out);

#endif
