/*
 * phckeeper: the PHC that is kept right in place of the system clock (`clock`): opened, read now
 * and then, and what others do to it put into the log. It must never touch the system clock, nor
 * hide that somebody else steers the PHC, too.
 */
#ifndef DS_DAEMON_PHCKEEPER_H
#define DS_DAEMON_PHCKEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/conf.h"
#include "daemon/refclocks.h"
#include "daemon/timekeeper.h"
#include "os/clock.h"
#include "os/clock_phc.h"

#define DS_PHCKEEPER_SAY_NS (INT64_C(64) * 1000000000) /* between two lines about one thing */

struct ds_phckeeper {
	const struct ds_conf *conf;
	struct ds_clock *clock; /* NULL: another clock is kept */
	struct ds_clock_phc phc;
	bool tai_checked;
	uint64_t said_meddled, said_failed;
	int64_t meddled_due_ns, failed_due_ns; /* CLOCK_MONOTONIC: not said again before */
};

/* Opens conf->clock as *clock. False, with a fatal line that names file and line, where it cannot
 * be had, read, or steered. */
bool ds_phckeeper_open(struct ds_phckeeper *keeper, const struct ds_conf *conf,
		       struct ds_clock *clock, bool steer);
/* Is one of the reference clocks the very clock that is kept (by another name)? A fatal line and
 * false then. */
bool ds_phckeeper_fits(const struct ds_phckeeper *keeper, const struct ds_refclocks *refclocks);
void ds_phckeeper_close(struct ds_phckeeper *keeper);

/* CLOCK_MONOTONIC of the next reading; INT64_MAX: none. */
int64_t ds_phckeeper_next_ns(const struct ds_phckeeper *keeper);
/* Before ds_timekeeper_check(), which corrects what others did. */
void ds_phckeeper_run(struct ds_phckeeper *keeper, struct ds_timekeeper *timekeeper,
		      int64_t now_ns);
/* A line for SIGUSR1 and the end. */
void ds_phckeeper_report(const struct ds_phckeeper *keeper);

#endif
