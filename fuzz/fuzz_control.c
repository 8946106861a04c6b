/*
 * fuzz_control: lines at the control socket, and packets of chrony's protocol, to one daemon.
 * Whatever they say: an answer is one line of whole JSON, no packet's answer is longer than the
 * packet, and the daemon's tables stay within their bounds.
 *
 * The first byte: 0 to 127 a line, with or without the right to order; else a packet, with the
 * rights of its two lowest bits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/answers.h"
#include "daemon/candm.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/start.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ds_daemon the_daemon;

static void quiet(void *context, bool error, const char *file, int line, const char *text)
{
	(void)context;
	(void)error;
	(void)file;
	(void)line;
	(void)text;
}

/* As started, but for what would reach out of this process: it serves nobody and writes nothing.
 * With a source: there is something to tell of. */
static void begin(void)
{
	struct ds_daemon *d = &the_daemon;

	ds_log_open(false, DS_LOG_ERROR);
	ds_conf_defaults(&d->conf);
	d->conf.port = 0;
	d->conf.control_socket[0] = d->conf.cmd_socket[0] = d->conf.bound_file[0] = '\0';
	d->conf.pid_file[0] = '\0';
	if (!ds_conf_read_line(&d->conf, "server 127.0.0.1", 1, quiet, NULL))
		abort();
	d->end_ns = INT64_MAX;
	if (ds_clock_open_virtual(&d->clock, 0.0, 0.0) != 0 || !ds_start_open(d))
		abort();
	ds_start_work(d);
}

static void check_line(const char *answer, size_t length, size_t size)
{
	if (length < 2 || length > size || answer[length - 1] != '\n' || answer[0] != '{' ||
	    answer[length - 2] != '}')
		abort();
	for (size_t i = 0; i + 1 < length; i++)
		if (answer[i] < 0x20 || answer[i] > 0x7e)
			abort();
}

static void check_tables(const struct ds_daemon *d)
{
	if (d->sources.count > DS_SOURCES_MAX || d->sources.group_count > DS_CONF_SOURCES ||
	    d->conf.source_count > DS_CONF_SOURCES)
		abort();
}

static void ask_line(const uint8_t *data, size_t size, bool may_write)
{
	static char answer[DS_ANSWERS_MOST];
	char line[2 * DS_ANSWERS_LINE];

	if (size >= sizeof line)
		size = sizeof line - 1;
	memcpy(line, data, size);
	line[size] = '\0';
	check_line(answer, ds_answer(&the_daemon, line, may_write, answer, sizeof answer),
		   sizeof answer);
}

static void ask_packet(const uint8_t *data, size_t size, unsigned right)
{
	static uint8_t request[DS_CANDM_MOST + 1], reply[DS_CANDM_MOST];

	if (size > sizeof request)
		size = sizeof request;
	memcpy(request, data, size);
	if (ds_candm_answer(&the_daemon, request, size, (enum ds_candm_right)(right % 3), reply) >
	    size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;

	if (!begun)
		begin();
	begun = true;
	if (size == 0)
		return 0;
	if (data[0] < 128)
		ask_line(data + 1, size - 1, data[0] & 1);
	else
		ask_packet(data + 1, size - 1, data[0] & 3);
	check_tables(&the_daemon);
	return 0;
}
