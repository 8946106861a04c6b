/* shadow: lines of the three files, taken apart; see shadow.h. A line is ours or it is counted as
 * bad: nothing is guessed from half of one. */
#include "lab/shadow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word;
	int values; /* -1: a text */
} whats[DS_SHADOW_WHATS] = {
	[DS_SHADOW_SYSTEM_STEP] = {"system-step", 1},
	[DS_SHADOW_SYSTEM_RATE] = {"system-rate", 3},
	[DS_SHADOW_SYSTEM_STATUS] = {"system-status", -1},
	[DS_SHADOW_KEEPERS] = {"keepers", -1},
	[DS_SHADOW_OWN_STEP] = {"own-step", 1},
	[DS_SHADOW_SLEPT] = {"slept", 1},
};

/* Three centuries, or as many ppm: what is more is no clock's. Not for NAN. */
static bool is_sane(double value)
{
	return fabs(value) <= 1e10;
}

/* Room for one more; the array as it is now, or NULL without memory (then it is as before). */
static void *room_for(void *array, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room > 0 ? 2 * *room : 256;
	void *more;

	if (count < *room)
		return array;
	if (wanted > SIZE_MAX / size)
		return NULL;
	more = realloc(array, wanted * size);
	if (more)
		*room = wanted;
	return more;
}

void ds_shadow_free(struct ds_shadow *shadow)
{
	free(shadow->exchanges);
	free(shadow->clocks);
	free(shadow->events);
	*shadow = (struct ds_shadow){0};
}

/* A file that is being read. */
struct reading {
	struct ds_shadow *shadow;
	size_t exchanges, clocks, events; /* what others files gave before it */
	unsigned runs;
};

/* What all lines begin with. */
struct begun {
	char when[32];
	double at_s;
	char letter;
	const char *rest;
};

/* NULL: it is such a beginning; else why not. */
static const char *read_beginning(const char *line, struct begun *b)
{
	char date[11], time[19];
	double second;
	int used = 0, year, month, day, hour, minute;

	if (sscanf(line, "%10s %18s %lf %c%n", date, time, &b->at_s, &b->letter, &used) != 4 ||
	    (line[used] != ' ' && line[used] != '\0'))
		return "no date, time, moment and letter";
	if (sscanf(date, "%4d-%2d-%2d", &year, &month, &day) != 3 ||
	    sscanf(time, "%2d:%2d:%lf", &hour, &minute, &second) != 3 || !is_sane(b->at_s))
		return "no date and time";
	snprintf(b->when, sizeof(b->when), "%s %.8s", date, time);
	b->rest = line + used;
	return NULL;
}

static int source_index(struct ds_shadow *s, const char *address)
{
	for (int i = 0; i < s->source_count; i++)
		if (strcmp(s->source[i].address, address) == 0)
			return i;
	if (s->source_count == DS_SHADOW_SOURCES)
		return -1;
	snprintf(s->source[s->source_count].address, DS_SHADOW_ADDRESS, "%s", address);
	return s->source_count++;
}

static const char no_memory[] = "no memory";

static const char *read_exchange(struct ds_shadow *s, const struct begun *b)
{
	struct ds_shadow_exchange x = {.at_s = b->at_s};
	char address[DS_SHADOW_ADDRESS], mode, more;
	double own_s, system_s, delay_s, distance_s;
	int stratum, version, poll, source;
	void *array;

	if (sscanf(b->rest, " %47s %1d%c %c%c %d %lf %lf %lf %lf %d %c", address, &version, &mode,
		   &x.tx, &x.rx, &stratum, &own_s, &system_s, &delay_s, &distance_s, &poll,
		   &more) != 11 ||
	    (mode != 'I' && mode != 'B') || !strchr("DKH-", x.tx) || !strchr("DKH-", x.rx) ||
	    !is_sane(own_s) || !is_sane(system_s) || !(delay_s >= 0) || !is_sane(delay_s) ||
	    !is_sane(distance_s))
		return "not the columns of a line X";
	source = source_index(s, address);
	if (source < 0)
		return "more sources than there is room for";
	array = room_for(s->exchanges, s->exchange_count, &s->exchange_room, sizeof(x));
	if (!array)
		return no_memory;
	s->exchanges = array;
	s->source[source].stratum = stratum;
	x.source = (uint8_t)source;
	x.interleaved = mode == 'I';
	x.own_ns = -own_s * 1e9;
	x.system_ns = -system_s * 1e9;
	x.delay_ns = delay_s * 1e9;
	x.distance_ns = distance_s * 1e9;
	s->exchanges[s->exchange_count++] = x;
	return NULL;
}

/* "-" is a bound that is not known. */
static bool read_bound(const char *text, double *ns)
{
	char *end;

	*ns = (double)NAN;
	if (strcmp(text, "-") == 0)
		return true;
	*ns = strtod(text, &end) * 1e9;
	return end != text && *end == '\0' && *ns >= 0 && is_sane(*ns * 1e-9);
}

