/*
 * shm_clock: a reference clock in a segment of System V shared memory, as gpsd and others write it.
 * It must never take a sample that was being written, or one twice.
 *
 * Source: "Shared Memory Driver" (type 28) of the public NTP documentation, driver28: the key, the
 * layout and the two modes.
 *   mode 0  the reader waits for `valid`, takes the values and clears it
 *   mode 1  likewise, but the writer counts before and after it writes, and what was read while
 *           `count` changed is not used
 * `count` is compared in both modes here: who does not count does not change it. The fields are as
 * wide as the C types of the machine, so that a writer with another time_t cannot be understood;
 * it shows by its values, which make no sense.
 */
#ifndef DS_OS_SHM_CLOCK_H
#define DS_OS_SHM_CLOCK_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "os/refsample.h"
#include "os/socket.h"

#define DS_SHM_CLOCK_KEY       0x4e545030 /* "NTP0"; unit n is the n-th after it */
#define DS_SHM_CLOCK_UNITS_MAX 255

struct ds_shm_segment {
	int mode;
	int count;
	time_t clock_s; /* what the reference clock showed ... */
	int clock_us;
	time_t receive_s; /* ... when CLOCK_REALTIME showed this */
	int receive_us;
	int leap;
	int precision_log2; /* 0 or above: not said */
	int nsamples;
	int valid;
	unsigned clock_ns; /* below the second; used where they agree with the microseconds */
	unsigned receive_ns;
	int dummy[8];
};

struct ds_shm_clock {
	int id;
	struct ds_shm_segment *segment; /* NULL: closed. Another process writes it at any time. */
};

/* Attach to unit 0..255, made with rights `perm` where it does not exist. 0 or a negative errno
 * with a sentence. To be called while there are rights: a segment that root made for itself cannot
 * be attached later. */
int ds_shm_clock_open(struct ds_shm_clock *shm, int unit, mode_t perm, char why[DS_WHY]);
void ds_shm_clock_close(struct ds_shm_clock *shm);

/* How many processes besides us have the segment attached? -1: the kernel does not tell us. */
int ds_shm_clock_others(const struct ds_shm_clock *shm);

/* Was it removed (ipcrm)? Whoever attaches to the unit from then on has another segment. */
bool ds_shm_clock_is_gone(const struct ds_shm_clock *shm);

/* Take what is new. */
enum ds_refresult ds_shm_clock_read(struct ds_shm_clock *shm, struct ds_refsample *sample);

/* The values of a segment that was read in peace: DS_REF_SAMPLE, _BAD or _UNSYNCHRONISED. */
enum ds_refresult ds_shm_clock_decode(const struct ds_shm_segment *segment,
				      struct ds_refsample *sample);

#endif
