/*
 * clockloop: exchanges with perfect servers over a modelled network, a modelled oscillator, and
 * the whole clock wing between them; deterministic. With -v it prints a table of results.
 * It must never be read as the accuracy of the daemon: it says that the loop is sound.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock/discipline.h"
#include "core/clock/estimate.h"
#include "core/clock/poll.h"
#include "core/clock/select.h"
#include "core/exchange/exchange.h"

#define SECOND	  INT64_C(1000000000)
#define EPOCH	  (INT64_C(1795000000) * SECOND)
#define SOURCES	  4
#define NOTICED_S 8

struct scenario {
	const char *name;
	uint64_t seeds_from; /* they are this + 1, this + 2 ... */
	double duration_s;
	double delay_ns;  /* each way, the least */
	double jitter_ns; /* exponential on top, its mean */
	double stamp_ns;  /* Gaussian error of each of our stamps */
	double wander;	  /* random walk of frequency, 1 per square root of a second */
	double offset_ns; /* the clock begins so far behind */
	double freq_ppb;  /* the oscillator runs so slow */
	int8_t minpoll, maxpoll;
	bool iburst;
	bool interleaved; /* each answer completes the round trip before it, as set 1 does */
	double loss;	  /* part of the exchanges */
	int sources;
	double false_ns;	     /* the last source is wrong by this */
	double step_at_s, step_ns;   /* somebody sets the clock; it is noticed NOTICED_S later */
	double gap_from_s, gap_to_s; /* no answers */
	double bend_at_s, bend_ppb;  /* the oscillator changes its frequency */
	double route_at_s, route_ns; /* from then on each way takes so much longer */
	double lateness_ns;	     /* timers fire up to so much late */
	double record_from_s;	     /* figures from here to the end */
	double record_every_s;
	bool check_distance; /* not where the oscillator bends by more than maxclockerror */
};

struct result {
	double rms_ns, max_ns, median_ns;
	double sync_s;	     /* from here on below 1 ms and 500 ppm for good */
	double overshoot_ns; /* how far the error ever went to the side it did not begin on */
	double max_freq_ppm; /* of the clock, slews included, after record_from */
	double top_poll;
	double z; /* RMS of the estimates' errors in units of their standard deviation */
	unsigned packets;
};

struct source {
	struct ds_estimate estimate;
	double next_s;
	int8_t poll;
	struct ds_poll polling;
	int burst;
	bool reachable;
	bool has_previous;
	struct ds_exchange previous;
};

struct sim {
	const struct scenario *sc;
	uint64_t random;
	int64_t now_ns; /* true time since the start */
	double freq_ppb;
	int64_t raw_ns, clock_ns;
	double raw_part, clock_part; /* below a nanosecond */
	double rate_ppb;
	int64_t timer_raw_ns;
	struct source sources[SOURCES];
	struct ds_discipline discipline;
	int32_t selected;
	struct ds_combiner combiner;
	double z_square;
	unsigned z_count;
	unsigned packets;
	int8_t top_poll;
};

static uint64_t next_random(struct sim *sim)
{
	sim->random ^= sim->random << 13;
	sim->random ^= sim->random >> 7;
	sim->random ^= sim->random << 17;
	return sim->random;
}

static double uniform(struct sim *sim)
{
	return ((double)(next_random(sim) >> 11) + 0.5) / 9007199254740992.0;
}

static double gaussian(struct sim *sim)
{
	double r = sqrt(-2.0 * log(uniform(sim)));

	return r * cos(6.283185307179586 * uniform(sim));
}

static void grow(int64_t *whole, double *part, double by)
{
	double sum = *part + by;
	double down = floor(sum);

	*whole += (int64_t)down;
	*part = sum - down;
}

static void advance_evenly(struct sim *sim, int64_t to_ns)
{
	double dt = (double)(to_ns - sim->now_ns);
	double raw = dt * (1.0 + sim->freq_ppb * 1e-9);

	grow(&sim->raw_ns, &sim->raw_part, raw);
	grow(&sim->clock_ns, &sim->clock_part, raw * (1.0 + sim->rate_ppb * 1e-9));
	sim->now_ns = to_ns;
}

