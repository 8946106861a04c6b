/*
 * Any bytes as a PTP message: what is unwrapped lies within them, wraps again to the same header
 * but for what others may write there, and any correction leaves an exchange that is possible.
 */
#include "core/exchange/ptp.h"

#include "fuzz/input.h"

static void check_message(const struct ds_ptp_message *m, const uint8_t *data, size_t size)
{
	uint8_t prefix[DS_PTP_PREFIX_MOST];
	struct ds_ptp_message again;
	uint8_t bytes[DS_PTP_PREFIX_MOST + DS_WIRE_MAX_SIZE];
	size_t length = ds_ptp_prefix(m->form);

	MUST(length > 0 && m->ntp == data + length && m->length == size - length);
	MUST(ds_ptp_wrap(m->form, data[4], 7, m->length, prefix) == length);
	MUST(prefix[2] == data[2] && prefix[3] == data[3]);	/* the message's length */
	MUST(prefix[46] == data[46] && prefix[47] == data[47]); /* the TLV's */
	if (m->length > DS_WIRE_MAX_SIZE)
		return;
	memcpy(bytes, prefix, length);
	memcpy(bytes + length, m->ntp, m->length);
	MUST(ds_ptp_unwrap(bytes, size, data[4], &again) == DS_R_OK);
	MUST(again.form == m->form && again.length == m->length && again.correction_ns == 0);
}

static void check_field(const struct ds_ptp_message *m)
{
	uint8_t field[DS_PTP_FIELD_SIZE];
	struct ds_frame frame;
	int64_t ns = -1;

	if (ds_wire_read(m->ntp, m->length, &frame) != DS_R_OK ||
	    !ds_ptp_field_read(m->form, m->ntp, &frame, &ns))
		return;
	MUST(frame.extension_length >= DS_PTP_FIELD_SIZE);
	ds_ptp_field_write(m->form, ns, field);
}

static void check_correction(int64_t request_ns, int64_t answer_ns, int64_t delay_ns)
{
	struct ds_exchange x = {.delay_ns = delay_ns < 0 ? -(delay_ns + 1) : delay_ns};
	struct ds_exchange before = x;
	enum ds_reason reason =
		ds_ptp_correct(&x, (struct ds_ptp_corrections){request_ns, answer_ns});

	MUST(x.delay_ns >= 0 && x.delay_ns <= before.delay_ns);
	/* The time moves by half the delay at most, and by 100 ppm that clocks may be fast by. */
	MUST(x.offset_ns >= -before.delay_ns / 2 - before.delay_ns / 9000 - 1);
	MUST(x.offset_ns <= before.delay_ns / 2 + before.delay_ns / 9000 + 1);
	if (reason != DS_R_OK)
		MUST(x.delay_ns == before.delay_ns && x.offset_ns == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ds_ptp_message message = {.ntp = NULL, .length = 42, .correction_ns = -42};
	enum ds_reason reason;

	reason = ds_ptp_unwrap(data, size, DS_PTP_DOMAIN, &message);
	if (reason == DS_R_OK) {
		check_message(&message, data, size);
		check_field(&message);
		check_correction(message.correction_ns, message.correction_ns, 1000000);
	} else {
		MUST(message.form == DS_PTP_NONE && message.ntp == NULL);
		MUST(message.length == 42 && message.correction_ns == -42);
	}
	if (size >= 24)
		check_correction((int64_t)ds_wire_read_ntp64(data) >> (data[8] & 63),
				 (int64_t)ds_wire_read_ntp64(data + 8) >> (data[9] & 63),
				 (int64_t)ds_wire_read_ntp64(data + 16) >> (data[10] & 63));
	return 0;
}
