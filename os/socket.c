/*
 * socket: one recvmmsg() or sendmmsg() a call over message headers that are set up once; between
 * calls only what the kernel changed is set again. Where an interposed libc knows less (flags of
 * socket(), sendmmsg(), recvmmsg()), the older call is used.
 */
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>

#define RECEIVE_BUFFER	 (1 << 20) /* the error queue shares it */
#define PKTINFO_MAX	 CMSG_SPACE(sizeof(struct in6_pktinfo))
#define SEND_CONTROL_MAX (PKTINFO_MAX + DS_STAMPING_CONTROL_MAX)

struct ds_batch {
	struct mmsghdr in[DS_BATCH];
	struct iovec in_vector[DS_BATCH];
	union ds_address in_name[DS_BATCH];
	int in_used; /* headers that the last call may have changed */

	struct mmsghdr out[DS_BATCH];
	struct iovec out_vector[DS_BATCH];
	size_t out_plain[DS_BATCH]; /* bytes of control without those for the stamp */
	uint32_t out_id[DS_BATCH];
	bool out_stamp[DS_BATCH];
	bool no_sendmmsg, no_recvmmsg;

	_Alignas(struct cmsghdr) uint8_t out_control[DS_BATCH][SEND_CONTROL_MAX];
	_Alignas(struct cmsghdr) uint8_t in_control[DS_BATCH][DS_CONTROL_SIZE];
	uint8_t in_data[DS_BATCH][DS_DATAGRAM_SIZE];
};

static void reset_in(struct ds_batch *b, int count)
{
	for (int i = 0; i < count; i++) {
		struct msghdr *m = &b->in[i].msg_hdr;

		m->msg_namelen = sizeof(b->in_name[i]);
		m->msg_controllen = DS_CONTROL_SIZE;
		m->msg_flags = 0;
	}
}

struct ds_batch *ds_batch_new(void)
{
	struct ds_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	for (int i = 0; i < DS_BATCH; i++) {
		b->in_vector[i] = (struct iovec){b->in_data[i], DS_DATAGRAM_SIZE};
		b->in[i].msg_hdr.msg_iov = &b->in_vector[i];
		b->in[i].msg_hdr.msg_iovlen = 1;
		b->in[i].msg_hdr.msg_name = &b->in_name[i];
		b->in[i].msg_hdr.msg_control = b->in_control[i];
		b->out[i].msg_hdr.msg_iov = &b->out_vector[i];
		b->out[i].msg_hdr.msg_iovlen = 1;
	}
	reset_in(b, DS_BATCH);
	return b;
}

void ds_batch_free(struct ds_batch *batch)
{
	free(batch);
}

/* ---- opening ---- */

/* Preloaded simulators refuse the flags. */
static int open_fd(sa_family_t family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 || errno != EINVAL)
		return fd;
	fd = socket(family, SOCK_DGRAM, 0);
	if (fd < 0)
		return fd;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static int fail(struct ds_socket *s, int error, char why[DS_WHY], const char *what,
		const char *where)
{
	snprintf(why, DS_WHY, "%s %s: %s", what, where, strerror(error));
	ds_socket_close(s);
	return -error;
}

