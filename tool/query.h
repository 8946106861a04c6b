/*
 * query: what one run of `drivestamp query` asked and saw; shared by the asking (query.c) and the
 * telling (query_report.c).
 * It must never say more of a stamp than the packets said.
 */
#ifndef DS_TOOL_QUERY_H
#define DS_TOOL_QUERY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/exchange/exchange.h"
#include "os/address.h"

#define DS_QUERY_JSON_SCHEMA 1
#define DS_QUERY_COUNT_MAX   1000

/* One request, and what came of it. */
struct ds_query_row {
	bool answered;		/* an answer was accepted */
	bool asked_interleaved; /* the request named a receive stamp of the server as its origin */
	bool interleaved;	/* the answer repeated the receive cookie */
	bool has_exchange;
	struct ds_exchange exchange;
	uint32_t kiss_code; /* not 0: a kiss-o'-death answer */
	/* Real minus guessed transmit stamp of the basic answer before this (interleaved) one. */
	bool has_difference;
	int64_t difference_ns;
	char loss[256]; /* why there is no exchange; "" if there is one */
};

struct ds_query {
	const char *host; /* as given */
	union ds_address server;
	double interval_s;
	double timeout_s;
	bool interleaved; /* asked for */
	int count;	  /* requests sent so far */
	struct ds_query_row rows[DS_QUERY_COUNT_MAX];
};

/* What the rows say together. Figures are NAN where there is nothing to say. */
struct ds_query_result {
	int answered, exchanges, interleaved;
	int asked; /* answered requests that asked for an interleaved answer */
	int comparisons;
	double offset_ns;					       /* median */
	double delay_ns;					       /* least */
	double difference_ns, difference_least_ns, difference_most_ns; /* median, range */
	char verdict[512];
};

void ds_query_print_head(const struct ds_query *q, FILE *out);
void ds_query_print_row(const struct ds_query *q, int number, FILE *out); /* number: from 1 */
void ds_query_judge(const struct ds_query *q, struct ds_query_result *result);
void ds_query_print_result(const struct ds_query *q, const struct ds_query_result *result,
			   FILE *out);
void ds_query_print_json(const struct ds_query *q, const struct ds_query_result *result, FILE *out);

#endif
