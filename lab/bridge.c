/* bridge: see the header. It must never run ip(8) for each address: a batch a host. */
#include "lab/bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/talk.h"

/* Before any link is there. Where /proc/sys is read-only, IPv6 stays, and says a little. */
static void without_ipv6(struct ds_rig *rig, int host)
{
	const char *argv[] = {"sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6",
			      NULL};
	struct ds_talk talk = {.argv = argv, .timeout_ms = 5000};
	char why[DS_RIG_WHY];

	(void)ds_talk(rig, host, &talk, why);
	free(talk.output);
}

/* Lines for `ip -batch`, or another program of iproute2: fill() writes them. */
static int batch(struct ds_rig *rig, const char *program, int host, int other,
		 void (*fill)(FILE *file, const struct ds_rig *rig, const int *what),
		 const int *what, char why[DS_RIG_WHY])
{
	char path[DS_RIG_PATH + 16];
	FILE *file;

	snprintf(path, sizeof(path), "%s/batch", rig->directory);
	file = fopen(path, "we");
	if (file)
		fill(file, rig, what);
	if (!file || fclose(file) != 0) {
		int error = errno;
		snprintf(why, DS_RIG_WHY, "%s: %s", path, strerror(error));
		return -error;
	}
	const char *argv[] = {program, "-batch", path, NULL};
	int error = ds_rig_ip(rig, host, other, argv, why);
	(void)remove(path);
	return error;
}

static void fill_bridge(FILE *file, const struct ds_rig *rig, const int *what)
{
	(void)rig;
	(void)what;
	/* No port waits before it forwards, and none is left out because nobody asked for a group.
	 */
	fputs("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n"
	      "link set dev br0 up\n",
	      file);
}

/* Locally administered, so that they are nobody's. */
#define MAC "02:44:53:00:00:%02x"

enum { HOST, HOSTS, SUBNETS, HOLDER, RELAYED };

static void fill_host(FILE *file, const struct ds_rig *rig, const int *what)
{
	int host = what[HOST];

	fprintf(file,
		"link add eth0 address " MAC " type veth peer name %s%d netns /proc/self/fd/%d\n",
		host + 1, what[RELAYED] ? "wire" : "port", host, rig->host_fd[what[HOLDER]]);
	for (int s = 0; s < what[SUBNETS]; s++)
		fprintf(file, "address add 10.119.%d.%d/24 broadcast 10.119.%d.255 dev eth0\n", s,
			host + 1, s);
	fputs("link set dev eth0 up\nroute add 224.0.0.0/4 dev eth0\n", file);
	for (int other = 0; other < what[HOSTS]; other++) {
		for (int s = 0; other != host && s < what[SUBNETS]; s++)
			fprintf(file,
				"neighbor replace 10.119.%d.%d lladdr " MAC
				" dev eth0 nud permanent\n",
				s, other + 1, other + 1);
	}
}

static void fill_port(FILE *file, const struct ds_rig *rig, const int *what)
{
	int host = what[HOST];

	(void)rig;
	if (what[RELAYED])
		fprintf(file,
			"link add plug%d type veth peer name port%d\n"
			"link set dev wire%d up\nlink set dev plug%d up\n",
			host, host, host, host);
	fprintf(file, "link set dev port%d master br0\nlink set dev port%d up\n", host, host);
}

static void fill_table(FILE *file, const struct ds_rig *rig, const int *what)
{
	(void)rig;
	fprintf(file, "fdb replace " MAC " dev port%d master static\n", what[HOST] + 1, what[HOST]);
}

int ds_bridge_make(struct ds_rig *rig, int holder, int hosts, unsigned relayed, int subnets,
		   char why[DS_RIG_WHY])
{
	char ignored[DS_RIG_WHY];
	int error;

	without_ipv6(rig, holder);
	error = batch(rig, "ip", holder, -1, fill_bridge, NULL, why);
	for (int host = 0; host < hosts && error == 0; host++) {
		const int what[] = {host, hosts, subnets, holder, relayed >> host & 1};
		without_ipv6(rig, host);
		error = batch(rig, "ip", host, holder, fill_host, what, why);
		if (error == 0)
			error = batch(rig, "ip", holder, -1, fill_port, what, why);
		if (error ==
		    0) /* without it the bridge learns where each host is, and floods till then */
			(void)batch(rig, "bridge", holder, -1, fill_table, what, ignored);
	}
	return error;
}

/* The hardware address of `host` on its cable to `other`. */
#define CABLE_MAC "02:44:53:01:%02x:%02x"

enum { MESH_HOST, MESH_HOSTS, MESH_RELAYED, MESH_SUBNETS };

static bool cabled(const int *what, int other)
{
	unsigned relayed = (unsigned)what[MESH_RELAYED];

	return other != what[MESH_HOST] && !(relayed >> what[MESH_HOST] & 1) &&
	       !(relayed >> other & 1);
}

static void fill_cables(FILE *file, const struct ds_rig *rig, const int *what)
{
	int host = what[MESH_HOST];

	for (int other = host + 1; other < what[MESH_HOSTS]; other++) {
		if (cabled(what, other))
			fprintf(file,
				"link add to%d address " CABLE_MAC
				" type veth peer name to%d address " CABLE_MAC
				" netns /proc/%ld/fd/%d\n",
				other, host, other, host, other, host, (long)getpid(),
				rig->host_fd[other]);
	}
}

static void fill_ways(FILE *file, const struct ds_rig *rig, const int *what)
{
	int host = what[MESH_HOST];

	(void)rig;
	for (int other = 0; other < what[MESH_HOSTS]; other++) {
		if (!cabled(what, other))
			continue;
		fprintf(file, "link set dev to%d up\n", other);
		for (int s = 0; s < 32; s++) {
			if (!((unsigned)what[MESH_SUBNETS] >> s & 1))
				continue;
			fprintf(file,
				"route add 10.119.%d.%d/32 dev to%d src 10.119.%d.%d\n"
				"neighbor replace 10.119.%d.%d lladdr " CABLE_MAC
				" dev to%d nud permanent\n",
				s, other + 1, other, s, host + 1, s, other + 1, other, host, other);
		}
	}
}

int ds_bridge_mesh(struct ds_rig *rig, int hosts, unsigned relayed, unsigned subnets,
		   char why[DS_RIG_WHY])
{
	int error = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (int host = 0; host < hosts && error == 0; host++) {
			const int what[] = {host, hosts, (int)relayed, (int)subnets};
			error = batch(rig, "ip", host, -1, pass == 0 ? fill_cables : fill_ways,
				      what, why);
		}
	}
	return error;
}