static bool is_wildcard(const union ds_address *a)
{
	return a->family == AF_INET ? a->in.sin_addr.s_addr == htonl(INADDR_ANY)
				    : IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

/* Options without which a socket still works. */
static void set_options(struct ds_socket *s)
{
	const int on = 1;

	if (s->family == AF_INET6) {
		setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		setsockopt(s->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	} else {
		setsockopt(s->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	}
}

static int open_common(struct ds_socket *s, sa_family_t family, const char *interface,
		       char why[DS_WHY])
{
	memset(s, 0, sizeof(*s));
	s->family = family;
	s->wildcard = true;
	s->fd = open_fd(family);
	if (s->fd < 0)
		return fail(s, errno, why, "cannot open a socket for",
			    family == AF_INET6 ? "IPv6" : "IPv4");
	set_options(s);
	if (interface && setsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
				    (socklen_t)strlen(interface) + 1) < 0)
		return fail(s, errno, why, "cannot bind to interface", interface);
	return 0;
}

static int bind_to(struct ds_socket *s, const union ds_address *local, char why[DS_WHY])
{
	int error;
	char text[DS_ADDRESS_TEXT];

	if (bind(s->fd, &local->sa, ds_address_length(local)) < 0) {
		error = errno;
		return fail(s, error, why, "cannot bind to", ds_address_text(local, true, text));
	}
	s->wildcard = is_wildcard(local);
	return 0;
}

int ds_socket_open_server(struct ds_socket *s, const union ds_address *local, const char *interface,
			  char why[DS_WHY])
{
	const int size = RECEIVE_BUFFER;
	const int probe = IP_PMTUDISC_PROBE;
	const int on = 1;
	struct ds_stamping_wish wish = {
		.transmit = true,
		.per_packet = true,
		.best = DS_JOIN_CHOSEN_ID,
		.ring_size = DS_STAMPING_PENDING,
	};
	int error = open_common(s, local->family, interface, why);

	if (error)
		return error;
	setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	/* Answers are never fragmented. Saying so also saves the kernel a shared counter for the
	 * identification field of each (5 % of a busy server's time); PROBE rather than DO: a
	 * forged ICMP message cannot make them too big. */
	if (s->family == AF_INET)
		setsockopt(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
	wish.ring = calloc(wish.ring_size, sizeof(*wish.ring));
	if (!wish.ring)
		return fail(s, ENOMEM, why, "no memory for", "a socket");
	ds_stamping_open(&s->stamping, s->fd, &wish);
	error = bind_to(s, local, why);
	/* Not before: a second server on this port must fail. From now on clients may send from it
	 * (acquisitionport); being connected, they get what is theirs. */
	if (!error)
		setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return error;
}

int ds_socket_open_client(struct ds_socket *s, const union ds_address *remote,
			  const union ds_address *local, const char *interface, char why[DS_WHY])
{
	const struct ds_stamping_wish wish = {.transmit = true, .best = DS_JOIN_CHOSEN_ID};
	const int on = 1;
	char text[DS_ADDRESS_TEXT];
	int error = open_common(s, remote->family, interface, why);

	if (error)
		return error;
	ds_stamping_open(&s->stamping, s->fd, &wish);
	if (local && local->family != AF_UNSPEC) {
		if (ds_address_port(local) != 0)
			setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		error = bind_to(s, local, why);
		if (error)
			return error;
	}
	if (connect(s->fd, &remote->sa, ds_address_length(remote)) < 0) {
		error = errno;
		return fail(s, error, why, "cannot reach", ds_address_text(remote, true, text));
	}
	return 0;
}

int ds_socket_open_keeper(struct ds_socket *s, sa_family_t family)
{
	const struct ds_stamping_wish wish = {.transmit = true, .best = DS_JOIN_CHOSEN_ID};
	char why[DS_WHY];
	int error = open_common(s, family, NULL, why);

	if (!error)
		ds_stamping_open(&s->stamping, s->fd, &wish);
	return error;
}

bool ds_socket_local(const struct ds_socket *s, union ds_address *local)
{
	socklen_t length = sizeof(*local);

	memset(local, 0, sizeof(*local));
	return getsockname(s->fd, &local->sa, &length) == 0 && local->family == s->family;
}

int ds_socket_join(struct ds_socket *s, const union ds_address *group, unsigned interface)
{
	int status;

	if (group->family == AF_INET) {
		const struct ip_mreqn to = {
			.imr_multiaddr = group->in.sin_addr,
			.imr_ifindex = (int)interface,
		};
		status = setsockopt(s->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &to, sizeof(to));
	} else {
		const struct ipv6_mreq to = {
			.ipv6mr_multiaddr = group->in6.sin6_addr,
			.ipv6mr_interface = interface,
		};
		status = setsockopt(s->fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &to, sizeof(to));
	}
	return status == 0 || errno == EADDRINUSE ? 0 : -errno;
}

int ds_socket_broadcast_of(const union ds_address *own, union ds_address *broadcast)
{
	struct ifaddrs *list, *i;

	if (getifaddrs(&list) != 0)
		return -errno;
	for (i = list; i; i = i->ifa_next) {
		const struct sockaddr_in *address =
			(const struct sockaddr_in *)(const void *)i->ifa_addr;
		const struct sockaddr_in *mask =
			(const struct sockaddr_in *)(const void *)i->ifa_netmask;
		if (address && mask && address->sin_family == AF_INET &&
		    (i->ifa_flags & IFF_BROADCAST) &&
		    address->sin_addr.s_addr == own->in.sin_addr.s_addr) {
			memset(broadcast, 0, sizeof(*broadcast));
			broadcast->family = AF_INET;
			broadcast->in.sin_addr.s_addr =
				address->sin_addr.s_addr | ~mask->sin_addr.s_addr;
			break;
		}
	}
	freeifaddrs(list);
	return i ? 0 : -EADDRNOTAVAIL;
}

int ds_socket_to_many(struct ds_socket *s, bool on, uint8_t hops)
{
	const int allowed = on;
	const int number = hops;
	const int looped = 0;

	if (s->family == AF_INET) {
		setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_TTL, &number, sizeof(number));
		setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &looped, sizeof(looped));
	} else {
		setsockopt(s->fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &number, sizeof(number));
		setsockopt(s->fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &looped, sizeof(looped));
	}
	return setsockopt(s->fd, SOL_SOCKET, SO_BROADCAST, &allowed, sizeof(allowed)) == 0 ? 0
											   : -errno;
}

bool ds_socket_local_for(const union ds_address *remote, union ds_address *local)
{
	socklen_t length = sizeof(*local);
	int fd = open_fd(remote->family);
	bool known;

	if (fd < 0)
		return false;
	memset(local, 0, sizeof(*local));
	known = connect(fd, &remote->sa, ds_address_length(remote)) == 0 &&
		getsockname(fd, &local->sa, &length) == 0 && local->family == remote->family;
	close(fd);
	return known;
}

void ds_socket_close(struct ds_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	free(s->stamping.ring);
	s->stamping.ring = NULL;
	s->stamping.ring_size = 0;
	s->stamping.transmit = false;
}

/* ---- receiving ---- */

static void take_pktinfo(const struct cmsghdr *cmsg, struct ds_datagram *d)
{
	if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO &&
	    cmsg->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo))) {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		d->local.in.sin_family = AF_INET;
		/* the address to answer from, also where the packet was sent to a broadcast address
		 */
		d->local.in.sin_addr = info.ipi_spec_dst.s_addr ? info.ipi_spec_dst : info.ipi_addr;
		d->to.in.sin_family = AF_INET;
		d->to.in.sin_addr = info.ipi_addr;
		d->interface = info.ipi_ifindex;
		/* of a packet to this host alone the two are the same */
		d->to_many = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
	} else if (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO &&
		   cmsg->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		d->local.in6.sin6_family = AF_INET6;
		d->local.in6.sin6_addr = info.ipi6_addr;
		d->to = d->local;
		if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
			d->local.in6.sin6_scope_id = info.ipi6_ifindex;
		d->interface = (int)info.ipi6_ifindex;
		d->to_many = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
	}
}

