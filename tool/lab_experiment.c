/* lab_experiment: the command line of the experiment, its progress, and its reports. It must never
 * start anything for a command line that is not wholly understood, and never lose a result that it
 * could still write somewhere. */
#include "tool/lab.h"

#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lab/kind.h"
#include "lab/labconf.h"
#include "lab/report.h"
#include "lab/result.h"
#include "lab/run.h"
#include "tool/lab_plan.h"
#include "tool/options.h"

#define DIRECTORIES	 8
#define PROGRESS_EVERY_S 10 /* where it is not a terminal */

struct experiment {
	struct ds_lab_words words;
	const char *kinds; /* where else adapters are */
	const char *json_path, *html_path;
	struct ds_lab_plan plan;
	struct ds_kind kinds_of[DS_LAB_HOSTS];
	struct ds_kind ptp;
	bool has_ptp;
	const char *directories[DIRECTORIES + 1];
	/* progress */
	bool terminal;
	double shown_s;
	size_t width; /* of what stands in the line now */
};

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void show(void *context, double done, double left_s, const char *what)
{
	struct experiment *e = context;
	double now = now_s();
	char line[120];

	if (now - e->shown_s < (e->terminal ? 0.2 : PROGRESS_EVERY_S))
		return;
	e->shown_s = now;
	int length = snprintf(line, sizeof(line), "%3.0f %%, %.0f s left: %s", 100 * done,
			      ceil(left_s), what);
	if (!e->terminal) {
		fprintf(stderr, "%s\n", line);
		return;
	}
	fprintf(stderr, "\r%s%*s", line,
		e->width > (size_t)length ? (int)(e->width - (size_t)length) : 0, "");
	e->width = (size_t)length;
	fflush(stderr);
}

static void clear_line(struct experiment *e)
{
	if (e->width > 0)
		fprintf(stderr, "\r%*s\r", (int)e->width, "");
	e->width = 0;
}

static void say(void *context, const char *line)
{
	struct experiment *e = context;

	clear_line(e);
	fprintf(stderr, "drivestamp lab: %s\n", line);
}

/* Adapters: those of --kinds first. */
static void find_directories(struct experiment *e)
{
	const char *const *known = ds_kind_directories();
	int count = 0;

	if (e->kinds)
		e->directories[count++] = e->kinds;
	while (*known && count < DIRECTORIES)
		e->directories[count++] = *known++;
}

static bool find_kinds(struct experiment *e)
{
	char why[DS_LAB_WHY] = "";

	for (int i = 0; i < e->plan.hosts; i++) {
		int same = 0;
		while (same < i && strcmp(e->plan.host[same].kind, e->plan.host[i].kind) != 0)
			same++;
		if (same < i) {
			e->kinds_of[i] = e->kinds_of[same];
		} else if (ds_kind_find(&e->kinds_of[i], e->plan.host[i].kind, e->directories,
					why) != 0) {
			fprintf(stderr, "drivestamp lab: %s: %s\n", e->plan.host[i].name, why);
			return false;
		}
	}
	if (!(e->plan.modes & 1U << DS_LAB_PTP) || e->plan.rig == DS_LAB_RIG_LOOPBACK)
		return true;
	e->has_ptp = ds_kind_find(&e->ptp, "ptp4l", e->directories, why) == 0;
	if (!e->has_ptp)
		fprintf(stderr, "drivestamp lab: without the yardstick, PTP: %s\n", why);
	return true;
}

/* A report that could not be written at the end would cost minutes. */
static bool can_write(const char *option, const char *path)
{
	char copy[DS_LAB_PATH * 4];

	if (!path || strcmp(path, "-") == 0)
		return true;
	snprintf(copy, sizeof(copy), "%s", path);
	if (strlen(path) < sizeof(copy) && access(dirname(copy), W_OK) == 0)
		return true;
	fprintf(stderr, "drivestamp lab: --%s: cannot write %s: %s\n", option, path,
		strlen(path) < sizeof(copy) ? strerror(errno) : strerror(ENAMETOOLONG));
	return false;
}

static void quote(char *text, size_t size, const char *word)
{
	size_t used = strlen(text);
	bool plain = word[0] != '\0' &&
		     strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "-_=./,:@+%") == strlen(word);

	/* A word with an apostrophe in it is shown, not meant for a shell. */
	snprintf(text + used, size - used, plain ? " %s" : " '%s'", word);
}

/* Once more on loopback: all that needs no rights. */
static int run_without_rights(struct experiment *e, const struct ds_run_progress *progress,
			      struct ds_lab_result *result, char why[DS_LAB_WHY])
{
	char line[2 * DS_LAB_WHY];

