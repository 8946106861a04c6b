/*
 * broadcast: judges a broadcast in one order of tests, and only then writes.
 * It must never write to *listener above the line in ds_listener_receive() that says so.
 */
#include "core/exchange/broadcast.h"

#include <string.h>

/* DESIGN: "An association is at most 256 bytes besides its samples." */
_Static_assert(sizeof(struct ds_listener) <= 256, "association over its size");

static uint8_t known_version(uint8_t version)
{
	return version >= 1 && version <= DS_NTP_VERSION ? version : DS_NTP_VERSION;
}

/* ---- the sender ---- */

void ds_broadcaster_init(struct ds_broadcaster *b, uint8_t version, bool interleaved)
{
	memset(b, 0, sizeof(*b));
	b->version = known_version(version);
	b->tells = interleaved && b->version == DS_NTP_VERSION;
}

void ds_broadcaster_send(struct ds_broadcaster *b, const struct ds_broadcast_sending *s,
			 const struct ds_server_state *state, uint8_t out[DS_WIRE_HEADER_SIZE])
{
	struct ds_packet packet = {
		.version = b->version, .mode = DS_MODE_BROADCAST, .poll_log2 = s->poll_log2};
	const struct ds_tx_stamp *before = ds_interleave_told(b->tells, &b->sent);
	int64_t transmit_ns = (int64_t)((uint64_t)s->now.clock_ns + (uint64_t)s->departs_ns);

	ds_header_describe_us(state, &packet);
	packet.transmit = ds_ntp64_from_ns(transmit_ns, s->random);
	if (packet.transmit == 0) /* would say "unknown" */
		packet.transmit = 1;
	if (before != NULL)
		packet.origin =
			ds_header_field(before->raw_ns, &s->now, s->freq_ppb, s->random >> 2);
	b->sent = s->now;
	b->sent.source = DS_STAMP_DAEMON;
	b->tx_id = s->tx_id;
	ds_wire_write(&packet, out);
}

enum ds_reason ds_broadcaster_tx_stamp(struct ds_broadcaster *b, uint32_t tx_id,
				       const struct ds_tx_stamp *tx)
{
	return ds_tx_stamp_take(&b->sent, b->tx_id, tx_id, tx);
}

/* ---- the listener ---- */

void ds_listener_init(struct ds_listener *l, uint8_t version, bool keyed)
{
	memset(l, 0, sizeof(*l));
	l->version = known_version(version);
	l->keyed = keyed;
}

static uint64_t size_of(int64_t ns)
{
	return ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
}

/* Is what is now said of the sender's clock, against our raw scale, what the calibration said?
 * Differences wrap: whatever cannot be compared is far off. */
static bool agrees(const struct ds_listener *l, int64_t raw_ns, int64_t server_minus_raw_ns,
		   int64_t delay_ns, double freq_ppb)
{
	int64_t age_ns = (int64_t)((uint64_t)raw_ns - (uint64_t)l->raw_ns);
	uint64_t expected_ns =
		(uint64_t)l->server_minus_raw_ns + (uint64_t)ds_gained_ns(age_ns, freq_ppb);
	uint64_t apart_ns = size_of((int64_t)((uint64_t)server_minus_raw_ns - expected_ns));

	return apart_ns <= (uint64_t)DS_BROADCAST_AGREE_NS + (uint64_t)delay_ns +
				   size_of(age_ns) / (1000000 / DS_BROADCAST_DRIFT_PPM);
}

static bool agrees_with_calibration(const struct ds_listener *l, ds_ntp64 t3,
				    const struct ds_rx_stamp *t4, double freq_ppb)
{
	int64_t left_ns = ds_ns_from_ntp64(t3, t4->clock_ns);
	uint64_t server_minus_raw =
		(uint64_t)left_ns - (uint64_t)t4->raw_ns + (uint64_t)l->delay_ns / 2;

	return agrees(l, t4->raw_ns, (int64_t)server_minus_raw, l->delay_ns, freq_ppb);
}

void ds_listener_calibrate(struct ds_listener *l, const struct ds_exchange *exchange,
			   int64_t delay_ns, double freq_ppb)
{
	if (delay_ns < 0 || delay_ns > exchange->delay_ns)
		delay_ns = exchange->delay_ns;
	/* Half of what it took longer may be in its offset, and a broadcast held up as long would
	 * seem to confirm it. */
	if (exchange->delay_ns - delay_ns > DS_BROADCAST_AGREE_NS)
		return;
	l->calibrated = true;
	l->raw_ns = exchange->raw_ns;
	l->server_minus_raw_ns = exchange->server_minus_raw_ns;
	l->delay_ns = delay_ns;
	/* What is not so by what is known now must not bar what is (CVE-2016-7427). */
	if (!agrees_with_calibration(l, l->heard_transmit, &l->heard, freq_ppb)) {
		l->heard_transmit = 0;
		l->heard.source = DS_STAMP_NONE;
	}
}

