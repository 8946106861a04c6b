/*
 * stage: what the attacks may know of the world, and how they speak to it.
 * It must never show an attacker who is off path what only the path sees: `request`, `answer` and
 * `recorded` are NULL for those.
 */
#ifndef TEST_HISTORY_STAGE_H
#define TEST_HISTORY_STAGE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEADER	   48
#define PACKET_MAX 1100
#define NTP_PORT   123
#define AT_POLL	   2
#define AT_ORIGIN  24
#define AT_RECEIVE 32
#define AT_XMT	   40

/* Addresses of the world; lib.inc gives them to the namespaces. */
#define VICTIM	     "10.118.1.1"
#define GENUINE	     "10.118.1.2"
#define ATTACKER     "10.118.1.3"
#define NEIGHBOUR    "10.118.1.77" /* nobody; of the victim's prefix */
#define OTHER_VICTIM "10.118.2.1"  /* the victim on a link that only the attacker shares */
#define EVERYBODY    "10.118.1.255"

#define POLL_LOG2 0xfd /* -3: a packet each 125 ms, by all who send by a timer */

/* Keys that the victim has (lib.inc writes them down for it): the association's, and another's. */
#define OUR_KEY	  1
#define OTHER_KEY 2
#define MAC_SIZE  20 /* of both */

enum link { BRIDGE, OTHER_LINK };
enum daemon { TARGET, BYSTANDER }; /* at which one a packet is aimed */

struct bytes {
	uint8_t b[PACKET_MAX];
	size_t n;
};

struct packet {
	const char *from, *to; /* addresses */
	uint16_t from_port, to_port;
	enum link link;
	enum daemon aimed_at;
	/* the counter by which the daemon must say that it dropped this packet; NULL: it must not
	 * come to a socket of it at all */
	const char *reason;
};

/* What the genuine host said, from the first packet on; the latest only, once it is full. */
#define RECORDED 64
struct record {
	struct bytes packet[RECORDED];
	unsigned int count;
};

/* What the victim is: of whom the attack is played against; and its association has a key. */
enum victim { CLIENT, SERVER, PEER, EPHEMERAL, LISTENER };

struct world {
	enum victim victim;
	bool keyed;
	uint16_t port;		       /* of the request under way; 123 for peers */
	const uint8_t *request;	       /* on path only; of a peer, its packet */
	const uint8_t *answer;	       /* on path only, and of attacks at a server */
	const struct record *recorded; /* on path only; peers and broadcasts */
	unsigned int turn;     /* counts the requests (or broadcasts) of this attack from 0 */
	uint64_t leak;	       /* reference time that the victim tells whoever asks */
	uint64_t last_receive; /* fields of the genuine answer before; might leak elsewhere */
	uint64_t last_transmit;
	unsigned int taken; /* requests that an attacker on the path answers in earnest */
};

uint64_t read64(const uint8_t *at);
void write64(uint8_t *at, uint64_t value);
uint64_t now_ntp(void);
uint64_t random64(void);

/* Send a forged packet, and count it: what is sent while a request is under way met it. */
void forge(struct world *w, const struct packet *p, const struct bytes *bytes);
/* A consequence that a packet has at that daemon beside its own reason. */
void expect_reason(enum daemon daemon, const char *reason);
/* From the genuine server to the port that the request under way came from. */
void forge_answer(struct world *w, const struct bytes *bytes, const char *reason);

/* Ask the victim's own server from the attacker's own address and port. Returns whether an
 * answer came. */
bool ask_victim(struct world *w, const uint8_t *data, size_t length, uint8_t reply[HEADER]);
/* A version 4 request; fills w->leak, and notes where the reply is not as it should be. */
void ask_leak(struct world *w);
/* Look into what the victim told: cookies of requests, stamps of its exchanges? */
void search_secrets(const uint8_t reply[HEADER]);
/* The requests of the victim, in the eyes of whoever predicts them. */
void note_prediction(void);

struct attack {
	const char *name;
	bool on_path;
	void (*under_way)(struct world *w);
	/* may be NULL: when it was answered; of a listener, while the next broadcast is awaited */
	void (*idle)(struct world *w);
	bool at_once; /* it begins with the victim, not in the middle */
};
const struct attack *find_attack(const char *name);

#endif
