/* doctor_try: packets that are sent to see whether their stamps come. It must never leave a card
 * set otherwise than it was, whatever ends this process.
 *
 * Over lo they go to ourselves, by the daemon's own rooms. By an interface they go, on --try alone,
 * to a group that nobody is in and to the discard port, and no farther than the link. For something
 * to be received meanwhile the neighbours are asked for an echo (ff02::1) and one of them for its
 * address (ARP); what comes is looked at by a packet socket, whatever it is.
 *
 * Who puts the card back is a child that waits for the end of a pipe whose other end only we hold.
 * So it does when we are done, and when a signal ends us, SIGKILL too. */
#include "tool/doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <netinet/icmp6.h>

#include "os/clock.h"

#define NS	   INT64_C(1000000000)
#define GAP_NS	   INT64_C(20000000)  /* between packets: many cards hold one stamp at a time */
#define SETTLE_NS  INT64_C(100000000) /* cards that were just told to stamp; some reset */
#define LINK_NS	   (4 * NS)	      /* ... and are without a link for some seconds */
#define LAST_NS	   INT64_C(300000000) /* for what is late */
#define WARM_NS	   (NS / 2)	      /* the kernel begins to stamp some time after it was asked */
#define DISCARD	   9		      /* RFC 863 */
#define GROUP	   "239.255.83.83"    /* RFC 2365: of this site, nobody's */
#define GROUP_IPV6 "ff12::5353"	      /* RFC 4291 2.7: transient, of the link */
#define SIZE	   48		      /* as an NTP packet's */
#define CONTROL	   512

/* ---- lo ---- */

struct over_lo {
	struct ds_socket server, client;
	struct ds_batch *batch;
	struct ds_doctor_trial *trial;
};

static void read_lo(struct over_lo *o, struct ds_socket *socket, bool error_queue)
{
	struct ds_datagram got[DS_BATCH];
	int count = ds_socket_receive(socket, o->batch, error_queue, got);

	for (int i = 0; i < count; i++) {
		if (got[i].is_stamp) {
			o->trial->tx_kernel += got[i].source == DS_STAMP_KERNEL;
		} else if (socket == &o->server) {
			o->trial->heard++;
			o->trial->rx_kernel += got[i].source == DS_STAMP_KERNEL;
		}
	}
}

static void send_over_lo(struct over_lo *o)
{
	static const uint8_t data[SIZE];
	const struct ds_outgoing out = {
		.data = data, .length = sizeof(data), .stamp = true, .token = 1};
	struct pollfd fds[] = {{.fd = o->server.fd, .events = POLLIN},
			       {.fd = o->client.fd, .events = POLLPRI}};
	int64_t until_ns;

	if (ds_socket_send(&o->client, o->batch, &out, 1) != 1)
		return;
	o->trial->sent++;
	until_ns = ds_monotonic_ns() + GAP_NS;
	while (ds_monotonic_ns() < until_ns) {
		if (poll(fds, 2, (int)(GAP_NS / 1000000)) <= 0)
			break;
		read_lo(o, &o->server, false);
		read_lo(o, &o->client, true);
		if (o->trial->heard == o->trial->sent && o->trial->tx_kernel == o->trial->sent)
			break;
	}
}

/* Packets that do not count, until one was stamped. */
static void warm_up(struct over_lo *o)
{
	int64_t until_ns = ds_monotonic_ns() + WARM_NS;
	const struct timespec gap = {.tv_nsec = 5000000};

	while (o->trial->rx_kernel == 0 && ds_monotonic_ns() < until_ns) {
		send_over_lo(o);
		if (o->trial->rx_kernel == 0)
			nanosleep(&gap, NULL);
	}
	*o->trial = (struct ds_doctor_trial){0};
}

void ds_doctor_try_loopback(struct ds_doctor_trial *trial, bool *chosen_ids)
{
	struct over_lo o = {.server = {.fd = -1}, .client = {.fd = -1}, .trial = trial};
	struct ds_socket keeper;
	union ds_address local;
	bool has_keeper = ds_socket_open_keeper(&keeper, AF_INET) == 0;

	o.batch = ds_batch_new();
	if (o.batch && ds_address_parse("127.0.0.1", 0, &local) &&
	    ds_socket_open_server(&o.server, &local, NULL, o.trial->why) == 0 &&
	    ds_socket_local(&o.server, &local) &&
	    ds_socket_open_client(&o.client, &local, NULL, NULL, o.trial->why) == 0) {
		warm_up(&o);
		for (int i = 0; i < DS_DOCTOR_TRIAL; i++)
			send_over_lo(&o);
		o.trial->done = o.trial->heard > 0;
		snprintf(o.trial->why, sizeof(o.trial->why), "%s",
			 o.trial->done ? "" : "what is sent to 127.0.0.1 does not arrive");
		*chosen_ids =
			o.client.stamping.join == DS_JOIN_CHOSEN_ID && o.client.stamping.id_seen;
	}
	ds_socket_close(&o.client);
	ds_socket_close(&o.server);
	if (has_keeper)
		ds_socket_close(&keeper);
	ds_batch_free(o.batch);
}

