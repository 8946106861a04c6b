/*
 * client: judges answers in one order of tests, and only then writes.
 * It must never write to *client above the line in ds_client_receive() that says so.
 */
#include "core/exchange/client.h"

#include <string.h>

#include "core/exchange/header.h"

/* Precision of a minimised request (draft-ietf-ntp-data-minimization section 4). */
#define PRECISION_MINIMISED 0x20

#define KISS(a, b, c, d)                                                                           \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* DESIGN: "An association is at most 256 bytes besides its samples." */
_Static_assert(sizeof(struct ds_client) <= 224, "association over its size");

void ds_client_init(struct ds_client *client, uint8_t version, bool interleaved, bool keyed)
{
	memset(client, 0, sizeof(*client));
	client->version = version >= 1 && version <= DS_NTP_VERSION ? version : DS_NTP_VERSION;
	client->keyed = keyed;
	ds_interleave_init(&client->interleave, interleaved && client->version == DS_NTP_VERSION);
}

void ds_client_request(struct ds_client *client, const struct ds_tx_stamp *t1, uint32_t tx_id,
		       bool expect_drivestamp, const uint64_t random[2],
		       uint8_t out[DS_WIRE_HEADER_SIZE])
{
	struct ds_packet request = {.version = client->version,
				    .mode = DS_MODE_CLIENT,
				    .precision_log2 = PRECISION_MINIMISED,
				    .transmit = random[0] != 0 ? random[0] : 1};

	ds_client_disarm(client);
	ds_interleave_request(&client->interleave, random[1], &request);
	client->cookie_tx = request.transmit;
	client->t1 = *t1;
	client->t1.source = DS_STAMP_DAEMON;
	client->tx_id = tx_id;
	client->awaits_stamp = expect_drivestamp;
	client->armed = true;
	ds_wire_write(&request, out);
}

void ds_client_departs(struct ds_client *client, const struct ds_tx_stamp *t1)
{
	if (!client->armed || ds_is_drivestamp(&client->t1))
		return;
	client->t1 = *t1;
	client->t1.source = DS_STAMP_DAEMON;
}

static enum ds_reason make_exchange(const struct ds_client *client, const struct ds_packet *answer,
				    const struct ds_rx_stamp *t4, bool interleaved, double freq_ppb,
				    struct ds_exchange *exchange)
{
	enum ds_reason reason = ds_header_check(client->version, answer);
	struct ds_remote remote;

	if (reason != DS_R_OK)
		return reason;
	ds_header_describe_remote(answer, t4->clock_ns, &remote);
	if (interleaved)
		return ds_interleave_exchange(&client->interleave, answer, &client->t1, &remote,
					      freq_ppb, DS_PROCESSING_MAX_NS, exchange);
	return ds_exchange_make(exchange, DS_EXCHANGE_BASIC, &client->t1,
				ds_ns_from_ntp64(answer->receive, t4->clock_ns),
				ds_ns_from_ntp64(answer->transmit, t4->clock_ns), t4, &remote,
				freq_ppb);
}

/* An accepted answer and the best T1 there will be: close the request. */
static enum ds_reason complete(struct ds_client *client, const struct ds_packet *answer,
			       const struct ds_rx_stamp *t4, bool interleaved, double freq_ppb,
			       struct ds_client_outcome *outcome)
{
	enum ds_reason reason =
		make_exchange(client, answer, t4, interleaved, freq_ppb, &outcome->exchange);

	outcome->answered = true;
	outcome->has_exchange = reason == DS_R_OK;
	ds_interleave_accepted(&client->interleave, answer, &client->t1, t4);
	ds_client_disarm(client);
	return reason;
}

static enum ds_reason complete_parked(struct ds_client *client, double freq_ppb,
				      struct ds_client_outcome *outcome)
{
	struct ds_packet answer = client->parked_packet;
	struct ds_rx_stamp t4 = client->parked_t4;

	return complete(client, &answer, &t4, client->parked_interleaved, freq_ppb, outcome);
}

static void park(struct ds_client *client, const struct ds_packet *answer,
		 const struct ds_rx_stamp *t4, bool interleaved)
{
	client->armed = false;
	client->parked = true;
	client->parked_interleaved = interleaved;
	client->parked_packet = *answer;
	client->parked_t4 = *t4;
}

