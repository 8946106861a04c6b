/*
 * attacks: the packets, one function an attack; the files named by the attacks say more.
 * It must never look at a cookie in an attack that is off path (stage.c shows it none).
 */
#include <string.h>

#include "attacks.h"
#include "packets.h"

#define FLOOD	100
#define GUESSES 64
#define SPOOFED 50

static const char origin_wrong[] = "origin";
static const char interface_wrong[] = "wrong-interface";
static const char not_request[] = "request-mode";

static struct bytes nak(uint64_t origin)
{
	struct bytes p = lie(origin);

	add_nak(&p, 0);
	return p;
}

static struct bytes with_mac(uint64_t origin, size_t digest)
{
	struct bytes p = lie(origin);

	add_bad_mac(&p, OUR_KEY, digest);
	return p;
}

static uint64_t cookie_tx(const struct world *w)
{
	return read64(w->request + AT_XMT);
}

static uint64_t cookie_rx(const struct world *w)
{
	return read64(w->request + AT_RECEIVE);
}

/* A request that asks for an interleaved answer. */
static struct bytes interleaved_request(uint64_t origin)
{
	struct bytes p = {.b = {4 << 3 | 3}, .n = HEADER};

	write64(p.b + AT_ORIGIN, origin);
	write64(p.b + AT_RECEIVE, random64() | 1);
	write64(p.b + AT_XMT, random64() & ~UINT64_C(1));
	return p;
}

static void to_victims_server(struct world *w, const char *from, const struct bytes *p,
			      const char *reason)
{
	forge(w,
	      &(struct packet){.from = from,
			       .to = VICTIM,
			       .from_port = NTP_PORT,
			       .to_port = NTP_PORT,
			       .reason = reason},
	      p);
}

static void walk_1548(struct world *w)
{
	struct bytes p;

	ask_leak(w);
	p = lie(w->leak); /* the pivot: origin = what the victim leaked, everything else fresh */
	write64(p.b + AT_XMT, random64());
	forge_answer(w, &p, origin_wrong);
	p = lie(w->leak); /* the shift; where the pivot worked, the next one moves the clock */
	forge_answer(w, &p, origin_wrong);
	p = lie(w->leak); /* the victim's own stamp still 0: the receive field is the shift */
	write64(p.b + AT_RECEIVE, SHIFT);
	forge_answer(w, &p, origin_wrong);
	p = lie(w->last_receive);
	forge_answer(w, &p, origin_wrong);
	p = lie(w->last_transmit);
	forge_answer(w, &p, origin_wrong);
}

static void walk_1548_idle(struct world *w)
{
	struct bytes p = lie(w->leak);

	forge_answer(w, &p, NULL);
	to_victims_server(w, GENUINE, &p, not_request);
}

static void kiss_7704(struct world *w)
{
	static const char *const codes[] = {"RATE", "DENY", "RSTR"};
	uint64_t origins[4];

	ask_leak(w);
	origins[0] = 0;
	origins[1] = random64();
	origins[2] = w->leak;
	origins[3] = w->last_receive;
	for (unsigned int c = 0; c < 3; c++)
		for (unsigned int o = 0; o < 4; o++) {
			struct bytes p = kiss(origins[o], codes[c]);

			forge_answer(w, &p, origin_wrong);
		}
}

static void kiss_7704_idle(struct world *w)
{
	struct bytes p = kiss(0, "RATE");

	forge_answer(w, &p, NULL);
	to_victims_server(w, GENUINE, &p, not_request);
}

static void zero_8138(struct world *w)
{
	struct bytes p = lie(0);

	forge_answer(w, &p, origin_wrong);
}

static void zero_8138_idle(struct world *w)
{
	struct bytes p = lie(0);

	for (unsigned int i = 0; i < 3; i++) {
		forge_answer(w, &p, NULL);
		to_victims_server(w, GENUINE, &p, not_request);
	}
}

