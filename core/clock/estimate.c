/*
 * estimate: the window, what is learnt from it, and what is set aside, as estimate.h says.
 * It must never compute with absolute times in doubles: all are differences from a sample.
 */
#include "core/clock/estimate.h"

#include <math.h>
#include <string.h>

#include "core/clock/scale.h"

#define DOUBT_SAMPLES	   4	 /* fewer are no ground to doubt the next */
#define CONFIRM_SAMPLES	   3	 /* suspects in a row, on one side, that prove a jump */
#define CONFIRM_ANY	   8	 /* ... on any side: the line is useless */
#define SUSPECT_SDS	   6.0	 /* tails of a belief are exponential: e^-6 of them */
#define SUSPECT_FREQ_PPB   300.0 /* oscillators bend by less than this: no reason for doubt */
#define PATH_SAMPLES	   8	 /* of so many at most it is asked whether all were late */
#define PATH_SAMPLES_LEAST 3	 /* fewer are any burst of traffic */
#define PATH_NATS	   16.0	 /* by chance once in e^16 */
#define PATH_SDS	   5.0	 /* below what was least: a shorter path */
#define LATE_MOST	   1.5	 /* of its round trip a packet may be late, as a belief has it */
#define ANEW_SAMPLES	   2	 /* what two say of offset and frequency is always possible */
#define ROUTE_KNOWN	   5.0	 /* times better than packets are late */
#define QUEUES_MOST	   1.5	 /* times the lateness of then: else it is another network */
#define ROUTE_USUAL	   3.0 /* of both ways' lateness above a route that may be the one: e^-6 each */
#define PATH_MEMORY	   256.0 /* samples: the path's variance grows by this part at each */
#define REMOTE_GRAIN_NS	   1e3 /* a server's stamps are believed to be better than its precision */
#define RUNS_ANEW	   4   /* over a window of which little is left to build on */
#define FEW_SAMPLES	   4 /* so few are all looked at as often: each still says much of the others */
#define GRAIN_FROM	   16 /* before, beliefs are too wide to tell grain from anything */
#define EVEN_SAMPLES	   4  /* round trips that took the same time: not one of them queued */
#define AGREE_SAMPLES	   5  /* newest samples that lie on one line ... */
#define AGREE_TIMES	   100.0 /* ... so much better than the noise says: by chance once in 700,000 */
#define FINE_SAMPLES	   5	 /* stamped by cards: enough to do without what was not */
#define LEARNT_TIMES	   4.0	/* the variance of the grain: what is beyond was learnt */
#define UNSURE_COUNT	   8.0	/* see unsure() */
#define PUT_RIGHT	   1.5	/* times better than it was, by what it says: its clock was set */
#define SHAPE_MEMORY	   64.0 /* round trips whose scatter is remembered */
#define SHAPE_OTHER	   4.0	/* so many deviations below their mean it is another path */
#define SHAPE_YOUNG	   32.0 /* round trips: until so many an edge is to be shown ... */
#define SHAPE_CHANCE	   0.9	/* ... beyond so much of what is no surprise; later its absence */
#define SHAPE_SURE	   0.8	/* more than that, and there is none */
#define RANGE_NS	   DS_NS_LIMIT
#define PRECISION_MAX_NS   INT64_C(1000000000)
#define SHORTEST_S	   1e-9 /* between two samples */

void ds_estimate_init(struct ds_estimate *e, uint8_t min_samples, uint8_t max_samples)
{
	memset(e, 0, sizeof(*e));
	if (max_samples == 0 || max_samples > DS_ESTIMATE_SAMPLES)
		max_samples = DS_ESTIMATE_SAMPLES;
	e->max_samples = max_samples;
	e->min_samples = min_samples < max_samples ? min_samples : max_samples;
	e->freq_sd_ppb = INFINITY;
}

void ds_estimate_restart(struct ds_estimate *e)
{
	uint64_t total = e->total;

	ds_estimate_init(e, e->min_samples, e->max_samples);
	e->total = total;
}

static double between_s(int64_t from_ns, int64_t to_ns)
{
	return fmax((double)(to_ns - from_ns) * 1e-9, SHORTEST_S);
}

static void set_bounds(struct ds_estimate *e, unsigned i)
{
	const struct ds_estimate_sample *s = &e->samples[i];
	double offset = (double)(s->server_minus_raw_ns - e->base_ns);
	double half = 0.5 * (double)s->delay_ns;

	e->window.look[i].bound_ns[DS_WAY_THERE] = half + offset;
	e->window.look[i].bound_ns[DS_WAY_BACK] = half - offset;
}

/* Count offsets from the newest sample, where the numbers are then small. */
static void rebase(struct ds_estimate *e, int64_t base_ns)
{
	ds_bank_shift(&e->bank, (double)(base_ns - e->base_ns));
	e->base_ns = base_ns;
	for (unsigned i = 0; i < e->window.count; i++)
		set_bounds(e, i);
}

