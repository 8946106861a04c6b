/*
 * attacks_key: attacks on associations that have a key, and on symmetric mode with and without.
 * It must never look at a packet of the path in an attack that is off path.
 */
#include <string.h>

#include "attacks.h"
#include "packets.h"

#define FLOOD	 100
#define STRANGER 30 /* addresses of somebody who has the key */
#define NOBODY	 9  /* a key that the victim does not have */

static const char origin_wrong[] = "origin";
static const char auth_wrong[] = "auth";

/* ---- in the genuine host's name ---- */

/* In the mode in which the genuine host speaks to this victim. */
static struct bytes in_its_mode(const struct world *w, struct bytes p)
{
	set_mode(&p, 4, w->victim == CLIENT ? 4 : 1);
	return p;
}

static struct bytes tell(const struct world *w, uint64_t origin)
{
	return in_its_mode(w, lie(origin));
}

/* The fields that the answer must name, as far as the packet of the victim has them. */
static unsigned int right_origins(const struct world *w, uint64_t origins[2])
{
	origins[0] = read64(w->request + AT_XMT);
	origins[1] = read64(w->request + AT_RECEIVE);
	return origins[1] != 0 ? 2 : 1;
}

static void as_peer_from(struct world *w, const char *from, uint16_t port, const struct bytes *p,
			 const char *reason)
{
	forge(w,
	      &(struct packet){.from = from,
			       .to = VICTIM,
			       .from_port = port,
			       .to_port = NTP_PORT,
			       .reason = reason},
	      p);
}

/* ---- attacks ---- */

/* Everything is right but that there is no MAC. */
static void bare_1798(struct world *w)
{
	uint64_t origins[2];

	for (unsigned int o = right_origins(w, origins); o > 0; o--) {
		struct bytes p = tell(w, origins[o - 1]);

		forge_answer(w, &p, auth_wrong);
		p = in_its_mode(w, kiss(origins[o - 1], "RATE"));
		forge_answer(w, &p, auth_wrong);
		p = in_its_mode(w, kiss(origins[o - 1], "DENY"));
		forge_answer(w, &p, auth_wrong);
	}
}

/* A peer's packets without a MAC, with a crypto-NAK, and with one that no key made; the right
 * origin, zero, and a random one. */
static void state_1799(struct world *w)
{
	uint64_t origins[4] = {0, random64()};
	unsigned int count = 2 + right_origins(w, origins + 2);

	for (unsigned int o = 0; o < count; o++) {
		struct bytes p = tell(w, origins[o]);

		forge_answer(w, &p, auth_wrong);
		add_nak(&p, OUR_KEY);
		forge_answer(w, &p, auth_wrong);
		p = tell(w, origins[o]);
		add_bad_mac(&p, OUR_KEY, MAC_SIZE - KEY_ID);
		forge_answer(w, &p, auth_wrong);
	}
}

/* The same of a peer without a key, by somebody who does not see its packets. */
static void state_1799_blind(struct world *w)
{
	uint64_t origins[3] = {random64(), 0, 0};

	ask_leak(w);
	origins[1] = w->leak;
	for (unsigned int o = 0; o < 3; o++) {
		struct bytes p = tell(w, origins[o]);

		forge_answer(w, &p, origin_wrong);
		add_nak(&p, OUR_KEY); /* nobody can check it */
		forge_answer(w, &p, auth_wrong);
	}
}

/* Crypto-NAKs, MACs of no key and none at all of hosts that nobody knows. */
static void nak_7871(struct world *w)
{
	static const char *const from[] = {ATTACKER, NEIGHBOUR, "203.0.113.9"};
	static const uint32_t keys[] = {0, OUR_KEY, NOBODY};

	for (unsigned int f = 0; f < 3; f++)
		for (unsigned int k = 0; k < 3; k++)
			for (unsigned int mode = 1; mode <= 2; mode++) {
				struct bytes p = plausible(0);

				set_mode(&p, 4, mode);
				add_nak(&p, keys[k]);
				as_peer_from(w, from[f], NTP_PORT, &p,
					     mode == 1 ? "request-auth" : "request-mode");
				p = plausible(0);
				set_mode(&p, 4, mode);
				add_bad_mac(&p, keys[k], MAC_SIZE - KEY_ID);
				as_peer_from(w, from[f], NTP_PORT, &p,
					     mode == 1 ? "request-auth" : "request-mode");
			}
}

/* Crypto-NAKs of all modes to a client that has a key. */
static void nak_7871_client(struct world *w)
{
	for (unsigned int mode = 0; mode < 8; mode++)
		for (uint32_t key = 0; key <= OTHER_KEY; key++) {
			struct bytes p = lie(read64(w->request + AT_XMT));

			set_mode(&p, 4, mode);
			add_nak(&p, key);
			forge_answer(w, &p, mode == 4 ? auth_wrong : "mode");
		}
}

/* By a key that the victim has, but of somebody else; the identifier as it is, or ours. */
static void other_key_7974(struct world *w)
{
	uint64_t origins[2];

	for (unsigned int o = right_origins(w, origins); o > 0; o--) {
		struct bytes p = tell(w, origins[o - 1]);

		sign(&p, OTHER_KEY);
		forge_answer(w, &p, auth_wrong);
		p = tell(w, origins[o - 1]);
		sign_as(&p, OTHER_KEY, OUR_KEY);
		forge_answer(w, &p, auth_wrong);
		p = tell(w, origins[o - 1]);
		sign_as(&p, OUR_KEY, OTHER_KEY);
		forge_answer(w, &p, auth_wrong);
	}
}

