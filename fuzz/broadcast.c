/*
 * Any sequence of broadcasts, and of exchanges with their sender, at a listener. What is refused
 * leaves every byte of it alone (exchange.md S1); none is accepted without a calibration, twice,
 * or out of order, nor believed further than the calibration allows (S14). With an honest sender
 * an exchange has the stamps of one broadcast, whatever was lost, doubled or reordered.
 */
#include "core/exchange/broadcast.h"

#include "fuzz/input.h"

#define POOL	 16
#define MOST	 256
#define S	 INT64_C(1000000000)
#define GUESS_NS 1000 /* an honest transmit field is wrong by less */

struct own {
	ds_ntp64 transmit;
	int64_t left_ns; /* by its own clock */
	struct ds_rx_stamp rx;
	struct ds_tx_stamp known; /* the best stamp that the sender was told */
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
};

struct world {
	struct ds_broadcaster sender;
	struct ds_listener listener;
	bool honest;
	bool keyed;
	bool tells;
	int8_t poll_log2;
	int64_t now_ns; /* true time, and the sender's clock and raw scale */
	int64_t clock_minus_true_ns;
	int64_t raw_minus_true_ns;
	uint32_t id;
	struct own own[MOST];
	uint32_t count;
	uint32_t first; /* of those since it began anew */
	/* The listener's last accepted broadcast and calibration. */
	ds_ntp64 heard;
	bool calibrated;
	int64_t delay_ns;
};

static void pass_time(struct world *w, struct input *in)
{
	uint32_t ns = take32(in);

	w->now_ns = sum(w->now_ns, (int64_t)(ns >> (take8(in) % 32)));
}

/* The listener's stamp of now. */
static struct ds_rx_stamp rx_now(const struct world *w)
{
	return (struct ds_rx_stamp){.clock_ns = sum(w->now_ns, w->clock_minus_true_ns),
				    .raw_ns = sum(w->now_ns, w->raw_minus_true_ns),
				    .source = DS_STAMP_KERNEL};
}

/* ---- out ---- */

static void check_sent(const struct world *w, const struct ds_packet *p)
{
	const struct own *before = w->count > w->first ? &w->own[w->count - 1] : NULL;
	bool told = DS_INTERLEAVE_BUILT && w->tells && before != NULL &&
		    ds_is_drivestamp(&before->known);

	MUST(p->mode == DS_MODE_BROADCAST && p->receive == 0 && p->transmit != 0);
	MUST((p->origin != 0) == told);
	if (told && w->honest)
		MUST(llabs(ds_ns_from_ntp64(p->origin, w->now_ns) - before->known.clock_ns) <= 1);
}

static void send_packet(struct world *w, struct input *in)
{
	const struct ds_server_state state = {.leap = take8(in) % 4, .stratum = take8(in) % 17};
	struct ds_broadcast_sending sending = {
		.tx_id = ++w->id, .poll_log2 = (int8_t)take8(in), .random = take8(in)};
	uint32_t guess = take32(in);
	struct own *o = &w->own[w->count];
	struct ds_frame frame;

	pass_time(w, in);
	if (w->honest) { /* an interval at least lies between two */
		w->now_ns += w->poll_log2 < 0 ? S >> -w->poll_log2 : S << w->poll_log2;
		sending.poll_log2 = w->poll_log2;
	}
	sending.departs_ns = w->honest ? guess % GUESS_NS : guess % (S + 1);
	sending.freq_ppb = w->honest ? 0 : take8(in) * 1e6;
	sending.now = (struct ds_tx_stamp){
		.clock_ns = w->now_ns, .raw_ns = w->now_ns, .source = DS_STAMP_DAEMON};
	ds_broadcaster_send(&w->sender, &sending, &state, o->bytes);
	MUST(ds_wire_read(o->bytes, DS_WIRE_HEADER_SIZE, &frame) == DS_R_OK);
	check_sent(w, &frame.packet);
	w->now_ns = sum(w->now_ns, take32(in) % GUESS_NS);
	o->transmit = frame.packet.transmit;
	o->left_ns = w->now_ns;
	o->known = sending.now;
	w->count++;
}