/* The frequency walks at each whole second. */
static void advance(struct sim *sim, int64_t to_ns)
{
	while (sim->now_ns / SECOND < to_ns / SECOND) {
		int64_t second = (sim->now_ns / SECOND + 1) * SECOND;

		advance_evenly(sim, second);
		sim->freq_ppb += sim->sc->wander * 1e9 * gaussian(sim);
		if (sim->sc->bend_at_s > 0.0 && second == (int64_t)sim->sc->bend_at_s * SECOND)
			sim->freq_ppb += sim->sc->bend_ppb;
	}
	advance_evenly(sim, to_ns);
}

static double error_ns(const struct sim *sim)
{
	return (double)(sim->clock_ns - (EPOCH + sim->now_ns)) + sim->clock_part;
}

static struct ds_reading reading(const struct sim *sim)
{
	return (struct ds_reading){.clock_ns = sim->clock_ns, .raw_ns = sim->raw_ns};
}

static void apply(struct sim *sim, const struct ds_correction *correction)
{
	if (!correction->changed)
		return;
	assert_true(fabs(correction->rate_ppb) <= 1e8);
	if (correction->step)
		sim->clock_ns += correction->step_ns;
	sim->rate_ppb = correction->rate_ppb;
	sim->timer_raw_ns = correction->until_raw_ns;
	if (sim->timer_raw_ns != INT64_MAX)
		sim->timer_raw_ns += (int64_t)(sim->sc->lateness_ns * uniform(sim));
}

static int64_t one_way_ns(struct sim *sim)
{
	const struct scenario *sc = sim->sc;
	double delay = sc->delay_ns - sc->jitter_ns * log(uniform(sim));

	if (sc->route_at_s > 0.0 && (double)sim->now_ns >= sc->route_at_s * 1e9)
		delay += sc->route_ns;
	return (int64_t)delay;
}

static bool exchange(struct sim *sim, int index, struct ds_exchange *x)
{
	const struct scenario *sc = sim->sc;
	double wrong = index > 0 && index == sc->sources - 1 ? sc->false_ns : 0.0;
	struct ds_remote remote = {.stratum = 1, .precision_log2 = -25};
	struct ds_tx_stamp t1 = {.source = DS_STAMP_KERNEL};
	struct ds_rx_stamp t4 = {.source = DS_STAMP_KERNEL};
	int64_t t2_ns;
	int64_t noise = (int64_t)(sc->stamp_ns * gaussian(sim));
	double s = (double)sim->now_ns * 1e-9;

	sim->packets++;
	if (uniform(sim) < sc->loss || (s >= sc->gap_from_s && s < sc->gap_to_s))
		return false;
	t1.clock_ns = sim->clock_ns + noise;
	t1.raw_ns = sim->raw_ns + noise;
	advance(sim, sim->now_ns + one_way_ns(sim));
	t2_ns = EPOCH + sim->now_ns + (int64_t)wrong;
	advance(sim, sim->now_ns + one_way_ns(sim));
	noise = (int64_t)(sc->stamp_ns * gaussian(sim));
	t4.clock_ns = sim->clock_ns + noise;
	t4.raw_ns = sim->raw_ns + noise;
	return ds_exchange_make(x, DS_EXCHANGE_BASIC, &t1, t2_ns, t2_ns, &t4, &remote,
				sim->discipline.freq_ppb) == DS_R_OK;
}

/* Whoever is right is right within the distance it claims. */
static void check_claim(struct sim *sim, int index, const struct ds_prediction *p)
{
	double wrong = index > 0 && index == sim->sc->sources - 1 ? sim->sc->false_ns : 0.0;
	int64_t truth = EPOCH + sim->now_ns - sim->raw_ns;
	double error = (double)(p->server_minus_raw_ns - truth) - wrong;

	if (sim->sc->check_distance)
		assert_true(fabs(error) <= (double)p->distance_ns);
	if ((double)sim->now_ns < sim->sc->record_from_s * 1e9)
		return;
	sim->z_square += error * error / (p->sd_ns * p->sd_ns);
	sim->z_count++;
}

