/* verbs: what is asked and ordered of a running daemon. It must never change anything by a verb
 * that only shows, and never end with 0 where the daemon is not right, or did not do it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/ask.h"
#include "tool/options.h"
#include "tool/show.h"
#include "tool/text.h"

#define WORDS_MOST 32

/* What all of them take. */
struct common {
	const char *socket, *colour;
	bool json;
};

#define COMMON_OPTIONS(c)                                                                          \
	{"socket", 0, DS_OPTION_TEXT, &(c).socket,                                                 \
	 0,	   0, "PATH",	      "the daemon's controlsocket (" DS_ASK_SOCKET ")"},           \
		{"json", 0, DS_OPTION_FLAG, &(c).json,                                             \
		 0,	 0, NULL,	    "the daemon's answer as it came"},                     \
		{"color",                                                                          \
		 0,                                                                                \
		 DS_OPTION_TEXT,                                                                   \
		 &(c).colour,                                                                      \
		 0,                                                                                \
		 0,                                                                                \
		 "WHEN",                                                                           \
		 "auto (on a terminal, unless NO_COLOR is set), always, never"},                   \
	{                                                                                          \
		NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL                                    \
	}

/* Returns how many words there are behind the options; below 0: the exit status is *status. */
static int read_words(const struct ds_verb *verb, struct common *c, const struct ds_option *options,
		      int argc, char **argv, const char **words, int *status)
{
	int count = ds_options_read(verb, options, argc, argv, words, WORDS_MOST);

	*status = count == -2 ? 0 : DS_EXIT_USAGE;
	if (count < 0)
		return count;
	if (c->colour == NULL || ds_text_colour_mode(c->colour))
		return count;
	fprintf(stderr, "drivestamp %s: --color is auto, always or never, not '%s'\n", verb->name,
		c->colour);
	return -1;
}

static int connect_to(struct ds_ask *ask, const struct ds_verb *verb, const struct common *c)
{
	static char program[64];

	snprintf(program, sizeof program, "drivestamp %s", verb->name);
	return ds_ask_open(ask, program, c->socket, false);
}

static int finish(struct ds_ask *ask, int status)
{
	ds_ask_close(ask);
	return fflush(stdout) == 0 && !ferror(stdout) ? status : DS_EXIT_NOT_RIGHT;
}

/* ---- those that show ---- */

struct shown {
	const struct ds_verb *verb;
	bool paged; /* "from N" gives the rest of a list */
	void (*print)(const json_t *answer, bool first, bool legend);
	bool (*is_right)(const json_t *answer); /* NULL: an answer is enough */
};

/* One answer after the other until the list is whole. */
static int show(struct ds_ask *ask, const struct shown *what, const struct common *c, bool legend)
{
	char request[64];
	int64_t from = 0;
	bool right = what->is_right == NULL;

	for (bool first = true;; first = false) {
		json_t *answer;
		int status;

		if (first)
			snprintf(request, sizeof request, "%s", what->verb->name);
		else
			snprintf(request, sizeof request, "%s from %lld", what->verb->name,
				 (long long)from);
		status = ds_ask(ask, request, &answer, false);
		if (status != 0)
			return status;
		if (c->json)
			fwrite(ask->text, 1, ask->length, stdout);
		else
			what->print(answer, first, legend);
		right = right || what->is_right(answer);
		from = ds_ask_integer(answer, "next", 0);
		json_decref(answer);
		if (!what->paged || from <= 0)
			return right ? 0 : DS_EXIT_NOT_RIGHT;
	}
}

static int run_shown(const struct shown *what, int argc, char **argv)
{
	struct common c = {.socket = DS_ASK_SOCKET};
	const char *words[WORDS_MOST];
	bool legend = false;
	const struct ds_option plain[] = {COMMON_OPTIONS(c)};
	const struct ds_option with_legend[] = {
		{"verbose", 'v', DS_OPTION_FLAG, &legend, 0, 0, NULL, "what the columns mean"},
		COMMON_OPTIONS(c)};
	bool has_legend = what->verb == &ds_verb_sources;
	struct ds_ask ask;
	int status;

	if (read_words(what->verb, &c, has_legend ? with_legend : plain, argc, argv, words,
		       &status) != 0)
		return status;
	status = connect_to(&ask, what->verb, &c);
	return status != 0 ? status : finish(&ask, show(&ask, what, &c, legend));
}

