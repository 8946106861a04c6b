/*
 * serve: the server's sockets: requests in, answers out, drivestamps back to their answers.
 * It must never answer whom the configuration does not allow, and never let a burst of requests
 * hold up time keeping: one batch a wake-up.
 *
 * A request with a MAC by a key that we have is answered with one by the same key. Any other MAC is
 * no reason to answer: no crypto-NAK is ever sent, since it proves nothing to who gets it.
 *
 * Others than clients live at the same port: peers, and broadcasts sent and heard. Their packets
 * go through here, and are theirs alone: see struct ds_serve_other.
 *
 * With `ptpport` there are sockets of that port beside, where every packet is in a PTP message,
 * those of our own requests and their answers, too: a card that stamps PTP alone wants that port at
 * both ends. What comes by it is answered by it, in the form in which it came.
 */
#ifndef DS_DAEMON_SERVE_H
#define DS_DAEMON_SERVE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/exchange/departure.h"
#include "core/exchange/ptp.h"
#include "core/exchange/reason.h"
#include "core/exchange/server.h"
#include "daemon/conf.h"
#include "daemon/keys.h"
#include "daemon/timekeeper.h"
#include "os/clock.h"
#include "os/socket.h"

#define DS_SERVE_SOCKETS    5	 /* IPv4, IPv6, and those below */
#define DS_SERVE_BROADCASTS 2	 /* what is sent to the subnet of a `bindaddress` */
#define DS_SERVE_PTP	    3	 /* IPv4 of `ptpport`; behind it IPv6 */
#define DS_SERVE_SENT	    1024 /* answers whose drivestamp may still come; a power of two */
#define DS_SERVE_DEPARTURES 16	 /* interfaces and families that are calibrated */
#define DS_SERVE_TOKENS	    (UINT32_C(1) << 31) /* the server's lie below; others use as many */

struct ds_cards;
struct ds_clients;
struct ds_route;

/* An answer that a drivestamp was asked for. */
struct ds_sent {
	uint32_t token;
	uint32_t slot;		 /* DS_SLOT_NONE: only to learn */
	int64_t rx_served_ns;	 /* when its request came, on the time that is served */
	int64_t read_raw_ns;	 /* of the reading that its departure counts from */
	struct ds_tx_stamp held; /* what is known of its departure: that reading, the kernel's */
	int interface;		 /* by which it left */
	uint8_t position;	 /* in its batch */
	uint8_t departure;	 /* which calibration */
	bool learns;		 /* its departure is an observation for that calibration */
	bool waiting;		 /* for the kernel's stamp */
	bool card;		 /* ... the card's */
	bool by_card;		 /* that was asked for */
};

struct ds_serve_departure {
	int interface;
	sa_family_t family;
	bool lone; /* of packets that leave alone, when their time has come */
	struct ds_departure learnt;
};

#define DS_SERVE_OTHERS 2 /* peers, broadcasts */

/* Whoever else lives at the server's sockets. Called while a batch is read: neither function may
 * send. Each is offered what those before it did not take. */
struct ds_serve_other {
	void *context;
	/* A packet of mode 1, 2 or 5, by `ptpport` (ptp_form is not 0) of mode 1, 2 or 4, not cut
	 * off; `now` was read after it came. True: it was for the other, and is done with; false:
	 * the server judges it as any request. NULL: none. */
	bool (*packet)(void *context, const struct ds_datagram *datagram,
		       const struct ds_reading *now);
	/* A transmit stamp of a packet sent by ds_serve_send(), with its token: first_token or
	 * above, and below that of the next other. */
	void (*stamp)(void *context, const struct ds_datagram *datagram);
	uint32_t first_token;
};

struct ds_serve {
	const struct ds_conf *conf;
	const struct ds_keys *keys;
	struct ds_clock *clock;
	const struct ds_timekeeper *timekeeper;
	struct ds_batch *batch;
	struct ds_counters *counters;
	/* Set by the owner after ds_serve_open(), or NULL: */
	struct ds_cards *cards;	    /* there are none */
	struct ds_route *route;	    /* whose card stamps a broadcast is not known */
	struct ds_clients *clients; /* nobody is remembered */
	struct ds_serve_other others[DS_SERVE_OTHERS];
	uint8_t other_count;
	struct ds_server server;
	struct ds_slot *slots; /* of `server`; NULL: none. Freed by ds_serve_close() */
	struct ds_socket sockets[DS_SERVE_SOCKETS];
	struct ds_serve_departure departures[DS_SERVE_DEPARTURES];
	uint8_t departure_count;
	struct ds_sent sent[DS_SERVE_SENT];
	uint32_t next_token;
	uint64_t prefix_key;
	uint16_t ptp_sequence;
	uint64_t received, answered, interleaved, stamps_asked, stamps_got;
	uint64_t authenticated; /* answers with a MAC */
	uint64_t rx_by[4];	/* of requests that were answered, by enum ds_stamp_source */
	uint64_t tx_by[4];	/* drivestamps of answers that came */
};

/* Open the sockets that the configuration asks for (none where nobody is allowed and nobody else
 * lives at the port, or the port is 0; those of `ptpport` in any case) and set the table of slots
 * up. Returns false, with the reason in the log, where a socket cannot be opened at all. */
bool ds_serve_open(struct ds_serve *serve, const struct ds_conf *conf, const struct ds_keys *keys,
		   struct ds_clock *clock, const struct ds_timekeeper *timekeeper,
		   struct ds_batch *batch, struct ds_counters *counters);
void ds_serve_close(struct ds_serve *serve);

uint32_t ds_serve_watch(const struct ds_serve *serve, struct pollfd *fds, uint32_t *who,
			uint32_t room);
void ds_serve_handle(struct ds_serve *serve, uint32_t who, short revents);

/* From now on `other` gets what is its; in rising order of first_token. At most DS_SERVE_OTHERS:
 * one more is left out. */
void ds_serve_join(struct ds_serve *serve, const struct ds_serve_other *other);
/* Send one packet of another's from the server's port to out->remote; `stamp` asks for its
 * drivestamp, token: below DS_SERVE_TOKENS. form: how it is wrapped, by `ptpport`; DS_PTP_NONE:
 * not, by `port`. False where it did not leave (no socket of the family, or the kernel refused):
 * counted, errno tells why. */
bool ds_serve_send(struct ds_serve *serve, const struct ds_outgoing *out, enum ds_ptp_form form);
/* The socket by which such packets leave; fd -1: there is none. stamping.transmit: they get
 * drivestamps. */
const struct ds_socket *ds_serve_socket(const struct ds_serve *serve, sa_family_t family,
					enum ds_ptp_form form);
/* How long such packets take from the reading of the clock to the wire: the caller teaches it.
 * interface 0: not known. Never NULL. */
struct ds_departure *ds_serve_departure(struct ds_serve *serve, int interface, sa_family_t family);

/* The clock was stepped: what was saved is of another time. */
void ds_serve_clock_stepped(struct ds_serve *serve);

#endif
