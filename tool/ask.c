/* ask: see ask.h. */
#include "tool/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void say_why(const struct ds_ask *a, int error)
{
	if (error == EACCES || error == EPERM)
		fprintf(stderr,
			"%s: %s: you may not ask this daemon; who is in the group of that socket may "
			"(usermod -aG _drivestamp USER)\n",
			a->program, a->path);
	else if (error == ENOENT || error == ECONNREFUSED)
		fprintf(stderr, "%s: no daemon answers at %s (--socket names another)\n",
			a->program, a->path);
	else
		fprintf(stderr, "%s: %s: %s\n", a->program, a->path,
			error == EAGAIN ? "no answer in time" : strerror(error));
}

int ds_ask_open(struct ds_ask *a, const char *program, const char *path, bool quiet)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	/* One that hangs, and whose queue is full, would keep us in connect(). */
	const struct timeval most = {.tv_sec = DS_ASK_SECONDS};
	int error = ENAMETOOLONG;

	*a = (struct ds_ask){.program = program, .path = path, .fd = -1};
	if (strlen(path) < sizeof name.sun_path) {
		memcpy(name.sun_path, path, strlen(path));
		a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		error = a->fd < 0 ? errno : 0;
	}
	if (error == 0)
		setsockopt(a->fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
	if (error == 0 && connect(a->fd, (const struct sockaddr *)&name, sizeof name) != 0)
		error = errno;
	if (error == 0)
		return 0;
	if (!quiet)
		say_why(a, error);
	ds_ask_close(a);
	return DS_EXIT_NO_DAEMON;
}

void ds_ask_close(struct ds_ask *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	free(a->text);
	a->text = NULL;
	a->length = 0;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What comes up to a newline, into a->text. NULL, or why not. */
static const char *receive(struct ds_ask *a)
{
	int64_t end_ms = now_ms() + INT64_C(1000) * DS_ASK_SECONDS;
	struct pollfd p = {.fd = a->fd, .events = POLLIN};

	a->length = 0;
	if (a->text == NULL)
		a->text = malloc(DS_ASK_MOST + 1);
	if (a->text == NULL)
		return "no memory";
	for (;;) {
		int64_t left_ms = end_ms - now_ms();
		ssize_t got;

		if (left_ms <= 0 || poll(&p, 1, (int)left_ms) == 0)
			return "no answer in time";
		got = recv(a->fd, a->text + a->length, DS_ASK_MOST - a->length, MSG_DONTWAIT);
		if (got == 0)
			return "the daemon ended the connection";
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return strerror(errno);
		if (got < 0)
			continue;
		a->length += (size_t)got;
		a->text[a->length] = '\0';
		if (a->text[a->length - 1] == '\n')
			return NULL;
		if (a->length == DS_ASK_MOST)
			return "an answer without an end";
	}
}

/* The line goes out whole or not at all: it is short, and the socket is empty. */
static const char *transmit(const struct ds_ask *a, const char *line)
{
	char text[1024];
	int length = snprintf(text, sizeof text, "%s\n", line);

	if (length < 0 || (size_t)length >= sizeof text || strchr(line, '\n') != NULL)
		return "the words are too long";
	if (send(a->fd, text, (size_t)length, MSG_NOSIGNAL) != length)
		return strerror(errno != 0 ? errno : EPIPE);
	return NULL;
}

static int fail(const struct ds_ask *a, const char *why, bool quiet)
{
	if (!quiet)
		fprintf(stderr, "%s: %s: %s\n", a->program, a->path, why);
	return DS_EXIT_NO_DAEMON;
}

static int judge(struct ds_ask *a, json_t *answer, bool quiet)
{
	static bool said;
	int64_t schema = ds_ask_integer(answer, "schema", 0);

	if (schema > DS_ASK_SCHEMA && !said && !quiet) {
		said = true;
		fprintf(stderr,
			"%s: the daemon is newer than this program (schema %lld, not %d); what is shown may "
			"lack something\n",
			a->program, (long long)schema, DS_ASK_SCHEMA);
	}
	if (ds_ask_true(answer, "ok"))
		return 0;
	if (!quiet)
		fprintf(stderr, "%s: %s\n", a->program,
			ds_ask_text(answer, "error", "the daemon refused"));
	return DS_EXIT_NOT_RIGHT;
}

int ds_ask(struct ds_ask *a, const char *line, json_t **answer, bool quiet)
{
	const char *why = transmit(a, line);
	json_error_t error;
	int status;

	*answer = NULL;
	if (why == NULL)
		why = receive(a);
	if (why != NULL)
		return fail(a, why, quiet);
	*answer = json_loadb(a->text, a->length, 0, &error);
	if (!json_is_object(*answer)) {
		json_decref(*answer);
		*answer = NULL;
		return fail(a, "the answer is no JSON object", quiet);
	}
	status = judge(a, *answer, quiet);
	if (status != 0) {
		json_decref(*answer);
		*answer = NULL;
	}
	return status;
}

/* ---- members ---- */

int64_t ds_ask_integer(const json_t *object, const char *name, int64_t otherwise)
{
	const json_t *value = json_object_get(object, name);

	if (json_is_integer(value))
		return json_integer_value(value);
	return json_is_real(value) ? (int64_t)json_real_value(value) : otherwise;
}

double ds_ask_number(const json_t *object, const char *name, double otherwise)
{
	const json_t *value = json_object_get(object, name);

	return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool ds_ask_true(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

bool ds_ask_known(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return value != NULL && !json_is_null(value);
}

const char *ds_ask_text(const json_t *object, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : otherwise;
}

int64_t ds_ask_moment(const json_t *object, const char *name)
{
	const char *text = ds_ask_text(object, name, NULL);

	return text != NULL ? strtoll(text, NULL, 10) : 0;
}
