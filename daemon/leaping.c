/* leaping: see leaping.h. */
#include "daemon/leaping.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/leaplist.h"
#include "daemon/log.h"
#include "os/clock_phc.h"

#define NS_PER_S       INT64_C(1000000000)
#define LOOK_NS	       (600 * NS_PER_S) /* so often what is pending is decided without an update */
#define RELOAD_NS      (86400 * NS_PER_S)
#define KERNEL_SOON_NS INT64_C(20000000) /* the kernel steps within a tick: look then ... */
#define KERNEL_LATE_NS NS_PER_S		 /* ... and here it has not, and will not */
#define JUMP_NEAR_NS   (NS_PER_S / 4)	 /* a jump by a second, give or take what was slewed */
#define JUMP_WINDOW_NS (5 * NS_PER_S)
#define TO_NS_PER_PPM  1e3
/* `smoothtime` begins when 1/10000 of the skew, in ppm, is below the wander in ppm a second
 * (chrony.conf(5)). */
#define SKEW_PART 1e-4

/* ---- files ---- */

static int load(const struct ds_conf *conf, struct ds_leap_table *table, char why[DS_LEAPLIST_WHY])
{
	if (conf->leap_list[0] != '\0')
		return ds_leaplist_read(conf->leap_list, table, why);
	return ds_leaplist_read_zone(conf->leap_zone, table, why);
}

static bool is_configured(const struct ds_conf *conf)
{
	return conf->leap_list[0] != '\0' || conf->leap_zone[0] != '\0';
}

bool ds_leaping_check(const struct ds_conf *conf)
{
	static struct ds_leap_table table;
	char why[DS_LEAPLIST_WHY];

	if (!is_configured(conf) || load(conf, &table, why) != -EBADMSG)
		return true; /* what cannot be read is said when it is to be used */
	ds_log_fatal("%s", why);
	return false;
}

/* What was read before stays where it cannot be read any more. */
static void reload(struct ds_leaping *l)
{
	static struct ds_leap_table table;
	char why[DS_LEAPLIST_WHY];

	l->reload_monotonic_ns = ds_monotonic_ns() + RELOAD_NS;
	if (!is_configured(l->conf))
		return;
	if (load(l->conf, &table, why) != 0) {
		ds_log(DS_LOG_WARNING, "%s; %s", why,
		       l->has_table ? "what was read before stays"
				    : "leap seconds are announced by the sources alone");
		return;
	}
	l->table = table;
	l->has_table = true;
}

static const char *date_text(int64_t utc_s, char text[32])
{
	time_t at = (time_t)utc_s;
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL || strftime(text, 32, "%Y-%m-%d", &tm) == 0)
		text[0] = '\0';
	return text;
}

static void watch_expiry(struct ds_leaping *l, int64_t utc_ns)
{
	const char *path = l->conf->leap_list[0] != '\0' ? l->conf->leap_list : l->conf->leap_zone;
	int64_t utc_s = utc_ns / NS_PER_S;
	char date[32];
	int8_t expiry = 0;

	if (!l->has_table || l->table.expires_s == INT64_MAX)
		return;
	if (utc_s >= l->table.expires_s)
		expiry = 2;
	else if (utc_s >= l->table.expires_s - DS_LEAPING_SOON_NS / NS_PER_S)
		expiry = 1;
	if (expiry == l->expiry)
		return;
	l->expiry = expiry;
	date_text(l->table.expires_s, date);
	if (expiry == 2)
		ds_log(DS_LOG_WARNING,
		       "%s: expired on %s: leap seconds are announced by the sources alone", path,
		       date);
	else if (expiry == 1)
		ds_log(DS_LOG_WARNING, "%s: expires on %s: a newer one is needed", path, date);
}

/* ---- what is known of UTC ---- */

bool ds_leaping_smooths(const struct ds_leaping *l)
{
	return l->conf->smooth_freq_ppm > 0.0;
}

static bool has_line(const struct ds_leaping *l)
{
	return l->discipline->synchronised;
}

/* The best knowledge of UTC: the line, or else the clock. */
static int64_t utc_of(const struct ds_leaping *l, const struct ds_reading *at)
{
	int64_t apart_ns = has_line(l) ? ds_discipline_remaining_ns(l->discipline, at) : l->owed_ns;

	return (int64_t)((uint64_t)at->clock_ns + (uint64_t)apart_ns);
}

