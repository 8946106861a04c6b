/* rig: see the header. Network devices are made by ip(8), run without a shell; it must never use
 * a name that another run could also use, so that runs may go side by side. */
#include "lab/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <net/if.h>

static volatile sig_atomic_t asked_by;
static struct ds_rig *open_rig;

static void on_signal(int number)
{
	asked_by = number;
}

int ds_rig_signal(void)
{
	return (int)asked_by;
}

int ds_rig_wait(int ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
	sigset_t block, before;

	/* Blocked between the look at the flag and the wait, so that none is slept over. */
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGHUP);
	sigprocmask(SIG_BLOCK, &block, &before);
	if (!asked_by)
		ppoll(NULL, 0, &time, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ds_rig_signal();
}

static void close_at_exit(void)
{
	if (open_rig)
		ds_rig_close(open_rig);
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	static bool registered;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!registered)
		registered = atexit(close_at_exit) == 0;
}

static int refuse(char why[DS_RIG_WHY], int error, const char *what)
{
	snprintf(why, DS_RIG_WHY, "%s: %s", what, strerror(error));
	return -error;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	(void)remove(path);
	return 0; /* go on: remove what can be removed */
}

static int make_directory(struct ds_rig *rig, char why[DS_RIG_WHY])
{
	const char *base = getenv("TMPDIR");
	int length;

	if (!base || base[0] != '/')
		base = "/tmp";
	length = snprintf(rig->directory, sizeof(rig->directory), "%s/drivestamp-XXXXXX", base);
	if (length < 0 || (size_t)length >= sizeof(rig->directory) || !mkdtemp(rig->directory)) {
		int error = (size_t)length >= sizeof(rig->directory) ? ENAMETOOLONG : errno;
		rig->directory[0] = '\0';
		return refuse(why, error, "cannot make a directory for temporary files");
	}
	return 0;
}

/* The end of us that nobody can catch is SIGKILL. A process that waits for the end of a pipe which
 * only we hold then removes the directory; programs have PR_SET_PDEATHSIG. */
static void janitor(const struct ds_rig *rig, int read_fd, int write_fd)
{
	const struct timespec moment = {0, 200000000};
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
	close(write_fd);
	while (read(read_fd, &byte, 1) < 0 && errno == EINTR)
		;
	if (access(rig->directory, F_OK) == 0) {
		nanosleep(&moment, NULL); /* programs that were killed write no more */
		nftw(rig->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	}
	_exit(0);
}

static int start_janitor(struct ds_rig *rig, char why[DS_RIG_WHY])
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return refuse(why, errno, "cannot make a pipe");
	fflush(NULL);
	rig->janitor = fork();
	if (rig->janitor == 0)
		janitor(rig, ends[0], ends[1]);
	int error = rig->janitor < 0 ? errno : 0;
	close(ends[0]);
	rig->janitor_fd = ends[1];
	if (error != 0) {
		rig->janitor = 0;
		close(ends[1]);
		return refuse(why, error, "cannot start a process");
	}
	return 0;
}

static bool write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Without root: be root of a user namespace, in which network namespaces may be made. */
static bool enter_user_namespace(void)
{
	char map[64];
	unsigned uid = geteuid();
	unsigned gid = getegid();

	if (unshare(CLONE_NEWUSER) != 0)
		return false;
	/* user_namespaces(7): setgroups must be given up before gid_map may be written. */
	write_proc("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!write_proc("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_proc("/proc/self/gid_map", map);
}

static bool bring_loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool done = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;

	if (fd >= 0)
		close(fd);
	return done;
}

/* A new namespace, opened; this process goes back to the one it came from. In a user namespace it
 * may not, and stays: it sends nothing itself. */
static int make_namespace(int home_fd)
{
	if (unshare(CLONE_NEWNET) != 0)
		return -errno;

	int error = bring_loopback_up() ? 0 : errno;
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		error = errno;
	(void)!setns(home_fd, CLONE_NEWNET);
	if (error != 0 && fd >= 0)
		close(fd);
	return error != 0 ? -error : fd;
}

static int make_hosts(struct ds_rig *rig, int hosts, char why[DS_RIG_WHY])
{
	int home_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd = 0;

	if (home_fd < 0)
		return refuse(why, errno, "no network namespaces (/proc/self/ns/net)");
	while (rig->hosts < hosts) {
		fd = make_namespace(home_fd);
		if (fd == -EPERM && !rig->in_user_namespace && rig->hosts == 0) {
			rig->in_user_namespace = enter_user_namespace();
			if (rig->in_user_namespace)
				continue;
		}
		if (fd < 0)
			break;
		rig->host_fd[rig->hosts++] = fd;
	}
	close(home_fd);
	return fd < 0 ? refuse(why, -fd, "no right to make network namespaces (not root?)") : 0;
}

