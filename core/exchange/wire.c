/*
 * wire: bytes to a header and back, and the formats of time on the wire.
 * It must never look further than `length` bytes, or leave a result half written.
 */
#include "core/exchange/wire.h"

#include <stdbool.h>

#define NS_PER_S INT64_C(1000000000)
/* Seconds from 1900-01-01, where NTP's first era begins, to 1970-01-01 (RFC 5905 figure 4). */
#define UNIX_IN_NTP INT64_C(2208988800)
#define LOW32	    UINT64_C(0xffffffff)

#define EXTENSION_LEAST 16 /* RFC 7822 section 3, 7.5.1.1 */
#define MAC_V4_MOST	24 /* a longer trailer begins with an extension field (7.5.1.4) */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

static void put64(uint8_t *p, uint64_t value)
{
	put32(p, (uint32_t)(value >> 32));
	put32(p + 4, (uint32_t)value);
}

ds_ntp64 ds_wire_read_ntp64(const uint8_t bytes[8])
{
	return (uint64_t)get32(bytes) << 32 | get32(bytes + 4);
}

static void read_header(const uint8_t *data, struct ds_packet *packet)
{
	packet->leap = data[0] >> 6;
	packet->version = data[0] >> 3 & 7;
	packet->mode = data[0] & 7;
	packet->stratum = data[1];
	packet->poll_log2 = (int8_t)data[2];
	packet->precision_log2 = (int8_t)data[3];
	packet->root_delay = get32(data + 4);
	packet->root_dispersion = get32(data + 8);
	packet->ref_id = get32(data + 12);
	packet->reference = ds_wire_read_ntp64(data + 16);
	packet->origin = ds_wire_read_ntp64(data + 24);
	packet->receive = ds_wire_read_ntp64(data + 32);
	packet->transmit = ds_wire_read_ntp64(data + DS_WIRE_TRANSMIT_OFFSET);
}

/* A key identifier alone is a crypto-NAK; digests have 16 (MD5, AES-CMAC), 20, 32, 48 or 64
 * bytes, and in versions that have no extension fields 28 (SHA3-224), too. */
static bool is_mac_length(uint8_t version, size_t length)
{
	switch (length) {
	case 4:
	case 20:
	case 24:
	case 36:
	case 52:
	case 68:
		return true;
	case 32:
		return version < 4;
	default:
		return false;
	}
}

/* Length of the extension field at p, of which `left` bytes are there; 0 if there is none. Field
 * type 0 is a crypto-NAK's in the registry, never an extension field's; this tells the key
 * identifier of a long MAC from a field. */
static size_t extension_at(const uint8_t *p, size_t left)
{
	size_t length = get16(p + 2);

	if (get16(p) == 0 || length < EXTENSION_LEAST || length % 4 != 0 || length > left)
		return 0;
	return length;
}

/* Sets the extension and MAC members of *frame. */
static enum ds_reason read_trailer(const uint8_t *data, size_t length, struct ds_frame *frame)
{
	size_t at = DS_WIRE_HEADER_SIZE;

	while (frame->packet.version == 4 && length - at > MAC_V4_MOST) {
		size_t field = extension_at(data + at, length - at);

		if (field == 0 && is_mac_length(frame->packet.version, length - at))
			break;
		if (field == 0)
			return DS_R_PACKET_EXTENSION;
		at += field;
	}
	if (at > DS_WIRE_HEADER_SIZE) {
		frame->extension_offset = DS_WIRE_HEADER_SIZE;
		frame->extension_length = (uint16_t)(at - DS_WIRE_HEADER_SIZE);
	}
	if (at == length)
		return DS_R_OK;
	if (!is_mac_length(frame->packet.version, length - at))
		return DS_R_PACKET_TRAILER;
	frame->mac_offset = (uint16_t)at;
	frame->mac_length = (uint16_t)(length - at);
	frame->key_id = get32(data + at);
	return DS_R_OK;
}

enum ds_reason ds_wire_read(const uint8_t *data, size_t length, struct ds_frame *frame)
{
	struct ds_frame read = {0};
	enum ds_reason reason;