/* A clock that nobody vouches for is no reason to expect anything. */
static bool is_trusted(const struct ds_leaping *l)
{
	return l->reference->synchronised || l->conf->local;
}

static const char *kind(int8_t leap_s)
{
	return leap_s > 0 ? "inserted" : "deleted";
}

static void say_pending(struct ds_leaping *l, int64_t utc_ns)
{
	bool by_list = l->has_table && ds_leap_table_holds(&l->table, utc_ns);
	char date[32];

	if (l->leaps.pending_s != 0)
		ds_log(DS_LOG_NOTICE, "a leap second will be %s at the end of %s (UTC), says %s",
		       kind(l->leaps.pending_s),
		       date_text(l->leaps.midnight_ns / NS_PER_S - 1, date),
		       by_list ? "the list" : "the majority of sources");
	else if (l->announced)
		ds_log(DS_LOG_NOTICE, "no leap second is announced any more");
	l->announced = l->leaps.pending_s != 0;
}

static bool smooths_leaps(const struct ds_leaping *l)
{
	return ds_leaping_smooths(l) && l->conf->leap_mode == DS_LEAP_BY_SLEW;
}

/* The leap second that UTC is behind: its midnight, 1 or -1 (0: none is known). */
static int8_t last_leap(const struct ds_leaping *l, int64_t utc_ns, int64_t *midnight_ns)
{
	const struct ds_leap_entry *e = l->table.entries;

	if (l->leaps.last_s != 0) {
		*midnight_ns = l->leaps.done_ns;
		return l->leaps.last_s;
	}
	for (int i = l->has_table ? l->table.count - 1 : 0; i > 0; i--)
		if (e[i].at_s <= utc_ns / NS_PER_S) {
			*midnight_ns = e[i].at_s * NS_PER_S;
			return (int8_t)(e[i].tai_minus_utc_s - e[i - 1].tai_minus_utc_s);
		}
	return 0;
}

/* The way of a leap second alone hangs on nothing but its moment: who was not there, or has lost
 * its way by a step of the clock, finds it again. Else clients would see what is left of it as a
 * step. */
static void resume_smear(struct ds_leaping *l, int64_t utc_ns)
{
	struct ds_smooth smooth = l->smooth;
	int64_t midnight_ns;
	int8_t leap_s = last_leap(l, utc_ns, &midnight_ns);

	if (l->resumed || !smooths_leaps(l) || !l->conf->smooth_leap_only)
		return;
	l->resumed = true;
	if (leap_s == 0)
		return;
	ds_smooth_reset(&smooth);
	ds_smooth_add(&smooth, midnight_ns - (leap_s > 0 ? NS_PER_S : 0), leap_s * (double)NS_PER_S,
		      0.0);
	if (ds_smooth_end_ns(&smooth) <= utc_ns)
		return;
	l->smooth = smooth;
	ds_log(DS_LOG_NOTICE, "served time goes on smearing the leap second %s, for another %.0f s",
	       kind(leap_s), (double)(ds_smooth_end_ns(&smooth) - utc_ns) * 1e-9);
}

static void expect(struct ds_leaping *l, const struct ds_reading *now)
{
	int64_t utc_ns = utc_of(l, now);

	if (!is_trusted(l))
		return;
	watch_expiry(l, utc_ns);
	resume_smear(l, utc_ns);
	if (ds_leaps_expect(&l->leaps, utc_ns, now->raw_ns,
			    l->reference->synchronised ? l->agreed_s : 0,
			    l->has_table ? &l->table : NULL))
		say_pending(l, utc_ns);
}

static bool kernel_does_it(const struct ds_leaping *l)
{
	return l->steer && l->conf->leap_mode == DS_LEAP_BY_KERNEL &&
	       l->clock->kind == DS_CLOCK_SYSTEM;
}

/* Others may step the machine's clock, whether it is theirs (-x) or the kernel was told to. */
static bool others_may(const struct ds_leaping *l)
{
	return l->clock->kind == DS_CLOCK_SYSTEM && (!l->steer || kernel_does_it(l));
}

