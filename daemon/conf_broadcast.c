/* conf_broadcast: see conf_broadcast.h. */
#include "daemon/conf_broadcast.h"

#include <net/if.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NTP_PORT 123

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

static bool set_interface(char dev[DS_CONF_DEVICE], const char *text, char why[DS_FIELD_WHY])
{
	if (strlen(text) >= DS_CONF_DEVICE)
		return wrong(why, "'%.64s' is no name of an interface: it is too long", text);
	snprintf(dev, DS_CONF_DEVICE, "%s", text);
	return true;
}

/* ---- broadcast ---- */

#define FIELD(word, type, member, min, max)                                                        \
	{                                                                                          \
		word, DS_FIELD_##type, offsetof(struct ds_conf_broadcast, member), min, max        \
	}

/* clang-format off */
static const struct ds_field interval_field =
	FIELD("broadcast", DOUBLE, interval_s, 0.015625, 131072);
static const struct ds_field port_field = FIELD("broadcast", UINT16, port, 1, 65535);
static const struct ds_field fields[] = {
	FIELD("key", UINT32, key, 1, 4294967295.0),
	FIELD("ttl", UINT8, ttl, 1, 255),
	FIELD("version", UINT8, version, 1, 4),
	FIELD("xleave", FLAG, xleave, 0, 0),
};
/* clang-format on */
static const struct ds_fields options = {fields, sizeof fields / sizeof fields[0]};

static const struct ds_field *find(const char *text)
{
	for (size_t i = 0; i < options.count; i++)
		if (strcasecmp(fields[i].word, text) == 0)
			return &fields[i];
	return NULL;
}

static void defaults(struct ds_conf_broadcast *b)
{
	memset(b, 0, sizeof *b);
	b->port = NTP_PORT;
	b->ttl = 1;
	b->version = 4;
}

/* Take the option words[*at], and move *at behind it. */
static bool option(struct ds_conf_broadcast *b, char *const *words, unsigned count, unsigned *at,
		   char why[DS_FIELD_WHY])
{
	const char *text = words[(*at)++];
	const struct ds_field *field = find(text);
	bool dev = strcasecmp(text, "dev") == 0;
	bool flag = field != NULL && field->type == DS_FIELD_FLAG;

	if (field == NULL && !dev)
		return wrong(why,
			     "unknown option of 'broadcast' '%.64s': there are key, xleave, ttl, "
			     "version and dev",
			     text);
	if (!flag && *at == count)
		return wrong(why, "'%.64s' needs a value", text);
	if (dev)
		return set_interface(b->dev, words[(*at)++], why);
	return ds_field_set(field, b, flag ? NULL : words[(*at)++], why);
}

bool ds_conf_broadcast_parse(struct ds_conf_broadcast *b, char *const *words, unsigned count,
			     char why[DS_FIELD_WHY])
{
	unsigned at = 3;

	defaults(b);
	if (!ds_field_set(&interval_field, b, words[1], why))
		return false;
	if (!ds_address_parse(words[2], 0, &b->address))
		return wrong(why, "'broadcast' takes a numeric address, not '%.64s'", words[2]);
	if (at < count && words[at][0] >= '0' && words[at][0] <= '9' &&
	    !ds_field_set(&port_field, b, words[at++], why))
		return false;
	while (at < count)
		if (!option(b, words, count, &at, why))
			return false;
	ds_address_set_port(&b->address, b->port);
	if (b->address.family == AF_INET6 && !ds_address_is_multicast(&b->address))
		return wrong(why, "'%.64s' is no multicast group: IPv6 has no broadcast", words[2]);
	return true;
}