static void keep_time(struct sim *sim, double interval_s)
{
	struct ds_select_config config = DS_SELECT_DEFAULTS;
	struct ds_candidate candidates[SOURCES];
	struct ds_reading now = reading(sim);
	struct ds_correction correction;
	struct ds_selected selected;
	struct ds_combined combined;

	memset(candidates, 0, sizeof(candidates));
	for (int i = 0; i < sim->sc->sources; i++) {
		candidates[i].has_prediction = ds_estimate_at(&sim->sources[i].estimate, now.raw_ns,
							      1000.0, &candidates[i].prediction);
		if (candidates[i].has_prediction)
			check_claim(sim, i, &candidates[i].prediction);
		candidates[i].reachable = sim->sources[i].reachable;
		candidates[i].stratum = 1;
		candidates[i].ref_id = (uint32_t)i + 1;
	}
	if (!ds_select(candidates, (uint32_t)sim->sc->sources, sim->selected, &config, &selected))
		return;
	ds_combine(&sim->combiner, candidates, (uint32_t)sim->sc->sources, &selected, now.raw_ns,
		   (int64_t)(interval_s * 1e9), &combined);
	sim->selected = (int32_t)combined.best;
	ds_discipline_update(&sim->discipline, &now, &combined, (int64_t)(interval_s * 1e9),
			     &correction);
	apply(sim, &correction);
}

/* What the answer that made *x completes in interleaved mode. The first is basic. */
static void hold_back(struct source *source, struct ds_exchange *x)
{
	struct ds_exchange fresh = *x;

	if (source->has_previous)
		*x = source->previous;
	source->previous = fresh;
	source->has_previous = true;
}

static int8_t next_poll(struct source *source, int64_t raw_ns, int64_t now_ns,
			const struct scenario *sc)
{
	struct ds_prediction p;
	struct ds_poll_news news = {.prediction = &p,
				    .delay_ns = (double)source->estimate.min_delay_ns,
				    .age_s = (double)(now_ns - raw_ns) * 1e-9,
				    .doubt = source->estimate.suspects > 0};

	assert_true(ds_estimate_at(&source->estimate, raw_ns, 0.0, &p));
	return ds_poll_next(&source->polling, &news, source->poll, sc->minpoll, sc->maxpoll);
}

static void poll_source(struct sim *sim, int index)
{
	struct source *source = &sim->sources[index];
	double began_s = (double)sim->now_ns * 1e-9;
	double interval_s;
	struct ds_exchange x;
	bool answered = exchange(sim, index, &x);

	if (answered && sim->sc->interleaved)
		hold_back(source, &x);
	if (answered) {
		source->reachable = true;
		assert_true(
			ds_estimate_add(&source->estimate, &x, 1 + (int64_t)sim->sc->stamp_ns / 8));
		source->poll = next_poll(source, x.raw_ns, sim->raw_ns, sim->sc);
		assert_in_range(source->poll + 32, sim->sc->minpoll + 32, sim->sc->maxpoll + 32);
		if (source->poll > sim->top_poll)
			sim->top_poll = source->poll;
	}
	interval_s = source->burst > 1 ? 2.0 : ldexp(1.0, source->poll);
	source->burst--;
	source->next_s = began_s + interval_s;
	if (answered)
		keep_time(sim, interval_s);
}

static void start(struct sim *sim, const struct scenario *sc, uint64_t seed)
{
	struct ds_discipline_config config = {0};

	memset(sim, 0, sizeof(*sim));
	sim->sc = sc;
	sim->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
	for (int i = 0; i < 20; i++)
		next_random(sim);
	sim->freq_ppb = -sc->freq_ppb;
	sim->raw_ns = 12345 * SECOND;
	sim->clock_ns = EPOCH - (int64_t)sc->offset_ns;
	sim->timer_raw_ns = INT64_MAX;
	sim->selected = -1;
	sim->top_poll = sc->minpoll;
	for (int i = 0; i < sc->sources; i++) {
		ds_estimate_init(&sim->sources[i].estimate, 6, 0);
		sim->sources[i].poll = sc->minpoll;
		sim->sources[i].burst = sc->iburst ? 4 : 0;
		sim->sources[i].next_s = 0.1 * (i + 1);
	}
	ds_discipline_init(&sim->discipline, &config, 0.0, 1e5);
}

#define RECORDS_MAX 40000
static double records[RECORDS_MAX];

static double median(double *values, unsigned n)
{
	for (unsigned gap = n / 2; gap > 0; gap /= 2)
		for (unsigned i = gap; i < n; i++) {
			double v = values[i];
			unsigned j = i;

			for (; j >= gap && values[j - gap] > v; j -= gap)
				values[j] = values[j - gap];
			values[j] = v;
		}
	return n > 0 ? values[n / 2] : NAN;
}

struct record {
	double next_s;
	double last_error, last_s;
	double square;
	double first;
	unsigned n;
};

