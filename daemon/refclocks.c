/* refclocks: see refclocks.h. */
#include "daemon/refclocks.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/conf_refclock.h"
#include "daemon/log.h"
#include "daemon/record.h"

#define NS_PER_S      INT64_C(1000000000)
#define FIRST_READ_NS (NS_PER_S / 20)
#define STALE_NS      (4 * NS_PER_S) /* beyond an interval of reading */
#define FUTURE_NS     INT64_C(1000000)
#define BATCH_LOG2    2 /* above dpoll: four samples are made one ... */
#define PARTS_LOG2    2 /* ... but no more often than four times a poll */
#define SETTLE_POLLS  8
#define LAG_SHARE     64 /* of dpoll: how long behind its samples a driver is read */
#define SEQUENCE_MAX  99
#define SILENT_POLLS  3
#define STRAYS	      4
#define STRAY_NOISE   20.0 /* so many times what a result may be off by */

static const char *const drop_names[] = {
#define X(symbol, name, sentence) name,
	DS_REFDROPS(X)
#undef X
};
static const char *const drop_words[] = {
#define X(symbol, name, sentence) sentence,
	DS_REFDROPS(X)
#undef X
};

const char *ds_refdrop_name(enum ds_refdrop drop)
{
	return (unsigned)drop < DS_REFDROP_COUNT ? drop_names[drop] : "unknown";
}

const char *ds_refdrop_sentence(enum ds_refdrop drop)
{
	return (unsigned)drop < DS_REFDROP_COUNT ? drop_words[drop] : "unknown";
}

/* ---- opening ---- */

static uint32_t ref_id_of(const char *text)
{
	uint32_t id = 0;

	for (int i = 0; i < 4; i++) {
		id = id << 8 | (uint8_t)*text;
		text += *text != '\0';
	}
	return id;
}

/* Who is read by the timer gives 2^(poll - dpoll) samples a poll: a filter for more would never
 * be full. */
static uint16_t filter_length(const struct ds_refclock *r)
{
	int doublings = r->conf->poll_log2 - r->conf->dpoll_log2;

	if (ds_refdriver_fd(&r->driver) >= 0 || doublings >= 8 || r->conf->filter < 1U << doublings)
		return r->conf->filter;
	return (uint16_t)(1U << doublings);
}

bool ds_refclocks_open(struct ds_refclocks *all, const struct ds_conf *conf)
{
	char why[DS_WHY];
	bool good = true;

	memset(all, 0, sizeof *all);
	all->count = conf->refclock_count;
	all->not_before_raw_ns = INT64_MIN;
	for (int i = 0; i < all->count; i++) {
		struct ds_refclock *r = &all->table[i];
		int lock;

		r->conf = &conf->refclocks[i];
		lock = ds_conf_refclock_lock(conf, r->conf);
		r->lock = lock >= 0 ? &all->table[lock] : NULL;
		r->ref_id = ref_id_of(r->conf->ref_id);
		if (ds_refdriver_open(&r->driver, r->conf, why) != 0) {
			ds_log(DS_LOG_ERROR, "%s:%d: %s: %s", r->conf->source.file,
			       r->conf->source.line, r->conf->ref_id, why);
			good = false;
		}
	}
	return good;
}

static int8_t first_poll_log2(const struct ds_conf_refclock *conf)
{
	int log2 = conf->dpoll_log2 + BATCH_LOG2;

	return (int8_t)(log2 < conf->poll_log2 ? log2 : conf->poll_log2);
}

static int8_t last_poll_log2(const struct ds_conf_refclock *conf)
{
	int8_t first_log2 = first_poll_log2(conf);
	int log2 = conf->poll_log2 - PARTS_LOG2;

	return (int8_t)(log2 > first_log2 ? log2 : first_log2);
}

static void begin(struct ds_refclock *r, int64_t now_ns)
{
	ds_filter_init(&r->filter, filter_length(r));
	r->watch = (struct ds_pulse_watch){.has_last = false};
	r->edges = 0;
	r->has_last = false;
	r->strays = 0;
	r->poll_log2 = first_poll_log2(r->conf);
	r->source->poll_log2 = r->poll_log2;
	r->read_due_ns = ds_refdriver_fd(&r->driver) >= 0 ? INT64_MAX : now_ns + FIRST_READ_NS;
	r->lag_ns = ds_source_interval_ns(r->conf->dpoll_log2) / LAG_SHARE;
	r->hurried = false;
	r->part_due_ns = now_ns + ds_source_interval_ns(r->poll_log2);
	r->poll_end_ns = now_ns + ds_source_interval_ns(r->conf->poll_log2);
}

