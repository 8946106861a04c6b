/* verdict: the parts put together, the most important first; see result.h and verdict.h. */
#include "lab/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void join(char text[DS_LAB_WHY], const char *word, int i, int count)
{
	size_t used = strlen(text);

	snprintf(text + used, DS_LAB_WHY - used, "%s%s",
		 i == 0		  ? ""
		 : i == count - 1 ? " and "
				  : ", ",
		 word);
}

const char *ds_host_names(const struct ds_lab_result *result, unsigned hosts, char text[DS_LAB_WHY])
{
	int count = __builtin_popcount(hosts), n = 0;

	text[0] = '\0';
	for (int h = 0; h < result->plan.hosts; h++) {
		if (hosts & 1U << h)
			join(text, result->plan.host[h].name, n++, count);
	}
	return text;
}

const char *ds_mode_names(unsigned modes, char text[DS_LAB_WHY])
{
	int count = __builtin_popcount(modes), n = 0;

	text[0] = '\0';
	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		if (modes & 1U << mode)
			join(text, ds_lab_mode_name((enum ds_lab_mode)mode), n++, count);
	}
	return text;
}

/* What is bad first, then what is good, then what is to be known; among equals as they came. */
static int rank(enum ds_lab_grade grade)
{
	return grade == DS_LAB_BAD ? 0 : grade == DS_LAB_GOOD ? 1 : 2;
}

static bool put_in_order(struct ds_lab_result *result)
{
	size_t n = 0, count = result->finding_count;
	struct ds_lab_finding *sorted = calloc(count + 1, sizeof(*sorted));

	if (!sorted)
		return false;
	for (int wanted = 0; wanted < 3; wanted++) {
		for (size_t i = 0; i < count; i++) {
			if (rank(result->findings[i].grade) == wanted)
				sorted[n++] = result->findings[i];
		}
	}
	memcpy(result->findings, sorted, count * sizeof(*sorted));
	free(sorted);
	return true;
}

struct extent { /* of what was measured */
	int pairs, known_pairs;
	unsigned modes;
	size_t samples;
};

static struct extent extent_of(const struct ds_lab_result *result)
{
	bool met[DS_LAB_HOSTS][DS_LAB_HOSTS] = {{false}},
	     known[DS_LAB_HOSTS][DS_LAB_HOSTS] = {{false}};
	struct extent extent = {0};

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		extent.samples += cell->sample_count;
		if (cell->sample_count > 0)
			extent.modes |= 1U << cell->mode;
		if (cell->mode == DS_LAB_PTP) /* no mode of theirs */
			continue;
		known[cell->asks][cell->answers] |= cell->known;
		met[cell->asks][cell->answers] |= cell->sample_count > 0;
	}
	for (int i = 0; i < DS_LAB_HOSTS; i++) {
		for (int j = 0; j < DS_LAB_HOSTS; j++) {
			extent.pairs += met[i][j];
			extent.known_pairs += known[i][j];
		}
	}
	return extent;
}

/* "new1 (rx-late), new2 (tx-other-packet)": of the bad findings, each once. */
static void name_bad(const struct ds_lab_result *result, char *text, size_t size)
{
	char one[DS_LAB_NAME * 3];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < result->finding_count; i++) {
		const struct ds_lab_finding *f = &result->findings[i];
		if (f->grade != DS_LAB_BAD)
			continue;
		bool named = f->host >= 0 && f->host < result->plan.hosts;
		snprintf(one, sizeof(one), "%s%s%s%s", named ? result->plan.host[f->host].name : "",
			 named ? " (" : "", f->code, named ? ")" : "");
		if (strstr(text, one))
			continue;
		if (used + strlen(one) + 3 < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
						 used > 0 ? ", " : "", one);
	}
}

/* The first finding: the verdict in a sentence. */
static bool sentence(struct ds_lab_result *result)
{
	struct extent extent = extent_of(result);
	char modes[DS_LAB_WHY], compared[2 * DS_LAB_WHY], bad[DS_LAB_WHY];

	if (extent.samples == 0)
		return ds_result_find(result, result->partial ? DS_LAB_NOTE : DS_LAB_BAD, -1,
				      "nothing-measured", "Nothing was measured.");
	ds_mode_names(extent.modes, modes);
	ds_verdict_compare(result, compared, sizeof(compared));
	name_bad(result, bad, sizeof(bad));
	if (bad[0] != '\0')
		return ds_result_find(result, DS_LAB_BAD, -1, "broken", "Not all is well: %s%s%s.",
				      bad, compared[0] != '\0' ? ". Else " : "", compared);
	return ds_result_find(
		result, DS_LAB_GOOD, -1, "works", "It works%s: %d of %d pairs (%s)%s%s.",
		result->plan.rig == DS_LAB_RIG_UML ? ", on modelled hardware" : "", extent.pairs,
		extent.known_pairs, modes, compared[0] != '\0' ? "; " : "", compared);
}

static void first(struct ds_lab_result *result)
{
	struct ds_lab_finding last = result->findings[result->finding_count - 1];

	memmove(result->findings + 1, result->findings,
		(result->finding_count - 1) * sizeof(*result->findings));
	result->findings[0] = last;
}

/* The first of the notes: no figure is to be taken for one of real cards. */
static bool modelled(struct ds_lab_result *result)
{
	if (result->plan.rig != DS_LAB_RIG_UML)
		return true;
	return ds_result_find(
		result, DS_LAB_NOTE, -1, "modelled",
		"Oscillators, pulses, cards and cable are modelled, and all hosts share this "
		"machine: the figures say what daemons make of such stamps, nothing of any real "
		"card, nor how fast a real machine's kernel stamps.");
}

bool ds_verdict(struct ds_lab_result *result)
{
	bool ok = modelled(result) && ds_verdict_stamps(result) && ds_verdict_odd(result) &&
		  ds_verdict_works(result) && ds_verdict_well(result) && sentence(result);

	if (!ok)
		return false;
	struct ds_lab_finding verdict = result->findings[result->finding_count - 1];
	result->finding_count--;
	ok = put_in_order(result);
	result->findings[result->finding_count++] = verdict;
	first(result);
	return ok;
}