enum ds_reason ds_client_tx_stamp(struct ds_client *client, uint32_t tx_id,
				  const struct ds_tx_stamp *tx, double freq_ppb,
				  struct ds_client_outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	if (client->t1.source == DS_STAMP_NONE || tx_id != client->tx_id)
		return DS_R_STAMP_WRONG_ID;
	if (ds_is_drivestamp(&client->t1) && tx->source <= client->t1.source)
		return DS_R_STAMP_DOUBLE;
	if (!client->armed && !client->parked)
		return DS_R_STAMP_LATE;
	if (!ds_tx_stamp_improves(&client->t1, tx))
		return DS_R_STAMP_IMPLAUSIBLE;
	/* No answer comes before its request has left (exchange.md S9). */
	if (client->parked && tx->raw_ns > client->parked_t4.raw_ns)
		return DS_R_STAMP_IMPLAUSIBLE;
	client->t1 = *tx;
	client->awaits_stamp = false;
	if (client->parked)
		(void)complete_parked(client, freq_ppb, outcome);
	return DS_R_OK;
}

/* A kiss-o'-death whose origin and authentication were found right. */
static enum ds_reason receive_kiss(struct ds_client *client, uint32_t code,
				   struct ds_client_outcome *outcome)
{
	outcome->kiss_code = code;
	if (code == KISS('D', 'E', 'N', 'Y') || code == KISS('R', 'S', 'T', 'R')) {
		outcome->refused = true;
		/* Whoever sees our requests could silence us with one packet (CVE-2015-7704):
		 * without authentication the true answer is still waited for. */
		if (!client->keyed)
			return DS_R_KOD_DENY;
		outcome->answered = true;
		ds_client_disarm(client);
		return DS_R_KOD_DENY;
	}
	outcome->answered = true;
	ds_client_disarm(client);
	if (code != KISS('R', 'A', 'T', 'E'))
		return DS_R_KOD_OTHER;
	outcome->slow_down = true;
	return DS_R_KOD_RATE;
}

/* All that makes a datagram the answer (exchange.md 4, Accept); reads only. */
static enum ds_reason judge(const struct ds_client *client, const struct ds_frame *frame,
			    enum ds_auth auth, bool *interleaved)
{
	const struct ds_packet *answer = &frame->packet;

	if (!client->armed)
		return DS_R_NOT_ARMED;
	if (answer->mode != DS_MODE_SERVER)
		return DS_R_MODE;
	*interleaved = ds_interleave_owns(&client->interleave, answer->origin);
	if (!*interleaved && answer->origin != client->cookie_tx)
		return DS_R_ORIGIN;
	if (!ds_auth_accepts(client->keyed, frame, auth)) /* exchange.md S2 */
		return DS_R_AUTH;
	if (ds_header_is_kiss(answer)) /* never interleaved; its stamps mean nothing */
		return *interleaved ? DS_R_ORIGIN : DS_R_OK;
	if (answer->receive == 0 || answer->transmit == 0)
		return DS_R_ZERO_STAMP;
	return DS_R_OK;
}

enum ds_reason ds_client_receive(struct ds_client *client, const uint8_t *data, size_t length,
				 const struct ds_rx_stamp *t4, enum ds_auth auth, double freq_ppb,
				 struct ds_client_outcome *outcome)
{
	struct ds_frame frame;
	enum ds_reason reason;
	bool interleaved = false;

	memset(outcome, 0, sizeof(*outcome));
	reason = ds_wire_read(data, length, &frame);
	if (reason == DS_R_OK)
		reason = judge(client, &frame, auth, &interleaved);
	if (reason != DS_R_OK)
		return reason;

	/* Accepted. Nothing was written to *client so far. */
	if (ds_header_is_kiss(&frame.packet))
		return receive_kiss(client, frame.packet.ref_id, outcome);
	if (client->awaits_stamp) {
		park(client, &frame.packet, t4, interleaved);
		return DS_R_PARKED;
	}
	return complete(client, &frame.packet, t4, interleaved, freq_ppb, outcome);
}

enum ds_reason ds_client_deadline(struct ds_client *client, double freq_ppb,
				  struct ds_client_outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	if (!client->parked)
		return DS_R_NOT_ARMED;
	return complete_parked(client, freq_ppb, outcome);
}

void ds_client_disarm(struct ds_client *client)
{
	client->cookie_tx = 0;
	client->armed = false;
	client->awaits_stamp = false;
	client->parked = false;
}

void ds_client_forget(struct ds_client *client)
{
	ds_client_disarm(client);
	ds_interleave_forget(&client->interleave);
}

ds_ntp64 ds_client_cookie(const struct ds_client *client)
{
	return client->cookie_tx;
}
