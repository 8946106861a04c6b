/*
 * plot: pictures of a run.
 * It must never fail a run: without gnuplot it says so once.
 */
#ifndef DS_SIM_PLOT_H
#define DS_SIM_PLOT_H

#include "sim/world.h"

/* Data and SVG files of a host into a directory, which is made. Their names begin with scenario,
 * variant, seed and host: error over time with the bound; cumulative distribution of the error;
 * Allan deviation; offsets over delays (the wedge). */
void sim_plot(const struct sim_host *host, const char *directory);

#endif
