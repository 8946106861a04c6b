/*
 * bank: see bank.h.
 * It must never let a packet take knowledge away: it adds some, or says nothing.
 */
#include "core/clock/bank.h"

#include <math.h>
#include <string.h>

#define FIRST_WANDER_PPB 0.15 /* the lowest to begin with: 0.15 to 12 hold most crystals */
#define USUAL_WANDER_PPB 1.0  /* see "a weak belief" in the header */
#define WANDER_SPREAD	 3.5  /* its standard deviation, a natural logarithm */
#define WANDER2_LEAST	 1e-8 /* 1e-13 a root second: better than any clock that NTP could tell of */
#define WANDER2_MOST	 1e10	      /* 1e-4 a root second: no oscillator */
#define SURPRISE_MOST	 5.0	      /* nats by which one sample may speak against an opinion */
#define NEWCOMER_NATS	 1.0	      /* behind its neighbour, when the bank moves */
#define WEIGHT_SMALL	 0.02	      /* an opinion that looks at the newest sample alone */
#define WEIGHT_LEAST	 1e-6	      /* so that none is ever lost for good */
#define TAU_VAR_MOST	 (1.0 - 1e-9) /* a factor may hold all but this of a belief */
#define OPINIONS	 (2 * DS_BANK_SIZE)
#define LOOKS_AT_NEW	 2
/* Without queues: 2, 4 and 8 degrees of freedom are alike, and a third better than a Gaussian for a
 * minute in which noise has grown from 76 to 300 ns. */
#define STUDENT	  4.0
#define HUBER_SDS 3.0 /* without queues: a sample further off counts as if it were here */

void ds_bank_start(struct ds_bank *bank, double offset_ns, double delay_ns, double freq_sd_ppb)
{
	double wander = FIRST_WANDER_PPB;
	struct ds_belief first;

	memset(&first, 0, sizeof(first));
	memset(bank, 0, sizeof(*bank));
	first.mean[0] = offset_ns;
	first.mean[2] = 0.5 * delay_ns;
	/* The offset lies within half the delay, the path is between none of it and all; 100 ns so
	 * that no variance is nothing. */
	first.cov[0][0] = 0.25 * delay_ns * delay_ns + 1e4;
	first.cov[1][1] = freq_sd_ppb * freq_sd_ppb;
	first.cov[2][2] = first.cov[0][0];
	for (int k = 0; k < OPINIONS; k++) {
		struct ds_opinion *o = &bank->opinion[k];

		o->walk.freq_var_ppb2 = wander * wander;
		if (k >= DS_BANK_SIZE)
			o->walk.offset_var_ns2 =
				wander * wander * DS_BANK_OFFSET_S * DS_BANK_OFFSET_S;
		o->weight = 1.0 / OPINIONS;
		o->prior = first;
		o->now = first;
		wander = k + 1 == DS_BANK_SIZE ? FIRST_WANDER_PPB : wander * DS_BANK_RATIO;
	}
}

static void add_factors(struct ds_belief *b, const struct ds_look *look,
			const struct ds_factor factor[2])
{
	for (unsigned int way = 0; way < 2; way++)
		ds_belief_add(b, way, look->bound_ns[way], &factor[way]);
}

void ds_bank_drop_oldest(struct ds_bank *bank, struct ds_window *window)
{
	unsigned left = window->count - 1U;

	for (int k = 0; k < OPINIONS; k++) {
		struct ds_opinion *o = &bank->opinion[k];

		add_factors(&o->prior, &window->look[0], o->factor[0]);
		ds_belief_pass(&o->prior, &window->look[1].since, &o->walk);
		memmove(o->factor, o->factor + 1, left * sizeof(o->factor[0]));
		memset(o->factor[left], 0, sizeof(o->factor[0]));
	}
	memmove(window->look, window->look + 1, left * sizeof(window->look[0]));
	window->count--;
}

void ds_bank_forget_newest(struct ds_bank *bank, const struct ds_window *window)
{
	for (int k = 0; k < OPINIONS; k++) {
		struct ds_opinion *o = &bank->opinion[k];

		memset(o->factor[window->count - 1], 0, sizeof(o->factor[0]));
		o->evidence = o->evidence_before;
	}
}

void ds_bank_shift(struct ds_bank *bank, double by_ns)
{
	for (int k = 0; k < OPINIONS; k++) {
		bank->opinion[k].prior.mean[0] -= by_ns;
		bank->opinion[k].now.mean[0] -= by_ns;
	}
}

