/* The one maker of exchanges: exact arithmetic of the three kinds, and every refusal. */
#include <math.h>

#include "test/unit/exchange_world.h"

#define S INT64_C(1000000000)

static const struct ds_remote remote = {.stratum = 1, .ref_id = 7, .precision_log2 = -30};

/* Stamps of our raw scale at zero; the clock stands `ahead` before it. */
static enum ds_reason make(struct ds_exchange *e, enum ds_exchange_kind kind, int64_t t1,
			   int64_t t2, int64_t t3, int64_t t4, int64_t ahead, double freq_ppb)
{
	struct ds_tx_stamp tx = {.clock_ns = t1 + ahead, .raw_ns = t1, .source = DS_STAMP_KERNEL};
	struct ds_rx_stamp rx = {.clock_ns = t4 + ahead, .raw_ns = t4, .source = DS_STAMP_KERNEL};

	return ds_exchange_make(e, kind, &tx, t2, t3, &rx, &remote, freq_ppb);
}

static void test_basic(void **state)
{
	struct ds_exchange e;

	(void)state;
	/* Server 1000000 before our raw scale, our clock 400000; 30000 out, 12000, 20000 back. */
	assert_int_equal(make(&e, DS_EXCHANGE_BASIC, 5000, 1035000, 1047000, 67000, 400000, 0),
			 DS_R_OK);
	assert_int_equal(e.kind, DS_EXCHANGE_BASIC);
	assert_true(e.delay_ns == 50000);
	assert_true(e.raw_ns == 36000);
	assert_true(e.server_minus_raw_ns == 1000000 + 5000);
	assert_true(e.offset_ns == 605000);
	assert_true(e.t1.raw_ns == 5000 && e.t2_ns == 1035000);
	assert_true(e.t3_ns == 1047000 && e.t4.raw_ns == 67000);
	assert_int_equal(e.remote.stratum, 1);
	assert_int_equal(e.remote.ref_id, 7);
}

static void test_set1_has_the_arithmetic_of_basic(void **state)
{
	struct ds_exchange basic;
	struct ds_exchange set1;

	(void)state;
	assert_int_equal(make(&basic, DS_EXCHANGE_BASIC, 10, 5025, 5035, 50, 3, 0), DS_R_OK);
	assert_int_equal(make(&set1, DS_EXCHANGE_SET1, 10, 5025, 5035, 50, 3, 0), DS_R_OK);
	assert_int_equal(set1.kind, DS_EXCHANGE_SET1);
	assert_true(set1.delay_ns == basic.delay_ns && set1.offset_ns == basic.offset_ns);
	assert_true(set1.raw_ns == basic.raw_ns);
	assert_true(set1.server_minus_raw_ns == basic.server_minus_raw_ns);
}

static void test_set2_spans_a_poll(void **state)
{
	struct ds_exchange e;

	(void)state;
	/* The response of one round trip arrives at 100000, the next request leaves 64 s later;
	 * 40000 each way; the server stands 7 s before us. */
	assert_int_equal(
		make(&e, DS_EXCHANGE_SET2, 64 * S, 71 * S + 40000, 7 * S + 60000, 100000, 0, 0),
		DS_R_OK);
	assert_true(e.delay_ns == 80000);
	assert_true(e.server_minus_raw_ns == 7 * S);
	assert_true(e.offset_ns == 7 * S);
	assert_true(e.raw_ns == 64 * S - (64 * S - 100000) / 2);
}

