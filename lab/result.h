/*
 * result: what a run of the lab found: samples and counts of every pair and mode, the figures
 * made of them with intervals, and what was noticed. The run fills it, the verdict and the reports
 * read it. It must never mix samples of two pairs, modes or conditions, and never give a figure
 * without the number of samples it is made of.
 *
 * Offsets are the answering host's clock minus the asking one's, in ns, known truth taken off: what
 * is left is error. Signs and stamps as in RFC 5905: T1 leaves the asking host, T2 comes to the
 * answering one, T3 leaves it, T4 comes back.
 */
#ifndef DS_LAB_RESULT_H
#define DS_LAB_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/experiment.h"

#define DS_LAB_COUNTS 24 /* named counts of a cell */
#define DS_LAB_NOTES  64

enum ds_lab_condition { DS_LAB_IDLE, DS_LAB_LOADED, DS_LAB_BETWEEN /* neither; not used */ };

struct ds_lab_sample {
	double at_s;	  /* since the Epoch, by the clock of the host that asks */
	double offset_ns; /* the error */
	double delay_ns;
	bool has_stamps;
	int64_t t_ns[4];  /* T1..T4, since the Epoch; only where the daemon logs them */
	bool interleaved; /* as the daemon says */
	char source[4];	  /* who took T1..T4: 'D' daemon, 'K' kernel, 'H' card, '?' not said */
	uint8_t repeat;
	uint8_t condition; /* enum ds_lab_condition */
};

struct ds_lab_count {
	char what[DS_LAB_NAME]; /* "requests", "answers", "tx-stamp-late", a drop's reason, ... */
	double value;
};

/* One ordered pair in one mode. */
struct ds_lab_cell {
	int asks, answers;
	enum ds_lab_mode mode;
	bool known;		       /* do both ends know the mode? else all else is empty */
	struct ds_lab_sample *samples; /* owned; in order */
	size_t sample_count, sample_room;
	struct ds_lab_count counts[DS_LAB_COUNTS]; /* the rest, should there be more, in the last */
	int count_count;
};

struct ds_lab_host_result {
	char version[DS_LAB_NAME * 2];
	bool guesses_calibrated;
	bool clock_known;	 /* all offsets to it are errors */
	double clock_within_ns;	 /* to what */
	char ending[DS_LAB_WHY]; /* of a daemon that died; empty: none did */
	/* By mode: counts that a daemon keeps for all others together; no samples in it. */
	struct ds_lab_cell all[DS_LAB_MODES];
};

/* What was found, in words, the most important first. */
enum ds_lab_grade { DS_LAB_GOOD, DS_LAB_NOTE, DS_LAB_BAD };
struct ds_lab_finding {
	enum ds_lab_grade grade;
	int host;		/* it is about; -1: none alone */
	char code[DS_LAB_NAME]; /* stable, for scripts: "rx-late", "tx-other-packet", ... */
	char text[2 * DS_LAB_WHY];
};

struct ds_lab_result {
	struct ds_lab_plan plan;
	char command[4 * DS_LAB_PATH]; /* to repeat it */
	char machine[DS_LAB_WHY];      /* kernel, processors, clock source */
	char rig[DS_LAB_WHY];
	double begun_s, ended_s; /* since the Epoch */
	int repeats;		 /* that were whole */
	bool partial;
	char why_partial[DS_LAB_WHY];
	double before_send_ns; /* this machine's clock before send() to the kernel's transmit stamp,
				  median, measured on the rig while it ran; NAN: not measured */
	double busy_idle, busy_loaded;	 /* share of the processors' time in use while it measured,
					    0..1, rigs on one machine; NAN: not measured */
	char yardstick[DS_LAB_NAME * 2]; /* version of the ptp daemon; empty: none was run */
	struct ds_lab_host_result host[DS_LAB_HOSTS];
	struct ds_lab_cell *cells; /* owned; every ordered pair in every mode wanted */
	size_t cell_count;
	struct ds_lab_finding *findings; /* owned; ds_verdict() fills them */
	size_t finding_count;
};