void ds_bank_lengthen_path(struct ds_bank *bank, double by_ns)
{
	for (int k = 0; k < OPINIONS; k++) {
		bank->opinion[k].prior.mean[2] += by_ns;
		bank->opinion[k].now.mean[2] += by_ns;
	}
}

/* The factor that turns N(mean, var) into what *seen says. Where the variance is far below the
 * usual lateness that is a mere push. */
static struct ds_factor factor_of(double mean, double var, double bound,
				  const struct ds_envelope *seen)
{
	double left = fmin(seen->var_ns2, var);
	struct ds_factor f;

	f.tau = (var - left) / (var * left);
	f.nu = (seen->mean_ns - mean) / left - f.tau * (bound - mean);
	return f;
}

/* The evidence of a new sample, one way after the other; the belief is that before it. */
static double evidence(struct ds_belief b, const struct ds_look *look, const struct ds_noise *noise)
{
	struct ds_envelope seen;
	struct ds_factor f;
	double sum = 0.0;
	double mean;
	double var;

	if (noise->even) {
		double miss = 0.5 * (look->bound_ns[0] - look->bound_ns[1]) - b.mean[0];

		var = b.cov[0][0] + noise->way[0].grain_var_ns2;
		return -0.5 * ((STUDENT + 1.0) * log1p(miss * miss / (STUDENT * var)) + log(var));
	}
	for (unsigned int way = look->one_way; way < 2; way++) {
		ds_belief_see(&b, way, &mean, &var);
		ds_envelope_look(mean, var, look->bound_ns[way], &noise->way[way], &seen);
		f = factor_of(mean, var, look->bound_ns[way], &seen);
		ds_belief_add(&b, way, look->bound_ns[way], &f);
		sum += seen.log_density;
	}
	return sum;
}

/* A belief without one of its factors, along one way. */
static bool without(const struct ds_belief *b, enum ds_way way, double bound,
		    const struct ds_factor *f, double *mean, double *var)
{
	double all_mean;
	double all_var;
	double left;

	ds_belief_see(b, way, &all_mean, &all_var);
	left = 1.0 - f->tau * all_var;
	if (!(left > 1.0 - TAU_VAR_MOST) || !(all_var > 0.0))
		return false;
	*var = all_var / left;
	*mean = all_mean - (f->nu + f->tau * (bound - all_mean)) * *var;
	return isfinite(*mean) && isfinite(*var);
}

/* Look at one packet by what all others say; *b is the belief with all. */
static void look_anew(struct ds_opinion *o, struct ds_belief *b, struct ds_look *look,
		      struct ds_factor *factor, enum ds_way way, const struct ds_lateness *lateness)
{
	double bound = look->bound_ns[way];
	struct ds_envelope seen;
	struct ds_factor change;
	double mean;
	double var;

	if (!without(b, way, bound, factor, &mean, &var))
		return;
	ds_envelope_look(mean, var, bound, lateness, &seen);
	change = *factor;
	*factor = factor_of(mean, var, bound, &seen);
	change.tau = factor->tau - change.tau;
	change.nu = factor->nu - change.nu;
	ds_belief_add(b, way, bound, &change);
	look->late_ns[way] += o->weight * seen.late_ns;
	look->usual_ns[way] += o->weight * seen.usual_ns;
	look->tail[way] += o->weight * seen.tail;
}

static void clear_look(struct ds_look *look)
{
	memset(look->late_ns, 0, sizeof(look->late_ns));
	memset(look->usual_ns, 0, sizeof(look->usual_ns));
	memset(look->tail, 0, sizeof(look->tail));
	look->miss_var_ns2 = 0.0;
	look->seen = !look->aside;
}

/* Without queues: a Gaussian sample, weighed down where it is far off (Huber 1964). The two bounds
 * carry half of it each. */
static void look_even(const struct ds_opinion *o, struct ds_belief *b, struct ds_look *look,
		      struct ds_factor factor[2], double noise_var)
{
	double miss = 0.5 * (look->bound_ns[0] - look->bound_ns[1]) - b->mean[0];
	double off = fabs(miss) / sqrt(noise_var + b->cov[0][0]);
	double weight = off > HUBER_SDS ? HUBER_SDS / off : 1.0;

	for (unsigned int way = 0; way < 2; way++) {
		struct ds_factor change = {0.5 * weight / noise_var - factor[way].tau,
					   -factor[way].nu};

		ds_belief_add(b, way, look->bound_ns[way], &change);
		factor[way] = (struct ds_factor){0.5 * weight / noise_var, 0.0};
	}
	look->miss_var_ns2 += o->weight * (weight * miss * miss + b->cov[0][0]);
}

