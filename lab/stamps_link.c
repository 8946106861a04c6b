/* stamps_link: see the header. Devices of kind tun are made by ioctl(2) and live as long as the
 * process that holds them; it must never wait for a process without a limit. */
#include "lab/stamps_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <net/if.h>

#define TUN_NAME      "dstun"
#define NET_BURST     20
#define NET_PAUSE_NS  1000000L
#define CARRIER_BEGIN 6000   /* ms */
#define ADDRESS_WAIT  2000   /* ms */
#define CARRIER_LOOKS 50000L /* ns */

static const char *const names[DS_STAMPS_DEVICES] = {"veth", "lo", "tun", "tun-wait"};

const char *ds_stamps_device_name(enum ds_stamps_device device)
{
	return (unsigned)device < DS_STAMPS_DEVICES ? names[device] : NULL;
}

enum ds_stamps_device ds_stamps_device_find(const char *name)
{
	int i = 0;

	while (i < DS_STAMPS_DEVICES && strcmp(names[i], name) != 0)
		i++;
	return (enum ds_stamps_device)i;
}

static int refuse(char why[DS_WHY], const char *what, int error)
{
	snprintf(why, DS_WHY, "%s: %s", what, strerror(error));
	return -error;
}

int ds_stamps_bench_open(struct ds_stamps_bench *bench, bool loopback, char why[DS_WHY])
{
	char ignored[DS_RIG_WHY];
	int error = -EPERM;

	*bench = (struct ds_stamps_bench){
		.veth = -1, .carrier_cpu = -1, .send_netns = -1, .receive_netns = -1};
	snprintf(why, DS_WHY, "as asked for");
	if (!loopback)
		error = ds_rig_open(&bench->rig, 2, false, why);
	return error == 0 ? 0 : ds_rig_open(&bench->rig, 2, true, loopback ? why : ignored);
}

/* ---- processes ---- */

/* In the child after fork(): dies with its parent, alone gets Ctrl-C never. */
static void settle_child(pid_t parent)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void end_process(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}

/* ---- tun ---- */

static bool control(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) == 0;
}

/* The kernel looks for others with a new address in a work of its own, also where there can be
 * none; until that has run the address cannot be bound. */
static void await_address(int fd, const struct in6_addr *address)
{
	const struct timespec step = {0, 2000000};
	const struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = *address};

	for (int waited = 0; waited < ADDRESS_WAIT; waited += 2) {
		if (bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
			return;
		nanosleep(&step, NULL);
	}
}

/* 10.118.0.END and fd00:118::END. Both ends know the other by their prefix: on a device without
 * link addresses the route is all that it takes. */
static bool configure_tun(int end)
{
	struct ifreq request = {.ifr_name = TUN_NAME};
	struct sockaddr_in in = {.sin_family = AF_INET};
	int four = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int six = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool done;

	in.sin_addr.s_addr = htonl(UINT32_C(0x0a760000) + (uint32_t)end);
	memcpy(&request.ifr_addr, &in, sizeof(in));
	done = four >= 0 && control(four, SIOCSIFADDR, &request);
	in.sin_addr.s_addr = htonl(UINT32_C(0xffffff00));
	memcpy(&request.ifr_netmask, &in, sizeof(in));
	done = done && control(four, SIOCSIFNETMASK, &request);
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	done = done && control(four, SIOCSIFFLAGS, &request);
	int error = errno;
	/* a kernel without IPv6 is no reason to stop */
	if (done && six >= 0) {
		struct in6_ifreq address = {.ifr6_prefixlen = 64};
		char text[32];

		snprintf(text, sizeof(text), "fd00:118::%d", end);
		inet_pton(AF_INET6, text, &address.ifr6_addr);
		address.ifr6_ifindex = (int)if_nametoindex(TUN_NAME);
		if (control(six, SIOCSIFADDR, &address))
			await_address(six, &address.ifr6_addr);
	}
	close(four);
	close(six);
	errno = error;
	return done;
}

