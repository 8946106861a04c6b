/* demo_report: see the header. The last half of a run is counted by the time that really passed,
 * so that a run that was cut short has one too. */
#include "lab/demo_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char letters[3] = {'D', 'K', 'H'};
static const char *const words[3] = {"daemon", "kernel", "hardware"};

static int place_of(char letter)
{
	for (int i = 0; i < 3; i++) {
		if (letters[i] == letter)
			return i;
	}
	return 0;
}

void ds_demo_saw_measurement(struct ds_demo_seen *seen, const struct ds_measured *measured)
{
	seen->last = *measured;
	if (measured->interleaved)
		seen->interleaved++;
	else
		seen->basic++;
	seen->tx_stamps[place_of(measured->tx_source)]++;
	seen->rx_stamps[place_of(measured->rx_source)]++;
	if (ds_series_add(&seen->offset_at_s, seen->elapsed_s) &&
	    !ds_series_add(&seen->offset_ns, measured->offset_s * 1e9))
		seen->offset_at_s.count--;
}

void ds_demo_saw_error(struct ds_demo_seen *seen, double clock_minus_system_s)
{
	if (ds_series_add(&seen->error_at_s, seen->elapsed_s) &&
	    !ds_series_add(&seen->error_ns, clock_minus_system_s * 1e9))
		seen->error_at_s.count--;
}

void ds_demo_forget(struct ds_demo_seen *seen)
{
	ds_series_free(&seen->error_ns);
	ds_series_free(&seen->error_at_s);
	ds_series_free(&seen->offset_ns);
	ds_series_free(&seen->offset_at_s);
}

static struct ds_summary last_half(const struct ds_series *values, const struct ds_series *at_s,
				   double elapsed_s)
{
	size_t from = 0;

	while (from < values->count && at_s->values[from] < elapsed_s / 2)
		from++;
	return ds_summarise(values->count > 0 ? values->values + from : NULL, values->count - from);
}

void ds_demo_screen_begin(struct ds_demo_screen *screen, FILE *out)
{
	const char *terminal = getenv("TERM");

	*screen = (struct ds_demo_screen){.out = out, .next_line_s = 5};
	screen->in_place = isatty(fileno(out)) && terminal && strcmp(terminal, "dumb") != 0;
}

struct line {
	char text[160];
};

/* What a line of progress says, each figure once. */
struct wording {
	struct line exchanges, stamps, offset, error;
};

static void put_in_words(const struct ds_demo_seen *seen, struct wording *w)
{
	char figure[DS_FIGURE_TEXT];
	bool any = seen->basic + seen->interleaved > 0;
	size_t n = seen->error_ns.count;
	double error_ns = n > 0 ? seen->error_ns.values[n - 1] : (double)NAN;
	double offset_ns = any ? seen->last.offset_s * 1e9 : (double)NAN;

	snprintf(w->exchanges.text, sizeof(w->exchanges.text), "%s  (basic %llu, interleaved %llu)",
		 !any			  ? "no answer yet"
		 : seen->last.interleaved ? "interleaved"
					  : "basic",
		 (unsigned long long)seen->basic, (unsigned long long)seen->interleaved);
	snprintf(w->stamps.text, sizeof(w->stamps.text), "%s/%s",
		 any ? words[place_of(seen->last.tx_source)] : "-",
		 any ? words[place_of(seen->last.rx_source)] : "-");
	snprintf(w->offset.text, sizeof(w->offset.text), "%s",
		 ds_figure_ns(offset_ns, true, figure));
	snprintf(w->error.text, sizeof(w->error.text), "%s", ds_figure_ns(error_ns, true, figure));
}

