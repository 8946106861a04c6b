/*
 * resolve: getaddrinfo() in a child. What comes through the pipe is one message of fixed size,
 * short enough to be written at once.
 */
#include "os/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
	int32_t error; /* of getaddrinfo() */
	int32_t system_error;
	uint32_t count;
	union ds_address address[DS_RESOLVE_MAX];
};

_Static_assert(sizeof(struct answer) <= PIPE_BUF, "written at once or not at all");

static void collect(struct answer *a, const struct addrinfo *list)
{
	for (; list && a->count < DS_RESOLVE_MAX; list = list->ai_next) {
		union ds_address *to = &a->address[a->count];

		if (list->ai_family != AF_INET && list->ai_family != AF_INET6)
			continue;
		if (list->ai_addrlen > sizeof(*to))
			continue;
		memcpy(to, list->ai_addr, list->ai_addrlen);
		ds_address_set_port(to, 0);
		a->count++;
	}
}

static void ask(const char *name, sa_family_t family, struct answer *a)
{
	const struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = SOCK_DGRAM, /* else each address comes once a type */
	};
	struct addrinfo *list = NULL;

	a->error = getaddrinfo(name, NULL, &hints, &list);
	if (a->error) {
		a->system_error = errno;
		return;
	}
	collect(a, list);
	freeaddrinfo(list);
}

/* The daemon's sockets must not live on in a child that hangs in a name server's answer. */
static void close_above(int keep)
{
#ifdef CLOSE_RANGE_UNSHARE
	if (close_range((unsigned)keep + 1, UINT_MAX, 0) == 0)
		return;
#endif
	for (int fd = keep + 1; fd < 1024; fd++)
		close(fd);
}

static _Noreturn void child(const char *name, sa_family_t family, int fd, pid_t parent)
{
	struct answer a;
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	/* descriptor 3: nothing lies between it and the standard ones, and all above can go */
	if (fd != 3 && dup2(fd, 3) < 0)
		_exit(1);
	close_above(3);
	memset(&a, 0, sizeof(a));
	ask(name, family, &a);
	n = write(3, &a, sizeof(a));
	_exit(n == (ssize_t)sizeof(a) ? 0 : 1);
}

int ds_resolve_start(struct ds_resolution *r, const char *name, sa_family_t family)
{
	const pid_t parent = getpid();
	int ends[2], error;
	pid_t pid;

	if (r->child)
		return -EBUSY;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		error = errno;
		close(ends[0]);
		close(ends[1]);
		return -error;
	}
	if (pid == 0)
		child(name, family, ends[1], parent);
	close(ends[1]);
	r->child = pid;
	r->fd = ends[0];
	return 0;
}

void ds_resolve_cancel(struct ds_resolution *r)
{
	if (!r->child)
		return;
	kill(r->child, SIGKILL);
	while (waitpid(r->child, NULL, 0) < 0 && errno == EINTR)
		;
	close(r->fd);
	r->child = 0;
	r->fd = -1;
}

static bool is_no_such_name(int error)
{
	if (error == EAI_NONAME)
		return true;
#ifdef EAI_NODATA
	if (error == EAI_NODATA || error == EAI_ADDRFAMILY)
		return true;
#endif
	return false;
}

static int judge(const struct answer *a, union ds_address out[DS_RESOLVE_MAX], char why[128])
{
	if (a->error == EAI_SYSTEM) {
		snprintf(why, 128, "%s", strerror(a->system_error));
		return -EIO;
	}
	if (a->error) {
		snprintf(why, 128, "%s", gai_strerror(a->error));
		return is_no_such_name(a->error) ? -ENOENT : -EIO;
	}
	if (a->count == 0 || a->count > DS_RESOLVE_MAX) {
		snprintf(why, 128, "No address of this family");
		return -ENOENT;
	}
	memcpy(out, a->address, a->count * sizeof(out[0]));
	return (int)a->count;
}

int ds_resolve_finish(struct ds_resolution *r, union ds_address out[DS_RESOLVE_MAX], char why[128])
{
	struct answer a;
	ssize_t n;

	why[0] = '\0';
	if (!r->child) {
		snprintf(why, 128, "No resolution is under way");
		return -EIO;
	}
	n = read(r->fd, &a, sizeof(a));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	ds_resolve_cancel(r);
	if (n != (ssize_t)sizeof(a)) {
		snprintf(why, 128, "The resolver ended without an answer");
		return -EIO;
	}
	return judge(&a, out, why);
}
