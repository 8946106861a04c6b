/* exporter_http: see exporter.h. What of HTTP/1.1 (RFC 9112) somebody who scrapes says. */
#include <string.h>
#include <strings.h>

#include "tool/exporter.h"

/* One word of the request line; the line ends at `end`. */
static const char *word(const char **at, const char *end, size_t *length)
{
	const char *begin = *at;
	const char *space = memchr(begin, ' ', (size_t)(end - begin));

	*length = (size_t)((space != NULL ? space : end) - begin);
	*at = space != NULL ? space + 1 : end;
	return begin;
}

static bool is(const char *text, size_t length, const char *wanted)
{
	return strlen(wanted) == length && memcmp(text, wanted, length) == 0;
}

/* A path may have a query, which means nothing here. */
static size_t path_length(const char *path, size_t length)
{
	const char *query = memchr(path, '?', length);

	return query != NULL ? (size_t)(query - path) : length;
}

/* Header lines: does "Accept" name OpenMetrics? Preferences between types are not weighed. */
static bool accepts_open_metrics(const char *at, const char *end)
{
	static const char name[] = "accept:", type[] = "application/openmetrics-text";

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = newline != NULL ? newline : end;
		size_t length = (size_t)(line_end - at);

		if (length >= sizeof name - 1 && strncasecmp(at, name, sizeof name - 1) == 0 &&
		    memmem(at, length, type, sizeof type - 1) != NULL)
			return true;
		at = line_end + 1;
	}
	return false;
}

void ds_exporter_parse(const char *head, size_t length, struct ds_exporter_request *r)
{
	const char *newline = memchr(head, '\n', length);
	const char *at = head, *end, *method, *path, *version;
	size_t method_length, path_length_, version_length;

	*r = (struct ds_exporter_request){.status = 400};
	if (newline == NULL || memchr(head, '\0', length) != NULL)
		return;
	end = newline > head && newline[-1] == '\r' ? newline - 1 : newline;
	method = word(&at, end, &method_length);
	path = word(&at, end, &path_length_);
	version = word(&at, end, &version_length);
	if (method_length == 0 || path_length_ == 0 || path[0] != '/' || at != end)
		return;
	r->status = 505;
	if (!is(version, version_length, "HTTP/1.1") && !is(version, version_length, "HTTP/1.0"))
		return;
	r->status = 405;
	r->head = is(method, method_length, "HEAD");
	if (!r->head && !is(method, method_length, "GET"))
		return;
	path_length_ = path_length(path, path_length_);
	r->metrics = is(path, path_length_, "/metrics");
	r->status = r->metrics || is(path, path_length_, "/") ? 200 : 404;
	r->open_metrics = accepts_open_metrics(newline + 1, head + length);
}
