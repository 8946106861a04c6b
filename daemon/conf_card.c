/* conf_card: see conf_card.h. */
#include "daemon/conf_card.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "core/clock/cardclock.h"

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

#define FIELD(word, type, member, min, max)                                                        \
	{                                                                                          \
		word, DS_FIELD_##type, offsetof(struct ds_conf_card, member), min, max             \
	}

/* clang-format off */
static const struct ds_field fields[] = {
	FIELD("maxpoll", INT8, maxpoll, -6, 20),
	FIELD("maxsamples", UINT8, max_samples, 2, DS_CARDCLOCK_SAMPLES),
	FIELD("minpoll", INT8, minpoll, -6, 20),
	FIELD("minsamples", UINT8, min_samples, 2, DS_CARDCLOCK_SAMPLES),
	FIELD("nocrossts", FLAG, nocrossts, 0, 0),
	FIELD("precision", DOUBLE, precision_s, 1e-9, 1),
	FIELD("rxcomp", DOUBLE, rxcomp_s, -1, 1),
	FIELD("txcomp", DOUBLE, txcomp_s, -1, 1),
};
/* clang-format on */
static const struct ds_fields options = {fields, sizeof fields / sizeof fields[0]};

static const char *const filters[] = {
	[DS_CONF_FILTER_BEST] = NULL, [DS_CONF_FILTER_NONE] = "none", [DS_CONF_FILTER_PTP] = "ptp",
	[DS_CONF_FILTER_ALL] = "all", [DS_CONF_FILTER_NTP] = "ntp",
};
#define FILTERS ((int)(sizeof filters / sizeof filters[0]))

static void defaults(struct ds_conf_card *c)
{
	memset(c, 0, sizeof *c);
	c->min_samples = 2;
	c->max_samples = 16;
	c->maxpoll = DS_CONF_CARD_MAXPOLL_BY_MINPOLL;
	c->precision_s = 1e-7;
}

static const struct ds_field *find(const char *text)
{
	for (size_t i = 0; i < options.count; i++)
		if (strcasecmp(fields[i].word, text) == 0)
			return &fields[i];
	return NULL;
}

static bool set_filter(struct ds_conf_card *c, const char *text, char why[DS_FIELD_WHY])
{
	for (int i = DS_CONF_FILTER_NONE; i < FILTERS; i++) {
		if (strcasecmp(filters[i], text) != 0)
			continue;
		c->filter = (uint8_t)i;
		return true;
	}
	return wrong(why, "'rxfilter' takes none, ntp, ptp or all, not '%.64s'", text);
}

/* Take the option words[*at], and move *at behind it. */
static bool option(struct ds_conf_card *c, char *const *words, unsigned count, unsigned *at,
		   char why[DS_FIELD_WHY])
{
	const char *text = words[(*at)++];
	const struct ds_field *field = find(text);
	bool filter = strcasecmp(text, "rxfilter") == 0;
	bool flag = field != NULL && field->type == DS_FIELD_FLAG;

	if (field == NULL && !filter)
		return wrong(why,
			     "unknown option of 'hwtimestamp' '%.64s': there are minpoll, maxpoll, "
			     "minsamples, maxsamples, precision, txcomp, rxcomp, nocrossts and "
			     "rxfilter",
			     text);
	if (!flag && *at == count)
		return wrong(why, "'%.64s' needs a value", text);
	if (filter)
		return set_filter(c, words[(*at)++], why);
	return ds_field_set(field, c, flag ? NULL : words[(*at)++], why);
}

bool ds_conf_card_parse(struct ds_conf_card *c, char *const *words, unsigned count,
			char why[DS_FIELD_WHY])
{
	unsigned at = 2;

	defaults(c);
	if (words[1][0] == '\0' || strlen(words[1]) >= sizeof c->interface)
		return wrong(why,
			     "'%.64s' is no name of an interface: it takes 1 to %zu characters",
			     words[1], sizeof c->interface - 1);
	memcpy(c->interface, words[1], strlen(words[1]) + 1);
	while (at < count)
		if (!option(c, words, count, &at, why))
			return false;
	if (c->maxpoll == DS_CONF_CARD_MAXPOLL_BY_MINPOLL)
		c->maxpoll = (int8_t)(c->minpoll + 1);
	if (c->maxpoll < c->minpoll)
		return wrong(why, "'maxpoll' %d is below 'minpoll' %d", c->maxpoll, c->minpoll);
	if (c->min_samples > c->max_samples)
		return wrong(why, "'minsamples' %u is above 'maxsamples' %u", c->min_samples,
			     c->max_samples);
	return true;
}

void ds_conf_card_print(const struct ds_conf_card *c, FILE *out)
{
	struct ds_conf_card plain;

	defaults(&plain);
	plain.maxpoll = (int8_t)(c->minpoll + 1);
	fprintf(out, "hwtimestamp %s", c->interface);
	ds_fields_print(&options, c, &plain, " ", "", out);
	if (c->filter != DS_CONF_FILTER_BEST)
		fprintf(out, " rxfilter %s", filters[c->filter]);
	fputc('\n', out);
}

const struct ds_conf_card *ds_conf_card_of(const struct ds_conf *conf, const char *interface)
{
	const struct ds_conf_card *any = NULL;

	for (int i = 0; i < conf->card_count; i++) {
		const struct ds_conf_card *c = &conf->cards[i];

		if (strcmp(c->interface, interface) == 0)
			return c;
		if (strcmp(c->interface, "*") == 0)
			any = c;
	}
	return any;
}
