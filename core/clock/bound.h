/*
 * bound: how wrong the clock may be, now and later, while nobody says anything new.
 * It must never shrink without a measurement, and never say of itself more than its two
 * assumptions give: each number below names what it rests on.
 *
 * The clock follows a line on the raw scale (discipline.h). Two answers to "how far may it be from
 * the truth":
 *
 *   hard   rests on the sources alone: a packet can only be late, so the truth lies within half the
 *	    round trip to the root and the dispersion on the way (RFC 5905 section 11.2), whatever
 *	    share of the delay each direction has. Where there are several sources, a majority of
 *	    their claims is taken to be true, whichever: it lies where so many meet (Marzullo 1984).
 *	    It grows by maxclockerror and by what is not known of
 *	    the frequency. This is what is served and what the kernel is told.
 *   bound  rests on one thing more: the *least* delays of the two directions differ by at most the
 *	    share `max_asymmetry` of their sum (0: the ways are as long there as back; 1: nothing is
 *	    assumed). No measurement over one path can tell that share; half the least delay times
 *	    it is part of the bound. The rest is how well the estimate knows the line:
 *
 *		bound(t) = root + DS_BOUND_SDS * scale * sd(t),  or hard(t) where that is less
 *		sd(t)^2  = sd^2 + 2 cov t + freq_sd^2 t^2 + wander^2 t^3 / 3
 *
 *	    the variance of a line whose offset and frequency are known with a covariance, and whose
 *	    frequency walks at random. t: since the update. The last term is the integral of a
 *	    random walk; what holdover.h has seen this oscillator stray in such a time takes its
 *	    place where it is more.
 *	    root: what the source says of its own error, the asymmetry, and by how much the sources
 *	    that were combined contradict each other beyond their noise.
 *
 *	    A source that was wrong by more lately has samples of that time in its estimate: what it
 *	    said of itself then is forgotten by half in DS_BOUND_STATED_HALF updates only. In
 *	    the first DS_BOUND_YOUNG intervals it may be its clock that was put right, from as wrong
 *	    as it said it was: then the slope is wrong (stated_freq_ppb, estimate.h). Later it is
 *the saw tooth between its own updates, and each in a chain would add to it.
 *
 *	    An estimate may be wrong though it says that it is not: an oscillator that bent, a
 *	    model that does not fit. The newest samples know nothing of models: a packet can only be
 *	    late, by at most what the round trip took beyond the least. Where the line lies
 *	    outside of what the newest sample allows, it may be wrong as far as that reaches; so
 *	    may its slope, by the two newest. Each of the newest eight may contradict it, for as
 *	    long as it is among them: then it may be wrong by the least of what they allow, and
 *	    what maxclockerror has made of that since. Where round trips show no edge
 *	    (estimate.h) it may be wrong by what a mean of so many is. Where the line is outside
 *	    of half the whole round trip, nothing but `hard` is claimed, which is raised.
 *
 * Both have the distance of the clock from its line added, by whoever asks: it is measured, not
 * estimated.
 *
 * DS_BOUND_SDS. 3.9 standard deviations hold 99.99 % of a normal distribution. Errors of one line
 * hang together for as long as its samples are remembered, and how well a few samples say their own
 * standard deviation is itself known to a quarter or so: 3.9 * 1.25, rounded up.
 *
 * At the start. A standard deviation that few measurements gave is itself not known: Student's
 * distribution takes the place of the normal one. Of nu of them its quantile is larger by about
 * exp(DS_BOUND_STUDENT / nu) (within a tenth for 99.99 % and nu of 3 to 100). Updates count by the
 * part of an interval that each came after the one before: a burst says nothing of an oscillator,
 * and four sources are asked four times an interval. At most DS_BOUND_SCALE_MAX.
 *
 * scale. A bound that knows it was wrong grows; two things tell.
 *   Surprise: each update shows how far the line before it was off. Beyond DS_BOUND_SURPRISE_SDS of
 *   what was thought possible the model is too narrow (an oscillator that bends, a path that
 *   changed): all standard deviations count that much more from then on, which is forgotten by a
 *   part in DS_BOUND_MEMORY an update. With a right model that happens once in 370 updates, and
 *   costs little.
 *   Whatever moved it may go on: DS_BOUND_SURPRISE_RATE of the rate at which it moved is the least
 *   uncertainty of the frequency until the next update (times DS_BOUND_SDS: twice that rate).
 *   Hindsight: an error that is shared by one line and the next shows in no surprise. But a line is
 *   known best in the past (where offset and frequency have no covariance): there it says, with
 *   samples from both sides, where an earlier line should have ended. The mean square of these
 *   differences in units of what was claimed then, over some DS_BOUND_MEMORY of them, is 1 or
 *   less for who claims what is right.
 */
#ifndef DS_CORE_CLOCK_BOUND_H
#define DS_CORE_CLOCK_BOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock/combine.h"
#include "core/clock/holdover.h"
#include "core/clock/scale.h"
#include "core/clock/select.h"

