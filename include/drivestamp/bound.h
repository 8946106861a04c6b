/*
 * drivestamp/bound.h: how wrong this machine's clock may be, read from drivestampd's memory.
 *
 * One page of shared memory, written by the daemon (`boundfile`), read by any process: no system
 * call where clocks are read without one, no lock, no waiting, no library. C and C++, gcc and
 *clang. It must never be written to by a reader (it is mapped for reading), and a reader must never
 *use a bound for which it did not get DRIVESTAMP_BOUND_GOOD.
 *
 *	const struct drivestamp_bound_page *page = drivestamp_bound_open(NULL);
 *	struct drivestamp_bound now;
 *
 *	if (page && drivestamp_bound_now(page, &now) == DRIVESTAMP_BOUND_GOOD)
 *		printf("it is %lld ns +- %lld ns after 1970\n", (long long)now.clock_ns,
 *		       (long long)now.bound_ns);
 *
 * Two numbers. `bound_ns` holds where the least delays to the sources of time and back are equal,
 * up to the share that `maxasymmetry` grants: all that no measurement over one path can tell.
 * `hard_bound_ns` assumes nothing of the paths: half the round trip to the root is in it. It is
 * often some hundred times as much. Which one is needed depends on what a mistake costs.
 *
 * Between two writings of the page both grow, as the page says; the daemon need not be woken. That
 * the clock was set by somebody since, or that the host slept, a reader sees by itself and at once:
 * by CLOCK_REALTIME against CLOCK_MONOTONIC, and CLOCK_BOOTTIME against CLOCK_MONOTONIC. That the
 * daemon died it sees when the page is too old. What it cannot see: that a virtual machine was
 * stopped from outside and goes on later, if the kernel was not told.
 *
 * The layout is fixed: 64-bit words in the machine's byte order. Later versions may use the spare
 * words at the end, or add some and raise `version` and `size`; they change none. All that a
 * reader needs is below; nothing else of Drivestamp.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef DRIVESTAMP_BOUND_H
#define DRIVESTAMP_BOUND_H

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DRIVESTAMP_BOUND_PATH	 "/run/drivestamp/bound"
#define DRIVESTAMP_BOUND_MAGIC	 UINT64_C(0x646e756f62507344) /* "DsPbound", on little-endian */
#define DRIVESTAMP_BOUND_VERSION UINT64_C(1)
#define DRIVESTAMP_BOUND_TRIES	 1000 /* a writing takes well under a microsecond */

/* flags */
#define DRIVESTAMP_BOUND_SYNCHRONISED UINT64_C(0x01) /* the clock was measured; bounds hold */
#define DRIVESTAMP_BOUND_STEPPED      UINT64_C(0x02) /* it was set since the last measurement ... */
#define DRIVESTAMP_BOUND_SLEPT	      UINT64_C(0x04) /* ... or the host slept ... */
#define DRIVESTAMP_BOUND_SOURCES_LOST                                                              \
	UINT64_C(0x08)				    /* ... or no source can be followed any more   \
						     */
#define DRIVESTAMP_BOUND_DISRUPTED   UINT64_C(0x0e) /* any of these three */
#define DRIVESTAMP_BOUND_VIRTUAL     UINT64_C(0x10) /* a clock of the daemon's own, see below */
#define DRIVESTAMP_BOUND_NOT_STEERED UINT64_C(0x20) /* it is measured, not corrected (-x) */
#define DRIVESTAMP_BOUND_ENDED	     UINT64_C(0x40) /* the daemon ended in good order */

/* leap */
#define DRIVESTAMP_BOUND_LEAP_NONE    0
#define DRIVESTAMP_BOUND_LEAP_INSERT  1 /* the last minute of this month has 61 seconds */
#define DRIVESTAMP_BOUND_LEAP_DELETE  2 /* ... 59 */
#define DRIVESTAMP_BOUND_LEAP_UNKNOWN 3

