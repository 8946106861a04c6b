/* verdict_well: how well it works, in words with figures; see verdict.h. One thing is called better
 * than another only where their intervals do not overlap, and where it is by half at least: what is
 * less differs from one run to the next. The figures stand beside the words. */
#include "lab/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab/statistics.h"

#define APART	   1.5
#define LOAD_TIMES 2.0 /* that RMS may grow by under load without a note */
#define ALL_CELLS  DS_LAB_GROUP

/* -1: a is smaller beyond doubt, and by APART; 1: larger; 0: neither. */
static int compare(const struct ds_figure *a, const struct ds_figure *b)
{
	if (a->high < b->low && a->value * APART <= b->value)
		return -1;
	return a->low > b->high && a->value >= b->value * APART;
}

static bool overlap(const struct ds_figure *a, const struct ds_figure *b)
{
	return !(a->high < b->low) && !(a->low > b->high);
}

static void mode_figures(const struct ds_lab_result *result, enum ds_lab_mode mode,
			 enum ds_lab_condition condition, struct ds_lab_figures *figures)
{
	const struct ds_lab_cell *cells[ALL_CELLS];
	size_t n = 0;

	for (size_t c = 0; c < result->cell_count; c++) {
		if (result->cells[c].mode == mode && result->cells[c].known)
			cells[n++] = &result->cells[c];
	}
	ds_cells_figures(cells, n, condition, figures);
}

/* Of the pairs that have samples in both modes: else daemons would be compared, not modes. */
static void both_modes(const struct ds_lab_result *result, enum ds_lab_mode mode,
		       enum ds_lab_mode other, struct ds_lab_figures *figures,
		       struct ds_lab_figures *other_figures)
{
	const struct ds_lab_cell *cells[ALL_CELLS], *others[ALL_CELLS];
	size_t n = 0;

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		if (cell->mode != mode || cell->sample_count == 0)
			continue;
		const struct ds_lab_cell *twin =
			ds_result_cell(result, cell->asks, cell->answers, other);
		if (!twin || twin->sample_count == 0)
			continue;
		cells[n] = cell;
		others[n++] = twin;
	}
	ds_cells_figures(cells, n, DS_LAB_IDLE, figures);
	ds_cells_figures(others, n, DS_LAB_IDLE, other_figures);
}

static bool group_figures(const struct ds_lab_result *result, enum ds_lab_mode mode, bool new_asks,
			  bool new_answers, enum ds_lab_condition condition,
			  struct ds_lab_figures *figures)
{
	const struct ds_lab_cell *cells[DS_LAB_GROUP];
	size_t n = ds_result_group(result, mode, new_asks, new_answers, cells);

	ds_cells_figures(cells, n, condition, figures);
	return figures->samples >= DS_LAB_LEAST;
}

static const char *with_bounds(const struct ds_figure *figure, char text[DS_LAB_NAME * 2])
{
	char value[DS_FIGURE_TEXT], low[DS_FIGURE_TEXT], high[DS_FIGURE_TEXT];

	snprintf(text, (size_t)DS_LAB_NAME * 2, "%s [%s to %s]",
		 ds_figure_ns(figure->value, false, value), ds_figure_ns(figure->low, false, low),
		 ds_figure_ns(figure->high, false, high));
	return text;
}

static double times(double large, double small)
{
	return small > 0 ? large / small : (double)NAN;
}

/* What a is, beside b: "new is 2.1 times better". */
static const char *relation(const char *name, const struct ds_figure *a, const struct ds_figure *b,
			    char text[DS_LAB_NAME * 2])
{
	size_t size = (size_t)DS_LAB_NAME * 2;
	int order = compare(a, b);

	if (order != 0)
		snprintf(text, size, "%s is %.1f times %s", name,
			 order < 0 ? times(b->value, a->value) : times(a->value, b->value),
			 order < 0 ? "better" : "worse");
	else if (overlap(a, b))
		snprintf(text, size, "no difference that this run shows");
	else
		snprintf(text, size, "%s is %.2f of it", name, times(a->value, b->value));
	return text;
}

static void append(char *text, size_t size, const char *words)
{
	size_t used = strlen(text);

	if (used + 1 < size)
		snprintf(text + used, size - used, "%s%s", used > 0 ? "; " : "", words);
}

