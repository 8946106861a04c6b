/*
 * relay: a cable between two interfaces that loses packets, and an attacker who sits on it
 * without a key.
 * It must never touch other interfaces than the two that it is given.
 *
 * usage: relay A B [drop=N] [replay] [forge] [strip] [spoof=ADDRESS]
 *   drop=N  every N-th NTP packet is lost, of broadcasts and of others each
 * After each broadcast that comes by A (IPv4) goes out by B:
 *   replay  the broadcast before it, once more
 *   forge   it, a second later by its transmit field, with the MAC it had
 *   strip   the same without its MAC
 *   spoof   it, from another address
 * SIGTERM ends it: "forwarded=N dropped=N injected=N" on stdout.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 2048
#define ETHERNET  14
#define IPV4	  20
#define IPV6	  40
#define UDP	  8
#define NTP	  48
#define NTP_PORT  123
#define TRANSMIT  40 /* where the field stands in an NTP packet */
#define BROADCAST 5

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t length;
};

static int out_b;
static bool replays, forges, strips, spoofs;
static struct in_addr spoofed;
static unsigned long forwarded, dropped, injected;
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	ended = number;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* Where the NTP packet begins; 0: there is none. */
static size_t find_ntp(const struct frame *f)
{
	size_t udp = 0;

	if (f->length >= ETHERNET + IPV4 && get16(f->bytes + 12) == ETHERTYPE_IP &&
	    f->bytes[ETHERNET] == 0x45 && f->bytes[ETHERNET + 9] == IPPROTO_UDP)
		udp = ETHERNET + IPV4;
	else if (f->length >= ETHERNET + IPV6 && get16(f->bytes + 12) == ETHERTYPE_IPV6 &&
		 f->bytes[ETHERNET + 6] == IPPROTO_UDP)
		udp = ETHERNET + IPV6;
	if (udp == 0 || f->length < udp + UDP + NTP ||
	    (get16(f->bytes + udp) != NTP_PORT && get16(f->bytes + udp + 2) != NTP_PORT))
		return 0;
	return udp + UDP;
}

static uint32_t sum(const uint8_t *p, size_t length, uint32_t start)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		start += get16(p + i);
	if (length % 2)
		start += (uint32_t)p[length - 1] << 8;
	return start;
}

static unsigned folded(uint32_t value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return ~value & 0xffff;
}

/* A veth does not write checksums; what is sent again needs them. */
static void write_checksums(struct frame *f, size_t ntp)
{
	uint8_t *ip = f->bytes + ETHERNET, *udp = f->bytes + ntp - UDP;
	bool four = ntp == ETHERNET + IPV4 + UDP;
	size_t length = get16(udp + 4);
	uint32_t pseudo = IPPROTO_UDP + (uint32_t)length;
	unsigned value;

	if (four) {
		put16(ip + 10, 0);
		put16(ip + 10, folded(sum(ip, IPV4, 0)));
	}
	put16(udp + 6, 0);
	pseudo = sum(ip + (four ? 12 : 8), four ? 8 : 32, pseudo);
	value = folded(sum(udp, length, pseudo));
	put16(udp + 6, value ? value : 0xffff);
}

static void emit(int fd, const struct frame *f)
{
	if (send(fd, f->bytes, f->length, 0) < 0 && errno != ENOBUFS)
		fprintf(stderr, "relay: send: %s\n", strerror(errno));
}

static void inject(struct frame *f, size_t ntp)
{
	write_checksums(f, ntp);
	emit(out_b, f);
	injected++;
}

static void cut(struct frame *f, size_t ntp)
{
	f->length = ntp + NTP;
	put16(f->bytes + ETHERNET + 2, (unsigned)(f->length - ETHERNET));
	put16(f->bytes + ntp - UDP + 4, UDP + NTP);
}

static void attack(const struct frame *genuine, size_t ntp)
{
	static struct frame before;
	struct frame f;

	if (replays && before.length > 0)
		inject(&before, ntp);
	before = *genuine;
	f = *genuine;
	f.bytes[ntp + TRANSMIT + 3]++;
	if (forges)
		inject(&f, ntp);
	cut(&f, ntp);
	if (strips)
		inject(&f, ntp);
	f = *genuine;
	memcpy(f.bytes + ETHERNET + 12, &spoofed, 4);
	if (spoofs)
		inject(&f, ntp);
}

static void forward(int from, int to, unsigned drop)
{
	static unsigned seen[2];
	struct sockaddr_ll where;
	socklen_t size = sizeof(where);
	struct frame f;
	ssize_t length =
		recvfrom(from, f.bytes, sizeof(f.bytes), 0, (struct sockaddr *)&where, &size);
	size_t ntp;
	bool broadcast;

	if (length <= 0 || where.sll_pkttype == PACKET_OUTGOING)
		return;
	f.length = (size_t)length;
	ntp = find_ntp(&f);
	broadcast = ntp != 0 && (f.bytes[ntp] & 7) == BROADCAST;
	if (ntp != 0) {
		write_checksums(&f, ntp);
		if (drop != 0 && ++seen[broadcast] % drop == 0) {
			dropped++;
			return;
		}
	}
	emit(to, &f);
	forwarded++;
	if (broadcast && to == out_b && ntp == ETHERNET + IPV4 + UDP)
		attack(&f, ntp);
}

static int open_interface(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	if (fd < 0 || address.sll_ifindex == 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		fprintf(stderr, "relay: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct pollfd fds[2];
	unsigned drop = 0;

	if (argc < 3)
		return 2;
	for (int i = 3; i < argc; i++) {
		if (strncmp(argv[i], "drop=", 5) == 0)
			drop = (unsigned)atoi(argv[i] + 5);
		replays |= strcmp(argv[i], "replay") == 0;
		forges |= strcmp(argv[i], "forge") == 0;
		strips |= strcmp(argv[i], "strip") == 0;
		spoofs |= strncmp(argv[i], "spoof=", 6) == 0 &&
			  inet_pton(AF_INET, argv[i] + 6, &spoofed) == 1;
	}
	sigaction(SIGTERM, &action, NULL);
	fds[0] = (struct pollfd){.fd = open_interface(argv[1]), .events = POLLIN};
	fds[1] = (struct pollfd){.fd = open_interface(argv[2]), .events = POLLIN};
	out_b = fds[1].fd;
	puts("ready");
	fflush(stdout);
	while (!ended) {
		if (poll(fds, 2, -1) <= 0)
			continue;
		if (fds[0].revents)
			forward(fds[0].fd, fds[1].fd, drop);
		if (fds[1].revents)
			forward(fds[1].fd, fds[0].fd, drop);
	}
	printf("forwarded=%lu dropped=%lu injected=%lu\n", forwarded, dropped, injected);
	return 0;
}
