/*
 * worlds: the list of all that is explored.
 * It must never name a world whose rooms do not exist.
 */
#ifndef DS_PROOF_WORLDS_H
#define DS_PROOF_WORLDS_H

#include "proof/explore.h"

extern const struct proof_world proof_cs_small;
extern const struct proof_world proof_cs_small_on_path;
extern const struct proof_world proof_cs_faults;
extern const struct proof_world proof_cs_loss;
extern const struct proof_world proof_cs_off_path;
extern const struct proof_world proof_cs_on_path;
extern const struct proof_world proof_cs_small_keyed;
extern const struct proof_world proof_cs_keyed;
extern const struct proof_world proof_cs_small_cards;
extern const struct proof_world proof_cs_cards;
extern const struct proof_world proof_cs_deep_cards;
extern const struct proof_world proof_cs_taint;
extern const struct proof_world proof_cs_deep_loss;
extern const struct proof_world proof_cs_deep;
extern const struct proof_world proof_pe_small;
extern const struct proof_world proof_pe_small_polls;
extern const struct proof_world proof_pe_small_key;
extern const struct proof_world proof_pe_small_on_path;
extern const struct proof_world proof_pe_small_server;
extern const struct proof_world proof_pe_faults;
extern const struct proof_world proof_pe_incident;
extern const struct proof_world proof_pe_passive;
extern const struct proof_world proof_pe_off_path;
extern const struct proof_world proof_pe_on_path;
extern const struct proof_world proof_pe_key;
extern const struct proof_world proof_pe_server;
extern const struct proof_world proof_pe_deep;
extern const struct proof_world proof_pe_deep_incident;
extern const struct proof_world proof_bc_small;
extern const struct proof_world proof_bc_small_off_path;
extern const struct proof_world proof_bc_small_keyed;
extern const struct proof_world proof_bc;
extern const struct proof_world proof_bc_on_path;
extern const struct proof_world proof_bc_keyed;
extern const struct proof_world proof_bc_incidents;
extern const struct proof_world proof_bc_deep;
extern const struct proof_world proof_bc_deep_keyed;

static const struct proof_world *const proof_worlds[] = {
	&proof_cs_taint,	 &proof_cs_small,     &proof_cs_small_on_path,
	&proof_cs_loss,		 &proof_cs_faults,    &proof_cs_off_path,
	&proof_cs_on_path,	 &proof_cs_deep_loss, &proof_cs_deep,
	&proof_cs_small_cards,	 &proof_cs_cards,     &proof_cs_deep_cards,
	&proof_cs_small_keyed,	 &proof_cs_keyed,     &proof_pe_small,
	&proof_pe_small_polls,	 &proof_pe_small_key, &proof_pe_small_on_path,
	&proof_pe_small_server,	 &proof_pe_passive,   &proof_pe_faults,
	&proof_pe_incident,	 &proof_pe_off_path,  &proof_pe_on_path,
	&proof_pe_key,		 &proof_pe_server,    &proof_pe_deep,
	&proof_pe_deep_incident, &proof_bc_small,     &proof_bc_small_off_path,
	&proof_bc_small_keyed,	 &proof_bc,	      &proof_bc_on_path,
	&proof_bc_keyed,	 &proof_bc_incidents, &proof_bc_deep,
	&proof_bc_deep_keyed,
};

#define PROOF_WORLDS (sizeof(proof_worlds) / sizeof(proof_worlds[0]))

#endif