static void compare_modes(const struct ds_lab_result *result, char *text, size_t size)
{
	struct ds_lab_figures basic, xleave;
	char a[DS_FIGURE_TEXT], b[DS_FIGURE_TEXT], words[DS_LAB_WHY];

	both_modes(result, DS_LAB_BASIC, DS_LAB_XLEAVE, &basic, &xleave);
	if (basic.samples < DS_LAB_LEAST || xleave.samples < DS_LAB_LEAST)
		return;
	double x = xleave.median_abs_ns.value, y = basic.median_abs_ns.value;
	ds_figure_ns(x, false, a);
	ds_figure_ns(y, false, b);
	switch (compare(&xleave.median_abs_ns, &basic.median_abs_ns)) {
	case -1:
		snprintf(words, sizeof(words),
			 "interleaved mode is %.1f times better than basic on this link (median "
			 "|offset| %s against %s)",
			 times(y, x), a, b);
		break;
	case 1:
		snprintf(words, sizeof(words),
			 "interleaved mode is %.1f times worse than basic on this link (median "
			 "|offset| %s against %s)",
			 times(x, y), a, b);
		break;
	default:
		snprintf(words, sizeof(words),
			 "interleaved mode and basic %s on this link (median |offset| %s and %s)",
			 overlap(&xleave.median_abs_ns, &basic.median_abs_ns)
				 ? "cannot be told apart"
				 : "are nearly alike",
			 a, b);
	}
	append(text, size, words);
}

static bool same(double a, double b)
{
	return !(a < b) && !(a > b);
}

/* Then what is old or new differs less than what the plan did to their packets. */
static bool links_differ(const struct ds_lab_result *result)
{
	const struct ds_lab_link *a = &result->plan.link[0];

	for (int h = 1; h < result->plan.hosts; h++) {
		const struct ds_lab_link *b = &result->plan.link[h];
		if (!same(a->out_delay_us, b->out_delay_us) ||
		    !same(a->in_delay_us, b->in_delay_us) || !same(a->jitter_us, b->jitter_us) ||
		    !same(a->loss_percent, b->loss_percent))
			return true;
	}
	return false;
}

static void compare_sides(const struct ds_lab_result *result, char *text, size_t size)
{
	struct ds_lab_figures old, new;
	char a[DS_FIGURE_TEXT], b[DS_FIGURE_TEXT], words[DS_LAB_WHY];
	enum ds_lab_mode mode = DS_LAB_XLEAVE;

	if (links_differ(result))
		return;
	if (!group_figures(result, mode, false, false, DS_LAB_IDLE, &old) ||
	    !group_figures(result, mode, true, true, DS_LAB_IDLE, &new)) {
		mode = DS_LAB_BASIC;
		if (!group_figures(result, mode, false, false, DS_LAB_IDLE, &old) ||
		    !group_figures(result, mode, true, true, DS_LAB_IDLE, &new))
			return;
	}
	int order = compare(&new.median_abs_ns, &old.median_abs_ns);
	snprintf(words, sizeof(words), "%s, new asking new %s old asking old (%s and %s)",
		 mode == DS_LAB_XLEAVE ? "interleaved" : "basic",
		 order < 0					   ? "is better than"
		 : order > 0					   ? "is worse than"
		 : overlap(&new.median_abs_ns, &old.median_abs_ns) ? "cannot be told from"
								   : "is nearly as",
		 ds_figure_ns(new.median_abs_ns.value, false, a),
		 ds_figure_ns(old.median_abs_ns.value, false, b));
	append(text, size, words);
}

static void compare_ptp(const struct ds_lab_result *result, char *text, size_t size)
{
	struct ds_lab_figures ptp, xleave;
	char a[DS_FIGURE_TEXT], words[DS_LAB_WHY];

	both_modes(result, DS_LAB_PTP, DS_LAB_XLEAVE, &ptp, &xleave);
	if (ptp.samples < DS_LAB_LEAST || xleave.samples < DS_LAB_LEAST)
		return;
	int order = compare(&xleave.median_abs_ns, &ptp.median_abs_ns);
	snprintf(words, sizeof(words), "PTP between the same hosts: %s, %s interleaved",
		 ds_figure_ns(ptp.median_abs_ns.value, false, a),
		 order < 0					      ? "worse than"
		 : order > 0					      ? "better than"
		 : overlap(&xleave.median_abs_ns, &ptp.median_abs_ns) ? "not to be told from"
								      : "nearly as");
	append(text, size, words);
}

