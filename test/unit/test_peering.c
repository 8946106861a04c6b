/*
 * Tests of daemon/peering: when a peer's packets are due.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/peering.h"

#define S  INT64_C(1000000000)
#define MS INT64_C(1000000)

/* Two sides with timers of these intervals, the second's first packet that long after the first's,
 * packets arriving at once: how far are packets of theirs from the middle of ours, at the end? */
static int64_t off_middle_ns(int64_t a_ns, int64_t b_ns, int64_t apart_ns)
{
	struct ds_peering_times a = {.sent_ns = S, .ours_ns = a_ns, .theirs_ns = b_ns};
	struct ds_peering_times b = {.sent_ns = S + apart_ns, .ours_ns = b_ns, .theirs_ns = a_ns};
	int64_t shorter_ns = a_ns < b_ns ? a_ns : b_ns;
	int64_t a_due = a.sent_ns + a_ns;
	int64_t b_due = b.sent_ns + b_ns;

	a.heard_ns = b.sent_ns;
	b.heard_ns = a.sent_ns;
	for (int i = 0; i < 200; i++) {
		if (a_due <= b_due) {
			assert_in_range(a_due - a.sent_ns, a_ns - shorter_ns / 16,
					a_ns + shorter_ns / 4);
			b.heard_ns = a.sent_ns = a_due;
			a_due += a_ns;
			b_due = ds_peering_due_ns(&b);
			if (b_due < a.sent_ns)
				b_due = a.sent_ns;
		} else {
			assert_in_range(b_due - b.sent_ns, b_ns - shorter_ns / 16,
					b_ns + shorter_ns / 4);
			a.heard_ns = b.sent_ns = b_due;
			b_due += b_ns;
			a_due = ds_peering_due_ns(&a);
			if (a_due < b.sent_ns)
				a_due = b.sent_ns;
		}
	}
	apart_ns = (b.sent_ns - a.sent_ns) % shorter_ns;
	if (apart_ns < 0)
		apart_ns += shorter_ns;
	return apart_ns - shorter_ns / 2;
}

static void test_packets_come_to_alternate(void **state)
{
	static const int64_t polls[][2] = {
		{S, S}, {S, 2 * S}, {2 * S, S}, {S, 4 * S}, {16 * S, 16 * S}};

	(void)state;
	for (size_t i = 0; i < sizeof(polls) / sizeof(polls[0]); i++) {
		int64_t shorter = polls[i][0] < polls[i][1] ? polls[i][0] : polls[i][1];

		for (int k = 1; k < 20; k++) {
			int64_t off = off_middle_ns(polls[i][0], polls[i][1], shorter * k / 20);

			assert_in_range(off + shorter / 8, 0, shorter / 4);
		}
	}
}

/* One whose timer hears nothing of ours: we come to its middle, at its pace. */
static void test_whoever_does_not_move_is_followed(void **state)
{
	struct ds_peering_times t = {.ours_ns = S, .theirs_ns = S};
	int64_t off;

	(void)state;
	t.sent_ns = 10 * S;
	for (int i = 0; i < 8; i++) {
		t.heard_ns = 10 * S + 100 * MS + i * S;
		off = ds_peering_due_ns(&t) - (t.heard_ns + S / 2);
		t.sent_ns = ds_peering_due_ns(&t);
	}
	assert_int_equal(off, 0);
}

static void test_ours_waits_for_theirs(void **state)
{
	struct ds_peering_times t = {
		.sent_ns = 10 * S, .heard_ns = 9 * S + 950 * MS, .ours_ns = S, .theirs_ns = S};

	(void)state;
	/* expected at 10.95 s, ours due at 11 s: just past, and at 10.9 s: about to come */
	assert_int_equal(ds_peering_wait_ns(&t, 11 * S), 11 * S + 200 * MS);
	assert_int_equal(ds_peering_wait_ns(&t, 10 * S + 900 * MS), 11 * S + 200 * MS);
	/* heard since we sent: nothing to wait for */
	t.heard_ns = 10 * S + 500 * MS;
	assert_int_equal(ds_peering_wait_ns(&t, 11 * S), 11 * S);
	/* long silent: not waited for again */
	t.heard_ns = 5 * S;
	assert_int_equal(ds_peering_wait_ns(&t, 11 * S), 11 * S);
	/* it sends less often */
	t.heard_ns = 9 * S;
	t.theirs_ns = 2 * S;
	assert_int_equal(ds_peering_wait_ns(&t, 11 * S), 11 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_come_to_alternate),
		cmocka_unit_test(test_whoever_does_not_move_is_followed),
		cmocka_unit_test(test_ours_waits_for_theirs),
	};

	return cmocka_run_group_tests_name("peering", tests, NULL, NULL);
}
