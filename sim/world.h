/*
 * world: virtual hosts that run the shipped daemon, between modelled clocks and a modelled network.
 * It must never let anything but the scenario and the seed decide what happens, nor let a host see
 * what a real one could not.
 *
 * The daemon's own objects run on os/ and on sim/os.c, which stands in for the kernel by the
 * linker (--wrap, see sim/meson.build): its calls find the host that is running here.
 */
#ifndef DS_SIM_WORLD_H
#define DS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "os/shm_clock.h"
#include "sim/kernel.h"
#include "sim/scenario.h"

#define SIM_SOCKETS    (DS_SOURCES_MAX + 8) /* a host */
#define SIM_FIRST_FD   1000
#define SIM_QUEUE      64 /* packets or stamps that wait at a socket; more are lost */
#define SIM_FILES      8  /* a host */
#define SIM_PACKET     512
#define SIM_FIRST_PORT 32768
#define SIM_SHM	       (-2) /* in place of a host, where an exchange is of a reference clock */

struct sim_packet {
	struct sim_packet *next; /* at a socket */
	int from, to;		 /* hosts */
	uint16_t from_port, to_port;
	bool to_many;
	union ds_address destination;
	int64_t realtime_ns; /* the kernel's receive stamp; 0: none */
	uint32_t length;
	uint8_t data[SIM_PACKET];
};

struct sim_stamp {
	uint32_t token;
	int64_t realtime_ns;
};

struct sim_socket {
	bool open, server;
	uint32_t generation;
	uint16_t port;
	union ds_address remote; /* family 0: not connected */
	struct sim_packet *first, *last;
	int waiting;
	struct sim_stamp stamps[SIM_QUEUE];
	int stamp_count;
};

struct sim_file {
	char path[DS_CONF_PATH];
	char text[1024];
};

struct sim_log_line {
	int64_t at_ns;
	char *text;
};

/* A way as it was when a packet arrived, for the oracle. */
struct sim_known_way {
	double delay_ns;
	struct sim_law laws[SIM_LAWS];
	int law_count;
};

/* An exchange that the host took in, as it saw it; for the oracle and the plots. */
struct sim_exchange {
	int64_t at_ns; /* true time */
	int source;    /* index of the host; SIM_SHM: a sample of a reference clock */
	enum ds_exchange_kind kind;
	int64_t t1_raw_ns, t2_ns, t3_ns, t4_raw_ns;
	int64_t offset_ns, delay_ns;
	struct sim_known_way up, down; /* to the source, and back */
};

struct sim_sample {
	double error_ns;	  /* clock less UTC */
	double bound_ns, hard_ns; /* what the daemon claims; INFINITY: nothing */
	int64_t raw_ns;
	double utc_minus_raw_ns; /* less what it was at the start */
};

struct sim_host {
	const struct sim_host_spec *spec;
	struct sim_world *world;
	int index;
	union ds_address address;
	struct sim_kernel kernel;
	struct sim_random random, bits; /* what happens to it; what the daemon draws */
	struct ds_daemon *daemon;	/* NULL: not running */
	struct ds_loop loop;
	struct sim_socket sockets[SIM_SOCKETS];
	uint16_t next_port;
	bool asleep;
	int64_t wake_ns;		/* true time of its next turn; INT64_MAX */
	struct ds_shm_segment shm;	/* unit 0 */
	struct sim_exchange shm_sample; /* what it holds, as the oracle gets it */
	uint64_t turns, packets_sent;
	int64_t last_turn_ns;
	uint32_t turns_at_once;
	struct sim_file files[SIM_FILES];
	int file_count;
	struct sim_log_line *log;
	int log_count, log_room;
	struct sim_exchange *exchanges;
	int exchange_count, exchange_room;
	struct sim_sample *samples;
	int sample_count;
	int64_t first_utc_minus_raw_ns;
	int64_t synchronised_ns; /* first said so; INT64_MAX */
};

struct sim_world {
	const struct sim_scenario *scenario;
	const struct sim_variant *variant;
	uint64_t seed;
	int64_t now_ns; /* true time since the start */
	struct sim_host hosts[SIM_HOSTS];
	int host_count;
	struct sim_way ways[SIM_WAYS];
	struct sim_random way_random[SIM_WAYS];
	struct sim_event *events; /* a heap */
	int event_count, event_room;
	uint64_t sequence;
	int64_t disturbed_ns; /* the last step or the like of a clock by the scenario; -1 */
	bool verbose;	      /* messages of the daemons to stderr as they come */
	char why[SIM_WHY];    /* what went wrong */
};

/* A world, ready to run; NULL with a sentence in why. scenario must outlive it. verbose: log lines
 * go to stderr too. */
struct sim_world *sim_world_new(const struct sim_scenario *scenario, int variant, uint64_t seed,
				bool verbose, char why[SIM_WHY]);
/* Run it to the end. False with a sentence in world->why where a daemon could not start, ended by
 * itself or spun without waiting. */
bool sim_world_run(struct sim_world *world);
void sim_world_free(struct sim_world *world);

/* UTC at a true time, leap seconds obeyed. */
int64_t sim_utc_ns(const struct sim_world *world, int64_t now_ns);

/* For sim/os.c: the host whose daemon is running now, with its kernel at the present; NULL between
 * turns. */
extern struct sim_host *sim_running;
/* A packet that its daemon sends now; stamp: a transmit stamp is wanted. */
void sim_send(struct sim_host *host, int socket, const struct sim_packet *packet, bool stamp,
	      uint32_t token);
void sim_log(struct sim_host *host, const char *prefix, const char *text);
/* All but the ways, which are filled in. */
void sim_note_exchange(struct sim_host *host, const struct sim_exchange *exchange);
int sim_host_of(const struct sim_world *world, const union ds_address *address);

#endif
