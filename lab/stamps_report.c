/* stamps_report: see the header. Microseconds with two digits for people, nanoseconds for machines;
 * it must never round before it prints. */
#include "lab/stamps_report.h"

#include <math.h>
#include <sched.h>
#include <string.h>
#include <sys/utsname.h>

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

void ds_stamps_machine(char buffer[DS_WHY])
{
	struct utsname name = {.release = "?"};
	char source[32] = "?";
	cpu_set_t set;
	FILE *f = fopen(CLOCKSOURCE, "re");

	if (f) {
		if (!fgets(source, sizeof(source), f))
			source[0] = '\0';
		source[strcspn(source, "\n")] = '\0';
		fclose(f);
	}
	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	uname(&name);
	snprintf(buffer, DS_WHY, "%.32s %.64s, processors: %d, clock source %s", name.sysname,
		 name.release, CPU_COUNT(&set), source);
}

/* Gaps that a device can have; the two to the truth are shown by the comparison. */
static bool shown(const struct ds_stamps_case *measured, enum ds_stamps_gap gap)
{
	switch (gap) {
	case DS_GAP_BEFORE_TX:
	case DS_GAP_TX_AFTER:
		return true;
	case DS_GAP_BEFORE_CARD:
	case DS_GAP_TX_CARD:
		return measured->has_card;
	case DS_GAP_TX_RX:
	case DS_GAP_RX_USER:
		return measured->has_receiver;
	default:
		return false;
	}
}

/* What was lost, and why: one word for JSON, the same for people. */
struct loss {
	const char *name;
	uint64_t count;
};
#define LOSSES 10

static void list_losses(const struct ds_stamps_counts *c, struct loss losses[LOSSES])
{
	const struct loss list[LOSSES] = {
		{"send-refused", c->refused},
		{"stamp-missing", c->no_transmit_stamp},
		{"stamp-double", c->stamp_double},
		{"stamp-wrong-id", c->stamp_wrong_id},
		{"error-queue-other", c->error_queue_other},
		{"packet-lost", c->lost},
		{"receive-stamp-missing", c->no_receive_stamp},
		{"packet-double", c->doubled},
		{"packet-foreign", c->foreign},
		{"card-stamp-missing", c->no_card_stamp},
	};

	memcpy(losses, list, sizeof(list));
}

/* ---- for a terminal ---- */

static void print_us(double ns, FILE *out)
{
	if (isfinite(ns))
		fprintf(out, "%8.*f", fabs(ns) < 1e6 ? 2 : 0, ns / 1000);
	else
		fprintf(out, "%8s", "-");
}

static void print_row(const char *condition, const struct ds_stamps_distribution *d, FILE *out)
{
	fprintf(out, "  %-6s %7zu", condition, d->count);
	for (int i = 0; i < DS_STAMPS_PERCENTILES; i++)
		print_us(d->percentile_ns[i], out);
	print_us(d->mad_ns, out);
	print_us(d->sd_ns, out);
	fputc('\n', out);
}

static void print_losses(const struct ds_stamps_counts *counts, FILE *out)
{
	struct loss losses[LOSSES];
	const char *before = "lost: ";

	list_losses(counts, losses);
	for (int i = 0; i < LOSSES; i++) {
		if (losses[i].count == 0)
			continue;
		fprintf(out, "%s%s %llu", before, losses[i].name,
			(unsigned long long)losses[i].count);
		before = ", ";
	}
	fprintf(out, "%s of %llu packets", before[0] == 'l' ? "lost: nothing" : "",
		(unsigned long long)counts->sent);
	if (counts->refused)
		fprintf(out, " (refused: %s)", strerror(counts->refused_errno));
	fputc('\n', out);
}

