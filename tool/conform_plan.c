/* conform_plan: which packets are sent, in which order, and what later ones take from earlier
 * answers. It must never send more than DS_CONFORM_SHOTS, nor go on against a kiss-o'-death. */
#include <string.h>

#include "tool/conform.h"

#define CHAIN_LENGTH	 5 /* a server that saves on demand interleaves in the third */
#define SAME_PORT_LENGTH 4
#define TRIES		 3 /* before nobody is taken to be there */
#define RETRIES		 12
#define EXTENSION_TYPE	 0xf5a5 /* RFC 7822 section 3; 0xf000 and above: experiments */
#define EXTENSION_SIZE	 32
#define CONTROL_SIZE	 12   /* RFC 9327 section 2: no data */
#define CONTROL_READ	 0x02 /* operation: read variables */

struct run {
	struct ds_conform *c;
	const struct ds_conform_io *io;
	int last; /* the shot whose answer we took last; -1: none */
	int retries;
	bool over;
};

void ds_conform_heard(struct ds_shot *shot, const uint8_t *data, size_t length, int64_t now_ns)
{
	uint8_t header[DS_WIRE_HEADER_SIZE];
	struct ds_frame frame;

	if (shot->answers++ == 0)
		shot->came_ns = now_ns;
	if (length > shot->answer_length)
		shot->answer_length = length;
	if (shot->has_answer || length < sizeof(header))
		return;
	/* The version is to be judged here: the parser would refuse some. */
	memcpy(header, data, sizeof(header));
	header[0] = (uint8_t)((header[0] & 0xc7) | 4 << 3);
	if (ds_wire_read(header, sizeof(header), &frame) != DS_R_OK)
		return;
	shot->answer = frame.packet;
	shot->answer.version = data[0] >> 3 & 7;
	shot->has_answer = true;
}

static uint32_t kiss_code(const struct ds_shot *shot)
{
	static const char codes[][5] = {"RATE", "DENY", "RSTR"};

	/* Anyone can send one (RFC 5905 section 7.4): only an answer to what was asked counts. */
	if (!shot->has_answer || shot->answer.stratum != 0 ||
	    (shot->answer.origin != shot->asked.transmit &&
	     shot->answer.origin != shot->asked.receive))
		return 0;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const uint8_t *b = (const uint8_t *)codes[i];
		uint32_t code =
			(uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
		if (shot->answer.ref_id == code)
			return code;
	}
	return 0;
}

bool ds_conform_usable(const struct ds_shot *shot)
{
	return shot->kind <= DS_SHOT_EXTENSION && shot->has_answer && kiss_code(shot) == 0;
}

/* Send one; its index, or -1 where the run is over. */
static int fire(struct run *r, const struct ds_shot *shot)
{
	struct ds_conform *c = r->c;

	if (r->over || c->count == DS_CONFORM_SHOTS)
		return -1;
	struct ds_shot *sent = &c->shots[c->count];
	*sent = *shot;
	r->io->exchange(r->io->context, sent, shot->kind == DS_SHOT_SAME_PORT);
	c->kiss_code = kiss_code(sent);
	r->over = c->kiss_code != 0;
	return c->count++;
}

/* A request that an answer is expected to: once more if none came. */
static int fire_twice(struct run *r, const struct ds_shot *shot)
{
	int i = fire(r, shot);

	if (i < 0 || r->c->shots[i].answers > 0 || r->retries == RETRIES)
		return i;
	r->retries++;
	return fire(r, shot);
}

static uint64_t cookie(struct run *r)
{
	uint64_t word = r->io->random(r->io->context);

	return word != 0 ? word : 1;
}

static struct ds_shot request(struct run *r, enum ds_shot_kind kind, uint8_t version, uint8_t mode)
{
	struct ds_shot shot = {.kind = kind, .length = DS_WIRE_HEADER_SIZE, .named = -1};

	shot.asked = (struct ds_packet){.version = version,
					.mode = mode,
					.poll_log2 = 6,
					.precision_log2 = 32, /* RFC 9769 section 6 */
					.transmit = cookie(r)};
	return shot;
}

static void write_request(struct ds_shot *shot)
{
	ds_wire_write(&shot->asked, shot->request);
}

/* May the receive field of shot i's answer be named? Zero is no name. */
static bool can_be_named(const struct run *r, int i)
{
	return i >= 0 && ds_conform_usable(&r->c->shots[i]) && r->c->shots[i].answer.receive != 0;
}

/* The answer of shot i is taken as a client would. */
static void take(struct run *r, int i)
{
	if (can_be_named(r, i))
		r->last = i;
}

static void basic(struct run *r, enum ds_shot_kind kind, uint8_t version, int8_t poll_log2)
{
	struct ds_shot shot = request(r, kind, version, DS_MODE_CLIENT);

	shot.asked.poll_log2 = poll_log2;
	write_request(&shot);
	int i = kind == DS_SHOT_BASIC ? fire_twice(r, &shot) : fire(r, &shot);
	if (kind == DS_SHOT_BASIC)
		take(r, i);
}

/* A request that names the receive field of shot `named`, or (-1) `origin`. Its index. */
static int interleaved(struct run *r, enum ds_shot_kind kind, int named, uint64_t origin)
{
	struct ds_shot shot = request(r, kind, 4, DS_MODE_CLIENT);

	shot.named = named;
	shot.asked.origin = named >= 0 ? r->c->shots[named].answer.receive : origin;
	shot.asked.receive = kind == DS_SHOT_ALIKE ? shot.asked.transmit : cookie(r);
	write_request(&shot);
	return fire_twice(r, &shot);
}