struct drivestamp_bound_page {
	uint64_t magic;
	uint64_t version;
	uint64_t size;	   /* bytes of this structure, as the writer knows it */
	uint64_t sequence; /* odd while the page is being written */
	/* Changes whenever the time may have been disrupted: at a start of the daemon, at each step
	 * of the clock, when the host slept, when no source is left. */
	uint64_t generation;
	uint64_t flags;
	int64_t monotonic_ns;	 /* CLOCK_MONOTONIC of which all here is */
	int64_t clock_ns;	 /* the clock then, ns since 1970 */
	int64_t pairing_ns;	 /* these two belong together to within this */
	int64_t suspended_ns;	 /* CLOCK_BOOTTIME minus CLOCK_MONOTONIC then */
	int64_t knee_ns;	 /* growth is `early` so long, then `late` */
	int64_t void_after_ns;	 /* CLOCK_MONOTONIC from which on nothing is claimed */
	int64_t bound_ns;	 /* then */
	int64_t bound_early_ppt; /* its growth, in parts per trillion (ps a second) */
	int64_t bound_late_ppt;
	int64_t hard_bound_ns;
	int64_t hard_early_ppt;
	int64_t hard_late_ppt;
	int64_t remaining_ns; /* how far the clock was from where the daemon thinks it should be:
				 what is being slewed off; in both bounds already */
	int64_t leap;
	int64_t tai_minus_utc_s; /* 0: not known */
	int64_t stratum;	 /* 0: not synchronised */
	uint64_t reference_id;
	int64_t writer_pid;
	/* A VIRTUAL clock is a line over CLOCK_MONOTONIC_RAW: raw_ns is that clock at monotonic_ns,
	 * and the virtual one runs this much faster. */
	int64_t raw_ns;
	int64_t virtual_rate_ppt;
	uint64_t boot_id; /* first 64 bits of the kernel's, 0: not known */
	uint64_t spare[5];
};

enum drivestamp_bound_status {
	DRIVESTAMP_BOUND_GOOD = 0,	     /* the bounds hold */
	DRIVESTAMP_BOUND_UNSYNCHRONISED = 1, /* the daemon does not know the time */
	DRIVESTAMP_BOUND_STALE = 2,	     /* the page is too old, or the host slept since */
	DRIVESTAMP_BOUND_TORN = 3,	     /* it is being written all the time: the writer died */
	DRIVESTAMP_BOUND_NO_PAGE = 4, /* what is mapped there is none, or of a later layout */
};

struct drivestamp_bound {
	int64_t clock_ns;	    /* CLOCK_REALTIME, or the virtual clock: ns since 1970 */
	int64_t bound_ns;	    /* the truth is within this of it, if the paths are symmetric */
	int64_t hard_bound_ns;	    /* ... whatever the paths are */
	int64_t earliest_ns;	    /* clock_ns - bound_ns */
	int64_t latest_ns;	    /* clock_ns + bound_ns */
	int64_t age_ns;		    /* since the page was written */
	int64_t shift_ns;	    /* the clock was set by so much since (in the bounds already) */
	uint64_t generation, flags; /* as in the page; STEPPED is added where the clock was set */
	int64_t leap;
};

/* Readings of the clocks, in the order in which they were taken. */
struct drivestamp_bound_clocks {
	int64_t mono_before_ns, real_ns,
		mono_after_ns; /* CLOCK_REALTIME between two of MONOTONIC */
	int64_t raw_ns, boot_ns, mono_last_ns;
};

/* A whole copy of the page: no word of it is of another writing than the others. False where it
 * cannot be had. */
static inline int drivestamp_bound_copy(const struct drivestamp_bound_page *page,
					struct drivestamp_bound_page *copy)
{
	const uint64_t *from = (const uint64_t *)page;
	uint64_t words[sizeof(*copy) / sizeof(uint64_t)];
	size_t i;
	int tries;

	for (tries = 0; tries < DRIVESTAMP_BOUND_TRIES; tries++) {
		uint64_t sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);

		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			words[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (sequence % 2 == 0 &&
		    sequence == __atomic_load_n(&page->sequence, __ATOMIC_RELAXED)) {
			memcpy(copy, words, sizeof(*copy));
			return 1;
		}
	}
	return 0;
}

static inline int64_t drivestamp_bound_grown(int64_t ns, int64_t early_ppt, int64_t late_ppt,
					     int64_t knee_ns, int64_t age_ns)
{
	double early = (double)(age_ns < knee_ns ? age_ns : knee_ns);
	double late = (double)age_ns - early;
	double sum =
		(double)ns + (early * (double)early_ppt + late * (double)late_ppt) * 1e-12 + 1.0;

	return sum < 4e18 ? (int64_t)sum : INT64_C(4000000000000000000);
}

/* How far CLOCK_REALTIME was set since the page was written: it and CLOCK_MONOTONIC are steered
 * together, so their difference changes by nothing else. 0 where the readings allow that. */
static inline int64_t drivestamp_bound_shift(const struct drivestamp_bound_page *page,
					     const struct drivestamp_bound_clocks *clocks)
{
	int64_t difference = page->clock_ns - page->monotonic_ns;
	int64_t least = clocks->real_ns - clocks->mono_after_ns;
	int64_t most = clocks->real_ns - clocks->mono_before_ns;

	if (least > difference + page->pairing_ns)
		return least - difference;
	if (most < difference - page->pairing_ns)
		return most - difference;
	return 0;
}

/* What a copy of the page says at these readings. Pure: it reads no clock and no memory of others.
 */
