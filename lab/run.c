/* run: see the header. A repeat is: daemons started, warm-up, idle and loaded by turns, daemons
 * ended, logs read. Whatever fails is said at once, and remembered in why_partial. */
#include "lab/run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lab/instances.h"
#include "lab/load.h"
#include "lab/machine.h"
#include "lab/place.h"
#include "lab/rig.h"
#include "lab/timeline.h"

#define TICK_MS	     100
#define OVERHEAD_S   4.0 /* first guess: to start, end and read the daemons of a group */
#define SILENCE_S    3.0
#define SILENT_POLLS 4
#define SILENT_LEAST 3 /* samples */
#define GRACE_MS     2000
#define BEFORE_SEND  "before-send"

struct run {
	const struct ds_lab_plan *plan;
	const struct ds_run_progress *progress;
	struct ds_lab_result *result;
	struct ds_place *place;
	struct ds_instances_host hosts[DS_LAB_HOSTS];
	struct ds_instances all;
	struct ds_timeline timeline;
	unsigned groups[DS_LAB_MODES]; /* modes that run at the same time */
	int group_count;
	int repeat, group;
	double group_begun_s;			    /* monotonic */
	double overhead_before_s, overhead_after_s; /* of a group, beside its time */
	double measured_s;			    /* of a group: warm-up and all conditions */
	double measured_until_s;		    /* monotonic; 0: this group is not there yet */
	double watched_s, asked_s;		    /* when it was looked after; monotonic */
	bool clock_asked[DS_LAB_HOSTS];		    /* again and again: it can say */
	int sender;				    /* that measures before_send_ns; -1: none */
	int loads[DS_LAB_HOSTS][DS_LOAD_LINES];	    /* programs; -1: none */
	struct ds_machine_use use[2];
	bool disk_full, no_memory;
	bool stop;
	int causes;
	const struct ds_instance *reading;
	struct heard { /* samples of this group that a host had part in */
		double first_s, last_s;
		int count;
	} heard[DS_LAB_HOSTS];
};

