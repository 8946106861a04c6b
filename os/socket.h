/*
 * socket: UDP sockets whose packets come and go with stamps.
 * It must never interpret a packet, wait, or die for a missing feature: what was granted is
 * written in `stamping`.
 *
 * All flags of SO_TIMESTAMPING, and the joining of transmit stamps with their packets, are in
 * os/stamping.c; this room opens, binds, sends and receives.
 */
#ifndef DS_OS_SOCKET_H
#define DS_OS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/exchange/reason.h"
#include "os/address.h"
#include "os/stamping.h"

#define DS_BATCH	 64 /* datagrams a call */
#define DS_DATAGRAM_SIZE 1024
#define DS_CONTROL_SIZE	 512
#define DS_WHY		 256 /* room for a sentence that tells what went wrong */

struct ds_socket {
	int fd; /* -1: closed */
	sa_family_t family;
	bool wildcard; /* bound to no address: answers name theirs */
	struct ds_stamping stamping;
};

/* A datagram received, or a transmit stamp (is_stamp). Pointers are into the batch and last
 * until its next use. */
struct ds_datagram {
	const uint8_t *data; /* is_stamp: NULL, length 0 */
	size_t length;
	union ds_address remote; /* is_stamp: family 0 */
	union ds_address to;	 /* the packet's destination: also where that is many */
	union ds_address local;	 /* family 0 where unknown; port is not set */
	int interface;		 /* index; 0 where unknown */
	bool to_many;		 /* sent to a broadcast or multicast address; false where unknown */
	int64_t realtime_ns;	 /* kernel stamp, CLOCK_REALTIME; 0 without */
	enum ds_stamp_source source; /* of that: NONE (the kernel did not stamp) or KERNEL */
	int64_t card_ns;    /* the card's stamp, of the card's own clock; 0 without. Of a received
			     * packet    it comes with the kernel's, of a sent one by itself */
	int card_interface; /* whose card that was, of a received packet; 0: `interface` */
	uint32_t frame_length; /* of its frame without frame check sequence; 0: unknown */
	bool is_stamp;
	uint32_t token;		   /* is_stamp: what was given to the send */
	bool truncated;		   /* longer than DS_DATAGRAM_SIZE: only its beginning is here */
	uint8_t ptp_form;	   /* 0 here: for who unwraps it (enum ds_ptp_form), */
	int64_t ptp_correction_ns; /* ... and what stood there */
};

/* Room for DS_BATCH datagrams in one call; about 120 KiB; one a thread is enough. Opaque. */
struct ds_batch;
struct ds_batch *ds_batch_new(void); /* at start-up only; NULL without memory */
void ds_batch_free(struct ds_batch *batch);

/* A server's socket on `local` (port 0: any). Wildcard IPv6 sockets are V6ONLY. interface: bind
 * to it, NULL: all. Allocates its ring of awaited stamps. Returns 0 or a negative errno, with a
 * sentence in why. */
int ds_socket_open_server(struct ds_socket *s, const union ds_address *local, const char *interface,
			  char why[DS_WHY]);
/* A client's socket for one request: connected to `remote`, so that other hosts are not heard;
 * local: family 0 or NULL (any) or the address and port to send from (bindacqaddress,
 * acquisitionport); a port may be shared by clients of different servers and with a server of this
 * host that allows it. Every packet it sends is stamped. Allocates nothing. */
int ds_socket_open_client(struct ds_socket *s, const union ds_address *remote,
			  const union ds_address *local, const char *interface, char why[DS_WHY]);
/* Safe on a socket that is closed (fd -1; zeroed memory is no closed socket). Keeps
 * stamping.counters. */
void ds_socket_close(struct ds_socket *s);
/* The address that a socket is bound to, or that the kernel chose when it was connected; false
 * where it does not tell. */
bool ds_socket_local(const struct ds_socket *s, union ds_address *local);

/* The address that packets to `remote` leave from by the present routes; false without one. Sends
 * nothing. */
bool ds_socket_local_for(const union ds_address *remote, union ds_address *local);

/* Keep one alive as long as client sockets come and go: the kernel begins to stamp received
 * packets some time after the first socket asks for it. Never read or polled; its `stamping` tells
 * what this kernel grants. Returns 0 or a negative errno. */
int ds_socket_open_keeper(struct ds_socket *s, sa_family_t family);

/* Hear what is sent to a multicast group, on an interface (its index; 0: the one that routes lead
 * to). Joined already is no failure. Returns 0 or a negative errno. */
int ds_socket_join(struct ds_socket *s, const union ds_address *group, unsigned interface);

/* The broadcast address of the subnet of a host's own IPv4 address; port 0. 0, or a negative errno:
 * -EADDRNOTAVAIL where no interface that can broadcast has it. */
int ds_socket_broadcast_of(const union ds_address *own, union ds_address *broadcast);

/* Around the send of one packet to many: on, with the hops that a multicast packet may go (1: it
 * stays on the link; no copy comes back to this host), then off. Off, which is how a socket is
 * opened, nothing that it sends can reach a broadcast address, whatever a forged sender was.
 * Returns 0 or a negative errno. */
int ds_socket_to_many(struct ds_socket *s, bool on, uint8_t hops);

/* Read what poll() reported, once: at most DS_BATCH datagrams into the batch.
 * error_queue: MSG_ERRQUEUE; what comes back may still be a normal datagram (seen under
 * preloaded simulators): `is_stamp` tells. Returns how many (0: nothing there), or a negative
 * errno. Stamps that cannot be joined are counted in s->stamping.counters and left out, as are
 * messages of the error queue that are no stamps; so 0 does not mean that the queue is empty,
 * poll() tells. An ICMP error (ECONNREFUSED, EHOSTUNREACH) comes as negative errno of a normal
 * read: where poll() says POLLERR, read both ways. */
int ds_socket_receive(struct ds_socket *s, struct ds_batch *batch, bool error_queue,
		      struct ds_datagram out[DS_BATCH]);

struct ds_outgoing {
	const uint8_t *data;
	size_t length;
	const union ds_address *remote; /* NULL on a connected socket */
	const union ds_address *local;	/* NULL, or the address to answer from */
	int interface;			/* with local of link scope; else 0 */
	bool stamp;			/* a transmit stamp is wanted, reported as `token` */
	bool card;			/* ... and the card's; of a client's socket always */
	uint32_t token;
};

/* Send `count` (at most DS_BATCH) datagrams in order, by one sendmmsg where more than one. One
 * that fails is left out and the rest goes on (a forged sender must not cost others their
 * answers), unless the kernel has no room. Returns how many the kernel took (0..count); the others
 * are lost, their ids given back, and the caller counts DS_R_SEND_FAILED. errno tells why of the
 * first that failed; 0 if none did. */
int ds_socket_send(struct ds_socket *s, struct ds_batch *batch, const struct ds_outgoing *out,
		   int count);

#endif
