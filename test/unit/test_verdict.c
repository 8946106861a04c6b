/* verdict: twelve pairs of a world whose stamps are known to be wrong, or right: what is named is
 * what was done, and nothing else is. The noise is as measured between namespaces
 * (bench/same-clock: legs of 1 to 6 us that vary by tenths of a microsecond, one of some hundreds
 * far off). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/result.h"

#define REPEATS 2
#define EACH	120 /* samples of a pair and repeat */

static uint64_t state_of_random = 1;

static double uniform(void)
{
	state_of_random = state_of_random * 6364136223846793005 + 1442695040888963407;
	return ((double)(state_of_random >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

struct host {
	double tx_late, rx_late; /* ns, in both roles */
	double answers_tx_late;	 /* besides, when it answers */
	double guess;		 /* error of T3 in basic answers */
	double other_packet;	 /* share of interleaved answers with the stamp of another one */
	double flutter;		 /* its receive stamps are late by up to that */
	bool calibrated, refuses, daemon;
	double never_interleaves; /* share of its answers that stay basic */
};

struct world {
	struct host host[4];
	unsigned modes;
	double far;  /* share of packets that were held up */
	double path; /* of a leg, ns */
	bool loaded;
};

static const struct host chrony = {.guess = -5500};
static const struct host ours = {.guess = -300, .calibrated = true, .refuses = true};

static struct world healthy(void)
{
	struct world world = {
		.host = {chrony, chrony, ours, ours},
		.modes = 1U << DS_LAB_BASIC | 1U << DS_LAB_XLEAVE,
		.far = 0.003,
		.path = 1200,
	};

	return world;
}

static double leg(const struct world *world, double least)
{
	double held = uniform() < world->far ? -log(uniform()) * 60000 : 0;

	return least + fabs(normal()) * 300 + held;
}

static void exchange(const struct world *world, struct ds_lab_cell *cell, int repeat, double at_s)
{
	const struct host *a = &world->host[cell->asks], *b = &world->host[cell->answers];
	bool interleaving = ds_lab_mode_tells_departure(cell->mode);
	bool interleaved = interleaving && uniform() >= b->never_interleaves;
	/* The way there is longer, as between namespaces: nobody is awake yet. */
	double there = leg(world, world->path + 500), back = leg(world, world->path);
	double wakes = a->daemon ? 15000 + 3000 * fabs(normal()) : 0;
	double t1 = a->tx_late, t2 = there + b->rx_late, t3 = there + 30000, t4 = t3 + back;
	struct ds_lab_sample sample = {
		.at_s = at_s,
		.interleaved = interleaved,
		.source = {'K', '?', '?', a->daemon ? 'D' : 'K'},
		.repeat = (uint8_t)repeat,
		.condition = world->loaded && (int)at_s % 2 ? DS_LAB_LOADED : DS_LAB_IDLE,
	};

	t2 += b->daemon ? 15000 + 3000 * fabs(normal()) : 0;
	t2 += b->flutter * uniform();
	t4 += a->rx_late + wakes + a->flutter * uniform();
	t3 += b->tx_late + b->answers_tx_late +
	      (interleaved ? 0 : b->guess + 500 * normal() - fabs(normal()) * 300);
	if (interleaved && uniform() < b->other_packet)
		t3 += 1e6 + 2e7 * uniform();
	if (t3 < t2)
		t3 = t2;
	sample.offset_ns = (t2 - t1 + t3 - t4) / 2;
	sample.delay_ns = t4 - t1 - (t3 - t2);
	sample.has_stamps = a->refuses;
	ds_cell_count(cell, "requests", 1);
	if (sample.delay_ns < 0 && a->refuses) {
		ds_cell_count(cell, "test-A", 1);
		return;
	}
	sample.delay_ns = fabs(sample.delay_ns); /* as chronyd writes it */
	assert_true(ds_cell_add(cell, &sample));
}

static void make(const struct world *world, struct ds_lab_result *result)
{
	struct ds_lab_plan plan = {
		.hosts = 4,
		.host = {{.name = "old1"},
			 {.name = "old2"},
			 {.name = "new1", .is_new = true},
			 {.name = "new2", .is_new = true}},
		.modes = world->modes,
		.repeats = REPEATS,
	};

	assert_true(ds_result_init(result, &plan));
	for (int h = 0; h < 4; h++) {
		result->host[h].clock_known = true;
		result->host[h].guesses_calibrated = world->host[h].calibrated;
	}
	for (size_t c = 0; c < result->cell_count; c++) {
		result->cells[c].known = true;
		for (int i = 0; i < REPEATS * EACH; i++)
			exchange(world, &result->cells[c], i / EACH, 1e9 + i / 16.0);
	}
}

static void show(const struct ds_lab_result *result)
{
	for (size_t i = 0; i < result->finding_count; i++) {
		const struct ds_lab_finding *f = &result->findings[i];
		printf("# %d %s %s: %s\n", f->grade,
		       f->host < 0 ? "-" : result->plan.host[f->host].name, f->code, f->text);
	}
}

static bool found(const struct ds_lab_result *result, enum ds_lab_grade grade, int host,
		  const char *code)
{
	for (size_t i = 0; i < result->finding_count; i++) {
		const struct ds_lab_finding *f = &result->findings[i];
		if (f->grade == grade && f->host == host && strcmp(f->code, code) == 0)
			return true;
	}
	return false;
}

static int bad_ones(const struct ds_lab_result *result, int but)
{
	int n = 0;

	for (size_t i = 1; i < result->finding_count; i++)
		n += result->findings[i].grade == DS_LAB_BAD && result->findings[i].host != but;
	return n;
}

/* Makes the world, and what is said of it. Shown where `expected` is not met. */
static void judge(const struct world *world, struct ds_lab_result *result)
{
	make(world, result);
	assert_true(ds_verdict(result));
	assert_true(result->finding_count > 0);
	if (getenv("DS_SHOW"))
		show(result);
}

static void expect(struct ds_lab_result *result, int host, const char *code)
{
	if (!found(result, DS_LAB_BAD, host, code) || bad_ones(result, host) != 0) {
		show(result);
		fail_msg("host %d was to be found %s, and nobody else", host, code);
	}
	assert_string_equal(result->findings[0].code, "broken");
	ds_result_free(result);
}

static void expect_health(struct ds_lab_result *result)
{
	if (bad_ones(result, -2) != 0) {
		show(result);
		fail_msg("all are healthy");
	}
	assert_string_equal(result->findings[0].code, "works");
}

static void healthy_hosts_are_named_for_nothing(void **state)
{
	struct ds_lab_result result;
	(void)state;

	for (int run = 0; run < 12; run++) {
		struct world world = healthy();
		world.path = run % 3 ? 1200 : 400;
		world.far = run % 2 ? 0.003 : 0.02;
		judge(&world, &result);
		expect_health(&result);
		assert_true(found(&result, DS_LAB_NOTE, 0, "tx-before-send"));
		assert_false(found(&result, DS_LAB_NOTE, 2, "tx-before-send"));
		assert_true(found(&result, DS_LAB_GOOD, -1, "xleave-gains"));
		ds_result_free(&result);
	}
}

static void late_receive_stamps_are_named(void **state)
{
	struct ds_lab_result result;
	(void)state;

	for (int host = 0; host < 4; host++) {
		struct world world = healthy();
		world.host[host].rx_late = 50000;
		judge(&world, &result);
		expect(&result, host, "rx-late");
	}
}

/* As our daemon does it: no drivestamp lies before the receive stamp, so most answers stay basic.
 */
static void late_receive_stamps_that_spoil_interleaving(void **state)
{
	struct ds_lab_result result;
	struct world world = healthy();
	(void)state;

	world.host[2].rx_late = 50000;
	world.host[2].never_interleaves = 0.7;
	judge(&world, &result);
	assert_true(found(&result, DS_LAB_BAD, 2, "seldom-interleaved"));
	expect(&result, 2, "rx-late");
}

static void early_and_late_stamps_of_either_kind(void **state)
{
	struct ds_lab_result result;
	struct world world = healthy();
	(void)state;

	world.host[3].tx_late = 30000;
	judge(&world, &result);
	expect(&result, 3, "tx-late");
	world = healthy();
	world.host[1].tx_late = -40000;
	judge(&world, &result);
	expect(&result, 1, "tx-early");
	world = healthy();
	world.host[2].rx_late = -20000;
	judge(&world, &result);
	expect(&result, 2, "rx-early");
	world = healthy();
	world.host[2].answers_tx_late = 25000;
	judge(&world, &result);
	assert_non_null(strstr(result.findings[1].text, "when it answers"));
	expect(&result, 2, "tx-late");
}

/* Two of two: there is no majority, but no packet comes before it has left. */
static void both_new_ones_may_be_wrong(void **state)
{
	struct ds_lab_result result;
	struct world world = healthy();
	(void)state;

	world.host[2].rx_late = world.host[3].rx_late = 50000;
	judge(&world, &result);
	assert_true(found(&result, DS_LAB_BAD, 2, "rx-late"));
	assert_true(found(&result, DS_LAB_BAD, 3, "rx-late"));
	assert_int_equal(bad_ones(&result, -2), 2);
	ds_result_free(&result);
	world = healthy();
	world.host[2].tx_late = world.host[3].tx_late = 50000;
	judge(&world, &result);
	/* They refuse nearly all that they are answered, and little is left to measure them by. */
	assert_true(found(&result, DS_LAB_BAD, 2, "impossible-stamps"));
	assert_true(found(&result, DS_LAB_BAD, 3, "impossible-stamps"));
	assert_false(found(&result, DS_LAB_BAD, 0, "tx-late"));
	ds_result_free(&result);
	world = healthy();
	world.host[2].guess = world.host[3].guess = -12000;
	judge(&world, &result);
	assert_true(found(&result, DS_LAB_BAD, 2, "calibration-sign"));
	assert_true(found(&result, DS_LAB_BAD, 3, "calibration-sign"));
	assert_int_equal(bad_ones(&result, -2), 2);
	ds_result_free(&result);
	world = healthy();
	world.host[2].other_packet = world.host[3].other_packet = 0.02;
	judge(&world, &result);
	assert_true(found(&result, DS_LAB_BAD, 2, "tx-other-packet"));
	assert_true(found(&result, DS_LAB_BAD, 3, "tx-other-packet"));
	assert_int_equal(bad_ones(&result, -2), 2);
	ds_result_free(&result);
}

static void a_calibration_of_the_wrong_sign(void **state)
{
	struct ds_lab_result result;
	(void)state;

	for (int run = 0; run < 5; run++) {
		struct world world = healthy();
		world.host[2].guess = -11500;
		judge(&world, &result);
		expect(&result, 2, "calibration-sign");
		world.modes =
			1U << DS_LAB_BASIC; /* without interleaved answers to hold it against */
		judge(&world, &result);
		expect(&result, 2, "calibration-sign");
	}
	struct world world = healthy();
	world.host[2].guess = 12000;
	world.path = 8000; /* else the delay would be below zero, and the sample refused */
	judge(&world, &result);
	expect(&result, 2, "calibration-late");
}

static void stamps_of_other_packets(void **state)
{
	struct ds_lab_result result;
	(void)state;

	for (int run = 0; run < 10; run++) {
		struct world world = healthy();
		world.host[run % 4].other_packet = 0.02;
		world.far = 0.002 * run;
		judge(&world, &result);
		expect(&result, run % 4, "tx-other-packet");
	}
}

static void three_at_once_beside_one(void **state)
{
	struct ds_lab_result result;
	(void)state;

	for (int run = 0; run < 10; run++) {
		struct world world = healthy();
		world.host[1] = world.host[2] = world.host[3] = ours;
		world.host[1].rx_late = 50000;
		world.host[1].never_interleaves = 0.7;
		world.host[1].flutter = run % 2 ? 60000 : 0; /* is not the noise of the others */
		world.host[2].other_packet = 0.02;
		world.host[0].guess = run < 5 ? -3800 : -5500;
		world.host[3].guess = 2 * world.host[0].guess - 500;
		judge(&world, &result);
		if (!found(&result, DS_LAB_BAD, 1, "rx-late") ||
		    !found(&result, DS_LAB_BAD, 2, "tx-other-packet") ||
		    !found(&result, DS_LAB_BAD, 3, "calibration-sign") ||
		    bad_ones(&result, 1) != 2) {
			show(&result);
			fail();
		}
		ds_result_free(&result);
	}
}

/* Modes are compared on the pairs that know both: else it is daemons that are compared. */
static void modes_are_compared_on_the_same_pairs(void **state)
{
	struct ds_lab_result result;
	struct world world = healthy();
	(void)state;

	world.host[0].guess = world.host[1].guess = -40000;
	make(&world, &result);
	for (size_t c = 0; c < result.cell_count; c++) {
		struct ds_lab_cell *cell = &result.cells[c];
		if (cell->mode == DS_LAB_XLEAVE && (cell->asks < 2 || cell->answers < 2)) {
			cell->known = false;
			cell->sample_count = 0;
		}
	}
	assert_true(ds_verdict(&result));
	/* of new asking new alone, whose guesses are good */
	assert_null(strstr(result.findings[0].text, "times better than basic"));
	ds_result_free(&result);
}

/* A daemon that reads its clock when it wakes up is late by that, and says so. */
static void stamps_by_daemon_are_noted(void **state)
{
	struct ds_lab_result result;
	struct world world = healthy();
	(void)state;

	world.modes = 1U << DS_LAB_BASIC;
	world.host[0].daemon = world.host[1].daemon = true;
	world.path = 500;
	judge(&world, &result);
	expect_health(&result);
	assert_true(found(&result, DS_LAB_NOTE, 0, "daemon-stamps"));
	ds_result_free(&result);
}

static void pairs_without_samples_are_told_by_host(void **state)
{
	struct ds_lab_result result;
	struct world world = healthy();
	(void)state;

	make(&world, &result);
	for (size_t c = 0; c < result.cell_count; c++) {
		if (result.cells[c].answers == 3 && result.cells[c].mode == DS_LAB_XLEAVE)
			result.cells[c].sample_count = 0;
	}
	ds_result_cell(&result, 0, 1, DS_LAB_BASIC)->sample_count = 0;
	assert_true(ds_verdict(&result));
	assert_true(found(&result, DS_LAB_BAD, 3, "no-samples"));
	assert_true(found(&result, DS_LAB_BAD, -1, "no-samples"));
	assert_int_equal(bad_ones(&result, -2), 2);
	ds_result_free(&result);
}

static void nothing_at_all(void **state)
{
	struct ds_lab_plan plan = {.hosts = 4, .modes = 1U << DS_LAB_BASIC | 1U << DS_LAB_PTP};
	struct ds_lab_result result;
	(void)state;

	assert_true(ds_result_init(&result, &plan));
	result.partial = true;
	assert_true(ds_verdict(&result));
	assert_string_equal(result.findings[0].code, "nothing-measured");
	assert_int_equal(bad_ones(&result, -2), 0);
	ds_result_free(&result);
	plan.hosts = 2;
	assert_true(ds_result_init(&result, &plan));
	result.cells[0].known = true;
	assert_true(ds_verdict(&result));
	assert_true(found(&result, DS_LAB_BAD, -1, "nothing-measured"));
	assert_true(found(&result, DS_LAB_BAD, -1, "no-samples"));
	ds_result_free(&result);
}

static void what_is_asked_for_by_the_plan_is_no_fault(void **state)
{
	struct ds_lab_result result;
	struct world world = healthy();
	(void)state;

	make(&world, &result);
	/* 300 us out and 100 us in, of new2's own link */
	result.plan.link[3] = (struct ds_lab_link){.out_delay_us = 300, .in_delay_us = 100};
	for (size_t c = 0; c < result.cell_count; c++) {
		struct ds_lab_cell *cell = &result.cells[c];
		for (size_t i = 0; i < cell->sample_count; i++) {
			struct ds_lab_sample *s = &cell->samples[i];
			if (cell->asks == 3)
				s->offset_ns += 100e3;
			if (cell->answers == 3)
				s->offset_ns -= 100e3;
			if (cell->asks == 3 || cell->answers == 3)
				s->delay_ns += 400e3;
		}
	}
	assert_true(ds_verdict(&result));
	expect_health(&result);
	assert_true(found(&result, DS_LAB_NOTE, -1, "links-differ"));
	assert_false(found(&result, DS_LAB_NOTE, -1, "new-worse"));
	ds_result_free(&result);
}

/* chronyd refuses the answer after a lost packet, by the same test as a stamp of another packet. */
static void refusals_after_losses_are_no_fault(void **state)
{
	struct ds_lab_result result;
	struct world world = healthy();
	(void)state;

	for (int planned = 0; planned < 3; planned++) {
		make(&world, &result);
		result.plan.link[2].loss_percent = planned == 1 ? 5 : 0;
		for (size_t c = 0; c < result.cell_count; c++) {
			struct ds_lab_cell *cell = &result.cells[c];
			if (cell->answers != 2 || cell->mode != DS_LAB_XLEAVE)
				continue;
			double samples = (double)cell->sample_count;
			ds_cell_count(cell, "test-A", 0.05 * samples);
			if (planned == 2)
				continue;
			ds_cell_count(cell, "answers", samples);
			ds_cell_count(cell, "requests", 0.1 * samples);
		}
		assert_true(ds_verdict(&result));
		/* Where nothing is lost it is another matter. */
		assert_int_equal(found(&result, DS_LAB_BAD, 2, "tx-other-packet"), planned == 2);
		ds_result_free(&result);
	}
}

static void load_is_told(void **state)
{
	struct ds_lab_result result;
	struct world world = healthy();
	(void)state;

	world.loaded = true;
	judge(&world, &result);
	expect_health(&result);
	assert_true(found(&result, DS_LAB_GOOD, -1, "load") ||
		    found(&result, DS_LAB_NOTE, -1, "load-grows"));
	ds_result_free(&result);
}

static void losses_and_deaths_are_told(void **state)
{
	struct ds_lab_result result;
	struct world world = healthy();
	(void)state;

	make(&world, &result);
	ds_cell_count(&result.host[2].all[DS_LAB_XLEAVE], "stamp-missing", 400);
	ds_cell_count(ds_result_cell(&result, 1, 0, DS_LAB_BASIC), "answers", 500);
	snprintf(result.host[0].ending, sizeof(result.host[0].ending), "was ended by signal 9");
	assert_true(ds_verdict(&result));
	assert_true(found(&result, DS_LAB_BAD, 2, "stamps-lost"));
	assert_true(found(&result, DS_LAB_BAD, 1, "answers-lost"));
	assert_true(found(&result, DS_LAB_BAD, 0, "died"));
	assert_int_equal(bad_ones(&result, -2), 3);
	ds_result_free(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthy_hosts_are_named_for_nothing),
		cmocka_unit_test(late_receive_stamps_are_named),
		cmocka_unit_test(late_receive_stamps_that_spoil_interleaving),
		cmocka_unit_test(early_and_late_stamps_of_either_kind),
		cmocka_unit_test(both_new_ones_may_be_wrong),
		cmocka_unit_test(a_calibration_of_the_wrong_sign),
		cmocka_unit_test(stamps_of_other_packets),
		cmocka_unit_test(three_at_once_beside_one),
		cmocka_unit_test(modes_are_compared_on_the_same_pairs),
		cmocka_unit_test(stamps_by_daemon_are_noted),
		cmocka_unit_test(pairs_without_samples_are_told_by_host),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(what_is_asked_for_by_the_plan_is_no_fault),
		cmocka_unit_test(refusals_after_losses_are_no_fault),
		cmocka_unit_test(load_is_told),
		cmocka_unit_test(losses_and_deaths_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
