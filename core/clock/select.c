/*
 * select: intersection, the best, and the weighted mean.
 * It must never give a time that a majority of the usable sources does not agree with.
 */
#include "core/clock/select.h"

#include <math.h>
#include <string.h>

#include "core/clock/scale.h"

char ds_selection_letter(enum ds_selection selection)
{
	static const char letters[] = {
#define X(symbol, letter, words) letter,
		DS_SELECTIONS(X)
#undef X
	};

	return (unsigned)selection < sizeof(letters) ? letters[selection] : '?';
}

const char *ds_selection_words(enum ds_selection selection)
{
	switch (selection) {
#define X(symbol, letter, words)                                                                   \
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
		return DS_S_NONE;
	if (!c->reachable)
		return DS_S_UNREACHABLE;
	if (c->noselect)
		return DS_S_NOSELECT;
	if (config->max_distance_ns > 0 && c->prediction.distance_ns > config->max_distance_ns)
		return DS_S_DISTANT;
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

static bool claims(const struct ds_candidate *c, int64_t moment)
{
	return low(c) <= moment && moment <= high(c);
}

/* How many claims hold at the lower end of each; the most that ever hold is among these. */
static uint32_t agreement(const struct ds_candidate *candidates, uint32_t count,
			  uint32_t holding[DS_SOURCES_MAX])
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < count; i++) {
		holding[i] = 0;
		if (!votes(&candidates[i]))
			continue;
		for (uint32_t j = 0; j < count; j++)
			if (votes(&candidates[j]) && claims(&candidates[j], low(&candidates[i])))
				holding[i]++;
		if (holding[i] > most)
			most = holding[i];
	}
	return most;
}

/* Tells the falsetickers apart; returns how many are left. */
static uint32_t intersect(struct ds_candidate *candidates, uint32_t count)
{
	bool good[DS_SOURCES_MAX] = {false};
	uint32_t holding[DS_SOURCES_MAX];
	uint32_t most = agreement(candidates, count, holding);
	uint32_t voters = 0;
	uint32_t left = 0;

	for (uint32_t i = 0; i < count; i++)
		voters += votes(&candidates[i]);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < count; j++)
			if (votes(&candidates[i]) && votes(&candidates[j]) && holding[j] == most &&
			    claims(&candidates[i], low(&candidates[j])))
				good[i] = 2 * most > voters;
	for (uint32_t i = 0; i < count; i++) {
		if (votes(&candidates[i]) && !good[i])
			candidates[i].selection = DS_S_FALSETICKER;
		left += good[i];
	}
	return left;
}

static double score(const struct ds_candidate *c)
{
	return (double)c->prediction.distance_ns + DS_SELECT_STRATUM_NS * c->stratum;
}

static bool any_preferred(const struct ds_candidate *candidates, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (votes(&candidates[i]) && candidates[i].prefer)
			return true;
	return false;
}

/* There is at least one voter. */
static uint32_t choose(const struct ds_candidate *candidates, uint32_t count, int32_t previous)
{
	bool preferred = any_preferred(candidates, count);
	uint32_t best = count;

	for (uint32_t i = 0; i < count; i++) {
		if (!votes(&candidates[i]) || (preferred && !candidates[i].prefer))
			continue;
		if (best == count || score(&candidates[i]) < score(&candidates[best]))
			best = i;
	}
	if (previous < 0 || (uint32_t)previous >= count || (uint32_t)previous == best)
		return best;
	if (!votes(&candidates[previous]) || (preferred && !candidates[previous].prefer))
		return best;
	if (score(&candidates[best]) < DS_SELECT_BETTER * score(&candidates[previous]))
		return best;
	return (uint32_t)previous;
}

static bool combinable(const struct ds_candidate *c, const struct ds_candidate *best,
		       bool preferred)
{
	if (preferred && !c->prefer)
		return false;
	if ((double)c->prediction.distance_ns >
	    DS_SELECT_COMBINE * (double)best->prediction.distance_ns)
		return false;
	return low(c) <= high(best) && low(best) <= high(c);
}

