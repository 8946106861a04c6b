/*
 * answers_read: the members of each answer that only shows something.
 * It must never change anything, and never leave a member out: what is not known is null.
 */
#ifndef DS_DAEMON_ANSWERS_READ_H
#define DS_DAEMON_ANSWERS_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/json.h"

struct ds_daemon;

/* All write members into the object that is open; doc/control.md names them. from: the first place,
 * or record, that is shown; what has no room left is named by the member `next`. */
void ds_show_status(const struct ds_daemon *daemon, struct ds_json *json);
void ds_show_bound(const struct ds_daemon *daemon, struct ds_json *json);
void ds_show_sources(const struct ds_daemon *daemon, uint32_t from, struct ds_json *json);
void ds_show_sourcestats(const struct ds_daemon *daemon, uint32_t from, struct ds_json *json);
void ds_show_select(const struct ds_daemon *daemon, uint32_t from, struct ds_json *json);
/* count: at most so many, newest first. False: there is no such source. */
bool ds_show_exchanges(const struct ds_daemon *daemon, const char *which, uint32_t count,
		       struct ds_json *json);
void ds_show_server(const struct ds_daemon *daemon, struct ds_json *json);
void ds_show_clients(const struct ds_daemon *daemon, uint32_t from, struct ds_json *json);
void ds_show_stamps(const struct ds_daemon *daemon, struct ds_json *json);
void ds_show_counters(const struct ds_daemon *daemon, struct ds_json *json);
void ds_show_metrics(const struct ds_daemon *daemon, struct ds_json *json);

#endif
