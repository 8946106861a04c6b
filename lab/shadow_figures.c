/* shadow_figures: figures of a shadow run; see shadow.h. Time is weighed, not lines: a line holds
 * until the next one, for three of the usual intervals at most. */
#include "lab/shadow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/statistics.h"

#define DRAWS_MOST    500 /* bootstrap samples */
#define DRAWS_LEAST   100
#define DRAWN_MOST    20000000 /* samples drawn in all */
#define LAGGED_MOST   2e8      /* products for a correlation */
#define LONGER	      1.5      /* blocks, than makes the error of the variance least */
#define BLOCKS_DRAWN  8	       /* at least, of each sample */
#define SURE_FACTOR   3.0      /* where few stretches are independent, so much has to lie between */
#define HOLDS_FOR     3.0
#define SEGMENTS      10
#define NORMAL_975    1.959964
#define STUDENT_9     2.2622 /* 0.975, of nine degrees of freedom */
#define BEST_SHARE    0.5
#define TAU_TOLERANCE 0.1
#define TAU_MOST_S    20000.0
#define TERMS_LEAST   3.0

/* splitmix64 (Steele, Lea and Flood 2014): the same figures for the same lines. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* ---- both clocks on the same packets ---- */

enum { BIAS, MEDIAN, RMS, P99, FIGURES };

/* Put the k-th smallest at its place, none larger before it and none smaller behind (Hoare 1961).
 */
static void put_in_place(double *x, size_t count, size_t k)
{
	size_t from = 0, to = count > 0 ? count - 1 : 0;

	while (from < to) {
		const double pivot = x[from + (to - from) / 2];
		size_t i = from, j = to;

		for (;;) {
			while (x[i] < pivot)
				i++;
			while (x[j] > pivot)
				j--;
			if (i >= j)
				break;
			double swap = x[i];
			x[i++] = x[j];
			x[j--] = swap;
		}
		if (k <= j)
			to = j;
		else
			from = j + 1;
	}
}

/* As ds_quantile(), of figures in any order, which are shuffled. */
static double quantile(double *x, size_t count, double q)
{
	const double place = count > 0 ? q * (double)(count - 1) : 0.0;
	const size_t below = (size_t)place;
	double next;

	if (count == 0)
		return (double)NAN;

	put_in_place(x, count, below);
	if (below + 1 >= count)
		return x[below];
	next = x[below + 1];
	for (size_t i = below + 2; i < count; i++)
		next = fmin(next, x[i]);
	return x[below] + (place - (double)below) * (next - x[below]);
}

/* scratch: errors, which become their sizes. */
static void figures_of(double *scratch, size_t count, double figures[FIGURES])
{
	figures[BIAS] = ds_mean(scratch, count);
	figures[RMS] = ds_rms(scratch, count);
	for (size_t i = 0; i < count; i++)
		scratch[i] = fabs(scratch[i]);
	figures[MEDIAN] = quantile(scratch, count, 0.5);
	figures[P99] = quantile(scratch, count, 0.99);
}

/* How many samples in a row say about as much as one that is independent: the integrated
 * autocorrelation, cut off where it is lost in noise. */
static double correlation_time(const double *x, size_t count)
{
	const double mean = ds_mean(x, count), n = (double)count;
	const size_t most = (size_t)fmin(n / 2, LAGGED_MOST / n);
	double variance = 0.0, time = 1.0;

	for (size_t i = 0; i < count; i++)
		variance += (x[i] - mean) * (x[i] - mean);
	if (!(variance > 0))
		return 1.0;
	for (size_t lag = 1; lag < most; lag++) {
		double sum = 0.0;

		for (size_t i = lag; i < count; i++)
			sum += (x[i] - mean) * (x[i - lag] - mean);
		if (sum / variance < 2.0 / sqrt(n))
			break;
		time += 2.0 * sum / variance;
	}
	return fmin(time, n);
}

/* One draw from both clocks: blocks begin anywhere, and go round the end (Politis and Romano 1992).
 */
static void draw(const double *own, const double *system, size_t count, size_t block,
		 uint64_t *state, double *drawn_own, double *drawn_system)
{
	for (size_t i = 0; i < count;) {
		size_t at = (size_t)(random_next(state) % count);

		for (size_t k = 0; k < block && i < count; k++, i++) {
			drawn_own[i] = own[(at + k) % count];
			drawn_system[i] = system[(at + k) % count];
		}
	}
}

