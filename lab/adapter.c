/* adapter: see the header. Both of its outputs are read in one poll loop; a signal that asks us to
 * end reaches the script as well, since it is in our process group, so that waiting for it is
 * waiting for its end. */
#include "lab/adapter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_MAX 4096 /* of standard error; what is more is passed over */
#define CHUNK	 65536

struct text {
	char *bytes; /* owned */
	size_t size, room;
};

struct run {
	const struct ds_adapter_call *call;
	pid_t pid;
	int out_fd, err_fd; /* -1: ended */
	struct text out;
	char said[SAID_MAX + 1];
	size_t said_size;
	size_t shown; /* of said[], whole lines that were looked at */
	int files[DS_ADAPTER_TEXTS];
};

static int refuse(const struct run *r, char why[DS_LAB_WHY], int error, const char *what)
{
	snprintf(why, DS_LAB_WHY, "%.120s %.20s: %.90s", r->call->script, r->call->words[0], what);
	return -error;
}

static bool grow(struct text *text, size_t more)
{
	size_t room = text->room > 0 ? text->room : CHUNK;
	char *bytes;

	while (room - text->size <= more)
		room *= 2;
	if (room == text->room)
		return true;
	bytes = realloc(text->bytes, room);
	if (!bytes)
		return false;
	text->bytes = bytes;
	text->room = room;
	return true;
}

/* A file without a name that holds the text, to be opened by /proc/self/fd. */
static int put_text(const char *text)
{
	int fd = memfd_create("drivestamp-lab", MFD_CLOEXEC);
	size_t size = strlen(text);

	for (size_t done = 0; fd >= 0 && done < size;) {
		ssize_t wrote = write(fd, text + done, size - done);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			int error = wrote < 0 ? errno : EIO;
			close(fd);
			errno = error;
			return -1;
		}
		done += (size_t)wrote;
	}
	return fd;
}

static _Noreturn void become_script(const struct run *r, const int out[2], const int err[2])
{
	const char *argv[2 + DS_ADAPTER_WORDS + DS_ADAPTER_TEXTS + 1] = {"sh", r->call->script};
	char names[DS_ADAPTER_TEXTS][32];
	int argc = 2, null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (r->call->apart)
		setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0 ||
	    dup2(err[1], STDERR_FILENO) < 0)
		_exit(126);
	for (int i = 0; i < DS_ADAPTER_WORDS && r->call->words[i]; i++)
		argv[argc++] = r->call->words[i];
	for (int i = 0; i < r->call->text_count; i++) {
		fcntl(r->files[i], F_SETFD, 0);
		snprintf(names[i], sizeof(names[i]), "/proc/self/fd/%d", r->files[i]);
		argv[argc++] = names[i];
	}
	argv[argc] = NULL;
	for (int i = 0; r->call->environment && r->call->environment[i]; i++) {
		char *word = strdup(r->call->environment[i]);
		if (!word || putenv(word) != 0)
			_exit(126);
	}
	/* execvp() takes char *const [], but changes none of them. */
	execvp("sh", (char *const *)argv);
	_exit(127);
}

static int start(struct run *r, char why[DS_LAB_WHY])
{
	int out[2], err[2];

	if (pipe2(out, O_CLOEXEC) != 0)
		return refuse(r, why, errno, strerror(errno));
	if (pipe2(err, O_CLOEXEC) != 0) {
		int error = errno;
		close(out[0]);
		close(out[1]);
		return refuse(r, why, error, strerror(error));
	}
	fflush(NULL);
	r->pid = fork();
	int error = r->pid < 0 ? errno : 0;
	if (r->pid == 0)
		become_script(r, out, err);
	close(out[1]);
	close(err[1]);
	r->out_fd = out[0];
	r->err_fd = err[0];
	return error != 0 ? refuse(r, why, error, strerror(error)) : 0;
}

/* Show progress: whole lines that begin with "# ", once each. */
static void show_progress(struct run *r)
{
	char *newline;

	while ((newline = memchr(r->said + r->shown, '\n', r->said_size - r->shown))) {
		size_t length = (size_t)(newline - r->said) + 1 - r->shown;
		if (strncmp(r->said + r->shown, "# ", 2) == 0) {
			fwrite(r->said + r->shown, 1, length, stderr);
			memmove(r->said + r->shown, newline + 1, r->said_size - r->shown - length);
			r->said_size -= length;
		} else {
			r->shown += length;
		}
	}
}

