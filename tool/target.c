/* target: see the header. It must never ask the resolver for what is no name of a host. */
#include "tool/target.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/exchange/wire.h"
#include "tool/options.h"

/* "HOST", "HOST:PORT", "[IPv6]", "[IPv6]:PORT", a bare IPv6 address. False for a bad port. */
static bool split(const char *text, char host[256], uint16_t *port)
{
	const char *colon = strrchr(text, ':');
	size_t length = strlen(text);
	char *end;

	*port = DS_WIRE_PORT;
	if (text[0] == '[') {
		const char *close = strchr(text, ']');
		if (!close || (close[1] != '\0' && close[1] != ':'))
			return false;
		colon = close[1] == ':' ? close + 1 : NULL;
		text++;
		length = (size_t)(close - text);
	} else if (colon && strchr(text, ':') == colon) {
		length = (size_t)(colon - text);
	} else {
		colon = NULL;
	}
	if (colon) {
		unsigned long number = strtoul(colon + 1, &end, 10);
		if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || number < 1 ||
		    number > 65535)
			return false;
		*port = (uint16_t)number;
	}
	if (length == 0 || length >= 256)
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	return true;
}

int ds_target_find(const char *verb, const char *text, int family, union ds_address *out)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found = NULL;
	char host[256];
	uint16_t port;

	if (!split(text, host, &port)) {
		fprintf(stderr, "drivestamp %s: '%s' is not HOST, HOST:PORT or [IPv6]:PORT\n", verb,
			text);
		return DS_EXIT_USAGE;
	}
	int error = getaddrinfo(host, NULL, &hints, &found);
	if (error != 0) {
		fprintf(stderr, "drivestamp %s: cannot find '%s': %s\n", verb, host,
			error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
		return 1;
	}
	memcpy(out, found->ai_addr,
	       found->ai_addrlen < sizeof(*out) ? found->ai_addrlen : sizeof(*out));
	ds_address_set_port(out, port);
	freeaddrinfo(found);
	return 0;
}

bool ds_target_is_nearby(const union ds_address *a)
{
	if (a->family == AF_INET6) {
		const uint8_t *b = a->in6.sin6_addr.s6_addr;
		return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr) || (b[0] & 0xfe) == 0xfc ||
		       (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
	}
	uint32_t host = ntohl(a->in.sin_addr.s_addr);
	return host >> 24 == 127 || host >> 24 == 10 || host >> 20 == 0xac1 ||
	       host >> 16 == 0xc0a8 || host >> 16 == 0xa9fe;
}
