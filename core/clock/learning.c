/*
 * learning: see learning.h.
 * It must never let one sample, however odd, change more than a sample's share.
 */
#include "core/clock/learning.h"

#include <math.h>

#define LEARN_SAMPLES 256.0 /* memory of the lateness of packets: enough for 6 per cent */
#define USUAL_PART    0.25  /* of a round trip, the usual lateness before any is known */
#define USUAL_COUNT   1.0   /* ... worth so many samples */
#define USUAL_GRAINS  0.3   /* the least that lateness can be told from grain */
#define TAIL_FIRST    0.02  /* one packet in fifty met something else, before any is known */
#define TAIL_COUNT    8.0   /* ... worth so many samples */
#define TAIL_NONE     1e-9  /* while there are so few that any two could be the odd ones */
#define TAIL_LEAST    0.002 /* never so sure that an odd packet moves the belief by itself */
#define TAIL_MOST     0.5   /* beyond it the wide one would be the usual one */
#define MISS_FIRST_NS 1e3   /* noise of a reference clock before it is known, worth one sample */
#define GRAIN_STEP    4.0   /* of its variance */
#define GRAIN_LEAST   1e-4  /* a server may state 1 us and mean 10 ns */
#define GRAIN_NATS    3.0   /* a step is taken when it is e^3 times as likely */
#define GRAIN_ONE     2.0   /* of them that one sample can give */
#define GRAIN_PART    0.1   /* of the square of the usual lateness */
#define USUAL_PART_LEAST                                                                           \
	0.01 /* of what scatters: all of it may be grain but for a tenth of the deviation */
#define GRAIN_MEMORY 100.0 /* samples: as the bank's for the wander */
#define NOISE_STEP   4.0   /* is its variance more, or less, by this? */
#define NOISE_NATS   5.0   /* it is taken to be when that is e^5 times as likely */
#define NOISE_ONE    2.0   /* of them that one sample can give */
#define MISS_MOST    20.0  /* of the square of a miss, in variances */

void ds_learning_start(struct ds_learning *learning, double delay_ns)
{
	for (unsigned int way = 0; way < 2; way++) {
		struct ds_learnt *l = &learning->way[way];

		l->usual_count = USUAL_COUNT;
		l->usual_sum = USUAL_COUNT * USUAL_PART * delay_ns;
		l->tail_count = TAIL_COUNT;
		l->tail_sum = TAIL_COUNT * TAIL_FIRST;
	}
	learning->miss_count = 1.0;
	learning->grain_factor = 1.0;
	learning->coarser = 0.0;
	learning->finer = 0.0;
	learning->miss_sum = MISS_FIRST_NS * MISS_FIRST_NS;
	learning->miss_ns = 0.0;
	learning->louder = learning->quieter = (struct ds_run){.nats = 0.0};
}

static void sum_up_even(const struct ds_learning *l, const struct ds_window *window, double grain2,
			struct ds_noise *noise)
{
	double sum = l->miss_sum;
	double count = l->miss_count;

	for (unsigned i = 0; i < window->count; i++) {
		if (!window->look[i].seen || window->look[i].settled)
			continue;
		sum += window->look[i].miss_var_ns2;
		count += 1.0;
	}
	noise->way[0].grain_var_ns2 = fmax(sum / count, grain2);
	noise->way[1] = noise->way[0];
}

void ds_learning_sum_up(const struct ds_learning *learning, const struct ds_window *window,
			double grain2, bool few, struct ds_noise *noise)
{
	for (unsigned int way = 0; way < 2; way++) {
		struct ds_learnt sum = learning->way[way];
		struct ds_lateness *l = &noise->way[way];

		for (unsigned i = 0; i < window->count; i++) {
			const struct ds_look *look = &window->look[i];

			if (!look->seen || (look->one_way && way == DS_WAY_THERE))
				continue;
			sum.usual_sum += look->usual_ns[way];
			sum.usual_count += 1.0;
			sum.tail_sum += look->tail[way];
			sum.tail_count += 1.0;
		}
		l->usual_ns = fmax(sum.usual_sum / sum.usual_count, USUAL_GRAINS * sqrt(grain2));
		l->tail = fmin(fmax(sum.tail_sum / sum.tail_count, TAIL_LEAST), TAIL_MOST);
		if (few)
			l->tail = TAIL_NONE;
		l->grain_var_ns2 = grain2 * learning->grain_factor;
	}
	if (noise->even)
		sum_up_even(learning, window, grain2, noise);
}

void ds_learning_keep(struct ds_learning *learning, const struct ds_look *look)
{
	double keep = 1.0 - 1.0 / LEARN_SAMPLES;

	if (!look->seen || look->settled)
		return;
	for (unsigned int way = look->one_way; way < 2; way++) {
		struct ds_learnt *l = &learning->way[way];

		l->usual_sum = keep * l->usual_sum + look->usual_ns[way];
		l->usual_count = keep * l->usual_count + 1.0;
		l->tail_sum = keep * l->tail_sum + look->tail[way];
		l->tail_count = keep * l->tail_count + 1.0;
	}
	learning->miss_sum = keep * learning->miss_sum + look->miss_var_ns2;
	learning->miss_count = keep * learning->miss_count + 1.0;
}

/* The lateness of one way if the grain's variance were another: what both together scatter is
 * the same, and so is where the mean of the packets lies, so that the path is as much longer as
 * the usual lateness is less (*path_ns). */
static struct ds_lateness with_grain(const struct ds_lateness *l, double grain2, double *path_ns)
{
	double whole = l->usual_ns * l->usual_ns + l->grain_var_ns2;
	struct ds_lateness other = *l;

