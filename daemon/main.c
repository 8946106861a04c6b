/*
 * drivestampd: reads its configuration, opens what it needs, gives up rights it does not need,
 * and runs the loop.
 * It must never touch the clock before the configuration is known to be good, nor leave a pid
 * file or a changed rate behind when it fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/exchange/interleave.h"
#include "daemon/conf_clock.h"
#include "daemon/confine.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/start.h"
#include "os/file.h"
#include "os/notify.h"
#include "os/privilege.h"

#define FILTER_UNSAID 100
#define DEFAULT_CONF  "/etc/drivestamp/drivestamp.conf"

struct options {
	const char *file;
	const char *user;
	const char *clock;
	const char *shadow_folder; /* NULL: the default */
	bool shadow, foreground, to_stderr, no_steer, from_rtc, print, only4, only6;
	enum ds_once once;
	double timeout_s;
	const char *log_file;
	int log_level; /* -L: 0 info, 1 warning, 2 and 3 errors, as chronyd's */
	int filter;    /* -F: 0 off, else on; FILTER_UNSAID */
};

static struct ds_daemon the_daemon; /* all memory there is, but for the slots and the batch */

static void usage(FILE *out)
{
	fputs("Usage: drivestampd [OPTION]... [DIRECTIVE]...\n"
	      "  -f FILE   configuration (default " DEFAULT_CONF ")\n"
	      "  -d        stay in the foreground, messages to stderr\n"
	      "  -n        stay in the foreground, messages to syslog\n"
	      "  -s        set the clock from the real-time clock first (rtcfile)\n"
	      "  -x        measure and serve, but do not touch the clock\n"
	      "  -q        set the clock once and end; -Q: only say how wrong it is\n"
	      "  -t SEC    end after so many seconds\n"
	      "  -p        check the configuration, print it back and end\n"
	      "  -u USER   become USER after start-up\n"
	      "  -l FILE   messages to FILE; -L LEVEL: 0 all, 1 warnings and errors, 2 errors\n"
	      "  -F LEVEL  0: no sandbox; else the one that the configuration asks for, or all\n"
	      "  -4, -6    IPv4 only, IPv6 only\n"
	      "  -v        print the version and end\n"
	      "  --clock system | virtual[,offset=SECONDS,freq=PPM] | DEVICE|INTERFACE[,tai]\n"
	      "            the clock to keep: the machine's, one inside this process, or a card's\n"
	      "  --shadow[=DIR]\n"
	      "            beside the daemon that keeps the clock: touches nothing, logs in DIR how the\n"
	      "            two compare (default " DS_SHADOWING_DIRECTORY ")\n"
	      "Directives on the command line take the place of the file.\n",
	      out);
}

static int say_version(void)
{
	printf("drivestampd " DS_VERSION " (%cinterleaved)\n", DS_INTERLEAVE_BUILT ? '+' : '-');
	return 0;
}

static bool parse_seconds(const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end != text && *end == '\0' && *value > 0.0 && *value < 1e9;
}

static bool parse_level(const char *text, long least, long most, int *value)
{
	char *end;
	long level = strtol(text, &end, 10);

	*value = (int)level;
	return end != text && *end == '\0' && level >= least && level <= most;
}

/* Where the text of an option goes. */
static const char **text_of(struct options *o, int option)
{
	switch (option) {
	case 'u':
		return &o->user;
	case 'C':
		return &o->clock;
	case 'l':
		return &o->log_file;
	default:
		return &o->file;
	}
}

/* -t, -F, -L. False after saying what is wrong. */
static bool take_number(int option, const char *text, struct options *o)
{
	if (option == 't'   ? parse_seconds(text, &o->timeout_s)
	    : option == 'F' ? parse_level(text, -2, 2, &o->filter)
			    : parse_level(text, -1, 3, &o->log_level))
		return true;
	ds_log_fatal("-%c %s: not %s", option, text,
		     option == 't'   ? "a number of seconds"
		     : option == 'F' ? "a level from -2 to 2"
				     : "a level from -1 to 3");
	return false;
}

