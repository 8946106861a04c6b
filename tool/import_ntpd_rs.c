/* import_ntpd_rs: ntpd-rs's ntp.toml. A table becomes a line: the one of its keys that names
 * somebody carries it, the others are options of that line. It must never follow a source of mode
 * "nts" without NTS. Keys: ntp.toml(5). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tool/import.h"
#include "tool/toml.h"

struct rs {
	struct ds_import *import;
	const struct ds_toml *root;
	const char *file;
	int next_line; /* comments before it have been written */
	int sources;
	int servers; /* [[server]] */
	bool minimum, step;
};

static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static const char *text_of(const struct ds_toml *table, const char *key)
{
	const struct ds_toml *value = ds_toml_find(table, key);

	return value != NULL && value->kind == DS_TOML_STRING ? value->text : "";
}

static bool number_of(const struct ds_toml *table, const char *key, double *number)
{
	const struct ds_toml *value = ds_toml_find(table, key);

	if (value == NULL || (value->kind != DS_TOML_INTEGER && value->kind != DS_TOML_FLOAT))
		return false;
	*number = value->number;
	return isfinite(value->number);
}

/* ---- sources ---- */

/* "host", "host:123", "2001:db8::1", "[2001:db8::1]:123" */
static void split_address(const char *address, char host[256], char port[8])
{
	const char *colon = strrchr(address, ':'), *close = strchr(address, ']');

	port[0] = '\0';
	if (address[0] == '[' && close != NULL) {
		snprintf(host, 256, "%.*s",
			 (int)(close - address - 1 < 250 ? close - address - 1 : 250), address + 1);
		if (close[1] == ':')
			snprintf(port, 8, "%.7s", close + 2);
		return;
	}
	if (colon == NULL || strchr(address, ':') != colon) {
		snprintf(host, 256, "%.250s", address);
		return;
	}
	snprintf(host, 256, "%.*s", (int)(colon - address < 250 ? colon - address : 250), address);
	snprintf(port, 8, "%.7s", colon + 1);
}

static void poll_options(struct rs *rs, const struct ds_toml *table, struct ds_import_source *s)
{
	const struct ds_toml *limits = ds_toml_find(table, "poll-interval-limits");
	char value[32];
	double number;

	if (limits == NULL)
		limits = ds_toml_find(ds_toml_find(rs->root, "source-defaults"),
				      "poll-interval-limits");
	for (int i = 0; i < 2; i++)
		if (number_of(limits, i == 0 ? "min" : "max", &number)) {
			snprintf(value, sizeof(value), "%.0f", number);
			ds_import_source_option(rs->import, s, i == 0 ? "minpoll" : "maxpoll",
						value);
		}
}

static enum ds_import_fate network_source(struct rs *rs, const struct ds_toml *table, bool pool)
{
	char host[256], port[8], value[32];
	struct ds_import_source s;
	double count;

	split_address(text_of(table, "address"), host, port);
	if (pool && port[0] != '\0' && !same(port, "123"))
		ds_import_why(rs->import, "the port %s of the pool's servers", port);
	ds_import_source_begin(&s, pool ? "pool" : "server", host);
	if (port[0] != '\0' && !same(port, "123"))
		ds_import_source_option(rs->import, &s, "port", port);
	ds_import_source_option(rs->import, &s, "iburst", NULL);
	if (pool && number_of(table, "count", &count)) {
		snprintf(value, sizeof(value), "%.0f", count);
		ds_import_source_option(rs->import, &s, "maxsources", value);
	}
	poll_options(rs, table, &s);
	return ds_import_source_end(rs->import, &s);
}

static enum ds_import_fate local_source(struct rs *rs, const struct ds_toml *table, bool pps)
{
	double number;
	char line[1024];
	int length = snprintf(line, sizeof(line), "refclock %s %.250s", pps ? "PPS" : "SOCK",
			      text_of(table, "path"));

	if (number_of(table, "precision", &number) && number > 0)
		length += snprintf(line + length, sizeof(line) - (size_t)length, " precision %.9g",
				   number);
	else if (number_of(table, "measurement-noise-estimate", &number) && number > 0)
		length += snprintf(line + length, sizeof(line) - (size_t)length, " precision %.9g",
				   sqrt(number));
	/* Half of `delay` counts as the distance to the truth. */
	if (number_of(table, "accuracy", &number) && number > 0)
		length += snprintf(line + length, sizeof(line) - (size_t)length, " delay %.9g",
				   2 * number);
	if (pps && number_of(table, "period", &number) && number > 0 && number != 1)
		snprintf(line + length, sizeof(line) - (size_t)length, " rate %.9g", 1 / number);
	return ds_import_write(rs->import, "%s", line) ? DS_IMPORT_KEPT : DS_IMPORT_DROPPED;
}

