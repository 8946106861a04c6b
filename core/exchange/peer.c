/*
 * peer: judges packets in one order of tests, and only then writes.
 * It must never write to *peer above the lines in ds_peer_receive() that say so.
 */
#include "core/exchange/peer.h"

#include <string.h>

/* DESIGN: "An association is at most 256 bytes besides its samples." */
_Static_assert(sizeof(struct ds_peer) <= 256, "association over its size");
_Static_assert((DS_PEER_RECENT & (DS_PEER_RECENT - 1)) == 0, "numbers are taken modulo");

/* What a packet is to us. */
struct verdict {
	uint32_t named;	  /* number of the packet of ours that it names */
	bool interleaved; /* by its receive field */
};

void ds_peer_init(struct ds_peer *peer, uint8_t version, bool interleaved, bool keyed, bool passive)
{
	memset(peer, 0, sizeof(*peer));
	peer->version = version >= 1 && version <= DS_NTP_VERSION ? version : DS_NTP_VERSION;
	peer->keyed = keyed;
	peer->passive = passive;
	ds_interleave_init(&peer->interleave, interleaved && peer->version == DS_NTP_VERSION);
}

/* ---- out ---- */

/* Has the latest of ours been named already? */
static bool is_answered(const struct ds_peer *peer)
{
	return peer->heard_transmit != 0 && peer->heard_named == peer->number - 1;
}

static bool is_taken(const struct ds_peer *peer, ds_ntp64 field)
{
	for (unsigned int i = 0; i < DS_PEER_RECENT; i++) {
		if (field == peer->sent[i].transmit || field == peer->sent[i].receive)
			return true;
	}
	return false;
}

/* The fields by which the other side will name our packet must tell it from our others. */
static ds_ntp64 unique(const struct ds_peer *peer, ds_ntp64 field, ds_ntp64 other)
{
	while (field == 0 || field == other || is_taken(peer, field))
		field++;
	return field;
}

/* S13: the restart pair counts only where no valid packet came since we sent; here, for long. */
static bool begins_anew(const struct ds_peer *peer)
{
	if (peer->restart_transmit == 0)
		return false;
	return peer->heard_transmit == 0 || (peer->since >= DS_PEER_LONG && peer->number % 2 == 0);
}

/* Origin and receive field of a basic packet, from the pair that it names. */
static void name_basic(const struct ds_peer *peer, const struct ds_peer_sending *s,
		       struct ds_packet *packet)
{
	ds_ntp64 transmit = peer->anew ? peer->restart_transmit : peer->heard_transmit;
	int64_t raw_ns = peer->anew ? peer->restart_raw_ns : peer->heard_raw_ns;

	if (transmit == 0) /* nobody was heard yet */
		return;
	packet->origin = transmit;
	/* Each packet that names the same one has another: none of theirs that we have forgotten
	 * may seem to be one of the last. */
	packet->receive =
		unique(peer, ds_header_field(raw_ns, &s->now, s->freq_ppb, 0) + peer->since, 0);
}

void ds_peer_send(struct ds_peer *peer, const struct ds_peer_sending *s,
		  const struct ds_server_state *state, uint8_t out[DS_WIRE_HEADER_SIZE])
{
	struct ds_packet packet = {.version = peer->version,
				   .mode = peer->passive ? DS_MODE_PASSIVE : DS_MODE_ACTIVE,
				   .poll_log2 = s->poll_log2};
	int64_t transmit_ns = (int64_t)((uint64_t)s->now.clock_ns + (uint64_t)s->departs_ns);

	peer->anew = begins_anew(peer);
	ds_header_describe_us(state, &packet);
	name_basic(peer, s, &packet);
	packet.transmit = ds_ntp64_from_ns(transmit_ns, s->random >> 2);
	/* Nothing was sent since the last valid packet (rule 2), and it named our latest. */
	if (is_answered(peer) && ds_is_drivestamp(&peer->t1) &&
	    ds_interleave_peer_sends(&peer->interleave, &packet))
		packet.transmit =
			ds_header_field(peer->t1.raw_ns, &s->now, s->freq_ppb, s->random >> 2);
	packet.transmit = unique(peer, packet.transmit, packet.receive);

	peer->sent[peer->number % DS_PEER_RECENT] =
		(struct ds_peer_sent){.transmit = packet.transmit, .receive = packet.receive};
	peer->number++;
	peer->t1 = s->now;
	peer->t1.source = DS_STAMP_DAEMON;
	peer->tx_id = s->tx_id;
	peer->armed = true;
	if (peer->since < UINT8_MAX)
		peer->since++;
	ds_wire_write(&packet, out);
}

enum ds_reason ds_peer_tx_stamp(struct ds_peer *peer, uint32_t tx_id, const struct ds_tx_stamp *tx)
{
	/* No answer comes before its packet has left (exchange.md S9). */
	if (tx_id == peer->tx_id && is_answered(peer) && tx->raw_ns > peer->heard_raw_ns)
		return DS_R_STAMP_IMPLAUSIBLE;
	return ds_tx_stamp_take(&peer->t1, peer->tx_id, tx_id, tx);
}

/* ---- in ---- */

/* Which of our recent packets does this origin name? */
static bool is_ours(const struct ds_peer *peer, ds_ntp64 origin, struct verdict *v)
{
	uint32_t count = peer->number < DS_PEER_RECENT ? peer->number : DS_PEER_RECENT;

	for (uint32_t back = 1; back <= count; back++) {
		const struct ds_peer_sent *sent =
			&peer->sent[(peer->number - back) % DS_PEER_RECENT];

		v->named = peer->number - back;
		v->interleaved = ds_interleave_peer_owns(sent->receive, origin);
		if (v->interleaved || origin == sent->transmit)
			return true;
	}
	return false;
}

