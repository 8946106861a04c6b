/* place: see the header. What all rigs have in common; it must never ask which rig it is but to
 * find its table. */
#include "lab/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/place_rig.h"

static struct ds_place *open_place;

static void close_at_exit(void)
{
	ds_place_close(open_place);
}

static int refuse(char why[DS_LAB_WHY], int error, const char *what)
{
	snprintf(why, DS_LAB_WHY, "%s: %s", what, strerror(error));
	return -error;
}

/* Errors of a rig, with the host's name before them. */
static int named(const struct ds_place *place, int host, int error, char why[DS_LAB_WHY])
{
	char text[DS_LAB_WHY];
	const char *name = place->plan.host[host].name;

	if (error >= 0 || strncmp(why, name, strlen(name)) == 0)
		return error;
	snprintf(text, sizeof(text), "%s", why);
	snprintf(why, DS_LAB_WHY, "%.*s: %.200s", DS_LAB_NAME, name, text);
	return error;
}

/* Names become names of folders, and of hosts in reports: plain, and each once. */
static int check_names(const struct ds_lab_plan *plan, char why[DS_LAB_WHY])
{
	for (int i = 0; i < plan->hosts; i++) {
		const char *name = plan->host[i].name;
		if (name[0] == '\0' || name[0] == '.' || name[0] == '-' ||
		    name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] != '\0') {
			snprintf(why, DS_LAB_WHY, "\"%.*s\" cannot be the name of a host",
				 DS_LAB_NAME, name);
			return -EINVAL;
		}
		for (int j = 0; j < i; j++) {
			if (strcmp(plan->host[j].name, name) == 0) {
				snprintf(why, DS_LAB_WHY, "two hosts are called %.*s", DS_LAB_NAME,
					 name);
				return -EINVAL;
			}
		}
	}
	return 0;
}

int ds_place_open(struct ds_place **place, const struct ds_lab_plan *plan, char why[DS_LAB_WHY])
{
	static bool registered;
	int error;

	*place = NULL;
	if (open_place)
		return refuse(why, EBUSY, "a rig is open already");
	if (plan->hosts < 1 || plan->hosts > DS_LAB_HOSTS)
		return refuse(why, EINVAL, "number of hosts");
	error = check_names(plan, why);
	if (error != 0)
		return error;
	open_place = calloc(1, sizeof(*open_place));
	if (!open_place)
		return refuse(why, ENOMEM, "the rig");
	open_place->plan = *plan;
	open_place->table = plan->rig == DS_LAB_RIG_REMOTE ? &ds_place_ssh
			    : plan->rig == DS_LAB_RIG_UML  ? &ds_place_uml
							   : &ds_place_local;
	error = open_place->table->open(open_place, why);
	/* After that of rig.c, so that ours runs before it. */
	if (error == 0 && !registered)
		registered = atexit(close_at_exit) == 0;
	if (error != 0) {
		ds_place_close(open_place);
		return error;
	}
	*place = open_place;
	return 0;
}

void ds_place_close(struct ds_place *place)
{
	if (!place)
		return;
	place->table->close(place);
	free(place->programs);
	if (open_place == place)
		open_place = NULL;
	free(place);
}

const char *ds_place_describe(const struct ds_place *place)
{
	return place->says;
}

void ds_place_endpoint(const struct ds_place *place, int host, enum ds_lab_mode mode,
		       struct ds_place_endpoint *endpoint)
{
	*endpoint = (struct ds_place_endpoint){0};
	place->table->endpoint(place, host, mode, endpoint);
}

void ds_place_link(const struct ds_place *place, int host, int other, char interface[DS_LAB_NAME])
{
	struct ds_place_endpoint endpoint;

	if (place->table->link) {
		place->table->link(place, host, other, interface);
		return;
	}
	ds_place_endpoint(place, host, DS_LAB_BASIC, &endpoint);
	memcpy(interface, endpoint.interface, DS_LAB_NAME);
}

const char *ds_place_directory(const struct ds_place *place, int host)
{
	return place->directory[host];
}

/* A name that stays below our folder. */
static int check(const char *name, char why[DS_LAB_WHY])
{
	if (name[0] != '\0' && name[0] != '/' && !strstr(name, "..") && strlen(name) < DS_LAB_PATH)
		return 0;
	snprintf(why, DS_LAB_WHY, "\"%.200s\" is no name of a file below the lab's folder", name);
	return -EINVAL;
}

