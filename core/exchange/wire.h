/*
 * wire: the bytes of an NTP packet, to and from a header in host order.
 * It must never judge what a field means, read beyond the bytes it was given, or write a
 * byte that depends on the host.
 *
 * Source: RFC 5905 section 7.3 (header), RFC 7822 section 3 (extension fields before a MAC,
 * told apart by length), RFC 1305 and RFC 1059 (versions 3 to 1 share the 48 bytes).
 */
#ifndef DS_CORE_EXCHANGE_WIRE_H
#define DS_CORE_EXCHANGE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "core/exchange/reason.h"

#define DS_WIRE_HEADER_SIZE 48
#define DS_WIRE_PORT	    123
#define DS_WIRE_MAX_SIZE    1024 /* longer datagrams are dropped as DS_R_PACKET_LONG */

/* NTP timestamp: 32 bits of seconds since the era began, 32 bits of fraction (232.8 ps). */
typedef uint64_t ds_ntp64;

/* NTP short format: 16 bits of seconds, 16 of fraction (15.3 us). */
typedef uint32_t ds_ntp32;

enum ds_leap {
	DS_LEAP_NONE = 0,
	DS_LEAP_INSERT = 1,
	DS_LEAP_DELETE = 2,
	DS_LEAP_UNSYNCHRONISED = 3
};

enum ds_mode {
	DS_MODE_RESERVED = 0, /* a client of version 1 (RFC 1059) */
	DS_MODE_ACTIVE = 1,
	DS_MODE_PASSIVE = 2,
	DS_MODE_CLIENT = 3,
	DS_MODE_SERVER = 4,
	DS_MODE_BROADCAST = 5,
	DS_MODE_CONTROL = 6,
	DS_MODE_PRIVATE = 7,
};

struct ds_packet {
	uint8_t leap;	 /* 0..3 */
	uint8_t version; /* 0..7 as read; 1..4 as written */
	uint8_t mode;	 /* 0..7 */
	uint8_t stratum;
	int8_t poll_log2;
	int8_t precision_log2;
	ds_ntp32 root_delay;
	ds_ntp32 root_dispersion;
	uint32_t ref_id; /* host order: four characters read from the highest byte down */
	ds_ntp64 reference;
	ds_ntp64 origin;
	ds_ntp64 receive;
	ds_ntp64 transmit;
};

/* A datagram taken apart. The offsets count from its first byte; nothing is copied but the
 * header. */
struct ds_frame {
	struct ds_packet packet;
	uint16_t length;	   /* of the whole datagram */
	uint16_t extension_offset; /* 48 where there is any, else 0 */
	uint16_t extension_length; /* bytes of well-formed extension fields */
	uint16_t mac_offset;	   /* of the key id; 0 without a MAC */
	uint16_t mac_length;	   /* 4 (crypto-NAK) or 20, 24, ... 68: key id and digest */
	uint32_t key_id;	   /* 0 without a MAC */
};

/* Take apart `length` bytes at `data`. Returns DS_R_OK, or why the datagram is refused:
 * DS_R_PACKET_SHORT, _LONG, _VERSION (0 and 5..7), _EXTENSION (a length that is not a
 * multiple of four, is under 16, or runs past the end), _TRAILER (bytes that are neither an
 * extension field nor a MAC). *frame is written only for DS_R_OK. Packets of versions 1 to 3
 * have no extension fields: what follows their header is a MAC or nothing. In version 4 the
 * last 24 bytes or fewer are a MAC (RFC 7822), and so are 36, 52 or 68 that do not begin as an
 * extension field does (digests of 32, 48, 64 bytes, whose key identifier is below 65536). */
enum ds_reason ds_wire_read(const uint8_t *data, size_t length, struct ds_frame *frame);

/* Write the 48 bytes of *packet. Fields wider than their bits are cut. */
void ds_wire_write(const struct ds_packet *packet, uint8_t out[DS_WIRE_HEADER_SIZE]);

/* The offset of the transmit field in a packet: the cookie that names a request where a
 * looped-back frame must be recognised. */
#define DS_WIRE_TRANSMIT_OFFSET 40
ds_ntp64 ds_wire_read_ntp64(const uint8_t bytes[8]);

/* Time on the wire and in the host. The era is unfolded around a pivot: the result is the one
 * moment within 2^31 s of pivot_ns that has these 64 bits (RFC 5905 section 6). Zero is not
 * special here; the caller knows that zero means "unknown".
 * A result that 64 bits of nanoseconds cannot hold saturates.
 * ds_ntp64_from_ns gives the first 2^-32 s that is not before the nanosecond, plus `fill` (its
 * low 2 bits) of them, so that stamps of the same nanosecond differ; ds_ns_from_ntp64 rounds
 * down, so that reading back gives the same nanosecond for every fill. */
int64_t ds_ns_from_ntp64(ds_ntp64 stamp, int64_t pivot_ns);
ds_ntp64 ds_ntp64_from_ns(int64_t unix_ns, uint32_t fill);

/* Short format: to the wire rounds up, saturates at 65535.99998 s, negative becomes 0; from the
 * wire rounds down, so that there and back changes nothing. */
int64_t ds_ns_from_ntp32(ds_ntp32 value);
ds_ntp32 ds_ntp32_from_ns(int64_t ns);

#endif
