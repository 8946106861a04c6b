/*
 * Any bytes as a packet: what is read lies within them and writes back the same; what is refused
 * leaves nothing behind. And any stamp around any pivot.
 */
#include "core/exchange/wire.h"

#include "fuzz/input.h"

static void check_frame(const struct ds_frame *f, const uint8_t *data, size_t size)
{
	uint8_t header[DS_WIRE_HEADER_SIZE];
	size_t parts = (size_t)DS_WIRE_HEADER_SIZE + f->extension_length + f->mac_length;

	MUST(f->length == size && parts == size);
	MUST(f->packet.version >= 1 && f->packet.version <= 4);
	MUST(f->extension_length == 0 || f->extension_offset == DS_WIRE_HEADER_SIZE);
	MUST(f->extension_length == 0 || f->packet.version == 4);
	MUST(f->extension_length % 4 == 0);
	MUST(f->mac_length == 0 || (size_t)f->mac_offset + f->mac_length == size);
	MUST(f->mac_length <= 68);
	ds_wire_write(&f->packet, header);
	MUST(memcmp(header, data, sizeof(header)) == 0);
}

static void check_times(const uint8_t *data)
{
	ds_ntp64 stamp = ds_wire_read_ntp64(data);
	int64_t pivot_ns = (int64_t)ds_wire_read_ntp64(data + 8);
	int64_t ns = ds_ns_from_ntp64(stamp, pivot_ns);
	ds_ntp32 brief = (ds_ntp32)stamp;

	/* Within 2^31 s of the pivot and the same bits, but for what is below a nanosecond. */
	if (ns != INT64_MAX && ns != INT64_MIN)
		MUST(ds_ns_from_ntp64(ds_ntp64_from_ns(ns, data[16]), ns) == ns);
	MUST(ds_ns_from_ntp64(ds_ntp64_from_ns(pivot_ns, data[16]), pivot_ns) == pivot_ns);
	MUST(ds_ntp32_from_ns(ds_ns_from_ntp32(brief)) == brief);
	MUST(ds_ns_from_ntp32(ds_ntp32_from_ns(pivot_ns)) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ds_frame frame;
	struct ds_frame before;
	enum ds_reason reason;

	memset(&frame, 0xa5, sizeof(frame));
	memcpy(&before, &frame, sizeof(frame));
	reason = ds_wire_read(data, size, &frame);
	if (reason == DS_R_OK)
		check_frame(&frame, data, size);
	else
		MUST(memcmp(&frame, &before, sizeof(frame)) == 0);
	MUST(size >= DS_WIRE_HEADER_SIZE || reason == DS_R_PACKET_SHORT);
	if (size >= 17)
		check_times(data);
	return 0;
}
