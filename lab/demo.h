/*
 * demo: a server and a client on this machine, a client's clock that begins wrong, and its true
 * error, which is known because both hosts share the kernel's clock.
 * It must never touch the machine's clock, and never call a figure true that it has not read
 * from the clock itself.
 */
#ifndef DS_LAB_DEMO_H
#define DS_LAB_DEMO_H

#include <stdbool.h>

#define DS_DEMO_OFFSET_S 0.05 /* how wrong the client's clock begins */
#define DS_DEMO_FREQ_PPM 30.0 /* how fast its oscillator runs */
#define DS_DEMO_PORT                                                                               \
	11123 /* the server's on loopback, where 123 may be taken; or the next free                \
	       */

struct ds_demo_config {
	int seconds;   /* how long packets are exchanged, at least 4 */
	int poll_log2; /* the client's poll interval, -6 to 4 */
	bool basic;    /* do not ask for interleaved answers */
	bool loopback; /* no namespaces even where they could be made */
	const char
		*json_path; /* NULL: none; "-": standard output, all else goes to standard error */
	const char *daemon; /* path of drivestampd; NULL: beside this program, then PATH */
};

/* Runs until its time is over, a signal comes, or a daemon dies. Prints progress and a summary.
 * Returns the exit status: 0 if it worked, 1 if not, with a reason printed. */
int ds_demo_run(const struct ds_demo_config *config);

#endif
