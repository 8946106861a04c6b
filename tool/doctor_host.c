/* doctor_host: kernel, rights, system clock, and who else has to do with clocks. It must never need
 * a right: what cannot be seen stays as it is in facts of nothing. */
#include "tool/doctor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/genetlink.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>

#include "os/clock.h"
#include "os/file.h"
#include "os/keeper.h"
#include "os/netlink.h"

#define READS 101 /* of the clock, for a median */

/* Newer than the kernel headers that this must build with. */
#define OPT_RX_FILTER_FLAG (1 << 17) /* SOF_TIMESTAMPING_OPT_RX_FILTER, Linux 6.12 */
#define MSG_TSCONFIG_GET   46	     /* ETHTOOL_MSG_TSCONFIG_GET, Linux 6.14 */
#define ETHTOOL_FAMILY	   "ethtool"
#define NETLINK_WAIT_S	   1

extern int capget(cap_user_header_t header, cap_user_data_t data);

/* ---- kernel ---- */

static bool grants(int flags)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool granted =
		fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)) == 0;

	if (fd >= 0)
		close(fd);
	return granted;
}

/* Is this operation in the list of those of a family? */
static bool has_operation(const struct ds_netlink_attribute *operations, uint32_t wanted)
{
	const uint8_t *at = operations->data;
	size_t left = operations->length;
	struct ds_netlink_attribute one, part;

	while (ds_netlink_next(&at, &left, &one)) {
		const uint8_t *within = one.data;
		size_t rest = one.length;

		while (ds_netlink_next(&within, &rest, &part))
			if (part.type == CTRL_ATTR_OP_ID && ds_netlink_u32(&part, 0) == wanted)
				return true;
	}
	return false;
}

/* Does the kernel have this operation of ethtool's netlink family? Asked of the family "nlctrl". */
static bool has_ethtool_operation(uint32_t operation)
{
	const struct {
		struct nlmsghdr head;
		struct genlmsghdr general;
		struct nlattr attribute;
		char name[12];
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = GENL_ID_CTRL,
			 .nlmsg_flags = NLM_F_REQUEST},
		.general = {.cmd = CTRL_CMD_GETFAMILY, .version = 1},
		.attribute = {.nla_len = sizeof(struct nlattr) + sizeof(ETHTOOL_FAMILY),
			      .nla_type = CTRL_ATTR_FAMILY_NAME},
		.name = ETHTOOL_FAMILY,
	};
	static uint8_t answer[16384];
	const struct timeval wait = {.tv_sec = NETLINK_WAIT_S};
	const size_t headers = sizeof(struct nlmsghdr) + sizeof(struct genlmsghdr);
	int fd = ds_netlink_open(NETLINK_GENERIC, 0);
	struct ds_netlink_attribute a;
	const uint8_t *at = answer + headers;
	ssize_t got = -1;

	if (fd < 0)
		return false;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	    send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request))
		got = recv(fd, answer, sizeof(answer), 0);
	close(fd);
	for (size_t left = got > (ssize_t)headers ? (size_t)got - headers : 0;
	     ds_netlink_next(&at, &left, &a);)
		if (a.type == CTRL_ATTR_OPS && has_operation(&a, operation))
			return true;
	return false;
}

static bool file_says(const char *path, const char *text)
{
	char buffer[4096];

	return ds_file_read(path, buffer, sizeof(buffer)) > 0 && strstr(buffer, text) != NULL;
}

/* The first line of a file; "" where it cannot be read. */
static void read_line(const char *path, char *line, size_t size)
{
	(void)ds_file_read(path, line, size);
	line[strcspn(line, "\n")] = '\0';
	for (size_t length = strlen(line); length > 0 && line[length - 1] == ' '; length--)
		line[length - 1] = '\0';
}

static void look_kernel(struct ds_doctor_kernel *kernel)
{
	char map[64];
	struct utsname name;
	unsigned long inside, outside, length;

	if (uname(&name) == 0) {
		snprintf(kernel->release, sizeof(kernel->release), "%.63s", name.release);
		snprintf(kernel->machine, sizeof(kernel->machine), "%.31s", name.machine);
	}
	kernel->both_stamps = grants(SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TX_SWHW);
	kernel->own_filter = grants(SOF_TIMESTAMPING_SOFTWARE | OPT_RX_FILTER_FLAG);
	kernel->card_netlink = has_ethtool_operation(MSG_TSCONFIG_GET);
	kernel->is_virtual = file_says("/proc/cpuinfo", " hypervisor ");
	kernel->device_tree = access("/proc/device-tree", F_OK) == 0;
	/* user_namespaces(7): the first namespace maps all of the 2^32 - 1 users onto themselves.
	 */
	kernel->user_namespace = ds_file_read("/proc/self/uid_map", map, sizeof(map)) > 0 &&
				 sscanf(map, " %lu %lu %lu", &inside, &outside, &length) == 3 &&
				 (inside != 0 || outside != 0 || length != UINT32_MAX);
}

/* ---- rights ---- */

