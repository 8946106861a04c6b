/* keeper: see the header. Names are those of /proc/PID/comm, which has 15 characters. */
#include "os/keeper.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include <linux/capability.h>

#include "os/clock.h"
#include "os/file.h"

#define COMM_SIZE    17 /* with the newline */
#define COMMAND_SIZE 4096

static const struct {
	const char *comm, *name;
} known[] = {
	{"chronyd", "chronyd"},
	{"ntpd", "ntpd"},
	{"openntpd", "openntpd"},
	{"systemd-timesyn", "systemd-timesyncd"},
	{"ntp-daemon", "ntpd-rs"},
	{"drivestampd", "drivestampd"},
	{"ptp4l", "ptp4l"},
	{"phc2sys", "phc2sys"},
	{"VBoxService", "VBoxService"},
};

void ds_keeper_kernel(struct ds_keeper_kernel *kernel)
{
	struct timex t = {.modes = 0};

	*kernel = (struct ds_keeper_kernel){.told = adjtimex(&t) >= 0};
	if (!kernel->told)
		return;
	kernel->synchronised = (t.status & STA_UNSYNC) == 0;
	kernel->pll = (t.status & STA_PLL) != 0;
	kernel->rate_ppb = ds_kernel_rate_ppb();
}

static const char *name_of(const char *pid)
{
	char path[64], comm[COMM_SIZE];

	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	if (ds_file_read(path, comm, sizeof(comm)) <= 0)
		return NULL;
	comm[strcspn(comm, "\n")] = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].comm, comm) == 0)
			return known[i].name;
	return NULL;
}

/* Some are several processes of one name: children are passed over. */
static long parent_of(const char *pid)
{
	char path[64], text[512];
	const char *behind;
	long parent;

	snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
	if (ds_file_read(path, text, sizeof(text)) <= 0)
		return 0;
	behind = strrchr(text, ')');
	return behind != NULL && sscanf(behind + 1, " %*c %ld", &parent) == 1 ? parent : 0;
}

static bool is_shadow(const char *pid)
{
	static const char option[] = "--shadow";
	char path[64], line[COMMAND_SIZE];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%.16s/cmdline", pid);
	length = ds_file_read(path, line, sizeof(line));
	for (ssize_t at = 0; at < length; at += (ssize_t)strlen(line + at) + 1)
		if (strncmp(line + at, option, sizeof(option) - 1) == 0)
			return true;
	return false;
}

/* Does it hold the right to set a clock, as far as one can see? Those in -x do not. */
static bool may_steer(const char *pid)
{
	char path[64], text[4096];
	unsigned long long effective;
	const char *line;

	snprintf(path, sizeof(path), "/proc/%.16s/status", pid);
	if (ds_file_read(path, text, sizeof(text)) <= 0)
		return true;
	line = strstr(text, "\nCapEff:");
	return line == NULL || sscanf(line, " CapEff: %llx", &effective) != 1 ||
	       (effective >> CAP_SYS_TIME & 1) != 0;
}

/* Is it to be named? Then by which name. */
static const char *keeper_name(const char *pid)
{
	const char *name = isdigit((unsigned char)pid[0]) ? name_of(pid) : NULL;
	const char *above;
	char parent[24];

	if (name == NULL || strtol(pid, NULL, 10) == (long)getpid() || !may_steer(pid))
		return NULL;
	snprintf(parent, sizeof(parent), "%ld", parent_of(pid));
	above = name_of(parent);
	if ((above != NULL && strcmp(above, name) == 0) ||
	    (strcmp(name, "drivestampd") == 0 && is_shadow(pid)))
		return NULL;
	return name;
}

unsigned ds_keeper_processes(char *text, size_t size)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	unsigned count = 0;
	size_t used = 0;

	text[0] = '\0';
	if (proc == NULL)
		return 0;
	while ((entry = readdir(proc)) != NULL) {
		const char *name = keeper_name(entry->d_name);
		int length;

		if (name == NULL)
			continue;
		length = snprintf(text + used, size - used, "%s%s[%.16s]", used > 0 ? " " : "",
				  name, entry->d_name);
		if (length > 0 && (size_t)length < size - used)
			used += (size_t)length;
		else
			text[used] = '\0';
		count++;
	}
	closedir(proc);
	return count;
}
