/*
 * route: by which interface the kernel sends packets from us to a host, and which addresses are
 * ours. It must never wait, change a route, or guess: where the kernel gives no single answer there
 * is none.
 *
 * Source: rtnetlink(7), RTM_GETROUTE. The kernel answers while it is asked, so that nothing is
 * waited for; no right is needed, and the socket outlives the giving up of rights.
 */
#ifndef DS_OS_ROUTE_H
#define DS_OS_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "os/address.h"
#include "os/socket.h"

struct ds_route {
	int fd; /* -1: closed; nothing is known then */
	uint32_t sequence;
};

/* Open the one socket there is. Returns 0 or a negative errno (then closed). */
int ds_route_open(struct ds_route *r);
/* Safe on one that is closed (fd -1; zeroed memory is no closed one). */
void ds_route_close(struct ds_route *r);

/* Index (above 0) of the interface by which UDP packets from `local` (family 0: unknown) to
 * `remote` leave, by the routes of this moment and both ports where they are not 0. 0 where there
 * is nothing to be held against an answer: no route, several next hops (ECMP), a destination
 * that is this host (answers then come by the loopback interface or not, as it pleases the kernel),
 * an error. Does not know of marks that a firewall gives, nor of namespaces entered later. */
int ds_route_interface(struct ds_route *r, const union ds_address *remote,
		       const union ds_address *local);

/* The same for a connected socket, with its local address. 0 also where the socket is bound to an
 * interface (bindacqdevice, VRF, an IPv6 address of link scope): then the kernel delivers to it
 * only what came by that. */
int ds_route_of_socket(struct ds_route *r, const struct ds_socket *s,
		       const union ds_address *remote, const union ds_address *local);

/* The addresses of this host's interfaces at this moment, ports 0, without those of loopback;
 * at most `room`, what is beyond is left out. Asked over a socket of its own, closed again; *r only
 * tells whether the kernel is to be asked at all. Returns how many, or a negative errno (-EBADF: *r
 * is closed) with nothing written. */
int ds_route_addresses(const struct ds_route *r, union ds_address *list, int room);

#endif
