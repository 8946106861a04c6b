/*
 * stage: the hosts around a running drivestampd: a genuine server and an attacker, in one process,
 * so that it is certain what was sent while a request was under way.
 * It must never send beyond the namespaces that it was given.
 *
 * usage: stage client|server ATTACK GENUINE ATTACKER BEFORE DURING AFTER
 *              TARGET-PIDFILE TARGET-LOG [BYSTANDER-PIDFILE BYSTANDER-LOG]
 * GENUINE, ATTACKER: paths of network namespaces. BEFORE, DURING, AFTER: numbers of
 * requests. DS_KEYED in the environment: with keys. client: the stage is the genuine server (it
 * interleaves) and attacks before it answers. server: the genuine server is a drivestampd (the
 * target), the victim (the bystander) its client; the stage watches their packets and attacks after
 * each answer.
 *
 * The victim asks every 125 ms. `late` counts what a machine too busy for that did by itself.
 *
 * Lines on stdout: `phase NAME`, `report PHASE DAEMON TEXT` (SIGUSR1), and at the end `interval
 * PHASE MS`, `secret NUMBER` (cookies and server stamps of the victim's exchanges, in hexadecimal
 * and decimal digits), `expected DAEMON REASON NUMBER`, `total NAME=NUMBER...`, `done`.
 */
#include "stage.h"
#include "os/mac.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define UNIX_IN_NTP  UINT64_C(2208988800)
#define NS_PER_S     1000000000
#define REQUESTS_MAX 1024
#define REASONS_MAX  16
#define EPHEMERAL    32768 /* Linux takes ports of clients from here on */
#define TIME_LIMIT_S 60
#define HOLD_NS	     3000000 /* after the attack, before the genuine answer */
#define IDLE_NS	     5000000
#define BURST	     50
#define BURST_NS     1000000
#define ASK_MS	     500
#define REPORT_TRIES 400
#define REPORT_NS    10000000
#define NEAR_S	     10
#define DIGEST	     16	   /* of the keys here */
#define LATE_MS	     100.0 /* genuine answers of a machine too busy for this test */
#define STALL_MS     190.0 /* between requests: the victim was stopped */