static void test_set2_needs_the_frequency(void **state)
{
	struct ds_exchange e;
	/* Our raw scale is 10 ppm slow: in 64 s the server's clock goes 64.00064 s. Delays 0. */
	const int64_t gained = 640000;

	(void)state;
	assert_int_equal(make(&e, DS_EXCHANGE_SET2, 64 * S, 64 * S + gained, 0, 0, 0, 10000),
			 DS_R_OK);
	assert_true(e.delay_ns == 0);
	assert_true(e.raw_ns == 32 * S);
	assert_true(e.server_minus_raw_ns == gained / 2);
	/* At T4 both showed the same. */
	assert_true(e.offset_ns == 0);
	/* Without it, the interval's error is taken for delay. */
	assert_int_equal(make(&e, DS_EXCHANGE_SET2, 64 * S, 64 * S + gained, 0, 0, 0, 0), DS_R_OK);
	assert_true(e.delay_ns == gained);
	assert_int_equal(make(&e, DS_EXCHANGE_SET2, 64 * S, 64 * S + gained, 0, 0, 0, 20000),
			 DS_R_DELAY_NEGATIVE);
}

static void test_a_frequency_that_no_clock_has_is_none(void **state)
{
	struct ds_exchange e;
	const double mad[] = {NAN, INFINITY, -INFINITY, 2e8, -2e8};

	(void)state;
	for (size_t i = 0; i < sizeof(mad) / sizeof(mad[0]); i++) {
		assert_int_equal(make(&e, DS_EXCHANGE_SET2, S, S, 0, 0, 0, mad[i]), DS_R_OK);
		assert_true(e.delay_ns == 0);
	}
}

/* Returns what make() does, and asserts that a refusal writes nothing. */
static enum ds_reason refused(enum ds_exchange_kind kind, int64_t t1, int64_t t2, int64_t t3,
			      int64_t t4)
{
	struct ds_exchange e;
	struct ds_exchange before;
	enum ds_reason reason;

	memset(&e, 0xa5, sizeof(e));
	before = e;
	reason = make(&e, kind, t1, t2, t3, t4, 0, 0);
	if (reason != DS_R_OK)
		assert_memory_equal(&e, &before, sizeof(e));
	return reason;
}

static void test_order_of_basic_and_set1(void **state)
{
	(void)state;
	for (int k = DS_EXCHANGE_BASIC; k <= DS_EXCHANGE_SET1; k++) {
		enum ds_exchange_kind kind = (enum ds_exchange_kind)k;

		assert_int_equal(refused(kind, 10, 0, 0, 9), DS_R_DELAY_NEGATIVE);
		assert_int_equal(refused(kind, 10, 0, 0, 10), DS_R_OK);
		/* Out of order by what the server's own noise may do, and by more. */
		assert_int_equal(refused(kind, 0, 1000, 0, 5000), DS_R_OK);
		assert_int_equal(refused(kind, 0, 1001, 0, 5000), DS_R_DELAY_NEGATIVE);
		assert_int_equal(refused(kind, 0, 0, DS_PROCESSING_MAX_NS, 5 * S), DS_R_OK);
		assert_int_equal(refused(kind, 0, 0, DS_PROCESSING_MAX_NS + 1, 5 * S),
				 DS_R_PROCESSING_MAX);
	}
}

static void test_order_of_set2(void **state)
{
	(void)state;
	assert_int_equal(refused(DS_EXCHANGE_SET2, 9, 0, 0, 10), DS_R_DELAY_NEGATIVE);
	assert_int_equal(refused(DS_EXCHANGE_SET2, 10, 0, 0, 10), DS_R_OK);
	assert_int_equal(refused(DS_EXCHANGE_SET2, 5000, 0, 1000, 0), DS_R_OK);
	assert_int_equal(refused(DS_EXCHANGE_SET2, 5000, 0, 1001, 0), DS_R_DELAY_NEGATIVE);
	/* Its remote interval is a poll: the limit for one packet does not hold. */
	assert_int_equal(refused(DS_EXCHANGE_SET2, 1024 * S, 1024 * S, 0, 0), DS_R_OK);
}