static const char *read_clocks(struct ds_shadow *s, const struct begun *b)
{
	struct ds_shadow_clocks c = {.at_s = b->at_s};
	char bound[32], hard[32], own, system, more;
	double difference_s, remaining_s;
	void *array;

	if (sscanf(b->rest, " %lf %31s %31s %lf %lf %lf %c%c %c", &difference_s, bound, hard,
		   &c.frequency_ppm, &remaining_s, &c.system_rate_ppm, &own, &system, &more) != 8 ||
	    !strchr("S-", own) || !strchr("S-", system) || !read_bound(bound, &c.bound_ns) ||
	    !read_bound(hard, &c.hard_ns) || !is_sane(difference_s) || !is_sane(c.frequency_ppm) ||
	    !is_sane(remaining_s) || !is_sane(c.system_rate_ppm))
		return "not the columns of a line C";
	array = room_for(s->clocks, s->clock_count, &s->clock_room, sizeof(c));
	if (!array)
		return no_memory;
	s->clocks = array;
	c.own_minus_system_ns = difference_s * 1e9;
	c.remaining_ns = remaining_s * 1e9;
	c.own_synchronised = own == 'S';
	c.system_synchronised = system == 'S';
	s->clocks[s->clock_count++] = c;
	return NULL;
}

static bool read_values(const char *text, struct ds_shadow_event *e)
{
	double *v = e->value;
	char more;
	int got = sscanf(text, " %lf %lf %lf %c", &v[0], &v[1], &v[2], &more);

	for (int i = 0; i < got && i < 3; i++)
		if (!is_sane(v[i]))
			return false;
	if (e->what == DS_SHADOW_SYSTEM_RATE && !(v[2] >= 0 && v[2] <= UINT32_MAX))
		return false;
	if (e->what == DS_SHADOW_SYSTEM_STEP || e->what == DS_SHADOW_OWN_STEP)
		v[0] *= 1e9;
	return got == whats[e->what].values;
}

static const char *read_event(struct ds_shadow *s, const struct begun *b)
{
	struct ds_shadow_event e = {.at_s = b->at_s};
	char word[32];
	const char *rest;
	int used = 0, what = 0;
	void *array;

	if (sscanf(b->rest, " %31s%n", word, &used) != 1)
		return "a line E without a word";
	while (what < DS_SHADOW_WHATS && strcmp(whats[what].word, word) != 0)
		what++;
	if (what == DS_SHADOW_WHATS)
		return "a line E with an unknown word";
	e.what = (enum ds_shadow_what)what;
	rest = b->rest + used;
	if (whats[what].values >= 0 && !read_values(rest, &e))
		return "not the values of this line E";
	if (whats[what].values < 0)
		snprintf(e.text, sizeof(e.text), "%s", rest + strspn(rest, " "));
	memcpy(e.when, b->when, sizeof(e.when));
	array = room_for(s->events, s->event_count, &s->event_room, sizeof(e));
	if (!array)
		return no_memory;
	s->events = array;
	s->events[s->event_count++] = e;
	return NULL;
}

/* A run begins: this file's lines before it are of another. */
static const char *read_start(struct reading *r, const struct begun *b)
{
	struct ds_shadow *s = r->shadow;
	char program[DS_SHADOW_TEXT];
	bool others = r->exchanges + r->clocks + r->events > 0;

	snprintf(program, sizeof(program), "%s", b->rest + strspn(b->rest, " "));
	if (program[0] == '\0')
		return "a line S without a program";
	s->exchange_count = r->exchanges;
	s->clock_count = r->clocks;
	s->event_count = r->events;
	if (r->runs++ > s->runs_before)
		s->runs_before = r->runs - 1;
	s->mixed = others && s->program[0] != '\0' && strcmp(program, s->program) != 0;
	memcpy(s->program, program, sizeof(program));
	memcpy(s->begun, b->when, sizeof(s->begun));
	return NULL;
}

/* NULL, or why the line is none of ours. */
static const char *take_line(struct reading *r, const char *line)
{
	struct begun b;
	const char *why;

	if (line[0] == ' ' || line[0] == '=' || line[0] == '\0')
		return NULL;
	why = read_beginning(line, &b);
	if (why)
		return why;
	switch (b.letter) {
	case 'S':
		return read_start(r, &b);
	case 'X':
		return read_exchange(r->shadow, &b);
	case 'C':
		return read_clocks(r->shadow, &b);
	case 'E':
		return read_event(r->shadow, &b);
	default:
		return "an unknown letter";
	}
}

/* A line up to its newline, or false; what does not fit in, and a NUL, makes it none of ours. */
struct raw_line {
	char text[DS_SHADOW_LINE];
	const char *why; /* NULL: nothing is wrong so far */
};

static bool get_line(FILE *in, struct raw_line *line)
{
	size_t length = 0;
	int c;

	line->why = NULL;
	while ((c = getc_unlocked(in)) != EOF && c != '\n') {
		if (c == '\0')
			line->why = "a NUL byte";
		else if (length + 1 == sizeof(line->text))
			line->why = "longer than a line of ours";
		else
			line->text[length++] = (char)c;
	}
	line->text[length] = '\0';
	return c == '\n'; /* else it is being written */
}

bool ds_shadow_read(struct ds_shadow *s, FILE *in, const char *name)
{
	struct reading r = {s, s->exchange_count, s->clock_count, s->event_count, 0};
	struct raw_line line;
	uint64_t number = 0;

	while (get_line(in, &line)) {
		const char *why = line.why ? line.why : take_line(&r, line.text);

		number++;
		s->lines += line.text[0] != '\0' || line.why;
		if (why == no_memory)
			return false;
		if (!why)
			continue;
		if (s->bad_lines++ == 0)
			snprintf(s->bad, sizeof(s->bad), "%.180s:%llu: %s", name,
				 (unsigned long long)number, why);
	}
	return !ferror(in);
}
