/*
 * Any sequence of events at two peers: sends, stamps, packets lost, doubled, changed and forged,
 * restarts. What is refused leaves every byte of the association alone, but for the restart pair
 * (exchange.md S1, S13); a packet is valid exactly where peer.h says so, and once; an exchange has
 * the stamps of the packets that it is of; interleaved packets keep the three rules of RFC 9769
 * section 3. With honest hosts, whatever the path does, no exchange is wrong by more than half its
 * delay (S6).
 */
#include "core/exchange/peer.h"

#include "fuzz/input.h"

#define POOL	 16   /* packets on the way, each as often as it likes */
#define MOST	 512  /* packets of one side */
#define GUESS_NS 1000 /* the transmit field of an honest basic packet is wrong by less */

struct own {
	ds_ntp64 transmit;
	ds_ntp64 receive;
	int64_t left_ns;       /* true time */
	struct ds_tx_stamp t1; /* the best that was taken in; source NONE: it was found wrong */
};

struct side {
	struct ds_peer peer;
	bool keyed;
	bool wanted;
	bool passive;
	uint8_t version;
	int64_t clock_minus_true_ns;
	int64_t raw_minus_true_ns;
	uint32_t id;
	/* What we know of it since it began. */
	struct own own[MOST];
	uint32_t count;
	bool anew; /* its latest named the restart pair */
	/* Its last valid packet. */
	bool heard;
	bool heard_interleaved;
	uint32_t heard_named;
	struct ds_packet last;
	struct ds_rx_stamp last_rx;
	struct ds_tx_stamp last_t1; /* of the packet that it named */
	uint32_t since;		    /* sent since then */
	uint32_t between;	    /* sent to the one that it answered last */
	ds_ntp64 restart;
};

struct world {
	struct side side[2];
	bool honest;
	int64_t now_ns; /* true time */
	struct {
		uint8_t bytes[DS_WIRE_HEADER_SIZE];
		unsigned int from;
	} pool[POOL];
	unsigned int packets;
};

static int64_t clock_of(const struct side *s, int64_t true_ns)
{
	return sum(true_ns, s->clock_minus_true_ns);
}

static int64_t raw_of(const struct side *s, int64_t true_ns)
{
	return sum(true_ns, s->raw_minus_true_ns);
}

static struct ds_tx_stamp tx_at(const struct side *s, int64_t true_ns, enum ds_stamp_source source)
{
	return (struct ds_tx_stamp){
		.clock_ns = clock_of(s, true_ns), .raw_ns = raw_of(s, true_ns), .source = source};
}

static struct own *latest(struct side *s)
{
	return &s->own[s->count - 1];
}

static void begin(struct side *s)
{
	s->count = 0;
	s->anew = false;
	s->heard = false;
	s->since = 0;
	s->between = 0;
	s->restart = 0;
}

static void pass_time(struct world *w, struct input *in)
{
	uint32_t ns = take32(in);

	w->now_ns = sum(w->now_ns, (int64_t)(ns >> (take8(in) % 32)));
}

/* ---- out ---- */

static void check_fields(const struct side *s, const struct ds_packet *p)
{
	uint32_t first = s->count < DS_PEER_RECENT ? 0 : s->count - DS_PEER_RECENT;

	MUST(p->transmit != 0 && p->transmit != p->receive);
	for (uint32_t i = first; i < s->count; i++) {
		const struct own *o = &s->own[i];

		MUST(p->transmit != o->transmit && p->transmit != o->receive);
		MUST(p->receive == 0 || (p->receive != o->transmit && p->receive != o->receive));
	}
}

