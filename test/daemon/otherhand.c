/*
 * otherhand: preloaded into a daemon, a machine whose CLOCK_REALTIME somebody else steers, and how
 * far it is wrong then is known.
 * It must never touch the machine's clock: nothing that would set it leaves this file.
 *
 * OTHERHAND_PLAN="AT AHEAD RATE; ..."  from AT seconds after the start on it is AHEAD s + RATE ppm
 * of what passed since ahead of the machine's; stamps of packets are, too. Where one piece does not
 * end as the next begins, it was stepped. OTHERHAND_START=SECONDS              since 1970, by the
 * machine's clock OTHERHAND_UNTOLD=1                   the rate does not show in adjtimex(), as
 * that of adjtime()
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "stamps_shifted.h"

#define PIECES 32

static struct piece {
	double at_s, ahead_s, rate_ppm;
} pieces[PIECES];
static int count = -1;
static double start_s;

/* The C library's own, without a system call: the daemon believes a pair of readings as far as they
 * are apart. */
static int machine_gettime(clockid_t clock, struct timespec *time)
{
	static int (*real)(clockid_t, struct timespec *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	return real(clock, time);
}

/* What is ahead of the machine's time from a moment of it on. */
struct line {
	int64_t at_ns, ahead_ns;
	double rate_ppb;
};

/* The shared clock. Odd: it is being written. */
struct shared {
	_Atomic uint32_t sequence;
	struct line now, before;
	int64_t begun_ns, begun_raw_ns;
	double wander_ppb, wander_s;
	long freq, tick, status, maxerror, esterror, tai;
};
static struct shared *shared;

static int64_t machine_ns(clockid_t clock)
{
	struct timespec t = {0};

	machine_gettime(clock, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void make_shared(int fd)
{
	const char *ahead = getenv("OTHERHAND_AHEAD"), *wander = getenv("OTHERHAND_WANDER");
	struct shared made = {.tick = 10000, .status = STA_UNSYNC, .maxerror = 16000000};

	made.begun_ns = made.now.at_ns = made.before.at_ns = machine_ns(CLOCK_REALTIME);
	made.begun_raw_ns = machine_ns(CLOCK_MONOTONIC_RAW);
	made.now.ahead_ns = llround((ahead != NULL ? strtod(ahead, NULL) : 0.0) * 1e9);
	made.before = made.now;
	if (wander != NULL && sscanf(wander, "%lf %lf", &made.wander_ppb, &made.wander_s) == 2)
		made.wander_ppb *= 1e3;
	if (write(fd, &made, sizeof made) != sizeof made)
		abort();
}

static void begin_shared(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd >= 0)
		make_shared(fd);
	else
		fd = open(file, O_RDWR | O_CLOEXEC);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		abort();
	close(fd);
}

/* How far the oscillator has gained: the integral of its wander. */
static int64_t gained_ns(int64_t since_ns)
{
	const double turn = 6.283185307179586;

	if (!(shared->wander_s > 0))
		return 0;
	return llround(shared->wander_ppb * shared->wander_s / turn *
		       (1 - cos(turn * (double)since_ns * 1e-9 / shared->wander_s)));
}

static int64_t shared_shifted(int64_t at_ns)
{
	struct line line;
	uint32_t before;

	do {
		before = atomic_load(&shared->sequence);
		line = at_ns < shared->now.at_ns ? shared->before : shared->now;
	} while (before % 2 == 1 || atomic_load(&shared->sequence) != before);
	return at_ns + gained_ns(at_ns - shared->begun_ns) + line.ahead_ns +
	       llround(line.rate_ppb * 1e-9 * (double)(at_ns - line.at_ns));
}

/* From now on it runs at this rate, and is stepped by so much. */
static void steer(double rate_ppb, int64_t step_ns)
{
	const int64_t at_ns = machine_ns(CLOCK_REALTIME);
	struct line next = shared->now;

	next.ahead_ns += llround(next.rate_ppb * 1e-9 * (double)(at_ns - next.at_ns)) + step_ns;
	next.at_ns = at_ns;
	next.rate_ppb = rate_ppb;
	atomic_fetch_add(&shared->sequence, 1);
	shared->before = shared->now;
	shared->now = next;
	atomic_fetch_add(&shared->sequence, 1);
}

static void begin(void)
{
	const char *plan = getenv("OTHERHAND_PLAN"), *start = getenv("OTHERHAND_START");
	const char *file = getenv("OTHERHAND_SHARED");
	int used = 0;

	if (count >= 0)
		return;
	count = 0;
	if (file != NULL)
		begin_shared(file);
	start_s = start != NULL ? strtod(start, NULL) : 0.0;
	for (const char *at = plan; at != NULL && count < PIECES; at += used) {
		struct piece *p = &pieces[count];

		if (sscanf(at, " %lf %lf %lf%n", &p->at_s, &p->ahead_s, &p->rate_ppm, &used) != 3)
			break;
		count++;
		used += at[used] == ';';
	}
}

static const struct piece *piece_at(double t_s)
{
	static const struct piece none;
	const struct piece *found = &none;

	for (int i = 0; i < count && pieces[i].at_s <= t_s; i++)
		found = &pieces[i];
	return found;
}

static int64_t shifted(int64_t at_ns)
{
	const double t_s = (double)(at_ns - (int64_t)start_s * NS_PER_S) * 1e-9;
	const struct piece *p = piece_at(t_s);

	if (shared != NULL)
		return shared_shifted(at_ns);
	return at_ns + llround(p->ahead_s * 1e9 + p->rate_ppm * 1e3 * (t_s - p->at_s));
}

static void shift_raw(struct timespec *time)
{
	int64_t ns = (int64_t)time->tv_sec * NS_PER_S + time->tv_nsec;

	ns += gained_ns(ns - shared->begun_raw_ns);
	time->tv_sec = ns / NS_PER_S;
	time->tv_nsec = ns % NS_PER_S;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	const int rc = machine_gettime(clock, time);

	begin();
	if (rc == 0 && clock == CLOCK_REALTIME)
		shift(time);
	else if (rc == 0 && clock == CLOCK_MONOTONIC_RAW && shared != NULL)
		shift_raw(time);
	return rc;
}

static int refuse(const char *what)
{
	const char *file = getenv("OTHERHAND_TOLD");
	FILE *out = file != NULL ? fopen(file, "a") : NULL;

	if (out != NULL) {
		fprintf(out, "%s\n", what);
		fclose(out);
	}
	errno = EPERM;
	return -1;
}

static double rate_of(void)
{
	return (double)(shared->tick - 10000) * 1e5 + (double)shared->freq / 65.536;
}

static void set_shared(const struct timex *t)
{
	const unsigned modes = t->modes;
	int64_t step_ns = 0;

	if ((modes & ADJ_OFFSET_SINGLESHOT) == ADJ_OFFSET_SINGLESHOT)
		return; /* nothing of it is ever under way */
	if (modes & ADJ_SETOFFSET)
		step_ns =
			t->time.tv_sec * NS_PER_S + t->time.tv_usec * (modes & ADJ_NANO ? 1 : 1000);
	if (modes & ADJ_FREQUENCY)
		shared->freq = t->freq;
	if (modes & ADJ_TICK)
		shared->tick = t->tick;
	if (modes & ADJ_STATUS)
		shared->status = t->status & ~STA_PLL;
	if (modes & ADJ_MAXERROR)
		shared->maxerror = t->maxerror;
	if (modes & ADJ_ESTERROR)
		shared->esterror = t->esterror;
	if (modes & ADJ_TAI)
		shared->tai = t->constant;
	if (modes & (ADJ_FREQUENCY | ADJ_TICK | ADJ_SETOFFSET))
		steer(rate_of(), step_ns);
}

static int adjust_shared(struct timex *t)
{
	const unsigned modes = t->modes;

	if (modes != 0 && getenv("OTHERHAND_OWNER") == NULL)
		return refuse("adjtimex");
	if (modes != 0)
		set_shared(t);
	*t = (struct timex){
		.modes = modes,
		.freq = shared->freq,
		.tick = shared->tick,
		.status = (int)shared->status,
		.maxerror = shared->maxerror,
		.esterror = shared->esterror,
		.tai = (int)shared->tai,
		.constant = 2,
		.precision = 1,
		.tolerance = 32768000,
	};
	return shared->status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

/* Readable by everybody; settable by nobody, but for a shared one. */
int adjtimex(struct timex *t)
{
	struct timespec now = {0};
	long rc;

	begin();
	if (shared != NULL)
		return adjust_shared(t);
	if (t->modes != 0)
		return refuse("adjtimex");
	rc = syscall(SYS_adjtimex, t);
	machine_gettime(CLOCK_REALTIME, &now);
	if (rc >= 0 && getenv("OTHERHAND_UNTOLD") == NULL) {
		const double t_s = (double)now.tv_sec - start_s + (double)now.tv_nsec * 1e-9;

		t->freq += lrint(piece_at(t_s)->rate_ppm * 65536.0);
	}
	return (int)rc;
}

int clock_adjtime(clockid_t clock, struct timex *t)
{
	if (clock == CLOCK_REALTIME)
		return adjtimex(t);
	return refuse("clock_adjtime");
}

int clock_settime(clockid_t clock, const struct timespec *time)
{
	(void)clock;
	(void)time;
	return refuse("clock_settime");
}

int ntp_adjtime(struct timex *t)
{
	return adjtimex(t);
}
