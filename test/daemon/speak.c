/*
 * speak: what a control socket answers to lines, one a word of the command line, or as they come by
 * standard input.
 * It must never wait longer than five seconds for an answer, nor take a half one for a whole.
 *
 * usage: speak SOCKET LINE...    each line with its newline; prints an answer a line
 *        speak SOCKET --raw      standard input as it is, then what comes until the other side ends
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS 5000

static char buffer[1 << 18];

static int connected(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof name.sun_path)
		return -1;
	memcpy(name.sun_path, path, strlen(path));
	if (connect(fd, (const struct sockaddr *)&name, sizeof name) == 0)
		return fd;
	perror(path);
	return -1;
}

/* Up to and with a newline; 0: the end, or nothing came in time. */
static size_t answer(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t used = 0;

	while (used < sizeof buffer && poll(&p, 1, WAIT_MS) == 1) {
		ssize_t got = read(fd, buffer + used, sizeof buffer - used);

		if (got <= 0)
			return 0;
		used += (size_t)got;
		if (buffer[used - 1] == '\n')
			return used;
	}
	return 0;
}

static int raw(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t got;

	while ((got = read(STDIN_FILENO, buffer, sizeof buffer)) > 0)
		if (send(fd, buffer, (size_t)got, MSG_NOSIGNAL) != got)
			break;
	shutdown(fd, SHUT_WR);
	while (poll(&p, 1, WAIT_MS) == 1 && (got = read(fd, buffer, sizeof buffer)) > 0)
		fwrite(buffer, 1, (size_t)got, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	int fd = argc > 2 ? connected(argv[1]) : -1;

	if (fd < 0)
		return 2;
	if (strcmp(argv[2], "--raw") == 0)
		return raw(fd);
	for (int i = 2; i < argc; i++) {
		size_t length = strlen(argv[i]);

		if (length + 1 > sizeof buffer)
			return 2;
		memcpy(buffer, argv[i], length);
		buffer[length] = '\n';
		if (send(fd, buffer, length + 1, MSG_NOSIGNAL) != (ssize_t)length + 1)
			return 1;
		length = answer(fd);
		if (length == 0)
			return 1;
		fwrite(buffer, 1, length, stdout);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