static double now_s(clockid_t id)
{
	struct timespec time;

	clock_gettime(id, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double monotonic_s(void)
{
	return now_s(CLOCK_MONOTONIC);
}

static double realtime_s(void)
{
	return now_s(CLOCK_REALTIME);
}

static void say(const struct run *r, const char *line)
{
	if (r->progress && r->progress->say)
		r->progress->say(r->progress->context, line);
}

/* What is wrong, at once and for the report. */
static void __attribute__((format(printf, 2, 3))) partial(struct run *r, const char *format, ...)
{
	char line[2 * DS_LAB_WHY];
	char *why = r->result->why_partial;
	size_t used = strlen(why);
	va_list list;

	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	say(r, line);
	r->result->partial = true;
	r->causes++;
	if (r->causes <= 3)
		snprintf(why + used, sizeof(r->result->why_partial) - used, "%s%s",
			 used > 0 ? "; " : "", line);
	else if (r->causes == 4)
		snprintf(why + used, sizeof(r->result->why_partial) - used, "; and more");
}

static void on_trouble(void *context, const struct ds_instance *instance, bool host_gone,
		       const char *words)
{
	struct run *r = context;
	const char *name = r->plan->host[instance->host].name;
	char *ending = r->result->host[instance->host].ending;
	char line[2 * DS_LAB_WHY];

	if (strncmp(words, name, strlen(name)) == 0 && words[strlen(name)] == ':')
		words += strlen(name) + 1 + strspn(words + strlen(name) + 1, " ");
	if (host_gone)
		snprintf(line, sizeof(line), "host %s is gone: %s", name, words);
	else
		snprintf(line, sizeof(line), "%s: %s, %s: %s", name, instance->what.kind->name,
			 ds_lab_mode_name(instance->what.mode), words);
	if (ending[0] == '\0')
		snprintf(ending, DS_LAB_WHY, "%s%s%.200s",
			 host_gone ? "" : ds_lab_mode_name(instance->what.mode),
			 host_gone ? "" : ": ", words);
	partial(r, "%s", line);
}

/* done and the time left: what is left of this group, and whole groups after it. */
static void show(struct run *r, const char *what)
{
	double now = monotonic_s();
	double one = r->overhead_before_s + r->measured_s + r->overhead_after_s;
	int groups = r->group_count * r->plan->repeats;
	int after = groups - r->repeat * r->group_count - r->group - 1;
	double left = one - (now - r->group_begun_s);

	if (!r->progress || !r->progress->show)
		return;
	if (r->measured_until_s > 0)
		left = r->measured_until_s - now + r->overhead_after_s;
	left = (left > 0 ? left : 0) + after * one;
	r->progress->show(r->progress->context, fmax(0, 1 - left / (groups * one)), left, what);
}

static bool interrupted(struct run *r)
{
	if (ds_rig_signal() == 0)
		return r->stop;
	if (!r->stop)
		partial(r, "interrupted (%s)", strsignal(ds_rig_signal()));
	r->stop = true;
	return true;
}

/* Nothing more is measured then: what there is, is read. */
static void look_at_disk(struct run *r)
{
	const char *mine = ds_place_directory(r->place, 0);

	if (r->disk_full || r->plan->rig == DS_LAB_RIG_REMOTE || !ds_machine_disk_full(mine))
		return;
	r->disk_full = r->stop = true;
	partial(r, "the disk is full: the daemons cannot write their logs in %s", mine);
}

static void take_reading(void *context, int host, double at_s, double error_ns)
{
	struct run *r = context;

	if (!ds_timeline_clock(&r->timeline, host, at_s, error_ns))
		r->no_memory = true;
}

/* How wrong the clocks are, where something says so. */
static void ask_clocks(struct run *r)
{
	for (int i = 0; i < r->plan->hosts; i++) {
		struct ds_lab_host_result *host = &r->result->host[i];
		double error_ns = 0, within_ns = 0, at_s = realtime_s();

		if (!r->clock_asked[i] || r->all.host_gone[i])
			continue;
		bool read = ds_place_clock_readings(r->place, i, take_reading, r);
		if (!ds_place_clock_error(r->place, i, &error_ns, &within_ns))
			continue;
		host->clock_within_ns = fmax(host->clock_within_ns, within_ns);
		if (!read)
			take_reading(r, i, at_s, error_ns);
	}
}

/* Until then; false where the run must end. */
static bool wait_until(struct run *r, double until_s, const char *what)
{
	while (!interrupted(r) && monotonic_s() < until_s) {
		double now = monotonic_s();
		show(r, what);
		ds_rig_wait(now + TICK_MS * 1e-3 < until_s ? TICK_MS
							   : (int)((until_s - now) * 1e3));
		if (now - r->watched_s < 0.25)
			continue;
		r->watched_s = now;
		if (ds_instances_watch(&r->all) == 0 && !r->stop) {
			partial(r, "no daemon runs any more");
			r->stop = true;
		}
		look_at_disk(r);
		if (now - r->asked_s >= 1) {
			r->asked_s = now;
			ask_clocks(r);
		}
	}
	return !r->stop;
}

static void stop_loads(struct run *r)
{
	for (int i = 0; i < r->plan->hosts; i++) {
		for (int k = 0; k < DS_LOAD_LINES; k++) {
			if (r->loads[i][k] >= 0)
				ds_place_stop(r->place, r->loads[i][k], GRACE_MS);
			r->loads[i][k] = -1;
		}
	}
}

static bool has_load(const struct ds_lab_plan *plan)
{
	for (int i = 0; i < plan->hosts; i++) {
		if (plan->host[i].load != DS_LAB_LOAD_NONE)
			return true;
	}
	return false;
}

static void add_use(struct ds_machine_use *sum, double *share, const struct ds_machine_use *a,
		    const struct ds_machine_use *b)
{
	sum->busy += b->busy - a->busy;
	sum->all += b->all - a->all;
	if (sum->all > 0)
		*share = (double)sum->busy / (double)sum->all;
}

static void start_loads(struct run *r)
{
	char lines[DS_LOAD_LINES][DS_LOAD_LINE], name[32], why[DS_LAB_WHY];

	for (int i = 0; i < r->plan->hosts; i++) {
		int count = r->all.host_gone[i] ? 0 : ds_load_lines(r->plan, r->place, i, lines);
		for (int k = 0; k < count; k++) {
			snprintf(name, sizeof(name), "load-%d", k);
			r->loads[i][k] = ds_place_start(r->place, i, lines[k], name, why);
			if (r->loads[i][k] < 0)
				partial(r, "no load: %s", why);
		}
	}
}

static bool measure_span(struct run *r, double until_s, enum ds_lab_condition condition)
{
	bool loaded = condition == DS_LAB_LOADED;
	struct ds_machine_use before, after;
	char what[64];

	if (loaded)
		start_loads(r);
	bool counted = ds_machine_use(&before) && r->plan->rig != DS_LAB_RIG_REMOTE;
	if (!ds_timeline_span(&r->timeline, realtime_s(), realtime_s() + (until_s - monotonic_s()),
			      condition))
		return false;
	snprintf(what, sizeof(what), "repeat %d of %d, measuring%s", r->repeat + 1,
		 r->plan->repeats,
		 !has_load(r->plan) ? ""
		 : loaded	    ? " under load"
				    : " idle");
	bool whole = wait_until(r, until_s, what);
	ds_timeline_cut(&r->timeline, realtime_s());
	if (counted && whole && ds_machine_use(&after))
		add_use(&r->use[loaded], loaded ? &r->result->busy_loaded : &r->result->busy_idle,
			&before, &after);
	if (loaded)
		stop_loads(r);
	return whole;
}

/* How long before it leaves does a program here read the clock? A basic answer's T3 is wrong by so
 * much, and the report says so beside what was measured. Few packets, beside all others. */
static void start_before_send(struct run *r)
{
	enum ds_lab_mode mode = DS_LAB_BASIC;
	struct ds_place_endpoint endpoint;
	char self[DS_LAB_PATH], line[2 * DS_LAB_PATH], why[DS_LAB_WHY];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (r->plan->rig == DS_LAB_RIG_REMOTE || r->group > 0 || length < 0 ||
	    r->repeat != (r->plan->repeats > 1))
		return;
	self[length] = '\0';
	while (!(r->plan->modes & 1U << mode))
		mode++;
	ds_place_endpoint(r->place, 1, mode, &endpoint);
	snprintf(line, sizeof(line), "exec '%s' lab stamps --brief --to %s", self,
		 endpoint.address);
	r->sender = ds_place_start(r->place, 0, line, BEFORE_SEND, why);
}

static void end_before_send(struct run *r)
{
	char why[DS_LAB_WHY];
	char *text = NULL, *end;
	size_t size = 0;

	if (r->sender < 0)
		return;
	ds_place_stop(r->place, r->sender, GRACE_MS);
	r->sender = -1;
	if (ds_place_get(r->place, 0, BEFORE_SEND, &text, &size, why) == 0 && size > 0) {
		double value = strtod(text, &end);
		if (end != text && isfinite(value))
			r->result->before_send_ns = value;
	}
	free(text);
}

/* Idle and loaded by turns; without load it is all one. */
static bool measure(struct run *r)
{
	double begin_s = monotonic_s();
	int turns =
		has_load(r->plan)
			? 2 * (int)lround(r->plan->seconds / (2.0 * r->plan->alternation_seconds))
			: 1;

	turns = turns > 0 ? turns : 2;
	start_before_send(r);
	for (int turn = 0; turn < turns; turn++) {
		double until_s = begin_s + (turn + 1.0) * r->plan->seconds / turns;
		if (!measure_span(r, until_s, turn % 2 == 0 ? DS_LAB_IDLE : DS_LAB_LOADED))
			return false;
	}
	return true;
}

static void hear(struct heard *heard, double at_s)
{
	heard->first_s = heard->count == 0 ? at_s : fmin(heard->first_s, at_s);
	heard->last_s = heard->count == 0 ? at_s : fmax(heard->last_s, at_s);
	heard->count++;
}

static void take(void *context, int other, const struct ds_lab_sample *sample)
{
	struct run *r = context;
	const struct ds_instance *one = r->reading;
	int answers = one->other_host[other];
	struct ds_lab_cell *cell = ds_result_cell(r->result, one->host, answers, one->what.mode);
	struct ds_lab_sample mine = *sample;

	if (!cell || !cell->known)
		return;
	hear(&r->heard[one->host], mine.at_s);
	hear(&r->heard[answers], mine.at_s);
	mine.condition = (uint8_t)ds_timeline_condition(&r->timeline, mine.at_s);
	if (mine.condition == DS_LAB_BETWEEN)
		return;
	mine.repeat = (uint8_t)r->repeat;
	/* By the clock of the host that asks, which may be wrong itself. */
	double at_s = mine.at_s - 1e-9 * ds_timeline_error(&r->timeline, one->host, mine.at_s);
	mine.offset_ns -= ds_timeline_error(&r->timeline, answers, at_s) -
			  ds_timeline_error(&r->timeline, one->host, at_s);
	if (!ds_cell_add(cell, &mine))
		r->no_memory = true;
}

static void count(void *context, int other, const char *what, double value)
{
	struct run *r = context;
	const struct ds_instance *one = r->reading;
	struct ds_lab_cell *cell = &r->result->host[one->host].all[one->what.mode];

	if (other >= 0)
		cell = ds_result_cell(r->result, one->host, one->other_host[other], one->what.mode);
	if (cell)
		ds_cell_count(cell, what, value);
}

static void read_all(struct run *r)
{
	for (int i = 0; i < r->all.count; i++) {
		struct ds_kind_reader reader = {.context = r, .take = take, .count = count};
		const struct ds_instance *one = &r->all.list[i];
		r->reading = one;
		/* What is on this machine is kept where it is. */
		bool keep = r->plan->keep && r->plan->rig == DS_LAB_RIG_REMOTE;
		(void)ds_instances_read(&r->all, i, keep ? r->plan->directory : NULL, &reader);
		if (reader.odd_lines > 0 && !r->disk_full)
			partial(r, "%s: %s, %s: %llu lines of its logs could not be read",
				r->plan->host[one->host].name, one->what.kind->name,
				ds_lab_mode_name(one->what.mode),
				(unsigned long long)reader.odd_lines);
		show(r, "reading the logs");
	}
	if (r->no_memory)
		partial(r, "no memory for all samples");
}

static bool takes_part(const struct run *r, int host)
{
	for (int i = 0; i < r->all.count; i++) {
		const struct ds_instance *one = &r->all.list[i];
		if (one->host == host && (one->what.asks || one->what.answers) && !one->over)
			return true;
	}
	return false;
}

/* Hosts that others lost sight of before the end: their link is gone, say. Of whom little was heard
 * before, nothing is said: some ask seldom. */
static void look_for_silence(struct run *r, double ended_s)
{
	double least_s = fmax(SILENCE_S, SILENT_POLLS * ldexp(1, r->plan->poll_log2));

	for (int i = 0; i < r->plan->hosts; i++) {
		const struct heard *heard = &r->heard[i];
		double quiet_s = ended_s - heard->last_s;
		double spacing_s = heard->last_s - heard->first_s;
		if (heard->count >= SILENT_LEAST && quiet_s >= least_s &&
		    quiet_s >= SILENT_POLLS * spacing_s / (heard->count - 1) && takes_part(r, i))
			partial(r, "host %s: no exchange in the last %.0f s of repeat %d",
				r->plan->host[i].name, quiet_s, r->repeat + 1);
	}
}

static void start_all(struct run *r)
{
	for (int i = 0; i < r->all.count && !interrupted(r); i++) {
		char what[64];
		(void)ds_instances_prepare(&r->all, i);
		r->stop |= r->all.disk_full; /* it was said */
		snprintf(what, sizeof(what), "repeat %d of %d, configuring %d of %d", r->repeat + 1,
			 r->plan->repeats, i + 1, r->all.count);
		show(r, what);
	}
	for (int i = 0; i < r->all.count && !interrupted(r); i++)
		(void)ds_instances_start(&r->all, i);
}

/* One group of modes, once. False: the run must end. */
static bool run_group(struct run *r)
{
	bool whole = true;

	r->group_begun_s = monotonic_s();
	r->measured_until_s = 0;
	memset(r->heard, 0, sizeof(r->heard));
	if (!ds_instances_make(&r->all, r->hosts, r->groups[r->group], r->repeat)) {
		partial(r, "no memory for the daemons");
		return false;
	}
	start_all(r);
	if (!interrupted(r)) {
		double begin_s = monotonic_s();
		char what[64];
		r->overhead_before_s = begin_s - r->group_begun_s;
		r->measured_until_s = begin_s + r->measured_s;
		snprintf(what, sizeof(what), "repeat %d of %d, warming up", r->repeat + 1,
			 r->plan->repeats);
		whole = wait_until(r, begin_s + r->plan->warmup_seconds, what) && measure(r);
	}
	(void)ds_instances_watch(&r->all); /* who died by himself? from now on it is us */
	double ended_s = monotonic_s(), ended_at_s = realtime_s();
	ds_instances_ask_to_end(&r->all);
	for (int i = 0; i < r->all.count; i++) {
		ds_instances_stop(&r->all, i);
		show(r, "ending the daemons");
	}
	end_before_send(r);
	ask_clocks(r);
	read_all(r);
	if (whole) /* else there was too little time to be silent in */
		look_for_silence(r, ended_at_s);
	ds_instances_free(&r->all);
	r->overhead_after_s = monotonic_s() - ended_s;
	return whole && !r->stop;
}

/* All modes at the same time, unless daemons would meet at port 123 of a machine. */
static void make_groups(struct run *r)
{
	bool meet = false;

	for (int i = 0; i < r->plan->hosts; i++)
		meet |= ds_instances_meet(r->plan, r->place, r->hosts[i].kind, i);
	if (!meet) {
		r->groups[r->group_count++] = r->plan->modes;
		return;
	}
	say(r, "a daemon that answers at port 123 only: one mode after the other");
	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		if (r->plan->modes & 1U << mode)
			r->groups[r->group_count++] = 1U << mode;
	}
}

/* The program on the host: where the lab found it; of another machine a copy, or if that cannot run
 * there, its own. */
static int settle_program(struct run *r, int host, const struct ds_kind *kind,
			  char program[DS_LAB_PATH], char why[DS_LAB_WHY])
{
	const char *file = strrchr(kind->program, '/');
	char name[DS_LAB_PATH], line[3 * DS_LAB_PATH], output[DS_LAB_WHY] = "";

	snprintf(program, DS_LAB_PATH, "%s", kind->program);
	if (r->plan->rig != DS_LAB_RIG_REMOTE)
		return 0;
	snprintf(name, sizeof(name), "bin-%.32s/%.128s", kind->name,
		 file ? file + 1 : kind->program);
	int error = ds_place_copy(r->place, host, name, kind->program, true, why);
	if (error != 0)
		return error;
	snprintf(program, DS_LAB_PATH, "%.120s/%.120s", ds_place_directory(r->place, host), name);
	snprintf(line, sizeof(line), "! ldd '%s' 2>&1 | grep -e 'not found' -e 'No such'", program);
	int status = ds_place_ask(r->place, host, line, 10000, output, sizeof(output), why);
	if (status <= 0)
		return status;
	snprintf(line, sizeof(line), "test -x '%s'", kind->program);
	status = ds_place_ask(r->place, host, line, 10000, output, sizeof(output), why);
	if (status == 0) {
		snprintf(program, DS_LAB_PATH, "%s", kind->program);
		snprintf(line, sizeof(line), "%s runs its own %s: the lab's lacks libraries there",
			 r->plan->host[host].name, kind->program);
		say(r, line);
		return 0;
	}
	if (status > 0)
		snprintf(why, DS_LAB_WHY, "%s: %.120s cannot run there, and it has none of its own",
			 r->plan->host[host].name, kind->program);
	return status > 0 ? -ENOENT : status;
}

static int settle(struct run *r, const struct ds_kind *kinds, const struct ds_kind *ptp,
		  char why[DS_LAB_WHY])
{
	int error = 0;

	for (int i = 0; i < r->plan->hosts && error == 0; i++) {
		struct ds_lab_host_result *host = &r->result->host[i];
		struct ds_instances_host *mine = &r->hosts[i];
		double error_ns;

		mine->kind = &kinds[i];
		mine->ptp = ptp;
		snprintf(host->version, sizeof(host->version), "%s", kinds[i].version);
		host->guesses_calibrated = kinds[i].guesses_calibrated;
		host->clock_known =
			ds_place_clock_error(r->place, i, &error_ns, &host->clock_within_ns);
		r->clock_asked[i] = host->clock_known && (r->plan->rig == DS_LAB_RIG_REMOTE ||
							  r->plan->rig == DS_LAB_RIG_UML);
		error = settle_program(r, i, &kinds[i], mine->program, why);
		if (error == 0 && ptp)
			error = settle_program(r, i, ptp, mine->ptp_program, why);
	}
	for (size_t i = 0; i < r->result->cell_count; i++) {
		struct ds_lab_cell *cell = &r->result->cells[i];
		cell->known = ds_instances_known(r->plan, r->place, r->hosts, cell->asks,
						 cell->answers, cell->mode);
		if (cell->known && cell->mode == DS_LAB_PTP)
			snprintf(r->result->yardstick, sizeof(r->result->yardstick), "%s",
				 ptp->version);
	}
	return error;
}

static void run_all(struct run *r)
{
	bool go_on = true;

	make_groups(r);
	r->measured_s = r->plan->warmup_seconds + r->plan->seconds;
	for (r->repeat = 0; r->repeat < r->plan->repeats && go_on; r->repeat++) {
		for (r->group = 0; r->group < r->group_count && go_on; r->group++)
			go_on = run_group(r);
		r->result->repeats += go_on;
	}
}

/* What relays lost that nobody asked for: then the conditions were not those of the plan. */
static void look_at_relays(struct run *r)
{
	struct ds_place_way ways[2];

	for (int i = 0; i < r->plan->hosts; i++) {
		if (ds_place_ways(r->place, i, ways) && ways[0].full + ways[1].full > 0)
			(void)ds_result_find(r->result, DS_LAB_NOTE, i, "relay-full",
					     "The link of %s lost %" PRIu64
					     " packets for want of room in its relay, besides "
					     "what it was told to lose.",
					     r->plan->host[i].name, ways[0].full + ways[1].full);
	}
}

int ds_run(const struct ds_lab_plan *plan, const struct ds_kind *kinds, const struct ds_kind *ptp,
	   const struct ds_run_progress *progress, struct ds_lab_result *result,
	   char why[DS_LAB_WHY])
{
	struct run r = {.plan = plan,
			.progress = progress,
			.sender = -1,
			.result = result,
			.overhead_before_s = OVERHEAD_S / 2,
			.overhead_after_s = OVERHEAD_S / 2};

	memset(r.loads, -1, sizeof(r.loads));
	result->begun_s = realtime_s();
	result->busy_idle = result->busy_loaded = (double)NAN;
	ds_machine_describe(result->machine, sizeof(result->machine));
	if (plan->rig == DS_LAB_RIG_UML)
		say(&r,
		    "kernels boot, and take the time from their pulses: half a minute; the first "
		    "time all is built before, a minute or two");
	int error = ds_place_open(&r.place, plan, why);
	if (error != 0)
		return error;
	snprintf(result->rig, sizeof(result->rig), "%s", ds_place_describe(r.place));
	r.all = (struct ds_instances){
		.plan = plan, .place = r.place, .trouble = on_trouble, .context = &r};
	error = settle(&r, kinds, ptp, why);
	if (error == 0)
		run_all(&r);
	stop_loads(&r);
	ds_instances_free(&r.all);
	look_at_relays(&r);
	ds_place_close(r.place);
	ds_timeline_free(&r.timeline);
	result->ended_s = realtime_s();
	return error != 0 ? error : result->partial;
}