/* What the card's stamps are worth beside the kernel's. */
static void compare_cards(const struct ds_lab_result *result, char *text, size_t size)
{
	struct ds_lab_figures kernel, card;
	char a[DS_FIGURE_TEXT], b[DS_FIGURE_TEXT], words[DS_LAB_WHY];

	both_modes(result, DS_LAB_XLEAVE, DS_LAB_XLEAVE_HARDWARE, &kernel, &card);
	if (kernel.samples < DS_LAB_LEAST || card.samples < DS_LAB_LEAST)
		return;
	double x = card.median_abs_ns.value, y = kernel.median_abs_ns.value;
	int order = compare(&card.median_abs_ns, &kernel.median_abs_ns);
	ds_figure_ns(x, false, a);
	ds_figure_ns(y, false, b);
	if (order == 0)
		snprintf(words, sizeof(words),
			 "interleaved, stamps of the card and of the kernel %s (%s and %s)",
			 overlap(&card.median_abs_ns, &kernel.median_abs_ns)
				 ? "cannot be told apart"
				 : "are nearly alike",
			 a, b);
	else
		snprintf(words, sizeof(words),
			 "interleaved, the card's stamps are %.1f times %s than the kernel's (%s "
			 "against %s)",
			 order < 0 ? times(y, x) : times(x, y), order < 0 ? "better" : "worse", a,
			 b);
	append(text, size, words);
}

void ds_verdict_compare(const struct ds_lab_result *result, char *text, size_t size)
{
	text[0] = '\0';
	compare_modes(result, text, size);
	compare_sides(result, text, size);
	compare_cards(result, text, size);
	compare_ptp(result, text, size);
}

/* ------------------------------------------------------------------------ findings of their own */

/* Old and new in a mode: both groups, and those in which they meet. */
static bool sides_in(struct ds_lab_result *result, enum ds_lab_mode mode)
{
	struct ds_lab_figures old, new, mixed;
	char a[DS_LAB_NAME * 2], b[DS_LAB_NAME * 2], rms[2][DS_FIGURE_TEXT];
	char meet[2][DS_FIGURE_TEXT], how[DS_LAB_NAME * 2];

	if (!group_figures(result, mode, false, false, DS_LAB_IDLE, &old) ||
	    !group_figures(result, mode, true, true, DS_LAB_IDLE, &new))
		return true;
	for (int i = 0; i < 2; i++) {
		group_figures(result, mode, i == 0, i != 0, DS_LAB_IDLE, &mixed);
		ds_figure_ns(mixed.median_abs_ns.value, false, meet[i]);
	}
	int order = compare(&new.median_abs_ns, &old.median_abs_ns);
	return ds_result_find(
		result, order > 0 ? DS_LAB_NOTE : DS_LAB_GOOD, -1,
		order < 0   ? "new-better"
		: order > 0 ? "new-worse"
			    : "new-as-old",
		"%s: median |offset| %s new asking new, %s old asking old: %s. New asking old: %s, "
		"old asking new: %s. RMS %s new, %s old.",
		ds_lab_mode_name(mode), with_bounds(&new.median_abs_ns, a),
		with_bounds(&old.median_abs_ns, b),
		relation("new", &new.median_abs_ns, &old.median_abs_ns, how), meet[0], meet[1],
		ds_figure_ns(new.rms_ns.value, false, rms[0]),
		ds_figure_ns(old.rms_ns.value, false, rms[1]));
}

