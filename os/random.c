/*
 * random: a page of getrandom() at a time, handed out eight bytes by eight. What was handed out
 * is erased, so that a look into this memory tells nothing of the past.
 */
#include "os/random.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define POOL_SIZE 256 /* up to this size getrandom() is never cut short by a signal */

static _Thread_local struct {
	uint8_t bytes[POOL_SIZE];
	size_t used;
	bool filled;
} pool;

static void refill(void)
{
	ssize_t got;

	do {
		got = getrandom(pool.bytes, sizeof(pool.bytes), 0);
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(pool.bytes)) {
		fprintf(stderr, "Fatal: getrandom: %s\n", got < 0 ? strerror(errno) : "short");
		exit(1);
	}
	pool.used = 0;
	pool.filled = true;
}

uint64_t ds_random64(void)
{
	uint64_t value;

	if (!pool.filled || pool.used + sizeof(value) > sizeof(pool.bytes))
		refill();
	memcpy(&value, pool.bytes + pool.used, sizeof(value));
	explicit_bzero(pool.bytes + pool.used, sizeof(value));
	pool.used += sizeof(value);
	return value;
}

uint32_t ds_random32(void)
{
	return (uint32_t)(ds_random64() >> 32);
}
