/*
 * import_ntp: the part of ntp.conf that is about reference clocks (import_ntp_clock.c), for
 * import_ntp.c. It must never make a clock of a driver that we do not have.
 *
 * Sources: ntpd's "Reference Clock Support" for types and fudge flags, ntpsec's for names.
 */
#ifndef DS_TOOL_IMPORT_NTP_H
#define DS_TOOL_IMPORT_NTP_H

#include "tool/import.h"

/* `server 127.127.T.U ...` with its `fudge` lines, or ntpsec's `refclock NAME unit U ...`. */
enum ds_import_fate ds_import_ntp_clock(struct ds_import *import, const struct ds_import_line *l);
/* A `fudge` line, whose words stand in the line of its clock. */
enum ds_import_fate ds_import_ntp_fudge(struct ds_import *import, const struct ds_import_line *l);

#endif
