/* verdict_works: does it work at all: pairs without samples, modes that were asked for and not
 * met, answers and stamps that were lost, daemons that died; see verdict.h. What all pairs of one
 * host and role share is said of that host, once. */
#include "lab/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SHARE_OF_INTERLEAVED 0.90
#define LOST_NOTE	     0.01
#define LOST_BAD	     0.10
#define CARD_SHARE	     0.01 /* of stamps that are not the card's, though asked for */
#define DAEMON_SHARE	     0.01
#define LEAST_SAMPLES	     20

/* Which cells something is true of. */
struct marks {
	bool of[DS_LAB_HOSTS][DS_LAB_HOSTS]; /* [asks][answers] */
	bool known[DS_LAB_HOSTS][DS_LAB_HOSTS];
};

/* Hosts that are marked in all known cells of a role (two at least), and not because all are. */
static unsigned shared_by(const struct marks *marks, int hosts, enum ds_role role)
{
	unsigned all = 0;

	for (int h = 0; h < hosts; h++) {
		int known = 0, marked = 0;
		for (int o = 0; o < hosts; o++) {
			int i = role == DS_ROLE_ASKS ? h : o, j = role == DS_ROLE_ASKS ? o : h;
			known += marks->known[i][j];
			marked += marks->known[i][j] && marks->of[i][j];
		}
		if (known >= 2 && known == marked)
			all |= 1U << h;
	}
	return all;
}

/* What to call the marked cells: whose answers (first), else whose questions, else pairs one by
 * one. tell(): adds the finding; asks or answers is -1 for any. */
static bool tell_marks(struct ds_lab_result *result, enum ds_lab_mode mode, struct marks *marks,
		       bool (*tell)(struct ds_lab_result *result, enum ds_lab_mode mode, int asks,
				    int answers))
{
	int hosts = result->plan.hosts;
	unsigned answers = shared_by(marks, hosts, DS_ROLE_ANSWERS);
	unsigned asks = shared_by(marks, hosts, DS_ROLE_ASKS);
	bool all = true;

	for (int i = 0; i < hosts * hosts; i++)
		all &= !marks->known[i / hosts][i % hosts] || marks->of[i / hosts][i % hosts];
	if (all && (answers | asks) != 0)
		return tell(result, mode, -1, -1);
	for (int h = 0; h < hosts; h++) {
		if (answers & 1U << h && !tell(result, mode, -1, h))
			return false;
	}
	for (int h = 0; h < hosts; h++) {
		/* Where all answers are bad, those who ask are not the cause. */
		bool left = false;
		for (int o = 0; o < hosts; o++)
			left |= marks->known[h][o] && !(answers & 1U << o);
		if (asks & 1U << h && left && !tell(result, mode, h, -1))
			return false;
	}
	for (int i = 0; i < hosts; i++) {
		for (int j = 0; j < hosts; j++) {
			if (!marks->of[i][j] || answers & 1U << j || asks & 1U << i)
				continue;
			if (!tell(result, mode, i, j))
				return false;
		}
	}
	return true;
}

/* ---------------------------------------------------------------------- pairs without samples */

/* One of the two whose stamps were found wrong before: a pair of it is no surprise. -1: neither, or
 * both. */
static int to_blame(const struct ds_lab_result *result, int asks, int answers)
{
	bool bad[2] = {false, false};

	for (size_t i = 0; i < result->finding_count; i++) {
		const struct ds_lab_finding *f = &result->findings[i];
		bad[0] |= f->grade == DS_LAB_BAD && f->host == asks;
		bad[1] |= f->grade == DS_LAB_BAD && f->host == answers;
	}
	return bad[0] == bad[1] ? -1 : bad[0] ? asks : answers;
}

static bool tell_empty(struct ds_lab_result *result, enum ds_lab_mode mode, int asks, int answers)
{
	enum ds_lab_grade grade = result->partial ? DS_LAB_NOTE : DS_LAB_BAD;
	const struct ds_lab_host *host = result->plan.host;
	const char *name = ds_lab_mode_name(mode);

	if (asks < 0 && answers < 0)
		return ds_result_find(result, grade, -1, "no-samples",
				      "Nobody measured anybody (%s).", name);
	if (asks < 0)
		return ds_result_find(result, grade, answers, "no-samples",
				      "Nobody measured %s (%s).", host[answers].name, name);
	if (answers < 0)
		return ds_result_find(result, grade, asks, "no-samples", "%s measured nobody (%s).",
				      host[asks].name, name);
	return ds_result_find(result, grade, to_blame(result, asks, answers), "no-samples",
			      "%s did not measure %s (%s).", host[asks].name, host[answers].name,
			      name);
}

