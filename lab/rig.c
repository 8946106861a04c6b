/* rig: see the header. Network devices are made by ip(8), run without a shell; it must never use
 * a name that another run could also use, so that runs may go side by side. */
#include "lab/rig.h"

#include <errno.h>
#include <fcntl.h>
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>
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

static void add_host(struct ds_rig *rig, int fd)
{
	struct stat status;

	rig->host_fd[rig->hosts] = fd;
	rig->host_inode[rig->hosts] = fstat(fd, &status) == 0 ? status.st_ino : 0;
	ds_janitor_namespace(&rig->janitor, rig->host_inode[rig->hosts]);
	rig->hosts++;
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
		add_host(rig, fd);
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
	error = ds_janitor_start(&rig->janitor, rig->directory);
	if (error != 0) {
		ds_rig_close(rig);
		return refuse(why, -error, "cannot start a process");
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

/* The clock is the machine's, and all hosts': no program gets the right to set it, whoever it is.
 * capabilities(7): what is neither in the bounding nor in the inheritable set is not to be had by
 * executing a program either. */
static void give_up_clock(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	const uint32_t mask = ~(UINT32_C(1) << CAP_SYS_TIME);

	(void)prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_SYS_TIME, 0, 0);
	if (syscall(SYS_capget, &header, data) != 0)
		return;
	data[0].effective &= mask;
	data[0].permitted &= mask;
	data[0].inheritable &= mask;
	(void)syscall(SYS_capset, &header, data);
}

static void reset_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child: from here on this is another program, or a function, or nothing. */
static void become(const struct ds_rig *rig, int host, const struct ds_rig_job *job, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int output_fd = job->output_fd > 0 ? job->output_fd : null_fd;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126); /* it died before we asked to be told */
	dup2(job->input_fd > 0 ? job->input_fd : null_fd, STDIN_FILENO);
	dup2(output_fd, STDOUT_FILENO);
	dup2(job->error_fd > 0 ? job->error_fd : output_fd, STDERR_FILENO);
	if (rig->kind == DS_RIG_NAMESPACES && setns(rig->host_fd[host], CLONE_NEWNET) != 0) {
		dprintf(STDERR_FILENO, "setns: %s\n", strerror(errno));
		_exit(126);
	}
	if (job->directory && chdir(job->directory) != 0) {
		dprintf(STDERR_FILENO, "%s: %s\n", job->directory, strerror(errno));
		_exit(126);
	}
	give_up_clock();
	reset_signals();
	if (job->run) {
		close(rig->janitor.fd); /* else our end would not be the pipe's */
		_exit(job->run(job->context));
	}
	/* exec changes nothing in them: POSIX keeps the old type for old programs. */
	execvp(job->argv[0], (char *const *)(uintptr_t)job->argv);
	dprintf(STDERR_FILENO, "%s: %s\n", job->argv[0], strerror(errno));
	_exit(127);
}

/* Who begins lives in programs[place]; job's descriptors are those to be used. */
static int begin(struct ds_rig *rig, int host, const struct ds_rig_job *job, int place,
		 char why[DS_RIG_WHY])
{
	pid_t parent = getpid();
	sigset_t block, before;

	fflush(NULL); /* what is buffered would else be written twice if the child used stdio */
	/* A signal that asks the child to end must not end in our handler. */
	sigfillset(&block);
	sigprocmask(SIG_BLOCK, &block, &before);
	pid_t pid = fork();
	if (pid == 0)
		become(rig, host, job, parent);
	int error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return refuse(why, error, "cannot start a process");
	setpgid(pid, pid); /* whoever is first */
	ds_janitor_group(&rig->janitor, pid, true);
	rig->programs[place] = (struct ds_rig_program){.pid = pid};
	return place;
}