static void look_rights(struct ds_doctor_rights *rights)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}, {0}};
	uint32_t now;

	rights->uid = geteuid();
	if (capget(&header, data) != 0)
		return;
	now = data[0].effective;
	rights->net_admin = (now >> CAP_NET_ADMIN & 1) != 0;
	rights->net_raw = (now >> CAP_NET_RAW & 1) != 0;
	rights->sys_time = (now >> CAP_SYS_TIME & 1) != 0;
	rights->bind_service = (now >> CAP_NET_BIND_SERVICE & 1) != 0;
}

/* ---- the system clock ---- */

static int rising(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t read_cost_ns(void)
{
	int64_t ns[READS];

	for (int i = 0; i < READS; i++) {
		struct timespec from, to, between;

		clock_gettime(CLOCK_MONOTONIC_RAW, &from);
		for (int j = 0; j < 8; j++)
			clock_gettime(CLOCK_REALTIME, &between);
		clock_gettime(CLOCK_MONOTONIC_RAW, &to);
		ns[i] = ((to.tv_sec - from.tv_sec) * INT64_C(1000000000) + to.tv_nsec -
			 from.tv_nsec) /
			9;
	}
	qsort(ns, READS, sizeof(ns[0]), rising);
	return ns[READS / 2];
}

static void look_system(struct ds_doctor_system *system)
{
	static const char folder[] = "/sys/devices/system/clocksource/clocksource0/";
	struct ds_keeper_kernel kernel;
	struct timex t = {.modes = 0};
	char path[96];

	snprintf(path, sizeof(path), "%scurrent_clocksource", folder);
	read_line(path, system->source, sizeof(system->source));
	snprintf(path, sizeof(path), "%savailable_clocksource", folder);
	read_line(path, system->sources, sizeof(system->sources));
	system->read_ns = read_cost_ns();
	ds_keeper_kernel(&kernel);
	system->told = kernel.told && adjtimex(&t) >= 0;
	if (!system->told)
		return;
	system->synchronised = kernel.synchronised;
	system->pll = kernel.pll;
	system->rate_ppb = kernel.rate_ppb;
	system->leap = (t.status & STA_INS) != 0 ? 1 : (t.status & STA_DEL) != 0 ? 2 : 0;
	system->tai_s = t.tai;
	system->max_error_ns = (int64_t)t.maxerror * 1000;
	system->est_error_ns = (int64_t)t.esterror * 1000;
}

/* ---- processes ---- */

/* Names are those of /proc/PID/comm, which has 15 characters. */
static const struct {
	const char *comm, *name;
	unsigned roles;
} known[] = {
	{"chronyd", "chronyd", DS_DOCTOR_KEEPS | DS_DOCTOR_SETS_CARDS},
	{"ntpd", "ntpd", DS_DOCTOR_KEEPS},
	{"openntpd", "openntpd", DS_DOCTOR_KEEPS},
	{"systemd-timesyn", "systemd-timesyncd", DS_DOCTOR_KEEPS},
	{"ntp-daemon", "ntpd-rs", DS_DOCTOR_KEEPS},
	{"drivestampd", "drivestampd", DS_DOCTOR_KEEPS | DS_DOCTOR_SETS_CARDS},
	{"ptp4l", "ptp4l", DS_DOCTOR_KEEPS | DS_DOCTOR_SETS_CARDS},
	{"phc2sys", "phc2sys", DS_DOCTOR_KEEPS},
	{"ptpd", "ptpd", DS_DOCTOR_KEEPS | DS_DOCTOR_SETS_CARDS},
	{"ptpd2", "ptpd2", DS_DOCTOR_KEEPS | DS_DOCTOR_SETS_CARDS},
	{"ts2phc", "ts2phc", 0},
	{"VBoxService", "VBoxService", DS_DOCTOR_KEEPS},
	{"gpsd", "gpsd", DS_DOCTOR_GPSD},
};

static int known_as(const char *pid)
{
	char path[64], comm[17];

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	if (ds_file_read(path, comm, sizeof(comm)) <= 0)
		return -1;
	comm[strcspn(comm, "\n")] = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].comm, comm) == 0)
			return (int)i;
	return -1;
}

/* Of /proc/PID/status: the parent, and whether it holds the right to set the clock as far as one
 * can see. */
static bool may_set(const char *pid, long *parent)
{
	unsigned long long effective = ~0ULL;
	char path[64], text[4096];
	const char *line;

	*parent = 0;
	snprintf(path, sizeof(path), "/proc/%.16s/status", pid);
	if (ds_file_read(path, text, sizeof(text)) <= 0)
		return true;
	line = strstr(text, "\nPPid:");
	if (line)
		*parent = strtol(line + 6, NULL, 10);
	line = strstr(text, "\nCapEff:");
	if (line)
		effective = strtoull(line + 8, NULL, 16);
	return (effective >> CAP_SYS_TIME & 1) != 0;
}

/* Its cards are other ones in another network namespace. Where we may not look it is taken to be in
 * ours. */
