/* fit: the errors of the hosts' stamps out of the medians of the pairs; see verdict.h.
 *
 * Let a host's transmit stamps be late by a, its receive stamps by b. What i measures of j is
 *
 *     offset = ((b_j + a_j) - (b_i + a_i)) / 2        delay = path + (b_j - a_j) + (b_i - a_i)
 *
 * (RFC 5905 section 8 with these errors in its four stamps). A host may err otherwise when it asks
 * than when it answers, so there are two sums and two differences for each host: in a table of
 * twelve pairs, effects of rows and of columns. They are found by least absolute residuals
 * (iteratively reweighted), so that one odd pair changes nothing; a host that errs is no odd pair
 * but an effect, however large.
 *
 * Effects are relative. Against whom, is decided by what cannot be: no packet arrives before it
 * left, so hosts among which the delay is small, and not below zero, are right. */
#include "lab/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/statistics.h"

#define LEAST_SAMPLES	20
#define FLOOR_NS	5000.0 /* of kernel stamps */
#define DAEMON_FLOOR_NS 20000.0
#define ERRORS		6.0   /* standard errors */
#define ALIKE		8.0   /* so many neighbouring samples say what one would, if independent */
#define RESIDUAL_LEAST	200.0 /* ns; smaller ones weigh no more than that */
#define ROUNDS		40
#define SWEEPS		60
#define BELOW_ZERO_NS	1000.0	/* a median delay may be so far below zero by noise */
#define RELAY_FLOOR_NS	50000.0 /* a relay in user space is woken when it is */
#define NS_PER_US	1000.0

struct measured {
	bool has;
	bool unsigned_delay; /* interleaved, and by a daemon that may write the size of a delay */
	double twice_offset, delay, error; /* ns; error: standard, of the median offset, twice */
	double weight;
};

struct problem {
	int hosts;
	struct measured cell[DS_LAB_HOSTS][DS_LAB_HOSTS];		   /* [asks][answers] */
	double sum[DS_ROLES][DS_LAB_HOSTS], apart[DS_ROLES][DS_LAB_HOSTS]; /* effects */
	bool has[DS_ROLES][DS_LAB_HOSTS];
	double floor[DS_LAB_HOSTS], noise[DS_LAB_HOSTS];
};

static bool two_legs(enum ds_lab_mode mode)
{
	mode = ds_lab_mode_plain(mode);
	return mode == DS_LAB_BASIC || mode == DS_LAB_XLEAVE || mode == DS_LAB_SYMMETRIC ||
	       mode == DS_LAB_SYMMETRIC_XLEAVE;
}

/* Idle samples; interleaved ones only, if there are enough of them in a mode that interleaves. */
static bool gather(const struct ds_lab_cell *cell, bool only_interleaved, struct ds_series *offset,
		   struct ds_series *delay)
{
	for (size_t i = 0; i < cell->sample_count; i++) {
		const struct ds_lab_sample *s = &cell->samples[i];
		if (s->condition != DS_LAB_IDLE || (only_interleaved && !s->interleaved))
			continue;
		if (!ds_series_add(offset, s->offset_ns) || !ds_series_add(delay, s->delay_ns))
			return false;
	}
	return true;
}

static void measure(const struct ds_lab_cell *cell, struct measured *m)
{
	struct ds_series offset = {0}, delay = {0};
	bool only = ds_lab_mode_tells_departure(cell->mode);

	*m = (struct measured){0};
	bool got = gather(cell, only, &offset, &delay);
	if (got && only && offset.count < LEAST_SAMPLES) {
		only = false;
		offset.count = delay.count = 0;
		got = gather(cell, only, &offset, &delay);
	}
	if (got && offset.count >= LEAST_SAMPLES) {
		size_t n = offset.count;
		m->unsigned_delay = only && !cell->samples[0].has_stamps;
		ds_sort(offset.values, n);
		ds_sort(delay.values, n);
		double middle =
			ds_quantile(offset.values, n, 0.75) - ds_quantile(offset.values, n, 0.25);
		m->has = true;
		m->twice_offset = 2 * ds_quantile(offset.values, n, 0.5);
		m->delay = ds_quantile(delay.values, n, 0.5);
		/* of a median of n / ALIKE normal samples; the middle half is 1.349 sigma wide */
		m->error = 2 * 1.2533 * middle / 1.349 / sqrt((double)n / ALIKE);
	}
	ds_series_free(&offset);
	ds_series_free(&delay);
}

/* What the plan did to the packets is no fault: of a host whose own link delays them, those that
 * leave look stamped early and those that come, late. */