static void schedule(struct ds_leaping *l, const struct ds_reading *now)
{
	int64_t wait_ns = LOOK_NS;
	int64_t due_ns = ds_leaps_due_ns(&l->leaps);
	int64_t utc_ns = utc_of(l, now);

	if (due_ns != INT64_MAX) {
		int64_t left_ns = due_ns - utc_ns;

		if (others_may(l))
			left_ns += left_ns > -KERNEL_SOON_NS ? KERNEL_SOON_NS : KERNEL_LATE_NS;
		if (left_ns < wait_ns)
			wait_ns = left_ns > 0 ? left_ns : 0;
	}
	l->due_monotonic_ns = ds_monotonic_ns() + wait_ns;
}

void ds_leaping_init(struct ds_leaping *l, const struct ds_conf *conf, struct ds_clock *clock,
		     struct ds_discipline *discipline, const struct ds_reference *reference,
		     bool steer)
{
	memset(l, 0, sizeof(*l));
	l->conf = conf;
	l->clock = clock;
	l->discipline = discipline;
	l->reference = reference;
	l->steer = steer;
	ds_leaps_init(&l->leaps);
	ds_smooth_init(&l->smooth, conf->smooth_freq_ppm * TO_NS_PER_PPM,
		       conf->smooth_wander_ppm * TO_NS_PER_PPM);
	reload(l);
	/* A clock that follows sources is looked at when they have told the time. */
	l->due_monotonic_ns = conf->local ? INT64_MIN : ds_monotonic_ns() + LOOK_NS;
}

/* ---- it comes ---- */

/* What the clock needs. Where nobody is followed there is nothing to slew onto. */
static enum ds_discipline_leap how(const struct ds_leaping *l)
{
	if (!l->steer)
		return DS_DISCIPLINE_LEAP_LEAVE;
	if (ds_clock_keeps_tai(l->clock))
		return DS_DISCIPLINE_LEAP_STEP; /* of UTC alone */
	switch (l->conf->leap_mode) {
	case DS_LEAP_BY_NOBODY:
		return DS_DISCIPLINE_LEAP_LEAVE;
	case DS_LEAP_BY_SLEW:
		return has_line(l) ? DS_DISCIPLINE_LEAP_SLEW : DS_DISCIPLINE_LEAP_STEP;
	default:
		return DS_DISCIPLINE_LEAP_STEP;
	}
}

static void say_passed(const struct ds_leaping *l, enum ds_discipline_leap action)
{
	static const char *const hows[] = {
		[DS_DISCIPLINE_LEAP_LEAVE] = "the clock is left as it is",
		[DS_DISCIPLINE_LEAP_STEP] = "the clock is stepped",
		[DS_DISCIPLINE_LEAP_SLEW] = "the clock is slewed",
		[DS_DISCIPLINE_LEAP_DONE] = "the clock was stepped",
	};

	ds_log(DS_LOG_NOTICE, "leap second %s: %s", kind(l->leaps.last_s), hows[action]);
}

/* UTC has stepped by step_ns: the line and the clock follow, what is served may not. */
static void carry_out(struct ds_leaping *l, const struct ds_reading *now, int64_t step_ns,
		      enum ds_discipline_leap action, struct ds_correction *correction)
{
	ds_discipline_leap(l->discipline, now, step_ns, action, correction);
	l->announced = false;
	l->agreed_s = 0; /* what was said before is over */
	say_passed(l, action);
	if (action == DS_DISCIPLINE_LEAP_LEAVE && (!l->steer || !has_line(l)))
		l->owed_ns += step_ns;
	if (!smooths_leaps(l))
		return;
	/* The moment of the step on the count behind it. */
	ds_smooth_add(&l->smooth, l->leaps.done_ns - (step_ns < 0 ? NS_PER_S : 0), -(double)step_ns,
		      0.0);
	ds_log(DS_LOG_NOTICE,
	       "served time goes on without the leap second, and takes %.0f s to be right",
	       (double)(ds_smooth_end_ns(&l->smooth) - l->smooth.start_ns) * 1e-9);
}

bool ds_leaping_run(struct ds_leaping *l, const struct ds_reading *now,
		    struct ds_correction *correction)
{
	int64_t utc_ns = utc_of(l, now);
	int64_t due_ns = ds_leaps_due_ns(&l->leaps);
	int64_t step_ns = 0;

