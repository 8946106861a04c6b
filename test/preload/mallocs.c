/*
 * mallocs: preloaded, counts the calls of malloc(), calloc() and realloc() of the whole process,
 * its libraries' included, and says the number to stderr at SIGUSR2.
 * It must never change what is allocated.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);

static volatile unsigned long calls;

void *malloc(size_t size)
{
	calls++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	calls++;
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	calls++;
	return __libc_realloc(old, size);
}

static void tell(int signal_number)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "allocations: %lu\n", calls);

	(void)signal_number;
	if (write(STDERR_FILENO, text, (size_t)length) != length)
		_exit(99);
}

__attribute__((constructor)) static void begin(void)
{
	signal(SIGUSR2, tell);
}