/* A message of the error queue. False: it is no stamp that anybody waits for. */
static bool take_stamp(struct ds_socket *s, const struct ds_ancillary *a, const struct mmsghdr *m,
		       struct ds_datagram *d)
{
	uint32_t token;

	if (!a->is_stamp || (!a->realtime_ns && !a->card_ns)) {
		ds_count(&s->stamping.counters, DS_R_ERROR_QUEUE_OTHER);
		return false;
	}
	if (ds_stamping_join(&s->stamping, s->fd, a->id,
			     a->card_ns ? DS_STAMP_HARDWARE : DS_STAMP_KERNEL,
			     m->msg_hdr.msg_iov->iov_base, m->msg_len, &token) != DS_R_OK)
		return false;
	d->is_stamp = true;
	d->token = token;
	return true;
}

static bool take_message(struct ds_socket *s, const struct mmsghdr *m, struct ds_datagram *d)
{
	/* CMSG_NXTHDR() takes no pointer to const, and changes nothing */
	struct msghdr *h = (struct msghdr *)(uintptr_t)&m->msg_hdr;
	struct ds_ancillary a = {0};

	memset(d, 0, sizeof(*d));
	if (h->msg_flags & MSG_CTRUNC)
		ds_count(&s->stamping.counters, DS_R_CONTROL_TRUNCATED);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		ds_stamping_take(&s->stamping, c, &a);
		take_pktinfo(c, d);
	}
	d->realtime_ns = a.realtime_ns;
	d->source = a.realtime_ns ? DS_STAMP_KERNEL : DS_STAMP_NONE;
	d->card_ns = a.card_ns;
	d->card_interface = a.interface;
	d->frame_length = a.length;
	if (h->msg_flags & MSG_ERRQUEUE)
		return take_stamp(s, &a, m, d);
	d->data = h->msg_iov->iov_base;
	d->length = m->msg_len;
	d->truncated = (h->msg_flags & MSG_TRUNC) != 0;
	if (h->msg_name && h->msg_namelen <= sizeof(d->remote))
		memcpy(&d->remote, h->msg_name, h->msg_namelen);
	return true;
}

