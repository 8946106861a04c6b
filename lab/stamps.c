/* stamps: see the header. A process that sends, one that receives, and this one, which says when a
 * block begins; they meet in shared memory in which each word has one writer. It must never do
 * between the two readings of the sender's clock anything but send. */
#include "lab/stamps.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/exchange/wire.h"
#include "lab/rig.h"
#include "lab/stamps_card.h"
#include "os/clock.h"
#include "os/random.h"

#define MAGIC	       UINT64_C(0x7374616d70732131) /* "stamps!1" */
#define MAGIC_OFFSET   8			    /* beyond what an NTP server looks at first */
#define RUN_OFFSET     16
#define NUMBER_OFFSET  24
#define LATE_STAMPS_NS INT64_C(50000000) /* stamps and packets still under way at the end */
#define END_WAIT_MS    3000
#define MORE_BLOCK_S   0.05
#define MORE_BLOCK_MAX 60

/* What the sender writes of a packet, and what the receiver does. */
struct sent_row {
	int64_t before_ns, kernel_tx_ns, after_ns, card_ns;
	uint8_t condition, block;
	bool refused, at_once;
};
struct received_row {
	int64_t kernel_ns, user_ns;
};

struct shared {
	/* this process */
	_Atomic int moment; /* block * 4 + enum ds_lab_condition */
	_Atomic bool stop;
	/* the sender */
	_Atomic uint32_t count;
	_Atomic bool sender_done;
	/* the receiver */
	_Atomic int port; /* where it listens; 0: not yet */
	/* read when both have ended */
	struct ds_stamps_counts sender, receiver;
	char sender_why[DS_WHY], receiver_why[DS_WHY];
};

struct meeting {
	const struct ds_stamps_plan *plan;
	struct shared *shared;
	struct sent_row *sent;
	struct received_row *received;
	size_t room;
	size_t bytes; /* of the mapping */
	uint64_t run;
	uint64_t seed;
	pid_t parent;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void put64(uint8_t *out, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get64(const uint8_t *in)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | in[i];
	return value;
}

void ds_stamps_write(uint8_t packet[DS_STAMPS_LENGTH], uint64_t run, uint32_t number)
{
	/* Version and mode 0: should it reach an NTP server, that drops it. */
	memset(packet, 0, DS_STAMPS_LENGTH);
	put64(packet + MAGIC_OFFSET, MAGIC);
	put64(packet + RUN_OFFSET, run);
	put64(packet + NUMBER_OFFSET, number);
	/* Kernels that give the frame back with its stamp: os/stamping knows it by this. */
	put64(packet + DS_WIRE_TRANSMIT_OFFSET, run + number);
}

bool ds_stamps_read(const uint8_t *packet, size_t length, uint64_t run, uint32_t *number)
{
	uint64_t value;

	if (length != DS_STAMPS_LENGTH || get64(packet + MAGIC_OFFSET) != MAGIC ||
	    get64(packet + RUN_OFFSET) != run)
		return false;
	value = get64(packet + NUMBER_OFFSET);
	if (value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

void ds_stamps_processors(int *first, int *second)
{
	cpu_set_t set;
	int found = 0;

	*first = *second = 0;
	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	for (size_t i = 0; i < CPU_SETSIZE && found < 2; i++) {
		if (!CPU_ISSET(i, &set))
			continue;
		if (found++ == 0)
			*first = (int)i;
		*second = (int)i;
	}
}

/* ---- both children ---- */

static bool fail(char why[DS_WHY], const char *what, int error)
{
	snprintf(why, DS_WHY, "%s: %s", what, strerror(error));
	return false;
}

static bool settle(const struct meeting *m, int netns, int cpu, char why[DS_WHY])
{
	cpu_set_t set;

	if (netns >= 0 && setns(netns, CLONE_NEWNET) != 0)
		return fail(why, "cannot enter the network namespace", errno);
	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set) != 0)
			return fail(why, "cannot stay on one processor", errno);
	}
	prctl(PR_SET_TIMERSLACK, 1UL);
	return getppid() == m->parent;
}

/* ---- the sender ---- */

struct sender {
	const struct meeting *m;
	struct ds_socket socket;
	struct ds_batch *batch;
	union ds_address to;
	struct ds_stamps_card_reader card;
	uint64_t random;
};

