/*
 * feeder: plays gpsd: writes CLOCK_REALTIME plus stated noise where a reference clock is looked
 * for. It must never use the daemon's own code: layouts stand here as their descriptions have them.
 *
 *   feeder shm UNIT | sock PATH  [WORD=VALUE]...
 * interval=S (1)  noise=NS (0): normal  wild=PERCENT (0): so many are 0.3 s off  offset=S (0)
 * count=N (endless)  leap=N (0)  precision=LOG2 (-20)
 * micro=1   no nanoseconds are written      torn=1   `count` moves and `valid` stands meanwhile
 * pulse=1   of a pulse (SOCK)               whole=S  added to pulses: seconds they do not know
 * edges=S   of every second pulse it is the other edge, so much later
 * size=BYTES, magic=N  of the datagram (40, 0x534f434b)
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct shm_time {
	int mode;
	volatile int count;
	time_t clockTimeStampSec;
	int clockTimeStampUSec;
	time_t receiveTimeStampSec;
	int receiveTimeStampUSec;
	int leap;
	int precision;
	int nsamples;
	volatile int valid;
	unsigned clockTimeStampNSec;
	unsigned receiveTimeStampNSec;
	int dummy[8];
};

struct sock_sample {
	struct timeval tv;
	double offset;
	int pulse;
	int leap;
	int _pad;
	int magic;
};

static double setting(int argc, char **argv, const char *name, double otherwise)
{
	size_t length = strlen(name);

	for (int i = 3; i < argc; i++)
		if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=')
			return strtod(argv[i] + length + 1, NULL);
	return otherwise;
}

static double uniform(void)
{
	return (double)(random() + 1) / ((double)RAND_MAX + 2.0);
}

static double normal(void)
{
	return sqrt(-2.0 * log(uniform())) * cos(2.0 * M_PI * uniform());
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void write_shm(struct shm_time *shm, int64_t receive_ns, int64_t clock_ns, int argc,
		      char **argv)
{
	int micro = (int)setting(argc, argv, "micro", 0);

	shm->valid = 0;
	shm->mode = 1;
	shm->count++;
	__sync_synchronize();
	shm->clockTimeStampSec = (time_t)(clock_ns / 1000000000);
	shm->clockTimeStampUSec = (int)(clock_ns % 1000000000 / 1000);
	shm->clockTimeStampNSec = micro ? 0 : (unsigned)(clock_ns % 1000000000);
	shm->receiveTimeStampSec = (time_t)(receive_ns / 1000000000);
	shm->receiveTimeStampUSec = (int)(receive_ns % 1000000000 / 1000);
	shm->receiveTimeStampNSec = micro ? 0 : (unsigned)(receive_ns % 1000000000);
	shm->leap = (int)setting(argc, argv, "leap", 0);
	shm->precision = (int)setting(argc, argv, "precision", -20);
	__sync_synchronize();
	shm->count++;
	shm->valid = 1;
	while (setting(argc, argv, "torn", 0) > 0)
		shm->count++;
}

static int write_sock(int fd, int64_t receive_ns, int64_t clock_ns, int argc, char **argv)
{
	unsigned char bytes[256] = {0};
	struct sock_sample sample = {
		.offset = (double)(clock_ns - receive_ns) * 1e-9,
		.pulse = (int)setting(argc, argv, "pulse", 0),
		.leap = (int)setting(argc, argv, "leap", 0),
		.magic = (int)setting(argc, argv, "magic", 0x534f434b),
	};

	sample.tv.tv_sec = receive_ns / 1000000000;
	sample.tv.tv_usec = receive_ns % 1000000000 / 1000;
	sample.offset += (double)(receive_ns % 1000) * 1e-9;
	if (sample.pulse)
		sample.offset += setting(argc, argv, "whole", 0);
	memcpy(bytes, &sample, sizeof sample);
	return send(fd, bytes, (size_t)setting(argc, argv, "size", sizeof sample), 0) < 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct shm_time *shm = NULL;
	long left;
	int fd = -1;

	if (argc < 3)
		return 2;
	if (strcmp(argv[1], "shm") == 0) {
		int id = shmget(0x4e545030 + atoi(argv[2]), sizeof *shm, IPC_CREAT | 0600);

		shm = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
		if (shm == (void *)-1) {
			perror("feeder: shm");
			return 1;
		}
	} else {
		fd = socket(AF_UNIX, SOCK_DGRAM, 0);
		snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[2]);
		if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
			perror("feeder: sock");
			return 1;
		}
	}
	srandom((unsigned)getpid());
	left = (long)setting(argc, argv, "count", -1);
	for (unsigned n = 0; left != 0; left -= left > 0, n++) {
		double off_ns = setting(argc, argv, "offset", 0) * 1e9 +
				setting(argc, argv, "noise", 0) * normal();
		int64_t ns = now_ns();

		if (n % 2 == 1)
			off_ns -= setting(argc, argv, "edges", 0) * 1e9;
		if (uniform() * 100 < setting(argc, argv, "wild", 0))
			off_ns += 3e8;
		if (shm != NULL)
			write_shm(shm, ns, ns + llrint(off_ns), argc, argv);
		else if (write_sock(fd, ns, ns + llrint(off_ns), argc, argv)) {
			perror("feeder: send");
			return 1;
		}
		usleep((useconds_t)(1e6 * setting(argc, argv, "interval", 1)));
	}
	return 0;
}
