/*
 * stamps_figures: what the moments of many packets say: how far apart they are, as distributions,
 * and whether the clock read after a send is nearer to when the packet left than the one read
 * before it. It must never call one nearer where parts of the same run disagree, and never join
 * idle and loaded packets.
 */
#ifndef DS_LAB_STAMPS_FIGURES_H
#define DS_LAB_STAMPS_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/stamps.h"

/* Each is the later moment minus the earlier one, in ns, where both are known. */
enum ds_stamps_gap {
	DS_GAP_BEFORE_TX,   /* clock before send, kernel's transmit stamp */
	DS_GAP_TX_AFTER,    /* kernel's transmit stamp, clock after send: may be negative on a
			       device that takes packets from a queue */
	DS_GAP_BEFORE_CARD, /* clock before send, card's stamp */
	DS_GAP_TX_CARD,	    /* kernel's transmit stamp, card's */
	DS_GAP_TX_RX,	    /* kernel's transmit stamp, the receiver's kernel stamp */
	DS_GAP_RX_USER,	    /* the receiver's kernel stamp, its clock after it read the packet */
	DS_GAP_EARLY,	    /* clock before send, truth */
	DS_GAP_LATE,	    /* truth, clock after send */
	DS_GAPS
};

/* "before_to_kernel_tx", ...: as in JSON. "clock before send -> kernel transmit stamp": for people.
 */
const char *ds_stamps_gap_name(enum ds_stamps_gap gap);
const char *ds_stamps_gap_words(enum ds_stamps_gap gap);

/* The best that is known of when a packet left: the card's stamp; else the earlier one of the
 * kernel's transmit stamp and the receiver's (nothing is received before it has left). 0: unknown.
 */
int64_t ds_stamps_truth(const struct ds_stamps_row *row);
/* False where one of both moments is missing. */
bool ds_stamps_gap(const struct ds_stamps_row *row, enum ds_stamps_gap gap, int64_t *ns);

#define DS_STAMPS_PERCENTILES 8
extern const double ds_stamps_percent[DS_STAMPS_PERCENTILES]; /* 1 5 25 50 75 95 99 99.9 */
#define DS_STAMPS_P50 3
#define DS_STAMPS_P99 6

struct ds_stamps_distribution {
	size_t count;
	double percentile_ns[DS_STAMPS_PERCENTILES]; /* linear between neighbours; NAN for none */
	double mad_ns;				     /* median of |value - median|, not scaled */
	double mean_ns, sd_ns; /* sd: of the sample, n - 1; NAN for fewer than two */
	double least_ns, most_ns;
	size_t negative; /* the later moment was the earlier one */
};

/* Of values[0..count), which it sorts. */
void ds_stamps_distribute(double *values, size_t count, struct ds_stamps_distribution *out);

enum ds_stamps_nearness {
	DS_STAMPS_UNKNOWN,  /* no packet with all moments */
	DS_STAMPS_BEFORE,   /* the clock before the send is nearer, in every block */
	DS_STAMPS_AFTER,    /* the clock after it is, in every block */
	DS_STAMPS_UNDECIDED /* blocks disagree */
};
const char *ds_stamps_nearness_name(enum ds_stamps_nearness nearness);

/* One way to compare the clock before with the clock after: figures of all blocks together, and in
 * how many blocks the clock after was nearer. */
struct ds_stamps_comparison {
	double before_ns, after_ns;
	int blocks, after_nearer;
	enum ds_stamps_nearness nearness;
};
enum ds_stamps_measure {
	DS_STAMPS_MEDIAN,
	DS_STAMPS_MAD,
	DS_STAMPS_TAIL /* p99 of the size */,
	DS_STAMPS_MEASURES
};
const char *ds_stamps_measure_name(enum ds_stamps_measure measure); /* "median", "mad", "p99" */

struct ds_stamps_figures {
	size_t packets; /* in blocks of this condition */
	size_t at_once; /* whose transmit stamp was there when the send had returned */
	struct ds_stamps_distribution gap[DS_GAPS];
	struct ds_stamps_comparison comparison[DS_STAMPS_MEASURES];
};

/* False without memory. */
bool ds_stamps_figure(const struct ds_stamps_seen *seen, enum ds_lab_condition condition,
		      struct ds_stamps_figures *figures);

/* In words: "the clock after send() is farther from the truth than the clock before it: ...".
 * Returns buffer. */
#define DS_STAMPS_SENTENCE 640
const char *ds_stamps_sentence(const struct ds_stamps_figures *figures,
			       char buffer[DS_STAMPS_SENTENCE]);

#endif
