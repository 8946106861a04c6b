/*
 * peers_tell: a step of the symmetric worlds as a line for people.
 * It must never change the state that it tells of.
 */
#include <stdio.h>
#include <string.h>

#include "proof/peers.h"
#include "proof/peers_worlds.h"

struct name {
	char text[40];
};

static const char letters[] = {'A', 'B'};

/* A field of a packet by what it is: a stamp of a packet, or another's. */
static struct name name_of(const struct pe_state *s, ds_ntp64 field)
{
	static const char *const kinds[] = {
		"", "t1", "guess", "drivestamp", "tardy drivestamp", "came", "forged"};
	struct name n;
	unsigned int kind = pe_kind_of_field(field);
	unsigned int number = pe_number_of_field(field);

	(void)snprintf(n.text, sizeof(n.text), field == 0 ? "0" : "junk");
	if (field == 0)
		return n;
	if (kind == PE_IS_FORGED && number == 0)
		(void)snprintf(n.text, sizeof(n.text), "forged");
	else if (kind >= PE_IS_T1 && kind <= PE_IS_ARRIVAL && number >= 1 && number <= s->packets)
		(void)snprintf(n.text, sizeof(n.text), "%s(%c%u)", kinds[kind],
			       letters[s->packet[number - 1].from], number);
	return n;
}

static void tell_packet(const struct pe_state *s, const char *what, unsigned int number, char *text,
			size_t size)
{
	const struct pe_packet *p = &s->packet[number - 1];

	(void)snprintf(text, size, "%-18s org=%s rec=%s xmt=%s%s", what, name_of(s, p->origin).text,
		       name_of(s, p->receive).text, name_of(s, p->transmit).text,
		       p->interleaved ? " (interleaved)" : "");
}

static const char *const manners[PE_MANNERS] = {
	"", "", " tardy (0.9 s)", " from before it", " 2 s late", " read by the daemon"};

static void tell_incident(struct proof_event e, char *text, size_t size)
{
	char who = letters[e.a & 1];

	switch (e.kind) {
	case PE_RESTARTS:
		(void)snprintf(text, size, "%c restarts", who);
		return;
	case PE_FORGETS:
		(void)snprintf(text, size, "%c changes its address", who);
		return;
	case PE_STEPS:
		(void)snprintf(text, size, "%c's clock is stepped back 40 s", who);
		return;
	default:
		(void)snprintf(text, size, "?");
		return;
	}
}

/* The event happens to a copy, so that the packets it makes can be told. */
void pe_tell(const void *state, struct proof_event e, char *text, size_t size)
{
	const struct pe_state *was = state;
	struct pe_state s = *was;
	char what[64] = "";
	char who;

	pe_happen(&s, e);
	switch (e.kind) {
	case PE_SENDS:
		(void)snprintf(what, sizeof(what), "%c sends %c%u:", letters[e.a & 1],
			       letters[e.a & 1], s.packets);
		tell_packet(&s, what, s.packets, text, size);
		return;
	case PE_DELIVER:
	case PE_REFLECT:
		who = letters[(s.packet[e.a - 1].from ^ (e.kind == PE_DELIVER)) & 1];
		(void)snprintf(what, sizeof(what), "%c gets %c%u", who,
			       letters[s.packet[e.a - 1].from], e.a);
		if (s.packets > was->packets) {
			(void)snprintf(what + strlen(what), sizeof(what) - strlen(what),
				       ", answers B%u:", s.packets);
			tell_packet(&s, what, s.packets, text, size);
		} else {
			(void)snprintf(text, size, "%s%s", what,
				       e.kind == PE_REFLECT ? ", its own packet" : "");
		}
		return;
	case PE_STAMP:
		who = letters[s.packet[e.a - 1].from];
		(void)snprintf(text, size, "%c is told a drivestamp of %c%u%s", who, who, e.a,
			       manners[e.b % PE_MANNERS]);
		return;
	case PE_FORGE:
		(void)snprintf(text, size, "attacker to %c: %s, org=%s", letters[e.c & 1],
			       pe_shape_word(e.b), name_of(&s, pe_forged_origin(&s, e.a)).text);
		return;
	default:
		tell_incident(e, text, size);
		return;
	}
}
