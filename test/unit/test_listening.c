/*
 * Tests of daemon/listening: when a sender of broadcasts is measured, which delay its broadcasts
 * get, how their way is compared with that of exchanges, and when it is given up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/exchange/interleave.h"
#include "core/exchange/wire.h"
#include "daemon/listening.h"

#define S     INT64_C(1000000000)
#define UNIX  (1700000000 * S) /* the raw scale counts from here in these tests */
#define START (100 * S)

static struct ds_listening listening;
static int64_t now_ns;
static int64_t clock_ns; /* the sender's, beside UNIX */

static void begin(int8_t interval_log2)
{
	const struct ds_conf_source conf = {.version = 4};
	const union ds_address to = {.family = AF_INET};

	now_ns = START;
	clock_ns = 0;
	ds_listening_start(&listening, &conf, &to, interval_log2, now_ns);
}

/* An exchange that was held up by late_ns on its way to the sender. */
static void measure_late(enum ds_exchange_kind kind, int64_t delay_ns, int64_t late_ns)
{
	const struct ds_exchange x = {.kind = kind,
				      .raw_ns = now_ns,
				      .server_minus_raw_ns = UNIX + clock_ns + late_ns / 2,
				      .delay_ns = delay_ns + late_ns};

	ds_listening_calibrate(&listening, &x, 0);
}

static void measure(enum ds_exchange_kind kind, int64_t delay_ns)
{
	measure_late(kind, delay_ns, 0);
}

/* A broadcast that left way_ns before now, and tells that the one before it left at origin_ns
 * (0: basic). Returns what it said; *server_minus_raw_ns of its exchange, 0 without one. */
static enum ds_reason hear(int8_t poll_log2, int64_t way_ns, int64_t origin_ns,
			   int64_t *server_minus_raw_ns)
{
	struct ds_packet packet = {
		.version = 4,
		.mode = DS_MODE_BROADCAST,
		.stratum = 1,
		.poll_log2 = poll_log2,
		.precision_log2 = -20,
		.transmit = ds_ntp64_from_ns(UNIX + clock_ns + now_ns - way_ns, 0),
		.origin = origin_ns ? ds_ntp64_from_ns(UNIX + clock_ns + origin_ns, 0) : 0,
	};
	const struct ds_rx_stamp t4 = {UNIX + now_ns, now_ns, DS_STAMP_KERNEL, 0};
	struct ds_listener_outcome outcome;
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	enum ds_reason reason;

	ds_wire_write(&packet, bytes);
	reason = ds_listening_hear(&listening, bytes, sizeof(bytes), &t4, DS_AUTH_ABSENT, 0, 0,
				   now_ns, &outcome);
	*server_minus_raw_ns = outcome.has_exchange ? outcome.exchange.server_minus_raw_ns : 0;
	return reason;
}

static void test_rounds(void **state)
{
	int64_t smr;

	(void)state;
	begin(0);
	assert_int_equal(ds_listening_next_ns(&listening), START);
	assert_int_equal(ds_listening_begin_round(&listening, now_ns), DS_LISTENING_FIRST_ROUND);
	measure(DS_EXCHANGE_SET1, 10000);
	for (int i = 0; i < 15; i++) {
		now_ns += S;
		assert_int_equal(hear(0, 5000, 0, &smr), DS_R_OK);
		assert_int_equal(ds_listening_next_ns(&listening), now_ns + 3 * S);
	}
	now_ns += S;
	hear(0, 5000, 0, &smr);
	assert_int_equal(ds_listening_next_ns(&listening), now_ns); /* the 16th */
	assert_int_equal(ds_listening_begin_round(&listening, now_ns), DS_LISTENING_ROUND);
	assert_int_equal(ds_listening_next_ns(&listening), now_ns + 3 * S);
	assert_int_equal(listening.heard, 16);
}

