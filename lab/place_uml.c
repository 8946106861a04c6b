/* place_uml: the rig uml: hosts that are user-mode Linux kernels of the bed (lab/bed), each with an
 * oscillator, a pulse, a card and the clock of the card of its own. It must never say how wrong a
 * host's clock is but by the time base that all share, the TSC.
 *
 * Kernels are programs of lab/rig.h in one namespace, which holds the bridge between them; so they
 * end with us, whatever ends us. A host's folder is a folder of this machine, in which the guest
 * writes too (hostfs). What is to be run there is a file in it; its number goes to the guest's
 * console, and its status comes as a file (lab/bed/init/common.sh).
 *
 * The clocks are kept by chronyd of the bed's package, the same in all hosts, whatever daemons are
 * under test: their logs tell times in whole seconds, and between clocks that ran as their
 * oscillators do the true offset would change by microseconds within one.
 * What the keepers leave is measured five times a second and taken off. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lab/uml.h"

#define NTP_PORT  123
#define SETTLE_MS 45000 /* for the keepers */
#define END_MS	  3000

struct ds_uml *ds_uml_own(const struct ds_place *place)
{
	return place->own;
}

int ds_uml_refuse(char why[DS_LAB_WHY], int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, DS_LAB_WHY, format, arguments);
	va_end(arguments);
	return -error;
}

static int name_host(const struct ds_place *place, int host, int error, char why[DS_LAB_WHY])
{
	char text[DS_LAB_WHY];

	snprintf(text, sizeof(text), "%s", why);
	snprintf(why, DS_LAB_WHY, "%s: %.200s", place->plan.host[host].name, text);
	return error;
}

void ds_uml_pause_ms(int ms)
{
	const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

static int await_boot(struct ds_place *place, char why[DS_LAB_WHY])
{
	int left_ms = DS_UML_BOOT_MS;

	for (int i = 0; i < place->plan.hosts; i++) {
		int order = ds_uml_give_order(place, i, "exit 0\n", why);
		if (order >= 0)
			order = ds_uml_await_order(place, i, order, left_ms > 0 ? left_ms : 1, why);
		if (order < 0)
			return name_host(place, i, order, why);
	}
	return 0;
}

/* Until all keepers have them. A machine that is busy keeps its hosts from it; then what is wrong
 * is known and taken off all the same. */
static int await_clocks(struct ds_place *place, char why[DS_LAB_WHY])
{
	for (int waited = 0; waited < SETTLE_MS; waited += 100) {
		int settled = 0;
		for (int i = 0; i < place->plan.hosts; i++) {
			ds_uml_clock_readings(place, i, NULL, NULL);
			settled += ds_uml_own(place)->host[i].right >= DS_UML_SETTLED;
			int error = ds_uml_check_host(place, i, why);
			if (error != 0)
				return name_host(place, i, error, why);
		}
		if (settled == place->plan.hosts)
			return 0;
		if (ds_rig_wait(100) != 0)
			return ds_uml_refuse(why, EINTR,
					     "interrupted before anything was measured");
	}
	return 0;
}

static void describe(struct ds_place *place)
{
	const struct ds_uml *uml = ds_uml_own(place);
	const char *version = strstr(uml->work, "built-");

	version = version ? version + strlen("built-") : "";
	snprintf(place->says, sizeof(place->says),
		 "%d user-mode Linux kernels %.*s on this machine, each with a clock, PPS, PHC and "
		 "card of its own, all MODELLED: oscillators, pulse (30 ns), card's stamps (8 ns), "
		 "cable (5 us); error is against true time (TSC), clocks kept by PPS",
		 place->plan.hosts, (int)strcspn(version, "-"), version);
}

static int uml_open(struct ds_place *place, char why[DS_LAB_WHY])
{
	struct ds_uml *uml = calloc(1, sizeof(*uml));
	int error;

	if (!uml)
		return ds_uml_refuse(why, ENOMEM, "no memory");
	place->own = uml;
	for (int i = 0; i < DS_LAB_HOSTS; i++)
		uml->host[i].kernel = uml->host[i].orders_fd = -1;
	if (geteuid() != 0)
		return ds_uml_refuse(
			why, EPERM,
			"the rig uml needs root: for taps, and a bridge between its hosts");
	error = ds_uml_find_bed(uml, why);
	if (error == 0)
		error = ds_rig_open(&place->rig, 1, false, why);
	if (error == 0)
		error = ds_uml_prepare_bed(place, why);
	if (error == 0)
		error = ds_place_files_make(place, why);
	if (error == 0)
		error = ds_uml_make_network(place, why);
	if (error == 0)
		error = ds_uml_define_truth(place, why);
	for (int i = 0; i < place->plan.hosts && error == 0; i++)
		error = ds_uml_start_kernel(place, i, why);
	if (error == 0)
		error = await_boot(place, why);
	if (error == 0)
		error = await_clocks(place, why);
	describe(place);
	return error;
}

static void uml_close(struct ds_place *place)
{
	struct ds_uml *uml = ds_uml_own(place);
	int left_ms = END_MS;

	if (!uml)
		return;
	for (int i = 0; i < place->plan.hosts; i++) {
		if (uml->host[i].orders_fd >= 0)
			(void)!write(uml->host[i].orders_fd, "end\n", 4);
	}
	for (int i = 0; i < place->plan.hosts; i++) {
		while (uml->host[i].kernel >= 0 && left_ms > 0 &&
		       !ds_rig_ended(&place->rig, uml->host[i].kernel)) {
			ds_uml_pause_ms(10);
			left_ms -= 10;
		}
		for (int n = 0; n < uml->host[i].next; n++) /* what `keep` keeps is the daemons' */
			ds_uml_forget_order(place, i, n);
		if (uml->host[i].orders_fd >= 0)
			close(uml->host[i].orders_fd);
	}
	ds_rig_close(&place->rig);
	free(uml);
	place->own = NULL;
}

static void uml_endpoint(const struct ds_place *place, int host, enum ds_lab_mode mode,
			 struct ds_place_endpoint *endpoint)
{
	(void)place;
	endpoint->port = NTP_PORT;
	endpoint->any_port = true;
	snprintf(endpoint->address, sizeof(endpoint->address), "10.119.%d.%d", (int)mode, host + 1);
	snprintf(endpoint->broadcast, sizeof(endpoint->broadcast), "10.119.%d.255", (int)mode);
	snprintf(endpoint->interface, sizeof(endpoint->interface), "hw0");
}

static bool uml_ways(const struct ds_place *place, int host, struct ds_place_way ways[2])
{
	(void)place;
	(void)host;
	ways[0].carried = ways[1].carried = 0;
	return false; /* links are what they are */
}

const struct ds_place_rig ds_place_uml = {
	.open = uml_open,
	.close = uml_close,
	.endpoint = uml_endpoint,
	.put = ds_place_files_put,
	.get = ds_place_files_get,
	.ask = ds_uml_ask,
	.start = ds_uml_start,
	.look = ds_uml_look,
	.ask_to_end = ds_uml_ask_to_end,
	.stop = ds_uml_stop,
	.clock_error = ds_uml_clock_error,
	.clock_readings = ds_uml_clock_readings,
	.ways = uml_ways,
};
