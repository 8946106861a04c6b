/* world: see world.h. A heap of events; the turn of a host is kept beside it, since it moves. */
#include "sim/world.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/log.h"
#include "daemon/start.h"

#define NS_PER_S	INT64_C(1000000000)
#define NS_PER_MS	INT64_C(1000000)
#define RAW_START_NS	(1000 * NS_PER_S)
#define TURNS_AT_ONCE	10000 /* without time going on: it spins */
#define NTP_1970_S	INT64_C(2208988800)
#define SEND_SHAPE	16.0 /* a gamma law: the way through a kernel scatters by a quarter */
#define LOG_MOST	100000
#define SUSPEND_WAKE_NS NS_PER_MS

enum kind { DEPART, ARRIVE, STAMP, SAMPLE, SCENARIO, RESUME, LEAP, SHM };

struct sim_event {
	int64_t at_ns;
	uint64_t sequence; /* of equal times the first made comes first */
	enum kind kind;
	int host;
	int socket; /* STAMP, DEPART */
	uint32_t generation;
	bool stamp;
	struct sim_stamp report;
	struct sim_packet *packet; /* owned */
	int64_t value;
};

struct sim_host *sim_running;

/* ---- the heap ---- */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void *grown(void *old, int *room, size_t size)
{
	void *new;

	*room = *room > 0 ? 2 * *room : 64;
	new = realloc(old, (size_t)*room * size);
	if (new == NULL) {
		fputs("Fatal: no memory\n", stderr);
		exit(1);
	}
	return new;
}

static void push(struct sim_world *w, const struct sim_event *event)
{
	int i = w->event_count++;

	if (w->event_count > w->event_room)
		w->events = grown(w->events, &w->event_room, sizeof *w->events);
	w->events[i] = *event;
	w->events[i].sequence = w->sequence++;
	while (i > 0 && earlier(&w->events[i], &w->events[(i - 1) / 2])) {
		struct sim_event other = w->events[(i - 1) / 2];

		w->events[(i - 1) / 2] = w->events[i];
		w->events[i] = other;
		i = (i - 1) / 2;
	}
}

static struct sim_event pop(struct sim_world *w)
{
	struct sim_event first = w->events[0];
	struct sim_event moved = w->events[--w->event_count];
	int i = 0;

	for (;;) {
		int child = 2 * i + 1;

		if (child + 1 < w->event_count && earlier(&w->events[child + 1], &w->events[child]))
			child++;
		if (child >= w->event_count || !earlier(&w->events[child], &moved))
			break;
		w->events[i] = w->events[child];
		i = child;
	}
	w->events[i] = moved;
	return first;
}

/* ---- the network ---- */

int64_t sim_utc_ns(const struct sim_world *w, int64_t now_ns)
{
	const struct sim_scenario *s = w->scenario;

	return s->begin_ns + now_ns - (now_ns >= s->leap_at_ns ? s->leap * NS_PER_S : 0);
}

int sim_host_of(const struct sim_world *w, const union ds_address *address)
{
	for (int i = 0; i < w->host_count; i++)
		if (ds_address_same_host(&w->hosts[i].address, address))
			return i;
	return -1;
}

static void arrive_at(struct sim_world *w, const struct sim_packet *packet, int64_t at_ns)
{
	struct sim_packet *copy = malloc(sizeof *copy);

	if (copy == NULL)
		return;
	*copy = *packet;
	push(w, &(struct sim_event){
			.at_ns = at_ns, .kind = ARRIVE, .host = packet->to, .packet = copy});
}

static int64_t draw_delay(struct sim_way *way, struct sim_random *r, int64_t now_ns)
{
	double delay = way->delay_ns;

	for (int i = 0; i < way->law_count; i++)
		delay += sim_law_draw(&way->laws[i], &way->states[i], r, (double)now_ns * 1e-9);
	if (sim_chance(r, way->reorder))
		delay += way->reorder_ns;
	return llrint(fmin(delay, 1e18));
}