/* T3 and T4 that an accepted broadcast gives. */
struct verdict {
	enum ds_exchange_kind kind;
	ds_ntp64 t3;
	struct ds_rx_stamp t4; /* source NONE: of a packet that was not heard */
};

/* Origin not zero means interleaved, by this packet alone: nothing is remembered of the one
 * before but when it came and what it said (CVE-2016-4956). */
static void interpret(const struct ds_listener *l, const struct ds_packet *packet,
		      const struct ds_rx_stamp *now, double freq_ppb, struct verdict *v)
{
	bool heard = true;

	v->kind = DS_EXCHANGE_BROADCAST;
	v->t3 = packet->transmit;
	v->t4 = *now;
	if (!ds_interleave_tells(packet, l->heard_transmit, &v->t3, &heard))
		return;
	v->kind = DS_EXCHANGE_BROADCAST_DRIVESTAMP;
	v->t4 = l->heard;
	if (!heard || !agrees_with_calibration(l, v->t3, &v->t4, freq_ppb))
		v->t4.source = DS_STAMP_NONE;
}

/* All that makes a broadcast accepted (exchange.md S14); reads only. */
static enum ds_reason judge(const struct ds_listener *l, const struct ds_frame *frame,
			    enum ds_auth auth, const struct ds_rx_stamp *t4, double freq_ppb,
			    struct verdict *v)
{
	const struct ds_packet *packet = &frame->packet;

	if (packet->mode != DS_MODE_BROADCAST)
		return DS_R_MODE;
	if (!ds_auth_accepts(l->keyed, frame, auth))
		return DS_R_AUTH;
	if (packet->transmit == 0)
		return DS_R_ZERO_STAMP;
	if (!l->calibrated)
		return DS_R_BROADCAST_EARLY;
	if (l->heard_transmit != 0 && (int64_t)(packet->transmit - l->heard_transmit) <= 0)
		return DS_R_BROADCAST_STALE;
	if (!agrees_with_calibration(l, packet->transmit, t4, freq_ppb))
		return DS_R_BROADCAST_DISAGREES;
	interpret(l, packet, t4, freq_ppb, v);
	return DS_R_OK;
}

static enum ds_reason make_exchange(const struct ds_listener *l, const struct ds_packet *packet,
				    const struct verdict *v, double freq_ppb,
				    struct ds_exchange *exchange)
{
	enum ds_reason reason = ds_header_check(l->version, packet);
	struct ds_remote remote;

	if (reason != DS_R_OK)
		return reason;
	if (v->t4.source == DS_STAMP_NONE)
		return DS_R_BROADCAST_FIRST;
	ds_header_describe_remote(packet, v->t4.clock_ns, &remote);
	return ds_exchange_make_broadcast(exchange, v->kind,
					  ds_ns_from_ntp64(v->t3, v->t4.clock_ns), &v->t4,
					  l->delay_ns, &remote, freq_ppb);
}

enum ds_reason ds_listener_receive(struct ds_listener *l, const uint8_t *data, size_t length,
				   const struct ds_rx_stamp *t4, enum ds_auth auth, double freq_ppb,
				   struct ds_listener_outcome *outcome)
{
	struct ds_frame frame;
	struct verdict v = {0};
	enum ds_reason reason;

	memset(outcome, 0, sizeof(*outcome));
	reason = ds_wire_read(data, length, &frame);
	if (reason == DS_R_OK)
		reason = judge(l, &frame, auth, t4, freq_ppb, &v);
	if (reason != DS_R_OK)
		return reason;

	/* Accepted. Nothing was written to *listener so far. */
	outcome->accepted = true;
	reason = make_exchange(l, &frame.packet, &v, freq_ppb, &outcome->exchange);
	outcome->has_exchange = reason == DS_R_OK;
	l->heard_transmit = frame.packet.transmit;
	l->heard = *t4;
	return reason;
}

void ds_listener_forget(struct ds_listener *l)
{
	ds_listener_init(l, l->version, l->keyed);
}
