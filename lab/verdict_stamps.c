/* verdict_stamps: which stamp of which host is off, and by how much; see verdict.h. One finding for
 * each host and stamp, whatever the number of modes that show it. */
#include "lab/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab/statistics.h"

/* What send() takes where nobody measured it and no host of the run shows it. */
#define BEFORE_SEND_NS 6000.0
/* A guess may be off by as much more than none before it is called worse than none. */
#define GUESS_PART     0.4
#define GUESS_LEAST_NS 2000.0

static const enum ds_lab_mode modes[] = {DS_LAB_XLEAVE,		  DS_LAB_BASIC,
					 DS_LAB_SYMMETRIC_XLEAVE, DS_LAB_SYMMETRIC,
					 DS_LAB_XLEAVE_HARDWARE,  DS_LAB_BASIC_HARDWARE};
#define MODES (sizeof(modes) / sizeof(modes[0]))

/* What all modes say of one stamp of a host. */
struct said {
	double worst_ns; /* the largest by size */
	unsigned modes;	 /* that show it: 1 << enum ds_lab_mode */
	unsigned roles;	 /* 1 << enum ds_role */
};

static void say(struct said *said, double error_ns, enum ds_lab_mode mode, int role)
{
	if (fabs(error_ns) > fabs(said->worst_ns))
		said->worst_ns = error_ns;
	said->modes |= 1U << mode;
	said->roles |= 1U << role;
}

/* In modes that do not interleave T3 is a guess, which is judged elsewhere. */
static bool is_guess(enum ds_lab_mode mode, int role)
{
	return role == DS_ROLE_ANSWERS && !ds_lab_mode_tells_departure(mode);
}

/* An answer does not leave before its request has come: where receive stamps are late, the daemon
 * may have moved the transmit stamp behind them. */
static bool is_pushed(const struct ds_stamp_errors *e)
{
	return e->rx_ns > e->floor_ns && e->tx_ns > 0 && e->tx_ns <= e->rx_ns + e->floor_ns;
}

/* Interleaved modes tell most; the others only confirm it, or stand in where those say nothing. */
static void collect(const struct ds_fit fits[MODES], int host, struct said *rx, struct said *tx)
{
	bool heard[DS_ROLES] = {false};

	*rx = *tx = (struct said){0};
	for (size_t i = 0; i < 2 * MODES; i++) {
		size_t m = i % MODES;
		bool interleaves = ds_lab_mode_tells_departure(modes[m]);
		if (!fits[m].has || interleaves != (i < MODES))
			continue;
		for (int role = 0; role < DS_ROLES; role++) {
			const struct ds_stamp_errors *e = &fits[m].host[host][role];
			if (!e->has)
				continue;
			heard[role] |= interleaves;
			if (fabs(e->rx_ns) > e->floor_ns &&
			    (interleaves || !heard[role] || e->rx_ns * rx->worst_ns > 0))
				say(rx, e->rx_ns, modes[m], role);
			if (fabs(e->tx_ns) > e->floor_ns && !is_guess(modes[m], role) &&
			    !(role == DS_ROLE_ANSWERS && is_pushed(e)) &&
			    (interleaves || !heard[role] || e->tx_ns * tx->worst_ns > 0))
				say(tx, e->tx_ns, modes[m], role);
		}
	}
}

static const char *when(unsigned roles)
{
	return roles == 1U << DS_ROLE_ASKS	? " when it asks"
	       : roles == 1U << DS_ROLE_ANSWERS ? " when it answers"
						: "";
}

static bool name_stamp(struct ds_lab_result *result, int host, bool tx, const struct said *said)
{
	char figure[DS_FIGURE_TEXT], list[DS_LAB_WHY];
	const char *name = result->plan.host[host].name;
	const char *which = tx ? "transmit" : "receive";
	bool late = said->worst_ns > 0;
	char code[DS_LAB_NAME];

	if (said->modes == 0)
		return true;
	ds_figure_ns(fabs(said->worst_ns), false, figure);
	ds_mode_names(said->modes, list);
	if (ds_source_of_host(result, host, tx) == 'D')
		return ds_result_find(
			result, DS_LAB_NOTE, host, tx ? "tx-by-daemon" : "rx-by-daemon",
			"The %s stamps of %s are %s %s%s (%s): its daemon takes them, "
			"not the kernel.",
			which, name, figure, late ? "late" : "early", when(said->roles), list);
	snprintf(code, sizeof(code), "%s-%s", tx ? "tx" : "rx", late ? "late" : "early");
	return ds_result_find(result, DS_LAB_BAD, host, code,
			      "%s takes its %s stamps %s %s%s (%s).", name, which, figure,
			      late ? "late" : "early", when(said->roles), list);
}

/* ---------------------------------------------------------------- guesses of basic answers */

static bool guess_of(const struct ds_fit *fit, int host, double *error_ns)
{
	const struct ds_stamp_errors *e = &fit->host[host][DS_ROLE_ANSWERS];

	*error_ns = e->tx_ns;
	/* Pushed behind late receive stamps, it is no guess any more. */
	return fit->has && e->has && !is_pushed(e);
}

