/* bound: how wrong this machine's clock may be, as the daemon says in shared memory, or by its
 * control socket where there is none. It must never print a bound that does not hold, nor wait for
 * anybody but that socket. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "include/drivestamp/bound.h"
#include "lab/demo_report.h"
#include "os/bound_page.h"
#include "tool/ask.h"
#include "tool/options.h"
#include "tool/show.h"

#define JSON_SCHEMA 1
#define NS	    INT64_C(1000000000)

#define EXIT_NOT_KNOWN 1 /* there is a daemon, and no bound */
#define EXIT_NO_DAEMON 2

struct seen {
	const char *path;
	struct drivestamp_bound_page page;
	struct drivestamp_bound now;
	enum drivestamp_bound_status status;
	bool written; /* by a daemon that runs */
};

static const char *status_word(const struct seen *s)
{
	if (!s->written)
		return "no daemon";
	switch (s->status) {
	case DRIVESTAMP_BOUND_GOOD:
		return s->now.flags & DRIVESTAMP_BOUND_DISRUPTED ? "disrupted" : "good";
	case DRIVESTAMP_BOUND_UNSYNCHRONISED:
		return "not synchronised";
	case DRIVESTAMP_BOUND_STALE:
		return "stale";
	case DRIVESTAMP_BOUND_TORN:
		return "torn";
	case DRIVESTAMP_BOUND_NO_PAGE:
		break;
	}
	return "no page";
}

static int exit_status(const struct seen *s)
{
	if (!s->written || s->status == DRIVESTAMP_BOUND_NO_PAGE)
		return EXIT_NO_DAEMON;
	return s->status == DRIVESTAMP_BOUND_GOOD ? 0 : EXIT_NOT_KNOWN;
}

static void print_duration(const char *what, int64_t ns, FILE *out)
{
	double size = (double)(ns < 0 ? -ns : ns);

	fputs(what, out);
	if (size < 1e3)
		fprintf(out, "%" PRId64 " ns", ns);
	else if (size < 1e6)
		fprintf(out, "%.3f us", (double)ns * 1e-3);
	else if (size < 1e9)
		fprintf(out, "%.6f ms", (double)ns * 1e-6);
	else
		fprintf(out, "%.9f s", (double)ns * 1e-9);
}

static void print_moment(const char *what, int64_t ns, FILE *out)
{
	int64_t part = (ns % NS + NS) % NS;
	time_t seconds = (time_t)((ns - part) / NS);
	char text[32] = "?";
	struct tm utc;

	if (gmtime_r(&seconds, &utc) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &utc);
	fprintf(out, "%s%s.%09" PRId64 " UTC", what, text, part);
}

static void print_disruptions(uint64_t flags, FILE *out)
{
	if (flags & DRIVESTAMP_BOUND_STEPPED)
		fputs("disrupted    the clock was set since the last measurement\n", out);
	if (flags & DRIVESTAMP_BOUND_SLEPT)
		fputs("disrupted    the host slept since the last measurement\n", out);
	if (flags & DRIVESTAMP_BOUND_SOURCES_LOST)
		fputs("disrupted    no source can be followed any more\n", out);
}

static int64_t good_for_ns(const struct seen *s)
{
	return s->page.void_after_ns - s->page.monotonic_ns - s->now.age_ns;
}

static void print_text(const struct seen *s, FILE *out)
{
	uint64_t flags = s->now.flags;

	print_moment("clock        ", s->now.clock_ns, out);
	fputs(flags & DRIVESTAMP_BOUND_VIRTUAL
		      ? " (not the machine's: the daemon's own, or a card's)\n"
	      : flags & DRIVESTAMP_BOUND_NOT_STEERED ? " (measured, not steered)\n"
						     : "\n",
	      out);
	if (s->status == DRIVESTAMP_BOUND_GOOD) {
		print_duration("bound        ", s->now.bound_ns, out);
		print_duration(", where paths are symmetric; at most ", s->now.hard_bound_ns, out);
		print_moment("\nearliest     ", s->now.earliest_ns, out);
		print_moment("\nlatest       ", s->now.latest_ns, out);
		print_duration("\nto be slewed ", s->page.remaining_ns, out);
		print_duration("\nwritten      ", s->now.age_ns, out);
		print_duration(" ago, good for ", good_for_ns(s), out);
		fprintf(out, "\nstratum      %" PRId64 ", reference %08" PRIX64 "\n",
			s->page.stratum, s->page.reference_id);
	}
	print_disruptions(flags, out);
	fprintf(out, "generation   %" PRIu64 "\n%s\n", s->now.generation, status_word(s));
}

static void json_number(const char *name, bool known, int64_t value, FILE *out)
{
	if (known)
		fprintf(out, ",\n  \"%s\": %" PRId64, name, value);
	else
		fprintf(out, ",\n  \"%s\": null", name);
}

/* More than 53 bits: a string. */
static void json_moment(const char *name, bool known, int64_t ns, FILE *out)
{
	if (known)
		fprintf(out, ",\n  \"%s\": \"%" PRId64 "\"", name, ns);
	else
		fprintf(out, ",\n  \"%s\": null", name);
}

static void json_flag(const char *name, uint64_t flags, uint64_t bit, FILE *out)
{
	fprintf(out, ",\n  \"%s\": %s", name, flags & bit ? "true" : "false");
}