static bool any_selected(const json_t *answer)
{
	const json_t *s;
	size_t i;

	json_array_foreach(json_object_get(answer, "sources"), i,
			   s) if (strcmp(ds_ask_text(s, "state", ""), "selected") == 0) return true;
	return false;
}

static bool has_bound(const json_t *answer)
{
	return ds_show_is_right(answer) && ds_ask_known(answer, "bound_ns");
}

static void print_status(const json_t *answer, bool first, bool legend)
{
	(void)first;
	(void)legend;
	ds_show_status(answer, stdout);
}

static void print_sources(const json_t *answer, bool first, bool legend)
{
	ds_show_sources(answer, first, legend, stdout);
}

static void print_sourcestats(const json_t *answer, bool first, bool legend)
{
	(void)legend;
	ds_show_sourcestats(answer, first, stdout);
}

static void print_select(const json_t *answer, bool first, bool legend)
{
	(void)legend;
	ds_show_select(answer, first, stdout);
}

static void print_server(const json_t *answer, bool first, bool legend)
{
	(void)first;
	(void)legend;
	ds_show_server(answer, stdout);
}

static void print_clients(const json_t *answer, bool first, bool legend)
{
	(void)legend;
	ds_show_clients(answer, first, stdout);
}

static void print_stamps(const json_t *answer, bool first, bool legend)
{
	(void)first;
	(void)legend;
	ds_show_stamps(answer, stdout);
}

#define SHOWN(name_, paged_, right_)                                                               \
	static int run_##name_(int argc, char **argv)                                              \
	{                                                                                          \
		static const struct shown what = {&ds_verb_##name_, paged_, print_##name_,         \
						  right_};                                         \
                                                                                                   \
		return run_shown(&what, argc, argv);                                               \
	}

SHOWN(status, false, ds_show_is_right)
SHOWN(sources, true, any_selected)
SHOWN(sourcestats, true, NULL)
SHOWN(select, true, any_selected)
SHOWN(server, false, NULL)
SHOWN(clients, true, NULL)
SHOWN(stamps, false, NULL)

static int run_exchanges(int argc, char **argv)
{
	struct common c = {.socket = DS_ASK_SOCKET};
	const struct ds_option options[] = {COMMON_OPTIONS(c)};
	const char *words[WORDS_MOST];
	struct ds_ask ask;
	char request[512];
	json_t *answer;
	int status;
	int count = read_words(&ds_verb_exchanges, &c, options, argc, argv, words, &status);

	if (count < 0)
		return status;
	if (count < 1 || count > 2 ||
	    snprintf(request, sizeof request, "exchanges %s %s", words[0],
		     count > 1 ? words[1] : "") >= (int)sizeof request) {
		fputs("drivestamp exchanges: a source is wanted, and how many at most (drivestamp help "
		      "exchanges)\n",
		      stderr);
		return DS_EXIT_USAGE;
	}
	status = connect_to(&ask, &ds_verb_exchanges, &c);
	if (status != 0)
		return status;
	status = ds_ask(&ask, request, &answer, false);
	if (status == 0 && c.json)
		fwrite(ask.text, 1, ask.length, stdout);
	else if (status == 0)
		ds_show_exchanges(answer, stdout);
	json_decref(answer);
	return finish(&ask, status);
}

/* ---- those that change ---- */

static void print_done(const json_t *answer)
{
	const char *words = ds_ask_text(answer, "words", "");
	char text[DS_TEXT];

	if (ds_ask_known(answer, "offset_ns"))
		printf("stepped by %s\n",
		       ds_text_duration(ds_ask_integer(answer, "offset_ns", 0), true, text));
	else if (words[0] != '\0')
		printf("%s\n", words);
	else if (ds_ask_known(answer, "changed"))
		printf("done: %lld changed\n", (long long)ds_ask_integer(answer, "changed", 0));
	else
		puts("done");
}

