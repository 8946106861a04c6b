/*
 * Tests of daemon/card_time: what a stamp of a card's clock becomes, and which is not taken. The
 * readings are given here; the device is closed, so that whoever asks it is told nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/card_time.h"

#define S	INT64_C(1000000000)
#define AHEAD	(37 * S + 123) /* the card's clock is ahead of the raw scale */
#define SEEN_NS (100 * S)      /* when the packet was seen, raw ... */
#define UTC_NS	(1000 * S)     /* ... and on our clock */

static const struct ds_conf_card conf = {
	.maxpoll = 1, .min_samples = 2, .max_samples = 16, .precision_s = 1e-7};
static const struct ds_card_seen seen = {.clock_ns = UTC_NS, .raw_ns = SEEN_NS, .by_kernel = true};

/* Read `count` times, once a second, the last at the moment of the packet. */
static struct ds_card_time known(struct ds_clock *clock, int count, int64_t half_width_ns)
{
	const struct ds_cardclock_config config = {.precision_ns = 100, .max_samples = 16};
	struct ds_card_time t;

	memset(&t, 0, sizeof t);
	assert_int_equal(ds_clock_open_virtual(clock, 0.0, 0.0), 0);
	t.conf = &conf;
	t.clock = clock;
	t.phc.fd = -1;
	t.phc.way = DS_PHC_PLAIN;
	t.phc.count = 3;
	t.read_ns = ds_monotonic_ns() + 1000 * S; /* lately */
	ds_cardclock_init(&t.line, &config);
	for (int i = count; i > 0; i--) {
		int64_t raw_ns = SEEN_NS - (i - 1) * S;
		const struct ds_cardclock_reading reading = {raw_ns, raw_ns + AHEAD, half_width_ns};

		ds_cardclock_add(&t.line, &reading);
	}
	return t;
}

static enum ds_reason carry(struct ds_card_time *t, int64_t later_ns, bool received,
			    struct ds_card_carried *out)
{
	return ds_card_time_carry(t, SEEN_NS + AHEAD + later_ns, received, &seen, out);
}

static void a_stamp_comes_to_both_scales(void **state)
{
	struct ds_clock clock;
	struct ds_card_time t = known(&clock, 10, 200);
	struct ds_card_carried out;

	(void)state;
	assert_int_equal(carry(&t, 3000, false, &out), DS_R_OK);
	assert_in_range(out.raw_ns, SEEN_NS + 2999, SEEN_NS + 3001);
	assert_int_equal(out.clock_ns - UTC_NS, out.raw_ns - SEEN_NS);
	/* precision, and what a way there and back of 200 ns may hide */
	assert_in_range(out.error_ns, 150, 300);
	assert_int_equal(carry(&t, -3000, true, &out), DS_R_OK);
	assert_in_range(out.raw_ns, SEEN_NS - 3001, SEEN_NS - 2999);
	assert_int_equal(out.clock_ns - UTC_NS, out.raw_ns - SEEN_NS);
	assert_true(t.error_ns > 0 && t.error_most_ns >= t.error_ns);
}

static void a_clock_that_is_not_known_gives_none(void **state)
{
	struct ds_clock clock;
	struct ds_card_time t = known(&clock, 1, 200);
	struct ds_card_carried out;

	(void)state;
	assert_int_equal(carry(&t, 3000, false, &out), DS_R_CARD_CLOCK);
	t = known(&clock, 2, 200);
	assert_int_equal(carry(&t, 3000, false, &out), DS_R_OK);
	/* too far from the last reading */
	assert_int_equal(carry(&t, DS_CARDCLOCK_REACH_NS + S, false, &out), DS_R_CARD_CLOCK);
	/* over a bus so slow that the kernel's stamps are better */
	t = known(&clock, 10, 2 * (int64_t)DS_CARD_ERROR_MAX_NS);
	assert_int_equal(carry(&t, 3000, false, &out), DS_R_CARD_CLOCK);
}

static void a_packet_cannot_have_been_there(void **state)
{
	struct ds_clock clock;
	struct ds_card_time t = known(&clock, 10, 200);
	struct ds_card_carried out;

	(void)state;
	assert_int_equal(carry(&t, -100000, false, &out), DS_R_CARD_IMPLAUSIBLE);
	assert_int_equal(carry(&t, 100000, true, &out), DS_R_CARD_IMPLAUSIBLE);
	assert_int_equal(carry(&t, 2 * DS_CARD_APART_NS, false, &out), DS_R_CARD_IMPLAUSIBLE);
	assert_int_equal(t.due_ns, 0); /* it was read so lately that it is not asked again */
	t.read_ns = ds_monotonic_ns() - S;
	assert_int_equal(carry(&t, -100000, false, &out), DS_R_CARD_IMPLAUSIBLE);
	assert_true(t.due_ns > 0);
}

static void a_device_that_fails_is_not_asked_in_haste(void **state)
{
	struct ds_clock clock;
	struct ds_card_time t = known(&clock, 10, 200);
	int64_t now_ns = ds_monotonic_ns();

	(void)state;
	ds_card_time_read(&t, now_ns);
	assert_int_equal(t.due_ns - now_ns, 2 * S); /* maxpoll */
}

static void what_is_unusual_has_the_clock_read(void **state)
{
	struct ds_clock clock;
	struct ds_card_time t = known(&clock, 10, 200);
	struct ds_card_carried out;

	(void)state;
	t.read_ns = ds_monotonic_ns() - S;
	assert_int_equal(carry(&t, 3000, false, &out), DS_R_OK);
	assert_int_equal(carry(&t, 3500, false, &out), DS_R_OK);
	assert_int_equal(t.due_ns, 0);
	/* the other way has a usual of its own */
	assert_int_equal(carry(&t, -90000, true, &out), DS_R_OK);
	assert_int_equal(t.due_ns, 0);
	assert_int_equal(carry(&t, 90000, false, &out), DS_R_OK);
	assert_true(t.due_ns > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamp_comes_to_both_scales),
		cmocka_unit_test(a_clock_that_is_not_known_gives_none),
		cmocka_unit_test(a_packet_cannot_have_been_there),
		cmocka_unit_test(a_device_that_fails_is_not_asked_in_haste),
		cmocka_unit_test(what_is_unusual_has_the_clock_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