static void stamp(struct world *w, struct input *in)
{
	struct ds_broadcaster before;
	uint8_t how = take8(in);
	uint32_t back = how / 4 % 3;
	struct ds_tx_stamp tx = {0};
	enum ds_reason reason;

	if (w->honest && w->count - w->first <= back)
		return;
	tx.raw_ns = w->honest ? w->own[w->count - 1 - back].left_ns : sum(w->now_ns, take_ns(in));
	tx.clock_ns = tx.raw_ns;
	tx.source = w->honest ? DS_STAMP_KERNEL : how % 4;
	memcpy(&before, &w->sender, sizeof(before));
	reason = ds_broadcaster_tx_stamp(&w->sender, w->id - back, &tx);
	if (reason != DS_R_OK) {
		MUST(memcmp(&before, &w->sender, sizeof(before)) == 0);
		return;
	}
	MUST(back == 0 && w->count > w->first && ds_is_drivestamp(&tx));
	MUST(tx.source > w->own[w->count - 1].known.source);
	w->own[w->count - 1].known = tx;
}

/* ---- in ---- */

/* How long the last accepted broadcast of an honest sender was under way. */
static int64_t took_ns(const struct world *w)
{
	for (unsigned int i = w->count; i > 0; i--) {
		const struct own *o = &w->own[i - 1];

		if (ds_wire_read_ntp64(o->bytes + DS_WIRE_TRANSMIT_OFFSET) == w->heard)
			return sum(sum(o->rx.raw_ns, -w->raw_minus_true_ns), -o->left_ns);
	}
	return 0;
}

static void calibrate(struct world *w, struct input *in)
{
	static const struct ds_remote remote = {.stratum = 1, .precision_log2 = -30};
	int64_t out_ns = take32(in) % (w->honest ? GUESS_NS : UINT32_MAX);
	int64_t back_ns = w->honest ? out_ns : take_ns(in);
	struct ds_tx_stamp t1 = {.source = DS_STAMP_KERNEL};
	struct ds_rx_stamp t4 = rx_now(w);
	int64_t t2_ns = sum(w->now_ns, back_ns == INT64_MIN ? INT64_MAX : -back_ns);
	int64_t way_ns = sum(back_ns, out_ns);
	struct ds_listener before;
	struct ds_exchange e;
	uint8_t how = take8(in);
	int64_t delay_ns = how % 2 == 0 ? INT64_MAX : take_ns(in);

	if (!w->honest && how & 2)
		t2_ns = sum(t2_ns, take_ns(in));
	way_ns = (int64_t)(0 - (uint64_t)way_ns);
	t1.clock_ns = sum(t4.clock_ns, way_ns);
	t1.raw_ns = sum(t4.raw_ns, way_ns);
	if (ds_exchange_make(&e, DS_EXCHANGE_BASIC, &t1, t2_ns, t2_ns, &t4, &remote, 0) != DS_R_OK)
		return;
	if (w->honest)
		delay_ns = e.delay_ns;
	memcpy(&before, &w->listener, sizeof(before));
	ds_listener_calibrate(&w->listener, &e, delay_ns, w->honest ? 0 : take8(in) * 1e6);
	if (delay_ns >= 0 && delay_ns < e.delay_ns - DS_BROADCAST_AGREE_NS) {
		MUST(memcmp(&before, &w->listener, sizeof(before)) == 0);
		return;
	}
	MUST(w->listener.calibrated && w->listener.delay_ns >= 0);
	MUST(w->listener.delay_ns <= e.delay_ns);
	MUST(w->listener.heard_transmit == 0 || w->listener.heard_transmit == w->heard);
	/* One that came so late that it was hardly accepted may be forgotten. */
	if (w->honest && w->calibrated && took_ns(w) < DS_BROADCAST_AGREE_NS / 2)
		MUST(w->listener.heard_transmit == w->heard);
	w->heard = w->listener.heard_transmit;
	w->calibrated = true;
	w->delay_ns = w->listener.delay_ns;
}

