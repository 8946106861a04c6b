/* exporter: `drivestamp exporter`: answers who scrapes, or writes a file for node_exporter. It must
 * never hold more than a few connections, wait for a slow one, or answer other hosts unasked. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "os/address.h"
#include "tool/ask.h"
#include "tool/exporter.h"
#include "tool/options.h"

#define DEFAULT_LISTEN "127.0.0.1:9975"
#define CONNECTIONS    8
#define LISTENERS      4
#define SLOW_MS	       5000 /* so long a head, or a reader, may take */
#define FIRST_FD       3    /* SD_LISTEN_FDS_START, sd_listen_fds(3) */

struct connection {
	int fd; /* -1: free */
	int64_t until_ms;
	size_t used, sent, length;
	char head[DS_EXPORTER_HEAD];
	char *answer; /* owned; NULL: the head is still coming */
};

struct exporter {
	const char *socket, *listen, *textfile;
	double interval_s;
	int idle_s; /* 0: for ever */
	bool anywhere;
	int listeners[LISTENERS];
	int listener_count;
	struct connection connections[CONNECTIONS];
	int64_t heard_ms;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One question of the daemon a scrape; NULL where it does not answer. */
static json_t *ask_daemon(const char *socket)
{
	struct ds_ask ask;
	json_t *answer = NULL;

	if (ds_ask_open(&ask, "drivestamp exporter", socket, true) != 0)
		return NULL;
	ds_ask(&ask, "metrics", &answer, true);
	ds_ask_close(&ask);
	return answer;
}

/* ---- a file for node_exporter ---- */

static int write_textfile(const struct exporter *e)
{
	char part[4096];
	json_t *answer;
	FILE *out;
	bool good;

	if (snprintf(part, sizeof part, "%s.%d", e->textfile, (int)getpid()) >= (int)sizeof part)
		return DS_EXIT_USAGE;
	out = fopen(part, "we");
	if (out == NULL) {
		fprintf(stderr, "drivestamp exporter: %s: %s\n", part, strerror(errno));
		return DS_EXIT_NOT_RIGHT;
	}
	answer = ask_daemon(e->socket);
	ds_exporter_write(answer, false, out);
	json_decref(answer);
	fchmod(fileno(out), 0644);
	good = !ferror(out);
	good = fclose(out) == 0 && good && rename(part, e->textfile) == 0;
	if (good)
		return 0;
	fprintf(stderr, "drivestamp exporter: %s: %s\n", e->textfile, strerror(errno));
	unlink(part);
	return DS_EXIT_NOT_RIGHT;
}

static int keep_textfile(const struct exporter *e)
{
	int status;

	do {
		status = write_textfile(e);
		if (e->interval_s > 0.0)
			usleep((useconds_t)(e->interval_s * 1e6));
	} while (e->interval_s > 0.0 && status == 0);
	return status;
}

/* ---- sockets ---- */

static bool from_manager(struct exporter *e)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int count = fds != NULL ? atoi(fds) : 0;

	if (pid == NULL || atoi(pid) != (int)getpid() || count < 1)
		return false;
	for (int i = 0; i < count && i < LISTENERS; i++) {
		int fd = FIRST_FD + i;

		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		e->listeners[e->listener_count++] = fd;
	}
	return true;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0 || strlen(path) >= sizeof name.sun_path) {
		errno = fd < 0 ? errno : ENAMETOOLONG;
		return -1;
	}
	memcpy(name.sun_path, path, strlen(path));
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    connect(fd, (const struct sockaddr *)&name, sizeof name) != 0 && errno == ECONNREFUSED)
		unlink(path);
	if (bind(fd, (const struct sockaddr *)&name, sizeof name) != 0)
		return -1;
	chmod(path, 0666); /* what is told is no secret on this host; the folder may be closed */
	return listen(fd, CONNECTIONS) == 0 ? fd : -1;
}

/* "127.0.0.1:9975", "[::1]:9975" */
static bool parse_listen(const char *text, union ds_address *address)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	size_t length = colon != NULL ? (size_t)(colon - text) : 0;
	long port = colon != NULL ? strtol(colon + 1, NULL, 10) : 0;

	if (length == 0 || length >= sizeof host || port < 1 || port > 65535)
		return false;
	if (text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	memcpy(host, text, length);
	host[length] = '\0';
	return ds_address_parse(host, (uint16_t)port, address);
}

