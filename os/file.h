/*
 * file: small files that must be whole or absent.
 * It must never leave a half-written file under the real name, or follow a link into somebody
 * else's.
 */
#ifndef DS_OS_FILE_H
#define DS_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "os/socket.h"

/* Write `text` to path by a temporary file beside it and rename(). A link at path is replaced, not
 * followed. mode: as chmod(2), whatever the umask. 0 or a negative errno, and then path is as it
 * was. */
int ds_file_replace(const char *path, const char *text, mode_t mode);
/* Read at most size - 1 bytes, NUL-terminated; on errors buffer is the empty string. Bytes read or
 * a negative errno (-EINVAL for size 0). Does not wait on a FIFO. */
ssize_t ds_file_read(const char *path, char *buffer, size_t size);
/* Can what stands in this folder be trusted to be what we put there? It must be a folder of root's
 * or of uid's, in which no other user can write (unless it is sticky, as /tmp). 0, or a negative
 * errno with a sentence: -EPERM, -ENOTDIR, or why it cannot be looked at. */
int ds_directory_check(const char *path, uid_t uid, char why[DS_WHY]);
/* What a file was when it was looked at, to see whether it is another since. All 0: it could not be
 * looked at. */
struct ds_file_mark {
	uint64_t device, inode;
	int64_t size, modified_ns;
};
void ds_file_mark(const char *path, struct ds_file_mark *mark);
/* False also where it cannot be looked at, now or then. */
bool ds_file_is_changed(const char *path, const struct ds_file_mark *mark);
/* Create a pid file; -EEXIST with a sentence where another live process owns it; a stale one, and
 * one that holds no number, is replaced. Other failures: a negative errno and a sentence. */
int ds_pidfile_create(const char *path, char why[DS_WHY]);
/* Remove it if it is still ours. */
void ds_pidfile_remove(const char *path);

#endif
