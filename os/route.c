/*
 * route: one question and one answer over a netlink socket of its own, both of fixed size.
 * It must never take an answer to another question, or read beyond the one it got.
 */
#include "os/route.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "os/netlink.h"

#define STRAY_MAX 8    /* answers to questions given up, before ours */
#define DUMP_SIZE 8192 /* what the kernel puts into one part of a list, at most */
#define DUMP_MAX  256  /* parts of a list */

struct list_question {
	struct nlmsghdr header;
	struct ifaddrmsg address;
};

struct question {
	struct nlmsghdr header;
	struct rtmsg route;
	uint8_t attributes[128];
};

int ds_route_open(struct ds_route *r)
{
	int fd = ds_netlink_open(NETLINK_ROUTE, SOCK_NONBLOCK);

	*r = (struct ds_route){.fd = fd < 0 ? -1 : fd};
	return fd < 0 ? fd : 0;
}

void ds_route_close(struct ds_route *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

static void add(struct question *q, unsigned short type, const void *data, size_t length)
{
	struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(length), .rta_type = type};
	uint8_t *at = (uint8_t *)q + NLMSG_ALIGN(q->header.nlmsg_len);

	memcpy(at, &attribute, sizeof(attribute));
	memcpy(at + RTA_LENGTH(0), data, length);
	q->header.nlmsg_len =
		NLMSG_ALIGN(q->header.nlmsg_len) + (uint32_t)RTA_ALIGN(RTA_LENGTH(length));
}

static uint8_t add_host(struct question *q, unsigned short type, const union ds_address *a)
{
	if (a->family == AF_INET) {
		add(q, type, &a->in.sin_addr, sizeof(a->in.sin_addr));
		return 32;
	}
	add(q, type, &a->in6.sin6_addr, sizeof(a->in6.sin6_addr));
	return 128;
}

static void add_port(struct question *q, unsigned short type, const union ds_address *a)
{
	const uint16_t port = htons(ds_address_port(a));

	if (port != 0)
		add(q, type, &port, sizeof(port));
}

static bool is_known_host(const union ds_address *a, sa_family_t family)
{
	if (a == NULL || a->family != family)
		return false;
	return family == AF_INET ? a->in.sin_addr.s_addr != htonl(INADDR_ANY)
				 : !IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

static void write_question(struct question *q, uint32_t sequence, const union ds_address *remote,
			   const union ds_address *local)
{
	const uint8_t protocol = IPPROTO_UDP;

	memset(q, 0, sizeof(*q));
	q->header.nlmsg_len = NLMSG_LENGTH(sizeof(q->route));
	q->header.nlmsg_type = RTM_GETROUTE;
	q->header.nlmsg_flags = NLM_F_REQUEST;
	q->header.nlmsg_seq = sequence;
	q->route.rtm_family = (unsigned char)remote->family;
	/* The route itself, which tells whether it has more than one next hop; kernels before 4.13
	 * tell the hop that they would take. */
	q->route.rtm_flags = RTM_F_FIB_MATCH;
	q->route.rtm_dst_len = add_host(q, RTA_DST, remote);
	if (is_known_host(local, remote->family))
		q->route.rtm_src_len = add_host(q, RTA_SRC, local);
	add(q, RTA_IP_PROTO, &protocol, sizeof(protocol));
	add_port(q, RTA_DPORT, remote);
	if (local != NULL && local->family == remote->family)
		add_port(q, RTA_SPORT, local);
}

/* The interface that a message of the kernel names, of `length` bytes; 0 if it is not one answer.
 */
static int read_answer(const uint8_t *answer, size_t length)
{
	size_t at = NLMSG_LENGTH(sizeof(struct rtmsg));
	struct nlmsghdr header;
	struct rtattr attribute;
	struct rtmsg route;
	int interface = 0;

	if (length < at)
		return 0;
	memcpy(&header, answer, sizeof(header));
	memcpy(&route, answer + NLMSG_HDRLEN, sizeof(route));
	if (header.nlmsg_type != RTM_NEWROUTE || route.rtm_type != RTN_UNICAST)
		return 0;
	for (; at + sizeof(attribute) <= length; at += RTA_ALIGN((size_t)attribute.rta_len)) {
		memcpy(&attribute, answer + at, sizeof(attribute));
		if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > length - at ||
		    attribute.rta_type == RTA_MULTIPATH)
			return 0;
		if (attribute.rta_type == RTA_OIF &&
		    attribute.rta_len == RTA_LENGTH(sizeof(interface)))
			memcpy(&interface, answer + at + RTA_LENGTH(0), sizeof(interface));
	}
	return interface > 0 ? interface : 0;
}

