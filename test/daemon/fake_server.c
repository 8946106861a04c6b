/*
 * fake_server: answers NTP requests well or badly, as its arguments say.
 * It must never be heard beyond the machine: it binds to loopback addresses only.
 *
 * usage: fake-server ADDRESS:PORT=SCRIPT...
 * A script is a list of steps separated by commas; a request takes a step, the last step is
 * repeated for ever. A step is a list of answers joined by '+', all sent for that request. Each
 * request gives a line on stdout: PORT NUMBER MILLISECONDS (CLOCK_MONOTONIC) CLIENT'S-PORT.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PORTS_MAX   32
#define HEADER	    48
#define UNIX_IN_NTP UINT64_C(2208988800)

struct answer {
	uint8_t bytes[1100];
	size_t length;
};

struct port {
	int fd;
	unsigned int number;
	unsigned int requests;
	const char *script; /* the step that the next request takes */
};

static void put(uint8_t *at, uint64_t value, unsigned int bytes)
{
	while (bytes > 0) {
		at[--bytes] = (uint8_t)value;
		value >>= 8;
	}
}

static uint64_t now_ntp(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ((uint64_t)now.tv_sec + UNIX_IN_NTP) << 32 |
	       ((uint64_t)now.tv_nsec << 32) / UINT64_C(1000000000);
}

static void kiss(struct answer *a, const char *code)
{
	a->bytes[1] = 0;
	memcpy(a->bytes + 12, code, 4);
}

static void be_origin(struct answer *a)
{
	a->bytes[24] ^= 0x55;
}

static void be_mode(struct answer *a)
{
	a->bytes[0] = 4 << 3 | 5;
}

static void be_zero_receive(struct answer *a)
{
	memset(a->bytes + 32, 0, 8);
}

static void be_zero_transmit(struct answer *a)
{
	memset(a->bytes + 40, 0, 8);
}

/* A key identifier alone (RFC 5905 section 9.2: crypto-NAK). */
static void be_nak(struct answer *a)
{
	a->length = HEADER + 4;
}

static void be_mac(struct answer *a)
{
	a->bytes[HEADER + 3] = 1;
	a->length = HEADER + 20;
}

static void be_unsynchronised(struct answer *a)
{
	a->bytes[0] |= 3 << 6;
}

static void be_header(struct answer *a)
{
	put(a->bytes + 8, 17 << 16, 4); /* root dispersion of 17 s */
}

static void be_negative(struct answer *a)
{
	put(a->bytes + 40, now_ntp() - (UINT64_C(1) << 31), 8); /* sent 0.5 s before it came */
}

static void be_held(struct answer *a)
{
	put(a->bytes + 32, now_ntp() - (UINT64_C(8) << 32), 8);
}

static void be_rate(struct answer *a)
{
	kiss(a, "RATE");
}

static void be_forged_rate(struct answer *a)
{
	kiss(a, "RATE");
	be_origin(a);
}

static void be_deny(struct answer *a)
{
	kiss(a, "DENY");
}

static void be_kiss_other(struct answer *a)
{
	kiss(a, "INIT");
}

static void be_short(struct answer *a)
{
	a->length = HEADER - 1;
}

static void be_version(struct answer *a)
{
	a->bytes[0] = 5 << 3 | 4;
}

static void be_trailer(struct answer *a)
{
	a->length = HEADER + 8;
}

static void be_extension(struct answer *a)
{
	put(a->bytes + HEADER, 0x01047fff, 4); /* a field longer than the packet */
	a->length = HEADER + 32;
}

static void be_long(struct answer *a)
{
	a->length = sizeof a->bytes;
}

static void be_good(struct answer *a)
{
	(void)a;
}