/* A packet enters the way to its destination. */
static void travel(struct sim_world *w, const struct sim_packet *packet)
{
	int i = sim_scenario_way(w->scenario, packet->from, packet->to);
	struct sim_random *r;
	struct sim_way *way;

	if (i < 0)
		return;
	r = &w->way_random[i];
	way = &w->ways[i];
	/* drawn in any case: what one variant loses does not shift what happens to the next */
	int64_t delay_ns = draw_delay(way, r, w->now_ns);
	bool lost = sim_chance(r, way->loss);
	bool twice = sim_chance(r, way->duplicate);

	if (way->down || lost)
		return;
	arrive_at(w, packet, w->now_ns + delay_ns);
	if (twice)
		arrive_at(w, packet, w->now_ns + draw_delay(way, r, w->now_ns));
}

static void depart(struct sim_world *w, struct sim_event *e)
{
	struct sim_host *h = &w->hosts[e->host];
	struct sim_packet *p = e->packet;
	bool lost = e->stamp && sim_chance(&h->random, h->spec->stamp_lost);
	double late_ns = 0.0;

	sim_kernel_advance(&h->kernel, w->now_ns);
	if (e->stamp && h->spec->stamp_late_ns > 0.0)
		late_ns = h->spec->stamp_late_ns * sim_exponential(&h->random);
	if (e->stamp && !lost) {
		struct sim_event report = {.at_ns = w->now_ns + (int64_t)late_ns,
					   .kind = STAMP,
					   .host = e->host,
					   .socket = e->socket,
					   .generation = e->generation,
					   .report = e->report};

		report.report.realtime_ns = h->kernel.real.ns;
		if (h->spec->stamp_noise_ns > 0.0)
			report.report.realtime_ns +=
				llrint(h->spec->stamp_noise_ns * sim_gaussian(&h->random));
		push(w, &report);
	}
	if (!p->to_many) {
		travel(w, p);
		return;
	}
	for (int i = 0; i < w->host_count; i++) {
		p->to = i;
		travel(w, p);
	}
}

void sim_send(struct sim_host *h, int socket, const struct sim_packet *packet, bool stamp,
	      uint32_t token)
{
	struct sim_packet *copy = malloc(sizeof *copy);
	double wait_ns = 0.0;

	if (copy == NULL)
		return;
	*copy = *packet;
	if (h->spec->send_ns > 0.0)
		wait_ns = sim_law_draw(&(struct sim_law){.kind = SIM_LAW_GAMMA,
							 .a = SEND_SHAPE,
							 .b = h->spec->send_ns},
				       NULL, &h->random, 0.0);
	h->packets_sent++;
	push(h->world, &(struct sim_event){.at_ns = h->world->now_ns + (int64_t)wait_ns,
					   .kind = DEPART,
					   .host = h->index,
					   .socket = socket,
					   .generation = h->sockets[socket].generation,
					   .stamp = stamp,
					   .report = {.token = token},
					   .packet = copy});
}

/* Something waits at a socket: the daemon runs soon. */
static void rouse(struct sim_host *h)
{
	int64_t at_ns = h->world->now_ns;

	if (h->asleep || h->daemon == NULL)
		return;
	if (h->spec->wake_ns > 0.0)
		at_ns += (int64_t)(h->spec->wake_ns * sim_exponential(&h->random));
	if (at_ns < h->wake_ns)
		h->wake_ns = at_ns;
}

static struct sim_socket *find_socket(struct sim_host *h, const struct sim_packet *p)
{
	struct sim_socket *server = NULL;

	for (int i = 0; i < SIM_SOCKETS; i++) {
		struct sim_socket *s = &h->sockets[i];

		if (!s->open || s->port != p->to_port)
			continue;
		if (s->server)
			server = s;
		else if (sim_host_of(h->world, &s->remote) == p->from &&
			 ds_address_port(&s->remote) == p->from_port)
			return s;
	}
	return server;
}

/* Returns whether the packet was kept. */
static bool arrive(struct sim_world *w, struct sim_packet *p)
{
	struct sim_host *h = &w->hosts[p->to];
	struct sim_socket *s;

	if (h->asleep || h->daemon == NULL)
		return false;
	s = find_socket(h, p);
	if (s == NULL || s->waiting == SIM_QUEUE)
		return false;
	sim_kernel_advance(&h->kernel, w->now_ns);
	p->realtime_ns = 0;
	if (h->spec->kernel_stamps) {
		p->realtime_ns = h->kernel.real.ns;
		if (h->spec->stamp_noise_ns > 0.0)
			p->realtime_ns +=
				llrint(h->spec->stamp_noise_ns * sim_gaussian(&h->random));
	}
	p->next = NULL;
	if (s->first == NULL)
		s->first = p;
	else
		s->last->next = p;
	s->last = p;
	s->waiting++;
	rouse(h);
	return true;
}

