/*
 * client_server: what a state of the client/server worlds is made of, and what a step shows.
 * It must never hold a pointer: states are copied, compared and hashed as bytes.
 *
 * `client` and `table` are the memory of the shipped code. The rest is the world around it: what
 * was sent, and an account, kept from the packets alone, of what may happen to them.
 */
#ifndef DS_PROOF_CLIENT_SERVER_H
#define DS_PROOF_CLIENT_SERVER_H

#include "core/exchange/client.h"
#include "core/exchange/server.h"
#include "proof/explore.h"

#define CS_REQUESTS 8
#define CS_ANSWERS  8
#define CS_SLOTS    8
#define CS_CLASSES  8

/* Address prefixes (they are their own classes: below DS_SLOT_PREFIXES). */
enum { CS_CLIENT = 1, CS_STRANGER = 2, CS_CROWD = 3 };

/* Which drivestamp of an answer the server was told. */
enum { CS_UNSTAMPED = 0, CS_PROMPT = 1, CS_TARDY = 2 };

/* How a reported transmit stamp is wrong, after the right ones. */
enum { CS_EARLY = 3, CS_LATE = 4, CS_BEYOND = 5, CS_NO_DRIVESTAMP = 6, CS_WRONG_ID = 7 };

/* A stamp of the card: right; from before the daemon read its clock (right where the kernel's is
 * held: the card's clock was converted); seconds late. */
enum { CS_CARD = 8, CS_CARD_EARLY = 9, CS_CARD_LATE = 10, CS_MANNERS };

struct cs_request {
	ds_ntp64 origin, receive, transmit;
};

struct cs_answer {
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	int64_t rx_raw_ns;
	uint32_t slot;
	uint8_t of;    /* the request it answers */
	uint8_t stamp; /* which drivestamp the server was told: a manner */
	bool taken;    /* an interleaved answer carried that drivestamp */
	bool lost;     /* the server forgot */
};

struct cs_state {
	struct ds_client client;
	/* the server's table; its place in memory is one for all states */
	struct ds_slot slots[CS_SLOTS];
	uint32_t by_class[CS_CLASSES];
	uint32_t live;

	uint8_t polls;	    /* requests sent: numbered from 1 */
	uint8_t answers;    /* answers sent: numbered from 1 */
	uint8_t incidents;  /* restarts, steps, floods so far */
	uint8_t strangers;  /* requests of others, or in the client's name */
	uint8_t waiting;    /* the request whose answer is outstanding; 0: none */
	uint8_t parking;    /* the request whose answer was accepted, and is parked; 0: none */
	uint8_t unanswered; /* interleaved requests since the last accepted answer */
	bool stepped;	    /* the server's clock went back */
	bool touched;	    /* an accepted answer was forged (by one who sees the cookies) */
	uint8_t mistold;    /* the request under way, if its T1 was told to lie after its answer; 0:
			       none */
	uint8_t told;	    /* who took the stamp of the request under way, by what was reported */
	uint8_t accepted;   /* a bit a request */
	uint8_t sampled;
	ds_ntp64 remembered; /* receive field of the last accepted answer; 0: none */
	ds_ntp64 parked_receive;
	struct cs_request request[CS_REQUESTS];
	struct cs_answer answer[CS_ANSWERS];
};

enum cs_kind {
	CS_POLL = 1, /* the poll timer */
	CS_SERVE,    /* request a reaches the server (again) */
	CS_DELIVER,  /* answer a reaches the client (again) */
	CS_STAMP_1,  /* a drivestamp of request a is reported, in manner b */
	CS_STAMP_3,  /* one of answer a */
	CS_DEADLINE,
	CS_CLIENT_FORGETS,
	CS_CLIENT_RESTARTS,
	CS_CLOCK_STEPS, /* the server's */
	CS_SERVER_RESTARTS,
	CS_FLOOD,	  /* eight requests from four other prefixes */
	CS_STRANGER_ASKS, /* a: under which name; b: with which origin */
	CS_REFLECT,	  /* answer a reaches the server */
	CS_FORGE,	  /* to the client: origin a, shape b */
	CS_FORGE_SERVER,  /* to the server: mode a, shape b */
};

/* What was seen of one event. Fields that do not belong to its kind are zero. */
struct cs_step {
	struct proof_event event;
	const struct cs_state *before;
	const struct cs_state *after;
	bool client_changed; /* a byte of it */
	bool server_changed;
	enum ds_reason reason;
	/* a packet to the client */
	bool to_client;
	bool acceptable; /* by the rule in doc/exchange.md, from packets alone */
	bool authentic;	 /* by the association's key */
	bool kiss;
	bool kiss_obeyed_only_with_key;
	bool forged;
	struct ds_packet packet;
	struct ds_client_outcome outcome;
	/* a packet to the server */
	bool to_server;
	enum ds_auth asked_auth; /* the verdict on its MAC */
	size_t length;
	struct ds_packet asked;
	bool replied;
	struct ds_response response;
	struct ds_packet reply;
	uint32_t prefix;
	/* a request */
	bool sent;
	struct ds_packet request;
	/* a reported stamp that the account allows to be used */
	bool usable;
};

/* The bounds of one world. */
struct cs_bounds {
	uint8_t polls, answers, incidents, strangers;
	bool expect;   /* the client waits for its drivestamps */
	bool stamps;   /* wrong, tardy, doubled stamps, too */
	bool cards;    /* a card stamps as well: its stamps come beside the kernel's */
	bool off_path; /* forges, sees nothing */
	bool on_path;  /* sees the cookies */
	bool keyed;    /* the association has a key; the attacker has another */
};
extern const struct cs_bounds *cs_bounds;

/* The number of an exchange that stands in the last digits of every stamp, and the digits. */
enum {
	CS_TAG_T1 = 100,
	CS_TAG_T1_DRIVE = 150,
	CS_TAG_T1_CARD = 170,
	CS_TAG_T2 = 200,
	CS_TAG_T3 = 300
};
enum {
	CS_TAG_T3_PROMPT = 400,
	CS_TAG_T3_CARD = 425,
	CS_TAG_T3_TARDY = 450,
	CS_TAG_T4 = 500,
	CS_TAG_FORGED = 900
};

/* The first invariant that does not hold, or NULL. */
const char *cs_broken(const struct cs_step *step);
const char *cs_broken_at(const struct cs_state *state);

/* Origin and receive field that the next request has, if it were sent now. */
void cs_next_request(const struct cs_state *state, struct ds_packet *request);

/* Does the path deliver, from now on, `lost` requests are lost, then `rounds` go through. Returns
 * how many of those gave an exchange; *interleaved: whether the last is; *in_row: how many of
 * the lost requests were interleaved. */
unsigned int cs_go_on(const struct cs_state *state, unsigned int lost, unsigned int rounds,
		      bool *interleaved, unsigned int *in_row);

#endif