static void drop_oldest(struct ds_estimate *e)
{
	ds_learning_keep(&e->learning, &e->window.look[0]);
	ds_bank_drop_oldest(&e->bank, &e->window);
	memmove(e->samples, e->samples + 1, e->window.count * sizeof(e->samples[0]));
}

/* Crystals are off by less than a few hundred ppm; but one that is 5 % off is not to be taken for
 * one that is right on a path that is wrong. */
static double first_freq_sd(const struct ds_estimate *e)
{
	const struct ds_estimate_sample *s = e->samples;
	double dt;
	double slope;

	if (e->window.count < 2)
		return DS_ESTIMATE_UNKNOWN_FREQ_PPB;
	dt = between_s(s[0].raw_ns, s[1].raw_ns);
	slope = fabs((double)(s[1].server_minus_raw_ns - s[0].server_minus_raw_ns)) / dt;
	slope -= 0.5 * ((double)s[0].delay_ns + (double)s[1].delay_ns) / dt;
	return slope > SUSPECT_SDS * DS_ESTIMATE_UNKNOWN_FREQ_PPB ? slope
								  : DS_ESTIMATE_UNKNOWN_FREQ_PPB;
}

/* Build all beliefs anew from the samples in the window. */
static void begin_anew(struct ds_estimate *e)
{
	const struct ds_estimate_sample *first = &e->samples[0];

	ds_learning_start(&e->learning, (double)first->delay_ns);
	ds_bank_start(&e->bank, (double)(first->server_minus_raw_ns - e->base_ns),
		      (double)first->delay_ns, first_freq_sd(e));
	for (unsigned i = 0; i < e->window.count; i++) {
		e->window.look[i].since.offset_var_ns2 = 0.0;
		e->window.look[i].since.freq_var_ppb2 = 0.0;
		e->window.look[i].since.path_var_ns2 = 0.0;
		e->window.look[i].since.path_precision = 0.0;
		e->window.look[i].settled = false;
		e->window.look[i].seen = false;
	}
	e->first_raw_ns = first->raw_ns;
	e->taken = e->window.count;
	e->shape.count = 0.0;
}

/* By what foretells the newest sample. */
static void judge_grain(struct ds_estimate *e)
{
	const struct ds_look *look = &e->window.look[e->window.count - 1U];
	struct ds_belief b;
	struct ds_walk walk;

	ds_bank_sum_up(&e->bank, &b, &walk);
	ds_belief_pass(&b, &look->since, &walk);
	if (e->noise.even)
		ds_learning_judge_noise(&e->learning, &b, &e->window,
					e->noise.way[0].grain_var_ns2);
	else
		ds_bank_lengthen_path(&e->bank,
				      ds_learning_judge_grain(&e->learning, &b, look, &e->noise));
}

static void run_often(struct ds_estimate *e, double grain2)
{
	ds_learning_sum_up(&e->learning, &e->window, grain2, e->taken <= FEW_SAMPLES, &e->noise);
	for (int i = 0; i < RUNS_ANEW; i++)
		ds_bank_run(&e->bank, &e->window, &e->noise, false);
}

/* The belief at a moment after the newest sample. */
static struct ds_belief foretell(const struct ds_estimate *e, double dt_s, struct ds_walk *walk)
{
	struct ds_interval since = {.dt_s = dt_s};
	struct ds_belief b;

	ds_bank_sum_up(&e->bank, &b, walk);
	ds_belief_pass(&b, &since, walk);
	return b;
}

/* On which side of the line does a sample lie that the line cannot explain? 0: it can, or the
 * sample is further from the last one than all of them span. */
static int8_t doubt(const struct ds_estimate *e, const struct ds_look *look, int64_t raw_ns)
{
	double dt = between_s(e->ref_raw_ns, raw_ns);
	double bend = SUSPECT_FREQ_PPB * dt;
	bool against[2];
	struct ds_walk walk;
	double mean;
	double var;

	if (e->used < DOUBT_SAMPLES || raw_ns - e->used_raw_ns > e->used_raw_ns - e->first_raw_ns)
		return 0;
	struct ds_belief b = foretell(e, dt, &walk);
	for (unsigned int way = 0; way < 2; way++) {
		ds_belief_see(&b, way, &mean, &var);
		if (e->noise.even) {
			mean = way == DS_WAY_THERE ? b.mean[0] : -b.mean[0];
			mean += 0.5 * (look->bound_ns[0] + look->bound_ns[1]);
			var = b.cov[0][0];
		}
		against[way] = mean - look->bound_ns[way] >
			       SUSPECT_SDS * sqrt(var + e->noise.way[way].grain_var_ns2) + bend;
	}
	if (against[0] == against[1])
		return 0;
	return against[DS_WAY_BACK] ? 1 : -1;
}