static bool open_sender(struct sender *s, char why[DS_WHY])
{
	const struct ds_stamps_plan *plan = s->m->plan;
	union ds_address any = plan->from;

	s->to = plan->to;
	if (plan->receive)
		ds_address_set_port(&s->to, (uint16_t)atomic_load(&s->m->shared->port));
	if (any.family == AF_UNSPEC) {
		memset(&any, 0, sizeof(any));
		any.family = s->to.family;
	}
	if (plan->connected ? ds_socket_open_client(&s->socket, &s->to, &plan->from,
						    plan->interface, why) != 0
			    : ds_socket_open_server(&s->socket, &any, plan->interface, why) != 0)
		return false;
	if (!s->socket.stamping.transmit) {
		snprintf(why, DS_WHY, "this kernel gives no transmit stamps");
		return false;
	}
	if (ds_address_is_multicast(&s->to))
		ds_socket_to_many(&s->socket, true, 1);
	if (plan->card && ds_stamps_card_begin(&s->card, &s->socket, plan->interface, why) != 0)
		return false;
	s->batch = ds_batch_new();
	return s->batch || fail(why, "no memory for packets", ENOMEM);
}

/* The same where the card stamps as well. */
static int read_both_stamps(struct sender *s, bool at_once)
{
	struct ds_stamps_card_stamp stamp;
	bool is_stamp;
	int stamps = 0;

	ds_stamps_card_look(&s->card);
	while (ds_stamps_card_read(&s->card, &s->socket, &stamp, &is_stamp)) {
		if (!is_stamp || stamp.number >= s->m->room)
			continue;
		stamps++;
		if (stamp.by_card) {
			s->m->sent[stamp.number].card_ns = stamp.real_ns;
		} else {
			s->m->sent[stamp.number].kernel_tx_ns = stamp.real_ns;
			s->m->sent[stamp.number].at_once = at_once;
		}
	}
	return stamps;
}

/* Stamps that have come; returns how many. */
static int read_stamps(struct sender *s, bool at_once)
{
	struct ds_datagram in[DS_BATCH];
	int got, stamps = 0;

	if (s->m->plan->card)
		return read_both_stamps(s, at_once);
	got = ds_socket_receive(&s->socket, s->batch, true, in);
	for (int i = 0; i < got; i++) {
		if (!in[i].is_stamp || in[i].token >= s->m->room)
			continue;
		s->m->sent[in[i].token].kernel_tx_ns = in[i].realtime_ns;
		s->m->sent[in[i].token].at_once = at_once;
		stamps++;
	}
	return stamps;
}

static void send_packet(struct sender *s, uint32_t number)
{
	uint8_t packet[DS_STAMPS_LENGTH];
	const struct ds_outgoing out = {
		.data = packet,
		.length = sizeof(packet),
		.remote = s->m->plan->connected ? NULL : &s->to,
		.stamp = true,
		.token = number,
	};
	struct shared *shared = s->m->shared;
	int moment = atomic_load(&shared->moment);
	int64_t before_ns, after_ns;
	int sent, error;
	struct sent_row *row = &s->m->sent[number];

	ds_stamps_write(packet, s->m->run, number);
	before_ns = now_ns();
	sent = ds_socket_send(&s->socket, s->batch, &out, 1);
	after_ns = now_ns();
	error = errno;
	row->before_ns = before_ns;
	row->after_ns = after_ns;
	row->block = (uint8_t)(moment / 4);
	row->condition =
		(uint8_t)(atomic_load(&shared->moment) == moment ? moment % 4 : DS_LAB_BETWEEN);
	row->refused = sent != 1;
	if (!row->refused) {
		shared->sender.sent++;
		if (s->m->plan->card)
			ds_stamps_card_sent(&s->card, &s->socket, number);
		read_stamps(s, true);
	} else {
		shared->sender.refused++;
		if (shared->sender.refused_errno == 0)
			shared->sender.refused_errno = error;
	}
	atomic_store(&shared->count, number + 1);
}

/* Marsaglia 2003, xorshift64*: gaps need not be secret, and a system call would be one too many. */
static double uniform(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return ((double)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 11) + 0.5) * 0x1p-53;
}

