/* oracle: see oracle.h. Times in ns, frequencies as fractions. */
#include "sim/oracle.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 2000 lose their way where the oscillator hardly wanders (S3, S4) */
#define PARTICLES	10000
#define PARTICLES_LEAST 1000
#define WORK		4000000 /* particles times exchanges */
#define SLOTS		8	/* sources whose delay is to be learnt */
#define SPREAD		0.2	/* of what is left, redrawn at each resampling */
#define FIRST_FREQ_SD	0.03
#define GRAIN_NS	0.5    /* the least noise there is: whole nanoseconds */
#define IMPOSSIBLE	-100.0 /* log of a weight: the model does not hold */
#define TOGETHER_NS	1e9    /* T1 and T4 closer than this are taken at one moment */
#define LOG_ROOT_2PI	0.91893853320467274

/* value[0] is x, [1] f, [2 + i] how much longer the least delays of source i are than the oracle
 * was told. */
struct particle {
	double value[2 + SLOTS];
	double log_weight;
};

struct oracle {
	const struct sim_host *host;
	struct sim_random random;
	struct particle *now, *next;
	int count;
	bool known;
	bool told; /* the delays: there are several sources */
	int slots;
	int source_of[SLOTS]; /* which host */
	int refused;	      /* exchanges in a row that the model does not explain */
	int64_t at_raw_ns;    /* of the particles */
	double freq_var;      /* of f, given the path; of all */
	double walk, white;   /* per root second */
	double noise_ns;
	double mean_x, mean_f;
	/* where all that comes is measured with Gaussian noise: the same by Kalman, and exact */
	double var_xx, var_xf;
};

/* What an exchange says of x at one moment: `above` and `below` it lies, but for the excesses. */
struct evidence {
	int64_t at_raw_ns;
	const struct sim_exchange *exchange;
	bool has_up, has_down;
	int slot;		 /* whose delay */
	double up, up_after;	 /* x <= up + f * up_after */
	double down, down_after; /* x >= down + f * down_after */
};

/* ---- normal distributions, cut off ---- */

static double log_phi(double x)
{
	if (x > -8.0)
		return log(0.5 * erfc(-x * M_SQRT1_2));
	return -0.5 * x * x - log(-x) - LOG_ROOT_2PI - 1.0 / (x * x);
}

/* log of the mass between a and b, a < b */
static double log_mass(double a, double b)
{
	double la, lb;

	if (a > 0.0) {
		double other = -a;

		a = -b;
		b = other;
	}
	la = log_phi(a);
	lb = log_phi(b);
	if (la >= lb)
		return -DBL_MAX;
	return lb + log1p(-exp(la - lb));
}

/* The normal quantile by P. J. Acklam's rational approximations (2003), relative error 1.2e-9; for
 * p up to 1/2. */
static double quantile(double p)
{
	static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,
				   -2.759285104469687e+02, 1.383577518672690e+02,
				   -3.066479806614716e+01, 2.506628277459239e+00};
	static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02,
				   -1.556989798598866e+02, 6.680131188771972e+01,
				   -1.328068155288572e+01};
	static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01,
				   -2.400758277161838e+00, -2.549732539343734e+00,
				   4.374664141464968e+00,  2.938163982698783e+00};
	static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01,
				   2.445134137142996e+00, 3.754408661907416e+00};
	double q = p - 0.5;
	double r = q * q;

	if (p >= 0.02425)
		return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
		       (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1.0);
	q = sqrt(-2.0 * log(p));
	return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
	       ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1.0);
}

/* The inverse of log_phi, between two limits; far out by halving. */
static double inverse_log_phi(double log_p, double from, double to)
{
	if (log_p > -600.0)
		return fmin(fmax(log_p < -M_LN2 ? quantile(exp(log_p)) : -quantile(-expm1(log_p)),
				 from),
			    to);
	for (int i = 0; i < 60; i++) {
		double middle = 0.5 * (from + to);

		if (log_phi(middle) < log_p)
			from = middle;
		else
			to = middle;
	}
	return 0.5 * (from + to);
}

