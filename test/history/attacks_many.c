/*
 * attacks_many: attacks on a listener to broadcasts: before each of them, and on the requests by
 * which it measures the way.
 * It must never look at a packet of the path in an attack that is off path.
 */
#include <string.h>

#include "attacks.h"
#include "packets.h"

static const char auth_wrong[] = "auth";
static const char disagrees[] = "broadcast-disagrees";

#define HOUR (UINT64_C(3600) << 32)

static void shout_from(struct world *w, const char *from, const struct bytes *p, const char *reason)
{
	forge(w,
	      &(struct packet){.from = from,
			       .to = EVERYBODY,
			       .from_port = NTP_PORT,
			       .to_port = NTP_PORT,
			       .reason = reason},
	      p);
}

/* To everybody, in the genuine host's name. */
static void shout(struct world *w, const struct bytes *p, const char *reason)
{
	shout_from(w, GENUINE, p, reason);
}

/* A broadcast that is true but for what is done to it, or that is so much ahead. */
static struct bytes broadcast(uint64_t origin, uint64_t ahead)
{
	struct bytes p = plausible(origin);

	set_mode(&p, 4, 5);
	write64(p.b + AT_RECEIVE, 0);
	write64(p.b + AT_XMT, now_ntp() + ahead);
	return p;
}

/* In each way in which a MAC can be missing. */
static void unsigned_ones(struct world *w, const struct bytes *p)
{
	struct bytes q = *p;

	shout(w, &q, auth_wrong);
	add_nak(&q, OUR_KEY);
	shout(w, &q, auth_wrong);
	q = *p;
	add_bad_mac(&q, OUR_KEY, MAC_SIZE - KEY_ID);
	shout(w, &q, auth_wrong);
}

/* To the port of the request by which the way is measured: a broadcast is no answer, and an answer
 * needs its origin. */
static void calibration(struct world *w)
{
	struct bytes p = broadcast(random64(), 0);

	forge_answer(w, &p, "mode");
	p = broadcast(0, SHIFT);
	forge_answer(w, &p, "mode");
	p = lie(w->last_transmit);
	forge_answer(w, &p, "origin");
	p = lie(0);
	forge_answer(w, &p, "origin");
	p = lie(random64());
	add_nak(&p, OUR_KEY);
	forge_answer(w, &p, "origin");
}

/* The pivot: origin not zero. Whatever it is, it is not what the broadcast before had. Whoever has
 * no key cannot tell one that is sent at the right time from a true one; that is sent with an
 * origin which can be near no broadcast. */
static void pivot_4956(struct world *w)
{
	uint64_t origins[4] = {random64(), 0, w->last_receive, now_ntp() - HOUR};

	ask_leak(w);
	origins[1] = w->leak;
	for (unsigned int o = 0; o < 4; o++) {
		struct bytes p = broadcast(origins[o], 0);

		if (w->keyed) {
			unsigned_ones(w, &p);
		} else if (o == w->turn % 2 * 3) {
			shout(w, &p, "broadcast-first");
		}
		p = broadcast(origins[o], SHIFT);
		if (w->keyed)
			unsigned_ones(w, &p);
		else
			shout(w, &p, disagrees);
	}
}

/* Recorded broadcasts: of late, of an hour ago, of a time when the server's clock was an hour
 * ahead; and the last one in somebody else's name. */
static void replay_7973(struct world *w)
{
	const struct record *r = w->recorded;
	unsigned int count = r->count < RECORDED ? r->count : RECORDED;
	struct bytes p;

	for (unsigned int i = 0; i < count; i++)
		shout(w, &r->packet[(r->count - count + i) % RECORDED], "broadcast-stale");
	p = broadcast(0, -HOUR);
	sign(&p, OUR_KEY);
	shout(w, &p, "broadcast-stale");
	p = broadcast(0, HOUR);
	sign(&p, OUR_KEY);
	shout(w, &p, disagrees);
	p = r->packet[(r->count - 1) % RECORDED];
	shout_from(w, ATTACKER, &p, "broadcast-foreign");
	shout_from(w, NEIGHBOUR, &p, "broadcast-foreign");
	forge_answer(w, &p, NULL); /* to this host alone */
	expect_reason(TARGET, "broadcast-foreign");
}

