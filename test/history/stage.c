/*
 * stage: the hosts around a running drivestampd: a genuine server and an attacker, in one process,
 * so that it is certain what was sent while a request was under way.
 * It must never send beyond the namespaces that it was given.
 *
 * usage: stage KIND[-keyed][-basic] ATTACK GENUINE ATTACKER BEFORE DURING AFTER
 *              TARGET-PIDFILE TARGET-LOG [BYSTANDER-PIDFILE BYSTANDER-LOG]
 * GENUINE, ATTACKER: paths of network namespaces. BEFORE, DURING, AFTER: numbers of
 * requests. Kinds:
 *   client    the stage is the genuine server (it interleaves) and attacks before it answers
 *   server    the genuine server is a drivestampd (the target), the victim (the bystander) its
 *             client; the stage watches their packets and attacks after each answer
 *   peer      the stage is the genuine peer, and attacks between the victim's packet and its own
 *   ephemeral the same, and the stage speaks first
 *   listener  the stage broadcasts, interleaved unless -basic, and attacks before each broadcast,
 *             and before it answers a request; numbers are of broadcasts, once the victim has
 *             measured the way
 * -keyed: the association has the key OUR_KEY.
 *
 * The victim asks every 125 ms. `late` counts what a machine too busy for that did by itself.
 *
 * Lines on stdout: `phase NAME`, `report PHASE DAEMON TEXT` (SIGUSR1), `asked PHASE NUMBER`
 * (requests of a listener so far), and at the end `interval PHASE MS`, `secret NUMBER` (cookies and
 * server stamps of the victim's exchanges, in hexadecimal and decimal digits), `expected DAEMON
 * REASON NUMBER`, `total NAME=NUMBER...`, `done`.
 */
#include "stage.h"

#include "genuine.h"

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
#define EPHEMERAL_AT 32768 /* Linux takes ports of clients from here on */
#define TIME_LIMIT_S 60
#define HOLD_NS	     3000000   /* after the attack, before the genuine answer */
#define PEER_HOLD_NS 30000000  /* the same of a peer, who sends between two of the victim's */
#define FIRST_MS     100       /* between the packets of a peer that nobody answers */
#define TICK_NS	     125000000 /* between broadcasts */
#define WARM	     8	       /* requests by which a listener measures the way */
#define WARM_TICKS   4	       /* and broadcasts after them, before the play */
#define IDLE_NS	     5000000
#define BURST	     50
#define BURST_NS     1000000
#define ASK_MS	     500
#define REPORT_TRIES 400
#define REPORT_NS    10000000
#define NEAR_S	     10
#define LATE_MS	     100.0 /* genuine answers of a machine too busy for this test */
#define STALL_MS     190.0 /* between requests: the victim was stopped */
#define SEND_MS	     4.0   /* between a transmit field and the sending, of what a listener hears */

static struct {
	enum victim victim;
	struct genuine says;
	int genuine; /* UDP port 123, or the watcher's packet socket */
	int raw[2];  /* by enum link */
	int ask;
	struct sockaddr_in client; /* whose request is under way */
	bool under_way;
	uint8_t request[HEADER], answer[HEADER];
	uint64_t received; /* when the request came */
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
	unsigned int same_port, strays, elsewhere, late, this_tick, ticks_met;
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
	s.this_tick++;
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
	s.late += s.victim != LISTENER && s.requests > 0 &&
		  s.times_ms[s.requests] - s.times_ms[s.requests - 1] > STALL_MS;
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

	if (n < HEADER || !genuine_is_asked(&s.says, data, (size_t)n, ntohs(s.client.sin_port))) {
		s.strays++;
		return false;
	}
	memcpy(s.request, data, sizeof s.request);
	s.received = now_ntp();
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec at;

			memcpy(&at, CMSG_DATA(c), sizeof at);
			s.received = ntp_of(&at);
		}
	return true;
}

static void say(const struct bytes *p, const struct sockaddr_in *to)
{
	if (sendto(s.genuine, p->b, p->n, 0, (const struct sockaddr *)to, sizeof *to) !=
	    (ssize_t)p->n)
		die("the genuine host speaks");
}

