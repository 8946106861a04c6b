/* screen: see screen.h. */
#include "tool/screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define BEGIN "\033[?1049h\033[?25l\033[0m\033[2J"
#define END   "\033[0m\033[?25h\033[?1049l"

/* ---- cells ---- */

static int within(int value, int most)
{
	return value < 1 ? 1 : value > most ? most : value;
}

bool ds_screen_size(struct ds_screen *s, int rows, int cols)
{
	struct ds_screen next = {.rows = within(rows, DS_SCREEN_ROWS),
				 .cols = within(cols, DS_SCREEN_COLS),
				 .whole = true};
	size_t count = (size_t)next.rows * (size_t)next.cols;

	next.cells = calloc(count, sizeof *next.cells);
	next.shown = calloc(count, sizeof *next.shown);
	if (next.cells == NULL || next.shown == NULL) {
		ds_screen_free(&next);
		return false;
	}
	ds_screen_free(s);
	*s = next;
	return true;
}

void ds_screen_free(struct ds_screen *s)
{
	free(s->cells);
	free(s->shown);
	s->cells = s->shown = NULL;
}

void ds_screen_clear(struct ds_screen *s)
{
	memset(s->cells, 0, (size_t)s->rows * (size_t)s->cols * sizeof *s->cells);
}

/* Bytes of the character that begins here; a broken one counts as one byte. */
static int character(const char *text)
{
	unsigned char c = (unsigned char)*text;
	int length = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

	for (int i = 1; i < length; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 1;
	return length;
}

/* C0, DEL, and C1, whose U+009B some terminals obey. */
static bool is_control(const char *text, int length)
{
	const unsigned char *c = (const unsigned char *)text;

	return length == 1 ? c[0] < 0x20 || c[0] == 0x7f : c[0] == 0xc2 && c[1] < 0xa0;
}

int ds_screen_put(struct ds_screen *s, int row, int col, enum ds_colour colour, const char *text)
{
	for (; *text != '\0'; col++) {
		int length = character(text);

		if (row >= 0 && row < s->rows && col >= 0 && col < s->cols) {
			struct ds_cell *cell =
				&s->cells[(size_t)row * (size_t)s->cols + (size_t)col];

			memset(cell, 0, sizeof *cell);
			if (is_control(text, length))
				cell->text[0] = '?';
			else
				memcpy(cell->text, text, (size_t)length);
			cell->colour = (unsigned char)colour;
		}
		text += length;
	}
	return col;
}

int ds_screen_print(struct ds_screen *s, int row, int col, enum ds_colour colour,
		    const char *format, ...)
{
	char text[DS_SCREEN_COLS + 1];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return ds_screen_put(s, row, col, colour, text);
}

static bool is_blank(const struct ds_cell *c)
{
	return c->text[0] == '\0' || (c->text[0] == ' ' && c->text[1] == '\0');
}

void ds_screen_dump(const struct ds_screen *s, FILE *out)
{
	for (int row = 0; row < s->rows; row++) {
		const struct ds_cell *line = &s->cells[(size_t)row * (size_t)s->cols];
		int end = s->cols;

		while (end > 0 && is_blank(&line[end - 1]))
			end--;
		for (int col = 0; col < end; col++)
			fputs(line[col].text[0] != '\0' ? line[col].text : " ", out);
		fputc('\n', out);
	}
}

/* ---- the terminal ---- */

static struct termios before, raw;
static sigset_t others; /* the mask while a key is waited for */
static bool is_open;
static volatile sig_atomic_t resized;

/* These two: only what may be called from a handler. */
static void take(void)
{
	is_open = true;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	(void)!write(STDOUT_FILENO, BEGIN, sizeof BEGIN - 1);
}

static void put_back(void)
{
	if (!is_open)
		return;
	is_open = false;
	(void)!write(STDOUT_FILENO, END, sizeof END - 1);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static void on_end(int number)
{
	put_back();
	signal(number, SIG_DFL);
	raise(number);
}

static void catch_stop(void);

static void on_stop(int number)
{
	int error = errno;

	put_back();
	signal(number, SIG_DFL);
	raise(number); /* stops here, and goes on from here */
	catch_stop();
	take();
	resized = 1;
	errno = error;
}

static void catch_stop(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	sigemptyset(&action.sa_mask);
	action.sa_handler = on_stop;
	action.sa_flags = SA_NODEFER; /* else it would stop behind its handler only */
	sigaction(SIGTSTP, &action, NULL);
}

static void on_resize(int number)
{
	(void)number;
	resized = 1;
}

/* Also of who was stopped without being asked (SIGSTOP). */
static void on_continue(int number)
{
	int error = errno;

	(void)number;
	if (is_open)
		take();
	resized = 1;
	errno = error;
}

/* A change of size comes while a key is waited for, or waits until then; no SA_RESTART: ppoll()
 * returns. */
static void catch_signals(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action;
	sigset_t resizes;

	memset(&action, 0, sizeof action);
	sigemptyset(&action.sa_mask);
	action.sa_handler = on_end;
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		sigaction(ends[i], &action, NULL);
	action.sa_handler = on_resize;
	sigaction(SIGWINCH, &action, NULL);
	action.sa_handler = on_continue;
	sigaction(SIGCONT, &action, NULL);
	catch_stop();
	sigemptyset(&resizes);
	sigaddset(&resizes, SIGWINCH);
	sigaddset(&resizes, SIGCONT);
	sigprocmask(SIG_BLOCK, &resizes, &others);
	sigdelset(&others, SIGWINCH);
	sigdelset(&others, SIGCONT);
}

bool ds_screen_open(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	setlocale(LC_CTYPE, "");
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	atexit(put_back);
	catch_signals();
	take();
	return true;
}

void ds_screen_close(void)
{
	put_back();
}

void ds_screen_terminal_size(int *rows, int *cols)
{
	struct winsize size;

	*rows = 24;
	*cols = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
		return;
	*rows = size.ws_row;
	*cols = size.ws_col;
}

bool ds_screen_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void write_all(const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = write(STDOUT_FILENO, bytes, length);

		if (sent < 0 && errno != EINTR)
			return;
		if (sent > 0) {
			bytes += sent;
			length -= (size_t)sent;
		}
	}
}

static void show_row(const struct ds_screen *s, int row, bool colours, FILE *out)
{
	const struct ds_cell *new = &s->cells[(size_t)row * (size_t)s->cols];
	const struct ds_cell *old = &s->shown[(size_t)row * (size_t)s->cols];
	int at = -1; /* where the cursor is */
	int colour = DS_PLAIN;

	for (int col = 0; col < s->cols; col++) {
		if (!s->whole && memcmp(&new[col], &old[col], sizeof new[col]) == 0)
			continue;
		if (at != col)
			fprintf(out, "\033[%d;%dH", row + 1, col + 1);
		if (colours && new[col].colour != colour) {
			static const char *const codes[] = {"0",    "0;32", "0;33",
							    "0;31", "0;1",  "0;2"};

			colour = new[col].colour;
			fprintf(out, "\033[%sm", codes[colour]);
		}
		fputs(new[col].text[0] != '\0' ? new[col].text : " ", out);
		at = col + 1;
	}
	if (colour != DS_PLAIN)
		fputs("\033[0m", out);
}

void ds_screen_show(struct ds_screen *s, bool colours)
{
	char *bytes = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&bytes, &length);

	if (out == NULL)
		return;
	for (int row = 0; row < s->rows; row++)
		show_row(s, row, colours, out);
	fclose(out);
	write_all(bytes, length);
	free(bytes);
	memcpy(s->shown, s->cells, (size_t)s->rows * (size_t)s->cols * sizeof *s->cells);
	s->whole = false;
}

