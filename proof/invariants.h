/*
 * invariants: what must hold of the exchange machine, in words. As predicates it stands with each
 * family of worlds.
 * It must never state a property of a room that does not exist: a name without a predicate
 * says so.
 *
 * Numbers as in doc/exchange.md. S: safety, of one step (what was, what happened, what is).
 * L: liveness, of a state (what a working path makes of it).
 */
#ifndef DS_PROOF_INVARIANTS_H
#define DS_PROOF_INVARIANTS_H

#include <stdbool.h>

struct invariant {
	const char *name;
	const char *words;
	const char *closes;    /* CVE numbers and attacks that it stops */
	const char *elsewhere; /* where it is shown, or why not yet; NULL: by predicates */
};

const struct invariant *invariant_named(const char *name);

/* Look at this one alone from now on. False if there is none of that name. */
bool invariants_only(const char *name);

/* Is this one to be tested? */
bool invariant_is_looked_at(const char *name);

/* A line each: name, words, what it closes, where shown; between tabs. */
void invariants_print(void);

#endif
