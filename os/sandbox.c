/*
 * sandbox: see sandbox.h. Landlock by its system calls: C libraries have no functions for it, and
 * the headers may be older than the kernel, so that what is asked for is written down here (from
 * landlock(7)) and cut to what the kernel says it knows.
 */
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if DS_SECCOMP
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <seccomp.h>
#endif

static int fail(char why[DS_WHY], const char *what, int error)
{
	snprintf(why, DS_WHY, "%s: %s", what, strerror(error));
	return -error;
}

static bool add(const char **list, int *count, const char *path)
{
	if (path == NULL || path[0] == '\0' || *count >= DS_SANDBOX_PATHS)
		return false;
	list[(*count)++] = path;
	return true;
}

bool ds_sandbox_read(struct ds_sandbox *s, const char *path)
{
	return add(s->read, &s->read_count, path);
}

bool ds_sandbox_write(struct ds_sandbox *s, const char *path)
{
	return add(s->write, &s->write_count, path);
}

bool ds_sandbox_device(struct ds_sandbox *s, const char *path)
{
	return add(s->devices, &s->device_count, path);
}

/* ---- Landlock ---- */

#ifndef __NR_landlock_create_ruleset /* the same numbers on all architectures */
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule	     445
#define __NR_landlock_restrict_self  446
#endif

#define ASK_VERSION  1U
#define PATH_BENEATH 1
#define NET_PORT     2

enum { /* landlock(7), access rights of the file system */
       EXECUTE = 1 << 0,
       WRITE_FILE = 1 << 1,
       READ_FILE = 1 << 2,
       READ_DIR = 1 << 3,
       REMOVE_FILE = 1 << 5,
       MAKE_REG = 1 << 8,
       MAKE_SOCK = 1 << 9,
       TRUNCATE = 1 << 14,
       IOCTL_DEV = 1 << 15,
};
enum { CONNECT_TCP = 1 << 1 };
enum { SCOPE_ABSTRACT = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

struct ruleset {
	uint64_t fs, net, scoped;
};
struct beneath {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));
struct port {
	uint64_t access, port;
};

/* How many bits of the file system each version knows; and from which on there is more. */
static uint64_t fs_known(long version)
{
	return version >= 5   ? (1U << 16) - 1
	       : version >= 3 ? (1U << 15) - 1
	       : version >= 2 ? (1U << 14) - 1
			      : (1U << 13) - 1;
}
#define VERSION_NET   4
#define VERSION_SCOPE 6