struct drawn {
	double figures[2][FIGURES][DRAWS_MOST];
	double rms_ratio[DRAWS_MOST], median_ratio[DRAWS_MOST];
	size_t count;
	double wider;
};

/* The quantile 0.975 of Student's t, as the normal one with its first corrections (Fisher 1925). */
static double student(double freedom)
{
	const double z = NORMAL_975, cube = z * z * z;

	return z + (cube + z) / (4 * freedom) +
	       (5 * cube * z * z + 16 * cube + 3 * z) / (96 * freedom * freedom);
}

/* Few blocks say little of how far they spread. */
static double widening(double blocks)
{
	return blocks > 2 ? student(blocks - 1) / NORMAL_975 * sqrt(blocks / (blocks - 1)) : 3.0;
}

/* The middle 95 % of the draws, made wider. least: what the figure cannot be below. */
static struct ds_figure interval(double value, double *draws, const struct drawn *d, double least)
{
	struct ds_figure f = {value, (double)NAN, (double)NAN};

	if (d->count == 0 || !isfinite(value))
		return f;
	ds_sort(draws, d->count);
	f.low = fmin(value - d->wider * (value - ds_quantile(draws, d->count, 0.025)), value);
	f.high = fmax(value + d->wider * (ds_quantile(draws, d->count, 0.975) - value), value);
	f.low = fmax(f.low, least);
	return f;
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : (double)NAN;
}

static void take_draw(struct drawn *d, const double own[FIGURES], const double system[FIGURES])
{
	for (int f = 0; f < FIGURES; f++) {
		d->figures[0][f][d->count] = own[f];
		d->figures[1][f][d->count] = system[f];
	}
	d->rms_ratio[d->count] = ratio(own[RMS], system[RMS]);
	d->median_ratio[d->count] = ratio(own[MEDIAN], system[MEDIAN]);
	d->count++;
}

static void fill_error(struct ds_shadow_error *e, const double value[FIGURES], struct drawn *d,
		       int clock)
{
	double(*draws)[DRAWS_MOST] = d->figures[clock];

	e->bias_ns = interval(value[BIAS], draws[BIAS], d, -(double)INFINITY);
	e->median_abs_ns = interval(value[MEDIAN], draws[MEDIAN], d, 0);
	e->rms_ns = interval(value[RMS], draws[RMS], d, 0);
	e->p99_abs_ns = interval(value[P99], draws[P99], d, 0);
}

static enum ds_shadow_nearer judge(const struct ds_shadow_compared *c)
{
	const double far = c->blocks < DS_SHADOW_BLOCKS_LEAST ? SURE_FACTOR : 1.0;

	if (c->count < DS_SHADOW_PACKETS_LEAST)
		return DS_SHADOW_CANNOT_TELL;
	if (c->rms_ratio.high * far < 1.0)
		return DS_SHADOW_OWN;
	return c->rms_ratio.low > far ? DS_SHADOW_SYSTEM : DS_SHADOW_CANNOT_TELL;
}

static double largest(const double *x, size_t count)
{
	double most = 0.0;

	for (size_t i = 0; i < count; i++)
		most = fmax(most, fabs(x[i]));
	return most;
}

static size_t draws_for(size_t count)
{
	size_t draws = DRAWN_MOST / count;

	if (count < DS_SHADOW_PACKETS_LEAST)
		return 0;
	return draws > DRAWS_MOST ? DRAWS_MOST : draws < DRAWS_LEAST ? DRAWS_LEAST : draws;
}

bool ds_shadow_compare(const double *own, const double *system, size_t count,
		       struct ds_shadow_compared *c)
{
	double *scratch = calloc(2 * count + 1, sizeof(*scratch)), value[2][FIGURES],
	       drawn[2][FIGURES];
	struct drawn *draws = calloc(1, sizeof(*draws));
	uint64_t state = 1;
	double time;

