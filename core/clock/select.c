/*
 * select: the vote, the best, and who may be combined with it.
 * It must never give a time that a majority of the usable sources does not agree with.
 */
#include "core/clock/select.h"

#include <math.h>
#include <string.h>

#include "core/clock/claim.h"
#include "core/clock/scale.h"

char ds_selection_letter(enum ds_selection selection)
{
	static const char letters[] = {
#define X(symbol, letter, data_letter, words) letter,
		DS_SELECTIONS(X)
#undef X
	};

	return (unsigned)selection < sizeof(letters) ? letters[selection] : '?';
}

char ds_selection_data_letter(enum ds_selection selection)
{
	static const char letters[] = {
#define X(symbol, letter, data_letter, words) data_letter,
		DS_SELECTIONS(X)
#undef X
	};

	return (unsigned)selection < sizeof(letters) ? letters[selection] : '?';
}

const char *ds_selection_words(enum ds_selection selection)
{
	switch (selection) {
#define X(symbol, letter, data_letter, words)                                                      \
	case DS_S_##symbol:                                                                        \
		return words;
		DS_SELECTIONS(X)
#undef X
	}
	return "unknown";
}

/* All that is usable is marked WAITING for the time being: it has a vote. */
static enum ds_selection usable(const struct ds_candidate *c, const struct ds_select_config *config)
{
	if (!c->has_prediction)
		return c->loop ? DS_S_LOOP : DS_S_NONE;
	if (!c->reachable)
		return DS_S_UNREACHABLE;
	if (c->noselect)
		return DS_S_NOSELECT;
	if (c->loop)
		return DS_S_LOOP;
	if (config->max_distance_ns > 0 && c->prediction.distance_ns > config->max_distance_ns)
		return DS_S_DISTANT;
	if (config->max_jitter_ns > 0.0 && c->jitter_ns > config->max_jitter_ns)
		return DS_S_JITTERY;
	if (config->orphan_stratum > 0 && c->stratum >= config->orphan_stratum)
		return DS_S_ORPHAN;
	return DS_S_WAITING;
}

static bool votes(const struct ds_candidate *c)
{
	return c->selection == DS_S_WAITING;
}

static int64_t low(const struct ds_candidate *c)
{
	return ds_ns_plus(c->prediction.server_minus_raw_ns, -(double)c->prediction.distance_ns);
}

static int64_t high(const struct ds_candidate *c)
{
	return ds_ns_plus(c->prediction.server_minus_raw_ns, (double)c->prediction.distance_ns);
}

static bool holds(const struct ds_claim *c, int64_t moment)
{
	return c->low_ns <= moment && moment <= c->high_ns;
}

/* A vote: who takes part, and how many claims hold at the lower end of each. The most that ever
 * hold is among these. */
struct vote {
	struct ds_claim claims[DS_SOURCES_MAX]; /* of those that are usable */
	uint32_t count;
	bool voter[DS_SOURCES_MAX];
	uint32_t holding[DS_SOURCES_MAX];
	uint32_t middles[DS_SOURCES_MAX]; /* offsets within what these have in common */
	uint32_t voters, most, most_middles;
};

static void collect_claims(struct vote *v, const struct ds_candidate *candidates, uint32_t count,
			   double max_clock_error_ppb)
{
	const struct ds_prediction *predictions[DS_SOURCES_MAX] = {NULL};
	double systematic_ns[DS_SOURCES_MAX] = {0.0};
	struct ds_claim claims[DS_SOURCES_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		if (votes(&candidates[i])) {
			systematic_ns[n] = candidates[i].systematic_ns;
			predictions[n++] = &candidates[i].prediction;
		}
	ds_claims(predictions, systematic_ns, n, max_clock_error_ppb, claims);
	n = 0;
	for (uint32_t i = 0; i < count; i++)
		if (votes(&candidates[i]))
			v->claims[i] = claims[n++];
}

/* How many offsets lie in what all claims have in common that hold at the lower end of i? Where
 * wide claims reach over to a falseticker they have less there (RFC 5905 section 11.2.1 counts
 * these midpoints, too). */
static uint32_t count_middles(const struct vote *v, uint32_t i)
{
	struct ds_claim common = v->claims[i];
	uint32_t n = 0;

	for (uint32_t j = 0; j < v->count; j++)
		if (v->voter[j] && holds(&v->claims[j], v->claims[i].low_ns) &&
		    v->claims[j].high_ns < common.high_ns)
			common.high_ns = v->claims[j].high_ns;
	for (uint32_t j = 0; j < v->count; j++)
		n += v->voter[j] && holds(&common, v->claims[j].offset_ns);
	return n;
}

static void count_votes(struct vote *v, const struct ds_candidate *candidates, uint32_t count)
{
	bool trusted = false;

	v->count = count;
	v->voters = v->most = v->most_middles = 0;
	memset(v->holding, 0, sizeof(v->holding));
	memset(v->middles, 0, sizeof(v->middles));
	for (uint32_t i = 0; i < count; i++)
		trusted |= votes(&candidates[i]) && candidates[i].trust;
	for (uint32_t i = 0; i < count; i++) {
		v->voter[i] = votes(&candidates[i]) && (!trusted || candidates[i].trust);
		v->voters += v->voter[i];
	}
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = 0; j < count; j++)
			if (v->voter[i] && v->voter[j] && holds(&v->claims[j], v->claims[i].low_ns))
				v->holding[i]++;
		if (v->holding[i] > v->most)
			v->most = v->holding[i];
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!v->voter[i] || v->holding[i] < v->most)
			continue;
		v->middles[i] = count_middles(v, i);
		if (v->middles[i] > v->most_middles)
			v->most_middles = v->middles[i];
	}
}

