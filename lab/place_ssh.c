/* place_ssh: the rig remote: hosts over ssh, by the system's client. One connection a host, which
 * all that is done there shares; its first session is the keeper (remote_keeper.sh), which starts
 * programs and removes all when the connection ends. It must never trust a host to be there still:
 * a keeper that has ended is a host that is gone.
 *
 * What goes to a host goes as the standard input of a sh, so that no login shell has to understand
 * a quote. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lab/place_rig.h"
#include "lab/remote_keeper.h"
#include "lab/talk.h"
#include "os/address.h"

#define FIRST_PORT  11230 /* and the mode */
#define OPEN_MS	    20000 /* to log in everywhere */
#define ASK_MS	    10000 /* for what should take no time */
#define PROBE_MS    3000  /* is it there at all? */
#define BEAT_S	    2	  /* the keeper waits for 6 */
#define WORDS	    64
#define SCRIPT_ROOM 4096
/* The first so many bytes of standard input are a script; no login shell minds these words. */
#define RUN_STDIN     "exec sh -c 'eval \"$(dd bs=1 count=%zu 2>/dev/null)\"'"
#define NO_CLOCK      "setpriv --bounding-set -sys_time --inh-caps -sys_time"
#define NO_FILE	      44	 /* exit status of ours */
#define SOCKET_ROOM   (108 - 24) /* ssh adds 17 characters while it makes one */
#define STALE_S	      3		 /* a pulse that is older is none */
#define PPS_WITHIN_NS 1000.0	 /* what an interrupt's stamp is good for */

struct remote_host {
	int keeper;    /* the rig's program; -1 */
	int orders_fd; /* its standard input; -1 */
	off_t heard;   /* of its standard output */
	bool port_123;
	bool has_setpriv; /* what takes away the right to set the clock */
	char interface[DS_LAB_NAME];
	char broadcast[64];
	char gone[DS_LAB_WHY]; /* why; empty: it is there */
};

struct remote {
	struct remote_host host[DS_LAB_HOSTS];
	int beater; /* -1 */
	int next;   /* number of the next program */
};

static struct remote *own(const struct ds_place *place)
{
	return place->own;
}

__attribute__((format(printf, 3, 4))) static int refuse(char why[DS_LAB_WHY], int error,
							const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, DS_LAB_WHY, format, arguments);
	va_end(arguments);
	return -error;
}

static void file_of(const struct ds_place *place, const char *what, int host,
		    char path[DS_LAB_PATH])
{
	snprintf(path, DS_LAB_PATH, "%s/%s%d", place->rig.directory, what, host);
}

/* Words for ssh: the options that are ours go first, as the first one given counts. words[] points
 * into text. `command` NULL: none. */
static void make_words(const struct ds_place *place, int host, bool master, const char *command,
		       char text[DS_LAB_PATH], char control[DS_LAB_PATH], const char *words[WORDS])
{
	static const char *const shared[] = {"ssh", "-T",
					     "-o",  "BatchMode=yes",
					     "-o",  "ConnectTimeout=5",
					     "-o",  "ServerAliveInterval=2",
					     "-o",  "ServerAliveCountMax=2",
					     "-o",  "ClearAllForwardings=yes",
					     "-o",  "PermitLocalCommand=no",
					     "-o",  "ForwardAgent=no",
					     "-o",  "RequestTTY=no",
					     "-o",  "ControlPersist=no"};
	int count = sizeof(shared) / sizeof(shared[0]);
	char *rest;

	memcpy(words, shared, sizeof(shared));
	words[count++] = "-o";
	words[count++] = master ? "ControlMaster=yes" : "ControlMaster=no";
	/* INFO: that the server does not answer any more. */
	words[count++] = "-o";
	words[count++] = master ? "LogLevel=INFO" : "LogLevel=ERROR";
	if (!master) { /* by the connection that there is, and never by another */
		words[count++] = "-o";
		words[count++] = "ProxyCommand=exit 1";
	}
	snprintf(control, DS_LAB_PATH, "ControlPath=%s/c%d", place->rig.directory, host);
	words[count++] = "-o";
	words[count++] = control;
	snprintf(text, DS_LAB_PATH, "%s", place->plan.host[host].ssh);
	for (char *word = strtok_r(text, " \t", &rest); word && count < WORDS - 2;
	     word = strtok_r(NULL, " \t", &rest))
		words[count++] = word;
	if (command)
		words[count++] = command;
	words[count] = NULL;
}

