/* oscillator: see oscillator.h. */
#include "sim/oscillator.h"

#include <math.h>
#include <string.h>

#define NS_PER_S  1e9
#define S_PER_DAY 86400.0

/* Each stage is x' = keep x + drive g, of correlation time tau, and unit variance times the level.
 * With stages an octave apart the sum of equal variances v has S(f) = v / (f ln 2) half way
 * between the corners to a few per cent; flicker of h-1 has the Allan deviation
 * sqrt(2 ln 2 h-1). So v = (ln 2) h-1 = flicker^2 / 2. */
static void set_flicker(struct sim_oscillator *o, double step_s)
{
	double tau = step_s;

	o->stages = 0;
	if (o->model.flicker <= 0.0)
		return;
	while (o->stages < SIM_FLICKER_STAGES && tau <= SIM_FLICKER_LONGEST_S) {
		int i = o->stages++;
		double sd = o->model.flicker / sqrt(2.0);

		o->keep[i] = exp(-step_s / tau);
		o->drive[i] = sd * sqrt(1.0 - o->keep[i] * o->keep[i]);
		o->stage[i] = sd * sim_gaussian(&o->random);
		tau *= 2.0;
	}
}

static void new_step(struct sim_oscillator *o)
{
	const struct sim_oscillator_model *m = &o->model;
	double middle_s = ((double)o->now_ns + 0.5 * (double)o->step_ns) / NS_PER_S;
	double f = m->freq + o->stepped + m->aging_per_day * middle_s / S_PER_DAY;

	if (o->walk_sd > 0.0)
		o->walk += o->walk_sd * sim_gaussian(&o->random);
	f += o->walk;
	if (o->white_sd > 0.0)
		f += o->white_sd * sim_gaussian(&o->random);
	for (int i = 0; i < o->stages; i++) {
		o->stage[i] = o->keep[i] * o->stage[i] + o->drive[i] * sim_gaussian(&o->random);
		f += o->stage[i];
	}
	for (int i = 0; i < m->cycle_count; i++)
		f += m->cycles[i].amplitude *
		     sin(2.0 * M_PI * (middle_s / m->cycles[i].period_s + m->cycles[i].phase));
	o->force = f;
}

void sim_oscillator_init(struct sim_oscillator *o, const struct sim_oscillator_model *model,
			 int64_t raw_ns, uint64_t seed, const char *name)
{
	double step_s = model->step_s > 0.0 ? model->step_s : 1.0;

	memset(o, 0, sizeof *o);
	o->model = *model;
	o->raw_ns = raw_ns;
	o->step_ns = (int64_t)(step_s * NS_PER_S);
	o->next_ns = o->step_ns;
	o->white_sd = model->white / sqrt(step_s);
	o->walk_sd = model->wander * sqrt(step_s);
	sim_random_init(&o->random, seed, name);
	set_flicker(o, step_s);
	new_step(o);
}

static void evenly(struct sim_oscillator *o, int64_t to_ns)
{
	int64_t dt = to_ns - o->now_ns;
	double part = o->raw_part + (double)dt * o->force;
	double whole = floor(part);

	o->raw_ns += dt + (int64_t)whole;
	o->raw_part = part - whole;
	o->now_ns = to_ns;
}

void sim_oscillator_advance(struct sim_oscillator *o, int64_t now_ns)
{
	while (o->next_ns <= now_ns) {
		evenly(o, o->next_ns);
		new_step(o);
		o->next_ns += o->step_ns;
	}
	if (now_ns > o->now_ns)
		evenly(o, now_ns);
}

void sim_oscillator_step(struct sim_oscillator *o, double freq)
{
	o->stepped += freq;
	o->force += freq;
}
