/*
 * text: durations, moments and colours as people read them.
 * It must never claim digits that are not there, nor colour what is no terminal.
 */
#ifndef DS_TOOL_TEXT_H
#define DS_TOOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DS_TEXT 48

/* Two to four digits and a unit, as chronyc's columns have it: "193ns", "9800ns", "43us", "12s";
 * more digits only where there is no larger unit. plus: a sign also where it is positive. Returns
 * buffer. */
const char *ds_text_duration(int64_t ns, bool plus, char buffer[DS_TEXT]);
/* With three digits and a blank, for sentences: "43.1 us", "1.20 ms", "12.0 s". */
const char *ds_text_in_words(int64_t ns, char buffer[DS_TEXT]);
/* How long ago, as chronyc: "5", "12m", "3h", "2d", "4y"; "-" below 0. */
const char *ds_text_ago(int64_t s, char buffer[DS_TEXT]);
/* "2026-11-26 21:05:00.123456789 UTC"; "never" for 0. */
const char *ds_text_moment(int64_t ns, char buffer[DS_TEXT]);

/* Colours: --color=auto|always|never; auto: on a terminal, unless NO_COLOR is set (no-color.org) or
 * TERM is dumb. False for another word. */
bool ds_text_colour_mode(const char *word);
/* Has that stream colours, by the above? */
bool ds_text_is_coloured(FILE *out);
enum ds_colour { DS_PLAIN, DS_GOOD, DS_DOUBTFUL, DS_BAD, DS_STRONG, DS_FAINT };
/* What begins and ends this colour on that stream; "" where there are none. */
const char *ds_text_colour(FILE *out, enum ds_colour colour);

#endif
