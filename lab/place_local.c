/* place_local: the rigs on one machine: namespaces on a bridge, or addresses on loopback. It must
 * never need a right for the latter. All hosts share the machine's clock, which no program here
 * gets the right to set: what they measure of each other is error. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lab/bridge.h"
#include "lab/place_rig.h"
#include "lab/relay.h"
#include "lab/talk.h"

#define LOOPBACK_PORT 11123
#define NTP_PORT      123
#define CABLED_MODES                                                                               \
	(1U << DS_LAB_BASIC | 1U << DS_LAB_XLEAVE | 1U << DS_LAB_SYMMETRIC |                       \
	 1U << DS_LAB_SYMMETRIC_XLEAVE)

_Static_assert(DS_RIG_WHY == DS_LAB_WHY, "sentences of the rig are handed on");

static int refuse(char why[DS_LAB_WHY], int error, const char *what)
{
	snprintf(why, DS_LAB_WHY, "%.200s: %s", what, strerror(error));
	return -error;
}

static struct in_addr loopback_address(int host, int mode)
{
	return (struct in_addr){
		htonl(127u << 24 | 119u << 16 | (unsigned)mode << 8 | (unsigned)(host + 1))};
}

static bool is_free(uint16_t port, int host, int mode)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr = loopback_address(host, mode)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool free = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;

	if (fd >= 0)
		close(fd);
	return free;
}

/* The first that is free at all addresses that will be used. */
static uint16_t free_port(int hosts)
{
	for (uint16_t port = LOOPBACK_PORT; port < LOOPBACK_PORT + 100; port++) {
		int all = hosts * DS_LAB_MODES;
		int count = 0;
		while (count < all && is_free(port, count % hosts, count / hosts))
			count++;
		if (count == all)
			return port;
	}
	return LOOPBACK_PORT;
}

static int open_loopback(struct ds_place *place, char why[DS_LAB_WHY])
{
	int error = ds_rig_open(&place->rig, place->plan.hosts, true, why);

	if (error != 0)
		return error;
	place->port = free_port(place->plan.hosts);
	snprintf(place->says, sizeof(place->says),
		 "%d addresses on the loopback interface of this machine, one clock",
		 place->plan.hosts);
	return 0;
}

/* What is only here: the relays, by host. */
struct local {
	struct ds_relay *relays[DS_LAB_HOSTS];
};

static bool needs_relay(const struct ds_lab_link *link)
{
	return link->out_delay_us != 0 || link->in_delay_us != 0 || link->jitter_us != 0 ||
	       link->loss_percent != 0;
}

/* Until it carries. */
static int await_relay(struct ds_place *place, struct ds_relay *relay, int program,
		       const char *output, char why[DS_LAB_WHY])
{
	for (int waited = 0; waited < 2000 && !atomic_load(&relay->ready); waited++) {
		if (ds_rig_ended(&place->rig, program))
			break;
		if (ds_rig_wait(1) != 0)
			return refuse(why, EINTR, "relay");
	}
	if (atomic_load(&relay->ready))
		return 0;
	FILE *file = fopen(output, "re");
	if (!file || !fgets(why, DS_LAB_WHY, file))
		snprintf(why, DS_LAB_WHY, "relay: does not begin");
	why[strcspn(why, "\n")] = '\0';
	if (file)
		fclose(file);
	return -EIO;
}

static int start_relay(struct ds_place *place, int host, char why[DS_LAB_WHY])
{
	const struct ds_lab_link *link = &place->plan.link[host];
	struct local *local = place->own;
	struct ds_relay *relay = ds_relay_new();
	char output[DS_RIG_PATH + 32];
	const struct ds_rig_job job = {.run = ds_relay_run, .context = relay, .output = output};

	if (!relay)
		return refuse(why, ENOMEM, "relay");
	local->relays[host] = relay;
	snprintf(output, sizeof(output), "%s/relay%d", place->rig.directory, host);
	snprintf(relay->device[0], sizeof(relay->device[0]), "wire%d", host);
	snprintf(relay->device[1], sizeof(relay->device[1]), "plug%d", host);
	relay->seed = (uint64_t)host;
	for (int i = 0; i < 2; i++) {
		relay->way[i].delay_us = i == 0 ? link->out_delay_us : link->in_delay_us;
		relay->way[i].jitter_us = link->jitter_us;
		relay->way[i].loss_percent = link->loss_percent;
	}
	int program = ds_rig_start_job(&place->rig, place->plan.hosts, &job, why);
	return program < 0 ? program : await_relay(place, relay, program, output, why);
}

static int open_namespaces(struct ds_place *place, char why[DS_LAB_WHY])
{
	int hosts = place->plan.hosts;
	unsigned relayed = 0;
	int error = ds_rig_open(&place->rig, hosts + 1, false, why);

	for (int i = 0; i < hosts; i++)
		relayed |= (unsigned)needs_relay(&place->plan.link[i]) << i;
	if (error == 0)
		error = ds_bridge_make(&place->rig, hosts, hosts, relayed, DS_LAB_MODES, why);
	if (error == 0)
		error = ds_bridge_mesh(&place->rig, hosts, relayed, CABLED_MODES, why);
	for (int i = 0; i < hosts && error == 0; i++) {
		if (relayed >> i & 1)
			error = start_relay(place, i, why);
	}
	if (error != 0)
		return error;
	place->port = NTP_PORT;
	snprintf(
		place->says, sizeof(place->says),
		"%d network namespaces on this machine%s, a veth pair between each two%s, a bridge for broadcasts, one clock",
		hosts, place->rig.in_user_namespace ? " (in a user namespace)" : "",
		relayed != 0 ? ", relays in user space on the bridge" : "");
	return 0;
}

