/*
 * reason: why a packet was dropped, ignored, or answered less well than it could have been.
 * It must never be a decision: rooms decide and name their reason; this one counts and speaks.
 *
 * Each reason has a counter, a name for logs and metrics, and a sentence for people. A test
 * shows that each can be met.
 */
#ifndef DS_CORE_EXCHANGE_REASON_H
#define DS_CORE_EXCHANGE_REASON_H

#include <stdint.h>

/* X(symbol, name, sentence) */
#define DS_REASONS(X)                                                                              \
	X(OK, "ok", "accepted")                                                                    \
	/* the bytes: wire */                                                                      \
	X(PACKET_SHORT, "packet-short", "shorter than an NTP header")                              \
	X(PACKET_LONG, "packet-long", "longer than any NTP packet we take")                        \
	X(PACKET_VERSION, "packet-version", "not NTP version 1 to 4")                              \
	X(PACKET_EXTENSION, "packet-extension", "malformed extension field")                       \
	X(PACKET_TRAILER, "packet-trailer", "bytes that are neither extension field nor MAC")      \
	/* what is around them: ptp */                                                             \
	X(PTP_MESSAGE, "ptp-message", "not an NTP message in a unicast PTP event message")         \
	X(PTP_DOMAIN, "ptp-domain", "an NTP message of another PTP domain")                        \
	X(CORRECTION, "correction",                                                                \
	  "accepted, but switches cannot have held it so long: not corrected")                     \
	X(CORRECTION_HALF, "correction-half",                                                      \
	  "accepted, but switches corrected one way alone: not corrected")                         \
	/* an answer: client */                                                                    \
	X(NOT_ARMED, "not-armed", "no request is waiting for an answer")                           \
	X(MODE, "mode", "not the mode that was asked for")                                         \
	X(ORIGIN, "origin", "origin repeats neither cookie of the request (bogus)")                \
	X(ZERO_STAMP, "zero-stamp", "receive or transmit field is zero")                           \
	X(AUTH, "auth", "authentication failed")                                                   \
	X(PARKED, "parked", "kept until the request's transmit stamp arrives")                     \
	X(HEADER, "header", "accepted, but the header is not that of a usable server")             \
	X(UNSYNCHRONISED, "unsynchronised",                                                        \
	  "accepted, but the server says it is not synchronised")                                  \
	X(DELAY_NEGATIVE, "delay-negative",                                                        \
	  "accepted, but the four stamps cannot be of one exchange")                               \
	X(DELAY_MAX, "delay-max", "accepted, but the delay is over the limit")                     \
	X(PROCESSING_MAX, "processing-max", "accepted, but the server held the packet too long")   \
	X(LEAP, "leap", "accepted, but too near a leap second to measure anything")                \
	X(KOD_RATE, "kod-rate", "the server asks for fewer packets")                               \
	X(KOD_DENY, "kod-deny", "the server refuses (unauthenticated: noted, not obeyed)")         \
	X(KOD_OTHER, "kod-other", "a kiss code without meaning here")                              \
	/* a packet of a peer: peer */                                                             \
	X(PEER_STALE, "peer-stale", "no newer than the last valid packet (a replay)")              \
	X(PEER_AGAIN, "peer-again", "valid, but our latest packet gave its exchange already")      \
	/* a broadcast: broadcast */                                                               \
	X(BROADCAST_EARLY, "broadcast-early", "its sender was not measured yet")                   \
	X(BROADCAST_STALE, "broadcast-stale", "no later than the last accepted (a replay)")        \
	X(BROADCAST_DISAGREES, "broadcast-disagrees",                                              \
	  "not what exchanges with its sender say (delayed or replayed, or its clock was set)")    \
	X(BROADCAST_FOREIGN, "broadcast-foreign",                                                  \
	  "not sent to many, or by nobody who is listened to")                                     \
	X(BROADCAST_FULL, "broadcast-full", "another host broadcasts, and has no place")           \
	X(BROADCAST_FIRST, "broadcast-first",                                                      \
	  "accepted, but it tells of a packet that was not heard")                                 \
	/* a transmit stamp */                                                                     \
	X(STAMP_WRONG_ID, "stamp-wrong-id", "transmit stamp of no packet that waits for one")      \
	X(STAMP_DOUBLE, "stamp-double", "transmit stamp of a packet that has one already")         \
	X(STAMP_LATE, "stamp-late", "transmit stamp after the exchange was used")                  \
	X(STAMP_IMPLAUSIBLE, "stamp-implausible",                                                  \
	  "transmit stamp before the packet or over a second after it")                            \
	X(STAMP_MISSING, "stamp-missing", "no transmit stamp came in time")                        \
	/* a request: server */                                                                    \
	X(REQUEST_MODE, "request-mode", "not a request (a response is never answered)")            \
	X(REQUEST_DENIED, "request-denied", "client is not allowed")                               \
	X(REQUEST_AUTH, "request-auth", "request carries a MAC that cannot be checked")            \
	X(REQUEST_NO_STAMP, "request-no-stamp", "request has no receive stamp")                    \
	/* an answer is basic where it could have been interleaved */                              \
	X(SLOT_UNKNOWN, "slot-unknown", "no saved stamp under this origin")                        \
	X(SLOT_USED, "slot-used", "the saved stamp was used before")                               \
	X(SLOT_FOREIGN, "slot-foreign", "the saved stamp belongs to another address prefix")       \
	X(SLOT_NO_DRIVESTAMP, "slot-no-drivestamp", "the previous answer has no drivestamp")       \
	X(SLOT_EVICTED, "slot-evicted", "a saved stamp gave way to a newer one")                   \
	X(SLOT_QUOTA, "slot-quota", "the address prefix holds its share of saved stamps")          \
	/* the host around it: os and daemon */                                                    \
	X(WRONG_ADDRESS, "wrong-address",                                                          \
	  "from another address or port than was asked, or to another of ours")                    \
	X(WRONG_INTERFACE, "wrong-interface", "by another interface than was asked by")            \
	X(SEND_FAILED, "send-failed", "the packet could not be sent")                              \
	X(RX_STAMP_DAEMON, "rx-stamp-daemon", "no kernel receive stamp; the clock was read")       \
	X(ERROR_QUEUE_OTHER, "error-queue-other", "error queue message that is no stamp")          \
	X(CONTROL_TRUNCATED, "control-truncated", "ancillary data was cut off")                    \
	/* no stamp of the network card, where there could be one; the kernel's is used */         \
	X(CARD_TX_LOST, "card-tx-lost", "the card gave no transmit stamp in time")                 \
	X(CARD_TX_LATE, "card-tx-late", "the card's transmit stamp came after it was needed")      \
	X(CARD_TX_SKIPPED, "card-tx-skipped",                                                      \
	  "the card was not asked: it is busy with another stamp, or about to be needed")          \
	X(CARD_RX_NONE, "card-rx-none", "a received packet without the card's stamp")              \
	X(CARD_FOREIGN, "card-foreign", "stamp of a card that is not in use here")                 \
	X(CARD_CLOCK, "card-clock", "the card's clock is not known well enough")                   \
	X(CARD_IMPLAUSIBLE, "card-implausible",                                                    \
	  "the card's stamp lies where the packet cannot have been")

enum ds_reason {
#define X(symbol, name, sentence) DS_R_##symbol,
	DS_REASONS(X)
#undef X
		DS_REASON_COUNT
};

/* One counter a reason; the owner zeroes it. Wraps after 2^64 events. */
struct ds_counters {
	uint64_t by_reason[DS_REASON_COUNT];
};

static inline void ds_count(struct ds_counters *counters, enum ds_reason reason)
{
	counters->by_reason[reason]++;
}

/* Static strings; an impossible value gives "unknown". */
const char *ds_reason_name(enum ds_reason reason);
const char *ds_reason_sentence(enum ds_reason reason);

#endif
