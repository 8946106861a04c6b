/*
 * shadow: what `drivestampd --shadow` logged, read back: exchanges against two clocks, the two
 * clocks against each other, and what happened; and the figures that are made of it.
 * It must never compare the two clocks on different packets, and never say which is nearer to a
 * source where the intervals do not.
 *
 * "own" is the clock that the daemon kept inside, "system" the machine's, which somebody else kept.
 * Errors are a clock minus what it is compared with: positive where it is fast. Moments are of
 * CLOCK_MONOTONIC_RAW, which nobody steers, in seconds.
 *
 * What the figures cannot show: what all packets share moves both clocks' errors alike (a route
 * that is longer there than back, an error of the server), and the own clock is steered by these
 * very packets, the system's perhaps by others.
 */
#ifndef DS_LAB_SHADOW_H
#define DS_LAB_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lab/result.h"

#define DS_SHADOW_SOURCES 64
#define DS_SHADOW_ADDRESS 48
#define DS_SHADOW_TEXT	  256
#define DS_SHADOW_LINE	  1024 /* longer lines are none of ours */

struct ds_shadow_exchange { /* a line X */
	double at_s;
	double own_ns, system_ns; /* errors: the line has them as offsets, with the other sign */
	double delay_ns, distance_ns;
	uint8_t source; /* index of ds_shadow.source */
	bool interleaved;
	char tx, rx; /* who took T1 and T4: 'D', 'K', 'H', '-' */
};

struct ds_shadow_clocks { /* a line C */
	double at_s;
	double own_minus_system_ns;
	double bound_ns, hard_ns; /* of own; NAN: nothing is known */
	double frequency_ppm, remaining_ns, system_rate_ppm;
	bool own_synchronised, system_synchronised;
};

enum ds_shadow_what {
	DS_SHADOW_SYSTEM_STEP,	 /* value[0]: ns */
	DS_SHADOW_SYSTEM_RATE,	 /* value[0] to value[1], ppm, in value[2] changes */
	DS_SHADOW_SYSTEM_STATUS, /* text */
	DS_SHADOW_KEEPERS,	 /* text */
	DS_SHADOW_OWN_STEP,	 /* value[0]: ns */
	DS_SHADOW_SLEPT,	 /* value[0]: s */
	DS_SHADOW_WHATS
};

struct ds_shadow_event { /* a line E */
	double at_s;
	char when[32]; /* date and time by the system's clock, to the second */
	enum ds_shadow_what what;
	double value[3];
	char text[DS_SHADOW_TEXT];
};

struct ds_shadow_source {
	char address[DS_SHADOW_ADDRESS];
	int stratum; /* the last one */
};

/* The latest run in the files. Zero-initialised it is empty. */
struct ds_shadow {
	struct ds_shadow_exchange *exchanges; /* owned; in order of lines */
	size_t exchange_count, exchange_room;
	struct ds_shadow_clocks *clocks; /* owned */
	size_t clock_count, clock_room;
	struct ds_shadow_event *events; /* owned */
	size_t event_count, event_room;
	struct ds_shadow_source source[DS_SHADOW_SOURCES];
	int source_count;
	char program[DS_SHADOW_TEXT]; /* "drivestampd 0.1.0 4711": program, version, process */
	char begun[32];		      /* by the system's clock */
	bool mixed;		      /* files are of different runs */
	unsigned runs_before;	      /* in the file that has most */
	uint64_t lines, bad_lines;    /* that were none of ours */
	char bad[DS_SHADOW_TEXT];     /* "FILE:LINE: why", of the first of them */
};

/* Read a file, any of the three, or one of all that holds lines of several. Where a run begins,
 * what stands before it in this file is forgotten. Headers are passed over; a last line that is not
 * whole is, too. Returns false without memory, or where the file cannot be read (errno). */
bool ds_shadow_read(struct ds_shadow *shadow, FILE *in, const char *name);
void ds_shadow_free(struct ds_shadow *shadow);

/* One clock on some packets. */
struct ds_shadow_error {
	struct ds_figure bias_ns, median_abs_ns, rms_ns, p99_abs_ns;
	double max_abs_ns;
};
/* Who is nearer, as far as can be told. */
enum ds_shadow_nearer { DS_SHADOW_CANNOT_TELL, DS_SHADOW_OWN, DS_SHADOW_SYSTEM };

#define DS_SHADOW_PACKETS_LEAST 20 /* fewer: no interval, and nothing is told */
#define DS_SHADOW_BLOCKS_LEAST	8  /* independent ones; with fewer the ratio must be 3 */

struct ds_shadow_compared { /* both clocks, the same packets */
	size_t count;
	double blocks; /* so many independent ones are they worth, about */
	struct ds_shadow_error own, system;
	struct ds_figure rms_ratio, median_ratio; /* own / system */
	enum ds_shadow_nearer nearer;		  /* by the RMS */
};

struct ds_shadow_source_figures {
	size_t count;
	double interleaved_share, kernel_share; /* of T1 and T4 both by kernel or card */
	double delay_median_ns, delay_quarter_ns;
	struct ds_shadow_compared all, quarter; /* quarter: the packets with the least delay */
};

#define DS_SHADOW_TAUS 24
struct ds_shadow_allan {
	double tau_s;
	double own, system; /* against the best source, its packets' noise in it; NAN: too short */
	double difference;  /* own minus system: no packet in it */
};

struct ds_shadow_figures {
	double from_s, seconds;		     /* what is used */
	double left_out_s;		     /* before it */
	struct ds_figure difference_mean_ns; /* own minus system, over time */
	double difference_rms_ns, difference_max_ns, difference_drift_ppm;
	double frequency_ppm, system_rate_ppm;	/* means over time */
	double within_bound, within_hard;	/* share of the time at which a bound is known */
	double beyond_bound_ns, beyond_hard_ns; /* by how much the system was outside at most; 0 */
	double bound_median_ns, hard_median_ns;
	int best; /* source; -1: none */
	struct ds_shadow_source_figures source[DS_SHADOW_SOURCES];
	struct ds_shadow_allan allan[DS_SHADOW_TAUS];
	int allan_count;
	size_t system_steps, own_steps;
	uint64_t rate_changes;
	const char *keepers;		      /* the last that were seen; "-": none */
	bool system_synchronised, system_pll; /* at the end */
};

/* The figures of what came skip_s or later after the first line, and after the own clock was first
 * synchronised: before that it is the system's. The shadow must outlive them. False without
 * memory. */
bool ds_shadow_figures(const struct ds_shadow *shadow, double skip_s,
		       struct ds_shadow_figures *figures);

/* Both clocks on the same packets: errors in their order of time. False without memory. */
bool ds_shadow_compare(const double *own_ns, const double *system_ns, size_t count,
		       struct ds_shadow_compared *compared);

/* Allan deviation at tau of readings x at rising moments that need not be regular: from each
 * reading those nearest to tau and 2 tau later, where they are within a tenth of tau. NAN for fewer
 * than three intervals of tau. Riley, Handbook of Frequency Stability Analysis (NIST SP
 * 1065), 5.2.4: overlapping. */
double ds_shadow_adev(const double *at_s, const double *x_s, size_t count, double tau_s);

void ds_shadow_print(const struct ds_shadow *shadow, const struct ds_shadow_figures *figures,
		     FILE *out);
/* schema: doc in man/drivestamp.1 */
void ds_shadow_print_json(const struct ds_shadow *shadow, const struct ds_shadow_figures *figures,
			  FILE *out);

#endif
