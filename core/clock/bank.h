/*
 * bank: what a window of samples says of offset, frequency and path, under several opinions of how
 * much the oscillator wanders, and how far each opinion is to be believed.
 * It must never settle which samples belong into the window: what is set aside is left out.
 *
 * Each opinion holds a belief as of the beginning of the window (older samples live on in it) and,
 * for each packet in the window, the factor that stands for it (envelope.h). A run looks at every
 * packet anew, from the newest back, by what all the others say of it (its factor taken out of the
 * belief, the packet looked at, a new factor put in), so that what comes late, a lower minimum say,
 * corrects what was thought before. One run for each new sample is enough: all but the newest
 * change little.
 *
 * Opinions stand a factor DS_BANK_RATIO apart. Their weights are their evidence: how likely each
 * said the samples were before they came, with a memory of DS_BANK_MEMORY samples, and a weak
 * belief to begin with (crystals wander by about 1e-9 a root second, give or take a factor of 30).
 * Each stands there twice: once for an oscillator's walk alone, and once as if the offset walked
 * too, as much in DS_BANK_OFFSET_S as the frequency carries it: so looks a server that follows
 * another one, with its own wander under correction.
 * Without queues noise may have changed, which says nothing of the oscillator: the evidence has the
 * tails of Student's t, so that samples far off speak of it about as much as near ones.
 * The bank moves along when the outermost is the likeliest. (Magill, "Optimal adaptive estimation
 * of sampled stochastic processes", IEEE TAC 1965.)
 */
#ifndef DS_CORE_CLOCK_BANK_H
#define DS_CORE_CLOCK_BANK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/belief.h"
#include "core/clock/envelope.h"

/* Of 4, 8, 16, 32 samples the bench finds 16 and 32 alike, and 8 a few per cent worse. */
#define DS_BANK_WINDOW	 16
#define DS_BANK_NEWEST	 5 /* looked at again with each new sample; the others ... */
#define DS_BANK_TURN	 4 /* ... with each fourth: a third of the time, and 1 per cent of error */
#define DS_BANK_SIZE	 5
#define DS_BANK_RATIO	 3.0	/* 4 and 8 lose 5 and 15 per cent between two opinions */
#define DS_BANK_OFFSET_S 300.0	/* some polls: what a server takes to find its own wander */
#define DS_BANK_MEMORY	 100.0	/* samples; 50 and 200 are alike */
#define DS_BANK_MEMORY_S 6400.0 /* ... and at least as long: wander changes with the hour */

struct ds_look {
	struct ds_interval since; /* the sample before; of the oldest: since the prior's moment */
	double bound_ns[2];	  /* by enum ds_way; relative to what the owner says */
	bool aside;		  /* left out */
	bool one_way;		  /* the answer's bound alone is a measurement */
	bool settled; /* without queues: noise was another then; not to be looked at anew */
	/* out: as the opinions have it together */
	bool seen; /* it was looked at */
	double late_ns[2], usual_ns[2], tail[2];
	double miss_var_ns2; /* without queues: square of what the stamps missed the line by */
};

struct ds_window {
	struct ds_look look[DS_BANK_WINDOW]; /* oldest first */
	uint8_t count;
};

struct ds_opinion {
	struct ds_walk walk;
	double evidence;	/* natural log, against the others */
	double evidence_before; /* without the newest sample */
	double weight;		/* the sum over the bank is 1 */
	struct ds_belief prior; /* at the moment of the oldest sample, without it */
	struct ds_belief now;	/* at the newest */
	struct ds_factor factor[DS_BANK_WINDOW][2];
};

struct ds_bank {
	/* by wander, rising; first those in which the offset does not walk, then those in which
	 * it does */
	struct ds_opinion opinion[2 * DS_BANK_SIZE];
	uint8_t turn;
};

struct ds_noise {
	struct ds_lateness way[2];
	bool even; /* no queues: noise falls to both sides, with way[0].grain_var_ns2 */
};

/* Nothing is known but a first sample's offset and round trip (both finite, delay_ns >= 0). */
void ds_bank_start(struct ds_bank *bank, double offset_ns, double delay_ns, double freq_sd_ppb);

/* The oldest sample leaves the window (count > 1): the prior takes it in. */
void ds_bank_drop_oldest(struct ds_bank *bank, struct ds_window *window);

/* The newest sample is to be looked at as if it had never been. */
void ds_bank_forget_newest(struct ds_bank *bank, const struct ds_window *window);

/* Offsets are counted from somewhere else: `by_ns` higher than before. */
void ds_bank_shift(struct ds_bank *bank, double by_ns);

/* Of the path everybody thought too little. */
void ds_bank_lengthen_path(struct ds_bank *bank, double by_ns);

/* A run over the window (count > 0). fresh: the newest is new, its evidence counts, and it is
 * looked at twice. */
void ds_bank_run(struct ds_bank *bank, struct ds_window *window, const struct ds_noise *noise,
		 bool fresh);

/* Mean and covariance of what the opinions say together at the newest sample; *walk: mean over
 * them. */
void ds_bank_sum_up(const struct ds_bank *bank, struct ds_belief *belief, struct ds_walk *walk);

#endif
