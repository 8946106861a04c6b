/*
 * broadcasts_invariants: the invariants as predicates over the broadcast worlds.
 * It must never take the machine's word for what the packets say: predicates read the account.
 */
#include <string.h>

#include "proof/broadcasts.h"
#include "proof/invariants.h"

#define SECOND (UINT64_C(1) << 32)

static bool non_interference(const struct bc_step *s)
{
	if (!s->to_listener || s->acceptable)
		return true;
	return !s->listener_changed && !s->outcome.accepted && !s->outcome.has_exchange;
}

static bool authentic_only(const struct bc_step *s)
{
	if (!s->to_listener || !bc_bounds->keyed || s->authentic)
		return true;
	return !s->listener_changed && !s->outcome.accepted && !s->outcome.has_exchange;
}

/* Two broadcasts of a sender that restarted between them, within a second: nothing on the wire
 * says which of them the next one tells of (RFC 9769 section 4 goes by that second). */
static bool is_confusable(const struct bc_state *s, unsigned int one, unsigned int other)
{
	const struct bc_broadcast *a = &s->sent[one - 1];
	const struct bc_broadcast *b = &s->sent[other - 1];

	return a->run != b->run && a->at_ns - b->at_ns <= 1000000000 &&
	       b->at_ns - a->at_ns <= 1000000000;
}

/* Whose T3 and T4 are, by their last digits. Where the sender's clock went back, two of its
 * packets may say the same time; then, as with what was forged, the bound of S14 is all. */
static bool pairing(const struct bc_step *s)
{
	const struct ds_exchange *e = &s->outcome.exchange;
	unsigned int t3 = bc_tag(e->t3_ns);
	unsigned int t4 = bc_tag(e->t4.clock_ns) - BC_TAG_T4;

	if (!s->outcome.has_exchange || s->forged || s->before->repeats)
		return true;
	if (e->kind == DS_EXCHANGE_BROADCAST)
		return t3 - BC_TAG_SENT == t4 && t4 == s->event.a;
	if (s->before->heard_forged)
		return true;
	t3 -= t3 < BC_TAG_DRIVE_TARDY ? BC_TAG_DRIVE : BC_TAG_DRIVE_TARDY;
	if (t3 < 1 || t3 > s->after->count || t4 < 1 || t4 > s->after->count)
		return false;
	return t3 == t4 || is_confusable(s->after, t3, t4);
}

static bool order(const struct bc_step *s)
{
	const struct ds_exchange *e = &s->outcome.exchange;

	if (!s->outcome.has_exchange)
		return true;
	return e->t2_ns == e->t3_ns && e->t1.source == DS_STAMP_NONE &&
	       e->t4.source != DS_STAMP_NONE && e->delay_ns == s->before->delay_ns;
}

static bool no_reflection(const struct bc_step *s)
{
	return !s->replied;
}

/* A broadcast tells the drivestamp of the one before, if there is one, and nothing else. */
static bool drivestamp_told(const struct bc_step *s)
{
	const struct bc_state *before = s->before;
	const struct bc_broadcast *last = &before->sent[before->count != 0 ? before->count - 1 : 0];
	int tag = (int)bc_tag_of_field(s->broadcast.origin);

	if (s->event.kind == BC_STAMP && s->reason == DS_R_OK && !s->usable)
		return false;
	if (s->event.kind == BC_STAMP && s->reason != DS_R_OK)
		return !s->sender_changed;
	if (!s->sent)
		return true;
	if (before->count == 0 || s->event.kind == BC_SENDER_HURRIES || last->run != before->run ||
	    last->stamp == BC_UNSTAMPED)
		return s->broadcast.origin == 0;
	return tag ==
	       (last->stamp == BC_STAMPED ? BC_TAG_DRIVE : BC_TAG_DRIVE_TARDY) + before->count;
}

/* The pair of an interleaved sample: what it tells, and when the packet before came. */
static bool is_pair(const struct bc_step *s)
{
	const struct ds_exchange *e = &s->outcome.exchange;
	ds_ntp64 apart = s->packet.origin - s->before->heard_transmit;

	if ((int64_t)apart < 0)
		apart = 0 - apart;
	return s->packet.origin != 0 && s->before->heard_transmit != 0 && apart <= SECOND &&
	       e->t4.raw_ns == s->before->heard.raw_ns &&
	       e->t3_ns == ds_ns_from_ntp64(s->packet.origin, s->before->heard.clock_ns) &&
	       bc_within(s->before, e->t4.raw_ns, s->packet.origin);
}