/* What interleaving gains on each side: basic over interleaved. */
static bool gain_of(struct ds_lab_result *result, bool new_asks, bool new_answers)
{
	struct ds_lab_figures basic, xleave;
	char a[DS_LAB_NAME * 2], b[DS_LAB_NAME * 2], how[DS_LAB_NAME * 2];

	if (!group_figures(result, DS_LAB_BASIC, new_asks, new_answers, DS_LAB_IDLE, &basic) ||
	    !group_figures(result, DS_LAB_XLEAVE, new_asks, new_answers, DS_LAB_IDLE, &xleave))
		return true;
	int order = compare(&xleave.median_abs_ns, &basic.median_abs_ns);
	return ds_result_find(
		result, order > 0 ? DS_LAB_NOTE : DS_LAB_GOOD, -1,
		order < 0   ? "xleave-gains"
		: order > 0 ? "xleave-loses"
			    : "xleave-as-basic",
		"%s asking %s: interleaved %s, basic %s: %s.", new_asks ? "New" : "Old",
		new_answers ? "new" : "old", with_bounds(&xleave.median_abs_ns, a),
		with_bounds(&basic.median_abs_ns, b),
		relation("interleaved", &xleave.median_abs_ns, &basic.median_abs_ns, how));
}

static bool under_load(struct ds_lab_result *result, enum ds_lab_mode mode)
{
	struct ds_lab_figures idle, loaded;
	char a[DS_LAB_NAME * 2], b[DS_LAB_NAME * 2];

	mode_figures(result, mode, DS_LAB_IDLE, &idle);
	mode_figures(result, mode, DS_LAB_LOADED, &loaded);
	if (idle.samples < DS_LAB_LEAST || loaded.samples < DS_LAB_LEAST)
		return true;
	double grown = times(loaded.rms_ns.value, idle.rms_ns.value);
	bool more = grown > LOAD_TIMES;
	bool much = more && loaded.rms_ns.low > idle.rms_ns.high;
	return ds_result_find(result, much ? DS_LAB_NOTE : DS_LAB_GOOD, -1,
			      much ? "load-grows" : "load",
			      "%s under load: RMS %s, idle %s: %.1f times%s; %zu of %zu samples "
			      "over 10 us (idle %zu of %zu).",
			      ds_lab_mode_name(mode), with_bounds(&loaded.rms_ns, a),
			      with_bounds(&idle.rms_ns, b), grown,
			      more && !much ? ", which hangs on single samples" : "",
			      loaded.outliers, loaded.samples, idle.outliers, idle.samples);
}

static bool far_ones(struct ds_lab_result *result)
{
	size_t count = ds_result_outliers(result, NULL, 0), samples = 0;

	for (size_t c = 0; c < result->cell_count; c++) {
		if (ds_lab_mode_tells_departure(result->cells[c].mode))
			samples += result->cells[c].sample_count;
	}
	if (samples == 0)
		return true;
	return ds_result_find(result, DS_LAB_NOTE, -1, "outliers",
			      "%zu of %zu interleaved samples with %s stamps are over 10 us off%s.",
			      count, samples,
			      ds_lab_any_hardware(result->plan.modes) ? "kernel or card" : "kernel",
			      count > 0 ? "; they are listed" : "");
}

static bool clocks(struct ds_lab_result *result)
{
	for (int h = 0; h < result->plan.hosts; h++) {
		if (result->host[h].clock_known || result->partial)
			continue;
		if (!ds_result_find(result, DS_LAB_NOTE, h, "clock-unknown",
				    "How wrong the clock of %s is, nobody says (lab.conf names no "
				    "PPS): offsets to it are not errors.",
				    result->plan.host[h].name))
			return false;
	}
	return true;
}

bool ds_verdict_well(struct ds_lab_result *result)
{
	if (links_differ(result) &&
	    !ds_result_find(result, DS_LAB_NOTE, -1, "links-differ",
			    "By plan the links of the hosts are not alike: old and new are not "
			    "compared."))
		return false;
	for (int i = 0; i < 4; i++) {
		if (!gain_of(result, i >= 2, i % 2))
			return false;
	}
	for (int mode = 0; mode < DS_LAB_PTP && !links_differ(result); mode++) {
		if (!sides_in(result, (enum ds_lab_mode)mode))
			return false;
	}
	for (int mode = 0; mode < DS_LAB_MODES; mode++) {
		if (!under_load(result, (enum ds_lab_mode)mode))
			return false;
	}
	return far_ones(result) && clocks(result);
}
