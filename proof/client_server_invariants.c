/*
 * client_server_invariants: the invariants as predicates over the client/server worlds.
 * It must never take the machine's word for what the packets say: predicates read the account.
 */
#include <string.h>

#include "proof/client_server.h"
#include "proof/invariants.h"

#define PIVOT INT64_C(1795420800000000000)
#define RATE  UINT32_C(0x52415445)

static bool is_taken(const struct cs_step *s)
{
	return s->to_client && (s->reason == DS_R_PARKED || s->outcome.answered);
}

static ds_ntp64 receive_field(const struct cs_state *s, unsigned int answer)
{
	return ds_wire_read_ntp64(s->answer[answer - 1].bytes + 32);
}

static unsigned int tag(int64_t ns)
{
	return (unsigned int)(ns % 1000);
}

static bool non_interference(const struct cs_step *s)
{
	if (!s->to_client || s->acceptable)
		return true;
	return !s->client_changed && !is_taken(s) && !s->outcome.has_exchange &&
	       !s->outcome.slow_down;
}

static bool authentic_only(const struct cs_step *s)
{
	if (!s->to_client || !cs_bounds->keyed || s->authentic)
		return true;
	return !s->client_changed && !is_taken(s) && !s->outcome.has_exchange;
}

/* Is this the request that the account makes one expect? */
static bool is_next(const struct cs_state *s, const struct ds_packet *request)
{
	if (s->remembered == 0 || s->unanswered >= DS_INTERLEAVE_UNANSWERED_MAX)
		return request->origin == 0 && request->receive == 0;
	return request->origin == s->remembered && request->receive != 0 &&
	       request->receive != request->transmit;
}

static bool mode_by_accept_only(const struct cs_step *s)
{
	struct ds_packet next;

	if (s->sent && !is_next(s->before, &s->request))
		return false;
	if (!s->client_changed)
		return true;
	cs_next_request(s->after, &next);
	return is_next(s->after, &next);
}

static bool at_most_once(const struct cs_step *s)
{
	unsigned int request = s->to_client ? s->before->waiting : s->before->parking;

	if (is_taken(s) && (request == 0 || (s->before->accepted >> request & 1) != 0))
		return false;
	if (!s->outcome.has_exchange)
		return true;
	return request != 0 && (s->before->sampled >> request & 1) == 0;
}

/* The four stamps by their last digits: whose they are, and of which exchange. */
static bool pairing(const struct cs_step *s)
{
	static const unsigned int t1_tags[] = {[DS_STAMP_DAEMON] = CS_TAG_T1,
					       [DS_STAMP_KERNEL] = CS_TAG_T1_DRIVE,
					       [DS_STAMP_HARDWARE] = CS_TAG_T1_CARD};
	const struct ds_exchange *e = &s->outcome.exchange;
	unsigned int t1 = tag(e->t1.clock_ns);
	unsigned int t2 = tag(e->t2_ns) - CS_TAG_T2;
	unsigned int t3 = tag(e->t3_ns);
	unsigned int t4 = tag(e->t4.clock_ns) - CS_TAG_T4;

	if (!s->outcome.has_exchange || s->after->touched)
		return true;
	t1 -= t1_tags[e->t1.source];
	if (t2 < 1 || t2 > s->after->answers || t4 < 1 || t4 > s->after->answers ||
	    s->after->answer[t2 - 1].of != t1)
		return false;
	if (e->kind == DS_EXCHANGE_BASIC)
		return t4 == t2 && t3 - CS_TAG_T3 == t2;
	if (t3 - CS_TAG_T3_PROMPT != t4 && t3 - CS_TAG_T3_CARD != t4 && t3 - CS_TAG_T3_TARDY != t4)
		return false;
	return e->kind == DS_EXCHANGE_SET1 ? t4 == t2
					   : t4 != t2 && s->after->answer[t4 - 1].of < t1;
}

static bool order(const struct cs_step *s)
{
	const struct ds_exchange *e = &s->outcome.exchange;
	int64_t local = e->t4.raw_ns - e->t1.raw_ns;
	int64_t remote = e->t3_ns - e->t2_ns;

	if (!s->outcome.has_exchange)
		return true;
	if (local - remote < -DS_DELAY_GRAIN_NS || e->delay_ns < 0)
		return false;
	if (e->kind == DS_EXCHANGE_SET2)
		return local <= 0 && remote <= 1000;
	return local >= 0 && remote >= -1000 && remote <= DS_PROCESSING_MAX_NS;
}

static bool no_reflection(const struct cs_step *s)
{
	static const uint8_t nothing[DS_WIRE_HEADER_SIZE];

	if (!s->to_server)
		return true;
	if (!s->replied)
		return !s->server_changed &&
		       memcmp(s->response.bytes, nothing, sizeof(nothing)) == 0;
	if (s->length < DS_WIRE_HEADER_SIZE)
		return false;
	if (s->length != DS_WIRE_HEADER_SIZE &&
	    (s->length < DS_WIRE_HEADER_SIZE + 20 || s->asked_auth != DS_AUTH_GOOD))
		return false;
	if (s->asked.mode == DS_MODE_ACTIVE)
		return s->reply.mode == DS_MODE_PASSIVE;
	return s->asked.mode == DS_MODE_CLIENT && s->reply.mode == DS_MODE_SERVER;
}

/* No receive field is given twice, and no transmit field is one. */
static bool fields_unique(const struct cs_step *s)
{
	unsigned int others =
		s->event.kind == CS_SERVE ? s->after->answers - 1U : s->after->answers;

	if (s->reply.receive == s->reply.transmit)
		return false;
	for (unsigned int i = 1; i <= others; i++) {
		ds_ntp64 key = receive_field(s->after, i);

		if (key == s->reply.receive || key == s->reply.transmit)
			return false;
	}
	return true;
}

