/*
 * invariants: what must hold of the exchange machine, in words and as predicates.
 * It must never state a property of a room that does not exist: a name without a predicate
 * says so.
 *
 * Numbers as in doc/exchange.md. S: safety, of one step (what was, what happened, what is).
 * L: liveness, of a state (what a working path makes of it).
 */
#ifndef DS_PROOF_INVARIANTS_H
#define DS_PROOF_INVARIANTS_H

#include "proof/client_server.h"

struct invariant {
	const char *name;
	const char *words;
	const char *closes; /* CVE numbers and attacks that it stops */
	bool (*of_step)(const struct cs_step *step);
	bool (*of_state)(const struct cs_state *state);
	const char *elsewhere; /* where it is shown, or why not yet; NULL: by the predicates */
};

const struct invariant *invariant_named(const char *name);

/* Look at this one alone from now on. False if there is none of that name. */
bool invariants_only(const char *name);

/* The first invariant that does not hold, or NULL. */
const char *invariants_broken(const struct cs_step *step);
const char *invariants_broken_at(const struct cs_state *state);

/* A line each: name, words, what it closes, where shown; between tabs. */
void invariants_print(void);

#endif
