/* driftfile: see driftfile.h. */
#include "daemon/driftfile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "os/file.h"

#define PPB_PER_PPM   1e3
#define FREQ_MAX_PPM  1e5
#define SD_LEAST_PPB  1.0
#define TEXT_MAX_SIZE 128

bool ds_driftfile_read(const char *path, double *freq_ppb, double *sd_ppb)
{
	char text[TEXT_MAX_SIZE];
	char *rest;
	char *end;

	if (path[0] == '\0' || ds_file_read(path, text, sizeof text) <= 0)
		return false;
	double freq_ppm = strtod(text, &rest);
	double sd_ppm = strtod(rest, &end);
	if (rest == text || end == rest || !isfinite(freq_ppm) || !isfinite(sd_ppm) ||
	    fabs(freq_ppm) > FREQ_MAX_PPM || sd_ppm < 0.0) {
		ds_log(DS_LOG_WARNING, "%s:1: not a frequency and its error in ppm; ignored", path);
		return false;
	}
	*freq_ppb = -freq_ppm * PPB_PER_PPM;
	*sd_ppb = fmax(sd_ppm * PPB_PER_PPM, SD_LEAST_PPB);
	ds_log(DS_LOG_NOTICE, "frequency %.3f +/- %.3f ppm read from %s", freq_ppm, sd_ppm, path);
	return true;
}

void ds_driftfile_write(const char *path, double freq_ppb, double sd_ppb)
{
	char text[TEXT_MAX_SIZE];
	int rc;

	if (path[0] == '\0')
		return;
	snprintf(text, sizeof text, "%20.6f %20.6f\n", -freq_ppb / PPB_PER_PPM,
		 sd_ppb / PPB_PER_PPM);
	rc = ds_file_replace(path, text, 0644);
	if (rc != 0)
		ds_log(DS_LOG_WARNING, "cannot write %s: %s", path, strerror(-rc));
}