static int receive_one(int fd, struct ds_batch *b, int flags)
{
	ssize_t length = recvmsg(fd, &b->in[0].msg_hdr, flags);

	if (length < 0)
		return -1;
	b->in[0].msg_len = (unsigned)length;
	return 1;
}

static int receive_many(int fd, struct ds_batch *b, int flags)
{
	int count;

	if (b->no_recvmmsg)
		return receive_one(fd, b, flags);
	count = recvmmsg(fd, b->in, DS_BATCH, flags, NULL);
	if (count >= 0 || errno != ENOSYS)
		return count;
	b->no_recvmmsg = true;
	return receive_one(fd, b, flags);
}

int ds_socket_receive(struct ds_socket *s, struct ds_batch *batch, bool error_queue,
		      struct ds_datagram out[DS_BATCH])
{
	int count, taken = 0;

	reset_in(batch, batch->in_used);
	count = receive_many(s->fd, batch, MSG_DONTWAIT | (error_queue ? MSG_ERRQUEUE : 0));
	batch->in_used = count > 0 ? count : 1;
	if (count < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < count; i++)
		taken += take_message(s, &batch->in[i], &out[taken]);
	return taken;
}

/* ---- sending ---- */

static size_t put_control(uint8_t *out, int level, int type, const void *data, size_t length)
{
	struct cmsghdr header = {
		.cmsg_len = CMSG_LEN(length),
		.cmsg_level = level,
		.cmsg_type = type,
	};

	memcpy(out, &header, sizeof(header));
	memcpy(out + CMSG_LEN(0), data, length);
	return CMSG_SPACE(length);
}

