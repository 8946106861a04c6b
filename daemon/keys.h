/*
 * keys: the table of symmetric keys, and packets signed and checked with it.
 * It must never say a byte of a key, believe a MAC made with another key than the one that was
 * asked for (CVE-2015-7974), or change once it is loaded.
 *
 * Source: RFC 5905 section 7.3 and appendix A; RFC 7822 section 3: a MAC in a packet of version 4
 * has at most 24 bytes, so longer digests are cut to 20, as other daemons do. The file has chrony's
 * format: `ID [TYPE] [ASCII:|HEX:]KEY` a line; '#', '%', ';' or '!' begin a comment line; TYPE
 * is MD5 where it is missing; types are those of os/mac.h.
 */
#ifndef DS_DAEMON_KEYS_H
#define DS_DAEMON_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/exchange/auth.h"
#include "core/exchange/wire.h"
#include "daemon/conf.h"
#include "os/mac.h"

#define DS_KEYS_MOST	 256   /* keys in a file; more are an error */
#define DS_KEYS_FILE	 65535 /* bytes of a file; more are an error */
#define DS_KEYS_MAC_MOST (4 + DS_MAC_MOST)
#define DS_KEYS_PACKET	 (DS_WIRE_HEADER_SIZE + DS_KEYS_MAC_MOST) /* room for a signed header */

struct ds_key {
	uint32_t id;
	int line;	    /* in its file */
	struct ds_mac *mac; /* owned */
	int64_t cost_ns;    /* of one MAC, measured at the start */
};

/* Zeroed: no keys. Sorted by id. */
struct ds_keys {
	struct ds_key list[DS_KEYS_MOST];
	uint16_t count;
};

/* Read a file into *keys (zeroed before). False if there was any error: a file that cannot be read
 * or is too long, a line that is no key, an identifier for the second time, a type that cannot be
 * had. Each is said with file and line; so are warnings: a file that all may read, a short key, a
 * broken type. libcrypto is loaded at the first key: not at all for a file without. */
bool ds_keys_load(struct ds_keys *keys, const char *path, ds_conf_say *say, void *context);
/* The same from text, which is cut up and wiped. */
bool ds_keys_parse(struct ds_keys *keys, char *text, size_t length, const char *file,
		   ds_conf_say *say, void *context);
void ds_keys_free(struct ds_keys *keys);

/* NULL: not in the table. */
const struct ds_key *ds_keys_find(const struct ds_keys *keys, uint32_t id);

/* For a directive at file:line that names the key `id`: true if there is such a key, or id is 0
 * (none named). Else the error is said. */
bool ds_keys_require(const struct ds_keys *keys, uint32_t id, const char *file, int line,
		     ds_conf_say *say, void *context);

/* Put a MAC by the key `id` behind `length` bytes of a packet, which must have room for
 * DS_KEYS_MAC_MOST more. Returns the new length; 0 if there is no such key or the library fails:
 * then the packet must not be sent. version: of the packet; it decides how long the MAC is. */
size_t ds_keys_sign(const struct ds_keys *keys, uint32_t id, uint8_t *packet, size_t length,
		    uint8_t version);
/* The same with a MAC of mac_length bytes, the identifier included: an answer's is as long as its
 * request's, so that no answer is longer than its request. */
size_t ds_keys_sign_answer(const struct ds_keys *keys, uint32_t id, uint8_t *packet, size_t length,
			   size_t mac_length);
/* How long signing will take, ns: the MAC's part in the time from reading the clock to departure.
 * 0 for a key that is not there. */
int64_t ds_keys_cost_ns(const struct ds_keys *keys, uint32_t id);

/* The verdict on a datagram that ds_wire_read() took apart into *frame. required: the key of the
 * association; 0: any of the table (a request to a server). ABSENT without a MAC. BAD: a
 * crypto-NAK, an unknown key, one that is not the required one, a digest of another length than the
 * key makes, or of other bytes. In version 4 a digest over 20 bytes may come cut to 20, or whole.
 */
enum ds_auth ds_keys_check(const struct ds_keys *keys, const uint8_t *data,
			   const struct ds_frame *frame, uint32_t required);

#endif
