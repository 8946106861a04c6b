/* logs: see the header. Columns are counted, never guessed by position in the line; it must
 * never read past a line that is still being written. */
#include "lab/logs.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "2026-11-23 08:00:00" with or without a fraction; returns what follows, or NULL. */
static const char *after_date(const char *line)
{
	int year, month, day, hour, minute, used = 0;
	double second;

	if (sscanf(line, "%4d-%2d-%2d %2d:%2d:%lf%n", &year, &month, &day, &hour, &minute, &second,
		   &used) < 6 ||
	    line[used] != ' ')
		return NULL;
	return line + used;
}

static bool is_source(char letter)
{
	return letter == 'D' || letter == 'K' || letter == 'H';
}

bool ds_logs_measurement(const char *line, struct ds_measured *out)
{
	const char *rest = after_date(line);
	struct ds_measured m = {0};
	char mode, leap, ref_id[9], more;
	int version;

	if (!rest)
		return false;
	int fields = sscanf(rest,
			    " %*s %c %d %*3[01] %*3[01] %*4[01] %*d %*d %*f %lf %lf %*f %*f %*f "
			    "%8s %1d%c %c %c %c",
			    &leap, &m.stratum, &m.offset_s, &m.delay_s, ref_id, &version, &mode,
			    &m.tx_source, &m.rx_source, &more);
	if (fields != 9 || (mode != 'I' && mode != 'B') || !is_source(m.tx_source) ||
	    !is_source(m.rx_source) || !isfinite(m.offset_s) || !isfinite(m.delay_s))
		return false;
	m.interleaved = mode == 'I';
	*out = m;
	return true;
}

bool ds_logs_shadow(const char *line, struct ds_shadow_line *out)
{
	const char *rest = after_date(line);
	struct ds_shadow_line s;
	char more;

	if (!rest || sscanf(rest, " %lf %lf %lf %c", &s.clock_minus_system_s, &s.rate_ppm,
			    &s.remaining_s, &more) != 3)
		return false;
	if (!isfinite(s.clock_minus_system_s) || !isfinite(s.rate_ppm))
		return false;
	*out = s;
	return true;
}

bool ds_logs_counter(const char *line, const char *name, uint64_t *value)
{
	const char *at = strstr(line, "counters: ");
	size_t length = strlen(name);

	if (!at)
		return false;
	*value = 0;
	for (at = strchr(at, ' '); at; at = strchr(at, ' ')) {
		at++;
		if (strncmp(at, name, length) == 0 && at[length] == '=') {
			*value = strtoull(at + length + 1, NULL, 10);
			return true;
		}
	}
	return true;
}

static void take_lines(struct ds_tail *tail, void (*take)(void *context, const char *line),
		       void *context)
{
	char *start = tail->buffer;
	char *end = tail->buffer + tail->held;
	char *newline;

	while ((newline = memchr(start, '\n', (size_t)(end - start)))) {
		*newline = '\0';
		take(context, start);
		start = newline + 1;
	}
	tail->held = (size_t)(end - start);
	memmove(tail->buffer, start, tail->held);
}

void ds_tail_read(struct ds_tail *tail, bool flush, void (*take)(void *context, const char *line),
		  void *context)
{
	int fd = open(tail->path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return;
	for (;;) {
		size_t room = sizeof(tail->buffer) - 1 - tail->held;
		got = pread(fd, tail->buffer + tail->held, room, tail->offset);
		if (got <= 0)
			break;
		tail->offset += got;
		tail->held += (size_t)got;
		take_lines(tail, take, context);
		if (tail->held == sizeof(tail->buffer) - 1)
			tail->held = 0; /* no line of ours is that long */
	}
	close(fd);
	if (flush && tail->held > 0) {
		tail->buffer[tail->held] = '\0';
		tail->held = 0;
		take(context, tail->buffer);
	}
}
