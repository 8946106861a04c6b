/*
 * daemon: everything a running drivestampd holds, in one piece of memory.
 * It must never grow while it runs.
 */
#ifndef DS_DAEMON_DAEMON_H
#define DS_DAEMON_DAEMON_H

#include "daemon/broadcasting.h"
#include "daemon/cards.h"
#include "daemon/clients.h"
#include "daemon/commanding.h"
#include "daemon/conf.h"
#include "daemon/control.h"
#include "daemon/hearing.h"
#include "daemon/history.h"
#include "daemon/keys.h"
#include "daemon/phckeeper.h"
#include "daemon/refclocks.h"
#include "daemon/rtckeeper.h"
#include "daemon/serve.h"
#include "daemon/shadowing.h"
#include "daemon/sources.h"
#include "daemon/timekeeper.h"
#include "os/clock.h"
#include "os/file.h"

enum ds_once {
	DS_ONCE_NO,	/* run until told to end */
	DS_ONCE_SET,	/* -q: correct the clock once and end */
	DS_ONCE_REPORT, /* -Q: say how wrong it is and end */
};

struct ds_daemon {
	struct ds_conf conf;
	const char *conf_file; /* where it was read; NULL: on the command line */
	struct ds_file_mark conf_mark;
	struct ds_keys keys;
	struct ds_clock clock;
	struct ds_phckeeper phckeeper;
	struct ds_cards cards;
	struct ds_bound_page bound_page;
	struct ds_timekeeper timekeeper;
	struct ds_sources sources;
	struct ds_serve serve;
	struct ds_clients clients;
	struct ds_broadcasting broadcasting;
	struct ds_hearing hearing;
	struct ds_refclocks refclocks;
	struct ds_rtckeeper rtckeeper;
	struct ds_shadowing shadowing;
	struct ds_history history;
	struct ds_control control;
	struct ds_commanding commanding;
	struct ds_batch *batch;
	struct ds_route route;
	struct ds_counters counters;
	enum ds_once once;
	bool steer;
	bool set_from_rtc;  /* -s */
	bool has_pid_file;  /* and it is ours to remove */
	int clock_watch;    /* os/clock_watch.h; -1: none, and the loop looks by itself */
	int64_t started_ns; /* CLOCK_MONOTONIC */
	bool kernel_receive, kernel_transmit; /* the kernel stamps */
	int64_t end_ns;			      /* -t: CLOCK_MONOTONIC at which to end; INT64_MAX */
};

#endif
