/* uml_orders: what the guests of the rig uml are told, and the programs that run there; see uml.h.
 * It must never wait for an answer without a limit.
 *
 * An order is a file in the host's folder, which guest and lab both see; its number goes to the
 * guest's console, and its status comes as a file (lab/bed/init/common.sh). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/uml.h"

#define STEP_MS	    2
#define KILLED_MS   3000
#define NO_CLOCK    "setpriv --bounding-set -sys_time --inh-caps -sys_time"
#define SCRIPT_ROOM 4096

/* A script for bash in the guest. Returns its number, or a negative errno. */
int ds_uml_give_order(struct ds_place *place, int host, const char *script, char why[DS_LAB_WHY])
{
	struct ds_uml_host *h = &ds_uml_own(place)->host[host];
	char name[32], line[16];
	int error = ds_uml_check_host(place, host, why);

	if (error != 0)
		return error;
	snprintf(name, sizeof(name), "tell-%d", h->next);
	error = ds_place_files_put(place, host, name, script, strlen(script), false, why);
	if (error != 0)
		return error;
	int length = snprintf(line, sizeof(line), "%d\n", h->next);
	if (write(h->orders_fd, line, (size_t)length) != length)
		return ds_uml_refuse(why, EIO, "its console takes no orders");
	return h->next++;
}

/* The file NAME of the order, or "". Returns its length. */
static size_t answer_of(struct ds_place *place, int host, int order, const char *what, char *text,
			size_t size)
{
	char name[48], why[DS_LAB_WHY];
	char *all = NULL;
	size_t length = 0;

	snprintf(name, sizeof(name), "tell-%d%s", order, what);
	(void)ds_place_files_get(place, host, name, &all, &length, why);
	length = length < size ? length : size - 1;
	if (length > 0)
		memcpy(text, all, length);
	text[length] = '\0';
	free(all);
	return length;
}

void ds_uml_forget_order(struct ds_place *place, int host, int order)
{
	static const struct {
		const char *before, *after;
	} files[] = {{"tell-", ""},    {"tell-", ".out"}, {"tell-", ".status"}, {"tell-", ".err"},
		     {"tell-", ".sh"}, {".lab/", ".sh"},  {".lab/", ".pid"},	{".lab/", ".end"}};
	char path[DS_PLACE_PATH], name[48];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(name, sizeof(name), "%s%d%s", files[i].before, order, files[i].after);
		ds_place_files_path(place, host, name, path);
		(void)unlink(path);
	}
}

int ds_uml_await_order(struct ds_place *place, int host, int order, int ms, char why[DS_LAB_WHY])
{
	char text[16];
	int error = 0;

	for (int waited = 0; error == 0; waited += STEP_MS) {
		if (answer_of(place, host, order, ".status", text, sizeof(text)) > 0)
			return (int)strtol(text, NULL, 10);
		if (waited >= ms)
			return ds_uml_refuse(why, ETIMEDOUT, "no answer within %d ms", ms);
		if (ds_rig_wait(STEP_MS) != 0)
			return ds_uml_refuse(why, EINTR, "interrupted");
		error = ds_uml_check_host(place, host, why);
	}
	return error;
}

int ds_uml_ask(struct ds_place *place, int host, const char *line, int timeout_ms, char *output,
	       size_t size, char why[DS_LAB_WHY])
{
	char script[SCRIPT_ROOM], name[32], said[DS_LAB_WHY];
	int number = ds_uml_own(place)->host[host].next;

	snprintf(name, sizeof(name), "tell-%d.sh", number);
	int error = ds_place_files_put(place, host, name, line, strlen(line), false, why);
	if (error != 0)
		return error;
	/* Ours is the shorter limit; the guest's is for a command that we gave up. */
	snprintf(script, sizeof(script),
		 "cd '%s' || exit 126\nexec timeout %d " NO_CLOCK " sh ./%s 2>tell-%d.err\n",
		 place->directory[host], timeout_ms / 1000 + 1, name, number);
	int order = ds_uml_give_order(place, host, script, why);
	if (order < 0)
		return order;
	int status = ds_uml_await_order(place, host, order, timeout_ms, why);
	if (size > 0)
		(void)answer_of(place, host, order, ".out", output, size);
	if (status >= 0) {
		(void)answer_of(place, host, order, ".err", said, sizeof(said));
		said[strcspn(said, "\n")] = '\0';
		memcpy(why, said, sizeof(said));
		ds_uml_forget_order(place, host, order);
	}
	return status;
}