static void test_at_least_every_1024_s(void **state)
{
	int64_t smr;

	(void)state;
	begin(9);
	ds_listening_begin_round(&listening, now_ns);
	measure(DS_EXCHANGE_SET1, 10000);
	now_ns += 512 * S;
	hear(9, 5000, 0, &smr);
	assert_int_equal(ds_listening_next_ns(&listening), START + 1024 * S);
}

/* Silence: after 3 intervals, then 6, 12, ...; a packet that is not accepted changes nothing. */
static void test_silence(void **state)
{
	struct ds_listening before;
	int64_t smr;
	int64_t due;

	(void)state;
	begin(2);
	ds_listening_begin_round(&listening, now_ns);
	measure(DS_EXCHANGE_SET1, 10000);
	for (int doubled = 0; doubled < 6; doubled++) {
		due = START + (INT64_C(12) << doubled) * S;
		assert_int_equal(ds_listening_next_ns(&listening), due);
		now_ns = due;
		ds_listening_begin_round(&listening, now_ns);
	}
	before = listening;
	assert_int_equal(hear(2, -3600 * S, 0, &smr), DS_R_BROADCAST_DISAGREES);
	assert_memory_equal(&before, &listening, sizeof(before));
	measure(DS_EXCHANGE_SET1, 10000);
	assert_int_equal(hear(2, 5000, 0, &smr), DS_R_OK);
	assert_int_equal(ds_listening_next_ns(&listening), now_ns + 12 * S);
}

static void test_lost(void **state)
{
	(void)state;
	begin(0);
	ds_listening_begin_round(&listening, now_ns);
	assert_false(ds_listening_lost(&listening, START + 17 * S)); /* one round may be lost */
	ds_listening_begin_round(&listening, START + 3 * S);
	assert_false(ds_listening_lost(&listening, START + 16 * S - 1));
	assert_true(ds_listening_lost(&listening, START + 16 * S));
	measure(DS_EXCHANGE_BASIC, 10000); /* it answers: it is given more time */
	assert_false(ds_listening_lost(&listening, START + 1023 * S));
	assert_true(ds_listening_lost(&listening, START + 1024 * S));
	begin(6);
	ds_listening_begin_round(&listening, now_ns);
	ds_listening_begin_round(&listening, now_ns);
	assert_false(ds_listening_lost(&listening, START + 511 * S));
	assert_true(ds_listening_lost(&listening, START + 512 * S));
}

/* Basic exchanges count until there is an interleaved one, and again when those have stopped. */
static void test_delay(void **state)
{
	(void)state;
	begin(0);
	assert_int_equal(ds_listening_delay_ns(&listening), INT64_MAX);
	measure(DS_EXCHANGE_BASIC, 3000);
	measure(DS_EXCHANGE_BASIC, 2000);
	assert_int_equal(ds_listening_delay_ns(&listening), 2000);
	measure(DS_EXCHANGE_SET1, 5000);
	assert_int_equal(ds_listening_delay_ns(&listening), 5000);
	measure(DS_EXCHANGE_SET2, 4000);
	measure(DS_EXCHANGE_BASIC, 1000);
	assert_int_equal(ds_listening_delay_ns(&listening), 4000);
	for (int i = 0; i < DS_LISTENING_DELAYS; i++)
		measure(DS_EXCHANGE_SET1, 6000 + i);
	assert_int_equal(ds_listening_delay_ns(&listening), 6000);
	for (int i = 0; i < 3; i++)
		measure(DS_EXCHANGE_BASIC, 900);
	assert_int_equal(ds_listening_delay_ns(&listening), 6000);
	measure(DS_EXCHANGE_BASIC, 900);
	assert_int_equal(ds_listening_delay_ns(&listening), 900);
}

/* Broadcasts take 9 us longer than half an exchange. With drivestamps that is found and taken off;
 * basic ones keep it: nobody knows whether it is of the way. */
