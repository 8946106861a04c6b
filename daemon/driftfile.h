/*
 * driftfile: the frequency that is remembered over a restart.
 * It must never believe a file that does not read as two numbers, or leave half of one.
 *
 * The format is chrony's: the rate at which the clock gains by itself in ppm (positive: the
 * oscillator is fast; the correction has the other sign), and how wrong that may be in ppm.
 */
#ifndef DS_DAEMON_DRIFTFILE_H
#define DS_DAEMON_DRIFTFILE_H

#include <stdbool.h>

/* Of the correction, against the raw scale, in ppb, and its standard deviation (at least 1 ppb).
 * False, and nothing written, where path is "", there is no file, or it is not two numbers of a
 * clock (a line in the log says so). */
bool ds_driftfile_read(const char *path, double *freq_ppb, double *sd_ppb);

/* A failure is a line in the log. path "": nothing happens. */
void ds_driftfile_write(const char *path, double freq_ppb, double sd_ppb);

#endif
