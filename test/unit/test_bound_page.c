/*
 * bound_page: what is written is read, whole; who may write; what a reader sees by itself.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "os/bound_page.h"

#define SECOND INT64_C(1000000000)

static char directory[] = "/tmp/test-bound-page-XXXXXX";
static char path[64];

static int make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/page", directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static const struct drivestamp_bound_page content = {
	.flags = DRIVESTAMP_BOUND_SYNCHRONISED,
	.knee_ns = 64 * SECOND,
	.void_after_ns = 1000 * SECOND,
	.bound_ns = 5000,
	.bound_early_ppt = 1000000, /* a microsecond a second */
	.bound_late_ppt = 5000000,
	.hard_bound_ns = 100000,
	.hard_early_ppt = 2000000,
	.hard_late_ppt = 2000000,
	.leap = DRIVESTAMP_BOUND_LEAP_INSERT,
	.stratum = 2,
};

static void open_page(struct ds_bound_page *page)
{
	char why[DS_WHY];

	if (ds_bound_page_open(page, path, why) != 0)
		fail_msg("%s", why);
}

static void written_is_read(void **state)
{
	const struct drivestamp_bound_page *map;
	struct drivestamp_bound_page copy;
	struct drivestamp_bound now;
	struct ds_bound_page page;
	struct timespec real;
	int64_t reading;

	(void)state;
	assert_null(drivestamp_bound_open(path));
	assert_int_equal(ds_bound_page_is_written(path), -1);
	open_page(&page);
	assert_int_equal(ds_bound_page_is_written(path), 1);
	map = drivestamp_bound_open(path);
	assert_non_null(map);
	assert_int_equal(drivestamp_bound_now(map, &now), DRIVESTAMP_BOUND_UNSYNCHRONISED);
	assert_int_equal(now.generation, 1);
	ds_bound_page_write(&page, &content);
	assert_int_equal(drivestamp_bound_now(map, &now), DRIVESTAMP_BOUND_GOOD);
	clock_gettime(CLOCK_REALTIME, &real);
	reading = real.tv_sec * SECOND + real.tv_nsec;
	assert_true(now.clock_ns <= reading && now.clock_ns > reading - SECOND);
	assert_true(now.bound_ns > 5000 && now.bound_ns < 5000 + 1000 * 10);
	assert_true(now.hard_bound_ns > 100000 && now.hard_bound_ns < 100000 + 2000 * 10);
	assert_true(now.earliest_ns == now.clock_ns - now.bound_ns);
	assert_true(now.latest_ns == now.clock_ns + now.bound_ns);
	assert_int_equal(now.shift_ns, 0);
	assert_int_equal(now.flags, DRIVESTAMP_BOUND_SYNCHRONISED);
	assert_int_equal(now.leap, DRIVESTAMP_BOUND_LEAP_INSERT);
	assert_true(drivestamp_bound_copy(map, &copy));
	assert_int_equal(copy.size, sizeof(copy));
	assert_int_equal(copy.writer_pid, getpid());
	assert_true(copy.pairing_ns < 1000000);
	ds_bound_page_close(&page);
	assert_int_equal(ds_bound_page_is_written(path), 0);
	assert_int_equal(drivestamp_bound_now(map, &now), DRIVESTAMP_BOUND_UNSYNCHRONISED);
	assert_int_equal(now.flags, DRIVESTAMP_BOUND_ENDED);
	ds_bound_page_write(&page, &content); /* closed: nothing happens */
	drivestamp_bound_close(map);
}

