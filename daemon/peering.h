/*
 * peering: one peer in symmetric mode: when our packets leave, and what becomes of its.
 * It must never judge a packet (core/exchange/peer does), and must change nothing for one that is
 * not valid: no timer, no poll interval, no bit of reach.
 *
 * Peers send from and hear at the server's port (daemon/serve). Both sides send by timers of their
 * own; ours keeps our packets in the middle between the other side's, so that they alternate.
 * Interleaving depends on it (RFC 9769 section 3, rules 2 and 3), and so does which packets pair.
 */
#ifndef DS_DAEMON_PEERING_H
#define DS_DAEMON_PEERING_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/source.h"

/* Packets that are sent into silence before an ephemeral association ends. */
#define DS_PEERING_LOST 8

/* Begin (or begin anew) with `address`; first packet at due_ns. passive: an ephemeral association.
 * place: of the source in its table, below 64; it is in the tokens of stamps. */
void ds_peering_start(struct ds_source *source, const struct ds_conf_source *conf,
		      const struct ds_conf *global, const union ds_address *address, int64_t due_ns,
		      bool passive, uint8_t place);

/* Has the other side been silent for so long that an ephemeral association ends? */
bool ds_peering_is_lost(const struct ds_source *source);

/* The timer: ds_source_next_ns() says when. Returns whether selection has something new to see:
 * that nobody answers any more. */
bool ds_peering_run(struct ds_source *source, const struct ds_source_context *context,
		    int64_t now_ns);

/* Is this datagram, which came to the server's port, of this peer: from its address and port, to
 * the address and by the interface that we send from? What is not is for the server to judge. */
bool ds_peering_is_from(const struct ds_source *source, const struct ds_datagram *datagram);
/* One that is. Sends nothing. Returns whether there is a new sample. */
bool ds_peering_packet(struct ds_source *source, const struct ds_source_context *context,
		       const struct ds_datagram *datagram, int64_t now_ns);

/* Which source does the token of a stamp belong to (its place)? And the stamp itself. */
uint8_t ds_peering_place(uint32_t token);
void ds_peering_stamp(struct ds_source *source, const struct ds_source_context *context,
		      const struct ds_datagram *datagram);

/* When to send next. All times of one clock, in nanoseconds; intervals above 0. */
struct ds_peering_times {
	int64_t sent_ns;   /* our last packet */
	int64_t heard_ns;  /* the other side's last valid one */
	int64_t ours_ns;   /* our interval */
	int64_t theirs_ns; /* the interval between its packets */
};
/* One interval after our last packet, moved towards the middle between two packets of the other
 * side: by at most a quarter of the shorter interval to later, a sixteenth to sooner. */
int64_t ds_peering_due_ns(const struct ds_peering_times *times);
/* Our packet is due, and nothing was heard since the last: is the other side's expected within a
 * quarter of its interval, so that ours had better wait? Then until when, else due_ns. */
int64_t ds_peering_wait_ns(const struct ds_peering_times *times, int64_t due_ns);

#endif
