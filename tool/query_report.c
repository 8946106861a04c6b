/* query_report: a line an exchange, the verdict, JSON. It must never call a basic answer's
 * transmit stamp anything but a guess. */
#include <math.h>
#include <string.h>

#include "lab/demo_report.h"
#include "lab/statistics.h"
#include "tool/query.h"

#define TEXT 64

static const char *reference(const struct ds_exchange *exchange, char buffer[TEXT])
{
	uint32_t id = exchange->remote.ref_id;

	/* RFC 5905 section 7.3: four characters at stratum 1, else an address or a hash. */
	if (exchange->remote.stratum > 1) {
		snprintf(buffer, TEXT, "%u.%u.%u.%u", id >> 24, id >> 16 & 255, id >> 8 & 255,
			 id & 255);
		return buffer;
	}
	for (int i = 0; i < 4; i++)
		buffer[i] = (char)(id >> (24 - 8 * i) & 255);
	buffer[4] = '\0';
	for (size_t i = 0; i < 4; i++) {
		bool is_end = i > 0 && buffer[i] == '\0' && i >= strlen(buffer);
		if (!is_end && (buffer[i] <= 0x20 || buffer[i] >= 0x7f)) {
			snprintf(buffer, TEXT, "%08X", id);
			break;
		}
	}
	return buffer;
}

static const char *kind_words(enum ds_exchange_kind kind)
{
	if (kind == DS_EXCHANGE_BASIC)
		return "basic";
	return kind == DS_EXCHANGE_SET1 ? "interleaved 1" : "interleaved 2";
}

static const char *t3_words(const struct ds_exchange *exchange)
{
	return exchange->kind == DS_EXCHANGE_BASIC ? "guess" : "drivestamp";
}

void ds_query_print_head(const struct ds_query *q, FILE *out)
{
	char address[DS_ADDRESS_TEXT];

	fprintf(out,
		"%s is %s. T1, T4: who stamped here. T2, T3: the server's, as far as it tells.\n",
		q->host, ds_address_text(&q->server, true, address));
	fprintf(out, "%3s  %-13s %-8s %-6s %-10s %-8s %11s %10s  %-7s %s\n", "#", "answer", "T1",
		"T2", "T3", "T4", "offset", "delay", "stratum", "reference");
	fflush(out);
}

static void kiss_words(const struct ds_query_row *row, char buffer[TEXT])
{
	buffer[0] = '\0';
	if (row->kiss_code == 0)
		return;
	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)(row->kiss_code >> (24 - 8 * i));
		buffer[i + 2] = (char)(c > 0x20 && c < 0x7f ? c : '?');
	}
	memcpy(buffer, " (", 2);
	memcpy(buffer + 6, ")", 2);
}

void ds_query_print_row(const struct ds_query *q, int number, FILE *out)
{
	const struct ds_query_row *row = &q->rows[number - 1];
	const struct ds_exchange *e = &row->exchange;
	char offset[DS_FIGURE_TEXT], delay[DS_FIGURE_TEXT], text[TEXT];

	if (!row->has_exchange) {
		kiss_words(row, text);
		fprintf(out, "%3d  %-13s %s%s\n", number,
			!row->answered	   ? "lost"
			: row->interleaved ? "interleaved"
					   : "basic",
			row->loss, text);
	} else {
		fprintf(out, "%3d  %-13s %-8s %-6s %-10s %-8s %11s %10s  %-7d %s\n", number,
			kind_words(e->kind), ds_stamp_word(e->t1.source), "server", t3_words(e),
			ds_stamp_word(e->t4.source),
			ds_figure_ns((double)e->offset_ns, true, offset),
			ds_figure_ns((double)e->delay_ns, false, delay), e->remote.stratum,
			reference(e, text));
	}
	fflush(out);
}