/* A standard normal number between a and b. */
static double draw_between(struct sim_random *r, double a, double b)
{
	double u = sim_uniform(r);
	double la, lb, log_p;

	if (a < -6.0 && b > 6.0)
		return sim_gaussian(r);
	if (a > 0.0)
		return -draw_between(r, -b, -a);
	/* wide and near the middle: most draws fit */
	if (b - a > 1.0 && a < 0.5 && b > -0.5)
		for (int i = 0; i < 20; i++) {
			double g = sim_gaussian(r);

			if (g >= a && g <= b)
				return g;
		}
	la = log_phi(a);
	lb = log_phi(b);
	if (!(la < lb))
		return b;
	/* log of Phi(a) + u (Phi(b) - Phi(a)) */
	log_p = lb + log(u + (1.0 - u) * exp(la - lb));
	return inverse_log_phi(log_p, fmax(a, -40.0), fmin(b, 40.0));
}

/* ---- what is known of the ways ---- */

static bool is_exact(const struct sim_known_way *way, double noise_ns)
{
	return way->law_count == 0 ||
	       (way->law_count == 1 && way->laws[0].kind == SIM_LAW_EXP && noise_ns <= GRAIN_NS);
}

/* Two levels may have another law on top; of other sums only the mean is known. */
static double log_density(const struct sim_known_way *way, double excess, double noise)
{
	const struct sim_law *level = &way->laws[0];
	const struct sim_law *other = &way->laws[1];
	struct sim_law all = {.kind = SIM_LAW_EXP};
	double low, high;

	if (way->law_count == 0)
		return sim_law_log_density(&(struct sim_law){.kind = SIM_LAW_NONE}, excess, noise);
	if (way->law_count == 1)
		return sim_law_log_density(level, excess, noise);
	if (way->law_count == 2 && other->kind == SIM_LAW_TWOLEVEL) {
		level = &way->laws[1];
		other = &way->laws[0];
	}
	if (way->law_count == 2 && level->kind == SIM_LAW_TWOLEVEL) {
		low = log1p(-level->a) + sim_law_log_density(other, excess, noise);
		high = log(level->a) + sim_law_log_density(other, excess - level->b, noise);
		return fmax(low, high) + log1p(exp(-fabs(low - high)));
	}
	for (int i = 0; i < way->law_count; i++)
		all.a += fmin(sim_law_mean(&way->laws[i]), 1e9);
	return sim_law_log_density(&all, excess, noise);
}

/* ---- one step ---- */

/* x, given what the dynamics say, as it is drawn: between two limits, normal with a tilt. */
struct proposal {
	double mean, var;
	double low, high;
	double log_weight;
};

/* A direction without a law: x is measured, with the noise of stamps. */
static void take_measured(struct proposal *p, double value, double noise)
{
	double sum = p->var + noise * noise;
	double off = value - p->mean;

	p->log_weight += -0.5 * off * off / sum - 0.5 * log(sum) - LOG_ROOT_2PI;
	p->mean += off * p->var / sum;
	p->var *= noise * noise / sum;
}

/* An exponential law with mean 1 / slope, one side of x. */
static void take_tilt(struct proposal *p, double limit, double slope)
{
	/* the density of the excess |limit - x| is |slope| exp(slope (x - limit)) */
	p->log_weight +=
		log(fabs(slope)) + slope * (p->mean - limit) + 0.5 * slope * slope * p->var;
	p->mean += slope * p->var;
}

static void take_way(struct proposal *p, const struct sim_known_way *way, bool up, double limit,
		     double noise)
{
	double blur = noise > GRAIN_NS ? 5.0 * noise : 0.0;

	if (way->law_count == 0) {
		take_measured(p, limit, noise);
		return;
	}
	if (is_exact(way, noise))
		take_tilt(p, limit, (up ? 1.0 : -1.0) / fmax(way->laws[0].a, GRAIN_NS));
	if (up)
		p->high = fmin(p->high, limit + blur);
	else
		p->low = fmax(p->low, limit - blur);
}

