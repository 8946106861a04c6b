/* conf_refclock: see conf_refclock.h. */
#include "daemon/conf_refclock.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PERM_DEFAULT 0600
#define UNIT_MAX     255

static bool wrong(char why[DS_FIELD_WHY], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool wrong(char why[DS_FIELD_WHY], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, DS_FIELD_WHY, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- drivers and their options ---- */

/* In the order of enum ds_refclock_driver. */
static const struct ds_word drivers[] = {
	[DS_REFCLOCK_PHC] = {"PHC", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	[DS_REFCLOCK_PPS] = {"PPS", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	[DS_REFCLOCK_RTC] = {"RTC", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	[DS_REFCLOCK_SHM] = {"SHM", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	[DS_REFCLOCK_SOCK] = {"SOCK", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
};
const struct ds_words ds_words_refclock_drivers = {
	.what = "driver of a reference clock",
	.list = drivers,
	.count = sizeof drivers / sizeof drivers[0],
};

#define FLAG 0
static const struct ds_word phc_options[] = {
	{"channel", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"clear", DS_WORD_SUPPORTED, FLAG, FLAG, NULL, NULL},
	{"extpps", DS_WORD_SUPPORTED, FLAG, FLAG, NULL, NULL},
	{"nocrossts", DS_WORD_SUPPORTED, FLAG, FLAG, NULL, NULL},
	{"pin", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
};
static const struct ds_word pps_options[] = {
	{"clear", DS_WORD_SUPPORTED, FLAG, FLAG, NULL, NULL},
};
static const struct ds_word rtc_options[] = {
	{"utc", DS_WORD_SUPPORTED, FLAG, FLAG, NULL, NULL},
};
static const struct ds_word shm_options[] = {
	{"perm", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
};
static const struct ds_word sock_options[] = {
	{"group", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"owner", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
	{"perm", DS_WORD_SUPPORTED, 1, 1, NULL, NULL},
};

#define LIST(words)                                                                                \
	{                                                                                          \
		"option of the driver", words, sizeof(words) / sizeof(words)[0]                    \
	}
static const struct ds_words driver_options[] = {
	[DS_REFCLOCK_PHC] = LIST(phc_options),	 [DS_REFCLOCK_PPS] = LIST(pps_options),
	[DS_REFCLOCK_RTC] = LIST(rtc_options),	 [DS_REFCLOCK_SHM] = LIST(shm_options),
	[DS_REFCLOCK_SOCK] = LIST(sock_options),
};

static bool number(const char *text, int base, long most, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, base);
	return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 && *value >= 0 &&
	       *value <= most;
}

static bool set_name(char *to, size_t size, const char *word, const char *value,
		     char why[DS_FIELD_WHY])
{
	if (value[0] == '\0' || strlen(value) >= size)
		return wrong(why, "'%s' takes a name of 1 to %zu characters, not '%.64s'", word,
			     size - 1, value);
	memcpy(to, value, strlen(value) + 1);
	return true;
}

static bool set_driver_option(struct ds_conf_refclock *r, const char *word, const char *value,
			      char why[DS_FIELD_WHY])
{
	long n = 0;

	if (strcmp(word, "owner") == 0)
		return set_name(r->owner, sizeof r->owner, word, value, why);
	if (strcmp(word, "group") == 0)
		return set_name(r->group, sizeof r->group, word, value, why);
	if (strcmp(word, "perm") == 0) {
		if (!number(value, 8, 0777, &n))
			return wrong(why, "'perm' takes octal rights up to 0777, not '%.64s'",
				     value);
		r->perm = (uint16_t)n;
	} else if (value != NULL) {
		if (!number(value, 10, UNIT_MAX, &n))
			return wrong(why, "'%s' takes a whole number from 0 to %d, not '%.64s'",
				     word, UNIT_MAX, value);
		*(word[0] == 'p' ? &r->pin : &r->channel) = (uint8_t)n;
	} else {
		r->nocrossts |= word[0] == 'n';
		r->extpps |= word[0] == 'e';
		r->clear |= word[0] == 'c';
		r->utc |= word[0] == 'u';
	}
	return true;
}

/* One option behind a colon: WORD or WORD=VALUE; cut in place. */
static bool driver_option(struct ds_conf_refclock *r, char *text, char why[DS_FIELD_WHY])
{
	const struct ds_words *words = &driver_options[r->driver];
	char *value = strchr(text, '=');
	const struct ds_word *word;
	unsigned edits;

	if (value != NULL)
		*value++ = '\0';
	word = ds_words_find(words, text);
	if (word == NULL)
		return wrong(why, "unknown option of the driver %s '%.64s': the nearest is '%s'",
			     drivers[r->driver].word, text,
			     ds_words_nearest(words, text, &edits)->word);
	if ((value != NULL) != (word->min_args > 0))
		return wrong(why, "'%s' %s", word->word,
			     value != NULL ? "takes no value" : "needs '=' and a value");
	return set_driver_option(r, word->word, value, why);
}

static bool read_parameter(struct ds_conf_refclock *r, const char *parameter,
			   char why[DS_FIELD_WHY])
{
	char text[2 * DS_CONF_PATH];
	char *rest = text, *part;
	long unit = 0;

	if (strlen(parameter) >= sizeof text)
		return wrong(why, "the parameter is longer than %zu characters", sizeof text - 1);
	memcpy(text, parameter, strlen(parameter) + 1);
	part = strsep(&rest, ":");
	if (r->driver == DS_REFCLOCK_SHM) {
		if (!number(part, 10, UNIT_MAX, &unit))
			return wrong(why, "'refclock SHM' takes a unit from 0 to %d, not '%.64s'",
				     UNIT_MAX, part);
		r->unit = (uint8_t)unit;
	} else if (part[0] == '\0' || strlen(part) >= sizeof r->path) {
		return wrong(why, "'refclock %s' takes a path of 1 to %zu characters",
			     drivers[r->driver].word, sizeof r->path - 1);
	} else {
		memcpy(r->path, part, strlen(part) + 1);
	}
	while ((part = strsep(&rest, ":")) != NULL)
		if (!driver_option(r, part, why))
			return false;
	return true;
}

bool ds_conf_refclock_begin(struct ds_conf_refclock *r, const char *driver, const char *parameter,
			    unsigned number_, bool *known, char why[DS_FIELD_WHY])
{
	const struct ds_conf_source source = r->source;
	const struct ds_word *word = ds_words_find(&ds_words_refclock_drivers, driver);

	*known = word != NULL;
	if (word == NULL)
		return false;
	memset(r, 0, sizeof *r);
	r->source = source;
	r->driver = (uint8_t)(word - drivers);
	r->perm = PERM_DEFAULT;
	r->poll_log2 = 4;
	r->filter = 64;
	r->delay_s = 1e-9;
	r->rate_hz = 1;
	r->max_lock_age = 2;
	snprintf(r->ref_id, sizeof r->ref_id, "%.3s%u", word->word, number_ % 10);
	return read_parameter(r, parameter, why);
}

/* ---- options ---- */

#define FIELD(word, type, member, min, max)                                                        \
	{                                                                                          \
		word, DS_FIELD_##type, offsetof(struct ds_conf_refclock, member), min, max         \
	}

/* clang-format off */
static const struct ds_field fields[] = {
	FIELD("delay", DOUBLE, delay_s, 0, 16),
	FIELD("dpoll", INT8, dpoll_log2, -6, 24),
	FIELD("filter", UINT16, filter, 1, 256),
	FIELD("maxdispersion", DOUBLE, max_dispersion_s, 0, 1000),
	FIELD("maxlockage", UINT16, max_lock_age, 1, 1000),
	FIELD("offset", DOUBLE, offset_s, -1e6, 1e6),
	FIELD("poll", INT8, poll_log2, -6, 24),
	FIELD("pps", FLAG, pps, 0, 0),
	FIELD("precision", DOUBLE, precision_s, 1e-12, 1),
	FIELD("rate", DOUBLE, rate_hz, 1e-6, 1e6),
	FIELD("stratum", UINT8, stratum, 0, 15),
	FIELD("tai", FLAG, tai, 0, 0),
	FIELD("width", DOUBLE, width_s, 0, 1e6),
};
/* clang-format on */
static const struct ds_fields options = {fields, sizeof fields / sizeof fields[0]};

/* Up to four printable characters. */
static bool set_ref_id(char to[DS_CONF_REF_ID], const char *word, const char *value,
		       char why[DS_FIELD_WHY])
{
	size_t length = strlen(value);

	for (const char *c = value; *c != '\0'; c++)
		if (!isgraph((unsigned char)*c))
			length = DS_CONF_REF_ID;
	if (length == 0 || length >= DS_CONF_REF_ID)
		return wrong(why, "'%s' takes 1 to 4 printable characters, not '%.64s'", word,
			     value);
	snprintf(to, DS_CONF_REF_ID, "%s", value);
	return true;
}

bool ds_conf_refclock_option(struct ds_conf_refclock *r, const char *word, const char *value,
			     char why[DS_FIELD_WHY])
{
	const struct ds_field *field = ds_fields_find(&options, word);

	if (strcmp(word, "refid") == 0)
		return set_ref_id(r->ref_id, word, value, why);
	if (strcmp(word, "lock") == 0)
		return set_ref_id(r->lock, word, value, why);
	if (field != NULL)
		return ds_field_set(field, r, value, why);
	field = ds_fields_find(&ds_fields_source, word);
	return field == NULL || ds_field_set(field, &r->source, value, why);
}

bool ds_conf_refclock_pulses(const struct ds_conf_refclock *r)
{
	return r->pps || r->driver == DS_REFCLOCK_PPS || r->extpps;
}

bool ds_conf_refclock_finish(struct ds_conf_refclock *r, char why[DS_FIELD_WHY])
{
	double interval_s = 1 / r->rate_hz;
	double whole = (double)(int64_t)r->rate_hz;

	r->source.minpoll = r->source.maxpoll = r->poll_log2;
	snprintf(r->source.name, sizeof r->source.name, "%s", r->ref_id);
	if (r->dpoll_log2 > r->poll_log2)
		r->dpoll_log2 = r->poll_log2;
	/* 2.5 pulses a second fall on other parts of each second: which they are nobody knows. */
	if (r->rate_hz > 1 && (whole < r->rate_hz || whole > r->rate_hz))
		return wrong(why, "'rate' takes a whole number above 1");
	if (!(r->width_s < interval_s))
		return wrong(why, "'width' must be shorter than the interval of the pulses");
	if (r->source.min_samples > r->source.max_samples && r->source.max_samples > 0)
		return wrong(why, "'minsamples' %u is above 'maxsamples' %u", r->source.min_samples,
			     r->source.max_samples);
	if (r->lock[0] != '\0' && strcmp(r->lock, r->ref_id) == 0)
		return wrong(why, "'lock %s': a reference clock cannot be locked to itself",
			     r->lock);
	return true;
}

int ds_conf_refclock_lock(const struct ds_conf *conf, const struct ds_conf_refclock *r)
{
	for (int i = 0; i < conf->refclock_count && r->lock[0] != '\0'; i++)
		if (&conf->refclocks[i] != r && strcmp(conf->refclocks[i].ref_id, r->lock) == 0)
			return i;
	return -1;
}

/* ---- printing ---- */

static void print_parameter(const struct ds_conf_refclock *r, FILE *out)
{
	fprintf(out, "refclock %s ", drivers[r->driver].word);
	if (r->driver == DS_REFCLOCK_SHM)
		fprintf(out, "%u", r->unit);
	else
		fputs(r->path, out);
	if (r->perm != PERM_DEFAULT)
		fprintf(out, ":perm=0%o", (unsigned)r->perm);
	if (r->owner[0] != '\0')
		fprintf(out, ":owner=%s", r->owner);
	if (r->group[0] != '\0')
		fprintf(out, ":group=%s", r->group);
	fprintf(out, "%s%s%s%s", r->nocrossts ? ":nocrossts" : "", r->extpps ? ":extpps" : "",
		r->clear ? ":clear" : "", r->utc ? ":utc" : "");
	if (r->pin != 0)
		fprintf(out, ":pin=%u", r->pin);
	if (r->channel != 0)
		fprintf(out, ":channel=%u", r->channel);
}

void ds_conf_refclock_print(const struct ds_conf_refclock *r,
			    void (*print_source)(const struct ds_conf_source *source, FILE *out),
			    FILE *out)
{
	struct ds_conf_refclock plain;
	char why[DS_FIELD_WHY];
	bool known;

	memset(&plain, 0, sizeof plain);
	ds_conf_refclock_begin(&plain, drivers[r->driver].word, "0", 0, &known, why);
	if (plain.dpoll_log2 > r->poll_log2)
		plain.dpoll_log2 = r->poll_log2;
	print_parameter(r, out);
	fprintf(out, " refid %s", r->ref_id);
	if (r->lock[0] != '\0')
		fprintf(out, " lock %s", r->lock);
	ds_fields_print(&options, r, &plain, " ", "", out);
	print_source(&r->source, out);
	fputc('\n', out);
}
