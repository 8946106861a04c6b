/*
 * os: what stands between the shipped objects and this machine: the linker's --wrap leads these
 * calls here (the list is in sim/meson.build). The host that is running is sim_running.
 * It must never call the kernel for a host, nor keep anything that is not in the host.
 *
 * Clocks are replaced below os/clock.c, at clock_gettime() and adjtimex(), so that it runs as
 * shipped. Packets are replaced at os/socket.h: os/socket.c and os/stamping.c are about the
 * kernel's interface, which test/ and lab/ try on real kernels.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/shm.h>
#include <sys/timex.h>
#include <time.h>

#include "daemon/log.h"
#include "daemon/record.h"
#include "os/file.h"
#include "os/random.h"
#include "os/resolve.h"
#include "os/route.h"
#include "os/socket.h"
#include "sim/world.h"

#define NS_PER_S   INT64_C(1000000000)
#define WRAP(name) __wrap_##name
#define REAL(name) __real_##name

/* ---- clocks ---- */

int REAL(clock_gettime)(clockid_t id, struct timespec *t);
int WRAP(clock_gettime)(clockid_t id, struct timespec *t);
int WRAP(clock_settime)(clockid_t id, const struct timespec *t);
int WRAP(adjtimex)(struct timex *t);
int WRAP(clock_adjtime)(clockid_t id, struct timex *t);

int WRAP(clock_gettime)(clockid_t id, struct timespec *t)
{
	const struct sim_kernel *k;
	int64_t ns;

	if (sim_running == NULL)
		return REAL(clock_gettime)(id, t);
	k = &sim_running->kernel;
	switch (id) {
	case CLOCK_REALTIME:
		ns = k->real.ns;
		break;
	case CLOCK_MONOTONIC_RAW:
		ns = k->raw.ns;
		break;
	case CLOCK_BOOTTIME:
		ns = k->mono.ns + k->slept_ns;
		break;
	case CLOCK_TAI:
		ns = k->real.ns + k->tai * NS_PER_S;
		break;
	case CLOCK_MONOTONIC:
		ns = k->mono.ns;
		break;
	default:
		errno = EINVAL;
		return -1;
	}
	t->tv_sec = ns / NS_PER_S;
	t->tv_nsec = ns % NS_PER_S;
	return 0;
}

int WRAP(clock_settime)(clockid_t id, const struct timespec *t)
{
	if (sim_running == NULL || id != CLOCK_REALTIME) {
		errno = EPERM;
		return -1;
	}
	sim_kernel_step(&sim_running->kernel,
			t->tv_sec * NS_PER_S + t->tv_nsec - sim_running->kernel.real.ns);
	return 0;
}

int WRAP(adjtimex)(struct timex *t)
{
	if (sim_running == NULL) {
		errno = EPERM;
		return -1;
	}
	return sim_kernel_adjust(&sim_running->kernel, t);
}

int WRAP(clock_adjtime)(clockid_t id, struct timex *t)
{
	if (id != CLOCK_REALTIME) {
		errno = EINVAL;
		return -1;
	}
	return WRAP(adjtimex)(t);
}

/* ---- random ---- */

uint64_t WRAP(ds_random64)(void);
uint32_t WRAP(ds_random32)(void);

uint64_t WRAP(ds_random64)(void)
{
	return sim_random64(&sim_running->bits);
}

uint32_t WRAP(ds_random32)(void)
{
	return (uint32_t)(sim_random64(&sim_running->bits) >> 32);
}

/* ---- files: kept in the host ---- */

int WRAP(ds_file_replace)(const char *path, const char *text, mode_t mode);
ssize_t WRAP(ds_file_read)(const char *path, char *buffer, size_t size);

static struct sim_file *find_file(const char *path)
{
	for (int i = 0; i < sim_running->file_count; i++)
		if (strcmp(sim_running->files[i].path, path) == 0)
			return &sim_running->files[i];
	return NULL;
}

int WRAP(ds_file_replace)(const char *path, const char *text, mode_t mode)
{
	struct sim_file *file = find_file(path);

	(void)mode;
	if (file == NULL && sim_running->file_count == SIM_FILES)
		return -ENOSPC;
	if (file == NULL)
		file = &sim_running->files[sim_running->file_count++];
	snprintf(file->path, sizeof file->path, "%s", path);
	snprintf(file->text, sizeof file->text, "%s", text);
	return 0;
}

