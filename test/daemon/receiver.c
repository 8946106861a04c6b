/*
 * receiver: plays a GNSS receiver: NMEA 0183 sentences of the present second, by CLOCK_REALTIME,
 * late by what a serial line would take.
 * It must never tell another second than the one that has just begun.
 *
 *   receiver pty LINK | tcp PORT  [WORD=VALUE]...
 * pty: on a pseudo terminal, to which LINK is made; ends by SIGTERM, and removes LINK. tcp: to one
 * after the other who connects at 127.0.0.1.
 * late=S (0.15)   behind the second the first byte is sent     jitter=S (0): even, up to that more
 * fix=0|1 (1)     has it a fix?
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static volatile sig_atomic_t ended;

static void end(int number)
{
	ended = number;
}

static double setting(int argc, char **argv, const char *name, double otherwise)
{
	size_t length = strlen(name);

	for (int i = 3; i < argc; i++)
		if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=')
			return strtod(argv[i] + length + 1, NULL);
	return otherwise;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* $BODY*SUM: the sum is the exclusive or of all bytes of the body. */
static size_t sentence(char *to, size_t room, const char *body)
{
	unsigned sum = 0;

	for (const char *c = body; *c != '\0'; c++)
		sum ^= (unsigned char)*c;
	return (size_t)snprintf(to, room, "$%s*%02X\r\n", body, sum);
}

/* What a receiver sends each second: where and when. */
static size_t report(char *to, size_t room, time_t second, int fix)
{
	char body[128], day[48], clock[16];
	struct tm t;
	size_t n;

	gmtime_r(&second, &t);
	snprintf(day, sizeof day, "%02d%02d%02d", t.tm_mday, t.tm_mon + 1, t.tm_year % 100);
	strftime(clock, sizeof clock, "%H%M%S.00", &t);
	snprintf(body, sizeof body, "GPRMC,%s,%c,5030.0000,N,00400.0000,E,0.0,0.0,%s,,,%c", clock,
		 fix ? 'A' : 'V', day, fix ? 'A' : 'N');
	n = sentence(to, room, body);
	snprintf(body, sizeof body, "GPGGA,%s,5030.0000,N,00400.0000,E,%d,08,1.0,100.0,M,47.0,M,,",
		 clock, fix);
	n += sentence(to + n, room - n, body);
	snprintf(body, sizeof body, "GPGSA,A,%d,01,02,03,04,05,06,07,08,,,,,1.5,1.0,1.1",
		 fix ? 3 : 1);
	n += sentence(to + n, room - n, body);
	strftime(day, sizeof day, "%d,%m,%Y", &t);
	snprintf(body, sizeof body, "GPZDA,%s,%s,00,00", clock, day);
	return n + sentence(to + n, room - n, body);
}

/* A pseudo terminal that hands bytes through as they are. Returns the side of the receiver. */
static int open_line(const char *link_path, int *other)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	struct termios raw;

	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0)
		return -1;
	unlink(link_path);
	if (symlink(ptsname(fd), link_path) < 0)
		return -1;
	/* kept open: a line does not hang up while nobody listens */
	*other = open(ptsname(fd), O_RDWR | O_NOCTTY);
	if (*other < 0 || tcgetattr(*other, &raw) < 0)
		return -1;
	cfmakeraw(&raw);
	raw.c_cflag |= CLOCAL;
	tcsetattr(*other, TCSANOW, &raw);
	chmod(ptsname(fd), 0666);
	return fd;
}

static int listen_at(int port)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0 || listen(fd, 1) < 0)
		return -1;
	return fd;
}

/* Until the moment, and meanwhile throw away what is said to the receiver. 0: the other side has
 * gone. */
static int wait_until(int64_t at_ns, int fd)
{
	char heard[256];

	for (int64_t left; !ended && (left = at_ns - now_ns()) > 0;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, (int)((left + 999999) / 1000000)) > 0 &&
		    read(fd, heard, sizeof heard) <= 0)
			return 0;
	}
	return !ended;
}

static void play(int fd, int argc, char **argv)
{
	double late = setting(argc, argv, "late", 0.15), jitter = setting(argc, argv, "jitter", 0);
	char text[512];

	for (int64_t second = now_ns() / NS_PER_S + 1;; second++) {
		double wait = late + jitter * ((double)random() / (double)RAND_MAX);
		ssize_t n = (ssize_t)report(text, sizeof text, (time_t)second,
					    (int)setting(argc, argv, "fix", 1));

		if (!wait_until(second * NS_PER_S + (int64_t)(wait * 1e9), fd) ||
		    write(fd, text, (size_t)n) != n)
			return;
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = end};
	int fd, other = -1;

	if (argc < 3)
		return 2;
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = strcmp(argv[1], "pty") == 0 ? open_line(argv[2], &other) : listen_at(atoi(argv[2]));
	if (fd < 0) {
		perror("receiver");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!ended) {
		int line = other >= 0 ? fd : accept(fd, NULL, NULL);

		if (line >= 0)
			play(line, argc, argv);
		if (other < 0)
			close(line);
	}
	if (other >= 0)
		unlink(argv[2]);
	return 0;
}