/* The last line of a file that says something. */
static void last_line(const char *path, char text[DS_RIG_WHY])
{
	char line[DS_RIG_WHY];
	FILE *file = fopen(path, "re");

	text[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] != '\0')
			memcpy(text, line, sizeof(line));
	}
	if (file)
		fclose(file);
}

/* Has the host gone? Then -ENOTCONN, and why. */
static int check_host(struct ds_place *place, int host, char why[DS_LAB_WHY])
{
	struct remote_host *h = &own(place)->host[host];
	char path[DS_LAB_PATH], said[DS_RIG_WHY], how[64];

	if (h->gone[0] == '\0' && !ds_rig_ended(&place->rig, h->keeper))
		return 0;
	if (h->gone[0] == '\0') {
		file_of(place, "errors", host, path);
		last_line(path, said);
		if (said[0] == '\0')
			snprintf(said, sizeof(said), "its connection %s",
				 ds_rig_ending(&place->rig, h->keeper, how));
		snprintf(h->gone, sizeof(h->gone), "the host is gone: %.220s", said);
	}
	return refuse(why, ENOTCONN, "%s", h->gone);
}

/* Put a text between quotes for sh. False where there is no room. */
static bool quote(char *out, size_t size, const char *text)
{
	size_t at = 0;

	if (size < 3)
		return false;
	out[at++] = '\'';
	for (; *text != '\0' && at + 6 < size; text++) {
		if (*text == '\'') {
			memcpy(out + at, "'\\''", 4);
			at += 4;
		} else {
			out[at++] = *text;
		}
	}
	out[at++] = '\'';
	out[at] = '\0';
	return *text == '\0';
}

/* Run a script there, and hand `data` to it as its standard input. talk's timeout, limit and deaf
 * are the caller's; returns as ds_talk(), or -ENOTCONN. */
static int run_there(struct ds_place *place, int host, const char *script, const void *data,
		     size_t size, struct ds_talk *talk, char why[DS_LAB_WHY])
{
	char command[128], outer[256], text[DS_LAB_PATH], control[DS_LAB_PATH];
	const char *words[WORDS];
	/* timeout: should we be gone before it ends. It is not the last command, as ssh has no
	 * status for what a signal ended. */
	size_t length = (size_t)snprintf(
		outer, sizeof(outer),
		"timeout %d %ssh -c \"$(dd bs=1 count=%zu 2>/dev/null)\"; exit $?\n",
		talk->timeout_ms / 1000 + 2, own(place)->host[host].has_setpriv ? NO_CLOCK " " : "",
		strlen(script));
	char *input = malloc(length + strlen(script) + size + 1);
	int status = check_host(place, host, why);

	if (status != 0 || !input) {
		free(input);
		return status != 0 ? status : refuse(why, ENOMEM, "no memory");
	}
	snprintf(command, sizeof(command), RUN_STDIN, length);
	memcpy(input, outer, length);
	stpcpy(input + length, script);
	length += strlen(script);
	if (size > 0)
		memcpy(input + length, data, size);
	make_words(place, host, false, command, text, control, words);
	talk->argv = words;
	talk->input = input;
	talk->input_size = length + size;
	status = ds_talk(&place->rig, 0, talk, why);
	free(input);
	return status;
}

