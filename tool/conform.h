/*
 * conform: what one run of `drivestamp conform` sent and heard, and what each clause of the
 * standards says about it. Asking (conform.c), the order of the questions (conform_plan.c),
 * judging (conform_judge.c) and telling (conform_report.c) share this.
 * It must never call a clause passed that nothing was seen of, and never judge by the difference
 * of two hosts' clocks: only intervals of one clock are compared with intervals of the other.
 */
#ifndef DS_TOOL_CONFORM_H
#define DS_TOOL_CONFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/exchange/wire.h"
#include "os/address.h"

#define DS_CONFORM_JSON_SCHEMA 1
#define DS_CONFORM_SHOTS       64 /* packets a run sends at most, whatever comes back */
#define DS_CONFORM_REQUEST     80 /* bytes of the longest */
#define DS_CONFORM_WHY	       160

/* What a packet asks. A clause names the kinds that it is seen in. */
enum ds_shot_kind {
	DS_SHOT_BASIC,	  /* version 4, origin and receive zero */
	DS_SHOT_VERSION3, /* the same, of an older version */
	DS_SHOT_VERSION2,
	DS_SHOT_VERSION1,
	DS_SHOT_CHAIN,	    /* origin: receive field of the last answer that we took */
	DS_SHOT_SAME_PORT,  /* the same, but always from one port */
	DS_SHOT_REUSE,	    /* a new request with an origin that was answered interleaved */
	DS_SHOT_REPLAY,	    /* the very bytes of a request that was answered interleaved */
	DS_SHOT_ALIKE,	    /* as CHAIN, but receive and transmit are the same */
	DS_SHOT_UNKNOWN,    /* origin: nothing that the server ever sent */
	DS_SHOT_LOST,	    /* as CHAIN; its answer is not taken, as if the network had lost it */
	DS_SHOT_AFTER_LOSS, /* what a client does then: the same origin again */
	DS_SHOT_OLD,	    /* origin: a receive field of some answers ago, never used */
	DS_SHOT_EXTENSION,  /* basic, with an extension field of no known type */
	DS_SHOT_SHORT,	    /* the first 47 bytes */
	DS_SHOT_MODE0,	    /* basic, but of another mode; in the order of their numbers */
	DS_SHOT_MODE1,
	DS_SHOT_MODE2,
	DS_SHOT_MODE4,
	DS_SHOT_MODE5,
	DS_SHOT_MODE6, /* a control message that asks for the system variables: 12 bytes */
	DS_SHOT_MODE7,
	DS_SHOT_KINDS
};

/* A packet sent, and what came back to the socket that it was sent from. */
struct ds_shot {
	enum ds_shot_kind kind;
	uint8_t request[DS_CONFORM_REQUEST];
	size_t length;
	struct ds_packet asked;
	int named; /* the shot whose answer's receive field is the origin; -1: none */
	int64_t sent_ns, came_ns; /* local, monotonic; came_ns of the first answer */
	bool unsent;		  /* the kernel refused it */
	int answers;		  /* datagrams */
	size_t answer_length;	  /* of the longest */
	bool has_answer;	  /* the first of at least 48 bytes is here: */
	struct ds_packet answer;
};

struct ds_conform {
	struct ds_shot shots[DS_CONFORM_SHOTS];
	int count;
	uint32_t kiss_code; /* RATE, DENY or RSTR was heard, and the run ended; else 0 */
};

/* How a run reaches a server. */
struct ds_conform_io {
	void *context;
	/* Send shot->request, wait for answers; write sent_ns (or set unsent) and hand each
	 * datagram to ds_conform_heard(). same_port: from the port of the last one that was sent
	 * so. */
	void (*exchange)(void *context, struct ds_shot *shot, bool same_port);
	uint64_t (*random)(void *context);
};

/* A datagram came. */
void ds_conform_heard(struct ds_shot *shot, const uint8_t *data, size_t length, int64_t now_ns);

/* Ask everything, in order. Ends early when nothing answers or a kiss code is heard. */
void ds_conform_ask(struct ds_conform *c, const struct ds_conform_io *io);

/* Is the answer of this shot one to a time request, and no kiss-o'-death? */
bool ds_conform_usable(const struct ds_shot *shot);
/* Does the answer of shot i, a usable one, claim to be interleaved? */
bool ds_conform_interleaved(const struct ds_conform *c, int i);

enum ds_level {
	DS_LEVEL_MUST,
	DS_LEVEL_SHOULD,
	DS_LEVEL_MAY,
	DS_LEVEL_NOTE, /* no rule: told because it is good to know */
};

enum ds_result { DS_RESULT_PASSED, DS_RESULT_FAILED, DS_RESULT_NOT_OBSERVED };

struct ds_clause {
	const char *id;
	int rfc;
	const char *section;
	enum ds_level level;
	bool keyword;	      /* the RFC has the word; else it defines the protocol so */
	const char *sentence; /* ours, not the RFC's */
};

struct ds_finding {
	const struct ds_clause *clause;
	enum ds_result result;
	int seen;		  /* packets that the result rests on */
	char why[DS_CONFORM_WHY]; /* of a failure or of nothing seen; may be "" if passed */
};

#define DS_CONFORM_CLAUSES_MAX 48

/* Judge all clauses. Returns how many findings were written. */
int ds_conform_judge(const struct ds_conform *c, struct ds_finding out[DS_CONFORM_CLAUSES_MAX]);

const char *ds_level_word(enum ds_level level);
const char *ds_result_word(enum ds_result result);

/* The host as given and its address, for the reports. */
struct ds_conform_target {
	const char *host;
	union ds_address address;
};

void ds_conform_print(const struct ds_conform *c, const struct ds_conform_target *target,
		      const struct ds_finding *findings, int count, FILE *out);
void ds_conform_print_json(const struct ds_conform *c, const struct ds_conform_target *target,
			   const struct ds_finding *findings, int count, FILE *out);

/* Exit status: 0 no MUST failed, 1 one did, 3 nothing could be judged. */
int ds_conform_status(const struct ds_conform *c, const struct ds_finding *findings, int count);

#endif
