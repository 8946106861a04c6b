/* machine: see the header. */
#include "lab/machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

/* A page: less is left where a daemon's next lines do not fit. */
#define DISK_LEAST 4096

static void read_line(const char *path, const char *begin, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	char text[256];

	line[0] = '\0';
	while (file && line[0] == '\0' && fgets(text, sizeof(text), file)) {
		if (strncmp(text, begin, strlen(begin)) != 0)
			continue;
		text[strcspn(text, "\n")] = '\0';
		const char *value = begin[0] != '\0' ? strchr(text, ':') : NULL;
		snprintf(line, size, "%.*s", (int)size - 1,
			 value ? value + 1 + strspn(value + 1, " ") : text);
	}
	if (file)
		fclose(file);
}

void ds_machine_describe(char *text, size_t size)
{
	struct utsname name;
	char model[96], source[32];
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (uname(&name) != 0)
		memset(&name, 0, sizeof(name));
	read_line("/proc/cpuinfo", "model name", model, sizeof(model));
	read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", "", source,
		  sizeof(source));
	snprintf(text, size, "%.20s %.60s %.20s, %ld processor%s%s%s%s%s%s", name.sysname,
		 name.release, name.machine, processors, processors == 1 ? "" : "s",
		 model[0] != '\0' ? " (" : "", model, model[0] != '\0' ? ")" : "",
		 source[0] != '\0' ? ", clocksource " : "", source);
}

bool ds_machine_use(struct ds_machine_use *use)
{
	/* proc(5): user nice system idle iowait irq softirq steal; guests are within user */
	uint64_t ticks[8] = {0};
	FILE *file = fopen("/proc/stat", "re");
	bool done = file && fscanf(file,
				   "cpu %" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64
				   "%" SCNu64 "%" SCNu64 "%" SCNu64,
				   &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5],
				   &ticks[6], &ticks[7]) == 8;

	if (file)
		fclose(file);
	*use = (struct ds_machine_use){0};
	for (int i = 0; i < 8; i++) {
		use->all += ticks[i];
		use->busy += i == 3 || i == 4 ? 0 : ticks[i];
	}
	return done;
}

bool ds_machine_disk_full(const char *path)
{
	struct statvfs disk;

	/* Some file systems have no fixed number of inodes, and say 0 of 0. */
	return statvfs(path, &disk) == 0 && disk.f_blocks > 0 &&
	       (disk.f_bavail * disk.f_frsize < DISK_LEAST ||
		(disk.f_files > 0 && disk.f_favail == 0));
}