/* Move a particle to the moment of the evidence. */
static void move(struct oracle *o, const struct particle *old, const struct evidence *e, double var,
		 double gain, struct particle *new)
{
	double dt = (double)(e->at_raw_ns - o->at_raw_ns);
	double longer = old->value[2 + e->slot];
	double f = old->value[1];
	double up = e->up + f * e->up_after - longer;
	double down = e->down + f * e->down_after + longer;
	struct proposal p = {
		.mean = old->value[0] + f * dt, .var = var, .low = -INFINITY, .high = INFINITY};
	double middle = p.mean;
	double sd;

	if (e->has_up)
		take_way(&p, &e->exchange->up, true, up, o->noise_ns);
	if (e->has_down)
		take_way(&p, &e->exchange->down, false, down, o->noise_ns);
	sd = sqrt(p.var);
	*new = *old;
	new->log_weight += p.log_weight;
	if (!(p.low < p.high)) {
		new->log_weight = -DBL_MAX;
		new->value[0] = middle;
	} else {
		double a = (p.low - p.mean) / sd;
		double b = (p.high - p.mean) / sd;

		new->log_weight += log_mass(a, b);
		new->value[0] = p.mean + sd *draw_between(&o->random, a, b);
	}
	if (e->has_up && !is_exact(&e->exchange->up, o->noise_ns))
		new->log_weight += log_density(&e->exchange->up, up - new->value[0], o->noise_ns);
	if (e->has_down && !is_exact(&e->exchange->down, o->noise_ns))
		new->log_weight +=
			log_density(&e->exchange->down, new->value[0] - down, o->noise_ns);
	new->value[1] = f + gain *(new->value[0] - middle);
}

/* Scale the weights to a sum of 1; returns the effective number of particles. */
static double normalise(struct particle *p, int count, double *greatest)
{
	double sum = 0.0, square = 0.0;

	*greatest = -DBL_MAX;
	for (int i = 0; i < count; i++)
		*greatest = fmax(*greatest, p[i].log_weight);
	for (int i = 0; i < count; i++) {
		double w = exp(p[i].log_weight - *greatest);

		sum += w;
		square += w * w;
	}
	for (int i = 0; i < count; i++)
		p[i].log_weight -= *greatest + log(sum);
	return sum * sum / square;
}

static void resample(struct oracle *o)
{
	double at = sim_uniform(&o->random) / o->count;
	double sum = exp(o->now[0].log_weight);
	int from = 0;

	for (int i = 0; i < o->count; i++) {
		while (sum < at && from < o->count - 1)
			sum += exp(o->now[++from].log_weight);
		o->next[i] = o->now[from];
		o->next[i].log_weight = -log(o->count);
		at += 1.0 / o->count;
	}
	memcpy(o->now, o->next, (size_t)o->count * sizeof *o->now);
}

/* The covariance of all particles, as the lower triangle of its root (Cholesky); what is no more
 * than rounding counts as none. */
static void take_root(const struct oracle *o, const double mean[2 + SLOTS],
		      double root[2 + SLOTS][2 + SLOTS])
{
	int n = 2 + o->slots;

	memset(root, 0, (2 + SLOTS) * sizeof root[0]);
	for (int k = 0; k < o->count; k++)
		for (int i = 0; i < n; i++)
			for (int j = 0; j <= i; j++)
				root[i][j] += (o->now[k].value[i] - mean[i]) *
					      (o->now[k].value[j] - mean[j]) / o->count;
	for (int i = 0; i < n; i++)
		for (int j = 0; j <= i; j++) {
			double all = root[i][j];

			for (int k = 0; k < j; k++)
				root[i][j] -= root[i][k] * root[j][k];
			if (i == j)
				root[i][i] = root[i][i] > 1e-14 * all ? sqrt(root[i][i]) : 0.0;
			else
				root[i][j] = root[j][j] > 0.0 ? root[i][j] / root[j][j] : 0.0;
		}
}

/* Copies of one particle would stay together where the oscillator hardly wanders, and of a delay
 * always: each is drawn towards the mean and pushed off again, so that mean and covariance of all
 * stay (Liu and West 2001). */
static void spread(struct oracle *o)
{
	double mean[2 + SLOTS] = {0};
	double root[2 + SLOTS][2 + SLOTS];
	double keep = sqrt(1.0 - SPREAD * SPREAD);
	int n = 2 + o->slots;

	for (int k = 0; k < o->count; k++)
		for (int i = 0; i < n; i++)
			mean[i] += o->now[k].value[i] / o->count;
	take_root(o, mean, root);
	for (int k = 0; k < o->count; k++) {
		double *value = o->now[k].value;
		double push[2 + SLOTS];

		for (int i = 0; i < n; i++)
			push[i] = SPREAD * sim_gaussian(&o->random);
		for (int i = 0; i < n; i++) {
			value[i] = mean[i] + keep * (value[i] - mean[i]);
			for (int j = 0; j <= i; j++)
				value[i] += root[i][j] * push[j];
		}
	}
}

