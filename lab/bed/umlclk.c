// SPDX-License-Identifier: BSD-2-Clause
/*
 * umlclk: gives a User-mode Linux host an oscillator of its own. It must never be loaded into the
 * daemon under test: it is preloaded into the process that is the guest's kernel, which counts time
 * with CLOCK_MONOTONIC, so that bending this one function bends all clocks of the guest.
 *
 *   UMLCLK_PPM     constant frequency error, ppm (positive: the guest runs fast)
 *   UMLCLK_WANDER  random walk of the frequency: sd of its step each second, ppm
 *   UMLCLK_SWING   slow swing of the frequency, as day and night make it: amplitude, ppm
 *   UMLCLK_PERIOD  of that swing, seconds (600)
 *   UMLCLK_EPOCH   seconds added to the time of day that the guest boots with
 *   UMLCLK_SEED    of the random walk (the process's id)
 *
 * It also mends ptrace() for processors with larger register sets than UML 6.1 knows; see below.
 */
#include <elf.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif
#define XSTATE_MOST 65536

static double ppm, wander_ppm, swing_ppm, period_s, epoch_s;
static uint64_t seed;

static double setting(const char *name, double otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtod(value, NULL) : otherwise;
}

static void read_settings_once(void)
{
	static int done;

	if (done)
		return;
	ppm = setting("UMLCLK_PPM", 0);
	wander_ppm = setting("UMLCLK_WANDER", 0);
	swing_ppm = setting("UMLCLK_SWING", 0);
	period_s = setting("UMLCLK_PERIOD", 600);
	epoch_s = setting("UMLCLK_EPOCH", 0);
	seed = (uint64_t)setting("UMLCLK_SEED", getpid()) * 7919 ^ UINT64_C(88172645463325252);
	done = 1;
}

/* The sum of twelve uniform numbers (xorshift) less six: close to normal, sd 1. */
static double normal(void)
{
	double sum = 0;

	for (int i = 0; i < 12; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		sum += (double)(seed >> 11) * 0x1p-53;
	}
	return sum - 6;
}

/* The frequency error so long after the start, ppm. */
static double error_ppm(int64_t age_ns)
{
	if (swing_ppm == 0 || period_s <= 0)
		return ppm;
	return ppm + swing_ppm * sin(2 * M_PI * (double)age_ns * 1e-9 / period_s);
}

/*
 * The error gained is summed up from call to call, in whole nanoseconds with the rest carried on,
 * so that a change of frequency never steps the clock. The guest ticks, so calls are never far
 * apart.
 */
static int64_t bend(int64_t now)
{
	static int64_t first, last, gained, next_step;
	static double rest;
	double more, whole;

	if (!last) {
		first = last = now;
		next_step = now + NS_PER_S;
	}
	more = (double)(now - last) * error_ppm(now - first) * 1e-6 + rest;
	whole = trunc(more);
	rest = more - whole;
	gained += (int64_t)whole;
	last = now;
	if (wander_ppm > 0 && now > next_step) {
		ppm += wander_ppm * normal();
		next_step = now + NS_PER_S;
	}
	return now + gained;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
	long error = syscall(SYS_clock_gettime, clock_id, tp);
	int64_t ns;

	if (error)
		return (int)error;
	read_settings_once();
	ns = tp->tv_sec * NS_PER_S + tp->tv_nsec;
	if (clock_id == CLOCK_MONOTONIC)
		ns = bend(ns);
	else if (clock_id == CLOCK_REALTIME)
		ns += (int64_t)(epoch_s * 1e9);
	tp->tv_sec = ns / NS_PER_S;
	tp->tv_nsec = ns % NS_PER_S;
	return 0;
}

/*
 * UML 6.1 keeps room for a fixed set of extended registers (up to AVX-512 and PKRU). Where the
 * processor has more (AMX), Linux refuses to set less than all of them with EFAULT, and UML dies at
 * its first context switch. So all are read, those that UML knows laid over them, and all written.
 */
static long set_xstate(pid_t pid, const struct iovec *part)
{
	static unsigned char all[XSTATE_MOST] __attribute__((aligned(64)));
	struct iovec whole = {all, sizeof all};
	long result = syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &whole);

	if (result)
		return result;
	memcpy(all, part->iov_base, part->iov_len < whole.iov_len ? part->iov_len : whole.iov_len);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &whole);
}

__attribute__((visibility("default"))) long ptrace(enum __ptrace_request request, ...)
{
	static int whole_only;
	va_list rest;
	pid_t pid;
	void *addr, *data;
	long peeked, result;

	va_start(rest, request);
	pid = va_arg(rest, pid_t);
	addr = va_arg(rest, void *);
	data = va_arg(rest, void *);
	va_end(rest);
	/* The system call stores a word that it peeks; the function returns it. */
	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA ||
	    request == PTRACE_PEEKUSER) {
		result = syscall(SYS_ptrace, request, pid, addr, &peeked);
		return result ? result : peeked;
	}
	if (request != PTRACE_SETREGSET || (uintptr_t)addr != NT_X86_XSTATE)
		return syscall(SYS_ptrace, request, pid, addr, data);
	if (!whole_only) {
		result = syscall(SYS_ptrace, request, pid, addr, data);
		if (result != -1 || errno != EFAULT)
			return result;
		whole_only = 1;
	}
	return set_xstate(pid, data);
}
