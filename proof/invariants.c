/*
 * invariants: the predicates, each below its words in the table at the end.
 * It must never take the machine's word for what the packets say: predicates read the account.
 */
#include "proof/invariants.h"

#include <stdio.h>
#include <string.h>

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
	const struct ds_exchange *e = &s->outcome.exchange;
	unsigned int t1 = tag(e->t1.clock_ns);
	unsigned int t2 = tag(e->t2_ns) - CS_TAG_T2;
	unsigned int t3 = tag(e->t3_ns);
	unsigned int t4 = tag(e->t4.clock_ns) - CS_TAG_T4;

	if (!s->outcome.has_exchange || s->after->touched)
		return true;
	t1 -= ds_is_drivestamp(&e->t1) ? CS_TAG_T1_DRIVE : CS_TAG_T1;
	if (t2 < 1 || t2 > s->after->answers || t4 < 1 || t4 > s->after->answers ||
	    s->after->answer[t2 - 1].of != t1)
		return false;
	if (e->kind == DS_EXCHANGE_BASIC)
		return t4 == t2 && t3 - CS_TAG_T3 == t2;
	if (t3 - CS_TAG_T3_PROMPT != t4 && t3 - CS_TAG_T3_TARDY != t4)
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
		       a->stamp != CS_UNSTAMPED &&
		       t3 == i + (a->stamp == CS_PROMPT ? CS_TAG_T3_PROMPT : CS_TAG_T3_TARDY);
	}
	return false;
}

static bool drivestamp_named(const struct cs_step *s)
{
	bool stamp = s->event.kind == CS_STAMP_1 || s->event.kind == CS_STAMP_3;

	if (stamp && s->reason == DS_R_OK && !s->usable)
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
	if (!s->kiss_obeyed_only_with_key)
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

static const struct invariant invariants[] = {
	{"S1",
	 "A packet to the client that is not acceptable changes not one byte of the association, "
	 "and asks for no action (timers and poll included).",
	 "2015-7704, 2015-8138, 2016-1548, 2016-4954, 2016-4955, 2016-7431, 2016-9042, 2020-11868",
	 non_interference, NULL, NULL},
	{"S2", "With a key, a packet that is not authentic changes nothing.",
	 "2015-1798, 2015-1799, 2015-7974, 2016-4953, 2016-4955", NULL, NULL,
	 "not explored: keys do not exist yet"},
	{"S3",
	 "Mode and origin of the next request follow from the last accepted answer and the number "
	 "of requests since; nothing else moves them.",
	 "2016-1548", mode_by_accept_only, NULL, NULL},
	{"S4", "At most one answer is accepted, and one exchange made, of each request.",
	 "2015-8138, 2016-7431, replay", at_most_once, NULL, NULL},
	{"S5",
	 "The four stamps of an exchange are of the same two packets (basic, set 1), or T1, T2 of "
	 "the latest and T3, T4 of the one before it (set 2); of no forged packet by one who sees "
	 "no cookie.",
	 "2016-1548, 2015-8138", pairing, NULL, NULL},
	{"S6", "The stamps of an exchange are in order, and its delay is not negative.",
	 "mixed stamps that look like a long delay", order, NULL, NULL},
	{"S7",
	 "The server answers a request with one packet, never longer; it answers nothing else, and "
	 "what it does not answer changes nothing.",
	 "server-to-server loop, amplification", no_reflection, NULL, NULL},
	{"S8",
	 "An interleaved answer carries the drivestamp of the very answer whose receive field the "
	 "request repeats, made for that prefix, once; receive fields never repeat, and no transmit "
	 "field equals one.",
	 "slot theft", slot_once, NULL, NULL},
	{"S9",
	 "A reported stamp is used only if it is a drivestamp of that packet, not before it, within "
	 "a second, not after the answer, once, and before the exchange is used; else nothing "
	 "changes. A better stamp never gives way to a worse.",
	 "late, doubled, mixed stamps", drivestamp_named, NULL, NULL},
	{"S10",
	 "RATE acts only as an accepted basic answer; DENY and RSTR never act without a key.",
	 "2015-7704", kiss_bounded, NULL, NULL},
	{"S11",
	 "Cookies reach no output but their own request and its answer: two explorations with other "
	 "cookies publish the same.",
	 "2015-8139, 2016-1548 (its leak)", NULL, NULL,
	 "by exploring world taint twice and comparing digests"},
	{"S12",
	 "The table keeps its size and each prefix its share; every request is answered, whatever "
	 "was evicted; drivestamps are asked for only where interleaving was.",
	 "slot flush", bounded, NULL, NULL},
	{"S13", "Symmetric: only valid packets change the measurement state.",
	 "2015-1799, 2018-7184, 2018-7185", NULL, NULL, "not explored: no symmetric mode yet"},
	{"S14", "Broadcast: only authentic packets newer than the last are used.",
	 "2015-7973, 2016-4956, 2016-7427, 2016-7428", NULL, NULL,
	 "not explored: no broadcast mode yet"},
	{"L1",
	 "In every state the answer to the outstanding request is taken; and the next request, if "
	 "its path works, gives an exchange.",
	 "2016-1548 (its lasting denial), 2016-7426, 2016-9042, 2020-11868", true_answer_taken,
	 recovers, NULL},
	{"L2", "From every state, three round trips in a row end in an interleaved exchange.",
	 "flush, theft", NULL, interleaves_again, NULL},
	{"L3",
	 "From every state, after five lost requests, of which at most four are interleaved, one "
	 "round trip gives an exchange.",
	 "denial by loss", NULL, bears_loss, NULL},
	{"L4", "Requests of others, however many, cost no client an exchange.", "slot flush",
	 flood_harmless, NULL, NULL},
};

#define COUNT (sizeof(invariants) / sizeof(invariants[0]))

const struct invariant *invariant_named(const char *name)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(invariants[i].name, name) == 0)
			return &invariants[i];
	}
	return NULL;
}

static const struct invariant *only;

bool invariants_only(const char *name)
{
	only = invariant_named(name);
	return only != NULL;
}

static bool is_looked_at(const struct invariant *invariant)
{
	return only == NULL || only == invariant;
}

const char *invariants_broken(const struct cs_step *step)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (is_looked_at(&invariants[i]) && invariants[i].of_step != NULL &&
		    !invariants[i].of_step(step))
			return invariants[i].name;
	}
	return NULL;
}

const char *invariants_broken_at(const struct cs_state *state)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (is_looked_at(&invariants[i]) && invariants[i].of_state != NULL &&
		    !invariants[i].of_state(state))
			return invariants[i].name;
	}
	return NULL;
}

void invariants_print(void)
{
	for (size_t i = 0; i < COUNT; i++)
		printf("%s\t%s\t%s\t%s\n", invariants[i].name, invariants[i].words,
		       invariants[i].closes,
		       invariants[i].elsewhere != NULL ? invariants[i].elsewhere : "explored");
}
