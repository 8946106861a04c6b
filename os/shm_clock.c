/* shm_clock: see shm_clock.h. Only shmget(), shmat(), shmdt(), and shmctl() to look. */
#include "os/shm_clock.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#define NS_PER_S	INT64_C(1000000000)
#define LEAP_UNKNOWN	3
#define PRECISION_LEAST (-30)

int ds_shm_clock_open(struct ds_shm_clock *shm, int unit, mode_t perm, char why[DS_WHY])
{
	int error, id;
	void *at;

	shm->segment = NULL;
	id = shmget(DS_SHM_CLOCK_KEY + unit, sizeof(struct ds_shm_segment),
		    IPC_CREAT | (int)(perm & 0777));
	at = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
	if (at == (void *)-1) {
		error = errno ? errno : EINVAL;
		snprintf(why, DS_WHY, "cannot %s shared memory segment %d (key 0x%x): %s%s",
			 id < 0 ? "get" : "attach", unit, (unsigned)(DS_SHM_CLOCK_KEY + unit),
			 strerror(error),
			 error == EINVAL   ? " (is there one of another size? ipcs -m shows it)"
			 : error == EACCES ? " (somebody else owns it; ipcs -m shows it)"
					   : "");
		return -error;
	}
	shm->segment = at;
	shm->id = id;
	return 0;
}

void ds_shm_clock_close(struct ds_shm_clock *shm)
{
	if (shm->segment != NULL)
		shmdt(shm->segment);
	shm->segment = NULL;
}

int ds_shm_clock_others(const struct ds_shm_clock *shm)
{
	struct shmid_ds status;

	if (shm->segment == NULL || shmctl(shm->id, IPC_STAT, &status) < 0 ||
	    status.shm_nattch > INT_MAX)
		return -1;
	return status.shm_nattch > 0 ? (int)status.shm_nattch - 1 : 0;
}

bool ds_shm_clock_is_gone(const struct ds_shm_clock *shm)
{
	struct shmid_ds status;

	if (shm->segment == NULL)
		return true;
	if (shmctl(shm->id, IPC_STAT, &status) < 0)
		return errno == EINVAL || errno == EIDRM;
	return (status.shm_perm.mode & SHM_DEST) != 0;
}

/* Seconds, and what is below: nanoseconds where they say the same as the microseconds. */
static bool moment(int64_t s, int us, unsigned ns, int64_t *at_ns)
{
	if (s < 0 || s > DS_REFSAMPLE_SECONDS_MAX || us < 0 || us >= 1000000)
		return false;
	if (ns / 1000 != (unsigned)us || ns >= NS_PER_S)
		ns = (unsigned)us * 1000;
	*at_ns = s * NS_PER_S + ns;
	return true;
}

enum ds_refresult ds_shm_clock_decode(const struct ds_shm_segment *segment,
				      struct ds_refsample *sample)
{
	struct ds_refsample s = {.pulse = false};

	if (!moment(segment->clock_s, segment->clock_us, segment->clock_ns, &s.reference_ns) ||
	    !moment(segment->receive_s, segment->receive_us, segment->receive_ns, &s.local_ns) ||
	    segment->leap < 0 || segment->leap > LEAP_UNKNOWN)
		return DS_REF_BAD;
	if (segment->leap == LEAP_UNKNOWN)
		return DS_REF_UNSYNCHRONISED;
	s.leap = (uint8_t)segment->leap;
	if (segment->precision_log2 < 0 && segment->precision_log2 >= PRECISION_LEAST)
		s.dispersion_ns = llrint(ldexp((double)NS_PER_S, segment->precision_log2));
	*sample = s;
	return DS_REF_SAMPLE;
}

enum ds_refresult ds_shm_clock_read(struct ds_shm_clock *shm, struct ds_refsample *sample)
{
	struct ds_shm_segment *theirs = shm->segment;
	struct ds_shm_segment copy;
	int count;

	if (__atomic_load_n(&theirs->valid, __ATOMIC_ACQUIRE) == 0)
		return DS_REF_NOTHING;
	count = __atomic_load_n(&theirs->count, __ATOMIC_ACQUIRE);
	memcpy(&copy, theirs, sizeof copy);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&theirs->count, __ATOMIC_RELAXED) != count ||
	    (copy.mode == 1 && copy.valid == 0))
		return DS_REF_TORN;
	__atomic_store_n(&theirs->valid, 0, __ATOMIC_RELEASE);
	return ds_shm_clock_decode(&copy, sample);
}
