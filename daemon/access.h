/*
 * access: who may ask the server.
 * It must never allow what no rule allows: the default is to refuse.
 *
 * Rules as chrony's: `allow` and `deny` of a subnet; the most specific one counts, and of equal ones
 * the last; `allow all SUBNET` and `deny all SUBNET` also erase the more specific rules below it.
 */
#ifndef DS_DAEMON_ACCESS_H
#define DS_DAEMON_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "os/address.h"

#define DS_ACCESS_RULES 256

struct ds_access_rule {
	uint8_t prefix[16];
	uint8_t bits;       /* 0..32 or 0..128 */
	sa_family_t family; /* AF_INET, AF_INET6 */
	bool allow;
};

struct ds_access {
	struct ds_access_rule rules[DS_ACCESS_RULES];
	uint16_t count;
};

/* family AF_UNSPEC with bits 0: both families. all: erase rules inside it first. False when full. */
bool ds_access_add(struct ds_access *access, const union ds_address *net, uint8_t bits, bool allow,
		   bool all);
bool ds_access_allowed(const struct ds_access *access, const union ds_address *who);
/* Is there any allowing rule? Without one no server socket is opened. */
bool ds_access_any(const struct ds_access *access);
/* "all", "192.0.2.0/24", "192.0.2", "2001:db8::/32", "192.0.2.1". False if it is none. */
bool ds_access_parse(const char *text, union ds_address *net, uint8_t *bits);

#endif
