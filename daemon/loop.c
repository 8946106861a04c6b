/* loop: see loop.h. */
#include "daemon/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/orders.h"
#include "daemon/record.h"
#include "daemon/report.h"
#include "os/clock_watch.h"
#include "os/notify.h"

#define NS_PER_MS	   INT64_C(1000000)
#define NS_PER_S	   INT64_C(1000000000)
#define POLL_MAX_MS	   (INT64_C(3600) * 1000)
#define SHADOW_INTERVAL_NS NS_PER_S /* or a poll, where that is shorter */

static volatile sig_atomic_t told_to_end;
static volatile sig_atomic_t told_to_report;
static volatile sig_atomic_t told_to_reload;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		told_to_report = 1;
	else if (number == SIGHUP)
		told_to_reload = 1;
	else
		told_to_end = number;
}

static void catch_signals(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	sigemptyset(&action.sa_mask);
	action.sa_handler = on_signal; /* no SA_RESTART: poll() must return */
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int timeout_ms(const struct ds_daemon *d, int64_t now_ns, int64_t shadow_ns)
{
	int64_t next = earliest(ds_sources_next_ns(&d->sources), d->timekeeper.due_monotonic_ns);

	next = earliest(next, ds_broadcasting_next_ns(&d->broadcasting));
	next = earliest(next, ds_hearing_next_ns(&d->hearing));
	next = earliest(next, ds_refclocks_next_ns(&d->refclocks));
	next = earliest(next, ds_rtckeeper_next_ns(&d->rtckeeper));
	next = earliest(next, ds_phckeeper_next_ns(&d->phckeeper));
	next = earliest(next, ds_cards_next_ns(&d->cards));
	next = earliest(next, ds_shadowing_next_ns(&d->shadowing));
	next = earliest(next, ds_control_next_ns(&d->control));
	next = earliest(next, d->end_ns);
	next = earliest(next, d->timekeeper.drift_due_monotonic_ns);
	next = earliest(next, d->timekeeper.leaping.due_monotonic_ns);
	next = earliest(next, d->timekeeper.bounds.due_monotonic_ns);
	if (d->steer && d->clock.kind == DS_CLOCK_SYSTEM && d->clock_watch < 0)
		next = earliest(next, now_ns + DS_TIMEKEEPER_CHECK_NS);
	if (ds_record_wants_shadow())
		next = earliest(next, shadow_ns);
	if (next <= now_ns)
		return 0;
	/* Rounded up: waking early would only mean to wait again. */
	int64_t ms = (next - now_ns + NS_PER_MS - 1) / NS_PER_MS;
	return (int)earliest(ms, POLL_MAX_MS);
}

static int64_t shadow_interval_ns(const struct ds_conf *conf)
{
	int64_t interval = SHADOW_INTERVAL_NS;

	for (size_t i = 0; i < conf->source_count; i++)
		if (conf->sources[i].minpoll < 0)
			interval = earliest(interval, NS_PER_S >> -conf->sources[i].minpoll);
	for (int i = 0; i < conf->refclock_count; i++)
		if (conf->refclocks[i].poll_log2 < 0)
			interval = earliest(interval, NS_PER_S >> -conf->refclocks[i].poll_log2);
	return interval;
}

static void write_shadow(struct ds_daemon *d)
{
	struct ds_reading now;
	int64_t difference = ds_clock_minus_realtime_ns(&d->clock);

	ds_clock_read(&d->clock, &now);
	ds_record_shadow(now.clock_ns - difference, difference, ds_clock_rate_ppb(&d->clock),
			 ds_discipline_remaining_ns(&d->timekeeper.discipline, &now));
}

static void update_clock(struct ds_daemon *d)
{
	struct ds_candidate candidates[DS_SOURCES_MAX];
	struct ds_timekeeper_input input;
	struct ds_reading now;

	if (!d->timekeeper.reference.synchronised &&
	    ds_sources_starting(&d->sources, ds_monotonic_ns()))
		return;
	ds_clock_read(&d->clock, &now);
	ds_sources_candidates(&d->sources, &now, candidates, &input);
	if (!ds_timekeeper_update(&d->timekeeper, &input))
		return;
	ds_shadowing_update(&d->shadowing);
	if (d->timekeeper.stepped) {
		ds_serve_clock_stepped(&d->serve);
		ds_refclocks_clock_stepped(&d->refclocks);
	}
	d->sources.context.freq_ppb = ds_timekeeper_freq_ppb(&d->timekeeper);
}

/* Somebody set the clock, or the host slept: what was saved is of another time. */
static void check_disturbance(struct ds_daemon *d)
{
	enum ds_disturbance what = ds_timekeeper_check(&d->timekeeper);

	if (what == DS_UNDISTURBED)
		return;
	ds_serve_clock_stepped(&d->serve);
	ds_refclocks_clock_stepped(&d->refclocks);
	/* By how much others set a PHC is read from it, to some microseconds: card stamps from
	 * before and after lie so far apart on the raw scale, which no noise of theirs would
	 * explain. */
	if (what == DS_CLOCK_WAS_SET && d->clock.kind == DS_CLOCK_PHC)
		ds_sources_forget_samples(&d->sources);
	if (what != DS_HOST_SLEPT)
		return;
	ds_sources_restart(&d->sources);
	ds_refclocks_restart(&d->refclocks);
}

/* -q and -Q: have the sources been asked enough? Then say it (the correction was made by
 * update_clock) and return true. */
static bool once_done(struct ds_daemon *d, int *status)
{
	const struct ds_timekeeper *tk = &d->timekeeper;

	if (d->once == DS_ONCE_NO || !ds_sources_settled(&d->sources) ||
	    !ds_refclocks_settled(&d->refclocks))
		return false;
	update_clock(d);
	*status = tk->reference.synchronised ? 0 : 1;
	if (!tk->reference.synchronised)
		ds_log(DS_LOG_WARNING, "no source could be measured");
	else
		ds_log(DS_LOG_NOTICE, "%s clock wrong by %.6f seconds%s",
		       ds_timekeeper_clock_name(tk), (double)tk->last_offset_ns * 1e-9,
		       d->once == DS_ONCE_REPORT || !d->steer ? " (ignored)" : " (step)");
	return true;
}

void ds_loop_begin(struct ds_loop *l, const struct ds_daemon *d)
{
	l->served = l->refclocks = l->rtc = l->set = l->control = l->commanding = l->count = 0;
	l->shadow_ns = ds_monotonic_ns();
	l->status = d->once == DS_ONCE_NO ? 0 : 1;
}

int ds_loop_watch(struct ds_loop *l, const struct ds_daemon *d)
{
	l->served = ds_serve_watch(&d->serve, l->fds, l->who, DS_LOOP_WATCHED);
	l->refclocks = l->served;
	l->refclocks += ds_refclocks_watch(&d->refclocks, l->fds + l->refclocks,
					   l->who + l->refclocks, DS_LOOP_WATCHED - l->refclocks);
	l->rtc = l->refclocks + ds_rtckeeper_watch(&d->rtckeeper, l->fds + l->refclocks);
	l->set = l->rtc;
	if (d->clock_watch >= 0) {
		l->fds[l->set] = (struct pollfd){.fd = d->clock_watch, .events = POLLIN};
		l->set++;
	}
	l->control = l->set + ds_control_watch(&d->control, l->fds + l->set, l->who + l->set,
					       DS_LOOP_WATCHED - l->set);
	l->commanding =
		l->control + ds_commanding_watch(&d->commanding, l->fds + l->control,
						 l->who + l->control, DS_LOOP_WATCHED - l->control);
	l->count = l->commanding;
	l->count += ds_sources_watch(&d->sources, l->fds + l->count, l->who + l->count,
				     DS_LOOP_WATCHED - l->count);
	return timeout_ms(d, ds_monotonic_ns(), l->shadow_ns);
}

/* What happened to the clock is found out by check_disturbance(), each turn. */
static void watch_again(struct ds_daemon *d)
{
	if (ds_clock_watch_again(d->clock_watch))
		return;
	close(d->clock_watch);
	d->clock_watch = -1;
}

/* Returns whether a source has a new sample. */
static bool hand_out(struct ds_loop *l, struct ds_daemon *d)
{
	bool sample = false;

	for (uint32_t i = 0; i < l->count; i++) {
		if (l->fds[i].revents == 0)
			continue;
		if (i < l->served)
			ds_serve_handle(&d->serve, l->who[i], l->fds[i].revents);
		else if (i < l->refclocks)
			ds_refclocks_handle(&d->refclocks, l->who[i]);
		else if (i < l->rtc)
			ds_rtckeeper_handle(&d->rtckeeper);
		else if (i < l->set)
			watch_again(d);
		else if (i < l->control)
			ds_control_handle(&d->control, d, l->who[i], l->fds[i].revents);
		else if (i < l->commanding)
			ds_commanding_handle(&d->commanding, d, l->who[i]);
		else
			sample |= ds_sources_handle(&d->sources, l->who[i], l->fds[i].revents);
	}
	return sample;
}

bool ds_loop_turn(struct ds_loop *l, struct ds_daemon *d)
{
	bool sample = hand_out(l, d);
	int64_t now_ns = ds_monotonic_ns();

	ds_phckeeper_run(&d->phckeeper, &d->timekeeper, now_ns);
	check_disturbance(d);
	if (now_ns >= d->timekeeper.leaping.due_monotonic_ns && ds_timekeeper_leap(&d->timekeeper))
		ds_serve_clock_stepped(&d->serve);
	ds_broadcasting_run(&d->broadcasting, now_ns);
	sample |= ds_hearing_run(&d->hearing, now_ns);
	sample |= ds_refclocks_run(&d->refclocks, now_ns);
	ds_rtckeeper_run(&d->rtckeeper, now_ns);
	ds_cards_run(&d->cards, now_ns);
	sample |= ds_sources_run(&d->sources, now_ns);
	ds_cards_own_due(&d->cards, earliest(ds_sources_next_ns(&d->sources),
					     ds_broadcasting_next_ns(&d->broadcasting)));
	if (sample && d->once == DS_ONCE_NO)
		update_clock(d);
	if (now_ns >= d->timekeeper.due_monotonic_ns)
		ds_timekeeper_timer(&d->timekeeper);
	ds_bounds_run(&d->timekeeper.bounds, now_ns);
	if (ds_record_wants_shadow() && now_ns >= l->shadow_ns) {
		write_shadow(d);
		l->shadow_ns = now_ns + shadow_interval_ns(&d->conf);
	}
	ds_shadowing_run(&d->shadowing, now_ns);
	ds_control_run(&d->control, d);
	ds_timekeeper_save_drift(&d->timekeeper);
	if (d->timekeeper.give_up)
		l->status = 1;
	if (d->timekeeper.give_up || once_done(d, &l->status))
		return false;
	if (now_ns < d->end_ns)
		return true;
	if (d->once == DS_ONCE_NO)
		ds_log(DS_LOG_NOTICE, "time is over (-t)");
	else
		ds_log(DS_LOG_WARNING,
		       "no source answered well enough before the time was over (-t)");
	return false;
}

/* SIGHUP: logs were rotated, files of sources have changed. */
static void reload(struct ds_daemon *d)
{
	char why[DS_ORDER_WHY];
	uint32_t count;

	ds_notify_reloading();
	ds_log_reopen();
	ds_orders_cyclelogs(d, why);
	(void)ds_orders_reload(d, &count, why); /* the log has what came of it */
	ds_notify_ready();
}

/* In one line, whenever what it says changes: whom we follow, or that we follow nobody. */
static void tell_manager(const struct ds_daemon *d)
{
	static int32_t told = INT32_MIN; /* the place, and the stratum */
	bool known = d->timekeeper.reference.synchronised;
	int32_t best = known ? d->timekeeper.selecting.selected : -1;
	int32_t news = best < 0 ? -1 : best << 8 | d->timekeeper.reference.stratum;
	char text[DS_ADDRESS_TEXT], line[DS_ADDRESS_TEXT + 64];

	if (news == told)
		return;
	told = news;
	if (best < 0)
		snprintf(line, sizeof line, "not synchronised");
	else
		snprintf(line, sizeof line, "synchronised to %s, stratum %u",
			 ds_address_text(&d->sources.table[best].address, false, text),
			 d->timekeeper.reference.stratum);
	ds_notify_status(line);
}

int ds_loop_run(struct ds_daemon *d)
{
	static struct ds_loop l;

	ds_loop_begin(&l, d);
	catch_signals();
	for (;;) {
		int timeout = ds_loop_watch(&l, d);

		if (poll(l.fds, l.count, timeout) < 0) {
			if (errno != EINTR)
				ds_log(DS_LOG_ERROR, "poll: %s", strerror(errno));
			l.count = 0;
		}
		if (told_to_end)
			break;
		if (told_to_report) {
			told_to_report = 0;
			ds_report(d);
		}
		if (told_to_reload) {
			told_to_reload = 0;
			reload(d);
		}
		if (!ds_loop_turn(&l, d))
			return l.status;
		tell_manager(d);
	}
	ds_log(DS_LOG_NOTICE, "ending on signal %d", (int)told_to_end);
	return 0;
}
