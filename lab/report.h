/*
 * report: a result as a table for a terminal, as JSON, and as one HTML page. It must never
 * compute: figures come from result.h, and each is printed alike in all three (ds_report_number()).
 */
#ifndef DS_LAB_REPORT_H
#define DS_LAB_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "lab/result.h"

/* The text of a figure as JSON and the page's data-value attributes have it: "%.1f" of ns, "null"
 * for NAN. Returns the text, which is in buffer. */
#define DS_REPORT_NUMBER 32
const char *ds_report_number(double value, char buffer[DS_REPORT_NUMBER]);

/* The text of a share (0..1): "%.4f", "null" for NAN. */
const char *ds_report_share(double share, char buffer[DS_REPORT_NUMBER]);

/* Keys: where a figure stands in the JSON, and what the page has as data-key: the names on the way,
 * joined by "/". Where both ends of a pair do not know a mode, nothing stands below it.
 *
 *   cells/ASKS/ANSWERS/MODE/CONDITION/FIGURE/value, low, high
 *   cells/ASKS/ANSWERS/MODE/CONDITION/PLAIN
 *   cells/ASKS/ANSWERS/MODE/counts/WHAT
 *   groups/MODE/GROUP/CONDITION/FIGURE/value, low, high
 *   groups/MODE/GROUP/CONDITION/PLAIN
 *   hosts/HOST/all/MODE/counts/WHAT
 *   hosts/HOST/clock_within_ns
 *   outliers/N/offset_ns, delay_ns (N from 0)
 *   before_send_ns, busy_idle, busy_loaded, begun_s, ended_s, repeats, outlier_count
 *
 * FIGURE: median_abs_ns, rms_ns, p99_abs_ns, bias_ns, delay_ns. PLAIN: samples, outliers,
 * delay_sd_ns, max_abs_ns, interleaved_share. CONDITION: idle, loaded (there where any sample of
 * the run was taken under load). GROUP: old-old, old-new (old asks), new-old, new-new. Names of
 * hosts are escaped as any string. */

/* All three return false if the stream had an error. */
bool ds_report_table(const struct ds_lab_result *result, FILE *out, bool colours);
bool ds_report_json(const struct ds_lab_result *result, FILE *out);
/* One file, nothing to load: inline SVG, styles, light and dark, prints, narrow screens, under 1
 * MB. */
bool ds_report_html(const struct ds_lab_result *result, FILE *out);

/* Write a report to a file beside which it is made and then renamed, so that there is a whole one
 * or none; "-" is standard output. 0 or a negative errno with a sentence (a full disk, say). */
int ds_report_write(const struct ds_lab_result *result, const char *path,
		    bool (*report)(const struct ds_lab_result *result, FILE *out),
		    char why[DS_LAB_WHY]);

#endif
