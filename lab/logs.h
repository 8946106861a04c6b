/*
 * logs: lines of a daemon's logs taken apart: measurements.log (chrony's columns), shadow.log,
 * and the counters that drivestampd writes when it ends.
 * It must never take a line for what it is not: headers, halves of lines and other text are
 * refused.
 */
#ifndef DS_LAB_LOGS_H
#define DS_LAB_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds_measured {
	bool interleaved; /* column 18: 4I or 4B */
	char tx_source;	  /* 'D', 'K', 'H': who stamped T1 */
	char rx_source;	  /* T4 */
	int stratum;
	double offset_s; /* as in the column */
	double delay_s;
};

/* A line of measurements.log or rawmeasurements.log. */
bool ds_logs_measurement(const char *line, struct ds_measured *out);

struct ds_shadow_line {
	double clock_minus_system_s;
	double rate_ppm;
	double remaining_s;
};

/* A line of shadow.log. */
bool ds_logs_shadow(const char *line, struct ds_shadow_line *out);

/* The value of counter `name` in a line with "counters: name=value ...". False if the line has
 * no counters; 0 if it has, but not this one (the daemon leaves out those that are zero). */
bool ds_logs_counter(const char *line, const char *name, uint64_t *value);

/* A file that grows, read line by line. Zero-initialised but for `path` it is at the start. */
struct ds_tail {
	const char *path; /* not owned */
	int64_t offset;
	size_t held;
	char buffer[4096]; /* a line that is not whole yet; longer lines are cut */
};

/* Calls take() for each whole line that was added since; without the newline. A file that is not
 * there (yet) has none. flush: what stands after the last newline counts as a line too. */
void ds_tail_read(struct ds_tail *tail, bool flush, void (*take)(void *context, const char *line),
		  void *context);

#endif
