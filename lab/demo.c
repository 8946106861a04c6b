/* demo: see the header. The true error is read from the client's shadow.log, a line a poll;
 * it must never end without having ended what it started, which the rig sees to. */
#include "lab/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/demo_report.h"
#include "lab/logs.h"
#include "lab/rig.h"
#include "os/clock.h"

enum { SERVER, CLIENT, DAEMONS };
static const char *const daemon_names[DAEMONS] = {"server", "client"};

struct demo {
	const struct ds_demo_config *config;
	FILE *out;
	FILE *json;
	struct ds_rig rig;
	struct ds_demo_seen seen;
	int link;
	int port;
	int program[DAEMONS]; /* -1: not started */
	char daemon[512];
	char conf[DAEMONS][DS_RIG_PATH + 32];
	char output[DAEMONS][DS_RIG_PATH + 32];
	char measurements[DS_RIG_PATH + 32];
	char shadow[DS_RIG_PATH + 32];
	int counted; /* daemons whose counters were seen */
};

/* A pid file that the rig removes, no command port, and nobody's rights to give up. */
static bool write_conf(const struct demo *d, int who, const char *text)
{
	FILE *file = fopen(d->conf[who], "w");

	if (!file)
		return false;
	fprintf(file, "%scmdport 0\nuser root\npidfile %s/%s.pid\nlogdir %s\n", text,
		d->rig.directory, daemon_names[who], d->rig.directory);
	return fclose(file) == 0;
}

static bool write_confs(struct demo *d)
{
	char server[256], client[256], address[DS_RIG_ADDRESS];

	ds_rig_address(&d->rig, d->link, 0, AF_INET, address);
	snprintf(server, sizeof(server), "local stratum 1\nallow\nport %d\nbindaddress %s\n",
		 d->port, address);
	snprintf(client, sizeof(client),
		 "server %s port %d minpoll %d maxpoll %d iburst%s\nport 0\n"
		 "log measurements statistics tracking shadow\nlogbanner 0\n",
		 address, d->port, d->config->poll_log2, d->config->poll_log2,
		 d->config->basic ? "" : " xleave");
	return write_conf(d, SERVER, server) && write_conf(d, CLIENT, client);
}

/* On loopback: the first free port from DS_DEMO_PORT on. */
static int free_port(void)
{
	for (int port = DS_DEMO_PORT; port < DS_DEMO_PORT + 100; port++) {
		struct sockaddr_in at = {.sin_family = AF_INET,
					 .sin_port = htons((uint16_t)port),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
		if (fd >= 0)
			close(fd);
		if (is_free)
			return port;
	}
	return DS_DEMO_PORT;
}

/* Beside this program: as installed in one folder, as in the build tree, as installed. */
static bool find_daemon(struct demo *d)
{
	static const char *const places[] = {"drivestampd", "../daemon/drivestampd",
					     "../sbin/drivestampd"};
	char self[384];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (d->config->daemon) {
		snprintf(d->daemon, sizeof(d->daemon), "%s", d->config->daemon);
		return access(d->daemon, X_OK) == 0;
	}
	self[length > 0 ? length : 0] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(d->daemon, sizeof(d->daemon), "%.*s/%s", (int)(slash - self), self,
			 places[i]);
		if (access(d->daemon, X_OK) == 0)
			return true;
	}
	snprintf(d->daemon, sizeof(d->daemon), "drivestampd"); /* by PATH */
	return true;
}

/* Two joined hosts; on loopback where there is no right to make them, and says so. */
static bool make_hosts(struct demo *d)
{
	char why[DS_RIG_WHY] = "asked for by --loopback";
	int error = -1;

	if (!d->config->loopback) {
		error = ds_rig_open(&d->rig, 2, false, why);
		if (error == 0)
			d->link = ds_rig_join(&d->rig, 0, 1, why);
		if (error == 0 && d->link < 0) {
			error = d->link;
			ds_rig_close(&d->rig);
		}
	}
	d->port = 123;
	if (error != 0) {
		fprintf(d->out, "Both hosts on loopback (%s).\n", why);
		if (ds_rig_open(&d->rig, 2, true, why) != 0) {
			fprintf(stderr, "drivestamp demo: %s\n", why);
			return false;
		}
		d->link = ds_rig_join(&d->rig, 0, 1, why);
		d->port = free_port();
	}
	d->seen.rig = d->rig.kind;
	return true;
}

