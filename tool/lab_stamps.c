/* lab stamps: the command line of the measurement of stamps, which itself is in lab/stamps.h. It
 * must never send to a host that was not named: without one, packets go to a group that nobody is
 * in, and no farther than the link. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lab/stamps.h"
#include "lab/stamps_card.h"
#include "lab/stamps_link.h"
#include "lab/stamps_report.h"
#include "lab/statistics.h"
#include "tool/lab.h"
#include "tool/options.h"

#define SECONDS	      12.0 /* of a device */
#define BLOCK_SECONDS 2.0
#define WARMUP_MOST   200 /* packets; of a second at most */
#define WARMUP_LEAST  10
#define BRIEF_SECONDS 2.0
#define BRIEF_GAP_US  5000.0 /* so that the median does not change what it is taken beside */
#define BRIEF_LEAST   20     /* stamps, for a median */
#define NOBODY_IPV4   "239.255.83.83" /* RFC 2365, RFC 4291 2.7: transient, of the link */
#define NOBODY_IPV6   "ff12::5353"

static const struct ds_verb stamps_verb = {
	"lab stamps", "",
	"How far apart are the moments of a packet: clock, kernel's stamps, card's, clock?", NULL};

struct wanted {
	bool brief, six, connected, loopback, any_processor;
	const char *interface, *from, *to, *devices, *load, *json, *page, *picture;
	int port;
	double seconds, gap_us;
	unsigned load_bits;
};

static int usage(const char *text)
{
	fprintf(stderr, "drivestamp lab stamps: %s (drivestamp lab stamps --help)\n", text);
	return DS_EXIT_USAGE;
}

static bool read_address(const char *option, const char *text, uint16_t port,
			 union ds_address *address)
{
	if (ds_address_parse(text, port, address))
		return true;
	fprintf(stderr, "drivestamp lab stamps: --%s: '%s' is no address\n", option, text);
	return false;
}

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "drivestamp lab stamps: %s%s%s\n", what, what[0] ? ": " : "", why);
	return 1;
}

/* ---- one number ---- */

static int run_brief(const struct wanted *wanted)
{
	struct ds_stamps_plan plan = {
		.interface = wanted->interface,
		.send_netns = -1,
		.receive_netns = -1,
		.connected = wanted->connected,
		.gap_us = wanted->gap_us > 0 ? wanted->gap_us : BRIEF_GAP_US,
		.warmup = WARMUP_LEAST,
		.blocks = 1,
		.block_seconds = wanted->seconds > 0 ? wanted->seconds : BRIEF_SECONDS,
		.send_cpu = -1,
		.receive_cpu = -1,
	};
	struct ds_stamps_figures figures;
	struct ds_stamps_seen seen;
	char why[DS_WHY];

	if (!wanted->to)
		return usage("--brief needs --to ADDRESS");
	if (!read_address("to", wanted->to, (uint16_t)wanted->port, &plan.to) ||
	    (wanted->from && !read_address("from", wanted->from, 0, &plan.from)))
		return DS_EXIT_USAGE;
	if (ds_stamps_measure(&plan, &seen, why) != 0)
		return fail("", why);
	bool figured = ds_stamps_figure(&seen, DS_LAB_IDLE, &figures);
	const struct ds_stamps_distribution *d = &figures.gap[DS_GAP_BEFORE_TX];
	bool enough = figured && d->count >= BRIEF_LEAST;
	if (enough)
		printf("%.0f\n", d->percentile_ns[DS_STAMPS_P50]);
	else
		fprintf(stderr,
			"drivestamp lab stamps: only %zu transmit stamps of %llu packets%s%s\n",
			d->count, (unsigned long long)seen.counts.sent,
			seen.counts.refused ? "; the kernel refused some: " : "",
			seen.counts.refused ? strerror(seen.counts.refused_errno) : "");
	ds_stamps_free(&seen);
	return enough ? 0 : 1;
}

/* ---- devices, idle and loaded ---- */

static bool read_load(struct wanted *wanted)
{
	static const char *const words[] = {"none", "cpu", "net", "both"};

	for (unsigned i = 0; i < 4; i++) {
		if (strcmp(wanted->load, words[i]) == 0) {
			wanted->load_bits = i; /* DS_LAB_LOAD_CPU 1, DS_LAB_LOAD_NET 2 */
			return true;
		}
	}
	return false;
}