static bool sample_bounded(const struct bc_step *s)
{
	const struct ds_exchange *e = &s->outcome.exchange;
	const struct bc_state *b = s->before;
	int64_t untruth_ns = s->outcome.has_exchange ? bc_untruth_ns(b, e) : 0;
	int64_t age_ns =
		e->t4.raw_ns > b->raw_ns ? e->t4.raw_ns - b->raw_ns : b->raw_ns - e->t4.raw_ns;
	int64_t bound_ns = 2 * DS_BROADCAST_AGREE_NS + 2 * e->delay_ns +
			   age_ns / 1000000 * DS_BROADCAST_DRIFT_PPM;

	if (!s->outcome.has_exchange) /* no flag: without an origin it is basic */
		return !s->outcome.accepted || s->packet.origin != 0 || !s->sane;
	if (!s->acceptable || !s->sane || (bc_bounds->keyed && !s->authentic))
		return false;
	if (e->kind == DS_EXCHANGE_BROADCAST ? s->packet.origin != 0 || e->t4.raw_ns != s->t4.raw_ns
					     : !is_pair(s))
		return false;
	return b->uncertain || (untruth_ns <= bound_ns && untruth_ns >= -bound_ns);
}

/* Nothing that comes reaches the sender's memory; it keeps the one packet before and no more. */
static bool bounded(const struct bc_step *s)
{
	return !s->sender_changed || s->sent || s->event.kind == BC_STAMP ||
	       s->event.kind == BC_SENDER_RESTARTS;
}

static bool true_broadcast_taken(const struct bc_step *s)
{
	return !s->acceptable || s->outcome.accepted;
}

/* A calibration of the last hour, which is still so: then no replay and no forgery bars the next
 * broadcast, calibrated anew or not. */
static bool knows(const struct bc_state *s)
{
	return s->calibrated && !s->uncertain && s->now_ns - s->raw_ns < INT64_C(3600000000000);
}

static bool recovers(const struct bc_state *s)
{
	enum ds_exchange_kind kind;
	bool paired;

	if (knows(s) && !bc_go_on(s, false, 0, 1, &kind, &paired))
		return false;
	return bc_go_on(s, true, 0, 1, &kind, &paired);
}

static bool interleaves_again(const struct bc_state *s)
{
	enum ds_exchange_kind kind;
	bool paired;

	return bc_go_on(s, true, 0, 2, &kind, &paired) &&
	       kind == DS_EXCHANGE_BROADCAST_DRIVESTAMP && paired;
}

static bool bears_loss(const struct bc_state *s)
{
	enum ds_exchange_kind kind;
	bool paired;

	return bc_go_on(s, true, 5, 2, &kind, &paired) &&
	       kind == DS_EXCHANGE_BROADCAST_DRIVESTAMP && paired;
}

static const struct {
	const char *name;
	bool (*of_step)(const struct bc_step *step);
	bool (*of_state)(const struct bc_state *state);
} predicates[] = {
	{"S1", non_interference, NULL},
	{"S2", authentic_only, NULL},
	{"S5", pairing, NULL},
	{"S6", order, NULL},
	{"S7", no_reflection, NULL},
	{"S9", drivestamp_told, NULL},
	{"S12", bounded, NULL},
	{"S14", sample_bounded, NULL},
	{"L1", true_broadcast_taken, recovers},
	{"L2", NULL, interleaves_again},
	{"L3", NULL, bears_loss},
};

#define COUNT (sizeof(predicates) / sizeof(predicates[0]))

const char *bc_broken(const struct bc_step *step)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (invariant_is_looked_at(predicates[i].name) && predicates[i].of_step != NULL &&
		    !predicates[i].of_step(step))
			return predicates[i].name;
	}
	return NULL;
}

const char *bc_broken_at(const struct bc_state *state)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (invariant_is_looked_at(predicates[i].name) && predicates[i].of_state != NULL &&
		    !predicates[i].of_state(state))
			return predicates[i].name;
	}
	return NULL;
}