static void ask_8139(struct world *w)
{
	uint8_t reply[HEADER];
	uint8_t query[HEADER] = {0};

	for (unsigned int version = 1; version <= 4; version++) {
		query[0] = (uint8_t)(version << 3 | 3);
		write64(query + AT_XMT, random64());
		if (ask_victim(w, query, sizeof query, reply))
			search_secrets(reply);
	}
	/* control (6: read status, read variables) and private (7: peer list, system info) */
	for (unsigned int mode = 6; mode <= 7; mode++)
		for (unsigned int code = 0; code < 4; code++) {
			struct bytes p = {.b = {0}, .n = HEADER};

			set_mode(&p, 2, mode);
			p.b[1] = (uint8_t)code;
			to_victims_server(w, ATTACKER, &p, not_request);
			p.n = 12;
			to_victims_server(w, ATTACKER, &p, "packet-short");
		}
	ask_leak(w); /* what ever they would have been answered has come by now */
}

static void nak_1547(struct world *w)
{
	uint64_t origins[4];

	ask_leak(w);
	origins[0] = 0;
	origins[1] = random64();
	origins[2] = w->leak;
	origins[3] = w->last_transmit;
	for (unsigned int o = 0; o < 4; o++) {
		struct bytes p = nak(origins[o]);

		forge_answer(w, &p, origin_wrong);
	}
}

static void modes_2518(struct world *w)
{
	for (unsigned int version = 0; version < 8; version++)
		for (unsigned int mode = 0; mode < 8; mode++) {
			bool known = version >= 1 && version <= 4;
			struct bytes p = lie(random64());

			set_mode(&p, version, mode);
			forge_answer(w, &p,
				     !known	 ? "packet-version"
				     : mode == 4 ? origin_wrong
						 : "mode");
			if ((mode == 1 || mode == 3) && known)
				continue; /* a request: it may be answered */
			to_victims_server(w, GENUINE, &p, known ? not_request : "packet-version");
		}
}

static void nak_4953(struct world *w)
{
	struct bytes p = nak(cookie_tx(w));

	forge_answer(w, &p, "auth");
	if (cookie_rx(w) == 0)
		return;
	p = nak(cookie_rx(w));
	forge_answer(w, &p, "auth");
}

/* Right origin, and something wrong that is found after it: nothing of it may stay behind. */
static void ahead_4954(struct world *w)
{
	struct bytes hostile = lie(cookie_tx(w));
	struct bytes p;

	hostile.b[0] |= 1 << 6; /* a leap second is coming */
	hostile.b[1] = 14;
	hostile.b[2] = 17;
	hostile.b[9] = 8;
	for (unsigned int mode = 0; mode < 8; mode++) {
		if (mode == 4)
			continue;
		p = hostile;
		p.b[0] = (uint8_t)((p.b[0] & 0xf8) | mode);
		forge_answer(w, &p, "mode");
	}
	p = hostile;
	write64(p.b + AT_RECEIVE, 0);
	forge_answer(w, &p, "zero-stamp");
	p = hostile;
	write64(p.b + AT_XMT, 0);
	forge_answer(w, &p, "zero-stamp");
	p = hostile;
	p.b[0] = 1 << 6 | 5 << 3 | 4;
	forge_answer(w, &p, "packet-version");
	p = hostile;
	p.n = HEADER - 1;
	forge_answer(w, &p, "packet-short");
	p = hostile;
	p.n = HEADER + 8;
	forge_answer(w, &p, "packet-trailer");
	ask_leak(w);
	/* Now and then one that is the answer as far as anybody can tell, of a server that cannot
	 * be used: it costs this one sample, and nothing else. */
	if (w->turn % 8 != 3)
		return;
	p = hostile;
	p.b[0] = 3 << 6 | 4 << 3 | 4;
	p.b[1] = 16;
	forge_answer(w, &p, "unsynchronised");
	w->taken++;
}

static void mac_4955(struct world *w)
{
	static const size_t digests[] = {16, 20};
	struct bytes p = nak(cookie_tx(w));

	forge_answer(w, &p, "auth");
	for (unsigned int i = 0; i < 2; i++) {
		p = with_mac(cookie_tx(w), digests[i]);
		forge_answer(w, &p, "auth");
		if (cookie_rx(w) == 0)
			continue;
		p = with_mac(cookie_rx(w), digests[i]);
		forge_answer(w, &p, "auth");
	}
}

/* A crypto-NAK for whom there is no association, and of each mode. */
static void nak_4957(struct world *w)
{
	static const char *const from[] = {ATTACKER, NEIGHBOUR, GENUINE};

	for (unsigned int mode = 0; mode < 8; mode++) {
		struct bytes p = nak(random64());

		set_mode(&p, 4, mode);
		forge_answer(w, &p, mode == 4 ? origin_wrong : "mode");
		for (unsigned int i = 0; i < 3; i++)
			to_victims_server(w, from[i], &p,
					  mode == 1 || mode == 3 ? "request-auth" : not_request);
	}
}