static void take_means(struct oracle *o)
{
	o->mean_x = o->mean_f = 0.0;
	for (int i = 0; i < o->count; i++) {
		double w = exp(o->now[i].log_weight);

		o->mean_x += w * o->now[i].value[0];
		o->mean_f += w * o->now[i].value[1];
	}
}

/* An excess as it may be. */
static double draw_excess(struct oracle *o, const struct sim_known_way *way)
{
	double excess = o->noise_ns * sim_gaussian(&o->random);

	for (int i = 0; i < way->law_count; i++) {
		struct sim_law_state state = {0};

		excess += sim_law_draw(&way->laws[i], &state, &o->random, 0.0);
	}
	return excess;
}

/* Of a source that is new the delay is learnt: its first round trip is known, and how much of it
 * may be excess. first: x too. */
static void meet(struct oracle *o, const struct evidence *e, bool first)
{
	for (int i = 0; i < o->count; i++) {
		double out = e->has_up ? draw_excess(o, &e->exchange->up) : 0.0;
		double back = e->has_down ? draw_excess(o, &e->exchange->down) : 0.0;
		double *value = o->now[i].value;

		value[2 + e->slot] = e->has_up && e->has_down && !o->told
					     ? 0.5 * (e->up - e->down - out - back)
					     : 0.0;
		if (!first)
			continue;
		o->now[i].log_weight = -log(o->count);
		value[1] = 0.0;
		value[0] = e->has_up ? e->up - value[2 + e->slot] - out
				     : e->down + value[2 + e->slot] + back;
	}
}

static void begin(struct oracle *o, const struct evidence *e)
{
	meet(o, e, true);
	o->freq_var = FIRST_FREQ_SD * FIRST_FREQ_SD;
	o->known = true;
	o->refused = 0;
	o->at_raw_ns = e->at_raw_ns;
	take_means(o);
}

/* The place of a source; a new one gets one. -1: there is none left. */
static int find_slot(struct oracle *o, int source, bool *new)
{
	*new = false;
	for (int i = 0; i < o->slots; i++)
		if (o->source_of[i] == source)
			return i;
	if (o->slots == SLOTS)
		return -1;
	*new = true;
	o->source_of[o->slots] = source;
	return o->slots++;
}

/* One measurement with Gaussian noise: Kalman's filter of x and f; freq_var is the variance of f.
 */
static void step_kalman(struct oracle *o, int64_t at_raw_ns, double x)
{
	double dt = (double)(at_raw_ns - o->at_raw_ns);
	double q_ff = o->walk * o->walk * dt * 1e-9;
	double off, sum;

	if (!o->known) {
		o->mean_x = x;
		o->mean_f = 0.0;
		o->var_xx = o->noise_ns * o->noise_ns;
		o->var_xf = 0.0;
		o->freq_var = FIRST_FREQ_SD * FIRST_FREQ_SD;
		o->known = true;
		o->at_raw_ns = at_raw_ns;
		return;
	}
	o->mean_x += o->mean_f * dt;
	o->var_xx += 2.0 * dt * o->var_xf + dt * dt * o->freq_var + q_ff * dt * dt / 3.0 +
		     o->white * o->white * dt * 1e9;
	o->var_xf += dt * o->freq_var + q_ff * dt / 2.0;
	o->freq_var += q_ff;
	o->at_raw_ns = at_raw_ns;
	off = x - o->mean_x;
	sum = o->var_xx + o->noise_ns * o->noise_ns;
	o->mean_x += off * o->var_xx / sum;
	o->mean_f += off * o->var_xf / sum;
	o->freq_var -= o->var_xf * o->var_xf / sum;
	o->var_xf *= o->noise_ns * o->noise_ns / sum;
	o->var_xx *= o->noise_ns * o->noise_ns / sum;
}