static int terminal_width(FILE *out)
{
	struct winsize size = {0};

	if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

static void draw(FILE *out, int width, const char *label, const char *text)
{
	char line[256];

	snprintf(line, sizeof(line), "  %-15s %s", label, text);
	fprintf(out, "\r%.*s\033[K\n", width - 1, line);
}

static void show_in_place(struct ds_demo_screen *screen, const struct ds_demo_seen *seen)
{
	int width = terminal_width(screen->out);
	double part = fmin(seen->elapsed_s / seen->config->seconds, 1);
	char bar[31], time[80];
	struct wording w;

	put_in_words(seen, &w);
	memset(bar, '.', sizeof(bar) - 1);
	memset(bar, '#', (size_t)(part * (sizeof(bar) - 1)));
	bar[sizeof(bar) - 1] = '\0';
	snprintf(time, sizeof(time), "[%s] %.0f of %d s", bar, part * seen->config->seconds,
		 seen->config->seconds);
	if (screen->drawn)
		fputs("\033[5A", screen->out);
	draw(screen->out, width, "time", time);
	draw(screen->out, width, "mode", w.exchanges.text);
	draw(screen->out, width, "stamps (T1/T4)", w.stamps.text);
	draw(screen->out, width, "measured offset", w.offset.text);
	draw(screen->out, width, "true error", w.error.text);
	fflush(screen->out);
	screen->drawn = true;
}

void ds_demo_screen_show(struct ds_demo_screen *screen, const struct ds_demo_seen *seen)
{
	struct wording w;

	if (screen->in_place) {
		show_in_place(screen, seen);
		return;
	}
	if (seen->elapsed_s < screen->next_line_s)
		return;
	screen->next_line_s += 5;
	put_in_words(seen, &w);
	fprintf(screen->out, "%4.0f s  %s  stamps %s  offset %s  true error %s\n", seen->elapsed_s,
		w.exchanges.text, w.stamps.text, w.offset.text, w.error.text);
	fflush(screen->out);
}

const char *ds_demo_verdict(const struct ds_demo_seen *seen)
{
	if (seen->problem[0] != '\0')
		return seen->problem;
	if (seen->basic + seen->interleaved == 0)
		return "no exchange was completed";
	if (seen->error_ns.count == 0)
		return "the client did not report its clock (shadow.log)";
	if (!seen->config->basic && seen->interleaved == 0)
		return "no answer was interleaved (no kernel transmit stamps, or a build "
		       "without interleaved mode? --basic does without)";

	double median = last_half(&seen->error_ns, &seen->error_at_s, seen->elapsed_s).median_abs;
	if (!(median <= DS_DEMO_WORKED_NS))
		return "the clock did not come right: median true error over 1 ms";
	return NULL;
}

static void print_stamps(FILE *out, const char *label, const uint64_t stamps[3])
{
	const char *between = "";

	fprintf(out, "%s ", label);
	for (int i = 2; i >= 0; i--) {
		if (stamps[i] > 0) {
			fprintf(out, "%s%llu %s", between, (unsigned long long)stamps[i], words[i]);
			between = ", ";
		}
	}
	if (between[0] == '\0')
		fputs("none", out);
}

static void print_errors(const struct ds_demo_seen *seen, FILE *out)
{
	struct ds_summary e = last_half(&seen->error_ns, &seen->error_at_s, seen->elapsed_s);
	struct ds_summary m = last_half(&seen->offset_ns, &seen->offset_at_s, seen->elapsed_s);
	char median[DS_FIGURE_TEXT], rms[DS_FIGURE_TEXT], p99[DS_FIGURE_TEXT];

	fprintf(out, "  true error       median %s   RMS %s   p99 %s   (%zu readings)\n",
		ds_figure_ns(e.median_abs, false, median), ds_figure_ns(e.rms, false, rms),
		ds_figure_ns(e.p99_abs, false, p99), e.count);
	fprintf(out, "  measured offset  median %s   RMS %s   p99 %s   (%zu exchanges)\n",
		ds_figure_ns(m.median_abs, false, median), ds_figure_ns(m.rms, false, rms),
		ds_figure_ns(m.p99_abs, false, p99), m.count);
}

void ds_demo_print(const struct ds_demo_seen *seen, FILE *out)
{
	const char *failure = ds_demo_verdict(seen);

	if (seen->problem[0] != '\0')
		fprintf(out, "\nPARTIAL, cut short after %.0f of %d s. Last half of that:\n",
			seen->elapsed_s, seen->config->seconds);
	else
		fprintf(out,
			"\nLast half of %.0f s (the clock began %.0f ms wrong, %.0f ppm fast):\n",
			seen->elapsed_s, DS_DEMO_OFFSET_S * 1e3, DS_DEMO_FREQ_PPM);
	print_errors(seen, out);
	fprintf(out, "  whole run        %llu interleaved, %llu basic\n",
		(unsigned long long)seen->interleaved, (unsigned long long)seen->basic);
	print_stamps(out, "  stamps           requests left:", seen->tx_stamps);
	print_stamps(out, ";  answers came:", seen->rx_stamps);
	if (seen->has_counters)
		fprintf(out, ";  lost: %llu (client %llu, server %llu)\n",
			(unsigned long long)seen->client_lost + seen->server_lost,
			(unsigned long long)seen->client_lost,
			(unsigned long long)seen->server_lost);
	else
		fputs(";  lost: unknown\n", out);
	if (seen->problem[0] != '\0')
		fprintf(out, "Cut short: %s.\n", seen->problem);
	else if (failure)
		fprintf(out, "It did not work: %s.\n", failure);
	else
		fputs("It worked. The machine's own clock was not touched.\n", out);
	fflush(out);
}

void ds_json_string(FILE *out, const char *text)
{
	putc('"', out);
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			fprintf(out, "\\u%04x", *c);
		else
			putc(*c, out);
	}
	putc('"', out);
}