/* The mapping of a reader stays good, and it sees that there was a change. */
static void another_writer_goes_on(void **state)
{
	const struct drivestamp_bound_page *map;
	struct drivestamp_bound now;
	struct ds_bound_page first, second;
	char why[DS_WHY];

	(void)state;
	open_page(&first);
	map = drivestamp_bound_open(path);
	ds_bound_page_disrupt(&first);
	ds_bound_page_write(&first, &content);
	assert_int_equal(drivestamp_bound_now(map, &now), DRIVESTAMP_BOUND_GOOD);
	assert_int_equal(now.generation, 2);
	assert_int_equal(ds_bound_page_open(&second, path, why), -EBUSY);
	assert_non_null(strstr(why, path));
	assert_null(second.map);
	ds_bound_page_close(&first);
	open_page(&second);
	ds_bound_page_write(&second, &content);
	assert_int_equal(drivestamp_bound_now(map, &now), DRIVESTAMP_BOUND_GOOD);
	assert_int_equal(now.generation, 3);
	/* One that died while it wrote. */
	__atomic_store_n(&second.map->sequence, second.map->sequence | 1, __ATOMIC_RELAXED);
	assert_int_equal(drivestamp_bound_now(map, &now), DRIVESTAMP_BOUND_TORN);
	munmap(second.map, sizeof(*second.map));
	close(second.fd);
	open_page(&first);
	ds_bound_page_write(&first, &content);
	assert_int_equal(drivestamp_bound_now(map, &now), DRIVESTAMP_BOUND_GOOD);
	assert_int_equal(now.generation, 4);
	ds_bound_page_close(&first);
	drivestamp_bound_close(map);
}

