/*
 * load: asks a server for the time as many clients would, as fast as it answers or at a rate.
 * It must never do more for one kind of server than for another, nor count an answer that does
 * not repeat the cookie of the client it is for.
 *
 * One thread, one socket; each client has a source address of its own (10.119.0.0/16, 32 clients
 * in a /24), which the caller has made local. The last 16 bits of every cookie name the client.
 * A client of -i asks as one of interleaved mode does: its origin is the receive field of the
 * last answer, receive and transmit are fresh cookies. With -e the requests of -r leave at random
 * moments, as those of clients that know nothing of each other do (a Poisson process). CPU of the
 * server is what the scheduler says its threads ran between the first and the last counted packet
 * (/proc/PID/task).
 *
 * Output: one line of name=value.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 16384
#define BATCH	    64
#define SIZE	    48
#define ORIGIN	    24
#define RECEIVE	    32
#define TRANSMIT    40
#define LOST_NS	    INT64_C(20000000) /* an answer that is not there after this is lost */

struct client {
	uint64_t transmit; /* cookies of the request under way, as they stand in the packet */
	uint64_t receive;
	uint64_t origin;  /* receive field of the last answer */
	int64_t asked_ns; /* 0: nothing is under way */
};

struct packet {
	struct iovec iov;
	struct sockaddr_in to;
	uint8_t bytes[128];
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control;
};

struct count {
	uint64_t sent, basic, interleaved, wrong, lost, blocked;
};

struct load {
	int fd;
	bool interleaved, random_moments;
	uint32_t clients, window, next, under_way;
	uint64_t random;
	struct count count;
	struct client client[CLIENTS_MAX];
	struct packet out[BATCH], in[BATCH];
	struct mmsghdr out_message[BATCH], in_message[BATCH];
};

struct options {
	const char *address;
	uint16_t port;
	uint32_t clients, window;
	double rate, seconds;
	bool interleaved, random_moments;
	int pid;
};

