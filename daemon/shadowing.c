/* shadowing: see shadowing.h. */
#include "daemon/shadowing.h"

#include <errno.h>
#include <math.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/conf_refclock.h"
#include "daemon/log.h"
#include "include/drivestamp/bound.h"

#define NS_PER_S	  INT64_C(1000000000)
#define WATCH_NS	  NS_PER_S /* CLOCK_REALTIME is looked at, at least */
#define LINES_A_POLL_LOG2 4
#define LINE_LEAST_LOG2	  (-6)
#define LINE_MOST_LOG2	  4
#define KEEPERS_NS	  (60 * NS_PER_S)
#define RATE_EVENT_NS	  (10 * NS_PER_S) /* who steers each second would fill the log */
#define RATE_LEAST_PPB	  1.0
#define SLEW_UNSEEN_PPB	  500e3 /* adjtime() and the kernel's PLL, which the rate does not show */
#define STEP_LEAST_NS	  20000.0
#define SLEEP_LEAST_NS	  (INT64_C(100) * 1000000)

/* ---- what is left of a configuration ---- */

struct pruning {
	ds_conf_say *say;
	void *context;
	const char *file;
};

__attribute__((format(printf, 4, 5))) static void note(const struct pruning *p, const char *file,
						       int line, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	p->say(p->context, false, file != NULL ? file : p->file, line, text);
}

static void prune_sources(struct ds_conf *conf, const struct pruning *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < conf->source_count; i++) {
		const struct ds_conf_source *s = &conf->sources[i];

		if (ds_conf_by_ptp(conf, s))
			note(p, s->file, s->line,
			     "a source by 'ptpport' is left out in shadow: that port is the other "
			     "daemon's");
		else if (s->kind == DS_SOURCE_CLIENT)
			conf->sources[kept++] = *s;
		else
			note(p, s->file, s->line,
			     "a peer is left out in shadow: its port is the other daemon's");
	}
	conf->source_count = kept;
	for (int i = 0; i < conf->listen_count; i++)
		note(p, conf->listens[i].source.file, conf->listens[i].source.line,
		     "'%s' is left out in shadow: the port is the other daemon's",
		     conf->listens[i].source.name);
	for (int i = 0; i < conf->broadcast_count; i++)
		note(p, conf->broadcasts[i].file, conf->broadcasts[i].line,
		     "'broadcast' is left out in shadow: nothing is served");
	conf->listen_count = conf->broadcast_count = 0;
}

/* What using the clock would do to who uses it now; NULL: nothing. */
static const char *refclock_harm(const struct ds_conf *conf, const struct ds_conf_refclock *c)
{
	switch (c->driver) {
	case DS_REFCLOCK_SHM:
		return "who reads a sample takes it from the other daemon";
	case DS_REFCLOCK_SOCK:
		return "the socket is the other daemon's";
	case DS_REFCLOCK_PPS:
		return "what the device captures would be set";
	case DS_REFCLOCK_RTC:
		return "the device has one reader";
	default:
		if (c->extpps)
			return "a pin would be set";
		return c->lock[0] != '\0' && ds_conf_refclock_lock(conf, c) < 0
			       ? "the clock it is locked to is left out"
			       : NULL;
	}
}

/* Twice: what is left out may be what another is locked to. */
static void prune_refclocks(struct ds_conf *conf, const struct pruning *p)
{
	for (int round = 0; round < 2; round++) {
		uint8_t kept = 0;

		for (int i = 0; i < conf->refclock_count; i++) {
			const struct ds_conf_refclock *c = &conf->refclocks[i];
			const char *harm = refclock_harm(conf, c);

			if (harm == NULL)
				conf->refclocks[kept++] = *c;
			else
				note(p, c->source.file, c->source.line,
				     "'refclock' %s is left out in shadow: %s", c->ref_id, harm);
		}
		conf->refclock_count = kept;
	}
}

static void prune_serving(struct ds_conf *conf, const struct pruning *p)
{
	if (ds_access_any(&conf->access))
		note(p, NULL, 0, "'allow' is left out in shadow: nothing is served");
	if (conf->local)
		note(p, NULL, 0, "'local' is left out in shadow: nothing is served");
	if (conf->acquisition_port != 0)
		note(p, NULL, 0,
		     "'acquisitionport' is left out in shadow: the port is the other daemon's");
	memset(&conf->access, 0, sizeof(conf->access));
	conf->local = false;
	conf->port = conf->acquisition_port = conf->ptp_port = 0;
}

