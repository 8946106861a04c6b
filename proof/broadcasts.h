/*
 * broadcasts: what a state of the broadcast worlds is made of, and what a step shows.
 * It must never hold a pointer: states are copied, compared and hashed as bytes.
 *
 * `broadcaster` and `listener` are the memory of the shipped code. The rest is the world around
 * them: what was sent, what the clocks are, and an account, kept from packets and exchanges
 * alone, of what the listener may believe.
 */
#ifndef DS_PROOF_BROADCASTS_H
#define DS_PROOF_BROADCASTS_H

#include "core/exchange/broadcast.h"
#include "proof/explore.h"

#define BC_SENT 6

/* Between broadcasts, and as their poll field says it. */
#define BC_INTERVAL_NS INT64_C(16000000000)
#define BC_POLL_LOG2   4

/* How a drivestamp is reported. */
enum bc_manner {
	BC_UNSTAMPED,
	BC_STAMPED,
	BC_TARDY, /* 0.9 s after it was sent, which a full queue can do */
	BC_EARLY, /* from before it */
	BC_LATE,  /* 2 s */
	BC_NO_DRIVESTAMP,
	BC_WRONG_ID,
	BC_MANNERS
};

/* How a broadcast arrives: after 1 ms, after 6, after 300; without its MAC. */
enum bc_arrival { BC_PROMPT, BC_SLOW, BC_OVERDUE, BC_STRIPPED };

/* What an exchange in client/server mode took: 2 ms; 6 on one way; one way, 600. */
enum bc_path { BC_EVEN, BC_UNEVEN, BC_DELAYED, BC_PATHS };

struct bc_broadcast {
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	int64_t at_ns;	/* true time, since START */
	uint8_t run;	/* of the sender */
	uint8_t stamp;	/* which drivestamp the sender was told */
	uint8_t pad[6]; /* states are compared as bytes */
};

struct bc_state {
	struct ds_broadcaster sender;
	struct ds_listener listener;

	int64_t now_ns;		 /* true time since START: of the last broadcast, or the night */
	int64_t sender_error_ns; /* its clock minus the true one */
	int64_t own_error_ns;	 /* the listener's */
	uint8_t count;		 /* broadcasts sent: numbered from 1 */
	uint8_t run;		 /* of the sender */
	uint8_t incidents;
	bool repeats;	/* the sender's clock went back: it says the same times twice */
	bool uncertain; /* it was stepped, and no calibration has seen that */

	/* The account of the listener. */
	bool calibrated;
	bool heard_forged; /* the last accepted one was nobody's of ours */
	uint8_t pad[1];
	int64_t raw_ns, server_minus_raw_ns, delay_ns; /* of the calibration */
	int64_t least_ns;	  /* delay of the best exchange; what the caller gives */
	ds_ntp64 heard_transmit;  /* of the last accepted broadcast; 0: none */
	struct ds_rx_stamp heard; /* and its arrival */

	struct bc_broadcast sent[BC_SENT];
};

enum bc_kind {
	BC_SEND = 1,  /* the broadcast timer */
	BC_DELIVER,   /* broadcast a reaches the listener (again), in manner b */
	BC_STAMP,     /* a drivestamp of broadcast a is reported, in manner b */
	BC_CALIBRATE, /* an exchange of path a */
	BC_FORGE,     /* to the listener: transmit a, origin b, shape c */
	/* incidents */
	BC_SENDER_RESTARTS,
	BC_SENDER_HURRIES, /* restarts, and sends at once */
	BC_LISTENER_RESTARTS,
	BC_LISTENER_STEPS,
	BC_STEP_SMALL, /* the sender's clock: 0.3 s */
	BC_STEP_LARGE, /* 40 s */
	BC_STEP_BACK,  /* two intervals */
	BC_NIGHT,      /* nothing happens for two days */
	BC_KINDS
};

/* What was seen of one event. Fields that do not belong to its kind are zero. */
struct bc_step {
	struct proof_event event;
	const struct bc_state *before;
	const struct bc_state *after;
	bool listener_changed; /* a byte of it */
	bool sender_changed;
	bool replied; /* a server answered it */
	enum ds_reason reason;
	/* a packet to the listener */
	bool to_listener;
	bool forged;
	bool authentic;	 /* by the key that the listener has */
	bool acceptable; /* by the rule in doc/exchange.md, from packets and exchanges alone */
	bool sane;	 /* its header is that of a host to follow */
	struct ds_packet packet;
	struct ds_rx_stamp t4;
	struct ds_listener_outcome outcome;
	/* a broadcast */
	bool sent;
	struct ds_packet broadcast;
	/* a reported stamp that the account allows to be used */
	bool usable;
};

/* The bounds of one world. */
struct bc_bounds {
	uint8_t broadcasts, incidents;
	bool keyed;
	bool stamps;   /* wrong, tardy, doubled stamps, too */
	bool off_path; /* forges, sees nothing */
	bool on_path;  /* sees and replays; forges from what was seen; has another key */
};
extern const struct bc_bounds *bc_bounds;

/* Last digits of every stamp: what it is, and of which broadcast. */
enum { BC_TAG_SENT = 100, BC_TAG_DRIVE = 200, BC_TAG_DRIVE_TARDY = 300, BC_TAG_T4 = 400 };
enum { BC_TAG_FORGED = 900 };
unsigned int bc_tag(int64_t ns);
unsigned int bc_tag_of_field(ds_ntp64 field);

/* Does what is said of the sender's clock at raw_ns lie within the account's calibration? */
bool bc_within(const struct bc_state *state, int64_t raw_ns, ds_ntp64 said);

/* What the sample says of the sender's clock, minus what is so. */
int64_t bc_untruth_ns(const struct bc_state *state, const struct ds_exchange *exchange);

/* anew: one calibration on a good path; `lost` broadcasts that are lost; then `count` that arrive,
 * with their drivestamps. True if all of those were accepted; *kind is of the exchange of the last,
 * *paired: its stamps are of the packet that they should be of. */
bool bc_go_on(const struct bc_state *state, bool anew, unsigned int lost, unsigned int count,
	      enum ds_exchange_kind *kind, bool *paired);

/* The first invariant that does not hold, or NULL. */
const char *bc_broken(const struct bc_step *step);
const char *bc_broken_at(const struct bc_state *state);

/* For the telling alone: lets the event happen without looking at any invariant; what a
 * forgery says. */
void bc_happen(struct bc_state *state, struct proof_event event);
void bc_tell(const void *state, struct proof_event event, char *text, size_t size);
const char *bc_shape_word(unsigned int shape);
const char *bc_transmit_word(unsigned int choice);
const char *bc_origin_word(unsigned int choice);

#endif
