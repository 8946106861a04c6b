/*
 * combine: covariances, weights, and what a change of them may move.
 * It must never divide by what may be nothing: every deviation has a floor.
 */
#include "core/clock/combine.h"

#include <math.h>
#include <string.h>

#include "core/clock/claim.h"
#include "core/clock/scale.h"

#define LEAST_SD_NS	  1.0  /* below every grain */
#define LEAST_FREQ_SD_PPB 1e-6 /* below what 64 samples of any clock can tell */
#define MOST_SD_NS	  4.6e18
#define MOST_FREQ_SD_PPB  1e9	/* who knows it no better knows nothing */
#define CORRELATION_MAX	  0.999 /* a matrix beyond it is no better known, only less invertible */
#define COMMON_MAX	  0.9	/* so much of a variance may be the oscillator's */
#define INTERVAL_LEAST_NS 1e6
#define CARRY_SDS	  3.0 /* a carry beyond this is no systematic error */

/* A symmetric matrix: offset (ns), frequency (ppb), and both. */
struct matrix {
	double oo, of, ff;
};

/* One source that is combined. */
struct part {
	uint32_t index; /* of the candidate */
	const struct ds_candidate *c;
	bool has_freq;
	struct matrix own;   /* covariance of e */
	double s_ns;	     /* standard deviation of s */
	uint32_t group;	     /* the index of its first member */
	uint32_t companions; /* in the group, itself included */
	struct matrix information;
	double offset_ns, freq_ppb; /* from those of the best */
	double weight, freq_weight; /* of offset and frequency, in the offset */
};

struct parts {
	struct part list[DS_SOURCES_MAX];
	uint32_t count;
	struct matrix common; /* covariance of o */
	struct matrix total;  /* inverse of the sum of all information */
	bool has_freq;
};

static double floor_sd(double sd, double least)
{
	return sd >= least ? fmin(sd, MOST_SD_NS) : isnan(sd) ? MOST_SD_NS : least;
}

static double systematic_sd(const struct ds_candidate *c)
{
	return DS_CLAIM_USUAL * fmin(fmax(c->systematic_ns, 0.0), MOST_SD_NS);
}

static bool taken(const struct ds_candidate *c)
{
	return c->selection == DS_S_SELECTED || c->selection == DS_S_COMBINED;
}

static bool knows_freq(const struct ds_prediction *p)
{
	return p->freq_sd_ppb < MOST_FREQ_SD_PPB;
}

static void collect(struct parts *parts, const struct ds_candidate *candidates, uint32_t count,
		    const struct ds_prediction *best)
{
	double base_ppb = knows_freq(best) ? best->freq_ppb : 0.0;

	for (uint32_t i = 0; i < count && parts->count < DS_SOURCES_MAX; i++) {
		const struct ds_prediction *p = &candidates[i].prediction;
		struct part *part = &parts->list[parts->count];
		double sd = floor_sd(p->sd_ns, LEAST_SD_NS);
		double freq_sd = floor_sd(p->freq_sd_ppb, LEAST_FREQ_SD_PPB);
		double most = CORRELATION_MAX * sd * freq_sd;

		if (!taken(&candidates[i]))
			continue;
		parts->count++;
		part->index = i;
		part->c = &candidates[i];
		part->has_freq = knows_freq(p);
		part->own.oo = sd * sd;
		part->own.ff = freq_sd * freq_sd;
		if (part->has_freq && isfinite(p->cov_ns_ppb))
			part->own.of = fmax(fmin(p->cov_ns_ppb, most), -most);
		part->s_ns = systematic_sd(&candidates[i]);
		part->offset_ns = ds_ns_between(p->server_minus_raw_ns, best->server_minus_raw_ns);
		part->freq_ppb = part->has_freq ? p->freq_ppb - base_ppb : 0.0;
	}
}

/* Have they something in common that both may be wrong by? */
static bool share(const struct ds_candidate *a, const struct ds_candidate *b)
{
	return a->ref_id == b->ref_id || a->upstream_id == b->ref_id ||
	       a->ref_id == b->upstream_id ||
	       (a->upstream_id != 0 && a->upstream_id == b->upstream_id) ||
	       (a->path_id != 0 && a->path_id == b->path_id);
}

