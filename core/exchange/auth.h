/*
 * auth: what a verdict on a packet's authentication means for those who judge packets.
 * It must never see a key: whoever holds keys (daemon/keys) gives the verdict, before the packet
 * comes here.
 *
 * Source: RFC 5905 section 7.3 and appendix A.5.1; exchange.md S2. The predicates read only.
 */
#ifndef DS_CORE_EXCHANGE_AUTH_H
#define DS_CORE_EXCHANGE_AUTH_H

#include <stdbool.h>

#include "core/exchange/wire.h"

/* Verdict of whoever checks the MAC or NTS fields of a packet. With a key identifier bound to the
 * association, a MAC made with any other key, even a right one, is DS_AUTH_BAD (CVE-2015-7974). */
enum ds_auth {
	DS_AUTH_ABSENT = 0, /* nothing to check was in the packet, or nobody has checked it */
	DS_AUTH_GOOD = 1,
	DS_AUTH_BAD = 2, /* wrong, unknown key, crypto-NAK */
};

/* May a packet of an association be believed? keyed: the association has a key; then only what
 * the key made counts. Without one a MAC cannot be checked, and a packet with one is refused.
 * A crypto-NAK (a key identifier without a digest) is never believed, whatever the verdict. */
bool ds_auth_accepts(bool keyed, const struct ds_frame *frame, enum ds_auth auth);

/* May a request be answered, from whoever it is? One without a MAC: yes; with one: only where the
 * verdict is good. */
bool ds_auth_answers(const struct ds_frame *frame, enum ds_auth auth);

#endif