/* The server's grain by the precision it states: at least 1 us, at most our own limit. */
static void test_the_servers_grain(void **state)
{
	static const struct {
		int8_t precision_log2;
		int64_t grain_ns;
	} cases[] = {{-128, 1000}, {-32, 1000},	  {-20, 1000}, {-19, 1907},  {-15, 30517},
		     {-14, 61035}, {-13, 100000}, {0, 100000}, {127, 100000}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ds_remote of = {.stratum = 1, .precision_log2 = cases[i].precision_log2};
		struct ds_tx_stamp t1 = {.source = DS_STAMP_KERNEL};
		struct ds_rx_stamp t4 = {.raw_ns = 50000, .source = DS_STAMP_KERNEL};
		struct ds_rx_stamp now = {.source = DS_STAMP_KERNEL};
		int64_t g = cases[i].grain_ns;
		struct ds_exchange e;

		assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, 0, -g, &t4, &of, 0),
				 DS_R_OK);
		assert_true(e.delay_ns == 50000 + g);
		assert_int_equal(
			ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, 0, -g - 1, &t4, &of, 0),
			DS_R_DELAY_NEGATIVE);
		/* In set 2 it takes from the delay. */
		assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_SET2, &t1, 0, g, &now, &of, 0),
				 DS_R_OK);
		assert_true(e.delay_ns == 0);
		assert_int_equal(
			ds_exchange_make(&e, DS_EXCHANGE_SET2, &t1, 0, g + 1, &now, &of, 0),
			DS_R_DELAY_NEGATIVE);
	}
}

static void test_delay_at_the_grain(void **state)
{
	struct ds_exchange e;
	const int64_t g = DS_DELAY_GRAIN_NS;

	(void)state;
	assert_int_equal(make(&e, DS_EXCHANGE_BASIC, 0, 0, 1000 + g, 1000, 0, 0), DS_R_OK);
	assert_true(e.delay_ns == 0);
	assert_int_equal(make(&e, DS_EXCHANGE_BASIC, 0, 0, 1001 + g, 1000, 0, 0),
			 DS_R_DELAY_NEGATIVE);
	assert_int_equal(make(&e, DS_EXCHANGE_BASIC, 0, 0, 999, 1000, 0, 0), DS_R_OK);
	assert_true(e.delay_ns == 1);
}

static void test_stamps_of_no_source(void **state)
{
	struct ds_tx_stamp t1 = {.source = DS_STAMP_KERNEL};
	struct ds_rx_stamp t4 = {.source = DS_STAMP_KERNEL};
	struct ds_exchange e;

	(void)state;
	assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, 0, 0, &t4, &remote, 0),
			 DS_R_OK);
	t1.source = DS_STAMP_NONE;
	assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, 0, 0, &t4, &remote, 0),
			 DS_R_STAMP_MISSING);
	t1.source = DS_STAMP_DAEMON;
	t4.source = DS_STAMP_NONE;
	assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, 0, 0, &t4, &remote, 0),
			 DS_R_STAMP_MISSING);
}

static void test_no_stamp_overflows(void **state)
{
	const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
	const size_t n = sizeof(edges) / sizeof(edges[0]);
	unsigned int refusals = 0;

	(void)state;
	for (size_t i = 0; i < n * n * n * n * 3; i++) {
		struct ds_exchange e;
		enum ds_reason reason = make(&e, (enum ds_exchange_kind)(i / (n * n * n * n)),
					     edges[i % n], edges[i / n % n], edges[i / n / n % n],
					     edges[i / n / n / n % n], 0, 99e6);

		refusals += reason != DS_R_OK;
		if (reason == DS_R_OK)
			assert_true(e.delay_ns >= 0);
	}
	assert_true(refusals > n * n * n); /* the sanitizers see the rest */
}