static void join(struct parts *parts, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < parts->count; i++)
		if (parts->list[i].group == from)
			parts->list[i].group = to;
}

static void group(struct parts *parts)
{
	struct part *list = parts->list;

	for (uint32_t i = 0; i < parts->count; i++) {
		list[i].group = i;
		for (uint32_t j = 0; j < i; j++)
			if (list[j].group != list[i].group && share(list[i].c, list[j].c))
				join(parts, list[i].group, list[j].group);
	}
	for (uint32_t i = 0; i < parts->count; i++)
		for (uint32_t j = 0; j < parts->count; j++)
			list[i].companions += list[i].group == list[j].group;
}

/* The lower median: one source that wanders makes no wanderer of us. */
static double median_wander(const struct parts *parts)
{
	double sorted[DS_SOURCES_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < parts->count; i++) {
		double wander = parts->list[i].c->prediction.wander_ppb;
		uint32_t at = n;

		if (!(wander > 0.0) || !isfinite(wander))
			continue;
		for (; at > 0 && sorted[at - 1] > wander; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = wander;
		n++;
	}
	return n > 0 ? sorted[(n - 1) / 2] : 0.0;
}

/* Takes the oscillator's part, a random walk of frequency over the age of the newest sample, out of
 * each covariance. Where one has less than that in it, all keep theirs: then the wander was
 * learnt to be larger than it is. */
static void split_oscillator(struct parts *parts, double wander_ppb)
{
	double age_s = INFINITY;
	struct matrix o;

	for (uint32_t i = 0; i < parts->count; i++)
		age_s = fmin(age_s, fmax(parts->list[i].c->prediction.age_ns, 0.0) * 1e-9);
	if (parts->count < 2 || !(wander_ppb > 0.0) || !isfinite(age_s))
		return;
	o.ff = wander_ppb * wander_ppb * age_s;
	o.of = o.ff * age_s / 2.0;
	o.oo = o.ff * age_s * age_s / 3.0;
	for (uint32_t i = 0; i < parts->count; i++) {
		const struct matrix *own = &parts->list[i].own;

		if (!parts->list[i].has_freq || o.oo > COMMON_MAX * own->oo ||
		    o.ff > COMMON_MAX * own->ff ||
		    (own->of - o.of) * (own->of - o.of) >
			    CORRELATION_MAX * (own->oo - o.oo) * (own->ff - o.ff))
			return;
	}
	for (uint32_t i = 0; i < parts->count; i++) {
		parts->list[i].own.oo -= o.oo;
		parts->list[i].own.of -= o.of;
		parts->list[i].own.ff -= o.ff;
	}
	parts->common = o;
}

static struct matrix inverse(const struct matrix *m)
{
	double determinant = m->oo * m->ff - m->of * m->of;

	return (struct matrix){m->ff / determinant, -m->of / determinant, m->oo / determinant};
}

/* Sum of the information; the weight matrix of a part is `total` times its information, of which
 * the first row is kept. */
static void weigh(struct parts *parts)
{
	struct matrix sum = {0.0, 0.0, 0.0};

	for (uint32_t i = 0; i < parts->count; i++) {
		struct part *p = &parts->list[i];
		struct matrix m = p->own;

		m.oo += p->companions * p->s_ns * p->s_ns;
		if (p->has_freq)
			p->information = inverse(&m);
		else
			p->information = (struct matrix){1.0 / m.oo, 0.0, 0.0};
		sum.oo += p->information.oo;
		sum.of += p->information.of;
		sum.ff += p->information.ff;
		parts->has_freq |= p->has_freq;
	}
	parts->total = parts->has_freq ? inverse(&sum) : (struct matrix){1.0 / sum.oo, 0.0, 0.0};
	for (uint32_t i = 0; i < parts->count; i++) {
		struct part *p = &parts->list[i];
		const struct matrix *t = &parts->total;

		p->weight = t->oo * p->information.oo + t->of * p->information.of;
		p->freq_weight = t->oo * p->information.of + t->of * p->information.ff;
	}
}

/* Means of offset and frequency from those of the best, and the covariance of their errors that go
 * away. */
static void average(const struct parts *parts, struct ds_combined *out, double *mean_ns,
		    double *mean_ppb)
{
	const struct matrix *t = &parts->total;
	struct matrix sum = parts->common;

	*mean_ns = *mean_ppb = 0.0;
	for (uint32_t i = 0; i < parts->count; i++) {
		const struct part *p = &parts->list[i];
		double fo = t->of * p->information.oo + t->ff * p->information.of;
		double ff = t->of * p->information.of + t->ff * p->information.ff;
		double own_ff = p->has_freq ? p->own.ff : 0.0;

		*mean_ns += p->weight * p->offset_ns + p->freq_weight * p->freq_ppb;
		*mean_ppb += fo * p->offset_ns + ff * p->freq_ppb;
		if (!p->has_freq)
			out->blind_ns += p->weight * p->c->prediction.age_ns;
		sum.oo += p->weight * p->weight * p->own.oo +
			  2.0 * p->weight * p->freq_weight * p->own.of +
			  p->freq_weight * p->freq_weight * own_ff;
		sum.of += p->weight * fo * p->own.oo +
			  (p->weight * ff + p->freq_weight * fo) * p->own.of +
			  p->freq_weight * ff * own_ff;
		sum.ff += fo * fo * p->own.oo + 2.0 * fo * ff * p->own.of + ff * ff * own_ff;
	}
	out->sources = parts->count;
	out->sd_ns = sqrt(fmax(sum.oo, 0.0));
	out->freq_sd_ppb = parts->has_freq ? sqrt(fmax(sum.ff, 0.0)) : INFINITY;
	out->cov_ns_ppb = parts->has_freq ? sum.of : 0.0;
}

/* Within a group the errors may all have one sign. */
static double systematic_variance(const struct parts *parts)
{
	double of_group[DS_SOURCES_MAX] = {0.0};
	double sum = 0.0;

	for (uint32_t i = 0; i < parts->count; i++)
		of_group[parts->list[i].group] += fabs(parts->list[i].weight) * parts->list[i].s_ns;
	for (uint32_t i = 0; i < parts->count; i++)
		sum += of_group[i] * of_group[i];
	return sum;
}

/* Birge ratios of the offsets and of the frequencies; 1 where they agree. */
static void take_scatter(const struct parts *parts, double mean_ns, double mean_ppb,
			 struct ds_combined *out)
{
	double systematic = systematic_variance(parts);
	double chi = 0.0, freq_chi = 0.0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < parts->count; i++) {
		const struct part *p = &parts->list[i];
		double r = p->offset_ns - mean_ns;
		double f = p->freq_ppb - mean_ppb;

		chi += r * r / (p->own.oo + p->s_ns * p->s_ns);
		if (p->has_freq)
			freq_chi += f * f / p->own.ff;
		n += p->has_freq;
	}
	if (parts->count > 1)
		systematic += fmax(chi / (parts->count - 1) - 1.0, 0.0) *
			      (out->sd_ns * out->sd_ns + systematic);
	out->systematic_sd_ns = sqrt(systematic);
	if (n > 1 && freq_chi > n - 1) {
		double ratio = sqrt(freq_chi / (n - 1));

		out->freq_sd_ppb *= ratio;
		out->cov_ns_ppb *= ratio;
	}
}