static void judge_interleaving(struct ds_query_result *r)
{
	char median[DS_FIGURE_TEXT], least[DS_FIGURE_TEXT], most[DS_FIGURE_TEXT],
		half[DS_FIGURE_TEXT];

	if (r->asked == 0 && r->exchanges >= 2) {
		snprintf(r->verdict, sizeof(r->verdict),
			 "Nothing was asked: this build has no interleaved mode.");
		return;
	}
	/* The first request that asks cannot be answered interleaved by servers which save only
	 * for those that have asked (RFC 9769 section 2 allows that). */
	if (r->interleaved == 0 && r->asked < 2) {
		snprintf(r->verdict, sizeof(r->verdict),
			 "Too few answers to tell whether the server interleaves: it takes three.");
		return;
	}
	if (r->interleaved == 0) {
		snprintf(
			r->verdict, sizeof(r->verdict),
			"The server does not interleave: it answered %d requests that asked for it, "
			"all basic. Its transmit stamps are guesses.",
			r->asked);
		return;
	}
	if (r->comparisons == 0) {
		snprintf(
			r->verdict, sizeof(r->verdict),
			"The server interleaves (%d of %d answers). Too few answers to compare its "
			"basic and interleaved transmit stamps.",
			r->interleaved, r->answered);
		return;
	}
	snprintf(
		r->verdict, sizeof(r->verdict),
		"The server interleaves (%d of %d answers; it is asked to in turns). Its answers really "
		"left %s %s than their basic transmit stamp says (median of %d; %s to %s). In basic "
		"mode half of that, %s, is error of the offset.",
		r->interleaved, r->answered, ds_figure_ns(fabs(r->difference_ns), false, median),
		r->difference_ns < 0 ? "earlier" : "later", r->comparisons,
		ds_figure_ns(r->difference_least_ns, true, least),
		ds_figure_ns(r->difference_most_ns, true, most),
		ds_figure_ns(fabs(r->difference_ns) / 2, false, half));
}

static void count_rows(const struct ds_query *q, struct ds_query_result *r)
{
	struct ds_series offsets = {0}, differences = {0};

	for (int i = 0; i < q->count; i++) {
		const struct ds_query_row *row = &q->rows[i];
		r->answered += row->answered;
		r->interleaved += row->answered && row->interleaved;
		r->asked += row->answered && row->asked_interleaved;
		r->exchanges += row->has_exchange;
		if (row->has_exchange) {
			(void)ds_series_add(&offsets, (double)row->exchange.offset_ns);
			r->delay_ns = fmin(r->delay_ns, (double)row->exchange.delay_ns);
		}
		if (row->has_difference)
			(void)ds_series_add(&differences, (double)row->difference_ns);
	}
	ds_sort(offsets.values, offsets.count);
	ds_sort(differences.values, differences.count);
	r->comparisons = (int)differences.count;
	r->offset_ns = ds_quantile(offsets.values, offsets.count, 0.5);
	r->difference_ns = ds_quantile(differences.values, differences.count, 0.5);
	r->difference_least_ns = ds_quantile(differences.values, differences.count, 0);
	r->difference_most_ns = ds_quantile(differences.values, differences.count, 1);
	ds_series_free(&offsets);
	ds_series_free(&differences);
}

void ds_query_judge(const struct ds_query *q, struct ds_query_result *r)
{
	*r = (struct ds_query_result){.delay_ns = (double)NAN};
	count_rows(q, r);
	if (r->answered == 0)
		snprintf(r->verdict, sizeof(r->verdict), "No answer came.");
	else if (q->interleaved)
		judge_interleaving(r);
	else
		snprintf(
			r->verdict, sizeof(r->verdict),
			"All answers were basic, as asked: T3 is the server's guess of when they left. "
			"--interleaved asks for the real moment.");
}

void ds_query_print_result(const struct ds_query *q, const struct ds_query_result *r, FILE *out)
{
	char offset[DS_FIGURE_TEXT], delay[DS_FIGURE_TEXT];

	fprintf(out, "\n%d of %d answered", r->answered, q->count);
	if (r->exchanges > 0)
		fprintf(out, "; offset %s (median; server minus this clock), delay %s (least)",
			ds_figure_ns(r->offset_ns, true, offset),
			ds_figure_ns(r->delay_ns, false, delay));
	fprintf(out, ".\n%s\n", r->verdict);
	fflush(out);
}