	if (ds_monotonic_ns() >= l->reload_monotonic_ns)
		reload(l);
	if (due_ns != INT64_MAX && (!others_may(l) || utc_ns >= due_ns + KERNEL_LATE_NS))
		step_ns = ds_leaps_pass(&l->leaps, utc_ns, now->raw_ns);
	if (step_ns != 0)
		carry_out(l, now, step_ns, how(l), correction);
	else
		expect(l, now);
	schedule(l, now);
	return step_ns != 0;
}

static bool is_near(int64_t a_ns, int64_t b_ns, int64_t within_ns)
{
	int64_t apart_ns = (int64_t)((uint64_t)a_ns - (uint64_t)b_ns);

	return apart_ns >= -within_ns && apart_ns <= within_ns;
}

bool ds_leaping_explains(struct ds_leaping *l, const struct ds_reading *now, int64_t jump_ns,
			 struct ds_correction *correction)
{
	int64_t due_ns = ds_leaps_due_ns(&l->leaps);
	int64_t utc_ns = utc_of(l, now) - (has_line(l) ? 0 : jump_ns);

	if (l->owed_ns != 0 && is_near(jump_ns, l->owed_ns, JUMP_NEAR_NS)) {
		l->owed_ns = 0;
		memset(correction, 0, sizeof(*correction));
		correction->rate_ppb = ds_clock_rate_ppb(l->clock);
		correction->until_raw_ns = l->discipline->until_raw_ns;
		return true;
	}
	if (due_ns == INT64_MAX || !others_may(l) || !is_near(utc_ns, due_ns, JUMP_WINDOW_NS) ||
	    !is_near(jump_ns, -l->leaps.pending_s * NS_PER_S, JUMP_NEAR_NS))
		return false;
	/* It was early where the clock was fast. */
	int64_t step_ns = ds_leaps_pass(&l->leaps, utc_ns > due_ns ? utc_ns : due_ns, now->raw_ns);
	if (step_ns == 0)
		return false;
	carry_out(l, now, step_ns, DS_DISCIPLINE_LEAP_DONE, correction);
	schedule(l, now);
	return true;
}

void ds_leaping_break(struct ds_leaping *l, const struct ds_reading *now)
{
	ds_leaps_miss(&l->leaps, utc_of(l, now));
	ds_smooth_reset(&l->smooth);
	l->resumed = false;
	l->owed_ns = 0;
	l->due_monotonic_ns = INT64_MIN;
}

/* ---- updates ---- */

static int8_t in_seconds(uint8_t leap)
{
	return leap == DS_LEAP_INSERT ? 1 : leap == DS_LEAP_DELETE ? -1 : 0;
}

/* More than half of those that the time comes from. */
static int8_t majority(const struct ds_candidate *candidates, uint32_t count)
{
	uint32_t all = 0;
	uint32_t inserted = 0;
	uint32_t deleted = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct ds_candidate *c = &candidates[i];

		if (c->selection != DS_S_COMBINED && c->selection != DS_S_SELECTED)
			continue;
		all++;
		inserted += in_seconds(c->leap) > 0;
		deleted += in_seconds(c->leap) < 0;
	}
	return inserted * 2 > all ? 1 : deleted * 2 > all ? -1 : 0;
}

/* The line went to another place: what is served does not. Not so for the first, which
 * says where it is. */
static void smooth_update(struct ds_leaping *l, const struct ds_reading *now,
			  int64_t remaining_before_ns, double freq_before_ppb)
{
	int64_t remaining_ns = ds_discipline_remaining_ns(l->discipline, now);

	if (!ds_leaping_smooths(l) || l->conf->smooth_leap_only || !l->steer)
		return;
	if (l->smoothing)
		ds_smooth_add(&l->smooth, now->clock_ns + remaining_ns,
			      -(double)(remaining_ns - remaining_before_ns),
			      -(l->discipline->freq_ppb - freq_before_ppb));
	else if (l->reference->skew_ppb * SKEW_PART <= l->smooth.max_wander_ppb_s) {
		l->smoothing = true;
		ds_log(DS_LOG_NOTICE, "served time is smoothed from now on");
	}
}

void ds_leaping_update(struct ds_leaping *l, const struct ds_reading *now,
		       const struct ds_candidate *candidates, uint32_t count,
		       int64_t remaining_before_ns, double freq_before_ppb, bool stepped)
{
	l->owed_ns = l->steer ? 0 : l->owed_ns;
	l->agreed_s = majority(candidates, count);
	if (stepped) {
		ds_smooth_reset(&l->smooth);
		l->resumed = false;
	} else {
		smooth_update(l, now, remaining_before_ns, freq_before_ppb);
	}
	expect(l, now);
	schedule(l, now);
}