void ds_conf_broadcast_print(const struct ds_conf_broadcast *b, FILE *out)
{
	struct ds_conf_broadcast plain;
	char text[DS_ADDRESS_TEXT];

	defaults(&plain);
	fputs("broadcast ", out);
	ds_print_number(b->interval_s, out);
	fprintf(out, " %s", ds_address_text(&b->address, false, text));
	if (b->port != plain.port)
		fprintf(out, " %u", b->port);
	ds_fields_print(&options, b, &plain, " ", "", out);
	if (b->dev[0] != '\0')
		fprintf(out, " dev %s", b->dev);
	fputc('\n', out);
}

/* ---- broadcastclient, multicastclient ---- */

bool ds_conf_listen_begin(struct ds_conf_listen *l, const char *group, char why[DS_FIELD_WHY])
{
	memset(l, 0, sizeof *l);
	if (group == NULL)
		return true;
	if (!ds_address_parse(group, 0, &l->group) || !ds_address_is_multicast(&l->group))
		return wrong(why, "'multicastclient' takes a multicast group, not '%.64s'", group);
	if (l->group.family == AF_INET6 && l->group.in6.sin6_scope_id != 0)
		return wrong(why, "'%.64s': name the interface with 'dev'", group);
	return true;
}

static bool add_from(struct ds_conf_listen *l, const char *text, char why[DS_FIELD_WHY])
{
	struct ds_conf_subnet *from = &l->from[l->from_count];

	if (l->from_count == DS_CONF_FROM)
		return wrong(why, "'from' %.64s: there is room for no more than 8", text);
	if (!ds_access_parse(text, &from->net, &from->bits) || from->net.family == AF_UNSPEC)
		return wrong(why, "'%.64s' is neither an address nor a subnet", text);
	l->from_count++;
	return true;
}

bool ds_conf_listen_option(struct ds_conf_listen *l, char *const *words, unsigned count,
			   unsigned *at, bool *taken, char why[DS_FIELD_WHY])
{
	const char *text = words[*at];
	bool plain = strcasecmp(text, "unauthenticated") == 0;
	bool from = strcasecmp(text, "from") == 0;

	*taken = plain || from || strcasecmp(text, "dev") == 0;
	if (!*taken)
		return true;
	(*at)++;
	if (plain) {
		l->unauthenticated = true;
		return true;
	}
	if (*at == count)
		return wrong(why, "'%.64s' needs a value", text);
	text = words[(*at)++];
	return from ? add_from(l, text, why) : set_interface(l->dev, text, why);
}

bool ds_conf_listen_finish(const struct ds_conf_listen *l, char why[DS_FIELD_WHY])
{
	const char *word = l->group.family != 0 ? "multicastclient" : "broadcastclient";

	if (l->source.key != 0 && l->unauthenticated)
		return wrong(why, "'%s': 'key' and 'unauthenticated' exclude each other", word);
	if (l->source.key == 0 && !l->unauthenticated)
		return wrong(why,
			     "'%s' without a key would follow whoever can send a packet here: give "
			     "'key ID', or the word 'unauthenticated'",
			     word);
	if (l->group.family == 0 && l->dev[0] != '\0')
		return wrong(why, "'dev' of '%s' has no meaning: broadcasts come by any", word);
	return true;
}

static void print_from(const struct ds_conf_subnet *from, FILE *out)
{
	char text[DS_ADDRESS_TEXT];

	fprintf(out, " from %s/%u", ds_address_text(&from->net, false, text), from->bits);
}

void ds_conf_listen_print(const struct ds_conf_listen *l,
			  void (*print_source)(const struct ds_conf_source *source, FILE *out),
			  FILE *out)
{
	char text[DS_ADDRESS_TEXT];

	if (l->group.family != 0)
		fprintf(out, "multicastclient %s", ds_address_text(&l->group, false, text));
	else
		fputs("broadcastclient", out);
	print_source(&l->source, out);
	if (l->unauthenticated)
		fputs(" unauthenticated", out);
	for (int i = 0; i < l->from_count; i++)
		print_from(&l->from[i], out);
	if (l->dev[0] != '\0')
		fprintf(out, " dev %s", l->dev);
	fputc('\n', out);
}