/* ds_talk() failed, or ssh did: because the host is gone? */
static int explain(struct ds_place *place, int host, int status, const struct ds_talk *talk,
		   char why[DS_LAB_WHY])
{
	struct ds_talk probe = {.timeout_ms = PROBE_MS, .limit = 1};
	char ignored[DS_LAB_WHY];
	const struct timespec step = {0, 50000000};

	if (status != -ETIMEDOUT && status != 255)
		return status;
	int there = run_there(place, host, "exit 0", NULL, 0, &probe, ignored);
	free(probe.output);
	if (there != 0 && there != -EINTR) {
		/* It does not answer: ssh will notice. */
		for (int i = 0; i < 120 && check_host(place, host, why) == 0; i++)
			nanosleep(&step, NULL);
		if (check_host(place, host, why) != 0)
			return -ENOTCONN;
	}
	if (status == 255 && talk->said[0] != '\0')
		snprintf(why, DS_LAB_WHY, "%s", talk->said);
	return status;
}

static bool give_order(struct ds_place *place, int host, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool give_order(struct ds_place *place, int host, const char *format, ...)
{
	char line[PIPE_BUF + 1];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	return length > 0 && (size_t)length < sizeof(line) &&
	       write(own(place)->host[host].orders_fd, line, (size_t)length) == length;
}

/* The child that says every few seconds that we are there. */
static int beat(void *context)
{
	const struct ds_place *place = context;

	signal(SIGPIPE, SIG_IGN);
	do {
		for (int i = 0; i < place->plan.hosts; i++) {
			if (own(place)->host[i].orders_fd >= 0)
				(void)!write(own(place)->host[i].orders_fd, ".\n", 2);
		}
	} while (sleep(BEAT_S) == 0);
	return 0;
}

/* Log in, and start the keeper. */
static int start_keeper(struct ds_place *place, int host, char why[DS_LAB_WHY])
{
	struct remote_host *h = &own(place)->host[host];
	char command[128], text[DS_LAB_PATH], control[DS_LAB_PATH], path[DS_LAB_PATH];
	const char *words[WORDS];
	size_t size = sizeof(ds_remote_keeper) - 1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return refuse(why, errno, "cannot make a pipe: %s", strerror(errno));
	fcntl(ends[1], F_SETFL, O_NONBLOCK); /* its room is more than we ever say at once */
	h->orders_fd = ends[1];
	snprintf(command, sizeof(command), RUN_STDIN, size);
	make_words(place, host, true, command, text, control, words);
	if (strlen(control) > SOCKET_ROOM + strlen("ControlPath=")) {
		close(ends[0]);
		return refuse(why, ENAMETOOLONG,
			      "TMPDIR is too long for ssh's socket (more than %d characters)",
			      SOCKET_ROOM - 24);
	}
	struct ds_rig_job job = {.argv = words, .input_fd = ends[0]};
	file_of(place, "says", host, path);
	job.output_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	file_of(place, "errors", host, path);
	job.error_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (job.output_fd < 0 || job.error_fd < 0)
		h->keeper = refuse(why, errno, "%s: %s", path, strerror(errno));
	else
		h->keeper = ds_rig_start_job(&place->rig, 0, &job, why);
	close(ends[0]);
	if (job.output_fd >= 0)
		close(job.output_fd);
	if (job.error_fd >= 0)
		close(job.error_fd);
	if (h->keeper < 0)
		return h->keeper;
	return write(h->orders_fd, ds_remote_keeper, size) == (ssize_t)size
		       ? 0
		       : refuse(why, EIO, "cannot write to ssh");
}

static void note_end(struct ds_place *place, int host, int slot, int status)
{
	for (int i = 0; i < place->program_count; i++) {
		struct ds_place_program *p = &place->programs[i];
		if (p->host != host || p->slot != slot || p->ended)
			continue;
		p->ended = true;
		if (status > 128 && status < 128 + 65)
			snprintf(p->how, sizeof(p->how), "was ended by signal %d (%.32s)",
				 status - 128, strsignal(status - 128));
		else
			snprintf(p->how, sizeof(p->how), "ended with status %d", status);
	}
}

/* What the keeper has said since, whole lines only. */
static void listen_to(struct ds_place *place, int host)
{
	struct remote_host *h = &own(place)->host[host];
	char path[DS_LAB_PATH], line[2 * DS_LAB_PATH];
	int slot, status;
	FILE *file;

	file_of(place, "says", host, path);
	file = fopen(path, "re");
	if (!file || fseeko(file, h->heard, SEEK_SET) != 0) {
		if (file)
			fclose(file);
		return;
	}
	while (fgets(line, sizeof(line), file) && strchr(line, '\n')) {
		h->heard = ftello(file);
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "directory /", 11) == 0 && strlen(line + 10) < DS_LAB_PATH)
			snprintf(place->directory[host], DS_LAB_PATH, "%s", line + 10);
		else if (sscanf(line, "ended %d %d", &slot, &status) == 2)
			note_end(place, host, slot, status);
	}
	fclose(file);
}

