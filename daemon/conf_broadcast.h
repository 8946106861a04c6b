/*
 * conf_broadcast: the lines `broadcast`, `broadcastclient` and `multicastclient`, word by word.
 * It must never let somebody listen without a key who has not said so in plain words.
 *
 * Words are as conf has cut them: words[0] is the directive, `count` includes it. Functions that
 * return false have written a sentence into why, and what they were to fill is not to be used.
 */
#ifndef DS_DAEMON_CONF_BROADCAST_H
#define DS_DAEMON_CONF_BROADCAST_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/conf.h"
#include "daemon/conf_fields.h"

/* `broadcast INTERVAL ADDRESS [PORT] [OPTION]...`, at least three words. */
bool ds_conf_broadcast_parse(struct ds_conf_broadcast *broadcast, char *const *words,
			     unsigned count, char why[DS_FIELD_WHY]);

/* `broadcastclient` (group NULL) or `multicastclient GROUP`: defaults, and the group. The defaults
 * of `source` are the caller's. */
bool ds_conf_listen_begin(struct ds_conf_listen *listen, const char *group, char why[DS_FIELD_WHY]);
/* The option words[*at] if it is one of listening alone (*taken), and *at moved behind it;
 * else it is an option of the source. */
bool ds_conf_listen_option(struct ds_conf_listen *listen, char *const *words, unsigned count,
			   unsigned *at, bool *taken, char why[DS_FIELD_WHY]);
/* All options are read: do they go together? */
bool ds_conf_listen_finish(const struct ds_conf_listen *listen, char why[DS_FIELD_WHY]);

/* As lines that read back; options of the source are printed by `print_source`. */
void ds_conf_broadcast_print(const struct ds_conf_broadcast *broadcast, FILE *out);
void ds_conf_listen_print(const struct ds_conf_listen *listen,
			  void (*print_source)(const struct ds_conf_source *source, FILE *out),
			  FILE *out);

#endif