static void take_off_links(const struct ds_lab_plan *plan, struct problem *p)
{
	for (int i = 0; i < p->hosts; i++) {
		for (int j = 0; j < p->hosts; j++) {
			const struct ds_lab_link *a = &plan->link[i], *b = &plan->link[j];
			p->cell[i][j].twice_offset -=
				NS_PER_US * ((b->in_delay_us - b->out_delay_us) -
					     (a->in_delay_us - a->out_delay_us));
			p->cell[i][j].delay -= NS_PER_US * (a->in_delay_us + a->out_delay_us +
							    b->in_delay_us + b->out_delay_us);
		}
	}
}

bool ds_link_has_relay(const struct ds_lab_link *link)
{
	return link->in_delay_us > 0 || link->out_delay_us > 0 || link->jitter_us > 0 ||
	       link->loss_percent > 0;
}

static double link_floor_ns(const struct ds_lab_link *link)
{
	double delay_us = link->in_delay_us + link->out_delay_us;

	if (!ds_link_has_relay(link))
		return 0;
	return RELAY_FLOOR_NS + NS_PER_US * (2 * link->jitter_us + 0.25 * delay_us);
}

/* Hosts with fewer than two pairs in a role say nothing in it; what they were part of goes too. */
static void prune(struct problem *p)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (int h = 0; h < p->hosts; h++) {
			int asked = 0, answered = 0;
			for (int o = 0; o < p->hosts; o++) {
				asked += p->cell[h][o].has;
				answered += p->cell[o][h].has;
			}
			for (int o = 0; o < p->hosts; o++) {
				if (asked == 1 && p->cell[h][o].has) {
					p->cell[h][o].has = false;
					changed = true;
				}
				if (answered == 1 && p->cell[o][h].has) {
					p->cell[o][h].has = false;
					changed = true;
				}
			}
			p->has[DS_ROLE_ASKS][h] = asked > 1;
			p->has[DS_ROLE_ANSWERS][h] = answered > 1;
		}
	}
}

/* One sweep: each effect the weighted mean of what its pairs leave for it. Effects of rows come
 * with `sign` into the table. */
static void sweep(struct problem *p, double value[DS_LAB_HOSTS][DS_LAB_HOSTS],
		  double effect[DS_ROLES][DS_LAB_HOSTS], double sign)
{
	for (int role = 0; role < DS_ROLES; role++) {
		for (int h = 0; h < p->hosts; h++) {
			double sum = 0, weights = 0;
			for (int o = 0; o < p->hosts; o++) {
				int i = role == DS_ROLE_ASKS ? h : o;
				int j = role == DS_ROLE_ASKS ? o : h;
				const struct measured *m = &p->cell[i][j];
				if (!m->has)
					continue;
				double left =
					role == DS_ROLE_ASKS
						? sign * (value[i][j] - effect[DS_ROLE_ANSWERS][j])
						: value[i][j] - sign * effect[DS_ROLE_ASKS][i];
				sum += m->weight * left;
				weights += m->weight;
			}
			effect[role][h] = weights > 0 ? sum / weights : 0;
		}
	}
}

static void find_effects(struct problem *p, bool of_delay)
{
	double value[DS_LAB_HOSTS][DS_LAB_HOSTS];
	double(*effect)[DS_LAB_HOSTS] = of_delay ? p->apart : p->sum;
	double sign = of_delay ? 1 : -1;

	for (int i = 0; i < p->hosts; i++) {
		for (int j = 0; j < p->hosts; j++) {
			struct measured *m = &p->cell[i][j];
			value[i][j] = of_delay ? m->delay : m->twice_offset;
			m->weight = 1;
		}
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < SWEEPS; i++)
			sweep(p, value, effect, sign);
		for (int i = 0; i < p->hosts; i++) {
			for (int j = 0; j < p->hosts; j++) {
				double residual = value[i][j] - sign * effect[DS_ROLE_ASKS][i] -
						  effect[DS_ROLE_ANSWERS][j];
				p->cell[i][j].weight = 1 / fmax(fabs(residual), RESIDUAL_LEAST);
			}
		}
	}
}

/* Do all pairs hang together, so that every effect is relative to one thing? */
static bool connected(const struct problem *p)
{
	bool reached[DS_ROLES][DS_LAB_HOSTS] = {{false}};
	bool any = false, changed = true;

	while (changed) {
		changed = false;
		for (int i = 0; i < p->hosts; i++) {
			for (int j = 0; j < p->hosts; j++) {
				if (!p->cell[i][j].has)
					continue;
				bool *a = &reached[DS_ROLE_ASKS][i];
				bool *b = &reached[DS_ROLE_ANSWERS][j];
				if (any && *a == *b)
					continue;
				changed = !*a || !*b;
				*a = *b = any = true;
			}
		}
	}
	for (int role = 0; role < DS_ROLES; role++) {
		for (int h = 0; h < p->hosts; h++) {
			if (p->has[role][h] && !reached[role][h])
				return false;
		}
	}
	return any;
}