static void check_sent(struct side *s, const struct ds_packet *p)
{
	bool of_restart = s->restart != 0 && p->origin == s->restart;
	bool of_heard = s->heard && p->origin == s->last.transmit;

	check_fields(s, p);
	MUST(p->mode == (s->passive ? DS_MODE_PASSIVE : DS_MODE_ACTIVE));
	MUST(p->version == s->version);
	MUST((p->origin == 0) == (p->receive == 0));
	MUST((p->origin == 0) == (!s->heard && s->restart == 0));
	s->anew = of_restart && !of_heard;
	if (s->anew)
		MUST(!s->heard || s->since >= DS_PEER_LONG);
	if (p->origin == 0 || of_restart || of_heard)
		return;
	/* RFC 9769 section 3. */
	MUST(s->heard && p->origin == s->last.receive && s->version == 4);
	MUST(s->wanted || s->heard_interleaved);
	MUST(s->since == 0 && s->between == 1);
	MUST(s->heard_named == s->count - 1 && ds_is_drivestamp(&latest(s)->t1));
}

static void send_packet(struct world *w, struct side *s, struct input *in)
{
	const struct ds_server_state state = {.leap = take8(in) % 4, .stratum = take8(in) % 17};
	struct ds_peer_sending sending = {.now = tx_at(s, w->now_ns, DS_STAMP_DAEMON),
					  .tx_id = ++s->id,
					  .poll_log2 = (int8_t)take8(in),
					  .random = take8(in)};
	uint32_t guess = take32(in);
	unsigned int to = w->packets++ % POOL;
	struct ds_frame frame;

	sending.departs_ns = w->honest ? guess % GUESS_NS : guess % INT64_C(1000000001);
	sending.freq_ppb = w->honest ? 0 : take8(in) * 1e6;
	w->pool[to].from = s == &w->side[1];
	ds_peer_send(&s->peer, &sending, &state, w->pool[to].bytes);
	MUST(ds_wire_read(w->pool[to].bytes, DS_WIRE_HEADER_SIZE, &frame) == DS_R_OK);
	check_sent(s, &frame.packet);
	w->now_ns = sum(w->now_ns, take32(in) % GUESS_NS);
	s->own[s->count++] = (struct own){.transmit = frame.packet.transmit,
					  .receive = frame.packet.receive,
					  .left_ns = w->now_ns,
					  .t1 = sending.now};
	s->since++;
}

static void stamp(const struct world *w, struct side *s, struct input *in)
{
	struct ds_peer before;
	uint32_t back = take8(in) % 4;
	uint32_t id = s->id - back;
	struct ds_tx_stamp tx = {0};
	enum ds_reason reason;
	uint8_t how = take8(in);

	if (w->honest && back >= s->count) /* the stamp is of a packet before it began anew */
		return;
	if (w->honest) {
		tx = tx_at(s, s->own[s->count - 1 - back].left_ns, DS_STAMP_KERNEL + how % 2);
	} else {
		tx = tx_at(s, sum(w->now_ns, take_ns(in)), (enum ds_stamp_source)(how % 4));
	}
	memcpy(&before, &s->peer, sizeof(before));
	reason = ds_peer_tx_stamp(&s->peer, id, &tx);
	if (reason != DS_R_OK) {
		MUST(memcmp(&before, &s->peer, sizeof(before)) == 0);
		return;
	}
	MUST(back == 0 && s->count > 0 && ds_is_drivestamp(&tx));
	MUST(latest(s)->t1.source != DS_STAMP_NONE && tx.source > latest(s)->t1.source);
	latest(s)->t1 = tx;
}

/* ---- in ---- */

