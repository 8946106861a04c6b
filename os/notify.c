/* notify: see notify.h. */
#include "os/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

static struct sockaddr_un name = {.sun_family = AF_UNIX};
static socklen_t name_length;
static int fd = -1;
static char last_status[256];

bool ds_notify_open(void)
{
	const char *where = getenv("NOTIFY_SOCKET");
	size_t length = where != NULL ? strlen(where) : 0;

	if (length < 2 || length >= sizeof name.sun_path || (where[0] != '/' && where[0] != '@'))
		return false;
	memcpy(name.sun_path, where, length);
	if (where[0] == '@')
		name.sun_path[0] = '\0';
	name_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unsetenv("NOTIFY_SOCKET");
	return fd >= 0;
}

bool ds_notify_is_abstract(void)
{
	return fd >= 0 && name.sun_path[0] == '\0';
}

static void tell(const char *text)
{
	/* A manager that does not listen is no reason for anything. */
	if (fd >= 0)
		(void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
			      (const struct sockaddr *)&name, name_length);
}

void ds_notify_ready(void)
{
	tell("READY=1\n");
}

void ds_notify_stopping(void)
{
	tell("STOPPING=1\n");
}

void ds_notify_reloading(void)
{
	struct timespec now;
	char text[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld\n",
		 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell(text);
}

void ds_notify_status(const char *text)
{
	char line[sizeof last_status + 16];

	if (fd < 0 || strcmp(text, last_status) == 0)
		return;
	snprintf(last_status, sizeof last_status, "%s", text);
	snprintf(line, sizeof line, "STATUS=%s\n", last_status);
	tell(line);
}