int ds_rig_open(struct ds_rig *rig, int hosts, bool loopback, char why[DS_RIG_WHY])
{
	int error;

	*rig = (struct ds_rig){0};
	if (hosts < 1 || hosts > DS_RIG_HOSTS)
		return refuse(why, EINVAL, "number of hosts");
	error = make_directory(rig, why);
	if (error != 0)
		return error;
	catch_signals();
	open_rig = rig;
	error = start_janitor(rig, why);
	if (error != 0) {
		ds_rig_close(rig);
		return error;
	}
	rig->kind = loopback ? DS_RIG_LOOPBACK : DS_RIG_NAMESPACES;
	if (loopback)
		rig->hosts = hosts;
	else
		error = make_hosts(rig, hosts, why);
	if (error != 0)
		ds_rig_close(rig);
	return error;
}

/* In the child: from here on this is another program, or nothing. */
static void become(const struct ds_rig *rig, int host, const char *const argv[], int output_fd,
		   pid_t parent)
{
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126); /* it died before we asked to be told */
	if (rig->kind == DS_RIG_NAMESPACES && setns(rig->host_fd[host], CLONE_NEWNET) != 0) {
		dprintf(output_fd, "setns: %s\n", strerror(errno));
		_exit(126);
	}

	int null_fd = open("/dev/null", O_RDWR);
	dup2(null_fd, STDIN_FILENO);
	dup2(output_fd, STDOUT_FILENO);
	dup2(output_fd, STDERR_FILENO);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* exec changes nothing in them: POSIX keeps the old type for old programs. */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int ds_rig_start(struct ds_rig *rig, int host, const char *const argv[], const char *output,
		 char why[DS_RIG_WHY])
{
	pid_t parent = getpid();
	int place = 0;

	if (host < 0 || host >= rig->hosts)
		return refuse(why, EINVAL, "number of the host");
	while (place < DS_RIG_PROGRAMS && rig->programs[place].pid != 0)
		place++;
	if (place == DS_RIG_PROGRAMS)
		return refuse(why, EAGAIN, "too many programs in the rig");

	int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse(why, errno, output);
	/* What is buffered would else be written twice if the child used stdio. */
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		become(rig, host, argv, fd, parent);
	int error = errno;
	close(fd);
	if (pid < 0)
		return refuse(why, error, "cannot start a process");
	setpgid(pid, pid); /* whoever is first */
	rig->programs[place] = (struct ds_rig_program){.pid = pid};
	return place;
}

bool ds_rig_ended(struct ds_rig *rig, int program)
{
	struct ds_rig_program *p = &rig->programs[program];

	if (!p->ended && waitpid(p->pid, &p->status, WNOHANG) == p->pid)
		p->ended = true;
	return p->ended;
}

static bool await_end(struct ds_rig *rig, int program, int ms)
{
	const struct timespec step = {0, 5000000};

	for (int waited = 0; waited < ms; waited += 5) {
		if (ds_rig_ended(rig, program))
			return true;
		nanosleep(&step, NULL);
	}
	return ds_rig_ended(rig, program);
}

bool ds_rig_stop(struct ds_rig *rig, int program, int grace_ms)
{
	struct ds_rig_program *p = &rig->programs[program];

	if (p->pid == 0 || ds_rig_ended(rig, program))
		return true;
	kill(p->pid, SIGTERM);
	if (await_end(rig, program, grace_ms))
		return true;
	kill(-p->pid, SIGKILL); /* with what it started */
	kill(p->pid, SIGKILL);
	(void)await_end(rig, program, 2000);
	return false;
}

const char *ds_rig_ending(const struct ds_rig *rig, int program, char buffer[64])
{
	const struct ds_rig_program *p = &rig->programs[program];

	if (!p->ended)
		snprintf(buffer, 64, "runs");
	else if (WIFSIGNALED(p->status))
		snprintf(buffer, 64, "was ended by signal %d (%.32s)", WTERMSIG(p->status),
			 strsignal(WTERMSIG(p->status)));
	else
		snprintf(buffer, 64, "ended with status %d", WEXITSTATUS(p->status));
	return buffer;
}

