/*
 * ptp: NTP messages inside messages of the Precision Time Protocol, and what transparent clocks on
 * the way (switches that stamp) wrote into them.
 * It must never read beyond the bytes it was given, make a message longer for being wrapped than
 * its partner was, or believe a correction that the round trip has no room for.
 *
 * Source: draft-ietf-ntp-over-ptp, which became RFC 10030; IEEE 1588 for the header. Two forms are
 * in use and do not understand each other: that of the RFC (chrony 4.9) and the experimental one of
 * its first drafts (chrony 4.2 to 4.8). They differ in the TLV that holds the NTP message and in
 * the extension field that tells a client what its request met. Both are read; an answer has the
 * form of its request.
 *
 * Nothing of the PTP header is covered by a MAC: whoever can change a packet on its way can change
 * the correction. It can move the time by no more than such a host can by holding packets up, which
 * is half of the delay (ds_ptp_correct).
 */
#ifndef DS_CORE_EXCHANGE_PTP_H
#define DS_CORE_EXCHANGE_PTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/exchange/exchange.h"
#include "core/exchange/reason.h"
#include "core/exchange/wire.h"

#define DS_PTP_EVENT_PORT   319
#define DS_PTP_DOMAIN	    123
#define DS_PTP_PREFIX_MOST  56			/* bytes before the NTP message */
#define DS_PTP_FIELD_SIZE   28			/* of the extension field with a correction */
#define DS_PTP_RESIDENCE_NS INT64_C(4000000000) /* no switch holds a packet longer */

enum ds_ptp_form {
	DS_PTP_NONE = 0, /* no PTP around it: a datagram of NTP's own port */
	DS_PTP_STANDARD = 1,
	DS_PTP_EXPERIMENTAL = 2,
};

struct ds_ptp_message {
	enum ds_ptp_form form;
	const uint8_t *ntp; /* within the datagram */
	size_t length;
	int64_t correction_ns; /* as it stands there, rounded down: negative or huge, too */
};

/* Take the NTP message out of `length` bytes at `data`. Returns DS_R_OK; DS_R_PTP_MESSAGE where it
 * is no unicast Sync or Delay_Req of PTP 2.0 or 2.1 whose only TLV holds an NTP message and whose
 * lengths fit the datagram; DS_R_PTP_DOMAIN where all but the domain is right. *message is written
 * only for DS_R_OK. Whether those bytes are NTP, ds_wire_read() says. */
enum ds_reason ds_ptp_unwrap(const uint8_t *data, size_t length, uint8_t domain,
			     struct ds_ptp_message *message);

/* Bytes before the NTP message in that form; 0 for DS_PTP_NONE. */
size_t ds_ptp_prefix(enum ds_ptp_form form);
/* Write them for a message of ntp_length bytes (at most DS_WIRE_MAX_SIZE): a Delay_Req of PTP 2.0,
 * which every card that stamps PTP knows. Returns ds_ptp_prefix(form). */
size_t ds_ptp_wrap(enum ds_ptp_form form, uint8_t domain, uint16_t sequence, size_t ntp_length,
		   uint8_t out[DS_PTP_PREFIX_MOST]);

/* The extension field by which a client asks what transparent clocks added to its request, and a
 * server answers (Network Correction). Write one of the form's type; correction_ns: 0 in a request,
 * and where nothing is known; out of 0..DS_PTP_RESIDENCE_NS becomes 0. */
void ds_ptp_field_write(enum ds_ptp_form form, int64_t correction_ns,
			uint8_t out[DS_PTP_FIELD_SIZE]);
/* Is there such a field, of this form's type, in a packet taken apart by ds_wire_read()? The first
 * counts. *correction_ns: as above; what is out of range is given as it stands, saturated. */
bool ds_ptp_field_read(enum ds_ptp_form form, const uint8_t *data, const struct ds_frame *frame,
		       int64_t *correction_ns);

/* What transparent clocks held a request and its answer for; 0: not known. */
struct ds_ptp_corrections {
	int64_t request_ns; /* between T1 and T2 of an exchange */
	int64_t answer_ns;  /* between T3 and T4 */
};

/* Take them out of an exchange: its offset, its delay and what follows from both; its stamps stay
 * what they were. All or nothing: with one way corrected alone, the other's queue would be taken
 * for an asymmetry. Returns DS_R_OK (also where neither is known, and nothing changed);
 * DS_R_CORRECTION_HALF where one is not known; DS_R_CORRECTION where one is negative or beyond
 * DS_PTP_RESIDENCE_NS, or both together are more than the delay, with 100 ppm allowed for the
 * clocks of the switches. Then nothing has changed. The bound must hold
 * whoever wrote the corrections: the truth lies within half of the measured delay of the measured
 * offset, which is half of what is left and exchange->unproved_ns, the larger correction, of the
 * corrected one. */
enum ds_reason ds_ptp_correct(struct ds_exchange *exchange, struct ds_ptp_corrections corrections);

#endif