static inline enum drivestamp_bound_status
drivestamp_bound_judge(const struct drivestamp_bound_page *page,
		       const struct drivestamp_bound_clocks *clocks, struct drivestamp_bound *now)
{
	int64_t shift, slept, bound, hard;

	memset(now, 0, sizeof(*now));
	if (page->magic != DRIVESTAMP_BOUND_MAGIC || page->version < DRIVESTAMP_BOUND_VERSION)
		return DRIVESTAMP_BOUND_NO_PAGE;
	now->generation = page->generation;
	now->flags = page->flags;
	now->leap = page->leap;
	now->age_ns = clocks->mono_after_ns - page->monotonic_ns;
	now->clock_ns = clocks->real_ns;
	if (page->flags & DRIVESTAMP_BOUND_VIRTUAL)
		now->clock_ns = page->clock_ns + (clocks->raw_ns - page->raw_ns) +
				(int64_t)((double)(clocks->raw_ns - page->raw_ns) *
					  (double)page->virtual_rate_ppt * 1e-12);
	else
		now->shift_ns = drivestamp_bound_shift(page, clocks);
	if (now->shift_ns != 0)
		now->flags |= DRIVESTAMP_BOUND_STEPPED;
	slept = clocks->boot_ns - clocks->mono_last_ns - page->suspended_ns;
	if (!(page->flags & DRIVESTAMP_BOUND_SYNCHRONISED))
		return DRIVESTAMP_BOUND_UNSYNCHRONISED;
	if (now->age_ns < 0 || clocks->mono_after_ns >= page->void_after_ns ||
	    slept > INT64_C(100000000))
		return DRIVESTAMP_BOUND_STALE;
	shift = now->shift_ns < 0 ? -now->shift_ns : now->shift_ns;
	bound = drivestamp_bound_grown(page->bound_ns, page->bound_early_ppt, page->bound_late_ppt,
				       page->knee_ns, now->age_ns);
	hard = drivestamp_bound_grown(page->hard_bound_ns, page->hard_early_ppt,
				      page->hard_late_ppt, page->knee_ns, now->age_ns);
	now->hard_bound_ns = hard + shift;
	now->bound_ns = (bound < hard ? bound : hard) + shift;
	now->earliest_ns = now->clock_ns - now->bound_ns;
	now->latest_ns = now->clock_ns + now->bound_ns;
	return DRIVESTAMP_BOUND_GOOD;
}

static inline int64_t drivestamp_bound_clock_ns(clockid_t id)
{
	struct timespec t = {0, 0};

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* raw: CLOCK_MONOTONIC_RAW too, which only a VIRTUAL clock needs; else it is 0. */
static inline void drivestamp_bound_read_clocks(int raw, struct drivestamp_bound_clocks *clocks)
{
	clocks->mono_before_ns = drivestamp_bound_clock_ns(CLOCK_MONOTONIC);
	clocks->real_ns = drivestamp_bound_clock_ns(CLOCK_REALTIME);
	clocks->mono_after_ns = drivestamp_bound_clock_ns(CLOCK_MONOTONIC);
	clocks->raw_ns = raw ? drivestamp_bound_clock_ns(CLOCK_MONOTONIC_RAW) : 0;
	clocks->boot_ns = drivestamp_bound_clock_ns(CLOCK_BOOTTIME);
	clocks->mono_last_ns = drivestamp_bound_clock_ns(CLOCK_MONOTONIC);
}

/* How wrong the clock may be now. *now is written in any case; its bounds are only to be used with
 * DRIVESTAMP_BOUND_GOOD. */
static inline enum drivestamp_bound_status
drivestamp_bound_now(const struct drivestamp_bound_page *page, struct drivestamp_bound *now)
{
	struct drivestamp_bound_page copy;
	struct drivestamp_bound_clocks clocks;

	if (!drivestamp_bound_copy(page, &copy)) {
		memset(now, 0, sizeof(*now));
		return DRIVESTAMP_BOUND_TORN;
	}
	drivestamp_bound_read_clocks((copy.flags & DRIVESTAMP_BOUND_VIRTUAL) != 0, &clocks);
	return drivestamp_bound_judge(&copy, &clocks, now);
}

/* Map the page; path NULL: DRIVESTAMP_BOUND_PATH. NULL, with errno, where there is none. A mapping
 * stays good over a restart of the daemon. */
static inline const struct drivestamp_bound_page *drivestamp_bound_open(const char *path)
{
	int fd = open(path ? path : DRIVESTAMP_BOUND_PATH, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	void *page = MAP_FAILED;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof(struct drivestamp_bound_page))
		page = mmap(NULL, sizeof(struct drivestamp_bound_page), PROT_READ, MAP_SHARED, fd,
			    0);
	close(fd);
	return page == MAP_FAILED ? NULL : (const struct drivestamp_bound_page *)page;
}

static inline void drivestamp_bound_close(const struct drivestamp_bound_page *page)
{
	if (page)
		munmap((void *)(uintptr_t)page, sizeof(*page));
}

#ifdef __cplusplus
}
#endif
#endif
