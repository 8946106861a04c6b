/* janitor: see the header. It must never be in the way of a signal that is meant for us: it is in
 * a session of its own. */
#include "lab/janitor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What goes through the pipe; shorter than PIPE_BUF, so that it comes whole. */
enum { GROUP_LIVES, GROUP_ENDED, NAMESPACE, CLEAN };
struct word {
	int what;
	uint64_t value;
};

struct known {
	pid_t groups[DS_JANITOR_GROUPS];
	int group_count;
	uint64_t namespaces[DS_JANITOR_NAMESPACES];
	int namespace_count;
};

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	(void)remove(path);
	return 0; /* go on: remove what can be removed */
}

void ds_janitor_remove(const char *directory)
{
	nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static bool is_listed(uint64_t inode, const uint64_t *inodes, int count)
{
	for (int i = 0; i < count; i++) {
		if (inodes[i] == inode)
			return true;
	}
	return false;
}

void ds_janitor_sweep(const uint64_t *inodes, int count)
{
	DIR *proc = count > 0 ? opendir("/proc") : NULL;
	struct dirent *entry;
	char path[64];
	struct stat status;

	while (proc && (entry = readdir(proc))) {
		long pid = strtol(entry->d_name, NULL, 10);
		if (!isdigit((unsigned char)entry->d_name[0]) || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/ns/net", pid);
		if (stat(path, &status) == 0 && is_listed(status.st_ino, inodes, count))
			kill((pid_t)pid, SIGKILL);
	}
	if (proc)
		closedir(proc);
}

static void learn(struct known *known, const struct word *word)
{
	pid_t group = (pid_t)word->value;

	if (word->what == NAMESPACE) {
		if (known->namespace_count < DS_JANITOR_NAMESPACES)
			known->namespaces[known->namespace_count++] = word->value;
	} else if (word->what == CLEAN) {
		known->group_count = 0;
		known->namespace_count = 0; /* the one who closes a rig may live in one of them */
	} else if (word->what == GROUP_LIVES) {
		if (known->group_count < DS_JANITOR_GROUPS)
			known->groups[known->group_count++] = group;
	} else {
		for (int i = 0; i < known->group_count; i++) {
			if (known->groups[i] == group)
				known->groups[i--] = known->groups[--known->group_count];
		}
	}
}

/* Programs that were killed must not write into the directory any more when it is removed. */
static void clean_up(const struct known *known, const char *directory)
{
	const struct timespec moment = {0, 200000000};

	for (int i = 0; i < known->group_count; i++)
		kill(-known->groups[i], SIGKILL);
	ds_janitor_sweep(known->namespaces, known->namespace_count);
	if (access(directory, F_OK) == 0) {
		nanosleep(&moment, NULL);
		ds_janitor_remove(directory);
	}
}

static void work(const char *directory, int read_fd, int write_fd)
{
	static struct known known;
	struct word word;
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ssize_t length;

	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
	close(write_fd);
	do {
		length = read(read_fd, &word, sizeof(word));
		if (length == (ssize_t)sizeof(word))
			learn(&known, &word);
	} while (length > 0 || (length < 0 && errno == EINTR));
	clean_up(&known, directory);
	_exit(0);
}

int ds_janitor_start(struct ds_janitor *janitor, const char *directory)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	/* What is buffered would else be written twice if the child used stdio. */
	fflush(NULL);
	janitor->pid = fork();
	if (janitor->pid == 0)
		work(directory, ends[0], ends[1]);
	int error = janitor->pid < 0 ? errno : 0;
	close(ends[0]);
	janitor->fd = ends[1];
	if (error != 0) {
		janitor->pid = 0;
		close(ends[1]);
	}
	return -error;
}

static void tell(const struct ds_janitor *janitor, int what, uint64_t value)
{
	struct word word;

	memset(&word, 0, sizeof(word)); /* its gaps as well: it leaves the process */
	word.what = what;
	word.value = value;
	while (janitor->pid != 0 && write(janitor->fd, &word, sizeof(word)) < 0 && errno == EINTR)
		;
}

void ds_janitor_group(const struct ds_janitor *janitor, pid_t group, bool lives)
{
	tell(janitor, lives ? GROUP_LIVES : GROUP_ENDED, (uint64_t)group);
}

void ds_janitor_namespace(const struct ds_janitor *janitor, uint64_t inode)
{
	tell(janitor, NAMESPACE, inode);
}

void ds_janitor_end(struct ds_janitor *janitor)
{
	if (janitor->pid == 0)
		return;
	tell(janitor, CLEAN, 0);
	close(janitor->fd);
	while (waitpid(janitor->pid, NULL, 0) < 0 && errno == EINTR)
		;
	janitor->pid = 0;
}
