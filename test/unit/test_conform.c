/* test_conform: the plan and the judgement of `drivestamp conform`, against a model of a server
 * that does right, or wrong in one chosen way. It must never share code with a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tool/conform.h"

#define MS	  INT64_C(1000000)
#define SECOND	  INT64_C(1000000000)
#define TRIP_NS	  (2 * MS)
#define BEGIN_NTP (UINT64_C(0xffffffff) << 32) /* an era ends during the run */

enum fault {
	RIGHT,
	SAVES_ON_DEMAND, /* allowed */
	NEVER_INTERLEAVES,
	SILENT,
	DIES,  /* after the last time request */
	LOSES, /* each third packet */
	KISS_LATER,
	KISS_FORGED,
	WRONG_MODE,
	WRONG_VERSION,
	VERSION_3,
	WRONG_ORIGIN,
	WRONG_POLL,
	ZERO_RECEIVE,
	ZERO_TRANSMIT,
	EARLY_TRANSMIT,
	LATE_TRANSMIT,
	STALE_RECEIVE,
	STRATUM_17,
	STRATUM_0,
	FUTURE_REFERENCE,
	BAD_PRECISION,
	LONG,
	TWICE,
	ANSWERS_SHORT,
	ANSWERS_MODES,
	AMPLIFIES_CONTROL,
	CHOKES_ON_EXTENSION,
	FIRST_INTERLEAVED,
	GUESS_AS_DRIVESTAMP,
	NAMED_RECEIVE,
	ALIKE_INTERLEAVED,
	UNKNOWN_INTERLEAVED,
	SPENT_TWICE,
	OLD_WRONG,
	BY_PORT,
	EQUAL_STAMPS,
	RECEIVE_REPEATED,
	TRANSMIT_IS_RECEIVE,
	LEAKS,
	FAULTS
};

/* What fails of each; sorted as the clauses are. */
static const char *const failures[FAULTS] = {
	[WRONG_MODE] = "mode version-2 version-1 extension ",
	[WRONG_VERSION] = "version-3 version-2 version-1 ",
	[VERSION_3] = "version-4 version-2 version-1 ",
	[WRONG_ORIGIN] = "version-2 version-1 origin extension first-basic alike-basic "
			 "unknown-basic after-loss old ",
	[WRONG_POLL] = "poll ",
	[ZERO_RECEIVE] = "stamps ",
	[ZERO_TRANSMIT] = "stamps ",
	[EARLY_TRANSMIT] = "held ",
	[LATE_TRANSMIT] = "held ",
	[STALE_RECEIVE] = "held received receive-unique ",
	[STRATUM_17] = "stratum ",
	[STRATUM_0] = "stratum ",
	[FUTURE_REFERENCE] = "reference ",
	[BAD_PRECISION] = "precision ",
	[LONG] = "length amplification ",
	[TWICE] = "single ",
	[ANSWERS_SHORT] = "short amplification ",
	[ANSWERS_MODES] = "mode-0 mode-1 mode-2 mode-4 mode-5 mode-7 ",
	[AMPLIFIES_CONTROL] = "mode-6 ",
	[CHOKES_ON_EXTENSION] = "extension ",
	[FIRST_INTERLEAVED] = "version-2 version-1 origin extension first-basic ",
	[GUESS_AS_DRIVESTAMP] = "interleaved-transmit old ",
	[NAMED_RECEIVE] = "interleaved-transmit interleaved-receive ",
	[ALIKE_INTERLEAVED] = "alike-basic ",
	[UNKNOWN_INTERLEAVED] = "unknown-basic ",
	[SPENT_TWICE] = "spent-basic replay-basic after-loss ",
	[OLD_WRONG] = "interleaved-transmit old ",
	[BY_PORT] = "any-port ",
	[EQUAL_STAMPS] = "stamps-differ ",
	[RECEIVE_REPEATED] = "interleaved-receive receive-unique ",
	[TRANSMIT_IS_RECEIVE] = "held transmit-no-receive ",
	[LEAKS] = "reference-leak ",
};

struct slot {
	ds_ntp64 receive, transmit;
	bool used;
	int port;
};

struct model {
	enum fault fault;
	int64_t now_ns;
	uint64_t state; /* of the random words */
	int packets;
	struct slot slots[DS_CONFORM_SHOTS];
	int slot_count;
	ds_ntp64 receive; /* of the last answer */
};

static ds_ntp64 ntp_of(int64_t ns)
{
	return BEGIN_NTP + ((uint64_t)(ns / SECOND) << 32) +
	       ((uint64_t)(ns % SECOND) << 32) / (uint64_t)SECOND;
}

