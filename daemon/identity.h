/*
 * identity: the reference ids that mean us: whoever has one of them follows us.
 * It must never take a name of others for ours: addresses of loopback are every host's.
 *
 * Source: RFC 5905 section 7.3. Ours are the addresses that we serve at, and those of all
 * interfaces, looked up again when they may have changed. A host behind a translator of addresses
 * has names that it does not know; there the root distance alone tells.
 */
#ifndef DS_DAEMON_IDENTITY_H
#define DS_DAEMON_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/conf.h"
#include "os/route.h"

#define DS_IDENTITY_MAX	     64 /* more are not known to be ours */
#define DS_IDENTITY_AGAIN_NS (INT64_C(64) * 1000000000)

struct ds_identity {
	const struct ds_conf *conf;
	const struct ds_route *route; /* open, or not: then the configured addresses are all */
	uint32_t ids[DS_IDENTITY_MAX];
	uint8_t count;
	int64_t again_ns; /* CLOCK_MONOTONIC: addresses are looked up again */
};

/* Both are kept. */
void ds_identity_init(struct ds_identity *i, const struct ds_conf *conf,
		      const struct ds_route *route);
bool ds_identity_is_ours(struct ds_identity *i, uint32_t ref_id, int64_t now_ns);

#endif
