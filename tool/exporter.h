/*
 * exporter: the daemon's answer to `metrics` as OpenMetrics, or Prometheus' text of before.
 * It must never make a number up: what the daemon does not know has no sample.
 *
 * Source: OpenMetrics 1.0 (prometheus.io/docs/specs/om/open_metrics_spec); the older text format
 * 0.0.4 has the same samples. Base units: seconds, ratios.
 */
#ifndef DS_TOOL_EXPORTER_H
#define DS_TOOL_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

/* answer: NULL where the daemon cannot be asked; then drivestamp_up is 0, and there is nothing
 * else. */
void ds_exporter_write(const json_t *answer, bool open_metrics, FILE *out);
/* All metrics, as a table in Markdown: doc/metrics.md. */
void ds_exporter_describe(FILE *out);

/* What the request's head asks for. length: of all bytes up to and with the empty line. */
struct ds_exporter_request {
	int status;   /* of HTTP: 200, or why not: 400, 404, 405, 505 */
	bool head;    /* HEAD: no body */
	bool metrics; /* /metrics; else the page that names it */
	bool open_metrics;
};
#define DS_EXPORTER_HEAD 4096 /* bytes of a request's head; a longer one gets 431 */
void ds_exporter_parse(const char *head, size_t length, struct ds_exporter_request *request);

#endif