int ds_place_put(struct ds_place *place, int host, const char *name, const char *text, size_t size,
		 bool executable, char why[DS_LAB_WHY])
{
	int error = check(name, why);

	if (error == 0)
		error = place->table->put(place, host, name, text, size, executable, why);
	return named(place, host, error, why);
}

int ds_place_read(int fd, char **text, size_t *size)
{
	size_t room = 1 << 16;
	ssize_t length;

	*size = 0;
	*text = malloc(room);
	while (*text && (length = read(fd, *text + *size, room - *size - 1)) != 0) {
		if (length < 0 && errno != EINTR)
			return -errno;
		*size += length > 0 ? (size_t)length : 0;
		if (*size + 1 < room)
			continue;
		char *larger = room < DS_PLACE_FILE_MAX ? realloc(*text, 2 * room) : NULL;
		if (!larger)
			return room < DS_PLACE_FILE_MAX ? -ENOMEM : -EFBIG;
		*text = larger;
		room *= 2;
	}
	if (!*text)
		return -ENOMEM;
	(*text)[*size] = '\0';
	return 0;
}

int ds_place_copy(struct ds_place *place, int host, const char *name, const char *from,
		  bool executable, char why[DS_LAB_WHY])
{
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t size = 0;
	int error;

	if (fd < 0)
		return refuse(why, errno, from);
	error = ds_place_read(fd, &text, &size);
	close(fd);
	if (error == 0)
		error = ds_place_put(place, host, name, text, size, executable, why);
	else
		(void)refuse(why, -error, from);
	free(text);
	return error;
}

int ds_place_get(struct ds_place *place, int host, const char *name, char **text, size_t *size,
		 char why[DS_LAB_WHY])
{
	int error = check(name, why);

	*text = NULL;
	*size = 0;
	if (error == 0)
		error = place->table->get(place, host, name, text, size, why);
	return named(place, host, error, why);
}

int ds_place_ask(struct ds_place *place, int host, const char *line, int timeout_ms, char *output,
		 size_t size, char why[DS_LAB_WHY])
{
	if (size > 0)
		output[0] = '\0';
	why[0] = '\0';
	return named(place, host,
		     place->table->ask(place, host, line, timeout_ms, output, size, why), why);
}

int ds_place_start(struct ds_place *place, int host, const char *line, const char *output,
		   char why[DS_LAB_WHY])
{
	struct ds_place_program program = {.host = host};
	int error = check(output, why);

	if (error == 0 && place->program_count == place->program_room) {
		int room = 2 * place->program_room + 64;
		struct ds_place_program *larger =
			realloc(place->programs, (size_t)room * sizeof(*larger));
		if (!larger)
			return refuse(why, ENOMEM, place->plan.host[host].name);
		place->programs = larger;
		place->program_room = room;
	}
	if (error == 0)
		error = place->table->start(place, &program, line, output, why);
	if (error != 0)
		return named(place, host, error, why);
	place->programs[place->program_count] = program;
	return place->program_count++;
}

int ds_place_look(struct ds_place *place, int program, char how[DS_LAB_WHY])
{
	struct ds_place_program *p = &place->programs[program];
	int error = 0;

	if (!p->ended)
		error = place->table->look(place, p, how);
	if (error != 0)
		return named(place, p->host, error, how);
	snprintf(how, DS_LAB_WHY, "%s", p->ended ? p->how : "runs");
	return p->ended;
}

void ds_place_ask_to_end(struct ds_place *place, int program)
{
	struct ds_place_program *p = &place->programs[program];

	if (!p->ended && place->table->ask_to_end)
		place->table->ask_to_end(place, p);
}

void ds_place_stop(struct ds_place *place, int program, int grace_ms)
{
	struct ds_place_program *p = &place->programs[program];

	if (!p->ended)
		place->table->stop(place, p, grace_ms);
	p->ended = true;
}

bool ds_place_clock_error(struct ds_place *place, int host, double *error_ns, double *within_ns)
{
	*error_ns = 0;
	*within_ns = 0;
	return place->table->clock_error(place, host, error_ns, within_ns);
}

bool ds_place_clock_readings(struct ds_place *place, int host, ds_place_reading *take,
			     void *context)
{
	if (place->table->clock_readings)
		place->table->clock_readings(place, host, take, context);
	return place->table->clock_readings != NULL;
}

bool ds_place_ways(const struct ds_place *place, int host, struct ds_place_way ways[2])
{
	ways[0] = ways[1] = (struct ds_place_way){0};
	return place->table->ways(place, host, ways);
}
