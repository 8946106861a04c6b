/* verdict_odd: interleaved answers that carry the transmit stamp of another packet; see verdict.h.
 *
 * Such a stamp is off by the time between two packets: some askers refuse the sample, because no
 * answer comes before it left, others take it, and one leg of it is off while the other is right.
 * It is told from packets that were held up by who shares it: all who ask one host, and few others.
 */
#include "lab/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/statistics.h"

#define ODD_LEAST_NS   100000.0
#define ODD_DEVIATIONS 20.0
#define DEVIATION      1.4826 /* of a median absolute deviation, in normal sigmas */
#define ONE_LEG	       0.1    /* how far half the delay may be from the offset, of it */
#define SHARE_LEAST    0.005
#define COUNT_LEAST    4
#define SHARE_MOST     0.3 /* beyond that it is no other packet, but a stamp that is always off */
#define TIMES_OTHERS   4.0
#define LOST_LEAST     0.03 /* packets of the first and last moments are lost as well */
#define LOST_EXPLAINS  1.5  /* times as many refusals */
#define EXPECTED_LEAST 8    /* an asker with fewer may have met none by chance */

/* Under which an asker refuses what no exchange can be: drivestampd's word, and the test of chronyd
 * that has to do with the delay. */
static const char *const refusals[] = {"delay-negative", "test-A"};

struct odd {
	size_t samples; /* and refused ones */
	size_t count;	/* of the odd and the refused */
	size_t refused; /* of them */
	double by_ns;	/* median of how far the odd ones are off; NAN: none */
};

static double median_of(const struct ds_lab_cell *cell, bool delay, double about, bool size,
			double *values, size_t *count)
{
	size_t n = 0;

	for (size_t i = 0; i < cell->sample_count; i++) {
		const struct ds_lab_sample *s = &cell->samples[i];
		if (s->condition != DS_LAB_IDLE || !s->interleaved)
			continue;
		double value = (delay ? s->delay_ns : s->offset_ns) - about;
		values[n++] = size ? fabs(value) : value;
	}
	ds_sort(values, n);
	*count = n;
	return ds_quantile(values, n, 0.5);
}

/* One leg is off by `by`: the offset by half of it, the delay by all of it, or by its size where a
 * daemon takes no delay below zero for what it is. */
static bool is_odd(double offset, double delay, double limit)
{
	return fabs(offset) > limit &&
	       fabs(fabs(delay) / 2 - fabs(offset)) < ONE_LEG * fabs(offset);
}

static bool look(const struct ds_lab_cell *cell, struct odd *odd)
{
	size_t count, off = 0;
	double *values = calloc(cell->sample_count + 1, sizeof(*values));

	*odd = (struct odd){.by_ns = (double)NAN};
	if (!values)
		return false;
	double offset = median_of(cell, false, 0, false, values, &count);
	double spread = median_of(cell, false, offset, true, values, &count);
	double delay = median_of(cell, true, 0, false, values, &count);
	double limit = fmax(ODD_LEAST_NS, ODD_DEVIATIONS * DEVIATION * spread);
	for (size_t i = 0; i < cell->sample_count; i++) {
		const struct ds_lab_sample *s = &cell->samples[i];
		if (s->condition == DS_LAB_IDLE && s->interleaved &&
		    is_odd(s->offset_ns - offset, s->delay_ns - delay, limit))
			values[off++] = 2 * fabs(s->offset_ns - offset);
	}
	ds_sort(values, off);
	odd->by_ns = ds_quantile(values, off, 0.5);
	free(values);
	double refused = 0;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		refused += ds_cell_counted(cell, refusals[i]);
	odd->refused = (size_t)fmax(refused, 0);
	odd->count = off + odd->refused;
	odd->samples = count + (size_t)fmax(refused, 0);
	return true;
}

struct side { /* the answers of one host, or those to it */
	size_t count, refused, samples;
	double by_ns; /* the largest of its askers' medians */
	bool all_askers;
};

static double share(const struct side *side)
{
	return side->samples > 0 ? (double)side->count / (double)side->samples : 0;
}

static void add_up(const struct ds_lab_result *result, const struct odd *odds,
		   enum ds_lab_mode mode, int host, enum ds_role role, struct side *side)
{
	int askers = 0, none = 0;

	*side = (struct side){.by_ns = (double)NAN};
	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		int whose = role == DS_ROLE_ASKS ? cell->asks : cell->answers;
		if (cell->mode != mode || whose != host || odds[c].samples == 0)
			continue;
		side->count += odds[c].count;
		side->refused += odds[c].refused;
		side->samples += odds[c].samples;
		side->by_ns = fmax(side->by_ns, odds[c].by_ns);
		askers++;
		none += odds[c].count == 0;
	}
	bool few = side->count < (size_t)askers * EXPECTED_LEAST;
	side->all_askers = none == 0 || (few && none == 1 && askers > 2);
}

/* The second smallest share of the other hosts, the smallest where there is one: what happens to
 * everybody. Not all of them: another bad host among them must not hide this one. */
