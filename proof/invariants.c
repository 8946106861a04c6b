/*
 * invariants: their names and words. The predicates stand with the worlds that they look at, in
 * *_invariants.c.
 * It must never say "explored" of one that no world looks at.
 */
#include "proof/invariants.h"

#include <stdio.h>
#include <string.h>

static const struct invariant invariants[] = {
	{"S1",
	 "A packet to the client that is not acceptable changes not one byte of the association, "
	 "and asks for no action (timers and poll included).",
	 "2015-7704, 2015-8138, 2016-1548, 2016-4954, 2016-4955, 2016-7431, 2016-9042, 2020-11868",
	 NULL},
	{"S2", "With a key, a packet that is not authentic changes nothing.",
	 "2015-1798, 2015-1799, 2015-7974, 2016-4953, 2016-4955", NULL},
	{"S3",
	 "Mode and origin of the next request follow from the last accepted answer and the number "
	 "of requests since; nothing else moves them.",
	 "2016-1548", NULL},
	{"S4", "At most one answer is accepted, and one exchange made, of each request.",
	 "2015-8138, 2016-7431, replay", NULL},
	{"S5",
	 "The four stamps of an exchange are of the same two packets (basic, set 1), or T1, T2 of "
	 "the latest and T3, T4 of the one before it (set 2); of no forged packet by one who sees "
	 "no cookie.",
	 "2016-1548, 2015-8138", NULL},
	{"S6", "The stamps of an exchange are in order, and its delay is not negative.",
	 "mixed stamps that look like a long delay", NULL},
	{"S7",
	 "The server answers a request with one packet, never longer, and one with a MAC only where "
	 "that is good; it answers nothing else, and what it does not answer changes nothing.",
	 "server-to-server loop, amplification", NULL},
	{"S8",
	 "An interleaved answer carries the drivestamp of the very answer whose receive field the "
	 "request repeats, made for that prefix, once; receive fields never repeat, and no transmit "
	 "field equals one.",
	 "slot theft", NULL},
	{"S9",
	 "A reported stamp is used only if it is a drivestamp of that packet, not before it, within "
	 "a second, not after the answer, once, and before the exchange is used; else nothing "
	 "changes. A better stamp never gives way to a worse, and replaces one that was not used yet.",
	 "late, doubled, mixed stamps", NULL},
	{"S10",
	 "RATE acts only as an accepted basic answer; DENY and RSTR only as one that a key made.",
	 "2015-7704", NULL},
	{"S11",
	 "Cookies reach no output but their own request and its answer: two explorations with other "
	 "cookies publish the same.",
	 "2015-8139, 2016-1548 (its leak)", "by exploring world taint twice and comparing digests"},
	{"S12",
	 "The table keeps its size and each prefix its share; every request is answered, whatever "
	 "was evicted; drivestamps are asked for only where interleaving was.",
	 "slot flush", NULL},
	{"S13",
	 "Symmetric: only valid packets change the measurement state, others at most the restart "
	 "pair, and that is used only while no valid one comes; an interleaved packet is sent only by "
	 "the rules of RFC 9769 section 3: it was asked for or is wanted, nothing was sent since the "
	 "last valid packet, and the packet before was the only one sent in answer to its own.",
	 "2015-1799, 2018-7184, 2018-7185", NULL},
	{"S14",
	 "Broadcast: an exchange comes of an authentic packet (where there is a key) that left later "
	 "than the last accepted one and says what exchanges with its sender say; an interleaved one "
	 "pairs what it tells with the arrival of the packet before, within a second of what that "
	 "said; without an origin it is basic, whatever came before.",
	 "2015-7973, 2015-7979, 2016-4956, 2016-7427, 2016-7428", NULL},
	{"L1",
	 "In every state the answer to the outstanding request is taken; and the next request, if "
	 "its path works, gives an exchange. Broadcast: the next one is accepted, after an exchange "
	 "with the sender or where the last one is of the hour and still so.",
	 "2016-1548 (its lasting denial), 2016-7426, 2016-9042, 2020-11868", NULL},
	{"L2", "From every state, three round trips in a row end in an interleaved exchange.",
	 "flush, theft", NULL},
	{"L3",
	 "From every state, after five lost requests, of which at most four are interleaved, one "
	 "round trip gives an exchange.",
	 "denial by loss", NULL},
	{"L4", "Requests of others, however many, cost no client an exchange.", "slot flush", NULL},
	{"L5",
	 "Symmetric: from every state, on a path that works, both sides have a valid packet within 1 "
	 "of theirs; within 2 where one has restarted; within 6 after a forgery that was believed.",
	 "2015-1799, 2018-7170, 2018-7185 (their lasting denial)", NULL},
	{"L6", "What a server answers to mode 1 is answered by no server.", "reply storm", NULL},
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

bool invariant_is_looked_at(const char *name)
{
	return only == NULL || strcmp(only->name, name) == 0;
}

void invariants_print(void)
{
	for (size_t i = 0; i < COUNT; i++)
		printf("%s\t%s\t%s\t%s\n", invariants[i].name, invariants[i].words,
		       invariants[i].closes,
		       invariants[i].elsewhere != NULL ? invariants[i].elsewhere : "explored");
}