/* Does the largest agreement at the lower end of i stand, also where there are several? */
static bool stands(const struct vote *v, uint32_t i, int32_t loyal)
{
	return v->voter[i] && v->holding[i] == v->most && v->middles[i] == v->most_middles &&
	       (loyal < 0 || holds(&v->claims[loyal], v->claims[i].low_ns));
}

/* The source selected before, if it is part of any largest agreement; else -1. */
static int32_t loyal_to(const struct vote *v, int32_t previous)
{
	if (previous < 0 || (uint32_t)previous >= v->count || !v->voter[previous])
		return -1;
	for (uint32_t i = 0; i < v->count; i++)
		if (stands(v, i, previous))
			return previous;
	return -1;
}

static bool is_believed(const struct vote *v, uint32_t who, int32_t loyal)
{
	if (!v->voter[who])
		return false;
	for (uint32_t i = 0; i < v->count; i++)
		if (stands(v, i, loyal) && !holds(&v->claims[who], v->claims[i].low_ns))
			return false;
	return true;
}

static void narrow(struct ds_selected *s, const struct ds_claim *c)
{
	if (c->low_ns > s->low_minus_raw_ns)
		s->low_minus_raw_ns = c->low_ns;
	if (c->high_ns < s->high_minus_raw_ns)
		s->high_minus_raw_ns = c->high_ns;
}

/* One without a vote of its own, beside those that are trusted. */
static enum ds_selection judge_other(const struct ds_claim *c, const struct ds_selected *s)
{
	if (c->high_ns < s->low_minus_raw_ns || c->low_ns > s->high_minus_raw_ns)
		return DS_S_FALSETICKER;
	if (c->offset_ns < s->low_minus_raw_ns || c->offset_ns > s->high_minus_raw_ns)
		return DS_S_UNTRUSTED;
	return DS_S_WAITING;
}

/* Tells the falsetickers apart, and sets the agreement. Two agreements of a majority have a source
 * in common, and with it all that lie between them: somebody is always believed. */
static void intersect(struct ds_candidate *candidates, uint32_t count, int32_t previous,
		      struct vote *v, struct ds_selected *s)
{
	bool believed[DS_SOURCES_MAX] = {false};
	int32_t loyal;

	count_votes(v, candidates, count);
	loyal = loyal_to(v, previous);
	s->low_minus_raw_ns = -DS_NS_LIMIT;
	s->high_minus_raw_ns = DS_NS_LIMIT;
	s->good = 0;
	for (uint32_t i = 0; i < count && 2 * v->most > v->voters; i++) {
		believed[i] = is_believed(v, i, loyal);
		if (believed[i])
			narrow(s, &v->claims[i]);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!votes(&candidates[i]))
			continue;
		if (v->voter[i] || 2 * v->most <= v->voters)
			candidates[i].selection = believed[i] ? DS_S_WAITING : DS_S_FALSETICKER;
		else
			candidates[i].selection = judge_other(&v->claims[i], s);
		s->good += votes(&candidates[i]);
	}
}

/* What is usual for a source to be wrong by. */
static double usual_ns(const struct ds_candidate *c, const struct ds_claim *claim)
{
	return hypot(claim->sd_ns, DS_CLAIM_USUAL * fmax(c->systematic_ns, 0.0));
}

