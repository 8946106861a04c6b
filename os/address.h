/*
 * address: an IPv4 or IPv6 socket address in 28 bytes, and its text.
 * It must never look a name up.
 */
#ifndef DS_OS_ADDRESS_H
#define DS_OS_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

union ds_address {
	sa_family_t family; /* AF_UNSPEC (0), AF_INET, AF_INET6, DS_ADDRESS_REFCLOCK */
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* A reference clock is at no address; its name is its reference ID, which stands where IPv4 has its
 * address. No packet can come from it. */
#define DS_ADDRESS_REFCLOCK AF_UNIX

#define DS_ADDRESS_TEXT 72 /* "[...%iface]:port" and its end: 46 + 16 + 8 at most */

/* Parse a numeric address (IPv6 may carry %interface). False for anything else; *out then has
 * family 0. port: host order. */
bool ds_address_parse(const char *text, uint16_t port, union ds_address *out);
/* The name of a reference clock; ref_id: as on the wire, the first character highest. */
void ds_address_set_refclock(union ds_address *a, uint32_t ref_id);
socklen_t ds_address_length(const union ds_address *a);
uint16_t ds_address_port(const union ds_address *a);
void ds_address_set_port(union ds_address *a, uint16_t port);
bool ds_address_same_host(const union ds_address *a, const union ds_address *b);
bool ds_address_equal(const union ds_address *a, const union ds_address *b);
/* Of a group of hosts: 224.0.0.0/4 or ff00::/8. */
bool ds_address_is_multicast(const union ds_address *a);
/* Of this host only: 127.0.0.0/8 or ::1. */
bool ds_address_is_loopback(const union ds_address *a);
/* "192.0.2.1" or "2001:db8::1"; with_port: "192.0.2.1:123", "[2001:db8::1]:123". Of a reference
 * clock its ID ("GPS"), unprintable characters as '?'. Returns buffer. */
const char *ds_address_text(const union ds_address *a, bool with_port,
			    char buffer[DS_ADDRESS_TEXT]);
/* What a server has as reference id of this source (RFC 5905 section 7.3): IPv4: the address; IPv6:
 * the first 32 bits of the MD5 digest of it; its own of a reference clock. 0 for other families. */
uint32_t ds_address_ref_id(const union ds_address *a);
/* Keyed hash, 24 bits, of the prefix that shares slots: /24 of IPv4, /48 of IPv6. */
uint32_t ds_address_prefix_hash(const union ds_address *a, uint64_t key);

#endif
