// SPDX-License-Identifier: BSD-2-Clause
/*
 * tscprobe: compares clocks with the TSC. It must never set one. rdtsc is a native instruction also
 * in the user space of a UML guest, so that the hosts of a bed and the machine below them share
 * this time base.
 *
 *   tscprobe cal [TSC_HZ]
 *       on the machine: prints "TSC0 UTC0_NS TSC_HZ", the definition of true time for one run. It
 *       takes 3 s, or 0.2 s where the TSC_HZ of an earlier one still holds
 *
 *   tscprobe run SEC [MS [DEVICE]]
 *       anywhere: prints "P TSC REALTIME_NS BRACKET_TICKS" each MS (1000) milliseconds for SEC
 *       seconds (0: until it is ended), and "C TSC CLOCK_NS BRACKET_TICKS" of that PTP device. In a
 *       guest the bed's module compares, without a system call between, unless TSCPROBE=user
 *
 *   tscprobe phc DEVICE
 *       what each way to compare that clock with the system clock says: lines
 *       "precise|extended|plain OFFSET_NS WIDTH_NS" (device less system), or "... - ERROR"
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ptp_clock.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define NS_PER_S INT64_C(1000000000)
#define TRIES	 25
#define MODULE	 "/sys/module/bedclk/parameters/"

struct sample {
	uint64_t tsc; /* the middle of the bracket */
	int64_t clock_ns;
	uint64_t bracket; /* ticks between the two readings of the TSC */
};

static uint64_t read_tsc(void)
{
	unsigned int cpu;
	uint64_t ticks = __rdtscp(&cpu);

	_mm_lfence();
	return ticks;
}

static int64_t read_clock(clockid_t clock)
{
	struct timespec ts = {0, 0};

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* The narrowest of several brackets tsc, clock, tsc: the one least disturbed. */
static struct sample compare(clockid_t clock, int tries)
{
	struct sample best = {0, 0, UINT64_MAX};

	for (int i = 0; i < tries; i++) {
		uint64_t before = read_tsc();
		int64_t now = read_clock(clock);
		uint64_t width = read_tsc() - before;

		if (width < best.bracket)
			best = (struct sample){before + width / 2, now, width};
	}
	return best;
}

static void wait_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* Beside CLOCK_MONOTONIC_RAW, whose rate never changes until the next boot. */
static double measure_hz(long ms)
{
	struct sample from = compare(CLOCK_MONOTONIC_RAW, 1000), to;

	wait_ms(ms);
	to = compare(CLOCK_MONOTONIC_RAW, 1000);
	return (double)(to.tsc - from.tsc) * 1e9 / (double)(to.clock_ns - from.clock_ns);
}

/* The brackets are some 50 ns: a known rate is found to be wrong where it is by more than 2 ppm. */
static void calibrate(double known_hz)
{
	struct sample utc;
	double hz = known_hz > 0 ? measure_hz(200) : 0;

	hz = known_hz > 0 && fabs(hz / known_hz - 1) < 2e-6 ? known_hz : measure_hz(3000);
	utc = compare(CLOCK_REALTIME, 1000);
	printf("%" PRIu64 " %" PRId64 " %.0f\n", utc.tsc, utc.clock_ns, hz);
}

static void print_sample(char kind, struct sample s)
{
	printf("%c %" PRIu64 " %" PRId64 " %" PRIu64 "\n", kind, s.tsc, s.clock_ns, s.bracket);
}

/* The kernel's dynamic clock of an open device, as clock_getcpuclockid(3) has its like. */
static clockid_t clock_of(int fd)
{
	return (clockid_t)(~(unsigned int)fd << 3 | 3);
}

/* Prints what the module compared; false: it is not there. */
static bool print_of_module(char kind, const char *name)
{
	char text[128];
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return false;
	text[length] = '\0';
	printf("%c %s", kind, text);
	return true;
}

static int probe(long seconds, long interval_ms, const char *device)
{
	long left = seconds ? seconds * 1000 / interval_ms : -1;
	const char *where = getenv("TSCPROBE");
	bool user = where && !strcmp(where, "user");
	int fd = -1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (device && (fd = open(device, O_RDONLY | O_CLOEXEC)) < 0) {
		perror(device);
		return 1;
	}
	for (; left != 0; left -= left > 0) {
		if (user || !print_of_module('P', MODULE "probe"))
			print_sample('P', compare(CLOCK_REALTIME, TRIES));
		if (device && (user || !print_of_module('C', MODULE "probe_phc")))
			print_sample('C', compare(clock_of(fd), TRIES));
		wait_ms(interval_ms);
	}
	return 0;
}

static int64_t ptp_ns(const struct ptp_clock_time *t)
{
	return t->sec * NS_PER_S + t->nsec;
}

static void print_way(const char *way, int error, int64_t offset_ns, int64_t width_ns)
{
	if (error)
		printf("%s - %s\n", way, strerror(errno));
	else
		printf("%s %" PRId64 " %" PRId64 "\n", way, offset_ns, width_ns);
}

static int ways(const char *device)
{
	int fd = open(device, O_RDONLY | O_CLOEXEC), error;
	struct ptp_sys_offset_precise precise = {0};
	struct ptp_sys_offset_extended extended = {.n_samples = 1};
	struct ptp_sys_offset plain = {.n_samples = 1};
	int64_t before, after;

	if (fd < 0) {
		perror(device);
		return 1;
	}
	error = ioctl(fd, PTP_SYS_OFFSET_PRECISE, &precise);
	print_way("precise", error, ptp_ns(&precise.device) - ptp_ns(&precise.sys_realtime), 0);
	error = ioctl(fd, PTP_SYS_OFFSET_EXTENDED, &extended);
	before = ptp_ns(&extended.ts[0][0]);
	after = ptp_ns(&extended.ts[0][2]);
	print_way("extended", error, ptp_ns(&extended.ts[0][1]) - before - (after - before) / 2,
		  after - before);
	error = ioctl(fd, PTP_SYS_OFFSET, &plain);
	before = ptp_ns(&plain.ts[0]);
	after = ptp_ns(&plain.ts[2]);
	print_way("plain", error, ptp_ns(&plain.ts[1]) - before - (after - before) / 2,
		  after - before);
	close(fd);
	return 0;
}

static long number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	return *text && !*end && value >= 0 && value <= 10000000 ? value : -1;
}

int main(int argc, char **argv)
{
	if ((argc == 2 || argc == 3) && !strcmp(argv[1], "cal")) {
		calibrate(argc == 3 ? strtod(argv[2], NULL) : 0);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "phc"))
		return ways(argv[2]);
	if (argc >= 3 && argc <= 5 && !strcmp(argv[1], "run")) {
		long seconds = number(argv[2]), interval_ms = argc > 3 ? number(argv[3]) : 1000;

		if (seconds >= 0 && interval_ms > 0)
			return probe(seconds, interval_ms, argc > 4 ? argv[4] : NULL);
	}
	fputs("usage: tscprobe cal [TSC_HZ] | tscprobe run SEC [MS [DEVICE]] | tscprobe phc DEVICE\n",
	      stderr);
	return 2;
}