/* Each interval fits, what lies between them does not: only forged stamps are so far apart. */
static void test_no_difference_overflows(void **state)
{
	const int64_t shift = 1000000;
	struct ds_tx_stamp t1 = {.raw_ns = -2, .source = DS_STAMP_KERNEL};
	struct ds_rx_stamp t4 = {.clock_ns = INT64_MAX, .raw_ns = -1, .source = DS_STAMP_KERNEL};
	struct ds_exchange e;

	(void)state;
	assert_int_equal(make(&e, DS_EXCHANGE_BASIC, -shift, 0, -1000, INT64_MAX - shift, 0, -1e8),
			 DS_R_DELAY_NEGATIVE);
	assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, 0, 0, &t4, &remote, 0),
			 DS_R_DELAY_NEGATIVE);
	t4.clock_ns = INT64_MAX - 1;
	assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, 0, 0, &t4, &remote, 0),
			 DS_R_OK);
}

static void test_a_step_between_t1_and_t4_does_not_show(void **state)
{
	struct ds_tx_stamp t1 = {.clock_ns = 100, .raw_ns = 100, .source = DS_STAMP_KERNEL};
	struct ds_rx_stamp t4 = {
		.clock_ns = 200 - 3600 * S, .raw_ns = 200, .source = DS_STAMP_KERNEL};
	struct ds_exchange e;

	(void)state;
	assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, 140, 160, &t4, &remote, 0),
			 DS_R_OK);
	assert_true(e.delay_ns == 80);
	assert_true(e.server_minus_raw_ns == 0);
	assert_true(e.offset_ns == 3600 * S);
}

static void test_reference_clocks(void **state)
{
	const struct ds_remote of = {.ref_id = 0x47505300, .root_dispersion_ns = 7};
	struct ds_rx_stamp local = {.clock_ns = 1000, .raw_ns = 400, .source = DS_STAMP_DAEMON};
	struct ds_exchange e = {.delay_ns = -1};

	(void)state;
	assert_int_equal(ds_exchange_make_refclock(&e, 1250, &local, 100, &of), DS_R_OK);
	assert_int_equal(e.kind, DS_EXCHANGE_REFCLOCK);
	assert_int_equal(e.offset_ns, 250);
	assert_int_equal(e.delay_ns, 100); /* and moves nothing */
	assert_int_equal(e.raw_ns, 400);
	assert_int_equal(e.server_minus_raw_ns, 850);
	assert_int_equal(e.t1.source, DS_STAMP_NONE);
	assert_int_equal(e.remote.stratum, 0);
	assert_false(ds_exchange_is_interleaved(e.kind));

	e.delay_ns = -1;
	assert_int_equal(ds_exchange_make_refclock(&e, 0, &local, -1, &of), DS_R_DELAY_NEGATIVE);
	assert_int_equal(ds_exchange_make_refclock(&e, 0, &local, DS_DELAY_ONE_WAY_MAX_NS + 1, &of),
			 DS_R_DELAY_NEGATIVE);
	local.source = DS_STAMP_NONE;
	assert_int_equal(ds_exchange_make_refclock(&e, 0, &local, 0, &of), DS_R_STAMP_MISSING);
	local = (struct ds_rx_stamp){INT64_MAX, INT64_MIN, DS_STAMP_KERNEL, 0};
	assert_int_equal(ds_exchange_make_refclock(&e, INT64_MAX, &local, 0, &of),
			 DS_R_DELAY_NEGATIVE);
	assert_int_equal(e.delay_ns, -1); /* nothing was written */
}

