/* talk: see the header. It must never block on one of the three pipes while another waits. */
#include "lab/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 20 /* has it ended though somebody else holds its pipes? */

enum { IN, OUT, ERR, PIPES };

struct state {
	struct ds_rig *rig;
	struct ds_talk *talk;
	int program;
	int ours[PIPES]; /* -1: closed */
	size_t written;
	size_t room;
	size_t said;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool keep(struct state *state, const char *text, size_t size)
{
	struct ds_talk *talk = state->talk;

	if (size > talk->limit - talk->output_size)
		size = talk->limit - talk->output_size;
	if (talk->output_size + size + 1 > state->room) {
		size_t room = 2 * state->room + size + 1;
		char *larger = realloc(talk->output, room);
		if (!larger)
			return false;
		talk->output = larger;
		state->room = room;
	}
	memcpy(talk->output + talk->output_size, text, size);
	talk->output_size += size;
	talk->output[talk->output_size] = '\0';
	return true;
}

static void keep_said(struct state *state, const char *text, size_t size)
{
	size_t left = sizeof(state->talk->said) - 1 - state->said;

	if (size > left)
		size = left;
	memcpy(state->talk->said + state->said, text, size);
	state->said += size;
}

/* False without memory. */
static bool read_pipe(struct state *state, int which)
{
	char text[16384];
	ssize_t length = read(state->ours[which], text, sizeof(text));

	if (length == 0 || (length < 0 && errno != EINTR && errno != EAGAIN))
		shut(&state->ours[which]);
	else if (length > 0 && which == OUT)
		return keep(state, text, (size_t)length);
	else if (length > 0)
		keep_said(state, text, (size_t)length);
	return true;
}

static void write_pipe(struct state *state)
{
	const struct ds_talk *talk = state->talk;
	ssize_t length = write(state->ours[IN], (const char *)talk->input + state->written,
			       talk->input_size - state->written);

	if (length > 0)
		state->written += (size_t)length;
	if (state->written == talk->input_size || (length < 0 && errno != EINTR && errno != EAGAIN))
		shut(&state->ours[IN]); /* it does not want to hear the rest: it will say why */
}

/* One round, of at most so long: how many pipes had something, -ENOMEM. */
static int exchange(struct state *state, int ms)
{
	struct pollfd fds[PIPES];
	int count;

	for (int i = 0; i < PIPES; i++)
		fds[i] =
			(struct pollfd){.fd = state->ours[i], .events = i == IN ? POLLOUT : POLLIN};
	count = poll(fds, PIPES, ms);
	if (count <= 0)
		return 0;
	if (fds[IN].revents != 0)
		write_pipe(state);
	for (int i = OUT; i < PIPES; i++) {
		if (fds[i].revents != 0 && !read_pipe(state, i))
			return -ENOMEM;
	}
	return count;
}

static int converse(struct state *state)
{
	int64_t until_ms = now_ms() + state->talk->timeout_ms;
	int count = 0;

	while (count >= 0 && !ds_rig_ended(state->rig, state->program)) {
		bool deaf_and_mute = state->ours[OUT] < 0 && state->ours[ERR] < 0;
		count = exchange(state, deaf_and_mute ? 1 : LOOK_MS);
		if (ds_rig_signal() != 0 && !state->talk->deaf)
			return -EINTR;
		if (now_ms() >= until_ms)
			return -ETIMEDOUT;
	}
	/* What stands in the pipes now, and not what somebody to whom it left them may write. */
	shut(&state->ours[IN]);
	while (count >= 0 && (count = exchange(state, 0)) > 0)
		;
	return count;
}

static int begin(struct state *state, int host, char why[DS_RIG_WHY])
{
	int pipes[PIPES][2];
	int made = 0;

	while (made < PIPES && pipe2(pipes[made], O_CLOEXEC) == 0)
		made++;
	if (made < PIPES) {
		int error = errno;
		snprintf(why, DS_RIG_WHY, "cannot make a pipe: %s", strerror(error));
		while (made-- > 0) {
			close(pipes[made][0]);
			close(pipes[made][1]);
		}
		return -error;
	}
	const struct ds_rig_job job = {.argv = state->talk->argv,
				       .directory = state->talk->directory,
				       .input_fd = pipes[IN][0],
				       .output_fd = pipes[OUT][1],
				       .error_fd = pipes[ERR][1]};
	state->program = ds_rig_start_job(state->rig, host, &job, why);
	close(pipes[IN][0]);
	close(pipes[OUT][1]);
	close(pipes[ERR][1]);
	state->ours[IN] = pipes[IN][1];
	state->ours[OUT] = pipes[OUT][0];
	state->ours[ERR] = pipes[ERR][0];
	for (int i = 0; i < PIPES; i++)
		fcntl(state->ours[i], F_SETFL, fcntl(state->ours[i], F_GETFL) | O_NONBLOCK);
	return state->program;
}

static int result(struct state *state, int error, char why[DS_RIG_WHY])
{
	int status;

	(void)ds_rig_stop(state->rig, state->program, state->talk->deaf ? 0 : 500);
	status = state->rig->programs[state->program].status;
	ds_rig_forget(state->rig, state->program);
	state->talk->said[strcspn(state->talk->said, "\n")] = '\0';
	if (error == -ETIMEDOUT)
		snprintf(why, DS_RIG_WHY, "%s: no end within %d ms", state->talk->argv[0],
			 state->talk->timeout_ms);
	else if (error != 0)
		snprintf(why, DS_RIG_WHY, "%s: %s", state->talk->argv[0], strerror(-error));
	if (error != 0)
		return error;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int ds_talk(struct ds_rig *rig, int host, struct ds_talk *talk, char why[DS_RIG_WHY])
{
	struct state state = {.rig = rig, .talk = talk, .ours = {-1, -1, -1}};
	int error;

	talk->output = NULL;
	talk->output_size = 0;
	talk->said[0] = '\0';
	memset(talk->said, 0, sizeof(talk->said));
	error = begin(&state, host, why);
	if (error < 0 && state.ours[IN] < 0)
		return error;
	if (error >= 0) {
		if (talk->input_size == 0)
			shut(&state.ours[IN]);
		error = keep(&state, "", 0) ? converse(&state) : -ENOMEM;
		error = result(&state, error, why);
	}
	for (int i = 0; i < PIPES; i++)
		shut(&state.ours[i]);
	return error;
}
