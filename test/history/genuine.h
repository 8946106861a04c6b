/*
 * genuine: what the genuine host says: answers, a peer's packets, broadcasts, each signed where
 * the association has a key.
 * It must never say anything that a good server would not.
 */
#ifndef TEST_HISTORY_GENUINE_H
#define TEST_HISTORY_GENUINE_H

#include "stage.h"

struct genuine {
	enum victim victim;
	bool keyed;
	bool basic; /* its broadcasts do not tell their drivestamps */
	uint64_t slot_receive,
		slot_transmit; /* of the last answer, as RFC 9769 section 2 saves it */
	uint64_t sent;	       /* when the last broadcast left; 0: none */
	unsigned int answered_basic;
	unsigned int misnamed; /* a peer's packets that name none of its own, but for the first */
	struct record said;    /* packets of a peer, broadcasts */
};

/* Is this a packet of the victim's association? (Its server's answers are not.) */
bool genuine_is_asked(const struct genuine *g, const uint8_t *data, size_t n, uint16_t port);
/* What it says to a request, or to a peer's packet, that came at `received`. */
struct bytes genuine_answer(struct genuine *g, const uint8_t *request, uint64_t received);
/* The first packet to a peer that has not spoken yet. */
struct bytes genuine_first(struct genuine *g);
struct bytes genuine_broadcast(struct genuine *g);

#endif