/* Is it valid by the words of peer.h? Then *named is the number of the packet that it names. */
static bool is_valid(const struct side *s, const struct ds_frame *f, enum ds_auth auth,
		     uint32_t *named, bool *interleaved)
{
	const struct ds_packet *p = &f->packet;
	uint32_t n = s->count;
	bool authentic = s->keyed ? auth == DS_AUTH_GOOD && f->mac_length != 4
				  : auth != DS_AUTH_BAD && f->mac_length == 0;

	if (p->mode != 1 && (p->mode != 2 || s->passive))
		return false;
	if (!authentic || p->transmit == 0 || p->receive == 0)
		return false;
	for (; n > 0 && s->count - n < DS_PEER_RECENT; n--) { /* one of ours, sent back */
		if (p->transmit == s->own[n - 1].transmit || p->transmit == s->own[n - 1].receive)
			return false;
	}
	n = s->count;
	for (*interleaved = false; n > 0 && s->count - n < DS_PEER_RECENT; n--) {
		const struct own *o = &s->own[n - 1];

		*interleaved = DS_INTERLEAVE_BUILT && o->receive != 0 && p->origin == o->receive;
		if (!*interleaved && p->origin != o->transmit)
			continue;
		*named = n - 1;
		return !s->heard || n - 1 > s->heard_named ||
		       (n - 1 == s->heard_named && (int64_t)(p->transmit - s->last.transmit) > 0);
	}
	return false;
}

static bool same_tx(const struct ds_tx_stamp *a, const struct ds_tx_stamp *b)
{
	return a->raw_ns == b->raw_ns && a->clock_ns == b->clock_ns && a->source == b->source;
}

static bool same_rx(const struct ds_rx_stamp *a, const struct ds_rx_stamp *b)
{
	return a->raw_ns == b->raw_ns && a->clock_ns == b->clock_ns && a->source == b->source;
}

/* The stamps are those of the packets that the exchange is of, and in order. */
static void check_exchange(struct side *s, const struct ds_exchange *e, bool interleaved,
			   uint32_t named, const struct ds_rx_stamp *t4)
{
	MUST(e->delay_ns >= 0 && e->remote.leap < 3);
	MUST(e->remote.stratum >= 1 && e->remote.stratum <= 15);
	MUST(named == s->count - 1 && s->since > 0);
	MUST(e->t1.source != DS_STAMP_NONE && e->t4.source != DS_STAMP_NONE);
	if (!interleaved) {
		MUST(e->kind == DS_EXCHANGE_BASIC);
		MUST(same_tx(&e->t1, &latest(s)->t1) && same_rx(&e->t4, t4));
	} else {
		MUST(e->kind == DS_EXCHANGE_SET1 || e->kind == DS_EXCHANGE_SET2);
		MUST(s->heard && !s->anew && same_rx(&e->t4, &s->last_rx));
		MUST(same_tx(&e->t1, e->kind == DS_EXCHANGE_SET1 ? &s->last_t1 : &latest(s)->t1));
	}
	if (e->kind == DS_EXCHANGE_SET2)
		MUST(e->t1.raw_ns >= e->t4.raw_ns && e->t3_ns - e->t2_ns <= DS_DELAY_GRAIN_NS);
	else
		MUST(e->t1.raw_ns <= e->t4.raw_ns && e->t3_ns - e->t2_ns >= -DS_DELAY_GRAIN_NS);
}

/* S6 where nobody lies: the error is at most half the delay, and what was guessed. */
static void check_truth(const struct world *w, const struct side *s, const struct ds_exchange *e)
{
	const struct side *other = &w->side[s == &w->side[0]];
	int64_t error = e->offset_ns - (other->clock_minus_true_ns - s->clock_minus_true_ns);

	MUST(llabs(error) <= e->delay_ns / 2 + 2 * GUESS_NS);
}

static void note_valid(struct side *s, const struct ds_packet *p, uint32_t named, bool interleaved,
		       const struct ds_rx_stamp *t4)
{
	s->last_t1 = (struct ds_tx_stamp){0};
	if (named == s->count - 1) {
		if (latest(s)->t1.raw_ns > t4->raw_ns)
			latest(s)->t1.source = DS_STAMP_NONE;
		s->last_t1 = latest(s)->t1;
	}
	s->heard = true;
	s->heard_interleaved = interleaved;
	s->heard_named = named;
	s->last = *p;
	s->last_rx = *t4;
	if (s->since != 0)
		s->between = s->since;
	s->since = 0;
	s->restart = 0;
}