static double shortest_ns(const struct problem *p)
{
	double least = (double)INFINITY;

	for (int i = 0; i < p->hosts; i++) {
		for (int j = 0; j < p->hosts; j++) {
			if (p->cell[i][j].has && p->cell[i][j].delay > 0)
				least = fmin(least, p->cell[i][j].delay);
		}
	}
	return isfinite(least) ? least : 0;
}

/* The median error of its pairs, of which half say the same thing. Not the mean: pairs with a host
 * whose stamps come and go are noisy, and that is not this one's noise. */
static double noise_of(const struct problem *p, int host)
{
	double errors[2 * DS_LAB_HOSTS];
	size_t n = 0;

	for (int o = 0; o < p->hosts; o++) {
		if (p->cell[host][o].has)
			errors[n++] = p->cell[host][o].error;
		if (p->cell[o][host].has)
			errors[n++] = p->cell[o][host].error;
	}
	ds_sort(errors, n);
	return n > 0 ? ERRORS * ds_quantile(errors, n, 0.5) / sqrt((double)n / 2) : 0;
}

/* What noise, link, stamps and clock of a host leave undecided. */
static void find_floors(const struct ds_lab_result *result, struct problem *p)
{
	double path = shortest_ns(p);

	for (int h = 0; h < p->hosts; h++) {
		bool daemon = ds_source_of_host(result, h, false) == 'D';
		double floor = fmax(daemon ? DAEMON_FLOOR_NS : FLOOR_NS, path);
		p->noise[h] = noise_of(p, h);
		floor = fmax(floor, p->noise[h]);
		if (isfinite(result->host[h].clock_within_ns))
			floor += 2 * result->host[h].clock_within_ns;
		p->floor[h] = floor + link_floor_ns(&result->plan.link[h]);
	}
}

static bool alike(const struct problem *p, int a, int b, bool answers_too)
{
	double floor = fmax(p->floor[a], p->floor[b]);

	for (int role = 0; role <= (answers_too ? DS_ROLE_ANSWERS : DS_ROLE_ASKS); role++) {
		if (!p->has[role][a] || !p->has[role][b])
			continue;
		if (fabs(p->sum[role][a] - p->sum[role][b]) > floor ||
		    fabs(p->apart[role][a] - p->apart[role][b]) > floor)
			return false;
	}
	return true;
}

/* Hosts whose own stamps are all taken by their daemon are late by what that takes, and a relay on
 * a host's link does not do to the microsecond what it was told: nobody is measured against these
 * unless there is nobody else. */
static unsigned candidates(const struct ds_lab_result *result, const struct problem *p)
{
	unsigned all = 0, kernel = 0, plain = 0;

	for (int h = 0; h < p->hosts; h++) {
		if (!p->has[DS_ROLE_ASKS][h] || !p->has[DS_ROLE_ANSWERS][h])
			continue;
		all |= 1U << h;
		if (ds_source_of_host(result, h, false) == 'D')
			continue;
		kernel |= 1U << h;
		if (!ds_link_has_relay(&result->plan.link[h]))
			plain |= 1U << h;
	}
	return plain != 0 ? plain : kernel != 0 ? kernel : all;
}

/* The hosts that are right: those like the one whose delay to its like is least and not below
 * zero; where paths have lengths of their own (rig remote), those of whom there are most. A mask;
 * 0: none had both roles. */
static unsigned right_ones(const struct ds_lab_result *result, const struct problem *p,
			   bool answers_too)
{
	bool count = result->plan.rig == DS_LAB_RIG_REMOTE;
	unsigned among = candidates(result, p);
	unsigned best = 0;
	double best_delay = 0;
	int best_size = 0;

	for (int c = 0; c < p->hosts; c++) {
		unsigned like = 0;
		int size = 0;
		if (!(among & 1U << c))
			continue;
		for (int h = 0; h < p->hosts; h++) {
			if (among & 1U << h && alike(p, c, h, answers_too)) {
				like |= 1U << h;
				size++;
			}
		}
		double delay = p->apart[DS_ROLE_ASKS][c] + p->apart[DS_ROLE_ANSWERS][c];
		if (delay < -BELOW_ZERO_NS)
			delay = 1e15 - delay; /* only where there is nobody else */
		bool better = count && size != best_size ? size > best_size : delay < best_delay;
		if (best == 0 || better) {
			best = like;
			best_delay = delay;
			best_size = size;
		}
	}
	return best;
}

static double mean_over(const double values[DS_LAB_HOSTS], unsigned hosts)
{
	double sum = 0;
	int n = 0;

	for (int h = 0; h < DS_LAB_HOSTS; h++) {
		if (hosts & 1U << h) {
			sum += values[h];
			n++;
		}
	}
	return n > 0 ? sum / n : 0;
}