/* The line of ours that the table stands for, into the entry that is being decided. */
static enum ds_import_fate write_source(struct rs *rs, const struct ds_toml *table)
{
	const char *mode = text_of(table, "mode");
	enum ds_import_fate fate = DS_IMPORT_DROPPED;

	if (same(mode, "server") || same(mode, "pool"))
		fate = network_source(rs, table, same(mode, "pool"));
	else if (same(mode, "sock") || same(mode, "pps")) {
		fate = local_source(rs, table, same(mode, "pps"));
		rs->import->sources_dropped += fate == DS_IMPORT_DROPPED;
	} else {
		rs->import->sources_dropped++;
		rs->import->certified_dropped += same(mode, "nts");
		if (same(mode, "nts"))
			ds_import_why(rs->import, "mode \"nts\" is not supported: without it the "
						  "source would be followed unauthenticated, which "
						  "would weaken this host");
		else
			ds_import_why(rs->import, "mode \"%.40s\" is not supported", mode);
	}
	if (fate != DS_IMPORT_DROPPED)
		rs->sources += same(mode, "pool") ? 4 : 1;
	return fate;
}

/* Which key of a source carries its line? */
static const char *carrier(const struct ds_toml *table)
{
	static const char *const keys[] = {"address", "path", "mode"};

	for (size_t i = 0; i < 3; i++)
		if (ds_toml_find(table, keys[i]) != NULL)
			return keys[i];
	return "";
}

static bool source_is_taken(const struct ds_toml *table)
{
	const char *mode = text_of(table, "mode");

	return same(mode, "server") || same(mode, "pool") || same(mode, "sock") ||
	       same(mode, "pps");
}