/* A file that is written, or a device that is set. */
static void prune_path(const struct pruning *p, const char *word, char *path, const char *usual)
{
	if (path[0] != '\0' && strcmp(path, usual) != 0)
		note(p, NULL, 0, "'%s' is left out in shadow: %s is not touched", word, path);
	path[0] = '\0';
}

bool ds_shadowing_conf(struct ds_conf *conf, const char *directory, const char *file,
		       ds_conf_say *say, void *context)
{
	const struct pruning p = {say, context, file};
	static struct ds_conf usual; /* too large for a stack */

	if (strlen(directory) > DS_CONF_PATH - 32) {
		say(context, true, file, 0, "--shadow: the folder's name is too long");
		return false;
	}
	ds_conf_defaults(&usual);
	prune_sources(conf, &p);
	prune_refclocks(conf, &p);
	prune_serving(conf, &p);
	prune_path(&p, "pidfile", conf->pid_file, usual.pid_file);
	prune_path(&p, "boundfile", conf->bound_file, usual.bound_file);
	prune_path(&p, "controlsocket", conf->control_socket, usual.control_socket);
	prune_path(&p, "rtcfile", conf->rtc_file, "");
	prune_path(&p, "driftfile", conf->drift_file, "");
	prune_path(&p, "logdir", conf->log_dir, "");
	if (conf->rtc_sync)
		note(&p, NULL, 0, "'rtcsync' is left out in shadow: the kernel is told nothing");
	conf->rtc_sync = false;
	snprintf(conf->log_dir, sizeof(conf->log_dir), "%s", directory);
	snprintf(conf->control_socket, sizeof(conf->control_socket), "%s/control.sock", directory);
	snprintf(conf->drift_file, sizeof(conf->drift_file), "%s/drift", directory);
	return true;
}

/* ---- the files ---- */