static const struct {
	const char *name;
	void (*spoil)(struct answer *a);
} kinds[] = {
	{"good", be_good},
	{"origin", be_origin},
	{"mode", be_mode},
	{"zero-receive", be_zero_receive},
	{"zero-transmit", be_zero_transmit},
	{"nak", be_nak},
	{"mac", be_mac},
	{"unsynchronised", be_unsynchronised},
	{"header", be_header},
	{"negative", be_negative},
	{"held", be_held},
	{"rate", be_rate},
	{"forged-rate", be_forged_rate},
	{"deny", be_deny},
	{"kiss-other", be_kiss_other},
	{"short", be_short},
	{"version", be_version},
	{"trailer", be_trailer},
	{"extension", be_extension},
	{"long", be_long},
	{"silent", NULL},
};

/* The kind that the text begins with and that ends where a name does; -1: none. */
static int find_kind(const char *text)
{
	size_t length = strcspn(text, "+,");

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strlen(kinds[i].name) == length && strncmp(text, kinds[i].name, length) == 0)
			return (int)i;
	return -1;
}

static void answer_as(const struct port *p, int kind, const uint8_t *request, uint64_t received,
		      const struct sockaddr_in *to)
{
	struct answer a = {.bytes = {4 << 3 | 4, 1, 0, 0xe8}, .length = HEADER};

	if (kinds[kind].spoil == NULL)
		return;
	memcpy(a.bytes + 12, "FAKE", 4);
	put(a.bytes + 16, received & ~UINT64_C(0xffffffff), 8);
	memcpy(a.bytes + 24, request + 40, 8);
	put(a.bytes + 32, received, 8);
	put(a.bytes + 40, now_ntp(), 8);
	kinds[kind].spoil(&a);
	if (sendto(p->fd, a.bytes, a.length, 0, (const struct sockaddr *)to, sizeof *to) < 0)
		perror("sendto");
}

static void serve(struct port *p)
{
	uint8_t request[1024];
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	ssize_t n = recvfrom(p->fd, request, sizeof request, 0, (struct sockaddr *)&from, &length);
	uint64_t received = now_ntp();
	const char *at = p->script;
	struct timespec now;

	if (n < 1)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%u %u %lld %u\n", p->number, ++p->requests,
	       (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000,
	       (unsigned int)ntohs(from.sin_port));
	for (;;) {
		if (n >= HEADER)
			answer_as(p, find_kind(at), request, received, &from);
		at += strcspn(at, "+,");
		if (*at != '+')
			break;
		at++;
	}
	if (*at == ',')
		p->script = at + 1;
}

static int open_port(struct port *p, char *text)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	char *colon = strchr(text, ':');
	char *equals = strchr(text, '=');

	if (colon == NULL || equals == NULL)
		return -1;
	*colon = *equals = '\0';
	p->number = (unsigned int)atoi(colon + 1);
	p->script = equals + 1;
	for (const char *s = p->script; s != NULL; s = strpbrk(s, "+,")) {
		s += s != p->script;
		if (find_kind(s) < 0)
			return -1;
	}
	at.sin_port = htons((uint16_t)p->number);
	if (strncmp(text, "127.", 4) != 0 || inet_pton(AF_INET, text, &at.sin_addr) != 1)
		return -1;
	p->fd = socket(AF_INET, SOCK_DGRAM, 0);
	return bind(p->fd, (const struct sockaddr *)&at, sizeof at);
}

int main(int argc, char **argv)
{
	static struct port ports[PORTS_MAX];
	struct pollfd fds[PORTS_MAX];
	int count = argc - 1;

	if (count < 1 || count > PORTS_MAX)
		return 2;
	for (int i = 0; i < count; i++) {
		if (open_port(&ports[i], argv[i + 1]) != 0) {
			fprintf(stderr, "fake-server: argument %d is no good, or bind failed\n",
				i + 1);
			return 2;
		}
		fds[i] = (struct pollfd){.fd = ports[i].fd, .events = POLLIN};
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (poll(fds, (nfds_t)count, -1) > 0)
		for (int i = 0; i < count; i++)
			if (fds[i].revents != 0)
				serve(&ports[i]);
	return 1;
}
