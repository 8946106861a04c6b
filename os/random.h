/*
 * random: bits that nobody can guess.
 * It must never give weak ones: without the kernel's generator the process ends.
 */
#ifndef DS_OS_RANDOM_H
#define DS_OS_RANDOM_H

#include <stdint.h>

/* From getrandom(), a buffer a thread; some 30 ns. Not to be used on both sides of a fork(). */
uint64_t ds_random64(void);
uint32_t ds_random32(void);

#endif