static int allow(int ruleset, uint64_t known, const char *path, uint64_t access)
{
	struct beneath rule = {.access = access & known};
	struct stat st;
	int rc;

	rule.fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.fd < 0)
		return 0; /* what is not there cannot be used */
	if (fstat(rule.fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.access &= WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
	rc = (int)syscall(__NR_landlock_add_rule, ruleset, PATH_BENEATH, &rule, 0U);
	if (rc != 0)
		rc = -errno;
	close(rule.fd);
	return rc;
}

/* What the C library reads to look a name up. Files in /etc are replaced by renaming, so it is the
 * folder that is named. */
static const char *const resolver[] = {"/etc",
				       "/usr/lib",
				       "/lib",
				       "/lib64",
				       "/usr/lib64",
				       "/run/systemd/resolve",
				       "/run/resolvconf",
				       "/run/nscd",
				       "/run/NetworkManager",
				       "/var/run/nscd"};
/* What a process of any kind may read. */
static const char *const usual[] = {"/dev/null", "/dev/urandom", "/dev/log", "/etc/localtime",
				    "/usr/share/zoneinfo"};

static int allow_all(const struct ds_sandbox *s, int ruleset, uint64_t known)
{
	const uint64_t reads = READ_FILE | READ_DIR;
	const uint64_t writes = reads | WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_SOCK | REMOVE_FILE;
	int rc = 0;

	for (size_t i = 0; i < sizeof usual / sizeof usual[0] && rc == 0; i++)
		rc = allow(ruleset, known, usual[i], reads | WRITE_FILE);
	for (size_t i = 0; s->resolves && i < sizeof resolver / sizeof resolver[0] && rc == 0; i++)
		rc = allow(ruleset, known, resolver[i], reads);
	for (int i = 0; i < s->read_count && rc == 0; i++)
		rc = allow(ruleset, known, s->read[i], reads);
	for (int i = 0; i < s->write_count && rc == 0; i++)
		rc = allow(ruleset, known, s->write[i], writes);
	for (int i = 0; i < s->device_count && rc == 0; i++)
		rc = allow(ruleset, known, s->devices[i], reads | WRITE_FILE | IOCTL_DEV);
	return rc;
}

/* A long answer of a name server comes by TCP. */
static int allow_net(int ruleset)
{
	struct port rule = {CONNECT_TCP, 53};

	return syscall(__NR_landlock_add_rule, ruleset, NET_PORT, &rule, 0U) == 0 ? 0 : -errno;
}

int ds_sandbox_landlock(const struct ds_sandbox *s, char why[DS_WHY])
{
	long version = syscall(__NR_landlock_create_ruleset, NULL, 0, ASK_VERSION);
	struct ruleset wanted = {0};
	size_t size = version >= VERSION_SCOPE ? sizeof wanted
		      : version >= VERSION_NET ? offsetof(struct ruleset, scoped)
					       : offsetof(struct ruleset, net);
	int ruleset, rc;

	why[0] = '\0';
	if (version < 1)
		return fail(why, "Landlock", errno == EOPNOTSUPP ? EOPNOTSUPP : ENOSYS);
	wanted.fs = fs_known(version);
	if (version >= VERSION_NET)
		wanted.net = CONNECT_TCP | 1; /* and to listen */
	if (version >= VERSION_SCOPE)
		wanted.scoped = SCOPE_SIGNAL | (s->abstract ? 0 : SCOPE_ABSTRACT);
	ruleset = (int)syscall(__NR_landlock_create_ruleset, &wanted, size, 0U);
	if (ruleset < 0)
		return fail(why, "Landlock", errno);
	rc = allow_all(s, ruleset, wanted.fs);
	if (rc == 0 && version >= VERSION_NET && s->resolves)
		rc = allow_net(ruleset);
	if (rc == 0 && syscall(__NR_landlock_restrict_self, ruleset, 0U) != 0)
		rc = -errno;
	close(ruleset);
	return rc == 0 ? 0 : fail(why, "Landlock", -rc);
}

/* ---- seccomp ---- */

#if !DS_SECCOMP

int ds_sandbox_seccomp(const struct ds_sandbox *s, char why[DS_WHY])
{
	(void)s;
	snprintf(why, DS_WHY, "seccomp: this program was built without it");
	return -ENOSYS;
}

#else

/* By name, so that a library or an architecture that does not know one leaves it out. The first
 * ones are those that a busy server makes. */
static const char *const allowed[] = {
	"recvmmsg",
	"sendmmsg",
	"poll",
	"ppoll",
	"recvmsg",
	"sendmsg",
	"clock_gettime",
	"clock_adjtime",
	"adjtimex",
	"getrandom",
	"read",
	"write",
	"readv",
	"writev",
	"pread64",
	"pwrite64",
	"close",
	"recvfrom",
	"sendto",
	"recv",
	"send",
	"connect",
	"bind",
	"listen",
	"accept4",
	"accept",
	"getsockname",
	"getpeername",
	"getsockopt",
	"setsockopt",
	"shutdown",
	"select",
	"pselect6",
	"_newselect",
	"fcntl",
	"fcntl64",
	"dup",
	"dup2",
	"dup3",
	"pipe",
	"pipe2",
	"eventfd2",
	"timerfd_create",
	"timerfd_settime",
	"open",
	"openat",
	"stat",
	"fstat",
	"lstat",
	"newfstatat",
	"fstatat64",
	"stat64",
	"fstat64",
	"lstat64",
	"statx",
	"statfs",
	"fstatfs",
	"lseek",
	"_llseek",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"getdents64",
	"getdents",
	"getcwd",
	"unlink",
	"unlinkat",
	"rename",
	"renameat",
	"renameat2",
	"chmod",
	"fchmod",
	"fchmodat",
	"chown",
	"fchown",
	"lchown",
	"fchownat",
	"ftruncate",
	"ftruncate64",
	"fsync",
	"fdatasync",
	"fallocate",
	"umask",
	"mmap",
	"mmap2",
	"mprotect",
	"munmap",
	"mremap",
	"madvise",
	"brk",
	"futex",
	"futex_time64",
	"set_robust_list",
	"get_robust_list",
	"rseq",
	"membarrier",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigpending",
	"sigaltstack",
	"sigreturn",
	"restart_syscall",
	"nanosleep",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"clock_gettime64",
	"clock_getres",
	"clock_getres_time64",
	"gettimeofday",
	"time",
	"times",
	"getitimer",
	"sched_yield",
	"sched_getaffinity",
	"sched_getparam",
	"sched_getscheduler",
	"getpriority",
	"getpid",
	"getppid",
	"gettid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getresuid",
	"getresgid",
	"getgroups",
	"getpgrp",
	"getsid",
	"capget",
	"uname",
	"sysinfo",
	"getrlimit",
	"ugetrlimit",
	"prlimit64",
	"getrusage",
	"getcpu",
	"arch_prctl",
	"set_tid_address",
	"exit",
	"exit_group",
	"tgkill",
	"tkill",
	"kill",
	"wait4",
	"waitid",
	"waitpid",
	"close_range",
	"shmget",
	"shmat",
	"shmdt",
	"shmctl",
	"ipc",
	"socketcall",
	"ppoll_time64",
	"recvmmsg_time64",
	"pselect6_time64",
	"clock_adjtime64",
	"timerfd_settime64",
};
/* Said with EPERM: whoever tries is not the C library looking for a better way. */
static const char *const dangerous[] = {
	"execve",
	"execveat",
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"mount",
	"umount2",
	"pivot_root",
	"chroot",
	"unshare",
	"setns",
	"kexec_load",
	"kexec_file_load",
	"init_module",
	"finit_module",
	"delete_module",
	"bpf",
	"perf_event_open",
	"keyctl",
	"add_key",
	"request_key",
	"reboot",
	"swapon",
	"swapoff",
	"open_by_handle_at",
	"userfaultfd",
	"mknod",
	"mknodat",
	"link",
	"linkat",
	"symlink",
	"symlinkat",
	"setuid",
	"setgid",
	"setresuid",
	"setresgid",
	"setreuid",
	"setregid",
	"setgroups",
	"capset",
	"settimeofday",
	"io_uring_setup",
	"memfd_create",
	"pidfd_getfd",
	"personality",
	"quotactl",
	"acct",
	"iopl",
	"ioperm",
	"sethostname",
	"setdomainname",
};

static int rule(scmp_filter_ctx ctx, uint32_t action, const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0;
	/* What this architecture does not have: -EINVAL or -EDOM */
	int rc = seccomp_rule_add(ctx, action, number, 0);

	return rc == -EDOM || rc == -EINVAL || rc == -EEXIST || rc == -EACCES ? 0 : rc;
}

/* The library's own macros leave a member out, which warns. */
static struct scmp_arg_cmp is(unsigned arg, enum scmp_compare op, scmp_datum_t a, scmp_datum_t b)
{
	return (struct scmp_arg_cmp){.arg = arg, .op = op, .datum_a = a, .datum_b = b};
}

/* Of other families sockets are not made (packet, Bluetooth, vsock ...). */
static int rule_sockets(scmp_filter_ctx ctx)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	int rc = 0;

	for (size_t i = 0; i < sizeof families / sizeof families[0] && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      is(0, SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
				      is(0, SCMP_CMP_EQ, AF_UNIX, 0));
	return rc;
}

/* Nothing is typed into a terminal (TIOCSTI). */
static int rule_ioctl(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				is(1, SCMP_CMP_NE, TIOCSTI, 0));
}

