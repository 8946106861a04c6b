/*
 * learning: how late the packets of one source usually are on each way, how often they met
 * something else, and how coarse its stamps are.
 * It must never be told the model: all is from what the bank made of the samples.
 *
 * The usual lateness and the probability of the tail are means of what the bank thinks each packet
 * was, over its window and, with a memory of 256 samples, before it (expectation maximisation,
 * Dempster, Laird and Rubin 1977). Without queues the mean square of the misses is the noise; and
 * where the newest samples speak for another noise than that (pulses begin to jitter, a receiver
 * finds more satellites), it is learnt anew from them: Page's test (1954) finds the change and
 * where it began. Differences of misses are what is judged: a line that lags behind an oscillator
 * misses all samples to one side, and that is no noise.
 *
 * The grain that stamps are said to have is a guess. It stands in a contest with a coarser and a
 * finer one: by which would a new sample have been foretold better? Grain and lateness together
 * scatter as much whichever it is, and the mean of the packets lies where it lies, so that with a
 * coarser grain packets are less late, and the path is longer.
 */
#ifndef DS_CORE_CLOCK_LEARNING_H
#define DS_CORE_CLOCK_LEARNING_H

#include <stdbool.h>

#include "core/clock/bank.h"

struct ds_learnt { /* sums and counts over samples that left the window, fading */
	double usual_sum, usual_count;
	double tail_sum, tail_count;
};

struct ds_run { /* samples since the evidence for a change was last nothing */
	double nats, sum_ns2, count;
};

struct ds_learning {
	struct ds_learnt way[2]; /* by enum ds_way */
	double miss_sum, miss_count;
	double miss_ns;		       /* without queues: the newest one, before it was taken */
	struct ds_run louder, quieter; /* ... against the noise in force */
	double grain_factor;	       /* of the variance of the grain that is stated */
	double coarser, finer;	       /* evidence, natural log, against the grain in force */
};

/* delay_ns: the first round trip, >= 0: all that is known. */
void ds_learning_start(struct ds_learning *learning, double delay_ns);

/* A sample leaves the window. */
void ds_learning_keep(struct ds_learning *learning, const struct ds_look *look);

/* What the window shows and what was before it, into *noise (of which `even` is read). grain2: the
 * variance that the stamps are said to have, ns^2, > 0. few: so few samples that any could be the
 * odd one: then none is. */
void ds_learning_sum_up(const struct ds_learning *learning, const struct ds_window *window,
			double grain2, bool few, struct ds_noise *noise);

/* A new sample, and the belief at its moment before it was looked at. Returns by how much longer
 * the path is for a change of grain, ns; 0 where nothing changed. */
double ds_learning_judge_grain(struct ds_learning *learning, const struct ds_belief *before,
			       const struct ds_look *look, struct ds_noise *noise);

/* Without queues: a new sample (the newest of the window), and the belief at its moment before it
 * was looked at; noise_var_ns2: what is in force. Where noise has changed, the samples in the
 * window from before the change are left as they were taken (`settled`). */
void ds_learning_judge_noise(struct ds_learning *learning, const struct ds_belief *before,
			     struct ds_window *window, double noise_var_ns2);

/* What is usual without what the window shows, ns: that may be the change that one looks for. */
double ds_learning_usual_ns(const struct ds_learning *learning, const struct ds_noise *noise,
			    enum ds_way way);

/* How unlikely (natural log, >= 0) half a round trip is that lies above_ns above the path, whatever
 * the offset: both ways late as usual (a sum of two exponentials: Erlang), or one met something
 * else. */
double ds_learning_unlikely(const struct ds_learning *learning, const struct ds_noise *noise,
			    double above_ns);

#endif