static double ms_since(uint64_t then)
{
	return (double)(int64_t)(now_ntp() - then) * 1e3 / 4294967296.0;
}

static void answer_request(struct world *w)
{
	struct bytes p = genuine_answer(&s.says, s.request, s.received);

	say(&p, &s.client);
	memcpy(s.answer, p.b, sizeof s.answer);
	s.late += ms_since(s.received) > LATE_MS;
	s.late += s.victim == LISTENER && ms_since(s.says.slot_transmit) > SEND_MS;
	w->last_receive = read64(s.answer + AT_RECEIVE);
	w->last_transmit = read64(s.answer + AT_XMT);
	keep_secret(w->last_receive);
}

static void broadcast(struct world *w)
{
	struct sockaddr_in to = address(EVERYBODY, NTP_PORT);
	struct bytes p = genuine_broadcast(&s.says);

	say(&p, &to);
	s.late += ms_since(s.says.sent) > SEND_MS;
	w->last_transmit = s.says.sent;
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
	    ntohs(in.udp.source) >= EPHEMERAL_AT) {
		memcpy(s.request, in.data, HEADER);
		return false;
	}
	if (in.ip.saddr != genuine.sin_addr.s_addr || in.ip.daddr != victim.sin_addr.s_addr ||
	    ntohs(in.udp.dest) < EPHEMERAL_AT)
		return false;
	memcpy(s.answer, in.data, HEADER);
	s.client = address(VICTIM, ntohs(in.udp.dest));
	return true;
}

/* A peer sends by a timer of its own, also where nobody has answered yet. */
static void speak_first(void)
{
	struct pollfd fd = {.fd = s.genuine, .events = POLLIN};
	struct sockaddr_in to = address(VICTIM, NTP_PORT);

	while (poll(&fd, 1, FIRST_MS) == 0) {
		struct bytes p = genuine_first(&s.says);

		say(&p, &to);
	}
}

static void next_request(void)
{
	if (s.requests == 0 && (s.victim == PEER || s.victim == EPHEMERAL))
		speak_first();
	while (!(s.victim == SERVER ? watch_packet() : receive_request()))
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
	printf("phase %s\nasked %s %u\n", phase, phase, s.requests);
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
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){1}, sizeof(int));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &(int){1}, sizeof(int));
	return fd;
}

static int raw(const char *interface)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		die("raw");
	setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){1}, sizeof(int));
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
	s.genuine = s.victim == SERVER ? watcher() : udp(GENUINE, NTP_PORT);
	enter(attacker);
	s.raw[BRIDGE] = raw(NULL);
	s.raw[OTHER_LINK] = raw("other");
	s.ask = udp(ATTACKER, 0);
}

/* What of the path an attacker may see: nothing, off it. */
static void show(struct world *w, const struct attack *attack)
{
	bool sees = attack != NULL && attack->on_path;

	w->request = sees ? s.request : NULL;
	w->answer = sees ? s.answer : NULL;
	w->recorded = sees ? &s.says.said : NULL;
}

static void one_request(struct world *w, const struct attack *attack)
{
	s.this_met = 0;
	w->port = ntohs(s.client.sin_port);
	show(w, attack);
	s.under_way = s.victim != SERVER;
	if (attack != NULL)
		attack->under_way(w);
	if (s.victim != SERVER) {
		rest(s.says.victim == PEER || s.says.victim == EPHEMERAL ? PEER_HOLD_NS : HOLD_NS);
		answer_request(w);
		s.under_way = false;
	}
	if (s.victim == LISTENER)
		return;
	if (attack != NULL && attack->idle != NULL) {
		rest(IDLE_NS);
		attack->idle(w);
	}
	w->turn += attack != NULL;
}

/* Where the attack begins at once, only what is sent from here on is compared. */
static void forget_counts(void)
{
	memset(s.expected, 0, sizeof s.expected);
	s.met = s.requests_met = s.other = s.ticks_met = 0;
}