static void print_json(const struct seen *s, FILE *out)
{
	static const char *const leaps[] = {"none", "insert", "delete"};
	bool good = s->status == DRIVESTAMP_BOUND_GOOD;
	uint64_t flags = s->now.flags;

	fprintf(out,
		"{\n  \"schema\": %d,\n  \"program\": \"drivestamp bound\",\n  \"version\": "
		"\"%s\",\n  \"file\": ",
		JSON_SCHEMA, DS_VERSION);
	ds_json_string(out, s->path);
	fprintf(out, ",\n  \"status\": \"%s\"", status_word(s));
	json_moment("clock_ns", s->now.clock_ns != 0, s->now.clock_ns, out);
	json_number("bound_ns", good, s->now.bound_ns, out);
	json_number("hard_bound_ns", good, s->now.hard_bound_ns, out);
	json_moment("earliest_ns", good, s->now.earliest_ns, out);
	json_moment("latest_ns", good, s->now.latest_ns, out);
	json_number("age_ns", good, s->now.age_ns, out);
	json_number("good_for_ns", good, good_for_ns(s), out);
	json_number("remaining_ns", good, s->page.remaining_ns, out);
	json_number("generation", s->status != DRIVESTAMP_BOUND_NO_PAGE, (int64_t)s->now.generation,
		    out);
	json_flag("stepped", flags, DRIVESTAMP_BOUND_STEPPED, out);
	json_flag("slept", flags, DRIVESTAMP_BOUND_SLEPT, out);
	json_flag("sources_lost", flags, DRIVESTAMP_BOUND_SOURCES_LOST, out);
	json_flag("virtual", flags, DRIVESTAMP_BOUND_VIRTUAL, out);
	json_flag("steered", ~flags, DRIVESTAMP_BOUND_NOT_STEERED, out);
	if (good && s->now.leap >= 0 && s->now.leap < 3)
		fprintf(out, ",\n  \"leap\": \"%s\"", leaps[s->now.leap]);
	else
		fputs(",\n  \"leap\": null", out);
	json_number("tai_minus_utc_s", good && s->page.tai_minus_utc_s != 0,
		    s->page.tai_minus_utc_s, out);
	json_number("stratum", good, s->page.stratum, out);
	json_number("reference_id", good, (int64_t)s->page.reference_id, out);
	fputs("\n}\n", out);
}

/* By the control socket; the exit status, or -1 where nothing answers there. */
static int by_socket(const char *path, bool json)
{
	struct ds_ask ask;
	json_t *answer = NULL;
	int status = ds_ask_open(&ask, "drivestamp bound", path, true);

	if (status == 0)
		status = ds_ask(&ask, "bound", &answer, true);
	if (status != 0) {
		ds_ask_close(&ask);
		return -1;
	}
	if (json)
		fwrite(ask.text, 1, ask.length, stdout);
	else
		ds_show_bound(answer, stdout);
	status = ds_ask_known(answer, "bound_ns") ? 0 : EXIT_NOT_KNOWN;
	json_decref(answer);
	ds_ask_close(&ask);
	return fflush(stdout) == 0 && !ferror(stdout) ? status : EXIT_NOT_KNOWN;
}

/* Whether there is a page. */
static bool has_page(const char *path)
{
	const struct drivestamp_bound_page *page = drivestamp_bound_open(path);

	if (page == NULL)
		return false;
	drivestamp_bound_close(page);
	return true;
}

/* Returns 0, or an exit status after a message. */
static int look(struct seen *s)
{
	const struct drivestamp_bound_page *page = drivestamp_bound_open(s->path);

	if (page == NULL) {
		fprintf(stderr, "drivestamp bound: %s: %s\n", s->path,
			errno != 0 ? strerror(errno) : "is no page of a daemon");
		return EXIT_NO_DAEMON;
	}
	s->status = drivestamp_bound_now(page, &s->now);
	if (!drivestamp_bound_copy(page, &s->page))
		memset(&s->page, 0, sizeof(s->page));
	drivestamp_bound_close(page);
	if (s->status == DRIVESTAMP_BOUND_NO_PAGE) {
		fprintf(stderr, "drivestamp bound: %s: is no page of a daemon\n", s->path);
		return EXIT_NO_DAEMON;
	}
	/* Where nobody can tell, the page's age must do. */
	s->written =
		!(s->now.flags & DRIVESTAMP_BOUND_ENDED) && ds_bound_page_is_written(s->path) != 0;
	return 0;
}

static int run_bound(int argc, char **argv)
{
	struct seen s = {.path = NULL};
	const char *socket = DS_ASK_SOCKET;
	bool json = false;
	const struct ds_option options[] = {
		{"file", 'f', DS_OPTION_TEXT, &s.path, 0, 0, "FILE",
		 "the daemon's boundfile (" DRIVESTAMP_BOUND_PATH ")"},
		{"socket", 0, DS_OPTION_TEXT, &socket, 0, 0, "PATH",
		 "the daemon's controlsocket, asked where there is no such file"},
		{"json", 0, DS_OPTION_FLAG, &json, 0, 0, NULL, "one JSON object instead of text"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};
	int rest = ds_options_read(&ds_verb_bound, options, argc, argv, NULL, 0);

	if (rest < 0)
		return rest == -2 ? 0 : DS_EXIT_USAGE;
	if (s.path == NULL) {
		s.path = DRIVESTAMP_BOUND_PATH;
		rest = has_page(s.path) ? -1 : by_socket(socket, json);
		if (rest >= 0)
			return rest;
	}
	errno = 0;
	rest = look(&s);
	if (rest != 0)
		return rest;
	if (json)
		print_json(&s, stdout);
	else
		print_text(&s, stdout);
	return fflush(stdout) == 0 && !ferror(stdout) ? exit_status(&s) : EXIT_NOT_KNOWN;
}

const struct ds_verb ds_verb_bound = {
	"bound", "", "How wrong this machine's clock may be now, as its daemon says.", run_bound};