static void check_refused(struct side *s, const struct ds_peer *before, enum ds_reason reason,
			  const struct ds_peer_outcome *o, const struct ds_frame *f)
{
	struct ds_peer now;

	MUST(!o->valid && !o->has_exchange && o->restart == (reason == DS_R_ORIGIN));
	MUST(o->exchange.t1.source == DS_STAMP_NONE);
	memcpy(&now, &s->peer, sizeof(now));
	if (reason == DS_R_ORIGIN) {
		s->restart = f->packet.transmit;
		MUST(now.restart_transmit == s->restart && s->restart != 0);
		now.restart_transmit = before->restart_transmit;
		now.restart_raw_ns = before->restart_raw_ns;
	}
	MUST(memcmp(before, &now, sizeof(now)) == 0);
}

static void receive(struct world *w, struct side *s, const uint8_t *bytes, size_t length,
		    enum ds_auth auth, struct input *in)
{
	struct ds_rx_stamp t4 = {.clock_ns = clock_of(s, w->now_ns),
				 .raw_ns = raw_of(s, w->now_ns),
				 .source = DS_STAMP_DAEMON + take8(in) % 3};
	struct ds_peer_outcome o;
	struct ds_peer before;
	struct ds_frame f;
	uint32_t named = 0;
	bool interleaved = false;
	bool valid = ds_wire_read(bytes, length, &f) == DS_R_OK &&
		     is_valid(s, &f, auth, &named, &interleaved);
	enum ds_reason reason;

	memcpy(&before, &s->peer, sizeof(before));
	reason = ds_peer_receive(&s->peer, bytes, length, &t4, auth,
				 w->honest ? 0 : take8(in) * 1e6, &o);
	MUST(o.valid == valid && o.has_exchange == (reason == DS_R_OK));
	if (!valid) {
		check_refused(s, &before, reason, &o, &f);
		return;
	}
	MUST(o.interleaved == interleaved && !o.restart);
	if (o.has_exchange) {
		check_exchange(s, &o.exchange, interleaved, named, &t4);
		if (w->honest && s->since < UINT8_MAX)
			check_truth(w, s, &o.exchange);
	}
	note_valid(s, &f.packet, named, interleaved, &t4);
	/* No packet is valid twice. */
	memcpy(&before, &s->peer, sizeof(before));
	MUST(ds_peer_receive(&s->peer, bytes, length, &t4, auth, 0, &o) == DS_R_PEER_STALE);
	MUST(memcmp(&before, &s->peer, sizeof(before)) == 0);
}

/* A packet on the way reaches one side: the other's unchanged, or any, changed. */
static void deliver(struct world *w, struct side *s, struct input *in)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE + 100];
	size_t length = DS_WIRE_HEADER_SIZE;
	unsigned int which = take8(in);
	unsigned int known = w->packets < POOL ? w->packets : POOL;
	uint8_t how = w->honest ? 0 : take8(in);

	if (known == 0)
		return;
	which = (w->packets - 1 - which % known) % POOL; /* 0: the newest */
	if (w->honest && w->pool[which].from == (s == &w->side[1]))
		return;
	pass_time(w, in);
	memcpy(bytes, w->pool[which].bytes, DS_WIRE_HEADER_SIZE);
	if (how & 0x80)
		bytes[take8(in) % DS_WIRE_HEADER_SIZE] ^= take8(in);
	if (how & 0x40) {
		length = take8(in) % sizeof(bytes);
		take_bytes(in, bytes + DS_WIRE_HEADER_SIZE, sizeof(bytes) - DS_WIRE_HEADER_SIZE);
	}
	receive(w, s, bytes, length, w->honest ? DS_AUTH_GOOD * s->keyed : how % 3, in);
}

