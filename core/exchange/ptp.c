/*
 * ptp: offsets are of IEEE 1588 (header) and of the draft (TLV, extension field).
 * Nothing is copied: what is unwrapped stays in its datagram.
 */
#include "core/exchange/ptp.h"

#include <string.h>

/* The header of every PTP message, the origin stamp of Sync and Delay_Req (always zero here), and
 * the beginning of the TLV. */
#define VERSION_OFFSET	  1
#define LENGTH_OFFSET	  2
#define DOMAIN_OFFSET	  4
#define SDO_OFFSET	  5 /* minorSdoId; reserved in PTP 2.0 */
#define FLAGS_OFFSET	  6
#define CORRECTION_OFFSET 8
#define SEQUENCE_OFFSET	  30
#define TLV_OFFSET	  44
#define TLV_VALUE_OFFSET  48

#define TYPE_SYNC	   0x00 /* majorSdoId, in the upper half, is 0 */
#define TYPE_DELAY_REQ	   0x01
#define VERSION_2_0	   0x02
#define VERSION_2_1	   0x12
#define FLAG_UNICAST	   0x0400 /* and no other: a two-step clock corrects too late for us */
#define TLV_ORGANISATION   0x0003
#define TLV_ORGANISATION_2 0x8000 /* the same, not to be passed on: PTP 2.1 */
#define TLV_EXPERIMENTAL   0x2023

#define FIELD_STANDARD	   0x010a
#define FIELD_EXPERIMENTAL 0xf324
#define FIELD_MAGIC	   UINT32_C(0x07ac2ceb) /* begins the experimental one */

#define NS_PER_S	INT64_C(1000000000)
#define CLOCKS_FAST_PPM 100 /* transparent clocks need not run right */

/* IANA's identifier, its subtype for NTP messages, and two bytes that bring the message to a
 * multiple of four. */
static const uint8_t organisation[8] = {0x00, 0x00, 0x5e, 0x00, 0x00, 0x01, 0x00, 0x00};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned int value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

size_t ds_ptp_prefix(enum ds_ptp_form form)
{
	switch (form) {
	case DS_PTP_STANDARD:
		return DS_PTP_PREFIX_MOST;
	case DS_PTP_EXPERIMENTAL:
		return TLV_VALUE_OFFSET;
	default:
		return 0;
	}
}

/* Which form's TLV begins there? The two bytes behind the subtype are padding: not looked at. */
static enum ds_ptp_form form_of(const uint8_t *data, size_t length)
{
	unsigned int type = get16(data + TLV_OFFSET);

	if (type == TLV_EXPERIMENTAL)
		return DS_PTP_EXPERIMENTAL;
	if ((type == TLV_ORGANISATION || type == TLV_ORGANISATION_2) &&
	    length > DS_PTP_PREFIX_MOST && memcmp(data + TLV_VALUE_OFFSET, organisation, 6) == 0)
		return DS_PTP_STANDARD;
	return DS_PTP_NONE;
}

enum ds_reason ds_ptp_unwrap(const uint8_t *data, size_t length, uint8_t domain,
			     struct ds_ptp_message *message)
{
	enum ds_ptp_form form;
	size_t prefix;

	if (length <= TLV_VALUE_OFFSET || length > UINT16_MAX)
		return DS_R_PTP_MESSAGE;
	if (data[0] != TYPE_SYNC && data[0] != TYPE_DELAY_REQ)
		return DS_R_PTP_MESSAGE;
	if (data[VERSION_OFFSET] != VERSION_2_0 &&
	    (data[VERSION_OFFSET] != VERSION_2_1 || data[SDO_OFFSET] != 0))
		return DS_R_PTP_MESSAGE;
	if (get16(data + LENGTH_OFFSET) != length || get16(data + FLAGS_OFFSET) != FLAG_UNICAST ||
	    get16(data + TLV_OFFSET + 2) != length - TLV_VALUE_OFFSET)
		return DS_R_PTP_MESSAGE;
	form = form_of(data, length);
	prefix = ds_ptp_prefix(form);
	if (form == DS_PTP_NONE)
		return DS_R_PTP_MESSAGE;
	if (data[DOMAIN_OFFSET] != domain)
		return DS_R_PTP_DOMAIN;
	/* 2^-16 ns; an arithmetic shift rounds down on both sides of zero. */
	message->form = form;
	message->ntp = data + prefix;
	message->length = length - prefix;
	message->correction_ns = (int64_t)ds_wire_read_ntp64(data + CORRECTION_OFFSET) >> 16;
	return DS_R_OK;
}