void ds_json_number(FILE *out, double value, int digits)
{
	if (isfinite(value))
		fprintf(out, "%.*f", digits, value);
	else
		fputs("null", out);
}

static void json_summary(FILE *out, const char *name, const struct ds_summary *s)
{
	const struct {
		const char *name;
		double value;
	} figures[] = {
		{"median_ns", s->median_abs}, {"rms_ns", s->rms},   {"p99_ns", s->p99_abs},
		{"max_ns", s->max_abs},	      {"mean_ns", s->mean},
	};

	fprintf(out, "  \"%s\": {\"count\": %zu", name, s->count);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		fprintf(out, ", \"%s\": ", figures[i].name);
		ds_json_number(out, figures[i].value, 1);
	}
	fputs("},\n", out);
}

static void json_stamps(FILE *out, const char *name, const uint64_t stamps[3])
{
	fprintf(out, "\"%s\": {\"daemon\": %llu, \"kernel\": %llu, \"hardware\": %llu}, ", name,
		(unsigned long long)stamps[0], (unsigned long long)stamps[1],
		(unsigned long long)stamps[2]);
}

void ds_demo_print_json(const struct ds_demo_seen *seen, FILE *out)
{
	struct ds_summary e = last_half(&seen->error_ns, &seen->error_at_s, seen->elapsed_s);
	struct ds_summary m = last_half(&seen->offset_ns, &seen->offset_at_s, seen->elapsed_s);
	const char *failure = ds_demo_verdict(seen);
	struct utsname host = {0};

	uname(&host);
	fprintf(out, "{\n  \"schema\": %d,\n  \"program\": \"drivestamp demo\",\n",
		DS_DEMO_JSON_SCHEMA);
	fprintf(out, "  \"version\": \"%s\",\n  \"kernel\": ", DS_VERSION);
	ds_json_string(out, host.release);
	fprintf(out, ",\n  \"worked\": %s,\n  \"partial\": %s,\n  \"reason\": ",
		failure ? "false" : "true", seen->problem[0] != '\0' ? "true" : "false");
	if (failure)
		ds_json_string(out, failure);
	else
		fputs("null", out);
	fprintf(out, ",\n  \"network\": \"%s\",\n  \"asked_interleaved\": %s,\n",
		seen->rig == DS_RIG_LOOPBACK ? "loopback" : "veth",
		seen->config->basic ? "false" : "true");
	fprintf(out, "  \"poll_log2\": %d,\n  \"seconds\": %d,\n  \"elapsed_s\": %.1f,\n",
		seen->config->poll_log2, seen->config->seconds, seen->elapsed_s);
	json_summary(out, "true_error", &e);
	json_summary(out, "measured_offset", &m);
	fprintf(out, "  \"exchanges\": {\"interleaved\": %llu, \"basic\": %llu},\n  \"stamps\": {",
		(unsigned long long)seen->interleaved, (unsigned long long)seen->basic);
	json_stamps(out, "requests", seen->tx_stamps);
	json_stamps(out, "answers", seen->rx_stamps);
	if (seen->has_counters)
		fprintf(out, "\"lost_client\": %llu, \"lost_server\": %llu}\n}\n",
			(unsigned long long)seen->client_lost,
			(unsigned long long)seen->server_lost);
	else
		fputs("\"lost_client\": null, \"lost_server\": null}\n}\n", out);
	fflush(out);
}