/* Cells for all ordered pairs and all modes of the plan; false without memory. */
bool ds_result_init(struct ds_lab_result *result, const struct ds_lab_plan *plan);
void ds_result_free(struct ds_lab_result *result);
struct ds_lab_cell *ds_result_cell(const struct ds_lab_result *result, int asks, int answers,
				   enum ds_lab_mode mode); /* NULL: no such */
/* False without memory. One whose offset or delay is not finite is counted as DS_LAB_NOT_FINITE,
 * and not added. */
#define DS_LAB_NOT_FINITE "not-finite"
bool ds_cell_add(struct ds_lab_cell *cell, const struct ds_lab_sample *sample);
/* Adds to the count of that name; to DS_LAB_REST where all places but one are taken. */
#define DS_LAB_REST "rest"
void ds_cell_count(struct ds_lab_cell *cell, const char *what, double value);
double ds_cell_counted(const struct ds_lab_cell *cell, const char *what);
bool ds_result_find(struct ds_lab_result *result, enum ds_lab_grade grade, int host,
		    const char *code, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* A figure and the interval that holds it with 95 % confidence. */
struct ds_figure {
	double value, low, high; /* NAN: none */
};

struct ds_lab_figures {
	size_t samples, outliers; /* |offset| > DS_LAB_OUTLIER_NS */
	struct ds_figure median_abs_ns, rms_ns, p99_abs_ns, bias_ns;
	struct ds_figure delay_ns; /* median */
	double delay_sd_ns;
	double max_abs_ns;
	double interleaved_share; /* 0..1 */
	double sources[4][4];	  /* share of T1..T4 by D, K, H, ? */
};
#define DS_LAB_OUTLIER_NS 10000.0

/* The figures of the samples of a cell in one condition. Intervals: samples of one run of a daemon
 * are alike (the layout of its memory, who else runs), so a repeat is the unit: Student's t over
 * the repeats' figures (from six on, of pairs that follow each other: machines drift) where there
 * are three or more, else a moving-block bootstrap (Kuensch 1989; length of the blocks: Politis and
 * White 2004) with a seed of its own, so that the same samples give the same figures. Where there
 * are both, whichever is wider. Of sizes (all but bias and delay) the t is of their logarithms.
 * Under DS_LAB_LEAST samples there is no interval: NAN. */
#define DS_LAB_LEAST 8
void ds_cell_figures(const struct ds_lab_cell *cell, enum ds_lab_condition condition,
		     struct ds_lab_figures *figures);
/* Those of several cells pooled: all pairs old-old in a mode, say. */
void ds_cells_figures(const struct ds_lab_cell *const *cells, size_t count,
		      enum ds_lab_condition condition, struct ds_lab_figures *figures);

/* Quantiles (each 0..1) of the offsets, with sign, and of the delays. NAN for none, and without
 * memory. Either may be NULL. */
void ds_cells_quantiles(const struct ds_lab_cell *const *cells, size_t count,
			enum ds_lab_condition condition, const double *quantiles,
			size_t quantile_count, double *offset_ns, double *delay_ns);

/* The known cells of a mode between the two sides: old-old, old-new (old asks), new-old, new-new.
 * Returns how many. */
#define DS_LAB_GROUP (DS_LAB_HOSTS * (DS_LAB_HOSTS - 1))
size_t ds_result_group(const struct ds_lab_result *result, enum ds_lab_mode mode, bool new_asks,
		       bool new_answers, const struct ds_lab_cell *cells[DS_LAB_GROUP]);

/* Those over DS_LAB_OUTLIER_NS that need a word: of modes that interleave, interleaved (ptp: all),
 * T1 and T4 not the daemon's, idle or loaded. The farthest first, at most `room`. Returns how many
 * there are in all. */
struct ds_lab_outlier {
	const struct ds_lab_cell *cell;
	const struct ds_lab_sample *sample;
};
#define DS_LAB_OUTLIERS 50 /* so many are reported */
size_t ds_result_outliers(const struct ds_lab_result *result, struct ds_lab_outlier *list,
			  size_t room);

/* Was any sample taken under load? */
bool ds_result_loaded(const struct ds_lab_result *result);

/* Read result, fill findings. */
bool ds_verdict(struct ds_lab_result *result);

#endif
