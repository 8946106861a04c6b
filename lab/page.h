/*
 * page: what the rooms of the HTML page share: the result with its figures worked out once, and
 * the elements that all of them write: headings, figures with their keys, boxes that scroll.
 * It must never write a text that has not been escaped, nor a figure in words without its key and
 * the JSON's text of it beside it, so that whoever doubts the page can hold it against the JSON.
 *
 * Inside lab/ only; the page itself is ds_report_html() of report.h.
 */
#ifndef DS_LAB_PAGE_H
#define DS_LAB_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lab/report.h"
#include "lab/result.h"
#include "lab/svg.h"

#define DS_PAGE_CONDITIONS 2 /* idle, loaded */
#define DS_PAGE_GROUPS	   4
#define DS_PAGE_KEY	   256

/* Who asks whom: the order of the page, and of the JSON. */
enum ds_page_group { DS_PAGE_OLD_OLD, DS_PAGE_OLD_NEW, DS_PAGE_NEW_OLD, DS_PAGE_NEW_NEW };

struct ds_page_cells { /* the known cells of a mode in a group */
	const struct ds_lab_cell *cell[DS_LAB_GROUP];
	size_t count;
};

struct ds_page {
	FILE *out;
	const struct ds_lab_result *result; /* not owned */
	bool loaded;			    /* is any sample of a loaded stretch? */
	size_t samples;			    /* of all cells, idle and loaded */
	double first_s, last_s;		    /* of the samples, since the Epoch; NAN: none */
	struct ds_lab_figures *figures;	    /* owned: [cell][condition] */
	struct ds_page_cells groups[DS_LAB_MODES][DS_PAGE_GROUPS];
	struct ds_lab_figures group_figures[DS_LAB_MODES][DS_PAGE_GROUPS][DS_PAGE_CONDITIONS];
	int pictures, tables; /* numbers given so far */
	bool failed;	      /* no memory: something is missing */
};

/* "old-old" as in keys; "old asks old" in words. */
const char *ds_page_group_name(enum ds_page_group group);
const char *ds_page_group_words(enum ds_page_group group);
/* "idle", "loaded": as in keys. */
const char *ds_page_condition_name(enum ds_lab_condition condition);
/* "Basic", "Interleaved", "Symmetric, interleaved", ... */
const char *ds_page_mode_words(enum ds_lab_mode mode);
/* The class of what is drawn in this mode's colour: "basic", "xleave" or "ptp". */
const char *ds_page_mode_class(enum ds_lab_mode mode);
/* Begins the rows of a mode in a table of so many columns: a <tbody> with its name above them. */
void ds_page_mode_begin(struct ds_page *page, enum ds_lab_mode mode, int columns);
/* The first association with samples (client/server, symmetric, broadcast): its mode that does not
 * interleave; the next is the one that does. -1: none has any. */
int ds_page_couple(const struct ds_page *page);
/* Does any pair know the mode? */
bool ds_page_mode_known(const struct ds_page *page, enum ds_lab_mode mode);
const struct ds_lab_figures *ds_page_cell_figures(const struct ds_page *page,
						  const struct ds_lab_cell *cell,
						  enum ds_lab_condition condition);

/* Markup as it is, and a text from anywhere, escaped. */
void ds_page_put(struct ds_page *page, const char *markup);
void ds_page_text(struct ds_page *page, const char *text);
/* The same, with the Greek letter in " us" where it is a unit. */
void ds_page_prose(struct ds_page *page, const char *text);

/* A figure, with its key and the JSON's text of it as data-key and data-value. */
void ds_page_ns(struct ds_page *page, bool sign, double ns, const char *key, ...)
	__attribute__((format(printf, 4, 5)));
/* A count or a plain number; thousands are set apart by thin spaces. */
void ds_page_number(struct ds_page *page, double value, const char *key, ...)
	__attribute__((format(printf, 3, 4)));
/* A share as per cent. */
void ds_page_share(struct ds_page *page, double share, const char *key, ...)
	__attribute__((format(printf, 3, 4)));
/* A figure with its interval below it, in its unit. key: of the figure, without "/value". */
void ds_page_figure(struct ds_page *page, bool sign, const struct ds_figure *figure,
		    const char *key, ...) __attribute__((format(printf, 4, 5)));

/* <section> with its heading, which names it. id: a word. */
void ds_page_section(struct ds_page *page, const char *id, const char *heading);
void ds_page_section_end(struct ds_page *page);
/* A box that scrolls sideways by itself, also by keyboard; label: escaped. */
void ds_page_box(struct ds_page *page, const char *label);
void ds_page_box_end(struct ds_page *page);
/* <caption> or <figcaption> with its number ("Table 2."). */
void ds_page_caption(struct ds_page *page, const char *text);
void ds_page_picture_caption(struct ds_page *page, const char *text);

/* The parts, in their order. */
void ds_page_style(struct ds_page *page);
void ds_page_matrices(struct ds_page *page);
void ds_page_groups(struct ds_page *page);
void ds_page_distributions(struct ds_page *page);
void ds_page_wedge(struct ds_page *page);
void ds_page_time(struct ds_page *page);
void ds_page_load(struct ds_page *page);
void ds_page_counts(struct ds_page *page);
void ds_page_outliers(struct ds_page *page);
void ds_page_conditions(struct ds_page *page);
void ds_page_pairs(struct ds_page *page);

#endif