static void report_stamp(struct sim_world *w, const struct sim_event *e)
{
	struct sim_host *h = &w->hosts[e->host];
	struct sim_socket *s = &h->sockets[e->socket];

	if (!s->open || s->generation != e->generation || s->stamp_count == SIM_QUEUE ||
	    h->daemon == NULL || h->asleep)
		return;
	s->stamps[s->stamp_count++] = e->report;
	rouse(h);
}

/* ---- hosts ---- */

void sim_log(struct sim_host *h, const char *prefix, const char *text)
{
	struct sim_log_line *line;
	char buffer[1024];

	if (h->world->verbose)
		fprintf(stderr, "%13.6f %s: %s%s\n", (double)h->world->now_ns * 1e-9, h->spec->name,
			prefix, text);
	if (h->log_count == LOG_MOST)
		return;
	if (h->log_count == h->log_room)
		h->log = grown(h->log, &h->log_room, sizeof *h->log);
	line = &h->log[h->log_count++];
	snprintf(buffer, sizeof buffer, "%s%s", prefix, text);
	line->at_ns = h->world->now_ns;
	line->text = strdup(buffer);
}

static void know_way(const struct sim_world *w, int from, int to, struct sim_known_way *known)
{
	int i = from < 0 || to < 0 ? -1 : sim_scenario_way(w->scenario, from, to);

	if (i < 0)
		return;
	known->delay_ns = w->ways[i].delay_ns;
	known->law_count = w->ways[i].law_count;
	memcpy(known->laws, w->ways[i].laws, sizeof known->laws);
}

void sim_note_exchange(struct sim_host *h, const struct sim_exchange *exchange)
{
	struct sim_exchange *kept;

	if (h->exchange_count == h->exchange_room)
		h->exchanges = grown(h->exchanges, &h->exchange_room, sizeof *h->exchanges);
	kept = &h->exchanges[h->exchange_count++];
	*kept = *exchange;
	know_way(h->world, h->index, kept->source, &kept->up);
	know_way(h->world, kept->source, h->index, &kept->down);
}

static void run_as(struct sim_host *h)
{
	if (h != NULL)
		sim_kernel_advance(&h->kernel, h->world->now_ns);
	sim_running = h;
}

static void say_conf(void *context, bool error, const char *file, int line, const char *text)
{
	struct sim_host *h = context;

	if (!error || h->world->why[0] != '\0')
		return;
	snprintf(h->world->why, SIM_WHY, "%.48s:%d: %s", h->world->scenario->file, line, text);
	(void)file;
}

/* $variant in the line is replaced. */
static void put_variant(const struct sim_world *w, const char *line, char out[SIM_LINE])
{
	const char *at = strstr(line, "$variant");

	if (at == NULL)
		snprintf(out, SIM_LINE, "%s", line);
	else
		snprintf(out, SIM_LINE, "%.*s%s%s", (int)(at - line), line, w->variant->text,
			 at + strlen("$variant"));
}

static bool read_conf(struct sim_host *h, struct ds_conf *conf)
{
	bool good = true;

	ds_conf_defaults(conf);
	conf->ipv6 = false;
	conf->pid_file[0] = conf->bound_file[0] = '\0';
	conf->control_socket[0] = conf->cmd_socket[0] = '\0';
	for (int i = 0; i < h->spec->conf_count; i++) {
		char line[SIM_LINE];

		put_variant(h->world, h->spec->conf[i], line);
		good &= ds_conf_read_line(conf, line, h->spec->conf_line[i], say_conf, h);
	}
	return good && ds_conf_check(conf, h->world->scenario->file, say_conf, h);
}

/* What poll() would report at once. A descriptor that is no socket of ours is a name that is being
 * looked up: its answer is here. */