static unsigned int told_tag(unsigned int manner)
{
	if (manner == CS_CARD)
		return CS_TAG_T3_CARD;
	return manner == CS_PROMPT ? CS_TAG_T3_PROMPT : CS_TAG_T3_TARDY;
}

static bool slot_once(const struct cs_step *s)
{
	if (!s->to_server || !s->replied)
		return true;
	if (!fields_unique(s))
		return false;
	if (!s->response.interleaved)
		return s->reply.origin == s->asked.transmit;
	if (s->asked.receive == s->asked.transmit || s->reply.origin != s->asked.receive)
		return false;
	for (unsigned int i = 1; i <= s->before->answers; i++) {
		const struct cs_answer *a = &s->before->answer[i - 1];
		unsigned int t3 = tag(ds_ns_from_ntp64(s->reply.transmit, PIVOT));

		if (receive_field(s->before, i) != s->asked.origin)
			continue;
		return s->prefix == CS_CLIENT && !a->taken && !a->lost &&
		       a->stamp != CS_UNSTAMPED && t3 == i + told_tag(a->stamp);
	}
	return false;
}

static bool drivestamp_named(const struct cs_step *s)
{
	bool stamp = s->event.kind == CS_STAMP_1 || s->event.kind == CS_STAMP_3;

	if (stamp && s->reason == DS_R_OK && !s->usable)
		return false;
	/* A better one is not refused (but where its packet is not known any more). */
	if (stamp && s->usable &&
	    (s->reason == DS_R_STAMP_DOUBLE || s->reason == DS_R_STAMP_IMPLAUSIBLE))
		return false;
	if (stamp && s->reason != DS_R_OK)
		return !s->client_changed && !s->server_changed;
	if (s->event.kind == CS_STAMP_3 && s->client_changed)
		return false;
	if (s->sent || s->event.kind == CS_CLIENT_RESTARTS)
		return true;
	return s->after->client.t1.source >= s->before->client.t1.source;
}

static bool kiss_bounded(const struct cs_step *s)
{
	if (s->outcome.slow_down && (!s->acceptable || !s->kiss || s->packet.ref_id != RATE))
		return false;
	if (!s->kiss_obeyed_only_with_key || (cs_bounds->keyed && s->acceptable))
		return true;
	return !s->client_changed && !s->outcome.answered;
}

static bool was_asked(const struct ds_packet *p)
{
	return p->version == 4 && (p->origin & 1) != 0 && p->receive != p->transmit;
}

static bool bounded(const struct cs_step *s)
{
	const struct cs_state *a = s->after;
	bool honest = s->event.kind == CS_SERVE || s->event.kind == CS_STRANGER_ASKS ||
		      s->event.kind == CS_FLOOD;
	uint32_t sum = 0;

	if (honest && !s->replied)
		return false;
	if (s->replied && s->response.wants_drivestamp && !was_asked(&s->asked))
		return false;
	if (!s->server_changed)
		return true;
	for (unsigned int i = 0; i < CS_CLASSES; i++) {
		if (a->by_class[i] > CS_SLOTS / DS_SLOT_SHARE)
			return false;
		sum += a->by_class[i];
	}
	return sum == a->live && a->live <= CS_SLOTS;
}

static bool true_answer_taken(const struct cs_step *s)
{
	return !s->acceptable || is_taken(s);
}

static bool recovers(const struct cs_state *s)
{
	bool interleaved;
	unsigned int in_row;

	return cs_go_on(s, 0, 1, &interleaved, &in_row) == 1;
}

static bool interleaves_again(const struct cs_state *s)
{
	bool interleaved;
	unsigned int in_row;

	return cs_go_on(s, 0, 3, &interleaved, &in_row) == 3 && interleaved;
}

static bool bears_loss(const struct cs_state *s)
{
	bool interleaved;
	unsigned int in_row;

	return cs_go_on(s, DS_INTERLEAVE_UNANSWERED_MAX + 1, 1, &interleaved, &in_row) == 1 &&
	       in_row <= DS_INTERLEAVE_UNANSWERED_MAX;
}

static bool flood_harmless(const struct cs_step *s)
{
	if (s->event.kind != CS_FLOOD && s->event.kind != CS_STRANGER_ASKS)
		return true;
	return !s->client_changed && recovers(s->after);
}

static const struct {
	const char *name;
	bool (*of_step)(const struct cs_step *step);
	bool (*of_state)(const struct cs_state *state);
} predicates[] = {
	{"S1", non_interference, NULL},
	{"S2", authentic_only, NULL},
	{"S3", mode_by_accept_only, NULL},
	{"S4", at_most_once, NULL},
	{"S5", pairing, NULL},
	{"S6", order, NULL},
	{"S7", no_reflection, NULL},
	{"S8", slot_once, NULL},
	{"S9", drivestamp_named, NULL},
	{"S10", kiss_bounded, NULL},
	{"S12", bounded, NULL},
	{"L1", true_answer_taken, recovers},
	{"L2", NULL, interleaves_again},
	{"L3", NULL, bears_loss},
	{"L4", flood_harmless, NULL},
};

#define COUNT (sizeof(predicates) / sizeof(predicates[0]))

const char *cs_broken(const struct cs_step *step)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (invariant_is_looked_at(predicates[i].name) && predicates[i].of_step != NULL &&
		    !predicates[i].of_step(step))
			return predicates[i].name;
	}
	return NULL;
}

const char *cs_broken_at(const struct cs_state *state)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (invariant_is_looked_at(predicates[i].name) && predicates[i].of_state != NULL &&
		    !predicates[i].of_state(state))
			return predicates[i].name;
	}
	return NULL;
}
