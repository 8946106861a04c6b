/* lab stamps: the command line of the measurement of stamps, which itself is in lab/stamps.h. It
 * must never send to a host that was not named. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/stamps.h"
#include "lab/statistics.h"
#include "tool/lab.h"
#include "tool/options.h"

#define BRIEF_GAP_US 5000.0 /* so that the median does not change what it is taken beside */
#define BRIEF_LEAST  20	    /* stamps, for a median */

static const struct ds_verb stamps_verb = {
	"lab stamps", "", "How far apart are the moments that a packet's stamps are of?", NULL};

struct wanted {
	bool brief;
	const char *interface, *from, *to;
	int port;
	double seconds, gap_us;
	bool connected;
};

static bool read_address(const char *option, const char *text, uint16_t port,
			 union ds_address *address)
{
	if (ds_address_parse(text, port, address))
		return true;
	fprintf(stderr, "drivestamp lab stamps: --%s: '%s' is no address\n", option, text);
	return false;
}

/* The median of a series; NAN for fewer than `least`. Sorts it. */
static double median(struct ds_series *series, size_t least)
{
	if (series->count < least)
		return (double)NAN;
	ds_sort(series->values, series->count);
	return ds_quantile(series->values, series->count, 0.5);
}

static int run_brief(const struct wanted *wanted)
{
	struct ds_stamps_plan plan = {
		.interface = wanted->interface,
		.send_netns = -1,
		.receive_netns = -1,
		.connected = wanted->connected,
		.gap_us = wanted->gap_us > 0 ? wanted->gap_us : BRIEF_GAP_US,
		.warmup = 10,
		.blocks = 1,
		.block_seconds = wanted->seconds,
		.send_cpu = -1,
		.receive_cpu = -1,
	};
	struct ds_stamps_seen seen;
	struct ds_series ahead = {0};
	char why[DS_WHY];
	double value;

	if (!wanted->to) {
		fputs("drivestamp lab stamps: --brief needs --to ADDRESS\n", stderr);
		return DS_EXIT_USAGE;
	}
	if (!read_address("to", wanted->to, (uint16_t)wanted->port, &plan.to) ||
	    (wanted->from && !read_address("from", wanted->from, 0, &plan.from)))
		return DS_EXIT_USAGE;
	if (ds_stamps_measure(&plan, &seen, why) != 0) {
		fprintf(stderr, "drivestamp lab stamps: %s\n", why);
		return 1;
	}
	for (size_t i = 0; i < seen.count; i++) {
		const struct ds_stamps_row *row = &seen.rows[i];

		if (row->condition == DS_LAB_IDLE && row->kernel_tx_ns != 0)
			ds_series_add(&ahead, (double)(row->kernel_tx_ns - row->before_ns));
	}
	value = median(&ahead, BRIEF_LEAST);
	if (isfinite(value))
		printf("%.0f\n", value);
	else
		fprintf(stderr,
			"drivestamp lab stamps: only %zu transmit stamps of %llu packets%s%s\n",
			ahead.count, (unsigned long long)seen.counts.sent,
			seen.counts.refused ? "; the kernel refused some: " : "",
			seen.counts.refused ? strerror(seen.counts.refused_errno) : "");
	ds_series_free(&ahead);
	ds_stamps_free(&seen);
	return isfinite(value) ? 0 : 1;
}

int ds_lab_stamps(int argc, char **argv)
{
	struct wanted wanted = {.seconds = 0, .port = DS_STAMPS_PORT};
	const struct ds_option options[] = {
		{"brief", 0, DS_OPTION_FLAG, &wanted.brief, 0, 0, NULL,
		 "one number: the median of clock before send to transmit stamp, ns"},
		{"interface", 0, DS_OPTION_TEXT, &wanted.interface, 0, 0, "NAME",
		 "send by this interface"},
		{"from", 0, DS_OPTION_TEXT, &wanted.from, 0, 0, "ADDRESS",
		 "the address to send from"},
		{"to", 0, DS_OPTION_TEXT, &wanted.to, 0, 0, "ADDRESS", "the host to send to"},
		{"port", 0, DS_OPTION_INTEGER, &wanted.port, 1, 65535, "N",
		 "its port (9, discard)"},
		{"seconds", 0, DS_OPTION_NUMBER, &wanted.seconds, 0.1, 3600, "S",
		 "how long packets are sent"},
		{"gap", 0, DS_OPTION_NUMBER, &wanted.gap_us, 20, 1000000, "US",
		 "mean of the random gaps between packets (400; --brief: 5000)"},
		{"connected", 0, DS_OPTION_FLAG, &wanted.connected, 0, 0, NULL,
		 "send as a client does, from a connected socket"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};
	int rest = ds_options_read(&stamps_verb, options, argc, argv, NULL, 0);

	if (rest < 0)
		return rest == -2 ? 0 : DS_EXIT_USAGE;
	if (wanted.seconds <= 0)
		wanted.seconds = wanted.brief ? 2 : 8;
	return run_brief(&wanted);
}