static int await_keeper(struct ds_place *place, int host, int *left_ms, char why[DS_LAB_WHY])
{
	char path[DS_LAB_PATH];

	for (; place->directory[host][0] == '\0'; *left_ms -= 10) {
		listen_to(place, host);
		if (place->directory[host][0] != '\0')
			break;
		if (ds_rig_ended(&place->rig, own(place)->host[host].keeper)) {
			file_of(place, "errors", host, path);
			last_line(path, why);
			if (why[0] == '\0')
				snprintf(why, DS_LAB_WHY, "ssh ended without a word");
			return -ENOTCONN;
		}
		if (*left_ms <= 0)
			return refuse(why, ETIMEDOUT, "no login by ssh within %d s",
				      OPEN_MS / 1000);
		if (ds_rig_wait(10) != 0)
			return refuse(why, EINTR, "a signal came");
	}
	return 0;
}

/* A line of `ip -o -4 address` that has the host's address: the interface, and its broadcast. */
static void learn_interface(struct remote_host *h, const char *line, const char *address)
{
	char interface[DS_LAB_NAME], inet[80], broadcast[64] = "";
	size_t length = strlen(address);

	if (sscanf(line, "%*d: %31s inet %79s brd %63s", interface, inet, broadcast) < 2 ||
	    strncmp(inet, address, length) != 0 || inet[length] != '/')
		return;
	if (h->interface[0] == '\0')
		snprintf(h->interface, sizeof(h->interface), "%s", interface);
	snprintf(h->broadcast, sizeof(h->broadcast), "%s", broadcast);
}