__attribute__((format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static uint64_t next_random(struct load *load)
{
	uint64_t x = load->random;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return load->random = x;
}

/* A cookie whose last 16 bits, as bytes on the wire, name the client. Never zero. */
static uint64_t cookie(struct load *load, uint32_t client)
{
	uint64_t value = next_random(load) | 1;
	uint16_t name = htons((uint16_t)client);
	memcpy((uint8_t *)&value + 6, &name, sizeof name);
	return value;
}

static void ask(struct load *load, uint32_t index, struct packet *packet, int64_t now)
{
	struct client *client = &load->client[index];
	client->transmit = cookie(load, index);
	client->receive = load->interleaved && client->origin ? cookie(load, index) : 0;
	client->asked_ns = now;
	memset(packet->bytes, 0, SIZE);
	packet->bytes[0] = 4 << 3 | 3;
	if (client->receive) {
		memcpy(packet->bytes + ORIGIN, &client->origin, 8);
		memcpy(packet->bytes + RECEIVE, &client->receive, 8);
	}
	memcpy(packet->bytes + TRANSMIT, &client->transmit, 8);
	struct in_pktinfo *info = (void *)CMSG_DATA(&packet->control.header);
	info->ipi_spec_dst.s_addr = htonl(UINT32_C(10) << 24 | UINT32_C(119) << 16 |
					  (index / 32) << 8 | (index % 32 + 1));
}

/* Send up to `want` requests, at most a batch; those still under way are not asked again until
 * they are lost. */
static void send_some(struct load *load, uint64_t want, int64_t now)
{
	uint32_t count = 0;
	uint32_t first = load->next;
	while (count < BATCH && count < want) {
		struct client *client = &load->client[load->next];
		if (client->asked_ns) {
			if (now - client->asked_ns < LOST_NS)
				break;
			load->count.lost++;
			load->under_way--;
		}
		ask(load, load->next, &load->out[count++], now);
		load->under_way++;
		load->next = (load->next + 1) % load->clients;
	}
	if (!count)
		return;
	int sent = sendmmsg(load->fd, load->out_message, count, 0);
	uint32_t went = sent > 0 ? (uint32_t)sent : 0;
	load->count.sent += went;
	for (uint32_t i = went; i < count; i++) { /* never left: as if not asked */
		load->client[(first + i) % load->clients].asked_ns = 0;
		load->under_way--;
		load->count.blocked++;
	}
	load->next = (first + went) % load->clients;
}

static void take(struct load *load, const uint8_t *bytes)
{
	uint64_t origin;
	uint16_t name;
	memcpy(&origin, bytes + ORIGIN, 8);
	memcpy(&name, bytes + ORIGIN + 6, 2);
	struct client *client = &load->client[ntohs(name) % load->clients];
	bool basic = origin == client->transmit;
	if (!client->asked_ns || !(basic || (client->receive && origin == client->receive))) {
		load->count.wrong++;
		return;
	}
	client->asked_ns = 0;
	memcpy(&client->origin, bytes + RECEIVE, 8);
	load->under_way--;
	load->count.basic += basic;
	load->count.interleaved += !basic;
}

static void receive_some(struct load *load)
{
	int got = recvmmsg(load->fd, load->in_message, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++) {
		if (load->in_message[i].msg_len == SIZE)
			take(load, load->in[i].bytes);
		else
			load->count.wrong++;
	}
}

/* Forget what was lost in a full window, so that a closed loop never stands still. */
static void sweep(struct load *load, int64_t now)
{
	for (uint32_t i = 0; i < load->clients; i++) {
		struct client *client = &load->client[i];
		if (client->asked_ns && now - client->asked_ns >= LOST_NS) {
			client->asked_ns = 0;
			load->under_way--;
			load->count.lost++;
		}
	}
}

/* How many requests of a rate are due since_ns after the beginning, when due were and the next was
 * at *next_ns. */
static uint64_t due_by(struct load *load, double rate, double since_ns, uint64_t due,
		       double *next_ns)
{
	if (!load->random_moments)
		return (uint64_t)(since_ns * 1e-9 * rate);
	for (; *next_ns <= since_ns; due++) {
		double uniform = (double)(next_random(load) >> 11) * 0x1p-53;
		*next_ns -= log1p(-uniform) * 1e9 / rate;
	}
	return due;
}

/* Runs until `answers` came (0: no limit) or the time is over. rate 0: closed loop. */
static void run(struct load *load, double rate, int64_t duration_ns, uint64_t answers)
{
	int64_t begin = now_ns();
	int64_t swept = begin;
	uint64_t before = load->count.sent, due = 0;
	double next_ns = 0.0;
	struct count *c = &load->count;
	uint64_t goal = answers ? c->basic + c->interleaved + answers : UINT64_MAX;
	for (int64_t now = begin; now - begin < duration_ns; now = now_ns()) {
		uint64_t want = load->window > load->under_way ? load->window - load->under_way : 0;
		if (rate > 0) {
			due = due_by(load, rate, (double)(now - begin), due, &next_ns);
			want = due > c->sent - before ? due - (c->sent - before) : 0;
		}
		send_some(load, want, now);
		receive_some(load);
		if (c->basic + c->interleaved >= goal)
			return;
		if (now - swept >= LOST_NS) {
			sweep(load, now);
			swept = now;
		}
	}
}

/* What is on its way still counts. */
static void drain(struct load *load)
{
	int64_t begin = now_ns();
	while (load->under_way && now_ns() - begin < LOST_NS)
		receive_some(load);
	sweep(load, now_ns() + LOST_NS);
}

/* Nanoseconds that all threads of a process have run so far; 0 if it is gone. */
static uint64_t cpu_ns(int pid)
{
	char path[320];
	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *folder = opendir(path);
	if (!folder)
		return 0;
	uint64_t sum = 0;
	for (struct dirent *entry; (entry = readdir(folder));) {
		snprintf(path, sizeof path, "/proc/%d/task/%.16s/schedstat", pid, entry->d_name);
		FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		unsigned long long ran = 0;
		if (file && fscanf(file, "%llu", &ran) == 1)
			sum += ran;
		if (file)
			fclose(file);
	}
	closedir(folder);
	return sum;
}

static void prepare(struct load *load, const struct options *o)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(o->port)};
	if (inet_pton(AF_INET, o->address, &to.sin_addr) != 1)
		die("%s is no IPv4 address", o->address);
	load->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int space = 8 << 20;
	if (load->fd < 0 ||
	    (setsockopt(load->fd, SOL_SOCKET, SO_RCVBUFFORCE, &space, sizeof space) != 0 &&
	     setsockopt(load->fd, SOL_SOCKET, SO_RCVBUF, &space, sizeof space) != 0))
		die("socket: %s", strerror(errno));
	for (int i = 0; i < BATCH; i++) {
		struct packet *out = &load->out[i], *in = &load->in[i];
		out->to = to;
		out->iov = (struct iovec){out->bytes, SIZE};
		out->control.header.cmsg_level = IPPROTO_IP;
		out->control.header.cmsg_type = IP_PKTINFO;
		out->control.header.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
		load->out_message[i].msg_hdr = (struct msghdr){
			.msg_name = &out->to,
			.msg_namelen = sizeof out->to,
			.msg_iov = &out->iov,
			.msg_iovlen = 1,
			.msg_control = &out->control,
			.msg_controllen = sizeof out->control,
		};
		in->iov = (struct iovec){in->bytes, sizeof in->bytes};
		load->in_message[i].msg_hdr = (struct msghdr){.msg_iov = &in->iov, .msg_iovlen = 1};
	}
	load->clients = o->clients;
	load->window = o->window;
	load->interleaved = o->interleaved;
	load->random_moments = o->random_moments;
	load->random = (uint64_t)now_ns() * UINT64_C(0x9E3779B97F4A7C15) | 1;
}