/* The four stamps are strings: many readers of JSON keep no more than 53 bits of a number. */
static void json_exchange(const struct ds_exchange *e, FILE *out)
{
	char text[TEXT];

	fprintf(out,
		", \"kind\": \"%s\", \"t1\": \"%s\", \"t2\": \"server\", \"t3\": \"%s\", \"t4\": \"%s\"",
		e->kind == DS_EXCHANGE_BASIC  ? "basic"
		: e->kind == DS_EXCHANGE_SET1 ? "set1"
					      : "set2",
		ds_stamp_word(e->t1.source), t3_words(e), ds_stamp_word(e->t4.source));
	fprintf(out,
		", \"t1_ns\": \"%lld\", \"t2_ns\": \"%lld\", \"t3_ns\": \"%lld\", \"t4_ns\": \"%lld\", "
		"\"offset_ns\": %lld, \"delay_ns\": %lld, \"stratum\": %d, \"leap\": %d, "
		"\"root_delay_ns\": %lld, \"root_dispersion_ns\": %lld, \"reference\": ",
		(long long)e->t1.clock_ns, (long long)e->t2_ns, (long long)e->t3_ns,
		(long long)e->t4.clock_ns, (long long)e->offset_ns, (long long)e->delay_ns,
		e->remote.stratum, e->remote.leap, (long long)e->remote.root_delay_ns,
		(long long)e->remote.root_dispersion_ns);
	ds_json_string(out, reference(e, text));
}

static void json_row(const struct ds_query_row *row, int number, FILE *out)
{
	fprintf(out, "    {\"number\": %d, \"asked_interleaved\": %s, \"answer\": ", number,
		row->asked_interleaved ? "true" : "false");
	if (row->answered)
		ds_json_string(out, row->interleaved ? "interleaved" : "basic");
	else
		fputs("null", out);
	if (row->has_exchange) {
		json_exchange(&row->exchange, out);
	} else {
		fputs(", \"reason\": ", out);
		ds_json_string(out, row->loss);
	}
	if (row->has_difference)
		fprintf(out, ", \"previous_t3_real_minus_guess_ns\": %lld",
			(long long)row->difference_ns);
	putc('}', out);
}

static void json_figure(FILE *out, const char *name, double value, const char *end)
{
	fprintf(out, "\"%s\": ", name);
	ds_json_number(out, value, 1);
	fputs(end, out);
}

void ds_query_print_json(const struct ds_query *q, const struct ds_query_result *r, FILE *out)
{
	char address[DS_ADDRESS_TEXT];

	fprintf(out,
		"{\n  \"schema\": %d,\n  \"program\": \"drivestamp query\",\n  \"version\": \"%s\",\n"
		"  \"host\": ",
		DS_QUERY_JSON_SCHEMA, DS_VERSION);
	ds_json_string(out, q->host);
	fputs(",\n  \"address\": ", out);
	ds_json_string(out, ds_address_text(&q->server, false, address));
	fprintf(out, ",\n  \"port\": %d,\n  \"asked_interleaved\": %s,\n  \"exchanges\": [\n",
		ds_address_port(&q->server), q->interleaved ? "true" : "false");
	for (int i = 0; i < q->count; i++) {
		json_row(&q->rows[i], i + 1, out);
		fputs(i + 1 < q->count ? ",\n" : "\n", out);
	}
	fprintf(out,
		"  ],\n  \"summary\": {\"sent\": %d, \"answered\": %d, \"interleaved\": %d, "
		"\"exchanges\": %d,\n    ",
		q->count, r->answered, r->interleaved, r->exchanges);
	json_figure(out, "median_offset_ns", r->offset_ns, ", ");
	json_figure(out, "least_delay_ns", r->delay_ns, ",\n    ");
	fprintf(out, "\"t3_real_minus_guess_ns\": {\"count\": %d, ", r->comparisons);
	json_figure(out, "median", r->difference_ns, ", ");
	json_figure(out, "least", r->difference_least_ns, ", ");
	json_figure(out, "most", r->difference_most_ns, "}},\n");
	fputs("  \"verdict\": ", out);
	ds_json_string(out, r->verdict);
	fputs("\n}\n", out);
	fflush(out);
}
