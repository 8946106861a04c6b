/*
 * combine, select: a day of five sources behind noisy and asymmetric paths.
 * It must never see more than what the exchanges say: the truth is for the verdict alone.
 *
 * The same day is combined twice, with what is remembered of the last combination and without
 * (the weights as they are each time). The first must move far less.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock/combine.h"
#include "core/clock/scale.h"

#define EPOCH	INT64_C(1795000000000000000)
#define MS	1e6
#define SECOND	INT64_C(1000000000)
#define SOURCES 5
#define POLL_S	64
#define DAY_S	86400
#define START	100 /* updates until they are known well enough */

struct path {
	double out_ns, back_ns; /* the least each way */
	double jitter_ns;	/* mean of what comes to it, exponential */
	double loss;
	int lost_from_s, lost_to_s;
	int false_from_s, false_to_s; /* wrong by 80 ms */
	int route_at_s;		      /* from then on 3 ms more on the way out */
};

static const struct path paths[SOURCES] = {
	{.out_ns = 5.0 * MS, .back_ns = 5.3 * MS, .jitter_ns = 0.2 * MS, .loss = 0.02},
	{.out_ns = 6.0 * MS,
	 .back_ns = 5.5 * MS,
	 .jitter_ns = 0.5 * MS,
	 .loss = 0.02,
	 .lost_from_s = 20000,
	 .lost_to_s = 30000},
	{.out_ns = 8.0 * MS, .back_ns = 8.6 * MS, .jitter_ns = 0.3 * MS, .loss = 0.05},
	{.out_ns = 12.0 * MS,
	 .back_ns = 11.0 * MS,
	 .jitter_ns = 1.0 * MS,
	 .false_from_s = 50000,
	 .false_to_s = 55000},
	{.out_ns = 7.0 * MS,
	 .back_ns = 7.0 * MS,
	 .jitter_ns = 0.4 * MS,
	 .loss = 0.1,
	 .route_at_s = 70000},
};

/* One way of combining, and what came of it. */
struct follower {
	struct ds_combiner combiner;
	bool forgets;
	int32_t best;
	uint8_t before[SOURCES];
	struct ds_combined last;
	int64_t last_raw_ns;
	uint32_t updates, best_changes, set_changes;
	double jump_ns, error_ns, square; /* largest, largest, sum */
};

struct day {
	uint64_t random;
	double freq_ppb, drift_ns; /* our oscillator: true time minus raw, but for EPOCH */
	struct ds_estimate estimates[SOURCES];
	uint8_t reach[SOURCES];
	struct follower followers[2];
};

static double uniform(struct day *day)
{
	day->random ^= day->random << 13;
	day->random ^= day->random >> 7;
	day->random ^= day->random << 17;
	return ((double)(day->random >> 11) + 0.5) / 9007199254740992.0;
}

static double gaussian(struct day *day)
{
	double r = sqrt(-2.0 * log(uniform(day)));

	return r * cos(6.283185307179586 * uniform(day));
}

/* Raw times are seconds since the start; an exchange at second `s`. */
static bool exchange(struct day *day, int i, int s, struct ds_exchange *x)
{
	const struct path *p = &paths[i];
	struct ds_remote remote = {.stratum = 1, .precision_log2 = -25};
	struct ds_tx_stamp t1 = {.source = DS_STAMP_KERNEL};
	struct ds_rx_stamp t4 = {.source = DS_STAMP_KERNEL};
	double out = p->out_ns - p->jitter_ns * log(uniform(day));
	double back = p->back_ns - p->jitter_ns * log(uniform(day));
	double wrong = s >= p->false_from_s && s < p->false_to_s ? 80.0 * MS : 0.0;

	if (p->route_at_s > 0 && s >= p->route_at_s)
		out += 3.0 * MS;
	if (uniform(day) < p->loss || (s >= p->lost_from_s && s < p->lost_to_s))
		return false;
	t1.raw_ns = t1.clock_ns = s * SECOND;
	t4.raw_ns = t4.clock_ns = t1.raw_ns + (int64_t)(out + back);
	int64_t t2_ns = EPOCH + t1.raw_ns + (int64_t)(day->drift_ns + out + wrong);

	return ds_exchange_make(x, DS_EXCHANGE_BASIC, &t1, t2_ns, t2_ns, &t4, &remote, 0.0) ==
	       DS_R_OK;
}