void ds_refclocks_start(struct ds_refclocks *all, struct ds_sources *sources,
			const struct ds_timekeeper *timekeeper)
{
	all->sources = sources;
	all->timekeeper = timekeeper;
	for (int i = 0; i < all->count; i++) {
		struct ds_refclock *r = &all->table[i];
		uint32_t place = sources->count;
		union ds_address name;

		r->read_due_ns = r->part_due_ns = INT64_MAX;
		if (ds_sources_reserve(sources, &r->conf->source) == 0)
			continue;
		ds_address_set_refclock(&name, r->ref_id);
		r->source = &sources->table[place];
		ds_source_init(r->source, &r->conf->source, sources->context.conf, &name);
		begin(r, ds_monotonic_ns());
	}
}

void ds_refclocks_close(struct ds_refclocks *all)
{
	for (int i = 0; i < all->count; i++)
		ds_refdriver_close(&all->table[i].driver);
}

/* ---- a sample ---- */

static void drop(struct ds_refclock *r, enum ds_refdrop why)
{
	r->drops[why]++;
	if (r->said[why])
		return;
	r->said[why] = true;
	ds_log(DS_LOG_WARNING, "source %s: %s", r->conf->ref_id, drop_words[why]);
}

static double interval_ns(double rate_hz)
{
	return 1e9 / rate_hz;
}

/* What leap seconds had added to UTC by then: the filter is without them. */
static int64_t leapt_ns(const struct ds_refclocks *all, int64_t raw_ns)
{
	const struct ds_leaps *leaps = all->sources->context.leaps;

	return leaps != NULL ? ds_leaps_total_at_ns(leaps, raw_ns) : 0;
}

static bool is_at_leap(const struct ds_refclocks *all, int64_t raw_ns)
{
	const struct ds_leaps *leaps = all->sources->context.leaps;

	return leaps != NULL && ds_leaps_between(leaps, raw_ns, raw_ns);
}

/* From TAI to UTC. False: nobody knows. */
static bool to_utc(const struct ds_refclocks *all, int64_t *at_ns)
{
	const struct ds_leaping *l = &all->timekeeper->leaping;
	int64_t utc_ns = *at_ns, tai_s = 0;

	/* twice: the table is of UTC */
	for (int i = 0; i < 2 && l->has_table; i++) {
		tai_s = ds_leap_table_tai_s(&l->table, utc_ns);
		utc_ns = *at_ns - tai_s * NS_PER_S;
	}
	*at_ns = utc_ns;
	return tai_s != 0;
}

/* What the clock that this one is locked to showed at raw_ns, if that was not long ago. */
static bool ask_lock(const struct ds_refclocks *all, const struct ds_refclock *r, int64_t raw_ns,
		     int64_t *about_ns)
{
	double freq_ppb = all->sources->context.freq_ppb;

	int64_t age_ns = raw_ns - r->lock->last.raw_ns;
	double most_ns = r->conf->max_lock_age * interval_ns(r->conf->rate_hz);

	if (!r->lock->has_last || !(fabs((double)age_ns) <= most_ns))
		return false;
	*about_ns = raw_ns + r->lock->last.reference_minus_raw_ns + leapt_ns(all, raw_ns) +
		    ds_gained_ns(age_ns, freq_ppb);
	return true;
}

/* What our own clock is heading for, if it is known well enough to tell a second. */
static bool ask_ourselves(const struct ds_refclocks *all, const struct ds_refclock *r,
			  const struct ds_reading *at, int64_t *about_ns)
{
	const struct ds_timekeeper *tk = all->timekeeper;
	const struct ds_reference *ref = &tk->reference;
	int64_t width_ns = (int64_t)(r->conf->width_s * 1e9);
	struct ds_bound_value value;

	ds_bounds_at(&tk->bounds, at, &value);
	if (!ref->synchronised || value.hard_ns > ds_pulse_reach_ns(r->conf->rate_hz, width_ns))
		return false;
	*about_ns = at->clock_ns + ds_discipline_remaining_ns(&tk->discipline, at);
	return true;
}