static struct {
	bool server;
	struct ds_mac *keys[2]; /* NULL: requests and answers are bare */
	int genuine;		/* UDP port 123, or the watcher's packet socket */
	int raw[2];		/* by enum link */
	int ask;
	struct sockaddr_in client; /* whose request is under way */
	bool under_way;
	uint8_t request[HEADER], answer[HEADER];
	uint64_t received; /* when the request came */
	uint64_t slot_receive, slot_transmit;
	const char *pidfile[2], *log[2];
	uint64_t secrets[3 * REQUESTS_MAX];
	size_t secret_count;
	uint16_t ports[REQUESTS_MAX];
	double times_ms[REQUESTS_MAX];
	unsigned int requests;
	struct {
		enum daemon daemon;
		const char *reason;
		unsigned int count;
	} expected[REASONS_MAX];
	unsigned int met, requests_met, this_met, other, queries, replies, odd, leaks, predictable;
	unsigned int same_port, strays, basic, elsewhere, late;
} s;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void rest(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

uint64_t read64(const uint8_t *at)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

void write64(uint8_t *at, uint64_t value)
{
	for (unsigned int i = 8; i > 0; value >>= 8)
		at[--i] = (uint8_t)value;
}

static uint64_t ntp_of(const struct timespec *t)
{
	return ((uint64_t)t->tv_sec + UNIX_IN_NTP) << 32 | ((uint64_t)t->tv_nsec << 32) / NS_PER_S;
}

uint64_t now_ntp(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ntp_of(&now);
}

uint64_t random64(void)
{
	uint64_t value;

	if (getrandom(&value, sizeof value, 0) != sizeof value)
		die("getrandom");
	return value;
}

static struct sockaddr_in address(const char *text, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
		die(text);
	return a;
}

/* The same as lib.inc writes into the victim's key file. */
static void make_keys(void)
{
	char why[DS_WHY];

	for (uint8_t i = 0; i < 2; i++) {
		uint8_t key[16];

		memset(key, 0x11 * (i + 1), sizeof key);
		s.keys[i] = ds_mac_new(ds_mac_type_find("AES128", why), key, sizeof key, why);
		if (s.keys[i] == NULL) {
			fprintf(stderr, "stage: %s\n", why);
			exit(2);
		}
	}
}

void sign(struct bytes *bytes, uint32_t key)
{
	uint8_t mac[DS_MAC_MOST];

	if (!ds_mac_make(s.keys[key - 1], bytes->b, bytes->n, mac))
		die("mac");
	memset(bytes->b + bytes->n, 0, 4);
	bytes->b[bytes->n + 3] = (uint8_t)key;
	memcpy(bytes->b + bytes->n + 4, mac, DIGEST);
	bytes->n += 4 + DIGEST;
}

static bool is_signed(const uint8_t *data)
{
	struct bytes right = {.n = HEADER};

	memcpy(right.b, data, HEADER);
	sign(&right, 1);
	return memcmp(right.b, data, right.n) == 0;
}

void expect_reason(enum daemon daemon, const char *reason)
{
	size_t i = 0;

	while (i < REASONS_MAX && s.expected[i].reason != NULL &&
	       (s.expected[i].daemon != daemon || strcmp(s.expected[i].reason, reason) != 0))
		i++;
	if (i == REASONS_MAX)
		die("too many reasons");
	s.expected[i].daemon = daemon;
	s.expected[i].reason = reason;
	s.expected[i].count++;
}

static void count_forged(const struct world *w, const struct packet *p)
{
	if (s.under_way && p->to_port == w->port) {
		s.met++;
		s.requests_met += s.this_met++ == 0;
	} else {
		s.other++;
	}
	if (p->reason != NULL)
		expect_reason(p->aimed_at, p->reason);
	if ((s.met + s.other) % BURST == 0)
		rest(BURST_NS);
}

void forge(struct world *w, const struct packet *p, const struct bytes *bytes)
{
	struct sockaddr_in from = address(p->from, p->from_port);
	struct sockaddr_in to = address(p->to, p->to_port);
	struct {
		struct iphdr ip;
		struct udphdr udp;
		uint8_t data[PACKET_MAX];
	} out = {0};
	size_t length = sizeof out.ip + sizeof out.udp + bytes->n;

	out.ip.version = 4;
	out.ip.ihl = 5;
	out.ip.ttl = 64;
	out.ip.protocol = IPPROTO_UDP;
	out.ip.saddr = from.sin_addr.s_addr;
	out.ip.daddr = to.sin_addr.s_addr;
	out.udp.source = from.sin_port;
	out.udp.dest = to.sin_port;
	out.udp.len = htons((uint16_t)(sizeof out.udp + bytes->n));
	memcpy(out.data, bytes->b, bytes->n);
	if (sendto(s.raw[p->link], &out, length, 0, (struct sockaddr *)&to, sizeof to) !=
	    (ssize_t)length)
		die("forge");
	count_forged(w, p);
}

void forge_answer(struct world *w, const struct bytes *bytes, const char *reason)
{
	forge(w,
	      &(struct packet){.from = GENUINE,
			       .to = VICTIM,
			       .from_port = NTP_PORT,
			       .to_port = w->port,
			       .reason = reason},
	      bytes);
}

bool ask_victim(struct world *w, const uint8_t *data, size_t length, uint8_t reply[HEADER])
{
	struct sockaddr_in to = address(VICTIM, NTP_PORT);
	struct pollfd fd = {.fd = s.ask, .events = POLLIN};

	(void)w;
	s.queries++;
	if (sendto(s.ask, data, length, 0, (struct sockaddr *)&to, sizeof to) < 0)
		die("ask");
	if (poll(&fd, 1, ASK_MS) != 1 || recv(s.ask, reply, HEADER, 0) != HEADER)
		return false;
	s.replies++;
	return true;
}

void ask_leak(struct world *w)
{
	uint8_t query[HEADER] = {4 << 3 | 3};
	uint8_t reply[HEADER];
	struct sockaddr_in genuine = address(GENUINE, 0);

	write64(query + AT_XMT, random64());
	if (!ask_victim(w, query, sizeof query, reply))
		return;
	w->leak = read64(reply + 16);
	/* leap 0, version and mode 4, one stratum below the genuine server, its address */
	if (reply[0] != (4 << 3 | 4) || reply[1] != 2 ||
	    memcmp(reply + 12, &genuine.sin_addr, 4) != 0)
		s.odd++;
	search_secrets(reply);
}

void search_secrets(const uint8_t reply[HEADER])
{
	for (size_t at = 0; at + 8 <= HEADER; at++)
		for (size_t i = 0; i < s.secret_count; i++)
			s.leaks += read64(reply + at) == s.secrets[i];
	/* A whole second is the stamp of no packet. */
	s.leaks += (read64(reply + 16) & UINT64_C(0xffffffff)) != 0;
}

static void keep_secret(uint64_t value)
{
	if (value != 0 && s.secret_count < sizeof s.secrets / sizeof s.secrets[0])
		s.secrets[s.secret_count++] = value;
}

static bool is_near(uint64_t cookie, uint64_t now)
{
	int64_t seconds = (int64_t)(cookie - now) >> 32;

	return cookie != 0 && seconds < NEAR_S && seconds >= -NEAR_S;
}

void note_prediction(void)
{
	s.predictable += is_near(read64(s.request + AT_XMT), s.received);
	s.predictable += is_near(read64(s.request + AT_RECEIVE), s.received);
}

/* ---- the genuine server ---- */

static void note_request(void)
{
	struct timespec now;

	if (s.requests >= REQUESTS_MAX)
		die("too many requests");
	clock_gettime(CLOCK_MONOTONIC, &now);
	s.times_ms[s.requests] = (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
	s.ports[s.requests] = ntohs(s.client.sin_port);
	s.same_port += s.requests > 0 && s.ports[s.requests] == s.ports[s.requests - 1];
	s.late += s.requests > 0 && s.times_ms[s.requests] - s.times_ms[s.requests - 1] > STALL_MS;
	s.elsewhere += s.client.sin_addr.s_addr != address(VICTIM, 0).sin_addr.s_addr;
	s.requests++;
	keep_secret(read64(s.request + AT_XMT));
	keep_secret(read64(s.request + AT_RECEIVE));
	keep_secret(read64(s.request + AT_ORIGIN));
}

static bool receive_request(void)
{
	union {
		char room[256];
		struct cmsghdr align;
	} control;
	uint8_t data[PACKET_MAX];
	struct iovec part = {data, sizeof data};
	struct msghdr m = {.msg_name = &s.client,
			   .msg_namelen = sizeof s.client,
			   .msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof control};
	ssize_t n = recvmsg(s.genuine, &m, 0);
	bool keyed = s.keys[0] != NULL;

	if (n != HEADER + (keyed ? 4 + DIGEST : 0) || (data[0] & 7) != 3 ||
	    ntohs(s.client.sin_port) < EPHEMERAL || (keyed && !is_signed(data))) {
		s.strays++;
		return false;
	}
	memcpy(s.request, data, HEADER);
	s.received = now_ntp();
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec at;

			memcpy(&at, CMSG_DATA(c), sizeof at);
			s.received = ntp_of(&at);
		}
	return true;
}

/* RFC 9769 section 2, for one client. */
static void answer_request(struct world *w)
{
	uint8_t *a = s.answer;
	uint64_t receive = s.received | 1;
	uint64_t asked = read64(s.request + AT_ORIGIN);
	bool interleaved = asked != 0 && asked == s.slot_receive;
	struct bytes out = {.n = HEADER};
	uint64_t before;

	memset(a, 0, HEADER);
	memcpy(a, (uint8_t[]){4 << 3 | 4, 1, 0, 0xe8}, 4);
	memcpy(a + 12, "GOOD", 4);
	write64(a + 16, receive & ~UINT64_C(0xffffffff));
	memcpy(a + AT_ORIGIN, s.request + (interleaved ? AT_RECEIVE : AT_XMT), 8);
	write64(a + AT_RECEIVE, receive);
	before = now_ntp() & ~UINT64_C(1);
	write64(a + AT_XMT, interleaved ? s.slot_transmit : before);
	memcpy(out.b, a, HEADER);
	if (s.keys[0] != NULL)
		sign(&out, 1);
	if (sendto(s.genuine, out.b, out.n, 0, (struct sockaddr *)&s.client, sizeof s.client) !=
	    (ssize_t)out.n)
		die("answer");
	s.late += (double)(now_ntp() - s.received) * 1e3 / 4294967296.0 > LATE_MS;
	s.basic += !interleaved;
	s.slot_receive = receive;
	s.slot_transmit = before;
	w->last_receive = receive;
	w->last_transmit = read64(a + AT_XMT);
	keep_secret(receive);
}

/* The watcher of a server: the next answer to the victim's client, and the request before it. */
static bool watch_packet(void)
{
	struct {
		struct iphdr ip;
		struct udphdr udp;
		uint8_t data[PACKET_MAX];
	} in;
	struct sockaddr_in victim = address(VICTIM, 0), genuine = address(GENUINE, 0);
	ssize_t n = recv(s.genuine, &in, sizeof in, 0);

	if (n < (ssize_t)(sizeof in.ip + sizeof in.udp + HEADER) || in.ip.ihl != 5 ||
	    in.ip.protocol != IPPROTO_UDP)
		return false;
	if (in.ip.saddr == victim.sin_addr.s_addr && in.udp.dest == htons(NTP_PORT) &&
	    ntohs(in.udp.source) >= EPHEMERAL) {
		memcpy(s.request, in.data, HEADER);
		return false;
	}
	if (in.ip.saddr != genuine.sin_addr.s_addr || in.ip.daddr != victim.sin_addr.s_addr ||
	    ntohs(in.udp.dest) < EPHEMERAL)
		return false;
	memcpy(s.answer, in.data, HEADER);
	s.client = address(VICTIM, ntohs(in.udp.dest));
	return true;
}

static void next_request(void)
{
	while (!(s.server ? watch_packet() : receive_request()))
		;
	note_request();
}

/* ---- reports of the daemons ---- */

static pid_t pid_of(const char *path)
{
	for (unsigned int i = 0; i < REPORT_TRIES; i++, rest(REPORT_NS)) {
		FILE *f = fopen(path, "r");
		int pid = 0;
		int n = f != NULL ? fscanf(f, "%d", &pid) : 0;

		if (f != NULL)
			fclose(f);
		if (n == 1 && pid > 1)
			return pid;
	}
	errno = ESRCH;
	die(path);
	return 0;
}

/* The lines that a daemon logged after `from`, up to its counters. */
static bool copy_report(const char *path, long from, const char *phase, enum daemon daemon)
{
	FILE *f = fopen(path, "r");
	char line[4096];
	bool whole = false;

	if (f == NULL || fseek(f, from, SEEK_SET) != 0)
		die(path);
	while (fgets(line, sizeof line, f) != NULL)
		whole |= strstr(line, " counters:") != NULL && strchr(line, '\n') != NULL;
	if (whole) {
		fseek(f, from, SEEK_SET);
		while (fgets(line, sizeof line, f) != NULL)
			printf("report %s %s %s", phase, daemon == TARGET ? "target" : "bystander",
			       line);
	}
	fclose(f);
	return whole;
}

static void report(const char *phase, enum daemon daemon)
{
	FILE *f;
	long from;

	if (s.pidfile[daemon] == NULL)
		return;
	f = fopen(s.log[daemon], "r");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (from = ftell(f)) < 0)
		die(s.log[daemon]);
	fclose(f);
	if (kill(pid_of(s.pidfile[daemon]), SIGUSR1) != 0)
		die("the daemon is gone");
	for (unsigned int i = 0; i < REPORT_TRIES; i++, rest(REPORT_NS))
		if (copy_report(s.log[daemon], from, phase, daemon))
			return;
	errno = ETIMEDOUT;
	die("the daemon does not report");
}

