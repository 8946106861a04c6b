/* phckeeper: see phckeeper.h. */
#include "daemon/phckeeper.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "daemon/leaplist.h"
#include "daemon/log.h"

#define NS_PER_S INT64_C(1000000000)

/* ---- opening ---- */

static bool read_table(const struct ds_conf *conf, struct ds_leap_table *table)
{
	char why[DS_LEAPLIST_WHY];
	int rc = conf->leap_list[0] != '\0' ? ds_leaplist_read(conf->leap_list, table, why)
					    : ds_leaplist_read_zone(conf->leap_zone, table, why);

	if (rc != 0)
		ds_log_fatal("%s:%d: 'clock ... tai': %s", conf->clock.file, conf->clock.line, why);
	return rc == 0 && table->count > 0;
}

/* TAI minus UTC by the list, for now. The system clock may be wrong, but it is not before the list
 * was made. */
static bool find_tai(const struct ds_conf *conf, int32_t *tai_s)
{
	static struct ds_leap_table table;
	int64_t now_s = (int64_t)time(NULL);

	*tai_s = 0;
	if (!conf->clock.tai)
		return true;
	if (!read_table(conf, &table))
		return false;
	if (now_s < table.updated_s)
		now_s = table.updated_s;
	if (table.updated_s == 0 && now_s < table.entries[table.count - 1].at_s)
		now_s = table.entries[table.count - 1].at_s;
	*tai_s = ds_leap_table_tai_s(&table, now_s * NS_PER_S);
	return *tai_s != 0;
}

bool ds_phckeeper_open(struct ds_phckeeper *k, const struct ds_conf *conf, struct ds_clock *clock,
		       bool steer)
{
	struct ds_clock_phc_config config = {
		.path = conf->clock.path, .steer = steer, .nocrossts = conf->clock.nocrossts};
	char why[DS_WHY];

	memset(k, 0, sizeof *k);
	k->conf = conf;
	if (!find_tai(conf, &config.tai_s))
		return false;
	if (ds_clock_open_phc(clock, &k->phc, &config, why) != 0) {
		if (conf->clock.line > 0)
			ds_log_fatal("%s:%d: clock %s", conf->clock.file, conf->clock.line, why);
		else
			ds_log_fatal("%s %s", conf->clock.file, why);
		return false;
	}
	k->clock = clock;
	return true;
}

bool ds_phckeeper_fits(const struct ds_phckeeper *k, const struct ds_refclocks *refclocks)
{
	struct ds_phc_limits limits;

	for (int i = 0; k->clock != NULL && i < refclocks->count; i++) {
		const struct ds_refclock *r = &refclocks->table[i];

		if (r->conf->driver != DS_REFCLOCK_PHC || r->conf->extpps ||
		    ds_phc_limits(r->driver.phc.fd, &limits) != 0 || limits.index != k->phc.index ||
		    limits.index < 0)
			continue;
		ds_log_fatal("%s:%d: %s: /dev/ptp%d is the clock that is kept (%s:%d): it cannot "
			     "be its own source",
			     r->conf->source.file, r->conf->source.line, r->conf->ref_id,
			     limits.index, k->conf->clock.file, k->conf->clock.line);
		return false;
	}
	return true;
}

void ds_phckeeper_close(struct ds_phckeeper *k)
{
	if (k->clock != NULL)
		ds_clock_phc_close(k->clock);
	k->clock = NULL;
}

/* ---- running ---- */

int64_t ds_phckeeper_next_ns(const struct ds_phckeeper *k)
{
	return k->clock != NULL ? k->phc.due_ns : INT64_MAX;
}

static bool may_say(uint64_t count, uint64_t *said, int64_t now_ns, int64_t *due_ns)
{
	if (count == *said || now_ns < *due_ns)
		return false;
	*said = count;
	*due_ns = now_ns + DS_PHCKEEPER_SAY_NS;
	return true;
}

static void say(struct ds_phckeeper *k, int64_t now_ns)
{
	const struct ds_clock_phc *p = &k->phc;

	if (may_say(p->meddled, &k->said_meddled, now_ns, &k->meddled_due_ns))
		ds_log(DS_LOG_WARNING,
		       "%s is steered by somebody else, too (ptp4l, phc2sys?): it was made to run "
		       "%.3f ppm fast; set back, %" PRIu64 " times so far",
		       k->conf->clock.path, p->meddled_ppb * 1e-3, p->meddled);
	if (may_say(p->failed, &k->said_failed, now_ns, &k->failed_due_ns))
		ds_log(DS_LOG_WARNING,
		       "%s could not be read: %s; its time is worked out, %" PRIu64 " times so far",
		       k->conf->clock.path, strerror(-p->error), p->failed);
}

/* Once UTC is known: was the list read for the right day? */
static void check_tai(struct ds_phckeeper *k, struct ds_timekeeper *tk)
{
	struct ds_reading now;
	int64_t wrong_ns;
	int tai_s;

	if (k->tai_checked || k->phc.tai_ns == 0 || !tk->reference.synchronised)
		return;
	ds_clock_read(k->clock, &now);
	tai_s = ds_leaping_tai_s(&tk->leaping, &now);
	k->tai_checked = true;
	if (tai_s == 0 || tai_s * NS_PER_S == k->phc.tai_ns)
		return;
	wrong_ns = tai_s * NS_PER_S - k->phc.tai_ns;
	ds_log(DS_LOG_NOTICE, "%s: TAI is %d s ahead of UTC, not %" PRId64 ": stepped",
	       k->conf->clock.path, tai_s, k->phc.tai_ns / NS_PER_S);
	if (tk->steer && ds_clock_step(k->clock, wrong_ns) == 0)
		ds_clock_phc_leap(k->clock, -wrong_ns);
}

void ds_phckeeper_run(struct ds_phckeeper *k, struct ds_timekeeper *timekeeper, int64_t now_ns)
{
	if (k->clock == NULL || now_ns < k->phc.due_ns)
		return;
	ds_clock_phc_tend(k->clock);
	check_tai(k, timekeeper);
	say(k, now_ns);
}

void ds_phckeeper_report(const struct ds_phckeeper *k)
{
	const struct ds_clock_phc *p = &k->phc;

	if (k->clock == NULL)
		return;
	ds_log(DS_LOG_INFO,
	       "clock %s: /dev/ptp%d%s readings=%" PRIu64 " failed=%" PRIu64
	       " steps-by-others=%" PRIu64 " rates-by-others=%" PRIu64
	       " error=%.0f ns reading=%" PRId64 " ns",
	       k->conf->clock.path, p->index, p->tai_ns != 0 ? " (TAI)" : "", p->readings,
	       p->failed, p->steps, p->meddled, p->error_ns, p->width_ns);
}
