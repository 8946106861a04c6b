/*
 * bound: growth, and what selections and surprises say.
 * It must never compute with absolute times in doubles.
 */
#include "core/clock/bound.h"

#include <math.h>
#include <string.h>

#define PIECE_LEAST_NS INT64_C(1000)

/* An unknown standard deviation, or a negative one. */
static double known_or_infinite(double sd)
{
	return sd >= 0.0 ? sd : INFINITY;
}

static double not_negative(int64_t ns)
{
	return ns > 0 ? (double)ns : 0.0;
}

void ds_bound_init(struct ds_bound *b, const struct ds_bound_config *config,
		   const struct ds_holdover *holdover)
{
	memset(b, 0, sizeof(*b));
	b->config = *config;
	b->holdover = holdover;
	b->config.max_clock_error_ppb = fmax(config->max_clock_error_ppb, 0.0);
	b->config.max_asymmetry = fmin(fmax(config->max_asymmetry, 0.0), 1.0);
	b->scale = b->surprise = b->hindsight = 1.0;
}

static double difference(int64_t a, int64_t b)
{
	int64_t d;

	if (__builtin_sub_overflow(a, b, &d))
		return a > b ? (double)INT64_MAX : (double)INT64_MIN;
	return (double)d;
}

static bool was_used(const struct ds_candidate *c)
{
	return c->selection == DS_S_SELECTED || c->selection == DS_S_COMBINED;
}

static bool has_vote(const struct ds_candidate *c)
{
	return c->selection >= DS_S_FALSETICKER && c->selection != DS_S_UNTRUSTED;
}

/* How many of the claims hold at a moment, which is given as server minus raw. */
static uint32_t holding(const struct ds_candidate *candidates, uint32_t count, int64_t moment)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct ds_prediction *p = &candidates[i].prediction;
		double off = fabs(difference(p->server_minus_raw_ns, moment));

		n += has_vote(&candidates[i]) && off <= not_negative(p->certain_ns);
	}
	return n;
}

/* How far from the line the truth may be if a majority of the claims is true, whichever: up to the
 * furthest moment at which so many hold. */
static double furthest(const struct ds_candidate *candidates, uint32_t count, int64_t line)
{
	double far = -1.0;
	uint32_t voters = 0;

	for (uint32_t i = 0; i < count; i++)
		voters += has_vote(&candidates[i]);
	for (uint32_t i = 0; i < count; i++) {
		const struct ds_prediction *p = &candidates[i].prediction;
		int64_t low = ds_ns_plus(p->server_minus_raw_ns, -not_negative(p->certain_ns));
		int64_t high = ds_ns_plus(p->server_minus_raw_ns, not_negative(p->certain_ns));

		if (!has_vote(&candidates[i]))
			continue;
		if (2 * holding(candidates, count, low) > voters)
			far = fmax(far, fabs(difference(low, line)));
		if (2 * holding(candidates, count, high) > voters)
			far = fmax(far, fabs(difference(high, line)));
	}
	return far >= 0.0 ? far : (double)DS_BOUND_UNKNOWN_NS;
}

static void raise(int64_t *most, int64_t value)
{
	if (value > *most)
		*most = value;
}

/* What a candidate that was used adds. Returns how far it is from what came of them all, beyond its
 * noise. */
static double take_used(const struct ds_candidate *c, int64_t line, struct ds_bound_update *update)
{
	const struct ds_prediction *p = &c->prediction;

	raise(&update->source_dispersion_ns, c->stated_dispersion_ns);
	raise(&update->root_delay_ns, c->root_delay_ns);
	raise(&update->doubt_ns, c->doubt_ns);
	raise(&update->hard_ns, c->contradiction_ns);
	update->contradicted |= c->contradiction_ns > 0;
	update->freq_doubt_ppb = fmax(update->freq_doubt_ppb, c->freq_doubt_ppb);
	update->stated_freq_ppb = fmax(update->stated_freq_ppb, p->stated_freq_ppb);
	return fabs(difference(p->server_minus_raw_ns, line)) -
	       DS_BOUND_SDS * known_or_infinite(p->sd_ns);
}

