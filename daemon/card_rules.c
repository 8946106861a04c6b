/* card_rules: see card_rules.h. */
#include "daemon/card_rules.h"

#include <math.h>
#include <stddef.h>

#define GUARD_NS    INT64_C(1000000) /* before a packet of ours, at least */
#define GUARD_TIMES 2		     /* what the slowest stamp took, of late */
#define FADE	    64
#define SLACK_NS    1000.0 /* of the kernel's stamp: a grain of clocks, an interrupt's jitter */
#define SLACK_SDS   5.0
#define USUAL_SDS   4.0
#define USUAL_OF    16.0

/* ---- found out ---- */

void ds_card_trial_came(struct ds_card_trial *t)
{
	t->came++;
	t->missed = 0;
	t->given_up = false;
}

bool ds_card_trial_missed(struct ds_card_trial *t, int64_t now_ns)
{
	t->missed_ever++;
	if (t->given_up || ++t->missed < DS_CARD_TRIAL)
		return false;
	t->given_up = true;
	t->retry_ns = now_ns + DS_CARD_RETRY_NS;
	return true;
}

bool ds_card_trial_expects(struct ds_card_trial *t, int64_t now_ns)
{
	if (!t->given_up)
		return true;
	if (now_ns < t->retry_ns)
		return false;
	t->given_up = false;
	t->missed = 0;
	return true;
}

/* ---- budget ---- */

static void drop_oldest(struct ds_card_budget *b)
{
	b->first = (uint8_t)((b->first + 1U) % DS_CARD_AWAITED_MAX);
	b->count--;
}

unsigned ds_card_budget_expire(struct ds_card_budget *b, int64_t now_ns, int64_t timeout_ns)
{
	unsigned lost = 0;

	while (b->count > 0 && now_ns - b->asked_ns[b->first] >= timeout_ns) {
		drop_oldest(b);
		lost++;
	}
	if (lost == 0)
		return 0;
	if (b->most > 0)
		b->most--;
	b->run = 0;
	b->settled = true;
	b->raise_ns = now_ns + DS_CARD_RETRY_NS;
	return lost;
}

bool ds_card_budget_allows(const struct ds_card_budget *b, int64_t now_ns, int64_t own_due_ns)
{
	int64_t guard = GUARD_TIMES * b->slowest_ns;

	if (guard < GUARD_NS)
		guard = GUARD_NS;
	return b->count <= b->most && own_due_ns - guard > now_ns;
}

void ds_card_budget_asked(struct ds_card_budget *b, int64_t now_ns)
{
	if (b->count == DS_CARD_AWAITED_MAX)
		drop_oldest(b);
	b->asked_ns[(b->first + b->count) % DS_CARD_AWAITED_MAX] = now_ns;
	b->count++;
}

void ds_card_budget_came(struct ds_card_budget *b, int64_t now_ns)
{
	bool full = b->count > b->most;
	int64_t took;

	if (b->count == 0)
		return;
	took = now_ns - b->asked_ns[b->first];
	drop_oldest(b);
	b->slowest_ns -= b->slowest_ns / FADE;
	if (took > b->slowest_ns)
		b->slowest_ns = took;
	/* Only what it was given at once tells what it can take at once. */
	if (!full || (b->settled && now_ns < b->raise_ns))
		return;
	if (++b->run < DS_CARD_RAISE_AFTER)
		return;
	b->run = 0;
	b->settled = false;
	if (b->most + 1U < DS_CARD_AWAITED_MAX / 2)
		b->most++;
}

/* ---- can it be true? ---- */

bool ds_card_stamp_fits(int64_t inward_ns, double error_ns, bool by_kernel)
{
	const int64_t most = by_kernel ? DS_CARD_APART_NS : DS_CARD_APART_DAEMON_NS;

	return (double)inward_ns >= -(SLACK_NS + SLACK_SDS * error_ns) && inward_ns <= most;
}

/* ---- is it as usual? ---- */

bool ds_card_usual_differs(const struct ds_card_usual *u, int64_t inward_ns, double error_ns)
{
	return u->known && fabs((double)inward_ns - u->mean_ns) >
				   USUAL_SDS * u->deviation_ns + SLACK_NS + SLACK_SDS * error_ns;
}

void ds_card_usual_note(struct ds_card_usual *u, int64_t inward_ns)
{
	double off = (double)inward_ns - u->mean_ns;

	if (!u->known) {
		*u = (struct ds_card_usual){.mean_ns = (double)inward_ns, .known = true};
		return;
	}
	u->mean_ns += off / USUAL_OF;
	u->deviation_ns += (fabs(off) - u->deviation_ns) / USUAL_OF;
}
