/*
 * peers_invariants: the invariants as predicates over the symmetric worlds.
 * It must never take the machine's word for what the packets say: predicates read the account.
 */
#include <string.h>

#include "proof/invariants.h"
#include "proof/peers.h"

static bool says_nothing(const struct ds_peer_outcome *o)
{
	return !o->valid && !o->interleaved && !o->has_exchange && o->poll_log2 == 0;
}

static bool non_interference(const struct pe_step *s)
{
	if (!s->to_peer || s->acceptable)
		return true;
	if (s->changed[1 - s->to] || s->measured[s->to] || !says_nothing(&s->outcome))
		return false;
	if (s->outcome.restart != s->restarts || s->restarts != (s->reason == DS_R_ORIGIN))
		return false;
	return s->restarts || !s->changed[s->to];
}

static bool authentic_only(const struct pe_step *s)
{
	if (!pe_bounds->keyed || !s->to_peer || s->number != 0)
		return true;
	return !s->changed[s->to] && says_nothing(&s->outcome) && !s->outcome.restart;
}

/* The latest packet of a side that it has not forgotten; 0: none. How many more of its packets
 * were sent while the same packet was the last heard: *with; how many in all: *count. */
static unsigned int latest_of(const struct pe_state *s, unsigned int side, unsigned int *with,
			      unsigned int *count)
{
	unsigned int latest = 0;

	*with = *count = 0;
	for (unsigned int i = s->packets; i >= 1; i--) {
		const struct pe_packet *p = &s->packet[i - 1];

		if (p->from != side || p->gone)
			continue;
		latest = latest != 0 ? latest : i;
		*with += p->heard == s->packet[latest - 1].heard;
		++*count;
	}
	return latest;
}

/* Rules 1 to 3 of RFC 9769 section 3, that the last valid packet named our latest, and that this
 * one has a drivestamp. */
static bool may_interleave(const struct pe_state *s, unsigned int side)
{
	const struct pe_side *at = &s->side[side];
	unsigned int with;
	unsigned int count;
	unsigned int latest = latest_of(s, side, &with, &count);

	if (latest == 0 || at->heard == 0)
		return false;
	return (pe_bounds->xleave[side] || at->asked) && s->packet[latest - 1].heard != at->heard &&
	       with == 1 && at->named == latest && s->packet[latest - 1].told != PE_UNTOLD &&
	       !at->mistold;
}

/* May the restart pair be used? Not if a valid packet came since we sent. */
static bool may_begin_anew(const struct pe_state *s, unsigned int side)
{
	const struct pe_side *at = &s->side[side];
	unsigned int with;
	unsigned int count;
	unsigned int latest = latest_of(s, side, &with, &count);

	if (at->restart == 0)
		return false;
	return at->heard == 0 || (latest != 0 && s->packet[latest - 1].heard == at->heard &&
				  with >= DS_PEER_LONG && count % 2 == 0);
}

/* Is this the next packet that the account expects? */
static bool is_next(const struct pe_state *s, unsigned int side, const struct ds_packet *p)
{
	const struct pe_side *at = &s->side[side];
	unsigned int with;
	unsigned int count;
	unsigned int latest = latest_of(s, side, &with, &count);
	unsigned int is = pe_kind_of_field(p->transmit);

	if (may_interleave(s, side))
		return p->origin == at->heard_receive && (is == PE_IS_DRIVE || is == PE_IS_TARDY) &&
		       pe_number_of_field(p->transmit) == latest;
	if (is != PE_IS_GUESS)
		return false;
	return p->origin == (may_begin_anew(s, side) ? at->restart : at->heard_transmit);
}

static bool next_by_rules(const struct pe_state *s)
{
	struct ds_packet next;

	for (unsigned int side = 0; side < (pe_bounds->server ? 1 : 2); side++) {
		pe_next(s, side, &next);
		if (!is_next(s, side, &next))
			return false;
	}
	return true;
}

static bool at_most_once(const struct pe_step *s)
{
	const struct pe_side *was = &s->before->side[s->to];
	const struct pe_side *is = &s->after->side[s->to];

	if (!s->to_peer || !s->outcome.valid)
		return true;
	if (s->event.kind == PE_REFLECT || (was->valid >> s->number & 1) != 0)
		return false;
	return !s->outcome.has_exchange || (was->used >> is->named & 1) == 0;
}