static enum ds_import_fate source_key(struct rs *rs, const struct ds_toml *table,
				      const struct ds_toml *member)
{
	static const struct {
		const char *key, *is;
	} options[] = {{"mode", "the word of the line"},
		       {"count", "'maxsources'"},
		       {"poll-interval-limits", "'minpoll' and 'maxpoll'"},
		       {"precision", "'precision'"},
		       {"accuracy", "half of 'delay'"},
		       {"measurement-noise-estimate", "the square of 'precision'"},
		       {"period", "'rate'"}};

	if (same(member->key, carrier(table)))
		return write_source(rs, table);
	if (!source_is_taken(table)) {
		ds_import_why(rs->import, "'%s': of a source that is left out", member->key);
		return DS_IMPORT_DROPPED;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (same(options[i].key, member->key)) {
			bool same_word = i == 0 || same(member->key, "precision");

			if (!same_word)
				ds_import_why(rs->import, "'%s' is %s of the line", member->key,
					      options[i].is);
			return same_word ? DS_IMPORT_KEPT : DS_IMPORT_CHANGED;
		}
	ds_import_why(rs->import, "'%.60s' is not supported", member->key);
	return DS_IMPORT_DROPPED;
}

/* ---- server ---- */

static void write_list(struct rs *rs, const struct ds_toml *list, const char *word)
{
	const struct ds_toml *filter = ds_toml_find(list, "filter");

	for (const struct ds_toml *item = filter != NULL ? filter->first : NULL; item != NULL;
	     item = item->next)
		if (item->kind == DS_TOML_STRING)
			ds_import_write(rs->import, "%s %.100s", word, item->text);
}

static enum ds_import_fate write_listen(struct rs *rs, const struct ds_toml *table)
{
	struct ds_import *import = rs->import;
	char host[256], port[8];
	union ds_address address;
	const struct ds_toml *nts = ds_toml_find(table, "require-nts");

	if (nts != NULL && (nts->truth || nts->kind == DS_TOML_STRING)) {
		ds_import_why(import, "'require-nts': there is no NTS, and clients without it were "
				      "not served: nobody is");
		return DS_IMPORT_DROPPED;
	}
	split_address(text_of(table, "listen"), host, port);
	if (port[0] != '\0' && !same(port, "123"))
		ds_import_write(import, "port %s", port);
	if (ds_address_parse(host, 0, &address) && !same(host, "0.0.0.0") && !same(host, "::")) {
		if (import->conf->bind[address.family == AF_INET6].family != 0)
			ds_import_why(import,
				      "'bindaddress' takes one address of each family: "
				      "%.100s is not listened at",
				      host);
		else
			ds_import_write(import, "bindaddress %.100s", host);
	}
	if (ds_toml_find(table, "allowlist") == NULL)
		/* one server listens for both families; of several each opens its own alone */
		ds_import_write(import, rs->servers < 2		    ? "allow"
					: strchr(host, ':') != NULL ? "allow ::/0"
								    : "allow 0/0");
	else
		write_list(rs, ds_toml_find(table, "allowlist"), "allow");
	/* Its deny list is asked first: with `all` nothing within one is allowed. */
	write_list(rs, ds_toml_find(table, "denylist"), "deny all");
	fflush(import->written);
	if (import->written_length == 0)
		return DS_IMPORT_DROPPED;
	ds_import_why(import,
		      "who is served is said by 'allow' and 'deny', for all ports together");
	return DS_IMPORT_CHANGED;
}

static enum ds_import_fate server_key(struct rs *rs, const struct ds_toml *table,
				      const struct ds_toml *member)
{
	if (same(member->key, "listen"))
		return write_listen(rs, table);
	if (same(member->key, "allowlist") || same(member->key, "denylist")) {
		ds_import_why(rs->import,
			      "'%s' stands beside 'listen'; who is refused gets no "
			      "answer",
			      member->key);
		return DS_IMPORT_CHANGED;
	}
	if (same(member->key, "rate-limiting-cache-size") ||
	    same(member->key, "rate-limiting-cutoff-ms"))
		ds_import_why(rs->import, "'%s': every allowed request is answered", member->key);
	else if (same(member->key, "require-nts"))
		ds_import_why(rs->import, "'require-nts': there is no NTS");
	else
		ds_import_why(rs->import, "'%.60s' is not supported", member->key);
	return DS_IMPORT_DROPPED;
}

/* ---- the rest ---- */

/* A number, or "inf": negative; false: neither. Of a pair the lesser counts. */
static bool threshold(const struct ds_toml *value, double *seconds)
{
	double forward, backward;

	if (value == NULL)
		return false;
	if (value->kind == DS_TOML_TABLE) {
		if (!threshold(ds_toml_find(value, "forward"), &forward) ||
		    !threshold(ds_toml_find(value, "backward"), &backward))
			return false;
		*seconds = forward < 0				? backward
			   : backward < 0 || forward < backward ? forward
								: backward;
		return true;
	}
	*seconds = value->kind == DS_TOML_STRING ? strtod(value->text, NULL) : value->number;
	if (isinf(*seconds) || *seconds <= 0)
		*seconds = -1;
	return !isnan(*seconds) && (value->kind == DS_TOML_STRING ||
				    value->kind == DS_TOML_INTEGER || value->kind == DS_TOML_FLOAT);
}

static enum ds_import_fate synchronization_key(struct rs *rs, const struct ds_toml *member)
{
	struct ds_import *import = rs->import;
	double number = 0;
	bool known = threshold(member, &number);

	if (same(member->key, "minimum-agreeing-sources") && known) {
		rs->minimum = true;
		return ds_import_write(import, "minsources %.0f", member->number)
			       ? DS_IMPORT_KEPT
			       : DS_IMPORT_DROPPED;
	}
	if (same(member->key, "local-stratum") && known) {
		if (member->number >= 16) {
			ds_import_why(import, "16 is none");
			return DS_IMPORT_CHANGED;
		}
		return ds_import_write(import, "local stratum %.0f", member->number)
			       ? DS_IMPORT_KEPT
			       : DS_IMPORT_DROPPED;
	}
	if (same(member->key, "single-step-panic-threshold") && known && number > 0) {
		ds_import_why(import,
			      "the daemon ends before it makes a larger change, but for the "
			      "first");
		return ds_import_write(import, "maxchange %.9g 1 0", number) ? DS_IMPORT_CHANGED
									     : DS_IMPORT_DROPPED;
	}
	if (strstr(member->key, "-panic-threshold") != NULL && known && number < 0) {
		ds_import_why(import, "no limit, as here by default");
		return DS_IMPORT_CHANGED;
	}
	if (strstr(member->key, "-panic-threshold") != NULL)
		ds_import_why(import,
			      "'%.60s': the first change has no limit, and changes are not "
			      "added up",
			      member->key);
	else
		ds_import_why(import, "'%.60s' is not supported", member->key);
	return DS_IMPORT_DROPPED;
}

static enum ds_import_fate algorithm_key(struct rs *rs, const struct ds_toml *member)
{
	if (same(member->key, "step-threshold") && member->number > 0) {
		rs->step = true;
		ds_import_why(rs->import, "'makestep', at any time");
		return ds_import_write(rs->import, "makestep %.9g -1", member->number)
			       ? DS_IMPORT_CHANGED
			       : DS_IMPORT_DROPPED;
	}
	ds_import_why(rs->import, "'%.60s': the clock is steered in another way", member->key);
	return DS_IMPORT_DROPPED;
}

static enum ds_import_fate observability_key(struct rs *rs, const struct ds_toml *member)
{
	struct ds_import *import = rs->import;

	if (same(member->key, "observation-path") || same(member->key, "observation-permissions")) {
		ds_import_why(import,
			      "'%s': our control socket has its own place and rights; "
			      "'drivestamp status' asks it",
			      member->key);
		return DS_IMPORT_CHANGED;
	}
	if (same(member->key, "metrics-exporter-listen"))
		ds_import_why(import, "'%s': 'drivestamp exporter' is told where it listens",
			      member->key);
	else if (same(member->key, "log-level"))
		ds_import_why(import, "'log-level': messages carry the journal's priorities; see "
				      "journalctl -p");
	else
		ds_import_why(import, "'%.60s' is not supported", member->key);
	return DS_IMPORT_DROPPED;
}

static enum ds_import_fate default_key(struct rs *rs, const struct ds_toml *table,
				       const struct ds_toml *member)
{
	double least;

	if (same(member->key, "poll-interval-limits")) {
		ds_import_why(rs->import, "'minpoll' and 'maxpoll' of each source");
		return DS_IMPORT_CHANGED;
	}
	if (same(member->key, "initial-poll-interval") &&
	    number_of(ds_toml_find(table, "poll-interval-limits"), "min", &least) &&
	    least == member->number) {
		ds_import_why(rs->import, "the first poll is the shortest one, as here");
		return DS_IMPORT_CHANGED;
	}
	ds_import_why(rs->import, "'%.60s': the first poll is the shortest", member->key);
	return DS_IMPORT_DROPPED;
}

static enum ds_import_fate decide(struct rs *rs, const char *path, const struct ds_toml *table,
				  const struct ds_toml *member)
{
	if (same(path, "source"))
		return source_key(rs, table, member);
	if (same(path, "server"))
		return server_key(rs, table, member);
	if (same(path, "synchronization"))
		return synchronization_key(rs, member);
	if (same(path, "synchronization.algorithm"))
		return algorithm_key(rs, member);
	if (same(path, "observability"))
		return observability_key(rs, member);
	if (same(path, "source-defaults"))
		return default_key(rs, table, member);
	if (strncmp(path, "server.allowlist", 16) == 0 || same(path, "server.denylist") ||
	    same(path, "source.poll-interval-limits")) {
		ds_import_why(rs->import, "'%.60s' stands in the line of the table", member->key);
		return DS_IMPORT_CHANGED;
	}
	if (same(path, "keyset") || same(path, "nts-ke-server"))
		ds_import_why(rs->import, "'%.60s': there is no NTS: clients find no key exchange",
			      member->key);
	else
		ds_import_why(rs->import, "unknown key '%.60s' of [%.60s]", member->key, path);
	return DS_IMPORT_DROPPED;
}

/* Comments and blank lines before this line, as they stand. */
static void write_comments(struct rs *rs, int before)
{
	for (; rs->next_line < before && rs->next_line <= rs->import->line_count; rs->next_line++) {
		const struct ds_import_line *l = rs->import->lines[rs->next_line - 1];

		if (l->words == 0)
			ds_import_comment(rs->import, l->text);
	}
}

/* The physical line where a key or a heading stands. */
static struct ds_import_line *begin(struct rs *rs, int line, int last_line)
{
	struct ds_import_line *l;

	if (line > rs->import->line_count)
		line = rs->import->line_count;
	l = rs->import->lines[line - 1];
	l->span = last_line > line ? last_line - line + 1 : 1;
	write_comments(rs, line);
	if (rs->next_line <= last_line)
		rs->next_line = last_line + 1;
	ds_import_begin(rs->import, l);
	return l;
}

static void walk(struct rs *rs, const char *path, const struct ds_toml *table);

/* source = [{...}, {...}]: one entry for all. */
static enum ds_import_fate inline_tables(struct rs *rs, const char *key,
					 const struct ds_toml *array)
{
	enum ds_import_fate fate = DS_IMPORT_DROPPED, one;

	for (const struct ds_toml *item = array->first; item != NULL; item = item->next) {
		one = same(key, "source") ? write_source(rs, item) : write_listen(rs, item);
		if (one != DS_IMPORT_DROPPED)
			fate = DS_IMPORT_CHANGED;
	}
	return fate;
}

/* observability = {...}: likewise. */
static enum ds_import_fate inline_table(struct rs *rs, const struct ds_toml *table)
{
	enum ds_import_fate fate = DS_IMPORT_DROPPED;

	for (const struct ds_toml *member = table->first; member != NULL; member = member->next)
		if (decide(rs, table->key, table, member) != DS_IMPORT_DROPPED)
			fate = DS_IMPORT_CHANGED;
	return fate;
}

static void walk_member(struct rs *rs, const char *path, const struct ds_toml *table,
			const struct ds_toml *member)
{
	char below[256];
	struct ds_import_line *l;

	snprintf(below, sizeof(below), "%.120s%s%.120s", path, path[0] != '\0' ? "." : "",
		 member->key);
	if (member->kind == DS_TOML_TABLE && !member->closed) {
		if (member->heading)
			ds_import_end(rs->import, begin(rs, member->line, member->line),
				      DS_IMPORT_HEADING);
		walk(rs, below, member);
		return;
	}
	if (member->kind == DS_TOML_ARRAY && !member->closed) {
		for (const struct ds_toml *item = member->first; item != NULL; item = item->next) {
			ds_import_end(rs->import, begin(rs, item->line, item->line),
				      DS_IMPORT_HEADING);
			walk(rs, below, item);
		}
		return;
	}
	l = begin(rs, member->line, member->last_line);
	if (path[0] == '\0' && member->kind == DS_TOML_ARRAY &&
	    (same(member->key, "source") || same(member->key, "server")))
		ds_import_end(rs->import, l, inline_tables(rs, member->key, member));
	else if (path[0] == '\0' && member->kind == DS_TOML_TABLE)
		ds_import_end(rs->import, l, inline_table(rs, member));
	else
		ds_import_end(rs->import, l, decide(rs, path, table, member));
}

static void walk(struct rs *rs, const char *path, const struct ds_toml *table)
{
	for (const struct ds_toml *member = table->first; member != NULL; member = member->next)
		walk_member(rs, path, table, member);
}

static void add_defaults(struct rs *rs)
{
	if (!rs->minimum && rs->sources >= 3)
		ds_import_add(rs->import, "minsources 3",
			      "ntpd-rs follows nobody before three sources agree");
	if (!rs->step)
		ds_import_add(
			rs->import, "makestep 1 3",
			"ntpd-rs steps the clock whenever it is off by 0.01 s; this sets it at "
			"the start, and later it is slewed");
	ds_import_add(rs->import, "rtcsync",
		      "the kernel keeps the real-time clock right, too, as with the old daemon");
}

void ds_import_ntpd_rs(struct ds_import *import, const char *file, const char *text, size_t length)
{
	static const struct ds_import_cut cut = {.comments = "#"};
	struct ds_toml_error error;
	struct ds_toml *root = ds_toml_read(text, length, &error);
	struct rs rs = {.import = import, .root = root, .file = file, .next_line = 1};

	if (root == NULL) {
		import->failed = true;
		snprintf(import->failure, sizeof(import->failure), "%.150s:%d: not TOML: %s", file,
			 error.line, error.why);
		return;
	}
	ds_import_lines(import, file, text, length, &cut, false);
	for (const struct ds_toml *server = ds_toml_find(root, "server");
	     server != NULL && server->kind == DS_TOML_ARRAY && rs.servers == 0;)
		for (server = server->first; server != NULL; server = server->next)
			rs.servers++;
	walk(&rs, "", root);
	write_comments(&rs, import->line_count + 1);
	add_defaults(&rs);
	ds_toml_free(root);
}
