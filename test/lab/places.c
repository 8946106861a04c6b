/*
 * places: a rig, and what is to be done in it, line by line: for tests of lab/place.
 * It must never do more than it is told: what is left behind is the rig's doing.
 *
 * usage: places netns|loopback|remote=LAB.CONF HOSTS [keep=DIR]
 *        [load=HOST,cpu|net|both] [link=HOST,OUT_US,IN_US,JITTER_US,LOSS_PERCENT]... <COMMANDS
 *   describe | directory HOST | endpoint HOST MODE | clock HOST | ways HOST | load HOST
 *   put HOST NAME TEXT | script HOST NAME TEXT | copy HOST NAME FROM | get HOST NAME
 *   ask HOST MS LINE | start HOST OUTPUT LINE (\n: a new one) | look N | stop N MS | wait MS
 * Each is answered by one line; texts of files by themselves. Ends at the end of its input, or
 * when a signal comes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/labconf.h"
#include "lab/load.h"
#include "lab/place.h"
#include "lab/rig.h"

static struct ds_place *place;
static struct ds_lab_plan plan;

/* The next word of *line, cut off; "" if there is none. */
static char *word(char **line)
{
	char *begin = *line + strspn(*line, " ");
	char *end = begin + strcspn(begin, " ");

	*line = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return begin;
}

static void say(int result, const char *text)
{
	if (result < 0)
		printf("error %d %s\n", -result, text);
	else
		printf("%d %s\n", result, text);
}

static int host_of(char **line)
{
	int host = atoi(word(line));

	return host >= 0 && host < plan.hosts ? host : 0;
}

static void do_file(const char *verb, char *line)
{
	int host = host_of(&line);
	const char *name = word(&line);
	char why[DS_LAB_WHY] = "";
	char *text;
	size_t size;

	if (strcmp(verb, "get") == 0) {
		int error = ds_place_get(place, host, name, &text, &size, why);
		if (error == 0)
			printf("%zu %.*s\n", size, (int)size, text ? text : "");
		else
			say(error, why);
		free(text);
	} else if (strcmp(verb, "copy") == 0) {
		say(ds_place_copy(place, host, name, line, false, why), why);
	} else {
		say(ds_place_put(place, host, name, line, strlen(line), verb[0] == 's', why), why);
	}
}

/* "\\n" to the end of a line. */
static void unescape(char *line)
{
	for (char *at = strstr(line, "\\n"); at; at = strstr(at, "\\n")) {
		*at++ = '\n';
		memmove(at, at + 1, strlen(at));
	}
}

static void do_program(const char *verb, char *line)
{
	char why[DS_LAB_WHY] = "", output[4096];
	int number = atoi(word(&line));

	if (strcmp(verb, "ask") == 0) {
		int ms = atoi(word(&line));
		int status = ds_place_ask(place, number, line, ms, output, sizeof(output), why);
		output[strcspn(output, "\n")] = '\0';
		say(status, status >= 0 && output[0] != '\0' ? output : why);
	} else if (strcmp(verb, "start") == 0) {
		const char *name = word(&line);
		unescape(line);
		say(ds_place_start(place, number, line, name, why), why);
	} else if (strcmp(verb, "look") == 0) {
		int ended = ds_place_look(place, number, why);
		say(ended, why);
	} else {
		ds_place_stop(place, number, atoi(word(&line)));
		int ended = ds_place_look(place, number, why);
		say(ended, why);
	}
}

/* Starts them: "N NUMBER...". */
static void do_load(int host)
{
	char lines[DS_LOAD_LINES][DS_LOAD_LINE], why[DS_LAB_WHY];
	int count = ds_load_lines(&plan, place, host, lines);

	printf("%d", count);
	for (int i = 0; i < count; i++)
		printf(" %d", ds_place_start(place, host, lines[i], "load", why));
	puts("");
}