/* Give a pulse its second. */
static bool complete(const struct ds_refclocks *all, struct ds_refclock *r,
		     const struct ds_reading *at, int64_t *reference_ns)
{
	int64_t about_ns;
	bool known = r->lock != NULL ? ask_lock(all, r, at->raw_ns, &about_ns)
				     : ask_ourselves(all, r, at, &about_ns);

	if (!known) {
		drop(r, DS_REFDROP_ALONE);
		return false;
	}
	if (!ds_pulse_complete(*reference_ns, about_ns, r->conf->rate_hz,
			       (int64_t)(r->conf->width_s * 1e9), reference_ns)) {
		drop(r, DS_REFDROP_AMBIGUOUS);
		return false;
	}
	return true;
}

/* What the reference clock showed, as UTC, whole seconds included. */
static bool correct(const struct ds_refclocks *all, struct ds_refclock *r,
		    const struct ds_refsample *sample, const struct ds_reading *at,
		    int64_t *reference_ns)
{
	*reference_ns = sample->reference_ns + llrint(r->conf->offset_s * 1e9);
	if (sample->pulse)
		return complete(all, r, at, reference_ns);
	if (r->conf->tai && !to_utc(all, reference_ns)) {
		drop(r, DS_REFDROP_NO_TAI);
		return false;
	}
	return true;
}

/* Of this moment: not of the future, and not left over. */
static bool is_fresh(const struct ds_refclock *r, const struct ds_reading *now,
		     const struct ds_reading *at)
{
	int64_t age_ns = now->raw_ns - at->raw_ns;

	return age_ns >= -FUTURE_NS &&
	       age_ns <= ds_source_interval_ns(r->conf->dpoll_log2) + STALE_NS;
}

static int64_t dispersion_ns(const struct ds_refclocks *all, const struct ds_refclock *r,
			     const struct ds_refsample *sample)
{
	int64_t grain_ns = all->sources->context.clock->precision_ns;

	if (r->conf->precision_s > 0)
		return (int64_t)ceil(r->conf->precision_s * 1e9);
	return sample->dispersion_ns > grain_ns ? sample->dispersion_ns : grain_ns;
}

static void record_sample(const struct ds_refclock *r, const struct ds_reading *at,
			  const struct ds_refsample *sample, int64_t reference_ns,
			  const struct ds_filter_sample *used)
{
	const struct ds_record_refclock line = {
		.clock_ns = at->clock_ns,
		.name = r->conf->ref_id,
		.sequence = r->sequence,
		.leap = r->leap,
		.pulse = sample->pulse,
		.raw_offset_ns = sample->reference_ns - at->clock_ns,
		.offset_ns = reference_ns - at->clock_ns,
		.dispersion_ns = used->dispersion_ns,
	};

	ds_record_refclock(&line);
}

/* The first edge of all only tells when the next is due. */
static void note_extra_edge(struct ds_refclock *r)
{
	if (r->edges++ > 0)
		drop(r, DS_REFDROP_DOUBLE);
}

static void note_found(struct ds_refclock *r)
{
	if (r->lost)
		ds_log(DS_LOG_NOTICE, "source %s: is there again", r->conf->ref_id);
	r->failing = r->lost = r->lost_why = false;
}

static void take_sample(struct ds_refclocks *all, struct ds_refclock *r,
			struct ds_refsample *sample)
{
	struct ds_clock *clock = all->sources->context.clock;
	struct ds_filter_sample used;
	struct ds_reading now, at;
	int64_t reference_ns;

