/*
 * select: which sources tell the time, and what they say together.
 * It must never look at a packet, and never drop a source without naming why.
 *
 * Source: RFC 5905 section 11.2.1 (intersection), Marzullo 1984; combining weighted by
 * variance.
 */
#ifndef DS_CORE_CLOCK_SELECT_H
#define DS_CORE_CLOCK_SELECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/estimate.h"

#define DS_SOURCES_MAX 64

/* X(symbol, chronyc's letter, words) */
#define DS_SELECTIONS(X)                                                    \
	X(NONE, '?', "no usable samples yet")                               \
	X(UNREACHABLE, '?', "does not answer")                              \
	X(NOSELECT, '?', "measured only (noselect)")                        \
	X(DISTANT, '?', "root distance over maxdistance")                   \
	X(FALSETICKER, 'x', "contradicts the majority (falseticker)")       \
	X(WAITING, '?', "good, but fewer than minsources agree")            \
	X(NOT_COMBINED, '-', "good, but much worse than the best")          \
	X(COMBINED, '+', "combined with the best")                          \
	X(SELECTED, '*', "the best source")

enum ds_selection {
#define X(symbol, letter, words) DS_S_##symbol,
	DS_SELECTIONS(X)
#undef X
};
char ds_selection_letter(enum ds_selection selection);
const char *ds_selection_words(enum ds_selection selection);

struct ds_candidate {
	/* in */
	bool has_prediction; /* false: NONE */
	bool reachable;
	bool noselect;
	bool prefer;
	uint8_t leap;
	uint8_t stratum;
	uint32_t ref_id; /* what our own reference id becomes if it is selected */
	struct ds_prediction prediction;
	int64_t root_delay_ns; /* to the root, our half included */
	int64_t root_dispersion_ns;
	/* out */
	enum ds_selection selection;
};

struct ds_select_config {
	int64_t max_distance_ns;
	uint8_t min_sources;
};

struct ds_combined {
	int64_t server_minus_raw_ns; /* at the raw time of the predictions */
	double sd_ns;
	double freq_ppb;
	double freq_sd_ppb;
	uint32_t best;    /* index of the SELECTED candidate */
	uint32_t sources; /* how many were combined */
	uint8_t leap;     /* of the majority of the combined */
};

/* candidates: at most DS_SOURCES_MAX, predictions all for one raw time. Fills `selection` of each.
 * previous: index of the source selected last time, or -1: it stays unless another is clearly
 * better (no hopping for noise). Returns whether there is a time to keep. */
bool ds_select(struct ds_candidate *candidates, uint32_t count, int32_t previous,
	       const struct ds_select_config *config, struct ds_combined *combined);

#endif
