/*
 * otherhand: preloaded into a daemon, a machine whose CLOCK_REALTIME somebody else steers, and how
 * far it is wrong then is known.
 * It must never touch the machine's clock: nothing that would set it leaves this file.
 *
 * OTHERHAND_PLAN="AT AHEAD RATE; ..."  from AT seconds after the start on it is AHEAD s + RATE ppm
 * of what passed since ahead of the machine's; stamps of packets are, too. Where one piece does not
 * end as the next begins, it was stepped. OTHERHAND_START=SECONDS              since 1970, by the
 * machine's clock OTHERHAND_UNTOLD=1                   the rate does not show in adjtimex(), as
 * that of adjtime()
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define PIECES	 32

static struct piece {
	double at_s, ahead_s, rate_ppm;
} pieces[PIECES];
static int count = -1;
static double start_s;

static void begin(void)
{
	const char *plan = getenv("OTHERHAND_PLAN"), *start = getenv("OTHERHAND_START");
	int used = 0;

	if (count >= 0)
		return;
	count = 0;
	start_s = start != NULL ? strtod(start, NULL) : 0.0;
	for (const char *at = plan; at != NULL && count < PIECES; at += used) {
		struct piece *p = &pieces[count];

		if (sscanf(at, " %lf %lf %lf%n", &p->at_s, &p->ahead_s, &p->rate_ppm, &used) != 3)
			break;
		count++;
		used += at[used] == ';';
	}
}

static const struct piece *piece_at(double t_s)
{
	static const struct piece none;
	const struct piece *found = &none;

	for (int i = 0; i < count && pieces[i].at_s <= t_s; i++)
		found = &pieces[i];
	return found;
}

static int64_t shifted(int64_t machine_ns)
{
	const double t_s = (double)(machine_ns - (int64_t)start_s * NS_PER_S) * 1e-9;
	const struct piece *p = piece_at(t_s);

	return machine_ns + llround(p->ahead_s * 1e9 + p->rate_ppm * 1e3 * (t_s - p->at_s));
}

static void shift(struct timespec *time)
{
	const int64_t ns = shifted((int64_t)time->tv_sec * NS_PER_S + time->tv_nsec);

	time->tv_sec = ns / NS_PER_S;
	time->tv_nsec = ns % NS_PER_S;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	const long rc = syscall(SYS_clock_gettime, clock, time);

	begin();
	if (rc == 0 && clock == CLOCK_REALTIME)
		shift(time);
	return (int)rc;
}

static void shift_stamps(struct msghdr *message)
{
	begin();
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		struct timespec times[3];

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPING ||
		    c->cmsg_len < CMSG_LEN(sizeof times))
			continue;
		memcpy(times, CMSG_DATA(c), sizeof times);
		if (times[0].tv_sec == 0)
			continue;
		shift(&times[0]);
		memcpy(CMSG_DATA(c), times, sizeof times);
	}
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	const ssize_t n = syscall(SYS_recvmsg, fd, message, flags);

	if (n >= 0)
		shift_stamps(message);
	return n;
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int vlen, int flags,
	     struct timespec *timeout)
{
	const long n = syscall(SYS_recvmmsg, fd, messages, vlen, flags, timeout);

	for (long i = 0; i < n; i++)
		shift_stamps(&messages[i].msg_hdr);
	return (int)n;
}

static int refuse(const char *what)
{
	const char *file = getenv("OTHERHAND_TOLD");
	FILE *out = file != NULL ? fopen(file, "a") : NULL;

	if (out != NULL) {
		fprintf(out, "%s\n", what);
		fclose(out);
	}
	errno = EPERM;
	return -1;
}

/* Readable by everybody; settable by nobody. */
int adjtimex(struct timex *t)
{
	struct timespec now = {0};
	long rc;

	if (t->modes != 0)
		return refuse("adjtimex");
	begin();
	rc = syscall(SYS_adjtimex, t);
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	if (rc >= 0 && getenv("OTHERHAND_UNTOLD") == NULL) {
		const double t_s = (double)now.tv_sec - start_s + (double)now.tv_nsec * 1e-9;

		t->freq += lrint(piece_at(t_s)->rate_ppm * 65536.0);
	}
	return (int)rc;
}

int clock_adjtime(clockid_t clock, struct timex *t)
{
	if (clock == CLOCK_REALTIME)
		return adjtimex(t);
	return refuse("clock_adjtime");
}

int clock_settime(clockid_t clock, const struct timespec *time)
{
	(void)clock;
	(void)time;
	return refuse("clock_settime");
}