static short revents_of(const struct sim_host *h, const struct pollfd *polled)
{
	int i = polled->fd - SIM_FIRST_FD;
	short revents = 0;

	if (i < 0 || i >= SIM_SOCKETS)
		return POLLIN;
	if (h->sockets[i].open && h->sockets[i].first != NULL)
		revents |= POLLIN;
	if (h->sockets[i].open && h->sockets[i].stamp_count > 0)
		revents |= POLLPRI | POLLERR;
	return revents;
}

static void watch(struct sim_host *h)
{
	int timeout = ds_loop_watch(&h->loop, h->daemon);
	bool reported = timeout == 0;

	for (uint32_t i = 0; i < h->loop.count; i++)
		reported |= revents_of(h, &h->loop.fds[i]) != 0;
	h->wake_ns = reported ? h->world->now_ns : sim_kernel_when(&h->kernel, timeout * NS_PER_MS);
}

static void close_sockets(struct sim_host *h)
{
	for (int i = 0; i < SIM_SOCKETS; i++) {
		struct sim_socket *s = &h->sockets[i];

		while (s->first != NULL) {
			struct sim_packet *p = s->first;

			s->first = p->next;
			free(p);
		}
		s->open = false;
		s->generation++;
		s->waiting = s->stamp_count = 0;
	}
}

static bool start_host(struct sim_host *h)
{
	struct ds_daemon *d = calloc(1, sizeof *d);
	bool good;

	if (d == NULL)
		return false;
	h->daemon = d;
	run_as(h);
	d->once = DS_ONCE_NO;
	d->end_ns = INT64_MAX;
	d->steer = true;
	good = read_conf(h, &d->conf) && ds_start_keys(d) &&
	       ds_clock_open_system(&d->clock, true) == 0 && ds_start_open(d);
	if (good) {
		ds_start_work(d);
		ds_loop_begin(&h->loop, d);
		watch(h);
	} else if (h->world->why[0] == '\0') {
		snprintf(h->world->why, SIM_WHY, "%.48s: %s: the daemon does not start: %.160s",
			 h->world->scenario->file, h->spec->name,
			 h->log_count > 0 ? h->log[h->log_count - 1].text : "");
	}
	run_as(NULL);
	if (!good) {
		/* it was never whole: the run ends, and what it may hold of memory with it */
		close_sockets(h);
		free(d);
		h->daemon = NULL;
	}
	return good;
}

static void stop_host(struct sim_host *h)
{
	if (h->daemon == NULL)
		return;
	run_as(h);
	ds_start_close(h->daemon);
	run_as(NULL);
	close_sockets(h);
	free(h->daemon);
	h->daemon = NULL;
	h->wake_ns = INT64_MAX;
}

static bool turn(struct sim_host *h)
{
	struct sim_world *w = h->world;
	bool on;

	h->turns++;
	h->turns_at_once = h->last_turn_ns == w->now_ns ? h->turns_at_once + 1 : 0;
	h->last_turn_ns = w->now_ns;
	if (h->turns_at_once > TURNS_AT_ONCE) {
		snprintf(w->why, SIM_WHY, "%s spins at %.9f s", h->spec->name,
			 (double)w->now_ns * 1e-9);
		return false;
	}
	run_as(h);
	ds_loop_watch(&h->loop, h->daemon);
	for (uint32_t i = 0; i < h->loop.count; i++)
		h->loop.fds[i].revents = revents_of(h, &h->loop.fds[i]);
	on = ds_loop_turn(&h->loop, h->daemon);
	watch(h);
	run_as(NULL);
	if (!on)
		snprintf(w->why, SIM_WHY, "%s ended by itself at %.3f s", h->spec->name,
			 (double)w->now_ns * 1e-9);
	return on;
}

/* ---- what is measured ---- */

/* The one place that says what the daemon claims. */
static void claims(struct sim_host *h, struct sim_sample *to)
{
	struct ds_clock clock = h->daemon->clock; /* a copy: looking must change nothing */
	struct ds_bound_value value;
	struct ds_reading now;

	ds_clock_read(&clock, &now);
	ds_bounds_at(&h->daemon->timekeeper.bounds, &now, &value);
	if (value.bound_ns < DS_BOUND_UNKNOWN_NS)
		to->bound_ns = (double)value.bound_ns;
	if (value.hard_ns < DS_BOUND_UNKNOWN_NS)
		to->hard_ns = (double)value.hard_ns;
}