static void plan_time(const struct wanted *wanted, struct ds_stamps_plan *plan)
{
	const int most = DS_STAMPS_BLOCKS_MAX / 2;
	double seconds = wanted->seconds > 0 ? wanted->seconds : SECONDS;
	int pairs = (int)fmin(fmax(round(seconds / (2 * BLOCK_SECONDS)), 1), most);

	plan->gap_us = wanted->gap_us > 0 ? wanted->gap_us : DS_STAMPS_GAP_US;
	plan->warmup = (int)fmin(fmax(1e6 / plan->gap_us, WARMUP_LEAST), WARMUP_MOST);
	plan->blocks = 2 * pairs;
	plan->block_seconds = seconds / plan->blocks;
	plan->send_cpu = plan->receive_cpu = -1;
	if (!wanted->any_processor)
		ds_stamps_processors(&plan->send_cpu, &plan->receive_cpu);
}

static unsigned processors(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count > 0 && count < DS_STAMPS_LOAD_MAX / 4 ? (unsigned)count
							   : DS_STAMPS_LOAD_MAX / 4;
}

/* Measure one device as planned, into the report. 0, or 1 after a message. */
static int measure(const struct wanted *wanted, struct ds_stamps_bench *bench,
		   struct ds_stamps_plan *plan, struct ds_stamps_report *report,
		   struct ds_stamps_case *out)
{
	static const char *const words[] = {"", "cpu", "net", "cpu+net"};
	struct ds_stamps_seen seen;
	char why[DS_WHY];

	bench->load = wanted->load_bits;
	bench->processes = 2 * processors();
	plan->load = wanted->load_bits ? ds_stamps_load : NULL;
	plan->load_context = bench;
	out->family = plan->to.family;
	out->connected = plan->connected;
	out->has_receiver = plan->receive;
	out->has_card = plan->card;
	out->send_cpu = plan->send_cpu;
	out->receive_cpu = plan->receive_cpu;
	snprintf(out->load, sizeof(out->load), "%s", words[wanted->load_bits]);
	if (ds_stamps_measure(plan, &seen, why) != 0)
		return fail(out->device, why);
	out->partial = seen.partial;
	out->counts = seen.counts;
	bool done = ds_stamps_figure(&seen, DS_LAB_IDLE, &out->idle) &&
		    ds_stamps_figure(&seen, DS_LAB_LOADED, &out->loaded);
	ds_stamps_free(&seen);
	if (!done)
		return fail(out->device, "no memory for the figures");
	report->count++;
	ds_stamps_print_case(out, wanted->json && strcmp(wanted->json, "-") == 0 ? stderr : stdout);
	return 0;
}

static int measure_made(const struct wanted *wanted, struct ds_stamps_bench *bench,
			enum ds_stamps_device device, struct ds_stamps_report *report)
{
	static const char *const about[DS_STAMPS_DEVICES] = {
		"between two namespaces", "",
		"between two namespaces, carried by a process that looks every 50 us",
		"between two namespaces, carried by a process that waits and is woken"};
	struct ds_stamps_plan plan = {.connected = wanted->connected};
	struct ds_stamps_case *out = &report->cases[report->count];
	char why[DS_WHY];

	plan_time(wanted, &plan);
	bench->carrier_cpu = plan.receive_cpu;
	*out = (struct ds_stamps_case){0};
	snprintf(out->device, sizeof(out->device), "%s", ds_stamps_device_name(device));
	snprintf(out->about, sizeof(out->about), "%s", about[device]);
	if (ds_stamps_bench_use(bench, device, wanted->six ? AF_INET6 : AF_INET, &plan, why) != 0)
		return fail(out->device, why);
	return measure(wanted, bench, &plan, report, out);
}

/* Is it an address of this host? Then we can receive there. */
static bool is_ours(const union ds_address *address)
{
	struct ds_socket socket = {.fd = -1};
	union ds_address any_port = *address;
	char why[DS_WHY];
	bool ours;

	ds_address_set_port(&any_port, 0);
	ours = !ds_address_is_multicast(address) &&
	       ds_socket_open_server(&socket, &any_port, NULL, why) == 0;
	ds_socket_close(&socket);
	return ours;
}