void ds_bound_judge(const struct ds_candidate *candidates, uint32_t count,
		    const struct ds_combined *combined, struct ds_bound_update *update)
{
	int64_t line = combined->server_minus_raw_ns;
	double apart = 0.0;

	count = count < DS_SOURCES_MAX ? count : DS_SOURCES_MAX;
	update->source_dispersion_ns = update->root_delay_ns = update->doubt_ns = 0;
	update->freq_doubt_ppb = update->stated_freq_ppb = 0.0;
	update->contradicted = false;
	update->hard_ns = ds_ns_plus(0, furthest(candidates, count, line));
	for (uint32_t i = 0; i < count; i++)
		if (was_used(&candidates[i]))
			apart = fmax(apart, take_used(&candidates[i], line, update));
	update->disagreement_ns = ds_ns_plus(0, apart);
}

/* Of the offset, by what the frequency strays. */
static double stray_variance(const struct ds_bound *b, double t)
{
	double walk = b->wander_ppb * b->wander_ppb * t * t * t / 3.0;
	double seen = 0.0;

	if (b->holdover != NULL)
		seen = ds_holdover_offset_sd_ns(b->holdover, 0.0, 0.0, 0.0, t);
	return fmax(walk, seen * seen);
}

static double variance_at(const struct ds_bound *b, double t)
{
	return b->sd_ns * b->sd_ns + 2.0 * b->cov_ns_ppb * t +
	       b->freq_sd_ppb * b->freq_sd_ppb * t * t + stray_variance(b, t);
}

static double sd_at(const struct ds_bound *b, double since_s)
{
	/* Not a number where an unknown one meets a time of zero. */
	double sd = since_s > 0.0 ? sqrt(variance_at(b, since_s)) : b->sd_ns;

	return known_or_infinite(sd);
}

static double since_s(const struct ds_bound *b, int64_t raw_ns)
{
	return raw_ns > b->raw_ns ? difference(raw_ns, b->raw_ns) * 1e-9 : 0.0;
}

/* Returns how uncertain the frequency is by what was seen; 0 where it was no surprise. */
static double learn_from_surprise(struct ds_bound *b, const struct ds_bound_update *update)
{
	double t = since_s(b, update->raw_ns);
	double thought = fmax(DS_BOUND_SURPRISE_SDS * sd_at(b, t), 1.0);
	double moved =
		fabs(difference(update->line_minus_raw_ns, b->line_minus_raw_ns) - t * b->freq_ppb);

	b->surprise -= (b->surprise - 1.0) / DS_BOUND_MEMORY;
	b->surprise = fmin(fmax(b->surprise, moved / thought), DS_BOUND_SCALE_MAX);
	return moved > thought ? DS_BOUND_SURPRISE_RATE * moved / fmax(t, 1.0) : 0.0;
}

/* The earlier end that lies nearest to a moment. */
static const struct ds_bound_end *end_near(const struct ds_bound *b, double ago_s, int64_t raw_ns)
{
	const struct ds_bound_end *best = NULL;
	double nearest = INFINITY;

	for (unsigned i = 0; i < b->end_count; i++) {
		double off = fabs(difference(raw_ns, b->ends[i].raw_ns) * 1e-9 - ago_s);

		if (off < nearest) {
			nearest = off;
			best = &b->ends[i];
		}
	}
	return best;
}

