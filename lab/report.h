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
 * for NAN. Returns buffer. */
#define DS_REPORT_NUMBER 32
const char *ds_report_number(double value, char buffer[DS_REPORT_NUMBER]);

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
