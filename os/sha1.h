/*
 * sha1: the digest that some files carry of themselves, against accidents.
 * It must never be used where somebody might want two messages of one digest: that is possible.
 *
 * Source: FIPS 180-4 sections 5.1.1, 5.3.1 and 6.1. MACs are in os/mac, by OpenSSL's libcrypto,
 * which a daemon without keys need not have.
 */
#ifndef DS_OS_SHA1_H
#define DS_OS_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define DS_SHA1_WORDS 5

struct ds_sha1 {
	uint32_t digest[DS_SHA1_WORDS];
	uint64_t length; /* bytes so far */
	uint8_t block[64];
};

void ds_sha1_begin(struct ds_sha1 *sha);
void ds_sha1_add(struct ds_sha1 *sha, const void *data, size_t length);
void ds_sha1_end(struct ds_sha1 *sha, uint32_t digest[DS_SHA1_WORDS]);

#endif