static void set_paths(struct demo *d)
{
	const char *directory = d->rig.directory;

	for (int who = 0; who < DAEMONS; who++) {
		snprintf(d->conf[who], sizeof(d->conf[who]), "%s/%s.conf", directory,
			 daemon_names[who]);
		snprintf(d->output[who], sizeof(d->output[who]), "%s/%s.out", directory,
			 daemon_names[who]);
	}
	snprintf(d->measurements, sizeof(d->measurements), "%s/measurements.log", directory);
	snprintf(d->shadow, sizeof(d->shadow), "%s/shadow.log", directory);
}

static bool start(struct demo *d, int who)
{
	char clock[64], why[DS_RIG_WHY];
	const char *const server[] = {d->daemon, "-d", "-x", "-f", d->conf[SERVER], NULL};
	const char *const client[] = {d->daemon,       "-d", "--clock", clock, "-f",
				      d->conf[CLIENT], NULL};

	snprintf(clock, sizeof(clock), "virtual,offset=%g,freq=%g", DS_DEMO_OFFSET_S,
		 DS_DEMO_FREQ_PPM);
	d->program[who] =
		ds_rig_start(&d->rig, who, who == SERVER ? server : client, d->output[who], why);
	if (d->program[who] < 0)
		snprintf(d->seen.problem, sizeof(d->seen.problem), "cannot start the %s: %s",
			 daemon_names[who], why);
	return d->program[who] >= 0;
}

static void introduce(const struct demo *d)
{
	if (d->rig.kind == DS_RIG_NAMESPACES)
		fputs("Two hosts: network namespaces joined by veth. Real packets, kernel stamps.\n",
		      d->out);
	fprintf(d->out,
		"The server tells this machine's time. The client keeps a virtual clock that begins\n"
		"%.0f ms wrong and %.0f ppm fast, asks every %g s%s, and sets itself right.\n"
		"The machine's own clock is only read. %d seconds.\n\n",
		DS_DEMO_OFFSET_S * 1e3, DS_DEMO_FREQ_PPM, ldexp(1, d->config->poll_log2),
		d->config->basic ? "" : " for interleaved answers", d->config->seconds);
	fflush(d->out);
}

static void take_measurement(void *context, const char *line)
{
	struct ds_measured measured;

	if (ds_logs_measurement(line, &measured))
		ds_demo_saw_measurement(context, &measured);
}

static void take_shadow(void *context, const char *line)
{
	struct ds_shadow_line shadow;

	if (ds_logs_shadow(line, &shadow))
		ds_demo_saw_error(context, shadow.clock_minus_system_s);
}

/* The last lines that a daemon wrote, for people. */
struct last_lines {
	char line[4][200];
	int count;
};

static void keep_last(void *context, const char *line)
{
	struct last_lines *last = context;

	snprintf(last->line[last->count % 4], sizeof(last->line[0]), "%.190s", line);
	last->count++;
}

static void print_last_lines(const struct demo *d, int who)
{
	struct ds_tail tail = {.path = d->output[who]};
	struct last_lines last = {0};

	ds_tail_read(&tail, true, keep_last, &last);
	if (last.count > 0)
		fprintf(d->out, "The last lines of the %s:\n", daemon_names[who]);
	for (int i = last.count > 4 ? last.count - 4 : 0; i < last.count; i++)
		fprintf(d->out, "  %s\n", last.line[i % 4]);
}

static bool died(struct demo *d, int who)
{
	char how[64];

	if (d->program[who] < 0 || !ds_rig_ended(&d->rig, d->program[who]))
		return false;
	snprintf(d->seen.problem, sizeof(d->seen.problem), "the %s %s", daemon_names[who],
		 ds_rig_ending(&d->rig, d->program[who], how));
	return true;
}

/* Until the time is over (true), or something cut it short. */
static bool watch(struct demo *d)
{
	struct ds_tail measurements = {.path = d->measurements};
	struct ds_tail shadow = {.path = d->shadow};
	struct ds_demo_screen screen;
	int64_t begin_ns = ds_monotonic_ns();

	ds_demo_screen_begin(&screen, d->out);
	do {
		bool asked = ds_rig_wait(250) != 0;
		d->seen.elapsed_s = (double)(ds_monotonic_ns() - begin_ns) * 1e-9;
		ds_tail_read(&measurements, false, take_measurement, &d->seen);
		ds_tail_read(&shadow, false, take_shadow, &d->seen);
		ds_demo_screen_show(&screen, &d->seen);
		if (asked) {
			snprintf(d->seen.problem, sizeof(d->seen.problem), "interrupted (%s)",
				 strsignal(ds_rig_signal()));
			return false;
		}
		if (died(d, SERVER) || died(d, CLIENT))
			return false;
		if (ferror(d->out)) {
			snprintf(d->seen.problem, sizeof(d->seen.problem),
				 "nobody reads the output any more");
			return false;
		}
	} while (d->seen.elapsed_s < d->config->seconds);
	return true;
}