/* ---- programs ---- */

/* A program is a session, so that what it started ends with it. Its number, .lab/N.pid while it
 * runs and .lab/N.end with its status afterwards. */
int ds_uml_start(struct ds_place *place, struct ds_place_program *program, const char *line,
		 const char *output, char why[DS_LAB_WHY])
{
	int host = program->host, number = ds_uml_own(place)->host[host].next;
	char script[SCRIPT_ROOM], name[32], path[DS_PLACE_PATH];

	snprintf(name, sizeof(name), ".lab/%d.sh", number);
	int error = ds_place_files_put(place, host, name, line, strlen(line), false, why);
	ds_place_files_path(place, host, output, path);
	if (error != 0)
		return error;
	error = ds_place_files_folders(path);
	if (error != 0)
		return ds_uml_refuse(why, -error, "%.200s: %s", path, strerror(-error));
	snprintf(script, sizeof(script),
		 "cd '%s' || exit 126\n"
		 "n=.lab/%d\n"
		 "{\n"
		 "	setsid " NO_CLOCK " sh ./$n.sh >>'%s' 2>&1 </dev/null &\n"
		 "	echo $! >$n.pid\n"
		 "	wait $!\n"
		 "	echo $? >$n.new\n"
		 "	mv $n.new $n.end\n"
		 "} >/dev/null 2>&1 &\n",
		 place->directory[host], number, output);
	program->slot = ds_uml_give_order(place, host, script, why);
	return program->slot < 0 ? program->slot : 0;
}

static void note_ending(struct ds_place_program *program, int status)
{
	program->ended = true;
	if (status > 128 && status < 128 + 65)
		snprintf(program->how, sizeof(program->how), "was ended by signal %d (%.32s)",
			 status - 128, strsignal(status - 128));
	else
		snprintf(program->how, sizeof(program->how), "ended with status %d", status);
}

int ds_uml_look(struct ds_place *place, struct ds_place_program *program, char why[DS_LAB_WHY])
{
	char name[32];
	char *text = NULL;
	size_t size = 0;

	snprintf(name, sizeof(name), ".lab/%d.end", program->slot);
	int error = ds_place_files_get(place, program->host, name, &text, &size, why);
	if (error == 0 && size > 0)
		note_ending(program, (int)strtol(text, NULL, 10));
	free(text);
	if (program->ended)
		ds_uml_forget_order(place, program->host, program->slot);
	return program->ended ? 0 : ds_uml_check_host(place, program->host, why);
}

static void signal_program(struct ds_place *place, const struct ds_place_program *program,
			   const char *signal_name)
{
	char script[SCRIPT_ROOM], why[DS_LAB_WHY];

	snprintf(script, sizeof(script),
		 "cd '%s' || exit 126\n"
		 "for i in 1 2 3 4 5 6 7 8 9; do\n"
		 "	[ ! -s .lab/%d.pid ] || break\n"
		 "	sleep 0.1\n"
		 "done\n"
		 "kill -s %s -- -$(cat .lab/%d.pid)\n",
		 place->directory[program->host], program->slot, signal_name, program->slot);
	(void)ds_uml_give_order(place, program->host, script, why);
}

void ds_uml_ask_to_end(struct ds_place *place, struct ds_place_program *program)
{
	signal_program(place, program, "TERM");
}

static bool await_program(struct ds_place *place, struct ds_place_program *program, int ms)
{
	char why[DS_LAB_WHY];

	for (int waited = 0;; waited += STEP_MS) {
		if (ds_uml_look(place, program, why) != 0) {
			snprintf(program->how, sizeof(program->how), "went with its host");
			program->ended = true;
		}
		if (program->ended || waited >= ms)
			return program->ended;
		ds_uml_pause_ms(STEP_MS);
	}
}

void ds_uml_stop(struct ds_place *place, struct ds_place_program *program, int grace_ms)
{
	char why[DS_LAB_WHY];

	if (ds_uml_look(place, program, why) == 0 && program->ended)
		return;
	signal_program(place, program, "TERM");
	if (await_program(place, program, grace_ms))
		return;
	signal_program(place, program, "KILL");
	if (!await_program(place, program, KILLED_MS))
		snprintf(program->how, sizeof(program->how), "does not end");
}
