/*
 * stamping: SO_TIMESTAMPING, and which packet a transmit stamp belongs to. The one room that knows the
 * flags.
 * It must never join a stamp by guess, and never call a stamp hardware's that is not.
 *
 * Source: the kernel's Documentation/networking/timestamping.rst; exchange.md part 5.
 * A transmit stamp is joined with its packet by, in this order: the frame that came back with
 * it, whose transmit cookie names the packet (kernels without OPT_TSONLY, preloaded
 * simulators); SCM_TS_OPT_ID (Linux 6.13 and later), an id that we choose; the kernel's counter
 * (OPT_ID), followed here and resynchronised after a failed send.
 */
#ifndef DS_OS_STAMPING_H
#define DS_OS_STAMPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/exchange/reason.h"
#include "core/exchange/stamp.h"
#include "core/exchange/wire.h"

#define DS_STAMPING_PENDING 256 /* stamps awaited on one socket; the oldest gives way */

enum ds_join { DS_JOIN_NONE, DS_JOIN_CHOSEN_ID, DS_JOIN_COUNTER, DS_JOIN_FRAME };

struct ds_pending_stamp {
	ds_ntp64 cookie; /* transmit field of the packet */
	uint32_t id;     /* as the kernel will report it */
	uint32_t token;  /* as the caller knows it */
	bool live;
};

struct ds_stamping {
	bool receive;  /* kernel receive stamps were granted */
	bool transmit; /* kernel transmit stamps were granted */
	bool hardware; /* asked for on this socket (a later issue) */
	enum ds_join join;
	uint32_t next_id;
	struct ds_pending_stamp *pending; /* ring of `pending_size`, by order of sending */
	uint32_t pending_size;
	uint32_t sent; /* stamps asked for, ever */
	struct ds_counters counters;
};
/* (os helper: adjust the struct as it needs; a client's socket needs a ring of 1, a server's of DS_STAMPING_PENDING) */

#endif
