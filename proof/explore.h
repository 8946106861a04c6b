/*
 * explore: what a world must offer to be explored exhaustively.
 * It must never know a protocol: a state is bytes, an event four of them.
 *
 * A world is a set of functions over a state of `size` bytes (plain memory, no pointers, a
 * multiple of eight). Every state that any order of events reaches is visited once, nearest
 * first, so that the first counterexample is a shortest one. To add a world: write its functions
 * and its line in the list in worlds.h.
 */
#ifndef DS_PROOF_EXPLORE_H
#define DS_PROOF_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROOF_EVENTS_MAX 1280 /* at one state */

struct proof_event {
	uint8_t kind;
	uint8_t a;
	uint8_t b;
	uint8_t c;
};

/* Small worlds are for breaking mutants in; deep ones are only explored when asked for. */
enum proof_level { PROOF_SMALL, PROOF_DEFAULT, PROOF_DEEP };

struct proof_world {
	const char *name;
	const char *words; /* who is in it */
	const char *bound; /* how far it goes */
	enum proof_level level;
	size_t size;
	void (*initial)(const struct proof_world *world, void *state);
	/* All events that may happen here: writes them, returns how many. */
	unsigned int (*events)(const void *state, struct proof_event *out);
	/* Lets an event happen. NULL, or the name of the invariant that the step breaks. */
	const char *(*step)(void *state, struct proof_event event);
	/* What must hold at a state, whatever led there (liveness, by going on from it). */
	const char *(*look)(const void *state);
	/* A line for people: what happens to this state with this event. */
	void (*tell)(const void *state, struct proof_event event, char *text, size_t size);
	/* Digest of all that went to the outside so far; secrets differ by `salt`. May be NULL. */
	uint64_t (*published)(uint64_t salt);
	/* What was met since the last call, so that nobody takes an empty world for a proof. */
	void (*met)(char *text, size_t size);
	const void *of; /* the world's own bounds */
};

#endif
