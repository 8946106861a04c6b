/* control: see control.h. Answers are not kept: one that the socket does not take at once, although
 * it is empty enough, ends the connection. */
#include "daemon/control.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/log.h"
#include "os/file.h"
#include "os/unix_socket.h"

#define LISTENER      UINT32_C(0)
#define SEND_BUFFER   (512 * 1024) /* the longest answer, and what the kernel adds to it */
#define SOCKET_MODE   0660
#define ACCEPT_A_TURN 4

void ds_control_none(struct ds_control *c)
{
	memset(c, 0, sizeof *c);
	c->fd = -1;
	for (int i = 0; i < DS_CONTROL_CONNECTIONS; i++)
		c->connections[i].fd = -1;
}

void ds_control_open(struct ds_control *c, const struct ds_conf *conf)
{
	const struct ds_unix_socket wanted = {
		.path = conf->control_socket,
		.type = SOCK_STREAM,
		.mode = SOCKET_MODE,
		.user = conf->user,
		.group = conf->control_group,
	};
	bool is_default = strcmp(conf->control_socket, DS_CONF_CONTROL_SOCKET) == 0;
	char why[DS_WHY];
	int rc;

	ds_control_none(c);
	if (conf->control_socket[0] == '\0')
		return;
	rc = ds_unix_socket_open(&wanted, why);
	if (rc >= 0) {
		c->fd = rc;
		c->bound = true;
		snprintf(c->path, sizeof c->path, "%s", conf->control_socket);
		return;
	}
	if (is_default && (rc == -ENOENT || rc == -EACCES || rc == -EROFS))
		return;
	if (rc == -ESRCH) /* the daemon will not start, and says why */
		return;
	ds_log(DS_LOG_WARNING, "controlsocket %s; nobody can ask there", why);
}

static void end(struct ds_control_connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
}

void ds_control_close(struct ds_control *c)
{
	for (int i = 0; i < DS_CONTROL_CONNECTIONS; i++)
		end(&c->connections[i]);
	if (c->fd >= 0)
		ds_unix_socket_close(c->fd, c->bound ? c->path : NULL);
	c->fd = -1;
}

static bool has_line(const struct ds_control_connection *x)
{
	return memchr(x->line, '\n', x->used) != NULL;
}

uint32_t ds_control_watch(const struct ds_control *c, struct pollfd *fds, uint32_t *who,
			  uint32_t room)
{
	uint32_t n = 0;

	if (c->fd < 0 || room == 0)
		return 0;
	fds[n] = (struct pollfd){.fd = c->fd, .events = POLLIN};
	who[n++] = LISTENER;
	for (uint32_t i = 0; i < DS_CONTROL_CONNECTIONS && n < room; i++) {
		const struct ds_control_connection *x = &c->connections[i];

		if (x->fd < 0)
			continue;
		fds[n] = (struct pollfd){.fd = x->fd, .events = x->waits ? POLLOUT : POLLIN};
		who[n++] = LISTENER + 1 + i;
	}
	return n;
}

/* A free place, or that of the connection that was idle longest. */
static struct ds_control_connection *make_room(struct ds_control *c)
{
	struct ds_control_connection *oldest = &c->connections[0];

	for (int i = 0; i < DS_CONTROL_CONNECTIONS; i++) {
		if (c->connections[i].fd < 0)
			return &c->connections[i];
		if (c->connections[i].heard_ns < oldest->heard_ns)
			oldest = &c->connections[i];
	}
	end(oldest);
	c->refused_full++;
	return oldest;
}

static void accept_some(struct ds_control *c)
{
	for (int i = 0; i < ACCEPT_A_TURN; i++) {
		int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct ds_control_connection *x;
		struct ucred peer = {.uid = (uid_t)-1};
		socklen_t length = sizeof peer;
		int size = SEND_BUFFER;

		if (fd < 0)
			return;
		x = make_room(c);
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
			peer.uid = (uid_t)-1;
		memset(x, 0, sizeof *x);
		x->fd = fd;
		x->may_write = peer.uid == 0 || peer.uid == geteuid();
		x->heard_ns = ds_monotonic_ns();
		c->accepted++;
	}
}

static void send_answer(struct ds_control_connection *x, const char *answer, size_t length)
{
	ssize_t sent = send(x->fd, answer, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 || (size_t)sent != length)
		end(x);
}

/* Does the socket take an answer now? */
static bool is_ready(const struct ds_control_connection *x)
{
	struct pollfd p = {.fd = x->fd, .events = POLLOUT};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

/* The first line that is there, if any, and its answer. */
static void work(struct ds_control *c, struct ds_daemon *d, struct ds_control_connection *x)
{
	static char answer[DS_ANSWERS_MOST]; /* touched as far as answers reach */
	char *newline = memchr(x->line, '\n', x->used);
	size_t length;

	if (newline == NULL && x->used < sizeof x->line)
		return;
	x->waits = !is_ready(x);
	if (x->waits)
		return;
	if (newline == NULL || memchr(x->line, '\0', (size_t)(newline - x->line)) != NULL) {
		length = ds_answer_bad_request(
			d, newline == NULL ? "the line is too long" : "a byte that is no text",
			answer, sizeof answer);
		send_answer(x, answer, length);
		end(x);
		return;
	}
	*newline = '\0';
	if (newline > x->line && newline[-1] == '\r')
		newline[-1] = '\0';
	c->requests++;
	length = ds_answer(d, x->line, x->may_write, answer, sizeof answer);
	x->used = (uint16_t)(x->used - (newline + 1 - x->line));
	memmove(x->line, newline + 1, x->used);
	send_answer(x, answer, length);
}

void ds_control_handle(struct ds_control *c, struct ds_daemon *d, uint32_t who, short revents)
{
	struct ds_control_connection *x;
	ssize_t got;

	if (who == LISTENER) {
		accept_some(c);
		return;
	}
	if (who > DS_CONTROL_CONNECTIONS)
		return;
	x = &c->connections[who - LISTENER - 1];
	if (x->fd < 0) /* it gave way in this very turn */
		return;
	if (revents & POLLOUT)
		x->waits = false;
	if (!has_line(x) && x->used < sizeof x->line) {
		got = recv(x->fd, x->line + x->used, sizeof x->line - x->used, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
			end(x);
			return;
		}
		if (got > 0) {
			x->used = (uint16_t)(x->used + got);
			x->heard_ns = ds_monotonic_ns();
		}
	} else if ((revents & (POLLERR | POLLHUP)) && !(revents & (POLLIN | POLLOUT))) {
		end(x);
		return;
	}
	work(c, d, x);
}

int64_t ds_control_next_ns(const struct ds_control *c)
{
	for (int i = 0; c->fd >= 0 && i < DS_CONTROL_CONNECTIONS; i++)
		if (c->connections[i].fd >= 0 && !c->connections[i].waits &&
		    has_line(&c->connections[i]))
			return INT64_MIN;
	return INT64_MAX;
}

/* One line of one connection, by turns. */
void ds_control_run(struct ds_control *c, struct ds_daemon *d)
{
	for (int i = 0; c->fd >= 0 && i < DS_CONTROL_CONNECTIONS; i++) {
		struct ds_control_connection *x =
			&c->connections[(c->requests + (uint64_t)i) % DS_CONTROL_CONNECTIONS];

		if (x->fd < 0 || x->waits || !has_line(x))
			continue;
		work(c, d, x);
		return;
	}
}