	r->samples++;
	note_found(r);
	ds_clock_read(clock, &now); /* a fresh anchor before a stamp is carried */
	ds_clock_carry(clock, sample->local_ns, &at);
	r->age_ns = now.raw_ns - at.raw_ns;
	if (at.raw_ns <= all->not_before_raw_ns) { /* as must be, once, after a step */
		r->drops[DS_REFDROP_STALE]++;
		return;
	}
	if (!is_fresh(r, &now, &at)) {
		drop(r, DS_REFDROP_STALE);
		return;
	}
	if (is_at_leap(all, at.raw_ns)) {
		drop(r, DS_REFDROP_LEAP);
		return;
	}
	sample->pulse |= ds_conf_refclock_pulses(r->conf);
	if (sample->edges > 0 && !(r->conf->width_s > 0) &&
	    !ds_pulse_is_due(&r->watch, at.raw_ns, sample->edges, r->conf->rate_hz)) {
		note_extra_edge(r);
		return;
	}
	if (!correct(all, r, sample, &at, &reference_ns))
		return;
	used = (struct ds_filter_sample){
		.raw_ns = at.raw_ns,
		.reference_minus_raw_ns = reference_ns - at.raw_ns - leapt_ns(all, at.raw_ns),
		.dispersion_ns = dispersion_ns(all, r, sample),
	};
	if (!ds_filter_add(&r->filter, &used)) {
		drop(r, DS_REFDROP_ORDER);
		return;
	}
	r->used++;
	r->leap = sample->leap;
	r->kernel = sample->kernel;
	r->last = used;
	r->has_last = !sample->pulse;
	record_sample(r, &at, sample, reference_ns, &used);
	r->sequence = r->sequence < SEQUENCE_MAX ? (uint8_t)(r->sequence + 1) : 0;
}

static void read_driver(struct ds_refclocks *all, struct ds_refclock *r)
{
	struct ds_refsample sample;

	switch (ds_refdriver_read(&r->driver, &sample)) {
	case DS_REF_SAMPLE:
		take_sample(all, r, &sample);
		break;
	case DS_REF_BAD:
		drop(r, DS_REFDROP_BAD);
		break;
	case DS_REF_TORN:
		drop(r, DS_REFDROP_TORN);
		break;
	case DS_REF_UNSYNCHRONISED:
		drop(r, DS_REFDROP_UNSYNCHRONISED);
		break;
	case DS_REF_FAILED:
		drop(r, DS_REFDROP_FAILED);
		r->failing = true;
		/* poll() would report it again and again */
		if (ds_refdriver_fd(&r->driver) >= 0)
			ds_refdriver_close(&r->driver);
		break;
	case DS_REF_NOTHING:
		break;
	}
}

/* ---- a poll ---- */

/* What a sample may be wrong by whatever is done with it: reading our clock is no part of what the
 * kernel or a card has stamped, to the nanosecond. What there is besides the estimate learns. */
static double grain_s(const struct ds_refclocks *all, const struct ds_refclock *r)
{
	if (r->conf->precision_s > 0)
		return r->conf->precision_s;
	return r->kernel ? 1e-9 : (double)all->sources->context.clock->precision_ns * 1e-9;
}

static struct ds_exchange make_exchange(const struct ds_refclocks *all, const struct ds_refclock *r,
					const struct ds_filter_result *result)
{
	const struct ds_source_context *c = &all->sources->context;
	int64_t reference_ns =
		result->raw_ns + result->reference_minus_raw_ns + leapt_ns(all, result->raw_ns);
	const struct ds_remote remote = {
		.leap = r->leap,
		.stratum = r->conf->stratum,
		.poll_log2 = r->poll_log2,
		.precision_log2 = (int8_t)ceil(fmax(log2(grain_s(all, r)), -40.0)),
		.ref_id = r->ref_id,
		.root_dispersion_ns = result->dispersion_ns + (int64_t)ceil(result->sd_ns),
		.reference_ns = reference_ns,
	};
	struct ds_rx_stamp local = {.raw_ns = result->raw_ns, .source = DS_STAMP_DAEMON};
	struct ds_exchange x = {.kind = DS_EXCHANGE_REFCLOCK};
	struct ds_reading now;

	ds_clock_read(c->clock, &now);
	local.clock_ns = now.clock_ns - (now.raw_ns - result->raw_ns) -
			 ds_gained_ns(now.raw_ns - result->raw_ns, c->freq_ppb);
	ds_exchange_make_refclock(&x, reference_ns, &local, llrint(r->conf->delay_s * 1e9),
				  &remote);
	return x;
}

static void record_poll(const struct ds_refclock *r, const struct ds_exchange *x)
{
	const struct ds_record_refclock line = {
		.clock_ns = x->t4.clock_ns,
		.name = r->conf->ref_id,
		.filtered = true,
		.leap = r->leap,
		.offset_ns = x->offset_ns,
		.dispersion_ns = x->remote.root_dispersion_ns,
	};

	ds_record_refclock(&line);
}