static double percent(size_t part, size_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void print_sentence(const struct ds_stamps_case *measured, bool loaded, FILE *out)
{
	char text[DS_STAMPS_SENTENCE];

	fprintf(out, "%s, %s: %s.\n", measured->device, loaded ? "loaded" : "idle",
		ds_stamps_sentence(loaded ? &measured->loaded : &measured->idle, text));
}

static void print_title(const struct ds_stamps_case *measured, FILE *out)
{
	fprintf(out, "%s, %s, %s", measured->device, measured->family == AF_INET6 ? "IPv6" : "IPv4",
		measured->connected ? "connected" : "not connected");
	if (measured->about[0])
		fprintf(out, ", %s", measured->about);
	if (measured->send_cpu >= 0)
		fprintf(out, "; sent on processor %d", measured->send_cpu);
	if (measured->has_receiver && measured->receive_cpu >= 0)
		fprintf(out, ", received on %d", measured->receive_cpu);
	if (measured->load[0])
		fprintf(out, "; load: %s", measured->load);
}

void ds_stamps_print_case(const struct ds_stamps_case *measured, FILE *out)
{
	print_title(measured, out);
	fprintf(out, "%s\n  us       count", measured->partial ? "; CUT SHORT" : "");
	for (int i = 0; i < DS_STAMPS_PERCENTILES; i++)
		fprintf(out, "%*s%g",
			ds_stamps_percent[i] < 10 ? 7
			: i < 7			  ? 6
						  : 4,
			"p", ds_stamps_percent[i]);
	fputs("     MAD      sd\n", out);
	for (int gap = 0; gap < DS_GAPS; gap++) {
		if (!shown(measured, (enum ds_stamps_gap)gap))
			continue;
		fprintf(out, "%s\n", ds_stamps_gap_words((enum ds_stamps_gap)gap));
		print_row("idle", &measured->idle.gap[gap], out);
		if (measured->load[0])
			print_row("loaded", &measured->loaded.gap[gap], out);
	}
	fprintf(out, "stamps there when the send returned: %.2f %%",
		percent(measured->idle.at_once, measured->idle.packets));
	if (measured->load[0])
		fprintf(out, ", loaded %.2f %%",
			percent(measured->loaded.at_once, measured->loaded.packets));
	fputs("; ", out);
	print_losses(&measured->counts, out);
	print_sentence(measured, false, out);
	if (measured->load[0])
		print_sentence(measured, true, out);
	fputc('\n', out);
}

/* ---- for machines ---- */

static void put_text(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void put_number(const char *name, double value, const char *after, FILE *out)
{
	if (isfinite(value))
		fprintf(out, "\"%s\": %.1f%s", name, value, after);
	else
		fprintf(out, "\"%s\": null%s", name, after);
}

static void put_distribution(const struct ds_stamps_distribution *d, FILE *out)
{
	char name[32];

	fprintf(out, "{\"count\": %zu, ", d->count);
	for (int i = 0; i < DS_STAMPS_PERCENTILES; i++) {
		snprintf(name, sizeof(name), "p%g_ns", ds_stamps_percent[i]);
		put_number(name, d->percentile_ns[i], ", ", out);
	}
	put_number("mad_ns", d->mad_ns, ", ", out);
	put_number("mean_ns", d->mean_ns, ", ", out);
	put_number("sd_ns", d->sd_ns, ", ", out);
	put_number("least_ns", d->least_ns, ", ", out);
	put_number("most_ns", d->most_ns, ", ", out);
	fprintf(out, "\"negative\": %zu}", d->negative);
}

static void put_condition(const struct ds_stamps_case *measured, bool loaded, FILE *out)
{
	const struct ds_stamps_figures *f = loaded ? &measured->loaded : &measured->idle;
	char text[DS_STAMPS_SENTENCE];

	fprintf(out, "    \"%s\": {\"packets\": %zu, \"stamp_at_once\": %zu,\n     \"gaps\": {",
		loaded ? "loaded" : "idle", f->packets, f->at_once);
	for (int gap = 0; gap < DS_GAPS; gap++) {
		fprintf(out, "%s\n      \"%s\": ", gap > 0 ? "," : "",
			ds_stamps_gap_name((enum ds_stamps_gap)gap));
		put_distribution(&f->gap[gap], out);
	}
	fputs("},\n     \"after_against_before\": {", out);
	for (int i = 0; i < DS_STAMPS_MEASURES; i++) {
		const struct ds_stamps_comparison *c = &f->comparison[i];

		fprintf(out, "%s\n      \"%s\": {", i > 0 ? "," : "",
			ds_stamps_measure_name((enum ds_stamps_measure)i));
		put_number("before_ns", c->before_ns, ", ", out);
		put_number("after_ns", c->after_ns, ", ", out);
		fprintf(out, "\"blocks\": %d, \"after_nearer\": %d, \"nearer\": \"%s\"}", c->blocks,
			c->after_nearer, ds_stamps_nearness_name(c->nearness));
	}
	fputs("},\n     \"sentence\": ", out);
	put_text(ds_stamps_sentence(f, text), out);
	fputc('}', out);
}

static void put_case(const struct ds_stamps_case *measured, FILE *out)
{
	struct loss losses[LOSSES];

	fputs("\n   {\"device\": ", out);
	put_text(measured->device, out);
	fputs(", \"about\": ", out);
	put_text(measured->about, out);
	fprintf(out,
		", \"family\": \"%s\", \"connected\": %s, \"receiver\": %s, \"card\": %s,\n"
		"    \"send_processor\": %d, \"receive_processor\": %d, \"load\": \"%s\", "
		"\"partial\": %s,\n    \"sent\": %llu, \"lost\": {",
		measured->family == AF_INET6 ? "IPv6" : "IPv4",
		measured->connected ? "true" : "false", measured->has_receiver ? "true" : "false",
		measured->has_card ? "true" : "false", measured->send_cpu, measured->receive_cpu,
		measured->load, measured->partial ? "true" : "false",
		(unsigned long long)measured->counts.sent);
	list_losses(&measured->counts, losses);
	for (int i = 0; i < LOSSES; i++)
		fprintf(out, "%s\"%s\": %llu", i > 0 ? ", " : "", losses[i].name,
			(unsigned long long)losses[i].count);
	fputs("},\n", out);
	put_condition(measured, false, out);
	if (measured->load[0]) {
		fputs(",\n", out);
		put_condition(measured, true, out);
	}
	fputc('}', out);
}

bool ds_stamps_print_json(const struct ds_stamps_report *report, FILE *out)
{
	fprintf(out, "{\"schema\": %d, \"what\": \"lab stamps\",\n \"command\": ",
		DS_STAMPS_JSON_SCHEMA);
	put_text(report->command, out);
	fputs(",\n \"machine\": ", out);
	put_text(report->machine, out);
	fputs(",\n \"only\": ", out);
	put_text(report->only, out);
	fprintf(out, ",\n \"begun_s\": %.3f, \"mean_gap_us\": %.1f,\n \"cases\": [",
		report->begun_s, report->gap_us);
	for (int i = 0; i < report->count; i++) {
		put_case(&report->cases[i], out);
		if (i + 1 < report->count)
			fputc(',', out);
	}
	fputs("]}\n", out);
	return fflush(out) == 0 && !ferror(out);
}

/* ---- for a page ---- */

static void page_row(const struct ds_stamps_case *measured, enum ds_stamps_gap gap, bool loaded,
		     FILE *out)
{
	const struct ds_stamps_distribution *d =
		loaded ? &measured->loaded.gap[gap] : &measured->idle.gap[gap];

	fprintf(out, "| %s | %s | %s | %zu |", measured->device, ds_stamps_gap_words(gap),
		loaded ? "loaded" : "idle", d->count);
	for (int i = 0; i < DS_STAMPS_PERCENTILES; i++)
		fprintf(out, " %.2f |", d->percentile_ns[i] / 1000);
	fprintf(out, " %.2f | %.2f |\n", d->mad_ns / 1000, d->sd_ns / 1000);
}

bool ds_stamps_print_page(const struct ds_stamps_report *report, FILE *out)
{
	fprintf(out, "`%s` on %s. Microseconds.\n\n", report->command, report->machine);
	fputs("| device | gap | | packets |", out);
	for (int i = 0; i < DS_STAMPS_PERCENTILES; i++)
		fprintf(out, " p%g |", ds_stamps_percent[i]);
	fputs(" MAD | sd |\n|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
	      out);
	for (int i = 0; i < report->count; i++) {
		const struct ds_stamps_case *measured = &report->cases[i];

		for (int gap = 0; gap < DS_GAPS; gap++) {
			if (!shown(measured, (enum ds_stamps_gap)gap))
				continue;
			page_row(measured, (enum ds_stamps_gap)gap, false, out);
			if (measured->load[0])
				page_row(measured, (enum ds_stamps_gap)gap, true, out);
		}
	}
	fputc('\n', out);
	for (int i = 0; i < report->count; i++) {
		const struct ds_stamps_case *measured = &report->cases[i];

		fputs("* ", out);
		print_title(measured, out);
		fputs("; ", out);
		print_losses(&measured->counts, out);
		fputs("* ", out);
		print_sentence(measured, false, out);
		if (measured->load[0]) {
			fputs("* ", out);
			print_sentence(measured, true, out);
		}
	}
	return fflush(out) == 0 && !ferror(out);
}
