/*
 * Tests of daemon/card_rules: when a driver is found out, how many stamps a card is asked for, and
 * which stamp cannot be true.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/card_rules.h"

#define MS    INT64_C(1000000)
#define S     (1000 * MS)
#define NEVER INT64_MAX

/* ---- found out ---- */

static void ten_in_a_row_find_it_out(void **state)
{
	struct ds_card_trial t = {0};
	int64_t now = 5 * S;

	(void)state;
	for (int i = 1; i < DS_CARD_TRIAL; i++) {
		assert_false(ds_card_trial_missed(&t, now));
		assert_true(ds_card_trial_expects(&t, now));
	}
	assert_true(ds_card_trial_missed(&t, now));
	assert_true(t.given_up);
	assert_false(ds_card_trial_expects(&t, now));
	assert_false(ds_card_trial_missed(&t, now)); /* said once */
	assert_false(ds_card_trial_expects(&t, now + DS_CARD_RETRY_NS - 1));
	assert_true(ds_card_trial_expects(&t, now + DS_CARD_RETRY_NS));
	for (int i = 1; i < DS_CARD_TRIAL; i++)
		assert_false(ds_card_trial_missed(&t, now + DS_CARD_RETRY_NS));
	assert_true(ds_card_trial_missed(&t, now + DS_CARD_RETRY_NS));
	assert_int_equal(t.came, 0);
	assert_int_equal(t.missed_ever, 2 * DS_CARD_TRIAL + 1);
}

static void one_that_comes_clears_it(void **state)
{
	struct ds_card_trial t = {0};

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 1; i < DS_CARD_TRIAL; i++)
			assert_false(ds_card_trial_missed(&t, S));
		ds_card_trial_came(&t);
	}
	for (int i = 0; i < DS_CARD_TRIAL; i++)
		ds_card_trial_missed(&t, S);
	assert_false(ds_card_trial_expects(&t, S));
	ds_card_trial_came(&t); /* late, but it gives stamps after all */
	assert_true(ds_card_trial_expects(&t, S));
	assert_int_equal(t.came, 4);
}

/* ---- budget ---- */

static void one_at_a_time_at_first(void **state)
{
	struct ds_card_budget b = {0};

	(void)state;
	assert_true(ds_card_budget_allows(&b, S, NEVER));
	ds_card_budget_asked(&b, S);
	assert_false(ds_card_budget_allows(&b, S, NEVER));
	ds_card_budget_came(&b, S + 50000);
	assert_true(ds_card_budget_allows(&b, S + 50000, NEVER));
	/* lost: the next is allowed when nobody waits for it any more */
	ds_card_budget_asked(&b, 2 * S);
	assert_int_equal(ds_card_budget_expire(&b, 2 * S + 10 * MS - 1, 10 * MS), 0);
	assert_false(ds_card_budget_allows(&b, 2 * S + 10 * MS - 1, NEVER));
	assert_int_equal(ds_card_budget_expire(&b, 2 * S + 10 * MS, 10 * MS), 1);
	assert_true(ds_card_budget_allows(&b, 2 * S + 10 * MS, NEVER));
	/* one that nobody asked for is none's */
	ds_card_budget_came(&b, 3 * S);
	assert_int_equal(b.count, 0);
}

static void a_packet_of_ours_keeps_it_free(void **state)
{
	struct ds_card_budget b = {0};

	(void)state;
	assert_true(ds_card_budget_allows(&b, S, S + 2 * MS));
	assert_false(ds_card_budget_allows(&b, S, S + MS));
	assert_false(ds_card_budget_allows(&b, S, S - MS)); /* due, and not sent yet */
	/* twice what a stamp took of late, where that is longer */
	ds_card_budget_asked(&b, S);
	ds_card_budget_came(&b, S + 4 * MS);
	assert_false(ds_card_budget_allows(&b, 2 * S, 2 * S + 8 * MS));
	assert_true(ds_card_budget_allows(&b, 2 * S, 2 * S + 8 * MS + 1));
	/* and it is forgotten with time */
	for (int i = 0; i < 300; i++) {
		ds_card_budget_asked(&b, 3 * S);
		ds_card_budget_came(&b, 3 * S + 1000);
	}
	assert_true(ds_card_budget_allows(&b, 4 * S, 4 * S + 2 * MS));
}

/* All come: one more is tried after 64. */
static void raise_once(struct ds_card_budget *b, int64_t *now)
{
	uint8_t most = b->most;

	for (int i = 0; b->most == most; i++) {
		assert_true(i < DS_CARD_RAISE_AFTER);
		for (int k = 0; k <= most; k++)
			ds_card_budget_asked(b, *now);
		*now += 10000;
		for (int k = 0; k <= most; k++)
			ds_card_budget_came(b, *now);
	}
	assert_int_equal(b->most, most + 1);
}