/* ---- who smears ---- */

void ds_leaping_forget(struct ds_leaping *l, uint32_t place)
{
	if (place < DS_SOURCES_MAX)
		l->labelled &= ~(UINT64_C(1) << place);
}

static bool takes_part(const struct ds_candidate *c)
{
	return c->has_prediction && c->reachable && !c->noselect && !c->loop;
}

static void label(struct ds_leaping *l, uint32_t count, const union ds_address *const *addresses,
		  const bool *smeared)
{
	char text[DS_ADDRESS_TEXT];

	for (uint32_t i = 0; i < count; i++) {
		uint64_t bit = UINT64_C(1) << i;

		if (smeared[i] == ((l->labelled & bit) != 0))
			continue;
		l->labelled ^= bit;
		ds_log(DS_LOG_NOTICE, "source %s %s", ds_address_text(addresses[i], false, text),
		       smeared[i] ? "serves a smoothed time, and says so (127.127.1.255)"
				  : "serves no smoothed time any more");
	}
}

/* Whoever smears runs slow before and after a second that is inserted: behind UTC before it, ahead
 * of it after. All of this the other way round for one that is deleted. The sign of its offset; 0:
 * no leap second is near. *rate_sign: that of its rate. */
static int smear_sign(const struct ds_leaping *l, const struct ds_reading *now, int *rate_sign)
{
	if (l->leaps.pending_s != 0) {
		*rate_sign = -l->leaps.pending_s;
		return -l->leaps.pending_s;
	}
	*rate_sign = -l->leaps.last_s;
	if (l->leaps.last_s != 0 && now->raw_ns - l->leaps.last_raw_ns < 86400 * NS_PER_S)
		return l->leaps.last_s;
	return 0;
}

