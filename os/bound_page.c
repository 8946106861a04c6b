/*
 * bound_page: a sequence lock over words that are each written and read whole (Boehm 2012, "Can
 * seqlocks get along with programming language memory models?").
 */
#include "os/bound_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

#define SIZE	 sizeof(struct drivestamp_bound_page)
#define WORDS	 (SIZE / sizeof(uint64_t))
#define PAIRINGS 4

_Static_assert(SIZE % sizeof(uint64_t) == 0, "the page is made of words");
_Static_assert(SIZE <= 4096, "the page fits into one of the machine's");

/* The words that say what the page is, and which writing it is of, are not content. */
#define FIRST_WORD (offsetof(struct drivestamp_bound_page, generation) / sizeof(uint64_t))

static uint64_t read_boot_id(void)
{
	char text[64];
	uint64_t id = 0;
	int digits = 0;

	if (ds_file_read("/proc/sys/kernel/random/boot_id", text, sizeof(text)) <= 0)
		return 0;
	for (const char *c = text; *c != '\0' && digits < 16; c++) {
		unsigned value = *c >= '0' && *c <= '9'	  ? (unsigned)(*c - '0')
				 : *c >= 'a' && *c <= 'f' ? (unsigned)(*c - 'a' + 10)
							  : 16;

		if (value == 16)
			continue;
		id = id << 4 | value;
		digits++;
	}
	return id;
}

static int fail(char why[DS_WHY], const char *path, int error)
{
	snprintf(why, DS_WHY, "%.200s: %s", path, strerror(error));
	return -error;
}

/* Whoever writes holds a lock of the open file; it ends with the process. */
static int lock(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return 0;
	/* File systems and simulators without such locks have no second writer either. */
	return errno == EAGAIN || errno == EACCES ? EBUSY : 0;
}

/* Is what is there ours to write: empty, or a page? */
static int judge(int fd)
{
	uint64_t magic = 0;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
		return EINVAL;
	if (st.st_size == 0)
		return 0;
	if (st.st_size < (off_t)SIZE || pread(fd, &magic, sizeof(magic), 0) != sizeof(magic))
		return EEXIST;
	return magic == DRIVESTAMP_BOUND_MAGIC ? 0 : EEXIST;
}

static uint64_t *words_of(struct ds_bound_page *page)
{
	return (uint64_t *)(void *)page->map;
}

static void store_all(struct ds_bound_page *page, const struct drivestamp_bound_page *content)
{
	uint64_t *to = words_of(page);
	uint64_t from[WORDS];
	/* Odd already where a writer died; the page is whole after this writing. */
	uint64_t sequence = __atomic_load_n(&page->map->sequence, __ATOMIC_RELAXED) | 1;

	memcpy(from, content, SIZE);
	__atomic_store_n(&page->map->sequence, sequence, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (size_t i = FIRST_WORD; i < WORDS; i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
	__atomic_store_n(&page->map->sequence, sequence + 1, __ATOMIC_RELEASE);
}

/* Nothing is known yet. The words before the content never change again. */
static void begin(struct ds_bound_page *page)
{
	const struct drivestamp_bound_page nothing = {.leap = DRIVESTAMP_BOUND_LEAP_UNKNOWN};

	page->generation = __atomic_load_n(&page->map->generation, __ATOMIC_RELAXED) + 1;
	page->boot_id = read_boot_id();
	ds_bound_page_write(page, &nothing);
	__atomic_store_n(&page->map->version, DRIVESTAMP_BOUND_VERSION, __ATOMIC_RELAXED);
	__atomic_store_n(&page->map->size, SIZE, __ATOMIC_RELAXED);
	__atomic_store_n(&page->map->magic, DRIVESTAMP_BOUND_MAGIC, __ATOMIC_RELEASE);
}

int ds_bound_page_open(struct ds_bound_page *page, const char *path, char why[DS_WHY])
{
	void *map = MAP_FAILED;
	int error;

	memset(page, 0, sizeof(*page));
	page->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (page->fd < 0)
		return fail(why, path, errno);
	error = judge(page->fd);
	if (error == 0)
		error = lock(page->fd);
	if (error == 0 && ftruncate(page->fd, SIZE) != 0)
		error = errno;
	if (error == 0) {
		map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, page->fd, 0);
		error = map == MAP_FAILED ? errno : 0;
	}
	if (error != 0) {
		close(page->fd);
		if (error == EBUSY)
			snprintf(why, DS_WHY, "%.200s: another process writes it", path);
		else if (error == EEXIST || error == EINVAL)
			snprintf(why, DS_WHY, "%.200s: there is something else", path);
		else
			fail(why, path, error);
		return -error;
	}
	fchmod(page->fd, 0644); /* whatever the umask: it is to be read */
	page->map = map;
	begin(page);
	return 0;
}

void ds_bound_page_disrupt(struct ds_bound_page *page)
{
	page->generation++;
}

/* The clock and CLOCK_MONOTONIC at one moment: of some pairs the closest. */
static void read_pair(struct drivestamp_bound_page *p)
{
	struct drivestamp_bound_clocks clocks;
	int64_t least = INT64_MAX;

	for (int i = 0; i < PAIRINGS; i++) {
		drivestamp_bound_read_clocks(0, &clocks);
		if (clocks.mono_after_ns - clocks.mono_before_ns >= least)
			continue;
		least = clocks.mono_after_ns - clocks.mono_before_ns;
		p->monotonic_ns = clocks.mono_before_ns + least / 2;
		if (!(p->flags & DRIVESTAMP_BOUND_VIRTUAL))
			p->clock_ns = clocks.real_ns;
		p->suspended_ns = clocks.boot_ns - clocks.mono_last_ns;
	}
	p->pairing_ns = least / 2 + 1;
}

void ds_bound_page_write(struct ds_bound_page *page, const struct drivestamp_bound_page *content)
{
	struct drivestamp_bound_page p = *content;

	if (page->map == NULL)
		return;
	p.generation = page->generation;
	p.writer_pid = getpid();
	p.boot_id = page->boot_id;
	read_pair(&p);
	p.void_after_ns += p.monotonic_ns;
	store_all(page, &p);
}

void ds_bound_page_close(struct ds_bound_page *page)
{
	const struct drivestamp_bound_page ended = {
		.flags = DRIVESTAMP_BOUND_ENDED,
		.leap = DRIVESTAMP_BOUND_LEAP_UNKNOWN,
	};

	if (page->map == NULL)
		return;
	ds_bound_page_write(page, &ended);
	munmap(page->map, SIZE);
	close(page->fd);
	page->map = NULL;
}

int ds_bound_page_is_written(const char *path)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int written;

	if (fd < 0)
		return -1;
	written = fcntl(fd, F_OFD_GETLK, &whole) == 0 ? whole.l_type != F_UNLCK : -1;
	close(fd);
	return written;
}