/* The four stamps by their last digits: whose they are, and of which packets. */
static bool pairing(const struct pe_step *s)
{
	const struct ds_exchange *e = &s->outcome.exchange;
	unsigned int a = pe_number_of(e->t1.clock_ns);
	unsigned int b = pe_number_of(e->t4.clock_ns);
	const struct pe_packet *ours;
	const struct pe_packet *theirs;

	if (!s->outcome.has_exchange || s->after->side[s->to].touched)
		return true;
	if (a < 1 || a > s->after->packets || b < 1 || b > s->after->packets)
		return false;
	ours = &s->after->packet[a - 1];
	theirs = &s->after->packet[b - 1];
	if (ours->from != s->to || theirs->from == s->to ||
	    pe_kind_of(e->t4.clock_ns) != PE_IS_ARRIVAL || pe_kind_of(e->t2_ns) != PE_IS_ARRIVAL ||
	    pe_number_of(e->t2_ns) != a || pe_number_of(e->t3_ns) != b)
		return false;
	if (e->kind == DS_EXCHANGE_BASIC)
		return pe_kind_of(e->t3_ns) == PE_IS_GUESS && theirs->names == a;
	if (pe_kind_of(e->t3_ns) != PE_IS_DRIVE && pe_kind_of(e->t3_ns) != PE_IS_TARDY)
		return false;
	return e->kind == DS_EXCHANGE_SET1 ? theirs->names == a : ours->names == b;
}

static bool order(const struct pe_step *s)
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
	return local >= 0 && remote >= -1000 && remote <= DS_HOLD_MAX_NS;
}

static bool no_reflection(const struct pe_step *s)
{
	static const uint8_t nothing[DS_WIRE_HEADER_SIZE];

	if (!s->to_server)
		return true;
	if (!s->replied)
		return !s->server_changed;
	if (s->asked.mode == DS_MODE_ACTIVE)
		return s->reply.mode == DS_MODE_PASSIVE;
	return s->asked.mode == DS_MODE_CLIENT && s->reply.mode == DS_MODE_SERVER &&
	       memcmp(s->response.bytes, nothing, sizeof(nothing)) != 0;
}

/* No two packets of a side can be meant by one field. */
static bool names_differ(const struct pe_state *s)
{
	const struct pe_packet *last = s->packets != 0 ? &s->packet[s->packets - 1] : NULL;

	if (last == NULL)
		return true;
	if (last->receive == last->transmit || last->transmit == 0)
		return false;
	for (unsigned int i = 0; i + 1 < s->packets; i++) {
		const struct pe_packet *p = &s->packet[i];

		if (p->from != last->from || p->gone)
			continue;
		if (p->transmit == last->transmit || p->receive == last->transmit ||
		    p->transmit == last->receive ||
		    (p->receive == last->receive && p->receive != 0))
			return false;
	}
	return true;
}

static bool slot_once(const struct pe_step *s)
{
	const struct pe_packet *told;

	if (s->event.kind != PE_DELIVER || !s->to_server || !s->replied)
		return true;
	if (!s->response.interleaved)
		return s->reply.origin == s->asked.transmit;
	told = &s->before->packet[(pe_number_of_field(s->reply.transmit) - 1) % PE_PACKETS];
	return s->reply.origin == s->asked.receive && told->from == PE_B &&
	       told->receive == s->asked.origin && told->told != PE_UNTOLD && !told->spent;
}

static bool names_unique(const struct pe_step *s)
{
	if (s->event.kind == PE_SENDS || (s->to_server && s->after->packets > s->before->packets))
		return names_differ(s->after) && slot_once(s);
	return slot_once(s);
}

static bool drivestamp_named(const struct pe_step *s)
{
	if (s->event.kind == PE_STAMP) {
		if (s->reason == DS_R_OK)
			return s->usable;
		return !s->changed[0] && !s->changed[1] && !s->server_changed;
	}
	if (s->event.kind != PE_DELIVER && s->event.kind != PE_FORGE)
		return true;
	for (unsigned int i = 0; i < 2; i++) {
		const struct ds_tx_stamp *was = &s->before->side[i].peer.t1;
		const struct ds_tx_stamp *is = &s->after->side[i].peer.t1;

		if (is->source < was->source && !s->after->side[i].mistold)
			return false;
	}
	return true;
}

static bool kiss_does_nothing(const struct pe_step *s)
{
	return s->packet.stratum != 0 || !s->outcome.has_exchange;
}