	*c = (struct ds_shadow_compared){.count = count};
	if (!scratch || !draws || count == 0) {
		free(scratch);
		free(draws);
		return count == 0;
	}
	time = fmax(correlation_time(own, count), correlation_time(system, count));
	c->blocks = (double)count / time;
	size_t block = (size_t)ceil(LONGER * pow(time, 2.0 / 3.0) * cbrt((double)count));
	if (block > count / BLOCKS_DRAWN)
		block = count / BLOCKS_DRAWN;
	block = block > 0 ? block : 1;
	memcpy(scratch, own, count * sizeof(*own));
	figures_of(scratch, count, value[0]);
	memcpy(scratch, system, count * sizeof(*system));
	figures_of(scratch, count, value[1]);
	for (size_t wanted = draws_for(count); draws->count < wanted;) {
		draw(own, system, count, block, &state, scratch, scratch + count);
		figures_of(scratch, count, drawn[0]);
		figures_of(scratch + count, count, drawn[1]);
		take_draw(draws, drawn[0], drawn[1]);
	}
	draws->wider = widening((double)count / (double)block);
	fill_error(&c->own, value[0], draws, 0);
	fill_error(&c->system, value[1], draws, 1);
	c->own.max_abs_ns = largest(own, count);
	c->system.max_abs_ns = largest(system, count);
	c->rms_ratio = interval(ratio(value[0][RMS], value[1][RMS]), draws->rms_ratio, draws, 0);
	c->median_ratio =
		interval(ratio(value[0][MEDIAN], value[1][MEDIAN]), draws->median_ratio, draws, 0);
	c->nearer = judge(c);
	free(scratch);
	free(draws);
	return true;
}

/* ---- a source ---- */

struct packets { /* of one source, in order of time */
	double *at_s, *own_ns, *system_ns, *delay_ns;
	size_t count;
	void *memory;
};

static int by_moment(const void *left, const void *right)
{
	const struct ds_shadow_exchange *a = left, *b = right;

	if (a->source != b->source)
		return (a->source > b->source) - (a->source < b->source);
	return (a->at_s > b->at_s) - (a->at_s < b->at_s);
}

static bool packets_make(struct packets *p, const struct ds_shadow_exchange *x, size_t count,
			 double most_delay_ns)
{
	double *memory = calloc(count + 1, 4 * sizeof(*memory));

	*p = (struct packets){.memory = memory};
	if (!memory)
		return false;
	p->at_s = memory;
	p->own_ns = memory + count;
	p->system_ns = memory + 2 * count;
	p->delay_ns = memory + 3 * count;
	for (size_t i = 0; i < count; i++) {
		if (x[i].delay_ns > most_delay_ns)
			continue;
		p->at_s[p->count] = x[i].at_s;
		p->own_ns[p->count] = x[i].own_ns;
		p->system_ns[p->count] = x[i].system_ns;
		p->delay_ns[p->count++] = x[i].delay_ns;
	}
	return true;
}

static bool compare_up_to(const struct ds_shadow_exchange *x, size_t count, double most_delay_ns,
			  struct ds_shadow_compared *compared)
{
	struct packets p;
	bool good = packets_make(&p, x, count, most_delay_ns) &&
		    ds_shadow_compare(p.own_ns, p.system_ns, p.count, compared);

	free(p.memory);
	return good;
}

static bool source_figures(const struct ds_shadow_exchange *x, size_t count,
			   struct ds_shadow_source_figures *f)
{
	double *delays = calloc(count + 1, sizeof(*delays));
	size_t interleaved = 0, kernel = 0;

	f->count = count;
	if (!delays)
		return false;
	for (size_t i = 0; i < count; i++) {
		delays[i] = x[i].delay_ns;
		interleaved += x[i].interleaved;
		kernel += x[i].tx != 'D' && x[i].rx != 'D';
	}
	ds_sort(delays, count);
	f->delay_median_ns = ds_quantile(delays, count, 0.5);
	f->delay_quarter_ns = ds_quantile(delays, count, 0.25);
	f->interleaved_share = count > 0 ? (double)interleaved / (double)count : (double)NAN;
	f->kernel_share = count > 0 ? (double)kernel / (double)count : (double)NAN;
	free(delays);
	return compare_up_to(x, count, (double)INFINITY, &f->all) &&
	       compare_up_to(x, count, f->delay_quarter_ns, &f->quarter);
}

/* The one with the shortest way, of those with many packets. */
static int best_source(const struct ds_shadow *s, const struct ds_shadow_figures *f)
{
	size_t most = 0;
	int best = -1;

	for (int i = 0; i < s->source_count; i++)
		most = f->source[i].count > most ? f->source[i].count : most;
	for (int i = 0; i < s->source_count; i++) {
		const struct ds_shadow_source_figures *here = &f->source[i];

		if (here->count == 0 || (double)here->count < BEST_SHARE * (double)most)
			continue;
		if (best < 0 || here->delay_median_ns < f->source[best].delay_median_ns)
			best = i;
	}
	return best;
}