/* Of an honest sender: both stamps are of one packet, and so the error is known. */
static void check_truth(const struct world *w, const struct ds_exchange *e, struct own *of)
{
	struct own *o = of;
	int64_t error = sum(e->offset_ns, w->clock_minus_true_ns);
	int64_t took_ns;

	if (e->kind == DS_EXCHANGE_BROADCAST_DRIVESTAMP) {
		MUST(o > w->own && o[-1].rx.source != DS_STAMP_NONE);
		o--;
		MUST(llabs(e->t3_ns - o->known.clock_ns) <= 1);
	}
	MUST(e->t4.raw_ns == o->rx.raw_ns && e->t4.clock_ns == o->rx.clock_ns);
	took_ns = o->rx.raw_ns - w->raw_minus_true_ns - o->left_ns;
	MUST(llabs(error - (e->delay_ns / 2 - took_ns)) <= GUESS_NS + 2);
}

static void check_exchange(const struct world *w, const struct ds_exchange *e, ds_ntp64 origin)
{
	MUST(e->delay_ns == w->delay_ns && e->t1.source == DS_STAMP_NONE);
	MUST(e->remote.stratum >= 1 && e->remote.stratum <= 15 && e->remote.leap < 3);
	MUST(e->t2_ns == e->t3_ns && e->t4.source != DS_STAMP_NONE);
	MUST(e->kind == (origin != 0 && DS_INTERLEAVE_BUILT ? DS_EXCHANGE_BROADCAST_DRIVESTAMP
							    : DS_EXCHANGE_BROADCAST));
}

static void check_accepted(struct world *w, const struct ds_frame *f, enum ds_auth auth,
			   enum ds_reason reason, const struct ds_listener_outcome *o)
{
	MUST(reason == DS_R_OK || reason == DS_R_BROADCAST_FIRST || reason == DS_R_HEADER ||
	     reason == DS_R_UNSYNCHRONISED || reason == DS_R_DELAY_NEGATIVE);
	MUST(w->calibrated && f->packet.mode == DS_MODE_BROADCAST && f->packet.transmit != 0);
	MUST(w->keyed ? auth == DS_AUTH_GOOD && f->mac_length != 4
		      : auth != DS_AUTH_BAD && f->mac_length == 0);
	MUST(w->heard == 0 || (int64_t)(f->packet.transmit - w->heard) > 0);
	if (o->has_exchange)
		check_exchange(w, &o->exchange, f->packet.origin);
	w->heard = f->packet.transmit;
}

static bool receive(struct world *w, const uint8_t *bytes, size_t length, enum ds_auth auth,
		    double freq_ppb, struct ds_listener_outcome *o)
{
	struct ds_rx_stamp t4 = rx_now(w);
	struct ds_listener before;
	struct ds_listener_outcome again;
	struct ds_frame f;
	enum ds_reason reason;

	memcpy(&before, &w->listener, sizeof(before));
	reason = ds_listener_receive(&w->listener, bytes, length, &t4, auth, freq_ppb, o);
	MUST(o->has_exchange == (reason == DS_R_OK) && (o->accepted || !o->has_exchange));
	if (!o->accepted) {
		MUST(memcmp(&before, &w->listener, sizeof(before)) == 0);
		return false;
	}
	MUST(ds_wire_read(bytes, length, &f) == DS_R_OK);
	check_accepted(w, &f, auth, reason, o);
	memcpy(&before, &w->listener, sizeof(before));
	MUST(ds_listener_receive(&w->listener, bytes, length, &t4, auth, freq_ppb, &again) ==
	     DS_R_BROADCAST_STALE);
	MUST(memcmp(&before, &w->listener, sizeof(before)) == 0);
	return true;
}

