/* show: see show.h. */
#include "tool/show.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tool/ask.h"

#define WIDTH	     80 /* columns that every terminal has */
#define LINE_NAME    17
#define NAME_WIDTH   22
#define SELECT_WIDTH (2 + NAME_WIDTH + 6 + 8 + 8 + 1) /* before the words of `select` */
#define UNKNOWN_PPM  1000.0			      /* the daemon says so until it has measured */

static void rule(const char *head, FILE *out)
{
	fprintf(out, "%s\n", head);
	for (size_t i = strlen(head); i > 0; i--)
		fputc('=', out);
	fputc('\n', out);
}

/* The rest of a line, words that go past its end onto lines of their own. at: the column now;
 * indent: of the further lines. The newline is written, too. */
static void wrapped(const char *text, int at, int indent, FILE *out)
{
	for (bool first = true; *text != '\0'; first = false) {
		int length = (int)strcspn(text, " ");

		if (at + !first + length > WIDTH && at > indent) {
			fprintf(out, "\n%*s", indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", length, text);
		at += length;
		text += length + (text[length] == ' ');
	}
	fputc('\n', out);
}

static const json_t *list_of(const json_t *answer, const char *name)
{
	return json_object_get(answer, name);
}

/* ---- status ---- */

bool ds_show_is_right(const json_t *s)
{
	return (ds_ask_true(s, "synchronised") || ds_ask_true(s, "local")) &&
	       !ds_ask_true(s, "sources_lost") && !ds_ask_true(s, "slept");
}

static void why_not(const json_t *s, FILE *out)
{
	int64_t sources = ds_ask_integer(s, "sources", 0);
	int64_t answering = ds_ask_integer(s, "answering", 0);
	int64_t unresolved = ds_ask_integer(s, "unresolved", 0);

	if (ds_ask_true(s, "slept"))
		fputs("Not known: this host slept, and no source has told the time since", out);
	else if (ds_ask_true(s, "synchronised"))
		fputs("Held: no source can be followed any more", out);
	else if (sources == 0 && unresolved > 0)
		fprintf(out, "Not synchronised: no address yet of %" PRId64 " name%s", unresolved,
			unresolved == 1 ? "" : "s");
	else if (sources == 0)
		fputs("Not synchronised: there is no source", out);
	else if (answering == 0)
		fprintf(out, "Not synchronised: none of %" PRId64 " source%s answers", sources,
			sources == 1 ? "" : "s");
	else
		fprintf(out,
			"Not synchronised: %" PRId64 " of %" PRId64
			" sources answer, none can be used (drivestamp select)",
			answering, sources);
}

void ds_show_headline(const json_t *s, FILE *out)
{
	char bound[DS_TEXT];
	bool right = ds_show_is_right(s);

	fputs(ds_text_colour(out, right ? DS_GOOD : DS_BAD), out);
	if (!right)
		why_not(s, out);
	else if (!ds_ask_true(s, "synchronised"))
		fputs("Serves its own time (local): nobody tells it the truth", out);
	else if (!ds_ask_known(s, "bound_ns"))
		fprintf(out, "Synchronised by %" PRId64 " of %" PRId64 " sources",
			ds_ask_integer(s, "agreeing", 0), ds_ask_integer(s, "sources", 0));
	else
		fprintf(out, "Right within %s of UTC, by %" PRId64 " of %" PRId64 " source%s",
			ds_text_in_words(ds_ask_integer(s, "bound_ns", 0), bound),
			ds_ask_integer(s, "agreeing", 0), ds_ask_integer(s, "sources", 0),
			ds_ask_integer(s, "sources", 0) == 1 ? "" : "s");
	fputs(ds_text_colour(out, DS_PLAIN), out);
	fputc('\n', out);
}

static void line(const char *name, FILE *out)
{
	fprintf(out, "%-*s", LINE_NAME, name);
}

static void duration(const char *name, const json_t *s, const char *member, const char *behind,
		     FILE *out)
{
	char text[DS_TEXT];

	line(name, out);
	if (ds_ask_known(s, member))
		fprintf(out, "%s%s\n", ds_text_in_words(ds_ask_integer(s, member, 0), text),
			behind);
	else
		fputs("not known\n", out);
}

/* Offsets as people say them. */
static void slow_or_fast(const char *name, int64_t ns, FILE *out)
{
	char text[DS_TEXT];

	line(name, out);
	fprintf(out, "%s%s\n", ds_text_in_words(ns < 0 ? -ns : ns, text),
		ns > 0	 ? " slow"
		: ns < 0 ? " fast"
			 : "");
}

static void show_reference(const json_t *s, FILE *out)
{
	const char *address = ds_ask_text(s, "address", NULL);
	const char *source = ds_ask_text(s, "source", NULL);

	char text[640], names[600] = "";

	if (source != NULL && address != NULL && strcmp(source, address) != 0)
		snprintf(names, sizeof names, " (%s, %s)", source, address);
	else if (source != NULL)
		snprintf(names, sizeof names, " (%s)", source);
	snprintf(text, sizeof text, "%s%s, stratum %" PRId64, ds_ask_text(s, "ref_id", "00000000"),
		 names, ds_ask_integer(s, "stratum", 0));
	line("Reference", out);
	wrapped(text, LINE_NAME, LINE_NAME, out);
}

static void show_disruptions(const json_t *s, FILE *out)
{
	if (ds_ask_true(s, "stepped"))
		fputs("Disrupted        the clock was stepped since the last measurement\n", out);
	if (ds_ask_true(s, "slept"))
		fputs("Disrupted        the host slept since the last measurement\n", out);
	if (ds_ask_true(s, "sources_lost"))
		fputs("Disrupted        no source can be followed any more\n", out);
}

static void show_frequency(const json_t *s, FILE *out)
{
	double ppm = ds_ask_number(s, "freq_ppm", 0.0);
	double skew_ppm = ds_ask_number(s, "skew_ppm", 0.0);

	line("Frequency", out);
	fprintf(out, "%.3f ppm %s, ", fabs(ppm), ppm < 0.0 ? "slow" : "fast");
	if (skew_ppm < UNKNOWN_PPM)
		fprintf(out, "known to %.3f ppm; residual %+.3f ppm\n", skew_ppm,
			ds_ask_number(s, "residual_freq_ppm", 0.0));
	else
		fputs("not measured yet\n", out);
}

void ds_show_status(const json_t *s, FILE *out)
{
	double interval_s = ds_ask_number(s, "update_interval_s", 0.0);
	int64_t now_ns = ds_ask_moment(s, "now_ns"), updated_ns = ds_ask_moment(s, "updated_ns");
	char text[DS_TEXT];

	ds_show_headline(s, out);
	line("Clock", out);
	fprintf(out, "%s%s%s\n", ds_ask_text(s, "clock", "?"),
		ds_ask_true(s, "shadow") ? ", in shadow" : "",
		ds_ask_true(s, "steered") ? "" : ", measured and not steered");
	show_reference(s, out);
	line("Updated", out);
	if (updated_ns == 0)
		fputs("never", out);
	else
		fprintf(out, "%s ago", ds_text_in_words(now_ns - updated_ns, text));
	if (interval_s > 0.0)
		fprintf(out, ", every %s", ds_text_in_words((int64_t)(interval_s * 1e9), text));
	fputc('\n', out);
	duration("Bound", s, "bound_ns", ", where the ways there and back are equal", out);
	duration("Hard bound", s, "hard_bound_ns", ", whatever the ways are", out);
	slow_or_fast("To be slewed", ds_ask_integer(s, "remaining_ns", 0), out);
	slow_or_fast("Last offset", ds_ask_integer(s, "last_offset_ns", 0), out);
	duration("RMS offset", s, "rms_offset_ns", "", out);
	show_frequency(s, out);
	duration("Root delay", s, "root_delay_ns", "", out);
	duration("Root dispersion", s, "root_dispersion_ns", "", out);
	line("Leap second", out);
	fprintf(out, "%s\n", ds_ask_text(s, "leap", "?"));
	if (ds_ask_known(s, "served_minus_clock_ns"))
		slow_or_fast("Served time", ds_ask_integer(s, "served_minus_clock_ns", 0), out);
	show_disruptions(s, out);
}

void ds_show_bound(const json_t *b, FILE *out)
{
	char text[DS_TEXT];

	line("clock", out);
	fprintf(out, "%s\n", ds_text_moment(ds_ask_moment(b, "now_ns"), text));
	duration("bound", b, "bound_ns", "", out);
	duration("hard bound", b, "hard_bound_ns", "", out);
	line("earliest", out);
	fprintf(out, "%s\n", ds_text_moment(ds_ask_moment(b, "earliest_ns"), text));
	line("latest", out);
	fprintf(out, "%s\n", ds_text_moment(ds_ask_moment(b, "latest_ns"), text));
	show_disruptions(b, out);
}

/* ---- sources ---- */

static char kind_mark(const json_t *s)
{
	const char *kind = ds_ask_text(s, "kind", "");

	switch (kind[0]) {
	case 'p':
	case 'e':
		return '=';
	case 'r':
		return '#';
	case 'l':
		return '<';
	default:
		return '^';
	}
}

char ds_show_stamper(const json_t *source, const char *member)
{
	const char *word = ds_ask_text(source, member, "-");

	switch (word[0]) {
	case 'd':
		return 'D';
	case 'k':
		return 'K';
	case 'h':
		return 'H';
	default:
		return '-';
	}
}

/* A name that is too long loses its middle: the end tells one host of a network from another. */
static void name_of(const json_t *s, int width, FILE *out)
{
	const char *name = ds_ask_text(s, "address", NULL);
	int length;

	if (name == NULL)
		name = ds_ask_text(s, "name", "?");
	length = (int)strlen(name);
	if (length <= width)
		fprintf(out, "%-*s", width, name);
	else
		fprintf(out, "%.*s..%s", width / 2 - 1, name,
			name + length - (width - width / 2 - 1));
}

enum ds_colour ds_show_colour(const json_t *source)
{
	switch (ds_ask_text(source, "letter", "?")[0]) {
	case '*':
	case '+':
		return DS_GOOD;
	case 'x':
		return DS_BAD;
	case '~':
		return DS_DOUBTFUL;
	default:
		return DS_PLAIN;
	}
}

static void column(const json_t *s, const char *member, bool plus, int64_t sign, int width,
		   FILE *out)
{
	char text[DS_TEXT];

	if (ds_ask_known(s, member))
		fprintf(out, " %*s", width,
			ds_text_duration(sign * ds_ask_integer(s, member, 0), plus, text));
	else
		fprintf(out, " %*s", width, "-");
}

static void show_legend(FILE *out)
{
	fputs("M: ^ server, = peer, # reference clock, < broadcasts. S: * best, + combined,\n"
	      "  - good but not used, x falseticker, ~ too noisy, ? not usable\n"
	      "  (drivestamp select).\n"
	      "Poll: log2 of seconds. Reach: octal, a bit a request. Rx: since the last sample.\n"
	      "Offset: our clock less the source's now; positive: ours is fast.\n"
	      "  Measured: the same as measured. Error: bound of it.\n"
	      "I: interleaved (T3 is a drivestamp), B: basic.\n"
	      "By: who took T1 and T4: D daemon, K kernel, H network card.\n\n",
	      out);
}

/* Signs are chronyc's here: positive where our clock is fast. */
void ds_show_sources(const json_t *answer, bool first, bool legend, FILE *out)
{
	const json_t *s;
	char ago[DS_TEXT];
	size_t i;

	if (first && legend)
		show_legend(out);
	if (first)
		rule("MS Name                   St Poll Reach   Rx   Offset Measured   Error I By",
		     out);
	json_array_foreach(list_of(answer, "sources"), i, s)
	{
		fprintf(out, "%s%c%s ", ds_text_colour(out, ds_show_colour(s)), kind_mark(s),
			ds_ask_text(s, "letter", "?"));
		name_of(s, NAME_WIDTH, out);
		fprintf(out, " %2" PRId64 " %4" PRId64 " %5" PRIo64 " %4s",
			ds_ask_integer(s, "stratum", 0), ds_ask_integer(s, "poll_log2", 0),
			(uint64_t)ds_ask_integer(s, "reach", 0) & 0377,
			ds_text_ago(ds_ask_known(s, "sample_age_ns")
					    ? ds_ask_integer(s, "sample_age_ns", 0) / 1000000000
					    : -1,
				    ago));
		column(s, "offset_ns", true, -1, 8, out);
		column(s, "sample_offset_ns", true, -1, 8, out);
		column(s, "error_ns", false, 1, 7, out);
		fprintf(out, " %c %c%c%s%s\n",
			!ds_ask_known(s, "interleaved") ? '-'
			: ds_ask_true(s, "interleaved") ? 'I'
							: 'B',
			ds_show_stamper(s, "t1_by"), ds_show_stamper(s, "t4_by"),
			ds_ask_true(s, "online") ? "" : " off", ds_text_colour(out, DS_PLAIN));
	}
}

void ds_show_sourcestats(const json_t *answer, bool first, FILE *out)
{
	const json_t *s;
	char text[DS_TEXT];
	size_t i;

	if (first)
		rule("Name                 Samples Used   Span  Frequency       Skew   Offset  Std dev",
		     out);
	json_array_foreach(list_of(answer, "sources"), i, s)
	{
		name_of(s, 20, out);
		fprintf(out, " %7" PRId64 " %4" PRId64 " %6s", ds_ask_integer(s, "samples", 0),
			ds_ask_integer(s, "used", 0),
			ds_text_ago(ds_ask_integer(s, "span_ns", 0) / 1000000000, text));
		if (ds_ask_known(s, "freq_ppm"))
			fprintf(out, " %+10.3f %10.3f", ds_ask_number(s, "freq_ppm", 0.0),
				ds_ask_number(s, "freq_skew_ppm", 0.0));
		else
			fprintf(out, " %10s %10s", "-", "-");
		column(s, "offset_ns", true, -1, 8, out);
		column(s, "jitter_ns", false, 1, 8, out);
		fputc('\n', out);
	}
}

/* "the best source; prefer, trust" */
static void why(const json_t *s, char *text, size_t size)
{
	const json_t *option;
	size_t i, used = (size_t)snprintf(text, size, "%s", ds_ask_text(s, "words", "?"));

	json_array_foreach(list_of(s, "options"), i, option)
	{
		if (used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
						 i == 0 ? "; " : ", ", json_string_value(option));
	}
}

void ds_show_select(const json_t *answer, bool first, FILE *out)
{
	const json_t *s;
	char words[256];
	size_t i;

	if (first)
		rule("S Name                   Score  Lowest Highest Why", out);
	json_array_foreach(list_of(answer, "sources"), i, s)
	{
		fprintf(out, "%s%s ", ds_text_colour(out, ds_show_colour(s)),
			ds_ask_text(s, "letter", "?"));
		name_of(s, NAME_WIDTH, out);
		if (ds_ask_known(s, "score"))
			fprintf(out, " %5.2f", ds_ask_number(s, "score", 0.0));
		else
			fprintf(out, " %5s", "-");
		/* the interval of what our clock may be ahead by */
		column(s, "high_ns", true, -1, 7, out);
		column(s, "low_ns", true, -1, 7, out);
		why(s, words, sizeof words);
		fprintf(out, "%s ", ds_text_colour(out, DS_PLAIN));
		wrapped(words, SELECT_WIDTH, SELECT_WIDTH, out);
	}
}

/* ---- exchanges ---- */

static const char *clock_time(int64_t ns, char buffer[DS_TEXT])
{
	char moment[DS_TEXT];

	ds_text_moment(ns, moment);
	/* "YYYY-MM-DD HH:MM:SS.nnnnnnnnn UTC" */
	snprintf(buffer, DS_TEXT, "%.18s", strlen(moment) > 29 ? moment + 11 : "-");
	return buffer;
}

static void show_stamp(const char *name, const json_t *x, const char *member, const char *by,
		       FILE *out)
{
	char text[DS_TEXT];

	if (!ds_ask_known(x, member))
		return;
	fprintf(out, "    %s %s by %s\n", name, clock_time(ds_ask_moment(x, member), text), by);
}

void ds_show_exchanges(const json_t *answer, FILE *out)
{
	const json_t *x;
	char text[DS_TEXT];
	size_t i;

	fprintf(out, "%s (%s), newest first\n", ds_ask_text(answer, "name", "?"),
		ds_ask_text(answer, "address", "reference clock"));
	json_array_foreach(list_of(answer, "exchanges"), i, x)
	{
		bool accepted = ds_ask_true(x, "accepted");

		fprintf(out, "%s %s%s%s", clock_time(ds_ask_moment(x, "when_ns"), text),
			ds_text_colour(out, accepted ? DS_GOOD : DS_BAD),
			accepted ? "accepted" : ds_ask_text(x, "reason", "?"),
			ds_text_colour(out, DS_PLAIN));
		if (ds_ask_known(x, "kind"))
			fprintf(out, " %s, offset %s", ds_ask_text(x, "kind", "?"),
				ds_text_duration(-ds_ask_integer(x, "offset_ns", 0), true, text));
		if (ds_ask_known(x, "delay_ns"))
			fprintf(out, ", delay %s",
				ds_text_duration(ds_ask_integer(x, "delay_ns", 0), false, text));
		fputc('\n', out);
		if (!accepted) {
			fputs("    ", out);
			wrapped(ds_ask_text(x, "words", "?"), 4, 4, out);
		}
		show_stamp("T1 sent here    ", x, "t1_ns", ds_ask_text(x, "t1_by", "nobody"), out);
		show_stamp("T2 arrived there", x, "t2_ns", "the source", out);
		show_stamp("T3 sent there   ", x, "t3_ns",
			   ds_ask_true(x, "t3_drivestamp") ? "the source: a drivestamp"
							   : "the source",
			   out);
		show_stamp("T4 arrived here ", x, "t4_ns", ds_ask_text(x, "t4_by", "nobody"), out);
	}
}

/* ---- the server ---- */

static void count(const char *name, int64_t value, FILE *out)
{
	fprintf(out, "%-24s %" PRId64 "\n", name, value);
}

static int64_t total_by(const json_t *by)
{
	return ds_ask_integer(by, "none", 0) + ds_ask_integer(by, "daemon", 0) +
	       ds_ask_integer(by, "kernel", 0) + ds_ask_integer(by, "hardware", 0);
}

static void share(const char *name, const json_t *by, FILE *out)
{
	int64_t all = total_by(by);

	fprintf(out, "%-24s ", name);
	if (all == 0) {
		fputs("none yet\n", out);
		return;
	}
	fprintf(out, "hardware %.1f %%, kernel %.1f %%, daemon %.1f %% of %" PRId64 "\n",
		100.0 * (double)ds_ask_integer(by, "hardware", 0) / (double)all,
		100.0 * (double)ds_ask_integer(by, "kernel", 0) / (double)all,
		100.0 * (double)ds_ask_integer(by, "daemon", 0) / (double)all, all);
}

static void show_reasons(const json_t *list, FILE *out)
{
	const json_t *r;
	size_t i;

	json_array_foreach(list, i, r)
	{
		int at = fprintf(out, "  %-22s %" PRId64 "  ", ds_ask_text(r, "name", "?"),
				 ds_ask_integer(r, "count", 0));

		wrapped(ds_ask_text(r, "sentence", ""), at, 27, out);
	}
}

void ds_show_server(const json_t *s, FILE *out)
{
	if (!ds_ask_true(s, "serves")) {
		fputs("This daemon serves nobody (allow, port).\n", out);
		return;
	}
	count("Requests received", ds_ask_integer(s, "received", 0), out);
	count("Answered", ds_ask_integer(s, "answered", 0), out);
	count("  basic", ds_ask_integer(s, "basic", 0), out);
	count("  interleaved", ds_ask_integer(s, "interleaved", 0), out);
	count("  authenticated", ds_ask_integer(s, "authenticated", 0), out);
	count("Not allowed", ds_ask_integer(s, "denied", 0), out);
	count("Dropped otherwise", ds_ask_integer(s, "dropped", 0), out);
	share("Receive stamps by", list_of(s, "rx_by"), out);
	share("Transmit stamps by", list_of(s, "tx_by"), out);
	fprintf(out, "%-24s %" PRId64 " of %" PRId64 " places\n", "Stamps held",
		ds_ask_integer(s, "saved", 0), ds_ask_integer(s, "saved_most", 0));
	count("Client records lost", ds_ask_integer(s, "clients_dropped", 0), out);
	if (json_array_size(list_of(s, "reasons")) > 0)
		fputs("Reasons\n", out);
	show_reasons(list_of(s, "reasons"), out);
}

void ds_show_clients(const json_t *answer, bool first, FILE *out)
{
	const json_t *c;
	char text[DS_TEXT];
	size_t i;

	if (first)
		rule("Address                            Basic Interleaved   Denied  Dropped Int Last",
		     out);
	json_array_foreach(list_of(answer, "clients"), i, c)
	{
		const char *address = ds_ask_text(c, "address", "?");

		/* the longest addresses of IPv6 have a line of their own */
		if (strlen(address) > 30) {
			fprintf(out, "%s\n", address);
			address = "";
		}
		fprintf(out, "%-30s %9" PRId64 " %11" PRId64 " %8" PRId64 " %8" PRId64, address,
			ds_ask_integer(c, "basic", 0), ds_ask_integer(c, "interleaved", 0),
			ds_ask_integer(c, "denied", 0), ds_ask_integer(c, "dropped", 0));
		if (ds_ask_known(c, "interval_log2"))
			fprintf(out, " %3" PRId64, ds_ask_integer(c, "interval_log2", 0));
		else
			fprintf(out, " %3s", "-");
		fprintf(out, " %4s\n", ds_text_ago(ds_ask_integer(c, "last_ago_s", 0), text));
	}
}

/* ---- stamps ---- */

void ds_show_stamps(const json_t *s, FILE *out)
{
	const json_t *x;
	char text[320];
	size_t i;

	fprintf(out, "%-24s received packets: %s, sent ones: %s\n", "The kernel stamps",
		ds_ask_true(s, "kernel_receive") ? "yes" : "NO",
		ds_ask_true(s, "kernel_transmit") ? "yes" : "NO");
	share("Our requests left by", list_of(s, "t1_by"), out);
	share("Answers arrived by", list_of(s, "t4_by"), out);
	count("Drivestamps lost", ds_ask_integer(s, "lost", 0), out);
	show_reasons(list_of(s, "reasons"), out);
	json_array_foreach(list_of(s, "departures"), i, x)
	{
		snprintf(text, sizeof text,
			 "Basic answers by %s (%s%s): %" PRId64
			 " ns after the clock is read, each further "
			 "%" PRId64 " ns (%" PRId64 " seen)",
			 ds_ask_text(x, "interface", "?"), ds_ask_text(x, "family", "?"),
			 ds_ask_true(x, "alone") ? ", alone" : "",
			 ds_ask_integer(x, "after_reading_ns", 0),
			 ds_ask_integer(x, "each_further_ns", 0),
			 ds_ask_integer(x, "observations", 0));
		wrapped(text, 0, 2, out);
	}
	json_array_foreach(list_of(s, "cards"), i, x)
	{
		snprintf(text, sizeof text,
			 "Card %s: %" PRId64 " receive and %" PRId64
			 " transmit stamps used; asked %" PRId64 ", lost %" PRId64
			 ", not asked (busy) %" PRId64,
			 ds_ask_text(x, "interface", "?"), ds_ask_integer(x, "rx_used", 0),
			 ds_ask_integer(x, "tx_used", 0), ds_ask_integer(x, "tx_asked", 0),
			 ds_ask_integer(x, "tx_lost", 0), ds_ask_integer(x, "tx_skipped", 0));
		wrapped(text, 0, 2, out);
	}
	json_array_foreach(list_of(s, "refclocks"), i, x)
	{
		fprintf(out, "Reference clock %s: %" PRId64 " samples, %" PRId64 " used\n",
			ds_ask_text(x, "name", "?"), ds_ask_integer(x, "samples", 0),
			ds_ask_integer(x, "used", 0));
		show_reasons(list_of(x, "drops"), out);
	}
}