static void step(struct oracle *o, const struct evidence *e)
{
	double dt = (double)(e->at_raw_ns - o->at_raw_ns); /* ns */
	double dt_s = dt * 1e-9;
	/* of a random walk and its integral; white is of frequency */
	double q_ff = o->walk * o->walk * dt_s;
	double q_xf = q_ff * dt / 2.0;
	double q_xx = q_ff * dt * dt / 3.0 + o->white * o->white * dt_s * 1e18 + 1e-4;
	double var = o->freq_var * dt * dt + q_xx;
	double cov = o->freq_var * dt + q_xf;
	double greatest, effective;

	if (!o->known || dt < 0.0) {
		begin(o, e);
		return;
	}
	for (int i = 0; i < o->count; i++)
		move(o, &o->now[i], e, var, cov / var, &o->next[i]);
	effective = normalise(o->next, o->count, &greatest);
	if (!(greatest > IMPOSSIBLE - log(o->count))) {
		if (++o->refused > 2)
			begin(o, e);
		return;
	}
	o->refused = 0;
	memcpy(o->now, o->next, (size_t)o->count * sizeof *o->now);
	/* freq_var + q_ff - cov^2 / var, without the difference of two large numbers */
	o->freq_var = (o->freq_var * (q_xx + q_ff * dt * dt - 2.0 * dt * q_xf) + q_ff * q_xx -
		       q_xf * q_xf) /
		      var;
	o->at_raw_ns = e->at_raw_ns;
	take_means(o);
	if (effective < 0.5 * o->count) {
		resample(o);
		spread(o);
	}
}

static void take_exchange(struct oracle *o, const struct sim_exchange *x)
{
	int64_t zero = o->host->first_utc_minus_raw_ns;
	struct evidence e = {.exchange = x,
			     .has_up = true,
			     .has_down = true,
			     .up = (double)(x->t2_ns - x->t1_raw_ns - zero) - x->up.delay_ns,
			     .down = (double)(x->t3_ns - x->t4_raw_ns - zero) + x->down.delay_ns};
	struct evidence other;
	bool new;

	if (x->source == SIM_SHM) {
		step_kalman(o, x->t1_raw_ns, e.up);
		return;
	}
	e.slot = find_slot(o, x->source, &new);
	if (e.slot < 0)
		return;
	if (fabs((double)(x->t4_raw_ns - x->t1_raw_ns)) < TOGETHER_NS) {
		e.at_raw_ns = x->t1_raw_ns + (x->t4_raw_ns - x->t1_raw_ns) / 2;
		e.up_after = (double)(e.at_raw_ns - x->t1_raw_ns);
		e.down_after = (double)(e.at_raw_ns - x->t4_raw_ns);
		if (new && o->known && !o->told)
			meet(o, &e, false);
		else
			step(o, &e);
		return;
	}
	/* of one that is new: its delay as it was told */
	for (int i = 0; i < o->count && new; i++)
		o->now[i].value[2 + e.slot] = 0.0;
	/* two moments, a poll apart, the earlier first */
	other = e;
	e.has_down = other.has_up = false;
	e.at_raw_ns = x->t1_raw_ns;
	other.at_raw_ns = x->t4_raw_ns;
	if (other.at_raw_ns < e.at_raw_ns) {
		struct evidence swap = e;

		e = other;
		other = swap;
	}
	if (!o->known || e.at_raw_ns >= o->at_raw_ns)
		step(o, &e);
	if (!o->known || other.at_raw_ns >= o->at_raw_ns)
		step(o, &other);
}

/* ---- the whole ---- */

static bool is_right(const struct sim_host *h, int source)
{
	const struct sim_host_spec *spec;

	if (source < 0)
		return source == SIM_SHM;
	spec = &h->world->scenario->hosts[source];
	return spec->perfect && spec->offset_ns == 0.0;
}

