/* scenario: see scenario.h. A line becomes words; a table says who takes which. */
#include "sim/scenario.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

struct reader {
	struct sim_scenario *s;
	struct sim_host_spec *host; /* the last `host` */
	const char *file;
	int line;
	char *why;
	char *words[SIM_WORDS];
	int count, at;
	const char *rest; /* of the line, behind the first word */
	bool figures_given;
};

static const char *const metric_names[SIM_METRICS] = {
	"rms",	     "max",    "sync", "recovery", "packets",
	"overshoot", "inside", "hard", "bound",	   "oracle",
};

const char *sim_metric_name(enum sim_metric metric)
{
	return metric_names[metric];
}

bool sim_metric_is_time(enum sim_metric m)
{
	return m == SIM_RMS || m == SIM_MAX || m == SIM_SYNC || m == SIM_RECOVERY ||
	       m == SIM_OVERSHOOT;
}

__attribute__((format(printf, 2, 3))) static bool fail(struct reader *r, const char *format, ...)
{
	char text[SIM_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (r->line > 0)
		snprintf(r->why, SIM_WHY, "%.48s:%d: %s", r->file, r->line, text);
	else
		snprintf(r->why, SIM_WHY, "%s", text);
	return false;
}

/* ---- words ---- */

static const char *next(struct reader *r)
{
	return r->at < r->count ? r->words[r->at++] : NULL;
}

static bool more(const struct reader *r)
{
	return r->at < r->count;
}

struct unit {
	const char *name;
	double factor;
};

static const struct unit times[] = {{"ns", 1.0},   {"us", 1e3},	  {"ms", 1e6},	  {"s", 1e9},
				    {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {NULL, 0.0}};
static const struct unit freqs[] = {
	{"", 1.0}, {"ppm", 1e-6}, {"ppb", 1e-9}, {"%", 1e-2}, {NULL, 0}};
static const struct unit shares[] = {{"", 1.0}, {"%", 1e-2}, {NULL, 0}};
static const struct unit plain[] = {{"", 1.0}, {NULL, 0}};

static bool number(struct reader *r, const struct unit *units, double least, double most,
		   const char *what, double *value)
{
	const char *word = next(r);
	char *end;

	if (word == NULL)
		return fail(r, "%s is missing", what);
	*value = strtod(word, &end);
	for (; units->name != NULL && end != word; units++)
		if (strcmp(end, units->name) == 0) {
			*value *= units->factor;
			if (*value >= least && *value <= most)
				return true;
			return fail(r, "%s %s: out of range", what, word);
		}
	return fail(r, "%s: not %s", word, what);
}

static bool time_ns(struct reader *r, double least, double *value)
{
	return number(r, times, least, 4e18, "a time", value);
}

static bool time_int(struct reader *r, double least, int64_t *value)
{
	double ns;

	if (!time_ns(r, least, &ns))
		return false;
	*value = llrint(ns);
	return true;
}

static bool freq(struct reader *r, double *value)
{
	return number(r, freqs, -0.2, 0.2, "a frequency", value);
}

static bool share(struct reader *r, double *value)
{
	return number(r, shares, 0.0, 1.0, "a share", value);
}

static int find_host(const struct sim_scenario *s, const char *name)
{
	for (int i = 0; name != NULL && i < s->host_count; i++)
		if (strcasecmp(s->hosts[i].name, name) == 0)
			return i;
	return -1;
}

static bool host_index(struct reader *r, int *index)
{
	const char *name = next(r);

	*index = find_host(r->s, name);
	return *index >= 0 ||
	       fail(r, "%s: no such host", name != NULL ? name : "a host is missing");
}

static bool date(struct reader *r, int64_t *ns)
{
	const char *word = next(r);
	struct tm tm = {0};
	int n = 0;

	if (word == NULL)
		return fail(r, "a date is missing");
	if (sscanf(word, "%d-%d-%d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &n) < 3 ||
	    (word[n] != '\0' &&
	     sscanf(word + n, "T%d:%d:%d", &tm.tm_hour, &tm.tm_min, &tm.tm_sec) < 3) ||
	    tm.tm_year < 1970 || tm.tm_year > 2200)
		return fail(r, "%s: not a date", word);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ns = (int64_t)timegm(&tm) * NS_PER_S;
	return true;
}

/* ---- links ---- */

static bool read_recorded(struct reader *r, const char *name, struct sim_law *law)
{
	char path[2 * SIM_TEXT];
	const char *slash = strrchr(r->file, '/');
	double *values = NULL;
	size_t count = 0, room = 0;
	char line[64];
	FILE *in;

	snprintf(path, sizeof path, "%.*s%s", slash != NULL ? (int)(slash - r->file + 1) : 0,
		 r->file, name != NULL ? name : "");
	in = fopen(path, "re");
	if (in == NULL)
		return fail(r, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, in) != NULL) {
		if (count == room) {
			double *grown = realloc(values, (room = 2 * room + 64) * sizeof *values);

			if (grown == NULL)
				break;
			values = grown;
		}
		values[count++] = strtod(line, NULL);
	}
	fclose(in);
	law->recorded_ns = values;
	law->recorded_count = count;
	return count > 0 || fail(r, "%s: no delays", path);
}

static const struct law_word {
	const char *name;
	enum sim_law_kind kind;
	const char *arguments; /* t time, s share, n number above 0 */
} law_words[] = {
	{"exp", SIM_LAW_EXP, "t"},	    {"gamma", SIM_LAW_GAMMA, "nt"},
	{"pareto", SIM_LAW_PARETO, "tn"},   {"uniform", SIM_LAW_UNIFORM, "t"},
	{"gauss", SIM_LAW_GAUSS, "t"},	    {"twolevel", SIM_LAW_TWOLEVEL, "stt"},
	{"recorded", SIM_LAW_RECORDED, ""}, {"selfsimilar", SIM_LAW_SELFSIMILAR, "tn"},
};

static bool read_law(struct reader *r, const struct law_word *word, struct sim_law *law)
{
	double *to[3] = {&law->a, &law->b, &law->c};

	*law = (struct sim_law){.kind = word->kind};
	if (word->kind == SIM_LAW_RECORDED)
		return read_recorded(r, next(r), law);
	for (int i = 0; i < 3 && word->arguments[i] != '\0'; i++) {
		bool good = word->arguments[i] == 't' ? time_ns(r, 0.0, to[i])
			    : word->arguments[i] == 's'
				    ? share(r, to[i])
				    : number(r, plain, 1e-3, 1e6, "a number", to[i]);
		if (!good)
			return false;
	}
	return true;
}

static const struct law_word *find_law(const char *name)
{
	for (size_t i = 0; i < sizeof law_words / sizeof law_words[0]; i++)
		if (strcmp(law_words[i].name, name) == 0)
			return &law_words[i];
	return NULL;
}

static bool add_law(struct reader *r, const struct law_word *word, struct sim_way *way, bool *named)
{
	if (!*named)
		way->law_count = 0;
	*named = true;
	if (way->law_count == SIM_LAWS)
		return fail(r, "more than %d laws", SIM_LAWS);
	memset(&way->states[way->law_count], 0, sizeof way->states[0]);
	return read_law(r, word, &way->laws[way->law_count++]);
}

static bool read_way(struct reader *r, struct sim_way *way)
{
	bool named = false;
	bool good = true;

	while (good && more(r)) {
		const char *word = next(r);
		const struct law_word *law = find_law(word);

		if (law != NULL)
			good = add_law(r, law, way, &named);
		else if (strcmp(word, "delay") == 0)
			good = time_ns(r, 0.0, &way->delay_ns);
		else if (strcmp(word, "loss") == 0)
			good = share(r, &way->loss);
		else if (strcmp(word, "duplicate") == 0)
			good = share(r, &way->duplicate);
		else if (strcmp(word, "reorder") == 0)
			good = share(r, &way->reorder) && time_ns(r, 0.0, &way->reorder_ns);
		else if (strcmp(word, "smooth") == 0)
			way->law_count = 0;
		else if (strcmp(word, "down") == 0 || strcmp(word, "up") == 0)
			way->down = word[0] == 'd';
		else
			return fail(r, "%s: no such word of a link", word);
	}
	return good;
}

static void split(struct reader *r, char *line)
{
	char *save;

	r->count = r->at = 0;
	for (char *w = strtok_r(line, " \t", &save); w != NULL && r->count < SIM_WORDS;
	     w = strtok_r(NULL, " \t", &save))
		r->words[r->count++] = w;
}

bool sim_way_change(struct sim_way *way, const char *words, char why[SIM_WHY])
{
	struct reader r = {.file = ""};
	char line[SIM_TEXT];

	r.why = why;
	snprintf(line, sizeof line, "%s", words);
	split(&r, line);
	return read_way(&r, way);
}

int sim_scenario_way(const struct sim_scenario *s, int from, int to)
{
	for (int i = 0; i < s->way_count; i++)
		if (s->ways[i].from == from && s->ways[i].to == to)
			return i;
	return -1;
}

/* "A B" or "A > B" */
static bool read_ends(struct reader *r, int *from, int *to, bool *one_way)
{
	if (!host_index(r, from))
		return false;
	*one_way = more(r) && strcmp(r->words[r->at], ">") == 0;
	r->at += *one_way;
	if (!host_index(r, to))
		return false;
	return *from != *to || fail(r, "a link of a host to itself");
}

static struct sim_way *get_way(struct reader *r, int from, int to)
{
	struct sim_scenario *s = r->s;
	int i = sim_scenario_way(s, from, to);

	if (i >= 0)
		return &s->ways[i];
	if (s->way_count == SIM_WAYS)
		return NULL;
	s->ways[s->way_count] = (struct sim_way){.from = from, .to = to};
	return &s->ways[s->way_count++];
}

static bool on_link(struct reader *r)
{
	int from, to, at;
	bool one_way;

	if (!read_ends(r, &from, &to, &one_way))
		return false;
	at = r->at;
	for (int i = 0; i < (one_way ? 1 : 2); i++) {
		struct sim_way *way = i == 0 ? get_way(r, from, to) : get_way(r, to, from);

		if (way == NULL)
			return fail(r, "more than %d ways", SIM_WAYS);
		r->at = at;
		if (!read_way(r, way))
			return false;
	}
	return true;
}

/* ---- hosts ---- */

static bool on_host(struct reader *r)
{
	struct sim_scenario *s = r->s;
	const char *name = next(r);

	if (name == NULL || strlen(name) >= SIM_NAME)
		return fail(r, "a name is missing, or too long");
	if (find_host(s, name) >= 0)
		return fail(r, "%s: there is one already", name);
	if (s->host_count == SIM_HOSTS)
		return fail(r, "more than %d hosts", SIM_HOSTS);
	r->host = &s->hosts[s->host_count++];
	memset(r->host, 0, sizeof *r->host);
	snprintf(r->host->name, SIM_NAME, "%s", name);
	r->host->kernel_stamps = true;
	return true;
}

static bool read_cycle(struct reader *r, struct sim_oscillator_model *m)
{
	struct sim_cycle *c = &m->cycles[m->cycle_count];
	double period_ns;

	if (m->cycle_count == SIM_CYCLES)
		return fail(r, "more than %d cycles", SIM_CYCLES);
	if (!freq(r, &c->amplitude) || !time_ns(r, 1e9, &period_ns) || !share(r, &c->phase))
		return false;
	c->period_s = period_ns * 1e-9;
	m->cycle_count++;
	return true;
}

static bool on_clock(struct reader *r)
{
	struct sim_oscillator_model *m = &r->host->oscillator;
	bool good = true;

	while (good && more(r)) {
		const char *word = next(r);

		if (strcmp(word, "perfect") == 0)
			r->host->perfect = true;
		else if (strcmp(word, "offset") == 0)
			good = time_ns(r, -1e18, &r->host->offset_ns);
		else if (strcmp(word, "freq") == 0)
			good = freq(r, &m->freq);
		else if (strcmp(word, "wander") == 0)
			good = freq(r, &m->wander);
		else if (strcmp(word, "white") == 0)
			good = freq(r, &m->white);
		else if (strcmp(word, "flicker") == 0)
			good = freq(r, &m->flicker);
		else if (strcmp(word, "aging") == 0)
			good = freq(r, &m->aging_per_day);
		else if (strcmp(word, "cycle") == 0)
			good = read_cycle(r, m);
		else if (strcmp(word, "step") == 0) {
			good = time_ns(r, 1e6, &m->step_s);
			m->step_s *= 1e-9;
		} else
			return fail(r, "%s: no such word of a clock", word);
	}
	return good;
}

static bool on_stamps(struct reader *r)
{
	bool good = true;

	while (good && more(r)) {
		const char *word = next(r);

		if (strcmp(word, "kernel") == 0 || strcmp(word, "daemon") == 0)
			r->host->kernel_stamps = word[0] == 'k';
		else if (strcmp(word, "noise") == 0)
			good = time_ns(r, 0.0, &r->host->stamp_noise_ns);
		else if (strcmp(word, "lost") == 0)
			good = share(r, &r->host->stamp_lost);
		else if (strcmp(word, "late") == 0)
			good = time_ns(r, 0.0, &r->host->stamp_late_ns);
		else
			return fail(r, "%s: no such word of stamps", word);
	}
	return good;
}

static bool on_latency(struct reader *r)
{
	bool good = true;

	while (good && more(r)) {
		const char *word = next(r);

		if (strcmp(word, "wake") == 0)
			good = time_ns(r, 0.0, &r->host->wake_ns);
		else if (strcmp(word, "send") == 0)
			good = time_ns(r, 0.0, &r->host->send_ns);
		else
			return fail(r, "%s: neither wake nor send", word);
	}
	return good;
}

static bool on_rtc(struct reader *r)
{
	const char *word = next(r);

	if (word == NULL || strcmp(word, "error") != 0)
		return fail(r, "expected: rtc error TIME");
	return time_ns(r, 0.0, &r->host->rtc_error_ns);
}

static bool on_shm(struct reader *r)
{
	bool good = true;

	r->host->shm_every_ns = NS_PER_S;
	while (good && more(r)) {
		const char *word = next(r);

		if (strcmp(word, "noise") == 0)
			good = time_ns(r, 0.0, &r->host->shm_noise_ns);
		else if (strcmp(word, "every") == 0)
			good = time_int(r, 1e6, &r->host->shm_every_ns);
		else
			return fail(r, "%s: neither noise nor every", word);
	}
	return good;
}

static bool on_conf(struct reader *r)
{
	struct sim_host_spec *h = r->host;

	if (h->conf_count == SIM_CONFS || strlen(r->rest) >= SIM_TEXT)
		return fail(r, "more than %d lines, or one longer than %d", SIM_CONFS, SIM_TEXT);
	h->conf_line[h->conf_count] = r->line;
	snprintf(h->conf[h->conf_count++], SIM_TEXT, "%s", r->rest);
	r->at = r->count;
	return true;
}

static bool on_silent(struct reader *r)
{
	r->host->silent = true;
	return true;
}

static bool on_leaplist(struct reader *r)
{
	r->host->leaplist = true;
	return true;
}

/* ---- what happens ---- */

static bool link_event(struct reader *r, struct sim_event_spec *e)
{
	char why[SIM_WHY];
	struct sim_way scratch = {0};
	size_t used = 0;

	e->kind = SIM_EVENT_LINK;
	if (!read_ends(r, &e->host, &e->other, &e->one_way))
		return false;
	while (more(r)) {
		int n = snprintf(e->words + used, sizeof e->words - used, "%s ", next(r));

		used += (size_t)n;
		if (used >= sizeof e->words)
			return fail(r, "too long");
	}
	if (sim_scenario_way(r->s, e->host, e->other) < 0 ||
	    (!e->one_way && sim_scenario_way(r->s, e->other, e->host) < 0))
		return fail(r, "there is no such link yet");
	return sim_way_change(&scratch, e->words, why) || fail(r, "%s", why);
}

static bool host_event(struct reader *r, struct sim_event_spec *e)
{
	const char *word = next(r);

	if (word == NULL)
		return fail(r, "what happens is missing");
	if (strcmp(word, "step") == 0) {
		e->kind = SIM_EVENT_STEP;
		return time_ns(r, -1e18, &e->value);
	}
	if (strcmp(word, "freq") == 0) {
		e->kind = SIM_EVENT_FREQ;
		return freq(r, &e->value);
	}
	if (strcmp(word, "suspend") == 0) {
		e->kind = SIM_EVENT_SUSPEND;
		return time_ns(r, 1e6, &e->value);
	}
	e->kind = strcmp(word, "stop") == 0 ? SIM_EVENT_STOP : SIM_EVENT_START;
	return e->kind == SIM_EVENT_STOP || strcmp(word, "start") == 0 ||
	       fail(r, "%s: no such event", word);
}

static bool on_at(struct reader *r)
{
	struct sim_scenario *s = r->s;
	struct sim_event_spec *e = &s->events[s->event_count];

	if (s->event_count == SIM_EVENTS)
		return fail(r, "more than %d events", SIM_EVENTS);
	memset(e, 0, sizeof *e);
	if (!time_int(r, 0.0, &e->at_ns))
		return false;
	if (more(r) && strcmp(r->words[r->at], "every") == 0) {
		r->at++;
		if (!time_int(r, 1e6, &e->every_ns))
			return false;
	}
	s->event_count++;
	if (more(r) && strcmp(r->words[r->at], "link") == 0) {
		r->at++;
		return link_event(r, e);
	}
	return host_index(r, &e->host) && host_event(r, e);
}

/* ---- what must come of it ---- */

static int find_variant(const struct sim_scenario *s, const char *name)
{
	for (int i = 0; i < s->variant_count; i++)
		if (strcmp(s->variants[i].name, name) == 0)
			return i;
	return -1;
}

static bool read_metric(struct reader *r, struct sim_limit *l)
{
	char *word = r->at < r->count ? r->words[r->at++] : NULL;
	char *colon = word != NULL ? strchr(word, ':') : NULL;

	l->variant = -1;
	if (colon != NULL) {
		*colon = '\0';
		l->variant = find_variant(r->s, colon + 1);
		if (l->variant < 0)
			return fail(r, "%s: no such variant", colon + 1);
	}
	for (int m = 0; word != NULL && m < SIM_METRICS; m++)
		if (strcmp(word, metric_names[m]) == 0) {
			l->metric = (enum sim_metric)m;
			return true;
		}
	return fail(r, "%s: no such metric", word != NULL ? word : "nothing");
}

static bool on_limit(struct reader *r)
{
	struct sim_scenario *s = r->s;
	struct sim_limit *l = &s->limits[s->limit_count];
	const char *sign;

	if (s->limit_count == SIM_LIMITS)
		return fail(r, "more than %d limits", SIM_LIMITS);
	if (!host_index(r, &l->host) || !read_metric(r, l))
		return false;
	sign = next(r);
	if (sign == NULL || (strcmp(sign, "<") != 0 && strcmp(sign, ">") != 0))
		return fail(r, "expected < or >");
	l->below = sign[0] == '<';
	l->line = r->line;
	s->limit_count++;
	if (sim_metric_is_time(l->metric))
		return time_ns(r, 0.0, &l->value);
	return number(r, shares, 0.0, 1e12, "a number", &l->value);
}

static bool on_expect(struct reader *r)
{
	struct sim_scenario *s = r->s;
	struct sim_expect *e = &s->expects[s->expect_count];
	const char *word;
	size_t used = 0;
	char *end;

	if (s->expect_count == SIM_LIMITS || !host_index(r, &e->host))
		return s->expect_count == SIM_LIMITS ? fail(r, "too many") : false;
	word = next(r);
	if (word == NULL || strcmp(word, "log") != 0 || (word = next(r)) == NULL)
		return fail(r, "expected: log N TEXT");
	e->count = (int)strtol(word, &end, 10);
	e->or_more = *end == '+';
	e->text[0] = '\0';
	while (more(r) && used < sizeof e->text)
		used += (size_t)snprintf(e->text + used, sizeof e->text - used, "%s%s",
					 used > 0 ? " " : "", next(r));
	e->line = r->line;
	s->expect_count++;
	return used > 0 || fail(r, "a text is missing");
}

static bool on_variant(struct reader *r)
{
	struct sim_scenario *s = r->s;
	struct sim_variant *v = &s->variants[s->variant_count];
	const char *name = next(r);
	const char *text = name != NULL ? strstr(r->rest, name) + strlen(name) : "";

	if (s->variant_count == SIM_VARIANTS || name == NULL || strlen(name) >= SIM_NAME ||
	    strlen(text) >= SIM_TEXT)
		return fail(r, "too many variants, no name, or too long");
	memset(v, 0, sizeof *v);
	snprintf(v->name, SIM_NAME, "%s", name);
	snprintf(v->text, SIM_TEXT, "%s", text + strspn(text, " \t"));
	s->variant_count++;
	r->at = r->count;
	return true;
}

static bool on_check(struct reader *r)
{
	const char *name = next(r);
	double seeds = 1.0;
	int v;

	if (name != NULL && strcmp(name, "-") == 0 && r->s->variant_count == 0)
		r->s->variants[r->s->variant_count++] = (struct sim_variant){.name = "-"};
	v = name != NULL ? find_variant(r->s, name) : -1;
	if (v < 0)
		return fail(r, "%s: no such variant", name != NULL ? name : "nothing");
	if (more(r) && !number(r, plain, 1.0, 100.0, "a number", &seeds))
		return false;
	r->s->variants[v].check_seeds = (int)seeds;
	return true;
}

/* ---- the whole ---- */

static bool on_title(struct reader *r)
{
	snprintf(r->s->title, SIM_TEXT, "%s", r->rest);
	r->at = r->count;
	return true;
}

static bool on_duration(struct reader *r)
{
	return time_int(r, 1e9, &r->s->duration_ns);
}

static bool on_figures(struct reader *r)
{
	const char *word = next(r);

	r->figures_given = true;
	if (word == NULL || strcmp(word, "from") != 0)
		return fail(r, "expected: figures from TIME");
	return time_int(r, 0.0, &r->s->figures_ns);
}

static bool on_sample(struct reader *r)
{
	return time_int(r, 1e6, &r->s->sample_ns);
}

static bool on_sync(struct reader *r)
{
	return time_ns(r, 1.0, &r->s->sync_ns);
}

static bool on_begin(struct reader *r)
{
	return date(r, &r->s->begin_ns);
}

static bool on_leap(struct reader *r)
{
	const char *word = next(r);
	int64_t day_ns = 0;

	if (word == NULL || (strcmp(word, "insert") != 0 && strcmp(word, "delete") != 0))
		return fail(r, "expected: leap insert or delete, and a day");
	r->s->leap = word[0] == 'i' ? 1 : -1;
	if (!date(r, &day_ns))
		return false;
	/* a deleted one is the last second of the day */
	r->s->leap_at_ns = day_ns + INT64_C(86400) * NS_PER_S - r->s->begin_ns -
			   (r->s->leap < 0 ? NS_PER_S : 0);
	return r->s->leap_at_ns > 0 || fail(r, "before the beginning");
}

static const struct directive {
	const char *name;
	bool (*take)(struct reader *r);
	bool of_host;
} directives[] = {
	{"title", on_title, false},	{"duration", on_duration, false},
	{"figures", on_figures, false}, {"sample", on_sample, false},
	{"sync", on_sync, false},	{"begin", on_begin, false},
	{"leap", on_leap, false},	{"variant", on_variant, false},
	{"check", on_check, false},	{"host", on_host, false},
	{"clock", on_clock, true},	{"stamps", on_stamps, true},
	{"latency", on_latency, true},	{"rtc", on_rtc, true},
	{"shm", on_shm, true},		{"conf", on_conf, true},
	{"silent", on_silent, true},	{"leaplist", on_leaplist, true},
	{"link", on_link, false},	{"at", on_at, false},
	{"limit", on_limit, false},	{"expect", on_expect, false},
};

static bool read_line(struct reader *r, const char *text)
{
	char copy[SIM_LINE];
	const char *name;

	snprintf(copy, sizeof copy, "%s", text);
	split(r, copy);
	name = next(r);
	if (name == NULL || name[0] == '#')
		return true;
	r->rest = text + strspn(text, " \t") + strlen(name);
	r->rest += strspn(r->rest, " \t");
	for (size_t i = 0; i < sizeof directives / sizeof directives[0]; i++) {
		if (strcmp(directives[i].name, name) != 0)
			continue;
		if (directives[i].of_host && r->host == NULL)
			return fail(r, "%s: no host yet", name);
		if (!directives[i].take(r))
			return false;
		return !more(r) || fail(r, "%s: too much", r->words[r->at]);
	}
	return fail(r, "%s: no such directive", name);
}

static void defaults(struct sim_scenario *s, const char *file)
{
	const char *base = strrchr(file, '/');
	char *dot;

	memset(s, 0, sizeof *s);
	snprintf(s->file, sizeof s->file, "%s", file);
	snprintf(s->name, sizeof s->name, "%.*s", SIM_NAME - 1, base != NULL ? base + 1 : file);
	dot = strrchr(s->name, '.');
	if (dot != NULL)
		*dot = '\0';
	s->duration_ns = 10000 * NS_PER_S;
	s->sample_ns = NS_PER_S;
	s->sync_ns = 1e6;
	s->begin_ns = INT64_C(1795420800) * NS_PER_S; /* 2026-11-23 08:00 */
	s->leap_at_ns = INT64_MAX;
}

bool sim_scenario_parse(struct sim_scenario *s, const char *file, const char *text,
			char why[SIM_WHY])
{
	struct reader r = {.s = s, .file = file};

	r.why = why;
	defaults(s, file);
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		char line[SIM_LINE];

		r.line++;
		if (length >= sizeof line)
			return fail(&r, "longer than %d", SIM_LINE);
		memcpy(line, text, length);
		line[length] = '\0';
		if (!read_line(&r, line))
			return false;
		text += length + (text[length] == '\n');
	}
	if (s->host_count == 0)
		return fail(&r, "no host");
	if (!r.figures_given)
		s->figures_ns = s->duration_ns / 4;
	if (s->figures_ns >= s->duration_ns)
		return fail(&r, "figures from a time that does not come");
	if (s->variant_count == 0)
		s->variants[s->variant_count++] = (struct sim_variant){.name = "-"};
	return true;
}

bool sim_scenario_read(struct sim_scenario *s, const char *path, char why[SIM_WHY])
{
	static char text[65536];
	FILE *in = fopen(path, "re");
	size_t length;

	if (in == NULL) {
		snprintf(why, SIM_WHY, "%.200s: %s", path, strerror(errno));
		return false;
	}
	length = fread(text, 1, sizeof text - 1, in);
	fclose(in);
	text[length] = '\0';
	if (length == sizeof text - 1) {
		snprintf(why, SIM_WHY, "%.200s: too long", path);
		return false;
	}
	return sim_scenario_parse(s, path, text, why);
}
