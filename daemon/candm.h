/*
 * candm: chrony's monitoring protocol: what chronyc, telegraf's plugin and chrony_exporter ask.
 * It must never answer with more bytes than were asked with, and never change anything for who has
 * no right to it.
 *
 * Source: the Go package ntp/chrony of github.com/facebook/time (Apache-2.0), which describes the
 * packets, and what chronyc 4.3 to 4.9 were seen to send. Protocol version 6, numbers big endian:
 *
 * request: version, type 1, two zero bytes, command, attempt (16 bits each), sequence (32 bits), 8
 * bytes, then the command's data; padded to the length of the reply at least.
 *
 * reply: version, type 2, two zero bytes, command, reply, status (16 bits each), 6 bytes, sequence,
 * 8 bytes, then the reply's data.
 *
 * A request that is shorter than its reply gets BADPKTLENGTH if it has room for that, else nothing.
 */
#ifndef DS_DAEMON_CANDM_H
#define DS_DAEMON_CANDM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds_daemon;

#define DS_CANDM_MOST 1024 /* bytes of a request that are looked at, and of a reply at most */

/* What a request may. Each includes those before it. */
enum ds_candm_right {
	DS_CANDM_PUBLIC, /* tracking, sources, sourcestats, sourcename, activity, smoothing,
			    rtcdata, manual: what chronyd tells anybody on the host */
	DS_CANDM_READ,	 /* also ntpdata, selectdata, serverstats, authdata, clients */
	DS_CANDM_WRITE,	 /* also online, offline, burst, makestep, delete, reload, cyclelogs */
};

/* reply: room for DS_CANDM_MOST. Returns its length, at most `length`; 0: nothing is answered (no
 * request of this protocol, or too short for any reply). */
size_t ds_candm_answer(struct ds_daemon *daemon, const uint8_t *request, size_t length,
		       enum ds_candm_right right, uint8_t reply[DS_CANDM_MOST]);

/* The protocol's numbers: 2^(e - 25) * c, e of 7 bits and c of 25, both signed. What is too large
 * becomes the largest, what is no number 0. */
uint32_t ds_candm_float(double value);

#endif
