/* bounds: see bounds.h. */
#include "daemon/bounds.h"

#include <math.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/record.h"
#include "os/clock_phc.h"

#define NS_PER_S	 INT64_C(1000000000)
#define KNEE_LEAST_NS	 NS_PER_S	   /* the page is not written more often for its own sake */
#define KNEE_MOST_NS	 (1024 * NS_PER_S) /* the kernel is told at least so often */
#define VOID_LEAST_NS	 (1000 * NS_PER_S) /* readers do without us for at least so long */
#define LINE_MOST_NS	 (8 * NS_PER_S)	   /* and the line to a PHC is drawn anew */
#define LINE_SD		 3.0
#define LINE_DOUBT_PPB	 100.0 /* two crystals against each other, over LINE_MOST_NS */
#define PPT_PER_PPB	 1e3
#define PPT_MAX		 1e17 /* 1e5 times as fast as time */
#define LINE_CORRELATION 0.87 /* of offset and slope at the end of a line: the root of 3/4 */
#define UNKNOWN_ERROR_NS (16 * NS_PER_S) /* the kernel's own limit: NTP_PHASE_LIMIT */

void ds_bounds_init(struct ds_bounds *b, const struct ds_conf *conf, struct ds_clock *clock,
		    const struct ds_discipline *discipline, const struct ds_holdover *holdover,
		    const struct ds_reference *reference, struct ds_bound_page *page, bool steer)
{
	const struct ds_bound_config config = {
		.max_clock_error_ppb = conf->max_clock_error_ppm * 1e3,
		.max_asymmetry = conf->max_asymmetry,
	};

	memset(b, 0, sizeof *b);
	b->conf = conf;
	b->clock = clock;
	b->discipline = discipline;
	b->reference = reference;
	b->page = page;
	b->steer = steer;
	b->interval_ns = KNEE_LEAST_NS;
	b->leap = DRIVESTAMP_BOUND_LEAP_UNKNOWN;
	b->due_monotonic_ns = INT64_MAX;
	ds_bound_init(&b->bound, &config, holdover);
}

void ds_bounds_update(struct ds_bounds *b, const struct ds_reading *now,
		      const struct ds_candidate *candidates, uint32_t count,
		      const struct ds_combined *combined, int64_t interval_ns)
{
	double freq_sd_ppb = b->discipline->freq_sd_ppb;
	struct ds_bound_update update = {
		.raw_ns = now->raw_ns,
		.line_minus_raw_ns = b->discipline->target_minus_raw_ns,
		.freq_ppb = b->discipline->freq_ppb,
		.sd_ns = combined->sd_ns,
		.freq_sd_ppb = freq_sd_ppb,
		.cov_ns_ppb = combined->cov_ns_ppb,
		.wander_ppb = combined->wander_ppb,
		.interval_ns = interval_ns,
	};

	/* A frequency that is not the combined one alone: as that of a line, to be safe. */
	if (fabs(freq_sd_ppb - combined->freq_sd_ppb) > 1e-3 * freq_sd_ppb)
		update.cov_ns_ppb = LINE_CORRELATION * combined->sd_ns * freq_sd_ppb;
	ds_bound_judge(candidates, count, combined, &update);
	/* A frequency that nobody has measured may be any that can be corrected. */
	if (isinf(combined->freq_sd_ppb) && freq_sd_ppb >= DS_ESTIMATE_UNKNOWN_FREQ_PPB)
		update.freq_doubt_ppb =
			fmax(update.freq_doubt_ppb, b->discipline->config.max_freq_ppb);
	ds_bound_update(&b->bound, &update);
	b->interval_ns = interval_ns;
	b->disrupted = 0;
}

void ds_bounds_disrupt(struct ds_bounds *b, uint64_t what)
{
	if (what == DRIVESTAMP_BOUND_SLEPT)
		ds_bound_lose(&b->bound);
	if (what == DRIVESTAMP_BOUND_SOURCES_LOST && (b->disrupted & what) != 0)
		return;
	b->disrupted |= what;
	ds_bound_page_disrupt(b->page);
}