/* From sample `from` on: after[i] is the belief with all samples up to i. */
static void forward(struct ds_opinion *o, const struct ds_window *window, unsigned from,
		    struct ds_belief after[DS_BANK_WINDOW])
{
	struct ds_belief b = from > 0 ? after[from - 1U] : o->prior;

	for (unsigned i = from; i < window->count; i++) {
		if (i > 0)
			ds_belief_pass(&b, &window->look[i].since, &o->walk);
		add_factors(&b, &window->look[i], o->factor[i]);
		after[i] = b;
	}
	o->now = b;
}

static void look_at(struct ds_opinion *o, struct ds_belief *b, struct ds_look *look,
		    struct ds_factor factor[2], const struct ds_noise *noise)
{
	if (noise->even) {
		if (!look->settled)
			look_even(o, b, look, factor, noise->way[0].grain_var_ns2);
		return;
	}
	for (unsigned int way = look->one_way; way < 2; way++)
		look_anew(o, b, look, &factor[way], way, &noise->way[way]);
}

/* An opinion that nobody shares keeps up, no more. */
static void keep_up(struct ds_opinion *o, struct ds_window *window, const struct ds_noise *noise)
{
	unsigned newest = window->count - 1U;
	struct ds_look *look = &window->look[newest];

	ds_belief_pass(&o->now, &look->since, &o->walk);
	for (int looks = 0; looks < LOOKS_AT_NEW; looks++)
		look_at(o, &o->now, look, o->factor[newest], noise);
}

static void run_one(struct ds_opinion *o, struct ds_window *window, const struct ds_noise *noise,
		    unsigned oldest, bool fresh)
{
	struct ds_belief after[DS_BANK_WINDOW];
	struct ds_hindsight later;
	unsigned newest = window->count - 1U;

	memset(&later, 0, sizeof(later));
	forward(o, window, 0, after);
	for (unsigned i = newest + 1U; i-- > oldest;) {
		struct ds_look *look = &window->look[i];
		struct ds_belief b = after[i];

		if (i < newest)
			ds_hindsight_pass(&later, &window->look[i + 1].since, &o->walk);
		if (look->aside || (i < newest && !ds_belief_join(&b, &later)))
			continue;
		for (int looks = fresh && i == newest ? LOOKS_AT_NEW : 1; looks > 0; looks--)
			look_at(o, &b, look, o->factor[i], noise);
		for (unsigned int way = 0; way < 2; way++)
			ds_hindsight_add(&later, way, look->bound_ns[way], &o->factor[i][way]);
	}
	forward(o, window, oldest, after);
}

static double presumption(const struct ds_opinion *o)
{
	double far = 0.5 * log(o->walk.freq_var_ppb2 / (USUAL_WANDER_PPB * USUAL_WANDER_PPB)) /
		     WANDER_SPREAD;

	return o->evidence - 0.5 * far * far;
}

/* What each opinion thought of the newest sample before it looked at it. */
static void judge(struct ds_bank *bank, const struct ds_window *window,
		  const struct ds_noise *noise)
{
	const struct ds_look *look = &window->look[window->count - 1];
	double forget = fmin(1.0 / DS_BANK_MEMORY, look->since.dt_s / DS_BANK_MEMORY_S);
	double said[OPINIONS];
	double most = -INFINITY;

	for (int k = 0; k < OPINIONS; k++) {
		struct ds_opinion *o = &bank->opinion[k];
		struct ds_belief b = window->count > 1 ? o->now : o->prior;

		if (window->count > 1)
			ds_belief_pass(&b, &look->since, &o->walk);
		said[k] = evidence(b, look, noise);
		most = fmax(most, said[k]);
	}
	for (int k = 0; k < OPINIONS; k++) {
		struct ds_opinion *o = &bank->opinion[k];

		o->evidence_before = o->evidence;
		o->evidence += fmax(said[k] - most, -SURPRISE_MOST) - o->evidence * forget;
	}
}