ssize_t WRAP(ds_file_read)(const char *path, char *buffer, size_t size)
{
	const struct sim_file *file = find_file(path);

	if (size == 0)
		return -EINVAL;
	buffer[0] = '\0';
	if (file == NULL)
		return -ENOENT;
	snprintf(buffer, size, "%s", file->text);
	return (ssize_t)strlen(buffer);
}

/* ---- names: hosts of the scenario ---- */

int WRAP(ds_resolve_start)(struct ds_resolution *r, const char *name, sa_family_t family);
int WRAP(ds_resolve_finish)(struct ds_resolution *r, union ds_address out[DS_RESOLVE_MAX],
			    char why[128]);
void WRAP(ds_resolve_cancel)(struct ds_resolution *r);

int WRAP(ds_resolve_start)(struct ds_resolution *r, const char *name, sa_family_t family)
{
	const struct sim_world *w = sim_running->world;

	(void)family;
	if (r->child != 0)
		return -EBUSY;
	r->fd = -1;
	r->child = SIM_HOSTS + 1;
	for (int i = 0; i < w->host_count; i++)
		if (strcasecmp(w->hosts[i].spec->name, name) == 0)
			r->child = 1 + i;
	return 0;
}

int WRAP(ds_resolve_finish)(struct ds_resolution *r, union ds_address out[DS_RESOLVE_MAX],
			    char why[128])
{
	int index = r->child - 1;

	r->child = 0;
	why[0] = '\0';
	if (index < 0 || index >= SIM_HOSTS) {
		snprintf(why, 128, "no host of this scenario");
		return -ENOENT;
	}
	out[0] = sim_running->world->hosts[index].address;
	return 1;
}

void WRAP(ds_resolve_cancel)(struct ds_resolution *r)
{
	r->child = 0;
}

/* ---- routes: one interface, nothing to compare ---- */

int WRAP(ds_route_open)(struct ds_route *r);

int WRAP(ds_route_open)(struct ds_route *r)
{
	r->fd = -1;
	return 0;
}

/* ---- shared memory of reference clocks: unit 0 ---- */

int WRAP(shmget)(key_t key, size_t size, int flags);
void *WRAP(shmat)(int id, const void *at, int flags);
int WRAP(shmdt)(const void *at);

int WRAP(shmget)(key_t key, size_t size, int flags)
{
	(void)flags;
	if (key == DS_SHM_CLOCK_KEY && size <= sizeof sim_running->shm &&
	    sim_running->spec->shm_every_ns > 0)
		return 0;
	errno = ENOENT;
	return -1;
}

void *WRAP(shmat)(int id, const void *at, int flags)
{
	(void)id;
	(void)at;
	(void)flags;
	return &sim_running->shm;
}

int WRAP(shmdt)(const void *at)
{
	(void)at;
	return 0;
}

/* ---- sockets ---- */

struct ds_batch {
	uint8_t data[DS_BATCH][DS_DATAGRAM_SIZE];
};

struct ds_batch *WRAP(ds_batch_new)(void);
void WRAP(ds_batch_free)(struct ds_batch *batch);
int WRAP(ds_socket_open_server)(struct ds_socket *s, const union ds_address *local,
				const char *interface, char why[DS_WHY]);
int WRAP(ds_socket_open_client)(struct ds_socket *s, const union ds_address *remote,
				const union ds_address *local, const char *interface,
				char why[DS_WHY]);
int WRAP(ds_socket_open_keeper)(struct ds_socket *s, sa_family_t family);
void WRAP(ds_socket_close)(struct ds_socket *s);
bool WRAP(ds_socket_local)(const struct ds_socket *s, union ds_address *local);
bool WRAP(ds_socket_local_for)(const union ds_address *remote, union ds_address *local);
int WRAP(ds_socket_join)(struct ds_socket *s, const union ds_address *group, unsigned interface);
int WRAP(ds_socket_to_many)(struct ds_socket *s, bool on, uint8_t hops);
int WRAP(ds_socket_receive)(struct ds_socket *s, struct ds_batch *batch, bool error_queue,
			    struct ds_datagram out[DS_BATCH]);