void ds_bounds_at(const struct ds_bounds *b, const struct ds_reading *now,
		  struct ds_bound_value *value)
{
	ds_bound_at(&b->bound, now->raw_ns, ds_discipline_remaining_ns(b->discipline, now), value);
}

int64_t ds_bounds_lost_ns(const struct ds_bounds *b, const struct ds_reading *now)
{
	struct ds_bound_value value;

	ds_bounds_at(b, now, &value);
	return ds_ns_plus(value.hard_ns, b->bound.known ? -floor(b->bound.hard_ns) : 0.0);
}

static int64_t ppt(double ppb)
{
	return (int64_t)ceil(fmin(ppb * PPT_PER_PPB, PPT_MAX));
}

static uint64_t flags(const struct ds_bounds *b)
{
	uint64_t flags = b->disrupted;

	if (b->bound.known)
		flags |= DRIVESTAMP_BOUND_SYNCHRONISED;
	if (b->clock->kind != DS_CLOCK_SYSTEM)
		flags |= DRIVESTAMP_BOUND_VIRTUAL;
	if (!b->steer)
		flags |= DRIVESTAMP_BOUND_NOT_STEERED;
	return flags;
}

/* How fast the clock leaves its line: by a slew that nobody ends, or because nobody steers it. */
static double departure_ppb(const struct ds_bounds *b)
{
	return fabs(ds_clock_rate_ppb(b->clock) - b->discipline->freq_ppb);
}

/* Readers have a PHC by a line over CLOCK_MONOTONIC_RAW, which is drawn anew only while we run. */
static void look_by_line(const struct ds_bounds *b, struct ds_bound_lines *lines)
{
	double ns = LINE_SD * ds_clock_phc_error_ns(b->clock);
	double late_ppb = b->conf->max_clock_error_ppm * 1e3;

	lines->bound.ns += ns;
	lines->hard.ns += ns;
	lines->bound.early_ppb += LINE_DOUBT_PPB;
	lines->hard.early_ppb += LINE_DOUBT_PPB;
	lines->bound.late_ppb += fmax(late_ppb, LINE_DOUBT_PPB);
	lines->hard.late_ppb += fmax(late_ppb, LINE_DOUBT_PPB);
}

/* The lines for the page; from the end of a slew on it is an error, should nobody end it. */
static void look_ahead(const struct ds_bounds *b, const struct ds_reading *now,
		       struct ds_bound_lines *lines)
{
	int64_t remaining_ns = ds_discipline_remaining_ns(b->discipline, now);
	int64_t knee_ns = 2 * b->interval_ns;
	int64_t end_ns = 4 * b->interval_ns;
	int64_t slew_ns = b->discipline->until_raw_ns;
	double early_ppb = 0.0;

	knee_ns = knee_ns < KNEE_LEAST_NS ? KNEE_LEAST_NS : knee_ns;
	knee_ns = knee_ns > KNEE_MOST_NS ? KNEE_MOST_NS : knee_ns;
	end_ns = end_ns < VOID_LEAST_NS ? VOID_LEAST_NS : end_ns;
	if (!b->steer)
		early_ppb = departure_ppb(b);
	else if (slew_ns != INT64_MAX && slew_ns - now->raw_ns < knee_ns)
		knee_ns = slew_ns - now->raw_ns;
	ds_bound_ahead(&b->bound, now->raw_ns, remaining_ns, knee_ns, end_ns, lines);
	lines->bound.early_ppb += early_ppb;
	lines->hard.early_ppb += early_ppb;
	lines->bound.late_ppb += departure_ppb(b);
	lines->hard.late_ppb += departure_ppb(b);
	if (b->clock->kind == DS_CLOCK_PHC)
		look_by_line(b, lines);
}