/* What a broadcast is made an exchange of. */
static void test_broadcasts(void **state)
{
	static const struct {
		int64_t t3_ns, clock_ns, raw_ns, delay_ns;
		enum ds_reason reason;
	} cases[] = {
		{5000, 1000, 100, 40, DS_R_OK},
		{5000, 1000, 100, 0, DS_R_OK},
		{5000, 1000, 100, DS_DELAY_ONE_WAY_MAX_NS, DS_R_OK},
		{5000, 1000, 100, -1, DS_R_DELAY_NEGATIVE},
		{5000, 1000, 100, DS_DELAY_ONE_WAY_MAX_NS + 1, DS_R_DELAY_NEGATIVE},
		{5000, 1000, INT64_MIN, 1, DS_R_DELAY_NEGATIVE},
		{5000, INT64_MIN, 100, 1, DS_R_DELAY_NEGATIVE},
		{INT64_MAX, 1000, -100, 1, DS_R_DELAY_NEGATIVE},
	};
	const struct ds_remote of = {.stratum = 1};
	struct ds_exchange e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ds_rx_stamp t4 = {cases[i].clock_ns, cases[i].raw_ns, DS_STAMP_KERNEL, 0};

		memset(&e, 0xa5, sizeof(e));
		assert_int_equal(ds_exchange_make_broadcast(&e, DS_EXCHANGE_BROADCAST,
							    cases[i].t3_ns, &t4, cases[i].delay_ns,
							    &of, 0),
				 cases[i].reason);
		if (cases[i].reason != DS_R_OK)
			continue;
		assert_int_equal(e.offset_ns, 4000 + cases[i].delay_ns / 2);
		assert_int_equal(e.delay_ns, cases[i].delay_ns);
		assert_int_equal(e.t1.source, DS_STAMP_NONE);
		assert_int_equal(e.t1.raw_ns, 100 - cases[i].delay_ns);
	}
	assert_false(ds_exchange_is_interleaved(DS_EXCHANGE_BASIC));
	assert_false(ds_exchange_is_interleaved(DS_EXCHANGE_BROADCAST));
	assert_true(ds_exchange_is_interleaved(DS_EXCHANGE_SET1));
	assert_true(ds_exchange_is_interleaved(DS_EXCHANGE_SET2));
	assert_true(ds_exchange_is_interleaved(DS_EXCHANGE_BROADCAST_DRIVESTAMP));
}

/* A peer may hold a packet for a poll. */
static void test_held_for_long(void **state)
{
	const struct ds_remote of = {.stratum = 1};
	struct ds_tx_stamp t1 = {.source = DS_STAMP_KERNEL};
	struct ds_rx_stamp t4 = {.source = DS_STAMP_KERNEL};
	struct ds_exchange e;

	(void)state;
	t4.raw_ns = t4.clock_ns = DS_HOLD_MAX_NS + 1000;
	assert_int_equal(ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, 500, DS_HOLD_MAX_NS + 500,
					  &t4, &of, 0),
			 DS_R_PROCESSING_MAX);
	assert_int_equal(ds_exchange_make_held(&e, DS_EXCHANGE_BASIC, &t1, 500,
					       DS_HOLD_MAX_NS + 500, &t4, &of, 0, DS_HOLD_MAX_NS),
			 DS_R_OK);
	assert_int_equal(e.delay_ns, 1000);
	assert_int_equal(ds_exchange_make_held(&e, DS_EXCHANGE_BASIC, &t1, 500,
					       DS_HOLD_MAX_NS + 501, &t4, &of, 0, DS_HOLD_MAX_NS),
			 DS_R_PROCESSING_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic),
		cmocka_unit_test(test_set1_has_the_arithmetic_of_basic),
		cmocka_unit_test(test_set2_spans_a_poll),
		cmocka_unit_test(test_set2_needs_the_frequency),
		cmocka_unit_test(test_a_frequency_that_no_clock_has_is_none),
		cmocka_unit_test(test_order_of_basic_and_set1),
		cmocka_unit_test(test_order_of_set2),
		cmocka_unit_test(test_the_servers_grain),
		cmocka_unit_test(test_delay_at_the_grain),
		cmocka_unit_test(test_stamps_of_no_source),
		cmocka_unit_test(test_no_stamp_overflows),
		cmocka_unit_test(test_no_difference_overflows),
		cmocka_unit_test(test_a_step_between_t1_and_t4_does_not_show),
		cmocka_unit_test(test_broadcasts),
		cmocka_unit_test(test_reference_clocks),
		cmocka_unit_test(test_held_for_long),
	};

	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