static void begin_phase(unsigned int i, const unsigned int upto[3])
{
	static const char *const names[] = {"before", "during", "after"};

	for (unsigned int phase = 0; phase < 3; phase++)
		if (i == upto[phase]) {
			rest(REPORT_NS); /* what was sent just now shall have been taken */
			report_phase(names[phase]);
		}
	if (i == upto[0])
		forget_counts();
}

/* NULL where this one is not attacked. i below 0: before the play. */
static const struct attack *attack_of(const struct attack *attack, int i,
				      const unsigned int upto[3])
{
	bool at_it = i < (int)upto[1] && (attack->at_once || i >= (int)upto[0]);

	return at_it ? attack : NULL;
}

static void play_requests(struct world *w, const struct attack *attack, const unsigned int upto[3])
{
	for (unsigned int i = 0; i <= upto[2]; i++) {
		next_request();
		begin_phase(i, upto);
		one_request(w, attack_of(attack, (int)i, upto));
	}
}

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Answer a listener's requests until then. */
static void answer_until(struct world *w, const struct attack *attack, int64_t until_ns)
{
	struct pollfd fd = {.fd = s.genuine, .events = POLLIN};
	int64_t left_ns;

	while ((left_ns = until_ns - monotonic_ns()) > 0) {
		if (poll(&fd, 1, (int)(left_ns / 1000000) + 1) != 1 || !receive_request())
			continue;
		note_request();
		one_request(w, attack);
	}
}

static void one_broadcast(struct world *w, const struct attack *attack)
{
	s.this_tick = 0;
	w->port = NTP_PORT;
	show(w, attack);
	w->request = w->answer = NULL;
	if (attack != NULL) {
		attack->idle(w);
		s.ticks_met += s.this_tick > 0;
		w->turn++;
		rest(IDLE_NS / 5);
	}
	broadcast(w);
}

static void play_broadcasts(struct world *w, const struct attack *attack,
			    const unsigned int upto[3])
{
	int64_t tick_ns = monotonic_ns();
	unsigned int warm = 0;

	for (int i = -1; i <= (int)upto[2];) {
		answer_until(w, attack_of(attack, i - 1, upto), tick_ns += TICK_NS);
		if (i < 0 && s.requests >= WARM && ++warm == WARM_TICKS) {
			report_phase("start");
			i = 0;
		}
		if (i >= 0)
			begin_phase((unsigned int)i, upto);
		one_broadcast(w, attack_of(attack, i, upto));
		i += i >= 0;
	}
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
	       "elsewhere=%u ticks-met=%u misnamed=%u late=%u\n",
	       s.met, s.requests_met, s.other, w->taken, s.queries, s.replies, s.odd, s.leaks,
	       s.predictable, s.same_port, s.strays, s.says.answered_basic, s.elsewhere,
	       s.ticks_met, s.says.misnamed, s.late);
	puts("done");
}

static void read_kind(const char *kind, struct world *w)
{
	static const char *const names[] = {[CLIENT] = "client",
					    [SERVER] = "server",
					    [PEER] = "peer",
					    [EPHEMERAL] = "ephemeral",
					    [LISTENER] = "listener"};

	for (unsigned int i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strncmp(kind, names[i], strlen(names[i])) == 0)
			s.victim = (enum victim)i;
	s.says.victim = w->victim = s.victim;
	s.says.keyed = w->keyed = strstr(kind, "-keyed") != NULL;
	s.says.basic = strstr(kind, "-basic") != NULL;
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
	read_kind(argv[1], &w);
	for (int i = 0; i < 3; i++)
		upto[i] = (unsigned int)atoi(argv[5 + i]) + (i > 0 ? upto[i - 1] : 0);
	for (int i = 0; i < 2 && 9 + 2 * i < argc; i++) {
		s.pidfile[i] = argv[8 + 2 * i];
		s.log[i] = argv[9 + 2 * i];
	}
	open_world(argv[3], argv[4]);
	puts("ready");
	if (s.victim == LISTENER)
		play_broadcasts(&w, attack, upto);
	else
		play_requests(&w, attack, upto);
	tell(&w, upto);
	return 0;
}
