/*
 * reading: one moment on both scales of a clock.
 * It must never be filled by core/: readings come in from os/ or sim/.
 */
#ifndef DS_CORE_CLOCK_READING_H
#define DS_CORE_CLOCK_READING_H

#include <stdint.h>

struct ds_reading {
	int64_t clock_ns; /* nanoseconds since 1970 on the clock that is kept */
	int64_t raw_ns;	  /* the undisturbed scale of its oscillator, see stamp.h */
};

#endif