static void chain(struct run *r, enum ds_shot_kind kind, int length)
{
	for (int i = 0; i < length && r->last >= 0; i++)
		take(r, interleaved(r, kind, r->last, 0));
}

/* The last answer that we took, if it was interleaved; else -1. */
static int last_interleaved(const struct run *r)
{
	return r->last >= 0 && ds_conform_interleaved(r->c, r->last) ? r->last : -1;
}

static void reuse(struct run *r)
{
	int i = last_interleaved(r);

	if (i >= 0)
		take(r, interleaved(r, DS_SHOT_REUSE, r->c->shots[i].named, 0));
}

static void replay(struct run *r)
{
	int i = last_interleaved(r);

	if (i < 0)
		return;
	struct ds_shot shot = {.kind = DS_SHOT_REPLAY, .named = r->c->shots[i].named};
	shot.asked = r->c->shots[i].asked;
	shot.length = r->c->shots[i].length;
	memcpy(shot.request, r->c->shots[i].request, sizeof(shot.request));
	take(r, fire(r, &shot));
}

static void lose_an_answer(struct run *r)
{
	int named = r->last;

	if (named < 0)
		return;
	interleaved(r, DS_SHOT_LOST, named, 0);
	take(r, interleaved(r, DS_SHOT_AFTER_LOSS, named, 0));
	chain(r, DS_SHOT_CHAIN, 1);
}

/* What RFC 9769 section 2 asks of a server. */
static void ask_interleaved(struct run *r)
{
	basic(r, DS_SHOT_BASIC, 4, 6);
	chain(r, DS_SHOT_CHAIN, CHAIN_LENGTH);
	reuse(r);
	chain(r, DS_SHOT_CHAIN, 1);
	replay(r);
	chain(r, DS_SHOT_CHAIN, 1);
	if (r->last >= 0)
		take(r, interleaved(r, DS_SHOT_ALIKE, r->last, 0));
	/* Servers may mark their receive fields in the lowest bit (section 2): one with, one
	 * without. The first one's answer is the old one of later. */
	int old = interleaved(r, DS_SHOT_UNKNOWN, -1, cookie(r) | 1);
	take(r, interleaved(r, DS_SHOT_UNKNOWN, -1, (cookie(r) | 2) & ~UINT64_C(1)));
	chain(r, DS_SHOT_CHAIN, 1);
	lose_an_answer(r);
	if (can_be_named(r, old))
		interleaved(r, DS_SHOT_OLD, old, 0);
}

/* Was any usable answer heard, or (interleaved) one of those? */
static bool any(const struct ds_conform *c, bool interleaved_only)
{
	for (int i = 0; i < c->count; i++)
		if (ds_conform_usable(&c->shots[i]) &&
		    (!interleaved_only || ds_conform_interleaved(c, i)))
			return true;
	return false;
}

static void ask_extension(struct run *r)
{
	struct ds_shot shot = request(r, DS_SHOT_EXTENSION, 4, DS_MODE_CLIENT);
	uint8_t *field = shot.request + DS_WIRE_HEADER_SIZE;

	write_request(&shot);
	field[0] = EXTENSION_TYPE >> 8;
	field[1] = EXTENSION_TYPE & 0xff;
	field[3] = EXTENSION_SIZE;
	shot.length += EXTENSION_SIZE;
	fire(r, &shot);
}

static void ask_short(struct run *r)
{
	struct ds_shot shot = request(r, DS_SHOT_SHORT, 4, DS_MODE_CLIENT);

	write_request(&shot);
	shot.length--;
	fire(r, &shot);
}

static void ask_mode(struct run *r, enum ds_shot_kind kind, enum ds_mode mode)
{
	struct ds_shot shot = request(r, kind, 4, (uint8_t)mode);

	/* Otherwise a packet that a server of stratum 1 could have sent. */
	shot.asked.stratum = 1;
	write_request(&shot);
	if (mode == DS_MODE_CONTROL) {
		memset(shot.request, 0, sizeof(shot.request));
		shot.request[0] = 4 << 3 | DS_MODE_CONTROL;
		shot.request[1] = CONTROL_READ;
		shot.request[3] = 1; /* sequence */
		shot.length = CONTROL_SIZE;
	}
	fire(r, &shot);
}

void ds_conform_ask(struct ds_conform *c, const struct ds_conform_io *io)
{
	struct run r = {.c = c, .io = io, .last = -1};

	c->count = 0;
	c->kiss_code = 0;
	for (int i = 0; i < TRIES && !any(c, false); i++)
		basic(&r, DS_SHOT_BASIC, 4, 10);
	if (!any(c, false))
		return;
	basic(&r, DS_SHOT_VERSION3, 3, 6);
	basic(&r, DS_SHOT_VERSION2, 2, 6);
	basic(&r, DS_SHOT_VERSION1, 1, 6);
	ask_interleaved(&r);
	if (!any(c, true))
		chain(&r, DS_SHOT_SAME_PORT, SAME_PORT_LENGTH);
	ask_extension(&r);
	ask_short(&r);
	ask_mode(&r, DS_SHOT_MODE0, DS_MODE_RESERVED);
	ask_mode(&r, DS_SHOT_MODE1, DS_MODE_ACTIVE);
	ask_mode(&r, DS_SHOT_MODE2, DS_MODE_PASSIVE);
	ask_mode(&r, DS_SHOT_MODE4, DS_MODE_SERVER);
	ask_mode(&r, DS_SHOT_MODE5, DS_MODE_BROADCAST);
	ask_mode(&r, DS_SHOT_MODE6, DS_MODE_CONTROL);
	ask_mode(&r, DS_SHOT_MODE7, DS_MODE_PRIVATE);
	basic(&r, DS_SHOT_BASIC, 4, 6); /* still there? */
}