static void flood_7426(struct world *w)
{
	for (unsigned int i = 0; i < FLOOD; i++) {
		struct bytes p = lie(random64());

		forge_answer(w, &p, origin_wrong);
	}
}

static void flood_7426_idle(struct world *w)
{
	for (unsigned int i = 0; i < FLOOD; i++) {
		struct bytes p = lie(random64());

		to_victims_server(w, GENUINE, &p, not_request);
	}
}

static void interface_7429(struct world *w)
{
	struct packet to = {.from = GENUINE,
			    .to = OTHER_VICTIM,
			    .from_port = NTP_PORT,
			    .to_port = w->port,
			    .link = OTHER_LINK};
	struct bytes p = lie(cookie_tx(w));

	/* the true origin, at another address of the victim: no socket is there */
	forge(w, &to, &p);
	to.to_port = NTP_PORT;
	to.reason = not_request;
	forge(w, &to, &p);
	/* the right address, by the wrong wire: with all that the true answer has but its time, and
	 * without the origin */
	to.to = VICTIM;
	to.to_port = w->port;
	to.reason = interface_wrong;
	forge(w, &to, &p);
	p = lie(random64());
	forge(w, &to, &p);
}

static void zero_7431(struct world *w)
{
	static const uint8_t strata[] = {0, 1, 2, 15, 16};

	for (unsigned int i = 0; i < sizeof strata; i++) {
		struct bytes p = lie(0);

		p.b[1] = strata[i];
		forge_answer(w, &p, origin_wrong);
	}
	for (unsigned int version = 1; version <= 4; version++) {
		struct bytes p = lie(0);

		set_mode(&p, version, 4);
		write64(p.b + AT_RECEIVE, 0);
		forge_answer(w, &p, origin_wrong);
	}
}

static void zero_9042(struct world *w)
{
	struct bytes p = lie(0);

	forge_answer(w, &p, origin_wrong);
	memset(p.b + 16, 0, 32);
	forge_answer(w, &p, origin_wrong);
}

static void poll_11868(struct world *w)
{
	static const uint8_t polls[] = {17, 127, 128, 255};

	for (unsigned int i = 0; i < sizeof polls; i++) {
		struct bytes p = lie(i % 2 == 0 ? random64() : w->last_receive);

		p.b[2] = polls[i];
		p.b[1] = (uint8_t)(i % 3);
		memset(p.b + 8, 0x7f, 4);
		forge_answer(w, &p, origin_wrong);
	}
}

/* The victim's clock is known (it serves it): stamps of the last half millisecond, and as classic
 * daemons would write them. */
static void predict_13817(struct world *w)
{
	uint64_t now;

	note_prediction();
	ask_leak(w);
	now = now_ntp();
	for (uint64_t i = 0; i < GUESSES; i++) {
		struct bytes p = lie(now - (i << 15));

		forge_answer(w, &p, origin_wrong);
	}
}

static void spoof_7705(struct world *w)
{
	for (unsigned int i = 0; i < SPOOFED; i++) {
		struct bytes p = {.b = {4 << 3 | 3, 0, 4}, .n = HEADER};

		write64(p.b + AT_XMT, random64());
		forge(w,
		      &(struct packet){.from = VICTIM,
				       .to = GENUINE,
				       .from_port = (uint16_t)(20000 + i),
				       .to_port = NTP_PORT,
				       .reason = "ok"},
		      &p);
	}
}

/* Mode 1 is answered, with mode 2, which nobody answers: there each causes one packet, and no more.
 */
static void loop(struct world *w)
{
	struct packet there = {.from = VICTIM,
			       .to = GENUINE,
			       .from_port = NTP_PORT,
			       .to_port = NTP_PORT,
			       .reason = not_request};
	struct packet back = there;

	back.from = GENUINE;
	back.to = VICTIM;
	back.aimed_at = BYSTANDER;
	for (unsigned int version = 1; version <= 4; version++)
		for (unsigned int mode = 0; mode < 8; mode++) {
			struct bytes p = lie(random64());

			if (mode == 3)
				continue;
			set_mode(&p, version, mode);
			there.reason = back.reason = mode == 1 ? NULL : not_request;
			forge(w, &there, &p);
			forge(w, &back, &p);
			if (mode == 1) {
				expect_reason(TARGET, not_request);
				expect_reason(BYSTANDER, not_request);
			}
		}
}

