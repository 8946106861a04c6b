/*
 * clock_watch: wakes whoever waits in poll() when somebody sets CLOCK_REALTIME, or the host wakes
 * from sleep.
 * It must never be the only way by which that is found out: the clock itself says it at each turn.
 *
 * Source: timerfd_create(2), TFD_TIMER_CANCEL_ON_SET: a timer that never comes is cancelled by a
 * discontinuous change of the clock, ours included; a slew is none.
 */
#ifndef DS_OS_CLOCK_WATCH_H
#define DS_OS_CLOCK_WATCH_H

#include <stdbool.h>

/* Returns a descriptor that is readable (POLLIN) once the clock was set, or a negative errno where
 * the kernel has no such timer, or a simulator
 * of clocks stands between it and us. Owned by the caller: close(). */
int ds_clock_watch_open(void);
/* It was reported: wait for the next time. False where that cannot be had any more; the caller
 * should close it and look by itself. */
bool ds_clock_watch_again(int fd);

#endif