/* The mean and variance of round trips, since the path last changed. */
static void learn_shape(struct ds_estimate *e, double delay_ns)
{
	struct ds_estimate_shape *shape = &e->shape;
	double off = delay_ns - shape->mean_ns;

	shape->count = fmin(shape->count + 1.0, SHAPE_MEMORY);
	shape->mean_ns += off / shape->count;
	shape->var_ns2 += (off * (delay_ns - shape->mean_ns) - shape->var_ns2) / shape->count;
}

static double usual_both(const struct ds_estimate *e)
{
	return ds_learning_usual_ns(&e->learning, &e->noise, DS_WAY_THERE) +
	       ds_learning_usual_ns(&e->learning, &e->noise, DS_WAY_BACK);
}

/* The path has changed, and least_ns is the least of it seen since: is it a route that was known
 * before, with the queues of then? Then so is its length. */
static void recall(const struct ds_estimate *e, const struct ds_estimate_route *route,
		   double least_ns, struct ds_interval *since)
{
	double grain = sqrt(e->noise.way[0].grain_var_ns2);
	double above = least_ns - route->path_ns;
	double usual = e->noise.way[0].usual_ns + e->noise.way[1].usual_ns;

	if (!(route->precision > 0.0) || usual > QUEUES_MOST * route->usual_ns ||
	    above > ROUTE_USUAL * route->usual_ns ||
	    above < -PATH_SDS * (grain + 1.0 / sqrt(route->precision)))
		return;
	since->path_ns = route->path_ns;
	since->path_precision = route->precision;
}

/* What is hardly known is not worth remembering; and no more than this is believed of a route
 * that may only look like another one. */
static void remember(const struct ds_estimate *e, struct ds_estimate_route *route)
{
	double usual = usual_both(e);
	double doubt_ns = usual / ROUTE_KNOWN;

	if (e->path_sd_ns > doubt_ns)
		return;
	route->path_ns = e->path_ns;
	route->precision = 1.0 / (e->path_sd_ns * e->path_sd_ns + doubt_ns * doubt_ns);
	route->usual_ns = usual;
}

/* A path that grew shorter: the round trip is below what was least. */
static void shorter_path(struct ds_estimate *e, struct ds_look *look)
{
	double half = 0.5 * (look->bound_ns[0] + look->bound_ns[1]);
	double grain = sqrt(e->noise.way[0].grain_var_ns2);
	double below = e->path_ns - half;

	if (e->noise.even || below < PATH_SDS * (e->path_sd_ns + grain))
		return;
	look->since.path_var_ns2 += below * below;
	if (2.0 * half < e->shape.mean_ns - SHAPE_OTHER * sqrt(e->shape.var_ns2))
		e->shape.count = 0.0;
	recall(e, &e->shorter, half, &look->since);
	remember(e, &e->longer);
}

/* A path that grew longer: packets of the newest samples were late on both ways, each of them, and
 * their round trips so long that it is no chance. Lets it have jumped before the first of them. */
static bool longer_path(struct ds_estimate *e)
{
	double least_above = INFINITY;
	unsigned count = e->window.count;

	for (unsigned n = 1; n <= PATH_SAMPLES && n < count; n++) {
		struct ds_look *look = &e->window.look[count - n];
		double above = 0.5 * (look->bound_ns[0] + look->bound_ns[1]) - e->path_ns;

		if (look->aside || look->one_way ||
		    look->late_ns[DS_WAY_THERE] <
			    ds_learning_usual_ns(&e->learning, &e->noise, DS_WAY_THERE) ||
		    look->late_ns[DS_WAY_BACK] <
			    ds_learning_usual_ns(&e->learning, &e->noise, DS_WAY_BACK))
			return false;
		least_above = fmin(least_above, above);
		if (n >= PATH_SAMPLES_LEAST &&
		    n * ds_learning_unlikely(&e->learning, &e->noise, least_above) > PATH_NATS) {
			look->since.path_var_ns2 += least_above * least_above;
			e->shape.count = 0.0;
			for (unsigned i = count - n; i < count; i++)
				learn_shape(e, (double)e->samples[i].delay_ns);
			recall(e, &e->longer, e->path_ns + least_above, &look->since);
			remember(e, &e->shorter);
			return true;
		}
	}
	return false;
}

static unsigned trailing_suspects(const struct ds_estimate *e, bool *one_side)
{
	unsigned count = e->window.count;
	unsigned n = 0;

	*one_side = true;
	while (n < count && e->samples[count - 1U - n].suspect != 0) {
		if (n < CONFIRM_SAMPLES &&
		    e->samples[count - 1U - n].suspect != e->samples[count - 1U].suspect)
			*one_side = false;
		n++;
	}
	return n;
}

static double off_line(const struct ds_estimate *e, const struct ds_estimate_sample *s)
{
	struct ds_prediction p = {.sd_ns = 0.0};

	ds_estimate_at(e, s->raw_ns, 0.0, &p);
	return (double)(s->server_minus_raw_ns - p.server_minus_raw_ns);
}