static void sample_host(struct sim_host *h, struct sim_sample *to)
{
	struct sim_world *w = h->world;
	int64_t utc_ns = sim_utc_ns(w, w->now_ns);
	struct sim_kernel *k = &h->kernel;

	if (!h->asleep)
		sim_kernel_advance(k, w->now_ns);
	to->error_ns = (double)(k->real.ns - utc_ns) + k->real.part;
	to->raw_ns = k->raw.ns;
	to->utc_minus_raw_ns =
		(double)(utc_ns - k->raw.ns - h->first_utc_minus_raw_ns) - k->raw.part;
	to->bound_ns = to->hard_ns = INFINITY;
	if (h->daemon == NULL || h->asleep) {
		to->error_ns = h->asleep ? NAN : to->error_ns;
		return;
	}
	run_as(h);
	claims(h, to);
	run_as(NULL);
	if (isfinite(to->bound_ns) && h->synchronised_ns == INT64_MAX)
		h->synchronised_ns = w->now_ns;
}

static void sample(struct sim_world *w)
{
	for (int i = 0; i < w->host_count; i++) {
		struct sim_host *h = &w->hosts[i];

		if (h->samples != NULL)
			sample_host(h, &h->samples[h->sample_count++]);
	}
	push(w, &(struct sim_event){.at_ns = w->now_ns + w->scenario->sample_ns, .kind = SAMPLE});
}

/* ---- reference clocks ---- */

static void put_time(int64_t ns, time_t *s, int *us, unsigned *below)
{
	*s = ns / NS_PER_S;
	*us = (int)(ns % NS_PER_S / 1000);
	*below = (unsigned)(ns % NS_PER_S);
}

/* The clock writes what it shows, and when that was by CLOCK_REALTIME. What nobody has read is
 * overwritten. */
static void write_shm(struct sim_world *w, struct sim_host *h)
{
	int64_t utc_ns = sim_utc_ns(w, w->now_ns);
	int64_t noise_ns = llrint(h->spec->shm_noise_ns * sim_gaussian(&h->random));
	struct ds_shm_segment *shm = &h->shm;

	push(w, &(struct sim_event){
			.at_ns = w->now_ns + h->spec->shm_every_ns, .kind = SHM, .host = h->index});
	if (h->asleep)
		return;
	if (shm->count > 0 && shm->valid == 0)
		sim_note_exchange(h, &h->shm_sample);
	sim_kernel_advance(&h->kernel, w->now_ns);
	put_time(utc_ns, &shm->clock_s, &shm->clock_us, &shm->clock_ns);
	put_time(h->kernel.real.ns + noise_ns, &shm->receive_s, &shm->receive_us, &shm->receive_ns);
	shm->mode = 1;
	shm->count++;
	shm->valid = 1;
	h->shm_sample = (struct sim_exchange){.at_ns = w->now_ns,
					      .source = SIM_SHM,
					      .t1_raw_ns = h->kernel.raw.ns + noise_ns,
					      .t2_ns = utc_ns};
}

/* ---- what the scenario does ---- */

static void change_link(struct sim_world *w, const struct sim_event_spec *e)
{
	char why[SIM_WHY];

	sim_way_change(&w->ways[sim_scenario_way(w->scenario, e->host, e->other)], e->words, why);
	if (!e->one_way)
		sim_way_change(&w->ways[sim_scenario_way(w->scenario, e->other, e->host)], e->words,
			       why);
}

