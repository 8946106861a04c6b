/*
 * stamps_card: does the card behind an interface stamp packets, does it do so now, and if so, when
 * did a packet leave by its clock? It must never change what a card does (whoever set it up relies
 * on it), and never take a stamp for that of another packet.
 *
 * Source: the kernel's Documentation/networking/timestamping.rst, sections 1.3, 2.1 and 3.
 */
#ifndef DS_LAB_STAMPS_CARD_H
#define DS_LAB_STAMPS_CARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "os/phc.h"
#include "os/socket.h"

struct ds_stamps_card {
	bool can; /* it can stamp what it sends */
	bool on;  /* it stamps what it sends now (SIOCGHWTSTAMP) */
	int phc;  /* number of its clock, /dev/ptpN; -1: none */
	char words[160];
};

/* Ask the kernel about an interface of this namespace; one that it cannot tell of has no card that
 * stamps. */
void ds_stamps_card_ask(struct ds_stamps_card *card, const char *interface);

#define DS_STAMPS_CARD_IDS 256 /* packets whose card stamp is awaited; the oldest gives way */

struct ds_stamps_card_reader {
	struct ds_phc phc;
	struct ds_refsample clocks; /* the last reading of both clocks */
	uint32_t id[DS_STAMPS_CARD_IDS], number[DS_STAMPS_CARD_IDS];
	bool awaited[DS_STAMPS_CARD_IDS];
};

/* Ask for the card's stamps on a client's socket that has been opened, beside the kernel's. 0 or a
 * negative errno with a sentence. */
int ds_stamps_card_begin(struct ds_stamps_card_reader *reader, struct ds_socket *socket,
			 const char *interface, char why[DS_WHY]);
/* The packet that was just sent has this number. */
void ds_stamps_card_sent(struct ds_stamps_card_reader *reader, const struct ds_socket *socket,
			 uint32_t number);
/* Read both clocks; call it close to the packets. */
void ds_stamps_card_look(struct ds_stamps_card_reader *reader);

/* One stamp. */
struct ds_stamps_card_stamp {
	uint32_t number; /* of its packet */
	int64_t real_ns; /* on CLOCK_REALTIME; 0: the clocks could not be read */
	bool by_card;	 /* else by the kernel */
};
/* Read one message of the socket's error queue; false where there is none. *is_stamp: it was a
 * stamp of a packet that waits for one. */
bool ds_stamps_card_read(struct ds_stamps_card_reader *reader, struct ds_socket *socket,
			 struct ds_stamps_card_stamp *stamp, bool *is_stamp);
/* The same of a message that was read. */
bool ds_stamps_card_take(struct ds_stamps_card_reader *reader, struct ds_socket *socket,
			 struct msghdr *message, struct ds_stamps_card_stamp *stamp);

#endif