static bool empty_pairs(struct ds_lab_result *result, enum ds_lab_mode mode)
{
	struct marks marks = {0};

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		if (cell->mode != mode || !cell->known)
			continue;
		marks.known[cell->asks][cell->answers] = true;
		marks.of[cell->asks][cell->answers] = cell->sample_count == 0;
	}
	return tell_marks(result, mode, &marks, tell_empty);
}

/* ------------------------------------------------------------------------- interleaved or not */

static bool tell_basic(struct ds_lab_result *result, enum ds_lab_mode mode, int asks, int answers)
{
	const struct ds_lab_host *host = result->plan.host;
	double least = 1;

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		struct ds_lab_figures figures;
		if (cell->mode != mode || !cell->known || cell->sample_count < LEAST_SAMPLES ||
		    (asks >= 0 && cell->asks != asks) || (answers >= 0 && cell->answers != answers))
			continue;
		ds_cell_figures(cell, DS_LAB_IDLE, &figures);
		if (figures.samples > 0)
			least = fmin(least, figures.interleaved_share);
	}
	char who[DS_LAB_WHY];
	if (asks < 0 && answers < 0)
		snprintf(who, sizeof(who), "All pairs");
	else if (asks < 0)
		snprintf(who, sizeof(who), "Answers of %s", host[answers].name);
	else if (answers < 0)
		snprintf(who, sizeof(who), "Answers to %s", host[asks].name);
	else
		snprintf(who, sizeof(who), "Answers of %s to %s", host[answers].name,
			 host[asks].name);
	return ds_result_find(result, DS_LAB_BAD,
			      asks < 0	    ? answers
			      : answers < 0 ? asks
					    : -1,
			      "seldom-interleaved",
			      "%s: in the worst pair %.0f %% of the samples are interleaved (%s).",
			      who, 100 * least, ds_lab_mode_name(mode));
}

static double interleaved_share(const struct ds_lab_cell *cell)
{
	size_t interleaved = 0;

	for (size_t i = 0; i < cell->sample_count; i++)
		interleaved += cell->samples[i].interleaved;
	return (double)interleaved / (double)cell->sample_count;
}

static bool basic_pairs(struct ds_lab_result *result, enum ds_lab_mode mode)
{
	struct marks marks = {0};

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		if (cell->mode != mode || !cell->known || cell->sample_count < LEAST_SAMPLES)
			continue;
		marks.known[cell->asks][cell->answers] = true;
		marks.of[cell->asks][cell->answers] =
			interleaved_share(cell) < SHARE_OF_INTERLEAVED;
	}
	return tell_marks(result, mode, &marks, tell_basic);
}

/* ------------------------------------------------------------------------------------- losses */

static const char *const lost_stamps[] = {"stamps-lost", "stamp-missing", "tx-stamp-late"};

/* A count of a host in a mode: what it says of all others together, and of each. */
static double counted(const struct ds_lab_result *result, int host, enum ds_lab_mode mode,
		      const char *what)
{
	double sum = 0, of_all = ds_cell_counted(&result->host[host].all[mode], what);

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		if (cell->asks == host && cell->mode == mode)
			sum += ds_cell_counted(cell, what);
	}
	return fmax(sum, of_all);
}

/* Of those who say how many requests they sent and how many answers came. Packets that the plan
 * loses are expected. */
static bool lost_answers(struct ds_lab_result *result, int host, enum ds_lab_mode mode)
{
	double requests = counted(result, host, mode, "requests"), loss = 0;
	double answers = counted(result, host, mode, "answers");

	for (int i = 0; i < result->plan.hosts; i++)
		loss = fmax(loss, result->plan.link[i].loss_percent / 100);
	if (requests < LEAST_SAMPLES || answers <= 0)
		return true;
	double lost = 1 - answers / requests - 4 * loss;
	if (lost < LOST_NOTE)
		return true;
	return ds_result_find(
		result, lost > LOST_BAD && !result->partial ? DS_LAB_BAD : DS_LAB_NOTE, host,
		"answers-lost", "%s got answers to %.1f %% of its requests (%s).",
		result->plan.host[host].name, 100 * answers / requests, ds_lab_mode_name(mode));
}

