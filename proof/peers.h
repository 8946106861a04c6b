/*
 * peers: what a state of the symmetric worlds is made of, and what a step shows.
 * It must never hold a pointer: states are copied, compared and hashed as bytes.
 *
 * Two sides, A and B. Each `peer` is the memory of the shipped code; or B is a server that keeps
 * nothing of A but slots. The rest is the world around it: what was sent, and an account, kept
 * from the packets alone, of what may happen to them.
 */
#ifndef DS_PROOF_PEERS_H
#define DS_PROOF_PEERS_H

#include "core/exchange/peer.h"
#include "core/exchange/server.h"
#include "proof/explore.h"

#define PE_PACKETS 14 /* in all, numbered from 1 in the order of sending */
#define PE_SLOTS   8
#define PE_CLASSES 4
#define PE_PREFIX  1 /* of A, at the server */

enum { PE_A = 0, PE_B = 1 };

/* How a transmit stamp is told. The first two may be believed, a tardy one while no answer came
 * before it. */
enum {
	PE_UNTOLD = 0,
	PE_PROMPT = 1,
	PE_TARDY = 2, /* 0.9 s */
	PE_EARLY = 3,
	PE_LATE = 4, /* 2 s */
	PE_BY_DAEMON = 5,
	PE_MANNERS = 6
};

struct pe_packet {
	ds_ntp64 origin, receive, transmit;
	uint8_t from;
	uint8_t heard; /* the last valid packet, as its sender had it; 0: none */
	uint8_t names; /* packet of the other side that its origin names; 0: none */
	uint8_t told;  /* the drivestamp of it that its sender believed */
	bool interleaved;
	bool gone;  /* its sender has forgotten */
	uint8_t at; /* server: when the request came that it answers (its number, the period) */
	bool spent; /* server: its drivestamp was given out */
	uint32_t slot;
	uint32_t pad;
};

#define PE_FORGED 128 /* forgeries that were valid are numbered from here */

struct pe_side {
	struct ds_peer peer;
	/* The account. */
	ds_ntp64 heard_transmit; /* of the last valid packet */
	ds_ntp64 heard_receive;
	ds_ntp64 restart; /* transmit field of the restart pair; 0: none */
	uint16_t valid;	  /* a bit a packet of the other side: it was valid here */
	uint16_t used;	  /* a bit a packet of ours: it gave an exchange */
	uint8_t heard;	  /* the last valid packet; 0: none */
	uint8_t named;	  /* the packet of ours that it named */
	uint8_t heard_at; /* the period in which it came */
	bool asked;	  /* it was interleaved */
	bool mistold;	  /* its arrival showed that the stamp of our latest was wrong */
	bool touched;	  /* a forgery was valid */
	uint8_t steps;	  /* of the clock, 40 s back each */
	uint8_t pad[5];
};

struct pe_state {
	struct pe_side side[2];
	uint8_t packets;
	uint8_t sends[2];
	uint8_t incidents;
	uint8_t forgeries; /* that were valid */
	uint8_t pad[3];
	struct pe_packet packet[PE_PACKETS];
	/* Worlds with a server only: */
	struct ds_slot slots[PE_SLOTS];
	uint32_t by_class[PE_CLASSES];
	uint64_t live;
};

enum pe_kind {
	PE_SENDS = 1, /* side a */
	PE_DELIVER,   /* packet a reaches the other side (again) */
	PE_REFLECT,   /* packet a reaches its own sender */
	PE_STAMP,     /* a transmit stamp of packet a is reported, in manner b */
	PE_RESTARTS,  /* side a */
	PE_FORGETS,   /* side a: an address has changed */
	PE_STEPS,     /* side a */
	PE_FORGE,     /* to side c: origin a, shape b */
};

/* What was seen of one event. Fields that do not belong to its kind are zero. */
struct pe_step {
	struct proof_event event;
	const struct pe_state *before;
	const struct pe_state *after;
	bool changed[2];  /* a byte of the association */
	bool measured[2]; /* a byte besides the restart pair */
	enum ds_reason reason;
	/* a packet to a peer */
	bool to_peer;
	unsigned int to;
	unsigned int number; /* 0: forged */
	bool acceptable;     /* by the rule in core/exchange/peer.h, from packets alone */
	bool restarts;	     /* it may become the restart pair */
	struct ds_packet packet;
	struct ds_peer_outcome outcome;
	/* a packet to the server */
	bool to_server;
	bool replied;
	struct ds_packet asked;
	struct ds_packet reply;
	struct ds_response response;
	bool server_changed;
	/* a reported stamp that the account allows to be believed */
	bool usable;
};

/* The bounds of one world. */
struct pe_bounds {
	uint8_t sends[2];
	uint8_t incidents;
	uint8_t forgeries; /* that may be valid */
	bool xleave[2];
	bool keyed;
	bool passive;  /* B is of mode 2 */
	bool server;   /* B is one; sends[1] are its answers */
	bool stamps;   /* wrong, tardy, doubled stamps, too */
	bool off_path; /* forges, sees nothing */
	bool on_path;  /* sees the fields; reflects */
};
extern const struct pe_bounds *pe_bounds;

/* The number of a packet stands in the last digits of every stamp, behind what it is:
 * kind * 1000 + number * 10, of 10000 ns. */
enum { PE_IS_T1 = 1, PE_IS_GUESS, PE_IS_DRIVE, PE_IS_TARDY, PE_IS_ARRIVAL, PE_IS_FORGED };
unsigned int pe_kind_of(int64_t ns);
unsigned int pe_number_of(int64_t ns);
unsigned int pe_kind_of_field(ds_ntp64 field);
unsigned int pe_number_of_field(ds_ntp64 field);

/* The packet of this side that an origin names, among its last `within` ones that it has not
 * forgotten; 0: none. */
unsigned int pe_named(const struct pe_state *s, unsigned int side, ds_ntp64 origin,
		      unsigned int within, bool *interleaved);

/* The packet that the side would send now. */
void pe_next(const struct pe_state *state, unsigned int side, struct ds_packet *packet);

/* From now on, every packet of both sides arrives (those under way are lost): `first` sends, the
 * other one, and so on; before that, both send `lost` packets that are. With `planted` somebody
 * off path plants a restart pair before each packet. */
struct pe_plan {
	unsigned int first, lost, rounds;
	bool planted;
};
struct pe_course {
	unsigned int valid[2];	     /* packets that the side sent until it had a valid one */
	unsigned int exchange[2];    /* until it had an exchange; 0: never */
	unsigned int interleaved[2]; /* until it had an interleaved one */
};
void pe_go_on(const struct pe_state *state, const struct pe_plan *plan, struct pe_course *course);

/* Would the server answer its own packet? */
bool pe_server_answers(const struct ds_packet *packet, uint16_t port);

/* The first invariant that does not hold, or NULL. */
const char *pe_broken(const struct pe_step *step);
const char *pe_broken_at(const struct pe_state *state);

#endif
