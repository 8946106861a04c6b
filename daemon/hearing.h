/*
 * hearing: broadcasts that come in: whose they are, and who may become a source by sending them.
 * It must never let a packet that is not authentic, or that nobody said may be unauthenticated,
 * make an association, touch a timer, or cause anything to be sent.
 *
 * Each `broadcastclient` and `multicastclient` line holds as many places of the table of sources as
 * it allows sources (maxsources), from the start on. A host gets a place by a broadcast that the
 * line takes: from port 123 of an address within `from`, sent to many, with a MAC by the line's
 * key. It is then measured by exchanges; a place becomes free when nothing comes of that.
 *
 * A MAC does not cover addresses: whoever can hear authentic broadcasts can send them again
 * as another host, which is then asked a few times in vain. `from` and maxsources bound that.
 */
#ifndef DS_DAEMON_HEARING_H
#define DS_DAEMON_HEARING_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/conf.h"
#include "daemon/keys.h"
#include "daemon/listening.h"
#include "daemon/serve.h"
#include "daemon/sources.h"

/* A line's places: so many in the table of sources, from `first` on. */
struct ds_hearing_line {
	const struct ds_conf_listen *conf;
	uint32_t first, count;
};

struct ds_hearing {
	struct ds_sources *sources;
	const struct ds_keys *keys;
	struct ds_counters *counters;
	struct ds_listening table[DS_SOURCES_MAX]; /* beside the sources of the same index */
	struct ds_hearing_line lines[DS_CONF_LISTENS];
	uint8_t line_count;
	int64_t leapt_ns; /* leap seconds as of the last run: total_ns of struct ds_leaps */
	bool news;	  /* a sample came since the last run */
	uint64_t full;	  /* hosts that found no place */
};

/* At start-up: places are taken in *sources, groups joined at the sockets of *serve. */
void ds_hearing_init(struct ds_hearing *h, const struct ds_conf *conf, struct ds_sources *sources,
		     struct ds_serve *serve, const struct ds_keys *keys);

/* A packet of mode 5 came in at the server's port. Sends nothing. */
void ds_hearing_receive(struct ds_hearing *h, const struct ds_datagram *datagram);

/* Rounds that are due, and places that become free. Returns whether selection has something new
 * to see. */
int64_t ds_hearing_next_ns(const struct ds_hearing *h);
bool ds_hearing_run(struct ds_hearing *h, int64_t now_ns);

#endif