/* A broadcast arrives: as it was sent, or changed. */
static void deliver(struct world *w, struct input *in)
{
	uint8_t bytes[DS_WIRE_HEADER_SIZE + 100];
	size_t length = DS_WIRE_HEADER_SIZE;
	struct ds_listener_outcome o;
	uint8_t how = w->honest ? 0 : take8(in);
	enum ds_auth auth = w->honest ? DS_AUTH_GOOD * w->keyed : how % 3;
	struct own *own;

	if (w->count == 0)
		return;
	own = &w->own[w->count - 1 - take8(in) % (w->count < POOL ? w->count : POOL)];
	pass_time(w, in);
	memcpy(bytes, own->bytes, DS_WIRE_HEADER_SIZE);
	if (how & 0x80)
		bytes[take8(in) % DS_WIRE_HEADER_SIZE] ^= take8(in);
	if (how & 0x40) {
		length = take8(in) % sizeof(bytes);
		take_bytes(in, bytes + DS_WIRE_HEADER_SIZE, sizeof(bytes) - DS_WIRE_HEADER_SIZE);
	}
	if (!receive(w, bytes, length, auth, w->honest ? 0 : take8(in) * 1e6, &o) || !w->honest)
		return;
	own->rx = rx_now(w);
	if (o.has_exchange)
		check_truth(w, &o.exchange, own);
}

static void forge(struct world *w, struct input *in)
{
	uint8_t shape = take8(in);
	struct ds_packet p = {.version = 4, .mode = DS_MODE_BROADCAST, .stratum = 2};
	struct ds_listener_outcome o;
	uint8_t bytes[DS_WIRE_HEADER_SIZE];
	int64_t near_ns = sum(w->now_ns, take_ns(in));

	p.transmit = shape & 1 ? ds_ntp64_from_ns(near_ns, 0) : take64(in);
	p.origin = shape & 2 ? take64(in) : shape & 4 ? w->heard + take32(in) : 0;
	if (shape & 8) {
		p.leap = take8(in);
		p.mode = take8(in);
		p.stratum = take8(in);
		p.version = take8(in);
		p.root_delay = take32(in);
		p.poll_log2 = (int8_t)take8(in);
	}
	pass_time(w, in);
	ds_wire_write(&p, bytes);
	(void)receive(w, bytes, sizeof(bytes), (enum ds_auth)(shape / 16 % 3), take8(in) * 1e6, &o);
}

static void disturb(struct world *w, struct input *in)
{
	switch (take8(in) % 4) {
	case 0:
		w->clock_minus_true_ns = sum(w->clock_minus_true_ns, take_ns(in));
		break;
	case 1:
		w->raw_minus_true_ns = sum(w->raw_minus_true_ns, take_ns(in));
		break;
	case 2:
		w->now_ns = sum(w->now_ns, take_ns(in));
		break;
	default:
		forge(w, in);
	}
}

static void restart(struct world *w, struct input *in)
{
	if (take8(in) & 1) {
		ds_broadcaster_init(&w->sender, 4, w->tells);
		w->first = w->count;
		return;
	}
	ds_listener_forget(&w->listener);
	w->heard = 0;
	w->calibrated = false;
}

static void one_event(struct world *w, struct input *in)
{
	switch (take8(in) % 8) {
	case 0:
		send_packet(w, in);
		break;
	case 1:
		stamp(w, in);
		break;
	case 2:
		calibrate(w, in);
		break;
	case 3:
		restart(w, in);
		break;
	case 4:
		if (!w->honest) {
			disturb(w, in);
			break;
		}
		/* fall through */
	case 5:
		deliver(w, in);
		break;
	default: /* what mostly happens */
		send_packet(w, in);
		stamp(w, in);
		deliver(w, in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t bases[] = {INT64_C(1795420800000000000), INT64_C(2085978495000000000),
					INT64_MAX, INT64_MIN};
	struct input in = {data, size};
	static struct world w;
	uint8_t how = take8(&in);

	memset(&w, 0, sizeof(w));
	w.honest = (how & 1) != 0;
	w.tells = (how & 2) != 0;
	w.keyed = (how & 4) != 0;
	w.poll_log2 = (int8_t)(take8(&in) % 24 - 6);
	w.clock_minus_true_ns = take_ns(&in);
	w.raw_minus_true_ns = take_ns(&in);
	if (w.honest) { /* less than half an era apart, and from the ends of 64 bits */
		w.clock_minus_true_ns %= S * S;
		w.raw_minus_true_ns %= S * S;
	}
	w.now_ns = bases[how / 8 % (w.honest ? 2 : 4)];
	ds_broadcaster_init(&w.sender, 4, w.tells);
	ds_listener_init(&w.listener, 4, w.keyed);
	while (in.left > 0 && w.count < MOST)
		one_event(&w, &in);
	return 0;
}
