/*
 * mac: message authentication codes with symmetric keys, by OpenSSL's libcrypto.
 * It must never load that library before the first key is made, allocate or read a clock while a
 * MAC is computed, or show a byte of a key in a message.
 *
 * Source: RFC 5905 section 7.3 and appendix A.2 for digests: MAC = H(key || message); RFC 8573 for
 * AES-CMAC (RFC 4493). Names of types are those of chrony's key files. The library is opened by
 * name (libcrypto.so.3) with dlopen(): who has no keys does not need it (doc/decisions/0007).
 *
 * Every key has a context of its own, made by ds_mac_new(). Computing begins the same context anew,
 * without naming its algorithm or key again, and allocates nothing. OpenSSL 3.0 does allocate for
 * every message in EVP_DigestInit_ex(), in EVP_MD_CTX_copy_ex() (which would save hashing the key),
 * and where a CMAC's key is named; so the default provider's digests are called by the functions
 * that it publishes (provider-digest(7)). test/unit/test_mac.c counts the allocations. One thread
 * only.
 */
#ifndef DS_OS_MAC_H
#define DS_OS_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/socket.h"

#define DS_MAC_MOST	64  /* bytes of the longest digest */
#define DS_MAC_KEY_MOST 512 /* bytes of the longest key */

struct ds_mac_type {
	const char *name;   /* "SHA1", "AES128", ... */
	const char *digest; /* libcrypto's name of it; NULL: a CMAC */
	const char *cipher; /* of a CMAC */
	uint8_t key_length; /* bytes the key must have; 0: any number */
	uint8_t length;	    /* bytes of the digest */
	bool broken;	    /* collisions are known; not to be chosen any more */
};

struct ds_mac; /* a key and its context */

/* The type of that name, without regard to case. NULL with a sentence in why: unknown, or known and
 * not supported (TIGER, WHIRLPOOL). Nothing is loaded. */
const struct ds_mac_type *ds_mac_type_find(const char *name, char why[DS_WHY]);

/* A key of `length` bytes, 1..DS_MAC_KEY_MOST; they are copied. NULL with a sentence in why: wrong
 * length, the library cannot be loaded or has no such algorithm, no memory. */
struct ds_mac *ds_mac_new(const struct ds_mac_type *type, const uint8_t *key, size_t length,
			  char why[DS_WHY]);
/* Wipes the key. NULL is nothing. */
void ds_mac_free(struct ds_mac *mac);

const struct ds_mac_type *ds_mac_type(const struct ds_mac *mac);

/* The MAC of `length` bytes at data: ds_mac_type()->length bytes at out, which must not overlap
 * data. False, and out is not to be used, if the library fails. */
bool ds_mac_make(struct ds_mac *mac, const uint8_t *data, size_t length, uint8_t out[DS_MAC_MOST]);

/* Are n bytes the same? Takes as long wherever they differ. */
bool ds_mac_equal(const uint8_t *a, const uint8_t *b, size_t n);

/* How long ds_mac_make() of a packet of 48 bytes takes here: the median of some, ns. For the start:
 * it takes a fraction of a millisecond. */
int64_t ds_mac_measure_ns(struct ds_mac *mac);

#endif