int ds_shadowing_make_directory(const struct ds_conf *conf, char why[DS_WHY])
{
	const struct passwd *owner = NULL;
	struct stat status;

	if (mkdir(conf->log_dir, 0755) == 0) {
		if (conf->user[0] != '\0' && geteuid() == 0)
			owner = getpwnam(conf->user);
		if (owner == NULL || chown(conf->log_dir, owner->pw_uid, owner->pw_gid) == 0)
			return 0;
	} else if (errno == EEXIST) {
		if (stat(conf->log_dir, &status) == 0 && S_ISDIR(status.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	int error = errno;

	snprintf(why, DS_WHY, "--shadow: cannot make the folder %.160s: %s", conf->log_dir,
		 strerror(error));
	return -error;
}

static double seconds(int64_t ns)
{
	return (double)ns * 1e-9;
}

/* Date and time, the raw scale, the letter. */
static void begin_line(FILE *out, int64_t realtime_ns, int64_t raw_ns, char letter)
{
	time_t second = (time_t)(realtime_ns / NS_PER_S);
	char text[32] = "";
	struct tm utc;

	if (gmtime_r(&second, &utc) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &utc);
	fprintf(out, "%s.%09d %lld.%09d %c", text, (int)(realtime_ns % NS_PER_S),
		(long long)(raw_ns / NS_PER_S), (int)(raw_ns % NS_PER_S), letter);
}

static void end_line(FILE **file, const char *name)
{
	fputc('\n', *file);
	if (!ferror(*file))
		return;
	ds_log(DS_LOG_WARNING, "cannot write %s any more: %s", name, strerror(errno));
	fclose(*file);
	*file = NULL;
}

#define EXCHANGES "shadow_exchanges.log"
#define CLOCKS	  "shadow_clocks.log"
#define EVENTS	  "shadow_events.log"

__attribute__((format(printf, 4, 5))) static void event(struct ds_shadowing *s, int64_t realtime_ns,
							int64_t raw_ns, const char *format, ...)
{
	va_list arguments;

	if (s->events == NULL)
		return;
	begin_line(s->events, realtime_ns, raw_ns, 'E');
	fputc(' ', s->events);
	va_start(arguments, format);
	vfprintf(s->events, format, arguments);
	va_end(arguments);
	end_line(&s->events, EVENTS);
}

static FILE *open_file(const struct ds_shadowing *s, const char *directory, const char *name,
		       const char *header)
{
	char path[DS_CONF_PATH + 32];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "ae");
	if (file == NULL) {
		ds_log(DS_LOG_WARNING, "cannot write %s: %s", path, strerror(errno));
		return NULL;
	}
	setvbuf(file, NULL, _IOLBF, 1024);
	/* The run before may have ended within a line. */
	if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > 0)
		fputc('\n', file);
	fprintf(file, "   Date (UTC) Time                  Raw %s\n", header);
	begin_line(file, s->seen_realtime_ns, s->seen_raw_ns, 'S');
	fprintf(file, " drivestampd " DS_VERSION " %ld", (long)getpid());
	end_line(&file, path);
	return file;
}

static int64_t interval_ns(const struct ds_conf *conf)
{
	int least = LINE_MOST_LOG2 + LINES_A_POLL_LOG2;

	for (size_t i = 0; i < conf->source_count; i++)
		if (conf->sources[i].minpoll < least)
			least = conf->sources[i].minpoll;
	for (int i = 0; i < conf->refclock_count; i++)
		if (conf->refclocks[i].poll_log2 < least)
			least = conf->refclocks[i].poll_log2;
	/* A line a second at least, if polls are short: below it, one a poll. */
	if (least > 0)
		least = least > LINES_A_POLL_LOG2 ? least - LINES_A_POLL_LOG2 : 0;
	if (least < LINE_LEAST_LOG2)
		least = LINE_LEAST_LOG2;
	return (int64_t)ldexp((double)NS_PER_S, least);
}

void ds_shadowing_open(struct ds_shadowing *s, const struct ds_conf *conf, struct ds_clock *clock,
		       const struct ds_timekeeper *timekeeper)
{
	const char *directory = conf->log_dir;
	struct ds_reading now;

	memset(s, 0, sizeof(*s));
	s->clock = clock;
	s->timekeeper = timekeeper;
	s->on = true;
	s->interval_ns = interval_ns(conf);
	s->seen_realtime_ns = ds_clock_read_beside(clock, &now);
	s->seen_raw_ns = now.raw_ns;
	s->suspended_ns = ds_suspended_ns();
	ds_keeper_kernel(&s->kernel);
	s->told_rate_ppb = s->kernel.rate_ppb;
	ds_clock_take_step(clock);
	ds_clock_take_jump(clock);
	s->exchanges =
		open_file(s, directory, EXCHANGES,
			  "  Address         M  TR St   Our offset  Sys. offset        Delay     "
			  "Distance Poll");
	s->clocks = open_file(s, directory, CLOCKS,
			      "  Ours-system        Bound         Hard   Freq ppm  Remaining "
			      "Sys. rate ppm Fl");
	s->events = open_file(s, directory, EVENTS, "  Event");
	event(s, s->seen_realtime_ns, s->seen_raw_ns, "system-rate %+.6f %+.6f 0",
	      s->kernel.rate_ppb * 1e-3, s->kernel.rate_ppb * 1e-3);
	event(s, s->seen_realtime_ns, s->seen_raw_ns, "system-status %s%s",
	      s->kernel.synchronised ? "synchronised" : "unsynchronised",
	      s->kernel.pll ? " pll" : "");
}

/* ---- exchanges ---- */

void ds_shadowing_stamp(struct ds_shadowing *s, int64_t raw_ns, int64_t realtime_ns)
{
	s->stamps[s->stamps_next++ % DS_SHADOWING_STAMPS] =
		(struct ds_shadowing_stamp){raw_ns, realtime_ns};
}

/* What CLOCK_REALTIME showed at an arrival; where that was not kept, by what lies between the two
 * clocks now. */
static int64_t realtime_at(const struct ds_shadowing *s, const struct ds_rx_stamp *t4)
{
	for (uint32_t i = 1; i <= DS_SHADOWING_STAMPS && i <= s->stamps_next; i++) {
		const struct ds_shadowing_stamp *stamp =
			&s->stamps[(s->stamps_next - i) % DS_SHADOWING_STAMPS];

		if (stamp->raw_ns == t4->raw_ns)
			return stamp->realtime_ns;
	}
	return t4->clock_ns - ds_clock_minus_realtime_ns(s->clock);
}

void ds_shadowing_exchange(struct ds_shadowing *s, const struct ds_shadowing_exchange *e)
{
	const struct ds_exchange *x = e->exchange;
	char address[DS_ADDRESS_TEXT];
	int64_t realtime_ns;

	if (s->exchanges == NULL)
		return;
	realtime_ns = realtime_at(s, &x->t4);
	begin_line(s->exchanges, realtime_ns, x->t4.raw_ns, 'X');
	/* Both offsets are of T4: the source less ours, and less ours and what ours is ahead. */
	fprintf(s->exchanges, " %-15s %u%c %c%c %2d %12.9f %12.9f %12.9f %12.9f %3d",
		ds_address_text(e->remote, false, address), e->mode,
		ds_exchange_is_interleaved(x->kind) ? 'I' : 'B', ds_stamp_letter(x->t1.source),
		ds_stamp_letter(x->t4.source), x->remote.stratum, seconds(x->offset_ns),
		seconds(x->offset_ns + (x->t4.clock_ns - realtime_ns)), seconds(x->delay_ns),
		seconds((x->delay_ns + x->remote.root_delay_ns) / 2 + x->remote.root_dispersion_ns),
		e->poll_log2);
	end_line(&s->exchanges, EXCHANGES);
}

/* ---- the two clocks ---- */

static void print_bound(FILE *out, int64_t ns)
{
	if (ns >= DS_BOUND_UNKNOWN_NS)
		fprintf(out, " %12s", "-");
	else
		fprintf(out, " %12.9f", seconds(ns));
}

static void write_clocks(struct ds_shadowing *s)
{
	const struct ds_timekeeper *tk = s->timekeeper;
	struct ds_bound_value bound;
	struct ds_reading now;
	int64_t realtime_ns;

	if (s->clocks == NULL)
		return;
	realtime_ns = ds_clock_read_beside(s->clock, &now);
	ds_bounds_at(&tk->bounds, &now, &bound);
	begin_line(s->clocks, realtime_ns, now.raw_ns, 'C');
	fprintf(s->clocks, " %12.9f", seconds(now.clock_ns - realtime_ns));
	print_bound(s->clocks, bound.bound_ns);
	print_bound(s->clocks, bound.hard_ns);
	fprintf(s->clocks, " %10.6f %12.9f %10.6f %c%c", ds_timekeeper_freq_ppb(tk) * 1e-3,
		seconds(ds_discipline_remaining_ns(&tk->discipline, &now)),
		s->kernel.rate_ppb * 1e-3, tk->reference.synchronised ? 'S' : '-',
		s->kernel.synchronised ? 'S' : '-');
	end_line(&s->clocks, CLOCKS);
}

/* ---- what others do to CLOCK_REALTIME ---- */

/* Did it go where its rate would have taken it? What the kernel may have slewed is no step: who
 * changed the rate did so at some moment since the last look. */
static void watch_steps(struct ds_shadowing *s, const struct ds_keeper_kernel *kernel,
			int64_t realtime_ns, int64_t raw_ns)
{
	const double passed_ns = (double)(raw_ns - s->seen_raw_ns);
	const double moved_ns = (double)(realtime_ns - s->seen_realtime_ns) - passed_ns -
				passed_ns * s->kernel.rate_ppb * 1e-9;
	const double slew_ppb = fabs(kernel->rate_ppb - s->kernel.rate_ppb) + SLEW_UNSEEN_PPB;

	if (fabs(moved_ns) > STEP_LEAST_NS + passed_ns * slew_ppb * 1e-9)
		event(s, realtime_ns, raw_ns, "system-step %+.9f", moved_ns * 1e-9);
}

/* Returns whether there was anything to tell. */
static bool tell_rate(struct ds_shadowing *s, int64_t realtime_ns, int64_t raw_ns, double rate_ppb)
{
	if (s->rate_changes == 0)
		return false;
	event(s, realtime_ns, raw_ns, "system-rate %+.6f %+.6f %u", s->told_rate_ppb * 1e-3,
	      rate_ppb * 1e-3, (unsigned)s->rate_changes);
	s->told_rate_ppb = rate_ppb;
	s->rate_changes = 0;
	return true;
}

static void watch_rate(struct ds_shadowing *s, const struct ds_keeper_kernel *kernel,
		       int64_t realtime_ns, int64_t raw_ns, int64_t now_ns)
{
	s->rate_changes += fabs(kernel->rate_ppb - s->kernel.rate_ppb) >= RATE_LEAST_PPB;
	if (now_ns < s->rate_due_ns || !tell_rate(s, realtime_ns, raw_ns, kernel->rate_ppb))
		return;
	s->rate_due_ns = now_ns + RATE_EVENT_NS;
}

static void watch_keepers(struct ds_shadowing *s, int64_t realtime_ns, int64_t raw_ns,
			  int64_t now_ns)
{
	char keepers[DS_SHADOWING_KEEPERS];
	bool first = s->keepers_due_ns == 0;

	if (now_ns < s->keepers_due_ns)
		return;
	s->keepers_due_ns = now_ns + KEEPERS_NS;
	ds_keeper_processes(keepers, sizeof(keepers));
	if (!first && strcmp(keepers, s->keepers) == 0)
		return;
	memcpy(s->keepers, keepers, sizeof(keepers));
	event(s, realtime_ns, raw_ns, "keepers %s", keepers[0] != '\0' ? keepers : "-");
	if (first)
		ds_log(DS_LOG_NOTICE, "who may keep this machine's clock: %s",
		       keepers[0] != '\0' ? keepers : "no process that is known for it");
}

static void watch(struct ds_shadowing *s, int64_t now_ns)
{
	const int64_t suspended_ns = ds_suspended_ns();
	const int64_t step_ns = ds_clock_take_step(s->clock);
	struct ds_keeper_kernel kernel;
	struct ds_reading now;
	const int64_t realtime_ns = ds_clock_read_beside(s->clock, &now);

	ds_keeper_kernel(&kernel);
	if (suspended_ns - s->suspended_ns >= SLEEP_LEAST_NS)
		event(s, realtime_ns, now.raw_ns, "slept %.9f",
		      seconds(suspended_ns - s->suspended_ns));
	else
		watch_steps(s, &kernel, realtime_ns, now.raw_ns);
	if (step_ns != 0)
		event(s, realtime_ns, now.raw_ns, "own-step %+.9f", seconds(step_ns));
	if (kernel.synchronised != s->kernel.synchronised || kernel.pll != s->kernel.pll)
		event(s, realtime_ns, now.raw_ns, "system-status %s%s",
		      kernel.synchronised ? "synchronised" : "unsynchronised",
		      kernel.pll ? " pll" : "");
	watch_rate(s, &kernel, realtime_ns, now.raw_ns, now_ns);
	watch_keepers(s, realtime_ns, now.raw_ns, now_ns);
	s->suspended_ns = suspended_ns;
	s->seen_realtime_ns = realtime_ns;
	s->seen_raw_ns = now.raw_ns;
	s->kernel = kernel;
}

void ds_shadowing_update(struct ds_shadowing *s)
{
	if (s->on)
		write_clocks(s);
}

int64_t ds_shadowing_next_ns(const struct ds_shadowing *s)
{
	return s->on ? s->due_ns : INT64_MAX;
}

void ds_shadowing_run(struct ds_shadowing *s, int64_t now_ns)
{
	if (!s->on || now_ns < s->due_ns)
		return;
	watch(s, now_ns);
	if (now_ns >= s->clocks_due_ns) {
		write_clocks(s);
		s->clocks_due_ns = now_ns + s->interval_ns;
	}
	s->due_ns = now_ns + (s->interval_ns < WATCH_NS ? s->interval_ns : WATCH_NS);
}

static void close_file(FILE **file)
{
	if (*file != NULL)
		fclose(*file);
	*file = NULL;
}

void ds_shadowing_close(struct ds_shadowing *s)
{
	if (s->on) {
		write_clocks(s);
		tell_rate(s, s->seen_realtime_ns, s->seen_raw_ns, s->kernel.rate_ppb);
	}
	close_file(&s->exchanges);
	close_file(&s->clocks);
	close_file(&s->events);
	s->on = false;
}
