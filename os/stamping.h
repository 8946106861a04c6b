/*
 * stamping: SO_TIMESTAMPING, and which packet a transmit stamp belongs to. The one room that
 * knows the flags.
 * It must never join a stamp by guess, and never call a stamp hardware's that is not.
 *
 * Source: the kernel's Documentation/networking/timestamping.rst; exchange.md part 5.
 *
 * A transmit stamp is joined with its packet by one of three, in this order:
 *   frame      the packet came back with its stamp (kernels without OPT_TSONLY, preloaded
 *              simulators): its transmit cookie names it;
 *   chosen id  SCM_TS_OPT_ID (Linux 6.13 and later): an id that we give to each send;
 *   counter    OPT_ID: the kernel counts the packets that ask for a stamp, and so do we. After a
 *              failed send nobody knows whether the kernel counted it: the socket is then in
 *              *doubt*. In doubt no stamp is asked for, until every stamp asked for before has
 *              come (or a second has passed); then the kernel's counter is set to zero.
 * Chosen ids start far away from where a counter starts, so that a kernel which ignores them is
 * found out by its first stamp, and the counter is used from then on.
 *
 * Cards. Once ds_stamping_ask_cards() was called, sockets opened later also ask for the stamps of
 * network cards, in the time of the card's own clock: of all packets of a socket that stamps all,
 * of single ones where it does so packet by packet. The kernel reports its own stamp and the card's
 * of one packet as two messages with one id (OPT_TX_SWHW); each is joined, a third is DOUBLE. They
 * are kept apart: what a card's stamp means is not known here.
 *
 * The order of calls for a send: ds_stamping_expect() for each packet, ds_stamping_control() to
 * write what goes with it, the send; ds_stamping_unsent() for each that failed.
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

#define DS_STAMPING_PENDING	256 /* stamps awaited on a server's socket; the oldest gives way */
#define DS_STAMPING_OWN		4   /* stamps awaited on a client's socket */
#define DS_STAMPING_FIRST_ID	UINT32_C(0x40000000) /* the first chosen id of a socket */
#define DS_STAMPING_DOUBT_NS	INT64_C(1000000000)  /* doubt lasts at most that long */
#define DS_STAMPING_CONTROL_MAX 48 /* bytes that ds_stamping_control() writes at most */

enum ds_join {
	DS_JOIN_NONE,	   /* no ids: only a frame that comes back can be joined */
	DS_JOIN_CHOSEN_ID, /* SCM_TS_OPT_ID */
	DS_JOIN_COUNTER,   /* SOF_TIMESTAMPING_OPT_ID */
};

#define DS_STAMPING_OWES(source) (1U << (source))

enum ds_pending_state {
	DS_PENDING_FREE = 0,
	DS_PENDING_LIVE,     /* its stamp is awaited */
	DS_PENDING_REPORTED, /* one has come; kept to know a second one */
};

struct ds_pending_stamp {
	ds_ntp64 cookie; /* transmit field of the packet */
	uint32_t id;	 /* as the kernel will report it */
	uint32_t token;	 /* as the caller knows it */
	uint8_t state;	 /* enum ds_pending_state */
	uint8_t owed;	 /* a bit for each source that may still report (DS_STAMPING_OWES()) */
	bool card;	 /* the card's stamp was asked for as well */
	bool wanted;	 /* by the caller; else only the kernel reports it */
};

/* May be copied while its socket is open. */
struct ds_stamping {
	bool receive;	 /* kernel receive stamps were granted */
	bool transmit;	 /* kernel transmit stamps were granted */
	bool hardware;	 /* the card's stamps may be asked for */
	bool both;	 /* of one packet the kernel reports both, its own and the card's */
	bool per_packet; /* transmit stamps are asked for packet by packet, else for all */
	bool doubt;	 /* counter only: see above */
	bool id_seen;	 /* chosen id only: one has come back */
	enum ds_join join;
	uint32_t flags;		       /* of SO_TIMESTAMPING, as granted */
	uint32_t next_id;	       /* of the next packet that asks for a stamp */
	uint32_t live;		       /* pending, with a stamp still owed */
	int64_t doubt_since_ns;	       /* CLOCK_MONOTONIC */
	struct ds_pending_stamp *ring; /* NULL: `own` */
	uint32_t ring_size;	       /* a power of two */
	struct ds_pending_stamp own[DS_STAMPING_OWN];
	uint64_t sent; /* stamps asked for, ever */
	struct ds_counters
		counters; /* DS_R_STAMP_*, DS_R_ERROR_QUEUE_OTHER, DS_R_CONTROL_TRUNCATED */
};

