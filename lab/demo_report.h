/*
 * demo_report: what the demo has seen so far, on the screen, in the summary and as JSON.
 * It must never count what it was not told, and never hide that a run was cut short.
 */
#ifndef DS_LAB_DEMO_REPORT_H
#define DS_LAB_DEMO_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lab/demo.h"
#include "lab/logs.h"
#include "lab/rig.h"
#include "lab/statistics.h"

#define DS_DEMO_JSON_SCHEMA 1
#define DS_DEMO_WORKED_NS   1e6 /* a median true error above a millisecond is a failure */

struct ds_demo_seen {
	const struct ds_demo_config *config;
	enum ds_rig_kind rig;
	double elapsed_s;
	struct ds_series error_ns; /* true error: the client's clock minus the machine's */
	struct ds_series error_at_s;
	struct ds_series offset_ns; /* as measured by the client */
	struct ds_series offset_at_s;
	struct ds_measured last; /* valid if basic + interleaved > 0 */
	uint64_t basic;
	uint64_t interleaved;
	uint64_t tx_stamps[3]; /* T1 by daemon, kernel, hardware */
	uint64_t rx_stamps[3]; /* T4 */
	bool has_counters;     /* both daemons said at their end how many stamps were lost */
	uint64_t client_lost;
	uint64_t server_lost;
	char problem[512]; /* why it was cut short; "" if it was not */
};

void ds_demo_saw_measurement(struct ds_demo_seen *seen, const struct ds_measured *measured);
void ds_demo_saw_error(struct ds_demo_seen *seen, double clock_minus_system_s);
void ds_demo_forget(struct ds_demo_seen *seen); /* frees */

/* Once every quarter of a second: in place on a terminal, else a line each 5 s. */
struct ds_demo_screen {
	FILE *out;
	bool in_place;
	bool drawn;
	double next_line_s;
};
void ds_demo_screen_begin(struct ds_demo_screen *screen, FILE *out);
void ds_demo_screen_show(struct ds_demo_screen *screen, const struct ds_demo_seen *seen);

/* Why it did not work, in words; NULL if it did. */
const char *ds_demo_verdict(const struct ds_demo_seen *seen);
void ds_demo_print(const struct ds_demo_seen *seen, FILE *out);
/* schema: doc in man/drivestamp.1 */
void ds_demo_print_json(const struct ds_demo_seen *seen, FILE *out);

/* A string as JSON, with its quotes. */
void ds_json_string(FILE *out, const char *text);
/* A figure, or null for what is none. */
void ds_json_number(FILE *out, double value, int digits);

#endif
