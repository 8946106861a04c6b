/*
 * scenario: a world written down in a short text file: hosts, clocks, links, what happens when,
 * and what must come of it.
 * It must never guess: an unknown word or a number out of range is an error that names file and
 * line.
 *
 * A directive a line, words separated by blanks, '#' begins a comment line. TIME is a number with
 * s, ms, us, ns, min, h or d; FREQ a fraction, or a number with ppm, ppb or %; SHARE a fraction or
 * a number with %. HOST is a name given by `host` before.
 *
 *   title TEXT
 *   duration TIME                 10000 s
 *   figures from TIME             RMS and the like are of the time after; a quarter of duration
 *   sample TIME                   how often the error is looked at; 1 s
 *   sync TIME                     synchronised is who stays below this error; 1 ms
 *   begin YYYY-MM-DD[Thh:mm:ss]   UTC at the start; 2026-11-23T08:00:00
 *   leap insert|delete YYYY-MM-DD at the end of that day; no host knows of it by itself
 *   variant NAME TEXT             one more run, with $variant in `conf` replaced by TEXT
 *   check NAME [SEEDS]            ./check runs that variant (-: where there is none)
 *   host NAME                     what follows is of this host
 *     clock WORD...               perfect, offset TIME, freq FREQ, wander FREQ, white FREQ,
 *                                 flicker FREQ, aging FREQ, cycle FREQ PERIOD PHASE, step TIME:
 *                                 see oscillator.h
 *     stamps WORD...              kernel or daemon: who takes them; noise TIME (Gaussian),
 *                                 lost SHARE (of transmit stamps), late TIME (exponential)
 *     latency WORD...             wake TIME: until the daemon runs (exponential); send TIME:
 *                                 until a packet has left (gamma, shape 16)
 *     rtc error TIME              on waking up the clock is wrong by this (Gaussian)
 *     shm [noise TIME] [every TIME]  a reference clock writes UTC to SHM 0 (Gaussian; 1 s)
 *     leaplist                    has a file `leaplist` that knows of the leap second
 *     conf TEXT                   a line of drivestampd.conf; names of hosts are resolved
 *     silent                      its clock is not measured
 *   link HOST HOST WORD...        both ways; HOST > HOST: one way
 *     delay TIME                  the shortest time
 *     exp, gamma, pareto, uniform, gauss, twolevel, selfsimilar, recorded
 *                                 see law.h; up to 3 are added; smooth: none
 *     loss SHARE, duplicate SHARE, reorder SHARE TIME (so many come so much later), down, up
 *   at TIME [every TIME] link ... changes what is named; naming a law takes the place of all
 *   at TIME [every TIME] HOST step TIME | freq FREQ | suspend TIME | stop | start
 *                                 (the daemon; of a host that sleeps: nothing)
 *   limit HOST METRIC < NUMBER    must hold in every run (> too); METRIC:VARIANT: in that alone
 *   expect HOST log N TEXT...     so many lines with this text in its log; N+: or more
 *
 * METRIC: rms, max, sync, recovery (TIME); packets, overshoot (TIME, beyond zero after the first
 * correction), inside (share of time within the bound), hard (within the hard one), bound (mean
 * bound over RMS), oracle (ratio to it).
 */
#ifndef DS_SIM_SCENARIO_H
#define DS_SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/law.h"
#include "sim/oscillator.h"

#define SIM_HOSTS    16
#define SIM_WAYS     64 /* directed */
#define SIM_EVENTS   64
#define SIM_VARIANTS 4
#define SIM_CONFS    40 /* lines a host */
#define SIM_LIMITS   64
#define SIM_NAME     32
#define SIM_TEXT     256
#define SIM_LINE     512
#define SIM_WORDS    40
#define SIM_LAWS     3
#define SIM_WHY	     320

struct sim_host_spec {
	char name[SIM_NAME];
	struct sim_oscillator_model oscillator;
	double offset_ns;
	bool perfect, silent, leaplist;
	bool kernel_stamps;
	double stamp_noise_ns, stamp_lost, stamp_late_ns;
	double wake_ns, send_ns, rtc_error_ns;
	int64_t shm_every_ns; /* 0: no such clock */
	double shm_noise_ns;
	char conf[SIM_CONFS][SIM_TEXT];
	int conf_line[SIM_CONFS];
	int conf_count;
};

/* One direction of a link. */
struct sim_way {
	int from, to; /* indices of hosts */
	double delay_ns;
	struct sim_law laws[SIM_LAWS];
	struct sim_law_state states[SIM_LAWS];
	int law_count;
	double loss, duplicate, reorder, reorder_ns;
	bool down;
};

enum sim_event_kind {
	SIM_EVENT_LINK,
	SIM_EVENT_STEP,
	SIM_EVENT_FREQ,
	SIM_EVENT_SUSPEND,
	SIM_EVENT_STOP,
	SIM_EVENT_START,
};

struct sim_event_spec {
	enum sim_event_kind kind;
	int64_t at_ns, every_ns; /* every_ns 0: once */
	int host, other;	 /* link: between these */
	bool one_way;
	double value;	      /* ns, fraction */
	char words[SIM_TEXT]; /* link: what changes */
};

enum sim_metric {
	SIM_RMS,
	SIM_MAX,
	SIM_SYNC,
	SIM_RECOVERY,
	SIM_PACKETS,
	SIM_OVERSHOOT,
	SIM_INSIDE,
	SIM_HARD,
	SIM_BOUND,
	SIM_ORACLE,
	SIM_METRICS,
};

struct sim_limit {
	int host, variant; /* variant -1: all */
	enum sim_metric metric;
	bool below; /* else above */
	double value;
	int line;
};

struct sim_expect {
	int host, count;
	bool or_more;
	char text[SIM_TEXT];
	int line;
};

struct sim_variant {
	char name[SIM_NAME];
	char text[SIM_TEXT];
	int check_seeds; /* ./check runs so many */
};

struct sim_scenario {
	char file[SIM_TEXT], name[SIM_NAME], title[SIM_TEXT];
	int64_t duration_ns, figures_ns, sample_ns, begin_ns;
	int64_t leap_at_ns; /* true time since the start; INT64_MAX: none */
	int leap;	    /* +1 inserted, -1 deleted */
	double sync_ns;
	struct sim_host_spec hosts[SIM_HOSTS];
	int host_count;
	struct sim_way ways[SIM_WAYS];
	int way_count;
	struct sim_event_spec events[SIM_EVENTS];
	int event_count;
	struct sim_variant variants[SIM_VARIANTS];
	int variant_count; /* at least 1 after reading */
	struct sim_limit limits[SIM_LIMITS];
	int limit_count;
	struct sim_expect expects[SIM_LIMITS];
	int expect_count;
};

/* Read a file. False with "FILE:LINE: cause" in why. Recorded delays are read beside it, and kept
 * for as long as the process lives. */
bool sim_scenario_read(struct sim_scenario *s, const char *path, char why[SIM_WHY]);
/* The same from text that is already here; file: for messages. */
bool sim_scenario_parse(struct sim_scenario *s, const char *file, const char *text,
			char why[SIM_WHY]);
/* Change a way as `link` words say. False with the cause in why. */
bool sim_way_change(struct sim_way *way, const char *words, char why[SIM_WHY]);
/* The way from one host to another; -1 without one. */
int sim_scenario_way(const struct sim_scenario *s, int from, int to);
/* "rms" and the like. */
const char *sim_metric_name(enum sim_metric metric);
/* Is it a time in ns? */
bool sim_metric_is_time(enum sim_metric metric);

#endif