static size_t put_pktinfo(uint8_t *out, const struct ds_outgoing *o)
{
	if (o->local->family == AF_INET) {
		const struct in_pktinfo info = {
			.ipi_ifindex = o->interface,
			.ipi_spec_dst = o->local->in.sin_addr,
		};
		return put_control(out, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	}
	const struct in6_pktinfo info = {
		.ipi6_addr = o->local->in6.sin6_addr,
		.ipi6_ifindex = (unsigned)o->interface,
	};
	return put_control(out, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

static void set_control(struct ds_batch *b, int i, size_t length)
{
	b->out[i].msg_hdr.msg_control = length ? b->out_control[i] : NULL;
	b->out[i].msg_hdr.msg_controllen = length;
}

static void prepare(struct ds_socket *s, struct ds_batch *b, int i, const struct ds_outgoing *o)
{
	struct msghdr *m = &b->out[i].msg_hdr;
	size_t length = 0;

	/* the vector is shared with calls that write; a send only reads */
	b->out_vector[i] = (struct iovec){(void *)(uintptr_t)o->data, o->length};
	m->msg_name = (void *)(uintptr_t)o->remote;
	m->msg_namelen = o->remote ? ds_address_length(o->remote) : 0;
	if (o->local && s->wildcard && o->local->family == s->family)
		length = put_pktinfo(b->out_control[i], o);
	b->out_plain[i] = length;
	b->out_stamp[i] = ds_stamping_expect(&s->stamping, o->data, o->length, o->stamp, o->card,
					     o->token, &b->out_id[i]);
	if (b->out_stamp[i])
		length +=
			ds_stamping_control(&s->stamping, b->out_id[i], b->out_control[i] + length);
	set_control(b, i, length);
}

/* Nothing from message i on asks for a stamp any more. */
static void give_up_stamps(struct ds_socket *s, struct ds_batch *b, int i, int count)
{
	for (; i < count; i++) {
		if (!b->out_stamp[i])
			continue;
		ds_stamping_unsent(&s->stamping, s->fd, b->out_id[i]);
		ds_count(&s->stamping.counters, DS_R_STAMP_MISSING);
		b->out_stamp[i] = false;
		set_control(b, i, b->out_plain[i]);
	}
}

static bool send_one(struct ds_socket *s, struct ds_batch *b, int i)
{
	return sendmsg(s->fd, &b->out[i].msg_hdr, MSG_DONTWAIT) >= 0;
}

static bool is_full(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS;
}

/* Message i failed with errno. Try what else may help: the error may be an earlier packet's (ICMP),
 * the call may be unknown, or the ancillary message for the stamp. */
static bool send_again(struct ds_socket *s, struct ds_batch *b, int i, int count)
{
	int error = errno;

	if (is_full(error))
		return false;
	if (error == ENOSYS || error == EBADF || error == ENOTSOCK) {
		b->no_sendmmsg = send_one(s, b, i);
		return b->no_sendmmsg;
	}
	/* who counts does not know any longer what the kernel counted */
	if (s->stamping.join == DS_JOIN_COUNTER)
		give_up_stamps(s, b, i, count);
	if (send_one(s, b, i))
		return true;
	if (errno != EINVAL || !b->out_stamp[i] || s->stamping.join != DS_JOIN_CHOSEN_ID)
		return false;
	set_control(b, i, b->out_plain[i]);
	if (!send_one(s, b, i))
		return false;
	ds_stamping_no_chosen_ids(&s->stamping, s->fd);
	give_up_stamps(s, b, i, count);
	return true;
}

static void lost(struct ds_socket *s, struct ds_batch *b, int i)
{
	if (b->out_stamp[i])
		ds_stamping_unsent(&s->stamping, s->fd, b->out_id[i]);
	b->out_stamp[i] = false;
}

static int send_next(struct ds_socket *s, struct ds_batch *b, int i, int count)
{
	if (count - i > 1 && !b->no_sendmmsg)
		return sendmmsg(s->fd, &b->out[i], (unsigned)(count - i), MSG_DONTWAIT);
	return send_one(s, b, i) ? 1 : -1;
}

int ds_socket_send(struct ds_socket *s, struct ds_batch *batch, const struct ds_outgoing *out,
		   int count)
{
	int sent = 0, error = 0, i = 0;
	bool full;

	ds_stamping_before_send(&s->stamping, s->fd);
	for (i = 0; i < count; i++)
		prepare(s, batch, i, &out[i]);
	i = 0;
	while (i < count) {
		int n = send_next(s, batch, i, count);

		if (n < 0 && send_again(s, batch, i, count))
			n = 1;
		if (n > 0) {
			i += n;
			sent += n;
			continue;
		}
		full = is_full(errno);
		error = error ? error : errno;
		lost(s, batch, i++);
		/* no room: the rest would fail as well */
		while (full && i < count)
			lost(s, batch, i++);
	}
	errno = error;
	return sent;
}