/* ---- Allan deviation ---- */

/* The reading nearest to `at`, searched from *from on, which moves on. False: none is near enough.
 */
static bool nearest(const double *at_s, size_t count, double at, double tolerance, size_t *from)
{
	while (*from + 1 < count && fabs(at_s[*from + 1] - at) <= fabs(at_s[*from] - at))
		(*from)++;
	return fabs(at_s[*from] - at) <= tolerance;
}

double ds_shadow_adev(const double *at_s, const double *x_s, size_t count, double tau_s)
{
	const double tolerance = TAU_TOLERANCE * tau_s;
	double sum = 0.0;
	size_t j = 0, k = 0, terms = 0;

	if (count < 3 || !(tau_s > 0) || at_s[count - 1] - at_s[0] < TERMS_LEAST * tau_s)
		return (double)NAN;
	for (size_t i = 0; i < count; i++) {
		bool near = nearest(at_s, count, at_s[i] + tau_s, tolerance, &j);

		if (!nearest(at_s, count, at_s[i] + 2 * tau_s, tolerance, &k) || !near)
			continue;
		double before = (x_s[j] - x_s[i]) / (at_s[j] - at_s[i]);
		double after = (x_s[k] - x_s[j]) / (at_s[k] - at_s[j]);
		sum += (after - before) * (after - before);
		terms++;
	}
	return terms > 0 ? sqrt(0.5 * sum / (double)terms) : (double)NAN;
}

static double usual_step(const double *at_s, size_t count)
{
	double *steps = calloc(count + 1, sizeof(*steps)), usual = (double)NAN;

	for (size_t i = 1; steps && i < count; i++)
		steps[i - 1] = at_s[i] - at_s[i - 1];
	if (steps && count > 1)
		usual = quantile(steps, count - 1, 0.5);
	free(steps);
	return usual;
}

static void in_seconds(double *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		x[i] *= 1e-9;
}

/* p: of the best source; d_at, d: the difference of the clocks. All become seconds. */
static void allan(struct packets *p, const double *d_at, double *d, size_t d_count,
		  struct ds_shadow_figures *f)
{
	const double packet_step = usual_step(p->at_s, p->count), step = usual_step(d_at, d_count);
	double tau = fmin(packet_step, step);

	in_seconds(p->own_ns, p->count);
	in_seconds(p->system_ns, p->count);
	in_seconds(d, d_count);
	if (!(tau > 0)) /* the first exchange of a pair may be told twice */
		tau = fmax(packet_step, step);
	if (!(tau > 0))
		return;
	/* round numbers, as tables have them */
	tau = exp2(ceil(log2(tau)));
	while (f->allan_count < DS_SHADOW_TAUS && tau <= TAU_MOST_S) {
		struct ds_shadow_allan a = {tau, (double)NAN, (double)NAN, (double)NAN};

		if (tau >= packet_step * (1 - TAU_TOLERANCE)) {
			a.own = ds_shadow_adev(p->at_s, p->own_ns, p->count, tau);
			a.system = ds_shadow_adev(p->at_s, p->system_ns, p->count, tau);
		}
		if (tau >= step * (1 - TAU_TOLERANCE))
			a.difference = ds_shadow_adev(d_at, d, d_count, tau);
		if (isfinite(a.own) || isfinite(a.difference))
			f->allan[f->allan_count++] = a;
		else if (tau > packet_step && tau > step)
			break;
		tau *= 2;
	}
}

/* ---- the clocks against each other ---- */

struct weighed { /* lines C that are used */
	const struct ds_shadow_clocks *c;
	double *weight, *at_s, *difference;
	size_t count;
	void *memory;
};

static bool weighed_make(struct weighed *w, const struct ds_shadow_clocks *c, size_t count)
{
	double *memory = calloc(count + 1, 3 * sizeof(*memory)), usual;

	*w = (struct weighed){.c = c, .count = count, .memory = memory};
	if (!memory)
		return false;
	w->weight = memory;
	w->at_s = memory + count;
	w->difference = memory + 2 * count;
	for (size_t i = 0; i < count; i++) {
		w->at_s[i] = c[i].at_s;
		w->difference[i] = c[i].own_minus_system_ns;
	}
	usual = count > 1 ? usual_step(w->at_s, count) : 1.0;
	for (size_t i = 0; i + 1 < count; i++)
		w->weight[i] = fmin(fmax(w->at_s[i + 1] - w->at_s[i], 0.0), HOLDS_FOR * usual);
	if (count > 0)
		w->weight[count - 1] = usual;
	return true;
}