/* How a socket should be stamped. */
struct ds_stamping_wish {
	bool transmit;	 /* transmit stamps at all */
	bool per_packet; /* only of packets that ask (servers); kernels before 4.7 stamp them all */
	enum ds_join best; /* tests force DS_JOIN_COUNTER or DS_JOIN_NONE; else DS_JOIN_CHOSEN_ID */
	struct ds_pending_stamp
		*ring;	    /* zeroed, outlives the socket; NULL: DS_STAMPING_OWN inside */
	uint32_t ring_size; /* a power of two */
};

/* From now on sockets that are opened ask for the stamps of cards, too; or not. At first they do
 * not: a kernel that is asked does more for each packet. For the whole process. */
void ds_stamping_ask_cards(bool on);

/* Ask for stamps on socket fd, and for less where the kernel refuses; *s says what was granted.
 * Begins everything anew, counters included. */
void ds_stamping_open(struct ds_stamping *s, int fd, const struct ds_stamping_wish *wish);

/* Call once before each call that sends: leaves doubt when that is safe. */
void ds_stamping_before_send(struct ds_stamping *s, int fd);

/* A packet that begins with `data` is about to be sent. wanted: its stamp is, as `token`; where the
 * socket stamps all packets, call it for those as well whose stamp is not. True: *id is its id, and
 * ds_stamping_control() must go with it. False: no stamp will come (none granted, none wanted, or
 * doubt, which is counted as DS_R_STAMP_MISSING). card: where stamps are asked for packet by
 * packet, the card's of this one as well (a socket that stamps all asks the card for all). */
bool ds_stamping_expect(struct ds_stamping *s, const uint8_t *data, size_t length, bool wanted,
			bool card, uint32_t token, uint32_t *id);

/* Write the ancillary data of a packet with this id; returns its bytes (a multiple of the
 * alignment of control messages, at most DS_STAMPING_CONTROL_MAX). */
size_t ds_stamping_control(const struct ds_stamping *s, uint32_t id, uint8_t *out);

/* The packet of this id was not sent: forget it. With the counter: begin doubt. */
void ds_stamping_unsent(struct ds_stamping *s, int fd, uint32_t id);

/* The kernel refused an ancillary message (EINVAL) of packet `id`, which was then taken without
 * it: no chosen ids any more, on this socket and on those opened later. */
void ds_stamping_no_chosen_ids(struct ds_stamping *s, int fd);

/* What came with a received message. */
struct ds_ancillary {
	int64_t realtime_ns; /* the kernel's, CLOCK_REALTIME; 0: no stamp */
	int64_t card_ns;     /* the card's, of the card's own clock; 0: no stamp */
	int interface;	 /* that the packet came in by, of what is real (OPT_PKTINFO); 0: unknown */
	uint32_t length; /* of its frame, without frame check sequence; 0: unknown */
	bool is_stamp;	 /* SO_EE_ORIGIN_TIMESTAMPING, and of the moment of sending */
	bool is_error;	 /* any extended error, a stamp or not */
	uint32_t id;
};

/* Take in one ancillary message; others than those of stamps are left alone. */
void ds_stamping_take(const struct ds_stamping *s, const struct cmsghdr *cmsg,
		      struct ds_ancillary *out);

/* A transmit stamp has come from `source` (kernel or hardware), with `length` bytes of its packet's
 * frame (0 with OPT_TSONLY).
 * DS_R_OK: *token is its packet's. Else DS_R_STAMP_DOUBLE or DS_R_STAMP_WRONG_ID, which are
 * counted here, or DS_R_STAMP_LATE, uncounted: nobody wanted it. */
enum ds_reason ds_stamping_join(struct ds_stamping *s, int fd, uint32_t id,
				enum ds_stamp_source source, const uint8_t *frame, size_t length,
				uint32_t *token);

/* How many stamps are still wanted, neither come nor given up (DS_R_STAMP_MISSING). */
uint32_t ds_stamping_awaited(const struct ds_stamping *s);

/* Where the UDP payload begins in a looped-back frame: Ethernet (with or without VLAN tags) or
 * bare IP, IPv4 or IPv6 without extension headers; 0 if it is none of these. */
size_t ds_stamping_payload_offset(const uint8_t *frame, size_t length);

#endif