static uint8_t majority_leap(const struct parts *parts, uint8_t leap_of_best)
{
	for (uint8_t leap = 0; leap < 3; leap++) {
		uint32_t n = 0;

		for (uint32_t i = 0; i < parts->count; i++)
			n += parts->list[i].c->leap == leap;
		if (2 * n > parts->count)
			return leap;
	}
	return leap_of_best;
}

/* Does what this source contributed the last time still count for something? */
static bool is_credible(const struct ds_candidate *c)
{
	return c->selection != DS_S_FALSETICKER && c->selection != DS_S_UNTRUSTED &&
	       c->selection != DS_S_LOOP && c->selection != DS_S_OUTLIER;
}

/* What became of the sources that the old weights stood for. */
struct change {
	bool stays[DS_SOURCES_MAX]; /* the same source, and where it was expected */
	bool gone[DS_SOURCES_MAX];  /* it had a weight, and does not stay */
	double mean_ns;		    /* what the old weights would say now, from the best */
};

/* What a source says of the offset under the weights of its offset and its frequency, from the mean
 * of then; the standard deviation of that in *sd_ns. Where the frequency is known from others the
 * end of a short line is worth more than it seems. */
static double as_weighed(const struct ds_prediction *p, double ratio_s, double freq_ppb,
			 int64_t from, double *sd_ns)
{
	double variance = floor_sd(p->sd_ns, LEAST_SD_NS);
	double offset = ds_ns_between(p->server_minus_raw_ns, from);

	variance *= variance;
	if (knows_freq(p)) {
		offset += ratio_s * (p->freq_ppb - freq_ppb);
		variance += 2.0 * ratio_s * p->cov_ns_ppb +
			    ratio_s * ratio_s * p->freq_sd_ppb * p->freq_sd_ppb;
	}
	*sd_ns = floor_sd(sqrt(fmax(variance, 0.0)), LEAST_SD_NS);
	return offset;
}