static struct options parse(int argc, char **argv)
{
	struct options o = {.port = 123, .clients = 8192, .window = 64, .seconds = 0.6};
	for (int c; (c = getopt(argc, argv, "s:p:n:w:r:t:eiP:")) != -1;) {
		switch (c) {
		case 's':
			o.address = optarg;
			break;
		case 'p':
			o.port = (uint16_t)atoi(optarg);
			break;
		case 'n':
			o.clients = (uint32_t)atoi(optarg);
			break;
		case 'w':
			o.window = (uint32_t)atoi(optarg);
			break;
		case 'r':
			o.rate = atof(optarg);
			break;
		case 't':
			o.seconds = atof(optarg);
			break;
		case 'e':
			o.random_moments = true;
			break;
		case 'i':
			o.interleaved = true;
			break;
		case 'P':
			o.pid = atoi(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (!o.address || o.clients < 1 || o.clients > CLIENTS_MAX || o.window < 1 ||
	    o.window > o.clients || !(o.seconds > 0 && o.seconds <= 60) || o.rate < 0)
		die("usage: load -s ADDRESS [-p PORT] [-n CLIENTS (8192, at most %d)] "
		    "[-w WINDOW (64) | -r RATE [-e]] [-t SECONDS (0.6)] [-i] [-P PID]",
		    CLIENTS_MAX);
	return o;
}

int main(int argc, char **argv)
{
	static struct load load;
	struct options o = parse(argc, argv);
	prepare(&load, &o);
	/* Interleaved answers come from the third request of a client on. */
	run(&load, 0, INT64_C(500000000), (uint64_t)o.clients * (o.interleaved ? 2 : 1));
	drain(&load);
	load.count = (struct count){0};
	uint64_t cpu = cpu_ns(o.pid);
	int64_t begin = now_ns();
	run(&load, o.rate, (int64_t)(o.seconds * 1e9), 0);
	int64_t lasted = now_ns() - begin;
	drain(&load);
	cpu = cpu_ns(o.pid) - cpu;
	const struct count *c = &load.count;
	uint64_t answers = c->basic + c->interleaved;
	printf("sent=%llu answers=%llu basic=%llu interleaved=%llu wrong=%llu lost=%llu "
	       "blocked=%llu rate=%.0f cpu_ns=%.0f loss_percent=%.3f\n",
	       (unsigned long long)c->sent, (unsigned long long)answers,
	       (unsigned long long)c->basic, (unsigned long long)c->interleaved,
	       (unsigned long long)c->wrong, (unsigned long long)c->lost,
	       (unsigned long long)c->blocked, (double)answers * 1e9 / (double)lasted,
	       answers ? (double)cpu / (double)answers : 0.0,
	       c->sent ? 100.0 * (double)(c->sent - answers) / (double)c->sent : 0.0);
	return answers ? 0 : 1;
}