/* Does the estimate follow what it is told? False where it has not for a while. */
static bool is_followed(struct ds_refclock *r, const struct ds_filter_result *result)
{
	double most_ns = STRAY_NOISE * (3.0 * result->sd_ns + (double)result->dispersion_ns);
	struct ds_prediction p;
	double off_ns;

	if (!ds_estimate_at(&r->source->estimate, result->raw_ns, 0.0, &p))
		return true;
	off_ns = (double)(result->reference_minus_raw_ns - p.server_minus_raw_ns);
	if (fabs(off_ns) <= most_ns) {
		r->strays = 0;
		return true;
	}
	if (r->strays > 0 && fabs(off_ns - r->stray_ns) > most_ns)
		r->strays = 0;
	r->stray_ns = off_ns;
	r->strays++;
	return r->strays < STRAYS;
}

/* What the filter made of samples becomes one of the source. Returns whether it was taken. */
static bool use_result(struct ds_refclocks *all, struct ds_refclock *r,
		       const struct ds_filter_result *result)
{
	struct ds_exchange x = make_exchange(all, r, result);
	bool taken;

	r->sequence = 0;
	if (r->conf->max_dispersion_s > 0 &&
	    (double)x.remote.root_dispersion_ns > r->conf->max_dispersion_s * 1e9) {
		drop(r, DS_REFDROP_DISPERSION);
		return false;
	}
	record_poll(r, &x);
	ds_source_remember(r->source, &all->sources->context, DS_R_OK, 0, &x, x.t4.clock_ns);
	ds_source_note_answer(r->source, &x);
	taken = ds_source_take_exchange(r->source, &all->sources->context, &x);
	if (is_followed(r, result))
		return taken;
	ds_log(DS_LOG_NOTICE, "source %s has jumped by %.9f s: its estimate begins anew",
	       r->conf->ref_id, r->stray_ns * 1e-9);
	r->strays = 0;
	ds_estimate_restart(&r->source->estimate);
	x = make_exchange(all, r, result);
	return ds_source_take_exchange(r->source, &all->sources->context, &x);
}

/* Polls without a sample: is there still what was opened? What was held of it is of another one
 * if not. */
static void look_for(struct ds_refclock *r)
{
	char why[DS_WHY];

	if (!r->failing && !ds_refdriver_is_gone(&r->driver))
		return;
	if (!r->lost)
		ds_log(DS_LOG_WARNING,
		       "source %s: is gone, or fails: it is opened anew once a poll",
		       r->conf->ref_id);
	r->lost = true;
	r->watch = (struct ds_pulse_watch){.has_last = false};
	r->edges = 0;
	r->has_last = false;
	ds_filter_drop(&r->filter);
	if (ds_refdriver_reopen(&r->driver, why) != 0 && !r->lost_why) {
		ds_log(DS_LOG_WARNING, "source %s: %s", r->conf->ref_id, why);
		r->lost_why = true;
	}
}

/* Who waits for a clock that nobody feeds is told where to look. Once a silence. */
static void note_silence(struct ds_refclock *r)
{
	if (r->samples != r->heard) {
		r->heard = r->samples;
		r->silent = 0;
		return;
	}
	if (r->silent < UINT8_MAX && ++r->silent == SILENT_POLLS)
		ds_log(DS_LOG_WARNING, "source %s: %s", r->conf->ref_id,
		       ds_refdriver_silence(&r->driver));
	if (r->silent >= SILENT_POLLS)
		look_for(r);
}

/* The end of a part of a poll. Returns whether selection has something new to see: a sample, or
 * silence. Too few samples, or some that scatter unusually, are waited with until the poll is
 * over. */
static bool end_part(struct ds_refclocks *all, struct ds_refclock *r, int64_t now_ns)
{
	bool reached = r->source->reach != 0;
	bool patient = now_ns < r->poll_end_ns;
	struct ds_filter_result result;
	bool taken = false;

	if (ds_filter_take(&r->filter, all->sources->context.freq_ppb, patient, &result)) {
		ds_source_count_unanswered(r->source);
		taken = use_result(all, r, &result);
		if (r->poll_log2 < last_poll_log2(r->conf))
			r->poll_log2++;
	} else if (patient) {
		r->part_due_ns = now_ns + ds_source_interval_ns(r->conf->dpoll_log2);
		return false;
	} else {
		ds_source_count_unanswered(r->source);
		note_silence(r);
	}
	r->source->requests++;
	r->source->poll_log2 = r->poll_log2;
	r->poll_end_ns = now_ns + ds_source_interval_ns(r->conf->poll_log2);
	r->part_due_ns += ds_source_interval_ns(r->poll_log2);
	if (r->part_due_ns <= now_ns) /* the loop was held up, or samples were waited for */
		r->part_due_ns = now_ns + ds_source_interval_ns(r->poll_log2);
	return taken || (reached && r->source->reach == 0);
}