static int measure_real(struct wanted *wanted, struct ds_stamps_bench *bench,
			struct ds_stamps_report *report)
{
	struct ds_stamps_plan plan = {.connected = wanted->connected,
				      .interface = wanted->interface,
				      .send_netns = -1,
				      .receive_netns = -1};
	const char *to = wanted->to ? wanted->to : wanted->six ? NOBODY_IPV6 : NOBODY_IPV4;
	struct ds_stamps_case *out = &report->cases[report->count];
	struct ds_stamps_card card;

	*out = (struct ds_stamps_case){0};
	plan_time(wanted, &plan);
	if (!read_address("to", to, (uint16_t)wanted->port, &plan.to) ||
	    (wanted->from && !read_address("from", wanted->from, 0, &plan.from)))
		return DS_EXIT_USAGE;
	ds_stamps_card_ask(&card, wanted->interface);
	plan.receive = is_ours(&plan.to);
	plan.card = card.on && card.phc >= 0;
	plan.connected = wanted->connected || plan.card;
	bench->net_to = plan.to;
	if (plan.receive) {
		ds_address_set_port(&plan.to, 0);
		ds_address_set_port(&bench->net_to, DS_STAMPS_NET_PORT);
	}
	if (!plan.receive && (wanted->load_bits & DS_LAB_LOAD_NET))
		return usage("--load net and both are for devices between hosts of ours; cpu is "
			     "not");
	snprintf(out->device, sizeof(out->device), "%s", wanted->interface);
	snprintf(out->about, sizeof(out->about), "to %.64s, %s",
		 wanted->to ? wanted->to : "a group that nobody is in", card.words);
	return measure(wanted, bench, &plan, report, out);
}

/* The devices of --devices, as bits; 0 for a word that is none. */
static unsigned read_devices(const char *text)
{
	char copy[64], *rest = copy, *word;
	unsigned bits = 0;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return 0;
	while ((word = strsep(&rest, ",")) != NULL) {
		enum ds_stamps_device device = ds_stamps_device_find(word);

		if (device == DS_STAMPS_DEVICES)
			return 0;
		bits |= 1U << device;
	}
	return bits;
}

static int write_file(const struct ds_stamps_report *report, const char *path,
		      bool (*print)(const struct ds_stamps_report *report, FILE *out))
{
	bool standard = strcmp(path, "-") == 0;
	FILE *out = standard ? stdout : fopen(path, "we");
	bool written = out && print(report, out);
	int error = errno;

	if (out && !standard && fclose(out) != 0 && written) {
		written = false;
		error = errno;
	}
	return written ? 0 : fail(path, strerror(error));
}

static int measure_all(struct wanted *wanted, struct ds_stamps_bench *bench,
		       struct ds_stamps_report *report)
{
	unsigned devices = read_devices(wanted->devices);
	int status = 0;

	if (wanted->interface)
		return measure_real(wanted, bench, report);
	if (bench->rig.kind != DS_RIG_NAMESPACES) {
		printf("Only lo: %s.\n\n", report->only);
		devices = 1U << DS_STAMPS_LO;
	}
	for (int i = 0; i < DS_STAMPS_DEVICES && ds_rig_signal() == 0; i++) {
		if (devices & 1U << i)
			status |= measure_made(wanted, bench, (enum ds_stamps_device)i, report);
	}
	return status;
}

static int run_all(struct wanted *wanted, int argc, char **argv)
{
	struct ds_stamps_report report = {.gap_us = wanted->gap_us};
	struct ds_stamps_bench bench;
	char why[DS_WHY];
	size_t length = 0;
	int status;

	if (report.gap_us <= 0)
		report.gap_us = DS_STAMPS_GAP_US;
	report.begun_s = (double)time(NULL);
	ds_stamps_machine(report.machine);
	length = (size_t)snprintf(report.command, sizeof(report.command), "drivestamp lab");
	for (int i = 0; i < argc && length < sizeof(report.command); i++) {
		/* where its figures went is no part of how they came to be */
		if (strncmp(argv[i], "--json", 6) == 0 || strncmp(argv[i], "--markdown", 10) == 0 ||
		    strncmp(argv[i], "--svg", 5) == 0)
			i += strchr(argv[i], '=') == NULL;
		else
			length += (size_t)snprintf(report.command + length,
						   sizeof(report.command) - length, " %s", argv[i]);
	}
	if (ds_stamps_bench_open(&bench, wanted->loopback || wanted->interface, why) != 0)
		return fail("", why);
	if (bench.rig.kind != DS_RIG_NAMESPACES && !wanted->interface)
		snprintf(report.only, sizeof(report.only), "%s", why);
	status = measure_all(wanted, &bench, &report);
	ds_stamps_bench_close(&bench);
	if (status == DS_EXIT_USAGE)
		return status;
	if (wanted->json && write_file(&report, wanted->json, ds_stamps_print_json) != 0)
		status = 1;
	if (wanted->page && write_file(&report, wanted->page, ds_stamps_print_page) != 0)
		status = 1;
	if (wanted->picture && write_file(&report, wanted->picture, ds_stamps_print_picture) != 0)
		status = 1;
	if (status == 0 && ds_rig_signal() != 0)
		status = DS_LAB_EXIT_PARTIAL;
	return status;
}