/* Returns -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option long_options[] = {
		{"clock", required_argument, NULL, 'C'},
		{"help", no_argument, NULL, 'h'},
		{"shadow", optional_argument, NULL, 'S'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "f:dnsxpqQt:u:F:l:L:46vh", long_options, NULL)) != -1) {
		switch (c) {
		case 'f':
		case 'u':
		case 'C':
		case 'l':
			*text_of(o, c) = optarg;
			break;
		case 'd':
			o->foreground = o->to_stderr = true;
			break;
		case 'n':
			o->foreground = true;
			break;
		case 's':
			o->from_rtc = true;
			break;
		case 'x':
			o->no_steer = true;
			break;
		case 'p':
			o->print = true;
			break;
		case 'q':
			o->once = DS_ONCE_SET;
			break;
		case 'Q':
			o->once = DS_ONCE_REPORT;
			break;
		case '4':
			o->only4 = true;
			break;
		case '6':
			o->only6 = true;
			break;
		case 'S':
			o->shadow = true;
			o->shadow_folder = optarg;
			break;
		case 't':
		case 'F':
		case 'L':
			if (!take_number(c, optarg, o))
				return 1;
			break;
		case 'v':
			return say_version();
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 1;
		}
	}
	return -1;
}

/* In shadow the clock is our own, and there is nothing to be set. */
static bool fits_shadow(const struct options *o)
{
	const char *other = o->clock != NULL		? "--clock"
			    : o->no_steer		? "-x"
			    : o->from_rtc		? "-s"
			    : o->once == DS_ONCE_SET	? "-q"
			    : o->once == DS_ONCE_REPORT ? "-Q"
							: NULL;

	if (!o->shadow || other == NULL)
		return true;
	ds_log_fatal("--shadow and %s exclude each other", other);
	return false;
}

/* --clock counts, whatever the file says. */
static bool take_clock(struct ds_conf *conf, const char *text)
{
	char why[DS_FIELD_WHY];

	memset(&conf->clock, 0, sizeof conf->clock);
	if (strncmp(text, "virtual", 7) == 0)
		return true;
	if (ds_conf_clock_option(&conf->clock, text, why))
		return true;
	ds_log_fatal("--clock %s: %s", text, why);
	return false;
}

/* Marked first: what is changed meanwhile is a change. */
static bool read_file(struct ds_daemon *d, const char *file)
{
	d->conf_file = file;
	ds_file_mark(file, &d->conf_mark);
	return ds_conf_read_file(&d->conf, file, ds_log_say, NULL);
}

static bool read_conf(struct ds_daemon *d, const struct options *o, int argc, char **argv)
{
	struct ds_conf *conf = &d->conf;
	const char *file = argc > 0 ? "command line" : o->file;
	const char *folder = o->shadow_folder != NULL ? o->shadow_folder : DS_SHADOWING_DIRECTORY;
	bool good = true;

	ds_conf_defaults(conf);
	conf->shadow = o->shadow;
	if (argc > 0)
		for (int i = 0; i < argc; i++)
			good &= ds_conf_read_line(conf, argv[i], i + 1, ds_log_say, NULL);
	else
		good = read_file(d, o->file);
	if (o->only4)
		conf->ipv6 = false;
	if (o->only6)
		conf->ipv4 = false;
	if (good && o->clock != NULL)
		good = take_clock(conf, o->clock);
	if (o->user != NULL)
		snprintf(conf->user, sizeof conf->user, "%s", o->user);
	if (o->filter == 0)
		conf->sandbox = DS_SANDBOX_OFF;
	else if (o->filter != FILTER_UNSAID && conf->sandbox == DS_SANDBOX_OFF)
		conf->sandbox = DS_SANDBOX_ALL;
	if (o->once != DS_ONCE_NO)
		for (size_t i = 0; i < conf->source_count; i++)
			conf->sources[i].iburst = true;
	if (good && o->shadow)
		good = ds_shadowing_conf(conf, folder, file, ds_log_say, NULL);
	return good && ds_conf_check(conf, file, ds_log_say, NULL);
}

