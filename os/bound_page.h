/*
 * bound_page: the page of shared memory in which the daemon says how wrong the clock may be.
 * It must never wait for a reader, allocate, or leave a half-written page to one that asks: the
 * layout and the reader are in include/drivestamp/bound.h, which is shipped.
 *
 * One writer, known by a lock on the file. The same file is used again after a restart, so that
 * the mappings of readers stay good; its generation goes on from where it was.
 */
#ifndef DS_OS_BOUND_PAGE_H
#define DS_OS_BOUND_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "include/drivestamp/bound.h"
#include "os/socket.h"

/* Private to bound_page.c; placed by the caller. */
struct ds_bound_page {
	struct drivestamp_bound_page *map; /* NULL: there is none, and writing does nothing */
	int fd;
	uint64_t generation;
	uint64_t boot_id;
};

/* Create or take over the file (mode 0644; a link is not followed, and what is neither empty nor
 * such a page is left alone). What it says until the first writing is "not synchronised". 0, or a
 * negative errno and a sentence: -EBUSY where another process writes it. */
int ds_bound_page_open(struct ds_bound_page *page, const char *path, char why[DS_WHY]);

/* Readers are to know that the time may have been disrupted; with the next writing. */
void ds_bound_page_disrupt(struct ds_bound_page *page);

/* Write what is in *content. Filled in here: magic, version, size, sequence, generation,
 * writer_pid and boot_id; and by readings taken now: monotonic_ns, clock_ns (but of a VIRTUAL
 * clock, whose clock_ns and raw_ns are the caller's, taken a moment ago), pairing_ns, suspended_ns;
 * and void_after_ns, which the caller gives as a distance from now. */
void ds_bound_page_write(struct ds_bound_page *page, const struct drivestamp_bound_page *content);

/* Say that nothing more will come. The file stays. */
void ds_bound_page_close(struct ds_bound_page *page);

/* Does a process write the file at `path` now? -1: the file cannot be read. */
int ds_bound_page_is_written(const char *path);

#endif