static double usual_share(const struct side sides[], int hosts, int but)
{
	double shares[DS_LAB_HOSTS];
	size_t n = 0;

	for (int h = 0; h < hosts; h++) {
		if (h != but && sides[h].samples > 0)
			shares[n++] = share(&sides[h]);
	}
	ds_sort(shares, n);
	return n == 0 ? (double)NAN : shares[n > 1 ? 1 : 0];
}

static bool name_host(struct ds_lab_result *result, enum ds_lab_mode mode, int host,
		      const struct side *side, double usual)
{
	char by[DS_FIGURE_TEXT], how[DS_LAB_WHY];

	if (isfinite(side->by_ns))
		snprintf(how, sizeof(how), "it is off by about %s",
			 ds_figure_ns(side->by_ns, false, by));
	else
		snprintf(how, sizeof(how),
			 "all who ask refuse it, as no packet comes before it "
			 "has left");
	return ds_result_find(
		result, DS_LAB_BAD, host, "tx-other-packet",
		"One interleaved answer of %.0f of %s carries the transmit stamp of "
		"another packet (%s): %s (%zu of %zu answers; of other hosts %.2f %%).",
		1 / share(side), result->plan.host[host].name, ds_lab_mode_name(mode), how,
		side->count, side->samples, 100 * usual);
}

/* Of nearly all answers of a host, or to it, the stamps cannot be of one exchange. */
static bool judge_refusals(struct ds_lab_result *result, enum ds_lab_mode mode, int host,
			   enum ds_role role, const struct side *side)
{
	if (share(side) < SHARE_MOST || !side->all_askers || side->count < COUNT_LEAST)
		return true;
	return ds_result_find(result, DS_LAB_BAD, host, "impossible-stamps",
			      "%.0f %% of the interleaved answers %s %s are refused, or far off: "
			      "their stamps cannot be of one exchange (%s).",
			      100 * share(side), role == DS_ROLE_ASKS ? "to" : "of",
			      result->plan.host[host].name, ds_lab_mode_name(mode));
}

/* Of the exchanges with this host: by plan, and as its askers count. After a lost packet chronyd
 * refuses an answer by the same test. */
static double lost_share(const struct ds_lab_result *result, enum ds_lab_mode mode, int host)
{
	double arrives = 1 - result->plan.link[host].loss_percent / 100;
	double requests = 0, answers = 0;

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		double asked = ds_cell_counted(cell, "requests");
		double answered = ds_cell_counted(cell, "answers");
		if (cell->mode != mode || cell->answers != host || asked <= 0 || answered <= 0)
			continue;
		requests += asked;
		answers += answered;
	}
	double lost = requests > 0 ? 1 - answers / requests : 0;
	return fmax(lost >= LOST_LEAST ? lost : 0, 1 - arrives * arrives);
}

/* So many refusals are no sign. */
static void forgive_losses(const struct ds_lab_result *result, enum ds_lab_mode mode, int host,
			   struct side *side)
{
	double explained = LOST_EXPLAINS * lost_share(result, mode, host) * (double)side->samples;

	side->count -= explained < (double)side->refused ? (size_t)explained : side->refused;
}

static bool judge_mode(struct ds_lab_result *result, const struct odd *odds, enum ds_lab_mode mode)
{
	struct side sides[DS_LAB_HOSTS], asks;

	for (int host = 0; host < result->plan.hosts; host++) {
		add_up(result, odds, mode, host, DS_ROLE_ANSWERS, &sides[host]);
		add_up(result, odds, mode, host, DS_ROLE_ASKS, &asks);
		if (!judge_refusals(result, mode, host, DS_ROLE_ANSWERS, &sides[host]) ||
		    !judge_refusals(result, mode, host, DS_ROLE_ASKS, &asks))
			return false;
	}
	for (int host = 0; host < result->plan.hosts; host++) {
		struct side *side = &sides[host];
		forgive_losses(result, mode, host, side);
		double usual = usual_share(sides, result->plan.hosts, host);
		bool odd = side->count >= COUNT_LEAST && share(side) >= SHARE_LEAST &&
			   share(side) < SHARE_MOST && side->all_askers &&
			   share(side) >= TIMES_OTHERS * usual;
		if (odd && !name_host(result, mode, host, side, usual))
			return false;
	}
	return true;
}

bool ds_verdict_odd(struct ds_lab_result *result)
{
	static const enum ds_lab_mode modes[] = {DS_LAB_XLEAVE, DS_LAB_SYMMETRIC_XLEAVE,
						 DS_LAB_XLEAVE_HARDWARE};
	struct odd *odds = calloc(result->cell_count + 1, sizeof(*odds));
	bool ok = odds != NULL;

	for (size_t c = 0; ok && c < result->cell_count; c++)
		ok = !ds_lab_mode_tells_departure(result->cells[c].mode) ||
		     look(&result->cells[c], &odds[c]);
	for (size_t m = 0; ok && m < sizeof(modes) / sizeof(modes[0]); m++)
		ok = judge_mode(result, odds, modes[m]);
	free(odds);
	return ok;
}