	other.grain_var_ns2 = grain2;
	other.usual_ns = sqrt(fmax(whole - grain2, USUAL_PART_LEAST * whole));
	*path_ns = l->usual_ns - other.usual_ns;
	return other;
}

/* What a new sample's density would have been. */
static double density(const struct ds_belief *b, const struct ds_look *look,
		      const struct ds_noise *noise, double grain2)
{
	double sum = 0.0;

	for (unsigned int way = look->one_way; way < 2; way++) {
		struct ds_envelope seen;
		double path;
		struct ds_lateness late = with_grain(&noise->way[way], grain2, &path);
		double mean;
		double var;

		ds_belief_see(b, way, &mean, &var);
		ds_envelope_look(mean + path, var, look->bound_ns[way], &late, &seen);
		sum += seen.log_density;
	}
	return sum;
}

static double change_grain(struct ds_learning *l, double grain2, struct ds_noise *noise)
{
	double path = 0.0;

	l->grain_factor *= grain2 / noise->way[0].grain_var_ns2;
	for (int way = 0; way < 2; way++) {
		double longer;
		struct ds_lateness late = with_grain(&noise->way[way], grain2, &longer);

		l->way[way].usual_sum *= late.usual_ns / noise->way[way].usual_ns;
		noise->way[way] = late;
		path += 0.5 * longer;
	}
	l->coarser = 0.0;
	l->finer = 0.0;
	return path;
}

/* No single sample decides: the oscillator may have bent. */
static void contest(double *evidence, double nats)
{
	*evidence += fmax(fmin(nats, GRAIN_ONE), -GRAIN_ONE) - *evidence / GRAIN_MEMORY;
}

double ds_learning_judge_grain(struct ds_learning *l, const struct ds_belief *before,
			       const struct ds_look *look, struct ds_noise *noise)
{
	const struct ds_lateness *way = noise->way;
	double usual = fmin(way[0].usual_ns, way[1].usual_ns);
	double more = fmax(GRAIN_STEP * way[0].grain_var_ns2, GRAIN_PART * usual * usual);
	double less = way[0].grain_var_ns2 / GRAIN_STEP;
	double now;

	if (noise->even || look->aside)
		return 0.0;
	now = density(before, look, noise, way[0].grain_var_ns2);
	contest(&l->coarser, density(before, look, noise, more) - now);
	contest(&l->finer, density(before, look, noise, less) - now);
	if (l->coarser > GRAIN_NATS)
		return change_grain(l, more, noise);
	if (l->finer > GRAIN_NATS && l->grain_factor > GRAIN_LEAST)
		return change_grain(l, less, noise);
	return 0.0;
}

/* miss2: the square of a miss, whose variance is now_ns2 by the noise in force, or other_ns2;
 * share: of noise in it. */
static bool has_changed(struct ds_run *run, double miss2, double now_ns2, double other_ns2,
			double share)
{
	double nats = 0.5 * (log(now_ns2 / other_ns2) + miss2 / now_ns2 - miss2 / other_ns2);

	run->nats += fmin(nats, NOISE_ONE);
	run->sum_ns2 += miss2 * share;
	run->count += 1.0;
	if (!(run->nats > 0.0))
		*run = (struct ds_run){.nats = 0.0};
	return run->nats > NOISE_NATS;
}

static void learn_anew(struct ds_learning *l, const struct ds_run *run, struct ds_window *window)
{
	l->miss_sum = run->sum_ns2;
	l->miss_count = run->count;
	for (unsigned i = 0; (double)i + run->count < (double)window->count; i++)
		window->look[i].settled = true;
	l->louder = l->quieter = (struct ds_run){.nats = 0.0};
}

void ds_learning_judge_noise(struct ds_learning *l, const struct ds_belief *before,
			     struct ds_window *window, double noise_var_ns2)
{
	const struct ds_look *look = &window->look[window->count - 1U];
	double miss = 0.5 * (look->bound_ns[0] - look->bound_ns[1]) - before->mean[0];
	double known = before->cov[0][0];
	double now = known + noise_var_ns2;
	double turn = miss - l->miss_ns;
	double miss2 = fmin(0.5 * turn * turn, MISS_MOST * now);
	double share = noise_var_ns2 / now;

	if (look->aside)
		return;
	l->miss_ns = miss;
	if (has_changed(&l->louder, miss2, now, known + NOISE_STEP * noise_var_ns2, share))
		learn_anew(l, &l->louder, window);
	else if (has_changed(&l->quieter, miss2, now, known + noise_var_ns2 / NOISE_STEP, share))
		learn_anew(l, &l->quieter, window);
}

double ds_learning_usual_ns(const struct ds_learning *learning, const struct ds_noise *noise,
			    enum ds_way way)
{
	const struct ds_learnt *l = &learning->way[way];

	return fmax(l->usual_sum / l->usual_count,
		    USUAL_GRAINS * sqrt(noise->way[way].grain_var_ns2));
}

double ds_learning_unlikely(const struct ds_learning *learning, const struct ds_noise *noise,
			    double above_ns)
{
	double usual = ds_learning_usual_ns(learning, noise, DS_WAY_THERE) +
		       ds_learning_usual_ns(learning, noise, DS_WAY_BACK);
	double y = 4.0 * fmax(above_ns, 0.0) / usual;
	double odd = 0.0;

	for (int way = 0; way < 2; way++)
		odd += learning->way[way].tail_sum / learning->way[way].tail_count;
	return -log(fmin((1.0 + y) * exp(-y) + odd, 1.0));
}