int64_t ds_refclocks_next_ns(const struct ds_refclocks *all)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < all->count; i++) {
		const struct ds_refclock *r = &all->table[i];

		if (r->read_due_ns < next)
			next = r->read_due_ns;
		if (r->part_due_ns < next)
			next = r->part_due_ns;
	}
	return next;
}

/* When to read again. A driver may hand up what it stamped up to `dpoll` ago (pulses, shared
 * memory): then a little less than that is waited, so that the next sample is read just behind its
 * moment. It is of use at once, and the clock is corrected long before the next one comes. Where
 * nothing is there so early (it comes later than it is stamped) it is read later behind it. */
static int64_t next_read_ns(struct ds_refclock *r, int64_t now_ns, bool found)
{
	int64_t interval_ns = ds_source_interval_ns(r->conf->dpoll_log2);
	int64_t due_ns = r->read_due_ns + interval_ns;

	if (due_ns <= now_ns) /* the loop was held up */
		due_ns = now_ns + interval_ns;
	if (r->hurried && !found && r->lag_ns < interval_ns / 2)
		r->lag_ns *= 2;
	r->hurried = found && r->age_ns > 2 * r->lag_ns;
	if (!r->hurried)
		return due_ns;
	due_ns = now_ns + interval_ns - r->age_ns + r->lag_ns;
	return due_ns > now_ns + r->lag_ns ? due_ns : now_ns + r->lag_ns;
}

static bool run_one(struct ds_refclocks *all, struct ds_refclock *r, int64_t now_ns)
{
	bool ends = now_ns >= r->part_due_ns;

	if (now_ns >= r->read_due_ns) {
		uint64_t samples = r->samples, used = r->used;

		read_driver(all, r);
		r->read_due_ns = next_read_ns(r, now_ns, r->samples != samples);
		/* nothing more is to come in this part */
		ends |= r->used != used && r->part_due_ns <= r->read_due_ns;
	}
	return ends && end_part(all, r, now_ns);
}

bool ds_refclocks_run(struct ds_refclocks *all, int64_t now_ns)
{
	bool news = false;

	for (int i = 0; i < all->count; i++)
		news |= run_one(all, &all->table[i], now_ns);
	return news;
}

/* ---- events ---- */

uint32_t ds_refclocks_watch(const struct ds_refclocks *all, struct pollfd *fds, uint32_t *who,
			    uint32_t room)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < all->count && n < room; i++) {
		int fd = ds_refdriver_fd(&all->table[i].driver);

		if (fd < 0 || all->table[i].source == NULL)
			continue;
		fds[n] = (struct pollfd){.fd = fd, .events = POLLIN};
		who[n++] = i;
	}
	return n;
}

void ds_refclocks_handle(struct ds_refclocks *all, uint32_t who)
{
	read_driver(all, &all->table[who]);
}

void ds_refclocks_clock_stepped(struct ds_refclocks *all)
{
	struct ds_reading now;

	/* a step of a virtual clock is none of CLOCK_REALTIME */
	if (all->count == 0 || all->sources->context.clock->kind != DS_CLOCK_SYSTEM)
		return;
	ds_clock_read(all->sources->context.clock, &now);
	all->not_before_raw_ns = now.raw_ns;
}

void ds_refclocks_restart(struct ds_refclocks *all)
{
	ds_refclocks_clock_stepped(all);
	for (int i = 0; i < all->count; i++)
		if (all->table[i].source != NULL)
			begin(&all->table[i], ds_monotonic_ns());
}

bool ds_refclocks_settled(const struct ds_refclocks *all)
{
	for (int i = 0; i < all->count; i++) {
		const struct ds_source *s = all->table[i].source;

		if (s != NULL && s->answers == 0 && s->requests < SETTLE_POLLS)
			return false;
	}
	return true;
}