#define DS_BOUND_SDS	       5.0
#define DS_BOUND_SURPRISE_SDS  3.0
#define DS_BOUND_SURPRISE_RATE 0.4
#define DS_BOUND_SCALE_MAX     4.0
#define DS_BOUND_MEMORY	       32.0
#define DS_BOUND_STUDENT       4.5
#define DS_BOUND_ENDS	       64
#define DS_BOUND_STATED_HALF   2.0
#define DS_BOUND_YOUNG	       16.0
#define DS_BOUND_UNKNOWN_NS    DS_NS_LIMIT /* nothing is known */

struct ds_bound_config {
	double max_clock_error_ppb; /* how wrong a frequency goes by itself; 0 or more */
	double max_asymmetry;	    /* 0..1, see above; what lies outside is cut off */
};

/* What an update gave. Standard deviations that are negative or NaN count as unknown, and then
 * nothing is claimed but `hard`. */
struct ds_bound_update {
	int64_t raw_ns;
	int64_t line_minus_raw_ns; /* the line at raw_ns, less raw_ns */
	double freq_ppb;	   /* its slope */
	double sd_ns;		   /* of the line at raw_ns */
	double freq_sd_ppb;	   /* of its frequency; INFINITY counts as unknown */
	double cov_ns_ppb; /* of the two; less than 0 counts as 0, more than sd * freq_sd as that
			    */
	double wander_ppb; /* of the frequency, per root second; INFINITY counts as unknown */
	/* of the sources, all of raw_ns */
	int64_t source_dispersion_ns; /* what the sources say of their own error */
	int64_t root_delay_ns;	      /* least round trip to the root */
	int64_t disagreement_ns;      /* beyond their noise */
	int64_t hard_ns;	      /* the truth lies within this of the line */
	int64_t doubt_ns;	      /* ... and what their newest samples say of the line */
	double freq_doubt_ppb;
	double stated_freq_ppb; /* of the frequency, by what they say of their own error */
	bool contradicted;	/* the newest sample of one does not allow the line */
	int64_t interval_ns;	/* about how long until the next update */
};

/* Where an earlier line ended, and how well that was thought to be known. */
struct ds_bound_end {
	int64_t raw_ns, line_minus_raw_ns;
	double sd_ns;
};

/* Read it; only the functions below write it. */
struct ds_bound {
	struct ds_bound_config config;
	const struct ds_holdover *holdover;
	bool known;
	int64_t raw_ns;
	double sd_ns, freq_sd_ppb, cov_ns_ppb, wander_ppb;
	double root_ns;
	double stated_ns; /* of it: what sources say of their own error, or said lately */
	double hard_ns;
	bool contradicted;
	double doubt_ns, freq_doubt_ppb;
	/* what is learnt */
	double scale; /* 1 .. the square of DS_BOUND_SCALE_MAX: the larger of the next two, times
			 what few measurements do not know */
	double surprise;
	double hindsight; /* a mean square, 1 at first */
	int64_t line_minus_raw_ns;
	double freq_ppb;
	double intervals; /* that were measured since it was last unknown: nu above */
	struct ds_bound_end ends[DS_BOUND_ENDS]; /* a ring */
	uint8_t end_next, end_count;
};

struct ds_bound_value {
	int64_t bound_ns; /* 0 .. DS_BOUND_UNKNOWN_NS; at most hard_ns */
	int64_t hard_ns;
};

/* A majorant in straight pieces, for readers who compute little: from the moment it is of, `ns`
 * grows by early_ppb until knee_ns later, from there on by late_ppb until end_ns later. Behind the
 * end nothing is claimed. The lesser of the two lines holds. */
struct ds_bound_line {
	double ns, early_ppb, late_ppb;
};
struct ds_bound_lines {
	struct ds_bound_line bound, hard;
	int64_t knee_ns, end_ns;
};

/* holdover: what is learnt of the oscillator, kept and asked from now on; NULL: nothing. */
void ds_bound_init(struct ds_bound *b, const struct ds_bound_config *config,
		   const struct ds_holdover *holdover);

/* Fills in what is of the sources, from a selection: of the candidates that were selected or
 * combined the largest dispersion and delay, and their offsets against what came of them; and the
 * claims of all that had a vote. */
void ds_bound_judge(const struct ds_candidate *candidates, uint32_t count,
		    const struct ds_combined *combined, struct ds_bound_update *update);

/* An update that lies before the last one counts as of the same moment. */
void ds_bound_update(struct ds_bound *b, const struct ds_bound_update *update);

/* Nothing is known any more (the host slept). The scale stays. */
void ds_bound_lose(struct ds_bound *b);

/* At raw_ns (before the last update: as of it). remaining_ns: how far the clock is from its line,
 * any sign. Grows with raw_ns; DS_BOUND_UNKNOWN_NS where nothing is known, or where it would be
 * more. */
void ds_bound_at(const struct ds_bound *b, int64_t raw_ns, int64_t remaining_ns,
		 struct ds_bound_value *value);

/* The same for later moments: nowhere below ds_bound_at() with the same remaining_ns between raw_ns
 * and the end (both are convex in time; chords lie above). knee_ns and end_ns: at least 1 us, end
 * more than knee; cut to that. False, and lines of DS_BOUND_UNKNOWN_NS, where nothing is known. */
bool ds_bound_ahead(const struct ds_bound *b, int64_t raw_ns, int64_t remaining_ns, int64_t knee_ns,
		    int64_t end_ns, struct ds_bound_lines *lines);

#endif