int WRAP(ds_socket_send)(struct ds_socket *s, struct ds_batch *batch, const struct ds_outgoing *out,
			 int count);

struct ds_batch *WRAP(ds_batch_new)(void)
{
	return calloc(1, sizeof(struct ds_batch));
}

void WRAP(ds_batch_free)(struct ds_batch *batch)
{
	free(batch);
}

static int open_socket(struct ds_socket *s, sa_family_t family, char why[DS_WHY])
{
	memset(s, 0, sizeof *s);
	s->fd = -1;
	s->family = family;
	s->wildcard = true;
	if (family != AF_INET) {
		snprintf(why, DS_WHY, "there is only IPv4 here");
		return -EAFNOSUPPORT;
	}
	for (int i = 0; i < SIM_SOCKETS; i++) {
		struct sim_socket *v = &sim_running->sockets[i];

		if (v->open)
			continue;
		v->open = true;
		v->server = false;
		v->port = 0;
		v->remote.family = AF_UNSPEC;
		s->fd = SIM_FIRST_FD + i;
		s->stamping.receive = s->stamping.transmit = sim_running->spec->kernel_stamps;
		return 0;
	}
	snprintf(why, DS_WHY, "no socket is left");
	return -EMFILE;
}

static struct sim_socket *virtual(const struct ds_socket *s)
{
	return &sim_running->sockets[s->fd - SIM_FIRST_FD];
}

int WRAP(ds_socket_open_server)(struct ds_socket *s, const union ds_address *local,
				const char *interface, char why[DS_WHY])
{
	int error = open_socket(s, local->family, why);

	(void)interface;
	if (error != 0)
		return error;
	virtual(s)->server = true;
	virtual(s)->port = ds_address_port(local);
	return 0;
}

int WRAP(ds_socket_open_client)(struct ds_socket *s, const union ds_address *remote,
				const union ds_address *local, const char *interface,
				char why[DS_WHY])
{
	int error = open_socket(s, remote->family, why);

	(void)interface;
	if (error != 0)
		return error;
	virtual(s)->remote = *remote;
	virtual(s)->port = local != NULL && local->family != 0 ? ds_address_port(local) : 0;
	if (virtual(s)->port == 0) {
		virtual(s)->port = sim_running->next_port++;
		if (sim_running->next_port == 0)
			sim_running->next_port = SIM_FIRST_PORT;
	}
	return 0;
}

int WRAP(ds_socket_open_keeper)(struct ds_socket *s, sa_family_t family)
{
	char why[DS_WHY];

	return open_socket(s, family, why);
}

void WRAP(ds_socket_close)(struct ds_socket *s)
{
	struct sim_socket *v;

	if (s->fd < SIM_FIRST_FD)
		return;
	v = virtual(s);
	while (v->first != NULL) {
		struct sim_packet *p = v->first;

		v->first = p->next;
		free(p);
	}
	v->waiting = v->stamp_count = 0;
	v->open = false;
	v->generation++;
	s->fd = -1;
	s->stamping.transmit = false;
}

bool WRAP(ds_socket_local)(const struct ds_socket *s, union ds_address *local)
{
	*local = sim_running->address;
	ds_address_set_port(local, virtual(s)->port);
	return true;
}

bool WRAP(ds_socket_local_for)(const union ds_address *remote, union ds_address *local)
{
	*local = sim_running->address;
	return remote->family == AF_INET;
}

int WRAP(ds_socket_join)(struct ds_socket *s, const union ds_address *group, unsigned interface)
{
	(void)s;
	(void)group;
	(void)interface;
	return 0;
}

int WRAP(ds_socket_to_many)(struct ds_socket *s, bool on, uint8_t hops)
{
	(void)s;
	(void)on;
	(void)hops;
	return 0;
}

static int receive_stamps(struct sim_socket *v, struct ds_datagram out[DS_BATCH])
{
	int count = v->stamp_count < DS_BATCH ? v->stamp_count : DS_BATCH;

	for (int i = 0; i < count; i++)
		out[i] = (struct ds_datagram){.is_stamp = true,
					      .realtime_ns = v->stamps[i].realtime_ns,
					      .source = DS_STAMP_KERNEL,
					      .token = v->stamps[i].token};
	v->stamp_count -= count;
	memmove(v->stamps, v->stamps + count, (size_t)v->stamp_count * sizeof v->stamps[0]);
	return count;
}