static void wait_gap(struct sender *s)
{
	double mean_ns = s->m->plan->gap_us * 1000;
	double gap_ns = fmin(-mean_ns * log(uniform(&s->random)), 10 * mean_ns);
	struct timespec t = {(time_t)(gap_ns / 1e9), (long)fmod(gap_ns, 1e9)};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static void read_late_stamps(struct sender *s)
{
	const struct timespec step = {0, 1000000};
	int64_t until_ns = ds_monotonic_ns() + LATE_STAMPS_NS;

	do {
		while (read_stamps(s, false) > 0)
			;
		nanosleep(&step, NULL);
	} while (ds_stamping_awaited(&s->socket.stamping) > 0 && ds_monotonic_ns() < until_ns);
}

static void count_sender(struct sender *s)
{
	const struct ds_counters *c = &s->socket.stamping.counters;
	struct ds_stamps_counts *out = &s->m->shared->sender;

	out->stamp_double = c->by_reason[DS_R_STAMP_DOUBLE];
	out->stamp_wrong_id = c->by_reason[DS_R_STAMP_WRONG_ID];
	out->error_queue_other = c->by_reason[DS_R_ERROR_QUEUE_OTHER];
	out->control_truncated = c->by_reason[DS_R_CONTROL_TRUNCATED];
}

static bool run_sender(const struct meeting *m)
{
	struct sender s = {.m = m, .socket.fd = -1, .random = m->seed | 1};
	struct shared *shared = m->shared;

	if (!settle(m, m->plan->send_netns, m->plan->send_cpu, shared->sender_why) ||
	    !open_sender(&s, shared->sender_why))
		return false;
	for (uint32_t number = 0; number < m->room && !atomic_load(&shared->stop); number++) {
		wait_gap(&s);
		if (m->plan->card || ds_stamping_awaited(&s.socket.stamping) > 0)
			read_stamps(&s, false);
		send_packet(&s, number);
	}
	read_late_stamps(&s);
	count_sender(&s);
	return true;
}

/* ---- the receiver ---- */

static void take_packet(const struct meeting *m, const struct ds_datagram *d, int64_t user_ns)
{
	struct ds_stamps_counts *counts = &m->shared->receiver;
	uint32_t number;

	if (!ds_stamps_read(d->data, d->length, m->run, &number) || number >= m->room) {
		counts->foreign++;
		return;
	}
	if (m->received[number].user_ns != 0) {
		counts->doubled++;
		return;
	}
	m->received[number] = (struct received_row){d->realtime_ns, user_ns};
	if (d->realtime_ns == 0)
		counts->no_receive_stamp++;
}

static bool run_receiver(const struct meeting *m)
{
	struct ds_datagram in[DS_BATCH];
	struct shared *shared = m->shared;
	struct ds_socket socket = {.fd = -1};
	struct ds_batch *batch = ds_batch_new();
	union ds_address local;

	if (!batch)
		return fail(shared->receiver_why, "no memory for packets", ENOMEM);
	if (!settle(m, m->plan->receive_netns, m->plan->receive_cpu, shared->receiver_why) ||
	    ds_socket_open_server(&socket, &m->plan->to, NULL, shared->receiver_why) != 0)
		return false;
	if (!ds_socket_local(&socket, &local))
		return fail(shared->receiver_why, "cannot learn the port", errno);
	atomic_store(&shared->port, ds_address_port(&local));

	struct pollfd wait = {.fd = socket.fd, .events = POLLIN};
	for (;;) {
		int ready = poll(&wait, 1, 50);
		if (ready == 0 && atomic_load(&shared->sender_done))
			break;
		int got = ds_socket_receive(&socket, batch, false, in);
		int64_t user_ns = now_ns();
		for (int i = 0; i < got; i++)
			take_packet(m, &in[i], user_ns);
	}
	shared->receiver.control_truncated =
		socket.stamping.counters.by_reason[DS_R_CONTROL_TRUNCATED];
	return true;
}

/* ---- this process ---- */

static pid_t begin(const struct meeting *m, bool (*run)(const struct meeting *m))
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t none;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	/* Ctrl-C reaches only the one who ends the others in order. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != m->parent)
		_exit(1);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	_exit(run(m) ? 0 : 1);
}

/* False after ms without its end. */
static bool ended(pid_t *pid, int ms, bool *well)
{
	const struct timespec step = {0, 2000000};
	int status = 0;

	for (int waited = 0; *pid > 0; waited += 2) {
		if (waitpid(*pid, &status, WNOHANG) == *pid) {
			*pid = 0;
			*well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
		} else if (waited >= ms) {
			return false;
		} else {
			nanosleep(&step, NULL);
		}
	}
	return true;
}

static void end_child(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}

static void set_moment(struct shared *shared, int block, enum ds_lab_condition condition)
{
	atomic_store(&shared->moment, block * 4 + (int)condition);
}

enum { GO_ON = 0, SIGNAL_CAME = 1, SENDER_ENDED = 2 };

/* Wait, and look whether the sender is still there. */
static int wait_block(pid_t *sender, double seconds, bool *well)
{
	int64_t until_ns = ds_monotonic_ns() + (int64_t)(seconds * 1e9);
	int64_t left_ns;

	while ((left_ns = until_ns - ds_monotonic_ns()) > 0) {
		if (ended(sender, 0, well))
			return SENDER_ENDED;
		if (ds_rig_wait((int)(left_ns < 100000000 ? left_ns / 1000000 + 1 : 100)) != 0)
			return SIGNAL_CAME;
	}
	return GO_ON;
}

/* A block: as long as planned, and longer where the machine stood still, until there are packets
 * enough to compare. */
static int wait_packets(const struct meeting *m, pid_t *sender, bool *well)
{
	uint32_t before = atomic_load(&m->shared->count);
	int status = wait_block(sender, m->plan->block_seconds, well);

	for (int more = 0; status == GO_ON && more < MORE_BLOCK_MAX; more++) {
		if (atomic_load(&m->shared->count) - before > DS_STAMPS_BLOCK_LEAST)
			break;
		status = wait_block(sender, MORE_BLOCK_S, well);
	}
	return status;
}

/* Blocks one after the other. One of the above, or a negative errno of the load, with a sentence.
 */
static int run_blocks(struct meeting *m, pid_t *sender, bool *well, char why[DS_WHY])
{
	const struct ds_stamps_plan *plan = m->plan;
	int status = GO_ON;
	bool loaded = false;

	while (status == GO_ON && atomic_load(&m->shared->count) < (uint32_t)plan->warmup)
		status = wait_block(sender, 0.005, well);
	for (int block = 0; block < plan->blocks && status == GO_ON; block++) {
		bool load = plan->load && block % 2 == 1;

		set_moment(m->shared, block, DS_LAB_BETWEEN);
		if (load != loaded) {
			status = plan->load(plan->load_context, load, why);
			if (status != 0)
				return status;
			loaded = load;
			status = wait_block(sender, DS_STAMPS_SETTLE_MS / 1000.0, well);
		}
		if (status != GO_ON)
			break;
		set_moment(m->shared, block, load ? DS_LAB_LOADED : DS_LAB_IDLE);
		status = wait_packets(m, sender, well);
	}
	set_moment(m->shared, 0, DS_LAB_BETWEEN);
	if (loaded) {
		int error = plan->load(plan->load_context, false, why);
		status = error != 0 ? error : status;
	}
	return status;
}

static int open_meeting(struct meeting *m, const struct ds_stamps_plan *plan, char why[DS_WHY])
{
	double seconds = plan->blocks * (plan->block_seconds + DS_STAMPS_SETTLE_MS / 1000.0) + 2;
	size_t head = (sizeof(struct shared) + 63) & ~(size_t)63;
	uint8_t *memory;

	m->plan = plan;
	m->parent = getpid();
	m->run = ds_random64();
	m->seed = ds_random64();
	m->room = (size_t)fmin(seconds * 1e6 / plan->gap_us * 1.3 + plan->warmup,
			       DS_STAMPS_PACKETS_MAX);
	m->bytes = head + m->room * (sizeof(struct sent_row) + sizeof(struct received_row));
	/* All pages now: a fault would come between two packets of the same page's first. */
	memory = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED) {
		fail(why, "no memory for the rows", errno);
		return -ENOMEM;
	}
	m->shared = (struct shared *)(void *)memory;
	m->sent = (struct sent_row *)(void *)(memory + head);
	m->received = (struct received_row *)(void *)(m->sent + m->room);
	set_moment(m->shared, 0, DS_LAB_BETWEEN);
	return 0;
}

