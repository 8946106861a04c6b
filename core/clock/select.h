/*
 * select: which sources tell the time.
 * It must never look at a packet, never drop a source without naming why, and never let time be
 * taken that a majority of the sources does not agree with.
 *
 * Source: RFC 5905 section 11.2.1 and Marzullo 1984 for the intersection; chrony.conf(5) for what
 * the options mean. Each source claims that the truth lies within its distance of its offset, or
 * nearer where others know our oscillator better (claim.h). The largest number of claims that hold
 * at one moment must be a majority; who is part of no such agreement is a falseticker. Where
 * several disjoint agreements are equally large (A agrees with B, and with C, and those two do not
 * agree) those with most offsets within them count, of these the one that the source selected
 * before is part of; without that, only who is part of all of them is believed.
 *
 * Where a source has `trust`, those with it vote alone; another one is good if its claim
 * overlaps what they agree on, and its offset lies in it: it may refine what they say, not move it.
 *
 * Loops of more than two are in no reference ID. But whoever has its time from us, by however many
 * others, is of a higher stratum than we, and its root distance is the larger one. Where others
 * may follow us, such a source is neither selected nor combined, and if there is no majority the
 * vote is held again without it: it may tell falsetickers apart, but nothing that we do not know.
 * One of our own stratum with a larger distance may be combined, but not be the best: when all of
 * a group lose their servers at once, they must not begin to follow each other. Whom we follow
 * already may go on whatever its stratum becomes: a ring is kept from closing, not sought.
 *
 * Claims say what is possible, not what is likely. Of three good ones and more, those are set aside
 * that lie further from the median than asymmetry and noise usually bring them (claim.h),
 * DS_SELECT_OUTLIER_SDS times, if more than half are left (compare the cluster algorithm, RFC 5905
 * section 11.2.2). They may not be the best, nor be combined; `prefer` and `trust` keep a source.
 *
 * Of the good ones the best has the least root distance, with something added for each stratum. It
 * stays until another is clearly better: distances move by themselves, and a change is worth
 * nothing.
 */
#ifndef DS_CORE_CLOCK_SELECT_H
#define DS_CORE_CLOCK_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/estimate.h"

#define DS_SOURCES_MAX 64
/* Besides `reselect_ns`, so much of its score must another have to take over: distances of far
 * servers move by more than any fixed amount. */
#define DS_SELECT_BETTER      0.67
#define DS_SELECT_OUTLIER_SDS 4.0 /* as many as stand in a claim */
/* Who was left out for its distance comes back below so much of the limit. */
#define DS_SELECT_REJOIN 0.8
/* Frequencies are close if they differ by less than so many of their standard deviations, and what
 * two clocks may be wrong by. */
#define DS_SELECT_FREQ_SDS 5.0

/* X(symbol, letter in chronyc's `sources`, letter in its `selectdata`, words) */
#define DS_SELECTIONS(X)                                                                           \
	X(NONE, '?', 'M', "no usable samples yet")                                                 \
	X(UNREACHABLE, '?', 'S', "does not answer")                                                \
	X(NOSELECT, '?', 'N', "measured only (noselect)")                                          \
	X(LOOP, '?', 's', "follows us: a loop")                                                    \
	X(DISTANT, '?', 'd', "root distance over maxdistance")                                     \
	X(JITTERY, '~', '~', "jitter over maxjitter")                                              \
	X(ORPHAN, '?', 'O', "at the stratum of orphan mode, or above it")                          \
	X(FALSETICKER, 'x', 'x', "contradicts the majority (falseticker)")                         \
	X(UNTRUSTED, '?', 'T', "does not fully agree with the trusted sources")                    \
	X(MAYBE_OURS, '?', 's', "above our stratum and no nearer: it may have its time from us")   \
	X(WAITING, '-', 'W', "good, but fewer than minsources agree")                              \
	X(WAITING_REQUIRED, '-', 'W', "good, but no source with 'require' is")                     \
	X(NOT_PREFERRED, '-', 'P', "good, but another one is preferred")                           \
	X(OUTLIER, '-', 'D', "possible, but far off from what the others agree on")                \
	X(NOT_COMBINED, '-', 'D', "good, but much worse than the best")                            \
	X(COMBINED, '+', '+', "combined with the best")                                            \
	X(SELECTED, '*', '*', "the best source")

enum ds_selection {
#define X(symbol, letter, data_letter, words) DS_S_##symbol,
	DS_SELECTIONS(X)
#undef X
};