static void read_said(struct run *r)
{
	char over[512];
	bool full = r->said_size == SAID_MAX;
	ssize_t got = full ? read(r->err_fd, over, sizeof(over))
			   : read(r->err_fd, r->said + r->said_size, SAID_MAX - r->said_size);

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		close(r->err_fd);
		r->err_fd = -1;
		return;
	}
	if (full)
		return;
	r->said_size += (size_t)got;
	show_progress(r);
}

static int read_out(struct run *r, char why[DS_LAB_WHY])
{
	if (!grow(&r->out, CHUNK))
		return refuse(r, why, ENOMEM, "no memory for its output");
	ssize_t got = read(r->out_fd, r->out.bytes + r->out.size, CHUNK);

	if (got < 0 && errno == EINTR)
		return 0;
	if (got <= 0) {
		close(r->out_fd);
		r->out_fd = -1;
		return 0;
	}
	r->out.size += (size_t)got;
	if (r->out.size > r->call->limit)
		return refuse(r, why, EMSGSIZE, "says more than it should");
	return 0;
}

static int read_both(struct run *r, char why[DS_LAB_WHY])
{
	int error = 0;

	while (error == 0 && (r->out_fd >= 0 || r->err_fd >= 0)) {
		struct pollfd fds[2] = {{.fd = r->out_fd, .events = POLLIN},
					{.fd = r->err_fd, .events = POLLIN}};
		if (poll(fds, 2, -1) < 0) {
			if (errno != EINTR)
				error = refuse(r, why, errno, strerror(errno));
			continue;
		}
		if (fds[0].revents)
			error = read_out(r, why);
		if (error == 0 && fds[1].revents)
			read_said(r);
	}
	return error;
}

/* What it said last, as a sentence. */
static const char *last_line(struct run *r)
{
	char *end = r->said + r->said_size;
	char *last;

	while (end > r->said && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	*end = '\0';
	last = strrchr(r->said, '\n');
	return last ? last + 1 : r->said;
}

static int ended(struct run *r, int status, char why[DS_LAB_WHY])
{
	char text[64];
	const char *last = last_line(r);

	if (WIFSIGNALED(status)) {
		snprintf(text, sizeof(text), "was ended by signal %d", WTERMSIG(status));
		return refuse(r, why, EINTR, text);
	}
	if (WEXITSTATUS(status) != 0) {
		if (*last == '\0') {
			snprintf(text, sizeof(text), "ended with status %d and said nothing",
				 WEXITSTATUS(status));
			return refuse(r, why, ECHILD, text);
		}
		snprintf(why, DS_LAB_WHY, "%.*s", DS_LAB_WHY - 1, last);
		return -ECHILD;
	}
	if (r->said[0] != '\0')
		fprintf(stderr, "%s\n", r->said);
	if (!grow(&r->out, 1))
		return refuse(r, why, ENOMEM, "no memory for its output");
	r->out.bytes[r->out.size] = '\0';
	if (strlen(r->out.bytes) != r->out.size)
		return refuse(r, why, EPROTO, "there is a zero byte in what it says");
	return 0;
}

static int run_and_wait(struct run *r, char why[DS_LAB_WHY])
{
	int status = 0;
	int error = start(r, why);

	if (error == 0)
		error = read_both(r, why);
	if (r->out_fd >= 0)
		close(r->out_fd);
	if (r->err_fd >= 0)
		close(r->err_fd);
	if (r->pid <= 0)
		return error;
	if (error != 0)
		kill(r->pid, SIGTERM);
	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
	return error != 0 ? error : ended(r, status, why);
}

int ds_adapter_run(const struct ds_adapter_call *call, char **output, char why[DS_LAB_WHY])
{
	struct run r = {.call = call, .out_fd = -1, .err_fd = -1};
	int error = 0, files = 0;

	*output = NULL;
	for (; files < call->text_count && error == 0; files++) {
		r.files[files] = put_text(call->texts[files]);
		if (r.files[files] < 0)
			error = refuse(&r, why, errno, strerror(errno));
	}
	if (error == 0)
		error = run_and_wait(&r, why);
	for (int i = 0; i < files; i++) {
		if (r.files[i] >= 0)
			close(r.files[i]);
	}
	if (error == 0)
		*output = r.out.bytes;
	else
		free(r.out.bytes);
	return error;
}