static double weighed_mean(const struct weighed *w, const double *x)
{
	double sum = 0.0, weight = 0.0;

	for (size_t i = 0; i < w->count; i++) {
		sum += w->weight[i] * x[i];
		weight += w->weight[i];
	}
	return weight > 0 ? sum / weight : (double)NAN;
}

/* By the means of ten stretches of equal length. */
static struct ds_figure mean_figure(const struct weighed *w)
{
	struct ds_figure f = {weighed_mean(w, w->difference), (double)NAN, (double)NAN};
	double mean[SEGMENTS], spread = 0.0, middle;

	if (w->count < 2 * (size_t)SEGMENTS)
		return f;
	for (size_t s = 0; s < SEGMENTS; s++) {
		const size_t from = s * w->count / SEGMENTS, to = (s + 1) * w->count / SEGMENTS;
		const struct weighed part = {.weight = w->weight + from, .count = to - from};

		mean[s] = weighed_mean(&part, w->difference + from);
	}
	middle = ds_mean(mean, SEGMENTS);
	for (size_t s = 0; s < SEGMENTS; s++)
		spread += (mean[s] - middle) * (mean[s] - middle);
	spread = STUDENT_9 * sqrt(spread / (SEGMENTS - 1) / SEGMENTS);
	f.low = f.value - spread;
	f.high = f.value + spread;
	return f;
}

/* Least squares; ns a second are 1e-3 ppm. */
static double drift_ppm(const struct weighed *w, double mean)
{
	const double middle = weighed_mean(w, w->at_s);
	double up = 0.0, down = 0.0;

	for (size_t i = 0; i < w->count; i++) {
		const double t = w->at_s[i] - middle;

		up += w->weight[i] * t * (w->difference[i] - mean);
		down += w->weight[i] * t * t;
	}
	return down > 0 ? up / down * 1e-3 : (double)NAN;
}

static double middle_of_known(double *x, size_t count)
{
	size_t known = 0;

	for (size_t i = 0; i < count; i++)
		if (isfinite(x[i]))
			x[known++] = x[i];
	return known > 0 ? quantile(x, known, 0.5) : (double)NAN;
}

/* Of how much of the time was the system's clock within `bound`, and how far beyond at most? */
static double share_within(const struct weighed *w, const double *bound, double *beyond)
{
	double in = 0.0, all = 0.0;

	*beyond = 0.0;
	for (size_t i = 0; i < w->count; i++) {
		const double out = fabs(w->difference[i]) - bound[i];

		if (!isfinite(bound[i]))
			continue;
		all += w->weight[i];
		in += out <= 0 ? w->weight[i] : 0.0;
		*beyond = fmax(*beyond, out);
	}
	return all > 0 ? in / all : (double)NAN;
}

static bool clock_figures(const struct weighed *w, struct ds_shadow_figures *f)
{
	double *x = calloc(w->count + 1, sizeof(*x));

	if (!x)
		return false;
	f->difference_mean_ns = mean_figure(w);
	f->difference_drift_ppm = drift_ppm(w, f->difference_mean_ns.value);
	f->difference_max_ns = w->count > 0 ? largest(w->difference, w->count) : (double)NAN;
	for (size_t i = 0; i < w->count; i++)
		x[i] = w->difference[i] * w->difference[i];
	f->difference_rms_ns = sqrt(weighed_mean(w, x));
	for (size_t i = 0; i < w->count; i++)
		x[i] = w->c[i].frequency_ppm;
	f->frequency_ppm = weighed_mean(w, x);
	for (size_t i = 0; i < w->count; i++)
		x[i] = w->c[i].system_rate_ppm;
	f->system_rate_ppm = weighed_mean(w, x);
	for (size_t i = 0; i < w->count; i++)
		x[i] = w->c[i].bound_ns;
	f->within_bound = share_within(w, x, &f->beyond_bound_ns);
	f->bound_median_ns = middle_of_known(x, w->count);
	for (size_t i = 0; i < w->count; i++)
		x[i] = w->c[i].hard_ns;
	f->within_hard = share_within(w, x, &f->beyond_hard_ns);
	f->hard_median_ns = middle_of_known(x, w->count);
	free(x);
	return true;
}

