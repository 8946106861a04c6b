/*
 * stamps: the moments that a packet's way from one process to another is told by, taken of many
 * packets: the clock before the send, the kernel's transmit stamp, the clock after the send, the
 * card's stamp, the receiver's kernel stamp, the receiver's clock after it has read the packet. It
 * must never join two moments of different packets, and never change how a device stamps.
 *
 * Packets go by the same sockets as the daemon's (os/socket.h), so that what is measured is what it
 * would see. Sender and receiver are processes of their own, which share memory with this one; each
 * packet carries its number, by which its moments are joined. The clock is CLOCK_REALTIME, which
 * is also the kernel's stamps': both ends must be on this machine, or only the sender's side means
 * anything.
 *
 * Time is cut into blocks, idle and loaded by turns; the first packets, and those at the edges of
 * blocks, are marked and not used (DS_LAB_BETWEEN). Not for threads.
 */
#ifndef DS_LAB_STAMPS_H
#define DS_LAB_STAMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/result.h"
#include "os/address.h"
#include "os/socket.h"

#define DS_STAMPS_PACKETS_MAX (1 << 21)
#define DS_STAMPS_BLOCKS_MAX  64
#define DS_STAMPS_LENGTH      48    /* bytes of a packet: as long as NTP's */
#define DS_STAMPS_SETTLE_MS   150   /* after a change of load */
#define DS_STAMPS_BLOCK_LEAST 20    /* packets; a block of fewer is not compared */
#define DS_STAMPS_PORT	      9	    /* discard (RFC 863): where nobody of ours receives */
#define DS_STAMPS_GAP_US      400.0 /* mean */

struct ds_stamps_plan {
	const char *interface;	       /* sent by; NULL: as routes lead */
	int send_netns, receive_netns; /* descriptors of namespaces; -1: where this process is */
	union ds_address from;	       /* family 0: any */
	union ds_address to;	       /* port 0 with `receive`: any free one */
	bool receive;		       /* start a receiver at `to` */
	bool connected;		       /* as a client sends, else as a server does */
	bool card;		       /* the card's stamps as well; needs `connected` */
	double gap_us; /* mean of the gaps between packets, exponential; 20 .. 1e6 */
	int warmup;    /* packets before the first block */
	int blocks;    /* 1..DS_STAMPS_BLOCKS_MAX; loaded ones are the odd ones (1, 3, ...) */
	double block_seconds;	   /* longer, by 3 s at most, until it has packets enough */
	int send_cpu, receive_cpu; /* -1: anywhere */
	/* Put load on or take it away; 0 or a negative errno with a sentence. NULL: all blocks are
	 * idle. */
	int (*load)(void *context, bool on, char why[DS_WHY]);
	void *load_context;
};

/* One packet. Moments in ns since 1970; 0: there is none. */
struct ds_stamps_row {
	int64_t before_ns, kernel_tx_ns, after_ns, card_ns, kernel_rx_ns, user_rx_ns;
	uint8_t condition; /* enum ds_lab_condition */
	uint8_t block;
	bool refused; /* by the kernel: not sent */
	bool at_once; /* the kernel's transmit stamp was there when the send had returned */
};

/* Packets, and where moments were lost; of all rows, used or not. */
struct ds_stamps_counts {
	uint64_t sent, refused;
	uint64_t no_transmit_stamp; /* never came */
	uint64_t stamp_double, stamp_wrong_id, error_queue_other;
	uint64_t lost;		   /* sent to our receiver and not received */
	uint64_t no_receive_stamp; /* received without a stamp of the kernel */
	uint64_t doubled;	   /* received twice: the second one does not count */
	uint64_t foreign;	   /* received, and not ours */
	uint64_t control_truncated;
	uint64_t no_card_stamp; /* where it was asked for */
	int refused_errno;	/* of the first */
};

struct ds_stamps_seen {
	struct ds_stamps_row *rows; /* owned; row i is packet i */
	size_t count;
	struct ds_stamps_counts counts;
	bool partial; /* a signal cut it short */
};

/* Send and receive as planned. 0, or a negative errno with a sentence: -EINVAL for a plan out of
 * range, what the sender or the receiver could not do. On failure *seen is empty. Leaves no process
 * behind. A signal that ds_rig_signal() tells of ends it early: partial. */
int ds_stamps_measure(const struct ds_stamps_plan *plan, struct ds_stamps_seen *seen,
		      char why[DS_WHY]);
void ds_stamps_free(struct ds_stamps_seen *seen);

/* The bytes of packet `number` of a run, and back: false where they are not of this run. */
void ds_stamps_write(uint8_t packet[DS_STAMPS_LENGTH], uint64_t run, uint32_t number);
bool ds_stamps_read(const uint8_t *packet, size_t length, uint64_t run, uint32_t *number);

/* The first two processors that this process may use, in *first and *second (the same where there
 * is one). */
void ds_stamps_processors(int *first, int *second);

#endif