static bool bounded(const struct pe_step *s)
{
	if (s->event.kind == PE_DELIVER && s->to_server && !s->replied)
		return false;
	return s->after->live <= PE_SLOTS / DS_SLOT_SHARE;
}

/* Interleaved only by the rules; the restart pair used only where it may. */
static bool symmetric(const struct pe_step *s)
{
	const struct pe_packet *sent;
	const struct pe_side *was;

	if (s->to_peer && !s->acceptable && s->measured[s->to])
		return false;
	if (s->event.kind != PE_SENDS)
		return true;
	sent = &s->after->packet[s->after->packets - 1];
	was = &s->before->side[sent->from];
	if (sent->origin == 0)
		return was->heard == 0 && was->restart == 0;
	if (sent->origin == was->heard_receive && was->heard != 0)
		return may_interleave(s->before, sent->from);
	if (was->heard != 0 && sent->origin == was->heard_transmit)
		return true;
	return sent->origin == was->restart && may_begin_anew(s->before, sent->from);
}

static bool true_packet_valid(const struct pe_step *s)
{
	return !s->to_peer || !s->acceptable || s->outcome.valid;
}

/* Do both sides come to it within so many packets of theirs, whoever sends first? */
enum { VALID, EXCHANGE, INTERLEAVED };
static bool come_to(const struct pe_state *s, unsigned int what, unsigned int lost,
		    unsigned int polls)
{
	struct pe_course c;

	for (unsigned int first = 0; first < (pe_bounds->server ? 1 : 2); first++) {
		pe_go_on(s, &(struct pe_plan){.first = first, .lost = lost, .rounds = polls + 1},
			 &c);
		for (unsigned int side = 0; side < (pe_bounds->server ? 1 : 2); side++) {
			unsigned int number = what == VALID	 ? c.valid[side]
					      : what == EXCHANGE ? c.exchange[side]
								 : c.interleaved[side];

			if (number > polls)
				return false;
		}
	}
	return true;
}

/* A forgery that was believed is outlived once the restart pair counts; one who forgot is known
 * again when he was heard. */
static bool recovers(const struct pe_state *s)
{
	unsigned int polls = s->forgeries != 0 ? DS_PEER_LONG + 2 : s->incidents != 0 ? 2 : 1;

	return come_to(s, VALID, 0, polls);
}

/* With a server one more: it saves no slot for the first request. */
static bool interleaves_again(const struct pe_state *s)
{
	if (!pe_bounds->xleave[0] || !pe_bounds->xleave[1])
		return true;
	return come_to(s, INTERLEAVED, 0,
		       s->forgeries != 0   ? DS_PEER_LONG + 3
		       : pe_bounds->server ? 4
					   : 3);
}

static bool bears_loss(const struct pe_state *s)
{
	return come_to(s, EXCHANGE, DS_PEER_LONG + 1, 2);
}

static bool no_storm(const struct pe_step *s)
{
	if (!s->to_server || !s->replied)
		return true;
	return !pe_server_answers(&s->reply, DS_WIRE_PORT) && !pe_server_answers(&s->reply, 40000);
}

static const struct {
	const char *name;
	bool (*of_step)(const struct pe_step *step);
	bool (*of_state)(const struct pe_state *state);
} predicates[] = {
	{"S1", non_interference, NULL},	 {"S2", authentic_only, NULL},
	{"S3", NULL, next_by_rules},	 {"S4", at_most_once, NULL},
	{"S5", pairing, NULL},		 {"S6", order, NULL},
	{"S7", no_reflection, NULL},	 {"S8", names_unique, NULL},
	{"S9", drivestamp_named, NULL},	 {"S10", kiss_does_nothing, NULL},
	{"S12", bounded, NULL},		 {"S13", symmetric, NULL},
	{"L1", true_packet_valid, NULL}, {"L2", NULL, interleaves_again},
	{"L3", NULL, bears_loss},	 {"L5", NULL, recovers},
	{"L6", no_storm, NULL},
};

#define COUNT (sizeof(predicates) / sizeof(predicates[0]))

const char *pe_broken(const struct pe_step *step)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (invariant_is_looked_at(predicates[i].name) && predicates[i].of_step != NULL &&
		    !predicates[i].of_step(step))
			return predicates[i].name;
	}
	return NULL;
}

const char *pe_broken_at(const struct pe_state *state)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (invariant_is_looked_at(predicates[i].name) && predicates[i].of_state != NULL &&
		    !predicates[i].of_state(state))
			return predicates[i].name;
	}
	return NULL;
}