static void fill(const struct day *day, int64_t raw_ns, struct ds_candidate c[SOURCES])
{
	memset(c, 0, SOURCES * sizeof(c[0]));
	for (uint32_t i = 0; i < SOURCES; i++) {
		const struct ds_estimate *e = &day->estimates[i];

		c[i].has_prediction = ds_estimate_at(e, raw_ns, 1000.0, &c[i].prediction);
		c[i].reachable = day->reach[i] != 0;
		c[i].stratum = 1;
		c[i].ref_id = i + 1;
		c[i].systematic_ns = (double)e->min_delay_ns / 2.0;
	}
}

static void judge(struct follower *f, const struct ds_combined *now, int64_t raw_ns, double truth)
{
	double error = (double)(now->server_minus_raw_ns - EPOCH) - truth;

	if (f->updates > START) {
		double since_s = (double)(raw_ns - f->last_raw_ns) * 1e-9;
		double moved = (double)(now->server_minus_raw_ns - f->last.server_minus_raw_ns) -
			       f->last.freq_ppb * since_s;

		f->jump_ns = fmax(f->jump_ns, fabs(moved));
		f->error_ns = fmax(f->error_ns, fabs(error));
	}
	f->square += error * error;
	f->updates++;
	f->last = *now;
	f->last_raw_ns = raw_ns;
}

static void follow(struct follower *f, struct ds_candidate c[SOURCES], int64_t raw_ns, double truth)
{
	const struct ds_select_config config = DS_SELECT_DEFAULTS;
	struct ds_selected selected;
	struct ds_combined combined;
	bool changed = false;

	for (int i = 0; i < SOURCES; i++)
		c[i].combined_before = f->before[i];
	assert_true(ds_select(c, SOURCES, f->best, &config, &selected));
	if (f->forgets)
		memset(&f->combiner, 0, sizeof(f->combiner));
	ds_combine(&f->combiner, c, SOURCES, &selected, raw_ns, POLL_S * SECOND, &combined);
	for (int i = 0; i < SOURCES; i++) {
		uint8_t taken = c[i].selection >= DS_S_COMBINED;

		changed |= taken != f->before[i];
		f->before[i] = taken;
	}
	f->set_changes += changed && f->updates > START;
	f->best_changes += (int32_t)combined.best != f->best && f->updates > START;
	f->best = (int32_t)combined.best;
	judge(f, &combined, raw_ns, truth);
}

static void second(struct day *day, int s)
{
	struct ds_candidate c[SOURCES];
	int i = s % POLL_S / (POLL_S / SOURCES);
	struct ds_exchange x;
	int64_t raw_ns;

	day->freq_ppb += 0.1 * gaussian(day);
	day->drift_ns += day->freq_ppb;
	if (s % POLL_S % (POLL_S / SOURCES) != 0 || i >= SOURCES)
		return;
	day->reach[i] = (uint8_t)(day->reach[i] << 1);
	if (!exchange(day, i, s, &x))
		return;
	day->reach[i] |= 1;
	ds_estimate_add(&day->estimates[i], &x, 50);
	raw_ns = x.t4.raw_ns;
	for (int k = 0; k < 2; k++) {
		fill(day, raw_ns, c);
		follow(&day->followers[k], c, raw_ns, day->drift_ns);
	}
}

static void tell(const char *name, const struct follower *f)
{
	print_message(
		"%s: %u updates, best changed %u times, the set %u times; largest jump %.1f us, "
		"error RMS %.1f us, at most %.1f us\n",
		name, f->updates, f->best_changes, f->set_changes, f->jump_ns / 1e3,
		sqrt(f->square / f->updates) / 1e3, f->error_ns / 1e3);
}

static void a_day_of_five_sources(void **state)
{
	static struct day day;
	const struct follower *f = &day.followers[0];

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		memset(&day, 0, sizeof(day));
		day.random = seed * UINT64_C(0x9E3779B97F4A7C15);
		day.freq_ppb = 20000.0;
		day.followers[0].best = day.followers[1].best = -1;
		day.followers[1].forgets = true;
		for (int i = 0; i < SOURCES; i++)
			ds_estimate_init(&day.estimates[i], 6, 0);
		for (int s = 0; s < DAY_S; s++)
			second(&day, s);
		tell("kept", f);
		tell("forgotten", &day.followers[1]);
		assert_true(f->best_changes == 0);
		/* One is lost and found, one is false and right again; some are in doubt then. */
		assert_true(f->set_changes <= 8);
		/* 1 ms of asymmetry comes and goes with a source, 3 ms with a route. */
		assert_true(f->jump_ns < 0.1 * MS);
		assert_true(f->jump_ns < day.followers[1].jump_ns);
		assert_true(f->square < 1.05 * day.followers[1].square);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_of_five_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
