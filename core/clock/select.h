/*
 * select: which sources tell the time, and what they say together.
 * It must never look at a packet, and never drop a source without naming why.
 *
 * Source: RFC 5905 section 11.2.1 and Marzullo 1984 for the intersection. Each source claims that
 * the truth lies within its distance of its offset. The largest number of claims that hold at one
 * moment must be a majority; who is part of no such agreement is a falseticker. Of the others the
 * best has the least root distance, a stratum counting as DS_SELECT_STRATUM_NS; it is combined,
 * weighted by variance, with those whose distance is at most DS_SELECT_COMBINE times its own and
 * whose claims hold together with its own.
 */
#ifndef DS_CORE_CLOCK_SELECT_H
#define DS_CORE_CLOCK_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/estimate.h"

#define DS_SOURCES_MAX	     64
#define DS_SELECT_STRATUM_NS 1000000.0 /* a stratum further is as bad as 1 ms of distance */
#define DS_SELECT_COMBINE    3.0       /* combined up to so many times the best distance */
#define DS_SELECT_BETTER     0.67      /* so much of its score must another have to take over */

/* X(symbol, chronyc's letter, words) */
#define DS_SELECTIONS(X)                                                                           \
	X(NONE, '?', "no usable samples yet")                                                      \
	X(UNREACHABLE, '?', "does not answer")                                                     \
	X(NOSELECT, '?', "measured only (noselect)")                                               \
	X(DISTANT, '?', "root distance over maxdistance")                                          \
	X(FALSETICKER, 'x', "contradicts the majority (falseticker)")                              \
	X(WAITING, '?', "good, but fewer than minsources agree")                                   \
	X(NOT_COMBINED, '-', "good, but much worse than the best")                                 \
	X(COMBINED, '+', "combined with the best")                                                 \
	X(SELECTED, '*', "the best source")

enum ds_selection {
#define X(symbol, letter, words) DS_S_##symbol,
	DS_SELECTIONS(X)
#undef X
};

/* Static; an impossible value gives '?' and "unknown". */
char ds_selection_letter(enum ds_selection selection);
const char *ds_selection_words(enum ds_selection selection);

struct ds_candidate {
	/* in */
	bool has_prediction; /* false: NONE; only then is `prediction` not looked at */
	bool reachable;
	bool noselect; /* has no vote either */
	bool prefer;   /* if good, only preferred ones are selected and combined */
	uint8_t leap;  /* enum ds_leap, 0..2 */
	uint8_t stratum;
	uint32_t ref_id; /* what our own reference id becomes if it is selected */
	struct ds_prediction prediction;
	int64_t root_delay_ns; /* to the root, the last hop included; not used here, for the caller
				*/
	int64_t root_dispersion_ns; /* likewise */
	/* out */
	enum ds_selection selection;
};

struct ds_select_config {
	int64_t max_distance_ns; /* sources further are DISTANT and have no vote; 0: no limit */
	uint8_t min_sources;	 /* so many must agree; 0 counts as 1 */
};

struct ds_combined {
	int64_t server_minus_raw_ns; /* at the raw time of the predictions */
	double sd_ns;
	double freq_ppb;
	double freq_sd_ppb; /* INFINITY: no source knows it yet, and freq_ppb is 0 */
	double blind_ns; /* how old the offset is for which no frequency was known: that is still to
			  * be added, at the frequency in force (weighted mean over the sources) */
	uint32_t best;	 /* index of the SELECTED candidate */
	uint32_t sources; /* how many were combined */
	uint8_t leap;	  /* of more than half of the combined, else that of the best */
};

/* candidates: at most DS_SOURCES_MAX (the rest is NONE), predictions all for one raw time. Fills
 * `selection` of each. previous: index of the source selected last time, or -1 (so is any index
 * that is out of range): it stays while it is good and no other is clearly better (no hopping for
 * noise). Returns whether there is a time to keep; *combined is written only then. Without a
 * majority all that were usable are FALSETICKER. */
bool ds_select(struct ds_candidate *candidates, uint32_t count, int32_t previous,
	       const struct ds_select_config *config, struct ds_combined *combined);

#endif
