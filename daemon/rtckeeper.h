/*
 * rtckeeper: how wrong the real-time clock is, measured while ours is right, and kept in a file
 * over a restart; and our clock set by it at the start (-s).
 * It must never set the real-time clock, and never wait but at the start.
 *
 * A measurement waits for a second of the real-time clock to begin (os/rtc) and compares it with
 * where our clock is heading for, if that is known. They come every 2 s at first, the interval
 * doubling with every fourth one up to 1024 s. A straight line through the last 64 says how wrong
 * it is and how fast it goes wrong; with fewer than 8 only the first. The file is as chrony's:
 *	valid (1 or 0)  seconds since 1970  seconds that it is ahead then  ppm that it is fast by
 */
#ifndef DS_DAEMON_RTCKEEPER_H
#define DS_DAEMON_RTCKEEPER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/timekeeper.h"
#include "os/rtc.h"

#define DS_RTCKEEPER_SAMPLES 64

struct ds_rtcline {
	double at_s;	/* since 1970 */
	double ahead_s; /* the real-time clock minus the truth then */
	double fast_ppm;
	uint32_t samples; /* that it was made of */
};

/* Read it; only the functions below write it. */
struct ds_rtckeeper {
	const struct ds_conf *conf;
	const struct ds_timekeeper *timekeeper;
	struct ds_rtc rtc; /* fd -1: nothing is kept */
	struct ds_rtckeeper_sample {
		double at_s, ahead_s;
	} samples[DS_RTCKEEPER_SAMPLES]; /* a ring */
	uint32_t count, next;
	uint64_t total;
	double interval_s;	 /* before the last measurement */
	bool waiting;		 /* for a second to begin */
	bool changed;		 /* since the file was written */
	int64_t due_ns, save_ns; /* CLOCK_MONOTONIC; INT64_MAX: never */
};

/* The line through samples, at the last one; false without any. */
bool ds_rtckeeper_line(const struct ds_rtckeeper *keeper, struct ds_rtcline *line);
/* The text of a file; false for what is no such line, or says of itself that it is not valid. */
bool ds_rtckeeper_parse(const char *text, struct ds_rtcline *line);

/* While there are rights. Without `rtcfile`, or a real-time clock (a warning), nothing is kept. */
void ds_rtckeeper_open(struct ds_rtckeeper *keeper, const struct ds_conf *conf);
/* -s: set `clock` by the real-time clock less what the file says of it. May wait 1.1 s. A failure
 * is a warning. */
void ds_rtckeeper_set_clock(struct ds_rtckeeper *keeper, struct ds_clock *clock);
void ds_rtckeeper_start(struct ds_rtckeeper *keeper, const struct ds_timekeeper *timekeeper);
/* Writes the file. */
void ds_rtckeeper_close(struct ds_rtckeeper *keeper);

/* What poll() is to watch: 0 or 1 entry. */
uint32_t ds_rtckeeper_watch(const struct ds_rtckeeper *keeper, struct pollfd *fd);
void ds_rtckeeper_handle(struct ds_rtckeeper *keeper);
int64_t ds_rtckeeper_next_ns(const struct ds_rtckeeper *keeper);
void ds_rtckeeper_run(struct ds_rtckeeper *keeper, int64_t now_ns);

#endif