/* A child that looks a name up is in no new namespace. clone3(), whose flags cannot be seen, is not
 * known: the C library takes clone(). */
static int rule_children(scmp_filter_ctx ctx, bool resolves)
{
	const scmp_datum_t namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
					CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;
	int rc;

	if (!resolves)
		return 0;
	rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			      is(0, SCMP_CMP_MASKED_EQ, namespaces, 0));
	return rc == 0 ? rule(ctx, SCMP_ACT_ALLOW, "fork") : rc;
}

/* PR_SET_PDEATHSIG, PR_SET_NAME, PR_CAPBSET_READ and whatever only reads is of no use to anybody
 * else; the filter and the capabilities are not touched again. */
static int rule_prctl(scmp_filter_ctx ctx)
{
	static const int allowed_options[] = {
		PR_SET_PDEATHSIG, PR_GET_PDEATHSIG,    PR_GET_NAME,
		PR_SET_NAME,	  PR_CAPBSET_READ,     PR_GET_DUMPABLE,
		PR_GET_SECCOMP,	  PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS};
	int rc = 0;

	for (size_t i = 0; i < sizeof allowed_options / sizeof allowed_options[0] && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				      is(0, SCMP_CMP_EQ, (scmp_datum_t)allowed_options[i], 0));
	return rc;
}

static int all_rules(scmp_filter_ctx ctx, const struct ds_sandbox *s)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof allowed / sizeof allowed[0] && rc == 0; i++)
		rc = rule(ctx, SCMP_ACT_ALLOW, allowed[i]);
	for (size_t i = 0; i < sizeof dangerous / sizeof dangerous[0] && rc == 0; i++)
		rc = rule(ctx, SCMP_ACT_ERRNO(EPERM), dangerous[i]);
	if (rc == 0)
		rc = rule(ctx, s->sets_clock ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM),
			  "clock_settime");
	if (rc == 0)
		rc = rule_sockets(ctx);
	if (rc == 0)
		rc = rule_ioctl(ctx);
	if (rc == 0)
		rc = rule_children(ctx, s->resolves);
	return rc == 0 ? rule_prctl(ctx) : rc;
}

int ds_sandbox_seccomp(const struct ds_sandbox *s, char why[DS_WHY])
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc;

	why[0] = '\0';
	if (ctx == NULL)
		return fail(why, "seccomp", ENOMEM);
	rc = all_rules(ctx, s);
	/* A tree in place of a list: fewer steps for each call. Old libraries have none. */
	if (rc == 0)
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc == 0 ? 0 : fail(why, "seccomp", -rc);
}

#endif