/* ---- who puts the card back ---- */

struct guardian {
	pid_t pid; /* 0: there is none */
	int fd;	   /* closed: it works */
};

static _Noreturn void guard(int fd, const struct ds_card *card,
			    const struct ds_card_setting *setting)
{
	char byte;

	/* not ended by what a terminal, or `timeout`, sends to the whole group */
	setsid();
	for (int signal_number = 1; signal_number < NSIG; signal_number++)
		signal(signal_number, SIG_IGN);
	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(ds_card_restore(card, setting) == 0 ? 0 : 1);
}

static bool guardian_begin(struct guardian *guardian, const struct ds_card *card,
			   const struct ds_card_setting *setting)
{
	int ends[2];

	*guardian = (struct guardian){.fd = -1};
	if (pipe(ends) != 0)
		return false;
	guardian->pid = fork();
	if (guardian->pid == 0) {
		close(ends[1]);
		guard(ends[0], card, setting);
	}
	close(ends[0]);
	guardian->fd = ends[1];
	if (guardian->pid > 0)
		return true;
	close(ends[1]);
	guardian->pid = 0;
	return false;
}

/* Have it put back, and wait for that. False where it could not. */
static bool guardian_end(struct guardian *guardian)
{
	int status = 0;

	if (guardian->pid == 0)
		return true;
	close(guardian->fd);
	while (waitpid(guardian->pid, &status, 0) < 0 && errno == EINTR)
		;
	guardian->pid = 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- by an interface ---- */

struct trial {
	struct ds_doctor_interface *interface;
	const char *name;
	int index;
	int udp, packets, echo, arp; /* sockets; -1: there is none */
	struct sockaddr_in6 everybody;
	struct in_addr neighbour, own; /* 0: not known */
	uint8_t hardware[ETH_ALEN];
};

static void close_trial(struct trial *t)
{
	int *const fds[] = {&t->udp, &t->packets, &t->echo, &t->arp};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static bool ask_for_stamps(int fd)
{
	const int base = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RAW_HARDWARE |
			 SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_HARDWARE |
			 SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_RX_HARDWARE |
			 SOF_TIMESTAMPING_OPT_TSONLY;
	int flags = base | SOF_TIMESTAMPING_OPT_TX_SWHW;

	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)) == 0)
		return true;
	return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &base, sizeof(base)) == 0;
}

static bool bind_to(int fd, const char *name)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) == 0;
}

/* An address of this interface, in one family. */
static bool own_address(const char *name, int family, struct in_addr *ipv4)
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all) != 0)
		return false;
	for (const struct ifaddrs *a = all; a && !found; a = a->ifa_next) {
		found = a->ifa_addr && strcmp(a->ifa_name, name) == 0 &&
			a->ifa_addr->sa_family == family;
		if (found && family == AF_INET)
			*ipv4 = ((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
	}
	freeifaddrs(all);
	return found;
}

static bool open_udp(struct trial *t, bool ipv4)
{
	struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(DISCARD)};
	struct sockaddr_in6 group6 = {.sin6_family = AF_INET6,
				      .sin6_port = htons(DISCARD),
				      .sin6_scope_id = (uint32_t)t->index};
	struct ip_mreqn by = {.imr_ifindex = t->index};
	const int off = 0, one = 1;

	t->udp = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->udp < 0 || !ask_for_stamps(t->udp))
		return false;
	if (ipv4) {
		inet_pton(AF_INET, GROUP, &group.sin_addr);
		setsockopt(t->udp, IPPROTO_IP, IP_MULTICAST_TTL, &one, sizeof(one));
		setsockopt(t->udp, IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off));
		return setsockopt(t->udp, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by)) == 0 &&
		       connect(t->udp, (struct sockaddr *)&group, sizeof(group)) == 0;
	}
	inet_pton(AF_INET6, GROUP_IPV6, &group6.sin6_addr);
	setsockopt(t->udp, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &one, sizeof(one));
	setsockopt(t->udp, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof(off));
	return setsockopt(t->udp, IPPROTO_IPV6, IPV6_MULTICAST_IF, &t->index, sizeof(t->index)) ==
		       0 &&
	       connect(t->udp, (struct sockaddr *)&group6, sizeof(group6)) == 0;
}