static void test_way(void **state)
{
	int64_t smr = 0;

	(void)state;
	begin(0);
	ds_listening_begin_round(&listening, now_ns);
	for (int i = 0; i < 20; i++) {
		now_ns += S;
		measure(DS_EXCHANGE_SET1, 2000);
		hear(0, 10000, 0, &smr);
		assert_in_range(UNIX - smr, 8998, 9002);
	}
	assert_int_equal(ds_listening_way_ns(&listening), 0);
	if (!DS_INTERLEAVE_BUILT)
		return;
	for (int i = 0; i < 20; i++) {
		now_ns += S;
		if (i < 8)
			measure(DS_EXCHANGE_SET1, 2000);
		hear(0, 10000, now_ns - S - 10000, &smr);
	}
	assert_in_range(ds_listening_way_ns(&listening), 8998, 9002);
	assert_in_range(UNIX - smr + 2, 0, 4);
	/* far from any exchange nothing is learnt, but what is known is used */
	now_ns += 10 * S;
	measure(DS_EXCHANGE_SET1, 2000);
	listening.way_count = 0;
	now_ns += S;
	hear(0, 10000, now_ns - 11 * S - 10000, &smr);
	assert_int_equal(ds_listening_way_ns(&listening), 0);
}

/* Broadcasts a second apart take 1 us, as exchanges do one way; the sender tells when they left. */
static void hear_rightly(int count, bool at_once)
{
	int64_t smr;

	for (int i = 0; i < count; i++) {
		now_ns += S;
		hear(0, 1000, now_ns - S - 1000, &smr);
		if (i == 0 && !at_once) /* of the clock as it was */
			continue;
		assert_in_range(smr - UNIX - clock_ns + 2, 0, 4);
	}
}

/* Exchanges that were held up: nothing of that goes into the broadcasts that are heard after. */
static void test_way_held_up(void **state)
{
	static const int64_t late_ns[] = {200000, 5 * S / 1000, 20 * S / 1000, 56 * S / 1000};

	(void)state;
	if (!DS_INTERLEAVE_BUILT)
		return;
	begin(0);
	measure(DS_EXCHANGE_SET1, 2000);
	for (size_t i = 0; i < sizeof(late_ns) / sizeof(late_ns[0]); i++) {
		hear_rightly(4, i > 0);
		measure_late(DS_EXCHANGE_SET1, 2000, late_ns[i]);
		hear_rightly(16, true);
		assert_in_range(ds_listening_way_ns(&listening) + 2, 0, 4);
		measure(DS_EXCHANGE_SET1, 2000);
	}
}

/* The sender's clock is set: what was measured before is not compared with what comes after. */
static void test_way_clock_set(void **state)
{
	static const int64_t step_ns[] = {S / 2, 8 * S / 1000, -3 * S / 1000};

	(void)state;
	if (!DS_INTERLEAVE_BUILT)
		return;
	for (size_t i = 0; i < sizeof(step_ns) / sizeof(step_ns[0]); i++) {
		begin(0);
		measure(DS_EXCHANGE_SET1, 2000);
		hear_rightly(5, false);
		clock_ns += step_ns[i];
		measure(DS_EXCHANGE_SET1, 5000); /* the best is of the old clock */
		hear_rightly(20, false);
		assert_in_range(ds_listening_way_ns(&listening) + 2, 0, 4);
	}
}

static void test_bounds(void **state)
{
	int64_t smr;

	(void)state;
	begin(127);
	assert_int_equal(ds_listening_interval_ns(&listening), S << 17);
	begin(-128);
	assert_int_equal(ds_listening_interval_ns(&listening), S >> 6);
	assert_int_equal(ds_listening_spacing_ns(&listening), S >> 6);
	begin(6);
	assert_int_equal(ds_listening_spacing_ns(&listening), 2 * S);
	assert_int_equal(hear(6, 0, 0, &smr), DS_R_BROADCAST_EARLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds),	    cmocka_unit_test(test_at_least_every_1024_s),
		cmocka_unit_test(test_silence),	    cmocka_unit_test(test_lost),
		cmocka_unit_test(test_delay),	    cmocka_unit_test(test_way),
		cmocka_unit_test(test_way_held_up), cmocka_unit_test(test_way_clock_set),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