/* ---- all of it ---- */

/* The moment from which on lines are used, and that of the first line. */
static double beginning(const struct ds_shadow *s, double skip_s, double *first_s)
{
	double synchronised_s = (double)INFINITY;

	*first_s = (double)INFINITY;
	for (size_t i = 0; i < s->clock_count; i++) {
		*first_s = fmin(*first_s, s->clocks[i].at_s);
		if (s->clocks[i].own_synchronised)
			synchronised_s = fmin(synchronised_s, s->clocks[i].at_s);
	}
	for (size_t i = 0; i < s->exchange_count; i++)
		*first_s = fmin(*first_s, s->exchanges[i].at_s);
	/* exchanges alone: nobody says when it was synchronised */
	if (s->clock_count == 0)
		synchronised_s = *first_s;
	return fmax(*first_s + skip_s, synchronised_s);
}

static void read_events(const struct ds_shadow *s, struct ds_shadow_figures *f)
{
	f->keepers = "-";
	for (size_t i = 0; i < s->event_count; i++) {
		const struct ds_shadow_event *e = &s->events[i];
		const bool used = e->at_s >= f->from_s;

		if (e->what == DS_SHADOW_KEEPERS)
			f->keepers = e->text;
		f->system_steps += used && e->what == DS_SHADOW_SYSTEM_STEP;
		f->own_steps += used && e->what == DS_SHADOW_OWN_STEP;
		if (e->what == DS_SHADOW_SYSTEM_RATE && used && e->value[2] > 0)
			f->rate_changes += (uint64_t)e->value[2];
		if (e->what != DS_SHADOW_SYSTEM_STATUS)
			continue;
		f->system_synchronised = strncmp(e->text, "synchronised", 12) == 0;
		f->system_pll = strstr(e->text, " pll") != NULL;
	}
}

static bool all_sources(const struct ds_shadow *s, const struct ds_shadow_exchange *x, size_t count,
			struct ds_shadow_figures *f)
{
	for (size_t from = 0, to = 0; from < count; from = to) {
		while (to < count && x[to].source == x[from].source)
			to++;
		if (!source_figures(x + from, to - from, &f->source[x[from].source]))
			return false;
	}
	f->best = best_source(s, f);
	return true;
}

static bool figures_from(const struct ds_shadow *s, struct ds_shadow_exchange *x, size_t count,
			 struct weighed *w, struct ds_shadow_figures *f)
{
	struct packets p;
	size_t from = 0, to;

	qsort(x, count, sizeof(*x), by_moment);
	if (!all_sources(s, x, count, f) || !clock_figures(w, f))
		return false;
	while (from < count && x[from].source != f->best)
		from++;
	for (to = from; to < count && x[to].source == f->best;)
		to++;
	if (!packets_make(&p, x + from, to - from, (double)INFINITY))
		return false;
	allan(&p, w->at_s, w->difference, w->count, f);
	free(p.memory);
	return true;
}

bool ds_shadow_figures(const struct ds_shadow *s, double skip_s, struct ds_shadow_figures *f)
{
	struct ds_shadow_exchange *x = calloc(s->exchange_count + 1, sizeof(*x));
	double first_s, last_s = -(double)INFINITY;
	size_t clocks = 0, count = 0;
	struct weighed w = {0};
	bool good;

	*f = (struct ds_shadow_figures){.best = -1};
	f->from_s = beginning(s, skip_s, &first_s);
	f->left_out_s = isfinite(f->from_s) ? f->from_s - first_s : 0.0;
	for (size_t i = 0; x && i < s->exchange_count; i++) {
		if (s->exchanges[i].at_s < f->from_s)
			continue;
		x[count++] = s->exchanges[i];
		last_s = fmax(last_s, s->exchanges[i].at_s);
	}
	while (clocks < s->clock_count && s->clocks[clocks].at_s < f->from_s)
		clocks++;
	if (clocks < s->clock_count)
		last_s = fmax(last_s, s->clocks[s->clock_count - 1].at_s);
	f->seconds = fmax(last_s - f->from_s, 0.0);
	read_events(s, f);
	good = x &&
	       weighed_make(&w, s->clocks ? s->clocks + clocks : NULL, s->clock_count - clocks) &&
	       figures_from(s, x, count, &w, f);
	free(w.memory);
	free(x);
	return good;
}