struct counter_sum {
	uint64_t lost;
	bool found;
};

static void take_counters(void *context, const char *line)
{
	struct counter_sum *sum = context;
	uint64_t value;

	if (ds_logs_counter(line, "stamp-missing", &value)) {
		sum->lost = value;
		sum->found = true;
	}
}

static uint64_t lost_stamps(struct demo *d, int who)
{
	struct ds_tail tail = {.path = d->output[who]};
	struct counter_sum sum = {0};

	ds_tail_read(&tail, true, take_counters, &sum);
	d->counted += sum.found;
	return sum.lost;
}

/* The client first: else it would lose its last answers. */
static void end_daemons(struct demo *d)
{
	for (int who = DAEMONS - 1; who >= 0; who--) {
		if (d->program[who] < 0)
			continue;
		if (!ds_rig_stop(&d->rig, d->program[who], 3000) && d->seen.problem[0] == '\0')
			snprintf(d->seen.problem, sizeof(d->seen.problem),
				 "the %s did not end when asked to (SIGTERM)", daemon_names[who]);
	}
	d->seen.client_lost = lost_stamps(d, CLIENT);
	d->seen.server_lost = lost_stamps(d, SERVER);
	d->seen.has_counters = d->counted == DAEMONS;
}

/* Opened at the start, so that a wrong path does not cost a minute. */
static bool open_json(struct demo *d)
{
	const char *path = d->config->json_path;
	int fd;

	d->out = stdout;
	if (!path)
		return true;
	if (strcmp(path, "-") == 0) {
		d->out = stderr;
		d->json = stdout;
		return true;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	d->json = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!d->json)
		fprintf(stderr, "drivestamp demo: cannot write %s: %s\n", path, strerror(errno));
	return d->json != NULL;
}

static bool write_json(struct demo *d)
{
	if (!d->json)
		return true;
	if (d->json != stdout)
		(void)!ftruncate(fileno(d->json), 0); /* fails on a pipe, where it is not needed */
	ds_demo_print_json(&d->seen, d->json);
	bool done = !ferror(d->json);
	if (d->json != stdout)
		done = fclose(d->json) == 0 && done;
	if (!done)
		fprintf(stderr, "drivestamp demo: cannot write %s\n", d->config->json_path);
	return done;
}

static void run(struct demo *d)
{
	bool whole;

	set_paths(d);
	introduce(d);
	if (!write_confs(d)) {
		snprintf(d->seen.problem, sizeof(d->seen.problem), "cannot write in %s: %s",
			 d->rig.directory, strerror(errno));
		return;
	}
	if (!start(d, SERVER))
		return;
	ds_rig_wait(200); /* the server opens its socket */
	if (ds_rig_signal() == 0 && !start(d, CLIENT))
		return;
	whole = watch(d);
	end_daemons(d);
	if (!whole && ds_rig_signal() == 0) {
		print_last_lines(d, SERVER);
		print_last_lines(d, CLIENT);
	}
}

int ds_demo_run(const struct ds_demo_config *config)
{
	/* Not on the stack: the rig closes it in atexit() if all else fails. */
	static struct demo d;
	bool worked;

	d = (struct demo){.config = config, .program = {-1, -1}};
	d.seen.config = config;
	if (!open_json(&d))
		return 1;
	if (!find_daemon(&d)) {
		fprintf(stderr, "drivestamp demo: cannot run %s: %s\n", d.daemon, strerror(errno));
		return 1;
	}
	if (!make_hosts(&d))
		return 1;
	run(&d);
	ds_rig_close(&d.rig);
	ds_demo_print(&d.seen, d.out);
	worked = ds_demo_verdict(&d.seen) == NULL;
	worked = write_json(&d) && worked;
	ds_demo_forget(&d.seen);
	return worked ? 0 : 1;
}
