/* load: see the header. It must never send faster than it was told to catch up for what it
 * missed. */
#include "lab/load.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define DISCARD 9	  /* RFC 863 */
#define STEP_NS 1000000	  /* packets go out in bursts, so many a millisecond */
#define LATE_NS 100000000 /* what is further behind is given up */

static bool is_first(const struct ds_lab_plan *plan, int host)
{
	for (int i = 0; i < host; i++) {
		if (plan->host[i].load & DS_LAB_LOAD_CPU)
			return false;
	}
	return true;
}

static void cpu_line(char line[DS_LOAD_LINE])
{
	snprintf(line, DS_LOAD_LINE,
		 "n=$(nproc 2>/dev/null || echo 1)\n"
		 "while [ \"$n\" -gt 1 ]; do\n"
		 "	(while :; do :; done) &\n"
		 "	n=$((n - 1))\n"
		 "done\n"
		 "while :; do :; done\n");
}

static void net_line(const struct ds_lab_plan *plan, const struct ds_place *place, int host,
		     char line[DS_LOAD_LINE])
{
	struct ds_place_endpoint to;
	char self[DS_LAB_PATH] = "";
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ds_place_endpoint(place, (host + 1) % plan->hosts, DS_LAB_BASIC, &to);
	if (plan->rig != DS_LAB_RIG_REMOTE && length > 0)
		snprintf(line, DS_LOAD_LINE, "exec '%s' lab flood %s %d", self, to.address,
			 DS_LOAD_RATE);
	else
		snprintf(line, DS_LOAD_LINE,
			 "for how in -f '-i 0.002' '-i 0.2'; do\n"
			 "	ping -q $how -s %d %s >/dev/null && exit 0\n"
			 "done\n"
			 "exit 1\n",
			 DS_LOAD_BYTES, to.address);
}

int ds_load_lines(const struct ds_lab_plan *plan, const struct ds_place *place, int host,
		  char lines[DS_LOAD_LINES][DS_LOAD_LINE])
{
	unsigned load = plan->host[host].load;
	int count = 0;

	if (load & DS_LAB_LOAD_CPU && (plan->rig == DS_LAB_RIG_REMOTE || is_first(plan, host)))
		cpu_line(lines[count++]);
	if (load & DS_LAB_LOAD_NET && plan->hosts > 1)
		net_line(plan, place, host, lines[count++]);
	return count;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	const struct timespec until = {ns / 1000000000, ns % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

int ds_load_flood(const char *address, unsigned rate)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(DISCARD)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char packet[DS_LOAD_BYTES];
	int64_t begin_ns = now_ns();
	uint64_t sent = 0;

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 || rate < 1 ||
	    rate > DS_LOAD_MOST) {
		fprintf(stderr, "flood: no address of IPv4, or no rate of 1 to %d a second\n",
			DS_LOAD_MOST);
		if (fd >= 0)
			close(fd);
		return 1;
	}
	memset(packet, 0, sizeof(packet));
	for (int64_t at_ns = begin_ns;; at_ns += STEP_NS) {
		sleep_until(at_ns);
		if (now_ns() > at_ns + LATE_NS) {
			begin_ns = at_ns = now_ns();
			sent = 0;
		}
		/* What comes back, that the port is closed, is an error of the next send: no
		 * matter. */
		for (; (uint64_t)(at_ns - begin_ns) / 1000 * rate / 1000000 >= sent; sent++)
			(void)!sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&to,
				      sizeof(to));
	}
}
