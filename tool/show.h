/*
 * show: the daemon's answers as people read them, 80 columns wide.
 * It must never say more than the answer does, and never make a number look better than it is.
 *
 * Every function takes the whole answer of its verb (doc/control.md).
 */
#ifndef DS_TOOL_SHOW_H
#define DS_TOOL_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "tool/text.h"

/* "Right within 43.1 us of UTC, by 3 of 4 sources", or why not; what the colour is by is whether it
 * is right. Never longer than a line. */
void ds_show_headline(const json_t *status, FILE *out);
void ds_show_status(const json_t *s, FILE *out);
void ds_show_sources(const json_t *answer, bool first, bool legend, FILE *out);
void ds_show_sourcestats(const json_t *answer, bool first, FILE *out);
void ds_show_select(const json_t *answer, bool first, FILE *out);
void ds_show_exchanges(const json_t *answer, FILE *out);
void ds_show_server(const json_t *s, FILE *out);
void ds_show_clients(const json_t *answer, bool first, FILE *out);
void ds_show_stamps(const json_t *s, FILE *out);
void ds_show_bound(const json_t *b, FILE *out);

/* Is there a time, and is it known how wrong it is? */
bool ds_show_is_right(const json_t *status);

/* Of one source, in every view: the colour of its row, by its letter; and who took a stamp, by the
 * member that says so ("t1_by"): D this process, K the kernel, H the card, '-' nobody. */
enum ds_colour ds_show_colour(const json_t *source);
char ds_show_stamper(const json_t *source, const char *member);

#endif
