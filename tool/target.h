/*
 * target: the host that a verb of the tool is pointed at.
 * It must never take a stranger's host for one that may be asked quickly.
 */
#ifndef DS_TOOL_TARGET_H
#define DS_TOOL_TARGET_H

#include <stdbool.h>

#include "os/address.h"

/* "HOST", "HOST:PORT", "[IPv6]", "[IPv6]:PORT" or a bare IPv6 address; the port is 123 unless
 * given. family: AF_UNSPEC, AF_INET or AF_INET6. Asks the resolver, and waits. The first address
 * goes to *out. Returns 0; or, after a message on stderr that begins with the verb, DS_EXIT_USAGE
 * where the text is none of these, 1 where no such host is known. */
int ds_target_find(const char *verb, const char *text, int family, union ds_address *out);

/* Loopback, link-local and private addresses (RFC 1122, 3927, 1918; RFC 4291, 4193): those that
 * may be asked more often than once a second. */
bool ds_target_is_nearby(const union ds_address *a);

#endif