/* How early answers are that carry the clock before send(): as those hosts of the run show that do
 * not guess, else as it was measured, else what is usual. Negative. */
static double without_guess_ns(const struct ds_lab_result *result, const struct ds_fit *fit)
{
	double values[DS_LAB_HOSTS], error;
	size_t n = 0;

	for (int h = 0; h < result->plan.hosts; h++) {
		if (!result->host[h].guesses_calibrated && guess_of(fit, h, &error) &&
		    !ds_link_has_relay(&result->plan.link[h]) &&
		    ds_source_of_host(result, h, false) != 'D')
			values[n++] = error;
	}
	ds_sort(values, n);
	if (n > 0 && fit->absolute)
		return fmin(ds_quantile(values, n, 0.5), 0);
	if (n > 0) /* relative to the fastest host: it may be one of them */
		return fmin(values[0], 0);
	return isfinite(result->before_send_ns) ? -result->before_send_ns : -BEFORE_SEND_NS;
}

static bool judge_guess(struct ds_lab_result *result, const struct ds_fit *fit, int host,
			double without_ns, const char *mode)
{
	char off[DS_FIGURE_TEXT], none[DS_FIGURE_TEXT];
	const char *name = result->plan.host[host].name;
	double margin = fmax(GUESS_LEAST_NS, GUESS_PART * fabs(without_ns)) +
			fit->host[host][DS_ROLE_ANSWERS].noise_ns;
	double error;

	if (!guess_of(fit, host, &error))
		return true;
	ds_figure_ns(fabs(error), false, off);
	ds_figure_ns(fabs(without_ns), false, none);
	if (error < without_ns - margin)
		return ds_result_find(
			result, DS_LAB_BAD, host, "calibration-sign",
			"The transmit stamps of basic answers of %s are %s early (%s): worse than "
			"those that are not calibrated, which are %s early. Is the sign of its "
			"calibration wrong?",
			name, off, mode, none);
	if (fit->absolute && error > fabs(without_ns) + margin)
		return ds_result_find(
			result, DS_LAB_BAD, host, "calibration-late",
			"The transmit stamps of basic answers of %s are %s late (%s): more than "
			"those that are not calibrated are early (%s).",
			name, off, mode, none);
	return true;
}

/* Whoever writes the clock before send() into its answers does what the RFC allows. */
static bool note_early(struct ds_lab_result *result, const struct ds_fit *fit, int host,
		       const char *mode)
{
	const struct ds_stamp_errors *e = &fit->host[host][DS_ROLE_ANSWERS];
	char off[DS_FIGURE_TEXT];
	double error;

	if (!fit->absolute || !guess_of(fit, host, &error))
		return true;
	ds_figure_ns(fabs(error), false, off);
	if (fabs(error) > BEFORE_SEND_NS * 4 + e->floor_ns)
		return ds_result_find(
			result, DS_LAB_BAD, host, error < 0 ? "tx-early" : "tx-late",
			"%s takes the transmit stamps of its basic answers %s %s (%s).",
			result->plan.host[host].name, off, error < 0 ? "early" : "late", mode);
	if (error > -GUESS_LEAST_NS)
		return true;
	return ds_result_find(result, DS_LAB_NOTE, host, "tx-before-send",
			      "Basic answers of %s are %s early (%s): their transmit stamp is the "
			      "clock before send().",
			      result->plan.host[host].name, off, mode);
}

/* but: hosts of which it was said that their stamps are off. */
static bool judge_guesses(struct ds_lab_result *result, const struct ds_fit *fit,
			  enum ds_lab_mode mode, unsigned but)
{
	if (!fit->has)
		return true;
	double without_ns = without_guess_ns(result, fit);
	for (int h = 0; h < result->plan.hosts; h++) {
		/* Nor is a microsecond to be seen behind a relay. */
		if (but & 1U << h || ds_link_has_relay(&result->plan.link[h]))
			continue;
		bool ok = result->host[h].guesses_calibrated
				  ? judge_guess(result, fit, h, without_ns, ds_lab_mode_name(mode))
				  : note_early(result, fit, h, ds_lab_mode_name(mode));
		if (!ok)
			return false;
	}
	return true;
}

bool ds_verdict_stamps(struct ds_lab_result *result)
{
	struct ds_fit fits[MODES];
	struct said rx, tx;
	unsigned named = 0;

	ds_fit_mode(result, modes[0], NULL, &fits[0]);
	ds_fit_mode(result, modes[1], &fits[0], &fits[1]);
	ds_fit_mode(result, modes[2], NULL, &fits[2]);
	ds_fit_mode(result, modes[3], &fits[2], &fits[3]);
	ds_fit_mode(result, modes[4], NULL, &fits[4]);
	ds_fit_mode(result, modes[5], &fits[4], &fits[5]);
	for (int h = 0; h < result->plan.hosts; h++) {
		collect(fits, h, &rx, &tx);
		if (!name_stamp(result, h, false, &rx) || !name_stamp(result, h, true, &tx))
			return false;
		named |= rx.modes | tx.modes ? 1U << h : 0;
	}
	return judge_guesses(result, &fits[1], DS_LAB_BASIC, named);
}