/* Allow for a jump before the first of the newest CONFIRM_SAMPLES; for one of the frequency too
 * where they do not lie on a parallel of the line. */
static void allow_jump(struct ds_estimate *e)
{
	unsigned first = e->window.count - CONFIRM_SAMPLES;
	unsigned last = e->window.count - 1U;
	double dt = between_s(e->samples[first].raw_ns, e->samples[last].raw_ns);
	double off = off_line(e, &e->samples[first]);
	double turn = (off_line(e, &e->samples[last]) - off) / dt;
	double late = 0.5 * (double)(e->samples[first].delay_ns + e->samples[last].delay_ns) -
		      2.0 * e->path_ns;
	double chance = SUSPECT_FREQ_PPB + SUSPECT_SDS * e->freq_sd_ppb +
			(fmax(late, 0.0) + SUSPECT_SDS * e->sample_sd_ns) / dt;

	e->window.look[first].since.offset_var_ns2 += off * off;
	if (fabs(turn) > chance)
		e->window.look[first].since.freq_var_ppb2 += turn * turn;
}

static void keep_newest(struct ds_estimate *e, unsigned n)
{
	unsigned first = e->window.count > n ? e->window.count - n : 0;

	e->window.count = (uint8_t)(e->window.count - first);
	memmove(e->samples, &e->samples[first], e->window.count * sizeof(e->samples[0]));
	memmove(e->window.look, &e->window.look[first],
		e->window.count * sizeof(e->window.look[0]));
	for (unsigned i = 0; i < e->window.count; i++) {
		e->samples[i].suspect = 0;
		e->window.look[i].aside = false;
	}
	e->suspects = 0;
	begin_anew(e);
}

/* After enough suspects they are the truth. */
static bool confirm(struct ds_estimate *e)
{
	bool one_side;
	unsigned n = trailing_suspects(e, &one_side);

	e->suspects = (uint8_t)n;
	if (n < CONFIRM_SAMPLES || (!one_side && n < CONFIRM_ANY))
		return false;
	if (one_side && e->window.count > CONFIRM_SAMPLES)
		allow_jump(e);
	for (unsigned i = e->window.count - CONFIRM_SAMPLES; i < e->window.count; i++) {
		e->samples[i].suspect = 0;
		e->window.look[i].aside = false;
	}
	e->suspects = 0;
	if (one_side && e->window.count > CONFIRM_SAMPLES)
		return true;
	keep_newest(e, CONFIRM_SAMPLES);
	return true;
}

/* What the newest AGREE_SAMPLES scatter about a straight line through them (least squares), as a
 * standard deviation. */
static double newest_scatter_ns(const struct ds_estimate *e)
{
	const struct ds_estimate_sample *s = &e->samples[e->window.count - AGREE_SAMPLES];
	double x = 0.0, y = 0.0, xx = 0.0, xy = 0.0, yy = 0.0;

	for (unsigned i = 0; i < AGREE_SAMPLES; i++) {
		x += between_s(s[0].raw_ns, s[i].raw_ns) / AGREE_SAMPLES;
		y += (double)(s[i].server_minus_raw_ns - s[0].server_minus_raw_ns) / AGREE_SAMPLES;
	}
	for (unsigned i = 0; i < AGREE_SAMPLES; i++) {
		double dx = between_s(s[0].raw_ns, s[i].raw_ns) - x;
		double dy = (double)(s[i].server_minus_raw_ns - s[0].server_minus_raw_ns) - y;

		xx += dx * dx;
		xy += dx * dy;
		yy += dy * dy;
	}
	return sqrt(fmax(yy - xy * xy / xx, 0.0) / (AGREE_SAMPLES - 2.0));
}

/* Noise to both sides is learnt from how far samples lie off the line, and a line may lie off
 * because a clock jumped among its first samples: then all that follows is noise to it. But noise
 * does not lie on a line. What the grain is said to be was learnt from nothing. */
static bool is_noise_a_mistake(const struct ds_estimate *e, double grain2)
{
	return e->noise.even && e->common_sd_ns * e->common_sd_ns > LEARNT_TIMES * grain2 &&
	       e->window.count > AGREE_SAMPLES &&
	       newest_scatter_ns(e) * AGREE_TIMES < e->common_sd_ns;
}

/* How many of the newest samples can be true together? No packet takes less than no time, or was
 * late for longer than its whole round trip. Where that is what has been made of one, what was
 * believed had nothing to do with this source's clock (it had not been set itself when we began
 * to ask, say). */