static void learn_from_hindsight(struct ds_bound *b, const struct ds_bound_update *update)
{
	double ago_s = b->cov_ns_ppb / (b->freq_sd_ppb * b->freq_sd_ppb);
	const struct ds_bound_end *end = end_near(b, ago_s, update->raw_ns);
	double off, variance, seen;

	if (end == NULL || !isfinite(ago_s))
		return;
	ago_s = difference(update->raw_ns, end->raw_ns) * 1e-9;
	variance = b->sd_ns * b->sd_ns - 2.0 * b->cov_ns_ppb * ago_s +
		   b->freq_sd_ppb * b->freq_sd_ppb * ago_s * ago_s +
		   b->wander_ppb * b->wander_ppb * ago_s * ago_s * ago_s / 3.0;
	/* What is not known much better now than it was then says nothing of it. */
	if (!(variance < 0.5 * end->sd_ns * end->sd_ns))
		return;
	off = difference(update->line_minus_raw_ns, end->line_minus_raw_ns) -
	      ago_s * update->freq_ppb;
	seen = fmin(off / end->sd_ns, DS_BOUND_SCALE_MAX);
	b->hindsight += (seen * seen - b->hindsight) / DS_BOUND_MEMORY;
}

static void remember_end(struct ds_bound *b, const struct ds_bound_update *update)
{
	b->ends[b->end_next] = (struct ds_bound_end){
		.raw_ns = update->raw_ns,
		.line_minus_raw_ns = update->line_minus_raw_ns,
		.sd_ns = fmax(b->sd_ns, 1.0),
	};
	b->end_next = (uint8_t)((b->end_next + 1) % DS_BOUND_ENDS);
	if (b->end_count < DS_BOUND_ENDS)
		b->end_count++;
}

static double student(double nu)
{
	double factor = nu > 0.0 ? exp(DS_BOUND_STUDENT / nu) : INFINITY;

	return fmin(factor, DS_BOUND_SCALE_MAX);
}

void ds_bound_update(struct ds_bound *b, const struct ds_bound_update *update)
{
	double since = since_s(b, update->raw_ns) * 1e9;
	double interval = fmax((double)update->interval_ns, 1.0);
	double surprise_ppb = b->known ? learn_from_surprise(b, update) : 0.0;

	if (!b->known || update->raw_ns > b->raw_ns)
		b->raw_ns = update->raw_ns;
	b->intervals = b->known ? b->intervals + fmin(since / interval, 1.0) : 0.0;
	b->known = true;
	b->sd_ns = known_or_infinite(update->sd_ns);
	b->freq_sd_ppb = fmax(known_or_infinite(update->freq_sd_ppb), surprise_ppb);
	b->wander_ppb = known_or_infinite(update->wander_ppb);
	b->cov_ns_ppb = fmax(fmin(update->cov_ns_ppb, b->sd_ns * b->freq_sd_ppb), 0.0);
	b->stated_ns = fmax(not_negative(update->source_dispersion_ns),
			    b->stated_ns * exp2(-1.0 / DS_BOUND_STATED_HALF));
	b->hard_ns = not_negative(update->hard_ns);
	b->root_ns = b->stated_ns + not_negative(update->disagreement_ns) +
		     b->config.max_asymmetry * 0.5 * not_negative(update->root_delay_ns);
	b->contradicted = update->contradicted;
	b->doubt_ns = not_negative(update->doubt_ns);
	b->freq_doubt_ppb = fmax(update->freq_doubt_ppb, 0.0);
	if (b->intervals < DS_BOUND_YOUNG)
		b->freq_doubt_ppb = fmax(b->freq_doubt_ppb, update->stated_freq_ppb);
	b->line_minus_raw_ns = update->line_minus_raw_ns;
	b->freq_ppb = isfinite(update->freq_ppb) ? update->freq_ppb : 0.0;
	learn_from_hindsight(b, update);
	remember_end(b, update);
	b->scale = fmin(fmax(b->surprise, sqrt(b->hindsight)), DS_BOUND_SCALE_MAX);
	b->scale = fmax(b->scale, 1.0) * student(b->intervals);
}

void ds_bound_lose(struct ds_bound *b)
{
	b->known = false;
	b->end_count = 0;
}