/* Newer than the last valid packet: names a later one of ours, or the same and was sent later. */
static bool is_newer(const struct ds_peer *peer, const struct ds_packet *packet, uint32_t named)
{
	if (peer->heard_transmit == 0 || (int32_t)(named - peer->heard_named) > 0)
		return true;
	return named == peer->heard_named && (int64_t)(packet->transmit - peer->heard_transmit) > 0;
}

/* All that makes a packet valid; reads only. DS_R_ORIGIN: it may be a restart pair. */
static enum ds_reason judge(const struct ds_peer *peer, const struct ds_frame *frame,
			    enum ds_auth auth, struct verdict *v)
{
	const struct ds_packet *packet = &frame->packet;

	if (packet->mode != DS_MODE_ACTIVE && (packet->mode != DS_MODE_PASSIVE || peer->passive))
		return DS_R_MODE;
	if (!ds_auth_accepts(peer->keyed, frame, auth))
		return DS_R_AUTH;
	if (packet->transmit == 0)
		return DS_R_ZERO_STAMP;
	if (is_taken(peer, packet->transmit)) /* one of ours came back, perhaps with a good MAC */
		return DS_R_PEER_STALE;
	if (!is_ours(peer, packet->origin, v))
		return DS_R_ORIGIN;
	if (packet->receive == 0)
		return DS_R_ZERO_STAMP;
	return is_newer(peer, packet, v->named) ? DS_R_OK : DS_R_PEER_STALE;
}

/* The exchange that a valid packet completes, if it is the first since we sent and names our
 * latest. An interleaved one tells when the packet before it left: that must be the one which
 * we heard last, so it may not name one of ours that began anew. */
static enum ds_reason make_exchange(const struct ds_peer *peer, const struct ds_packet *packet,
				    const struct verdict *v, const struct ds_rx_stamp *t4,
				    double freq_ppb, struct ds_exchange *exchange)
{
	enum ds_reason reason = ds_header_check(peer->version, packet);
	struct ds_remote remote;

	if (!peer->armed || v->named != peer->number - 1 || (v->interleaved && peer->anew))
		return DS_R_PEER_AGAIN;
	if (reason != DS_R_OK)
		return reason;
	ds_header_describe_remote(packet, t4->clock_ns, &remote);
	if (v->interleaved)
		return ds_interleave_exchange(&peer->interleave, packet, &peer->t1, &remote,
					      freq_ppb, DS_HOLD_MAX_NS, exchange);
	return ds_exchange_make_held(exchange, DS_EXCHANGE_BASIC, &peer->t1,
				     ds_ns_from_ntp64(packet->receive, t4->clock_ns),
				     ds_ns_from_ntp64(packet->transmit, t4->clock_ns), t4, &remote,
				     freq_ppb, DS_HOLD_MAX_NS);
}

/* A valid packet: what the next ones build upon. */
static void keep(struct ds_peer *peer, const struct ds_packet *packet, const struct verdict *v,
		 const struct ds_rx_stamp *t4)
{
	struct ds_tx_stamp own = {.raw_ns = t4->raw_ns};

	if (v->named == peer->number - 1) {
		own = peer->t1;
		/* One of ours that left after its answer came: the stamp is wrong. */
		if (own.raw_ns > t4->raw_ns)
			own.source = peer->t1.source = DS_STAMP_NONE;
	}
	ds_interleave_accepted(&peer->interleave, packet, &own, t4);
	ds_interleave_peer_accepted(&peer->interleave, v->interleaved, peer->since);
	peer->heard_transmit = packet->transmit;
	peer->heard_raw_ns = t4->raw_ns;
	peer->heard_named = v->named;
	peer->since = 0;
	peer->armed = false;
	peer->restart_transmit = 0;
}

enum ds_reason ds_peer_receive(struct ds_peer *peer, const uint8_t *data, size_t length,
			       const struct ds_rx_stamp *t4, enum ds_auth auth, double freq_ppb,
			       struct ds_peer_outcome *outcome)
{
	struct ds_frame frame;
	struct verdict v = {0};
	enum ds_reason reason;

	memset(outcome, 0, sizeof(*outcome));
	reason = ds_wire_read(data, length, &frame);
	if (reason == DS_R_OK)
		reason = judge(peer, &frame, auth, &v);
	if (reason == DS_R_ORIGIN) { /* here the restart pair is written, and nothing else */
		peer->restart_transmit = frame.packet.transmit;
		peer->restart_raw_ns = t4->raw_ns;
		outcome->restart = true;
	}
	if (reason != DS_R_OK)
		return reason;

	/* Valid. Nothing was written to *peer so far. */
	outcome->valid = true;
	outcome->interleaved = v.interleaved;
	outcome->poll_log2 = frame.packet.poll_log2;
	reason = make_exchange(peer, &frame.packet, &v, t4, freq_ppb, &outcome->exchange);
	outcome->has_exchange = reason == DS_R_OK;
	keep(peer, &frame.packet, &v, t4);
	return reason;
}

void ds_peer_forget(struct ds_peer *peer)
{
	struct ds_peer anew = {.version = peer->version,
			       .keyed = peer->keyed,
			       .passive = peer->passive,
			       .interleave = peer->interleave};

	ds_interleave_forget(&anew.interleave);
	*peer = anew;
}
