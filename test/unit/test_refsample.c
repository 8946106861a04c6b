/*
 * Tests of os/shm_clock and os/sock_clock: fields and their bounds, microseconds and nanoseconds,
 * segments that are being written, datagrams of other sizes, the socket's file.
 * Segments that are made here are removed here.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/phc.h"
#include "os/pps.h"
#include "os/rtc.h"
#include "os/shm_clock.h"
#include "os/sock_clock.h"

#define S INT64_C(1000000000)

static struct ds_refsample sample;

/* ---- shared memory ---- */

static struct ds_shm_segment good_segment(void)
{
	return (struct ds_shm_segment){.mode = 1,
				       .count = 2,
				       .clock_s = 1700000001,
				       .clock_us = 5,
				       .clock_ns = 5678,
				       .receive_s = 1700000000,
				       .receive_us = 999999,
				       .receive_ns = 999999001,
				       .precision_log2 = -20,
				       .valid = 1};
}

static void test_layout(void **state)
{
	(void)state;
	if (sizeof(time_t) != 8 || sizeof(long) != 8)
		skip();
	assert_int_equal(sizeof(struct ds_shm_segment), 96);
	assert_int_equal(offsetof(struct ds_shm_segment, clock_s), 8);
	assert_int_equal(offsetof(struct ds_shm_segment, receive_s), 24);
	assert_int_equal(offsetof(struct ds_shm_segment, leap), 36);
	assert_int_equal(offsetof(struct ds_shm_segment, valid), 48);
	assert_int_equal(offsetof(struct ds_shm_segment, clock_ns), 52);
	assert_int_equal(sizeof(struct ds_sock_message), 40);
	assert_int_equal(offsetof(struct ds_sock_message, offset_s), 16);
	assert_int_equal(offsetof(struct ds_sock_message, pulse), 24);
	assert_int_equal(offsetof(struct ds_sock_message, magic), 36);
}