/* least, most: words behind the verb. */
static int run_order(const struct ds_verb *verb, int least, int most, int argc, char **argv)
{
	struct common c = {.socket = DS_ASK_SOCKET};
	const struct ds_option options[] = {COMMON_OPTIONS(c)};
	const char *words[WORDS_MOST];
	char request[1000];
	size_t used;
	struct ds_ask ask;
	json_t *answer;
	int status;
	int count = read_words(verb, &c, options, argc, argv, words, &status);

	if (count < 0)
		return status;
	used = (size_t)snprintf(request, sizeof request, "%s", verb->name);
	for (int i = 0; i < count && used < sizeof request; i++)
		used += (size_t)snprintf(request + used, sizeof request - used, " %s", words[i]);
	if (count < least || count > most || used >= sizeof request) {
		fprintf(stderr, "drivestamp %s: %s (drivestamp help %s)\n", verb->name,
			count < least ? "a word is lacking" : "too many words", verb->name);
		return DS_EXIT_USAGE;
	}
	status = connect_to(&ask, verb, &c);
	if (status != 0)
		return status;
	status = ds_ask(&ask, request, &answer, false);
	if (status == 0 && c.json)
		fwrite(ask.text, 1, ask.length, stdout);
	else if (status == 0)
		print_done(answer);
	json_decref(answer);
	return finish(&ask, status);
}

