/* sha1: see sha1.h. One block of 64 bytes at a time. */
#include "os/sha1.h"

#define ROUNDS 80

static uint32_t rotate(uint32_t x, unsigned int by)
{
	return x << by | x >> (32 - by);
}

static void expand(const uint8_t block[64], uint32_t w[ROUNDS])
{
	for (size_t t = 0; t < 16; t++)
		w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
		       (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
	for (int t = 16; t < ROUNDS; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
}

/* FIPS 180-4 sections 4.1.1 and 4.2.1: function and constant of round t. */
static uint32_t mix(int t, uint32_t b, uint32_t c, uint32_t d)
{
	if (t < 20)
		return ((b & c) ^ (~b & d)) + UINT32_C(0x5a827999);
	if (t < 40)
		return (b ^ c ^ d) + UINT32_C(0x6ed9eba1);
	if (t < 60)
		return ((b & c) ^ (b & d) ^ (c & d)) + UINT32_C(0x8f1bbcdc);
	return (b ^ c ^ d) + UINT32_C(0xca62c1d6);
}

static void take_block(struct ds_sha1 *sha)
{
	uint32_t w[ROUNDS];
	uint32_t a = sha->digest[0];
	uint32_t b = sha->digest[1];
	uint32_t c = sha->digest[2];
	uint32_t d = sha->digest[3];
	uint32_t e = sha->digest[4];

	expand(sha->block, w);
	for (int t = 0; t < ROUNDS; t++) {
		uint32_t next = rotate(a, 5) + mix(t, b, c, d) + e + w[t];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	sha->digest[0] += a;
	sha->digest[1] += b;
	sha->digest[2] += c;
	sha->digest[3] += d;
	sha->digest[4] += e;
}

void ds_sha1_begin(struct ds_sha1 *sha)
{
	*sha = (struct ds_sha1){.digest = {UINT32_C(0x67452301), UINT32_C(0xefcdab89),
					   UINT32_C(0x98badcfe), UINT32_C(0x10325476),
					   UINT32_C(0xc3d2e1f0)}};
}

void ds_sha1_add(struct ds_sha1 *sha, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++) {
		sha->block[sha->length++ % sizeof(sha->block)] = bytes[i];
		if (sha->length % sizeof(sha->block) == 0)
			take_block(sha);
	}
}

void ds_sha1_end(struct ds_sha1 *sha, uint32_t digest[DS_SHA1_WORDS])
{
	uint64_t bits = sha->length * 8;
	uint8_t byte = 0x80;

	ds_sha1_add(sha, &byte, 1);
	byte = 0;
	while (sha->length % sizeof(sha->block) != 56)
		ds_sha1_add(sha, &byte, 1);
	for (int shift = 56; shift >= 0; shift -= 8) {
		byte = (uint8_t)(bits >> shift);
		ds_sha1_add(sha, &byte, 1);
	}
	for (int i = 0; i < DS_SHA1_WORDS; i++)
		digest[i] = sha->digest[i];
}