static void a_card_with_more_room_is_given_more(void **state)
{
	struct ds_card_budget b = {0};
	int64_t now = S;

	(void)state;
	for (int i = 1; i <= 4; i++)
		raise_once(&b, &now);
	/* a lonely packet says nothing of what five at once would do */
	for (int i = 0; i < 1000; i++) {
		ds_card_budget_asked(&b, now);
		ds_card_budget_came(&b, now);
	}
	assert_int_equal(b.most, 4);
	/* a loss: one less, and so it stays for ten minutes */
	ds_card_budget_asked(&b, now);
	now += 20 * MS;
	assert_int_equal(ds_card_budget_expire(&b, now, 10 * MS), 1);
	assert_int_equal(b.most, 3);
	for (int i = 0; i < 1000; i++) {
		for (int k = 0; k <= 3; k++)
			ds_card_budget_asked(&b, now);
		for (int k = 0; k <= 3; k++)
			ds_card_budget_came(&b, now);
	}
	assert_int_equal(b.most, 3);
	now += DS_CARD_RETRY_NS;
	raise_once(&b, &now);
}

static void the_ring_never_overflows(void **state)
{
	struct ds_card_budget b = {0};

	(void)state;
	for (int i = 0; i < 3 * DS_CARD_AWAITED_MAX; i++)
		ds_card_budget_asked(&b, S + i);
	assert_int_equal(b.count, DS_CARD_AWAITED_MAX);
	assert_false(ds_card_budget_allows(&b, 2 * S, NEVER));
	assert_int_equal(ds_card_budget_expire(&b, 2 * S, MS), DS_CARD_AWAITED_MAX);
	assert_int_equal(b.count, 0);
	assert_int_equal(b.most, 0);
}

/* ---- can it be true? ---- */

static void stamps_lie_between_the_wire_and_the_kernel(void **state)
{
	(void)state;
	assert_true(ds_card_stamp_fits(0, 0, true));
	assert_true(ds_card_stamp_fits(3000, 100, true));
	assert_true(ds_card_stamp_fits(DS_CARD_APART_NS, 100, true));
	assert_false(ds_card_stamp_fits(DS_CARD_APART_NS + 1, 100, true));
	assert_true(ds_card_stamp_fits(DS_CARD_APART_NS + 1, 100, false));
	assert_false(ds_card_stamp_fits(DS_CARD_APART_DAEMON_NS + 1, 100, false));
	/* on the wrong side by what is not known of the card's clock, and no more */
	assert_true(ds_card_stamp_fits(-1500, 100, true));
	assert_false(ds_card_stamp_fits(-1501, 100, true));
	assert_false(ds_card_stamp_fits(-1501, 100, false));
	assert_true(ds_card_stamp_fits(-5000, 1000, true));
	assert_false(ds_card_stamp_fits(INT64_MIN, 1000, true));
	assert_false(ds_card_stamp_fits(INT64_MAX, 1000, false));
}

static void what_is_unusual_is_asked_about(void **state)
{
	struct ds_card_usual u = {0};

	(void)state;
	assert_false(ds_card_usual_differs(&u, 5 * MS, 100));
	ds_card_usual_note(&u, 3000);
	assert_false(ds_card_usual_differs(&u, 4500, 100)); /* a microsecond and five deviations */
	assert_true(ds_card_usual_differs(&u, 4501, 100));
	assert_true(ds_card_usual_differs(&u, 1499, 100));
	/* +-20 us is usual here */
	for (int i = 0; i < 200; i++)
		ds_card_usual_note(&u, i % 2 ? 43000 : 3000);
	assert_false(ds_card_usual_differs(&u, 43000, 100));
	assert_false(ds_card_usual_differs(&u, 80000, 100));
	assert_true(ds_card_usual_differs(&u, 150000, 100));
	/* and no longer */
	for (int i = 0; i < 200; i++)
		ds_card_usual_note(&u, 3000);
	assert_true(ds_card_usual_differs(&u, 43000, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_in_a_row_find_it_out),
		cmocka_unit_test(one_that_comes_clears_it),
		cmocka_unit_test(one_at_a_time_at_first),
		cmocka_unit_test(a_packet_of_ours_keeps_it_free),
		cmocka_unit_test(a_card_with_more_room_is_given_more),
		cmocka_unit_test(the_ring_never_overflows),
		cmocka_unit_test(stamps_lie_between_the_wire_and_the_kernel),
		cmocka_unit_test(what_is_unusual_is_asked_about),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