/* One honest request from port 123 to port 123: its answer is the only thing that it causes. */
static void loop_request(struct world *w)
{
	struct bytes p = {.b = {4 << 3 | 3}, .n = HEADER};

	write64(p.b + AT_XMT, random64());
	forge(w,
	      &(struct packet){.from = VICTIM,
			       .to = GENUINE,
			       .from_port = NTP_PORT,
			       .to_port = NTP_PORT,
			       .reason = "ok"},
	      &p);
	expect_reason(BYSTANDER, not_request);
}

static void steal(struct world *w, const char *from)
{
	struct bytes p = interleaved_request(read64(w->answer + AT_RECEIVE));

	forge(w,
	      &(struct packet){.from = from,
			       .to = GENUINE,
			       .from_port = 4321,
			       .to_port = NTP_PORT,
			       .reason = "ok"},
	      &p);
}

static void theft(struct world *w)
{
	steal(w, "203.0.113.9");
}

static void theft_neighbour(struct world *w)
{
	steal(w, NEIGHBOUR);
}

static void flush(struct world *w, const char *from)
{
	struct bytes p = interleaved_request(random64() | 1);

	forge(w,
	      &(struct packet){.from = from,
			       .to = GENUINE,
			       .from_port = 4321,
			       .to_port = NTP_PORT,
			       .reason = "ok"},
	      &p);
}

/* Two prefixes by turns: one may share the victim's class (1 in 1024), hardly both. */
static void flush_prefix(struct world *w)
{
	for (unsigned int i = 0; i < FLOOD; i++)
		flush(w, w->turn % 2 == 0 ? "203.0.113.9" : "198.51.100.9");
}

static void flush_all(struct world *w)
{
	for (unsigned int i = 0; i < FLOOD * 2; i++) {
		uint64_t r = random64();
		char from[16] = "100.";
		char *at = from + 4;

		for (unsigned int k = 0; k < 3; k++) {
			unsigned int part = 10 + (unsigned int)(r >> (8 * k) & 0xff) % 90;

			*at++ = (char)('0' + part / 10);
			*at++ = (char)('0' + part % 10);
			*at++ = k < 2 ? '.' : '\0';
		}
		flush(w, from);
	}
}

static const struct attack attacks[] = {
	{"2015-7704", false, kiss_7704, kiss_7704_idle, false},
	{"2015-7705", false, spoof_7705, NULL, false},
	{"2015-8138", false, zero_8138, zero_8138_idle, false},
	{"2015-8139", false, ask_8139, NULL, false},
	{"2016-1547", false, nak_1547, NULL, false},
	{"2016-1548", false, walk_1548, walk_1548_idle, false},
	{"2016-2518", false, modes_2518, NULL, false},
	{"2016-4953", true, nak_4953, NULL, false},
	{"2016-4954", true, ahead_4954, NULL, false},
	{"2016-4955", true, mac_4955, NULL, false},
	{"2016-4957", false, nak_4957, NULL, false},
	{"2016-7426", false, flood_7426, flood_7426_idle, false},
	{"2016-7429", true, interface_7429, NULL, false},
	{"2016-7431", false, zero_7431, NULL, false},
	{"2016-9042", false, zero_9042, NULL, false},
	{"2020-11868", false, poll_11868, NULL, false},
	{"2020-13817", false, predict_13817, NULL, false},
	{"loop", false, loop, NULL, false},
	{"loop-request", false, loop_request, NULL, false},
	{"theft", true, theft, NULL, false},
	{"theft-neighbour", true, theft_neighbour, NULL, false},
	{"flush-prefix", false, flush_prefix, NULL, false},
	{"flush-all", false, flush_all, NULL, false},
	{0},
};

const struct attack *find_attack(const char *name)
{
	const struct attack *const lists[] = {attacks, attacks_key, attacks_many};

	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
		for (const struct attack *a = lists[i]; a->name != NULL; a++)
			if (strcmp(a->name, name) == 0)
				return a;
	return NULL;
}
