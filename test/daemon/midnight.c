/*
 * midnight: preloaded into a daemon, a kernel whose CLOCK_REALTIME is ahead, and that carries out
 * leap seconds at midnight as Linux does.
 * It must never touch the machine's clock: nothing that would set it leaves this file.
 *
 * MIDNIGHT_AHEAD=SECONDS  so far is it ahead of the machine's; stamps of packets are, too
 * MIDNIGHT_IDLE=1         STA_INS and STA_DEL are taken and not carried out
 * MIDNIGHT_LOG=FILE       a line for each change of status, TAI - UTC, and each step
 *
 * Rates are taken, and not followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "stamps_shifted.h"

#define DAY_NS (86400 * NS_PER_S)

static struct timex kept = {.tick = 10000, .status = STA_UNSYNC, .maxerror = 16000000};
static bool begun;
static int64_t ahead_ns;
static int64_t midnight_ns;			   /* on the clock that is ahead */
static int64_t step_ns, stepped_at_ns = INT64_MAX; /* the machine's time from which on */

static int64_t machine_ns(void)
{
	struct timespec t = {0};

	syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void say(const char *what, long value)
{
	const char *file = getenv("MIDNIGHT_LOG");
	char line[128];
	int fd = file != NULL ? open(file, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
	int length = snprintf(line, sizeof line, "%s %ld\n", what, value);

	if (fd >= 0 && write(fd, line, (size_t)length) != length)
		abort();
	if (fd >= 0)
		close(fd);
}

static void begin(void)
{
	const char *text = getenv("MIDNIGHT_AHEAD");

	if (begun)
		return;
	begun = true;
	ahead_ns = (text != NULL ? strtoll(text, NULL, 10) : 0) * NS_PER_S;
	midnight_ns = ((machine_ns() + ahead_ns) / DAY_NS + 1) * DAY_NS;
}

static void step(int64_t by_ns, int64_t at_ns)
{
	ahead_ns += at_ns > stepped_at_ns ? step_ns : 0;
	step_ns = by_ns;
	stepped_at_ns = at_ns;
}

/* Is there a leap second to be carried out by now? */
static void look(int64_t now_ns)
{
	int64_t due_ns = midnight_ns - ahead_ns - (kept.status & STA_DEL ? NS_PER_S : 0);

	if (!(kept.status & (STA_INS | STA_DEL)) || getenv("MIDNIGHT_IDLE") != NULL ||
	    stepped_at_ns != INT64_MAX || now_ns < due_ns)
		return;
	kept.tai += kept.status & STA_INS ? 1 : -1;
	step(kept.status & STA_INS ? -NS_PER_S : NS_PER_S, due_ns);
	say("leap", kept.status & STA_INS ? 1 : -1);
}

static int64_t shifted(int64_t machine)
{
	return machine + ahead_ns + (machine >= stepped_at_ns ? step_ns : 0);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	long rc = syscall(SYS_clock_gettime, clock, time);
	int64_t ns;

	if (rc != 0 || clock != CLOCK_REALTIME)
		return (int)rc;
	begin();
	ns = (int64_t)time->tv_sec * NS_PER_S + time->tv_nsec;
	look(ns);
	shift(time);
	return 0;
}

int adjtimex(struct timex *t)
{
	unsigned modes = t->modes;

	begin();
	if ((modes & ADJ_OFFSET_SINGLESHOT) == ADJ_OFFSET_SINGLESHOT)
		modes = 0;
	if (modes & ADJ_SETOFFSET) {
		int64_t unit_ns = modes & ADJ_NANO ? 1 : 1000;
		int64_t by_ns = t->time.tv_sec * NS_PER_S + t->time.tv_usec * unit_ns;

		step(by_ns, machine_ns());
		say("set", (long)by_ns);
	}
	if (modes & ADJ_FREQUENCY)
		kept.freq = t->freq;
	if (modes & ADJ_TICK)
		kept.tick = t->tick;
	if (modes & ADJ_MAXERROR)
		kept.maxerror = t->maxerror;
	if (modes & ADJ_ESTERROR)
		kept.esterror = t->esterror;
	if (modes & ADJ_STATUS && t->status != kept.status) {
		kept.status = t->status;
		say("status", kept.status);
	}
	if (modes & ADJ_TAI) {
		kept.tai = (int)t->constant;
		say("tai", kept.tai);
	}
	modes = t->modes;
	*t = kept;
	t->modes = modes;
	return kept.status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

int clock_settime(clockid_t clock, const struct timespec *time)
{
	(void)clock;
	(void)time;
	errno = EPERM;
	return -1;
}
