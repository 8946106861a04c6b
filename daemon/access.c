/*
 * access: the rules are nested or disjoint subnets, kept sorted by where they begin.
 * The narrowest rule around an address is the last one that begins at or before it, or one of
 * those that hold that rule.
 */
#include "daemon/access.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static uint8_t family_bits(sa_family_t family)
{
	return family == AF_INET ? 32 : 128;
}

static void mask(uint8_t prefix[16], uint8_t bits)
{
	for (unsigned i = 0; i < 16; i++) {
		if (bits >= 8 * (i + 1))
			continue;
		if (bits <= 8 * i)
			prefix[i] = 0;
		else
			prefix[i] &= (uint8_t)(0xff00U >> (bits - 8 * i));
	}
}

/* The subnet as a rule. Mapped addresses become what they stand for. */
static bool make_rule(const union ds_address *net, uint8_t bits, struct ds_access_rule *rule)
{
	*rule = (struct ds_access_rule){
		.bits = bits, .family = net->family, .wider = DS_ACCESS_NONE};
	if (net->family == AF_INET) {
		memcpy(rule->prefix, &net->in.sin_addr, 4);
	} else if (net->family == AF_INET6) {
		memcpy(rule->prefix, &net->in6.sin6_addr, 16);
		if (bits >= 96 && memcmp(rule->prefix, mapped_prefix, sizeof(mapped_prefix)) == 0) {
			rule->family = AF_INET;
			rule->bits = (uint8_t)(bits - 96);
			memmove(rule->prefix, rule->prefix + 12, 4);
			memset(rule->prefix + 4, 0, 12);
		}
	} else {
		return false;
	}
	if (rule->bits > family_bits(rule->family))
		return false;
	mask(rule->prefix, rule->bits);
	return true;
}

static bool holds(const struct ds_access_rule *outer, const struct ds_access_rule *inner)
{
	unsigned whole = outer->bits / 8U, rest = outer->bits % 8U;

	if (outer->family != inner->family || outer->bits > inner->bits)
		return false;
	if (memcmp(outer->prefix, inner->prefix, whole) != 0)
		return false;
	return rest == 0 || ((outer->prefix[whole] ^ inner->prefix[whole]) >> (8 - rest)) == 0;
}

bool ds_access_within(const union ds_address *net, uint8_t bits, const union ds_address *who)
{
	struct ds_access_rule subnet;
	struct ds_access_rule host;

	return make_rule(net, bits, &subnet) && make_rule(who, family_bits(who->family), &host) &&
	       holds(&subnet, &host);
}

static int compare(const struct ds_access_rule *a, const struct ds_access_rule *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	int order = memcmp(a->prefix, b->prefix, sizeof(a->prefix));
	return order != 0 ? order : a->bits - b->bits;
}

/* How many rules stand at or before this one. */
static unsigned position(const struct ds_access *access, const struct ds_access_rule *rule)
{
	unsigned low = 0, high = access->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (compare(&access->rules[middle], rule) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void erase_inside(struct ds_access *access, const struct ds_access_rule *outer)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < access->count; i++)
		if (!holds(outer, &access->rules[i]))
			access->rules[kept++] = access->rules[i];
	memset(&access->rules[kept], 0, (access->count - kept) * sizeof(access->rules[0]));
	access->count = kept;
}

static void link_rules(struct ds_access *access)
{
	struct ds_access_rule *rules = access->rules;

	for (int i = 0; i < access->count; i++) {
		int wider = i - 1; /* -1 is DS_ACCESS_NONE */
		while (wider >= 0 && !holds(&rules[wider], &rules[i]))
			wider = rules[wider].wider;
		rules[i].wider = (int16_t)wider;
	}
}

static bool same_subnet_at(const struct ds_access *access, unsigned at,
			   const struct ds_access_rule *rule)
{
	return at > 0 && compare(&access->rules[at - 1], rule) == 0;
}

static void insert(struct ds_access *access, const struct ds_access_rule *rule)
{
	unsigned at = position(access, rule);

	if (same_subnet_at(access, at, rule)) {
		access->rules[at - 1].allow = rule->allow;
		return;
	}
	memmove(&access->rules[at + 1], &access->rules[at],
		(access->count - at) * sizeof(access->rules[0]));
	access->rules[at] = *rule;
	access->count++;
}

