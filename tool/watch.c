/* watch: `drivestamp watch`: asks the daemon each so often, and shows what it says. It must never
 * end because the daemon does: it waits for it to come back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool/ask.h"
#include "tool/options.h"
#include "tool/text.h"
#include "tool/watch.h"

struct view {
	struct ds_watch state;
	struct ds_screen screen;
	struct ds_ask ask;
	const char *socket;
	bool connected, colours;
};

static void replace(json_t **held, json_t *new)
{
	json_decref(*held);
	*held = new;
}

static bool ask(struct view *v, const char *line, json_t **held)
{
	json_t *answer;
	int status = ds_ask(&v->ask, line, &answer, true);

	if (status == DS_EXIT_NO_DAEMON)
		return false;
	replace(held, answer);
	return true;
}

/* False: the daemon does not answer. */
static bool ask_exchanges(struct view *v)
{
	const char *chosen = ds_watch_chosen(&v->state);
	char line[320];

	if (chosen == NULL)
		return true;
	snprintf(line, sizeof line, "exchanges %s", chosen);
	return ask(v, line, &v->state.exchanges);
}

/* All that is on the screen, as of one moment or nearly so. */
static void refresh(struct view *v)
{
	struct ds_watch *w = &v->state;

	if (!v->connected)
		v->connected = ds_ask_open(&v->ask, "drivestamp watch", v->socket, true) == 0;
	if (v->connected)
		v->connected = ask(v, "status", &w->status) && ask(v, "sources", &w->sources) &&
			       ask(v, "stamps", &w->stamps) && ask_exchanges(v);
	w->trouble = v->connected ? NULL : "The daemon does not answer; waiting for it";
	if (v->connected)
		ds_watch_take(w);
	else
		ds_ask_close(&v->ask);
}

static void resize(struct view *v)
{
	int rows, cols;

	ds_screen_terminal_size(&rows, &cols);
	if (!ds_screen_size(&v->screen, rows, cols))
		exit(DS_EXIT_NOT_RIGHT);
}

static void choose(struct ds_watch *w, int by)
{
	int count = (int)json_array_size(json_object_get(w->sources, "sources"));

	w->chosen += by;
	if (w->chosen >= count)
		w->chosen = count - 1;
	if (w->chosen < 0)
		w->chosen = 0;
}

/* Returns whether to go on; *now: there is something new to ask for. */
static bool obey(struct view *v, int key, bool *now)
{
	*now = false;
	switch (key) {
	case -1:
	case 'q':
	case 'Q':
		return false;
	case 'p':
	case ' ':
		v->state.paused = !v->state.paused;
		break;
	case '?':
	case 'h':
		v->state.help = !v->state.help;
		break;
	case 'j':
	case DS_KEY_DOWN:
	case 'k':
	case DS_KEY_UP:
		choose(&v->state, key == 'j' || key == DS_KEY_DOWN ? 1 : -1);
		*now = !v->state.paused;
		if (v->state.paused && v->connected && !ask_exchanges(v)) {
			v->connected = false;
			ds_ask_close(&v->ask);
		}
		break;
	case DS_KEY_RESIZE:
		resize(v);
		break;
	default:
		break;
	}
	return true;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void run(struct view *v, int64_t interval_ms)
{
	int64_t due_ms = now_ms();
	bool now = true;

	for (;;) {
		int64_t left_ms;
		int key;

		if (now || (!v->state.paused && now_ms() >= due_ms)) {
			refresh(v);
			due_ms = now_ms() + interval_ms;
		}
		ds_watch_draw(&v->state, &v->screen);
		ds_screen_show(&v->screen, v->colours);
		left_ms = v->state.paused ? interval_ms : due_ms - now_ms();
		key = ds_screen_key(left_ms > 0 ? (int)left_ms : 0);
		if (!obey(v, key, &now))
			return;
	}
}

/* One frame as text, for scripts and documents. */
static int once(struct view *v, int rows, int cols)
{
	refresh(v);
	if (!ds_screen_size(&v->screen, rows, cols))
		return DS_EXIT_NOT_RIGHT;
	ds_watch_draw(&v->state, &v->screen);
	ds_screen_dump(&v->screen, stdout);
	return v->connected ? 0 : DS_EXIT_NO_DAEMON;
}

static int run_watch(int argc, char **argv)
{
	static struct view v = {.socket = DS_ASK_SOCKET};
	const char *colour = "auto";
	double interval_s = 1.0;
	bool one = false;
	int rows = 24, cols = 80;
	const struct ds_option options[] = {
		{"interval", 'i', DS_OPTION_NUMBER, &interval_s, 0.1, 3600, "SECONDS",
		 "between two looks (1)"},
		{"once", 0, DS_OPTION_FLAG, &one, 0, 0, NULL, "one look, as text, and end"},
		{"rows", 0, DS_OPTION_INTEGER, &rows, 5, DS_SCREEN_ROWS, "N", "of that text (24)"},
		{"columns", 0, DS_OPTION_INTEGER, &cols, 40, DS_SCREEN_COLS, "N",
		 "of that text (80)"},
		{"socket", 0, DS_OPTION_TEXT, &v.socket, 0, 0, "PATH",
		 "the daemon's controlsocket (" DS_ASK_SOCKET ")"},
		{"color", 0, DS_OPTION_TEXT, &colour, 0, 0, "WHEN",
		 "auto (unless NO_COLOR is set), always, never"},
		{NULL, 0, DS_OPTION_FLAG, NULL, 0, 0, NULL, NULL},
	};
	int rest = ds_options_read(&ds_verb_watch, options, argc, argv, NULL, 0);

	if (rest < 0)
		return rest == -2 ? 0 : DS_EXIT_USAGE;
	v.ask.fd = -1;
	if (!ds_text_colour_mode(colour)) {
		fprintf(stderr, "drivestamp watch: --color takes auto, always or never, not '%s'\n",
			colour);
		return DS_EXIT_USAGE;
	}
	v.colours = ds_text_is_coloured(stdout);
	if (one)
		return once(&v, rows, cols);
	if (!ds_screen_open()) {
		fputs("drivestamp watch: a terminal is wanted; --once gives one look as text\n",
		      stderr);
		return DS_EXIT_USAGE;
	}
	v.state.utf8 = ds_screen_is_utf8();
	resize(&v);
	run(&v, (int64_t)(interval_s * 1e3));
	ds_screen_close();
	return 0;
}

const struct ds_verb ds_verb_watch = {"watch", "",
				      "A live view: offset and bound, sources, stamps.", run_watch};
