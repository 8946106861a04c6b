/*
 * access: who may ask the server.
 * It must never allow what no rule allows: the default is to refuse.
 *
 * Rules as chrony's: `allow` and `deny` of a subnet; the most specific one counts, and of equal
 * ones the last; `allow all SUBNET` and `deny all SUBNET` also erase the more specific rules
 * below it. (chrony keeps tables of four bits, so that there the order matters between prefixes
 * of the same four bits; here the longer prefix wins always.)
 *
 * The rules are kept sorted by address, each with the index of the next wider one that holds it.
 * A lookup is a binary search and a walk outwards, and allocates nothing.
 */
#ifndef DS_DAEMON_ACCESS_H
#define DS_DAEMON_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/address.h"

#define DS_ACCESS_RULES 256  /* different subnets; full: the rule is refused, nothing gives way */
#define DS_ACCESS_NONE	(-1) /* no wider rule */
#define DS_ACCESS_TEXT	52   /* "2001:db8:...:1/128" and its end */

struct ds_access_rule {
	uint8_t prefix[16]; /* in network order; bits behind the prefix are zero */
	uint8_t bits;	    /* 0..32 or 0..128 */
	bool allow;
	sa_family_t family; /* AF_INET, AF_INET6 */
	int16_t wider;	    /* index of the narrowest rule around this one, or DS_ACCESS_NONE */
};

/* All zero: no rule, nobody is allowed. */
struct ds_access {
	struct ds_access_rule rules[DS_ACCESS_RULES]; /* by family, prefix, bits */
	uint16_t count;
};

/* Add a rule, or replace the one of the same subnet. family AF_UNSPEC with bits 0: both families.
 * all: erase rules inside it first. Bits of `net` behind the prefix are ignored. False when full,
 * and for a family or a number of bits that does not exist; then nothing has changed. */
bool ds_access_add(struct ds_access *access, const union ds_address *net, uint8_t bits, bool allow,
		   bool all);
/* False for a family other than IPv4 and IPv6. An IPv4 address mapped into IPv6 is judged by the
 * rules of IPv4. */
bool ds_access_allowed(const struct ds_access *access, const union ds_address *who);
/* Does the subnet hold that address? False for what is no subnet. */
bool ds_access_within(const union ds_address *net, uint8_t bits, const union ds_address *who);
/* Is there any allowing rule? Without one no server socket is opened. */
bool ds_access_any(const struct ds_access *access);
/* "all", "192.0.2.0/24", "192.0.2", "0/0", "2001:db8::/32", "192.0.2.1". False if it is none; then
 * *net and *bits are 0. "all" gives family AF_UNSPEC. */
bool ds_access_parse(const char *text, union ds_address *net, uint8_t *bits);
/* "192.0.2.0/24": what ds_access_parse() reads back. Returns buffer. */
const char *ds_access_rule_text(const struct ds_access_rule *rule, char buffer[DS_ACCESS_TEXT]);

#endif
