/* What a host says of its clock, and fields of the past. */
#include "core/exchange/header.h"
#include "test/unit/exchange_world.h"

static struct ds_packet said(const struct ds_server_state *state)
{
	struct ds_packet p = {0};

	ds_header_describe_us(state, &p);
	return p;
}

static void test_what_we_say(void **state)
{
	struct ds_server_state s = {.leap = DS_LEAP_INSERT,
				    .stratum = 15,
				    .precision_log2 = -23,
				    .ref_id = 0x0a000001,
				    .root_delay_ns = 1000000000,
				    .root_dispersion_ns = 500000000,
				    .reference_ns = WORLD_START};
	struct ds_packet p = said(&s);

	(void)state;
	assert_true(p.leap == 1 && p.stratum == 15 && p.precision_log2 == -23);
	assert_true(p.ref_id == 0x0a000001 && p.root_delay == 0x10000 &&
		    p.root_dispersion == 0x8000);
	assert_int_equal(ds_ns_from_ntp64(p.reference, WORLD_START), WORLD_START);
	s.reference_ns = 0;
	assert_true(said(&s).reference == 0);
	for (int i = 0; i < 3; i++) {
		struct ds_server_state u = s;

		u.leap = i == 0 ? DS_LEAP_UNSYNCHRONISED : DS_LEAP_NONE;
		u.stratum = i == 1 ? 0 : i == 2 ? 16 : 2;
		p = said(&u);
		assert_true(p.leap == 3 && p.stratum == 0 && p.ref_id == 0);
		assert_false(ds_header_is_kiss(&p));
	}
}

static void test_who_can_be_followed(void **state)
{
	static const struct {
		uint8_t version, leap, stratum;
		ds_ntp32 delay, dispersion;
		enum ds_reason reason;
	} cases[] = {
		{4, 0, 1, 0, 0, DS_R_OK},
		{3, 0, 1, 0, 0, DS_R_OK}, /* ours */
		{2, 0, 1, 0, 0, DS_R_HEADER},
		{4, 3, 1, 0, 0, DS_R_UNSYNCHRONISED},
		{4, 0, 0, 0, 0, DS_R_UNSYNCHRONISED},
		{4, 0, 16, 0, 0, DS_R_UNSYNCHRONISED},
		{4, 0, 17, 0, 0, DS_R_HEADER},
		{4, 2, 15, 0x1fffff, 0, DS_R_OK},
		{4, 0, 15, 0x200000, 0, DS_R_HEADER},
		{4, 0, 15, 0, 0x100000, DS_R_HEADER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ds_packet p = {.version = cases[i].version,
				      .leap = cases[i].leap,
				      .stratum = cases[i].stratum,
				      .root_delay = cases[i].delay,
				      .root_dispersion = cases[i].dispersion};

		assert_int_equal(ds_header_check(3, &p), cases[i].reason);
	}
}

static void test_kisses(void **state)
{
	struct ds_packet p = {.ref_id = 0x52415445};

	(void)state;
	assert_true(ds_header_is_kiss(&p));
	p.stratum = 1;
	assert_false(ds_header_is_kiss(&p));
	p.stratum = 0;
	p.ref_id = 0x5241547f;
	assert_false(ds_header_is_kiss(&p));
	p.ref_id = 0x1f415445;
	assert_false(ds_header_is_kiss(&p));
}

/* A field of the past has the distance from now that the clock, as it runs, would have shown. */
static void test_fields_of_the_past(void **state)
{
	struct ds_tx_stamp now = {.clock_ns = WORLD_START, .raw_ns = 5000000000};

	(void)state;
	assert_int_equal(ds_ns_from_ntp64(ds_header_field(4000000000, &now, 0, 0), WORLD_START),
			 WORLD_START - 1000000000);
	/* 10 ppm faster than its raw scale: a second of that is 10 us more */
	assert_int_equal(ds_ns_from_ntp64(ds_header_field(4000000000, &now, 1e4, 3), WORLD_START),
			 WORLD_START - 1000010000);
	/* nobody has such a clock */
	assert_int_equal(ds_ns_from_ntp64(ds_header_field(4000000000, &now, 1e9, 0), WORLD_START),
			 WORLD_START - 1000000000);
	/* the moment whose field is 0 */
	now.clock_ns = INT64_C(2085978496) * WORLD_S;
	assert_true(ds_header_field(now.raw_ns, &now, 0, 0) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_we_say),
		cmocka_unit_test(test_who_can_be_followed),
		cmocka_unit_test(test_kisses),
		cmocka_unit_test(test_fields_of_the_past),
	};

	return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