int ds_rig_start_job(struct ds_rig *rig, int host, const struct ds_rig_job *job,
		     char why[DS_RIG_WHY])
{
	struct ds_rig_job copy = *job;
	int place = 0;

	if (host < 0 || host >= rig->hosts)
		return refuse(why, EINVAL, "number of the host");
	while (place < DS_RIG_PROGRAMS && rig->programs[place].pid != 0)
		place++;
	if (place == DS_RIG_PROGRAMS)
		return refuse(why, EAGAIN, "too many programs in the rig");
	if (!job->output)
		return begin(rig, host, &copy, place, why);

	copy.output_fd = open(job->output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (copy.output_fd < 0)
		return refuse(why, errno, job->output);
	int program = begin(rig, host, &copy, place, why);
	close(copy.output_fd);
	return program;
}

int ds_rig_start(struct ds_rig *rig, int host, const char *const argv[], const char *output,
		 char why[DS_RIG_WHY])
{
	const struct ds_rig_job job = {.argv = argv, .output = output};

	return ds_rig_start_job(rig, host, &job, why);
}

bool ds_rig_ended(struct ds_rig *rig, int program)
{
	struct ds_rig_program *p = &rig->programs[program];
	siginfo_t info = {0};

	if (p->ended || p->pid == 0)
		return true;
	/* It is left a zombie at first, so that its number is not given away while we end what it
	 * left in its group. */
	if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
	    info.si_pid != p->pid)
		return false;
	kill(-p->pid, SIGKILL);
	if (waitpid(p->pid, &p->status, WNOHANG) == p->pid) {
		p->ended = true;
		ds_janitor_group(&rig->janitor, p->pid, false);
	}
	return p->ended;
}

static bool await_end(struct ds_rig *rig, int program, int ms)
{
	struct timespec step = {0, 0};

	for (int waited = 0; waited < ms; waited += (int)(step.tv_nsec / 1000000)) {
		if (ds_rig_ended(rig, program))
			return true;
		step.tv_nsec = waited < 20 ? 1000000 : 5000000;
		nanosleep(&step, NULL);
	}
	return ds_rig_ended(rig, program);
}

void ds_rig_ask_to_end(struct ds_rig *rig, int program)
{
	if (rig->programs[program].pid != 0 && !ds_rig_ended(rig, program))
		kill(rig->programs[program].pid, SIGTERM);
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

void ds_rig_forget(struct ds_rig *rig, int program)
{
	if (ds_rig_ended(rig, program))
		rig->programs[program] = (struct ds_rig_program){0};
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
	for (int i = 0; i < DS_RIG_PROGRAMS; i++)
		ds_rig_ask_to_end(rig, i);
	for (int i = 0; i < DS_RIG_PROGRAMS; i++)
		(void)ds_rig_stop(rig, i, 1000);
	if (rig->kind == DS_RIG_NAMESPACES) {
		ds_janitor_sweep(rig->host_inode, rig->hosts);
		for (int i = 0; i < rig->hosts; i++)
			close(rig->host_fd[i]);
	}
	if (rig->directory[0] != '\0')
		ds_janitor_remove(rig->directory);
	ds_janitor_end(&rig->janitor);
	*rig = (struct ds_rig){0};
	if (open_rig == rig)
		open_rig = NULL;
}

int ds_rig_ip(struct ds_rig *rig, int host, int other_host, const char *const argv[],
	      char why[DS_RIG_WHY])
{
	int fd = memfd_create("drivestamp-ip", MFD_CLOEXEC);
	int other_fd = other_host >= 0 ? rig->host_fd[other_host] : -1;
	struct ds_rig_job job = {.argv = argv, .output_fd = fd};
	const char *path = getenv("PATH");
	char longer[4096];

	if (fd < 0)
		return refuse(why, errno, "memfd_create");
	/* As in a login shell of root; in others sbin may be missing. */
	if (!path || !strstr(path, "/sbin")) {
		snprintf(longer, sizeof(longer), "%s:/usr/sbin:/sbin", path ? path : "/usr/bin");
		setenv("PATH", longer, 1);
	}
	if (other_fd >= 0)
		fcntl(other_fd, F_SETFD, 0);
	int program = ds_rig_start_job(rig, host, &job, why);
	if (other_fd >= 0)
		fcntl(other_fd, F_SETFD, FD_CLOEXEC);
	if (program < 0) {
		close(fd);
		return program;
	}
	int error = await_end(rig, program, 10000) && rig->programs[program].status == 0 ? 0 : EIO;
	if (error != 0) {
		ssize_t length = pread(fd, why, DS_RIG_WHY - 1, 0);
		why[length > 0 ? length : 0] = '\0';
		why[strcspn(why, "\n")] = '\0';
		if (why[0] == '\0')
			snprintf(why, DS_RIG_WHY, "%s %s failed", argv[0], argv[1]);
	}
	(void)ds_rig_stop(rig, program, 0);
	ds_rig_forget(rig, program);
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

	int error = ds_rig_ip(rig, host, -1, add4, why);
	if (error == 0)
		error = ds_rig_ip(rig, host, -1, up, why);
	if (error == 0) /* a kernel without IPv6 is no reason to stop */
		(void)ds_rig_ip(rig, host, -1, add6, ignored);
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
	int error = ds_rig_ip(rig, a, b, add, why);
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
