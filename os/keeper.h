/*
 * keeper: who keeps this machine's clock: what the kernel tells everybody of it, and which daemons
 * run that are made for it.
 * It must never need a right, change anything, or say of a process that it *does* steer the clock:
 * that it runs is all that can be seen (chronyd -x runs, too).
 */
#ifndef DS_OS_KEEPER_H
#define DS_OS_KEEPER_H

#include <stdbool.h>
#include <stddef.h>

/* adjtimex(2) without modes. */
struct ds_keeper_kernel {
	bool told;	   /* the kernel answered; else all is 0 */
	bool synchronised; /* STA_UNSYNC is clear: somebody says that he keeps it */
	bool pll;	   /* STA_PLL: the kernel slews by itself, besides its rate */
	double rate_ppb;   /* CLOCK_REALTIME against CLOCK_MONOTONIC_RAW: tick and frequency */
};
void ds_keeper_kernel(struct ds_keeper_kernel *kernel);

/* "chronyd[412] phc2sys[77]": the processes of /proc that are known to keep clocks by their names
 * and hold the right to set one, but for this one and others like it in shadow (--shadow on their
 * command line). What does not fit in is left out. Returns how many there are; 0 and "" also where
 * /proc cannot be read or hides them (another PID namespace, hidepid). size: at least 1. */
unsigned ds_keeper_processes(char *text, size_t size);

#endif
