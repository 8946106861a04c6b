/*
 * measure: what a run came to, as figures.
 * It must never look at a run while it goes on, nor leave out what does not please.
 *
 * All times in ns. The error is the clock less UTC, looked at each `sample`; of a sleeping host
 * there is none.
 */
#ifndef DS_SIM_MEASURE_H
#define DS_SIM_MEASURE_H

#include "sim/world.h"

struct sim_figures {
	double rms_ns, max_ns, median_ns; /* after `figures from` */
	double sync_ns;	      /* true time from which the error stays below `sync`, until the
				 first disturbance; INFINITY: never */
	double recovery_ns;   /* the same after the last one; NAN without one */
	double overshoot_ns;  /* furthest beyond zero, seen from where the error began, between the
				 start (or the last disturbance) and when it first was below `sync`
				 for  good, and 1000 s on */
	double packets;	      /* sent by this host, in all */
	double inside;	      /* share of the samples after the first claim within the bound */
	double inside_hard;   /* ... within the hard one */
	double claimed;	      /* share of them with a bound at all */
	double bound_ns;      /* mean bound after `figures from`, where there is one */
	double bound_ratio;   /* of that and the RMS */
	double oracle_rms_ns; /* NAN: no oracle for such a host */
	double oracle_ratio;
};

void sim_measure(const struct sim_host *host, struct sim_figures *figures);
/* The figure of that metric. */
double sim_figure(const struct sim_figures *figures, enum sim_metric metric);
/* Overlapping Allan deviation of the clock's error at `n` samples, from sample `from` on; NAN where
 * there are too few, or gaps. */
double sim_allan(const struct sim_host *host, int from, int n);

#endif