/* Random walks that move the frequency as much in `interval_s` as the other parts do. */
static void know_oscillator(struct oracle *o, double interval_s)
{
	const struct sim_oscillator_model *m = &o->host->spec->oscillator;
	double walk = m->wander * m->wander;

	for (int i = 0; i < m->cycle_count; i++) {
		double rate = m->cycles[i].amplitude * 2.0 * M_PI / m->cycles[i].period_s;

		walk += 0.5 * rate * rate * interval_s;
	}
	/* Allan deviation sigma at 16 intervals: walk^2 tau / 3 */
	walk += m->flicker * m->flicker * 3.0 / (16.0 * interval_s);
	walk += pow(m->aging_per_day / 86400.0, 2.0) * interval_s;
	o->walk = sqrt(walk);
	o->white = m->white;
}

static double know_noise(const struct sim_host *h)
{
	double noise = h->spec->shm_every_ns > 0 ? h->spec->shm_noise_ns : h->spec->stamp_noise_ns;

	for (int i = 0; i < h->world->host_count; i++)
		if (is_right(h, i) && h->world->hosts[i].spec->stamp_noise_ns > 0.0)
			noise = hypot(h->spec->stamp_noise_ns,
				      h->world->hosts[i].spec->stamp_noise_ns);
	return fmax(noise, GRAIN_NS);
}

/* What happens here that the model does not hold? */
static bool is_beyond(const struct sim_host *h)
{
	const struct sim_scenario *s = h->world->scenario;
	bool beyond = s->leap != 0;

	for (int i = 0; i < s->event_count; i++) {
		enum sim_event_kind kind = s->events[i].kind;

		beyond |= kind == SIM_EVENT_FREQ || kind == SIM_EVENT_SUSPEND ||
			  (kind == SIM_EVENT_STEP && s->events[i].host != h->index);
	}
	for (int i = 0; i < s->host_count; i++)
		if (i == h->index || is_right(h, i))
			beyond |= !s->hosts[i].kernel_stamps || s->hosts[i].send_ns > 0.0;
	for (int i = 0; i < s->way_count; i++)
		beyond |= s->ways[i].reorder > 0.0;
	return beyond;
}

static bool open_oracle(struct oracle *o, const struct sim_host *h)
{
	int usable = 0;
	int first = -1;
	int64_t span_ns;

	memset(o, 0, sizeof *o);
	if (is_beyond(h))
		return false;
	o->host = h;
	for (int i = 0; i < h->exchange_count; i++) {
		if (!is_right(h, h->exchanges[i].source))
			continue;
		usable++;
		o->told |= first >= 0 && h->exchanges[i].source != first;
		first = h->exchanges[i].source;
	}
	if (usable < 2)
		return false;
	span_ns = h->exchanges[h->exchange_count - 1].at_ns - h->exchanges[0].at_ns;
	know_oscillator(o, fmax((double)span_ns * 1e-9 / (usable - 1), 1.0));
	o->noise_ns = know_noise(h);
	o->count = (int)fmin(fmax(WORK / (double)usable, PARTICLES_LEAST), PARTICLES);
	o->now = calloc((size_t)o->count, sizeof *o->now);
	o->next = calloc((size_t)o->count, sizeof *o->next);
	sim_random_init(&o->random, h->world->seed, "oracle");
	return o->now != NULL && o->next != NULL;
}

void sim_oracle(const struct sim_host *h, struct sim_figures *f)
{
	const struct sim_scenario *s = h->world->scenario;
	struct oracle o;
	double sum = 0.0;
	int n = 0, next = 0;

	f->oracle_rms_ns = f->oracle_ratio = NAN;
	for (bool on = open_oracle(&o, h); on; on = false) {
		for (int i = 0; i < h->sample_count; i++) {
			const struct sim_sample *at = &h->samples[i];
			int64_t now_ns = (i + 1) * s->sample_ns;
			double error;

			for (; next < h->exchange_count && h->exchanges[next].at_ns <= now_ns;
			     next++)
				if (is_right(h, h->exchanges[next].source))
					take_exchange(&o, &h->exchanges[next]);
			if (now_ns < s->figures_ns || !o.known || isnan(at->error_ns))
				continue;
			error = o.mean_x + o.mean_f * (double)(at->raw_ns - o.at_raw_ns) -
				at->utc_minus_raw_ns;
			sum += error * error;
			n++;
		}
		f->oracle_rms_ns = n > 0 ? sqrt(sum / n) : NAN;
		f->oracle_ratio = f->rms_ns / f->oracle_rms_ns;
	}
	free(o.now);
	free(o.next);
}