/* Is there a place at port 123, and what can be known of its interface. */
static int survey(struct ds_place *place, int host, char why[DS_LAB_WHY])
{
	static const char script[] = "for f in /proc/net/udp /proc/net/udp6; do\n"
				     "	[ -r $f ] && while read -r number local more; do\n"
				     "		case $local in *:007B) echo taken ;; esac\n"
				     "	done <$f\n"
				     "done\n"
				     "[ \"$(id -u)\" = 0 ] || echo taken\n" NO_CLOCK
				     " true 2>/dev/null && echo setpriv\n"
				     "PATH=$PATH:/sbin:/usr/sbin; ip -o -4 address 2>/dev/null\n"
				     "exit 0\n";
	struct remote_host *h = &own(place)->host[host];
	const struct ds_lab_host *asked = &place->plan.host[host];
	struct ds_talk talk = {.timeout_ms = ASK_MS, .limit = 1 << 16};
	char *rest;
	int status = run_there(place, host, script, NULL, 0, &talk, why);

	status = explain(place, host, status, &talk, why);
	snprintf(h->interface, sizeof(h->interface), "%s", asked->interface);
	h->port_123 = true;
	for (char *line = talk.output ? strtok_r(talk.output, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (strcmp(line, "taken") == 0)
			h->port_123 = false;
		else if (strcmp(line, "setpriv") == 0)
			h->has_setpriv = true;
		else
			learn_interface(h, line, asked->address);
	}
	free(talk.output);
	if (status > 0)
		return refuse(why, EIO, "no POSIX sh with coreutils (status %d): %.150s", status,
			      talk.said);
	return status;
}

static int name_host(const struct ds_place *place, int host, int error, char why[DS_LAB_WHY])
{
	char text[DS_LAB_WHY];

	snprintf(text, sizeof(text), "%s", why);
	snprintf(why, DS_LAB_WHY, "%s: %.200s", place->plan.host[host].name, text);
	return error;
}

static int log_in(struct ds_place *place, char why[DS_LAB_WHY])
{
	const struct ds_rig_job beating = {.run = beat, .context = place};
	int left_ms = OPEN_MS;
	int error;

	for (int i = 0; i < place->plan.hosts; i++) { /* all at the same time */
		error = start_keeper(place, i, why);
		if (error < 0)
			return name_host(place, i, error, why);
	}
	own(place)->beater = ds_rig_start_job(&place->rig, 0, &beating, why);
	if (own(place)->beater < 0)
		return own(place)->beater;
	for (int i = 0; i < place->plan.hosts; i++) {
		error = await_keeper(place, i, &left_ms, why);
		if (error == 0)
			error = survey(place, i, why);
		if (error != 0)
			return name_host(place, i, error, why);
	}
	return 0;
}

static int ssh_open(struct ds_place *place, char why[DS_LAB_WHY])
{
	struct remote *remote = calloc(1, sizeof(*remote));
	size_t used;
	int error;

	if (!remote)
		return refuse(why, ENOMEM, "no memory");
	place->own = remote;
	remote->beater = -1;
	for (int i = 0; i < DS_LAB_HOSTS; i++)
		remote->host[i].keeper = remote->host[i].orders_fd = -1;
	error = ds_rig_open(&place->rig, 1, true, why);
	if (error == 0)
		error = log_in(place, why);
	if (error != 0)
		return error;
	used = (size_t)snprintf(place->says, sizeof(place->says),
				"%d hosts over ssh:", place->plan.hosts);
	for (int i = 0; i < place->plan.hosts && used < sizeof(place->says); i++)
		used += (size_t)snprintf(place->says + used, sizeof(place->says) - used,
					 "%s %s (%s)", i > 0 ? "," : "", place->plan.host[i].name,
					 place->plan.host[i].address);
	return 0;
}

/* The keepers clean up; we wait for them to say so. */
static void ssh_close(struct ds_place *place)
{
	struct remote *remote = own(place);
	const struct timespec step = {0, 10000000};
	int left = 500;

	if (!remote)
		return;
	if (remote->beater >= 0) /* it holds the other ends of what we close */
		(void)ds_rig_stop(&place->rig, remote->beater, 0);
	for (int i = 0; i < place->plan.hosts; i++) {
		if (remote->host[i].orders_fd < 0)
			continue;
		(void)give_order(place, i, "end\n");
		close(remote->host[i].orders_fd);
	}
	for (int i = 0; i < place->plan.hosts; i++) {
		while (remote->host[i].keeper >= 0 && left > 0 &&
		       !ds_rig_ended(&place->rig, remote->host[i].keeper)) {
			nanosleep(&step, NULL);
			left--;
		}
	}
	ds_rig_close(&place->rig);
	free(remote);
	place->own = NULL;
}

static void ssh_endpoint(const struct ds_place *place, int host, enum ds_lab_mode mode,
			 struct ds_place_endpoint *endpoint)
{
	const struct remote_host *h = &own(place)->host[host];

	snprintf(endpoint->address, sizeof(endpoint->address), "%s",
		 place->plan.host[host].address);
	snprintf(endpoint->broadcast, sizeof(endpoint->broadcast), "%s", h->broadcast);
	snprintf(endpoint->interface, sizeof(endpoint->interface), "%s", h->interface);
	endpoint->port = (uint16_t)(FIRST_PORT + mode);
	endpoint->any_port = h->port_123;
}

static int ssh_put(struct ds_place *place, int host, const char *name, const char *text,
		   size_t size, bool executable, char why[DS_LAB_WHY])
{
	char script[SCRIPT_ROOM], directory[2 * DS_LAB_PATH], quoted[2 * DS_LAB_PATH];
	/* A megabyte a second at least. */
	struct ds_talk talk = {.timeout_ms = ASK_MS + (int)(size / 1000), .limit = 1};

	if (!quote(directory, sizeof(directory), place->directory[host]) ||
	    !quote(quoted, sizeof(quoted), name))
		return refuse(why, ENAMETOOLONG, "%.200s", name);
	snprintf(script, sizeof(script),
		 "umask 077; n=%s; cd %s && mkdir -p -- \"$(dirname -- \"$n\")\" &&\n"
		 "rm -f -- \"$n\" && cat >\"$n\" && chmod %s \"$n\"\n",
		 quoted, directory, executable ? "0700" : "0600");
	int status = run_there(place, host, script, text, size, &talk, why);
	status = explain(place, host, status, &talk, why);
	free(talk.output);
	if (status > 0)
		return refuse(why, EIO, "%.100s: %.150s", name,
			      talk.said[0] != '\0' ? talk.said : "cannot be written");
	return status;
}

static int ssh_get(struct ds_place *place, int host, const char *name, char **text, size_t *size,
		   char why[DS_LAB_WHY])
{
	char script[SCRIPT_ROOM], directory[2 * DS_LAB_PATH], quoted[2 * DS_LAB_PATH];
	struct ds_talk talk = {.timeout_ms = 10 * ASK_MS, .limit = DS_PLACE_FILE_MAX};

	if (!quote(directory, sizeof(directory), place->directory[host]) ||
	    !quote(quoted, sizeof(quoted), name))
		return refuse(why, ENAMETOOLONG, "%.200s", name);
	snprintf(script, sizeof(script),
		 "n=%s; cd %s || exit 1\n[ -e \"$n\" ] || exit %d\ncat -- \"$n\"\n", quoted,
		 directory, NO_FILE);
	int status = run_there(place, host, script, NULL, 0, &talk, why);
	status = explain(place, host, status, &talk, why);
	if (status == 0) {
		*text = talk.output;
		*size = talk.output_size;
		return 0;
	}
	free(talk.output);
	if (status == NO_FILE)
		return 0;
	if (status > 0)
		return refuse(why, EIO, "%.100s: %.150s", name,
			      talk.said[0] != '\0' ? talk.said : "cannot be read");
	return status;
}

static int ssh_ask(struct ds_place *place, int host, const char *line, int timeout_ms, char *output,
		   size_t size, char why[DS_LAB_WHY])
{
	struct ds_talk talk = {.timeout_ms = timeout_ms, .limit = size > 0 ? size - 1 : 0};
	char directory[2 * DS_LAB_PATH];
	char *script = NULL;

	if (!quote(directory, sizeof(directory), place->directory[host]) ||
	    asprintf(&script, "cd %s || exit 126\n%s\n", directory, line) < 0)
		return refuse(why, ENOMEM, "no memory");
	int status = run_there(place, host, script, NULL, 0, &talk, why);
	free(script);
	status = explain(place, host, status, &talk, why);
	if (size > 0 && talk.output)
		memcpy(output, talk.output, talk.output_size + 1);
	if (status >= 0)
		snprintf(why, DS_LAB_WHY, "%s", talk.said);
	free(talk.output);
	return status;
}

static int ssh_start(struct ds_place *place, struct ds_place_program *program, const char *line,
		     const char *output, char why[DS_LAB_WHY])
{
	int lines = 1;
	int error = check_host(place, program->host, why);

	if (error != 0)
		return error;
	/* The keeper reads words, and lines. */
	if (strpbrk(output, " \t\n\\"))
		return refuse(why, EINVAL, "\"%.200s\": no blanks in the name of an output",
			      output);
	for (const char *end = strchr(line, '\n'); end; end = strchr(end + 1, '\n'))
		lines++;
	program->slot = own(place)->next++;
	if (!give_order(place, program->host, "start %d %d %s\n%s\n", program->slot, lines, output,
			line))
		return refuse(why, E2BIG, "a line of more than about %d characters cannot be sent",
			      PIPE_BUF - DS_LAB_PATH);
	return 0;
}

static int ssh_look(struct ds_place *place, struct ds_place_program *program, char why[DS_LAB_WHY])
{
	listen_to(place, program->host);
	return program->ended ? 0 : check_host(place, program->host, why);
}

static bool await_program(struct ds_place *place, struct ds_place_program *program, int ms)
{
	const struct timespec step = {0, 10000000};
	char why[DS_LAB_WHY];

	for (;; ms -= 10) {
		if (ssh_look(place, program, why) != 0) {
			snprintf(program->how, sizeof(program->how), "went with its host");
			program->ended = true;
		}
		if (program->ended || ms <= 0)
			return program->ended;
		nanosleep(&step, NULL);
	}
}

static void ssh_ask_to_end(struct ds_place *place, struct ds_place_program *program)
{
	(void)give_order(place, program->host, "stop %d\n", program->slot);
}

static void ssh_stop(struct ds_place *place, struct ds_place_program *program, int grace_ms)
{
	ssh_ask_to_end(place, program);
	if (await_program(place, program, grace_ms))
		return;
	(void)give_order(place, program->host, "kill %d\n", program->slot);
	if (!await_program(place, program, PROBE_MS))
		snprintf(program->how, sizeof(program->how), "does not end");
}

/* sysfs: "SECONDS.NANOSECONDS#NUMBER", of the last pulse, by the host's clock. A pulse is at a
 * whole second of true time, so that what is left of one is error. */
static bool ssh_clock_error(struct ds_place *place, int host, double *error_ns, double *within_ns)
{
	const char *pps = place->plan.host[host].pps;
	char line[2 * DS_LAB_PATH + 32], quoted[2 * DS_LAB_PATH], output[128], why[DS_LAB_WHY];
	long long second, now;
	long ns;

	if (pps[0] == '\0' || !quote(quoted, sizeof(quoted), pps))
		return false;
	snprintf(line, sizeof(line), "cat -- %s && date +%%s", quoted);
	if (ssh_ask(place, host, line, ASK_MS, output, sizeof(output), why) != 0 ||
	    sscanf(output, "%lld.%9ld#%*d %lld", &second, &ns, &now) != 3 || ns < 0 ||
	    ns > 999999999 || now - second > STALE_S || second > now + 1)
		return false;
	*error_ns = ns < 500000000 ? (double)ns : (double)(ns - 1000000000);
	*within_ns = PPS_WITHIN_NS;
	return true;
}

static bool ssh_ways(const struct ds_place *place, int host, struct ds_place_way ways[2])
{
	(void)place;
	(void)host;
	ways[0].carried = ways[1].carried = 0;
	return false; /* links are what they are */
}

const struct ds_place_rig ds_place_ssh = {
	.open = ssh_open,
	.close = ssh_close,
	.endpoint = ssh_endpoint,
	.put = ssh_put,
	.get = ssh_get,
	.ask = ssh_ask,
	.start = ssh_start,
	.look = ssh_look,
	.ask_to_end = ssh_ask_to_end,
	.stop = ssh_stop,
	.clock_error = ssh_clock_error,
	.ways = ssh_ways,
};