/* Static; an impossible value gives '?' and "unknown". */
char ds_selection_letter(enum ds_selection selection);
char ds_selection_data_letter(enum ds_selection selection);
const char *ds_selection_words(enum ds_selection selection);

struct ds_candidate {
	/* in */
	bool has_prediction; /* false: NONE; only then is `prediction` not looked at */
	bool reachable;
	uint8_t reach; /* a bit for each of its last 8 polls; not used here, for logs */
	bool loop;     /* its time comes from us */
	bool noselect; /* has no vote either */
	bool prefer;   /* if good, only preferred ones are selected and combined */
	bool trust;
	bool require;	      /* without such a one that is good nothing is selected */
	bool combined_before; /* it was SELECTED or COMBINED the last time */
	uint8_t leap;	      /* enum ds_leap, 0..2 */
	uint8_t stratum;
	uint32_t ref_id;       /* what our own reference id becomes if it is selected */
	uint32_t local_ref_id; /* what its reference id becomes if it selects us; 0: not known */
	uint32_t upstream_id;  /* whom it follows: its own reference id at stratum 2 and above; 0 */
	uint32_t path_id; /* of the way to it: equal ones share what delays do; 0: of no other */
	struct ds_prediction prediction;
	double jitter_ns;      /* standard deviation of single measurements */
	double systematic_ns;  /* what no number of samples takes away: half of the root delay, and
				  the root dispersion that it states. For ds_combine() */
	int64_t root_delay_ns; /* to the root, the last hop included; not used here, for the caller
				*/
	int64_t root_dispersion_ns;   /* likewise */
	int64_t stated_dispersion_ns; /* what the source says of its own error, without ours */
	/* what its newest samples say of the prediction; for ds_bound_judge() */
	int64_t contradiction_ns; /* they do not allow it: it may be wrong by so much; 0: they do */
	int64_t doubt_ns;      /* it is further away than their lateness explains: by so much it may
				  be wrong; 0: it is not */
	double freq_doubt_ppb; /* likewise of the frequency */
	/* out */
	enum ds_selection selection;
	bool followed; /* private: the one selected before */
};

struct ds_select_config {
	int64_t max_distance_ns;    /* sources further are DISTANT and have no vote; 0: no limit */
	double max_jitter_ns;	    /* likewise JITTERY; 0: no limit */
	double stratum_weight_ns;   /* a stratum further is as bad as so much distance */
	double reselect_ns;	    /* so much nearer must another be to take over */
	double combine_limit;	    /* combined up to so many times the best distance; 0: none */
	double max_clock_error_ppb; /* what a frequency may be wrong by without anybody's fault */
	uint8_t min_sources;	    /* so many must agree; 0 counts as 1 */
	uint8_t orphan_stratum;	    /* `local stratum N orphan`; 0: no orphan mode */
	uint8_t own_stratum; /* what others are told of us; 0: nobody asks, or we have no time */
	int64_t own_distance_ns;
};

/* chrony's defaults (chrony.conf(5)). */
#define DS_SELECT_DEFAULTS                                                                         \
	{                                                                                          \
		.max_distance_ns = INT64_C(3000000000), .max_jitter_ns = 1e9,                      \
		.stratum_weight_ns = 1e6, .reselect_ns = 1e5, .combine_limit = 3.0,                \
		.max_clock_error_ppb = 1e3, .min_sources = 1                                       \
	}

struct ds_selected {
	uint32_t best; /* index of the SELECTED candidate */
	uint32_t good; /* how many agree */
	/* Where the truth lies if the majority is right: what all claims that were believed in the
	 * vote have in common, as server minus raw. Not empty. */
	int64_t low_minus_raw_ns, high_minus_raw_ns;
};

/* candidates: at most DS_SOURCES_MAX (the rest is NONE), predictions all for one raw time. Fills
 * `selection` of each. previous: index of the source selected last time, or -1 (so is any index
 * that is out of range): it stays while it is good and no other is clearly better (no hopping for
 * noise). Returns whether there is a time to keep; *selected is written only then. Without a
 * majority all that were usable are FALSETICKER.
 *
 * Orphan mode: sources at orphan_stratum and above have no vote. Where nobody else is selectable,
 * the one exactly at it with the lowest reference id is taken, if that is below ours in its eyes
 * (local_ref_id); so of all hosts that serve their own time at this stratum the others follow one.
 */
bool ds_select(struct ds_candidate *candidates, uint32_t count, int32_t previous,
	       const struct ds_select_config *config, struct ds_selected *selected);

#endif
