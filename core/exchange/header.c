/*
 * header: see header.h. It must never keep anything.
 */
#include "core/exchange/header.h"

#define ROOT_DISTANCE_MAX_NS INT64_C(16000000000) /* MAXDISP, RFC 5905 section 7.2 */
#define STRATUM_MAX	     15			  /* 16 says "unsynchronised" */

void ds_header_describe_us(const struct ds_server_state *state, struct ds_packet *packet)
{
	bool usable = state->leap < DS_LEAP_UNSYNCHRONISED && state->stratum >= 1 &&
		      state->stratum <= STRATUM_MAX;

	packet->leap = usable ? state->leap : DS_LEAP_UNSYNCHRONISED;
	packet->stratum = usable ? state->stratum : 0;
	/* With stratum 0 the reference identifier would be read as a kiss code. */
	packet->ref_id = usable ? state->ref_id : 0;
	packet->precision_log2 = state->precision_log2;
	packet->root_delay = ds_ntp32_from_ns(state->root_delay_ns);
	packet->root_dispersion = ds_ntp32_from_ns(state->root_dispersion_ns);
	packet->reference = state->reference_ns != 0 ? ds_ntp64_from_ns(state->reference_ns, 0) : 0;
}

enum ds_reason ds_header_check(uint8_t version, const struct ds_packet *packet)
{
	int64_t distance_ns = ds_ns_from_ntp32(packet->root_delay) / 2 +
			      ds_ns_from_ntp32(packet->root_dispersion);

	if (packet->version != version && packet->version != DS_NTP_VERSION)
		return DS_R_HEADER;
	if (packet->leap == DS_LEAP_UNSYNCHRONISED || packet->stratum == 0 ||
	    packet->stratum == STRATUM_MAX + 1)
		return DS_R_UNSYNCHRONISED;
	if (packet->stratum > STRATUM_MAX || distance_ns >= ROOT_DISTANCE_MAX_NS)
		return DS_R_HEADER;
	return DS_R_OK;
}

void ds_header_describe_remote(const struct ds_packet *packet, int64_t pivot_ns,
			       struct ds_remote *remote)
{
	remote->leap = packet->leap;
	remote->stratum = packet->stratum;
	remote->poll_log2 = packet->poll_log2;
	remote->precision_log2 = packet->precision_log2;
	remote->ref_id = packet->ref_id;
	remote->root_delay_ns = ds_ns_from_ntp32(packet->root_delay);
	remote->root_dispersion_ns = ds_ns_from_ntp32(packet->root_dispersion);
	remote->reference_ns =
		packet->reference != 0 ? ds_ns_from_ntp64(packet->reference, pivot_ns) : 0;
}

bool ds_header_is_kiss(const struct ds_packet *packet)
{
	if (packet->stratum != 0)
		return false;
	for (unsigned int shift = 0; shift < 32; shift += 8) {
		uint32_t c = packet->ref_id >> shift & 0xff;

		if (c < 0x20 || c > 0x7e)
			return false;
	}
	return true;
}

ds_ntp64 ds_header_field(int64_t raw_ns, const struct ds_tx_stamp *now, double freq_ppb,
			 uint32_t fill)
{
	uint64_t raw_age_ns = (uint64_t)now->raw_ns - (uint64_t)raw_ns;
	uint64_t age_ns = raw_age_ns + (uint64_t)ds_gained_ns((int64_t)raw_age_ns, freq_ppb);
	ds_ntp64 field = ds_ntp64_from_ns((int64_t)((uint64_t)now->clock_ns - age_ns), fill);

	return field != 0 ? field : 1;
}