static unsigned sensible(const struct ds_estimate *e, double grain2)
{
	double grain = sqrt(e->noise.way[0].grain_var_ns2);
	unsigned n = 0;

	if (e->noise.even)
		return is_noise_a_mistake(e, grain2) ? AGREE_SAMPLES : e->window.count;
	if (e->path_ns < -PATH_SDS * (e->path_sd_ns + grain))
		return ANEW_SAMPLES;
	for (unsigned i = e->window.count; i-- > 0; n++) {
		const struct ds_look *look = &e->window.look[i];
		double late = look->late_ns[DS_WAY_THERE] + look->late_ns[DS_WAY_BACK];

		if (look->seen && !look->one_way &&
		    late > LATE_MOST * (double)e->samples[i].delay_ns + PATH_SDS * grain)
			break;
	}
	return n > ANEW_SAMPLES ? n : ANEW_SAMPLES;
}

/* A straight line through n samples of this noise, T apart, knows its slope to sqrt(12/n^3) of the
 * noise over T: as many samples is what is known worth. */
static void measure_span(struct ds_estimate *e)
{
	unsigned last = e->window.count - 1U;
	double age = (double)(e->samples[last].raw_ns - e->first_raw_ns);
	double apart =
		last > 0 ? (double)(e->samples[last].raw_ns - e->samples[0].raw_ns) / last : 0.0;
	double growth = e->freq_sd_ppb * apart * 1e-9;
	double worth = cbrt(12.0 * e->sample_sd_ns * e->sample_sd_ns / (growth * growth));

	e->cut = e->taken > DOUBT_SAMPLES && worth * apart < age;
	e->span_ns = ds_ns_plus(0, e->cut ? worth * apart : age);
}

/* Lateness was learnt from n samples, and is taken as if it were known: until there are many, the
 * variance is larger by a factor of about 1 + UNSURE_COUNT / n. Found by the bench for round trips
 * half of which are queues, where the first few agree by chance. */
static double unsure(const struct ds_estimate *e)
{
	return 1.0 + UNSURE_COUNT / (double)(e->taken > 0 ? e->taken : 1U);
}

/* The sum of two exponential times is at most sqrt(2) times as long, in the mean, as it scatters.
 * Round trips that are longer above the path, by more than chance makes of so many, have no sharp
 * edge: no packet is as fast as the path (several queues in a row, say), and the least late ones
 * tell no more than others. Then the line is known as well as a mean of the window is: of an offset
 * the variance is a quarter of the round trip's, and at the end of a line four times that over n.
 */
static double edgeless_sd_ns(const struct ds_estimate *e)
{
	const struct ds_estimate_shape *shape = &e->shape;
	double longer = (shape->mean_ns - 2.0 * e->path_ns) / sqrt(2.0 * shape->var_ns2);
	double surprise = (longer - 1.0) * sqrt(shape->count);
	double chance = SHAPE_CHANCE * fmax(shape->count / SHAPE_YOUNG, 1.0);
	double share = fmin((surprise - chance) / SHAPE_SURE, 1.0);
	double n = fmin(shape->count, (double)DS_ESTIMATE_SAMPLES);

	if (e->noise.even || !(share > 0.0))
		return 0.0;
	return share * sqrt(shape->var_ns2 / n);
}

static void count_used(struct ds_estimate *e)
{
	e->count = e->window.count;
	e->used = 0;
	e->min_delay_ns = INT64_MAX;
	for (unsigned i = 0; i < e->window.count; i++) {
		if (e->samples[i].suspect != 0)
			continue;
		e->used++;
		e->used_raw_ns = e->samples[i].raw_ns;
		if (e->samples[i].delay_ns < e->min_delay_ns)
			e->min_delay_ns = e->samples[i].delay_ns;
	}
}

static void settle(struct ds_estimate *e)
{
	const struct ds_lateness *way = e->noise.way;
	unsigned last = e->window.count - 1U;
	struct ds_belief b;
	struct ds_walk walk;

	ds_bank_sum_up(&e->bank, &b, &walk);
	for (int i = 0; i < DS_BELIEF_SIZE; i++)
		for (int j = 0; j < DS_BELIEF_SIZE; j++)
			b.cov[i][j] *= unsure(e);
	count_used(e);
	e->ref_raw_ns = e->samples[last].raw_ns;
	e->ref_server_minus_raw_ns = ds_ns_plus(e->base_ns, b.mean[0]);
	e->offset_sd_ns = sqrt(b.cov[0][0]);
	e->freq_ppb = e->taken > 1 ? b.mean[1] : 0.0;
	e->freq_sd_ppb = e->taken > 1 ? sqrt(b.cov[1][1]) : INFINITY;
	e->cov_ns_ppb = e->taken > 1 ? b.cov[0][1] : 0.0;
	e->wander_ppb = sqrt(walk.freq_var_ppb2);
	e->offset_walk_ns = sqrt(walk.offset_var_ns2);
	e->path_ns = b.mean[2];
	e->path_sd_ns = sqrt(b.cov[2][2]);
	e->common_sd_ns = sqrt(way[0].grain_var_ns2);
	e->usual_excess_ns = e->noise.even ? 0.0 : way[0].usual_ns + way[1].usual_ns;
	e->sample_sd_ns =
		e->noise.even ? e->common_sd_ns : 0.5 * hypot(way[0].usual_ns, way[1].usual_ns);
	e->edgeless_sd_ns = edgeless_sd_ns(e);
	measure_span(e);
}