static double ratio_of(double weight, double freq_weight)
{
	return weight > 0.0 ? freq_weight / weight : 0.0;
}

/* Is the source where it was expected to be? */
static bool is_as_before(const struct ds_combiner *k, uint32_t i, const struct ds_candidate *c,
			 int64_t raw_ns, double freq_ppb)
{
	double since_s = ds_ns_between(raw_ns, k->raw_ns) * 1e-9;
	double expected = k->deviation_ns[i] + since_s * k->freq_ppb;
	double sd;
	double is = as_weighed(&c->prediction, ratio_of(k->weight[i], k->freq_weight[i]), freq_ppb,
			       k->mean_minus_raw_ns, &sd);

	return c->has_prediction && c->ref_id == k->ref_id[i] &&
	       fabs(is - expected) <= DS_COMBINE_MOVED * (sd + k->sd_ns[i]);
}

/* Returns false where nobody stays: there is nothing to compare with. */
static bool compare(const struct ds_combiner *k, const struct ds_candidate *candidates,
		    uint32_t count, int64_t raw_ns, const struct ds_combined *now,
		    struct change *change)
{
	int64_t base = candidates[now->best].prediction.server_minus_raw_ns;
	double sum = 0.0, present = 0.0;

	memset(change, 0, sizeof(*change));
	for (uint32_t i = 0; i < DS_SOURCES_MAX; i++) {
		const struct ds_candidate *c = &candidates[i < count ? i : 0];

		if (k->weight[i] == 0.0 ||
		    (i < count && c->ref_id == k->ref_id[i] && !is_credible(c)))
			continue;
		change->stays[i] = i < count && is_as_before(k, i, c, raw_ns, now->freq_ppb);
		change->gone[i] = !change->stays[i];
		if (change->gone[i]) {
			/* As far off the mean that is sought as it was the last time. */
			sum += k->weight[i] * k->deviation_ns[i];
			continue;
		}
		if (knows_freq(&c->prediction))
			sum += k->freq_weight[i] * (c->prediction.freq_ppb - now->freq_ppb);
		sum += k->weight[i] * ds_ns_between(c->prediction.server_minus_raw_ns, base);
		present += k->weight[i];
	}
	if (!(present > 0.0))
		return false;
	change->mean_ns = sum / present;
	return isfinite(change->mean_ns);
}

/* The share of systematic errors in the variance of what the change moves. */
static double systematic_share(const struct ds_combiner *k, const struct parts *parts,
			       const struct ds_candidate *candidates, uint32_t count,
			       const struct change *change)
{
	double weight[DS_SOURCES_MAX] = {0.0}, freq_weight[DS_SOURCES_MAX] = {0.0};
	double systematic = 0.0, noise = 0.0;

	for (uint32_t i = 0; i < parts->count; i++) {
		weight[parts->list[i].index] = parts->list[i].weight;
		freq_weight[parts->list[i].index] = parts->list[i].freq_weight;
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct ds_prediction *p = &candidates[i].prediction;
		double by = weight[i] - (change->stays[i] ? k->weight[i] : 0.0);
		double freq_by = freq_weight[i] - (change->stays[i] ? k->freq_weight[i] : 0.0);
		double lost = change->gone[i] ? k->weight[i] : 0.0;
		double s_ns = systematic_sd(&candidates[i]);
		double sd = floor_sd(p->sd_ns, LEAST_SD_NS);

		systematic += (by * by + lost * lost) * s_ns * s_ns;
		noise += lost * lost * k->sd_ns[i] * k->sd_ns[i];
		if (!candidates[i].has_prediction)
			continue;
		noise += by * by * sd * sd;
		if (knows_freq(p))
			noise += freq_by * freq_by * p->freq_sd_ppb * p->freq_sd_ppb +
				 2.0 * by * freq_by * p->cov_ns_ppb;
	}
	return systematic > 0.0 ? systematic / (systematic + fmax(noise, 0.0)) : 0.0;
}

