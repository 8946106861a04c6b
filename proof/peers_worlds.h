/*
 * peers_worlds: what the telling of a step needs of the world.
 * It must never be included by a predicate.
 */
#ifndef DS_PROOF_PEERS_WORLDS_H
#define DS_PROOF_PEERS_WORLDS_H

#include "proof/peers.h"

void pe_tell(const void *state, struct proof_event event, char *text, size_t size);

/* Lets the event happen without looking at any invariant. */
void pe_happen(struct pe_state *state, struct proof_event event);

/* What stands in the origin field of forgery `choice`, and the words for its shape. */
ds_ntp64 pe_forged_origin(const struct pe_state *state, unsigned int choice);
const char *pe_shape_word(unsigned int shape);

#endif