static int local_open(struct ds_place *place, char why[DS_LAB_WHY])
{
	int error;

	place->own = calloc(1, sizeof(struct local));
	if (!place->own)
		return refuse(why, ENOMEM, "the rig");
	error = place->plan.rig == DS_LAB_RIG_LOOPBACK ? open_loopback(place, why)
						       : open_namespaces(place, why);
	return error != 0 ? error : ds_place_files_make(place, why);
}

static void local_close(struct ds_place *place)
{
	struct local *local = place->own;

	ds_rig_close(&place->rig);
	for (int i = 0; local && i < DS_LAB_HOSTS; i++)
		ds_relay_free(local->relays[i]);
	free(local);
	place->own = NULL;
}

static bool local_ways(const struct ds_place *place, int host, struct ds_place_way ways[2])
{
	const struct local *local = place->own;
	const struct ds_relay *relay = local->relays[host];

	for (int i = 0; relay && i < 2; i++) {
		const struct ds_relay_way *way = &relay->way[i];
		ways[i] = (struct ds_place_way){way->carried, way->lost, way->full + way->longer};
	}
	return relay != NULL;
}

static void local_endpoint(const struct ds_place *place, int host, enum ds_lab_mode mode,
			   struct ds_place_endpoint *endpoint)
{
	bool loopback = place->rig.kind == DS_RIG_LOOPBACK;

	endpoint->port = place->port;
	endpoint->any_port = !loopback;
	snprintf(endpoint->address, sizeof(endpoint->address), "%s.119.%d.%d",
		 loopback ? "127" : "10", (int)mode, host + 1);
	snprintf(endpoint->interface, sizeof(endpoint->interface), loopback ? "lo" : "eth0");
	if (!loopback)
		snprintf(endpoint->broadcast, sizeof(endpoint->broadcast), "10.119.%d.255",
			 (int)mode);
}

static void local_link(const struct ds_place *place, int host, int other,
		       char interface[DS_LAB_NAME])
{
	const struct ds_lab_link *links = place->plan.link;

	if (place->rig.kind == DS_RIG_LOOPBACK)
		snprintf(interface, DS_LAB_NAME, "lo");
	else if (needs_relay(&links[host]) || needs_relay(&links[other]))
		snprintf(interface, DS_LAB_NAME, "eth0");
	else
		snprintf(interface, DS_LAB_NAME, "to%d", other);
}

static int local_ask(struct ds_place *place, int host, const char *line, int timeout_ms,
		     char *output, size_t size, char why[DS_LAB_WHY])
{
	const char *argv[] = {"sh", "-c", line, NULL};
	struct ds_talk talk = {.argv = argv,
			       .directory = place->directory[host],
			       .limit = size > 0 ? size - 1 : 0,
			       .timeout_ms = timeout_ms};
	int status = ds_talk(&place->rig, host, &talk, why);

	if (size > 0 && talk.output)
		memcpy(output, talk.output, talk.output_size + 1);
	if (status >= 0)
		snprintf(why, DS_LAB_WHY, "%s", talk.said);
	free(talk.output);
	return status;
}

static int local_start(struct ds_place *place, struct ds_place_program *program, const char *line,
		       const char *output, char why[DS_LAB_WHY])
{
	const char *argv[] = {"sh", "-c", line, NULL};
	char path[DS_PLACE_PATH];
	const struct ds_rig_job job = {
		.argv = argv, .directory = place->directory[program->host], .output = path};

	ds_place_files_path(place, program->host, output, path);
	int error = ds_place_files_folders(path);
	if (error != 0)
		return refuse(why, -error, path);
	program->slot = ds_rig_start_job(&place->rig, program->host, &job, why);
	return program->slot < 0 ? program->slot : 0;
}

static void note_ending(struct ds_place *place, struct ds_place_program *program)
{
	program->ended = true;
	ds_rig_ending(&place->rig, program->slot, program->how);
	ds_rig_forget(&place->rig, program->slot);
}

static int local_look(struct ds_place *place, struct ds_place_program *program,
		      char why[DS_LAB_WHY])
{
	why[0] = '\0';
	if (ds_rig_ended(&place->rig, program->slot))
		note_ending(place, program);
	return 0;
}

static void local_ask_to_end(struct ds_place *place, struct ds_place_program *program)
{
	ds_rig_ask_to_end(&place->rig, program->slot);
}

static void local_stop(struct ds_place *place, struct ds_place_program *program, int grace_ms)
{
	(void)ds_rig_stop(&place->rig, program->slot, grace_ms);
	note_ending(place, program);
}

static bool local_clock_error(struct ds_place *place, int host, double *error_ns, double *within_ns)
{
	(void)place;
	(void)host;
	*error_ns = 0;
	*within_ns = 0;
	return true;
}

const struct ds_place_rig ds_place_local = {
	.open = local_open,
	.close = local_close,
	.endpoint = local_endpoint,
	.link = local_link,
	.put = ds_place_files_put,
	.get = ds_place_files_get,
	.ask = local_ask,
	.start = local_start,
	.look = local_look,
	.ask_to_end = local_ask_to_end,
	.stop = local_stop,
	.clock_error = local_clock_error,
	.ways = local_ways,
};