static void replay_7973_calibration(struct world *w)
{
	const struct record *r = w->recorded;

	forge_answer(w, &r->packet[(r->count - 1) % RECORDED], "mode");
}

static void other_key_7974(struct world *w)
{
	struct bytes p = broadcast(w->last_transmit, 0);

	sign(&p, OTHER_KEY);
	shout(w, &p, auth_wrong);
	p = broadcast(w->last_transmit, 0);
	sign_as(&p, OTHER_KEY, OUR_KEY);
	shout(w, &p, auth_wrong);
	p = broadcast(w->last_transmit, 0);
	sign_as(&p, OUR_KEY, OTHER_KEY);
	shout(w, &p, auth_wrong);
}

static void other_key_7974_calibration(struct world *w)
{
	uint64_t origins[2] = {read64(w->request + AT_XMT), read64(w->request + AT_RECEIVE)};

	for (unsigned int o = 0; o < 2 && origins[o] != 0; o++) {
		struct bytes p = lie(origins[o]);

		sign(&p, OTHER_KEY);
		forge_answer(w, &p, auth_wrong);
		p = lie(origins[o]);
		sign_as(&p, OTHER_KEY, OUR_KEY);
		forge_answer(w, &p, auth_wrong);
	}
}

/* Bad MACs, crypto-NAKs and none, at the right time and half a second off. */
static void mac_7979(struct world *w)
{
	struct bytes p = broadcast(w->last_transmit, 0);

	unsigned_ones(w, &p);
	p = broadcast(0, 0);
	unsigned_ones(w, &p);
	p = broadcast(0, SHIFT);
	unsigned_ones(w, &p);
}

/* Later than the next genuine one will be: whoever remembers this refuses that. */
static void window_7427(struct world *w)
{
	static const uint64_t ahead[] = {SHIFT, HOUR, 24 * HOUR, UINT64_C(0x7ffffff0) << 32};

	for (unsigned int i = 0; i < 4; i++) {
		struct bytes p = broadcast(i % 2 == 0 ? 0 : w->last_transmit, ahead[i]);

		if (w->keyed)
			unsigned_ones(w, &p);
		else
			shout(w, &p, disagrees);
	}
}

/* Just before the genuine one, which comes too early then; and of every interval. */
static void interval_7428(struct world *w)
{
	static const uint8_t polls[] = {0, 6, 17, 127, 128, 255};

	for (unsigned int i = 0; i < sizeof polls; i++) {
		struct bytes p = broadcast(0, SHIFT);

		p.b[AT_POLL] = polls[i];
		if (w->keyed)
			unsigned_ones(w, &p);
		else
			shout(w, &p, disagrees);
	}
}

/* From the victim's start on: broadcasts before each genuine one, and answers and broadcasts to
 * each request by which the way is measured. Before it is, any broadcast is too early. */
static void flood(struct world *w)
{
	for (unsigned int i = 0; i < 10; i++) {
		struct bytes p = broadcast(i % 2 == 0 ? 0 : random64(), SHIFT + i);

		if (w->keyed)
			unsigned_ones(w, &p);
		else
			shout(w, &p, disagrees);
	}
}

const struct attack attacks_many[] = {
	{"2015-7973", true, replay_7973_calibration, replay_7973, false},
	{"2015-7974-many", true, other_key_7974_calibration, other_key_7974, false},
	{"2015-7979", false, calibration, mac_7979, false},
	{"2016-4956", false, calibration, pivot_4956, false},
	{"2016-7427", false, calibration, window_7427, false},
	{"2016-7428", false, calibration, interval_7428, false},
	{"broadcast-flood", false, calibration, flood, true},
	{0},
};