static void do_host(const char *verb, char *line)
{
	struct ds_place_endpoint endpoint;
	struct ds_place_way ways[2];
	double error_ns, within_ns;
	int host = host_of(&line);

	if (strcmp(verb, "ways") == 0) {
		bool there = ds_place_ways(place, host, ways);
		printf("%d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		       "\n",
		       there, ways[0].carried, ways[0].lost, ways[0].full, ways[1].carried,
		       ways[1].lost, ways[1].full);
	} else if (strcmp(verb, "directory") == 0) {
		printf("%s\n", ds_place_directory(place, host));
	} else if (strcmp(verb, "clock") == 0) {
		bool known = ds_place_clock_error(place, host, &error_ns, &within_ns);
		printf("%s %.0f %.0f\n", known ? "known" : "unknown", error_ns, within_ns);
	} else {
		ds_place_endpoint(place, host, ds_lab_mode_find(word(&line)), &endpoint);
		printf("%s %s %s %d %d\n", endpoint.address,
		       endpoint.broadcast[0] ? endpoint.broadcast : "-", endpoint.interface,
		       endpoint.port, endpoint.any_port);
	}
}

static void obey(char *line)
{
	const char *verb = word(&line);

	if (strcmp(verb, "describe") == 0)
		puts(ds_place_describe(place));
	else if (strcmp(verb, "load") == 0)
		do_load(host_of(&line));
	else if (strcmp(verb, "wait") == 0)
		printf("%d\n", ds_rig_wait(atoi(line)));
	else if (strstr("directory endpoint clock ways", verb))
		do_host(verb, line);
	else if (strstr("put script copy get", verb))
		do_file(verb, line);
	else if (strstr("ask start look stop", verb))
		do_program(verb, line);
	else
		printf("unknown %s\n", verb);
}

static bool read_arguments(int argc, char **argv)
{
	if (argc < 3)
		return false;
	plan.rig = strcmp(argv[1], "netns") == 0      ? DS_LAB_RIG_NETNS
		   : strcmp(argv[1], "loopback") == 0 ? DS_LAB_RIG_LOOPBACK
						      : DS_LAB_RIG_REMOTE;
	plan.hosts = atoi(argv[2]);
	for (int i = 0; i < plan.hosts && i < DS_LAB_HOSTS; i++)
		if (plan.rig != DS_LAB_RIG_REMOTE)
			snprintf(plan.host[i].name, DS_LAB_NAME, "host%d", i);
	for (int i = 3; i < argc; i++) {
		struct ds_lab_link link;
		int host;
		char kind;
		if (strncmp(argv[i], "keep=", 5) == 0) {
			plan.keep = true;
			snprintf(plan.directory, sizeof(plan.directory), "%s", argv[i] + 5);
		} else if (sscanf(argv[i], "load=%d,%c", &host, &kind) == 2 && host >= 0 &&
			   host < DS_LAB_HOSTS) {
			plan.host[host].load = kind == 'c'   ? DS_LAB_LOAD_CPU
					       : kind == 'n' ? DS_LAB_LOAD_NET
							     : DS_LAB_LOAD_CPU | DS_LAB_LOAD_NET;
		} else if (sscanf(argv[i], "link=%d,%lf,%lf,%lf,%lf", &host, &link.out_delay_us,
				  &link.in_delay_us, &link.jitter_us, &link.loss_percent) == 5 &&
			   host >= 0 && host < DS_LAB_HOSTS) {
			plan.link[host] = link;
		} else {
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	char why[DS_LAB_WHY] = "";
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	if (!read_arguments(argc, argv)) {
		fputs("usage: places netns|loopback|remote=FILE HOSTS [keep=DIR] [link=...]\n",
		      stderr);
		return 2;
	}
	if (plan.rig == DS_LAB_RIG_REMOTE && ds_labconf_read(&plan, argv[1] + 7, why) != 0) {
		puts(why);
		return 1;
	}
	int error = ds_place_open(&place, &plan, why);
	if (error != 0) {
		say(error, why);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (ds_rig_signal() == 0 && (length = getline(&line, &room, stdin)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		obey(line);
	}
	free(line);
	ds_place_close(place);
	return 0;
}