static int listen_tcp(const union ds_address *address)
{
	int fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, &address->sa, ds_address_length(address)) != 0 ||
	    listen(fd, CONNECTIONS) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool listen_at(struct exporter *e)
{
	union ds_address address;
	int fd;

	if (strncmp(e->listen, "unix:", 5) == 0) {
		fd = listen_unix(e->listen + 5);
	} else if (!parse_listen(e->listen, &address)) {
		fprintf(stderr,
			"drivestamp exporter: --listen takes unix:PATH, ADDRESS:PORT or [ADDRESS]:PORT, "
			"not '%s'\n",
			e->listen);
		return false;
	} else if (!ds_address_is_loopback(&address) && !e->anywhere) {
		fprintf(stderr,
			"drivestamp exporter: %s can be reached by others: it names sources and hosts to "
			"them; --anywhere if that is meant\n",
			e->listen);
		return false;
	} else {
		fd = listen_tcp(&address);
	}
	if (fd < 0) {
		fprintf(stderr, "drivestamp exporter: %s: %s\n", e->listen, strerror(errno));
		return false;
	}
	e->listeners[e->listener_count++] = fd;
	return true;
}

/* ---- connections ---- */

static void end(struct connection *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->answer);
	c->answer = NULL;
	c->fd = -1;
	c->used = c->sent = c->length = 0;
}

static const char *status_words(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}

static void write_body(const struct exporter *e, const struct ds_exporter_request *r, FILE *out)
{
	json_t *answer;

	if (r->status != 200) {
		fprintf(out, "%d %s\n", r->status, status_words(r->status));
		return;
	}
	if (!r->metrics) {
		fputs("<!doctype html><title>drivestamp</title><a href=\"/metrics\">metrics</a>\n",
		      out);
		return;
	}
	answer = ask_daemon(e->socket);
	ds_exporter_write(answer, r->open_metrics, out);
	json_decref(answer);
}

static const char *content_type(const struct ds_exporter_request *r)
{
	if (r->status != 200)
		return "text/plain; charset=utf-8";
	if (!r->metrics)
		return "text/html; charset=utf-8";
	return r->open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			       : "text/plain; version=0.0.4; charset=utf-8";
}

/* The whole answer in memory: some 20 KiB. */
static void make_answer(const struct exporter *e, struct connection *c,
			const struct ds_exporter_request *r)
{
	char *body = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&body, &length);

	if (out == NULL) {
		end(c);
		return;
	}
	write_body(e, r, out);
	fclose(out);
	out = open_memstream(&c->answer, &c->length);
	if (out != NULL) {
		fprintf(out,
			"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
			"Connection: close\r\n\r\n",
			r->status, status_words(r->status), content_type(r), length,
			r->status == 405 ? "Allow: GET, HEAD\r\n" : "");
		if (!r->head)
			fwrite(body, 1, length, out);
		fclose(out);
	}
	free(body);
	c->until_ms = now_ms() + SLOW_MS;
	if (c->answer == NULL)
		end(c);
}

static void push(struct connection *c)
{
	ssize_t sent = send(c->fd, c->answer + c->sent, c->length - c->sent, MSG_NOSIGNAL);

	if (sent > 0)
		c->sent += (size_t)sent;
	if ((sent < 0 && errno != EAGAIN && errno != EINTR) || c->sent == c->length) {
		shutdown(c->fd, SHUT_WR);
		end(c);
	}
}

static void pull(struct exporter *e, struct connection *c)
{
	struct ds_exporter_request request = {.status = 431};
	ssize_t got = recv(c->fd, c->head + c->used, sizeof c->head - c->used, 0);
	size_t before = c->used;
	bool whole;

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		end(c);
		return;
	}
	if (got < 0)
		return;
	c->used += (size_t)got;
	before = before > 3 ? before - 3 : 0;
	whole = memmem(c->head + before, c->used - before, "\r\n\r\n", 4) != NULL ||
		memmem(c->head + before, c->used - before, "\n\n", 2) != NULL;
	if (!whole && c->used < sizeof c->head)
		return;
	if (whole)
		ds_exporter_parse(c->head, c->used, &request);
	make_answer(e, c, &request);
	if (c->fd >= 0)
		push(c);
}

