/*
 * cardclock: what the free-running clock of a network card showed beside the raw scale, and of
 * which moment on the raw scale one of its stamps is, with what that may be wrong by.
 * It must never smooth over a step of the card's clock, nor claim to know it better than it was
 * read.
 *
 * Model. Both clocks run freely: device = offset + (1 + rate) * raw, the rate of two crystals that
 * drift by DS_CARDCLOCK_WANDER_PPB a root second against each other; by more where somebody steers
 * one of them, which is found by residuals that are alike from one reading to the next. A reading
 * is an interval: the card showed device_ns at some moment within half_width_ns of raw_ns. As the
 * way to a card's register and back is one that can only be longer than its least, readings with a
 * narrow interval are near the truth; the line is fitted (least squares, weights 1 / (half_width^2
 * + precision^2)) through the newest max_samples readings, without those whose interval is far
 * wider than the narrowest there are; older ones go first as the wander makes them worthless. The
 * error that is stated is that of the line where it is asked (its covariance, by what the residuals
 * are and, while there are few, by what the intervals allow; and the wander since the newest
 * reading), plus precision, plus the part of the narrowest half width that all readings may share:
 * a way there longer than the way back is in all of them alike.
 *
 * Somebody else may set the card's clock (another daemon; ptp4l): a reading that no line through
 * the ones before explains is a step; all that was known is forgotten and it is counted.
 */
#ifndef DS_CORE_CLOCK_CARDCLOCK_H
#define DS_CORE_CLOCK_CARDCLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define DS_CARDCLOCK_SAMPLES	64 /* at most; chrony's default of maxsamples is 16 */
#define DS_CARDCLOCK_WANDER_PPB 1.0
/* A stamp further than that from the newest reading is not converted. */
#define DS_CARDCLOCK_REACH_NS INT64_C(60000000000)

struct ds_cardclock_reading {
	int64_t raw_ns;	       /* the middle of the interval */
	int64_t device_ns;     /* what the card's clock showed in it */
	int64_t half_width_ns; /* >= 0; of a cross-stamp (PTP_SYS_OFFSET_PRECISE) 0 */
};

struct ds_cardclock_config {
	int64_t precision_ns; /* of the card's stamps and readings; 0: 100, as chrony has it */
	int64_t slack_ns;    /* a reading that is off by no more is no step, but noise: what reading
			      * our own clock takes, in which it may be held up; 0: none */
	uint8_t min_samples; /* before anything is converted, 2 .. max; 0: 2 */
	uint8_t max_samples; /* .. DS_CARDCLOCK_SAMPLES; 0: 16 */
};

/* Private to cardclock.c; steps and taken may be read. */
struct ds_cardclock {
	struct ds_cardclock_config config;
	struct ds_cardclock_reading readings[DS_CARDCLOCK_SAMPLES]; /* newest last */
	uint8_t count;
	/* The line, about the newest reading: device - device_ref = (raw - raw_ref) * (1 + rate)
	 * + offset. */
	int64_t raw_ref_ns, device_ref_ns;
	double offset_ns, rate;
	double offset_variance, rate_variance, covariance; /* ns^2, 1, ns */
	double shared_ns;  /* what all readings may be wrong by alike */
	double wander_ppb; /* a root second; what the residuals make of it */
	uint64_t taken;	   /* readings that were used */
	uint64_t steps;	   /* how often the card's clock was set by somebody */
};

enum ds_cardclock_news {
	DS_CARDCLOCK_TAKEN,
	DS_CARDCLOCK_IGNORED, /* out of order, out of range, or so wide that it says nothing new */
	DS_CARDCLOCK_STEPPED, /* the card's clock was set: begun anew with this reading */
};

/* Values of the configuration out of bounds are cut off at them. */
void ds_cardclock_init(struct ds_cardclock *c, const struct ds_cardclock_config *config);
/* Forget all readings (the raw scale was broken: suspend). */
void ds_cardclock_forget(struct ds_cardclock *c);

enum ds_cardclock_news ds_cardclock_add(struct ds_cardclock *c,
					const struct ds_cardclock_reading *reading);

/* When, on the raw scale, did the card's clock show device_ns? False, and nothing written, where
 * too little is known (min_samples), or it is further than DS_CARDCLOCK_REACH_NS from the newest
 * reading. *error_ns: what *raw_ns may be wrong by, one standard deviation. */
bool ds_cardclock_raw(const struct ds_cardclock *c, int64_t device_ns, int64_t *raw_ns,
		      double *error_ns);
/* The other way: what does the card's clock show at raw_ns? For a card's clock that is kept right.
 */
bool ds_cardclock_device(const struct ds_cardclock *c, int64_t raw_ns, int64_t *device_ns,
			 double *error_ns);
/* The rate of the card's clock against the raw scale, in ppb; NAN where too little is known. */
double ds_cardclock_rate_ppb(const struct ds_cardclock *c);

#endif
