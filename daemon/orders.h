/*
 * orders: what an operator may order of a running daemon, each whole or not at all, and said in the
 * log. It must never be reached by who has no right to write (control.h looks at that), and never
 * change anything when it says no.
 *
 * Names and meanings are chronyc's. A source is named by its address or by the name in its
 * configuration, as chronyc does; "which sources" below says how.
 */
#ifndef DS_DAEMON_ORDERS_H
#define DS_DAEMON_ORDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "os/address.h"

struct ds_daemon;

#define DS_ORDER_WHY 256 /* bytes of a sentence, its end included */

enum ds_order_result {
	DS_ORDER_DONE,
	DS_ORDER_BAD,	  /* the words make no sense; `why` says which */
	DS_ORDER_NO_SUCH, /* no source of that name or address */
	DS_ORDER_FULL,	  /* no place left */
	DS_ORDER_REFUSED, /* not now, or not with this configuration; `why` says why */
};

/* Which sources: NULL or "": all; a name, a numeric address, or ADDRESS/BITS or ADDRESS/MASK. In
 * all functions: *count is how many were changed, `why` a sentence without newline (empty where
 * DONE and there is nothing to say), never NULL. */

enum ds_order_state {
	DS_ORDER_ONLINE,
	DS_ORDER_OFFLINE,
	DS_ORDER_ONOFFLINE, /* online where there is a route, else offline */
};
/* Ask them, or not any more. What is under way is closed; what was measured stays, but nobody
 * follows a source that is offline, nor is its name looked up. */
enum ds_order_result ds_orders_online(struct ds_daemon *daemon, enum ds_order_state state,
				      const char *which, uint32_t *count, char why[DS_ORDER_WHY]);

/* good of at most `most` measurements, close together, of each; 1 <= good <= most <= 255. */
enum ds_order_result ds_orders_burst(struct ds_daemon *daemon, int good, int most,
				     const char *which, uint32_t *count, char why[DS_ORDER_WHY]);

/* Step the clock by what is left of its offset, however small. REFUSED where the clock is not
 * steered or there is no time to step to. *offset_ns: by how much; positive: it was slow. */
enum ds_order_result ds_orders_makestep(struct ds_daemon *daemon, int64_t *offset_ns,
					char why[DS_ORDER_WHY]);

/* Read the folders of `sourcedir` again: sources that are new are added, that are gone removed,
 * that changed begin anew, all others stay as they are. Where a file has an error, all errors go
 * into the log, with file and line, the first into `why`, and nothing changes. Memory that reading
 * folders and files takes is given back before this returns. The configuration itself is not read
 * again: where it is another since the start, the log and `why` say so. */
enum ds_order_result ds_orders_reload(struct ds_daemon *daemon, uint32_t *count,
				      char why[DS_ORDER_WHY]);

/* One source line in the grammar of the configuration ("server ntp1.example.net iburst"). */
enum ds_order_result ds_orders_add(struct ds_daemon *daemon, const char *line,
				   char why[DS_ORDER_WHY]);
/* By name or address; of a pool's addresses one alone, of its name all. */
enum ds_order_result ds_orders_delete(struct ds_daemon *daemon, const char *which, uint32_t *count,
				      char why[DS_ORDER_WHY]);

/* Close the measurement logs and open them anew (after rotation). REFUSED where one of them cannot
 * be opened; the others are. */
enum ds_order_result ds_orders_cyclelogs(struct ds_daemon *daemon, char why[DS_ORDER_WHY]);

#endif