static void take_in(struct exporter *e, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (int i = 0; fd >= 0 && i < CONNECTIONS; i++) {
		struct connection *c = &e->connections[i];

		if (c->fd >= 0)
			continue;
		*c = (struct connection){.fd = fd, .until_ms = now_ms() + SLOW_MS};
		e->heard_ms = now_ms();
		return;
	}
	if (fd >= 0) /* all are busy; those that are slow end within SLOW_MS */
		close(fd);
}

static int wait_ms(const struct exporter *e, int64_t now)
{
	int64_t next = e->idle_s > 0 ? e->heard_ms + (int64_t)e->idle_s * 1000 : INT64_MAX;

	for (int i = 0; i < CONNECTIONS; i++)
		if (e->connections[i].fd >= 0 && e->connections[i].until_ms < next)
			next = e->connections[i].until_ms;
	if (next == INT64_MAX)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

static int serve(struct exporter *e)
{
	struct pollfd fds[LISTENERS + CONNECTIONS];

	e->heard_ms = now_ms();
	for (;;) {
		int64_t now = now_ms();
		bool busy = false;

		for (int i = 0; i < LISTENERS; i++)
			fds[i] = (struct pollfd){.fd = i < e->listener_count ? e->listeners[i] : -1,
						 .events = POLLIN};
		for (int i = 0; i < CONNECTIONS; i++) {
			struct connection *c = &e->connections[i];

			if (c->fd >= 0 && now >= c->until_ms)
				end(c);
			busy |= c->fd >= 0;
			fds[LISTENERS + i] = (struct pollfd){
				.fd = c->fd, .events = c->answer != NULL ? POLLOUT : POLLIN};
		}
		if (!busy && e->idle_s > 0 && now >= e->heard_ms + (int64_t)e->idle_s * 1000)
			return 0;
		if (poll(fds, LISTENERS + CONNECTIONS, wait_ms(e, now)) < 0 && errno != EINTR)
			return DS_EXIT_NOT_RIGHT;
		for (int i = 0; i < e->listener_count; i++)
			if (fds[i].revents != 0)
				take_in(e, fds[i].fd);
		for (int i = 0; i < CONNECTIONS; i++) {
			struct connection *c = &e->connections[i];

			if (c->fd < 0 || fds[LISTENERS + i].fd != c->fd ||
			    fds[LISTENERS + i].revents == 0)
				continue;
			if (c->answer != NULL)
				push(c);
			else
				pull(e, c);
		}
	}
}

static int run_exporter(int argc, char **argv)
{
	static struct exporter e = {.socket = DS_ASK_SOCKET, .listen = DEFAULT_LISTEN};
	bool describe = false;
	const struct ds_option options[] = {
		{"listen", 0, DS_OPTION_TEXT, &e.listen, 0, 0, "WHERE",
		 "unix:PATH, or a loopback ADDRESS:PORT (" DEFAULT_LISTEN
		 "); not with systemd's sockets"},
		{"anywhere", 0, DS_OPTION_FLAG, &e.anywhere, 0, 0, NULL,
		 "--listen may be reached by others"},
		{"idle", 0, DS_OPTION_INTEGER, &e.idle_s, 0, 1e6, "SECONDS",
		 "end when nobody asked for so long; 0: never"},
		{"textfile", 0, DS_OPTION_TEXT, &e.textfile, 0, 0, "FILE",
		 "write this for node_exporter in place of listening"},
		{"interval", 0, DS_OPTION_NUMBER, &e.interval_s, 0.1, 86400, "SECONDS",
		 "write it anew each so often; else once"},
		{"socket", 0, DS_OPTION_TEXT, &e.socket, 0, 0, "PATH",
		 "the daemon's controlsocket (" DS_ASK_SOCKET ")"},
		{"describe", 0, DS_OPTION_FLAG, &describe, 0, 0, NULL, "the table of all metrics"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};
	int rest = ds_options_read(&ds_verb_exporter, options, argc, argv, NULL, 0);

	if (rest < 0)
		return rest == -2 ? 0 : DS_EXIT_USAGE;
	if (describe) {
		ds_exporter_describe(stdout);
		return 0;
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (e.textfile != NULL)
		return keep_textfile(&e);
	for (int i = 0; i < CONNECTIONS; i++)
		e.connections[i].fd = -1;
	if (!from_manager(&e) && !listen_at(&e))
		return DS_EXIT_NOT_RIGHT;
	return serve(&e);
}

const struct ds_verb ds_verb_exporter = {
	"exporter", "", "OpenMetrics for Prometheus, or a file for node_exporter.", run_exporter};