static void zero_8138(struct world *w)
{
	struct bytes p = tell(w, 0);

	forge_answer(w, &p, origin_wrong);
	write64(p.b + AT_RECEIVE, 0);
	forge_answer(w, &p, origin_wrong);
}

static void nak_1547(struct world *w)
{
	static const uint32_t keys[] = {0, OUR_KEY};
	uint64_t origins[4] = {0, random64(), 0, w->last_transmit};

	ask_leak(w);
	origins[2] = w->leak;
	for (unsigned int k = 0; k < 2; k++)
		for (unsigned int o = 0; o < 4; o++)
			for (unsigned int mode = 1; mode <= 2; mode++) {
				struct bytes p = lie(origins[o]);

				set_mode(&p, 4, mode);
				add_nak(&p, keys[k]);
				/* we are passive: nobody is passive towards us */
				forge_answer(w, &p, mode == 1 ? auth_wrong : "mode");
			}
}

/* Somebody who has the key, at as many addresses as he likes. Each is answered as a client would
 * be, and nothing is kept of it. */
static void crowd_1549(struct world *w)
{
	for (unsigned int i = 0; i < STRANGER; i++) {
		char from[16] = "203.0.113.";
		struct bytes p = lie(0);

		from[10] = (char)('0' + (10 + i) / 10);
		from[11] = (char)('0' + i % 10);
		set_mode(&p, 4, 1);
		sign(&p, OUR_KEY);
		as_peer_from(w, from, NTP_PORT, &p, NULL);
	}
}

/* The same from many ports of one address, and of the genuine peer's. */
static void crowd_7170(struct world *w)
{
	for (unsigned int i = 0; i < STRANGER; i++) {
		struct bytes p = lie(0);

		set_mode(&p, 4, 1);
		sign(&p, OUR_KEY);
		as_peer_from(w, ATTACKER, (uint16_t)(20000 + i), &p, NULL);
		as_peer_from(w, GENUINE, (uint16_t)(20000 + i), &p, NULL);
	}
}

/* MACs that are right but for one byte, each in its turn. */
static void guess_1550(struct world *w)
{
	uint64_t origins[2];
	unsigned int o = right_origins(w, origins) - 1;

	for (unsigned int wrong = 0; wrong < MAC_SIZE - KEY_ID; wrong++) {
		struct bytes p = tell(w, origins[o]);

		sign(&p, OUR_KEY);
		p.b[HEADER + KEY_ID + wrong] ^= (uint8_t)(1 << wrong % 8);
		forge_answer(w, &p, auth_wrong);
	}
}

static void nak_4953(struct world *w)
{
	static const uint32_t keys[] = {0, OUR_KEY};
	uint64_t origins[2];

	for (unsigned int o = right_origins(w, origins); o > 0; o--)
		for (unsigned int k = 0; k < 2; k++) {
			struct bytes p = tell(w, origins[o - 1]);

			add_nak(&p, keys[k]);
			forge_answer(w, &p, auth_wrong);
		}
}

static void mac_4955(struct world *w)
{
	static const size_t digests[] = {16, 20};
	uint64_t origins[2];

	for (unsigned int o = right_origins(w, origins); o > 0; o--)
		for (unsigned int d = 0; d < 2; d++)
			for (uint32_t key = OUR_KEY; key <= NOBODY; key += NOBODY - OUR_KEY) {
				struct bytes p = tell(w, origins[o - 1]);

				add_bad_mac(&p, key, digests[d]);
				forge_answer(w, &p, auth_wrong);
			}
}

/* All that the genuine peer said, from its first packet with an origin of zero on, once more; the
 * first of all at the end again. named: so many of the latest name packets that the victim still
 * knows. */
static void replay(struct world *w, unsigned int named)
{
	const struct record *r = w->recorded;

	for (unsigned int i = 0; i < r->count && r->count <= RECORDED; i++)
		forge_answer(w, &r->packet[i], i + named < r->count ? origin_wrong : "peer-stale");
	forge_answer(w, &r->packet[0], origin_wrong);
}

static void replay_7184(struct world *w)
{
	replay(w, 3); /* the latest of its four packets was not answered yet */
}

static void replay_7184_idle(struct world *w)
{
	replay(w, 4);
}

/* Origin zero, again and again. */
static void reset_7185(struct world *w)
{
	for (unsigned int i = 0; i < FLOOD; i++) {
		struct bytes p = tell(w, 0);

		write64(p.b + AT_XMT, i % 2 == 0 ? now_ntp() : random64() | 1);
		forge_answer(w, &p, w->keyed ? auth_wrong : origin_wrong);
	}
}

const struct attack attacks_key[] = {
	{"2015-1798", true, bare_1798, NULL, false},
	{"2015-1799", true, state_1799, state_1799, false},
	{"2015-1799-blind", false, state_1799_blind, state_1799_blind, false},
	{"2015-7871", false, nak_7871, nak_7871, false},
	{"2015-7871-client", true, nak_7871_client, NULL, false},
	{"2015-7974", true, other_key_7974, NULL, false},
	{"2015-8138-peer", false, zero_8138, zero_8138, false},
	{"2016-1547-peer", false, nak_1547, nak_1547, false},
	{"2016-1549", false, crowd_1549, NULL, false},
	{"2016-1550", true, guess_1550, NULL, false},
	{"2016-4953-key", true, nak_4953, NULL, false},
	{"2016-4955-key", true, mac_4955, NULL, false},
	{"2016-7431-peer", false, zero_8138, zero_8138, true},
	{"2018-7170", false, crowd_7170, NULL, false},
	{"2018-7184", true, replay_7184, replay_7184_idle, false},
	{"2018-7185", false, reset_7185, reset_7185, false},
	{0},
};