int ds_route_interface(struct ds_route *r, const union ds_address *remote,
		       const union ds_address *local)
{
	uint8_t answer[1024];
	struct nlmsghdr header;
	struct question q;

	if (r->fd < 0 || (remote->family != AF_INET && remote->family != AF_INET6))
		return 0;
	write_question(&q, ++r->sequence, remote, local);
	if (send(r->fd, &q, q.header.nlmsg_len, MSG_DONTWAIT) < 0)
		return 0;
	for (int i = 0; i < STRAY_MAX; i++) {
		ssize_t length = recv(r->fd, answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);

		if (length < (ssize_t)sizeof(header))
			return 0;
		memcpy(&header, answer, sizeof(header));
		if (header.nlmsg_seq != r->sequence)
			continue;
		/* One with too many attributes for this room is a route that is too odd. */
		return (size_t)length <= sizeof(answer) ? read_answer(answer, (size_t)length) : 0;
	}
	return 0;
}

int ds_route_of_socket(struct ds_route *r, const struct ds_socket *s,
		       const union ds_address *remote, const union ds_address *local)
{
	char bound[IF_NAMESIZE] = "";
	socklen_t length = sizeof(bound);

	if (r->fd < 0)
		return 0;
	if (getsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, bound, &length) == 0 && length > 0 &&
	    bound[0] != '\0')
		return 0;
	return ds_route_interface(r, remote, local);
}

/* One address out of a message of `length` bytes; false: none that others could know us by. */
static bool read_address(const uint8_t *message, size_t length, union ds_address *out)
{
	size_t at = NLMSG_LENGTH(sizeof(struct ifaddrmsg));
	struct ifaddrmsg header;
	struct rtattr attribute;
	bool local = false;

	memset(out, 0, sizeof(*out));
	if (length < at)
		return false;
	memcpy(&header, message + NLMSG_HDRLEN, sizeof(header));
	for (; at + sizeof(attribute) <= length; at += RTA_ALIGN((size_t)attribute.rta_len)) {
		const uint8_t *value = message + at + RTA_LENGTH(0);

		memcpy(&attribute, message + at, sizeof(attribute));
		if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > length - at)
			return false;
		/* Of a point-to-point link IFA_ADDRESS is the other end's. */
		if (attribute.rta_type != IFA_LOCAL && (attribute.rta_type != IFA_ADDRESS || local))
			continue;
		local = attribute.rta_type == IFA_LOCAL;
		if (header.ifa_family == AF_INET && attribute.rta_len == RTA_LENGTH(4))
			memcpy(&out->in.sin_addr, value, 4);
		else if (header.ifa_family == AF_INET6 && attribute.rta_len == RTA_LENGTH(16))
			memcpy(&out->in6.sin6_addr, value, 16);
		else
			return false;
		out->family = header.ifa_family;
	}
	return out->family != 0 && !ds_address_is_loopback(out);
}

/* One part of the list. Returns false at its end. */
static bool read_part(const uint8_t *part, size_t length, union ds_address *list, int room,
		      int *count)
{
	struct nlmsghdr header;

	for (size_t at = 0; at + sizeof(header) <= length; at += NLMSG_ALIGN(header.nlmsg_len)) {
		memcpy(&header, part + at, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > length - at ||
		    header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR)
			return false;
		if (header.nlmsg_type == RTM_NEWADDR && *count < room &&
		    read_address(part + at, header.nlmsg_len, &list[*count]))
			(*count)++;
	}
	return true;
}

int ds_route_addresses(const struct ds_route *r, union ds_address *list, int room)
{
	struct list_question q = {
		.header = {.nlmsg_len = sizeof(q),
			   .nlmsg_type = RTM_GETADDR,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	};
	uint8_t part[DUMP_SIZE];
	struct ds_route own;
	int count = 0;
	int rc = r->fd < 0 ? -EBADF : ds_route_open(&own);

	if (rc != 0)
		return rc;
	if (send(own.fd, &q, sizeof(q), MSG_DONTWAIT) < 0)
		rc = -errno;
	for (int i = 0; i < DUMP_MAX && rc == 0; i++) {
		ssize_t length = recv(own.fd, part, sizeof(part), MSG_DONTWAIT);

		if (length < 0)
			rc = -errno;
		else if (!read_part(part, (size_t)length, list, room, &count))
			break;
	}
	ds_route_close(&own);
	return rc < 0 ? rc : count;
}
