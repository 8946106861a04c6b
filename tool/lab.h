/*
 * lab: the verb `lab` and what stands below it. Without a word it is the experiment (lab/run.h);
 * with one it is a verb of its own. It must never start anything for a command line that is not
 * wholly understood.
 *
 * A sub-verb is a function in a file of its own, tool/lab_NAME.c, and a line in the table of
 * tool/lab.c. argv[0] is its name; it reads its options by tool/options.h and returns the exit
 * status.
 */
#ifndef DS_TOOL_LAB_H
#define DS_TOOL_LAB_H

/* The experiment: 0 whole and nothing bad found; 1 something bad found; DS_EXIT_USAGE; 3 partial,
 * or nothing could be measured. */
#define DS_LAB_EXIT_BAD	    1
#define DS_LAB_EXIT_PARTIAL 3
int ds_lab_experiment(int argc, char **argv);

/* See lab/shadow.h: 0, DS_EXIT_USAGE, or 1 with a sentence where there is nothing to report. */
int ds_lab_shadow(int argc, char **argv);

/* See lab/stamps.h: 0, DS_EXIT_USAGE, or 1 with a sentence where nothing could be measured. */
int ds_lab_stamps(int argc, char **argv);

/* What the lab starts on hosts whose link is to be busy (lab/load.h); not for users. */
int ds_lab_flood(int argc, char **argv);

#endif