static void remember(struct ds_combiner *k, const struct parts *parts,
		     const struct ds_combined *out, int64_t raw_ns)
{
	int64_t mean = ds_ns_plus(out->server_minus_raw_ns, -out->carry_ns);

	memset(k->weight, 0, sizeof(k->weight));
	memset(k->freq_weight, 0, sizeof(k->freq_weight));
	for (uint32_t i = 0; i < parts->count; i++) {
		const struct part *p = &parts->list[i];

		k->weight[p->index] = p->weight;
		k->freq_weight[p->index] = p->freq_weight;
		k->ref_id[p->index] = p->c->ref_id;
		k->deviation_ns[p->index] =
			as_weighed(&p->c->prediction, ratio_of(p->weight, p->freq_weight),
				   out->freq_ppb, mean, &k->sd_ns[p->index]);
	}
	k->raw_ns = raw_ns;
	k->freq_ppb = out->freq_ppb;
	k->mean_minus_raw_ns = mean;
}

static void carry(struct ds_combiner *k, const struct parts *parts,
		  const struct ds_candidate *candidates, uint32_t count, double mean_ns,
		  int64_t interval_ns, struct ds_combined *out, int64_t raw_ns)
{
	double since_ns = fmax(ds_ns_between(raw_ns, k->raw_ns), 0.0);
	double time_ns = DS_COMBINE_POLLS * fmax((double)interval_ns, INTERVAL_LEAST_NS);
	double limit = CARRY_SDS * out->systematic_sd_ns;
	struct change change;

	k->carry_ns *= exp(-since_ns / time_ns);
	if (compare(k, candidates, count, raw_ns, out, &change))
		k->carry_ns += systematic_share(k, parts, candidates, count, &change) *
			       (change.mean_ns - mean_ns);
	k->carry_ns = fmax(fmin(k->carry_ns, limit), -limit);
	out->carry_ns = k->carry_ns;
	out->systematic_sd_ns = hypot(out->systematic_sd_ns, k->carry_ns);
}

void ds_combine(struct ds_combiner *combiner, const struct ds_candidate *candidates, uint32_t count,
		const struct ds_selected *selected, int64_t raw_ns, int64_t interval_ns,
		struct ds_combined *combined)
{
	const struct ds_prediction *best = &candidates[selected->best].prediction;
	int64_t base = best->server_minus_raw_ns;
	struct parts parts;
	double mean_ns, mean_ppb;

	if (count > DS_SOURCES_MAX)
		count = DS_SOURCES_MAX;
	memset(combined, 0, sizeof(*combined));
	memset(&parts, 0, sizeof(parts));
	combined->best = selected->best;
	combined->low_minus_raw_ns = selected->low_minus_raw_ns;
	combined->high_minus_raw_ns = selected->high_minus_raw_ns;
	collect(&parts, candidates, count, best);
	group(&parts);
	combined->wander_ppb = median_wander(&parts);
	split_oscillator(&parts, combined->wander_ppb);
	weigh(&parts);
	average(&parts, combined, &mean_ns, &mean_ppb);
	if (parts.has_freq)
		combined->freq_ppb = knows_freq(best) ? best->freq_ppb + mean_ppb : mean_ppb;
	take_scatter(&parts, mean_ns, mean_ppb, combined);
	carry(combiner, &parts, candidates, count, mean_ns, interval_ns, combined, raw_ns);
	combined->server_minus_raw_ns = ds_ns_plus(base, mean_ns + combined->carry_ns);
	remember(combiner, &parts, combined, raw_ns);
	combined->leap = majority_leap(&parts, candidates[selected->best].leap);
}