static void note(const struct sim *sim, struct record *r, struct result *result)
{
	double s = (double)sim->now_ns * 1e-9;
	double error = error_ns(sim);
	double rate =
		(sim->freq_ppb + sim->rate_ppb) * 1e-3; /* to first order; enough for a limit */

	if (fabs(error) >= 1e6 || fabs(rate) >= 500.0)
		result->sync_s = s + sim->sc->record_every_s;
	if (r->first == 0.0)
		r->first = error;
	result->overshoot_ns = fmax(result->overshoot_ns, r->first < 0.0 ? error : -error);
	if (s < sim->sc->record_from_s)
		return;
	result->max_ns = fmax(result->max_ns, fabs(error));
	result->max_freq_ppm = fmax(result->max_freq_ppm, fabs(rate));
	r->square += error * error;
	if (r->n < RECORDS_MAX)
		records[r->n++] = fabs(error);
}

/* The next thing that happens, in true time; at least 1 ns from now. */
static int64_t next_event(const struct sim *sim, double next_record_s)
{
	double next_s = next_record_s;
	int64_t next;

	for (int i = 0; i < sim->sc->sources; i++)
		next_s = fmin(next_s, sim->sources[i].next_s);
	next = (int64_t)ceil(next_s * 1e9);
	if (sim->timer_raw_ns != INT64_MAX &&
	    sim->now_ns + (sim->timer_raw_ns - sim->raw_ns) < next)
		next = sim->now_ns + (sim->timer_raw_ns - sim->raw_ns);
	return next > sim->now_ns ? next : sim->now_ns + 1;
}

static void fire_timer(struct sim *sim)
{
	struct ds_reading now = reading(sim);
	struct ds_correction correction;

	sim->timer_raw_ns = INT64_MAX;
	ds_discipline_timer(&sim->discipline, &now, &correction);
	if (correction.changed)
		apply(sim, &correction);
	else
		sim->timer_raw_ns = correction.until_raw_ns;
}

static void notice(struct sim *sim)
{
	struct ds_reading now = reading(sim);
	struct ds_correction correction;

	ds_discipline_disturbed(&sim->discipline, &now, &correction);
	apply(sim, &correction);
}

static void run(const struct scenario *sc, uint64_t seed, struct result *result)
{
	static struct sim sim;
	struct record r = {.next_s = 0.0};
	bool stepped = sc->step_at_s <= 0.0;
	bool noticed = stepped;

	memset(result, 0, sizeof(*result));
	start(&sim, sc, seed);
	while ((double)sim.now_ns < sc->duration_s * 1e9) {
		advance(&sim, next_event(&sim, r.next_s));
		if (!stepped && (double)sim.now_ns >= sc->step_at_s * 1e9) {
			sim.clock_ns += (int64_t)sc->step_ns;
			stepped = true;
			r.first = sc->step_ns;
			result->overshoot_ns = 0.0;
		}
		if (!noticed && (double)sim.now_ns >= (sc->step_at_s + NOTICED_S) * 1e9) {
			notice(&sim);
			noticed = true;
		}
		if (sim.timer_raw_ns <= sim.raw_ns)
			fire_timer(&sim);
		for (int i = 0; i < sc->sources; i++)
			if (sim.sources[i].next_s * 1e9 <= (double)sim.now_ns)
				poll_source(&sim, i);
		if ((double)sim.now_ns >= r.next_s * 1e9) {
			note(&sim, &r, result);
			r.next_s += sc->record_every_s;
		}
	}
	result->rms_ns = sqrt(r.square / fmax(r.n, 1));
	result->median_ns = median(records, r.n);
	result->top_poll = sim.top_poll;
	result->packets = sim.packets;
	result->z = sqrt(sim.z_square / fmax(sim.z_count, 1));
}

/* Everything that differs from the world of must-show 9. */
static const struct scenario base = {
	.duration_s = 10000,
	.delay_ns = 1e5,
	.jitter_ns = 1e5,
	.stamp_ns = 30,
	.wander = 1e-9,
	.offset_ns = 1e8,
	.freq_ppb = 1e5,
	.minpoll = 6,
	.maxpoll = 10,
	.sources = 1,
	.lateness_ns = 1e6,
	.record_from_s = 210,
	.record_every_s = 1,
	.check_distance = true,
};

/* The worst of `seeds` runs; RMS over all. */
static bool verbose;
static struct result runs(const struct scenario *sc, unsigned seeds)
{
	struct result worst = {0};
	double square = 0.0;