static void report_phase(const char *phase)
{
	printf("phase %s\n", phase);
	report(phase, TARGET);
	report(phase, BYSTANDER);
}

/* ---- the world ---- */

static void enter(const char *namespace)
{
	int fd = open(namespace, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		die(namespace);
	close(fd);
}

static int udp(const char *local, uint16_t port)
{
	struct sockaddr_in at = address(local, port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
		die("udp");
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int));
	return fd;
}

static int raw(const char *interface)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		die("raw");
	if (interface != NULL && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
					    (socklen_t)strlen(interface)) != 0)
		die(interface);
	return fd;
}

static int watcher(void)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));

	if (fd < 0)
		die("packet socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){8 << 20}, sizeof(int));
	return fd;
}

static void open_world(const char *genuine, const char *attacker)
{
	enter(genuine);
	s.genuine = s.server ? watcher() : udp(GENUINE, NTP_PORT);
	enter(attacker);
	s.raw[BRIDGE] = raw(NULL);
	s.raw[OTHER_LINK] = raw("other");
	s.ask = udp(ATTACKER, 0);
}

static void one_request(struct world *w, const struct attack *attack)
{
	s.this_met = 0;
	w->port = ntohs(s.client.sin_port);
	w->request = attack != NULL && attack->on_path ? s.request : NULL;
	w->answer = attack != NULL && attack->on_path ? s.answer : NULL;
	s.under_way = !s.server;
	if (attack != NULL)
		attack->under_way(w);
	if (!s.server) {
		rest(HOLD_NS);
		answer_request(w);
		s.under_way = false;
	}
	if (attack != NULL && attack->idle != NULL) {
		rest(IDLE_NS);
		attack->idle(w);
	}
	w->turn += attack != NULL;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void tell_interval(const char *phase, unsigned int from, unsigned int to)
{
	double gaps[REQUESTS_MAX];
	unsigned int n = 0;

	for (unsigned int i = from + 1; i < to; i++)
		gaps[n++] = s.times_ms[i] - s.times_ms[i - 1];
	if (n == 0)
		return;
	qsort(gaps, n, sizeof gaps[0], compare);
	printf("interval %s %.1f\n", phase, gaps[n / 2]);
}

static void tell(const struct world *w, const unsigned int upto[3])
{
	tell_interval("before", 0, upto[0]);
	tell_interval("during", upto[0], upto[1]);
	tell_interval("after", upto[1], upto[2]);
	for (size_t i = 0; i < s.secret_count; i++)
		printf("secret %016" PRIx64 "\nsecret %" PRIu64 "\n", s.secrets[i], s.secrets[i]);
	for (size_t i = 0; i < REASONS_MAX && s.expected[i].reason != NULL; i++)
		printf("expected %s %s %u\n",
		       s.expected[i].daemon == TARGET ? "target" : "bystander",
		       s.expected[i].reason, s.expected[i].count);
	printf("total under-way=%u requests-met=%u other=%u taken=%u queries=%u replies=%u "
	       "odd=%u leaks=%u predictable=%u same-port=%u strays=%u basic=%u "
	       "elsewhere=%u late=%u\n",
	       s.met, s.requests_met, s.other, w->taken, s.queries, s.replies, s.odd, s.leaks,
	       s.predictable, s.same_port, s.strays, s.basic, s.elsewhere, s.late);
	puts("done");
}

int main(int argc, char **argv)
{
	struct world w = {0};
	const struct attack *attack;
	unsigned int upto[3] = {0};

	if (argc < 10 || (attack = find_attack(argv[2])) == NULL) {
		fputs("stage: no such attack, or arguments are missing\n", stderr);
		return 2;
	}
	alarm(TIME_LIMIT_S);
	setvbuf(stdout, NULL, _IOLBF, 0);
	s.server = strcmp(argv[1], "server") == 0;
	for (int i = 0; i < 3; i++)
		upto[i] = (unsigned int)atoi(argv[5 + i]) + (i > 0 ? upto[i - 1] : 0);
	for (int i = 0; i < 2 && 9 + 2 * i < argc; i++) {
		s.pidfile[i] = argv[8 + 2 * i];
		s.log[i] = argv[9 + 2 * i];
	}
	if (getenv("DS_KEYED") != NULL)
		make_keys();
	open_world(argv[3], argv[4]);
	puts("ready");
	for (unsigned int i = 0; i <= upto[2]; i++) {
		next_request();
		if (i == upto[0])
			report_phase("before");
		if (i == upto[1])
			report_phase("during");
		if (i == upto[2])
			report_phase("after");
		one_request(&w, i >= upto[0] && i < upto[1] ? attack : NULL);
	}
	tell(&w, upto);
	return 0;
}