	if (length < DS_WIRE_HEADER_SIZE)
		return DS_R_PACKET_SHORT;
	if (length > DS_WIRE_MAX_SIZE)
		return DS_R_PACKET_LONG;
	read_header(data, &read.packet);
	if (read.packet.version < 1 || read.packet.version > 4)
		return DS_R_PACKET_VERSION;
	read.length = (uint16_t)length;
	reason = read_trailer(data, length, &read);
	if (reason == DS_R_OK)
		*frame = read;
	return reason;
}

void ds_wire_write(const struct ds_packet *packet, uint8_t out[DS_WIRE_HEADER_SIZE])
{
	out[0] = (uint8_t)((packet->leap & 3) << 6 | (packet->version & 7) << 3 |
			   (packet->mode & 7));
	out[1] = packet->stratum;
	out[2] = (uint8_t)packet->poll_log2;
	out[3] = (uint8_t)packet->precision_log2;
	put32(out + 4, packet->root_delay);
	put32(out + 8, packet->root_dispersion);
	put32(out + 12, packet->ref_id);
	put64(out + 16, packet->reference);
	put64(out + 24, packet->origin);
	put64(out + 32, packet->receive);
	put64(out + DS_WIRE_TRANSMIT_OFFSET, packet->transmit);
}

/* Split into whole seconds, rounded down, and 0 <= *ns < 1e9. */
static int64_t floor_seconds(int64_t unix_ns, int64_t *ns)
{
	int64_t s = unix_ns / NS_PER_S;

	*ns = unix_ns % NS_PER_S;
	if (*ns < 0) {
		*ns += NS_PER_S;
		s--;
	}
	return s;
}

ds_ntp64 ds_ntp64_from_ns(int64_t unix_ns, uint32_t fill)
{
	int64_t ns;
	int64_t s = floor_seconds(unix_ns, &ns) + UNIX_IN_NTP;
	/* The first 2^-32 s that is not before this nanosecond; 4.29 of them fit in each. */
	uint64_t fraction = (((uint64_t)ns << 32) + (uint64_t)NS_PER_S - 1) / (uint64_t)NS_PER_S;

	return ((uint64_t)s << 32) + fraction + (fill & 3);
}

int64_t ds_ns_from_ntp64(ds_ntp64 stamp, int64_t pivot_ns)
{
	ds_ntp64 pivot = ds_ntp64_from_ns(pivot_ns, 0);
	int64_t ns;
	int64_t s = floor_seconds(pivot_ns, &ns);
	/* Its sign tells on which side of the pivot the stamp lies, whatever the eras. */
	uint64_t ahead = stamp - pivot;
	bool carry = (ahead & LOW32) + (pivot & LOW32) > LOW32;
	int64_t unix_ns;

	s += (int32_t)(uint32_t)(ahead >> 32);
	s += carry;
	ns = (int64_t)((stamp & LOW32) * (uint64_t)NS_PER_S >> 32);
	/* Towards zero, so that the least number of nanoseconds is reached, too. */
	if (s < 0) {
		s++;
		ns -= NS_PER_S;
	}
	/* Beyond 2262 (or before 1677) there is no such 64-bit number of nanoseconds. */
	if (__builtin_mul_overflow(s, NS_PER_S, &unix_ns) ||
	    __builtin_add_overflow(unix_ns, ns, &unix_ns))
		return s < 0 ? INT64_MIN : INT64_MAX;
	return unix_ns;
}

int64_t ds_ns_from_ntp32(ds_ntp32 value)
{
	return (int64_t)((uint64_t)value * (uint64_t)NS_PER_S >> 16);
}

ds_ntp32 ds_ntp32_from_ns(int64_t ns)
{
	uint64_t whole;
	uint64_t part;

	if (ns <= 0)
		return 0;
	whole = (uint64_t)ns / (uint64_t)NS_PER_S;
	part = (uint64_t)ns % (uint64_t)NS_PER_S;
	if (whole > UINT16_MAX)
		return UINT32_MAX;
	whole = (whole << 16) + ((part << 16) + (uint64_t)NS_PER_S - 1) / (uint64_t)NS_PER_S;
	return whole > UINT32_MAX ? UINT32_MAX : (ds_ntp32)whole;
}