static void forge(struct world *w, struct side *s, struct input *in)
{
	uint8_t shape = take8(in);
	uint8_t auth = take8(in);
	struct ds_packet p = {.version = 4, .mode = shape & 1 ? 1 : take8(in), .stratum = 2};
	const struct own *o = s->count == 0 ? NULL : &s->own[s->count - 1 - take8(in) % s->count];
	uint8_t bytes[DS_WIRE_HEADER_SIZE];

	p.origin = take64(in);
	if (o != NULL && shape & 2)
		p.origin = shape & 4 ? o->transmit : o->receive;
	p.transmit = shape & 8 ? s->last.transmit + take8(in) : take64(in);
	p.receive = shape & 16 ? p.transmit - take32(in) : take64(in);
	if (shape & 32) {
		p.leap = take8(in);
		p.stratum = take8(in);
		p.version = take8(in);
		p.root_delay = take32(in);
		p.poll_log2 = (int8_t)take8(in);
		p.precision_log2 = (int8_t)take8(in);
	}
	if (shape & 64) { /* near what it holds to be the time */
		p.receive = ds_ntp64_from_ns(sum(clock_of(s, w->now_ns), take_ns(in)), 0);
		p.transmit = p.receive + take32(in);
	}
	pass_time(w, in);
	ds_wire_write(&p, bytes);
	receive(w, s, bytes, sizeof(bytes), auth % 3, in);
}

/* What no honest host does. */
static void disturb(struct world *w, struct side *s, struct input *in)
{
	switch (take8(in) % 4) {
	case 0:
		s->clock_minus_true_ns = sum(s->clock_minus_true_ns, take_ns(in));
		break;
	case 1:
		s->raw_minus_true_ns = sum(s->raw_minus_true_ns, take_ns(in));
		break;
	case 2:
		w->now_ns = sum(w->now_ns, take_ns(in));
		break;
	default:
		forge(w, s, in);
	}
}

static void one_event(struct world *w, struct input *in)
{
	uint8_t what = take8(in);
	struct side *s = &w->side[what & 1];

	switch (what / 2 % 8) {
	case 0:
	case 1:
		pass_time(w, in);
		send_packet(w, s, in);
		break;
	case 2:
	case 3:
		stamp(w, s, in);
		break;
	case 4:
		if (take8(in) % 4 == 0) {
			ds_peer_forget(&s->peer);
			begin(s);
		}
		break;
	case 5:
		if (!w->honest) {
			disturb(w, s, in);
			break;
		}
		/* fall through */
	default:
		deliver(w, s, in);
	}
}

/* A moment to begin with: today, the end of an era, the ends of 64 bits. */
static int64_t take_base(struct input *in)
{
	static const int64_t bases[] = {INT64_C(1795420800000000000), INT64_C(2085978495000000000),
					0, INT64_MAX, INT64_MIN};

	return sum(bases[take8(in) % 5], take_ns(in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	static struct world w;
	uint8_t how = take8(&in);

	memset(&w, 0, sizeof(w));
	w.honest = (how & 1) != 0;
	for (unsigned int i = 0; i < 2; i++) {
		struct side *s = &w.side[i];

		s->wanted = (how & 2 << i) != 0;
		s->keyed = (how & 8) != 0;
		s->passive = i == 1 && (how & 16) != 0;
		s->version = how & 32 ? 1 + take8(&in) % 4 : 4;
		s->raw_minus_true_ns = take_base(&in);
		s->clock_minus_true_ns = take_ns(&in);
		if (w.honest) { /* less than half an era apart, and from the ends of 64 bits */
			s->clock_minus_true_ns %= INT64_C(1000000000000000000);
			s->raw_minus_true_ns %= INT64_C(1000000000000000000);
		}
		ds_peer_init(&s->peer, s->version, s->wanted, s->keyed, s->passive);
	}
	w.now_ns = w.honest ? INT64_C(1795420800000000000) + (int64_t)take32(&in) * (1 << 27)
			    : take_base(&in);
	while (in.left > 0 && w.side[0].count < MOST && w.side[1].count < MOST)
		one_event(&w, &in);
	return 0;
}