static int open_tun(int netns, int end, int *error)
{
	struct ifreq request = {.ifr_name = TUN_NAME, .ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd;

	if (setns(netns, CLONE_NEWNET) != 0) {
		*error = errno;
		return -1;
	}
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && control(fd, TUNSETIFF, &request) && configure_tun(end))
		return fd;
	*error = errno;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void carry(int from, int to)
{
	uint8_t packet[2048];
	ssize_t length;

	/* one that cannot be delivered is lost, as on a cable */
	while ((length = read(from, packet, sizeof(packet))) > 0)
		(void)!write(to, packet, (size_t)length);
}

static void run_carrier(const struct ds_stamps_bench *bench, int report)
{
	const struct timespec moment = {0, CARRIER_LOOKS};
	struct pollfd ends[2];
	int error = 0;
	cpu_set_t set;

	for (int i = 0; i < 2; i++) {
		ends[i] = (struct pollfd){
			.fd = open_tun(bench->rig.host_fd[i], i + 1, &error),
			.events = POLLIN,
		};
		if (ends[i].fd < 0)
			break;
	}
	prctl(PR_SET_TIMERSLACK, 1UL);
	if (bench->carrier_cpu >= 0 && error == 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)bench->carrier_cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	(void)!write(report, &error, sizeof(error));
	close(report);
	if (error != 0)
		_exit(1);
	for (;;) {
		if (bench->carrier_waits)
			poll(ends, 2, -1);
		else
			nanosleep(&moment, NULL);
		carry(ends[0].fd, ends[1].fd);
		carry(ends[1].fd, ends[0].fd);
	}
}

static int make_tun(struct ds_stamps_bench *bench, bool waits, char why[DS_WHY])
{
	pid_t parent = getpid();
	int ends[2], error = ETIMEDOUT;

	if (bench->carrier != 0 && bench->carrier_waits == waits)
		return 0;
	end_process(&bench->carrier); /* its devices go with it */
	bench->carrier_waits = waits;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return refuse(why, "cannot make a pipe", errno);
	fflush(NULL);
	bench->carrier = fork();
	if (bench->carrier == 0) {
		settle_child(parent);
		run_carrier(bench, ends[1]);
	}
	close(ends[1]);
	struct pollfd wait = {.fd = ends[0], .events = POLLIN};
	if (bench->carrier < 0)
		error = errno;
	else if (poll(&wait, 1, CARRIER_BEGIN) == 1 &&
		 read(ends[0], &error, sizeof(error)) != sizeof(error))
		error = EIO;
	close(ends[0]);
	if (error == 0)
		return 0;
	end_process(&bench->carrier);
	bench->carrier = 0;
	return refuse(why, "no tun device (/dev/net/tun)", error);
}

/* ---- which device ---- */

static void set_ends(struct ds_stamps_plan *plan, const char *from, const char *to)
{
	ds_address_parse(from, 0, &plan->from);
	ds_address_parse(to, 0, &plan->to);
}

static int use_veth(struct ds_stamps_bench *bench, sa_family_t family, struct ds_stamps_plan *plan,
		    char why[DS_WHY])
{
	static char interface[IF_NAMESIZE]; /* one bench a process */
	char from[DS_RIG_ADDRESS], to[DS_RIG_ADDRESS];

	if (bench->veth < 0)
		bench->veth = ds_rig_join(&bench->rig, 0, 1, why);
	if (bench->veth < 0)
		return bench->veth;
	snprintf(interface, sizeof(interface), "veth%d", bench->veth);
	plan->interface = interface;
	set_ends(plan, ds_rig_address(&bench->rig, bench->veth, 0, family, from),
		 ds_rig_address(&bench->rig, bench->veth, 1, family, to));
	return 0;
}

int ds_stamps_bench_use(struct ds_stamps_bench *bench, enum ds_stamps_device device,
			sa_family_t family, struct ds_stamps_plan *plan, char why[DS_WHY])
{
	bool two = device != DS_STAMPS_LO;
	int error = 0;

	if (bench->rig.kind != DS_RIG_NAMESPACES && two)
		return refuse(why, "no namespaces", ENOTSUP);
	bench->send_netns = bench->receive_netns = -1;
	if (bench->rig.kind == DS_RIG_NAMESPACES) {
		bench->send_netns = bench->rig.host_fd[0];
		bench->receive_netns = bench->rig.host_fd[two];
	}
	if (device == DS_STAMPS_LO) {
		plan->interface = "lo";
		set_ends(plan, family == AF_INET6 ? "::1" : "127.0.0.1",
			 family == AF_INET6 ? "::1" : "127.0.0.1");
	} else if (device == DS_STAMPS_VETH) {
		error = use_veth(bench, family, plan, why);
	} else {
		error = make_tun(bench, device == DS_STAMPS_TUN_WAIT, why);
		plan->interface = TUN_NAME;
		set_ends(plan, family == AF_INET6 ? "fd00:118::1" : "10.118.0.1",
			 family == AF_INET6 ? "fd00:118::2" : "10.118.0.2");
	}
	plan->send_netns = bench->send_netns;
	plan->receive_netns = bench->receive_netns;
	plan->receive = true;
	bench->net_to = plan->to;
	ds_address_set_port(&bench->net_to, DS_STAMPS_NET_PORT);
	return error;
}

/* ---- load ---- */

static void run_busy(const struct ds_stamps_bench *bench)
{
	volatile uint64_t work = 0;

	(void)bench;
	for (;;)
		work = work * UINT64_C(6364136223846793005) + 1;
}

/* A socket of the load, in a namespace; bound or connected. */
static int load_socket(const struct ds_stamps_bench *bench, int netns, bool sink)
{
	const union ds_address *to = &bench->net_to;
	int fd;

	if (netns >= 0 && setns(netns, CLONE_NEWNET) != 0)
		_exit(1);
	fd = socket(to->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || (sink ? bind(fd, &to->sa, ds_address_length(to))
			    : connect(fd, &to->sa, ds_address_length(to))) != 0)
		_exit(1);
	return fd;
}

static void run_sink(const struct ds_stamps_bench *bench)
{
	int fd = load_socket(bench, bench->receive_netns, true);
	uint8_t packet[256];

	for (;;)
		(void)!recv(fd, packet, sizeof(packet), 0);
}

static void run_flood(const struct ds_stamps_bench *bench)
{
	const struct timespec pause = {0, NET_PAUSE_NS};
	int fd = load_socket(bench, bench->send_netns, false);
	uint8_t packet[DS_STAMPS_LENGTH] = {0};

	for (;;) {
		for (int i = 0; i < NET_BURST; i++)
			(void)!send(fd, packet, sizeof(packet), MSG_DONTWAIT);
		nanosleep(&pause, NULL);
	}
}

static bool add_loader(struct ds_stamps_bench *bench,
		       void (*run)(const struct ds_stamps_bench *bench))
{
	pid_t parent = getpid(), pid;

	if (bench->loader_count == DS_STAMPS_LOAD_MAX)
		return true; /* load enough */
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		settle_child(parent);
		run(bench);
	}
	if (pid < 0)
		return false;
	bench->loaders[bench->loader_count++] = pid;
	return true;
}