static bool await_receiver(struct meeting *m, pid_t *receiver, char why[DS_WHY])
{
	bool well = true;

	for (int left_ms = END_WAIT_MS; left_ms > 0 && *receiver > 0; left_ms -= 2) {
		if (atomic_load(&m->shared->port) != 0)
			return true;
		(void)ended(receiver, 2, &well);
	}
	snprintf(why, DS_WHY, "the receiver: %.200s",
		 m->shared->receiver_why[0] ? m->shared->receiver_why : "does not begin");
	return false;
}

static int gather(const struct meeting *m, struct ds_stamps_seen *seen, char why[DS_WHY])
{
	size_t count = atomic_load(&m->shared->count);
	struct ds_stamps_counts *counts = &seen->counts;

	seen->rows = calloc(count > 0 ? count : 1, sizeof(*seen->rows));
	if (!seen->rows) {
		fail(why, "no memory for the rows", ENOMEM);
		return -ENOMEM;
	}
	seen->count = count;
	*counts = m->shared->sender;
	counts->no_receive_stamp = m->shared->receiver.no_receive_stamp;
	counts->doubled = m->shared->receiver.doubled;
	counts->foreign = m->shared->receiver.foreign;
	counts->control_truncated += m->shared->receiver.control_truncated;
	for (size_t i = 0; i < count; i++) {
		const struct sent_row *s = &m->sent[i];
		const struct received_row *r = &m->received[i];

		seen->rows[i] = (struct ds_stamps_row){
			.before_ns = s->before_ns,
			.kernel_tx_ns = s->kernel_tx_ns,
			.after_ns = s->after_ns,
			.card_ns = s->card_ns,
			.kernel_rx_ns = r->kernel_ns,
			.user_rx_ns = r->user_ns,
			.condition = s->condition,
			.block = s->block,
			.refused = s->refused,
			.at_once = s->at_once,
		};
		if (s->refused)
			continue;
		counts->no_transmit_stamp += s->kernel_tx_ns == 0;
		counts->no_card_stamp += m->plan->card && s->card_ns == 0;
		counts->lost += m->plan->receive && r->user_ns == 0;
	}
	return 0;
}