/* Keys that were read and not told yet: who types fast sends several in one piece. */
static unsigned char keys[64];
static size_t keys_count;

static void forget_keys(size_t count)
{
	keys_count -= count;
	memmove(keys, keys + count, keys_count);
}

/* ESC [ A and the like; of whatever else begins with ESC, ESC [ and its last letter end it. */
static int take_key(void)
{
	int key = keys[0];
	size_t length = 1;

	if (key != '\033') {
		forget_keys(1);
		return key;
	}
	key = DS_KEY_OTHER;
	if (keys_count >= 3 && (keys[1] == '[' || keys[1] == 'O')) {
		length = 3;
		while (length < keys_count && keys[length - 1] < 0x40)
			length++;
		if (keys[2] == 'A')
			key = DS_KEY_UP;
		else if (keys[2] == 'B')
			key = DS_KEY_DOWN;
	}
	forget_keys(length);
	return key;
}

int ds_screen_key(int wait_ms)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000L};
	int ready = keys_count > 0 ? 0 : ppoll(&p, 1, &wait, &others);
	ssize_t count;

	if (resized) {
		resized = 0;
		return DS_KEY_RESIZE;
	}
	if (ready < 0 && errno != EINTR)
		return -1;
	if (ready > 0) {
		count = read(STDIN_FILENO, keys, sizeof keys);
		if (count <= 0)
			return -1;
		keys_count = (size_t)count;
	}
	return keys_count > 0 ? take_key() : 0;
}