static struct slot *find(struct model *m, const struct ds_shot *shot, int port)
{
	for (int i = 0; i < m->slot_count; i++) {
		struct slot *slot = &m->slots[i];
		if (slot->receive != 0 && slot->receive == shot->asked.origin &&
		    (!slot->used || m->fault == SPENT_TWICE) &&
		    (m->fault != BY_PORT || slot->port == port))
			return slot;
	}
	return NULL;
}

/* The whole of RFC 9769 section 2 for a server, as the fault leaves it. */
static void interleave(struct model *m, const struct ds_shot *shot, int port,
		       struct ds_packet *answer)
{
	bool alike = shot->asked.receive == shot->asked.transmit;
	struct slot *slot = find(m, shot, port);

	if (m->fault == UNKNOWN_INTERLEAVED && shot->kind == DS_SHOT_UNKNOWN)
		answer->origin = shot->asked.receive;
	if (m->fault == FIRST_INTERLEAVED && shot->asked.origin == 0)
		answer->origin = shot->asked.receive;
	if (!slot || (alike && m->fault != ALIKE_INTERLEAVED))
		return;
	slot->used = true;
	answer->origin = shot->asked.receive;
	if (m->fault == OLD_WRONG && shot->kind == DS_SHOT_OLD)
		slot = &m->slots[m->slot_count - 1];
	if (m->fault != GUESS_AS_DRIVESTAMP)
		answer->transmit = slot->transmit;
	if (m->fault == NAMED_RECEIVE)
		answer->receive = slot->receive + 1;
}

static void spoil_stamps(const struct model *m, enum ds_shot_kind kind, struct ds_packet *answer)
{
	switch (m->fault) {
	case ZERO_RECEIVE:
		answer->receive = 0;
		break;
	case ZERO_TRANSMIT:
		answer->transmit = 0;
		break;
	case EARLY_TRANSMIT:
		answer->transmit = answer->receive - (UINT64_C(1) << 22); /* 1 ms */
		break;
	case LATE_TRANSMIT:
		answer->transmit = answer->receive + (UINT64_C(3) << 31); /* 1.5 s */
		break;
	case EQUAL_STAMPS:
		answer->transmit = answer->receive;
		break;
	case TRANSMIT_IS_RECEIVE:
		if (kind == DS_SHOT_VERSION3)
			answer->transmit = m->receive;
		break;
	default:
		break;
	}
}

static void spoil_header(const struct model *m, const struct ds_shot *shot,
			 struct ds_packet *answer)
{
	switch (m->fault) {
	case KISS_LATER:
		answer->stratum = m->packets == 7 ? 0 : answer->stratum;
		answer->ref_id = 0x52415445; /* RATE */
		break;
	case KISS_FORGED:
		answer->stratum = m->packets == 7 ? 0 : answer->stratum;
		answer->ref_id = 0x52415445;
		answer->origin ^= m->packets == 7 ? 0x55 : 0;
		break;
	case WRONG_MODE:
		answer->mode = DS_MODE_BROADCAST;
		break;
	case WRONG_VERSION:
		answer->version = 4;
		break;
	case VERSION_3:
		answer->version = 3;
		break;
	case WRONG_POLL:
		answer->poll_log2 = 3;
		break;
	case STRATUM_17:
		answer->stratum = 17;
		break;
	case STRATUM_0:
		answer->stratum = 0;
		break;
	case BAD_PRECISION:
		answer->precision_log2 = 3;
		break;
	case FUTURE_REFERENCE:
		answer->reference = answer->receive + (UINT64_C(1) << 32);
		break;
	case LEAKS:
		answer->reference = m->receive != 0 ? m->receive : 1;
		break;
	case WRONG_ORIGIN:
		answer->origin ^= 0x55;
		break;
	case CHOKES_ON_EXTENSION:
		answer->origin ^= shot->kind == DS_SHOT_EXTENSION;
		break;
	default:
		break;
	}
}

static bool is_answered(const struct model *m, const struct ds_shot *shot)
{
	if (m->fault == SILENT || (m->fault == DIES && m->packets > 24) ||
	    (m->fault == LOSES && m->packets % 3 == 1))
		return false;
	if (shot->kind == DS_SHOT_SHORT)
		return m->fault == ANSWERS_SHORT;
	if (shot->kind == DS_SHOT_MODE6)
		return m->fault == AMPLIFIES_CONTROL;
	return shot->kind <= DS_SHOT_EXTENSION || m->fault == ANSWERS_MODES;
}

static void save(struct model *m, const struct ds_shot *shot, int port,
		 const struct ds_packet *answer)
{
	bool asked = shot->asked.origin & 1 && shot->asked.receive != shot->asked.transmit;

	m->receive = answer->receive;
	if (m->fault == NEVER_INTERLEAVES || (m->fault == SAVES_ON_DEMAND && !asked))
		return;
	m->slots[m->slot_count++] = (struct slot){.receive = answer->receive,
						  .transmit = ntp_of(m->now_ns + MS + 90000),
						  .port = port};
}

