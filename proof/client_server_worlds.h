/*
 * client_server_worlds: what the telling of a step needs of the world.
 * It must never be included by a predicate.
 */
#ifndef DS_PROOF_CLIENT_SERVER_WORLDS_H
#define DS_PROOF_CLIENT_SERVER_WORLDS_H

#include "proof/client_server.h"

void cs_tell(const void *state, struct proof_event event, char *text, size_t size);

/* Lets the event happen without looking at any invariant. */
void cs_happen(struct cs_state *state, struct proof_event event);

/* What stands in the origin field of forgery `choice`, and the words for its shape. */
ds_ntp64 cs_forged_origin(const struct cs_state *state, unsigned int choice);
const char *cs_shape_word(unsigned int shape);

#endif