/* In a build without interleaved mode `xleave` means nothing; say so once. */
static void say_xleave(const struct ds_conf *conf)
{
	for (size_t i = 0; i < conf->source_count && !DS_INTERLEAVE_BUILT; i++) {
		const struct ds_conf_source *source = &conf->sources[i];

		if (!source->xleave)
			continue;
		ds_log(DS_LOG_WARNING, "%s:%d: 'xleave': built without interleaved mode; basic",
		       source->file, source->line);
		return;
	}
}

/* "virtual[,offset=S][,freq=PPM]" */
static bool open_virtual(struct ds_clock *clock, const char *text)
{
	const char *at = text + strlen("virtual");
	double offset_s = 0.0;
	double freq_ppm = 0.0;

	while (*at == ',') {
		double *value = strncmp(at, ",offset=", 8) == 0 ? &offset_s
				: strncmp(at, ",freq=", 6) == 0 ? &freq_ppm
								: NULL;
		char *end;

		if (value == NULL)
			return false;
		at = strchr(at, '=') + 1;
		*value = strtod(at, &end);
		if (end == at)
			return false;
		at = end;
	}
	if (*at != '\0' || !(offset_s > -1e9 && offset_s < 1e9) ||
	    !(freq_ppm > -1e5 && freq_ppm < 1e5))
		return false;
	return ds_clock_open_virtual(clock, offset_s, freq_ppm) == 0;
}

/* Equal to the machine's clock at first, in its rate as well. */
static bool open_shadow(struct ds_daemon *d)
{
	char why[DS_WHY];
	int rc = ds_privilege_forgo_clock(why);

	if (rc == 0)
		rc = ds_shadowing_make_directory(&d->conf, why);
	if (rc != 0) {
		ds_log_fatal("%s", why);
		return false;
	}
	d->steer = true;
	return ds_clock_open_virtual(&d->clock, 0.0, 0.0) == 0 &&
	       ds_clock_set_rate(&d->clock, ds_kernel_rate_ppb()) == 0;
}

static bool open_clock(struct ds_daemon *d, const struct options *o)
{
	if (o->shadow)
		return open_shadow(d);
	d->steer = !o->no_steer && o->once != DS_ONCE_REPORT;
	if (d->conf.clock.path[0] != '\0')
		return ds_phckeeper_open(&d->phckeeper, &d->conf, &d->clock, d->steer);
	if (o->clock == NULL || strcmp(o->clock, "system") == 0) {
		int rc = ds_clock_open_system(&d->clock, d->steer);

		if (rc == 0)
			return true;
		ds_log_fatal("no right to set the system clock (%s); -x measures without it, "
			     "--clock virtual keeps a clock of its own",
			     strerror(-rc));
		return false;
	}
	if (strncmp(o->clock, "virtual", 7) == 0 && open_virtual(&d->clock, o->clock))
		return true;
	ds_log_fatal("--clock %s: expected system or virtual[,offset=SECONDS,freq=PPM]", o->clock);
	return false;
}

/* The parent waits until the child has started, so that its exit status says whether it did. */
static int go_to_background(void)
{
	int pipefd[2];
	char ok = 0;

	if (pipe(pipefd) != 0)
		return -1;
	switch (fork()) {
	case -1:
		return -1;
	case 0:
		close(pipefd[0]);
		setsid();
		return pipefd[1];
	default:
		close(pipefd[1]);
		_exit(read(pipefd[0], &ok, 1) == 1 ? 0 : 1);
	}
}

static void background_is_ready(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	if (write(fd, "k", 1) != 1)
		ds_log(DS_LOG_WARNING, "cannot tell the parent: %s", strerror(errno));
	close(fd);
}

static bool create_pid_file(struct ds_daemon *d)
{
	char why[DS_WHY];

	if (d->once != DS_ONCE_NO || d->conf.pid_file[0] == '\0')
		return true;
	if (ds_pidfile_create(d->conf.pid_file, why) != 0) {
		ds_log_fatal("%s", why);
		return false;
	}
	d->has_pid_file = true;
	return true;
}

