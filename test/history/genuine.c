/* genuine: see genuine.h. */
#include "genuine.h"

#include <string.h>

#include "packets.h"

#define EPHEMERAL_PORTS 32768 /* Linux takes ports of clients from here on */

static struct bytes header(unsigned int mode)
{
	struct bytes p = {.n = HEADER};

	memcpy(p.b, (uint8_t[]){(uint8_t)(4 << 3 | mode), 1, 0, 0xe8}, 4);
	memcpy(p.b + 12, "GOOD", 4);
	write64(p.b + 16, now_ntp() & ~UINT64_C(0xffffffff));
	return p;
}

static void keep(struct genuine *g, const struct bytes *p)
{
	g->said.packet[g->said.count++ % RECORDED] = *p;
}

bool genuine_is_asked(const struct genuine *g, const uint8_t *data, size_t n, uint16_t port)
{
	unsigned int mode = data[0] & 7;

	if (n != (g->keyed ? HEADER + MAC_SIZE : HEADER))
		return false;
	if (g->victim == PEER || g->victim == EPHEMERAL)
		return port == NTP_PORT && mode == (g->victim == PEER ? 1 : 2);
	return port >= EPHEMERAL_PORTS && mode == 3;
}

/* RFC 9769 section 2, for one client. */
static struct bytes answer_client(struct genuine *g, const uint8_t *request, uint64_t receive)
{
	uint64_t asked = read64(request + AT_ORIGIN);
	bool interleaved = asked != 0 && asked == g->slot_receive;
	struct bytes p = header(4);
	uint64_t before;

	memcpy(p.b + AT_ORIGIN, request + (interleaved ? AT_RECEIVE : AT_XMT), 8);
	write64(p.b + AT_RECEIVE, receive);
	before = now_ntp() & ~UINT64_C(1);
	write64(p.b + AT_XMT, interleaved ? g->slot_transmit : before);
	g->answered_basic += !interleaved;
	g->slot_receive = receive;
	g->slot_transmit = before;
	return p;
}

/* A peer that takes a forged packet for one of ours names that, and is lost to us. */
static void check_name(struct genuine *g, uint64_t origin)
{
	const struct bytes *last = &g->said.packet[(g->said.count - 1) % RECORDED];

	if (g->said.count == 0 || read64(last->b + AT_ORIGIN) == 0)
		return;
	g->misnamed += origin != read64(last->b + AT_XMT) && origin != read64(last->b + AT_RECEIVE);
}

/* Section 3. It answers each packet of the victim once, so that it may always interleave. */
static struct bytes answer_peer(struct genuine *g, const uint8_t *request, uint64_t receive)
{
	bool interleaved = read64(request + AT_RECEIVE) != 0;
	struct bytes p = header(1);
	uint64_t before;

	check_name(g, read64(request + AT_ORIGIN));
	p.b[AT_POLL] = POLL_LOG2;
	memcpy(p.b + AT_ORIGIN, request + (interleaved ? AT_RECEIVE : AT_XMT), 8);
	write64(p.b + AT_RECEIVE, receive);
	before = now_ntp() & ~UINT64_C(1);
	write64(p.b + AT_XMT, interleaved ? g->slot_transmit : before);
	g->answered_basic += !interleaved;
	g->slot_transmit = before;
	return p;
}

struct bytes genuine_answer(struct genuine *g, const uint8_t *request, uint64_t received)
{
	bool symmetric = g->victim == PEER || g->victim == EPHEMERAL;
	struct bytes p = symmetric ? answer_peer(g, request, received | 1)
				   : answer_client(g, request, received | 1);

	if (g->keyed)
		sign(&p, OUR_KEY);
	if (symmetric)
		keep(g, &p);
	return p;
}

struct bytes genuine_first(struct genuine *g)
{
	struct bytes p = header(1);

	p.b[AT_POLL] = POLL_LOG2;
	g->slot_transmit = now_ntp() & ~UINT64_C(1);
	write64(p.b + AT_XMT, g->slot_transmit);
	if (g->keyed)
		sign(&p, OUR_KEY);
	keep(g, &p);
	return p;
}

/* Section 4. */
struct bytes genuine_broadcast(struct genuine *g)
{
	struct bytes p = header(5);

	p.b[AT_POLL] = POLL_LOG2;
	write64(p.b + AT_ORIGIN, g->basic ? 0 : g->sent);
	g->sent = now_ntp();
	write64(p.b + AT_XMT, g->sent);
	if (g->keyed)
		sign(&p, OUR_KEY);
	keep(g, &p);
	return p;
}