/* Someone on this link who will answer: the gateway, or whoever was last talked to. */
static void find_neighbour(struct trial *t)
{
	char line[256], device[64], ip[64];
	unsigned destination, gateway;
	FILE *file = fopen("/proc/net/route", "re");

	while (file && t->neighbour.s_addr == 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %x %x", device, &destination, &gateway) == 3 &&
		    strcmp(device, t->name) == 0)
			t->neighbour.s_addr = gateway; /* as it is in memory */
	}
	if (file)
		fclose(file);
	file = fopen("/proc/net/arp", "re");
	while (file && t->neighbour.s_addr == 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %*s %*s %*s %*s %63s", ip, device) == 2 &&
		    strcmp(device, t->name) == 0)
			inet_pton(AF_INET, ip, &t->neighbour);
	}
	if (file)
		fclose(file);
}

/* What makes others send something. Without the right to (CAP_NET_RAW) nothing is heard. */
static void open_ears(struct trial *t, bool ipv4)
{
	struct sockaddr_ll link = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = t->index};
	socklen_t length = sizeof(link);
	const int off = 0;

	t->packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->packets < 0)
		return;
	if (!ask_for_stamps(t->packets) ||
	    bind(t->packets, (struct sockaddr *)&link, sizeof(link)) != 0) {
		close(t->packets);
		t->packets = -1;
		return;
	}
	if (getsockname(t->packets, (struct sockaddr *)&link, &length) == 0)
		memcpy(t->hardware, link.sll_addr, ETH_ALEN);
	t->echo = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	if (t->echo >= 0 && bind_to(t->echo, t->name)) {
		setsockopt(t->echo, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof(off));
		t->everybody = (struct sockaddr_in6){.sin6_family = AF_INET6,
						     .sin6_scope_id = (uint32_t)t->index};
		inet_pton(AF_INET6, "ff02::1", &t->everybody.sin6_addr);
	}
	if (ipv4 && link.sll_hatype == ARPHRD_ETHER) {
		find_neighbour(t);
		t->arp = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	}
}

/* Who has the neighbour's address? RFC 826. */
static void ask_neighbour(const struct trial *t)
{
	struct sockaddr_ll all = {.sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ARP),
				  .sll_ifindex = t->index,
				  .sll_halen = ETH_ALEN};
	uint8_t request[28] = {0, 1, 8, 0, ETH_ALEN, 4, 0, 1};

	if (t->arp < 0 || t->neighbour.s_addr == 0 || t->own.s_addr == 0)
		return;
	memset(all.sll_addr, 0xff, ETH_ALEN);
	memcpy(request + 8, t->hardware, ETH_ALEN);
	memcpy(request + 14, &t->own, 4);
	memcpy(request + 24, &t->neighbour, 4);
	(void)sendto(t->arp, request, sizeof(request), 0, (struct sockaddr *)&all, sizeof(all));
}

static void ask_everybody(const struct trial *t, int number)
{
	struct icmp6_hdr echo = {.icmp6_type = ICMP6_ECHO_REQUEST};

	echo.icmp6_id = htons((uint16_t)getpid());
	echo.icmp6_seq = htons((uint16_t)number);
	if (t->everybody.sin6_family != 0)
		(void)sendto(t->echo, &echo, sizeof(echo), 0,
			     (const struct sockaddr *)&t->everybody, sizeof(t->everybody));
}

/* Which stamps came with a message. */
static void stamps_of(struct msghdr *message, bool *kernel, bool *card)
{
	*kernel = *card = false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct timespec stamps[3];

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPING ||
		    c->cmsg_len < CMSG_LEN(sizeof(stamps)))
			continue;
		memcpy(stamps, CMSG_DATA(c), sizeof(stamps));
		*kernel = stamps[0].tv_sec != 0 || stamps[0].tv_nsec != 0;
		*card = stamps[2].tv_sec != 0 || stamps[2].tv_nsec != 0;
	}
}