size_t ds_ptp_wrap(enum ds_ptp_form form, uint8_t domain, uint16_t sequence, size_t ntp_length,
		   uint8_t out[DS_PTP_PREFIX_MOST])
{
	size_t prefix = ds_ptp_prefix(form);

	if (prefix == 0)
		return 0;
	memset(out, 0, prefix);
	out[0] = TYPE_DELAY_REQ;
	out[VERSION_OFFSET] = VERSION_2_0;
	put16(out + LENGTH_OFFSET, (unsigned int)(prefix + ntp_length));
	out[DOMAIN_OFFSET] = domain;
	put16(out + FLAGS_OFFSET, FLAG_UNICAST);
	put16(out + SEQUENCE_OFFSET, sequence);
	put16(out + TLV_OFFSET, form == DS_PTP_STANDARD ? TLV_ORGANISATION : TLV_EXPERIMENTAL);
	put16(out + TLV_OFFSET + 2, (unsigned int)(prefix - TLV_VALUE_OFFSET + ntp_length));
	if (form == DS_PTP_STANDARD)
		memcpy(out + TLV_VALUE_OFFSET, organisation, sizeof organisation);
	return prefix;
}

/* Where the correction stands in the field: 32 bits of seconds, 32 of fraction. */
static size_t value_offset(enum ds_ptp_form form)
{
	return form == DS_PTP_EXPERIMENTAL ? 8 : 4;
}

void ds_ptp_field_write(enum ds_ptp_form form, int64_t correction_ns,
			uint8_t out[DS_PTP_FIELD_SIZE])
{
	uint8_t *value = out + value_offset(form);
	uint64_t ns;

	memset(out, 0, DS_PTP_FIELD_SIZE);
	put16(out, form == DS_PTP_EXPERIMENTAL ? FIELD_EXPERIMENTAL : FIELD_STANDARD);
	put16(out + 2, DS_PTP_FIELD_SIZE);
	if (form == DS_PTP_EXPERIMENTAL)
		put32(out + 4, FIELD_MAGIC);
	if (correction_ns < 0 || correction_ns > DS_PTP_RESIDENCE_NS)
		return;
	ns = (uint64_t)correction_ns;
	put32(value, (uint32_t)(ns / (uint64_t)NS_PER_S));
	/* Rounded up, so that reading back, which rounds down, gives the same nanosecond. */
	put32(value + 4, (uint32_t)(((ns % (uint64_t)NS_PER_S << 32) + (uint64_t)NS_PER_S - 1) /
				    (uint64_t)NS_PER_S));
}

static bool is_field(enum ds_ptp_form form, const uint8_t *field, size_t length)
{
	if (length != DS_PTP_FIELD_SIZE)
		return false;
	if (form == DS_PTP_STANDARD)
		return get16(field) == FIELD_STANDARD;
	return form == DS_PTP_EXPERIMENTAL && get16(field) == FIELD_EXPERIMENTAL &&
	       get16(field + 4) == FIELD_MAGIC >> 16 && get16(field + 6) == (FIELD_MAGIC & 0xffff);
}

bool ds_ptp_field_read(enum ds_ptp_form form, const uint8_t *data, const struct ds_frame *frame,
		       int64_t *correction_ns)
{
	size_t at = frame->extension_offset;
	size_t end = at + frame->extension_length;

	while (at < end) {
		const uint8_t *field = data + at;
		size_t length = get16(field + 2); /* ds_wire_read() saw to it that it fits */
		uint64_t value;

		if (is_field(form, field, length)) {
			value = ds_wire_read_ntp64(field + value_offset(form));
			*correction_ns = (int64_t)(value >> 32) * NS_PER_S +
					 (int64_t)((value & UINT32_MAX) * (uint64_t)NS_PER_S >> 32);
			return true;
		}
		at += length;
	}
	return false;
}

static bool in_range(int64_t correction_ns)
{
	return correction_ns >= 0 && correction_ns <= DS_PTP_RESIDENCE_NS;
}

enum ds_reason ds_ptp_correct(struct ds_exchange *exchange, struct ds_ptp_corrections corrections)
{
	int64_t request_ns = corrections.request_ns;
	int64_t answer_ns = corrections.answer_ns;
	int64_t shorter_ns;

	if (!in_range(request_ns) || !in_range(answer_ns))
		return DS_R_CORRECTION;
	if (request_ns == 0 && answer_ns == 0)
		return DS_R_OK;
	if (request_ns == 0 || answer_ns == 0)
		return DS_R_CORRECTION_HALF;
	/* Clocks of switches that run fast must not make a short cable's delay negative. */
	shorter_ns = request_ns + answer_ns;
	shorter_ns -= shorter_ns / (1000000 / CLOCKS_FAST_PPM);
	if (shorter_ns > exchange->delay_ns)
		return DS_R_CORRECTION;
	exchange->delay_ns -= shorter_ns;
	exchange->unproved_ns = request_ns > answer_ns ? request_ns : answer_ns;
	/* T2 and T4 would have been so much earlier. */
	exchange->offset_ns += (answer_ns - request_ns) / 2;
	exchange->server_minus_raw_ns += (answer_ns - request_ns) / 2;
	return DS_R_OK;
}