/* Of those who are right, the one whose answers took least: with nothing better to hold them
 * against, it is the one that did not guess, or guessed well. */
static unsigned fastest(const struct problem *p, unsigned right)
{
	int best = -1;

	for (int h = 0; h < p->hosts; h++) {
		if (right & 1U << h &&
		    (best < 0 || p->apart[DS_ROLE_ANSWERS][h] < p->apart[DS_ROLE_ANSWERS][best]))
			best = h;
	}
	return best < 0 ? 0 : 1U << best;
}

/* chronyd takes a delay below zero for its size. With one stamp off, offsets and delays are off
 * alike; if they are only once the delay is taken for what it may have been, it was that. */
static double with_its_sign(const struct problem *p, int role, int host, double sum, double apart,
			    double path)
{
	double turned = -(apart + 2 * path);

	for (int o = 0; o < p->hosts; o++) {
		const struct measured *m =
			role == DS_ROLE_ASKS ? &p->cell[host][o] : &p->cell[o][host];
		if (m->has && !m->unsigned_delay)
			return apart;
	}
	bool better = fabs(fabs(sum) - fabs(turned)) < fabs(fabs(sum) - fabs(apart)) / 2;
	return better && apart > p->floor[host] && fabs(sum) > p->floor[host] ? turned : apart;
}

/* Effects made errors: of who asks against those who are right; of who answers against the same, or
 * against what interleaved answers of the base are. */
static void settle(const struct problem *p, unsigned right, bool guessed, const struct ds_fit *base,
		   struct ds_fit *fit)
{
	unsigned answers = guessed ? fastest(p, right) : right;
	double asks_sum = mean_over(p->sum[DS_ROLE_ASKS], right);
	double asks_apart = mean_over(p->apart[DS_ROLE_ASKS], right);
	double answers_sum = mean_over(p->sum[DS_ROLE_ANSWERS], answers);
	double answers_apart = mean_over(p->apart[DS_ROLE_ANSWERS], answers);

	fit->has = true;
	fit->absolute = base && base->has;
	if (fit->absolute) {
		answers_sum = asks_sum + base->level_ns;
		answers_apart = base->path_ns - asks_apart;
	}
	fit->path_ns = asks_apart + answers_apart;
	fit->level_ns = answers_sum - asks_sum;
	for (int h = 0; h < p->hosts; h++) {
		for (int role = 0; role < DS_ROLES; role++) {
			struct ds_stamp_errors *e = &fit->host[h][role];
			bool asks = role == DS_ROLE_ASKS;
			e->has = p->has[role][h];
			e->sum_ns = p->sum[role][h] - (asks ? asks_sum : answers_sum);
			e->apart_ns = p->apart[role][h] - (asks ? asks_apart : answers_apart);
			e->apart_ns =
				with_its_sign(p, role, h, e->sum_ns, e->apart_ns, fit->path_ns);
			e->tx_ns = (e->sum_ns - e->apart_ns) / 2;
			e->rx_ns = (e->sum_ns + e->apart_ns) / 2;
			e->floor_ns = p->floor[h];
			e->noise_ns = p->noise[h];
		}
	}
}

void ds_fit_mode(const struct ds_lab_result *result, enum ds_lab_mode mode,
		 const struct ds_fit *base, struct ds_fit *fit)
{
	struct problem p = {.hosts = result->plan.hosts};

	*fit = (struct ds_fit){0};
	if (!two_legs(mode))
		return;
	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		if (cell->mode == mode && cell->known)
			measure(cell, &p.cell[cell->asks][cell->answers]);
	}
	take_off_links(&result->plan, &p);
	prune(&p);
	if (!connected(&p))
		return;
	find_effects(&p, false);
	find_effects(&p, true);
	find_floors(result, &p);
	unsigned right = right_ones(result, &p, ds_lab_mode_tells_departure(mode));
	if (right != 0)
		settle(&p, right, !ds_lab_mode_tells_departure(mode), base, fit);
}

char ds_source_of_host(const struct ds_lab_result *result, int host, bool tx)
{
	static const char letters[] = "DKH?";
	size_t seen[4] = {0}, most = 3;

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		if (cell->asks != host || cell->mode == DS_LAB_PTP)
			continue;
		for (size_t i = 0; i < cell->sample_count; i++) {
			char letter = cell->samples[i].source[tx ? 0 : 3];
			const char *found = letter ? strchr(letters, letter) : NULL;
			seen[found ? found - letters : 3]++;
		}
	}
	for (size_t i = 0; i < 3; i++) {
		if (seen[i] > 0 && (most == 3 || seen[i] > seen[most]))
			most = i;
	}
	return letters[most];
}