/* One message of a socket; false where there is none. */
static bool read_message(struct trial *t, int fd, int flags)
{
	_Alignas(struct cmsghdr) uint8_t control[CONTROL];
	struct ds_doctor_trial *trial = &t->interface->trial;
	struct sockaddr_ll from = {0};
	uint8_t data[256];
	struct iovec vector = {data, sizeof(data)};
	struct msghdr message = {.msg_name = &from,
				 .msg_namelen = sizeof(from),
				 .msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	bool kernel, card;

	if (fd < 0 || recvmsg(fd, &message, flags | MSG_DONTWAIT) < 0)
		return false;
	stamps_of(&message, &kernel, &card);
	if (flags & MSG_ERRQUEUE) {
		trial->tx_kernel += kernel;
		trial->tx_card += card;
	} else if (from.sll_pkttype != PACKET_OUTGOING) {
		trial->heard++;
		trial->rx_kernel += kernel;
		trial->rx_card += card;
	}
	return true;
}

/* Take what comes, until then or until we should end. */
static void listen_until(struct trial *t, int64_t until_ns, volatile const sig_atomic_t *stop)
{
	struct pollfd fds[] = {{.fd = t->udp, .events = POLLPRI},
			       {.fd = t->packets, .events = POLLIN}};
	int64_t left_ns;

	while (!*stop && (left_ns = until_ns - ds_monotonic_ns()) > 0) {
		const struct timespec left = {left_ns / NS, left_ns % NS};

		if (ppoll(fds, 2, &left, NULL) <= 0)
			continue;
		while (read_message(t, t->udp, MSG_ERRQUEUE))
			;
		while (read_message(t, t->packets, 0))
			;
	}
}

static bool has_link(const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool runs = false;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0)
		runs = (request.ifr_flags & IFF_RUNNING) != 0;
	if (fd >= 0)
		close(fd);
	return runs;
}

static void send_all(struct trial *t, volatile const sig_atomic_t *stop)
{
	static const uint8_t data[SIZE];
	struct ds_doctor_trial *trial = &t->interface->trial;
	int64_t at_ns = ds_monotonic_ns() + SETTLE_NS;
	int64_t link_ns = at_ns + LINK_NS;

	listen_until(t, at_ns, stop);
	while (!*stop && !has_link(t->name) && ds_monotonic_ns() < link_ns)
		listen_until(t, ds_monotonic_ns() + SETTLE_NS, stop);
	/* what was heard so far may have come before the card was told */
	trial->heard = trial->rx_kernel = trial->rx_card = 0;
	for (int i = 0; i < DS_DOCTOR_TRIAL && !*stop; i++) {
		if (send(t->udp, data, sizeof(data), 0) == (ssize_t)sizeof(data))
			trial->sent++;
		else if (trial->why[0] == '\0')
			snprintf(trial->why, sizeof(trial->why), "sending: %s", strerror(errno));
		ask_everybody(t, i);
		ask_neighbour(t);
		listen_until(t, ds_monotonic_ns() + GAP_NS, stop);
	}
	listen_until(t, ds_monotonic_ns() + LAST_NS, stop);
}

/* Have the card stamp, with a guardian that puts it back. */
static void set_card(struct ds_doctor_interface *interface, struct guardian *guardian)
{
	const struct ds_card *card = &interface->card;
	struct ds_doctor_trial *trial = &interface->trial;
	struct ds_card_setting before = {0};

	*guardian = (struct guardian){.fd = -1};
	if (!card->tx_hardware && !card->rx_hardware)
		return;
	if (ds_card_setting(card, &before) != 0)
		before = (struct ds_card_setting){0}; /* what does not tell is taken to be off */
	if (!guardian_begin(guardian, card, &before))
		snprintf(trial->why, sizeof(trial->why), "no process to put the card back");
	else
		(void)ds_card_configure(card, ds_card_best_filter(card, true), &trial->filter,
					trial->why);
}

void ds_doctor_try_interface(struct ds_doctor_interface *interface,
			     volatile const sig_atomic_t *stop)
{
	struct trial t = {.interface = interface,
			  .name = interface->card.interface,
			  .index = interface->card.index,
			  .udp = -1,
			  .packets = -1,
			  .echo = -1,
			  .arp = -1};
	struct ds_doctor_trial *trial = &interface->trial;
	struct guardian guardian;
	bool ipv4 = own_address(t.name, AF_INET, &t.own);

	*trial = (struct ds_doctor_trial){0};
	if (!interface->card.is_up || !interface->has_address) {
		snprintf(trial->why, sizeof(trial->why), "%s",
			 interface->card.is_up ? "it has no address" : "it is down");
		return;
	}
	if (open_udp(&t, ipv4)) {
		open_ears(&t, ipv4);
		set_card(interface, &guardian);
		send_all(&t, stop);
		interface->left_changed = !guardian_end(&guardian);
		trial->done = trial->sent > 0;
	} else {
		snprintf(trial->why, sizeof(trial->why), "no socket on it: %s", strerror(errno));
	}
	close_trial(&t);
}
