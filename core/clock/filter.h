/*
 * filter: the samples that a reference clock gave within one poll, reduced to one.
 * It must never hold more than it was told to, and never let the oscillator's frequency pass
 * for noise.
 *
 * A driver may give many samples a poll, some of them far off: a serial line that was busy, a
 * message that was late. chrony.conf(5) documents, under `filter`, that 40 per cent are discarded
 * and the rest is averaged. Here the 60 per cent nearest to the median say where the middle and how
 * wide the scatter is, and then the mean is taken of all that lie within DS_FILTER_FAR standard
 * deviations of that (Hampel 1985: a skipped mean). It minds no wild samples up to two fifths, as
 * that does, but of normal noise it is the mean, whose variance is half of what the 60 per cent
 * alone would have (test_filter measures both).
 *
 * Few samples may hold more wild ones than that by chance: two of four, say. It shows by a scatter
 * far over the usual one (a median, followed in steps: down where a result scattered less, up where
 * it scattered more), and whoever can wait for more samples is told to; at
 * the very start, by two heaps with nothing between.
 *
 * "Furthest" is judged about a line, for within a poll the reference gains on the raw scale: its
 * slope is the frequency in force, and where there are DS_FILTER_LINE samples or more, what
 * that is wrong by: the median slope between the earlier half and the later (Siegel's and Theil's
 * idea at its cheapest; a fifth of wild samples does not move it). The mean itself is taken of
 * times and values alike, and so lies on the line whatever its slope.
 */
#ifndef DS_CORE_CLOCK_FILTER_H
#define DS_CORE_CLOCK_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define DS_FILTER_SAMPLES	   256 /* at most */
#define DS_FILTER_LEAST		   4   /* samples that make a result where the length is no less */
#define DS_FILTER_LINE		   8
#define DS_FILTER_LEFT_OUT_PERCENT 40
#define DS_FILTER_FAR		   3.0
#define DS_FILTER_UNUSUAL	   4.0

struct ds_filter_sample {
	int64_t raw_ns;			/* on the raw scale, see core/exchange/stamp.h */
	int64_t reference_minus_raw_ns; /* the reference clock minus that scale, then */
	int64_t dispersion_ns; /* what the driver says this may be wrong by: its grain, say; >= 0 */
};

/* About 6 KiB; private to filter.c. */
struct ds_filter {
	struct ds_filter_sample samples[DS_FILTER_SAMPLES]; /* a ring */
	uint16_t length;				    /* how many of it are used */
	uint16_t head, count;
	uint8_t results;    /* so far, saturating */
	double usual_sd_ns; /* of a sample, as results had it; 0: none yet */
};

struct ds_filter_result {
	int64_t raw_ns; /* the mean of the samples used, as all here */
	int64_t reference_minus_raw_ns;
	int64_t dispersion_ns;
	double sample_sd_ns; /* of a single sample about the line; 0 where there was only one */
	double sd_ns;	     /* of the result */
	uint16_t used, held;
};

/* length: 1..DS_FILTER_SAMPLES (0 counts as 1, more as DS_FILTER_SAMPLES). */
void ds_filter_init(struct ds_filter *filter, uint16_t length);

/* Take a sample in; the oldest gives way where the filter is full. False, and nothing has changed,
 * for one that is not later than the last, lies beyond +-DS_NS_LIMIT (scale.h) or has a negative
 * dispersion. */
bool ds_filter_add(struct ds_filter *filter, const struct ds_filter_sample *sample);

/* Reduce what is held to one sample, and hold nothing any more. freq_ppb: how fast the reference
 * gains on the raw scale, as far as known (not a number, or beyond 2e8: 0). False where there are
 * too few: DS_FILTER_LEAST, or `length` where that is less; and, if `patient`, where they scatter
 * by more than DS_FILTER_UNUSUAL times the usual. They are kept then. */
bool ds_filter_take(struct ds_filter *filter, double freq_ppb, bool patient,
		    struct ds_filter_result *result);

/* Hold nothing any more. */
void ds_filter_drop(struct ds_filter *filter);

#endif