	snprintf(line, sizeof(line),
		 "no network namespaces (%s): on loopback, without broadcast and PTP; as root, all "
		 "is measured",
		 why);
	say(e, line);
	e->plan.rig = DS_LAB_RIG_LOOPBACK;
	memset(e->plan.link, 0, sizeof(e->plan.link));
	ds_result_free(result);
	if (!ds_result_init(result, &e->plan)) {
		snprintf(why, DS_LAB_WHY, "no memory");
		return -ENOMEM;
	}
	return ds_run(&e->plan, e->kinds_of, NULL, progress, result, why);
}

static bool has_links(const struct ds_lab_plan *plan)
{
	for (int i = 0; i < plan->hosts; i++) {
		const struct ds_lab_link *l = &plan->link[i];
		if (l->out_delay_us > 0 || l->in_delay_us > 0 || l->jitter_us > 0 ||
		    l->loss_percent > 0)
			return true;
	}
	return false;
}

static bool write_report(struct experiment *e, const struct ds_lab_result *result, const char *path,
			 bool (*report)(const struct ds_lab_result *, FILE *))
{
	char why[DS_LAB_WHY];

	if (!path)
		return true;
	if (ds_report_write(result, path, report, why) != 0) {
		say(e, why);
		return false;
	}
	if (strcmp(path, "-") != 0)
		fprintf(stderr, "%s is written\n", path);
	return true;
}

static void on_late_signal(int number)
{
	(void)number;
}