/* The one in the middle; of two the one that a smear is not on the side of. NULL: none. */
static const struct ds_candidate *middle(const struct ds_candidate *candidates, uint32_t count,
					 const bool *smeared, int sign)
{
	const struct ds_candidate *sorted[DS_SOURCES_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct ds_candidate *c = &candidates[i];
		uint32_t at = n;

		if (!takes_part(c) || smeared[i])
			continue;
		for (; at > 0 && sorted[at - 1]->prediction.server_minus_raw_ns >
					 c->prediction.server_minus_raw_ns;
		     at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = c;
		n++;
	}
	if (n < 2)
		return NULL;
	return sorted[sign < 0 ? n / 2 : (n - 1) / 2];
}

/* Too far off to be right, or with a rate of its own, as smears are: the shortest in use run at
 * 1000 ppm, a second in 24 hours is 11.6 ppm, chrony's example begins below 1. */
#define SMEAR_RATE_PPB 1e3
#define SMEAR_SDS      5.0

static bool behaves_so(const struct ds_candidate *c, const struct ds_candidate *middle_one,
		       int sign, int rate_sign)
{
	const struct ds_prediction *p = &c->prediction;
	const struct ds_prediction *m = &middle_one->prediction;
	double off_ns = (double)(p->server_minus_raw_ns - m->server_minus_raw_ns) * sign;
	double off_ppb = (p->freq_ppb - m->freq_ppb) * rate_sign;
	double sd_ppb = hypot(p->freq_sd_ppb, m->freq_sd_ppb);

	if (off_ns <= 0.0 || off_ns > (double)NS_PER_S * 1.01)
		return false;
	return off_ns > (double)(p->distance_ns + m->distance_ns) ||
	       (off_ppb > SMEAR_RATE_PPB && off_ppb > SMEAR_SDS * sd_ppb);
}

static void leave_out(struct ds_leaping *l, uint32_t i, struct ds_candidate *c,
		      const union ds_address *address, const char *why)
{
	uint64_t bit = UINT64_C(1) << i;
	char text[DS_ADDRESS_TEXT];

	c->noselect = true;
	if ((l->left_out & bit) == 0)
		ds_log(DS_LOG_WARNING, "source %s is left out: %s",
		       ds_address_text(address, false, text), why);
	l->left_out |= bit;
}

void ds_leaping_sort_out(struct ds_leaping *l, const struct ds_reading *now,
			 struct ds_candidate *candidates, uint32_t count,
			 const union ds_address *const *addresses, const bool *smeared)
{
	uint32_t n[2] = {0, 0};
	uint64_t again = 0;
	int rate_sign;
	int sign = smear_sign(l, now, &rate_sign);
	const struct ds_candidate *m = sign != 0 ? middle(candidates, count, smeared, sign) : NULL;

	label(l, count, addresses, smeared);
	for (uint32_t i = 0; i < count; i++) {
		struct ds_candidate *c = &candidates[i];

		if (!takes_part(c))
			continue;
		if (m != NULL && !smeared[i] && behaves_so(c, m, sign, rate_sign)) {
			again |= UINT64_C(1) << i;
			leave_out(l, i, c, addresses[i], "it seems to smear the leap second");
		} else {
			n[smeared[i]]++;
		}
	}
	bool fewer = n[1] <= n[0]; /* who smears, or who does not */
	for (uint32_t i = 0; i < count && n[0] > 0 && n[1] > 0; i++) {
		if (!takes_part(&candidates[i]) || smeared[i] != fewer)
			continue;
		again |= UINT64_C(1) << i;
		leave_out(l, i, &candidates[i], addresses[i],
			  fewer ? "it serves a smoothed time, others do not"
				: "most sources serve a smoothed time, this one does not");
	}
	l->left_out = again;
}

/* ---- what is told ---- */

uint8_t ds_leaping_pending(const struct ds_leaping *l)
{
	return l->leaps.pending_s > 0	? DS_LEAP_INSERT
	       : l->leaps.pending_s < 0 ? DS_LEAP_DELETE
					: DS_LEAP_NONE;
}

uint8_t ds_leaping_for_kernel(const struct ds_leaping *l)
{
	return kernel_does_it(l) ? ds_leaping_pending(l) : DS_LEAP_NONE;
}

int ds_leaping_tai_s(const struct ds_leaping *l, const struct ds_reading *now)
{
	int64_t utc_ns = utc_of(l, now);

	if (!l->has_table || !is_trusted(l))
		return 0;
	/* In the second that is counted twice the difference is that of the next day already. */
	if (l->leaps.last_s > 0 && utc_ns < l->leaps.done_ns &&
	    l->leaps.done_ns - utc_ns <= NS_PER_S)
		utc_ns = l->leaps.done_ns;
	return ds_leap_table_tai_s(&l->table, utc_ns);
}

static int64_t base_ns(const struct ds_leaping *l, const struct ds_reading *at)
{
	return l->steer && has_line(l) ? ds_discipline_remaining_ns(l->discipline, at) : l->owed_ns;
}

int64_t ds_leaping_served_minus_clock_ns(const struct ds_leaping *l, const struct ds_reading *at)
{
	int64_t base;

	if (!ds_leaping_smooths(l))
		return 0;
	base = base_ns(l, at);
	return base +
	       ds_smooth_offset_ns(&l->smooth, (int64_t)((uint64_t)at->clock_ns + (uint64_t)base));
}

double ds_leaping_served_rate_ppb(const struct ds_leaping *l, const struct ds_reading *then,
				  const struct ds_reading *now)
{
	int64_t served_ns = now->clock_ns - then->clock_ns +
			    ds_leaping_served_minus_clock_ns(l, now) -
			    ds_leaping_served_minus_clock_ns(l, then);
	int64_t raw_ns = now->raw_ns - then->raw_ns;

	return raw_ns > 0 ? (double)(served_ns - raw_ns) / (double)raw_ns * 1e9 : 0.0;
}

void ds_leaping_describe(const struct ds_leaping *l, const struct ds_reading *now,
			 struct ds_server_state *state)
{
	int64_t off_ns;

	if (state->leap == DS_LEAP_UNSYNCHRONISED)
		return;
	state->leap = smooths_leaps(l) ? DS_LEAP_NONE : ds_leaping_pending(l);
	if (!ds_leaping_smooths(l))
		return;
	off_ns = ds_smooth_offset_ns(&l->smooth, now->clock_ns + base_ns(l, now));
	if (off_ns > l->clock->precision_ns || off_ns < -l->clock->precision_ns)
		state->ref_id = DS_SMOOTH_REF_ID;
}
