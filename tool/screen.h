/*
 * screen: a grid of characters, and the terminal that shows it.
 * It must never leave a terminal other than it found it, nor write more than one piece a frame.
 *
 * Drawing is pure: cells in memory, compared by tests. Only what changed since the last frame is
 * written, in one write(). ECMA-48 sequences that every terminal of today knows, in no colours but
 * the terminal's own green, yellow, red, bold and faint, which its owner can read.
 */
#ifndef DS_TOOL_SCREEN_H
#define DS_TOOL_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

#include "tool/text.h"

#define DS_SCREEN_ROWS 300
#define DS_SCREEN_COLS 500

struct ds_cell {
	char text[5];	      /* one character in UTF-8, its end; "": a blank */
	unsigned char colour; /* enum ds_colour */
};

struct ds_screen {
	int rows, cols;	       /* at most the above */
	struct ds_cell *cells; /* rows * cols; owned */
	struct ds_cell *shown; /* what the terminal has; owned */
	bool whole;	       /* nothing is known of what it has */
};

/* Blank, of this size; cut to the limits, and at least 1 by 1. False where there is no memory. */
bool ds_screen_size(struct ds_screen *screen, int rows, int cols);
void ds_screen_free(struct ds_screen *screen);
void ds_screen_clear(struct ds_screen *screen);

/* Text from there on, UTF-8; what is outside is cut off, control characters (C0, DEL, C1) are '?'.
 * Returns the column behind it. */
int ds_screen_put(struct ds_screen *screen, int row, int col, enum ds_colour colour,
		  const char *text);
__attribute__((format(printf, 5, 6))) int ds_screen_print(struct ds_screen *screen, int row,
							  int col, enum ds_colour colour,
							  const char *format, ...);
/* As lines of text, blanks at their ends left out. */
void ds_screen_dump(const struct ds_screen *screen, FILE *out);

/* ---- the terminal ---- */

/* Alternate screen, no echo, keys at once. False where standard input or output is no terminal.
 * From then on every way out (exit(), SIGINT, SIGTERM, SIGHUP, SIGQUIT) puts it back, and so does
 * SIGTSTP (Ctrl-Z); SIGCONT takes it again, and counts as a change of size. */
bool ds_screen_open(void);
void ds_screen_close(void);
/* Its size now; 24 by 80 where it does not say. */
void ds_screen_terminal_size(int *rows, int *cols);
/* Does it show UTF-8, as the locale has it? */
bool ds_screen_is_utf8(void);
/* What differs goes out in one piece. colours: else none. */
void ds_screen_show(struct ds_screen *screen, bool colours);
/* A key, or 0 when none came in so many ms; -1: the terminal is gone. Arrows: see below. A change
 * of size ends the wait with DS_KEY_RESIZE. */
enum { DS_KEY_UP = 256, DS_KEY_DOWN, DS_KEY_OTHER, DS_KEY_RESIZE };
int ds_screen_key(int wait_ms);

#endif