static int weigh(struct ds_bank *bank)
{
	double most = -INFINITY;
	double sum = 0.0;
	int best = 0;

	for (int k = 0; k < OPINIONS; k++)
		most = fmax(most, presumption(&bank->opinion[k]));
	for (int k = 0; k < OPINIONS; k++) {
		struct ds_opinion *o = &bank->opinion[k];

		o->weight = exp(presumption(o) - most) + WEIGHT_LEAST;
		sum += o->weight;
		if (o->weight > bank->opinion[best].weight)
			best = k;
	}
	for (int k = 0; k < OPINIONS; k++)
		bank->opinion[k].weight /= sum;
	return best;
}

/* One beyond the outermost of a row, for the one at the other end. */
static void move_row(struct ds_opinion *row, bool up)
{
	struct ds_opinion *added = &row[up ? DS_BANK_SIZE - 1 : 0];
	double far = DS_BANK_RATIO * DS_BANK_RATIO;

	if (up)
		memmove(row, row + 1, sizeof(*row) * (DS_BANK_SIZE - 1));
	else
		memmove(row + 1, row, sizeof(*row) * (DS_BANK_SIZE - 1));
	added->walk.freq_var_ppb2 *= up ? far : 1.0 / far;
	added->walk.offset_var_ns2 *= up ? far : 1.0 / far;
	added->evidence -= NEWCOMER_NATS;
}

/* The outermost is the likeliest: leave the farthest, and try one beyond. */
static void move_along(struct ds_bank *bank, int best)
{
	double wander2 = bank->opinion[best].walk.freq_var_ppb2;
	bool up = best % DS_BANK_SIZE == DS_BANK_SIZE - 1 && wander2 < WANDER2_MOST;
	bool down = best % DS_BANK_SIZE == 0 && wander2 > WANDER2_LEAST;

	if (!up && !down)
		return;
	move_row(&bank->opinion[0], up);
	move_row(&bank->opinion[DS_BANK_SIZE], up);
}

/* The newest few every time, all of them now and then. */
static unsigned how_far_back(struct ds_bank *bank, const struct ds_window *window)
{
	bank->turn = (uint8_t)((bank->turn + 1U) % DS_BANK_TURN);
	if (bank->turn == 0 || window->count <= DS_BANK_NEWEST)
		return 0;
	return window->count - (unsigned)DS_BANK_NEWEST;
}

void ds_bank_run(struct ds_bank *bank, struct ds_window *window, const struct ds_noise *noise,
		 bool fresh)
{
	bool counts = fresh && !window->look[window->count - 1].aside;
	unsigned oldest;

	if (counts) {
		judge(bank, window, noise);
		move_along(bank, weigh(bank));
		weigh(bank);
	}
	oldest = counts ? how_far_back(bank, window) : 0;
	for (unsigned i = oldest; i < window->count; i++)
		clear_look(&window->look[i]);
	for (int k = 0; k < OPINIONS; k++) {
		struct ds_opinion *o = &bank->opinion[k];

		if (counts && window->count > 1 && o->weight < WEIGHT_SMALL)
			keep_up(o, window, noise);
		else
			run_one(o, window, noise, oldest, counts);
	}
	/* The newest was looked at twice. */
	if (counts) {
		struct ds_look *newest = &window->look[window->count - 1];

		for (unsigned int way = 0; way < 2; way++) {
			newest->late_ns[way] /= LOOKS_AT_NEW;
			newest->usual_ns[way] /= LOOKS_AT_NEW;
			newest->tail[way] /= LOOKS_AT_NEW;
		}
		newest->miss_var_ns2 /= LOOKS_AT_NEW;
	}
}

void ds_bank_sum_up(const struct ds_bank *bank, struct ds_belief *belief, struct ds_walk *walk)
{
	memset(belief, 0, sizeof(*belief));
	memset(walk, 0, sizeof(*walk));
	for (int k = 0; k < OPINIONS; k++) {
		const struct ds_opinion *o = &bank->opinion[k];

		walk->freq_var_ppb2 += o->weight * o->walk.freq_var_ppb2;
		walk->offset_var_ns2 += o->weight * o->walk.offset_var_ns2;
		for (int i = 0; i < DS_BELIEF_SIZE; i++)
			belief->mean[i] += o->weight * o->now.mean[i];
	}
	for (int k = 0; k < OPINIONS; k++) {
		const struct ds_opinion *o = &bank->opinion[k];

		for (int i = 0; i < DS_BELIEF_SIZE; i++)
			for (int j = 0; j < DS_BELIEF_SIZE; j++)
				belief->cov[i][j] +=
					o->weight * (o->now.cov[i][j] +
						     (o->now.mean[i] - belief->mean[i]) *
							     (o->now.mean[j] - belief->mean[j]));
	}
}