static int check_and_run(struct wanted *wanted, int argc, char **argv)
{
	if (!wanted->load)
		wanted->load = wanted->interface ? "cpu" : "both";
	if (!read_load(wanted))
		return usage("--load is none, cpu, net or both");
	if (read_devices(wanted->devices) == 0)
		return usage("--devices is a list of veth, lo, tun and tun-wait");
	if (wanted->brief)
		return run_brief(wanted);
	if (!wanted->interface && (wanted->from || wanted->to))
		return usage("--from and --to go with --interface");
	return run_all(wanted, argc, argv);
}

int ds_lab_stamps(int argc, char **argv)
{
	struct wanted w = {.port = DS_STAMPS_PORT, .devices = "veth,lo,tun,tun-wait"};
	const struct ds_option options[] = {
		{"devices", 0, DS_OPTION_TEXT, &w.devices, 0, 0, "LIST",
		 "of veth, lo, tun and tun-wait, made for this between two namespaces (all)"},
		{"interface", 0, DS_OPTION_TEXT, &w.interface, 0, 0, "NAME",
		 "an interface of this machine instead"},
		{"to", 0, DS_OPTION_TEXT, &w.to, 0, 0, "ADDRESS",
		 "where it sends to (a group on the link that nobody is in)"},
		{"from", 0, DS_OPTION_TEXT, &w.from, 0, 0, "ADDRESS", "the address to send from"},
		{"port", 0, DS_OPTION_INTEGER, &w.port, 1, 65535, "N",
		 "the port there (9, discard)"},
		{"load", 0, DS_OPTION_TEXT, &w.load, 0, 0, "WHAT",
		 "none, cpu, net or both, in every other block (both; --interface: cpu)"},
		{"seconds", 0, DS_OPTION_NUMBER, &w.seconds, 0.1, 3600, "S",
		 "of each device, idle and loaded together (12; --brief: 2)"},
		{"gap", 0, DS_OPTION_NUMBER, &w.gap_us, 20, 1000000, "US",
		 "mean of the random gaps between packets (400; --brief: 5000)"},
		{"ipv6", '6', DS_OPTION_FLAG, &w.six, 0, 0, NULL, "IPv6"},
		{"connected", 0, DS_OPTION_FLAG, &w.connected, 0, 0, NULL,
		 "send as a client does, from a connected socket"},
		{"unpinned", 0, DS_OPTION_FLAG, &w.any_processor, 0, 0, NULL,
		 "let sender and receiver run on any processor"},
		{"loopback", 0, DS_OPTION_FLAG, &w.loopback, 0, 0, NULL,
		 "lo of this machine only, no namespaces"},
		{"json", 0, DS_OPTION_TEXT, &w.json, 0, 0, "FILE",
		 "the figures for machines too; '-': standard output"},
		{"markdown", 0, DS_OPTION_TEXT, &w.page, 0, 0, "FILE", "the figures as a table"},
		{"svg", 0, DS_OPTION_TEXT, &w.picture, 0, 0, "FILE", "the figures as a picture"},
		{"brief", 0, DS_OPTION_FLAG, &w.brief, 0, 0, NULL,
		 "one number: median of clock before send to transmit stamp, ns (needs --to)"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};
	int rest = ds_options_read(&stamps_verb, options, argc, argv, NULL, 0);

	if (rest < 0)
		return rest == -2 ? 0 : DS_EXIT_USAGE;
	return check_and_run(&w, argc, argv);
}