/* The good one with the lower median of the offsets; *n: how many there are, not 0. */
static uint32_t middle_of(const struct ds_candidate *candidates, const struct vote *v, uint32_t *n)
{
	uint32_t sorted[DS_SOURCES_MAX];

	*n = 0;
	for (uint32_t i = 0; i < v->count; i++) {
		uint32_t at = *n;

		if (!votes(&candidates[i]))
			continue;
		for (; at > 0 && v->claims[sorted[at - 1]].offset_ns > v->claims[i].offset_ns; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = i;
		(*n)++;
	}
	return *n > 0 ? sorted[(*n - 1) / 2] : 0;
}

/* See the header. */
static void set_outliers_aside(struct ds_candidate *candidates, const struct vote *v)
{
	bool out[DS_SOURCES_MAX] = {false};
	uint32_t n, outliers = 0;
	uint32_t middle = middle_of(candidates, v, &n);

	for (uint32_t i = 0; i < v->count && n > 2; i++) {
		const struct ds_candidate *c = &candidates[i];
		double apart =
			fabs(ds_ns_between(v->claims[i].offset_ns, v->claims[middle].offset_ns));

		out[i] = votes(c) && !c->prefer && !c->trust &&
			 apart > DS_SELECT_OUTLIER_SDS *
					 hypot(usual_ns(c, &v->claims[i]),
					       usual_ns(&candidates[middle], &v->claims[middle]));
		outliers += out[i];
	}
	for (uint32_t i = 0; i < v->count && 2 * outliers < n; i++)
		if (out[i])
			candidates[i].selection = DS_S_OUTLIER;
}

/* See "Loops" in the header. */
static bool may_be_ours(const struct ds_candidate *c, const struct ds_select_config *config)
{
	return config->own_stratum > 0 && c->stratum > config->own_stratum && !c->trust &&
	       !c->followed && c->prediction.distance_ns > config->own_distance_ns;
}

/* It knows nothing that we do not, be it ours or not. */
static bool is_no_better(const struct ds_candidate *c, const struct ds_select_config *config)
{
	return config->own_stratum > 0 && c->stratum >= config->own_stratum && !c->trust &&
	       !c->followed && c->prediction.distance_ns > config->own_distance_ns;
}

/* Those that were found false without a majority have another vote, but for those of a stratum
 * above ours: how far they say they are from the truth is what is in doubt. Returns whether that is
 * another vote at all. */
static bool without_ours(struct ds_candidate *candidates, uint32_t count,
			 const struct ds_select_config *config)
{
	bool any = false;

	for (uint32_t i = 0; i < count && config->own_stratum > 0; i++) {
		struct ds_candidate *c = &candidates[i];

		if (c->selection != DS_S_FALSETICKER || c->trust || c->followed ||
		    c->stratum <= config->own_stratum)
			continue;
		c->selection = DS_S_MAYBE_OURS;
		any = true;
	}
	for (uint32_t i = 0; i < count && any; i++)
		if (candidates[i].selection == DS_S_FALSETICKER)
			candidates[i].selection = DS_S_WAITING;
	return any;
}

/* Returns whether there is one that can be the best. */
static bool leave_ours_out(struct ds_candidate *candidates, uint32_t count,
			   const struct ds_select_config *config)
{
	bool any = false;

	for (uint32_t i = 0; i < count; i++)
		any |= votes(&candidates[i]) && !is_no_better(&candidates[i], config);
	for (uint32_t i = 0; i < count; i++)
		if (votes(&candidates[i]) && (any ? may_be_ours(&candidates[i], config)
						  : is_no_better(&candidates[i], config)))
			candidates[i].selection = DS_S_MAYBE_OURS;
	return any;
}

/* See "Orphan mode" in the header. */
static void follow_an_orphan(struct ds_candidate *candidates, uint32_t count,
			     const struct ds_select_config *config, struct vote *v,
			     struct ds_selected *s)
{
	struct ds_candidate *lowest = NULL;

	for (uint32_t i = 0; i < count; i++) {
		struct ds_candidate *c = &candidates[i];

		if (c->selection != DS_S_ORPHAN || c->stratum != config->orphan_stratum ||
		    c->local_ref_id == 0 || c->ref_id >= c->local_ref_id)
			continue;
		if (lowest == NULL || c->ref_id < lowest->ref_id)
			lowest = c;
	}
	if (lowest == NULL)
		return;
	lowest->selection = DS_S_WAITING;
	s->good = 1;
	s->low_minus_raw_ns = low(lowest);
	s->high_minus_raw_ns = high(lowest);
	v->claims[lowest - candidates] =
		(struct ds_claim){lowest->prediction.server_minus_raw_ns, low(lowest), high(lowest),
				  lowest->prediction.sd_ns};
}

/* Where a source is required, none of the others is enough. */
static bool is_enough(struct ds_candidate *candidates, uint32_t count,
		      const struct ds_select_config *config, const struct ds_selected *s)
{
	bool required = false;
	bool have = false;

	for (uint32_t i = 0; i < count; i++) {
		required |= candidates[i].require && !candidates[i].noselect;
		have |= candidates[i].require && votes(&candidates[i]);
	}
	if (s->good == 0)
		return false;
	if (required && !have) {
		for (uint32_t i = 0; i < count; i++)
			if (votes(&candidates[i]))
				candidates[i].selection = DS_S_WAITING_REQUIRED;
		return false;
	}
	return s->good >= config->min_sources;
}

/* What it claims, once the oscillator's part is out of it: one that was measured just now is no
 * better source for that. */
static double score(const struct ds_candidate *c, const struct ds_claim *claim,
		    const struct ds_select_config *config)
{
	return ds_ns_between(claim->high_ns, claim->low_ns) / 2.0 +
	       config->stratum_weight_ns * c->stratum;
}

static bool any_preferred(const struct ds_candidate *candidates, uint32_t count,
			  const struct ds_select_config *config)
{
	for (uint32_t i = 0; i < count; i++)
		if (votes(&candidates[i]) && candidates[i].prefer &&
		    !is_no_better(&candidates[i], config))
			return true;
	return false;
}

static bool can_be_best(const struct ds_candidate *c, const struct ds_select_config *config,
			bool preferred)
{
	return votes(c) && (c->prefer || !preferred) && !is_no_better(c, config);
}

/* At least one can be it. */
static uint32_t choose(const struct ds_candidate *candidates, const struct vote *v,
		       int32_t previous, const struct ds_select_config *config)
{
	const struct ds_claim *claims = v->claims;
	uint32_t count = v->count;
	bool preferred = any_preferred(candidates, count, config);
	uint32_t best = count;
	double to_beat;

	for (uint32_t i = 0; i < count; i++) {
		if (!can_be_best(&candidates[i], config, preferred))
			continue;
		if (best == count || score(&candidates[i], &claims[i], config) <
					     score(&candidates[best], &claims[best], config))
			best = i;
	}
	if (previous < 0 || (uint32_t)previous >= count || (uint32_t)previous == best ||
	    !can_be_best(&candidates[previous], config, preferred))
		return best;
	to_beat = score(&candidates[previous], &claims[previous], config);
	to_beat = fmin(DS_SELECT_BETTER * to_beat, to_beat - config->reselect_ns);
	return score(&candidates[best], &claims[best], config) < to_beat ? best
									 : (uint32_t)previous;
}

static bool runs_as(const struct ds_prediction *a, const struct ds_prediction *b,
		    const struct ds_select_config *config)
{
	double sd = hypot(a->freq_sd_ppb, b->freq_sd_ppb);

	/* One of unknown frequency is not held against the other. */
	return !isfinite(sd) || fabs(a->freq_ppb - b->freq_ppb) <=
					DS_SELECT_FREQ_SDS * sd + 2.0 * config->max_clock_error_ppb;
}

static enum ds_selection label_one(const struct ds_candidate *c, const struct ds_candidate *best,
				   const struct ds_select_config *config)
{
	double limit = config->combine_limit * (double)best->prediction.distance_ns;

	if (best->prefer && !c->prefer)
		return DS_S_NOT_PREFERRED;
	if (!c->combined_before)
		limit *= DS_SELECT_REJOIN;
	if ((double)c->prediction.distance_ns > limit || low(c) > high(best) ||
	    high(c) < low(best) || !runs_as(&c->prediction, &best->prediction, config))
		return DS_S_NOT_COMBINED;
	return DS_S_COMBINED;
}

static void label(struct ds_candidate *candidates, uint32_t count, uint32_t best,
		  const struct ds_select_config *config)
{
	for (uint32_t i = 0; i < count; i++)
		if (i != best && votes(&candidates[i]))
			candidates[i].selection =
				label_one(&candidates[i], &candidates[best], config);
	candidates[best].selection = DS_S_SELECTED;
}

bool ds_select(struct ds_candidate *candidates, uint32_t count, int32_t previous,
	       const struct ds_select_config *config, struct ds_selected *selected)
{
	struct ds_selected s = {0};
	struct vote v;

	memset(&v, 0, sizeof(v));
	for (uint32_t i = DS_SOURCES_MAX; i < count; i++)
		candidates[i].selection = DS_S_NONE;
	if (count > DS_SOURCES_MAX)
		count = DS_SOURCES_MAX;
	for (uint32_t i = 0; i < count; i++) {
		candidates[i].followed = (int32_t)i == previous;
		candidates[i].selection = usable(&candidates[i], config);
	}
	collect_claims(&v, candidates, count, config->max_clock_error_ppb);
	intersect(candidates, count, previous, &v, &s);
	if (s.good == 0 && without_ours(candidates, count, config))
		intersect(candidates, count, previous, &v, &s);
	if (s.good == 0 && config->orphan_stratum > 0)
		follow_an_orphan(candidates, count, config, &v, &s);
	if (!is_enough(candidates, count, config, &s))
		return false;
	set_outliers_aside(candidates, &v);
	if (!leave_ours_out(candidates, count, config))
		return false;
	s.best = choose(candidates, &v, previous, config);
	label(candidates, count, s.best, config);
	*selected = s;
	return true;
}
