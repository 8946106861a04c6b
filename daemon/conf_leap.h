/*
 * conf_leap: the lines `leapsecmode` and `smoothtime`, word by word.
 * It must never choose for somebody who wrote a word that it does not know.
 *
 * Functions that return false have written a sentence into why, and *conf is as it was.
 */
#ifndef DS_DAEMON_CONF_LEAP_H
#define DS_DAEMON_CONF_LEAP_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/conf.h"
#include "daemon/conf_fields.h"

bool ds_conf_leap_mode_parse(struct ds_conf *conf, const char *mode, char why[DS_FIELD_WHY]);
/* `smoothtime MAX-FREQ MAX-WANDER [leaponly]`; words[0] is the directive, count 3 or 4. */
bool ds_conf_smooth_parse(struct ds_conf *conf, char *const *words, unsigned count,
			  char why[DS_FIELD_WHY]);
/* What differs from the defaults, as lines that read back. */
void ds_conf_leap_print(const struct ds_conf *conf, FILE *out);

#endif
