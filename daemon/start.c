/* start: see start.h. */
#include "daemon/start.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/record.h"
#include "daemon/report.h"
#include "os/clock_watch.h"

#define BYTES_PER_CLIENT 128 /* of clientloglimit, which counts chrony's */

/* Where no directive names a key, it is the server alone that has none without its file: it leaves
 * requests with a MAC unanswered, which harms nobody. */
bool ds_start_keys(struct ds_daemon *d)
{
	const struct ds_conf *conf = &d->conf;
	struct ds_conf_key key;
	bool named = false;
	bool loaded;
	bool known = true;

	if (!ds_leaping_check(conf))
		return false;
	if (conf->key_file[0] == '\0')
		return true;
	for (size_t i = 0; ds_conf_key(conf, i, &key); i++)
		named |= key.id != 0;
	if (!named && access(conf->key_file, R_OK) != 0) {
		ds_log(DS_LOG_WARNING,
		       "%s: cannot read the keys: %s; requests with a MAC get no answer",
		       conf->key_file, strerror(errno));
		return true;
	}
	loaded = ds_keys_load(&d->keys, conf->key_file, ds_log_say, NULL);
	for (size_t i = 0; loaded && ds_conf_key(conf, i, &key); i++)
		known &= ds_keys_require(&d->keys, key.id, key.file, key.line, ds_log_say, NULL);
	if (!loaded || !known)
		ds_log_fatal("the keys have errors");
	return loaded && known;
}

/* One line for all sockets where the kernel does not stamp. */
static void say_stamping(struct ds_daemon *d)
{
	struct ds_socket probe;
	bool receive;
	bool transmit;

	if (ds_socket_open_keeper(&probe, d->conf.ipv4 ? AF_INET : AF_INET6) != 0)
		return;
	receive = probe.stamping.receive;
	transmit = probe.stamping.transmit;
	ds_socket_close(&probe);
	d->kernel_receive = receive;
	d->kernel_transmit = transmit;
	if (receive && transmit)
		return;
	ds_log(DS_LOG_WARNING, "no kernel stamps of %s packets: %s",
	       receive	  ? "sent"
	       : transmit ? "received"
			  : "sent and received",
	       transmit ? "the clock is read when a packet is seen"
			: "the clock is read in this process, and answers are never interleaved");
}

/* Opened while there are rights, though none is needed where nothing confines us. */
static void open_route(struct ds_daemon *d)
{
	int rc = ds_route_open(&d->route);

	if (rc != 0)
		ds_log(DS_LOG_WARNING,
		       "no netlink (%s): by which interface an answer comes is not checked",
		       strerror(-rc));
}

/* While there are rights: the folder is often root's. The default path is of a service, whose
 * folder others do not have. */
static void open_bound_page(struct ds_daemon *d)
{
	const char *path = d->conf.bound_file;
	char why[DS_WHY];
	int rc;

	if (d->once != DS_ONCE_NO || path[0] == '\0')
		return;
	rc = ds_bound_page_open(&d->bound_page, path, why);
	if (rc == 0 || (strcmp(path, DRIVESTAMP_BOUND_PATH) == 0 &&
			(rc == -ENOENT || rc == -EACCES || rc == -EROFS)))
		return;
	ds_log(DS_LOG_WARNING, "boundfile %s; the bound is not told there", why);
}

/* NULL where none is asked for: then nothing is looked for in any packet. */
static struct ds_cards *cards_of(struct ds_daemon *d)
{
	return d->cards.conf != NULL ? &d->cards : NULL;
}

/* Whom we serve is remembered, unless `noclientlog` says not to. */
static bool open_clients(struct ds_daemon *d)
{
	uint64_t records = d->conf.client_log_limit / BYTES_PER_CLIENT;
	struct ds_reading now;

	if (d->conf.no_client_log || (ds_serve_socket(&d->serve, AF_INET, DS_PTP_NONE)->fd < 0 &&
				      ds_serve_socket(&d->serve, AF_INET6, DS_PTP_NONE)->fd < 0))
		return true;
	if (records > DS_CLIENTS_MOST)
		records = DS_CLIENTS_MOST;
	ds_clock_read(&d->clock, &now);
	if (!ds_clients_open(&d->clients, (uint32_t)records, ~d->serve.prefix_key, now.raw_ns)) {
		ds_log_fatal("no memory for %u clients (clientloglimit)", (unsigned)records);
		return false;
	}
	d->serve.clients = &d->clients;
	return true;
}

