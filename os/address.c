/*
 * address: numeric addresses only, by inet_pton() and if_nametoindex(). IPv4-mapped IPv6 addresses
 * are not folded: the sockets are V6ONLY, so that none arrives.
 */
#include "os/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/md5.h"

static bool parse_scope(const char *text, uint32_t *scope)
{
	char *end;
	unsigned long number;

	*scope = if_nametoindex(text);
	if (*scope)
		return true;
	if (text[0] < '0' || text[0] > '9')
		return false;
	number = strtoul(text, &end, 10);
	if (*end || number > UINT32_MAX)
		return false;
	*scope = (uint32_t)number;
	return true;
}

static bool parse_in6(const char *text, struct sockaddr_in6 *in6)
{
	char host[INET6_ADDRSTRLEN];
	const char *percent = strchr(text, '%');
	size_t length = percent ? (size_t)(percent - text) : strlen(text);

	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return false;
	return !percent || parse_scope(percent + 1, &in6->sin6_scope_id);
}

bool ds_address_parse(const char *text, uint16_t port, union ds_address *out)
{
	union ds_address a = {0};
	bool ok = true;

	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1)
		a.family = AF_INET;
	else if (parse_in6(text, &a.in6))
		a.family = AF_INET6;
	else
		ok = false;
	if (!ok)
		memset(&a, 0, sizeof(a));
	ds_address_set_port(&a, port);
	*out = a;
	return ok;
}

void ds_address_set_refclock(union ds_address *a, uint32_t ref_id)
{
	memset(a, 0, sizeof(*a));
	a->family = DS_ADDRESS_REFCLOCK;
	a->in.sin_addr.s_addr = htonl(ref_id);
}

socklen_t ds_address_length(const union ds_address *a)
{
	switch (a->family) {
	case AF_INET:
		return sizeof(a->in);
	case AF_INET6:
		return sizeof(a->in6);
	default:
		return 0;
	}
}

uint16_t ds_address_port(const union ds_address *a)
{
	switch (a->family) {
	case AF_INET:
		return ntohs(a->in.sin_port);
	case AF_INET6:
		return ntohs(a->in6.sin6_port);
	default:
		return 0;
	}
}

void ds_address_set_port(union ds_address *a, uint16_t port)
{
	if (a->family == AF_INET)
		a->in.sin_port = htons(port);
	else if (a->family == AF_INET6)
		a->in6.sin6_port = htons(port);
}

bool ds_address_same_host(const union ds_address *a, const union ds_address *b)
{
	if (a->family != b->family)
		return false;
	switch (a->family) {
	case AF_INET:
	case DS_ADDRESS_REFCLOCK:
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	case AF_INET6:
		return !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) &&
		       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
	default:
		return true;
	}
}

bool ds_address_is_multicast(const union ds_address *a)
{
	if (a->family == AF_INET)
		return IN_MULTICAST(ntohl(a->in.sin_addr.s_addr));
	return a->family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&a->in6.sin6_addr);
}

bool ds_address_is_loopback(const union ds_address *a)
{
	if (a->family == AF_INET)
		return ntohl(a->in.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
	return a->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

bool ds_address_equal(const union ds_address *a, const union ds_address *b)
{
	return ds_address_same_host(a, b) && ds_address_port(a) == ds_address_port(b);
}

static void host_text(const union ds_address *a, char *out, size_t size)
{
	char scope[IF_NAMESIZE];
	size_t length;

	if (a->family == AF_INET) {
		inet_ntop(AF_INET, &a->in.sin_addr, out, (socklen_t)size);
		return;
	}
	inet_ntop(AF_INET6, &a->in6.sin6_addr, out, (socklen_t)size);
	if (!a->in6.sin6_scope_id)
		return;
	length = strlen(out);
	if (if_indextoname(a->in6.sin6_scope_id, scope))
		snprintf(out + length, size - length, "%%%s", scope);
	else
		snprintf(out + length, size - length, "%%%u", a->in6.sin6_scope_id);
}

static const char *ref_id_text(const union ds_address *a, char *out)
{
	const uint32_t id = ntohl(a->in.sin_addr.s_addr);
	int length = 0;

	for (int shift = 24; shift >= 0 && (id << (24 - shift)) != 0; shift -= 8) {
		char c = (char)(id >> shift & 0xff);

		out[length++] = c > ' ' && c < 0x7f ? c : '?';
	}
	out[length] = '\0';
	return out;
}

const char *ds_address_text(const union ds_address *a, bool with_port, char buffer[DS_ADDRESS_TEXT])
{
	/* the longest: 45 characters of address, '%' and 15 of interface */
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE];

	if (a->family == DS_ADDRESS_REFCLOCK)
		return ref_id_text(a, buffer);
	if (a->family != AF_INET && a->family != AF_INET6) {
		snprintf(buffer, DS_ADDRESS_TEXT, "(none)");
		return buffer;
	}
	host_text(a, host, sizeof(host));
	if (!with_port)
		snprintf(buffer, DS_ADDRESS_TEXT, "%s", host);
	else if (a->family == AF_INET)
		snprintf(buffer, DS_ADDRESS_TEXT, "%s:%u", host, ds_address_port(a));
	else
		snprintf(buffer, DS_ADDRESS_TEXT, "[%s]:%u", host, ds_address_port(a));
	return buffer;
}

uint32_t ds_address_ref_id(const union ds_address *a)
{
	uint8_t digest[DS_MD5_SIZE];

	switch (a->family) {
	case AF_INET:
	case DS_ADDRESS_REFCLOCK:
		return ntohl(a->in.sin_addr.s_addr);
	case AF_INET6:
		ds_md5(a->in6.sin6_addr.s6_addr, sizeof(a->in6.sin6_addr.s6_addr), digest);
		return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 |
		       (uint32_t)digest[2] << 8 | digest[3];
	default:
		return 0;
	}
}

/* The finaliser of MurmurHash3: every bit of the input moves half of the output. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	x ^= x >> 33;
	return x;
}

uint32_t ds_address_prefix_hash(const union ds_address *a, uint64_t key)
{
	uint64_t prefix = 0;

	if (a->family == AF_INET) {
		prefix = UINT64_C(1) << 48 | (ntohl(a->in.sin_addr.s_addr) >> 8);
	} else if (a->family == AF_INET6) {
		for (size_t i = 0; i < 6; i++)
			prefix = prefix << 8 | a->in6.sin6_addr.s6_addr[i];
		prefix |= UINT64_C(2) << 48;
	}
	/* the key goes in twice: a difference of prefixes must not survive an XOR */
	return (uint32_t)(mix(mix(prefix + key) ^ (key << 32 | key >> 32)) >> 40);
}
