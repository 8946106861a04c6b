/*
 * client_server_tell: a step of the client/server worlds as a line for people, and the worlds.
 * It must never change the state that it tells of.
 */
#include <stdio.h>
#include <string.h>

#include "proof/client_server.h"
#include "proof/client_server_worlds.h"
#include "proof/worlds.h"

#define PIVOT INT64_C(1795420800000000000)

struct name {
	char text[40];
};

/* A field of a packet by what it is: a cookie, or a stamp of an exchange. */
static struct name name_of(const struct cs_state *s, ds_ntp64 field)
{
	struct name n;
	unsigned int tag = (unsigned int)(ds_ns_from_ntp64(field, PIVOT) % 1000);

	(void)snprintf(n.text, sizeof(n.text), field == 0 ? "0" : "junk");
	for (unsigned int i = 1; i <= s->polls; i++) {
		if (field == s->request[i - 1].transmit)
			(void)snprintf(n.text, sizeof(n.text), "cookie%u", i);
		else if (field != 0 && field == s->request[i - 1].receive)
			(void)snprintf(n.text, sizeof(n.text), "rx-cookie%u", i);
	}
	for (unsigned int i = 1; i <= s->answers; i++) {
		const struct cs_answer *a = &s->answer[i - 1];

		if (field == ds_wire_read_ntp64(a->bytes + 32))
			(void)snprintf(n.text, sizeof(n.text), "T2(answer %u)", i);
		else if (field != ds_wire_read_ntp64(a->bytes + 40))
			continue;
		else if (tag >= CS_TAG_T3_TARDY && tag < CS_TAG_T4)
			(void)snprintf(n.text, sizeof(n.text), "tardy drivestamp(answer %u)",
				       tag - CS_TAG_T3_TARDY);
		else if (tag >= CS_TAG_T3_CARD && tag < CS_TAG_T3_TARDY)
			(void)snprintf(n.text, sizeof(n.text), "card's stamp(answer %u)",
				       tag - CS_TAG_T3_CARD);
		else if (tag >= CS_TAG_T3_PROMPT && tag < CS_TAG_T3_CARD)
			(void)snprintf(n.text, sizeof(n.text), "drivestamp(answer %u)",
				       tag - CS_TAG_T3_PROMPT);
		else
			(void)snprintf(n.text, sizeof(n.text), "guess(answer %u)", i);
	}
	return n;
}

static void tell_fields(const struct cs_state *s, const char *what, ds_ntp64 origin,
			ds_ntp64 receive, ds_ntp64 transmit, char *text, size_t size)
{
	struct name org = name_of(s, origin);
	struct name rec = name_of(s, receive);
	struct name xmt = name_of(s, transmit);

	(void)snprintf(text, size, "%-34s org=%s rec=%s xmt=%s", what, org.text, rec.text,
		       xmt.text);
}

static const char *const manners[] = {"",
				      "",
				      " tardy (0.9 s)",
				      " from before it",
				      " 2 s late",
				      " from after the answer",
				      " read by the daemon",
				      " under a wrong name",
				      " by the card",
				      " by the card, from before it",
				      " by the card, 2 s late"};

static const char *tell_incident(unsigned int kind)
{
	switch (kind) {
	case CS_DEADLINE:
		return "client waits no longer for its drivestamp";
	case CS_CLIENT_FORGETS:
		return "client changes its address";
	case CS_CLIENT_RESTARTS:
		return "client restarts";
	case CS_CLOCK_STEPS:
		return "server's clock is stepped back 40 s";
	case CS_SERVER_RESTARTS:
		return "server restarts";
	case CS_FLOOD:
		return "four other prefixes ask twice each: org=junk";
	default:
		return "?";
	}
}

/* The event happens to a copy, so that the packets it makes can be told. */
static const char *const mac_words[8] = {
	[2] = ", with a MAC", [4] = ", with another key's MAC", [5] = ", with a crypto-NAK"};

static const char *mac_word(unsigned int shape)
{
	return shape < 8 && mac_words[shape] != NULL ? mac_words[shape] : "";
}

void cs_tell(const void *state, struct proof_event e, char *text, size_t size)
{
	const struct cs_state *was = state;
	struct cs_state s = *was;
	const struct cs_request *r;
	const uint8_t *bytes;
	char what[64] = "";

	cs_happen(&s, e);
	switch (e.kind) {
	case CS_POLL:
		r = &s.request[s.polls - 1];
		(void)snprintf(what, sizeof(what), "client sends request %u:", s.polls);
		tell_fields(&s, what, r->origin, r->receive, r->transmit, text, size);
		return;
	case CS_SERVE:
	case CS_DELIVER:
		bytes = s.answer[e.kind == CS_SERVE ? s.answers - 1 : e.a - 1].bytes;
		(void)snprintf(what, sizeof(what),
			       e.kind == CS_SERVE ? "server gets request %u, sends answer %u:"
						  : "client gets answer %u:",
			       e.a, s.answers);
		tell_fields(&s, what, ds_wire_read_ntp64(bytes + 24),
			    ds_wire_read_ntp64(bytes + 32), ds_wire_read_ntp64(bytes + 40), text,
			    size);
		return;
	case CS_STAMP_1:
	case CS_STAMP_3:
		(void)snprintf(text, size, "%s is told a drivestamp of %s %u%s",
			       e.kind == CS_STAMP_1 ? "client" : "server",
			       e.kind == CS_STAMP_1 ? "request" : "answer", e.a,
			       e.b < CS_MANNERS ? manners[e.b] : "?");
		return;
	case CS_FORGE:
		(void)snprintf(text, size, "attacker to client: %s, org=%s", cs_shape_word(e.b),
			       name_of(&s, cs_forged_origin(&s, e.a)).text);
		return;
	case CS_FORGE_SERVER:
		(void)snprintf(text, size, "attacker to server: mode %u, version %u%s", e.a,
			       e.b == 1 ? 1 : 4, mac_word(e.b));
		return;
	case CS_STRANGER_ASKS:
		(void)snprintf(
			text, size, "%s asks the server: org=%s",
			e.a == CS_CLIENT ? "somebody in the client's name"
					 : "a host of another prefix",
			e.b == 0 ? "junk"
				 : name_of(&s, ds_wire_read_ntp64(s.answer[e.b - 1].bytes + 32))
					   .text);
		return;
	case CS_REFLECT:
		(void)snprintf(text, size, "answer %u reaches the server", e.a);
		return;
	default:
		(void)snprintf(text, size, "%s", tell_incident(e.kind));
		return;
	}
}