static void label(struct ds_candidate *candidates, uint32_t count, uint32_t best)
{
	bool preferred = any_preferred(candidates, count);

	for (uint32_t i = 0; i < count; i++) {
		struct ds_candidate *c = &candidates[i];

		if (!votes(c) || i == best)
			continue;
		c->selection = combinable(c, &candidates[best], preferred) ? DS_S_COMBINED
									   : DS_S_NOT_COMBINED;
	}
	candidates[best].selection = DS_S_SELECTED;
}

static bool taken(const struct ds_candidate *c)
{
	return c->selection == DS_S_SELECTED || c->selection == DS_S_COMBINED;
}

/* A variance of nothing would outweigh all; a nanosecond is below every grain. */
static double weight_of(double sd)
{
	return 1.0 / fmax(sd * sd, 1.0);
}

static void combine_offsets(const struct ds_candidate *candidates, uint32_t count,
			    struct ds_combined *combined)
{
	int64_t base = candidates[combined->best].prediction.server_minus_raw_ns;
	double weights = 0.0;
	double mean = 0.0;
	double scatter = 0.0;

	for (uint32_t i = 0; i < count; i++) {
		const struct ds_prediction *p = &candidates[i].prediction;
		double difference = (double)(p->server_minus_raw_ns - base);

		if (!taken(&candidates[i]))
			continue;
		weights += weight_of(p->sd_ns);
		mean += weight_of(p->sd_ns) * difference;
		scatter += weight_of(p->sd_ns) * difference * difference;
		if (!isfinite(p->freq_sd_ppb))
			combined->blind_ns += weight_of(p->sd_ns) * p->age_ns;
		combined->sources++;
	}
	mean /= weights;
	combined->blind_ns /= weights;
	/* Where they differ by more than each claims to know, what they know together is no
	 * better than the scatter of their mean. */
	scatter = fmax(scatter / weights - mean * mean, 0.0) / combined->sources;
	combined->server_minus_raw_ns = ds_ns_plus(base, mean);
	combined->sd_ns = sqrt(fmax(1.0 / weights, scatter));
}

static void combine_freqs(const struct ds_candidate *candidates, uint32_t count,
			  struct ds_combined *combined)
{
	double weights = 0.0;
	double sum = 0.0;

	for (uint32_t i = 0; i < count; i++) {
		const struct ds_prediction *p = &candidates[i].prediction;
		/* 1e-6 ppb: below what 64 samples of any clock can tell */
		double weight = 1.0 / fmax(p->freq_sd_ppb * p->freq_sd_ppb, 1e-12);

		if (!taken(&candidates[i]) || !isfinite(p->freq_sd_ppb))
			continue;
		weights += weight;
		sum += weight * p->freq_ppb;
	}
	combined->freq_ppb = weights > 0.0 ? sum / weights : 0.0;
	combined->freq_sd_ppb = weights > 0.0 ? 1.0 / sqrt(weights) : INFINITY;
}

static uint8_t combine_leap(const struct ds_candidate *candidates, uint32_t count,
			    const struct ds_combined *combined)
{
	for (uint8_t leap = 0; leap < 3; leap++) {
		uint32_t n = 0;

		for (uint32_t i = 0; i < count; i++)
			n += taken(&candidates[i]) && candidates[i].leap == leap;
		if (2 * n > combined->sources)
			return leap;
	}
	return candidates[combined->best].leap;
}

bool ds_select(struct ds_candidate *candidates, uint32_t count, int32_t previous,
	       const struct ds_select_config *config, struct ds_combined *combined)
{
	uint32_t good;

	for (uint32_t i = DS_SOURCES_MAX; i < count; i++)
		candidates[i].selection = DS_S_NONE;
	if (count > DS_SOURCES_MAX)
		count = DS_SOURCES_MAX;
	for (uint32_t i = 0; i < count; i++)
		candidates[i].selection = usable(&candidates[i], config);
	good = intersect(candidates, count);
	if (good == 0 || good < config->min_sources)
		return false;
	memset(combined, 0, sizeof(*combined));
	combined->best = choose(candidates, count, previous);
	label(candidates, count, combined->best);
	combine_offsets(candidates, count, combined);
	combine_freqs(candidates, count, combined);
	combined->leap = combine_leap(candidates, count, combined);
	return true;
}