static bool happen(struct sim_world *w, int index)
{
	const struct sim_event_spec *e = &w->scenario->events[index];
	struct sim_host *h = &w->hosts[e->host];
	bool good = true;

	if (e->every_ns > 0)
		push(w, &(struct sim_event){.at_ns = w->now_ns + e->every_ns,
					    .kind = SCENARIO,
					    .value = index});
	if (e->kind == SIM_EVENT_LINK) {
		change_link(w, e);
		return true;
	}
	w->disturbed_ns = w->now_ns;
	if (!h->asleep)
		sim_kernel_advance(&h->kernel, w->now_ns);
	if (e->kind == SIM_EVENT_STEP) {
		sim_kernel_step(&h->kernel, llrint(e->value));
		/* CLOCK_REALTIME was set: whoever waits for that is told; the daemon does not */
	} else if (e->kind == SIM_EVENT_FREQ) {
		sim_oscillator_step(&h->kernel.oscillator, e->value);
	} else if (e->kind == SIM_EVENT_SUSPEND && !h->asleep) {
		sim_kernel_suspend(&h->kernel, w->now_ns);
		h->asleep = true;
		h->wake_ns = INT64_MAX;
		push(w, &(struct sim_event){.at_ns = w->now_ns + llrint(e->value),
					    .kind = RESUME,
					    .host = e->host});
	} else if (e->kind == SIM_EVENT_STOP && !h->asleep) {
		stop_host(h);
	} else if (e->kind == SIM_EVENT_START && h->daemon == NULL && !h->asleep) {
		good = start_host(h);
	}
	return good;
}

static void resume(struct sim_world *w, struct sim_host *h)
{
	double error_ns = h->spec->rtc_error_ns * sim_gaussian(&h->random);

	sim_kernel_resume(&h->kernel, w->now_ns, llrint(error_ns));
	h->asleep = false;
	w->disturbed_ns = w->now_ns;
	if (h->daemon != NULL)
		h->wake_ns = w->now_ns + SUSPEND_WAKE_NS;
}

/* Hosts whose clock is perfect are right about a leap second whether their daemon knows of it or
 * not. */
static void leap(struct sim_world *w)
{
	for (int i = 0; i < w->host_count; i++) {
		struct sim_host *h = &w->hosts[i];
		int64_t right_ns = sim_utc_ns(w, w->now_ns) + llrint(h->spec->offset_ns);

		if (!h->spec->perfect)
			continue;
		sim_kernel_advance(&h->kernel, w->now_ns);
		if (h->kernel.real.ns != right_ns)
			sim_kernel_step(&h->kernel, right_ns - h->kernel.real.ns);
	}
}

static bool handle(struct sim_world *w, struct sim_event *e)
{
	bool kept = false;
	bool good = true;

	switch (e->kind) {
	case DEPART:
		depart(w, e);
		break;
	case ARRIVE:
		kept = arrive(w, e->packet);
		break;
	case STAMP:
		report_stamp(w, e);
		break;
	case SAMPLE:
		sample(w);
		break;
	case SCENARIO:
		good = happen(w, (int)e->value);
		break;
	case RESUME:
		resume(w, &w->hosts[e->host]);
		break;
	case LEAP:
		leap(w);
		break;
	case SHM:
		write_shm(w, &w->hosts[e->host]);
		break;
	}
	if (!kept)
		free(e->packet);
	return good;
}

/* ---- the whole ---- */

/* A leap-seconds.list: that of 2017, and the one to come. */
static void make_leaplist(struct sim_host *h)
{
	const struct sim_scenario *s = h->world->scenario;
	struct sim_file *file = &h->files[h->file_count];
	int64_t at_s;

	if (!h->spec->leaplist || s->leap == 0)
		return;
	/* a second that is left out is the last before midnight */
	at_s = (s->begin_ns + s->leap_at_ns + (s->leap < 0 ? NS_PER_S : 0)) / NS_PER_S + NTP_1970_S;
	h->file_count++;
	snprintf(file->path, sizeof file->path, "leaplist");
	snprintf(file->text, sizeof file->text,
		 "#@ %" PRId64 "\n3692217600 37 # 1 Jan 2017\n%" PRId64 " %d\n", at_s + 30000000,
		 at_s, 37 + s->leap);
}