static bool is_sound(const struct ds_estimate *e)
{
	return isfinite(e->offset_sd_ns) && isfinite(e->freq_ppb) && !isnan(e->freq_sd_ppb) &&
	       isfinite(e->cov_ns_ppb) && isfinite(e->path_sd_ns) && isfinite(e->sample_sd_ns) &&
	       e->offset_sd_ns < 1e19 && fabs(e->freq_ppb) < 1e19;
}

static bool in_range(const struct ds_exchange *x)
{
	return x->raw_ns > -RANGE_NS && x->raw_ns < RANGE_NS &&
	       x->server_minus_raw_ns > -RANGE_NS && x->server_minus_raw_ns < RANGE_NS &&
	       x->delay_ns >= 0 && x->delay_ns < RANGE_NS;
}

static struct ds_estimate_sample sample_of(const struct ds_exchange *x)
{
	return (struct ds_estimate_sample){
		.raw_ns = x->raw_ns,
		.server_minus_raw_ns = x->server_minus_raw_ns,
		.delay_ns = x->delay_ns,
		.distance_ns = x->delay_ns / 2 + x->unproved_ns + x->remote.root_delay_ns / 2 +
			       x->remote.root_dispersion_ns,
		.dispersion_ns = x->remote.root_dispersion_ns,
	};
}

/* Servers put noise into the bits of a stamp below their precision: what was there is lost, and
 * what is there instead as wrong, each by up to one precision (variance 1/12 of its square). What a
 * card's stamps may be wrong by in our scales comes to that: T1's of the way there, T4's of the way
 * back, and the larger counts for both; and where it is cards that stamped both, nobody read our
 * clock. A reference clock's sample is one moment on two clocks: its precision says all of it. */
static double grain_variance(const struct ds_exchange *x, int64_t precision_ns)
{
	bool unread = x->kind == DS_EXCHANGE_REFCLOCK ||
		      (x->t1.source == DS_STAMP_HARDWARE && x->t4.source == DS_STAMP_HARDWARE);
	double ours = unread				? 0.0
		      : precision_ns < 1		? 1
		      : precision_ns > PRECISION_MAX_NS ? PRECISION_MAX_NS
							: (double)precision_ns;
	double theirs = fmin(ldexp(1e9, x->remote.precision_log2), REMOTE_GRAIN_NS);
	double carried = fmin(fmax(x->t1.error_ns, x->t4.error_ns), (double)PRECISION_MAX_NS);

	return ours * ours + theirs * theirs / 6.0 + carried * carried;
}

/* Put the sample at the end of the window. Returns whether it is the first of all. */
static bool append(struct ds_estimate *e, const struct ds_estimate_sample *s, bool one_way)
{
	struct ds_look *look;
	unsigned i;
	bool first = e->window.count == 0;

	if (e->window.count == e->max_samples && e->max_samples > 1)
		drop_oldest(e);
	else if (e->window.count == e->max_samples)
		e->window.count = 0;
	i = e->window.count++;
	e->samples[i] = *s;
	look = &e->window.look[i];
	memset(look, 0, sizeof(*look));
	look->since.dt_s = i > 0 ? between_s(e->samples[i - 1U].raw_ns, s->raw_ns) : SHORTEST_S;
	look->since.path_var_ns2 = e->path_sd_ns * e->path_sd_ns / PATH_MEMORY;
	look->one_way = one_way;
	if (first) {
		e->base_ns = s->server_minus_raw_ns;
		e->noise.even = s->delay_ns == 0;
		e->equal = 0;
		begin_anew(e);
	}
	rebase(e, s->server_minus_raw_ns);
	return first;
}

/* Do round trips vary? Of broadcasts all are as long as the one that was measured, and that says
 * nothing. Returns whether the answer changed: what was built on it goes. */
static bool queues_change(struct ds_estimate *e, const struct ds_estimate_sample *s, bool one_way)
{
	bool was = e->noise.even;
	unsigned before = e->window.count > 1 ? e->window.count - 2U : 0;

	if (one_way || s->delay_ns != e->samples[before].delay_ns ||
	    s->delay_ns != e->samples[0].delay_ns)
		e->equal = 0;
	else if (e->equal < UINT8_MAX)
		e->equal++;
	e->noise.even = e->equal > 0 && (was || e->equal >= EVEN_SAMPLES);
	return e->noise.even != was;
}

static void leave_nonsense(struct ds_estimate *e, double grain2)
{
	unsigned kept = sensible(e, grain2);

	if (kept >= e->window.count)
		return;
	keep_newest(e, kept);
	run_often(e, grain2);
	settle(e);
}