static bool is_elsewhere(const char *pid)
{
	struct stat ours, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.16s/ns/net", pid);
	return stat("/proc/self/ns/net", &ours) == 0 && stat(path, &its) == 0 &&
	       (ours.st_ino != its.st_ino || ours.st_dev != its.st_dev);
}

/* The service of systemd that started it, out of its control group (cgroups(7)). The name becomes
 * part of a command: one with other characters than plain names have is passed over. */
static void find_unit(const char *pid, char unit[48])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.-_@:";
	char path[64], text[1024];
	char *line, *rest = text;

	snprintf(path, sizeof(path), "/proc/%.16s/cgroup", pid);
	if (ds_file_read(path, text, sizeof(text)) <= 0)
		return;
	while ((line = strsep(&rest, "\n")) != NULL) {
		const char *name = strrchr(line, '/');
		size_t length = name ? strlen(++name) : 0;

		if ((strncmp(line, "0::", 3) == 0 || strstr(line, ":name=systemd:")) &&
		    length > 8 && length < 48 && strspn(name, plain) == length &&
		    strcmp(name + length - 8, ".service") == 0)
			memcpy(unit, name, length + 1);
	}
}

static void add_process(struct ds_doctor_facts *facts, const char *pid)
{
	int index = known_as(pid);
	char above[24];
	long parent;

	if (index < 0 || facts->process_count == DS_DOCTOR_PROCESSES)
		return;

	struct ds_doctor_process process = {.name = known[index].name,
					    .pid = strtol(pid, NULL, 10),
					    .roles = known[index].roles};
	bool may = may_set(pid, &parent);
	/* Some are several processes of one name: children are passed over. */
	snprintf(above, sizeof(above), "%ld", parent);
	if (parent > 0 && known_as(above) == index)
		return;
	if ((process.roles & DS_DOCTOR_KEEPS) != 0 && may)
		process.roles |= DS_DOCTOR_MAY_KEEP;
	if (is_elsewhere(pid))
		process.roles &= ~(unsigned)DS_DOCTOR_SETS_CARDS;
	if (parent == 1) /* by hand it may have been started within somebody else's service */
		find_unit(pid, process.unit);
	facts->processes[facts->process_count++] = process;
}

static int by_pid(const void *a, const void *b)
{
	const struct ds_doctor_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static void look_processes(struct ds_doctor_facts *facts)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc)
		return;
	while ((entry = readdir(proc)) != NULL) {
		if (isdigit((unsigned char)entry->d_name[0]))
			add_process(facts, entry->d_name);
	}
	closedir(proc);
	qsort(facts->processes, (size_t)facts->process_count, sizeof(facts->processes[0]), by_pid);
}

/* ---- ports ---- */

/* Does a process hold this socket? Only its own user, or root, may look. */
static bool holds(long pid, unsigned long inode)
{
	char path[300], link[64], wanted[64];
	const struct dirent *entry;
	bool found = false;
	DIR *files;

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	files = opendir(path);
	if (!files)
		return false;
	while (!found && (entry = readdir(files)) != NULL) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/%ld/fd/%s", pid, entry->d_name);
		length = readlink(path, link, sizeof(link) - 1);
		if (length <= 0)
			continue;
		link[length] = '\0';
		found = strcmp(link, wanted) == 0;
	}
	closedir(files);
	return found;
}

static void note_port(struct ds_doctor_facts *facts, unsigned port, unsigned long inode)
{
	for (int i = 0; i < DS_DOCTOR_PORTS; i++) {
		struct ds_doctor_port *p = &facts->ports[i];

		if (p->port != (int)port)
			continue;
		p->open = true;
		for (int j = 0; j < facts->process_count && p->owner[0] == '\0'; j++) {
			if (holds(facts->processes[j].pid, inode))
				snprintf(p->owner, sizeof(p->owner), "%s[%ld]",
					 facts->processes[j].name, facts->processes[j].pid);
		}
	}
}

/* The table of UDP sockets of this network namespace, as in proc(5): local_address is HEX:PORT, the
 * inode is the tenth word. */
static void look_ports(struct ds_doctor_facts *facts, const char *table)
{
	FILE *file = fopen(table, "re");
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');
		unsigned long inode;
		unsigned port;

		if (colon && sscanf(colon + 1, " %*[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %*s %*s %lu",
				    &port, &inode) == 2)
			note_port(facts, port, inode);
	}
	if (file)
		fclose(file);
}

void ds_doctor_look_host(struct ds_doctor_facts *facts)
{
	static const int ports[DS_DOCTOR_PORTS] = {123, 319, 320};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	facts->when_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	if (gethostname(facts->host, sizeof(facts->host) - 1) != 0)
		facts->host[0] = '\0';
	look_kernel(&facts->kernel);
	look_rights(&facts->rights);
	look_system(&facts->system);
	look_processes(facts);
	for (int i = 0; i < DS_DOCTOR_PORTS; i++)
		facts->ports[i] = (struct ds_doctor_port){.port = ports[i]};
	look_ports(facts, "/proc/net/udp");
	look_ports(facts, "/proc/net/udp6");
}