static bool lost_tx_stamps(struct ds_lab_result *result, int host, enum ds_lab_mode mode)
{
	double lost = 0, requests = counted(result, host, mode, "requests");

	for (size_t i = 0; i < sizeof(lost_stamps) / sizeof(lost_stamps[0]); i++)
		lost += counted(result, host, mode, lost_stamps[i]);
	if (lost < 1 || requests < LEAST_SAMPLES || lost / requests < LOST_NOTE)
		return true;
	return ds_result_find(
		result, lost / requests > LOST_BAD ? DS_LAB_BAD : DS_LAB_NOTE, host, "stamps-lost",
		"%s lost %.0f transmit stamps, or got them too late: %.1f %% (%s).",
		result->plan.host[host].name, lost, 100 * lost / requests, ds_lab_mode_name(mode));
}

/* -------------------------------------------------------------------------------- who stamped */

static double daemon_share(const struct ds_lab_result *result, int host, size_t stamp)
{
	size_t n = 0, daemon = 0;

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		if (cell->asks != host || cell->mode == DS_LAB_PTP)
			continue;
		n += cell->sample_count;
		for (size_t i = 0; i < cell->sample_count; i++)
			daemon += cell->samples[i].source[stamp] == 'D';
	}
	return n > 0 ? (double)daemon / (double)n : 0;
}

/* The kernel could: it stamps for another host of the run. */
static bool kernel_could(const struct ds_lab_result *result, bool tx)
{
	for (int h = 0; h < result->plan.hosts; h++) {
		char who = ds_source_of_host(result, h, tx);
		if (who == 'K' || who == 'H')
			return true;
	}
	return false;
}

static bool who_stamps(struct ds_lab_result *result)
{
	bool could[2] = {kernel_could(result, true), kernel_could(result, false)};

	for (int h = 0; h < result->plan.hosts; h++) {
		double tx = could[0] ? daemon_share(result, h, 0) : 0;
		double rx = could[1] ? daemon_share(result, h, 3) : 0;
		bool many_tx = tx >= DAEMON_SHARE, many_rx = rx >= DAEMON_SHARE;
		if (!many_tx && !many_rx)
			continue;
		if (!ds_result_find(
			    result, DS_LAB_NOTE, h, "daemon-stamps",
			    "%s: its daemon takes %.0f %% of its %s stamps, where the kernel "
			    "stamps for others.",
			    result->plan.host[h].name, 100 * fmax(tx, rx),
			    many_tx && many_rx ? "transmit and receive"
			    : many_tx	       ? "transmit"
					       : "receive"))
			return false;
	}
	return true;
}

/* Of T1 (tx) or T4 where the card's were asked for: the share that is somebody else's. 0 without
 * samples. */
static double without_card(const struct ds_lab_result *result, int host, int stamp)
{
	size_t all = 0, others = 0;

	for (size_t c = 0; c < result->cell_count; c++) {
		const struct ds_lab_cell *cell = &result->cells[c];
		if (cell->asks != host || !ds_lab_mode_hardware(cell->mode))
			continue;
		all += cell->sample_count;
		for (size_t i = 0; i < cell->sample_count; i++)
			others += cell->samples[i].source[stamp] != 'H';
	}
	return all > 0 ? (double)others / (double)all : 0;
}

static bool cards_stamp(struct ds_lab_result *result)
{
	for (int h = 0; h < result->plan.hosts; h++) {
		double tx = without_card(result, h, 0), rx = without_card(result, h, 3);
		if (fmax(tx, rx) < CARD_SHARE)
			continue;
		if (!ds_result_find(
			    result, DS_LAB_NOTE, h, "card-stamps",
			    "%s asked its card for stamps: %.1f %% of its transmit stamps and "
			    "%.1f %% of its receive stamps were not the card's.",
			    result->plan.host[h].name, 100 * tx, 100 * rx))
			return false;
	}
	return true;
}

static bool deaths(struct ds_lab_result *result)
{
	for (int h = 0; h < result->plan.hosts; h++) {
		const char *ending = result->host[h].ending;
		if (ending[0] == '\0')
			continue;
		if (!ds_result_find(result, DS_LAB_BAD, h, "died", "A daemon of %s died: %s.",
				    result->plan.host[h].name, ending))
			return false;
	}
	return true;
}

bool ds_verdict_works(struct ds_lab_result *result)
{
	if (!deaths(result))
		return false;
	for (int i = 0; i < DS_LAB_MODES; i++) {
		enum ds_lab_mode mode = (enum ds_lab_mode)i;
		if (!empty_pairs(result, mode))
			return false;
		if (ds_lab_mode_tells_departure(mode) && mode != DS_LAB_PTP &&
		    !basic_pairs(result, mode))
			return false;
		for (int h = 0; h < result->plan.hosts; h++) {
			if (!lost_answers(result, h, mode) || !lost_tx_stamps(result, h, mode))
				return false;
		}
	}
	return who_stamps(result) && cards_stamp(result);
}