static void unload(struct ds_stamps_bench *bench)
{
	while (bench->loader_count > 0)
		end_process(&bench->loaders[--bench->loader_count]);
}

int ds_stamps_load(void *context, bool on, char why[DS_WHY])
{
	struct ds_stamps_bench *bench = context;
	bool all = true;

	if (!on) {
		/* one that could not do its work has ended already */
		for (int i = 0; i < bench->loader_count; i++) {
			if (waitpid(bench->loaders[i], NULL, WNOHANG) == bench->loaders[i]) {
				bench->loaders[i] = 0;
				all = false;
			}
		}
		unload(bench);
		if (all)
			return 0;
		snprintf(why, DS_WHY, "a process of the load ended by itself");
		return -EIO;
	}
	for (unsigned i = 0; i < bench->processes && (bench->load & DS_LAB_LOAD_CPU); i++)
		all = all && add_loader(bench, run_busy);
	if (bench->load & DS_LAB_LOAD_NET) {
		all = all && add_loader(bench, run_sink);
		all = all && add_loader(bench, run_flood);
	}
	if (all)
		return 0;
	unload(bench);
	return refuse(why, "cannot start a process of the load", EAGAIN);
}

void ds_stamps_bench_close(struct ds_stamps_bench *bench)
{
	unload(bench);
	end_process(&bench->carrier);
	if (bench->rig.kind != DS_RIG_CLOSED)
		ds_rig_close(&bench->rig);
	bench->veth = -1;
}