static void exchange(void *context, struct ds_shot *shot, bool same_port)
{
	struct model *m = context;
	int port = same_port ? 1 : 100 + m->packets;
	uint8_t bytes[52] = {0};

	m->packets++;
	shot->sent_ns = m->now_ns;
	if (is_answered(m, shot)) {
		struct ds_packet answer = {.version = shot->asked.version,
					   .mode = DS_MODE_SERVER,
					   .stratum = 1,
					   .poll_log2 = shot->asked.poll_log2,
					   .precision_log2 = -23,
					   .reference = BEGIN_NTP - 12345,
					   .origin = shot->asked.transmit,
					   .receive = ntp_of(m->now_ns + MS) | 1,
					   .transmit =
						   ntp_of(m->now_ns + MS + 50000) & ~UINT64_C(1)};
		if ((m->fault == RECEIVE_REPEATED && shot->kind == DS_SHOT_OLD) ||
		    (m->fault == STALE_RECEIVE && shot->kind == DS_SHOT_VERSION3))
			answer.receive = m->receive;
		spoil_stamps(m, shot->kind, &answer);
		interleave(m, shot, port, &answer);
		save(m, shot, port, &answer);
		spoil_header(m, shot, &answer);
		ds_wire_write(&answer, bytes);
		size_t length = m->fault == LONG ? 52 : 48;
		if (shot->kind == DS_SHOT_MODE6)
			length = 40;
		for (int i = 0; i < 1 + (m->fault == TWICE); i++)
			ds_conform_heard(shot, bytes, length, m->now_ns + TRIP_NS);
	}
	m->now_ns += SECOND;
}

static uint64_t random_word(void *context)
{
	struct model *m = context;

	m->state = m->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return m->state;
}

static int run(enum fault fault, struct ds_conform *c, struct ds_finding *findings)
{
	struct model m = {.fault = fault, .state = 42};
	const struct ds_conform_io io = {&m, exchange, random_word};

	memset(c, 0, sizeof(*c));
	ds_conform_ask(c, &io);
	assert_int_equal(c->count, m.packets);
	return ds_conform_judge(c, findings);
}

static const struct ds_finding *finding(const struct ds_finding *findings, int count,
					const char *id)
{
	for (int i = 0; i < count; i++)
		if (strcmp(findings[i].clause->id, id) == 0)
			return &findings[i];
	fail_msg("no clause %s", id);
	return NULL;
}

static void list(const struct ds_finding *findings, int count, enum ds_result result, char *text,
		 size_t size)
{
	text[0] = '\0';
	for (int i = 0; i < count; i++)
		if (findings[i].result == result) {
			size_t used = strlen(text);
			snprintf(text + used, size - used, "%s ", findings[i].clause->id);
		}
}

static void each_fault_fails_its_clauses_only(void **state)
{
	static struct ds_conform c;
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];
	char text[1024];
	int wrong = 0;

	(void)state;
	for (int fault = WRONG_MODE; fault < FAULTS; fault++) {
		int count = run((enum fault)fault, &c, findings);
		bool must = false;
		list(findings, count, DS_RESULT_FAILED, text, sizeof(text));
		if (strcmp(text, failures[fault]) != 0) {
			print_error("fault %d: %s\n     not: %s\n", fault, text, failures[fault]);
			wrong++;
		}
		for (int i = 0; i < count; i++)
			must |= findings[i].result == DS_RESULT_FAILED &&
				findings[i].clause->level == DS_LEVEL_MUST;
		assert_int_equal(ds_conform_status(&c, findings, count), must ? 1 : 0);
		assert_true(c.count <= DS_CONFORM_SHOTS);
	}
	assert_int_equal(wrong, 0);
}

/* A clause that no fault can fail would be no test. A MAY cannot fail. */
static void each_clause_can_fail(void **state)
{
	static struct ds_conform c;
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];
	char word[64];
	int count = run(RIGHT, &c, findings);

	(void)state;
	for (int i = 0; i < count; i++) {
		bool found = findings[i].clause->level == DS_LEVEL_MAY;
		snprintf(word, sizeof(word), " %s ", findings[i].clause->id);
		for (int fault = WRONG_MODE; fault < FAULTS; fault++) {
			char text[512];
			snprintf(text, sizeof(text), " %s", failures[fault]);
			found |= strstr(text, word) != NULL;
		}
		if (!found)
			print_error("%s\n", word);
		assert_true(found);
	}
}