	for (unsigned seed = 1; seed <= seeds; seed++) {
		struct result one;

		run(sc, sc->seeds_from + seed, &one);
		square += one.rms_ns * one.rms_ns;
		worst.max_ns = fmax(worst.max_ns, one.max_ns);
		worst.median_ns = fmax(worst.median_ns, one.median_ns);
		worst.sync_s = fmax(worst.sync_s, one.sync_s);
		worst.overshoot_ns = fmax(worst.overshoot_ns, one.overshoot_ns);
		worst.max_freq_ppm = fmax(worst.max_freq_ppm, one.max_freq_ppm);
		worst.z += one.z / seeds;
		worst.top_poll = fmax(worst.top_poll, one.top_poll);
		worst.packets += one.packets;
	}
	worst.rms_ns = sqrt(square / seeds);
	worst.packets /= seeds;
	if (verbose)
		printf("%-28s %4u %10.3f %10.3f %10.3f %8.1f %10.3f %8.1f %5.0f %5.2f %7u\n",
		       sc->name, seeds, worst.rms_ns * 1e-3, worst.max_ns * 1e-3,
		       worst.median_ns * 1e-3, worst.sync_s, worst.overshoot_ns * 1e-3,
		       worst.max_freq_ppm, worst.top_poll, worst.z, worst.packets);
	return worst;
}

static void default_polls(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "default polls";
	r = runs(&sc, 20);
	assert_true(r.sync_s <= 210.0);
	assert_true(r.rms_ns < 60e3);
	assert_true(r.max_ns < 1e6);
	assert_true(r.max_freq_ppm < 500.0);
	assert_true(r.top_poll > 6.0);
	assert_true(r.z < 2.0); /* and the estimate knows how good it is */
	assert_true(r.z > 0.5);
}

static void default_polls_iburst(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "default polls, iburst";
	sc.iburst = true;
	sc.seeds_from = 900000; /* among them four first samples that agree by chance */
	r = runs(&sc, 20);
	assert_true(r.sync_s <= 210.0);
	assert_true(r.rms_ns < 60e3);
	assert_true(r.max_ns < 1e6);
}

static void interleaved(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "default polls, interleaved";
	sc.interleaved = true;
	r = runs(&sc, 20);
	assert_true(r.sync_s <= 210.0);
	assert_true(r.rms_ns < 80e3);
	assert_true(r.max_ns < 1e6);
}

static void poll_fixed(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "poll 6";
	sc.maxpoll = 6;
	r = runs(&sc, 20);
	assert_true(r.rms_ns < 20e3);
	sc.name = "poll 10";
	sc.minpoll = sc.maxpoll = 10;
	sc.record_from_s = 4000;
	sc.duration_s = 40000;
	r = runs(&sc, 5);
	assert_true(r.rms_ns < 90e3);
}

static void wander_strong(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "wander 1e-8";
	sc.wander = 1e-8;
	sc.seeds_from = 1000; /* among them bends that only the newest samples show */
	r = runs(&sc, 10);
	assert_true(r.rms_ns < 90e3);
	assert_true(r.max_ns < 1e6);
	sc.name = "wander 1e-7";
	sc.wander = 1e-7;
	sc.check_distance = false;
	sc.record_from_s = 500;
	r = runs(&sc, 10);
	assert_true(r.rms_ns < 120e3);
}

static void wander_none(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "wander 1e-11";
	sc.wander = 1e-11;
	r = runs(&sc, 10);
	assert_true(r.rms_ns < 60e3);
}

static void lan(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "LAN, polls 0 to 4";
	sc.jitter_ns = 1e4;
	sc.minpoll = 0;
	sc.maxpoll = 4;
	sc.duration_s = 2000;
	r = runs(&sc, 10);
	assert_true(r.sync_s < 30.0);
	assert_true(r.rms_ns < 3e3);
	assert_true(r.max_ns < 20e3);
}

static void wide(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "20 ms + 1 ms";
	sc.delay_ns = 2e7;
	sc.jitter_ns = 1e6;
	sc.record_from_s = 2500;
	r = runs(&sc, 10);
	assert_true(r.rms_ns < 600e3);
	sc.name = "50 ms + 10 ms, wander 1e-8";
	sc.delay_ns = 5e7;
	sc.jitter_ns = 1e7;
	sc.wander = 1e-8;
	r = runs(&sc, 10);
	assert_true(r.rms_ns < 6e6);
}