static int check(const struct ds_stamps_plan *plan, char why[DS_WHY])
{
	if ((plan->to.family != AF_INET && plan->to.family != AF_INET6) ||
	    (plan->from.family != AF_UNSPEC && plan->from.family != plan->to.family))
		snprintf(why, DS_WHY, "addresses of two families, or of none");
	else if (plan->blocks < 1 || plan->blocks > DS_STAMPS_BLOCKS_MAX || plan->warmup < 0 ||
		 !(plan->block_seconds > 0) || !(plan->block_seconds <= 86400))
		snprintf(why, DS_WHY, "blocks out of range");
	else if (!(plan->gap_us >= 20) || !(plan->gap_us <= 1e6))
		snprintf(why, DS_WHY, "gap out of range (20 us to 1 s)");
	else if (plan->card && (!plan->connected || !plan->interface))
		snprintf(why, DS_WHY,
			 "card stamps are taken of connected sockets, by a named interface only");
	else
		return 0;
	return -EINVAL;
}

static int run(struct meeting *m, struct ds_stamps_seen *seen, char why[DS_WHY])
{
	pid_t receiver = 0, sender = 0;
	bool sender_well = true, receiver_well = true;
	int status = 0;

	if (m->plan->receive) {
		receiver = begin(m, run_receiver);
		if (receiver < 0 || !await_receiver(m, &receiver, why)) {
			end_child(&receiver);
			return -EIO;
		}
	}
	sender = begin(m, run_sender);
	if (sender < 0)
		status = -errno;
	else
		status = run_blocks(m, &sender, &sender_well, why);
	seen->partial = status == SIGNAL_CAME;
	atomic_store(&m->shared->stop, true);
	if (!ended(&sender, END_WAIT_MS, &sender_well))
		end_child(&sender);
	atomic_store(&m->shared->sender_done, true);
	if (!ended(&receiver, END_WAIT_MS, &receiver_well))
		end_child(&receiver);
	if (status < 0)
		return status;
	if (!sender_well || !receiver_well) {
		const char *words = sender_well ? m->shared->receiver_why : m->shared->sender_why;
		snprintf(why, DS_WHY, "the %s: %.200s", sender_well ? "receiver" : "sender",
			 words[0] ? words : "was ended");
		return -EIO;
	}
	return gather(m, seen, why);
}

int ds_stamps_measure(const struct ds_stamps_plan *plan, struct ds_stamps_seen *seen,
		      char why[DS_WHY])
{
	struct meeting m = {0};
	int error = check(plan, why);

	*seen = (struct ds_stamps_seen){0};
	if (error == 0)
		error = open_meeting(&m, plan, why);
	if (error != 0)
		return error;
	error = run(&m, seen, why);
	if (error != 0)
		ds_stamps_free(seen);
	munmap(m.shared, m.bytes);
	return error;
}

void ds_stamps_free(struct ds_stamps_seen *seen)
{
	free(seen->rows);
	*seen = (struct ds_stamps_seen){0};
}
