/* relay: see the header. Frames are taken with their unfinished checksums (virtio_net_hdr), and
 * handed on like that, as veth does; it must never look into one. */
#include "lab/relay.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>

#define EARLY_NS 60000 /* waking up takes so long at most, mostly */
#define AT_ONCE	 64    /* frames read before those that are due are sent */

struct frame {
	int64_t leave_ns; /* CLOCK_MONOTONIC */
	size_t length;
	uint8_t bytes[sizeof(struct virtio_net_hdr) + DS_RELAY_FRAME];
};

struct way {
	struct ds_relay_way *config;
	int from_fd, to_fd;
	size_t first, count;
	int64_t last_leave_ns;
	struct frame *queue; /* DS_RELAY_QUEUE of them, a ring */
};

struct ds_relay *ds_relay_new(void)
{
	void *memory = mmap(NULL, sizeof(struct ds_relay), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void ds_relay_free(struct ds_relay *relay)
{
	if (relay)
		munmap(relay, sizeof(*relay));
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* splitmix64 (Steele, Lea, Flood 2014): in [0, 1). */
static double chance(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static int fail(const char *device)
{
	dprintf(STDERR_FILENO, "relay: %s: %s\n", device, strerror(errno));
	return -1;
}

static int open_device(const char *device)
{
	const int on = 1;
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex(device)};
	/* Protocol 0: nothing comes in before it is bound to its device. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || at.sll_ifindex == 0)
		return fail(device);
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		return fail(device);
	return fd;
}

/* When did it come? By CLOCK_MONOTONIC; the stamp is by CLOCK_REALTIME. */
static int64_t arrival_ns(struct msghdr *message)
{
	int64_t now = now_ns(CLOCK_MONOTONIC);
	struct timespec stamp;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
		int64_t ago = now_ns(CLOCK_REALTIME) -
			      ((int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec);
		/* A clock that was set in between says nothing. */
		return ago > 0 && ago < 100000000 ? now - ago : now;
	}
	return now;
}

static int64_t delay_ns(const struct ds_relay_way *config, uint64_t *random)
{
	double delay_us = config->delay_us;

	if (config->jitter_us > 0)
		delay_us -= config->jitter_us * log1p(-chance(random));
	return (int64_t)(delay_us * 1e3);
}

/* One frame into the queue, or away. False if there is none to read. */
static bool take(struct way *way, uint64_t *random)
{
	static struct frame rest; /* what there is no room for is read as well */
	bool full = way->count == DS_RELAY_QUEUE;
	struct frame *frame =
		full ? &rest : &way->queue[(way->first + way->count) % DS_RELAY_QUEUE];
	union {
		struct cmsghdr align;
		char bytes[256];
	} control;
	struct iovec part = {frame->bytes, sizeof(frame->bytes)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(way->from_fd, &message, 0);

	if (length < 0)
		return errno == EINTR || errno == ENETDOWN;
	if (message.msg_flags & MSG_TRUNC) {
		way->config->longer++;
	} else if (way->config->loss_percent > 0 &&
		   chance(random) * 100 < way->config->loss_percent) {
		way->config->lost++;
	} else if (full) {
		way->config->full++;
	} else {
		frame->length = (size_t)length;
		frame->leave_ns = arrival_ns(&message) + delay_ns(way->config, random);
		if (frame->leave_ns < way->last_leave_ns)
			frame->leave_ns = way->last_leave_ns;
		way->last_leave_ns = frame->leave_ns;
		way->count++;
	}
	return true;
}

/* The header as it goes out: of what came in, that the checksum is not done yet is what counts. */
static void send_first(struct way *way)
{
	struct frame *frame = &way->queue[way->first];
	struct virtio_net_hdr header;

	memcpy(&header, frame->bytes, sizeof(header));
	header.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	memcpy(frame->bytes, &header, sizeof(header));
	if (send(way->to_fd, frame->bytes, frame->length, 0) == (ssize_t)frame->length)
		way->config->carried++;
	else
		way->config->full++;
	way->first = (way->first + 1) % DS_RELAY_QUEUE;
	way->count--;
}

/* When the next has to leave; INT64_MAX: none waits. */
static int64_t next_ns(const struct way *ways)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < 2; i++) {
		if (ways[i].count > 0 && ways[i].queue[ways[i].first].leave_ns < next)
			next = ways[i].queue[ways[i].first].leave_ns;
	}
	return next;
}

static void wait_for(const struct way *ways)
{
	struct pollfd fds[2] = {{.fd = ways[0].from_fd, .events = POLLIN},
				{.fd = ways[1].from_fd, .events = POLLIN}};
	int64_t next = next_ns(ways);
	int64_t wait = next == INT64_MAX ? 0 : next - EARLY_NS - now_ns(CLOCK_MONOTONIC);
	struct timespec time = {0, 0};

	if (wait > 0)
		time = (struct timespec){wait / 1000000000, wait % 1000000000};
	(void)ppoll(fds, 2, next == INT64_MAX ? NULL : &time, NULL);
}

static void carry(struct way *ways, uint64_t *random)
{
	for (;;) {
		wait_for(ways);
		for (int i = 0; i < 2; i++) {
			for (int n = 0; n < AT_ONCE && take(&ways[i], random); n++)
				;
		}
		for (int i = 0; i < 2; i++) {
			while (ways[i].count > 0 &&
			       ways[i].queue[ways[i].first].leave_ns <= now_ns(CLOCK_MONOTONIC))
				send_first(&ways[i]);
		}
	}
}

int ds_relay_run(void *context)
{
	static struct frame queues[2][DS_RELAY_QUEUE]; /* touched in the child alone */
	struct ds_relay *relay = context;
	uint64_t random = relay->seed;
	struct way ways[2];
	const struct sched_param priority = {.sched_priority = 1};
	int fds[2];

	for (int i = 0; i < 2; i++) {
		fds[i] = open_device(relay->device[i]);
		if (fds[i] < 0)
			return 1;
	}
	for (int i = 0; i < 2; i++) {
		ways[i] = (struct way){.config = &relay->way[i],
				       .from_fd = fds[i],
				       .to_fd = fds[!i],
				       .queue = queues[i]};
	}
	(void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	(void)sched_setscheduler(0, SCHED_FIFO, &priority);
	atomic_store(&relay->ready, 1);
	carry(ways, &random);
	return 1;
}