static void loss(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "30 % loss";
	sc.loss = 0.3;
	sc.record_from_s = 700;
	r = runs(&sc, 20);
	assert_true(r.rms_ns < 80e3);
	assert_true(r.max_ns < 1e6);
}

static void falseticker(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "4 sources, one 50 ms off";
	sc.sources = 4;
	sc.false_ns = 5e7;
	r = runs(&sc, 10);
	assert_true(r.rms_ns < 60e3);
	assert_true(r.max_ns < 1e6);
}

static void stepped_by_others(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "clock set 1 s back at 2000 s";
	sc.step_at_s = 2000.5;
	sc.step_ns = -1e9;
	sc.record_from_s = 3100;
	r = runs(&sc, 10);
	assert_true(r.overshoot_ns < 400e3);
	assert_true(r.max_ns < 1e6);
	/* 12 s of slewing at 83333 ppm */
	assert_true(r.sync_s < 2000 + NOTICED_S + 15);
}

static void far_off(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "500 ppm off";
	sc.freq_ppb = 5e5;
	r = runs(&sc, 10);
	assert_true(r.sync_s <= 210.0);
	assert_true(r.rms_ns < 60e3);
	sc = base;
	sc.name = "10 s behind, slewed";
	sc.offset_ns = 1e10;
	sc.record_from_s = 400;
	r = runs(&sc, 10);
	assert_true(r.overshoot_ns < 1e6);
	assert_true(r.sync_s <= 210.0);
	assert_true(r.max_ns < 1e6);
}

static void fast_polls(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "poll 1/16 s, stamps 300 ns";
	sc.delay_ns = 1e4;
	sc.jitter_ns = 100;
	sc.stamp_ns = 300;
	sc.offset_ns = -5e7;
	sc.freq_ppb = -3e4;
	sc.minpoll = sc.maxpoll = -4;
	sc.duration_s = 60;
	sc.record_from_s = 20;
	sc.record_every_s = 0.0625;
	r = runs(&sc, 20);
	assert_true(r.max_ns < 1e3);
	sc.name = "the same, interleaved";
	sc.interleaved = true;
	sc.iburst = true;
	sc.record_from_s = 30;
	r = runs(&sc, 20);
	assert_true(r.median_ns < 100.0);
	assert_true(r.max_ns < 1e3);
}

static void gap(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "no answers for 2000 s";
	sc.gap_from_s = 4000;
	sc.gap_to_s = 6000;
	r = runs(&sc, 20);
	assert_true(r.max_ns < 1e6);
	assert_true(r.rms_ns < 150e3);
}

static void route(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "2 ms longer from 5000 s on";
	sc.route_at_s = 5000;
	sc.route_ns = 2e6;
	r = runs(&sc, 20);
	assert_true(r.rms_ns < 80e3);
	assert_true(r.max_ns < 1e6);
	sc.name = "1 ms shorter from 5000 s on";
	sc.delay_ns = 1.1e6;
	sc.route_ns = -1e6;
	r = runs(&sc, 20);
	assert_true(r.rms_ns < 80e3);
	assert_true(r.max_ns < 1e6);
}

static void bend(void **state)
{
	struct scenario sc = base;
	struct result r;

	(void)state;
	sc.name = "2 ppm bend at 5000 s";
	sc.bend_at_s = 5000;
	sc.bend_ppb = 2000;
	sc.check_distance = false;
	r = runs(&sc, 10);
	assert_true(r.max_ns < 3e6);
	assert_true(r.rms_ns < 500e3);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_polls),
		cmocka_unit_test(default_polls_iburst),
		cmocka_unit_test(interleaved),
		cmocka_unit_test(poll_fixed),
		cmocka_unit_test(wander_strong),
		cmocka_unit_test(wander_none),
		cmocka_unit_test(lan),
		cmocka_unit_test(wide),
		cmocka_unit_test(loss),
		cmocka_unit_test(falseticker),
		cmocka_unit_test(stepped_by_others),
		cmocka_unit_test(far_off),
		cmocka_unit_test(fast_polls),
		cmocka_unit_test(gap),
		cmocka_unit_test(bend),
		cmocka_unit_test(route),
	};

	verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	if (verbose)
		printf("%-28s %4s %10s %10s %10s %8s %10s %8s %5s %5s %7s\n", "scenario", "runs",
		       "RMS us", "max us", "median us", "sync s", "over us", "ppm", "poll", "z",
		       "packets");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