static void take(struct ds_estimate *e, const struct ds_estimate_sample *s, bool one_way,
		 double grain2)
{
	bool first = append(e, s, one_way);
	struct ds_look *newest = &e->window.look[e->window.count - 1U];
	struct ds_estimate_sample *sample = &e->samples[e->window.count - 1U];
	bool odd_crystal;

	e->taken += !first;
	odd_crystal = e->window.count == 2 && first_freq_sd(e) > DS_ESTIMATE_UNKNOWN_FREQ_PPB;
	if (queues_change(e, s, one_way) || first || odd_crystal) {
		begin_anew(e);
		run_often(e, grain2);
		settle(e);
		return;
	}
	shorter_path(e, newest);
	if (!one_way)
		learn_shape(e, (double)s->delay_ns);
	sample->suspect = doubt(e, newest, s->raw_ns);
	newest->aside = sample->suspect != 0;
	if (e->taken > GRAIN_FROM)
		judge_grain(e);
	ds_learning_sum_up(&e->learning, &e->window, grain2, e->taken <= FEW_SAMPLES, &e->noise);
	ds_bank_run(&e->bank, &e->window, &e->noise, true);
	settle(e);
	if (confirm(e) || (!e->noise.even && longer_path(e)) || e->taken <= FEW_SAMPLES)
		run_often(e, grain2);
	settle(e);
	leave_nonsense(e, grain2);
}

/* The newest sample goes, as if it had never been. */
static void take_back(struct ds_estimate *e, double grain2)
{
	ds_bank_forget_newest(&e->bank, &e->window);
	e->window.count--;
	e->taken--;
	if (e->window.count == 0) {
		ds_estimate_restart(e);
		return;
	}
	ds_learning_sum_up(&e->learning, &e->window, grain2, e->taken <= FEW_SAMPLES, &e->noise);
	ds_bank_run(&e->bank, &e->window, &e->noise, false);
	settle(e);
}

/* The first packets of a source have guesses for stamps, or the kernel's, until its card's clock is
 * known and the other end answers in interleaved mode; and those are so much worse (tens of us,
 * where cards leave tens of ns) that all the window would be judged by them. As soon as there are a
 * few in a row that are better they go, once: of a card that loses some stamps later none does. */
static void refine(struct ds_estimate *e, const struct ds_exchange *x, bool again, double grain2)
{
	bool fine = ds_exchange_is_interleaved(x->kind) && x->t1.source == DS_STAMP_HARDWARE &&
		    x->t4.source == DS_STAMP_HARDWARE;

	if (!fine)
		e->fine = 0;
	else if (!again && e->fine < FINE_SAMPLES)
		e->fine++;
	if (e->fine < FINE_SAMPLES || e->refined)
		return;
	e->refined = true;
	if (e->window.count <= FINE_SAMPLES)
		return;
	keep_newest(e, FINE_SAMPLES);
	run_often(e, grain2);
	settle(e);
}

bool ds_estimate_add(struct ds_estimate *e, const struct ds_exchange *exchange,
		     int64_t precision_ns)
{
	double grain2 = grain_variance(exchange, precision_ns);
	struct ds_estimate_sample s = sample_of(exchange);
	bool one_way = exchange->kind == DS_EXCHANGE_BROADCAST ||
		       exchange->kind == DS_EXCHANGE_BROADCAST_DRIVESTAMP;
	bool again;

	if (!in_range(exchange))
		return false;
	if (e->window.count > 0 && s.raw_ns < e->samples[e->window.count - 1U].raw_ns)
		return false;
	again = e->window.count > 0 && s.raw_ns == e->samples[e->window.count - 1U].raw_ns;
	if (again)
		take_back(e, grain2);
	else
		e->total++;
	take(e, &s, one_way, grain2);
	refine(e, exchange, again, grain2);
	if (!is_sound(e)) {
		ds_estimate_restart(e);
		take(e, &s, one_way, grain2);
	}
	return true;
}

/* A source that was as wrong as it said at one moment, and not later, looks like an oscillator that
 * runs wrong. Of n samples the first of which is wrong by d, the least squares have a slope that is
 * wrong by 6 (n - 1) / (n (n + 1)) of d over their span, and by d over it at most. Returns the most
 * that does for any of the samples; *put_right_ppb: where one states so much less than another that
 * this is no saw tooth, the most that it can do to the slope over all. */