int WRAP(ds_socket_receive)(struct ds_socket *s, struct ds_batch *batch, bool error_queue,
			    struct ds_datagram out[DS_BATCH])
{
	struct sim_socket *v = virtual(s);
	int count = 0;

	if (error_queue)
		return receive_stamps(v, out);
	while (count < DS_BATCH && v->first != NULL) {
		struct sim_packet *p = v->first;
		struct ds_datagram *d = &out[count];

		v->first = p->next;
		v->waiting--;
		memcpy(batch->data[count], p->data, p->length);
		*d = (struct ds_datagram){.data = batch->data[count],
					  .length = p->length,
					  .remote = sim_running->world->hosts[p->from].address,
					  .to = p->to_many ? p->destination : sim_running->address,
					  .local = sim_running->address,
					  .to_many = p->to_many,
					  .realtime_ns = p->realtime_ns};
		ds_address_set_port(&d->remote, p->from_port);
		if (p->realtime_ns != 0)
			d->source = DS_STAMP_KERNEL;
		free(p);
		count++;
	}
	return count;
}

static bool is_to_many(const union ds_address *a)
{
	return ds_address_is_multicast(a) || (ntohl(a->in.sin_addr.s_addr) & 0xff) == 0xff;
}

int WRAP(ds_socket_send)(struct ds_socket *s, struct ds_batch *batch, const struct ds_outgoing *out,
			 int count)
{
	struct sim_socket *v = virtual(s);
	int sent = 0;

	(void)batch;
	errno = 0;
	for (int i = 0; i < count; i++) {
		const union ds_address *to = out[i].remote != NULL ? out[i].remote : &v->remote;
		struct sim_packet p = {.from = sim_running->index,
				       .to = sim_host_of(sim_running->world, to),
				       .from_port = v->port,
				       .to_port = ds_address_port(to),
				       .to_many = is_to_many(to),
				       .destination = *to,
				       .length = (uint32_t)out[i].length};

		if (out[i].length > SIM_PACKET || (p.to < 0 && !p.to_many)) {
			errno = EHOSTUNREACH;
			continue;
		}
		memcpy(p.data, out[i].data, out[i].length);
		sim_send(sim_running, s->fd - SIM_FIRST_FD, &p,
			 out[i].stamp && sim_running->spec->kernel_stamps, out[i].token);
		sent++;
	}
	return sent;
}

/* ---- what the daemon says ---- */

void WRAP(ds_log)(enum ds_log_level level, const char *format, ...);
void WRAP(ds_log_fatal)(const char *format, ...);
void WRAP(ds_record_open)(const struct ds_conf *conf);
void WRAP(ds_record_measurement)(const struct ds_record_measurement *m);

__attribute__((format(printf, 2, 3))) void WRAP(ds_log)(enum ds_log_level level, const char *format,
							...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	sim_log(sim_running, level == DS_LOG_WARNING ? "Warning: " : "", text);
}

__attribute__((format(printf, 1, 2))) void WRAP(ds_log_fatal)(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	sim_log(sim_running, "Fatal: ", text);
}

/* The files of record.c stay closed: one process has many hosts. */
void WRAP(ds_record_open)(const struct ds_conf *conf)
{
	(void)conf;
}

void WRAP(ds_record_measurement)(const struct ds_record_measurement *m)
{
	const struct ds_exchange *x = m->exchange;

	/* of a reference clock the samples themselves are noted, see write_shm() */
	if (m->reason != DS_R_OK || x == NULL || sim_host_of(sim_running->world, m->remote) < 0)
		return;
	sim_note_exchange(sim_running, &(struct sim_exchange){
					       .at_ns = sim_running->world->now_ns,
					       .source = sim_host_of(sim_running->world, m->remote),
					       .kind = x->kind,
					       .t1_raw_ns = x->t1.raw_ns,
					       .t2_ns = x->t2_ns,
					       .t3_ns = x->t3_ns,
					       .t4_raw_ns = x->t4.raw_ns,
					       .offset_ns = x->offset_ns,
					       .delay_ns = x->delay_ns,
				       });
}