static void write_page(struct ds_bounds *b, const struct ds_reading *now,
		       const struct ds_bound_lines *lines)
{
	struct drivestamp_bound_page content = {
		.flags = flags(b),
		.knee_ns = lines->knee_ns,
		.void_after_ns = lines->end_ns,
		.bound_ns = (int64_t)ceil(lines->bound.ns),
		.bound_early_ppt = ppt(lines->bound.early_ppb),
		.bound_late_ppt = ppt(lines->bound.late_ppb),
		.hard_bound_ns = (int64_t)ceil(lines->hard.ns),
		.hard_early_ppt = ppt(lines->hard.early_ppb),
		.hard_late_ppt = ppt(lines->hard.late_ppb),
		.remaining_ns = ds_discipline_remaining_ns(b->discipline, now),
		.leap = b->bound.known ? b->leap : DRIVESTAMP_BOUND_LEAP_UNKNOWN,
		.tai_minus_utc_s = b->tai_s,
		.stratum = b->bound.known ? b->reference->stratum : 0,
		.reference_id = b->bound.known ? b->reference->ref_id : 0,
	};
	double rate_ppb;

	if (b->clock->kind != DS_CLOCK_SYSTEM) {
		ds_clock_virtual_line(b->clock, &content.raw_ns, &content.clock_ns, &rate_ppb);
		content.virtual_rate_ppt = llrint(rate_ppb * PPT_PER_PPB);
	}
	ds_bound_page_write(b->page, &content);
}

static void tell_kernel(struct ds_bounds *b, const struct ds_bound_value *value,
			int64_t remaining_ns)
{
	struct ds_kernel_view view = {
		.synchronised =
			b->bound.known && b->conf->rtc_sync && value->hard_ns < UNKNOWN_ERROR_NS,
		.leap = b->kernel_leap,
		.tai_s = b->tai_s,
		.max_error_ns = UNKNOWN_ERROR_NS,
		.est_error_ns = UNKNOWN_ERROR_NS,
	};
	double likely = fabs((double)remaining_ns) + b->bound.sd_ns;

	if (value->hard_ns < UNKNOWN_ERROR_NS)
		view.max_error_ns = value->hard_ns;
	if (b->bound.known && likely < (double)view.est_error_ns)
		view.est_error_ns = (int64_t)ceil(likely);
	ds_clock_tell_kernel(b->clock, &view);
}

static void log_line(const struct ds_bounds *b, const struct ds_reading *now,
		     const struct ds_bound_lines *lines, int64_t remaining_ns)
{
	const struct ds_record_bound line = {
		.clock_ns = now->clock_ns,
		.lines = lines,
		.remaining_ns = remaining_ns,
		.scale = b->bound.scale,
		.generation = b->page->generation,
		.flags = (unsigned)flags(b),
	};

	ds_record_bound(&line);
}

void ds_bounds_leap(struct ds_bounds *b, uint8_t leap, uint8_t kernel_leap, int32_t tai_s)
{
	b->leap = leap;
	b->kernel_leap = kernel_leap;
	b->tai_s = tai_s;
}

void ds_bounds_tell(struct ds_bounds *b)
{
	struct ds_bound_lines lines;
	struct ds_bound_value value;
	struct ds_reading now;
	int64_t remaining_ns, wait_ns;

	ds_clock_read(b->clock, &now);
	remaining_ns = ds_discipline_remaining_ns(b->discipline, &now);
	ds_bound_at(&b->bound, now.raw_ns, remaining_ns, &value);
	look_ahead(b, &now, &lines);
	write_page(b, &now, &lines);
	log_line(b, &now, &lines, remaining_ns);
	tell_kernel(b, &value, remaining_ns);
	/* The end of a slew is the timekeeper's to see; it calls again. What becomes of one that
	 * nobody ends is in the lines behind the knee. */
	wait_ns = lines.knee_ns > KNEE_LEAST_NS ? lines.knee_ns : KNEE_LEAST_NS;
	if (b->discipline->wake_raw_ns != INT64_MAX &&
	    b->discipline->wake_raw_ns - now.raw_ns > wait_ns)
		wait_ns = b->discipline->wake_raw_ns - now.raw_ns;
	if (b->clock->kind == DS_CLOCK_PHC && wait_ns > LINE_MOST_NS)
		wait_ns = LINE_MOST_NS;
	b->due_monotonic_ns = b->bound.known ? ds_monotonic_ns() + wait_ns : INT64_MAX;
}

void ds_bounds_run(struct ds_bounds *b, int64_t now_ns)
{
	if (now_ns >= b->due_monotonic_ns)
		ds_bounds_tell(b);
}