static double stated_freq_ppb(const struct ds_estimate *e, double *put_right_ppb)
{
	const struct ds_estimate_sample *s = e->samples;
	const struct ds_estimate_sample *newest = NULL;
	double worst_ppb = 0.0, most = 0.0, least = INFINITY, span = 0.0, n = 0.0;

	for (unsigned i = e->window.count; i-- > 0;) {
		double weight, stated = (double)s[i].dispersion_ns;

		if (s[i].suspect != 0)
			continue;
		most = fmax(most, stated);
		least = fmin(least, stated);
		n++;
		if (newest == NULL) {
			newest = &s[i];
			continue;
		}
		span = between_s(s[i].raw_ns, newest->raw_ns);
		weight = fmin(6.0 * (n - 1.0) / (n * (n + 1.0)), 1.0);
		stated = weight * stated + (double)newest->dispersion_ns;
		worst_ppb = fmax(worst_ppb, stated / span);
	}
	*put_right_ppb = 0.0;
	if (newest != NULL && span > 0.0 && most > PUT_RIGHT * least)
		*put_right_ppb = (most + (double)newest->dispersion_ns) / span;
	return worst_ppb;
}

static double distance_at(const struct ds_estimate *e, int64_t raw_ns, double growth_ppb)
{
	double least = INFINITY;

	for (unsigned i = 0; i < e->window.count; i++) {
		const struct ds_estimate_sample *s = &e->samples[i];
		double age = fabs((double)(raw_ns - s->raw_ns));

		if (s->suspect != 0)
			continue;
		least = fmin(least, (double)s->distance_ns + age * 1e-9 * growth_ppb);
	}
	return least;
}

/* A packet cannot arrive before it left: at its moment the truth lay within its distance of each
 * sample. As far from that as the line passes it, and as the frequency may have led since. */
static double reach_at(const struct ds_estimate *e, int64_t raw_ns, double freq_sd_ppb,
		       double growth_ppb)
{
	double least = INFINITY;

	for (unsigned i = 0; i < e->window.count; i++) {
		const struct ds_estimate_sample *s = &e->samples[i];
		double age = fabs(between_s(s->raw_ns, raw_ns));
		double walked = e->wander_ppb * e->wander_ppb * age;
		double since = between_s(e->ref_raw_ns, s->raw_ns);
		double passed = (double)(s->server_minus_raw_ns - e->ref_server_minus_raw_ns) -
				since * e->freq_ppb;
		double led = DS_ESTIMATE_CLAIM_SDS *
			     sqrt(freq_sd_ppb * freq_sd_ppb + walked / 3.0) * age;

		if (s->suspect == 0)
			least = fmin(least, (double)s->distance_ns + fabs(passed) + led +
						    age * growth_ppb);
	}
	return least + DS_ESTIMATE_CLAIM_SDS * e->common_sd_ns;
}

static int64_t claim_at(const struct ds_estimate *e, int64_t raw_ns, double sd_ns,
			double freq_sd_ppb, double growth_ppb)
{
	double distance = distance_at(e, raw_ns, growth_ppb) + DS_ESTIMATE_CLAIM_SDS * sd_ns;

	return ds_ns_plus(0, fmin(distance, reach_at(e, raw_ns, freq_sd_ppb, growth_ppb)));
}

bool ds_estimate_at(const struct ds_estimate *e, int64_t raw_ns, double max_clock_error_ppb,
		    struct ds_prediction *prediction)
{
	double dt = (double)(raw_ns - e->ref_raw_ns) * 1e-9;
	bool known = isfinite(e->freq_sd_ppb);
	double freq_sd = known ? e->freq_sd_ppb : DS_ESTIMATE_UNKNOWN_FREQ_PPB;
	double walked = e->wander_ppb * e->wander_ppb * fabs(dt);
	double variance = e->offset_sd_ns * e->offset_sd_ns + 2.0 * e->cov_ns_ppb * dt +
			  (freq_sd * freq_sd + walked / 3.0) * dt * dt +
			  e->offset_walk_ns * e->offset_walk_ns * fabs(dt);
	double sd = sqrt(fmax(variance, 0.0));
	double put_right_ppb;

	if (e->used == 0)
		return false;
	prediction->server_minus_raw_ns = ds_ns_plus(e->ref_server_minus_raw_ns, dt * e->freq_ppb);
	prediction->sd_ns = sd;
	prediction->freq_ppb = e->freq_ppb;
	prediction->freq_sd_ppb = known ? sqrt(freq_sd * freq_sd + walked) : INFINITY;
	prediction->cov_ns_ppb =
		known ? e->cov_ns_ppb + (freq_sd * freq_sd + 0.5 * walked) * dt : 0.0;
	prediction->wander_ppb = e->wander_ppb;
	prediction->stated_freq_ppb = stated_freq_ppb(e, &put_right_ppb);
	prediction->age_ns = (double)(raw_ns - e->used_raw_ns);
	prediction->distance_ns = claim_at(e, raw_ns, sd, freq_sd, max_clock_error_ppb);
	prediction->certain_ns = prediction->distance_ns;
	if (put_right_ppb > 0.0)
		prediction->certain_ns =
			claim_at(e, raw_ns, sd, freq_sd, max_clock_error_ppb + put_right_ppb);
	return true;
}