static void other_files_are_left_alone(void **state)
{
	static const char text[] = "something else";
	char target[80], why[DS_WHY], kept[sizeof(text)];
	struct ds_bound_page page;
	FILE *file;

	(void)state;
	snprintf(target, sizeof(target), "%s/target", directory);
	file = fopen(target, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(symlink(target, path), 0);
	assert_true(ds_bound_page_open(&page, path, why) < 0);
	unlink(path);
	assert_int_equal(link(target, path), 0); /* a second name */
	assert_int_equal(ds_bound_page_open(&page, path, why), -EINVAL);
	unlink(path);
	assert_int_equal(rename(target, path), 0);
	assert_int_equal(ds_bound_page_open(&page, path, why), -EEXIST);
	assert_non_null(strstr(why, "something else"));
	assert_null(drivestamp_bound_open(path)); /* too short */
	file = fopen(path, "r");
	assert_non_null(fgets(kept, sizeof(kept), file));
	fclose(file);
	assert_string_equal(kept, text);
	assert_int_equal(ds_bound_page_open(&page, "/nowhere/page", why), -ENOENT);
}

/* Readings as a reader may have them; `page` as of monotonic 1000 s, clock 5000 s. */
static const struct drivestamp_bound_page paper = {
	.magic = DRIVESTAMP_BOUND_MAGIC,
	.version = DRIVESTAMP_BOUND_VERSION,
	.flags = DRIVESTAMP_BOUND_SYNCHRONISED,
	.monotonic_ns = 1000 * SECOND,
	.clock_ns = 5000 * SECOND,
	.pairing_ns = 20,
	.suspended_ns = 7 * SECOND,
	.knee_ns = 64 * SECOND,
	.void_after_ns = 2000 * SECOND,
	.bound_ns = 5000,
	.bound_early_ppt = 1000000,
	.bound_late_ppt = 5000000,
	.hard_bound_ns = 100000,
	.hard_early_ppt = 1000000,
	.hard_late_ppt = 1000000,
};

static struct drivestamp_bound_clocks readings(int64_t since_ns)
{
	return (struct drivestamp_bound_clocks){
		.mono_before_ns = 1000 * SECOND + since_ns - 30,
		.real_ns = 5000 * SECOND + since_ns,
		.mono_after_ns = 1000 * SECOND + since_ns + 30,
		.raw_ns = 999 * SECOND + since_ns,
		.boot_ns = 1007 * SECOND + since_ns + 60,
		.mono_last_ns = 1000 * SECOND + since_ns + 90,
	};
}

static void grows_in_two_pieces(void **state)
{
	struct drivestamp_bound_clocks clocks = readings(10 * SECOND - 30);
	struct drivestamp_bound now;

	(void)state;
	assert_int_equal(drivestamp_bound_judge(&paper, &clocks, &now), DRIVESTAMP_BOUND_GOOD);
	assert_int_equal(now.age_ns, 10 * SECOND);
	assert_in_range(now.bound_ns, 15000, 15001); /* rounded up, never down */
	assert_in_range(now.hard_bound_ns, 110000, 110001);
	clocks = readings(74 * SECOND - 30);
	assert_int_equal(drivestamp_bound_judge(&paper, &clocks, &now), DRIVESTAMP_BOUND_GOOD);
	assert_in_range(now.bound_ns, 5000 + 64000 + 50000, 5000 + 64000 + 50001);
	/* later the hard one is less: both hold, so the lesser does */
	clocks = readings(500 * SECOND);
	assert_int_equal(drivestamp_bound_judge(&paper, &clocks, &now), DRIVESTAMP_BOUND_GOOD);
	assert_in_range(now.bound_ns, 600000, 600001);
	assert_int_equal(now.hard_bound_ns, now.bound_ns);
	clocks = readings(1000 * SECOND);
	assert_int_equal(drivestamp_bound_judge(&paper, &clocks, &now), DRIVESTAMP_BOUND_STALE);
	clocks = readings(-1 * SECOND); /* from another boot */
	assert_int_equal(drivestamp_bound_judge(&paper, &clocks, &now), DRIVESTAMP_BOUND_STALE);
}

static void a_step_is_seen_at_once(void **state)
{
	const int64_t steps[] = {SECOND, -SECOND, 1000, -1000};
	struct drivestamp_bound_clocks clocks;
	struct drivestamp_bound now;

	(void)state;
	for (int i = 0; i < 4; i++) {
		int64_t step = steps[i], most = step < 0 ? -step : step;

		clocks = readings(10 * SECOND);
		clocks.real_ns += step;
		assert_int_equal(drivestamp_bound_judge(&paper, &clocks, &now),
				 DRIVESTAMP_BOUND_GOOD);
		assert_true(now.flags & DRIVESTAMP_BOUND_STEPPED);
		/* to within the readings' own width */
		assert_in_range(now.bound_ns, 15000 + most - 30, 15000 + most + 30);
		assert_in_range(now.hard_bound_ns, 110000 + most - 30, 110000 + most + 30);
	}
	/* A reader that was put to sleep between two readings does not take that for a step. */
	clocks = readings(10 * SECOND);
	clocks.mono_before_ns -= SECOND;
	clocks.mono_after_ns += SECOND;
	clocks.mono_last_ns += SECOND;
	assert_int_equal(drivestamp_bound_judge(&paper, &clocks, &now), DRIVESTAMP_BOUND_GOOD);
	assert_int_equal(now.flags, DRIVESTAMP_BOUND_SYNCHRONISED);
	assert_int_equal(now.shift_ns, 0);
}

static void sleep_is_seen_at_once(void **state)
{
	struct drivestamp_bound_clocks clocks = readings(10 * SECOND);
	struct drivestamp_bound now;

	(void)state;
	clocks.boot_ns += SECOND;
	assert_int_equal(drivestamp_bound_judge(&paper, &clocks, &now), DRIVESTAMP_BOUND_STALE);
}

static void virtual_clock_is_a_line(void **state)
{
	struct drivestamp_bound_page page = paper;
	struct drivestamp_bound_clocks clocks = readings(10 * SECOND);
	struct drivestamp_bound now;

	(void)state;
	page.flags |= DRIVESTAMP_BOUND_VIRTUAL;
	page.raw_ns = 999 * SECOND;
	page.virtual_rate_ppt = -30000000; /* 30 ppm slow */
	clocks.real_ns += 77 * SECOND;	   /* that the host's clock is set is nothing to it */
	assert_int_equal(drivestamp_bound_judge(&page, &clocks, &now), DRIVESTAMP_BOUND_GOOD);
	assert_int_equal(now.clock_ns, 5010 * SECOND - 300000);
	assert_int_equal(now.shift_ns, 0);
}

static void what_is_no_page(void **state)
{
	struct drivestamp_bound_page page = paper;
	struct drivestamp_bound_clocks clocks = readings(0);
	struct drivestamp_bound now;

	(void)state;
	page.magic++;
	assert_int_equal(drivestamp_bound_judge(&page, &clocks, &now), DRIVESTAMP_BOUND_NO_PAGE);
	page = paper;
	page.version = 0;
	assert_int_equal(drivestamp_bound_judge(&page, &clocks, &now), DRIVESTAMP_BOUND_NO_PAGE);
	page.version = 2; /* words were added */
	assert_int_equal(drivestamp_bound_judge(&page, &clocks, &now), DRIVESTAMP_BOUND_GOOD);
	page.bound_ns = INT64_MAX;
	page.bound_early_ppt = INT64_MAX;
	assert_int_equal(drivestamp_bound_judge(&page, &clocks, &now), DRIVESTAMP_BOUND_GOOD);
	assert_true(now.bound_ns == now.hard_bound_ns);
}

/* A writer as fast as it can, each time with other words that belong together, and readers that
 * check that they do. */
#define READERS 3
#define RACE_S	1

struct reader {
	pthread_t thread;
	const struct drivestamp_bound_page *map;
	const bool *end;
	uint64_t reads, torn, wrong;
};

static void *read_on(void *context)
{
	struct reader *r = context;
	struct drivestamp_bound_page p;

	while (!__atomic_load_n(r->end, __ATOMIC_RELAXED)) {
		if (!drivestamp_bound_copy(r->map, &p)) {
			r->torn++;
			continue;
		}
		r->reads++;
		r->wrong += p.sequence % 2 != 0 || p.hard_bound_ns != 3 * p.bound_ns ||
			    p.raw_ns != p.bound_ns + 1 || p.hard_late_ppt != -p.bound_ns ||
			    p.void_after_ns - p.monotonic_ns != p.bound_ns ||
			    p.magic != DRIVESTAMP_BOUND_MAGIC;
	}
	return NULL;
}

static void no_reading_is_torn(void **state)
{
	struct reader readers[READERS];
	struct ds_bound_page page;
	struct drivestamp_bound_page p = {.flags = DRIVESTAMP_BOUND_SYNCHRONISED};
	bool end = false;
	int64_t until, n = 0;

	(void)state;
	open_page(&page);
	p.hard_bound_ns = p.bound_ns = p.hard_late_ppt = p.void_after_ns = 0;
	p.raw_ns = 1;
	ds_bound_page_write(&page, &p);
	for (int i = 0; i < READERS; i++) {
		readers[i] = (struct reader){.map = drivestamp_bound_open(path), .end = &end};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
	}
	until = drivestamp_bound_clock_ns(CLOCK_MONOTONIC) + RACE_S * SECOND;
	while (drivestamp_bound_clock_ns(CLOCK_MONOTONIC) < until) {
		p.bound_ns = ++n;
		p.hard_bound_ns = 3 * n;
		p.raw_ns = n + 1;
		p.hard_late_ppt = -n;
		p.void_after_ns = n;
		ds_bound_page_write(&page, &p);
	}
	__atomic_store_n(&end, true, __ATOMIC_RELAXED);
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		drivestamp_bound_close(readers[i].map);
		assert_true(readers[i].reads > 100);
		assert_int_equal(readers[i].wrong, 0);
	}
	assert_true(n > 1000);
	ds_bound_page_close(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(written_is_read, remove_file),
		cmocka_unit_test_teardown(another_writer_goes_on, remove_file),
		cmocka_unit_test_teardown(other_files_are_left_alone, remove_file),
		cmocka_unit_test(grows_in_two_pieces),
		cmocka_unit_test(a_step_is_seen_at_once),
		cmocka_unit_test(sleep_is_seen_at_once),
		cmocka_unit_test(virtual_clock_is_a_line),
		cmocka_unit_test(what_is_no_page),
		cmocka_unit_test_teardown(no_reading_is_torn, remove_file),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
