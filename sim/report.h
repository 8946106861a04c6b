/*
 * report: a run as a table, as JSON, as exact figures, and as pictures.
 * It must never change a figure, nor call a run good whose limits are broken.
 */
#ifndef DS_SIM_REPORT_H
#define DS_SIM_REPORT_H

#include "sim/world.h"

struct sim_report_options {
	bool json, oracle;
	const char *figures; /* a file to append to; NULL: none */
	bool check;	     /* a line `ok -` or `not ok -` for each limit */
	const char *plot;    /* a directory; NULL: no pictures */
};

/* The head of the table. */
void sim_report_heading(void);
/* One run, to stdout. Returns how many limits and expectations it broke; each broken one is told on
 * stderr. */
int sim_report(const struct sim_world *world, const struct sim_report_options *options);

#endif