/* How much the standard deviations have grown; 0 where that is not known. */
static double grown(const struct ds_bound *b, double t)
{
	double growth = sd_at(b, t) - b->sd_ns;

	if (isnan(growth)) /* the offset is unknown, so its growth is too; the rest of it counts */
		growth = sqrt(b->freq_sd_ppb * b->freq_sd_ppb * t * t + stray_variance(b, t));
	return isnan(growth) ? 0.0 : DS_BOUND_SDS * b->scale * growth;
}

static double tight_at(const struct ds_bound *b, double t)
{
	double now = fmax(DS_BOUND_SDS * b->scale * b->sd_ns, b->doubt_ns);

	return b->contradicted ? INFINITY : b->root_ns + now + grown(b, t) + b->freq_doubt_ppb * t;
}

/* What the frequency may do beyond maxclockerror is not known less well here than above: the
 * growth is the same, and the claim is never below. */
static double hard_at(const struct ds_bound *b, double t)
{
	return b->hard_ns + b->config.max_clock_error_ppb * t + grown(b, t) + b->freq_doubt_ppb * t;
}

void ds_bound_at(const struct ds_bound *b, int64_t raw_ns, int64_t remaining_ns,
		 struct ds_bound_value *value)
{
	double remaining = fabs((double)remaining_ns);
	double t = since_s(b, raw_ns);
	double hard = b->known ? hard_at(b, t) : INFINITY;
	double tight = b->known ? fmin(tight_at(b, t), hard) : INFINITY;

	value->hard_ns = ds_ns_plus(0, ceil(hard + remaining));
	value->bound_ns = ds_ns_plus(0, ceil(tight + remaining));
}

static struct ds_bound_line chords(const double at[3], double knee_s, double end_s,
				   double remaining)
{
	return (struct ds_bound_line){
		.ns = at[0] + remaining,
		.early_ppb = (at[1] - at[0]) / knee_s,
		.late_ppb = (at[2] - at[1]) / (end_s - knee_s),
	};
}

static bool is_finite(const struct ds_bound_line *line)
{
	return isfinite(line->ns) && isfinite(line->early_ppb) && isfinite(line->late_ppb);
}

bool ds_bound_ahead(const struct ds_bound *b, int64_t raw_ns, int64_t remaining_ns, int64_t knee_ns,
		    int64_t end_ns, struct ds_bound_lines *lines)
{
	const struct ds_bound_line unknown = {(double)DS_BOUND_UNKNOWN_NS, 0.0, 0.0};
	double remaining = fabs((double)remaining_ns);
	double when[3], tight[3], hard[3];

	lines->knee_ns = knee_ns > PIECE_LEAST_NS ? knee_ns : PIECE_LEAST_NS;
	lines->end_ns =
		end_ns > lines->knee_ns + PIECE_LEAST_NS ? end_ns : lines->knee_ns + PIECE_LEAST_NS;
	when[0] = since_s(b, raw_ns);
	when[1] = when[0] + (double)lines->knee_ns * 1e-9;
	when[2] = when[0] + (double)lines->end_ns * 1e-9;
	lines->bound = lines->hard = unknown;
	if (!b->known)
		return false;
	for (int i = 0; i < 3; i++) {
		tight[i] = tight_at(b, when[i]);
		hard[i] = hard_at(b, when[i]);
	}
	lines->hard = chords(hard, when[1] - when[0], when[2] - when[0], remaining);
	lines->bound = chords(tight, when[1] - when[0], when[2] - when[0], remaining);
	if (!is_finite(&lines->hard))
		lines->hard = unknown;
	if (!is_finite(&lines->bound) || lines->bound.ns > (double)DS_BOUND_UNKNOWN_NS)
		lines->bound = lines->hard;
	return lines->hard.ns < (double)DS_BOUND_UNKNOWN_NS;
}