void ds_rig_close(struct ds_rig *rig)
{
	for (int i = 0; i < DS_RIG_PROGRAMS; i++) {
		if (rig->programs[i].pid != 0 && !ds_rig_ended(rig, i))
			kill(rig->programs[i].pid, SIGTERM);
	}
	for (int i = 0; i < DS_RIG_PROGRAMS; i++)
		(void)ds_rig_stop(rig, i, 1000);
	if (rig->kind == DS_RIG_NAMESPACES) {
		for (int i = 0; i < rig->hosts; i++)
			close(rig->host_fd[i]);
	}
	if (rig->directory[0] != '\0')
		nftw(rig->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	if (rig->janitor != 0) {
		close(rig->janitor_fd);
		while (waitpid(rig->janitor, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*rig = (struct ds_rig){0};
	if (open_rig == rig)
		open_rig = NULL;
}

/* Run ip(8) in a host to its end. other_fd stays open for it under its number. */
static int run_ip(const struct ds_rig *rig, int host, int other_fd, const char *const argv[],
		  char why[DS_RIG_WHY])
{
	pid_t parent = getpid();
	int fd = memfd_create("drivestamp-ip", MFD_CLOEXEC);
	int status = 0;

	if (fd < 0)
		return refuse(why, errno, "memfd_create");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		fcntl(other_fd, F_SETFD, 0);
		/* As in a login shell of root; in others sbin may be missing. */
		const char *path = getenv("PATH");
		char longer[4096];
		snprintf(longer, sizeof(longer), "%s:/usr/sbin:/sbin", path ? path : "/usr/bin");
		setenv("PATH", longer, 1);
		become(rig, host, argv, fd, parent);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	int error = pid < 0 ? errno : status != 0 ? EIO : 0;
	if (error != 0) {
		ssize_t length = pread(fd, why, DS_RIG_WHY - 1, 0);
		why[length > 0 ? length : 0] = '\0';
		why[strcspn(why, "\n")] = '\0';
		if (why[0] == '\0')
			snprintf(why, DS_RIG_WHY, "ip %s failed", argv[1]);
	}
	close(fd);
	return -error;
}

/* Both ends are called veth<link> in their hosts: links differ by number. */
static int configure_end(struct ds_rig *rig, int link, int end, int host, char why[DS_RIG_WHY])
{
	char device[16], address[DS_RIG_ADDRESS], ipv4[DS_RIG_ADDRESS + 8],
		ipv6[DS_RIG_ADDRESS + 8];

	snprintf(device, sizeof(device), "veth%d", link);
	snprintf(ipv4, sizeof(ipv4), "%s/30", ds_rig_address(rig, link, end, AF_INET, address));
	snprintf(ipv6, sizeof(ipv6), "%s/64", ds_rig_address(rig, link, end, AF_INET6, address));

	const char *add4[] = {"ip", "address", "add", ipv4, "dev", device, NULL};
	/* nodad: the address is ours, and must not be unusable for its first second. */
	const char *add6[] = {"ip", "-6", "address", "add", ipv6, "dev", device, "nodad", NULL};
	const char *up[] = {"ip", "link", "set", "dev", device, "up", NULL};
	char ignored[DS_RIG_WHY];

	int error = run_ip(rig, host, rig->host_fd[host], add4, why);
	if (error == 0)
		error = run_ip(rig, host, rig->host_fd[host], up, why);
	if (error == 0) /* a kernel without IPv6 is no reason to stop */
		(void)run_ip(rig, host, rig->host_fd[host], add6, ignored);
	return error;
}

int ds_rig_join(struct ds_rig *rig, int a, int b, char why[DS_RIG_WHY])
{
	char device[16], other[32];
	int link = rig->links;

	if (a < 0 || b < 0 || a >= rig->hosts || b >= rig->hosts || a == b || link >= DS_RIG_LINKS)
		return refuse(why, EINVAL, "hosts to join");
	rig->links++;
	if (rig->kind == DS_RIG_LOOPBACK)
		return link;
	snprintf(device, sizeof(device), "veth%d", link);
	snprintf(other, sizeof(other), "/proc/self/fd/%d", rig->host_fd[b]);

	const char *add[] = {"ip",   "link", "add",  "dev",   device, "type", "veth",
			     "peer", "name", device, "netns", other,  NULL};
	int error = run_ip(rig, a, rig->host_fd[b], add, why);
	if (error == 0)
		error = configure_end(rig, link, 0, a, why);
	if (error == 0)
		error = configure_end(rig, link, 1, b, why);
	return error != 0 ? error : link;
}

const char *ds_rig_address(const struct ds_rig *rig, int link, int end, sa_family_t family,
			   char buffer[DS_RIG_ADDRESS])
{
	if (rig->kind == DS_RIG_LOOPBACK)
		snprintf(buffer, DS_RIG_ADDRESS, "%s", family == AF_INET6 ? "::1" : "127.0.0.1");
	else if (family == AF_INET6)
		snprintf(buffer, DS_RIG_ADDRESS, "fd00:117:%d::%d", link, end + 1);
	else
		snprintf(buffer, DS_RIG_ADDRESS, "10.117.%d.%d", link, end + 1);
	return buffer;
}
