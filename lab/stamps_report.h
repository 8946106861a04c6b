/*
 * stamps_report: measurements of stamps as a table for a terminal, as JSON, and as a table and a
 * picture for a page. It must never leave out what was lost, nor print a figure without the number
 * of packets it is made of.
 */
#ifndef DS_LAB_STAMPS_REPORT_H
#define DS_LAB_STAMPS_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "lab/stamps_figures.h"

#define DS_STAMPS_JSON_SCHEMA 1
#define DS_STAMPS_CASES	      16

/* One device as measured. */
struct ds_stamps_case {
	char device[32];    /* "veth", or the name of an interface */
	char about[DS_WHY]; /* of its card, its ends */
	sa_family_t family;
	bool connected;
	bool has_receiver;
	bool has_card; /* its stamps were asked for */
	char load[16]; /* "cpu+net"; empty: all was idle */
	int send_cpu, receive_cpu;
	bool partial;
	struct ds_stamps_counts counts;
	struct ds_stamps_figures idle, loaded;
};

struct ds_stamps_report {
	char command[512]; /* to repeat it */
	char machine[DS_WHY];
	char only[DS_WHY]; /* why less was measured than could be; empty: all was */
	double begun_s;	   /* since the Epoch */
	double gap_us;
	struct ds_stamps_case cases[DS_STAMPS_CASES];
	int count;
};

/* Kernel, processors, clock source of this machine. */
void ds_stamps_machine(char buffer[DS_WHY]);

void ds_stamps_print_case(const struct ds_stamps_case *measured, FILE *out);
/* These return false if the stream had an error. */
bool ds_stamps_print_json(const struct ds_stamps_report *report, FILE *out);
/* Markdown: a row a device, condition and gap, and the sentences. */
bool ds_stamps_print_page(const struct ds_stamps_report *report, FILE *out);
/* One SVG file that loads nothing: both clocks of every device against the truth. */
bool ds_stamps_print_picture(const struct ds_stamps_report *report, FILE *out);

#endif