static void a_right_server_passes(void **state)
{
	static struct ds_conform c;
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];
	static const enum fault servers[] = {RIGHT, SAVES_ON_DEMAND};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		int count = run(servers[i], &c, findings);
		list(findings, count, DS_RESULT_FAILED, text, sizeof(text));
		assert_string_equal(text, "");
		list(findings, count, DS_RESULT_NOT_OBSERVED, text, sizeof(text));
		assert_string_equal(text, "mode-6 ");
		assert_int_equal(ds_conform_status(&c, findings, count), 0);
		assert_int_equal(c.count, 32);
	}
}

static void without_interleaving_nothing_of_it_is_observed(void **state)
{
	static struct ds_conform c;
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];
	int count = run(NEVER_INTERLEAVES, &c, findings);

	(void)state;
	for (int i = 0; i < count; i++) {
		bool basic = findings[i].clause->rfc != 9769;
		bool mode_6 = strcmp(findings[i].clause->id, "mode-6") == 0;
		assert_int_equal(findings[i].result,
				 basic && !mode_6 ? DS_RESULT_PASSED : DS_RESULT_NOT_OBSERVED);
	}
	assert_int_equal(ds_conform_status(&c, findings, count), 0);
}

static void losses_fail_nothing(void **state)
{
	static struct ds_conform c;
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];
	char text[1024];
	int count = run(LOSES, &c, findings);

	(void)state;
	list(findings, count, DS_RESULT_FAILED, text, sizeof(text));
	assert_string_equal(text, "");
	assert_true(c.count > 32 && c.count <= DS_CONFORM_SHOTS);
	assert_int_equal(finding(findings, count, "interleaved-transmit")->result,
			 DS_RESULT_PASSED);
}

static void silence_ends_the_run(void **state)
{
	static struct ds_conform c;
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];
	char text[1024];
	int count = run(SILENT, &c, findings);

	(void)state;
	assert_true(c.count <= 6);
	list(findings, count, DS_RESULT_PASSED, text, sizeof(text));
	assert_string_equal(text, "");
	list(findings, count, DS_RESULT_FAILED, text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(ds_conform_status(&c, findings, count), 3);
}

static void the_silence_of_the_dead_tells_nothing(void **state)
{
	static struct ds_conform c;
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];
	char text[1024];
	int count = run(DIES, &c, findings);

	(void)state;
	list(findings, count, DS_RESULT_NOT_OBSERVED, text, sizeof(text));
	assert_string_equal(text, "short mode-0 mode-1 mode-2 mode-4 mode-5 mode-6 mode-7 ");
	assert_int_equal(ds_conform_status(&c, findings, count), 0);
}

static void a_kiss_ends_the_run(void **state)
{
	static struct ds_conform c;
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];
	int count = run(KISS_LATER, &c, findings);

	(void)state;
	assert_int_equal(c.count, 7);
	assert_int_equal(c.kiss_code, 0x52415445);
	assert_int_equal(ds_conform_status(&c, findings, count), 0);
	assert_int_equal(finding(findings, count, "mode-4")->result, DS_RESULT_NOT_OBSERVED);
}

static void a_forged_kiss_does_not(void **state)
{
	static struct ds_conform c;
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];
	int count = run(KISS_FORGED, &c, findings);

	(void)state;
	assert_int_equal(c.count, 32);
	assert_int_equal(c.kiss_code, 0);
	assert_int_equal(finding(findings, count, "origin")->result, DS_RESULT_FAILED);
}

static void no_request_has_equal_or_zero_cookies(void **state)
{
	static struct ds_conform c;
	struct ds_finding findings[DS_CONFORM_CLAUSES_MAX];

	(void)state;
	run(RIGHT, &c, findings);
	for (int i = 0; i < c.count; i++) {
		const struct ds_shot *s = &c.shots[i];
		assert_int_not_equal(s->asked.transmit, 0);
		if (s->kind != DS_SHOT_ALIKE)
			assert_true(s->asked.receive != s->asked.transmit);
		for (int j = 0; j < i; j++)
			if (s->kind != DS_SHOT_REPLAY)
				assert_true(c.shots[j].asked.transmit != s->asked.transmit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_fails_its_clauses_only),
		cmocka_unit_test(each_clause_can_fail),
		cmocka_unit_test(a_right_server_passes),
		cmocka_unit_test(without_interleaving_nothing_of_it_is_observed),
		cmocka_unit_test(losses_fail_nothing),
		cmocka_unit_test(silence_ends_the_run),
		cmocka_unit_test(the_silence_of_the_dead_tells_nothing),
		cmocka_unit_test(a_kiss_ends_the_run),
		cmocka_unit_test(a_forged_kiss_does_not),
		cmocka_unit_test(no_request_has_equal_or_zero_cookies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
