/*
 * conf_refclock: the line `refclock`, word by word.
 * It must never accept an option that its driver does not have.
 *
 * DRIVER PARAMETER[:OPTION]... [OPTION [VALUE]]..., as chrony.conf(5) has it. Functions that return
 * false have written a sentence into why, and what they were to fill is not to be used.
 */
#ifndef DS_DAEMON_CONF_REFCLOCK_H
#define DS_DAEMON_CONF_REFCLOCK_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/conf.h"
#include "daemon/conf_fields.h"
#include "daemon/conf_words.h"

extern const struct ds_words ds_words_refclock_drivers; /* for the nearest word */

/* Driver and parameter, as written; everything else has its default, but for `source`, whose
 * defaults are the caller's. number: how many refclocks stand before it, for its reference ID.
 * *known is false where there is no such driver; why is not written then. */
bool ds_conf_refclock_begin(struct ds_conf_refclock *refclock, const char *driver,
			    const char *parameter, unsigned number, bool *known,
			    char why[DS_FIELD_WHY]);
/* An option of ds_words_refclock_options that is supported; value: NULL for a flag. */
bool ds_conf_refclock_option(struct ds_conf_refclock *refclock, const char *word, const char *value,
			     char why[DS_FIELD_WHY]);
/* All options are read: do they go together? */
bool ds_conf_refclock_finish(struct ds_conf_refclock *refclock, char why[DS_FIELD_WHY]);
/* Does it tell of pulses only, whose second another source must know? */
bool ds_conf_refclock_pulses(const struct ds_conf_refclock *refclock);
/* The index of the refclock that this one is locked to; -1: to none, or there is none of that
 * reference ID. */
int ds_conf_refclock_lock(const struct ds_conf *conf, const struct ds_conf_refclock *refclock);

/* As a line that reads back; what it has as a source is printed by `print_source`. */
void ds_conf_refclock_print(const struct ds_conf_refclock *refclock,
			    void (*print_source)(const struct ds_conf_source *source, FILE *out),
			    FILE *out);

#endif