static void make_host(struct sim_world *w, int i)
{
	const struct sim_scenario *s = w->scenario;
	struct sim_host *h = &w->hosts[i];
	char text[SIM_NAME + 16];

	h->spec = &s->hosts[i];
	h->world = w;
	h->index = i;
	h->wake_ns = h->synchronised_ns = INT64_MAX;
	h->next_port = SIM_FIRST_PORT;
	h->last_turn_ns = -1;
	h->address.in.sin_family = AF_INET;
	h->address.in.sin_addr.s_addr = htonl(UINT32_C(0x0a4d0001) + (uint32_t)i);
	snprintf(text, sizeof text, "%s clock", h->spec->name);
	sim_kernel_init(&h->kernel, &h->spec->oscillator, RAW_START_NS,
			s->begin_ns + llrint(h->spec->offset_ns), w->seed, text);
	h->first_utc_minus_raw_ns = s->begin_ns - RAW_START_NS;
	snprintf(text, sizeof text, "%s luck", h->spec->name);
	sim_random_init(&h->random, w->seed, text);
	snprintf(text, sizeof text, "%s bits", h->spec->name);
	sim_random_init(&h->bits, w->seed, text);
	make_leaplist(h);
	if (!h->spec->perfect && !h->spec->silent)
		h->samples =
			calloc((size_t)(s->duration_ns / s->sample_ns + 2), sizeof *h->samples);
}

static void make_events(struct sim_world *w)
{
	const struct sim_scenario *s = w->scenario;

	for (int i = 0; i < s->event_count; i++)
		push(w, &(struct sim_event){
				.at_ns = s->events[i].at_ns, .kind = SCENARIO, .value = i});
	push(w, &(struct sim_event){.at_ns = s->sample_ns, .kind = SAMPLE});
	for (int i = 0; i < s->host_count; i++)
		if (s->hosts[i].shm_every_ns > 0)
			push(w, &(struct sim_event){
					.at_ns = s->hosts[i].shm_every_ns, .kind = SHM, .host = i});
	if (s->leap_at_ns != INT64_MAX)
		push(w, &(struct sim_event){.at_ns = s->leap_at_ns, .kind = LEAP});
}

struct sim_world *sim_world_new(const struct sim_scenario *s, int variant, uint64_t seed,
				bool verbose, char why[SIM_WHY])
{
	struct sim_world *w = calloc(1, sizeof *w);
	char text[2 * SIM_NAME + 16];

	if (w == NULL) {
		snprintf(why, SIM_WHY, "no memory");
		return NULL;
	}
	w->scenario = s;
	w->variant = &s->variants[variant];
	w->seed = seed;
	w->verbose = verbose;
	w->disturbed_ns = -1;
	w->host_count = s->host_count;
	for (int i = 0; i < s->way_count; i++) {
		w->ways[i] = s->ways[i];
		snprintf(text, sizeof text, "%s > %s", s->hosts[s->ways[i].from].name,
			 s->hosts[s->ways[i].to].name);
		sim_random_init(&w->way_random[i], seed, text);
	}
	for (int i = 0; i < s->host_count; i++)
		make_host(w, i);
	make_events(w);
	for (int i = 0; i < s->host_count; i++) {
		if (start_host(&w->hosts[i]))
			continue;
		snprintf(why, SIM_WHY, "%s", w->why);
		sim_world_free(w);
		return NULL;
	}
	return w;
}

static struct sim_host *next_host(struct sim_world *w)
{
	struct sim_host *next = &w->hosts[0];

	for (int i = 1; i < w->host_count; i++)
		if (w->hosts[i].wake_ns < next->wake_ns)
			next = &w->hosts[i];
	return next;
}

bool sim_world_run(struct sim_world *w)
{
	const int64_t end_ns = w->scenario->duration_ns;

	for (;;) {
		struct sim_host *h = next_host(w);
		int64_t event_ns = w->event_count > 0 ? w->events[0].at_ns : INT64_MAX;

		if (h->wake_ns > end_ns && event_ns > end_ns)
			return true;
		if (event_ns <= h->wake_ns) {
			struct sim_event e = pop(w);

			w->now_ns = e.at_ns;
			if (!handle(w, &e))
				return false;
		} else {
			/* a wake-up that was overtaken happens now */
			if (h->wake_ns > w->now_ns)
				w->now_ns = h->wake_ns;
			if (!turn(h))
				return false;
		}
	}
}

void sim_world_free(struct sim_world *w)
{
	if (w == NULL)
		return;
	for (int i = 0; i < w->host_count; i++) {
		struct sim_host *h = &w->hosts[i];

		stop_host(h);
		for (int k = 0; k < h->log_count; k++)
			free(h->log[k].text);
		free(h->log);
		free(h->exchanges);
		free(h->samples);
	}
	for (int i = 0; i < w->event_count; i++)
		free(w->events[i].packet);
	free(w->events);
	free(w);
}