/* Everything that can fail, in the order in which it may be undone. Returns false after saying
 * why. */
static bool start(struct ds_daemon *d, const struct options *o)
{
	char why[DS_WHY];

	d->once = o->once;
	d->set_from_rtc = o->from_rtc;
	if (!ds_start_keys(d) || !open_clock(d, o) || !ds_start_open(d) || !create_pid_file(d))
		return false;
	if (ds_privilege_drop(d->conf.user, d->steer && d->clock.kind == DS_CLOCK_SYSTEM,
			      d->conf.acquisition_port != 0 && d->conf.acquisition_port < 1024,
			      why) != 0) {
		ds_log_fatal("%s", why);
		return false;
	}
	ds_start_work(d);
	ds_confine(d, o->log_file);
	return true;
}

static void say_started(const struct ds_daemon *d)
{
	ds_log(DS_LOG_NOTICE, "drivestampd %s started (%s clock%s, %s)", DS_VERSION,
	       d->conf.shadow			  ? "shadow"
	       : d->clock.kind == DS_CLOCK_SYSTEM ? "system"
	       : d->clock.kind == DS_CLOCK_PHC	  ? d->conf.clock.path
						  : "virtual",
	       d->steer ? "" : ", read only",
	       DS_INTERLEAVE_BUILT ? "+interleaved" : "-interleaved");
	if (d->conf.shadow)
		ds_log(DS_LOG_NOTICE,
		       "in shadow: nothing of this machine is touched; read 'drivestamp lab shadow "
		       "%s'",
		       d->conf.log_dir);
}

/* From a good start to the end. */
static int work(struct ds_daemon *d, const struct options *o)
{
	int status;

	d->end_ns = INT64_MAX;
	if (o->timeout_s > 0.0)
		d->end_ns = ds_monotonic_ns() + (int64_t)(o->timeout_s * 1e9);
	status = ds_loop_run(d);
	ds_notify_stopping();
	ds_start_close(d);
	ds_log(DS_LOG_NOTICE, "drivestampd exiting");
	return status;
}

static enum ds_log_level level_of(const struct options *o)
{
	return o->log_level >= 2 ? DS_LOG_ERROR : o->log_level == 1 ? DS_LOG_WARNING : DS_LOG_INFO;
}

/* Where messages go from the first one on. */
static bool open_log(const struct options *o)
{
	int rc;

	ds_log_look_at_stderr();
	ds_log_level(level_of(o));
	rc = o->log_file != NULL ? ds_log_to_file(o->log_file) : 0;
	if (rc != 0)
		ds_log_fatal("-l %s: %s", o->log_file, strerror(-rc));
	return rc == 0;
}

static int run(struct ds_daemon *d, const struct options *o)
{
	bool daemon = o->once == DS_ONCE_NO;
	int background = -1;
	int status = 1;

	if (daemon && !o->foreground) {
		background = go_to_background();
		if (background < 0) {
			ds_log_fatal("cannot go to the background: %s", strerror(errno));
			return 1;
		}
	}
	if (start(d, o)) {
		if (daemon)
			say_started(d);
		ds_notify_ready();
		if (background >= 0)
			background_is_ready(background);
		if (daemon && !o->to_stderr)
			ds_log_open(true, level_of(o));
		status = work(d, o);
	}
	if (d->has_pid_file)
		ds_pidfile_remove(d->conf.pid_file);
	return status;
}

int main(int argc, char **argv)
{
	struct options o = {.file = DEFAULT_CONF, .filter = FILTER_UNSAID};
	int status = parse_options(argc, argv, &o);

	if (status >= 0)
		return status;
	if (!open_log(&o) || !fits_shadow(&o))
		return 1;
	ds_notify_open();
	the_daemon.once = o.once;
	if (!read_conf(&the_daemon, &o, argc - optind, argv + optind)) {
		ds_log_fatal("the configuration has errors");
		return 1;
	}
	say_xleave(&the_daemon.conf);
	if (o.print) {
		ds_conf_print(&the_daemon.conf, stdout);
		return 0;
	}
	return run(&the_daemon, &o);
}