static void test_shm_values(void **state)
{
	struct ds_shm_segment s = good_segment();

	(void)state;
	assert_int_equal(ds_shm_clock_decode(&s, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.reference_ns, 1700000001 * S + 5678);
	assert_int_equal(sample.local_ns, 1700000000 * S + 999999001);
	assert_int_equal(sample.dispersion_ns, 954);
	assert_int_equal(sample.leap, 0);
	assert_false(sample.pulse);
	/* nanoseconds that say something else than the microseconds are no nanoseconds */
	s.clock_ns = 6000;
	s.receive_ns = 0;
	assert_int_equal(ds_shm_clock_decode(&s, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.reference_ns, 1700000001 * S + 5000);
	assert_int_equal(sample.local_ns, 1700000000 * S + 999999000);
	s.clock_ns = UINT32_MAX;
	assert_int_equal(ds_shm_clock_decode(&s, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.reference_ns, 1700000001 * S + 5000);
	/* a precision that is not said */
	s.precision_log2 = 0;
	assert_int_equal(ds_shm_clock_decode(&s, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.dispersion_ns, 0);
	s.precision_log2 = INT32_MIN;
	assert_int_equal(ds_shm_clock_decode(&s, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.dispersion_ns, 0);
	s.precision_log2 = -1;
	assert_int_equal(ds_shm_clock_decode(&s, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.dispersion_ns, S / 2);
}

static void test_shm_eras(void **state)
{
	static const int64_t seconds[] = {
		0,	    INT32_MAX,		 INT64_C(2085978496),
		UINT32_MAX, INT64_C(4294967296), DS_REFSAMPLE_SECONDS_MAX};
	struct ds_shm_segment s = good_segment();

	(void)state;
	for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
		s.clock_s = seconds[i];
		s.receive_s = seconds[5 - i];
		assert_int_equal(ds_shm_clock_decode(&s, &sample), DS_REF_SAMPLE);
		assert_int_equal(sample.reference_ns, seconds[i] * S + 5678);
	}
}

static void test_shm_nonsense(void **state)
{
	static const struct {
		int64_t clock_s;
		int clock_us;
		int64_t receive_s;
		int receive_us, leap;
		enum ds_refresult result;
	} table[] = {
		{1, 0, 1, 0, 2, DS_REF_SAMPLE},
		{1, 0, 1, 0, 3, DS_REF_UNSYNCHRONISED},
		{-1, 0, 1, 0, 0, DS_REF_BAD},
		{1, -1, 1, 0, 0, DS_REF_BAD},
		{1, 1000000, 1, 0, 0, DS_REF_BAD},
		{1, 0, -1, 0, 0, DS_REF_BAD},
		{1, 0, 1, 1000000, 0, DS_REF_BAD},
		{1, 0, 1, -1, 0, DS_REF_BAD},
		{1, 0, 1, 0, 4, DS_REF_BAD},
		{1, 0, 1, 0, -1, DS_REF_BAD},
		{INT64_MAX, 0, 1, 0, 0, DS_REF_BAD},
		{1, 0, INT64_MAX, 0, 0, DS_REF_BAD},
		{DS_REFSAMPLE_SECONDS_MAX + 1, 0, 1, 0, 0, DS_REF_BAD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct ds_shm_segment s = good_segment();

		s.clock_s = table[i].clock_s;
		s.clock_us = table[i].clock_us;
		s.receive_s = table[i].receive_s;
		s.receive_us = table[i].receive_us;
		s.leap = table[i].leap;
		sample.local_ns = 77;
		assert_int_equal(ds_shm_clock_decode(&s, &sample), table[i].result);
		assert_int_equal(sample.local_ns == 77, table[i].result != DS_REF_SAMPLE);
	}
}

static void test_shm_taken_once(void **state)
{
	struct ds_shm_segment s = good_segment();
	struct ds_shm_clock shm = {.segment = &s};

	(void)state;
	for (s.mode = 0; s.mode < 2; s.mode++) {
		s.valid = 1;
		assert_int_equal(ds_shm_clock_read(&shm, &sample), DS_REF_SAMPLE);
		assert_int_equal(s.valid, 0);
		assert_int_equal(ds_shm_clock_read(&shm, &sample), DS_REF_NOTHING);
	}
}

/* A writer that never rests, and whose every sample is whole: seconds and the rest agree. */
static volatile bool writing;
static void *write_on(void *context)
{
	struct ds_shm_segment *s = context;

	for (int64_t n = 1; writing; n++) {
		__atomic_store_n(&s->valid, 0, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&s->count, 1, __ATOMIC_SEQ_CST);
		for (int i = 0; i < 30; i++) {
			__atomic_store_n(&s->clock_s, n % 1000000, __ATOMIC_SEQ_CST);
			__atomic_store_n(&s->receive_s, n % 1000000, __ATOMIC_SEQ_CST);
			__atomic_store_n(&s->clock_us, (int)(n % 1000000), __ATOMIC_SEQ_CST);
			__atomic_store_n(&s->receive_us, (int)(n % 1000000), __ATOMIC_SEQ_CST);
		}
		__atomic_fetch_add(&s->count, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&s->valid, 1, __ATOMIC_SEQ_CST);
		for (volatile int i = 0; i < 200; i++)
			;
	}
	return NULL;
}

static void test_shm_torn(void **state)
{
	struct ds_shm_segment s = {.mode = 1};
	struct ds_shm_clock shm = {.segment = &s};
	const time_t end = time(NULL) + 60;
	unsigned whole = 0, torn = 0;
	pthread_t thread;

	(void)state;
	writing = true;
	assert_int_equal(pthread_create(&thread, NULL, write_on, &s), 0);
	while (whole < 300 && time(NULL) < end) {
		switch (ds_shm_clock_read(&shm, &sample)) {
		case DS_REF_SAMPLE:
			whole++;
			if (sample.local_ns != sample.reference_ns ||
			    sample.local_ns / S != sample.local_ns % S / 1000) {
				writing = false;
				fail_msg("%lld is no whole sample", (long long)sample.local_ns);
			}
			break;
		case DS_REF_TORN:
			torn++;
			break;
		default:
			sched_yield(); /* the writer may have no core of its own */
			break;
		}
	}
	writing = false;
	pthread_join(thread, NULL);
	print_message("%u samples whole, %u seen to be torn\n", whole, torn);
	assert_int_equal(whole, 300);
}

static void test_shm_open(void **state)
{
	struct ds_shm_clock shm;
	char why[DS_WHY];
	int unit, id = -1;

	(void)state;
	/* a unit that nobody has */
	for (unit = 255; unit > 200; unit--)
		if (shmget(DS_SHM_CLOCK_KEY + unit, 1, 0) < 0 && errno == ENOENT)
			break;
	if (ds_shm_clock_open(&shm, unit, 0640, why) != 0) {
		print_message("%s\n", why);
		skip();
	}
	id = shmget(DS_SHM_CLOCK_KEY + unit, 1, 0);
	struct shmid_ds status;
	assert_int_equal(shmctl(id, IPC_STAT, &status), 0);
	assert_int_equal(status.shm_perm.mode & 0777, 0640);
	assert_int_equal(ds_shm_clock_read(&shm, &sample), DS_REF_NOTHING);
	ds_shm_clock_close(&shm);
	ds_shm_clock_close(&shm);
	shmctl(id, IPC_RMID, NULL);
	/* one that is too small */
	id = shmget(DS_SHM_CLOCK_KEY + unit, 8, IPC_CREAT | 0600);
	assert_true(id >= 0);
	assert_int_equal(ds_shm_clock_open(&shm, unit, 0600, why), -EINVAL);
	assert_non_null(strstr(why, "another size"));
	shmctl(id, IPC_RMID, NULL);
}

/* ---- socket ---- */

static const struct ds_sock_owner ours = {.perm = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1};

static struct ds_sock_message good_message(void)
{
	return (struct ds_sock_message){.tv = {1700000000, 250000},
					.offset_s = -0.5,
					.leap = 1,
					.magic = DS_SOCK_CLOCK_MAGIC};
}

static void test_sock_values(void **state)
{
	struct ds_sock_message m = good_message();
	uint8_t shifted[sizeof m + 3];

	(void)state;
	memcpy(shifted + 3, &m, sizeof m);
	assert_int_equal(ds_sock_clock_decode(shifted + 3, sizeof m, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.local_ns, 1700000000 * S + S / 4);
	assert_int_equal(sample.reference_ns, 1700000000 * S - S / 4);
	assert_int_equal(sample.leap, 1);
	assert_false(sample.pulse);
	m.pulse = -5;
	assert_int_equal(ds_sock_clock_decode(&m, sizeof m, &sample), DS_REF_SAMPLE);
	assert_true(sample.pulse);
	for (size_t n = 0; n < 2 * sizeof m; n++)
		if (n != sizeof m)
			assert_int_equal(ds_sock_clock_decode(&m, n < sizeof m ? n : n, &sample),
					 DS_REF_BAD);
}

static void test_sock_nonsense(void **state)
{
	static const double offsets[] = {NAN, INFINITY, -INFINITY, 1e300, -1.8e9, 4e9, 1e10};
	struct ds_sock_message m = good_message();

	(void)state;
	for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
		m.offset_s = offsets[i];
		sample.local_ns = 77;
		assert_int_equal(ds_sock_clock_decode(&m, sizeof m, &sample), DS_REF_BAD);
		assert_int_equal(sample.local_ns, 77); /* nothing was written */
	}
#define BAD(field, value, expected)                                                                \
	m = good_message();                                                                        \
	m.field = value;                                                                           \
	assert_int_equal(ds_sock_clock_decode(&m, sizeof m, &sample), expected)
	BAD(magic, 0, DS_REF_BAD);
	BAD(magic, 0x4b434f53, DS_REF_BAD);
	BAD(leap, -1, DS_REF_BAD);
	BAD(leap, 4, DS_REF_BAD);
	BAD(leap, 3, DS_REF_UNSYNCHRONISED);
	BAD(tv.tv_sec, -1, DS_REF_BAD);
	BAD(tv.tv_sec, DS_REFSAMPLE_SECONDS_MAX + 1, DS_REF_BAD);
	BAD(tv.tv_usec, -1, DS_REF_BAD);
	BAD(tv.tv_usec, 1000000, DS_REF_BAD);
	BAD(pad, 77, DS_REF_SAMPLE);
}

static int connected(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

static void test_sock_file(void **state)
{
	char folder[] = "/tmp/drivestamp-sock-XXXXXX", path[80], why[DS_WHY];
	struct ds_sock_message m = good_message();
	struct ds_sock_clock first, second;
	struct stat status;
	uint8_t long_one[100] = {0};
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/sock", folder);
	assert_int_equal(ds_sock_clock_open(&first, path, &ours, why), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode) && (status.st_mode & 0777) == 0600);
	assert_int_equal(ds_sock_clock_read(&first, &sample), DS_REF_NOTHING);
	fd = connected(path);
	assert_true(fd >= 0);
	assert_int_equal(send(fd, &m, sizeof m, 0), sizeof m);
	memcpy(long_one, &m, sizeof m);
	assert_int_equal(send(fd, long_one, sizeof long_one, 0), sizeof long_one);
	assert_int_equal(send(fd, long_one, 0, 0), 0);
	assert_int_equal(ds_sock_clock_read(&first, &sample), DS_REF_SAMPLE);
	assert_int_equal(ds_sock_clock_read(&first, &sample), DS_REF_BAD);
	assert_int_equal(ds_sock_clock_read(&first, &sample), DS_REF_BAD);
	assert_int_equal(ds_sock_clock_read(&first, &sample), DS_REF_NOTHING);
	close(fd);
	/* another process's is left alone */
	assert_int_equal(ds_sock_clock_open(&second, path, &ours, why), -EADDRINUSE);
	assert_non_null(strstr(why, path));
	/* a stale one is not */
	close(first.fd);
	struct ds_sock_owner wide = {.perm = 0662, .uid = geteuid(), .gid = getegid()};
	assert_int_equal(ds_sock_clock_open(&second, path, &wide, why), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0662);
	/* what is not ours any more is not removed */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ds_sock_clock_open(&first, path, &ours, why), 0);
	ds_sock_clock_close(&second);
	assert_int_equal(access(path, F_OK), 0);
	ds_sock_clock_close(&first);
	assert_int_not_equal(access(path, F_OK), 0);
	/* no socket: left */
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(ds_sock_clock_open(&first, path, &ours, why), -EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_int_equal(ds_sock_clock_open(&first, path, &ours, why), -EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(ds_sock_clock_open(&first, path, &ours, why), -ENOENT);
	memset(long_one, 'x', sizeof long_one);
	char longest[300];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(ds_sock_clock_open(&first, longest, &ours, why), -ENAMETOOLONG);
	assert_int_equal(first.fd, -1);
	ds_sock_clock_close(&first);
}

/* ---- PTP clocks ---- */

static void test_phc_combine(void **state)
{
	/* 2 us between the stamps, once 3, once 9, and some that cannot be */
	const struct ds_phc_reading readings[] = {
		{5 * S, 9 * S + 1000, 5 * S + 2000},
		{5 * S + 100000, 9 * S + 101100, 5 * S + 102000},
		{5 * S + 200000, 9 * S + 201300, 5 * S + 203000},
		{5 * S + 300000, 9 * S + 308800, 5 * S + 309000},
		{5 * S, 9 * S, 5 * S - 1},
		{-1, 9 * S, 5 * S},
		{5 * S, -1, 5 * S + 1},
	};

	(void)state;
	assert_int_equal(ds_phc_combine(readings, 1, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.local_ns, 5 * S + 1000);
	assert_int_equal(sample.reference_ns, 9 * S + 1000);
	assert_int_equal(sample.dispersion_ns, 1000);
	assert_false(sample.pulse);
	assert_int_equal(ds_phc_combine(readings, 7, &sample), DS_REF_SAMPLE);
	/* ahead by 4 s and -200 ns at least (the fourth's way back), 1000 at most (the first's way
	 * there); 75 ns that two clocks may have drifted in 0.3 ms */
	assert_int_equal(sample.local_ns, 5 * S + 152750);
	assert_int_equal(sample.reference_ns - sample.local_ns, 4 * S + 400);
	assert_int_equal(sample.dispersion_ns, 600 + 75);
	/* a slow bus: between two that are 2 ms apart the clocks may drift by more than one leaves
	 * open */
	const struct ds_phc_reading slow[] = {
		{5 * S, 9 * S + 1000, 5 * S + 2000},
		{5 * S + 2000000, 9 * S + 2001010, 5 * S + 2002000},
	};
	assert_int_equal(ds_phc_combine(slow, 2, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.local_ns, 5 * S + 1000);
	assert_int_equal(sample.reference_ns, 9 * S + 1000);
	assert_int_equal(sample.dispersion_ns, 1000);
	assert_int_equal(ds_phc_combine(readings + 4, 3, &sample), DS_REF_BAD);
	assert_int_equal(ds_phc_combine(readings, 0, &sample), DS_REF_BAD);
}

static void test_phc_readings_that_contradict_each_other(void **state)
{
	struct ds_phc_reading readings[] = {
		{5 * S, 9 * S + 1000, 5 * S + 2000},
		{5 * S + 10000, 9 * S + 10600, 5 * S + 10800},
		{5 * S + 20000, 9 * S + 20400, 5 * S + 21000},
	};

	(void)state;
	/* a clock that moves in steps: midway, and what they are apart by */
	readings[1].device_ns += 1400;
	assert_int_equal(ds_phc_combine(readings, 2, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.local_ns, 5 * S + 5700);
	assert_int_equal(sample.reference_ns, 9 * S + 5700 + 1100);
	assert_int_equal(sample.dispersion_ns, 200); /* a quarter of the closest */
	assert_int_equal(ds_phc_combine(readings, 3, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.local_ns, 5 * S + 15450);
	assert_int_equal(sample.reference_ns, 9 * S + 15450 + 800);
	assert_int_equal(sample.dispersion_ns, 400 + 2);
	/* set by 10 us, either way */
	readings[2].device_ns += 10000;
	assert_int_equal(ds_phc_combine(readings, 3, &sample), DS_REF_TORN);
	readings[2].device_ns -= 20000;
	assert_int_equal(ds_phc_combine(readings, 3, &sample), DS_REF_TORN);
	/* nothing at all between the stamps: no claim of less than is possible */
	const struct ds_phc_reading none[] = {{5 * S, 9 * S, 5 * S}, {5 * S, 9 * S, 5 * S + 10}};
	assert_int_equal(ds_phc_combine(none, 2, &sample), DS_REF_SAMPLE);
	assert_int_equal(sample.dispersion_ns, 0);
	/* as far apart as clocks can be */
	const struct ds_phc_reading far[] = {{0, INT64_C(4611686017) * S, 0},
					     {INT64_C(4611686017) * S, 0, INT64_C(4611686017) * S}};
	assert_int_equal(ds_phc_combine(far, 2, &sample), DS_REF_TORN);
	assert_int_equal(ds_phc_combine(far, 1, &sample), DS_REF_SAMPLE);
}

static double uniform_of(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return ((double)(*seed >> 11) + 0.5) / 9007199254740992.0;
}

/* 400 ns there and back, and now and then longer: what the middle is off by stays within what is
 * said, and is a fraction of what the closest reading alone is off by. */
static void test_phc_many_readings_are_better_than_one(void **state)
{
	struct ds_phc_reading readings[DS_PHC_READINGS];
	double squares = 0.0, of_closest = 0.0;
	uint64_t seed = 1;

	(void)state;
	for (int world = 0; world < 1000; world++) {
		int64_t at = 5 * S, least = INT64_MAX, off, closest_off = 0;
		double ahead = 4e9;

		for (size_t i = 0; i < DS_PHC_READINGS; i++) {
			int64_t there = 200 - llrint(150.0 * log(uniform_of(&seed)));
			int64_t back = 200 - llrint(150.0 * log(uniform_of(&seed)));

			readings[i] = (struct ds_phc_reading){at, at + there + llrint(ahead),
							      at + there + back};
			if (there + back < least) {
				least = there + back;
				closest_off = (there - back) / 2;
			}
			at += there + back + 500;
			ahead += 50e-6 * (double)(there + back + 500);
		}
		assert_int_equal(ds_phc_combine(readings, DS_PHC_READINGS, &sample), DS_REF_SAMPLE);
		off = sample.reference_ns - sample.local_ns - 4 * S -
		      llrint(50e-6 * (double)(sample.local_ns - 5 * S));
		assert_true(llabs(off) <= sample.dispersion_ns);
		squares += (double)(off * off);
		of_closest += (double)(closest_off * closest_off);
	}
	assert_true(sqrt(squares / of_closest) < 0.35);
}

static void test_no_device(void **state)
{
	struct ds_phc phc;
	struct ds_rtc rtc;
	char why[DS_WHY];

	(void)state;
	assert_int_equal(ds_phc_open(&phc, &(struct ds_phc_config){.path = "/dev/null"}, why),
			 -ENOTTY);
	assert_string_equal(why,
			    "/dev/null: cannot read the clock: Inappropriate ioctl for device");
	assert_int_equal(phc.fd, -1);
	assert_int_equal(
		ds_phc_open(&phc, &(struct ds_phc_config){.path = "a-name-far-too-long"}, why),
		-ENODEV);
	ds_phc_close(&phc);
	assert_int_equal(ds_rtc_open(&rtc, "/dev/no-such-rtc", true, why), -ENOENT);
	assert_string_equal(why, "/dev/no-such-rtc: cannot open: No such file or directory");
	ds_rtc_close(&rtc);
}

static void test_no_pps(void **state)
{
	struct ds_pps pps;
	char why[DS_WHY];

	(void)state;
	assert_int_equal(ds_pps_open(&pps, "/dev/no-such-pps", false, why), -ENOENT);
	assert_string_equal(why, "/dev/no-such-pps: cannot open: No such file or directory");
	assert_int_equal(ds_pps_open(&pps, "/dev/null", true, why), -ENOTTY);
	assert_non_null(strstr(why, "no PPS device"));
	assert_int_equal(pps.fd, -1);
	ds_pps_close(&pps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_shm_values),
		cmocka_unit_test(test_shm_eras),
		cmocka_unit_test(test_shm_nonsense),
		cmocka_unit_test(test_shm_taken_once),
		cmocka_unit_test(test_shm_torn),
		cmocka_unit_test(test_shm_open),
		cmocka_unit_test(test_sock_values),
		cmocka_unit_test(test_sock_nonsense),
		cmocka_unit_test(test_sock_file),
		cmocka_unit_test(test_no_pps),
		cmocka_unit_test(test_phc_combine),
		cmocka_unit_test(test_phc_readings_that_contradict_each_other),
		cmocka_unit_test(test_phc_many_readings_are_better_than_one),
		cmocka_unit_test(test_no_device),
	};

	return cmocka_run_group_tests_name("refsample", tests, NULL, NULL);
}