#define ORDER(name_, least_, most_)                                                                \
	static int run_##name_(int argc, char **argv)                                              \
	{                                                                                          \
		return run_order(&ds_verb_##name_, least_, most_, argc, argv);                     \
	}

ORDER(online, 0, 1)
ORDER(offline, 0, 1)
ORDER(onoffline, 0, 0)
ORDER(burst, 1, 2)
ORDER(makestep, 0, 0)
ORDER(reload, 0, 1)
ORDER(add, 2, WORDS_MOST)
ORDER(delete, 1, 1)
ORDER(cyclelogs, 0, 0)

/* ---- waitsync ---- */

struct wait {
	int tries; /* 0: for ever */
	double correction_s, skew_ppm, interval_s, within_s;
};

static bool is_reached(const json_t *s, const struct wait *w)
{
	double remaining_s = (double)ds_ask_integer(s, "remaining_ns", 0) * 1e-9;

	if (!ds_ask_true(s, "synchronised") || !ds_show_is_right(s))
		return false;
	if (w->correction_s > 0.0 &&
	    (remaining_s > w->correction_s || remaining_s < -w->correction_s))
		return false;
	if (w->skew_ppm > 0.0 && ds_ask_number(s, "skew_ppm", 1e9) > w->skew_ppm)
		return false;
	return !(w->within_s > 0.0) ||
	       (has_bound(s) && (double)ds_ask_integer(s, "bound_ns", 0) * 1e-9 <= w->within_s);
}

/* The daemon may come later, or be started anew: that is no reason to give up. */
static int try_once(const struct common *c, const struct wait *w, bool *there)
{
	struct ds_ask ask;
	json_t *answer = NULL;
	int status = ds_ask_open(&ask, "drivestamp waitsync", c->socket, true);

	*there = status == 0;
	if (status != 0)
		return status;
	status = ds_ask(&ask, "status", &answer, true);
	if (status == 0) {
		status = is_reached(answer, w) ? 0 : DS_EXIT_NOT_RIGHT;
		if (c->json)
			fwrite(ask.text, 1, ask.length, stdout);
		else
			ds_show_headline(answer, stdout);
		fflush(stdout);
	}
	json_decref(answer);
	ds_ask_close(&ask);
	return status;
}

static bool wait_word(const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	if (end != text && *end == '\0' && *value >= 0.0)
		return true;
	fprintf(stderr, "drivestamp waitsync: '%s' is no number, 0 or more\n", text);
	return false;
}

static int run_waitsync(int argc, char **argv)
{
	struct common c = {.socket = DS_ASK_SOCKET};
	struct wait w = {.interval_s = 10.0};
	double tries = 0.0;
	const struct ds_option options[] = {{"within", 0, DS_OPTION_NUMBER, &w.within_s, 1e-9, 1e9,
					     "SECONDS", "until the bound is at most this, too"},
					    COMMON_OPTIONS(c)};
	double *const values[] = {&tries, &w.correction_s, &w.skew_ppm, &w.interval_s};
	const char *words[WORDS_MOST];
	bool there = false;
	int status;
	int count = read_words(&ds_verb_waitsync, &c, options, argc, argv, words, &status);

	if (count < 0)
		return status;
	for (int i = 0; i < count; i++)
		if (i >= 4 || !wait_word(words[i], values[i]))
			return DS_EXIT_USAGE;
	if (w.interval_s < 0.1)
		w.interval_s = 0.1;
	for (int64_t n = 1;; n++) {
		status = try_once(&c, &w, &there);
		if (status == 0)
			return 0;
		if (tries > 0.0 && (double)n >= tries)
			break;
		usleep((useconds_t)(w.interval_s * 1e6));
	}
	fprintf(stderr, "drivestamp waitsync: %s\n", there ? "not reached" : "no daemon answered");
	return there ? DS_EXIT_NOT_RIGHT : DS_EXIT_NO_DAEMON;
}

/* ---- their names ---- */

const struct ds_verb ds_verb_status = {"status", "",
				       "Is the clock right, within what, and by whom?", run_status};
const struct ds_verb ds_verb_sources = {
	"sources", "", "Every source: state, offset, error, mode, and who took the stamps.",
	run_sources};
const struct ds_verb ds_verb_sourcestats = {
	"sourcestats", "", "What is known of each source's clock and frequency.", run_sourcestats};
const struct ds_verb ds_verb_select = {"select", "", "Why each source is used or not, in words.",
				       run_select};
const struct ds_verb ds_verb_exchanges = {
	"exchanges", "SOURCE [COUNT]",
	"The last exchanges with a source: four stamps, accepted or why not.", run_exchanges};
const struct ds_verb ds_verb_server = {"server", "",
				       "What was served, and dropped for what reason.", run_server};
const struct ds_verb ds_verb_clients = {"clients", "", "Who asked this server.", run_clients};
const struct ds_verb ds_verb_stamps = {"stamps", "", "Who took the stamps, what was lost, and why.",
				       run_stamps};
const struct ds_verb ds_verb_waitsync = {"waitsync", "[TRIES [CORRECTION [SKEW [INTERVAL]]]]",
					 "Wait until the clock is right.", run_waitsync};
const struct ds_verb ds_verb_online = {"online", "[SOURCE|ADDRESS/BITS]", "Ask these sources.",
				       run_online};
const struct ds_verb ds_verb_offline = {"offline", "[SOURCE|ADDRESS/BITS]",
					"Do not ask them any more.", run_offline};
const struct ds_verb ds_verb_onoffline = {
	"onoffline", "", "Ask those to which there is a route, the others not.", run_onoffline};
const struct ds_verb ds_verb_burst = {"burst", "GOOD/MOST [SOURCE|ADDRESS/BITS]",
				      "Measure so often, soon.", run_burst};
const struct ds_verb ds_verb_makestep = {"makestep", "", "Step the clock by what it is off.",
					 run_makestep};
const struct ds_verb ds_verb_reload = {"reload", "[sources]",
				       "Read the folders of sourcedir again.", run_reload};
const struct ds_verb ds_verb_add = {"add", "server|pool|peer NAME [OPTION]...", "Add a source.",
				    run_add};
const struct ds_verb ds_verb_delete = {"delete", "SOURCE", "Remove a source.", run_delete};
const struct ds_verb ds_verb_cyclelogs = {"cyclelogs", "", "Open the measurement logs anew.",
					  run_cyclelogs};
