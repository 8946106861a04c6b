/*
 * header: what a host says of its clock in the header of its packets, read and written.
 * It must never judge whether a packet is an answer: that is done before, by cookies.
 *
 * Source: RFC 5905 sections 7.3, 7.4 and appendix A.5.1.1.
 */
#ifndef DS_CORE_EXCHANGE_HEADER_H
#define DS_CORE_EXCHANGE_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/exchange/exchange.h"
#include "core/exchange/reason.h"
#include "core/exchange/stamp.h"
#include "core/exchange/wire.h"

#define DS_NTP_VERSION 4 /* the highest that we speak */

/* What our packets say of our clock; a copy of the system's state. */
struct ds_server_state {
	/* Where leap is DS_LEAP_UNSYNCHRONISED, or stratum is not 1..15, packets say leap 3,
	 * stratum 0 and reference identifier 0 (which is no kiss code). */
	uint8_t leap;
	uint8_t stratum;
	int8_t precision_log2;
	uint32_t ref_id;
	int64_t root_delay_ns;
	int64_t root_dispersion_ns; /* at the moment of this state; the caller keeps it fresh */
	int64_t reference_ns; /* ns since 1970; must not be a receive stamp (RFC 9769 section 6) */
};

/* Fill leap, stratum, reference, precision and root fields of *packet from our state. */
void ds_header_describe_us(const struct ds_server_state *state, struct ds_packet *packet);

/* Is this the header of a host that can be followed, said in our version or in 4? DS_R_OK,
 * DS_R_UNSYNCHRONISED (leap 3, stratum 0 or 16) or DS_R_HEADER (stratum above that, a root
 * distance of 16 s or more, another version). Whether an exchange may be made, no more. */
enum ds_reason ds_header_check(uint8_t version, const struct ds_packet *packet);

/* What it says, with times near pivot_ns. */
void ds_header_describe_remote(const struct ds_packet *packet, int64_t pivot_ns,
			       struct ds_remote *remote);

/* Is it a kiss-o'-death: stratum 0 and four printable characters for a reference identifier?
 * (An unsynchronised host's stratum 0 with a reference identifier of zero is none.) */
bool ds_header_is_kiss(const struct ds_packet *packet);

/* A stamp of the past as a field of a packet that leaves at `now`: carried over whatever was
 * done to the clock since, by the raw scale and the clock's present frequency correction, so
 * that the intervals between the fields of a packet are those of one clock. fill: as
 * ds_ntp64_from_ns(). Never 0, which would say "unknown". */
ds_ntp64 ds_header_field(int64_t raw_ns, const struct ds_tx_stamp *now, double freq_ppb,
			 uint32_t fill);

#endif
