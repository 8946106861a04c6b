/*
 * leaplist: the files that say which leap seconds there were and will be.
 * It must never give a table that it did not understand to the last line.
 *
 * Two kinds of them:
 *  - leap-seconds.list, as IERS, NIST and tzdata publish it. A line is "NTP-SECONDS TAI-UTC" with a
 *    comment behind '#'. "#$ N" is when it was made, "#@ N" when it expires, in NTP seconds (of
 * 1900, not cut to 32 bits), and "#h" is SHA-1, in five words of hexadecimal digits, over the
 * digits of all these numbers as they stand. A file without #h is taken; one with a wrong one is
 * not.
 *  - a compiled time zone (TZif, RFC 9636) with leap seconds: those below zoneinfo/right/. It
 *    counts from 1972, when TAI - UTC was 10 s; version 4 may say when it expires.
 */
#ifndef DS_DAEMON_LEAPLIST_H
#define DS_DAEMON_LEAPLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock/leap.h"

#define DS_LEAPLIST_MOST 65536 /* bytes of a file; they have some 5000 */
#define DS_LEAPLIST_WHY	 512

/* `length` bytes of a leap-seconds.list. False with "LINE: cause" in why (LINE 0: the whole), and
 * *table is as it was. */
bool ds_leaplist_parse(const char *text, size_t length, struct ds_leap_table *table,
		       char why[DS_LEAPLIST_WHY]);
/* `length` bytes of a TZif file. False with a cause in why, and *table is as it was. */
bool ds_leaplist_parse_zone(const uint8_t *data, size_t length, struct ds_leap_table *table,
			    char why[DS_LEAPLIST_WHY]);

/* The same from a file. 0; -EBADMSG with "path:line: cause" in why where it was read and is not
 * good; another negative errno with "path: cause" where it cannot be read. Neither allocates. */
int ds_leaplist_read(const char *path, struct ds_leap_table *table, char why[DS_LEAPLIST_WHY]);
/* zone: "right/UTC", below $TZDIR or /usr/share/zoneinfo; a path is taken as it is. */
int ds_leaplist_read_zone(const char *zone, struct ds_leap_table *table, char why[DS_LEAPLIST_WHY]);

#endif