/* How many rules there would be with this one. */
static unsigned count_with(const struct ds_access *access, const struct ds_access_rule *rule,
			   bool all)
{
	unsigned count = access->count;

	if (!all)
		return count + !same_subnet_at(access, position(access, rule), rule);
	for (unsigned i = 0; i < access->count; i++)
		count -= holds(rule, &access->rules[i]);
	return count + 1;
}

static bool add_both_families(struct ds_access *access, bool allow, bool all)
{
	struct ds_access before = *access;
	const union ds_address any4 = {.family = AF_INET}, any6 = {.family = AF_INET6};

	if (ds_access_add(access, &any4, 0, allow, all) &&
	    ds_access_add(access, &any6, 0, allow, all))
		return true;
	*access = before;
	return false;
}

bool ds_access_add(struct ds_access *access, const union ds_address *net, uint8_t bits, bool allow,
		   bool all)
{
	struct ds_access_rule rule;

	if (net->family == AF_UNSPEC && bits == 0)
		return add_both_families(access, allow, all);
	if (!make_rule(net, bits, &rule) || count_with(access, &rule, all) > DS_ACCESS_RULES)
		return false;
	rule.allow = allow;
	if (all)
		erase_inside(access, &rule);
	insert(access, &rule);
	link_rules(access);
	return true;
}

bool ds_access_allowed(const struct ds_access *access, const union ds_address *who)
{
	struct ds_access_rule host;

	if (who->family != AF_INET && who->family != AF_INET6)
		return false;
	if (!make_rule(who, family_bits(who->family), &host))
		return false;
	int at = (int)position(access, &host) - 1;
	while (at >= 0 && !holds(&access->rules[at], &host))
		at = access->rules[at].wider;
	return at >= 0 && access->rules[at].allow;
}

bool ds_access_any(const struct ds_access *access)
{
	for (uint16_t i = 0; i < access->count; i++)
		if (access->rules[i].allow)
			return true;
	return false;
}

/* "192.0.2" stands for 192.0.2.0/24: one to four numbers of at most 255. Returns how many bytes
 * were named, 0 if it is none. */
static unsigned parse_bytes(const char *text, uint8_t bytes[4])
{
	unsigned count = 0;

	for (;;) {
		unsigned value = 0, digits = 0;
		for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
			value = value * 10 + (unsigned)(*text - '0');
		if (digits == 0 || digits > 3 || value > 255 || count == 4)
			return 0;
		bytes[count++] = (uint8_t)value;
		if (*text == '\0')
			return count;
		if (*text++ != '.')
			return 0;
	}
}

static bool parse_address(const char *text, union ds_address *net, uint8_t *bits)
{
	uint8_t bytes[4] = {0};
	unsigned count = parse_bytes(text, bytes);

	if (count > 0) {
		net->in.sin_family = AF_INET;
		memcpy(&net->in.sin_addr, bytes, sizeof(bytes));
		*bits = (uint8_t)(8 * count);
		return true;
	}
	if (inet_pton(AF_INET6, text, &net->in6.sin6_addr) != 1)
		return false;
	net->in6.sin6_family = AF_INET6;
	*bits = 128;
	return true;
}

static bool parse_bits(const char *text, uint8_t limit, uint8_t *bits)
{
	unsigned value = 0, digits = 0;

	for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
		value = value * 10 + (unsigned)(*text - '0');
	if (*text != '\0' || digits == 0 || digits > 3 || value > limit)
		return false;
	*bits = (uint8_t)value;
	return true;
}

bool ds_access_parse(const char *text, union ds_address *net, uint8_t *bits)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(text, '/');
	size_t length = (size_t)(slash - text);

	memset(net, 0, sizeof(*net));
	*bits = 0;
	if (strcasecmp(text, "all") == 0)
		return true;
	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (parse_address(address, net, bits) &&
	    (*slash == '\0' || parse_bits(slash + 1, family_bits(net->family), bits)))
		return true;
	memset(net, 0, sizeof(*net));
	*bits = 0;
	return false;
}

const char *ds_access_rule_text(const struct ds_access_rule *rule, char buffer[DS_ACCESS_TEXT])
{
	char address[INET6_ADDRSTRLEN] = "";

	inet_ntop(rule->family, rule->prefix, address, sizeof(address));
	snprintf(buffer, DS_ACCESS_TEXT, "%s/%u", address, rule->bits);
	return buffer;
}