/* What was measured is written to its end, also into a pipe whose reader is slow. */
static void write_undisturbed(void)
{
	struct sigaction action = {.sa_handler = on_late_signal, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* As far as there is one: what was measured is shown, also where a part fails. */
static int report(struct experiment *e, struct ds_lab_result *result)
{
	bool to_stdout = (e->json_path && strcmp(e->json_path, "-") == 0) ||
			 (e->html_path && strcmp(e->html_path, "-") == 0);
	FILE *out = to_stdout ? stderr : stdout;
	bool bad = false;

	write_undisturbed();
	bool done = ds_verdict(result);

	if (!done)
		say(e, "no memory for the verdict");
	done = ds_report_table(result, out, isatty(fileno(out)) && !getenv("NO_COLOR")) && done;
	if (fflush(out) != 0 || !done)
		fprintf(stderr, "drivestamp lab: the table could not be written: %s\n",
			strerror(errno));
	done = write_report(e, result, e->json_path, ds_report_json) && done;
	done = write_report(e, result, e->html_path, ds_report_html) && done;
	for (size_t i = 0; i < result->finding_count; i++)
		bad |= result->findings[i].grade == DS_LAB_BAD;
	if (!done || result->partial)
		return DS_LAB_EXIT_PARTIAL;
	return bad ? DS_LAB_EXIT_BAD : 0;
}

static int run(struct experiment *e, int argc, char **argv)
{
	const struct ds_run_progress progress = {.context = e, .show = show, .say = say};
	static struct ds_lab_result result; /* large */
	char why[DS_LAB_WHY] = "";
	int status = DS_LAB_EXIT_PARTIAL;

	if (!ds_result_init(&result, &e->plan)) {
		say(e, "no memory");
		return DS_LAB_EXIT_PARTIAL;
	}
	int error =
		ds_run(&e->plan, e->kinds_of, e->has_ptp ? &e->ptp : NULL, &progress, &result, why);
	if ((error == -EPERM || error == -EACCES) && e->plan.rig == DS_LAB_RIG_NETNS) {
		if (has_links(&e->plan))
			say(e, "delay, jitter and loss need namespaces");
		else
			error = run_without_rights(e, &progress, &result, why);
	}
	clear_line(e);
	if (error < 0) {
		say(e, why);
	} else {
		snprintf(result.command, sizeof(result.command), "drivestamp lab");
		for (int i = 1; i < argc; i++)
			quote(result.command, sizeof(result.command), argv[i]);
		status = report(e, &result);
	}
	ds_result_free(&result);
	return status;
}

static void on_early_signal(int number)
{
	static const char text[] = "drivestamp lab: interrupted before anything was started\n";

	(void)number;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(DS_LAB_EXIT_PARTIAL);
}

static bool make_plan(struct experiment *e)
{
	const char *conf = e->words.conf ? e->words.conf : "lab.conf";
	bool remote = e->words.rig && strcmp(e->words.rig, "remote") == 0;
	char why[DS_LAB_WHY] = "";

	if ((remote && ds_labconf_read(&e->plan, conf, why) != 0) ||
	    !ds_lab_plan_make(&e->plan, &e->words, why)) {
		fprintf(stderr, "drivestamp lab: %s\n", why);
		return false;
	}
	if (e->words.conf && !remote) {
		fprintf(stderr, "drivestamp lab: --conf: only with --rig remote\n");
		return false;
	}
	return true;
}

static int read_options(struct experiment *e, int argc, char **argv)
{
	struct ds_lab_words *w = &e->words;
	const struct ds_option options[] = {
		{"old", 0, DS_OPTION_TEXT, &w->old_kind, 0, 0, "KIND",
		 "of the old hosts (chrony): a kind, KIND=PATH, KIND@REV"},
		{"new", 0, DS_OPTION_TEXT, &w->new_kind, 0, 0, "KIND",
		 "of the new ones (drivestamp)"},
		{"hosts", 0, DS_OPTION_INTEGER, &w->hosts, 2, DS_LAB_HOSTS, "N",
		 "how many, half of them old (4): old1 old2 new1 new2"},
		{"host", 0, DS_OPTION_LIST, &w->host, 0, 0, "NAME=KIND",
		 "of one host; a new name is one more host"},
		{"rig", 0, DS_OPTION_TEXT, &w->rig, 0, 0, "RIG",
		 "netns (the default; root), loopback, remote, uml (kernels of their own; root)"},
		{"loopback", 0, DS_OPTION_FLAG, &w->loopback, 0, 0, NULL,
		 "--rig loopback: no rights needed; no broadcast, no PTP"},
		{"conf", 0, DS_OPTION_TEXT, &w->conf, 0, 0, "FILE",
		 "the hosts of the rig remote (lab.conf)"},
		{"modes", 0, DS_OPTION_TEXT, &w->modes, 0, 0, "LIST",
		 "basic,xleave,symmetric,symmetric-xleave,broadcast,broadcast-xleave,ptp (all)"},
		{"stamps", 0, DS_OPTION_TEXT, &w->stamps, 0, 0, "LIST",
		 "kernel,hardware: whose, in modes basic and xleave (kernel; rig uml: both)"},
		{"poll", 0, DS_OPTION_INTEGER, &w->poll_log2, DS_LAB_POLL_LEAST, DS_LAB_POLL_MOST,
		 "P", "poll every 2^P seconds (-4; rig uml -2)"},
		{"duration", 0, DS_OPTION_INTEGER, &w->seconds, 1, DS_LAB_SECONDS_MAX, "S",
		 "of a repeat (12; with load or in rig uml 24)"},
		{"warmup", 0, DS_OPTION_INTEGER, &w->warmup, 0, 3600, "S",
		 "before it, not measured (3; rig uml 8)"},
		{"repeat", 0, DS_OPTION_INTEGER, &w->repeats, 1, DS_LAB_REPEATS, "N",
		 "how often, daemons started anew (6)"},
		{"load", 0, DS_OPTION_TEXT, &w->load, 0, 0, "LOAD",
		 "cpu, net or both, by turns with none"},
		{"load-on", 0, DS_OPTION_LIST, &w->load_on, 0, 0, "NAME",
		 "on this host (the first; remote: all)"},
		{"alternation", 0, DS_OPTION_INTEGER, &w->alternation, 1, DS_LAB_SECONDS_MAX, "S",
		 "of each turn (6)"},
		{"delay", 0, DS_OPTION_LIST, &w->delay, 0, 0, "[NAME=]US",
		 "of what leaves a host, and of what comes to it"},
		{"asymmetry", 0, DS_OPTION_LIST, &w->asymmetry, 0, 0, "NAME=US",
		 "more delay of what leaves the host"},
		{"jitter", 0, DS_OPTION_LIST, &w->jitter, 0, 0, "[NAME=]US",
		 "exponential, its mean, each way"},
		{"loss", 0, DS_OPTION_LIST, &w->loss, 0, 0, "[NAME=]PERCENT", "each way"},
		{"json", 0, DS_OPTION_TEXT, &e->json_path, 0, 0, "FILE",
		 "all figures; '-': standard output"},
		{"html", 0, DS_OPTION_TEXT, &e->html_path, 0, 0, "FILE", "the report as one page"},
		{"keep", 0, DS_OPTION_TEXT, &w->keep, 0, 0, "DIR",
		 "put configurations and logs of the daemons there"},
		{"kinds", 0, DS_OPTION_TEXT, &e->kinds, 0, 0, "DIR", "adapters of your own"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};

	return ds_options_read(&ds_verb_lab, options, argc, argv, NULL, 0);
}

int ds_lab_experiment(int argc, char **argv)
{
	static struct experiment e;

	e = (struct experiment){.terminal = isatty(STDERR_FILENO) == 1};
	ds_lab_words_init(&e.words);
	int rest = read_options(&e, argc, argv);
	if (rest < 0)
		return rest == -2 ? 0 : DS_EXIT_USAGE;
	if (!make_plan(&e))
		return DS_EXIT_USAGE;
	if (!can_write("json", e.json_path) || !can_write("html", e.html_path))
		return DS_LAB_EXIT_PARTIAL;
	signal(SIGINT, on_early_signal);
	signal(SIGTERM, on_early_signal);
	signal(SIGHUP, on_early_signal);
	find_directories(&e);
	if (!find_kinds(&e))
		return DS_LAB_EXIT_PARTIAL;
	return run(&e, argc, argv);
}
