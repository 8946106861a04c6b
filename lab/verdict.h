/*
 * verdict: what the rooms of the verdict share: the errors of a host's stamps as they follow from
 * the twelve pairs, and the parts of ds_verdict() (result.h). It must never name a host for what
 * its link or the noise of the run explains.
 *
 * doc/lab.md has the arithmetic and the meaning of each code. Inside lab/ only.
 */
#ifndef DS_LAB_VERDICT_H
#define DS_LAB_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/result.h"

enum ds_role { DS_ROLE_ASKS, DS_ROLE_ANSWERS, DS_ROLES };

/* How far a host's stamps are from when it happened, positive: late. */
struct ds_stamp_errors {
	bool has;	 /* the host had that role in enough pairs */
	double tx_ns;	 /* asks: T1; answers: T3 */
	double rx_ns;	 /* asks: T4; answers: T2 */
	double sum_ns;	 /* tx + rx: what shows in offsets (twice) */
	double apart_ns; /* rx - tx: what shows in delays */
	double floor_ns; /* below that nothing is said of it */
	double noise_ns; /* several standard errors; part of the floor */
};

/* Those of a mode, from the medians of its pairs while idle. */
struct ds_fit {
	bool has;
	bool absolute;	 /* answers are measured against those of interleaved pairs, which are
			    right, and not against each other */
	double path_ns;	 /* delay between hosts whose stamps are right */
	double level_ns; /* twice the offset between them: the way there is longer by as much */
	struct ds_stamp_errors host[DS_LAB_HOSTS][DS_ROLES];
};

/* Modes with two legs: all but broadcasts and ptp. `base`: the fit of the interleaved mode of the
 * same kind, or NULL. Without memory, and where there are too few pairs, *fit has nothing. */
void ds_fit_mode(const struct ds_lab_result *result, enum ds_lab_mode mode,
		 const struct ds_fit *base, struct ds_fit *fit);

/* Does the plan put a relay of ours into the way of a host's packets? */
bool ds_link_has_relay(const struct ds_lab_link *link);

/* Who takes the host's own stamps: 'D', 'K', 'H' or '?', whichever is most often, of T1 (tx) and
 * T4 in all modes but ptp. */
char ds_source_of_host(const struct ds_lab_result *result, int host, bool tx);

/* Parts of the verdict; each adds findings. False without memory. */
bool ds_verdict_works(struct ds_lab_result *result);  /* pairs, shares, losses, deaths */
bool ds_verdict_stamps(struct ds_lab_result *result); /* whose stamp is off, by how much */
bool ds_verdict_odd(struct ds_lab_result *result);    /* stamps of other packets */
bool ds_verdict_well(struct ds_lab_result *result);   /* old and new, modes, ptp, load */

/* The sentence that goes first: how the modes compare, ";" between its parts; empty if they cannot
 * be. */
void ds_verdict_compare(const struct ds_lab_result *result, char *text, size_t size);

/* "new1", "new1 and new2", "new1, new2 and new3": of a mask of hosts. Returns text. */
const char *ds_host_names(const struct ds_lab_result *result, unsigned hosts,
			  char text[DS_LAB_WHY]);
/* Names of modes, likewise. */
const char *ds_mode_names(unsigned modes, char text[DS_LAB_WHY]);

#endif