bool ds_start_open(struct ds_daemon *d)
{
	if (d->conf.clock_precision_s > 0.0)
		d->clock.precision_ns = (int64_t)fmax(d->conf.clock_precision_s * 1e9, 1.0);
	d->batch = ds_batch_new();
	if (d->batch == NULL) {
		ds_log_fatal("no memory");
		return false;
	}
	ds_cards_open(&d->cards, &d->conf, &d->clock, &d->counters);
	/* Who only looks once serves nobody, but may ask by `ptpport`. */
	if (d->once != DS_ONCE_NO) {
		d->conf.port = 0;
		memset(&d->conf.access, 0, sizeof d->conf.access);
		d->conf.makestep_threshold_s = 1e-9;
		d->conf.makestep_limit = -1;
	}
	if (!ds_serve_open(&d->serve, &d->conf, &d->keys, &d->clock, &d->timekeeper, d->batch,
			   &d->counters))
		return false;
	if (!open_clients(d))
		return false;
	d->serve.cards = cards_of(d);
	d->serve.route = &d->route;
	say_stamping(d);
	open_route(d);
	open_bound_page(d);
	ds_control_none(&d->control);
	if (d->once == DS_ONCE_NO)
		ds_control_open(&d->control, &d->conf);
	ds_commanding_none(&d->commanding);
	if (d->once == DS_ONCE_NO && !d->conf.shadow)
		ds_commanding_open(&d->commanding, &d->conf);
	ds_rtckeeper_open(&d->rtckeeper, &d->conf);
	if (!ds_refclocks_open(&d->refclocks, &d->conf))
		ds_log_fatal("a reference clock cannot be had");
	else if (ds_phckeeper_fits(&d->phckeeper, &d->refclocks))
		return true;
	ds_refclocks_close(&d->refclocks);
	return false;
}

static bool take_broadcast(void *context, const struct ds_datagram *datagram,
			   const struct ds_reading *now)
{
	struct ds_daemon *d = context;

	(void)now;
	if ((datagram->data[0] & 7) != DS_MODE_BROADCAST ||
	    d->hearing.line_count + d->broadcasting.count == 0)
		return false;
	ds_hearing_receive(&d->hearing, datagram);
	return true;
}

static void take_broadcast_stamp(void *context, const struct ds_datagram *datagram)
{
	struct ds_daemon *d = context;

	ds_broadcasting_stamp(&d->broadcasting, datagram);
}

static void start_broadcasts(struct ds_daemon *d)
{
	const struct ds_serve_other other = {
		.context = d,
		.packet = take_broadcast,
		.stamp = take_broadcast_stamp,
		.first_token = DS_BROADCASTING_TOKENS,
	};

	if (d->once != DS_ONCE_NO || d->conf.broadcast_count + d->conf.listen_count == 0)
		return;
	ds_broadcasting_init(&d->broadcasting, &d->conf, &d->serve, &d->keys);
	ds_hearing_init(&d->hearing, &d->conf, &d->sources, &d->serve, &d->keys);
	ds_serve_join(&d->serve, &other);
}

void ds_start_work(struct ds_daemon *d)
{
	struct ds_source_context context;

	d->started_ns = ds_monotonic_ns();
	d->clock_watch = -1;
	if (d->steer && d->clock.kind == DS_CLOCK_SYSTEM)
		d->clock_watch = ds_clock_watch_open();
	ds_record_open(&d->conf);
	if (d->set_from_rtc && d->steer)
		ds_rtckeeper_set_clock(&d->rtckeeper, &d->clock);
	ds_timekeeper_init(&d->timekeeper, &d->conf, &d->clock, d->steer, &d->bound_page);
	d->timekeeper.quiet = d->once != DS_ONCE_NO;
	if (d->conf.shadow)
		ds_shadowing_open(&d->shadowing, &d->conf, &d->clock, &d->timekeeper);
	context = (struct ds_source_context){
		.conf = &d->conf,
		.clock = &d->clock,
		.batch = d->batch,
		.counters = &d->counters,
		.serve = &d->serve,
		.route = &d->route,
		.cards = cards_of(d),
		.keys = &d->keys,
		.leaps = &d->timekeeper.leaping.leaps,
		.freq_ppb = ds_timekeeper_freq_ppb(&d->timekeeper),
		.shadowing = d->conf.shadow ? &d->shadowing : NULL,
		.history = d->once == DS_ONCE_NO ? &d->history : NULL,
	};
	ds_sources_init(&d->sources, &context);
	ds_refclocks_start(&d->refclocks, &d->sources, &d->timekeeper);
	ds_rtckeeper_start(&d->rtckeeper, &d->timekeeper);
	start_broadcasts(d);
}

void ds_start_close(struct ds_daemon *d)
{
	ds_timekeeper_close(&d->timekeeper);
	ds_bound_page_close(&d->bound_page);
	ds_report(d);
	ds_control_close(&d->control);
	ds_commanding_close(&d->commanding);
	if (d->clock_watch >= 0)
		close(d->clock_watch);
	ds_cards_close(&d->cards);
	ds_sources_close(&d->sources);
	ds_phckeeper_close(&d->phckeeper);
	ds_refclocks_close(&d->refclocks);
	ds_rtckeeper_close(&d->rtckeeper);
	ds_route_close(&d->route);
	ds_serve_close(&d->serve);
	ds_clients_close(&d->clients);
	ds_keys_free(&d->keys);
	ds_batch_free(d->batch);
	ds_shadowing_close(&d->shadowing);
	ds_record_close();
}
