/*
 * refdriver: the drivers of reference clocks behind one face.
 * It must never wait, nor judge a sample: os/ reads it, daemon/refclocks asks what it is good for.
 */
#ifndef DS_DAEMON_REFDRIVER_H
#define DS_DAEMON_REFDRIVER_H

#include <stdbool.h>

#include "daemon/conf.h"
#include "os/phc.h"
#include "os/pps.h"
#include "os/refsample.h"
#include "os/rtc.h"
#include "os/shm_clock.h"
#include "os/sock_clock.h"

struct ds_refdriver {
	const struct ds_conf_refclock *conf;
	bool open;
	struct ds_sock_owner owner; /* of a socket: looked up once, while there are rights */
	union {			    /* by conf->driver */
		struct ds_phc phc;
		struct ds_pps pps;
		struct ds_rtc rtc;
		struct ds_shm_clock shm;
		struct ds_sock_clock sock;
	};
};

/* To be called while there are rights. 0, or a negative errno with a sentence. */
int ds_refdriver_open(struct ds_refdriver *driver, const struct ds_conf_refclock *conf,
		      char why[DS_WHY]);
void ds_refdriver_close(struct ds_refdriver *driver);
/* Once more, without what is looked up only at the start, and with the rights of now. As above. */
int ds_refdriver_reopen(struct ds_refdriver *driver, char why[DS_WHY]);
/* Has what was opened lost its name: a device that was unplugged, a segment or socket that somebody
 * removed? Whoever comes next makes another one under that name. False where nobody can tell. */
bool ds_refdriver_is_gone(const struct ds_refdriver *driver);

/* What poll() is to watch; -1: it is read by the timer (dpoll). */
int ds_refdriver_fd(const struct ds_refdriver *driver);

/* The next sample, without waiting. What is watched: one a report. */
enum ds_refresult ds_refdriver_read(struct ds_refdriver *driver, struct ds_refsample *sample);

/* Why may nothing come, and what is to be done? A sentence for the log. */
const char *ds_refdriver_silence(const struct ds_refdriver *driver);

#endif
