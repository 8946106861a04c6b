/*
 * conf_local: the directive `local`, what is served where no source is followed.
 * It must never leave an option of an earlier `local` line in force.
 *
 * Source of the grammar and of what the options mean: chrony.conf(5).
 */
#ifndef DS_DAEMON_CONF_LOCAL_H
#define DS_DAEMON_CONF_LOCAL_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/conf.h"
#include "daemon/conf_fields.h"

/* What is in force without options; conf->local stays. */
void ds_conf_local_defaults(struct ds_conf *conf);
/* words[0] is `local`. False with a sentence in why. */
bool ds_conf_local_parse(struct ds_conf *conf, char *const *words, unsigned count,
			 char why[DS_FIELD_WHY]);
/* As a line that reads back. */
void ds_conf_local_print(const struct ds_conf *conf, FILE *out);

#endif
